/*
 * Whole channels: those go whose loss costs the layers that read them least, when what they read beside makes up for
 * it (second order, as the Optimal Brain Surgeon; He et al. 2017 for the refit of readers). They become zeros first, so
 * that layers can be fitted one after another; then the graph is cut.
 */
#include "optimize/channels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/order.h"
#include "optimize/prune.h"

enum { MOST_INPUTS = 256 };

typedef struct candidate {
  double cost, saved; /* of the group: what its loss costs, how many weights go with it */
  int32_t group;
} candidate;

typedef struct cut {
  ln_pruning *w;
  ln_channels channels;
  bool *open;        /* [op_count] */
  bool *gone;        /* [count] by group */
  int32_t *left;     /* [tensor_count] channels that stay */
  candidate *groups; /* [count] by group */
} cut;

static bool is_depthwise(const ln_prune_layer *p) { return p->layer.kind == LN_LAYER_DEPTHWISE; }

static int32_t output_of(const cut *c, const ln_prune_layer *p) { return ln_layer_op(c->w->o, &p->layer)->outputs[0]; }

/* The groups that row `r` and column `j` of the layer's matrix belong to; -1: none. */
static int32_t row_group(const cut *c, const ln_prune_layer *p, int32_t r) {
  return ln_channel_group(&c->channels, output_of(c, p), r);
}

static int32_t column_group(const cut *c, const ln_prune_layer *p, int32_t j) {
  return is_depthwise(p) ? -1 : ln_channel_group(&c->channels, p->layer.input, j);
}

/* ---- costs ---- */

/* Without data: sums of squares of what the readers multiply with, over the layer's own. */
static void add_norms(cut *c, const ln_prune_layer *p) {
  const int32_t n = p->layer.columns;
  double all = 0;
  for (int64_t i = 0; i < (int64_t)p->layer.rows * n; ++i) all += (double)p->dense[i] * (double)p->dense[i];
  for (int64_t i = 0; all > 0 && i < (int64_t)p->layer.rows * n; ++i) {
    const int32_t group = column_group(c, p, (int32_t)(i % n));
    if (group >= 0) c->groups[group].cost += (double)p->dense[i] * (double)p->dense[i] / all;
  }
}

typedef struct column {
  int32_t group, at;
} column;

static int by_group(const void *a, const void *b) {
  const column *x = a, *y = b;
  return x->group != y->group ? (x->group < y->group ? -1 : 1) : x->at - y->at;
}

/* Adds what each group of inputs costs the layer, over the variance of what it gives. */
static ln_status add_costs(cut *c, const ln_prune_layer *p, ln_prune_fit *fit, double power) {
  const int32_t n = p->layer.columns;
  column *columns = ln_alloc_array((size_t)n, sizeof *columns);
  int32_t list[MOST_INPUTS];
  if (columns == NULL) return ln_optimizer_no_memory(c->w->o);
  for (int32_t j = 0; j < n; ++j) columns[j] = (column){column_group(c, p, j), j};
  qsort(columns, (size_t)n, sizeof *columns, by_group);
  for (int32_t j = 0, next; j < n; j = next) {
    double cost = 0;
    for (next = j; next < n && columns[next].group == columns[j].group;) {
      int32_t count = 0; /* more inputs than that are taken in parts */
      for (; count < MOST_INPUTS && next < n && columns[next].group == columns[j].group; ++next)
        list[count++] = columns[next].at;
      if (columns[j].group >= 0) cost += ln_prune_fit_inputs_cost(fit, list, count);
    }
    if (columns[j].group >= 0) c->groups[columns[j].group].cost += cost / power;
  }
  ln_free(columns);
  return LN_OK;
}

static ln_status weigh_inputs(cut *c, const ln_prune_layer *p) {
  ln_pruning *w = c->w;
  ln_prune_data data = {0};
  ln_prune_fit fit = {0};
  if (is_depthwise(p)) return LN_OK; /* its channels go with its inputs */
  if (!p->fitted || p->groups != 1) {
    add_norms(c, p);
    return LN_OK;
  }
  ln_status status = ln_prune_gather(w->o, w->dense, w->dense, p, w->samples, &data);
  if (status == LN_OK)
    status = ln_prune_fit_open(w->o, p, &data, ln_stage_number(w->stage, w->o, NULL, "damping"), &fit);
  if (status == LN_OK) status = ln_prune_fit_inputs(&fit);
  if (status == LN_OK) status = add_costs(c, p, &fit, ln_prune_variance(&data));
  ln_prune_fit_close(&fit);
  ln_prune_data_free(&data);
  return status;
}

