/*
 * TFLite Micro's audio front end as custom operators: window, scaling to 16 bits, real Fourier transforms, energy, mel
 * filter bank, square root, noise suppression, gain control and logarithm. Their options are FlexBuffers maps.
 */
#include <string.h>

#include "kernels/fft.h"
#include "kernels/signal.h"
#include "ops/custom_options.h"
#include "ops/rows.h"

static size_t elements_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

static ln_status need_rank_1(const ln_node *node, ln_error *err, int32_t input) {
  if (node->in[input]->shape.rank == 1) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must have one dimension, has %d", input,
                      node->in[input]->shape.rank);
}

static ln_status same_size(const ln_node *node, ln_error *err, int32_t a, int32_t b) {
  if (ln_shape_equal(&node->in[a]->shape, &node->in[b]->shape)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "inputs %d and %d must have the same shape", a, b);
}

/* ---- SignalWindow: every row of input 0 times the window, input 1 ---- */

ln_status ln_signal_window_infer(ln_node *node, ln_error *err) {
  const ln_shape *shape = &node->in[0]->shape;
  LN_TRY(need_rank_1(node, err, 1));
  if (shape->rank < 1 || shape->dims[shape->rank - 1] != node->in[1]->shape.dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the rows of the input must be as long as the window");
  }
  return ln_node_set_shape(node, 0, shape, err);
}

ln_status ln_signal_window_prepare(ln_node *node, ln_prep *prep) {
  int64_t *shift = LN_NODE_ARGS(node, prep, int64_t);
  if (shift == NULL) return LN_ERR_MEMORY;
  return ln_custom_int(node, prep->err, "shift", 0, 31, shift);
}

ln_status ln_signal_window_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const int32_t size = node->in[1]->shape.dims[0];
  const size_t total = elements_of(node->in[0]);
  const int16_t *input = node->in[0]->data;
  int16_t *out = node->out[0]->data;
  for (size_t at = 0; at < total; at += (size_t)size) {
    ln_k_signal_window(input + at, node->in[1]->data, size, (int32_t) * (const int64_t *)node->args, out + at);
  }
  return LN_OK;
}

/* ---- SignalFftAutoScale: the scaled samples and the shift taken ---- */

ln_status ln_signal_auto_scale_infer(ln_node *node, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  LN_TRY(ln_node_set_shape(node, 0, &node->in[0]->shape, err));
  return ln_node_set_shape(node, 1, &scalar, err);
}

ln_status ln_signal_auto_scale_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  int32_t *shift = node->out[1]->data;
  *shift = ln_k_signal_auto_scale(node->in[0]->data, elements_of(node->in[0]), node->out[0]->data);
  return LN_OK;
}

/*
 * ---- SignalRfft: rows padded with zeros to fft_length; out: fft_length / 2 + 1 pairs ----
 * SignalIrfft: the inverse, with its factor of 1 / fft_length. In fixed point SignalRfft has divided by fft_length too.
 */

typedef struct rfft_args {
  int32_t row;    /* values given for each transform */
  int32_t length; /* fft_length */
  bool inverse;
  size_t rows;
  ln_fft_i16 i16; /* the one of the tensors' type is filled in */
  ln_fft_i32 i32;
  ln_fft_f32 f32;
} rfft_args;

ln_status ln_signal_rfft_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  int64_t length;
  LN_TRY(ln_custom_int(node, err, "fft_length", 2, LN_FFT_MAX_LENGTH, &length));
  if (!ln_fft_length_ok(length)) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "fft_length %lld is no power of two", (long long)length);
  }
  const bool inverse = node->op->def->variant == LN_SIGNAL_IRFFT;
  const int32_t row = shape.rank < 1 ? -1 : shape.dims[shape.rank - 1];
  if (row < 0 || (inverse ? row != length + 2 : row > length)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "rows of %d values for a transform of %lld", row, (long long)length);
  }
  shape.dims[shape.rank - 1] = (int32_t)length + (inverse ? 0 : 2);
  return ln_node_set_shape(node, 0, &shape, err);
}

