/* Reading and writing elements by indices. */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t self(torch_node *n) { return ln_torch_tensor(n, "self"); }

static int32_t axis_of(torch_node *n, int32_t a) {
  return ln_emit_failed(n->e) ? -1 : ln_torch_axis(n, ln_torch_int(n, "dim", 0), ln_emit_rank(n->e, a));
}

/* `axis` to the end, or back. */
static int32_t move_axis(torch_node *n, int32_t a, int32_t axis, bool back) {
  int32_t order[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(n->e, a);
  for (int32_t i = 0; i < rank; ++i) {
    if (back) order[i] = i < axis ? i : i == axis ? rank - 1 : i - 1;
    else order[i] = i < axis ? i : i == rank - 1 ? axis : i + 1;
  }
  return ln_emit_transpose(n->e, a, order);
}

/* Indices that count from the end become plain ones. */
static int32_t plain_indices(torch_node *n, int32_t indices, int32_t a, int32_t axis) {
  double number;
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, indices);
  if (type != LN_INT32 && type != LN_INT64) indices = ln_emit_cast(n->e, indices, LN_INT32);
  const bool known = ln_emit_number(n->e, indices, &number);
  if (known && number >= 0) return indices;
  const int32_t size = ln_emit_cast(n->e, ln_emit_size_of(n->e, a, axis), ln_emit_type(n->e, indices));
  return ln_emit_binary(n->e, LN_OP_FLOOR_MOD, indices, size);
}

/* ---- whole slices of one axis ---- */

int32_t ln_torch_index_select(torch_node *n) {
  const int32_t a = self(n), axis = axis_of(n, a);
  int32_t index = ln_torch_tensor(n, "index");
  const int32_t first = 0;
  if (axis < 0 || ln_emit_failed(n->e)) return -1;
  if (ln_emit_rank(n->e, index) == 0) index = ln_emit_expand(n->e, index, 1, &first);
  return ln_emit_gather(n->e, a, index, axis, 0);
}

int32_t ln_torch_embedding(torch_node *n) {
  const int32_t indices = ln_torch_tensor(n, "indices");
  return ln_emit_gather(n->e, ln_torch_tensor(n, "weight"), indices, 0, 0);
}

/* ---- elements of one axis, for each place of the others ---- */

/* `a` cut to the sizes that `index` has on axes but one. */
static int32_t cut_to(torch_node *n, int32_t a, int32_t index, int32_t but) {
  const int32_t rank = ln_emit_rank(n->e, a);
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t size = ln_emit_dim(n->e, index, i);
    if (i != but && size >= 0 && size != ln_emit_dim(n->e, a, i)) a = ln_emit_slice(n->e, a, i, 0, size, 1);
  }
  return a;
}

int32_t ln_torch_gather(torch_node *n) {
  int32_t a = self(n), index = ln_torch_tensor(n, n->variant == 1 ? "indices" : "index");
  const int32_t axis = axis_of(n, a), rank = ln_emit_rank(n->e, a);
  if (axis < 0 || ln_emit_failed(n->e) || rank == 0) return a;
  if (ln_emit_rank(n->e, index) != rank) return ln_emit_wrong(n->e, "indices of another rank");
  a = move_axis(n, cut_to(n, a, index, axis), axis, false);
  index = move_axis(n, index, axis, false);
  return move_axis(n, ln_emit_gather(n->e, a, index, rank - 1, rank - 1), axis, true);
}

