/* A changed model's weights, written into a copy of the source that it was converted from. */
#include "convert/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimize/debugger.h"

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory to export the weights"); }

/* ---- what the constants shall be ---- */

typedef struct changed_model {
  ln_model *model;
  const ln_model *fresh; /* what the source converts to */
  ln_session *session;   /* of the first graph; reads weights in any form. NULL: it cannot be made */
  ln_debug_values values;
} changed_model;

/* Names may stand for several constants: the how-many-th one it is, and the one that is. */
static int32_t place_of(const ln_graph *graph, const ln_tensor *tensor) {
  int32_t place = 0;
  for (const ln_tensor *t = graph->tensors; t != tensor; ++t) {
    place += ln_tensor_const_data(t) && strcmp(t->name, tensor->name) == 0;
  }
  return place;
}

static int32_t find_constant(const ln_graph *graph, const char *name, int32_t place) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (!ln_tensor_const_data(&graph->tensors[i]) || strcmp(graph->tensors[i].name, name) != 0) continue;
    if (place-- == 0) return i;
  }
  return -1;
}

/* The constant of that name, in the graph of the same number before others. */
static bool find_tensor(const changed_model *c, const ln_export_slot *slot, int32_t *graph, int32_t *tensor) {
  const int32_t place = place_of(&c->fresh->graphs[slot->graph], slot->tensor);
  for (int32_t i = -1; i < c->model->graph_count; ++i) {
    *graph = i < 0 ? slot->graph : i;
    if (*graph >= c->model->graph_count) continue;
    *tensor = find_constant(&c->model->graphs[*graph], slot->tensor->name, place);
    if (*tensor >= 0) return true;
  }
  return false;
}

static ln_status read_constant(changed_model *c, int32_t graph, int32_t index, ln_error *err) {
  const ln_tensor *tensor = &c->model->graphs[graph].tensors[index];
  const size_t count = ln_tensor_elements(tensor);
  if (graph == 0 && c->session != NULL) return ln_debug_read(c->session, index, err, &c->values);
  if (c->values.capacity < count) {
    ln_free(c->values.data);
    c->values.data = ln_alloc_array(count, sizeof(float));
    c->values.capacity = c->values.data != NULL ? count : 0;
    if (c->values.data == NULL) return no_memory(err);
  }
  c->values.count = count;
  return count > 0 ? ln_tensor_copy_to_f32(tensor, c->values.data, count, err) : LN_OK;
}

/* Half a step of a quantized constant: what it cannot say. */
static double grain(const ln_tensor *tensor) {
  double most = 0;
  for (int32_t i = 0; i < tensor->quant->count; ++i) most = fmax(most, fabs((double)tensor->quant->scale[i]));
  if (tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16) return 0; /* told from its numbers */
  return tensor->type == LN_FLOAT32 ? 0 : most / 2;
}

static ln_status want_slot(changed_model *c, ln_export_map *map, ln_export_slot *slot, ln_error *err) {
  int32_t graph, tensor;
  if (!find_tensor(c, slot, &graph, &tensor)) {
    return ln_fail(err, LN_ERR_NOT_FOUND, "the model holds no constant \"%.120s\", which its source converts to",
                   slot->tensor->name);
  }
  const ln_tensor *found = &c->model->graphs[graph].tensors[tensor];
  if (!ln_shape_equal(&found->shape, &slot->tensor->shape)) {
    char is[96], was[96];
    return ln_fail(err, LN_ERR_SHAPE, "\"%.120s\" is %s, the source's %s: weights of another shape cannot go back",
                   found->name, ln_shape_format(&found->shape, is, sizeof is),
                   ln_shape_format(&slot->tensor->shape, was, sizeof was));
  }
  LN_TRY(read_constant(c, graph, tensor, err));
  float *wanted = map->wanted + slot->first;
  const float *original = map->original + slot->first;
  if (slot->count > 0) memcpy(wanted, c->values.data, slot->count * sizeof *wanted);
  double most = 0;
  for (size_t i = 0; i < slot->count; ++i) most = fmax(most, fabs((double)wanted[i] - (double)original[i]));
  slot->open = !(most == 0);
  /* A number that every element of the source's graph has (an epsilon, a scale) and that was merely rounded. */
  if (slot->open && slot->count == 1 && most <= grain(found)) {
    wanted[0] = original[0];
    slot->open = false;
  }
  return LN_OK;
}

