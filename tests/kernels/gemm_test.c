/*
 * Matrix products of every tier against plain sums: all tile tails, segments, strides, extremes; and the corrections
 * for zero points that a kernel's forms of A and B ask for, made here as ln_gemm_plan makes them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/quant.h"
#include "support/kernel_harness.h"

enum { MOST_SEGMENTS = 4, MOST_PANELS = 6 };

typedef struct sizes {
  int32_t m, n, segments, segment_length;
  int32_t panels;
} sizes;

static sizes next_sizes(ln_kt *t, int32_t index, int32_t mr, int32_t nr) {
  sizes s = {ln_kt_random_between(t, 1, 2 * mr + 3), ln_kt_random_between(t, 1, MOST_PANELS * nr),
             ln_kt_random_between(t, 1, MOST_SEGMENTS), ln_kt_random_between(t, 1, 40), 0};
  if (index < 2 * mr) s.m = index / 2 + 1; /* every tile height, with either width */
  if (index < 2 * mr) s.n = index % 2 == 0 ? nr : (nr + 1) / 2;
  if (index % 5 == 0) s.segments = 1;
  if (index % 7 == 0) s.m = 1;
  s.panels = (s.n + nr - 1) / nr;
  return s;
}

static void check_floats(ln_kt *t, const ln_gemm_f32_kernel *kernel) {
  for (int32_t index = 0; index < 120; ++index) {
    const int pattern = index % LN_KT_PATTERNS;
    const sizes s = next_sizes(t, index, kernel->mr, kernel->nr);
    ln_kt_case(t, "m=%d n=%d k=%dx%d pattern=%d", s.m, s.n, s.segments, s.segment_length, pattern);
    const int32_t k = s.segments * s.segment_length;
    const int32_t a_stride = s.segment_length + ln_kt_random_between(t, 0, 3);
    const size_t a_count = (size_t)(a_stride * (s.m - 1) + s.segment_length);
    const void *segments[MOST_SEGMENTS];
    for (int32_t i = 0; i < s.segments; ++i) {
      float *rows = ln_kt_input(t, a_count * sizeof(float));
      ln_kt_fill_f32(t, rows, a_count, pattern, 3.0f);
      segments[i] = rows;
    }
    float *b = ln_kt_input(t, (size_t)(k * s.n) * sizeof(float)); /* [n][k] */
    ln_kt_fill_f32(t, b, (size_t)(k * s.n), pattern, 1.0f);
    float *bias = index % 3 == 0 ? NULL : ln_kt_input(t, (size_t)s.n * sizeof(float));
    if (bias != NULL) ln_kt_fill_f32(t, bias, (size_t)s.n, LN_KT_RANDOM, 10.0f);
    float *packed = ln_kt_input_aligned(t, (size_t)(k * kernel->nr * s.panels) * sizeof(float));
    ln_k_gemm_pack_f32(kernel->nr, k, s.n, b, 1, k, packed);
    const int32_t c_stride = s.n + ln_kt_random_between(t, 0, 5);
    const size_t c_bytes = (size_t)(c_stride * (s.m - 1) + s.n) * sizeof(float);
    float *got = ln_kt_output(t, c_bytes, 4);
    float *want = ln_kt_output(t, c_bytes, 0);
    const float low = index % 2 == 0 ? -INFINITY : -5.0f;
    const float high = index % 2 == 0 ? INFINITY : 6.0f;
    const ln_gemm_a a = {segments, s.segments, s.segment_length, a_stride * (ptrdiff_t)sizeof(float)};
    kernel->run(s.m, s.n, &a, packed, bias, got, c_stride, low, high);
    float magnitude = 0.0f;
    for (int32_t i = 0; i < s.m; ++i) {
      for (int32_t j = 0; j < s.n; ++j) {
        double sum = bias == NULL ? 0.0 : bias[j];
        for (int32_t p = 0; p < k; ++p) {
          const double product =
              (double)((const float *)segments[p / s.segment_length])[i * a_stride + p % s.segment_length] *
              b[j * k + p];
          sum += product;
          magnitude = fmaxf(magnitude, (float)fabs(product));
        }
        want[i * c_stride + j] = ln_clamp_f32((float)sum, low, high);
      }
    }
    ln_kt_equal_f32(t, got, want, c_bytes / sizeof(float), (magnitude + 10.0f) * (float)(k + 1) * 1e-7f, 1e-6f);
  }
  if (ln_kt_bench(t)) {
    const int32_t m = 4 * kernel->mr, k = 256, n = kernel->nr;
    ln_kt_case(t, "bench");
    float *a_rows = ln_kt_input(t, (size_t)(m * k) * sizeof(float));
    float *panel = ln_kt_input_aligned(t, (size_t)(k * n) * sizeof(float));
    float *c = ln_kt_output(t, (size_t)(m * n) * sizeof(float), 0);
    const void *segment = a_rows;
    const ln_gemm_a a = {&segment, 1, k, k * (ptrdiff_t)sizeof(float)};
    char what[64];
    snprintf(what, sizeof what, "%dx%dx%d beside itself", m, n, k);
    LN_KT_TIME(t, what, kernel->run(m, n, &a, panel, NULL, c, n, -INFINITY, INFINITY),
               kernel->run(m, n, &a, panel, NULL, c, n, -INFINITY, INFINITY));
  }
}

