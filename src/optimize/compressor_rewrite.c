/* What a compressor gives for a layer, in the graph's place of it: new weights, or several layers in a chain. */
#include <stdio.h>
#include <string.h>

#include "optimize/factorize.h"

/* ---- shapes ---- */

bool ln_factor_strides(const ln_layer_weights *layer, const ln_factor *factors, int32_t index, bool across) {
  const int32_t own = across ? layer->width : layer->height;
  if (own == 1) return index == 0;
  return (across ? factors[index].width : factors[index].height) == own;
}

/* Whether the factors make a chain from the layer's input to its output that one of them strides along each axis. */
static bool fits(const ln_layer_weights *layer, const ln_factor *factors, int32_t count) {
  int32_t down = 0, across = 0;
  if (count < 1 || count > LN_MOST_FACTORS) return false;
  for (int32_t i = 0; i < count; ++i) {
    const ln_factor *f = &factors[i];
    if (f->rows < 1 || f->channels != (i == 0 ? layer->channels : factors[i - 1].rows)) return false;
    if ((f->height != 1 && f->height != layer->height) || (f->width != 1 && f->width != layer->width)) return false;
    down += ln_factor_strides(layer, factors, i, false);
    across += ln_factor_strides(layer, factors, i, true);
  }
  return factors[count - 1].rows == layer->rows && down == 1 && across == 1;
}

static bool add_product(int64_t *sum, const int64_t *parts, int32_t count) {
  size_t product = 1;
  for (int32_t i = 0; i < count; ++i)
    if (parts[i] < 0 || !ln_size_mul(product, (size_t)parts[i], &product)) return false;
  if (product > (size_t)(INT64_MAX - *sum)) return false;
  *sum += (int64_t)product;
  return true;
}

