/* Variables of training signatures: listed, initialized, read and assigned, saved and restored. */
#include <stdio.h>
#include <string.h>

#include "ir/nodedef.h"
#include "train/trainable.h"

static ln_arena *arena_of(ln_trainable *m) { return ln_optimizer_arena(&m->o); }
static ln_status no_memory(const ln_trainable *m) { return ln_optimizer_no_memory(&m->o); }

/* ---- which there are ---- */

static bool taken(const ln_trainable *m, const char *name) {
  for (int32_t i = 0; i < m->variable_count; ++i) {
    if (strcmp(m->variables[i].name, name) == 0) return true;
  }
  return false;
}

static ln_status add(ln_trainable *m, const char *name, const ln_train_variable *like) {
  ln_train_variable *v = &m->variables[m->variable_count];
  *v = *like;
  v->name = name == NULL || name[0] == '\0' || taken(m, name)
                ? ln_arena_printf(arena_of(m), "%s:%d", name == NULL ? "" : name, (int)m->variable_count)
                : name;
  if (name == NULL || v->name == NULL) return no_memory(m);
  ++m->variable_count;
  return LN_OK;
}

ln_status ln_trainable_list_variables(ln_trainable *m) {
  const ln_trainer *t = m->t;
  float first[LN_UPDATE_SLOTS];
  size_t room;
  m->slots = ln_update_used(t->update, t->settings, first);
  if (!ln_size_mul((size_t)t->param_count, 1 + LN_UPDATE_SLOTS, &room)) return no_memory(m);
  m->variables = ln_arena_array(arena_of(m), room + 1, sizeof *m->variables);
  if (m->variables == NULL) return no_memory(m);
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    const ln_train_variable v = {.type = LN_FLOAT32, .shape = p->shape, .values = p->values, .count = p->count};
    LN_TRY(add(m, p->name, &v));
  }
  m->weight_count = m->variable_count;
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    for (int32_t k = 0; k < LN_UPDATE_SLOTS; ++k) {
      if ((m->slots >> k & 1) == 0) continue;
      const ln_train_variable v = {.type = LN_FLOAT32,
                                   .shape = p->shape,
                                   .values = t->step > 0 ? p->slots[k] : NULL,
                                   .count = p->count,
                                   .first = (double)first[k]};
      const char *name = ln_arena_printf(arena_of(m), "%s/%s/%d", m->variables[i].name, t->update->name, (int)k);
      LN_TRY(add(m, name, &v));
    }
  }
  const ln_train_variable steps = {.type = LN_INT32, .first = (double)t->step, .count = 1};
  return add(m, "training/steps", &steps);
}

/* ---- operators ---- */

static ln_op *put(ln_trainable *m, int32_t at, int32_t code, int32_t inputs, int32_t outputs, void **options) {
  return ln_edit_insert_op(&m->o, at, code, inputs, outputs, options);
}

static int32_t tensor(ln_trainable *m, const char *name, ln_type type, const ln_shape *shape) {
  return ln_edit_add_tensor(&m->o, name, type, shape, &ln_quant_none);
}

ln_status ln_trainable_give_tensor(ln_trainable *m, ln_train_variable *v) {
  v->tensor = tensor(m, v->name, v->type, &v->shape);
  if (v->tensor < 0) return no_memory(m);
  ln_optimizer_graph(&m->o)->tensors[v->tensor].has_rank = true; /* of scalars too */
  return LN_OK;
}

static int32_t constant(ln_trainable *m, const char *name, ln_type type, const ln_shape *shape, const void *data,
                        size_t bytes) {
  void *copy = ln_arena_copy(arena_of(m), data, bytes);
  return copy == NULL ? -1 : ln_edit_add_constant(&m->o, name, type, shape, copy, bytes);
}

static ln_status call_once(ln_trainable *m) {
  void *options;
  if (put(m, 0, LN_OP_CALL_ONCE, 0, 0, &options) == NULL) return no_memory(m);
  ((ln_call_once_options *)options)->init_subgraph_index = m->initializer;
  return LN_OK;
}