/* int32 [elements of `index`]: the place in `a`, laid flat, of each index along the axis. Shapes are fixed. */
static int32_t flat_places(torch_node *n, int32_t a, int32_t index, int32_t axis) {
  const int32_t rank = ln_emit_rank(n->e, a);
  const int64_t count = ln_emit_elements(n->e, index), whole = ln_emit_elements(n->e, a);
  int32_t strides[LN_MAX_RANK], sizes[LN_MAX_RANK], place[LN_MAX_RANK] = {0};
  if (count < 0 || whole < 0 || whole > INT32_MAX || count > 1 << 26 || ln_emit_rank(n->e, index) != rank)
    return ln_emit_refuse(n->e, "elements are written by indices into open dimensions; fix them with --shape");
  for (int32_t i = rank - 1, stride = 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= ln_emit_dim(n->e, a, i);
    sizes[i] = ln_emit_dim(n->e, index, i);
  }
  int32_t *base = ln_arena_array(ln_emit_arena(n->e), (size_t)count + 1, sizeof *base), size = (int32_t)count;
  if (base == NULL) return ln_import_no_memory(n->e->import);
  for (int64_t i = 0; i < count; ++i) {
    for (int32_t k = 0; k < rank; ++k) base[i] += k == axis ? 0 : place[k] * strides[k];
    for (int32_t k = rank - 1; k >= 0 && ++place[k] == sizes[k]; --k) place[k] = 0;
  }
  const int32_t flat = ln_emit_flatten(n->e, ln_emit_cast(n->e, index, LN_INT32), 0, -1);
  const int32_t scaled = rank == 0 || strides[axis] == 1 ? flat : ln_emit_mul_number(n->e, flat, strides[axis]);
  return ln_emit_add(n->e, scaled, ln_emit_vector(n->e, size, base));
}

/* [places] added up into a vector as long as `a` is flat. */
static int32_t scattered(torch_node *n, int32_t places, int32_t values, int32_t length) {
  const int32_t last = -1, shape = ln_emit_vector(n->e, 1, &length);
  return ln_emit_scatter(n->e, ln_emit_expand(n->e, places, 1, &last), values, shape);
}

/* bool: which places of a flat tensor are hit. */
static int32_t hits(torch_node *n, int32_t places, int32_t length) {
  const int32_t count = ln_emit_dim(n->e, places, 0);
  const int32_t ones = ln_emit_filled(n->e, LN_INT32, 1, &count, 1);
  return ln_emit_compare(n->e, LN_OP_GREATER, scattered(n, places, ones, length), ln_emit_i32(n->e, 0));
}

/* The source of a scatter for each index: a number, or a tensor that is cut to the indices. */
static int32_t source_of(torch_node *n, int32_t a, int32_t index) {
  const bool number = !ln_torch_has(n, "src");
  int32_t source = ln_torch_tensor(n, number ? "value" : "src");
  if (ln_emit_failed(n->e)) return -1;
  source = ln_emit_cast(n->e, source, ln_emit_type(n->e, a));
  if (number) return ln_emit_broadcast_to(n->e, source, ln_emit_shape_of(n->e, index));
  return cut_to(n, source, index, -1);
}

static int32_t segment_code(const char *how) {
  static const struct {
    const char *name;
    int32_t code;
  } rows[] = {{"sum", LN_OP_UNSORTED_SEGMENT_SUM},  {"prod", LN_OP_UNSORTED_SEGMENT_PROD},
              {"amax", LN_OP_UNSORTED_SEGMENT_MAX}, {"amin", LN_OP_UNSORTED_SEGMENT_MIN},
              {"add", LN_OP_UNSORTED_SEGMENT_SUM},  {"multiply", LN_OP_UNSORTED_SEGMENT_PROD}};
  for (size_t i = 0; how != NULL && i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i].name, how) == 0) return rows[i].code;
  }
  return -1;
}

/* What joins the segments' results with what was there. */
static int32_t joining_code(int32_t segment) {
  return segment == LN_OP_UNSORTED_SEGMENT_SUM    ? LN_OP_ADD
         : segment == LN_OP_UNSORTED_SEGMENT_PROD ? LN_OP_MUL
         : segment == LN_OP_UNSORTED_SEGMENT_MAX  ? LN_OP_MAXIMUM
                                                  : LN_OP_MINIMUM;
}

/* Values of one place are reduced; `whole` is flat. */
static int32_t reduced_into(torch_node *n, int32_t whole, int32_t places, int32_t values, int32_t code) {
  const int32_t length = ln_emit_dim(n->e, whole, 0);
  const int32_t inputs[] = {values, places, ln_emit_i32(n->e, length)};
  const int32_t made = code == LN_OP_UNSORTED_SEGMENT_SUM
                           ? scattered(n, places, values, length)
                           : ln_emit_op(n->e, code, NULL, 3, inputs, ln_emit_type(n->e, values));
  if (ln_torch_flag(n, "include_self", true)) return ln_emit_binary(n->e, joining_code(code), whole, made);
  return ln_emit_select(n->e, hits(n, places, length), made, whole);
}

