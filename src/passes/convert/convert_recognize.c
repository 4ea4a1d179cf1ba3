/*
 * Finds single operators by what several compute. Operators that work element by element on one tensor and on single
 * numbers are a function of one variable, however it is written out; it is computed at points over the whole range and
 * compared with what operators of TFLite make of them: GELU, HARD_SWISH, RELU6, LEAKY_RELU, LOGISTIC ...
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

enum { MOST_OPS = 96, POINTS = 400, MOST_EVALUATIONS = 60000 };

/* ---- the points ---- */

static float point_at(int32_t i) {
  const int32_t half = POINTS / 2, k = i % half;
  const float sign = i < half ? 1.0f : -1.0f;
  static const float ends[] = {0.0f, 1e-12f, 1e-7f, 1e5f}; /* where a limit that keeps clear of zero shows */
  if (k >= half - (int32_t)LN_COUNT(ends)) return sign * ends[half - 1 - k];
  if (k < half / 2) return sign * 8.0f * ((float)k + 0.37f) / (float)(half / 2);
  return sign * powf(10.0f, -4.0f + 7.5f * (float)(k - half / 2) / (float)(half / 2));
}

typedef struct candidate {
  int32_t code;
  bool approximate;
} candidate;

static const candidate candidates[] = {
    {LN_OP_RELU, false},       {LN_OP_RELU6, false}, {LN_OP_RELU_N1_TO_1, false}, {LN_OP_RELU_0_TO_1, false},
    {LN_OP_HARD_SWISH, false}, {LN_OP_GELU, false},  {LN_OP_GELU, true},          {LN_OP_LOGISTIC, false},
    {LN_OP_TANH, false},       {LN_OP_ELU, false},   {LN_OP_ABS, false},          {LN_OP_SQUARE, false},
    {LN_OP_RSQRT, false},      {LN_OP_SQRT, false},  {LN_OP_EXP, false},          {LN_OP_LEAKY_RELU, false}};

typedef struct recognizer {
  ln_rewriter r;
  float points[POINTS];
  float expected[LN_COUNT(candidates)][POINTS];
  int32_t evaluations;
} recognizer;

/* ---- running operators ---- */

static void set_points(ln_tensor *tensor, ln_type type, void *values) {
  *tensor = (ln_tensor){.name = "points", .type = type, .quant = &ln_quant_none};
  tensor->shape = tensor->signature = (ln_shape){1, {POINTS}};
  tensor->storage = LN_STORAGE_CONST;
  tensor->data = values;
  tensor->bytes = POINTS * (type == LN_BOOL ? sizeof(bool) : sizeof(float));
}

/* One operator on constants; `out` holds POINTS floats or bools. */
static bool evaluate(const ln_op *op, ln_tensor **in, ln_type type, void *out) {
  ln_tensor result = {.name = "value", .type = type, .quant = &ln_quant_none};
  ln_tensor *results[] = {&result};
  ln_node node = {.op = op, .in = in, .in_count = op->input_count, .out = results, .out_count = 1};
  const size_t bytes = POINTS * (type == LN_BOOL ? sizeof(bool) : sizeof(float));
  const bool good = ln_node_evaluate(&node, NULL) == LN_OK && result.type == type && result.bytes == bytes;
  if (good) memcpy(out, result.data, bytes);
  if (result.storage == LN_STORAGE_HEAP) ln_free(result.data);
  return good;
}

static bool evaluate_candidate(recognizer *z, const candidate *c, float alpha, float *out) {
  ln_op op = {.def = ln_op_find(c->code)};
  ln_tensor points;
  ln_tensor *in[] = {&points};
  int32_t input = 0;
  const ln_gelu_options gelu = {.approximate = c->approximate};
  const ln_leaky_relu_options leaky = {.alpha = alpha};
  if (op.def == NULL) return false;
  op.options_table = op.def->options;
  op.inputs = &input;
  op.input_count = op.output_count = 1;
  op.options = c->code == LN_OP_GELU ? (const void *)&gelu : c->code == LN_OP_LEAKY_RELU ? (const void *)&leaky : NULL;
  set_points(&points, LN_FLOAT32, z->points);
  return evaluate(&op, in, LN_FLOAT32, out);
}

