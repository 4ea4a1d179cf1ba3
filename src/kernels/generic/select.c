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

/* The same where steps are known: what the compiler makes vectors of. */
static inline void select_line(const uint8_t *c, const uint32_t *a, size_t step_a, const uint32_t *b, size_t step_b,
                               uint32_t *out, size_t count) {
  size_t i;
  LN_INDEPENDENT
  for (i = 0; i < count; ++i) {
    const uint32_t yes = a[i * step_a], no = b[i * step_b];
    out[i] = c[i] != 0 ? yes : no;
  }
}

static void select_4_lines(const uint8_t *condition, const uint32_t *a, const uint32_t *b, uint32_t *out,
                           const ln_block *block) {
  size_t r;
  for (r = 0; r < block->rows; ++r) {
    const uint8_t *row_c = condition + r * block->row_step[0];
    const uint32_t *row_a = a + r * block->row_step[1], *row_b = b + r * block->row_step[2];
    uint32_t *row_out = out + r * block->columns;
    if (block->column_step[1] == 0) select_line(row_c, row_a, 0, row_b, 1, row_out, block->columns);
    else if (block->column_step[2] == 0) select_line(row_c, row_a, 1, row_b, 0, row_out, block->columns);
    else select_line(row_c, row_a, 1, row_b, 1, row_out, block->columns);
  }
}

void ln_k_select(const uint8_t *condition, const void *a, const void *b, void *out, size_t bytes,
                 const ln_block *block) {
  const size_t *step = block->column_step;
  if (bytes == 4 && step[0] == 1 && step[1] <= 1 && step[2] <= 1 && step[1] + step[2] > 0) {
    select_4_lines(condition, a, b, out, block);
    return;
  }
  switch (bytes) {
    case 1: select_1(condition, a, b, out, block); break;
    case 2: select_2(condition, a, b, out, block); break;
    case 4: select_4(condition, a, b, out, block); break;
    case 8: select_8(condition, a, b, out, block); break;
    default: select_16(condition, a, b, out, block); break;
  }
}
