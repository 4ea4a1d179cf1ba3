/*
 * Models from scratch as JSON: docs/builder.md says its form, docs/builder.schema.json checks it. Every mistake is told
 * with its place, "layers[3].filters: ...".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "io/json.h"

#ifdef LN_HAVE_CJSON

enum { NAME = 208, TEXT = 400, SETTINGS = 32, FROM = 64, DEEPEST = 8 };

/* The name of a block that was made, and of its last layer. */
typedef struct alias {
  struct alias *next;
  char name[NAME], layer[NAME];
} alias;

typedef struct reader {
  ln_json_place at;
  ln_builder *builder;
  const cJSON *blocks;
  alias *aliases;
} reader;

/* A block that is being made; the outermost scope has neither block nor input. */
typedef struct scope {
  const struct scope *outer;
  const cJSON *block, *call;
  char prefix[NAME]; /* of its layers' names: "" or with a slash at its end */
  char input[NAME];
  int depth;
} scope;

static const char *const layer_keys[] = {"layer", "name", "from", "when"};
static const char *const block_keys[] = {"block", "name", "from", "when", "repeat"};

static bool among(const char *name, const char *const *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(name, keys[i]) == 0) return true;
  }
  return false;
}

static const cJSON *get(const cJSON *object, const char *key) { return cJSON_GetObjectItemCaseSensitive(object, key); }

/* A message of the builder's: the parameter that begins it becomes part of the place. */
static ln_status of_builder(const reader *r, ln_status status) {
  char name[64];
  const char *text = r->at.err ? r->at.err->message : "";
  const size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
  if (status == LN_OK || length == 0 || length >= sizeof name || strncmp(text + length, ": ", 2) != 0) {
    return ln_json_at(&r->at, NULL, status);
  }
  memcpy(name, text, length);
  name[length] = 0;
  return ln_json_at(&r->at, name, status);
}

/* ---- values: "$name" is a parameter of the block ---- */

static const cJSON *value_of(const scope *s, const cJSON *item) {
  while (item && cJSON_IsString(item) && item->valuestring[0] == '$') {
    const char *name = item->valuestring + 1;
    if (!s || !s->block) return NULL;
    const cJSON *said = get(s->call, name);
    if (!said) {
      said = get(get(s->block, "parameters"), name);
      return cJSON_IsNull(said) ? NULL : said;
    }
    item = said;
    s = s->outer;
  }
  return item;
}

/* A value as the builder takes it: lists with commas. NULL for what is none. */
static const char *text_of(const cJSON *value, char *room, size_t size) {
  if (!cJSON_IsArray(value)) return ln_json_text(value, room, size);
  size_t used = 0;
  room[0] = 0;
  for (const cJSON *each = value->child; each; each = each->next) {
    char one[40];
    if (!cJSON_IsNumber(each)) return NULL;
    const int length =
        snprintf(room + used, size - used, "%s%s", used > 0 ? "," : "", ln_json_text(each, one, sizeof one));
    if (length < 0 || (size_t)length >= size - used) return NULL;
    used += (size_t)length;
  }
  return room;
}

static ln_status unknown_value(const reader *r, const cJSON *item) {
  char text[120];
  snprintf(text, sizeof text, "there is no parameter \"%.60s\" here", cJSON_IsString(item) ? item->valuestring : "");
  return ln_json_wrong(&r->at, item->string, text);
}

/* ---- names ---- */

static const char *resolve(const reader *r, const scope *s, const char *name, char *room) {
  if (s->block && strcmp(name, "input") == 0) return s->input;
  for (; s; s = s->outer) {
    snprintf(room, NAME, "%.100s%.100s", s->prefix, name);
    if (ln_builder_has(r->builder, room)) return room;
    for (const alias *a = r->aliases; a; a = a->next) {
      if (strcmp(a->name, room) == 0) return a->layer;
    }
  }
  return name;
}

/* Whether the layer is to be left out. */
static ln_status is_left_out(const reader *r, const scope *s, const cJSON *layer, bool *out) {
  const cJSON *when = get(layer, "when");
  *out = false;
  if (!when) return LN_OK;
  const cJSON *value = value_of(s, when);
  if (!cJSON_IsBool(value)) return ln_json_wrong(&r->at, "when", "true or false is wanted");
  *out = cJSON_IsFalse(value);
  return LN_OK;
}

