/* Full-integer quantization, carried out: constants become integers, tensors get their scales, and what readers want in
 * other numbers is converted before the first of them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "optimize/full_integer.h"
#include "optimize/learned_rounding.h"
#include "optimize/linear.h"

enum {
  LEARNED_SAMPLES = 32,
  LEARNED_POSITIONS = 64, /* of a sample */
  MOST_COLUMNS = 2048     /* of moments: the time grows with their third power */
};

/* Biases beyond it leave no room for the sums that they are added to. */
#define MOST_BIAS 1073741824.0

/* A tensor in other numbers. */
typedef struct conversion {
  int32_t tensor;
  struct conversion *next;
} conversion;

typedef struct writer {
  ln_integer_plan *plan;
  ln_optimizer *o;
  conversion **converted; /* [tensor_count] of the plan */
  int32_t *weights;       /* [layer_count] the tensor that holds them as integers; -1 */
  int32_t at;             /* the place of the operator in hand */
} writer;

static ln_tensor *tensor_of(const writer *w, int32_t index) { return &ln_optimizer_graph(w->o)->tensors[index]; }

/* A tensor like `from` with this type and scale, and without data. */
static int32_t add_like(writer *w, int32_t from, const char *suffix, const ln_scaling *scaling) {
  ln_arena *arena = ln_optimizer_arena(w->o);
  ln_tensor tensor = *tensor_of(w, from);
  tensor.name = ln_arena_printf(arena, "%s%s", tensor.name, suffix);
  tensor.type = scaling->type;
  tensor.quant =
      scaling->type == LN_FLOAT32 ? &ln_quant_none : ln_quant_make(arena, scaling->scale, scaling->zero_point);
  tensor.storage = LN_STORAGE_NONE;
  tensor.data = NULL;
  tensor.bytes = 0;
  tensor.buffer = 0;
  if (tensor.name == NULL || tensor.quant == NULL) return -1;
  return ln_graph_add_tensor(ln_optimizer_graph(w->o), arena, &tensor);
}

static bool is_scaled(const ln_tensor *tensor, const ln_scaling *scaling) {
  if (tensor->type != scaling->type) return false;
  if (scaling->type == LN_FLOAT32) return true;
  return ln_scale_of(tensor) == scaling->scale && ln_zero_point_of(tensor) == scaling->zero_point;
}

static const char *suffix_of(ln_type type) {
  return type == LN_FLOAT32 ? "_float32" : type == LN_INT16 ? "_int16" : type == LN_UINT8 ? "_uint8" : "_int8";
}

/* ---- conversions ---- */

static ln_status quantize_constant(writer *w, int32_t from, const ln_scaling *scaling, int32_t *out) {
  const ln_tensor *tensor = tensor_of(w, from);
  const float *values = tensor->data;
  const size_t count = tensor->bytes / sizeof *values;
  const size_t item = scaling->type == LN_INT16 ? sizeof(int16_t) : sizeof(int8_t);
  const float least = scaling->type == LN_INT16 ? INT16_MIN : INT8_MIN;
  const float most = scaling->type == LN_INT16 ? INT16_MAX : INT8_MAX;
  void *data = ln_arena_array(ln_optimizer_arena(w->o), count, item);
  if (data == NULL) return ln_optimizer_no_memory(w->o);
  for (size_t i = 0; i < count; ++i) {
    const float place = roundf(values[i] / scaling->scale) + (float)scaling->zero_point;
    const float kept = fminf(fmaxf(place, least), most);
    if (scaling->type == LN_INT16) {
      ((int16_t *)data)[i] = (int16_t)kept;
    } else {
      ((int8_t *)data)[i] = (int8_t)kept;
    }
  }
  *out = add_like(w, from, "", scaling);
  if (*out < 0) return ln_optimizer_no_memory(w->o);
  ln_edit_set_data(tensor_of(w, *out), scaling->type, data, count * item);
  return ln_invariant_move(w->o, from, *out);
}

