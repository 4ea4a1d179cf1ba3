/*
 * The loops of TFLite Micro's audio front end (window, energy, mel filter bank, noise suppression, gain control, log):
 * unsigned and fixed-point arithmetic, bit for bit its portable C kernels. All of it is defined for every input;
 * sums and products that pass their type wrap.
 */
#ifndef LN_KERNELS_SIGNAL_H
#define LN_KERNELS_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out[i] = input[i] * window[i] >> shift, saturated; shift in [0, 31]. All [size]. */
void ln_k_signal_window(const int16_t *input, const int16_t *window, int32_t size, int32_t shift, int16_t *out);

/* Scales so that the largest magnitude takes 15 bits; returns the shift taken. */
int32_t ln_k_signal_auto_scale(const int16_t *input, size_t size, int16_t *out);

/* out[i] = |spectrum[i]|^2 for i in [first, last), 0 elsewhere. spectrum: [size] complex; out: [size]. */
void ln_k_signal_energy(const int16_t *spectrum, int32_t size, int32_t first, int32_t last, uint32_t *out);

typedef struct ln_filter_bank {
  const int16_t *weights, *unweights; /* [weight_count] */
  const int16_t *frequency_starts;    /* [channels + 1]: where a channel begins in the spectrum */
  const int16_t *weight_starts;       /* [channels + 1] */
  const int16_t *widths;              /* [channels + 1] */
  int32_t channels;
} ln_filter_bank;
/* Whether every channel stays within `bins` spectrum values and `weights` weights. */
bool ln_k_signal_filter_bank_ok(const ln_filter_bank *bank, int32_t bins, int32_t weights);
/* A channel's output is its weighted sum plus the unweighted sum of the channel before it. out: [channels]. */
void ln_k_signal_filter_bank(const ln_filter_bank *bank, const uint32_t *input, uint64_t *out);

/* out[i] = round(sqrt(input[i])) >> shift; shift in [0, 31]. A root that is all ones is not rounded up. */
void ln_k_signal_square_root(const uint64_t *input, int32_t size, int32_t shift, uint32_t *out);

typedef struct ln_spectral_subtraction {
  uint32_t smoothing[2], one_minus_smoothing[2]; /* of even and odd channels */
  uint32_t min_signal_remaining;
  int32_t smoothing_bits; /* [0, 31] */
  int32_t bits;           /* fraction bits of the factors above: [0, 63] */
  bool clamping;
} ln_spectral_subtraction;
/* noise: [size], the running estimate, updated. */
void ln_k_signal_spectral_subtraction(const ln_spectral_subtraction *config, const uint32_t *input, int32_t size,
                                      uint32_t *noise, uint32_t *out);

/* gain_lut: [LN_PCAN_LUT_SIZE]; snr_shift in [0, 63]. */
enum { LN_PCAN_LUT_SIZE = 125 };
void ln_k_signal_pcan(const uint32_t *input, const uint32_t *noise, const int16_t *gain_lut, int32_t size,
                      int32_t snr_shift, uint32_t *out);

/* out[i] = scale * ln(input[i] << correction_bits), saturated, 0 for arguments up to 1. table: [LN_LOG_TABLE_SIZE]. */
enum { LN_LOG_TABLE_SIZE = 130 };
void ln_k_signal_log_table(uint16_t *table);
void ln_k_signal_log(const uint32_t *input, int32_t size, uint32_t scale, int32_t correction_bits,
                     const uint16_t *table, int16_t *out);

#endif
