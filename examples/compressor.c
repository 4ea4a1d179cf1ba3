/*
 * A way to make weights smaller, in one file: every weight becomes -a, 0 or a of its output channel (Li et al.,
 * "Ternary Weight Networks", 2016), which a table of three numbers and two bits a weight store. cc compressor.c
 * $(pkg-config --cflags --libs linnet) -o compressor
 *   ./compressor IN.tflite OUT.tflite
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/linnet.h"

static size_t row_size(const ln_layer_weights *layer) {
  return (size_t)layer->height * (size_t)layer->width * (size_t)layer->channels;
}

/* What lies below a share of the mean magnitude becomes zero, the rest their own mean with their signs. */
static void make_ternary(const float *row, size_t count, double share, float *out) {
  double sum = 0, kept = 0;
  size_t left = 0;
  for (size_t i = 0; i < count; i++) sum += fabs(row[i]);
  const double threshold = share * sum / (double)count;
  for (size_t i = 0; i < count; i++) {
    if (fabs(row[i]) <= threshold) continue;
    kept += fabs(row[i]);
    left++;
  }
  const float level = left > 0 ? (float)(kept / (double)left) : 0;
  for (size_t i = 0; i < count; i++) out[i] = fabs(row[i]) <= threshold ? 0 : row[i] < 0 ? -level : level;
}

typedef struct ternary {
  double lost;
  float values[]; /* [rows, height, width, channels] */
} ternary;

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  const size_t size = row_size(layer);
  ternary *t = malloc(sizeof *t + (size_t)layer->rows * size * sizeof(float));
  *state = t;
  if (t == NULL) {
    snprintf(err->message, sizeof err->message, "out of memory");
    return err->status = LN_ERR_MEMORY;
  }
  for (int32_t r = 0; r < layer->rows; r++)
    make_ternary(layer->values + (size_t)r * size, size, ln_parameter_number(values, "threshold"),
                 t->values + (size_t)r * size);
  t->lost = ln_weights_loss(layer, t->values, NULL);
  *levels = 1;
  return LN_OK;
}

static ln_status cost(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                      ln_compressor_cost *out) {
  const ln_factor same = {sizeof same, layer->rows, layer->height, layer->width, layer->channels, 3, NULL};
  const ln_status status = ln_factors_cost(layer, &same, 1, err, out);
  (void)level;
  out->bytes = layer->rows * (int64_t)(3 * sizeof(float) + (row_size(layer) + 3) / 4);
  out->error = ((const ternary *)state)->lost;
  return status;
}

static ln_status rewrite(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                         ln_factor *factors, int32_t *count, float *bias) {
  (void)level, (void)err, (void)bias;
  *count = 1;
  factors[0].rows = layer->rows;
  factors[0].height = layer->height;
  factors[0].width = layer->width;
  factors[0].channels = layer->channels;
  factors[0].clusters = 3; /* later stages keep it so, and the last one stores a table */
  if (factors[0].values != NULL)
    memcpy(factors[0].values, ((const ternary *)state)->values, (size_t)layer->rows * row_size(layer) * sizeof(float));
  return LN_OK;
}

static const ln_parameter parameters[] = {
    {"threshold", LN_PARAMETER_NUMBER, "0.75", NULL, 0, 10, "weights below this share of their mean become zero"},
    {NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL}};

static const ln_compressor compressor = {sizeof(ln_compressor),
                                         "ternary",
                                         "weights of -a, 0 and a a channel",
                                         parameters,
                                         decompose,
                                         cost,
                                         rewrite,
                                         free,
                                         NULL};

static void print(const ln_optimize_report *report) {
  for (int32_t i = 0; i < ln_optimize_report_layers(report); i++) {
    ln_report_layer layer = {.size = sizeof layer};
    if (ln_optimize_report_layer(report, i, &layer) != LN_OK) continue;
    printf("%-18s %-24s %8lld > %7lld bytes  %s\n", layer.operator_name, layer.name, (long long)layer.bytes_before,
           (long long)layer.bytes_after, layer.what);
  }
}

int main(int argc, char **argv) {
  ln_error err = {LN_OK, ""};
  ln_model *in = NULL, *out = NULL;
  ln_recipe *recipe = NULL;
  ln_optimize_report *report = NULL;
  if (argc != 3) return fprintf(stderr, "usage: compressor IN OUT\n"), 2;
  if (ln_compressor_test(&compressor, 0.05, &err) != LN_OK) goto out; /* a promise kept, before a model is changed */
  if (ln_model_open(argv[1], &err, &in) != LN_OK) goto out;
  if (ln_recipe_create(&err, &recipe) != LN_OK) goto out;
  if (ln_recipe_use(recipe, &compressor, &err) != LN_OK) goto out;
  if (ln_recipe_add(recipe, "ternary", &err) != LN_OK) goto out;
  if (ln_optimize(in, recipe, NULL, &err, &out, &report) != LN_OK) goto out;
  print(report);
  if (ln_model_save(out, argv[2], &err) != LN_OK) goto out;
out:
  if (err.message[0] != '\0') fprintf(stderr, "compressor: %s: %s\n", argv[1], err.message);
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(out);
  ln_model_destroy(in);
  return err.message[0] != '\0';
}