static ln_status open_handle(ln_trainable *m, int32_t at, ln_train_variable *v) {
  const ln_shape scalar = {0};
  void *options;
  v->handle = tensor(m, v->name, LN_RESOURCE, &scalar);
  ln_op *op = v->handle < 0 ? NULL : put(m, at, LN_OP_VAR_HANDLE, 0, 1, &options);
  if (op == NULL) return no_memory(m);
  op->outputs[0] = v->handle;
  ((ln_var_handle_options *)options)->container = "";
  ((ln_var_handle_options *)options)->shared_name = v->name;
  return LN_OK;
}

ln_status ln_trainable_open_handles(ln_trainable *m, bool once) {
  for (int32_t i = m->variable_count - 1; i >= 0; --i) LN_TRY(open_handle(m, 0, &m->variables[i]));
  return once ? call_once(m) : LN_OK;
}

ln_status ln_trainable_read(ln_trainable *m) {
  for (int32_t i = m->variable_count - 1; i >= 0; --i) {
    ln_train_variable *v = &m->variables[i];
    v->handle = -1;
    if (v->tensor < 0) continue;
    ln_op *op = put(m, 0, LN_OP_READ_VARIABLE, 1, 1, NULL);
    if (op == NULL) return no_memory(m);
    op->outputs[0] = v->tensor;
    LN_TRY(open_handle(m, 0, v));
    ln_optimizer_graph(&m->o)->ops[1].inputs[0] = v->handle;
  }
  return call_once(m);
}

ln_status ln_trainable_assign(ln_trainable *m, const ln_train_variable *v, int32_t value) {
  ln_op *op = put(m, ln_optimizer_graph(&m->o)->op_count, LN_OP_ASSIGN_VARIABLE, 2, 0, NULL);
  if (op == NULL) return no_memory(m);
  op->inputs[0] = v->handle;
  op->inputs[1] = value;
  return LN_OK;
}

/* ---- the initializer ---- */

/* Slots that begin alike everywhere take no room in the file. */
static int32_t filled(ln_trainable *m, const ln_train_variable *v) {
  const ln_shape scalar = {0}, list = ln_shape_make(1, &v->shape.rank);
  const float first = (float)v->first;
  const int32_t dims = constant(m, "training/dims", LN_INT32, &list, v->shape.dims, (size_t)v->shape.rank * 4);
  const int32_t value = constant(m, "training/first", LN_FLOAT32, &scalar, &first, sizeof first);
  const int32_t out = tensor(m, "training/filled", LN_FLOAT32, &v->shape);
  if (dims < 0 || value < 0 || out < 0) return -1;
  ln_op *op = put(m, ln_optimizer_graph(&m->o)->op_count, LN_OP_FILL, 2, 1, NULL);
  if (op == NULL) return -1;
  op->inputs[0] = dims;
  op->inputs[1] = value;
  op->outputs[0] = out;
  return out;
}

static int32_t first_value(ln_trainable *m, const ln_train_variable *v) {
  const int32_t whole = (int32_t)v->first;
  if (v->type == LN_INT32) return constant(m, "training/first", LN_INT32, &v->shape, &whole, sizeof whole);
  if (v->values != NULL) return constant(m, v->name, LN_FLOAT32, &v->shape, v->values, v->count * sizeof(float));
  return filled(m, v);
}

ln_status ln_trainable_add_initializer(ln_trainable *m) {
  LN_TRY(ln_trainable_add_graph(m, "initialize", true));
  m->initializer = m->o.graph;
  LN_TRY(ln_trainable_open_handles(m, false));
  for (int32_t i = 0; i < m->variable_count; ++i) {
    const int32_t value = first_value(m, &m->variables[i]);
    if (value < 0) return no_memory(m);
    LN_TRY(ln_trainable_assign(m, &m->variables[i], value));
  }
  return LN_OK;
}

/* ---- checkpoints as files: TensorFlow's operators Save and Restore ---- */

/* attr { key: `name`, value: `value` }, an AttrValue (tensorflow/core/framework/node_def.proto). */
static void put_attribute(ln_bytes *node, const char *name, const ln_bytes *value) {
  ln_bytes entry = {0};
  ln_wire_put_bytes(&entry, 1, name, strlen(name));
  ln_wire_put_bytes(&entry, 2, value->data, value->size);
  node->failed = node->failed || entry.failed || value->failed;
  ln_wire_put_bytes(node, 5, entry.data, entry.size);
  ln_bytes_free(&entry);
}

