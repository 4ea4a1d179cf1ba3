/* What moves elements: broadcasting, reshaping, slicing, padding, and the sizes of dimensions. */
#include <string.h>

#include "import/stablehlo/lower.h"

/* Both parts of a complex value are moved in the same way. */
typedef int32_t (*ln_mover)(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *how);

static bool move(ln_shlo_frame *f, const ln_mlir_op *op, ln_mover mover, const void *how) {
  ln_shlo_value v = ln_shlo_in(f, op, 0);
  if (v.tensor < 0) return false;
  v = ln_shlo_spread(f, v, ln_shlo_type(op, 0));
  ln_shlo_value out = ln_shlo_of(f, v.tensor < 0 ? -1 : mover(f, op, v.tensor, how));
  if (v.imag >= 0) out.imag = mover(f, op, v.imag, how);
  if (out.tensor < 0 || (v.imag >= 0 && out.imag < 0)) return false;
  ln_shlo_set(f, &op->results[0], out);
  return true;
}

/* A single element, whatever the shape: it stays one. */
static bool is_single(const ln_shlo_frame *f, const ln_shlo_value *v) {
  return v->imag < 0 && v->tensor >= 0 && ln_emit_elements(f->e, v->tensor) == 1;
}

static int32_t as_scalar(ln_shlo_frame *f, int32_t a) {
  return ln_emit_rank(f->e, a) == 0 ? a : ln_emit_reshape(f->e, a, 0, NULL);
}

static bool has_open(const ln_mlir_type *type) {
  for (int32_t i = 0; i < type->rank; ++i) {
    if (type->dims[i] < 0) return true;
  }
  return false;
}

static int32_t shape_operand(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index) {
  return ln_emit_cast(f->e, ln_shlo_full(f, op, index), LN_INT32);
}

/* ---- counting ---- */

bool ln_shlo_iota(ln_shlo_frame *f, const ln_mlir_op *op, int32_t dynamic) {
  const ln_mlir_type *type = op->result_count == 1 ? op->results[0].type : NULL;
  const int64_t axis = ln_mlir_int(op, "iota_dimension", -1);
  ln_dim dims[LN_MAX_RANK];
  if (type == NULL || type->form != LN_MLIR_TENSOR || axis < 0 || axis >= type->rank)
    return ln_shlo_refuse(f, "its dimension does not exist");
  const int32_t shape = dynamic ? shape_operand(f, op, 0) : -1;
  const int32_t size =
      type->dims[axis] >= 0 ? ln_emit_i32(f->e, type->dims[axis]) : ln_emit_pick(f->e, shape, 0, (int32_t)axis);
  int32_t range = ln_emit_count_up(f->e, size);
  if (!dynamic || type->dims[axis] >= 0) ln_emit_declare(f->e, range, 1, &type->dims[axis]);
  const ln_mlir_element_info *info = ln_mlir_element_at(type->element);
  if (info->kind == LN_MLIR_COMPLEX) return ln_shlo_refuse(f, "it counts in complex numbers");
  range = ln_shlo_convert(f, range, ln_mlir_element_at(LN_MLIR_I32), info);
  for (int32_t i = 0; i < type->rank; ++i) dims[i] = i == axis ? LN_DIM_OF(range, 0) : LN_DIM(1);
  if (axis < type->rank - 1) range = ln_emit_reshape(f->e, range, type->rank - (int32_t)axis, dims + axis);
  return ln_shlo_give_small(f, op, range, has_open(type) ? shape : -1);
}

bool ln_shlo_dimension_size(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int64_t axis = ln_mlir_int(op, "dimension", -1);
  (void)unused;
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  if (v.tensor < 0) return false;
  if (axis < 0 || axis >= ln_shlo_type(op, 0)->rank) return ln_shlo_refuse(f, "its dimension does not exist");
  const ln_shlo_value whole = ln_shlo_spread(f, v, ln_shlo_type(op, 0));
  return ln_shlo_give(f, op, 0, ln_emit_size_of(f->e, whole.tensor, (int32_t)axis));
}

bool ln_shlo_shape_of(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  const int32_t shape = ln_emit_shape_of(f->e, ln_shlo_full(f, op, 0));
  return ln_shlo_give(f, op, 0, ln_emit_cast(f->e, shape, ln_shlo_result_element(op)->inside));
}

/* ---- broadcasting ---- */

static bool is_ascending(const int32_t *list, int32_t count) {
  for (int32_t i = 1; i < count; ++i) {
    if (list[i] <= list[i - 1]) return false;
  }
  return true;
}

