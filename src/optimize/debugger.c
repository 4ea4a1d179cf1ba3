/*
 * Runs a model in floats and a quantized one over the same samples. The quantized one runs twice: once as it is, and
 * once with every operator given the exact inputs, written into its memory just before it runs, so that what it makes
 * of them is its own error alone.
 */
#include "optimize/debugger.h"

#include <math.h>
#include <string.h>

#include "ops/weights.h"
#include "runtime/runtime.h"

/* ---- values ---- */

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory for the debugger"); }

static ln_status set_count(ln_debug_values *values, size_t count, ln_error *err) {
  if (count > values->capacity) {
    float *grown = ln_alloc_array(count, sizeof *grown);
    if (grown == NULL) return no_memory(err);
    ln_free(values->data);
    values->data = grown;
    values->capacity = count;
  }
  values->count = count;
  return LN_OK;
}

/* Sparse weights and those with scales by block. */
static ln_status read_weights(ln_session *session, const ln_tensor *tensor, ln_error *err, float *out, size_t count) {
  ln_node node = {.op = &session->graph->ops[0], .tensors = session->tensors};
  node.tensor_count = session->graph->tensor_count;
  ln_weights weights;
  LN_TRY(ln_weights_open(&node, tensor, err, &weights));
  if (weights.plain == LN_FLOAT32) {
    ln_weights_read(&weights, 0, count, out);
    ln_weights_close(&weights);
    return LN_OK;
  }
  ln_tensor dense = *tensor; /* bytes: a tensor that the common reader takes */
  dense.type = weights.plain;
  dense.sparsity = NULL;
  dense.codebook = NULL;
  dense.data = ln_alloc(count);
  ln_status status = dense.data != NULL ? LN_OK : no_memory(err);
  if (status == LN_OK) {
    ln_weights_read(&weights, 0, count, dense.data);
    status = ln_tensor_copy_to_f32(&dense, out, count, err);
  }
  ln_free(dense.data);
  ln_weights_close(&weights);
  return status;
}

/* A constant that is stored by table. */
static ln_status read_table(const ln_tensor *tensor, ln_error *err, float *out, size_t count) {
  ln_tensor plain = *tensor;
  plain.codebook = NULL;
  if (!ln_tensor_size(plain.type, &plain.shape, &plain.bytes) || (plain.data = ln_alloc(plain.bytes)) == NULL)
    return no_memory(err);
  ln_codebook_read(tensor, 0, count, plain.data);
  const ln_status status = ln_tensor_copy_to_f32(&plain, out, count, err);
  ln_free(plain.data);
  return status;
}

ln_status ln_debug_read(ln_session *session, int32_t index, ln_error *err, ln_debug_values *out) {
  const ln_tensor *tensor = ln_session_tensor(session, index);
  const size_t count = ln_tensor_elements(tensor);
  LN_TRY(set_count(out, count, err));
  if (count == 0) return LN_OK;
  if (tensor->sparsity != NULL || tensor->quant->kind == LN_QUANT_BLOCKWISE) {
    return read_weights(session, tensor, err, out->data, count);
  }
  if (tensor->codebook != NULL) return read_table(tensor, err, out->data, count);
  if (tensor->type == LN_FLOAT32 && tensor->data != NULL) {
    memcpy(out->data, tensor->data, count * sizeof(float));
    return LN_OK;
  }
  return ln_tensor_copy_to_f32(tensor, out->data, count, err);
}

ln_status ln_debug_feed(ln_quant_debug *debug, ln_session *session, int64_t sample) {
  const ln_samples *samples = debug->options.samples;
  ln_session_reset(session);
  return samples->fill(samples->user, sample, session, debug->err);
}

ln_status ln_debug_progress(const ln_quant_debug *debug, const char *what, int64_t done, int64_t total) {
  const ln_quant_debug_options *o = &debug->options;
  if (o->progress == NULL || o->progress(o->user, what, done, total)) return LN_OK;
  return ln_fail(debug->err, LN_ERR_CANCELLED, "ended by its caller");
}

/* ---- rows ---- */

static bool is_real(const ln_tensor *tensor) {
  return tensor->type == LN_FLOAT32 || tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16;
}

/* Among tensors that stand for the same: the one in numbers of fewer bits, and of these the first made. */
static int32_t rank_of(const ln_debug_side *q, int32_t tensor) {
  const ln_tensor *t = &q->graph->tensors[tensor];
  const bool scaled = t->quant->kind != LN_QUANT_NONE && !is_real(t);
  return scaled ? 2 : t->type != LN_FLOAT32;
}