#define DEFINE_RFFT(suffix, scalar)                                                                               \
  static ln_status rfft_prepare_##suffix(rfft_args *args, ln_prep *prep) {                                        \
    const int32_t half = args->length / 2;                                                                        \
    args->suffix = (ln_fft_##suffix){half, ln_arena_array(prep->arena, (size_t)half, sizeof(int32_t)),            \
                                     ln_arena_array(prep->arena, (size_t)half, 2 * sizeof(scalar)),               \
                                     ln_arena_array(prep->arena, (size_t)half, sizeof(scalar)), args->inverse};   \
    if (args->suffix.order == NULL || args->suffix.twiddles == NULL || args->suffix.split == NULL) {              \
      return ln_fail(prep->err, LN_ERR_MEMORY, "out of memory for the tables of a Fourier transform");            \
    }                                                                                                             \
    ln_k_fft_init_##suffix(&args->suffix);                                                                        \
    return LN_OK;                                                                                                 \
  }                                                                                                               \
  static void rfft_run_##suffix(const ln_node *node, void *scratch) {                                             \
    const rfft_args *args = node->args;                                                                           \
    scalar *padded = scratch, *work = padded + args->length;                                                      \
    const scalar *input = node->in[0]->data;                                                                      \
    scalar *out = node->out[0]->data;                                                                             \
    memset(padded, 0, (size_t)args->length * sizeof(scalar));                                                     \
    for (size_t i = 0; i < args->rows; ++i) {                                                                     \
      if (args->row > 0) memcpy(padded, input + i * (size_t)args->row, (size_t)args->row * sizeof(scalar));       \
      ln_k_rfft_##suffix(&args->suffix, padded, work, out + i * (size_t)(args->length + 2));                      \
    }                                                                                                             \
  }                                                                                                               \
  static void irfft_run_##suffix(const ln_node *node, void *scratch) {                                            \
    const rfft_args *args = node->args;                                                                           \
    const scalar *input = node->in[0]->data;                                                                      \
    scalar *out = node->out[0]->data;                                                                             \
    for (size_t i = 0; i < args->rows; ++i) {                                                                     \
      ln_k_irfft_##suffix(&args->suffix, input + i * (size_t)args->row, scratch, out + i * (size_t)args->length); \
    }                                                                                                             \
  }
DEFINE_RFFT(i16, int16_t)
DEFINE_RFFT(i32, int32_t)
DEFINE_RFFT(f32, float)
#undef DEFINE_RFFT

ln_status ln_signal_rfft_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *shape = &node->in[0]->shape;
  rfft_args *args = LN_NODE_ARGS(node, prep, rfft_args);
  if (args == NULL) return LN_ERR_MEMORY;
  args->row = shape->dims[shape->rank - 1];
  args->rows = ln_shape_span(shape, 0, shape->rank - 1);
  args->inverse = node->op->def->variant == LN_SIGNAL_IRFFT;
  args->length = args->inverse ? args->row - 2 : node->out[0]->shape.dims[shape->rank - 1] - 2;
  node->scratch_bytes = 2 * (size_t)args->length * sizeof(int32_t);
  switch (node->in[0]->type) {
    case LN_INT16: return rfft_prepare_i16(args, prep);
    case LN_INT32: return rfft_prepare_i32(args, prep);
    default: return rfft_prepare_f32(args, prep);
  }
}

ln_status ln_signal_rfft_run(const ln_node *node, ln_exec *exec) {
  switch (node->in[0]->type) {
    case LN_INT16: rfft_run_i16(node, exec->scratch); break;
    case LN_INT32: rfft_run_i32(node, exec->scratch); break;
    default: rfft_run_f32(node, exec->scratch); break;
  }
  return LN_OK;
}

ln_status ln_signal_irfft_run(const ln_node *node, ln_exec *exec) {
  const rfft_args *args = node->args;
  switch (node->in[0]->type) {
    case LN_INT16: irfft_run_i16(node, exec->scratch); break;
    case LN_INT32: irfft_run_i32(node, exec->scratch); break;
    default: {
      irfft_run_f32(node, exec->scratch);
      float *out = node->out[0]->data;
      const size_t count = args->rows * (size_t)args->length;
      for (size_t i = 0; i < count; ++i) out[i] /= (float)args->length;
      break;
    }
  }
  return LN_OK;
}

