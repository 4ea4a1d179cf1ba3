/*
 * What each operator's own error does to the outputs, and what rounding its result does: the model in floats runs twice
 * from each operator on, once with what the quantized operator made of exact inputs in place of its result, once with
 * the exact result rounded to the quantized one's type. Noise of different origins is taken to add up.
 */
#include <math.h>

#include "optimize/debugger.h"
#include "runtime/runtime.h"

static ln_status replace(ln_quant_debug *d, const ln_debug_row *r) {
  ln_tensor *to = ln_session_tensor(d->injected, r->row.tensor);
  if (ln_tensor_elements(to) != r->made.count || r->made.count == 0) return LN_OK;
  return ln_tensor_copy_from_f32(to, r->made.data, r->made.count, d->err);
}

bool ln_debug_inject(void *user, const ln_operator_event *event) {
  ln_quant_debug *d = user;
  if (d->injecting < 0 || !event->after || event->graph_name != d->injected->graph->name) return true;
  const ln_debug_row *r = &d->rows[d->injecting];
  if (r->row.op < 0 || d->injected->graph->ops[r->row.op].index != event->index) return true;
  d->status = replace(d, r);
  return d->status == LN_OK;
}

static ln_status output_noise(ln_quant_debug *d, double *noise) {
  const int32_t outputs = ln_session_output_count(d->f);
  for (int32_t i = 0; i < outputs; ++i) {
    ln_debug_sums sums = {0};
    LN_TRY(ln_debug_read(d->f, ln_session_output_tensor(d->f, i), d->err, &d->exact));
    LN_TRY(ln_debug_read(d->injected, ln_session_output_tensor(d->injected, i), d->err, &d->other));
    if (d->exact.count == d->other.count) ln_debug_add(&sums, d->exact.data, d->other.data, d->exact.count);
    if (sums.signal2 > 0) *noise += sums.error2 / sums.signal2 / outputs;
  }
  return LN_OK;
}

/* Whether the part of the graph behind an operator can run alone, again and again: no step keeps anything. */
static bool runs_in_parts(const ln_session *session) {
  if (session->late_steps > 0) return false;
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    if ((session->graph->ops[i].def->flags & LN_OPF_STATEFUL) != 0) return false;
  }
  return true;
}

static ln_status run_whole(ln_quant_debug *d, int32_t row, int64_t sample) {
  LN_TRY(ln_debug_feed(d, d->injected, sample));
  if (row >= 0 && d->rows[row].row.op < 0) LN_TRY(replace(d, &d->rows[row])); /* an input */
  ln_error own = {LN_OK, ""};
  d->status = LN_OK;
  d->injecting = row;
  const ln_status status = ln_session_run(d->injected, &own);
  d->injecting = -1;
  if (d->status != LN_OK) return d->status;
  if (status != LN_OK && d->err != NULL) *d->err = own;
  return status;
}

/* Adds what the row's `made` in place of the exact values does. Rows are measured from the last one on, so that all
 * that lies before an operator is exact; its own result is made so again. */
static ln_status measure(ln_quant_debug *d, int32_t row, int64_t sample, bool in_parts, double *noise) {
  const ln_debug_row *r = &d->rows[row];
  if (!in_parts) {
    LN_TRY(run_whole(d, row, sample));
    return output_noise(d, noise);
  }
  LN_TRY(replace(d, r));
  LN_TRY(ln_session_walk_from(d->injected, r->row.op + 1, d->err));
  LN_TRY(output_noise(d, noise));
  LN_TRY(ln_debug_read(d->f, r->row.tensor, d->err, &d->exact));
  return ln_tensor_copy_from_f32(ln_session_tensor(d->injected, r->row.tensor), d->exact.data, d->exact.count, d->err);
}

/* The exact result, rounded: the quantized model's tensor lends its type and scale. False where it rounds nothing. */
static ln_status round_exact(ln_quant_debug *d, ln_debug_row *r, bool *rounds) {
  ln_tensor *tensor = ln_session_tensor(d->q, r->row.quantized_tensor);
  *rounds = ln_debug_format_of(tensor).integer || tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16;
  if (!*rounds) return LN_OK;
  LN_TRY(ln_debug_read(d->f, r->row.tensor, d->err, &d->exact));
  *rounds = d->exact.count == ln_tensor_elements(tensor) && d->exact.count > 0;
  if (!*rounds) return LN_OK;
  LN_TRY(ln_tensor_copy_from_f32(tensor, d->exact.data, d->exact.count, d->err));
  return ln_debug_read(d->q, r->row.quantized_tensor, d->err, &r->made);
}

ln_status ln_debug_measure_shares(ln_quant_debug *d, int64_t sample) {
  const bool in_parts = runs_in_parts(d->injected);
  if (in_parts) LN_TRY(run_whole(d, -1, sample));
  for (int32_t i = d->row_count - 1; i >= 0; --i) {
    ln_debug_row *r = &d->rows[i];
    bool rounds = false;
    if (!r->has_own || r->own.error2 <= 0 || r->made.count == 0) continue;
    LN_TRY(ln_debug_progress(d, "layers", d->row_count - 1 - i, d->row_count));
    LN_TRY(measure(d, i, sample, in_parts, &r->noise));
    LN_TRY(round_exact(d, r, &rounds));
    if (rounds) LN_TRY(measure(d, i, sample, in_parts, &r->rounding));
  }
  ++d->shared;
  return ln_debug_progress(d, "layers", d->row_count, d->row_count);
}

