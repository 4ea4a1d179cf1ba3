/*
 * A recipe and a .tflite file that it is run on: HEAD bytes choose techniques, parameters and what is measured, the
 * rest is the model. What comes out is a model that is read, prepared and run again, and debugged against the first.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"
#include "support/build_model.h"

enum { HEAD = 16, SAMPLES = 3, MOST_STAGES = 3, MOST_SETTINGS = 3 };

/* ---- recipes ---- */

/* Choice `pick` of several with | between them. */
static void take_choice(const char *choices, uint32_t pick, char *out, size_t size) {
  uint32_t count = 1;
  for (const char *at = choices; *at != '\0'; ++at) count += *at == '|';
  const char *from = choices;
  for (pick %= count; pick > 0; --pick) from = strchr(from, '|') + 1;
  const char *end = strchr(from, '|');
  snprintf(out, size, "%.*s", end == NULL ? (int)strlen(from) : (int)(end - from), from);
}

static void take_number(const ln_parameter *p, uint8_t pick, char *out, size_t size) {
  const double span = p->high - p->low, part = (double)(pick >> 2) / 63;
  /* Of wide ranges the small numbers: what is counted out of the samples is bounded by them anyway. */
  double value = pick % 4 == 0 ? p->high : p->low + part * (span > 64 && pick % 4 != 1 ? 64 : span);
  if (p->kind == LN_PARAMETER_INTEGER) value = (double)(int64_t)value;
  snprintf(out, size, "%.9g", value);
}

static void take_value(const ln_parameter *p, uint8_t pick, char *out, size_t size) {
  static const char *const texts[] = {"1x4",  "4x1",          "4x4",     "2:4",     "channel", "unstructured",
                                      "1x16", "int8,float16", "int16x8", "io=int8", "",        "9999999x9999999"};
  switch (p->kind) {
    case LN_PARAMETER_FLAG: snprintf(out, size, "%s", pick % 2 == 0 ? "true" : "false"); break;
    case LN_PARAMETER_CHOICE: take_choice(p->choices, pick, out, size); break;
    case LN_PARAMETER_TEXT: snprintf(out, size, "%s", texts[pick % LN_COUNT(texts)]); break;
    default: take_number(p, pick, out, size);
  }
}

static ln_status add_stage(fuzz_bytes *head, ln_recipe *recipe, ln_error *err) {
  ln_technique_info info = {.size = sizeof info};
  const uint8_t first = fuzz_byte(head); /* which technique, and in the high bits how many parameters */
  ln_technique_get((first & 15) % ln_technique_count(), &info);
  LN_TRY(ln_recipe_add(recipe, info.name, err));
  uint32_t count = 0;
  while (info.parameters[count].name != NULL) ++count;
  for (uint32_t i = 0; count > 0 && i < (uint32_t)(first >> 4) % (MOST_SETTINGS + 1); ++i) {
    char value[64];
    const ln_parameter *p = &info.parameters[fuzz_below(head, count)];
    take_value(p, fuzz_byte(head), value, sizeof value);
    LN_TRY(ln_recipe_set(recipe, p->name, value, err));
  }
  return LN_OK;
}

/* ---- samples ---- */

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  const uint32_t *seed = user;
  /* What a stage made may be more than what was given: a run that is long is not worth its time. */
  if (!fuzz_is_short(session)) return ln_fail(err, LN_ERR_LIMIT, "too long a run");
  fuzz_fill(session, *seed + (uint32_t)index);
  return LN_OK;
}

/* ---- running ---- */

static void debug(ln_model *floats, ln_model *quantized, const ln_samples *samples) {
  ln_error err = {LN_OK, ""};
  ln_quant_debug *found = NULL;
  ln_quant_debug_options options = LN_QUANT_DEBUG_OPTIONS_INIT;
  options.samples = samples;
  options.share_limit = 1;
  fuzz_check(ln_quant_debug_run(floats, quantized, &options, &err, &found), &err);
  ln_quant_debug_destroy(found);
}

typedef enum worth { WORTH_NOTHING, WORTH_NO_RUN, WORTH_ALL } worth;

/* Optimizing runs a model many times over: long ones are left out. What no session takes is optimized without one. */
static worth worth_of(ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  if (model_has_loop(model)) return WORTH_NOTHING;
  const ln_status status = fuzz_session(model, &err, &session);
  const worth found = status != LN_OK ? WORTH_NO_RUN : fuzz_is_short(session) ? WORTH_ALL : WORTH_NOTHING;
  ln_session_destroy(session);
  return found;
}

/* What was made is sound: where the model given runs, it does. */
static void run_made(ln_model *made, uint32_t seed) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  if (fuzz_session(made, &err, &session) == LN_OK && fuzz_is_short(session)) {
    fuzz_fill(session, seed);
    fuzz_check(ln_session_run(session, &err), &err);
  }
  ln_session_destroy(session);
}

static void optimize(ln_model *model, fuzz_bytes head, bool runs) {
  const uint8_t flags = fuzz_byte(&head);
  uint32_t seed = fuzz_byte(&head) + 1u;
  int32_t labels[SAMPLES] = {0, 1, 0};
  const ln_samples samples = {sizeof samples, SAMPLES, fill, &seed};
  const ln_labelled labelled = {sizeof labelled, &samples, labels, 1 + flags / 64};
  ln_error err = {LN_OK, ""};
  ln_recipe *recipe = NULL;
  ln_model *made = NULL;
  ln_optimize_report *report = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = flags & 1 || !runs ? NULL : &samples;
  options.evaluation = flags & 2 && runs ? &labelled : NULL;
  options.measure = (flags & 12) == 12 && runs;
  ln_status status = ln_recipe_create(&err, &recipe);
  for (uint32_t i = 0; status == LN_OK && i < 1u + (uint32_t)(flags >> 4) % MOST_STAGES; ++i) {
    status = add_stage(&head, recipe, &err);
  }
  if (status == LN_OK) status = ln_optimize(model, recipe, &options, &err, &made, &report);
  fuzz_check(status, &err);
  if (made != NULL) {
    run_made(made, seed);
    if (flags & 4 && runs) debug(model, made, &samples);
  }
  ln_optimize_report_destroy(report);
  ln_model_destroy(made);
  ln_recipe_destroy(recipe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  if (size < HEAD) return 0;
  const ln_status status = ln_model_from_memory(data + HEAD, size - HEAD, &err, &model);
  fuzz_check(status, &err);
  if (status != LN_OK) return 0;
  const worth found = worth_of(model);
  if (found != WORTH_NOTHING) optimize(model, (fuzz_bytes){data, HEAD}, found == WORTH_ALL);
  ln_model_destroy(model);
  return 0;
}

#ifdef LN_LIBFUZZER
#include "mutate_model.h"

/* A few bytes of the recipe, fields of the model's tables, or any bytes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  mutate_state = seed;
  if (size < HEAD) return LLVMFuzzerMutate(data, size, max_size);
  const uint32_t kind = mutate_random() % 8;
  if (kind < 4) {
    for (uint32_t i = 0, changes = 1 + mutate_random() % 4; i < changes; ++i) {
      data[mutate_random() % HEAD] = (uint8_t)mutate_random();
    }
    if (kind < 2) return size;
  }
  if (kind == 7) return HEAD + LLVMFuzzerMutate(data + HEAD, size - HEAD, max_size - HEAD);
  return HEAD + mutate_model(data + HEAD, size - HEAD, max_size - HEAD);
}

#endif
