/*
 * Element-wise functions of two tensors, on blocks of broadcast rows (nest.h): out = clamp(f(a, b)).
 * An output may be the same memory as an input of the same shape.
 */
#ifndef LN_KERNELS_BINARY_H
#define LN_KERNELS_BINARY_H

#include <stdbool.h>

#include "kernels/nest.h"
#include "kernels/quant.h"

/* What a kernel needs beside its operands; each reads the members its comment names. */
typedef struct ln_binary_params {
  float low_f, high_f;        /* float activation range */
  int32_t low, high;          /* integer activation range */
  int32_t a_offset, b_offset; /* minus the zero points */
  int32_t out_offset;         /* the output's zero point */
  int32_t left_shift;         /* fractional bits added before rescaling */
  ln_multiplier a, b, out;    /* of quantized operands; shift <= 0 for a and b */
} ln_binary_params;

typedef void ln_binary_fn(const void *a, const void *b, void *out, const ln_block *block,
                          const ln_binary_params *params);

typedef struct ln_binary_kernels {
  /* float: clamp(f(a, b), low_f, high_f), correctly rounded: the same bits in every tier. NaN passes the clamp. */
  ln_binary_fn *add_f32, *sub_f32, *mul_f32, *div_f32, *squared_difference_f32;
  ln_binary_fn *min_f32, *max_f32; /* a < b ? a : b and a > b ? a : b; no clamp */
  /*
   * 8-bit quantized: A = rescale((a + a_offset) << left_shift, params.a), B likewise,
   * out = clamp(rescale(A +- B, params.out) + out_offset, low, high); |A +- B| < 2^31.
   */
  ln_binary_fn *add_i8, *add_u8, *sub_i8, *sub_u8;
  ln_binary_fn *add_i16; /* the same with offsets of 0 and a left shift of 15 */
  /* out = clamp(rescale((a + a_offset) * (b + b_offset), params.out) + out_offset, low, high) */
  ln_binary_fn *mul_i8, *mul_u8;
} ln_binary_kernels;

/*
 * The rest have one version. Operations by name; types by their number of the schema. NULL when there is no such pair.
 * Integers wrap where they overflow. The caller has seen to it that no divisor is 0 and no integer exponent negative.
 */
typedef enum ln_binary_op {
  LN_BINARY_ADD,
  LN_BINARY_SUB,
  LN_BINARY_MUL,
  LN_BINARY_DIV, /* integers: toward zero */
  LN_BINARY_MINIMUM,
  LN_BINARY_MAXIMUM,
  LN_BINARY_FLOOR_DIV, /* toward minus infinity */
  LN_BINARY_FLOOR_MOD, /* with the sign of the divisor */
  LN_BINARY_SQUARED_DIFFERENCE,
  LN_BINARY_POW,
  LN_BINARY_EQUAL, /* from here on the output is bool */
  LN_BINARY_NOT_EQUAL,
  LN_BINARY_LESS,
  LN_BINARY_LESS_EQUAL,
  LN_BINARY_GREATER,
  LN_BINARY_GREATER_EQUAL,
  LN_BINARY_LOGICAL_AND,
  LN_BINARY_LOGICAL_OR,
  LN_BINARY_PRELU, /* a >= 0 ? a : a * b; from here on not bool */
  LN_BINARY_ATAN2, /* the angle of the point (b, a) */
  LN_BINARY_BITWISE_XOR,
  LN_BINARY_RIGHT_SHIFT, /* arithmetic for signed types; shifts beyond the type's bits are cut to fit */
  LN_BINARY_REMAINDER,   /* with the sign of the dividend */
  LN_BINARY_AND,         /* of bits, or of truth */
  LN_BINARY_OR,
  LN_BINARY_SHIFT_LEFT, /* 0 where bits are shifted by their number or more */
  LN_BINARY_OP_COUNT
} ln_binary_op;

typedef enum ln_binary_type {
  LN_BINARY_F32,
  LN_BINARY_I8,
  LN_BINARY_U8,
  LN_BINARY_I16,
  LN_BINARY_I32,
  LN_BINARY_I64,
  LN_BINARY_BOOL,
  LN_BINARY_U32,
  LN_BINARY_U16,
  LN_BINARY_U64,
  LN_BINARY_F64,
  LN_BINARY_F16, /* computed in f32, rounded to nearest even */
  LN_BINARY_BF16,
  LN_BINARY_C64, /* two floats: ADD, SUB, MUL, DIV, POW, EQUAL, NOT_EQUAL; MINIMUM, MAXIMUM by real, then imaginary part
                  */
  LN_BINARY_C128, /* two doubles: ADD, SUB, MUL, DIV, EQUAL, NOT_EQUAL */
  LN_BINARY_TYPE_COUNT
} ln_binary_type;

/* Plain arithmetic on the stored values; integers of ADD, SUB, MUL and DIV clamp to [low, high]. */
ln_binary_fn *ln_k_binary_find(ln_binary_op op, ln_binary_type type);
ln_binary_fn *ln_k_binary_find_c64(ln_binary_op op);
/* What ln_k_binary_find looks up behind the pairs that have a loop for each form of a block. */
ln_binary_fn *ln_k_binary_find_rare(ln_binary_op op, ln_binary_type type);
/* Comparisons of floats by IEEE 754's total order: -NaN < -inf < ... < -0 < 0 < ... < inf < NaN. */
ln_binary_fn *ln_k_binary_find_total_order(ln_binary_op op, ln_binary_type type);
/* Comparisons of quantized int8 and uint8: both sides rescaled as in add_i8, then compared. */
ln_binary_fn *ln_k_binary_find_quantized_compare(ln_binary_op op, ln_binary_type type);

/* Quantized forms without tiers: as add_i8 and mul_i8. */
void ln_k_add_q16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_sub_q16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_mul_q16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
/* int16 with power-of-two scales: one side is divided by 2^-params.a.shift or 2^-params.b.shift, then a saturating sum.
 */
void ln_k_add_pot16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_sub_pot16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
/* out = clamp(rescale((a + a_offset) / (b + b_offset), params.out) + out_offset, low, high) by a fixed-point
 * reciprocal. */
void ln_k_div_i8(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_div_i16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_div_u8(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
/* a' = a + a_offset; clamp(rescale(a', params.a) where a' >= 0, else rescale(a' * (b + b_offset), params.out), +
 * out_offset). */
void ln_k_prelu_i8(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_prelu_i16(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_prelu_i16_i8(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
void ln_k_prelu_u8(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params);
/* clamp(rescale(d * d, params.out) + out_offset) of d = A - B as in sub_i8. */
void ln_k_squared_difference_i8(const void *a, const void *b, void *out, const ln_block *block,
                                const ln_binary_params *params);
/* Whether any of `count` stored integers of `bytes` bytes, read as signed, is `value`, or is negative. */
bool ln_k_any_equal(const void *values, size_t count, size_t bytes, int64_t value);
bool ln_k_any_negative(const void *values, size_t count, size_t bytes);

#endif
