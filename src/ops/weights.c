/* Reading weights: sparse, by table, of half precision, packed into four or two bits, quantized in blocks. */
#include "ops/weights.h"

#include <string.h>

#include "kernels/convert.h"
#include "ops/densify.h"
#include "ops/elementwise.h"

#define HAS_PACKED (LN_HAS(LN_INT4) || LN_HAS(LN_INT2) || LN_HAS(LN_UINT4))

ln_type ln_weights_plain_type(const ln_tensor *tensor) {
  if (LN_HAS_BLOCKWISE && tensor->quant->kind == LN_QUANT_BLOCKWISE) return LN_FLOAT32;
  switch (tensor->type) {
    case LN_INT8:
    case LN_INT4:
    case LN_INT2: return LN_INT8;
    case LN_UINT8:
    case LN_UINT4: return LN_UINT8;
    default: return LN_FLOAT32;
  }
}

/* Rows of sparse weights, dense, that were read last. */
typedef struct ln_weights_band {
  ln_densify_rows rows;
  int32_t at; /* -1: none */
  void *data;
} ln_weights_band;

void ln_weights_close(ln_weights *weights) {
  if (!LN_HAS_SPARSE) return;
  if (weights->band != NULL) ln_free(weights->band->data);
  ln_free(weights->band);
  ln_free(weights->owned);
  weights->band = NULL;
  weights->owned = NULL;
}

/* Whether what is stored are numbers of values; sparse ones are looked up when they are opened. */
static bool by_table(const ln_weights *weights) {
  return LN_HAS_CODEBOOKS && weights->tensor->codebook != NULL && weights->owned == NULL;
}

bool ln_weights_is_plain(const ln_weights *weights) {
  return weights->plain == weights->tensor->type && (!LN_HAS_SPARSE || weights->band == NULL) && !by_table(weights);
}

/* Something that tells encodings of the same data apart. */
static uintptr_t sparsity_place(const ln_tensor *tensor) {
  uintptr_t sum = 0;
  for (uint32_t i = 0; tensor->sparsity != NULL && i < tensor->sparsity->dim_metadata.count; ++i) {
    const ln_dimension_metadata *level = tensor->sparsity->dim_metadata.data[i];
    const ln_uint8_vector *indices = level->array_indices; /* each kind of vector begins alike */
    if (indices != NULL) sum = sum * 31 + (uintptr_t)indices->values.data - (uintptr_t)tensor->data;
  }
  return sum * 2 + (tensor->sparsity != NULL);
}

int64_t ln_weights_form(const ln_weights *weights) {
  /* How far apart data lies is the same wherever a file is mapped: weight_cache.c looks packed weights up by it. */
  const uintptr_t scales =
      weights->scales == NULL ? 0 : (uintptr_t)weights->scales->data - (uintptr_t)weights->tensor->data;
  const uintptr_t sparsity = sparsity_place(weights->tensor);
  const ln_codebook *book = weights->tensor->codebook;
  const uintptr_t table = book == NULL ? 0 : (uintptr_t)book->values - (uintptr_t)weights->tensor->data;
  return (int64_t)((((uint64_t)scales * 31 + (uint64_t)sparsity) * 31 + (uint64_t)table) * 32 +
                   (uint64_t)weights->tensor->type);
}

/* One number for each block: `what` is named in the message. */
static ln_status block_numbers(const ln_node *node, const ln_tensor *weights, int32_t index, const char *what,
                               ln_error *err, const ln_tensor **out) {
  if (index < 0 || index >= node->tensor_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\" name no tensor of %s", weights->name, what);
  }
  const ln_tensor *numbers = &node->tensors[index];
  const ln_shape *shape = &weights->shape;
  const size_t wanted = ln_shape_span(shape, 0, shape->rank) / (size_t)weights->quant->block_size;
  size_t count;
  if (!ln_tensor_const_data(numbers) || numbers->sparsity != NULL || numbers->codebook != NULL ||
      !ln_shape_elements(&numbers->shape, &count) || count != wanted) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%s \"%s\" must be %zu constants", what, numbers->name, wanted);
  }
  *out = numbers;
  return LN_OK;
}

