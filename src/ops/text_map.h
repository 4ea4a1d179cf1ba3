/*
 * Operators that make something of each string by itself: the walk is shared (flex_strings.c), a row's variant says
 * which function makes the string, and other files bring functions of their own.
 */
#ifndef LN_OPS_TEXT_MAP_H
#define LN_OPS_TEXT_MAP_H

#include "ops/text_lists.h"

/*
 * Puts what `text` becomes to the string being made, without ending it. A string that is refused fails with a message;
 * short memory is the list's to remember.
 */
typedef ln_status (*ln_text_fn)(const ln_node *node, const void *context, ln_span text, ln_text_list *out,
                                ln_error *err);
/* Runs it over input 0 into output 0, which has the same shape. */
ln_status ln_text_map(const ln_node *node, ln_text_fn fn, const void *context, ln_error *err);

/* The same to numbers, as many as there are strings. */
typedef ln_status (*ln_text_number_fn)(const ln_node *node, const void *context, ln_span text, int64_t *out,
                                       ln_error *err);
ln_status ln_text_measure(const ln_node *node, ln_text_number_fn fn, const void *context, ln_error *err);

/* What is quoted in a message of a string: printable ASCII, at most `size` - 1 of it. */
void ln_text_excerpt(ln_span text, char *out, size_t size);

#endif
