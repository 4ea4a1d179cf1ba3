/* TensorFlow's constants and operators that only move elements. */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

/* ---- constants ---- */

static int32_t string_constant(ln_sm_call *c, const ln_nodedef_tensor *t) {
  size_t count;
  ln_wire_walker walker = ln_nodedef_tensor_strings(t);
  ln_wire_field field = {.bytes = {NULL, NULL}};
  if (!ln_shape_elements(&t->shape, &count) || count > ((size_t)1 << 26))
    return ln_emit_wrong(c->e, "its strings are too many");
  ln_arena work = {0};
  const char **texts = ln_arena_array(&work, count + 1, sizeof *texts);
  size_t *lengths = ln_arena_array(&work, count + 1, sizeof *lengths);
  for (size_t i = 0; texts != NULL && lengths != NULL && i < count; ++i) {
    ln_wire_field next;
    if (ln_wire_walk_bytes(&walker, &next)) field = next; /* the last one stands for all that follow */
    texts[i] = (const char *)field.bytes.at;
    lengths[i] = ln_wire_left(&field.bytes);
  }
  const int32_t made = texts != NULL && lengths != NULL
                           ? ln_emit_strings(c->e, t->shape.rank, t->shape.dims, texts, lengths)
                           : ln_import_no_memory(c->e->import);
  ln_arena_free(&work);
  return made;
}

/* A few bytes of a message may stand for any number of elements: no more than this. */
enum { MOST_REPEATED = 1 << 28 };

static int32_t constant(ln_sm_call *c, const ln_nodedef_tensor *t) {
  size_t bytes;
  if (t->type == LN_STRING) return string_constant(c, t);
  if (!ln_tensor_size(t->type, &t->shape, &bytes))
    return ln_emit_refuse(c->e, "a constant of %s", ln_type_name(t->type));
  if (bytes > MOST_REPEATED && bytes > ln_wire_left(&t->proto))
    return ln_emit_refuse(c->e, "a constant of %zu bytes is made of few", bytes);
  void *data = ln_arena_alloc(ln_emit_arena(c->e), bytes > 0 ? bytes : 1);
  if (data == NULL) return ln_import_no_memory(c->e->import);
  if (!ln_nodedef_tensor_numbers(t, data, bytes)) return ln_emit_wrong(c->e, "its value does not fit its shape");
  return ln_emit_constant(c->e, NULL, t->type, &t->shape, data, bytes);
}

bool ln_sm_give_asset(ln_sm_call *c) {
  const ln_sm *sm = ln_sm_of(c);
  for (int32_t i = 0; i < sm->asset_count && c->scope->graph == &sm->top; ++i) {
    if (strcmp(sm->assets[i].node, c->node->name) != 0) continue;
    ln_sm_give_value(c, 0, (ln_sm_value){.kind = LN_SM_ASSET, .index = i, .tensor = -1});
    return true;
  }
  return false;
}

void ln_sm_op_const(ln_sm_call *c) {
  ln_nodedef_tensor t;
  if (ln_sm_give_asset(c)) return;
  if (ln_nodedef_get_tensor(c->def, "value", &t)) ln_sm_result(c, constant(c, &t));
  else ln_emit_wrong(c->e, "its value is missing or of a type that there is not");
}

void ln_sm_op_fill(ln_sm_call *c) {
  const int32_t value = ln_sm_in(c, 1);
  ln_sm_result(
      c, ln_emit_op(c->e, LN_OP_FILL, NULL, 2, (const int32_t[]){ln_sm_in(c, 0), value}, ln_emit_type(c->e, value)));
}

