/* Layers that make one tensor of several. */
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* The type that all inputs can become: float32 if one is. */
static ln_type common_type(ln_keras_call *call) {
  ln_type type = ln_emit_type(call->e, call->inputs.items[0].tensor);
  for (int32_t i = 1; i < call->inputs.count; ++i) {
    const ln_type own = ln_emit_type(call->e, call->inputs.items[i].tensor);
    if (own == LN_FLOAT32 || type == LN_BOOL || (own == LN_INT64 && type != LN_FLOAT32)) type = own;
  }
  return type;
}

/* Inputs of as many dimensions as the longest has, and of one type. */
static bool aligned(ln_keras_call *call, int32_t *parts) {
  static const int32_t behind = 1;
  int32_t rank = 0;
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no inputs") > 0;
  const ln_type type = common_type(call);
  for (int32_t i = 0; i < call->inputs.count; ++i) {
    const int32_t own = ln_emit_rank(call->e, call->inputs.items[i].tensor);
    if (own > rank) rank = own;
  }
  for (int32_t i = 0; i < call->inputs.count; ++i) {
    parts[i] = call->inputs.items[i].tensor;
    parts[i] = parts[i] < 0 ? -1 : ln_emit_cast(call->e, parts[i], type);
    while (!ln_emit_failed(call->e) && ln_emit_rank(call->e, parts[i]) < rank) {
      parts[i] = ln_emit_expand(call->e, parts[i], 1, &behind);
    }
  }
  return !ln_emit_failed(call->e);
}

/* Keras 3: a step counts where any input's does, if all have a mask; tf-keras: where those of all that have one do. */
static int32_t merged_mask(ln_keras_call *call) {
  int32_t mask = -1;
  for (int32_t i = 0; i < call->inputs.count; ++i) {
    const int32_t own = call->inputs.items[i].mask;
    if (own < 0 && call->k->keras3) return -1;
    if (own < 0) continue;
    mask = mask < 0 ? own : ln_emit_binary(call->e, call->k->keras3 ? LN_OP_LOGICAL_OR : LN_OP_LOGICAL_AND, mask, own);
  }
  return mask;
}

static int32_t finish(ln_keras_call *call, int32_t result, int32_t mask) {
  if (result < 0 || !ln_keras_give(call, 1)) return -1;
  call->outputs.items[0] = (ln_keras_value){result, mask};
  return LN_EMIT_NONE;
}

/* code: the operator of two; LN_OP_MEAN: the sum over their number. */
int32_t ln_keras_merge(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES];
  const bool mean = call->row->code == LN_OP_MEAN;
  if (!aligned(call, parts)) return -1;
  int32_t result = parts[0];
  for (int32_t i = 1; i < call->inputs.count; ++i) {
    result = ln_emit_binary(call->e, mean ? LN_OP_ADD : call->row->code, result, parts[i]);
  }
  if (mean) result = ln_emit_mul_number(call->e, result, 1.0 / call->inputs.count);
  return finish(call, result, merged_mask(call));
}

/* Masks beside one another where time is joined; else where all count. */
static int32_t concatenated_mask(ln_keras_call *call, int32_t axis, int32_t rank) {
  ln_emit *e = call->e;
  int32_t masks[LN_KERAS_VALUES], mask = -1;
  bool any = false;
  for (int32_t i = 0; i < call->inputs.count; ++i) any |= call->inputs.items[i].mask >= 0;
  if (!any || (axis != rank - 1 && axis != 1)) return -1;
  for (int32_t i = 0; i < call->inputs.count; ++i) {
    const ln_keras_value *in = &call->inputs.items[i];
    const ln_dim dims[2] = {LN_DIM_OF(in->tensor, 0), LN_DIM_OF(in->tensor, 1)};
    masks[i] = in->mask >= 0 ? in->mask : ln_emit_broadcast(e, ln_emit_scalar(e, LN_BOOL, 1), 2, dims);
    const int32_t code = call->k->keras3 ? LN_OP_LOGICAL_OR : LN_OP_LOGICAL_AND;
    mask = i == 0 ? masks[0] : axis == 1 ? -1 : ln_emit_binary(e, code, mask, masks[i]);
  }
  return axis == 1 && rank > 2 ? ln_emit_concat(e, 1, call->inputs.count, masks) : mask;
}

