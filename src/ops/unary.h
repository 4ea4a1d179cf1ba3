/* Between unary.c, which runs functions of one tensor, and unary_quantized.c, which prepares their integer forms. */
#ifndef LN_OPS_UNARY_H
#define LN_OPS_UNARY_H

#include "kernels/unary.h"
#include "ops/elementwise.h"
#include "ops/variants.h"

typedef struct ln_unary_args {
  void (*span)(const ln_node *node, size_t first, size_t count);
  ln_unary_f32_fn *fn; /* floats */
  float a, b;
  uint8_t *table;    /* 8 bits: the result for each stored byte */
  bool refuse_below; /* stored values below the zero point have no result */
  uint16_t *sigmoid; /* int16 LOGISTIC and TANH: their table and rescaling */
  int32_t multiplier, shift;
  int16_t *lut; /* int16 by interpolation */
  ln_piecewise_i16 piecewise;
} ln_unary_args;

static inline ln_unary_op ln_unary_operation(const ln_node *node) { return (ln_unary_op)node->op->def->variant; }
/* The range that a RELU of any kind clamps to. */
void ln_unary_relu_range(ln_unary_op op, float *low, float *high);

/* Fills in the function of floats and what it reads. */
void ln_unary_prepare_float(const ln_node *node, ln_unary_args *args);
/* Fill `args` for int8, uint8 and int16 with quantization. */
ln_status ln_unary_prepare_8bit(const ln_node *node, ln_prep *prep, ln_unary_args *args);
ln_status ln_unary_prepare_16bit(const ln_node *node, ln_prep *prep, ln_unary_args *args);

#endif
