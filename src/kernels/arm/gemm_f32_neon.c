/* Matrix products of floats with NEON. */
#include "kernels/arm/vec_f32.h"
#include "kernels/quant.h"

#define GEMM_B float
#define load_b vf_load
#include "kernels/arm/gemm_f32_tmpl.inc"

const ln_gemm_f32_kernel ln_gemm_f32_8x8_neon = {"gemm_f32_8x8_neon", MR, NR, run};

/* ---- products of one or two columns: lanes along k ---- */

enum { FEW = 4 };

/* The sums of `rows` rows, lanes along k. */
LN_INLINE vf few_sums(const int rows, const ln_gemm_a *a, ptrdiff_t offset, const float *b) {
  vf sums[FEW] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *first = (const char *)a->segments[s] + offset;
    const float *row[FEW];
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) row[i] = (const float *)(const void *)(first + i * a->row_stride);
    int32_t p = 0;
    for (; p + 4 <= a->segment_length; p += 4, b += 4) {
      const vf x = vf_load(b);
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) sums[i] = vf_fma(vf_load(row[i] + p), x, sums[i]);
    }
    const int32_t left = a->segment_length - p;
    if (left == 0) continue;
    const vf x = vf_load_masked(b, left);
    b += left;
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) sums[i] = vf_fma(vf_load_masked(row[i] + p, left), x, sums[i]);
  }
  return vpaddq_f32(vpaddq_f32(sums[0], sums[1]), vpaddq_f32(sums[2], sums[3]));
}

static void run_few(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                    ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t k = (ptrdiff_t)a->segment_count * a->segment_length;
  for (int32_t j = 0; j < n; ++j) {
    const float *b = panels + j * k;
    for (int32_t i = 0; i < m; i += FEW) {
      const int32_t rows = m - i < FEW ? m - i : FEW;
      const ptrdiff_t offset = i * a->row_stride;
      float sums[FEW];
      if (rows == FEW) vf_store(sums, few_sums(FEW, a, offset, b));
      for (int32_t r = 0; r < rows && rows < FEW; ++r) {
        sums[r] = vgetq_lane_f32(few_sums(1, a, offset + r * a->row_stride, b), 0);
      }
      for (int32_t r = 0; r < rows; ++r) {
        c[(i + r) * c_stride + j] = ln_clamp_f32(sums[r] + (bias == NULL ? 0.0f : bias[j]), low, high);
      }
    }
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_4x1_neon = {"gemm_f32_4x1_neon", FEW, 1, run_few};
