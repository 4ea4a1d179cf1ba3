/* Values on demand: a node's inputs first, without recursion, then the node by its row's function. */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

enum { STATE_NEW, STATE_ASKED, STATE_DONE, MOST_NESTING = 600 };

bool ln_sm_failed(const ln_sm *sm) {
  return ln_import_failed(sm->import) || (sm->scratch != NULL && ln_import_failed(sm->scratch));
}

/* Some ten times what TensorFlow's own files need. */
bool ln_sm_spend(ln_sm *sm, int64_t work) {
  sm->work += work;
  return sm->work <= 100000 + (int64_t)(ln_wire_left(&sm->file) / 4);
}

/* ---- scopes ---- */

bool ln_sm_scope_open(ln_sm *sm, const ln_sm_graph *graph, ln_emit *e, ln_sm_scope *outer, const ln_sm_value *args,
                      int32_t depth, ln_sm_scope *out) {
  *out = (ln_sm_scope){.sm = sm, .graph = graph, .e = e, .outer = outer, .args = args, .depth = depth};
  if (e == NULL || ln_sm_failed(sm)) return false;
  if (depth > LN_SM_DEPTH || !ln_sm_spend(sm, 1 + graph->node_count / 8)) {
    ln_emit_refuse(e, "functions call one another too often or too deeply");
    return false;
  }
  const size_t count = (size_t)graph->node_count + 1;
  out->values = ln_arena_array(&out->arena, count, sizeof *out->values);
  out->value_counts = ln_arena_array(&out->arena, count, sizeof *out->value_counts);
  out->states = ln_arena_array(&out->arena, count, sizeof *out->states);
  if (out->values != NULL && out->value_counts != NULL && out->states != NULL) return true;
  ln_import_no_memory(sm->import);
  return false;
}

void ln_sm_scope_close(ln_sm_scope *scope) { ln_arena_free(&scope->arena); }

/* The scope that has the node's values: this one, or one that it stands in; NULL. */
static const ln_sm_scope *owner(const ln_sm_scope *scope, int32_t node) {
  while (scope != NULL && scope->states[node] != STATE_DONE) scope = scope->outer;
  return scope;
}

bool ln_sm_feed(ln_sm_scope *scope, ln_sm_ref ref, ln_sm_value value) {
  const int32_t count = ref.output + 1;
  ln_sm_value *values = scope->values[ref.node];
  if (ref.output > LN_SM_MOST_LIST) return false;
  if (scope->value_counts[ref.node] < count) {
    values = ln_arena_array(&scope->arena, (size_t)count, sizeof *values);
    if (values == NULL) {
      ln_import_no_memory(scope->sm->import);
      return false;
    }
    for (int32_t i = 0; i < scope->value_counts[ref.node]; ++i) values[i] = scope->values[ref.node][i];
    scope->values[ref.node] = values;
    scope->value_counts[ref.node] = count;
  }
  values[ref.output] = value;
  scope->states[ref.node] = STATE_DONE;
  return true;
}

static ln_sm_value value_of(const ln_sm_scope *scope, ln_sm_ref ref) {
  static const ln_sm_value nothing = {.kind = LN_SM_NOTHING, .tensor = -1};
  if (ref.node < 0) return scope->args != NULL ? scope->args[-1 - ref.node] : nothing;
  const ln_sm_scope *has = owner(scope, ref.node);
  if (has == NULL || ref.output >= has->value_counts[ref.node]) return nothing;
  return has->values[ref.node][ref.output];
}

ln_sm_value ln_sm_get(ln_sm_scope *scope, ln_sm_ref ref) {
  static const ln_sm_value nothing = {.kind = LN_SM_NOTHING, .tensor = -1};
  if (ref.node >= 0 && !ln_sm_eval(scope, ref.node)) return nothing;
  return value_of(scope, ref);
}

/* ---- one node ---- */

static int32_t listed_outputs(const ln_sm_op *row) {
  int32_t count = 1;
  for (const char *at = row->outputs != NULL ? row->outputs : ""; *at != '\0'; ++at) count += *at == ' ';
  return count;
}

bool ln_sm_outs(ln_sm_call *c, int32_t count) {
  if (count < 0 || count > LN_SM_MOST_LIST) {
    ln_emit_refuse(c->e, "%d outputs are too many", count);
    return false;
  }
  c->out = ln_arena_array(&c->scope->arena, (size_t)count + 1, sizeof *c->out);
  c->out_count = c->out != NULL ? count : 0;
  for (int32_t i = 0; i < c->out_count; ++i) c->out[i].tensor = -1;
  if (c->out == NULL) ln_import_no_memory(ln_sm_of(c)->import);
  return c->out != NULL;
}

