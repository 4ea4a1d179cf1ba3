/* What graphs share by name: variables and hash tables. They belong to a set that one session or several hold, and
 * last until one of these resets it, or the last of them goes. */
#include <stdatomic.h>
#include <string.h>

#include "ops/host.h"
#include "runtime/runtime.h"

typedef struct ln_resource {
  ln_resource_key key;
  ln_tensor value; /* without data until it is assigned; LN_STORAGE_HEAP then */
  bool is_table;
  const char *kind; /* of an object that operators share; NULL for variables and tables */
  const void *object;
  ln_hash_table table;
} ln_resource;

struct ln_resources {
  atomic_int holders; /* sessions */
  ln_resource *items; /* [capacity] of which `count` are made; a handle is an index plus one */
  int32_t count, capacity;
  bool *ran_once; /* [graph_count] by CALL_ONCE */
  int32_t graph_count;
  ln_arena names;
  size_t bytes; /* of all that they keep */
};

static ln_status grow(ln_resources *set, const ln_node *node, ln_error *err) {
  if (set->count < set->capacity) return LN_OK;
  const int32_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;
  ln_resource *items = ln_realloc_array(set->items, (size_t)set->capacity, (size_t)capacity, sizeof *items);
  if (items == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for a variable");
  set->items = items;
  set->capacity = capacity;
  return LN_OK;
}

static bool same_text(ln_span a, ln_span b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same(const ln_resource *a, const ln_resource *b) {
  if (a->is_table != b->is_table || a->key.number != b->key.number || a->key.owner != b->key.owner) return false;
  if (a->kind != b->kind || a->object != b->object) return false;
  return same_text(a->key.name, b->key.name) && same_text(a->key.container, b->key.container);
}

/* Names may stand in what the set outlives: it keeps copies, which end in a NUL for messages. */
static bool keep_text(ln_arena *names, ln_span *text) {
  char *copy = ln_arena_alloc(names, text->size + 1); /* bounded: by an object in memory */
  if (copy == NULL) return false;
  if (text->size > 0) memcpy(copy, text->data, text->size);
  text->data = copy;
  return true;
}

static ln_status find_or_make(const ln_node *node, const ln_resource *wanted, ln_error *err, int32_t *handle) {
  if (node->session == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "names a resource, which takes a session");
  ln_resources *set = node->session->root->resources;
  for (int32_t i = 0; i < set->count; ++i) {
    if (!same(&set->items[i], wanted)) continue;
    *handle = i + 1;
    return LN_OK;
  }
  LN_TRY(grow(set, node, err));
  ln_resource *made = &set->items[set->count];
  *made = *wanted;
  if (!keep_text(&set->names, &made->key.container) || !keep_text(&set->names, &made->key.name)) {
    return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for a resource");
  }
  if (made->value.name == NULL) made->value.name = made->key.name.data;
  *handle = ++set->count;
  return LN_OK;
}

ln_status ln_host_variable(const ln_node *node, const ln_resource_key *key, ln_error *err, int32_t *handle) {
  const ln_resource wanted = {.key = *key, .value = {.quant = &ln_quant_none}};
  return find_or_make(node, &wanted, err, handle);
}

ln_status ln_host_hash_table(const ln_node *node, const ln_resource_key *key, ln_error *err, int32_t *handle,
                             ln_hash_table **table) {
  const ln_tensor none = {.name = "hash table", .quant = &ln_quant_none};
  const ln_resource wanted = {.key = *key,
                              .value = none,
                              .is_table = true,
                              .table = {.keys = none, .values = none, .slots = none, .barred = {none, none}}};
  LN_TRY(find_or_make(node, &wanted, err, handle));
  *table = &node->session->root->resources->items[*handle - 1].table;
  return LN_OK;
}

static ln_status find(const ln_node *node, const ln_tensor *handle, bool table, ln_error *err, ln_resource **out) {
  ln_resources *set = node->session->root->resources;
  int32_t number = 0;
  if (handle->type == LN_RESOURCE && handle->data != NULL && handle->bytes == sizeof number) {
    memcpy(&number, handle->data, sizeof number);
  }
  if (number < 1 || number > set->count || set->items[number - 1].is_table != table ||
      set->items[number - 1].kind != NULL) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is the handle of no %s", handle->name,
                        table ? "hash table" : "variable");
  }
  *out = &set->items[number - 1];
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

ln_status ln_host_object(const ln_node *node, const char *kind, const void *object, ln_error *err, int32_t *handle) {
  const ln_tensor none = {.name = kind, .quant = &ln_quant_none};
  const ln_resource wanted = {
      .value = none, .table = {.keys = none, .values = none, .slots = none}, .kind = kind, .object = object};
  return find_or_make(node, &wanted, err, handle);
}

ln_status ln_host_find_object(const ln_node *node, const ln_tensor *handle, const char *kind, ln_error *err,
                              const void **out) {
  ln_resources *set = node->session->root->resources;
  const bool is_handle = handle->type == LN_RESOURCE || handle->type == LN_INT32;
  int32_t number = 0;
  if (is_handle && handle->data != NULL && handle->bytes == sizeof number) memcpy(&number, handle->data, sizeof number);
  const ln_resource *item = number < 1 || number > set->count ? NULL : &set->items[number - 1];
  if (item == NULL || item->kind == NULL || strcmp(item->kind, kind) != 0) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is the handle of no %s", handle->name, kind);
  }
  *out = item->object;
  return LN_OK;
}