static ln_status want(ln_export_map *map, ln_model *model, const ln_model *fresh, ln_error *err) {
  changed_model c = {.model = model, .fresh = fresh};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.first_graph = true;
  options.keep_all_tensors = true;
  options.prepare_later = true;
  ln_status status = LN_OK;
  if (ln_session_create(model, &options, NULL, &c.session) != LN_OK) c.session = NULL;
  for (int32_t i = 0; i < map->slot_count && status == LN_OK; ++i) status = want_slot(&c, map, &map->slots[i], err);
  ln_session_destroy(c.session);
  ln_free(c.values.data);
  return status;
}

/* ---- what the weights become ---- */

typedef struct solution {
  const ln_export_map *map;
  float **values; /* [weights] NULL: as they are */
  bool **set;     /* [weights][count] an element of the result has been taken back */
  ln_export_summary summary;
  ln_error *err;
} solution;

static int32_t owner_of(const ln_export_map *map, size_t number) {
  int32_t low = 0, high = map->weights->count;
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    if (map->first[middle] <= number) low = middle;
    else high = middle;
  }
  return low;
}

/* Whether nothing is added to the weights in this slot: then its zeros are theirs. */
static bool is_pure(const ln_export_map *map, const ln_export_slot *slot) {
  double most = 0, rest = 0;
  for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
    if (map->owner[i] == SIZE_MAX) continue;
    const int32_t t = owner_of(map, map->owner[i]);
    const double weight = (double)map->weights->items[t].values[map->owner[i] - map->first[t]];
    most = fmax(most, fabs((double)map->original[i]));
    rest = fmax(rest, fabs((double)map->original[i] - (double)map->factor[i] * weight));
  }
  return rest <= 2e-5 * most;
}

static float take_back(const ln_export_map *map, size_t i, float weight, bool pure) {
  double factor = (double)map->factor[i];
  const double wanted = (double)map->wanted[i], original = (double)map->original[i];
  if (fabs(factor - 1) < 1e-4) factor = 1; /* what moved is as exact as floats are */
  if (pure && original == (double)weight) return map->wanted[i];
  if (pure && fabs((double)weight) > 1e-3 && factor != 1) factor = original / (double)weight;
  return (float)(pure ? wanted / factor : (double)weight + (wanted - original) / factor);
}

static bool make_room(solution *s, int32_t t) {
  const ln_source_weight *w = &s->map->weights->items[t];
  ln_arena *arena = (ln_arena *)(uintptr_t)&s->map->arena;
  if (s->values[t] != NULL) return true;
  s->values[t] = ln_arena_copy(arena, w->values, w->count * sizeof(float));
  s->set[t] = ln_arena_array(arena, w->count, sizeof(bool));
  return s->values[t] != NULL && s->set[t] != NULL;
}

static ln_status put(solution *s, const ln_export_slot *slot, size_t i, bool pure) {
  const ln_export_map *map = s->map;
  const int32_t t = owner_of(map, map->owner[i]);
  const ln_source_weight *w = &map->weights->items[t];
  const size_t j = map->owner[i] - map->first[t];
  if (!make_room(s, t)) return no_memory(s->err);
  const bool same = map->wanted[i] == map->original[i];
  const float value = same ? w->values[j] : take_back(map, i, w->values[j], pure);
  if (s->set[t][j] && fabs((double)value - (double)s->values[t][j]) > 1e-4 * fmax(1, fabs((double)value))) {
    return ln_fail(s->err, LN_ERR_UNSUPPORTED,
                   "\"%.80s\" of the source stands in the model more than once, and is not the same in all places "
                   "(in \"%.80s\")",
                   w->name, slot->tensor->name);
  }
  if (!s->set[t][j] && !same) {
    ++s->summary.elements;
    s->summary.largest = fmax(s->summary.largest, fabs((double)value - (double)w->values[j]));
  }
  if (!s->set[t][j]) s->values[t][j] = value;
  s->set[t][j] = true;
  return LN_OK;
}

