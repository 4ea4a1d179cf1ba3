/* Select-TF operators that builtin operators' functions run, with options made from inputs (ops/flex_adapt.h). */
#include "ops/flex_adapt.h"

#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"

/* ---- Gather, GatherV2: the axis is input 2 ---- */

static ln_status gather_options(const ln_node *node, ln_error *err, ln_gather_options *options) {
  int64_t axis = 0, batch_dims = 0;
  memset(options, 0, sizeof *options);
  LN_TRY(ln_attr_int(node, err, "batch_dims", -LN_MAX_RANK, LN_MAX_RANK, &batch_dims));
  if (node->in_count > 2) LN_TRY(ln_node_int(node, 2, &axis, err));
  if (axis < -LN_MAX_RANK || axis > LN_MAX_RANK) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)axis);
  }
  options->axis = (int32_t)axis;
  options->batch_dims = (int32_t)batch_dims;
  return LN_OK;
}

ln_status ln_flex_gather_infer(ln_node *node, ln_error *err) {
  ln_gather_options options;
  ln_stand_in s;
  LN_TRY(gather_options(node, err, &options));
  return ln_gather_infer(ln_stand_in_for(node, &options, &s), err);
}

ln_status ln_flex_gather_run(const ln_node *node, ln_exec *exec) {
  ln_gather_options options;
  ln_stand_in s;
  LN_TRY(gather_options(node, exec->err, &options));
  return ln_gather_run(ln_stand_in_for(node, &options, &s), exec);
}

/* ---- Concat (the axis first), ConcatV2 (the axis last) ---- */

/* CONCATENATION's row, which a build may lack, as far as its functions ask: where the axis stands. */
static const ln_op_def axis_in_options = {
    .name = "CONCATENATION", .code = LN_OP_CONCATENATION, .variant = LN_CONCATENATION};

static ln_status concat_parts(const ln_node *node, ln_error *err, ln_concatenation_options *options, ln_stand_in *s) {
  const bool axis_first = node->op->def->variant == LN_FLEX_AXIS_FIRST;
  int64_t axis = 0;
  memset(options, 0, sizeof *options);
  if (node->in_count < 2) return ln_node_fail(node, err, LN_ERR_MODEL, "has nothing to join");
  LN_TRY(ln_node_int(node, axis_first ? 0 : node->in_count - 1, &axis, err));
  if (axis < -LN_MAX_RANK || axis > LN_MAX_RANK) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)axis);
  }
  options->axis = (int32_t)axis;
  ln_stand_in_for(node, options, s);
  s->op.def = &axis_in_options;
  s->node.in_count = node->in_count - 1;
  if (axis_first) s->node.in = node->in + 1;
  return LN_OK;
}

/* The row's types say no more than that each input is of some type: the parts must be of the output's, which they name.
 */
static ln_status check_parts(const ln_node *node, const ln_node *parts, ln_error *err) {
  for (int32_t i = 0; i < parts->in_count; ++i) {
    if (parts->in[i] == NULL || parts->in[i]->type != node->out[0]->type) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "part %d is not of the output's type", (int)i);
    }
  }
  return LN_OK;
}

ln_status ln_flex_concat_infer(ln_node *node, ln_error *err) {
  ln_concatenation_options options;
  ln_stand_in s;
  LN_TRY(concat_parts(node, err, &options, &s));
  LN_TRY(check_parts(node, &s.node, err));
  return ln_concatenation_infer(&s.node, err);
}

ln_status ln_flex_concat_run(const ln_node *node, ln_exec *exec) {
  ln_concatenation_options options;
  ln_stand_in s;
  LN_TRY(concat_parts(node, exec->err, &options, &s));
  return ln_concatenation_run(&s.node, exec);
}

/* ---- ClipByValue: tensor, least, most, where StableHLO's clamp has the tensor second ---- */

static ln_node *clamp_stand_in(const ln_node *node, ln_tensor *in[3], ln_stand_in *s) {
  in[0] = node->in[1];
  in[1] = node->in[0];
  in[2] = node->in[2];
  ln_stand_in_for(node, NULL, s);
  s->node.in = in;
  return &s->node;
}

ln_status ln_clip_infer(ln_node *node, ln_error *err) {
  ln_tensor *in[3];
  ln_stand_in s;
  return ln_hlo_clamp_infer(clamp_stand_in(node, in, &s), err);
}

