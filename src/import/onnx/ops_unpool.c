/* MaxUnpool and Col2Im: elements that are written to where they came from. TopK. */
#include "import/onnx/onnx_lists.h"
#include "import/onnx/onnx_window.h"

static const ln_dim rest = {-1, -1, 0};

/* ---- MaxUnpool ---- */

/* int32 scalar: (in - 1) * stride + size - pads. */
static int32_t unpooled_size(ln_emit *e, int32_t a, const ln_window *w, int32_t i) {
  const double more = (double)w->size[i] - w->before[i] - w->after[i] - w->stride[i];
  return ln_emit_add_number(e, ln_emit_mul_number(e, ln_emit_size_of(e, a, i + 2), w->stride[i]), more);
}

/* Zeros behind each dimension up to the shape that is wanted. */
static int32_t grow(ln_emit *e, int32_t a, int32_t shape) {
  const int32_t rank = ln_emit_rank(e, a), second = 1;
  const ln_dim column[2] = {LN_DIM(rank), LN_DIM(1)};
  const int32_t more = ln_emit_sub(e, ln_onnx_narrow(e, shape), ln_emit_shape_of(e, a));
  int32_t parts[2] = {ln_emit_filled(e, LN_INT32, 2, (const int32_t[]){rank, 1}, 0),
                      ln_emit_reshape(e, more, 2, column)};
  return ln_emit_op(e, LN_OP_PAD, NULL, 2, (const int32_t[]){a, ln_emit_concat(e, second, 2, parts)},
                    ln_emit_type(e, a));
}

void ln_onnx_max_unpool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), places = ln_onnx_in(n, 1), shape = ln_onnx_in(n, 2);
  const ln_dim column[2] = {LN_DIM_REST, LN_DIM(1)};
  ln_dim dims[LN_MAX_RANK] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1)};
  ln_window w;
  if (!ln_onnx_read_window(n, a, -1, &w)) return;
  int32_t total = ln_emit_mul(e, ln_emit_size_of(e, a, 0), ln_emit_size_of(e, a, 1));
  for (int32_t i = 0; i < w.rank; ++i) {
    const int32_t size = unpooled_size(e, a, &w, i);
    dims[i + 2] = LN_DIM_IS(size);
    total = ln_emit_mul(e, total, size);
  }
  const ln_dim all = LN_DIM_IS(total);
  const int32_t at = ln_emit_reshape(e, ln_onnx_narrow(e, places), 2, column);
  const int32_t flat = ln_emit_scatter(e, at, ln_emit_reshape(e, a, 1, &rest), ln_emit_dims(e, 1, &all));
  const int32_t out = ln_emit_reshape(e, flat, w.rank + 2, dims);
  ln_onnx_out(n, 0, shape < 0 ? out : grow(e, out, shape));
}

/* ---- Col2Im ---- */

typedef struct fold {
  int32_t rank;
  int32_t stride[3], dilation[3], pads[6];
  int32_t image[3], block[3], count[3]; /* int32 scalars; count: blocks along each dimension */
} fold;

static bool read_fold(ln_onnx_node *n, fold *f) {
  ln_emit *e = n->e;
  const int32_t image = ln_onnx_narrow(e, ln_onnx_in(n, 1)), block = ln_onnx_narrow(e, ln_onnx_in(n, 2));
  int32_t count;
  f->rank = ln_onnx_length(n, image);
  if (ln_emit_failed(e)) return false;
  if (f->rank < 1 || f->rank > 3 || ln_onnx_length(n, block) != f->rank) {
    ln_emit_refuse(e, "images of %d dimensions; 1 to 3 are possible", f->rank);
    return false;
  }
  if (!ln_onnx_spatial(n, "strides", f->rank, 1, f->stride) ||
      !ln_onnx_spatial(n, "dilations", f->rank, 1, f->dilation) || !ln_onnx_list(n, "pads", -1, 6, f->pads, &count)) {
    return false;
  }
  for (int32_t i = 0; i < 6 && count != 2 * f->rank; ++i) f->pads[i] = 0;
  for (int32_t i = 0; i < f->rank; ++i) {
    if (f->stride[i] < 1) return ln_emit_wrong(e, "a stride of %d", f->stride[i]) > 0;
    f->image[i] = ln_emit_pick(e, image, 0, i);
    f->block[i] = ln_emit_pick(e, block, 0, i);
    /* (image + pads - dilation * (block - 1) - 1) / stride + 1 */
    const int32_t span = ln_emit_mul_number(e, f->block[i], f->dilation[i]);
    const double pads = (double)f->pads[i] + f->pads[i + f->rank] + f->dilation[i] - 1;
    const int32_t steps = ln_emit_add_number(e, ln_emit_sub(e, f->image[i], span), pads);
    const int32_t whole = ln_emit_binary(e, LN_OP_FLOOR_DIV, steps, ln_emit_i32(e, f->stride[i]));
    f->count[i] = ln_emit_add_number(e, whole, 1);
  }
  return !ln_emit_failed(e);
}