int32_t ln_keras_concatenate(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES], axis = ln_keras_int(call->config, "axis", -1);
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no inputs");
  const ln_type type = common_type(call);
  for (int32_t i = 0; i < call->inputs.count; ++i) {
    parts[i] = call->inputs.items[i].tensor;
    parts[i] = parts[i] < 0 ? -1 : ln_emit_cast(call->e, parts[i], type);
  }
  const int32_t rank = ln_emit_rank(call->e, parts[0]);
  if (axis < 0) axis += rank;
  const int32_t result = call->inputs.count == 1 ? parts[0] : ln_emit_concat(call->e, axis, call->inputs.count, parts);
  return finish(call, result, concatenated_mask(call, axis, rank));
}

/* Products over one axis of each, for each element of the batch; what is left of both stays. */
int32_t ln_keras_dot(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[2], parts[2], ranks[2];
  if (call->inputs.count != 2) return ln_emit_wrong(e, "two inputs are wanted");
  if (!ln_keras_tuple(call, "axes", 2, -1, axes)) return -1;
  for (int32_t i = 0; i < 2; ++i) {
    parts[i] = ln_keras_floats(call, call->inputs.items[i].tensor);
    ranks[i] = ln_emit_rank(e, parts[i]);
    if (ln_emit_failed(e)) return -1;
    if (ranks[i] < 2 || ranks[i] > 3) return ln_emit_refuse(e, "inputs of two or three dimensions are wanted");
    if (axes[i] < 0) axes[i] += ranks[i];
    if (axes[i] < 1 || axes[i] >= ranks[i]) return ln_emit_wrong(e, "axes are out of range");
    if (ln_keras_flag(call->config, "normalize", false)) parts[i] = ln_emit_unit_norm(e, parts[i], 1, &axes[i], 1e-12);
  }
  /* [batch, rows, sum] by [batch, sum, columns] */
  const int32_t row = 1, column = 2;
  int32_t x = ranks[0] == 2 ? ln_emit_expand(e, parts[0], 1, &row) : parts[0];
  int32_t y = ranks[1] == 2 ? ln_emit_expand(e, parts[1], 1, &column) : parts[1];
  const bool turn_x = ranks[0] == 3 && axes[0] == 1, turn_y = ranks[1] == 3 && axes[1] == 2;
  const int32_t result = ln_emit_matmul(e, x, y, turn_x, turn_y);
  if (ranks[0] == 2 && ranks[1] == 2) return ln_emit_squeeze(e, result, 1, &column);
  if (ranks[0] == 2) return ln_emit_squeeze(e, result, 1, &row);
  return ranks[1] == 2 ? ln_emit_squeeze(e, result, 1, &column) : result;
}

/* a + scale * b: Inception-ResNet's. */
int32_t ln_keras_scaled_sum(ln_keras_call *call) {
  if (call->inputs.count != 2) return ln_emit_wrong(call->e, "it takes two inputs, not %d", (int)call->inputs.count);
  const int32_t a = ln_keras_floats(call, call->inputs.items[0].tensor);
  const int32_t b = ln_keras_floats(call, call->inputs.items[1].tensor);
  return ln_emit_add(call->e, a, ln_emit_mul_number(call->e, b, ln_keras_number(call->config, "scale", 1)));
}

/* Each channel by a number of its own: ConvNeXt's. */
int32_t ln_keras_layer_scale(ln_keras_call *call) {
  return ln_emit_mul(call->e, ln_keras_input(call), ln_keras_weight(call, "gamma"));
}

#endif
