/*
 * Gradient descent, with momentum (Polyak, Some methods of speeding up the convergence of iteration methods, 1964) or
 * Nesterov's (Sutskever et al., On the importance of initialization and momentum in deep learning, 2013).
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
  numbers[LN_NUMBER_KEEP] = (float)(rate * decay);
  numbers[LN_NUMBER_RATE] = (float)rate;
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
  const float momentum = (float)ln_setting_number(u->s, u->list, "momentum");
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
