/* Lists and places that operators' files share: axes and indices that only the run knows, rows that are chosen. */
#ifndef LN_IMPORT_ONNX_ONNX_LISTS_H
#define LN_IMPORT_ONNX_ONNX_LISTS_H

#include "import/onnx/onnx.h"

/* Elements of a list (a scalar has one); -1 and a refusal where only the run knows. */
int32_t ln_onnx_length(ln_onnx_node *n, int32_t list);
/* int32 [count] of an integer tensor of one dimension or none. */
int32_t ln_onnx_vector(ln_onnx_node *n, int32_t list);
/* An integer tensor as int32; values beyond are the nearest. */
int32_t ln_onnx_narrow(ln_emit *e, int32_t a);
/* bool [rank]: whether `axes`, which may be negative, names the dimension. */
int32_t ln_onnx_axes_mask(ln_onnx_node *n, int32_t axes, int32_t rank);
/* Indices of any integer type that may count from the end, as int32 from 0 on. */
int32_t ln_onnx_indices(ln_emit *e, int32_t indices, int32_t a, int32_t axis);
/* int32 [1, .., size, .., 1] of `rank` dimensions: 0, 1, 2 .. along one axis of `like`. */
int32_t ln_onnx_iota(ln_emit *e, int32_t like, int32_t axis, int32_t rank);
/* A tensor of one element as a scalar. */
int32_t ln_onnx_scalar(ln_emit *e, int32_t a);
/* A number, NAN included, of a constant input; false with a refusal where it is none. */
bool ln_onnx_number_in(ln_onnx_node *n, int32_t input, double otherwise, double *out);

/* The operator that makes a tensor; NULL for an input or a constant. */
const ln_op *ln_onnx_producer(const ln_emit *e, int32_t a);
/* Whether a node may become so many operators, or constants of so many bytes; false and a refusal where the whole model
 * would become too large for its file. */
bool ln_onnx_may_write(ln_onnx_node *n, int64_t operators);
bool ln_onnx_may_take(ln_onnx_node *n, size_t bytes);
/* A constant, or one that is dequantized: what layers take as their weights. */
bool ln_onnx_is_weight(const ln_emit *e, int32_t a);

/* A Gemm node, which sets output 0 (ops_matmul.c). */
void ln_onnx_emit_gemm(ln_onnx_node *n);

/* What becomes of an element that is written again. */
typedef enum ln_onnx_reduction {
  LN_ONNX_WRITE,
  LN_ONNX_ADD,
  LN_ONNX_MULTIPLY,
  LN_ONNX_MAXIMUM,
  LN_ONNX_MINIMUM
} ln_onnx_reduction;
/* rows [count, inner] with updates [n, inner] written at places int32 [n]. */
int32_t ln_onnx_scatter_rows(ln_emit *e, int32_t rows, int32_t places, int32_t updates, ln_onnx_reduction how);

#endif
