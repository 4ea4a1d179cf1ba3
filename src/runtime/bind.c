/* The caller's own memory for inputs and outputs. */
#include "runtime/runtime.h"

/* Bytes that an element's address is a multiple of: those of its number, or of half a complex one. */
static size_t alignment_of(ln_type type) {
  const int32_t bits = ln_type_bits(type);
  if (type == LN_COMPLEX64 || type == LN_COMPLEX128) return (size_t)bits / 16;
  return bits < 8 ? 1 : (size_t)bits / 8;
}

static ln_status refuse(const ln_tensor *tensor, const char *what, const char *name, ln_error *err) {
  if (ln_type_bits(tensor->type) == 0) {
    return ln_fail(err, LN_ERR_TYPE, "%s \"%.200s\": %s tensors cannot be bound", what, name,
                   ln_type_name(tensor->type));
  }
  if (tensor->storage == LN_STORAGE_CONST || tensor->is_variable) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s \"%.200s\" is a %s: it cannot be bound", what, name,
                   tensor->is_variable ? "variable" : "constant");
  }
  return LN_OK;
}

static ln_status bind(ln_session *session, int32_t tensor_index, void *data, size_t bytes, const char *what,
                      const char *name, ln_error *err) {
  const ln_tensor *tensor = &session->tensors[tensor_index];
  LN_TRY(refuse(tensor, what, name, err));
  if ((uintptr_t)data % alignment_of(tensor->type) != 0) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s \"%.200s\": the memory is not aligned to %zu bytes", what, name,
                   alignment_of(tensor->type));
  }
  session->bindings[tensor_index] = (ln_binding){data, data == NULL ? 0 : bytes};
  session->prepared = false;
  return LN_OK;
}

ln_status ln_session_bind_input(ln_session *session, int32_t index, const void *data, size_t bytes, ln_error *err) {
  if (index < 0 || index >= session->input_count) return ln_fail(err, LN_ERR_ARGUMENT, "no input %d", index);
  /* Inputs are read only: nothing writes through this pointer. */
  return bind(session, session->inputs[index], (void *)(uintptr_t)data, bytes, "input",
              ln_session_input_name(session, index), err);
}

ln_status ln_session_bind_output(ln_session *session, int32_t index, void *data, size_t bytes, ln_error *err) {
  if (index < 0 || index >= session->output_count) return ln_fail(err, LN_ERR_ARGUMENT, "no output %d", index);
  const char *name = ln_session_output_name(session, index);
  for (int32_t i = 0; i < session->graph->input_count; ++i) {
    if (session->graph->inputs[i] != session->outputs[index]) continue;
    return ln_fail(err, LN_ERR_ARGUMENT, "output \"%.200s\" is an input too: bind that", name);
  }
  return bind(session, session->outputs[index], data, bytes, "output", name, err);
}

ln_status ln_session_use_binding(ln_session *session, int32_t index, ln_error *err) {
  const ln_binding *binding = &session->bindings[index];
  ln_tensor *tensor = &session->tensors[index];
  size_t bytes;
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
    return ln_fail(err, LN_ERR_SHAPE, "tensor \"%.200s\" has no size that can be bound", tensor->name);
  }
  if (bytes > binding->bytes) {
    return ln_fail(err, LN_ERR_SHAPE, "tensor \"%.200s\" takes %zu bytes, the memory bound to it has %zu", tensor->name,
                   bytes, binding->bytes);
  }
  tensor->data = binding->data;
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_EXTERNAL;
  return LN_OK;
}
