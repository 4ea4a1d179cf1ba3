/*
 * Cross-layer equalization (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
 * 2019): between two layers channels may be scaled by any positive number, as long as the next layer's weights undo it
 * and nothing but positively homogeneous operators lies in between. Each channel gets the same range in both, so that
 * one scale for a whole tensor serves all channels.
 */
#include <math.h>

#include "optimize/optimize.h"

const ln_parameter ln_parameters_equalize[] = {
    {"rounds", LN_PARAMETER_INTEGER, "20", NULL, 1, 1000, "how often all pairs of layers are levelled, at most"},
    {"relu6", LN_PARAMETER_CHOICE, "keep", "keep|data", 0, 0,
     "keep: what clamps at 6 is not scaled; data: channels that stay below 6 on calibration data are, and stay there"},
    {NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL}};

/* A layer whose weights are in hand. */
typedef struct levelled {
  ln_layer layer;
  float *weights, *bias; /* [rows, columns]; [rows], NULL without a bias */
  float *peaks;          /* [rows] the greatest outputs of a layer that clamps at 6; NULL: its outputs scale freely */
  bool changed;
} levelled;

typedef struct pair {
  int32_t first, second; /* among the layers */
  int32_t channels;
} pair;

typedef struct leveller {
  ln_optimizer *o;
  const ln_stage *stage;
  levelled *layers;
  int32_t layer_count;
  pair *pairs;
  int32_t pair_count;
  const int32_t *uses; /* of each tensor */
} leveller;

/* ---- pairs ---- */

static int32_t activation_of(const ln_op *op, int8_t **option) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  *option = NULL;
  for (int32_t i = 0; table != NULL && i < table->field_count; ++i) {
    const ln_field_info *field = &table->fields[i];
    if (field->enumeration != LN_ENUM_activation) continue;
    *option = (int8_t *)(uintptr_t)op->options + field->offset; /* the edited model's own */
    return **option;
  }
  return LN_ACT_NONE;
}

static bool is_homogeneous(const ln_op *op) {
  int8_t *option;
  const int32_t activation = activation_of(op, &option);
  return activation == LN_ACT_NONE || activation == LN_ACT_RELU;
}

static int32_t last_dim(const ln_tensor *tensor) {
  return tensor->shape.rank < 1 ? 0 : tensor->shape.dims[tensor->shape.rank - 1];
}

/* Whether an operator between layers leaves channels to themselves: they lie in the last dimension of `from`. */
static bool keeps_channels(const ln_graph *graph, const ln_op *op, int32_t from, int32_t channels) {
  if (op->output_count != 1 || op->inputs[0] != from) return false;
  const ln_tensor *in = &graph->tensors[from], *out = &graph->tensors[op->outputs[0]];
  if (out->type != LN_FLOAT32) return false;
  /* The same elements in the same order: what follows finds a channel by its place modulo their number. */
  if ((op->def->flags & LN_OPF_VIEW) != 0) return last_dim(out) > 0 && last_dim(out) % channels == 0;
  if ((op->def->flags & LN_OPF_BY_CHANNEL) == 0 || !is_homogeneous(op)) return false;
  if (last_dim(in) != channels || last_dim(out) != channels) return false;
  if (op->options_table != LN_TABLE_reducer_options) return true;
  int64_t axes[LN_MAX_RANK];
  int32_t count;
  if (op->input_count < 2 || !ln_tensor_ints(&graph->tensors[op->inputs[1]], axes, LN_MAX_RANK, &count)) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (axes[i] == -1 || axes[i] == in->shape.rank - 1) return false;
  }
  return true;
}

/* The one operator that reads tensor `index`; NULL when there are others, or an output of the graph is among them. */
static const ln_op *only_reader(const leveller *v, int32_t index) {
  const ln_graph *graph = ln_optimizer_graph(v->o);
  if (v->uses[index] != 1) return NULL;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) {
      if (graph->ops[i].inputs[j] == index) return &graph->ops[i];
    }
  }
  return NULL;
}

/* Which of `channels` a weight of the second layer multiplies. */
static int32_t channel_of(const ln_layer *layer, int32_t row, int32_t column, int32_t channels) {
  return layer->kind == LN_LAYER_DEPTHWISE ? row / (layer->rows / channels) : column % channels;
}

static bool can_undo(const leveller *v, const ln_layer *layer, int32_t channels) {
  if (layer->kind == LN_LAYER_DEPTHWISE) return layer->rows % channels == 0;
  return (layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_FULLY_CONNECTED ||
          layer->kind == LN_LAYER_TRANSPOSE_CONV) &&
         layer->columns % channels == 0 && ln_layer_lanes(v->o, layer) == 1;
}

