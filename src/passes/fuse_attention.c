/*
 * BATCH_MATMUL, SOFTMAX, BATCH_MATMUL become one attention (ops/attention_fused.h), with what stands between them: one
 * scaling by a constant, one addition of a mask, and reshapes that leave rows and columns alone. The same products of
 * the same numbers; what it saves is that the scores, often the largest tensors of a model, go through memory.
 */
#include <math.h>
#include <string.h>

#include "ops/attention_fused.h"
#include "passes/rewrite.h"

#define BUILT ((LN_OP_TYPES(BATCH_MATMUL) & LN_OP_TYPES(SOFTMAX) & (UINT32_C(1) << LN_FLOAT32)) != 0)

typedef struct walk {
  const ln_graph *graph;
  const int32_t *producers, *uses;
} walk;

/* What the walk from the second product up to the first has found. */
typedef struct found {
  const ln_op *scores; /* the first product */
  int32_t mask;        /* tensor; -1 none */
  ln_attention_options options;
} found;

static bool is_plain_float(const ln_tensor *tensor) {
  return tensor != NULL && tensor->type == LN_FLOAT32 && tensor->sparsity == NULL;
}

/* The operator that alone reads nothing but makes tensor `index`, which nobody else reads; NULL for none. */
static const ln_op *maker(const walk *w, int32_t index) {
  if (index < 0 || w->producers[index] < 0 || w->uses[index] != 1) return NULL;
  const ln_op *op = &w->graph->ops[w->producers[index]];
  return op->output_count == 1 && is_plain_float(&w->graph->tensors[index]) ? op : NULL;
}

/* A reshape between shapes that the file fixes, which leaves the last two dimensions as they are. */
static bool keeps_matrices(const ln_graph *graph, const ln_op *op) {
  int64_t dims[LN_MAX_RANK];
  int32_t count;
  const ln_tensor *in = ln_op_input_tensor(graph, op, 0), *to = ln_op_input_tensor(graph, op, 1);
  const ln_shape *out = &graph->tensors[op->outputs[0]].shape;
  if (in == NULL || to == NULL || !ln_tensor_const_data(to) || !ln_tensor_ints(to, dims, LN_MAX_RANK, &count))
    return false;
  if (!ln_shape_known(&in->shape) || count != out->rank || count < 2 || in->shape.rank < 2) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (dims[i] < 1 || dims[i] != out->dims[i]) return false;
  }
  return in->shape.dims[in->shape.rank - 1] == out->dims[count - 1] &&
         in->shape.dims[in->shape.rank - 2] == out->dims[count - 2];
}

/* The factor that `op` multiplies its first input by. */
static bool read_factor(const ln_graph *graph, const ln_op *op, float *factor) {
  const bool divides = ln_op_is(op, LN_OP_DIV);
  const ln_tensor *by = ln_op_input_tensor(graph, op, 1);
  if (!is_plain_float(by) || !ln_tensor_const_data(by) || by->bytes != sizeof(float)) return false;
  const int8_t activation = divides ? ((const ln_div_options *)op->options)->fused_activation_function
                                    : ((const ln_mul_options *)op->options)->fused_activation_function;
  memcpy(factor, by->data, sizeof *factor);
  if (divides) *factor = 1.0f / *factor;
  return activation == LN_ACT_NONE && isfinite(*factor) && *factor != 0.0f;
}

/* The input of an addition that goes on to the first product; the other is the mask, and may not widen the scores. */
static int32_t read_mask(const walk *w, const ln_op *add, found *f) {
  const ln_shape *out = &w->graph->tensors[add->outputs[0]].shape;
  if (((const ln_add_options *)add->options)->fused_activation_function != LN_ACT_NONE) return -1;
  for (int32_t side = 0; side < 2; ++side) {
    const int32_t scores = add->inputs[side], mask = add->inputs[1 - side];
    if (maker(w, scores) == NULL || mask < 0 || !is_plain_float(&w->graph->tensors[mask])) continue;
    if (!ln_shape_known(out) || !ln_shape_equal(&w->graph->tensors[scores].shape, out)) continue;
    f->mask = mask;
    f->options.scores = *out;
    return scores;
  }
  return -1;
}

