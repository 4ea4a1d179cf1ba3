/* Choosing between elements (select.h): one loop for each size of element. */
#include "kernels/select.h"

typedef struct item16 {
  uint64_t parts[2];
} item16;

#define SELECT(name, type)                                                                                       \
  static void name(const uint8_t *condition, const void *a, const void *b, void *out, const ln_block *block) {   \
    const size_t step_c = block->column_step[0], step_a = block->column_step[1], step_b = block->column_step[2]; \
    size_t r, i;                                                                                                 \
    for (r = 0; r < block->rows; ++r) {                                                                          \
      const uint8_t *row_c = condition + r * block->row_step[0];                                                 \
      const type *row_a = (const type *)a + r * block->row_step[1];                                              \
      const type *row_b = (const type *)b + r * block->row_step[2];                                              \
      type *row_out = (type *)out + r * block->columns;                                                          \
      LN_INDEPENDENT                                                                                             \
      for (i = 0; i < block->columns; ++i) {                                                                     \
        row_out[i] = row_c[i * step_c] != 0 ? row_a[i * step_a] : row_b[i * step_b];                             \
      }                                                                                                          \
    }                                                                                                            \
  }

SELECT(select_1, uint8_t)
SELECT(select_2, uint16_t)
SELECT(select_4, uint32_t)
SELECT(select_8, uint64_t)
SELECT(select_16, item16)

void ln_k_select(const uint8_t *condition, const void *a, const void *b, void *out, size_t bytes,
                 const ln_block *block) {
  switch (bytes) {
    case 1: select_1(condition, a, b, out, block); break;
    case 2: select_2(condition, a, b, out, block); break;
    case 4: select_4(condition, a, b, out, block); break;
    case 8: select_8(condition, a, b, out, block); break;
    default: select_16(condition, a, b, out, block); break;
  }
}
