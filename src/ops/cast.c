/* CAST between any two numeric types: convert.h says how. */
#include "kernels/convert.h"
#include "kernels/float8.h"
#include "ops/elementwise.h"
#include "ops/rows.h"

enum { CHUNK = 256 };

ln_number ln_number_of(ln_type type) {
  static const uint8_t numbers[LN_TYPE_COUNT] = {
      [LN_FLOAT32] = LN_NUMBER_F32, [LN_FLOAT16] = LN_NUMBER_F16,   [LN_BFLOAT16] = LN_NUMBER_BF16,
      [LN_FLOAT64] = LN_NUMBER_F64, [LN_INT8] = LN_NUMBER_I8,       [LN_UINT8] = LN_NUMBER_U8,
      [LN_INT16] = LN_NUMBER_I16,   [LN_UINT16] = LN_NUMBER_U16,    [LN_INT32] = LN_NUMBER_I32,
      [LN_UINT32] = LN_NUMBER_U32,  [LN_INT64] = LN_NUMBER_I64,     [LN_UINT64] = LN_NUMBER_U64,
      [LN_BOOL] = LN_NUMBER_BOOL,   [LN_COMPLEX64] = LN_NUMBER_C64,
  };
  return (ln_number)numbers[type];
}

/* Numbers of less than a byte, from and to float32; what they cannot hold becomes the nearest that they can. */
static void unpack_floats(ln_type type, const uint8_t *in, size_t count, float *out) {
  int8_t bytes[CHUNK];
  for (size_t i = 0; i < count; i += CHUNK) {
    const size_t now = count - i < CHUNK ? count - i : CHUNK;
    ln_k_unpack_bits(in, i, now, ln_type_bits(type), type != LN_UINT4, bytes);
    for (size_t k = 0; k < now; ++k) out[i + k] = (float)bytes[k];
  }
}

static void pack_floats(ln_type type, const float *in, size_t count, uint8_t *out) {
  uint8_t bytes[CHUNK];
  const int32_t bits = ln_type_bits(type);
  int32_t low, high;
  ln_type_range(type, &low, &high);
  for (size_t i = 0; i < count; i += CHUNK) {
    const size_t now = count - i < CHUNK ? count - i : CHUNK;
    for (size_t k = 0; k < now; ++k) {
      const float x = in[i + k];
      bytes[k] = (uint8_t)(x >= (float)high ? high : (x > (float)low ? (int32_t)x : low));
    }
    ln_k_pack_bits(bytes, now, bits, out + i * (size_t)bits / 8); /* bounded: the number of a byte within the output */
  }
}

static const ln_float8 *float8_of(ln_type type) {
  return type == LN_FLOAT8_E4M3FN ? &ln_float8_e4m3fn : type == LN_FLOAT8_E5M2 ? &ln_float8_e5m2 : NULL;
}

/* Numbers of eight bits, from and to float32. */
static void read_float8(const ln_float8 *form, const uint8_t *in, size_t count, float *out) {
  for (size_t i = 0; i < count; ++i) out[i] = ln_float8_read(form, in[i]);
}

static void write_float8(const ln_float8 *form, const float *in, size_t count, uint8_t *out) {
  for (size_t i = 0; i < count; ++i) out[i] = ln_float8_write(form, in[i]);
}

static void cast_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const ln_type from = node->in[0]->type;
  const ln_type to = node->out[0]->type;
  const size_t from_bits = (size_t)ln_type_bits(from), to_bits = (size_t)ln_type_bits(to);
  /* bounded: a span begins at a whole byte of a tensor whose size was checked */
  const void *in = (const char *)node->in[0]->data + first * from_bits / 8;
  void *out = (char *)node->out[0]->data + first * to_bits / 8;
  if (from_bits < 8) unpack_floats(from, in, count, out);
  else if (to_bits < 8) pack_floats(to, in, count, out);
  else if (float8_of(from) != NULL) read_float8(float8_of(from), in, count, out);
  else if (float8_of(to) != NULL) write_float8(float8_of(to), in, count, out);
  else if (from == LN_INT8 && to == LN_FLOAT32) LN_KERNEL_OF(convert, dequantize_i8)(in, out, count, 1.0f, 0);
  else if (from == LN_UINT8 && to == LN_FLOAT32) LN_KERNEL_OF(convert, dequantize_u8)(in, out, count, 1.0f, 0);
  else if (from == LN_FLOAT16 && to == LN_FLOAT32) LN_KERNEL_OF(convert, f16_to_f32)(in, out, count);
  else if (from == LN_FLOAT32 && to == LN_FLOAT16) LN_KERNEL_OF(convert, f32_to_f16)(in, out, count);
  else ln_k_cast(in, ln_number_of(from), out, ln_number_of(to), count);
}

ln_status ln_cast_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  ln_spans_run(exec->pool, ln_shape_span(shape, 0, shape->rank), LN_ELEMENT_GRAIN, cast_span, node);
  return LN_OK;
}
