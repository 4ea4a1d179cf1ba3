/* Element-wise functions of one array in plain C (unary.h). */
#include "kernels/unary.h"

#include <math.h>

#include "kernels/rows.h"

static float logistic_one(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

#define KERNEL(stem) ln_##stem##_generic
#define EXP expf
#define EXPM1 expm1f
#define LOGISTIC logistic_one
#define TANH tanhf
#define LOG logf
#define ERF_PLUS_ONE(x) (1.0f + erff(x))
#include "kernels/unary_body.inc"
#include "kernels/unary_log_body.inc"

void ln_table_u8_generic(const uint8_t *table, const uint8_t *in, uint8_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = table[in[i]];
}

#define PLAIN(name, expression)                                                   \
  static void name(const float *in, float *out, size_t count, float a, float b) { \
    size_t i;                                                                     \
    (void)a;                                                                      \
    (void)b;                                                                      \
    for (i = 0; i < count; ++i) {                                                 \
      const float x = in[i];                                                      \
      out[i] = expression;                                                        \
    }                                                                             \
  }

PLAIN(plain_sin, sinf(x))
PLAIN(plain_cos, cosf(x))
PLAIN(plain_floor, floorf(x))
PLAIN(plain_ceil, ceilf(x))
PLAIN(plain_round, rintf(x))
PLAIN(plain_sign, x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x))
PLAIN(plain_cbrt, cbrtf(x))

ln_unary_f32_fn *ln_k_unary_plain(ln_unary_plain function) {
  static ln_unary_f32_fn *const table[LN_PLAIN_COUNT] = {
      [LN_PLAIN_SIN] = plain_sin,   [LN_PLAIN_COS] = plain_cos,     [LN_PLAIN_FLOOR] = plain_floor,
      [LN_PLAIN_CEIL] = plain_ceil, [LN_PLAIN_ROUND] = plain_round, [LN_PLAIN_SIGN] = plain_sign,
      [LN_PLAIN_CBRT] = plain_cbrt,
  };
  return table[function];
}

void ln_k_abs_i32(const int32_t *in, int32_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = in[i] < 0 ? (int32_t)(0u - (uint32_t)in[i]) : in[i];
}

void ln_k_neg_i32(const int32_t *in, int32_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = (int32_t)(0u - (uint32_t)in[i]);
}

void ln_k_neg_i64(const int64_t *in, int64_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = (int64_t)(UINT64_C(0) - (uint64_t)in[i]);
}

void ln_k_sign_i32(const int32_t *in, int32_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = (in[i] > 0) - (in[i] < 0);
}

void ln_k_not_bool(const uint8_t *in, uint8_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = in[i] == 0;
}

/* ---- int16 ---- */

void ln_k_make_sigmoid_table(uint16_t *table) {
  int32_t i;
  for (i = 0; i < LN_SIGMOID_TABLE; ++i) {
    /* Each point is lifted by half of what linear interpolation misses in the middle of its interval. */
    const double here = 65536.0 / (1.0 + exp(-i / 24.0));
    const double next = 65536.0 / (1.0 + exp(-(i + 1) / 24.0));
    const double middle = 65536.0 / (1.0 + exp(-(i + 0.5) / 24.0));
    table[i] = (uint16_t)floor(here - ((here + next) / 2.0 - middle) / 2.0 + 0.5);
  }
  table[LN_SIGMOID_TABLE - 1] = UINT16_MAX; /* where saturation begins */
}

static int32_t rescale_i16(int16_t x, int32_t multiplier, int32_t shift) {
  const int64_t rounding = shift > 0 ? INT64_C(1) << (shift - 1) : 0;
  return (int32_t)(((int64_t)x * multiplier + rounding) >> shift);
}

void ln_k_logistic_i16(const uint16_t *table, const int16_t *in, int16_t *out, size_t count, int32_t multiplier,
                       int32_t shift) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const int32_t x = rescale_i16(in[i], multiplier, shift);
    const uint32_t magnitude = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    const uint32_t index = magnitude >> 9;
    uint32_t y = UINT32_C(0x7FFF) << 10;
    if (index < 255) {
      const uint32_t from = table[index];
      y = (from << 9) + (magnitude & 0x1FF) * (table[index + 1] - from);
    }
    out[i] = (int16_t)((x >= 0 ? y + (1u << 9) : (1u << 25) - y + (1u << 9) - 1u) >> 10);
  }
}

void ln_k_tanh_i16(const uint16_t *table, const int16_t *in, int16_t *out, size_t count, int32_t multiplier,
                   int32_t shift) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const int32_t x = rescale_i16(in[i], multiplier, shift);
    const uint32_t magnitude = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    const uint32_t index = magnitude >> 8;
    int32_t y = 0xFFFF << 8;
    if (index < 255) {
      const uint32_t from = table[index];
      y = (int32_t)((from << 8) + (magnitude & 0xFF) * (table[index + 1] - from));
    }
    out[i] = (int16_t)((x >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1) >> 8);
  }
}

void ln_k_piecewise_i16(const int16_t *in, int16_t *out, size_t count, const ln_piecewise_i16 *params) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const int32_t x = in[i] - params->in_zero;
    const ln_multiplier by = x >= 0 ? params->positive : params->negative;
    const int64_t y = (int64_t)ln_multiply_quantized(x, by.multiplier, by.shift) + params->out_zero;
    out[i] = (int16_t)(y < params->low ? params->low : (y > params->high ? params->high : y));
  }
}
