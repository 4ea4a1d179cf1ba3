/*
 * Learning rates over time: factors by which the base rate is multiplied. Each begins with `warmup`, in which the rate
 * grows in equal steps; what a schedule is made of counts from its end. The shapes are Keras 3's where it has them.
 */
#include <math.h>
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

/* ---- what schedules are written with ---- */

#define NUMBER(name, fallback, low, high, what) \
  { name, LN_PARAMETER_NUMBER, fallback, NULL, low, high, what }
#define TEXT(name, fallback, what) \
  { name, LN_PARAMETER_TEXT, fallback, NULL, 0, 0, what }
#define WARMUP(fallback) \
  NUMBER("warmup", fallback, 0, 1e12, "steps in which the rate grows from 0 on; below 1: a share of all steps")
#define END(fallback) NUMBER("rate_end", fallback, 0, 1, "what is left of the rate at the end, as a share")
#define STEPS(fallback, what) NUMBER("rate_steps", fallback, 0, 1e12, what "; below 1: a share of all steps")
#define LAST \
  { NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL }

typedef struct moment {
  const ln_settings *s;
  const ln_parameter *list;
  double up;    /* steps of warming up */
  double step;  /* since its end */
  double steps; /* all from there on */
  double epoch_steps;
} moment;

static double number(const moment *m, const char *name) { return ln_setting_number(m->s, m->list, name); }
static double done(const moment *m) { return m->step < m->steps ? m->step / m->steps : 1; }
/* From 1 to the rate's end as `left` goes from 1 to 0. */
static double to_end(const moment *m, double left) {
  const double end = number(m, "rate_end");
  return end + (1 - end) * left;
}
static double half_wave(double x) { return 0.5 * (1 + cos(3.14159265358979323846 * x)); }

/* A number of steps, or what it is a share of. */
static double share_of(double given, double all) { return given < 1 ? ceil(given * all) : given; }

static double warmup(const ln_settings *s, const ln_parameter *list, int64_t steps) {
  return share_of(ln_setting_number(s, list, "warmup"), (double)steps);
}

static moment moment_of(const ln_settings *s, const ln_parameter *list, int64_t step, int64_t steps,
                        int64_t epoch_steps) {
  moment m = {.s = s, .list = list, .up = warmup(s, list, steps), .epoch_steps = (double)epoch_steps};
  m.step = (double)step - m.up;
  m.steps = (double)steps - m.up;
  return m;
}

/* 0: an epoch. */
static double rate_steps(const moment *m) {
  const double given = share_of(number(m, "rate_steps"), m->steps + m->up);
  return given > 0 ? given : m->epoch_steps > 0 ? m->epoch_steps : 1;
}

/* The row of a schedule that is `<stem>_after(moment)` when it is warm. */
#define SCHEDULE(stem, title, text, check)                                                                 \
  static double stem##_factor(const ln_settings *s, const ln_parameter *list, int64_t step, int64_t steps, \
                              int64_t epoch_steps) {                                                       \
    const moment m = moment_of(s, list, step, steps, epoch_steps);                                         \
    return m.step < 0 ? ((double)step + 1) / (m.up + 1) : stem##_after(&m);                                \
  }                                                                                                        \
  const ln_schedule_def ln_schedule_##stem = {title, text, stem##_parameters, stem##_factor, check};

/* ---- the schedules ---- */

static const ln_parameter constant_parameters[] = {WARMUP("0"), LAST};
static double constant_after(const moment *m) {
  (void)m;
  return 1;
}
SCHEDULE(constant, "constant", "always the same", NULL)

static const ln_parameter linear_parameters[] = {WARMUP("0"), END("0"), LAST};
static double linear_after(const moment *m) { return to_end(m, 1 - done(m)); }
SCHEDULE(linear, "linear", "falls by the same amount in each step", NULL)

static const ln_parameter polynomial_parameters[] = {
    WARMUP("0"), END("0"), NUMBER("rate_power", "2", 0, 100, "of the share of steps that are left"), LAST};
static double polynomial_after(const moment *m) { return to_end(m, pow(1 - done(m), number(m, "rate_power"))); }
SCHEDULE(polynomial, "polynomial", "falls by a power of the steps that are left", NULL)

static const ln_parameter exponential_parameters[] = {
    WARMUP("0"),
    NUMBER("rate_decay", "0.9", 0, 1, "what the rate is multiplied with in `rate_steps`"),
    STEPS("0", "steps that a decay takes; 0: an epoch"),
    {"rate_staircase", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "fall at the end of `rate_steps`, not all the time"},
    LAST};
static double exponential_after(const moment *m) {
  const double times = m->step / rate_steps(m);
  return pow(number(m, "rate_decay"), ln_setting_flag(m->s, m->list, "rate_staircase") ? floor(times) : times);
}
SCHEDULE(exponential, "exponential", "is multiplied again and again", NULL)

/* Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017. */
#define cosine_parameters linear_parameters
static double cosine_after(const moment *m) { return to_end(m, half_wave(done(m))); }
SCHEDULE(cosine, "cosine", "falls as half a wave does", NULL)

