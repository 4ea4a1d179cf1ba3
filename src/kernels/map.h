/*
 * Element-wise functions in double precision, for the operators that no model is slow for: every float type is widened
 * to double and back (integers to int64, complex numbers to complex double), so that a function is written once.
 */
#ifndef LN_KERNELS_MAP_H
#define LN_KERNELS_MAP_H

#include <stdint.h>

/* Functions of one number; `a` is the slope of LEAKY_RELU. */
typedef enum ln_map_op {
  LN_MAP_ABS,
  LN_MAP_ACOS,
  LN_MAP_ACOSH,
  LN_MAP_ASIN,
  LN_MAP_ASINH,
  LN_MAP_ATAN,
  LN_MAP_ATANH,
  LN_MAP_BESSEL_I0E,
  LN_MAP_BESSEL_I1E,
  LN_MAP_CEIL,
  LN_MAP_CONJ,
  LN_MAP_COS,
  LN_MAP_COSH,
  LN_MAP_DIGAMMA,
  LN_MAP_ELU,
  LN_MAP_ERF,
  LN_MAP_ERFC,
  LN_MAP_ERFINV,
  LN_MAP_EXP,
  LN_MAP_EXPM1,
  LN_MAP_FLOOR,
  LN_MAP_INVERT,
  LN_MAP_IS_FINITE,
  LN_MAP_IS_INF,
  LN_MAP_IS_NAN,
  LN_MAP_LEAKY_RELU,
  LN_MAP_LGAMMA,
  LN_MAP_LOG,
  LN_MAP_LOG1P,
  LN_MAP_NDTRI,
  LN_MAP_NEG,
  LN_MAP_ONES,
  LN_MAP_RECIPROCAL,
  LN_MAP_RELU,
  LN_MAP_RELU6,
  LN_MAP_RINT,
  LN_MAP_RSQRT,
  LN_MAP_SELU,
  LN_MAP_SIGMOID,
  LN_MAP_SIGN,
  LN_MAP_SIN,
  LN_MAP_SINH,
  LN_MAP_SOFTPLUS,
  LN_MAP_SOFTSIGN,
  LN_MAP_SQRT,
  LN_MAP_SQUARE,
  LN_MAP_TAN,
  LN_MAP_TANH,
  LN_MAP_COUNT
} ln_map_op;

/* Functions of two numbers. Those of the gradients come as TensorFlow orders their inputs. */
typedef enum ln_map2_op {
  LN_MAP2_ADD,
  LN_MAP2_SUB,
  LN_MAP2_MUL,
  LN_MAP2_DIV,
  LN_MAP2_POW,
  LN_MAP2_EQUAL,
  LN_MAP2_NOT_EQUAL,
  LN_MAP2_SQUARED_DIFFERENCE, /* of complex numbers: conj(d) d */
  LN_MAP2_FLOOR_DIV,
  LN_MAP2_FLOOR_MOD,
  LN_MAP2_APPROXIMATE_EQUAL, /* |x - y| < a */
  LN_MAP2_ATAN2,
  LN_MAP2_DIV_NO_NAN,
  LN_MAP2_MUL_NO_NAN,
  LN_MAP2_IGAMMA,
  LN_MAP2_IGAMMAC,
  LN_MAP2_POLYGAMMA,
  LN_MAP2_XDIVY,
  LN_MAP2_XLOG1PY,
  LN_MAP2_XLOGY,
  LN_MAP2_ZETA,
  LN_MAP2_ELU_GRAD,        /* gradient, output */
  LN_MAP2_LEAKY_RELU_GRAD, /* gradient, feature; a the slope */
  LN_MAP2_RECIPROCAL_GRAD, /* output, gradient */
  LN_MAP2_RELU_GRAD,       /* gradient, feature or output */
  LN_MAP2_RELU6_GRAD,
  LN_MAP2_RSQRT_GRAD,    /* output, gradient */
  LN_MAP2_SELU_GRAD,     /* gradient, output */
  LN_MAP2_SIGMOID_GRAD,  /* output, gradient */
  LN_MAP2_SOFTPLUS_GRAD, /* gradient, feature */
  LN_MAP2_SOFTSIGN_GRAD, /* gradient, feature */
  LN_MAP2_SQRT_GRAD,     /* output, gradient */
  LN_MAP2_TANH_GRAD,     /* output, gradient */
  LN_MAP2_COUNT
} ln_map2_op;

typedef double ln_map_fn(double x, double a);
typedef int64_t ln_map_int_fn(int64_t x); /* wraps at the ends */
typedef void ln_map_complex_fn(const double *x, double *out);
typedef double ln_map2_fn(double x, double y, double a);
typedef void ln_map2_complex_fn(const double *x, const double *y, double *out);

/* NULL where a function has no such form. Complex numbers are pairs, real part first; `out` may be an operand. */
ln_map_fn *ln_k_map(ln_map_op op);
ln_map_int_fn *ln_k_map_int(ln_map_op op);
ln_map_complex_fn *ln_k_map_complex(ln_map_op op);
ln_map2_fn *ln_k_map2(ln_map2_op op);
ln_map2_complex_fn *ln_k_map2_complex(ln_map2_op op);

#endif