/* scatter, scatter_add, scatter_reduce; variant 1: add. */
int32_t ln_torch_scatter(torch_node *n) {
  const int32_t a = self(n), index = ln_torch_tensor(n, "index"), axis = axis_of(n, a);
  const char *how = n->variant == 1 ? "sum" : ln_torch_text(n, "reduce");
  if (axis < 0 || ln_emit_failed(n->e)) return -1;
  const int32_t code = segment_code(how), places = flat_places(n, a, index, axis);
  if (how != NULL && code < 0) return ln_emit_refuse(n->e, "reducing by \"%.20s\" is not built", how);
  const int32_t values = ln_emit_flatten(n->e, source_of(n, a, index), 0, -1);
  const int32_t whole = ln_emit_flatten(n->e, a, 0, -1);
  if (ln_emit_failed(n->e)) return -1;
  if (how != NULL) return ln_emit_reshape_like(n->e, reduced_into(n, whole, places, values, code), a);
  const int32_t last = -1, column = ln_emit_expand(n->e, places, 1, &last);
  return ln_emit_reshape_like(n->e, ln_emit_write_at(n->e, whole, column, values), a);
}

/* ---- whole slices written: index_add, index_copy, index_fill ---- */

/* Variants: 0 copy, 1 add, 2 fill. */
int32_t ln_torch_index_write(torch_node *n) {
  const int32_t a = self(n), axis = axis_of(n, a), rank = ln_emit_rank(n->e, a), last = -1;
  int32_t index = ln_torch_tensor(n, "index"), order[LN_MAX_RANK], back[LN_MAX_RANK];
  if (axis < 0 || ln_emit_failed(n->e) || rank == 0) return -1;
  for (int32_t i = 0; i < rank; ++i) order[i] = i == 0 ? axis : i <= axis ? i - 1 : i;
  for (int32_t i = 0; i < rank; ++i) back[order[i]] = i;
  const int32_t whole = ln_emit_transpose(n->e, a, order);
  if (ln_emit_rank(n->e, index) == 0) index = ln_emit_expand(n->e, index, 1, &last);
  index = ln_emit_cast(n->e, plain_indices(n, index, a, axis), LN_INT32);
  int32_t values = ln_emit_cast(n->e, ln_torch_tensor(n, n->variant == 2 ? "value" : "source"), ln_emit_type(n->e, a));
  if (n->variant == 2) {
    values = ln_emit_broadcast_to(n->e, ln_emit_reshape(n->e, values, 0, NULL),
                                  ln_emit_shape_of(n->e, ln_emit_gather(n->e, whole, index, 0, 0)));
  } else {
    values = ln_emit_transpose(n->e, values, order);
  }
  const double alpha = ln_torch_number(n, "alpha", 1);
  if (alpha != 1) values = ln_emit_mul_number(n->e, values, alpha);
  const int32_t places = ln_emit_expand(n->e, index, 1, &last);
  if (n->variant != 1) return ln_emit_transpose(n->e, ln_emit_write_at(n->e, whole, places, values), back);
  const int32_t made = ln_emit_scatter(n->e, places, values, ln_emit_shape_of(n->e, whole));
  return ln_emit_transpose(n->e, ln_emit_add(n->e, whole, made), back);
}

/* ---- x[i, j], x[mask] ---- */

typedef struct indexing {
  int32_t tensors[LN_MAX_RANK]; /* of each axis, -1: all of it */
  int32_t count;                /* indexed axes */
  int32_t first;                /* of them */
  bool together;                /* one behind the other */
} indexing;