static ln_status open_blocks(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  const ln_quant *quant = tensor->quant;
  if (!ln_blocks_fit(&tensor->shape, quant->block_size)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\" are not made of whole blocks", tensor->name);
  }
  if (tensor->type != LN_INT8 && tensor->type != LN_INT4 && tensor->type != LN_INT2) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "%s weights \"%s\" in blocks", ln_type_name(tensor->type),
                        tensor->name);
  }
  LN_TRY(block_numbers(node, tensor, quant->scales_tensor, "scales", err, &out->scales));
  const ln_type scales = out->scales->type;
  if (scales != LN_FLOAT32 && scales != LN_FLOAT16 && scales != LN_BFLOAT16) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "scales \"%s\" are no floats", out->scales->name);
  }
  if (quant->zero_points_tensor < 0) return LN_OK;
  LN_TRY(block_numbers(node, tensor, quant->zero_points_tensor, "zero points", err, &out->zero_points));
  const ln_type zeros = out->zero_points->type;
  if (zeros != LN_INT8 && zeros != LN_UINT8 && zeros != LN_INT16 && zeros != LN_INT32 && zeros != LN_INT64) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "zero points of %s", ln_type_name(zeros));
  }
  return LN_OK;
}

static ln_status open_sparse(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  size_t bytes;
  const char *reason = "";
  if (ln_type_bits(tensor->type) < 8) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "sparse %s weights", ln_type_name(tensor->type));
  }
  if (!ln_tensor_const_data(tensor) || !ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "sparse weights \"%s\" are no constant", tensor->name);
  }
  out->owned = ln_alloc(bytes);
  out->data = out->owned;
  if (out->owned == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for dense weights");
  if (ln_densify(tensor, out->owned, &reason)) return LN_OK;
  ln_weights_close(out);
  return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\": %s", tensor->name, reason);
}

/* Leaves `out` without a band where the encoding is no list of rows. Its lists were verified with the graph. */
static ln_status open_band(const ln_node *node, ln_error *err, ln_weights *out) {
  ln_densify_rows rows;
  if (!ln_densify_rows_open(out->tensor, &rows) || rows.bands == 1) return LN_OK;
  out->band = ln_alloc(sizeof *out->band);
  if (out->band == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for dense weights");
  *out->band = (ln_weights_band){rows, -1, ln_alloc(rows.band_bytes)};
  if (out->band->data != NULL) return LN_OK;
  ln_weights_close(out);
  return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for dense weights");
}

ln_status ln_weights_open_rows(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  if (!LN_HAS_SPARSE) return ln_weights_open(node, tensor, err, out);
  *out = (ln_weights){.tensor = tensor, .plain = ln_weights_plain_type(tensor)};
  const bool whole =
      tensor->quant->kind == LN_QUANT_BLOCKWISE || ln_type_bits(tensor->type) < 8 || tensor->codebook != NULL;
  if (tensor->sparsity != NULL && !whole && ln_tensor_const_data(tensor)) LN_TRY(open_band(node, err, out));
  return out->band != NULL ? LN_OK : ln_weights_open(node, tensor, err, out);
}

ln_status ln_weights_open(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out) {
  *out = (ln_weights){.tensor = tensor, .data = tensor->data, .plain = ln_weights_plain_type(tensor)};
  const bool blocks = tensor->quant->kind == LN_QUANT_BLOCKWISE, sparse = tensor->sparsity != NULL;
  if ((blocks && !LN_HAS_BLOCKWISE) || (sparse && !LN_HAS_SPARSE)) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "%s weights are left out of this build",
                        blocks ? "blockwise" : "sparse");
  }
  if (LN_HAS_BLOCKWISE && blocks) LN_TRY(open_blocks(node, tensor, err, out));
  return LN_HAS_SPARSE && sparse ? open_sparse(node, tensor, err, out) : LN_OK;
}

/* ---- reading ---- */

static float float_at(const ln_tensor *tensor, size_t index) {
  switch (tensor->type) {
    case LN_FLOAT32: return ((const float *)tensor->data)[index];
    case LN_FLOAT16: return ln_k_half_to_float(((const uint16_t *)tensor->data)[index]);
    default: return ln_k_bfloat_to_float(((const uint16_t *)tensor->data)[index]);
  }
}

static float zero_at(const ln_tensor *tensor, size_t index) {
  float value = 0.0f;
  if (tensor == NULL) return value;
  ln_k_cast((const char *)tensor->data + index * ln_type_bytes(tensor->type), ln_number_of(tensor->type), &value,
            LN_NUMBER_F32, 1);
  return value;
}

static void read_bytes(const ln_weights *weights, size_t first, size_t count, int8_t *to) {
  const int32_t bits = ln_type_bits(weights->tensor->type);
  if (by_table(weights)) ln_codebook_read(weights->tensor, first, count, to);
  else if (!HAS_PACKED || bits == 8) memcpy(to, (const int8_t *)weights->data + first, count);
  else ln_k_unpack_bits(weights->data, first, count, bits, weights->tensor->type != LN_UINT4, to);
}

