/* DEPTH_TO_SPACE, SPACE_TO_DEPTH, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: blocks of pixels moved between dimensions. */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

/* ---- depth and space: NHWC, blocks of block_size x block_size ---- */

static ln_status check_block(const ln_node *node, int32_t block, ln_error *err) {
  if (node->in[0]->shape.rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "rank %d", node->in[0]->shape.rank);
  if (block < 1 || block > 32767) return ln_node_fail(node, err, LN_ERR_MODEL, "block size %d", (int)block);
  return LN_OK;
}

ln_status ln_depth_to_space_infer(ln_node *node, ln_error *err) {
  const int32_t block = LN_OPTIONS(node, depth_to_space_options)->block_size;
  LN_TRY(check_block(node, block, err));
  const int32_t *in = node->in[0]->shape.dims;
  ln_shape shape = {0, {0}};
  bool fits = in[3] % (block * block) == 0 && ln_shape_push(&shape, in[0]);
  fits = fits && ln_shape_push(&shape, (int64_t)in[1] * block) && ln_shape_push(&shape, (int64_t)in[2] * block);
  if (!fits || !ln_shape_push(&shape, in[3] / (block * block))) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "blocks of %d do not fit %d channels", (int)block, (int)in[3]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/*
 * The six dimensions that both directions share: small is [n, h * block, w * block, depth], deep is
 * [n, h, w, block, block, depth]; `to_deep` says which of them is the destination.
 */
static void move_blocks(const ln_node *node, ln_exec *exec, const ln_shape *deep_shape, int32_t block, bool to_deep) {
  if (ln_tensor_is_empty(node->out[0])) return;
  const size_t item = ln_item_bytes(node->in[0]);
  const size_t size = (size_t)block;
  const size_t width = (size_t)deep_shape->dims[2];
  const size_t deep_row = (size_t)deep_shape->dims[3] * item; /* one deep pixel */
  const size_t pixel = deep_row / (size * size);              /* one pixel of the other side */
  const size_t line = pixel * width * size;
  const size_t extents[5] = {(size_t)deep_shape->dims[0], (size_t)deep_shape->dims[1], width, size, size};
  const size_t deep[5] = {deep_row * width * extents[1], deep_row * width, deep_row, pixel * size, pixel};
  const size_t flat[5] = {line * size * extents[1], line * size, pixel * size, line, pixel};
  ln_copy_plan plan;
  ln_copy_begin(&plan, pixel);
  for (int32_t i = 0; i < 5; ++i) {
    ln_copy_dim(&plan, extents[i], to_deep ? flat[i] : deep[i], to_deep ? deep[i] : flat[i]);
  }
  ln_move(exec, &plan, node->in[0]->data, node->out[0]->data);
}

ln_status ln_depth_to_space_run(const ln_node *node, ln_exec *exec) {
  const int32_t block = LN_OPTIONS(node, depth_to_space_options)->block_size;
  move_blocks(node, exec, &node->in[0]->shape, block, false);
  return LN_OK;
}

ln_status ln_space_to_depth_infer(ln_node *node, ln_error *err) {
  const int32_t block = LN_OPTIONS(node, space_to_depth_options)->block_size;
  LN_TRY(check_block(node, block, err));
  const int32_t *in = node->in[0]->shape.dims;
  ln_shape shape = {0, {0}};
  bool fits = in[1] % block == 0 && in[2] % block == 0 && ln_shape_push(&shape, in[0]);
  fits = fits && ln_shape_push(&shape, in[1] / block) && ln_shape_push(&shape, in[2] / block);
  if (!fits || !ln_shape_push(&shape, (int64_t)in[3] * block * block)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "blocks of %d do not fit %d x %d", (int)block, (int)in[1], (int)in[2]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_space_to_depth_run(const ln_node *node, ln_exec *exec) {
  const int32_t block = LN_OPTIONS(node, space_to_depth_options)->block_size;
  move_blocks(node, exec, &node->out[0]->shape, block, true);
  return LN_OK;
}

/* ---- batch and space: any number of spatial dimensions ---- */

typedef struct batch_spec {
  int32_t spatial;
  int64_t block[LN_MAX_RANK], edges[2 * LN_MAX_RANK]; /* paddings or crops: before and after, one pair a dimension */
  int64_t blocks;                                     /* product of the block sizes */
} batch_spec;

static ln_status batch_resolve(const ln_node *node, batch_spec *spec, ln_error *err) {
  int32_t edges = 0;
  LN_TRY(ln_node_ints(node, 1, spec->block, LN_MAX_RANK, &spec->spatial, err));
  LN_TRY(ln_node_ints(node, 2, spec->edges, 2 * LN_MAX_RANK, &edges, err));
  if (spec->spatial >= node->in[0]->shape.rank || edges != 2 * spec->spatial) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d block sizes for rank %d", (int)spec->spatial,
                        (int)node->in[0]->shape.rank);
  }
  spec->blocks = 1;
  for (int32_t i = 0; i < spec->spatial; ++i) {
    const int64_t before = spec->edges[2 * i], after = spec->edges[2 * i + 1];
    if (spec->block[i] < 1 || spec->block[i] > INT32_MAX || spec->blocks * spec->block[i] > INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "block size %lld", (long long)spec->block[i]);
    }
    if (before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "a padding or crop of %lld and %lld", (long long)before,
                          (long long)after);
    }
    spec->blocks *= spec->block[i];
  }
  return LN_OK;
}