/* int32 [.. block .. , .. count ..] with ones elsewhere: where along a dimension each element belongs. */
static int32_t fold_places(ln_emit *e, const fold *f, int32_t i) {
  ln_dim rows[6], columns[6];
  for (int32_t k = 0; k < 2 * f->rank; ++k) {
    rows[k] = k == i ? LN_DIM_IS(f->block[i]) : LN_DIM(1);
    columns[k] = k == i + f->rank ? LN_DIM_IS(f->count[i]) : LN_DIM(1);
  }
  const int32_t inner = ln_emit_mul_number(e, ln_emit_count_up(e, f->block[i]), f->dilation[i]);
  const int32_t outer = ln_emit_mul_number(e, ln_emit_count_up(e, f->count[i]), f->stride[i]);
  const int32_t sum =
      ln_emit_add(e, ln_emit_reshape(e, inner, 2 * f->rank, rows), ln_emit_reshape(e, outer, 2 * f->rank, columns));
  return ln_emit_add_number(e, sum, -(double)f->pads[i]);
}

static int32_t is_within(ln_emit *e, int32_t at, int32_t size) {
  return ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, at, ln_emit_i32(e, 0)),
                        ln_emit_compare(e, LN_OP_LESS, at, size));
}

/* Elements are added where blocks lie over one another; those in the pads are dropped. */
void ln_onnx_col2im(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), turn[4] = {2, 3, 0, 1}, back[3] = {1, 2, 0};
  int32_t place = -1, there = -1, block = -1, total = -1;
  fold f;
  if (!read_fold(n, &f)) return;
  for (int32_t i = 0; i < f.rank; ++i) {
    const int32_t at = fold_places(e, &f, i), valid = is_within(e, at, f.image[i]);
    place = i == 0 ? at : ln_emit_add(e, ln_emit_mul(e, place, f.image[i]), at);
    there = i == 0 ? valid : ln_emit_binary(e, LN_OP_LOGICAL_AND, there, valid);
    block = i == 0 ? f.block[i] : ln_emit_mul(e, block, f.block[i]);
    total = i == 0 ? f.image[i] : ln_emit_mul(e, total, f.image[i]);
  }
  const ln_dim column[2] = {LN_DIM_REST, LN_DIM(1)};
  const ln_dim parts[4] = {LN_DIM_OF(a, 0), LN_DIM_REST, LN_DIM_IS(block), LN_DIM_OF(a, 2)};
  const int32_t places = ln_emit_reshape(e, ln_emit_select(e, there, place, ln_emit_i32(e, 0)), 2, column);
  const int32_t split = ln_emit_transpose(e, ln_emit_reshape(e, a, 4, parts), turn); /* [block, count, n, c] */
  const int32_t width = ln_emit_mul(e, ln_emit_size_of(e, split, 2), ln_emit_size_of(e, split, 3));
  const ln_dim flat[2] = {LN_DIM_REST, LN_DIM_IS(width)}, shape[2] = {LN_DIM_IS(total), LN_DIM_IS(width)};
  const int32_t factor = ln_emit_reshape(e, ln_emit_cast(e, there, ln_emit_type(e, a)), 2, column);
  const int32_t updates = ln_emit_mul(e, ln_emit_reshape(e, split, 2, flat), factor);
  const int32_t sums = ln_emit_scatter(e, places, updates, ln_emit_dims(e, 2, shape));
  const ln_dim apart[3] = {LN_DIM_IS(total), LN_DIM_OF(a, 0), LN_DIM_OF(split, 3)};
  const int32_t turned = ln_emit_transpose(e, ln_emit_reshape(e, sums, 3, apart), back);
  ln_dim dims[5] = {LN_DIM_OF(a, 0), LN_DIM_OF(split, 3)};
  for (int32_t i = 0; i < f.rank; ++i) dims[i + 2] = LN_DIM_IS(f.image[i]);
  ln_onnx_out(n, 0, ln_emit_reshape(e, turned, f.rank + 2, dims));
}

/* ---- TopK ---- */

void ln_onnx_top_k(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), given = ln_onnx_in(n, 1);
  const int32_t k =
      n->version < 10 ? ln_emit_i32(e, ln_onnx_int32(n, "k", 1)) : ln_onnx_scalar(e, ln_onnx_narrow(e, given));
  const int32_t axis = ln_onnx_axis(n, "axis", -1, ln_emit_rank(e, a));
  int32_t values, indices;
  if (axis < 0 || !ln_emit_top_k(e, a, k, axis, ln_onnx_int(n, "largest", 1) != 0, &values, &indices)) return;
  ln_onnx_out(n, 0, values);
  ln_onnx_out(n, 1, ln_emit_cast(e, indices, LN_INT64));
}