/* The counterpart of each tensor in floats: [f tensors] in the arena, -1. */
static int32_t *choose(const ln_debug_pairs *p, ln_arena *arena) {
  int32_t *chosen = ln_arena_array(arena, (size_t)p->f.graph->tensor_count + 1, sizeof *chosen);
  if (chosen == NULL) return NULL;
  memset(chosen, -1, (size_t)p->f.graph->tensor_count * sizeof *chosen);
  for (int32_t i = 0; i < p->q.graph->tensor_count; ++i) {
    const int32_t ft = p->tensors[i];
    if (ft < 0 || !is_real(&p->f.graph->tensors[ft])) continue;
    if (p->q.producers[i] < 0 && p->q.readers[i] < 0 && p->q.uses[i] == 0) continue; /* named, but in no use */
    const int32_t other = chosen[ft];
    const int32_t rank = rank_of(&p->q, i), other_rank = other < 0 ? -1 : rank_of(&p->q, other);
    if (rank < other_rank || (rank == other_rank && p->q.producers[i] >= p->q.producers[other])) continue;
    chosen[ft] = i;
  }
  return chosen;
}

/* The axis along which a tensor's channels lie: that of its scales, or as operators have it. */
static int32_t channel_axis(const ln_debug_pairs *p, int32_t qt) {
  const ln_tensor *tensor = &p->q.graph->tensors[qt];
  if (tensor->shape.rank < 2) return -1;
  if (tensor->quant->kind == LN_QUANT_AXIS) return tensor->quant->axis;
  if (!p->q.constant[qt]) return tensor->shape.rank - 1;
  const int32_t reader = p->q.readers[qt];
  return reader >= 0 && p->q.graph->ops[reader].def->code == LN_OP_DEPTHWISE_CONV_2D ? tensor->shape.rank - 1 : 0;
}

static void describe(const ln_debug_pairs *p, int32_t ft, int32_t qt, ln_quant_row *row) {
  const bool constant = p->q.constant[qt];
  *row = (ln_quant_row){.size = sizeof *row,
                        .name = p->f.graph->tensors[ft].name,
                        .quantized_name = p->q.graph->tensors[qt].name,
                        .tensor = ft,
                        .quantized_tensor = qt,
                        .constant = constant,
                        .match = (ln_quant_match)p->how[qt],
                        .operator_name = "",
                        .type = p->q.graph->tensors[qt].type,
                        .channel_axis = channel_axis(p, qt)};
  double *const unknown[] = {
      &row->scale,  &row->rmse,       &row->rmse_steps, &row->snr_db,     &row->own_snr_db,    &row->type_snr_db,
      &row->cosine, &row->mean_error, &row->max_error,  &row->saturated,  &row->clipped,       &row->low,
      &row->high,   &row->from,       &row->to,         &row->range_used, &row->output_snr_db, &row->share};
  for (size_t i = 0; i < LN_COUNT(unknown); ++i) *unknown[i] = NAN;
  row->quantized_op = constant ? p->q.readers[p->q.roots[qt]] : p->q.producers[qt];
  int32_t op = constant ? p->f.readers[ft] : p->f.producers[ft];
  while (constant && op >= 0 && p->f.roots[p->f.graph->ops[op].outputs[0]] == ft) { /* past DEQUANTIZE */
    op = p->f.readers[p->f.graph->ops[op].outputs[0]];
  }
  row->op = op;
  if (op >= 0) row->operator_name = ln_op_name(&p->f.graph->ops[op]);
}

