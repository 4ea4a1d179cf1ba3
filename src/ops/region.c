/* Regions: recognising, and running graphs of scalars on many scalars at once. */
#include "ops/region.h"

#include <math.h>
#include <string.h>

#include "ops/hlo.h"

const ln_binary_params ln_region_params = {.low_f = -INFINITY, .high_f = INFINITY, .low = INT32_MIN, .high = INT32_MAX};

/* ---- recognising ---- */

typedef struct known_op {
  uint8_t code, op;
} known_op;

/* Commutative and associative functions. TFLite's own come for types that they do not rescale. */
static const known_op known_ops[] = {
    {LN_OP_STABLEHLO_ADD, LN_BINARY_ADD},
    {LN_OP_STABLEHLO_MULTIPLY, LN_BINARY_MUL},
    {LN_OP_STABLEHLO_MAXIMUM, LN_BINARY_MAXIMUM},
    {LN_OP_STABLEHLO_MINIMUM, LN_BINARY_MINIMUM},
    {LN_OP_STABLEHLO_AND, LN_BINARY_AND},
    {LN_OP_STABLEHLO_OR, LN_BINARY_OR},
    {LN_OP_LOGICAL_AND, LN_BINARY_LOGICAL_AND},
    {LN_OP_LOGICAL_OR, LN_BINARY_LOGICAL_OR},
    {LN_OP_ADD, LN_BINARY_ADD},
    {LN_OP_MUL, LN_BINARY_MUL},
    {LN_OP_MAXIMUM, LN_BINARY_MAXIMUM},
    {LN_OP_MINIMUM, LN_BINARY_MINIMUM},
};

static bool is_plain(const ln_op *op, ln_type type) {
  const bool rescales = type == LN_INT8 || type == LN_UINT8 || type == LN_INT16;
  if (op->def->code == LN_OP_ADD) {
    return !rescales && ((const ln_add_options *)op->options)->fused_activation_function == LN_ACT_NONE;
  }
  if (op->def->code == LN_OP_MUL) {
    return !rescales && ((const ln_mul_options *)op->options)->fused_activation_function == LN_ACT_NONE;
  }
  return true;
}

/* One operator on both arguments, in either order. */
static bool recognise_kernel(const ln_graph *graph, ln_region *region) {
  if (region->arg_count != 2 || graph->op_count != 1) return false;
  const ln_op *op = &graph->ops[0];
  if (op->custom_name != NULL || op->input_count != 2 || op->output_count != 1) return false;
  if (op->outputs[0] != graph->outputs[0]) return false;
  const int32_t a = graph->inputs[0], b = graph->inputs[1];
  if (!((op->inputs[0] == a && op->inputs[1] == b) || (op->inputs[0] == b && op->inputs[1] == a)) || a == b) {
    return false;
  }
  for (size_t i = 0; i < LN_COUNT(known_ops); ++i) {
    if (known_ops[i].code != op->def->code) continue;
    region->op = (ln_binary_op)known_ops[i].op;
    region->fn = is_plain(op, region->types[0]) ? ln_hlo_kernel(region->op, region->types[0]) : NULL;
    return region->fn != NULL;
  }
  return false;
}

static bool gives_second_half(const ln_graph *graph, const ln_region *region) {
  const int32_t half = region->arg_count / 2;
  if (region->result_count != half || graph->op_count != 0) return false;
  for (int32_t i = 0; i < half; ++i) {
    if (graph->outputs[i] != graph->inputs[half + i]) return false;
  }
  return true;
}

