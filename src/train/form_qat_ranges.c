/*
 * Quantization-aware training of activations. The plan of full-integer quantization, made before training on a copy of
 * the graph, says which tensors will be integers and which of them share a scale; each gets a fake quantization where
 * it is made, and where a reader wants it in other numbers, another one. Ranges are moving averages of what batches
 * have (B. Jacob et al., 2018), or parameters that gradients reach (J. Choi et al., PACT, 2018).
 */
#include <math.h>
#include <string.h>

#include "optimize/report.h"
#include "train/form_qat.h"
#include "train/operators.h"

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "qat: out of memory"); }

/* ---- the plan ---- */

/* What the range of a scale that the operator fixes is. */
static void fix_range(uint32_t span, bool wide, ln_qat_range *range) {
  range->fixed = span != 0;
  range->span.now[0] = span & LN_OPF_SPAN_SIGNED ? -1.0f : span & LN_OPF_SPAN_LOG ? -255.0f / 16 : 0.0f;
  range->span.now[1] = span & LN_OPF_SPAN_SIGNED ? 127.0f / 128 : span & LN_OPF_SPAN_LOG ? 0.0f : 255.0f / 256;
  if (wide) range->span.now[1] = 32767.0f / 32768;
}

/* The range of a tensor as numbers of a kind; made where there is none yet. */
static int32_t range_of(ln_trainer *t, ln_qat *q, ln_integer_plan *plan, int32_t tensor, ln_compute number) {
  const int32_t group = ln_integer_group(plan, tensor, number);
  int32_t i = 0;
  while (i < q->range_count && q->ranges[i].group != group) ++i;
  q->groups[2 * tensor + (number == LN_COMPUTE_INT16)] = i;
  if (i < q->range_count) return i;
  ln_qat_range *range = &q->ranges[q->range_count++];
  const ln_scale_group *from = &plan->groups[group];
  /* int16's other scales are of the range alone */
  const uint32_t span = number == LN_COMPUTE_INT16 ? from->span & (LN_OPF_SPAN_UNIT | LN_OPF_SPAN_SIGNED) : from->span;
  *range = (ln_qat_range){.group = group, .wide = number == LN_COMPUTE_INT16, .span.now = {from->low, from->high}};
  range->name = ln_arena_printf(&t->arena, "qat/%d", (int)group);
  if (span != 0) fix_range(span, range->wide, range);
  return i;
}

static bool reads_integers(const ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index) {
  const int32_t input = op->inputs[index];
  return input >= 0 && plan->is_float[input] && !ln_integer_is_weights(plan, op, place, index) &&
         !ln_tensor_const_data(&ln_optimizer_graph(plan->o)->tensors[input]);
}

/* What operator `place` reads in other numbers than it is made in. */
static void find_conversions(ln_trainer *t, ln_qat *q, ln_integer_plan *plan, int32_t place) {
  const ln_op *op = &ln_optimizer_graph(plan->o)->ops[place];
  const ln_compute number = (ln_compute)plan->number[place];
  if (number == LN_COMPUTE_FLOAT || op->output_count == 0) return;
  const bool shared = (op->def->flags & LN_OPF_ONE_SCALE) != 0 && plan->is_float[op->outputs[0]];
  if (plan->layer_of[place] >= 0) q->whole[plan->layers[plan->layer_of[place]].weights] = true;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!reads_integers(plan, op, place, i)) continue;
    const int32_t wanted = range_of(t, q, plan, shared ? op->outputs[0] : op->inputs[i], number);
    if (q->homes[op->inputs[i]] == wanted) continue;
    q->conversions[q->conversion_count++] = (ln_qat_conversion){op->inputs[i], op->outputs[0], &q->ranges[wanted]};
  }
}

static ln_status take_plan(ln_trainer *t, ln_qat *q, ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  const size_t tensors = (size_t)plan->tensor_count;
  size_t reads = 1;
  for (int32_t i = 0; i < graph->op_count; ++i) reads += (size_t)graph->ops[i].input_count;
  q->planned = ln_alloc_array(tensors + 1, sizeof *q->planned);
  q->homes = ln_alloc_array(tensors + 1, sizeof *q->homes);
  q->groups = ln_alloc_array(tensors + 1, 2 * sizeof *q->groups);
  q->whole = ln_alloc_array(tensors + 1, sizeof *q->whole);
  q->ranges = ln_alloc_array(tensors + 1, 2 * sizeof *q->ranges);
  q->conversions = ln_alloc_array(reads, sizeof *q->conversions);
  if (q->planned == NULL || q->homes == NULL || q->groups == NULL || q->whole == NULL || q->ranges == NULL ||
      q->conversions == NULL) {
    return no_memory(t);
  }
  q->tensor_count = plan->tensor_count;
  memcpy(q->planned, plan->ranges, tensors * sizeof *q->planned);
  for (size_t i = 0; i < tensors; ++i) q->homes[i] = q->groups[2 * i] = q->groups[2 * i + 1] = -1;
  for (int32_t i = 0; i < q->tensor_count; ++i) {
    const bool made = plan->home[i] != LN_COMPUTE_FLOAT && !ln_tensor_const_data(&graph->tensors[i]);
    if (made) q->homes[i] = range_of(t, q, plan, i, (ln_compute)plan->home[i]);
  }
  for (int32_t i = 0; i < graph->op_count; ++i) find_conversions(t, q, plan, i);
  for (int32_t i = 0; i < q->range_count; ++i) {
    if (q->ranges[i].name == NULL) return no_memory(t);
    LN_TRY(ln_trainer_keep(t, q->ranges[i].name, &q->ranges[i].span, sizeof q->ranges[i].span));
  }
  if (q->range_count > 0) return LN_OK;
  return ln_fail(t->err, LN_ERR_UNSUPPORTED, "qat: no operator of the model computes in these integers");
}

