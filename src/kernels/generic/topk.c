/* Selection by a heap of k, in plain C. */
#include "kernels/topk.h"

#define T float
#define NAME(x) x##_f32
#include "topk_tmpl.inc"
#define T double
#define NAME(x) x##_f64
#include "topk_tmpl.inc"
#define T int8_t
#define NAME(x) x##_i8
#include "topk_tmpl.inc"
#define T uint8_t
#define NAME(x) x##_u8
#include "topk_tmpl.inc"
#define T int16_t
#define NAME(x) x##_i16
#include "topk_tmpl.inc"
#define T int32_t
#define NAME(x) x##_i32
#include "topk_tmpl.inc"
#define T int64_t
#define NAME(x) x##_i64
#include "topk_tmpl.inc"

void ln_k_topk(ln_type type, const void *row, int32_t length, int32_t k, void *values, int32_t *indices) {
  switch (type) {
    case LN_FLOAT32: topk_f32(row, length, k, values, indices); break;
    case LN_FLOAT64: topk_f64(row, length, k, values, indices); break;
    case LN_INT8: topk_i8(row, length, k, values, indices); break;
    case LN_UINT8: topk_u8(row, length, k, values, indices); break;
    case LN_INT16: topk_i16(row, length, k, values, indices); break;
    case LN_INT32: topk_i32(row, length, k, values, indices); break;
    default: topk_i64(row, length, k, values, indices); break;
  }
}
