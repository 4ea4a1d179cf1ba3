/* Strings as operators see them: verified, one by one, and written anew. */
#ifndef LN_OPS_STRINGS_H
#define LN_OPS_STRINGS_H

#include "kernels/utf8.h"
#include "ops/ops.h"

/* Checks the data of string input `input` (any other type passes): before ln_string_at, in every run. */
ln_status ln_node_check_strings(const ln_node *node, int32_t input, ln_error *err);

/* The bytes of one string, inside its tensor's data. */
static inline ln_span ln_string_at(const ln_tensor *tensor, size_t index) {
  const int32_t *offsets = (const int32_t *)tensor->data + 1 + index;
  return (ln_span){(const char *)tensor->data + offsets[0], (size_t)(offsets[1] - offsets[0])};
}

/*
 * Gives string output `index` of a node, of `shape`, its data: element i is at(context, i), which is asked twice. For
 * run functions.
 */
ln_status ln_node_give_strings(const ln_node *node, int32_t index, const ln_shape *shape,
                               ln_span (*at)(const void *context, size_t i), const void *context, ln_error *err);

#endif
