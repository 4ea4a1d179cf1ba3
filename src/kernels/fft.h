/*
 * Fourier transforms of power-of-two lengths, in floating point and in the fixed point of TFLite Micro's audio front
 * end.
 *
 * The fixed-point forms compute what KissFFT defines for its 16 and 32-bit builds, bit for bit: decimation in time with
 * as many radix-4 stages as fit and one of radix 2 innermost; before each butterfly of radix p every value is
 * multiplied by (max / p), where max is the largest scalar, and each product is rounded to nearest with ties upward.
 * Sums wrap. The result is therefore the transform divided by its length. The float form does not divide.
 */
#ifndef LN_KERNELS_FFT_H
#define LN_KERNELS_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LN_FFT_MAX_LENGTH = 1 << 20 };

static inline bool ln_fft_length_ok(int64_t length) {
  return length >= 1 && length <= LN_FFT_MAX_LENGTH && (length & (length - 1)) == 0;
}

/*
 * Tables of a complex transform of `length` points (a power of two), which is also a real one of 2 * length.
 * The caller gives the memory; ln_k_fft_init_* fills it. Complex numbers stand as pairs, real part first.
 */
#define LN_FFT_DECLARE(suffix, scalar)                                                                 \
  typedef struct ln_fft_##suffix {                                                                     \
    int32_t length;                                                                                    \
    int32_t *order;   /* [length]: which input stands where before the first stage */                  \
    scalar *twiddles; /* [2 * length]: exp(-2 pi i k / length) */                                      \
    scalar *split;    /* [length]: exp(-i pi (k + 1) / length - i pi / 2), of the real form */         \
    bool inverse;     /* all of these turned the other way, and the transform with them */             \
  } ln_fft_##suffix;                                                                                   \
  void ln_k_fft_init_##suffix(const ln_fft_##suffix *plan);                                            \
  /* in and out: [2 * length], not overlapping */                                                      \
  void ln_k_fft_##suffix(const ln_fft_##suffix *plan, const scalar *in, scalar *out);                  \
  /* in, work: [2 * length]; out: [2 * length + 2], the first half of the spectrum. No two overlap. */ \
  void ln_k_rfft_##suffix(const ln_fft_##suffix *plan, const scalar *in, scalar *work, scalar *out);   \
  /* The way back, of a plan with `inverse`: 2 * length times what the float form was made from.       \
   * in: [2 * length + 2]; work, out: [2 * length]. No two overlap. */                                 \
  void ln_k_irfft_##suffix(const ln_fft_##suffix *plan, const scalar *in, scalar *work, scalar *out);
LN_FFT_DECLARE(f32, float)
LN_FFT_DECLARE(f64, double)
LN_FFT_DECLARE(i16, int16_t)
LN_FFT_DECLARE(i32, int32_t)
#undef LN_FFT_DECLARE

#endif
