/*
 * A loop whose body is an LSTM's step, as Keras 3 and the plain cells of Keras 2 write it:
 *   z = x[t] K + h U + b, cut into gates; c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c')
 * over all items of a list, each h' put into another. What differs in anything stays a loop.
 */
#include "import/savedmodel/savedmodel.h"

typedef struct match {
  ln_sm_call *c;
  const ln_sm_graph *test, *body;
  int32_t split;                 /* the node that cuts z */
  int32_t gate[4];               /* which part: input, forget, cell, output */
  int32_t h, cell;               /* arguments, and results, of the states */
  int32_t time, inputs, outputs; /* arguments: the step, both lists */
  bool last_only;                /* only item 0 of `outputs` is set */
  ln_sm_ref kernel, recurrent, bias;
} match;

/* The reference behind Identity. */
static ln_sm_ref plain(const ln_sm_graph *g, ln_sm_ref ref) {
  for (int32_t steps = 0; steps < 64 && ref.node >= 0; ++steps) {
    const ln_sm_node *node = &g->nodes[ref.node];
    if (node->row == NULL || node->row->translate != ln_sm_op_identity || ref.output >= node->input_count) break;
    ref = node->inputs[ref.output];
  }
  return ref;
}

static bool same(ln_sm_ref a, ln_sm_ref b) { return a.node == b.node && a.output == b.output; }
static int32_t arg_of(ln_sm_ref ref) { return ref.node < 0 ? -1 - ref.node : -1; }

/* The node behind `ref`, where it is this operator with so many inputs; NULL. */
static const ln_sm_node *node_of(const ln_sm_graph *g, ln_sm_ref ref, const char *op, int32_t inputs) {
  ref = plain(g, ref);
  const ln_sm_node *node = ref.node >= 0 ? &g->nodes[ref.node] : NULL;
  return node != NULL && strcmp(node->op, op) == 0 && node->input_count >= inputs ? node : NULL;
}

static const ln_sm_node *sum_of(const ln_sm_graph *g, ln_sm_ref ref) {
  static const char *const ops[] = {"AddV2", "Add", "BiasAdd"};
  for (size_t i = 0; i < LN_COUNT(ops); ++i) {
    const ln_sm_node *node = node_of(g, ref, ops[i], 2);
    if (node != NULL) return node;
  }
  return NULL;
}

/* ---- the cell ---- */

/* Gate `which` is the function `op` of a part of z. */
static bool take_gate(match *m, ln_sm_ref ref, const char *op, int32_t which) {
  const ln_sm_node *node = node_of(m->body, ref, op, 1);
  const ln_sm_ref part = node != NULL ? plain(m->body, node->inputs[0]) : (ln_sm_ref){-1, 0};
  if (part.node < 0 || strcmp(m->body->nodes[part.node].op, "Split") != 0 || part.output > 3) return false;
  if (m->split >= 0 && m->split != part.node) return false;
  m->split = part.node;
  m->gate[which] = part.output;
  return true;
}

/* s(gate) times what else there is in the product; false where the product is no such one. */
static bool take_product(match *m, ln_sm_ref ref, int32_t which, ln_sm_ref *rest) {
  const ln_sm_node *node = node_of(m->body, ref, "Mul", 2);
  for (int32_t i = 0; node != NULL && i < 2; ++i) {
    const int32_t before = m->split;
    *rest = plain(m->body, node->inputs[1 - i]);
    if (take_gate(m, node->inputs[i], "Sigmoid", which)) return true;
    m->split = before;
  }
  return false;
}

/* c' = s(f) c + s(i) tanh(g) */
static bool take_cell(match *m) {
  const ln_sm_node *sum = sum_of(m->body, m->body->results[m->cell]);
  for (int32_t i = 0; sum != NULL && i < 2; ++i) {
    ln_sm_ref kept, added;
    m->split = -1;
    if (!take_product(m, sum->inputs[i], 1, &kept) || arg_of(kept) != m->cell) continue;
    if (take_product(m, sum->inputs[1 - i], 0, &added) && take_gate(m, added, "Tanh", 2)) return true;
  }
  return false;
}

