/* Identity. */
#include "import/onnx/onnx.h"

void ln_onnx_identity(ln_onnx_node *n) { ln_onnx_out_value(n, 0, ln_onnx_in_value(n, 0)); }