ln_status ln_clip_prepare(ln_node *node, ln_prep *prep) {
  ln_tensor *in[3];
  ln_stand_in s;
  LN_TRY(ln_hlo_clamp_prepare(clamp_stand_in(node, in, &s), prep));
  ln_stand_in_keep(&s, node);
  return LN_OK;
}

ln_status ln_clip_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *in[3];
  ln_stand_in s;
  return ln_hlo_clamp_run(clamp_stand_in(node, in, &s), exec);
}

/* ---- ShapeN, Size ---- */

static ln_node *shape_stand_in(const ln_node *node, int32_t index, ln_shape_options *options, ln_stand_in *s) {
  memset(options, 0, sizeof *options);
  options->out_type = (int8_t)node->out[index]->type;
  ln_stand_in_for(node, options, s);
  s->node.in = node->in + index;
  s->node.out = node->out + index;
  s->node.in_count = s->node.out_count = 1;
  return &s->node;
}

ln_status ln_shape_n_infer(ln_node *node, ln_error *err) {
  ln_shape_options options;
  ln_stand_in s;
  if (node->in_count != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs and %d outputs", node->in_count, node->out_count);
  }
  for (int32_t i = 0; i < node->in_count; ++i) LN_TRY(ln_shape_infer(shape_stand_in(node, i, &options, &s), err));
  return LN_OK;
}

ln_status ln_shape_n_run(const ln_node *node, ln_exec *exec) {
  ln_shape_options options;
  ln_stand_in s;
  for (int32_t i = 0; i < node->in_count; ++i) LN_TRY(ln_shape_run(shape_stand_in(node, i, &options, &s), exec));
  return LN_OK;
}

ln_status ln_size_run(const ln_node *node, ln_exec *exec) {
  const size_t count = ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank);
  const int64_t wide = (int64_t)count;
  if (node->out[0]->type == LN_INT32 && count > INT32_MAX) {
    return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "%zu elements are more than int32 holds", count);
  }
  ln_k_cast(&wide, LN_NUMBER_I64, node->out[0]->data, ln_number_of(node->out[0]->type), 1);
  return LN_OK;
}

/* ---- IdentityN, EnsureShape, CheckNumerics: inputs handed on ---- */

ln_status ln_identity_n_infer(ln_node *node, ln_error *err) {
  if (node->in_count != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs and %d outputs", node->in_count, node->out_count);
  }
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i]->type != node->out[i]->type) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "output %d is not of input %d's type", i, i);
    }
    LN_TRY(ln_node_set_shape(node, i, &node->in[i]->shape, err));
  }
  return LN_OK;
}

ln_status ln_identity_n_run(const ln_node *node, ln_exec *exec) {
  for (int32_t i = 0; i < node->in_count; ++i) LN_TRY(ln_hand_on(node, i, exec));
  return LN_OK;
}

ln_status ln_ensure_shape_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  ln_nodedef def;
  ln_shape wanted;
  bool ranked = false;
  LN_TRY(ln_attr_open(node, err, &def));
  if (ln_nodedef_has(&def, "shape") && !ln_nodedef_shape(&def, "shape", &wanted, &ranked)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute shape is no shape");
  }
  bool fits = !ranked || wanted.rank == in->rank;
  for (int32_t i = 0; ranked && fits && i < in->rank; ++i) {
    fits = wanted.dims[i] == -1 || in->dims[i] == wanted.dims[i];
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_DATA, "the input is not of the shape it should be");
  return ln_infer_same(node, err);
}

ln_status ln_check_numerics_run(const ln_node *node, ln_exec *exec) {
  enum { CHUNK = 256 };
  const ln_tensor *in = node->in[0];
  const size_t count = ln_shape_span(&in->shape, 0, in->shape.rank), bytes = ln_type_bytes(in->type);
  double values[CHUNK];
  for (size_t at = 0; at < count; at += CHUNK) {
    const size_t part = count - at < CHUNK ? count - at : CHUNK;
    ln_k_cast((const char *)in->data + at * bytes, ln_number_of(in->type), values, LN_NUMBER_F64, part);
    for (size_t i = 0; i < part; ++i) {
      if (isfinite(values[i])) continue;
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "\"%s\" holds %s", in->name,
                          isnan(values[i]) ? "a NaN" : "an infinity");
    }
  }
  ln_move_bytes(exec, in->data, node->out[0]->data, node->out[0]->bytes);
  return LN_OK;
}
