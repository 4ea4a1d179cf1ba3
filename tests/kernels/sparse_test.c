/*
 * Products with a sparse B of every tier against plain sums: densities from none to all, tails of pixels and columns,
 * strides; --bench sets them beside the dense kernel of the same tier on MobileNet's 1x1 convolutions.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/quant.h"
#include "support/kernel_harness.h"

/* B [n][k] with its nonzeros listed. */
typedef struct matrix {
  float *dense;
  ln_sparse_b b;
} matrix;

/* `zeros` percent of the blocks of rows x `width` are zero. */
static matrix make_matrix(ln_kt *t, int32_t n, int32_t k, int32_t rows, int32_t width, int32_t zeros) {
  matrix x = {.b = {.n = n, .k = k, .rows = rows}};
  x.dense = ln_kt_input(t, (size_t)(n * k) * sizeof(float));
  int32_t *starts = ln_kt_input(t, (size_t)(n / rows + 1) * sizeof *starts);
  int32_t count = 0;
  for (int32_t g = 0; g < n / rows; ++g) {
    for (int32_t p = 0; p < k; p += width) {
      const bool zero = ln_kt_random_between(t, 0, 99) < zeros;
      for (int32_t q = p; q < p + width && q < k; ++q) {
        for (int32_t r = 0; r < rows; ++r)
          x.dense[(g * rows + r) * k + q] =
              zero ? 0.0f : ln_kt_random_f32(t, 0.1f, 1.0f) * ((q + r) % 2 == 0 ? 1.0f : -1.0f);
        count += zero ? 0 : 1;
      }
    }
  }
  uint16_t *index = ln_kt_input(t, (size_t)(count + 1) * sizeof *index);
  float *values = ln_kt_input(t, (size_t)(count * rows + 1) * sizeof *values);
  index += 1; /* the last one ends at the page */
  values += 1;
  int32_t at = 0;
  for (int32_t g = 0; g < n / rows; ++g) {
    starts[g] = at;
    for (int32_t p = 0; p < k; ++p) {
      if (x.dense[g * rows * k + p] == 0.0f) continue;
      index[at] = (uint16_t)p;
      for (int32_t r = 0; r < rows; ++r) values[at * rows + r] = x.dense[(g * rows + r) * k + p];
      ++at;
    }
  }
  starts[n / rows] = at;
  x.b.starts = starts;
  x.b.index = index;
  x.b.values = values;
  return x;
}

/* The 1x1 convolutions of MobileNet v1 and v2 (1.0, 224): pixels, input and output channels. */
static const int32_t shapes[][3] = {
    {12544, 32, 64}, {3136, 64, 128}, {3136, 128, 128}, {784, 128, 256}, {784, 256, 256}, {196, 256, 512},
    {196, 512, 512}, {49, 512, 1024}, {49, 1024, 1024}, {12544, 32, 16}, {12544, 16, 96}, {3136, 96, 24},
    {3136, 24, 144}, {3136, 144, 24}, {784, 144, 32},   {784, 32, 192},  {784, 192, 32},  {196, 192, 64},
    {196, 64, 384},  {196, 384, 64},  {196, 384, 96},   {196, 96, 576},  {196, 576, 96},  {49, 576, 160},
    {49, 160, 960},  {49, 960, 160},  {49, 960, 320},   {49, 320, 1280}};

static void dense_f32(const ln_gemm_f32_kernel *kernel, int32_t m, int32_t n, int32_t k, const float *a,
                      const float *panels, float *c) {
  for (int32_t i = 0; i < m; i += 224) { /* blocks as ln_gemm_run cuts them */
    const void *rows = a + (ptrdiff_t)i * k;
    const ln_gemm_a from = {&rows, 1, k, k * (ptrdiff_t)sizeof(float)};
    kernel->run(m - i < 224 ? m - i : 224, n, &from, panels, NULL, c + (ptrdiff_t)i * n, n, 0.0f, 6.0f);
  }
}

