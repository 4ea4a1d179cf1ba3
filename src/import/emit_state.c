/*
 * State: variables, and tables that words are looked up in. Both live in the session under a name or number. A graph of
 * its own gives them their first values; every graph that is run by itself and uses any calls it once, before all else.
 */
#include <string.h>

#include "import/emit_private.h"

struct ln_variable {
  ln_variable *next;
  int32_t number;
  const char *name;
  ln_type type;
  ln_shape shape;
  const void *data;
  size_t bytes;
};

struct ln_lookup {
  ln_lookup *next;
  int32_t number; /* the file's table_id, too */
  const char *name;
  ln_type key_type, value_type;
  int32_t count;
  const void *keys, *values; /* as tensors hold them */
  size_t key_bytes, value_bytes;
};

static ln_variable *variable_at(const ln_import *import, int32_t number) {
  ln_variable *v = import->variables;
  while (v != NULL && v->number != number) v = v->next;
  return v;
}

static ln_lookup *lookup_at(const ln_import *import, int32_t number) {
  ln_lookup *l = import->lookups;
  while (l != NULL && l->number != number) l = l->next;
  return l;
}

/* The graph uses state, and so does what runs it. */
static void mark(ln_emit *e) {
  for (; e != NULL; e = e->outer) e->uses_state = true;
}

static const ln_fact one_handle = {.shape = {{0, {0}}, {0, {0}}}};

/* ---- variables ---- */

int32_t ln_import_variable(ln_import *import, const char *name, ln_type type, int32_t rank, const int32_t *dims,
                           const void *initial) {
  ln_arena *arena = &import->model->arena;
  const ln_shape shape = ln_shape_make(rank, dims);
  size_t bytes;
  if (ln_import_failed(import)) return -1;
  for (const ln_variable *v = import->variables; v != NULL; v = v->next) {
    if (strcmp(v->name, name) == 0) return v->number;
  }
  if (!ln_tensor_size(type, &shape, &bytes)) {
    return ln_import_fail(import, LN_ERR_UNSUPPORTED, "variable \"%.80s\" holds no numbers of a fixed shape", name);
  }
  ln_variable *v = ln_arena_alloc(arena, sizeof *v);
  const char *kept = ln_arena_strdup(arena, name);
  void *data = ln_arena_alloc(arena, bytes + 1);
  if (v == NULL || kept == NULL || data == NULL) return ln_import_no_memory(import);
  if (initial != NULL) memcpy(data, initial, bytes); /* else zeros */
  const int32_t number = import->variables != NULL ? import->variables->number + 1 : 0;
  *v = (ln_variable){import->variables, number, kept, type, shape, data, bytes};
  import->variables = v;
  return number;
}

static int32_t emit_handle(ln_emit *e, const ln_variable *v) {
  static const ln_type type = LN_RESOURCE;
  const ln_var_handle_options options = {.container = "", .shared_name = v->name};
  int32_t handle = -1;
  mark(e);
  ln_emit_given(e, LN_OP_VAR_HANDLE, &options, 0, NULL, 1, &type, &one_handle, &handle);
  return handle;
}

int32_t ln_emit_read(ln_emit *e, int32_t variable) {
  if (ln_emit_failed(e)) return -1;
  const ln_variable *v = variable_at(e->import, variable);
  if (v == NULL) return ln_emit_wrong(e, "it reads a variable that there is not");
  const ln_fact fact = {.shape = {v->shape, v->shape}};
  const int32_t handle = emit_handle(e, v);
  int32_t value = -1;
  ln_emit_given(e, LN_OP_READ_VARIABLE, NULL, 1, &handle, 1, &v->type, &fact, &value);
  return value;
}

void ln_emit_assign(ln_emit *e, int32_t variable, int32_t value) {
  if (ln_emit_failed(e)) return;
  const ln_variable *v = variable_at(e->import, variable);
  if (v == NULL) {
    ln_emit_wrong(e, "it assigns to a variable that there is not");
    return;
  }
  if (value >= 0 && ln_emit_type(e, value) != v->type) {
    ln_emit_wrong(e, "it assigns %s to variable \"%.80s\" of %s", ln_type_name(ln_emit_type(e, value)), v->name,
                  ln_type_name(v->type));
    return;
  }
  const ln_shape shape = ln_emit_shape(e, value);
  if (value >= 0 && !ln_shape_equal(&shape, &v->shape)) {
    ln_emit_refuse(e, "it assigns to variable \"%.80s\" what may have another shape than the variable", v->name);
    return;
  }
  const int32_t handle = emit_handle(e, v);
  ln_emit_given(e, LN_OP_ASSIGN_VARIABLE, NULL, 2, (const int32_t[]){handle, value}, 0, NULL, NULL, NULL);
}

/* ---- tables ---- */

static bool is_pair(ln_type key, ln_type value) {
  return (key == LN_STRING && value == LN_INT64) || (key == LN_INT64 && value == LN_STRING);
}