/* Rows in the order of the operators: constants before what is made of them. */
static ln_status make_rows(ln_quant_debug *d) {
  const ln_debug_pairs *p = &d->pairs;
  const ln_graph *f = p->f.graph;
  int32_t *chosen = choose(p, &d->arena);
  bool *listed = ln_arena_array(&d->arena, (size_t)f->tensor_count + 1, sizeof *listed);
  d->rows = ln_arena_array(&d->arena, (size_t)f->tensor_count + 1, sizeof *d->rows);
  d->row_of = ln_arena_array(&d->arena, (size_t)p->q.graph->tensor_count + 1, sizeof *d->row_of);
  if (chosen == NULL || listed == NULL || d->rows == NULL || d->row_of == NULL) return no_memory(d->err);
  memset(d->row_of, -1, (size_t)p->q.graph->tensor_count * sizeof *d->row_of);
  for (int32_t i = -1; i < f->op_count; ++i) {
    const int32_t *lists[2] = {i < 0 ? f->inputs : f->ops[i].inputs, i < 0 ? NULL : f->ops[i].outputs};
    const int32_t counts[2] = {i < 0 ? f->input_count : f->ops[i].input_count, i < 0 ? 0 : f->ops[i].output_count};
    for (int32_t k = 0; k < counts[0] + counts[1]; ++k) {
      const int32_t tensor = k < counts[0] ? lists[0][k] : lists[1][k - counts[0]];
      const int32_t ft = tensor < 0 ? -1 : p->f.roots[tensor];
      if (ft < 0 || listed[ft] || chosen[ft] < 0) continue;
      listed[ft] = true;
      describe(p, ft, chosen[ft], &d->rows[d->row_count].row);
      d->row_of[chosen[ft]] = d->row_count++;
    }
  }
  if (d->row_count > 0) return LN_OK;
  for (int32_t i = 0; i < f->tensor_count; ++i) {
    if (!p->f.constant[i] && is_real(&f->tensors[i])) {
      return ln_fail(d->err, LN_ERR_DATA, "no tensor of the float model has a counterpart in the quantized one");
    }
  }
  return ln_fail(d->err, LN_ERR_DATA, "the model that should be in floats computes nothing in floats");
}

/* Once both have run: sizes that only a run tells, and what is kept by channel. */
static ln_status size_row(ln_quant_debug *d, ln_debug_row *r) {
  const ln_tensor *tensor = ln_session_tensor(d->q, r->row.quantized_tensor);
  r->row.elements = (int64_t)ln_tensor_elements(tensor);
  if (r->row.channel_axis < 0 || r->row.channel_axis >= tensor->shape.rank) return LN_OK;
  r->row.channels = tensor->shape.dims[r->row.channel_axis];
  const size_t count = (size_t)r->row.channels;
  r->stats.channel_error2 = ln_arena_array(&d->arena, count + 1, sizeof(double));
  r->stats.channel_error = ln_arena_array(&d->arena, count + 1, sizeof(double));
  r->stats.channel_signal2 = ln_arena_array(&d->arena, count + 1, sizeof(double));
  if (!r->stats.channel_error2 || !r->stats.channel_error || !r->stats.channel_signal2) return no_memory(d->err);
  return LN_OK;
}

static ln_status add_row(ln_quant_debug *d, ln_debug_row *r) {
  ln_quant_row *row = &r->row;
  if (d->ran == 0) LN_TRY(size_row(d, r));
  else if (row->constant) return LN_OK;
  LN_TRY(ln_debug_read(d->f, row->tensor, d->err, &d->exact));
  LN_TRY(ln_debug_read(d->q, row->quantized_tensor, d->err, &d->other));
  if (d->exact.count != d->other.count || d->exact.count != (size_t)row->elements) return LN_OK;
  ln_debug_stats_add(&r->stats, row, ln_session_tensor(d->q, row->quantized_tensor), d->exact.data, d->other.data,
                     d->exact.count);
  if (row->constant || row->quantized_op >= 0) return LN_OK;
  LN_TRY(set_count(&r->made, d->other.count, d->err)); /* an input: no operator runs for it */
  memcpy(r->made.data, d->other.data, d->other.count * sizeof *d->other.data);
  ln_debug_add(&r->own, d->exact.data, r->made.data, r->made.count);
  r->has_own = true;
  return LN_OK;
}

/* ---- exact inputs ---- */

static const ln_op *op_of(const ln_session *session, const ln_operator_event *event) {
  if (event->graph_name != session->graph->name) return NULL; /* of a loop or branch, which is one operator here */
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    const int32_t at = (event->index + i) % session->graph->op_count; /* the first, in graphs as files have them */
    if (session->graph->ops[at].index == event->index) return &session->graph->ops[at];
  }
  return NULL;
}

/* Whether all that an operator reads can be made exact. */
static bool has_exact_inputs(const ln_quant_debug *d, const ln_op *op) {
  for (int32_t k = 0; k < op->input_count; ++k) {
    const int32_t input = op->inputs[k];
    if (input < 0 || d->pairs.q.constant[input]) continue;
    if (d->pairs.tensors[input] < 0 && !d->pairs.q.graph->tensors[input].is_variable) return false;
  }
  return true;
}