void ln_sm_op_zeros_like(ln_sm_call *c) {
  if (c->in_count > 0 && c->in[0].kind == LN_SM_LIST) {
    ln_sm_give_value(c, 0, c->in[0]);
    return;
  }
  const int32_t a = ln_sm_in(c, 0);
  const ln_shape shape = ln_emit_shape(c->e, a);
  const bool plain =
      ln_emit_is_fixed(c->e, a) && ln_type_bits(ln_emit_type(c->e, a)) >= 8 && ln_emit_type(c->e, a) != LN_COMPLEX64;
  ln_sm_result(c, plain ? ln_emit_filled(c->e, ln_emit_type(c->e, a), shape.rank, shape.dims, 0)
                        : ln_emit_unary(c->e, LN_OP_ZEROS_LIKE, a));
}

static bool is_known_number(ln_sm_call *c, int32_t t, double *out) { return ln_emit_number(c->e, t, out); }

void ln_sm_op_range(ln_sm_call *c) {
  const int32_t in[3] = {ln_sm_in(c, 0), ln_sm_in(c, 1), ln_sm_in(c, 2)};
  const ln_type type = ln_emit_type(c->e, in[0]);
  if (type == LN_INT32 || type == LN_FLOAT32) {
    ln_sm_result(c, ln_emit_range(c->e, in[0], in[1], in[2]));
  } else {
    ln_sm_result(c, ln_emit_op(c->e, LN_OP_RANGE, NULL, 3, in, type));
  }
}

/* LinSpace: start, stop, count */
void ln_sm_op_linspace(ln_sm_call *c) {
  double from, to;
  int64_t count;
  if (!is_known_number(c, ln_sm_in(c, 0), &from) || !is_known_number(c, ln_sm_in(c, 1), &to) ||
      !ln_sm_const_int(c, 2, "count", &count) || count < 1 || count > 1 << 24) {
    ln_emit_refuse(c->e, "its start, stop and count must be constant");
    return;
  }
  float *values = ln_arena_array(ln_emit_arena(c->e), (size_t)count, sizeof *values);
  if (values == NULL) return;
  const float step = count > 1 ? (float)((to - from) / (double)(count - 1)) : 0;
  for (int64_t i = 0; i < count; ++i) values[i] = (float)from + step * (float)i;
  if (count > 1) values[count - 1] = (float)to;
  const int32_t size = (int32_t)count;
  ln_sm_result(c, ln_emit_cast(c->e, ln_emit_const_view(c->e, LN_FLOAT32, 1, &size, values), ln_sm_type(c, "T")));
}

/* ---- shapes ---- */

static ln_type index_type(const ln_sm_call *c) {
  ln_type type = LN_INT32;
  ln_nodedef_type(c->def, "out_type", &type);
  return type;
}

/* Shape, ShapeN */
void ln_sm_op_shape(ln_sm_call *c) {
  if (!ln_sm_outs(c, c->in_count)) return;
  for (int32_t i = 0; i < c->in_count; ++i)
    ln_sm_give(c, i, ln_emit_cast(c->e, ln_emit_shape_of(c->e, ln_sm_in(c, i)), index_type(c)));
}

void ln_sm_op_size(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_cast(c->e, ln_emit_count_of(c->e, ln_sm_in(c, 0)), index_type(c)));
}
void ln_sm_op_rank(ln_sm_call *c) { ln_sm_result(c, ln_emit_i32(c->e, ln_emit_rank(c->e, ln_sm_in(c, 0)))); }
void ln_sm_op_reshape(ln_sm_call *c) { ln_sm_result(c, ln_emit_reshape_to(c->e, ln_sm_in(c, 0), ln_sm_in(c, 1))); }

void ln_sm_op_squeeze(ln_sm_call *c) {
  int32_t axes[LN_MAX_RANK];
  const int32_t a = ln_sm_in(c, 0);
  int32_t count = ln_sm_ints(c, ln_nodedef_has(c->def, "squeeze_dims") ? "squeeze_dims" : "axis", axes, LN_MAX_RANK);
  if (count > LN_MAX_RANK) {
    ln_emit_wrong(c->e, "it has too many axes");
    return;
  }
  for (int32_t i = 0, rank = ln_emit_rank(c->e, a), none = count == 0; none && i < rank; ++i) {
    if (ln_emit_dim(c->e, a, i) == 1) axes[count++] = i;
  }
  ln_sm_result(c, count == 0 ? a : ln_emit_squeeze(c->e, a, count, axes));
}

