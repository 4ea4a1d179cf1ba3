/* Elements as real numbers, whatever the type and quantization: the typed access of linnet/tensor.h. */
#include <math.h>
#include <string.h>

#include "ir/ir.h"
#include "kernels/convert.h"

/* ---- numbers as stored: doubles hold all but large 64-bit integers, which floats round anyway ---- */

static int64_t packed_get(const uint8_t *data, size_t index, int32_t bits, bool is_signed) {
  int8_t value;
  ln_k_unpack_bits(data, index, 1, bits, is_signed, &value);
  return value;
}

static void packed_set(uint8_t *data, size_t index, int32_t bits, int64_t value) {
  const size_t per_byte = 8 / (size_t)bits;
  const uint32_t shift = (uint32_t)(index % per_byte) * (uint32_t)bits;
  const uint32_t mask = ((1u << bits) - 1) << shift;
  data[index / per_byte] = (uint8_t)((data[index / per_byte] & ~mask) | (((uint32_t)value << shift) & mask));
}

/* The caller's and the file's memory is aligned for its type, so that elements are read where they lie. */
static double stored(const ln_tensor *tensor, size_t i) {
  const void *data = tensor->data;
  switch (tensor->type) {
    case LN_FLOAT32: return ((const float *)data)[i];
    case LN_FLOAT64: return ((const double *)data)[i];
    case LN_FLOAT16: return ln_k_half_to_float(((const uint16_t *)data)[i]);
    case LN_BFLOAT16: return ln_k_bfloat_to_float(((const uint16_t *)data)[i]);
    case LN_INT8: return ((const int8_t *)data)[i];
    case LN_UINT8: return ((const uint8_t *)data)[i];
    case LN_INT16: return ((const int16_t *)data)[i];
    case LN_UINT16: return ((const uint16_t *)data)[i];
    case LN_INT32: return ((const int32_t *)data)[i];
    case LN_UINT32: return ((const uint32_t *)data)[i];
    case LN_INT64: return (double)((const int64_t *)data)[i];
    case LN_UINT64: return (double)((const uint64_t *)data)[i];
    case LN_BOOL: return ((const uint8_t *)data)[i] != 0;
    case LN_INT4: return (double)packed_get(data, i, 4, true);
    case LN_UINT4: return (double)packed_get(data, i, 4, false);
    case LN_INT2: return (double)packed_get(data, i, 2, true);
    default: return NAN; /* refused before */
  }
}

/* The whole number nearest to `value` within [low, high]. */
static double whole(double value, double low, double high) {
  if (isnan(value)) return 0;
  const double rounded = round(value);
  return rounded < low ? low : rounded > high ? high : rounded;
}

static int64_t whole_i64(double value) {
  const double rounded = whole(value, -0x1p63, 0x1p63);
  return rounded >= 0x1p63 ? INT64_MAX : (int64_t)rounded;
}

static uint64_t whole_u64(double value) {
  const double rounded = whole(value, 0, 0x1p64);
  return rounded >= 0x1p64 ? UINT64_MAX : (uint64_t)rounded;
}

static void store(ln_tensor *tensor, size_t i, double value) {
  void *data = tensor->data;
  switch (tensor->type) {
    case LN_FLOAT32: ((float *)data)[i] = (float)value; break;
    case LN_FLOAT64: ((double *)data)[i] = value; break;
    case LN_FLOAT16: ((uint16_t *)data)[i] = ln_k_float_to_half((float)value); break;
    case LN_BFLOAT16: ((uint16_t *)data)[i] = ln_k_float_to_bfloat((float)value); break;
    case LN_INT8: ((int8_t *)data)[i] = (int8_t)whole(value, INT8_MIN, INT8_MAX); break;
    case LN_UINT8: ((uint8_t *)data)[i] = (uint8_t)whole(value, 0, UINT8_MAX); break;
    case LN_INT16: ((int16_t *)data)[i] = (int16_t)whole(value, INT16_MIN, INT16_MAX); break;
    case LN_UINT16: ((uint16_t *)data)[i] = (uint16_t)whole(value, 0, UINT16_MAX); break;
    case LN_INT32: ((int32_t *)data)[i] = (int32_t)whole(value, INT32_MIN, INT32_MAX); break;
    case LN_UINT32: ((uint32_t *)data)[i] = (uint32_t)whole(value, 0, UINT32_MAX); break;
    case LN_INT64: ((int64_t *)data)[i] = whole_i64(value); break;
    case LN_UINT64: ((uint64_t *)data)[i] = whole_u64(value); break;
    case LN_BOOL: ((uint8_t *)data)[i] = value != 0; break;
    case LN_INT4: packed_set(data, i, 4, (int64_t)whole(value, -8, 7)); break;
    case LN_UINT4: packed_set(data, i, 4, (int64_t)whole(value, 0, 15)); break;
    case LN_INT2: packed_set(data, i, 2, (int64_t)whole(value, -2, 1)); break;
    default: break; /* refused before */
  }
}

/* ---- quantization ---- */

/* Floats and truth values are what they are, whatever a file says of their quantization. */
static bool is_scaled(const ln_tensor *tensor) {
  const ln_type type = tensor->type;
  if (type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16) return false;
  return type != LN_BOOL && tensor->quant->count > 0;
}

/* Which scale belongs to an element: each of `count` along an axis serves `span` elements in a row. */
typedef struct scale_walk {
  const ln_quant *quant; /* NULL: stored numbers are the values */
  size_t span, count;
} scale_walk;