typedef struct sources {
  char rooms[FROM][NAME];
  const char *names[FROM];
  int32_t count;
} sources;

static ln_status read_from(const reader *r, const scope *s, const cJSON *from, bool first, sources *out) {
  out->count = 0;
  if (!from) {
    if (first && s->block) out->names[out->count++] = s->input;
    return LN_OK;
  }
  from = value_of(s, from);
  const cJSON *each = cJSON_IsArray(from) ? from->child : from;
  for (; each; each = cJSON_IsArray(from) ? each->next : NULL) {
    const cJSON *name = value_of(s, each);
    if (!cJSON_IsString(name)) return ln_json_wrong(&r->at, "from", "the name of a layer or a list of them is wanted");
    if (out->count == FROM) return ln_json_wrong(&r->at, "from", "too many layers");
    const char *found = resolve(r, s, name->valuestring, out->rooms[out->count]);
    out->names[out->count++] = found;
  }
  return out->count > 0 ? LN_OK : ln_json_wrong(&r->at, "from", "the name of a layer or a list of them is wanted");
}

static ln_status read_name(const reader *r, const scope *s, const cJSON *object, char *out) {
  const cJSON *name = get(object, "name");
  if (name && !cJSON_IsString(name)) return ln_json_wrong(&r->at, "name", "a text is wanted");
  const int length = snprintf(out, NAME, "%s%.150s", s->prefix, name ? name->valuestring : "");
  if (length < 0 || length >= NAME) return ln_json_wrong(&r->at, "name", "too long");
  return LN_OK;
}

/* ---- layers ---- */

static ln_status read_settings(const reader *r, const scope *s, const cJSON *layer, char (*rooms)[TEXT],
                               ln_layer_setting *settings, int32_t *count) {
  *count = 0;
  for (const cJSON *each = layer->child; each; each = each->next) {
    if (among(each->string, layer_keys, LN_COUNT(layer_keys))) continue;
    const cJSON *value = value_of(s, each);
    if (!value) return unknown_value(r, each);
    const char *text = text_of(value, rooms[*count], TEXT);
    if (!text)
      return ln_json_wrong(&r->at, each->string, "a string, a number, true, false or a list of numbers is wanted");
    if (*count == SETTINGS) return ln_json_wrong(&r->at, each->string, "too many parameters");
    settings[(*count)++] = (ln_layer_setting){each->string, text};
  }
  return LN_OK;
}

typedef struct room {
  char texts[SETTINGS + 1][TEXT];
  sources from;
} room;

static ln_status add_layer(reader *r, const scope *s, const cJSON *layer, bool first, room *room_) {
  ln_layer_setting settings[SETTINGS];
  char name[NAME];
  int32_t count;
  const cJSON *kind = get(layer, "layer");
  if (!cJSON_IsString(kind)) return ln_json_wrong(&r->at, "layer", "the name of a layer is wanted");
  LN_TRY(ln_json_keys(&r->at, layer, NULL, 0));
  LN_TRY(read_name(r, s, layer, name));
  LN_TRY(read_from(r, s, get(layer, "from"), first, &room_->from));
  LN_TRY(read_settings(r, s, layer, room_->texts, settings, &count));
  return of_builder(r, ln_builder_layer(r->builder, kind->valuestring, name[0] ? name : NULL, room_->from.names,
                                        room_->from.count, settings, count, r->at.err));
}

static ln_status read_layers(reader *r, const scope *s, const cJSON *layers, const char *base);

static ln_status keep_alias(reader *r, const char *name) {
  alias *a = calloc(1, sizeof *a);
  if (!a) return ln_fail(r->at.err, LN_ERR_MEMORY, "out of memory while a model is built");
  snprintf(a->name, sizeof a->name, "%s", name);
  snprintf(a->layer, sizeof a->layer, "%s", ln_builder_last(r->builder));
  a->next = r->aliases;
  r->aliases = a;
  return LN_OK;
}

static bool is_alias(const reader *r, const char *name) {
  for (const alias *a = r->aliases; a; a = a->next) {
    if (strcmp(a->name, name) == 0) return true;
  }
  return false;
}

