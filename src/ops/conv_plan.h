/*
 * Convolution as matrix products over image lines, for every element type that ln_gemm_plan knows. The image is never
 * rearranged as a whole: kernels read windows out of its lines, which are first copied only where padding or the
 * kernel's form of A asks for it.
 */
#ifndef LN_OPS_CONV_PLAN_H
#define LN_OPS_CONV_PLAN_H

#include "ops/gemm_plan.h"
#include "ops/window.h"

typedef enum ln_conv_mode {
  LN_CONV_PLAIN, /* the input is the matrix A as it lies: 1x1 kernels, kernels as large as the image */
  LN_CONV_LINES, /* a product for each line of output pixels */
  LN_CONV_GATHER /* windows copied for a block of output pixels: narrow images */
} ln_conv_mode;

/* Extents. Input [batch, h.in, w.in, in_c], filter [out_c, h.kernel, w.kernel, in_c / groups], output
 * [batch, h.out, w.out, out_c]. */
typedef struct ln_conv_shape {
  int32_t batch, in_c, out_c, groups;
  ln_window h, w;
} ln_conv_shape;

typedef struct ln_conv_plan {
  ln_conv_shape shape;
  ln_conv_mode mode;
  int32_t segments, segment_length;             /* that the product must be planned with */
  int32_t block;                                /* lines of output pixels (LINES) or output pixels (GATHER) in a task */
  bool direct;                                  /* LINES: windows are read from the tensor itself */
  int32_t lines;                                /* LINES: image lines that a block needs */
  size_t line_bytes;                            /* LINES: of a copied line; GATHER: of a row of A */
  size_t copy_bytes, pointer_bytes, term_bytes; /* parts of a thread's scratch */
} ln_conv_plan;

/* Products of extents are within int32, so that pixels and lines can be counted in it: what the rest relies on. */
bool ln_conv_is_countable(const ln_conv_shape *shape);
/* First step: the mode and the segments, before the product is planned. The shape has no zero extent and is countable.
 */
void ln_conv_plan_begin(ln_conv_plan *conv, const ln_conv_shape *shape);
/* Second step, with the product planned: blocks and scratch for each thread. False when sizes overflow. */
bool ln_conv_plan_finish(ln_conv_plan *conv, const ln_gemm_plan *plan, size_t *thread_bytes);
/* Whether ln_conv_run of all the shape's images hands what it writes to ln_exec_finish. */
bool ln_conv_finishes(const ln_conv_plan *conv, const ln_gemm_plan *plan);
/* Runs `batch` images; `plan` and `b` may differ from prepare's in zero points and bias. */
void ln_conv_run(const ln_conv_plan *conv, const ln_gemm_plan *plan, const ln_gemm_b *b, const ln_exec *exec,
                 int32_t batch, const void *in, void *out);

#endif
