/*
 * Where the weights of layers are. Keras 3 keeps those of a layer in its own group, numbered; the legacy format keeps
 * all of a model's layer in one list, first those that are trained, so that layers inside take theirs from it in turn.
 */
#include <stdio.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

enum { ITEM_MOST = 96, PATH_MOST = 1000 };

/* One weight of a row's list. */
typedef struct item {
  char folder[ITEM_MOST], name[ITEM_MOST];
  bool trained, present;
} item;

static bool is_quantized(const cJSON *config) {
  const cJSON *policy = ln_keras_option(ln_keras_option(config, "dtype"), "config");
  return ln_keras_option(policy, "mode") != NULL || ln_keras_option(config, "quantization_config") != NULL;
}

/*
 * What a weight hangs on: "flag" that is on where nothing is said, "!flag" that is off, "&flag" that is off and
 * use_bias, "=option" that is there, "0option" that is not, "~option=text".
 */
static bool has_option(const cJSON *config, const char *key) {
  char option[ITEM_MOST];
  if (strcmp(key, "quantized") == 0) return is_quantized(config);
  if (key[0] == '!') return ln_keras_flag(config, key + 1, false);
  if (key[0] == '&') return ln_keras_flag(config, key + 1, false) && ln_keras_flag(config, "use_bias", true);
  if (key[0] == '=') return ln_keras_option(config, key + 1) != NULL;
  if (key[0] == '0') return ln_keras_option(config, key + 1) == NULL;
  if (key[0] != '~') return ln_keras_flag(config, key, true);
  snprintf(option, sizeof option, "%s", key + 1);
  char *value = strchr(option, '=');
  if (value == NULL) return false;
  *value++ = 0;
  return ln_keras_is(config, option, value);
}

/* The next of the list; NULL past the last. */
static const char *next_item(const char *at, const cJSON *config, item *out) {
  char text[ITEM_MOST];
  while (*at == ' ') ++at;
  const size_t length = strcspn(at, " ");
  if (length == 0 || length >= sizeof text) return NULL;
  memcpy(text, at, length);
  text[length] = 0;
  char *option = strchr(text, '?');
  if (option != NULL) *option++ = 0;
  const char *name = text[0] == '-' ? text + 1 : text, *slash = strrchr(name, '/');
  snprintf(out->folder, sizeof out->folder, "%.*s", slash != NULL ? (int)(slash - name) : 0, name);
  snprintf(out->name, sizeof out->name, "%s", name);
  out->trained = text[0] != '-';
  out->present = option == NULL || has_option(config, option);
  return at + length;
}

/* ---- layers inside ---- */

/* What Keras 3 calls a layer's group: its class with underscores. */
static void snake(const char *class, char *out, size_t room) {
  size_t used = 0;
  const size_t length = strlen(class);
  for (size_t i = 0; i < length && used + 2 < room; ++i) {
    const char c = class[i], before = i > 0 ? class[i - 1] : 0, after = class[i + 1];
    const bool upper = c >= 'A' && c <= 'Z', lower_before = before >= 'a' && before <= 'z';
    const bool lower_after = after >= 'a' && after <= 'z';
    if (upper && i > 0 && before != '_' && (lower_before || lower_after)) out[used++] = '_';
    out[used++] = upper ? (char)(c + 32) : c;
  }
  out[used] = 0;
}

/* Classes of things that are no layers, and have no group: functions of keras.ops. */
static bool is_layer(const cJSON *layer) {
  const char *module = ln_keras_text(layer, "module", "");
  return strncmp(module, "keras.src.ops", 13) != 0 && strncmp(module, "keras.ops", 9) != 0;
}

/* "layers/dense_1" of layer `index` in the list. */
static void container_place(const char *container, const cJSON *list, const cJSON *layer, char *place, size_t room) {
  int32_t before = 0;
  char name[128];
  for (const cJSON *each = list->child; each != NULL && each != layer; each = each->next) {
    before += is_layer(each) && strcmp(ln_keras_class(each), ln_keras_class(layer)) == 0;
  }
  snake(ln_keras_class(layer), name, sizeof name);
  if (before > 0) snprintf(place, room, "%s/%s_%d", container, name, (int)before);
  else snprintf(place, room, "%s/%s", container, name);
}

