/* Layers: which operators hold weights (their rows' flags say), and their weights as matrices of floats. */
#include <string.h>

#include "optimize/optimize.h"
#include "ops/weights.h"
#include "ops/window.h"

enum { LAST_RECURRENT = 8 };

/* ---- finding ---- */

static bool is_float(ln_type type) { return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16; }

/* Whether input `index` of an operator is a constant of floats; its tensor. */
static const ln_tensor *constant_input(const ln_graph *graph, const ln_op *op, int32_t index) {
  if (index >= op->input_count || op->inputs[index] < 0) return NULL;
  const ln_tensor *tensor = &graph->tensors[op->inputs[index]];
  return ln_tensor_const_data(tensor) && is_float(tensor->type) ? tensor : NULL;
}

static int32_t constant_bias(const ln_graph *graph, const ln_op *op, int32_t index, int32_t rows) {
  const ln_tensor *bias = constant_input(graph, op, index);
  size_t elements;
  if (bias == NULL || !ln_shape_elements(&bias->shape, &elements) || elements != (size_t)rows) return -1;
  return op->inputs[index];
}

static int32_t input_of(const ln_op *op, int32_t index) {
  return index >= 0 && index < op->input_count ? op->inputs[index] : -1;
}

/* Where a kind of layer has its weights, its input and its bias (-1: nowhere), and what rank the weights have. */
typedef struct place {
  ln_layer_kind kind;
  int8_t weights, input, bias, rank; /* rank 0: any from 2 on */
} place;

static const place places[] = {
    [LN_OPF_LAYER_CONV >> 12] = {LN_LAYER_CONV, 1, 0, 2, 4},
    [LN_OPF_LAYER_DEPTHWISE >> 12] = {LN_LAYER_DEPTHWISE, 1, 0, 2, 4},
    [LN_OPF_LAYER_FULLY_CONNECTED >> 12] = {LN_LAYER_FULLY_CONNECTED, 1, 0, 2, 2},
    [LN_OPF_LAYER_TRANSPOSE_CONV >> 12] = {LN_LAYER_TRANSPOSE_CONV, 1, 2, 3, 4},
    [LN_OPF_LAYER_BATCH_MATMUL >> 12] = {LN_LAYER_BATCH_MATMUL, 1, 0, -1, 2},
    [LN_OPF_LAYER_RECURRENT >> 12] = {LN_LAYER_RECURRENT, 1, 0, -1, 2},
    [LN_OPF_LAYER_EMBEDDING >> 12] = {LN_LAYER_EMBEDDING, 1, -1, -1, 2},
    [LN_OPF_LAYER_GATHER >> 12] = {LN_LAYER_EMBEDDING, 0, -1, -1, 2},
};

static bool rows_last(const ln_op *op, ln_layer_kind kind) {
  if (kind == LN_LAYER_DEPTHWISE) return true;
  return kind == LN_LAYER_BATCH_MATMUL && !((const ln_batch_mat_mul_options *)op->options)->adj_y;
}

/* Describes the layer whose weights are input `at`; false when there are none. */
static bool describe(const ln_graph *graph, int32_t index, const place *where, int32_t at, ln_layer *out) {
  const ln_op *op = &graph->ops[index];
  const ln_tensor *weights = constant_input(graph, op, at);
  size_t elements;
  if (weights == NULL || weights->shape.rank != where->rank) return false;
  if (!ln_shape_elements(&weights->shape, &elements) || elements == 0 || elements > INT32_MAX) return false;
  if (where->kind == LN_LAYER_EMBEDDING && where->weights == 0) {
    const ln_gather_options *options = op->options;
    if (options->axis != 0 || options->batch_dims != 0) return false;
  }
  if (where->kind == LN_LAYER_DEPTHWISE && weights->shape.dims[0] != 1) return false;
  *out = (ln_layer){.kind = where->kind, .op = index, .weights = op->inputs[at]};
  out->axis = rows_last(op, where->kind) ? weights->shape.rank - 1 : 0;
  out->rows = weights->shape.dims[out->axis];
  out->columns = (int32_t)(elements / (size_t)out->rows);
  out->input = input_of(op, where->input);
  out->bias = where->bias < 0 ? -1 : constant_bias(graph, op, where->bias, out->rows);
  return true;
}