static void check_f32(ln_kt *t) { check_floats(t, t->tested->gemm.f32); }
static void check_f32_few(ln_kt *t) { check_floats(t, t->tested->gemm.f32_few); }

/* ---- B in 16 bits ---- */

static float rounded(float x, bool is_bfloat) {
  return is_bfloat ? ln_k_bfloat_to_float(ln_k_float_to_bfloat(x)) : ln_k_half_to_float(ln_k_float_to_half(x));
}

static void check_halves(ln_kt *t, const ln_gemm_half_kernel *kernel, bool is_bfloat) {
  const bool pairs = kernel->k_group == 2;
  assert_true(kernel->nr <= LN_GEMM_HALF_COLUMNS);
  for (int32_t index = 0; index < 120; ++index) {
    sizes s = next_sizes(t, index, kernel->mr, kernel->nr);
    s.segment_length = (s.segment_length + kernel->k_group - 1) / kernel->k_group * kernel->k_group;
    ln_kt_case(t, "m=%d n=%d k=%dx%d", s.m, s.n, s.segments, s.segment_length);
    const int32_t k = s.segments * s.segment_length;
    const size_t item = pairs ? sizeof(uint16_t) : sizeof(float);
    const int32_t a_stride = s.segment_length + kernel->k_group * ln_kt_random_between(t, 0, 3);
    const size_t a_count = (size_t)(a_stride * (s.m - 1) + s.segment_length);
    const void *segments[MOST_SEGMENTS];
    float *plain[MOST_SEGMENTS];
    for (int32_t i = 0; i < s.segments; ++i) {
      plain[i] = ln_kt_input(t, a_count * sizeof(float));
      ln_kt_fill_f32(t, plain[i], a_count, LN_KT_RANDOM, 3.0f);
      uint16_t *halves = ln_kt_input(t, a_count * sizeof *halves);
      t->tested->convert.f32_to_bf16(plain[i], halves, a_count);
      segments[i] = pairs ? (const void *)halves : plain[i];
    }
    float *b = ln_kt_input(t, (size_t)(k * s.n) * sizeof(float)); /* [n][k] */
    ln_kt_fill_f32(t, b, (size_t)(k * s.n), LN_KT_RANDOM, 1.0f);
    float *bias = index % 3 == 0 ? NULL : ln_kt_input(t, (size_t)s.n * sizeof(float));
    if (bias != NULL) ln_kt_fill_f32(t, bias, (size_t)s.n, LN_KT_RANDOM, 10.0f);
    const size_t panel = (size_t)(k * kernel->nr);
    float *unpacked = ln_kt_input_aligned(t, panel * (size_t)s.panels * sizeof(float));
    uint16_t *packed = ln_kt_input_aligned(t, panel * (size_t)s.panels * sizeof *packed);
    ln_k_gemm_pack_f32(kernel->nr, k, s.n, b, 1, k, unpacked);
    for (int32_t i = 0; i < s.panels; ++i) {
      ln_k_gemm_pack_half(kernel, is_bfloat, k, unpacked + (size_t)i * panel, packed + (size_t)i * panel);
    }
    const int32_t c_stride = s.n + ln_kt_random_between(t, 0, 5);
    const size_t c_bytes = (size_t)(c_stride * (s.m - 1) + s.n) * sizeof(float);
    float *got = ln_kt_output(t, c_bytes, 4);
    float *want = ln_kt_output(t, c_bytes, 0);
    const float low = index % 2 == 0 ? -INFINITY : -5.0f;
    const float high = index % 2 == 0 ? INFINITY : 6.0f;
    const ln_gemm_a a = {segments, s.segments, s.segment_length, a_stride * (ptrdiff_t)item};
    kernel->run(s.m, s.n, &a, packed, bias, got, c_stride, low, high);
    for (int32_t i = 0; i < s.m; ++i) {
      for (int32_t j = 0; j < s.n; ++j) {
        double sum = bias == NULL ? 0.0 : bias[j];
        for (int32_t p = 0; p < k; ++p) {
          const float x = plain[p / s.segment_length][i * a_stride + p % s.segment_length];
          sum += (double)(pairs ? rounded(x, true) : x) * rounded(b[j * k + p], is_bfloat);
        }
        want[i * c_stride + j] = ln_clamp_f32((float)sum, low, high);
      }
    }
    ln_kt_equal_f32(t, got, want, c_bytes / sizeof(float), 13.0f * (float)(k + 1) * 1e-7f, 1e-6f);
  }
  if (ln_kt_bench(t)) {
    const int32_t m = 4 * kernel->mr, k = 256, n = kernel->nr;
    const ln_gemm_f32_kernel *f32 = t->tested->gemm.f32;
    ln_kt_case(t, "bench");
    float *rows = ln_kt_input(t, (size_t)(m * k) * sizeof(float));
    float *panels = ln_kt_input_aligned(t, (size_t)(k * n) * sizeof(float));
    memset(rows, 0, (size_t)(m * k) * sizeof(float));
    memset(panels, 0, (size_t)(k * n) * sizeof(float));
    float *c = ln_kt_output(t, (size_t)(m * n) * sizeof(float), 0);
    const void *segment = rows;
    const ln_gemm_a a = {&segment, 1, k, k * (ptrdiff_t)sizeof(float)};
    const ln_gemm_a halves = {&segment, 1, k, k * (ptrdiff_t)(pairs ? sizeof(uint16_t) : sizeof(float))};
    char what[64];
    snprintf(what, sizeof what, "%dx%dx%d beside float32", m, n, k);
    if (f32->nr != n) return;
    LN_KT_TIME(t, what, f32->run(m, n, &a, panels, NULL, c, n, -INFINITY, INFINITY),
               kernel->run(m, n, &halves, (const uint16_t *)(const void *)panels, NULL, c, n, -INFINITY, INFINITY));
  }
}

