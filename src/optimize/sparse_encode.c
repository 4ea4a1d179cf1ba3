/*
 * TFLite's sparse encoding: all dimensions but the last are walked densely, the last one (in blocks) by segments and
 * indices of what is held, and the inside of blocks densely again; or, turned, the first dimension is walked last.
 * ir/verify_sparse.c says what it means.
 */
#include <stdio.h>
#include <string.h>

#include "optimize/encode.h"
#include "passes/rewrite.h"

enum {
  OVERHEAD = 224,       /* bytes of the tables that say how a tensor is encoded */
  DENSIFY_OVERHEAD = 96 /* of an operator and the tensor it writes, without its name */
};

typedef struct cut {
  int32_t rows, columns;
  bool turned; /* the first dimension is the compressed one: not in blocks */
} cut;

typedef struct walk {
  const ln_tensor *tensor;
  cut block;
  size_t bytes;                /* of an element */
  int32_t rows, columns, rest; /* of the first and the last dimension, in blocks; of what lies between */
  size_t row_stride, middle_stride, column_stride; /* elements */
} walk;

/* False where the block does not fit the shape. */
static bool plan(const ln_tensor *tensor, cut block, walk *out) {
  const ln_shape *shape = &tensor->shape;
  const int32_t last = shape->dims[shape->rank - 1];
  if (shape->dims[0] % block.rows != 0 || last % block.columns != 0) return false;
  *out = (walk){.tensor = tensor, .block = block, .bytes = (size_t)ln_type_bits(tensor->type) / 8};
  out->rows = shape->dims[0] / block.rows;
  out->columns = last / block.columns;
  out->middle_stride = (size_t)last;
  out->row_stride = ln_shape_span(shape, 1, shape->rank);
  out->column_stride = 1;
  out->rest = (int32_t)ln_shape_span(shape, 1, shape->rank - 1);
  if (!block.turned) return true;
  out->columns = out->rows;
  out->rows = 1;
  out->rest = (int32_t)out->row_stride;
  out->column_stride = out->row_stride;
  out->middle_stride = 1;
  return true;
}

static bool is_zero(const walk *w, size_t at) {
  const void *data = w->tensor->data;
  if (w->tensor->type == LN_FLOAT32) return ((const float *)data)[at] == 0;
  if (w->tensor->type == LN_FLOAT16) return (((const uint16_t *)data)[at] & 0x7fff) == 0;
  return ((const int8_t *)data)[at] == 0;
}

static bool is_held(const walk *w, size_t at) {
  for (int32_t r = 0; r < w->block.rows; ++r)
    for (int32_t c = 0; c < w->block.columns; ++c)
      if (!is_zero(w, at + (size_t)r * w->row_stride + (size_t)c)) return true;
  return false;
}

/* Where the block begins that the walk meets at row `r`, `m` of what lies between, column `c`. */
static size_t start_of(const walk *w, int32_t r, int32_t m, int32_t c) {
  return (size_t)r * (size_t)w->block.rows * w->row_stride + (size_t)m * w->middle_stride +
         (size_t)c * (size_t)w->block.columns * w->column_stride;
}

/* The walk itself: with places to write to (or without), it returns how many blocks are held. */
static int64_t take(const walk *w, int32_t *segments, int32_t *indices, uint8_t *values) {
  int64_t held = 0, visit = 0;
  const uint8_t *data = w->tensor->data;
  if (segments != NULL) segments[0] = 0;
  for (int32_t r = 0; r < w->rows; ++r)
    for (int32_t m = 0; m < w->rest; ++m) {
      for (int32_t c = 0; c < w->columns; ++c) {
        const size_t at = start_of(w, r, m, c);
        if (!is_held(w, at)) continue;
        if (indices != NULL) indices[held] = c;
        for (int32_t i = 0; values != NULL && i < w->block.rows; ++i) {
          const size_t size = (size_t)w->block.columns * w->bytes;
          memcpy(values, data + (at + (size_t)i * w->row_stride) * w->bytes, size);
          values += size;
        }
        ++held;
      }
      ++visit;
      if (segments != NULL) segments[visit] = (int32_t)held;
    }
  return held;
}

static size_t width_of(int64_t highest) { return highest <= UINT8_MAX ? 1 : highest <= UINT16_MAX ? 2 : 4; }

/* Bytes of values and indices. */
static int64_t encoded_bytes(const walk *w, int64_t held) {
  const int64_t visits = (int64_t)w->rows * w->rest;
  return held * w->block.rows * w->block.columns * (int64_t)w->bytes + (visits + 1) * (int64_t)width_of(held) +
         held * (int64_t)width_of(w->columns - 1);
}

/* ---- writing ---- */

