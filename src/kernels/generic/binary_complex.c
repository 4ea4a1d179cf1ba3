/* Element-wise arithmetic of complex numbers of two floats; computed in double precision, rounded once. */
#include <math.h>

#include "kernels/binary_body.h"

typedef struct complex64 {
  float re, im;
} complex64;

static complex64 rounded(double re, double im) {
  complex64 out;
  out.re = (float)re;
  out.im = (float)im;
  return out;
}

static complex64 sum(complex64 x, complex64 y) { return rounded((double)x.re + y.re, (double)x.im + y.im); }
static complex64 difference(complex64 x, complex64 y) { return rounded((double)x.re - y.re, (double)x.im - y.im); }

static complex64 product(complex64 x, complex64 y) {
  return rounded((double)x.re * y.re - (double)x.im * y.im, (double)x.re * y.im + (double)x.im * y.re);
}

/* Squares of floats do not overflow a double. */
static complex64 quotient(complex64 x, complex64 y) {
  const double size = (double)y.re * y.re + (double)y.im * y.im;
  return rounded(((double)x.re * y.re + (double)x.im * y.im) / size,
                 ((double)x.im * y.re - (double)x.re * y.im) / size);
}

/* exp(y log(x)); anything to the power of 0 is 1, and 0 to any other 0. */
static complex64 power(complex64 x, complex64 y) {
  if (y.re == 0.0f && y.im == 0.0f) return rounded(1.0, 0.0);
  if (x.re == 0.0f && x.im == 0.0f) return rounded(0.0, 0.0);
  {
    const double size = log(hypot((double)x.re, (double)x.im)), angle = atan2((double)x.im, (double)x.re);
    const double scale = exp((double)y.re * size - (double)y.im * angle);
    const double turn = (double)y.im * size + (double)y.re * angle;
    return rounded(scale * cos(turn), scale * sin(turn));
  }
}

/* In the order of real parts, then of imaginary ones. */
static bool is_less(complex64 x, complex64 y) { return x.re < y.re || (x.re == y.re && x.im < y.im); }
static complex64 lesser(complex64 x, complex64 y) { return is_less(y, x) ? y : x; }
static complex64 greater(complex64 x, complex64 y) { return is_less(x, y) ? y : x; }

#define COMPLEX_KERNEL(name, function)                                                                               \
  static void name(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params) { \
    size_t r, i;                                                                                                     \
    (void)params;                                                                                                    \
    for (r = 0; r < block->rows; ++r) {                                                                              \
      const complex64 *row_a = (const complex64 *)a + r * block->row_step[0];                                        \
      const complex64 *row_b = (const complex64 *)b + r * block->row_step[1];                                        \
      complex64 *row_out = (complex64 *)out + r * block->columns;                                                    \
      for (i = 0; i < block->columns; ++i) {                                                                         \
        row_out[i] = function(row_a[i * block->column_step[0]], row_b[i * block->column_step[1]]);                   \
      }                                                                                                              \
    }                                                                                                                \
  }

COMPLEX_KERNEL(c64_add, sum)
COMPLEX_KERNEL(c64_sub, difference)
COMPLEX_KERNEL(c64_mul, product)
COMPLEX_KERNEL(c64_div, quotient)
COMPLEX_KERNEL(c64_pow, power)
COMPLEX_KERNEL(c64_minimum, lesser)
COMPLEX_KERNEL(c64_maximum, greater)
LN_BINARY_KERNEL(static, c64_equal, complex64, uint8_t, x.re == y.re && x.im == y.im)
LN_BINARY_KERNEL(static, c64_not_equal, complex64, uint8_t, x.re != y.re || x.im != y.im)

ln_binary_fn *ln_k_binary_find_c64(ln_binary_op op) {
  switch (op) {
    case LN_BINARY_ADD: return c64_add;
    case LN_BINARY_SUB: return c64_sub;
    case LN_BINARY_MUL: return c64_mul;
    case LN_BINARY_DIV: return c64_div;
    case LN_BINARY_POW: return c64_pow;
    case LN_BINARY_MINIMUM: return c64_minimum;
    case LN_BINARY_MAXIMUM: return c64_maximum;
    case LN_BINARY_EQUAL: return c64_equal;
    case LN_BINARY_NOT_EQUAL: return c64_not_equal;
    default: return NULL;
  }
}
