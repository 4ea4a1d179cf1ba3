/* Element-wise functions of one dense array; `out` may be `in`. */
#ifndef LN_KERNELS_UNARY_H
#define LN_KERNELS_UNARY_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/quant.h"

/* `a` and `b` are read where a slot names them. */
typedef void ln_unary_f32_fn(const float *in, float *out, size_t count, float a, float b);
/* out[i] = table[in[i]]. */
typedef void ln_table_u8_fn(const uint8_t *table, const uint8_t *in, uint8_t *out, size_t count);

/*
 * The generic tier uses the C library. A tier stays within the bound named here of the exact value; where none is
 * named, the operations are correctly rounded and every tier gives the same bits. NaN and infinities come out as from
 * the C library; results below the normal range (1.2e-38) may come out as 0. An element's result does not depend on
 * where in the array it stands.
 */
typedef struct ln_unary_kernels {
  ln_unary_f32_fn *clamp_f32;      /* to [a, b]; NaN passes */
  ln_unary_f32_fn *leaky_relu_f32; /* in > 0 ? in : in * a */
  ln_unary_f32_fn *hard_swish_f32; /* in * clamp(in + 3, 0, 6) / 6 */
  ln_unary_f32_fn *abs_f32, *neg_f32, *square_f32, *sqrt_f32;
  ln_unary_f32_fn *rsqrt_f32;     /* 1 / sqrt(in), two roundings */
  ln_unary_f32_fn *exp_f32;       /* 2 ulp */
  ln_unary_f32_fn *logistic_f32;  /* 4 ulp */
  ln_unary_f32_fn *tanh_f32;      /* 4 ulp */
  ln_unary_f32_fn *elu_f32;       /* in < 0 ? e^in - 1 : in; 4 ulp */
  ln_unary_f32_fn *gelu_tanh_f32; /* in/2 (1 + tanh(sqrt(2/pi) (in + 0.044715 in^3))); 2^-22 of |in| */
  ln_unary_f32_fn *log_f32;       /* 2 ulp */
  ln_unary_f32_fn *gelu_erf_f32;  /* in/2 (1 + erf(in / sqrt 2)); 2^-22 of |in| */
  ln_table_u8_fn *table_u8;
} ln_unary_kernels;

/* Functions with one version: the C library's, and exact ones. */
typedef enum ln_unary_plain {
  LN_PLAIN_SIN,
  LN_PLAIN_COS,
  LN_PLAIN_FLOOR,
  LN_PLAIN_CEIL,
  LN_PLAIN_ROUND, /* ties to even */
  LN_PLAIN_SIGN,  /* -1, 0, 1; NaN for NaN */
  LN_PLAIN_CBRT,
  LN_PLAIN_COUNT
} ln_unary_plain;
ln_unary_f32_fn *ln_k_unary_plain(ln_unary_plain function);

/* Functions by name. */
typedef enum ln_unary_op {
  LN_UNARY_RELU,
  LN_UNARY_RELU6,
  LN_UNARY_RELU_N1_TO_1,
  LN_UNARY_RELU_0_TO_1,
  LN_UNARY_LEAKY_RELU,
  LN_UNARY_ELU,
  LN_UNARY_GELU,
  LN_UNARY_HARD_SWISH,
  LN_UNARY_LOGISTIC,
  LN_UNARY_TANH,
  LN_UNARY_ABS,
  LN_UNARY_NEG,
  LN_UNARY_EXP,
  LN_UNARY_LOG,
  LN_UNARY_SQRT,
  LN_UNARY_RSQRT,
  LN_UNARY_SQUARE,
  LN_UNARY_SIN,
  LN_UNARY_COS,
  LN_UNARY_FLOOR,
  LN_UNARY_CEIL,
  LN_UNARY_ROUND,
  LN_UNARY_SIGN,
  LN_UNARY_LOGICAL_NOT,
  LN_UNARY_CBRT,
  LN_UNARY_OP_COUNT
} ln_unary_op;

/* Of doubles, by the C library; `a` and `b` as for floats, and b > 0 for the GELU by tanh. 0: no such function. */
int ln_k_map_f64(ln_unary_op op, const double *in, double *out, size_t count, double a, double b);
/* ABS, NEG, SQUARE and SIGN of integers, which wrap. */
int ln_k_map_i64(ln_unary_op op, const int64_t *in, int64_t *out, size_t count);

/* Integers; they wrap at the ends. */
void ln_k_abs_i32(const int32_t *in, int32_t *out, size_t count);
void ln_k_neg_i32(const int32_t *in, int32_t *out, size_t count);
void ln_k_neg_i64(const int64_t *in, int64_t *out, size_t count);
void ln_k_sign_i32(const int32_t *in, int32_t *out, size_t count);
void ln_k_not_bool(const uint8_t *in, uint8_t *out, size_t count);

/*
 * int16 sigmoid and tanh of TFLite's reference: linear interpolation in a table of sigmoid(i / 24), input rescaled by
 * multiplier * 2^-shift to units of 1/12288. The table has LN_SIGMOID_TABLE entries.
 */
enum { LN_SIGMOID_TABLE = 256 };
void ln_k_make_sigmoid_table(uint16_t *table);
void ln_k_logistic_i16(const uint16_t *table, const int16_t *in, int16_t *out, size_t count, int32_t multiplier,
                       int32_t shift);
void ln_k_tanh_i16(const uint16_t *table, const int16_t *in, int16_t *out, size_t count, int32_t multiplier,
                   int32_t shift);

/* clamp(rescale(in - in_zero, in >= in_zero ? positive : negative) + out_zero, low, high) */
typedef struct ln_piecewise_i16 {
  int32_t in_zero, out_zero, low, high;
  ln_multiplier positive, negative;
} ln_piecewise_i16;
void ln_k_piecewise_i16(const int16_t *in, int16_t *out, size_t count, const ln_piecewise_i16 *params);

/* A function of int16 values as 513 points with linear interpolation between every 128th value. */
enum { LN_LUT_I16 = 513 };
static inline int16_t ln_lut_i16(const int16_t *lut, int16_t value) {
  const int32_t index = 256 + (value >> 7);
  const int32_t base = lut[index];
  const int32_t slope = lut[index + 1] - base;
  return (int16_t)(base + ((slope * (value & 0x7F) + 64) >> 7));
}

#endif
