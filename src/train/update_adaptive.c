/* Optimizers that divide by a running root of squared gradients: RMSprop, Adagrad, Adadelta, FTRL. */
#include <math.h>

#include "train/update.h"

/* ---- rmsprop (Tieleman and Hinton, Lecture 6.5, 2012); centered: Graves, Generating Sequences, 2013 ---- */

static const ln_parameter rmsprop_parameters[] = {
    LN_P_SHARE("rho", "0.9", "how slowly the average of squared gradients moves"),
    LN_P_SHARE("momentum", "0", "share of the last step that this one goes on with"),
    LN_P_EPSILON("1e-7"),
    {"centered", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "divide by the deviation of the gradients, not their size"},
    LN_P_LAST};

static uint32_t rmsprop_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  (void)first;
  return 1u | (ln_setting_flag(s, list, "centered") ? 2u : 0) | (ln_setting_number(s, list, "momentum") > 0 ? 4u : 0);
}

static void rmsprop_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                            float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  const double rho = ln_setting_number(s, list, "rho");
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_FIRST] = (float)rho;
  numbers[LN_NUMBER_SECOND] = (float)(1 - rho);
  numbers[LN_NUMBER_EPSILON] = (float)ln_setting_number(s, list, "epsilon");
  numbers[LN_NUMBER_MOMENTUM] = (float)ln_setting_number(s, list, "momentum");
  numbers[LN_NUMBER_CENTERED] = ln_setting_flag(s, list, "centered");
}

/* a * rho + b * (1 - rho) */
static int32_t emit_average(ln_grad *g, int32_t a, int32_t b, double rho) {
  return ln_update_add(g, ln_grad_scale(g, a, (float)rho), ln_grad_scale(g, b, (float)(1 - rho)));
}

static void rmsprop_emit(ln_grad *g, ln_update_graph *u) {
  const double rho = ln_setting_number(u->s, u->list, "rho");
  const float momentum = ln_update_number(u, "momentum");
  int32_t by = emit_average(g, u->slots[0], ln_grad_mul(g, u->gradient, u->gradient), rho);
  for (int k = 1; k < LN_UPDATE_SLOTS; ++k) u->new_slots[k] = u->slots[k];
  u->new_slots[0] = by;
  if (ln_setting_flag(u->s, u->list, "centered")) {
    const int32_t mean = u->new_slots[1] = emit_average(g, u->slots[1], u->gradient, rho);
    by = ln_update_sub(g, by, ln_grad_mul(g, mean, mean));
    by = ln_grad_binary(g, LN_OP_MAXIMUM, by, ln_grad_scalar(g, 0));
  }
  int32_t move = ln_update_div(g, ln_grad_mul(g, u->gradient, u->rate),
                               ln_update_root(g, by, ln_setting_number(u->s, u->list, "epsilon")));
  if (momentum > 0) {
    move = u->new_slots[2] = ln_update_add(g, ln_grad_scale(g, u->slots[2], momentum), move);
  }
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), move);
}

const ln_update_def ln_update_rmsprop = {.name = "rmsprop",
                                         .what = "gradients divided by their size of late",
                                         .slots = 3,
                                         .used = rmsprop_used,
                                         .parameters = rmsprop_parameters,
                                         .prepare = rmsprop_prepare,
                                         .update = ln_update_loop_rmsprop,
                                         .emit = rmsprop_emit};

/* ---- adagrad (Duchi et al., Adaptive Subgradient Methods, 2011) ---- */

#define ACCUMULATOR                                                         \
  {                                                                         \
    "initial_accumulator_value", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 1e30, \
        "what the sums of squared gradients begin with"                     \
  }

static const ln_parameter adagrad_parameters[] = {ACCUMULATOR, LN_P_EPSILON("1e-7"), LN_P_LAST};

static uint32_t accumulator_first(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  first[0] = (float)ln_setting_number(s, list, "initial_accumulator_value");
  return 1;
}

static void adagrad_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                            float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_EPSILON] = (float)ln_setting_number(s, list, "epsilon");
}

static void adagrad_emit(ln_grad *g, ln_update_graph *u) {
  u->new_slots[0] = ln_update_add(g, u->slots[0], ln_grad_mul(g, u->gradient, u->gradient));
  const int32_t by = ln_update_root(g, u->new_slots[0], ln_setting_number(u->s, u->list, "epsilon"));
  const int32_t move = ln_update_div(g, ln_grad_mul(g, u->gradient, u->rate), by);
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), move);
}

const ln_update_def ln_update_adagrad = {.name = "adagrad",
                                         .what = "gradients divided by the root of all squares so far",
                                         .slots = 1,
                                         .first = {0.1f},
                                         .used = accumulator_first,
                                         .parameters = adagrad_parameters,
                                         .prepare = adagrad_prepare,
                                         .update = ln_update_loop_adagrad,
                                         .emit = adagrad_emit};

/* ---- adadelta (Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012) ---- */

static const ln_parameter adadelta_parameters[] = {LN_P_SHARE("rho", "0.95", "how slowly the averages of squares move"),
                                                   LN_P_EPSILON("1e-7"), LN_P_LAST};

