/* Constants in TFLite's sparse encoding: one dimension compressed, walked innermost, the others dense in their order.
 */
#include <string.h>

#include "optimize/encode.h"

static bool is_zero(const ln_tensor *tensor, size_t i) {
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  const char *at = (const char *)tensor->data + i * item;
  if (tensor->type == LN_FLOAT32) return ((const float *)tensor->data)[i] == 0.0f;
  for (size_t b = 0; b < item; ++b) {
    if (at[b] != 0) return false;
  }
  return true;
}

/* Bytes an index below `limit` takes. */
static size_t width_of(size_t limit) { return limit <= 256 ? 1 : limit <= 65536 ? 2 : 4; }

bool ln_encode_sparse_form(const ln_tensor *tensor, ln_sparse_form *out) {
  size_t elements, best = SIZE_MAX;
  const bool symmetric = tensor->quant->count == 0 || (tensor->quant->count == 1 && tensor->quant->zero_point[0] == 0);
  if (ln_type_bits(tensor->type) < 8 || tensor->shape.rank < 2 || !symmetric || tensor->sparsity != NULL ||
      !ln_shape_elements(&tensor->shape, &elements) || elements == 0)
    return false;
  *out = (ln_sparse_form){.compressed = -1};
  for (size_t i = 0; i < elements; ++i) out->stored += !is_zero(tensor, i);
  for (int32_t d = 0; d < tensor->shape.rank; ++d) {
    const size_t extent = (size_t)tensor->shape.dims[d];
    const size_t bytes = out->stored * width_of(extent) + (elements / extent + 1) * width_of(out->stored + 1);
    if (extent < 2 || bytes >= best) continue;
    best = out->bytes = bytes;
    out->compressed = d;
  }
  return out->compressed >= 0;
}

/* A list being filled, of the narrowest type for numbers below `limit`. */
typedef struct list {
  void *data;
  size_t width;
  const void *vector; /* the schema's struct around it */
  uint8_t tag;
} list;

static bool make_list(ln_arena *arena, size_t count, size_t limit, list *out) {
  static const ln_table_id tables[] = {
      [1] = LN_TABLE_uint8_vector, [2] = LN_TABLE_uint16_vector, [4] = LN_TABLE_int32_vector};
  out->width = width_of(limit);
  out->data = ln_arena_array(arena, count + 1, out->width);
  ln_uint8_vector *vector = ln_arena_alloc(arena, sizeof *vector); /* each kind of vector begins alike */
  if (out->data == NULL || vector == NULL) return false;
  vector->values = (ln_vec_u8){out->data, (uint32_t)count};
  out->vector = vector;
  out->tag = (uint8_t)ln_schema_union_tag(LN_UNION_sparse_index_vector, tables[out->width]);
  return true;
}

static void put(const list *l, size_t at, size_t number) {
  if (l->width == 1) ((uint8_t *)l->data)[at] = (uint8_t)number;
  else if (l->width == 2) ((uint16_t *)l->data)[at] = (uint16_t)number;
  else ((int32_t *)l->data)[at] = (int32_t)number;
}

/* Stored values in the order of the walk, and where they stand. */
static void gather(const ln_tensor *tensor, const ln_sparse_form *form, size_t elements, const list *segments,
                   const list *indices, char *values) {
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8, extent = (size_t)tensor->shape.dims[form->compressed];
  const size_t stride = ln_shape_span(&tensor->shape, form->compressed + 1, tensor->shape.rank);
  size_t at = 0, visit = 0;
  for (size_t outer = 0; outer < elements; outer += extent * stride) {
    for (size_t inner = 0; inner < stride; ++inner) {
      put(segments, visit++, at);
      for (size_t i = 0; i < extent; ++i) {
        const size_t from = outer + i * stride + inner;
        if (is_zero(tensor, from)) continue;
        memcpy(values + at * item, (const char *)tensor->data + from * item, item);
        put(indices, at++, i);
      }
    }
  }
  put(segments, visit, at);
}

static bool make_levels(const ln_tensor *tensor, const ln_sparse_form *form, ln_arena *arena, const list *segments,
                        const list *indices, ln_sparsity_parameters *out) {
  const int32_t rank = tensor->shape.rank;
  int32_t *walk = ln_arena_array(arena, (size_t)rank, sizeof *walk), count = 0;
  ln_dimension_metadata *levels = ln_arena_array(arena, (size_t)rank, sizeof *levels);
  const void **all = ln_arena_array(arena, (size_t)rank, sizeof *all);
  if (walk == NULL || levels == NULL || all == NULL) return false;
  for (int32_t d = 0; d < rank; ++d) {
    if (d != form->compressed) walk[count++] = d;
  }
  walk[count] = form->compressed;
  for (int32_t i = 0; i < rank; ++i) {
    ln_schema_set_defaults(LN_TABLE_dimension_metadata, &levels[i]);
    levels[i].dense_size = tensor->shape.dims[walk[i]];
    all[i] = &levels[i];
  }
  ln_dimension_metadata *last = &levels[rank - 1];
  last->format = 1;
  last->dense_size = 0;
  last->array_segments_type = segments->tag;
  last->array_segments = segments->vector;
  last->array_indices_type = indices->tag;
  last->array_indices = indices->vector;
  ln_schema_set_defaults(LN_TABLE_sparsity_parameters, out);
  out->traversal_order = (ln_vec_i32){walk, (uint32_t)rank};
  out->dim_metadata = (ln_vec_ptr){all, (uint32_t)rank};
  return true;
}

ln_status ln_encode_sparse(const ln_optimizer *o, ln_tensor *tensor, const ln_sparse_form *form) {
  ln_arena *arena = ln_optimizer_arena(o);
  const size_t extent = (size_t)tensor->shape.dims[form->compressed], item = (size_t)ln_type_bits(tensor->type) / 8;
  list segments, indices;
  size_t elements;
  ln_sparsity_parameters *sparsity = ln_arena_alloc(arena, sizeof *sparsity);
  char *values = ln_arena_array(arena, form->stored + 1, item);
  if (sparsity == NULL || values == NULL || !ln_shape_elements(&tensor->shape, &elements) ||
      !make_list(arena, elements / extent + 1, form->stored + 1, &segments) ||
      !make_list(arena, form->stored, extent, &indices) ||
      !make_levels(tensor, form, arena, &segments, &indices, sparsity))
    return ln_optimizer_no_memory(o);
  gather(tensor, form, elements, &segments, &indices, values);
  ln_edit_set_data(tensor, tensor->type, values, form->stored * item);
  tensor->sparsity = sparsity;
  return LN_OK;
}
