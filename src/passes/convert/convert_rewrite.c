/* Graphs while passes change them. */
#include "passes/convert/convert_rewrite.h"

#include <string.h>

ln_status ln_rewriter_open(ln_convert_context *context, ln_rewriter *out) {
  *out = (ln_rewriter){.context = context, .graph = context->pass.graph, .arena = context->pass.arena};
  ln_rewriter_refresh(out);
  if (!out->failed) return LN_OK;
  return ln_rewriter_close(out, 0);
}

static bool grow(void **array, int32_t *room, int32_t wanted, size_t item) {
  if (wanted <= *room && *array != NULL) return true;
  if (wanted > INT32_MAX / 2) return false;
  void *grown = ln_realloc_array(*array, (size_t)*room, (size_t)wanted * 2 + 8, item);
  if (grown == NULL) return false;
  *array = grown;
  *room = wanted * 2 + 8;
  return true;
}

static bool make_room(ln_rewriter *r) {
  int32_t room = r->tensor_room, drop_room = r->op_room;
  bool good = grow((void **)&r->producers, &room, r->graph->tensor_count, sizeof *r->producers);
  room = r->tensor_room;
  good = good && grow((void **)&r->uses, &room, r->graph->tensor_count, sizeof *r->uses);
  r->tensor_room = room;
  good = good && grow((void **)&r->drop, &drop_room, r->graph->op_count, sizeof *r->drop);
  r->op_room = drop_room;
  if (!good) r->failed = true;
  return good;
}

void ln_rewriter_refresh(ln_rewriter *r) {
  const ln_graph *graph = r->graph;
  if (r->failed || !make_room(r)) return;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    r->producers[i] = -1;
    r->uses[i] = 0;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (r->drop[i]) continue;
    for (int32_t j = 0; j < op->output_count; ++j) r->producers[op->outputs[j]] = i;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) ++r->uses[op->inputs[j]];
    }
  }
  for (int32_t i = 0; i < graph->output_count; ++i) ++r->uses[graph->outputs[i]];
}

/* ---- an order that can be run ---- */

typedef struct order {
  const ln_graph *graph;
  const int32_t *producers;
  ln_op *sorted;
  int32_t count;
  int32_t *stack; /* [op_count + 1] */
  uint8_t *state; /* [op_count] 0 new, 1 waits for what it reads, 2 placed */
} order;

/* The first operator that `op` reads from and that has no place yet; -1 for none. */
static int32_t awaited(const order *o, int32_t op) {
  const ln_op *at = &o->graph->ops[op];
  for (int32_t j = 0; j < at->input_count; ++j) {
    const int32_t maker = at->inputs[j] < 0 ? -1 : o->producers[at->inputs[j]];
    if (maker >= 0 && o->state[maker] == 0) return maker;
  }
  return -1;
}

/* Operators keep their order, but for those that were added later: these stand before their first reader. */
static void place(order *o, int32_t op) {
  int32_t depth = 0;
  o->stack[depth++] = op;
  while (depth > 0) {
    const int32_t top = o->stack[depth - 1];
    o->state[top] = 1;
    const int32_t next = awaited(o, top);
    if (next >= 0) {
      o->stack[depth++] = next;
      continue;
    }
    o->sorted[o->count++] = o->graph->ops[top];
    o->state[top] = 2;
    --depth;
  }
}

static void sort(ln_rewriter *r) {
  const int32_t count = r->graph->op_count;
  order o = {.graph = r->graph, .producers = r->producers};
  ln_op *old = ln_alloc_array((size_t)count + 1, sizeof *old);
  o.sorted = old;
  o.stack = ln_alloc_array((size_t)count + 1, sizeof *o.stack);
  o.state = ln_alloc_array((size_t)count + 1, sizeof *o.state);
  if (old == NULL || o.stack == NULL || o.state == NULL) {
    r->failed = true;
  } else {
    for (int32_t i = 0; i < count; ++i) {
      if (o.state[i] == 0) place(&o, i);
    }
    memcpy(r->graph->ops, old, (size_t)count * sizeof *old);
  }
  ln_free(old);
  ln_free(o.stack);
  ln_free(o.state);
}

ln_status ln_rewriter_close(ln_rewriter *r, int32_t changes) {
  if (!r->failed && changes > 0) {
    ln_rewriter_refresh(r);
    if (!r->failed) {
      ln_graph_drop_ops(r->graph, r->drop);
      memset(r->drop, 0, (size_t)r->op_room * sizeof *r->drop);
      ln_rewriter_refresh(r);
      sort(r);
    }
    r->context->pass.changes += changes;
  }
  ln_free(r->producers);
  ln_free(r->uses);
  ln_free(r->drop);
  r->producers = r->uses = NULL;
  r->drop = NULL;
  return r->failed ? ln_pass_out_of_memory(&r->context->pass, "of converting") : LN_OK;
}

/* ---- adding ---- */

