/*
 * Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015) in its second form: epsilon stands outside the
 * root, and the correction of the averages' bias is part of the rate. AMSGrad: Reddi et al., On the Convergence of Adam
 * and Beyond, 2018. With them those made from it: AdamW, Nadam, AdaMax, LAMB.
 */
#include <math.h>

#include "train/update.h"

#define BETAS                                                               \
  LN_P_SHARE("beta_1", "0.9", "how slowly the average of gradients moves"), \
      LN_P_SHARE("beta_2", "0.999", "how slowly the average of their squares moves")

static const ln_parameter adam_parameters[] = {
    BETAS,
    LN_P_EPSILON("1e-7"),
    {"amsgrad", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "divide by the largest average of squares so far"},
    LN_P_LAST};
static const ln_parameter parameters[] = {BETAS, LN_P_EPSILON("1e-7"), LN_P_LAST};

/* 1 - base^step */
static double bias(double base, int64_t step) { return base > 0 ? -expm1((double)step * log(base)) : 1; }

/* beta_1 and beta_2 go out. */
static void prepare(const ln_settings *s, const ln_parameter *list, double rate, double decay, float *numbers,
                    double *beta_1, double *beta_2) {
  *beta_1 = ln_setting_number(s, list, "beta_1");
  *beta_2 = ln_setting_number(s, list, "beta_2");
  ln_update_common(rate, decay, numbers);
  numbers[LN_NUMBER_FIRST] = (float)(1 - *beta_1);
  numbers[LN_NUMBER_SECOND] = (float)(1 - *beta_2);
  numbers[LN_NUMBER_EPSILON] = (float)ln_setting_number(s, list, "epsilon");
}

static float beta(const ln_update_graph *u, int32_t index) {
  return ln_update_number(u, index == 1 ? "beta_1" : "beta_2");
}

/* 1 - beta_<index>^step */
static int32_t emit_bias(ln_grad *g, const ln_update_graph *u, int32_t index) {
  return ln_update_bias(g, ln_setting_number(u->s, u->list, index == 1 ? "beta_1" : "beta_2"), u->step);
}

static void emit_mean(ln_grad *g, ln_update_graph *u) {
  u->new_slots[0] = ln_update_toward(g, u->slots[0], u->gradient, 1 - ln_setting_number(u->s, u->list, "beta_1"));
}

/* The averages of gradients and of their squares after the step. */
static void emit_averages(ln_grad *g, ln_update_graph *u) {
  emit_mean(g, u);
  u->new_slots[1] = ln_update_toward(g, u->slots[1], ln_grad_mul(g, u->gradient, u->gradient),
                                     1 - ln_setting_number(u->s, u->list, "beta_2"));
}

/* values - move / (sqrt(square) + epsilon) */
static void emit_step(ln_grad *g, ln_update_graph *u, int32_t move, int32_t square) {
  const int32_t by = ln_update_plus(g, ln_update_root(g, square, 0), (double)ln_update_number(u, "epsilon"));
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), ln_update_div(g, move, by));
}

/* ---- adam, adamw ---- */

static uint32_t adam_used(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]) {
  (void)first;
  return ln_setting_flag(s, list, "amsgrad") ? 7 : 3;
}

static void adam_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  double beta_1, beta_2;
  prepare(s, list, rate, decay, numbers, &beta_1, &beta_2);
  numbers[LN_NUMBER_RATE] = (float)(rate * sqrt(bias(beta_2, step)) / bias(beta_1, step));
  numbers[LN_NUMBER_AMSGRAD] = ln_setting_flag(s, list, "amsgrad");
}

static void adam_emit(ln_grad *g, ln_update_graph *u) {
  emit_averages(g, u);
  int32_t square = u->new_slots[1];
  u->new_slots[2] = u->slots[2];
  if (ln_setting_flag(u->s, u->list, "amsgrad")) {
    square = u->new_slots[2] = ln_grad_binary(g, LN_OP_MAXIMUM, u->slots[2], square);
  }
  const int32_t correction = ln_update_div(g, ln_update_root(g, emit_bias(g, u, 2), 0), emit_bias(g, u, 1));
  emit_step(g, u, ln_grad_mul(g, u->new_slots[0], ln_grad_mul(g, u->rate, correction)), square);
}

