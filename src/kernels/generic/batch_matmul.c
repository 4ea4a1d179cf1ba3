/* Int16 matrix products in plain C. */
#include "kernels/batch_matmul.h"

#include "kernels/quant.h"

void ln_k_batch_matmul_i16(const ln_i16_product *s, int16_t *out) {
  for (int32_t i = 0; i < s->m; ++i) {
    for (int32_t j = 0; j < s->n; ++j, ++out) {
      const int16_t *x = s->x + i * s->x_row;
      const int16_t *y = s->y + j * s->y_column;
      int64_t sum = 0;
      for (int32_t p = 0; p < s->k; ++p, x += s->x_step, y += s->y_step) {
        sum += (int64_t)(*x - s->x_zero) * (*y - s->y_zero);
      }
      const int64_t value = (int64_t)ln_multiply_quantized_i64(sum, s->multiplier, s->shift) + s->out_zero;
      *out = (int16_t)(value < INT16_MIN ? INT16_MIN : (value > INT16_MAX ? INT16_MAX : value));
    }
  }
}