void ln_sm_op_expand_dims(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  int32_t axis;
  if (ln_sm_axis(c, 1, ln_emit_rank(c->e, a) + 1, &axis)) ln_sm_result(c, ln_emit_expand(c->e, a, 1, &axis));
}

void ln_sm_op_transpose(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  int64_t order[LN_MAX_RANK];
  int32_t axes[LN_MAX_RANK], count = 0;
  if (!ln_sm_const_ints(c, 1, "order of axes", order, LN_MAX_RANK, &count)) return;
  for (int32_t i = 0; i < count; ++i) {
    if (count != ln_emit_rank(c->e, a) || !ln_axis_normalize(order[i], count, &axes[i])) {
      ln_emit_wrong(c->e, "its order is none of the input's axes");
      return;
    }
  }
  ln_sm_result(c, ln_emit_transpose(c->e, a, axes));
}

void ln_sm_op_broadcast_to(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_broadcast_to(c->e, ln_sm_in(c, 0), ln_sm_in(c, 1)));
}

void ln_sm_op_broadcast_args(ln_sm_call *c) {
  const int32_t in[2] = {ln_sm_in(c, 0), ln_sm_in(c, 1)};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_BROADCAST_ARGS, NULL, 2, in, ln_emit_type(c->e, in[0])));
}

void ln_sm_op_tile(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), times = ln_sm_in(c, 1);
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_TILE, NULL, 2, (const int32_t[]){a, times}, ln_emit_type(c->e, a)));
}

/* ---- joining and splitting ---- */

static bool take_all(ln_sm_call *c, int32_t first, int32_t count, int32_t **out) {
  *out = ln_arena_array(&c->scope->arena, (size_t)(count > 0 ? count : 0) + 1, sizeof **out);
  for (int32_t i = 0; *out != NULL && i < count; ++i) (*out)[i] = ln_sm_in(c, first + i);
  return *out != NULL && !ln_sm_failed(ln_sm_of(c));
}

/* ConcatV2: parts, axis; Concat (variant 1): axis, parts */
void ln_sm_op_concat(ln_sm_call *c) {
  const int32_t count = c->in_count - 1, first = c->variant == 1;
  int32_t *parts, axis;
  if (count < 1 || !take_all(c, first, count, &parts) ||
      !ln_sm_axis(c, c->variant == 1 ? 0 : count, ln_emit_rank(c->e, parts[0]), &axis))
    return;
  ln_sm_result(c, count == 1 ? parts[0] : ln_emit_concat(c->e, axis, count, parts));
}

void ln_sm_op_pack(ln_sm_call *c) {
  int32_t *parts;
  if (take_all(c, 0, c->in_count, &parts))
    ln_sm_result(c, ln_emit_pack(c->e, (int32_t)ln_sm_int(c, "axis", 0), c->in_count, parts));
}

static void give_parts(ln_sm_call *c, int32_t count, const int32_t *parts) {
  for (int32_t i = 0; i < count; ++i) ln_sm_give(c, i, parts[i]);
}

void ln_sm_op_unpack(ln_sm_call *c) {
  const int64_t count = ln_sm_int(c, "num", 0);
  if (count < 0 || count > LN_SM_MOST_LIST || !ln_sm_outs(c, (int32_t)count)) return;
  int32_t *parts = ln_arena_array(&c->scope->arena, (size_t)count + 1, sizeof *parts);
  if (parts == NULL || !ln_emit_unpack(c->e, ln_sm_in(c, 0), (int32_t)ln_sm_int(c, "axis", 0), (int32_t)count, parts))
    return;
  give_parts(c, (int32_t)count, parts);
}

