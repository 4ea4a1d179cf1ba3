/*
 * TFLite Micro's audio front end around its transforms: what cuts a stream of samples into frames (SignalFramer,
 * SignalStacker), holds it back (SignalDelay) and puts frames together again (SignalOverlapAdd). All of them keep
 * samples from run to run, until the session is reset. Their options are FlexBuffers maps.
 */
#include <string.h>

#include "kernels/signal_frames.h"
#include "ops/custom_options.h"
#include "ops/rows.h"

enum { MOST_SAMPLES = 1 << 24 /* in one frame, step or delay */ };

typedef struct frames_args {
  int32_t size, step;  /* samples of a frame, and from one frame to the next */
  int32_t row, frames; /* samples and frames of a row of the input */
  size_t rows;
  int32_t repeats;         /* of the first frame, stacker */
  bool started;            /* the first frame has come, stacker */
  ln_sample_queue *queues; /* [rows] */
  void *sums;              /* [rows, size], overlap-add */
} frames_args;

static int32_t last_dim(const ln_shape *shape) { return shape->dims[shape->rank - 1]; }

static ln_status no_memory(const ln_node *node, ln_error *err) {
  return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for the samples that are kept");
}

/* args->queues, one for each row, of `capacity` samples with `zeros` of silence in front. */
static ln_status make_queues(ln_node *node, ln_prep *prep, int32_t capacity, int32_t zeros) {
  frames_args *args = node->args;
  size_t samples;
  if (!ln_size_mul(args->rows, (size_t)capacity, &samples)) return no_memory(node, prep->err);
  args->queues = ln_arena_array(prep->arena, args->rows, sizeof *args->queues);
  int16_t *memory = ln_arena_array(prep->arena, samples, sizeof(int16_t));
  if (args->queues == NULL || memory == NULL) return no_memory(node, prep->err);
  for (size_t i = 0; i < args->rows; ++i) {
    args->queues[i] = (ln_sample_queue){memory + i * (size_t)capacity, capacity, 0};
    ln_k_queue_write(&args->queues[i], NULL, zeros);
  }
  return LN_OK;
}

/* ---- SignalFramer: rows of samples into [frames, frame_size]; output 1 says whether all frames are whole ---- */

static ln_status framer_options(const ln_node *node, ln_error *err, int64_t *size, int64_t *step) {
  LN_TRY(ln_custom_int(node, err, "frame_size", 1, MOST_SAMPLES, size));
  return ln_custom_int(node, err, "frame_step", 1, MOST_SAMPLES, step);
}

ln_status ln_signal_framer_infer(ln_node *node, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  ln_shape shape = node->in[0]->shape;
  int64_t size, step;
  LN_TRY(framer_options(node, err, &size, &step));
  if (shape.rank < 1 || shape.rank >= LN_MAX_RANK) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has %d dimensions", shape.rank);
  }
  const int32_t samples = last_dim(&shape);
  if (samples < step || samples % step != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "rows of %d samples are no multiple of frame_step %lld", samples,
                        (long long)step);
  }
  shape.dims[shape.rank - 1] = samples / (int32_t)step;
  shape.dims[shape.rank++] = (int32_t)size;
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &scalar, err);
}

ln_status ln_signal_framer_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *in = &node->in[0]->shape;
  frames_args *args = LN_NODE_ARGS(node, prep, frames_args);
  int64_t size, step;
  bool prefill;
  if (args == NULL) return no_memory(node, prep->err);
  LN_TRY(framer_options(node, prep->err, &size, &step));
  LN_TRY(ln_custom_bool(node, prep->err, "prefill", &prefill));
  args->size = (int32_t)size;
  args->step = (int32_t)step;
  args->row = last_dim(in);
  args->frames = args->row / args->step;
  args->rows = ln_shape_span(in, 0, in->rank - 1);
  return make_queues(node, prep, args->size + args->step, prefill && size > step ? args->size - args->step : 0);
}

ln_status ln_signal_framer_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  frames_args *args = node->args;
  const int16_t *in = node->in[0]->data;
  int16_t *out = node->out[0]->data;
  bool whole = true;
  for (size_t i = 0; i < args->rows; ++i) {
    for (int32_t frame = 0; frame < args->frames; ++frame, in += args->step, out += args->size) {
      ln_k_queue_write(&args->queues[i], in, args->step);
      if (!ln_k_queue_frame(&args->queues[i], args->size, args->step, out)) whole = false;
    }
  }
  *(bool *)node->out[1]->data = whole;
  return LN_OK;
}

/* ---- SignalStacker: a frame with those left and right of it, once there are enough (output 1) ---- */

typedef struct stacker_options {
  int64_t channels, left, right, step;
} stacker_options;

static ln_status read_stacker(const ln_node *node, ln_error *err, stacker_options *options) {
  LN_TRY(ln_custom_int(node, err, "num_channels", 1, 1 << 16, &options->channels));
  LN_TRY(ln_custom_int(node, err, "stacker_left_context", 0, 1 << 12, &options->left));
  LN_TRY(ln_custom_int(node, err, "stacker_right_context", 0, 1 << 12, &options->right));
  return ln_custom_int(node, err, "stacker_step", 1, options->left + options->right + 1, &options->step);
}

