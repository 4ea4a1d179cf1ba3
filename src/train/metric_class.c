/* Metrics of the classes that a model takes samples for: counts, and what follows from them. */
#include <math.h>

#include "train/metric.h"

/* Of a choice among classes each sample is of one class; else each output is a decision about a class of its own. */
typedef struct tally {
  ln_metric_input input;
  double threshold; /* an output above it is a yes */
  int64_t right, total;
  int64_t *said, *meant, *both; /* [outputs] by class */
  int64_t *matrix;              /* [classes, classes] NULL: not asked for */
  size_t classes;               /* of the matrix */
} tally;

static const ln_parameter parameters[] = {{"decision_threshold", LN_PARAMETER_NUMBER, "0.5", NULL, 0, 1,
                                           "the probability above which an output that stands alone says yes"},
                                          {0}};

static void destroy(void *state) {
  tally *t = state;
  if (t == NULL) return;
  ln_free(t->said);
  ln_free(t->matrix);
  ln_free(t);
}

static void *create(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  tally *t = ln_alloc_zero(sizeof *t);
  size_t room = 0;
  if (t == NULL) return NULL;
  t->input = *input;
  t->threshold = ln_setting_number(s, list, "decision_threshold");
  if (input->logits) t->threshold = log(t->threshold / (1 - t->threshold));
  t->said = ln_size_mul(input->outputs, 3, &room) ? ln_alloc_array(room, sizeof *t->said) : NULL;
  if (t->said == NULL) {
    ln_free(t);
    return NULL;
  }
  t->meant = t->said + input->outputs;
  t->both = t->meant + input->outputs;
  return t;
}

static void *create_matrix(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  tally *t = create(s, list, input);
  size_t room = 0;
  if (t == NULL) return NULL;
  t->classes = input->yes_or_no ? 2 : input->outputs;
  t->matrix = ln_size_mul(t->classes, t->classes, &room) ? ln_alloc_array(room, sizeof *t->matrix) : NULL;
  if (t->matrix != NULL) return t;
  destroy(t);
  return NULL;
}

static void count(tally *t, size_t said, size_t meant) {
  ++t->total;
  t->right += said == meant;
  if (t->matrix != NULL) ++t->matrix[meant * t->classes + said];
}

static bool add(void *state, const float *output, const void *target) {
  tally *t = state;
  for (size_t i = 0; t->input.yes_or_no && i < t->input.outputs; ++i) {
    const bool said = (double)output[i] > t->threshold, meant = ln_metric_is_class(&t->input, target, i);
    count(t, said, meant);
    t->said[i] += said;
    t->meant[i] += meant;
    t->both[i] += said && meant;
  }
  if (t->input.yes_or_no) return true;
  const size_t said = ln_metric_largest(output, t->input.outputs);
  const size_t meant = ln_metric_class(&t->input, target);
  count(t, said, meant);
  ++t->said[said];
  ++t->meant[meant];
  t->both[meant] += said == meant;
  return true;
}

/* ---- what follows ---- */

static double quotient(double a, double b) { return b > 0 ? a / b : 0; }

static double accuracy(const void *state) {
  const tally *t = state;
  return t->total > 0 ? (double)t->right / (double)t->total : (double)NAN;
}

typedef double ratio_fn(double both, double said, double meant);

static double precision_of(double both, double said, double meant) { return (void)meant, quotient(both, said); }
static double recall_of(double both, double said, double meant) { return (void)said, quotient(both, meant); }
static double f1_of(double both, double said, double meant) { return quotient(2 * both, said + meant); }

/* The mean over the classes that are there or were seen. */
static double mean_of(const tally *t, ratio_fn *of) {
  double sum = 0;
  int64_t classes = 0;
  for (size_t i = 0; i < t->input.outputs; ++i) {
    if (t->meant[i] + t->said[i] == 0) continue;
    sum += of((double)t->both[i], (double)t->said[i], (double)t->meant[i]);
    ++classes;
  }
  return classes > 0 ? sum / (double)classes : (double)NAN;
}

static double precision(const void *state) { return mean_of(state, precision_of); }
static double recall(const void *state) { return mean_of(state, recall_of); }
static double f1(const void *state) { return mean_of(state, f1_of); }

/* The mean of the rows' shares on the diagonal. */
static double balanced(const void *state) {
  const tally *t = state;
  double sum = 0;
  int64_t rows = 0;
  for (size_t i = 0; i < t->classes; ++i) {
    const int64_t *row = t->matrix + i * t->classes;
    double all = 0;
    for (size_t k = 0; k < t->classes; ++k) all += (double)row[k];
    if (all == 0) continue;
    sum += (double)row[i] / all;
    ++rows;
  }
  return rows > 0 ? sum / (double)rows : (double)NAN;
}

static ln_metric_matrix matrix_of(const void *state) {
  const tally *t = state;
  return (ln_metric_matrix){t->classes, t->matrix};
}

#define COUNTED(stem, name, what, create, result, matrix) \
  const ln_metric_def ln_metric_##stem = {name, what, parameters, LN_METRIC_ANY, create, add, result, destroy, matrix}

COUNTED(accuracy, "accuracy", "part of the samples taken for what they are", create, accuracy, NULL);
COUNTED(confusion_matrix, "confusion-matrix",
        "how often each class was taken for each; as a number the mean of the classes' recalls", create_matrix,
        balanced, matrix_of);
COUNTED(precision, "precision", "part of what was taken for a class that is of it, mean over classes", create,
        precision, NULL);
COUNTED(recall, "recall", "part of a class that was taken for it, mean over classes", create, recall, NULL);
COUNTED(f1, "f1", "harmonic mean of a class's precision and recall, mean over classes", create, f1, NULL);
