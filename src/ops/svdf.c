/* SVDF: input, feature weights, time weights, bias, state. The state is updated in place; its newest column last. */
#include "kernels/svdf.h"

#include <math.h>

#include "ops/recurrent.h"
#include "ops/rows.h"

enum { INPUT, FEATURE_WEIGHTS, TIME_WEIGHTS, BIAS, STATE };

typedef struct svdf_args {
  ln_svdf_f32 f32; /* the one of the input's type is filled in; pointers to tensors are set in run */
  ln_svdf_i8 i8;
  ln_recurrent_sums sums; /* of the feature weights */
  int32_t *feature_bias;  /* [filters] */
  bool folded;            /* feature_bias holds for every run */
} svdf_args;

static ln_status read_size(const ln_node *node, ln_error *err, ln_svdf_size *size) {
  const ln_shape *input = &node->in[INPUT]->shape;
  const ln_shape *feature = &node->in[FEATURE_WEIGHTS]->shape, *time = &node->in[TIME_WEIGHTS]->shape;
  size->rank = LN_OPTIONS(node, svdf_options)->rank;
  if (input->rank != 2 || feature->rank != 2 || time->rank != 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input and both weights must be matrices");
  }
  size->batches = input->dims[0];
  size->inputs = input->dims[1];
  size->filters = feature->dims[0];
  size->memory = time->dims[1];
  if (feature->dims[1] != size->inputs || time->dims[0] != size->filters) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the weights do not fit the input or one another");
  }
  if (size->rank < 1 || size->filters < 1 || size->memory < 1 || size->filters % size->rank != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d filters of memory %d cannot be grouped by rank %d", size->filters,
                        size->memory, size->rank);
  }
  return LN_OK;
}

ln_status ln_svdf_infer(ln_node *node, ln_error *err) {
  ln_svdf_size size;
  LN_TRY(read_size(node, err, &size));
  const int32_t dims[2] = {size.batches, size.filters / size.rank};
  const ln_shape shape = ln_shape_make(2, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_svdf_macs(const ln_node *node) {
  ln_svdf_size size;
  if (read_size(node, NULL, &size) != LN_OK) return 0;
  const double macs = (double)size.batches * size.filters * ((double)size.inputs + size.memory);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

static ln_status check_tensors(const ln_node *node, ln_error *err, const ln_svdf_size *size) {
  const ln_tensor *bias = node->in[BIAS], *state = node->in[STATE];
  const int32_t units = size->filters / size->rank;
  size_t elements;
  if (bias != NULL && (bias->shape.rank != 1 || bias->shape.dims[0] != units)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the bias must have the shape [%d]", units);
  }
  if (!state->is_variable) return ln_node_fail(node, err, LN_ERR_MODEL, "the state must be a variable");
  const int32_t dims[3] = {size->batches, size->filters, size->memory};
  const ln_shape wanted = ln_shape_make(3, dims);
  size_t wanted_elements;
  if (!ln_shape_elements(&state->shape, &elements) || !ln_shape_elements(&wanted, &wanted_elements) ||
      elements != wanted_elements) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the state must hold %d x %d x %d values", dims[0], dims[1], dims[2]);
  }
  return LN_OK;
}

static ln_status prepare_scales(const ln_node *node, ln_error *err, ln_svdf_i8 *svdf) {
  const float input = ln_scale_of(node->in[INPUT]), feature = ln_scale_of(node->in[FEATURE_WEIGHTS]);
  const float time = ln_scale_of(node->in[TIME_WEIGHTS]), state = ln_scale_of(node->in[STATE]);
  const float output = ln_scale_of(node->out[0]);
  const float to_state = input * feature / state, to_output = state * time / output;
  if (!(to_state > 0.0f) || !(to_output > 0.0f) || !isfinite(to_state) || !isfinite(to_output)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "scales are missing or make no usable multiplier");
  }
  svdf->state_scale = ln_quantize_multiplier(to_state);
  svdf->output_scale = ln_quantize_multiplier(to_output);
  svdf->zero_point = ln_zero_point_of(node->out[0]);
  svdf->low = INT8_MIN;
  svdf->high = INT8_MAX;
  return LN_OK;
}

static void fold_bias(const ln_node *node, const svdf_args *args) {
  ln_k_matvec_fold_bias(node->in[FEATURE_WEIGHTS]->data, args->i8.size.filters, args->i8.size.inputs,
                        ln_zero_point_of(node->in[INPUT]), NULL, args->feature_bias);
}

static ln_status prepare_i8(ln_node *node, ln_prep *prep, const ln_svdf_size *size, svdf_args *args) {
  args->i8.matvec = LN_KERNEL_OF(matvec, i8);
  args->i8.size = *size;
  LN_TRY(prepare_scales(node, prep->err, &args->i8));
  args->feature_bias = ln_arena_array(prep->arena, (size_t)size->filters, sizeof(int32_t));
  if (args->feature_bias == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->folded = ln_tensor_const_data(node->in[FEATURE_WEIGHTS]);
  if (args->folded) fold_bias(node, args);
  return LN_OK;
}

static ln_status prepare_f32(const ln_node *node, ln_prep *prep, const ln_svdf_size *size, svdf_args *args) {
  const ln_svdf_options *options = LN_OPTIONS(node, svdf_options);
  if (options->fused_activation_function < LN_ACT_NONE || options->fused_activation_function > LN_ACT_SIGN_BIT) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "activation %d", options->fused_activation_function);
  }
  args->f32.functions = ln_recurrent_functions_get();
  args->f32.mode = ln_recurrent_mode_of(node->in[FEATURE_WEIGHTS], options->asymmetric_quantize_inputs);
  args->f32.size = *size;
  args->f32.activation = (ln_recurrent_activation)options->fused_activation_function;
  LN_TRY(ln_recurrent_check_scale(node, FEATURE_WEIGHTS, prep->err));
  LN_TRY(ln_recurrent_check_scale(node, TIME_WEIGHTS, prep->err));
  return ln_recurrent_prepare_sums(node, FEATURE_WEIGHTS, args->f32.mode, prep, &args->sums);
}

