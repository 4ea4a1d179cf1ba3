/*
 * Quantizes a file for tests that read the result elsewhere:
 * quantize_file IN OUT DATA COUNT [NAME=VALUE | SELECTOR@NAME=VALUE | -SELECTOR]...
 * DATA holds COUNT samples of float32, each of all inputs one behind the other; "-" with a COUNT: numbers made up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/optimize.h"

typedef struct data {
  const float *values;
  size_t count, next;
} data;

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  const data *d = user;
  size_t each = 0;
  (void)err;
  for (int32_t i = 0; i < ln_session_input_count(session); ++i)
    each += ln_tensor_elements(ln_session_input(session, i));
  size_t at = each * (size_t)index;
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    ln_tensor *input = ln_session_input(session, i);
    for (size_t j = 0; j < ln_tensor_elements(input); ++j, ++at) {
      const uint32_t mixed = (uint32_t)at * 2654435761u;
      ln_tensor_set_f32(input, j,
                        d->values == NULL ? (float)(mixed >> 8) / (1 << 23) - 1
                        : at < d->count   ? d->values[at]
                                          : 0);
    }
  }
  return LN_OK;
}

static int fail(const char *what, const ln_error *err) {
  fprintf(stderr, "%s: %s\n", what, err->message);
  return 1;
}

static float *read_file(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *count = (size_t)ftell(file) / sizeof(float);
  rewind(file);
  float *values = malloc(*count * sizeof(float) + 1);
  if (values == NULL || fread(values, sizeof(float), *count, file) != *count) exit(2);
  fclose(file);
  return values;
}

static ln_status set(ln_recipe *recipe, char *text, ln_error *err) {
  if (text[0] == '-') return ln_recipe_exclude(recipe, text + 1, err);
  char *at = strchr(text, '@'), *equals = strchr(text, '=');
  *equals = '\0';
  if (at == NULL) return ln_recipe_set(recipe, text, equals + 1, err);
  *at = '\0';
  return ln_recipe_set_for(recipe, text, at + 1, equals + 1, err);
}

static void print(const ln_optimize_report *report) {
  for (int32_t i = 0; i < ln_optimize_report_notes(report); ++i) {
    printf("note: %s\n", ln_optimize_report_note(report, i));
  }
  for (int32_t i = 0; i < ln_optimize_report_layers(report); ++i) {
    ln_report_layer row = {.size = sizeof row};
    ln_optimize_report_layer(report, i, &row);
    printf("layer: %d %s %s: %s, %lld -> %lld, zeros %.3f, error %.4f, snr %.1f\n", row.index, row.operator_name,
           row.name, row.what, (long long)row.bytes_before, (long long)row.bytes_after, row.sparsity, row.weight_error,
           row.snr_db);
  }
  for (int32_t i = 0; i < ln_optimize_report_points(report); ++i) {
    ln_report_point point = {.size = sizeof point};
    ln_optimize_report_point(report, i, &point);
    printf("point: %s %lld bytes, %.3f ms, error %g, snr %.1f dB\n", point.stage, (long long)point.bytes,
           point.latency_ms, point.max_error, point.snr_db);
  }
}

int main(int argc, char **argv) {
  ln_error err = {0};
  ln_model *model = NULL, *out = NULL;
  ln_recipe *recipe = NULL;
  ln_optimize_report *report = NULL;
  data d = {0};
  if (argc < 5) return 2;
  if (strcmp(argv[3], "-") != 0) d.values = read_file(argv[3], &d.count);
  const ln_samples samples = {sizeof samples, atoll(argv[4]), fill, &d};
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  if (ln_model_open(argv[1], &err, &model) != LN_OK) return fail(argv[1], &err);
  if (ln_recipe_create(&err, &recipe) != LN_OK || ln_recipe_add(recipe, "quantize", &err) != LN_OK)
    return fail("recipe", &err);
  for (int i = 5; i < argc; ++i) {
    if (set(recipe, argv[i], &err) != LN_OK) return fail(argv[i], &err);
  }
  const ln_status status = ln_optimize(model, recipe, &options, &err, &out, &report);
  if (report != NULL) print(report);
  if (status != LN_OK) return fail(argv[1], &err);
  if (ln_model_save(out, argv[2], &err) != LN_OK) return fail(argv[2], &err);
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(out);
  ln_model_destroy(model);
  free((void *)(uintptr_t)d.values);
  return 0;
}
