/*
 * Gradient descent, with momentum (Polyak, Some methods of speeding up the convergence of iteration methods, 1964) or
 * Nesterov's (Sutskever et al., On the importance of initialization and momentum in deep learning, 2013), and what goes
 * by the size of a layer (LARS) or by signs alone (Lion).
 */
#include "train/update.h"

static const ln_parameter sgd_parameters[] = {
    LN_P_SHARE("momentum", "0", "share of the last step that this one goes on with"),
    {"nesterov", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "take the gradient as of where the momentum leads"},
    LN_P_LAST};

static uint32_t sgd_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  (void)first;
  return ln_setting_number(s, list, "momentum") != 0;
}

static void sgd_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                        float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_MOMENTUM] = (float)ln_setting_number(s, list, "momentum");
  numbers[LN_NUMBER_NESTEROV] = ln_setting_flag(s, list, "nesterov");
}

static void sgd_emit(ln_grad *g, ln_update_graph *u) {
  const float momentum = ln_update_number(u, "momentum");
  const int32_t values = ln_update_decayed(g, u), move = ln_grad_mul(g, u->gradient, u->rate);
  if (momentum == 0) {
    u->new_slots[0] = u->slots[0];
    u->new_values = ln_update_sub(g, values, move);
    return;
  }
  const int32_t velocity = ln_update_sub(g, ln_grad_scale(g, u->slots[0], momentum), move);
  u->new_slots[0] = velocity;
  u->new_values = ln_update_add(g, values,
                                ln_setting_flag(u->s, u->list, "nesterov")
                                    ? ln_update_sub(g, ln_grad_scale(g, velocity, momentum), move)
                                    : velocity);
}

const ln_update_def ln_update_sgd = {.name = "sgd",
                                     .what = "gradient descent, with momentum or Nesterov's",
                                     .slots = 1,
                                     .used = sgd_used,
                                     .parameters = sgd_parameters,
                                     .prepare = sgd_prepare,
                                     .update = ln_update_loop_sgd,
                                     .emit = sgd_emit};

/* ---- lars (You et al., Large Batch Training of Convolutional Networks, 2017) ---- */

static const ln_parameter lars_parameters[] = {
    LN_P_SHARE("momentum", "0.9", "share of the last step that this one goes on with"),
    LN_P_SHARE("trust", "0.001", "the share of a layer's norm that a step may be, at a rate of 1"), LN_P_LAST};

static void lars_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  numbers[LN_NUMBER_KEEP] = (float)decay;
  numbers[LN_NUMBER_RATE] = (float)rate;
  numbers[LN_NUMBER_MOMENTUM] = (float)ln_setting_number(s, list, "momentum");
  numbers[LN_NUMBER_TRUST] = (float)ln_setting_number(s, list, "trust");
}

static void lars_emit(ln_grad *g, ln_update_graph *u) {
  const float decay = (float)u->decay;
  int32_t rate = u->rate, gradient = u->gradient;
  if (u->is_weight) {
    const int32_t top = ln_update_norm(g, u->values), by = ln_update_norm(g, gradient), zero = ln_grad_scalar(g, 0);
    const int32_t both = ln_grad_compare(g, LN_OP_GREATER, ln_grad_binary(g, LN_OP_MINIMUM, top, by), zero);
    const int32_t all = decay == 0 ? by : ln_update_add(g, by, ln_grad_scale(g, top, decay));
    const int32_t ratio = ln_update_div(g, ln_grad_scale(g, top, ln_update_number(u, "trust")), all);
    rate = ln_grad_mul(g, rate, ln_grad_select(g, both, ratio, ln_grad_scalar(g, 1)));
  }
  if (decay != 0) gradient = ln_update_add(g, gradient, ln_grad_scale(g, u->values, decay));
  const int32_t old = ln_grad_scale(g, u->slots[0], ln_update_number(u, "momentum"));
  u->new_slots[0] = ln_update_add(g, old, ln_grad_mul(g, gradient, rate));
  u->new_values = ln_update_sub(g, u->values, u->new_slots[0]);
}

const ln_update_def ln_update_lars = {
    .name = "lars",
    .what = "momentum with steps in proportion to the layer's weights: for large batches",
    .slots = 1,
    .norms = true,
    .parameters = lars_parameters,
    .prepare = lars_prepare,
    .update = ln_update_loop_lars,
    .emit = lars_emit};

/* ---- lion (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023) ---- */

static const ln_parameter lion_parameters[] = {
    LN_P_SHARE("beta_1", "0.9", "the share of the average in the sign that is taken"),
    LN_P_SHARE("beta_2", "0.99", "how slowly the average of gradients moves"), LN_P_LAST};

static void lion_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_FIRST] = (float)beta_1;
  numbers[LN_NUMBER_BIAS_1] = (float)(1 - beta_1);
  numbers[LN_NUMBER_SECOND] = (float)beta_2;
  numbers[LN_NUMBER_BIAS_2] = (float)(1 - beta_2);
}

static int32_t emit_mix(ln_grad *g, const ln_update_graph *u, const char *name) {
  const double beta = ln_setting_number(u->s, u->list, name);
  return ln_update_add(g, ln_grad_scale(g, u->slots[0], (float)beta), ln_grad_scale(g, u->gradient, (float)(1 - beta)));
}

static void lion_emit(ln_grad *g, ln_update_graph *u) {
  const int32_t sign = ln_grad_unary(g, LN_OP_SIGN, emit_mix(g, u, "beta_1"));
  u->new_slots[0] = emit_mix(g, u, "beta_2");
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), ln_grad_mul(g, sign, u->rate));
}

const ln_update_def ln_update_lion = {.name = "lion",
                                      .what = "steps of one size, by the sign of the average gradient",
                                      .slots = 1,
                                      .parameters = lion_parameters,
                                      .prepare = lion_prepare,
                                      .update = ln_update_loop_lion,
                                      .emit = lion_emit};