/* Axes that are indexed; a mask of bools stands for its rank of axes, by the places where it is true. */
static bool read_indexing(torch_node *n, int32_t a, indexing *out) {
  int32_t list[LN_MAX_RANK], at = 0;
  const int32_t count = ln_torch_tensors(n, "indices", LN_MAX_RANK, list), rank = ln_emit_rank(n->e, a);
  *out = (indexing){.first = -1, .together = true};
  for (int32_t i = 0; i < rank; ++i) out->tensors[i] = -1;
  for (int32_t i = 0; i < count && !ln_emit_failed(n->e); ++i) {
    const bool mask = list[i] >= 0 && ln_emit_type(n->e, list[i]) == LN_BOOL;
    const int32_t axes = mask ? ln_emit_rank(n->e, list[i]) : 1;
    if (at + axes > rank || axes < 1) return ln_emit_wrong(n->e, "more indices than dimensions") > 0;
    if (mask) {
      int32_t parts[LN_MAX_RANK];
      const int32_t found = ln_emit_op(n->e, LN_OP_WHERE, NULL, 1, &list[i], LN_INT64);
      const int32_t places = ln_emit_cast(n->e, found, LN_INT32); /* UNPACK of TFLite takes no int64 */
      if (!ln_emit_unpack(n->e, places, 1, axes, parts)) return false;
      for (int32_t k = 0; k < axes; ++k) out->tensors[at + k] = parts[k];
    } else {
      out->tensors[at] = list[i] < 0 ? -1 : plain_indices(n, list[i], a, at);
    }
    at += axes;
  }
  int32_t last = -1;
  for (int32_t i = 0; i < rank; ++i) {
    if (out->tensors[i] < 0) continue;
    if (last >= 0 && last != i - 1) out->together = false;
    if (out->first < 0) out->first = i;
    last = i;
    ++out->count;
  }
  return !ln_emit_failed(n->e) && count > 0;
}

/* [broadcast indices..., count] of int32. */
static int32_t stacked(torch_node *n, const indexing *ix, int32_t *rank) {
  int32_t parts[LN_MAX_RANK], count = 0, sum = -1;
  for (int32_t i = 0; i < LN_MAX_RANK && count < ix->count; ++i) {
    if (ix->tensors[i] >= 0) parts[count++] = ln_emit_cast(n->e, ix->tensors[i], LN_INT32);
  }
  bool same = true;
  for (int32_t i = 1; i < count; ++i) same = same && ln_emit_same_shape(n->e, parts[0], parts[i]);
  for (int32_t i = 0; i < count && !same; ++i) sum = i == 0 ? parts[0] : ln_emit_add(n->e, sum, parts[i]);
  const int32_t shape = same ? -1 : ln_emit_shape_of(n->e, sum);
  for (int32_t i = 0; i < count && !same; ++i) {
    if (!ln_emit_same_shape(n->e, parts[i], sum)) parts[i] = ln_emit_broadcast_to(n->e, parts[i], shape);
  }
  *rank = ln_emit_rank(n->e, same ? parts[0] : sum);
  return ln_emit_failed(n->e) ? -1 : ln_emit_pack(n->e, -1, count, parts);
}

/* Indexed axes first. */
static void indexed_first(const indexing *ix, int32_t rank, int32_t *order) {
  int32_t made = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (ix->tensors[i] >= 0) order[made++] = i;
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (ix->tensors[i] < 0) order[made++] = i;
  }
}

/* Dimensions of the indices, which lie first, go where the first indexed axis was (or come back from there). */
static int32_t place_indexed(torch_node *n, int32_t a, const indexing *ix, int32_t index_rank, bool back) {
  int32_t order[LN_MAX_RANK], inverse[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(n->e, a), before = ix->together ? ix->first : 0;
  if (ln_emit_failed(n->e)) return -1;
  for (int32_t i = 0; i < rank; ++i) {
    order[i] = i < before ? index_rank + i : i < before + index_rank ? i - before : i;
  }
  for (int32_t i = 0; i < rank; ++i) inverse[order[i]] = i;
  return ln_emit_transpose(n->e, a, back ? inverse : order);
}

int32_t ln_torch_index(torch_node *n) {
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  int32_t order[LN_MAX_RANK], index_rank = 0;
  indexing ix;
  if (ln_emit_failed(n->e) || !read_indexing(n, a, &ix)) return -1;
  if (ix.count == 0) return a;
  if (ix.count == 1) return ln_emit_gather(n->e, a, ix.tensors[ix.first], ix.first, 0);
  indexed_first(&ix, rank, order);
  const int32_t places = stacked(n, &ix, &index_rank);
  const int32_t made = ln_emit_binary(n->e, LN_OP_GATHER_ND, ln_emit_transpose(n->e, a, order), places);
  return place_indexed(n, made, &ix, index_rank, false);
}

/* One mask, and one value for all that it picks. */
static int32_t masked_put(torch_node *n, int32_t a, int32_t mask, int32_t value) {
  const int32_t more = ln_emit_rank(n->e, a) - ln_emit_rank(n->e, mask);
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 0; i < more; ++i) axes[i] = ln_emit_rank(n->e, mask) + i;
  if (more > 0) mask = ln_emit_expand(n->e, mask, more, axes);
  return ln_emit_select(n->e, mask, value, a);
}

