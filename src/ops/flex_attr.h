/*
 * Attributes of Select-TF operators, from the NodeDef that stands in their options (ir/nodedef.h), with messages that
 * name the operator and the attribute. An attribute that equals its default may have been left out of the file: `out`
 * holds the default beforehand and keeps it then. LN_ERR_MODEL for one of another kind or out of range.
 */
#ifndef LN_OPS_FLEX_ATTR_H
#define LN_OPS_FLEX_ATTR_H

#include "ir/nodedef.h"
#include "ops/ops.h"

/* The NodeDef itself, for attributes that have no helper here. */
ln_status ln_attr_open(const ln_node *node, ln_error *err, ln_nodedef *out);

ln_status ln_attr_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out);
ln_status ln_attr_float(const ln_node *node, ln_error *err, const char *key, float *out);
ln_status ln_attr_bool(const ln_node *node, ln_error *err, const char *key, bool *out);
ln_status ln_attr_type(const ln_node *node, ln_error *err, const char *key, ln_type *out);
/* Bytes, not NUL-terminated, that live as long as the model. */
ln_status ln_attr_string(const ln_node *node, ln_error *err, const char *key, const char **text, size_t *length);
/* A string that must be one of `names` ([count]); *out is its index. */
ln_status ln_attr_choice(const ln_node *node, ln_error *err, const char *key, const char *const *names, int32_t count,
                         int32_t *out);
/* A list of at most `capacity` integers; *count is kept too when the attribute is absent. */
ln_status ln_attr_ints(const ln_node *node, ln_error *err, const char *key, int64_t *out, int32_t capacity,
                       int32_t *count);

/*
 * Fills the typed options of a row (LN_FLEX_OP of custom.def), defaults set already, from the operator's NodeDef: each
 * field from the attribute of its name, or of the name that TensorFlow gives it. Vectors are kept in `arena`.
 */
ln_status ln_flex_options_fill(const ln_op *op, ln_arena *arena, void *options, ln_error *err);

#endif
