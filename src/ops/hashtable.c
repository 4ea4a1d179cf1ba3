/* HASHTABLE, HASHTABLE_IMPORT, HASHTABLE_FIND, HASHTABLE_SIZE: tables of int64 and strings that belong to the session.
 */
#include <string.h>

#include "ops/host.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/table.h"

static size_t element_count(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

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
  ln_hash_table *table = NULL;
  return ln_host_hash_table(node, &key, prep->err, &args->handle, &table);
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
  return ln_table_insert(node, table, keys, node->in[2], 1, LN_TABLE_FIRST_COUNTS, exec->err);
}

/* ---- HASHTABLE_FIND: handle, keys, default > values ---- */

ln_status ln_hashtable_find_infer(ln_node *node, ln_error *err) {
  return ln_node_set_shape(node, 0, &node->in[1]->shape, err);
}

static ln_span find(const ln_hash_table *table, ln_span key, ln_span otherwise) {
  const int32_t place = ln_table_find(table, key);
  return place < 0 ? otherwise : ln_table_element(&table->values, (size_t)place);
}

/* What a run looks up, as ln_node_give_strings asks for it. */
typedef struct lookup {
  const ln_hash_table *table;
  const ln_tensor *keys;
  ln_span otherwise;
} lookup;

static ln_span found_text(const void *context, size_t i) {
  const lookup *l = context;
  return find(l->table, ln_table_element(l->keys, i), l->otherwise);
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
  const lookup l = {table, keys, ln_table_element(node->in[2], 0)};
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
