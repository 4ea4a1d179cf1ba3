/* See kernels/optimizer.h. */
#include "kernels/optimizer.h"

#include <math.h>

static double sign(double x) { return (double)(x > 0.0) - (double)(x < 0.0); }

/* What is left of x when `l1` is taken from its size. */
static double shrunk(double x, double l1) { return l1 > 0.0 ? sign(x) * fmax(fabs(x) - l1, 0.0) : x; }

#define RULE(name) \
  static void name(double *const *slots, const double *gradient, size_t count, const double *p, bool flag)
#define EACH for (size_t i = 0; i < count; ++i)

RULE(gradient_descent) {
  (void)flag;
  EACH slots[0][i] -= gradient[i] * p[0];
}

RULE(proximal_gradient_descent) {
  (void)flag;
  EACH slots[0][i] = shrunk(slots[0][i] - gradient[i] * p[0], p[0] * p[1]) / (1.0 + p[0] * p[2]);
}

RULE(momentum) {
  EACH {
    const double velocity = slots[1][i] = slots[1][i] * p[1] + gradient[i];
    slots[0][i] -= flag ? gradient[i] * p[0] + velocity * p[1] * p[0] : velocity * p[0];
  }
}

RULE(keras_momentum) {
  EACH {
    const double velocity = slots[1][i] = slots[1][i] * p[1] - gradient[i] * p[0];
    slots[0][i] += flag ? velocity * p[1] - gradient[i] * p[0] : velocity;
  }
}

RULE(adam) {
  const double rate = p[2] * sqrt(1.0 - p[1]) / (1.0 - p[0]);
  EACH {
    const double g = gradient[i];
    const double m = slots[1][i] += (g - slots[1][i]) * (1.0 - p[3]);
    const double v = slots[2][i] += (g * g - slots[2][i]) * (1.0 - p[4]);
    slots[0][i] -= (flag ? g * (1.0 - p[3]) + p[3] * m : m) * rate / (sqrt(v) + p[5]);
  }
}

RULE(amsgrad) {
  const double rate = p[2] * sqrt(1.0 - p[1]) / (1.0 - p[0]);
  (void)flag;
  EACH {
    const double g = gradient[i];
    const double m = slots[1][i] += (g - slots[1][i]) * (1.0 - p[3]);
    const double v = slots[2][i] += (g * g - slots[2][i]) * (1.0 - p[4]);
    const double most = slots[3][i] = fmax(slots[3][i], v);
    slots[0][i] -= m * rate / (sqrt(most) + p[5]);
  }
}

RULE(adamax) {
  const double rate = p[1] / (1.0 - p[0]);
  (void)flag;
  EACH {
    const double m = slots[1][i] += (gradient[i] - slots[1][i]) * (1.0 - p[2]);
    const double v = slots[2][i] = fmax(p[3] * slots[2][i], fabs(gradient[i]));
    slots[0][i] -= rate * (m / (v + p[4]));
  }
}

RULE(adagrad) {
  EACH {
    if (flag) slots[1][i] += gradient[i] * gradient[i];
    slots[0][i] -= gradient[i] * p[0] / sqrt(slots[1][i]);
  }
}

RULE(adagrad_v2) {
  EACH {
    if (flag) slots[1][i] += gradient[i] * gradient[i];
    slots[0][i] -= gradient[i] * p[0] / (sqrt(slots[1][i]) + p[1]);
  }
}

RULE(adagrad_da) {
  (void)flag;
  EACH {
    const double sum = slots[1][i] += gradient[i];
    const double squares = slots[2][i] += gradient[i] * gradient[i];
    slots[0][i] = -p[0] * shrunk(sum, p[1] * p[3]) / (p[2] * p[3] * p[0] + sqrt(squares));
  }
}

RULE(proximal_adagrad) {
  (void)flag;
  EACH {
    const double squares = slots[1][i] += gradient[i] * gradient[i];
    const double rate = p[0] / sqrt(squares);
    slots[0][i] = shrunk(slots[0][i] - gradient[i] * rate, rate * p[1]) / (1.0 + rate * p[2]);
  }
}

