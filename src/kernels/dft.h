/*
 * Discrete Fourier transforms of any length in double precision: powers of two directly, others as a convolution with a
 * chirp (Bluestein, "A linear filtering approach to the computation of the discrete Fourier transform", 1970).
 */
#ifndef LN_KERNELS_DFT_H
#define LN_KERNELS_DFT_H

#include "kernels/fft.h"

/* The caller gives the memory. Complex numbers are pairs, real part first. */
typedef struct ln_dft {
  int32_t length;
  ln_fft_f64 plan;  /* of `length` points, or of a power of two that is at least 2 * length - 1 */
  double *chirp;    /* [2 * length]: exp(-i pi k^2 / length); NULL for a power of two */
  double *spectrum; /* [2 * plan.length]: of the conjugate chirp; NULL for a power of two */
} ln_dft;

/* The plan's length for a transform of `length` points; 0 when it is too long. */
int32_t ln_k_dft_plan_length(int64_t length);
/* Fills the tables; `work` as below. */
void ln_k_dft_init(const ln_dft *dft, double *work);
/* In place on line [2 * length]; the inverse is divided by the length. work: [4 * plan.length]. */
void ln_k_dft(const ln_dft *dft, int inverse, double *line, double *work);

#endif
