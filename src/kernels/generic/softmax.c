/* Softmax in plain C: floats, and TFLite's reference arithmetic for integers (softmax.h). */
#include "kernels/softmax.h"

#include <math.h>

#include "kernels/fixed_point.h"
#include "kernels/nest.h"
#include "kernels/rows.h"
#include "kernels/unary.h"

static float row_max(const float *row, size_t count) {
  float max = row[0];
  size_t i;
  for (i = 1; i < count; ++i) max = row[i] > max ? row[i] : max;
  return max;
}

static float row_sum(const float *row, size_t count) {
  double sum = 0.0;
  size_t i;
  for (i = 0; i < count; ++i) sum += (double)row[i];
  return (float)sum;
}

#define KERNEL(stem) ln_##stem##_generic
#define EXP expf
#include "kernels/softmax_body.inc"

void ln_k_log_softmax_f32(const float *in, float *out, size_t rows, size_t depth) {
  size_t r, i;
  for (r = 0; r < rows; ++r) {
    const float *row = in + r * depth;
    float *to = out + r * depth;
    const float max = row_max(row, depth);
    float sum = 0.0f;
    for (i = 0; i < depth; ++i) sum += expf(row[i] - max);
    sum = logf(sum);
    for (i = 0; i < depth; ++i) to[i] = row[i] - max - sum;
  }
}

/* ---- 8 bits ---- */

enum { INPUT_BITS = 5, SUM_BITS = 12 }; /* integer bits of the exponent and of the sum */

void ln_k_softmax_q8_make(ln_softmax_q8 *softmax, double beta, double in_scale) {
  const double real = fmin(beta * in_scale * (double)(1 << (31 - INPUT_BITS)), 2147483647.0);
  const ln_multiplier by = ln_quantize_multiplier(real);
  const double limit = ldexp((double)((1 << INPUT_BITS) - 1), 31 - INPUT_BITS - by.shift);
  int32_t d;
  for (d = 0; d < 256; ++d) {
    softmax->exps[d] =
        d > floor(limit) ? 0 : ln_fx_exp_negative(ln_multiply_quantized(-d, by.multiplier, by.shift), INPUT_BITS);
  }
}

static int32_t row_max_q8(const uint8_t *row, size_t depth, uint8_t flip) {
  int32_t max = 0;
  size_t i;
  for (i = 0; i < depth; ++i) max = (row[i] ^ flip) > max ? (row[i] ^ flip) : max;
  return max;
}

void ln_k_softmax_q8(const ln_softmax_q8 *softmax, const uint8_t *in, void *out, size_t rows, size_t depth) {
  const uint8_t flip = softmax->in_signed ? 0x80 : 0; /* signed values in the order of unsigned ones */
  const int32_t low = softmax->out_signed ? -(1 << (softmax->out_bits - 1)) : 0;
  const int32_t high = low + (1 << softmax->out_bits) - 1;
  size_t r, i;
  for (r = 0; r < rows; ++r) {
    const uint8_t *row = in + r * depth;
    const int32_t max = row_max_q8(row, depth, flip);
    int64_t sum = 0; /* the reference's 32 bits hold 4096 equal shares; from there on it stays at their end */
    int32_t over_unit, scale, shift;
    for (i = 0; i < depth; ++i) {
      sum += ln_rounding_divide_by_pot(softmax->exps[max - (row[i] ^ flip)], SUM_BITS);
    }
    scale = ln_fx_reciprocal(sum < INT32_MAX ? (int32_t)sum : INT32_MAX, SUM_BITS, &over_unit);
    shift = over_unit + 31 - softmax->out_bits;
    for (i = 0; i < depth; ++i) {
      const int32_t product = ln_fx_mul(scale, softmax->exps[max - (row[i] ^ flip)]);
      /* A sum of 512 and more asks for a shift beyond 31, where the reference gives up: every share rounds to 0. */
      const int32_t share = shift > 31 ? 0 : ln_rounding_divide_by_pot(product, shift);
      const int32_t value = ln_clamp_i32(share + low, low, high);
      if (softmax->out_bits == 16) ((int16_t *)out)[r * depth + i] = (int16_t)value;
      else ((uint8_t *)out)[r * depth + i] = (uint8_t)value;
    }
  }
}

void ln_k_log_softmax_q8_make(ln_log_softmax_q8 *softmax) {
  int32_t d;
  for (d = 0; d < 256; ++d) softmax->exps[d] = expf(-softmax->in_scale * (float)d);
}

void ln_k_log_softmax_q8(const ln_log_softmax_q8 *softmax, const uint8_t *in, uint8_t *out, size_t rows, size_t depth) {
  const uint8_t flip = softmax->is_signed ? 0x80 : 0;
  const float low = softmax->is_signed ? -128.0f : 0.0f;
  size_t r, i;
  for (r = 0; r < rows; ++r) {
    const uint8_t *row = in + r * depth;
    const int32_t max = row_max_q8(row, depth, flip);
    float sum = 0.0f;
    for (i = 0; i < depth; ++i) sum += softmax->exps[max - (row[i] ^ flip)];
    sum = logf(sum);
    for (i = 0; i < depth; ++i) {
      const float real = (float)((row[i] ^ flip) - max) * softmax->in_scale - sum;
      const float stored = rintf(real / softmax->out_scale) + (float)softmax->out_zero;
      out[r * depth + i] = (uint8_t)(int32_t)ln_clamp_f32(stored, low, low + 255.0f);
    }
  }
}

/* ---- 16 bits ---- */

static int32_t exp_i16(const ln_softmax_i16 *softmax, int32_t difference) {
  const int64_t x =
      (int64_t)ln_multiply_quantized(difference, softmax->rescale.multiplier, softmax->rescale.shift) + 32767;
  return ln_lut_i16(softmax->exp_lut, (int16_t)(x < INT16_MIN ? INT16_MIN : (x > INT16_MAX ? INT16_MAX : x)));
}

void ln_k_softmax_i16(const ln_softmax_i16 *softmax, const int16_t *in, int16_t *out, size_t rows, size_t depth) {
  size_t r, i;
  for (r = 0; r < rows; ++r) {
    const int16_t *row = in + r * depth;
    int16_t *to = out + r * depth;
    int32_t max = row[0], sum = 0, zeros, x, reciprocal, shift;
    for (i = 1; i < depth; ++i) max = row[i] > max ? row[i] : max;
    for (i = 0; i < depth; ++i) sum = ln_fx_add(sum, exp_i16(softmax, row[i] - max));
    zeros = ln_leading_zeros_u32((uint32_t)sum);
    /* sum / 2^(31 - zeros) - 1, in [0, 1), as the table of reciprocals takes it */
    x = (int32_t)((((int64_t)sum * (INT64_C(1) << (zeros > 0 ? zeros - 1 : 0))) + (1 << 13)) >> 14) -
        ((1 << 15) + (1 << 16));
    reciprocal = ln_lut_i16(softmax->reciprocal_lut, (int16_t)ln_clamp_i32(x, INT16_MIN, INT16_MAX));
    shift = 31 - zeros;
    for (i = 0; i < depth; ++i) {
      const int64_t product = (int64_t)exp_i16(softmax, row[i] - max) * reciprocal;
      const int64_t rounding = shift > 0 ? INT64_C(1) << (shift - 1) : 0;
      to[i] = (int16_t)ln_clamp_i32((int32_t)((product + rounding) >> shift), 0, INT16_MAX);
    }
  }
}
