/* If: the branch that is taken is known, or TensorFlow Lite's IF chooses. */
#include "import/onnx/onnx.h"

typedef struct branch {
  ln_onnx_node *n;
  const struct Onnx__Graph *graph;
} branch;

static ln_onnx_value *room_for(ln_onnx_node *n) {
  ln_onnx_value *values = ln_arena_array(ln_emit_arena(n->e), (size_t)n->output_count + 1, sizeof *values);
  if (values == NULL) ln_import_no_memory(n->e->import);
  return values;
}

static bool emit_branch(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const branch *b = user;
  ln_onnx_value *values = room_for(b->n);
  (void)in;
  if (values == NULL || !ln_onnx_emit_graph(b->n, b->graph, sub, 0, NULL, b->n->output_count, values)) return false;
  for (int32_t i = 0; i < b->n->output_count; ++i) {
    if (values[i].kind != LN_ONNX_TENSOR) {
      ln_emit_refuse(sub,
                     "a branch that only the run chooses gives a sequence or an optional: TensorFlow Lite has none");
      return false;
    }
    out[i] = values[i].tensor;
  }
  return true;
}

void ln_onnx_if(ln_onnx_node *n) {
  branch then_ = {n, ln_onnx_graph(n, "then_branch")}, else_ = {n, ln_onnx_graph(n, "else_branch")};
  const int32_t condition = ln_onnx_in(n, 0);
  ln_onnx_value *values = room_for(n);
  int32_t *results = ln_arena_array(ln_emit_arena(n->e), (size_t)n->output_count + 1, sizeof *results);
  double taken;
  if (then_.graph == NULL || else_.graph == NULL) {
    ln_emit_wrong(n->e, "one of its branches is missing");
    return;
  }
  if (values == NULL || results == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  if (ln_emit_number(n->e, condition, &taken)) {
    const struct Onnx__Graph *graph = taken != 0 ? then_.graph : else_.graph;
    if (!ln_onnx_emit_graph(n, graph, n->e, 0, NULL, n->output_count, values)) return;
    for (int32_t i = 0; i < n->output_count; ++i) ln_onnx_out_value(n, i, values[i]);
    return;
  }
  if (!ln_emit_if(n->e, condition, emit_branch, &then_, emit_branch, &else_, n->output_count, results)) return;
  for (int32_t i = 0; i < n->output_count; ++i) ln_onnx_out(n, i, results[i]);
}
