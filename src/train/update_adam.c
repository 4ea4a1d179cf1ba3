/*
 * Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015), its second form: epsilon stands outside the
 * root, and the correction of the averages' bias is part of the rate. AMSGrad: Reddi et al., On the Convergence of Adam
 * and Beyond, 2018.
 */
#include <math.h>

#include "train/update.h"

#define BETAS(second)                                                       \
  LN_P_SHARE("beta_1", "0.9", "how slowly the average of gradients moves"), \
      LN_P_SHARE("beta_2", second, "how slowly the average of their squares moves")

static const ln_parameter adam_parameters[] = {
    BETAS("0.999"),
    LN_P_EPSILON("1e-7"),
    {"amsgrad", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "divide by the largest average of squares so far"},
    LN_P_LAST};

enum { FIRST = LN_NUMBER_OWN, SECOND, EPSILON, AMSGRAD };

static uint32_t adam_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  (void)first;
  return ln_setting_flag(s, list, "amsgrad") ? 7 : 3;
}

/* 1 - base^step */
static double bias(double base, int64_t step) { return base > 0 ? -expm1((double)step * log(base)) : 1; }

static void adam_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  numbers[LN_NUMBER_KEEP] = (float)(rate * decay);
  numbers[LN_NUMBER_RATE] = (float)(rate * sqrt(bias(beta_2, step)) / bias(beta_1, step));
  numbers[FIRST] = (float)(1 - beta_1);
  numbers[SECOND] = (float)(1 - beta_2);
  numbers[EPSILON] = (float)ln_setting_number(s, list, "epsilon");
  numbers[AMSGRAD] = ln_setting_flag(s, list, "amsgrad");
}

static void plain(const float *numbers, float *restrict values, const float *restrict gradient, float *restrict mean,
                  float *restrict square, size_t begin, size_t end) {
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE], epsilon = numbers[EPSILON];
  const float first = numbers[FIRST], second = numbers[SECOND];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i];
    const float m = mean[i] + (d - mean[i]) * first, v = square[i] + (d * d - square[i]) * second;
    mean[i] = m;
    square[i] = v;
    values[i] = w - m * rate / (sqrtf(v) + epsilon);
  }
}

static void amsgrad(const float *numbers, float *restrict values, const float *restrict gradient, float *restrict mean,
                    float *restrict square, float *restrict most, size_t begin, size_t end) {
  const float keep = numbers[LN_NUMBER_KEEP], rate = numbers[LN_NUMBER_RATE], epsilon = numbers[EPSILON];
  const float first = numbers[FIRST], second = numbers[SECOND];
  for (size_t i = begin; i < end; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i];
    const float m = mean[i] + (d - mean[i]) * first, v = square[i] + (d * d - square[i]) * second;
    const float top = most[i] > v ? most[i] : v;
    mean[i] = m;
    square[i] = v;
    most[i] = top;
    values[i] = w - m * rate / (sqrtf(top) + epsilon);
  }
}

static void adam_update(const float numbers[LN_UPDATE_NUMBERS], float *values, const float *gradient,
                        float *const *slots, size_t begin, size_t end) {
  if (numbers[AMSGRAD] != 0) {
    amsgrad(numbers, values, gradient, slots[0], slots[1], slots[2], begin, end);
  } else {
    plain(numbers, values, gradient, slots[0], slots[1], begin, end);
  }
}

/* The averages of gradients and of their squares after the step. */
static void emit_averages(ln_grad *g, ln_update_graph *u) {
  const double beta_1 = ln_setting_number(u->s, u->list, "beta_1"), beta_2 = ln_setting_number(u->s, u->list, "beta_2");
  u->new_slots[0] = ln_update_toward(g, u->slots[0], u->gradient, 1 - beta_1);
  u->new_slots[1] = ln_update_toward(g, u->slots[1], ln_grad_mul(g, u->gradient, u->gradient), 1 - beta_2);
}

static void adam_emit(ln_grad *g, ln_update_graph *u) {
  const float epsilon = (float)ln_setting_number(u->s, u->list, "epsilon");
  const int32_t values = ln_update_decayed(g, u);
  emit_averages(g, u);
  int32_t square = u->new_slots[1];
  u->new_slots[2] = u->slots[2];
  if (ln_setting_flag(u->s, u->list, "amsgrad")) {
    square = u->new_slots[2] = ln_grad_binary(g, LN_OP_MAXIMUM, u->slots[2], square);
  }
  const int32_t root =
      ln_grad_unary(g, LN_OP_SQRT, ln_update_bias(g, ln_setting_number(u->s, u->list, "beta_2"), u->step));
  const int32_t correction =
      ln_update_div(g, root, ln_update_bias(g, ln_setting_number(u->s, u->list, "beta_1"), u->step));
  const int32_t by = ln_update_add(g, ln_grad_unary(g, LN_OP_SQRT, square), ln_grad_scalar(g, epsilon));
  const int32_t move = ln_grad_mul(g, u->new_slots[0], ln_grad_mul(g, u->rate, correction));
  u->new_values = ln_update_sub(g, values, ln_update_div(g, move, by));
}

#define ADAM                                                                                                    \
  .slots = 3, .used = adam_used, .parameters = adam_parameters, .prepare = adam_prepare, .update = adam_update, \
  .emit = adam_emit

const ln_update_def ln_update_adam = {
    .name = "adam", .what = "steps as long as gradients are steady, for each weight", ADAM};
