/*
 * Runs compressors over a graph: layers are described and, where there are samples, the model is run once for what each
 * of them multiplies; all are taken apart; a size is chosen for each by energy or budget; what pays is written.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/factorize.h"
#include "optimize/recipe.h"

/* ---- the library's own ---- */

static const ln_compressor *const own[] = {&ln_compressor_svd, &ln_compressor_spatial, &ln_compressor_tucker};

const ln_compressor *ln_compressor_get(int32_t index) {
  return index < 0 || index >= (int32_t)LN_COUNT(own) ? NULL : own[index];
}

/* ---- parameters ---- */

const char *ln_parameter_text(const ln_parameter_values *values, const char *name) {
  for (const ln_parameter *p = values->list; p->name != NULL; ++p) {
    if (strcmp(p->name, name) != 0) continue;
    return values->o == NULL ? p->fallback : ln_stage_text(values->stage, values->o, values->op, name);
  }
  return NULL;
}

double ln_parameter_number(const ln_parameter_values *values, const char *name) {
  const char *text = ln_parameter_text(values, name);
  char *end;
  if (text == NULL) return NAN;
  const double number = strtod(text, &end);
  return end == text ? NAN : *end == '%' ? number / 100 : number;
}

bool ln_parameter_flag(const ln_parameter_values *values, const char *name) {
  const char *text = ln_parameter_text(values, name);
  return text != NULL && strcmp(text, "true") == 0;
}

/* ---- a graph's layers ---- */

typedef struct unit {
  ln_layer layer;
  ln_layer_weights weights;
  float *values, *patches, *outputs;
  int64_t capacity; /* patches that there is room for */
  void **states;    /* [compressors]; NULL where one was not tried */
  const char *left; /* why nothing is done; NULL */
} unit;

typedef struct work {
  ln_optimizer *o;
  ln_parameter_values parameters; /* of the stage as a whole */
  const ln_compressor *const *compressors;
  int32_t compressor_count;
  ln_compressor_filter filter;
  unit *units;
  int32_t count;
  ln_choice *choices;
  size_t choice_count, choice_room;
  int32_t *starts, *chosen;     /* [count + 1], [count] */
  int64_t samples, bytes, macs; /* of all layers */
  unit *only;                   /* the one whose patches are taken; NULL: all */
  ln_error *err, own_err;       /* never NULL: programs' functions write to it */
} work;

static ln_parameter_values of_layer(const work *w, const unit *u) {
  ln_parameter_values values = w->parameters;
  values.op = ln_layer_op(w->o, &u->layer);
  return values;
}

static int64_t dim(const ln_tensor *tensor, int32_t index) {
  return tensor->shape.dims[index] < 0 ? 1 : tensor->shape.dims[index];
}

/* A weights' tensor that others read too cannot make way for several. */
static bool is_shared(const ln_graph *graph, int32_t tensor) {
  int32_t readers = 0;
  for (int32_t i = 0; i < graph->op_count; ++i)
    for (int32_t k = 0; k < graph->ops[i].input_count; ++k) readers += graph->ops[i].inputs[k] == tensor;
  return readers > 1;
}

static bool is_kept(const ln_optimizer *o, int32_t weights) {
  int32_t axis;
  return ln_invariant_zeros(o, weights) != NULL || ln_invariant_clusters(o, weights, &axis) > 0;
}

static const char *reason_to_leave(const work *w, const ln_layer *layer) {
  const ln_graph *graph = ln_optimizer_graph(w->o);
  const ln_op *op = ln_layer_op(w->o, layer);
  const char *kept = ln_parameter_text(&w->parameters, "kept");
  if (layer->kind == LN_LAYER_FULLY_CONNECTED && ((const ln_fully_connected_options *)op->options)->weights_format != 0)
    return "its weights lie shuffled";
  if (is_shared(graph, layer->weights)) return "other operators read its weights too";
  if (w->filter != NULL && !ln_split_is_feasible(layer->rows, layer->columns))
    return "it is too large to be taken apart";
  return is_kept(w->o, layer->weights) && (kept == NULL || strcmp(kept, "drop") != 0)
             ? "an earlier stage's zeros or values are kept"
             : NULL;
}

