/* FlexBuffers for the options of custom operators: a map of numbers and texts. */
#ifndef LN_IMPORT_FLEX_WRITE_H
#define LN_IMPORT_FLEX_WRITE_H

#include "import/emit.h"

/* One option: a text, or a whole number (text NULL). */
typedef struct ln_flex_option {
  const char *key, *text;
  int32_t number;
  bool is_bool;
} ln_flex_option;

/* The map in the arena, keys in any order; NULL when memory is short. */
const uint8_t *ln_flex_write(ln_arena *arena, int32_t count, const ln_flex_option *options, size_t *size);

/* A custom operator with one output of the type, with such options. */
int32_t ln_emit_custom_options(ln_emit *e, const char *name, int32_t option_count, const ln_flex_option *options,
                               int32_t count, const int32_t *inputs, ln_type type);

#endif