/* The dimensions of `a`, the last `rank` of which are the operand's, put where `to` says; others are 1. */
static int32_t place(ln_shlo_frame *f, int32_t a, int32_t rank, const int32_t *to, int32_t out_rank) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t missing = rank - ln_emit_rank(f->e, a);
  bool there = true;
  if (a < 0) return -1;
  for (int32_t i = 0; i < out_rank; ++i) dims[i] = LN_DIM(1);
  for (int32_t i = 0; i < rank; ++i) {
    if (i >= missing) dims[to[i]] = LN_DIM_OF(a, i - missing);
    if (i >= missing && ln_emit_dim(f->e, a, i - missing) != 1) there = there && to[i] == out_rank - rank + i;
  }
  return there ? a : ln_emit_reshape(f->e, a, out_rank, dims);
}

bool ln_shlo_broadcast_in_dim(ln_shlo_frame *f, const ln_mlir_op *op, int32_t dynamic) {
  ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_type *type = op->results[0].type;
  int32_t to[LN_MAX_RANK], sorted[LN_MAX_RANK], order[LN_MAX_RANK], count;
  if (v.tensor < 0 || !ln_shlo_axes(f, op, "broadcast_dimensions", type->rank, to, &count)) return false;
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  if (count != rank) return ln_shlo_refuse(f, "its broadcast dimensions are not as many as its operand's");
  const int32_t shape = dynamic && has_open(type) ? shape_operand(f, op, 1) : -1;
  if (!is_single(f, &v)) {
    if (!is_ascending(to, count)) { /* they change places, too */
      v = ln_shlo_spread(f, v, ln_shlo_type(op, 0));
      for (int32_t i = 0; i < count; ++i) {
        int32_t before = 0;
        for (int32_t k = 0; k < count; ++k) before += to[k] < to[i];
        order[before] = i;
        sorted[before] = to[i];
      }
      v.tensor = ln_emit_transpose(f->e, v.tensor, order);
      v.imag = v.imag < 0 ? -1 : ln_emit_transpose(f->e, v.imag, order);
      memcpy(to, sorted, sizeof to);
    }
    v.tensor = place(f, v.tensor, rank, to, type->rank);
    v.imag = v.imag < 0 ? -1 : place(f, v.imag, rank, to, type->rank);
  }
  if (v.imag < 0) return ln_shlo_give_small(f, op, v.tensor, shape);
  v.small = true;
  v.shape = shape;
  ln_shlo_set(f, &op->results[0], v);
  return v.tensor >= 0;
}

bool ln_shlo_broadcast(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  (void)unused;
  if (v.imag >= 0) return ln_shlo_refuse(f, "it is not possible with complex numbers in TensorFlow Lite");
  return v.tensor >= 0 && ln_shlo_give_small(f, op, v.tensor, -1);
}

/* ---- other shapes ---- */

static int32_t reshaped(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *shape) {
  const ln_mlir_type *type = op->results[0].type;
  ln_dim dims[LN_MAX_RANK];
  int32_t open = 0;
  for (int32_t i = 0; i < type->rank; ++i) {
    dims[i] = type->dims[i] < 0 ? LN_DIM_REST : LN_DIM(type->dims[i]);
    open += type->dims[i] < 0;
  }
  bool empty = false;
  for (int32_t i = 0; i < type->rank; ++i) empty = empty || type->dims[i] == 0;
  if (open <= 1 && !(empty && open == 1)) return ln_emit_reshape(f->e, a, type->rank, dims);
  return shape == NULL ? ln_emit_refuse(f->e, "its shape is not known")
                       : ln_emit_reshape_to(f->e, a, *(const int32_t *)shape);
}

bool ln_shlo_reshape(ln_shlo_frame *f, const ln_mlir_op *op, int32_t dynamic) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const int32_t shape = dynamic ? shape_operand(f, op, 1) : -1;
  if (v.tensor < 0) return false;
  if (is_single(f, &v) && (!dynamic || !has_open(op->results[0].type))) {
    return ln_shlo_give_small(
        f, op, op->results[0].type->rank < ln_emit_rank(f->e, v.tensor) ? as_scalar(f, v.tensor) : v.tensor, -1);
  }
  return move(f, op, reshaped, dynamic ? &shape : NULL);
}

static int32_t transposed(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *order) {
  (void)op;
  return ln_emit_transpose(f->e, a, order);
}

