/*
 * TensorFlow's speech front end: AudioSpectrogram (samples to power or magnitude spectra of overlapping Hann windows)
 * and Mfcc (spectra to mel-frequency cepstral coefficients), both in double precision. Options are FlexBuffers maps.
 */
#include <math.h>
#include <string.h>

#include "kernels/fft.h"
#include "kernels/mfcc.h"
#include "ops/custom_options.h"
#include "ops/rows.h"

static ln_status no_memory(const ln_node *node, ln_error *err) {
  return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for the tables");
}

/* ---- AudioSpectrogram: [samples, channels] into [channels, windows, bins] ---- */

typedef struct spectrogram_args {
  int32_t window, stride;
  int32_t length; /* of the transform: the window padded to a power of two */
  int32_t channels, windows;
  bool squared;
  double *hann; /* [window] */
  ln_fft_f64 fft;
} spectrogram_args;

static ln_status read_windows(const ln_node *node, ln_error *err, int64_t *window, int64_t *stride, int32_t *length) {
  LN_TRY(ln_custom_int(node, err, "window_size", 2, LN_FFT_MAX_LENGTH, window));
  LN_TRY(ln_custom_int(node, err, "stride", 1, INT32_MAX, stride));
  for (*length = 2; *length < *window; *length *= 2) continue;
  return LN_OK;
}