ln_status ln_qat_plan(ln_trainer *t, ln_qat *q) {
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_optimizer o = {.source = t->source, .graph = t->o.graph, .stage = "qat", .err = t->err, .options = &options};
  ln_integer_plan plan = {0};
  options.calibration = t->data.samples;
  options.signature = t->o.options == NULL ? NULL : t->o.options->signature;
  o.report = ln_report_create();
  ln_status status = o.report == NULL ? no_memory(t) : ln_edit_begin(t->o.model, t->err, &o.model);
  if (status == LN_OK) status = ln_train_layers_finish(t, &o); /* as the result will be: normalizations are folded */
  if (status == LN_OK) status = ln_integer_plan_make(&o, q->stage, &plan);
  if (status == LN_OK) status = take_plan(t, q, &plan);
  ln_integer_plan_close(&plan);
  ln_model_destroy(o.model);
  ln_optimize_report_destroy(o.report);
  return status;
}

void ln_qat_plan_free(ln_qat *q) {
  ln_free(q->planned);
  ln_free(q->homes);
  ln_free(q->groups);
  ln_free(q->whole);
  ln_free(q->ranges);
  ln_free(q->conversions);
}

/* ---- ranges of a step ---- */

static void fill_range(ln_trainer *t, void *user, float *values, size_t count) {
  const ln_qat_range *range = user;
  (void)t, (void)count;
  memcpy(values, range->span.now, sizeof range->span.now);
}

static void take_seen(ln_trainer *t, void *user, const float *values, size_t count) {
  ln_qat_range *range = user;
  (void)t, (void)count;
  range->span.batch[0] = range->span.fresh ? fminf(range->span.batch[0], values[0]) : values[0];
  range->span.batch[1] = range->span.fresh ? fmaxf(range->span.batch[1], values[1]) : values[1];
  range->span.fresh = true;
}

/* The first batches weigh more, so that it does not keep what it began with. */
void ln_qat_move_ranges(ln_qat *q) {
  for (int32_t i = 0; i < q->range_count; ++i) {
    ln_qat_span *span = &q->ranges[i].span;
    const bool moves = span->fresh && isfinite(span->batch[0]) && isfinite(span->batch[1]);
    const float warm = (1 + (float)span->updates) / (10 + (float)span->updates);
    const float momentum = fminf(warm, (float)q->momentum);
    for (int32_t end = 0; moves && end < 2; ++end) {
      span->now[end] += (1 - momentum) * (span->batch[end] - span->now[end]);
    }
    span->updates += moves && span->updates < 1000000;
    span->fresh = false;
  }
}

void ln_qat_give_ranges(const ln_qat *q, ln_range *planned, ln_range *scaled) {
  memcpy(planned, q->planned, (size_t)q->tensor_count * sizeof *planned);
  for (int32_t i = 0; i < 2 * q->tensor_count; ++i) {
    if (q->groups[i] < 0) continue;
    const ln_qat_range *range = &q->ranges[q->groups[i]];
    const float *ends = range->learned == NULL ? range->span.now : range->learned->used;
    scaled[i] = (ln_range){true, fminf(ends[0], 0), fmaxf(ends[1], 0), ends[0], ends[1]};
  }
}

/* ---- the graph ---- */

typedef struct rewriting {
  ln_trainer *t;
  ln_qat *q;
  ln_grad *g;
  bool training;
  int32_t *tensors; /* [range_count] that hold ranges in the graph */
} rewriting;

static ln_status open_ranges(rewriting *r) {
  const ln_shape shape = {.rank = 1, .dims = {2}};
  r->tensors = ln_arena_array(ln_optimizer_arena(r->g->o), (size_t)r->q->range_count, sizeof *r->tensors);
  if (r->tensors == NULL) return no_memory(r->t);
  for (int32_t i = 0; i < r->q->range_count; ++i) {
    ln_qat_range *range = &r->q->ranges[i];
    if (r->q->learns && !range->fixed) {
      r->tensors[i] = ln_step_add_param(r->t, r->g, range->name, &shape, range->span.now, &range->learned);
    } else {
      r->tensors[i] = ln_step_add_input(r->t, r->g, range->name, &shape, fill_range, range);
    }
  }
  return r->g->status;
}

