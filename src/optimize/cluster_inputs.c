/* What a layer multiplies: moments of its inputs as the model is now, and against those of the model before. */
#include <string.h>

#include "optimize/cluster.h"
#include "optimize/linear.h"

enum {
  MOST_COLUMNS = 2048,
  MOST_MOMENTS = 1 << 26, /* of all groups */
  POSITIONS_A_COLUMN = 8,
  LEAST_POSITIONS = 4096
};

typedef struct watch {
  ln_optimizer *o;
  const ln_layer *layer;
  ln_session *before; /* runs the same samples */
  const ln_samples *samples;
  ln_cluster_inputs *out;
  int64_t most;      /* positions of a sample */
  float *now, *then; /* [most, columns] */
} watch;

void ln_cluster_inputs_free(ln_cluster_inputs *inputs) {
  ln_free(inputs->moments);
  ln_free(inputs->cross);
  ln_free(inputs->diagonal);
  ln_free(inputs->mean);
  ln_free(inputs->mean_before);
  *inputs = (ln_cluster_inputs){0};
}

static void add_means(double *mean, double *diagonal, const float *rows, int64_t count, int32_t columns) {
  for (int64_t i = 0; i < count; ++i) {
    const float *row = rows + i * columns;
    for (int32_t c = 0; c < columns; ++c) {
      mean[c] += (double)row[c];
      if (diagonal != NULL) diagonal[c] += (double)row[c] * (double)row[c];
    }
  }
}

static ln_status see(void *user, int64_t sample, ln_session *session, ln_error *err) {
  watch *w = user;
  ln_cluster_inputs *in = w->out;
  LN_TRY(w->samples->fill(w->samples->user, sample, w->before, err));
  LN_TRY(ln_session_run(w->before, err));
  const ln_tensor *now = ln_session_tensor(session, w->layer->input);
  const ln_tensor *then = ln_session_tensor(w->before, w->layer->input);
  int64_t seen = 0;
  for (int32_t g = 0; g < in->groups; ++g) {
    const int32_t row = g * (w->layer->rows / in->groups);
    const uint64_t seed = (uint64_t)sample * 64 + 1;
    seen = ln_layer_patches(w->o, w->layer, now, row, w->most, seed, w->now);
    if (seen <= 0 || ln_layer_patches(w->o, w->layer, then, row, w->most, seed, w->then) != seen) return LN_OK;
    const size_t at = (size_t)g * (size_t)in->columns;
    add_means(in->mean + at, in->diagonal + at, w->now, seen, in->columns);
    add_means(in->mean_before + at, NULL, w->then, seen, in->columns);
    if (in->moments == NULL) continue;
    const size_t square = at * (size_t)in->columns;
    ln_linear_add_moments(in->moments + square, in->columns, w->now, seen);
    ln_linear_add_products(in->cross + square, w->now, in->columns, w->then, in->columns, seen);
  }
  in->count += seen;
  return LN_OK;
}

static bool allocate(watch *w) {
  ln_cluster_inputs *in = w->out;
  size_t elements, square, rows;
  if (!ln_size_mul((size_t)in->groups, (size_t)in->columns, &elements) ||
      !ln_size_mul(elements, (size_t)in->columns, &square) || !ln_size_mul((size_t)w->most, (size_t)in->columns, &rows))
    return false;
  in->diagonal = ln_alloc_array(elements, sizeof *in->diagonal);
  in->mean = ln_alloc_array(elements, sizeof *in->mean);
  in->mean_before = ln_alloc_array(elements, sizeof *in->mean_before);
  w->now = ln_alloc_array(rows, sizeof *w->now);
  w->then = ln_alloc_array(rows, sizeof *w->then);
  if (in->diagonal == NULL || in->mean == NULL || in->mean_before == NULL || w->now == NULL || w->then == NULL)
    return false;
  if (in->columns > MOST_COLUMNS || square > MOST_MOMENTS) return true;
  in->moments = ln_alloc_array(square, sizeof *in->moments);
  in->cross = ln_alloc_array(square, sizeof *in->cross);
  return in->moments != NULL && in->cross != NULL;
}

/* How many groups of rows see inputs of their own; 0: they cannot be told. */
static int32_t groups_of(const ln_optimizer *o, const ln_layer *layer) {
  const ln_graph *graph = ln_optimizer_graph(o);
  if (layer->input < 0) return 0;
  const ln_shape *input = &graph->tensors[layer->input].shape, *weights = &graph->tensors[layer->weights].shape;
  switch (layer->kind) {
    case LN_LAYER_DEPTHWISE: return layer->rows;
    case LN_LAYER_FULLY_CONNECTED:
    case LN_LAYER_BATCH_MATMUL: return 1;
    case LN_LAYER_CONV:
      if (input->rank != 4 || input->dims[3] < 1 || weights->dims[3] < 1 || input->dims[3] % weights->dims[3] != 0)
        return 0;
      return layer->rows % (input->dims[3] / weights->dims[3]) == 0 ? input->dims[3] / weights->dims[3] : 0;
    default: return 0;
  }
}

static ln_status watch_samples(watch *w, ln_model *before, int64_t limit) {
  ln_optimizer *o = w->o;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_model *now = NULL;
  options.keep_all_tensors = true;
  options.threads = o->options->threads;
  options.signature = o->options->signature;
  LN_TRY(ln_session_create(before, &options, o->err, &w->before));
  ln_status status = ln_edit_snapshot(o->model, o->err, &now);
  if (status == LN_OK) status = ln_observe(o, now, w->samples, limit, NULL, see, w);
  ln_session_destroy(w->before);
  ln_model_destroy(now);
  return status;
}

ln_status ln_cluster_see(ln_optimizer *o, const ln_layer *layer, ln_model *before, int64_t limit,
                         ln_cluster_inputs *out) {
  *out = (ln_cluster_inputs){.groups = groups_of(o, layer), .columns = layer->columns};
  if (o->options->calibration == NULL || o->options->calibration->count < 1 || out->groups == 0) return LN_OK;
  watch w = {.o = o, .layer = layer, .samples = o->options->calibration, .out = out};
  const int64_t samples = limit > 0 && limit < w.samples->count ? limit : w.samples->count;
  const int64_t wanted = (int64_t)POSITIONS_A_COLUMN * layer->columns;
  w.most = ((wanted > LEAST_POSITIONS ? wanted : LEAST_POSITIONS) - 1) / samples + 1;
  ln_status status = allocate(&w) ? watch_samples(&w, before, limit) : ln_optimizer_no_memory(o);
  ln_free(w.now);
  ln_free(w.then);
  if (status != LN_OK) ln_cluster_inputs_free(out);
  return status;
}