/* Split: axis, value > parts */
void ln_sm_op_split(ln_sm_call *c) {
  const int64_t count = ln_sm_int(c, "num_split", 0);
  const int32_t a = ln_sm_in(c, 1);
  int32_t axis;
  if (!ln_sm_axis(c, 0, ln_emit_rank(c->e, a), &axis) || count < 1 || count > LN_SM_MOST_LIST ||
      !ln_sm_outs(c, (int32_t)count))
    return;
  const int32_t size = ln_emit_dim(c->e, a, axis);
  int32_t *parts = ln_arena_array(&c->scope->arena, 2 * (size_t)count, sizeof *parts);
  if (parts == NULL) return;
  if (size < 0 || size % count != 0) {
    const ln_type type = ln_emit_type(c->e, a);
    ln_type *types = ln_arena_array(&c->scope->arena, (size_t)count, sizeof *types);
    const ln_split_options options = {.num_splits = (int32_t)count};
    for (int32_t i = 0; types != NULL && i < count; ++i) types[i] = type;
    if (types == NULL || !ln_emit_ops(c->e, LN_OP_SPLIT, &options, 2, (const int32_t[]){ln_emit_i32(c->e, axis), a},
                                      (int32_t)count, types, parts))
      return;
  } else {
    for (int32_t i = 0; i < count; ++i) parts[count + i] = (int32_t)(size / count);
    if (!ln_emit_split(c->e, a, axis, (int32_t)count, parts + count, parts)) return;
  }
  give_parts(c, (int32_t)count, parts);
}

/* SplitV: value, sizes, axis > parts; one size may be -1 */
void ln_sm_op_split_v(ln_sm_call *c) {
  int64_t sizes[256];
  int32_t parts[256], fixed[256], count = 0, axis;
  const int32_t a = ln_sm_in(c, 0);
  int64_t rest;
  if (!ln_sm_const_ints(c, 1, "sizes", sizes, (int32_t)LN_COUNT(sizes), &count)) return;
  if (!ln_sm_axis(c, 2, ln_emit_rank(c->e, a), &axis) || !ln_sm_outs(c, count)) return;
  rest = ln_emit_dim(c->e, a, axis);
  for (int32_t i = 0; i < count; ++i) rest -= sizes[i] >= 0 ? sizes[i] : 0;
  for (int32_t i = 0; i < count; ++i) {
    const int64_t size = sizes[i] >= 0 ? sizes[i] : rest;
    if (size < 0 || size > INT32_MAX) {
      ln_emit_refuse(c->e, "the size of a part is not known");
      return;
    }
    fixed[i] = (int32_t)size;
  }
  if (ln_emit_split(c->e, a, axis, count, fixed, parts)) give_parts(c, count, parts);
}

/* ---- cutting ---- */

void ln_sm_op_slice(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const int32_t in[3] = {a, ln_sm_in(c, 1), ln_sm_in(c, 2)};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_SLICE, NULL, 3, in, ln_emit_type(c->e, a)));
}

/* The masks of TensorFlow and TensorFlow Lite mean the same; an ellipsis becomes whole axes, which all runtimes know.
 */
typedef struct cut {
  int64_t begin[2 * LN_MAX_RANK], end[2 * LN_MAX_RANK], step[2 * LN_MAX_RANK];
  int32_t count;
  int32_t begin_mask, end_mask, new_mask, shrink_mask;
} cut;

static void expand_ellipsis(cut *s, int32_t place, int32_t rank) {
  int32_t used = 0;
  for (int32_t i = 0; i < s->count; ++i) used += i != place && (s->new_mask >> i & 1) == 0;
  const int32_t whole = rank - used;
  cut to = {0};
  for (int32_t i = 0; i < s->count; ++i) {
    for (int32_t k = 0; i == place && k < whole && to.count < 2 * LN_MAX_RANK; ++k) {
      to.begin_mask |= 1 << to.count;
      to.end_mask |= 1 << to.count;
      to.step[to.count++] = 1;
    }
    if (i == place || to.count == 2 * LN_MAX_RANK) continue;
    to.begin[to.count] = s->begin[i];
    to.end[to.count] = s->end[i];
    to.step[to.count] = s->step[i];
    to.begin_mask |= (s->begin_mask >> i & 1) << to.count;
    to.end_mask |= (s->end_mask >> i & 1) << to.count;
    to.new_mask |= (s->new_mask >> i & 1) << to.count;
    to.shrink_mask |= (s->shrink_mask >> i & 1) << to.count++;
  }
  *s = to;
}

