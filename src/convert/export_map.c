/*
 * Which element of a converted model comes from which weight, without a word from importers or passes: the source is
 * converted again with weights that were moved, and what moves with them tells. Every weight's element is moved by an
 * amount of its own, the digits of its number in turn; an element of the result that is `factor` times a weight's, plus
 * something, moves by `factor` times as much. A last conversion with random moves proves what was found.
 *
 * Where several weights are in one element (a batch normalization's, folded into a kernel), they are told apart by
 * moving only some of them: kernels first, then what is added (beta, bias), at last one by one.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "convert/export.h"

enum { MOST_DIGITS = 8, LEVELS = 1024, LEVELS_HALF = 32, MOST_SINGLE = 1024 };

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory to export the weights"); }

/* ---- slots ---- */

static bool is_known(const ln_export_map *map, int32_t graph, const ln_tensor *tensor) {
  for (int32_t i = map->slot_count - 1; i >= 0 && map->slots[i].graph == graph; --i) {
    if (map->slots[i].tensor == tensor) return true;
  }
  return false;
}

/* The constants of floats that operators read, each once; counts them where `map->slots` is NULL. */
static int32_t list_slots(const ln_model *model, ln_export_map *map) {
  int32_t count = 0;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *graph = &model->graphs[g];
    for (int32_t i = 0; i < graph->op_count; ++i) {
      for (int32_t k = 0; k < graph->ops[i].input_count; ++k) {
        const int32_t input = graph->ops[i].inputs[k];
        const ln_tensor *tensor = input >= 0 ? &graph->tensors[input] : NULL;
        if (tensor == NULL || !ln_tensor_const_data(tensor) || tensor->type != LN_FLOAT32) continue;
        ++count;
        if (map->slots == NULL || is_known(map, g, tensor)) continue;
        const size_t elements = ln_tensor_elements(tensor);
        map->slots[map->slot_count++] = (ln_export_slot){g, i, k, tensor, map->elements, elements, false, false};
        map->elements += elements;
      }
    }
  }
  return count;
}

ln_status ln_export_map_open(const ln_model *converted, ln_export_map *map, ln_error *err) {
  const int32_t most = list_slots(converted, map);
  map->slots = ln_arena_array(&map->arena, (size_t)most + 1, sizeof *map->slots);
  if (map->slots == NULL) return no_memory(err);
  list_slots(converted, map);
  map->original = ln_arena_array(&map->arena, map->elements + 1, sizeof(float));
  map->wanted = ln_arena_array(&map->arena, map->elements + 1, sizeof(float));
  map->factor = ln_arena_array(&map->arena, map->elements + 1, sizeof(float));
  map->owner = ln_arena_array(&map->arena, map->elements + 1, sizeof *map->owner);
  map->first = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *map->first);
  map->fixed = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *map->fixed);
  map->values = ln_arena_array(&map->arena, (size_t)map->weights->count + 1, sizeof *map->values);
  if (map->values == NULL) return no_memory(err);
  for (int32_t i = 0; i < map->weights->count; ++i) map->values[i] = map->weights->items[i].values;
  if (!map->original || !map->wanted || !map->factor || !map->owner || !map->first || !map->fixed) {
    return no_memory(err);
  }
  memset(map->owner, 0xff, map->elements * sizeof *map->owner);
  for (int32_t i = 0; i < map->weights->count; ++i) map->first[i + 1] = map->first[i] + map->weights->items[i].count;
  for (int32_t i = 0; i < map->slot_count; ++i) {
    const ln_export_slot *slot = &map->slots[i];
    memcpy(map->original + slot->first, slot->tensor->data, slot->count * sizeof(float));
  }
  return LN_OK;
}

/* ---- converting again ---- */

