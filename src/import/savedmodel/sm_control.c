/* Functions that are called in place, and TensorFlow 2's branches and loops. */
#include "import/savedmodel/savedmodel.h"

/* ---- calls ---- */

/* PartitionedCall, StatefulPartitionedCall */
void ln_sm_op_call(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  ln_sm_graph *function = ln_sm_function_of(sm, c->node, "f");
  if (function == NULL || !ln_sm_outs(c, function->result_count)) return;
  if (ln_sm_keras_recurrent(c, function)) return;
  ln_sm_inline(sm, function, c->e, c->scope->depth + 1, c->in, c->in_count, c->out, c->out_count);
}

/* ---- branches ---- */

typedef struct branch {
  ln_sm_call *c;
  ln_sm_graph *function;
  int32_t first; /* of its inputs among the node's */
} branch;

/* The results in the branch's graph. */
static bool emit_branch(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const branch *b = user;
  ln_sm_call *c = b->c;
  ln_sm *sm = ln_sm_of(c);
  ln_sm_value *results = ln_arena_array(&sm->arena, (size_t)c->out_count + 1, sizeof *results);
  (void)in;
  if (results == NULL) return false;
  if (!ln_sm_inline(sm, b->function, sub, c->scope->depth + 1, c->in + b->first, c->in_count - b->first, results,
                    c->out_count))
    return false;
  ln_sm_scope place = {.sm = sm, .e = sub};
  for (int32_t i = 0; i < c->out_count; ++i) out[i] = ln_sm_use(&place, &results[i]);
  return !ln_sm_failed(sm);
}

static void choose(ln_sm_call *c, ln_emit *e, int32_t condition, branch *yes, branch *no) {
  int32_t *results = ln_arena_array(&ln_sm_of(c)->arena, (size_t)c->out_count + 1, sizeof *results);
  if (results == NULL || !ln_emit_if(e, condition, emit_branch, yes, emit_branch, no, c->out_count, results)) return;
  for (int32_t i = 0; i < c->out_count; ++i) ln_sm_give(c, i, results[i]);
}

/* What TensorFlow takes for true: a bool, a number that is not 0. */
static int32_t truth_of(ln_sm_call *c, int32_t t) {
  if (ln_emit_type(c->e, t) == LN_BOOL) return t;
  if (ln_emit_type(c->e, t) == LN_STRING || ln_emit_rank(c->e, t) > 0)
    return ln_emit_refuse(c->e, "its condition is no truth value");
  return ln_emit_compare(c->e, LN_OP_NOT_EQUAL, t, ln_emit_scalar(c->e, ln_emit_type(c->e, t), 0));
}

/* If, StatelessIf: condition, inputs > outputs */
void ln_sm_op_if(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  branch yes = {c, ln_sm_function_of(sm, c->node, "then_branch"), 1};
  branch no = {c, ln_sm_function_of(sm, c->node, "else_branch"), 1};
  if (yes.function == NULL || no.function == NULL || !ln_sm_outs(c, yes.function->result_count)) return;
  choose(c, c->e, truth_of(c, ln_sm_in(c, 0)), &yes, &no);
}

/* A branch of Case, or all from it on. */
typedef struct cases {
  ln_sm_call *c;
  branch *list;
  int32_t count, at;
  int32_t index;
} cases;

static bool emit_cases(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  cases *s = user;
  if (s->at == s->count - 1) return emit_branch(sub, in, out, &s->list[s->at]);
  cases rest = *s;
  ++rest.at;
  const int32_t index = ln_emit_capture(sub, s->c->e, s->index);
  const int32_t here = ln_emit_compare(sub, LN_OP_EQUAL, index, ln_emit_i32(sub, s->at));
  return ln_emit_if(sub, here, emit_branch, &s->list[s->at], emit_cases, &rest, s->c->out_count, out);
}