static ln_status make_block(reader *r, const scope *s, const cJSON *call, const cJSON *block, const char *input,
                            const char *name) {
  scope inner = {.outer = s, .block = block, .call = call, .depth = s->depth + 1};
  char base[LN_JSON_PLACE];
  snprintf(base, sizeof base, "%.90s.blocks.%.40s.", r->at.place, block->string);
  if (is_alias(r, name)) return ln_json_wrong(&r->at, "name", "there is such a block already");
  if (inner.depth > DEEPEST) return ln_json_wrong(&r->at, "block", "blocks stand too deep in one another");
  if (snprintf(inner.prefix, sizeof inner.prefix, "%s/", name) >= (int)sizeof inner.prefix) {
    return ln_json_wrong(&r->at, "name", "too long");
  }
  snprintf(inner.input, sizeof inner.input, "%s", input);
  LN_TRY(read_layers(r, &inner, get(block, "layers"), base));
  return keep_alias(r, name);
}

/* The block's own keys and, of its parameters, those without a value. */
static ln_status check_block(const reader *r, const cJSON *call, const cJSON *block) {
  static const char *const keys[] = {"description", "parameters", "layers"};
  const cJSON *parameters = get(block, "parameters");
  ln_json_place place = {.err = r->at.err};
  snprintf(place.place, sizeof place.place, "blocks.%.60s", block->string);
  LN_TRY(ln_json_keys(&place, block, keys, LN_COUNT(keys)));
  if (!cJSON_IsArray(get(block, "layers"))) return ln_json_wrong(&place, "layers", "a list of layers is wanted");
  if (parameters && !cJSON_IsObject(parameters)) return ln_json_wrong(&place, "parameters", "an object is wanted");
  LN_TRY(ln_json_keys(&r->at, call, NULL, 0));
  for (const cJSON *each = call->child; each; each = each->next) {
    if (among(each->string, block_keys, LN_COUNT(block_keys)) || get(parameters, each->string)) continue;
    return ln_json_wrong(&r->at, each->string, "the block has no such parameter");
  }
  for (const cJSON *each = parameters ? parameters->child : NULL; each; each = each->next) {
    if (cJSON_IsNull(each) && !get(call, each->string)) return ln_json_wrong(&r->at, each->string, "is wanted");
  }
  return LN_OK;
}

static ln_status read_repeat(const reader *r, const scope *s, const cJSON *call, int32_t *times) {
  const cJSON *repeat = get(call, "repeat");
  const cJSON *value = repeat ? value_of(s, repeat) : NULL;
  *times = 1;
  if (!repeat) return LN_OK;
  if (!cJSON_IsNumber(value) || value->valuedouble < 1 || value->valuedouble > 1000 ||
      value->valuedouble != (int32_t)value->valuedouble) {
    return ln_json_wrong(&r->at, "repeat", "a whole number from 1 to 1000 is wanted");
  }
  *times = (int32_t)value->valuedouble;
  return LN_OK;
}

/* The name given, else the block's, numbered where there is one so called. */
static ln_status name_block(const reader *r, const scope *s, const cJSON *call, const cJSON *block, char *out) {
  LN_TRY(read_name(r, s, call, out));
  if (get(call, "name")) return LN_OK;
  for (int number = 0; number == 0 || is_alias(r, out); number++) {
    snprintf(out, NAME, number == 0 ? "%.140s%.50s" : "%.140s%.50s_%d", s->prefix, block->string, number);
  }
  return LN_OK;
}