/* h' = s(o) tanh(c') */
static bool take_output(match *m) {
  ln_sm_ref rest;
  if (!take_product(m, m->body->results[m->h], 3, &rest)) return false;
  const ln_sm_node *tanh = node_of(m->body, rest, "Tanh", 1);
  return tanh != NULL && same(plain(m->body, tanh->inputs[0]), plain(m->body, m->body->results[m->cell]));
}

static bool take_states(match *m) {
  const int32_t count = m->body->result_count;
  for (m->cell = 0; m->cell < count; ++m->cell) {
    if (!take_cell(m)) continue;
    for (m->h = 0; m->h < count; ++m->h) {
      if (m->h != m->cell && take_output(m)) return true;
    }
  }
  return false;
}

/* ---- the sum ---- */

/* A weight: an argument, or the variable that one is. */
static ln_sm_ref weight(const ln_sm_graph *g, ln_sm_ref ref) {
  const ln_sm_node *read = node_of(g, ref, "ReadVariableOp", 1);
  return plain(g, read != NULL ? read->inputs[0] : ref);
}

static bool take_matmul(match *m, ln_sm_ref ref) {
  const ln_sm_node *node = node_of(m->body, ref, "MatMul", 2);
  bool turned;
  if (node == NULL || (ln_nodedef_bool(&node->def, "transpose_a", &turned) && turned) ||
      (ln_nodedef_bool(&node->def, "transpose_b", &turned) && turned))
    return false;
  const ln_sm_node *item = node_of(m->body, node->inputs[0], "TensorListGetItem", 2);
  if (item != NULL) {
    m->inputs = arg_of(plain(m->body, item->inputs[0]));
    m->time = arg_of(plain(m->body, item->inputs[1]));
    m->kernel = weight(m->body, node->inputs[1]);
    return m->inputs >= 0 && m->time >= 0;
  }
  m->recurrent = weight(m->body, node->inputs[1]);
  return arg_of(plain(m->body, node->inputs[0])) == m->h;
}

/* The three of the sum z, however it is bracketed. */
static bool take_sum(match *m, ln_sm_ref ref, int32_t depth, int32_t *matrices) {
  const ln_sm_node *sum = depth < 3 ? sum_of(m->body, ref) : NULL;
  if (sum != NULL)
    return take_sum(m, sum->inputs[0], depth + 1, matrices) && take_sum(m, sum->inputs[1], depth + 1, matrices);
  if (node_of(m->body, ref, "MatMul", 2) != NULL) {
    ++*matrices;
    return take_matmul(m, ref);
  }
  if (m->bias.node != INT32_MIN) return false;
  m->bias = weight(m->body, ref);
  return m->bias.node < 0;
}

/* ---- the loop ---- */

/* A constant of one int32. */
static bool constant(const ln_sm_graph *g, ln_sm_ref ref, int32_t *out) {
  const ln_sm_node *node = node_of(g, ref, "Const", 0);
  ln_nodedef_tensor t;
  return node != NULL && ln_nodedef_get_tensor(&node->def, "value", &t) && t.type == LN_INT32 && t.shape.rank == 0 &&
         ln_nodedef_tensor_numbers(&t, out, sizeof *out);
}

static bool is_number(const ln_sm_graph *g, ln_sm_ref ref, int32_t value) {
  int32_t number;
  return constant(g, ref, &number) && number == value;
}

/* Whether result i is argument i and one. */
static bool counts(const match *m, int32_t i) {
  const ln_sm_node *sum = sum_of(m->body, m->body->results[i]);
  return sum != NULL && arg_of(plain(m->body, sum->inputs[0])) == i && is_number(m->body, sum->inputs[1], 1);
}

/* A list that takes h' at the step, or always at 0. */
static bool takes_output(match *m, int32_t i) {
  const ln_sm_node *node = node_of(m->body, m->body->results[i], "TensorListSetItem", 3);
  if (node == NULL || arg_of(plain(m->body, node->inputs[0])) != i ||
      !same(plain(m->body, node->inputs[2]), plain(m->body, m->body->results[m->h])))
    return false;
  m->last_only = is_number(m->body, node->inputs[1], 0);
  m->outputs = i;
  return m->last_only || arg_of(plain(m->body, node->inputs[1])) == m->time;
}

