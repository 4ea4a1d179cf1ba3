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
  LN_QUANTIZE_BF16_INT8, /* bfloat16 activations, int8 weights */
  LN_QUANTIZE_FLOAT32    /* as it is: for layers that are to be left out */
} ln_quantize_format;

/* What the stage asks of an operator (NULL: of the model): LN_QUANTIZE_FLOAT32 where it does not take it. */
ln_quantize_format ln_quantize_format_of(const ln_optimizer *o, const ln_stage *stage, const ln_op *op);
static inline bool ln_quantize_is_full_integer(ln_quantize_format format) {
  return format == LN_QUANTIZE_INT8 || format == LN_QUANTIZE_INT16X8;
}
/* Whether a layer's weights get one scale for all: as the stage says, or to keep a codebook of the whole tensor. */
bool ln_quantize_is_per_tensor(const ln_optimizer *o, const ln_stage *stage, const ln_layer *layer);

/* ---- ranges (calibrate.c) ---- */

typedef struct ln_range {
  bool seen;
  float low, high; /* that the method chose; low <= high */
  float seen_low, seen_high;
} ln_range;

/* [tensor_count] of the graph, of float tensors that runs over the calibration samples write or read; the caller's, to
 * ln_free. The stage's parameters choose the method. `model` is a snapshot of the graph, which runs. LN_ERR_DATA, with
 * the reason, for samples that cannot be what the model is for. */
ln_status ln_calibrate(ln_optimizer *o, const ln_stage *stage, ln_model *model, ln_range **out);

/* How often values of a tensor fell where: bins of equal width over -reach .. reach (calibrate_histogram.c). */
enum { LN_HISTOGRAM_BINS = 4096 };
typedef struct ln_histogram {
  float reach;    /* 0: nothing but zeros so far */
  uint32_t *bins; /* [LN_HISTOGRAM_BINS], counts */
} ln_histogram;
/* `most`: the greatest magnitude among the values, all of them finite; the histogram's reach grows to hold it. */
void ln_histogram_add(ln_histogram *h, const float *values, size_t count, float most);
/* Each narrows a range that is what was seen. */
void ln_histogram_percentile(const ln_histogram *h, double percentile, ln_range *range);
void ln_histogram_entropy(const ln_histogram *h, ln_range *range);
void ln_histogram_least_squares(const ln_histogram *h, ln_range *range);

/* What training found, in the stead of calibration and of what the magnitudes of weights say. */
struct ln_quantize_trained {
  const ln_range *ranges; /* [tensor_count] as calibration found them before training: what is planned by */
  const ln_range *scaled; /* [2 * tensor_count] what a tensor's scale, as int8 and as int16, is for now, where `seen` */
  const float *const *scales; /* [tensor_count] of weights: one for each of a layer's rows, or NULL */
};

/* ---- the two halves ---- */

/* Operators of format int8 or int16x8 in integers, whatever feeds them; the others stay as they are. */
ln_status ln_quantize_full_integer(ln_optimizer *o, const ln_stage *stage);
/* Layers whose own format (ln_quantize_format_of) is one of weights. */
ln_status ln_quantize_weight_forms(ln_optimizer *o, const ln_stage *stage, ln_quantize_format format);

/* Symmetric scales of a layer's rows for `bits`-bit integers: one each, or the same for all where `per_tensor`. [rows]
 */
void ln_weight_scales(const float *values, int32_t rows, int32_t columns, int32_t bits, bool per_tensor, float *scales);

/* The same of a layer, or those that were trained. */
void ln_weight_scales_of(const ln_optimizer *o, const ln_layer *layer, const float *values, int32_t bits,
                         bool per_tensor, float *scales);

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
