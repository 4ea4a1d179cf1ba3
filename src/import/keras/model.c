/* Models: calls of layers in an order in which their inputs are there, models inside models, inputs and outputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

enum { PASSES_MOST = 2000, LAYERS_MOST = 10000, CALLS_MOST = 200000 };

/* A layer of a functional model and what its calls gave. */
typedef struct entry {
  const cJSON *layer, *next_node;
  const char *name;
  char *place; /* "layers/dense_1" */
  ln_keras_values *nodes;
  int32_t first, count, capacity; /* nodes are numbered from `first` */
} entry;

typedef struct ln_keras_scope {
  ln_keras_call *call; /* of the model */
  entry *entries;
  entry **sorted; /* by name */
  int32_t count;
} ln_keras_scope;

static int by_name(const void *a, const void *b) {
  return strcmp((*(entry *const *)a)->name, (*(entry *const *)b)->name);
}

static entry *find_entry(const ln_keras_scope *scope, const char *name) {
  int32_t low = 0, high = scope->count;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    const int order = strcmp(name, scope->sorted[middle]->name);
    if (order == 0) return scope->sorted[middle];
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return NULL;
}

/* ---- references ---- */

static bool take_place(const cJSON *list, const char **name, int32_t *node, int32_t *tensor) {
  const cJSON *first = list != NULL ? list->child : NULL, *second = first != NULL ? first->next : NULL;
  const cJSON *third = second != NULL ? second->next : NULL;
  if (!cJSON_IsArray(list) || !cJSON_IsString(first) || !cJSON_IsNumber(second) || !cJSON_IsNumber(third)) return false;
  *name = first->valuestring;
  *node = second->valueint;
  *tensor = third->valueint;
  return true;
}

bool ln_keras_reference(const ln_keras_call *call, const cJSON *item, ln_keras_value *out, bool *ready) {
  const char *name;
  int32_t node, tensor;
  *ready = false;
  if (call->scope == NULL) return false;
  if (cJSON_IsObject(item)) {
    const char *class = ln_keras_class(item);
    if (strcmp(class, "__keras_tensor__") != 0) return false;
    item = ln_keras_option(ln_keras_option(item, "config"), "keras_history");
    if (!take_place(item, &name, &node, &tensor)) return true;
  } else if (!call->k->legacy_calls || !take_place(item, &name, &node, &tensor)) {
    return false;
  }
  const entry *from = find_entry(call->scope, name);
  if (from == NULL) return cJSON_IsObject(item) || strcmp(name, "_CONSTANT_VALUE") != 0;
  node -= from->first;
  if (node < 0 || node >= from->count || tensor < 0 || tensor >= from->nodes[node].count) return true;
  *out = from->nodes[node].items[tensor];
  *ready = true;
  return true;
}

/* Whether everything that the JSON refers to is there. */
static bool is_ready(const ln_keras_call *call, const cJSON *item, int32_t depth) {
  ln_keras_value value;
  bool ready;
  if (item == NULL || depth > LN_KERAS_DEPTH) return true;
  if (ln_keras_reference(call, item, &value, &ready)) {
    if (!ready) return false;
    if (cJSON_IsObject(item)) return true;
  }
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (!is_ready(call, each, depth + 1)) return false;
  }
  return true;
}

/* ---- one call ---- */

static bool settle_masks(ln_keras_call *call) {
  for (int32_t i = 0; i < call->outputs.count; ++i) {
    if (call->row->masking == LN_KERAS_PASSES_MASK) call->outputs.items[i].mask = call->mask;
    else if (call->row->masking == LN_KERAS_DROPS_MASK) call->outputs.items[i].mask = -1;
  }
  return true;
}

