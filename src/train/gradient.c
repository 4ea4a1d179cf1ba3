/* Reverse mode over a graph: which tensors matter, and the operators visited from the last to the first. */
#include <string.h>

#include "train/operators.h"

/* ---- the functions of the rows ---- */

/* Of many hundred rows few have one: what is compiled asks for those alone. */
static ln_gradient_fn *gradient_of_custom(const ln_op_def *def) {
  if (def == &ln_op_moments) return ln_gradient_moments;
  if (def == &ln_op_fake_quant_step) return ln_gradient_fake_quant_step;
#define FIRST(has, gradient) has
#define SECOND(has, gradient) gradient
#define LN_CUSTOM_OP(id, text, infer, prepare, run, macs, variant, flags, types, pair) \
  if (FIRST pair && strcmp(def->name, text) == 0) return SECOND pair;
#define LN_GRADIENT(stem) (true, ln_gradient_##stem)
#define LN_NO_AUTODIFF (false, NULL)
#define LN_NO_GRADIENT (false, NULL)
#include "ops/custom.def"
#undef LN_GRADIENT
#undef LN_NO_AUTODIFF
#undef LN_NO_GRADIENT
#undef FIRST
#undef SECOND
  return NULL;
}

static ln_gradient_fn *gradient_of(const ln_op_def *def) {
  static ln_gradient_fn *const table[LN_OP_CODE_COUNT] = {
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) [code] = gradient,
#define LN_GRADIENT(name) ln_gradient_##name
#define LN_NO_AUTODIFF NULL
#define LN_NO_GRADIENT NULL
#include "ops/ops.def"
#undef LN_GRADIENT
#undef LN_NO_AUTODIFF
#undef LN_NO_GRADIENT
  };
  if (def->code == LN_OP_CUSTOM) return gradient_of_custom(def);
  return def->code >= 0 && def->code < LN_OP_CODE_COUNT ? table[def->code] : NULL;
}

/* ---- shapes ---- */

ln_status ln_grad_take_shapes(ln_optimizer *o, ln_session *session) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    const ln_tensor *other = ln_session_tensor(session, i);
    if (other == NULL || tensor->storage == LN_STORAGE_CONST || !ln_shape_known(&other->shape)) continue;
    tensor->shape = tensor->signature = other->shape;
    tensor->has_signature = false;
    tensor->has_rank = other->shape.rank > 0;
  }
  return LN_OK;
}

/* ---- backwards ---- */

enum { MOST_DEPTH = 64 /* of graphs that run others */ };

static bool any_of(const bool *set, const int32_t *tensors, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0 && set[tensors[i]]) return true;
  }
  return false;
}

/* Marks what operators from place `first` on make of marked tensors. */
static void spread_wanted(const ln_grad *g, int32_t first, bool *wanted) {
  const ln_graph *graph = ln_optimizer_graph(g->o);
  for (int32_t i = first; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->def->gradient == LN_NO_GRADIENT || !any_of(wanted, op->inputs, op->input_count)) continue;
    for (int32_t k = 0; k < op->output_count; ++k) wanted[op->outputs[k]] = true;
  }
}

/* The fused activation of an operator whose only output it clamps. */
static int32_t clamp_of(const ln_op *op) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  if ((op->def->flags & LN_OPF_CLAMPS) == 0 || table == NULL) return LN_ACT_NONE;
  for (int32_t i = 0; i < table->field_count; ++i) {
    if (table->fields[i].enumeration == LN_ENUM_activation) {
      return *((const int8_t *)op->options + table->fields[i].offset);
    }
  }
  return LN_ACT_NONE;
}

/* dy where a quantized output is at neither end of its type: what lies beyond was clamped. */
static int32_t unsaturated(ln_grad *g, const ln_op *op, int32_t dy) {
  const ln_tensor *y = &ln_optimizer_graph(g->o)->tensors[op->outputs[0]];
  if (y->quant->kind != LN_QUANT_TENSOR || (y->type != LN_INT8 && y->type != LN_UINT8 && y->type != LN_INT16))
    return dy;
  const int32_t bits = ln_type_bits(y->type), low = y->type == LN_UINT8 ? 0 : -(1 << (bits - 1));
  const float scale = ln_scale_of(y), zero = (float)ln_zero_point_of(y);
  const float first = ((float)low + 0.5f - zero) * scale, last = ((float)(low + (1 << bits)) - 1.5f - zero) * scale;
  return ln_grad_between(g, ln_grad_out(g, op), dy, first, last);
}

