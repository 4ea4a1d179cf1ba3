/* Matrix products of floats with NEON: tiles of 8 rows by two vectors of columns, four steps of k at a time, so that a
 * vector of A serves a row through its lanes. */
#include "kernels/kernels.h"
#include "kernels/arm/vec_f32.h"
#include "kernels/quant.h"

enum { MR = 8, NR = 8 };

LN_INLINE vf fma_lane(vf sum, vf b, vf x, const int lane) {
  switch (lane) {
    case 0: return vfmaq_laneq_f32(sum, b, x, 0);
    case 1: return vfmaq_laneq_f32(sum, b, x, 1);
    case 2: return vfmaq_laneq_f32(sum, b, x, 2);
    default: return vfmaq_laneq_f32(sum, b, x, 3);
  }
}

/* One step of k: A's values are lane `lane` of x. */
LN_INLINE void step(const int m, const int nv, const vf *x, const int lane, const float *b, vf (*sums)[2]) {
  const vf b0 = vf_load(b), b1 = nv > 1 ? vf_load(b + 4) : b0;
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
    sums[i][0] = fma_lane(sums[i][0], b0, x[i], lane);
    if (nv > 1) sums[i][1] = fma_lane(sums[i][1], b1, x[i], lane);
  }
}

/* m rows times nv vectors of columns; both are constants at every call. */
LN_INLINE void tile_sums(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const float *panel,
                         vf (*sums)[2]) {
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *first = (const char *)a->segments[s] + offset;
    const float *row[MR];
#pragma GCC unroll 8
    for (int i = 0; i < m; ++i) row[i] = (const float *)(const void *)(first + i * a->row_stride);
    int32_t left = a->segment_length;
    for (; left >= 4; left -= 4, panel += 4 * NR) {
      vf x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, row[i - 1] += 4) x[i] = vf_load(row[i]);
#pragma GCC unroll 4
      for (int lane = 0; lane < 4; ++lane) step(m, nv, x, lane, panel + NR * lane, sums);
    }
#pragma GCC unroll 1
    for (; left > 0; --left, panel += NR) {
      vf x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, ++row[i - 1]) x[i] = vld1q_dup_f32(row[i]);
      step(m, nv, x, 0, panel, sums);
    }
  }
}

typedef struct output {
  ptrdiff_t c_stride;
  const float *bias;
  int32_t n; /* columns that count */
  vf low, high;
} output;

LN_INLINE vf bias_of(const output *out, int v) {
  const int32_t left = out->n - 4 * v;
  return out->bias == NULL ? vf_zero() : vf_load_masked(out->bias + 4 * v, left < 4 ? left : 4);
}

/* `whole`: all columns of the nv vectors count. */
LN_INLINE void tile(const int m, const int nv, const int whole, const ln_gemm_a *a, ptrdiff_t offset,
                    const float *panel, const output *out, float *c) {
  vf sums[MR][2];
  const vf bias0 = bias_of(out, 0), bias1 = nv > 1 ? bias_of(out, 1) : bias0;
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
    sums[i][0] = bias0;
    if (nv > 1) sums[i][1] = bias1;
  }
  tile_sums(m, nv, a, offset, panel, sums);
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i, c += out->c_stride) {
    const vf first = vf_clamp(sums[i][0], out->low, out->high);
    if (whole || nv > 1) vf_store(c, first);
    else vf_store_masked(c, first, out->n);
    if (nv == 1) continue;
    const vf second = vf_clamp(sums[i][1], out->low, out->high);
    if (whole) vf_store(c + 4, second);
    else vf_store_masked(c + 4, second, out->n - 4);
  }
}

/* Rows of the next tile when `left` remain: as even as tiles of at most MR can be. */
LN_INLINE int32_t tile_rows(int32_t left) {
  const int32_t tiles = (left + MR - 1) / MR;
  return (left + tiles - 1) / tiles;
}

#define EACH_ROW_COUNT(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)

static void run_panel(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                      ptrdiff_t c_stride, float low, float high) {
  const output out = {c_stride, bias, n, vf_set(low), vf_set(high)};
  for (int32_t i = 0; i < m;) {
    const int32_t rows = tile_rows(m - i);
    const ptrdiff_t offset = i * a->row_stride;
    float *to = c + i * c_stride;
    switch (rows + (n == NR ? 32 : n > 4 ? 16 : 0)) {
#define CASE(r)                                                  \
  case r: tile(r, 1, 0, a, offset, panel, &out, to); break;      \
  case r + 16: tile(r, 2, 0, a, offset, panel, &out, to); break; \
  case r + 32: tile(r, 2, 1, a, offset, panel, &out, to); break;
      EACH_ROW_COUNT(CASE)
#undef CASE
      default: break;
    }
    i += rows;
  }
}

/* One row times four whole panels at a time, as many sums as it takes to hide a multiplication's latency; returns the
 * columns done. */
static int32_t run_row(int32_t n, const ln_gemm_a *a, const float *panels, ptrdiff_t panel, const float *bias, float *c,
                       float low, float high) {
  int32_t j = 0;
  for (; j + 4 * NR <= n; j += 4 * NR) {
    vf sums[8];
    const float *b = panels + j / NR * panel;
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) sums[v] = bias == NULL ? vf_zero() : vf_load(bias + j + 4 * v);
    for (int32_t s = 0; s < a->segment_count; ++s) {
      const float *row = a->segments[s];
      for (int32_t p = 0; p < a->segment_length; ++p, b += NR) {
        const vf x = vld1q_dup_f32(row + p);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          sums[2 * i] = vf_fma(x, vf_load(b + i * panel), sums[2 * i]);
          sums[2 * i + 1] = vf_fma(x, vf_load(b + i * panel + 4), sums[2 * i + 1]);
        }
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) vf_store(c + j + 4 * v, vf_clamp(sums[v], vf_set(low), vf_set(high)));
  }
  return j;
}

static void run(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t panel = (ptrdiff_t)(ln_gemm_panel_bytes(a, NR, 1, 4) / sizeof(float));
  for (int32_t j = m == 1 ? run_row(n, a, panels, panel, bias, c, low, high) : 0; j < n; j += NR) {
    run_panel(m, n - j < NR ? n - j : NR, a, panels + j / NR * panel, bias == NULL ? NULL : bias + j, c + j, c_stride,
              low, high);
  }
}

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
