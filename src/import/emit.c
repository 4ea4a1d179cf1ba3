/* Graphs that are being made: where they stand in the source, names, operators, inputs, outputs and signatures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/emit_private.h"

ln_graph *ln_emit_graph(const ln_emit *e) { return &e->import->model->graphs[e->graph]; }
ln_arena *ln_emit_arena(const ln_emit *e) { return &e->import->model->arena; }

void *ln_import_grow(ln_arena *arena, void *array, int32_t count, int32_t *capacity, size_t item_bytes) {
  if (count < *capacity) return array;
  if (count > INT32_MAX / 4) return NULL;
  const int32_t wanted = count * 2 + 16;
  void *moved = ln_arena_array(arena, (size_t)wanted, item_bytes);
  if (moved == NULL) return NULL;
  if (count > 0) memcpy(moved, array, (size_t)count * item_bytes);
  *capacity = wanted;
  return moved;
}

/* ---- where it is, and failures ---- */

void ln_emit_at(ln_emit *e, const char *origin, const char *op) {
  if (ln_emit_failed(e)) return;
  e->origin = origin != NULL ? ln_arena_strdup(ln_emit_arena(e), origin) : NULL;
  e->origin_op = op != NULL ? ln_arena_strdup(ln_emit_arena(e), op) : NULL;
  if ((origin != NULL && e->origin == NULL) || (op != NULL && e->origin_op == NULL)) ln_import_no_memory(e->import);
}

void ln_emit_say(ln_emit *e, ln_status status, const char *text) {
  if (e->origin == NULL) {
    ln_import_fail(e->import, status, "%s", text);
  } else if (e->origin_op == NULL) {
    ln_import_fail(e->import, status, "%s \"%.120s\": %s", e->import->what, e->origin, text);
  } else {
    ln_import_fail(e->import, status, "%s \"%.120s\" (%.60s): %s", e->import->what, e->origin, e->origin_op, text);
  }
}

static void say(ln_emit *e, ln_status status, const char *format, va_list list) {
  char text[400];
  vsnprintf(text, sizeof text, format, list);
  ln_emit_say(e, status, text);
}

int32_t ln_emit_refuse(ln_emit *e, const char *format, ...) {
  va_list list;
  va_start(list, format);
  say(e, LN_ERR_UNSUPPORTED, format, list);
  va_end(list);
  return -1;
}

int32_t ln_emit_wrong(ln_emit *e, const char *format, ...) {
  va_list list;
  va_start(list, format);
  say(e, LN_ERR_MODEL, format, list);
  va_end(list);
  return -1;
}

/* ---- names ---- */

static size_t place_of(const ln_emit *e, const char *name) {
  const size_t mask = (size_t)e->name_capacity - 1;
  size_t at = (size_t)ln_hash64(name, strlen(name)) & mask;
  while (e->names[at] != NULL && strcmp(e->names[at], name) != 0) at = (at + 1) & mask;
  return at;
}

static bool make_room_for_name(ln_emit *e) {
  if (e->name_count < e->name_capacity / 2) return true;
  if (e->name_capacity > INT32_MAX / 4) return false;
  const char **old = e->names;
  const int32_t count = e->name_capacity;
  e->name_capacity = count > 0 ? count * 2 : 256;
  e->names = ln_arena_array(ln_emit_arena(e), (size_t)e->name_capacity, sizeof *e->names);
  if (e->names == NULL) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (old[i] != NULL) e->names[place_of(e, old[i])] = old[i];
  }
  return true;
}

/* The name, or the name with a number behind it where it is taken; NULL when memory is short. */
static const char *take_name(ln_emit *e, const char *name) {
  if (!make_room_for_name(e)) return NULL;
  const char *made = name;
  for (int32_t i = e->name_count; e->names[place_of(e, made)] != NULL; ++i) {
    made = ln_arena_printf(ln_emit_arena(e), "%s;%d", name, (int)i);
    if (made == NULL) return NULL;
  }
  if (made == name) made = ln_arena_strdup(ln_emit_arena(e), name);
  if (made == NULL) return NULL;
  e->names[place_of(e, made)] = made;
  ++e->name_count;
  return made;
}

