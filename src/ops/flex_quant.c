/*
 * Select-TF fake quantization and its gradients: a range for the whole tensor, from attributes or inputs, or one for
 * each channel. The row's variant says where the range comes from.
 */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"

/* The range moved so that zero is one of its points. */
typedef struct quant_grid {
  float low, high, scale;
  bool nothing; /* from 0 to 0: all becomes 0 */
} quant_grid;

typedef struct quant_args {
  float steps_from, steps_to, low, high;
  size_t channels;
} quant_args;

static bool is_gradient(const ln_node *node) { return (node->op->def->variant & LN_FAKE_QUANT_GRADIENT) != 0; }
static bool has_inputs(const ln_node *node) { return (node->op->def->variant & LN_FAKE_QUANT_INPUTS) != 0; }
static bool has_channels(const ln_node *node) { return (node->op->def->variant & LN_FAKE_QUANT_CHANNELS) != 0; }

/* Where the ends of the range stand among the inputs. */
static int32_t range_at(const ln_node *node) { return is_gradient(node) ? 2 : 1; }

ln_status ln_flex_fake_quant_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  bool fits = !is_gradient(node) || ln_shape_equal(in, &node->in[1]->shape);
  for (int32_t i = 0; fits && has_inputs(node) && i < 2; ++i) {
    const ln_shape *end = &node->in[range_at(node) + i]->shape;
    fits =
        has_channels(node) ? in->rank >= 1 && end->rank == 1 && end->dims[0] == in->dims[in->rank - 1] : end->rank == 0;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs' shapes do not fit together");
  for (int32_t i = 0; i < node->out_count; ++i) {
    LN_TRY(ln_node_set_shape(node, i, i == 0 ? in : &node->in[range_at(node)]->shape, err));
  }
  return LN_OK;
}

ln_status ln_flex_fake_quant_prepare(ln_node *node, ln_prep *prep) {
  quant_args *args = LN_NODE_ARGS(node, prep, quant_args);
  const ln_shape *in = &node->in[0]->shape;
  int64_t bits = 8;
  bool narrow = false;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->low = -6.0f;
  args->high = 6.0f;
  LN_TRY(ln_attr_int(node, prep->err, "num_bits", 2, 16, &bits));
  LN_TRY(ln_attr_bool(node, prep->err, "narrow_range", &narrow));
  if (!has_inputs(node)) {
    LN_TRY(ln_attr_float(node, prep->err, "min", &args->low));
    LN_TRY(ln_attr_float(node, prep->err, "max", &args->high));
  }
  args->steps_from = narrow ? 1.0f : 0.0f;
  args->steps_to = (float)((1 << bits) - 1);
  args->channels = has_channels(node) ? (size_t)in->dims[in->rank - 1] : 1;
  return LN_OK;
}

static quant_grid grid_of(const ln_node *node, size_t channel) {
  const quant_args *args = node->args;
  float low = args->low, high = args->high;
  if (has_inputs(node)) {
    low = ((const float *)node->in[range_at(node)]->data)[channel];
    high = ((const float *)node->in[range_at(node) + 1]->data)[channel];
  }
  quant_grid grid = {0.0f, 0.0f, (high - low) / (args->steps_to - args->steps_from), low == 0.0f && high == 0.0f};
  const float exact = args->steps_from - low / grid.scale;
  float zero = roundf(exact);
  if (exact < args->steps_from) zero = args->steps_from;
  if (exact > args->steps_to) zero = args->steps_to;
  grid.low = (args->steps_from - zero) * grid.scale;
  grid.high = (args->steps_to - zero) * grid.scale;
  return grid;
}

static float quantized(const quant_grid *grid, float x) {
  if (grid->nothing) return 0.0f;
  const float inverse = 1.0f / grid->scale, zero = floorf(-grid->low * inverse + 0.5f);
  const float above = x < grid->high ? x : grid->high, inside = above > grid->low ? above : grid->low;
  return floorf((inside - grid->low) * inverse - zero + 0.5f) * grid->scale;
}

/* The gradient goes to the input within the range, and to the end that the input lies beyond. */
static void spread_gradient(const ln_node *node, size_t channel, double ends[2]) {
  const quant_args *args = node->args;
  const quant_grid grid = grid_of(node, channel);
  const float *gradient = node->in[0]->data, *x = node->in[1]->data;
  float *out = node->out[0]->data;
  const size_t count = ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank);
  ends[0] = ends[1] = 0.0;
  for (size_t i = channel; i < count; i += args->channels) {
    const bool below = !grid.nothing && x[i] < grid.low, above = !grid.nothing && x[i] > grid.high;
    out[i] = below || above ? 0.0f : gradient[i];
    if (below) ends[0] += (double)gradient[i];
    if (above) ends[1] += (double)gradient[i];
  }
}

ln_status ln_flex_fake_quant_run(const ln_node *node, ln_exec *exec) {
  const quant_args *args = node->args;
  const size_t count = ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank);
  (void)exec;
  for (size_t channel = 0; channel < args->channels; ++channel) {
    if (is_gradient(node)) {
      double ends[2];
      spread_gradient(node, channel, ends);
      for (int32_t i = 1; i < node->out_count; ++i) ((float *)node->out[i]->data)[channel] = (float)ends[i - 1];
      continue;
    }
    const quant_grid grid = grid_of(node, channel);
    for (size_t i = channel; i < count; i += args->channels) {
      ((float *)node->out[0]->data)[i] = quantized(&grid, ((const float *)node->in[0]->data)[i]);
    }
  }
  return LN_OK;
}
