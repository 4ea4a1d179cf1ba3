/* What Select-TF operators on variables and tables share: the key in their NodeDef, and a variable that holds a value.
 */
#ifndef LN_OPS_FLEX_RESOURCE_H
#define LN_OPS_FLEX_RESOURCE_H

#include "ops/flex_attr.h"
#include "ops/host.h"
#include "ops/strings.h"
#include "ops/table.h"

/* From the attributes container and shared_name; the anonymous name, and with `nameless_is_own` none, is the
 * operator's own resource. */
ln_status ln_flex_resource_key(const ln_node *node, ln_error *err, bool nameless_is_own, ln_resource_key *out);

/* The variable behind handle `input`, which must hold a value of `type`. */
ln_status ln_flex_variable(const ln_node *node, int32_t input, ln_type type, ln_error *err, ln_tensor **out);

/* The table of input 0, which a Select-TF operator made. */
ln_status ln_flex_table(const ln_node *node, ln_error *err, ln_hash_table **out);
/* Fills a table that is filled once. */
ln_status ln_flex_table_fill(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, const ln_tensor *values,
                             ln_error *err);

#endif