/* New axes are put in first, so that what is left cuts axes that are there. */
static int32_t insert_axes(ln_emit *e, int32_t a, cut *s) {
  int32_t axes[2 * LN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < s->count; ++i) {
    if ((s->new_mask >> i & 1) == 0) continue;
    axes[count++] = i;
    s->begin_mask |= 1 << i;
    s->end_mask |= 1 << i;
    s->step[i] = 1;
    s->shrink_mask &= ~(1 << i);
  }
  s->new_mask = 0;
  return count == 0 ? a : ln_emit_expand(e, a, count, axes);
}

static int32_t clamped(int64_t value) {
  return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

static int32_t cut_constant(ln_sm_call *c, int32_t a, cut *s) {
  ln_emit *e = c->e;
  int32_t values[3][2 * LN_MAX_RANK];
  a = insert_axes(e, a, s);
  if (s->count > ln_emit_rank(e, a))
    return ln_emit_wrong(e, "it cuts %d of %d dimensions", s->count, ln_emit_rank(e, a));
  bool whole = s->shrink_mask == 0;
  for (int32_t i = 0; i < s->count; ++i) {
    values[0][i] = clamped(s->begin[i]);
    values[1][i] = clamped(s->end[i]);
    values[2][i] = clamped(s->step[i]);
    whole = whole && (s->begin_mask >> i & 1) != 0 && (s->end_mask >> i & 1) != 0 && s->step[i] == 1;
  }
  if (whole) return a;
  const ln_strided_slice_options options = {
      .begin_mask = s->begin_mask, .end_mask = s->end_mask, .shrink_axis_mask = s->shrink_mask};
  const int32_t in[4] = {a, ln_emit_vector(e, s->count, values[0]), ln_emit_vector(e, s->count, values[1]),
                         ln_emit_vector(e, s->count, values[2])};
  return ln_emit_op(e, LN_OP_STRIDED_SLICE, &options, 4, in, ln_emit_type(e, a));
}

/*
 * Where only single elements are taken at places that the run computes, and other axes are whole or known: the shape of
 * the result is known. Places count from the end where they are negative.
 */
static bool pick_computed(ln_sm_call *c, const cut *s, const int32_t *in, int32_t *out) {
  ln_emit *e = c->e;
  int32_t a = in[0], picked = 0;
  if (s->new_mask != 0 || s->count > ln_emit_rank(e, a) || ln_emit_type(e, in[1]) == LN_INT64) return false;
  for (int32_t i = 0; i < s->count; ++i) {
    const bool whole = (s->begin_mask >> i & 1) != 0 && (s->end_mask >> i & 1) != 0 && s->step[i] == 1;
    if (!whole && (s->shrink_mask >> i & 1) == 0) return false;
  }
  for (int32_t i = 0; i < s->count; ++i) {
    if ((s->shrink_mask >> i & 1) == 0) continue;
    const int32_t axis = i - picked++;
    const int32_t place = ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_emit_pick(e, in[1], 0, i), ln_emit_size_of(e, a, axis));
    a = ln_emit_gather(e, a, place, axis, 0);
  }
  *out = a;
  return true;
}

/* Axes behind those that are cut stay as they are. */
static void declare_rest(ln_emit *e, int32_t a, int32_t made, const cut *s, bool has_ellipsis) {
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, made), rest = ln_emit_rank(e, a) - s->count;
  if (has_ellipsis || s->new_mask != 0 || made < 0) return;
  for (int32_t i = 0; i < rank; ++i) dims[i] = i >= rank - rest ? ln_emit_dim(e, a, i - rank) : -1;
  ln_emit_declare(e, made, rank, dims);
}

