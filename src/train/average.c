/* Moving averages of weights, which generalize better than the last ones. */
#include "train/trainer.h"

/* The average forgets the weights that it began with as fast as steps come, as TensorFlow's with `num_updates`. */
double ln_average_momentum(double momentum, int64_t step, bool warm) {
  const double most = (1 + (double)step) / (10 + (double)step);
  return warm && most < momentum ? most : momentum;
}

void ln_average_update(float *restrict average, const float *restrict values, size_t begin, size_t end,
                       double momentum) {
  const float old = (float)momentum, share = (float)(1 - momentum);
  for (size_t i = begin; i < end; ++i) average[i] = average[i] * old + values[i] * share;
}
