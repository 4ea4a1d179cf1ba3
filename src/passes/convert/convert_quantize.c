/*
 * DEQUANTIZE, an operator in floats, QUANTIZE: becomes the operator in int8 where TensorFlow Lite has it, by the flags
 * of its row. Scales are those that the source gives. Weights of such models were integers before they were converted,
 * and are found to be so from their values: all of a channel are small multiples of one number.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

enum { MOST_INPUTS = 64 };
#define MOST_BIAS 1073741824.0 /* what sums of products may be added to without an overflow */

typedef struct sweep {
  ln_pass_context *context;
  ln_graph *graph;
  ln_arena *arena;
  const int32_t *uses;
  int32_t *quantizers; /* [tensors] how many QUANTIZE to int8 read it */
  int32_t *stored;     /* [tensors] the int8 tensor that a float one is dequantized from; -1 */
  int32_t *instead;    /* [tensors] what readers read in its stead */
  int32_t known;       /* tensors there were before */
  ln_op *ops;          /* the new list */
  int32_t op_count, op_capacity;
} sweep;

static ln_tensor *tensor_at(const sweep *s, int32_t index) { return &s->graph->tensors[index]; }

static bool is_int8(const ln_tensor *t) { return t->type == LN_INT8 && t->quant->kind == LN_QUANT_TENSOR; }

static bool is_graph_output(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == tensor) return true;
  }
  return false;
}

static bool is_graph_input(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i] == tensor) return true;
  }
  return false;
}

/* ---- the new list of operators ---- */

static bool append(sweep *s, const ln_op *op) {
  if (s->op_count == s->op_capacity) {
    if (s->op_capacity > INT32_MAX / 4) return false;
    const int32_t capacity = s->op_capacity * 2 + 16;
    ln_op *moved = ln_arena_array(s->arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return false;
    if (s->op_count > 0) memcpy(moved, s->ops, (size_t)s->op_count * sizeof *moved);
    s->ops = moved;
    s->op_capacity = capacity;
  }
  s->ops[s->op_count++] = *op;
  return true;
}

/* QUANTIZE or DEQUANTIZE from one tensor into another, as part of `like`. */
static bool append_conversion(sweep *s, int32_t code, int32_t from, int32_t to, const ln_op *like) {
  ln_op op = {.def = ln_op_find(code), .input_count = 1, .output_count = 1, .version = 1, .index = like->index};
  op.debug_metadata_index = -1;
  op.origin = like->origin;
  op.origin_op = like->origin_op;
  op.inputs = ln_arena_copy(s->arena, &from, sizeof from);
  op.outputs = ln_arena_copy(s->arena, &to, sizeof to);
  op.options_table = op.def != NULL ? op.def->options : LN_TABLE_none;
  if (op.options_table != LN_TABLE_none) {
    void *options = ln_arena_alloc(s->arena, ln_schema_table(op.options_table)->struct_size);
    if (options == NULL) return false;
    ln_schema_set_defaults(op.options_table, options);
    op.options = options;
  }
  return op.def != NULL && op.inputs != NULL && op.outputs != NULL && append(s, &op);
}

/* A tensor like `like` in int8. */
static int32_t add_int8(sweep *s, int32_t like, const char *suffix, float scale, int64_t zero_point) {
  ln_tensor t = *tensor_at(s, like);
  t.name = ln_arena_printf(s->arena, "%s%s", t.name, suffix);
  t.type = LN_INT8;
  t.storage = LN_STORAGE_NONE;
  t.data = NULL;
  t.bytes = 0;
  t.buffer = 0;
  t.quant = ln_quant_make(s->arena, scale, zero_point);
  return t.name == NULL || t.quant == NULL ? -1 : ln_graph_add_tensor(s->graph, s->arena, &t);
}

/* ---- integers behind floats ---- */

/* The largest number that `count` values, `step` apart, are whole multiples of, at most `most` times; 0: there is none.
 */
static float unit_of(const float *values, size_t count, size_t step, int32_t most) {
  float greatest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(values[i * step])) return 0;
    greatest = fmaxf(greatest, fabsf(values[i * step]));
  }
  if (greatest == 0) return 1;
  for (int32_t m = 1; m <= most; ++m) {
    const float unit = greatest / (float)m;
    size_t i = 0;
    while (i < count && fabsf(values[i * step] / unit - rintf(values[i * step] / unit)) < 1e-3f) ++i;
    if (i == count) return unit;
  }
  return 0;
}