void ln_rewriter_set_shape(ln_tensor *tensor, const ln_shape *signature) {
  tensor->shape = tensor->signature = *signature;
  tensor->has_signature = false;
  for (int32_t i = 0; i < signature->rank; ++i) tensor->has_signature = tensor->has_signature || signature->dims[i] < 0;
  tensor->has_rank = signature->rank > 0;
}

static int32_t add(ln_rewriter *r, ln_tensor *tensor, const char *name) {
  tensor->name = ln_arena_strdup(r->arena, name);
  const int32_t index = r->failed || tensor->name == NULL ? -1 : ln_graph_add_tensor(r->graph, r->arena, tensor);
  if (index < 0 || !make_room(r)) {
    r->failed = true;
    return -1;
  }
  r->producers[index] = -1;
  r->uses[index] = 0;
  return index;
}

int32_t ln_rewriter_constant(ln_rewriter *r, const char *name, ln_type type, const ln_shape *shape, const void *data) {
  ln_tensor tensor = {
      .has_rank = shape->rank > 0, .type = type, .shape = *shape, .signature = *shape, .quant = &ln_quant_none};
  tensor.storage = LN_STORAGE_CONST;
  if (!ln_tensor_size(type, shape, &tensor.bytes)) r->failed = true;
  if (!r->failed) tensor.data = ln_arena_copy(r->arena, data, tensor.bytes);
  if (tensor.data == NULL) r->failed = true;
  return add(r, &tensor, name);
}

int32_t ln_rewriter_ints(ln_rewriter *r, const char *name, int32_t count, const int32_t *values) {
  const ln_shape shape = ln_shape_make(1, &count);
  return ln_rewriter_constant(r, name, LN_INT32, &shape, values);
}

int32_t ln_rewriter_number(ln_rewriter *r, const char *name, float value) {
  const ln_shape shape = {0};
  return ln_rewriter_constant(r, name, LN_FLOAT32, &shape, &value);
}

int32_t ln_rewriter_tensor(ln_rewriter *r, const char *name, ln_type type, const ln_shape *signature,
                           const ln_quant *quant) {
  ln_tensor tensor = {.type = type, .quant = quant};
  ln_rewriter_set_shape(&tensor, signature);
  return add(r, &tensor, name);
}

static bool room_for_op(ln_rewriter *r) {
  ln_graph *graph = r->graph;
  if (graph->op_count >= graph->op_capacity) {
    if (graph->op_count > INT32_MAX / 2) return false;
    const int32_t capacity = graph->op_count * 2 + 8;
    ln_op *moved = ln_arena_array(r->arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return false;
    if (graph->op_count > 0) memcpy(moved, graph->ops, (size_t)graph->op_count * sizeof *moved);
    graph->ops = moved;
    graph->op_capacity = capacity;
  }
  return true;
}

int32_t ln_rewriter_op(ln_rewriter *r, int32_t code, const void *options, int32_t in_count, const int32_t *in,
                       int32_t out_count, const int32_t *out, const ln_op *from) {
  ln_op op = {.def = ln_op_find(code), .input_count = in_count, .output_count = out_count, .version = 1};
  if (op.def == NULL) r->failed = true;
  for (int32_t i = 0; i < out_count; ++i) r->failed = r->failed || out[i] < 0;
  if (r->failed) return -1;
  op.index = from != NULL ? from->index : -1;
  op.origin = from != NULL ? from->origin : NULL;
  op.origin_op = from != NULL ? from->origin_op : NULL;
  op.debug_metadata_index = -1;
  op.inputs = ln_arena_copy(r->arena, in, (size_t)in_count * sizeof *in);
  op.outputs = ln_arena_copy(r->arena, out, (size_t)out_count * sizeof *out);
  op.options_table = op.def->options;
  if (op.options_table != LN_TABLE_none) {
    const size_t size = ln_schema_table(op.options_table)->struct_size;
    void *made = ln_arena_alloc(r->arena, size);
    if (made == NULL) r->failed = true;
    else if (options != NULL) memcpy(made, options, size);
    else ln_schema_set_defaults(op.options_table, made);
    op.options = made;
    op.has_options = true;
  }
  if (op.inputs == NULL || op.outputs == NULL || r->failed || !room_for_op(r)) {
    r->failed = true;
    return -1;
  }
  const int32_t index = r->graph->op_count++;
  r->graph->ops[index] = op;
  if (!make_room(r)) return -1;
  r->drop[index] = false;
  for (int32_t i = 0; i < out_count; ++i) r->producers[out[i]] = index;
  for (int32_t i = 0; i < in_count; ++i) {
    if (in[i] >= 0) ++r->uses[in[i]];
  }
  return index;
}

void ln_rewriter_replace(ln_rewriter *r, int32_t from, int32_t to) {
  if (to < 0) return;
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    ln_op *op = &r->graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] != from) continue;
      op->inputs[j] = to;
      --r->uses[from];
      ++r->uses[to];
    }
  }
}

bool ln_rewriter_is_output(const ln_rewriter *r, int32_t tensor) {
  for (int32_t i = 0; i < r->graph->output_count; ++i) {
    if (r->graph->outputs[i] == tensor) return true;
  }
  return false;
}