int32_t ln_import_lookup(ln_import *import, const char *name, ln_type key_type, ln_type value_type, int32_t count,
                         const void *keys, size_t key_bytes, const void *values, size_t value_bytes) {
  ln_arena *arena = &import->model->arena;
  if (ln_import_failed(import)) return -1;
  for (const ln_lookup *l = import->lookups; l != NULL; l = l->next) {
    if (strcmp(l->name, name) == 0) return l->number;
  }
  if (!is_pair(key_type, value_type)) {
    return ln_import_fail(import, LN_ERR_UNSUPPORTED, "table \"%.80s\" is from %s to %s; there are tables %s", name,
                          ln_type_name(key_type), ln_type_name(value_type),
                          "from strings to int64 and from int64 to strings");
  }
  ln_lookup *l = ln_arena_alloc(arena, sizeof *l);
  const char *kept = ln_arena_strdup(arena, name);
  const void *k = ln_arena_copy(arena, keys, key_bytes), *v = ln_arena_copy(arena, values, value_bytes);
  if (l == NULL || kept == NULL || (k == NULL && key_bytes > 0) || (v == NULL && value_bytes > 0)) {
    return ln_import_no_memory(import);
  }
  const int32_t number = import->lookups != NULL ? import->lookups->number + 1 : 0;
  *l = (ln_lookup){import->lookups, number, kept, key_type, value_type, count, k, v, key_bytes, value_bytes};
  import->lookups = l;
  return number;
}

static int32_t emit_table(ln_emit *e, const ln_lookup *l) {
  static const ln_type type = LN_RESOURCE;
  const ln_hashtable_options options = {
      .table_id = l->number, .key_dtype = (int8_t)l->key_type, .value_dtype = (int8_t)l->value_type};
  int32_t handle = -1;
  mark(e);
  ln_emit_given(e, LN_OP_HASHTABLE, &options, 0, NULL, 1, &type, &one_handle, &handle);
  return handle;
}

int32_t ln_emit_find(ln_emit *e, int32_t lookup, int32_t keys, int32_t default_value) {
  if (ln_emit_failed(e) || keys < 0) return -1;
  const ln_lookup *l = lookup_at(e->import, lookup);
  if (l == NULL) return ln_emit_wrong(e, "it looks up in a table that there is not");
  if (ln_emit_type(e, keys) != l->key_type) {
    return ln_emit_wrong(e, "it looks up %s in a table of %s", ln_type_name(ln_emit_type(e, keys)),
                         ln_type_name(l->key_type));
  }
  const int32_t inputs[3] = {emit_table(e, l), keys, default_value};
  int32_t found = -1;
  if (ln_emit_failed(e)) return -1;
  const ln_fact fact = e->facts[keys];
  ln_emit_given(e, LN_OP_HASHTABLE_FIND, NULL, 3, inputs, 1, &l->value_type, &fact, &found);
  return found;
}

int32_t ln_emit_lookup_size(ln_emit *e, int32_t lookup) {
  if (ln_emit_failed(e)) return -1;
  const ln_lookup *l = lookup_at(e->import, lookup);
  if (l == NULL) return ln_emit_wrong(e, "it asks a table that there is not");
  return ln_emit_scalar(e, LN_INT64, l->count);
}

/* ---- the first values ---- */

static void set_variables(ln_emit *e) {
  for (const ln_variable *v = e->import->variables; v != NULL; v = v->next) {
    ln_emit_assign(e, v->number, ln_emit_constant(e, NULL, v->type, &v->shape, v->data, v->bytes));
  }
}

static void import_tables(ln_emit *e) {
  for (const ln_lookup *l = e->import->lookups; l != NULL; l = l->next) {
    const ln_shape shape = {1, {l->count}};
    const int32_t inputs[3] = {emit_table(e, l), ln_emit_constant(e, NULL, l->key_type, &shape, l->keys, l->key_bytes),
                               ln_emit_constant(e, NULL, l->value_type, &shape, l->values, l->value_bytes)};
    ln_emit_given(e, LN_OP_HASHTABLE_IMPORT, NULL, 3, inputs, 0, NULL, NULL, NULL);
  }
}

/* Before all else of the graph. */
static void call_once(ln_emit *e, int32_t graph) {
  const ln_call_once_options options = {.init_subgraph_index = graph};
  ln_emit_given(e, LN_OP_CALL_ONCE, &options, 0, NULL, 0, NULL, NULL, NULL);
  ln_graph *g = ln_emit_graph(e);
  if (ln_emit_failed(e) || g->op_count == 0) return;
  const ln_op call = g->ops[g->op_count - 1];
  memmove(g->ops + 1, g->ops, (size_t)(g->op_count - 1) * sizeof *g->ops);
  g->ops[0] = call;
}

void ln_import_finish_state(ln_import *import) {
  if (ln_import_failed(import) || (import->variables == NULL && import->lookups == NULL)) return;
  const int32_t count = import->model->graph_count;
  ln_emit *e = ln_emit_begin(import, "first_values");
  if (e == NULL) return;
  set_variables(e);
  import_tables(e);
  import->state_graph = e->graph;
  for (int32_t i = 0; i < count && !ln_import_failed(import); ++i) {
    if (import->emits[i]->uses_state && import->emits[i]->outer == NULL) call_once(import->emits[i], e->graph);
  }
}