/* Case, StatelessCase: index, inputs > outputs; an index outside takes the last branch */
void ln_sm_op_case(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  const char *name;
  size_t length;
  branch list[64];
  int32_t count = 0;
  for (; count < (int32_t)LN_COUNT(list) && ln_sm_branch(c->node, count, &name, &length); ++count) {
    list[count] = (branch){c, ln_sm_function(sm, name, length), 1};
    if (list[count].function == NULL) return;
  }
  if (count == 0 || ln_sm_branch(c->node, count, &name, &length)) {
    ln_emit_refuse(c->e, "it has no branches, or more than %d", (int)LN_COUNT(list));
    return;
  }
  if (!ln_sm_outs(c, list[0].function->result_count)) return;
  cases all = {c, list, count, 0, ln_emit_cast(c->e, ln_sm_in(c, 0), LN_INT32)};
  int32_t *results = ln_arena_array(&sm->arena, (size_t)c->out_count + 1, sizeof *results);
  if (results == NULL || all.index < 0 || !emit_cases(c->e, NULL, results, &all)) return;
  for (int32_t i = 0; i < c->out_count; ++i) ln_sm_give(c, i, results[i]);
}

bool ln_sm_branch(const ln_sm_node *node, int32_t index, const char **name, size_t *length) {
  enum { NODE_ATTR = 5, VALUE_LIST = 1, LIST_FUNC = 9, FUNC_NAME = 1 };
  ln_wire value;
  ln_wire_field field;
  if (!ln_sm_entry(node->def.node, NODE_ATTR, "branches", &value)) return false;
  ln_wire list = ln_sm_bytes(value, VALUE_LIST);
  for (int32_t i = 0; ln_wire_next(&list, &field);) {
    if (field.number != LIST_FUNC || field.kind != LN_WIRE_BYTES || i++ != index) continue;
    const ln_wire text = ln_sm_bytes(field.bytes, FUNC_NAME);
    *name = (const char *)text.at;
    *length = ln_wire_left(&text);
    return true;
  }
  return false;
}

/* ---- loops ---- */

/*
 * A loop's variables. What its body hands on unchanged, and every handle, is no variable of the loop that is emitted:
 * the body sees the value from outside. A list is two: its items, and how many there are.
 */
typedef struct loop {
  ln_sm_call *c;
  ln_sm_graph *test, *body;
  ln_sm_value *initial;
  bool *carried;   /* [in_count] */
  int32_t *places; /* [in_count] among the loop's variables; -1 */
  int32_t count;   /* of the loop's variables */
} loop;

/* The body's arguments from the loop's variables. */
static bool make_args(const loop *l, ln_emit *sub, const int32_t *in, ln_sm_value *args) {
  for (int32_t i = 0; i < l->c->in_count; ++i) {
    args[i] = l->initial[i];
    if (!l->carried[i]) continue;
    if (args[i].kind != LN_SM_LIST) {
      args[i] = ln_sm_tensor(sub, in[l->places[i]]);
      continue;
    }
    ln_sm_list *list = ln_arena_copy(&ln_sm_of(l->c)->arena, args[i].list, sizeof *list);
    if (list == NULL) return false;
    list->items = ln_sm_tensor(sub, in[l->places[i]]);
    args[i].list = list;
  }
  return true;
}

static bool emit_test(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  ln_sm *sm = ln_sm_of(l->c);
  ln_sm_scope place = {.sm = sm, .e = sub};
  ln_sm_value result = {.kind = LN_SM_NOTHING};
  ln_sm_value *args = ln_arena_array(&sm->arena, (size_t)l->c->in_count + 1, sizeof *args);
  if (args == NULL || !make_args(l, sub, in, args)) return false;
  if (!ln_sm_inline(sm, l->test, sub, l->c->scope->depth + 1, args, l->c->in_count, &result, 1)) return false;
  ln_sm_call here = *l->c;
  here.e = sub;
  out[0] = truth_of(&here, ln_sm_use(&place, &result));
  return !ln_sm_failed(sm);
}

static bool emit_body(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  ln_sm *sm = ln_sm_of(l->c);
  ln_sm_scope place = {.sm = sm, .e = sub};
  const size_t count = (size_t)l->c->in_count + 1;
  ln_sm_value *args = ln_arena_array(&sm->arena, count, sizeof *args);
  ln_sm_value *results = ln_arena_array(&sm->arena, count, sizeof *results);
  if (args == NULL || results == NULL || !make_args(l, sub, in, args)) return false;
  if (!ln_sm_inline(sm, l->body, sub, l->c->scope->depth + 1, args, l->c->in_count, results, l->c->in_count))
    return false;
  for (int32_t i = 0; i < l->c->in_count; ++i) {
    if (!l->carried[i]) continue;
    if (results[i].kind == LN_SM_LIST) results[i] = results[i].list->items;
    out[l->places[i]] = ln_sm_use(&place, &results[i]);
  }
  return !ln_sm_failed(sm);
}

