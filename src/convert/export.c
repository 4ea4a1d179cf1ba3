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

/* Whether the operators are the same ones, one for one: then their operands are, whatever they are called. */
static bool same_form(const ln_model *a, const ln_model *b, int32_t graph) {
  if (graph >= a->graph_count || graph >= b->graph_count) return false;
  const ln_graph *x = &a->graphs[graph], *y = &b->graphs[graph];
  if (x->op_count != y->op_count) return false;
  for (int32_t i = 0; i < x->op_count; ++i) {
    if (x->ops[i].def != y->ops[i].def || x->ops[i].input_count != y->ops[i].input_count) return false;
  }
  return true;
}

/* The constant in the slot's place or, in another graph, of that name: in the graph of the same number before others.
 */
static bool find_tensor(const changed_model *c, const ln_export_slot *slot, int32_t *graph, int32_t *tensor) {
  if (same_form(c->model, c->fresh, slot->graph)) {
    *graph = slot->graph;
    *tensor = c->model->graphs[*graph].ops[slot->op].inputs[slot->operand];
    return *tensor >= 0 && ln_tensor_const_data(&c->model->graphs[*graph].tensors[*tensor]);
  }
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
                   slot->tensor->name, ln_shape_format(&found->shape, is, sizeof is),
                   ln_shape_format(&slot->tensor->shape, was, sizeof was));
  }
  LN_TRY(read_constant(c, graph, tensor, err));
  float *wanted = map->wanted + slot->first;
  const float *original = map->original + slot->first;
  if (slot->count > 0) memcpy(wanted, c->values.data, slot->count * sizeof *wanted);
  double most = 0;
  for (size_t i = 0; i < slot->count; ++i) most = fmax(most, fabs((double)wanted[i] - (double)original[i]));
  slot->differs = !(most == 0);
  /* A number that every element of the source's graph has (an epsilon, a scale) and that was merely rounded. */
  if (slot->differs && slot->count == 1 && most <= grain(found)) {
    wanted[0] = original[0];
    slot->differs = false;
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
  ln_export_map *map;
  float **values; /* [weights] NULL: as the source has them */
  bool **set;     /* [weights][count] an element of the result has been taken back in this turn; NULL */
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
    const double weight = (double)map->values[t][map->owner[i] - map->first[t]];
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
  ln_arena *arena = &s->map->arena;
  if (s->values[t] == NULL) s->values[t] = ln_arena_copy(arena, w->values, w->count * sizeof(float));
  if (s->set[t] == NULL) s->set[t] = ln_arena_array(arena, w->count, sizeof(bool));
  return s->values[t] != NULL && s->set[t] != NULL;
}

static ln_status put(solution *s, const ln_export_slot *slot, size_t i, bool pure) {
  const ln_export_map *map = s->map;
  const int32_t t = owner_of(map, map->owner[i]);
  const ln_source_weight *w = &map->weights->items[t];
  const size_t j = map->owner[i] - map->first[t];
  if (!make_room(s, t)) return no_memory(s->err);
  const bool same = map->wanted[i] == map->original[i];
  const float value = same ? map->values[t][j] : take_back(map, i, map->values[t][j], pure);
  if (s->set[t][j] && fabs((double)value - (double)s->values[t][j]) > 1e-4 * fmax(1, fabs((double)value))) {
    return ln_fail(s->err, LN_ERR_UNSUPPORTED,
                   "\"%.80s\" of the source stands in the model more than once, and is not the same in all places "
                   "(in \"%.80s\"); convert, and export, --without-passes",
                   w->name, slot->tensor->name);
  }
  if (!s->set[t][j]) s->values[t][j] = value;
  s->set[t][j] = true;
  return LN_OK;
}

