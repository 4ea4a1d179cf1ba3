/*
 * Nets for the passes of converting, written with what importers are written with; and the check that a pass leaves
 * results alone: the model before and after on random inputs.
 */
#ifndef LN_TESTS_CONVERT_NET_H
#define LN_TESTS_CONVERT_NET_H

#include "support/unit.h"

#include <math.h>
#include <stdlib.h>

#include "import/emit.h"
#include "linnet/session.h"
#include "optimize/optimize.h"
#include "passes/convert/convert_passes.h"

typedef ln_status (*net_reader)(ln_import *import);

/* ---- making ---- */

static uint32_t net_seed = 1;
static float net_slack = 0; /* that outputs may be apart beside what floats are, where integers take their place */

static inline float net_random(void) {
  net_seed = net_seed * 1664525u + 1013904223u;
  return (float)(net_seed >> 8) / (float)(1 << 23) - 1.0f;
}

static inline int32_t net_weights(ln_emit *e, int32_t rank, const int32_t *dims) {
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  float *values = malloc(count * sizeof *values + 1);
  assert_non_null(values);
  const float scale = 1.0f / sqrtf((float)(count / (size_t)(rank > 1 ? dims[rank - 1] : 1)) + 1.0f);
  for (size_t i = 0; i < count; ++i) values[i] = net_random() * (rank > 1 ? scale * 2.0f : 0.5f);
  const int32_t made = ln_emit_const(e, LN_FLOAT32, rank, dims, values);
  free(values);
  return made;
}

/* NCHW in and out, as an importer of ONNX writes it. */
static inline int32_t net_conv(ln_emit *e, int32_t a, int32_t out, int32_t size, int32_t stride, int32_t groups) {
  const int32_t in = ln_emit_dim(e, a, 1), spatial = ln_emit_rank(e, a) - 2;
  int32_t dims[5];
  ln_window w = {.rank = spatial, .padding = LN_EMIT_SAME};
  for (int32_t i = 0; i < spatial; ++i) {
    dims[i] = w.size[i] = size;
    w.stride[i] = stride;
  }
  dims[spatial] = in / groups;
  dims[spatial + 1] = out;
  const int32_t filter = net_weights(e, spatial + 2, dims), bias = net_weights(e, 1, &out);
  return ln_emit_channels_first(e, ln_emit_conv(e, ln_emit_channels_last(e, a), filter, bias, groups, &w));
}

static inline int32_t net_pool(ln_emit *e, int32_t a, int32_t size, bool max) {
  const ln_window w = {.rank = 2, .padding = LN_EMIT_VALID, .size = {size, size}, .stride = {size, size}};
  const int32_t last = ln_emit_channels_last(e, a);
  return ln_emit_channels_first(e, max ? ln_emit_max_pool(e, last, &w) : ln_emit_average_pool(e, last, &w));
}

/* Batch normalization written out: a scale and a shift of [1, c, 1, 1]. */
static inline int32_t net_norm(ln_emit *e, int32_t a) {
  const int32_t dims[4] = {1, ln_emit_dim(e, a, 1), 1, 1};
  return ln_emit_add(e, ln_emit_mul(e, a, net_weights(e, ln_emit_rank(e, a), dims)),
                     net_weights(e, ln_emit_rank(e, a), dims));
}

static inline int32_t net_relu(ln_emit *e, int32_t a) { return ln_emit_activate(e, LN_EMIT_RELU, a); }

static inline int32_t net_dense(ln_emit *e, int32_t a, int32_t out) {
  const int32_t dims[2] = {out, ln_emit_dim(e, a, -1)};
  return ln_emit_dense(e, a, net_weights(e, 2, dims), net_weights(e, 1, &out));
}

static inline int32_t net_input(ln_emit *e, const char *name, int32_t rank, const int32_t *dims) {
  ln_input_dim made[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) made[i] = (ln_input_dim){dims[i], -1};
  return ln_emit_input(e, name, LN_FLOAT32, rank, made);
}

static inline ln_status net_end(ln_import *import, ln_emit *e) {
  ln_emit_sign(e, "serving_default");
  return import->status;
}

/* ---- running ---- */

static inline bool net_never(const ln_import_source *source) {
  (void)source;
  return false;
}

static inline int32_t net_count(const ln_model *model, int32_t code) {
  int32_t count = 0;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].op_count; ++i) count += model->graphs[g].ops[i].def->code == code;
  }
  return count;
}

