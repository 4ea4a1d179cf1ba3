/*
 * Bias correction: the mean error of a layer's sums over calibration data goes into its bias (Nagel et al., "Data-Free
 * Quantization", 2019, with data in place of its estimates). Sums are linear, so that their mean is the weights times
 * the mean of what they multiply: neither clamps nor the range of the output hide it.
 */
#include <math.h>
#include <string.h>

#include "ops/weights.h"
#include "optimize/quantize.h"

enum { INPUT = 0, WEIGHTS = 1, BIAS = 2, MOST_SAMPLES = 256, POSITIONS = 64 };

typedef struct corrected {
  ln_layer layer; /* of the model before */
  int32_t lanes;  /* parts of the rows that see other inputs */
  double *means;  /* [lanes, columns] of what it multiplied before */
} corrected;

typedef struct averaging {
  const ln_optimizer *before;
  const corrected *layers;
  int32_t count;
  int32_t input; /* of one layer, in the model now; -1: each layer's own, in the model before */
  double **sums; /* [count] of [lanes, columns] */
  int64_t *positions;
  float *patches;
} averaging;

static ln_status add_sample(void *user, int64_t sample, ln_session *session, ln_error *err) {
  averaging *a = user;
  (void)err;
  for (int32_t i = 0; i < a->count; ++i) {
    const corrected *l = &a->layers[i];
    const size_t columns = (size_t)l->layer.columns;
    const ln_tensor *input = ln_session_tensor(session, a->input >= 0 ? a->input : l->layer.input);
    for (int32_t lane = 0; lane < l->lanes; ++lane) {
      const int32_t row = l->layer.rows / l->lanes * lane;
      const int64_t taken = ln_layer_patches(a->before, &l->layer, input, row, POSITIONS, (uint64_t)sample, a->patches);
      double *sums = a->sums[i] + (size_t)lane * columns;
      for (int64_t p = 0; p < taken; ++p) {
        for (size_t c = 0; c < columns; ++c) sums[c] += (double)a->patches[(size_t)p * columns + c];
      }
      if (lane == 0 && taken > 0) a->positions[i] += taken;
    }
  }
  return LN_OK;
}

/* The means of what `count` layers multiply, over the samples. */
static ln_status average(const ln_optimizer *o, const ln_stage *stage, ln_model *model, averaging *a) {
  const int64_t asked = (int64_t)ln_stage_number(stage, o, NULL, "samples");
  int32_t columns = 1;
  size_t room;
  for (int32_t i = 0; i < a->count; ++i) {
    if (a->layers[i].layer.columns > columns) columns = a->layers[i].layer.columns;
  }
  a->positions = ln_alloc_array((size_t)a->count + 1, sizeof *a->positions);
  a->patches = ln_size_mul((size_t)columns, POSITIONS, &room) ? ln_alloc_array(room, sizeof *a->patches) : NULL;
  ln_status status = LN_OK;
  if (a->positions == NULL || a->patches == NULL) {
    status = ln_optimizer_no_memory(o);
  } else {
    status = ln_observe(o, model, o->options->calibration, asked > 0 ? asked : MOST_SAMPLES, "correcting biases",
                        add_sample, a);
  }
  for (int32_t i = 0; status == LN_OK && i < a->count; ++i) {
    const size_t items = (size_t)a->layers[i].lanes * (size_t)a->layers[i].layer.columns;
    for (size_t c = 0; a->positions[i] > 0 && c < items; ++c) a->sums[i][c] /= (double)a->positions[i];
  }
  ln_free(a->patches);
  ln_free(a->positions);
  return status;
}

/* ---- the layer as it is now ---- */

static ln_op *find_now(const ln_optimizer *o, const ln_optimizer *before, const ln_layer *layer, int32_t *at) {
  const ln_graph *graph = ln_optimizer_graph(o);
  const ln_op *op = ln_layer_op(before, layer);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (graph->ops[i].def != op->def || graph->ops[i].outputs[0] != op->outputs[0]) continue;
    *at = i;
    return &graph->ops[i];
  }
  return NULL;
}

/* The constant that an operator's input comes from, a DEQUANTIZE or CAST in between at most; NULL when it is none. */
static const ln_tensor *constant_behind(const ln_graph *graph, int32_t index) {
  for (int32_t i = 0; !ln_tensor_const_data(&graph->tensors[index]) && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->outputs[0] == index && op->input_count == 1 && op->inputs[0] >= 0)
      return constant_behind(graph, op->inputs[0]);
  }
  return ln_tensor_const_data(&graph->tensors[index]) && graph->tensors[index].sparsity == NULL ? &graph->tensors[index]
                                                                                                : NULL;
}