static const cJSON *list_child(const cJSON *config, const char *key, int32_t index, char *place, size_t room) {
  const cJSON *list = ln_keras_option(config, key);
  const cJSON *layer = cJSON_IsArray(list) ? cJSON_GetArrayItem(list, index) : NULL;
  if (layer != NULL) container_place(key, list, layer, place, room);
  return layer;
}

const cJSON *ln_keras_child(const cJSON *layer, int32_t index, char *place, size_t room) {
  const cJSON *config = ln_keras_option(layer, "config");
  const char *class = ln_keras_class(layer);
  if (ln_keras_option(config, "layers") != NULL) return list_child(config, "layers", index, place, room);
  if (ln_keras_option(config, "cells") != NULL) return list_child(config, "cells", index, place, room);
  if (strcmp(class, "Bidirectional") == 0) {
    const cJSON *forward = ln_keras_option(config, "layer"), *other = ln_keras_option(config, "backward_layer");
    snprintf(place, room, index == 0 ? "forward_layer" : "backward_layer");
    return index == 0 ? forward : index == 1 ? (other != NULL ? other : forward) : NULL;
  }
  if (index > 0) return NULL;
  const bool cell = ln_keras_option(config, "cell") != NULL;
  snprintf(place, room, cell ? "cell" : "layer");
  return ln_keras_option(config, place);
}

/* The list of layers or cells that a config has; NULL. */
static const cJSON *list_of(const cJSON *config) {
  const cJSON *layers = ln_keras_option(config, "layers");
  const cJSON *list = layers != NULL ? layers : ln_keras_option(config, "cells");
  return cJSON_IsArray(list) ? list : NULL;
}

/* How many arrays a layer of the legacy format has; false where it is nested too deep. */
static bool count_weights(const cJSON *layer, int32_t depth, int32_t counts[2]) {
  const cJSON *config = ln_keras_option(layer, "config");
  const ln_keras_row *row = ln_keras_find_layer(ln_keras_class(layer));
  char place[ITEM_MOST * 2];
  int32_t own[2] = {0, 0};
  item each;
  if (depth > LN_KERAS_DEPTH) return false;
  for (const char *at = row != NULL ? row->weights : ""; (at = next_item(at, config, &each)) != NULL;) {
    own[!each.trained] += each.present;
  }
  const cJSON *list = list_of(config), *child = list != NULL ? list->child : NULL;
  for (; list != NULL && child != NULL; child = child->next) {
    if (!count_weights(child, depth + 1, own)) return false;
  }
  for (int32_t i = 0; list == NULL && (child = ln_keras_child(layer, i, place, sizeof place)) != NULL; ++i) {
    if (!count_weights(child, depth + 1, own)) return false;
  }
  const bool trained = ln_keras_flag(config, "trainable", true) || list != NULL;
  counts[!trained] += own[0];
  counts[1] += own[1];
  return true;
}

bool ln_keras_count_weights(const cJSON *layer, int32_t counts[2]) { return count_weights(layer, 0, counts); }

/* The group of a layer in a container: the one that remembers the layer's name, else the one its class says. */
static const char *find_group(ln_keras_call *call, const char *path, const cJSON *layer, const char *place) {
  static const char *const containers[] = {"layers", "_layer_checkpoint_dependencies", "_layers", "cells", "_cells"};
  const ln_h5 *file = call->k->file;
  ln_arena *arena = ln_emit_arena(call->e);
  const char *rest = strchr(place, '/');
  const char *name = ln_keras_layer_name(layer);
  for (size_t i = 0; rest != NULL && i < LN_COUNT(containers); ++i) {
    char *group = ln_arena_printf(arena, "%s%s%s", path, path[0] ? "/" : "", containers[i]);
    if (group == NULL || !ln_h5_has(file, group)) continue;
    const char *found = ln_arena_printf(arena, "%s%s", group, rest);
    const char *own = ln_arena_printf(arena, "%s/%s", group, name);
    if (found == NULL || own == NULL) return ln_import_no_memory(call->k->import), NULL;
    return ln_h5_has(file, found) || !ln_h5_has(file, own) ? found : own;
  }
  return ln_arena_printf(arena, "%s%s%s", path, path[0] ? "/" : "", place);
}

