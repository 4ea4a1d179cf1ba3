/* Metrics of the order that outputs bring samples into. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/metric.h"

/* ---- among the classes of a sample ---- */

typedef struct top {
  ln_metric_input input;
  size_t k;
  int64_t right, total;
} top;

static const ln_parameter top_parameters[] = {
    {"top_k", LN_PARAMETER_INTEGER, "5", NULL, 1, 1e6, "how many classes may be named"}, {0}};

static void *create_top(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  top *t = ln_alloc_zero(sizeof *t);
  if (t == NULL) return NULL;
  t->input = *input;
  t->k = (size_t)ln_setting_int(s, list, "top_k");
  return t;
}

/* Of equal outputs the first come first. */
static bool add_top(void *state, const float *output, const void *target) {
  top *t = state;
  const size_t class_ = ln_metric_class(&t->input, target);
  size_t before = 0;
  for (size_t i = 0; i < t->input.outputs; ++i) {
    before += output[i] > output[class_] || (output[i] == output[class_] && i < class_);
  }
  t->right += before < t->k && output[class_] == output[class_];
  ++t->total;
  return true;
}

static double top_of(const void *state) {
  const top *t = state;
  return t->total > 0 ? (double)t->right / (double)t->total : (double)NAN;
}

const ln_metric_def ln_metric_top_k = {"top-k",
                                       "part of the samples whose class is among the k largest outputs",
                                       top_parameters,
                                       LN_METRIC_ANY,
                                       create_top,
                                       add_top,
                                       top_of,
                                       ln_free,
                                       NULL};

/* ---- among all samples, for each class ---- */

typedef struct scored {
  float score;
  bool yes;
} scored;

typedef struct ranking {
  ln_metric_input input;
  size_t count, room;
  scored *all;  /* [room, outputs] */
  scored *some; /* [room] those of one class, in order */
} ranking;

static const ln_parameter none[] = {{0}};

static void *create(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input) {
  (void)s, (void)list;
  ranking *r = ln_alloc_zero(sizeof *r);
  if (r != NULL) r->input = *input;
  return r;
}

static void destroy(void *state) {
  ranking *r = state;
  if (r == NULL) return;
  ln_free(r->all);
  ln_free(r->some);
  ln_free(r);
}

static bool grow(ranking *r) {
  size_t room = 0, all = 0;
  if (r->count < r->room) return true;
  if (!ln_size_mul(r->room + 512, 2, &room) || !ln_size_mul(room, r->input.outputs, &all)) return false;
  scored *wider = ln_alloc_array(all, sizeof *wider), *some = ln_alloc_array(room, sizeof *some);
  if (wider == NULL || some == NULL) {
    ln_free(wider);
    ln_free(some);
    return false;
  }
  if (r->count > 0) memcpy(wider, r->all, r->count * r->input.outputs * sizeof *wider);
  ln_free(r->all);
  ln_free(r->some);
  r->all = wider;
  r->some = some;
  r->room = room;
  return true;
}

static bool add(void *state, const float *output, const void *target) {
  ranking *r = state;
  if (!grow(r)) return false;
  scored *row = r->all + r->count++ * r->input.outputs;
  /* Logits of one sample say nothing beside another's: their probabilities do, or the logarithms of these. */
  const bool choice = r->input.logits && !r->input.yes_or_no;
  const double sum = choice ? ln_metric_log_sum(output, r->input.outputs) : 0;
  for (size_t i = 0; i < r->input.outputs; ++i) {
    const float score = (float)((double)output[i] - sum);
    row[i] = (scored){isnan(score) ? -INFINITY : score, ln_metric_is_class(&r->input, target, i)};
  }
  return true;
}

static int by_score(const void *a, const void *b) {
  const float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
  return (x < y) - (x > y);
}

/* What the samples in falling order of their scores are worth; those of equal scores come at once. */
typedef double worth_fn(const scored *in_order, size_t count, double yes);

/* The mean over the classes that have samples, and samples that are not theirs where `both`. */
static double mean_over(const ranking *r, worth_fn *worth, bool both) {
  double sum = 0;
  int64_t classes = 0;
  for (size_t c = 0; c < r->input.outputs; ++c) {
    size_t yes = 0;
    for (size_t i = 0; i < r->count; ++i) {
      r->some[i] = r->all[i * r->input.outputs + c];
      yes += r->some[i].yes;
    }
    if (yes == 0 || (both && yes == r->count)) continue;
    qsort(r->some, r->count, sizeof *r->some, by_score);
    sum += worth(r->some, r->count, (double)yes);
    ++classes;
  }
  return classes > 0 ? sum / (double)classes : (double)NAN;
}

/* Of samples from `from` on with one score: where they end, and how many are a yes. */
static size_t end_of_equal(const scored *s, size_t from, size_t count, double *yes) {
  size_t end = from;
  for (*yes = 0; end < count && s[end].score == s[from].score; ++end) *yes += s[end].yes;
  return end;
}

/* The chance that one that is a yes stands before one that is none; of equals, a half (Hanley and McNeil, 1982). */
static double area(const scored *s, size_t count, double yes) {
  double above = 0, pairs = 0;
  for (size_t i = 0; i < count;) {
    double own = 0;
    const size_t end = end_of_equal(s, i, count, &own);
    pairs += ((double)(end - i) - own) * (above + own / 2);
    above += own;
    i = end;
  }
  return pairs / (yes * ((double)count - yes));
}

/* The sum of precision times what recall grows by. */
static double average_precision(const scored *s, size_t count, double yes) {
  double above = 0, sum = 0;
  for (size_t i = 0; i < count;) {
    double own = 0;
    i = end_of_equal(s, i, count, &own);
    above += own;
    sum += own / yes * (above / (double)i);
  }
  return sum;
}

static double auc(const void *state) { return mean_over(state, area, true); }
static double map(const void *state) { return mean_over(state, average_precision, false); }

const ln_metric_def ln_metric_auc = {"auc",  "area under the ROC curve, mean over classes against the rest",
                                     none,   LN_METRIC_ANY,
                                     create, add,
                                     auc,    destroy,
                                     NULL};
const ln_metric_def ln_metric_map = {"map",  "average precision of each class over all samples, mean over classes",
                                     none,   LN_METRIC_ANY,
                                     create, add,
                                     map,    destroy,
                                     NULL};