ln_status ln_audio_spectrogram_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t window, stride;
  int32_t length;
  LN_TRY(read_windows(node, err, &window, &stride, &length));
  if (in->rank != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [samples, channels]");
  const int64_t windows = in->dims[0] < window ? 0 : 1 + (in->dims[0] - window) / stride;
  const int32_t dims[3] = {in->dims[1], (int32_t)windows, length / 2 + 1};
  const ln_shape shape = ln_shape_make(3, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_audio_spectrogram_prepare(ln_node *node, ln_prep *prep) {
  spectrogram_args *args = LN_NODE_ARGS(node, prep, spectrogram_args);
  int64_t window, stride;
  if (args == NULL) return no_memory(node, prep->err);
  LN_TRY(read_windows(node, prep->err, &window, &stride, &args->length));
  LN_TRY(ln_custom_bool(node, prep->err, "magnitude_squared", &args->squared));
  args->window = (int32_t)window;
  args->stride = (int32_t)stride;
  args->channels = node->out[0]->shape.dims[0];
  args->windows = node->out[0]->shape.dims[1];
  const size_t half = (size_t)args->length / 2;
  args->hann = ln_arena_array(prep->arena, (size_t)window, sizeof(double));
  args->fft.length = args->length / 2;
  args->fft.order = ln_arena_array(prep->arena, half, sizeof(int32_t));
  args->fft.twiddles = ln_arena_array(prep->arena, half, 2 * sizeof(double));
  args->fft.split = ln_arena_array(prep->arena, half, sizeof(double));
  if (args->hann == NULL || args->fft.order == NULL || args->fft.twiddles == NULL || args->fft.split == NULL) {
    return no_memory(node, prep->err);
  }
  const double turn = 2.0 * 3.14159265358979323846264338327950288;
  for (int32_t i = 0; i < args->window; ++i) args->hann[i] = 0.5 - 0.5 * cos(turn * i / args->window);
  ln_k_fft_init_f64(&args->fft);
  node->thread_scratch_bytes = (3 * (size_t)args->length + 2) * sizeof(double);
  return LN_OK;
}

typedef struct spectrogram_context {
  const ln_node *node;
  const ln_exec *exec;
} spectrogram_context;

/* One window of one channel. */
static void run_window(void *context, int32_t task, int32_t worker) {
  const spectrogram_context *run = context;
  const spectrogram_args *args = run->node->args;
  const size_t channels = (size_t)args->channels, bins = (size_t)args->length / 2 + 1;
  const size_t channel = (size_t)(task / args->windows), index = (size_t)(task % args->windows);
  const float *in = (const float *)run->node->in[0]->data + index * (size_t)args->stride * channels + channel;
  float *out = (float *)run->node->out[0]->data + (size_t)task * bins;
  double *samples = ln_exec_thread_scratch(run->exec, worker);
  double *work = samples + args->length, *spectrum = work + args->length;
  for (int32_t i = 0; i < args->window; ++i) samples[i] = (double)in[(size_t)i * channels] * args->hann[i];
  for (int32_t i = args->window; i < args->length; ++i) samples[i] = 0.0;
  ln_k_rfft_f64(&args->fft, samples, work, spectrum);
  for (size_t i = 0; i < bins; ++i) {
    const float power = (float)(spectrum[2 * i] * spectrum[2 * i] + spectrum[2 * i + 1] * spectrum[2 * i + 1]);
    out[i] = args->squared ? power : sqrtf(power);
  }
}

ln_status ln_audio_spectrogram_run(const ln_node *node, ln_exec *exec) {
  const spectrogram_args *args = node->args;
  spectrogram_context context = {node, exec};
  const int64_t tasks = (int64_t)args->channels * args->windows;
  if (tasks > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "more than 2^31 windows");
  ln_pool_run(exec->pool, (int32_t)tasks, run_window, &context);
  return LN_OK;
}

/* ---- Mfcc: [channels, windows, bins] and the sample rate into [channels, windows, coefficients] ---- */

enum { MOST_BANDS = 1 << 14 };

typedef struct mfcc_args {
  ln_mel_bank bank;
  int32_t rate; /* that the bank is made for; 0 none */
  int32_t coefficients;
  double *cosines; /* [coefficients, bands] */
} mfcc_args;

static ln_status mfcc_counts(const ln_node *node, ln_error *err, int64_t *bands, int64_t *coefficients) {
  LN_TRY(ln_custom_int(node, err, "filterbank_channel_count", 1, MOST_BANDS, bands));
  return ln_custom_int(node, err, "dct_coefficient_count", 1, *bands, coefficients);
}

ln_status ln_mfcc_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  int64_t bands, coefficients;
  LN_TRY(mfcc_counts(node, err, &bands, &coefficients));
  if (shape.rank != 3 || shape.dims[2] < 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [channels, windows, bins] of two bins or more");
  }
  if (ln_shape_span(&node->in[1]->shape, 0, node->in[1]->shape.rank) != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the sample rate must be one value");
  }
  shape.dims[2] = (int32_t)coefficients;
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_mfcc_prepare(ln_node *node, ln_prep *prep) {
  mfcc_args *args = LN_NODE_ARGS(node, prep, mfcc_args);
  int64_t bands, coefficients;
  float lower, upper;
  if (args == NULL) return no_memory(node, prep->err);
  LN_TRY(mfcc_counts(node, prep->err, &bands, &coefficients));
  LN_TRY(ln_custom_float(node, prep->err, "lower_frequency_limit", &lower));
  LN_TRY(ln_custom_float(node, prep->err, "upper_frequency_limit", &upper));
  /* TensorFlow Lite keeps whole Hertz. */
  ln_mel_bank *bank = &args->bank;
  bank->lower = trunc((double)lower);
  bank->upper = trunc((double)upper);
  if (bank->lower < 0.0 || bank->upper <= bank->lower) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "frequencies from %g to %g", bank->lower, bank->upper);
  }
  bank->bins = node->in[0]->shape.dims[2];
  bank->bands = (int32_t)bands;
  bank->centres = ln_arena_array(prep->arena, (size_t)bands + 1, sizeof(double));
  bank->band = ln_arena_array(prep->arena, (size_t)bank->bins, sizeof(int32_t));
  bank->weights = ln_arena_array(prep->arena, (size_t)bank->bins, sizeof(double));
  args->coefficients = (int32_t)coefficients;
  args->cosines = ln_arena_array(prep->arena, (size_t)coefficients, (size_t)bands * sizeof(double));
  if (bank->centres == NULL || bank->band == NULL || bank->weights == NULL || args->cosines == NULL) {
    return no_memory(node, prep->err);
  }
  ln_k_mfcc_cosines(args->coefficients, bank->bands, args->cosines);
  node->scratch_bytes = (size_t)bands * sizeof(double);
  return LN_OK;
}

ln_status ln_mfcc_run(const ln_node *node, ln_exec *exec) {
  mfcc_args *args = node->args;
  const int32_t rate = *(const int32_t *)node->in[1]->data;
  if (rate <= 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "a sample rate of %d", rate);
  if (rate != args->rate) ln_k_mel_init(&args->bank, rate);
  args->rate = rate;
  const size_t windows = ln_shape_span(&node->in[0]->shape, 0, 2);
  for (size_t i = 0; i < windows; ++i) {
    ln_k_mfcc(&args->bank, (const float *)node->in[0]->data + i * (size_t)args->bank.bins, args->cosines,
              args->coefficients, exec->scratch, (float *)node->out[0]->data + i * (size_t)args->coefficients);
  }
  return LN_OK;
}
