/*
 * Control flow of TensorFlow 1: Switch, Merge, Enter, Exit, NextIteration. A Merge becomes an IF over the condition
 * that its inputs were switched by; an Exit becomes a WHILE over all variables of its frame. Branches and bodies are
 * scopes within the scope around them, over the same graph.
 */
#include "import/savedmodel/savedmodel.h"

static bool is_row(const ln_sm_node *node, void (*translate)(ln_sm_call *c)) {
  return node->row != NULL && node->row->translate == translate;
}
static const ln_sm_node *node_at(const ln_sm_call *c, ln_sm_ref ref) {
  return ref.node >= 0 ? &c->scope->graph->nodes[ref.node] : NULL;
}

/* ---- frames ---- */

static bool same_frame(const ln_sm_node *enter, const char *name, size_t length) {
  const char *own;
  size_t own_length;
  return ln_nodedef_string(&enter->def, "frame_name", &own, &own_length) && own_length == length &&
         memcmp(own, name, length) == 0;
}

/* The Enter and NextIteration of a loop's Merge; false for one that joins branches. */
static bool is_loop_merge(const ln_sm_graph *graph, const ln_sm_node *merge, const ln_sm_node **enter,
                          const ln_sm_node **next) {
  *enter = *next = NULL;
  for (int32_t i = 0; i < merge->input_count && is_row(merge, ln_sm_op_merge); ++i) {
    if (merge->inputs[i].node < 0) continue;
    const ln_sm_node *from = &graph->nodes[merge->inputs[i].node];
    if (is_row(from, ln_sm_op_enter)) *enter = from;
    if (is_row(from, ln_sm_op_next_iteration)) *next = from;
  }
  return *enter != NULL && *next != NULL && (*next)->input_count > 0 && (*enter)->input_count > 0;
}

/* Enter: a value from outside of the loop, asked for within it */
void ln_sm_op_enter(ln_sm_call *c) {
  const char *name;
  size_t length;
  ln_sm_scope *scope = c->scope;
  if (c->node->input_count == 0 || !ln_nodedef_string(c->def, "frame_name", &name, &length)) return;
  while (scope != NULL &&
         !(scope->frame != NULL && scope->frame_length == length && memcmp(scope->frame, name, length) == 0))
    scope = scope->outer;
  ln_sm_give_value(c, 0,
                   ln_sm_get(scope != NULL && scope->outer != NULL ? scope->outer : c->scope, c->node->inputs[0]));
}

/* LoopCond, NextIteration, and a Switch within a branch hand their input on. */
static void hand_on(ln_sm_call *c) {
  if (c->node->input_count > 0) ln_sm_give_value(c, 0, ln_sm_get(c->scope, c->node->inputs[0]));
}

void ln_sm_op_next_iteration(ln_sm_call *c) { hand_on(c); }
void ln_sm_op_loop_cond(ln_sm_call *c) { hand_on(c); }

/* Switch: value, condition > the value where it is false, where it is true */
void ln_sm_op_switch(ln_sm_call *c) {
  if (!ln_sm_outs(c, 2)) return;
  hand_on(c);
  c->out[1] = c->out[0];
}

/* ---- loops ---- */

enum { MOST_LOOP = 512 };

typedef struct loop_variable {
  int32_t merge, turn, leave; /* nodes: Merge, Switch, Exit (-1) */
  ln_sm_ref first, next;
  bool carried;
  int32_t place;
} loop_variable;

typedef struct loop {
  ln_sm_call *c;
  const char *frame;
  size_t frame_length;
  ln_sm_ref test;
  loop_variable *variables;
  int32_t count, carried;
  ln_sm_value *initial; /* [count] */
} loop;

static bool read_loop(loop *l) {
  const ln_sm_graph *graph = l->c->scope->graph;
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const ln_sm_node *enter, *next;
    if (!is_loop_merge(graph, &graph->nodes[i], &enter, &next) || !same_frame(enter, l->frame, l->frame_length))
      continue;
    if (l->count == MOST_LOOP) {
      ln_emit_refuse(l->c->e, "the loop has more than %d variables", MOST_LOOP);
      return false;
    }
    l->variables[l->count++] = (loop_variable){i, -1, -1, enter->inputs[0], next->inputs[0], false, -1};
  }
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const ln_sm_node *node = &graph->nodes[i];
    for (int32_t k = 0; k < l->count && is_row(node, ln_sm_op_switch) && node->input_count == 2; ++k) {
      if (node->inputs[0].node != l->variables[k].merge) continue;
      l->variables[k].turn = i;
      l->test = node->inputs[1];
    }
  }
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const ln_sm_node *node = &graph->nodes[i];
    for (int32_t k = 0; k < l->count && is_row(node, ln_sm_op_exit) && node->input_count == 1; ++k) {
      if (node->inputs[0].node == l->variables[k].turn && l->variables[k].turn >= 0) l->variables[k].leave = i;
    }
  }
  return true;
}