/* Appends the layers of one operator; the array has room. */
static void find_in(const ln_graph *graph, int32_t index, bool *seen, ln_layer *layers, int32_t *count) {
  const uint32_t kind = (graph->ops[index].def->flags & LN_OPF_LAYER) >> 12;
  if (kind == 0 || kind >= LN_COUNT(places)) return;
  const place *where = &places[kind];
  const int32_t last = where->kind == LN_LAYER_RECURRENT ? LAST_RECURRENT : where->weights;
  for (int32_t at = where->weights; at <= last; ++at) {
    ln_layer layer;
    if (!describe(graph, index, where, at, &layer) || seen[layer.weights]) continue;
    seen[layer.weights] = true;
    layers[(*count)++] = layer;
  }
}

ln_status ln_layers_find(const ln_optimizer *o, const ln_stage *stage, ln_layer **out, int32_t *count) {
  const ln_graph *graph = ln_optimizer_graph(o);
  size_t most;
  *count = 0;
  *out = NULL;
  if (!ln_size_mul((size_t)graph->op_count + 1, LAST_RECURRENT, &most)) return ln_optimizer_no_memory(o);
  ln_layer *layers = ln_alloc_array(most, sizeof *layers);
  bool *seen = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *seen);
  if (layers == NULL || seen == NULL) {
    ln_free(layers);
    ln_free(seen);
    return ln_optimizer_no_memory(o);
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (stage == NULL || ln_stage_takes(stage, o, &graph->ops[i])) find_in(graph, i, seen, layers, count);
  }
  ln_free(seen);
  *out = layers;
  return LN_OK;
}

ln_op *ln_layer_op(const ln_optimizer *o, const ln_layer *layer) { return &ln_optimizer_graph(o)->ops[layer->op]; }

const char *ln_layer_name(const ln_optimizer *o, const ln_layer *layer) {
  const ln_op *op = ln_layer_op(o, layer);
  return op->output_count > 0 ? ln_optimizer_graph(o)->tensors[op->outputs[0]].name : "";
}

int32_t ln_layer_lanes(const ln_optimizer *o, const ln_layer *layer) {
  const ln_graph *graph = ln_optimizer_graph(o);
  if (layer->kind == LN_LAYER_DEPTHWISE) return layer->rows;
  if (layer->kind != LN_LAYER_CONV || layer->input < 0) return 1;
  const ln_shape *input = &graph->tensors[layer->input].shape;
  const int32_t each = graph->tensors[layer->weights].shape.dims[3];
  const int32_t groups = each > 0 && input->rank == 4 && input->dims[3] > 0 ? input->dims[3] / each : 1;
  return groups > 0 && layer->rows % groups == 0 ? groups : 1;
}

/* ---- reading and writing ---- */

/* Between the matrix and storage whose rows lie along the last axis. */
static void transpose(const float *from, int32_t rows, int32_t columns, float *to) {
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c)
      to[(size_t)c * (size_t)rows + (size_t)r] = from[(size_t)r * (size_t)columns + (size_t)c];
  }
}

/* A constant's elements as floats, in storage order. */
static ln_status read_floats(const ln_optimizer *o, const ln_op *op, const ln_tensor *tensor, size_t count,
                             float *out) {
  const ln_graph *graph = ln_optimizer_graph(o);
  ln_tensor *in[1] = {graph->tensors + (tensor - graph->tensors)};
  const ln_node node = {
      .op = op, .in = in, .in_count = 1, .tensors = graph->tensors, .tensor_count = graph->tensor_count};
  ln_weights weights;
  LN_TRY(ln_weights_open(&node, tensor, o->err, &weights));
  ln_status status = LN_OK;
  if (weights.plain == LN_FLOAT32) {
    ln_weights_read(&weights, 0, count, out);
  } else {
    status = ln_fail(o->err, LN_ERR_TYPE, "tensor \"%s\": %s weights where floats are wanted", tensor->name,
                     ln_type_name(tensor->type));
  }
  ln_weights_close(&weights);
  return status;
}

