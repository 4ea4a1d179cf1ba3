/* Operators that join tensors and cut parts out of them: Concat, Split, Slice, CenterCropPad. */
#include "import/onnx/onnx_lists.h"

void ln_onnx_concat(ln_onnx_node *n) {
  int32_t *parts = ln_arena_array(ln_emit_arena(n->e), (size_t)n->input_count + 1, sizeof *parts);
  if (parts == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  for (int32_t i = 0; i < n->input_count; ++i) parts[i] = ln_onnx_in(n, i);
  if (ln_emit_failed(n->e)) return;
  const int32_t axis = ln_onnx_axis(n, "axis", 1, ln_emit_rank(n->e, parts[0]));
  if (axis >= 0) ln_onnx_out(n, 0, ln_emit_concat(n->e, axis, n->input_count, parts));
}

/* ---- Split ---- */

static bool split_in_run(ln_onnx_node *n, int32_t a, int32_t axis, int32_t sizes, int32_t *parts) {
  ln_type types[64];
  const int32_t count = n->output_count;
  const ln_split_v_options options = {.num_splits = count};
  const int32_t inputs[3] = {a, ln_onnx_vector(n, sizes), ln_emit_i32(n->e, axis)};
  for (int32_t i = 0; i < count && i < 64; ++i) types[i] = ln_emit_type(n->e, a);
  if (count > 64) {
    ln_emit_refuse(n->e, "%d parts whose sizes only the run knows", count);
    return false;
  }
  if (!ln_emit_ops(n->e, LN_OP_SPLIT_V, &options, 3, inputs, count, types, parts)) return false;
  ln_shape shape = ln_emit_shape(n->e, a);
  shape.dims[axis] = -1;
  for (int32_t i = 0; i < count; ++i) ln_emit_declare(n->e, parts[i], shape.rank, shape.dims);
  return true;
}

/* Sizes as they are given; else equal ones, the last of which is what remains. */
static bool find_sizes(ln_onnx_node *n, int32_t a, int32_t axis, int32_t *sizes) {
  const int32_t count = n->output_count, whole = ln_emit_dim(n->e, a, axis);
  int32_t given = 0;
  const int64_t *list = ln_onnx_ints(n, "split", &given);
  const int32_t in = ln_onnx_in(n, 1);
  int64_t *values = ln_arena_array(ln_emit_arena(n->e), (size_t)count + 1, sizeof *values);
  if (values == NULL) return ln_import_no_memory(n->e->import) > 0;
  if (in >= 0 && !ln_emit_ints(n->e, in, values, count, &given)) given = -1;
  if ((list != NULL || in >= 0) && given != count) {
    ln_emit_wrong(n->e, "%d outputs, but another number of sizes", count);
    return false;
  }
  if (list != NULL) {
    for (int32_t i = 0; i < count; ++i) values[i] = list[i];
  }
  const int32_t each = whole < 0 ? 0 : whole / count + (whole % count != 0);
  for (int32_t i = 0; i < count; ++i) {
    if (list != NULL || in >= 0) sizes[i] = values[i] < 0 || values[i] > INT32_MAX ? -1 : (int32_t)values[i];
    else sizes[i] = i < count - 1 || whole < 0 ? each : whole - each * (count - 1);
    if (sizes[i] >= 0) continue;
    ln_emit_wrong(n->e, "%d elements do not come apart into %d parts", whole, count);
    return false;
  }
  return true;
}

void ln_onnx_split(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), in = ln_onnx_in(n, 1), axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(n->e, a));
  int32_t *parts = ln_arena_array(ln_emit_arena(n->e), (size_t)n->output_count + 1, 2 * sizeof *parts);
  if (parts == NULL) ln_import_no_memory(n->e->import);
  if (axis < 0 || ln_emit_failed(n->e)) return;
  int32_t *sizes = parts + n->output_count;
  const bool good = in >= 0 && !ln_emit_is_const(n->e, in)
                        ? split_in_run(n, a, axis, in, parts)
                        : find_sizes(n, a, axis, sizes) && ln_emit_split(n->e, a, axis, n->output_count, sizes, parts);
  for (int32_t i = 0; good && i < n->output_count; ++i) ln_onnx_out(n, i, parts[i]);
}