ln_status ln_signal_stacker_infer(ln_node *node, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  stacker_options options;
  LN_TRY(read_stacker(node, err, &options));
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank != 1 || in->dims[0] != options.channels) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be one frame of num_channels = %lld values",
                        (long long)options.channels);
  }
  const int32_t size = (int32_t)(options.channels * (options.left + options.right + 1));
  const ln_shape shape = ln_shape_make(1, &size);
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &scalar, err);
}

ln_status ln_signal_stacker_prepare(ln_node *node, ln_prep *prep) {
  frames_args *args = LN_NODE_ARGS(node, prep, frames_args);
  stacker_options options;
  if (args == NULL) return no_memory(node, prep->err);
  LN_TRY(read_stacker(node, prep->err, &options));
  args->row = (int32_t)options.channels;
  args->size = node->out[0]->shape.dims[0];
  args->step = (int32_t)(options.channels * options.step);
  args->repeats = (int32_t)options.left;
  args->rows = 1;
  return make_queues(node, prep, args->size, 0);
}

ln_status ln_signal_stacker_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  frames_args *args = node->args;
  for (int32_t i = args->started ? args->repeats : 0; i <= args->repeats; ++i) {
    ln_k_queue_write(args->queues, node->in[0]->data, args->row);
  }
  args->started = true;
  *(bool *)node->out[1]->data = ln_k_queue_frame(args->queues, args->size, args->step, node->out[0]->data);
  return LN_OK;
}

/* ---- SignalDelay: each row's stream, delay_length samples late ---- */

ln_status ln_signal_delay_infer(ln_node *node, ln_error *err) {
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input is a scalar");
  return ln_infer_same(node, err);
}

ln_status ln_signal_delay_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *in = &node->in[0]->shape;
  frames_args *args = LN_NODE_ARGS(node, prep, frames_args);
  int64_t delay, capacity;
  if (args == NULL) return no_memory(node, prep->err);
  LN_TRY(ln_custom_int(node, prep->err, "delay_length", 0, MOST_SAMPLES, &delay));
  args->row = last_dim(in);
  args->rows = ln_shape_span(in, 0, in->rank - 1);
  capacity = delay + args->row;
  if (capacity > INT32_MAX) return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "rows of %d samples", args->row);
  return make_queues(node, prep, (int32_t)capacity, (int32_t)delay);
}

ln_status ln_signal_delay_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  frames_args *args = node->args;
  if (args->row == 0) return LN_OK;
  const int16_t *in = node->in[0]->data;
  int16_t *out = node->out[0]->data;
  for (size_t i = 0; i < args->rows; ++i, in += args->row, out += args->row) {
    ln_k_queue_write(&args->queues[i], in, args->row);
    ln_k_queue_frame(&args->queues[i], args->row, args->row, out);
  }
  return LN_OK;
}

/* ---- SignalOverlapAdd: [frames, frame_size] into frames * frame_step samples ---- */

ln_status ln_signal_overlap_add_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  int64_t step;
  if (shape.rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [..., frames, frame_size]");
  LN_TRY(ln_custom_int(node, err, "frame_step", 1, last_dim(&shape), &step));
  const int64_t samples = shape.dims[shape.rank - 2] * step;
  if (samples > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld samples", (long long)samples);
  shape.dims[--shape.rank - 1] = (int32_t)samples;
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_signal_overlap_add_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *in = &node->in[0]->shape;
  frames_args *args = LN_NODE_ARGS(node, prep, frames_args);
  int64_t step;
  size_t values;
  if (args == NULL) return no_memory(node, prep->err);
  args->size = last_dim(in);
  LN_TRY(ln_custom_int(node, prep->err, "frame_step", 1, args->size, &step));
  args->step = (int32_t)step;
  args->frames = in->dims[in->rank - 2];
  args->rows = ln_shape_span(in, 0, in->rank - 2);
  if (!ln_size_mul(args->rows, (size_t)args->size, &values)) return no_memory(node, prep->err);
  args->sums = ln_arena_array(prep->arena, values, (size_t)ln_type_bits(node->in[0]->type) / 8);
  return args->sums != NULL ? LN_OK : no_memory(node, prep->err);
}

static void overlap_add(const frames_args *args, const ln_node *node, size_t row, size_t frame) {
  const size_t in = (row * (size_t)args->frames + frame) * (size_t)args->size;
  const size_t out = (row * (size_t)args->frames + frame) * (size_t)args->step;
  const size_t sum = row * (size_t)args->size;
  if (node->in[0]->type == LN_FLOAT32) {
    ln_k_overlap_add_f32((const float *)node->in[0]->data + in, (float *)args->sums + sum, args->size, args->step,
                         (float *)node->out[0]->data + out);
  } else {
    ln_k_overlap_add_i16((const int16_t *)node->in[0]->data + in, (int16_t *)args->sums + sum, args->size, args->step,
                         (int16_t *)node->out[0]->data + out);
  }
}

ln_status ln_signal_overlap_add_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const frames_args *args = node->args;
  for (size_t row = 0; row < args->rows; ++row) {
    for (int32_t frame = 0; frame < args->frames; ++frame) overlap_add(args, node, row, (size_t)frame);
  }
  return LN_OK;
}