/* A vector of the operator's name and its NodeDef, in FlexBuffers. */
static void put_flex(ln_bytes *out, const char *name, const ln_bytes *node) {
  const uint8_t name_size = (uint8_t)strlen(name);
  const uint32_t node_size = (uint32_t)node->size;
  ln_bytes_byte(out, name_size);
  ln_bytes_add(out, name, (size_t)name_size + 1);
  while (out->size % 4 != 0) ln_bytes_byte(out, 0);
  ln_bytes_add(out, &node_size, 4);
  const uint32_t node_at = (uint32_t)out->size;
  ln_bytes_add(out, node->data, node->size);
  do ln_bytes_byte(out, 0);
  while (out->size % 4 != 0);
  const uint32_t count = 2, here = (uint32_t)out->size + 4;
  const uint32_t vector[2] = {here - 1, here + 4 - node_at};
  ln_bytes_add(out, &count, 4);
  ln_bytes_add(out, vector, sizeof vector);
  const uint8_t end[] = {5 << 2 | 0, 5 << 2 | 2, 10, 10 << 2 | 2,
                         1}; /* two strings; back to them; a vector of 4 bytes each */
  ln_bytes_add(out, end, sizeof end);
  out->failed = out->failed || node->failed;
}

/* NodeDef of Save with the types that it saves, or of Restore with the one that it restores. */
static void put_node(ln_bytes *out, const char *name, const ln_trainable *m, const ln_train_variable *restored) {
  ln_bytes node = {0}, types = {0}, value = {0};
  ln_wire_put_bytes(&node, 2, name, strlen(name));
  if (restored != NULL) {
    ln_wire_put_number(&value, 6, ln_tf_number(restored->type));
    put_attribute(&node, "dt", &value);
  } else {
    for (int32_t i = 0; i < m->variable_count; ++i) ln_wire_put_varint(&types, ln_tf_number(m->variables[i].type));
    ln_bytes list = {0};
    ln_wire_put_bytes(&list, 6, types.data, types.size);
    ln_wire_put_bytes(&value, 1, list.data, list.size);
    value.failed = value.failed || types.failed || list.failed;
    ln_bytes_free(&list);
    put_attribute(&node, "T", &value);
  }
  put_flex(out, name, &node);
  ln_bytes_free(&value);
  ln_bytes_free(&types);
  ln_bytes_free(&node);
}

static ln_op *put_flex_op(ln_trainable *m, const char *name, const ln_train_variable *restored, int32_t inputs,
                          int32_t outputs) {
  ln_bytes options = {0};
  char full[24];
  snprintf(full, sizeof full, "Flex%s", name);
  put_node(&options, name, m, restored);
  const uint8_t *copy = options.failed ? NULL : ln_arena_copy(arena_of(m), options.data, options.size);
  const size_t size = options.size;
  ln_bytes_free(&options);
  ln_op *op = copy == NULL ? NULL : put(m, ln_optimizer_graph(&m->o)->op_count, LN_OP_NEG, inputs, outputs, NULL);
  if (op == NULL) return NULL;
  op->def = ln_op_find_flex(name);
  op->options = NULL;
  op->options_table = LN_TABLE_none;
  op->has_options = false;
  op->custom_name = ln_arena_strdup(arena_of(m), full);
  op->custom_options = copy;
  op->custom_options_size = size;
  return op->def == NULL || op->custom_name == NULL ? NULL : op;
}

/* Names of `count` variables as a tensor of strings: their number, where each begins and the last ends, then they. */
static int32_t names(ln_trainable *m, const ln_train_variable *variables, int32_t count, const ln_shape *shape) {
  ln_bytes bytes = {0};
  size_t at = 4 * ((size_t)count + 2);
  ln_bytes_add(&bytes, &count, 4);
  for (int32_t i = 0; i <= count; ++i) {
    const int32_t offset = (int32_t)at;
    ln_bytes_add(&bytes, &offset, 4);
    if (i < count) at += strlen(variables[i].name);
  }
  for (int32_t i = 0; i < count; ++i) ln_bytes_add(&bytes, variables[i].name, strlen(variables[i].name));
  const int32_t index =
      bytes.failed || at > INT32_MAX ? -1 : constant(m, "training/names", LN_STRING, shape, bytes.data, bytes.size);
  ln_bytes_free(&bytes);
  return index;
}