static bool take_results(match *m) {
  for (int32_t i = 0; i < m->body->result_count; ++i) {
    const bool kept = arg_of(plain(m->body, m->body->results[i])) == i;
    if (kept || i == m->h || i == m->cell || counts(m, i)) continue;
    if (m->outputs >= 0 || !takes_output(m, i)) return false;
  }
  return m->outputs >= 0 && counts(m, m->time);
}

/* What a reference of the test is when the loop begins. */
static bool number_of(const match *m, ln_sm_ref ref, int64_t *out) {
  const int32_t arg = arg_of(plain(m->test, ref));
  const ln_sm_value *v = arg >= 0 && arg < m->c->in_count ? &m->c->in[arg] : NULL;
  int32_t number;
  if (constant(m->test, ref, &number)) {
    *out = number;
    return true;
  }
  return v != NULL && v->kind == LN_SM_TENSOR && ln_emit_ints(v->e, v->tensor, out, 1, NULL);
}

/* Whether the test holds for as many steps as there are items, no more and no less. */
static bool runs_over_all(const match *m, ln_sm_ref ref, int64_t steps, bool *exact, int32_t depth) {
  const ln_sm_node *both = node_of(m->test, ref, "LogicalAnd", 2), *less = node_of(m->test, ref, "Less", 2);
  if (both != NULL && depth < 4) {
    return runs_over_all(m, both->inputs[0], steps, exact, depth + 1) &&
           runs_over_all(m, both->inputs[1], steps, exact, depth + 1);
  }
  int64_t from, to;
  if (less == NULL) return false;
  const int32_t arg = arg_of(plain(m->test, less->inputs[0]));
  if (arg < 0 || arg >= m->body->result_count || !counts(m, arg) || !number_of(m, less->inputs[0], &from) || from != 0)
    return false;
  if (!number_of(m, less->inputs[1], &to) || to < steps) return false;
  const int32_t bound = arg_of(plain(m->test, less->inputs[1]));
  if (bound >= 0 && arg_of(plain(m->body, m->body->results[bound])) != bound) return false;
  *exact = *exact || to == steps;
  return true;
}

static bool recognize(match *m, int64_t *steps) {
  int32_t matrices = 0;
  bool exact = false;
  if (m->test->result_count != 1 || m->body->result_count != m->c->in_count || !take_states(m)) return false;
  const ln_sm_node *split = &m->body->nodes[m->split];
  if (split->input_count != 2 || !take_sum(m, split->inputs[1], 0, &matrices) || matrices != 2 ||
      m->bias.node == INT32_MIN)
    return false;
  if (m->inputs < 0 || m->recurrent.node >= 0 || m->kernel.node >= 0 || !take_results(m)) return false;
  const ln_sm_value *list = &m->c->in[m->inputs], *out = &m->c->in[m->outputs];
  if (list->kind != LN_SM_LIST || list->list->items.kind != LN_SM_TENSOR || out->kind != LN_SM_LIST ||
      list->list->items.e != m->c->e)
    return false;
  *steps = ln_emit_dim(m->c->e, list->list->items.tensor, 0);
  if (*steps < 1 || ln_emit_rank(m->c->e, list->list->items.tensor) != 3) return false;
  return runs_over_all(m, m->test->results[0], *steps, &exact, 0) && exact;
}

/* ---- the layer ---- */

static int32_t weight_in(const match *m, ln_sm_ref ref) {
  const int32_t arg = arg_of(ref);
  const ln_sm_value *v = &m->c->in[arg];
  if (v->kind == LN_SM_VARIABLE && ln_sm_of(m->c)->variables[v->index].changes) return -1;
  if (v->kind != LN_SM_VARIABLE && v->kind != LN_SM_TENSOR) return -1;
  const int32_t t = ln_sm_use(m->c->scope, v);
  return ln_emit_is_const(m->c->e, t) ? t : -1;
}

