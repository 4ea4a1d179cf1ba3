/* Operators that are known and cannot be converted: why, and what to do. */
#include "import/onnx/onnx.h"

enum { RANDOM, PICTURES, MAPS, VECTORS };

void ln_onnx_refused(ln_onnx_node *n) {
  static const char *const reasons[] = {
      [RANDOM] = "its random numbers would be others in TensorFlow Lite; make them outside of the model, as an input",
      [PICTURES] = "TensorFlow Lite decodes no pictures; decode them outside of the model",
      [MAPS] = "TensorFlow Lite has no maps; give a tensor in place of the map",
      [VECTORS] = "classifiers of support vectors are not converted; export a linear one, or trees"};
  ln_emit_refuse(n->e, "%s", reasons[n->variant]);
}
