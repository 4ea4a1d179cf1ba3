/* Addresses of the taps under an output pixel of a row of bytes. */
#ifndef LN_KERNELS_X86_DWCONV_TAPS_H
#define LN_KERNELS_X86_DWCONV_TAPS_H

#include "kernels/dwconv.h"

/* All taps of output `x` at channel 0, in row-major order; NULL where they lie in the padding. */
static inline void dwconv_taps_gather(const ln_dwconv_shape *s, const ln_dwconv_row *row, int32_t x, int32_t begin,
                                      int32_t end, const uint8_t **taps) {
  const ptrdiff_t column = (ptrdiff_t)x * s->stride_w - s->pad_left;
  for (int32_t ky = 0; ky < s->kernel_h; ++ky, taps += s->kernel_w) {
    const uint8_t *in = row->rows[ky];
    for (int32_t kx = 0; kx < s->kernel_w; ++kx) {
      const bool inside = in != NULL && kx >= begin && kx < end;
      taps[kx] = inside ? in + (column + (ptrdiff_t)kx * s->dilation_w) * s->channels : NULL;
    }
  }
}

/* The same for one output after another, x = 0, 1, ...: away from the borders all addresses move by one stride. */
static inline void dwconv_taps_next(const ln_dwconv_shape *s, const ln_dwconv_row *row, int32_t x, bool *whole,
                                    const uint8_t **taps) {
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  const bool now = begin == 0 && end == s->kernel_w;
  if (now && *whole && x > 0) {
    const ptrdiff_t step = (ptrdiff_t)s->stride_w * s->channels;
    for (int32_t i = 0; i < s->kernel_h * s->kernel_w; ++i) {
      if (taps[i] != NULL) taps[i] += step;
    }
  } else {
    dwconv_taps_gather(s, row, x, begin, end, taps);
  }
  *whole = now;
}

#endif
