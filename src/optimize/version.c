/* Versions of operators: LiteRT refuses a file whose operators name one that it does not know. */
#include "optimize/optimize.h"

/* The row's own for activations in integers; of weights in integers below floats, what their kinds say. */
int32_t ln_edit_op_version(const ln_graph *graph, const ln_op *op) {
  bool has_int8 = false, has_int16 = false, has_float = false;
  for (int32_t i = 0; i < op->input_count + op->output_count; ++i) {
    const int32_t index = i < op->input_count ? op->inputs[i] : op->outputs[i - op->input_count];
    if (index < 0) continue;
    const ln_tensor *tensor = &graph->tensors[index];
    has_int8 = has_int8 || (tensor->type == LN_INT8 && tensor->quant->kind != LN_QUANT_NONE);
    has_int16 = has_int16 || (tensor->type == LN_INT16 && tensor->quant->kind != LN_QUANT_NONE);
    has_float = has_float || tensor->type == LN_FLOAT32 || tensor->type == LN_FLOAT16;
  }
  int32_t version = 0;
  const uint32_t layer = op->def->flags & LN_OPF_LAYER;
  const bool weighs = op->input_count > 1 && op->inputs[1] >= 0;
  if (has_float && has_int8 && layer != 0 && weighs) {
    const bool by_channel = graph->tensors[op->inputs[1]].quant->kind == LN_QUANT_AXIS;
    if (layer == LN_OPF_LAYER_CONV) version = by_channel ? 5 : 2;
    if (layer == LN_OPF_LAYER_DEPTHWISE) version = by_channel ? 6 : 4;
    if (layer == LN_OPF_LAYER_FULLY_CONNECTED) {
      const ln_fully_connected_options *options = op->options;
      version = by_channel ? 12 : options->asymmetric_quantize_inputs ? 9 : 3;
    }
  } else if (has_int16) {
    version = ln_int16_version(op->def->flags);
  } else if (has_int8) {
    version = ln_int8_version(op->def->flags);
  }
  if (layer == LN_OPF_LAYER_TRANSPOSE_CONV) {
    const ln_transpose_conv_options *options = op->options;
    const int32_t least = options->fused_activation_function != LN_ACT_NONE ? 4 : op->input_count > 3 ? 3 : 1;
    if (version < least) version = least;
  }
  return version > op->version ? version : op->version;
}

void ln_edit_refresh_versions(ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) graph->ops[i].version = ln_edit_op_version(graph, &graph->ops[i]);
}
