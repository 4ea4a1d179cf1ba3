/* Constants, and what is known of tensors. */
#include <string.h>

#include "import/emit_private.h"
#include "ops/elementwise.h"

static bool has_numbers(ln_type type) {
  return ln_type_bits(type) >= 8 && type != LN_COMPLEX128 && type < LN_FLOAT8_E4M3FN;
}

/* ---- what is known ---- */

static bool is_axis(const ln_emit *e, int32_t t, int32_t axis, int32_t *out) {
  return t >= 0 && ln_axis_normalize(axis, e->facts[t].shape[0].rank, out);
}

int32_t ln_emit_rank(const ln_emit *e, int32_t t) { return t >= 0 ? e->facts[t].shape[0].rank : 0; }
ln_type ln_emit_type(const ln_emit *e, int32_t t) { return t >= 0 ? ln_emit_graph(e)->tensors[t].type : LN_FLOAT32; }

int32_t ln_emit_dim(const ln_emit *e, int32_t t, int32_t axis) {
  int32_t at;
  if (!is_axis(e, t, axis, &at)) return -1;
  const ln_fact *fact = &e->facts[t];
  return fact->shape[0].dims[at] == fact->shape[1].dims[at] ? fact->shape[0].dims[at] : -1;
}

bool ln_emit_is_fixed(const ln_emit *e, int32_t t) {
  return t >= 0 && ln_shape_equal(&e->facts[t].shape[0], &e->facts[t].shape[1]);
}

ln_shape ln_emit_shape(const ln_emit *e, int32_t t) {
  ln_shape shape = {.rank = ln_emit_rank(e, t)};
  for (int32_t i = 0; i < shape.rank; ++i) shape.dims[i] = ln_emit_dim(e, t, i);
  return shape;
}

bool ln_emit_same_shape(const ln_emit *e, int32_t a, int32_t b) {
  if (a < 0 || b < 0) return false;
  const ln_fact *x = &e->facts[a], *y = &e->facts[b];
  return ln_shape_equal(&x->shape[0], &y->shape[0]) && ln_shape_equal(&x->shape[1], &y->shape[1]);
}

int64_t ln_emit_elements(const ln_emit *e, int32_t t) {
  size_t count;
  if (!ln_emit_is_fixed(e, t) || !ln_shape_elements(&e->facts[t].shape[0], &count) || count > INT64_MAX) return -1;
  return (int64_t)count;
}

const void *ln_emit_data(const ln_emit *e, int32_t t) {
  return t >= 0 && e->facts[t].constant ? e->facts[t].value[0] : NULL;
}

/* The numbers of a constant of at most `capacity` elements as another type; false for what is none. */
static bool numbers(const ln_emit *e, int32_t t, ln_number as, void *values, int32_t capacity, int32_t *count) {
  const void *data = ln_emit_data(e, t);
  const int64_t elements = ln_emit_elements(e, t);
  if (data == NULL || elements < 0 || elements > capacity || !has_numbers(ln_emit_type(e, t))) return false;
  ln_k_cast(data, ln_number_of(ln_emit_type(e, t)), values, as, (size_t)elements);
  if (count != NULL) *count = (int32_t)elements;
  return true;
}

bool ln_emit_ints(const ln_emit *e, int32_t t, int64_t *values, int32_t capacity, int32_t *count) {
  return numbers(e, t, LN_NUMBER_I64, values, capacity, count);
}

bool ln_emit_floats(const ln_emit *e, int32_t t, double *values, int32_t capacity, int32_t *count) {
  return numbers(e, t, LN_NUMBER_F64, values, capacity, count);
}

bool ln_emit_number(const ln_emit *e, int32_t t, double *out) {
  int32_t count = 0;
  return ln_emit_floats(e, t, out, 1, &count) && count == 1;
}

/* ---- constants ---- */

/* The shape and bytes of a constant that is asked for; false after a failure. */
static bool measured(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, ln_shape *shape, size_t *bytes) {
  if (ln_emit_failed(e)) return false;
  if (rank < 0 || rank > LN_MAX_RANK) {
    ln_emit_refuse(e, "a constant has %d dimensions, of %d that there are", rank, LN_MAX_RANK);
    return false;
  }
  *shape = ln_shape_make(rank, dims);
  if (ln_tensor_size(type, shape, bytes)) return true;
  ln_emit_wrong(e, "a constant is too large");
  return false;
}

int32_t ln_emit_const_view(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, const void *data) {
  ln_shape shape;
  size_t bytes;
  return measured(e, type, rank, dims, &shape, &bytes) ? ln_emit_constant(e, NULL, type, &shape, data, bytes) : -1;
}

int32_t ln_emit_const(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, const void *data) {
  ln_shape shape;
  size_t bytes;
  if (!measured(e, type, rank, dims, &shape, &bytes)) return -1;
  void *copy = bytes > 0 ? ln_arena_copy(ln_emit_arena(e), data, bytes) : ln_arena_alloc(ln_emit_arena(e), 1);
  if (copy == NULL) return ln_import_no_memory(e->import);
  return ln_emit_constant(e, NULL, type, &shape, copy, bytes);
}