/* How many weights a group takes with it when the others stay. */
static void add_savings(cut *c, const ln_prune_layer *p) {
  for (int32_t r = 0; r < p->layer.rows; ++r) {
    const int32_t group = row_group(c, p, r);
    if (group >= 0) c->groups[group].saved += p->layer.columns;
  }
  for (int32_t j = 0; j < p->layer.columns; ++j) {
    const int32_t group = column_group(c, p, j);
    if (group >= 0) c->groups[group].saved += p->layer.rows;
  }
}

/* ---- choosing ---- */

static int by_price(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  const double p = x->cost / (x->saved > 0 ? x->saved : 1), q = y->cost / (y->saved > 0 ? y->saved : 1);
  const int order = ln_number_order(p, q);
  if (order != 0) return order;
  return x->group < y->group ? -1 : x->group > y->group;
}

static int64_t weights_left(const cut *c) {
  int64_t total = 0;
  for (int32_t i = 0; i < c->w->count; ++i) {
    const ln_prune_layer *p = &c->w->layers[i];
    int64_t rows = 0, columns = 0;
    for (int32_t r = 0; r < p->layer.rows; ++r) {
      const int32_t group = row_group(c, p, r);
      rows += group < 0 || !c->gone[group];
    }
    for (int32_t j = 0; j < p->layer.columns; ++j) {
      const int32_t group = column_group(c, p, j);
      columns += group < 0 || !c->gone[group];
    }
    total += rows * columns;
  }
  return total;
}

/* Takes the group out of every tensor that has it, unless one would keep less than an eighth of its channels. */
static bool take(cut *c, int32_t group) {
  const ln_channels *channels = &c->channels;
  const int32_t tensors = ln_optimizer_graph(c->w->o)->tensor_count;
  for (int32_t pass = 0; pass < 2; ++pass)
    for (int32_t t = 0; t < tensors; ++t) {
      if (channels->first[t] < 0) continue;
      int32_t has = 0;
      for (int32_t i = 0; i < channels->width[t]; ++i) has += ln_channel_group(channels, t, i) == group;
      if (pass == 0 && has > 0 && c->left[t] - has < (channels->width[t] + 7) / 8) return false;
      if (pass == 1) c->left[t] -= has;
    }
  c->gone[group] = true;
  return true;
}

static ln_status choose(cut *c) {
  candidate *order = ln_alloc_array((size_t)c->channels.count + 1, sizeof *order);
  int32_t count = 0;
  if (order == NULL) return ln_optimizer_no_memory(c->w->o);
  for (int32_t i = 0; i < c->channels.count; ++i) {
    if (c->channels.group[i] == i && !c->channels.whole[i] && c->groups[i].saved > 0) order[count++] = c->groups[i];
  }
  qsort(order, (size_t)count, sizeof *order, by_price);
  const double goal = (1 - c->w->sparsity) * (double)c->w->weights;
  ln_status status = LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count && (double)weights_left(c) > goal; ++i) {
    take(c, order[i].group);
    status = ln_optimizer_progress(c->w->o, "choosing channels", i, count);
  }
  ln_free(order);
  return status;
}

/* ---- fitting ---- */

static ln_status mask_layer(cut *c, ln_prune_layer *p) {
  ln_pruning *w = c->w;
  const int32_t n = p->layer.columns;
  const size_t count = (size_t)p->layer.rows * (size_t)n;
  uint8_t *gone = ln_alloc_array(count, 1);
  float *weights = ln_alloc_array(count, sizeof *weights);
  ln_model *so_far = NULL;
  ln_status status = gone == NULL || weights == NULL ? ln_optimizer_no_memory(w->o) : LN_OK;
  for (size_t i = 0; status == LN_OK && i < count; ++i) {
    const int32_t by_row = row_group(c, p, (int32_t)(i / (size_t)n)),
                  by_column = column_group(c, p, (int32_t)(i % (size_t)n));
    gone[i] = (by_row >= 0 && c->gone[by_row]) || (by_column >= 0 && c->gone[by_column]);
    weights[i] = gone[i] ? 0 : p->dense[i];
  }
  p->removed = 0;
  if (status == LN_OK && !p->fitted) status = ln_pruning_write(w, p, weights, NULL);
  if (status == LN_OK && p->fitted) {
    status = ln_edit_snapshot(w->o->model, w->o->err, &so_far);
    if (status == LN_OK) status = ln_pruning_fit(w, p, so_far, gone, false);
  }
  ln_model_destroy(so_far);
  ln_free(gone);
  ln_free(weights);
  return status;
}