/* The stored weights as real numbers, in storage order. */
static bool read_stored(const ln_optimizer *o, const ln_op *op, const ln_tensor *tensor, size_t count, float *out) {
  const ln_graph *graph = ln_optimizer_graph(o);
  if (tensor->quant->kind != LN_QUANT_BLOCKWISE) {
    for (size_t i = 0; i < count; ++i) out[i] = ln_tensor_get_f32(tensor, i);
    return true;
  }
  const ln_node node = {.op = op, .tensors = graph->tensors, .tensor_count = graph->tensor_count};
  ln_weights weights;
  if (ln_weights_open(&node, tensor, NULL, &weights) != LN_OK) return false;
  ln_weights_read(&weights, 0, count, out);
  ln_weights_close(&weights);
  return true;
}

/* sums [rows] += sign * weights * means. `step`s lead from one weight of a row to the next, and to the next row. */
static void add_products(const corrected *l, const float *weights, size_t row_step, size_t column_step,
                         const double *means, double sign, double *sums) {
  const size_t columns = (size_t)l->layer.columns;
  for (int32_t r = 0; r < l->layer.rows; ++r) {
    const double *mean = means + (size_t)(r / (l->layer.rows / l->lanes)) * columns;
    double sum = 0;
    for (size_t c = 0; c < columns; ++c) sum += (double)weights[(size_t)r * row_step + c * column_step] * mean[c];
    sums[r] += sign * sum;
  }
}

/* ---- writing ---- */

static int64_t add_rounded(int64_t value, double more, bool is_wide) {
  const double sum = (double)value + rint(more);
  if (!is_wide) return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int64_t)sum;
  return fabs(sum) < 9e18 ? (int64_t)sum : value;
}

/* Adds to a bias in integers; the constant may be others' too, so that this one gets its own. */
static ln_status correct_integers(ln_optimizer *o, ln_op *op, const double *more, int32_t rows) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_tensor bias = graph->tensors[op->inputs[BIAS]];
  const bool is_wide = bias.type == LN_INT64;
  if ((bias.type != LN_INT32 && !is_wide) || bias.quant->count < 1 || !ln_tensor_const_data(&bias)) return LN_OK;
  char *data = ln_arena_copy(ln_optimizer_arena(o), bias.data, bias.bytes);
  if (data == NULL) return ln_optimizer_no_memory(o);
  for (int32_t r = 0; r < rows; ++r) {
    const double scale = (double)bias.quant->scale[bias.quant->count == rows ? r : 0];
    if (!(scale > 0)) continue;
    if (is_wide) ((int64_t *)(void *)data)[r] = add_rounded(((int64_t *)(void *)data)[r], more[r] / scale, true);
    else ((int32_t *)(void *)data)[r] = (int32_t)add_rounded(((int32_t *)(void *)data)[r], more[r] / scale, false);
  }
  ln_edit_set_data(&bias, bias.type, data, bias.bytes);
  const int32_t index = ln_graph_add_tensor(graph, ln_optimizer_arena(o), &bias);
  if (index < 0) return ln_optimizer_no_memory(o);
  op->inputs[BIAS] = index;
  return LN_OK;
}

static ln_status correct_floats(ln_optimizer *o, const ln_layer *was, int32_t at, const double *more) {
  const ln_op *op = &ln_optimizer_graph(o)->ops[at];
  ln_layer layer = *was;
  float *bias = NULL;
  layer.op = at;
  layer.weights = op->inputs[WEIGHTS];
  layer.bias = op->input_count > BIAS ? op->inputs[BIAS] : -1;
  LN_TRY(ln_layer_read_bias(o, &layer, &bias));
  for (int32_t r = 0; r < layer.rows; ++r) bias[r] += (float)more[r];
  const ln_status status = ln_layer_write_bias(o, &layer, bias);
  ln_free(bias);
  return status;
}

