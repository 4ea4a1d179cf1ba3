/*
 * ln_multiply_quantized by way of single precision, with the reference's bits. The includer defines NR, the columns of
 * a panel, a multiple of 16.
 *
 * For r = -shift >= 0 the reference gives, with P = 2^(31 + r), h = 2^30 (0 when r = 0) and s the sign of x,
 *   z = floor((x * M + s * h) / P + 1/2):
 * both of its roundings collapse into one, and z steps where |x| * M passes N(j) = j * P - P / 2 - h, j = 1, 2, ...
 * The multiplier is cut into M = high + low, 128 dividing high and |low| <= 64. Then
 *   near = x * low + s * h     a fused multiply-add; for |x| <= 2^24 below 2^31, so rounded by at most 64;
 *   sum = x * high + near      another one, rounded down, which steps over no multiple of P / 2;
 *   z = (floor(sum / (P / 2)) + 1) >> 1
 * is right for all |x| <= 2^24 and |z| < REACH when no multiple of M is nearer than NEAR to any N(j) up to j = REACH,
 * or when low is 0, which makes `near` exact. With r <= REGULAR that covers all z that 8 bits hold, and larger x give
 * results beyond them on either way.
 *
 * Channels of next to no scale, as dead ones have, are apart: their bias is beyond what floats hold, and beyond the sum
 * of products, so that s is known. It leaves the sum for the constants: what it adds to z in whole halves is added
 * behind the floats, and the rest of it is part of `near`.
 */
#ifndef LN_KERNELS_X86_REQUANTIZE_FLOATS_H
#define LN_KERNELS_X86_REQUANTIZE_FLOATS_H

#include <string.h>

#include "kernels/gemm.h"
#include "kernels/x86/vec_i32.h"

enum { FLOATS_REACH = 257, FLOATS_REGULAR = 15, FLOATS_NEAR = 65, FLOATS_HALVES = 8000 };

/* A panel's columns, when all of them fit. */
typedef struct ln_floats_panel {
  uint32_t fits;
  uint32_t signed_nudges; /* bits of columns whose nudge takes the sum's sign */
  int32_t bias[NR];       /* what sums begin with */
  float nudge[NR];        /* h, or the rest of the bias, over P / 2 */
  int16_t halves[NR];     /* added to floor(sum / (P / 2)) before that is halved: the zero point is within */
} ln_floats_panel;

typedef struct ln_floats_column {
  int32_t multiplier, shift, bias;
  int64_t reach;
} ln_floats_column;

/* 2^exponent, which is -126 at least. */
static inline float floats_power(int32_t exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return power;
}

static inline int64_t floats_magnitude(int64_t a) { return a < 0 ? -a : a; }

static inline bool floats_regular(const ln_floats_column *c) {
  const int64_t most = floats_magnitude(c->bias) + c->reach;
  return c->multiplier == 0 || (c->multiplier >= 1 << 30 && c->shift <= 0 && c->shift >= -31 && most < 1 << 30 &&
                                (c->shift >= -FLOATS_REGULAR || most <= 1 << 24));
}

/* Of a panel's regular columns, whether they fit for |z| < reach. The distances from N(j) up to the next multiple of M:
 * modulo M each is the one before less P. Columns of multiplier 0 are left out. */
static inline bool floats_regular_fit(const ln_floats_column *columns, int32_t reach) {
  enum { VECTORS = NR / VI_LANES };
  int32_t m[NR], step[NR], above[NR];
  vi vm[VECTORS], vstep[VECTORS], vabove[VECTORS], least[VECTORS], most[VECTORS];
  for (int32_t i = 0; i < NR; ++i) {
    const bool any = columns[i].multiplier != 0;
    const int64_t unit = INT64_C(1) << (31 - (any ? columns[i].shift : 0));
    const int64_t first = unit / 2 - (any && columns[i].shift < 0 ? INT64_C(1) << 30 : 0);
    m[i] = any ? columns[i].multiplier : 1 << 30;
    step[i] = (int32_t)(unit % m[i]);
    above[i] = m[i] - 1 - (int32_t)((first - 1) % m[i]);
  }
  for (int32_t v = 0; v < VECTORS; ++v) {
    vm[v] = vi_load(m + v * VI_LANES);
    vstep[v] = vi_load(step + v * VI_LANES);
    least[v] = most[v] = vabove[v] = vi_load(above + v * VI_LANES);
  }
  for (int32_t j = 1; j < reach; ++j) {
#pragma GCC unroll 2
    for (int32_t v = 0; v < VECTORS; ++v) {
      const vi next = vi_sub(vabove[v], vstep[v]);
      vabove[v] = vi_add(next, vi_and(vi_sign(next), vm[v]));
      least[v] = vi_min(least[v], vabove[v]);
      most[v] = vi_max(most[v], vabove[v]);
    }
  }
  bool fit = true;
  for (int32_t v = 0; v < VECTORS; ++v) {
    vi_store(above + v * VI_LANES, least[v]);
    vi_store(step + v * VI_LANES, most[v]);
  }
  for (int32_t i = 0; i < NR; ++i) {
    fit = fit && (m[i] % 128 == 0 || (above[i] >= FLOATS_NEAR && step[i] <= m[i] - FLOATS_NEAR));
  }
  return fit;
}