static void check_f16(ln_kt *t) { check_halves(t, t->tested->gemm.f16, false); }
static void check_bf16(ln_kt *t) { check_halves(t, t->tested->gemm.bf16, true); }

/* An 8-bit problem: A and B as tensors hold them, and what they mean. */
typedef struct bytes_problem {
  sizes s;
  int32_t k;
  bool a_unsigned, b_unsigned;
  int32_t a_zero, b_zero;
  uint8_t *a;    /* [segments][m][segment_length] */
  uint8_t *b;    /* [n][k] */
  int32_t *bias; /* [n] */
} bytes_problem;

static int32_t value_of(uint8_t byte, bool is_unsigned) { return is_unsigned ? byte : (int8_t)byte; }

static int32_t sum_of(const bytes_problem *p, int32_t i, int32_t j) {
  uint32_t sum = (uint32_t)p->bias[j];
  for (int32_t q = 0; q < p->k; ++q) {
    const int32_t segment = q / p->s.segment_length, at = q % p->s.segment_length;
    const int32_t a = value_of(p->a[(segment * p->s.m + i) * p->s.segment_length + at], p->a_unsigned) - p->a_zero;
    const int32_t b = value_of(p->b[j * p->k + q], p->b_unsigned) - p->b_zero;
    sum += (uint32_t)(a * b);
  }
  return (int32_t)sum;
}

/* LN_REQUANTIZE_FLOAT: two roundings to floats, one of their product, one to an integer. */
static double scale_in_floats(int32_t sum, int32_t multiplier, int32_t shift) {
  const volatile float product = (float)sum * ldexpf((float)multiplier, shift - 31);
  return rint((double)product);
}

static bytes_problem make_problem(ln_kt *t, int32_t index, const ln_gemm_q8_kernel *kernel) {
  bytes_problem p = {.s = next_sizes(t, index, kernel->mr, kernel->nr)};
  const int pattern = index % LN_KT_PATTERNS;
  p.a_unsigned = index % 2 != 0;
  p.b_unsigned = p.a_unsigned;
  p.a_zero = ln_kt_random_between(t, p.a_unsigned ? 0 : -128, p.a_unsigned ? 255 : 127);
  p.b_zero = index % 4 == 0 ? 0 : ln_kt_random_between(t, p.b_unsigned ? 0 : -128, p.b_unsigned ? 255 : 127);
  p.k = p.s.segments * p.s.segment_length;
  ln_kt_case(t, "m=%d n=%d k=%dx%d pattern=%d unsigned=%d zeros=%d,%d", p.s.m, p.s.n, p.s.segments, p.s.segment_length,
             pattern, p.a_unsigned, p.a_zero, p.b_zero);
  p.a = ln_kt_input(t, (size_t)(p.s.m * p.k));
  p.b = ln_kt_input(t, (size_t)(p.s.n * p.k));
  p.bias = ln_kt_input(t, (size_t)p.s.n * sizeof(int32_t));
  ln_kt_fill_u8(t, p.a, (size_t)(p.s.m * p.k), pattern);
  ln_kt_fill_u8(t, p.b, (size_t)(p.s.n * p.k), pattern);
  ln_kt_fill_i32(t, p.bias, (size_t)p.s.n, pattern, -100000, 100000);
  return p;
}