/* False for layers that compressors are not asked about. */
static bool describe(const work *w, const ln_layer *layer, unit *out) {
  const ln_graph *graph = ln_optimizer_graph(w->o);
  const ln_tensor *weights = &graph->tensors[layer->weights];
  const ln_op *op = ln_layer_op(w->o, layer);
  if (layer->input < 0 || op->output_count != 1) return false;
  const ln_tensor *in = &graph->tensors[layer->input], *to = &graph->tensors[op->outputs[0]];
  if (in->type != LN_FLOAT32 || to->type != LN_FLOAT32) return false;
  ln_layer_weights *d = &out->weights;
  *d = (ln_layer_weights){.size = sizeof *d, .name = to->name, .rows = layer->rows, .height = 1, .width = 1};
  if (layer->kind == LN_LAYER_CONV) {
    if (in->shape.rank != 4 || to->shape.rank != 4 || in->shape.dims[3] != weights->shape.dims[3]) return false;
    d->height = weights->shape.dims[1];
    d->width = weights->shape.dims[2];
    d->channels = weights->shape.dims[3];
    d->in_height = dim(in, 0) * dim(in, 1);
    d->in_width = dim(in, 2);
    d->out_height = dim(to, 0) * dim(to, 1);
    d->out_width = dim(to, 2);
  } else if (layer->kind == LN_LAYER_FULLY_CONNECTED) {
    size_t elements;
    d->channels = layer->columns;
    d->in_width = d->out_width = d->in_height = d->out_height = 1;
    if (ln_shape_elements(&in->shape, &elements) && elements % (size_t)layer->columns == 0)
      d->in_height = d->out_height = (int64_t)(elements / (size_t)layer->columns);
  } else {
    return false;
  }
  out->layer = *layer;
  out->left = reason_to_leave(w, layer);
  return true;
}

static ln_status find_units(work *w, const ln_stage *stage) {
  ln_layer *layers = NULL;
  int32_t count = 0;
  LN_TRY(ln_layers_find(w->o, stage, &layers, &count));
  w->units = ln_alloc_array((size_t)count + 1, sizeof *w->units);
  w->starts = ln_alloc_array((size_t)count + 2, sizeof *w->starts);
  w->chosen = ln_alloc_array((size_t)count + 1, sizeof *w->chosen);
  ln_status status = LN_OK;
  if (w->units == NULL || w->starts == NULL || w->chosen == NULL) status = ln_optimizer_no_memory(w->o);
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    unit *u = &w->units[w->count];
    if (!describe(w, &layers[i], u)) continue;
    ++w->count;
    u->states = ln_alloc_array((size_t)w->compressor_count, sizeof *u->states);
    if (u->states == NULL) status = ln_optimizer_no_memory(w->o);
    if (status == LN_OK) status = ln_layer_read(w->o, &u->layer, &u->values);
    u->weights.values = u->values;
  }
  ln_free(layers);
  return status;
}

/* ---- what layers multiply ---- */

enum { MOST_PATCHES = 4096, MOST_FLOATS = 64 << 20 };

static ln_status take_patches(void *user, int64_t sample, ln_session *session, ln_error *err) {
  work *w = user;
  for (int32_t i = 0; i < w->count; ++i) {
    unit *u = &w->units[i];
    ln_layer_weights *d = &u->weights;
    const int64_t share = (u->capacity + w->samples - 1) / (w->samples > 0 ? w->samples : 1);
    const int64_t room = u->capacity - d->patch_count;
    if (u->patches == NULL || room <= 0 || (w->only != NULL && w->only != u)) continue;
    const int64_t taken =
        ln_layer_patches(w->o, &u->layer, ln_session_tensor(session, u->layer.input), 0, share < room ? share : room,
                         (uint64_t)sample, u->patches + (size_t)d->patch_count * (size_t)u->layer.columns);
    if (taken < 0) return ln_fail(err, LN_ERR_SHAPE, "\"%s\": its input does not fit its weights", d->name);
    d->patch_count += taken;
  }
  return LN_OK;
}

static ln_status run_samples(work *w, const char *what) {
  ln_model *model = NULL;
  LN_TRY(ln_edit_snapshot(w->o->model, w->o->err, &model));
  const ln_status status = ln_observe(w->o, model, w->o->options->calibration, w->samples, what, take_patches, w);
  ln_model_destroy(model);
  return status;
}

