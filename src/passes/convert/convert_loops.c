/*
 * Variables of loops: what every step hands on as it came and began as a constant becomes a constant of the condition
 * and the body, and what nobody reads in the end goes, with what computed it.
 */
#include <string.h>

#include "passes/convert/convert_rewrite.h"

typedef struct loop {
  ln_rewriter *r;
  int32_t at;
  ln_graph *test, *body;
  int32_t count;
  bool *gone; /* [count] variables that go */
} loop;

/* ---- graphs that one operator alone runs ---- */

typedef struct runs {
  int32_t graph, count;
} runs;

static ln_status count_run(void *context, const ln_op *op, int32_t *graph) {
  runs *r = context;
  (void)op;
  r->count += *graph == r->graph;
  return LN_OK;
}

static bool is_run_once(const ln_model *model, int32_t graph) {
  runs r = {.graph = graph};
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].op_count; ++i) ln_op_each_graph(&model->graphs[g].ops[i], count_run, &r);
  }
  for (int32_t i = 0; i < model->signature_count; ++i) r.count += model->signatures[i].graph == graph;
  return r.count == 1;
}

static bool open_loop(ln_rewriter *r, int32_t at, loop *out) {
  const ln_op *op = &r->graph->ops[at];
  ln_model *model = r->context->mutable_model;
  if (!ln_op_is(op, LN_OP_WHILE) || r->drop[at] || op->options == NULL) return false;
  const ln_while_options *o = op->options;
  const int32_t test = o->cond_subgraph_index, body = o->body_subgraph_index;
  if (test < 0 || body < 0 || test >= model->graph_count || body >= model->graph_count || test == body) return false;
  *out = (loop){r, at, &model->graphs[test], &model->graphs[body], op->input_count, NULL};
  if (op->output_count != out->count || out->test->input_count != out->count || out->body->input_count != out->count ||
      out->body->output_count != out->count || out->test->output_count != 1 || out->count == 0) {
    return false;
  }
  if (out->body == r->graph || out->test == r->graph) return false;
  if (!is_run_once(model, test) || !is_run_once(model, body)) return false;
  out->gone = ln_arena_array(r->arena, (size_t)out->count, sizeof *out->gone);
  return out->gone != NULL;
}

/* ---- what hangs on what ---- */

/* Marks all that a graph computes from the marked tensors back to its inputs; operators with state count as read. */
static void mark_back(const ln_graph *graph, bool *needed) {
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    bool reads = (op->def->flags & LN_OPF_STATEFUL) != 0 || op->output_count == 0;
    for (int32_t j = 0; j < op->output_count; ++j) reads = reads || needed[op->outputs[j]];
    for (int32_t j = 0; reads && j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) needed[op->inputs[j]] = true;
    }
  }
}

static int32_t count_reads(const ln_graph *graph, int32_t tensor) {
  int32_t count = 0;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) count += graph->ops[i].inputs[j] == tensor;
  }
  return count;
}

/* Which variables neither the result nor the condition nor a step of another needs. */
static bool find_dead(loop *l) {
  const ln_op *op = &l->r->graph->ops[l->at];
  bool *live = ln_alloc_array((size_t)l->count, sizeof *live);
  bool *tested = ln_alloc_array((size_t)l->test->tensor_count + 1, sizeof *tested);
  bool *needed = ln_alloc_array((size_t)l->body->tensor_count + 1, sizeof *needed);
  bool more = live != NULL && tested != NULL && needed != NULL;
  if (!more) l->r->failed = true;
  if (more) {
    tested[l->test->outputs[0]] = true;
    mark_back(l->test, tested);
    for (int32_t k = 0; k < l->count; ++k)
      live[k] = l->r->uses[op->outputs[k]] > 0 || tested[l->test->inputs[k]] || l->gone[k];
  }
  while (more) {
    more = false;
    for (int32_t k = 0; k < l->count; ++k) {
      if (live[k]) needed[l->body->outputs[k]] = true;
    }
    mark_back(l->body, needed);
    for (int32_t k = 0; k < l->count; ++k) {
      if (live[k] || !needed[l->body->inputs[k]]) continue;
      live[k] = more = true;
    }
  }
  bool any = false;
  for (int32_t k = 0; k < l->count && !l->r->failed; ++k) {
    if (live[k]) continue;
    l->gone[k] = any = true;
  }
  ln_free(live);
  ln_free(tested);
  ln_free(needed);
  return any;
}