int32_t ln_torch_index_put(torch_node *n) {
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  int32_t order[LN_MAX_RANK], back[LN_MAX_RANK], list[LN_MAX_RANK], index_rank = 0;
  indexing ix;
  int32_t values = ln_torch_tensor(n, "values");
  const bool add = ln_torch_flag(n, "accumulate", false);
  if (ln_emit_failed(n->e)) return -1;
  values = ln_emit_cast(n->e, values, ln_emit_type(n->e, a));
  const int32_t count = ln_torch_tensors(n, "indices", LN_MAX_RANK, list);
  if (count == 1 && list[0] >= 0 && ln_emit_type(n->e, list[0]) == LN_BOOL && !add &&
      ln_emit_elements(n->e, values) == 1)
    return masked_put(n, a, list[0], ln_emit_reshape(n->e, values, 0, NULL));
  if (!read_indexing(n, a, &ix) || ix.count == 0) return ln_emit_wrong(n->e, "nothing is indexed");
  indexed_first(&ix, rank, order);
  for (int32_t i = 0; i < rank; ++i) back[order[i]] = i;
  const int32_t places = stacked(n, &ix, &index_rank), whole = ln_emit_transpose(n->e, a, order);
  const int32_t shown = ln_emit_binary(n->e, LN_OP_GATHER_ND, whole, places); /* of the shape that values have */
  const int32_t natural = place_indexed(n, shown, &ix, index_rank, false);
  if (!ln_emit_same_shape(n->e, natural, values))
    values = ln_emit_broadcast_to(n->e, values, ln_emit_shape_of(n->e, natural));
  values = place_indexed(n, values, &ix, index_rank, true);
  if (!add) return ln_emit_transpose(n->e, ln_emit_write_at(n->e, whole, places, values), back);
  const int32_t made = ln_emit_scatter(n->e, places, values, ln_emit_shape_of(n->e, whole));
  return ln_emit_transpose(n->e, ln_emit_add(n->e, whole, made), back);
}

/* ---- places ---- */

int32_t ln_torch_nonzero(torch_node *n) {
  const int32_t a = ln_emit_cast(n->e, ln_torch_tensor(n, ln_torch_has(n, "self") ? "self" : "condition"), LN_BOOL);
  return ln_emit_op(n->e, LN_OP_WHERE, NULL, 1, &a, LN_INT64);
}

int32_t ln_torch_masked_select(torch_node *n) {
  const int32_t a = self(n), mask = ln_torch_tensor(n, "mask");
  if (!ln_emit_same_shape(n->e, a, mask)) return ln_emit_refuse(n->e, "the mask has another shape");
  const int32_t places = ln_emit_op(n->e, LN_OP_WHERE, NULL, 1, &mask, LN_INT64);
  return ln_emit_binary(n->e, LN_OP_GATHER_ND, a, places);
}

/* self, with the elements of "source" one after the other where the mask is true. */
int32_t ln_torch_masked_scatter(torch_node *n) {
  const int32_t a = self(n), mask = ln_torch_tensor(n, "mask"), source = ln_torch_tensor(n, "source");
  if (ln_emit_failed(n->e)) return -1;
  const int32_t whole =
      ln_emit_same_shape(n->e, a, mask) ? mask : ln_emit_broadcast_to(n->e, mask, ln_emit_shape_of(n->e, a));
  const int32_t flat = ln_emit_cast(n->e, ln_emit_flatten(n->e, whole, 0, -1), LN_INT32);
  const int32_t places =
      ln_emit_clip(n->e, ln_emit_add_number(n->e, ln_emit_cumsum(n->e, flat, 0, false, false), -1), 0, INT32_MAX);
  const int32_t taken = ln_emit_gather(n->e, ln_emit_flatten(n->e, source, 0, -1), places, 0, 0);
  return ln_emit_select(n->e, whole, ln_emit_reshape_like(n->e, taken, a), a);
}

/* ---- by constant places ---- */

