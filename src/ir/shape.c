/* Shapes: comparing, counting, broadcasting, printing. */
#include <stdio.h>
#include <string.h>

#include "ir/ir.h"

ln_shape ln_shape_make(int32_t rank, const int32_t *dims) {
  ln_shape shape = {0};
  shape.rank = rank;
  for (int32_t i = 0; i < rank; ++i) shape.dims[i] = dims[i];
  return shape;
}

bool ln_shape_equal(const ln_shape *a, const ln_shape *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

bool ln_shape_known(const ln_shape *shape) {
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (shape->dims[i] < 0) return false;
  }
  return true;
}

bool ln_shape_elements(const ln_shape *shape, size_t *out) { return ln_size_product(shape->dims, shape->rank, out); }

size_t ln_shape_span(const ln_shape *shape, int32_t from, int32_t to) {
  size_t product = 0;
  return ln_size_product(shape->dims + from, to - from, &product) ? product : 0;
}

bool ln_shape_broadcast(const ln_shape *a, const ln_shape *b, ln_shape *out) {
  ln_shape result = {0};
  result.rank = a->rank > b->rank ? a->rank : b->rank;
  for (int32_t i = 0; i < result.rank; ++i) {
    const int32_t from_a = i - (result.rank - a->rank);
    const int32_t from_b = i - (result.rank - b->rank);
    const int32_t dim_a = from_a < 0 ? 1 : a->dims[from_a];
    const int32_t dim_b = from_b < 0 ? 1 : b->dims[from_b];
    if (dim_a != dim_b && dim_a != 1 && dim_b != 1) return false;
    result.dims[i] = dim_a == 1 ? dim_b : dim_a;
  }
  *out = result;
  return true;
}

const char *ln_shape_format(const ln_shape *shape, char *buffer, size_t size) {
  size_t used = 0;
  for (int32_t i = 0; i <= shape->rank && used < size; ++i) {
    int length;
    if (i == shape->rank) length = snprintf(buffer + used, size - used, i == 0 ? "[]" : "]");
    else if (shape->dims[i] < 0) length = snprintf(buffer + used, size - used, i == 0 ? "[?" : ", ?");
    else length = snprintf(buffer + used, size - used, i == 0 ? "[%d" : ", %d", shape->dims[i]);
    if (length < 0) break;
    used += (size_t)length;
  }
  return buffer;
}