/* ---- Slice ---- */

/* int32 [rank] of what `list` [count] says of `axes`, and `otherwise` of other dimensions. */
static int32_t spread(ln_onnx_node *n, int32_t list, int32_t count, const int32_t *axes, int32_t rank,
                      int32_t otherwise) {
  int32_t from[LN_MAX_RANK];
  if (list < 0) return ln_emit_filled(n->e, LN_INT32, 1, &rank, otherwise);
  const int32_t parts[2] = {ln_onnx_vector(n, list), ln_emit_vector(n->e, 1, &otherwise)};
  for (int32_t i = 0; i < rank; ++i) from[i] = count;
  for (int32_t i = 0; i < count; ++i) from[axes[i]] = i;
  return ln_emit_gather(n->e, ln_emit_concat(n->e, 0, 2, parts), ln_emit_vector(n->e, rank, from), 0, 0);
}

/* The same for axes that only the run knows. */
static int32_t spread_in_run(ln_onnx_node *n, int32_t list, int32_t axes, int32_t rank, int32_t otherwise) {
  ln_emit *e = n->e;
  const int32_t last = 1, width = ln_emit_i32(e, rank);
  if (list < 0) return ln_emit_filled(e, LN_INT32, 1, &rank, otherwise);
  const int32_t each = ln_emit_count_up(e, width);
  const int32_t which = ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_onnx_vector(n, axes), width);
  const int32_t same = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_expand(e, each, 1, &last), which);
  const int32_t chosen = ln_emit_select(e, same, ln_onnx_vector(n, list), ln_emit_i32(e, 0));
  const int32_t value = ln_emit_reduce(e, LN_OP_SUM, chosen, 1, &last, false);
  return ln_emit_select(e, ln_emit_reduce(e, LN_OP_REDUCE_ANY, same, 1, &last, false), value,
                        ln_emit_i32(e, otherwise));
}

static int32_t slice_in_run(ln_onnx_node *n, int32_t a, const int32_t *in) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, a), count = ln_onnx_length(n, in[0]);
  int32_t axes[LN_MAX_RANK], given = 0;
  static const int32_t otherwise[4] = {0, INT32_MAX, 0, 1};
  int32_t lists[4] = {a, -1, -1, -1};
  if (count < 0) return -1;
  const bool known = in[2] < 0 || ln_emit_is_const(e, in[2]);
  for (int32_t i = 0; i < LN_MAX_RANK; ++i) axes[i] = i;
  if (known && in[2] >= 0 && !ln_onnx_axes(n, "axes", 3, rank, axes, &given)) return -1;
  if (count > rank || (in[2] >= 0 && known && given != count)) return ln_emit_wrong(e, "its lists differ in length");
  for (int32_t i = 0; i < 4; ++i) {
    if (i == 2) continue;
    lists[i < 2 ? i + 1 : 3] =
        known ? spread(n, in[i], count, axes, rank, otherwise[i]) : spread_in_run(n, in[i], in[2], rank, otherwise[i]);
  }
  const int32_t out = ln_emit_op(e, LN_OP_STRIDED_SLICE, NULL, 4, lists, ln_emit_type(e, a));
  if (!known || out < 0) return out;
  ln_shape shape = ln_emit_shape(e, out);
  const ln_shape whole = ln_emit_shape(e, a);
  for (int32_t i = 0; i < rank; ++i) {
    bool cut = false;
    for (int32_t k = 0; k < count; ++k) cut = cut || axes[k] == i;
    if (!cut) shape.dims[i] = whole.dims[i];
  }
  ln_emit_declare(e, out, rank, shape.dims);
  return out;
}