bool ln_emit_may_take(ln_emit *e, size_t bytes) {
  ln_import *import = e->import;
  size_t limit, total;
  if (ln_size_mul(import->source->map.size, 16, &limit) && ln_size_add(limit, (size_t)256 << 20, &limit) &&
      ln_size_add(import->folded, bytes, &total) && total <= limit) {
    import->folded = total;
    return true;
  }
  ln_emit_refuse(e, "its constants would be too large for the size of the file");
  return false;
}

int32_t ln_emit_strings(ln_emit *e, int32_t rank, const int32_t *dims, const char *const *texts,
                        const size_t *lengths) {
  size_t count, bytes;
  if (ln_emit_failed(e)) return -1;
  const ln_shape shape = ln_shape_make(rank, dims);
  if (rank > LN_MAX_RANK || !ln_shape_elements(&shape, &count) || count > INT32_MAX / 8)
    return ln_emit_wrong(e, "too many strings");
  bytes = (count + 2) * sizeof(int32_t); /* bounded above */
  size_t total = bytes;
  for (size_t i = 0; i < count; ++i) {
    if (!ln_size_add(total, lengths[i], &total) || total > INT32_MAX)
      return ln_emit_wrong(e, "its strings are too long");
  }
  int32_t *data = ln_arena_alloc(ln_emit_arena(e), total);
  if (data == NULL) return ln_import_no_memory(e->import);
  data[0] = (int32_t)count;
  size_t at = bytes;
  for (size_t i = 0; i < count; ++i) {
    data[1 + i] = (int32_t)at;
    if (lengths[i] > 0) memcpy((char *)data + at, texts[i], lengths[i]);
    at += lengths[i];
  }
  data[1 + count] = (int32_t)at;
  return ln_emit_constant(e, NULL, LN_STRING, &shape, data, total);
}

int32_t ln_emit_filled(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, double value) {
  ln_shape shape;
  size_t bytes, count;
  if (ln_emit_failed(e)) return -1;
  if (!has_numbers(type)) return ln_emit_refuse(e, "a %s has no value like %g", ln_type_name(type), value);
  if (!measured(e, type, rank, dims, &shape, &bytes)) return -1;
  if (!ln_shape_elements(&shape, &count)) return ln_emit_wrong(e, "a constant is too large");
  if (bytes > (size_t)1 << 28) return ln_emit_refuse(e, "a constant of %zu bytes would be made of one value", bytes);
  void *data = ln_arena_alloc(ln_emit_arena(e), bytes > 0 ? bytes : 1);
  if (data == NULL) return ln_import_no_memory(e->import);
  const size_t one = (size_t)ln_type_bits(type) / 8;
  if (count > 0) ln_k_cast(&value, LN_NUMBER_F64, data, ln_number_of(type), 1);
  for (size_t i = 1; i < count; ++i) memcpy((char *)data + i * one, data, one);
  return ln_emit_constant(e, NULL, type, &shape, data, bytes);
}

int32_t ln_emit_scalar(ln_emit *e, ln_type type, double value) { return ln_emit_filled(e, type, 0, NULL, value); }

int32_t ln_emit_vector(ln_emit *e, int32_t count, const int32_t *values) {
  return ln_emit_const(e, LN_INT32, 1, &count, values);
}

int32_t ln_emit_vector64(ln_emit *e, int32_t count, const int64_t *values) {
  return ln_emit_const(e, LN_INT64, 1, &count, values);
}

/* ---- element-wise operators ---- */

int32_t ln_emit_unary(ln_emit *e, int32_t code, int32_t a) {
  return ln_emit_op(e, code, NULL, 1, &a, ln_emit_type(e, a));
}

int32_t ln_emit_binary(ln_emit *e, int32_t code, int32_t a, int32_t b) {
  return ln_emit_op(e, code, NULL, 2, (const int32_t[]){a, b}, ln_emit_type(e, a));
}

int32_t ln_emit_compare(ln_emit *e, int32_t code, int32_t a, int32_t b) {
  return ln_emit_op(e, code, NULL, 2, (const int32_t[]){a, b}, LN_BOOL);
}

int32_t ln_emit_select(ln_emit *e, int32_t condition, int32_t yes, int32_t no) {
  return ln_emit_op(e, LN_OP_SELECT_V2, NULL, 3, (const int32_t[]){condition, yes, no}, ln_emit_type(e, yes));
}

int32_t ln_emit_add_number(ln_emit *e, int32_t a, double b) {
  return ln_emit_failed(e) ? -1 : ln_emit_add(e, a, ln_emit_scalar(e, ln_emit_type(e, a), b));
}

int32_t ln_emit_mul_number(ln_emit *e, int32_t a, double b) {
  return ln_emit_failed(e) ? -1 : ln_emit_mul(e, a, ln_emit_scalar(e, ln_emit_type(e, a), b));
}

int32_t ln_emit_cast(ln_emit *e, int32_t a, ln_type type) {
  if (a < 0 || ln_emit_failed(e) || ln_emit_type(e, a) == type) return a;
  const ln_cast_options options = {.in_data_type = (int8_t)ln_emit_type(e, a), .out_data_type = (int8_t)type};
  return ln_emit_op(e, LN_OP_CAST, &options, 1, &a, type);
}
