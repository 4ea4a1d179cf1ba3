/* Normalizations, with the numbers of a trained model. */
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* A vector as it lies along the axes of `a`: [1, 1, c]; -1 stays -1. */
static int32_t along(ln_keras_call *call, int32_t vector, int32_t a, int32_t count, const int32_t *axes) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(call->e, a);
  if (vector < 0 || ln_emit_failed(call->e)) return -1;
  const ln_shape shape = ln_emit_shape(call->e, vector);
  for (int32_t i = 0; i < rank; ++i) dims[i] = LN_DIM(1);
  for (int32_t i = 0; i < count; ++i) {
    dims[axes[i]] = LN_DIM(shape.rank == count ? shape.dims[i]
                           : i == 0            ? (int32_t)ln_emit_elements(call->e, vector)
                                               : 1);
  }
  const bool last = count == 1 && axes[0] == rank - 1 && shape.rank == 1;
  return last ? vector : ln_emit_reshape(call->e, vector, rank, dims);
}

/* Axes of a config, counted from the front; false after a failure. */
static bool read_axes(ln_keras_call *call, int32_t a, int32_t *count, int32_t *axes) {
  const int32_t rank = ln_emit_rank(call->e, a);
  if (ln_emit_failed(call->e)) return false;
  axes[0] = -1;
  *count = ln_keras_ints(call->config, "axis", LN_MAX_RANK, axes);
  if (*count == 0) *count = 1;
  for (int32_t i = 0; i < *count; ++i) {
    if (axes[i] < 0) axes[i] += rank;
    if (axes[i] < 0 || axes[i] >= rank) {
      ln_emit_wrong(call->e, "there is no axis %d", (int)axes[i]);
      return false;
    }
  }
  for (int32_t i = 1; i < *count; ++i) {
    for (int32_t j = i; j > 0 && axes[j - 1] > axes[j]; --j) {
      const int32_t other = axes[j];
      axes[j] = axes[j - 1];
      axes[j - 1] = other;
    }
  }
  return true;
}

/* a * gamma / sqrt(variance + epsilon) + rest; all of it but two operators is known now. */
int32_t ln_keras_batch_norm(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t count, axes[LN_MAX_RANK];
  const int32_t a = ln_keras_input(call);
  const int32_t gamma = ln_keras_weight(call, "gamma"), beta = ln_keras_weight(call, "beta");
  const int32_t mean = ln_keras_weight(call, "moving_mean"), variance = ln_keras_weight(call, "moving_variance");
  if (!read_axes(call, a, &count, axes)) return -1;
  const double epsilon = ln_keras_number(call->config, "epsilon", 1e-3);
  int32_t scale, shift;
  if (!ln_emit_batch_factors(e, mean, variance, gamma, beta, epsilon, &scale, &shift)) return -1;
  const int32_t product = ln_emit_mul(e, a, along(call, scale, a, count, axes));
  return ln_emit_add(e, product, along(call, shift, a, count, axes));
}

static int32_t scaled(ln_keras_call *call, int32_t a, int32_t scale, int32_t shift) {
  if (scale >= 0) a = ln_emit_mul(call->e, a, scale);
  return shift >= 0 ? ln_emit_add(call->e, a, shift) : a;
}

int32_t ln_keras_layer_norm(ln_keras_call *call) {
  int32_t count, axes[LN_MAX_RANK];
  const int32_t a = ln_keras_input(call);
  if (!read_axes(call, a, &count, axes)) return -1;
  const double epsilon = ln_keras_number(call->config, "epsilon", 1e-3);
  const int32_t gamma = along(call, ln_keras_weight(call, "gamma"), a, count, axes);
  const int32_t beta = along(call, ln_keras_weight(call, "beta"), a, count, axes);
  if (ln_keras_flag(call->config, "rms_scaling", false)) {
    /* Divided by the root of the variance, without the mean being taken off. */
    ln_emit *e = call->e;
    int32_t mean, apart;
    const int32_t variance = ln_emit_variance(e, a, count, axes, true, &mean, &apart);
    const int32_t factor = ln_emit_unary(e, LN_OP_RSQRT, ln_emit_add_number(e, variance, epsilon));
    return scaled(call, ln_emit_mul(e, a, factor), gamma, -1);
  }
  return ln_emit_layer_norm(call->e, a, count, axes, epsilon, gamma, beta);
}

int32_t ln_keras_rms_norm(ln_keras_call *call) {
  int32_t count, axes[LN_MAX_RANK];
  const int32_t a = ln_keras_input(call);
  if (!read_axes(call, a, &count, axes)) return -1;
  const int32_t scale = along(call, ln_keras_weight(call, "scale"), a, count, axes);
  return ln_emit_rms_norm(call->e, a, count, axes, ln_keras_number(call->config, "epsilon", 1e-6), scale);
}