/* An operator before the one in hand that gives `to` the value of `from`. */
static ln_status insert_conversion(writer *w, int32_t from, int32_t to) {
  const int32_t code = tensor_of(w, to)->type == LN_FLOAT32 ? LN_OP_DEQUANTIZE : LN_OP_QUANTIZE;
  ln_op *op = ln_edit_insert_op(w->o, w->at, code, 1, 1, NULL);
  if (op == NULL) return ln_optimizer_no_memory(w->o);
  op->inputs[0] = from;
  op->outputs[0] = to;
  ++w->at;
  return LN_OK;
}

/* The tensor that holds `from`, one of the first model's, in these numbers; made where there is none yet. */
static ln_status convert(writer *w, int32_t from, const ln_scaling *scaling, int32_t *out) {
  *out = from;
  if (is_scaled(tensor_of(w, from), scaling)) return LN_OK;
  for (const conversion *c = w->converted[from]; c != NULL; c = c->next) {
    *out = c->tensor;
    if (is_scaled(tensor_of(w, *out), scaling)) return LN_OK;
  }
  if (ln_tensor_const_data(tensor_of(w, from))) {
    LN_TRY(quantize_constant(w, from, scaling, out));
  } else {
    /* QUANTIZE takes 16 bits to 8 and signed ones to unsigned, not both at once. */
    int32_t source = from;
    if (tensor_of(w, from)->type == LN_INT16 && scaling->type == LN_UINT8) {
      const ln_scaling half_way = {LN_INT8, scaling->scale, scaling->zero_point - 128};
      LN_TRY(convert(w, from, &half_way, &source));
    }
    *out = add_like(w, from, suffix_of(scaling->type), scaling);
    if (*out < 0) return ln_optimizer_no_memory(w->o);
    LN_TRY(insert_conversion(w, source, *out));
  }
  conversion *made = ln_arena_alloc(ln_optimizer_arena(w->o), sizeof *made);
  if (made == NULL) return ln_optimizer_no_memory(w->o);
  *made = (conversion){*out, w->converted[from]};
  w->converted[from] = made;
  return LN_OK;
}

/* ---- weights ---- */

/* What a layer multiplies, in the model in floats. */
typedef struct rounding {
  const writer *w;
  const ln_layer *layer;
  int32_t lanes;
  double *moments; /* [lanes, columns, columns] */
  float *patches;  /* [LEARNED_POSITIONS, columns] */
} rounding;

static ln_status add_moments(void *user, int64_t sample, ln_session *session, ln_error *err) {
  const rounding *r = user;
  const ln_tensor *input = ln_session_tensor(session, r->layer->input);
  const size_t columns = (size_t)r->layer->columns;
  (void)err;
  if (input == NULL || ln_tensor_data(input) == NULL) return LN_OK;
  for (int32_t lane = 0; lane < r->lanes; ++lane) {
    const int64_t taken = ln_layer_patches(r->w->o, r->layer, input, r->layer->rows / r->lanes * lane,
                                           LEARNED_POSITIONS, (uint64_t)sample, r->patches);
    /* bounded: as the moments were allocated */
    if (taken > 0)
      ln_linear_add_moments(r->moments + (size_t)lane * columns * columns, (int32_t)columns, r->patches, taken);
  }
  return LN_OK;
}

static ln_status round_by_data(writer *w, const ln_layer *layer, const float *values, const float *scales,
                               int8_t *out) {
  const size_t columns = (size_t)layer->columns;
  rounding r = {.w = w, .layer = layer, .lanes = ln_layer_lanes(w->o, layer)};
  size_t square, all, room;
  if (!ln_size_mul(columns, columns, &square) || !ln_size_mul(square, (size_t)r.lanes, &all) ||
      !ln_size_mul(columns, LEARNED_POSITIONS, &room)) {
    return ln_optimizer_no_memory(w->o);
  }
  r.moments = ln_alloc_array(all, sizeof *r.moments);
  r.patches = ln_alloc_array(room, sizeof *r.patches);
  ln_status status = r.moments == NULL || r.patches == NULL ? ln_optimizer_no_memory(w->o) : LN_OK;
  if (status == LN_OK) {
    status = ln_observe(w->o, w->plan->before, w->o->options->calibration, LEARNED_SAMPLES, NULL, add_moments, &r);
  }
  const int32_t rows = layer->rows / r.lanes;
  for (int32_t lane = 0; status == LN_OK && lane < r.lanes; ++lane) {
    const size_t first = (size_t)lane * (size_t)rows;
    status = ln_round_by_moments(w->o, values + first * columns, rows, layer->columns, scales + first, layer->columns,
                                 8, r.moments + (size_t)lane * square, out + first * columns);
  }
  ln_free(r.moments);
  ln_free(r.patches);
  return status;
}

