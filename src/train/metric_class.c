/* Metrics of the class that a model takes a sample for. */
#include <math.h>

#include "train/trainer.h"

enum { TAKES_BOTH = 1 << LN_TARGET_CLASS | 1 << LN_TARGET_VALUES };

static const ln_parameter no_parameters[] = {{0}};

static size_t largest(const float *values, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

/* ---- accuracy ---- */

typedef struct accuracy {
  ln_metric_input input;
  int64_t right, count;
} accuracy;

static void *create_accuracy(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  (void)s, (void)list;
  accuracy *a = ln_alloc_zero(sizeof *a);
  if (a != NULL) a->input = *input;
  return a;
}

/* The class that outputs say: the largest; of a single one, whether it is more than even. */
static size_t said(const ln_metric_input *input, const float *output) {
  return input->outputs > 1 ? largest(output, input->outputs) : output[0] > (input->logits ? 0.0f : 0.5f);
}

static size_t meant(const ln_metric_input *input, const void *target) {
  if (input->target == LN_TARGET_CLASS) return (size_t) * (const int32_t *)target;
  const float *values = target;
  return input->outputs > 1 ? largest(values, input->outputs) : values[0] > 0.5f;
}

static bool add_accuracy(void *state, const float *output, const void *target) {
  accuracy *a = state;
  a->right += said(&a->input, output) == meant(&a->input, target);
  ++a->count;
  return true;
}

static double accuracy_of(const void *state) {
  const accuracy *a = state;
  return a->count > 0 ? (double)a->right / (double)a->count : (double)NAN;
}

const ln_metric_def ln_metric_accuracy = {.name = "accuracy",
                                          .what = "part of the samples taken for what they are",
                                          .parameters = no_parameters,
                                          .targets = TAKES_BOTH,
                                          .create = create_accuracy,
                                          .add = add_accuracy,
                                          .result = accuracy_of,
                                          .destroy = ln_free};