/* The row's function, and what it leaves. */
static bool perform(ln_keras_call *call) {
  ln_emit *e = call->e;
  const char *origin = e->origin, *origin_op = e->origin_op;
  if (++call->k->depth > LN_KERAS_DEPTH) return ln_emit_wrong(e, "models are nested too deep"), false;
  if (++call->k->calls > CALLS_MOST) return ln_emit_refuse(e, "more than %d calls of layers", CALLS_MOST), false;
  ln_emit_at(e, call->name, ln_keras_class(call->layer));
  const int32_t result = call->row->emit(call);
  if (result >= 0 && ln_keras_give(call, 1)) call->outputs.items[0].tensor = result;
  if (result == -1) ln_emit_refuse(e, "it cannot be converted");
  if (!ln_emit_failed(e)) settle_masks(call);
  if (!ln_emit_failed(e)) {
    e->origin = origin;
    e->origin_op = origin_op;
  }
  --call->k->depth;
  return !ln_emit_failed(e);
}

static const char *name_inside(ln_keras_call *outer, const char *name) {
  const char *made = outer->name == NULL || outer->name[0] == 0
                         ? ln_arena_strdup(ln_emit_arena(outer->e), name)
                         : ln_arena_printf(ln_emit_arena(outer->e), "%.200s/%.100s", outer->name, name);
  if (made == NULL) ln_import_no_memory(outer->k->import);
  return made;
}

static void refuse_class(ln_keras_call *call) {
  const cJSON *layer = call->layer;
  ln_emit_at(call->e, call->name, ln_keras_class(layer));
  const char *package = ln_keras_text(layer, "registered_name", "");
  if (strchr(package, '>') != NULL || strncmp(ln_keras_text(layer, "module", "keras"), "keras", 5) != 0) {
    ln_emit_refuse(call->e,
                   "it is a class of one's own, whose code is not in the file; export the model as a SavedModel");
  } else {
    ln_emit_refuse(call->e, "this layer is not known; export the model as a SavedModel");
  }
}

/* A function of keras.ops says so; in .h5 it is known by what all layers have in their config and it has not. */
static bool is_function(const ln_keras_call *call) {
  const char *module = ln_keras_text(call->layer, "module", NULL);
  if (module != NULL) return strncmp(module, "keras.src.ops", 13) == 0 || strncmp(module, "keras.ops", 9) == 0;
  return call->k->keras3 && cJSON_GetObjectItemCaseSensitive(call->config, "trainable") == NULL &&
         ln_keras_find_function(ln_keras_class(call->layer), false) != NULL;
}

/* Fills in what a call of `layer` inside `outer` has. */
static bool begin_call(ln_keras_call *outer, const cJSON *layer, const ln_keras_weights *weights, ln_keras_call *call) {
  *call = (ln_keras_call){.k = outer->k,
                          .e = outer->e,
                          .layer = layer,
                          .config = ln_keras_option(layer, "config"),
                          .weights = *weights,
                          .mask = -1};
  call->name = name_inside(outer, ln_keras_layer_name(layer));
  if (call->name == NULL || ln_emit_failed(call->e)) return false;
  const char *class = ln_keras_class(layer);
  call->row = is_function(call) ? ln_keras_find_function(class, false) : ln_keras_find_layer(class);
  if (call->row == NULL) refuse_class(call);
  return call->row != NULL;
}

static void take_mask(ln_keras_call *call) {
  const cJSON *given = ln_keras_argument(call, -1, "mask");
  call->mask = call->inputs.count > 0 ? call->inputs.items[0].mask : -1;
  if (given != NULL && ln_keras_has_tensor(call, given)) call->mask = ln_keras_operand(call, given, LN_BOOL);
}

bool ln_keras_apply(ln_keras_call *outer, const cJSON *layer, const ln_keras_weights *weights, ln_keras_values inputs,
                    ln_keras_values *outputs) {
  ln_keras_call call;
  if (!begin_call(outer, layer, weights, &call)) return false;
  call.inputs = inputs;
  take_mask(&call);
  if (!perform(&call)) return false;
  *outputs = call.outputs;
  return true;
}