static bool shapes_known(const ln_grad *g, const int32_t *tensors, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0 && !ln_shape_known(ln_grad_shape(g, tensors[i]))) return false;
  }
  return true;
}

/* Complex numbers are seen under other shapes, and made of real ones, but not computed with. */
static bool computes_complex(const ln_grad *g, const ln_op *op) {
  const ln_tensor *tensors = ln_optimizer_graph(g->o)->tensors;
  if ((op->def->flags & LN_OPF_VIEW) != 0 || op->def->code == LN_OP_RFFT2D) return false;
  for (int32_t i = 0; i < op->output_count; ++i) {
    const ln_type type = tensors[op->outputs[i]].type;
    if (type == LN_COMPLEX64 || type == LN_COMPLEX128) return true;
  }
  return false;
}

static void visit(ln_grad *g, const ln_op *op) {
  int32_t one = -1;
  int32_t *dy =
      op->output_count == 1 ? &one : ln_arena_array(ln_optimizer_arena(g->o), (size_t)op->output_count, sizeof *dy);
  bool any = false;
  if (dy == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    dy[i] = g->of[op->outputs[i]];
    any = any || dy[i] >= 0;
  }
  if (!any || !any_of(g->wanted, op->inputs, op->input_count)) return;
  g->op = op;
  ln_gradient_fn *gradient = gradient_of(op->def);
  if (gradient == NULL) {
    if (op->def->gradient != LN_NO_GRADIENT) ln_grad_refuse(g, "it has no gradient yet");
    return;
  }
  if (computes_complex(g, op)) {
    ln_grad_refuse(g, "it computes with complex numbers");
    return;
  }
  if (!shapes_known(g, op->inputs, op->input_count) || !shapes_known(g, op->outputs, op->output_count)) {
    ln_grad_refuse(g, "shapes are not known");
    return;
  }
  const int32_t activation = clamp_of(op);
  if (activation != LN_ACT_NONE && op->output_count == 1) {
    dy[0] = ln_grad_activation(g, activation, dy[0], ln_grad_out(g, op));
  }
  if ((op->def->flags & LN_OPF_CLAMPS) != 0 && op->output_count == 1) dy[0] = unsaturated(g, op, dy[0]);
  if (g->status == LN_OK) gradient(g, op, dy);
}

static ln_status check(const ln_optimizer *o, int32_t loss, const int32_t *tensors, int32_t count) {
  const ln_graph *graph = ln_optimizer_graph(o);
  ln_error *err = o->err;
  size_t elements = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] < 0 || tensors[i] >= graph->tensor_count) {
      return ln_fail(err, LN_ERR_ARGUMENT, "there is no tensor %d to differentiate by", (int)tensors[i]);
    }
  }
  if (loss < 0 || loss >= graph->tensor_count) return ln_fail(err, LN_ERR_ARGUMENT, "there is no tensor %d", (int)loss);
  const ln_tensor *tensor = &graph->tensors[loss];
  if (tensor->type != LN_FLOAT32 || !ln_shape_elements(&tensor->shape, &elements) || elements != 1) {
    return ln_fail(err, LN_ERR_ARGUMENT, "the loss '%s' is no single float32", tensor->name);
  }
  return LN_OK;
}

/* Arrays for the tensors that there are; `wanted` is to be filled. */
static bool begin(ln_grad *g, ln_optimizer *o, bool **wanted) {
  const size_t count = (size_t)ln_optimizer_graph(o)->tensor_count;
  ln_arena *arena = ln_optimizer_arena(o);
  *g = (ln_grad){.o = o, .forward_count = (int32_t)count};
  g->of = ln_arena_array(arena, count + 1, sizeof *g->of);
  g->values = ln_arena_array(arena, count + 1, sizeof *g->values);
  g->wanted = *wanted = ln_arena_array(arena, count + 1, sizeof **wanted);
  if (g->of == NULL || g->values == NULL || *wanted == NULL) return false;
  for (size_t i = 0; i < count; ++i) g->of[i] = g->values[i] = -1;
  return true;
}

/* Operators [first, end), from the last to the first. */
static void go_back(ln_grad *g, int32_t first, int32_t end) {
  for (int32_t i = end - 1; i >= first && g->status == LN_OK; --i) {
    const ln_op op = ln_optimizer_graph(g->o)->ops[i]; /* which move as others are added */
    visit(g, &op);
  }
}

