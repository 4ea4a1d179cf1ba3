/* Tensors from nothing: filled ones, sequences, masks. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

/* No type is said. */
#define ANY_TYPE ((ln_type)LN_TYPE_COUNT)

/* ---- filled ---- */

static bool all_fixed(int32_t count, const ln_dim *dims, int32_t *sizes) {
  for (int32_t i = 0; i < count; ++i) {
    if (dims[i].size < 0) return false;
    sizes[i] = dims[i].size;
  }
  return true;
}

/* `value`: a scalar of the type. */
static int32_t fill(torch_node *n, int32_t count, const ln_dim *dims, int32_t value) {
  int32_t sizes[LN_MAX_RANK];
  double number;
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, value);
  if (all_fixed(count, dims, sizes) && ln_emit_number(n->e, value, &number)) {
    return ln_emit_filled(n->e, type, count, sizes, number);
  }
  return ln_emit_op(n->e, LN_OP_FILL, NULL, 2, (const int32_t[]){ln_emit_dims(n->e, count, dims), value}, type);
}

/* What the variants are filled with: 0, 1; 2: "fill_value". The type that says itself. */
static int32_t value_of(torch_node *n, ln_type otherwise) {
  const bool given = n->variant == 2;
  const int32_t value = given ? ln_torch_tensor(n, "fill_value") : ln_emit_scalar(n->e, LN_FLOAT32, n->variant);
  if (ln_emit_failed(n->e)) return -1;
  if (given && otherwise == ANY_TYPE) otherwise = ln_emit_type(n->e, value);
  const ln_type type = ln_torch_dtype(n, "dtype", otherwise == ANY_TYPE ? LN_FLOAT32 : otherwise);
  return ln_emit_reshape(n->e, ln_emit_cast(n->e, value, type), 0, NULL);
}

int32_t ln_torch_full(torch_node *n) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t count = ln_torch_dims(n, "size", LN_MAX_RANK, dims);
  return fill(n, count < 0 ? 0 : count, dims, value_of(n, ANY_TYPE));
}

int32_t ln_torch_new_full(torch_node *n) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t like = ln_torch_tensor(n, "self"), count = ln_torch_dims(n, "size", LN_MAX_RANK, dims);
  return ln_emit_failed(n->e) ? -1 : fill(n, count < 0 ? 0 : count, dims, value_of(n, ln_emit_type(n->e, like)));
}

int32_t ln_torch_full_like(torch_node *n) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t like = ln_torch_tensor(n, "self"), rank = ln_emit_rank(n->e, like);
  if (ln_emit_failed(n->e)) return -1;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t size = ln_emit_dim(n->e, like, i);
    dims[i] = size >= 0 ? LN_DIM(size) : LN_DIM_OF(like, i);
  }
  return fill(n, rank, dims, value_of(n, ln_emit_type(n->e, like)));
}

/* In place: self all of one value. */
int32_t ln_torch_fill(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "self");
  const int32_t value = n->variant == 0 ? ln_emit_f32(n->e, 0) : ln_torch_tensor(n, "value");
  if (ln_emit_failed(n->e)) return -1;
  const int32_t scalar = ln_emit_reshape(n->e, ln_emit_cast(n->e, value, ln_emit_type(n->e, a)), 0, NULL);
  return ln_emit_broadcast_to(n->e, scalar, ln_emit_shape_of(n->e, a));
}

int32_t ln_torch_scalar_tensor(torch_node *n) {
  const int32_t value = ln_torch_tensor(n, "s");
  return ln_emit_cast(n->e, value, ln_torch_dtype(n, "dtype", LN_FLOAT32));
}

int32_t ln_torch_random(torch_node *n) {
  return ln_emit_refuse(n->e, "random numbers are not built; pass them to the model as an input");
}

/* ---- sequences ---- */

/* How the arguments are said: a number, or a scalar of the run. */
static int32_t bound(torch_node *n, const char *name, double otherwise) {
  return ln_torch_has(n, name) ? ln_torch_tensor(n, name) : ln_emit_scalar(n->e, LN_INT64, otherwise);
}