static ln_status add_block(reader *r, const scope *s, const cJSON *call, bool first, room *room_) {
  char name[NAME], input[NAME], place[LN_JSON_PLACE];
  int32_t times;
  const cJSON *which = get(call, "block");
  const cJSON *block = cJSON_IsString(which) ? get(r->blocks, which->valuestring) : NULL;
  if (!block) return ln_json_wrong(&r->at, "block", "there is no such block in \"blocks\"");
  LN_TRY(check_block(r, call, block));
  LN_TRY(read_repeat(r, s, call, &times));
  LN_TRY(name_block(r, s, call, block, name));
  LN_TRY(read_from(r, s, get(call, "from"), first, &room_->from));
  if (room_->from.count > 1) return ln_json_wrong(&r->at, "from", "a block takes one layer");
  const char *from = room_->from.count > 0 ? room_->from.names[0] : ln_builder_last(r->builder);
  snprintf(input, sizeof input, "%s", from ? from : "");
  snprintf(place, sizeof place, "%s", r->at.place);
  for (int32_t i = 0; i < times; i++) {
    char numbered[NAME + 16];
    snprintf(numbered, sizeof numbered, times > 1 ? "%s_%d" : "%s", name, (int)i);
    LN_TRY(make_block(r, s, call, block, input, numbered));
    snprintf(input, sizeof input, "%s", ln_builder_last(r->builder));
    snprintf(r->at.place, sizeof r->at.place, "%s", place);
  }
  return times > 1 ? keep_alias(r, name) : LN_OK;
}

static ln_status read_layers(reader *r, const scope *s, const cJSON *layers, const char *base) {
  int32_t index = 0;
  bool first = true;
  room *room_ = malloc(sizeof *room_);
  ln_status status = room_ ? LN_OK : ln_fail(r->at.err, LN_ERR_MEMORY, "out of memory while a model is built");
  for (const cJSON *each = layers->child; status == LN_OK && each; each = each->next, index++) {
    bool left_out = false;
    snprintf(r->at.place, sizeof r->at.place, "%slayers[%d]", base, (int)index);
    if (!cJSON_IsObject(each)) status = ln_json_wrong(&r->at, NULL, "an object is wanted");
    if (status == LN_OK) status = is_left_out(r, s, each, &left_out);
    if (status != LN_OK || left_out) continue;
    status = get(each, "block") ? add_block(r, s, each, first, room_) : add_layer(r, s, each, first, room_);
    first = false;
  }
  free(room_);
  if (status == LN_OK && first) status = ln_json_wrong(&r->at, NULL, "there is no layer");
  return status;
}

/* ---- the model ---- */

static bool find_type(const char *name, ln_type *out) {
  static const ln_type types[] = {LN_FLOAT32, LN_INT32, LN_INT64};
  for (size_t i = 0; i < LN_COUNT(types); i++) {
    if (strcmp(ln_type_name(types[i]), name) != 0) continue;
    *out = types[i];
    return true;
  }
  return false;
}

static ln_status read_input(reader *r, const cJSON *input) {
  static const char *const keys[] = {"name", "shape", "type"};
  int32_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_json_keys(&r->at, input, keys, LN_COUNT(keys)));
  const cJSON *name = get(input, "name"), *shape = get(input, "shape"), *type = get(input, "type");
  if (name && !cJSON_IsString(name)) return ln_json_wrong(&r->at, "name", "a text is wanted");
  if (!cJSON_IsArray(shape)) return ln_json_wrong(&r->at, "shape", "a list of dimensions without the batch is wanted");
  for (const cJSON *each = shape->child; each; each = each->next) {
    if (!cJSON_IsNumber(each) || each->valuedouble != each->valueint || rank == LN_MAX_RANK) {
      return ln_json_wrong(&r->at, "shape", "a short list of whole numbers is wanted");
    }
    dims[rank++] = each->valueint;
  }
  ln_type of = LN_FLOAT32;
  if (type && (!cJSON_IsString(type) || !find_type(type->valuestring, &of))) {
    return ln_json_wrong(&r->at, "type", "float32, int32 or int64 is wanted");
  }
  return of_builder(r, ln_builder_input(r->builder, name ? name->valuestring : NULL, of, rank, dims, r->at.err));
}

static ln_status read_inputs(reader *r, const cJSON *root, bool is_head) {
  const cJSON *one = get(root, "input"), *several = get(root, "inputs");
  if (is_head) return one || several ? ln_json_wrong(&r->at, NULL, "a head takes what its backbone gives") : LN_OK;
  if ((one != NULL) == (several != NULL))
    return ln_json_wrong(&r->at, NULL, "either \"input\" or \"inputs\" is wanted");
  snprintf(r->at.place, sizeof r->at.place, "input");
  if (one) return read_input(r, one);
  if (!cJSON_IsArray(several) || !several->child) return ln_json_wrong(&r->at, "inputs", "a list of inputs is wanted");
  int32_t index = 0;
  for (const cJSON *each = several->child; each; each = each->next, index++) {
    snprintf(r->at.place, sizeof r->at.place, "inputs[%d]", (int)index);
    LN_TRY(read_input(r, each));
  }
  return LN_OK;
}