static ln_status gather(work *w) {
  const ln_samples *samples = w->o->options->calibration;
  const double most = ln_parameter_number(&w->parameters, "samples");
  int64_t columns = 0;
  if (samples == NULL || samples->count < 1 || w->count == 0 || most == 0) return LN_OK;
  w->samples = most > 0 && most < (double)samples->count ? (int64_t)most : samples->count;
  for (int32_t i = 0; i < w->count; ++i) columns += w->units[i].left == NULL ? w->units[i].layer.columns : 0;
  if (columns == 0) return LN_OK;
  for (int32_t i = 0; i < w->count; ++i) {
    unit *u = &w->units[i];
    if (u->left != NULL) continue;
    u->capacity = MOST_FLOATS / columns < MOST_PATCHES ? MOST_FLOATS / columns : MOST_PATCHES;
    u->patches = ln_floats(u->capacity, u->layer.columns);
    if (u->patches == NULL) return ln_optimizer_no_memory(w->o);
    u->weights.patches = u->patches;
  }
  LN_TRY(run_samples(w, "running samples"));
  for (int32_t i = 0; i < w->count; ++i) {
    unit *u = &w->units[i];
    if (u->patches == NULL) continue;
    u->outputs = ln_floats(u->weights.patch_count, u->weights.rows);
    u->weights.outputs = u->outputs;
    if (u->outputs == NULL || !ln_weights_respond(&u->weights, u->outputs)) return ln_optimizer_no_memory(w->o);
  }
  return LN_OK;
}

/* What a layer multiplies now that layers before it are others, at the same places of the same samples (after Zhang et
 * al., "Accelerating Very Deep Convolutional Networks", 2015, 3.2). */
static ln_status gather_again(work *w, unit *u) {
  const int64_t count = u->weights.patch_count;
  if (u->patches == NULL || !ln_parameter_flag(&w->parameters, "mend")) return LN_OK;
  u->weights.patch_count = 0;
  w->only = u;
  LN_TRY(run_samples(w, "mending"));
  if (u->weights.patch_count == count) return LN_OK;
  return ln_fail(w->o->err, LN_ERR_INTERNAL, "\"%s\": other places than before", u->weights.name);
}

/* ---- sizes ---- */

static ln_status add_choice(work *w, const ln_choice *choice) {
  if (w->choice_count == w->choice_room) {
    const size_t room = w->choice_room * 2 + 256;
    ln_choice *grown = ln_realloc_array(w->choices, w->choice_room, room, sizeof *grown);
    if (grown == NULL) return ln_optimizer_no_memory(w->o);
    w->choices = grown;
    w->choice_room = room;
  }
  w->choices[w->choice_count++] = *choice;
  return LN_OK;
}

/* Only sizes that save memory are choices, and work as much as the stage asks for. */
static ln_status add_levels(work *w, unit *u, int32_t compressor, int32_t levels, const ln_choice *plain) {
  const ln_compressor *c = w->compressors[compressor];
  const ln_parameter_values values = of_layer(w, u);
  const double least = ln_parameter_number(&values, "least");
  const double most = (double)plain->macs * (1 - (least > 0 ? least : 0)), few = least > 0 ? 0.05 * least : 0;
  for (int32_t level = 0; level < levels; ++level) {
    ln_compressor_cost cost = {.size = sizeof cost};
    LN_TRY(c->cost(u->states[compressor], &u->weights, level, w->err, &cost));
    const ln_choice choice = {compressor, level, cost.bytes, cost.macs, cost.error};
    const bool matters = (double)(plain->bytes - cost.bytes) >= few * (double)w->bytes ||
                         (double)(plain->macs - cost.macs) >= few * (double)w->macs;
    if (cost.bytes < plain->bytes && (double)cost.macs <= most && matters) LN_TRY(add_choice(w, &choice));
  }
  return LN_OK;
}

/* The layer as it is. */
static ln_status plain_cost(const work *w, const unit *u, ln_choice *out) {
  const ln_factor factor = {sizeof factor, u->weights.rows, u->weights.height, u->weights.width, u->weights.channels, 0,
                            NULL};
  ln_compressor_cost cost = {.size = sizeof cost};
  LN_TRY(ln_factors_cost(&u->weights, &factor, 1, w->err, &cost));
  *out = (ln_choice){-1, -1, cost.bytes, cost.macs, 0};
  return LN_OK;
}