/* Elements of `a`, laid flat from dimension `from` on, at constant places. */
static int32_t at_places(torch_node *n, int32_t a, int32_t from, int32_t count, const int32_t *places) {
  const int32_t rank = ln_emit_rank(n->e, a);
  const int32_t flat = from == rank - 1 ? a : ln_emit_flatten(n->e, a, from, rank - 1);
  return ln_emit_gather(n->e, flat, ln_emit_vector(n->e, count, places), from, 0);
}

int32_t ln_torch_diagonal(torch_node *n) {
  int32_t a = self(n), order[LN_MAX_RANK], made = 0;
  const int32_t rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || rank < 2) return ln_emit_wrong(n->e, "it takes a matrix");
  const int32_t first = ln_torch_axis(n, ln_torch_int(n, "dim1", 0), rank);
  const int32_t second = ln_torch_axis(n, ln_torch_int(n, "dim2", 1), rank);
  const int64_t offset = ln_torch_int(n, ln_torch_has(n, "diagonal") ? "diagonal" : "offset", 0);
  if (first < 0 || second < 0 || first == second) return ln_emit_wrong(n->e, "bad axes");
  const int32_t rows = ln_emit_dim(n->e, a, first), columns = ln_emit_dim(n->e, a, second);
  if (rows < 0 || columns < 0) return ln_emit_refuse(n->e, "a diagonal of open dimensions is not built");
  for (int32_t i = 0; i < rank; ++i) {
    if (i != first && i != second) order[made++] = i;
  }
  order[made++] = first;
  order[made] = second;
  const int32_t most = rows < columns ? rows : columns;
  int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)most + 1, sizeof *places), count = 0;
  if (places == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0; i < rows && count < most; ++i) {
    const int64_t column = i + offset;
    if (column >= 0 && column < columns) places[count++] = (int32_t)(i * (int64_t)columns + column);
  }
  a = ln_emit_transpose(n->e, a, order);
  return at_places(n, a, rank - 2, count, places);
}

/* A vector on the diagonal of zeros. */
int32_t ln_torch_diag_embed(torch_node *n) {
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a), second_last = -2;
  const int64_t offset = ln_torch_int(n, ln_torch_has(n, "diagonal") ? "diagonal" : "offset", 0);
  if (ln_emit_failed(n->e)) return -1;
  if (n->variant == 1 && rank == 2) return ln_torch_diagonal(n);
  const int64_t dim1 = ln_torch_int(n, "dim1", -2), dim2 = ln_torch_int(n, "dim2", -1);
  const int32_t size = ln_emit_dim(n->e, a, -1);
  if (offset != 0 || dim1 != -2 || dim2 != -1 || size < 0 || size > 1 << 13 || rank < 1)
    return ln_emit_refuse(n->e, "only the main diagonal of the last two dimensions is built");
  if (!ln_emit_may_take(n->e, (size_t)size * (size_t)size * 2)) return -1;
  uint8_t *mask = ln_arena_array(ln_emit_arena(n->e), (size_t)size + 1, (size_t)size + 1);
  if (mask == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0; i < size; ++i) mask[(size_t)i * (size_t)size + (size_t)i] = 1;
  const int32_t dims[] = {size, size}, condition = ln_emit_const(n->e, LN_BOOL, 2, dims, mask);
  return ln_emit_select(n->e, condition, ln_emit_expand(n->e, a, 1, &second_last),
                        ln_emit_scalar(n->e, ln_emit_type(n->e, a), 0));
}

/* Windows of an axis, at the end. */
int32_t ln_torch_unfold(torch_node *n) {
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  const int32_t axis = ln_emit_failed(n->e) ? -1 : ln_torch_axis(n, ln_torch_int(n, "dimension", 0), rank);
  const int64_t window = ln_torch_int(n, "size", 1), step = ln_torch_int(n, "step", 1);
  const int32_t size = axis < 0 ? -1 : ln_emit_dim(n->e, a, axis);
  if (size < 0 || window < 1 || step < 1 || window > size || rank == LN_MAX_RANK)
    return ln_emit_refuse(n->e, "windows of an open dimension are not built");
  const int32_t count = (int32_t)((size - window) / step) + 1, dims[] = {count, (int32_t)window};
  if ((int64_t)count * window > 1 << 24) return ln_emit_refuse(n->e, "there are too many windows");
  if (!ln_emit_may_take(n->e, (size_t)(count * window) * 8)) return -1;
  int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)(count * window), sizeof *places);
  if (places == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0; i < count * (int32_t)window; ++i)
    places[i] = (i / (int32_t)window) * (int32_t)step + i % (int32_t)window;
  const int32_t made = ln_emit_gather(n->e, a, ln_emit_const(n->e, LN_INT32, 2, dims, places), axis, 0);
  return move_axis(n, made, axis + 1, false);
}

