/* Searches for extremes in plain C. */
#include "kernels/arg_minmax.h"

#include "kernels/kernels.h"

ln_arg_rows_u8_fn arg_rows_u8_generic;
ln_arg_rows_f32_fn arg_rows_f32_generic;

#define T float
#define NAME(x) x##_f32
#include "arg_minmax_tmpl.inc"
#define T int8_t
#define NAME(x) x##_i8
#include "arg_minmax_tmpl.inc"
#define T uint8_t
#define NAME(x) x##_u8
#include "arg_minmax_tmpl.inc"
#define T int16_t
#define NAME(x) x##_i16
#include "arg_minmax_tmpl.inc"
#define T int32_t
#define NAME(x) x##_i32
#include "arg_minmax_tmpl.inc"

#define T int64_t
#define NAME(x) x##_i64
#include "arg_minmax_tmpl.inc"
#define T double
#define NAME(x) x##_f64
#include "arg_minmax_tmpl.inc"

void ln_k_arg_columns(ln_type type, bool least, const void *src, size_t length, size_t inner, size_t count,
                      int32_t *indices) {
  switch (type) {
    case LN_FLOAT32: columns_f32(least, src, length, inner, count, indices); break;
    case LN_INT8: columns_i8(least, src, length, inner, count, indices); break;
    case LN_INT16: columns_i16(least, src, length, inner, count, indices); break;
    case LN_INT32: columns_i32(least, src, length, inner, count, indices); break;
    case LN_INT64: columns_i64(least, src, length, inner, count, indices); break;
    case LN_FLOAT64: columns_f64(least, src, length, inner, count, indices); break;
    default: columns_u8(least, src, length, inner, count, indices); break;
  }
}

/* The extreme first, which vectorises, then its first place. */
#define SEARCH_ROWS(T, better)                                                     \
  for (size_t r = 0; r < count; ++r, src += length) {                              \
    T best = src[0];                                                               \
    size_t at = 0;                                                                 \
    for (size_t i = 1; i < length; ++i) best = src[i] better best ? src[i] : best; \
    while (src[at] != best) ++at;                                                  \
    indices[r] = (int32_t)at;                                                      \
  }

static void rows_i16(bool least, const int16_t *src, size_t length, size_t count, int32_t *indices) {
  if (least) {
    SEARCH_ROWS(int16_t, <)
  } else {
    SEARCH_ROWS(int16_t, >)
  }
}

static void rows_i32(bool least, const int32_t *src, size_t length, size_t count, int32_t *indices) {
  if (least) {
    SEARCH_ROWS(int32_t, <)
  } else {
    SEARCH_ROWS(int32_t, >)
  }
}

void arg_rows_u8_generic(uint8_t flip, const uint8_t *src, size_t length, size_t count, int32_t *indices) {
  for (size_t r = 0; r < count; ++r, src += length) {
    uint8_t best = 0;
    size_t at = 0;
    for (size_t i = 0; i < length; ++i) {
      const uint8_t value = (uint8_t)(src[i] ^ flip);
      best = value > best ? value : best;
    }
    while ((src[at] ^ flip) != best) ++at;
    indices[r] = (int32_t)at;
  }
}

void arg_rows_f32_generic(bool least, const float *src, size_t length, size_t count, int32_t *indices) {
  for (size_t r = 0; r < count; ++r, src += length) {
    float best = src[0];
    size_t at = 0;
    for (size_t i = 1; i < length; ++i) {
      const bool wins = least ? src[i] < best : src[i] > best;
      best = wins ? src[i] : best;
      at = wins ? i : at;
    }
    indices[r] = (int32_t)at;
  }
}

void ln_k_arg_rows(ln_type type, bool least, const void *src, size_t length, size_t count, int32_t *indices) {
  const uint8_t flip = (uint8_t)((type == LN_INT8 ? 0x80 : 0) ^ (least ? 0xFF : 0));
  switch (type) {
    case LN_FLOAT32: LN_KERNEL_OF(arg_minmax, rows_f32)(least, src, length, count, indices); break;
    case LN_INT16: rows_i16(least, src, length, count, indices); break;
    case LN_INT32: rows_i32(least, src, length, count, indices); break;
    case LN_INT64:
      for (size_t r = 0; r < count; ++r) {
        columns_i64(least, (const int64_t *)src + r * length, length, 1, 1, indices + r);
      }
      break;
    case LN_FLOAT64:
      for (size_t r = 0; r < count; ++r) {
        columns_f64(least, (const double *)src + r * length, length, 1, 1, indices + r);
      }
      break;
    default: LN_KERNEL_OF(arg_minmax, rows_u8)(flip, src, length, count, indices); break;
  }
}