static ln_status force_inputs(ln_quant_debug *d, const ln_op *op) {
  for (int32_t k = 0; k < op->input_count; ++k) {
    const int32_t input = op->inputs[k];
    if (input < 0 || d->pairs.q.constant[input] || d->pairs.tensors[input] < 0) continue;
    const int32_t ft = d->pairs.tensors[input];
    ln_tensor *to = ln_session_tensor(d->forced, input);
    if (!is_real(&d->pairs.f.graph->tensors[ft]) || to->is_variable) continue;
    LN_TRY(ln_debug_read(d->f, ft, d->err, &d->exact));
    if (d->exact.count != ln_tensor_elements(to) || d->exact.count == 0) continue;
    LN_TRY(ln_tensor_copy_from_f32(to, d->exact.data, d->exact.count, d->err));
  }
  return LN_OK;
}

static ln_status add_own(ln_quant_debug *d, const ln_op *op) {
  for (int32_t k = 0; k < op->output_count; ++k) {
    const int32_t index = d->row_of[op->outputs[k]];
    if (index < 0 || d->rows[index].row.constant) continue;
    ln_debug_row *r = &d->rows[index];
    LN_TRY(ln_debug_read(d->f, r->row.tensor, d->err, &d->exact));
    LN_TRY(ln_debug_read(d->forced, op->outputs[k], d->err, &r->made));
    r->has_own = d->exact.count == r->made.count;
    if (r->has_own) ln_debug_add(&r->own, d->exact.data, r->made.data, r->made.count);
  }
  return LN_OK;
}

/* The session's memory is written in a callback, which only this library may: every tensor has its own here, and the
 * operator has either not begun or is done. */
static bool on_forced(void *user, const ln_operator_event *event) {
  ln_quant_debug *d = user;
  const ln_op *op = op_of(d->forced, event);
  if (op == NULL || !has_exact_inputs(d, op)) return true;
  d->status = event->after ? add_own(d, op) : force_inputs(d, op);
  return d->status == LN_OK;
}

/* ---- samples ---- */

static ln_status run(ln_quant_debug *d, ln_session *session, int64_t sample) {
  LN_TRY(ln_debug_feed(d, session, sample));
  d->status = LN_OK;
  ln_error own = {LN_OK, ""};
  const ln_status status = ln_session_run(session, &own);
  if (d->status != LN_OK) return d->status; /* its message stands */
  if (status != LN_OK && d->err != NULL) *d->err = own;
  return status;
}

static ln_status run_sample(ln_quant_debug *d, int64_t sample) {
  LN_TRY(run(d, d->f, sample));
  LN_TRY(run(d, d->q, sample));
  for (int32_t i = 0; i < d->row_count; ++i) LN_TRY(add_row(d, &d->rows[i]));
  for (int32_t i = 0; i < ln_session_output_count(d->f); ++i) {
    LN_TRY(ln_debug_read(d->f, ln_session_output_tensor(d->f, i), d->err, &d->exact));
    LN_TRY(ln_debug_read(d->q, ln_session_output_tensor(d->q, i), d->err, &d->other));
    if (d->exact.count == d->other.count) ln_debug_add(&d->sums[i], d->exact.data, d->other.data, d->exact.count);
  }
  LN_TRY(run(d, d->forced, sample));
  if (d->injected != NULL && d->shared < d->options.share_limit) LN_TRY(ln_debug_measure_shares(d, sample));
  ++d->ran;
  return LN_OK;
}

static ln_status run_samples(ln_quant_debug *d) {
  const int64_t all = d->options.samples->count;
  const int64_t count = d->options.limit > 0 && d->options.limit < all ? d->options.limit : all;
  for (int64_t i = 0; i < count; ++i) {
    LN_TRY(ln_debug_progress(d, "compare", i, count));
    const double place = (double)i * (double)all / (double)count;
    LN_TRY(run_sample(d, (int64_t)place < all ? (int64_t)place : all - 1));
  }
  return ln_debug_progress(d, "compare", count, count);
}