static const ln_parameter cosine_restarts_parameters[] = {
    WARMUP("0"),
    END("0"),
    STEPS("0", "steps to the first restart; 0: an epoch"),
    NUMBER("rate_longer", "2", 1, 1000, "how many times as long each wave is as the one before"),
    NUMBER("rate_lower", "1", 0, 1, "how high each wave begins, as a share of the one before"),
    LAST};
static double cosine_restarts_after(const moment *m) {
  const double longer = number(m, "rate_longer"), lower = number(m, "rate_lower");
  double length = rate_steps(m), at = m->step, height = 1;
  if (longer == 1) {
    height = pow(lower, floor(at / length));
    at = fmod(at, length);
  }
  for (; at >= length; length *= longer) {
    at -= length;
    height *= lower;
  }
  return to_end(m, height * half_wave(at / length));
}
SCHEDULE(cosine_restarts, "cosine-restarts", "falls as half a wave does, then begins again", NULL)

/* Vaswani et al., Attention Is All You Need, 2017. */
static const ln_parameter inverse_sqrt_parameters[] = {
    WARMUP("0"), STEPS("0", "steps that the root counts from; 0: those of warming up, without them an epoch"), LAST};
static double inverse_sqrt_after(const moment *m) {
  const double from = number(m, "rate_steps") <= 0 && m->up > 0 ? m->up : rate_steps(m);
  return sqrt(from / (from + m->step));
}
SCHEDULE(inverse_sqrt, "inverse-sqrt", "falls as one over the root of the steps", NULL)

/* Smith and Topin, Super-Convergence, 2018; a cosine up and a cosine down, as PyTorch's. */
static const ln_parameter one_cycle_parameters[] = {
    WARMUP("0.3"), NUMBER("rate_start", "0.04", 0, 1, "what the rate begins at, as a share"), END("0.000004"), LAST};
static double one_cycle_factor(const ln_settings *s, const ln_parameter *list, int64_t step, int64_t steps,
                               int64_t epoch_steps) {
  moment m = moment_of(s, list, step, steps, epoch_steps);
  const double top = m.up > 1 ? m.up - 1 : 0, start = number(&m, "rate_start");
  if ((double)step < top) return 1 - (1 - start) * half_wave((double)step / top);
  m.step = (double)step - top;
  m.steps = (double)steps - 1 - top;
  return to_end(&m, half_wave(done(&m)));
}
const ln_schedule_def ln_schedule_one_cycle = {"one-cycle", "rises to its highest, then falls to almost nothing",
                                               one_cycle_parameters, one_cycle_factor, NULL};

/* ---- steps of the caller's own ---- */

enum { MOST_PARTS = 64 };

static const ln_parameter step_parameters[] = {
    WARMUP("0"),
    TEXT("rate_at", "0.5,0.75", "where the rate changes, with commas between; below 1: shares of all steps"),
    TEXT("rate_by", "0.1", "what it is multiplied with there: one number for all, or one for each"), LAST};

/* Numbers with commas between them; -1: it holds something else, or too many. */
static int32_t read_list(const char *text, double numbers[MOST_PARTS]) {
  char part[32];
  int32_t count = 0;
  for (bool more = true; more; ++count) {
    const size_t length = strcspn(text, ",");
    if (length >= sizeof part || count == MOST_PARTS) return -1;
    memcpy(part, text, length);
    part[length] = '\0';
    numbers[count] = ln_number_of_text(part);
    if (!(numbers[count] >= 0)) return -1;
    more = text[length] == ',';
    text += length + more;
  }
  return count;
}

static int32_t read_steps(const ln_settings *s, const ln_parameter *list, double at[MOST_PARTS],
                          double by[MOST_PARTS]) {
  const int32_t count = read_list(ln_setting_text(s, list, "rate_at"), at);
  const int32_t factors = read_list(ln_setting_text(s, list, "rate_by"), by);
  for (int32_t i = 1; i < count && factors == 1; ++i) by[i] = by[0];
  return factors == 1 || factors == count ? count : -1;
}

static ln_status step_check(const ln_settings *s, const ln_parameter *list, ln_error *err) {
  double at[MOST_PARTS], by[MOST_PARTS];
  const char *places = ln_setting_text(s, list, "rate_at"), *factors = ln_setting_text(s, list, "rate_by");
  const char *wrong = read_list(places, at) < 0 ? places : read_list(factors, by) < 0 ? factors : NULL;
  if (wrong != NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s: \"%.60s\" is no list of numbers", wrong == places ? "rate_at" : "rate_by",
                   wrong);
  }
  if (read_steps(s, list, at, by) >= 0) return LN_OK;
  return ln_fail(err, LN_ERR_ARGUMENT, "rate_by: \"%.60s\" is neither one number nor as many as rate_at has", factors);
}

static double step_after(const moment *m) {
  double at[MOST_PARTS], by[MOST_PARTS], factor = 1;
  const int32_t count = read_steps(m->s, m->list, at, by);
  for (int32_t i = 0; i < count; ++i) {
    if (m->step + m->up >= share_of(at[i], m->steps + m->up)) factor *= by[i];
  }
  return factor;
}
SCHEDULE(step, "step", "changes at given steps", step_check)