/* The variables' values in a scope of their own. */
static bool open_body(const loop *l, ln_emit *e, const int32_t *in, const ln_sm_value *args, bool turned,
                      ln_sm_scope *out) {
  ln_sm_scope *outer = l->c->scope;
  if (!ln_sm_scope_open(outer->sm, outer->graph, e, outer, outer->args, outer->depth + 1, out)) return false;
  out->frame = l->frame;
  out->frame_length = l->frame_length;
  for (int32_t i = 0; i < l->count; ++i) {
    const loop_variable *v = &l->variables[i];
    ln_sm_value value = args != NULL ? args[i] : l->initial[i];
    if (args == NULL && v->carried && value.kind != LN_SM_LIST) value = ln_sm_tensor(e, in[v->place]);
    if (args == NULL && v->carried && value.kind == LN_SM_LIST) {
      value.list = ln_arena_copy(&outer->sm->arena, value.list, sizeof *value.list);
      if (value.list == NULL) return false;
      value.list->items = ln_sm_tensor(e, in[v->place]);
    }
    if (!ln_sm_feed(out, (ln_sm_ref){v->merge, 0}, value)) return false;
    if (turned && v->turn >= 0 && !ln_sm_feed(out, (ln_sm_ref){v->turn, 1}, value)) return false;
  }
  return true;
}

static bool emit_test(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  ln_sm_scope scope;
  bool good = open_body(l, sub, in, NULL, false, &scope);
  if (good) {
    const ln_sm_value value = ln_sm_get(&scope, l->test);
    out[0] = ln_sm_use(&scope, &value);
  }
  good = good && !ln_sm_failed(l->c->scope->sm);
  ln_sm_scope_close(&scope);
  return good;
}

static bool emit_body(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  ln_sm_scope scope;
  bool good = open_body(l, sub, in, NULL, true, &scope);
  for (int32_t i = 0; good && i < l->count; ++i) {
    if (!l->variables[i].carried) continue;
    ln_sm_value value = ln_sm_get(&scope, l->variables[i].next);
    if (value.kind == LN_SM_LIST) value = value.list->items;
    out[l->variables[i].place] = ln_sm_use(&scope, &value);
    good = !ln_sm_failed(l->c->scope->sm);
  }
  ln_sm_scope_close(&scope);
  return good;
}

static bool try_body(ln_emit *e, const ln_sm_value *args, void *user) {
  const loop *l = user;
  ln_sm_scope scope;
  bool good = open_body(l, e, NULL, args, true, &scope);
  for (int32_t i = 0; good && i < l->count; ++i) {
    ln_sm_get(&scope, l->variables[i].next);
    good = !ln_sm_failed(l->c->scope->sm);
  }
  ln_sm_scope_close(&scope);
  return good;
}

static bool begin_loop(loop *l) {
  ln_sm *sm = ln_sm_of(l->c);
  bool *carried = ln_arena_array(&sm->arena, (size_t)l->count + 1, sizeof *carried);
  l->initial = ln_arena_array(&sm->arena, (size_t)l->count + 1, sizeof *l->initial);
  if (l->initial == NULL || carried == NULL) return ln_import_no_memory(sm->import) > 0;
  for (int32_t i = 0; i < l->count; ++i) {
    loop_variable *v = &l->variables[i];
    l->initial[i] = ln_sm_get(l->c->scope, v->first);
    if (ln_sm_failed(sm)) return false;
    const bool kept = v->next.node == v->turn && v->next.output == 1;
    v->carried = carried[i] = !kept && (l->initial[i].kind == LN_SM_TENSOR || l->initial[i].kind == LN_SM_LIST);
    if (v->carried) v->place = l->carried++;
  }
  ln_sm_call here = *l->c;
  here.in = l->initial;
  here.in_count = l->count;
  ln_emit_at(here.e, here.node->name, here.node->op);
  return ln_sm_prepare_lists(&here, try_body, l, l->initial, carried);
}

