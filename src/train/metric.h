/* What metrics share: classes of outputs and of targets. */
#ifndef LN_TRAIN_METRIC_H
#define LN_TRAIN_METRIC_H

#include "train/trainer.h"

enum { LN_METRIC_ANY = 1 << LN_TARGET_CLASS | 1 << LN_TARGET_VALUES };

/* The place of the largest value, the first of equal ones. */
size_t ln_metric_largest(const float *values, size_t count);
/* log(sum(exp(values))) */
double ln_metric_log_sum(const float *values, size_t count);
/* The class that a target says, below input->outputs. */
size_t ln_metric_class(const ln_metric_input *input, const void *target);
/* Whether the target is of class `index`; where there is only one output, whether it is a yes. */
bool ln_metric_is_class(const ln_metric_input *input, const void *target, size_t index);

#endif