/* The narrowest vector that holds `count` numbers up to `highest`; its tag. NULL when memory is short. */
static const void *narrow(ln_arena *arena, const int32_t *from, size_t count, int64_t highest, uint8_t *tag) {
  const size_t width = width_of(highest);
  uint8_t *data = ln_arena_array(arena, count + 1, width);
  if (data == NULL) return NULL;
  for (size_t i = 0; i < count; ++i) {
    if (width == 1) data[i] = (uint8_t)from[i];
    else if (width == 2) ((uint16_t *)(void *)data)[i] = (uint16_t)from[i];
    else ((int32_t *)(void *)data)[i] = from[i];
  }
  /* The three tables have one field, a vector, alike. */
  ln_int32_vector *vector = ln_arena_alloc(arena, sizeof *vector);
  if (vector == NULL) return NULL;
  if (width == 1) ((ln_uint8_vector *)(void *)vector)->values.data = data;
  else if (width == 2) ((ln_uint16_vector *)(void *)vector)->values.data = (const uint16_t *)(void *)data;
  else vector->values.data = (const int32_t *)(void *)data;
  vector->values.count = (uint32_t)count;
  const ln_table_id table = width == 1   ? LN_TABLE_uint8_vector
                            : width == 2 ? LN_TABLE_uint16_vector
                                         : LN_TABLE_int32_vector;
  for (uint8_t i = 1; i <= 3; ++i) {
    if (ln_schema_union_member(LN_UNION_sparse_index_vector, i) == table) *tag = i;
  }
  return vector;
}

static bool add_level(ln_arena *arena, const void **levels, int32_t at, int32_t dense_size) {
  ln_dimension_metadata *level = ln_arena_alloc(arena, sizeof *level);
  levels[at] = level;
  if (level != NULL) level->dense_size = dense_size;
  return level != NULL;
}

/* The tables of an encoded tensor; NULL when memory is short. */
static const ln_sparsity_parameters *describe(ln_arena *arena, const walk *w, const int32_t *segments,
                                              const int32_t *indices, int64_t held) {
  const ln_shape *shape = &w->tensor->shape;
  const int32_t cuts = (w->block.rows > 1) + (w->block.columns > 1), count = shape->rank + cuts;
  ln_sparsity_parameters *out = ln_arena_alloc(arena, sizeof *out);
  const void **levels = ln_arena_array(arena, (size_t)count, sizeof *levels);
  int32_t *order = ln_arena_array(arena, (size_t)count, sizeof *order);
  int32_t *map = ln_arena_array(arena, (size_t)cuts + 1, sizeof *map);
  if (out == NULL || levels == NULL || order == NULL || map == NULL) return NULL;
  int32_t at = 0, mapped = 0;
  for (; at < shape->rank; ++at) {
    const int32_t dim = w->block.turned ? at + 1 : at, size = dim == 0 ? w->rows : shape->dims[dim % shape->rank];
    if (!add_level(arena, levels, at, at == shape->rank - 1 ? 0 : size)) return NULL;
  }
  if (w->block.rows > 1) {
    if (!add_level(arena, levels, at++, w->block.rows)) return NULL;
    map[mapped++] = 0;
  }
  if (w->block.columns > 1) {
    if (!add_level(arena, levels, at++, w->block.columns)) return NULL;
    map[mapped++] = shape->rank - 1;
  }
  for (int32_t i = 0; i < count; ++i) order[i] = w->block.turned ? (i + 1) % count : i;
  ln_dimension_metadata *last = (ln_dimension_metadata *)(uintptr_t)levels[shape->rank - 1];
  const size_t visits = (size_t)w->rows * (size_t)w->rest; /* elements of the tensor at most */
  last->format = 1;
  last->array_segments = narrow(arena, segments, visits + 1, held, &last->array_segments_type);
  last->array_indices = narrow(arena, indices, (size_t)held, w->columns - 1, &last->array_indices_type);
  if (last->array_segments == NULL || last->array_indices == NULL) return NULL;
  out->traversal_order.data = order;
  out->traversal_order.count = (uint32_t)count;
  out->block_map.data = map;
  out->block_map.count = (uint32_t)cuts;
  out->dim_metadata.data = levels;
  out->dim_metadata.count = (uint32_t)count;
  return out;
}

static ln_status encode(ln_optimizer *o, int32_t index, const walk *w, int64_t held) {
  ln_arena *arena = ln_optimizer_arena(o);
  ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[index];
  const size_t visits = (size_t)w->rows * (size_t)w->rest;
  const size_t size = (size_t)held * (size_t)w->block.rows * (size_t)w->block.columns * w->bytes;
  int32_t *segments = ln_alloc_array(visits + 1, sizeof *segments);
  int32_t *indices = ln_alloc_array((size_t)held + 1, sizeof *indices);
  uint8_t *values = ln_arena_array(arena, size + 1, 1);
  const ln_sparsity_parameters *sparsity = NULL;
  if (segments != NULL && indices != NULL && values != NULL) {
    take(w, segments, indices, values);
    sparsity = describe(arena, w, segments, indices, held);
  }
  ln_free(segments);
  ln_free(indices);
  if (sparsity == NULL) return ln_optimizer_no_memory(o);
  ln_edit_set_data(tensor, tensor->type, values, size);
  tensor->sparsity = sparsity;
  return LN_OK;
}