bool ln_shlo_transpose(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  int32_t order[LN_MAX_RANK], count;
  (void)unused;
  if (!ln_shlo_axes(f, op, "permutation", rank, order, &count)) return false;
  if (count != rank) return ln_shlo_refuse(f, "its permutation leaves dimensions out");
  if (is_single(f, &v) && !has_open(op->results[0].type)) return ln_shlo_give_small(f, op, v.tensor, -1);
  return move(f, op, transposed, order);
}

typedef struct {
  int32_t axes[LN_MAX_RANK], count;
} ln_axes;

static int32_t reversed(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *how) {
  const ln_axes *axes = how;
  (void)op;
  for (int32_t i = 0; i < axes->count; ++i) a = ln_emit_reverse(f->e, a, axes->axes[i]);
  return a;
}

bool ln_shlo_reverse(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_axes axes;
  (void)unused;
  return ln_shlo_axes(f, op, "dimensions", ln_shlo_type(op, 0)->rank, axes.axes, &axes.count) &&
         move(f, op, reversed, &axes);
}

/* A list of single numbers, such as a shape: some of them may be known where others are not. */
static void keep_parts(ln_shlo_frame *f, const ln_mlir_op *op, ln_shlo_value *v) {
  if (op->operand_count > LN_MAX_RANK) return;
  v->parts = ln_mlir_new(f->s->m, (size_t)op->operand_count, sizeof *v->parts);
  if (v->parts == NULL) return;
  for (; v->count < op->operand_count; ++v->count) v->parts[v->count] = ln_shlo_in(f, op, v->count);
}

static int32_t number_of(ln_shlo_frame *f, const ln_mlir_op *op, int32_t operand, int32_t index) {
  return ln_emit_cast(f->e, ln_shlo_part_at(f, ln_shlo_in(f, op, operand), index), LN_INT32);
}

bool ln_shlo_concatenate(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int64_t axis = ln_mlir_int(op, "dimension", -1);
  int32_t *parts = ln_alloc_array((size_t)op->operand_count * 2 + 1, sizeof *parts);
  int32_t count = 0;
  bool is_complex = false;
  (void)unused;
  if (parts == NULL) return ln_import_no_memory(f->e->import) > 0;
  for (int32_t i = 0; i < op->operand_count; ++i) {
    const ln_shlo_value v = ln_shlo_spread(f, ln_shlo_in(f, op, i), ln_shlo_type(op, i));
    if (v.tensor < 0 || ln_emit_dim(f->e, v.tensor, (int32_t)axis) == 0) continue; /* nothing of it */
    parts[count] = v.tensor;
    parts[op->operand_count + count++] = v.imag;
    is_complex = v.imag >= 0;
  }
  bool good = axis >= 0 && axis < op->results[0].type->rank && op->operand_count > 0 && !ln_emit_failed(f->e);
  if (good && count == 0) {
    good = ln_shlo_give(f, op, 0, ln_shlo_full(f, op, 0));
  } else if (good) {
    ln_shlo_value v = ln_shlo_of(f, ln_emit_concat(f->e, (int32_t)axis, count, parts));
    if (is_complex) v.imag = ln_emit_concat(f->e, (int32_t)axis, count, parts + op->operand_count);
    if (!is_complex && op->results[0].type->rank == 1 && op->results[0].type->dims[0] == op->operand_count)
      keep_parts(f, op, &v);
    ln_shlo_set(f, &op->results[0], v);
    good = v.tensor >= 0;
  }
  ln_free(parts);
  return good;
}

/* ---- slices ---- */

typedef struct {
  int32_t from[LN_MAX_RANK], to[LN_MAX_RANK], step[LN_MAX_RANK];
} ln_ranges;

static int32_t sliced(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *how) {
  const ln_ranges *r = how;
  int32_t size[LN_MAX_RANK];
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t dim = ln_emit_dim(f->e, a, i);
    size[i] = r->to[i] == dim ? dim - r->from[i] : r->to[i] - r->from[i];
  }
  a = ln_emit_slice_all(f->e, a, r->from, size);
  for (int32_t i = 0; i < rank; ++i) {
    if (r->step[i] != 1) a = ln_emit_slice(f->e, a, i, 0, INT32_MAX, r->step[i]);
  }
  return a;
}

