/* The greatest element and the sum of a row, in vectors. */
#ifndef LN_KERNELS_X86_ROW_REDUCE_H
#define LN_KERNELS_X86_ROW_REDUCE_H

#include <math.h>

#include "kernels/x86/vec_f32.h"

/* NaN is passed over. */
static float row_max(const float *row, size_t count) {
  float lanes[VF_LANES];
  vf first = vf_set(-INFINITY), second = first;
  size_t i = 0;
  int32_t j;
  float max;
  for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
    first = vf_max(vf_load(row + i), first);
    second = vf_max(vf_load(row + i + VF_LANES), second);
  }
  for (; i + VF_LANES <= count; i += VF_LANES) first = vf_max(vf_load(row + i), first);
  vf_store(lanes, vf_max(first, second));
  max = lanes[0];
  for (j = 1; j < VF_LANES; ++j) max = lanes[j] > max ? lanes[j] : max;
  for (; i < count; ++i) max = row[i] > max ? row[i] : max;
  return max;
}

static float row_sum(const float *row, size_t count) {
  float lanes[VF_LANES];
  vf first = vf_zero(), second = first;
  size_t i = 0;
  int32_t half, j;
  float rest = 0.0f;
  for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
    first = vf_add(first, vf_load(row + i));
    second = vf_add(second, vf_load(row + i + VF_LANES));
  }
  for (; i + VF_LANES <= count; i += VF_LANES) first = vf_add(first, vf_load(row + i));
  for (; i < count; ++i) rest += row[i];
  vf_store(lanes, vf_add(first, second));
  for (half = VF_LANES / 2; half > 0; half /= 2) {
    for (j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0] + rest;
}

#endif
