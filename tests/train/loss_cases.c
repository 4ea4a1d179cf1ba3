/* The losses' cases, and what each loss is, written down plainly in doubles. */
#include "train/loss_cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double given(const loss_case *c, const char *name, double fallback) {
  const char *at = strstr(c->settings, name);
  return at == NULL ? fallback : atof(at + strlen(name) + 1);
}

/* ---- classes ---- */

static double log_sum(const double *x, size_t n) {
  double most = x[0], sum = 0;
  for (size_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  for (size_t i = 0; i < n; ++i) sum += exp(x[i] - most);
  return most + log(sum);
}

/* The target's probability of class `k` in row `r`. */
static double part(const loss_case *c, const void *target, size_t r, size_t k, size_t last) {
  if (strncmp(c->name, "sparse", 6) == 0) return ((const int32_t *)target)[r] == (int32_t)k;
  return (double)((const float *)target)[r * last + k];
}

static double cross_entropy(const loss_case *c, const double *x, const void *target, size_t count, size_t last) {
  const double by = given(c, "label_smoothing", 0);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t r = i / last;
    const double z = part(c, target, r, i % last, last) * (1 - by) + by / (double)last;
    sum -= z * (x[i] - log_sum(x + r * last, last));
  }
  return sum / (double)(count / last);
}

static double focal(const loss_case *c, const double *x, const void *target, size_t count, size_t last) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t r = i / last;
    const double log_p = x[i] - log_sum(x + r * last, last);
    sum -= part(c, target, r, i % last, last) * pow(-expm1(log_p), given(c, "focal_gamma", 2)) * log_p;
  }
  return given(c, "focal_alpha", 0.25) * sum / (double)(count / last);
}

static double divergence(const loss_case *c, const double *x, const void *target, size_t count, size_t last) {
  const double t = given(c, "kl_temperature", 1);
  double sum = 0, p[64], q[64];
  for (size_t i = 0; i < count; ++i) q[i] = x[i] / t;
  for (size_t i = 0; i < count; ++i) p[i] = pow((double)((const float *)target)[i], 1 / t);
  for (size_t i = 0; i < count; ++i) {
    double all = 0;
    for (size_t k = 0; k < last; ++k) all += p[i / last * last + k];
    const double soft = p[i] / all;
    if (soft > 0) sum += soft * (log(soft) - (q[i] - log_sum(q + i / last * last, last)));
  }
  return t * t * sum / (double)(count / last);
}

/* ---- mean over elements ---- */

typedef double element_fn(const loss_case *c, double x, double z);

static double mean_of(element_fn *of, const loss_case *c, const double *x, const void *target, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += of(c, x[i], (double)((const float *)target)[i]);
  return sum / (double)count;
}