/* The dimension of weights that channels lie along; -1 for an operator without. */
static int32_t channel_axis(const ln_op *op) {
  switch (op->def->flags & LN_OPF_LAYER) {
    case LN_OPF_LAYER_CONV:
    case LN_OPF_LAYER_FULLY_CONNECTED:
    case LN_OPF_LAYER_TRANSPOSE_CONV: return 0;
    case LN_OPF_LAYER_DEPTHWISE: return 3;
    default: return -1;
  }
}

/* Weights [.., channels, ..] in int8 with a scale a channel; -1 where they are no such multiples. */
static int32_t integer_weights(sweep *s, int32_t from, int32_t axis) {
  const ln_tensor *t = tensor_at(s, from);
  const float *values = t->data;
  if (!ln_tensor_const_data(t) || t->type != LN_FLOAT32 || t->sparsity != NULL || t->codebook != NULL) return -1;
  if (axis >= t->shape.rank) return -1;
  const size_t channels = (size_t)t->shape.dims[axis], inner = ln_shape_span(&t->shape, axis + 1, t->shape.rank);
  const size_t outer = ln_shape_span(&t->shape, 0, axis), count = t->bytes / sizeof(float);
  float *scales = ln_arena_array(s->arena, channels, sizeof *scales);
  int64_t *zeros = ln_arena_array(s->arena, channels, sizeof *zeros);
  int8_t *data = ln_arena_array(s->arena, count, 1);
  ln_quant *quant = ln_arena_alloc(s->arena, sizeof *quant);
  if (scales == NULL || zeros == NULL || data == NULL || quant == NULL || (axis > 0 && inner != 1)) return -1;
  for (size_t c = 0; c < channels; ++c) {
    const float *first = axis == 0 ? values + c * inner : values + c;
    scales[c] = unit_of(first, axis == 0 ? inner : outer, axis == 0 ? 1 : channels, 127);
    if (scales[c] == 0) return -1;
  }
  for (size_t i = 0; i < count; ++i) {
    const float scale = scales[axis == 0 ? i / inner : i % channels];
    data[i] = (int8_t)fminf(fmaxf(rintf(values[i] / scale), -127), 127);
  }
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_AXIS;
  quant->count = (int32_t)channels;
  quant->axis = axis;
  quant->scale = scales;
  quant->zero_point = zeros;
  const int32_t made = add_int8(s, from, "", 1, 0);
  if (made < 0) return -1;
  ln_tensor *out = tensor_at(s, made);
  out->quant = quant;
  out->storage = LN_STORAGE_CONST;
  out->data = data;
  out->bytes = count;
  return made;
}

/* A bias in units of the input's scale times that of the weights; from: -1 for one of zeros, named after `weights`. */
static int32_t integer_bias(sweep *s, int32_t from, int32_t weights, float input_scale) {
  const ln_quant *by = tensor_at(s, weights)->quant;
  const size_t count = (size_t)by->count;
  float *scales = ln_arena_array(s->arena, count, sizeof *scales);
  int64_t *zeros = ln_arena_array(s->arena, count, sizeof *zeros);
  int32_t *data = ln_arena_array(s->arena, count, sizeof *data);
  ln_quant *quant = ln_arena_alloc(s->arena, sizeof *quant);
  const char *name = ln_arena_printf(s->arena, "%s", tensor_at(s, from >= 0 ? from : weights)->name);
  if (scales == NULL || zeros == NULL || data == NULL || quant == NULL || name == NULL) return -1;
  const float *values = NULL;
  if (from >= 0) {
    const ln_tensor *t = tensor_at(s, from);
    if (!ln_tensor_const_data(t) || t->type != LN_FLOAT32 || t->bytes / sizeof(float) != count) return -1;
    values = t->data;
  } else {
    name = ln_arena_printf(s->arena, "%s/bias", name);
    if (name == NULL) return -1;
  }
  for (size_t i = 0; i < count; ++i) {
    scales[i] = input_scale * by->scale[i];
    if (values == NULL) continue;
    const double place = rint((double)values[i] / (double)scales[i]);
    if (!(fabs(place) <= MOST_BIAS)) return -1;
    data[i] = (int32_t)place;
  }
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_AXIS;
  quant->count = by->count;
  quant->scale = scales;
  quant->zero_point = zeros;
  ln_tensor t = {.name = name, .type = LN_INT32, .quant = quant, .storage = LN_STORAGE_CONST, .data = data};
  t.shape = t.signature = ln_shape_make(1, &by->count);
  t.has_rank = true;
  t.bytes = count * sizeof *data;
  return ln_graph_add_tensor(s->graph, s->arena, &t);
}

