/*
 * Cross-entropies and what is like them, from logits: by LOG_SOFTMAX, or its form for two classes, which lose nothing
 * where a probability is next to none.
 */
#include "train/loss.h"

static const ln_parameter smoothing[] = {
    {"label_smoothing", LN_PARAMETER_NUMBER, "0", NULL, 0, 1,
     "part of each target that is spread evenly over all classes (Szegedy et al., Rethinking the Inception "
     "architecture, 2016)"},
    {0}};

static float spread(const ln_settings *s, const ln_parameter *list) {
  return (float)ln_setting_number(s, list, "label_smoothing");
}

/* 1 / classes */
static float even(const ln_grad *g, int32_t prediction) {
  const ln_shape *shape = ln_grad_shape(g, prediction);
  return shape->rank > 0 && shape->dims[shape->rank - 1] > 0 ? 1 / (float)shape->dims[shape->rank - 1] : 0;
}

/* -sum(target * log softmax(prediction)) of each row; target [rows, classes] */
static int32_t entropy(ln_grad *g, int32_t prediction, int32_t target) {
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_loss_rows(g, prediction));
  const int32_t sum = ln_loss_sum_last(g, ln_grad_mul(g, logs, target));
  return ln_loss_mean(g, ln_grad_unary(g, LN_OP_NEG, sum), prediction);
}

LN_LOSS_EMIT(sparse) {
  const float by = spread(s, list), off = by * even(g, prediction);
  return entropy(g, prediction, ln_loss_one_hot(g, target, prediction, 1 - by + off, off));
}

LN_LOSS_EMIT(dense) {
  const float by = spread(s, list);
  const int32_t soft = ln_loss_line(g, ln_loss_rows(g, target), 1 - by, by * even(g, prediction));
  return entropy(g, prediction, soft);
}

LN_LOSS_EMIT(binary) {
  const float by = spread(s, list);
  const int32_t soft = ln_loss_line(g, target, 1 - by, by / 2);
  return ln_loss_mean(g, ln_loss_binary_entropy(g, prediction, soft), prediction);
}

const ln_loss_def ln_loss_cross_entropy = {"cross-entropy",
                                           "cross-entropy with probabilities of classes",
                                           LN_TARGET_VALUES,
                                           LN_OP_SOFTMAX,
                                           smoothing,
                                           dense,
                                           NULL};
const ln_loss_def ln_loss_sparse_cross_entropy = {"sparse-cross-entropy",
                                                  "cross-entropy with classes by their numbers",
                                                  LN_TARGET_CLASS,
                                                  LN_OP_SOFTMAX,
                                                  smoothing,
                                                  sparse,
                                                  &ln_loss_cross_entropy};
const ln_loss_def ln_loss_binary_cross_entropy = {"binary-cross-entropy",
                                                  "cross-entropy of outputs that each say yes (1) or no (0)",
                                                  LN_TARGET_VALUES,
                                                  LN_OP_LOGISTIC,
                                                  smoothing,
                                                  binary,
                                                  NULL};

/* ---- divergence ---- */

static const ln_parameter temperatures[] = {
    {"kl_temperature", LN_PARAMETER_NUMBER, "1", NULL, 1e-3, 1e3,
     "what logits of both sides are divided by (Hinton et al., Distilling the knowledge in a neural network, 2015)"},
    {0}};

/* sum(p * (log p - log q)) * T^2, both made softer: p ^ (1 / T) is softmax(log(p) / T). */
int32_t ln_loss_divergence(ln_grad *g, int32_t prediction, int32_t target, float t) {
  const int32_t some = ln_grad_binary(g, LN_OP_MAXIMUM, ln_loss_rows(g, target), ln_grad_scalar(g, 1e-30f));
  const int32_t targets = ln_loss_line(g, ln_grad_unary(g, LN_OP_LOG, some), 1 / t, 0);
  const int32_t p = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, targets);
  const int32_t q = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_loss_line(g, ln_loss_rows(g, prediction), 1 / t, 0));
  const int32_t each = ln_grad_mul(g, ln_grad_unary(g, LN_OP_EXP, p), ln_grad_binary(g, LN_OP_SUB, p, q));
  return ln_loss_mean(g, ln_loss_line(g, ln_loss_sum_last(g, each), t * t, 0), prediction);
}

LN_LOSS_EMIT(divergence) {
  return ln_loss_divergence(g, prediction, target, (float)ln_setting_number(s, list, "kl_temperature"));
}

const ln_loss_def ln_loss_kl_divergence = {"kl-divergence",
                                           "Kullback-Leibler divergence from probabilities of classes, a teacher's say",
                                           LN_TARGET_VALUES,
                                           LN_OP_SOFTMAX,
                                           temperatures,
                                           divergence,
                                           NULL};
