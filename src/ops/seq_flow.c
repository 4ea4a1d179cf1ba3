/*
 * The custom operators of seq_flow_lite's text models (PRADO, QRNN) that work on quantized numbers, batch 1:
 * ExpectedValueOp (values weighed by a softmax over time), PoolingOp (a QRNN's state) and LayerNorm. They compute in
 * float32 in the order that their library does, so that the stored results agree.
 */
#include <math.h>

#include "ops/elementwise.h"
#include "ops/move.h"
#include "ops/rows.h"

/* A tensor's quantization. */
typedef struct scale {
  int32_t zero;
  float step;
} scale;

static scale scale_of(const ln_tensor *tensor) { return (scale){ln_zero_point_of(tensor), ln_scale_of(tensor)}; }

static ln_status check_scales(const ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < node->in_count + node->out_count; ++i) {
    const ln_tensor *tensor = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
    const bool plain = tensor->type == LN_INT32 || (tensor->shape.rank == 1 && node->op->def->variant != 0);
    if (plain || ln_scale_of(tensor) > 0.0f) continue;
    return ln_node_fail(node, err, LN_ERR_MODEL, "\"%.100s\" has no usable scale", tensor->name);
  }
  return LN_OK;
}

static float real_of(scale s, int32_t stored) { return (float)(stored - s.zero) * s.step; }

/* Rounded half away from 0 before the zero point is added; what is no number or far away becomes an end. */
static int32_t store(float value, scale s, int32_t low, int32_t high) {
  const float steps = value * (1.0f / s.step);
  if (!(steps > -1e9f)) return low;
  if (steps > 1e9f) return high;
  const int32_t stored = (int32_t)(steps + (steps >= 0.0f ? 0.5f : -0.5f)) + s.zero;
  return stored < low ? low : (stored > high ? high : stored);
}

static bool is_sequence(const ln_tensor *tensor, const ln_shape *like) {
  return tensor->shape.rank == 3 && tensor->shape.dims[0] == 1 && ln_shape_equal(&tensor->shape, like);
}

/* ---- ExpectedValueOp: logits, values [1, time, channels] > [1, channels] ---- */

ln_status ln_expected_value_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (!is_sequence(node->in[0], in) || !is_sequence(node->in[1], in)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "logits and values must be [1, time, channels], both alike");
  }
  const ln_shape shape = {2, {1, in->dims[2]}};
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_seq_flow_prepare(ln_node *node, ln_prep *prep) { return check_scales(node, prep->err); }

ln_status ln_expected_value_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t steps = (size_t)node->in[0]->shape.dims[1], channels = (size_t)node->in[0]->shape.dims[2];
  const uint8_t *logits = node->in[0]->data, *values = node->in[1]->data;
  const scale in = scale_of(node->in[1]), out = scale_of(node->out[0]);
  const float step = ln_scale_of(node->in[0]);
  float weights[256];
  for (int32_t i = 0; i < 256; ++i) weights[i] = expf((float)-i * step);
  for (size_t c = 0; c < channels; ++c) {
    uint8_t most = 0;
    float sum = 0.0f, total = 0.0f;
    for (size_t t = 0; t < steps; ++t) most = logits[t * channels + c] > most ? logits[t * channels + c] : most;
    for (size_t t = 0; t < steps; ++t) {
      const float weight = weights[most - logits[t * channels + c]];
      sum += weight;
      total += weight * real_of(in, values[t * channels + c]);
    }
    ((uint8_t *)node->out[0]->data)[c] = (uint8_t)store(total / sum, out, 0, 255);
  }
  return LN_OK;
}

/* ---- PoolingOp: factors, terms [1, time, states], direction [1] > states [1, time, states], the last [1, states] ----
 */

enum { FORWARD = 255 };

ln_status ln_qrnn_pool_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (!is_sequence(node->in[0], in) || !is_sequence(node->in[1], in) || node->in[2]->shape.rank != 1 ||
      node->in[2]->shape.dims[0] != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "factors and terms must be [1, time, states], both alike");
  }
  const ln_shape last = {2, {1, in->dims[2]}};
  LN_TRY(ln_node_set_shape(node, 0, in, err));
  return node->out_count > 1 ? ln_node_set_shape(node, 1, &last, err) : LN_OK;
}

ln_status ln_qrnn_pool_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t steps = (size_t)node->in[0]->shape.dims[1], states = (size_t)node->in[0]->shape.dims[2];
  const uint8_t *factors = node->in[0]->data, *terms = node->in[1]->data;
  const scale factor = scale_of(node->in[0]), term = scale_of(node->in[1]), out = scale_of(node->out[0]);
  const bool forward = *(const uint8_t *)node->in[2]->data == FORWARD;
  for (size_t s = 0; s < states; ++s) {
    float state = 0.0f;
    for (size_t t = 0; t < steps; ++t) {
      const size_t at = (forward ? t : steps - 1 - t) * states + s;
      state = state * real_of(factor, factors[at]) + real_of(term, terms[at]);
      ((uint8_t *)node->out[0]->data)[at] = (uint8_t)store(state, out, 0, 255);
    }
    if (node->out_count < 2) continue;
    ((uint8_t *)node->out[1]->data)[s] = (uint8_t)store(state, scale_of(node->out[1]), 0, 255);
  }
  return LN_OK;
}

/* ---- LayerNorm: x, scale [1], offset [1], axes ---- */

typedef struct norm_args {
  bool gone[LN_MAX_RANK];
  bool last_only; /* the last dimension alone: computed from stored values */
  size_t features, rows;
} norm_args;

