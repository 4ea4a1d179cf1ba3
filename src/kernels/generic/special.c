/* See kernels/special.h. */
#include "kernels/special.h"

#include <math.h>

enum { MOST_TERMS = 2000 };

static const double pi = 3.14159265358979323846;

double ln_k_digamma(double x) {
  /* B_2k / 2k */
  static const double series[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                  1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
  double sum = 0.0, square;
  int k;
  if (x <= 0.0) {
    if (x == floor(x)) return NAN;
    return ln_k_digamma(1.0 - x) - pi / tan(pi * x);
  }
  for (; x < 10.0; x += 1.0) sum -= 1.0 / x;
  square = 1.0 / (x * x);
  {
    double tail = 0.0;
    for (k = 7; k >= 0; --k) tail = (tail + series[k]) * square;
    return sum + log(x) - 0.5 / x - tail;
  }
}

double ln_k_erfinv(double x) {
  const double a = 0.147, rest = 1.0 - fabs(x);
  double guess, y;
  int step;
  if (!(rest >= 0.0)) return NAN;
  if (rest == 0.0) return copysign(INFINITY, x);
  if (x == 0.0) return x;
  guess = 2.0 / (pi * a) + 0.5 * log(rest * (2.0 - rest));
  y = sqrt(sqrt(guess * guess - log(rest * (2.0 - rest)) / a) - guess);
  for (step = 0; step < 4; ++step) {
    const double u = (rest - erfc(y)) * exp(y * y) * (sqrt(pi) / 2.0); /* (erf(y) - |x|) over erf's slope */
    y -= u / (1.0 + y * u);
  }
  return copysign(y, x);
}

double ln_k_ndtri(double p) {
  if (!(p >= 0.0 && p <= 1.0)) return NAN;
  return sqrt(2.0) * ln_k_erfinv(2.0 * p - 1.0);
}

/* x^a e^-x / gamma(a) */
static double gamma_factor(double a, double x) { return exp(a * log(x) - x - lgamma(a)); }

static double igamma_series(double a, double x) {
  double term = 1.0 / a, sum = term;
  int n;
  for (n = 1; n < MOST_TERMS && fabs(term) > fabs(sum) * 1e-17; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * gamma_factor(a, x);
}

/* Lentz's evaluation of the continued fraction. */
static double igammac_fraction(double a, double x) {
  const double tiny = 1e-300;
  double b = x + 1.0 - a, c = 1.0 / tiny, d = 1.0 / b, h = d;
  int n;
  for (n = 1; n < MOST_TERMS; ++n) {
    const double an = -n * (n - a);
    double delta;
    b += 2.0;
    d = an * d + b;
    c = b + an / c;
    if (fabs(d) < tiny) d = tiny;
    if (fabs(c) < tiny) c = tiny;
    d = 1.0 / d;
    delta = d * c;
    h *= delta;
    if (fabs(delta - 1.0) < 1e-16) break;
  }
  return h * gamma_factor(a, x);
}

double ln_k_igamma(double a, double x) {
  if (!(x >= 0.0) || !(a > 0.0)) return NAN;
  if (x == 0.0) return 0.0;
  if (isinf(x)) return isinf(a) ? NAN : 1.0;
  if (isinf(a)) return 0.0;
  return x < a + 1.0 ? igamma_series(a, x) : 1.0 - igammac_fraction(a, x);
}

double ln_k_igammac(double a, double x) {
  if (!(x >= 0.0) || !(a > 0.0)) return NAN;
  if (x == 0.0) return 1.0;
  if (isinf(x)) return isinf(a) ? NAN : 0.0;
  if (isinf(a)) return 1.0;
  return x < a + 1.0 ? 1.0 - igamma_series(a, x) : igammac_fraction(a, x);
}

double ln_k_zeta(double s, double q) {
  /* (2k)! / B_2k */
  static const double series[] = {12.0,
                                  -720.0,
                                  30240.0,
                                  -1209600.0,
                                  47900160.0,
                                  -1.8924375803183791606e9,
                                  7.47242496e10,
                                  -2.950130727918164224e12,
                                  1.1646782814350067249e14,
                                  -4.5979787224074726105e15,
                                  1.8152105401943546773e17,
                                  -7.1661652561756670113e18};
  double sum = 0.0, rising = 1.0, power;
  int n, k;
  if (s == 1.0) return INFINITY;
  if (!(s > 1.0)) return NAN;
  if (q <= 0.0) {
    if (q == floor(q)) return INFINITY;
    if (s != floor(s)) return NAN;
    for (n = 0; n < MOST_TERMS && q <= 0.0; ++n, q += 1.0) sum += pow(q, -s);
    if (q <= 0.0) return sum;
  }
  for (n = 0; n < 9 || q < 9.0; ++n, q += 1.0) sum += pow(q, -s);
  power = pow(q, -s);
  sum += power * q / (s - 1.0) + 0.5 * power;
  for (k = 0; k < 12; ++k) {
    rising *= s + 2 * k;
    power /= q;
    sum += rising * power / series[k];
    rising *= s + 2 * k + 1;
    power /= q;
  }
  return sum;
}

double ln_k_polygamma(double n, double x) {
  if (n == 0.0) return ln_k_digamma(x);
  if (!(n > 0.0) || n != floor(n)) return NAN;
  return (fmod(n, 2.0) == 0.0 ? -1.0 : 1.0) * exp(lgamma(n + 1.0)) * ln_k_zeta(n + 1.0, x);
}

static double betainc_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), h;
  int m;
  if (fabs(d) < tiny) d = tiny;
  d = 1.0 / d;
  h = d;
  for (m = 1; m < MOST_TERMS; ++m) {
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 + even * d;
    c = 1.0 + even / c;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    c = fabs(c) < tiny ? tiny : c;
    h *= d * c;
    d = 1.0 + odd * d;
    c = 1.0 + odd / c;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    c = fabs(c) < tiny ? tiny : c;
    h *= d * c;
    if (fabs(d * c - 1.0) < 1e-16) break;
  }
  return h;
}

double ln_k_betainc(double a, double b, double x) {
  double front;
  if (!(a > 0.0) || !(b > 0.0) || !(x >= 0.0 && x <= 1.0)) return NAN;
  if (x == 0.0 || x == 1.0) return x;
  front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * betainc_fraction(a, b, x) / a;
  return 1.0 - front * betainc_fraction(b, a, 1.0 - x) / b;
}

/* Order `order` (0 or 1) of a positive argument. */
static double bessel_ie(double x, int order) {
  double sum = 1.0, term = 1.0;
  int k;
  if (x < 30.0) {
    for (k = 1; k < MOST_TERMS && term > sum * 1e-17; ++k) {
      term *= x * x / 4.0 / (k * (double)(k + order));
      sum += term;
    }
    return sum * (order == 1 ? x / 2.0 : 1.0) * exp(-x);
  }
  for (k = 1; k < 20; ++k) {
    term *= -(4.0 * order * order - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * x * k);
    sum += term;
  }
  return sum / sqrt(2.0 * pi * x);
}

double ln_k_bessel_i0e(double x) { return bessel_ie(fabs(x), 0); }
double ln_k_bessel_i1e(double x) { return copysign(bessel_ie(fabs(x), 1), x); }