/* ---- regions ---- */

/* Operators that make `result` of one tensor, the last one first. */
typedef struct region {
  int32_t ops[MOST_OPS], count;
  int32_t leaves[MOST_OPS], leaf_count; /* tensors that they read and do not make */
} region;

static bool is_number(const ln_tensor *tensor) {
  return tensor != NULL && ln_is_plain_constant(tensor) && tensor->bytes == sizeof(float) && tensor->type == LN_FLOAT32;
}

static bool is_function(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_ADD:
    case LN_OP_SUB:
    case LN_OP_MUL:
    case LN_OP_DIV:
    case LN_OP_POW:
    case LN_OP_MAXIMUM:
    case LN_OP_MINIMUM:
    case LN_OP_SQUARED_DIFFERENCE:
    case LN_OP_LOGISTIC:
    case LN_OP_RELU:
    case LN_OP_RELU6:
    case LN_OP_RELU_N1_TO_1:
    case LN_OP_RELU_0_TO_1:
    case LN_OP_LEAKY_RELU:
    case LN_OP_ELU:
    case LN_OP_TANH:
    case LN_OP_EXP:
    case LN_OP_LOG:
    case LN_OP_SQRT:
    case LN_OP_RSQRT:
    case LN_OP_SQUARE:
    case LN_OP_ABS:
    case LN_OP_SIGN:
    case LN_OP_NEG:
    case LN_OP_LESS:
    case LN_OP_LESS_EQUAL:
    case LN_OP_GREATER:
    case LN_OP_GREATER_EQUAL:
    case LN_OP_EQUAL:
    case LN_OP_NOT_EQUAL:
    case LN_OP_LOGICAL_AND:
    case LN_OP_LOGICAL_OR:
    case LN_OP_LOGICAL_NOT:
    case LN_OP_SELECT_V2: return true;
    default: return false;
  }
}

static bool is_usable(const ln_rewriter *r, int32_t at) {
  const ln_op *op = at < 0 ? NULL : &r->graph->ops[at];
  if (op == NULL || r->drop[at] || !is_function(op) || op->output_count != 1) return false;
  const ln_tensor *out = &r->graph->tensors[op->outputs[0]];
  bool reads = false;
  for (int32_t j = 0; j < op->input_count; ++j) {
    const ln_tensor *in = ln_op_input_tensor(r->graph, op, j);
    if (in == NULL || (in->type != LN_FLOAT32 && in->type != LN_BOOL)) return false;
    if (is_number(in)) continue;
    if (ln_tensor_const_data(in) || in->is_variable || !ln_shape_equal(&in->signature, &out->signature)) return false;
    reads = true;
  }
  return reads && (out->type == LN_FLOAT32 || out->type == LN_BOOL);
}

static bool holds(const int32_t *list, int32_t count, int32_t item) {
  for (int32_t i = 0; i < count; ++i) {
    if (list[i] == item) return true;
  }
  return false;
}

static bool take_op(const ln_rewriter *r, region *g, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  if (g->count == MOST_OPS) return false;
  g->ops[g->count++] = at;
  for (int32_t j = 0; j < op->input_count; ++j) {
    if (is_number(&r->graph->tensors[op->inputs[j]]) || holds(g->leaves, g->leaf_count, op->inputs[j])) continue;
    if (g->leaf_count == MOST_OPS) return false;
    g->leaves[g->leaf_count++] = op->inputs[j];
  }
  return true;
}

/* Whether nobody else reads a leaf. */
static bool is_inner(const ln_rewriter *r, const region *g, int32_t leaf) {
  int32_t reads = 0;
  for (int32_t i = 0; i < g->count; ++i) {
    const ln_op *op = &r->graph->ops[g->ops[i]];
    for (int32_t j = 0; j < op->input_count; ++j) reads += op->inputs[j] == leaf;
  }
  return reads == r->uses[leaf];
}

