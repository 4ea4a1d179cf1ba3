/*
 * Control flow: branches and loops are graphs of their own that IF and WHILE run. What they use of the graphs around
 * them becomes further inputs; a loop hands these on from step to step.
 */
#include <string.h>

#include "import/emit_private.h"

enum { DEEPEST = 64, MOST_ROUNDS = 32 };

/* ---- graphs inside graphs ---- */

static bool is_too_deep(const ln_emit *e) {
  int32_t depth = 0;
  for (; e != NULL; e = e->outer) ++depth;
  return depth > DEEPEST;
}

/* A graph that `e` runs; NULL after a failure. */
static ln_emit *begin_inside(ln_emit *e, const char *what) {
  if (ln_emit_failed(e)) return NULL;
  if (is_too_deep(e)) {
    ln_emit_refuse(e, "more than %d graphs stand inside one another", DEEPEST);
    return NULL;
  }
  const char *name =
      ln_arena_printf(ln_emit_arena(e), "%.200s/%s", e->origin != NULL ? e->origin : ln_emit_graph(e)->name, what);
  if (name == NULL) ln_import_no_memory(e->import);
  ln_emit *sub = name == NULL ? NULL : ln_emit_begin(e->import, name);
  if (sub == NULL) return NULL;
  sub->outer = e;
  sub->origin = e->origin;
  sub->origin_op = e->origin_op;
  return sub;
}

/* ---- captures ---- */

/* A tensor of a graph around, and what stands for it inside: a constant, or an input. */
struct ln_capture {
  const ln_emit *from;
  int32_t tensor, inside;
};

static int32_t remember(ln_emit *e, const ln_emit *from, int32_t tensor, int32_t inside) {
  if (inside < 0) return -1;
  ln_capture *captures =
      ln_import_grow(ln_emit_arena(e), e->captures, e->capture_count, &e->capture_capacity, sizeof *captures);
  if (captures == NULL) return ln_import_no_memory(e->import);
  e->captures = captures;
  captures[e->capture_count++] = (ln_capture){from, tensor, inside};
  return inside;
}

static int32_t find(const ln_emit *e, const ln_emit *from, int32_t tensor) {
  for (int32_t i = 0; i < e->capture_count; ++i) {
    if (e->captures[i].from == from && e->captures[i].tensor == tensor) return e->captures[i].inside;
  }
  return -1;
}

/* The same constant, or a tensor of which the same is known. */
static int32_t stand_for(ln_emit *e, const ln_emit *from, int32_t tensor) {
  const ln_tensor source = ln_emit_graph(from)->tensors[tensor];
  const ln_fact fact = from->facts[tensor];
  const int32_t inside = fact.constant
                             ? ln_emit_constant(e, source.name, source.type, &source.shape, source.data, source.bytes)
                             : ln_emit_tensor(e, source.name, source.type, &fact);
  if (inside >= 0) ln_emit_graph(e)->tensors[inside].quant = source.quant;
  return inside;
}

int32_t ln_emit_capture(ln_emit *e, const ln_emit *from, int32_t tensor) {
  if (ln_emit_failed(e)) return -1;
  if (e == from || tensor < 0) return tensor;
  int32_t inside = find(e, from, tensor);
  if (inside >= 0) return inside;
  if (from->facts[tensor].constant) return remember(e, from, tensor, stand_for(e, from, tensor));
  if (e->outer == NULL)
    return ln_emit_wrong(e, "it uses \"%.80s\" of a graph that it is not part of",
                         ln_emit_graph(from)->tensors[tensor].name);
  const int32_t outer = ln_emit_capture(e->outer, from, tensor);
  if (outer < 0) return -1;
  inside = find(e, e->outer, outer);
  return inside >= 0 ? inside : remember(e, e->outer, outer, stand_for(e, e->outer, outer));
}

/* Tensors of `e` that `sub` has as inputs join `list`, which has room for all of them. */
static int32_t join_captures(const ln_emit *sub, int32_t count, int32_t *list) {
  for (int32_t i = 0; i < sub->capture_count; ++i) {
    const ln_capture *c = &sub->captures[i];
    bool is_new = c->from == sub->outer && !sub->facts[c->inside].constant;
    for (int32_t k = 0; k < count && is_new; ++k) is_new = list[k] != c->tensor;
    if (is_new) list[count++] = c->tensor;
  }
  return count;
}

/* ---- interfaces ---- */