int32_t ln_keras_apply_one(ln_keras_call *outer, const cJSON *layer, const ln_keras_weights *weights, int32_t input) {
  ln_keras_value value = {input, -1};
  ln_keras_values outputs;
  if (input < 0 || !ln_keras_apply(outer, layer, weights, (ln_keras_values){&value, 1}, &outputs)) return -1;
  return outputs.count > 0 ? outputs.items[0].tensor : -1;
}

/* ---- weights of a model's layers ---- */

/* The list of arrays that the legacy format keeps of a layer of the outermost model. */
static bool legacy_weights(ln_keras_call *call, const cJSON *layer, ln_keras_weights *out) {
  ln_arena *arena = ln_emit_arena(call->e);
  const char *group = ln_arena_printf(arena, "model_weights/%s", ln_keras_layer_name(layer));
  int32_t count = 0;
  char *texts = group != NULL ? ln_h5_texts(call->k->file, group, "weight_names", &count) : NULL;
  const char **names = ln_arena_array(arena, (size_t)count + 1, sizeof *names);
  const char *at = texts;
  bool good = names != NULL && group != NULL;
  for (int32_t i = 0; i < count && good; ++i, at += strlen(at) + 1) {
    names[i] = ln_arena_printf(arena, "%s/%s", group, at);
    good = names[i] != NULL;
  }
  ln_free(texts);
  if (!good) return ln_import_no_memory(call->k->import), false;
  int32_t counts[2] = {0, 0};
  if (!ln_keras_count_weights(layer, counts)) return ln_emit_wrong(call->e, "layers are nested too deep"), false;
  const int32_t trained = counts[0] < count ? counts[0] : count;
  *out = (ln_keras_weights){.names = {names, names + trained}, .count = {trained, count - trained}};
  return true;
}

static bool weights_of(ln_keras_call *model, const cJSON *layer, const char *place, ln_keras_weights *out) {
  const bool outermost = model->weights.path == NULL && model->weights.names[0] == NULL;
  return outermost ? legacy_weights(model, layer, out) : ln_keras_inner(model, layer, place, out);
}

/* ---- functional models ---- */

/* tf-keras counts the call that made a model with inputs as its first. */
static bool skips_first_node(const ln_keras *k, const cJSON *layer) {
  const cJSON *layers = ln_keras_option(ln_keras_option(layer, "config"), "layers");
  const cJSON *first = layers != NULL ? layers->child : NULL;
  if (!k->legacy_calls || first == NULL) return false;
  return strcmp(ln_keras_class(first), "InputLayer") == 0 ||
         ln_keras_option(ln_keras_option(first, "config"), "batch_input_shape") != NULL;
}

static bool open_scope(ln_keras_call *call, ln_keras_scope *scope) {
  const cJSON *layers = ln_keras_option(call->config, "layers");
  ln_arena *arena = ln_emit_arena(call->e);
  const int32_t count = cJSON_IsArray(layers) ? cJSON_GetArraySize(layers) : 0;
  if (count > LAYERS_MOST) return ln_emit_refuse(call->e, "it has more than %d layers", LAYERS_MOST), false;
  *scope = (ln_keras_scope){.call = call, .count = count};
  scope->entries = ln_arena_array(arena, (size_t)count + 1, sizeof *scope->entries);
  scope->sorted = ln_arena_array(arena, (size_t)count + 1, sizeof *scope->sorted);
  if (scope->entries == NULL || scope->sorted == NULL) return ln_import_no_memory(call->k->import), false;
  int32_t i = 0;
  for (const cJSON *layer = count > 0 ? layers->child : NULL; layer != NULL; layer = layer->next, ++i) {
    entry *each = &scope->entries[i];
    const cJSON *nodes = ln_keras_option(layer, "inbound_nodes");
    each->layer = layer;
    each->name = ln_keras_layer_name(layer);
    each->first = skips_first_node(call->k, layer);
    each->next_node = nodes != NULL ? nodes->child : NULL;
    scope->sorted[i] = each;
  }
  qsort(scope->sorted, (size_t)count, sizeof(entry *), by_name);
  for (int32_t j = 1; j < count; ++j) {
    if (strcmp(scope->sorted[j - 1]->name, scope->sorted[j]->name) == 0) {
      return ln_emit_wrong(call->e, "two layers are called %.80s", scope->sorted[j]->name), false;
    }
  }
  return true;
}

