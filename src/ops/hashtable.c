/* HASHTABLE, HASHTABLE_IMPORT, HASHTABLE_FIND, HASHTABLE_SIZE: tables of int64 and strings that belong to the session.
 */
#include <string.h>

#include "ops/host.h"
#include "ops/rows.h"
#include "ops/strings.h"

/* The bytes of an element: of a string tensor that was verified, or of an int64 one. */
static ln_span element(const ln_tensor *tensor, size_t index) {
  if (tensor->type == LN_STRING) return ln_string_at(tensor, index);
  return (ln_span){(const char *)tensor->data + index * sizeof(int64_t), sizeof(int64_t)};
}

static size_t element_count(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

static uint64_t hash_of(ln_span key) { /* FNV-1a, its high bits folded down */
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < key.size; ++i) hash = (hash ^ (uint8_t)key.data[i]) * UINT64_C(1099511628211);
  return hash ^ (hash >> 32);
}

/* The slot of a key, or the empty one where it would go; there is always an empty one. */
static size_t slot_of(const ln_hash_table *table, ln_span key) {
  const int32_t *slots = table->slots.data;
  const size_t mask = table->slots.bytes / sizeof *slots - 1;
  for (size_t slot = hash_of(key) & mask;; slot = (slot + 1) & mask) {
    if (slots[slot] == 0) return slot;
    const ln_span known = element(&table->keys, (size_t)slots[slot] - 1);
    if (known.size == key.size && memcmp(known.data, key.data, key.size) == 0) return slot;
  }
}

/* ---- HASHTABLE: one handle ---- */

typedef struct handle_args {
  int32_t handle;
} handle_args;

ln_status ln_hashtable_infer(ln_node *node, ln_error *err) {
  const ln_shape one = {1, {1}};
  return ln_node_set_shape(node, 0, &one, err);
}

ln_status ln_hashtable_prepare(ln_node *node, ln_prep *prep) {
  handle_args *args = LN_NODE_ARGS(node, prep, handle_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_resource_key key = {.number = LN_OPTIONS(node, hashtable_options)->table_id};
  return ln_host_hash_table(node, &key, prep->err, &args->handle);
}

ln_status ln_hashtable_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  *(int32_t *)node->out[0]->data = ((const handle_args *)node->args)->handle;
  return LN_OK;
}

/* ---- HASHTABLE_IMPORT: handle, keys, values; only the first import of a table counts, and of equal keys the first
 * ---- */

ln_status ln_hashtable_import_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* allocates */
}

static ln_status make_slots(const ln_node *node, ln_hash_table *table, size_t count, ln_error *err) {
  size_t slots = 4;
  if (count > (size_t)1 << 28) return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu keys are too many", count);
  while (slots < 2 * count) slots *= 2;
  LN_TRY(ln_host_keep(node, &table->slots, slots * sizeof(int32_t), err)); /* bounded: by the check above */
  memset(table->slots.data, 0, table->slots.bytes);
  return LN_OK;
}

ln_status ln_hashtable_import_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  const ln_tensor *keys = node->in[1];
  LN_TRY(ln_host_find_hash_table(node, node->in[0], exec->err, &table));
  if (table->filled) return LN_OK;
  LN_TRY(ln_node_check_strings(node, 1, exec->err));
  LN_TRY(ln_node_check_strings(node, 2, exec->err));
  const size_t count = element_count(keys);
  if (element_count(node->in[2]) != count) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "%zu keys and %zu values", count, element_count(node->in[2]));
  }
  LN_TRY(make_slots(node, table, count, exec->err));
  LN_TRY(ln_host_assign(node, &table->keys, keys, exec->err));
  LN_TRY(ln_host_assign(node, &table->values, node->in[2], exec->err));
  table->entries = 0;
  for (size_t i = 0; i < count; ++i) {
    int32_t *slot = (int32_t *)table->slots.data + slot_of(table, element(&table->keys, i));
    if (*slot != 0) continue;
    *slot = (int32_t)i + 1;
    ++table->entries;
  }
  table->filled = true;
  return LN_OK;
}

/* ---- HASHTABLE_FIND: handle, keys, default > values ---- */

ln_status ln_hashtable_find_infer(ln_node *node, ln_error *err) {
  return ln_node_set_shape(node, 0, &node->in[1]->shape, err);
}

static ln_span find(const ln_hash_table *table, ln_span key, ln_span otherwise) {
  const int32_t place = ((const int32_t *)table->slots.data)[slot_of(table, key)];
  return place == 0 ? otherwise : element(&table->values, (size_t)place - 1);
}

/* What a run looks up, as ln_node_give_strings asks for it. */
typedef struct lookup {
  const ln_hash_table *table;
  const ln_tensor *keys;
  ln_span otherwise;
} lookup;

static ln_span found_text(const void *context, size_t i) {
  const lookup *l = context;
  return find(l->table, element(l->keys, i), l->otherwise);
}

ln_status ln_hashtable_find_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  const ln_tensor *keys = node->in[1];
  LN_TRY(ln_host_find_hash_table(node, node->in[0], exec->err, &table));
  if (!table->filled) return ln_node_fail(node, exec->err, LN_ERR_STATE, "the table was not imported");
  if (table->keys.type != keys->type || table->values.type != node->out[0]->type) {
    return ln_node_fail(node, exec->err, LN_ERR_TYPE, "the table is from %s to %s", ln_type_name(table->keys.type),
                        ln_type_name(table->values.type));
  }
  LN_TRY(ln_node_check_strings(node, 1, exec->err));
  LN_TRY(ln_node_check_strings(node, 2, exec->err));
  if (element_count(node->in[2]) != 1)
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the default is not one value");
  const lookup l = {table, keys, element(node->in[2], 0)};
  if (node->out[0]->type == LN_STRING) {
    return ln_node_give_strings(node, 0, &keys->shape, found_text, &l, exec->err);
  }
  const size_t count = element_count(keys);
  for (size_t i = 0; i < count; ++i) {
    memcpy((int64_t *)node->out[0]->data + i, found_text(&l, i).data, sizeof(int64_t));
  }
  return LN_OK;
}

/* ---- HASHTABLE_SIZE: handle > entries ---- */

ln_status ln_hashtable_size_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_host_find_hash_table(node, node->in[0], exec->err, &table));
  *(int64_t *)node->out[0]->data = table->entries;
  return LN_OK;
}