/* Moves operator `from`, which was added at the end, to before place `at`. */
static void move_op(ln_graph *graph, int32_t from, int32_t at) {
  const ln_op op = graph->ops[from];
  for (int32_t i = from; i > at; --i) graph->ops[i] = graph->ops[i - 1];
  graph->ops[at] = op;
}

/* Puts a fake quantization of tensor `from` before place `at`; `*at` moves behind it. */
static int32_t insert_quant(rewriting *r, ln_qat_range *range, int32_t from, bool watched, int32_t *at) {
  ln_graph *graph = ln_optimizer_graph(r->g->o);
  const int32_t first = graph->op_count;
  int32_t seen;
  const int32_t out =
      ln_grad_fake_quant_step(r->g, from, r->tensors[range - r->q->ranges], range->wide ? 16 : 8, &seen);
  if (out >= 0 && watched && r->training && !range->fixed && !r->q->learns) {
    r->g->status = ln_step_add_output(r->t, r->g, seen, take_seen, range);
  }
  if (r->g->status != LN_OK) return -1;
  move_op(graph, first, (*at)++);
  return out;
}

/* What only moves integers leaves them on the grid that they are on. */
static bool stays_on_grid(const ln_qat *q, const ln_op *op) {
  const bool moves = (op->def->flags & LN_OPF_ONE_SCALE) != 0 && (op->def->flags & LN_OPF_VIEW) != 0;
  return moves && op->input_count > 0 && op->inputs[0] >= 0 && op->inputs[0] < q->tensor_count &&
         q->homes[op->inputs[0]] == q->homes[op->outputs[0]];
}

/* The operator writes to another tensor, from which a fake quantization makes the one that all read. */
static void quantize_output(rewriting *r, int32_t place, int32_t output) {
  ln_graph *graph = ln_optimizer_graph(r->g->o);
  const int32_t tensor = graph->ops[place].outputs[output];
  if (tensor >= r->q->tensor_count || r->q->homes[tensor] < 0 || stays_on_grid(r->q, &graph->ops[place])) return;
  int32_t behind = place + 1;
  const int32_t raw = insert_quant(r, &r->q->ranges[r->q->homes[tensor]], tensor, true, &behind);
  if (raw < 0) return;
  graph->ops[place].outputs[output] = raw;
  graph->ops[place + 1].inputs[0] = raw;
  graph->ops[place + 1].outputs[0] = tensor;
}

static void convert_inputs(rewriting *r, int32_t *at) {
  ln_graph *graph = ln_optimizer_graph(r->g->o);
  for (int32_t i = 0; i < r->q->conversion_count; ++i) {
    const ln_qat_conversion *c = &r->q->conversions[i];
    if (graph->ops[*at].output_count == 0 || graph->ops[*at].outputs[0] != c->reader) continue;
    const int32_t made = insert_quant(r, c->range, c->tensor, false, at);
    ln_op *op = &graph->ops[*at];
    for (int32_t j = 0; made >= 0 && j < op->input_count; ++j) {
      if (op->inputs[j] == c->tensor) op->inputs[j] = made;
    }
  }
}

/* Inputs are quantized once, before all operators. */
static void quantize_inputs(rewriting *r, int32_t *at) {
  ln_graph *graph = ln_optimizer_graph(r->g->o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t input = graph->inputs[i];
    if (input >= r->q->tensor_count || r->q->homes[input] < 0) continue;
    const int32_t made = insert_quant(r, &r->q->ranges[r->q->homes[input]], input, true, at);
    for (int32_t k = *at; made >= 0 && k < graph->op_count; ++k) {
      for (int32_t j = 0; j < graph->ops[k].input_count; ++j) {
        if (graph->ops[k].inputs[j] == input) graph->ops[k].inputs[j] = made;
      }
    }
  }
}

ln_status ln_qat_rewrite(ln_trainer *t, void *state, ln_grad *g, bool training) {
  rewriting r = {.t = t, .q = state, .g = g, .training = training};
  ln_integer_plan fused = {.o = g->o, .stage = r.q->stage};
  if (r.q->tensor_count == 0) return LN_OK;
  LN_TRY(ln_integer_fuse_activations(&fused));
  LN_TRY(open_ranges(&r));
  ln_graph *graph = ln_optimizer_graph(g->o);
  int32_t at = 0;
  quantize_inputs(&r, &at);
  for (; at < graph->op_count && g->status == LN_OK; ++at) {
    convert_inputs(&r, &at);
    const int32_t outputs = graph->ops[at].output_count, before = graph->op_count;
    for (int32_t k = 0; k < outputs && g->status == LN_OK; ++k) quantize_output(&r, at, k);
    at += graph->op_count - before;
  }
  return g->status;
}
