/*
 * Quantization: quantize.c reads the stage's parameters and hands over to full_integer.c (activations and weights in
 * integers, after calibrate.c has seen the ranges) or to weight_forms.c (weights alone); bias_correct.c and
 * learned_rounding.c make what comes out more exact.
 */
#ifndef LN_OPTIMIZE_QUANTIZE_H
#define LN_OPTIMIZE_QUANTIZE_H

#include "optimize/optimize.h"

/* The parameter "format". */
typedef enum ln_quantize_format {
  LN_QUANTIZE_INT8,    /* int8 activations and weights */
  LN_QUANTIZE_INT16X8, /* int16 activations, int8 weights */
  LN_QUANTIZE_DYNAMIC, /* int8 weights, activations quantized as they come */
  LN_QUANTIZE_FLOAT16, /* weights, read through DEQUANTIZE */
  LN_QUANTIZE_BFLOAT16,
  LN_QUANTIZE_INT8_WEIGHTS, /* weights, read through DEQUANTIZE, by channel or in blocks */
  LN_QUANTIZE_INT4_WEIGHTS,
  LN_QUANTIZE_INT2_WEIGHTS,
  LN_QUANTIZE_BF16_INT8 /* bfloat16 activations, int8 weights */
} ln_quantize_format;

/* ---- ranges (calibrate.c) ---- */

typedef struct ln_range {
  bool seen;
  float low, high; /* that the method chose; low <= high */
  float seen_low, seen_high;
} ln_range;

/* [tensor_count] of the graph, of float tensors that runs over the calibration samples write or read; the caller's, to
 * ln_free. The stage's parameters choose the method. */
ln_status ln_calibrate(ln_optimizer *o, const ln_stage *stage, ln_range **out);

/* ---- the two halves ---- */

ln_status ln_quantize_full_integer(ln_optimizer *o, const ln_stage *stage, ln_quantize_format format);
ln_status ln_quantize_weight_forms(ln_optimizer *o, const ln_stage *stage, ln_quantize_format format);

/* Symmetric scales of a layer's rows for `bits`-bit integers: one each, or the same for all where `per_tensor`. [rows]
 */
void ln_weight_scales(const float *values, int32_t rows, int32_t columns, int32_t bits, bool per_tensor, float *scales);

/* ---- making it more exact ---- */

/* Corrects biases by the mean error of each layer's output on calibration data, layer by layer from the input on;
 * `before` is the model in floats, a snapshot whose operators stand in the same order, one to one. */
ln_status ln_bias_correct(ln_optimizer *o, const ln_stage *stage, ln_model *before);
/*
 * Chooses for each weight whether it is rounded up or down so that the layer's output on calibration data stays close.
 * values [rows, columns] in floats, `scales` [rows]; writes the integers. `patches` [positions, columns] is what the
 * layer multiplies in the model in floats.
 */
ln_status ln_round_learned(ln_optimizer *o, const float *values, int32_t rows, int32_t columns, const float *scales,
                           int32_t bits, const float *patches, int64_t positions, int8_t *out);

#endif
