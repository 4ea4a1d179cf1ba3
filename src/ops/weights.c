/* Unpacking constant weights: sparse, int4, and int4 in blocks with scales of their own. */
#include "ops/weights.h"

#include <math.h>

#include "ops/densify.h"

void ln_weights_free(ln_weights *weights) {
  ln_free(weights->owned);
  *weights = (ln_weights){NULL, NULL};
}

/* Value `index` of packed int4: the low half of a byte comes first. */
static int8_t int4_at(const uint8_t *data, size_t index) {
  const int32_t half = index % 2 == 0 ? data[index / 2] & 15 : data[index / 2] >> 4;
  return (int8_t)(half < 8 ? half : half - 16);
}

static float half_to_float(uint16_t half) {
  const int32_t exponent = half >> 10 & 31;
  const int32_t fraction = half & 1023;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexpf((float)fraction, -24);
  return sign * ldexpf((float)(1024 + fraction), exponent - 25);
}

static ln_status unpack_int4(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  size_t count;
  if (!ln_shape_elements(&tensor->shape, &count))
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights of unknown shape");
  int8_t *values = ln_alloc(count);
  if (values == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for unpacked weights");
  for (size_t i = 0; i < count; ++i) values[i] = int4_at(tensor->data, i);
  *out = (ln_weights){values, values};
  return LN_OK;
}

/* The tensor of scales [rows, columns / block_size], or why it does not serve. */
static ln_status block_scales(const ln_node *node, const ln_tensor *tensor, ln_error *err, const ln_tensor **out) {
  const ln_quant *quant = tensor->quant;
  if (tensor->type != LN_INT4 || tensor->shape.rank != 2 || tensor->shape.dims[1] % quant->block_size != 0) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "weights \"%s\" in blocks must be int4 matrices of whole blocks",
                        tensor->name);
  }
  if (quant->zero_points_tensor >= 0) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "weights \"%s\" have a zero point for each block", tensor->name);
  }
  if (quant->scales_tensor < 0 || quant->scales_tensor >= node->tensor_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\" name no tensor of scales", tensor->name);
  }
  const ln_tensor *scales = &node->tensors[quant->scales_tensor];
  const size_t wanted = ln_shape_span(&tensor->shape, 0, 2) / (size_t)quant->block_size;
  size_t count;
  if ((scales->type != LN_FLOAT16 && scales->type != LN_FLOAT32) || !ln_tensor_const_data(scales) ||
      !ln_shape_elements(&scales->shape, &count) || count != wanted) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "scales \"%s\" must be %zu constant floats", scales->name, wanted);
  }
  *out = scales;
  return LN_OK;
}

static ln_status unpack_blocks(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  const ln_tensor *scales = NULL;
  LN_TRY(block_scales(node, tensor, err, &scales));
  const size_t count = ln_shape_span(&tensor->shape, 0, 2);
  const size_t block = (size_t)tensor->quant->block_size;
  float *values = ln_alloc_array(count, sizeof *values);
  if (values == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for unpacked weights");
  for (size_t i = 0; i < count; ++i) {
    const float scale = scales->type == LN_FLOAT32 ? ((const float *)scales->data)[i / block]
                                                   : half_to_float(((const uint16_t *)scales->data)[i / block]);
    values[i] = scale * (float)int4_at(tensor->data, i);
  }
  *out = (ln_weights){values, values};
  return LN_OK;
}

static ln_status unpack_sparse(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  size_t bytes;
  const char *reason = "";
  if (tensor->type == LN_INT4) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "sparse int4 weights");
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes))
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights of unknown shape");
  void *dense = ln_alloc(bytes);
  if (dense == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for dense weights");
  *out = (ln_weights){dense, dense};
  if (ln_densify(tensor, dense, &reason)) return LN_OK;
  ln_weights_free(out);
  return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\": %s", tensor->name, reason);
}

ln_status ln_weights_open(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  if (tensor->sparsity != NULL) return unpack_sparse(node, tensor, err, out);
  if (tensor->quant->kind == LN_QUANT_BLOCKWISE) return unpack_blocks(node, tensor, err, out);
  if (tensor->type == LN_INT4) return unpack_int4(node, tensor, err, out);
  *out = (ln_weights){tensor->data, NULL};
  return LN_OK;
}