void ln_emit_name(ln_emit *e, int32_t tensor, const char *name) {
  if (tensor < 0 || ln_emit_failed(e) || strcmp(ln_emit_graph(e)->tensors[tensor].name, name) == 0) return;
  const char *taken = take_name(e, name);
  if (taken == NULL) ln_import_no_memory(e->import);
  else ln_emit_graph(e)->tensors[tensor].name = taken;
}

/* "block1/conv/conv_2d" */
static const char *automatic_name(ln_emit *e, const char *last) {
  char name[320];
  const int length =
      snprintf(name, sizeof name, "%.240s%s", e->origin != NULL ? e->origin : "", e->origin != NULL ? "/" : "");
  for (int32_t i = length; i < (int32_t)sizeof name - 1 && *last != '\0'; ++i, ++last) {
    name[i] = *last >= 'A' && *last <= 'Z' ? (char)(*last + 32) : *last;
    name[i + 1] = '\0';
  }
  return take_name(e, name);
}

/* ---- tensors ---- */

/* `taken`: its name, which is in the table. */
static int32_t new_tensor(ln_emit *e, const char *taken, ln_type type, const ln_fact *fact) {
  ln_fact *facts =
      ln_import_grow(ln_emit_arena(e), e->facts, ln_emit_graph(e)->tensor_count, &e->fact_capacity, sizeof *facts);
  if (taken == NULL || facts == NULL) return ln_import_no_memory(e->import);
  e->facts = facts;
  const ln_tensor tensor = {
      .name = taken, .type = type, .shape = fact->shape[0], .signature = fact->shape[0], .quant = &ln_quant_none};
  const int32_t index = ln_graph_add_tensor(ln_emit_graph(e), ln_emit_arena(e), &tensor);
  if (index < 0) return ln_import_no_memory(e->import);
  e->facts[index] = *fact;
  return index;
}

int32_t ln_emit_tensor(ln_emit *e, const char *name, ln_type type, const ln_fact *fact) {
  if (ln_emit_failed(e)) return -1;
  return new_tensor(e, name != NULL ? take_name(e, name) : automatic_name(e, "value"), type, fact);
}

/* The tensor becomes a constant that holds `data`, which is the arena's or outlives it. */
static void make_constant(ln_emit *e, int32_t index, const void *data, size_t bytes) {
  ln_tensor *tensor = &ln_emit_graph(e)->tensors[index];
  ln_fact *fact = &e->facts[index];
  tensor->storage = LN_STORAGE_CONST;
  tensor->data = (void *)(uintptr_t)data;
  tensor->bytes = bytes;
  tensor->shape = tensor->signature = fact->shape[0];
  fact->constant = true;
  fact->value[0] = fact->value[1] = data;
}

int32_t ln_emit_constant(ln_emit *e, const char *name, ln_type type, const ln_shape *shape, const void *data,
                         size_t bytes) {
  const ln_fact fact = {.shape = {*shape, *shape}};
  const int32_t index = ln_emit_tensor(e, name, type, &fact);
  if (index >= 0) make_constant(e, index, data, bytes);
  return index;
}

/* ---- graphs ---- */

ln_emit *ln_emit_begin(ln_import *import, const char *name) {
  if (ln_import_failed(import)) return NULL;
  ln_model *model = import->model;
  ln_arena *arena = &model->arena;
  int32_t capacity = import->emit_capacity;
  struct ln_emit **emits = ln_import_grow(arena, import->emits, model->graph_count, &capacity, sizeof *emits);
  ln_graph *graphs = model->graphs;
  if (capacity != import->emit_capacity) {
    graphs = ln_arena_array(arena, (size_t)capacity, sizeof *graphs);
    if (graphs != NULL && model->graph_count > 0)
      memcpy(graphs, model->graphs, (size_t)model->graph_count * sizeof *graphs);
  }
  ln_emit *e = ln_arena_alloc(arena, sizeof *e);
  const char *kept = ln_arena_strdup(arena, name);
  if (emits == NULL || graphs == NULL || e == NULL || kept == NULL) {
    ln_import_no_memory(import);
    return NULL;
  }
  import->emits = emits;
  import->emit_capacity = capacity;
  model->graphs = graphs;
  *e = (ln_emit){.import = import, .graph = model->graph_count};
  graphs[model->graph_count] = (ln_graph){.name = kept, .debug_metadata_index = -1};
  emits[model->graph_count++] = e;
  return e;
}

