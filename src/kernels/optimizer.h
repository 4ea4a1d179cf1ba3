/*
 * Steps of optimizers, element by element, in double precision. `slots` are the variable and what the rule keeps
 * beside it, in the order of TensorFlow's inputs; `p` are the rule's numbers in that order.
 */
#ifndef LN_KERNELS_OPTIMIZER_H
#define LN_KERNELS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ln_optimizer_rule {
  LN_OPTIMIZER_GRADIENT_DESCENT,          /* variable | lr */
  LN_OPTIMIZER_PROXIMAL_GRADIENT_DESCENT, /* variable | lr, l1, l2 */
  LN_OPTIMIZER_MOMENTUM,                  /* variable, velocity | lr, momentum; flag: Nesterov */
  LN_OPTIMIZER_KERAS_MOMENTUM,            /* the same, the velocity scaled by lr */
  LN_OPTIMIZER_ADAM,             /* variable, m, v | beta1^t, beta2^t, lr, beta1, beta2, epsilon; flag: Nesterov */
  LN_OPTIMIZER_AMSGRAD,          /* variable, m, v, greatest v | as ADAM */
  LN_OPTIMIZER_ADAMAX,           /* variable, m, v | beta1^t, lr, beta1, beta2, epsilon */
  LN_OPTIMIZER_ADAGRAD,          /* variable, squares | lr; flag: the squares are added to */
  LN_OPTIMIZER_ADAGRAD_V2,       /* variable, squares | lr, epsilon; flag likewise */
  LN_OPTIMIZER_ADAGRAD_DA,       /* variable, sum, squares | lr, l1, l2, step */
  LN_OPTIMIZER_PROXIMAL_ADAGRAD, /* variable, squares | lr, l1, l2 */
  LN_OPTIMIZER_ADADELTA,         /* variable, squares, squared updates | lr, rho, epsilon */
  LN_OPTIMIZER_RMSPROP,          /* variable, mean square, velocity | lr, rho, momentum, epsilon */
  LN_OPTIMIZER_CENTERED_RMSPROP, /* variable, mean, mean square, velocity | likewise */
  LN_OPTIMIZER_FTRL,             /* variable, squares, linear | lr, l1, l2, power; flag: linear is scaled by lr */
  LN_OPTIMIZER_FTRL_V2,          /* the same | lr, l1, l2, shrinkage, power */
  LN_OPTIMIZER_ADD_SIGN,         /* variable, m | lr, alpha, sign decay, beta */
  LN_OPTIMIZER_POWER_SIGN,       /* variable, m | lr, log of the base, sign decay, beta */
  LN_OPTIMIZER_COUNT
} ln_optimizer_rule;

enum { LN_OPTIMIZER_SLOTS = 4, LN_OPTIMIZER_NUMBERS = 6 };

typedef void ln_optimizer_fn(double *const *slots, const double *gradient, size_t count, const double *p, bool flag);

ln_optimizer_fn *ln_k_optimizer(ln_optimizer_rule rule);

#endif
