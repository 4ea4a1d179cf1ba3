/* The audio front end's loops: see kernels/signal.h. */
#include "kernels/signal.h"

#include <math.h>

/* Bits that x takes: 0 for 0, 32 for 2^31. */
static int32_t bit_length(uint32_t x) {
  int32_t bits = 0;
  for (; x != 0; x >>= 1) ++bits;
  return bits;
}

void ln_k_signal_window(const int16_t *input, const int16_t *window, int32_t size, int32_t shift, int16_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const int32_t value = ((int32_t)input[i] * window[i]) >> shift;
    out[i] = (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
  }
}

/* -32768 has no magnitude in 16 bits and counts as itself, below everything that follows it: so does the original. */
static int16_t largest_magnitude(const int16_t *input, size_t size) {
  int16_t largest = 0;
  for (size_t i = 0; i < size; ++i) {
    const int32_t value = input[i];
    if (value > largest) {
      largest = (int16_t)value;
    } else if (-value > largest) {
      largest = (int16_t)(uint16_t)(uint32_t)-value;
    }
  }
  return largest;
}

int32_t ln_k_signal_auto_scale(const int16_t *input, size_t size, int16_t *out) {
  const int32_t spare = 15 - bit_length((uint32_t)(int32_t)largest_magnitude(input, size));
  const int32_t shift = spare > 0 ? spare : 0;
  for (size_t i = 0; i < size; ++i) out[i] = (int16_t)(uint16_t)((uint32_t)(int32_t)input[i] << shift);
  return shift;
}

void ln_k_signal_energy(const int16_t *spectrum, int32_t size, int32_t first, int32_t last, uint32_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const int32_t re = spectrum[2 * i], im = spectrum[2 * i + 1];
    out[i] = i >= first && i < last ? (uint32_t)(re * re) + (uint32_t)(im * im) : 0;
  }
}

bool ln_k_signal_filter_bank_ok(const ln_filter_bank *bank, int32_t bins, int32_t weights) {
  for (int32_t c = 0; c <= bank->channels; ++c) {
    const int32_t width = bank->widths[c], bin = bank->frequency_starts[c], weight = bank->weight_starts[c];
    if (width <= 0) continue;
    if (bin < 0 || weight < 0 || bin > bins - width || weight > weights - width) return false;
  }
  return true;
}

void ln_k_signal_filter_bank(const ln_filter_bank *bank, const uint32_t *input, uint64_t *out) {
  uint64_t carried = 0;
  for (int32_t c = 0; c <= bank->channels; ++c) {
    const int16_t *weights = bank->weights + bank->weight_starts[c];
    const int16_t *unweights = bank->unweights + bank->weight_starts[c];
    const uint32_t *bins = input + bank->frequency_starts[c];
    uint64_t weighted = carried, unweighted = 0;
    for (int32_t j = 0; j < bank->widths[c]; ++j) {
      weighted += (uint64_t)(int64_t)weights[j] * bins[j];
      unweighted += (uint64_t)(int64_t)unweights[j] * bins[j];
    }
    /* The first sum only serves the channel after it. */
    if (c > 0) out[c - 1] = weighted;
    carried = unweighted;
  }
}

static uint32_t rounded_root(uint64_t x) {
  const uint64_t cap = x >> 32 == 0 ? UINT64_C(0xFFFF) : UINT64_C(0xFFFFFFFF);
  uint64_t root = 0, rest = x;
  for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 2) {
    const uint64_t trial = root + bit;
    root >>= 1;
    if (rest >= trial) {
      rest -= trial;
      root += bit;
    }
  }
  return (uint32_t)(rest > root && root != cap ? root + 1 : root);
}

void ln_k_signal_square_root(const uint64_t *input, int32_t size, int32_t shift, uint32_t *out) {
  for (int32_t i = 0; i < size; ++i) out[i] = rounded_root(input[i]) >> shift;
}

