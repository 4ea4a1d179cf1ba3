/* Functions of one array: every tier against exact values, at every place of a vector. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/kernel_harness.h"

typedef double exact_fn(double x, float a, float b);

static double exact_clamp(double x, float a, float b) { return x < a ? a : (x > b ? b : x); }
static double exact_leaky(double x, float a, float b) { return (void)b, x > 0 ? x : x * a; }
static double exact_swish(double x, float a, float b) { return (void)a, (void)b, x * exact_clamp(x + 3, 0, 6) / 6; }
static double exact_abs(double x, float a, float b) { return (void)a, (void)b, fabs(x); }
static double exact_neg(double x, float a, float b) { return (void)a, (void)b, -x; }
static double exact_square(double x, float a, float b) { return (void)a, (void)b, x * x; }
static double exact_sqrt(double x, float a, float b) { return (void)a, (void)b, sqrt(x); }
static double exact_rsqrt(double x, float a, float b) { return (void)a, (void)b, 1 / sqrt(x); }
static double exact_exp(double x, float a, float b) { return (void)a, (void)b, exp(x); }
static double exact_logistic(double x, float a, float b) { return (void)a, (void)b, 1 / (1 + exp(-x)); }
static double exact_tanh(double x, float a, float b) { return (void)a, (void)b, tanh(x); }
static double exact_elu(double x, float a, float b) { return (void)a, (void)b, x < 0 ? expm1(x) : x; }
static double exact_gelu(double x, float a, float b) {
  (void)a;
  (void)b;
  return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

static double exact_log(double x, float a, float b) { return (void)a, (void)b, log(x); }
static double exact_gelu_erf(double x, float a, float b) {
  return (void)a, (void)b, 0.5 * x * (1 + erf(x * 0.70710678118654752));
}

enum { POINTS = 6007 };
/* Floats from one to the next of a sweep over all of them; 1 takes minutes and finds the same. */
enum { SWEEP_STEP = 509, SWEEP_BLOCK = 4096 };

/* Ends of ranges, special values, and a spread over many magnitudes. */
static void fill_points(ln_kt *t, float *x) {
  static const float special[] = {0.0f,          -0.0f,           INFINITY,    -INFINITY, NAN,       1e-45f,
                                  -1e-45f,       1.17549435e-38f, 3.4e38f,     -3.4e38f,  88.72283f, 88.72284f,
                                  89.5f,         -87.3f,          -88.0f,      -103.0f,   -103.98f,  -105.0f,
                                  0.625f,        -0.625f,         0.62499994f, 3.0f,      -3.0f,     0.346573591f,
                                  -0.346573591f, 1e-5f,           -1e-5f,      9.1f,      -9.1f,     17.0f};
  for (int32_t i = 0; i < POINTS; ++i) {
    const float range = i % 3 == 0 ? 110.0f : (i % 3 == 1 ? 4.0f : 0.5f);
    x[i] = i < (int32_t)LN_COUNT(special) ? special[i] : ln_kt_random_f32(t, -range, range);
    if (i % 17 == 16) x[i] *= 1e-6f;
  }
}

/* Units in the last place of the exact value; below the normal range, of the least normal number's, or 0 will do. */
static double ulps(float got, double exact) {
  if (got == 0.0f && fabs(exact) < 1.17550e-38) return 0;
  if (isnan(exact)) return isnan(got) ? 0 : 1e9;
  const float nearest = (float)exact;
  if (isinf(nearest) || isinf(got)) return nearest == got || fabs(exact) > 3.4028e38 ? 0 : 1e9;
  const double size = fmax(fabs((double)nearest), 1.17549435e-38);
  return fabs((double)got - exact) / (ldexp(1.0, ilogb(size) - 23));
}

static void check_places(ln_kt *t, ln_unary_f32_fn *fn, float a, float b) {
  float part[80];
  for (size_t n = 0; n < 70; ++n) {
    ln_kt_case(t, "n=%zu", n);
    float *in = ln_kt_input(t, n * sizeof *in);
    float *out = ln_kt_output(t, n * sizeof *out, 4);
    const size_t from = n % 11;
    for (size_t i = 0; i < n; ++i) in[i] = ln_kt_random_f32(t, -6.0f, 6.0f);
    fn(in, out, n, a, b);
    memcpy(part, in, n * sizeof *in);
    fn(part, part, n, a, b); /* in place */
    ln_kt_equal(t, part, out, n * sizeof *out);
    if (n <= from) continue;
    fn(in + from, part, n - from, a, b); /* elsewhere in a vector */
    ln_kt_equal(t, part, out + from, (n - from) * sizeof *out);
  }
}

static void bench(ln_kt *t, ln_unary_f32_fn *generic, ln_unary_f32_fn *tested, float a, float b) {
  enum { COUNT = 16384 };
  ln_kt_case(t, "timed");
  float *in = ln_kt_output(t, COUNT * sizeof *in, 0);
  float *out = ln_kt_output(t, COUNT * sizeof *out, 0);
  for (int32_t i = 0; i < COUNT; ++i) in[i] = ln_kt_random_f32(t, -6.0f, 6.0f);
  LN_KT_TIME(t, "16384", generic(in, out, COUNT, a, b), tested(in, out, COUNT, a, b));
}

static double error_of(float x, float y, double want, bool of_input) {
  if (!of_input) return ulps(y, want);
  if (!(fabsf(x) < 1e10f)) return 0;
  return fabs(y - want) / fmax(fabs((double)x), 1e-30) * 8388608.0;
}

