/* Where the greatest or least element lies; the first of equals. */
#ifndef LN_KERNELS_ARG_MINMAX_H
#define LN_KERNELS_ARG_MINMAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linnet/tensor.h"

enum { LN_ARG_BLOCK = 256 };

/*
 * Of src [length, inner] (inner elements side by side), for each of `count` of them from src on, the index along
 * `length` of the greatest (least) element. A NaN is never better than what stood before it, and nothing is better than
 * a NaN in front. count at most LN_ARG_BLOCK, length at least 1. `type`: float32, float64, int8, uint8, int16, int32,
 * int64 or bool.
 */
void ln_k_arg_columns(ln_type type, bool least, const void *src, size_t length, size_t inner, size_t count,
                      int32_t *indices);
/* The same of src [count, length]; float32 and bytes go through the slots below. */
void ln_k_arg_rows(ln_type type, bool least, const void *src, size_t length, size_t count, int32_t *indices);

/* src [count, length]: for each row the first index of the greatest src ^ flip, as unsigned bytes. */
typedef void ln_arg_rows_u8_fn(uint8_t flip, const uint8_t *src, size_t length, size_t count, int32_t *indices);
/* The same for floats, NaN as above. */
typedef void ln_arg_rows_f32_fn(bool least, const float *src, size_t length, size_t count, int32_t *indices);

typedef struct ln_arg_minmax_kernels {
  ln_arg_rows_u8_fn *rows_u8;
  ln_arg_rows_f32_fn *rows_f32;
} ln_arg_minmax_kernels;

#endif