/* The operands in a kernel's form. */
typedef struct bytes_operands {
  const void *segments[MOST_SEGMENTS];
  ln_gemm_a a;
  void *panel;
  int32_t *bias;      /* folded, of whole panels */
  int32_t *row_terms; /* NULL for none */
} bytes_operands;

static void make_operands(ln_kt *t, const bytes_problem *p, const ln_gemm_q8_kernel *kernel, bytes_operands *o) {
  const int32_t group = kernel->k_group, length = p->s.segment_length;
  const int32_t a_bytes = ln_gemm_a_bytes(kernel);
  const int32_t stride = length + ln_kt_random_between(t, 0, 3);
  for (int32_t s = 0; s < p->s.segments; ++s) {
    char *rows =
        ln_kt_input(t, (size_t)((p->s.m - 1) * stride + (length + group - 1) / group * group) * (size_t)a_bytes);
    memset(rows, 0x5A, (size_t)((p->s.m - 1) * stride + length) * (size_t)a_bytes);
    for (int32_t i = 0; i < p->s.m; ++i) {
      kernel->convert_a(p->a + (s * p->s.m + i) * length, p->a_unsigned, p->a_zero, (size_t)length,
                        rows + i * stride * a_bytes);
    }
    o->segments[s] = rows;
  }
  o->a = (ln_gemm_a){o->segments, p->s.segments, length, (ptrdiff_t)stride * a_bytes};
  const int32_t steps = p->s.segments * ((length + group - 1) / group);
  o->panel = ln_kt_input_aligned(t, (size_t)(p->s.panels * steps * group * kernel->nr * kernel->b_bytes));
  int32_t *columns = ln_kt_input(t, (size_t)p->s.n * sizeof(int32_t));
  kernel->pack_b(p->s.n, p->s.segments, length, p->b, p->b_unsigned, p->b_zero, length, 1, p->k, o->panel, columns);
  const size_t columns_bytes = (size_t)(kernel->nr * p->s.panels) * sizeof(int32_t);
  o->bias = ln_kt_input(t, columns_bytes);
  memset(o->bias, 0, columns_bytes);
  o->row_terms = NULL;
  const bool bytes = kernel->a_form != LN_GEMM_A_I16;
  const int32_t a_zero = p->a_zero + ln_gemm_a_offset(kernel, p->a_unsigned),
                b_zero = p->b_zero - (p->b_unsigned ? 128 : 0);
  for (int32_t j = 0; j < p->s.n; ++j)
    o->bias[j] = p->bias[j] + (bytes ? p->k * a_zero * b_zero - a_zero * columns[j] : 0);
  if (!bytes || b_zero == 0) return;
  o->row_terms = ln_kt_input(t, (size_t)p->s.m * sizeof(int32_t));
  kernel->row_sums(p->s.m, &o->a, o->row_terms);
  for (int32_t i = 0; i < p->s.m; ++i) o->row_terms[i] *= -b_zero;
}

/* What the kernel precomputes of the params' columns, or NULL. */
static const void *scales_of(ln_kt *t, const ln_gemm_q8_kernel *kernel, int32_t n, const ln_gemm_q8_params *params,
                             const int32_t *bias, int64_t reach) {
  if (kernel->fold_scales == NULL) return NULL;
  void *scales = ln_kt_input(t, (size_t)((n + kernel->nr - 1) / kernel->nr) * kernel->scale_bytes);
  const ln_gemm_q8_columns columns = {params->multiplier, params->shift,      params->bias, bias, reach,
                                      params->zero_point, params->is_unsigned};
  kernel->fold_scales(n, &columns, scales);
  return scales;
}

/* Multipliers for the columns of a panel: any, or such as have few bits, which meet ties. */
static void fill_multipliers(ln_kt *t, int32_t set, int32_t n, int32_t *multiplier, int32_t *shift) {
  for (int32_t j = 0; j < n; ++j) {
    multiplier[j] = ln_kt_random_between(t, 1 << 30, INT32_MAX);
    if (set % 4 == 1) multiplier[j] &= INT32_MAX - ((1 << ln_kt_random_between(t, 0, 30)) - 1);
    shift[j] = -(set % 3 == 0 ? ln_kt_random_between(t, 0, 31) : set % 3 == 1 ? set / 2 : (set + j) % 15);
  }
  if (set % 4 == 2) multiplier[n / 2] = 0;
}

/*
 * Requantizing by itself: the operands are zero, so that sums are what bias and row terms make them. Each column meets
 * every step of its results within the range of bytes from both sides, the bias near it or as far from it as `reach`
 * says; and sums of all magnitudes.
 */
