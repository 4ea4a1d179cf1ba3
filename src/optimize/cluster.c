/*
 * The technique "cluster": weights of a layer, or of each of its channels, take a few values only, so that a table and
 * numbers of a few bits stand for them. Layer after layer, each against the inputs that the layers before it now make.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimize/cluster.h"

const ln_parameter ln_parameters_cluster[] = {
    {"clusters", LN_PARAMETER_INTEGER, "16", NULL, 2, 256, "values that weights may take, zero among them"},
    {"init", LN_PARAMETER_CHOICE, "kmeans++", "kmeans++|density|linear|random", 0, 0, "where values begin"},
    {"scope", LN_PARAMETER_CHOICE, "tensor", "tensor|channel", 0, 0, "what shares its values"},
    {"smallest", LN_PARAMETER_INTEGER, "128", NULL, 0, 1e9, "weights that a layer must have to be clustered"},
    {"samples", LN_PARAMETER_INTEGER, "256", NULL, 0, 1e9, "calibration samples that weights are fitted to; 0: all"},
    {"fit", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "mend each weight's change by the others, where there are samples"},
    {"seed", LN_PARAMETER_INTEGER, "1", NULL, 0, 1e9, "of what is drawn"},
    {0}};

enum { ZEROS_BY_CHANCE = 10 }; /* one weight in so many may be zero without a meaning */

/* One layer's part of the stage. */
typedef struct work {
  ln_optimizer *o;
  const ln_stage *stage;
  ln_layer *layer;
  ln_cluster_task task;
  ln_cluster_inputs inputs;
  float *given; /* the weights as they were */
  uint8_t *zeros;
} work;

static ln_kmeans_start start_of(const char *text) {
  static const char *const names[] = {"kmeans++", "density", "linear", "random"};
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (strcmp(names[i], text) == 0) return (ln_kmeans_start)i;
  }
  return LN_KMEANS_PLUS_PLUS;
}

/* What must stay zero, a byte an element, in the matrix's order: what an earlier stage made zero, or zeros that the
 * model came with when they are too many for a chance. */
static ln_status find_zeros(work *w) {
  const uint8_t *kept = ln_invariant_zeros(w->o, w->layer->weights);
  const size_t rows = (size_t)w->layer->rows, columns = (size_t)w->layer->columns;
  size_t count = 0;
  w->zeros = ln_alloc_array(rows * columns, 1);
  if (w->zeros == NULL) return ln_optimizer_no_memory(w->o);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) {
      const size_t place = r * columns + c, at = w->layer->axis == 0 ? place : c * rows + r;
      w->zeros[place] = kept == NULL ? w->task.values[place] == 0.0f : kept[at / 8] >> (at % 8) & 1;
      count += w->zeros[place];
    }
  }
  if (kept != NULL || count >= rows * columns / ZEROS_BY_CHANCE) w->task.zeros = w->zeros;
  return LN_OK;
}

static bool all_finite(const float *values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(values[i])) return false;
  }
  return true;
}

/* The outputs' means as they were: a bias takes up what clustering shifted them by. */
static ln_status mend_bias(work *w) {
  const ln_cluster_inputs *in = &w->inputs;
  const int32_t rows = w->layer->rows, n = w->layer->columns;
  float *bias = NULL;
  if (in->count == 0 || w->layer->kind == LN_LAYER_BATCH_MATMUL) return LN_OK;
  LN_TRY(ln_layer_read_bias(w->o, w->layer, &bias));
  for (int32_t r = 0; r < rows; ++r) {
    const ptrdiff_t group = (ptrdiff_t)(r / (rows / in->groups)) * n;
    double shift = 0;
    for (int32_t c = 0; c < n; ++c) {
      const ptrdiff_t at = (ptrdiff_t)r * n + c;
      shift += in->mean_before[group + c] * (double)w->given[at] - in->mean[group + c] * (double)w->task.values[at];
    }
    bias[r] += (float)(shift / (double)in->count);
  }
  const ln_status status = ln_layer_write_bias(w->o, w->layer, bias);
  ln_free(bias);
  return status;
}