static void bench_f32(ln_kt *t, int32_t rows) {
  const ln_gemm_f32_kernel *kernel = t->tested->gemm.f32;
  static const int32_t zeros[] = {70, 80, 90, 95};
  for (size_t s = 0; s < LN_COUNT(shapes); ++s) {
    for (int z = 0; z < 4; ++z) {
      const int32_t m = shapes[s][0], k = shapes[s][1], n = shapes[s][2];
      ln_kt_case(t, "bench");
      const matrix x = make_matrix(t, n, k, rows, rows, zeros[z]);
      float *a = ln_kt_input_aligned(t, (size_t)(m * k) * sizeof(float));
      ln_kt_fill_f32(t, a, (size_t)(m * k), LN_KT_RANDOM, 1.0f);
      float *c = ln_kt_output(t, (size_t)(m * n) * sizeof(float), 0);
      float *panels = ln_kt_input_aligned(t, (size_t)(k * (n + kernel->nr)) * sizeof(float));
      float *scratch = ln_kt_input_aligned(t, ln_sparse_scratch_bytes(k));
      ln_k_gemm_pack_f32(kernel->nr, k, n, x.dense, 1, k, panels);
      char what[64];
      snprintf(what, sizeof what, "%dx%dx%d %d%% zeros: dense, sparse", m, k, n, zeros[z]);
      LN_KT_TIME(t, what, dense_f32(kernel, m, n, k, a, panels, c),
                 t->tested->sparse.f32(m, &x.b, a, k, NULL, c, n, 0.0f, 6.0f, scratch));
    }
  }
}

static void check_f32(ln_kt *t) {
  for (int32_t index = 0; index < 160; ++index) {
    const int32_t rows = index % 3 == 0 ? 4 : 1, m = ln_kt_random_between(t, 1, index % 4 == 0 ? 300 : 70);
    const int32_t n = rows * ln_kt_random_between(t, 1, 150 / rows), k = ln_kt_random_between(t, 1, 90);
    const int32_t zeros = index % 10 == 0 ? 100 : index % 10 == 1 ? 0 : 60 + 4 * (index % 10);
    ln_kt_case(t, "m=%d n=%d k=%d rows=%d zeros=%d", m, n, k, rows, zeros);
    const matrix x = make_matrix(t, n, k, rows, 1 + index % 4, zeros);
    const int32_t a_stride = k + ln_kt_random_between(t, 0, 3), c_stride = n + ln_kt_random_between(t, 0, 5);
    const size_t a_count = (size_t)(a_stride * (m - 1) + k), c_count = (size_t)(c_stride * (m - 1) + n);
    float *a = ln_kt_input(t, a_count * sizeof(float));
    ln_kt_fill_f32(t, a, a_count, index % LN_KT_PATTERNS, 3.0f);
    float *bias = index % 5 == 0 ? NULL : ln_kt_input(t, (size_t)n * sizeof(float));
    if (bias != NULL) ln_kt_fill_f32(t, bias, (size_t)n, LN_KT_RANDOM, 10.0f);
    float *got = ln_kt_output(t, c_count * sizeof(float), 4), *want = ln_kt_output(t, c_count * sizeof(float), 0);
    const float low = index % 2 == 0 ? -INFINITY : -5.0f, high = index % 2 == 0 ? INFINITY : 6.0f;
    for (int32_t i = 0; i < m; ++i) {
      for (int32_t j = 0; j < n; ++j) {
        double sum = bias == NULL ? 0.0 : bias[j];
        for (int32_t p = 0; p < k; ++p) sum += (double)a[i * a_stride + p] * x.dense[j * k + p];
        want[i * c_stride + j] = ln_clamp_f32((float)sum, low, high);
      }
    }
    t->tested->sparse.f32(m, &x.b, a, a_stride, bias, got, c_stride, low, high,
                          ln_kt_output(t, ln_sparse_scratch_bytes(k), 0));
    ln_kt_equal_f32(t, got, want, c_count, 13.0f * (float)(k + 1) * 1e-7f, 1e-6f);
  }
  if (ln_kt_bench(t) && t->isa != LN_ISA_GENERIC) {
    bench_f32(t, 1);
    bench_f32(t, 4);
  }
}

static const ln_kt_check checks[] = {{"f32", check_f32}};
int main(int argc, char **argv) { return ln_kt_main(argc, argv, "sparse", checks, LN_COUNT(checks)); }