static bool add_node(ln_keras_scope *scope, entry *to, ln_keras_values values) {
  if (to->count == to->capacity) {
    const int32_t capacity = to->capacity * 2 + 2;
    ln_keras_values *more = ln_arena_array(ln_emit_arena(scope->call->e), (size_t)capacity, sizeof *more);
    if (more == NULL) return ln_import_no_memory(scope->call->k->import), false;
    if (to->count > 0) memcpy(more, to->nodes, (size_t)to->count * sizeof *more);
    to->nodes = more;
    to->capacity = capacity;
  }
  to->nodes[to->count++] = values;
  return true;
}

/* The JSON of the first argument and of the others, out of a node of either generation. */
static const cJSON *read_node(const ln_keras *k, const cJSON *node, ln_keras_call *call) {
  if (cJSON_IsObject(node) && ln_keras_option(node, "args") != NULL) {
    call->args = ln_keras_option(node, "args");
    call->kwargs = ln_keras_option(node, "kwargs");
    return call->args->child;
  }
  (void)k;
  /* [["a", 0, 0, {kwargs}], ...], or of functions ["a", 0, 0, {kwargs}] */
  const cJSON *last = node;
  while (cJSON_IsArray(last) && cJSON_IsArray(last->child)) last = last->child;
  if (cJSON_IsArray(last)) call->kwargs = cJSON_GetArrayItem(last, 3);
  return node;
}

/* One more call of the entry's layer, where its inputs are there; false after a failure. */
static bool call_node(ln_keras_scope *scope, entry *of, bool *made) {
  ln_keras_call call;
  ln_keras_weights weights;
  const cJSON *node = of->next_node;
  *made = false;
  ln_keras_call probe = {.k = scope->call->k, .e = scope->call->e, .scope = scope};
  if (!is_ready(&probe, node, 0)) return true;
  if (!begin_call(scope->call, of->layer, &(ln_keras_weights){0}, &call)) return false;
  if (of->place == NULL) {
    const int32_t index = (int32_t)(of - scope->entries);
    of->place = ln_arena_alloc(ln_emit_arena(call.e), 160);
    if (of->place == NULL) return ln_import_no_memory(call.k->import), false;
    ln_keras_child(scope->call->layer, index, of->place, 160);
  }
  ln_emit_at(call.e, call.name, ln_keras_class(of->layer));
  if (!weights_of(scope->call, of->layer, of->place, &weights)) return false;
  call.weights = weights;
  call.scope = scope;
  call.first = read_node(call.k, node, &call);
  if (call.first == NULL && cJSON_IsObject(call.kwargs)) call.first = call.kwargs->child;
  if (!ln_keras_tensors(&call, call.first, &call.inputs)) return false;
  take_mask(&call);
  if (!perform(&call) || !add_node(scope, of, call.outputs)) return false;
  of->next_node = node->next;
  *made = true;
  return true;
}

/* Values of the model's inputs go to its input layers. */
static bool bind_inputs(ln_keras_scope *scope, const cJSON *item, int32_t depth, int32_t *used) {
  const char *name;
  int32_t node, tensor;
  if (depth > 8 || item == NULL) return true;
  if (take_place(item, &name, &node, &tensor)) {
    entry *to = find_entry(scope, name);
    if (to == NULL) return ln_emit_wrong(scope->call->e, "there is no layer %.80s", name), false;
    if (*used >= scope->call->inputs.count) return ln_emit_wrong(scope->call->e, "it gets too few inputs"), false;
    to->next_node = NULL;
    return add_node(scope, to, (ln_keras_values){&scope->call->inputs.items[(*used)++], 1});
  }
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (!bind_inputs(scope, each, depth + 1, used)) return false;
  }
  return true;
}

