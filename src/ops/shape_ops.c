/* RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes under another shape; SHAPE and RANK: shapes as data. */
#include <string.h>

#include "ops/host.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/strings.h"

static ln_span own_string(const void *context, size_t i) { return ln_string_at(context, i); }

ln_status ln_hand_on(const ln_node *node, int32_t index, ln_exec *exec) {
  const ln_tensor *in = node->in[index], *out = node->out[index];
  if (in->type == LN_STRING) {
    LN_TRY(ln_node_check_strings(node, index, exec->err));
    return ln_node_give_strings(node, index, &out->shape, own_string, in, exec->err);
  }
  if (in->type == LN_VARIANT) return ln_host_copy_output(node, index, in, exec->err);
  ln_move_bytes(exec, in->data, out->data, in->bytes);
  return LN_OK;
}

ln_status ln_view_run(const ln_node *node, ln_exec *exec) { return ln_hand_on(node, 0, exec); }

/* The shape asked for, with at most one -1 still in it. */
static ln_status wanted_shape(ln_node *node, ln_error *err, int64_t dims[LN_MAX_RANK], int32_t *rank) {
  if (node->in_count > 1 && node->in[1] != NULL) {
    if (node->in[1]->shape.rank > 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the new shape is no list");
    return ln_node_ints(node, 1, dims, LN_MAX_RANK, rank, err);
  }
  const ln_vec_i32 *shape = &LN_OPTIONS(node, reshape_options)->new_shape;
  if (shape->count > LN_MAX_RANK) return ln_node_fail(node, err, LN_ERR_SHAPE, "rank %u", (unsigned)shape->count);
  *rank = (int32_t)shape->count;
  for (int32_t i = 0; i < *rank; ++i) dims[i] = shape->data[i];
  if (*rank == 1 && dims[0] == 0) *rank = 0; /* how old files write a scalar */
  return LN_OK;
}

ln_status ln_reshape_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK] = {0};
  int32_t rank = 0;
  LN_TRY(wanted_shape(node, err, dims, &rank));
  size_t elements = 0;
  if (!ln_shape_elements(&node->in[0]->shape, &elements)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input's shape is not known");
  }
  ln_shape shape = {0, {0}};
  int32_t open = -1;
  size_t product = 1;
  for (int32_t i = 0; i < rank; ++i) {
    const bool stretches = dims[i] == -1 && open < 0;
    if (stretches) open = i;
    if (!ln_shape_push(&shape, stretches ? 1 : dims[i]) || !ln_size_mul(product, (size_t)shape.dims[i], &product)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the new shape holds %lld", (long long)dims[i]);
    }
  }
  if (open >= 0 && product > 0 && elements / product <= INT32_MAX) {
    shape.dims[open] = (int32_t)(elements / product);
    product *= elements / product;
  } else if (open >= 0 && elements == 0) {
    shape.dims[open] = 0;
  }
  if (product != elements) {
    char text[96];
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%zu elements do not fit into %s", elements,
                        ln_shape_format(&shape, text, sizeof text));
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_squeeze_infer(ln_node *node, ln_error *err) {
  const ln_vec_i32 *axes = &LN_OPTIONS(node, squeeze_options)->squeeze_dims;
  const ln_shape *in = &node->in[0]->shape;
  bool drop[LN_MAX_RANK] = {false};
  for (int32_t i = 0; i < in->rank; ++i) drop[i] = axes->count == 0 && in->dims[i] == 1;
  for (uint32_t i = 0; i < axes->count; ++i) {
    int32_t axis = 0;
    if (!ln_axis_normalize(axes->data[i], in->rank, &axis) || in->dims[axis] != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %d cannot be squeezed", (int)axes->data[i]);
    }
    drop[axis] = true;
  }
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    if (!drop[i]) ln_shape_push(&shape, in->dims[i]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_expand_dims_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 1, in->rank + 1, &axis, err));
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i <= in->rank; ++i) {
    if (i == axis) fits = fits && ln_shape_push(&shape, 1);
    if (i < in->rank) fits = fits && ln_shape_push(&shape, in->dims[i]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_shape_infer(ln_node *node, ln_error *err) {
  const ln_shape shape = {1, {node->in[0]->shape.rank}};
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_shape_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  (void)exec;
  for (int32_t i = 0; i < in->rank; ++i) {
    if (node->out[0]->type == LN_INT64) ((int64_t *)node->out[0]->data)[i] = in->dims[i];
    else ((int32_t *)node->out[0]->data)[i] = in->dims[i];
  }
  return LN_OK;
}

ln_status ln_rank_infer(ln_node *node, ln_error *err) {
  const ln_shape shape = {0, {0}};
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_rank_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  *(int32_t *)node->out[0]->data = node->in[0]->shape.rank;
  return LN_OK;
}

/* ---- BITCAST: the same bytes as elements of another size; a last dimension comes or goes where sizes differ ---- */

ln_status ln_bitcast_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  const size_t from = ln_item_bytes(node->in[0]), to = ln_item_bytes(node->out[0]);
  /* What is packed stays as many bits wide: the row says so. */
  if (ln_type_bits(node->in[0]->type) < 8) return ln_node_set_shape(node, 0, &shape, err);
  bool fits = from > 0 && to > 0;
  if (fits && from > to) fits = from % to == 0 && ln_shape_push(&shape, (int64_t)(from / to));
  if (fits && from < to) fits = shape.rank > 0 && (size_t)shape.dims[--shape.rank] * from == to;
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "%zu bytes an element do not become %zu", from, to);
  return ln_node_set_shape(node, 0, &shape, err);
}

/* ---- BROADCAST_ARGS: the shape to which two shapes, given as data, broadcast ---- */

ln_status ln_broadcast_args_infer(ln_node *node, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
  if (a->rank != 1 || b->rank != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "shapes must be lists");
  return ln_node_set_shape(node, 0, a->dims[0] > b->dims[0] ? a : b, err);
}

static int64_t dim_at(const ln_tensor *dims, int32_t index) {
  if (index < 0) return 1;
  return dims->type == LN_INT64 ? ((const int64_t *)dims->data)[index] : ((const int32_t *)dims->data)[index];
}

ln_status ln_broadcast_args_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *a = node->in[0], *b = node->in[1];
  ln_tensor *out = node->out[0];
  const int32_t rank = out->shape.dims[0];
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t x = dim_at(a, i - rank + a->shape.dims[0]), y = dim_at(b, i - rank + b->shape.dims[0]);
    if (x != y && x != 1 && y != 1) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "dimensions %lld and %lld do not broadcast", (long long)x,
                          (long long)y);
    }
    const int64_t extent = x == 1 ? y : x;
    if (out->type == LN_INT64) ((int64_t *)out->data)[i] = extent;
    else ((int32_t *)out->data)[i] = (int32_t)extent;
  }
  return LN_OK;
}