ln_status ln_space_to_batch_nd_infer(ln_node *node, ln_error *err) {
  batch_spec spec;
  LN_TRY(batch_resolve(node, &spec, err));
  const ln_shape *in = &node->in[0]->shape;
  ln_shape shape = {0, {0}};
  bool fits = ln_shape_push(&shape, in->dims[0] * spec.blocks);
  for (int32_t i = 0; i < spec.spatial && fits; ++i) {
    const int64_t padded = in->dims[i + 1] + spec.edges[2 * i] + spec.edges[2 * i + 1];
    fits = padded % spec.block[i] == 0 && ln_shape_push(&shape, padded / spec.block[i]);
  }
  for (int32_t i = spec.spatial + 1; i < in->rank && fits; ++i) fits = ln_shape_push(&shape, in->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the blocks do not fit the padded input");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_batch_to_space_nd_infer(ln_node *node, ln_error *err) {
  batch_spec spec;
  LN_TRY(batch_resolve(node, &spec, err));
  const ln_shape *in = &node->in[0]->shape;
  ln_shape shape = {0, {0}};
  bool fits = in->dims[0] % spec.blocks == 0 && ln_shape_push(&shape, in->dims[0] / spec.blocks);
  for (int32_t i = 0; i < spec.spatial && fits; ++i) {
    fits = ln_shape_push(&shape, in->dims[i + 1] * spec.block[i] - spec.edges[2 * i] - spec.edges[2 * i + 1]);
  }
  for (int32_t i = spec.spatial + 1; i < in->rank && fits; ++i) fits = ln_shape_push(&shape, in->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the blocks or crops do not fit the input");
  return ln_node_set_shape(node, 0, &shape, err);
}

/*
 * Block offset `which` (i, j, ...) of the batched side holds the pixels (h * block + i - before, ...) of the spatial
 * side: a plan over those that exist. `at_batch` and `at_space` become where it begins on either side.
 */
static void block_plan(const batch_spec *spec, const ln_tensor *batched, const ln_tensor *spatial, int64_t which,
                       bool to_batch, ln_copy_plan *plan, size_t *at_batch, size_t *at_space) {
  size_t batch_strides[LN_MAX_RANK], space_strides[LN_MAX_RANK];
  ln_byte_strides(batched, batch_strides);
  ln_byte_strides(spatial, space_strides);
  const int32_t rank = batched->shape.rank;
  *at_batch = (size_t)which * (size_t)spatial->shape.dims[0] * batch_strides[0];
  *at_space = 0;
  ln_copy_begin(plan, ln_item_bytes(batched));
  for (int32_t d = rank - 1; d >= 0; --d) {
    size_t extent = (size_t)spatial->shape.dims[d], space_stride = space_strides[d];
    if (d >= 1 && d <= spec->spatial) {
      const int64_t block = spec->block[d - 1], before = spec->edges[2 * (d - 1)];
      const int64_t offset = which % block - before; /* pixel of index 0 of the batched side */
      which /= block;
      const int64_t first = offset >= 0 ? 0 : (-offset + block - 1) / block;
      int64_t last = (spatial->shape.dims[d] - offset + block - 1) / block; /* past the end */
      if (last > batched->shape.dims[d]) last = batched->shape.dims[d];
      extent = last > first ? (size_t)(last - first) : 0;
      if (extent > 0) {
        *at_batch += (size_t)first * batch_strides[d];
        *at_space += (size_t)(first * block + offset) * space_stride;
      }
      space_stride = extent > 1 ? space_stride * (size_t)block : 0;
    }
    ln_copy_dim(plan, extent, to_batch ? space_stride : batch_strides[d], to_batch ? batch_strides[d] : space_stride);
  }
}

ln_status ln_space_to_batch_nd_run(const ln_node *node, ln_exec *exec) {
  batch_spec spec;
  LN_TRY(batch_resolve(node, &spec, exec->err));
  const ln_tensor *in = node->in[0];
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out)) return LN_OK;
  bool padded = false;
  for (int32_t i = 0; i < 2 * spec.spatial; ++i) padded = padded || spec.edges[i] > 0;
  if (padded) {
    int16_t zero_point =
        (int16_t)(out->type == LN_INT8 || out->type == LN_UINT8 || out->type == LN_INT16 ? ln_zero_point_of(out) : 0);
    if (ln_item_bytes(out) == 1) memset(out->data, zero_point & 255, out->bytes);
    else if (out->type == LN_INT16) ln_k_fill(out->data, &zero_point, 2, out->bytes / 2);
    else memset(out->data, 0, out->bytes);
  }
  if (ln_tensor_is_empty(in)) return LN_OK;
  for (int64_t which = 0; which < spec.blocks; ++which) {
    ln_copy_plan plan;
    size_t at_batch = 0, at_space = 0;
    block_plan(&spec, out, in, which, true, &plan, &at_batch, &at_space);
    ln_move(exec, &plan, (const char *)in->data + at_space, (char *)out->data + at_batch);
  }
  return LN_OK;
}

ln_status ln_batch_to_space_nd_run(const ln_node *node, ln_exec *exec) {
  batch_spec spec;
  LN_TRY(batch_resolve(node, &spec, exec->err));
  const ln_tensor *in = node->in[0];
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out) || ln_tensor_is_empty(in)) return LN_OK;
  for (int64_t which = 0; which < spec.blocks; ++which) {
    ln_copy_plan plan;
    size_t at_batch = 0, at_space = 0;
    block_plan(&spec, in, out, which, false, &plan, &at_batch, &at_space);
    ln_move(exec, &plan, (const char *)in->data + at_batch, (char *)out->data + at_space);
  }
  return LN_OK;
}