/* `sub` has these inputs, then one for each captured tensor; *inputs is [count + captured]. */
static bool set_inputs(ln_emit *sub, int32_t count, const int32_t *first, int32_t captured, const int32_t *outer) {
  int32_t *inputs = ln_arena_array(ln_emit_arena(sub), (size_t)count + (size_t)captured + 1, sizeof *inputs);
  if (inputs == NULL) return ln_import_no_memory(sub->import) > 0;
  for (int32_t i = 0; i < count; ++i) inputs[i] = first[i];
  for (int32_t i = 0; i < captured; ++i) {
    inputs[count + i] = ln_emit_capture(sub, sub->outer, outer[i]);
    if (inputs[count + i] < 0) return false;
  }
  ln_graph *graph = ln_emit_graph(sub);
  graph->inputs = inputs;
  graph->input_count = count + captured;
  return true;
}

/* Outputs of `sub`; where `kept` input i comes out as output i, there is nothing to copy. */
static bool set_outputs(ln_emit *sub, int32_t count, const int32_t *results, int32_t kept) {
  const int32_t captured = kept > count ? kept - count : 0;
  int32_t *outputs = ln_arena_array(ln_emit_arena(sub), (size_t)count + (size_t)captured + 1, sizeof *outputs);
  if (outputs == NULL) return ln_import_no_memory(sub->import) > 0;
  for (int32_t i = 0; i < count; ++i) {
    outputs[i] = results[i];
    if (i < kept && results[i] == ln_emit_graph(sub)->inputs[i]) continue;
    ln_emit_output(sub, results[i] < 0 ? "result" : ln_emit_graph(sub)->tensors[results[i]].name, results[i]);
    if (ln_emit_failed(sub)) return false;
    outputs[i] = ln_emit_graph(sub)->outputs[ln_emit_graph(sub)->output_count - 1];
  }
  ln_graph *graph = ln_emit_graph(sub);
  for (int32_t i = count; i < count + captured; ++i) outputs[i] = graph->inputs[i];
  graph->outputs = outputs;
  graph->output_count = count + captured;
  return true;
}

/* ---- branches ---- */

typedef struct branch {
  ln_emit *graph;
  int32_t *results;
} branch;

static bool emit_branch(ln_emit *e, const char *what, ln_emit_body body, void *user, int32_t count, branch *out) {
  out->results = ln_arena_array(ln_emit_arena(e), (size_t)count + 1, sizeof *out->results);
  if (out->results == NULL) return ln_import_no_memory(e->import) > 0;
  out->graph = begin_inside(e, what);
  if (out->graph == NULL || !body(out->graph, NULL, out->results, user) || ln_emit_failed(e)) return false;
  e->uses_state = e->uses_state || out->graph->uses_state;
  return true;
}

/* What is known of a result of either branch. */
static bool join_facts(ln_emit *e, const ln_fact *a, const ln_fact *b, ln_fact *out) {
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = a->shape[0].rank;
  if (b->shape[0].rank != rank) {
    ln_emit_refuse(e, "one branch gives a tensor of %d dimensions, the other of %d; TensorFlow Lite wants one number",
                   rank, b->shape[0].rank);
    return false;
  }
  for (int32_t i = 0; i < rank; ++i) {
    const bool same = a->shape[0].dims[i] == b->shape[0].dims[i] && a->shape[1].dims[i] == b->shape[1].dims[i];
    dims[i] = same ? a->shape[0].dims[i] : -1;
  }
  *out = ln_emit_fact(e, rank, dims);
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] >= 0) out->shape[1].dims[i] = a->shape[1].dims[i];
  }
  return !ln_emit_failed(e);
}

static bool join_branches(ln_emit *e, int32_t condition, const branch *branches, int32_t count, int32_t *results) {
  ln_arena *arena = ln_emit_arena(e);
  const int32_t most = branches[0].graph->capture_count + branches[1].graph->capture_count;
  int32_t *inputs = ln_arena_array(arena, (size_t)most + 1, sizeof *inputs);
  ln_type *types = ln_arena_array(arena, (size_t)count + 1, sizeof *types);
  ln_fact *facts = ln_arena_array(arena, (size_t)count + 1, sizeof *facts);
  if (inputs == NULL || types == NULL || facts == NULL) return ln_import_no_memory(e->import) > 0;
  inputs[0] = condition;
  int32_t captured = join_captures(branches[0].graph, 0, inputs + 1);
  captured = join_captures(branches[1].graph, captured, inputs + 1);
  for (int32_t i = 0; i < 2; ++i) {
    if (!set_inputs(branches[i].graph, 0, NULL, captured, inputs + 1)) return false;
    if (!set_outputs(branches[i].graph, count, branches[i].results, 0)) return false;
  }
  for (int32_t i = 0; i < count; ++i) {
    const int32_t a = branches[0].results[i], b = branches[1].results[i];
    types[i] = ln_emit_type(branches[0].graph, a);
    if (types[i] != ln_emit_type(branches[1].graph, b)) {
      ln_emit_wrong(e, "result %d is %s in one branch, %s in the other", i, ln_type_name(types[i]),
                    ln_type_name(ln_emit_type(branches[1].graph, b)));
      return false;
    }
    if (!join_facts(e, &branches[0].graph->facts[a], &branches[1].graph->facts[b], &facts[i])) return false;
  }
  const ln_if_options options = {.then_subgraph_index = branches[0].graph->graph,
                                 .else_subgraph_index = branches[1].graph->graph};
  return ln_emit_given(e, LN_OP_IF, &options, captured + 1, inputs, count, types, facts, results);
}