static ln_status finish(ln_quant_debug *d) {
  for (int32_t i = 0; i < d->row_count; ++i) {
    ln_debug_row *r = &d->rows[i];
    ln_debug_stats_finish(&r->stats, ln_session_tensor(d->q, r->row.quantized_tensor), &r->row);
    if (r->own.count > 0) r->row.own_snr_db = ln_debug_snr(r->own.signal2, r->own.error2);
    const int64_t per_channel = r->row.channels > 0 ? r->stats.sums.count / r->row.channels : 0;
    r->worst_count = ln_debug_worst_channels(&r->stats, &r->row, per_channel, r->worst);
  }
  return ln_debug_suggest(d) == LN_OK ? LN_OK : no_memory(d->err);
}

/* ---- sessions ---- */

static ln_status open_session(ln_quant_debug *d, ln_model *model, ln_operator_fn on_operator, const char *what,
                              ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = d->options.threads;
  options.signature = d->options.signature;
  options.keep_all_tensors = true;
  options.on_operator = on_operator;
  options.user = d;
  const ln_status status = ln_session_create(model, &options, d->err, out);
  if (status != LN_OK) ln_error_prefix(d->err, "the %s model", what);
  return status;
}

static int32_t *end_tensors(ln_arena *arena, const ln_session *session, bool outputs, int32_t count) {
  int32_t *list = ln_arena_array(arena, (size_t)count + 1, sizeof *list);
  for (int32_t i = 0; list != NULL && i < count; ++i) {
    list[i] = outputs ? ln_session_output_tensor(session, i) : ln_session_input_tensor(session, i);
  }
  return list;
}

static ln_status open_all(ln_quant_debug *d, ln_model *floats, ln_model *quantized) {
  LN_TRY(open_session(d, floats, NULL, "float", &d->f));
  LN_TRY(open_session(d, quantized, NULL, "quantized", &d->q));
  LN_TRY(open_session(d, quantized, on_forced, "quantized", &d->forced));
  if (d->options.share_limit > 0) LN_TRY(open_session(d, floats, ln_debug_inject, "float", &d->injected));
  const int32_t inputs = ln_session_input_count(d->f), outputs = ln_session_output_count(d->f);
  if (inputs != ln_session_input_count(d->q) || outputs != ln_session_output_count(d->q)) {
    return ln_fail(d->err, LN_ERR_SHAPE, "the models differ in their inputs or outputs: %d and %d, %d and %d", inputs,
                   outputs, ln_session_input_count(d->q), ln_session_output_count(d->q));
  }
  const ln_debug_ends ends = {end_tensors(&d->arena, d->f, false, inputs),
                              end_tensors(&d->arena, d->q, false, inputs),
                              end_tensors(&d->arena, d->f, true, outputs),
                              end_tensors(&d->arena, d->q, true, outputs),
                              inputs,
                              outputs};
  d->sums = ln_arena_array(&d->arena, (size_t)outputs + 1, sizeof *d->sums);
  if (!ends.f_inputs || !ends.q_inputs || !ends.f_outputs || !ends.q_outputs || !d->sums) return no_memory(d->err);
  for (int32_t i = 0; i < inputs; ++i) {
    const ln_tensor *a = ln_session_input(d->f, i), *b = ln_session_input(d->q, i);
    if (ln_tensor_elements(a) == ln_tensor_elements(b)) continue;
    return ln_fail(d->err, LN_ERR_SHAPE, "input \"%.100s\" has %zu elements in one model and %zu in the other", a->name,
                   ln_tensor_elements(a), ln_tensor_elements(b));
  }
  if (ln_debug_match(d->f->graph, d->q->graph, &ends, &d->arena, &d->pairs) != LN_OK) return no_memory(d->err);
  return make_rows(d);
}

ln_status ln_quant_debug_run(ln_model *floats, ln_model *quantized, const ln_quant_debug_options *options,
                             ln_error *err, ln_quant_debug **out) {
  if (floats == NULL || quantized == NULL || options == NULL || out == NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "the debugger needs two models and options");
  }
  ln_quant_debug_options own = LN_QUANT_DEBUG_OPTIONS_INIT;
  memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own); /* of a caller with fewer fields */
  if (own.samples == NULL || own.samples->fill == NULL || own.samples->count < 1) {
    return ln_fail(err, LN_ERR_DATA, "the debugger needs samples to run the models on");
  }
  ln_quant_debug *d = ln_alloc_zero(sizeof *d);
  if (d == NULL) return no_memory(err);
  d->options = own;
  d->options.size = sizeof own;
  d->err = err;
  d->injecting = -1;
  ln_status status = open_all(d, floats, quantized);
  if (status == LN_OK) status = run_samples(d);
  if (status == LN_OK) status = finish(d);
  d->err = NULL;
  if (status == LN_OK) *out = d;
  else ln_quant_debug_destroy(d);
  return status;
}

