/*
 * Operators that only gradients have, where TensorFlow Lite's would be slow: custom operators of this library, whose
 * rows stand in no list. Gradients made with ln_grad_build_fast hold them, and sessions of what ln_grad_snapshot gives
 * run them. An operator's numbers are an ln_grad_places, kept as its custom options.
 */
#ifndef LN_TRAIN_OPERATORS_H
#define LN_TRAIN_OPERATORS_H

#include "ops/move.h"
#include "ops/window.h"
#include "train/kernels/gradient.h"
#include "train/train.h"

/* Of a window over images; what an operator does not ask for is 0. [0] of rows, [1] of columns. */
typedef struct ln_grad_places {
  int32_t kernel[2], stride[2], dilation[2], before[2];
  int32_t image[2]; /* extents of the image, where no input has them */
  float low, high;
} ln_grad_places;

/* dx = dy where low < y < high: dy, y > dx, all of one shape */
extern const ln_op_def ln_op_mask_gradient;
/* x [n, h, w, c], dy [n, out_h, out_w, c] > dx [n, h, w, c]: the first of a window's largest elements has its gradient
 */
extern const ln_op_def ln_op_max_pool_gradient;
/* x [n, h, w, c], dy [n, out_h, out_w, out_c] > d filter [out_c, kernel_h, kernel_w, c], d bias [out_c] */
extern const ln_op_def ln_op_conv_filter_gradient;
/* x [n, h, w, c], dy [n, out_h, out_w, c] > d filter [1, kernel_h, kernel_w, c], d bias [c] */
extern const ln_op_def ln_op_depthwise_filter_gradient;
/* filter [1, kernel_h, kernel_w, c], dy [n, out_h, out_w, c] > dx [n, image, c] */
extern const ln_op_def ln_op_depthwise_input_gradient;
/* x [.., c] > mean [1, .., 1, c], variance: of each channel over all pixels, with a gradient */
extern const ln_op_def ln_op_moments;
/* Gives the mean; the variance is the tensor behind it. -1 once something has failed. */
int32_t ln_grad_moments(ln_grad *g, int32_t x);
ln_gradient_fn ln_gradient_moments;

/* x, range [2] > y, seen [2]: what integers of some bits will stand for, and the least and greatest of x */
extern const ln_op_def ln_op_fake_quant_step;
/* x, range [2], dy > dx, d range [2] */
extern const ln_op_def ln_op_fake_quant_gradient;
/* Adds the first of them: its y; `seen` may be NULL. */
int32_t ln_grad_fake_quant_step(ln_grad *g, int32_t x, int32_t range, int32_t bits, int32_t *seen);
ln_gradient_fn ln_gradient_fake_quant_step;

/* The kernels of this CPU. */
const ln_gradient_kernels *ln_gradient_kernels_get(void);

/* Adds such an operator; false, with outputs of -1, once something has failed. */
bool ln_grad_emit_own(ln_grad *g, const ln_op_def *row, const ln_grad_places *window, const int32_t inputs[2],
                      int32_t output_count, int32_t *outputs);
static inline int32_t ln_grad_own(ln_grad *g, const ln_op_def *row, const ln_grad_places *window, int32_t a,
                                  int32_t b) {
  int32_t output = -1;
  ln_grad_emit_own(g, row, window, (const int32_t[]){a, b}, 1, &output);
  return output;
}

/* ---- for the operators' own files ---- */

/* The operator's numbers, which may come from a file: LN_ERR_MODEL when they are none. */
ln_status ln_grad_read_window(const ln_node *node, ln_error *err, ln_grad_places *out);
/* Those of images: with extents of at least 1, and no window so large that its places cannot be counted. */
ln_status ln_grad_read_windows(const ln_node *node, ln_error *err, const ln_shape *image, const ln_shape *out,
                               ln_windows *windows);
/* The columns [begin, end) of the output that tap `at` of a window finds inside the image. */
void ln_grad_clip(int32_t at, int32_t stride, int32_t dilation, int32_t before, int32_t in, int32_t out, int32_t *begin,
                  int32_t *end);

#endif
