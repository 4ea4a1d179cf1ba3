/* Products with a sparse B: the definition. */
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