/* ---- operators ---- */

static bool check_inputs(ln_emit *e, const ln_op_def *def, int32_t count, const int32_t *inputs) {
  if (ln_emit_failed(e)) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (inputs[i] == LN_EMIT_NONE || (inputs[i] >= 0 && inputs[i] < ln_emit_graph(e)->tensor_count)) continue;
    ln_emit_wrong(e, "input %d of %s is missing", i, def != NULL ? def->name : "an operator");
    return false;
  }
  return true;
}

/* Adds the operator at the end of the graph; NULL after a failure. */
static ln_op *append(ln_emit *e, const ln_op *like, const void *options, int32_t count, const int32_t *inputs,
                     int32_t output_count) {
  ln_graph *graph = ln_emit_graph(e);
  ln_arena *arena = ln_emit_arena(e);
  ln_op *ops = ln_import_grow(arena, graph->ops, graph->op_count, &graph->op_capacity, sizeof *ops);
  ln_op op = *like;
  op.version = op.def->code == LN_OP_BROADCAST_TO ? 2 : 1; /* TensorFlow Lite never had a first one */
  op.index = graph->op_count;
  op.debug_metadata_index = -1;
  op.origin = e->origin;
  op.origin_op = e->origin_op;
  op.input_count = count;
  op.output_count = output_count;
  op.inputs = ln_arena_copy(arena, inputs, (size_t)count * sizeof *inputs);
  op.outputs = ln_arena_array(arena, (size_t)output_count, sizeof *op.outputs);
  op.options_table = op.def->options;
  if (op.options_table != LN_TABLE_none) {
    void *made = ln_arena_alloc(arena, ln_schema_table(op.options_table)->struct_size);
    if (made != NULL && options != NULL) memcpy(made, options, ln_schema_table(op.options_table)->struct_size);
    else if (made != NULL) ln_schema_set_defaults(op.options_table, made);
    op.options = made;
    op.has_options = true;
  }
  if (ops == NULL || op.outputs == NULL || (op.inputs == NULL && count > 0) || (op.has_options && op.options == NULL)) {
    ln_import_no_memory(e->import);
    return NULL;
  }
  for (int32_t i = 0; i < count; ++i) op.inputs[i] = op.inputs[i] < 0 ? -1 : op.inputs[i];
  graph->ops = ops;
  ops[graph->op_count] = op;
  return &ops[graph->op_count++];
}

static ln_op *add_op(ln_emit *e, const ln_op *like, const void *options, int32_t count, const int32_t *inputs,
                     int32_t output_count, const ln_type *types, const ln_fact *facts) {
  static const ln_fact nothing = {0};
  if (!check_inputs(e, like->def, count, inputs)) return NULL;
  if (like->def->run == NULL) {
    ln_emit_refuse(e, "%s has no kernel", like->custom_name != NULL ? like->custom_name : like->def->name);
    return NULL;
  }
  ln_op *op = append(e, like, options, count, inputs, output_count);
  for (int32_t i = 0; op != NULL && i < output_count; ++i) {
    const char *name = automatic_name(e, like->custom_name != NULL ? like->custom_name : like->def->name);
    op->outputs[i] = new_tensor(e, name, types[i], facts != NULL ? &facts[i] : &nothing);
    if (op->outputs[i] < 0) return NULL;
  }
  ln_error said = {LN_OK, ""};
  if (op == NULL || ln_op_check_types(ln_emit_graph(e), op, &said) == LN_OK) return op;
  ln_emit_say(e, LN_ERR_UNSUPPORTED, said.message);
  return NULL;
}

static bool same_value(const ln_emit *e, int32_t tensor, const ln_fact *fact) {
  size_t bytes;
  if (fact->value[0] == NULL || fact->value[1] == NULL || !ln_shape_equal(&fact->shape[0], &fact->shape[1]))
    return false;
  if (!ln_tensor_size(ln_emit_graph(e)->tensors[tensor].type, &fact->shape[0], &bytes)) return false;
  return fact->value[0] == fact->value[1] || memcmp(fact->value[0], fact->value[1], bytes) == 0;
}

