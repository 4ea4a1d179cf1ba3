/* Numbers in and out of tensors of any element type. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);
  if (exponent == 31) value = mantissa ? NAN : INFINITY;
  return bits & 0x8000 ? -value : value;
}

static double bfloat_value(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return (double)value;
}

/* An element of fewer than 8 bits. */
static double packed_value(const uint8_t *data, size_t i, int bits, bool is_signed) {
  const size_t per_byte = 8 / (size_t)bits;
  const int raw = data[i / per_byte] >> ((int)(i % per_byte) * bits) & ((1 << bits) - 1);
  const int sign = is_signed ? 1 << (bits - 1) : 0;
  return (raw ^ sign) - sign;
}

#define ELEMENT(type) ((double)((const type *)data)[i])

static bool stored_value(ln_type type, const void *data, size_t i, double *out) {
  switch (type) {
    case LN_FLOAT32: *out = ELEMENT(float); break;
    case LN_FLOAT64: *out = ELEMENT(double); break;
    case LN_FLOAT16: *out = half_value(((const uint16_t *)data)[i]); break;
    case LN_BFLOAT16: *out = bfloat_value(((const uint16_t *)data)[i]); break;
    case LN_INT8: *out = ELEMENT(int8_t); break;
    case LN_INT16: *out = ELEMENT(int16_t); break;
    case LN_INT32: *out = ELEMENT(int32_t); break;
    case LN_INT64: *out = ELEMENT(int64_t); break;
    case LN_BOOL:
    case LN_UINT8: *out = ELEMENT(uint8_t); break;
    case LN_UINT16: *out = ELEMENT(uint16_t); break;
    case LN_UINT32: *out = ELEMENT(uint32_t); break;
    case LN_UINT64: *out = ELEMENT(uint64_t); break;
    case LN_INT4: *out = packed_value(data, i, 4, true); break;
    case LN_INT2: *out = packed_value(data, i, 2, true); break;
    case LN_UINT4: *out = packed_value(data, i, 4, false); break;
    default: return false;
  }
  return true;
}

double *cli_values(const ln_tensor *tensor) {
  const size_t count = ln_tensor_elements(tensor);
  const void *data = ln_tensor_data(tensor);
  double probe;
  if (count > 0 && (!data || !stored_value(ln_tensor_type(tensor), data, 0, &probe))) return NULL;
  double *values = count < SIZE_MAX / sizeof *values ? malloc((count + 1) * sizeof *values) : NULL;
  if (!values) return NULL;
  const bool quantized = ln_tensor_scale_count(tensor) == 1 && ln_tensor_scale(tensor, 0) > 0;
  const double scale = quantized ? (double)ln_tensor_scale(tensor, 0) : 1;
  const double zero = quantized ? (double)ln_tensor_zero_point(tensor, 0) : 0;
  for (size_t i = 0; i < count; i++) {
    stored_value(ln_tensor_type(tensor), data, i, &values[i]);
    values[i] = (values[i] - zero) * scale;
  }
  return values;
}

#define STORE(type, low, high)                                                       \
  do {                                                                               \
    if (!(value >= (low) && value <= (high)) || value != floor(value)) return false; \
    ((type *)data)[index] = (type)value;                                             \
    return true;                                                                     \
  } while (0)

bool cli_store_number(ln_type type, double value, void *data, size_t index) {
  switch (type) {
    case LN_FLOAT32: ((float *)data)[index] = (float)value; return true;
    case LN_FLOAT64: ((double *)data)[index] = value; return true;
    case LN_INT8: STORE(int8_t, INT8_MIN, INT8_MAX);
    case LN_INT16: STORE(int16_t, INT16_MIN, INT16_MAX);
    case LN_INT32: STORE(int32_t, INT32_MIN, INT32_MAX);
    case LN_INT64: STORE(int64_t, -9007199254740992.0, 9007199254740992.0);
    case LN_BOOL: STORE(uint8_t, 0, 1);
    case LN_UINT8: STORE(uint8_t, 0, UINT8_MAX);
    case LN_UINT16: STORE(uint16_t, 0, UINT16_MAX);
    case LN_UINT32: STORE(uint32_t, 0, UINT32_MAX);
    case LN_UINT64: STORE(uint64_t, 0, 9007199254740992.0);
    default: return false;
  }
}
