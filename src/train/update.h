/*
 * What the optimizers (update_*.c) share: their rows, and a few operators that they are written out with. All equal
 * Keras 3's in float32 where Keras has the optimizer; where a parameter's name is Keras's, so is its meaning.
 */
#ifndef LN_TRAIN_UPDATE_H
#define LN_TRAIN_UPDATE_H

#include "train/trainer.h"

#define LN_UPDATE(stem) extern const ln_update_def ln_update_##stem;
#include "train/updates.def"
#undef LN_UPDATE

/* Places in `numbers`; several have another name where another optimizer uses them. */
enum {
  LN_NUMBER_KEEP, /* rate * decay: the share of the weights that decay takes away (Loshchilov and Hutter 2019) */
  LN_NUMBER_RATE,
  LN_NUMBER_EPSILON,
  LN_NUMBER_MOMENTUM,
  LN_NUMBER_FIRST,
  LN_NUMBER_SECOND,
  LN_NUMBER_BIAS_1,
  LN_NUMBER_BIAS_2,
  LN_NUMBER_AHEAD,
  LN_NUMBER_WEIGHTS = LN_UPDATE_NUMBERS - 2, /* norms */
  LN_NUMBER_GRADIENT,

  LN_NUMBER_NESTEROV = LN_NUMBER_FIRST,
  LN_NUMBER_TRUST = LN_NUMBER_FIRST,
  LN_NUMBER_AMSGRAD = LN_NUMBER_AHEAD,
  LN_NUMBER_CENTERED = LN_NUMBER_AHEAD,
  LN_NUMBER_POWER = LN_NUMBER_EPSILON,
  LN_NUMBER_L1 = LN_NUMBER_FIRST,
  LN_NUMBER_L2 = LN_NUMBER_SECOND,
  LN_NUMBER_SHRINKAGE = LN_NUMBER_BIAS_1,
  LN_NUMBER_PER_RATE = LN_NUMBER_BIAS_2
};

/* ---- the loops (update_loops.c) ---- */

#define LN_UPDATE_ARGUMENTS                                                                                        \
  const float numbers[LN_UPDATE_NUMBERS], float *values, const float *gradient, float *const *slots, size_t begin, \
      size_t end
void ln_update_loop_sgd(LN_UPDATE_ARGUMENTS);
void ln_update_loop_lars(LN_UPDATE_ARGUMENTS);
void ln_update_loop_lion(LN_UPDATE_ARGUMENTS);
void ln_update_loop_adam(LN_UPDATE_ARGUMENTS);
void ln_update_loop_nadam(LN_UPDATE_ARGUMENTS);
void ln_update_loop_adamax(LN_UPDATE_ARGUMENTS);
void ln_update_loop_lamb_before(const float numbers[LN_UPDATE_NUMBERS], float *values, float *gradient,
                                float *const *slots, size_t begin, size_t end);
void ln_update_loop_lamb(LN_UPDATE_ARGUMENTS);
void ln_update_loop_rmsprop(LN_UPDATE_ARGUMENTS);
void ln_update_loop_adagrad(LN_UPDATE_ARGUMENTS);
void ln_update_loop_adadelta(LN_UPDATE_ARGUMENTS);
void ln_update_loop_ftrl(LN_UPDATE_ARGUMENTS);

/* ---- parameters and preparing ---- */

#define LN_P_SHARE(name, fallback, what) \
  { name, LN_PARAMETER_NUMBER, fallback, NULL, 0, 1, what }
#define LN_P_EPSILON(fallback) \
  { "epsilon", LN_PARAMETER_NUMBER, fallback, NULL, 0, 1, "keeps what is divided by away from 0" }
#define LN_P_LAST \
  { NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL }

/* The numbers that all take. */
void ln_update_common(double rate, double decay, float numbers[LN_UPDATE_NUMBERS]);

/* ---- emitting ---- */

int32_t ln_update_plus(ln_grad *g, int32_t a, double b);
int32_t ln_update_add(ln_grad *g, int32_t a, int32_t b);
int32_t ln_update_sub(ln_grad *g, int32_t a, int32_t b);
int32_t ln_update_div(ln_grad *g, int32_t a, int32_t b);
/* a + (b - a) * by */
int32_t ln_update_toward(ln_grad *g, int32_t a, int32_t b, double by);
/* 1 - base^step, without the loss of digits that 1 - x has for x near 1. */
int32_t ln_update_bias(ln_grad *g, double base, int32_t step);
/* The values after decay. */
int32_t ln_update_decayed(ln_grad *g, const ln_update_graph *u);
int32_t ln_update_root(ln_grad *g, int32_t a, double plus); /* sqrt(a + plus) */
int32_t ln_update_norm(ln_grad *g, int32_t a);              /* float32 [] */
int32_t ln_update_ratio(ln_grad *g, int32_t a, int32_t b);  /* a / b where both are above 0, else 1 */

static inline float ln_update_number(const ln_update_graph *u, const char *name) {
  return (float)ln_setting_number(u->s, u->list, name);
}

#endif
