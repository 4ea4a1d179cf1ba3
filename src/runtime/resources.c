/* What the graphs of a session share by name: variables and hash tables. They belong to the root session until its
 * reset. */
#include <string.h>

#include "ops/host.h"
#include "runtime/runtime.h"

struct ln_resource {
  const char *container, *name; /* of the operator's options: they live with the model */
  ln_tensor value;              /* without data until it is assigned; LN_STORAGE_HEAP then */
  bool is_table;
  int32_t table_id;
  ln_hash_table table;
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

static bool same(const ln_resource *a, const ln_resource *b) {
  if (a->is_table != b->is_table || a->table_id != b->table_id) return false;
  return strcmp(a->name, b->name) == 0 && strcmp(a->container, b->container) == 0;
}

static ln_status find_or_make(const ln_node *node, const ln_resource *wanted, ln_error *err, int32_t *handle) {
  if (node->session == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "names a resource, which takes a session");
  ln_session *root = node->session->root;
  for (int32_t i = 0; i < root->resource_count; ++i) {
    if (!same(&root->resources[i], wanted)) continue;
    *handle = i + 1;
    return LN_OK;
  }
  LN_TRY(grow(root, node, err));
  root->resources[root->resource_count++] = *wanted;
  *handle = root->resource_count;
  return LN_OK;
}

ln_status ln_host_variable(const ln_node *node, const char *container, const char *name, ln_error *err,
                           int32_t *handle) {
  const ln_resource wanted = {.container = text_of(container),
                              .name = text_of(name),
                              .value = {.name = text_of(name), .quant = &ln_quant_none}};
  return find_or_make(node, &wanted, err, handle);
}

ln_status ln_host_hash_table(const ln_node *node, int32_t table_id, ln_error *err, int32_t *handle) {
  const ln_tensor none = {.name = "hash table", .quant = &ln_quant_none};
  const ln_resource wanted = {.container = "",
                              .name = "",
                              .value = none,
                              .is_table = true,
                              .table_id = table_id,
                              .table = {.keys = none, .values = none, .slots = none}};
  return find_or_make(node, &wanted, err, handle);
}

static ln_status find(const ln_node *node, const ln_tensor *handle, bool table, ln_error *err, ln_resource **out) {
  const ln_session *root = node->session->root;
  int32_t number = 0;
  if (handle->type == LN_RESOURCE && handle->data != NULL && handle->bytes == sizeof number) {
    memcpy(&number, handle->data, sizeof number);
  }
  if (number < 1 || number > root->resource_count || root->resources[number - 1].is_table != table) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is the handle of no %s", handle->name,
                        table ? "hash table" : "variable");
  }
  *out = &root->resources[number - 1];
  return LN_OK;
}

ln_status ln_host_find_variable(const ln_node *node, const ln_tensor *handle, ln_error *err, ln_tensor **out) {
  ln_resource *resource = NULL;
  LN_TRY(find(node, handle, false, err, &resource));
  *out = &resource->value;
  return LN_OK;
}

ln_status ln_host_find_hash_table(const ln_node *node, const ln_tensor *handle, ln_error *err, ln_hash_table **out) {
  ln_resource *resource = NULL;
  LN_TRY(find(node, handle, true, err, &resource));
  *out = &resource->table;
  return LN_OK;
}

ln_status ln_host_keep(const ln_node *node, ln_tensor *value, size_t bytes, ln_error *err) {
  if (value->data != NULL && value->bytes == bytes) return LN_OK;
  const ln_status status = ln_session_allocate(node->session->root, value, bytes, err);
  if (status != LN_OK)
    ln_error_prefix(err, "op %d %.60s \"%.100s\"", node->op->index, node->op->def->name, value->name);
  return status;
}

ln_status ln_host_assign(const ln_node *node, ln_tensor *value, const ln_tensor *source, ln_error *err) {
  if (source->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", source->name);
  LN_TRY(ln_host_keep(node, value, source->bytes, err));
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
  for (int32_t i = 0; i < root->resource_count; ++i) {
    const ln_resource *r = &root->resources[i];
    bytes += r->value.bytes + r->table.keys.bytes + r->table.values.bytes + r->table.slots.bytes;
  }
  return bytes;
}

void ln_session_clear_resources(ln_session *root) {
  for (int32_t i = 0; i < root->resource_count; ++i) {
    ln_resource *r = &root->resources[i];
    ln_session_release(&r->value);
    ln_session_release(&r->table.keys);
    ln_session_release(&r->table.values);
    ln_session_release(&r->table.slots);
    r->table.filled = false;
    r->table.entries = 0;
  }
  if (root->ran_once != NULL) memset(root->ran_once, 0, (size_t)root->model->graph_count);
}

void ln_session_destroy_resources(ln_session *root) {
  ln_session_clear_resources(root);
  ln_free(root->resources);
}