static void check_steps(ln_kt *t, const ln_gemm_q8_kernel *kernel, int32_t set) {
  enum { ROWS = 8 };
  ln_kt_case(t, "steps of set %d", set);
  const int32_t n = kernel->nr, k = kernel->k_group;
  void *rows = ln_kt_input(t, (size_t)(ROWS * k) * 2), *panel = ln_kt_input_aligned(t, (size_t)(k * n) * 2);
  memset(rows, 0, (size_t)(ROWS * k) * 2);
  memset(panel, 0, (size_t)(k * n) * 2);
  const void *segment = rows;
  const ln_gemm_a a = {&segment, 1, k, (ptrdiff_t)k * ln_gemm_a_bytes(kernel)};
  int32_t *numbers = ln_kt_input(t, (size_t)(3 * n + ROWS) * sizeof(int32_t));
  int32_t *bias = numbers, *multiplier = numbers + n, *shift = numbers + 2 * n, *terms = numbers + 3 * n;
  uint8_t *got = ln_kt_output(t, (size_t)(ROWS * n), 0), *want = ln_kt_output(t, (size_t)(ROWS * n), 0);
  void *scales = ln_kt_input(t, kernel->scale_bytes + sizeof(float));
  const int32_t reach = 1 << (set % 8 * 3);
  fill_multipliers(t, set, n, multiplier, shift);
  ln_gemm_q8_params params = {bias, multiplier, shift, NULL, 0, -128, 127, false, false, terms, NULL, false};
  for (int32_t step = -600; step <= 600; ++step) {
    const int32_t middle = reach <= 8 ? 0 : ln_kt_random_between(t, 4 - reach, reach - 4);
    params.zero_point = step % 2 == 0 ? -128 : step / 4 % 128;
    for (int32_t i = 0; i < ROWS; ++i) terms[i] = middle + i - 4;
    for (int32_t j = 0; j < n; ++j) { /* where results pass step / 2 */
      const double at = (double)step / 2 * ldexp(1.0, 31 - shift[j]) / (multiplier[j] == 0 ? 1 << 30 : multiplier[j]);
      bias[j] = (int32_t)fmax(-2.1e9, fmin(2.1e9, at - middle));
      if (step > 500 || step < -500) bias[j] = ln_kt_random_between(t, -(1 << 30), 1 << 30) >> (step & 15);
    }
    if (kernel->fold_scales != NULL) {
      const ln_gemm_q8_columns columns = {multiplier, shift, bias, bias, reach, params.zero_point, false};
      kernel->fold_scales(n, &columns, scales);
      params.scales = scales;
    }
    for (int32_t i = 0; i < ROWS; ++i) {
      for (int32_t j = 0; j < n; ++j) {
        const int32_t moved = ln_multiply_quantized(bias[j] + terms[i], multiplier[j], shift[j]) + params.zero_point;
        want[i * n + j] = (uint8_t)ln_clamp_i32(moved, params.low, params.high);
      }
    }
    kernel->run(ROWS, n, &a, panel, &params, got, n);
    ln_kt_equal(t, got, want, (size_t)(ROWS * n));
  }
}

static void bench_q8(ln_kt *t, const ln_gemm_q8_kernel *kernel) {
  const int32_t m = 4 * kernel->mr, n = kernel->nr;
  for (int32_t k = 16; k <= 256; k *= 4) {
    ln_kt_case(t, "bench");
    void *rows = ln_kt_input(t, (size_t)(m * k) * 2);
    void *panel = ln_kt_input_aligned(t, (size_t)(k * n) * 2);
    int32_t *numbers = ln_kt_input(t, (size_t)n * sizeof(int32_t));
    char *c = ln_kt_output(t, (size_t)(m * n), 0);
    memset(numbers, 0, (size_t)n * sizeof(int32_t));
    const void *segment = rows;
    const ln_gemm_a a = {&segment, 1, k, (ptrdiff_t)k * ln_gemm_a_bytes(kernel)};
    ln_gemm_q8_params params = {numbers, numbers, numbers, NULL, 0, -128, 127, false, true, NULL, NULL, false};
    params.scales = scales_of(t, kernel, n, &params, NULL, k * 255 * 255);
    int32_t *sums = ln_kt_output(t, (size_t)(m * n) * sizeof(int32_t), 0);
    char what[64];
    snprintf(what, sizeof what, "%dx%dx%d: sums, results", m, n, k);
    LN_KT_TIME(t, what, kernel->run_i32(m, n, &a, panel, NULL, NULL, sums, n),
               kernel->run(m, n, &a, panel, &params, c, n));
  }
}