/* Whether result i of the body is its argument i. */
static bool is_handed_on(const ln_sm_graph *body, int32_t i) {
  ln_sm_ref ref = body->results[i];
  for (int32_t steps = 0; steps < 64 && ref.node >= 0; ++steps) {
    const ln_sm_node *node = &body->nodes[ref.node];
    if (node->row == NULL || node->row->translate != ln_sm_op_identity || node->input_count <= ref.output) return false;
    ref = node->inputs[ref.output];
  }
  return ref.node == -1 - i;
}

static bool plan_loop(loop *l) {
  ln_sm_call *c = l->c;
  ln_sm *sm = ln_sm_of(c);
  const size_t count = (size_t)c->in_count + 1;
  l->initial = ln_arena_copy(&sm->arena, c->in, count * sizeof *c->in);
  l->carried = ln_arena_array(&sm->arena, count, sizeof *l->carried);
  l->places = ln_arena_array(&sm->arena, count, sizeof *l->places);
  if (l->initial == NULL || l->carried == NULL || l->places == NULL) {
    ln_import_no_memory(sm->import);
    return false;
  }
  for (int32_t i = 0; i < c->in_count; ++i) {
    const ln_sm_kind kind = c->in[i].kind;
    l->carried[i] = (kind == LN_SM_TENSOR || kind == LN_SM_LIST || c->in[i].is_ref) && !is_handed_on(l->body, i);
    l->places[i] = l->carried[i] ? l->count++ : -1;
  }
  return true;
}

/* The body, to see what it puts into lists. */
static bool try_body(ln_emit *e, const ln_sm_value *args, void *user) {
  const loop *l = user;
  ln_sm *sm = ln_sm_of(l->c);
  ln_sm_value *results = ln_arena_array(&sm->arena, (size_t)l->c->in_count + 1, sizeof *results);
  return results != NULL &&
         ln_sm_inline(sm, l->body, e, l->c->scope->depth + 1, args, l->c->in_count, results, l->c->in_count);
}

/* While, StatelessWhile: inputs > what the last step left of them */
void ln_sm_op_while(ln_sm_call *c) {
  ln_sm *sm = ln_sm_of(c);
  loop l = {.c = c, .test = ln_sm_function_of(sm, c->node, "cond"), .body = ln_sm_function_of(sm, c->node, "body")};
  if (l.test == NULL || l.body == NULL || !ln_sm_outs(c, c->in_count)) return;
  if (l.body->result_count != c->in_count || l.body->arg_count != c->in_count) {
    ln_emit_wrong(c->e, "its body takes and gives others than its %d inputs", c->in_count);
    return;
  }
  if (ln_sm_lstm_loop(c, l.test, l.body)) return;
  if (!plan_loop(&l) || !ln_sm_prepare_lists(c, try_body, &l, l.initial, l.carried)) return;
  int32_t *values = ln_arena_array(&sm->arena, 2 * (size_t)l.count + 1, sizeof *values);
  if (values == NULL) return;
  for (int32_t i = 0; i < c->in_count; ++i) {
    const ln_sm_value *v = &l.initial[i];
    if (l.carried[i]) values[l.places[i]] = ln_sm_use(c->scope, v->kind == LN_SM_LIST ? &v->list->items : v);
  }
  if (!ln_emit_while(c->e, l.count, values, emit_test, &l, emit_body, &l, values + l.count)) return;
  for (int32_t i = 0; i < c->in_count; ++i) {
    ln_sm_value result = l.initial[i];
    if (l.carried[i] && result.kind == LN_SM_LIST) {
      ln_sm_list *list = ln_arena_copy(&sm->arena, result.list, sizeof *list);
      if (list == NULL) return;
      list->items = ln_sm_tensor(c->e, values[l.count + l.places[i]]);
      result.list = list;
    } else if (l.carried[i]) {
      result = ln_sm_tensor(c->e, values[l.count + l.places[i]]);
    }
    ln_sm_give_value(c, i, result);
  }
}
