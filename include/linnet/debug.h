/*
 * The quantization debugger: a model in floats and a quantized form of it run side by side over samples, whoever made
 * the latter and in whatever form (integers, 16-bit activations, weights alone). Tensors are matched by name and, where
 * names differ, by their place in the graphs. Each tensor tells how far it is from its counterpart, and how much of
 * that its own operator made rather than inherited. `linnet debug-quant` shows it all.
 */
#ifndef LINNET_DEBUG_H
#define LINNET_DEBUG_H

#include "linnet/optimize.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_quant_debug ln_quant_debug;

typedef struct ln_quant_debug_options {
  size_t size;               /* sizeof(ln_quant_debug_options) */
  const ln_samples *samples; /* filled into sessions of both models */
  int64_t limit;             /* samples that are run, evenly spread; 0: all */
  /* How many of them each operator's share in the error of the outputs is measured on: a run of the model in floats for
   * every operator and sample. 0: none is measured, and nothing suggested. */
  int64_t share_limit;
  const char *signature; /* of both models; NULL: the first */
  int32_t threads;       /* 0: one */
  ln_progress_fn progress;
  void *user;
} ln_quant_debug_options;

#define LN_QUANT_DEBUG_OPTIONS_INIT \
  { sizeof(ln_quant_debug_options), NULL, 0, 4, NULL, 0, NULL, NULL }

/*
 * Runs both. LN_ERR_SHAPE when inputs or outputs differ in number or size, LN_ERR_DATA when nothing can be matched. The
 * models must outlive `*out`, which is the caller's.
 */
LN_API ln_status ln_quant_debug_run(ln_model *floats, ln_model *quantized, const ln_quant_debug_options *options,
                                    ln_error *err, ln_quant_debug **out);
LN_API void ln_quant_debug_destroy(ln_quant_debug *debug); /* NULL is fine */

typedef struct ln_quant_summary {
  size_t size; /* sizeof(ln_quant_summary), set by the caller */
  int64_t samples;
  int32_t graph_floats, graph_quantized; /* in their models */
  int32_t matched, unmatched;            /* tensors in floats that are computed */
  double output_snr_db;                  /* of all outputs: signal over noise, noise shares averaged over outputs */
  double output_max_error;               /* the largest difference of an output, in its own unit */
} ln_quant_summary;

LN_API ln_status ln_quant_debug_summary(const ln_quant_debug *debug, ln_quant_summary *out);

typedef enum ln_quant_match { LN_QUANT_MATCH_NAME = 0, LN_QUANT_MATCH_STRUCTURE = 1 } ln_quant_match;

/* A tensor of the model in floats beside its counterpart. NaN: does not apply, or not measured. */
typedef struct ln_quant_row {
  size_t size; /* sizeof(ln_quant_row), set by the caller */
  const char *name, *quantized_name;
  int32_t tensor, quantized_tensor; /* their numbers in the graphs */
  bool constant;                    /* weights and the like, else a tensor that is computed or given */
  ln_quant_match match;
  /* The operator that writes it, or of a constant the first that reads it; -1 and "" of inputs. */
  int32_t op, quantized_op;
  const char *operator_name;
  ln_type type;       /* of the counterpart */
  int64_t elements;   /* of one sample */
  double scale;       /* of the counterpart: the mean where there are several; NaN where it is not quantized */
  double rmse;        /* root of the mean squared difference */
  double rmse_steps;  /* rmse / scale: about 0.29 where nothing but the last rounding differs */
  double snr_db;      /* power of the values over that of the difference: with everything that was inherited */
  double own_snr_db;  /* the same when the operator is given the exact inputs, rounded to its inputs' types */
  double type_snr_db; /* the same when the exact values are rounded to the counterpart's type and scale alone */
  double cosine;
  double mean_error, max_error;
  double saturated;  /* share of stored numbers at an end of the type; an end that stands for zero is none */
  double clipped;    /* share of exact values outside of what the type and scale can say */
  double low, high;  /* of the exact values */
  double from, to;   /* what type and scale can say */
  double range_used; /* (high - low) / (to - from) */
  /* If its operator alone were quantized: SNR of the outputs, and its part (0..1) in the noise of all of them. */
  double output_snr_db, share;
  int32_t channel_axis, channels; /* -1, 0: not told apart */
  int32_t suggested;              /* place among the suggestions, from 1; 0: none */
} ln_quant_row;

/* Constants and computed tensors, in the order in which the model in floats computes. */
LN_API int32_t ln_quant_debug_rows(const ln_quant_debug *debug);
LN_API ln_status ln_quant_debug_row(const ln_quant_debug *debug, int32_t index, ln_quant_row *out);

typedef struct ln_quant_channel {
  size_t size;     /* sizeof(ln_quant_channel), set by the caller */
  int32_t channel; /* along row.channel_axis */
  double rmse, mean_error, snr_db;
  double share; /* of the tensor's squared error */
} ln_quant_channel;

/* The channels of a row, the one with most error first: at most 16 are kept. LN_ERR_ARGUMENT past the last. */
LN_API ln_status ln_quant_debug_channel(const ln_quant_debug *debug, int32_t row, int32_t nth, ln_quant_channel *out);

enum { LN_QUANT_BINS = 41 };
/* How often differences fall into bins of `*width`, the middle one around zero; the caller's [LN_QUANT_BINS]. */
LN_API ln_status ln_quant_debug_histogram(const ln_quant_debug *debug, int32_t row, double *width, int64_t *counts);

/* Tensors of the model in floats that have no counterpart, by number in its graph; -1 past the last. */
LN_API int32_t ln_quant_debug_unmatched(const ln_quant_debug *debug, int32_t nth);

/*
 * Operators that are best left in floats: greedily, those that take away most of the outputs' noise until a quarter of
 * it remains, ten at most. Rounding a tensor counts as long as one operator that touches it is quantized. Gives the
 * number of a row; -1 past the last. Stage "quantize" takes row.op as an exclude ("op:12").
 */
LN_API int32_t ln_quant_debug_suggestion(const ln_quant_debug *debug, int32_t nth);

#ifdef __cplusplus
}
#endif
#endif