int32_t ln_torch_arange(torch_node *n) {
  const int32_t parts[] = {bound(n, "start", 0), bound(n, "end", 0), bound(n, "step", 1)};
  bool floats = false;
  if (ln_emit_failed(n->e)) return -1;
  for (int32_t i = 0; i < 3; ++i) floats = floats || ln_emit_is_float(ln_emit_type(n->e, parts[i]));
  const ln_type type = ln_torch_dtype(n, "dtype", floats ? LN_FLOAT32 : LN_INT64);
  const ln_type work = floats || ln_emit_is_float(type) ? LN_FLOAT32 : LN_INT32;
  const int32_t range = ln_emit_range(n->e, ln_emit_cast(n->e, parts[0], work), ln_emit_cast(n->e, parts[1], work),
                                      ln_emit_cast(n->e, parts[2], work));
  return ln_emit_cast(n->e, range, type);
}

int32_t ln_torch_linspace(torch_node *n) {
  const double from = ln_torch_number(n, "start", 0), to = ln_torch_number(n, "end", 0);
  const int64_t count = ln_torch_int(n, "steps", 100);
  if (ln_emit_failed(n->e) || count < 0 || count > 1 << 24) return ln_emit_wrong(n->e, "%lld steps", (long long)count);
  if (!ln_emit_may_take(n->e, (size_t)count * 8)) return -1;
  float *values = ln_arena_array(ln_emit_arena(n->e), (size_t)count + 1, sizeof *values);
  if (values == NULL) return ln_import_no_memory(n->e->import);
  const double step = count > 1 ? (to - from) / (double)(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i) {
    values[i] = (float)(i < count / 2 || count == 1 ? from + step * (double)i : to - step * (double)(count - 1 - i));
  }
  const int32_t size = (int32_t)count, made = ln_emit_const(n->e, LN_FLOAT32, 1, &size, values);
  return ln_emit_cast(n->e, made, ln_torch_dtype(n, "dtype", LN_FLOAT32));
}

/* ---- masks ---- */

/* bool [h, w]: whether column - row <= diagonal (or >= it). Sizes of the last two dimensions of `a`. */
static int32_t triangle(torch_node *n, int32_t a, int64_t diagonal, bool lower) {
  return ln_emit_compare(n->e, lower ? LN_OP_LESS_EQUAL : LN_OP_GREATER_EQUAL, ln_emit_diagonals(n->e, a),
                         ln_emit_i32(n->e, (int32_t)diagonal));
}

/* Variants: 1 the lower triangle, 0 the upper. */
int32_t ln_torch_triangle(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "self");
  const int64_t diagonal = ln_torch_int(n, "diagonal", 0);
  if (ln_emit_failed(n->e) || ln_emit_rank(n->e, a) < 2) return ln_emit_wrong(n->e, "it takes matrices");
  if (diagonal < INT32_MIN || diagonal > INT32_MAX) return a;
  const int32_t mask = triangle(n, a, diagonal, n->variant == 1);
  return ln_emit_select(n->e, mask, a, ln_emit_scalar(n->e, ln_emit_type(n->e, a), 0));
}

int32_t ln_torch_causal_mask(torch_node *n, int32_t scores) { return triangle(n, scores, 0, true); }

int32_t ln_torch_eye(torch_node *n) {
  const int64_t rows = ln_torch_int(n, "n", 0), columns = ln_torch_int(n, "m", rows);
  if (rows < 0 || columns < 0 || rows > 1 << 24 || columns > 1 << 24 || rows * columns > 1 << 24)
    return ln_emit_refuse(n->e, "it is too large");
  if (!ln_emit_may_take(n->e, (size_t)(rows * columns) * 8)) return -1;
  float *values = ln_arena_array(ln_emit_arena(n->e), (size_t)(rows * columns) + 1, sizeof *values);
  if (values == NULL) return ln_import_no_memory(n->e->import);
  for (int64_t i = 0; i < rows && i < columns; ++i) values[i * columns + i] = 1;
  const int32_t dims[] = {(int32_t)rows, (int32_t)columns};
  return ln_emit_cast(n->e, ln_emit_const(n->e, LN_FLOAT32, 2, dims, values), ln_torch_dtype(n, "dtype", LN_FLOAT32));
}

int32_t ln_torch_one_hot(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "self");
  const int64_t classes = ln_torch_int(n, "num_classes", -1);
  if (ln_emit_failed(n->e)) return -1;
  if (classes < 1 || classes > INT32_MAX) return ln_emit_refuse(n->e, "the number of classes is known only in the run");
  return ln_emit_ones(n->e, a, ln_emit_i32(n->e, (int32_t)classes), -1, LN_INT64);
}

