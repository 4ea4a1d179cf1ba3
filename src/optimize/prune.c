/*
 * Pruning: reads the stage's parameters, decides how much of which layer goes, and walks the layers from the input on,
 * so that each is fitted to what reaches it in the model pruned so far.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/order.h"
#include "optimize/prune.h"
#include "passes/rewrite.h"

const ln_parameter ln_parameters_prune[] = {
    {"sparsity", LN_PARAMETER_NUMBER, "0.5", NULL, 0, 1,
     "share of weights that become zero, of all that can be pruned"},
    {"pattern", LN_PARAMETER_TEXT, "unstructured", NULL, 0, 0,
     "unstructured, blocks of output channels x inputs (1x4, 1x16, 4x1, 4x4), n:m (2:4), or channel"},
    {"scope", LN_PARAMETER_CHOICE, "global", "global|layer", 0, 0, "whether layers share the zeros or have the same"},
    {"sensitivity", LN_PARAMETER_CHOICE, "measured", "measured|relative|none", 0, 0,
     "what a layer's error counts for: what it does to the outputs, its size, or all the same"},
    {"reconstruct", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "fit the weights that stay to calibration data"},
    {"samples", LN_PARAMETER_INTEGER, "1024", NULL, 0, 1e9, "of calibration data that are looked at; 0: all"},
    {"damping", LN_PARAMETER_NUMBER, "0.01", NULL, 0, 100, "how strongly fitted weights are held to what they were"},
    {"rounds", LN_PARAMETER_INTEGER, "3", NULL, 0, 100, "in which targets follow what the activation cuts off"},
    {"target", LN_PARAMETER_CHOICE, "cpu", "cpu|litert", 0, 0, "where the model is to run: which patterns pay there"},
    {0}};

enum {
  JUDGED = 96,         /* samples whose outputs are compared to judge a layer */
  JUDGED_FITS = 256,   /* samples that it is fitted to for that */
  MENDED = 2,          /* layers behind it that are fitted, too */
  WIDEST = 64,         /* block */
  MOST_COLUMNS = 4608, /* whose moments are kept: three squares of doubles */
};

/* ---- what is said ---- */

ln_status ln_prune_pattern_read(const char *text, ln_error *err, ln_prune_pattern *out) {
  int a = 0, b = 0, used = 0;
  *out = (ln_prune_pattern){.rows = 1, .columns = 1};
  if (strcmp(text, "unstructured") == 0) return LN_OK;
  if (strcmp(text, "channel") == 0) {
    out->channels = true;
    return LN_OK;
  }
  if (sscanf(text, "%9d:%9d%n", &a, &b, &used) == 2 && text[used] == '\0' && a >= 1 && a < b && b <= 256) {
    out->n = a, out->m = b;
    return LN_OK;
  }
  if (sscanf(text, "%9dx%9d%n", &a, &b, &used) == 2 && text[used] == '\0' && a >= 1 && b >= 1 && a <= WIDEST &&
      b <= WIDEST) {
    out->rows = a, out->columns = b;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_ARGUMENT,
                 "prune: the pattern \"%.40s\" is none of unstructured, RxC (blocks of at most %d), n:m and channel",
                 text, WIDEST);
}

/* ---- layers ---- */

/* Inputs that a row's blocks may not pass: of a convolution those of one tap. */
static int32_t run_of(const ln_graph *graph, const ln_layer *layer) {
  const ln_shape *shape = &graph->tensors[layer->weights].shape;
  return layer->axis == 0 ? shape->dims[shape->rank - 1] : layer->columns;
}

static void read_activation(const ln_optimizer *o, ln_prune_layer *p) {
  const ln_op *op = ln_layer_op(o, &p->layer);
  const ln_node node = {.op = op};
  int32_t activation = LN_ACT_NONE;
  if (p->layer.kind == LN_LAYER_CONV) {
    activation = ((const ln_conv2d_options *)op->options)->fused_activation_function;
  } else if (p->layer.kind == LN_LAYER_DEPTHWISE) {
    activation = ((const ln_depthwise_conv2d_options *)op->options)->fused_activation_function;
  } else if (p->layer.kind == LN_LAYER_FULLY_CONNECTED) {
    activation = ((const ln_fully_connected_options *)op->options)->fused_activation_function;
  }
  if (ln_node_float_range(&node, activation, NULL, &p->low, &p->high) != LN_OK) p->fitted = false;
}

