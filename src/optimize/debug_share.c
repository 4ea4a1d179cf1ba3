/*
 * What each operator's own error does to the outputs: the model in floats runs once for each operator, with what the
 * quantized operator made of exact inputs in place of its result. Noise of different operators is taken to add up.
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

static ln_status measure(ln_quant_debug *d, int32_t row, int64_t sample) {
  d->injecting = row;
  ln_status status = ln_debug_feed(d, d->injected, sample);
  if (status == LN_OK && d->rows[row].row.op < 0) status = replace(d, &d->rows[row]); /* an input */
  d->status = LN_OK;
  ln_error own = {LN_OK, ""};
  if (status == LN_OK) {
    status = ln_session_run(d->injected, &own);
    if (d->status != LN_OK) status = d->status;
    else if (status != LN_OK && d->err != NULL) *d->err = own;
  }
  d->injecting = -1;
  return status == LN_OK ? output_noise(d, &d->rows[row].noise) : status;
}

ln_status ln_debug_measure_shares(ln_quant_debug *d, int64_t sample) {
  for (int32_t i = 0; i < d->row_count; ++i) {
    if (!d->rows[i].has_own || d->rows[i].own.error2 <= 0) continue;
    LN_TRY(ln_debug_progress(d, "layers", i, d->row_count));
    LN_TRY(measure(d, i, sample));
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

static bool can_be_left(const ln_quant_debug *d, const ln_debug_row *r) {
  return r->noise > 0 && r->row.op >= 0 && !r->row.constant && !moves_numbers(d, &r->row);
}

double ln_debug_noise(const ln_quant_debug *d, const ln_debug_row *r) {
  return d->shared > 0 && can_be_left(d, r) ? r->noise / (double)d->shared : 0;
}

void ln_debug_suggest(ln_quant_debug *d) {
  double total = 0, left;
  for (int32_t i = 0; i < d->row_count; ++i) total += d->rows[i].noise;
  if (d->shared == 0 || total <= 0) return;
  for (int32_t i = 0; i < d->row_count; ++i) {
    ln_debug_row *r = &d->rows[i];
    if (!r->has_own) continue;
    r->row.share = r->noise / total;
    r->row.output_snr_db = ln_debug_snr(1, r->noise / (double)d->shared);
  }
  left = total;
  while (d->suggestion_count < LN_DEBUG_SUGGESTIONS && left > total / 4) {
    int32_t best = -1;
    for (int32_t i = 0; i < d->row_count; ++i) {
      const ln_debug_row *r = &d->rows[i];
      if (r->row.suggested != 0 || !can_be_left(d, r)) continue;
      if (best < 0 || r->noise > d->rows[best].noise) best = i;
    }
    if (best < 0) return;
    left -= d->rows[best].noise;
    d->suggestions[d->suggestion_count] = best;
    d->rows[best].row.suggested = ++d->suggestion_count;
  }
}
