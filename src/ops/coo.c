/* Sparse tensors in coordinates: see ops/coo.h. */
#include "ops/coo.h"

#include <string.h>

#include "kernels/convert.h"
#include "ops/elementwise.h"
#include "ops/move.h"
#include "ops/strings.h"

/* ---- reading ---- */

static ln_status read_dims(const ln_node *node, int32_t input, ln_error *err, ln_coo *out) {
  const ln_tensor *shape = node->in[input];
  const size_t rank = ln_tensor_count(shape);
  if (shape->shape.rank != 1 || rank > LN_MAX_RANK || (rank > 0 && shape->data == NULL)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape \"%.100s\" must be a list of at most %d", shape->name,
                        (int)LN_MAX_RANK);
  }
  out->rank = (int32_t)rank;
  for (size_t d = 0; d < rank; ++d) {
    out->dims[d] = ln_number_at(shape, d);
    if (out->dims[d] < 0) {
      return ln_node_fail(node, err, LN_ERR_DATA, "dimension %zu is %lld", d, (long long)out->dims[d]);
    }
  }
  return LN_OK;
}

ln_status ln_coo_open_list(const ln_node *node, int32_t indices, int32_t values, ln_error *err, ln_coo *out) {
  *out = (ln_coo){.node = node, .indices = node->in[indices]};
  const ln_shape *shape = &out->indices->shape;
  if (shape->rank != 2 || shape->dims[1] > LN_MAX_RANK) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "indices must be [count, rank], of a rank up to %d", (int)LN_MAX_RANK);
  }
  out->count = (size_t)shape->dims[0];
  out->rank = shape->dims[1];
  if (out->count > 0 && out->rank > 0 && out->indices->data == NULL) {
    return ln_node_fail(node, err, LN_ERR_STATE, "the indices hold no data");
  }
  if (values < 0) return LN_OK;
  out->values = node->in[values];
  if (out->values->shape.rank != 1 || ln_tensor_count(out->values) != out->count) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs one value for each of %zu indices", out->count);
  }
  if (out->count > 0 && out->values->data == NULL) {
    return ln_node_fail(node, err, LN_ERR_STATE, "the values hold no data");
  }
  return out->count > 0 ? ln_node_check_strings(node, values, err) : LN_OK;
}

ln_status ln_coo_open(const ln_node *node, int32_t indices, int32_t values, int32_t shape, ln_error *err, ln_coo *out) {
  LN_TRY(ln_coo_open_list(node, indices, values, err, out));
  const int32_t rank = out->rank;
  LN_TRY(read_dims(node, shape, err, out));
  if (out->rank != rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "indices of rank %d into %d dimensions", rank, out->rank);
  }
  for (size_t i = 0; i < out->count; ++i) {
    for (int32_t d = 0; d < rank; ++d) {
      const int64_t index = ln_coo_index(out, i, d);
      if (index >= 0 && index < out->dims[d]) continue;
      return ln_node_fail(node, err, LN_ERR_DATA, "index %zu is %lld along dimension %d of %lld", i, (long long)index,
                          d, (long long)out->dims[d]);
    }
  }
  return LN_OK;
}

int ln_coo_compare(const ln_coo *a, size_t i, const ln_coo *b, size_t k) {
  for (int32_t d = 0; d < a->rank; ++d) {
    const int64_t x = ln_coo_index(a, i, d), y = ln_coo_index(b, k, d);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

ln_status ln_coo_check_order(const ln_coo *coo, ln_error *err) {
  for (size_t i = 1; i < coo->count; ++i) {
    const int sign = ln_coo_compare(coo, i - 1, coo, i);
    if (sign < 0) continue;
    return ln_node_fail(coo->node, err, LN_ERR_DATA, "index %zu is %s", i, sign == 0 ? "repeated" : "out of order");
  }
  return LN_OK;
}

bool ln_coo_product(const int64_t *dims, int32_t count, int64_t *product) {
  bool empty = false, fits = true;
  *product = 1;
  for (int32_t d = 0; d < count; ++d) empty = empty || dims[d] == 0;
  for (int32_t d = 0; d < count && !empty; ++d) {
    fits = fits && *product <= INT64_MAX / dims[d];
    if (fits) *product *= dims[d];
  }
  if (empty) *product = 0;
  return fits;
}

/* ---- memory and order ---- */

void *ln_run_alloc(const ln_node *node, size_t count, size_t item_bytes, ln_error *err, ln_status *status) {
  size_t bytes;
  void *made = NULL;
  if (count == 0) count = 1;
  if (!ln_size_mul(count, item_bytes, &bytes)) bytes = SIZE_MAX;
  *status = ln_host_check_room(node, bytes, err);
  if (*status == LN_OK) made = ln_alloc_array(count, item_bytes);
  if (*status == LN_OK && made == NULL) *status = ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  return made;
}

static void merge(const size_t *from, size_t left, size_t middle, size_t right, size_t *to, ln_order_fn compare,
                  const void *context) {
  size_t a = left, b = middle;
  for (size_t i = left; i < right; ++i) {
    const bool take_left = a < middle && (b >= right || compare(context, from[a], from[b]) <= 0);
    to[i] = take_left ? from[a++] : from[b++];
  }
}

void ln_order(size_t *order, size_t *spare, size_t count, ln_order_fn compare, const void *context) {
  size_t *from = order, *to = spare;
  for (size_t i = 0; i < count; ++i) order[i] = i;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t left = 0; left < count; left += 2 * width) {
      const size_t middle = count - left < width ? count : left + width;
      const size_t right = count - middle < width ? count : middle + width;
      merge(from, left, middle, right, to, compare, context);
    }
    size_t *const last = from;
    from = to;
    to = last;
  }
  if (from != order) memcpy(order, from, count * sizeof *order); /* bounded: allocated so */
}