bool ln_shlo_slice(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_mlir_type *type = ln_shlo_type(op, 0);
  ln_ranges r;
  (void)unused;
  if (!ln_shlo_list(f, op, "start_indices", type->rank, 0, r.from) ||
      !ln_shlo_list(f, op, "limit_indices", type->rank, 0, r.to) ||
      !ln_shlo_list(f, op, "strides", type->rank, 1, r.step)) {
    return false;
  }
  for (int32_t i = 0; i < type->rank; ++i) {
    const bool fits =
        r.from[i] >= 0 && r.from[i] <= r.to[i] && r.step[i] > 0 && (type->dims[i] < 0 || r.to[i] <= type->dims[i]);
    if (!fits) return ln_emit_wrong(f->e, "it slices beyond dimension %d", i), false;
  }
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  if (is_single(f, &v) && v.small && !has_open(op->results[0].type)) {
    return ln_shlo_give_small(f, op, v.tensor, -1);
  }
  return move(f, op, sliced, &r);
}

/* Rows [start, start + size) of an axis. SLICE's number of rows would be known only in the run. */
static int32_t rows_from(ln_shlo_frame *f, int32_t a, int32_t axis, int32_t start, int32_t size) {
  const ln_dim one = LN_DIM(1);
  int32_t rows = ln_emit_reshape(f->e, start, 1, &one);
  if (size > 1) {
    const int32_t end = ln_emit_i32(f->e, size);
    rows = ln_emit_add(f->e, rows, ln_emit_count_up(f->e, end));
  }
  return ln_emit_gather(f->e, a, rows, axis, 0);
}

static bool is_known(const ln_emit *e, int32_t t) {
  return t >= 0 && e->facts[t].value[0] != NULL && e->facts[t].value[1] != NULL;
}

/* Axes whose bounds hang on data are gathered, where their number is fixed; the others are one slice. */
static int32_t slice_between(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const ln_mlir_type *type) {
  ln_emit *e = f->e;
  int32_t parts[3][LN_MAX_RANK];
  bool whole = true;
  for (int32_t i = 0; i < type->rank; ++i) {
    int64_t from, step;
    int32_t count;
    for (int32_t k = 0; k < 3; ++k) parts[k][i] = number_of(f, op, k + 1, i);
    if (ln_emit_failed(e) || !ln_emit_ints(e, parts[2][i], &step, 1, &count))
      return ln_emit_refuse(e, "its steps are known only in the run");
    const bool known = is_known(e, parts[0][i]) && is_known(e, parts[1][i]);
    if (!known && type->dims[i] >= 0 && step == 1) {
      if (ln_emit_dim(e, a, i) != type->dims[i]) a = rows_from(f, a, i, parts[0][i], type->dims[i]);
      parts[0][i] = ln_emit_i32(e, 0);
      parts[1][i] = ln_emit_i32(e, type->dims[i]);
      continue;
    }
    if (!known) return ln_emit_refuse(e, "how many elements it takes is known only in the run");
    const int32_t size = ln_emit_size_of(e, a, i);
    bool all = ln_emit_ints(e, parts[0][i], &from, 1, &count) && from == 0 && step == 1;
    for (int32_t p = 0; p < 2 && all; ++p)
      all = *(const int32_t *)e->facts[size].value[p] == *(const int32_t *)e->facts[parts[1][i]].value[p];
    whole = whole && all;
  }
  if (whole) return a;
  const ln_strided_slice_options options = {.begin_mask = 0};
  const int32_t inputs[] = {a, ln_emit_pack(e, 0, type->rank, parts[0]), ln_emit_pack(e, 0, type->rank, parts[1]),
                            ln_emit_pack(e, 0, type->rank, parts[2])};
  return ln_emit_op(e, LN_OP_STRIDED_SLICE, &options, 4, inputs, ln_emit_type(e, a));
}

bool ln_shlo_real_dynamic_slice(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  const int32_t a = ln_shlo_full(f, op, 0);
  if (a < 0 || op->operand_count != 4 || op->results[0].type->rank != ln_emit_rank(f->e, a))
    return ln_shlo_refuse(f, "its operands do not fit");
  return ln_shlo_give(f, op, 0, slice_between(f, op, a, op->results[0].type));
}

int32_t ln_shlo_clamp_index(ln_emit *e, int32_t a, int32_t low, int32_t high) {
  const int32_t least = ln_emit_scalar(e, ln_emit_type(e, a), low), most = ln_emit_scalar(e, ln_emit_type(e, a), high);
  return ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_binary(e, LN_OP_MAXIMUM, a, least), most);
}