/* An operator whose result has the very scale of what it reads moves numbers and rounds none. */
static bool moves_numbers(const ln_quant_debug *d, const ln_quant_row *row) {
  const ln_graph *q = d->pairs.q.graph;
  if (row->quantized_op < 0) return true;
  const ln_op *op = &q->ops[row->quantized_op];
  const ln_tensor *out = &q->tensors[row->quantized_tensor];
  const ln_tensor *in = op->input_count > 0 && op->inputs[0] >= 0 ? &q->tensors[op->inputs[0]] : NULL;
  if (in == NULL || out->quant->count != 1 || in->quant->count != 1 || d->pairs.q.constant[op->inputs[0]]) return false;
  for (int32_t k = 1; k < op->input_count; ++k) {
    if (op->inputs[k] >= 0 && q->tensors[op->inputs[k]].quant->count > 0) return false;
  }
  return out->quant->scale[0] == in->quant->scale[0] && out->quant->zero_point[0] == in->quant->zero_point[0];
}

/* ---- parts ---- */

bool ln_debug_net(const ln_quant_debug *d, ln_arena *arena, ln_noise_net *net) {
  const ln_graph *graph = d->pairs.f.graph;
  if (!ln_noise_net_make(graph, arena, net)) return false;
  for (int32_t i = 0; i < d->row_count; ++i) { /* in the order of the operators */
    const ln_quant_row *row = &d->rows[i].row;
    if (row->constant || row->op < 0 || graph->ops[row->op].input_count < 1 || graph->ops[row->op].inputs[0] < 0)
      continue;
    if (!moves_numbers(d, row)) continue;
    net->moves[row->op] = true;
    net->groups[row->tensor] = net->groups[graph->ops[row->op].inputs[0]];
  }
  ln_noise_net_link(net);
  return true;
}

void ln_debug_noise(const ln_quant_debug *d, const ln_noise_net *net, ln_noise *out) {
  const double samples = d->shared > 0 ? (double)d->shared : 1;
  for (int32_t i = 0; i < d->row_count; ++i) {
    const ln_debug_row *r = &d->rows[i];
    if (r->row.constant || net->groups[r->row.tensor] != r->row.tensor) continue;
    out->groups[r->row.tensor] = r->rounding / samples;
    if (r->row.op >= 0 && !net->moves[r->row.op]) out->ops[r->row.op] += r->noise / samples;
  }
  for (int32_t i = 0; i < net->graph->op_count; ++i) { /* what rounding its tensors makes is not its own */
    for (int32_t l = net->links_of_op[i]; l >= 0; l = net->links[l].next_of_op)
      out->ops[i] -= out->groups[net->links[l].group];
    if (out->ops[i] < 0) out->ops[i] = 0;
  }
}

/* ---- suggestions ---- */

static ln_debug_row *row_of_op(ln_quant_debug *d, int32_t op) {
  for (int32_t i = 0; i < d->row_count; ++i) {
    if (d->rows[i].row.op == op && !d->rows[i].row.constant) return &d->rows[i];
  }
  return NULL;
}

/* Takes operators out of `now` until a quarter of the noise is left; returns how many. */
static int32_t pick(ln_quant_debug *d, const ln_noise_net *net, const ln_noise *noise, int8_t *now, int32_t *picked) {
  const double total = ln_noise_total(net, noise, now), least = 0.02;
  int32_t count = 0;
  while (count < LN_DEBUG_SUGGESTIONS && ln_noise_total(net, noise, now) > total / 4) {
    int32_t best = -1;
    double most = least * total;
    for (int32_t i = 0; i < net->graph->op_count; ++i) {
      const double gain = now[i] < 0 || net->moves[i] ? 0 : ln_noise_gain(net, noise, now, i, -1);
      if (gain <= most || row_of_op(d, i) == NULL) continue;
      best = i;
      most = gain;
    }
    if (best < 0) break;
    now[best] = -1;
    picked[count++] = best;
  }
  return count;
}

/* Those without which the others do as well come off: their neighbours were not taken. */
static int32_t thin(const ln_noise_net *net, const ln_noise *noise, int8_t *now, int32_t *picked, int32_t count) {
  int32_t kept = 0;
  for (int32_t i = 0; i < count; ++i) {
    const double with = ln_noise_total(net, noise, now);
    now[picked[i]] = 0;
    if (ln_noise_total(net, noise, now) < 1.02 * with) continue;
    now[picked[i]] = -1;
    picked[kept++] = picked[i];
  }
  return kept;
}

ln_status ln_debug_suggest(ln_quant_debug *d) {
  const ln_graph *graph = d->pairs.f.graph;
  ln_noise_net net;
  ln_noise noise;
  double total = 0;
  int32_t picked[LN_DEBUG_SUGGESTIONS];
  for (int32_t i = 0; i < d->row_count; ++i) total += d->rows[i].noise;
  if (d->shared == 0 || total <= 0) return LN_OK;
  for (int32_t i = 0; i < d->row_count; ++i) {
    ln_debug_row *r = &d->rows[i];
    if (!r->has_own) continue;
    r->row.share = r->noise / total;
    r->row.output_snr_db = ln_debug_snr(1, r->noise / (double)d->shared);
  }
  int8_t *now = ln_arena_alloc(&d->arena, (size_t)graph->op_count + 1);
  if (now == NULL || !ln_debug_net(d, &d->arena, &net) || !ln_noise_make(graph, &d->arena, &noise))
    return LN_ERR_MEMORY;
  ln_debug_noise(d, &net, &noise);
  const int32_t count = thin(&net, &noise, now, picked, pick(d, &net, &noise, now, picked));
  for (int32_t i = 0; i < count; ++i) {
    ln_debug_row *r = row_of_op(d, picked[i]);
    d->suggestions[i] = (int32_t)(r - d->rows);
    r->row.suggested = ++d->suggestion_count;
  }
  return LN_OK;
}
