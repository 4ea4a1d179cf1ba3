/* What losses share: predictions as rows, means over what a sample holds. */
#ifndef LN_TRAIN_LOSS_H
#define LN_TRAIN_LOSS_H

#include "train/trainer.h"

static const ln_parameter ln_loss_no_parameters[] = {{0}};

/* Fails with LN_ERR_ARGUMENT. */
void ln_loss_fail(ln_grad *g, const char *why);
/* The prediction [..., classes] as [rows, classes]. */
int32_t ln_loss_rows(ln_grad *g, int32_t prediction);
/* The mean of a sample's elements: `values` holds the same number for each sample of the prediction's first dimension.
 * [batch] */
int32_t ln_loss_mean(ln_grad *g, int32_t values, int32_t prediction);
/* [rows, classes]: `on` where the label says so, else `off`; labels are as many as the prediction has rows. */
int32_t ln_loss_one_hot(ln_grad *g, int32_t labels, int32_t prediction, float on, float off);
/* Sums the last dimension, which becomes 1. */
int32_t ln_loss_sum_last(ln_grad *g, int32_t a);
/* prediction - target, which must be of one shape. */
int32_t ln_loss_difference(ln_grad *g, int32_t prediction, int32_t target);

#endif