static ln_status decompose(work *w, unit *u) {
  ln_choice plain;
  LN_TRY(plain_cost(w, u, &plain));
  LN_TRY(add_choice(w, &plain));
  const ln_parameter_values values = of_layer(w, u);
  for (int32_t i = 0; u->left == NULL && i < w->compressor_count; ++i) {
    const ln_compressor *c = w->compressors[i];
    int32_t levels = 0;
    if (w->filter != NULL && !w->filter(&values, c)) continue;
    const ln_status status = c->decompose(&u->weights, &values, w->err, &u->states[i], &levels);
    if (status != LN_OK) {
      ln_error_prefix(w->err, "%s: \"%s\"", c->name, u->weights.name);
      return status;
    }
    LN_TRY(add_levels(w, u, i, levels, &plain));
  }
  return LN_OK;
}

static ln_status decompose_all(work *w) {
  for (int32_t i = 0; i < w->count; ++i) {
    ln_choice plain;
    LN_TRY(plain_cost(w, &w->units[i], &plain));
    w->bytes += plain.bytes;
    if (plain.macs > INT64_MAX - w->macs) return ln_fail(w->err, LN_ERR_LIMIT, "more products than can be counted");
    w->macs += plain.macs;
  }
  for (int32_t i = 0; i < w->count; ++i) {
    w->starts[i] = (int32_t)w->choice_count;
    LN_TRY(decompose(w, &w->units[i]));
    LN_TRY(ln_optimizer_progress(w->o, "decomposing", i + 1, w->count));
    if (w->choice_count > INT32_MAX) return ln_fail(w->o->err, LN_ERR_LIMIT, "too many sizes to choose from");
  }
  w->starts[w->count] = (int32_t)w->choice_count;
  return LN_OK;
}

static ln_status choose(work *w) {
  const double budget = ln_parameter_number(&w->parameters, "budget");
  if (budget > 0) {
    const char *of = ln_parameter_text(&w->parameters, "of");
    const bool by_macs = of == NULL || strcmp(of, "macs") == 0;
    return ln_choose_by_budget(w->choices, w->starts, w->count, budget, by_macs, w->chosen)
               ? LN_OK
               : ln_optimizer_no_memory(w->o);
  }
  for (int32_t i = 0; i < w->count; ++i) {
    const ln_parameter_values values = of_layer(w, &w->units[i]);
    const double energy = ln_parameter_number(&values, "energy");
    const int32_t count = w->starts[i + 1] - w->starts[i];
    const int32_t best = energy >= 0 ? ln_choose_by_error(&w->choices[w->starts[i]], count, 1 - energy) : count - 1;
    w->chosen[i] = best < 0 ? 0 : best;
  }
  return LN_OK;
}

/* ---- writing ---- */

/* "svd, 64 > 12 > 128 channels, loses 2.1 %" */
static void tell(char *text, size_t size, const ln_compressor *c, const ln_factor *factors, int32_t count,
                 double error) {
  int written = snprintf(text, size, "%s", c->name);
  if (count > 1) written += snprintf(text + written, size - (size_t)written, ", %d", factors[0].channels);
  for (int32_t i = 0; count > 1 && i < count; ++i)
    written += snprintf(text + written, size - (size_t)written, " > %d", factors[i].rows);
  snprintf(text + written, size - (size_t)written, "%s, loses %.2g %%", count > 1 ? " channels" : "", 100 * error);
}