/* The other summand where the layer's output goes into a sum and nowhere else: there the layer mends what that lost. */
static int32_t summand_of(const ln_optimizer *o, const ln_prune_layer *p) {
  const ln_graph *graph = ln_optimizer_graph(o);
  const int32_t output = ln_layer_op(o, &p->layer)->outputs[0];
  const ln_op *reader = NULL;
  if (isfinite(p->low) || isfinite(p->high)) return -1;
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == output) return -1;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) {
      if (graph->ops[i].inputs[j] != output) continue;
      if (reader != NULL) return -1;
      reader = &graph->ops[i];
    }
  }
  if (reader == NULL || !ln_op_is(reader, LN_OP_ADD)) return -1;
  const int32_t other = reader->inputs[reader->inputs[0] == output ? 1 : 0];
  const ln_tensor *tensor = &graph->tensors[other];
  if (ln_tensor_const_data(tensor) || !ln_shape_equal(&tensor->shape, &graph->tensors[output].shape)) return -1;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].output_count; ++j) {
      if (graph->ops[i].outputs[j] == other) return i < p->layer.op ? other : -1;
    }
  }
  return other;
}

int32_t ln_prune_groups(const ln_optimizer *o, const ln_layer *layer) {
  const ln_graph *graph = ln_optimizer_graph(o);
  if (layer->kind != LN_LAYER_CONV && layer->kind != LN_LAYER_DEPTHWISE) return 1;
  const ln_tensor *input = &graph->tensors[layer->input];
  const int32_t channels = input->shape.rank == 4 ? input->shape.dims[3] : 0;
  const int32_t each = layer->kind == LN_LAYER_CONV ? graph->tensors[layer->weights].shape.dims[3] : 1;
  const int32_t groups = channels > 0 && channels % each == 0 ? channels / each : 0;
  return groups > 0 && layer->rows % groups == 0 ? groups : 0;
}

static bool takes_bias(const ln_optimizer *o, const ln_layer *layer) {
  const ln_op *op = ln_layer_op(o, layer);
  return layer->bias >= 0 || op->input_count < 3 || op->inputs[2] < 0;
}

const char *ln_prune_refuses(const ln_optimizer *o, const ln_prune_layer *p) {
  const ln_prune_pattern *pattern = &p->pattern;
  const int32_t run = run_of(ln_optimizer_graph(o), &p->layer);
  if (p->layer.kind == LN_LAYER_EMBEDDING) return "its rows are looked up, not multiplied";
  if (pattern->rows == 1 && pattern->columns == 1 && pattern->m == 0) return NULL;
  if (p->layer.kind == LN_LAYER_DEPTHWISE) return "a depthwise layer has no blocks";
  if (run % (pattern->m > 0 ? pattern->m : pattern->columns) != 0) return "its inputs do not fit the pattern";
  if (p->layer.rows / (p->groups > 0 ? p->groups : 1) % pattern->rows != 0) return "its outputs do not fit the pattern";
  return NULL;
}

static ln_status open_layer(ln_pruning *w, const ln_layer *layer, ln_prune_layer *p) {
  const ln_optimizer *o = w->o;
  *p = (ln_prune_layer){.layer = *layer, .skip = -1, .sparsity = -1, .importance = 1, .pattern = w->pattern};
  p->low = -INFINITY, p->high = INFINITY;
  p->groups = ln_prune_groups(o, layer);
  p->fitted =
      w->dense != NULL && p->groups > 0 && layer->columns <= MOST_COLUMNS && takes_bias(o, layer) &&
      (layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE || layer->kind == LN_LAYER_FULLY_CONNECTED);
  if (p->groups < 1) p->groups = 1;
  read_activation(o, p);
  if (p->fitted) p->skip = summand_of(o, p);
  p->units = (int64_t)(layer->rows / w->pattern.rows) * (layer->columns / w->pattern.columns);
  const double own = ln_stage_number(w->stage, o, ln_layer_op(o, layer), "sparsity");
  if (own != w->sparsity) p->sparsity = own;
  if (w->dense != NULL && !p->fitted && p->sparsity < 0) p->sparsity = w->sparsity; /* costs of another kind */
  LN_TRY(ln_layer_read(o, layer, &p->dense));
  LN_TRY(ln_layer_read_bias(o, layer, &p->dense_bias));
  p->costs = ln_alloc_array((size_t)p->units + 1, sizeof *p->costs);
  return p->costs == NULL ? ln_optimizer_no_memory(o) : LN_OK;
}

void ln_pruning_close(ln_pruning *w) {
  for (int32_t i = 0; i < w->count; ++i) {
    ln_free(w->layers[i].dense);
    ln_free(w->layers[i].dense_bias);
    ln_free(w->layers[i].costs);
  }
  ln_free(w->layers);
  ln_model_destroy(w->dense);
}

