/*
 * The check of TFLite's sparse encoding. A tensor of rank r, some of whose dimensions are cut into blocks, is walked
 * level by level in `traversal_order`: levels 0..r-1 are its dimensions (counted in blocks where they are cut), levels
 * r.. the insides of the blocks, `block_map` saying which dimension each of them cuts. A dense level visits all its
 * indices; a compressed one visits, for its n-th visit, indices[segments[n]] to indices[segments[n + 1]].
 */
#include "base/selection.h"
#include "ir/verify.h"

enum { DEEPEST = 2 * LN_MAX_RANK };

typedef struct index_vector {
  ln_table_id table;
  const void *data;
  uint32_t count;
} index_vector;

static bool open_indices(uint8_t tag, const void *vector, index_vector *out) {
  if (vector == NULL) return false;
  out->table = ln_schema_union_member(LN_UNION_sparse_index_vector, tag);
  if (out->table == LN_TABLE_int32_vector) {
    const ln_int32_vector *indices = vector;
    out->data = indices->values.data;
    out->count = indices->values.count;
  } else if (out->table == LN_TABLE_uint16_vector) {
    const ln_uint16_vector *indices = vector;
    out->data = indices->values.data;
    out->count = indices->values.count;
  } else if (out->table == LN_TABLE_uint8_vector) {
    const ln_uint8_vector *indices = vector;
    out->data = indices->values.data;
    out->count = indices->values.count;
  } else {
    return false;
  }
  return true;
}

static int64_t index_at(const index_vector *vector, size_t i) {
  if (vector->table == LN_TABLE_int32_vector) return ((const int32_t *)vector->data)[i];
  if (vector->table == LN_TABLE_uint16_vector) return ((const uint16_t *)vector->data)[i];
  return ((const uint8_t *)vector->data)[i];
}

/* Indices each level can take: extent[level], in the order of the walk. */
static ln_status find_extents(const ln_tensor *tensor, int32_t levels, int32_t *extent, ln_error *err) {
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  const int32_t rank = tensor->shape.rank;
  int32_t sizes[DEEPEST]; /* by dimension, then by block */
  int32_t place[DEEPEST]; /* the level of each */
  for (int32_t i = 0; i < levels; ++i) place[i] = -1;
  for (int32_t i = 0; i < levels; ++i) {
    const int32_t which = sparsity->traversal_order.data[i];
    if (which < 0 || which >= levels || place[which] >= 0) {
      return ln_fail(err, LN_ERR_MODEL, "its sparse levels are not an order of its dimensions");
    }
    place[which] = i;
  }
  for (int32_t i = 0; i < rank; ++i) sizes[i] = tensor->shape.dims[i];
  for (int32_t i = rank; i < levels; ++i) {
    const ln_dimension_metadata *block = sparsity->dim_metadata.data[place[i]];
    const int32_t cut = sparsity->block_map.data[i - rank];
    sizes[i] = block->dense_size;
    if (block->format != 0 || sizes[i] <= 0 || cut < 0 || cut >= rank || sizes[cut] % sizes[i] != 0) {
      return ln_fail(err, LN_ERR_MODEL, "its sparse blocks do not fit its shape");
    }
    sizes[cut] /= sizes[i];
  }
  for (int32_t i = 0; i < levels; ++i) extent[place[i]] = sizes[i];
  return LN_OK;
}

/* One compressed level, visited `*visits` times: the visits of the next level come back. */
static ln_status verify_compressed(const ln_dimension_metadata *level, int32_t extent, size_t *visits, ln_error *err) {
  index_vector segments, indices;
  if (!open_indices(level->array_segments_type, level->array_segments, &segments) ||
      !open_indices(level->array_indices_type, level->array_indices, &indices) || segments.count == 0 ||
      segments.count - 1 != *visits) {
    return ln_fail(err, LN_ERR_MODEL, "a sparse level lacks segments or indices");
  }
  int64_t last = 0;
  for (size_t i = 0; i < segments.count; ++i) {
    const int64_t segment = index_at(&segments, i);
    if (segment < last || segment > indices.count || (i == 0 && segment != 0)) {
      return ln_fail(err, LN_ERR_MODEL, "sparse segment %zu is out of order", i);
    }
    last = segment;
  }
  if (last != indices.count) return ln_fail(err, LN_ERR_MODEL, "its sparse segments leave indices out");
  for (size_t i = 0; i < indices.count; ++i) {
    const int64_t index = index_at(&indices, i);
    if (index < 0 || index >= extent) return ln_fail(err, LN_ERR_MODEL, "sparse index %zu is out of range", i);
  }
  *visits = indices.count;
  return LN_OK;
}

ln_status ln_sparsity_verify(const ln_tensor *tensor, ln_error *err) {
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  const uint32_t levels = sparsity->dim_metadata.count;
  const int32_t bits = ln_type_bits(tensor->type);
  int32_t extent[DEEPEST];
  if (!LN_HAS_SPARSE) return ln_fail(err, LN_ERR_UNSUPPORTED, "is sparse, which is left out of this build");
  if (levels > DEEPEST || sparsity->traversal_order.count != levels || levels < (uint32_t)tensor->shape.rank ||
      sparsity->block_map.count != levels - (uint32_t)tensor->shape.rank) {
    return ln_fail(err, LN_ERR_MODEL, "its sparse encoding does not fit its rank");
  }
  if (bits < 8) return ln_fail(err, LN_ERR_MODEL, "is sparse and of type %s", ln_type_name(tensor->type));
  LN_TRY(find_extents(tensor, (int32_t)levels, extent, err));
  size_t visits = 1, bytes;
  for (uint32_t i = 0; i < levels; ++i) {
    const ln_dimension_metadata *level = sparsity->dim_metadata.data[i];
    if (level->format == 1) {
      LN_TRY(verify_compressed(level, extent[i], &visits, err));
    } else if (level->format != 0 || level->dense_size != extent[i] ||
               !ln_size_mul(visits, (size_t)extent[i], &visits)) {
      return ln_fail(err, LN_ERR_MODEL, "dense level %u of its sparse encoding does not fit its shape", i);
    }
  }
  if (tensor->codebook != NULL) return ln_codebook_verify(tensor, visits, err);
  if (!ln_size_mul(visits, (size_t)bits / 8, &bytes) || bytes != tensor->bytes) {
    return ln_fail(err, LN_ERR_MODEL, "holds %zu bytes, where its sparse indices stand for %zu values", tensor->bytes,
                   visits);
  }
  return LN_OK;
}
