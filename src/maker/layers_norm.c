/* Normalization, dropout and activations. */
#include "maker/builder.h"

/*
 * In the inference form: gamma and beta stand for all four of training's numbers. What training needs beside them is
 * noted.
 */
const ln_parameter ln_layer_parameters_batch_normalization[] = {
    {"momentum", LN_PARAMETER_NUMBER, "0.99", NULL, 0, 1, "how slowly training's moving averages follow"},
    {"epsilon", LN_PARAMETER_NUMBER, "0.001", NULL, 0, 1, "what training adds to the variance"},
    {"center", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether beta is trained"},
    {"scale", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether gamma is trained"},
    LN_P_INITIALIZER("gamma_initializer", "ones"),
    LN_P_INITIALIZER("beta_initializer", "zeros"),
    {"fold", LN_PARAMETER_FLAG, "true", NULL, 0, 0,
     "into the convolution or dense layer before it, where nothing else takes that one's output"},
    LN_P_END};

static const char *flag_text(bool flag) { return flag ? "true" : "false"; }

int32_t ln_layer_batch_normalization(ln_call *call) {
  const ln_shape *shape = ln_call_shape(call, call->inputs[0]);
  const int32_t channels = shape->dims[shape->rank - 1];
  if (shape->rank < 2) return ln_call_fail(call, NULL, "there is no dimension beside the batch");
  const int32_t gamma = ln_call_weight(call, "gamma", "gamma_initializer", 1, &channels, NULL);
  const int32_t beta = ln_call_weight(call, "beta", "beta_initializer", 1, &channels, NULL);
  const int32_t scaled = ln_call_binary(call, LN_OP_MUL, "scaled", call->inputs[0], gamma);
  const int32_t shifted = ln_call_binary(call, LN_OP_ADD, "shifted", scaled, beta);
  call->made->notes = ln_arena_printf(&call->builder->model->arena, " momentum=%.9g epsilon=%.9g center=%s scale=%s",
                                      ln_call_number(call, "momentum"), ln_call_number(call, "epsilon"),
                                      flag_text(ln_call_flag(call, "center")), flag_text(ln_call_flag(call, "scale")));
  if (call->made->notes == NULL) return ln_call_no_memory(call);
  if (call->builder->unfolded) {
    call->made->shift = beta; /* its output may become an activation's */
  } else if (ln_call_flag(call, "fold")) {
    call->made->scaled = call->inputs[0];
    call->made->scale = gamma;
    call->made->shift = beta;
  }
  return shifted;
}

const ln_parameter ln_layer_parameters_layer_normalization[] = {
    {"epsilon", LN_PARAMETER_NUMBER, "0.001", NULL, 0, 1, "added to the variance"},
    {"center", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether beta is added"},
    {"scale", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether gamma is multiplied with"},
    LN_P_INITIALIZER("gamma_initializer", "ones"),
    LN_P_INITIALIZER("beta_initializer", "zeros"),
    LN_P_END};

/* Ba, Kiros and Hinton, "Layer Normalization", 2016. */
int32_t ln_layer_layer_normalization(ln_call *call) {
  static const int32_t last = -1;
  const int32_t input = call->inputs[0];
  const ln_shape *shape = ln_call_shape(call, input);
  const int32_t channels = shape->dims[shape->rank - 1];
  if (shape->rank < 2) return ln_call_fail(call, NULL, "there is no dimension beside the batch");
  const int32_t mean = ln_call_mean(call, LN_OP_MEAN, "mean", input, &last, 1, true);
  const int32_t centred = ln_call_binary(call, LN_OP_SUB, "centred", input, mean);
  const int32_t squares = ln_call_binary(call, LN_OP_SQUARED_DIFFERENCE, "squares", input, mean);
  const int32_t variance = ln_call_mean(call, LN_OP_MEAN, "variance", squares, &last, 1, true);
  const int32_t epsilon = ln_call_number_constant(call, "epsilon", ln_call_number(call, "epsilon"));
  const int32_t above = ln_call_binary(call, LN_OP_ADD, "above_zero", variance, epsilon);
  const int32_t inverse = ln_call_unary(call, LN_OP_RSQRT, "inverse", above);
  int32_t out = ln_call_binary(call, LN_OP_MUL, "normalized", centred, inverse);
  if (ln_call_flag(call, "scale")) {
    const int32_t gamma = ln_call_weight(call, "gamma", "gamma_initializer", 1, &channels, NULL);
    out = ln_call_binary(call, LN_OP_MUL, "scaled", out, gamma);
  }
  if (ln_call_flag(call, "center")) {
    const int32_t beta = ln_call_weight(call, "beta", "beta_initializer", 1, &channels, NULL);
    out = ln_call_binary(call, LN_OP_ADD, "shifted", out, beta);
  }
  return out;
}

const ln_parameter ln_layer_parameters_dropout[] = {
    {"rate", LN_PARAMETER_NUMBER, NULL, NULL, 0, 0.999, "the share that training drops"}, LN_P_END};

/* To be trained it is a product with 1, so that what it drops is told from what else reads its input. */
int32_t ln_layer_dropout(ln_call *call) {
  ln_arena *arena = &call->builder->model->arena;
  const double rate = ln_call_number(call, "rate");
  int32_t out = call->inputs[0];
  if (call->builder->unfolded) {
    const int32_t kept = ln_call_number_constant(call, "kept", 1);
    out = ln_call_binary(call, LN_OP_MUL, "dropped", out, kept);
    if (out < 0) return -1;
    const char *name = call->builder->model->graphs[0].tensors[kept].name;
    call->made->notes = ln_arena_printf(arena, " kept=%s rate=%.9g", name, rate);
  } else {
    call->made->notes = ln_arena_printf(arena, " rate=%.9g", rate);
  }
  return call->made->notes == NULL ? ln_call_no_memory(call) : out;
}

/* ---- activations ---- */

const ln_parameter ln_layer_parameters_activation[] = {{"activation", LN_PARAMETER_TEXT, NULL, NULL, 0, 0, "its name"},
                                                       LN_P_END};

int32_t ln_layer_activation(ln_call *call) {
  return ln_call_activate(call, "activated", ln_call_text(call, "activation"), call->inputs[0]);
}

const ln_parameter ln_layer_parameters_re_lu[] = {
    {"max_value", LN_PARAMETER_CHOICE, "none", "none|6", 0, 0, "what is above becomes it"}, LN_P_END};

int32_t ln_layer_re_lu(ln_call *call) {
  const bool plain = ln_call_text(call, "max_value")[0] == 'n';
  return ln_call_unary(call, plain ? LN_OP_RELU : LN_OP_RELU6, "activated", call->inputs[0]);
}

const ln_parameter ln_layer_parameters_leaky_re_lu[] = {
    {"negative_slope", LN_PARAMETER_NUMBER, "0.3", NULL, 0, 1, "what is below zero is multiplied with"}, LN_P_END};

int32_t ln_layer_leaky_re_lu(ln_call *call) {
  ln_leaky_relu_options options;
  ln_schema_set_defaults(LN_TABLE_leaky_relu_options, &options);
  options.alpha = (float)ln_call_number(call, "negative_slope");
  return ln_call_op(call, LN_OP_LEAKY_RELU, "activated", &options, call->inputs, 1);
}

const ln_parameter ln_layer_parameters_p_re_lu[] = {
    LN_P_INITIALIZER("alpha_initializer", "zeros"),
    {"shared", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "one number a channel, instead of one an element"},
    LN_P_END};

int32_t ln_layer_p_re_lu(ln_call *call) {
  ln_shape shape = *ln_call_shape(call, call->inputs[0]);
  if (shape.rank < 2) return ln_call_fail(call, NULL, "there is no dimension beside the batch");
  for (int32_t i = 1; i < shape.rank - 1 && ln_call_flag(call, "shared"); ++i) shape.dims[i] = 1;
  const int32_t alpha = ln_call_weight(call, "alpha", "alpha_initializer", shape.rank - 1, shape.dims + 1, NULL);
  return ln_call_binary(call, LN_OP_PRELU, "activated", call->inputs[0], alpha);
}

int32_t ln_layer_elu(ln_call *call) { return ln_call_activate(call, "activated", "elu", call->inputs[0]); }

int32_t ln_layer_softmax(ln_call *call) { return ln_call_activate(call, "activated", "softmax", call->inputs[0]); }
