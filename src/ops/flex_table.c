/*
 * Select-TF operators on lookup tables: the handles of hash tables that are filled once and of ones that change, and
 * what fills, reads and changes them. The tables are the resources of table.h.
 */
#include <string.h>

#include "ops/flex_resource.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/table.h"

/* ---- handles ---- */

typedef struct table_args {
  int32_t handle; /* first: as ln_var_handle_run reads it */
} table_args;

static ln_status declare(const ln_node *node, ln_hash_table *table, ln_error *err) {
  ln_table_declaration said = {.kind = (ln_table_kind)(node->op->def->variant & LN_FLEX_TABLE_KIND)};
  ln_nodedef def;
  LN_TRY(ln_attr_open(node, err, &def));
  if (!ln_nodedef_type(&def, "key_dtype", &said.key) || !ln_nodedef_type(&def, "value_dtype", &said.value)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "says no types of its keys and values");
  }
  const bool numbers = said.key == LN_INT32 || said.key == LN_INT64;
  if (!numbers && said.key != LN_STRING) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "has keys of %s", ln_type_name(said.key));
  }
  if (said.value != LN_STRING && ln_type_bits(said.value) < 8) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "has values of %s", ln_type_name(said.value));
  }
  bool ranked = true;
  if (ln_nodedef_has(&def, "value_shape") &&
      (!ln_nodedef_shape(&def, "value_shape", &said.value_shape, &ranked) || !ranked ||
       !ln_shape_known(&said.value_shape) || !ln_shape_elements(&said.value_shape, &said.row))) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "says no shape of its values");
  }
  said.row = ln_shape_span(&said.value_shape, 0, said.value_shape.rank);
  const ln_table_declaration *known = &table->said;
  if (known->kind != LN_TABLE_BUILTIN &&
      (known->kind != said.kind || known->key != said.key || known->value != said.value ||
       !ln_shape_equal(&known->value_shape, &said.value_shape))) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "another operator says other things of the same table");
  }
  table->said = said;
  return LN_OK;
}

ln_status ln_flex_table_prepare(ln_node *node, ln_prep *prep) {
  ln_resource_key key;
  ln_hash_table *table = NULL;
  table_args *args = LN_NODE_ARGS(node, prep, table_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_flex_resource_key(node, prep->err, true, &key));
  LN_TRY(ln_host_hash_table(node, &key, prep->err, &args->handle, &table));
  return declare(node, table, prep->err);
}

/* One key, of the table's type, that no entry may have. */
static ln_status bar(const ln_node *node, int32_t input, ln_hash_table *table, ln_tensor *barred, ln_error *err) {
  const ln_tensor *key = node->in[input];
  LN_TRY(ln_node_check_strings(node, input, err));
  if (key->type != table->said.key || ln_shape_span(&key->shape, 0, key->shape.rank) != 1) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "input %d is not one key of %s", input,
                        ln_type_name(table->said.key));
  }
  return ln_host_assign(node, barred, key, err);
}

ln_status ln_flex_table_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_var_handle_run(node, exec));
  LN_TRY(ln_host_find_hash_table(node, node->out[0], exec->err, &table));
  if ((node->op->def->variant & LN_FLEX_TABLE_ANEW) != 0) {
    bool held = false;
    LN_TRY(ln_host_forget(node, node->out[0], exec->err, &held));
  }
  if (node->in_count < 2) return LN_OK;
  LN_TRY(bar(node, 0, table, &table->barred[0], exec->err));
  return bar(node, 1, table, &table->barred[1], exec->err);
}

/* ---- what the operators on tables share ---- */

static size_t count_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

ln_status ln_flex_table(const ln_node *node, ln_error *err, ln_hash_table **out) {
  LN_TRY(ln_host_find_hash_table(node, node->in[0], err, out));
  if ((*out)->said.kind != LN_TABLE_BUILTIN) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the table is a builtin operator's");
}

static ln_status check_type(const ln_node *node, const char *what, ln_type given, ln_type wanted, ln_error *err) {
  if (given == wanted) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_TYPE, "the table has %s of %s, not of %s", what, ln_type_name(wanted),
                      ln_type_name(given));
}

