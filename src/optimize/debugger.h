/*
 * The quantization debugger: debug_match.c finds which tensor stands for which, debug_stats.c adds up how far they are
 * apart, debugger.c runs both models, debug_share.c measures what each operator's error does to the outputs.
 */
#ifndef LN_OPTIMIZE_DEBUGGER_H
#define LN_OPTIMIZE_DEBUGGER_H

#include "ir/ir.h"
#include "linnet/debug.h"
#include "ops/ops.h"
#include "optimize/noise.h"

/* ---- counterparts (debug_match.c) ---- */

/* One of the two graphs. A tensor's root is what QUANTIZE and DEQUANTIZE, one after the other, made it from. */
typedef struct ln_debug_side {
  const ln_graph *graph;
  int32_t *producers; /* [tensor_count] operators, -1 none */
  int32_t *uses;      /* [tensor_count] readers, outputs of the graph counted */
  int32_t *readers;   /* [tensor_count] the first operator that reads it, -1 none */
  int32_t *roots;     /* [tensor_count] */
  bool *constant;     /* [tensor_count] depends on no input */
} ln_debug_side;

typedef struct ln_debug_pairs {
  ln_debug_side f, q;
  int32_t *tensors;    /* [q tensors] root of the counterpart in floats, -1; the same for all of one root */
  uint8_t *how;        /* [q tensors] ln_quant_match */
  int32_t *ops, *back; /* [q ops] and [f ops] the counterparts, -1 */
} ln_debug_pairs;

/* `f_outputs` and `q_outputs` [count]: outputs that stand for one another; inputs likewise. */
typedef struct ln_debug_ends {
  const int32_t *f_inputs, *q_inputs, *f_outputs, *q_outputs;
  int32_t input_count, output_count;
} ln_debug_ends;

ln_status ln_debug_match(const ln_graph *f, const ln_graph *q, const ln_debug_ends *ends, ln_arena *arena,
                         ln_debug_pairs *out);

/* ---- differences (debug_stats.c) ---- */

enum { LN_DEBUG_CHANNELS = 16, LN_DEBUG_SUGGESTIONS = 10 };

typedef struct ln_debug_sums {
  double error2, signal2, other2, product, error, largest;
  int64_t count;
} ln_debug_sums;

void ln_debug_add(ln_debug_sums *sums, const float *exact, const float *other, size_t count);
double ln_debug_snr(double signal2, double error2); /* in dB; 200 for no error at all, so that it can be drawn */

typedef struct ln_debug_stats {
  ln_debug_sums sums;
  double type_error2;                     /* of rounding to the type alone */
  double *channel_error2, *channel_error; /* [channels] */
  double *channel_signal2;
  int64_t saturated, clipped, counted; /* of stored numbers, of exact values; of each so many */
  float low, high;
  double bin_width; /* 0: none yet */
  int64_t bins[LN_QUANT_BINS];
} ln_debug_stats;

/* What a tensor's type and scales can say. */
typedef struct ln_debug_format {
  bool integer; /* has a scale, or more */
  double stored_low, stored_high, from, to, scale;
} ln_debug_format;

ln_debug_format ln_debug_format_of(const ln_tensor *tensor);
/* Adds a sample: `tensor` is the counterpart with its data, of which `values` [count] are the real numbers. */
void ln_debug_stats_add(ln_debug_stats *stats, const ln_quant_row *row, const ln_tensor *tensor, const float *exact,
                        const float *values, size_t count);
/* Fills in what the sums say. */
void ln_debug_stats_finish(const ln_debug_stats *stats, const ln_tensor *tensor, ln_quant_row *row);
/* The channels with most error, at most LN_DEBUG_CHANNELS; returns how many. */
int32_t ln_debug_worst_channels(const ln_debug_stats *stats, const ln_quant_row *row, int64_t per_channel,
                                ln_quant_channel *out);

/* ---- the debugger (debugger.c) ---- */

/* Numbers of a tensor, in memory that grows. */
typedef struct ln_debug_values {
  float *data;
  size_t count, capacity;
} ln_debug_values;

typedef struct ln_debug_row {
  ln_quant_row row;
  ln_debug_stats stats;
  ln_debug_sums own; /* with exact inputs */
  bool has_own;
  ln_debug_values made; /* what the operator made of the exact inputs of the last sample */
  double rounding;      /* the part that rounding the exact result alone makes */
  double noise;         /* its error's part of the outputs' power, summed over samples */
  ln_quant_channel worst[LN_DEBUG_CHANNELS];
  int32_t worst_count;
} ln_debug_row;

struct ln_quant_debug {
  ln_arena arena;
  ln_quant_debug_options options;
  ln_debug_pairs pairs;
  ln_debug_row *rows; /* [row_count] */
  int32_t row_count;
  int32_t *row_of;            /* [q tensors] the row whose counterpart it is, -1 */
  ln_session *f, *q, *forced; /* `forced`: the quantized model, each operator given exact inputs */
  ln_session *injected;       /* the model in floats with one operator's error; NULL: not measured */
  ln_debug_values exact, other;
  ln_debug_sums *sums; /* [outputs] */
  int32_t injecting;   /* the row, -1 */
  int64_t ran, shared; /* samples */
  int32_t suggestions[LN_DEBUG_SUGGESTIONS], suggestion_count;
  ln_status status; /* of a callback that ended a run */
  ln_error *err;    /* of the call that runs */
};

/* Real numbers of a session's tensor, in whatever form. */
ln_status ln_debug_read(ln_session *session, int32_t tensor, ln_error *err, ln_debug_values *out);
ln_status ln_debug_feed(ln_quant_debug *debug, ln_session *session, int64_t sample);
ln_status ln_debug_progress(const ln_quant_debug *debug, const char *what, int64_t done, int64_t total);

/* ---- shares (debug_share.c) ---- */

/* Runs the model in floats once for each row that has an operator's own error, with that error alone. */
ln_status ln_debug_measure_shares(ln_quant_debug *debug, int64_t sample);
ln_status ln_debug_suggest(ln_quant_debug *debug);
/* Which operators only move numbers, and who touches what: false when memory is short. */
bool ln_debug_net(const ln_quant_debug *debug, ln_arena *arena, ln_noise_net *out);
/* Adds up what was measured: `out` has room and holds zeros. */
void ln_debug_noise(const ln_quant_debug *debug, const ln_noise_net *net, ln_noise *out);
/* For the session `injected`: user is the debugger. */
bool ln_debug_inject(void *user, const ln_operator_event *event);

#endif
