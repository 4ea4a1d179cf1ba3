/* What metrics share. */
#include <math.h>

#include "train/metric.h"

size_t ln_metric_largest(const float *values, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

double ln_metric_log_sum(const float *values, size_t count) {
  const double most = (double)values[ln_metric_largest(values, count)];
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += exp((double)values[i] - most);
  return log(sum) + most;
}

size_t ln_metric_class(const ln_metric_input *input, const void *target) {
  if (input->target == LN_TARGET_VALUES) return ln_metric_largest(target, input->outputs);
  const int32_t label = *(const int32_t *)target;
  return label < 0 || (size_t)label >= input->outputs ? 0 : (size_t)label;
}

bool ln_metric_is_class(const ln_metric_input *input, const void *target, size_t index) {
  if (input->target == LN_TARGET_VALUES) return ((const float *)target)[index] > 0.5f;
  const int32_t label = *(const int32_t *)target;
  return input->outputs == 1 ? label == 1 : label == (int32_t)index;
}
