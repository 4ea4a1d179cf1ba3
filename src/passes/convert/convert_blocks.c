/*
 * DEPTH_TO_SPACE and SPACE_TO_DEPTH written as reshape, transpose, reshape. Where a block's places stand behind the
 * channels in memory, as PyTorch's pixel shuffle has them, the layer that makes them puts its channels in the other
 * order.
 */
#include <string.h>

#include "passes/convert/convert_rewrite.h"

typedef struct blocks {
  int32_t first, transpose, last; /* operators */
  int32_t block, channels;
  bool to_space, channels_first; /* [.., channels, block, block] */
} blocks;

static const ln_shape *shape_of(const ln_rewriter *r, int32_t tensor) { return &r->graph->tensors[tensor].signature; }

static bool has_order(const ln_rewriter *r, const ln_op *op, const int32_t *order) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  const ln_tensor *held = ln_op_input_tensor(r->graph, op, 1);
  if (held == NULL || !ln_tensor_const_data(held) || !ln_tensor_ints(held, axes, LN_MAX_RANK, &count) || count != 6)
    return false;
  for (int32_t i = 0; i < 6; ++i) {
    if (axes[i] != order[i]) return false;
  }
  return true;
}

/* The only reader of a tensor, a RESHAPE; -1. */
static int32_t reader_of(const ln_rewriter *r, int32_t tensor) {
  if (r->uses[tensor] != 1 || ln_rewriter_is_output(r, tensor)) return -1;
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    if (!r->drop[i] && op->input_count > 0 && op->inputs[0] == tensor) return ln_op_is(op, LN_OP_RESHAPE) ? i : -1;
  }
  return -1;
}

/* [n, h, w, b, b, c] or [n, h, w, c, b, b] becomes [n, h b, w b, c]. */
static bool is_to_space(const ln_shape *in, const ln_shape *wide, const ln_shape *out, blocks *b) {
  const int32_t at = b->channels_first ? 4 : 3;
  b->block = wide->dims[at];
  b->channels = wide->dims[b->channels_first ? 3 : 5];
  if (b->block <= 1 || wide->dims[at + 1] != b->block || in->dims[1] != wide->dims[1]) return false;
  const int64_t height = (int64_t)wide->dims[1] * b->block, width = (int64_t)wide->dims[2] * b->block;
  return in->dims[2] == wide->dims[2] && out->dims[1] == height && out->dims[2] == width && out->dims[3] == b->channels;
}

/* [n, h, b, w, b, c] becomes [n, h, w, b b c]. */
static bool is_to_depth(const ln_shape *in, const ln_shape *wide, const ln_shape *out, blocks *b) {
  b->block = wide->dims[2];
  b->channels = wide->dims[5];
  return b->block > 1 && wide->dims[4] == b->block && in->dims[3] == b->channels && out->dims[1] == wide->dims[1] &&
         out->dims[2] == wide->dims[3];
}

static bool find_blocks(const ln_rewriter *r, int32_t at, blocks *out) {
  static const int32_t deep[6] = {0, 1, 3, 2, 4, 5}, shuffled[6] = {0, 1, 4, 2, 5, 3};
  const ln_op *op = &r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_TRANSPOSE) || op->inputs[0] < 0) return false;
  *out = (blocks){.transpose = at, .channels_first = has_order(r, op, shuffled)};
  if (!out->channels_first && !has_order(r, op, deep)) return false;
  out->first = r->producers[op->inputs[0]];
  out->last = reader_of(r, op->outputs[0]);
  if (out->first < 0 || out->last < 0 || r->uses[op->inputs[0]] != 1 || r->drop[out->first]) return false;
  const ln_op *first = &r->graph->ops[out->first], *last = &r->graph->ops[out->last];
  if (!ln_op_is(first, LN_OP_RESHAPE) || first->inputs[0] < 0) return false;
  const ln_shape *in = shape_of(r, first->inputs[0]), *wide = shape_of(r, op->inputs[0]);
  const ln_shape *end = shape_of(r, last->outputs[0]);
  if (in->rank != 4 || wide->rank != 6 || end->rank != 4 || in->dims[0] != wide->dims[0] || in->dims[0] != end->dims[0])
    return false;
  for (int32_t i = 1; i < 6; ++i) {
    if (wide->dims[i] < 1) return false; /* with sizes that are known one can tell */
  }
  out->to_space = is_to_space(in, wide, end, out);
  return out->to_space || (!out->channels_first && is_to_depth(in, wide, end, out));
}

