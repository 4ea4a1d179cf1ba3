/* SELECT (a condition of a's shape, or a vector or scalar that chooses whole rows) and SELECT_V2 (broadcasting). */
#include "kernels/select.h"
#include "ops/elementwise.h"
#include "ops/rows.h"

typedef struct select_args {
  ln_nest nest;
  size_t bytes; /* of an element */
} select_args;

static ln_status fail_shapes(const ln_node *node, ln_error *err) {
  char text[3][96];
  for (int32_t i = 0; i < 3; ++i) ln_shape_format(&node->in[i]->shape, text[i], sizeof text[i]);
  return ln_node_fail(node, err, LN_ERR_SHAPE, "inputs %s, %s and %s do not fit together", text[0], text[1], text[2]);
}

ln_status ln_select_v2_infer(ln_node *node, ln_error *err) {
  ln_shape values, all;
  if (!ln_shape_broadcast(&node->in[1]->shape, &node->in[2]->shape, &values) ||
      !ln_shape_broadcast(&values, &node->in[0]->shape, &all)) {
    return fail_shapes(node, err);
  }
  return ln_node_set_shape(node, 0, &all, err);
}

/* The condition as it broadcasts in SELECT: a vector of as many values as there are rows becomes [rows, 1, ...]. */
static bool row_condition(const ln_node *node, ln_shape *out) {
  const ln_shape *condition = &node->in[0]->shape;
  const ln_shape *values = &node->in[1]->shape;
  *out = *condition;
  if (condition->rank == 0 || ln_shape_equal(condition, values)) return true;
  if (condition->rank == 1 && condition->dims[0] == 1) return true;
  if (condition->rank != 1 || values->rank < 1 || condition->dims[0] != values->dims[0]) return false;
  out->rank = values->rank;
  for (int32_t i = 1; i < out->rank; ++i) out->dims[i] = 1;
  return true;
}

ln_status ln_select_infer(ln_node *node, ln_error *err) {
  ln_shape condition;
  if (!ln_shape_equal(&node->in[1]->shape, &node->in[2]->shape) || !row_condition(node, &condition)) {
    return fail_shapes(node, err);
  }
  return ln_node_set_shape(node, 0, &node->in[1]->shape, err);
}

static ln_status prepare(ln_node *node, ln_prep *prep, const ln_shape *condition) {
  const ln_shape *shapes[3] = {condition, &node->in[1]->shape, &node->in[2]->shape};
  select_args *args = LN_NODE_ARGS(node, prep, select_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->bytes = ln_type_bytes(node->out[0]->type);
  ln_nest_make(&args->nest, &node->out[0]->shape, shapes, 3);
  return LN_OK;
}

ln_status ln_select_v2_prepare(ln_node *node, ln_prep *prep) { return prepare(node, prep, &node->in[0]->shape); }

ln_status ln_select_prepare(ln_node *node, ln_prep *prep) {
  ln_shape condition;
  if (!row_condition(node, &condition)) return fail_shapes(node, prep->err);
  return prepare(node, prep, &condition);
}

static void run_block(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const size_t bytes = ((const select_args *)node->args)->bytes;
  ln_k_select((const uint8_t *)node->in[0]->data + offsets[0], (const char *)node->in[1]->data + offsets[1] * bytes,
              (const char *)node->in[2]->data + offsets[2] * bytes, (char *)node->out[0]->data + out_offset * bytes,
              bytes, block);
}

ln_status ln_select_run(const ln_node *node, ln_exec *exec) {
  const select_args *args = node->args;
  ln_nest_run(&args->nest, exec->pool, run_block, node);
  return LN_OK;
}