ln_status ln_layer_read(const ln_optimizer *o, const ln_layer *layer, float **out) {
  const size_t count = (size_t)layer->rows * (size_t)layer->columns;
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[layer->weights];
  float *values = ln_alloc_array(count, sizeof *values);
  *out = NULL;
  if (values == NULL) return ln_optimizer_no_memory(o);
  ln_status status = read_floats(o, ln_layer_op(o, layer), tensor, count, values);
  if (status == LN_OK && layer->axis != 0) {
    float *turned = ln_alloc_array(count, sizeof *turned);
    if (turned == NULL) {
      status = ln_optimizer_no_memory(o);
    } else {
      transpose(values, layer->columns, layer->rows, turned);
      ln_free(values);
      values = turned;
    }
  }
  if (status != LN_OK) {
    ln_free(values);
    return status;
  }
  *out = values;
  return LN_OK;
}

ln_status ln_layer_write(const ln_optimizer *o, const ln_layer *layer, const float *values) {
  const size_t count = (size_t)layer->rows * (size_t)layer->columns;
  float *data = ln_arena_array(ln_optimizer_arena(o), count, sizeof *data);
  if (data == NULL) return ln_optimizer_no_memory(o);
  if (layer->axis == 0) {
    memcpy(data, values, count * sizeof *data);
  } else {
    transpose(values, layer->rows, layer->columns, data);
  }
  ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[layer->weights];
  tensor->quant = &ln_quant_none;
  ln_edit_set_data(tensor, LN_FLOAT32, data, count * sizeof *data);
  return LN_OK;
}

ln_status ln_layer_read_bias(const ln_optimizer *o, const ln_layer *layer, float **out) {
  float *values = ln_alloc_array((size_t)layer->rows, sizeof *values);
  *out = NULL;
  if (values == NULL) return ln_optimizer_no_memory(o);
  const ln_status status = layer->bias < 0
                               ? LN_OK
                               : read_floats(o, ln_layer_op(o, layer), &ln_optimizer_graph(o)->tensors[layer->bias],
                                             (size_t)layer->rows, values);
  if (status != LN_OK) {
    ln_free(values);
    return status;
  }
  *out = values;
  return LN_OK;
}

/* Gives an operator an input `at` that it left out; false when memory is short. */
static bool add_input(ln_arena *arena, ln_op *op, int32_t at, int32_t tensor) {
  if (at >= op->input_count) {
    int32_t *inputs = ln_arena_array(arena, (size_t)at + 1, sizeof *inputs);
    if (inputs == NULL) return false;
    for (int32_t i = 0; i <= at; ++i) inputs[i] = i < op->input_count ? op->inputs[i] : -1;
    op->inputs = inputs;
    op->input_count = at + 1;
  }
  op->inputs[at] = tensor;
  return true;
}

