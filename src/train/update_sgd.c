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

enum { MOMENTUM = LN_NUMBER_OWN, NESTEROV };

static uint32_t sgd_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  (void)first;
  return ln_setting_number(s, list, "momentum") != 0;
}

static void sgd_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                        float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  ln_update_common(rate, decay, numbers);
  numbers[MOMENTUM] = (float)ln_setting_number(s, list, "momentum");
  numbers[NESTEROV] = ln_setting_flag(s, list, "nesterov");
}

static void plain(const float *numbers, float *restrict values, const float *restrict gradient, size_t begin,
                  size_t end) {
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep;
    values[i] = w - gradient[i] * rate;
  }
}

static void with_momentum(const float *numbers, float *restrict values, const float *restrict gradient,
                          float *restrict velocity, size_t begin, size_t end) {
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE], momentum = numbers[MOMENTUM];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep;
    velocity[i] = velocity[i] * momentum - gradient[i] * rate;
    values[i] = w + velocity[i];
  }
}

static void with_nesterov(const float *numbers, float *restrict values, const float *restrict gradient,
                          float *restrict velocity, size_t begin, size_t end) {
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE], momentum = numbers[MOMENTUM];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep, move = gradient[i] * rate;
    velocity[i] = velocity[i] * momentum - move;
    values[i] = w + (velocity[i] * momentum - move);
  }
}

static void sgd_update(const float numbers[LN_UPDATE_NUMBERS], float *values, const float *gradient,
                       float *const *slots, size_t begin, size_t end) {
  if (numbers[MOMENTUM] == 0) {
    plain(numbers, values, gradient, begin, end);
  } else if (numbers[NESTEROV] == 0) {
    with_momentum(numbers, values, gradient, slots[0], begin, end);
  } else {
    with_nesterov(numbers, values, gradient, slots[0], begin, end);
  }
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
                                     .update = sgd_update,
                                     .emit = sgd_emit};

/* ---- lars (You et al., Large Batch Training of Convolutional Networks, 2017) ---- */

static const ln_parameter lars_parameters[] = {
    LN_P_SHARE("momentum", "0.9", "share of the last step that this one goes on with"),
    LN_P_SHARE("trust", "0.001", "the share of a layer's norm that a step may be, at a rate of 1"), LN_P_LAST};

enum { DECAY = LN_NUMBER_KEEP, TRUST = NESTEROV };

static void lars_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  numbers[DECAY] = (float)decay;
  numbers[LN_NUMBER_RATE] = (float)rate;
  numbers[MOMENTUM] = (float)ln_setting_number(s, list, "momentum");
  numbers[TRUST] = (float)ln_setting_number(s, list, "trust");
}

/* Decay is part of the gradient here, as in the paper. */
static void lars_update(const float numbers[LN_UPDATE_NUMBERS], float *restrict values, const float *restrict gradient,
                        float *const *slots, size_t begin, size_t end) {
  float *restrict velocity = slots[0];
  const float decay = numbers[DECAY], momentum = numbers[MOMENTUM];
  const float top = numbers[LN_NUMBER_WEIGHTS], by = numbers[LN_NUMBER_GRADIENT];
  const float ratio = top > 0 && by > 0 ? numbers[TRUST] * top / (by + decay * top) : 1;
  const float rate = numbers[LN_NUMBER_RATE] * ratio;
  for (size_t i = begin; i < end; ++i) {
    const float v = velocity[i] * momentum + (gradient[i] + values[i] * decay) * rate;
    velocity[i] = v;
    values[i] -= v;
  }
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
    .update = lars_update,
    .emit = lars_emit};

/* ---- lion (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023) ---- */

static const ln_parameter lion_parameters[] = {
    LN_P_SHARE("beta_1", "0.9", "the share of the average in the sign that is taken"),
    LN_P_SHARE("beta_2", "0.99", "how slowly the average of gradients moves"), LN_P_LAST};

enum { BETA_1 = LN_NUMBER_OWN, REST_1, BETA_2, REST_2 };

static void lion_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  (void)step;
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  ln_update_common(rate, decay, numbers);
  numbers[BETA_1] = (float)beta_1;
  numbers[REST_1] = (float)(1 - beta_1);
  numbers[BETA_2] = (float)beta_2;
  numbers[REST_2] = (float)(1 - beta_2);
}

static void lion_update(const float numbers[LN_UPDATE_NUMBERS], float *restrict values, const float *restrict gradient,
                        float *const *slots, size_t begin, size_t end) {
  float *restrict mean = slots[0];
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE];
  const float beta_1 = numbers[BETA_1], rest_1 = numbers[REST_1], beta_2 = numbers[BETA_2], rest_2 = numbers[REST_2];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], c = mean[i] * beta_1 + d * rest_1;
    mean[i] = mean[i] * beta_2 + d * rest_2;
    values[i] = w - (c > 0 ? rate : c < 0 ? -rate : 0);
  }
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
                                      .update = lion_update,
                                      .emit = lion_emit};
