/*
 * Floats where a file has others: weights that are to be trained, and whole graphs of integers, whose quantized tensors
 * become the floats that they stand for.
 */
#include <string.h>

#include "ops/weights.h"
#include "passes/rewrite.h"
#include "train/trainer.h"

static bool is_quantized(const ln_tensor *tensor) {
  const bool plain = tensor->type != LN_FLOAT32 && tensor->type != LN_FLOAT16 && tensor->type != LN_BFLOAT16;
  return plain && (tensor->quant->kind == LN_QUANT_TENSOR || tensor->quant->kind == LN_QUANT_AXIS ||
                   tensor->quant->kind == LN_QUANT_BLOCKWISE);
}

/* ---- constants ---- */

/* (stored - zero point) * scale, by index along the axis of the scales. */
static void scale(const ln_tensor *tensor, size_t count, float *values) {
  const ln_quant *quant = tensor->quant;
  const bool by_axis = quant->kind == LN_QUANT_AXIS && quant->axis < tensor->shape.rank;
  const size_t inner = by_axis ? ln_shape_span(&tensor->shape, quant->axis + 1, tensor->shape.rank) : count;
  for (size_t i = 0; i < count; ++i) {
    const size_t k = by_axis && inner > 0 ? i / inner % (size_t)quant->count : 0;
    values[i] = (values[i] - (float)quant->zero_point[k]) * quant->scale[k];
  }
}

/* Wide integers, as biases are. */
static bool read_wide(const ln_tensor *tensor, size_t count, float *out) {
  for (size_t i = 0; i < count; ++i) {
    switch (tensor->type) {
      case LN_INT16: out[i] = (float)((const int16_t *)tensor->data)[i]; break;
      case LN_INT32: out[i] = (float)((const int32_t *)tensor->data)[i]; break;
      case LN_INT64: out[i] = (float)((const int64_t *)tensor->data)[i]; break;
      default: return false;
    }
  }
  return true;
}

/* Weights in the forms that kernels read; numbers that are stored are left as they are. */
static ln_status read_weights(const ln_optimizer *o, const ln_tensor *tensor, size_t count, float *out, bool *stored) {
  const ln_graph *graph = ln_optimizer_graph(o);
  const ln_op op = {.def = ln_op_find(LN_OP_DEQUANTIZE)};
  ln_tensor *in[1] = {graph->tensors + (tensor - graph->tensors)};
  const ln_node node = {
      .op = &op, .in = in, .in_count = 1, .tensors = graph->tensors, .tensor_count = graph->tensor_count};
  ln_weights weights;
  LN_TRY(ln_weights_open(&node, tensor, o->err, &weights));
  ln_weights_read(&weights, 0, count, out);
  *stored = weights.plain != LN_FLOAT32;
  const bool is_signed = weights.plain == LN_INT8;
  ln_weights_close(&weights);
  const uint8_t *bytes = (const uint8_t *)out;
  for (size_t i = *stored ? count : 0; i-- > 0;) out[i] = is_signed ? (float)(int8_t)bytes[i] : (float)bytes[i];
  return LN_OK;
}

ln_status ln_train_make_float(ln_optimizer *o, int32_t tensor) {
  ln_tensor *t = &ln_optimizer_graph(o)->tensors[tensor];
  size_t count = 0, bytes = 0;
  bool stored = true;
  if (!ln_tensor_const_data(t) || !ln_shape_elements(&t->shape, &count)) {
    return ln_fail(o->err, LN_ERR_UNSUPPORTED, "tensor \"%s\" is no constant", t->name);
  }
  float *values = ln_size_mul(count, sizeof *values, &bytes) ? ln_arena_alloc(ln_optimizer_arena(o), bytes) : NULL;
  if (values == NULL) return ln_optimizer_no_memory(o);
  if (t->sparsity != NULL || t->codebook != NULL || !read_wide(t, count, values)) {
    LN_TRY(read_weights(o, t, count, values, &stored));
  }
  if (stored && t->quant->count < 1) {
    return ln_fail(o->err, LN_ERR_UNSUPPORTED, "tensor \"%s\": %s without a scale cannot be trained", t->name,
                   ln_type_name(t->type));
  }
  if (stored) scale(t, count, values);
  t->quant = &ln_quant_none;
  ln_edit_set_data(t, LN_FLOAT32, values, bytes);
  return LN_OK;
}

ln_status ln_train_drop_unused(ln_optimizer *o) {
  size_t grown = 0;
  ln_pass_context context = {.model = o->model,
                             .graph = ln_optimizer_graph(o),
                             .arena = ln_optimizer_arena(o),
                             .grown = &grown,
                             .err = o->err};
  return ln_pass_drop_dead(&context);
}