/* ---- channels in another order ---- */

/* A constant whose index along `axis` is (c, places) becomes (places, c). */
static int32_t exchange_channels(ln_rewriter *r, int32_t tensor, int32_t axis, const blocks *b) {
  const ln_tensor old = r->graph->tensors[tensor];
  const size_t item = (size_t)ln_type_bits(old.type) / 8, extent = (size_t)old.shape.dims[axis];
  const size_t inner = ln_shape_span(&old.shape, axis + 1, old.shape.rank) * item;
  const size_t outer = ln_shape_span(&old.shape, 0, axis), places = (size_t)b->block * (size_t)b->block;
  char *made = ln_arena_alloc(r->arena, old.bytes);
  if (made == NULL) {
    r->failed = true;
    return -1;
  }
  for (size_t o = 0; o < outer; ++o) {
    for (size_t k = 0; k < extent; ++k) {
      const size_t from = k % (size_t)b->channels * places + k / (size_t)b->channels;
      memcpy(made + (o * extent + k) * inner, (const char *)old.data + (o * extent + from) * inner, inner);
    }
  }
  return ln_rewriter_constant(r, old.name, old.type, &old.shape, made);
}

/* The convolution that alone makes the tensor, its weights floats. */
static bool turn_layer(ln_rewriter *r, int32_t tensor, const blocks *b) {
  const int32_t at = r->producers[tensor];
  if (at < 0 || r->drop[at] || r->uses[tensor] != 1 || !ln_op_is(&r->graph->ops[at], LN_OP_CONV_2D)) return false;
  const ln_op *op = &r->graph->ops[at];
  const ln_tensor *weights = ln_op_input_tensor(r->graph, op, 1), *bias = ln_op_input_tensor(r->graph, op, 2);
  const int32_t extent = b->channels * b->block * b->block;
  if (weights == NULL || !ln_is_plain_constant(weights) || weights->type != LN_FLOAT32 || weights->shape.rank != 4 ||
      weights->shape.dims[0] != extent || weights->bytes == 0) {
    return false;
  }
  if (bias != NULL && (!ln_is_plain_constant(bias) || bias->type != LN_FLOAT32 || bias->shape.rank != 1)) return false;
  const ln_tensor *data = ln_op_input_tensor(r->graph, op, 0);
  if (data == NULL || data->signature.rank != 4 || data->signature.dims[3] != weights->shape.dims[3]) return false;
  const int32_t turned = exchange_channels(r, op->inputs[1], 0, b);
  const int32_t turned_bias = bias != NULL ? exchange_channels(r, r->graph->ops[at].inputs[2], 0, b) : -1;
  if (turned < 0 || r->failed) return false;
  r->graph->ops[at].inputs[1] = turned;
  if (bias != NULL) r->graph->ops[at].inputs[2] = turned_bias;
  return true;
}

static bool make_blocks(ln_rewriter *r, const blocks *b) {
  const ln_op from = r->graph->ops[b->transpose];
  const int32_t in = r->graph->ops[b->first].inputs[0], out = r->graph->ops[b->last].outputs[0];
  if (b->channels_first && !turn_layer(r, in, b)) return false;
  const ln_depth_to_space_options space = {.block_size = b->block};
  const ln_space_to_depth_options depth = {.block_size = b->block};
  const int32_t made = b->to_space ? ln_rewriter_op(r, LN_OP_DEPTH_TO_SPACE, &space, 1, &in, 1, &out, &from)
                                   : ln_rewriter_op(r, LN_OP_SPACE_TO_DEPTH, &depth, 1, &in, 1, &out, &from);
  if (made < 0) return false;
  r->drop[b->first] = r->drop[b->transpose] = r->drop[b->last] = true;
  ln_rewriter_refresh(r);
  return true;
}

ln_status ln_convert_pass_blocks(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    blocks b;
    if (!r.drop[i] && find_blocks(&r, i, &b) && make_blocks(&r, &b)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}
