/* The losses' cases, and what each loss is, written down plainly in doubles. */
#include "train/loss_cases.h"

#include <math.h>

/* ---- classes ---- */

static double log_sum(const double *x, size_t n) {
  double most = x[0], sum = 0;
  for (size_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  for (size_t i = 0; i < n; ++i) sum += exp(x[i] - most);
  return most + log(sum);
}

static double smoothed(const double *x, const void *target, size_t count, size_t last, bool dense, double by) {
  double sum = 0;
  for (size_t r = 0; r < count / last; ++r) {
    for (size_t c = 0; c < last; ++c) {
      const double is =
          dense ? (double)((const float *)target)[r * last + c] : (int32_t)c == ((const int32_t *)target)[r];
      sum -= (is * (1 - by) + by / (double)last) * (x[r * last + c] - log_sum(x + r * last, last));
    }
  }
  return sum / (double)(count / last);
}

static double sparse(const double *x, const void *target, size_t count, size_t last) {
  return smoothed(x, target, count, last, false, 0);
}

static double dense(const double *x, const void *target, size_t count, size_t last) {
  return smoothed(x, target, count, last, true, 0);
}

/* ---- differences ---- */

static double mse(const double *x, const void *target, size_t count, size_t last) {
  double sum = 0;
  (void)last;
  for (size_t i = 0; i < count; ++i) sum += pow(x[i] - (double)((const float *)target)[i], 2);
  return sum / (double)count;
}

/* ---- cases ---- */

static const float logits[24] = {0.5f, -1.25f, 2,  30, -40, 3,     0,    0,    0, 1e-3f, -2, 1.5f,
                                 4,    -3,     90, 1,  2,   -0.5f, 0.7f, 0.2f, 5, -6,    7,  0};
static const float soft[24] = {0.5f, 0.25f, 0.25f, 1, 0, 0,     0,    0.5f, 0.5f, 0.1f,  0.2f,  0.7f,
                               0,    1,     0,     0, 0, 0.25f, 0.5f, 0,    0.5f, 0.25f, 0.25f, 0.5f};
static const int32_t labels[8] = {0, 1, 2, 0, 2, 1, 0, 1};

const loss_case loss_cases[] = {
    {"sparse-cross-entropy", "", 2, {4, 3}, logits, labels, sparse},
    {"sparse-cross-entropy", "", 3, {2, 4, 3}, logits, labels, sparse},
    {"sparse-cross-entropy", "", 2, {3, 8}, logits, labels, sparse},
    {"cross-entropy", "", 2, {8, 3}, logits, soft, dense},
    {"cross-entropy", "", 3, {2, 4, 3}, logits, soft, dense},
    {"mse", "", 2, {8, 3}, logits, soft, mse},
    {"mse", "", 1, {8}, logits, soft, mse},
    {"mse", "", 4, {2, 2, 3, 2}, logits, soft, mse},
};
const size_t loss_case_count = LN_COUNT(loss_cases);