static ln_status begin_file(ln_trainable *m, const char *name, int32_t *path) {
  const ln_shape scalar = {0};
  LN_TRY(ln_trainable_add_graph(m, name, true));
  *path = tensor(m, "checkpoint_path", LN_STRING, &scalar);
  return *path < 0 ? no_memory(m) : LN_OK;
}

static ln_status add_save(ln_trainable *m) {
  int32_t path;
  LN_TRY(begin_file(m, "save", &path));
  for (int32_t i = 0; i < m->variable_count; ++i) LN_TRY(ln_trainable_give_tensor(m, &m->variables[i]));
  const ln_shape list = ln_shape_make(1, &m->variable_count);
  const int32_t all = names(m, m->variables, m->variable_count, &list);
  ln_op *op = all < 0 ? NULL : put_flex_op(m, "Save", NULL, m->variable_count + 2, 0);
  if (op == NULL) return no_memory(m);
  op->inputs[0] = path;
  op->inputs[1] = all;
  for (int32_t i = 0; i < m->variable_count; ++i) op->inputs[i + 2] = m->variables[i].tensor;
  LN_TRY(ln_trainable_read(m));
  ln_train_end end = {"checkpoint_path", path};
  return ln_trainable_sign(m, "save", &end, 1, &end, 1);
}

static ln_status add_restore(ln_trainable *m) {
  const ln_shape scalar = {0};
  int32_t path;
  ln_train_end steps = {"steps", -1};
  LN_TRY(begin_file(m, "restore", &path));
  LN_TRY(ln_trainable_open_handles(m, true));
  for (int32_t i = 0; i < m->variable_count; ++i) {
    const ln_train_variable *v = &m->variables[i];
    const int32_t name = names(m, v, 1, &scalar), value = tensor(m, v->name, v->type, &v->shape);
    ln_op *op = name < 0 || value < 0 ? NULL : put_flex_op(m, "Restore", v, 2, 1);
    if (op == NULL) return no_memory(m);
    op->inputs[0] = path;
    op->inputs[1] = name;
    op->outputs[0] = value;
    LN_TRY(ln_trainable_assign(m, v, value));
    steps.tensor = value;
  }
  ln_train_end end = {"checkpoint_path", path};
  return ln_trainable_sign(m, "restore", &end, 1, &steps, 1);
}

/* ---- checkpoints as tensors ---- */

static ln_status list_tensors(ln_trainable *m, const char *name, ln_train_end **ends) {
  LN_TRY(ln_trainable_add_graph(m, name, true));
  *ends = ln_arena_array(arena_of(m), (size_t)m->variable_count, sizeof **ends);
  if (*ends == NULL) return no_memory(m);
  for (int32_t i = 0; i < m->variable_count; ++i) {
    ln_train_variable *v = &m->variables[i];
    LN_TRY(ln_trainable_give_tensor(m, v));
    (*ends)[i] = (ln_train_end){v->name, v->tensor};
  }
  return LN_OK;
}

static ln_status add_arrays(ln_trainable *m) {
  ln_train_end *ends;
  LN_TRY(list_tensors(m, "save", &ends));
  LN_TRY(ln_trainable_read(m));
  LN_TRY(ln_trainable_sign(m, "save", NULL, 0, ends, m->variable_count));
  LN_TRY(list_tensors(m, "restore", &ends));
  LN_TRY(ln_trainable_open_handles(m, true));
  for (int32_t i = 0; i < m->variable_count; ++i) {
    LN_TRY(ln_trainable_assign(m, &m->variables[i], m->variables[i].tensor));
  }
  ln_train_end steps = {"steps", m->variables[m->variable_count - 1].tensor};
  return ln_trainable_sign(m, "restore", ends, m->variable_count, &steps, 1);
}

ln_status ln_trainable_add_checkpoints(ln_trainable *m, bool arrays) {
  if (arrays) return add_arrays(m);
  LN_TRY(add_save(m));
  return add_restore(m);
}