/* A codebook's values must all go the same way, so they are rounded to the nearest. */
static ln_status round_layer(writer *w, const ln_layer *layer, const float *values, const float *scales, int8_t *out) {
  const bool fits =
      layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE || layer->kind == LN_LAYER_FULLY_CONNECTED;
  int32_t axis;
  if (fits && layer->columns <= MOST_COLUMNS && ln_invariant_clusters(w->o, layer->weights, &axis) == 0 &&
      ln_stage_is(w->plan->stage, w->o, ln_layer_op(w->o, layer), "rounding", "learned")) {
    return round_by_data(w, layer, values, scales, out);
  }
  ln_round_nearest(values, layer->rows, layer->columns, scales, layer->columns, 8, out);
  return LN_OK;
}

/* Scales so large that biases, counted in them, fit. */
static void make_room_for_bias(const ln_layer *layer, const float *bias, float input_scale, bool per_tensor,
                               float *scales) {
  float greatest = 0;
  for (int32_t row = 0; row < layer->rows; ++row) {
    const float least = (float)(fabs(bias[row]) / ((double)input_scale * MOST_BIAS));
    scales[row] = fmaxf(scales[row], least);
    greatest = fmaxf(greatest, scales[row]);
  }
  for (int32_t row = 0; per_tensor && row < layer->rows; ++row) scales[row] = greatest;
}

/* From a row after the other into the tensor's own order. */
static void store_rows(const ln_layer *layer, const int8_t *rows, int8_t *out) {
  const size_t row_count = (size_t)layer->rows, columns = (size_t)layer->columns;
  for (size_t row = 0; row < row_count; ++row) {
    for (size_t i = 0; i < columns; ++i) {
      out[layer->axis == 0 ? row * columns + i : i * row_count + row] = rows[row * columns + i];
    }
  }
}

static void note_layer(writer *w, int32_t index, const ln_layer *layer, const float *values, const int8_t *rows,
                       const float *scales, bool per_tensor, bool wide) {
  const char *what = wide ? (per_tensor ? "int16x8, one scale" : "int16x8, a scale a channel")
                          : (per_tensor ? "int8, one scale" : "int8, a scale a channel");
  ln_report_layer row = ln_report_layer_of(w->o, layer, what);
  double error = 0, power = 0;
  int64_t zeros = 0;
  const size_t count = (size_t)layer->rows * (size_t)layer->columns;
  for (size_t i = 0; i < count; ++i) {
    const double gap = (double)values[i] - (double)rows[i] * (double)scales[i / (size_t)layer->columns];
    error += gap * gap;
    power += (double)values[i] * (double)values[i];
    zeros += rows[i] == 0;
  }
  row.bytes_after = (int64_t)count;
  row.sparsity = (double)zeros / (double)count;
  row.weight_error = power > 0 ? sqrt(error / power) : 0;
  w->plan->rows[index] = (ln_integer_row){ln_layer_op(w->o, layer)->outputs[0], row};
}