/* Operators that do to a list of scalars what they do to each. */
static bool is_elementwise(int32_t code) {
  static const uint8_t codes[] = {LN_OP_ADD,
                                  LN_OP_SUB,
                                  LN_OP_MUL,
                                  LN_OP_DIV,
                                  LN_OP_MAXIMUM,
                                  LN_OP_MINIMUM,
                                  LN_OP_POW,
                                  LN_OP_FLOOR_DIV,
                                  LN_OP_FLOOR_MOD,
                                  LN_OP_SQUARED_DIFFERENCE,
                                  LN_OP_EQUAL,
                                  LN_OP_NOT_EQUAL,
                                  LN_OP_LESS,
                                  LN_OP_LESS_EQUAL,
                                  LN_OP_GREATER,
                                  LN_OP_GREATER_EQUAL,
                                  LN_OP_LOGICAL_AND,
                                  LN_OP_LOGICAL_OR,
                                  LN_OP_LOGICAL_NOT,
                                  LN_OP_SELECT,
                                  LN_OP_SELECT_V2,
                                  LN_OP_CAST,
                                  LN_OP_ABS,
                                  LN_OP_NEG,
                                  LN_OP_EXP,
                                  LN_OP_LOG,
                                  LN_OP_SQRT,
                                  LN_OP_RSQRT,
                                  LN_OP_SQUARE,
                                  LN_OP_SIN,
                                  LN_OP_COS,
                                  LN_OP_TANH,
                                  LN_OP_LOGISTIC,
                                  LN_OP_RELU,
                                  LN_OP_FLOOR,
                                  LN_OP_CEIL,
                                  LN_OP_ROUND,
                                  LN_OP_SIGN,
                                  LN_OP_BITWISE_XOR,
                                  LN_OP_RIGHT_SHIFT,
                                  LN_OP_STABLEHLO_LOGISTIC,
                                  LN_OP_STABLEHLO_ADD,
                                  LN_OP_STABLEHLO_DIVIDE,
                                  LN_OP_STABLEHLO_MULTIPLY,
                                  LN_OP_STABLEHLO_MAXIMUM,
                                  LN_OP_STABLEHLO_CLAMP,
                                  LN_OP_STABLEHLO_ABS,
                                  LN_OP_STABLEHLO_AND,
                                  LN_OP_STABLEHLO_COSINE,
                                  LN_OP_STABLEHLO_EXPONENTIAL,
                                  LN_OP_STABLEHLO_FLOOR,
                                  LN_OP_STABLEHLO_LOG,
                                  LN_OP_STABLEHLO_MINIMUM,
                                  LN_OP_STABLEHLO_NEGATE,
                                  LN_OP_STABLEHLO_OR,
                                  LN_OP_STABLEHLO_POWER,
                                  LN_OP_STABLEHLO_REMAINDER,
                                  LN_OP_STABLEHLO_RSQRT,
                                  LN_OP_STABLEHLO_SELECT,
                                  LN_OP_STABLEHLO_SUBTRACT,
                                  LN_OP_STABLEHLO_TANH,
                                  LN_OP_STABLEHLO_COMPARE,
                                  LN_OP_STABLEHLO_CONVERT,
                                  LN_OP_STABLEHLO_SHIFT_LEFT,
                                  LN_OP_STABLEHLO_CBRT};
  for (size_t i = 0; i < LN_COUNT(codes); ++i) {
    if (codes[i] == code) return true;
  }
  return false;
}

/* Constants of one element broadcast to any number of lanes. */
static bool takes_lanes(const ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (!is_elementwise(op->def->code)) return false;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] < 0) return false;
      const ln_tensor *tensor = &graph->tensors[op->inputs[j]];
      size_t elements = 0;
      if (!ln_tensor_const_data(tensor)) continue;
      if (!ln_shape_elements(&tensor->shape, &elements) || elements != 1) return false;
    }
  }
  return true;
}

/* ---- graphs ---- */

/* The arguments of one run, without data. */
typedef struct scalars {
  ln_tensor tensors[LN_REGION_ARGS];
  ln_tensor *pointers[LN_REGION_ARGS];
} scalars;

static void make_scalars(const ln_region *region, scalars *out) {
  for (int32_t i = 0; i < region->arg_count; ++i) {
    ln_tensor *tensor = &out->tensors[i];
    *tensor = (ln_tensor){.name = "an argument", .type = region->types[i], .quant = &ln_quant_none};
    if (region->lanes > 1) {
      tensor->shape.rank = 1;
      tensor->shape.dims[0] = region->lanes;
    }
    tensor->bytes = (size_t)region->lanes * region->arg_bytes[i]; /* bounded: LN_REGION_LANES */
    out->pointers[i] = tensor;
  }
}

static ln_status prepare_graph(const ln_node *node, const ln_region *region, ln_error *err, ln_callee *made) {
  scalars in;
  make_scalars(region, &in);
  return ln_host_prepare_graph(node, region->graph, in.pointers, region->arg_count, err, made);
}

/* Whether result `index` is known to hold one element for each lane. */
static bool gives_lanes(const ln_callee *made, int32_t index, int32_t lanes) {
  size_t elements = 0;
  if (!made->known[made->outputs[index]]) return false;
  return ln_shape_elements(&ln_callee_out(made, index)->shape, &elements) && elements == (size_t)lanes;
}