static bool take_inputs(ln_sm_call *c) {
  const ln_sm_node *node = c->node;
  if (node->row != NULL && (node->row->flags & (LN_SM_LOOSE | LN_SM_DROPPED)) != 0) return true;
  c->in = ln_arena_array(&c->scope->arena, (size_t)node->input_count + 1, sizeof *c->in);
  if (c->in == NULL) {
    ln_import_no_memory(ln_sm_of(c)->import);
    return false;
  }
  c->in_count = node->input_count;
  for (int32_t i = 0; i < c->in_count; ++i) c->in[i] = value_of(c->scope, node->inputs[i]);
  return true;
}

/* A function of the library under an operator's name, as TensorFlow 1 calls them. */
static bool call_by_name(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  ln_sm_graph *function =
      ln_sm_has_function(sm, c->node->op) ? ln_sm_function(sm, c->node->op, strlen(c->node->op)) : NULL;
  if (function == NULL) {
    ln_emit_refuse(c->e, "TensorFlow Lite has no operator for it, and it is not put together of others; %s",
                   "compute it outside of the model, or of other operators");
    return false;
  }
  if (!take_inputs(c) || !ln_sm_outs(c, function->result_count)) return false;
  ln_sm_inline(sm, function, c->e, c->scope->depth + 1, c->in, c->in_count, c->out, c->out_count);
  c->scope->values[c->index] = c->out;
  c->scope->value_counts[c->index] = c->out_count;
  return !ln_sm_failed(sm);
}

static bool translate(ln_sm_scope *scope, int32_t index) {
  const ln_sm_node *node = &scope->graph->nodes[index];
  ln_sm *sm = scope->sm;
  ln_emit_at(scope->e, node->name, node->op);
  const int32_t ops = ln_emit_graph(scope->e)->op_count;
  if (!ln_sm_spend(sm, 1)) {
    ln_emit_refuse(scope->e, "functions call one another too often");
    return false;
  }
  ln_sm_call c = {.scope = scope, .e = scope->e, .node = node, .def = &node->def, .index = index};
  if (node->row == NULL) return call_by_name(&c);
  c.variant = node->row->variant;
  if (!take_inputs(&c) || !ln_sm_outs(&c, listed_outputs(node->row))) return false;
  node->row->translate(&c);
  scope->values[index] = c.out;
  scope->value_counts[index] = c.out_count;
  const int32_t made = ln_emit_graph(scope->e)->op_count - ops;
  ln_sm_spend(sm, (made > 0 ? made : 0) / 4 + c.out_count / 16);
  return !ln_sm_failed(sm);
}

/* ---- the way there ---- */

typedef struct stack {
  int32_t *items;
  int32_t count, capacity;
} stack;

static bool push(ln_sm *sm, stack *s, int32_t node) {
  if (s->count == s->capacity) {
    const int32_t wanted = s->capacity > 0 ? s->capacity * 2 : 64;
    int32_t *grown =
        wanted > s->capacity ? ln_realloc_array(s->items, (size_t)s->capacity, (size_t)wanted, sizeof *grown) : NULL;
    if (grown == NULL) {
      ln_import_no_memory(sm->import);
      return false;
    }
    s->items = grown;
    s->capacity = wanted;
  }
  s->items[s->count++] = node;
  return true;
}

static bool push_one(ln_sm_scope *scope, stack *s, int32_t from, int32_t node) {
  if (node < 0 || owner(scope, node) != NULL) return true;
  if (scope->states[node] == STATE_ASKED) {
    const ln_sm_node *n = &scope->graph->nodes[from];
    ln_emit_at(scope->e, n->name, n->op);
    ln_emit_wrong(scope->e, "it needs its own result");
    return false;
  }
  return push(scope->sm, s, node);
}

/* What the node asks for; what only orders it counts where anything in the graph changes state. */
static bool push_inputs(ln_sm_scope *scope, stack *s, int32_t index) {
  const ln_sm_node *node = &scope->graph->nodes[index];
  const uint32_t flags = node->row != NULL ? node->row->flags : 0;
  if (node->row == NULL && !ln_sm_has_function(scope->sm, node->op)) return true; /* refused */
  for (int32_t i = node->input_count - 1; i >= 0 && (flags & (LN_SM_LOOSE | LN_SM_DROPPED)) == 0; --i) {
    if (!push_one(scope, s, index, node->inputs[i].node)) return false;
  }
  const bool ordered = scope->graph->effects == LN_SM_YES && (flags & LN_SM_DROPPED) == 0;
  for (int32_t i = node->control_count - 1; i >= 0 && ordered; --i) {
    if (!push_one(scope, s, index, node->controls[i])) return false;
  }
  return true;
}

