/*
 * Recipes of the optimizer as JSON: docs/recipe.schema.json says their form. Every mistake is told with its place,
 * "stages[1].parameters.sparsity: ...".
 */
#include <stdio.h>
#include <string.h>

#include "io/io.h"
#include "io/json.h"

#ifdef LN_HAVE_CJSON

typedef struct reader {
  ln_recipe *recipe;
  ln_json_place at;
} reader;

static ln_status read_parameters(reader *r, const cJSON *parameters, const char *selector) {
  if (!parameters) return LN_OK;
  LN_TRY(ln_json_keys(&r->at, parameters, NULL, 0));
  for (const cJSON *each = parameters->child; each; each = each->next) {
    char room[40];
    const char *text = ln_json_text(each, room, sizeof room);
    if (!text) return ln_json_wrong(&r->at, each->string, "a string, a number, true or false is wanted");
    const ln_status status = selector ? ln_recipe_set_for(r->recipe, selector, each->string, text, r->at.err)
                                      : ln_recipe_set(r->recipe, each->string, text, r->at.err);
    if (status != LN_OK) return ln_json_at(&r->at, each->string, status);
  }
  return LN_OK;
}

typedef ln_status (*select_fn)(ln_recipe *recipe, const char *selector, ln_error *err);

/* One selector, or a list of them. */
static ln_status read_selectors(reader *r, const cJSON *list, select_fn add) {
  if (!list) return LN_OK;
  if (cJSON_IsString(list)) return ln_json_at(&r->at, NULL, add(r->recipe, list->valuestring, r->at.err));
  if (!cJSON_IsArray(list)) return ln_json_wrong(&r->at, NULL, "a selector or a list of them is wanted");
  int32_t index = 0;
  for (const cJSON *each = list->child; each; each = each->next, index++) {
    char name[24];
    snprintf(name, sizeof name, "[%d]", index);
    const ln_status status = cJSON_IsString(each) ? add(r->recipe, each->valuestring, r->at.err)
                                                  : ln_fail(r->at.err, LN_ERR_FORMAT, "a selector is a string");
    if (status == LN_OK) continue;
    if (r->at.err) ln_error_prefix(r->at.err, "%s%s", r->at.place, name);
    return status;
  }
  return LN_OK;
}

static ln_status read_layers(reader *r, const cJSON *layers, int32_t stage) {
  static const char *const keys[] = {"select", "parameters"};
  if (!layers) return LN_OK;
  if (!cJSON_IsArray(layers)) return ln_json_wrong(&r->at, NULL, "a list is wanted");
  int32_t index = 0;
  for (const cJSON *each = layers->child; each; each = each->next, index++) {
    snprintf(r->at.place, sizeof r->at.place, "stages[%d].layers[%d]", stage, index);
    LN_TRY(ln_json_keys(&r->at, each, keys, LN_COUNT(keys)));
    const cJSON *select = cJSON_GetObjectItemCaseSensitive(each, "select");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(each, "parameters");
    if (!cJSON_IsString(select)) return ln_json_wrong(&r->at, "select", "a selector is wanted");
    if (!parameters) return ln_json_wrong(&r->at, "parameters", "an object is wanted");
    snprintf(r->at.place, sizeof r->at.place, "stages[%d].layers[%d].parameters", stage, index);
    LN_TRY(read_parameters(r, parameters, select->valuestring));
  }
  return LN_OK;
}

static ln_status read_stage(reader *r, const cJSON *stage, int32_t index) {
  static const char *const keys[] = {"technique", "parameters", "include", "exclude", "layers"};
  snprintf(r->at.place, sizeof r->at.place, "stages[%d]", index);
  LN_TRY(ln_json_keys(&r->at, stage, keys, LN_COUNT(keys)));
  const cJSON *technique = cJSON_GetObjectItemCaseSensitive(stage, "technique");
  if (!cJSON_IsString(technique)) return ln_json_wrong(&r->at, "technique", "the name of a technique is wanted");
  LN_TRY(ln_json_at(&r->at, "technique", ln_recipe_add(r->recipe, technique->valuestring, r->at.err)));
  snprintf(r->at.place, sizeof r->at.place, "stages[%d].parameters", index);
  LN_TRY(read_parameters(r, cJSON_GetObjectItemCaseSensitive(stage, "parameters"), NULL));
  snprintf(r->at.place, sizeof r->at.place, "stages[%d].include", index);
  LN_TRY(read_selectors(r, cJSON_GetObjectItemCaseSensitive(stage, "include"), ln_recipe_include));
  snprintf(r->at.place, sizeof r->at.place, "stages[%d].exclude", index);
  LN_TRY(read_selectors(r, cJSON_GetObjectItemCaseSensitive(stage, "exclude"), ln_recipe_exclude));
  snprintf(r->at.place, sizeof r->at.place, "stages[%d].layers", index);
  return read_layers(r, cJSON_GetObjectItemCaseSensitive(stage, "layers"), index);
}

static ln_status read_stages(reader *r, const cJSON *root) {
  static const char *const keys[] = {"$schema", "stages"};
  LN_TRY(ln_json_keys(&r->at, root, keys, LN_COUNT(keys)));
  const cJSON *stages = cJSON_GetObjectItemCaseSensitive(root, "stages");
  if (!cJSON_IsArray(stages)) return ln_json_wrong(&r->at, "stages", "a list of stages is wanted");
  if (!stages->child) return ln_json_wrong(&r->at, "stages", "there is none");
  int32_t index = 0;
  for (const cJSON *each = stages->child; each; each = each->next) LN_TRY(read_stage(r, each, index++));
  return LN_OK;
}

ln_status ln_recipe_from_json(const char *text, size_t size, ln_error *err, ln_recipe **out) {
  if (!text || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a text and a place for the recipe");
  *out = NULL;
  cJSON *root = NULL;
  LN_TRY(ln_json_parse(text, size, err, &root));
  reader r = {.at = {.err = err}};
  ln_status status = ln_recipe_create(err, &r.recipe);
  if (status == LN_OK) status = read_stages(&r, root);
  if (status == LN_OK) *out = r.recipe;
  else ln_recipe_destroy(r.recipe);
  cJSON_Delete(root);
  return status;
}

#else

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