#define ADAM                                                                             \
  .slots = 3, .used = adam_used, .parameters = adam_parameters, .prepare = adam_prepare, \
  .update = ln_update_loop_adam, .emit = adam_emit

const ln_update_def ln_update_adam = {
    .name = "adam", .what = "steps of a length that each weight's gradients choose", ADAM};
/* Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019; what decays is the same for all optimizers. */
const ln_update_def ln_update_adamw = {
    .name = "adamw", .what = "adam whose weights decay by 0.004 unless said otherwise", .decay = 0.004, ADAM};

/* ---- nadam (Dozat, Incorporating Nesterov Momentum into Adam, 2016) ---- */

/* The momentum of a step, and what all up to it multiply to: beta^step * prod(1 - 0.96^i / 2). */
static double warmed(double beta_1, int64_t step) { return beta_1 * (1 - 0.5 * pow(0.96, (double)step)); }
static double product_to(double beta_1, int64_t step) {
  double product = pow(beta_1, (double)step), power = 1;
  for (int64_t i = 0; i < step && power > 1e-17; ++i) product *= 1 - 0.5 * (power *= 0.96);
  return product;
}

static void nadam_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                          float numbers[LN_UPDATE_NUMBERS]) {
  double beta_1, beta_2;
  prepare(s, list, rate, decay, numbers, &beta_1, &beta_2);
  const double now = warmed(beta_1, step), next = warmed(beta_1, step + 1), product = product_to(beta_1, step);
  numbers[LN_NUMBER_BIAS_1] = (float)(rate * (1 - now) / (1 - product));
  numbers[LN_NUMBER_AHEAD] = (float)(rate * next / (1 - product * next));
  numbers[LN_NUMBER_BIAS_2] = (float)(1 / bias(beta_2, step));
}

static int32_t emit_row(ln_grad *g, const float *values, int32_t count) {
  const ln_shape shape = ln_shape_make(1, &count);
  void *copy =
      g->status != LN_OK ? NULL : ln_arena_copy(ln_optimizer_arena(g->o), values, (size_t)count * sizeof *values);
  const int32_t made =
      copy == NULL ? -1 : ln_edit_add_constant(g->o, "nadam", LN_FLOAT32, &shape, copy, (size_t)count * sizeof *values);
  if (made < 0) ln_grad_fail_memory(g);
  return made;
}

/* product_to as exp of a sum: log(1 - x) = -sum_k x^k / k, and the sum over i of each power is a geometric one. */
static int32_t emit_product(ln_grad *g, double beta_1, int32_t step) {
  enum { TERMS = 24 };
  float powers[TERMS], parts[TERMS];
  for (int k = 1; k <= TERMS; ++k) {
    const double q = pow(0.96, k);
    powers[k - 1] = (float)log(q);
    parts[k - 1] = (float)(-pow(0.5, k) / k * q / (1 - q));
  }
  const int32_t left = ln_grad_unary(g, LN_OP_EXP, ln_grad_mul(g, emit_row(g, powers, TERMS), step));
  const int32_t gone = ln_update_sub(g, ln_grad_scalar(g, 1), left), axis = 0;
  const ln_reducer_options options = {.keep_dims = false};
  const int32_t inputs[2] = {ln_grad_mul(g, gone, emit_row(g, parts, TERMS)), ln_grad_ints(g, 1, &axis)};
  const int32_t sum = ln_grad_emit(g, LN_OP_SUM, LN_FLOAT32, &options, 2, inputs);
  return ln_grad_unary(g, LN_OP_EXP, ln_update_add(g, sum, ln_grad_scale(g, step, (float)log(beta_1))));
}

static int32_t emit_warmed(ln_grad *g, double beta_1, int32_t step) {
  const int32_t power = ln_grad_unary(g, LN_OP_EXP, ln_grad_scale(g, step, (float)log(0.96)));
  return ln_update_plus(g, ln_grad_scale(g, power, (float)(-0.5 * beta_1)), beta_1);
}