/* Any float constant in int8 with one scale: exactly where its values are multiples, else by its range. With a scale
 * given, by that one. */
static int32_t integer_constant(sweep *s, int32_t from, const ln_tensor *like) {
  const ln_tensor *t = tensor_at(s, from);
  const float *values = t->data;
  const size_t count = t->bytes / sizeof(float);
  if (!ln_tensor_const_data(t) || t->type != LN_FLOAT32 || t->sparsity != NULL || t->codebook != NULL || count == 0)
    return -1;
  float low = 0, high = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(values[i])) return -1;
    low = fminf(low, values[i]);
    high = fmaxf(high, values[i]);
  }
  float scale = like != NULL ? ln_scale_of(like) : unit_of(values, count, 1, 255);
  if (like == NULL && (scale == 0 || (high - low) / scale > 255)) scale = high > low ? (high - low) / 255 : 1;
  const float zero = like != NULL ? (float)ln_zero_point_of(like) : fminf(fmaxf(rintf(-128 - low / scale), -128), 127);
  int8_t *data = ln_arena_array(s->arena, count, 1);
  const int32_t made = data != NULL ? add_int8(s, from, "", scale, (int64_t)zero) : -1;
  if (made < 0) return -1;
  values = tensor_at(s, from)->data;
  for (size_t i = 0; i < count; ++i) data[i] = (int8_t)fminf(fmaxf(rintf(values[i] / scale) + zero, -128), 127);
  ln_tensor *out = tensor_at(s, made);
  out->storage = LN_STORAGE_CONST;
  out->data = data;
  out->bytes = count;
  return made;
}

/* ---- an operator ---- */

/* The QUANTIZE operators behind a tensor, all of its readers: they want one scale, that of the tensor given. */
static const ln_tensor *wanted_output(const sweep *s, int32_t at, int32_t tensor) {
  const ln_tensor *wanted = NULL;
  int32_t found = 0;
  if (s->uses[tensor] == 0 || s->quantizers[tensor] != s->uses[tensor]) return NULL;
  for (int32_t i = at + 1; i < s->graph->op_count && found < s->uses[tensor]; ++i) {
    const ln_op *op = &s->graph->ops[i];
    if (!ln_op_is(op, LN_OP_QUANTIZE) || op->inputs[0] != tensor) continue;
    const ln_tensor *out = tensor_at(s, op->outputs[0]);
    if (wanted != NULL && !ln_same_quantization(wanted, out)) return NULL;
    wanted = out;
    ++found;
  }
  return wanted;
}

static bool same_scale(const ln_tensor *t, float scale, int64_t zero_point) {
  return ln_scale_of(t) == scale && ln_zero_point_of(t) == zero_point;
}

/* The scale that an operator's output has whatever is wanted; false for others. */
static bool fixed_scale(const ln_op *op, float *scale, int64_t *zero_point) {
  const uint32_t flags = op->def->flags;
  if ((flags & LN_OPF_SPAN_UNIT) != 0) *scale = 1.0f / 256, *zero_point = -128;
  else if ((flags & LN_OPF_SPAN_SIGNED) != 0) *scale = 1.0f / 128, *zero_point = 0;
  else if ((flags & LN_OPF_SPAN_LOG) != 0) *scale = 16.0f / 256, *zero_point = 127;
  else return false;
  return true;
}

