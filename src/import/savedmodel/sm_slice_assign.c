/* Values put into a part of a tensor or variable: v[1:3, i] = x. */
#include "import/savedmodel/savedmodel.h"

typedef struct part {
  int32_t place[LN_MAX_RANK]; /* int32 scalars: where it begins */
  int32_t size[LN_MAX_RANK];
} part;

/* Where one axis is cut, and how many of it; false where it is none of a fixed size with steps of one. */
static bool take_axis(ln_sm_call *c, int32_t a, const int32_t *in, int32_t i, part *out) {
  ln_emit *e = c->e;
  int64_t begin[LN_MAX_RANK], end[LN_MAX_RANK];
  const int32_t size = ln_emit_dim(e, a, i);
  const bool open_begin = (ln_sm_int(c, "begin_mask", 0) >> i & 1) != 0,
             open_end = (ln_sm_int(c, "end_mask", 0) >> i & 1) != 0;
  if ((ln_sm_int(c, "shrink_axis_mask", 0) >> i & 1) != 0) {
    out->size[i] = 1;
    out->place[i] = ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_emit_pick(e, ln_emit_cast(e, in[0], LN_INT32), 0, i),
                                   ln_emit_i32(e, size));
    return size > 0;
  }
  if ((!open_begin && !ln_emit_ints(e, in[0], begin, LN_MAX_RANK, NULL)) ||
      (!open_end && !ln_emit_ints(e, in[1], end, LN_MAX_RANK, NULL)) || size < 0)
    return false;
  int64_t from = open_begin ? 0 : begin[i], to = open_end ? size : end[i];
  from = from < 0 ? from + size : from;
  to = to < 0 ? to + size : to;
  from = from < 0 ? 0 : from > size ? size : from;
  to = to < from ? from : to > size ? size : to;
  out->size[i] = (int32_t)(to - from);
  out->place[i] = ln_emit_i32(e, (int32_t)from);
  return true;
}

static bool take_part(ln_sm_call *c, int32_t a, const int32_t *in, part *out) {
  int64_t steps[LN_MAX_RANK];
  int32_t count = 0;
  const int32_t rank = ln_emit_rank(c->e, a);
  if (ln_sm_int(c, "ellipsis_mask", 0) != 0 || ln_sm_int(c, "new_axis_mask", 0) != 0 ||
      !ln_emit_ints(c->e, in[2], steps, LN_MAX_RANK, &count) || count > rank)
    return false;
  for (int32_t i = 0; i < rank; ++i) {
    out->size[i] = ln_emit_dim(c->e, a, i);
    out->place[i] = ln_emit_i32(c->e, 0);
    if (i >= count ? out->size[i] < 0 : steps[i] != 1 || !take_axis(c, a, in, i, out)) return false;
  }
  return rank > 0;
}

/* The tensor with the value in that part. */
static int32_t put(ln_sm_call *c, int32_t a, const part *p, int32_t value) {
  ln_emit *e = c->e;
  const int32_t rank = ln_emit_rank(e, a), shrunk = (int32_t)ln_sm_int(c, "shrink_axis_mask", 0);
  ln_dim dims[LN_MAX_RANK], whole[LN_MAX_RANK];
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    whole[i] = LN_DIM(p->size[i]);
    if ((shrunk >> i & 1) == 0) dims[count++] = LN_DIM(p->size[i]);
  }
  value = ln_emit_reshape(e, ln_emit_broadcast(e, value, count, dims), rank, whole);
  const int32_t in[3] = {a, value, ln_emit_pack(e, 0, rank, p->place)};
  return ln_emit_op(e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, in, ln_emit_type(e, a));
}

/* TensorStridedSliceUpdate; ResourceStridedSliceAssign (variant 1): tensor or variable, begin, end, steps, value */
void ln_sm_op_slice_assign(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), in[3] = {ln_sm_in(c, 1), ln_sm_in(c, 2), ln_sm_in(c, 3)}, value = ln_sm_in(c, 4);
  part p;
  if (a < 0 || value < 0) return;
  if (!take_part(c, a, in, &p)) {
    ln_emit_refuse(c->e, "it sets a part of an open size, or with steps; use scatter_nd_update");
    return;
  }
  const ln_sm_value made = ln_sm_tensor(c->e, put(c, a, &p, value));
  if (c->variant == 0) ln_sm_give_value(c, 0, made);
  else ln_sm_assign_variable(c, &c->in[0], &made);
}
