/* Metrics of values, and of the probability that a class gets. */
#include <math.h>

#include "train/metric.h"

static const ln_parameter none[] = {{0}};

typedef struct moments {
  double count, mean, spread; /* of targets so far, by Welford's way: the sum of squares around the mean */
  double squares;             /* of errors */
} moments;

typedef struct errors {
  ln_metric_input input;
  double absolute, squares, count; /* of all elements */
  moments *outputs;                /* [outputs] of r2; else NULL */
} errors;

static void destroy(void *state) {
  errors *e = state;
  if (e != NULL) ln_free(e->outputs);
  ln_free(e);
}

static void *create(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  (void)s, (void)list;
  errors *e = ln_alloc_zero(sizeof *e);
  if (e != NULL) e->input = *input;
  return e;
}

static void *create_moments(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  errors *e = create(s, list, input);
  if (e == NULL) return NULL;
  e->outputs = ln_alloc_array(input->outputs, sizeof *e->outputs);
  if (e->outputs != NULL) return e;
  destroy(e);
  return NULL;
}

static void add_moment(moments *m, double target, double error) {
  const double from = target - m->mean;
  m->count += 1;
  m->mean += from / m->count;
  m->spread += from * (target - m->mean);
  m->squares += error * error;
}

static bool add(void *state, const float *output, const void *target) {
  errors *e = state;
  for (size_t i = 0; i < e->input.outputs; ++i) {
    const double wanted = (double)((const float *)target)[i], error = (double)output[i] - wanted;
    e->absolute += fabs(error);
    e->squares += error * error;
    if (e->outputs != NULL) add_moment(&e->outputs[i], wanted, error);
  }
  e->count += (double)e->input.outputs;
  return true;
}

static double mae(const void *state) {
  const errors *e = state;
  return e->count > 0 ? e->absolute / e->count : (double)NAN;
}

static double mse(const void *state) {
  const errors *e = state;
  return e->count > 0 ? e->squares / e->count : (double)NAN;
}

/* Outputs whose targets are all the same tell nothing. */
static double r2(const void *state) {
  const errors *e = state;
  double sum = 0, count = 0;
  for (size_t i = 0; i < e->input.outputs; ++i) {
    const moments *m = &e->outputs[i];
    if (m->spread <= 0) continue;
    sum += 1 - m->squares / m->spread;
    count += 1;
  }
  return count > 0 ? sum / count : (double)NAN;
}

#define OF_VALUES(stem, name, what, create) \
  const ln_metric_def ln_metric_##stem = {name, what, none, 1 << LN_TARGET_VALUES, create, add, stem, destroy, NULL}

OF_VALUES(mae, "mae", "mean absolute error", create);
OF_VALUES(mse, "mse", "mean squared error", create);
OF_VALUES(r2, "r2", "coefficient of determination: part of the targets' variance that is explained, mean over outputs",
          create_moments);

/* ---- perplexity ---- */

/* -log of the probability of a class */
static double surprise(const ln_metric_input *input, const float *output, size_t class_) {
  const double own = (double)output[class_];
  if (!input->logits) return -log(own > 1e-30 ? own : 1e-30);
  return ln_metric_log_sum(output, input->outputs) - own;
}

static bool add_surprise(void *state, const float *output, const void *target) {
  errors *e = state;
  e->absolute += surprise(&e->input, output, ln_metric_class(&e->input, target));
  e->count += 1;
  return true;
}

static double perplexity(const void *state) { return exp(mae(state)); }

const ln_metric_def ln_metric_perplexity = {"perplexity", "e to the mean cross-entropy with the classes",
                                            none,         1 << LN_TARGET_CLASS,
                                            create,       add_surprise,
                                            perplexity,   destroy,
                                            NULL};