/* Columns packed from wherever their elements lie: contiguous, side by side, and so that no kernel has a short way. */
static void check_pack_b(ln_kt *t, const ln_gemm_q8_kernel *kernel) {
  for (int32_t index = 0; index < 60; ++index) {
    sizes s = next_sizes(t, index, kernel->mr, kernel->nr);
    s.segment_length = ln_kt_random_between(t, 1, 150);
    const int32_t k = s.segments * s.segment_length;
    const bool is_unsigned = index % 2 != 0;
    const int32_t zero = is_unsigned ? 100 : -3;
    ln_kt_case(t, "pack n=%d k=%dx%d unsigned=%d", s.n, s.segments, s.segment_length, is_unsigned);
    uint8_t *tall = ln_kt_input(t, (size_t)(s.n * k)), *wide = ln_kt_input(t, (size_t)(s.n * k));
    uint8_t *apart = ln_kt_input(t, (size_t)(s.n * k) * 2);
    ln_kt_fill_u8(t, tall, (size_t)(s.n * k), index % LN_KT_PATTERNS);
    for (int32_t j = 0; j < s.n; ++j) {
      for (int32_t q = 0; q < k; ++q) wide[q * s.n + j] = apart[2 * (j * k + q)] = tall[j * k + q];
    }
    const int32_t steps = s.segments * ((s.segment_length + kernel->k_group - 1) / kernel->k_group);
    const size_t bytes = (size_t)(s.panels * steps * kernel->k_group * kernel->nr * kernel->b_bytes);
    const size_t columns = (size_t)s.n * sizeof(int32_t);
    void *want = ln_kt_output(t, bytes, 0), *got = ln_kt_output(t, bytes, 0), *other = ln_kt_output(t, bytes, 0);
    int32_t *want_sums = ln_kt_output(t, columns, 0), *sums = ln_kt_output(t, columns, 0);
    const int32_t length = s.segment_length;
    kernel->pack_b(s.n, s.segments, length, apart, is_unsigned, zero, 2 * length, 2, 2 * k, want, want_sums);
    kernel->pack_b(s.n, s.segments, length, tall, is_unsigned, zero, length, 1, k, got, sums);
    ln_kt_equal(t, got, want, bytes);
    ln_kt_equal(t, sums, want_sums, columns);
    kernel->pack_b(s.n, s.segments, length, wide, is_unsigned, zero, length * s.n, s.n, 1, other, sums);
    ln_kt_equal(t, other, want, bytes);
    ln_kt_equal(t, sums, want_sums, columns);
  }
}

static void check_q8_kernel(ln_kt *t, const ln_gemm_q8_kernel *kernel) {
  check_pack_b(t, kernel);
  for (int32_t index = 0; index < 160; ++index) {
    const bytes_problem p = make_problem(t, index, kernel);
    bytes_operands o;
    make_operands(t, &p, kernel, &o);
    const size_t columns = (size_t)(kernel->nr * p.s.panels);
    int32_t *multiplier = ln_kt_input(t, columns * sizeof(int32_t));
    int32_t *shift = ln_kt_input(t, columns * sizeof(int32_t));
    memset(multiplier, 0, columns * sizeof(int32_t));
    memset(shift, 0, columns * sizeof(int32_t));
    double *reals = ln_kt_input(t, columns * sizeof(double));
    const bool narrow = index % 7 != 0;
    for (int32_t j = 0; j < p.s.n; ++j) {
      reals[j] = j % 3 == 0 ? ldexp(1.0, -j % 13) : (double)ln_kt_random_f32(t, 0.0f, 0.01f); /* ties, and others */
      multiplier[j] = ln_kt_random_between(t, 1 << 30, INT32_MAX);
      if (index % 8 == 7 && j % 2 == 0) multiplier[j] = 1 << 30; /* ties in floats */
      shift[j] = ln_kt_random_between(t, -14, narrow ? 1 : 8);
    }
    const bool is_unsigned = index % 3 == 0;
    const int32_t floor = is_unsigned ? 0 : -128;
    ln_gemm_q8_params params = {o.bias,
                                multiplier,
                                shift,
                                index % 4 == 1 ? reals : NULL,
                                floor + ln_kt_random_between(t, 0, 255),
                                floor + ln_kt_random_between(t, 0, 20),
                                floor + ln_kt_random_between(t, 200, 255),
                                is_unsigned,
                                narrow,
                                o.row_terms,
                                NULL,
                                index % 4 == 3};
    if (params.reals == NULL && !params.in_floats && index % 5 != 0) {
      params.scales = scales_of(t, kernel, p.s.n, &params, p.bias, (int64_t)p.k * 255 * 255);
    }
    const int32_t c_stride = p.s.n + ln_kt_random_between(t, 0, 5);
    const size_t count = (size_t)(c_stride * (p.s.m - 1) + p.s.n);
    uint8_t *got = ln_kt_output(t, count, 1), *want = ln_kt_output(t, count, 0);
    int32_t *got_sums = ln_kt_output(t, count * 4, 4), *want_sums = ln_kt_output(t, count * 4, 0);
    for (int32_t i = 0; i < p.s.m; ++i) {
      for (int32_t j = 0; j < p.s.n; ++j) {
        const int32_t sum = sum_of(&p, i, j);
        const double scaled = params.reals != NULL ? round((double)sum * params.reals[j])
                              : params.in_floats && kernel->has_floats
                                  ? scale_in_floats(sum, multiplier[j], shift[j])
                                  : ln_multiply_quantized(sum, multiplier[j], shift[j]);
        const int64_t moved = (int64_t)scaled + params.zero_point;
        want[i * c_stride + j] = (uint8_t)(moved < params.low ? params.low : moved > params.high ? params.high : moved);
        want_sums[i * c_stride + j] = sum;
      }
    }
    kernel->run(p.s.m, p.s.n, &o.a, o.panel, &params, got, c_stride);
    ln_kt_equal(t, got, want, count);
    kernel->run_i32(p.s.m, p.s.n, &o.a, o.panel, o.bias, o.row_terms, got_sums, c_stride);
    ln_kt_equal(t, got_sums, want_sums, count * 4);
  }
  for (int32_t set = 0; set < 32; ++set) check_steps(t, kernel, set);
  if (ln_kt_bench(t)) bench_q8(t, kernel);
}

