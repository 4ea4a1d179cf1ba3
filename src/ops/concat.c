/* CONCATENATION: inputs side by side along an axis; 8-bit inputs of other scales are requantized on the way. */
#include <math.h>

#include "kernels/requantize_copy.h"
#include "ops/move.h"
#include "ops/rows.h"

static ln_status concat_axis(const ln_node *node, int32_t *axis, ln_error *err) {
  const bool is_hlo = node->op->def->variant == LN_CONCATENATION_HLO;
  const int64_t asked = is_hlo ? LN_OPTIONS(node, stablehlo_concatenate_options)->dimension
                               : LN_OPTIONS(node, concatenation_options)->axis;
  if (ln_axis_normalize(asked, node->in[0]->shape.rank, axis)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)asked);
}

static bool same_scale(const ln_tensor *a, const ln_tensor *b) {
  return a->quant->count == b->quant->count && ln_scale_of(a) == ln_scale_of(b) &&
         ln_zero_point_of(a) == ln_zero_point_of(b);
}

/* Packed bits are joined as they are. */
static ln_status check_packed(const ln_node *node, ln_error *err) {
  const int32_t bits = ln_type_bits(node->out[0]->type);
  for (int32_t i = 0; i < node->in_count && bits > 0 && bits < 8; ++i) {
    if (same_scale(node->in[i], node->out[0])) continue;
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "input %d has another scale than the output", (int)i);
  }
  return LN_OK;
}

ln_status ln_concatenation_infer(ln_node *node, ln_error *err) {
  int32_t axis = 0;
  LN_TRY(concat_axis(node, &axis, err));
  LN_TRY(check_packed(node, err));
  ln_shape shape = node->in[0]->shape;
  int64_t total = 0;
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_shape *in = &node->in[i]->shape;
    bool fits = in->rank == shape.rank;
    for (int32_t d = 0; d < shape.rank && fits; ++d) fits = d == axis || in->dims[d] == shape.dims[d];
    if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d differs from input 0 off the axis", (int)i);
    total += in->dims[axis];
  }
  if (total > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "the axis grows too long");
  shape.dims[axis] = (int32_t)total;
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_concatenation_prepare(ln_node *node, ln_prep *prep) {
  const bool is_hlo = node->op->def->variant == LN_CONCATENATION_HLO;
  if (!is_hlo && LN_OPTIONS(node, concatenation_options)->fused_activation_function != LN_ACT_NONE) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a fused activation");
  }
  const ln_tensor *out = node->out[0];
  int32_t axis = 0;
  LN_TRY(concat_axis(node, &axis, prep->err));
  node->joins = ln_type_bits(out->type) >= 8 && ln_shape_span(&out->shape, 0, axis) == 1;
  for (int32_t i = 0; i < node->in_count; ++i) {
    node->joins = node->joins && (same_scale(node->in[i], out) || ln_item_bytes(out) > 1);
  }
  if (out->type != LN_INT8 && out->type != LN_UINT8) return LN_OK;
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_tensor *in = node->in[i];
    if (same_scale(in, out) || in->quant->count == 0) continue;
    if (!(ln_scale_of(out) > 0.0f) || !isfinite(ln_scale_of(in) / ln_scale_of(out))) {
      return ln_node_fail(node, prep->err, LN_ERR_MODEL, "input %d cannot be brought to the output's scale", (int)i);
    }
  }
  return LN_OK;
}

/* One input's part of each outer row. */
static void requantize_input(const ln_tensor *in, const ln_tensor *out, size_t outer, size_t in_row, size_t out_row,
                             char *dst) {
  const float scale = ln_scale_of(in) * (1.0f / ln_scale_of(out));
  const float bias = (float)-ln_zero_point_of(in) * scale;
  const char *src = in->data;
  for (size_t i = 0; i < outer; ++i, src += in_row, dst += out_row) {
    if (out->type == LN_UINT8) {
      ln_k_requantize_copy_u8((const uint8_t *)src, (uint8_t *)dst, in_row, scale, bias, ln_zero_point_of(out));
    } else {
      ln_k_requantize_copy_i8((const int8_t *)src, (int8_t *)dst, in_row, scale, bias, ln_zero_point_of(out));
    }
  }
}

ln_status ln_concatenation_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out)) return LN_OK;
  int32_t axis = 0;
  LN_TRY(concat_axis(node, &axis, exec->err));
  const size_t item = ln_item_bytes(out);
  const size_t outer = ln_shape_span(&out->shape, 0, axis);
  const size_t out_row = ln_shape_span(&out->shape, axis, out->shape.rank) * item;
  char *dst = out->data;
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_tensor *in = node->in[i];
    if (ln_tensor_is_empty(in)) continue;
    const size_t in_row = ln_shape_span(&in->shape, axis, in->shape.rank) * item;
    if (item == 1 && out->type != LN_BOOL && in->quant->count > 0 && !same_scale(in, out)) {
      requantize_input(in, out, outer, in_row, out_row, dst);
    } else {
      ln_copy_plan plan;
      ln_copy_begin(&plan, in_row);
      ln_copy_dim(&plan, outer, in_row, out_row);
      ln_move(exec, &plan, in->data, dst);
    }
    dst += in_row;
  }
  return LN_OK;
}
