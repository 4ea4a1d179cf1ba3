/* Matrix times vector in plain C (matvec.h). Sums are kept in as many lanes as compilers turn into vectors. */
#include "kernels/matvec.h"

#include <stddef.h>

ln_matvec_f32_fn ln_matvec_f32_generic;
ln_matvec_i8_fn ln_matvec_i8_generic;

enum { LANES = 16 };

void ln_matvec_f32_generic(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  for (int32_t r = 0; r < rows; ++r) {
    const float *row = weights + (ptrdiff_t)r * columns;
    float lanes[LANES] = {0};
    int32_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
      for (int32_t i = 0; i < LANES; ++i) lanes[i] += row[c + i] * x[c + i];
    }
    float sum = 0.0f;
    for (; c < columns; ++c) sum += row[c] * x[c];
    for (int32_t i = 0; i < LANES; ++i) sum += lanes[i];
    out[r] += sum;
  }
}

void ln_matvec_i8_generic(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                          int32_t *out) {
  for (int32_t r = 0; r < rows; ++r) {
    const int8_t *row = weights + (ptrdiff_t)r * columns;
    uint32_t sum = bias != NULL ? (uint32_t)bias[r] : 0;
    for (int32_t c = 0; c < columns; ++c) sum += (uint32_t)(row[c] * x[c]);
    out[r] = (int32_t)sum;
  }
}

void ln_k_matvec_fold_bias(const int8_t *weights, int32_t rows, int32_t columns, int32_t zero_point,
                           const int32_t *base, int32_t *bias) {
  for (int32_t r = 0; r < rows; ++r) {
    const int8_t *row = weights + (ptrdiff_t)r * columns;
    uint32_t sum = 0;
    for (int32_t c = 0; c < columns; ++c) sum += (uint32_t)(int32_t)row[c];
    bias[r] = (int32_t)((base != NULL ? (uint32_t)base[r] : 0) - (uint32_t)zero_point * sum);
  }
}