static double relative_error(const float *before, const float *after, size_t count) {
  double error = 0, power = 0;
  for (size_t i = 0; i < count; ++i) {
    const double gap = (double)after[i] - (double)before[i];
    error += gap * gap;
    power += (double)before[i] * (double)before[i];
  }
  return power > 0 ? sqrt(error / power) : 0;
}

static ln_status leave(const work *w, const char *what) {
  const ln_report_layer row = ln_report_layer_of(w->o, w->layer, what);
  return ln_report_add_layer(w->o, &row);
}

static ln_status cluster_rows(work *w, bool by_channel) {
  if (!by_channel) return ln_cluster_fit(&w->task, 0, w->layer->rows);
  for (int32_t r = 0; r < w->layer->rows; ++r) LN_TRY(ln_cluster_fit(&w->task, r, 1));
  return LN_OK;
}

static ln_status cluster_layer(work *w, ln_model *before) {
  ln_optimizer *o = w->o;
  const ln_op *op = ln_layer_op(o, w->layer);
  const size_t count = (size_t)w->layer->rows * (size_t)w->layer->columns;
  const bool by_channel = ln_stage_is(w->stage, o, op, "scope", "channel");
  char what[80];
  if ((double)count < ln_stage_number(w->stage, o, op, "smallest")) return leave(w, "left: too small to gain by it");
  LN_TRY(ln_layer_read(o, w->layer, &w->task.values));
  if (!all_finite(w->task.values, count)) return leave(w, "left: its weights are not finite");
  w->given = ln_alloc_array(count, sizeof *w->given);
  if (w->given == NULL) return ln_optimizer_no_memory(o);
  memcpy(w->given, w->task.values, count * sizeof *w->given);
  w->task.how = (ln_kmeans){.clusters = (int32_t)ln_stage_number(w->stage, o, op, "clusters"),
                            .start = start_of(ln_stage_text(w->stage, o, op, "init")),
                            .seed = (uint64_t)ln_stage_number(w->stage, o, op, "seed")};
  LN_TRY(find_zeros(w));
  if (before != NULL && ln_stage_flag(w->stage, o, op, "fit")) {
    LN_TRY(ln_cluster_see(o, w->layer, before, (int64_t)ln_stage_number(w->stage, o, op, "samples"), &w->inputs));
  }
  w->task.inputs = &w->inputs;
  LN_TRY(cluster_rows(w, by_channel));
  LN_TRY(ln_layer_write(o, w->layer, w->task.values));
  LN_TRY(mend_bias(w));
  LN_TRY(ln_invariant_keep_clusters(o, w->layer->weights, w->task.how.clusters, by_channel ? w->layer->axis : -1));
  if (w->task.zeros != NULL) LN_TRY(ln_invariant_keep_zeros(o, w->layer->weights));
  snprintf(what, sizeof what, "%d values a %s%s", w->task.how.clusters, by_channel ? "channel" : "tensor",
           w->inputs.count > 0 ? ", fitted to samples" : "");
  ln_report_layer row = ln_report_layer_of(o, w->layer, what);
  row.weight_error = relative_error(w->given, w->task.values, count);
  return ln_report_add_layer(o, &row);
}

ln_status ln_technique_cluster(ln_optimizer *o, const ln_stage *stage) {
  const ln_samples *samples = o->options->calibration;
  ln_layer *layers = NULL;
  ln_model *before = NULL;
  int32_t count = 0;
  LN_TRY(ln_layers_find(o, stage, &layers, &count));
  ln_status status = LN_OK;
  if (samples != NULL && samples->count > 0) status = ln_edit_snapshot(o->model, o->err, &before);
  for (int32_t i = 0; i < count && status == LN_OK; ++i) {
    work w = {.o = o, .stage = stage, .layer = &layers[i]};
    w.task = (ln_cluster_task){.o = o, .rows = layers[i].rows, .columns = layers[i].columns};
    status = cluster_layer(&w, before);
    ln_cluster_inputs_free(&w.inputs);
    ln_free(w.task.values);
    ln_free(w.given);
    ln_free(w.zeros);
    if (status == LN_OK) status = ln_optimizer_progress(o, "clustering", i + 1, count);
  }
  ln_model_destroy(before);
  ln_free(layers);
  return status;
}