static ln_status correct_layer(ln_optimizer *o, const ln_optimizer *before, const corrected *l, int32_t at,
                               const float *was, const float *is, const double *means) {
  ln_op *op = &ln_optimizer_graph(o)->ops[at];
  const int32_t bias = op->input_count > BIAS ? op->inputs[BIAS] : -1;
  const size_t columns = (size_t)l->layer.columns, rows = (size_t)l->layer.rows;
  double *more = ln_alloc_array(rows, sizeof *more);
  if (more == NULL) return ln_optimizer_no_memory(o);
  const bool by_row = l->layer.axis == 0;
  add_products(l, was, columns, 1, l->means, 1, more);
  add_products(l, is, by_row ? columns : 1, by_row ? 1 : rows, means, -1, more);
  ln_status status = LN_OK;
  const ln_type output = ln_optimizer_graph(o)->tensors[op->outputs[0]].type;
  const bool float_bias = bias < 0 ? output == LN_FLOAT32
                                   : ln_optimizer_graph(o)->tensors[bias].type == LN_FLOAT32 &&
                                         ln_tensor_const_data(&ln_optimizer_graph(o)->tensors[bias]);
  (void)before;
  if (float_bias) status = correct_floats(o, &l->layer, at, more);
  else if (bias >= 0) status = correct_integers(o, op, more, l->layer.rows);
  ln_free(more);
  return status;
}

/* One layer, in the model as it is with the layers before it corrected. */
static ln_status correct(ln_optimizer *o, const ln_stage *stage, const ln_optimizer *before, const corrected *l) {
  const size_t count = (size_t)l->layer.rows * (size_t)l->layer.columns; /* bounded: elements of a tensor */
  int32_t at;
  const ln_op *op = find_now(o, before, &l->layer, &at);
  const ln_tensor *stored = op == NULL ? NULL : constant_behind(ln_optimizer_graph(o), op->inputs[WEIGHTS]);
  size_t elements;
  if (stored == NULL || stored->type == LN_FLOAT32) return LN_OK; /* left as it was */
  if (!ln_shape_elements(&stored->shape, &elements) || elements != count) return LN_OK;
  float *was = NULL, *is = ln_alloc_array(count, sizeof *is);
  double *means = ln_alloc_array((size_t)l->lanes, (size_t)l->layer.columns * sizeof *means);
  ln_model *model = NULL;
  ln_status status = is == NULL || means == NULL ? ln_optimizer_no_memory(o) : ln_layer_read(before, &l->layer, &was);
  if (status == LN_OK) status = ln_edit_snapshot(o->model, o->err, &model);
  if (status == LN_OK) {
    averaging a = {before, l, 1, op->inputs[INPUT], &means, NULL, NULL};
    status = average(o, stage, model, &a);
  }
  if (status == LN_OK && read_stored(o, op, stored, count, is)) {
    status = correct_layer(o, before, l, at, was, is, means);
  }
  ln_model_destroy(model);
  ln_free(means);
  ln_free(is);
  ln_free(was);
  return status;
}

/* ---- all layers ---- */

static bool is_corrected(const ln_layer *layer) {
  return (layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE ||
          layer->kind == LN_LAYER_FULLY_CONNECTED) &&
         layer->input >= 0;
}

static ln_status correct_all(ln_optimizer *o, const ln_stage *stage, const ln_optimizer *before, corrected *layers,
                             int32_t count) {
  double **sums = ln_alloc_array((size_t)count + 1, sizeof *sums);
  ln_status status = sums == NULL ? ln_optimizer_no_memory(o) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    corrected *l = &layers[i];
    l->lanes = ln_layer_lanes(before, &l->layer);
    l->means = ln_alloc_array((size_t)l->lanes, (size_t)l->layer.columns * sizeof *l->means);
    sums[i] = l->means;
    if (l->means == NULL) status = ln_optimizer_no_memory(o);
  }
  if (status == LN_OK && count > 0) {
    averaging a = {before, layers, count, -1, sums, NULL, NULL};
    status = average(o, stage, before->model, &a);
  }
  for (int32_t i = 0; status == LN_OK && i < count; ++i) status = correct(o, stage, before, &layers[i]);
  for (int32_t i = 0; i < count; ++i) ln_free(layers[i].means);
  ln_free(sums);
  return status;
}

ln_status ln_bias_correct(ln_optimizer *o, const ln_stage *stage, ln_model *before) {
  ln_optimizer was = *o;
  ln_layer *found = NULL;
  int32_t count = 0, kept = 0;
  was.model = before;
  LN_TRY(ln_optimizer_needs_samples(o));
  LN_TRY(ln_layers_find(&was, NULL, &found, &count));
  corrected *layers = ln_alloc_array((size_t)count + 1, sizeof *layers);
  ln_status status = layers == NULL ? ln_optimizer_no_memory(o) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    if (is_corrected(&found[i])) layers[kept++].layer = found[i];
  }
  if (status == LN_OK) status = correct_all(o, stage, &was, layers, kept);
  ln_free(layers);
  ln_free(found);
  return status;
}
