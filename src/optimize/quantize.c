/* The technique `quantize`: its parameters, and which half of it does what of a model. */
#include "optimize/quantize.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define FORMATS "int8|int16x8|dynamic|float16|bfloat16|int8-weights|int4-weights|int2-weights|bf16-int8|float32"

const ln_parameter ln_parameters_quantize[] = {
    {"format", LN_PARAMETER_CHOICE, "int8", FORMATS, 0, 0, "what is computed, or what weights are kept in"},
    {"io", LN_PARAMETER_CHOICE, "float", "float|int8|uint8|int16", 0, 0,
     "the type of inputs and outputs of a model in integers"},
    {"method", LN_PARAMETER_CHOICE, "minmax", "minmax|moving-average|percentile|entropy|mse", 0, 0,
     "how ranges of activations are chosen from calibration data"},
    {"percentile", LN_PARAMETER_NUMBER, "99.99", NULL, 50, 100, "the share of values that method percentile keeps"},
    {"samples", LN_PARAMETER_INTEGER, "0", NULL, 0, 1e9, "how many calibration samples at most; 0: all"},
    {"per-channel", LN_PARAMETER_CHOICE, "auto", "auto|true|false", 0, 0,
     "a scale for each output channel; auto: unless weights share a codebook"},
    {"bias-correction", LN_PARAMETER_CHOICE, "auto", "auto|true|false", 0, 0,
     "let biases make up for the mean error of layers; auto: where activations are integers"},
    {"rounding", LN_PARAMETER_CHOICE, "nearest", "nearest|learned", 0, 0, "how weights become integers"},
    {"block", LN_PARAMETER_INTEGER, "0", NULL, 0, 65536, "weights that share a scale; 0: a channel's"},
    {NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL}};

/* In the order of ln_quantize_format. */
static ln_quantize_format format_named(const char *name) {
  const char *at = FORMATS;
  for (int32_t i = 0;; ++i) {
    const size_t length = strcspn(at, "|");
    if (strlen(name) == length && memcmp(at, name, length) == 0) return (ln_quantize_format)i;
    if (at[length] == '\0') return LN_QUANTIZE_FLOAT32;
    at += length + 1;
  }
}

ln_quantize_format ln_quantize_format_of(const ln_optimizer *o, const ln_stage *stage, const ln_op *op) {
  if (op != NULL && !ln_stage_takes(stage, o, op)) return LN_QUANTIZE_FLOAT32;
  return format_named(ln_stage_text(stage, o, op, "format"));
}

bool ln_quantize_is_per_tensor(const ln_optimizer *o, const ln_stage *stage, const ln_layer *layer) {
  const ln_op *op = ln_layer_op(o, layer);
  if (!ln_stage_is(stage, o, op, "per-channel", "auto")) return ln_stage_is(stage, o, op, "per-channel", "false");
  int32_t axis = -1;
  return ln_invariant_clusters(o, layer->weights, &axis) > 0 && axis < 0;
}

/* Rows of zeros take the mean scale of the others, which a bias can be counted in. */
void ln_weight_scales(const float *values, int32_t rows, int32_t columns, int32_t bits, bool per_tensor,
                      float *scales) {
  const float most = (float)((1 << (bits - 1)) - 1);
  float greatest = 0;
  double sum = 0;
  int32_t filled = 0;
  for (int32_t row = 0; row < rows; ++row) {
    float magnitude = 0;
    for (int32_t i = 0; i < columns; ++i) magnitude = fmaxf(magnitude, fabsf(values[(size_t)row * columns + i]));
    scales[row] = magnitude / most;
    greatest = fmaxf(greatest, scales[row]);
    if (scales[row] < FLT_MIN) continue;
    sum += scales[row];
    ++filled;
  }
  const float stand_in = filled > 0 ? (float)(sum / filled) : 1;
  for (int32_t row = 0; row < rows; ++row) {
    if (per_tensor && filled > 0) {
      scales[row] = greatest;
    } else if (scales[row] < FLT_MIN) {
      scales[row] = stand_in;
    }
  }
}

void ln_weight_scales_of(const ln_optimizer *o, const ln_layer *layer, const float *values, int32_t bits,
                         bool per_tensor, float *scales) {
  const float *trained = o->trained == NULL ? NULL : o->trained->scales[layer->weights];
  if (trained == NULL) {
    ln_weight_scales(values, layer->rows, layer->columns, bits, per_tensor, scales);
  } else {
    memcpy(scales, trained, (size_t)layer->rows * sizeof *scales);
  }
}

/* ---- what cannot be quantized ---- */

static bool is_quantized(const ln_tensor *tensor) { return tensor->quant->kind != LN_QUANT_NONE; }

static ln_status refuse_quantized(const ln_optimizer *o) {
  const ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count + op->output_count; ++j) {
      const int32_t index = j < op->input_count ? op->inputs[j] : op->outputs[j - op->input_count];
      if (index < 0 || !is_quantized(&graph->tensors[index]) || graph->tensors[index].type == LN_FLOAT32) continue;
      return ln_fail(o->err, LN_ERR_UNSUPPORTED,
                     "quantize: the model is quantized already: op %d %s \"%s\": tensor \"%s\" is %s", op->index,
                     op->def->name, op->output_count > 0 ? graph->tensors[op->outputs[0]].name : "",
                     graph->tensors[index].name, ln_type_name(graph->tensors[index].type));
    }
  }
  return LN_OK;
}

ln_status ln_technique_quantize(ln_optimizer *o, const ln_stage *stage) {
  LN_TRY(refuse_quantized(o));
  const ln_graph *graph = ln_optimizer_graph(o);
  const ln_quantize_format format = ln_quantize_format_of(o, stage, NULL);
  bool integers = ln_quantize_is_full_integer(format), weights = false;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_quantize_format own = ln_quantize_format_of(o, stage, &graph->ops[i]);
    if (ln_quantize_is_full_integer(own)) {
      integers = true;
    } else if (own != LN_QUANTIZE_FLOAT32) {
      weights = true;
    }
  }
  if (integers) LN_TRY(ln_quantize_full_integer(o, stage));
  return weights ? ln_quantize_weight_forms(o, stage, format) : LN_OK;
}
