/* Sums of quantized int16 with AVX2: the same bits as plain C. */
#include <immintrin.h>

#include "kernels/binary_scalar.h"
#include "kernels/rows.h"
#include "kernels/vec_i32.h"

LN_INLINE vi load_8(const int16_t *p) {
  return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

void ln_add_i16_avx2(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params) {
  const vi_multiplier by_a = vi_multiplier_of(params->a), by_b = vi_multiplier_of(params->b);
  const vi_multiplier by_out = vi_multiplier_of(params->out);
  const vi low = vi_set(params->low), high = vi_set(params->high);
  const size_t a_step = block->column_step[0], b_step = block->column_step[1];
  for (size_t r = 0; r < block->rows; ++r) {
    const int16_t *row_a = (const int16_t *)a + r * block->row_step[0];
    const int16_t *row_b = (const int16_t *)b + r * block->row_step[1];
    int16_t *to = (int16_t *)out + r * block->columns;
    const int16_t first_a = row_a[0], first_b = row_b[0]; /* `out` may be one of them */
    size_t i = 0;
    for (; i + VI_LANES <= block->columns; i += VI_LANES) {
      const vi x = a_step != 0 ? load_8(row_a + i) : vi_set(first_a);
      const vi y = b_step != 0 ? load_8(row_b + i) : vi_set(first_b);
      const vi sum = vi_add(vi_multiply_quantized(vi_shift_left(x, params->left_shift), &by_a),
                            vi_multiply_quantized(vi_shift_left(y, params->left_shift), &by_b));
      const vi cut = vi_min(vi_max(vi_multiply_quantized(sum, &by_out), low), high);
      _mm_storeu_si128((__m128i *)(void *)(to + i),
                       _mm_packs_epi32(_mm256_castsi256_si128(cut), _mm256_extracti128_si256(cut, 1)));
    }
    for (; i < block->columns; ++i)
      to[i] =
          (int16_t)ln_binary_add_quantized(a_step != 0 ? row_a[i] : first_a, b_step != 0 ? row_b[i] : first_b, params);
  }
}