ln_status ln_layer_write_bias(const ln_optimizer *o, ln_layer *layer, const float *values) {
  ln_arena *arena = ln_optimizer_arena(o);
  ln_op *op = ln_layer_op(o, layer);
  const int32_t at = places[(op->def->flags & LN_OPF_LAYER) >> 12].bias;
  const size_t bytes = (size_t)layer->rows * sizeof *values;
  float *data = ln_arena_copy(arena, values, bytes);
  if (at < 0 || (layer->bias < 0 && at < op->input_count && op->inputs[at] >= 0)) {
    return ln_fail(o->err, LN_ERR_UNSUPPORTED, "op %d %s \"%s\": takes no bias of its own", op->index, op->def->name,
                   ln_layer_name(o, layer));
  }
  if (data == NULL) return ln_optimizer_no_memory(o);
  /* Other operators may read the same constant: this layer's is always a tensor of its own. */
  ln_tensor tensor = {.type = LN_FLOAT32, .quant = &ln_quant_none};
  tensor.shape = tensor.signature = ln_shape_make(1, &layer->rows);
  if (layer->bias >= 0) {
    tensor.name = ln_optimizer_graph(o)->tensors[layer->bias].name;
  } else {
    tensor.name = ln_arena_printf(arena, "%s/bias", ln_layer_name(o, layer));
  }
  ln_edit_set_data(&tensor, LN_FLOAT32, data, bytes);
  const int32_t index = tensor.name == NULL ? -1 : ln_graph_add_tensor(ln_optimizer_graph(o), arena, &tensor);
  if (index < 0 || !add_input(arena, op, at, index)) return ln_optimizer_no_memory(o);
  layer->bias = index;
  return LN_OK;
}

/* ---- what weights are multiplied with ---- */

/* A convolution's window over both axes of its image, and how many of its channels a patch holds. */
typedef struct patches {
  ln_window y, x;
  int32_t batches, in_channels, first_channel, channels, channel_step;
} patches;

static bool conv_windows(const ln_layer *layer, const ln_op *op, const ln_tensor *weights, const ln_tensor *input,
                         patches *p) {
  int32_t padding;
  if (input->shape.rank != 4) return false;
  p->y = (ln_window){.in = input->shape.dims[1], .kernel = weights->shape.dims[1]};
  p->x = (ln_window){.in = input->shape.dims[2], .kernel = weights->shape.dims[2]};
  if (layer->kind == LN_LAYER_CONV) {
    const ln_conv2d_options *options = op->options;
    p->y.stride = options->stride_h, p->x.stride = options->stride_w;
    p->y.dilation = options->dilation_h_factor, p->x.dilation = options->dilation_w_factor;
    padding = options->padding;
  } else {
    const ln_depthwise_conv2d_options *options = op->options;
    p->y.stride = options->stride_h, p->x.stride = options->stride_w;
    p->y.dilation = options->dilation_h_factor, p->x.dilation = options->dilation_w_factor;
    padding = options->padding;
  }
  p->batches = input->shape.dims[0];
  p->in_channels = input->shape.dims[3];
  return ln_window_resolve(&p->y, padding, false) && ln_window_resolve(&p->x, padding, false);
}

static float element(const float *values, const ln_tensor *input, size_t index) {
  return values != NULL ? values[index] : ln_tensor_get_f32(input, index);
}

static void take_patch(const patches *p, const ln_tensor *input, int64_t position, float *row) {
  const float *values = input->type == LN_FLOAT32 ? input->data : NULL;
  const int32_t ox = (int32_t)(position % p->x.out);
  const int32_t oy = (int32_t)(position / p->x.out % p->y.out);
  const size_t batch = (size_t)(position / p->x.out / p->y.out);
  for (int32_t ky = 0; ky < p->y.kernel; ++ky) {
    const int32_t iy = oy * p->y.stride - p->y.before + ky * p->y.dilation;
    for (int32_t kx = 0; kx < p->x.kernel; ++kx) {
      const int32_t ix = ox * p->x.stride - p->x.before + kx * p->x.dilation;
      const bool inside = iy >= 0 && iy < p->y.in && ix >= 0 && ix < p->x.in;
      const size_t at =
          ((batch * (size_t)p->y.in + (size_t)(inside ? iy : 0)) * (size_t)p->x.in + (size_t)(inside ? ix : 0)) *
              (size_t)p->in_channels +
          (size_t)p->first_channel;
      for (int32_t c = 0; c < p->channels; ++c) *row++ = inside ? element(values, input, at + (size_t)c) : 0.0f;
    }
  }
}

