/* Matrix products of floats with B in 16 bits, in plain C; and packing for every tier (gemm.h). */
#include <string.h>

#include "kernels/kernels.h"

enum { MR = 4, NR = 8 };

void ln_k_gemm_pack_half(const ln_gemm_half_kernel *kernel, bool is_bfloat, int32_t k, const float *panel,
                         uint16_t *packed) {
  ln_float_to_half_fn *round = is_bfloat ? LN_KERNEL_OF(convert, f32_to_bf16) : LN_KERNEL_OF(convert, f32_to_f16);
  const int32_t nr = kernel->nr;
  if (kernel->k_group == 1) {
    round(panel, packed, (size_t)k * (size_t)nr);
    return;
  }
  for (int32_t p = 0; p < k; p += 2, packed += 2 * nr) {
    uint16_t rows[2 * LN_GEMM_HALF_COLUMNS];
    round(panel + (ptrdiff_t)p * nr, rows, 2 * (size_t)nr);
    for (int32_t j = 0; j < nr; ++j) {
      packed[2 * j] = rows[j];
      packed[2 * j + 1] = rows[nr + j];
    }
  }
}

typedef float read_fn(uint16_t bits);

static float from_bfloat(uint16_t bits) { return ln_k_bfloat_to_float(bits); }

static void tile(read_fn *read, int32_t m, int32_t n, const ln_gemm_a *a, ptrdiff_t a_offset, const uint16_t *panel,
                 const float *bias, float *c, ptrdiff_t c_stride, float low, float high) {
  float sums[MR][NR];
  for (int32_t i = 0; i < MR; ++i) {
    for (int32_t j = 0; j < NR; ++j) sums[i][j] = bias != NULL && j < n ? bias[j] : 0.0f;
  }
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *rows = (const char *)a->segments[s] + a_offset;
    for (int32_t p = 0; p < a->segment_length; ++p, panel += NR) {
      float b[NR];
      for (int32_t j = 0; j < NR; ++j) b[j] = read(panel[j]);
      for (int32_t i = 0; i < m; ++i) {
        const float value = ((const float *)(const void *)(rows + i * a->row_stride))[p];
        for (int32_t j = 0; j < NR; ++j) sums[i][j] += value * b[j];
      }
    }
  }
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < n; ++j) c[i * c_stride + j] = ln_clamp_f32(sums[i][j], low, high);
  }
}

static void run(read_fn *read, int32_t m, int32_t n, const ln_gemm_a *a, const uint16_t *panels, const float *bias,
                float *c, ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t panel = (ptrdiff_t)(ln_gemm_panel_bytes(a, NR, 1, 2) / sizeof *panels);
  for (int32_t j = 0; j < n; j += NR) {
    for (int32_t i = 0; i < m; i += MR) {
      tile(read, m - i < MR ? m - i : MR, n - j < NR ? n - j : NR, a, i * a->row_stride, panels + j / NR * panel,
           bias == NULL ? NULL : bias + j, c + i * c_stride + j, c_stride, low, high);
    }
  }
}

static void run_f16(int32_t m, int32_t n, const ln_gemm_a *a, const uint16_t *panels, const float *bias, float *c,
                    ptrdiff_t c_stride, float low, float high) {
  run(ln_k_half_to_float, m, n, a, panels, bias, c, c_stride, low, high);
}

static void run_bf16(int32_t m, int32_t n, const ln_gemm_a *a, const uint16_t *panels, const float *bias, float *c,
                     ptrdiff_t c_stride, float low, float high) {
  run(from_bfloat, m, n, a, panels, bias, c, c_stride, low, high);
}

const ln_gemm_half_kernel ln_gemm_f16_4x8_generic = {"gemm_f16_4x8_generic", MR, NR, 1, false, run_f16};
const ln_gemm_half_kernel ln_gemm_bf16_4x8_generic = {"gemm_bf16_4x8_generic", MR, NR, 1, false, run_bf16};
