/*
 * Focal losses: cross-entropies that look away from what is right already (Lin et al., Focal loss for dense object
 * detection, 2017). What is missing to 1, 1 - p, is summed from the other classes: nothing cancels.
 */
#include "train/loss.h"

static const ln_parameter parameters[] = {
    {"focal_gamma", LN_PARAMETER_NUMBER, "2", NULL, 0, 100, "power of what is missing to 1; 0: plain cross-entropy"},
    {"focal_alpha", LN_PARAMETER_NUMBER, "0.25", NULL, 0, 1,
     "factor; of binary-focal that of targets 1, and 1 - alpha that of targets 0"},
    {0}};

/* a ^ gamma, a >= 0: it has a slope at 0, too */
static int32_t power(ln_grad *g, int32_t a, float gamma) {
  if (gamma == 0) return ln_grad_scalar(g, 1);
  if (gamma == 2) return ln_grad_unary(g, LN_OP_SQUARE, a);
  a = ln_grad_binary(g, LN_OP_MAXIMUM, a, ln_grad_scalar(g, 1e-12f));
  return ln_grad_binary(g, LN_OP_POW, a, ln_grad_scalar(g, gamma));
}

static float gamma_of(const ln_settings *s, const ln_parameter *list) {
  return (float)ln_setting_number(s, list, "focal_gamma");
}

static float alpha_of(const ln_settings *s, const ln_parameter *list) {
  return (float)ln_setting_number(s, list, "focal_alpha");
}

/* -alpha * (1 - p) ^ gamma * log p of the class */
LN_LOSS_EMIT(sparse) {
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_loss_rows(g, prediction));
  const int32_t own = ln_loss_one_hot(g, target, prediction, -alpha_of(s, list), 0);
  const int32_t others = ln_loss_one_hot(g, target, prediction, 0, 1);
  const int32_t missing = ln_loss_sum_last(g, ln_grad_mul(g, ln_grad_unary(g, LN_OP_EXP, logs), others));
  const int32_t entropy = ln_loss_sum_last(g, ln_grad_mul(g, logs, own));
  return ln_loss_mean(g, ln_grad_mul(g, power(g, missing, gamma_of(s, list)), entropy), prediction);
}

/* sum(-alpha * z * (1 - p) ^ gamma * log p) over the classes */
LN_LOSS_EMIT(dense) {
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_loss_rows(g, prediction));
  const int32_t missing = ln_loss_line(g, ln_grad_unary(g, LN_OP_EXP, logs), -1, 1);
  const int32_t own = ln_grad_mul(g, logs, ln_loss_line(g, ln_loss_rows(g, target), -alpha_of(s, list), 0));
  return ln_loss_mean(g, ln_loss_sum_last(g, ln_grad_mul(g, power(g, missing, gamma_of(s, list)), own)), prediction);
}

/* a where z is 1, b where it is 0 */
static int32_t between(ln_grad *g, int32_t z, int32_t a, int32_t b) {
  return ln_grad_binary(g, LN_OP_ADD, ln_grad_mul(g, z, a), ln_grad_mul(g, ln_loss_line(g, z, -1, 1), b));
}

LN_LOSS_EMIT(binary) {
  const float alpha = alpha_of(s, list);
  const int32_t no = ln_grad_unary(g, LN_OP_LOGISTIC, ln_grad_unary(g, LN_OP_NEG, prediction));
  const int32_t missing = between(g, target, no, ln_grad_unary(g, LN_OP_LOGISTIC, prediction));
  const int32_t entropy = ln_loss_binary_entropy(g, prediction, target);
  const int32_t weighted = ln_grad_mul(g, ln_loss_line(g, target, 2 * alpha - 1, 1 - alpha), entropy);
  return ln_loss_mean(g, ln_grad_mul(g, power(g, missing, gamma_of(s, list)), weighted), prediction);
}

const ln_loss_def ln_loss_focal = {
    "focal", "focal loss with probabilities of classes", LN_TARGET_VALUES, LN_OP_SOFTMAX, parameters, dense, NULL};
const ln_loss_def ln_loss_sparse_focal = {
    "sparse-focal", "focal loss with classes by their numbers", LN_TARGET_CLASS, LN_OP_SOFTMAX, parameters, sparse,
    &ln_loss_focal};
const ln_loss_def ln_loss_binary_focal = {"binary-focal",
                                          "focal loss of outputs that each say yes (1) or no (0)",
                                          LN_TARGET_VALUES,
                                          LN_OP_LOGISTIC,
                                          parameters,
                                          binary,
                                          NULL};