/* The layer that reads what layer `first` makes, and nobody else does; -1 when there is none. */
static int32_t find_second(const leveller *v, int32_t first, int32_t channels) {
  const ln_graph *graph = ln_optimizer_graph(v->o);
  int32_t at = ln_layer_op(v->o, &v->layers[first].layer)->outputs[0];
  for (int32_t steps = 0; steps < graph->op_count; ++steps) {
    const ln_op *op = only_reader(v, at);
    if (op == NULL) return -1;
    for (int32_t i = 0; i < v->layer_count; ++i) {
      const ln_layer *layer = &v->layers[i].layer;
      if (ln_layer_op(v->o, layer) != op) continue;
      return layer->input == at && can_undo(v, layer, channels) ? i : -1;
    }
    if (!keeps_channels(graph, op, at, channels)) return -1;
    at = op->outputs[0];
  }
  return -1;
}

static bool is_first(const leveller *v, const levelled *l) {
  const ln_layer *layer = &l->layer;
  const ln_op *op = ln_layer_op(v->o, layer);
  const bool kind = layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE ||
                    layer->kind == LN_LAYER_FULLY_CONNECTED || layer->kind == LN_LAYER_TRANSPOSE_CONV;
  return kind && (is_homogeneous(op) || l->peaks != NULL) &&
         last_dim(&ln_optimizer_graph(v->o)->tensors[op->outputs[0]]) == layer->rows;
}

static void find_pairs(leveller *v) {
  for (int32_t i = 0; i < v->layer_count; ++i) {
    const int32_t channels = v->layers[i].layer.rows;
    const int32_t second = is_first(v, &v->layers[i]) ? find_second(v, i, channels) : -1;
    if (second >= 0) v->pairs[v->pair_count++] = (pair){i, second, channels};
  }
}

/* ---- levelling ---- */

static const float SIX = 6, BELOW_SIX = 5.4f; /* what is scaled keeps a distance, for data that was not seen */

/* Makes the ranges of each channel in both layers alike; returns how far from alike they were: 1, when they were. */
static double level(levelled *a, levelled *b, int32_t channels, float *ranges) {
  const size_t columns = (size_t)a->layer.columns, other = (size_t)b->layer.columns;
  float *mine = ranges, *next = ranges + channels;
  double farthest = 1;
  for (int32_t c = 0; c < channels; ++c) {
    mine[c] = next[c] = 0;
    for (size_t i = 0; i < columns; ++i) mine[c] = fmaxf(mine[c], fabsf(a->weights[(size_t)c * columns + i]));
  }
  for (int32_t r = 0; r < b->layer.rows; ++r) {
    for (int32_t i = 0; i < b->layer.columns; ++i) {
      float *range = &next[channel_of(&b->layer, r, i, channels)];
      *range = fmaxf(*range, fabsf(b->weights[(size_t)r * other + (size_t)i]));
    }
  }
  for (int32_t c = 0; c < channels; ++c) {
    const float ratio = mine[c] > 0 && next[c] > 0 ? sqrtf(mine[c] / next[c]) : 1;
    float scale = ratio > 1e-6f && ratio < 1e6f ? ratio : 1;
    if (a->peaks != NULL) scale = a->peaks[c] < SIX ? fmaxf(scale, a->peaks[c] / BELOW_SIX) : 1;
    if (a->peaks != NULL) a->peaks[c] /= scale;
    farthest = fmax(farthest, fmax((double)scale, 1 / (double)scale));
    for (size_t i = 0; i < columns; ++i) a->weights[(size_t)c * columns + i] /= scale;
    if (a->bias != NULL) a->bias[c] /= scale;
    next[c] = scale;
  }
  for (int32_t r = 0; r < b->layer.rows; ++r) {
    for (int32_t i = 0; i < b->layer.columns; ++i) {
      b->weights[(size_t)r * other + (size_t)i] *= next[channel_of(&b->layer, r, i, channels)];
    }
  }
  a->changed = b->changed = true;
  return farthest;
}

static ln_status level_all(leveller *v) {
  const int32_t rounds = (int32_t)ln_stage_number(v->stage, v->o, NULL, "rounds");
  int32_t most = 0;
  size_t room;
  for (int32_t i = 0; i < v->pair_count; ++i) {
    if (v->pairs[i].channels > most) most = v->pairs[i].channels;
  }
  if (!ln_size_mul((size_t)most, 2, &room)) return ln_optimizer_no_memory(v->o);
  float *ranges = ln_alloc_array(room + 1, sizeof *ranges);
  if (ranges == NULL) return ln_optimizer_no_memory(v->o);
  double farthest = 2;
  for (int32_t round = 0; round < rounds && farthest > 1.001; ++round) {
    farthest = 1;
    for (int32_t i = 0; i < v->pair_count; ++i) {
      const pair *p = &v->pairs[i];
      farthest = fmax(farthest, level(&v->layers[p->first], &v->layers[p->second], p->channels, ranges));
    }
  }
  ln_free(ranges);
  return LN_OK;
}

/* ---- RELU6 ---- */