static ln_status report_whole(ln_pruning *w, const ln_layer *layer, const char *why) {
  char what[160];
  snprintf(what, sizeof what, "left as it is: %s", why);
  const ln_report_layer row = ln_report_layer_of(w->o, layer, what);
  return ln_report_add_layer(w->o, &row);
}

/* With samples, the model as it is now is what the pruned one is fitted to. */
static ln_status keep_dense(ln_pruning *w) {
  ln_optimizer *o = w->o;
  if (!ln_stage_flag(w->stage, o, NULL, "reconstruct")) return LN_OK;
  if (o->options->calibration != NULL && o->options->calibration->count > 0)
    return ln_edit_snapshot(o->model, o->err, &w->dense);
  return ln_report_add_note(o,
                            "prune: without calibration data weights go by magnitude, and nothing makes up for "
                            "them: with --data the model stays far more accurate");
}

ln_status ln_pruning_open(ln_pruning *w) {
  ln_layer *found = NULL;
  int32_t count = 0;
  LN_TRY(keep_dense(w));
  ln_status status = ln_layers_find(w->o, w->stage, &found, &count);
  w->layers = status == LN_OK ? ln_alloc_array((size_t)count + 1, sizeof *w->layers) : NULL;
  if (status == LN_OK && w->layers == NULL) status = ln_optimizer_no_memory(w->o);
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    ln_prune_layer *p = &w->layers[w->count];
    const ln_prune_layer shape = {.layer = found[i], .groups = ln_prune_groups(w->o, &found[i]), .pattern = w->pattern};
    const char *why = ln_prune_refuses(w->o, &shape);
    if (why != NULL) {
      status = report_whole(w, &found[i], why);
      continue;
    }
    ++w->count;
    status = open_layer(w, &found[i], p);
    w->weights += (int64_t)found[i].rows * found[i].columns;
  }
  ln_free(found);
  if (status == LN_OK && w->count == 0)
    status = ln_fail(w->o->err, LN_ERR_UNSUPPORTED, "prune: no layer has weights in floats that fit the pattern");
  return status;
}

/* ---- how much of which layer ---- */

ln_status ln_pruning_write(ln_pruning *w, ln_prune_layer *p, const float *weights, const float *bias) {
  LN_TRY(ln_layer_write(w->o, &p->layer, weights));
  return p->fitted && bias != NULL ? ln_layer_write_bias(w->o, &p->layer, bias) : LN_OK;
}

/* One byte a weight of the matrix, set where an earlier stage wants zeros and where `gone` is; *out NULL: nowhere. */
static ln_status kept_zeros(const ln_pruning *w, const ln_layer *layer, const uint8_t *gone, uint8_t **out) {
  const uint8_t *bits = ln_invariant_zeros(w->o, layer->weights);
  const size_t rows = (size_t)layer->rows, columns = (size_t)layer->columns;
  *out = NULL;
  if (bits == NULL && gone == NULL) return LN_OK;
  *out = ln_alloc_array(rows * columns, 1);
  if (*out == NULL) return ln_optimizer_no_memory(w->o);
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      const size_t at = layer->axis == 0 ? r * columns + c : c * rows + r, here = r * columns + c;
      (*out)[here] = (bits != NULL && (bits[at / 8] >> (at % 8) & 1) != 0) || (gone != NULL && gone[here] != 0);
    }
  return LN_OK;
}

ln_status ln_pruning_fit(ln_pruning *w, ln_prune_layer *p, ln_model *model, const uint8_t *gone, bool costs) {
  const ln_optimizer *o = w->o;
  ln_prune_data data = {0};
  ln_prune_fit work = {0};
  uint8_t *zeros = NULL;
  float *weights = ln_alloc_array((size_t)p->layer.rows * (size_t)p->layer.columns, sizeof *weights);
  float *bias = ln_alloc_array((size_t)p->layer.rows, sizeof *bias);
  ln_status status =
      weights == NULL || bias == NULL ? ln_optimizer_no_memory(o) : kept_zeros(w, &p->layer, gone, &zeros);
  if (status == LN_OK) status = ln_prune_gather(o, model, w->dense, p, w->samples, &data);
  if (status == LN_OK) status = ln_prune_fit_open(o, p, &data, ln_stage_number(w->stage, o, NULL, "damping"), &work);
  if (status == LN_OK) {
    work.rounds = (int32_t)ln_stage_number(w->stage, o, NULL, "rounds");
    if (costs) {
      p->power = ln_prune_variance(&data);
      status = ln_prune_fit_costs(&work, p);
    }
  }
  if (status == LN_OK) status = ln_prune_fit_layer(&work, zeros, weights, bias);
  if (status == LN_OK) status = ln_pruning_write(w, p, weights, bias);
  ln_prune_fit_close(&work);
  ln_prune_data_free(&data);
  ln_free(zeros);
  ln_free(weights);
  ln_free(bias);
  return status;
}