/* What the list of a model's layer leaves for the layer at `place`, after its own and those before it. */
static bool take_in_turn(ln_keras_call *call, const cJSON *wanted, const char *place, ln_keras_weights *out) {
  char other[ITEM_MOST * 2];
  int32_t before[2] = {0, 0}, own[2] = {0, 0};
  item each;
  const cJSON *list = list_of(call->config), *child = list != NULL ? list->child : NULL;
  for (const char *at = call->row->weights; (at = next_item(at, call->config, &each)) != NULL;) {
    before[!each.trained] += each.present;
  }
  for (int32_t i = 0;; ++i) {
    if (list == NULL) child = ln_keras_child(call->layer, i, other, sizeof other);
    if (child == NULL) break;
    const bool is_it = list != NULL ? child == wanted : strcmp(place, other) == 0;
    if (!count_weights(child, 0, is_it ? own : before)) {
      return ln_emit_wrong(call->e, "layers are nested too deep"), false;
    }
    if (is_it) break;
    if (list != NULL) child = child->next;
  }
  for (int32_t i = 0; i < 2; ++i) {
    if (before[i] + own[i] > call->weights.count[i])
      return ln_emit_wrong(call->e, "the file lacks weights of it"), false;
    out->names[i] = call->weights.names[i] + before[i];
    out->count[i] = own[i];
  }
  return true;
}

bool ln_keras_inner(ln_keras_call *call, const cJSON *child, const char *place, ln_keras_weights *out) {
  *out = (ln_keras_weights){0};
  if (ln_emit_failed(call->e)) return false;
  if (child == NULL) return ln_emit_wrong(call->e, "there is no layer inside"), false;
  if (call->weights.path == NULL) return take_in_turn(call, child, place, out);
  out->path = find_group(call, call->weights.path, child, place);
  if (out->path == NULL) ln_import_no_memory(call->k->import);
  return out->path != NULL;
}

/* ---- arrays ---- */

static const char *path_of(ln_keras_call *call, const char *name, bool *present) {
  int32_t in_folder = 0, in_list[2] = {0, 0};
  const char *slash = strrchr(name, '/');
  const size_t folder = slash != NULL ? (size_t)(slash - name) : 0;
  item each;
  *present = false;
  for (const char *at = call->row->weights; (at = next_item(at, call->config, &each)) != NULL;) {
    const bool is_it = strcmp(each.name, name) == 0;
    const bool trained = each.trained && ln_keras_flag(call->config, "trainable", true);
    if (is_it) {
      *present = each.present;
      if (!each.present) return NULL;
      if (call->weights.path == NULL) {
        /* Of a layer that is not trained, all are in the other list, and those that never are come behind. */
        const int32_t list = !trained;
        return in_list[list] < call->weights.count[list] ? call->weights.names[list][in_list[list]] : NULL;
      }
      return ln_arena_printf(ln_emit_arena(call->e), "%s/%.*s%svars/%d", call->weights.path, (int)folder, name,
                             folder > 0 ? "/" : "", (int)in_folder);
    }
    in_list[!trained] += each.present;
    in_folder += each.present && strlen(each.folder) == folder && strncmp(each.folder, name, folder) == 0;
  }
  return NULL;
}

bool ln_keras_has_weight(const ln_keras_call *call, const char *name) {
  item each;
  for (const char *at = call->row->weights; (at = next_item(at, call->config, &each)) != NULL;) {
    if (strcmp(each.name, name) == 0) return each.present;
  }
  return false;
}

/* ---- layers that several models share: their weights are kept where the first of these has them ---- */

enum { VISITS_MOST = 100000 };

static bool is_same_layer(const cJSON *a, const cJSON *b) {
  return strcmp(ln_keras_layer_name(a), ln_keras_layer_name(b)) == 0 &&
         strcmp(ln_keras_class(a), ln_keras_class(b)) == 0;
}

