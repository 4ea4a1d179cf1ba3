/*
 * Weights of 4 bits in blocks times floats: the packed form, how it is made, and the floats as 16-bit integers. Part of
 * the matvec family (matvec.h).
 *
 * A panel holds 64 rows of weights. For each block of columns it has 64 scales, then for every 8 columns 4 bytes a row:
 * the low halves of them are the first 4 columns, the high ones the others, each plus 8.
 */
#ifndef LN_KERNELS_MATVEC_I4_H
#define LN_KERNELS_MATVEC_I4_H

#include <stddef.h>
#include <stdint.h>

enum { LN_I4_ROWS = 64, LN_I4_STEP = 32, LN_I4_MOST = 256 }; /* blocks are a multiple of STEP and at most MOST long */

/* A vector: x is about (256 * high + low) * scale, each block's greatest magnitude 32512 * scale. */
typedef struct ln_i4_vector {
  int32_t blocks, block;
  int8_t *high, *low; /* [blocks * block] */
  float *scales;      /* [blocks] */
  int32_t *starts;    /* [blocks] -8 times the sum of 256 * high + low */
} ln_i4_vector;

/* Quantizes each block, rounding to nearest even; a block with a value that is not finite has the scale NaN. */
typedef void ln_i4_quantize_fn(const float *x, const ln_i4_vector *out);
/* out[r] = sum over blocks of (float)(sum of weight * (256 * high + low)) * (weights' scale * scale), in order, every
 * step rounded by itself: the same bits in every tier. `panel`: as above; out: 64 rows. */
typedef void ln_matvec_i4_fn(const ln_i4_vector *x, const void *panel, float *out);

static inline size_t ln_i4_block_bytes(int32_t block) { return LN_I4_ROWS * (sizeof(float) + (size_t)block / 2); }
/* `count` rows (at most 64) of stored weights, two a byte, row_bytes apart, as a panel. scales: [count][blocks] */
void ln_k_i4_pack(int32_t count, int32_t blocks, int32_t block, const uint8_t *weights, size_t row_bytes,
                  const float *scales, void *panel);

#endif
