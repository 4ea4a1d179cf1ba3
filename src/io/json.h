/* Reading JSON through cJSON: what the readers of recipes and of models share. */
#ifndef LN_IO_JSON_H
#define LN_IO_JSON_H

#include "io/io.h"

#ifdef LN_HAVE_CJSON
#include <cjson/cJSON.h>

enum { LN_JSON_PLACE = 160 };

/* Where in the text the reader is, for messages: "stages[1].parameters". */
typedef struct ln_json_place {
  ln_error *err;
  char place[LN_JSON_PLACE];
} ln_json_place;

/* Puts the place before a message, whose own mention of `name` (may be NULL) it makes needless; the status as it came.
 */
ln_status ln_json_at(const ln_json_place *at, const char *name, ln_status status);
ln_status ln_json_wrong(const ln_json_place *at, const char *name, const char *what);
/* Whether `object` is one and holds only keys of the list (NULL: any), each once. */
ln_status ln_json_keys(const ln_json_place *at, const cJSON *object, const char *const *keys, size_t count);
/* A string, number or truth value as text; NULL for what is none. */
const char *ln_json_text(const cJSON *value, char *room, size_t size);
/* The whole text must be one value; says in which line it is not. */
ln_status ln_json_parse(const char *text, size_t size, ln_error *err, cJSON **out);

#endif
#endif
