/* Loop and Scan: their inputs and attributes; onnx_loop.c runs them. */
#include "import/onnx/onnx_loop.h"

static bool begin(ln_onnx_node *n, int32_t states, int32_t scanned, int32_t gathered, ln_onnx_loop *out) {
  ln_arena *arena = ln_emit_arena(n->e);
  *out = (ln_onnx_loop){.n = n, .graph = ln_onnx_graph(n, "body"), .trips = -1, .condition = -1};
  if (out->graph == NULL) return ln_emit_wrong(n->e, "its body is missing") > 0;
  if (states < 0 || scanned < 0 || gathered < 0) {
    return ln_emit_wrong(n->e, "it has %d inputs and %d outputs, its body %d and %d", n->input_count, n->output_count,
                         ln_onnx_graph_inputs(out->graph), ln_onnx_graph_outputs(out->graph)) > 0;
  }
  out->state_count = states;
  out->in_count = scanned;
  out->out_count = gathered;
  out->states = ln_arena_array(arena, (size_t)states + 1, sizeof *out->states);
  out->in = ln_arena_array(arena, (size_t)scanned + 1, sizeof *out->in);
  out->out = ln_arena_array(arena, (size_t)gathered + 1, sizeof *out->out);
  out->out_backwards = ln_arena_array(arena, (size_t)gathered + 1, sizeof *out->out_backwards);
  if (out->states != NULL && out->in != NULL && out->out != NULL && out->out_backwards != NULL) return true;
  return ln_import_no_memory(n->e->import) > 0;
}

/* ---- Loop ---- */

void ln_onnx_loop_node(ln_onnx_node *n) {
  ln_onnx_loop l;
  int64_t most;
  int32_t count;
  const struct Onnx__Graph *graph = ln_onnx_graph(n, "body");
  const int32_t states = n->input_count - 2;
  if (!begin(n, states, 0, graph == NULL ? 0 : ln_onnx_graph_outputs(graph) - 1 - states, &l)) return;
  l.takes_step = true;
  l.trips = ln_onnx_in(n, 0);
  l.condition = ln_onnx_in(n, 1);
  if (l.trips >= 0 && ln_emit_ints(n->e, l.trips, &most, 1, &count) && most > INT32_MAX) l.trips = -1;
  if (l.trips >= 0) l.trips = ln_emit_cast(n->e, ln_onnx_scalar(n->e, l.trips), LN_INT64);
  if (l.condition >= 0) l.condition = ln_onnx_scalar(n->e, l.condition);
  for (int32_t i = 0; i < states; ++i) l.states[i] = ln_onnx_in_value(n, 2 + i);
  if (ln_emit_failed(n->e) || !ln_onnx_run_loop(&l)) return;
  for (int32_t i = 0; i < states; ++i) ln_onnx_out_value(n, i, l.states[i]);
  for (int32_t i = 0; i < l.out_count; ++i) ln_onnx_out(n, states + i, l.out[i]);
}

/* ---- Scan ---- */

static bool takes_back(ln_onnx_node *n, const char *attribute, int32_t index) {
  int32_t count = 0;
  const int64_t *directions = ln_onnx_ints(n, attribute, &count);
  return directions != NULL && index < count && directions[index] != 0;
}

static int32_t axis_in(ln_onnx_node *n, const char *attribute, int32_t index, int32_t rank) {
  int32_t count = 0;
  const int64_t *axes = ln_onnx_ints(n, attribute, &count);
  return ln_onnx_fix_axis(n, axes != NULL && index < count ? axes[index] : 0, rank);
}

static bool begin_scan(ln_onnx_node *n, int32_t first, ln_onnx_loop *l) {
  const struct Onnx__Graph *graph = ln_onnx_graph(n, "body");
  const int32_t scanned = ln_onnx_int32(n, "num_scan_inputs", 1);
  if (scanned < 1 || scanned > n->input_count) return ln_emit_wrong(n->e, "it scans %d inputs", scanned) > 0;
  const int32_t states = n->input_count - first - scanned;
  return begin(n, states, scanned, graph == NULL ? 0 : ln_onnx_graph_outputs(graph) - states, l);
}

