/* What readers of JSON share: values as texts, keys that are known, and the place of every mistake. */
#include "io/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#ifdef LN_HAVE_CJSON

#define TEXT_OF(x) #x
#define VERSION_OF(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *ln_json_library(void) {
  return "cJSON " VERSION_OF(CJSON_VERSION_MAJOR, CJSON_VERSION_MINOR, CJSON_VERSION_PATCH);
}

/* Puts the place before a message, whose own mention of `name` it makes needless. */
ln_status ln_json_at(const ln_json_place *at, const char *name, ln_status status) {
  if (status == LN_OK || !at->err) return status;
  const size_t length = name ? strlen(name) : 0;
  char *text = at->err->message;
  if (length > 0 && strncmp(text, name, length) == 0 && strncmp(text + length, ": ", 2) == 0) {
    memmove(text, text + length + 2, strlen(text + length + 2) + 1);
  }
  if (name) ln_error_prefix(at->err, "%s%s%.60s", at->place, at->place[0] ? "." : "", name);
  else if (at->place[0]) ln_error_prefix(at->err, "%s", at->place);
  return status;
}

ln_status ln_json_wrong(const ln_json_place *at, const char *name, const char *what) {
  return ln_json_at(at, name, ln_fail(at->err, LN_ERR_FORMAT, "%s", what));
}

/* Whether `object` is one and holds only keys of the list, each once. */
ln_status ln_json_keys(const ln_json_place *at, const cJSON *object, const char *const *keys, size_t count) {
  if (!cJSON_IsObject(object)) return ln_json_wrong(at, NULL, "an object is wanted");
  for (const cJSON *each = object->child; each; each = each->next) {
    bool known = keys == NULL;
    for (size_t i = 0; i < count && !known; i++) known = strcmp(each->string, keys[i]) == 0;
    if (!known) {
      char list[120] = "";
      for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", keys[i]);
      }
      return ln_json_at(at, NULL,
                        ln_fail(at->err, LN_ERR_FORMAT, "no key \"%.60s\": there are %s", each->string, list));
    }
    for (const cJSON *other = each->next; other; other = other->next) {
      if (strcmp(each->string, other->string) == 0) return ln_json_wrong(at, each->string, "said twice");
    }
  }
  return LN_OK;
}

/* A value as ln_recipe_set takes it; NULL for what is none. */
const char *ln_json_text(const cJSON *value, char *room, size_t size) {
  if (cJSON_IsString(value)) return value->valuestring;
  if (cJSON_IsBool(value)) return cJSON_IsTrue(value) ? "true" : "false";
  if (!cJSON_IsNumber(value)) return NULL;
  const double number = value->valuedouble;
  const bool whole = number == floor(number) && fabs(number) < 1e15;
  snprintf(room, size, whole ? "%.0f" : "%.17g", number);
  return room;
}

/* The whole text must be one value; says in which line it is not. */
ln_status ln_json_parse(const char *text, size_t size, ln_error *err, cJSON **out) {
  const char *end = text;
  *out = size > 0 ? cJSON_ParseWithLengthOpts(text, size, &end, false) : NULL;
  while (*out && end < text + size && strchr(" \t\r\n", *end) && *end) end++;
  if (*out && (end == text + size || *end == 0)) return LN_OK;
  int32_t line = 1;
  for (const char *c = text; c < end && c < text + size; c++) line += *c == '\n';
  cJSON_Delete(*out);
  *out = NULL;
  return ln_fail(err, LN_ERR_FORMAT, "not JSON: line %d cannot be read", line);
}

#else

const char *ln_json_library(void) { return NULL; }

#endif