/* Where a slice of `size` begins: inside, whatever was asked for. */
static int32_t start_of(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index, int32_t a, int32_t axis, int32_t size) {
  const ln_mlir_element_info *info = ln_shlo_element(op, index);
  const int32_t start = ln_emit_cast(f->e, ln_shlo_full(f, op, index), LN_INT32);
  const int32_t dim = ln_emit_dim(f->e, a, axis);
  (void)info;
  if (dim >= 0) return ln_shlo_clamp_index(f->e, start, 0, dim - size);
  const int32_t last = ln_emit_add_number(f->e, ln_emit_size_of(f->e, a, axis), -size);
  return ln_emit_binary(f->e, LN_OP_MINIMUM, ln_emit_binary(f->e, LN_OP_MAXIMUM, start, ln_emit_i32(f->e, 0)), last);
}

static int32_t dynamically_sliced(ln_shlo_frame *f, const ln_mlir_op *op, int32_t a, const void *how) {
  const int32_t *sizes = how;
  for (int32_t i = 0; i < ln_shlo_type(op, 0)->rank; ++i) {
    int64_t known;
    int32_t count;
    if (sizes[i] == ln_emit_dim(f->e, a, i)) continue;
    const int32_t start = start_of(f, op, i + 1, a, i, sizes[i]);
    if (start < 0) return -1;
    const bool fixed = ln_emit_ints(f->e, start, &known, 1, &count);
    a = fixed ? ln_emit_slice(f->e, a, i, (int32_t)known, (int32_t)known + sizes[i], 1)
              : rows_from(f, a, i, start, sizes[i]);
  }
  return a;
}

bool ln_shlo_dynamic_slice(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_mlir_type *type = ln_shlo_type(op, 0);
  int32_t sizes[LN_MAX_RANK];
  (void)unused;
  if (!ln_shlo_list(f, op, "slice_sizes", type->rank, 1, sizes)) return false;
  if (op->operand_count != type->rank + 1) return ln_shlo_refuse(f, "it has not one start for each dimension");
  for (int32_t i = 0; i < type->rank; ++i) {
    if (sizes[i] < 0 || (type->dims[i] >= 0 && sizes[i] > type->dims[i]))
      return ln_emit_wrong(f->e, "it slices beyond dimension %d", i), false;
  }
  return move(f, op, dynamically_sliced, sizes);
}

bool ln_shlo_dynamic_update_slice(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  int32_t starts[LN_MAX_RANK];
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  (void)unused;
  if (op->operand_count != rank + 2) return ln_shlo_refuse(f, "it has not one start for each dimension");
  const ln_shlo_value a = ln_shlo_spread(f, ln_shlo_in(f, op, 0), ln_shlo_type(op, 0));
  const ln_shlo_value b = ln_shlo_spread(f, ln_shlo_in(f, op, 1), ln_shlo_type(op, 1));
  if (a.tensor < 0 || b.tensor < 0) return false;
  if (rank == 0 || ln_emit_same_shape(f->e, a.tensor, b.tensor)) { /* all of it */
    ln_shlo_set(f, &op->results[0], b);
    return true;
  }
  for (int32_t i = 0; i < rank; ++i) starts[i] = ln_emit_cast(f->e, ln_shlo_full(f, op, i + 2), LN_INT32);
  const int32_t start = ln_emit_pack(f->e, 0, rank, starts);
  const int32_t inputs[] = {a.tensor, b.tensor, start}, other[] = {a.imag, b.imag, start};
  ln_shlo_value out =
      ln_shlo_of(f, ln_emit_op(f->e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, inputs, ln_emit_type(f->e, a.tensor)));
  if (a.imag >= 0) out.imag = ln_emit_op(f->e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, other, LN_FLOAT32);
  ln_shlo_set(f, &op->results[0], out);
  return out.tensor >= 0;
}

/* ---- padding ---- */

/* `value` between the elements of an axis: each becomes a row of its own, which is padded. */
static int32_t pad_between(ln_shlo_frame *f, int32_t a, int32_t value, int32_t axis, int32_t inner) {
  int32_t pads[2 * (LN_MAX_RANK + 1)] = {0};
  const int32_t rank = ln_emit_rank(f->e, a), behind = axis + 1;
  if (rank == LN_MAX_RANK) return ln_emit_refuse(f->e, "it has too many dimensions to be spread");
  const int32_t rows = ln_emit_expand(f->e, a, 1, &behind);
  pads[2 * behind + 1] = inner;
  const int32_t by = ln_emit_const(f->e, LN_INT32, 2, (const int32_t[]){rank + 1, 2}, pads);
  const int32_t inputs[] = {rows, by, value};
  const int32_t wide = ln_emit_op(f->e, LN_OP_PADV2, NULL, 3, inputs, ln_emit_type(f->e, a));
  return ln_emit_slice(f->e, ln_emit_flatten(f->e, wide, axis, behind), axis, 0, -inner, 1);
}