static ln_status read_slots(const ln_export_map *map, const ln_model *model, float *out, ln_error *err) {
  for (int32_t i = 0; i < map->slot_count; ++i) {
    const ln_export_slot *slot = &map->slots[i];
    const ln_graph *graph = slot->graph < model->graph_count ? &model->graphs[slot->graph] : NULL;
    const ln_op *op = graph != NULL && slot->op < graph->op_count ? &graph->ops[slot->op] : NULL;
    const int32_t input = op != NULL && slot->operand < op->input_count ? op->inputs[slot->operand] : -1;
    const ln_tensor *tensor = input >= 0 ? &graph->tensors[input] : NULL;
    if (tensor == NULL || !ln_tensor_const_data(tensor) || tensor->type != LN_FLOAT32 ||
        tensor->bytes != slot->count * sizeof(float)) {
      return ln_fail(err, LN_ERR_UNSUPPORTED, "\"%.120s\": how it is converted depends on the weights' values",
                     slot->tensor->name);
    }
    memcpy(out + slot->first, tensor->data, tensor->bytes);
  }
  return LN_OK;
}

static ln_status convert_at(const ln_export_map *map, const char *path, float *out, ln_error *err) {
  ln_conversion *conversion = NULL;
  LN_TRY(ln_convert(path, map->options, err, &conversion));
  const ln_status status = read_slots(map, conversion->result, out, err);
  ln_conversion_destroy(conversion);
  return status;
}

ln_status ln_export_map_convert(const ln_export_map *map, const float *const *values, float *out, ln_error *err) {
  ln_arena arena = {0};
  const char *folder = ln_arena_printf(&arena, "%s/try", map->folder);
  const char *path = ln_arena_printf(&arena, "%s/try/%s", map->folder, map->source_name);
  ln_status status = folder != NULL && path != NULL ? ln_folder_make(folder, err) : no_memory(err);
  if (status == LN_OK) {
    status = map->weights->format->write(map->weights, values, path, err);
    if (status == LN_OK) status = convert_at(map, path, out, err);
    ln_folder_remove(folder);
  }
  ln_arena_free(&arena);
  return status;
}

/* ---- a round: some weights are moved ---- */

typedef struct moving {
  ln_export_map *map;
  const bool *chosen; /* [weights] */
  ln_arena arena;
  size_t *start;       /* [weights + 1] numbers of the chosen weights' elements */
  float *step;         /* [weights] how far a weight is moved at most */
  float **moved;       /* [weights] NULL: not at all */
  const float **given; /* [weights] what is written; NULL: as the source has it */
  int32_t levels, digits;
  int32_t added; /* the one weight that is moved, which must merely be added; -1: no such rule */
  float *whole, *shares[MOST_DIGITS], *proof; /* [elements] of the result, after a move by a whole step, ... */
  ln_error *err;
} moving;

/* The part of a step, 0 to 1, by which an element is moved in a conversion. */
static double share_of(const moving *m, size_t number, int32_t digit) {
  if (digit < 0) return 1;
  if (digit < m->digits) {
    for (int32_t i = 0; i < digit; ++i) number /= (size_t)m->levels;
    return ((double)(number % (size_t)m->levels) + 0.5) / m->levels;
  }
  uint64_t x = (uint64_t)number * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
  return (double)(x >> 40) / (double)(1 << 24);
}

static ln_status move(moving *m, int32_t digit, float **out) {
  const ln_source_weights *weights = m->map->weights;
  *out = ln_arena_array(&m->arena, m->map->elements + 1, sizeof **out);
  if (*out == NULL) return no_memory(m->err);
  for (int32_t t = 0; t < weights->count; ++t) {
    const ln_source_weight *w = &weights->items[t];
    for (size_t j = 0; m->moved[t] != NULL && j < w->count; ++j) {
      const double by = (double)m->step[t] * share_of(m, m->start[t] + j, digit);
      m->moved[t][j] = ln_source_weight_round(w, (float)((double)m->map->values[t][j] + by));
    }
    m->given[t] = m->moved[t] != NULL ? m->moved[t] : m->map->values[t] != w->values ? m->map->values[t] : NULL;
  }
  return ln_export_map_convert(m->map, m->given, *out, m->err);
}

