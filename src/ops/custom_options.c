/* Reading the options of custom operators: see ops/custom_options.h. */
#include "ops/custom_options.h"

#include <math.h>

ln_status ln_custom_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out) {
  if (!ln_flex_int(ln_custom_flex(node), key, out)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or no integer", key);
  }
  if (*out >= low && *out <= high) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is %lld, must be in [%lld, %lld]", key, (long long)*out,
                      (long long)low, (long long)high);
}

ln_status ln_custom_float(const ln_node *node, ln_error *err, const char *key, float *out) {
  double value;
  if (!ln_flex_float(ln_custom_flex(node), key, &value) || !isfinite(value)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or no finite number", key);
  }
  *out = (float)value;
  return LN_OK;
}

ln_status ln_custom_bool(const ln_node *node, ln_error *err, const char *key, bool *out) {
  if (ln_flex_bool(ln_custom_flex(node), key, out)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or no boolean", key);
}
