/* Matrix products in plain C: what every other tier must agree with (gemm.h). Tiles are small fixed arrays, which compilers
 * keep in vector registers. */
#include "kernels/gemm.h"

#include "kernels/kernels.h"
#include "kernels/quant.h"

enum { MR = 4, NR = 8 };

/* ---- floats ---- */

void ln_k_gemm_pack_f32(int32_t nr, int32_t k, int32_t n, const float *b, ptrdiff_t k_stride, ptrdiff_t n_stride,
                        float *packed) {
  for (int32_t column = 0; column < n; column += nr) {
    const int32_t count = n - column < nr ? n - column : nr;
    const float *from = b + column * n_stride;
    for (int32_t p = 0; p < k; ++p) {
      for (int32_t j = 0; j < count; ++j) packed[j] = from[p * k_stride + j * n_stride];
      for (int32_t j = count; j < nr; ++j) packed[j] = 0.0f;
      packed += nr;
    }
  }
}

static void tile_f32(int32_t m, int32_t n, const ln_gemm_a *a, ptrdiff_t a_offset, const float *panel, const float *bias,
                     float *c, ptrdiff_t c_stride, float low, float high) {
  float sums[MR][NR];
  for (int32_t i = 0; i < MR; ++i) {
    for (int32_t j = 0; j < NR; ++j) sums[i][j] = bias != NULL && j < n ? bias[j] : 0.0f;
  }
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *rows = (const char *)a->segments[s] + a_offset;
    const float *row[MR];
    for (int32_t i = 0; i < MR; ++i) row[i] = (const float *)(const void *)(rows + (i < m ? i : 0) * a->row_stride);
    for (int32_t p = 0; p < a->segment_length; ++p, panel += NR) {
      for (int32_t i = 0; i < MR; ++i) {
        const float value = row[i][p];
        for (int32_t j = 0; j < NR; ++j) sums[i][j] += value * panel[j];
      }
    }
  }
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < n; ++j) c[i * c_stride + j] = ln_clamp_f32(sums[i][j], low, high);
  }
}

static void run_f32(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                    ptrdiff_t c_stride, float low, float high) {
  for (int32_t i = 0; i < m; i += MR) {
    tile_f32(m - i < MR ? m - i : MR, n, a, i * a->row_stride, panel, bias, c + i * c_stride, c_stride, low, high);
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_4x8_generic = {"gemm_f32_4x8_generic", MR, NR, run_f32};

/* ---- 8-bit integers: A and B as int16 without their zero points ---- */

static void convert_a(const void *source, bool is_unsigned, int32_t zero_point, size_t count, void *a) {
  int16_t *out = a;
  if (is_unsigned) {
    const uint8_t *in = source;
    for (size_t i = 0; i < count; ++i) out[i] = (int16_t)(in[i] - zero_point);
  } else {
    const int8_t *in = source;
    for (size_t i = 0; i < count; ++i) out[i] = (int16_t)(in[i] - zero_point);
  }
}

static void pack_b(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned, int32_t zero_point,
                   ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed, int32_t *column_sums) {
  int16_t *out = packed;
  for (int32_t j = 0; j < n; ++j) column_sums[j] = 0;
  for (int32_t column = 0; column < n; column += NR) {
    for (int32_t s = 0; s < segments; ++s) {
      for (int32_t p = 0; p < segment_length; ++p, out += NR) {
        for (int32_t j = 0; j < NR; ++j) {
          out[j] = 0;
          if (column + j >= n) continue;
          const ptrdiff_t at = s * s_stride + p * p_stride + (column + j) * n_stride;
          out[j] = (int16_t)((is_unsigned ? ((const uint8_t *)b)[at] : ((const int8_t *)b)[at]) - zero_point);
          column_sums[column + j] += out[j];
        }
      }
    }
  }
}

/* Sums wrap as int32 additions of every tier do. */
static void tile_sums(int32_t m, const ln_gemm_a *a, ptrdiff_t a_offset, const int16_t *panel, uint32_t sums[MR][NR]) {
  for (int32_t i = 0; i < MR; ++i) {
    for (int32_t j = 0; j < NR; ++j) sums[i][j] = 0;
  }
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *rows = (const char *)a->segments[s] + a_offset;
    const int16_t *row[MR];
    for (int32_t i = 0; i < MR; ++i) row[i] = (const int16_t *)(const void *)(rows + (i < m ? i : 0) * a->row_stride);
    for (int32_t p = 0; p < a->segment_length; ++p, panel += NR) {
      for (int32_t i = 0; i < MR; ++i) {
        const int16_t value = row[i][p];
        for (int32_t j = 0; j < NR; ++j) sums[i][j] += (uint32_t)(value * panel[j]);
      }
    }
  }
}

static void run_q8(int32_t m, int32_t n, const ln_gemm_a *a, const void *panel, const ln_gemm_q8_params *params, void *c,
                   ptrdiff_t c_stride) {
  for (int32_t i0 = 0; i0 < m; i0 += MR) {
    const int32_t rows = m - i0 < MR ? m - i0 : MR;
    uint32_t sums[MR][NR];
    tile_sums(rows, a, i0 * a->row_stride, panel, sums);
    for (int32_t i = 0; i < rows; ++i) {
      const uint32_t row_term = params->row_terms != NULL ? (uint32_t)params->row_terms[i0 + i] : 0;
      uint8_t *out = (uint8_t *)c + (i0 + i) * c_stride;
      for (int32_t j = 0; j < n; ++j) {
        const int32_t sum = (int32_t)(sums[i][j] + (uint32_t)params->bias[j] + row_term);
        const int32_t scaled = params->reals != NULL ? ln_multiply_real(sum, params->reals[j])
                                                     : ln_multiply_quantized(sum, params->multiplier[j], params->shift[j]);
        const int64_t moved = (int64_t)scaled + params->zero_point;
        out[j] = (uint8_t)(moved < params->low ? params->low : moved > params->high ? params->high : moved);
      }
    }
  }
}

static void run_i32(int32_t m, int32_t n, const ln_gemm_a *a, const void *panel, const int32_t *bias,
                    const int32_t *row_terms, int32_t *c, ptrdiff_t c_stride) {
  for (int32_t i0 = 0; i0 < m; i0 += MR) {
    const int32_t rows = m - i0 < MR ? m - i0 : MR;
    uint32_t sums[MR][NR];
    tile_sums(rows, a, i0 * a->row_stride, panel, sums);
    for (int32_t i = 0; i < rows; ++i) {
      const uint32_t row_term = row_terms != NULL ? (uint32_t)row_terms[i0 + i] : 0;
      for (int32_t j = 0; j < n; ++j) {
        c[(i0 + i) * c_stride + j] = (int32_t)(sums[i][j] + (bias != NULL ? (uint32_t)bias[j] : 0) + row_term);
      }
    }
  }
}

const ln_gemm_q8_kernel ln_gemm_q8_4x8_generic = {
    "gemm_q8_4x8_generic", MR, NR, 1, LN_GEMM_A_I16, run_q8, run_i32, convert_a, pack_b, 2, NULL};