static void forget(ln_resources *set, ln_tensor *value) {
  set->bytes -= value->bytes;
  ln_session_release(value);
}

static void forget_all(ln_resources *set, ln_resource *r) {
  forget(set, &r->value);
  forget(set, &r->table.keys);
  forget(set, &r->table.values);
  forget(set, &r->table.slots);
  for (int32_t i = 0; i < 2; ++i) forget(set, &r->table.barred[i]);
  r->table.filled = false;
  r->table.entries = 0;
}

ln_status ln_host_forget(const ln_node *node, const ln_tensor *handle, ln_error *err, bool *held) {
  ln_resources *set = node->session->root->resources;
  ln_resource *resource = NULL;
  if (find(node, handle, true, NULL, &resource) != LN_OK) LN_TRY(find(node, handle, false, err, &resource));
  *held = resource->value.data != NULL || resource->table.filled;
  forget_all(set, resource);
  return LN_OK;
}

void ln_host_drop(const ln_node *node, ln_tensor *value) { forget(node->session->root->resources, value); }

ln_status ln_host_keep(const ln_node *node, ln_tensor *value, size_t bytes, ln_error *err) {
  if (value->data != NULL && value->bytes == bytes) return LN_OK;
  const ln_session *root = node->session->root;
  ln_resources *set = root->resources;
  forget(set, value);
  ln_error reason = {LN_OK, ""};
  const ln_status status = ln_session_check_room(root, bytes, &reason);
  if (status != LN_OK) return ln_node_fail(node, err, status, "\"%.100s\" %s", value->name, reason.message);
  value->data = ln_alloc(bytes);
  if (value->data == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for \"%.100s\"", value->name);
  value->bytes = bytes;
  value->storage = LN_STORAGE_HEAP;
  set->bytes += bytes;
  return LN_OK;
}

ln_status ln_host_assign(const ln_node *node, ln_tensor *value, const ln_tensor *source, ln_error *err) {
  if (source->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", source->name);
  if (source->type == LN_VARIANT) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "a list in a variable");
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
      if (declared.dims[j] < 0) declared.dims[j] = session->tensors[index].shape.dims[j];
    }
    if (!ln_shape_equal(&declared, &session->tensors[index].shape)) return true;
  }
  return session == NULL;
}

ln_status ln_host_run_once(const ln_node *node, int32_t graph, ln_error *err) {
  ln_resources *set = node->session->root->resources;
  ln_callee made;
  if (graph >= 0 && graph < set->graph_count && set->ran_once[graph]) return LN_OK;
  LN_TRY(ln_host_run_graph(node, graph, NULL, 0, err, &made));
  set->ran_once[graph] = true;
  return LN_OK;
}

/* ---- for the session ---- */

ln_resources *ln_resources_create(const ln_model *model) {
  ln_resources *set = ln_alloc_zero(sizeof *set);
  if (set == NULL) return NULL;
  set->graph_count = model->graph_count;
  set->ran_once = ln_alloc_array((size_t)model->graph_count, sizeof *set->ran_once);
  atomic_init(&set->holders, 1);
  if (set->ran_once != NULL) return set;
  ln_free(set);
  return NULL;
}

ln_resources *ln_resources_hold(ln_resources *set) {
  atomic_fetch_add(&set->holders, 1);
  return set;
}

size_t ln_resources_bytes(const ln_resources *set) { return set == NULL ? 0 : set->bytes; }

void ln_resources_clear(ln_resources *set) {
  for (int32_t i = 0; i < set->count; ++i) forget_all(set, &set->items[i]);
  memset(set->ran_once, 0, (size_t)set->graph_count);
}

void ln_resources_release(ln_resources *set) {
  if (set == NULL || atomic_fetch_sub(&set->holders, 1) > 1) return;
  ln_resources_clear(set);
  ln_arena_free(&set->names);
  ln_free(set->items);
  ln_free(set->ran_once);
  ln_free(set);
}
