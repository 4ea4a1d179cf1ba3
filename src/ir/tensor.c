/* Element types and what a tensor takes in memory. */
#include "ir/ir.h"

static const struct {
  const char *name;
  int32_t bits;
} types[LN_TYPE_COUNT] = {
    [LN_FLOAT32] = {"float32", 32},
    [LN_FLOAT16] = {"float16", 16},
    [LN_INT32] = {"int32", 32},
    [LN_UINT8] = {"uint8", 8},
    [LN_INT64] = {"int64", 64},
    [LN_STRING] = {"string", 0},
    [LN_BOOL] = {"bool", 8},
    [LN_INT16] = {"int16", 16},
    [LN_COMPLEX64] = {"complex64", 64},
    [LN_INT8] = {"int8", 8},
    [LN_FLOAT64] = {"float64", 64},
    [LN_COMPLEX128] = {"complex128", 128},
    [LN_UINT64] = {"uint64", 64},
    [LN_RESOURCE] = {"resource", 0},
    [LN_VARIANT] = {"variant", 0},
    [LN_UINT32] = {"uint32", 32},
    [LN_UINT16] = {"uint16", 16},
    [LN_INT4] = {"int4", 4},
    [LN_BFLOAT16] = {"bfloat16", 16},
    [LN_INT2] = {"int2", 2},
    [LN_UINT4] = {"uint4", 4},
    [LN_FLOAT8_E4M3FN] = {"float8_e4m3fn", 8},
    [LN_FLOAT8_E5M2] = {"float8_e5m2", 8},
};

static bool in_enumeration(ln_type type) { return (int32_t)type >= 0 && (int32_t)type < LN_TYPE_COUNT; }

const char *ln_type_name(ln_type type) { return in_enumeration(type) ? types[type].name : "unknown"; }

int32_t ln_type_bits(ln_type type) { return in_enumeration(type) ? types[type].bits : 0; }

bool ln_tensor_size(ln_type type, const ln_shape *shape, size_t *out) {
  const int32_t bits = type == LN_RESOURCE ? 32 : ln_type_bits(type); /* a resource's handle is an int32 */
  size_t elements;
  if (bits == 0 || !ln_shape_elements(shape, &elements)) return false;
  if (bits >= 8) {
    size_t bytes;
    if (!ln_size_mul(elements, (size_t)bits / 8, &bytes) || bytes > PTRDIFF_MAX) return false;
    *out = bytes;
    return true;
  }
  const size_t per_byte = 8 / (size_t)bits;
  *out = elements / per_byte + (elements % per_byte != 0);
  return true;
}

bool ln_tensor_ints(const ln_tensor *tensor, int64_t *values, int32_t capacity, int32_t *count) {
  if (tensor->data == NULL || tensor->sparsity != NULL || tensor->codebook != NULL) return false;
  size_t elements;
  if (!ln_shape_elements(&tensor->shape, &elements) || elements > (size_t)capacity) return false;
  for (size_t i = 0; i < elements; ++i) {
    if (tensor->type == LN_INT32) values[i] = ((const int32_t *)tensor->data)[i];
    else if (tensor->type == LN_INT64) values[i] = ((const int64_t *)tensor->data)[i];
    else if (tensor->type == LN_INT16) values[i] = ((const int16_t *)tensor->data)[i];
    else return false;
  }
  *count = (int32_t)elements;
  return true;
}

bool ln_blocks_fit(const ln_shape *shape, int32_t size) {
  if (shape->rank < 1 || size < 1) return false;
  return shape->dims[shape->rank - 1] % size == 0 || ln_shape_span(shape, 1, shape->rank) == (size_t)size;
}