static ln_status see_sample(void *user, int64_t sample, ln_session *session, ln_error *err) {
  const leveller *v = user;
  (void)sample;
  (void)err;
  for (int32_t i = 0; i < v->layer_count; ++i) {
    const levelled *l = &v->layers[i];
    const ln_tensor *out = ln_session_tensor(session, ln_layer_op(v->o, &l->layer)->outputs[0]);
    if (l->peaks == NULL || out == NULL || out->type != LN_FLOAT32) continue;
    const float *values = out->data;
    for (size_t j = 0; j < ln_tensor_elements(out); ++j) {
      float *peak = &l->peaks[j % (size_t)l->layer.rows];
      *peak = values[j] <= *peak ? *peak : values[j];
    }
  }
  return LN_OK;
}

/* Finds how far channels of layers that clamp at 6 come. */
static ln_status find_peaks(leveller *v) {
  ln_optimizer *o = v->o;
  ln_model *model = NULL;
  bool any = false;
  for (int32_t i = 0; i < v->layer_count; ++i) {
    levelled *l = &v->layers[i];
    const ln_op *op = ln_layer_op(o, &l->layer);
    int8_t *option;
    if (activation_of(op, &option) != LN_ACT_RELU6 || !ln_stage_is(v->stage, o, op, "relu6", "data")) continue;
    if (last_dim(&ln_optimizer_graph(o)->tensors[op->outputs[0]]) != l->layer.rows) continue;
    any = true;
    l->peaks = ln_alloc_array((size_t)l->layer.rows, sizeof *l->peaks);
    if (l->peaks == NULL) return ln_optimizer_no_memory(o);
  }
  if (!any) return LN_OK;
  LN_TRY(ln_optimizer_needs_samples(o));
  LN_TRY(ln_edit_snapshot(o->model, o->err, &model));
  const ln_status status = ln_observe(o, model, o->options->calibration, 0, "looking for sixes", see_sample, v);
  ln_model_destroy(model);
  return status;
}

/* ---- reading and writing ---- */

/* Weights of one operator alone, in float32, without a codebook that scaling would break. */
static bool is_own(const leveller *v, const ln_layer *layer) {
  int32_t axis;
  return v->uses[layer->weights] == 1 && layer->kind != LN_LAYER_EMBEDDING && layer->kind != LN_LAYER_RECURRENT &&
         ln_optimizer_graph(v->o)->tensors[layer->weights].type == LN_FLOAT32 &&
         ln_invariant_clusters(v->o, layer->weights, &axis) == 0;
}

/* A bias that is computed cannot be scaled. */
static bool has_usable_bias(const leveller *v, const ln_layer *layer) {
  const ln_op *op = ln_layer_op(v->o, layer);
  const int32_t last = op->input_count - 1;
  return layer->bias >= 0 || last < 2 || op->inputs[last] < 0 || op->inputs[last] == layer->input;
}

static ln_status read_layers(leveller *v, const ln_layer *found, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (!is_own(v, &found[i]) || !has_usable_bias(v, &found[i])) continue;
    levelled *l = &v->layers[v->layer_count++];
    l->layer = found[i];
    LN_TRY(ln_layer_read(v->o, &l->layer, &l->weights));
    if (l->layer.bias >= 0) LN_TRY(ln_layer_read_bias(v->o, &l->layer, &l->bias));
  }
  return LN_OK;
}

static ln_status write_layers(leveller *v) {
  for (int32_t i = 0; i < v->layer_count; ++i) {
    levelled *l = &v->layers[i];
    if (!l->changed) continue;
    LN_TRY(ln_layer_write(v->o, &l->layer, l->weights));
    if (l->bias != NULL) LN_TRY(ln_layer_write_bias(v->o, &l->layer, l->bias));
    ln_report_layer row = ln_report_layer_of(v->o, &l->layer, "channels levelled with those of layers next to it");
    LN_TRY(ln_report_add_layer(v->o, &row));
  }
  return v->pair_count > 0 ? LN_OK
                           : ln_report_add_note(v->o,
                                                "equalize: no two layers follow each other with nothing but "
                                                "operators between that scale with their input");
}

ln_status ln_technique_equalize(ln_optimizer *o, const ln_stage *stage) {
  leveller v = {.o = o, .stage = stage};
  ln_layer *found = NULL;
  int32_t count = 0;
  LN_TRY(ln_layers_find(o, stage, &found, &count));
  v.uses = ln_graph_count_uses(ln_optimizer_graph(o), ln_optimizer_arena(o));
  v.layers = ln_alloc_array((size_t)count + 1, sizeof *v.layers);
  v.pairs = ln_alloc_array((size_t)count + 1, sizeof *v.pairs);
  ln_status status =
      v.uses == NULL || v.layers == NULL || v.pairs == NULL ? ln_optimizer_no_memory(o) : read_layers(&v, found, count);
  if (status == LN_OK) status = find_peaks(&v);
  if (status == LN_OK) {
    find_pairs(&v);
    status = level_all(&v);
  }
  if (status == LN_OK) status = write_layers(&v);
  for (int32_t i = 0; v.layers != NULL && i < v.layer_count; ++i) {
    ln_free(v.layers[i].weights);
    ln_free(v.layers[i].bias);
    ln_free(v.layers[i].peaks);
  }
  ln_free(v.pairs);
  ln_free(v.layers);
  ln_free(found);
  return status;
}
