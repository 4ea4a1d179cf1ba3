/* Copying 8-bit elements into another scale, as the reference concatenation does it. */
#ifndef LN_KERNELS_REQUANTIZE_COPY_H
#define LN_KERNELS_REQUANTIZE_COPY_H

#include <stddef.h>
#include <stdint.h>

/* dst = clamp(round(src * scale + bias) + zero_point), rounded half away from zero, all in single precision. */
void ln_k_requantize_copy_u8(const uint8_t *src, uint8_t *dst, size_t count, float scale, float bias,
                             int32_t zero_point);
void ln_k_requantize_copy_i8(const int8_t *src, int8_t *dst, size_t count, float scale, float bias, int32_t zero_point);

#endif