/* One operator more: the maker of the leaf that was made last. */
static bool widen(const ln_rewriter *r, region *g) {
  int32_t last = -1;
  for (int32_t i = 0; i < g->leaf_count; ++i) {
    if (last < 0 || r->producers[g->leaves[i]] > r->producers[g->leaves[last]]) last = i;
  }
  const int32_t leaf = g->leaves[last], maker = r->producers[leaf];
  if (!is_usable(r, maker) || !is_inner(r, g, leaf)) return false;
  g->leaves[last] = g->leaves[--g->leaf_count];
  return take_op(r, g, maker);
}

/* ---- comparing ---- */

/* The region's result at the points. */
static bool compute(recognizer *z, const region *g, float *out) {
  const ln_rewriter *r = &z->r;
  float(*values)[POINTS] = ln_alloc_array((size_t)g->count, sizeof *values);
  ln_tensor *held = ln_alloc_array((size_t)g->count + 1, sizeof *held);
  bool good = values != NULL && held != NULL;
  if (good) set_points(&held[g->count], LN_FLOAT32, z->points);
  for (int32_t i = g->count - 1; good && i >= 0; --i) {
    const ln_op *op = &r->graph->ops[g->ops[i]];
    ln_tensor *in[8];
    good = op->input_count <= 8;
    for (int32_t j = 0; good && j < op->input_count; ++j) {
      in[j] = &r->graph->tensors[op->inputs[j]];
      if (op->inputs[j] == g->leaves[0]) in[j] = &held[g->count];
      for (int32_t k = i + 1; k < g->count; ++k) {
        if (r->graph->ops[g->ops[k]].outputs[0] == op->inputs[j]) in[j] = &held[k];
      }
    }
    const ln_type type = r->graph->tensors[op->outputs[0]].type;
    good = good && evaluate(op, in, type, values[i]);
    set_points(&held[i], type, values[i]);
    ++z->evaluations;
  }
  if (good) memcpy(out, values[0], POINTS * sizeof *out);
  ln_free(values);
  ln_free(held);
  return good;
}

static bool agree(const float *points, const float *a, const float *b) {
  for (int32_t i = 0; i < POINTS; ++i) {
    if (isnan(a[i]) || isnan(b[i])) {
      if (isnan(a[i]) && isnan(b[i])) continue;
      return false;
    }
    if (a[i] == b[i]) continue;
    const float most = 4e-6f * fabsf(b[i]) + 2e-7f * fminf(fabsf(points[i]), 8.0f);
    if (!(fabsf(a[i] - b[i]) <= most)) return false;
  }
  return true;
}

/* The row of `candidates` that computes the same; -1. */
static int32_t match(recognizer *z, const float *values, float *alpha) {
  for (int32_t i = 0; i < (int32_t)LN_COUNT(candidates); ++i) {
    const float *expected = z->expected[i];
    float leaky[POINTS];
    if (candidates[i].code == LN_OP_LEAKY_RELU) {
      int32_t below = 0;
      while (z->points[below] > -1.0f) ++below;
      *alpha = values[below] / z->points[below];
      if (!(*alpha > 0.0f && *alpha < 1.0f) || !evaluate_candidate(z, &candidates[i], *alpha, leaky)) continue;
      expected = leaky;
    }
    if (agree(z->points, values, expected)) return i;
  }
  return -1;
}

static bool replace(recognizer *z, const region *g, const candidate *c, float alpha) {
  ln_rewriter *r = &z->r;
  const ln_op from = r->graph->ops[g->ops[0]];
  const ln_gelu_options gelu = {.approximate = c->approximate};
  const ln_leaky_relu_options leaky = {.alpha = alpha};
  const void *options = c->code == LN_OP_GELU         ? (const void *)&gelu
                        : c->code == LN_OP_LEAKY_RELU ? (const void *)&leaky
                                                      : NULL;
  const int32_t out = from.outputs[0];
  if (ln_rewriter_op(r, c->code, options, 1, g->leaves, 1, &out, &from) < 0) return false;
  for (int32_t i = 0; i < g->count; ++i) r->drop[g->ops[i]] = true;
  ln_rewriter_refresh(r);
  return true;
}

