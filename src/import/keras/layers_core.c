/* Layers of a product with weights, activations, and those that do nothing when a model is used. */
#include <math.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

int32_t ln_keras_identity(ln_keras_call *call) {
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no input");
  if (call->inputs.count == 1) return call->inputs.items[0].tensor;
  call->outputs = call->inputs;
  return LN_EMIT_NONE;
}

int32_t ln_keras_lambda(ln_keras_call *call) {
  const cJSON *function = ln_keras_option(call->config, "function");
  const char *name = cJSON_IsString(function) ? function->valuestring : ln_keras_text(function, "config", "");
  const bool named = name[0] != 0 && strcmp(ln_keras_class(function), "__lambda__") != 0 && strlen(name) < 60;
  return ln_emit_refuse(call->e,
                        "it runs Python code%s%.60s%s, which is never executed; use layers or keras.ops in its place",
                        named ? " (" : "", named ? name : "", named ? ")" : "");
}

/* What is random while a model is trained does nothing when it is used, but for the type. */
int32_t ln_keras_augmentation(ln_keras_call *call) { return ln_keras_input(call); }

int32_t ln_keras_refused_cudnn(ln_keras_call *call) {
  return ln_emit_refuse(call->e, "layers of cuDNN are not read; load the model and save it with the plain layer");
}

/* ---- Dense ---- */

/* Rows are scaled to whole numbers of 8 bits, as AbsMaxQuantizer does; the scale is in `scale`. */
static int32_t quantized_rows(ln_keras_call *call, int32_t a, double epsilon, int32_t *scale) {
  ln_emit *e = call->e;
  const int32_t last = -1;
  const int32_t most = ln_emit_reduce(e, LN_OP_REDUCE_MAX, ln_emit_unary(e, LN_OP_ABS, a), 1, &last, true);
  *scale = ln_emit_div(e, ln_emit_f32(e, 127), ln_emit_add_number(e, most, epsilon));
  return ln_emit_clip(e, ln_emit_unary(e, LN_OP_ROUND, ln_emit_mul(e, a, *scale)), -127, 127);
}

/* Weights of 8 bits with a scale for each unit. Sums of whole numbers are exact in float32 here. */
static int32_t int8_dense(ln_keras_call *call, int32_t a, int32_t kernel, int32_t bias) {
  static const int32_t order[2] = {1, 0};
  ln_emit *e = call->e;
  const cJSON *quantization = ln_keras_option(ln_keras_option(call->config, "quantization_config"), "config");
  const cJSON *rows = ln_keras_option(ln_keras_option(quantization, "activation_quantizer"), "config");
  int32_t scale = ln_keras_weight(call, "kernel_scale"), row_scale = -1;
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_type(e, kernel) != LN_INT8 || scale < 0) {
    return ln_emit_refuse(e, "of quantized layers only int8 is read; save the model before it is quantized");
  }
  if (quantization == NULL || rows != NULL) {
    a = quantized_rows(call, a, ln_keras_number(rows, "epsilon", 1e-7), &row_scale);
    scale = ln_emit_mul(e, scale, row_scale);
  }
  const int32_t weights = ln_emit_transpose(e, ln_emit_cast(e, kernel, LN_FLOAT32), order);
  const int32_t product = ln_emit_div(e, ln_emit_dense(e, a, weights, -1), scale);
  return bias < 0 ? product : ln_emit_add(e, product, bias);
}

int32_t ln_keras_dense(ln_keras_call *call) {
  static const int32_t order[2] = {1, 0};
  const int32_t a = ln_keras_input(call), kernel = ln_keras_weight(call, "kernel");
  const int32_t bias = ln_keras_weight(call, "bias");
  if (ln_emit_failed(call->e)) return -1;
  if (ln_emit_rank(call->e, kernel) != 2)
    return ln_emit_refuse(call->e, "its kernel is not a matrix: quantized in a way that is not read");
  const int32_t product = ln_keras_has_weight(call, "kernel_scale")
                              ? int8_dense(call, a, kernel, bias)
                              : ln_emit_dense(call->e, a, ln_emit_transpose(call->e, kernel, order), bias);
  return ln_keras_activate(call, product, "activation");
}

int32_t ln_keras_einsum_dense(ln_keras_call *call) {
  const char *equation = ln_keras_text(call->config, "equation", "");
  const int32_t operands[2] = {ln_keras_input(call), ln_keras_weight(call, "kernel")};
  const bool has_bias = ln_keras_option(call->config, "bias_axes") != NULL;
  const int32_t bias = has_bias ? ln_keras_weight(call, "bias") : -1;
  if (ln_emit_failed(call->e)) return -1;
  if (ln_emit_type(call->e, operands[1]) != LN_FLOAT32) {
    return ln_emit_refuse(call->e, "it is quantized; save the model before it is quantized");
  }
  const int32_t product = ln_emit_einsum(call->e, equation, 2, operands);
  return ln_keras_activate(call, bias < 0 ? product : ln_emit_add(call->e, product, bias), "activation");
}

/* ---- Embedding, Masking ---- */