static bool fill(const match *m, ln_recurrent *r) {
  ln_emit *e = m->c->e;
  const int32_t kernel = weight_in(m, m->kernel), recurrent = weight_in(m, m->recurrent), bias = weight_in(m, m->bias);
  const int32_t units = ln_emit_dim(e, recurrent, 0);
  if (kernel < 0 || recurrent < 0 || bias < 0 || units < 1 || units > 1 << 20 || ln_emit_rank(e, kernel) != 2 ||
      ln_emit_rank(e, recurrent) != 2)
    return false;
  if (ln_emit_dim(e, kernel, 1) != 4 * units || ln_emit_dim(e, recurrent, 1) != 4 * units ||
      ln_emit_elements(e, bias) != 4 * (int64_t)units)
    return false;
  r->units = units;
  for (int32_t g = 0; g < 4; ++g) {
    r->kernel[g] = ln_sm_gate(e, kernel, m->gate[g], units);
    r->recurrent[g] = ln_sm_gate(e, recurrent, m->gate[g], units);
    r->bias[g] = ln_sm_gate(e, bias, m->gate[g], units);
    r->recurrent_bias[g] = -1;
  }
  return true;
}

static void give_results(const match *m, int64_t steps, int32_t sequence, int32_t h, int32_t cell) {
  ln_sm_call *c = m->c;
  ln_emit *e = c->e;
  const int32_t first = 0;
  for (int32_t i = 0; i < c->in_count; ++i) {
    ln_sm_value result = c->in[i];
    if (i == m->h || i == m->cell) result = ln_sm_tensor(e, i == m->h ? h : cell);
    else if (counts(m, i)) result = ln_sm_tensor(e, ln_emit_i32(e, (int32_t)steps));
    else if (i == m->outputs) {
      ln_sm_list *list = ln_arena_copy(&ln_sm_of(c)->arena, result.list, sizeof *list);
      if (list == NULL) return;
      list->items = ln_sm_tensor(e, m->last_only    ? ln_emit_expand(e, h, 1, &first)
                                    : sequence >= 0 ? ln_emit_swap(e, sequence, 0, 1)
                                                    : -1);
      result.list = list;
    }
    ln_sm_give_value(c, i, result);
  }
}

bool ln_sm_lstm_loop(ln_sm_call *c, const ln_sm_graph *test, const ln_sm_graph *body) {
  match m = {.c = c,
             .test = test,
             .body = body,
             .split = -1,
             .h = -1,
             .cell = -1,
             .time = -1,
             .inputs = -1,
             .outputs = -1,
             .kernel = {0, 0},
             .recurrent = {0, 0},
             .bias = {INT32_MIN, 0}};
  int64_t steps;
  if (ln_sm_of(c)->setup || !recognize(&m, &steps)) return false;
  const ln_sm_value *h0 = &c->in[m.h], *c0 = &c->in[m.cell];
  if (h0->kind != LN_SM_TENSOR || c0->kind != LN_SM_TENSOR) return false;
  ln_recurrent r = {.cell = LN_CELL_LSTM,
                    .gate = LN_EMIT_SIGMOID,
                    .act = LN_EMIT_TANH,
                    .output_act = LN_EMIT_TANH,
                    .h0 = ln_sm_use(c->scope, h0),
                    .c0 = ln_sm_use(c->scope, c0),
                    .peephole = {-1, -1, -1},
                    .lengths = -1,
                    .mask = -1};
  if (!fill(&m, &r)) return false;
  if (ln_sm_is_zero(c->e, r.h0) && ln_sm_is_zero(c->e, r.c0)) r.h0 = r.c0 = -1;
  const int32_t items = c->in[m.inputs].list->items.tensor;
  const bool wants_cell = ln_sm_is_wanted(c, m.cell), wants_sequence = !m.last_only && ln_sm_is_wanted(c, m.outputs);
  int32_t sequence = -1, h = -1, cell = -1;
  if (ln_emit_recurrent(c->e, ln_emit_swap(c->e, items, 0, 1), &r, wants_sequence ? &sequence : NULL, &h,
                        wants_cell ? &cell : NULL)) {
    give_results(&m, steps, sequence, h, cell);
  }
  return true;
}