static bool call_all(ln_keras_scope *scope) {
  bool more = true;
  for (int32_t pass = 0; more && pass < PASSES_MOST; ++pass) {
    more = false;
    for (int32_t i = 0; i < scope->count; ++i) {
      entry *each = &scope->entries[i];
      bool made = each->next_node != NULL;
      while (each->next_node != NULL && made) {
        if (!call_node(scope, each, &made)) return false;
        more |= made;
      }
    }
  }
  return true;
}

/* Tensors in the order of the JSON's places (those of dicts by key). */
static bool gather_outputs(ln_keras_scope *scope, const cJSON *item, ln_keras_values *out) {
  ln_keras_call probe = *scope->call;
  const bool legacy = probe.k->legacy_calls;
  probe.scope = scope;
  probe.k->legacy_calls = true; /* places are lists in both generations */
  const bool good = ln_keras_tensors(&probe, item, out);
  probe.k->legacy_calls = legacy;
  if (good && out->count == 0) return ln_emit_wrong(scope->call->e, "the model has no outputs"), false;
  return good;
}

static int32_t functional(ln_keras_call *call) {
  ln_keras_scope scope;
  int32_t used = 0;
  if (!open_scope(call, &scope)) return -1;
  if (!bind_inputs(&scope, ln_keras_option(call->config, "input_layers"), 0, &used)) return -1;
  if (!call_all(&scope)) return -1;
  return gather_outputs(&scope, ln_keras_option(call->config, "output_layers"), &call->outputs) ? LN_EMIT_NONE : -1;
}

int32_t ln_keras_sequential(ln_keras_call *call) {
  const cJSON *layers = ln_keras_option(call->config, "layers");
  ln_keras_values values = call->inputs;
  char place[160];
  int32_t index = 0;
  for (const cJSON *layer = cJSON_IsArray(layers) ? layers->child : NULL; layer != NULL; layer = layer->next, ++index) {
    ln_keras_weights weights;
    if (strcmp(ln_keras_class(layer), "InputLayer") == 0) continue;
    if (index > LAYERS_MOST) return ln_emit_refuse(call->e, "it has more than %d layers", LAYERS_MOST);
    ln_keras_child(call->layer, index, place, sizeof place);
    if (!weights_of(call, layer, place, &weights) || !ln_keras_apply(call, layer, &weights, values, &values)) return -1;
  }
  call->outputs = values;
  return LN_EMIT_NONE;
}

/* Models are layers: functional ones, and lists. */
int32_t ln_keras_model(ln_keras_call *call) {
  const cJSON *layers = ln_keras_option(call->config, "layers");
  if (ln_keras_option(call->config, "input_layers") != NULL) return functional(call);
  if (layers != NULL) return ln_keras_sequential(call);
  return ln_emit_refuse(call->e,
                        "it is a class of one's own, whose code is not in the file; export the model as a SavedModel");
}

int32_t ln_keras_input_layer(ln_keras_call *call) {
  return ln_emit_wrong(call->e, "the input is not one of the model's inputs");
}

/* ---- the outermost model ---- */

static bool input_dims(ln_keras *k, const cJSON *shape, int32_t *rank, ln_input_dim *dims) {
  *rank = 0;
  if (!cJSON_IsArray(shape)) return ln_import_fail(k->import, LN_ERR_MODEL, "an input has no shape") > 0;
  for (const cJSON *each = shape->child; each != NULL; each = each->next) {
    if (*rank == LN_MAX_RANK)
      return ln_import_fail(k->import, LN_ERR_UNSUPPORTED, "an input has too many dimensions") > 0;
    const bool open = !cJSON_IsNumber(each) || each->valueint < 0;
    dims[(*rank)++] = (ln_input_dim){open ? -1 : each->valueint, -1};
  }
  return true;
}

