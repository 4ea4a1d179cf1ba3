/* Normalizations: by stored statistics, by those of an image, of groups of channels, of a layer, of neighbours. */
#include <math.h>

#include "import/onnx/onnx.h"

/* [c] as [1, .., c, 1 ..] beside a tensor of `rank` dimensions whose channels are the second. */
static int32_t by_channel(ln_emit *e, int32_t a, int32_t rank) {
  int32_t axes[LN_MAX_RANK];
  if (a < 0 || rank <= 2) return a;
  for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
  return ln_emit_expand(e, a, rank - 2, axes);
}

/* ---- BatchNormalization ---- */

static int32_t mix(ln_emit *e, int32_t old, int32_t now, double momentum) {
  return ln_emit_add(e, ln_emit_mul_number(e, old, momentum), ln_emit_mul_number(e, now, 1 - momentum));
}

/* By the batch's own statistics, with which the running ones are mixed. */
static void batch_norm_training(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  const double momentum = ln_onnx_float(n, "momentum", 0.9f), epsilon = ln_onnx_float(n, "epsilon", 1e-5f);
  int32_t axes[LN_MAX_RANK], count = 0, mean, middle;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != 1) axes[count++] = i;
  }
  const int32_t variance = ln_emit_variance(e, a, count, axes, true, &mean, &middle);
  const int32_t deviation = ln_emit_unary(e, LN_OP_SQRT, ln_emit_add_number(e, variance, epsilon));
  const int32_t scale = by_channel(e, ln_onnx_in(n, 1), rank), shift = by_channel(e, ln_onnx_in(n, 2), rank);
  ln_onnx_out(n, 0, ln_emit_add(e, ln_emit_mul(e, ln_emit_div(e, middle, deviation), scale), shift));
  ln_onnx_out(n, 1, mix(e, ln_onnx_in(n, 3), ln_emit_reshape_like(e, mean, ln_onnx_in(n, 3)), momentum));
  ln_onnx_out(n, 2, mix(e, ln_onnx_in(n, 4), ln_emit_reshape_like(e, variance, ln_onnx_in(n, 4)), momentum));
}

/* Channels last: factors of channels are then what the operators' inner dimension holds. */
void ln_onnx_batch_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), scale = ln_onnx_in(n, 1), shift = ln_onnx_in(n, 2);
  const int32_t mean = ln_onnx_in(n, 3), variance = ln_onnx_in(n, 4);
  const double epsilon = ln_onnx_float(n, "epsilon", 1e-5f);
  if (ln_emit_failed(e)) return;
  const bool old = n->version < 7 && ln_onnx_int(n, "is_test", 0) == 0;
  if (ln_onnx_int(n, "training_mode", 0) != 0 || old) {
    batch_norm_training(n);
    return;
  }
  int32_t factor, offset;
  if (!ln_emit_batch_factors(e, mean, variance, scale, shift, epsilon, &factor, &offset)) return;
  const ln_type type = ln_emit_type(e, a);
  const int32_t scaled = ln_emit_mul(e, ln_emit_channels_last(e, a), ln_emit_cast(e, factor, type));
  ln_onnx_out(n, 0, ln_emit_channels_first(e, ln_emit_add(e, scaled, ln_emit_cast(e, offset, type))));
}

/* ---- InstanceNormalization, GroupNormalization ---- */

void ln_onnx_instance_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  int32_t axes[LN_MAX_RANK];
  if (ln_emit_failed(e)) return;
  if (rank < 3) {
    ln_emit_wrong(e, "its input has %d dimensions", rank);
    return;
  }
  for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
  const int32_t even =
      ln_emit_standardize(e, ln_emit_channels_last(e, a), rank - 2, axes, ln_onnx_float(n, "epsilon", 1e-5f));
  const int32_t out = ln_emit_add(e, ln_emit_mul(e, even, ln_onnx_in(n, 1)), ln_onnx_in(n, 2));
  ln_onnx_out(n, 0, ln_emit_channels_first(e, out));
}

/* A factor for each group (versions before 21) or channel, beside [n, groups, channels of a group, rest]. */
static int32_t by_group(ln_emit *e, int32_t a, int32_t groups, int32_t size) {
  const int32_t count = ln_emit_dim(e, a, 0);
  const ln_dim dims[4] = {LN_DIM(1), LN_DIM(groups), LN_DIM(count == groups ? 1 : size), LN_DIM(1)};
  return ln_emit_reshape(e, a, 4, dims);
}