static ln_status open_graph(const ln_node *node, const ln_graph *graph, size_t wanted, ln_region *region,
                            ln_error *err) {
  ln_callee made;
  region->kind = LN_REGION_GRAPH;
  region->lanes = wanted > LN_REGION_LANES ? LN_REGION_LANES : (int32_t)wanted;
  if (region->lanes > 1 && takes_lanes(graph)) {
    bool good = prepare_graph(node, region, NULL, &made) == LN_OK;
    for (int32_t i = 0; good && i < region->result_count; ++i) good = gives_lanes(&made, i, region->lanes);
    if (good) return LN_OK;
  }
  region->lanes = 1;
  return prepare_graph(node, region, err, &made);
}

/* ---- opening ---- */

static ln_status check_region(const ln_node *node, const ln_graph *graph, const ln_region *region, bool predicate,
                              ln_error *err) {
  if (graph->input_count != region->arg_count || graph->output_count != region->result_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "its region takes %d values and gives %d, not %d and %d",
                        graph->input_count, graph->output_count, region->arg_count, region->result_count);
  }
  for (int32_t i = 0; i < region->arg_count + region->result_count; ++i) {
    const bool result = i >= region->arg_count;
    const int32_t place = result ? i - region->arg_count : i;
    const ln_tensor *tensor = &graph->tensors[result ? graph->outputs[place] : graph->inputs[place]];
    const ln_type wanted = result && predicate ? LN_BOOL : region->types[place];
    if (tensor->type == wanted) continue;
    return ln_node_fail(node, err, LN_ERR_TYPE, "%s %d of its region is %s, not %s", result ? "result" : "argument",
                        place, ln_type_name(tensor->type), ln_type_name(wanted));
  }
  return LN_OK;
}

static ln_status open_region(const ln_node *node, int32_t index, const ln_type *types, int32_t arg_count, size_t wanted,
                             bool predicate, ln_error *err, ln_region *out) {
  const ln_graph *graph = NULL;
  if (arg_count > LN_REGION_ARGS) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "a region of %d arguments", arg_count);
  }
  *out = (ln_region){
      .graph = index, .arg_count = arg_count, .result_count = predicate ? 1 : arg_count / 2, .lanes = LN_REGION_LANES};
  for (int32_t i = 0; i < arg_count; ++i) {
    out->types[i] = types[i];
    out->arg_bytes[i] = (size_t)ln_type_bits(types[i]) / 8;
  }
  for (int32_t i = 0; i < out->result_count; ++i) out->result_bytes[i] = predicate ? 1 : out->arg_bytes[i];
  LN_TRY(ln_host_graph(node, index, err, &graph));
  LN_TRY(check_region(node, graph, out, predicate, err));
  if (!predicate && recognise_kernel(graph, out)) {
    out->kind = LN_REGION_KERNEL;
    return LN_OK;
  }
  if (!predicate && gives_second_half(graph, out)) {
    out->kind = LN_REGION_SECOND;
    return LN_OK;
  }
  return open_graph(node, graph, wanted, out, err);
}

ln_status ln_region_open(const ln_node *node, int32_t graph, const ln_type *types, int32_t arg_count, size_t wanted,
                         ln_error *err, ln_region *out) {
  return open_region(node, graph, types, arg_count, wanted, false, err, out);
}

ln_status ln_region_open_predicate(const ln_node *node, int32_t graph, const ln_type *types, int32_t arg_count,
                                   size_t wanted, ln_error *err, ln_region *out) {
  return open_region(node, graph, types, arg_count, wanted, true, err, out);
}

bool ln_region_staging_bytes(const ln_type *types, int32_t arg_count, size_t *bytes) {
  size_t total = 0;
  for (int32_t i = 0; i < arg_count; ++i) {
    if (!ln_size_add(total, LN_REGION_LANES * ((size_t)ln_type_bits(types[i]) / 8), &total)) return false;
  }
  *bytes = total;
  return true;
}

/* ---- running ---- */

/* Fewer scalars than lanes: the first one fills what is left, so that no lane computes with what nobody gave. */
static const void *stage(const void *from, size_t count, size_t lanes, size_t bytes, char *to) {
  memcpy(to, from, count * bytes);
  ln_k_fill(to + count * bytes, from, bytes, lanes - count);
  return to;
}

static ln_status take_results(const ln_node *node, const ln_region *region, const ln_callee *made, void *const *results,
                              size_t at, size_t count, ln_error *err) {
  for (int32_t i = 0; i < region->result_count; ++i) {
    const ln_tensor *result = ln_callee_out(made, i);
    const size_t bytes = region->result_bytes[i];
    if (result->data == NULL || result->bytes != (size_t)region->lanes * bytes) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "result %d of its region is no scalar", i);
    }
    memcpy((char *)results[i] + at * bytes, result->data, count * bytes);
  }
  return LN_OK;
}