/* The layer's weights as a tensor of int8, made once however many operators read them. */
static ln_status quantize_weights(writer *w, int32_t index, float input_scale, bool wide) {
  ln_layer layer = w->plan->layers[index];
  ln_arena *arena = ln_optimizer_arena(w->o);
  const size_t count = (size_t)layer.rows * (size_t)layer.columns;
  /* Batch products have one scale in stock runtimes. */
  const bool per_tensor =
      layer.kind == LN_LAYER_BATCH_MATMUL || ln_quantize_is_per_tensor(w->o, w->plan->stage, &layer);
  float *values = NULL, *bias = NULL;
  float *scales = ln_arena_array(arena, (size_t)layer.rows, sizeof *scales);
  int8_t *rows = ln_alloc_array(count, sizeof *rows);
  int8_t *data = ln_arena_array(arena, count, sizeof *data);
  ln_status status = scales == NULL || rows == NULL || data == NULL ? ln_optimizer_no_memory(w->o) : LN_OK;
  if (status == LN_OK) status = ln_layer_read(w->o, &layer, &values);
  if (status == LN_OK) status = ln_layer_read_bias(w->o, &layer, &bias);
  if (status == LN_OK) {
    ln_weight_scales_of(w->o, &layer, values, 8, per_tensor, scales);
    if (!wide) make_room_for_bias(&layer, bias, input_scale, per_tensor, scales);
    status = round_layer(w, &layer, values, scales, rows);
  }
  if (status == LN_OK) {
    store_rows(&layer, rows, data);
    const ln_scaling scaling = {LN_INT8, scales[0], 0};
    const int32_t made = add_like(w, layer.weights, "", &scaling);
    const ln_quant *quant =
        per_tensor ? ln_quant_make(arena, scales[0], 0) : ln_edit_axis_quant(arena, scales, layer.rows, layer.axis);
    if (made < 0 || quant == NULL) {
      status = ln_optimizer_no_memory(w->o);
    } else {
      ln_edit_set_data(tensor_of(w, made), LN_INT8, data, count);
      tensor_of(w, made)->quant = quant;
      w->weights[index] = made;
      note_layer(w, index, &layer, values, rows, scales, per_tensor, wide);
      status = ln_invariant_move(w->o, layer.weights, made);
    }
  }
  ln_free(values);
  ln_free(bias);
  ln_free(rows);
  return status;
}

/* A bias in units of input scale times weight scale: int32, or int64 below 16-bit activations. */
static ln_status quantize_bias(writer *w, int32_t from, int32_t weights, float input_scale, bool wide, int32_t *out) {
  ln_arena *arena = ln_optimizer_arena(w->o);
  const ln_quant *quant = tensor_of(w, weights)->quant;
  const float *values = tensor_of(w, from)->data;
  const size_t count = tensor_of(w, from)->bytes / sizeof *values;
  const size_t item = wide ? sizeof(int64_t) : sizeof(int32_t);
  float *scales = ln_arena_array(arena, count, sizeof *scales);
  void *data = ln_arena_array(arena, count, item);
  if (scales == NULL || data == NULL) return ln_optimizer_no_memory(w->o);
  for (size_t i = 0; i < count; ++i) {
    scales[i] = input_scale * quant->scale[i < (size_t)quant->count ? i : 0];
    const double place = round((double)values[i] / (double)scales[i]);
    const double most = wide ? 35184372088832.0 : 2 * MOST_BIAS - 1; /* 2^45: kernels multiply 48 bits */
    const double kept = fmin(fmax(place, -most), most);
    if (wide) {
      ((int64_t *)data)[i] = (int64_t)kept;
    } else {
      ((int32_t *)data)[i] = (int32_t)kept;
    }
  }
  const ln_scaling scaling = {wide ? LN_INT64 : LN_INT32, count > 0 ? scales[0] : 1, 0};
  *out = add_like(w, from, "", &scaling);
  if (*out < 0) return ln_optimizer_no_memory(w->o);
  ln_edit_set_data(tensor_of(w, *out), scaling.type, data, count * item);
  if (quant->kind != LN_QUANT_AXIS) return LN_OK;
  tensor_of(w, *out)->quant = ln_edit_axis_quant(arena, scales, (int32_t)count, 0);
  return tensor_of(w, *out)->quant == NULL ? ln_optimizer_no_memory(w->o) : LN_OK;
}

/* ---- operators ---- */

/* The scale of what the layer's weights are multiplied with. */
static float layer_input_scale(writer *w, const ln_op *op, int32_t place) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    const int32_t input = op->inputs[i];
    if (input < 0 || input >= w->plan->tensor_count || !w->plan->is_float[input]) continue;
    if (!ln_integer_is_weights(w->plan, op, place, i)) return ln_integer_wanted(w->plan, op, place, i).scale;
  }
  return 1;
}

