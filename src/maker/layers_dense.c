/* Layers that multiply with a matrix, or look rows of one up. */
#include "maker/builder.h"

const ln_parameter ln_layer_parameters_dense[] = {LN_P_COUNT("units", "outputs"),
                                                  LN_P_ACTIVATION,
                                                  LN_P_USE_BIAS,
                                                  LN_P_INITIALIZER("kernel_initializer", "glorot_uniform"),
                                                  LN_P_INITIALIZER("bias_initializer", "zeros"),
                                                  LN_P_END};

int32_t ln_layer_dense(ln_call *call) {
  const ln_shape *shape = ln_call_shape(call, call->inputs[0]);
  const int32_t units = ln_call_int(call, "units");
  if (shape->rank < 2) return ln_call_fail(call, NULL, "Dense takes one dimension or more beside the batch");
  const int32_t dims[2] = {shape->dims[shape->rank - 1], units};
  const int32_t kernel = ln_call_weight(call, "kernel", "kernel_initializer", 2, dims, (const int32_t[]){1, 0});
  int32_t bias = -1;
  if (ln_call_flag(call, "use_bias")) bias = ln_call_weight(call, "bias", "bias_initializer", 1, &units, NULL);
  const int32_t product = ln_call_product(call, "product", call->inputs[0], kernel, bias);
  return ln_call_activate(call, "activation", ln_call_text(call, "activation"), product);
}

const ln_parameter ln_layer_parameters_embedding[] = {LN_P_COUNT("input_dim", "how many numbers there are, from 0 on"),
                                                      LN_P_COUNT("output_dim", "length of a vector"),
                                                      LN_P_INITIALIZER("embeddings_initializer", "uniform"), LN_P_END};

int32_t ln_layer_embedding(ln_call *call) {
  const int32_t dims[2] = {ln_call_int(call, "input_dim"), ln_call_int(call, "output_dim")};
  if (call->builder->model->graphs[0].tensors[call->inputs[0]].type == LN_FLOAT32) {
    return ln_call_fail(call, NULL, "Embedding takes an input of type int32 or int64");
  }
  const int32_t table = ln_call_weight(call, "embeddings", "embeddings_initializer", 2, dims, NULL);
  ln_gather_options options;
  ln_schema_set_defaults(LN_TABLE_gather_options, &options);
  return ln_call_op(call, LN_OP_GATHER, "rows", &options, (const int32_t[]){table, call->inputs[0]}, 2);
}

const ln_parameter ln_layer_parameters_position_embedding[] = {LN_P_INITIALIZER("initializer", "glorot_uniform"),
                                                               LN_P_END};

int32_t ln_layer_position_embedding(ln_call *call) {
  if (!ln_call_wants_rank(call, 0, 3)) return -1;
  const ln_shape shape = *ln_call_shape(call, call->inputs[0]);
  const int32_t positions = ln_call_weight(call, "embeddings", "initializer", 2, shape.dims + 1, NULL);
  return ln_call_binary(call, LN_OP_ADD, "sum", call->inputs[0], positions);
}