/* What the slots want of the weights that they come from. */
static ln_status solve(solution *s) {
  const ln_export_map *map = s->map;
  for (int32_t k = 0; k < map->slot_count; ++k) {
    const ln_export_slot *slot = &map->slots[k];
    const bool pure = is_pure(map, slot);
    for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
      if (map->owner[i] != SIZE_MAX) LN_TRY(put(s, slot, i, pure));
    }
  }
  for (int32_t t = 0; t < map->weights->count; ++t) {
    const ln_source_weight *w = &map->weights->items[t];
    if (s->values[t] != NULL && memcmp(s->values[t], w->values, w->count * sizeof(float)) == 0) s->values[t] = NULL;
    s->summary.changed += s->values[t] != NULL;
  }
  return LN_OK;
}

/* Converts what will be written and compares. */
static ln_status prove(solution *s) {
  const ln_export_map *map = s->map;
  float *got = ln_alloc_array(map->elements, sizeof *got);
  ln_status status = got != NULL ? LN_OK : no_memory(s->err);
  if (status == LN_OK) status = ln_export_map_convert(map, (const float *const *)s->values, got, s->err);
  for (int32_t k = 0; k < map->slot_count && status == LN_OK; ++k) {
    const ln_export_slot *slot = &map->slots[k];
    double most = 1e-30, error = 0;
    for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
      most = fmax(most, fabs((double)map->wanted[i]));
      error = fmax(error, fabs((double)map->wanted[i] - (double)got[i]));
    }
    s->summary.error = fmax(s->summary.error, error / most);
    const bool half = error / most <= 1e-3; /* a source in half precision rounds what it is given */
    if (error / most <= 1e-5 || (half && map->weights->items[0].type == LN_FLOAT16)) continue;
    status = ln_fail(s->err, LN_ERR_UNSUPPORTED,
                     "\"%.120s\" would come out %.3g of its largest value off when the source is converted again",
                     slot->tensor->name, error / most);
  }
  ln_free(got);
  return status;
}

static ln_status go_back(ln_export_map *map, ln_model *model, const ln_model *fresh, const char *path, ln_error *err,
                         ln_export_summary *out) {
  solution s = {.map = map, .err = err};
  LN_TRY(want(map, model, fresh, err));
  LN_TRY(ln_export_map_solve(map, err));
  s.values = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *s.values);
  s.set = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *s.set);
  if (s.values == NULL || s.set == NULL) return no_memory(err);
  s.summary.weights = map->weights->count;
  LN_TRY(solve(&s));
  LN_TRY(prove(&s));
  LN_TRY(map->weights->format->write(map->weights, (const float *const *)s.values, path, err));
  return out != NULL ? ln_struct_give(out, &s.summary, sizeof s.summary) : LN_OK;
}

static const char *base_name(const char *path, ln_arena *arena) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') --end;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') --begin;
  return ln_arena_printf(arena, "%.*s", (int)(end - begin), path + begin);
}

static ln_status export(ln_export_map *map, ln_model *model, const ln_conversion *fresh, const char *path,
                        ln_error *err, ln_export_summary *out) {
  LN_TRY(ln_export_map_open(fresh->result, map, err));
  LN_TRY(ln_temp_folder(&map->arena, err, &map->folder));
  const ln_status status = go_back(map, model, fresh->result, path, err, out);
  ln_folder_remove(map->folder);
  return status;
}

ln_status ln_export(ln_model *model, const char *like, const char *path, const ln_convert_options *options,
                    ln_error *err, ln_export_summary *out) {
  ln_conversion *fresh = NULL;
  ln_source_weights *weights = NULL;
  ln_export_map map = {.options = options};
  ln_status status = ln_convert(like, options, err, &fresh);
  if (status == LN_OK) status = ln_source_weights_open(like, ln_conversion_kind(fresh), err, &weights);
  if (status == LN_OK) {
    map.weights = weights;
    map.source_name = base_name(like, &map.arena);
    status = map.source_name != NULL ? export(&map, model, fresh, path, err, out) : no_memory(err);
  }
  ln_arena_free(&map.arena);
  ln_source_weights_close(weights);
  ln_conversion_destroy(fresh);
  return status;
}