/* Splitmix64's finisher: where the spread begins. */
static uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/* The window and the channels that `channel` sees; false where they do not fit the input. */
static bool describe_patches(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int32_t channel,
                             patches *p) {
  const ln_tensor *weights = &ln_optimizer_graph(o)->tensors[layer->weights];
  if (!conv_windows(layer, ln_layer_op(o, layer), weights, input, p)) return false;
  if (layer->kind == LN_LAYER_DEPTHWISE) {
    if (p->in_channels < 1 || layer->rows % p->in_channels != 0 || channel < 0 || channel >= layer->rows) return false;
    p->first_channel = channel / (layer->rows / p->in_channels);
    p->channels = 1;
    return true;
  }
  const int32_t per_group = weights->shape.dims[3];
  if (per_group < 1 || p->in_channels % per_group != 0) return false;
  const int32_t groups = p->in_channels / per_group;
  p->first_channel = groups > 1 ? channel / (layer->rows / groups) * per_group : 0;
  p->channels = per_group;
  return true;
}

/* How many of `total` positions are taken, and which. */
static int64_t spread(int64_t total, int64_t most, uint64_t seed, int64_t *start, int64_t *step) {
  const int64_t taken = most < total ? most : total;
  *step = taken > 0 ? total / taken : 1;
  *start = (int64_t)(mix(seed + 1) % (uint64_t)*step);
  return taken;
}

static int64_t conv_patches(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int32_t channel,
                            int64_t most, uint64_t seed, float *rows) {
  patches p;
  int64_t start, step;
  if (!describe_patches(o, layer, input, channel, &p)) return -1;
  const int64_t taken = ln_layer_positions(o, layer, input, most, seed, &start, &step);
  for (int64_t i = 0; i < taken; ++i)
    take_patch(&p, input, start + i * step, rows + (size_t)i * (size_t)layer->columns);
  return taken;
}

/* Written, and element by element: a constant that a layer multiplies may be in another form. */
static bool is_readable(const ln_tensor *input) {
  return input != NULL && input->data != NULL && input->sparsity == NULL && input->codebook == NULL;
}

int64_t ln_layer_positions(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int64_t most,
                           uint64_t seed, int64_t *start, int64_t *step) {
  size_t total;
  if (!is_readable(input)) return -1;
  if (layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE) {
    patches p;
    if (!describe_patches(o, layer, input, 0, &p)) return -1;
    if (!ln_size_product((const int32_t[]){p.batches, p.y.out, p.x.out}, 3, &total)) return 0;
  } else if (layer->kind == LN_LAYER_EMBEDDING || layer->kind == LN_LAYER_TRANSPOSE_CONV) {
    /* Of a transposed convolution each input pixel meets every tap: a row is one pixel's channels. */
    return -1;
  } else {
    if (!ln_shape_elements(&input->shape, &total) || total % (size_t)layer->columns != 0) return -1;
    total /= (size_t)layer->columns;
  }
  return spread((int64_t)total, most, seed, start, step);
}

int64_t ln_layer_patches(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int32_t channel,
                         int64_t most, uint64_t seed, float *rows) {
  if (!is_readable(input)) return -1;
  if (layer->kind == LN_LAYER_CONV || layer->kind == LN_LAYER_DEPTHWISE) {
    return conv_patches(o, layer, input, channel, most, seed, rows);
  }
  int64_t start, step;
  const int64_t taken = ln_layer_positions(o, layer, input, most, seed, &start, &step);
  const float *values = input->type == LN_FLOAT32 ? input->data : NULL;
  for (int64_t i = 0; i < taken; ++i) {
    const size_t from = (size_t)(start + i * step) * (size_t)layer->columns;
    for (int32_t c = 0; c < layer->columns; ++c) {
      rows[(size_t)i * (size_t)layer->columns + (size_t)c] = element(values, input, from + (size_t)c);
    }
  }
  return taken;
}
