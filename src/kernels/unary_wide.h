/* Functions of one tensor of doubles or of complex numbers of two floats: one plain version each. */
#ifndef LN_KERNELS_UNARY_WIDE_H
#define LN_KERNELS_UNARY_WIDE_H

#include <stddef.h>

typedef enum ln_wide_op {
  LN_WIDE_ABS, /* of complex numbers: floats */
  LN_WIDE_NEG,
  LN_WIDE_EXP,
  LN_WIDE_LOG,
  LN_WIDE_COS,
  LN_WIDE_TANH,
  LN_WIDE_LOGISTIC,
  LN_WIDE_RSQRT,
  LN_WIDE_CBRT,
  LN_WIDE_FLOOR, /* not of complex numbers */
  LN_WIDE_OP_COUNT
} ln_wide_op;

/* `in` and `out` may be the same memory where their elements have one size. */
void ln_k_unary_f64(ln_wide_op op, const double *in, double *out, size_t count);
/* Computed in double precision; many-valued functions give their principal value. */
void ln_k_unary_c64(ln_wide_op op, const void *in, void *out, size_t count);

#endif
