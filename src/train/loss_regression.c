/* Losses of values: of their differences, of their directions, of counts and of sides. */
#include "train/loss.h"

static const ln_parameter none[] = {{0}};

#define VALUES(stem, name, what, list) \
  const ln_loss_def ln_loss_##stem = {name, what, LN_TARGET_VALUES, -1, list, stem, NULL}

static int32_t distance(ln_grad *g, int32_t prediction, int32_t target) {
  return ln_grad_unary(g, LN_OP_ABS, ln_loss_difference(g, prediction, target));
}

LN_LOSS_EMIT(mse) {
  (void)s, (void)list;
  return ln_loss_mean(g, ln_grad_unary(g, LN_OP_SQUARE, ln_loss_difference(g, prediction, target)), prediction);
}
VALUES(mse, "mse", "mean squared error", none);

LN_LOSS_EMIT(mae) {
  (void)s, (void)list;
  return ln_loss_mean(g, distance(g, prediction, target), prediction);
}
VALUES(mae, "mae", "mean absolute error", none);

/* d * d / 2 up to |d| = delta, a line from there: m * (|d| - m / 2) with m = min(|d|, delta) */
static int32_t bent(ln_grad *g, int32_t prediction, int32_t target, float delta, float by) {
  const int32_t d = distance(g, prediction, target);
  const int32_t m = ln_grad_binary(g, LN_OP_MINIMUM, d, ln_grad_scalar(g, delta));
  const int32_t rest = ln_grad_binary(g, LN_OP_SUB, d, ln_grad_scale(g, m, 0.5f));
  return ln_loss_mean(g, ln_loss_line(g, ln_grad_mul(g, m, rest), by, 0), prediction);
}

static const ln_parameter deltas[] = {
    {"huber_delta", LN_PARAMETER_NUMBER, "1", NULL, 1e-6, 1e6, "the error from which the loss is a line"}, {0}};

LN_LOSS_EMIT(huber) { return bent(g, prediction, target, (float)ln_setting_number(s, list, "huber_delta"), 1); }
VALUES(huber, "huber", "squared error, of large ones a line (Huber, Robust estimation of a location parameter, 1964)",
       deltas);

static const ln_parameter betas[] = {
    {"smooth_l1_beta", LN_PARAMETER_NUMBER, "1", NULL, 1e-6, 1e6, "the error from which the loss is absolute"}, {0}};

LN_LOSS_EMIT(smooth_l1) {
  const float beta = (float)ln_setting_number(s, list, "smooth_l1_beta");
  return bent(g, prediction, target, beta, 1 / beta);
}
VALUES(smooth_l1, "smooth-l1", "absolute error, of small ones a square: for boxes (Girshick, Fast R-CNN, 2015)", betas);

/* log(cosh(d)) = |d| + log(1 + exp(-2 |d|)) - log 2 */
LN_LOSS_EMIT(log_cosh) {
  (void)s, (void)list;
  const int32_t d = distance(g, prediction, target);
  const int32_t sum = ln_grad_binary(g, LN_OP_ADD, d, ln_loss_log1p_exp(g, ln_grad_scale(g, d, 2)));
  return ln_loss_mean(g, ln_loss_line(g, sum, 1, -0.69314718f), prediction);
}
VALUES(log_cosh, "log-cosh", "logarithm of the error's hyperbolic cosine", none);

LN_LOSS_EMIT(poisson) {
  (void)s, (void)list;
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG, ln_loss_line(g, prediction, 1, 1e-7f));
  return ln_loss_mean(g, ln_grad_binary(g, LN_OP_SUB, prediction, ln_grad_mul(g, target, logs)), prediction);
}
VALUES(poisson, "poisson", "counts whose mean is predicted: prediction - target * log(prediction)", none);

/* A target is a side: 1, or what is not above 0. */
LN_LOSS_EMIT(hinge) {
  (void)s, (void)list;
  const int32_t yes = ln_grad_compare(g, LN_OP_GREATER, target, ln_grad_scalar(g, 0));
  const int32_t away = ln_grad_select(g, yes, ln_grad_unary(g, LN_OP_NEG, prediction), prediction);
  return ln_loss_mean(g, ln_grad_unary(g, LN_OP_RELU, ln_loss_line(g, away, 1, 1)), prediction);
}
VALUES(hinge, "hinge", "how far outputs are from 1 on their side; targets 1, and 0 or -1", none);

static int32_t product(ln_grad *g, int32_t a, int32_t b) { return ln_loss_sum_last(g, ln_grad_mul(g, a, b)); }

LN_LOSS_EMIT(cosine) {
  (void)s, (void)list;
  const int32_t a = ln_loss_rows(g, prediction), b = ln_loss_rows(g, target);
  const int32_t lengths = ln_grad_mul(g, product(g, a, a), product(g, b, b));
  const int32_t some = ln_grad_binary(g, LN_OP_MAXIMUM, lengths, ln_grad_scalar(g, 1e-24f));
  const int32_t similar = ln_grad_mul(g, product(g, a, b), ln_grad_unary(g, LN_OP_RSQRT, some));
  return ln_loss_mean(g, ln_loss_line(g, similar, -1, 1), prediction);
}
VALUES(cosine, "cosine", "1 - the cosine between prediction and target, along the last dimension", none);