/* ---- whole graphs ---- */

static void replace(int32_t *tensors, int32_t count, const int32_t *by) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0) tensors[i] = by[tensors[i]];
  }
}

/* Everything that reads a tensor reads another. */
static void read_others(ln_optimizer *o, const int32_t *by) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->op_count; ++i) replace(graph->ops[i].inputs, graph->ops[i].input_count, by);
  replace(graph->outputs, graph->output_count, by);
  for (int32_t i = 0; i < o->model->signature_count; ++i) {
    ln_signature *s = &o->model->signatures[i];
    if (s->graph == o->graph) replace(s->outputs, s->output_count, by);
  }
}

static bool is_output(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == tensor) return true;
  }
  return false;
}

/* What QUANTIZE and DEQUANTIZE give is what they take. Outputs keep their names. */
static ln_status skip_conversions(ln_optimizer *o) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_arena *arena = ln_optimizer_arena(o);
  int32_t *by = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *by);
  if (by == NULL) return ln_optimizer_no_memory(o);
  for (int32_t i = 0; i < graph->tensor_count; ++i) by[i] = i;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->def->code != LN_OP_QUANTIZE && op->def->code != LN_OP_DEQUANTIZE) continue;
    const int32_t in = by[op->inputs[0]], out = op->outputs[0];
    by[out] = in;
    if (is_output(graph, out) && graph->tensors[in].storage != LN_STORAGE_CONST) {
      graph->tensors[in].name = graph->tensors[out].name;
    }
  }
  read_others(o, by);
  return ln_train_drop_unused(o);
}

static bool is_input(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i] == tensor) return true;
  }
  return false;
}

/* Older converters leave an activation out where the range of the output's integers clamps alike. */
static void restore_activations(ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    int8_t *activation = ln_edit_activation(&graph->ops[i]);
    const ln_tensor *out = activation == NULL ? NULL : &graph->tensors[graph->ops[i].outputs[0]];
    if (out == NULL || *activation != LN_ACT_NONE || !is_quantized(out)) continue;
    const int32_t lowest = out->type == LN_UINT8 ? 0 : -128;
    if ((out->type != LN_UINT8 && out->type != LN_INT8) || ln_zero_point_of(out) != lowest) continue;
    const float top = 255 * ln_scale_of(out);
    *activation = top > 5.8f && top < 6.2f ? LN_ACT_RELU6 : LN_ACT_RELU;
  }
}

static ln_status make_tensors_float(ln_optimizer *o) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    if (ln_tensor_const_data(tensor) && (is_quantized(tensor) || tensor->type == LN_FLOAT16)) {
      LN_TRY(ln_train_make_float(o, i));
    } else if (is_quantized(tensor) && !is_input(graph, i)) {
      tensor->type = LN_FLOAT32;
      tensor->quant = &ln_quant_none;
    }
  }
  for (int32_t i = 0; i < graph->op_count; ++i) graph->ops[i].intermediate_count = 0;
  return LN_OK;
}

/* Quantized inputs stay what callers fill: a first operator makes floats of them. */
static ln_status dequantize_inputs(ln_optimizer *o) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t input = graph->inputs[i];
    const ln_tensor tensor = graph->tensors[input];
    if (!is_quantized(&tensor)) continue;
    const char *name = ln_arena_printf(ln_optimizer_arena(o), "%s/dequantized", tensor.name);
    const int32_t out = name == NULL ? -1 : ln_edit_add_tensor(o, name, LN_FLOAT32, &tensor.shape, &ln_quant_none);
    int32_t *by = ln_arena_array(ln_optimizer_arena(o), (size_t)graph->tensor_count, sizeof *by);
    ln_op *op = out < 0 || by == NULL ? NULL : ln_edit_insert_op(o, 0, LN_OP_DEQUANTIZE, 1, 1, NULL);
    if (op == NULL) return ln_optimizer_no_memory(o);
    op->outputs[0] = out;
    for (int32_t k = 0; k < graph->tensor_count; ++k) by[k] = k == input ? out : k;
    read_others(o, by);
    op->inputs[0] = input;
  }
  return LN_OK;
}

ln_status ln_train_dequantize(ln_optimizer *o) {
  restore_activations(ln_optimizer_graph(o));
  LN_TRY(skip_conversions(o));
  LN_TRY(make_tensors_float(o));
  LN_TRY(dequantize_inputs(o));
  ln_edit_refresh_versions(ln_optimizer_graph(o));
  return LN_OK;
}
