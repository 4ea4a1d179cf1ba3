/* Integers that stand for numbers: what quantized operators of every domain are made of (onnx_quantize.c). */
#ifndef LN_IMPORT_ONNX_ONNX_QUANTIZE_H
#define LN_IMPORT_ONNX_ONNX_QUANTIZE_H

#include "import/onnx/onnx_lists.h"

/* How integers stand for numbers: (integer - zero) * scale. */
typedef struct ln_onnx_scale {
  int32_t scale; /* one, one an index of `axis`, or one for each block of indices */
  int32_t zero;  /* like `scale`; -1: 0 */
  int32_t axis;
  int32_t block; /* 0: none */
} ln_onnx_scale;

/* Those of three inputs in a row, the second and third of which are scale and zero point. */
ln_onnx_scale ln_onnx_scale_in(ln_onnx_node *n, int32_t scale_input, int32_t zero_input);

/*
 * The numbers that integers stand for, as float32. DEQUANTIZE where there is one scale and it is known, so that passes
 * find operators on integers; constants become floats.
 */
int32_t ln_onnx_dequantize(ln_onnx_node *n, int32_t a, const ln_onnx_scale *by);
/* Integers of `type` for numbers; QUANTIZE where there is one scale and it is known. */
int32_t ln_onnx_quantize(ln_onnx_node *n, int32_t a, const ln_onnx_scale *by, ln_type type);

/* Input `index`, with its scale and zero point behind it, as float32. */
int32_t ln_onnx_dequantized_in(ln_onnx_node *n, int32_t index);
/* Sets output 0 to `a`, quantized as scale and zero point from input `index` say. */
void ln_onnx_quantized_out(ln_onnx_node *n, int32_t index, int32_t a);

/* a [.., m, k] times b [.., k, n] of float32 that hold small integers: exact, as int32. */
int32_t ln_onnx_integer_product(ln_onnx_node *n, int32_t a, int32_t b);
/* An integer tensor less its zero point, which is one, or one a row (`axis` -2) or column (-1); as float32. */
int32_t ln_onnx_less_zero(ln_onnx_node *n, int32_t a, int32_t zero, int32_t axis);

#endif
