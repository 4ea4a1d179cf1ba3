/*
 * Any number to any other (convert.h). A number is read into the widest type of its class - double, int64, uint64 - and
 * written from there, so that each type needs one reader and three writers; a value is never rounded twice.
 */
#include <string.h>

#include "kernels/convert.h"

enum { CHUNK = 256 };

typedef enum number_class { CLASS_REAL, CLASS_SIGNED, CLASS_UNSIGNED, CLASS_COUNT } number_class;

typedef union wide_chunk {
  double real[CHUNK];
  int64_t whole[CHUNK];
  uint64_t natural[CHUNK];
} wide_chunk;

typedef struct complex64 {
  float re, im;
} complex64;

typedef void read_fn(const void *in, size_t at, size_t count, wide_chunk *out);
typedef void write_fn(const wide_chunk *in, void *out, size_t at, size_t count);

#define READER(name, type, member, wide, expression)                           \
  static void name(const void *in, size_t at, size_t count, wide_chunk *out) { \
    const type *from = (const type *)in + at;                                  \
    size_t i;                                                                  \
    for (i = 0; i < count; ++i) {                                              \
      const type x = from[i];                                                  \
      out->member[i] = (wide)(expression);                                     \
    }                                                                          \
  }

READER(read_f32, float, real, double, x)
READER(read_f16, uint16_t, real, double, ln_k_half_to_float(x))
READER(read_bf16, uint16_t, real, double, ln_k_bfloat_to_float(x))
READER(read_f64, double, real, double, x)
READER(read_c64, complex64, real, double, x.re)
READER(read_i8, int8_t, whole, int64_t, x)
READER(read_i16, int16_t, whole, int64_t, x)
READER(read_i32, int32_t, whole, int64_t, x)
READER(read_i64, int64_t, whole, int64_t, x)
READER(read_u8, uint8_t, natural, uint64_t, x)
READER(read_u16, uint16_t, natural, uint64_t, x)
READER(read_u32, uint32_t, natural, uint64_t, x)
READER(read_u64, uint64_t, natural, uint64_t, x)
READER(read_bool, uint8_t, natural, uint64_t, x != 0 ? 1 : 0)

/* Truncation toward zero with the ends of the type for what lies beyond; NaN gives 0. */
static int64_t real_to_signed(double x, double low, double high, int64_t type_low, int64_t type_high) {
  if (x != x) return 0;
  return x <= low ? type_low : (x >= high ? type_high : (int64_t)x);
}

static uint64_t real_to_unsigned(double x, double high, uint64_t type_high) {
  if (!(x > 0.0)) return 0;
  return x >= high ? type_high : (uint64_t)x;
}

/* A double as a half or bfloat16: through float with the last bit made odd where that was inexact, which rounds as one
 * step. */
static float to_odd_float(double x) {
  union {
    uint32_t u;
    float f;
  } bits;
  bits.f = (float)x;
  if ((double)bits.f == x || x != x || (bits.u & 0x7F800000u) == 0x7F800000u) return bits.f;
  if ((bits.u & 1u) == 0) {
    /* The neighbour on the other side of x has an odd last bit. */
    const int too_large = (x > 0.0) == ((double)bits.f > x);
    bits.u += too_large ? (uint32_t)-1 : 1u;
  }
  return bits.f;
}

#define WRITER(name, type, member, expression)                                 \
  static void name(const wide_chunk *in, void *out, size_t at, size_t count) { \
    type *to = (type *)out + at;                                               \
    size_t i;                                                                  \
    for (i = 0; i < count; ++i) to[i] = (type)(expression);                    \
  }
