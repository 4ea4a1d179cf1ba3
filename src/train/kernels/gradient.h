/*
 * Kernels of the operators that only gradients have (train/operators.h): compute only, as those of src/kernels are, but
 * in the part of the library that trains. gradient_generic.c is the contract; gradient_f32.inc is the body of the
 * tiers. Results are within what another order of the same sums gives, and do not depend on who computes which part.
 */
#ifndef LN_TRAIN_KERNELS_GRADIENT_H
#define LN_TRAIN_KERNELS_GRADIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pixels one behind the other: numbers of two tensors that are multiplied. */
typedef struct ln_pixels {
  const float *a, *b; /* of the first pixel */
  int32_t count;
} ln_pixels;

typedef struct ln_pixel_sums {
  int32_t m, n; /* of c: rows, columns */
  const ln_pixels *lines;
  int32_t line_count;
  ptrdiff_t a_stride, b_stride; /* floats from a pixel to the next */
  ptrdiff_t c_stride;           /* from a row to the next */
  float *c;
  ptrdiff_t a_row; /* inner sums: floats from what one row of c takes of a to what the next one does */
} ln_pixel_sums;

/* c[i][j] += the sum over all pixels of a[i] * b[j] */
typedef void ln_outer_sums_fn(const ln_pixel_sums *s);
enum { LN_INNER_ROWS = 3 };
/* c[i][j] += the sum over all pixels of a[i * a_row + j] * b[j]; at most LN_INNER_ROWS rows */
typedef void ln_inner_sums_fn(const ln_pixel_sums *s);

/* out[c] = the sum over `count` pixels [channels] of (x[c] - mean[c])^2 */
typedef void ln_square_sums_fn(size_t count, int32_t channels, const float *x, const float *mean, float *out);

/* dx = dy where low < y < high, else 0; dx may be dy. */
typedef void ln_mask_fn(size_t count, const float *dy, const float *y, float low, float high, float *dx);

/* The points k * scale between two of them. */
typedef struct ln_fake_grid {
  float scale, inverse, low, high;
} ln_fake_grid;

/* y = the nearest point of x, and seen[0] = min(seen[0], x), seen[1] = max(seen[1], x); y may be x. */
typedef void ln_fake_quant_fn(size_t count, const float *x, const ln_fake_grid *grid, float *y, float seen[2]);

/* Windows over one image. */
typedef struct ln_windows {
  int32_t in_h, in_w, out_h, out_w, channels;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, before_h, before_w;
} ln_windows;

/* The first of a window's largest elements has its gradient; all of dx [in_h, in_w, channels] is written. */
typedef void ln_max_pool_back_fn(const ln_windows *w, const float *x, const float *dy, float *dx);

enum { LN_GRADIENT_TAPS = 64 };

/* out[c] = (`first` ? 0 : out[c]) + the sum over i < count of a[i][c] * b[i][c], in that order */
typedef void ln_taps_fn(int32_t count, const float *const *a, const float *const *b, int32_t channels, bool first,
                        float *out);

typedef struct ln_gradient_kernels {
  int32_t mr, nr; /* a tile of outer_sums: what rows and columns are cut by */
  ln_outer_sums_fn *outer_sums;
  ln_inner_sums_fn *inner_sums;
  ln_mask_fn *mask;
  ln_max_pool_back_fn *max_pool_back;
  ln_taps_fn *taps;
  ln_fake_quant_fn *fake_quant;
  ln_square_sums_fn *square_sums;
} ln_gradient_kernels;

extern const ln_gradient_kernels ln_gradient_kernels_generic;
#if defined(LN_X86)
extern const ln_gradient_kernels ln_gradient_kernels_avx2, ln_gradient_kernels_avx512;
#endif

#endif
