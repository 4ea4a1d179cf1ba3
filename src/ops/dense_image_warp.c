/*
 * DenseImageWarp: each pixel of [n, h, w, c] taken from where the flow [n, h, w, 2] (y, x) says it came from,
 * bilinearly; and Table: int8 or int16 values looked up in a table of them.
 */
#include <math.h>

#include "kernels/unary.h"
#include "ops/elementwise.h"
#include "ops/rows.h"

ln_status ln_dense_image_warp_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape, *flow = &node->in[1]->shape;
  bool fits = in->rank == 4 && flow->rank == 4 && flow->dims[3] == 2 && in->dims[1] >= 2 && in->dims[2] >= 2;
  for (int32_t d = 0; d < 3 && fits; ++d) fits = in->dims[d] == flow->dims[d];
  if (!fits) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs [n, h, w, c] of 2 by 2 pixels or more and a flow [n, h, w, 2]");
  }
  return ln_infer_same(node, err);
}

/* The lower of the two neighbours of a place, and how far it is to the other, both inside. NaN is the first place. */
static size_t neighbour(float place, int32_t extent, float *part) {
  const float most = (float)(extent - 2);
  const float low = !(place > 0.0f) ? 0.0f : (place > most ? most : floorf(place));
  const float rest = place - low;
  *part = !(rest > 0.0f) ? 0.0f : (rest > 1.0f ? 1.0f : rest);
  return (size_t)low;
}

static void warp_pixels(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const ln_shape *shape = &node->in[0]->shape;
  const size_t width = (size_t)shape->dims[2], height = (size_t)shape->dims[1], channels = (size_t)shape->dims[3];
  for (size_t i = first; i < first + count; ++i) {
    const float *flow = (const float *)node->in[1]->data + 2 * i;
    float down, across;
    const size_t image = i / (height * width);
    const size_t y = neighbour((float)(i / width % height) - flow[0], shape->dims[1], &down);
    const size_t x = neighbour((float)(i % width) - flow[1], shape->dims[2], &across);
    const float *upper = (const float *)node->in[0]->data + ((image * height + y) * width + x) * channels;
    const float *lower = upper + width * channels;
    float *out = (float *)node->out[0]->data + i * channels;
    for (size_t c = 0; c < channels; ++c) {
      const float top = across * (upper[c + channels] - upper[c]) + upper[c];
      const float bottom = across * (lower[c + channels] - lower[c]) + lower[c];
      out[c] = down * (bottom - top) + top;
    }
  }
}

ln_status ln_dense_image_warp_run(const ln_node *node, ln_exec *exec) {
  const size_t pixels = ln_shape_span(&node->in[0]->shape, 0, 3), channels = (size_t)node->in[0]->shape.dims[3];
  if (channels > 0) ln_spans_run(exec->pool, pixels, LN_ELEMENT_GRAIN / channels + 1, warp_pixels, node);
  return LN_OK;
}

/* ---- Table ---- */

ln_status ln_table_infer(ln_node *node, ln_error *err) {
  const ln_shape *table = &node->in[1]->shape;
  const int32_t wanted = node->in[0]->type == LN_INT8 ? 256 : LN_LUT_I16;
  if (table->rank != 1 || table->dims[0] != wanted) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the table must be a list of %d", wanted);
  }
  return ln_infer_same(node, err);
}

static void look_up(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  if (node->in[0]->type == LN_INT8) {
    const int8_t *in = node->in[0]->data, *table = node->in[1]->data;
    for (size_t i = first; i < first + count; ++i) ((int8_t *)node->out[0]->data)[i] = table[in[i] + 128];
    return;
  }
  const int16_t *in = node->in[0]->data, *table = node->in[1]->data;
  for (size_t i = first; i < first + count; ++i) ((int16_t *)node->out[0]->data)[i] = ln_lut_i16(table, in[i]);
}

ln_status ln_table_run(const ln_node *node, ln_exec *exec) {
  ln_spans_run(exec->pool, ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank), LN_ELEMENT_GRAIN, look_up,
               node);
  return LN_OK;
}
