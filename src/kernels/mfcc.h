/*
 * Mel-frequency cepstral coefficients of a spectrum, in double precision: triangular bands evenly apart on the mel
 * scale (1127 ln(1 + f / 700)), their logarithms, and the first coefficients of those' cosine transform.
 */
#ifndef LN_KERNELS_MFCC_H
#define LN_KERNELS_MFCC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ln_mel_bank {
  int32_t bins, bands;
  double lower, upper; /* Hz: 0 <= lower < upper */
  double *centres;     /* [bands + 1] */
  int32_t *band;       /* [bins]: the band whose falling side a bin is on, -1 below the first */
  double *weights;     /* [bins]: of the falling side; the next band's rising side has the rest */
  int32_t first, last; /* bins that count; the lowest never does */
} ln_mel_bank;

/* Fills all but the first line; bins > 1, bands > 0, rate > 0. */
void ln_k_mel_init(ln_mel_bank *bank, int32_t rate);
/* cosines: [coefficients, bands] */
void ln_k_mfcc_cosines(int32_t coefficients, int32_t bands, double *cosines);
/* power: [bins], squared magnitudes; work: [bands]; out: [coefficients]: zeros when the bands reach beyond the bins. */
void ln_k_mfcc(const ln_mel_bank *bank, const float *power, const double *cosines, int32_t coefficients, double *work,
               float *out);

#endif