static ln_status begin(moving *m) {
  const ln_source_weights *weights = m->map->weights;
  const size_t count = (size_t)weights->count;
  m->start = ln_arena_array(&m->arena, count + 1, sizeof *m->start);
  m->step = ln_arena_array(&m->arena, count, sizeof *m->step);
  m->moved = ln_arena_array(&m->arena, count, sizeof *m->moved);
  m->given = ln_arena_array(&m->arena, count, sizeof *m->given);
  if (!m->start || !m->step || !m->moved || !m->given) return no_memory(m->err);
  m->levels = LEVELS;
  for (size_t t = 0; t < count; ++t) {
    const ln_source_weight *w = &weights->items[t];
    m->start[t + 1] = m->start[t] + (m->chosen[t] ? w->count : 0);
    if (!m->chosen[t]) continue;
    m->moved[t] = ln_arena_array(&m->arena, w->count + 1, sizeof(float));
    if (m->moved[t] == NULL) return no_memory(m->err);
    if (w->type == LN_FLOAT16) m->levels = LEVELS_HALF;
    m->step[t] = 1; /* as large as the weights, so that rounding counts little */
    for (size_t j = 0; j < w->count; ++j) {
      const float value = fabsf(m->map->values[t][j]);
      if (isfinite(value) && value > m->step[t]) m->step[t] = value;
    }
  }
  double reach = m->levels;
  for (m->digits = 1; reach < (double)m->start[count] && m->digits < MOST_DIGITS; ++m->digits) reach *= m->levels;
  return LN_OK;
}

static bool is_open(const ln_export_slot *slot) { return slot->differs && !slot->settled; }

/* Whether a first conversion leaves anything to find: every element of an open slot moved as `added` wants it. */
static bool promises(const moving *m, const ln_export_slot *slot) {
  bool moved = false;
  for (size_t i = slot->first; i < slot->first + slot->count; ++i) {
    const double by = (double)m->whole[i] - (double)m->map->original[i];
    moved = moved || by != 0;
    if (m->added < 0 || (by == 0 && m->map->wanted[i] == m->map->original[i])) continue;
    if (fabs(by - (double)m->step[m->added]) > 1e-4 * (double)m->step[m->added]) return false;
  }
  return moved;
}

static bool any_promises(const moving *m) {
  for (int32_t i = 0; i < m->map->slot_count; ++i) {
    if (is_open(&m->map->slots[i]) && promises(m, &m->map->slots[i])) return true;
  }
  return false;
}

/* `*found`: there is something to settle. */
static ln_status measure(moving *m, bool *found) {
  LN_TRY(begin(m));
  LN_TRY(move(m, -1, &m->whole));
  *found = any_promises(m);
  if (!*found) return LN_OK;
  for (int32_t d = 0; d < m->digits; ++d) LN_TRY(move(m, d, &m->shares[d]));
  return move(m, m->digits, &m->proof);
}

/* ---- what a round tells ---- */

/* The number of the weights' element that moves element `i` of the result; SIZE_MAX: none alone does. */
static size_t decode(const moving *m, size_t i) {
  const double from = m->map->original[i], whole = (double)m->whole[i] - from;
  size_t number = 0, place = 1;
  for (int32_t d = 0; d < m->digits; ++d, place *= (size_t)m->levels) {
    const double share = ((double)m->shares[d][i] - from) / whole * m->levels;
    const double digit = floor(share);
    if (!(share >= 0 && share < m->levels) || fabs(share - digit - 0.5) > 0.25) return SIZE_MAX;
    number += (size_t)digit * place;
  }
  return number < m->start[m->map->weights->count] ? number : SIZE_MAX;
}

static bool is_proved(const moving *m, size_t i, size_t number) {
  const double from = m->map->original[i], whole = (double)m->whole[i] - from;
  const double expected = from + whole * share_of(m, number, m->digits);
  const double allowed = (m->levels == LEVELS ? 2e-5 : 2e-2) * fabs(whole) + 2e-6 * fabs(from);
  return fabs((double)m->proof[i] - expected) <= allowed;
}

static int32_t weight_of(const size_t *start, int32_t count, size_t number) {
  int32_t low = 0, high = count;
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    if (start[middle] <= number) low = middle;
    else high = middle;
  }
  return low;
}