/* Scratch: sums and products of the filters, and the input quantized. */
ln_status ln_svdf_prepare(ln_node *node, ln_prep *prep) {
  ln_svdf_size size;
  LN_TRY(read_size(node, prep->err, &size));
  LN_TRY(check_tensors(node, prep->err, &size));
  svdf_args *args = LN_NODE_ARGS(node, prep, svdf_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  node->scratch_bytes = (size_t)size.filters * (sizeof(float) + sizeof(int32_t)) + (size_t)size.inputs;
  if (node->in[INPUT]->type == LN_INT8) return prepare_i8(node, prep, &size, args);
  return prepare_f32(node, prep, &size, args);
}

static void run_f32(const ln_node *node, const svdf_args *args, void *block) {
  const ln_tensor *time = node->in[TIME_WEIGHTS];
  ln_svdf_f32 svdf = args->f32;
  ln_svdf_scratch scratch = {.sums = block};
  scratch.products = (int32_t *)(void *)(scratch.sums + svdf.size.filters);
  scratch.input = (int8_t *)(scratch.products + svdf.size.filters);
  svdf.feature_weights = ln_recurrent_bind(node, FEATURE_WEIGHTS, &args->sums);
  if (time->type == LN_FLOAT32) svdf.time_weights = time->data;
  else svdf.time_weights_i8 = time->data;
  svdf.time_scale = ln_scale_of(time);
  svdf.bias = node->in[BIAS] != NULL ? node->in[BIAS]->data : NULL;
  ln_k_svdf_f32(&svdf, node->in[INPUT]->data, node->in[STATE]->data, &scratch, node->out[0]->data);
}

ln_status ln_svdf_run(const ln_node *node, ln_exec *exec) {
  const svdf_args *args = node->args;
  const ln_tensor *state = node->in[STATE];
  if (state->bytes == 0) return LN_OK; /* no batches */
  if (node->in[INPUT]->type == LN_FLOAT32) {
    run_f32(node, args, exec->scratch);
    return LN_OK;
  }
  if (!args->folded) fold_bias(node, args);
  ln_svdf_i8 svdf = args->i8;
  svdf.feature_weights = node->in[FEATURE_WEIGHTS]->data;
  svdf.feature_bias = args->feature_bias;
  svdf.time_weights = node->in[TIME_WEIGHTS]->data;
  svdf.bias = node->in[BIAS] != NULL ? node->in[BIAS]->data : NULL;
  if (state->type == LN_INT8) {
    ln_k_svdf_i8_state_i8(&svdf, node->in[INPUT]->data, state->data, exec->scratch, node->out[0]->data);
  } else {
    ln_k_svdf_i8_state_i16(&svdf, node->in[INPUT]->data, state->data, exec->scratch, node->out[0]->data);
  }
  return LN_OK;
}
