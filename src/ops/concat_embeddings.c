/*
 * CONCAT_EMBEDDINGS: rows of several tables beside one another. TFLite registers no kernel and documents only the
 * options, from which this form follows: input 0 holds row numbers [batches, columns], and a table [rows, width]
 * follows for each channel. The first num_columns_per_channel[0] columns number rows of the first table, the next ones
 * of the second, and so on; the output [batches, sum of columns * width] holds the rows in the order of the columns.
 */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

static int32_t channels_of(const ln_node *node) { return node->in_count - 1; }

static int32_t columns_of(const ln_node *node, int32_t channel) {
  const ln_concat_embeddings_options *options = LN_OPTIONS(node, concat_embeddings_options);
  return options->num_columns_per_channel.data[channel];
}

static ln_status check_counts(const ln_node *node, ln_error *err) {
  const ln_concat_embeddings_options *options = LN_OPTIONS(node, concat_embeddings_options);
  const int32_t channels = channels_of(node);
  if (options->num_channels != channels || (int64_t)options->num_columns_per_channel.count != channels ||
      (options->embedding_dim_per_channel.count != 0 &&
       (int64_t)options->embedding_dim_per_channel.count != channels)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d tables, but options for %d channels", channels,
                        options->num_channels);
  }
  return LN_OK;
}

ln_status ln_concat_embeddings_infer(ln_node *node, ln_error *err) {
  const ln_concat_embeddings_options *options = LN_OPTIONS(node, concat_embeddings_options);
  const ln_shape *ids = &node->in[0]->shape;
  int64_t columns = 0, width = 0;
  if (ids->rank != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the row numbers must be a matrix");
  LN_TRY(check_counts(node, err));
  for (int32_t c = 0; c < channels_of(node); ++c) {
    const ln_shape *table = &node->in[1 + c]->shape;
    const int64_t count = columns_of(node, c);
    if (table->rank != 2 || count < 0 ||
        (options->embedding_dim_per_channel.count > 0 &&
         options->embedding_dim_per_channel.data[c] != table->dims[1])) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "table %d is not what the options say", c);
    }
    columns += count;
    width += count * table->dims[1];
    if (width > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "the rows are too long together");
  }
  if (columns != ids->dims[1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d columns of row numbers, %lld in the options", ids->dims[1],
                        (long long)columns);
  }
  const int32_t dims[2] = {ids->dims[0], (int32_t)width};
  const ln_shape shape = ln_shape_make(2, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_concat_embeddings_run(const ln_node *node, ln_exec *exec) {
  const int32_t *ids = node->in[0]->data;
  char *out = node->out[0]->data;
  for (int32_t b = 0; b < node->in[0]->shape.dims[0]; ++b) {
    for (int32_t c = 0; c < channels_of(node); ++c) {
      const ln_tensor *table = node->in[1 + c];
      const size_t bytes = (size_t)table->shape.dims[1] * ln_item_bytes(table); /* bounded: a row of a tensor */
      for (int32_t i = 0; i < columns_of(node, c); ++i) {
        const int32_t row = *ids++;
        if (row < 0 || row >= table->shape.dims[0]) {
          return ln_node_fail(node, exec->err, LN_ERR_DATA, "row %d of table %d of %d", row, c, table->shape.dims[0]);
        }
        if (bytes == 0) continue;
        memcpy(out, (const char *)table->data + (size_t)row * bytes, bytes);
        out += bytes;
      }
    }
  }
  return LN_OK;
}
