#include "float_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "build_model.h"
#include "optimize/optimize.h"

static float number(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / (float)(1 << 23) - 1.0f;
}

/* Uniform numbers whose rows along `axis` differ in size; their variance keeps activations about as large as inputs. */
static int32_t weights(ln_model *model, const int32_t *dims, int32_t rank, int32_t axis, float fan_in, float spread,
                       uint32_t *seed) {
  size_t count = 1, inner = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  for (int32_t i = axis + 1; i < rank; ++i) inner *= (size_t)dims[i];
  float *values = malloc(count * sizeof *values), *sizes = malloc((size_t)dims[axis] * sizeof *sizes);
  for (int32_t i = 0; i < dims[axis]; ++i) sizes[i] = exp2f(spread * number(seed)) * sqrtf(5 / fan_in);
  for (size_t i = 0; i < count; ++i) values[i] = number(seed) * sizes[i / inner % (size_t)dims[axis]];
  const int32_t index = build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
  free(values);
  free(sizes);
  return index;
}

static int32_t bias(ln_model *model, int32_t count, uint32_t *seed) {
  float values[256];
  for (int32_t i = 0; i < count; ++i) values[i] = 0.2f * number(seed);
  return build_constant(model, LN_FLOAT32, 1, &count, values, (size_t)count * sizeof *values);
}

static int32_t layer(ln_model *model, int32_t code, int32_t in, int32_t filter, int32_t channels, int32_t activation,
                     uint32_t *seed) {
  const int32_t dims[] = {1, FLOAT_NET_SIDE, FLOAT_NET_SIDE, channels};
  const int32_t out = build_output(model, LN_FLOAT32, 4, dims);
  --model->graphs[0].output_count;
  const int32_t inputs[] = {in, filter, bias(model, channels, seed)};
  ln_op *op = build_op(model, ln_op_find(code), 3, inputs, 1, &out);
  if (code == LN_OP_CONV_2D) {
    ln_conv2d_options *options = BUILD_OPTIONS(op, conv2d_options);
    options->padding = LN_PADDING_SAME;
    options->stride_w = options->stride_h = 1;
    options->fused_activation_function = (int8_t)activation;
  } else {
    ln_depthwise_conv2d_options *options = BUILD_OPTIONS(op, depthwise_conv2d_options);
    options->padding = LN_PADDING_SAME;
    options->stride_w = options->stride_h = options->depth_multiplier = 1;
    options->fused_activation_function = (int8_t)activation;
  }
  return out;
}

ln_model *float_net(int32_t activation, float spread) {
  enum { MIDDLE = 16, WIDE = 128, FLAT = FLOAT_NET_SIDE * FLOAT_NET_SIDE * MIDDLE };
  ln_model *model = build_model(), *read = NULL;
  uint32_t seed = 5;
  int32_t x = build_input(model, LN_FLOAT32, 4, (int32_t[]){1, FLOAT_NET_SIDE, FLOAT_NET_SIDE, FLOAT_NET_CHANNELS});
  int32_t w =
      weights(model, (int32_t[]){MIDDLE, 3, 3, FLOAT_NET_CHANNELS}, 4, 0, 9 * FLOAT_NET_CHANNELS, spread, &seed);
  x = layer(model, LN_OP_CONV_2D, x, w, MIDDLE, activation, &seed);
  w = weights(model, (int32_t[]){WIDE, 1, 1, MIDDLE}, 4, 0, MIDDLE, spread, &seed);
  x = layer(model, LN_OP_CONV_2D, x, w, WIDE, activation, &seed);
  w = weights(model, (int32_t[]){1, 3, 3, WIDE}, 4, 3, 9, spread, &seed);
  x = layer(model, LN_OP_DEPTHWISE_CONV_2D, x, w, WIDE, activation, &seed);
  w = weights(model, (int32_t[]){MIDDLE, 1, 1, WIDE}, 4, 0, WIDE, spread, &seed);
  x = layer(model, LN_OP_CONV_2D, x, w, MIDDLE, 0, &seed);
  const int32_t flat[] = {1, FLAT}, classes[] = {1, FLOAT_NET_CLASSES};
  const int32_t shape = build_constant(model, LN_INT32, 1, (int32_t[]){2}, flat, sizeof flat);
  const int32_t reshaped = build_output(model, LN_FLOAT32, 2, flat);
  --model->graphs[0].output_count;
  build_op(model, ln_op_find(LN_OP_RESHAPE), 2, (int32_t[]){x, shape}, 1, &reshaped);
  w = weights(model, (int32_t[]){FLOAT_NET_CLASSES, FLAT}, 2, 0, FLAT, spread, &seed);
  const int32_t b = bias(model, FLOAT_NET_CLASSES, &seed);
  const int32_t out = build_output(model, LN_FLOAT32, 2, classes);
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (int32_t[]){reshaped, w, b}, 1, &out);
  if (ln_edit_snapshot(model, NULL, &read) != LN_OK) abort();
  ln_model_destroy(model);
  return read;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  ln_tensor *input = ln_session_input(session, 0);
  uint32_t seed = (uint32_t)index * 2654435761u + 17;
  (void)user;
  (void)err;
  float value = 0; /* neighbours are alike, as in pictures */
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    value = 0.9f * value + 0.4f * number(&seed);
    ln_tensor_set_f32(input, i, value);
  }
  return LN_OK;
}

const ln_samples float_net_samples = {sizeof float_net_samples, 32, fill, NULL};

void float_net_run(ln_model *model, int64_t index, float *out) {
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, NULL, &err, &session) != LN_OK || fill(NULL, index, session, &err) != LN_OK ||
      ln_session_run(session, &err) != LN_OK) {
    fprintf(stderr, "%s\n", err.message);
    abort();
  }
  for (size_t i = 0; i < FLOAT_NET_CLASSES; ++i) out[i] = ln_tensor_get_f32(ln_session_output(session, 0), i);
  ln_session_destroy(session);
}