#define WRITERS(t, type, of_real)                  \
  WRITER(real_to_##t, type, real, of_real)         \
  WRITER(signed_to_##t, type, whole, in->whole[i]) \
  WRITER(unsigned_to_##t, type, natural, in->natural[i])

WRITERS(f32, float, in->real[i])
WRITERS(f64, double, in->real[i])
WRITERS(i8, int8_t, real_to_signed(in->real[i], INT8_MIN, INT8_MAX, INT8_MIN, INT8_MAX))
WRITERS(i16, int16_t, real_to_signed(in->real[i], INT16_MIN, INT16_MAX, INT16_MIN, INT16_MAX))
WRITERS(i32, int32_t, real_to_signed(in->real[i], INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX))
WRITERS(i64, int64_t, real_to_signed(in->real[i], -9223372036854775808.0, 9223372036854775808.0, INT64_MIN, INT64_MAX))
WRITERS(u8, uint8_t, real_to_unsigned(in->real[i], UINT8_MAX, UINT8_MAX))
WRITERS(u16, uint16_t, real_to_unsigned(in->real[i], UINT16_MAX, UINT16_MAX))
WRITERS(u32, uint32_t, real_to_unsigned(in->real[i], UINT32_MAX, UINT32_MAX))
WRITERS(u64, uint64_t, real_to_unsigned(in->real[i], 18446744073709551616.0, UINT64_MAX))
WRITER(real_to_bool, uint8_t, real, in->real[i] != 0.0)
WRITER(signed_to_bool, uint8_t, whole, in->whole[i] != 0)
WRITER(unsigned_to_bool, uint8_t, natural, in->natural[i] != 0)
WRITER(real_to_f16, uint16_t, real, ln_k_float_to_half(to_odd_float(in->real[i])))
WRITER(signed_to_f16, uint16_t, whole, ln_k_float_to_half((float)in->whole[i]))
WRITER(unsigned_to_f16, uint16_t, natural, ln_k_float_to_half((float)in->natural[i]))
WRITER(real_to_bf16, uint16_t, real, ln_k_float_to_bfloat(to_odd_float(in->real[i])))
WRITER(signed_to_bf16, uint16_t, whole, ln_k_float_to_bfloat((float)in->whole[i]))
WRITER(unsigned_to_bf16, uint16_t, natural, ln_k_float_to_bfloat((float)in->natural[i]))

#define COMPLEX_WRITER(name, member)                                           \
  static void name(const wide_chunk *in, void *out, size_t at, size_t count) { \
    complex64 *to = (complex64 *)out + at;                                     \
    size_t i;                                                                  \
    for (i = 0; i < count; ++i) {                                              \
      to[i].re = (float)in->member[i];                                         \
      to[i].im = 0.0f;                                                         \
    }                                                                          \
  }
COMPLEX_WRITER(real_to_c64, real)
COMPLEX_WRITER(signed_to_c64, whole)
COMPLEX_WRITER(unsigned_to_c64, natural)

typedef struct number_row {
  number_class of;
  size_t bytes;
  read_fn *read;
  write_fn *write[CLASS_COUNT];
} number_row;

#define NUMBER(name, t, of, bytes) \
  [LN_NUMBER_##name] = {of, bytes, read_##t, {real_to_##t, signed_to_##t, unsigned_to_##t}}

static const number_row rows[LN_NUMBER_COUNT] = {
    NUMBER(F32, f32, CLASS_REAL, 4),       NUMBER(F16, f16, CLASS_REAL, 2),     NUMBER(BF16, bf16, CLASS_REAL, 2),
    NUMBER(F64, f64, CLASS_REAL, 8),       NUMBER(I8, i8, CLASS_SIGNED, 1),     NUMBER(U8, u8, CLASS_UNSIGNED, 1),
    NUMBER(I16, i16, CLASS_SIGNED, 2),     NUMBER(U16, u16, CLASS_UNSIGNED, 2), NUMBER(I32, i32, CLASS_SIGNED, 4),
    NUMBER(U32, u32, CLASS_UNSIGNED, 4),   NUMBER(I64, i64, CLASS_SIGNED, 8),   NUMBER(U64, u64, CLASS_UNSIGNED, 8),
    NUMBER(BOOL, bool, CLASS_UNSIGNED, 1), NUMBER(C64, c64, CLASS_REAL, 8),
};

void ln_k_cast(const void *in, ln_number from, void *out, ln_number to, size_t count) {
  wide_chunk chunk;
  size_t at;
  if (from == to) {
    memmove(out, in, count * rows[from].bytes);
    return;
  }
  for (at = 0; at < count; at += CHUNK) {
    const size_t part = count - at < CHUNK ? count - at : CHUNK;
    rows[from].read(in, at, part, &chunk);
    rows[to].write[rows[from].of](&chunk, out, at, part);
  }
}