/* One turn: what the slots that differ want of the weights that they come from. The others' places count, too. */
static ln_status solve(solution *s) {
  ln_export_map *map = s->map;
  LN_TRY(ln_export_map_solve(map, s->err));
  memset(s->set, 0, (size_t)map->weights->count * sizeof *s->set);
  for (int32_t k = 0; k < map->slot_count; ++k) {
    const ln_export_slot *slot = &map->slots[k];
    if (!slot->settled) continue;
    const bool pure = is_pure(map, slot);
    for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
      if (map->owner[i] != SIZE_MAX) LN_TRY(put(s, slot, i, pure));
    }
  }
  for (int32_t t = 0; t < map->weights->count; ++t) {
    if (s->values[t] == NULL) continue;
    const ln_source_weight *w = &map->weights->items[t];
    map->values[t] = ln_arena_copy(&map->arena, s->values[t], w->count * sizeof(float)); /* the next turn's beginning */
    if (map->values[t] == NULL) return no_memory(s->err);
  }
  return LN_OK;
}

/* Converts what would be written: which slots still differ, and by how much at most. */
static ln_status compare(solution *s, const ln_export_slot **worst) {
  ln_export_map *map = s->map;
  /* A source in half precision rounds what it is given. */
  const double allowed = map->weights->items[0].type == LN_FLOAT16 ? 1e-3 : 1e-5;
  LN_TRY(ln_export_map_convert(map, (const float *const *)s->values, map->original, s->err));
  *worst = NULL;
  s->summary.error = 0;
  for (int32_t k = 0; k < map->slot_count; ++k) {
    ln_export_slot *slot = &map->slots[k];
    double most = 1e-30, error = 0;
    for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
      most = fmax(most, fabs((double)map->wanted[i]));
      error = fmax(error, fabs((double)map->wanted[i] - (double)map->original[i]));
    }
    slot->differs = !(error / most <= allowed);
    if (slot->differs && (*worst == NULL || error / most > s->summary.error)) *worst = slot;
    s->summary.error = fmax(s->summary.error, error / most);
  }
  return LN_OK;
}

static void count_changes(solution *s) {
  for (int32_t t = 0; t < s->map->weights->count; ++t) {
    const ln_source_weight *w = &s->map->weights->items[t];
    if (s->values[t] == NULL) continue;
    int64_t changed = 0;
    for (size_t j = 0; j < w->count; ++j) {
      changed += s->values[t][j] != w->values[j];
      s->summary.largest = fmax(s->summary.largest, fabs((double)s->values[t][j] - (double)w->values[j]));
    }
    if (changed == 0) s->values[t] = NULL;
    s->summary.changed += changed > 0;
    s->summary.elements += changed;
  }
}

static bool are_copies(const ln_source_weight *a, const ln_source_weight *b) {
  if (a->label == NULL || b->label == NULL || strcmp(a->label, b->label) != 0 || a->count != b->count) return false;
  return memcmp(a->values, b->values, a->count * sizeof(float)) == 0;
}

/* A weight that stands in the file twice is changed in both places. */
static void change_copies(solution *s) {
  const ln_source_weights *weights = s->map->weights;
  for (int32_t t = 0; t < weights->count; ++t) {
    for (int32_t u = 0; s->values[t] != NULL && u < weights->count; ++u) {
      if (s->values[u] == NULL && are_copies(&weights->items[t], &weights->items[u])) s->values[u] = s->values[t];
    }
  }
}

/* What was taken back may move other constants (a bias that holds a kernel's product), which then go back in turn. */
enum { MOST_TURNS = 4 };

static ln_status go_back(ln_export_map *map, ln_model *model, const ln_model *fresh, const char *path, ln_error *err,
                         ln_export_summary *out) {
  solution s = {.map = map, .err = err};
  const ln_export_slot *worst = NULL;
  LN_TRY(want(map, model, fresh, err));
  s.values = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *s.values);
  s.set = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *s.set);
  if (s.values == NULL || s.set == NULL) return no_memory(err);
  for (int32_t turn = 0; turn == 0 || (worst != NULL && turn < MOST_TURNS); ++turn) {
    LN_TRY(solve(&s));
    LN_TRY(compare(&s, &worst));
  }
  if (worst != NULL) {
    return ln_fail(err, LN_ERR_UNSUPPORTED,
                   "\"%.120s\" would come out %.3g of its largest value off when the source "
                   "is converted again",
                   worst->tensor->name, s.summary.error);
  }
  s.summary.weights = map->weights->count;
  count_changes(&s);
  change_copies(&s);
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
