/*
 * Recipes of the optimizer as JSON: docs/recipe.schema.json says their form. Every mistake is told with its place,
 * "stages[1].parameters.sparsity: ...".
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"

#ifdef LN_HAVE_CJSON
#include <cjson/cJSON.h>

#define TEXT_OF(x) #x
#define VERSION_OF(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *ln_json_library(void) {
  return "cJSON " VERSION_OF(CJSON_VERSION_MAJOR, CJSON_VERSION_MINOR, CJSON_VERSION_PATCH);
}

enum { PLACE = 160 };

typedef struct reader {
  ln_recipe *recipe;
  ln_error *err;
  char place[PLACE];
} reader;

/* Puts the place before a message, whose own mention of `name` it makes needless. */
static ln_status at_place(const reader *r, const char *name, ln_status status) {
  if (status == LN_OK || !r->err) return status;
  const size_t length = name ? strlen(name) : 0;
  char *text = r->err->message;
  if (length > 0 && strncmp(text, name, length) == 0 && strncmp(text + length, ": ", 2) == 0) {
    memmove(text, text + length + 2, strlen(text + length + 2) + 1);
  }
  if (name) ln_error_prefix(r->err, "%s%s%.60s", r->place, r->place[0] ? "." : "", name);
  else if (r->place[0]) ln_error_prefix(r->err, "%s", r->place);
  return status;
}

static ln_status wrong(const reader *r, const char *name, const char *what) {
  return at_place(r, name, ln_fail(r->err, LN_ERR_FORMAT, "%s", what));
}

/* Whether `object` is one and holds only keys of the list, each once. */
static ln_status check_keys(const reader *r, const cJSON *object, const char *const *keys, size_t count) {
  if (!cJSON_IsObject(object)) return wrong(r, NULL, "an object is wanted");
  for (const cJSON *each = object->child; each; each = each->next) {
    bool known = keys == NULL;
    for (size_t i = 0; i < count && !known; i++) known = strcmp(each->string, keys[i]) == 0;
    if (!known) {
      char list[120] = "";
      for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", keys[i]);
      }
      return at_place(r, NULL, ln_fail(r->err, LN_ERR_FORMAT, "no key \"%.60s\": there are %s", each->string, list));
    }
    for (const cJSON *other = each->next; other; other = other->next) {
      if (strcmp(each->string, other->string) == 0) return wrong(r, each->string, "said twice");
    }
  }
  return LN_OK;
}

/* A value as ln_recipe_set takes it; NULL for what is none. */
static const char *value_text(const cJSON *value, char *room, size_t size) {
  if (cJSON_IsString(value)) return value->valuestring;
  if (cJSON_IsBool(value)) return cJSON_IsTrue(value) ? "true" : "false";
  if (!cJSON_IsNumber(value)) return NULL;
  const double number = value->valuedouble;
  const bool whole = number == floor(number) && fabs(number) < 1e15;
  snprintf(room, size, whole ? "%.0f" : "%.17g", number);
  return room;
}

static ln_status read_parameters(reader *r, const cJSON *parameters, const char *selector) {
  if (!parameters) return LN_OK;
  LN_TRY(check_keys(r, parameters, NULL, 0));
  for (const cJSON *each = parameters->child; each; each = each->next) {
    char room[40];
    const char *text = value_text(each, room, sizeof room);
    if (!text) return wrong(r, each->string, "a string, a number, true or false is wanted");
    const ln_status status = selector ? ln_recipe_set_for(r->recipe, selector, each->string, text, r->err)
                                      : ln_recipe_set(r->recipe, each->string, text, r->err);
    if (status != LN_OK) return at_place(r, each->string, status);
  }
  return LN_OK;
}

typedef ln_status (*select_fn)(ln_recipe *recipe, const char *selector, ln_error *err);

/* One selector, or a list of them. */
static ln_status read_selectors(reader *r, const cJSON *list, select_fn add) {
  if (!list) return LN_OK;
  if (cJSON_IsString(list)) return at_place(r, NULL, add(r->recipe, list->valuestring, r->err));
  if (!cJSON_IsArray(list)) return wrong(r, NULL, "a selector or a list of them is wanted");
  int32_t index = 0;
  for (const cJSON *each = list->child; each; each = each->next, index++) {
    char name[24];
    snprintf(name, sizeof name, "[%d]", index);
    const ln_status status = cJSON_IsString(each) ? add(r->recipe, each->valuestring, r->err)
                                                  : ln_fail(r->err, LN_ERR_FORMAT, "a selector is a string");
    if (status == LN_OK) continue;
    if (r->err) ln_error_prefix(r->err, "%s%s", r->place, name);
    return status;
  }
  return LN_OK;
}