static ln_status run_graph(const ln_node *node, const ln_region *region, const void *const *args, void *const *results,
                           size_t count, char *staging, ln_error *err) {
  const size_t lanes = (size_t)region->lanes;
  scalars in;
  make_scalars(region, &in);
  for (size_t at = 0; at < count; at += lanes) {
    const size_t left = count - at, taken = left < lanes ? left : lanes;
    ln_callee made;
    char *space = staging;
    for (int32_t i = 0; i < region->arg_count; ++i) {
      const size_t bytes = region->arg_bytes[i];
      const void *from = (const char *)args[i] + at * bytes;
      if (taken < lanes) from = stage(from, taken, lanes, bytes, space);
      space += lanes * bytes;
      in.tensors[i].data = (void *)(uintptr_t)from; /* only read */
    }
    LN_TRY(ln_host_run_graph(node, region->graph, in.pointers, region->arg_count, err, &made));
    LN_TRY(take_results(node, region, &made, results, at, taken, err));
  }
  return LN_OK;
}

ln_status ln_region_run(const ln_node *node, const ln_region *region, const void *const *args, void *const *results,
                        size_t count, void *staging, ln_error *err) {
  if (count == 0) return LN_OK;
  switch (region->kind) {
    case LN_REGION_KERNEL: {
      const ln_block block = {1, count, {0, 0, 0}, {1, 1, 0}};
      region->fn(args[0], args[1], results[0], &block, &ln_region_params);
      return LN_OK;
    }
    case LN_REGION_SECOND:
      for (int32_t i = 0; i < region->result_count; ++i) {
        memmove(results[i], args[region->result_count + i], count * region->result_bytes[i]);
      }
      return LN_OK;
    default: return run_graph(node, region, args, results, count, staging, err);
  }
}

/* ---- folding ---- */

ln_status ln_region_check_fold(const ln_node *node, ln_error *err) {
  const int32_t count = node->out_count;
  if (count < 1 || count > LN_REGION_OPERANDS || node->in_count != 2 * count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs and %d outputs", node->in_count, count);
  }
  for (int32_t i = 0; i < count; ++i) {
    size_t elements = 0;
    const ln_tensor *in = node->in[i], *init = node->in[count + i];
    if (!ln_shape_equal(&in->shape, &node->in[0]->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "operand %d has another shape than the first", i);
    }
    if (!ln_shape_elements(&init->shape, &elements) || elements != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "initial value %d is no scalar", i);
    }
    if (init->type != in->type || node->out[i]->type != in->type) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "operand %d, its initial value and output differ in type", i);
    }
  }
  return LN_OK;
}

ln_status ln_region_open_fold(const ln_node *node, int32_t graph, size_t wanted, ln_error *err, ln_region *out) {
  ln_type types[LN_REGION_ARGS];
  for (int32_t i = 0; i < node->in_count; ++i) types[i] = node->in[i]->type;
  return ln_region_open(node, graph, types, node->in_count, wanted, err, out);
}

bool ln_region_fold_bytes(const ln_node *node, size_t *bytes) {
  ln_type types[LN_REGION_ARGS];
  size_t lanes = 0;
  for (int32_t i = 0; i < node->in_count; ++i) types[i] = node->in[i]->type;
  return ln_region_staging_bytes(types, node->in_count, &lanes) && ln_size_mul(lanes, 2, bytes);
}

ln_region_fold ln_region_fold_begin(const ln_node *node, const ln_region *region, const ln_exec *exec) {
  ln_region_fold fold = {.node = node, .region = region, .err = exec->err};
  char *space = exec->scratch;
  for (int32_t i = 0; i < region->result_count; ++i) {
    const size_t bytes = LN_REGION_LANES * region->arg_bytes[i];
    fold.acc[i] = space;
    fold.values[i] = space + bytes;
    space += 2 * bytes;
  }
  fold.staging = space;
  return fold;
}

ln_status ln_region_fold_lanes(const ln_region_fold *fold, size_t count) {
  const void *args[LN_REGION_ARGS];
  void *results[LN_REGION_OPERANDS];
  const int32_t operands = fold->region->result_count;
  for (int32_t i = 0; i < operands; ++i) {
    args[i] = results[i] = fold->acc[i];
    args[operands + i] = fold->values[i];
  }
  return ln_region_run(fold->node, fold->region, args, results, count, fold->staging, fold->err);
}