/* Whether nothing that was moved is in it, and nothing else is wanted of it. */
static bool stays(const moving *m, size_t i) {
  const ln_export_map *map = m->map;
  return m->whole[i] == map->original[i] && map->wanted[i] == map->original[i];
}

/* Finds the owners of a slot's elements, all or none. */
static bool settle(moving *m, ln_export_slot *slot, size_t *owners) {
  ln_export_map *map = m->map;
  for (size_t i = 0; i < slot->count; ++i) {
    owners[i] = SIZE_MAX;
    if (stays(m, slot->first + i)) continue;
    const size_t number = decode(m, slot->first + i);
    if (number == SIZE_MAX || !is_proved(m, slot->first + i, number)) return false;
    owners[i] = number;
  }
  for (size_t i = 0; i < slot->count; ++i) {
    if (owners[i] == SIZE_MAX) continue;
    const size_t at = slot->first + i, number = owners[i];
    const int32_t t = weight_of(m->start, map->weights->count, number);
    const size_t j = number - m->start[t];
    const double value = (double)map->values[t][j];
    const double end = (double)ln_source_weight_round(&map->weights->items[t], (float)(value + (double)m->step[t]));
    map->owner[at] = map->first[t] + j;
    map->factor[at] = (float)(((double)m->whole[at] - (double)map->original[at]) / (end - value));
  }
  slot->settled = true;
  return true;
}

static bool any_open(const ln_export_map *map) {
  for (int32_t i = 0; i < map->slot_count; ++i) {
    if (is_open(&map->slots[i])) return true;
  }
  return false;
}

/* Moves the chosen weights; those that come out as owners are used from then on. */
static ln_status round_with(ln_export_map *map, const bool *chosen, int32_t added, ln_error *err) {
  moving m = {.map = map, .chosen = chosen, .added = added, .err = err};
  size_t most = 1;
  bool any = false, found = false;
  for (int32_t t = 0; t < map->weights->count; ++t) any = any || chosen[t];
  if (!any || !any_open(map)) return LN_OK;
  for (int32_t i = 0; i < map->slot_count; ++i) most = map->slots[i].count > most ? map->slots[i].count : most;
  ln_status status = measure(&m, &found);
  size_t *owners = status == LN_OK ? ln_arena_array(&m.arena, most, sizeof *owners) : NULL;
  if (status == LN_OK && owners == NULL) status = no_memory(err);
  for (int32_t i = 0; i < map->slot_count && status == LN_OK && found; ++i) {
    if (is_open(&map->slots[i]) && promises(&m, &map->slots[i])) settle(&m, &map->slots[i], owners);
  }
  ln_arena_free(&m.arena);
  return status;
}

/* ---- which weights are moved together ---- */

static bool *free_weights(const ln_export_map *map, ln_arena *arena) {
  bool *out = ln_arena_array(arena, (size_t)map->weights->count + 1, sizeof *out);
  for (int32_t t = 0; out != NULL && t < map->weights->count; ++t) out[t] = !map->fixed[t];
  for (size_t i = 0; out != NULL && i < map->elements; ++i) {
    if (map->owner[i] != SIZE_MAX) out[weight_of(map->first, map->weights->count, map->owner[i])] = false;
  }
  return out;
}

static bool takes_all(const ln_source_weight *w) { return w->count > 1; }
static bool is_kernel(const ln_source_weight *w) { return w->rank >= 2; }
static bool ends_with(const char *text, const char *end) {
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}
static const char *label_of(const ln_source_weight *w) { return w->label != NULL ? w->label : w->name; }
/* Keras 3 numbers a layer's variables: the second one is what is added, of convolutions and of normalizations. */
static bool is_added(const ln_source_weight *w) {
  return w->rank <= 1 && (strstr(label_of(w), "beta") != NULL || ends_with(w->name, "vars/1"));
}
static bool is_bias(const ln_source_weight *w) {
  return w->rank <= 1 && (strstr(label_of(w), "bias") != NULL || strstr(label_of(w), "Bias") != NULL);
}