static void adadelta_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                             float numbers[LN_UPDATE_NUMBERS]) {
  const double rho = ln_setting_number(s, list, "rho");
  adagrad_prepare(s, list, step, rate, decay, numbers);
  numbers[LN_NUMBER_FIRST] = (float)rho;
  numbers[LN_NUMBER_SECOND] = (float)(1 - rho);
}

static void adadelta_emit(ln_grad *g, ln_update_graph *u) {
  const double rho = ln_setting_number(u->s, u->list, "rho"), epsilon = ln_setting_number(u->s, u->list, "epsilon");
  u->new_slots[0] = emit_average(g, u->slots[0], ln_grad_mul(g, u->gradient, u->gradient), rho);
  const int32_t top = ln_grad_mul(g, u->gradient, ln_update_root(g, u->slots[1], epsilon));
  const int32_t move = ln_update_div(g, top, ln_update_root(g, u->new_slots[0], epsilon));
  u->new_slots[1] = emit_average(g, u->slots[1], ln_grad_mul(g, move, move), rho);
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), ln_grad_mul(g, move, u->rate));
}

const ln_update_def ln_update_adadelta = {.name = "adadelta",
                                          .what = "steps as long as earlier ones; wants a rate of 1 or so",
                                          .slots = 2,
                                          .parameters = adadelta_parameters,
                                          .prepare = adadelta_prepare,
                                          .update = ln_update_loop_adadelta,
                                          .emit = adadelta_emit};

/* ---- ftrl (McMahan et al., Ad Click Prediction: a View from the Trenches, 2013) ---- */

#define SOME(name, what) \
  { name, LN_PARAMETER_NUMBER, "0", NULL, 0, 1e30, what }

static const ln_parameter ftrl_parameters[] = {{"learning_rate_power", LN_PARAMETER_NUMBER, "-0.5", NULL, -10, 0,
                                                "how fast the rate falls with squared gradients"},
                                               ACCUMULATOR,
                                               SOME("l1", "pulls weights to exactly 0"),
                                               SOME("l2", "pulls weights towards 0"),
                                               SOME("l2_shrinkage", "the same by the gradient alone"),
                                               SOME("beta", "added to the root of squared gradients, as in the paper"),
                                               LN_P_LAST};

static uint32_t ftrl_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  return accumulator_first(s, list, first) | 2;
}

static void ftrl_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_POWER] = (float)-ln_setting_number(s, list, "learning_rate_power");
  numbers[LN_NUMBER_L1] = (float)ln_setting_number(s, list, "l1");
  numbers[LN_NUMBER_L2] =
      rate > 0 ? (float)(2 * ln_setting_number(s, list, "l2") + ln_setting_number(s, list, "beta") / rate) : 0;
  numbers[LN_NUMBER_SHRINKAGE] = (float)(2 * ln_setting_number(s, list, "l2_shrinkage"));
  numbers[LN_NUMBER_PER_RATE] = rate > 0 ? (float)(1 / rate) : 0;
}

static int32_t emit_power(ln_grad *g, int32_t a, float power) {
  if (power == 0.5f) return ln_update_root(g, a, 0);
  return ln_grad_binary(g, LN_OP_POW, a, ln_grad_scalar(g, power));
}

static void ftrl_emit(ln_grad *g, ln_update_graph *u) {
  const float power = -ln_update_number(u, "learning_rate_power"), l1 = ln_update_number(u, "l1");
  const float shrinkage = 2 * ln_update_number(u, "l2_shrinkage"), beta = ln_update_number(u, "beta");
  const int32_t values = ln_update_decayed(g, u), per_rate = ln_update_div(g, ln_grad_scalar(g, 1), u->rate);
  const int32_t sum = u->new_slots[0] = ln_update_add(g, u->slots[0], ln_grad_mul(g, u->gradient, u->gradient));
  const int32_t top = emit_power(g, sum, power), before = emit_power(g, u->slots[0], power);
  const int32_t pull =
      shrinkage == 0 ? u->gradient : ln_update_add(g, u->gradient, ln_grad_scale(g, values, shrinkage));
  const int32_t grown = ln_grad_mul(g, ln_update_sub(g, top, before), per_rate);
  const int32_t z = ln_update_add(g, u->slots[1], ln_update_sub(g, pull, ln_grad_mul(g, grown, values)));
  const int32_t below = ln_grad_binary(g, LN_OP_MINIMUM, z, ln_grad_scalar(g, l1));
  const int32_t inside = ln_grad_binary(g, LN_OP_MAXIMUM, below, ln_grad_scalar(g, -l1));
  const int32_t by = ln_grad_mul(g, beta == 0 ? top : ln_update_plus(g, top, (double)beta), per_rate);
  u->new_slots[1] = z;
  u->new_values =
      ln_update_div(g, ln_update_sub(g, inside, z), ln_update_plus(g, by, 2 * ln_setting_number(u->s, u->list, "l2")));
}

const ln_update_def ln_update_ftrl = {
    .name = "ftrl",
    .what = "follows the leader with weights that may be exactly 0: for wide linear models",
    .slots = 2,
    .first = {0.1f},
    .used = ftrl_used,
    .parameters = ftrl_parameters,
    .prepare = ftrl_prepare,
    .update = ln_update_loop_ftrl,
    .emit = ftrl_emit};
