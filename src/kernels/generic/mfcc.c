/* Mel bands and cepstral coefficients: see kernels/mfcc.h. */
#include "kernels/mfcc.h"

#include <math.h>
#include <stddef.h>

static double mel(double frequency) { return 1127.0 * log1p(frequency / 700.0); }

/* A bin's number, cut off where no spectrum reaches. */
static int32_t bin_of(double value) { return value < 1073741824.0 ? (int32_t)value : 1073741824; }

void ln_k_mel_init(ln_mel_bank *bank, int32_t rate) {
  const double low = mel(bank->lower), spacing = (mel(bank->upper) - low) / (bank->bands + 1.0);
  const double width = 0.5 * rate / (bank->bins - 1.0); /* Hz a bin */
  for (int32_t i = 0; i <= bank->bands; ++i) bank->centres[i] = low + spacing * (i + 1.0);
  bank->first = bin_of(1.5 + bank->lower / width);
  bank->last = bin_of(bank->upper / width);
  int32_t band = 0;
  for (int32_t i = 0; i < bank->bins; ++i) {
    bank->band[i] = -1;
    bank->weights[i] = 0.0;
    if (i < bank->first || i > bank->last) continue;
    const double at = mel(i * width);
    while (band < bank->bands && bank->centres[band] < at) ++band;
    const double from = band > 0 ? bank->centres[band - 1] : low;
    bank->band[i] = band - 1;
    bank->weights[i] = (bank->centres[band] - at) / (bank->centres[band] - from);
  }
}

void ln_k_mfcc_cosines(int32_t coefficients, int32_t bands, double *cosines) {
  const double norm = sqrt(2.0 / bands), step = 3.14159265358979323846264338327950288 / bands;
  for (int32_t i = 0; i < coefficients; ++i) {
    for (int32_t j = 0; j < bands; ++j) *cosines++ = norm * cos(i * step * (j + 0.5));
  }
}

void ln_k_mfcc(const ln_mel_bank *bank, const float *power, const double *cosines, int32_t coefficients, double *work,
               float *out) {
  for (int32_t i = 0; i < coefficients; ++i) out[i] = 0.0f;
  if (bank->last >= bank->bins) return;
  for (int32_t i = 0; i < bank->bands; ++i) work[i] = 0.0;
  for (int32_t i = bank->first; i <= bank->last; ++i) {
    const double magnitude = sqrt((double)power[i]), falling = magnitude * bank->weights[i];
    const int32_t band = bank->band[i];
    if (band >= 0) work[band] += falling;
    if (band + 1 < bank->bands) work[band + 1] += magnitude - falling;
  }
  for (int32_t i = 0; i < bank->bands; ++i) work[i] = log(work[i] < 1e-12 ? 1e-12 : work[i]);
  for (int32_t i = 0; i < coefficients; ++i) {
    double sum = 0.0;
    for (int32_t j = 0; j < bank->bands; ++j) sum += *cosines++ * work[j];
    out[i] = (float)sum;
  }
}
