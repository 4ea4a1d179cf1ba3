/* What losses share: predictions as rows, means over what a sample holds. */
#ifndef LN_TRAIN_LOSS_H
#define LN_TRAIN_LOSS_H

#include "train/trainer.h"

/* The arguments of ln_loss_def.emit, of which losses without parameters use three. */
#define LN_LOSS_EMIT(name) \
  static int32_t name(ln_grad *g, const ln_settings *s, const ln_parameter *list, int32_t prediction, int32_t target)

/* Fails with LN_ERR_ARGUMENT. */
void ln_loss_fail(ln_grad *g, const char *why);
/* The prediction [batch, ..., width] as [rows, width]. */
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
/* a * by + plus */
int32_t ln_loss_line(ln_grad *g, int32_t a, float by, float plus);
/* log(1 + exp(-a)), a >= 0 */
int32_t ln_loss_log1p_exp(ln_grad *g, int32_t magnitude);
/* Of each element, from logits: max(x, 0) - x * z + log(1 + exp(-|x|)); targets z in 0 .. 1. */
int32_t ln_loss_binary_entropy(ln_grad *g, int32_t x, int32_t z);
/* Of probabilities of classes, from logits: T^2 * sum(p * (log p - log q)), both softened by temperature T. [batch] */
int32_t ln_loss_divergence(ln_grad *g, int32_t prediction, int32_t target, float temperature);

#endif