/* Regions that end with the operator, from small to large, until one is known. */
static bool try_op(recognizer *z, int32_t at) {
  region g = {.count = 0};
  float values[POINTS], alpha = 0;
  if (!is_usable(&z->r, at) || z->r.graph->tensors[z->r.graph->ops[at].outputs[0]].type != LN_FLOAT32) return false;
  if (!take_op(&z->r, &g, at)) return false;
  const ln_op *op = &z->r.graph->ops[at]; /* these may be more than they need to be by themselves */
  bool alone = ln_op_is(op, LN_OP_POW) || ln_op_is(op, LN_OP_MAXIMUM);
  for (; alone || widen(&z->r, &g); alone = false) {
    if (g.leaf_count != 1 || z->evaluations > MOST_EVALUATIONS) continue;
    if (z->r.graph->tensors[g.leaves[0]].type != LN_FLOAT32) continue;
    if (!compute(z, &g, values)) return false;
    const int32_t found = match(z, values, &alpha);
    if (found >= 0) return replace(z, &g, &candidates[found], alpha);
  }
  return false;
}

/* a / sqrt(b) of fewer elements: a * rsqrt(b), which divides no element of a. */
static bool multiply_by_root(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_DIV) || op->input_count != 2 || r->drop[at] || op->inputs[1] < 0) return false;
  const ln_op *root = ln_rewriter_maker(r, op->inputs[1]);
  const ln_tensor *out = &r->graph->tensors[op->outputs[0]];
  if (root == NULL || !ln_op_is(root, LN_OP_SQRT) || r->uses[op->inputs[1]] != 1 || out->type != LN_FLOAT32)
    return false;
  const ln_tensor *few = &r->graph->tensors[op->inputs[1]];
  bool fewer = false;
  for (int32_t i = 0; i < few->signature.rank; ++i) {
    const int32_t dim = out->signature.dims[out->signature.rank - few->signature.rank + i];
    fewer = fewer || (few->signature.dims[i] == 1 && dim != 1);
  }
  if (!fewer) return false;
  const ln_op from = *op, made_root = *root;
  const ln_mul_options options = {.fused_activation_function =
                                      ((const ln_div_options *)op->options)->fused_activation_function};
  const int32_t inverse = ln_rewriter_tensor(r, few->name, LN_FLOAT32, &few->signature, &ln_quant_none);
  ln_rewriter_op(r, LN_OP_RSQRT, NULL, 1, made_root.inputs, 1, &inverse, &made_root);
  ln_rewriter_op(r, LN_OP_MUL, &options, 2, (const int32_t[]){from.inputs[0], inverse}, 1, from.outputs, &from);
  r->drop[at] = true;
  ln_rewriter_refresh(r);
  return true;
}

static void prepare(recognizer *z) {
  for (int32_t i = 0; i < POINTS; ++i) z->points[i] = point_at(i);
  for (size_t i = 0; i < LN_COUNT(candidates); ++i) {
    if (!evaluate_candidate(z, &candidates[i], 0.5f, z->expected[i])) {
      for (int32_t k = 0; k < POINTS; ++k) z->expected[i][k] = 3.5f + (float)(k % 17); /* no function's */
    }
  }
}

ln_status ln_convert_pass_recognize(ln_convert_context *context) {
  recognizer *z = ln_alloc_zero(sizeof *z);
  int32_t changes = 0;
  if (z == NULL) return ln_pass_out_of_memory(&context->pass, "recognize");
  ln_status status = ln_rewriter_open(context, &z->r);
  if (status == LN_OK) {
    prepare(z);
    for (int32_t i = z->r.graph->op_count - 1; i >= 0 && !z->r.failed; --i)
      changes += try_op(z, i) || multiply_by_root(&z->r, i);
    status = ln_rewriter_close(&z->r, changes);
  }
  ln_free(z);
  return status;
}
