/* Floats quantized to int8 while a model runs: what products of floats with int8 weights begin and end with. */
#ifndef LN_KERNELS_HYBRID_H
#define LN_KERNELS_HYBRID_H

#include <stddef.h>
#include <stdint.h>

/* q = round(x * 127 / max|x|) in [-127, 127], halves away from zero; *scale = max|x| / 127, or 1 when all are zero. */
void ln_k_quantize_symmetric(const float *x, size_t count, int8_t *q, float *scale);
/* q = round(x / scale) + zero point in [-128, 127] over the range of x and 0; scale 1 and zero point 0 when all are
 * zero. */
void ln_k_quantize_asymmetric(const float *x, size_t count, int8_t *q, float *scale, int32_t *zero_point);

/* How floats become int8: what ln_round_i8_fn is given, and what the result means. */
typedef struct ln_hybrid_form {
  float factor, offset, low, high;
  float scale;
  int32_t zero_point;
} ln_hybrid_form;
/* Those of the two above, from the least and the greatest of x and 0. */
void ln_k_form_symmetric(float low, float high, ln_hybrid_form *form);
void ln_k_form_asymmetric(float low, float high, ln_hybrid_form *form);

/*
 * out[i * out_stride + j] = clamp(sums[i * n + j] * b_scale[j or 0] * a_scale + bias[j]); bias NULL: 0.
 * `a_scales` holds one for each of m rows, or one for all.
 */
typedef struct ln_hybrid_scales {
  const float *a_scales;
  int32_t a_count;
  const float *b_scales;
  int32_t b_count;
  const float *bias;
  float low, high;
} ln_hybrid_scales;
void ln_k_scale_sums(int32_t m, int32_t n, const int32_t *sums, const ln_hybrid_scales *scales, float *out);

/* ---- what they are made of: the same bits in every tier ---- */

/* The least and the greatest of x and 0; NaN is passed over. */
typedef void ln_range_f32_fn(const float *x, size_t count, float *low, float *high);
/* q = round(offset + x * factor), halves away from zero, cut to [low, high]; NaN gives `low`. */
typedef void ln_round_i8_fn(const float *x, size_t count, float factor, float offset, float low, float high, int8_t *q);
/* ln_k_scale_sums for one row, `scales` with a_scale in place of a_scales. */
typedef void ln_scale_row_fn(const int32_t *sums, size_t count, float a_scale, const ln_hybrid_scales *scales,
                             float *out);

typedef struct ln_hybrid_kernels {
  ln_range_f32_fn *range_f32;
  ln_round_i8_fn *round_i8;
  ln_scale_row_fn *scale_row;
} ln_hybrid_kernels;

#endif