static bool end_loop(const loop *l, const int32_t *results) {
  for (int32_t i = 0; i < l->count; ++i) {
    const loop_variable *v = &l->variables[i];
    ln_sm_value value = l->initial[i];
    if (v->leave < 0) continue;
    if (v->carried && value.kind == LN_SM_LIST) {
      value.list = ln_arena_copy(&ln_sm_of(l->c)->arena, value.list, sizeof *value.list);
      if (value.list == NULL) return false;
      value.list->items = ln_sm_tensor(l->c->e, results[v->place]);
    } else if (v->carried) {
      value = ln_sm_tensor(l->c->e, results[v->place]);
    }
    if (v->leave == l->c->index) ln_sm_give_value(l->c, 0, value);
    else if (!ln_sm_feed(l->c->scope, (ln_sm_ref){v->leave, 0}, value)) return false;
  }
  return true;
}

/* Exit: what a loop's variable is in the end */
void ln_sm_op_exit(ln_sm_call *c) {
  const ln_sm_node *turn = c->node->input_count == 1 ? node_at(c, c->node->inputs[0]) : NULL;
  const ln_sm_node *merge = turn != NULL && turn->input_count == 2 ? node_at(c, turn->inputs[0]) : NULL;
  const ln_sm_node *enter, *next;
  ln_sm *sm = ln_sm_of(c);
  loop l = {.c = c, .variables = ln_arena_array(&sm->arena, MOST_LOOP, sizeof *l.variables)};
  if (l.variables == NULL || merge == NULL || !is_loop_merge(c->scope->graph, merge, &enter, &next) ||
      !ln_nodedef_string(&enter->def, "frame_name", &l.frame, &l.frame_length)) {
    ln_emit_wrong(c->e, "it leaves what is no loop");
    return;
  }
  if (!read_loop(&l) || !begin_loop(&l)) return;
  int32_t *values = ln_arena_array(&sm->arena, 2 * (size_t)l.carried + 1, sizeof *values);
  if (values == NULL) return;
  for (int32_t i = 0; i < l.count; ++i) {
    const ln_sm_value *v = &l.initial[i];
    if (l.variables[i].carried)
      values[l.variables[i].place] = ln_sm_use(c->scope, v->kind == LN_SM_LIST ? &v->list->items : v);
  }
  if (ln_emit_while(c->e, l.carried, values, emit_test, &l, emit_body, &l, values + l.carried))
    end_loop(&l, values + l.carried);
}

/* ---- branches ---- */

/* Which conditions a value depends on being true or false, the innermost first. */
typedef struct context {
  struct context *around;
  ln_sm_ref condition;
  int32_t side, depth;
} context;

typedef struct contexts {
  const ln_sm_graph *graph;
  ln_arena arena;
  context **of; /* [node_count] */
  uint8_t *states;
  int32_t *stack;
} contexts;

static context *edge(contexts *k, ln_sm_ref ref) {
  if (ref.node < 0) return NULL;
  const ln_sm_node *node = &k->graph->nodes[ref.node];
  context *of = k->of[ref.node];
  const ln_sm_node *enter, *next;
  if (!is_row(node, ln_sm_op_switch) || node->input_count != 2) return of;
  const ln_sm_ref from = node->inputs[0];
  if (from.node >= 0 && is_loop_merge(k->graph, &k->graph->nodes[from.node], &enter, &next)) return of;
  context *made = ln_arena_alloc(&k->arena, sizeof *made);
  if (made != NULL) *made = (context){of, node->inputs[1], ref.output, (of != NULL ? of->depth : 0) + 1};
  return made;
}

static context *deeper(context *a, context *b) { return b != NULL && (a == NULL || b->depth > a->depth) ? b : a; }

static void settle(contexts *k, int32_t index) {
  const ln_sm_node *node = &k->graph->nodes[index], *enter, *next;
  context *made = NULL;
  const bool loops = is_loop_merge(k->graph, node, &enter, &next);
  for (int32_t i = 0; i < node->input_count; ++i) {
    if (loops && node->inputs[i].node >= 0 && is_row(&k->graph->nodes[node->inputs[i].node], ln_sm_op_next_iteration))
      continue;
    made = deeper(made, edge(k, node->inputs[i]));
  }
  for (int32_t i = 0; i < node->control_count; ++i) made = deeper(made, k->of[node->controls[i]]);
  if (is_row(node, ln_sm_op_merge) && !loops && made != NULL) made = made->around;
  k->of[index] = made;
}