static int32_t slice_known(ln_onnx_node *n, int32_t a) {
  const int32_t rank = ln_emit_rank(n->e, a);
  int32_t starts[LN_MAX_RANK], ends[LN_MAX_RANK], axes[LN_MAX_RANK], steps[LN_MAX_RANK];
  int32_t count, end_count, axis_count, step_count;
  if (!ln_onnx_list(n, "starts", 1, LN_MAX_RANK, starts, &count) ||
      !ln_onnx_list(n, "ends", 2, LN_MAX_RANK, ends, &end_count) ||
      !ln_onnx_axes(n, "axes", 3, rank, axes, &axis_count) ||
      !ln_onnx_list(n, n->version < 10 ? NULL : "steps", 4, LN_MAX_RANK, steps, &step_count)) {
    return -1;
  }
  if (count < 0 || count > rank || end_count != count || (axis_count >= 0 && axis_count != count) ||
      (step_count >= 0 && step_count != count)) {
    return ln_emit_wrong(n->e, "its lists differ in length");
  }
  for (int32_t i = 0; i < count; ++i) {
    a = ln_emit_slice(n->e, a, axis_count >= 0 ? axes[i] : i, starts[i], ends[i], step_count >= 0 ? steps[i] : 1);
  }
  return a;
}

void ln_onnx_slice(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  int32_t in[4];
  bool known = true;
  for (int32_t i = 0; i < 4; ++i) {
    in[i] = ln_onnx_in(n, i + 1);
    known = known && (in[i] < 0 || ln_emit_is_const(n->e, in[i]));
  }
  if (ln_emit_failed(n->e)) return;
  ln_onnx_out(n, 0, known ? slice_known(n, a) : slice_in_run(n, a, in));
}

/* ---- CenterCropPad ---- */

/* int32 [rank] of the sizes that are wanted; other dimensions stay. */
static int32_t wanted_sizes(ln_onnx_node *n, int32_t a, int32_t count, const int32_t *axes) {
  const int32_t rank = ln_emit_rank(n->e, a);
  int32_t from[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) from[i] = i;
  for (int32_t i = 0; i < count; ++i) from[axes[i]] = rank + i;
  const int32_t parts[2] = {ln_emit_shape_of(n->e, a), ln_onnx_vector(n, ln_onnx_in(n, 1))};
  return ln_emit_gather(n->e, ln_emit_concat(n->e, 0, 2, parts), ln_emit_vector(n->e, rank, from), 0, 0);
}

void ln_onnx_center_crop_pad(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, 0), axes[LN_MAX_RANK], count;
  const int32_t rank = ln_emit_rank(e, a), last = 1;
  if (!ln_onnx_axes(n, "axes", -1, rank, axes, &count)) return;
  for (int32_t i = 0; i < rank && count < 0; ++i) axes[i] = i;
  if (count < 0) count = rank;
  const ln_shape whole = ln_emit_shape(e, a);
  const int32_t want = wanted_sizes(n, a, count, axes), have = ln_emit_shape_of(e, a);
  const int32_t two = ln_emit_i32(e, 2), zero = ln_emit_i32(e, 0);
  /* What is too much goes, half of it at the beginning; what is missing is added in the same way. */
  const int32_t left = ln_emit_binary(e, LN_OP_MINIMUM, want, have);
  const int32_t more = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_sub(e, want, have), zero);
  const int32_t begin = ln_emit_binary(e, LN_OP_FLOOR_DIV, ln_emit_sub(e, have, left), two);
  const int32_t before = ln_emit_binary(e, LN_OP_FLOOR_DIV, more, two);
  const int32_t sides[2] = {before, ln_emit_sub(e, more, before)};
  a = ln_emit_op(e, LN_OP_SLICE, NULL, 3, (const int32_t[]){a, begin, left}, ln_emit_type(e, a));
  a = ln_emit_binary(e, LN_OP_PAD, a, ln_emit_pack(e, last, 2, sides));
  ln_shape shape = a >= 0 ? ln_emit_shape(e, a) : whole;
  for (int32_t i = 0; i < rank; ++i) {
    bool changed = false;
    for (int32_t k = 0; k < count; ++k) changed = changed || axes[k] == i;
    if (!changed) shape.dims[i] = whole.dims[i];
  }
  ln_emit_declare(e, a, rank, shape.dims);
  ln_onnx_out(n, 0, a);
}
