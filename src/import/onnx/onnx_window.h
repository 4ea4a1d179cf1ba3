/* What slides over spatial dimensions, as attributes of Conv, the pools and their kin describe it. */
#ifndef LN_IMPORT_ONNX_ONNX_WINDOW_H
#define LN_IMPORT_ONNX_ONNX_WINDOW_H

#include "import/onnx/onnx.h"

/* kernel_shape (or the spatial dimensions of `weights`, [out, in, ...]; -1: the attribute alone), strides, dilations,
 * pads and auto_pad for `a` [n, c, ...]; false after a failure. */
bool ln_onnx_read_window(ln_onnx_node *n, int32_t a, int32_t weights, ln_window *out);
/* An attribute with a value for each spatial dimension; `otherwise` where it is absent. */
bool ln_onnx_spatial(ln_onnx_node *n, const char *attribute, int32_t rank, int32_t otherwise, int32_t *out);
/* A convolution with the node's attributes; bias -1: none. */
int32_t ln_onnx_emit_conv(ln_onnx_node *n, int32_t a, int32_t weights, int32_t bias);
/* int64 [n, c, ...]: where the first largest element of each window of `a` stands among all of `a`. */
int32_t ln_onnx_window_places(ln_onnx_node *n, int32_t a, const ln_window *w, bool by_column);

#endif