/* Block by block, a short stretch of stored values at a time. */
static void read_blocks(const ln_weights *weights, size_t first, size_t count, float *to) {
  const size_t block = (size_t)weights->tensor->quant->block_size;
  int8_t values[64];
  while (count > 0) {
    const float scale = float_at(weights->scales, first / block);
    const float zero = zero_at(weights->zero_points, first / block);
    size_t part = block - first % block;
    part = part < count ? part : count;
    part = part < sizeof values ? part : sizeof values;
    read_bytes(weights, first, part, values);
    for (size_t i = 0; i < part; ++i) to[i] = scale * ((float)values[i] - zero);
    first += part;
    count -= part;
    to += part;
  }
}

static void read_stored(const ln_weights *weights, size_t first, size_t count, void *to);

/* Band by band. */
static void read_bands(const ln_weights *weights, size_t first, size_t count, char *to) {
  ln_weights_band *band = weights->band;
  const size_t items = band->rows.band_items, item = weights->plain == LN_FLOAT32 ? sizeof(float) : 1;
  ln_weights dense = *weights;
  dense.band = NULL;
  dense.data = band->data;
  while (count > 0) {
    const int32_t at = (int32_t)(first / items);
    const size_t left = items - first % items, part = left < count ? left : count;
    if (at != band->at) ln_densify_band(&band->rows, at, band->data);
    band->at = at;
    read_stored(&dense, first % items, part, to);
    first += part;
    count -= part;
    to += part * item;
  }
}

void ln_weights_read(const ln_weights *weights, size_t first, size_t count, void *to) {
  if (LN_HAS_SPARSE && weights->band != NULL) read_bands(weights, first, count, to);
  else read_stored(weights, first, count, to);
}

/* Floats by table: halves by way of a short stretch. */
static void read_looked_up(const ln_weights *weights, size_t first, size_t count, float *to) {
  const ln_tensor *tensor = weights->tensor;
  uint16_t halves[64];
  if (tensor->type == LN_FLOAT32) {
    ln_codebook_read(tensor, first, count, to);
    return;
  }
  for (size_t done = 0; done < count; done += LN_COUNT(halves)) {
    const size_t part = count - done < LN_COUNT(halves) ? count - done : LN_COUNT(halves);
    ln_codebook_read(tensor, first + done, part, halves);
    ln_k_cast(halves, ln_number_of(tensor->type), to + done, LN_NUMBER_F32, part);
  }
}

static void read_stored(const ln_weights *weights, size_t first, size_t count, void *to) {
  const ln_type type = weights->tensor->type;
  if (!LN_HAS(LN_FLOAT32) || weights->plain != LN_FLOAT32) {
    read_bytes(weights, first, count, to);
  } else if (LN_HAS_BLOCKWISE && weights->scales != NULL) {
    read_blocks(weights, first, count, to);
  } else if (by_table(weights)) {
    read_looked_up(weights, first, count, to);
  } else if (type == LN_FLOAT32) {
    memcpy(to, (const float *)weights->data + first, count * sizeof(float));
  } else if (LN_HAS(LN_FLOAT16) && type == LN_FLOAT16) {
    LN_KERNEL_OF(convert, f16_to_f32)((const uint16_t *)weights->data + first, to, count);
  } else if (LN_HAS(LN_BFLOAT16)) {
    ln_k_cast((const uint16_t *)weights->data + first, LN_NUMBER_BF16, to, LN_NUMBER_F32, count);
  }
}

ln_status ln_weights_unpack(const ln_node *node, ln_prep *prep, const ln_tensor *tensor, const void **out) {
  *out = NULL;
  if (!ln_tensor_const_data(tensor)) return LN_OK;
  ln_weights weights;
  size_t count, bytes;
  LN_TRY(ln_weights_open(node, tensor, prep->err, &weights));
  ln_status status = LN_OK;
  *out = weights.data;
  if (ln_weights_is_plain(&weights) && weights.owned == NULL) return LN_OK;
  bool fresh = false;
  const int64_t numbers[4] = {ln_weights_form(&weights), 0, 0, 0};
  if (!ln_shape_elements(&tensor->shape, &count) ||
      !ln_size_mul(count, weights.plain == LN_FLOAT32 ? sizeof(float) : 1, &bytes)) {
    status = LN_ERR_MEMORY;
    goto out;
  }
  void *block = ln_pack_cache_get_numbers(prep->cache, tensor->data, "unpacked", numbers, bytes, &fresh);
  if (block == NULL) status = LN_ERR_MEMORY;
  else if (fresh) ln_weights_read(&weights, 0, count, block);
  *out = block;
out:
  ln_weights_close(&weights);
  return status;
}
