/* Reductions in plain C, one body for every element type. */
#include "kernels/reduce.h"

#include <float.h>
#include <stdint.h>

#include "base/selection.h"

enum { LANES = 16 };

/*
 * When the innermost dimension is kept, its stride is 1 and rows are combined side by side; otherwise the innermost
 * reduced dimension has stride 1 and is combined into one number.
 */
ln_reduce_plan ln_k_reduce_plan(const int32_t *dims, int32_t rank, const bool *is_reduced) {
  ln_reduce_plan plan = {0};
  size_t extents[LN_MAX_RANK];
  bool reduced[LN_MAX_RANK];
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] == 1) continue;
    if (count > 0 && reduced[count - 1] == is_reduced[i]) {
      extents[count - 1] *= (size_t)dims[i];
    } else {
      extents[count] = (size_t)dims[i];
      reduced[count++] = is_reduced[i];
    }
  }
  size_t stride = 1;
  size_t strides[LN_MAX_RANK];
  for (int32_t i = count - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= extents[i];
  }
  for (int32_t i = 0; i < count; ++i) {
    if (reduced[i]) {
      plan.reduced[plan.reduced_rank] = extents[i];
      plan.reduced_strides[plan.reduced_rank++] = strides[i];
    } else {
      plan.kept[plan.kept_rank] = extents[i];
      plan.kept_strides[plan.kept_rank++] = strides[i];
    }
  }
  return plan;
}

/* Where output element `index` takes its first element from. */
static size_t kept_offset(const ln_reduce_plan *plan, size_t index) {
  size_t offset = 0;
  for (int32_t i = plan->kept_rank - 1; i > 0; --i) {
    offset += index % plan->kept[i] * plan->kept_strides[i];
    index /= plan->kept[i];
  }
  return plan->kept_rank > 0 ? offset + index * plan->kept_strides[0] : 0;
}

static size_t reduced_offset(const ln_reduce_plan *plan, const size_t *index) {
  size_t offset = 0;
  for (int32_t i = 0; i < plan->reduced_rank - 1; ++i) offset += index[i] * plan->reduced_strides[i];
  return offset;
}

/* Steps through the reduced dimensions but the innermost; false after the last. */
static bool next_reduced(const ln_reduce_plan *plan, size_t *index) {
  for (int32_t i = plan->reduced_rank - 2; i >= 0; --i) {
    if (++index[i] < plan->reduced[i]) return true;
    index[i] = 0;
  }
  return false;
}

#define T float
#define A float
#define U float
#define W double
#define WU double
#define LOWEST -FLT_MAX
#define HIGHEST FLT_MAX
#define RUN 1024
#define RUN_ROWS 64
#define NAME(x) x##_f32
#include "reduce_tmpl.inc"

#define T double
#define A double
#define U double
#define W double
#define WU double
#define LOWEST -DBL_MAX
#define HIGHEST DBL_MAX
#define RUN 1024
#define RUN_ROWS 64
#define NAME(x) x##_f64
#include "reduce_tmpl.inc"

#define T int8_t
#define A int32_t
#define U int32_t
#define W int64_t
#define WU uint64_t
#define LOWEST INT8_MIN
#define HIGHEST INT8_MAX
#define RUN 65536
#define RUN_ROWS 65536
#define NAME(x) x##_i8
#include "reduce_tmpl.inc"

#define T uint8_t
#define A int32_t
#define U int32_t
#define W int64_t
#define WU uint64_t
#define LOWEST 0
#define HIGHEST UINT8_MAX
#define RUN 65536
#define RUN_ROWS 65536
#define NAME(x) x##_u8
#include "reduce_tmpl.inc"

#define T int16_t
#define A int32_t
#define U int32_t
#define W int64_t
#define WU uint64_t
#define LOWEST INT16_MIN
#define HIGHEST INT16_MAX
#define RUN 32768
#define RUN_ROWS 32768
#define NAME(x) x##_i16
#include "reduce_tmpl.inc"

#define T int32_t
#define A int64_t
#define U int64_t
#define W int64_t
#define WU uint64_t
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#define RUN 65536
#define RUN_ROWS 65536
#define NAME(x) x##_i32
#include "reduce_tmpl.inc"

#define T int64_t
#define A int64_t
#define U uint64_t
#define W int64_t
#define WU uint64_t
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define RUN 65536
#define RUN_ROWS 65536
#define NAME(x) x##_i64
#include "reduce_tmpl.inc"

void ln_k_reduce(ln_type type, ln_reduce_op op, const ln_reduce_plan *plan, const void *src, size_t begin, size_t count,
                 void *wide) {
  if (LN_HAS(LN_FLOAT32) && type == LN_FLOAT32) reduce_f32(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_FLOAT64) && type == LN_FLOAT64) reduce_f64(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_INT8) && type == LN_INT8) reduce_i8(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_UINT8) && type == LN_UINT8) reduce_u8(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_BOOL) && type == LN_BOOL) reduce_u8(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_INT16) && type == LN_INT16) reduce_i16(op, plan, src, begin, count, wide);
  else if (LN_HAS(LN_INT32) && type == LN_INT32) reduce_i32(op, plan, src, begin, count, wide);
  else reduce_i64(op, plan, src, begin, count, wide);
}

static int32_t centred(ln_type type, const void *src, size_t at, int32_t zero_point) {
  return (type == LN_INT8 ? ((const int8_t *)src)[at] : ((const int16_t *)src)[at]) - zero_point;
}

void ln_k_reduce_quantized_prod(ln_type type, const ln_reduce_plan *plan, const void *src, size_t begin, size_t count,
                                int32_t zero_point, ln_multiplier by, int32_t *out) {
  const int32_t last = plan->reduced_rank - 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t base = kept_offset(plan, begin + i);
    size_t index[LN_MAX_RANK] = {0};
    bool first = true;
    int32_t product = 0;
    do {
      const size_t offset = base + (last < 0 ? 0 : reduced_offset(plan, index));
      const size_t line = last < 0 ? 1 : plan->reduced[last], stride = last < 0 ? 0 : plan->reduced_strides[last];
      for (size_t r = 0; r < line; ++r, first = false) {
        const int32_t x = centred(type, src, offset + r * stride, zero_point);
        product = first ? x : ln_multiply_quantized_i64((int64_t)product * x, by.multiplier, by.shift);
      }
    } while (next_reduced(plan, index));
    out[i] = ln_multiply_quantized_i64(product, by.multiplier, by.shift);
  }
}