bool ln_emit_if(ln_emit *e, int32_t condition, ln_emit_body then_, void *then_user, ln_emit_body else_, void *else_user,
                int32_t count, int32_t *results) {
  double taken;
  branch branches[2];
  for (int32_t i = 0; i < count; ++i) results[i] = -1;
  if (ln_emit_failed(e)) return false;
  if (ln_emit_number(e, condition, &taken)) {
    const bool good = taken != 0 ? then_(e, NULL, results, then_user) : else_(e, NULL, results, else_user);
    return good && !ln_emit_failed(e);
  }
  return emit_branch(e, "then", then_, then_user, count, &branches[0]) &&
         emit_branch(e, "else", else_, else_user, count, &branches[1]) &&
         join_branches(e, condition, branches, count, results);
}

/* ---- loops ---- */

typedef struct loop {
  int32_t count;
  const int32_t *initial;
  ln_type *types;
  ln_fact *facts;            /* of the variables, whatever the step */
  bool (*open)[LN_MAX_RANK]; /* dimensions that change from step to step */
  ln_emit *test, *body;
  int32_t *test_in, *body_in, *body_out; /* [count] */
} loop;

static bool prepare_loop(ln_emit *e, int32_t count, const int32_t *initial, loop *out) {
  ln_arena *arena = ln_emit_arena(e);
  const size_t room = (size_t)count + 1;
  *out = (loop){.count = count, .initial = initial};
  out->types = ln_arena_array(arena, room, sizeof *out->types);
  out->facts = ln_arena_array(arena, room, sizeof *out->facts);
  out->open = ln_arena_array(arena, room, sizeof *out->open);
  out->test_in = ln_arena_array(arena, room, sizeof *out->test_in);
  out->body_in = ln_arena_array(arena, room, sizeof *out->body_in);
  out->body_out = ln_arena_array(arena, room, sizeof *out->body_out);
  if (out->types == NULL || out->facts == NULL || out->open == NULL || out->test_in == NULL || out->body_in == NULL ||
      out->body_out == NULL) {
    return ln_import_no_memory(e->import) > 0;
  }
  for (int32_t i = 0; i < count; ++i) {
    if (initial[i] < 0) {
      ln_emit_wrong(e, "variable %d of the loop has no value to begin with", i);
      return false;
    }
    out->types[i] = ln_emit_type(e, initial[i]);
    for (int32_t p = 0; p < 2; ++p) out->facts[i].shape[p] = e->facts[initial[i]].shape[p];
  }
  return true;
}

static ln_emit *begin_part(ln_emit *e, const loop *l, const char *what, int32_t *in) {
  ln_emit *sub = begin_inside(e, what);
  for (int32_t i = 0; sub != NULL && i < l->count; ++i) {
    in[i] = ln_emit_tensor(sub, ln_emit_graph(e)->tensors[l->initial[i]].name, l->types[i], &l->facts[i]);
    if (in[i] < 0) return NULL;
    ln_emit_graph(sub)->tensors[in[i]].quant = ln_emit_graph(e)->tensors[l->initial[i]].quant;
  }
  return sub;
}

/* Opens dimensions in which the body's results are not like its variables; *changed says whether there were any. */
static bool compare(ln_emit *e, loop *l, bool *changed) {
  *changed = false;
  for (int32_t i = 0; i < l->count; ++i) {
    ln_fact *in = &l->facts[i];
    if (l->body_out[i] < 0 || ln_emit_type(l->body, l->body_out[i]) != l->types[i]) {
      ln_emit_wrong(e, "variable %d of the loop is %s, a step makes %s of it", i, ln_type_name(l->types[i]),
                    l->body_out[i] < 0 ? "nothing" : ln_type_name(ln_emit_type(l->body, l->body_out[i])));
      return false;
    }
    const ln_fact *out = &l->body->facts[l->body_out[i]];
    if (out->shape[0].rank != in->shape[0].rank) {
      ln_emit_refuse(e, "variable %d of the loop has %d dimensions, after a step %d; TensorFlow Lite wants one number",
                     i, in->shape[0].rank, out->shape[0].rank);
      return false;
    }
    for (int32_t d = 0; d < in->shape[0].rank; ++d) {
      const bool same = in->shape[0].dims[d] == out->shape[0].dims[d] && in->shape[1].dims[d] == out->shape[1].dims[d];
      if (same || l->open[i][d]) continue;
      const int32_t symbol = ln_import_symbol(e->import, NULL, 1);
      if (symbol < 0) return false;
      for (int32_t p = 0; p < 2; ++p) in->shape[p].dims[d] = e->import->symbols[symbol].probe[p];
      l->open[i][d] = *changed = true;
    }
  }
  return true;
}