/* Patches of a picture: [n, c kh kw, places]. */
int32_t ln_torch_im2col(torch_node *n) {
  static const int32_t order[] = {0, 1, 2, 4, 3, 5};
  int64_t kernel[2] = {0}, dilation[2] = {1, 1}, padding[2] = {0, 0}, stride[2] = {1, 1};
  int32_t a = self(n), before[4] = {0}, counts[2];
  ln_torch_ints(n, "kernel_size", 2, kernel);
  ln_torch_ints(n, "dilation", 2, dilation);
  ln_torch_ints(n, "padding", 2, padding);
  ln_torch_ints(n, "stride", 2, stride);
  if (ln_emit_failed(n->e) || ln_emit_rank(n->e, a) != 4) return ln_emit_refuse(n->e, "it takes four dimensions");
  for (int32_t i = 0; i < 2; ++i) {
    if (padding[i] < 0 || padding[i] > 1 << 10 || dilation[i] > 1 << 10)
      return ln_emit_refuse(n->e, "its sizes are beyond what is built");
    before[2 + i] = (int32_t)padding[i];
  }
  a = ln_emit_pad(n->e, a, before, before, 0);
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t axis = 2 + 2 * i, size = ln_emit_dim(n->e, a, axis);
    if (size < 0 || kernel[i] < 1 || stride[i] < 1 || kernel[i] > size || dilation[i] < 1 || size > 1 << 14)
      return ln_emit_refuse(n->e, "bad or open sizes");
    const int64_t room = size - dilation[i] * (kernel[i] - 1) - 1;
    counts[i] = room < 0 ? 0 : (int32_t)(room / stride[i]) + 1;
    if (counts[i] < 1 || kernel[i] * counts[i] > 1 << 22) return ln_emit_refuse(n->e, "no patch or too many fit");
    const int32_t dims[] = {(int32_t)kernel[i], counts[i]};
    if (!ln_emit_may_take(n->e, (size_t)(kernel[i] * counts[i]) * 8)) return -1;
    int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)(kernel[i] * counts[i]), sizeof *places);
    if (places == NULL) return ln_import_no_memory(n->e->import);
    for (int32_t k = 0; k < kernel[i] * counts[i]; ++k)
      places[k] = (int32_t)(k / counts[i] * dilation[i] + k % counts[i] * stride[i]);
    a = ln_emit_gather(n->e, a, ln_emit_const(n->e, LN_INT32, 2, dims, places), axis, 0);
  }
  a = ln_emit_transpose(n->e, a, order);
  const int64_t columns = ln_emit_failed(n->e) ? 0 : ln_emit_dim(n->e, a, 1) * kernel[0] * kernel[1];
  if (columns > INT32_MAX) return ln_emit_refuse(n->e, "its patches are too large");
  const ln_dim dims[] = {LN_DIM_OF(a, 0), LN_DIM((int32_t)columns), LN_DIM(counts[0] * counts[1])};
  return ln_emit_reshape(n->e, a, 3, dims);
}

