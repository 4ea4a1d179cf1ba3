/* What the files of CONV_2D share. */
#ifndef LN_OPS_CONV2D_H
#define LN_OPS_CONV2D_H

#include "ops/conv_plan.h"

typedef struct conv2d_args {
  ln_conv_plan conv;
  ln_gemm_plan plan;
  bool empty;          /* no output elements */
  bool pack_in_run;    /* the filter is no constant: packed into node scratch */
  bool fold_in_run;    /* the bias alone is none */
  ln_run_fn run_other; /* int16, hybrid and sparse forms; NULL for floats and bytes */
  void *other;         /* their own arguments */
} conv2d_args;

/* Extents from the node's shapes and options, checked. */
ln_status ln_conv2d_shape(const ln_node *node, ln_error *err, ln_conv_shape *out);
/* The filter as a product's B. */
ln_gemm_source ln_conv2d_filter(const conv2d_args *args, const ln_weights *filter);
/* Packs a constant filter (with its bias, where that is folded in), or takes node scratch to do it in run. */
ln_status ln_conv2d_pack_filter(ln_node *node, ln_prep *prep, conv2d_args *args, const void *bias);
/* The same for a filter that is no constant, in run, at the beginning of node scratch. */
ln_status ln_conv2d_pack_in_run(const ln_node *node, const conv2d_args *args, const void *bias, ln_exec *exec,
                                ln_gemm_b *b);

/* int16 x int8 with constants: a product as any other. */
bool ln_conv2d_is_fixed_i16(const ln_node *node);
ln_status ln_conv2d_plan_i16(ln_node *node, ln_prep *prep, conv2d_args *args);
/* int16 x int8 with others, and float x int8 with the input quantized in run; both set run_other. */
ln_status ln_conv2d_prepare_i16(ln_node *node, ln_prep *prep, conv2d_args *args, const ln_conv_shape *shape);
ln_status ln_conv2d_prepare_hybrid(ln_node *node, ln_prep *prep, conv2d_args *args);
/* A constant 1x1 filter of so many zeros that its sparse form is faster: sets run_other then. */
ln_status ln_conv2d_try_sparse(ln_node *node, ln_prep *prep, conv2d_args *args);

#endif