static int by_value(const void *a, const void *b) {
  return ln_number_order((double)*(const float *)a, (double)*(const float *)b);
}

static ln_status prune_layer(ln_pruning *w, ln_prune_layer *p);

/* The layers behind make up for some of what one loses: as many as a block has. */
static ln_status mend(ln_pruning *w, ln_prune_layer *p) {
  for (int32_t k = 1; k <= MENDED && p + k < w->layers + w->count; ++k) {
    if (!p[k].fitted) continue;
    p[k].removed = 0;
    LN_TRY(prune_layer(w, p + k));
  }
  return LN_OK;
}

static ln_status unmend(ln_pruning *w, ln_prune_layer *p) {
  for (int32_t k = 0; k <= MENDED && p + k < w->layers + w->count; ++k)
    LN_TRY(ln_pruning_write(w, p + k, p[k].dense, p[k].dense_bias));
  return LN_OK;
}

/* Prunes the layer alone and sees what that does to the outputs: the layer's costs are scaled to it. */
static ln_status judge(ln_pruning *w, ln_prune_layer *p) {
  const bool measured = ln_stage_is(w->stage, w->o, NULL, "sensitivity", "measured");
  ln_model *alone = NULL;
  double error = 0, cost = 0;
  p->removed = (int64_t)(w->sparsity * (double)p->units);
  LN_TRY(ln_pruning_fit(w, p, w->dense, NULL, true));
  qsort(p->costs, (size_t)p->units, sizeof *p->costs, by_value);
  for (int64_t i = 0; i < p->removed; ++i) cost += (double)p->costs[i];
  if (measured) {
    LN_TRY(mend(w, p));
    LN_TRY(ln_edit_snapshot(w->o->model, w->o->err, &alone));
    const ln_status status = ln_prune_output_error(w->o, alone, w->dense, JUDGED, &error);
    ln_model_destroy(alone);
    if (status != LN_OK) return status;
  }
  p->importance = !measured ? 1 / p->power : cost > 0 ? error / cost : 1;
  return unmend(w, p);
}

static ln_status weigh_layers(ln_pruning *w) {
  const bool global = ln_stage_is(w->stage, w->o, NULL, "scope", "global") && w->pattern.m == 0;
  const bool alike = ln_stage_is(w->stage, w->o, NULL, "sensitivity", "none");
  const int64_t samples = w->samples;
  if (samples == 0 || samples > JUDGED_FITS) w->samples = JUDGED_FITS;
  for (int32_t i = 0; global && !alike && i < w->count; ++i) {
    ln_prune_layer *p = &w->layers[i];
    if (p->sparsity >= 0) continue;
    LN_TRY(ln_optimizer_progress(w->o, "weighing layers", i, w->count));
    LN_TRY(w->dense == NULL ? ln_prune_magnitude_costs(w->o, p) : judge(w, p));
  }
  w->samples = samples;
  return ln_prune_allocate(w->o, w->layers, w->count, w->sparsity, global && !alike);
}

/* ---- pruning ---- */

static ln_status prune_by_magnitude(ln_pruning *w, ln_prune_layer *p) {
  const size_t count = (size_t)p->layer.rows * (size_t)p->layer.columns;
  float *weights = ln_alloc_array(count, sizeof *weights);
  if (weights == NULL) return ln_optimizer_no_memory(w->o);
  memcpy(weights, p->dense, count * sizeof *weights);
  ln_status status = ln_prune_by_magnitude(w->o, p, weights);
  if (status == LN_OK) status = ln_pruning_write(w, p, weights, NULL);
  ln_free(weights);
  return status;
}

static ln_status prune_layer(ln_pruning *w, ln_prune_layer *p) {
  ln_model *so_far = NULL;
  if (!p->fitted) return prune_by_magnitude(w, p);
  LN_TRY(ln_edit_snapshot(w->o->model, w->o->err, &so_far));
  const ln_status status = ln_pruning_fit(w, p, so_far, NULL, false);
  ln_model_destroy(so_far);
  return status;
}