int32_t ln_keras_embedding(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t table = ln_keras_weight(call, "embeddings");
  if (call->inputs.count < 1 || ln_emit_failed(e)) return -1;
  if (ln_emit_type(e, table) != LN_FLOAT32) {
    return ln_emit_refuse(e, "it is quantized; save the model before it is quantized");
  }
  const int32_t ids = ln_emit_cast(e, call->inputs.items[0].tensor, LN_INT32);
  const int32_t rows = ln_emit_gather(e, table, ids, 0, 0);
  if (!ln_keras_give(call, 1)) return -1;
  call->outputs.items[0].tensor = rows;
  if (ln_keras_flag(call->config, "mask_zero", false)) {
    call->outputs.items[0].mask = ln_emit_compare(e, LN_OP_NOT_EQUAL, ids, ln_emit_i32(e, 0));
  }
  return rows < 0 ? -1 : LN_EMIT_NONE;
}

int32_t ln_keras_masking_layer(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t last = -1, a = ln_keras_input(call);
  const int32_t value = ln_emit_f32(e, ln_keras_number(call->config, "mask_value", 0));
  const int32_t differs = ln_emit_compare(e, LN_OP_NOT_EQUAL, a, value);
  const int32_t kept = ln_emit_reduce(e, LN_OP_REDUCE_ANY, differs, 1, &last, true);
  const int32_t result = ln_emit_mul(e, a, ln_emit_cast(e, kept, LN_FLOAT32));
  if (!ln_keras_give(call, 1)) return -1;
  call->outputs.items[0] = (ln_keras_value){result, ln_emit_squeeze(e, kept, 1, &last)};
  return result < 0 ? -1 : LN_EMIT_NONE;
}

/* ---- activations that are layers ---- */

int32_t ln_keras_activation(ln_keras_call *call) { return ln_keras_activate(call, ln_keras_input(call), "activation"); }

static double slope_of(const cJSON *config, double otherwise) {
  const double alpha = ln_keras_number(config, "alpha", otherwise);
  return ln_keras_number(config, "negative_slope", alpha);
}

/* f(x) = most for x >= most, x for x >= threshold, slope * (x - threshold) below. */
int32_t ln_keras_relu(ln_keras_call *call) {
  ln_emit *e = call->e;
  const double slope = slope_of(call->config, 0), threshold = ln_keras_number(call->config, "threshold", 0);
  const double most = ln_keras_number(call->config, "max_value", INFINITY);
  int32_t a = ln_keras_input(call);
  if (threshold == 0) {
    if (slope == 0 && most == 6) return ln_emit_activate(e, LN_EMIT_RELU6, a);
    a = slope == 0 ? ln_emit_activate(e, LN_EMIT_RELU, a) : ln_emit_leaky_relu(e, a, slope);
    return ln_emit_clip(e, a, -INFINITY, most);
  }
  const int32_t below =
      slope == 0 ? ln_emit_f32(e, 0) : ln_emit_mul_number(e, ln_emit_add_number(e, a, -threshold), slope);
  const int32_t is_above = ln_emit_compare(e, LN_OP_GREATER_EQUAL, a, ln_emit_f32(e, threshold));
  return ln_emit_select(e, is_above, ln_emit_clip(e, a, -INFINITY, most), below);
}

int32_t ln_keras_leaky_relu(ln_keras_call *call) {
  return ln_emit_leaky_relu(call->e, ln_keras_input(call), slope_of(call->config, 0.3));
}

int32_t ln_keras_elu_layer(ln_keras_call *call) {
  return ln_emit_elu(call->e, ln_keras_input(call), ln_keras_number(call->config, "alpha", 1));
}

int32_t ln_keras_thresholded_relu(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t a = ln_keras_input(call);
  const int32_t above = ln_emit_compare(e, LN_OP_GREATER, a, ln_emit_f32(e, ln_keras_number(call->config, "theta", 1)));
  return ln_emit_select(e, above, a, ln_emit_f32(e, 0));
}

int32_t ln_keras_prelu(ln_keras_call *call) {
  return ln_emit_prelu(call->e, ln_keras_input(call), ln_keras_weight(call, "alpha"));
}

/* Over several axes at once. */
static int32_t wide_softmax(ln_emit *e, int32_t a, int32_t count, const int32_t *axes) {
  const int32_t most = ln_emit_reduce(e, LN_OP_REDUCE_MAX, a, count, axes, true);
  const int32_t powers = ln_emit_unary(e, LN_OP_EXP, ln_emit_sub(e, a, most));
  return ln_emit_div(e, powers, ln_emit_reduce(e, LN_OP_SUM, powers, count, axes, true));
}

/* Where the mask is false, what goes into the exponential leaves nothing. */
int32_t ln_keras_softmax_layer(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK] = {-1}, a = ln_keras_input(call);
  int32_t mask = ln_keras_argument(call, 1, "mask") != NULL ? ln_keras_tensor(call, 1, "mask") : call->mask;
  const int32_t count = ln_keras_ints(call->config, "axis", LN_MAX_RANK, axes);
  if (mask >= 0) {
    mask = ln_emit_cast(e, mask, LN_BOOL);
    a = ln_emit_select(e, mask, a, ln_emit_f32(e, -1e9));
  }
  a = count <= 1 ? ln_emit_softmax(e, a, axes[0]) : wide_softmax(e, a, count, axes);
  return mask >= 0 && call->k->keras3 ? ln_emit_select(e, mask, a, ln_emit_f32(e, 0)) : a;
}

#endif
