/*
 * Products with a sparse B of every tier against plain sums: densities from none to all, tails of pixels and columns,
 * strides; --bench sets them beside the dense kernel of the same tier on MobileNet's 1x1 convolutions.
 */
#include <math.h>
#include <stdio.h>
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

static void dense_q8(const ln_gemm_q8_kernel *kernel, int32_t m, int32_t n, int32_t k, const int8_t *a,
                     const void *panels, const ln_gemm_q8_params *params, char *rows_a, int8_t *c) {
  const int32_t stride = (k + kernel->k_group - 1) / kernel->k_group * kernel->k_group * ln_gemm_a_bytes(kernel);
  for (int32_t i = 0; i < m; i += 224) {
    const int32_t rows = m - i < 224 ? m - i : 224;
    for (int32_t r = 0; r < rows; ++r)
      kernel->convert_a(a + (ptrdiff_t)(i + r) * k, false, 0, (size_t)k, rows_a + (ptrdiff_t)r * stride);
    const void *segment = rows_a;
    const ln_gemm_a from = {&segment, 1, k, stride};
    kernel->run(rows, n, &from, panels, params, c + (ptrdiff_t)i * n, n);
  }
}

static const int32_t bench_zeros[] = {70, 80, 90, 95};

static void bench_f32(ln_kt *t, int32_t rows) {
  const ln_gemm_f32_kernel *kernel = t->tested->gemm.f32;
  for (size_t s = 0; s < LN_COUNT(shapes) * LN_COUNT(bench_zeros); ++s) {
    const int32_t *shape = shapes[s / LN_COUNT(bench_zeros)];
    const int32_t m = shape[0], k = shape[1], n = shape[2], zeros = bench_zeros[s % LN_COUNT(bench_zeros)];
    ln_kt_case(t, "bench");
    const matrix x = make_matrix(t, n, k, rows, rows, zeros);
    float *a = ln_kt_input_aligned(t, (size_t)(m * k) * sizeof(float));
    ln_kt_fill_f32(t, a, (size_t)(m * k), LN_KT_RANDOM, 1.0f);
    float *c = ln_kt_output(t, (size_t)(m * n) * sizeof(float), 0);
    float *panels = ln_kt_input_aligned(t, (size_t)(k * (n + kernel->nr)) * sizeof(float));
    void *scratch = ln_kt_input_aligned(t, ln_sparse_scratch_bytes(k));
    ln_k_gemm_pack_f32(kernel->nr, k, n, x.dense, 1, k, panels);
    char what[64];
    snprintf(what, sizeof what, "%dx%dx%d by %d %d%% zeros: dense, sparse", m, k, n, rows, zeros);
    LN_KT_TIME(t, what, dense_f32(kernel, m, n, k, a, panels, c),
               t->tested->sparse.f32(m, &x.b, a, k, NULL, c, n, 0.0f, 6.0f, scratch));
  }
}

typedef struct sizes {
  int32_t m, n, k, rows, zeros;
} sizes;

static sizes next_sizes(ln_kt *t, int32_t index) {
  sizes s = {.rows = index % 3 == 0 ? 4 : 1, .k = ln_kt_random_between(t, 1, 90)};
  s.m = ln_kt_random_between(t, 1, index % 4 == 0 ? 300 : 70);
  s.n = s.rows * ln_kt_random_between(t, 1, 150 / s.rows);
  s.zeros = index % 10 == 0 ? 100 : index % 10 == 1 ? 0 : 60 + 4 * (index % 10);
  ln_kt_case(t, "m=%d n=%d k=%d rows=%d zeros=%d", s.m, s.n, s.k, s.rows, s.zeros);
  return s;
}

