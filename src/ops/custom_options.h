/* Options of custom operators that must be there and in range: FlexBuffers maps, read with messages. */
#ifndef LN_OPS_CUSTOM_OPTIONS_H
#define LN_OPS_CUSTOM_OPTIONS_H

#include "ops/ops.h"

static inline ln_flex ln_custom_flex(const ln_node *node) {
  const ln_flex flex = {node->op->custom_options, node->op->custom_options_size};
  return flex;
}

/* LN_ERR_MODEL when `key` is absent, of another kind or outside [low, high]. */
ln_status ln_custom_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out);
ln_status ln_custom_float(const ln_node *node, ln_error *err, const char *key, float *out);
ln_status ln_custom_bool(const ln_node *node, ln_error *err, const char *key, bool *out);

#endif