/* Weights and biases of the operator in hand into `inputs`. */
static ln_status write_layer(writer *w, const ln_op *op, int32_t place, int32_t *inputs) {
  const int32_t index = w->plan->layer_of[place];
  const float input_scale = layer_input_scale(w, op, place);
  const bool wide = w->plan->number[place] == LN_COMPUTE_INT16;
  if (w->weights[index] < 0) {
    w->plan->layers[index].op = w->at; /* where it stands by now */
    LN_TRY(quantize_weights(w, index, input_scale, wide));
  }
  for (int32_t i = 2; i < op->input_count; ++i) {
    const int32_t input = op->inputs[i];
    if (input < 0 || tensor_of(w, input)->type != LN_FLOAT32 || !ln_integer_is_weights(w->plan, op, place, i)) continue;
    LN_TRY(quantize_bias(w, input, w->weights[index], input_scale, wide, &inputs[i]));
  }
  inputs[1] = w->weights[index];
  return LN_OK;
}

/* Convolutions in integers need a bias: LiteRT's kernels refuse to be without, or crash. */
static ln_status add_missing_bias(writer *w, int32_t place) {
  ln_layer layer = w->plan->layers[w->plan->layer_of[place]];
  const ln_op *op = &ln_optimizer_graph(w->o)->ops[w->at];
  const bool wants = layer.kind == LN_LAYER_CONV || layer.kind == LN_LAYER_DEPTHWISE;
  if (!wants || (op->input_count > 2 && op->inputs[2] >= 0)) return LN_OK;
  float *zeros = ln_alloc_array((size_t)layer.rows, sizeof *zeros);
  if (zeros == NULL) return ln_optimizer_no_memory(w->o);
  layer.op = w->at;
  layer.bias = -1;
  const ln_status status = ln_layer_write_bias(w->o, &layer, zeros);
  ln_free(zeros);
  return status;
}

static ln_status write_inputs(writer *w, int32_t place) {
  const bool integers = w->plan->number[place] != LN_COMPUTE_FLOAT;
  if (integers && w->plan->layer_of[place] >= 0) LN_TRY(add_missing_bias(w, place));
  const ln_op op = ln_optimizer_graph(w->o)->ops[w->at]; /* its inputs stay where they are when operators move */
  int32_t *inputs = ln_arena_copy(ln_optimizer_arena(w->o), op.inputs, (size_t)op.input_count * sizeof *inputs);
  if (inputs == NULL) return op.input_count == 0 ? LN_OK : ln_optimizer_no_memory(w->o);
  for (int32_t i = 0; i < op.input_count; ++i) {
    const int32_t input = op.inputs[i];
    if (input < 0 || input >= w->plan->tensor_count || !w->plan->is_float[input]) continue;
    if (integers && ln_integer_is_weights(w->plan, &op, place, i)) continue;
    ln_scaling scaling = {LN_FLOAT32, 0, 0};
    if (integers) scaling = ln_integer_wanted(w->plan, &op, place, i);
    LN_TRY(convert(w, input, &scaling, &inputs[i]));
  }
  if (integers && w->plan->layer_of[place] >= 0) LN_TRY(write_layer(w, &op, place, inputs));
  memcpy(op.inputs, inputs, (size_t)op.input_count * sizeof *inputs);
  return LN_OK;
}

static ln_status set_home(writer *w, int32_t tensor) {
  const ln_compute home = (ln_compute)w->plan->home[tensor];
  if (home == LN_COMPUTE_FLOAT) return LN_OK;
  const ln_scaling scaling = ln_integer_scaling(w->plan, tensor, home);
  ln_tensor *t = tensor_of(w, tensor);
  t->type = scaling.type;
  t->quant = ln_quant_make(ln_optimizer_arena(w->o), scaling.scale, scaling.zero_point);
  if (t->quant == NULL) {
    t->quant = &ln_quant_none;
    return ln_optimizer_no_memory(w->o);
  }
  if (scaling.scale >= FLT_MIN && isfinite(scaling.scale)) return LN_OK;
  return ln_fail(w->o->err, LN_ERR_DATA, "%s: tensor \"%s\" got the scale %g, which no runtime computes with",
                 w->o->stage, t->name, (double)scaling.scale);
}

/* ---- edges ---- */