/* Patches put together again, added where they overlap. */
int32_t ln_torch_col2im(torch_node *n) {
  int64_t size[2], kernel[2], dilation[2] = {1, 1}, padding[2] = {0, 0}, stride[2] = {1, 1};
  const int32_t a = self(n);
  if (ln_torch_ints(n, "output_size", 2, size) != 2 || ln_torch_ints(n, "kernel_size", 2, kernel) != 2)
    return ln_emit_wrong(n->e, "sizes are missing");
  ln_torch_ints(n, "dilation", 2, dilation);
  ln_torch_ints(n, "padding", 2, padding);
  ln_torch_ints(n, "stride", 2, stride);
  const int32_t columns = ln_emit_dim(n->e, a, 1), count = ln_emit_dim(n->e, a, 2);
  int64_t steps[2];
  for (int32_t i = 0; i < 2; ++i) {
    if (size[i] < 1 || size[i] > 1 << 14 || kernel[i] < 1 || kernel[i] > 1 << 10 || stride[i] < 1 || padding[i] < 0 ||
        padding[i] > 1 << 10 || dilation[i] < 1 || dilation[i] > 1 << 10)
      return ln_emit_refuse(n->e, "its sizes are beyond what is built");
    steps[i] = (size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
  const int64_t window = kernel[0] * kernel[1];
  if (ln_emit_rank(n->e, a) != 3 || columns < 1 || columns % window != 0 || count != steps[0] * steps[1] ||
      window * count > 1 << 24)
    return ln_emit_refuse(n->e, "it takes a fixed shape of three dimensions");
  const int32_t height = (int32_t)(size[0] + 2 * padding[0]), width = (int32_t)(size[1] + 2 * padding[1]);
  if (!ln_emit_may_take(n->e, (size_t)(window * count) * 8)) return -1;
  int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)(window * count), sizeof *places);
  if (places == NULL) return ln_import_no_memory(n->e->import);
  for (int64_t k = 0; k < window; ++k) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t y = k / kernel[1] * dilation[0] + i / steps[1] * stride[0];
      const int64_t x = k % kernel[1] * dilation[1] + i % steps[1] * stride[1];
      places[k * count + i] = (int32_t)(y * width + x);
    }
  }
  const int32_t channels = columns / (int32_t)window, last = -1, all = (int32_t)(window * count);
  const ln_dim apart[] = {LN_DIM_OF(a, 0), LN_DIM(channels), LN_DIM(all)};
  static const int32_t order[] = {2, 0, 1}, back[] = {1, 2, 0};
  const int32_t values = ln_emit_transpose(n->e, ln_emit_reshape(n->e, a, 3, apart), order);
  const ln_dim shape[] = {LN_DIM(height * width), LN_DIM_OF(a, 0), LN_DIM(channels)};
  const int32_t at = ln_emit_expand(n->e, ln_emit_vector(n->e, all, places), 1, &last);
  const int32_t sums = ln_emit_scatter(n->e, at, values, ln_emit_dims(n->e, 3, shape));
  const ln_dim picture[] = {LN_DIM_OF(a, 0), LN_DIM(channels), LN_DIM(height), LN_DIM(width)};
  const int32_t made = ln_emit_reshape(n->e, ln_emit_transpose(n->e, sums, back), 4, picture);
  const int32_t crop[] = {0, 0, (int32_t)-padding[0], (int32_t)-padding[1]};
  return ln_emit_pad(n->e, made, crop, crop, 0);
}

/* Any strides over a tensor that lies in order. */
int32_t ln_torch_as_strided(torch_node *n) {
  int64_t sizes[LN_MAX_RANK], strides[LN_MAX_RANK], count = 1;
  const int32_t a = self(n), rank = ln_torch_ints(n, "size", LN_MAX_RANK, sizes);
  const int64_t offset = ln_torch_int(n, "storage_offset", 0), whole = ln_emit_elements(n->e, a);
  if (ln_emit_failed(n->e) || rank < 0 || ln_torch_ints(n, "stride", LN_MAX_RANK, strides) != rank || whole < 0)
    return ln_emit_refuse(n->e, "strides over open dimensions are not built");
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) {
    if (sizes[i] < 0 || sizes[i] > 1 << 24 || (count *= sizes[i]) > 1 << 24) return ln_emit_refuse(n->e, "too large");
    dims[i] = LN_DIM((int32_t)sizes[i]);
  }
  if (!ln_emit_may_take(n->e, (size_t)count * 8)) return -1;
  int32_t *places = ln_arena_array(ln_emit_arena(n->e), (size_t)count + 1, sizeof *places);
  if (places == NULL) return ln_import_no_memory(n->e->import);
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = offset, rest = i;
    for (int32_t k = rank - 1; k >= 0; --k) {
      at += rest % sizes[k] * strides[k];
      rest /= sizes[k];
    }
    if (at < 0 || at >= whole) return ln_emit_wrong(n->e, "strides leave the tensor");
    places[i] = (int32_t)at;
  }
  const int32_t flat = ln_emit_flatten(n->e, a, 0, -1);
  return ln_emit_reshape(n->e, ln_emit_gather(n->e, flat, ln_emit_vector(n->e, (int32_t)count, places), 0, 0), rank,
                         dims);
}

#endif
