/* Softmax and log-softmax over the rows of [rows, depth]; `out` may be `in` where the element sizes agree. */
#ifndef LN_KERNELS_SOFTMAX_H
#define LN_KERNELS_SOFTMAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/quant.h"

/* out = e^(beta (in - max)) / sum; 6 ulp of the exact value beside the rounding of beta (in - max). */
typedef void ln_softmax_f32_fn(const float *in, float *out, size_t rows, size_t depth, float beta);

typedef struct ln_softmax_kernels {
  ln_softmax_f32_fn *softmax_f32;
} ln_softmax_kernels;

void ln_k_log_softmax_f32(const float *in, float *out, size_t rows, size_t depth);

/* 8-bit log-softmax: exps[d] is e^(-d in_scale); out = round((in_scale (in - max) - log sum) / out_scale) + out_zero.
 */
typedef struct ln_log_softmax_q8 {
  float exps[256];
  float in_scale, out_scale;
  int32_t out_zero;
  bool is_signed;
} ln_log_softmax_q8;
void ln_k_log_softmax_q8_make(ln_log_softmax_q8 *softmax);
void ln_k_log_softmax_q8(const ln_log_softmax_q8 *softmax, const uint8_t *in, uint8_t *out, size_t rows, size_t depth);

/*
 * 8-bit softmax in TFLite's reference arithmetic. exps[d] is e^(-d steps) as a fixed-point fraction (31 bits), 0 beyond
 * the reference's range. The output has the bits of `out_type_bits`, its least value standing for 0.
 */
typedef struct ln_softmax_q8 {
  int32_t exps[256];
  bool in_signed, out_signed;
  int32_t out_bits; /* 8 or 16 */
} ln_softmax_q8;
void ln_k_softmax_q8_make(ln_softmax_q8 *softmax, double beta, double in_scale);
void ln_k_softmax_q8(const ln_softmax_q8 *softmax, const uint8_t *in, void *out, size_t rows, size_t depth);

/* int16 softmax: e^x on [-10, 0] and 1 / (1 + x) on [0, 1] by tables of 513 points (ln_lut_i16). */
typedef struct ln_softmax_i16 {
  const int16_t *exp_lut, *reciprocal_lut;
  ln_multiplier rescale; /* of in - max, to units of 10 / 65535 */
} ln_softmax_i16;
void ln_k_softmax_i16(const ln_softmax_i16 *softmax, const int16_t *in, int16_t *out, size_t rows, size_t depth);

#endif
