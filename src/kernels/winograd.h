/*
 * Winograd's minimal filtering F(4x4, 3x3) of floats (Lavin and Gray, "Fast Algorithms for Convolutional Neural
 * Networks", 2015): a 3x3 convolution with stride 1 makes each 4x4 tile of outputs from the 6x6 patch of inputs under
 * it through 36 products a pair of channels instead of 144. Tiles and filters are transformed to 36 points each; at
 * every point the channels are a matrix product of their own, and its results are transformed back.
 *
 * The transforms evaluate polynomials at 0, +-sqrt(1/2), +-sqrt(2) and infinity: there the errors are those of summing
 * directly, where 0, +-1, +-2 would make them seven times as large. Errors are relative to the largest values of a
 * patch, and a patch's infinities and NaNs reach all outputs of its tile.
 *
 * The bound: an output errs by at most LN_WINOGRAD_BOUND(channels) times the sum over channels of the patch's largest
 * absolute value times the taps' absolute values.
 */
#ifndef LN_KERNELS_WINOGRAD_H
#define LN_KERNELS_WINOGRAD_H

#include <stddef.h>
#include <stdint.h>

enum {
  LN_WINOGRAD_TILE = 4,  /* outputs along an axis */
  LN_WINOGRAD_PATCH = 6, /* inputs along an axis */
  LN_WINOGRAD_POINTS = 36
};

#define LN_WINOGRAD_A 0.70710678118654752 /* sqrt(1/2) */
#define LN_WINOGRAD_B 1.41421356237309505 /* sqrt(2) */

#define LN_WINOGRAD_BOUND(channels) (((double)(channels) + 16.0) * 0x1p-24)

/* A patch: pixels[y * 6 + x] is [channels] each. Point p of channel c goes to points[p * stride + c]. */
typedef void ln_winograd_input_fn(const float *const *pixels, int32_t channels, float *points, ptrdiff_t stride);

/* Where a tile's outputs go; strides in floats. */
typedef struct ln_winograd_tile {
  float *out;
  ptrdiff_t row, column;
  int32_t rows, columns; /* of the tile's 4 x 4 that are stored */
} ln_winograd_tile;

/* The sums at the points back to outputs, with the bias ([channels] or NULL) and clamped; NaN stays NaN. */
typedef void ln_winograd_output_fn(const float *points, ptrdiff_t stride, int32_t channels, const float *bias,
                                   float low, float high, const ln_winograd_tile *tile);

typedef struct ln_winograd_kernels {
  ln_winograd_input_fn *input;
  ln_winograd_output_fn *output;
} ln_winograd_kernels;

/* The 3x3 taps of eight output channels, and one input channel, at the points. */
enum { LN_WINOGRAD_LANES = 8 };
void ln_k_winograd_filter(float taps[9][LN_WINOGRAD_LANES], float points[LN_WINOGRAD_POINTS][LN_WINOGRAD_LANES]);

#endif
