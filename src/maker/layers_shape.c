/* Layers that move values, and those that put several layers together. */
#include <string.h>

#include "maker/builder.h"

int32_t ln_layer_flatten(ln_call *call) {
  const ln_shape in = *ln_call_shape(call, call->inputs[0]);
  const int32_t length = (int32_t)ln_shape_span(&in, 1, in.rank);
  return ln_call_reshape(call, "flat", call->inputs[0], 1, &length);
}

const ln_parameter ln_layer_parameters_reshape[] = {
    {"target_shape", LN_PARAMETER_TEXT, NULL, NULL, 0, 0, "dimensions without the batch; one may be -1: what is left"},
    LN_P_END};

int32_t ln_layer_reshape(ln_call *call) {
  int32_t dims[LN_MAX_RANK], open = -1;
  const int32_t rank = ln_call_ints(call, "target_shape", dims, LN_MAX_RANK - 1);
  if (rank < 0) return -1;
  const ln_shape in = *ln_call_shape(call, call->inputs[0]);
  const size_t elements = ln_shape_span(&in, 1, in.rank);
  size_t known = 1;
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] == -1 && open < 0) open = i;
    else if (dims[i] < 1 || !ln_size_mul(known, (size_t)dims[i], &known)) {
      return ln_call_fail(call, "target_shape", "dimensions are 1 or more, one may be -1");
    }
  }
  if (open >= 0 && elements % known == 0) dims[open] = (int32_t)(elements / known);
  if (open >= 0 ? elements % known != 0 : known != elements) {
    return ln_call_fail(call, "target_shape", "%s does not hold the %zu values that come in",
                        ln_call_text(call, "target_shape"), elements);
  }
  return ln_call_reshape(call, "shaped", call->inputs[0], rank, dims);
}

const ln_parameter ln_layer_parameters_permute[] = {
    {"dims", LN_PARAMETER_TEXT, NULL, NULL, 0, 0, "the order of the dimensions, counted from 1 without the batch"},
    LN_P_END};

int32_t ln_layer_permute(ln_call *call) {
  int32_t order[LN_MAX_RANK] = {0};
  const int32_t rank = ln_call_shape(call, call->inputs[0])->rank;
  const int32_t count = ln_call_ints(call, "dims", order + 1, LN_MAX_RANK - 1);
  if (count < 0) return -1;
  uint32_t seen = 0;
  for (int32_t i = 1; i <= count; ++i) {
    if (order[i] >= 1 && order[i] < rank) seen |= 1u << order[i];
  }
  if (count != rank - 1 || seen != (1u << rank) - 2) {
    return ln_call_fail(call, "dims", "each number from 1 to %d once is wanted", (int)rank - 1);
  }
  return ln_call_transpose(call, "turned", call->inputs[0], order);
}

const ln_parameter ln_layer_parameters_rescaling[] = {
    {"scale", LN_PARAMETER_NUMBER, NULL, NULL, -1e30, 1e30, "what values are multiplied with"},
    {"offset", LN_PARAMETER_NUMBER, "0", NULL, -1e30, 1e30, "what is added then"},
    LN_P_END};

int32_t ln_layer_rescaling(ln_call *call) {
  const int32_t scale = ln_call_number_constant(call, "scale", ln_call_number(call, "scale"));
  const int32_t scaled = ln_call_binary(call, LN_OP_MUL, "scaled", call->inputs[0], scale);
  const double offset = ln_call_number(call, "offset");
  if (offset == 0) return scaled;
  return ln_call_binary(call, LN_OP_ADD, "shifted", scaled, ln_call_number_constant(call, "offset", offset));
}

/* ---- of several layers ---- */

static int32_t merge(ln_call *call, int32_t code) {
  int32_t all = call->inputs[0];
  for (int32_t i = 1; i < call->input_count; ++i) all = ln_call_binary(call, code, "merged", all, call->inputs[i]);
  return all;
}

int32_t ln_layer_add(ln_call *call) { return merge(call, LN_OP_ADD); }
int32_t ln_layer_subtract(ln_call *call) { return merge(call, LN_OP_SUB); }
int32_t ln_layer_multiply(ln_call *call) { return merge(call, LN_OP_MUL); }
int32_t ln_layer_maximum(ln_call *call) { return merge(call, LN_OP_MAXIMUM); }
int32_t ln_layer_minimum(ln_call *call) { return merge(call, LN_OP_MINIMUM); }
int32_t ln_layer_average(ln_call *call) {
  const int32_t share = ln_call_number_constant(call, "share", 1.0 / call->input_count);
  return ln_call_binary(call, LN_OP_MUL, "mean", merge(call, LN_OP_ADD), share);
}

const ln_parameter ln_layer_parameters_concatenate[] = {
    {"axis", LN_PARAMETER_INTEGER, "-1", NULL, -LN_MAX_RANK, LN_MAX_RANK,
     "the dimension along which, counted with the batch"},
    LN_P_END};

int32_t ln_layer_concatenate(ln_call *call) {
  int32_t axis;
  if (!ln_axis_normalize(ln_call_int(call, "axis"), ln_call_shape(call, call->inputs[0])->rank, &axis) || axis == 0) {
    return ln_call_fail(call, "axis", "there is no such dimension beside the batch");
  }
  ln_concatenation_options options;
  ln_schema_set_defaults(LN_TABLE_concatenation_options, &options);
  options.axis = axis;
  return ln_call_op(call, LN_OP_CONCATENATION, "joined", &options, call->inputs, call->input_count);
}

int32_t ln_layer_dot(ln_call *call) {
  static const int32_t last = -1;
  const int32_t product = ln_call_binary(call, LN_OP_MUL, "product", call->inputs[0], call->inputs[1]);
  return ln_call_mean(call, LN_OP_SUM, "sum", product, &last, 1, true);
}