static bool add_input(ln_keras *k, const char *name, const cJSON *config, const cJSON *shape, ln_keras_value *out) {
  ln_input_dim dims[LN_MAX_RANK];
  int32_t rank;
  const cJSON *given = ln_keras_option(config, "dtype");
  const char *dtype =
      cJSON_IsString(given) ? given->valuestring : ln_keras_text(ln_keras_option(given, "config"), "name", "float32");
  const ln_type type = ln_keras_type(strncmp(dtype, "mixed", 5) == 0 ? "float32" : dtype);
  if ((int)type == LN_TYPE_COUNT) {
    return ln_import_fail(k->import, LN_ERR_UNSUPPORTED, "input \"%.80s\" is of type %.40s", name, dtype) > 0;
  }
  if (ln_keras_flag(config, "sparse", false) || ln_keras_flag(config, "ragged", false)) {
    return ln_import_fail(k->import, LN_ERR_UNSUPPORTED, "input \"%.80s\" is sparse or ragged; make it dense", name) >
           0;
  }
  if (!input_dims(k, shape, &rank, dims)) return false;
  *out = (ln_keras_value){ln_emit_input(k->e, name, type, rank, dims), -1};
  return out->tensor >= 0;
}

static const cJSON *shape_of(const cJSON *config) {
  const cJSON *shape = ln_keras_option(config, "batch_shape");
  return shape != NULL ? shape : ln_keras_option(config, "batch_input_shape");
}

/* Inputs of a functional model, in the order of input_layers. */
static bool functional_inputs(ln_keras_call *call, ln_keras_scope *scope, const cJSON *item, int32_t depth) {
  const char *name;
  int32_t node, tensor;
  if (depth > 8 || item == NULL) return true;
  if (!take_place(item, &name, &node, &tensor)) {
    for (const cJSON *each = item->child; each != NULL; each = each->next) {
      if (!functional_inputs(call, scope, each, depth + 1)) return false;
    }
    return true;
  }
  const entry *from = find_entry(scope, name);
  if (from == NULL) return ln_import_fail(call->k->import, LN_ERR_MODEL, "there is no layer %.80s", name) > 0;
  if (call->inputs.count == LN_KERAS_VALUES)
    return ln_import_fail(call->k->import, LN_ERR_LIMIT, "too many inputs") > 0;
  const cJSON *config = ln_keras_option(from->layer, "config");
  return add_input(call->k, name, config, shape_of(config), &call->inputs.items[call->inputs.count++]);
}

static bool sequential_input(ln_keras_call *call) {
  const cJSON *layers = ln_keras_option(call->config, "layers");
  const cJSON *first = cJSON_IsArray(layers) ? layers->child : NULL;
  const cJSON *config = ln_keras_option(first, "config");
  const cJSON *shape = shape_of(config);
  const bool is_input = strcmp(ln_keras_class(first), "InputLayer") == 0;
  if (first == NULL) return ln_import_fail(call->k->import, LN_ERR_UNSUPPORTED, "the model has no layers") > 0;
  if (shape == NULL && ln_keras_option(config, "layers") != NULL) { /* a model first: its input's shape */
    const cJSON *inside = ln_keras_option(config, "layers");
    config = ln_keras_option(inside->child, "config");
    shape = shape_of(config);
  }
  if (shape == NULL) shape = ln_keras_option(call->config, "build_input_shape");
  if (shape == NULL) shape = ln_keras_option(ln_keras_option(call->layer, "build_config"), "input_shape");
  if (shape == NULL) {
    return ln_import_fail(call->k->import, LN_ERR_UNSUPPORTED,
                          "the model was saved before its input's shape was known; call it once, then save it") > 0;
  }
  const char *name = is_input ? ln_keras_layer_name(first)
                              : ln_arena_printf(ln_emit_arena(call->e), "%s_input", ln_keras_layer_name(first));
  if (name == NULL) return ln_import_no_memory(call->k->import) > 0;
  call->inputs.count = 1;
  return add_input(call->k, name, config, shape, &call->inputs.items[0]);
}