static void check_f32(ln_kt *t) {
  for (int32_t index = 0; index < 160; ++index) {
    const sizes s = next_sizes(t, index);
    const int32_t m = s.m, n = s.n, k = s.k;
    const matrix x = make_matrix(t, n, k, s.rows, 1 + index % 4, s.zeros);
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

/* ---- int8 ---- */

/* The matrix with its values in hundredths, as int8 in a kernel's form: *dense [n][k] and B. */
static ln_sparse_b bytes_of(ln_kt *t, const matrix *x, const ln_sparse_q8_kernel *kernel, int8_t **dense) {
  ln_sparse_b b = x->b;
  const int32_t groups = b.n / b.rows, entries = b.starts[groups];
  const size_t most = (size_t)(entries + groups * kernel->group);
  *dense = ln_kt_input(t, (size_t)(b.n * b.k));
  for (int32_t i = 0; i < b.n * b.k; ++i) (*dense)[i] = (int8_t)(x->dense[i] * 127.0f);
  int32_t *starts = ln_kt_input(t, (size_t)(groups + 1) * sizeof *starts), at = 0;
  uint16_t *index = ln_kt_output(t, most * sizeof *index, 0);
  char *values = ln_kt_output(t, most * (size_t)(b.rows * kernel->value_bytes), 0);
  memset(index, 0, most * sizeof *index);
  memset(values, 0, most * (size_t)(b.rows * kernel->value_bytes));
  for (int32_t g = 0; g < groups; ++g) {
    starts[g] = at;
    for (int32_t e = b.starts[g]; e < b.starts[g + 1]; ++e, ++at) {
      index[at] = b.index[e];
      for (int32_t r = 0; r < b.rows; ++r) {
        const int8_t value = (*dense)[(g * b.rows + r) * b.k + b.index[e]];
        const int32_t place = (at / kernel->group * b.rows + r) * kernel->group + at % kernel->group;
        if (kernel->value_bytes == 1) ((int8_t *)values)[place] = value;
        else ((int16_t *)(void *)values)[place] = value;
      }
    }
    at = (at + kernel->group - 1) / kernel->group * kernel->group;
  }
  starts[groups] = at;
  b.starts = starts;
  b.index = index;
  b.values = values;
  return b;
}

/* What gemm's kernel precomputes of the params' columns, or NULL. */
static const void *scales_of(ln_kt *t, int32_t n, const ln_gemm_q8_params *params, int64_t reach) {
  const ln_gemm_q8_kernel *kernel = t->tested->gemm.q8;
  if (kernel->fold_scales == NULL) return NULL;
  void *scales = ln_kt_input(t, (size_t)((n + kernel->nr - 1) / kernel->nr) * kernel->scale_bytes);
  const ln_gemm_q8_columns columns = {.multiplier = params->multiplier,
                                      .shift = params->shift,
                                      .folded = params->bias,
                                      .bias = params->bias,
                                      .reach = reach,
                                      .zero_point = params->zero_point};
  kernel->fold_scales(n, &columns, scales);
  return scales;
}

static void bench_q8(ln_kt *t, int32_t rows) {
  const ln_gemm_q8_kernel *dense = t->tested->gemm.q8;
  const ln_sparse_q8_kernel *kernel = t->tested->sparse.q8;
  for (size_t s = 0; s < LN_COUNT(shapes) * LN_COUNT(bench_zeros); ++s) {
    const int32_t *shape = shapes[s / LN_COUNT(bench_zeros)];
    const int32_t m = shape[0], k = shape[1], n = shape[2], zeros = bench_zeros[s % LN_COUNT(bench_zeros)];
    ln_kt_case(t, "bench");
    const matrix x = make_matrix(t, n, k, rows, rows, zeros);
    int8_t *weights, *a = ln_kt_input_aligned(t, (size_t)(m * k)), *c = ln_kt_output(t, (size_t)(m * n), 0);
    const ln_sparse_b b = bytes_of(t, &x, kernel, &weights);
    ln_kt_fill_i8(t, a, (size_t)(m * k), LN_KT_RANDOM);
    const int32_t columns = (n + dense->nr - 1) / dense->nr * dense->nr;
    int32_t *numbers = ln_kt_input(t, (size_t)columns * sizeof *numbers);
    int32_t *shifts = ln_kt_input(t, (size_t)columns * sizeof *shifts);
    int32_t *bias = ln_kt_input(t, (size_t)columns * sizeof *bias);
    memset(bias, 0, (size_t)columns * sizeof *bias);
    for (int32_t j = 0; j < columns; ++j) shifts[j] = -9;
    void *panels = ln_kt_input_aligned(t, (size_t)(columns * (k + dense->k_group) * dense->b_bytes));
    char *rows_a = ln_kt_input_aligned(t, (size_t)(224 * (k + dense->k_group) * ln_gemm_a_bytes(dense)));
    void *scratch = ln_kt_input_aligned(t, ln_sparse_scratch_bytes(k));
    dense->pack_b(n, 1, k, weights, false, 0, k, 1, k, panels, numbers);
    for (int32_t j = 0; j < columns; ++j) numbers[j] = (1 << 30) + 12345 * j;
    ln_gemm_q8_params params = {
        .bias = bias, .multiplier = numbers, .shift = shifts, .low = -128, .high = 127, .narrow = true};
    params.scales = scales_of(t, n, &params, 255 * 127 * (int64_t)k);
    char what[64];
    snprintf(what, sizeof what, "%dx%dx%d by %d %d%% zeros: dense, sparse", m, k, n, rows, zeros);
    LN_KT_TIME(t, what, dense_q8(dense, m, n, k, a, panels, &params, rows_a, c),
               kernel->run(m, &b, a, k, &params, c, n, scratch));
  }
}

static void check_q8(ln_kt *t) {
  const ln_sparse_q8_kernel *kernel = t->tested->sparse.q8;
  for (int32_t index = 0; index < 160; ++index) {
    const sizes s = next_sizes(t, index);
    const matrix x = make_matrix(t, s.n, s.k, s.rows, 1 + index % 4, s.zeros);
    int8_t *dense;
    const ln_sparse_b b = bytes_of(t, &x, kernel, &dense);
    const int32_t a_stride = s.k + ln_kt_random_between(t, 0, 3), c_stride = s.n + ln_kt_random_between(t, 0, 5);
    const size_t a_count = (size_t)(a_stride * (s.m - 1) + s.k), c_count = (size_t)(c_stride * (s.m - 1) + s.n);
    int8_t *a = ln_kt_input(t, a_count), *got = ln_kt_output(t, c_count, 1), *want = ln_kt_output(t, c_count, 0);
    ln_kt_fill_i8(t, a, a_count, index % LN_KT_PATTERNS);
    const size_t numbers = (size_t)(s.n + 31) / 32 * 32 * sizeof(int32_t); /* whole panels, for scales_of */
    int32_t *bias = ln_kt_input(t, numbers), *multiplier = ln_kt_input(t, numbers), *shift = ln_kt_input(t, numbers);
    memset(bias, 0, numbers);
    memset(multiplier, 0, numbers);
    memset(shift, 0, numbers);
    double *reals = ln_kt_input(t, (size_t)s.n * sizeof *reals);
    const bool narrow = index % 7 != 0;
    for (int32_t j = 0; j < s.n; ++j) {
      bias[j] = ln_kt_random_between(t, -100000, 100000);
      multiplier[j] = ln_kt_random_between(t, 1 << 30, INT32_MAX);
      shift[j] = ln_kt_random_between(t, -14, narrow ? 1 : 8);
      reals[j] = (double)ln_kt_random_f32(t, 0.0f, 0.01f);
    }
    ln_gemm_q8_params params = {.bias = bias,
                                .multiplier = multiplier,
                                .shift = shift,
                                .reals = index % 4 == 1 ? reals : NULL,
                                .zero_point = ln_kt_random_between(t, -128, 127),
                                .low = -128 + ln_kt_random_between(t, 0, 20),
                                .high = 127 - ln_kt_random_between(t, 0, 20),
                                .narrow = narrow};
    if (index % 4 != 1 && index % 3 != 1) params.scales = scales_of(t, s.n, &params, 255 * 127 * (int64_t)s.k);
    for (int32_t i = 0; i < s.m; ++i) {
      for (int32_t j = 0; j < s.n; ++j) {
        int32_t sum = bias[j];
        for (int32_t p = 0; p < s.k; ++p) sum += (a[i * a_stride + p] + kernel->a_offset) * dense[j * s.k + p];
        const int64_t moved = (int64_t)(params.reals != NULL ? (int32_t)round((double)sum * reals[j])
                                                             : ln_multiply_quantized(sum, multiplier[j], shift[j])) +
                              params.zero_point;
        want[i * c_stride + j] = (int8_t)(moved < params.low ? params.low : moved > params.high ? params.high : moved);
      }
    }
    kernel->run(s.m, &b, a, a_stride, &params, got, c_stride, ln_kt_output(t, ln_sparse_scratch_bytes(s.k), 0));
    ln_kt_equal(t, got, want, c_count);
  }
  if (ln_kt_bench(t) && t->isa != LN_ISA_GENERIC) {
    bench_q8(t, 1);
    bench_q8(t, 4);
  }
}

/* ---- a few rows ---- */

/* The matrix in steps: here each takes whole windows of the columns in order, as far as they go. */
static ln_sparse_few_b steps_of(ln_kt *t, const matrix *x, const ln_sparse_few_kernel *kernel) {
  const int32_t n = x->b.n, k = x->b.k, lanes = kernel->lanes, window = kernel->window;
  const int32_t blocks = (n + lanes - 1) / lanes, windows = (k + window - 1) / window;
  const size_t most = (size_t)blocks * (size_t)(windows * window + 3);
  int32_t *starts = ln_kt_input(t, (size_t)(blocks + 1) * sizeof *starts), at = 0;
  uint16_t *base = ln_kt_output(t, most * sizeof *base, 0);
  uint8_t *index = ln_kt_output(t, most * (size_t)lanes * LN_SPARSE_FEW, 0);
  float *values = ln_kt_output(t, most * (size_t)lanes * LN_SPARSE_FEW * sizeof *values, 0);
  memset(base, 0, most * sizeof *base);
  memset(index, 0, most * (size_t)lanes * LN_SPARSE_FEW);
  memset(values, 0, most * (size_t)lanes * LN_SPARSE_FEW * sizeof *values);
  for (int32_t g = 0; g < blocks; ++g) {
    starts[g] = at;
    for (int32_t w = 0; w < windows; ++w) {
      const int32_t from = w * window, start = from < k - window ? from : k - window;
      int32_t steps = 0;
      for (int32_t i = 0; i < lanes; ++i) {
        int32_t held = 0;
        for (int32_t p = from; p < from + window && p < k && g * lanes + i < n; ++p) {
          const float value = x->dense[(g * lanes + i) * k + p];
          if (value == 0.0f) continue;
          const int32_t step = at + held / LN_SPARSE_FEW, e = held % LN_SPARSE_FEW;
          index[(step * lanes + i) * LN_SPARSE_FEW + e] = (uint8_t)(p - start);
          values[(step * LN_SPARSE_FEW + e) * lanes + i] = value;
          ++held;
        }
        steps = held > steps ? held : steps;
      }
      for (int32_t i = 0; i < (steps + LN_SPARSE_FEW - 1) / LN_SPARSE_FEW; ++i) base[at++] = (uint16_t)start;
    }
  }
  starts[blocks] = at;
  return (ln_sparse_few_b){n, k, starts, base, index, values};
}

static void check_few(ln_kt *t) {
  const ln_sparse_few_kernel *kernel = t->tested->sparse.few;
  for (int32_t round = 0; round < 160; ++round) {
    sizes s = next_sizes(t, round);
    s.m = 1 + round % 4;
    s.k += kernel->window - 1;
    const matrix x = make_matrix(t, s.n, s.k, s.rows, 1 + round % 4, s.zeros);
    const ln_sparse_few_b b = steps_of(t, &x, kernel);
    const size_t a_count = (size_t)(s.m * s.k), c_count = (size_t)(s.m * s.n);
    const int32_t blocks = (s.n + kernel->lanes - 1) / kernel->lanes;
    float *a = ln_kt_input(t, a_count * sizeof(float));
    ln_kt_fill_f32(t, a, a_count, round % LN_KT_PATTERNS, 3.0f);
    float *bias = round % 5 == 0 ? NULL : ln_kt_input(t, (size_t)s.n * sizeof(float));
    if (bias != NULL) ln_kt_fill_f32(t, bias, (size_t)s.n, LN_KT_RANDOM, 10.0f);
    float *got = ln_kt_output(t, c_count * sizeof(float), 4), *want = ln_kt_output(t, c_count * sizeof(float), 0);
    const float low = round % 2 == 0 ? -INFINITY : -5.0f, high = round % 2 == 0 ? INFINITY : 6.0f;
    for (int32_t i = 0; i < s.m; ++i) {
      for (int32_t j = 0; j < s.n; ++j) {
        double sum = bias == NULL ? 0.0 : bias[j];
        for (int32_t p = 0; p < s.k; ++p) sum += (double)a[i * s.k + p] * x.dense[j * s.k + p];
        want[i * s.n + j] = ln_clamp_f32((float)sum, low, high);
      }
    }
    kernel->run(s.m, &b, 0, blocks / 2, a, bias, got, low, high);
    kernel->run(s.m, &b, blocks / 2, blocks, a, bias, got, low, high);
    ln_kt_equal_f32(t, got, want, c_count, 13.0f * (float)(s.k + 1) * 1e-7f, 1e-6f);
  }
}

static const ln_kt_check checks[] = {{"f32", check_f32}, {"q8", check_q8}, {"few", check_few}};
int main(int argc, char **argv) { return ln_kt_main(argc, argv, "sparse", checks, LN_COUNT(checks)); }
