/*
 * Select-TF operators that take a step of an optimizer: ResourceApply* on whole variables, ResourceSparseApply* on the
 * rows that indices name, one after another. Their inputs are the variable and what the rule keeps, then the rule's
 * numbers in order, among them the gradient (and behind it the indices). Every float type is computed in doubles.
 */
#include "kernels/optimizer.h"

#include "ops/elementwise.h"
#include "ops/flex_resource.h"
#include "ops/rows.h"

enum { CHUNK = 256, GRAIN = 64 * CHUNK };

/* Where an input stands, and the attribute that is the rule's flag. */
typedef struct rule_inputs {
  int32_t slots, gradient;
  const char *flag;
  bool flag_default;
} rule_inputs;

static const rule_inputs inputs_of[LN_OPTIMIZER_COUNT] = {
    [LN_OPTIMIZER_GRADIENT_DESCENT] = {1, 2, NULL, false},
    [LN_OPTIMIZER_PROXIMAL_GRADIENT_DESCENT] = {1, 4, NULL, false},
    [LN_OPTIMIZER_MOMENTUM] = {2, 3, "use_nesterov", false},
    [LN_OPTIMIZER_KERAS_MOMENTUM] = {2, 3, "use_nesterov", false},
    [LN_OPTIMIZER_ADAM] = {3, 9, "use_nesterov", false},
    [LN_OPTIMIZER_AMSGRAD] = {4, 10, NULL, false},
    [LN_OPTIMIZER_ADAMAX] = {3, 8, NULL, false},
    [LN_OPTIMIZER_ADAGRAD] = {2, 3, "update_slots", true},
    [LN_OPTIMIZER_ADAGRAD_V2] = {2, 4, "update_slots", true},
    [LN_OPTIMIZER_ADAGRAD_DA] = {3, 3, NULL, false},
    [LN_OPTIMIZER_PROXIMAL_ADAGRAD] = {2, 5, NULL, false},
    [LN_OPTIMIZER_ADADELTA] = {3, 6, NULL, false},
    [LN_OPTIMIZER_RMSPROP] = {3, 7, NULL, false},
    [LN_OPTIMIZER_CENTERED_RMSPROP] = {4, 8, NULL, false},
    [LN_OPTIMIZER_FTRL] = {3, 3, "multiply_linear_by_lr", false},
    [LN_OPTIMIZER_FTRL_V2] = {3, 3, "multiply_linear_by_lr", false},
    [LN_OPTIMIZER_ADD_SIGN] = {2, 6, NULL, false},
    [LN_OPTIMIZER_POWER_SIGN] = {2, 6, NULL, false},
};

typedef struct step_args {
  bool flag;
} step_args;

static int32_t rule_of(const ln_node *node) { return node->op->def->variant & ~LN_OPTIMIZER_SPARSE; }
static bool is_sparse(const ln_node *node) { return (node->op->def->variant & LN_OPTIMIZER_SPARSE) != 0; }

