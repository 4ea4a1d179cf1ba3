/* Products with a sparse B: the definition, and packing. */
#include "kernels/sparse.h"

#include "kernels/quant.h"

ln_sparse_f32_fn sparse_f32_generic;

void sparse_f32_generic(int32_t m, const ln_sparse_b *b, const float *a, ptrdiff_t a_stride, const float *bias,
                        float *c, ptrdiff_t c_stride, float low, float high, void *scratch) {
  (void)scratch;
  const float *values = b->values;
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < b->n; ++j) {
      const int32_t group = j / b->rows, row = j % b->rows;
      float sum = bias == NULL ? 0.0f : bias[j];
      for (int32_t e = b->starts[group]; e < b->starts[group + 1]; ++e) {
        sum += a[i * a_stride + b->index[e]] * values[(ptrdiff_t)e * b->rows + row];
      }
      c[i * c_stride + j] = ln_clamp_f32(sum, low, high);
    }
  }
}

static int8_t scaled_byte(int32_t sum, int32_t column, const ln_gemm_q8_params *params) {
  const int32_t scaled = params->reals != NULL
                             ? ln_multiply_real(sum, params->reals[column])
                             : ln_multiply_quantized(sum, params->multiplier[column], params->shift[column]);
  const int64_t moved = (int64_t)scaled + params->zero_point;
  return (int8_t)(moved < params->low ? params->low : moved > params->high ? params->high : moved);
}

static void run_q8(int32_t m, const ln_sparse_b *b, const int8_t *a, ptrdiff_t a_stride,
                   const ln_gemm_q8_params *params, int8_t *c, ptrdiff_t c_stride, void *scratch) {
  (void)scratch;
  const int8_t *values = b->values;
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < b->n; ++j) {
      const int32_t group = j / b->rows, row = j % b->rows;
      uint32_t sum = (uint32_t)params->bias[j];
      for (int32_t e = b->starts[group]; e < b->starts[group + 1]; ++e)
        sum += (uint32_t)(a[i * a_stride + b->index[e]] * values[(ptrdiff_t)e * b->rows + row]);
      c[i * c_stride + j] = scaled_byte((int32_t)sum, j, params);
    }
  }
}

const ln_sparse_q8_kernel ln_sparse_q8_generic = {"sparse_q8_generic", 1, 1, 0, run_q8};

/* ---- a few rows ---- */

enum { FEW_LANES = 4, FEW_WINDOW = 32 };

static void run_few(int32_t m, const ln_sparse_few_b *b, int32_t from, int32_t to, const float *a, const float *bias,
                    float *c, float low, float high) {
  for (int32_t i = 0; i < m; ++i, a += b->k, c += b->n) {
    for (int32_t j = from * FEW_LANES; j < to * FEW_LANES && j < b->n; ++j) {
      float sum = bias == NULL ? 0.0f : bias[j];
      for (int32_t s = b->starts[j / FEW_LANES]; s < b->starts[j / FEW_LANES + 1]; ++s) {
        const uint8_t *index = b->index + ((ptrdiff_t)s * FEW_LANES + j % FEW_LANES) * LN_SPARSE_FEW;
        const float *values = b->values + (ptrdiff_t)s * LN_SPARSE_FEW * FEW_LANES + j % FEW_LANES;
        for (int e = 0; e < LN_SPARSE_FEW; ++e) sum += a[b->base[s] + index[e]] * values[e * FEW_LANES];
      }
      c[j] = ln_clamp_f32(sum, low, high);
    }
  }
}

const ln_sparse_few_kernel sparse_few_generic = {run_few, FEW_LANES, FEW_WINDOW, false};

/* ---- packing ---- */

#define FIND(x)                                                                                  \
  for (ptrdiff_t p = 0; p < k; ++p)                                                              \
  held[p] = (uint8_t)((x[p] != 0) | (x[p + k] != 0) << 1 | (x[p + 2 * (ptrdiff_t)k] != 0) << 2 | \
                      (x[p + 3 * (ptrdiff_t)k] != 0) << 3)

void ln_k_sparse_find_f32(int32_t k, const float *columns, uint8_t *restrict held) { FIND(columns); }

void ln_k_sparse_find_i8(int32_t k, const int8_t *columns, uint8_t *restrict held) { FIND(columns); }

void ln_k_sparse_count(int32_t k, const uint8_t *held, int64_t out[5]) {
  uint32_t of[5] = {0};
  for (int i = 0; i < 4; ++i) {
    for (int32_t p = 0; p < k; ++p) of[i] += held[p] >> i & 1u;
  }
  for (int32_t p = 0; p < k; ++p) of[4] += held[p] != 0;
  for (int i = 0; i < 5; ++i) out[i] += of[i];
}

void ln_k_sparse_sum_i8(int32_t k, const int8_t *column, int32_t *sum, int32_t *size) {
  int32_t values = 0, magnitudes = 0;
  for (int32_t p = 0; p < k; ++p) {
    values += column[p];
    magnitudes += column[p] < 0 ? -column[p] : column[p];
  }
  *sum = values;
  *size = magnitudes;
}