/* The outputs are what was found of them; where all are constants the operator goes. */
static void settle(ln_emit *e, const ln_op *op, const ln_fact *facts) {
  ln_graph *graph = ln_emit_graph(e);
  bool constant = !e->without_fold;
  for (int32_t i = 0; i < op->output_count; ++i) {
    ln_tensor *out = &graph->tensors[op->outputs[i]];
    e->facts[op->outputs[i]] = facts[i];
    out->shape = out->signature = facts[i].shape[0];
    constant = constant && same_value(e, op->outputs[i], &facts[i]);
  }
  for (int32_t i = 0; constant && i < op->output_count; ++i) {
    size_t bytes;
    if (ln_tensor_size(graph->tensors[op->outputs[i]].type, &facts[i].shape[0], &bytes)) {
      make_constant(e, op->outputs[i], facts[i].value[0], bytes);
    }
  }
  if (constant) --graph->op_count;
}

/* What moves integers and changes none leaves them standing for the same numbers. */
static void hand_on_scale(ln_emit *e, const ln_op *op) {
  ln_graph *graph = ln_emit_graph(e);
  if ((op->def->flags & LN_OPF_ONE_SCALE) == 0) return;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] < 0 || graph->tensors[op->inputs[i]].quant->kind != LN_QUANT_TENSOR) continue;
    for (int32_t k = 0; k < op->output_count; ++k) {
      ln_tensor *out = &graph->tensors[op->outputs[k]];
      if (out->type == graph->tensors[op->inputs[i]].type) out->quant = graph->tensors[op->inputs[i]].quant;
    }
    return;
  }
}

static bool emit(ln_emit *e, const ln_op *like, const void *options, int32_t count, const int32_t *inputs,
                 int32_t output_count, const ln_type *types, int32_t *outputs) {
  for (int32_t i = 0; i < output_count; ++i) outputs[i] = -1;
  const ln_op *op = add_op(e, like, options, count, inputs, output_count, types, NULL);
  if (op == NULL) return false;
  ln_fact *facts = ln_alloc_array((size_t)output_count, sizeof *facts);
  if (facts == NULL) ln_import_no_memory(e->import);
  for (int32_t i = 0; i < output_count; ++i) outputs[i] = op->outputs[i];
  hand_on_scale(e, op);
  if (facts != NULL && ln_emit_infer(e, op, facts)) settle(e, op, facts);
  ln_free(facts);
  for (int32_t i = 0; ln_emit_failed(e) && i < output_count; ++i) outputs[i] = -1;
  return !ln_emit_failed(e);
}

static bool find_row(ln_emit *e, int32_t code, ln_op *like) {
  if (ln_emit_failed(e)) return false;
  *like = (ln_op){.def = ln_op_find(code)};
  if (like->def == NULL) ln_emit_refuse(e, "this build leaves out an operator that it needs");
  return like->def != NULL;
}

bool ln_emit_ops(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs,
                 int32_t output_count, const ln_type *types, int32_t *outputs) {
  ln_op like;
  for (int32_t i = 0; i < output_count; ++i) outputs[i] = -1;
  return find_row(e, code, &like) && emit(e, &like, options, count, inputs, output_count, types, outputs);
}

int32_t ln_emit_op(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs, ln_type type) {
  int32_t output = -1;
  ln_emit_ops(e, code, options, count, inputs, 1, &type, &output);
  return output;
}

bool ln_emit_custom(ln_emit *e, const char *name, const uint8_t *options, size_t size, int32_t count,
                    const int32_t *inputs, int32_t output_count, const ln_type *types, int32_t *outputs) {
  if (ln_emit_failed(e)) return false;
  ln_op like = {.def = ln_op_find_custom(name), .custom_name = ln_arena_strdup(ln_emit_arena(e), name)};
  /* Operators of TensorFlow's that are written as custom ones: as a file is read. */
  if (LN_HAS_FLEX && like.def->name[0] == '\0' && ln_op_find_flex(name) != NULL) like.def = ln_op_find_flex(name);
  like.custom_options = ln_arena_copy(ln_emit_arena(e), options, size);
  like.custom_options_size = size;
  if (like.custom_name == NULL || (like.custom_options == NULL && size > 0)) return ln_import_no_memory(e->import) > 0;
  return emit(e, &like, NULL, count, inputs, output_count, types, outputs);
}

