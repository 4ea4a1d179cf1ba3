/* Tables of keys and values as resources hold them (host.h): found by hash, made anew when they change. */
#ifndef LN_OPS_TABLE_H
#define LN_OPS_TABLE_H

#include "ops/host.h"

/* What becomes of a key that the table has already. */
typedef enum ln_table_rule {
  LN_TABLE_FIRST_COUNTS,
  LN_TABLE_LAST_COUNTS,
  LN_TABLE_MUST_AGREE /* another value for it is refused */
} ln_table_rule;

/* The bytes of element `index` of a tensor: of strings, which were checked, or of a type of whole bytes. */
ln_span ln_table_element(const ln_tensor *tensor, size_t index);
/* The place of a key; -1 when the table does not have it. */
int32_t ln_table_find(const ln_hash_table *table, ln_span key);
/*
 * Adds keys and as many rows of values, `row` elements each (strings of both were checked); their types are the
 * table's. Takes time for the whole table.
 */
ln_status ln_table_insert(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, const ln_tensor *values,
                          size_t row, ln_table_rule rule, ln_error *err);
ln_status ln_table_remove(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, size_t row, ln_error *err);

#endif
