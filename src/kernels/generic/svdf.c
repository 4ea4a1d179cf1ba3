/* Steps of single-value-decomposition filters: see kernels/svdf.h. */
#include "kernels/svdf.h"

#include <stddef.h>
#include <string.h>

static size_t state_elements(const ln_svdf_size *size) {
  return (size_t)size->batches * (size_t)size->filters * (size_t)size->memory;
}

/* What the filter keeps, weighed over time. */
static float weigh(const ln_svdf_f32 *svdf, int32_t filter, const float *past) {
  const int32_t memory = svdf->size.memory;
  const ptrdiff_t at = (ptrdiff_t)filter * memory;
  float sum = 0.0f;
  if (svdf->time_weights != NULL) {
    for (int32_t t = 0; t < memory; ++t) sum += svdf->time_weights[at + t] * past[t];
  } else {
    for (int32_t t = 0; t < memory; ++t) sum += (float)svdf->time_weights_i8[at + t] * svdf->time_scale * past[t];
  }
  return sum;
}

void ln_k_svdf_f32(const ln_svdf_f32 *svdf, const float *input, float *state, const ln_svdf_scratch *scratch,
                   float *out) {
  const ln_svdf_size *size = &svdf->size;
  const int32_t units = size->filters / size->rank;
  float *sums = scratch->sums;
  memmove(state, state + 1, (state_elements(size) - 1) * sizeof(float));
  for (int32_t b = 0; b < size->batches; ++b) {
    const ln_recurrent_vector vector =
        ln_k_recurrent_vector(input + (ptrdiff_t)b * size->inputs, size->inputs, svdf->mode, scratch->input);
    memset(sums, 0, (size_t)size->filters * sizeof(float));
    ln_k_recurrent_add(&svdf->functions, &svdf->feature_weights, &vector, scratch->products, sums);
    for (int32_t f = 0; f < size->filters; ++f) {
      float *past = state + ((ptrdiff_t)b * size->filters + f) * size->memory;
      past[size->memory - 1] = sums[f];
      sums[f] = weigh(svdf, f, past);
    }
    float *row = out + (ptrdiff_t)b * units;
    for (int32_t u = 0; u < units; ++u) {
      row[u] = svdf->bias != NULL ? svdf->bias[u] : 0.0f;
      for (int32_t r = 0; r < size->rank; ++r) row[u] += sums[u * size->rank + r];
    }
    ln_k_recurrent_activate(&svdf->functions, svdf->activation, row, units, row);
  }
}

#define STATE int16_t
#define STATE_MIN INT16_MIN
#define STATE_MAX INT16_MAX
#define NAME ln_k_svdf_i8_state_i16
#include "kernels/generic/svdf_tmpl.inc"

#define STATE int8_t
#define STATE_MIN INT8_MIN
#define STATE_MAX INT8_MAX
#define NAME ln_k_svdf_i8_state_i8
#include "kernels/generic/svdf_tmpl.inc"