/* StridedSlice: input, begin, end, strides */
void ln_sm_op_strided_slice(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const int32_t in[4] = {a, ln_sm_in(c, 1), ln_sm_in(c, 2), ln_sm_in(c, 3)};
  cut s = {.begin_mask = (int32_t)ln_sm_int(c, "begin_mask", 0),
           .end_mask = (int32_t)ln_sm_int(c, "end_mask", 0),
           .new_mask = (int32_t)ln_sm_int(c, "new_axis_mask", 0),
           .shrink_mask = (int32_t)ln_sm_int(c, "shrink_axis_mask", 0)};
  const uint32_t ellipsis = (uint32_t)ln_sm_int(c, "ellipsis_mask", 0);
  int32_t count = 0;
  const bool known = ln_emit_ints(c->e, in[1], s.begin, 2 * LN_MAX_RANK, &s.count) &&
                     ln_emit_ints(c->e, in[2], s.end, 2 * LN_MAX_RANK, &count) && count == s.count &&
                     ln_emit_ints(c->e, in[3], s.step, 2 * LN_MAX_RANK, &count) && count == s.count;
  if (known) {
    s.new_mask &= (int32_t)~ellipsis;
    if (ellipsis != 0) expand_ellipsis(&s, __builtin_ctz(ellipsis), ln_emit_rank(c->e, a));
    ln_sm_result(c, cut_constant(c, a, &s));
    return;
  }
  int32_t picked;
  const bool steps_known = ln_emit_ints(c->e, in[3], s.step, 2 * LN_MAX_RANK, &s.count);
  if (steps_known && ellipsis == 0 && pick_computed(c, &s, in, &picked)) {
    ln_sm_result(c, picked);
    return;
  }
  const ln_strided_slice_options options = {.begin_mask = s.begin_mask,
                                            .end_mask = s.end_mask,
                                            .ellipsis_mask = (int32_t)ellipsis,
                                            .new_axis_mask = s.new_mask,
                                            .shrink_axis_mask = s.shrink_mask};
  const int32_t made = ln_emit_op(c->e, LN_OP_STRIDED_SLICE, &options, 4, in, ln_emit_type(c->e, a));
  if (steps_known && !ln_emit_is_fixed(c->e, made)) declare_rest(c->e, a, made, &s, ellipsis != 0);
  ln_sm_result(c, made);
}

/* ---- padding ---- */

/* Pad, PadV2 */
void ln_sm_op_pad(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const ln_type type = ln_emit_type(c->e, a);
  if (c->in_count > 2) {
    ln_sm_result(c, ln_emit_op(c->e, LN_OP_PADV2, NULL, 3, (const int32_t[]){a, ln_sm_in(c, 1), ln_sm_in(c, 2)}, type));
  } else {
    ln_sm_result(c, ln_emit_op(c->e, LN_OP_PAD, NULL, 2, (const int32_t[]){a, ln_sm_in(c, 1)}, type));
  }
}

void ln_sm_op_mirror_pad(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const ln_mirror_pad_options options = {.mode = ln_sm_is(c, "mode", "SYMMETRIC") ? 1 : 0};
  ln_sm_result(
      c, ln_emit_op(c->e, LN_OP_MIRROR_PAD, &options, 2, (const int32_t[]){a, ln_sm_in(c, 1)}, ln_emit_type(c->e, a)));
}

/* ---- turning round ---- */

/* ReverseV2: axes; Reverse (variant 1): a truth value for each dimension */
void ln_sm_op_reverse(ln_sm_call *c) {
  int32_t a = ln_sm_in(c, 0), count = 0;
  int64_t given[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(c->e, a);
  if (!ln_sm_const_ints(c, 1, "axes", given, LN_MAX_RANK, &count)) return;
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis = i;
    if (c->variant == 1 && given[i] == 0) continue;
    if (c->variant == 0 && !ln_axis_normalize(given[i], rank, &axis)) {
      ln_emit_wrong(c->e, "axis %d of %d dimensions", (int)given[i], rank);
      return;
    }
    a = ln_emit_reverse(c->e, a, axis);
  }
  ln_sm_result(c, a);
}

