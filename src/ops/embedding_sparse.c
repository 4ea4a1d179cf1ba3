/*
 * EMBEDDING_LOOKUP_SPARSE: weighted rows of a table (input 4) added up by the place that each belongs to. Inputs are
 * the rows' numbers [n], the places [n, k], of which all but the last number count, the places' extents [k], and
 * weights [n].
 */
#include <math.h>
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

enum { IN_ROWS, IN_PLACES, IN_EXTENTS, IN_WEIGHTS, IN_TABLE };
enum { COMBINE_SUM, COMBINE_MEAN, COMBINE_ROOT };

ln_status ln_embedding_sparse_infer(ln_node *node, ln_error *err) {
  const ln_shape *rows = &node->in[IN_ROWS]->shape, *places = &node->in[IN_PLACES]->shape;
  const ln_shape *extents = &node->in[IN_EXTENTS]->shape, *weights = &node->in[IN_WEIGHTS]->shape;
  const ln_shape *table = &node->in[IN_TABLE]->shape;
  if (rows->rank != 1 || places->rank != 2 || extents->rank != 1 || weights->rank != 1 || table->rank < 2 ||
      places->dims[0] != rows->dims[0] || weights->dims[0] != rows->dims[0] || places->dims[1] != extents->dims[0] ||
      extents->dims[0] < 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "rows, places, extents and weights do not fit together");
  }
  int64_t dims[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, IN_EXTENTS, dims, LN_MAX_RANK, &count, err));
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i < count - 1; ++i) fits = fits && ln_shape_push(&shape, dims[i]);
  for (int32_t i = 1; i < table->rank; ++i) fits = fits && ln_shape_push(&shape, table->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions, or a negative one");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_embedding_sparse_prepare(ln_node *node, ln_prep *prep) {
  const int32_t combiner = LN_OPTIONS(node, embedding_lookup_sparse_options)->combiner;
  if (combiner >= COMBINE_SUM && combiner <= COMBINE_ROOT) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MODEL, "combiner %d", combiner);
}

/* The sum at one place, and what it is to be divided by. */
typedef struct gathering {
  float *out; /* NULL before the first */
  float weight, squares;
} gathering;

static void finish(gathering *g, int32_t combiner, size_t width) {
  if (g->out == NULL || combiner == COMBINE_SUM) return;
  const float divisor = combiner == COMBINE_MEAN ? g->weight : sqrtf(g->squares);
  for (size_t i = 0; i < width; ++i) g->out[i] /= divisor;
}

static ln_status place_at(const ln_node *node, int32_t index, ln_error *err, size_t *place) {
  const int32_t depth = node->in[IN_EXTENTS]->shape.dims[0];
  const int32_t *numbers = (const int32_t *)node->in[IN_PLACES]->data + (ptrdiff_t)index * depth;
  *place = 0;
  for (int32_t i = 0; i < depth - 1; ++i) {
    const int32_t extent = node->out[0]->shape.dims[i];
    if (numbers[i] < 0 || numbers[i] >= extent) {
      return ln_node_fail(node, err, LN_ERR_DATA, "place %d is outside 0..%d", numbers[i], extent - 1);
    }
    *place = *place * (size_t)extent + (size_t)numbers[i];
  }
  return LN_OK;
}

ln_status ln_embedding_sparse_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *table = node->in[IN_TABLE];
  const int32_t combiner = LN_OPTIONS(node, embedding_lookup_sparse_options)->combiner;
  const int32_t *rows = node->in[IN_ROWS]->data;
  const float *weights = node->in[IN_WEIGHTS]->data;
  const size_t width = ln_shape_span(&table->shape, 1, table->shape.rank);
  gathering g = {NULL, 0.0f, 0.0f};
  if (!ln_tensor_is_empty(node->out[0])) memset(node->out[0]->data, 0, node->out[0]->bytes);
  for (int32_t i = 0; i < node->in[IN_ROWS]->shape.dims[0]; ++i) {
    size_t place;
    LN_TRY(place_at(node, i, exec->err, &place));
    if (rows[i] < 0 || rows[i] >= table->shape.dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "row %d of a table of %d", rows[i], table->shape.dims[0]);
    }
    float *out = (float *)node->out[0]->data + place * width;
    if (out != g.out) {
      finish(&g, combiner, width);
      g = (gathering){out, 0.0f, 0.0f};
    }
    g.weight += weights[i];
    g.squares += weights[i] * weights[i];
    const float *row = (const float *)table->data + (size_t)rows[i] * width;
    for (size_t k = 0; k < width; ++k) out[k] += row[k] * weights[i];
  }
  finish(&g, combiner, width);
  return LN_OK;
}
