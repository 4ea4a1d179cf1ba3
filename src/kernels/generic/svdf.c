/* Steps of single-value-decomposition filters: see kernels/svdf.h. */
#include "kernels/svdf.h"

#include <stddef.h>
#include <string.h>

static size_t state_elements(const ln_svdf_size *size) {
  return (size_t)size->batches * (size_t)size->filters * (size_t)size->memory;
}

void ln_k_svdf_f32(const ln_svdf_f32 *svdf, const float *input, float *state, float *scratch, float *out) {
  const ln_svdf_size *size = &svdf->size;
  const int32_t units = size->filters / size->rank;
  memmove(state, state + 1, (state_elements(size) - 1) * sizeof(float));
  for (int32_t b = 0; b < size->batches; ++b) {
    memset(scratch, 0, (size_t)size->filters * sizeof(float));
    svdf->matvec(svdf->feature_weights, input + (ptrdiff_t)b * size->inputs, size->filters, size->inputs, scratch);
    for (int32_t f = 0; f < size->filters; ++f) {
      float *past = state + ((ptrdiff_t)b * size->filters + f) * size->memory;
      const float *weights = svdf->time_weights + (ptrdiff_t)f * size->memory;
      float sum = 0.0f;
      past[size->memory - 1] = scratch[f];
      for (int32_t t = 0; t < size->memory; ++t) sum += weights[t] * past[t];
      scratch[f] = sum;
    }
    for (int32_t u = 0; u < units; ++u) {
      float sum = svdf->bias != NULL ? svdf->bias[u] : 0.0f;
      for (int32_t r = 0; r < size->rank; ++r) sum += scratch[u * size->rank + r];
      out[(ptrdiff_t)b * units + u] = ln_clamp_f32(sum, svdf->low, svdf->high);
    }
  }
}

void ln_k_svdf_i8(const ln_svdf_i8 *svdf, const int8_t *input, int16_t *state, int32_t *scratch, int8_t *out) {
  const ln_svdf_size *size = &svdf->size;
  const int32_t units = size->filters / size->rank;
  memmove(state, state + 1, (state_elements(size) - 1) * sizeof(int16_t));
  for (int32_t b = 0; b < size->batches; ++b) {
    svdf->matvec(svdf->feature_weights, input + (ptrdiff_t)b * size->inputs, size->filters, size->inputs,
                 svdf->feature_bias, scratch);
    for (int32_t f = 0; f < size->filters; ++f) {
      int16_t *past = state + ((ptrdiff_t)b * size->filters + f) * size->memory;
      const int16_t *weights = svdf->time_weights + (ptrdiff_t)f * size->memory;
      const int32_t now = ln_multiply_quantized(scratch[f], svdf->state_scale.multiplier, svdf->state_scale.shift);
      uint32_t sum = 0;
      past[size->memory - 1] = (int16_t)ln_clamp_i32(now, INT16_MIN, INT16_MAX);
      for (int32_t t = 0; t < size->memory; ++t) sum += (uint32_t)(weights[t] * past[t]);
      scratch[f] = (int32_t)sum;
    }
    for (int32_t u = 0; u < units; ++u) {
      uint32_t sum = svdf->bias != NULL ? (uint32_t)svdf->bias[u] : 0;
      for (int32_t r = 0; r < size->rank; ++r) sum += (uint32_t)scratch[u * size->rank + r];
      const int32_t scaled =
          ln_multiply_quantized((int32_t)sum, svdf->output_scale.multiplier, svdf->output_scale.shift);
      /* Cut first, so that adding the zero point cannot overflow. */
      const int32_t value = ln_clamp_i32(scaled, -(1 << 20), 1 << 20) + svdf->zero_point;
      out[(ptrdiff_t)b * units + u] = (int8_t)ln_clamp_i32(value, svdf->low, svdf->high);
    }
  }
}
