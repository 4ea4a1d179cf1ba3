/* Searches for extremes in plain C. */
#include "kernels/arg_minmax.h"

#include <stdint.h>

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

void ln_k_arg_columns(ln_type type, bool least, const void *src, size_t length, size_t inner, size_t count,
                      int32_t *indices) {
  switch (type) {
    case LN_FLOAT32: columns_f32(least, src, length, inner, count, indices); break;
    case LN_INT8: columns_i8(least, src, length, inner, count, indices); break;
    case LN_INT16: columns_i16(least, src, length, inner, count, indices); break;
    case LN_INT32: columns_i32(least, src, length, inner, count, indices); break;
    default: columns_u8(least, src, length, inner, count, indices); break;
  }
}

void ln_k_arg_rows(ln_type type, bool least, const void *src, size_t length, size_t count, int32_t *indices) {
  switch (type) {
    case LN_FLOAT32: rows_f32(least, src, length, count, indices); break;
    case LN_INT8: rows_i8(least, src, length, count, indices); break;
    case LN_INT16: rows_i16(least, src, length, count, indices); break;
    case LN_INT32: rows_i32(least, src, length, count, indices); break;
    default: rows_u8(least, src, length, count, indices); break;
  }
}
