/* Matrix products in plain C: what every other tier must agree with (gemm.h). Tiles are small fixed arrays, which
 * compilers keep in vector registers. */
#include "kernels/gemm.h"

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/quant.h"

enum { MR = 4, NR = 8 };

/* ---- floats ---- */

/* Columns that lie side by side: rows are copied. */
static void pack_rows(int32_t nr, int32_t k, int32_t count, const float *b, ptrdiff_t k_stride, float *packed) {
  for (int32_t p = 0; p < k; ++p, b += k_stride, packed += nr) {
    memcpy(packed, b, (size_t)count * sizeof *b);
    for (int32_t j = count; j < nr; ++j) packed[j] = 0.0f;
  }
}

/* Columns that are contiguous each. */
static void pack_columns(int32_t nr, int32_t k, int32_t count, const float *b, ptrdiff_t n_stride, float *packed) {
  const ptrdiff_t item = (ptrdiff_t)sizeof *b;
  if (count < nr) memset(packed, 0, (size_t)k * (size_t)nr * sizeof *packed);
  LN_KERNEL_OF(transpose, x32)((size_t)k, (size_t)count, b, n_stride * item, packed, nr * item);
}

void ln_k_gemm_pack_f32(int32_t nr, int32_t k, int32_t n, const float *b, ptrdiff_t k_stride, ptrdiff_t n_stride,
                        float *packed) {
  for (int32_t column = 0; column < n; column += nr, packed += (ptrdiff_t)k * nr) {
    const int32_t count = n - column < nr ? n - column : nr;
    const float *from = b + column * n_stride;
    if (n_stride == 1) {
      pack_rows(nr, k, count, from, k_stride, packed);
    } else if (k_stride == 1) {
      pack_columns(nr, k, count, from, n_stride, packed);
    } else {
      for (int32_t p = 0; p < k; ++p) {
        for (int32_t j = 0; j < nr; ++j) {
          packed[(ptrdiff_t)p * nr + j] = j < count ? from[p * k_stride + j * n_stride] : 0.0f;
        }
      }
    }
  }
}

static void tile_f32(int32_t m, int32_t n, const ln_gemm_a *a, ptrdiff_t a_offset, const float *panel,
                     const float *bias, float *c, ptrdiff_t c_stride, float low, float high) {
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

static void run_f32(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                    ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t panel = (ptrdiff_t)(ln_gemm_panel_bytes(a, NR, 1, 4) / sizeof(float));
  for (int32_t j = 0; j < n; j += NR) {
    for (int32_t i = 0; i < m; i += MR) {
      tile_f32(m - i < MR ? m - i : MR, n - j < NR ? n - j : NR, a, i * a->row_stride, panels + j / NR * panel,
               bias == NULL ? NULL : bias + j, c + i * c_stride + j, c_stride, low, high);
    }
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_4x8_generic = {"gemm_f32_4x8_generic", MR, NR, run_f32};

/* Row by column, in eight sums that are added pairwise. */
static float dot(const ln_gemm_a *a, ptrdiff_t a_offset, const float *b) {
  float sums[8] = {0};
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const float *row = (const float *)(const void *)((const char *)a->segments[s] + a_offset);
    int32_t p = 0;
    for (; p + 8 <= a->segment_length; p += 8) {
      for (int32_t i = 0; i < 8; ++i) sums[i] += row[p + i] * b[p + i];
    }
    for (int32_t i = 0; p + i < a->segment_length; ++i) sums[i] += row[p + i] * b[p + i];
    b += a->segment_length;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static void run_f32_few(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                        ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t k = (ptrdiff_t)a->segment_count * a->segment_length;
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < n; ++j) {
      const float sum = dot(a, i * a->row_stride, panels + j * k) + (bias == NULL ? 0.0f : bias[j]);
      c[i * c_stride + j] = ln_clamp_f32(sum, low, high);
    }
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_16x1_generic = {"gemm_f32_16x1_generic", 16, 1, run_f32_few};

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

static void pack_b(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned,
                   int32_t zero_point, ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed,
                   int32_t *column_sums) {
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

static void run_i32(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const int32_t *bias,
                    const int32_t *row_terms, int32_t *c, ptrdiff_t c_stride) {
  const size_t panel = ln_gemm_panel_bytes(a, NR, 1, 2);
  for (int32_t j0 = 0; j0 < n; j0 += NR) {
    const int16_t *b = (const int16_t *)(const void *)((const char *)panels + (size_t)(j0 / NR) * panel);
    const int32_t columns = n - j0 < NR ? n - j0 : NR;
    for (int32_t i0 = 0; i0 < m; i0 += MR) {
      const int32_t rows = m - i0 < MR ? m - i0 : MR;
      uint32_t sums[MR][NR];
      tile_sums(rows, a, i0 * a->row_stride, b, sums);
      for (int32_t i = 0; i < rows; ++i) {
        const uint32_t row_term = row_terms != NULL ? (uint32_t)row_terms[i0 + i] : 0;
        int32_t *out = c + (i0 + i) * c_stride + j0;
        for (int32_t j = 0; j < columns; ++j) {
          out[j] = (int32_t)(sums[i][j] + (bias != NULL ? (uint32_t)bias[j0 + j] : 0) + row_term);
        }
      }
    }
  }
}

static void run_q8(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const ln_gemm_q8_params *params,
                   void *c, ptrdiff_t c_stride) {
  const size_t panel = ln_gemm_panel_bytes(a, NR, 1, 2);
  for (int32_t j0 = 0; j0 < n; j0 += NR) {
    const int16_t *b = (const int16_t *)(const void *)((const char *)panels + (size_t)(j0 / NR) * panel);
    for (int32_t i0 = 0; i0 < m; i0 += MR) {
      const int32_t rows = m - i0 < MR ? m - i0 : MR;
      uint32_t sums[MR][NR];
      tile_sums(rows, a, i0 * a->row_stride, b, sums);
      for (int32_t i = 0; i < rows; ++i) {
        const uint32_t row_term = params->row_terms != NULL ? (uint32_t)params->row_terms[i0 + i] : 0;
        uint8_t *out = (uint8_t *)c + (i0 + i) * c_stride;
        for (int32_t j = j0; j < n && j < j0 + NR; ++j) {
          const int32_t sum = (int32_t)(sums[i][j - j0] + (uint32_t)params->bias[j] + row_term);
          const int32_t scaled = params->reals != NULL
                                     ? ln_multiply_real(sum, params->reals[j])
                                     : ln_multiply_quantized(sum, params->multiplier[j], params->shift[j]);
          const int64_t moved = (int64_t)scaled + params->zero_point;
          out[j] = (uint8_t)(moved < params->low ? params->low : moved > params->high ? params->high : moved);
        }
      }
    }
  }
}

const ln_gemm_q8_kernel ln_gemm_q8_4x8_generic = {
    "gemm_q8_4x8_generic", MR, NR, 1, LN_GEMM_A_I16, run_q8, run_i32, convert_a, pack_b, 2, NULL, 0, NULL, false};