/* ---- SignalEnergy: squared magnitudes between two bins ---- */

typedef struct energy_args {
  int64_t first, last;
} energy_args;

ln_status ln_signal_energy_infer(ln_node *node, ln_error *err) {
  LN_TRY(need_rank_1(node, err, 0));
  const int32_t size = node->in[0]->shape.dims[0] / 2;
  const ln_shape shape = ln_shape_make(1, &size);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_signal_energy_prepare(ln_node *node, ln_prep *prep) {
  const int32_t size = node->out[0]->shape.dims[0];
  energy_args *args = LN_NODE_ARGS(node, prep, energy_args);
  if (args == NULL) return LN_ERR_MEMORY;
  LN_TRY(ln_custom_int(node, prep->err, "start_index", 0, size, &args->first));
  return ln_custom_int(node, prep->err, "end_index", args->first, size, &args->last);
}

ln_status ln_signal_energy_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const energy_args *args = node->args;
  ln_k_signal_energy(node->in[0]->data, node->out[0]->shape.dims[0], (int32_t)args->first, (int32_t)args->last,
                     node->out[0]->data);
  return LN_OK;
}

/* ---- SignalFilterBank: energy, weights, unweights, frequency starts, weight starts, widths ---- */

ln_status ln_signal_filter_bank_infer(ln_node *node, ln_error *err) {
  int64_t channels;
  LN_TRY(ln_custom_int(node, err, "num_channels", 1, INT16_MAX, &channels));
  for (int32_t i = 0; i < 6; ++i) LN_TRY(need_rank_1(node, err, i));
  LN_TRY(same_size(node, err, 1, 2));
  for (int32_t i = 3; i < 6; ++i) {
    if (node->in[i]->shape.dims[0] <= channels) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must hold num_channels + 1 = %lld values", i,
                          (long long)channels + 1);
    }
  }
  const int32_t size = (int32_t)channels;
  const ln_shape shape = ln_shape_make(1, &size);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_signal_filter_bank_run(const ln_node *node, ln_exec *exec) {
  const ln_filter_bank bank = {node->in[1]->data, node->in[2]->data, node->in[3]->data,
                               node->in[4]->data, node->in[5]->data, node->out[0]->shape.dims[0]};
  if (!ln_k_signal_filter_bank_ok(&bank, node->in[0]->shape.dims[0], node->in[1]->shape.dims[0])) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "a channel reaches outside the spectrum or the weights");
  }
  ln_k_signal_filter_bank(&bank, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

/* ---- SignalFilterBankSquareRoot: roots of input 0, shifted down by input 1 ---- */

ln_status ln_signal_square_root_infer(ln_node *node, ln_error *err) {
  LN_TRY(need_rank_1(node, err, 0));
  if (elements_of(node->in[1]) != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "input 1 must hold one value");
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

ln_status ln_signal_square_root_run(const ln_node *node, ln_exec *exec) {
  const int32_t shift = *(const int32_t *)node->in[1]->data;
  if (shift < 0 || shift > 31) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "a shift of %d bits, must be in [0, 31]", shift);
  }
  ln_k_signal_square_root(node->in[0]->data, node->in[0]->shape.dims[0], shift, node->out[0]->data);
  return LN_OK;
}

/* ---- SignalFilterBankSpectralSubtraction: the signal without noise, and the noise; keeps the running estimate ---- */

typedef struct subtraction_args {
  ln_spectral_subtraction config;
  uint32_t *noise; /* [channels], from run to run */
} subtraction_args;

ln_status ln_signal_spectral_subtraction_infer(ln_node *node, ln_error *err) {
  LN_TRY(need_rank_1(node, err, 0));
  return ln_infer_same(node, err);
}

static ln_status factor_option(const ln_node *node, ln_error *err, const char *key, uint32_t *out) {
  int64_t value;
  LN_TRY(ln_custom_int(node, err, key, 0, UINT32_MAX, &value));
  *out = (uint32_t)value;
  return LN_OK;
}