/* ---- padding ---- */

/* [rank] before and after, from pairs that begin at the last dimension. */
static bool pads_of(torch_node *n, const char *name, int32_t rank, int32_t *before, int32_t *after) {
  int64_t pads[2 * LN_MAX_RANK];
  const int32_t count = ln_torch_ints(n, name, 2 * LN_MAX_RANK, pads);
  for (int32_t i = 0; i < rank; ++i) before[i] = after[i] = 0;
  if (count < 0 || count % 2 != 0 || count / 2 > rank || ln_emit_failed(n->e))
    return ln_emit_wrong(n->e, "its padding has %d numbers", count) > 0;
  for (int32_t i = 0; i < count / 2; ++i) {
    before[rank - 1 - i] = (int32_t)pads[2 * i];
    after[rank - 1 - i] = (int32_t)pads[2 * i + 1];
  }
  return true;
}

/* The place in [0, size) that a padded place reads. */
static int32_t padded_source(int32_t at, int32_t size, const char *mode) {
  if (mode[0] == 'c') return ((at % size) + size) % size; /* circular */
  if (mode[0] == 'r' && mode[2] == 'p') return at < 0 ? 0 : at >= size ? size - 1 : at;
  if (size < 2) return 0;
  const int32_t period = 2 * (size - 1), place = (at % period + period) % period;
  return place < size ? place : period - place;
}

static int32_t pad_axis(torch_node *n, int32_t a, int32_t axis, int32_t before, int32_t after, const char *mode) {
  const int32_t size = ln_emit_dim(n->e, a, axis);
  if (before == 0 && after == 0) return a;
  if (size < 1) return ln_emit_refuse(n->e, "an open dimension is padded by its own elements");
  if (before > 1 << 20 || after > 1 << 20 || size > 1 << 24 || before < -size || after < -size ||
      size + before + after < 1)
    return ln_emit_wrong(n->e, "bad padding");
  const int32_t count = size + before + after;
  if (!ln_emit_may_take(n->e, (size_t)count * 8)) return -1;
  int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)count, sizeof *places);
  if (places == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0; i < count; ++i) places[i] = padded_source(i - before, size, mode);
  return ln_emit_gather(n->e, a, ln_emit_vector(n->e, count, places), axis, 0);
}

static int32_t mirrored(torch_node *n, int32_t a, const int32_t *before, const int32_t *after) {
  const int32_t rank = ln_emit_rank(n->e, a), dims[] = {rank, 2};
  int32_t pads[2 * LN_MAX_RANK];
  const ln_mirror_pad_options options = {.mode = 0};
  for (int32_t i = 0; i < rank; ++i) {
    pads[2 * i] = before[i];
    pads[2 * i + 1] = after[i];
  }
  const int32_t inputs[] = {a, ln_emit_const(n->e, LN_INT32, 2, dims, pads)};
  return ln_emit_op(n->e, LN_OP_MIRROR_PAD, &options, 2, inputs, ln_emit_type(n->e, a));
}

static int32_t pad_by(torch_node *n, const char *name, const char *mode, double value) {
  int32_t before[LN_MAX_RANK], after[LN_MAX_RANK], a = ln_torch_tensor(n, "self");
  const int32_t rank = ln_emit_rank(n->e, a);
  bool crops = false;
  if (ln_emit_failed(n->e) || !pads_of(n, name, rank, before, after)) return -1;
  if (strcmp(mode, "constant") == 0) return ln_emit_pad(n->e, a, before, after, value);
  for (int32_t i = 0; i < rank; ++i) crops = crops || before[i] < 0 || after[i] < 0;
  if (strcmp(mode, "reflect") == 0 && !crops && ln_emit_type(n->e, a) == LN_FLOAT32)
    return mirrored(n, a, before, after);
  for (int32_t i = 0; i < rank; ++i) a = pad_axis(n, a, i, before[i], after[i], mode);
  return a;
}

int32_t ln_torch_pad(torch_node *n) {
  const char *mode = ln_torch_text(n, "mode");
  return pad_by(n, "pad", mode != NULL ? mode : "constant", ln_torch_number(n, "value", 0));
}

/* Variants: 0 reflection, 1 replication. */
int32_t ln_torch_pad_edges(torch_node *n) { return pad_by(n, "padding", n->variant == 0 ? "reflect" : "replicate", 0); }

#endif