static ln_status check_keys(const ln_node *node, const ln_hash_table *table, ln_error *err) {
  const ln_tensor *keys = node->in[1];
  LN_TRY(check_type(node, "keys", keys->type, table->said.key, err));
  LN_TRY(ln_node_check_strings(node, 1, err));
  for (int32_t b = 0; b < 2; ++b) {
    if (table->barred[b].data == NULL) continue;
    const ln_span barred = ln_table_element(&table->barred[b], 0);
    for (size_t i = 0; i < count_of(keys); ++i) {
      const ln_span key = ln_table_element(keys, i);
      if (key.size != barred.size || (key.size > 0 && memcmp(key.data, barred.data, key.size) != 0)) continue;
      return ln_node_fail(node, err, LN_ERR_DATA, "key %zu is the one that stands for %s", i,
                          b == 0 ? "an empty place" : "what was removed");
    }
  }
  return LN_OK;
}

/* The shape of the values of so many keys. */
static bool shape_of_values(const ln_shape *keys, const ln_hash_table *table, ln_shape *out) {
  bool fits = true;
  *out = *keys;
  for (int32_t i = 0; i < table->said.value_shape.rank; ++i) {
    fits = fits && ln_shape_push(out, table->said.value_shape.dims[i]);
  }
  return fits;
}

static ln_status check_values(const ln_node *node, const ln_hash_table *table, ln_error *err) {
  const ln_tensor *keys = node->in[1], *values = node->in[2];
  ln_shape shape;
  LN_TRY(check_type(node, "values", values->type, table->said.value, err));
  LN_TRY(ln_node_check_strings(node, 2, err));
  if (shape_of_values(&keys->shape, table, &shape) && ln_shape_equal(&shape, &values->shape)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "keys and values do not fit together");
}

static ln_status check_changes(const ln_node *node, const ln_hash_table *table, ln_error *err) {
  if (table->said.kind != LN_TABLE_FIXED) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the table is filled once and does not change");
}

ln_status ln_flex_table_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* what it does takes memory */
}

/* ---- filling: InitializeTableV2, LookupTableImportV2, LookupTableInsertV2, LookupTableRemoveV2 ---- */

/* A table that is filled once takes the same again: TensorFlow, too, only compares how many entries there are. */
ln_status ln_flex_table_fill(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, const ln_tensor *values,
                             ln_error *err) {
  if (!table->filled) {
    return ln_table_insert(node, table, keys, values, table->said.row, LN_TABLE_MUST_AGREE, err);
  }
  if ((int64_t)count_of(keys) == table->entries) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_STATE, "the table was filled already, with other entries");
}

ln_status ln_flex_table_import_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_flex_table(node, exec->err, &table));
  LN_TRY(check_keys(node, table, exec->err));
  LN_TRY(check_values(node, table, exec->err));
  if (table->said.kind == LN_TABLE_FIXED) return ln_flex_table_fill(node, table, node->in[1], node->in[2], exec->err);
  if (node->op->def->variant != LN_FLEX_TABLE_IMPORT) {
    return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "the table is not one that is filled once");
  }
  table->entries = 0; /* an import takes the place of what there was */
  return ln_table_insert(node, table, node->in[1], node->in[2], table->said.row, LN_TABLE_LAST_COUNTS, exec->err);
}

ln_status ln_flex_table_insert_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_flex_table(node, exec->err, &table));
  LN_TRY(check_changes(node, table, exec->err));
  LN_TRY(check_keys(node, table, exec->err));
  LN_TRY(check_values(node, table, exec->err));
  return ln_table_insert(node, table, node->in[1], node->in[2], table->said.row, LN_TABLE_LAST_COUNTS, exec->err);
}

ln_status ln_flex_table_remove_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_flex_table(node, exec->err, &table));
  LN_TRY(check_changes(node, table, exec->err));
  LN_TRY(check_keys(node, table, exec->err));
  if (table->entries == 0) return LN_OK;
  return ln_table_remove(node, table, node->in[1], table->said.row, exec->err);
}

