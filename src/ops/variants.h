/* What distinguishes rows of ops.def that share functions; each family has an enumeration of its own. */
#ifndef LN_OPS_VARIANTS_H
#define LN_OPS_VARIANTS_H

enum { LN_VARIANT_NONE = 0 };

/* ARG_MAX, ARG_MIN */
enum { LN_VARIANT_ARG_MAX = 0, LN_VARIANT_ARG_MIN = 1 };

/* REDUCE_*: values of ln_reduce_op; ANY and ALL are the greatest and least of 0 and 1. */
enum { LN_VARIANT_REDUCE_PROD = 1, LN_VARIANT_REDUCE_MAX = 2, LN_VARIANT_REDUCE_MIN = 3 };

/* The operators of transpose_conv.c: they order their inputs differently. */
enum { LN_VARIANT_TRANSPOSE_CONV = 0, LN_VARIANT_TRANSPOSE_CONV_BIAS = 1 };

/* pool2d */
enum { LN_POOL_AVERAGE = 0, LN_POOL_MAX };

/* resize */
enum { LN_RESIZE_BILINEAR = 0, LN_RESIZE_NEAREST };

/* REAL, IMAG */
enum { LN_COMPLEX_REAL = 0, LN_COMPLEX_IMAG = 1 };

#endif
