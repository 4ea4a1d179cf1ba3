/* The body of an element-wise kernel of two tensors, made for each expression of two elements x and y. */
#ifndef LN_KERNELS_BINARY_BODY_H
#define LN_KERNELS_BINARY_BODY_H

#include "kernels/binary.h"

#define LN_BINARY_ROW(in_type, out_type, first, second, expression) \
  LN_INDEPENDENT                                                    \
  for (i = 0; i < columns; ++i) {                                   \
    const in_type x = first;                                        \
    const in_type y = second;                                       \
    row_out[i] = (out_type)(expression);                            \
  }

/* Defines `linkage void name(...)`; the expression may use `params`. The second operand may be of a narrower type. */
#define LN_BINARY_KERNEL_OF(linkage, name, in_type, b_type, out_type, expression)                                     \
  linkage void name(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params) { \
    const size_t columns = block->columns;                                                                            \
    size_t r, i;                                                                                                      \
    (void)params;                                                                                                     \
    for (r = 0; r < block->rows; ++r) {                                                                               \
      const in_type *row_a = (const in_type *)a + r * block->row_step[0];                                             \
      const b_type *row_b = (const b_type *)b + r * block->row_step[1];                                               \
      out_type *row_out = (out_type *)out + r * columns;                                                              \
      if (block->column_step[0] != 0 && block->column_step[1] != 0) {                                                 \
        LN_BINARY_ROW(in_type, out_type, row_a[i], row_b[i], expression)                                              \
      } else if (block->column_step[0] != 0) {                                                                        \
        const in_type only = *row_b;                                                                                  \
        LN_BINARY_ROW(in_type, out_type, row_a[i], only, expression)                                                  \
      } else if (block->column_step[1] != 0) {                                                                        \
        const in_type only = *row_a;                                                                                  \
        LN_BINARY_ROW(in_type, out_type, only, row_b[i], expression)                                                  \
      } else {                                                                                                        \
        const in_type only_a = *row_a;                                                                                \
        const in_type only_b = *row_b;                                                                                \
        LN_BINARY_ROW(in_type, out_type, only_a, only_b, expression)                                                  \
      }                                                                                                               \
    }                                                                                                                 \
  }

#define LN_BINARY_KERNEL(linkage, name, in_type, out_type, expression) \
  LN_BINARY_KERNEL_OF(linkage, name, in_type, in_type, out_type, expression)

#endif