typedef struct by_dims {
  const ln_coo *coo;
  const int32_t *dims;
  int32_t count;
} by_dims;

static int compare_dims(const void *context, size_t a, size_t b) {
  const by_dims *by = context;
  for (int32_t i = 0; i < by->count; ++i) {
    const int64_t x = ln_coo_index(by->coo, a, by->dims[i]), y = ln_coo_index(by->coo, b, by->dims[i]);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

ln_status ln_coo_order(const ln_coo *coo, const int32_t *dims, int32_t count, ln_error *err, size_t **order) {
  ln_status status;
  const by_dims by = {coo, dims, count};
  size_t twice;
  *order = NULL;
  if (!ln_size_mul(coo->count, 2, &twice)) return LN_ERR_LIMIT;
  *order = ln_run_alloc(coo->node, twice, sizeof **order, err, &status);
  if (*order != NULL) ln_order(*order, *order + coo->count, coo->count, compare_dims, &by);
  return status;
}

/* ---- elements ---- */

/* Of `count` from element `at` on, as the 64 bits of integers or as doubles. */
static bool load_cells(ln_type type, const void *data, size_t at, size_t count, ln_cell *out) {
  const bool complex = type == LN_COMPLEX64 || type == LN_COMPLEX128;
  const ln_number number = type == LN_COMPLEX64    ? LN_NUMBER_F32
                           : type == LN_COMPLEX128 ? LN_NUMBER_F64
                                                   : ln_number_of(type);
  const bool real = complex || type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16;
  const char *from = (const char *)data + at * ln_type_bytes(type);
  ln_k_cast(from, number, out, real ? LN_NUMBER_F64 : LN_NUMBER_I64, complex ? 2 * count : count);
  return !real;
}

int ln_pick_compare(const ln_pick *a, const ln_pick *b) {
  const ln_type type = a->from->type;
  if (type == LN_STRING) {
    const ln_span x = ln_string_at(a->from, a->at), y = ln_string_at(b->from, b->at);
    const size_t least = x.size < y.size ? x.size : y.size;
    const int sign = least == 0 ? 0 : memcmp(x.data, y.data, least);
    return sign != 0 ? sign : (x.size > y.size) - (x.size < y.size);
  }
  ln_cell x, y;
  const bool integers = load_cells(type, a->from->data, a->at, 1, &x);
  load_cells(type, b->from->data, b->at, 1, &y);
  if (!integers) return (x.real > y.real) - (x.real < y.real);
  if (type == LN_UINT64)
    return ((uint64_t)x.integer > (uint64_t)y.integer) - ((uint64_t)x.integer < (uint64_t)y.integer);
  return (x.integer > y.integer) - (x.integer < y.integer);
}

static ln_span picked_string(const void *context, size_t i) {
  const ln_pick *pick = (const ln_pick *)context + i;
  return ln_string_at(pick->from, pick->at);
}

static ln_status give_bytes(const ln_node *node, int32_t index, const ln_shape *shape, ln_error *err) {
  size_t bytes;
  if (!ln_tensor_size(node->out[index]->type, shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "output %d is too large", index);
  }
  return ln_host_output(node, index, shape, bytes, err);
}

ln_status ln_give_picks(const ln_node *node, int32_t index, const ln_pick *picks, size_t count, ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_text_vector_shape(node, count, err, &shape));
  if (node->out[index]->type == LN_STRING) return ln_node_give_strings(node, index, &shape, picked_string, picks, err);
  LN_TRY(give_bytes(node, index, &shape, err));
  const size_t item = ln_item_bytes(node->out[index]);
  for (size_t i = 0; i < count; ++i) {
    memcpy((char *)node->out[index]->data + i * item, (const char *)picks[i].from->data + picks[i].at * item, item);
  }
  return LN_OK;
}

ln_status ln_give_ints(const ln_node *node, int32_t index, const ln_shape *shape, const int64_t *items, ln_error *err) {
  ln_tensor *out = node->out[index];
  LN_TRY(give_bytes(node, index, shape, err));
  const size_t count = ln_tensor_count(out);
  if (count == 0) return LN_OK;
  ln_k_cast(items, LN_NUMBER_I64, out->data, ln_number_of(out->type), count);
  return LN_OK;
}

ln_status ln_give_indices(const ln_node *node, int32_t index, const int64_t *items, size_t count, int32_t rank,
                          ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_text_vector_shape(node, count, err, &shape));
  shape.rank = 2;
  shape.dims[1] = rank;
  return ln_give_ints(node, index, &shape, items, err);
}