static ln_status report_layer(ln_pruning *w, const ln_prune_layer *p, int64_t *zeros) {
  char what[96];
  float *now = NULL;
  double error = 0, power = 0;
  snprintf(what, sizeof what, "%s%s", ln_stage_text(w->stage, w->o, NULL, "pattern"), p->fitted ? ", fitted" : "");
  ln_report_layer row = ln_report_layer_of(w->o, &p->layer, what);
  LN_TRY(ln_layer_read(w->o, &p->layer, &now));
  for (int64_t i = 0; i < (int64_t)p->layer.rows * p->layer.columns; ++i) {
    *zeros += now[i] == 0;
    error += ((double)now[i] - (double)p->dense[i]) * ((double)now[i] - (double)p->dense[i]);
    power += (double)p->dense[i] * (double)p->dense[i];
  }
  ln_free(now);
  row.weight_error = power > 0 ? sqrt(error / power) : 0;
  return ln_report_add_layer(w->o, &row);
}

/* Whether the session runs the operator that writes `name` as a product without zeros. */
static bool runs_sparse(const ln_session *session, const char *name) {
  for (int32_t i = 0; i < ln_session_profile_count(session); ++i) {
    ln_profile_entry entry = {.size = sizeof entry};
    if (ln_session_profile(session, i, &entry) != LN_OK || entry.kernel == NULL) continue;
    if (strncmp(entry.kernel, "sparse", 6) == 0 && strcmp(entry.tensor_name, name) == 0) return true;
  }
  return false;
}

/* Asks the runtime itself, which chooses by its kernels' costs. */
static ln_status note_cpu(ln_pruning *w) {
  const ln_optimizer *o = w->o;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  ln_model *model = NULL;
  int32_t sparse = 0, products = 0;
  options.profile = true;
  options.signature = o->options->signature;
  options.threads = o->options->threads;
  LN_TRY(ln_edit_snapshot(o->model, o->err, &model));
  ln_status status = ln_session_create(model, &options, o->err, &session);
  for (int32_t i = 0; status == LN_OK && i < w->count; ++i) {
    if (w->layers[i].layer.kind == LN_LAYER_DEPTHWISE) continue;
    ++products;
    sparse += runs_sparse(session, ln_layer_name(o, &w->layers[i].layer));
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
  if (status != LN_OK) return status;
  return ln_report_add_note(
      w->o, "prune: %d of %d products run without their zeros on this processor (%s)%s", sparse, products,
      ln_isa_name(ln_cpu_isa()),
      sparse == products || w->pattern.rows % 4 == 0
          ? ""
          : "; the others cost less computed whole. Blocks of four outputs (4x1) pay from fewer zeros on");
}

static ln_status note_target(ln_pruning *w) {
  if (ln_stage_is(w->stage, w->o, NULL, "target", "cpu")) return note_cpu(w);
  return ln_report_add_note(w->o,
                            "prune: LiteRT computes with the zeros: there they make the file smaller (encode), and "
                            "only whole channels (pattern channel) make it faster");
}

static ln_status finish(ln_pruning *w) {
  int64_t zeros = 0;
  for (int32_t i = 0; i < w->count; ++i) {
    LN_TRY(ln_invariant_keep_zeros(w->o, w->layers[i].layer.weights));
    LN_TRY(report_layer(w, &w->layers[i], &zeros));
  }
  LN_TRY(ln_report_add_note(w->o, "prune: %.1f %% of %lld weights that can be pruned are zero (%s, %s)",
                            100 * (double)zeros / (double)w->weights, (long long)w->weights,
                            ln_stage_text(w->stage, w->o, NULL, "pattern"),
                            w->dense != NULL ? "the others fitted to calibration data" : "by magnitude alone"));
  return note_target(w);
}

static ln_status prune(ln_pruning *w) {
  ln_optimizer *o = w->o;
  LN_TRY(ln_pruning_open(w));
  LN_TRY(weigh_layers(w));
  for (int32_t i = 0; i < w->count; ++i) {
    LN_TRY(ln_optimizer_progress(o, "pruning", i, w->count));
    LN_TRY(prune_layer(w, &w->layers[i]));
  }
  LN_TRY(ln_optimizer_progress(o, "pruning", w->count, w->count));
  return finish(w);
}

ln_status ln_technique_prune(ln_optimizer *o, const ln_stage *stage) {
  ln_pruning w = {.o = o, .stage = stage, .sparsity = ln_stage_number(stage, o, NULL, "sparsity")};
  w.samples = (int64_t)ln_stage_number(stage, o, NULL, "samples");
  LN_TRY(ln_prune_pattern_read(ln_stage_text(stage, o, NULL, "pattern"), o->err, &w.pattern));
  if (w.pattern.channels) {
    const ln_status status = ln_prune_channels(&w);
    ln_pruning_close(&w);
    return status;
  }
  const ln_status status = prune(&w);
  ln_pruning_close(&w);
  return status;
}