void ln_onnx_group_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), channels = ln_emit_dim(e, a, 1), axes[2] = {2, 3};
  const int32_t groups = ln_onnx_int32(n, "num_groups", 0);
  if (ln_emit_failed(e)) return;
  if (ln_emit_rank(e, a) < 2 || groups < 1 || channels < 1 || channels % groups != 0) {
    ln_emit_wrong(e, "%d channels do not fall into %d groups", channels, groups);
    return;
  }
  const int32_t size = channels / groups;
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM(groups), LN_DIM(size), LN_DIM_REST};
  const int32_t even =
      ln_emit_standardize(e, ln_emit_reshape(e, a, 4, dims), 2, axes, ln_onnx_float(n, "epsilon", 1e-5f));
  const int32_t scaled = ln_emit_mul(e, even, by_group(e, ln_onnx_in(n, 1), groups, size));
  const int32_t out = ln_emit_add(e, scaled, by_group(e, ln_onnx_in(n, 2), groups, size));
  ln_onnx_out(n, 0, ln_emit_reshape_like(e, out, a));
}

/* ---- LayerNormalization ---- */

/* Computed in float32 unless the input is wider; scale and bias are of the input's type. */
void ln_onnx_layer_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a), shift = ln_onnx_in(n, 2);
  const int32_t axis = ln_onnx_axis(n, "axis", -1, rank);
  const double epsilon = ln_onnx_float(n, "epsilon", 1e-5f);
  int32_t axes[LN_MAX_RANK], mean, middle;
  if (axis < 0) return;
  const ln_type type = ln_emit_type(e, a), wide = type == LN_FLOAT64 ? LN_FLOAT64 : LN_FLOAT32;
  for (int32_t i = axis; i < rank; ++i) axes[i - axis] = i;
  const int32_t x = ln_emit_cast(e, a, wide), count = rank - axis;
  const int32_t variance = ln_emit_variance(e, x, count, axes, true, &mean, &middle);
  const int32_t inverse = ln_emit_unary(e, LN_OP_RSQRT, ln_emit_add_number(e, variance, epsilon));
  const int32_t even = ln_emit_cast(e, ln_emit_mul(e, middle, inverse), type);
  const int32_t scaled = ln_emit_mul(e, even, ln_onnx_in(n, 1));
  ln_onnx_out(n, 0, shift < 0 ? scaled : ln_emit_add(e, scaled, shift));
  if (ln_onnx_wants(n, 1)) ln_onnx_out(n, 1, mean);
  if (ln_onnx_wants(n, 2)) ln_onnx_out(n, 2, inverse);
}

/* ---- LRN ---- */

/* TensorFlow Lite's goes over the last dimension and takes as many neighbours on both sides. */
void ln_onnx_lrn(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), size = ln_onnx_int32(n, "size", 1);
  const double alpha = ln_onnx_float(n, "alpha", 1e-4f), beta = ln_onnx_float(n, "beta", 0.75);
  if (ln_emit_failed(e)) return;
  if (size < 1 || size > 4096) {
    ln_emit_wrong(e, "a size of %d", size);
    return;
  }
  if (size % 2 == 1 && ln_emit_rank(e, a) == 4) {
    const ln_local_response_normalization_options options = {.radius = size / 2,
                                                             .bias = (float)ln_onnx_float(n, "bias", 1),
                                                             .alpha = (float)(alpha / size),
                                                             .beta = (float)beta};
    const int32_t last = ln_emit_channels_last(e, a);
    const int32_t out = ln_emit_op(e, LN_OP_LOCAL_RESPONSE_NORMALIZATION, &options, 1, &last, ln_emit_type(e, a));
    ln_onnx_out(n, 0, ln_emit_channels_first(e, out));
    return;
  }
  int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0}, sum = -1;
  before[1] = (size - 1) / 2;
  after[1] = size - 1 - before[1];
  const int32_t padded = ln_emit_pad(e, ln_emit_mul(e, a, a), before, after, 0);
  for (int32_t i = 0; i < size; ++i) {
    const int32_t part = ln_emit_slice(e, padded, 1, i, i == size - 1 ? INT32_MAX : i - size + 1, 1);
    sum = i == 0 ? part : ln_emit_add(e, sum, part);
  }
  const int32_t base = ln_emit_add_number(e, ln_emit_mul_number(e, sum, alpha / size), ln_onnx_float(n, "bias", 1));
  if (ln_emit_failed(e)) return;
  ln_onnx_out(n, 0, ln_emit_div(e, a, ln_emit_pow(e, base, ln_emit_scalar(e, ln_emit_type(e, a), beta))));
}
