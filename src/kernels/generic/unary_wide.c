/* Functions of doubles and complex numbers (unary_wide.h). */
#include "kernels/unary_wide.h"

#include <math.h>

static double apply(ln_wide_op op, double x) {
  switch (op) {
    case LN_WIDE_ABS: return fabs(x);
    case LN_WIDE_NEG: return -x;
    case LN_WIDE_EXP: return exp(x);
    case LN_WIDE_LOG: return log(x);
    case LN_WIDE_COS: return cos(x);
    case LN_WIDE_TANH: return tanh(x);
    case LN_WIDE_LOGISTIC: return 1.0 / (1.0 + exp(-x));
    case LN_WIDE_RSQRT: return 1.0 / sqrt(x);
    case LN_WIDE_CBRT: return cbrt(x);
    default: return floor(x);
  }
}

void ln_k_unary_f64(ln_wide_op op, const double *in, double *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = apply(op, in[i]);
}

typedef struct complex64 {
  float re, im;
} complex64;

typedef struct complex128 {
  double re, im;
} complex128;

static complex128 make(double re, double im) {
  complex128 z;
  z.re = re;
  z.im = im;
  return z;
}

static complex128 inverse(complex128 z) {
  const double size = z.re * z.re + z.im * z.im;
  return make(z.re / size, -z.im / size);
}

/* z to a real power that is not 0. */
static complex128 power(complex128 z, double exponent) {
  const double size = pow(hypot(z.re, z.im), exponent), angle = atan2(z.im, z.re) * exponent;
  return make(size * cos(angle), size * sin(angle));
}

/* (sinh 2x + i sin 2y) / (cosh 2x + cos 2y); far out it is +-1, where cosh overflows. */
static complex128 tanh_of(complex128 z) {
  if (fabs(z.re) > 300.0) return make(z.re > 0.0 ? 1.0 : -1.0, 0.0);
  {
    const double below = cosh(2.0 * z.re) + cos(2.0 * z.im);
    return make(sinh(2.0 * z.re) / below, sin(2.0 * z.im) / below);
  }
}

static complex128 apply_complex(ln_wide_op op, complex128 z) {
  switch (op) {
    case LN_WIDE_NEG: return make(-z.re, -z.im);
    case LN_WIDE_EXP: return make(exp(z.re) * cos(z.im), exp(z.re) * sin(z.im));
    case LN_WIDE_LOG: return make(log(hypot(z.re, z.im)), atan2(z.im, z.re));
    case LN_WIDE_COS: return make(cos(z.re) * cosh(z.im), -sin(z.re) * sinh(z.im));
    case LN_WIDE_TANH: return tanh_of(z);
    case LN_WIDE_LOGISTIC: return inverse(make(1.0 + exp(-z.re) * cos(z.im), -exp(-z.re) * sin(z.im)));
    case LN_WIDE_RSQRT: return power(z, -0.5);
    default: return power(z, 1.0 / 3.0);
  }
}

void ln_k_unary_c64(ln_wide_op op, const void *in, void *out, size_t count) {
  const complex64 *from = in;
  size_t i;
  if (op == LN_WIDE_ABS) {
    float *sizes = out;
    for (i = 0; i < count; ++i) sizes[i] = (float)hypot((double)from[i].re, (double)from[i].im);
    return;
  }
  for (i = 0; i < count; ++i) {
    const complex128 z = apply_complex(op, make((double)from[i].re, (double)from[i].im));
    ((complex64 *)out)[i].re = (float)z.re;
    ((complex64 *)out)[i].im = (float)z.im;
  }
}
