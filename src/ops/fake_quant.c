/* FAKE_QUANT: floats moved to the nearest of the values that an integer of a few bits would stand for. */
#include <math.h>

#include "ops/rows.h"

typedef struct fake_quant_args {
  float scale, low, high; /* the range moved so that zero is one of its points */
} fake_quant_args;

ln_status ln_fake_quant_prepare(ln_node *node, ln_prep *prep) {
  const ln_fake_quant_options *options = LN_OPTIONS(node, fake_quant_options);
  fake_quant_args *args = LN_NODE_ARGS(node, prep, fake_quant_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const int32_t bits = options->num_bits;
  if (bits < 2 || bits > 16) return ln_node_fail(node, prep->err, LN_ERR_MODEL, "%d bits, must be 2 to 16", bits);
  const float from = options->narrow_range ? 1.0f : 0.0f, to = (float)((1 << bits) - 1);
  args->scale = (options->max - options->min) / (to - from);
  if (!(args->scale > 0.0f) || !isfinite(args->scale)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the range [%g, %g] is empty or endless", (double)options->min,
                        (double)options->max);
  }
  const float exact = from - options->min / args->scale;
  const float zero_point = exact < from ? from : (exact > to ? to : roundf(exact));
  args->low = (from - zero_point) * args->scale;
  args->high = (to - zero_point) * args->scale;
  return LN_OK;
}

ln_status ln_fake_quant_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const fake_quant_args *args = node->args;
  const float *in = node->in[0]->data;
  float *out = node->out[0]->data;
  const float inverse = 1.0f / args->scale;
  const size_t elements = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  for (size_t i = 0; i < elements; ++i) {
    const float inside = ln_clamp_f32(in[i], args->low, args->high);
    out[i] = roundf((inside - args->low) * inverse) * args->scale + args->low;
  }
  return LN_OK;
}