/* A group of the layer under `path` that has the array `rest` ("vars/0"); NULL. */
static const char *shared_group(ln_keras_call *call, const cJSON *model, const char *path, const char *rest,
                                int32_t depth, int32_t *visits) {
  char place[ITEM_MOST * 2];
  const cJSON *child;
  for (int32_t i = 0; depth < LN_KERAS_DEPTH && (child = ln_keras_child(model, i, place, sizeof place)) != NULL; ++i) {
    if (++*visits > VISITS_MOST || ln_emit_failed(call->e)) return NULL;
    const char *group = find_group(call, path, child, place);
    if (group == NULL) return NULL;
    if (is_same_layer(child, call->layer)) {
      const char *array = ln_arena_printf(ln_emit_arena(call->e), "%s/%s", group, rest);
      if (array == NULL || ln_h5_is_array(call->k->file, array)) return array;
    }
    const char *found = shared_group(call, child, group, rest, depth + 1, visits);
    if (found != NULL) return found;
  }
  return NULL;
}

static int32_t remember(ln_keras *k, const char *path, int32_t tensor) {
  if (k->cached == k->cache_room) {
    const int32_t room = k->cache_room * 2 + 64;
    struct ln_keras_cached *more = ln_arena_array(ln_emit_arena(k->e), (size_t)room, sizeof *more);
    if (more == NULL) return ln_import_no_memory(k->import);
    if (k->cached > 0) memcpy(more, k->cache, (size_t)k->cached * sizeof *more);
    k->cache = more;
    k->cache_room = room;
  }
  k->cache[k->cached++] = (struct ln_keras_cached){path, tensor, k->e->graph};
  return tensor;
}

static int32_t load(ln_keras_call *call, const char *path, const char *name) {
  ln_keras *k = call->k;
  ln_error said = {LN_OK, ""};
  ln_h5_array array;
  ln_status status = ln_h5_describe(k->file, path, &said, &array);
  if (status == LN_ERR_NOT_FOUND) return ln_emit_wrong(call->e, "the file lacks its weights (%.100s)", path);
  if (status != LN_OK) return ln_emit_wrong(call->e, "%.200s", said.message);
  void *data = ln_arena_alloc(ln_emit_arena(call->e), array.bytes + 1);
  if (data == NULL) return ln_import_no_memory(k->import);
  if (ln_h5_read(k->file, path, &array, &said, data) != LN_OK) return ln_emit_wrong(call->e, "%.200s", said.message);
  const int32_t tensor = ln_emit_const_view(call->e, array.type, array.shape.rank, array.shape.dims, data);
  const char *last = strrchr(name, '/');
  const char *text = ln_arena_printf(ln_emit_arena(call->e), "%s/%s", call->name, last != NULL ? last + 1 : name);
  if (text != NULL) ln_emit_name(call->e, tensor, text);
  return tensor;
}

int32_t ln_keras_weight(ln_keras_call *call, const char *name) {
  ln_keras *k = call->k;
  bool present;
  if (ln_emit_failed(call->e)) return -1;
  const char *path = path_of(call, name, &present);
  if (!present) return -1;
  if (path == NULL) return ln_emit_wrong(call->e, "the file lacks its weights (%s)", name);
  if (call->weights.path != NULL && !ln_h5_has(k->file, path) && strchr(name, '/') != NULL) {
    /* tf-keras keeps layers inside under names that begin with an underscore. */
    const size_t length = strlen(call->weights.path) + 1;
    const char *other = ln_arena_printf(ln_emit_arena(call->e), "%.*s_%s", (int)length, path, path + length);
    if (other != NULL && ln_h5_has(k->file, other)) path = other;
  }
  if (call->weights.path != NULL && !ln_h5_has(k->file, path)) {
    int32_t visits = 0;
    const char *shared = shared_group(call, k->config, "", path + strlen(call->weights.path) + 1, 0, &visits);
    if (shared != NULL) path = shared;
  }
  for (int32_t i = 0; i < k->cached; ++i) {
    if (k->cache[i].graph == k->e->graph && strcmp(k->cache[i].path, path) == 0) return k->cache[i].tensor;
  }
  const int32_t tensor = load(call, path, name);
  return tensor < 0 ? -1 : remember(k, path, tensor);
}

#endif