int32_t ln_shlo_pad(ln_shlo_frame *f, int32_t a, int32_t value, const int32_t *low, const int32_t *high,
                    const int32_t *inner) {
  const int32_t rank = ln_emit_rank(f->e, a);
  int32_t pads[2 * LN_MAX_RANK];
  bool any = false;
  if (a < 0 || value < 0) return -1;
  if (ln_emit_type(f->e, a) == LN_BOOL) {
    const int32_t out =
        ln_shlo_pad(f, ln_emit_cast(f->e, a, LN_INT32), ln_emit_cast(f->e, value, LN_INT32), low, high, inner);
    return ln_emit_cast(f->e, out, LN_BOOL);
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (inner[i] > 0 && ln_emit_dim(f->e, a, i) != 0) a = pad_between(f, a, value, i, inner[i]);
  }
  for (int32_t i = 0; i < rank; ++i) {
    pads[2 * i] = low[i] > 0 ? low[i] : 0;
    pads[2 * i + 1] = high[i] > 0 ? high[i] : 0;
    any = any || pads[2 * i] > 0 || pads[2 * i + 1] > 0;
  }
  if (any) {
    const int32_t by = ln_emit_const(f->e, LN_INT32, 2, (const int32_t[]){rank, 2}, pads);
    const int32_t inputs[] = {a, by, value};
    double number;
    const bool zero = ln_emit_number(f->e, value, &number) && number == 0;
    a = ln_emit_op(f->e, zero ? LN_OP_PAD : LN_OP_PADV2, NULL, zero ? 2 : 3, inputs, ln_emit_type(f->e, a));
  }
  for (int32_t i = 0; i < rank; ++i) { /* after padding: what is cut may be pads of the other side */
    if (low[i] < 0) a = ln_emit_slice(f->e, a, i, -low[i], INT32_MAX, 1);
    if (high[i] < 0) a = ln_emit_slice(f->e, a, i, 0, high[i], 1);
  }
  return a;
}

bool ln_shlo_pad_op(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  int32_t low[LN_MAX_RANK], high[LN_MAX_RANK], inner[LN_MAX_RANK];
  (void)unused;
  if (!ln_shlo_list(f, op, "edge_padding_low", rank, 0, low) ||
      !ln_shlo_list(f, op, "edge_padding_high", rank, 0, high) ||
      !ln_shlo_list(f, op, "interior_padding", rank, 0, inner)) {
    return false;
  }
  const ln_shlo_value a = ln_shlo_spread(f, ln_shlo_in(f, op, 0), ln_shlo_type(op, 0)), value = ln_shlo_in(f, op, 1);
  if (a.tensor < 0 || value.tensor < 0) return false;
  ln_shlo_value out = ln_shlo_of(f, ln_shlo_pad(f, a.tensor, value.tensor, low, high, inner));
  if (a.imag >= 0) out.imag = ln_shlo_pad(f, a.imag, value.imag, low, high, inner);
  ln_shlo_set(f, &op->results[0], out);
  return out.tensor >= 0;
}

bool ln_shlo_dynamic_pad(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  int64_t inner[LN_MAX_RANK];
  int32_t count, zeros = 0;
  (void)unused;
  const int32_t a = ln_shlo_full(f, op, 0), value = ln_shlo_full(f, op, 1);
  const int32_t sides[] = {shape_operand(f, op, 2), shape_operand(f, op, 3)};
  if (a < 0 || !ln_emit_ints(f->e, shape_operand(f, op, 4), inner, LN_MAX_RANK, &count)) {
    return ln_shlo_refuse(f, "padding between elements that only the run knows");
  }
  for (int32_t i = 0; i < count; ++i) zeros += inner[i] == 0;
  if (zeros != count) return ln_shlo_refuse(f, "padding between elements with open dimensions");
  const int32_t by = ln_emit_pack(f->e, 1, 2, sides);
  const int32_t inputs[] = {a, by, value};
  return ln_shlo_give(f, op, 0, ln_emit_op(f->e, LN_OP_PADV2, NULL, 3, inputs, ln_emit_type(f->e, a)));
}