#define BY_ELEMENT(name)                                                                                   \
  static double name##_of(const loss_case *c, double x, double z);                                         \
  static double name(const loss_case *c, const double *x, const void *target, size_t count, size_t last) { \
    (void)last;                                                                                            \
    return mean_of(name##_of, c, x, target, count);                                                        \
  }                                                                                                        \
  static double name##_of(const loss_case *c, double x, double z)

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

BY_ELEMENT(binary_cross_entropy) {
  const double by = given(c, "label_smoothing", 0), soft = z * (1 - by) + by / 2;
  return soft * softplus(-x) + (1 - soft) * softplus(x);
}

BY_ELEMENT(binary_focal) {
  const double gamma = given(c, "focal_gamma", 2), alpha = given(c, "focal_alpha", 0.25);
  const double missing = z / (1 + exp(x)) + (1 - z) / (1 + exp(-x));
  const double entropy = z * softplus(-x) + (1 - z) * softplus(x);
  return (z * alpha + (1 - z) * (1 - alpha)) * pow(missing, gamma) * entropy;
}

BY_ELEMENT(mse) { return (void)c, (x - z) * (x - z); }
BY_ELEMENT(mae) { return (void)c, fabs(x - z); }

static double huber_by(double d, double delta) { return d <= delta ? d * d / 2 : delta * (d - delta / 2); }

BY_ELEMENT(huber) { return huber_by(fabs(x - z), given(c, "huber_delta", 1)); }

BY_ELEMENT(smooth_l1) {
  const double beta = given(c, "smooth_l1_beta", 1);
  return huber_by(fabs(x - z), beta) / beta;
}

BY_ELEMENT(log_cosh) { return (void)c, fabs(x - z) + log1p(exp(-2 * fabs(x - z))) - log(2); }
BY_ELEMENT(poisson) { return (void)c, x - z * log(x + 1e-7); }
BY_ELEMENT(hinge) { return (void)c, fmax(0, 1 - (z > 0 ? x : -x)); }

/* ---- rows ---- */

static double cosine(const loss_case *c, const double *x, const void *target, size_t count, size_t last) {
  double sum = 0;
  (void)c;
  for (size_t r = 0; r < count / last; ++r) {
    double a = 0, b = 0, ab = 0;
    for (size_t k = 0; k < last; ++k) {
      const double p = x[r * last + k], z = (double)((const float *)target)[r * last + k];
      a += p * p;
      b += z * z;
      ab += p * z;
    }
    sum += a * b > 0 ? 1 - ab / sqrt(a * b) : 1;
  }
  return sum / (double)(count / last);
}

static double between(double low, double high) { return high > low ? high - low : 0; }

static double box(const double *a, const float *t, bool generalized) {
  const double b[4] = {(double)t[0], (double)t[1], (double)t[2], (double)t[3]};
  const double shared = between(fmax(a[0], b[0]), fmin(a[2], b[2])) * between(fmax(a[1], b[1]), fmin(a[3], b[3]));
  const double covered = between(a[0], a[2]) * between(a[1], a[3]) + between(b[0], b[2]) * between(b[1], b[3]) - shared;
  const double around = between(fmin(a[0], b[0]), fmax(a[2], b[2])) * between(fmin(a[1], b[1]), fmax(a[3], b[3]));
  return 1 - shared / covered + (generalized ? (around - covered) / around : 0);
}

static double boxes(const loss_case *c, const double *x, const void *target, size_t count, size_t last) {
  double sum = 0;
  for (size_t i = 0; i < count; i += last) sum += box(x + i, (const float *)target + i, c->name[0] == 'g');
  return sum / (double)(count / last);
}

/* ---- cases ---- */

static const float logits[24] = {0.5f, -1.25f, 2,  30, -40, 3,     0,    0,    0, 1e-3f, -2, 1.5f,
                                 4,    -3,     90, 1,  2,   -0.5f, 0.7f, 0.2f, 5, -6,    7,  0};
static const float soft[24] = {0.5f, 0.25f, 0.25f, 1, 0, 0,     0,    0.5f, 0.5f, 0.1f,  0.2f,  0.7f,
                               0,    1,     0,     0, 0, 0.25f, 0.5f, 0,    0.5f, 0.25f, 0.25f, 0.5f};
static const float parts[24] = {0.5f, 0.25f, 0.25f, 1, 0,     0,     0,    0.5f, 0.5f, 0.1f,  0.2f,  0.7f,
                                0,    1,     0,     0, 0.25f, 0.75f, 0.5f, 0,    0.5f, 0.25f, 0.25f, 0.5f};
static const int32_t labels[8] = {0, 1, 2, 0, 2, 1, 0, 1};
static const float values[24] = {-0.5f, 1.25f, 8, 0.125f, 2, 12,    -3,   0.3f, 1, 2e-3f, -2.25f, 3.5f,
                                 4,     -3,    9, 1.5f,   2, -0.6f, 0.6f, 0.9f, 5, -6,    7,      0.1f};
static const float rates[12] = {0.5f, 1, 7.5f, 20, 1e-3f, 3, 0.25f, 2, 2, 9, 0.75f, 4};
static const float counts[12] = {0, 1, 9, 17, 0, 0, 1, 2, 4, 11, 1, 3};
static const float sides[12] = {0, 1, -1, 1, 0, 1, 1, 1, -1, 0, 0, 1};
/* Apart, one in the other, crossing, inverted, far apart, nearly the same. */
static const float box_a[24] = {0,    0,    0.25f, 0.25f, 0.1f, 0.1f, 0.9f, 0.8f, 0.2f, 0.3f, 0.7f, 0.6f,
                                0.6f, 0.2f, 0.4f,  0.5f,  -50,  -40,  -30,  -10,  0.1f, 0.2f, 0.3f, 0.4f};
static const float box_b[24] = {0.5f,  0.5f,  1,     0.75f, 0.2f, 0.3f, 0.5f, 0.6f, 0.4f,  0.1f,  0.9f,  0.5f,
                                0.25f, 0.25f, 0.75f, 0.75f, 10,   20,   30,   50,   0.11f, 0.19f, 0.31f, 0.38f};

const loss_case loss_cases[] = {
    {"sparse-cross-entropy", "", 2, {4, 3}, logits, labels, cross_entropy},
    {"sparse-cross-entropy", "", 3, {2, 4, 3}, logits, labels, cross_entropy},
    {"sparse-cross-entropy", "label_smoothing=0.1", 2, {3, 8}, logits, labels, cross_entropy},
    {"cross-entropy", "", 2, {8, 3}, logits, soft, cross_entropy},
    {"cross-entropy", "label_smoothing=0.2", 3, {2, 4, 3}, logits, soft, cross_entropy},
    {"binary-cross-entropy", "", 2, {8, 3}, logits, soft, binary_cross_entropy},
    {"binary-cross-entropy", "label_smoothing=0.1", 1, {8}, logits, soft, binary_cross_entropy},
    {"sparse-focal", "", 2, {8, 3}, logits, labels, focal},
    {"sparse-focal", "focal_gamma=0 focal_alpha=1", 3, {2, 4, 3}, logits, labels, focal},
    {"focal", "focal_gamma=1.5", 2, {8, 3}, logits, soft, focal},
    {"binary-focal", "", 2, {8, 3}, logits, soft, binary_focal},
    {"binary-focal", "focal_gamma=0.5 focal_alpha=0.75", 2, {2, 6}, rates, soft, binary_focal},
    {"kl-divergence", "", 2, {8, 3}, logits, parts, divergence},
    {"kl-divergence", "kl_temperature=4", 3, {2, 4, 3}, logits, parts, divergence},
    {"mse", "", 2, {8, 3}, logits, soft, mse},
    {"mse", "", 1, {8}, logits, soft, mse},
    {"mse", "", 4, {2, 2, 3, 2}, logits, soft, mse},
    {"mae", "", 2, {8, 3}, logits, values, mae},
    {"huber", "", 2, {8, 3}, logits, values, huber},
    {"huber", "huber_delta=0.25", 3, {2, 4, 3}, logits, values, huber},
    {"smooth-l1", "smooth_l1_beta=0.25", 3, {2, 3, 4}, logits, values, smooth_l1},
    {"log-cosh", "", 2, {8, 3}, logits, values, log_cosh},
    {"poisson", "", 2, {4, 3}, rates, counts, poisson},
    {"hinge", "", 2, {4, 3}, values, sides, hinge},
    {"cosine", "", 2, {4, 3}, values, sides, cosine},
    {"cosine", "", 3, {2, 2, 3}, values, sides, cosine},
    {"iou", "", 2, {6, 4}, box_a, box_b, boxes},
    {"giou", "", 2, {6, 4}, box_a, box_b, boxes},
    {"giou", "", 3, {2, 3, 4}, box_a, box_b, boxes},
};
const size_t loss_case_count = LN_COUNT(loss_cases);