/* Whether no multiple of M is as near as `error` to an N(j) that |x| * M may pass, |x| from `least` to `most`. */
static inline bool floats_apart(int64_t m, int64_t unit, int64_t nudge, int64_t least, int64_t most, int64_t error) {
  const int64_t from = (least * m - error + unit / 2 + nudge) / unit, to = (most * m + error + unit / 2 + nudge) / unit;
  if (to - from > 4 * FLOATS_REACH) return false;
  for (int64_t j = from < 0 ? 1 : from + 1; j <= to; ++j) {
    const int64_t above = (m - (j * unit - unit / 2 - nudge) % m) % m;
    if (above <= error || above >= m - error) return false;
  }
  return true;
}

/* A column whose bias leaves the sum, but for what makes the nudge small where there is room: its bias, nudge and
 * halves; false when it does not fit. */
static inline bool floats_apart_column(const ln_floats_column *c, int32_t *bias, float *nudge, int32_t *halves) {
  const int64_t size = floats_magnitude(c->bias), m = c->multiplier;
  if (m < 1 << 30 || c->shift > 0 || c->shift < -31) return false;
  if (c->reach > 1 << 24 || size <= c->reach || size + c->reach > INT32_MAX) return false;
  const int64_t unit = INT64_C(1) << (31 - c->shift), h = c->shift < 0 ? INT64_C(1) << 30 : 0;
  const int64_t product = c->bias * m, raised = product + unit / 4; /* below 2^62 */
  const int64_t whole = raised / (unit / 2) - (raised % (unit / 2) < 0 ? 1 : 0);
  if (whole > FLOATS_HALVES || whole < -FLOATS_HALVES) return false;
  int64_t left = (product - whole * (unit / 2)) / m;
  if (floats_magnitude(left) + c->reach > 1 << 24) left = 0;
  const int64_t rest = product - whole * (unit / 2) - left * m + (c->bias < 0 ? -h : h);
  const int64_t error = (64 * (c->reach + floats_magnitude(left)) + 2 * floats_magnitude(rest)) / (1 << 24) + 4;
  if (!floats_apart(m, unit, h, size - c->reach, size + c->reach, error)) return false;
  *bias = (int32_t)left;
  *nudge = (float)((double)rest / (double)(unit / 2));
  *halves = (int32_t)whole;
  return true;
}

/* The columns of one panel; `count` of them are present. */
static inline void floats_fold_panel(const ln_gemm_q8_columns *columns, int32_t first, int32_t count,
                                     ln_floats_panel *out) {
  ln_floats_column c[NR] = {{0, 0, 0, 0}};
  const int32_t zero = 2 * (columns->zero_point - (columns->is_unsigned ? 128 : 0)) + 1;
  bool fits = true;
  *out = (ln_floats_panel){0};
  for (int32_t j = 0; j < NR && fits; ++j) {
    int32_t halves = 0;
    out->bias[j] = columns->folded[first + j];
    out->halves[j] = (int16_t)zero;
    if (j >= count) continue;
    c[j].multiplier = columns->multiplier[first + j];
    c[j].shift = columns->shift[first + j];
    c[j].bias = columns->bias == NULL ? 0 : columns->bias[first + j];
    c[j].reach = columns->reach;
    if (floats_regular(&c[j])) {
      out->signed_nudges |= UINT32_C(1) << j;
      if (c[j].multiplier != 0 && c[j].shift < 0) out->nudge[j] = floats_power(c[j].shift);
      continue;
    }
    int32_t left = 0;
    fits = floats_apart_column(&c[j], &left, &out->nudge[j], &halves);
    out->bias[j] = (int32_t)((uint32_t)out->bias[j] - (uint32_t)c[j].bias + (uint32_t)left);
    out->halves[j] = (int16_t)(zero + halves);
    c[j].multiplier = 0;
  }
  /* Of results that 8 bits hold, the one farthest from 0, and one more. */
  out->fits = fits && floats_regular_fit(c, 129 + (zero < 0 ? -zero : zero) / 2);
}

/* fold_scales of ln_gemm_q8_kernel. */
static inline void floats_fold(int32_t n, const ln_gemm_q8_columns *columns, void *scales) {
  ln_floats_panel *panels = scales;
  for (int32_t j = 0; j < n; j += NR) floats_fold_panel(columns, j, n - j < NR ? n - j : NR, panels + j / NR);
}

#endif