ln_status ln_optimizer_prepare(ln_node *node, ln_prep *prep) {
  const rule_inputs *rule = &inputs_of[rule_of(node)];
  step_args *args = LN_NODE_ARGS(node, prep, step_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->flag = rule->flag_default;
  return rule->flag == NULL ? LN_OK : ln_attr_bool(node, prep->err, rule->flag, &args->flag);
}

/* ---- a run ---- */

typedef struct step {
  const rule_inputs *rule;
  ln_optimizer_fn *fn;
  bool flag;
  ln_number type;
  size_t bytes; /* of an element */
  char *slots[LN_OPTIMIZER_SLOTS];
  const char *gradient;
  double numbers[LN_OPTIMIZER_NUMBERS];
} step;

/* Elements [to, to + count) of the slots, by as many of the gradient from `from` on. */
static void take(const step *s, size_t to, size_t from, size_t count) {
  double values[LN_OPTIMIZER_SLOTS][CHUNK], gradient[CHUNK];
  double *slots[LN_OPTIMIZER_SLOTS] = {values[0], values[1], values[2], values[3]};
  for (size_t at = 0; at < count; at += CHUNK) {
    const size_t part = count - at < CHUNK ? count - at : CHUNK;
    for (int32_t i = 0; i < s->rule->slots; ++i) {
      ln_k_cast(s->slots[i] + (to + at) * s->bytes, s->type, slots[i], LN_NUMBER_F64, part);
    }
    ln_k_cast(s->gradient + (from + at) * s->bytes, s->type, gradient, LN_NUMBER_F64, part);
    s->fn(slots, gradient, part, s->numbers, s->flag);
    for (int32_t i = 0; i < s->rule->slots; ++i) {
      ln_k_cast(slots[i], LN_NUMBER_F64, s->slots[i] + (to + at) * s->bytes, s->type, part);
    }
  }
}

static void take_span(const void *context, size_t first, size_t count) { take(context, first, first, count); }

static ln_status read_numbers(const ln_node *node, const rule_inputs *rule, double *numbers, ln_error *err) {
  int32_t count = 0;
  for (int32_t i = rule->slots; i < node->in_count && count < LN_OPTIMIZER_NUMBERS; ++i) {
    const ln_tensor *in = node->in[i];
    if (i == rule->gradient || (is_sparse(node) && i == rule->gradient + 1)) continue;
    if (ln_shape_span(&in->shape, 0, in->shape.rank) != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d \"%.100s\" is not one number", i, in->name);
    }
    ln_k_cast(in->data, ln_number_of(in->type), &numbers[count++], LN_NUMBER_F64, 1);
  }
  return LN_OK;
}

static ln_status find_slots(const ln_node *node, step *s, ln_error *err, const ln_shape **shape) {
  const ln_type type = node->in[s->rule->gradient]->type;
  for (int32_t i = 0; i < s->rule->slots; ++i) {
    ln_tensor *value = NULL;
    LN_TRY(ln_flex_variable(node, i, type, err, &value));
    if (i == 0) *shape = &value->shape;
    else if (!ln_shape_equal(*shape, &value->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "variable \"%.100s\" has another shape than the one it goes with",
                          value->name);
    }
    s->slots[i] = value->data;
  }
  return LN_OK;
}

/* The gradient is a row of the variable for each index. */
static ln_status take_rows(const ln_node *node, const step *s, const ln_shape *shape, ln_error *err) {
  const ln_tensor *gradient = node->in[s->rule->gradient], *indices = node->in[s->rule->gradient + 1];
  ln_shape wanted = *shape;
  if (indices->shape.rank == 1 && wanted.rank > 0) wanted.dims[0] = indices->shape.dims[0];
  if (indices->shape.rank != 1 || wanted.rank < 1 || !ln_shape_equal(&wanted, &gradient->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "variable, gradient and indices do not fit together");
  }
  const size_t row = ln_shape_span(shape, 1, shape->rank);
  for (int32_t i = 0; i < indices->shape.dims[0]; ++i) {
    const int64_t at =
        indices->type == LN_INT64 ? ((const int64_t *)indices->data)[i] : ((const int32_t *)indices->data)[i];
    if (at < 0 || at >= shape->dims[0]) {
      return ln_node_fail(node, err, LN_ERR_DATA, "index %lld is outside 0..%d", (long long)at, shape->dims[0] - 1);
    }
    take(s, (size_t)at * row, (size_t)i * row, row);
  }
  return LN_OK;
}

ln_status ln_optimizer_run(const ln_node *node, ln_exec *exec) {
  const rule_inputs *rule = &inputs_of[rule_of(node)];
  const ln_tensor *gradient = node->in[rule->gradient];
  const ln_shape *shape = NULL;
  step s = {.rule = rule,
            .fn = ln_k_optimizer((ln_optimizer_rule)rule_of(node)),
            .flag = ((const step_args *)node->args)->flag,
            .type = ln_number_of(gradient->type),
            .bytes = ln_type_bytes(gradient->type),
            .gradient = gradient->data};
  LN_TRY(find_slots(node, &s, exec->err, &shape));
  LN_TRY(read_numbers(node, rule, s.numbers, exec->err));
  if (is_sparse(node)) return take_rows(node, &s, shape, exec->err);
  if (!ln_shape_equal(shape, &gradient->shape)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the gradient has another shape than the variable");
  }
  ln_spans_run(exec->pool, ln_shape_span(shape, 0, shape->rank), GRAIN, take_span, &s);
  return LN_OK;
}