ln_status ln_factors_cost(const ln_layer_weights *layer, const ln_factor *factors, int32_t count, ln_error *err,
                          ln_compressor_cost *out) {
  if (layer == NULL || factors == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  if (!fits(layer, factors, count))
    return ln_fail(err, LN_ERR_SHAPE, "\"%s\": factors that do not fit it and one another", layer->name);
  int64_t height = layer->in_height, width = layer->in_width;
  out->bytes = out->macs = 0;
  for (int32_t i = 0; i < count; ++i) {
    const ln_factor *f = &factors[i];
    if (ln_factor_strides(layer, factors, i, false)) height = layer->out_height;
    if (ln_factor_strides(layer, factors, i, true)) width = layer->out_width;
    const int64_t parts[] = {f->rows, f->height, f->width, f->channels, height, width};
    const int64_t bytes[] = {f->rows, f->height, f->width, f->channels, sizeof(float)};
    if (!add_product(&out->macs, parts, 6) || !add_product(&out->bytes, bytes, 5))
      return ln_fail(err, LN_ERR_LIMIT, "\"%s\": more products than can be counted", layer->name);
  }
  return LN_OK;
}

/* ---- the graph ---- */

typedef struct chain {
  ln_optimizer *o;
  const ln_layer *layer;
  const ln_layer_weights *weights;
  const ln_factor *factors;
  int32_t count;
} chain;

static int32_t add_weights(const chain *c, int32_t index) {
  const ln_factor *f = &c->factors[index];
  const ln_tensor *old = &ln_optimizer_graph(c->o)->tensors[c->layer->weights];
  const int32_t flat[] = {f->rows, f->channels}, filter[] = {f->rows, f->height, f->width, f->channels};
  const ln_shape shape = c->layer->kind == LN_LAYER_CONV ? ln_shape_make(4, filter) : ln_shape_make(2, flat);
  size_t bytes;
  if (!ln_tensor_size(LN_FLOAT32, &shape, &bytes)) return -1;
  void *data = ln_arena_copy(ln_optimizer_arena(c->o), f->values, bytes);
  const char *name = ln_arena_printf(ln_optimizer_arena(c->o), "%s/factor%d", old->name, index + 1);
  return name == NULL ? -1 : ln_edit_add_constant(c->o, name, LN_FLOAT32, &shape, data, bytes);
}

static int32_t add_zero_bias(const chain *c, int32_t index) {
  const int32_t rows = c->factors[index].rows;
  const ln_shape shape = ln_shape_make(1, &rows);
  void *data = ln_arena_array(ln_optimizer_arena(c->o), (size_t)rows, sizeof(float));
  const char *name =
      ln_arena_printf(ln_optimizer_arena(c->o), "%s/factor%d/bias", ln_layer_name(c->o, c->layer), index + 1);
  return name == NULL ? -1 : ln_edit_add_constant(c->o, name, LN_FLOAT32, &shape, data, (size_t)rows * sizeof(float));
}

/* One dimension of what lies between two factors: the layer's output's where it has been strided, else its input's. */
static void between(const chain *c, int32_t index, const ln_shape *in, const ln_shape *out, ln_shape *to) {
  *to = *out;
  if (to->rank > 0) to->dims[to->rank - 1] = c->factors[index].rows;
  if (c->layer->kind != LN_LAYER_CONV || in->rank != 4 || out->rank != 4) return;
  bool down = false, across = false;
  for (int32_t i = 0; i <= index; ++i) {
    down = down || ln_factor_strides(c->weights, c->factors, i, false);
    across = across || ln_factor_strides(c->weights, c->factors, i, true);
  }
  if (!down) to->dims[1] = in->dims[1];
  if (!across) to->dims[2] = in->dims[2];
}

static int32_t add_between(const chain *c, int32_t index) {
  ln_graph *graph = ln_optimizer_graph(c->o);
  const ln_op *op = ln_layer_op(c->o, c->layer);
  const ln_tensor in = graph->tensors[op->inputs[0]], out = graph->tensors[op->outputs[0]];
  ln_shape shape, signature;
  between(c, index, &in.shape, &out.shape, &shape);
  between(c, index, &in.signature, &out.signature, &signature);
  const char *name = ln_arena_printf(ln_optimizer_arena(c->o), "%s/factor%d", out.name, index + 1);
  const int32_t made = name == NULL ? -1 : ln_edit_add_tensor(c->o, name, LN_FLOAT32, &shape, &ln_quant_none);
  if (made < 0) return -1;
  ln_tensor *tensor = &graph->tensors[made];
  tensor->signature = signature;
  tensor->has_signature = out.has_signature;
  tensor->has_rank = out.has_rank;
  return made;
}

/* Strides, dilation and padding of a convolution's options where its factor has them, and no activation but the last's.
 */
static void set_options(const chain *c, int32_t index, void *options) {
  if (c->layer->kind != LN_LAYER_CONV) {
    if (index + 1 < c->count) ((ln_fully_connected_options *)options)->fused_activation_function = LN_ACT_NONE;
    return;
  }
  ln_conv2d_options *conv = options;
  if (index + 1 < c->count) conv->fused_activation_function = LN_ACT_NONE;
  if (!ln_factor_strides(c->weights, c->factors, index, false)) conv->stride_h = conv->dilation_h_factor = 1;
  if (!ln_factor_strides(c->weights, c->factors, index, true)) conv->stride_w = conv->dilation_w_factor = 1;
}

/* An operator for a factor before the last, which reads `input`; what it writes, -1 when memory is short. */
static int32_t insert_factor(const chain *c, int32_t index, int32_t at, int32_t input) {
  ln_graph *graph = ln_optimizer_graph(c->o);
  const int32_t weights = add_weights(c, index), bias = add_zero_bias(c, index), output = add_between(c, index);
  const ln_op old = graph->ops[at];
  void *options = NULL;
  if (weights < 0 || bias < 0 || output < 0) return -1;
  ln_op *op = ln_edit_insert_op(c->o, at, old.def->code, 3, 1, &options);
  if (op == NULL || options == NULL) return -1;
  memcpy(options, old.options, ln_schema_table(old.options_table)->struct_size);
  set_options(c, index, options);
  op->inputs[0] = input;
  op->inputs[1] = weights;
  op->inputs[2] = bias;
  op->outputs[0] = output;
  op->debug_metadata_index = old.debug_metadata_index;
  op->version = old.version; /* types and attributes are the same */
  return output;
}

ln_status ln_factors_put(ln_optimizer *o, ln_layer *layer, const ln_layer_weights *weights, const ln_factor *factors,
                         int32_t count, const float *bias) {
  chain c = {o, layer, weights, factors, count};
  ln_graph *graph = ln_optimizer_graph(o);
  int32_t input = ln_layer_op(o, layer)->inputs[0];
  for (int32_t i = 0; i + 1 < count; ++i) {
    input = insert_factor(&c, i, layer->op, input);
    if (input < 0) return ln_optimizer_no_memory(o);
    ++layer->op;
  }
  LN_TRY(ln_invariant_move(o, layer->weights, -1));
  if (count == 1) {
    LN_TRY(ln_layer_write(o, layer, factors[0].values));
  } else {
    const int32_t last = add_weights(&c, count - 1);
    ln_op *op = &graph->ops[layer->op];
    const size_t size = ln_schema_table(op->options_table)->struct_size;
    void *options = ln_arena_copy(ln_optimizer_arena(o), op->options, size);
    if (last < 0 || options == NULL) return ln_optimizer_no_memory(o);
    set_options(&c, count - 1, options);
    op->options = options;
    op->has_options = true;
    op->inputs[0] = input;
    op->inputs[1] = last;
    layer->weights = last;
  }
  if (factors[count - 1].clusters > 0 && count == 1)
    LN_TRY(ln_invariant_keep_clusters(o, layer->weights, factors[0].clusters, 0));
  bool any = false;
  for (int32_t i = 0; i < weights->rows; ++i) any = any || bias[i] != 0;
  if (!any) return LN_OK;
  float *sum;
  LN_TRY(ln_layer_read_bias(o, layer, &sum));
  for (int32_t i = 0; i < weights->rows; ++i) sum[i] += bias[i];
  const ln_status status = ln_layer_write_bias(o, layer, sum);
  ln_free(sum);
  return status;
}