static void set_trips(ln_onnx_loop *l) {
  ln_emit *e = l->n->e;
  l->trips = ln_emit_cast(e, ln_emit_size_of(e, l->in[0].tensor, l->in[0].axis), LN_INT64);
}

void ln_onnx_scan(ln_onnx_node *n) {
  ln_onnx_loop l;
  if (!begin_scan(n, 0, &l)) return;
  for (int32_t i = 0; i < l.state_count; ++i) l.states[i] = ln_onnx_in_value(n, i);
  for (int32_t i = 0; i < l.in_count; ++i) {
    const int32_t a = ln_onnx_in(n, l.state_count + i);
    l.in[i] = (ln_onnx_scanned){a, axis_in(n, "scan_input_axes", i, ln_emit_rank(n->e, a)),
                                takes_back(n, "scan_input_directions", i)};
    if (l.in[i].axis < 0) return;
  }
  for (int32_t i = 0; i < l.out_count; ++i) l.out_backwards[i] = takes_back(n, "scan_output_directions", i);
  set_trips(&l);
  if (ln_emit_failed(n->e) || !ln_onnx_run_loop(&l)) return;
  for (int32_t i = 0; i < l.state_count; ++i) ln_onnx_out_value(n, i, l.states[i]);
  for (int32_t i = 0; i < l.out_count; ++i) {
    const int32_t rank = ln_emit_rank(n->e, l.out[i]), axis = axis_in(n, "scan_output_axes", i, rank);
    int32_t order[LN_MAX_RANK];
    if (axis < 0) return;
    for (int32_t k = 0; k < rank; ++k) order[k] = k < axis ? k + 1 : k == axis ? 0 : k;
    ln_onnx_out(n, l.state_count + i, ln_emit_transpose(n->e, l.out[i], order));
  }
}

/* Operator set 8: all have a batch before them, for each element of which the body runs alone. */
void ln_onnx_scan_batches(ln_onnx_node *n) {
  ln_onnx_loop l;
  ln_emit *e = n->e;
  if (!begin_scan(n, 1, &l)) return;
  if (ln_onnx_has(n, 0)) {
    ln_emit_refuse(e, "sequences of different lengths; export with operator set 9 or newer");
    return;
  }
  const int32_t total = l.state_count + l.out_count, batches = ln_emit_dim(e, ln_onnx_in(n, 1), 0);
  if (batches < 1 || batches > 1024) {
    ln_emit_refuse(e, "a batch of %d; export with operator set 9 or newer", batches);
    return;
  }
  if (!ln_onnx_may_write(n, batches)) return;
  int32_t *made = ln_arena_array(ln_emit_arena(e), (size_t)total * (size_t)batches + 1, sizeof *made);
  if (made == NULL) {
    ln_import_no_memory(e->import);
    return;
  }
  for (int32_t b = 0; b < batches; ++b) {
    for (int32_t i = 0; i < l.state_count; ++i) l.states[i] = ln_onnx_of(ln_emit_pick(e, ln_onnx_in(n, 1 + i), 0, b));
    for (int32_t i = 0; i < l.in_count; ++i) {
      const int32_t a = ln_emit_pick(e, ln_onnx_in(n, 1 + l.state_count + i), 0, b);
      l.in[i] = (ln_onnx_scanned){a, 0, takes_back(n, "directions", i)};
    }
    set_trips(&l);
    if (ln_emit_failed(e) || !ln_onnx_run_loop(&l)) return;
    for (int32_t i = 0; i < total; ++i) {
      made[i * batches + b] = i < l.state_count ? l.states[i].tensor : l.out[i - l.state_count];
    }
  }
  for (int32_t i = 0; i < total; ++i)
    ln_onnx_out(n, i, ln_emit_pack(e, 0, batches, made + (size_t)i * (size_t)batches));
}