ln_status ln_signal_spectral_subtraction_prepare(ln_node *node, ln_prep *prep) {
  ln_error *err = prep->err;
  const int32_t size = node->in[0]->shape.dims[0];
  subtraction_args *args = LN_NODE_ARGS(node, prep, subtraction_args);
  if (args == NULL) return LN_ERR_MEMORY;
  ln_spectral_subtraction *config = &args->config;
  int64_t smoothing_bits, bits, channels;
  LN_TRY(ln_custom_int(node, err, "num_channels", size, size, &channels));
  LN_TRY(ln_custom_int(node, err, "smoothing_bits", 0, 31, &smoothing_bits));
  LN_TRY(ln_custom_int(node, err, "spectral_subtraction_bits", 0, 63, &bits));
  LN_TRY(factor_option(node, err, "smoothing", &config->smoothing[0]));
  LN_TRY(factor_option(node, err, "one_minus_smoothing", &config->one_minus_smoothing[0]));
  LN_TRY(factor_option(node, err, "alternate_smoothing", &config->smoothing[1]));
  LN_TRY(factor_option(node, err, "alternate_one_minus_smoothing", &config->one_minus_smoothing[1]));
  LN_TRY(factor_option(node, err, "min_signal_remaining", &config->min_signal_remaining));
  LN_TRY(ln_custom_bool(node, err, "clamping", &config->clamping));
  config->smoothing_bits = (int32_t)smoothing_bits;
  config->bits = (int32_t)bits;
  args->noise = ln_arena_array(prep->arena, (size_t)size, sizeof(uint32_t));
  return args->noise != NULL ? LN_OK : LN_ERR_MEMORY;
}

ln_status ln_signal_spectral_subtraction_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const subtraction_args *args = node->args;
  const int32_t size = node->in[0]->shape.dims[0];
  ln_k_signal_spectral_subtraction(&args->config, node->in[0]->data, size, args->noise, node->out[0]->data);
  memcpy(node->out[1]->data, args->noise, (size_t)size * sizeof(uint32_t));
  return LN_OK;
}

/* ---- SignalPCAN: per-channel gain control from the noise estimate (input 1) and a table (input 2) ---- */

ln_status ln_signal_pcan_infer(ln_node *node, ln_error *err) {
  LN_TRY(need_rank_1(node, err, 0));
  LN_TRY(same_size(node, err, 0, 1));
  if (elements_of(node->in[2]) < LN_PCAN_LUT_SIZE) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the gain table must hold %d values", (int)LN_PCAN_LUT_SIZE);
  }
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

ln_status ln_signal_pcan_prepare(ln_node *node, ln_prep *prep) {
  int64_t *shift = LN_NODE_ARGS(node, prep, int64_t);
  if (shift == NULL) return LN_ERR_MEMORY;
  return ln_custom_int(node, prep->err, "snr_shift", 0, 63, shift);
}

ln_status ln_signal_pcan_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  ln_k_signal_pcan(node->in[0]->data, node->in[1]->data, node->in[2]->data, node->in[0]->shape.dims[0],
                   (int32_t) * (const int64_t *)node->args, node->out[0]->data);
  return LN_OK;
}

/* ---- SignalFilterBankLog ---- */

typedef struct log_args {
  int64_t scale, correction_bits;
  uint16_t table[LN_LOG_TABLE_SIZE];
} log_args;

ln_status ln_signal_log_infer(ln_node *node, ln_error *err) {
  LN_TRY(need_rank_1(node, err, 0));
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

ln_status ln_signal_log_prepare(ln_node *node, ln_prep *prep) {
  log_args *args = LN_NODE_ARGS(node, prep, log_args);
  if (args == NULL) return LN_ERR_MEMORY;
  LN_TRY(ln_custom_int(node, prep->err, "output_scale", 0, INT32_MAX, &args->scale));
  LN_TRY(ln_custom_int(node, prep->err, "input_correction_bits", 0, 31, &args->correction_bits));
  ln_k_signal_log_table(args->table);
  return LN_OK;
}

ln_status ln_signal_log_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const log_args *args = node->args;
  ln_k_signal_log(node->in[0]->data, node->in[0]->shape.dims[0], (uint32_t)args->scale, (int32_t)args->correction_bits,
                  args->table, node->out[0]->data);
  return LN_OK;
}