static scale_walk walk_of(const ln_tensor *tensor) {
  const ln_quant *quant = tensor->quant;
  scale_walk walk = {is_scaled(tensor) ? quant : NULL, 1, 1};
  if (quant->kind != LN_QUANT_AXIS || quant->count < 2) return walk;
  walk.count = (size_t)quant->count;
  walk.span = ln_shape_span(&tensor->shape, quant->axis + 1, tensor->shape.rank);
  return walk;
}

static size_t scale_index(const scale_walk *walk, size_t element) {
  return walk->count < 2 ? 0 : element / walk->span % walk->count;
}

static float get(const ln_tensor *tensor, const scale_walk *walk, size_t i) {
  const double value = stored(tensor, i);
  if (walk->quant == NULL) return (float)value;
  const size_t at = scale_index(walk, i);
  return (float)((double)walk->quant->scale[at] * (value - (double)walk->quant->zero_point[at]));
}

static void set(ln_tensor *tensor, const scale_walk *walk, size_t i, float value) {
  if (walk->quant == NULL) {
    store(tensor, i, value);
    return;
  }
  const size_t at = scale_index(walk, i);
  const float scale = walk->quant->scale[at];
  const double zero = (double)walk->quant->zero_point[at];
  /* The quotient in single precision, as QUANTIZE has it. */
  store(tensor, i, isnan(value) || scale == 0.0f ? zero : (double)roundf(value / scale) + zero);
}

/* ---- the calls ---- */

static ln_status check(const ln_tensor *tensor, bool writing, ln_error *err) {
  static const uint32_t others = 1u << LN_STRING | 1u << LN_COMPLEX64 | 1u << LN_COMPLEX128 | 1u << LN_RESOURCE |
                                 1u << LN_VARIANT | 1u << LN_FLOAT8_E4M3FN | 1u << LN_FLOAT8_E5M2;
  if (tensor == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no tensor");
  const char *name = tensor->name;
  if ((unsigned)tensor->type >= LN_TYPE_COUNT || (others >> tensor->type & 1) != 0) {
    return ln_fail(err, LN_ERR_TYPE, "tensor \"%.200s\": %s is no real number", name, ln_type_name(tensor->type));
  }
  if (tensor->sparsity != NULL) return ln_fail(err, LN_ERR_UNSUPPORTED, "tensor \"%.200s\" is sparse", name);
  if (tensor->codebook != NULL) return ln_fail(err, LN_ERR_UNSUPPORTED, "tensor \"%.200s\" is stored by table", name);
  if (tensor->quant->kind == LN_QUANT_BLOCKWISE || tensor->quant->kind == LN_QUANT_CUSTOM) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "tensor \"%.200s\" is not quantized per tensor or axis", name);
  }
  if (tensor->data == NULL) return ln_fail(err, LN_ERR_STATE, "tensor \"%.200s\" has no data yet", name);
  if (writing && tensor->storage == LN_STORAGE_CONST) {
    return ln_fail(err, LN_ERR_STATE, "tensor \"%.200s\" is a constant", name);
  }
  return LN_OK;
}

static ln_status check_all(const ln_tensor *tensor, const float *values, size_t count, bool writing, ln_error *err) {
  LN_TRY(check(tensor, writing, err));
  const size_t elements = ln_tensor_elements(tensor);
  if (count != elements) {
    return ln_fail(err, LN_ERR_SHAPE, "tensor \"%.200s\" has %zu elements, not %zu", tensor->name, elements, count);
  }
  if (values == NULL && count > 0) return ln_fail(err, LN_ERR_ARGUMENT, "no place for the values");
  return LN_OK;
}

float ln_tensor_get_f32(const ln_tensor *tensor, size_t index) {
  if (check(tensor, false, NULL) != LN_OK || index >= ln_tensor_elements(tensor)) return NAN;
  const scale_walk walk = walk_of(tensor);
  return get(tensor, &walk, index);
}

bool ln_tensor_set_f32(ln_tensor *tensor, size_t index, float value) {
  if (check(tensor, true, NULL) != LN_OK || index >= ln_tensor_elements(tensor)) return false;
  const scale_walk walk = walk_of(tensor);
  set(tensor, &walk, index, value);
  return true;
}

ln_status ln_tensor_copy_to_f32(const ln_tensor *tensor, float *values, size_t count, ln_error *err) {
  LN_TRY(check_all(tensor, values, count, false, err));
  const scale_walk walk = walk_of(tensor);
  for (size_t i = 0; i < count; ++i) values[i] = get(tensor, &walk, i);
  return LN_OK;
}

ln_status ln_tensor_copy_from_f32(ln_tensor *tensor, const float *values, size_t count, ln_error *err) {
  LN_TRY(check_all(tensor, values, count, true, err));
  const scale_walk walk = walk_of(tensor);
  for (size_t i = 0; i < count; ++i) set(tensor, &walk, i, values[i]);
  return LN_OK;
}

const char *ln_tensor_get_string(const ln_tensor *tensor, size_t index, size_t *length) {
  if (length != NULL) *length = 0;
  if (tensor == NULL || tensor->type != LN_STRING || tensor->data == NULL || length == NULL) return NULL;
  const uint8_t *data = tensor->data;
  int32_t count, from, to;
  if (tensor->bytes < sizeof count) return NULL;
  memcpy(&count, data, sizeof count);
  if (count < 0 || index >= (size_t)count || tensor->bytes / sizeof count < (size_t)count + 2) return NULL;
  memcpy(&from, data + (index + 1) * sizeof from, sizeof from);
  memcpy(&to, data + (index + 2) * sizeof to, sizeof to);
  if (from < 0 || to < from || (size_t)to > tensor->bytes) return NULL;
  *length = (size_t)(to - from);
  return (const char *)data + from;
}