ln_status ln_seq_norm_prepare(ln_node *node, ln_prep *prep) {
  norm_args *args = LN_NODE_ARGS(node, prep, norm_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *in = &node->in[0]->shape;
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(check_scales(node, prep->err));
  LN_TRY(ln_node_ints(node, 3, axes, LN_MAX_RANK, &count, prep->err));
  *args = (norm_args){.features = 1, .rows = 1};
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis;
    if (!ln_axis_normalize(axes[i], in->rank, &axis)) {
      return ln_node_fail(node, prep->err, LN_ERR_MODEL, "axis %lld of %d dimensions", (long long)axes[i], in->rank);
    }
    args->gone[axis] = true;
  }
  for (int32_t d = 0; d < in->rank; ++d) *(args->gone[d] ? &args->features : &args->rows) *= (size_t)in->dims[d];
  args->last_only = count == 1 && args->gone[in->rank - 1];
  size_t sums;
  if (ln_size_mul(args->rows, 2 * sizeof(float), &sums)) {
    node->scratch_bytes = sums;
    return LN_OK;
  }
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

ln_status ln_seq_norm_infer(ln_node *node, ln_error *err) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  for (int32_t i = 1; i < 3; ++i) {
    if (node->in[i]->shape.rank == 1 && node->in[i]->shape.dims[0] == 1) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "scale and offset must be one number each");
  }
  LN_TRY(ln_node_ints(node, 3, axes, LN_MAX_RANK, &count, err));
  return ln_infer_same(node, err);
}

static int32_t stored_at(const ln_tensor *tensor, size_t i) {
  return tensor->type == LN_INT8 ? ((const int8_t *)tensor->data)[i] : ((const uint8_t *)tensor->data)[i];
}

static void keep(ln_tensor *tensor, size_t i, int32_t value) {
  if (tensor->type == LN_INT8) ((int8_t *)tensor->data)[i] = (int8_t)value;
  else ((uint8_t *)tensor->data)[i] = (uint8_t)value;
}

static int32_t clamp_round(float value, bool sign) {
  const int32_t low = sign ? INT8_MIN : 0, high = sign ? INT8_MAX : UINT8_MAX;
  if (!(value > -1e9f)) return low;
  if (value > 1e9f) return high;
  const int32_t rounded = (int32_t)(value + (value >= 0.0f ? 0.5f : -0.5f));
  return rounded < low ? low : (rounded > high ? high : rounded);
}

static void norm_row(const ln_tensor *in, size_t first, size_t count, float by, float offset, scale to,
                     ln_tensor *out) {
  int64_t sum = 0, squares = 0;
  for (size_t i = first; i < first + count; ++i) {
    const int32_t q = stored_at(in, i);
    sum += q;
    squares += q * q;
  }
  const float inverse = 1.0f / (float)count, inverse_step = 1.0f / to.step;
  const float mean = (float)sum * inverse, variance = (float)squares * inverse - mean * mean;
  const float deviation = (float)(1.0 / sqrt((double)variance + 1e-6));
  const float factor = deviation * (by * inverse_step);
  const float bias = (float)to.zero + offset * inverse_step - mean * factor;
  for (size_t i = first; i < first + count; ++i) {
    keep(out, i, clamp_round((float)stored_at(in, i) * factor + bias, out->type == LN_INT8));
  }
}

/* Which sum an element belongs to. */
static size_t row_of(const ln_shape *shape, const norm_args *args, size_t at) {
  size_t row = 0, span = 1;
  for (int32_t d = shape->rank - 1; d >= 0; at /= (size_t)shape->dims[d--]) {
    if (args->gone[d]) continue;
    row += at % (size_t)shape->dims[d] * span;
    span *= (size_t)shape->dims[d];
  }
  return row;
}

static void norm_any(const ln_node *node, const norm_args *args, float by, float offset, float *sums) {
  const ln_tensor *in = node->in[0];
  const scale from = scale_of(in), to = scale_of(node->out[0]);
  const size_t count = ln_shape_span(&in->shape, 0, in->shape.rank);
  float *squares = sums + args->rows;
  for (size_t i = 0; i < 2 * args->rows; ++i) sums[i] = 0.0f;
  for (size_t i = 0; i < count; ++i) {
    const float x = real_of(from, stored_at(in, i));
    const size_t row = row_of(&in->shape, args, i);
    sums[row] += x;
    squares[row] += x * x;
  }
  for (size_t r = 0; r < args->rows; ++r) { /* become factor and bias */
    const float mean = sums[r] / (float)args->features, variance = squares[r] / (float)args->features - mean * mean;
    const float deviation = (float)(1.0 / sqrt((double)variance + 1e-6));
    sums[r] = deviation * by;
    squares[r] = offset - mean * deviation * by;
  }
  const bool sign = in->type == LN_INT8;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = row_of(&in->shape, args, i);
    const float value = real_of(from, stored_at(in, i)) * sums[row] + squares[row];
    keep(node->out[0], i, store(value, to, sign ? INT8_MIN : 0, sign ? INT8_MAX : UINT8_MAX));
  }
}

ln_status ln_seq_norm_run(const ln_node *node, ln_exec *exec) {
  const norm_args *args = node->args;
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  const float by = real_of(scale_of(node->in[1]), stored_at(node->in[1], 0));
  const float offset = real_of(scale_of(node->in[2]), stored_at(node->in[2], 0));
  if (!args->last_only) {
    norm_any(node, args, by, offset, exec->scratch);
    return LN_OK;
  }
  for (size_t r = 0; r < args->rows; ++r) {
    norm_row(node->in[0], r * args->features, args->features, by, offset, scale_of(node->out[0]), node->out[0]);
  }
  return LN_OK;
}