static void nadam_emit(ln_grad *g, ln_update_graph *u) {
  const double beta_1 = fmax((double)beta(u, 1), 1e-30);
  const int32_t one = ln_grad_scalar(g, 1), product = emit_product(g, beta_1, u->step);
  const int32_t now = emit_warmed(g, beta_1, u->step), next = emit_warmed(g, beta_1, ln_update_plus(g, u->step, 1));
  emit_averages(g, u);
  const int32_t bias_1 = ln_update_div(g, ln_update_sub(g, one, now), ln_update_sub(g, one, product));
  const int32_t ahead = ln_update_div(g, next, ln_update_sub(g, one, ln_grad_mul(g, product, next)));
  const int32_t move = ln_update_add(g, ln_grad_mul(g, u->new_slots[0], ln_grad_mul(g, ahead, u->rate)),
                                     ln_grad_mul(g, u->gradient, ln_grad_mul(g, bias_1, u->rate)));
  emit_step(g, u, move, ln_update_div(g, u->new_slots[1], emit_bias(g, u, 2)));
}

const ln_update_def ln_update_nadam = {.name = "nadam",
                                       .what = "adam with Nesterov's momentum",
                                       .slots = 2,
                                       .parameters = parameters,
                                       .prepare = nadam_prepare,
                                       .update = ln_update_loop_nadam,
                                       .emit = nadam_emit};

/* ---- adamax (of Adam's paper) ---- */

static void adamax_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                           float numbers[LN_UPDATE_NUMBERS]) {
  double beta_1, beta_2;
  prepare(s, list, rate, decay, numbers, &beta_1, &beta_2);
  numbers[LN_NUMBER_RATE] = (float)(rate / bias(beta_1, step));
  numbers[LN_NUMBER_SECOND] = (float)beta_2;
}

static void adamax_emit(ln_grad *g, ln_update_graph *u) {
  emit_mean(g, u);
  const int32_t old = ln_grad_scale(g, u->slots[1], beta(u, 2));
  u->new_slots[1] = ln_grad_binary(g, LN_OP_MAXIMUM, old, ln_grad_unary(g, LN_OP_ABS, u->gradient));
  const int32_t move = ln_grad_mul(g, u->new_slots[0], ln_update_div(g, u->rate, emit_bias(g, u, 1)));
  const int32_t by = ln_update_plus(g, u->new_slots[1], (double)ln_update_number(u, "epsilon"));
  u->new_values = ln_update_sub(g, ln_update_decayed(g, u), ln_update_div(g, move, by));
}

const ln_update_def ln_update_adamax = {.name = "adamax",
                                        .what = "adam that divides by the largest gradient of late",
                                        .slots = 2,
                                        .parameters = parameters,
                                        .prepare = adamax_prepare,
                                        .update = ln_update_loop_adamax,
                                        .emit = adamax_emit};

/* ---- lamb (You et al., Large Batch Optimization for Deep Learning, 2020) ---- */

static void lamb_prepare(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                         float numbers[LN_UPDATE_NUMBERS]) {
  double beta_1, beta_2;
  prepare(s, list, rate, decay, numbers, &beta_1, &beta_2);
  numbers[LN_NUMBER_BIAS_1] = (float)(1 / bias(beta_1, step));
  numbers[LN_NUMBER_BIAS_2] = (float)(1 / bias(beta_2, step));
}

static void lamb_emit(ln_grad *g, ln_update_graph *u) {
  const int32_t values = ln_update_decayed(g, u);
  emit_averages(g, u);
  const int32_t square = ln_update_div(g, u->new_slots[1], emit_bias(g, u, 2));
  const int32_t by = ln_update_plus(g, ln_update_root(g, square, 0), (double)ln_update_number(u, "epsilon"));
  const int32_t move = ln_update_div(g, ln_update_div(g, u->new_slots[0], emit_bias(g, u, 1)), by);
  int32_t rate = u->rate;
  if (u->is_weight) {
    rate = ln_grad_mul(g, rate, ln_update_ratio(g, ln_update_norm(g, values), ln_update_norm(g, move)));
  }
  u->new_values = ln_update_sub(g, values, ln_grad_mul(g, move, rate));
}

const ln_update_def ln_update_lamb = {
    .name = "lamb",
    .what = "adam whose steps are in proportion to the layer's weights: for large batches",
    .slots = 2,
    .norms = true,
    .parameters = parameters,
    .prepare = lamb_prepare,
    .before = ln_update_loop_lamb_before,
    .update = ln_update_loop_lamb,
    .emit = lamb_emit};
