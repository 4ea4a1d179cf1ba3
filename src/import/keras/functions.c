#include "import/keras/keras.h"
#ifdef LN_HAVE_CJSON
int32_t ln_keras_unary(ln_keras_call *call) {
  return ln_emit_unary(call->e, call->row->code, ln_keras_operand(call, call->first, LN_FLOAT32));
}
#endif
