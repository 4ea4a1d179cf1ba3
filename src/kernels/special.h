/* Functions of mathematical physics that the C library lacks, in double precision (relative error about 1e-13). */
#ifndef LN_KERNELS_SPECIAL_H
#define LN_KERNELS_SPECIAL_H

/* The logarithmic derivative of the gamma function; NaN at its poles (asymptotic series, DLMF 5.11.2 and 5.5.4). */
double ln_k_digamma(double x);
/* The inverse of erf (Winitzki's estimate, then Halley's steps), and of the normal distribution's integral. */
double ln_k_erfinv(double x);
double ln_k_ndtri(double p);
/* The regularized incomplete gamma functions, lower and upper (DLMF 8.11.4, 8.9.2). */
double ln_k_igamma(double a, double x);
double ln_k_igammac(double a, double x);
/* Hurwitz's zeta function (Euler and Maclaurin, DLMF 25.11.5), and the derivatives of digamma made from it. */
double ln_k_zeta(double s, double q);
double ln_k_polygamma(double n, double x);
/* The regularized incomplete beta function (DLMF 8.17.22). */
double ln_k_betainc(double a, double b, double x);
/* Modified Bessel functions of order 0 and 1, times exp(-|x|) (DLMF 10.25.2, 10.40.1). */
double ln_k_bessel_i0e(double x);
double ln_k_bessel_i1e(double x);

#endif