/* ---- readers ---- */

/* Whether any operator of LiteRT wants the constant dense; false in `*fit` where one takes no sparse constants. */
static bool needs_densify(const ln_graph *graph, int32_t tensor, bool stock, bool *fit) {
  bool needed = false;
  *fit = false;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] != tensor) continue;
      *fit = true;
      /* Its fully-connected kernels take some encodings, but its default delegate reads them as dense. */
      if (stock && !ln_op_is(op, LN_OP_DENSIFY)) needed = true;
      if (!stock && (op->def->flags & LN_OPF_TAKES_SPARSE) == 0) {
        *fit = false;
        return false;
      }
    }
  }
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == tensor) *fit = false;
  }
  return needed;
}

/* Readers take the constant through a DENSIFY before the first of them. */
static ln_status put_densify(ln_optimizer *o, int32_t tensor) {
  const ln_tensor *from = &ln_optimizer_graph(o)->tensors[tensor];
  char name[256];
  snprintf(name, sizeof name, "%.240s/dense", from->name);
  const int32_t dense = ln_edit_add_tensor(o, name, from->type, &from->shape, from->quant);
  if (dense < 0) return ln_optimizer_no_memory(o);
  ln_graph *graph = ln_optimizer_graph(o);
  int32_t first = -1;
  for (int32_t i = 0; i < graph->op_count; ++i)
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) {
      if (graph->ops[i].inputs[j] != tensor) continue;
      graph->ops[i].inputs[j] = dense;
      if (first < 0) first = i;
    }
  ln_op *op = ln_edit_insert_op(o, first, LN_OP_DENSIFY, 1, 1, NULL);
  if (op == NULL) return ln_optimizer_no_memory(o);
  op->inputs[0] = tensor;
  op->outputs[0] = dense;
  return LN_OK;
}

/* ---- choosing ---- */

static bool may_encode(const ln_tensor *tensor) {
  const bool type = tensor->type == LN_FLOAT32 || tensor->type == LN_FLOAT16 || tensor->type == LN_INT8;
  size_t bytes;
  if (!type || !ln_tensor_const_data(tensor) || tensor->sparsity != NULL || tensor->shape.rank < 2) return false;
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes) || bytes != tensor->bytes || bytes == 0) return false;
  if (bytes > INT32_MAX || tensor->quant->kind == LN_QUANT_BLOCKWISE) return false;
  for (int32_t i = 0; i < tensor->quant->count; ++i) {
    if (tensor->quant->zero_point[i] != 0) return false;
  }
  return true;
}

ln_status ln_sparse_encode(ln_optimizer *o, int32_t tensor, int32_t block_rows, int32_t block_columns, bool stock,
                           int64_t *saved) {
  static const cut tried[] = {{1, 1, false}, {1, 4, false}, {4, 1, false}, {1, 16, false}, {4, 4, false},
                              {1, 2, false}, {2, 1, false}, {1, 8, false}, {8, 1, false},  {1, 1, true}};
  const ln_graph *graph = ln_optimizer_graph(o);
  const ln_tensor *from = &graph->tensors[tensor];
  const cut said = {block_rows, block_columns, false};
  const bool given = block_rows > 0 && block_columns > 0;
  walk best = {0};
  int64_t least = INT64_MAX, held = 0;
  bool densify = false;
  *saved = 0;
  if (!may_encode(from)) return LN_OK;
  for (size_t i = 0; i < (given ? 1 : LN_COUNT(tried)); ++i) {
    walk w;
    bool fit;
    if ((stock && tried[i].turned) || !plan(from, given ? said : tried[i], &w)) continue;
    const bool needed = needs_densify(graph, tensor, stock, &fit);
    if (!fit) continue;
    const int64_t count = take(&w, NULL, NULL, NULL);
    const int64_t extra = needed ? DENSIFY_OVERHEAD + (int64_t)strlen(from->name) : 0;
    const int64_t bytes = encoded_bytes(&w, count) + OVERHEAD + extra;
    if (bytes >= least) continue;
    best = w, least = bytes, held = count, densify = needed;
  }
  if (least >= (int64_t)from->bytes) return LN_OK;
  *saved = (int64_t)from->bytes - least;
  LN_TRY(encode(o, tensor, &best, held));
  return densify ? put_densify(o, tensor) : LN_OK;
}
