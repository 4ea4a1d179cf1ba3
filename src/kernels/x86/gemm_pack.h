/* Packing B of bytes for the x86 kernels: one body for both forms; and what the tiers that multiply int16 share. */
#ifndef LN_KERNELS_X86_GEMM_PACK_H
#define LN_KERNELS_X86_GEMM_PACK_H

#include "kernels/gemm.h"
#include "kernels/quant.h"

/* The arguments of ln_gemm_q8_kernel's pack_b, and the columns of a panel. */
typedef struct ln_pack_bytes {
  int32_t nr, n, segments, segment_length;
  const void *b;
  bool is_unsigned;
  ptrdiff_t s_stride, p_stride, n_stride;
} ln_pack_bytes;

/*
 * Packs groups of four bytes, uint8 less 128, where columns lie contiguous or side by side and nr is a multiple of 16;
 * false, and nothing done, for others (gemm_pack_avx512vnni.c).
 */
bool ln_pack_bytes_by_registers(const ln_pack_bytes *p, void *packed, int32_t *column_sums);

/*
 * GROUP elements of a column side by side: panel[step][column][GROUP] of TYPE (int8_t or int16_t), each less `offset`.
 * Columns past n and elements past a segment are zeros.
 */
#define LN_DEFINE_PACK(name, TYPE, GROUP)                                                                       \
  static int32_t name##_group(const ln_pack_bytes *p, ptrdiff_t at, int32_t count, int32_t offset, TYPE *out) { \
    int32_t sum = 0;                                                                                            \
    for (int32_t i = 0; i < (GROUP); ++i, at += p->p_stride) {                                                  \
      out[i] = 0;                                                                                               \
      if (i >= count) continue;                                                                                 \
      out[i] = (TYPE)((p->is_unsigned ? ((const uint8_t *)p->b)[at] : ((const int8_t *)p->b)[at]) - offset);    \
      sum += out[i];                                                                                            \
    }                                                                                                           \
    return sum;                                                                                                 \
  }                                                                                                             \
  static void name(const ln_pack_bytes *p, int32_t offset, TYPE *out, int32_t *column_sums) {                   \
    for (int32_t j = 0; j < p->n; ++j) column_sums[j] = 0;                                                      \
    for (int32_t column = 0; column < p->n; column += p->nr) {                                                  \
      for (int32_t s = 0; s < p->segments; ++s) {                                                               \
        for (int32_t k = 0; k < p->segment_length; k += (GROUP)) {                                              \
          for (int32_t j = 0; j < p->nr; ++j, out += (GROUP)) {                                                 \
            const int32_t count = column + j < p->n ? p->segment_length - k : 0;                                \
            const ptrdiff_t at = s * p->s_stride + k * p->p_stride + (column + j) * p->n_stride;                \
            const int32_t sum = name##_group(p, at, count, offset, out);                                        \
            if (count > 0) column_sums[column + j] += sum;                                                      \
          }                                                                                                     \
        }                                                                                                       \
      }                                                                                                         \
    }                                                                                                           \
  }

/* convert_a of LN_GEMM_A_I16; compilers make vectors of it. */
static inline void ln_convert_a_i16(const void *source, bool is_unsigned, int32_t zero_point, size_t count, void *a) {
  int16_t *restrict out = a;
  const int16_t zero = (int16_t)zero_point;
  if (is_unsigned) {
    const uint8_t *restrict in = source;
    for (size_t i = 0; i < count; ++i) out[i] = (int16_t)(in[i] - zero);
  } else {
    const int8_t *restrict in = source;
    for (size_t i = 0; i < count; ++i) out[i] = (int16_t)(in[i] - zero);
  }
}

/* n sums of a row, from `column` on, as results: for those that fit no vector path. */
static inline void ln_scale_sums_q8(int32_t n, int32_t column, const int32_t *sums, const ln_gemm_q8_params *params,
                                    char *c) {
  const int32_t low = params->low, high = params->high, zero_point = params->zero_point;
  if (params->reals != NULL) {
    const double *reals = params->reals + column;
    for (int32_t j = 0; j < n; ++j) {
      const int32_t moved = ln_multiply_real(sums[j], reals[j]) + zero_point;
      c[j] = (char)(moved < low ? low : moved > high ? high : moved);
    }
    return;
  }
  for (int32_t j = 0; j < n; ++j) {
    const int32_t scaled = ln_multiply_quantized(sums[j], params->multiplier[column + j], params->shift[column + j]);
    const int64_t moved = (int64_t)scaled + zero_point;
    c[j] = (char)(moved < low ? low : moved > high ? high : moved);
  }
}

#endif