static bool is_activation(const sweep *s, const ln_op *op, int32_t index) {
  const int32_t input = op->inputs[index];
  if (input < 0 || tensor_at(s, input)->type != LN_FLOAT32) return false;
  return channel_axis(op) < 0 || (index != 1 && !ln_tensor_const_data(tensor_at(s, input)));
}

static int32_t count_activations(const sweep *s, const ln_op *op) {
  int32_t count = 0;
  for (int32_t i = 0; i < op->input_count; ++i) {
    count += is_activation(s, op, i) && !ln_tensor_const_data(tensor_at(s, op->inputs[i]));
  }
  return count;
}

/* What moves values and changes none, so that it may as well move integers. */
static bool only_moves(const sweep *s, const ln_op *op) {
  const bool averages = ln_op_is(op, LN_OP_AVERAGE_POOL_2D) || ln_op_is(op, LN_OP_RESIZE_BILINEAR);
  const bool has_all = (op->def->flags & (LN_OPF_ONE_SCALE | LN_OPF_INT8)) == (LN_OPF_ONE_SCALE | LN_OPF_INT8);
  return has_all && !averages && op->output_count == 1 && count_activations(s, op) == 1;
}

typedef struct integer_form {
  int32_t inputs[MOST_INPUTS];
  int32_t input_count;
  float scale; /* of the output */
  int64_t zero_point;
} integer_form;

/* Inputs of the integer form: false where there is none. */
static bool find_inputs(sweep *s, const ln_op *op, bool one_scale, const ln_tensor *output, integer_form *form) {
  const int32_t axis = channel_axis(op);
  float input_scale = 0;
  for (int32_t i = 0; i < op->input_count; ++i) {
    const int32_t input = op->inputs[i];
    form->inputs[i] = input;
    if (!is_activation(s, op, i)) continue;
    const bool constant = ln_tensor_const_data(tensor_at(s, input));
    if (!constant && s->stored[input] < 0) return false;
    form->inputs[i] = constant ? integer_constant(s, input, one_scale ? output : NULL) : s->stored[input];
    if (form->inputs[i] < 0) return false;
    if (!constant) input_scale = ln_scale_of(tensor_at(s, form->inputs[i]));
  }
  form->input_count = op->input_count;
  if (axis < 0) return true;
  if (input_scale == 0 || op->input_count < 2) return false;
  const int32_t weights = integer_weights(s, op->inputs[1], axis), at = ln_op_is(op, LN_OP_TRANSPOSE_CONV) ? 3 : 2;
  const int32_t bias = at < op->input_count ? op->inputs[at] : -1;
  if (weights < 0) return false;
  form->inputs[1] = weights;
  const bool wants_bias =
      (op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_CONV || (op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_DEPTHWISE;
  if (bias < 0 && !wants_bias) return true;
  form->inputs[at] = integer_bias(s, bias, weights, input_scale);
  if (at >= op->input_count) form->input_count = at + 1;
  return form->inputs[at] >= 0;
}

/* Requantizes what an operator with one scale for all reads in another. */
static bool match_inputs(sweep *s, const ln_op *op, integer_form *form) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!is_activation(s, op, i) || same_scale(tensor_at(s, form->inputs[i]), form->scale, form->zero_point)) continue;
    const int32_t made = add_int8(s, form->inputs[i], ";scaled", form->scale, form->zero_point);
    if (made < 0 || !append_conversion(s, LN_OP_QUANTIZE, form->inputs[i], made, op)) return false;
    form->inputs[i] = made;
  }
  return true;
}

static bool write_form(sweep *s, const ln_op *op, const integer_form *form, int32_t output) {
  ln_op made = *op;
  made.inputs = ln_arena_copy(s->arena, form->inputs, (size_t)form->input_count * sizeof *form->inputs);
  made.outputs = ln_arena_copy(s->arena, &output, sizeof output);
  made.input_count = form->input_count;
  return made.inputs != NULL && made.outputs != NULL && append(s, &made);
}