/* Every SWEEP_STEP-th float of both signs. The places of vectors are another test's. */
static void sweep(const ln_kt *t, ln_unary_f32_fn *tested, exact_fn *exact, double bound, bool of_input, float a,
                  float b) {
  static float x[SWEEP_BLOCK], y[SWEEP_BLOCK];
  double most = 0;
  float worst = 0.0f;
  for (uint64_t first = 0; first <= UINT32_MAX; first += (uint64_t)SWEEP_BLOCK * SWEEP_STEP) {
    for (uint32_t i = 0; i < SWEEP_BLOCK; ++i) {
      const uint32_t bits = (uint32_t)(first + (uint64_t)i * SWEEP_STEP);
      memcpy(&x[i], &bits, sizeof bits);
    }
    tested(x, y, SWEEP_BLOCK, a, b);
    for (uint32_t i = 0; i < SWEEP_BLOCK; ++i) {
      const double error = error_of(x[i], y[i], exact(x[i], a, b), of_input);
      if (!(error <= bound)) fail_msg("%s: f(%a) = %a, %g ulp away", t->slot, (double)x[i], (double)y[i], error);
      if (error > most) {
        most = error;
        worst = x[i];
      }
    }
  }
  printf("%-16s %-10s at most %.3f of %g, at %a\n", t->slot, ln_isa_name(t->tested->isa), most, bound, (double)worst);
}

/* `of_input`: the bound counts in units of the input's last place. */
static void check(ln_kt *t, ln_unary_f32_fn *generic, ln_unary_f32_fn *tested, exact_fn *exact, double bound,
                  bool of_input, float a, float b) {
  float *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
  assert_true(x != NULL && y != NULL);
  fill_points(t, x);
  tested(x, y, POINTS, a, b);
  for (int32_t i = 0; i < POINTS; ++i) {
    const double want = exact(x[i], a, b);
    const double error = error_of(x[i], y[i], want, of_input);
    if (!(error <= bound)) fail_msg("%s: f(%a) = %a, %g ulp from %a", t->slot, (double)x[i], (double)y[i], error, want);
  }
  free(x);
  free(y);
  check_places(t, tested, a, b);
  if (bound > 1.5) sweep(t, tested, exact, bound, of_input, a, b); /* others are single operations */
  if (ln_kt_bench(t)) bench(t, generic, tested, a, b);
}

#define CHECK(slot, exact, bound, of_input, a, b)                                          \
  static void check_##slot(ln_kt *t) {                                                     \
    check(t, t->generic->unary.slot, t->tested->unary.slot, exact, bound, of_input, a, b); \
  }
CHECK(clamp_f32, exact_clamp, 0, false, -1.0f, 2.5f)
CHECK(leaky_relu_f32, exact_leaky, 0.75, false, 0.3f, 0.0f)
CHECK(hard_swish_f32, exact_swish, 4, true, 0.0f, 0.0f)
CHECK(abs_f32, exact_abs, 0, false, 0.0f, 0.0f)
CHECK(neg_f32, exact_neg, 0, false, 0.0f, 0.0f)
CHECK(square_f32, exact_square, 0.5, false, 0.0f, 0.0f)
CHECK(sqrt_f32, exact_sqrt, 0.5, false, 0.0f, 0.0f)
CHECK(rsqrt_f32, exact_rsqrt, 1.5, false, 0.0f, 0.0f)
CHECK(exp_f32, exact_exp, 2, false, 0.0f, 0.0f)
CHECK(logistic_f32, exact_logistic, 4, false, 0.0f, 0.0f)
CHECK(tanh_f32, exact_tanh, 4, false, 0.0f, 0.0f)
CHECK(elu_f32, exact_elu, 4, false, 0.0f, 0.0f)
CHECK(gelu_tanh_f32, exact_gelu, 2, true, 0.0f, 0.0f)
CHECK(log_f32, exact_log, 2, false, 0.0f, 0.0f)
CHECK(gelu_erf_f32, exact_gelu_erf, 2, true, 0.0f, 0.0f)

static void check_table_u8(ln_kt *t) {
  uint8_t table[256];
  for (int32_t i = 0; i < 256; ++i) table[i] = (uint8_t)ln_kt_random(t);
  for (size_t n = 0; n < 300; n += n < 140 ? 1 : 37) {
    ln_kt_case(t, "n=%zu", n);
    uint8_t *in = ln_kt_input(t, n);
    uint8_t *want = ln_kt_output(t, n, 0);
    uint8_t *got = ln_kt_output(t, n, 1);
    ln_kt_fill_u8(t, in, n, LN_KT_RANDOM);
    t->generic->unary.table_u8(table, in, want, n);
    t->tested->unary.table_u8(table, in, got, n);
    ln_kt_equal(t, got, want, n);
  }
}

static const ln_kt_check checks[] = {
    {"clamp_f32", check_clamp_f32},
    {"leaky_relu_f32", check_leaky_relu_f32},
    {"hard_swish_f32", check_hard_swish_f32},
    {"abs_f32", check_abs_f32},
    {"neg_f32", check_neg_f32},
    {"square_f32", check_square_f32},
    {"sqrt_f32", check_sqrt_f32},
    {"rsqrt_f32", check_rsqrt_f32},
    {"exp_f32", check_exp_f32},
    {"logistic_f32", check_logistic_f32},
    {"tanh_f32", check_tanh_f32},
    {"elu_f32", check_elu_f32},
    {"gelu_tanh_f32", check_gelu_tanh_f32},
    {"log_f32", check_log_f32},
    {"gelu_erf_f32", check_gelu_erf_f32},
    {"table_u8", check_table_u8},
};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "unary", checks, LN_COUNT(checks)); }