void ln_k_signal_spectral_subtraction(const ln_spectral_subtraction *config, const uint32_t *input, int32_t size,
                                      uint32_t *noise, uint32_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const uint64_t smoothing = config->smoothing[i & 1], keep = config->one_minus_smoothing[i & 1];
    const uint32_t signal = input[i] << config->smoothing_bits;
    noise[i] = (uint32_t)((signal * smoothing + noise[i] * keep) >> config->bits);
    uint32_t estimate = noise[i];
    if (estimate > signal) {
      estimate = signal;
      if (config->clamping) noise[i] = estimate;
    }
    const uint32_t least = (uint32_t)(((uint64_t)input[i] * config->min_signal_remaining) >> config->bits);
    const uint32_t left = (signal - estimate) >> config->smoothing_bits;
    out[i] = left > least ? left : least;
  }
}

/* A function of x given by a parabola for each power of two: value, slope and curvature stand in the table. */
static int16_t wide_dynamic(uint32_t x, const int16_t *table) {
  if (x <= 2) return table[x];
  const int32_t bits = bit_length(x);
  const int16_t *segment = table + 4 * bits - 6;
  const int32_t place = (int32_t)((bits < 11 ? x << (11 - bits) : x >> (bits - 11)) & 0x3FF);
  uint32_t value = (uint32_t)((segment[2] * place) >> 5) + ((uint32_t)(int32_t)segment[1] << 5);
  value = value * (uint32_t)place + (UINT32_C(1) << 14);
  return (int16_t)(uint16_t)(uint32_t)(((int32_t)value >> 15) + segment[0]);
}

/* x^2 / 4 below 2 and x - 1 from there; 12 fraction bits in, 6 out. */
static uint32_t shrink(uint32_t x) { return x < (2u << 12) ? (x * x) >> (2 + 2 * 12 - 6) : (x >> 6) - (1u << 6); }

void ln_k_signal_pcan(const uint32_t *input, const uint32_t *noise, const int16_t *gain_lut, int32_t size,
                      int32_t snr_shift, uint32_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const uint32_t gain = (uint32_t)(int32_t)wide_dynamic(noise[i], gain_lut);
    out[i] = shrink((uint32_t)(((uint64_t)input[i] * gain) >> snr_shift));
  }
}

/* What log2(1 + x) exceeds x by at 128 points of [0, 1], with 16 fraction bits. */
void ln_k_signal_log_table(uint16_t *table) {
  for (int32_t i = 0; i < LN_LOG_TABLE_SIZE; ++i) {
    const double x = i / 128.0;
    table[i] = i < 128 ? (uint16_t)floor(65536.0 * (log2(1.0 + x) - x) + .5) : 0;
  }
}

static uint32_t scaled_log(uint32_t x, uint32_t scale, const uint16_t *table) {
  const int32_t exponent = bit_length(x) - 1;
  const uint32_t above = x - (UINT32_C(1) << exponent);
  const int32_t fraction = (int32_t)(exponent < 16 ? above << (16 - exponent) : above >> (exponent - 16));
  const int32_t segment = fraction >> 9, place = fraction & 511;
  /* The slope is shifted by the whole scale, not by a segment's share of it: so does the original. */
  const int32_t correction = table[segment] + (((table[segment + 1] - table[segment]) * place) >> 16);
  const uint32_t binary_log = ((uint32_t)exponent << 16) + (uint32_t)(fraction + correction);
  const uint32_t natural_log = (uint32_t)((UINT64_C(45426) * binary_log + 32768) >> 16); /* ln 2 with 16 bits */
  return (scale * natural_log + 32768) >> 16;
}

void ln_k_signal_log(const uint32_t *input, int32_t size, uint32_t scale, int32_t correction_bits,
                     const uint16_t *table, int16_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const uint32_t scaled = input[i] << correction_bits;
    const uint32_t value = scaled > 1 ? scaled_log(scaled, scale, table) : 0;
    out[i] = (int16_t)(value < INT16_MAX ? value : INT16_MAX);
  }
}