void ln_quant_debug_destroy(ln_quant_debug *debug) {
  if (debug == NULL) return;
  for (int32_t i = 0; i < debug->row_count; ++i) ln_free(debug->rows[i].made.data);
  ln_session_destroy(debug->f);
  ln_session_destroy(debug->q);
  ln_session_destroy(debug->forced);
  ln_session_destroy(debug->injected);
  ln_free(debug->exact.data);
  ln_free(debug->other.data);
  ln_arena_free(&debug->arena);
  ln_free(debug);
}

/* ---- what was found ---- */

static bool has_row(const ln_quant_debug *debug, int32_t row) {
  return debug != NULL && row >= 0 && row < debug->row_count;
}

int32_t ln_quant_debug_rows(const ln_quant_debug *debug) { return debug == NULL ? 0 : debug->row_count; }

ln_status ln_quant_debug_row(const ln_quant_debug *debug, int32_t index, ln_quant_row *out) {
  return has_row(debug, index) ? ln_struct_give(out, &debug->rows[index].row, sizeof *out) : LN_ERR_ARGUMENT;
}

ln_status ln_quant_debug_channel(const ln_quant_debug *debug, int32_t row, int32_t nth, ln_quant_channel *out) {
  if (!has_row(debug, row) || nth < 0 || nth >= debug->rows[row].worst_count) return LN_ERR_ARGUMENT;
  return ln_struct_give(out, &debug->rows[row].worst[nth], sizeof *out);
}

ln_status ln_quant_debug_histogram(const ln_quant_debug *debug, int32_t row, double *width, int64_t *counts) {
  if (!has_row(debug, row) || width == NULL || counts == NULL) return LN_ERR_ARGUMENT;
  *width = debug->rows[row].stats.bin_width;
  memcpy(counts, debug->rows[row].stats.bins, sizeof debug->rows[row].stats.bins);
  return LN_OK;
}

/* Whether a tensor in floats should have had a counterpart. */
static bool is_lost(const ln_quant_debug *d, int32_t tensor) {
  const ln_debug_side *f = &d->pairs.f;
  if (f->constant[tensor] || f->roots[tensor] != tensor || !is_real(&f->graph->tensors[tensor])) return false;
  if (f->producers[tensor] < 0 && f->readers[tensor] < 0) return false;
  for (int32_t i = 0; i < d->row_count; ++i) {
    if (d->rows[i].row.tensor == tensor) return false;
  }
  return true;
}

int32_t ln_quant_debug_unmatched(const ln_quant_debug *debug, int32_t nth) {
  for (int32_t i = 0; debug != NULL && nth >= 0 && i < debug->pairs.f.graph->tensor_count; ++i) {
    if (is_lost(debug, i) && nth-- == 0) return i;
  }
  return -1;
}

int32_t ln_quant_debug_suggestion(const ln_quant_debug *debug, int32_t nth) {
  return debug != NULL && nth >= 0 && nth < debug->suggestion_count ? debug->suggestions[nth] : -1;
}

static int32_t graph_of(const ln_session *session) {
  return (int32_t)(session->signature ? session->signature->graph : 0);
}

ln_status ln_quant_debug_summary(const ln_quant_debug *debug, ln_quant_summary *out) {
  if (debug == NULL) return LN_ERR_ARGUMENT;
  ln_quant_summary summary = {.size = sizeof summary, .samples = debug->ran};
  summary.graph_floats = graph_of(debug->f);
  summary.graph_quantized = graph_of(debug->q);
  for (int32_t i = 0; i < debug->row_count; ++i) summary.matched += !debug->rows[i].row.constant;
  while (ln_quant_debug_unmatched(debug, summary.unmatched) >= 0) ++summary.unmatched;
  const int32_t outputs = ln_session_output_count(debug->f);
  double noise = 0;
  for (int32_t i = 0; i < outputs; ++i) {
    const ln_debug_sums *s = &debug->sums[i];
    noise += s->signal2 > 0 ? s->error2 / s->signal2 / outputs : 0;
    if (s->largest > summary.output_max_error) summary.output_max_error = s->largest;
  }
  summary.output_snr_db = ln_debug_snr(1, noise);
  return ln_struct_give(out, &summary, sizeof summary);
}
