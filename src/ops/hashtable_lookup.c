/* HASHTABLE_LOOKUP: rows of a table (input 2) found by their keys (input 1, rising); zeros where there is none. */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_hashtable_lookup_infer(ln_node *node, ln_error *err) {
  const ln_shape *wanted = &node->in[0]->shape, *keys = &node->in[1]->shape;
  ln_shape shape = node->in[2]->shape;
  if (wanted->rank != 1 || keys->rank != 1 || shape.rank < 1 || shape.dims[0] != keys->dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs lists of keys and a row for each key of the table");
  }
  shape.dims[0] = wanted->dims[0];
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, wanted, err);
}

/* The place of `key`; -1 when it is not there. */
static int32_t find(const int32_t *keys, int32_t count, int32_t key) {
  int32_t low = 0, high = count;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (keys[middle] == key) return middle;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return -1;
}

ln_status ln_hashtable_lookup_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_tensor *table = node->in[2];
  const size_t bytes = ln_shape_span(&table->shape, 1, table->shape.rank) * ln_item_bytes(table);
  const int32_t *wanted = node->in[0]->data;
  uint8_t *hits = node->out[1]->data;
  for (int32_t i = 0; i < node->in[0]->shape.dims[0]; ++i) {
    const int32_t row = find(node->in[1]->data, table->shape.dims[0], wanted[i]);
    hits[i] = row >= 0;
    if (bytes == 0) continue;
    char *out = (char *)node->out[0]->data + (size_t)i * bytes;
    if (row >= 0) memcpy(out, (const char *)table->data + (size_t)row * bytes, bytes);
    else memset(out, 0, bytes);
  }
  return LN_OK;
}