static ln_status report(cut *c, int64_t before) {
  ln_pruning *w = c->w;
  int64_t left = 0;
  for (int32_t i = 0; i < w->count; ++i) {
    const ln_prune_layer *p = &w->layers[i];
    const ln_tensor *now = &ln_optimizer_graph(w->o)->tensors[p->layer.weights];
    ln_layer layer = p->layer;
    size_t elements = 0;
    char what[96];
    ln_shape_elements(&now->shape, &elements);
    layer.rows = now->shape.dims[layer.axis];
    layer.columns = (int32_t)(elements / (size_t)layer.rows);
    snprintf(what, sizeof what, "%d of %d outputs, %d of %d inputs stay%s", layer.rows, p->layer.rows, layer.columns,
             p->layer.columns, p->fitted ? ", fitted" : "");
    ln_report_layer row = ln_report_layer_of(w->o, &layer, what);
    row.bytes_before = (int64_t)p->layer.rows * p->layer.columns * (int64_t)sizeof(float);
    left += (int64_t)elements;
    if (ln_invariant_zeros(w->o, layer.weights) != NULL) LN_TRY(ln_invariant_keep_zeros(w->o, layer.weights));
    LN_TRY(ln_report_add_layer(w->o, &row));
  }
  return ln_report_add_note(w->o, "prune: %.1f %% of %lld weights are gone with their channels (%s)",
                            100 * (1 - (double)left / (double)before), (long long)before,
                            w->dense != NULL ? "the others fitted to calibration data" : "by magnitude alone");
}

/* ---- the stage ---- */

/* Layers whose weights are their own, of one group or depthwise, with a bias that can be cut. */
static ln_status open_ops(cut *c) {
  ln_optimizer *o = c->w->o;
  const ln_graph *graph = ln_optimizer_graph(o);
  int32_t *uses = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *uses);
  if (uses == NULL) return ln_optimizer_no_memory(o);
  for (int32_t i = 0; i < graph->op_count; ++i)
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j)
      if (graph->ops[i].inputs[j] >= 0) ++uses[graph->ops[i].inputs[j]];
  for (int32_t i = 0; i < c->w->count; ++i) {
    const ln_prune_layer *p = &c->w->layers[i];
    const bool kind = p->layer.kind == LN_LAYER_CONV || p->layer.kind == LN_LAYER_DEPTHWISE ||
                      p->layer.kind == LN_LAYER_FULLY_CONNECTED;
    const ln_op *op = ln_layer_op(o, &p->layer);
    const bool bias = op->input_count < 3 || op->inputs[2] < 0 ||
                      (p->layer.bias >= 0 && graph->tensors[p->layer.bias].shape.rank == 1);
    const ln_tensor *weights = &graph->tensors[p->layer.weights];
    c->open[p->layer.op] = kind && bias && uses[p->layer.weights] == 1 && weights->type == LN_FLOAT32 &&
                           weights->sparsity == NULL && (p->groups == 1 || is_depthwise(p)) && p->sparsity < 0;
  }
  ln_free(uses);
  return LN_OK;
}

static ln_status run(cut *c) {
  ln_optimizer *o = c->w->o;
  ln_pruning *w = c->w;
  const ln_graph *graph = ln_optimizer_graph(o);
  c->open = ln_alloc_array((size_t)graph->op_count + 1, sizeof *c->open);
  c->left = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *c->left);
  if (c->open == NULL || c->left == NULL) return ln_optimizer_no_memory(o);
  LN_TRY(open_ops(c));
  LN_TRY(ln_channels_trace(o, c->open, &c->channels));
  c->gone = ln_alloc_array((size_t)c->channels.count + 1, sizeof *c->gone);
  c->groups = ln_alloc_array((size_t)c->channels.count + 1, sizeof *c->groups);
  if (c->gone == NULL || c->groups == NULL) return ln_optimizer_no_memory(o);
  memcpy(c->left, c->channels.width, (size_t)graph->tensor_count * sizeof *c->left);
  for (int32_t i = 0; i < c->channels.count; ++i) c->groups[i].group = i;
  for (int32_t i = 0; i < w->count; ++i) {
    LN_TRY(ln_optimizer_progress(o, "weighing channels", i, w->count));
    LN_TRY(weigh_inputs(c, &w->layers[i]));
    add_savings(c, &w->layers[i]);
  }
  LN_TRY(choose(c));
  for (int32_t i = 0; i < w->count; ++i) {
    LN_TRY(ln_optimizer_progress(o, "fitting layers", i, w->count));
    LN_TRY(mask_layer(c, &w->layers[i]));
  }
  LN_TRY(ln_channels_cut(o, c->open, &c->channels, c->gone));
  return report(c, w->weights);
}

ln_status ln_prune_channels(ln_pruning *w) {
  cut c = {.w = w};
  LN_TRY(ln_pruning_open(w));
  const ln_status status = run(&c);
  ln_channels_free(&c.channels);
  ln_free(c.open);
  ln_free(c.gone);
  ln_free(c.left);
  ln_free(c.groups);
  return status;
}
