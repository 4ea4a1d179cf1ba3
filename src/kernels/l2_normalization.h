/* Rows divided by their Euclidean length. */
#ifndef LN_KERNELS_L2_NORMALIZATION_H
#define LN_KERNELS_L2_NORMALIZATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out = in / max(|in|, 1e-6) for each of `rows` rows of `depth`. */
void ln_k_l2_normalize_f32(const float *in, float *out, size_t rows, size_t depth);
/* The same of bytes less `zero_point` (int8, or uint8 with is_unsigned); results in units of 1/128 around 0 (128). */
void ln_k_l2_normalize_q8(const void *in, void *out, size_t rows, size_t depth, bool is_unsigned, int32_t zero_point);

#endif