/* Outputs that have gradients to begin with; dy[i] is -1 for others. */
static void begin_at(ln_grad *g, int32_t count, const int32_t *outputs, const int32_t *dy) {
  for (int32_t i = 0; i < count; ++i) {
    const int32_t output = outputs[i], before = g->of[output];
    if (dy[i] < 0 || !g->wanted[output]) continue;
    g->of[output] = before < 0 ? dy[i] : ln_grad_binary(g, LN_OP_ADD, before, dy[i]);
  }
}

static ln_status build(ln_optimizer *o, bool fast, int32_t loss, const int32_t *tensors, int32_t count,
                       int32_t *gradients) {
  ln_grad g;
  bool *wanted;
  LN_TRY(check(o, loss, tensors, count));
  if (!begin(&g, o, &wanted)) return ln_optimizer_no_memory(o);
  g.fast = fast;
  for (int32_t i = 0; i < count; ++i) wanted[tensors[i]] = true;
  spread_wanted(&g, 0, wanted);
  if (wanted[loss]) {
    const int32_t end = ln_optimizer_graph(o)->op_count;
    const ln_shape shape = *ln_grad_shape(&g, loss);
    g.of[loss] = ln_grad_reshape(&g, ln_grad_scalar(&g, 1), &shape);
    go_back(&g, 0, end);
  }
  for (int32_t i = 0; i < count; ++i) gradients[i] = g.of[tensors[i]];
  return g.status;
}

ln_status ln_grad_build(ln_optimizer *o, int32_t loss, const int32_t *tensors, int32_t count, int32_t *gradients) {
  return build(o, false, loss, tensors, count, gradients);
}

ln_status ln_grad_build_fast(ln_optimizer *o, int32_t loss, const int32_t *tensors, int32_t count, int32_t *gradients) {
  return build(o, true, loss, tensors, count, gradients);
}

ln_status ln_grad_outputs_back(const ln_grad *outer, ln_optimizer *o, int32_t output_count, const int32_t *outputs,
                               const int32_t *dy, int32_t count, const int32_t *tensors, int32_t *gradients) {
  ln_grad g;
  bool *wanted;
  if (!begin(&g, o, &wanted)) return ln_optimizer_no_memory(o);
  g.depth = outer->depth;
  g.fast = outer->fast;
  for (int32_t i = 0; i < count; ++i) wanted[tensors[i]] = true;
  spread_wanted(&g, 0, wanted);
  const int32_t end = ln_optimizer_graph(o)->op_count;
  begin_at(&g, output_count, outputs, dy);
  go_back(&g, 0, end);
  for (int32_t i = 0; i < count; ++i) gradients[i] = g.of[tensors[i]];
  return g.status;
}

void ln_grad_through_all(ln_grad *g, int32_t first, int32_t count, const int32_t *outputs, const int32_t *dy) {
  ln_grad inner;
  bool *wanted;
  if (g->status != LN_OK) return;
  if (!begin(&inner, g->o, &wanted)) {
    ln_grad_fail_memory(g);
    return;
  }
  inner.fast = g->fast;
  inner.depth = g->depth + 1;
  if (inner.depth > MOST_DEPTH) {
    ln_grad_refuse(g, "graphs run one another too deeply");
    return;
  }
  for (int32_t i = 0; i < g->forward_count; ++i) {
    wanted[i] = g->wanted[i];
    if (g->values[i] >= 0) wanted[g->values[i]] = g->wanted[i]; /* what it reads in its stead */
  }
  spread_wanted(&inner, first, wanted);
  const int32_t end = ln_optimizer_graph(g->o)->op_count;
  begin_at(&inner, count, outputs, dy);
  go_back(&inner, first, end);
  if (inner.status != LN_OK) g->status = inner.status;
  for (int32_t i = 0; i < g->forward_count && g->status == LN_OK; ++i) {
    const int32_t parts[2] = {inner.of[i], g->values[i] >= 0 ? inner.of[g->values[i]] : -1};
    for (int32_t k = 0; k < 2; ++k) {
      if (parts[k] < 0 || !g->wanted[i]) continue;
      g->of[i] = g->of[i] < 0 ? parts[k] : ln_grad_binary(g, LN_OP_ADD, g->of[i], parts[k]);
    }
  }
}

void ln_grad_through(ln_grad *g, int32_t first, int32_t output, int32_t dy) {
  ln_grad_through_all(g, first, 1, &output, &dy);
}
