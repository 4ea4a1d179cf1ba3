/* Losses of values by their differences. */
#include "train/loss.h"

static int32_t emit_mse(ln_grad *g, const ln_settings *s, const ln_parameter *list, int32_t prediction,
                        int32_t target) {
  (void)s, (void)list;
  const int32_t square = ln_grad_unary(g, LN_OP_SQUARE, ln_loss_difference(g, prediction, target));
  return ln_loss_mean(g, square, prediction);
}

const ln_loss_def ln_loss_mse = {.name = "mse",
                                 .what = "mean squared error",
                                 .target = LN_TARGET_VALUES,
                                 .absorbs = -1,
                                 .parameters = ln_loss_no_parameters,
                                 .emit = emit_mse};