RULE(adadelta) {
  (void)flag;
  EACH {
    const double g = gradient[i];
    const double squares = slots[1][i] = slots[1][i] * p[1] + g * g * (1.0 - p[1]);
    const double update = sqrt(slots[2][i] + p[2]) / sqrt(squares + p[2]) * g;
    slots[0][i] -= update * p[0];
    slots[2][i] = slots[2][i] * p[1] + update * update * (1.0 - p[1]);
  }
}

RULE(rmsprop) {
  (void)flag;
  EACH {
    const double g = gradient[i];
    const double square = slots[1][i] += (g * g - slots[1][i]) * (1.0 - p[1]);
    slots[0][i] -= slots[2][i] = slots[2][i] * p[2] + g * p[0] / sqrt(square + p[3]);
  }
}

RULE(centered_rmsprop) {
  (void)flag;
  EACH {
    const double g = gradient[i];
    const double mean = slots[1][i] += (g - slots[1][i]) * (1.0 - p[1]);
    const double square = slots[2][i] += (g * g - slots[2][i]) * (1.0 - p[1]);
    slots[0][i] -= slots[3][i] = slots[3][i] * p[2] + g * p[0] / sqrt(square - mean * mean + p[3]);
  }
}

/* "Ad click prediction: a view from the trenches" (McMahan and others, 2013), with the shrinkage of TensorFlow's V2. */
static void ftrl_step(double *const *slots, const double *gradient, size_t count, const double *p, double shrinkage,
                      double power, bool scaled) {
  const double rate = scaled ? 1.0 : p[0], scale = scaled ? p[0] : 1.0, l1 = p[1] * scale, l2 = p[2] * scale;
  EACH {
    const double g = gradient[i], squares = slots[1][i] + g * g;
    const double now = power == -0.5 ? sqrt(squares) : pow(squares, -power);
    const double before = power == -0.5 ? sqrt(slots[1][i]) : pow(slots[1][i], -power);
    const double shifted = g + 2.0 * shrinkage * slots[0][i];
    const double linear = slots[2][i] += shifted * scale - (now - before) / rate * slots[0][i];
    slots[0][i] = fabs(linear) > l1 ? (l1 * sign(linear) - linear) / (now / rate + 2.0 * l2) : 0.0;
    slots[1][i] = squares;
  }
}

RULE(ftrl) { ftrl_step(slots, gradient, count, p, 0.0, p[3], flag); }
RULE(ftrl_v2) { ftrl_step(slots, gradient, count, p, p[3], p[4], flag); }

RULE(add_sign) {
  (void)flag;
  EACH {
    const double m = slots[1][i] = slots[1][i] * p[3] + gradient[i] * (1.0 - p[3]);
    slots[0][i] -= p[0] * (p[1] + p[2] * sign(gradient[i]) * sign(m)) * gradient[i];
  }
}

RULE(power_sign) {
  (void)flag;
  EACH {
    const double m = slots[1][i] = slots[1][i] * p[3] + gradient[i] * (1.0 - p[3]);
    slots[0][i] -= p[0] * exp(p[1] * p[2] * sign(gradient[i]) * sign(m)) * gradient[i];
  }
}

ln_optimizer_fn *ln_k_optimizer(ln_optimizer_rule rule) {
  static ln_optimizer_fn *const rules[LN_OPTIMIZER_COUNT] = {
      gradient_descent,
      proximal_gradient_descent,
      momentum,
      keras_momentum,
      adam,
      amsgrad,
      adamax,
      adagrad,
      adagrad_v2,
      adagrad_da,
      proximal_adagrad,
      adadelta,
      rmsprop,
      centered_rmsprop,
      ftrl,
      ftrl_v2,
      add_sign,
      power_sign,
  };
  return rules[rule];
}
