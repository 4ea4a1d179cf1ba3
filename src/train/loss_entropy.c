/*
 * Cross-entropies of classes, from logits: by LOG_SOFTMAX, which loses nothing where a probability is next to none.
 */
#include "train/loss.h"

/* -sum(target * log softmax(prediction)) of each row; target [rows, classes] */
static int32_t entropy(ln_grad *g, int32_t prediction, int32_t target) {
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_loss_rows(g, prediction));
  const int32_t sum = ln_loss_sum_last(g, ln_grad_mul(g, logs, target));
  return ln_loss_mean(g, ln_grad_unary(g, LN_OP_NEG, sum), prediction);
}

static int32_t emit_sparse(ln_grad *g, const ln_settings *s, const ln_parameter *list, int32_t prediction,
                           int32_t target) {
  (void)s, (void)list;
  return entropy(g, prediction, ln_loss_one_hot(g, target, prediction, 1, 0));
}

static int32_t emit_dense(ln_grad *g, const ln_settings *s, const ln_parameter *list, int32_t prediction,
                          int32_t target) {
  (void)s, (void)list;
  return entropy(g, prediction, ln_loss_rows(g, target));
}

const ln_loss_def ln_loss_cross_entropy = {.name = "cross-entropy",
                                           .what = "of probabilities of classes",
                                           .target = LN_TARGET_VALUES,
                                           .absorbs = LN_OP_SOFTMAX,
                                           .parameters = ln_loss_no_parameters,
                                           .emit = emit_dense};

const ln_loss_def ln_loss_sparse_cross_entropy = {.name = "sparse-cross-entropy",
                                                  .what = "of classes by their numbers",
                                                  .target = LN_TARGET_CLASS,
                                                  .absorbs = LN_OP_SOFTMAX,
                                                  .parameters = ln_loss_no_parameters,
                                                  .emit = emit_sparse,
                                                  .soft = &ln_loss_cross_entropy};