ln_status ln_give_dims(const ln_node *node, int32_t index, const int64_t *dims, int32_t rank, ln_error *err) {
  const ln_shape shape = {1, {rank}};
  return ln_give_ints(node, index, &shape, dims, err);
}

/* ---- arithmetic ---- */

ln_status ln_cells_make(const ln_node *node, ln_type type, size_t count, ln_error *err, ln_cells *out) {
  ln_status status;
  size_t cells = 0;
  const bool complex = type == LN_COMPLEX64 || type == LN_COMPLEX128;
  const bool real = type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16;
  *out = (ln_cells){.type = type, .parts = complex ? 2 : 1, .integers = !complex && !real, .count = count};
  if (!ln_size_mul(count, (size_t)out->parts, &cells)) return ln_node_fail(node, err, LN_ERR_LIMIT, "too many numbers");
  out->at = ln_run_alloc(node, cells, sizeof(ln_cell), err, &status);
  return status;
}

ln_status ln_cells_load(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_cells *out) {
  const size_t count = ln_tensor_count(tensor);
  LN_TRY(ln_cells_make(node, tensor->type, count, err, out));
  if (count == 0) return LN_OK;
  if (tensor->data != NULL) load_cells(tensor->type, tensor->data, 0, count, out->at);
  else return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", tensor->name);
  return LN_OK;
}

static double join_reals(ln_cell_op op, double a, double b) {
  switch (op) {
    case LN_CELL_MULTIPLY: return a * b;
    case LN_CELL_DIVIDE: return a / b;
    case LN_CELL_LEAST: return b < a ? b : a;
    case LN_CELL_GREATEST: return b > a ? b : a;
    default: return a + b;
  }
}

static int64_t join_integers(ln_cell_op op, bool plain, int64_t a, int64_t b) {
  const uint64_t x = (uint64_t)a, y = (uint64_t)b;
  const bool less = plain ? y < x : b < a, greater = plain ? y > x : b > a;
  switch (op) {
    case LN_CELL_MULTIPLY: return (int64_t)(x * y);
    case LN_CELL_DIVIDE:
      if (b == 0) return 0;
      if (plain) return (int64_t)(x / y);
      return b == -1 ? (int64_t)(0 - x) : a / b; /* the least number has no opposite */
    case LN_CELL_LEAST: return less ? b : a;
    case LN_CELL_GREATEST: return greater ? b : a;
    default: return (int64_t)(x + y);
  }
}

void ln_cells_join(ln_cells *to, size_t i, ln_cell_op op, const ln_cells *from, size_t k) {
  ln_cell *a = to->at + i * (size_t)to->parts;
  const ln_cell *b = from->at + k * (size_t)to->parts;
  if (to->integers) {
    a->integer = join_integers(op, to->type == LN_UINT64, a->integer, b->integer);
  } else if (to->parts == 2 && op == LN_CELL_MULTIPLY) {
    const double real = a[0].real * b[0].real - a[1].real * b[1].real;
    a[1].real = a[0].real * b[1].real + a[1].real * b[0].real;
    a[0].real = real;
  } else {
    for (int32_t p = 0; p < to->parts; ++p) a[p].real = join_reals(op, a[p].real, b[p].real);
  }
}

ln_status ln_cells_give(const ln_node *node, int32_t index, const ln_shape *shape, const ln_cells *cells,
                        ln_error *err) {
  ln_tensor *out = node->out[index];
  LN_TRY(give_bytes(node, index, shape, err));
  const size_t count = ln_tensor_count(out);
  if (count == 0) return LN_OK;
  const ln_number to = out->type == LN_COMPLEX64    ? LN_NUMBER_F32
                       : out->type == LN_COMPLEX128 ? LN_NUMBER_F64
                                                    : ln_number_of(out->type);
  ln_k_cast(cells->at, cells->integers ? LN_NUMBER_I64 : LN_NUMBER_F64, out->data, to, count * (size_t)cells->parts);
  return LN_OK;
}
