/*
 * EMBEDDING_LOOKUP: rows of a table (input 1) by number (input 0). A table of bytes, of parts of bytes or of short
 * floats may give floats.
 */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"
#include "ops/weights.h"

enum { CHUNK = 64 }; /* values that are turned into floats at a time */

ln_status ln_embedding_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[1]->shape;
  if (node->in[0]->shape.rank != 1 || shape.rank < 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs row numbers of one dimension and a table of two or more");
  }
  shape.dims[0] = node->in[0]->shape.dims[0];
  return ln_node_set_shape(node, 0, &shape, err);
}

static bool copies(const ln_node *node) { return node->out[0]->type == node->in[1]->type; }

ln_status ln_embedding_prepare(ln_node *node, ln_prep *prep) {
  const ln_tensor *table = node->in[1];
  const ln_quant *quant = table->quant;
  ln_weights weights;
  if (copies(node)) return LN_OK;
  LN_TRY(ln_weights_open(node, table, prep->err, &weights));
  ln_weights_close(&weights);
  if (weights.plain == LN_FLOAT32) return LN_OK;
  const bool by_row = quant->kind == LN_QUANT_AXIS && quant->axis == 0 && quant->count == table->shape.dims[0];
  if (quant->kind != LN_QUANT_TENSOR && !by_row) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the table must have one scale, or one for each row");
  }
  for (int32_t i = 0; table->type == LN_UINT8 && i < quant->count; ++i) {
    if (quant->zero_point[i] == 0) continue;
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a table of uint8 must have zero point 0");
  }
  return LN_OK;
}

/* Values [first, first + count) of row `row` as floats. Bytes are signed whatever the table's type says: so the
 * reference kernel takes them. */
static void read_floats(const ln_weights *weights, int32_t row, size_t first, size_t count, float *out) {
  const ln_quant *quant = weights->tensor->quant;
  int8_t bytes[CHUNK];
  if (weights->plain == LN_FLOAT32) {
    ln_weights_read(weights, first, count, out);
    return;
  }
  const int32_t at = quant->count > 1 ? row : 0;
  const float scale = quant->scale[at];
  const int32_t zero_point = (int32_t)quant->zero_point[at];
  ln_weights_read(weights, first, count, bytes);
  for (size_t i = 0; i < count; ++i) out[i] = (float)(bytes[i] - zero_point) * scale;
}

static void convert_row(const ln_weights *weights, int32_t row, size_t width, ln_tensor *out, size_t to) {
  float values[CHUNK];
  for (size_t i = 0; i < width; i += CHUNK) {
    const size_t count = width - i < CHUNK ? width - i : CHUNK;
    read_floats(weights, row, (size_t)row * width + i, count, values);
    if (out->type == LN_FLOAT32) memcpy((float *)out->data + to + i, values, count * sizeof(float));
    else LN_KERNEL_OF(convert, f32_to_f16)(values, (uint16_t *)out->data + to + i, count);
  }
}

/* Rows of packed elements need not begin at a byte. */
static void copy_packed(const ln_tensor *table, size_t first, size_t count, ln_tensor *out, size_t to) {
  const size_t bits = (size_t)ln_type_bits(table->type), per_byte = 8 / bits;
  const uint8_t mask = (uint8_t)((1U << bits) - 1U);
  const uint8_t *in = table->data;
  uint8_t *packed = out->data;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t value = in[(first + i) / per_byte] >> (first + i) % per_byte * bits & mask;
    const size_t shift = (to + i) % per_byte * bits;
    uint8_t *at = packed + (to + i) / per_byte;
    *at = (uint8_t)((*at & ~(mask << shift)) | (value << shift));
  }
}

ln_status ln_embedding_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *table = node->in[1];
  const int32_t *rows = node->in[0]->data;
  const size_t width = ln_shape_span(&table->shape, 1, table->shape.rank);
  const bool packed = copies(node) && ln_type_bits(table->type) < 8;
  const size_t bytes = copies(node) && !packed ? width * ln_item_bytes(table) : 0;
  if (packed && node->out[0]->bytes > 0) memset(node->out[0]->data, 0, node->out[0]->bytes);
  ln_weights weights = {.tensor = NULL};
  if (!copies(node)) LN_TRY(ln_weights_open(node, table, exec->err, &weights));
  for (int32_t i = 0; i < node->in[0]->shape.dims[0]; ++i) {
    if (rows[i] < 0 || rows[i] >= table->shape.dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "row %d of a table of %d", rows[i], table->shape.dims[0]);
    }
    if (packed) {
      copy_packed(table, (size_t)rows[i] * width, width, node->out[0], (size_t)i * width);
    } else if (!copies(node)) {
      convert_row(&weights, rows[i], width, node->out[0], (size_t)i * width);
    } else if (bytes > 0) {
      memcpy((char *)node->out[0]->data + (size_t)i * bytes, (const char *)table->data + (size_t)rows[i] * bytes,
             bytes);
    }
  }
  return LN_OK;
}