bool ln_sm_eval(ln_sm_scope *scope, int32_t node) {
  stack s = {0};
  bool good = !ln_sm_failed(scope->sm);
  if (good && owner(scope, node) != NULL) return true;
  if (good && ++scope->sm->nesting > MOST_NESTING) {
    ln_emit_refuse(scope->e, "control flow stands too deeply in one another");
    good = false;
  }
  good = good && push_one(scope, &s, node, node);
  while (good && s.count > 0) {
    const int32_t at = s.items[s.count - 1];
    if (owner(scope, at) != NULL) {
      --s.count;
    } else if (scope->states[at] == STATE_NEW) {
      scope->states[at] = STATE_ASKED;
      good = push_inputs(scope, &s, at);
    } else {
      good = translate(scope, at);
      scope->states[at] = STATE_DONE;
      --s.count;
    }
  }
  ln_free(s.items);
  --scope->sm->nesting;
  return good;
}

/* ---- functions ---- */

/* What changes state happens whether or not anything of it is asked for. */
static bool eval_effects(ln_sm_scope *scope) {
  const ln_sm_graph *graph = scope->graph;
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const ln_sm_op *row = graph->nodes[i].row;
    if (row == NULL || (row->flags & (LN_SM_EFFECT | LN_SM_CALLS)) == 0) continue;
    if (!ln_sm_eval(scope, i)) return false;
  }
  return true;
}

bool ln_sm_inline(ln_sm *sm, ln_sm_graph *function, ln_emit *e, int32_t depth, const ln_sm_value *args,
                  int32_t arg_count, ln_sm_value *results, int32_t result_count) {
  ln_sm_scope scope;
  if (function == NULL || ln_sm_failed(sm)) return false;
  if (function->arg_count != arg_count || function->result_count < result_count) {
    ln_emit_wrong(e, "function \"%.80s\" takes %d inputs and gives %d outputs, not %d and %d", function->name,
                  function->arg_count, function->result_count, arg_count, result_count);
    return false;
  }
  bool good = ln_sm_scope_open(sm, function, e, NULL, args, depth, &scope);
  if (good && ln_sm_has_effects(sm, function)) good = eval_effects(&scope);
  for (int32_t i = 0; good && i < result_count; ++i) {
    results[i] = ln_sm_get(&scope, function->results[i]);
    good = !ln_sm_failed(sm);
  }
  ln_sm_scope_close(&scope);
  return good;
}

/* ---- values as tensors ---- */

static int32_t use_stored(ln_sm_scope *scope, int32_t stored) {
  ln_type type = LN_FLOAT32;
  ln_shape shape = {0};
  const void *data = NULL;
  size_t bytes = 0;
  if (!ln_sm_load(scope->sm, stored, &type, &shape, &data, &bytes)) return -1;
  return ln_emit_constant(scope->e, NULL, type, &shape, data, bytes);
}

int32_t ln_sm_use(ln_sm_scope *scope, const ln_sm_value *value) {
  switch (value->kind) {
    case LN_SM_TENSOR:
      if (value->e->import != scope->e->import) return ln_sm_stand_in(scope->e, value->e, value->tensor, false);
      return ln_emit_capture(scope->e, value->e, value->tensor);
    case LN_SM_VARIABLE: return ln_sm_read_variable(scope, value);
    case LN_SM_STORED: return use_stored(scope, value->index);
    case LN_SM_LIST: return ln_emit_refuse(scope->e, "a list of tensors is used as one tensor");
    case LN_SM_TABLE: return ln_emit_refuse(scope->e, "a table is used as a tensor");
    default: return ln_emit_refuse(scope->e, "one of its inputs is not there when the model runs");
  }
}

int32_t ln_sm_in(ln_sm_call *c, int32_t i) {
  if (ln_sm_failed(ln_sm_of(c))) return -1;
  if (i < 0 || i >= c->in_count) return ln_emit_wrong(c->e, "it has %d inputs, and needs more", c->in_count);
  return ln_sm_use(c->scope, &c->in[i]);
}

void ln_sm_give_value(ln_sm_call *c, int32_t i, ln_sm_value value) {
  if (i < c->out_count) c->out[i] = value;
}

void ln_sm_give(ln_sm_call *c, int32_t i, int32_t tensor) { ln_sm_give_value(c, i, ln_sm_tensor(c->e, tensor)); }
