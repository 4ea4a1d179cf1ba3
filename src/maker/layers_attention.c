/* Attention of several heads: Vaswani et al., "Attention Is All You Need", 2017. */
#include <math.h>

#include "maker/builder.h"

const ln_parameter ln_layer_parameters_multi_head_attention[] = {
    {"num_heads", LN_PARAMETER_INTEGER, NULL, NULL, 1, 1024, "heads"},
    {"key_dim", LN_PARAMETER_INTEGER, NULL, NULL, 1, 65536, "width of queries and keys of a head"},
    {"value_dim", LN_PARAMETER_INTEGER, "0", NULL, 0, 65536, "width of values of a head; 0: key_dim"},
    {"dropout", LN_PARAMETER_NUMBER, "0", NULL, 0, 0.999, "the share of the scores that training drops"},
    {"use_causal_mask", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "whether a step sees those before it alone"},
    LN_P_USE_BIAS,
    LN_P_INITIALIZER("kernel_initializer", "glorot_uniform"),
    LN_P_INITIALIZER("bias_initializer", "zeros"),
    LN_P_END};

/* Names of what belongs to queries, keys, values and the output. */
typedef struct projection {
  const char *kernel, *bias, *product, *split, *turned;
} projection;

static const projection of_query = {"query/kernel", "query/bias", "query", "query_heads", "query_turned"};
static const projection of_key = {"key/kernel", "key/bias", "key", "key_heads", "key_turned"};
static const projection of_value = {"value/kernel", "value/bias", "value", "value_heads", "value_turned"};
static const projection of_output = {"output/kernel", "output/bias", "output", "joined", "output_turned"};

static int32_t project(ln_call *call, const projection *p, int32_t input, int32_t width) {
  if (ln_call_failed(call)) return -1;
  const ln_shape *shape = ln_call_shape(call, input);
  const int32_t dims[2] = {shape->dims[shape->rank - 1], width};
  const int32_t kernel = ln_call_weight(call, p->kernel, "kernel_initializer", 2, dims, (const int32_t[]){1, 0});
  int32_t bias = -1;
  if (ln_call_flag(call, "use_bias")) bias = ln_call_weight(call, p->bias, "bias_initializer", 1, &width, NULL);
  return ln_call_product(call, p->product, input, kernel, bias);
}

/* [batch, heads, steps, width] */
static int32_t heads_of(ln_call *call, const projection *p, int32_t input, int32_t heads, int32_t width) {
  static const int32_t order[4] = {0, 2, 1, 3};
  const int32_t steps = ln_call_shape(call, input)->dims[1];
  const int32_t product = project(call, p, input, heads * width);
  const int32_t split = ln_call_reshape(call, p->split, product, 3, (const int32_t[]){steps, heads, width});
  return ln_call_transpose(call, p->turned, split, order);
}

/* Zeros on and below the diagonal, a large negative number above it. */
static int32_t mask_of(ln_call *call, int32_t rows, int32_t columns) {
  const ln_shape shape = ln_shape_make(2, (const int32_t[]){rows, columns});
  size_t count;
  float *values = ln_shape_elements(&shape, &count) && count <= 1 << 26
                      ? ln_arena_array(&call->builder->model->arena, count, sizeof *values)
                      : NULL;
  if (values == NULL) return ln_call_no_memory(call);
  for (size_t i = 0; i < count; ++i) values[i] = i % (size_t)columns > i / (size_t)columns ? -1e9f : 0.0f;
  return ln_call_floats_constant(call, "causal_mask", &shape, values);
}

int32_t ln_layer_multi_head_attention(ln_call *call) {
  static const int32_t order[4] = {0, 2, 1, 3};
  const int32_t heads = ln_call_int(call, "num_heads"), key_dim = ln_call_int(call, "key_dim");
  const int32_t value_dim = ln_call_int(call, "value_dim") > 0 ? ln_call_int(call, "value_dim") : key_dim;
  const int32_t query = call->inputs[0], value = call->inputs[call->input_count > 1 ? 1 : 0];
  const int32_t key = call->input_count > 2 ? call->inputs[2] : value;
  for (int32_t i = 0; i < call->input_count; ++i) {
    if (!ln_call_wants_rank(call, i, 3)) return -1;
  }
  const ln_shape asks = *ln_call_shape(call, query);
  const int32_t seen = ln_call_shape(call, key)->dims[1];
  const int32_t q = heads_of(call, &of_query, query, heads, key_dim);
  const int32_t k = heads_of(call, &of_key, key, heads, key_dim);
  const int32_t v = heads_of(call, &of_value, value, heads, value_dim);
  const int32_t scale = ln_call_number_constant(call, "scale", 1 / sqrt(key_dim));
  const int32_t scaled = ln_call_binary(call, LN_OP_MUL, "query_scaled", q, scale);
  ln_batch_mat_mul_options options;
  ln_schema_set_defaults(LN_TABLE_batch_mat_mul_options, &options);
  options.adj_y = true;
  int32_t scores = ln_call_op(call, LN_OP_BATCH_MATMUL, "scores", &options, (const int32_t[]){scaled, k}, 2);
  if (ln_call_flag(call, "use_causal_mask")) {
    scores = ln_call_binary(call, LN_OP_ADD, "masked", scores, mask_of(call, asks.dims[1], seen));
  }
  const int32_t shares = ln_call_activate(call, "shares", "softmax", scores);
  if (ln_call_number(call, "dropout") > 0 && !ln_call_failed(call)) {
    call->made->notes =
        ln_arena_printf(&call->builder->model->arena, " dropout=%.9g scores=%s", ln_call_number(call, "dropout"),
                        call->builder->model->graphs[0].tensors[shares].name);
  }
  const int32_t mixed = ln_call_binary(call, LN_OP_BATCH_MATMUL, "mixed", shares, v);
  const int32_t turned = ln_call_transpose(call, of_output.turned, mixed, order);
  const int32_t joined =
      ln_call_reshape(call, of_output.split, turned, 2, (const int32_t[]){asks.dims[1], heads * value_dim});
  return project(call, &of_output, joined, asks.dims[2]);
}