/* ---- reading: LookupTableFindV2, LookupTableSizeV2, LookupTableExportV2 ---- */

typedef struct lookup {
  const ln_hash_table *table;
  const ln_tensor *keys, *otherwise;
  bool one_each; /* `otherwise` has values for every key */
} lookup;

/* Element `i` of the output. */
static ln_span found(const void *context, size_t i) {
  const lookup *l = context;
  const size_t row = l->table->said.row;
  const int32_t place = ln_table_find(l->table, ln_table_element(l->keys, i / row));
  if (place >= 0) return ln_table_element(&l->table->values, (size_t)place * row + i % row);
  return ln_table_element(l->otherwise, l->one_each ? i : i % row);
}

ln_status ln_flex_table_find_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  ln_shape shape;
  size_t bytes;
  const ln_tensor *keys = node->in[1], *otherwise = node->in[2];
  LN_TRY(ln_flex_table(node, exec->err, &table));
  if (table->said.kind == LN_TABLE_FIXED && !table->filled) {
    return ln_node_fail(node, exec->err, LN_ERR_STATE, "the table was not filled");
  }
  LN_TRY(check_keys(node, table, exec->err));
  LN_TRY(check_type(node, "values", otherwise->type, table->said.value, exec->err));
  LN_TRY(check_type(node, "values", node->out[0]->type, table->said.value, exec->err));
  LN_TRY(ln_node_check_strings(node, 2, exec->err));
  if (!shape_of_values(&keys->shape, table, &shape)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the values have too many dimensions");
  }
  const bool one_each = ln_shape_equal(&otherwise->shape, &shape);
  if (!one_each && !ln_shape_equal(&otherwise->shape, &table->said.value_shape)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the default is no value of the table");
  }
  /* A table that is filled once has one default, the first. */
  const lookup l = {table, keys, otherwise, one_each && table->said.kind != LN_TABLE_FIXED};
  if (table->said.value == LN_STRING) return ln_node_give_strings(node, 0, &shape, found, &l, exec->err);
  if (!ln_tensor_size(table->said.value, &shape, &bytes)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the values are too large");
  }
  LN_TRY(ln_host_output(node, 0, &shape, bytes, exec->err));
  const size_t item = ln_item_bytes(node->out[0]), row = table->said.row;
  for (size_t i = 0; row > 0 && i < count_of(keys); ++i) {
    memcpy((char *)node->out[0]->data + i * row * item, found(&l, i * row).data, row * item);
  }
  return LN_OK;
}

ln_status ln_flex_table_size_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_flex_table(node, exec->err, &table));
  *(int64_t *)node->out[0]->data = table->entries;
  return LN_OK;
}

ln_status ln_flex_table_export_run(const ln_node *node, ln_exec *exec) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_flex_table(node, exec->err, &table));
  if (table->said.kind == LN_TABLE_FIXED && !table->filled) {
    return ln_node_fail(node, exec->err, LN_ERR_STATE, "the table was not filled");
  }
  const ln_shape shape = {1, {(int32_t)table->entries}};
  const ln_type types[2] = {table->said.key, table->said.value};
  for (int32_t i = 0; i < 2; ++i) {
    /* An empty table has no tensors; strings there are one number, that there are none. */
    int32_t none[2] = {0, 2 * sizeof(int32_t)};
    ln_tensor held = i == 0 ? table->keys : table->values;
    LN_TRY(check_type(node, i == 0 ? "keys" : "values", node->out[i]->type, types[i], exec->err));
    if (table->entries == 0) {
      held.data = none;
      held.bytes = types[i] == LN_STRING ? sizeof none : 0;
    }
    held.type = types[i];
    held.shape = shape;
    if (i == 1 && !shape_of_values(&shape, table, &held.shape)) {
      return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the values have too many dimensions");
    }
    LN_TRY(ln_host_copy_output(node, i, &held, exec->err));
  }
  return LN_OK;
}
