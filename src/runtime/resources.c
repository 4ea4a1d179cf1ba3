/* What the graphs of a session share by name: resource variables. They belong to the root session until its reset. */
#include <string.h>

#include "ops/host.h"
#include "runtime/runtime.h"

struct ln_resource {
  const char *container, *name; /* of the operator's options: they live with the model */
  ln_tensor value;              /* without data until it is assigned; LN_STORAGE_HEAP then */
};

static const char *text_of(const char *text) { return text == NULL ? "" : text; }

static ln_status grow(ln_session *root, const ln_node *node, ln_error *err) {
  if (root->resource_count < root->resource_capacity) return LN_OK;
  const int32_t capacity = root->resource_capacity == 0 ? 8 : root->resource_capacity * 2;
  ln_resource *resources =
      ln_realloc_array(root->resources, (size_t)root->resource_capacity, (size_t)capacity, sizeof *resources);
  if (resources == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for a variable");
  root->resources = resources;
  root->resource_capacity = capacity;
  return LN_OK;
}

ln_status ln_host_variable(const ln_node *node, const char *container, const char *name, ln_error *err,
                           int32_t *handle) {
  if (node->session == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "names a variable, which takes a session");
  ln_session *root = node->session->root;
  container = text_of(container);
  name = text_of(name);
  for (int32_t i = 0; i < root->resource_count; ++i) {
    const ln_resource *known = &root->resources[i];
    if (strcmp(known->name, name) != 0 || strcmp(known->container, container) != 0) continue;
    *handle = i + 1;
    return LN_OK;
  }
  LN_TRY(grow(root, node, err));
  ln_resource *fresh = &root->resources[root->resource_count++];
  *fresh = (ln_resource){.container = container, .name = name, .value = {.name = name, .quant = &ln_quant_none}};
  *handle = root->resource_count;
  return LN_OK;
}

ln_status ln_host_find_variable(const ln_node *node, const ln_tensor *handle, ln_error *err, ln_tensor **out) {
  const ln_session *root = node->session->root;
  int32_t number = 0;
  if (handle->type == LN_RESOURCE && handle->data != NULL && handle->bytes == sizeof number) {
    memcpy(&number, handle->data, sizeof number);
  }
  if (number < 1 || number > root->resource_count) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is the handle of no variable", handle->name);
  }
  *out = &root->resources[number - 1].value;
  return LN_OK;
}

ln_status ln_host_assign(const ln_node *node, ln_tensor *value, const ln_tensor *source, ln_error *err) {
  if (source->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", source->name);
  if (value->data == NULL || value->bytes != source->bytes) {
    const ln_status status = ln_session_allocate(node->session->root, value, source->bytes, err);
    if (status != LN_OK) {
      ln_error_prefix(err, "op %d %.60s variable \"%.100s\"", node->op->index, node->op->def->name, value->name);
      return status;
    }
  }
  value->type = source->type;
  value->shape = source->shape;
  if (source->bytes > 0) memcpy(value->data, source->data, source->bytes);
  return LN_OK;
}

bool ln_host_resized(const ln_node *node) {
  const ln_session *session = node->session;
  for (int32_t i = 0; session != NULL && i < session->graph->input_count; ++i) {
    const int32_t index = session->graph->inputs[i];
    ln_shape declared = session->graph->tensors[index].shape;
    for (int32_t j = 0; j < declared.rank; ++j) {
      if (declared.dims[j] < 0) declared.dims[j] = 1;
    }
    if (!ln_shape_equal(&declared, &session->tensors[index].shape)) return true;
  }
  return session == NULL;
}

ln_status ln_host_run_once(const ln_node *node, int32_t graph, ln_error *err) {
  ln_session *root = node->session->root;
  ln_callee made;
  if (root->ran_once == NULL) {
    root->ran_once = ln_arena_array(&root->memory, (size_t)root->model->graph_count, sizeof *root->ran_once);
    if (root->ran_once == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  }
  if (graph >= 0 && graph < root->model->graph_count && root->ran_once[graph]) return LN_OK;
  LN_TRY(ln_host_run_graph(node, graph, NULL, 0, err, &made));
  root->ran_once[graph] = true;
  return LN_OK;
}

/* ---- for the session ---- */

size_t ln_session_resource_bytes(const ln_session *root) {
  size_t bytes = 0;
  for (int32_t i = 0; i < root->resource_count; ++i) bytes += root->resources[i].value.bytes;
  return bytes;
}

void ln_session_clear_resources(ln_session *root) {
  for (int32_t i = 0; i < root->resource_count; ++i) ln_session_release(&root->resources[i].value);
  if (root->ran_once != NULL) memset(root->ran_once, 0, (size_t)root->model->graph_count);
}

void ln_session_destroy_resources(ln_session *root) {
  ln_session_clear_resources(root);
  ln_free(root->resources);
}