/* ---- constants that only go round ---- */

static bool is_small_constant(const ln_tensor *tensor) {
  return ln_is_plain_constant(tensor) && tensor->quant->kind == LN_QUANT_NONE && tensor->type != LN_STRING;
}

/* Readers of a graph's input read a constant in its stead; its data is shared. */
static bool read_constant(ln_model *model, ln_graph *graph, int32_t input, const ln_tensor *constant) {
  ln_tensor copy = *constant;
  copy.buffer = 0;
  const int32_t made = ln_graph_add_tensor(graph, &model->arena, &copy);
  if (made < 0) return false;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) {
      if (graph->ops[i].inputs[j] == input) graph->ops[i].inputs[j] = made;
    }
  }
  return true;
}

static bool fix_constants(loop *l) {
  ln_rewriter *r = l->r;
  bool any = false;
  for (int32_t k = 0; k < l->count && !r->failed; ++k) {
    const ln_op *op = &r->graph->ops[l->at];
    const int32_t begins = op->inputs[k], result = op->outputs[k];
    if (begins < 0 || l->body->outputs[k] != l->body->inputs[k] || l->test->outputs[0] == l->test->inputs[k]) continue;
    const ln_tensor constant = r->graph->tensors[begins];
    if (!is_small_constant(&constant) || ln_rewriter_is_output(r, result)) continue;
    bool twice = false; /* an input that is another result of the body, too */
    for (int32_t i = 0; i < l->count; ++i) twice = twice || (i != k && l->body->outputs[i] == l->body->inputs[k]);
    if (twice) continue;
    ln_model *model = r->context->mutable_model;
    if (count_reads(l->body, l->body->inputs[k]) > 0 && !read_constant(model, l->body, l->body->inputs[k], &constant)) {
      r->failed = true;
    }
    if (count_reads(l->test, l->test->inputs[k]) > 0 && !r->failed &&
        !read_constant(model, l->test, l->test->inputs[k], &constant)) {
      r->failed = true;
    }
    ln_rewriter_replace(r, result, begins);
    l->gone[k] = any = true;
  }
  return any;
}

/* ---- taking variables out ---- */

static int32_t keep(const bool *gone, int32_t *list, int32_t count) {
  int32_t kept = 0;
  for (int32_t k = 0; k < count; ++k) {
    if (!gone[k]) list[kept++] = list[k];
  }
  return kept;
}

static bool take_out(loop *l) {
  ln_op *op = &l->r->graph->ops[l->at];
  int32_t left = 0;
  for (int32_t k = 0; k < l->count; ++k) left += !l->gone[k];
  if (left == 0) return false; /* a loop for ever, or never: its graph's own concern */
  op->input_count = keep(l->gone, op->inputs, l->count);
  op->output_count = keep(l->gone, op->outputs, l->count);
  l->test->input_count = keep(l->gone, l->test->inputs, l->count);
  l->body->input_count = keep(l->gone, l->body->inputs, l->count);
  l->body->output_count = keep(l->gone, l->body->outputs, l->count);
  return true;
}

/* What made the variables that went goes from the body before it is verified. */
static ln_status clean(ln_convert_context *context, ln_graph *graph) {
  ln_pass_context inner = context->pass;
  inner.graph = graph;
  LN_TRY(ln_pass_drop_dead(&inner));
  return ln_graph_verify(inner.model, graph, inner.err);
}

ln_status ln_convert_pass_loops(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  ln_status status = LN_OK;
  LN_TRY(ln_rewriter_open(context, &r));
  for (int32_t i = 0; i < r.graph->op_count && !r.failed && status == LN_OK; ++i) {
    loop l;
    if (!open_loop(&r, i, &l)) continue;
    const bool fixed = fix_constants(&l);
    if (!find_dead(&l) && !fixed) continue;
    if (r.failed || !take_out(&l)) continue;
    ln_rewriter_refresh(&r);
    ++changes;
    status = clean(context, l.body);
    if (status == LN_OK) status = clean(context, l.test);
  }
  const ln_status closed = ln_rewriter_close(&r, changes);
  return status != LN_OK ? status : closed;
}