static void replace(int32_t *tensors, int32_t count, int32_t from, int32_t to) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] == from) tensors[i] = to;
  }
}

/* Puts `to` where callers meet `from`, under the name that they know. */
static ln_status replace_edge(writer *w, bool outputs, int32_t from, int32_t to) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  replace(outputs ? graph->outputs : graph->inputs, outputs ? graph->output_count : graph->input_count, from, to);
  for (int32_t i = 0; i < w->o->model->signature_count; ++i) {
    ln_signature *s = &w->o->model->signatures[i];
    if (s->graph != w->o->graph) continue;
    replace(outputs ? s->outputs : s->inputs, outputs ? s->output_count : s->input_count, from, to);
  }
  ln_tensor *inner = &graph->tensors[from];
  graph->tensors[to].name = inner->name;
  const char *name = ln_arena_printf(ln_optimizer_arena(w->o), "%s%s", inner->name, suffix_of(inner->type));
  if (name == NULL) return ln_optimizer_no_memory(w->o);
  inner->name = name;
  return LN_OK;
}

static ln_scaling scaling_of(const ln_tensor *tensor) {
  if (tensor->quant->kind == LN_QUANT_NONE) return (ln_scaling){tensor->type, 0, 0};
  return (ln_scaling){tensor->type, ln_scale_of(tensor), ln_zero_point_of(tensor)};
}

static ln_status write_input_edges(writer *w) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t inner = graph->inputs[i];
    if (inner >= w->plan->tensor_count || !w->plan->is_float[inner]) continue;
    LN_TRY(set_home(w, inner));
    const ln_scaling edge = ln_integer_edge(w->plan, inner), inside = scaling_of(tensor_of(w, inner));
    if (is_scaled(tensor_of(w, inner), &edge)) continue;
    const int32_t outer = add_like(w, inner, suffix_of(inside.type), &edge);
    if (outer < 0) return ln_optimizer_no_memory(w->o);
    int32_t source = outer;
    if (edge.type == LN_UINT8 && inside.type == LN_INT16) {
      const ln_scaling half_way = {LN_INT8, edge.scale, edge.zero_point - 128};
      source = add_like(w, inner, suffix_of(LN_INT8), &half_way);
      if (source < 0) return ln_optimizer_no_memory(w->o);
      LN_TRY(insert_conversion(w, outer, source));
    }
    LN_TRY(insert_conversion(w, source, inner));
    LN_TRY(replace_edge(w, false, inner, outer));
  }
  return LN_OK;
}

static ln_status write_output_edges(writer *w) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const int32_t inner = graph->outputs[i];
    if (inner >= w->plan->tensor_count || !w->plan->is_float[inner]) continue;
    if (ln_tensor_const_data(tensor_of(w, inner))) continue;
    const ln_scaling edge = ln_integer_edge(w->plan, inner);
    int32_t outer;
    LN_TRY(convert(w, inner, &edge, &outer));
    if (outer != inner) LN_TRY(replace_edge(w, true, inner, outer));
  }
  return LN_OK;
}

ln_status ln_integer_write(ln_integer_plan *plan) {
  ln_arena *arena = ln_optimizer_arena(plan->o);
  writer w = {.plan = plan, .o = plan->o};
  w.converted = ln_arena_array(arena, (size_t)plan->tensor_count, sizeof(conversion *));
  w.weights = ln_arena_array(arena, (size_t)plan->layer_count, sizeof *w.weights);
  if (w.converted == NULL || w.weights == NULL) return ln_optimizer_no_memory(plan->o);
  for (int32_t i = 0; i < plan->layer_count; ++i) w.weights[i] = -1;
  LN_TRY(write_input_edges(&w));
  for (int32_t i = 0; i < plan->op_count; ++i) {
    LN_TRY(write_inputs(&w, i));
    const ln_op *op = &ln_optimizer_graph(w.o)->ops[w.at];
    for (int32_t j = 0; j < op->output_count; ++j) LN_TRY(set_home(&w, op->outputs[j]));
    ++w.at;
  }
  LN_TRY(write_output_edges(&w));
  ln_edit_refresh_versions(ln_optimizer_graph(plan->o));
  return LN_OK;
}
