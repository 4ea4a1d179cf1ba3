/* Learning rates over time: factors by which the base rate is multiplied. */
#include <string.h>

#include "train/trainer.h"

#define LN_SCHEDULE(stem) extern const ln_schedule_def ln_schedule_##stem;
#include "train/schedules.def"
#undef LN_SCHEDULE

static const ln_schedule_def *const rows[] = {
#define LN_SCHEDULE(stem) &ln_schedule_##stem,
#include "train/schedules.def"
#undef LN_SCHEDULE
};

const ln_schedule_def *ln_schedule_at(int32_t index) {
  return index >= 0 && (size_t)index < LN_COUNT(rows) ? rows[index] : NULL;
}

const ln_schedule_def *ln_schedule_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  }
  return NULL;
}

#define WARMUP                                                                                           \
  {                                                                                                      \
    "warmup", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e9,                                                    \
        "steps at the beginning in which the rate grows from 0; below 1: the share of all that they are" \
  }
#define LAST \
  { NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL }

/* Steps that warming up takes. */
static double warmup(const ln_settings *s, const ln_parameter *list, int64_t steps) {
  const double given = ln_setting_number(s, list, "warmup");
  return given < 1 ? given * (double)steps : given;
}

static const ln_parameter constant_parameters[] = {WARMUP, LAST};

static double constant_factor(const ln_settings *s, const ln_parameter *list, int64_t step, int64_t steps,
                              int64_t epoch_steps) {
  (void)epoch_steps;
  const double up = warmup(s, list, steps);
  return (double)step < up ? ((double)step + 1) / (up + 1) : 1;
}

const ln_schedule_def ln_schedule_constant = {"constant", "always the same", constant_parameters, constant_factor,
                                              NULL};