static ln_status write_factors(work *w, unit *u, const ln_choice *choice, const ln_choice *plain) {
  const ln_compressor *c = w->compressors[choice->compressor];
  void *state = u->states[choice->compressor];
  ln_factor factors[LN_MOST_FACTORS] = {{.size = sizeof *factors}};
  ln_compressor_cost cost = {.size = sizeof cost};
  int32_t count = 0;
  char text[96];
  ln_error *err = w->err;
  for (int32_t i = 0; i < LN_MOST_FACTORS; ++i) factors[i].size = sizeof *factors;
  LN_TRY(c->rewrite(state, &u->weights, choice->level, err, factors, &count, NULL));
  LN_TRY(ln_factors_cost(&u->weights, factors, count, err, &cost)); /* and whether they fit */
  float *bias = ln_floats(u->weights.rows, 1);
  ln_status status = bias == NULL ? ln_optimizer_no_memory(w->o) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    const int32_t dims[] = {factors[i].rows, factors[i].height, factors[i].width, factors[i].channels};
    size_t elements;
    if (ln_size_product(dims, 4, &elements)) factors[i].values = ln_alloc_array(elements, sizeof(float));
    if (factors[i].values == NULL) status = ln_optimizer_no_memory(w->o);
  }
  if (status == LN_OK) status = c->rewrite(state, &u->weights, choice->level, err, factors, &count, bias);
  tell(text, sizeof text, c, factors, count, choice->error);
  ln_report_layer row = ln_report_layer_of(w->o, &u->layer, text);
  row.bytes_before = plain->bytes;
  row.bytes_after = choice->bytes;
  if (status == LN_OK && is_kept(w->o, u->layer.weights))
    status =
        ln_report_add_note(w->o, "%s: what an earlier stage kept of \"%s\" is dropped", w->o->stage, u->weights.name);
  if (status == LN_OK) status = ln_factors_put(w->o, &u->layer, &u->weights, factors, count, bias);
  if (status == LN_OK) status = ln_report_add_layer(w->o, &row);
  for (int32_t i = 0; i < LN_MOST_FACTORS; ++i) ln_free(factors[i].values);
  ln_free(bias);
  return status;
}

static ln_status leave(work *w, const unit *u, bool had_sizes) {
  char text[96];
  const char *why = u->left != NULL ? u->left : had_sizes ? "no size that saves loses so little" : "no size saves";
  snprintf(text, sizeof text, "left: %s", why);
  const ln_report_layer row = ln_report_layer_of(w->o, &u->layer, text);
  return ln_report_add_layer(w->o, &row);
}

static ln_status write_all(work *w) {
  int32_t inserted = 0, kept = 0, done = 0;
  for (int32_t i = 0; i < w->count; ++i) {
    unit *u = &w->units[i];
    const ln_choice *of = &w->choices[w->starts[i]];
    u->layer.op += inserted;
    kept += u->left != NULL;
    if (w->chosen[i] == 0) {
      LN_TRY(leave(w, u, w->starts[i + 1] - w->starts[i] > 1));
      continue;
    }
    const int32_t before = u->layer.op;
    if (done > 0) LN_TRY(gather_again(w, u));
    LN_TRY(write_factors(w, u, &of[w->chosen[i]], of));
    inserted += u->layer.op - before;
    ++done;
    LN_TRY(ln_optimizer_progress(w->o, "rewriting", i + 1, w->count));
  }
  if (done == 0)
    LN_TRY(ln_report_add_note(w->o, "%s changed none of %d layers%s", w->o->stage, w->count,
                              kept > 0 ? ": what earlier stages made is kept" : ""));
  return LN_OK;
}

static void destroy(work *w) {
  for (int32_t i = 0; i < w->count; ++i) {
    unit *u = &w->units[i];
    for (int32_t k = 0; u->states != NULL && k < w->compressor_count; ++k)
      if (w->compressors[k]->destroy != NULL) w->compressors[k]->destroy(u->states[k]);
    ln_free(u->states);
    ln_free(u->values);
    ln_free(u->patches);
    ln_free(u->outputs);
  }
  ln_free(w->units);
  ln_free(w->choices);
  ln_free(w->starts);
  ln_free(w->chosen);
}

ln_status ln_compress(ln_optimizer *o, const ln_stage *stage, const ln_parameter *parameters,
                      const ln_compressor *const *compressors, int32_t count, ln_compressor_filter filter) {
  work w = {.o = o,
            .parameters = {parameters, o, stage, NULL},
            .compressors = compressors,
            .compressor_count = count,
            .filter = filter};
  w.err = o->err != NULL ? o->err : &w.own_err;
  ln_status status = find_units(&w, stage);
  if (status == LN_OK) status = gather(&w);
  if (status == LN_OK) status = decompose_all(&w);
  if (status == LN_OK) status = choose(&w);
  if (status == LN_OK) status = write_all(&w);
  destroy(&w);
  return status;
}

ln_status ln_technique_compress(ln_optimizer *o, const ln_stage *stage) {
  const ln_compressor *compressor = stage->technique->compressor;
  return ln_compress(o, stage, compressor->parameters, &compressor, 1, NULL);
}