void ln_sm_op_reverse_sequence(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const ln_reverse_sequence_options options = {.seq_dim = (int32_t)ln_sm_int(c, "seq_dim", 0),
                                               .batch_dim = (int32_t)ln_sm_int(c, "batch_dim", 0)};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_REVERSE_SEQUENCE, &options, 2, (const int32_t[]){a, ln_sm_in(c, 1)},
                             ln_emit_type(c->e, a)));
}

/* Roll: what is pushed out at the end comes in at the beginning */
void ln_sm_op_roll(ln_sm_call *c) {
  int32_t a = ln_sm_in(c, 0), count = 0, axis_count = 0;
  int64_t shifts[LN_MAX_RANK], axes[LN_MAX_RANK];
  if (!ln_sm_const_ints(c, 1, "shift", shifts, LN_MAX_RANK, &count) ||
      !ln_sm_const_ints(c, 2, "axes", axes, LN_MAX_RANK, &axis_count))
    return;
  for (int32_t i = 0; i < count && count == axis_count; ++i) {
    int32_t axis;
    const bool good = ln_axis_normalize(axes[i], ln_emit_rank(c->e, a), &axis);
    const int32_t size = good ? ln_emit_dim(c->e, a, axis) : -1;
    if (size < 0 && (!good || shifts[i] > INT32_MAX / 2 || shifts[i] < INT32_MIN / 2)) {
      ln_emit_refuse(c->e, "it rolls an axis whose size is open");
      return;
    }
    int64_t at = size > 0 ? ((-shifts[i]) % size + size) % size : -shifts[i];
    if (at == 0 || size == 0) continue;
    const int32_t parts[2] = {ln_emit_slice(c->e, a, axis, (int32_t)at, INT32_MAX, 1),
                              ln_emit_slice(c->e, a, axis, 0, (int32_t)at, 1)};
    a = ln_emit_concat(c->e, axis, 2, parts);
  }
  ln_sm_result(c, a);
}

/* ---- space, depth, batch ---- */

static bool is_nchw(const ln_sm_call *c) { return ln_sm_is(c, "data_format", "NCHW"); }

/* SpaceToDepth, DepthToSpace */
void ln_sm_op_space_depth(ln_sm_call *c) {
  const int32_t block = (int32_t)ln_sm_int(c, "block_size", 0);
  const ln_space_to_depth_options down = {.block_size = block};
  const ln_depth_to_space_options up = {.block_size = block};
  int32_t a = ln_sm_in(c, 0);
  if (is_nchw(c)) a = ln_emit_channels_last(c->e, a);
  const void *options = c->variant == LN_OP_SPACE_TO_DEPTH ? (const void *)&down : &up;
  a = ln_emit_op(c->e, c->variant, options, 1, &a, ln_emit_type(c->e, a));
  ln_sm_result(c, is_nchw(c) ? ln_emit_channels_first(c->e, a) : a);
}

/* SpaceToBatchND, BatchToSpaceND; the older forms have one block size for both dimensions as an attribute */
void ln_sm_op_space_batch(ln_sm_call *c) {
  const bool older = ln_nodedef_has(c->def, "block_size");
  const int32_t block = (int32_t)ln_sm_int(c, "block_size", 0), a = ln_sm_in(c, 0);
  const int32_t sizes = older ? ln_emit_vector(c->e, 2, (const int32_t[]){block, block}) : ln_sm_in(c, 1);
  const int32_t in[3] = {a, ln_emit_cast(c->e, sizes, LN_INT32),
                         ln_emit_cast(c->e, ln_sm_in(c, older ? 1 : 2), LN_INT32)};
  ln_sm_result(c, ln_emit_op(c->e, c->variant, NULL, 3, in, ln_emit_type(c->e, a)));
}