/* [batch, space..., channels] as [batch, space, groups, channels / groups], normalized over space and the last. */
static int32_t normalized_groups(ln_keras_call *call, int32_t a, int32_t groups) {
  static const int32_t axes[2] = {1, 3};
  ln_emit *e = call->e;
  const int32_t channels = ln_emit_dim(e, a, -1);
  if (groups == -1) groups = channels;
  if (channels < 1 || groups < 1 || channels % groups != 0)
    return ln_emit_refuse(e, "channels do not come out in groups");
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM_REST, LN_DIM(groups), LN_DIM(channels / groups)};
  const int32_t grouped = ln_emit_reshape(e, a, 4, dims);
  const double epsilon = ln_keras_number(call->config, "epsilon", 1e-3);
  return ln_emit_reshape_like(e, ln_emit_standardize(e, grouped, 2, axes, epsilon), a);
}

int32_t ln_keras_group_norm(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t count, axes[LN_MAX_RANK], a = ln_keras_input(call);
  if (!read_axes(call, a, &count, axes)) return -1;
  const int32_t rank = ln_emit_rank(e, a);
  int32_t order[LN_MAX_RANK], back[LN_MAX_RANK], used = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != axes[0]) order[used++] = i;
  }
  order[rank - 1] = axes[0];
  for (int32_t i = 0; i < rank; ++i) back[order[i]] = i;
  const bool moves = axes[0] != rank - 1;
  if (moves) a = ln_emit_transpose(e, a, order);
  a = normalized_groups(call, a, ln_keras_int(call->config, "groups", 32));
  a = scaled(call, a, ln_keras_weight(call, "gamma"), ln_keras_weight(call, "beta"));
  return moves ? ln_emit_transpose(e, a, back) : a;
}

int32_t ln_keras_unit_norm(ln_keras_call *call) {
  int32_t count, axes[LN_MAX_RANK];
  const int32_t a = ln_keras_input(call);
  if (!read_axes(call, a, &count, axes)) return -1;
  return ln_emit_unit_norm(call->e, a, count, axes, 1e-12);
}

/* Its weights are normalized while it is trained; the file holds what came out. */
int32_t ln_keras_spectral_norm(ln_keras_call *call) {
  ln_keras_weights inner;
  const cJSON *layer = ln_keras_option(call->config, "layer");
  if (!ln_keras_inner(call, layer, "layer", &inner)) return -1;
  return ln_keras_apply(call, layer, &inner, call->inputs, &call->outputs) ? LN_EMIT_NONE : -1;
}

/* ---- preprocessing with numbers ---- */

/* Numbers that the config has, as one number or nested lists; -1 without. */
static int32_t given(ln_keras_call *call, const char *key) {
  const cJSON *item = ln_keras_option(call->config, key);
  return item == NULL ? -1 : ln_keras_operand(call, item, LN_FLOAT32);
}

static int32_t statistic(ln_keras_call *call, const char *key, const char *weight, int32_t a, int32_t count,
                         const int32_t *axes) {
  int32_t vector = given(call, key);
  if (vector < 0) vector = ln_keras_weight(call, weight);
  if (ln_emit_failed(call->e) || ln_emit_rank(call->e, vector) == 0) return vector;
  return ln_emit_rank(call->e, vector) >= ln_emit_rank(call->e, a) || count == 0 ? vector
                                                                                 : along(call, vector, a, count, axes);
}

int32_t ln_keras_normalization(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t count = 0, axes[LN_MAX_RANK];
  const int32_t a = ln_keras_input(call);
  const cJSON *axis = ln_keras_option(call->config, "axis");
  if (axis != NULL && !(cJSON_IsArray(axis) && axis->child == NULL) && !read_axes(call, a, &count, axes)) return -1;
  const int32_t mean = statistic(call, "mean", "mean", a, count, axes);
  const int32_t variance = statistic(call, "variance", "variance", a, count, axes);
  const int32_t root = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_unary(e, LN_OP_SQRT, variance), ln_emit_f32(e, 1e-7));
  if (ln_keras_flag(call->config, "invert", false)) return ln_emit_add(e, mean, ln_emit_mul(e, a, root));
  return ln_emit_div(e, ln_emit_sub(e, a, mean), root);
}

int32_t ln_keras_rescaling(ln_keras_call *call) {
  const int32_t scale = given(call, "scale"), offset = given(call, "offset");
  return scaled(call, ln_keras_input(call), scale, offset);
}

#endif