bool ln_emit_given(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs,
                   int32_t output_count, const ln_type *types, const ln_fact *facts, int32_t *outputs) {
  ln_op like;
  for (int32_t i = 0; i < output_count; ++i) outputs[i] = -1;
  if (!find_row(e, code, &like)) return false;
  const ln_op *op = add_op(e, &like, options, count, inputs, output_count, types, facts);
  for (int32_t i = 0; op != NULL && i < output_count; ++i) {
    outputs[i] = op->outputs[i];
    e->facts[outputs[i]].value[0] = e->facts[outputs[i]].value[1] = NULL;
    e->facts[outputs[i]].constant = false;
  }
  return op != NULL;
}

ln_fact ln_emit_fact(ln_emit *e, int32_t rank, const int32_t *dims) {
  ln_fact fact = {0};
  fact.shape[0] = fact.shape[1] = ln_shape_make(rank, dims);
  for (int32_t i = 0; i < rank && !ln_emit_failed(e); ++i) {
    if (dims[i] >= 0) continue;
    const int32_t symbol = ln_import_symbol(e->import, NULL, 1);
    for (int32_t p = 0; p < 2 && symbol >= 0; ++p) fact.shape[p].dims[i] = e->import->symbols[symbol].probe[p];
  }
  return fact;
}

void ln_emit_declare(ln_emit *e, int32_t t, int32_t rank, const int32_t *dims) {
  if (t < 0 || ln_emit_failed(e) || e->facts[t].constant) return;
  if (rank < 0 || rank > LN_MAX_RANK) {
    ln_emit_refuse(e, "tensors of %d dimensions are beyond the %d there are", rank, LN_MAX_RANK);
    return;
  }
  const ln_fact old = e->facts[t];
  ln_fact fact = ln_emit_fact(e, rank, dims);
  for (int32_t i = 0; i < rank && old.shape[0].rank == rank; ++i) {
    for (int32_t p = 0; p < 2 && dims[i] < 0; ++p) fact.shape[p].dims[i] = old.shape[p].dims[i];
  }
  e->facts[t] = fact;
  ln_emit_graph(e)->tensors[t].shape = ln_emit_graph(e)->tensors[t].signature = fact.shape[0];
}

/* ---- open dimensions ---- */