static ln_status round_of(ln_export_map *map, bool (*takes)(const ln_source_weight *w), ln_error *err) {
  ln_arena arena = {0};
  bool *chosen = free_weights(map, &arena);
  for (int32_t t = 0; chosen != NULL && t < map->weights->count; ++t) {
    chosen[t] = chosen[t] && takes(&map->weights->items[t]);
  }
  const ln_status status = chosen != NULL ? round_with(map, chosen, -1, err) : no_memory(err);
  ln_arena_free(&arena);
  return status;
}

/* One by one: at first those that merely are added, as a beta is, then any. */
static ln_status rounds_of_one(ln_export_map *map, ln_error *err) {
  ln_arena arena = {0};
  const bool *left = free_weights(map, &arena);
  bool *chosen = ln_arena_array(&arena, (size_t)map->weights->count + 1, sizeof *chosen);
  ln_status status = left != NULL && chosen != NULL ? LN_OK : no_memory(err);
  int32_t tried = 0;
  for (int32_t pass = 0; pass < 2 && status == LN_OK; ++pass) {
    for (int32_t t = 0; t < map->weights->count && status == LN_OK && any_open(map) && tried < MOST_SINGLE; ++t) {
      if (!left[t] || (pass == 0 && is_kernel(&map->weights->items[t]))) continue;
      chosen[t] = true;
      ++tried;
      ln_error said = {LN_OK, ""};
      status = round_with(map, chosen, pass == 0 ? t : -1, &said);
      if (status != LN_ERR_MEMORY && status != LN_ERR_IO) status = LN_OK; /* it says how to convert */
      if (status != LN_OK) ln_fail(err, status, "%s", said.message);
      chosen[t] = false;
    }
  }
  ln_arena_free(&arena);
  return status;
}

/* Whether the result keeps its form when weights from `from` to `to` are moved. */
static ln_status keeps_form(ln_export_map *map, int32_t from, int32_t to, bool *keeps, ln_error *err) {
  ln_error said = {LN_OK, ""};
  moving m = {.map = map, .added = -1, .err = &said};
  bool *chosen = ln_arena_array(&m.arena, (size_t)map->weights->count + 1, sizeof *chosen);
  *keeps = true;
  if (chosen == NULL) return no_memory(err);
  bool any = false;
  for (int32_t t = from; t < to; ++t) any |= chosen[t] = takes_all(&map->weights->items[t]);
  m.chosen = chosen;
  ln_status status = any ? begin(&m) : LN_OK;
  if (status == LN_OK && any) status = move(&m, -1, &m.whole);
  ln_arena_free(&m.arena);
  *keeps = status == LN_OK;
  return status == LN_ERR_MEMORY || status == LN_ERR_IO ? ln_fail(err, status, "%s", said.message) : LN_OK;
}

/* Halves what does not, until the weights at fault stand alone. */
static ln_status find_fixed(ln_export_map *map, int32_t from, int32_t to, ln_error *err) {
  bool keeps;
  LN_TRY(keeps_form(map, from, to, &keeps, err));
  if (keeps) return LN_OK;
  if (to - from == 1) {
    map->fixed[from] = true;
    return LN_OK;
  }
  LN_TRY(find_fixed(map, from, from + (to - from) / 2, err));
  return find_fixed(map, from + (to - from) / 2, to, err);
}

ln_status ln_export_map_solve(ln_export_map *map, ln_error *err) {
  if (!any_open(map)) return LN_OK;
  if (!map->tried) LN_TRY(find_fixed(map, 0, map->weights->count, err));
  map->tried = true;
  LN_TRY(round_of(map, takes_all, err));
  LN_TRY(round_of(map, is_kernel, err));
  LN_TRY(round_of(map, is_added, err));
  LN_TRY(round_of(map, is_bias, err));
  LN_TRY(rounds_of_one(map, err));
  for (int32_t i = 0; i < map->slot_count; ++i) {
    if (!is_open(&map->slots[i])) continue;
    return ln_fail(err, LN_ERR_UNSUPPORTED,
                   "\"%.120s\" has changed, but is no weight of the source, nor one that was merely scaled or shifted; "
                   "leave it as it is when training (linnet train --train)",
                   map->slots[i].tensor->name);
  }
  return LN_OK;
}