/* The contexts of a node and of all that it depends on. `stack` has room for every edge: a node pushes its own once. */
static void find_contexts(contexts *k, int32_t from) {
  size_t depth = 0;
  k->stack[depth++] = from;
  while (depth > 0) {
    const int32_t at = k->stack[depth - 1];
    const ln_sm_node *node = &k->graph->nodes[at];
    if (k->states[at] != 0) {
      if (k->states[at] == 1) settle(k, at);
      k->states[at] = 2;
      --depth;
      continue;
    }
    k->states[at] = 1;
    for (int32_t i = 0; i < node->input_count + node->control_count; ++i) {
      const int32_t other = i < node->input_count ? node->inputs[i].node : node->controls[i - node->input_count];
      if (other >= 0 && k->states[other] == 0) k->stack[depth++] = other;
    }
  }
}

typedef struct join {
  ln_sm_call *c;
  ln_sm_ref sides[2]; /* what comes where the condition is false, and true */
} join;

typedef struct side {
  const join *j;
  int32_t which;
} side;

static bool emit_side(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const side *s = user;
  ln_sm_scope *outer = s->j->c->scope, scope;
  (void)in;
  bool good = ln_sm_scope_open(outer->sm, outer->graph, sub, outer, outer->args, outer->depth + 1, &scope);
  if (good) {
    const ln_sm_value value = ln_sm_get(&scope, s->j->sides[s->which]);
    out[0] = ln_sm_use(&scope, &value);
  }
  good = good && !ln_sm_failed(outer->sm);
  ln_sm_scope_close(&scope);
  return good;
}

static bool find_join(ln_sm_call *c, ln_sm_ref *condition, join *out) {
  const ln_sm_node *node = c->node;
  const size_t count = (size_t)c->scope->graph->node_count;
  contexts k = {.graph = c->scope->graph};
  k.of = ln_arena_array(&k.arena, count + 1, sizeof *k.of);
  k.states = ln_arena_array(&k.arena, count + 1, sizeof *k.states);
  size_t edges = 2;
  for (size_t i = 0; i < count; ++i) edges += (size_t)(k.graph->nodes[i].input_count + k.graph->nodes[i].control_count);
  k.stack = ln_arena_array(&k.arena, edges, sizeof *k.stack);
  bool good = k.of != NULL && k.states != NULL && k.stack != NULL && node->input_count == 2;
  context *of[2] = {NULL, NULL};
  for (int32_t i = 0; good && i < 2; ++i) {
    if (node->inputs[i].node >= 0) find_contexts(&k, node->inputs[i].node);
    of[i] = edge(&k, node->inputs[i]);
  }
  const int32_t deep = good && deeper(of[0], of[1]) == of[1] && of[1] != NULL;
  good = good && of[deep] != NULL && (of[deep]->side == 0 || of[deep]->side == 1);
  if (good) {
    *condition = of[deep]->condition;
    out->sides[of[deep]->side] = node->inputs[deep];
    out->sides[1 - of[deep]->side] = node->inputs[1 - deep];
  }
  ln_arena_free(&k.arena);
  return good;
}

/* Merge: the input that was not switched off > it, its number */
void ln_sm_op_merge(ln_sm_call *c) {
  ln_sm_ref condition;
  join j = {.c = c};
  int32_t result = -1;
  if (!find_join(c, &condition, &j)) {
    ln_emit_refuse(c->e, "which condition it joins branches of cannot be told");
    return;
  }
  const ln_sm_value value = ln_sm_get(c->scope, condition);
  if (ln_sm_failed(ln_sm_of(c))) return;
  side yes = {&j, 1}, no = {&j, 0};
  ln_emit_at(c->e, c->node->name, c->node->op);
  const int32_t truth = ln_sm_use(c->scope, &value);
  if (!ln_emit_if(c->e, truth, emit_side, &yes, emit_side, &no, 1, &result)) return;
  ln_sm_give(c, 0, result);
  const int32_t true_input =
      j.sides[1].node == c->node->inputs[1].node && j.sides[1].output == c->node->inputs[1].output;
  const int32_t as_number = ln_emit_cast(c->e, truth, LN_INT32);
  ln_sm_give(c, 1, true_input ? as_number : ln_emit_sub(c->e, ln_emit_i32(c->e, 1), as_number));
}