static int32_t next_prime(int32_t above) {
  for (int32_t n = above + 1;; ++n) {
    bool prime = n > 1;
    for (int32_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    if (prime) return n;
  }
}

enum { MOST_SYMBOLS = 1 << 14 };

int32_t ln_import_symbol(ln_import *import, const char *name, int32_t multiple) {
  if (ln_import_failed(import)) return -1;
  for (int32_t i = 0; name != NULL && i < import->symbol_count; ++i) {
    if (import->symbols[i].name != NULL && strcmp(import->symbols[i].name, name) == 0) return i;
  }
  ln_arena *arena = &import->model->arena;
  ln_symbol *symbols =
      ln_import_grow(arena, import->symbols, import->symbol_count, &import->symbol_capacity, sizeof *symbols);
  const char *kept = name != NULL ? ln_arena_strdup(arena, name) : NULL;
  if (symbols == NULL || (name != NULL && kept == NULL)) return ln_import_no_memory(import);
  if (import->symbol_count >= MOST_SYMBOLS)
    return ln_import_fail(import, LN_ERR_LIMIT, "more than %d open dimensions", MOST_SYMBOLS);
  import->symbols = symbols;
  if (import->attempt == 1) multiple = 1;
  if (import->attempt == 2) multiple = 32;
  const int32_t before = import->last_prime > 0 ? import->last_prime : 4;
  const int32_t first = next_prime(before), second = next_prime(first);
  import->last_prime = second;
  symbols[import->symbol_count] = (ln_symbol){.name = kept, .probe = {first * multiple, second * multiple}};
  return import->symbol_count++;
}

/* ---- inputs ---- */

/* The dimensions that --shape gives the input; false where it says none. */
static bool shape_given(ln_emit *e, const char *name, int32_t rank, int32_t *dims) {
  const ln_import_options *o = e->import->options;
  for (int32_t i = 0; i < o->shape_count; ++i) {
    const char *text = o->shapes[i], *sign = strrchr(text, '=');
    if (sign == NULL || (size_t)(sign - text) != strlen(name) || strncmp(text, name, (size_t)(sign - text)) != 0)
      continue;
    int32_t count = 0;
    for (const char *at = sign + 1; *at != '\0'; ++count) {
      char *end;
      const long value = strtol(at, &end, 10);
      const bool open = *at == '?' && at[1] != '\0' ? at[1] == ',' : *at == '?';
      if (open) end = (char *)(uintptr_t)at + 1;
      if (end == at || (*end != ',' && *end != '\0') || (!open && (value < 0 || value > INT32_MAX)) || count == rank) {
        count = -1;
        break;
      }
      dims[count] = open ? -1 : (int32_t)value;
      at = *end == ',' ? end + 1 : end;
    }
    if (count == rank) return true;
    ln_import_fail(e->import, LN_ERR_ARGUMENT, "--shape %.80s: the input has %d dimensions", text, rank);
    return false;
  }
  return false;
}

int32_t ln_emit_input(ln_emit *e, const char *name, ln_type type, int32_t rank, const ln_input_dim *dims) {
  int32_t given[LN_MAX_RANK];
  ln_fact fact = {0};
  if (ln_emit_failed(e)) return -1;
  if (rank < 0 || rank > LN_MAX_RANK) {
    return ln_import_fail(e->import, LN_ERR_UNSUPPORTED, "input \"%.80s\" has %d dimensions, of %d that there are",
                          name, rank, LN_MAX_RANK);
  }
  const bool is_given = shape_given(e, name, rank, given);
  fact.shape[0].rank = fact.shape[1].rank = rank;
  for (int32_t i = 0; i < rank && !ln_emit_failed(e); ++i) {
    const int32_t size = is_given ? given[i] : dims[i].size;
    int32_t symbol = dims[i].symbol;
    if (size < 0 && symbol < 0)
      symbol = ln_import_symbol(e->import, i == 0 ? "batch" : NULL, i > 0 && rank >= 4 ? 32 : 1);
    for (int32_t p = 0; p < 2 && !ln_emit_failed(e); ++p) {
      fact.shape[p].dims[i] = size >= 0 ? size : e->import->symbols[symbol].probe[p];
    }
  }
  const int32_t index = ln_emit_tensor(e, name, type, &fact);
  if (index < 0) return -1;
  ln_graph *graph = ln_emit_graph(e);
  int32_t capacity = e->input_name_capacity;
  int32_t *inputs = graph->inputs;
  const char **names = ln_import_grow(ln_emit_arena(e), e->input_names, graph->input_count, &capacity, sizeof *names);
  if (capacity != e->input_name_capacity) {
    int32_t room = e->input_name_capacity;
    inputs = ln_import_grow(ln_emit_arena(e), graph->inputs, graph->input_count, &room, sizeof *inputs);
  }
  const char *kept = ln_arena_strdup(ln_emit_arena(e), name);
  if (names == NULL || inputs == NULL || kept == NULL) return ln_import_no_memory(e->import);
  e->input_names = names;
  e->input_name_capacity = capacity;
  graph->inputs = inputs;
  graph->inputs[graph->input_count] = index;
  names[graph->input_count++] = kept;
  return index;
}

/* ---- outputs ---- */

static bool is_listed(const int32_t *list, int32_t count, int32_t tensor) {
  for (int32_t i = 0; i < count; ++i) {
    if (list[i] == tensor) return true;
  }
  return false;
}

static int32_t copy_of(ln_emit *e, int32_t tensor) {
  const bool folds = e->without_fold;
  const int32_t shape = ln_emit_shape_of(e, tensor);
  const int32_t inputs[2] = {tensor, shape};
  e->without_fold = true;
  const int32_t copy = ln_emit_op(e, LN_OP_RESHAPE, NULL, 2, inputs, ln_emit_type(e, tensor));
  e->without_fold = folds;
  if (copy < 0) return -1;
  for (int32_t p = 0; p < 2; ++p) e->facts[copy].shape[p] = e->facts[tensor].shape[p];
  return copy;
}

void ln_emit_output(ln_emit *e, const char *name, int32_t tensor) {
  if (ln_emit_failed(e) || tensor < 0) {
    ln_emit_wrong(e, "output \"%.80s\" was not made", name);
    return;
  }
  ln_graph *graph = ln_emit_graph(e);
  if (e->facts[tensor].constant || is_listed(graph->inputs, graph->input_count, tensor) ||
      is_listed(graph->outputs, graph->output_count, tensor)) {
    tensor = copy_of(e, tensor);
    if (tensor < 0) return;
  }
  graph = ln_emit_graph(e);
  int32_t capacity = e->output_name_capacity;
  int32_t *outputs = graph->outputs;
  const char **names = ln_import_grow(ln_emit_arena(e), e->output_names, graph->output_count, &capacity, sizeof *names);
  if (capacity != e->output_name_capacity) {
    int32_t room = e->output_name_capacity;
    outputs = ln_import_grow(ln_emit_arena(e), graph->outputs, graph->output_count, &room, sizeof *outputs);
  }
  const char *kept = ln_arena_strdup(ln_emit_arena(e), name);
  if (names == NULL || outputs == NULL || kept == NULL) {
    ln_import_no_memory(e->import);
    return;
  }
  e->output_names = names;
  e->output_name_capacity = capacity;
  graph->outputs = outputs;
  graph->outputs[graph->output_count] = tensor;
  names[graph->output_count++] = kept;
  ln_emit_name(e, tensor, name);
}

/* ---- signatures ---- */

bool ln_import_wants_signature(const ln_import *import, const char *key) {
  const ln_import_options *o = import->options;
  for (int32_t i = 0; i < o->signature_count; ++i) {
    if (strcmp(o->signatures[i], key) == 0) return true;
  }
  return o->signature_count == 0;
}

typedef struct named {
  const char *key;
  int32_t tensor;
} named;

static int by_key(const void *a, const void *b) { return strcmp(((const named *)a)->key, ((const named *)b)->key); }

/* Keys in alphabetical order with their tensors. */
static bool sort_keys(ln_arena *arena, const char *const *names, const int32_t *tensors, int32_t count,
                      const char ***keys, int32_t **out) {
  named *list = ln_arena_array(arena, (size_t)count + 1, sizeof *list);
  *keys = ln_arena_array(arena, (size_t)count + 1, sizeof **keys);
  *out = ln_arena_array(arena, (size_t)count + 1, sizeof **out);
  if (list == NULL || *keys == NULL || *out == NULL) return false;
  for (int32_t i = 0; i < count; ++i) list[i] = (named){names[i], tensors[i]};
  qsort(list, (size_t)count, sizeof *list, by_key);
  for (int32_t i = 0; i < count; ++i) {
    (*keys)[i] = list[i].key;
    (*out)[i] = list[i].tensor;
  }
  return true;
}

static int by_signature(const void *a, const void *b) {
  return strcmp(((const ln_signature *)a)->key, ((const ln_signature *)b)->key);
}

void ln_emit_sign(ln_emit *e, const char *key) {
  if (ln_emit_failed(e)) return;
  const ln_graph *graph = ln_emit_graph(e);
  ln_model *model = e->import->model;
  ln_arena *arena = ln_emit_arena(e);
  ln_signature s = {.key = ln_arena_strdup(arena, key),
                    .graph = e->graph,
                    .input_count = graph->input_count,
                    .output_count = graph->output_count};
  ln_signature *list = ln_arena_array(arena, (size_t)model->signature_count + 1, sizeof *list);
  if (s.key == NULL || list == NULL ||
      !sort_keys(arena, e->input_names, graph->inputs, s.input_count, &s.input_keys, &s.inputs) ||
      !sort_keys(arena, e->output_names, graph->outputs, s.output_count, &s.output_keys, &s.outputs)) {
    ln_import_no_memory(e->import);
    return;
  }
  if (model->signature_count > 0) memcpy(list, model->signatures, (size_t)model->signature_count * sizeof *list);
  list[model->signature_count++] = s;
  qsort(list, (size_t)model->signature_count, sizeof *list, by_signature);
  model->signatures = list;
}