static inline ln_model *net_snapshot(ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_model *out = NULL;
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  if (ln_edit_compact(model, &err) != LN_OK || ln_edit_snapshot(model, &err, &out) != LN_OK)
    fail_msg("%s", err.message);
  return out;
}

static inline float *net_turned(const float *data, const int32_t *dims, int32_t rank) {
  /* [n, c, ...] as [n, ..., c] */
  size_t inner = 1, outer = (size_t)dims[0], channels = (size_t)dims[1], at = 0;
  for (int32_t i = 2; i < rank; ++i) inner *= (size_t)dims[i];
  float *out = malloc(outer * channels * inner * sizeof *out);
  for (size_t n = 0; n < outer; ++n) {
    for (size_t k = 0; k < inner; ++k) {
      for (size_t c = 0; c < channels; ++c) out[at++] = data[(n * channels + c) * inner + k];
    }
  }
  return out;
}

/* Runs the first signature on inputs of a seed; outputs one behind the other. `open`: what open dimensions become. */
static inline float *net_run(ln_model *model, int32_t open, bool turned, size_t *count) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  if (ln_session_create(model, NULL, &err, &session) != LN_OK) fail_msg("%s", err.message);
  net_seed = 77;
  const ln_graph *graph = &model->graphs[0];
  for (int32_t i = 0; i < graph->input_count; ++i) {
    ln_shape shape = graph->tensors[graph->inputs[i]].signature;
    for (int32_t d = 0; d < shape.rank; ++d) shape.dims[d] = shape.dims[d] < 0 ? open : shape.dims[d];
    if (ln_session_resize_input(session, i, shape.dims, shape.rank, &err) != LN_OK) fail_msg("%s", err.message);
  }
  if (ln_session_prepare(session, &err) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    ln_tensor *input = ln_session_input(session, i);
    const size_t values = input->bytes / sizeof(float);
    float *data = malloc(input->bytes + 1);
    for (size_t k = 0; k < values; ++k) data[k] = net_random();
    if (turned) { /* the same picture for a model that takes it channels last */
      int32_t first[LN_MAX_RANK] = {input->shape.dims[0], input->shape.dims[input->shape.rank - 1]};
      for (int32_t d = 2; d < input->shape.rank; ++d) first[d] = input->shape.dims[d - 1];
      float *last = net_turned(data, first, input->shape.rank);
      free(data);
      data = last;
    }
    memcpy(input->data, data, input->bytes);
    free(data);
  }
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  float *out = NULL;
  *count = 0;
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const ln_tensor *output = ln_session_output(session, i);
    const size_t values = output->bytes / sizeof(float);
    out = realloc(out, (*count + values) * sizeof *out + 1);
    memcpy(out + *count, output->data, output->bytes);
    *count += values;
  }
  ln_session_destroy(session);
  return out;
}

static inline void net_compare(ln_model *before, ln_model *after, int32_t open) {
  size_t count_a, count_b;
  float *a = net_run(before, open, false, &count_a), *b = net_run(after, open, false, &count_b);
  assert_int_equal(count_a, count_b);
  float most = 0;
  for (size_t i = 0; i < count_a; ++i) most = fabsf(a[i]) > most ? fabsf(a[i]) : most;
  for (size_t i = 0; i < count_a; ++i) {
    if (!(fabsf(a[i] - b[i]) <= net_slack + 1e-5f + 1e-4f * most)) fail_msg("output %zu: %g became %g", i, a[i], b[i]);
  }
  free(a);
  free(b);
}

/* The model that `read` makes, before and after the passes; both are the caller's. Results are compared, and a second
 * time with open dimensions of another size. */
static inline void net_convert(net_reader read, const ln_convert_passes_options *options, ln_model **before,
                               ln_model **after) {
  ln_error err = {LN_OK, ""};
  const ln_importer importer = {"test", "", net_never, read};
  const ln_import_source source = {.path = "test"};
  ln_model *model = NULL;
  net_seed = 5;
  if (ln_import_run(&importer, &source, NULL, &err, &model) != LN_OK) fail_msg("%s", err.message);
  *before = net_snapshot(model);
  if (ln_convert_passes_run(model, options, &err) != LN_OK) fail_msg("%s", err.message);
  *after = net_snapshot(model);
  ln_model_destroy(model);
  if (getenv("NET_DUMP") != NULL) { /* files to look at */
    ln_model_save(*before, "before.tflite", NULL);
    ln_model_save(*after, "after.tflite", NULL);
  }
  if (options != NULL && options->channels_last) return;
  net_compare(*before, *after, 8);
  net_compare(*before, *after, 16);
}

#endif