#if defined(LN_X86)
extern const ln_gemm_q8_kernel gemm_q8_twin; /* gemm_q8_twin.c */
#endif

static void check_q8(ln_kt *t) {
  check_q8_kernel(t, t->tested->gemm.q8);
#if defined(LN_X86)
  if (t->isa != LN_ISA_AVX512VNNI) return;
  printf("and %s\n", gemm_q8_twin.name);
  check_q8_kernel(t, &gemm_q8_twin);
#endif
}

/* ---- int16 ---- */

/* Rows of int16 with int8 columns, all the products that 32 bits hold; beyond them sums wrap. */
static void check_i16(ln_kt *t) {
  const ln_gemm_q8_kernel *kernel = t->tested->gemm.i16;
  assert_int_equal(kernel->a_form, LN_GEMM_A_I16);
  assert_int_equal(kernel->b_bytes, 2);
  for (int32_t index = 0; index < 120; ++index) {
    sizes s = next_sizes(t, index, kernel->mr, kernel->nr);
    const int pattern = index % LN_KT_PATTERNS;
    if (index % 3 == 0) s.segment_length = ln_kt_random_between(t, 100, 200);
    const int32_t length = s.segment_length, k = s.segments * length;
    ln_kt_case(t, "m=%d n=%d k=%dx%d pattern=%d", s.m, s.n, s.segments, length, pattern);
    const int32_t group = kernel->k_group, stride = length + ln_kt_random_between(t, 0, 3);
    const size_t count = (size_t)((s.m - 1) * stride + length);
    const void *segments[MOST_SEGMENTS];
    for (int32_t i = 0; i < s.segments; ++i) {
      int16_t *rows = ln_kt_input(t, (count + (size_t)((group - length % group) % group)) * sizeof *rows);
      ln_kt_fill_i16(t, rows, count, pattern);
      segments[i] = rows;
    }
    const int32_t zero = index % 4 == 0 ? ln_kt_random_between(t, -128, 127) : 0;
    int8_t *b = ln_kt_input(t, (size_t)(s.n * k));
    const int32_t rest = (s.n - 1) % kernel->nr + 1;
    const int32_t n = s.n - rest + (rest <= 16 && kernel->nr > 16 ? 16 : kernel->nr); /* as kernels are called */
    int32_t *bias = ln_kt_input(t, (size_t)n * sizeof *bias), *columns = ln_kt_output(t, (size_t)s.n * 4, 0);
    ln_kt_fill_i8(t, b, (size_t)(s.n * k), index % 2 == 0 ? pattern : LN_KT_RANDOM);
    ln_kt_fill_i32(t, bias, (size_t)n, pattern, -100000, 100000);
    const int32_t steps = s.segments * ((length + group - 1) / group);
    void *panels = ln_kt_input_aligned(t, (size_t)(s.panels * steps * group * kernel->nr) * sizeof(int16_t));
    kernel->pack_b(s.n, s.segments, length, b, false, zero, length, 1, k, panels, columns);
    const int32_t c_stride = n + ln_kt_random_between(t, 0, 5);
    const size_t out = (size_t)(c_stride * (s.m - 1) + n) * sizeof(int32_t);
    int32_t *got = ln_kt_output(t, out, 4), *want = ln_kt_output(t, out, 0);
    for (int32_t i = 0; i < s.m; ++i) {
      for (int32_t j = 0; j < n; ++j) {
        uint32_t sum = index % 5 == 1 ? 0 : (uint32_t)bias[j];
        for (int32_t q = 0; j < s.n && q < k; ++q)
          sum += (uint32_t)(((const int16_t *)segments[q / length])[i * stride + q % length] * (b[j * k + q] - zero));
        want[i * c_stride + j] = (int32_t)sum;
      }
    }
    const ln_gemm_a a = {segments, s.segments, length, stride * (ptrdiff_t)sizeof(int16_t)};
    kernel->run_i32(s.m, n, &a, panels, index % 5 == 1 ? NULL : bias, NULL, got, c_stride);
    ln_kt_equal(t, got, want, out);
  }
}

