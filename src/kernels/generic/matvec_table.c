/* Weights by number times bytes in plain C (matvec_table.h). */
#include "kernels/matvec.h"

ln_matvec_table_fn ln_matvec_table_generic;

void ln_matvec_table_generic(const uint8_t *x, int32_t columns, const int8_t *values, const void *panel, int32_t *out) {
  const uint8_t *at = panel;
  for (int32_t r = 0; r < LN_TABLE_ROWS; ++r) out[r] = 0;
  for (int32_t c = 0; c < columns; c += LN_TABLE_STEP) {
    for (int32_t r = 0; r < LN_TABLE_ROWS; ++r, at += 4) {
      for (int32_t i = 0; i < 4; ++i) out[r] += values[at[i] & 15] * x[c + i] + values[at[i] >> 4] * x[c + 4 + i];
    }
  }
}

void ln_k_table_pack(const uint8_t *numbers, int32_t row, int32_t columns, uint8_t *panel) {
  for (int32_t c = 0; c < columns; ++c) {
    const size_t step = (size_t)(c / LN_TABLE_STEP) * (LN_TABLE_ROWS * 4) + (size_t)row * 4 + (size_t)(c % 4);
    panel[step] |= (uint8_t)(numbers[c] << (c % LN_TABLE_STEP / 4 * 4));
  }
}