/* Whether the operator at place `at` was replaced; `failed` says that memory was short. */
static bool make_integer(sweep *s, int32_t at, bool *failed) {
  const ln_op *op = &s->graph->ops[at];
  if ((op->def->flags & LN_OPF_INT8) == 0 || op->output_count != 1 || op->input_count + 2 > MOST_INPUTS) return false;
  const int32_t output = op->outputs[0];
  if (tensor_at(s, output)->type != LN_FLOAT32 || is_graph_output(s->graph, output)) return false;
  const int32_t activations = count_activations(s, op);
  const ln_tensor *wanted = wanted_output(s, at, output);
  const bool moves = only_moves(s, op), one_scale = (op->def->flags & LN_OPF_ONE_SCALE) != 0;
  if (activations == 0 || (wanted == NULL && !moves)) return false;
  integer_form form = {.input_count = op->input_count};
  const ln_tensor *first = NULL; /* of the activations */
  for (int32_t i = 0; i < op->input_count && first == NULL; ++i) {
    if (!is_activation(s, op, i) || ln_tensor_const_data(tensor_at(s, op->inputs[i]))) continue;
    if (s->stored[op->inputs[i]] < 0) return false;
    first = tensor_at(s, s->stored[op->inputs[i]]);
  }
  const ln_tensor *scaled = one_scale && activations == 1 ? first : wanted;
  if (scaled == NULL || first == NULL) return false;
  form.scale = ln_scale_of(scaled);
  form.zero_point = ln_zero_point_of(scaled);
  if (!one_scale) fixed_scale(op, &form.scale, &form.zero_point);
  const ln_tensor like = *scaled;
  if (!find_inputs(s, op, one_scale, &like, &form)) return false;
  op = &s->graph->ops[at];
  const int32_t made = add_int8(s, output, ";int8", form.scale, form.zero_point);
  *failed = made < 0 || (one_scale && !match_inputs(s, op, &form)) || !write_form(s, op, &form, made);
  if (*failed) return false;
  s->stored[output] = made;
  if (wanted == NULL) *failed = !append_conversion(s, LN_OP_DEQUANTIZE, made, output, op);
  return !*failed;
}

/* ---- the sweep ---- */

/* QUANTIZE of what is int8 already: nothing, or from one scale to another. */
static bool take_stored(sweep *s, ln_op *op) {
  const int32_t input = op->inputs[0], output = op->outputs[0];
  if (input >= s->known || s->stored[input] < 0 || tensor_at(s, output)->type != LN_INT8) return false;
  const int32_t from = s->stored[input];
  if (ln_same_quantization(tensor_at(s, from), tensor_at(s, output)) && !is_graph_output(s->graph, output)) {
    s->instead[output] = from;
    return true;
  }
  op->inputs[0] = from;
  return append(s, op);
}

static ln_status sweep_graph(sweep *s) {
  ln_graph *graph = s->graph;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    bool failed = false, done = false;
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && op->inputs[k] < s->known) op->inputs[k] = s->instead[op->inputs[k]];
    }
    if (ln_op_is(op, LN_OP_DEQUANTIZE) && is_int8(tensor_at(s, op->inputs[0])) && op->outputs[0] < s->known) {
      s->stored[op->outputs[0]] = op->inputs[0];
    } else if (ln_op_is(op, LN_OP_QUANTIZE)) {
      done = take_stored(s, op);
      s->context->changes += done;
    } else {
      done = make_integer(s, i, &failed);
      s->context->changes += done;
    }
    if (failed || (!done && !append(s, &graph->ops[i]))) return ln_pass_out_of_memory(s->context, "quantize_operators");
  }
  graph->ops = s->ops;
  graph->op_count = s->op_count;
  graph->op_capacity = s->op_capacity;
  return LN_OK;
}

/* ---- uint8 ---- */