static ln_status read_layers(reader *r, const cJSON *layers, int32_t stage) {
  static const char *const keys[] = {"select", "parameters"};
  if (!layers) return LN_OK;
  if (!cJSON_IsArray(layers)) return wrong(r, NULL, "a list is wanted");
  int32_t index = 0;
  for (const cJSON *each = layers->child; each; each = each->next, index++) {
    snprintf(r->place, sizeof r->place, "stages[%d].layers[%d]", stage, index);
    LN_TRY(check_keys(r, each, keys, LN_COUNT(keys)));
    const cJSON *select = cJSON_GetObjectItemCaseSensitive(each, "select");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(each, "parameters");
    if (!cJSON_IsString(select)) return wrong(r, "select", "a selector is wanted");
    if (!parameters) return wrong(r, "parameters", "an object is wanted");
    snprintf(r->place, sizeof r->place, "stages[%d].layers[%d].parameters", stage, index);
    LN_TRY(read_parameters(r, parameters, select->valuestring));
  }
  return LN_OK;
}

static ln_status read_stage(reader *r, const cJSON *stage, int32_t index) {
  static const char *const keys[] = {"technique", "parameters", "include", "exclude", "layers"};
  snprintf(r->place, sizeof r->place, "stages[%d]", index);
  LN_TRY(check_keys(r, stage, keys, LN_COUNT(keys)));
  const cJSON *technique = cJSON_GetObjectItemCaseSensitive(stage, "technique");
  if (!cJSON_IsString(technique)) return wrong(r, "technique", "the name of a technique is wanted");
  LN_TRY(at_place(r, "technique", ln_recipe_add(r->recipe, technique->valuestring, r->err)));
  snprintf(r->place, sizeof r->place, "stages[%d].parameters", index);
  LN_TRY(read_parameters(r, cJSON_GetObjectItemCaseSensitive(stage, "parameters"), NULL));
  snprintf(r->place, sizeof r->place, "stages[%d].include", index);
  LN_TRY(read_selectors(r, cJSON_GetObjectItemCaseSensitive(stage, "include"), ln_recipe_include));
  snprintf(r->place, sizeof r->place, "stages[%d].exclude", index);
  LN_TRY(read_selectors(r, cJSON_GetObjectItemCaseSensitive(stage, "exclude"), ln_recipe_exclude));
  snprintf(r->place, sizeof r->place, "stages[%d].layers", index);
  return read_layers(r, cJSON_GetObjectItemCaseSensitive(stage, "layers"), index);
}

static ln_status read_stages(reader *r, const cJSON *root) {
  static const char *const keys[] = {"$schema", "stages"};
  LN_TRY(check_keys(r, root, keys, LN_COUNT(keys)));
  const cJSON *stages = cJSON_GetObjectItemCaseSensitive(root, "stages");
  if (!cJSON_IsArray(stages)) return wrong(r, "stages", "a list of stages is wanted");
  if (!stages->child) return wrong(r, "stages", "there is none");
  int32_t index = 0;
  for (const cJSON *each = stages->child; each; each = each->next) LN_TRY(read_stage(r, each, index++));
  return LN_OK;
}

/* The whole text must be one value; says in which line it is not. */
static ln_status parse(const char *text, size_t size, ln_error *err, cJSON **out) {
  const char *end = text;
  *out = size > 0 ? cJSON_ParseWithLengthOpts(text, size, &end, false) : NULL;
  while (*out && end < text + size && strchr(" \t\r\n", *end) && *end) end++;
  if (*out && (end == text + size || *end == 0)) return LN_OK;
  int32_t line = 1;
  for (const char *at = text; at < end && at < text + size; at++) line += *at == '\n';
  cJSON_Delete(*out);
  *out = NULL;
  return ln_fail(err, LN_ERR_FORMAT, "not JSON: line %d cannot be read", line);
}

ln_status ln_recipe_from_json(const char *text, size_t size, ln_error *err, ln_recipe **out) {
  if (!text || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a text and a place for the recipe");
  *out = NULL;
  cJSON *root = NULL;
  LN_TRY(parse(text, size, err, &root));
  reader r = {.err = err};
  ln_status status = ln_recipe_create(err, &r.recipe);
  if (status == LN_OK) status = read_stages(&r, root);
  if (status == LN_OK) *out = r.recipe;
  else ln_recipe_destroy(r.recipe);
  cJSON_Delete(root);
  return status;
}

#else

const char *ln_json_library(void) { return NULL; }

ln_status ln_recipe_from_json(const char *text, size_t size, ln_error *err, ln_recipe **out) {
  (void)text, (void)size;
  if (out) *out = NULL;
  return ln_fail(err, LN_ERR_FEATURE, "this build reads no recipes: built without libcjson or without the optimizer");
}

#endif

ln_status ln_recipe_read(const char *path, ln_error *err, ln_recipe **out) {
  if (!path || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a path and a place for the recipe");
  *out = NULL;
  char *text = NULL;
  size_t size = 0;
  ln_status status = ln_io_read(path, err, &text, &size);
  if (status == LN_OK) status = ln_recipe_from_json(text, size, err, out);
  if (status != LN_OK) ln_error_prefix(err, "%s", path);
  ln_io_free(text);
  return status;
}