/* Sums of all magnitudes, and those about the steps of results, by all three scalings. */
static void check_scale_i16(ln_kt *t) {
  enum { ROWS = 5, ROW = LN_SCALE_I16_COLUMNS };
  for (int32_t set = 0; set < 1500; ++set) {
    const int32_t n = set % ROW + 1;
    ln_kt_case(t, "set=%d n=%d", set, n);
    int32_t *numbers = ln_kt_input(t, (size_t)(2 * ROW) * sizeof(int32_t));
    int32_t *sums = ln_kt_input_aligned(t, (size_t)(ROWS * ROW) * sizeof *sums);
    double *reals = ln_kt_input(t, ROW * sizeof *reals);
    const int way = set / 2 % 3;
    for (int32_t j = 0; j < ROW; ++j) {
      numbers[j] = ln_kt_random_between(t, 1 << 30, INT32_MAX);
      if (set % 8 == 1) numbers[j] = INT32_MAX - ln_kt_random_between(t, 0, 1 << 17);
      if (set % 8 == 2) numbers[j] = 1 << 30;
      if (set % 16 == 3 && j % 5 == 0) numbers[j] = 0;
      numbers[ROW + j] = ln_kt_random_between(t, -31, set % 9 == 0 ? 14 : 0);
      reals[j] = set % 4 == 0 ? ldexp(1.0, numbers[ROW + j]) : ldexp(numbers[j], numbers[ROW + j] - 31);
      const int32_t left = way == 1 && numbers[ROW + j] > 0 ? numbers[ROW + j] : 0;
      for (int32_t i = 0; i < ROWS; ++i) {
        const double step = (ln_kt_random_between(t, -33000, 33000) + 0.5) / (reals[j] > 0 ? reals[j] : 1);
        const double near = step + ln_kt_random_between(t, -1, 1), most = way == 1 ? (1 << 30) - 1 : INT32_MAX;
        int32_t sum = (int32_t)fmax(-most, fmin(most, near));
        if (i == 1) sum = ln_kt_random_between(t, -(1 << 30), 1 << 30) >> ln_kt_random_between(t, 1, 29);
        if (i == 2 && way != 1) sum = set % 3 == 0 ? INT32_MAX : -INT32_MAX;
        sums[i * ROW + j] = sum / (1 << left);
      }
    }
    const ln_scale_i16 by = {numbers,
                             numbers + ROW,
                             way == 2 ? reals : NULL,
                             way == 1,
                             set % 5 == 0 ? 0 : INT16_MIN,
                             set % 7 == 0 ? 1000 : INT16_MAX};
    const int32_t stride = n + set % 3;
    const size_t bytes = (size_t)((ROWS - 1) * stride + n) * sizeof(int16_t);
    int16_t *got = ln_kt_output(t, bytes, 2), *want = ln_kt_output(t, bytes, 0), *wide = ln_kt_output(t, bytes, 0);
    for (int32_t i = 0; i < ROWS; ++i) {
      int64_t row[ROW];
      for (int32_t j = 0; j < n; ++j) {
        const int32_t sum = sums[i * ROW + j], m = numbers[j], shift = numbers[ROW + j];
        const int32_t scaled = way == 2   ? ln_multiply_real(sum, reals[j])
                               : way == 1 ? ln_multiply_quantized(sum, m, shift)
                                          : ln_multiply_quantized_i64(sum, m, shift);
        want[i * stride + j] = (int16_t)ln_clamp_i32(scaled, by.low, by.high);
        row[j] = sum;
      }
      ln_k_scale_i64_to_i16(n, row, &by, wide + i * stride);
    }
    t->tested->gemm.scale_i16(ROWS, n, sums, ROW, &by, got, stride);
    ln_kt_equal(t, got, want, bytes);
    ln_kt_equal(t, wide, want, bytes);
  }
}

static const ln_kt_check checks[] = {
    {"f32", check_f32}, {"f32_few", check_f32_few},    {"f16", check_f16}, {"bf16", check_bf16}, {"q8", check_q8},
    {"i16", check_i16}, {"scale_i16", check_scale_i16}};
int main(int argc, char **argv) { return ln_kt_main(argc, argv, "gemm", checks, LN_COUNT(checks)); }