/* From the softmax's input up to the first product. */
static bool find_scores(const walk *w, int32_t at, found *f) {
  bool scaled = false;
  for (;;) {
    const ln_op *op = maker(w, at);
    float factor = 1.0f;
    if (op == NULL) return false;
    if (ln_op_is(op, LN_OP_BATCH_MATMUL)) {
      f->scores = op;
      return true;
    }
    if (ln_op_is(op, LN_OP_RESHAPE) && keeps_matrices(w->graph, op)) {
      f->options.reshaped = true;
    } else if (ln_op_is(op, LN_OP_ADD) && f->mask < 0 && !scaled) {
      at = read_mask(w, op, f);
      continue;
    } else if ((ln_op_is(op, LN_OP_MUL) || ln_op_is(op, LN_OP_DIV)) && !scaled && read_factor(w->graph, op, &factor)) {
      scaled = true;
      f->options.scale = factor;
    } else {
      return false;
    }
    at = op->inputs[0];
  }
}

/* The operands of a product: two matrices, or two with the same batches. */
static bool is_product(const ln_graph *graph, const ln_op *op) {
  const ln_tensor *x = ln_op_input_tensor(graph, op, 0), *y = ln_op_input_tensor(graph, op, 1);
  if (!is_plain_float(x) || !is_plain_float(y) || x->shape.rank != y->shape.rank || x->shape.rank < 2) return false;
  if (!ln_shape_known(&x->shape) || !ln_shape_known(&y->shape)) return false;
  for (int32_t i = 0; i < x->shape.rank - 2; ++i) {
    if (x->shape.dims[i] != y->shape.dims[i]) return false;
  }
  return !((const ln_batch_mat_mul_options *)op->options)->adj_x;
}

static bool match(const walk *w, const ln_op *op, found *f) {
  *f = (found){.mask = -1, .options = {.scale = 1.0f}};
  if (!ln_op_is(op, LN_OP_BATCH_MATMUL) || !is_product(w->graph, op)) return false;
  const ln_op *softmax = maker(w, op->inputs[0]);
  if (softmax != NULL && ln_op_is(softmax, LN_OP_RESHAPE) && keeps_matrices(w->graph, softmax)) {
    f->options.reshaped = true;
    softmax = maker(w, softmax->inputs[0]);
  }
  if (softmax == NULL || !ln_op_is(softmax, LN_OP_SOFTMAX)) return false;
  f->options.beta = ((const ln_softmax_options *)softmax->options)->beta;
  f->options.scores = w->graph->tensors[softmax->outputs[0]].shape;
  if (f->options.scores.rank < 2 || !find_scores(w, softmax->inputs[0], f)) return false;
  return is_product(w->graph, f->scores) && w->graph->tensors[f->scores->outputs[0]].type == LN_FLOAT32;
}

static ln_status rewrite(ln_pass_context *context, ln_op *op, const found *f) {
  ln_attention_options *options = ln_arena_copy(context->arena, &f->options, sizeof *options);
  int32_t inputs[4] = {f->scores->inputs[0], f->scores->inputs[1], op->inputs[1], f->mask};
  int32_t *kept = ln_arena_copy(context->arena, inputs, sizeof inputs);
  if (options == NULL || kept == NULL) return ln_pass_out_of_memory(context, "fuse_attention");
  const ln_shape *out = &context->graph->tensors[op->inputs[0]].shape;
  options->k_turned = ((const ln_batch_mat_mul_options *)f->scores->options)->adj_y;
  options->v_turned = ((const ln_batch_mat_mul_options *)op->options)->adj_y;
  options->out_batch = ln_shape_make(out->rank - 2, out->dims);
  op->def = &ln_op_fused_attention;
  op->options = options;
  op->options_table = LN_TABLE_none;
  op->has_options = false;
  op->inputs = kept;
  op->input_count = f->mask < 0 ? 3 : 4;
  ++context->changes;
  return LN_OK;
}

ln_status ln_pass_fuse_attention(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (!BUILT) return LN_OK;
  const walk w = {graph, ln_graph_producers(graph, context->arena), ln_graph_count_uses(graph, context->arena)};
  if (w.producers == NULL || w.uses == NULL) return ln_pass_out_of_memory(context, "fuse_attention");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    found f;
    if (match(&w, &graph->ops[i], &f)) LN_TRY(rewrite(context, &graph->ops[i], &f));
  }
  return LN_OK;
}