static ln_status read_outputs(reader *r, const cJSON *outputs) {
  const scope outermost = {0};
  int32_t index = 0;
  if (!outputs) return LN_OK;
  snprintf(r->at.place, sizeof r->at.place, "outputs");
  if (!cJSON_IsArray(outputs) || !outputs->child) return ln_json_wrong(&r->at, NULL, "a list of layers is wanted");
  for (const cJSON *each = outputs->child; each; each = each->next, index++) {
    char found[NAME];
    snprintf(r->at.place, sizeof r->at.place, "outputs[%d]", (int)index);
    if (!cJSON_IsString(each)) return ln_json_wrong(&r->at, NULL, "the name of a layer is wanted");
    LN_TRY(of_builder(r, ln_builder_output(r->builder, resolve(r, &outermost, each->valuestring, found), r->at.err)));
  }
  return LN_OK;
}

static ln_status read_root(reader *r, const cJSON *root, const ln_builder_options *given) {
  static const char *const keys[] = {"$schema", "description", "batch",  "input",
                                     "inputs",  "blocks",      "layers", "outputs"};
  const scope outermost = {0};
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  if (given) memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
  LN_TRY(ln_json_keys(&r->at, root, keys, LN_COUNT(keys)));
  const cJSON *batch = get(root, "batch"), *layers = get(root, "layers");
  if (batch && (!cJSON_IsNumber(batch) || batch->valuedouble < 1 || batch->valuedouble > 1 << 20 ||
                batch->valuedouble != batch->valueint)) {
    return ln_json_wrong(&r->at, "batch", "a whole number of 1 or more is wanted");
  }
  if (batch && options.batch == 0) options.batch = batch->valueint;
  r->blocks = get(root, "blocks");
  if (r->blocks && !cJSON_IsObject(r->blocks)) return ln_json_wrong(&r->at, "blocks", "an object is wanted");
  if (!cJSON_IsArray(layers)) return ln_json_wrong(&r->at, "layers", "a list of layers is wanted");
  LN_TRY(ln_builder_create(&options, r->at.err, &r->builder));
  LN_TRY(read_inputs(r, root, options.backbone != NULL));
  r->at.place[0] = 0;
  LN_TRY(read_layers(r, &outermost, layers, ""));
  return read_outputs(r, get(root, "outputs"));
}

ln_status ln_builder_from_json(const char *text, size_t size, const ln_builder_options *options, ln_error *err,
                               ln_model **out) {
  if (!text || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a text and a place for the model");
  *out = NULL;
  cJSON *root = NULL;
  LN_TRY(ln_json_parse(text, size, err, &root));
  reader r = {.at = {.err = err}};
  ln_status status = read_root(&r, root, options);
  if (status == LN_OK) status = ln_builder_make(r.builder, err, out);
  ln_builder_destroy(r.builder);
  for (alias *a = r.aliases; a;) {
    alias *next = a->next;
    free(a);
    a = next;
  }
  cJSON_Delete(root);
  return status;
}

#else

ln_status ln_builder_from_json(const char *text, size_t size, const ln_builder_options *options, ln_error *err,
                               ln_model **out) {
  (void)text, (void)size, (void)options;
  if (out) *out = NULL;
  return ln_fail(err, LN_ERR_FEATURE, "this build reads no models in JSON: built without libcjson or the optimizer");
}

#endif

ln_status ln_builder_read(const char *path, const ln_builder_options *options, ln_error *err, ln_model **out) {
  if (!path || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a path and a place for the model");
  *out = NULL;
  char *text = NULL;
  size_t size = 0;
  ln_status status = ln_io_read(path, err, &text, &size);
  if (status == LN_OK) status = ln_builder_from_json(text, size, options, err, out);
  if (status != LN_OK) ln_error_prefix(err, "%s", path);
  ln_io_free(text);
  return status;
}
