/* EMBEDDING_LOOKUP: rows of a table (input 1) by number (input 0). A table of bytes may give floats. */
#include <string.h>

#include "ops/rows.h"

ln_status ln_embedding_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[1]->shape;
  if (node->in[0]->shape.rank != 1 || shape.rank < 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs row numbers of one dimension and a table of two or more");
  }
  shape.dims[0] = node->in[0]->shape.dims[0];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_embedding_prepare(ln_node *node, ln_prep *prep) {
  const ln_quant *quant = node->in[1]->quant;
  if (node->out[0]->type == node->in[1]->type) return LN_OK;
  const bool by_row = quant->kind == LN_QUANT_AXIS && quant->axis == 0 && quant->count == node->in[1]->shape.dims[0];
  if (quant->kind == LN_QUANT_TENSOR || by_row) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the table must have one scale, or one for each row");
}

/* Bytes are signed whatever the table's type says: so the reference kernel takes them. */
static void dequantize_row(const ln_tensor *table, int32_t row, size_t width, float *out) {
  const size_t first = (size_t)row * width;
  const float scale = table->quant->scale[table->quant->count > 1 ? row : 0];
  for (size_t i = 0; i < width; ++i) {
    out[i] = (float)((const int8_t *)table->data)[first + i] * scale;
  }
}

ln_status ln_embedding_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *table = node->in[1];
  const int32_t *rows = node->in[0]->data;
  const size_t width = ln_shape_span(&table->shape, 1, table->shape.rank);
  const size_t item = (size_t)ln_type_bits(node->out[0]->type) / 8;
  for (int32_t i = 0; i < node->in[0]->shape.dims[0]; ++i) {
    if (rows[i] < 0 || rows[i] >= table->shape.dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "row %d of a table of %d", rows[i], table->shape.dims[0]);
    }
    char *out = (char *)node->out[0]->data + (size_t)i * width * item;
    if (node->out[0]->type != table->type) {
      dequantize_row(table, rows[i], width, (float *)(void *)out);
    } else if (width > 0) {
      memcpy(out, (const char *)table->data + (size_t)rows[i] * width * item, width * item);
    }
  }
  return LN_OK;
}