/* Tensors between operators in uint8 with one scale become int8, 128 less: the same numbers. */
static bool may_be_recoded(const ln_op *op) {
  return ln_op_is(op, LN_OP_QUANTIZE) || ln_op_is(op, LN_OP_DEQUANTIZE) ||
         (op->def->flags & (LN_OPF_ONE_SCALE | LN_OPF_INT8)) == (LN_OPF_ONE_SCALE | LN_OPF_INT8);
}

static bool is_plain_uint8(const ln_tensor *t) { return t->type == LN_UINT8 && t->quant->kind == LN_QUANT_TENSOR; }

/* An operator that moves uint8 keeps all of it or none. */
static bool keep_together(const ln_graph *graph, const ln_op *op, bool *kept) {
  bool any = false, changed = false;
  if (ln_op_is(op, LN_OP_QUANTIZE) || ln_op_is(op, LN_OP_DEQUANTIZE)) return false;
  for (int32_t pass = 0; pass < 2; ++pass) {
    for (int32_t k = 0; k < op->input_count + op->output_count; ++k) {
      const int32_t t = k < op->input_count ? op->inputs[k] : op->outputs[k - op->input_count];
      if (t < 0 || graph->tensors[t].type != LN_UINT8) continue;
      if (pass == 0) any = any || kept[t] || !is_plain_uint8(&graph->tensors[t]);
      else if (any && !kept[t]) kept[t] = changed = true;
    }
  }
  return changed;
}

static ln_status recode(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  bool *kept = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *kept);
  if (kept == NULL) return ln_pass_out_of_memory(context, "quantize_operators");
  ln_status status = LN_OK;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const bool may = may_be_recoded(op);
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && !may) kept[op->inputs[k]] = true;
    }
    for (int32_t k = 0; k < op->output_count; ++k) {
      if (!may) kept[op->outputs[k]] = true;
    }
  }
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const bool edge = is_graph_input(graph, i) || is_graph_output(graph, i) || graph->tensors[i].is_variable;
    kept[i] = kept[i] || edge;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (int32_t i = 0; i < graph->op_count; ++i) changed = keep_together(graph, &graph->ops[i], kept) || changed;
  }
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *t = &graph->tensors[i];
    if (kept[i] || !is_plain_uint8(t)) continue;
    const ln_quant *quant = ln_quant_make(context->arena, ln_scale_of(t), ln_zero_point_of(t) - 128);
    uint8_t *data = ln_tensor_const_data(t) ? ln_arena_copy(context->arena, t->data, t->bytes) : NULL;
    if (quant == NULL || (data == NULL && ln_tensor_const_data(t))) {
      status = ln_pass_out_of_memory(context, "quantize_operators");
      break;
    }
    for (size_t k = 0; data != NULL && k < t->bytes; ++k) data[k] ^= 0x80;
    if (data != NULL) t->data = data;
    t->type = LN_INT8;
    t->quant = quant;
    ++context->changes;
  }
  ln_free(kept);
  return status;
}

ln_status ln_convert_pass_quantize_operators(ln_convert_context *convert) {
  ln_pass_context *context = &convert->pass;
  ln_graph *graph = context->graph;
  LN_TRY(recode(context));
  sweep s = {.context = context, .graph = graph, .arena = context->arena, .known = graph->tensor_count};
  const size_t tensors = (size_t)graph->tensor_count + 1;
  s.uses = ln_graph_count_uses(graph, s.arena);
  s.quantizers = ln_arena_array(s.arena, tensors, sizeof *s.quantizers);
  s.stored = ln_arena_array(s.arena, tensors, sizeof *s.stored);
  s.instead = ln_arena_array(s.arena, tensors, sizeof *s.instead);
  if (s.uses == NULL || s.quantizers == NULL || s.stored == NULL || s.instead == NULL)
    return ln_pass_out_of_memory(context, "quantize_operators");
  bool any = false;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    s.stored[i] = -1;
    s.instead[i] = i;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (!ln_op_is(op, LN_OP_QUANTIZE) || !is_int8(&graph->tensors[op->outputs[0]])) continue;
    ++s.quantizers[op->inputs[0]];
    any = true;
  }
  return any ? sweep_graph(&s) : LN_OK;
}