/* The body, again and again until its variables have dimensions that it keeps. */
static bool emit_body(ln_emit *e, loop *l, ln_emit_body body, void *user) {
  bool changed = true;
  for (int32_t round = 0; changed; ++round) {
    if (round == MOST_ROUNDS) {
      ln_emit_refuse(e, "the loop's shapes could not be found in %d attempts", MOST_ROUNDS);
      return false;
    }
    l->body = begin_part(e, l, "body", l->body_in);
    if (l->body == NULL || !body(l->body, l->body_in, l->body_out, user) || ln_emit_failed(e)) return false;
    if (!compare(e, l, &changed)) return false;
  }
  e->uses_state = e->uses_state || l->body->uses_state;
  return true;
}

static bool join_loop(ln_emit *e, const loop *l, int32_t more, int32_t *results) {
  ln_arena *arena = ln_emit_arena(e);
  const size_t room = (size_t)l->count + (size_t)l->test->capture_count + (size_t)l->body->capture_count + 1;
  int32_t *inputs = ln_arena_array(arena, room, sizeof *inputs);
  int32_t *outputs = ln_arena_array(arena, room, sizeof *outputs);
  ln_type *types = ln_arena_array(arena, room, sizeof *types);
  ln_fact *facts = ln_arena_array(arena, room, sizeof *facts);
  if (inputs == NULL || outputs == NULL || types == NULL || facts == NULL) return ln_import_no_memory(e->import) > 0;
  int32_t captured = join_captures(l->test, 0, inputs + l->count);
  captured = join_captures(l->body, captured, inputs + l->count);
  const int32_t total = l->count + captured;
  for (int32_t i = 0; i < total; ++i) {
    if (i < l->count) inputs[i] = l->initial[i];
    types[i] = ln_emit_type(e, inputs[i]);
    facts[i] = i < l->count ? l->facts[i] : e->facts[inputs[i]];
  }
  if (!set_inputs(l->test, l->count, l->test_in, captured, inputs + l->count) || !set_outputs(l->test, 1, &more, 0) ||
      !set_inputs(l->body, l->count, l->body_in, captured, inputs + l->count) ||
      !set_outputs(l->body, l->count, l->body_out, total)) {
    return false;
  }
  const ln_while_options options = {.cond_subgraph_index = l->test->graph, .body_subgraph_index = l->body->graph};
  if (!ln_emit_given(e, LN_OP_WHILE, &options, total, inputs, total, types, facts, outputs)) return false;
  memcpy(results, outputs, (size_t)l->count * sizeof *results);
  return true;
}

bool ln_emit_while(ln_emit *e, int32_t count, const int32_t *initial, ln_emit_body test, void *test_user,
                   ln_emit_body body, void *body_user, int32_t *results) {
  loop l;
  int32_t more = -1;
  double value;
  int32_t *begin = ln_arena_copy(ln_emit_arena(e), initial, (size_t)count * sizeof *initial); /* may be `results` */
  for (int32_t i = 0; i < count; ++i) results[i] = -1;
  if (begin == NULL) return ln_import_no_memory(e->import) > 0;
  if (ln_emit_failed(e) || !prepare_loop(e, count, begin, &l) || !emit_body(e, &l, body, body_user)) return false;
  l.test = begin_part(e, &l, "condition", l.test_in);
  if (l.test == NULL || !test(l.test, l.test_in, &more, test_user) || ln_emit_failed(e)) return false;
  e->uses_state = e->uses_state || l.test->uses_state;
  if (ln_emit_type(l.test, more) != LN_BOOL) {
    ln_emit_wrong(e, "the loop's condition is %s, no bool", ln_type_name(ln_emit_type(l.test, more)));
    return false;
  }
  if (ln_emit_number(l.test, more, &value) && value == 0) {
    memcpy(results, begin, (size_t)count * sizeof *results);
    return true;
  }
  return join_loop(e, &l, more, results);
}
