/* A session's inputs and outputs: by number, by name, resized and filled. */
#include <string.h>

#include "runtime/runtime.h"

int32_t ln_session_input_count(const ln_session *session) { return session->input_count; }

int32_t ln_session_output_count(const ln_session *session) { return session->output_count; }

static ln_tensor *tensor_at(const ln_session *session, const int32_t *indices, int32_t count, int32_t index) {
  return index < 0 || index >= count ? NULL : &session->tensors[indices[index]];
}

ln_tensor *ln_session_input(ln_session *session, int32_t index) {
  return tensor_at(session, session->inputs, session->input_count, index);
}

const ln_tensor *ln_session_output(const ln_session *session, int32_t index) {
  return tensor_at(session, session->outputs, session->output_count, index);
}

ln_tensor *ln_session_tensor(ln_session *session, int32_t index) {
  return index < 0 || index >= session->graph->tensor_count ? NULL : &session->tensors[index];
}

int32_t ln_session_input_tensor(const ln_session *session, int32_t index) {
  return index < 0 || index >= session->input_count ? -1 : session->inputs[index];
}

int32_t ln_session_output_tensor(const ln_session *session, int32_t index) {
  return index < 0 || index >= session->output_count ? -1 : session->outputs[index];
}

const char *ln_session_input_name(const ln_session *session, int32_t index) {
  if (index < 0 || index >= session->input_count) return "";
  return session->signature != NULL ? session->signature->input_keys[index]
                                    : session->tensors[session->inputs[index]].name;
}

const char *ln_session_output_name(const ln_session *session, int32_t index) {
  if (index < 0 || index >= session->output_count) return "";
  return session->signature != NULL ? session->signature->output_keys[index]
                                    : session->tensors[session->outputs[index]].name;
}

int32_t ln_session_find_input(const ln_session *session, const char *name) {
  for (int32_t i = 0; i < session->input_count; ++i) {
    if (strcmp(ln_session_input_name(session, i), name) == 0) return i;
  }
  return -1;
}

int32_t ln_session_find_output(const ln_session *session, const char *name) {
  for (int32_t i = 0; i < session->output_count; ++i) {
    if (strcmp(ln_session_output_name(session, i), name) == 0) return i;
  }
  return -1;
}

ln_status ln_session_resize_input(ln_session *session, int32_t index, const int32_t *dims, int32_t rank,
                                  ln_error *err) {
  ln_tensor *tensor = ln_session_input(session, index);
  if (tensor == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no input %d", index);
  const char *name = ln_session_input_name(session, index);
  size_t elements;
  if (rank < 0 || rank > LN_MAX_RANK || (rank > 0 && dims == NULL) || !ln_size_product(dims, rank, &elements)) {
    return ln_fail(err, LN_ERR_SHAPE, "input \"%s\" cannot take such a shape", name);
  }
  if (tensor->storage == LN_STORAGE_CONST || tensor->is_variable) {
    return ln_fail(err, LN_ERR_ARGUMENT, "input \"%s\" cannot be resized", name);
  }
  const ln_shape shape = ln_shape_make(rank, dims);
  if (ln_shape_equal(&shape, &tensor->shape)) return LN_OK;
  tensor->shape = shape;
  session->prepared = false;
  return LN_OK;
}

/* The bytes become the tensor's own; their offsets are checked before any operator reads them. */
static ln_status set_string_input(ln_session *session, ln_tensor *tensor, const void *data, size_t bytes,
                                  ln_error *err) {
  LN_TRY(ln_session_allocate(session, tensor, bytes, err));
  memcpy(tensor->data, data, bytes);
  return LN_OK;
}

ln_status ln_session_set_input(ln_session *session, int32_t index, const void *data, size_t bytes, ln_error *err) {
  ln_tensor *tensor = ln_session_input(session, index);
  if (tensor == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no input %d", index);
  const char *name = ln_session_input_name(session, index);
  LN_TRY(ln_session_prepare(session, err));
  if (data == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no data for input \"%s\"", name);
  if (tensor->type == LN_STRING) return set_string_input(session, tensor, data, bytes, err);
  if (tensor->storage == LN_STORAGE_CONST) return ln_fail(err, LN_ERR_ARGUMENT, "input \"%s\" is a constant", name);
  if (tensor->storage == LN_STORAGE_EXTERNAL) {
    return ln_fail(err, LN_ERR_STATE, "input \"%s\" is bound to the caller's memory: fill that", name);
  }
  if (bytes != tensor->bytes) {
    return ln_fail(err, LN_ERR_SHAPE, "input \"%s\" takes %zu bytes, %zu given", name, tensor->bytes, bytes);
  }
  if (bytes > 0) memcpy(tensor->data, data, bytes);
  return LN_OK;
}