/* "dense", and "dense_1" for the next of that name. */
static const char *output_name(ln_keras *k, const char **names, int32_t count, const char *name) {
  const char *made = name;
  for (int32_t times = 1, i = 0; i < count && made != NULL; ++i) {
    if (strcmp(names[i], made) != 0) continue;
    made = ln_arena_printf(ln_emit_arena(k->e), "%s_%d", name, (int)times++);
    i = -1;
  }
  return made;
}

/* Names of outputs in the order of gather_outputs: of layers. */
static void collect_names(const cJSON *item, int32_t depth, const char **names, int32_t *count) {
  const char *name;
  int32_t node, tensor;
  if (item == NULL || depth > 8) return;
  if (take_place(item, &name, &node, &tensor)) {
    if (*count < LN_KERAS_VALUES) names[(*count)++] = name;
    return;
  }
  for (const cJSON *each = item->child; each != NULL; each = each->next) collect_names(each, depth + 1, names, count);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Keys of a dict name its outputs. */
static int32_t list_names(ln_keras_call *call, const char **names) {
  const cJSON *outputs = ln_keras_option(call->config, "output_layers");
  const cJSON *layers = ln_keras_option(call->config, "layers");
  int32_t count = 0;
  if (outputs == NULL) {
    const cJSON *last = cJSON_GetArrayItem(layers, cJSON_GetArraySize(layers) - 1);
    names[count++] = ln_keras_layer_name(last);
  } else if (cJSON_IsObject(outputs)) {
    for (const cJSON *each = outputs->child; each != NULL && count < LN_KERAS_VALUES; each = each->next) {
      names[count++] = each->string;
    }
    qsort(names, (size_t)count, sizeof *names, by_text);
  } else {
    collect_names(outputs, 0, names, &count);
  }
  return count;
}

static bool name_outputs(ln_keras_call *call) {
  ln_arena *arena = ln_emit_arena(call->e);
  const char **names = ln_arena_array(arena, LN_KERAS_VALUES + 1, sizeof *names);
  const char **made = ln_arena_array(arena, LN_KERAS_VALUES + 1, sizeof *made);
  if (names == NULL || made == NULL) return ln_import_no_memory(call->k->import) > 0;
  const int32_t count = list_names(call, names);
  for (int32_t i = 0; i < call->outputs.count && !ln_emit_failed(call->e); ++i) {
    const char *name = i < count ? names[i] : ln_arena_printf(arena, "output_%d", (int)i);
    made[i] = name != NULL ? output_name(call->k, made, i, name) : NULL;
    if (made[i] == NULL) return ln_import_no_memory(call->k->import) > 0;
    ln_emit_output(call->e, made[i], call->outputs.items[i].tensor);
  }
  return !ln_emit_failed(call->e);
}

bool ln_keras_run(ln_keras *k) {
  ln_keras_call outside = {.k = k, .e = k->e}, call;
  ln_keras_scope scope;
  ln_keras_weights weights = {.path = k->is_archive ? "" : NULL};
  if (!begin_call(&outside, k->config, &weights, &call)) return false;
  call.name = "";
  call.inputs.items = ln_arena_array(ln_emit_arena(k->e), LN_KERAS_VALUES + 1, sizeof *call.inputs.items);
  if (call.inputs.items == NULL) return ln_import_no_memory(k->import) > 0;
  const cJSON *inputs = ln_keras_option(call.config, "input_layers");
  if (inputs != NULL) {
    if (!open_scope(&call, &scope) || !functional_inputs(&call, &scope, inputs, 0)) return false;
  } else if (!sequential_input(&call)) {
    return false;
  }
  ln_emit_at(k->e, NULL, NULL);
  if (!perform(&call)) return false;
  ln_emit_at(k->e, NULL, NULL);
  return name_outputs(&call);
}

#endif
