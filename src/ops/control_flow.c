/*
 * Operators that run other graphs of the model on their inputs: IF, WHILE and CALL, and StableHLO's forms of them,
 * CASE, WHILE, COMPOSITE and CUSTOM_CALL.
 */
#include "ops/host.h"
#include "ops/rows.h"

/* ---- shapes ---- */

static ln_status check_outputs(const ln_node *node, const ln_callee *graph, ln_error *err) {
  if (graph->out_count != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d outputs, its subgraph %d", node->out_count, graph->out_count);
  }
  for (int32_t i = 0; i < node->out_count; ++i) {
    const ln_tensor *made = ln_callee_out(graph, i);
    if (made->type == node->out[i]->type) continue;
    return ln_node_fail(node, err, LN_ERR_TYPE, "output %d is %s, its subgraph gives %s", i,
                        ln_type_name(node->out[i]->type), ln_type_name(made->type));
  }
  return LN_OK;
}

/* Prepares a graph on inputs [first, in_count) and takes its outputs' shapes; LN_INFER_IN_RUN when one is not known. */
static ln_status infer_from_graph(ln_node *node, int32_t graph, int32_t first, ln_error *err) {
  ln_callee made;
  LN_TRY(ln_host_prepare_graph(node, graph, node->in + first, node->in_count - first, err, &made));
  LN_TRY(check_outputs(node, &made, err));
  for (int32_t i = 0; i < made.out_count; ++i) {
    if (!made.known[made.outputs[i]]) return (ln_status)LN_INFER_IN_RUN;
  }
  for (int32_t i = 0; i < made.out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &ln_callee_out(&made, i)->shape, err));
  return LN_OK;
}

static ln_status run_and_copy(const ln_node *node, int32_t graph, int32_t first, ln_error *err) {
  ln_callee made;
  LN_TRY(ln_host_run_graph(node, graph, node->in + first, node->in_count - first, err, &made));
  LN_TRY(check_outputs(node, &made, err));
  for (int32_t i = 0; i < made.out_count; ++i) LN_TRY(ln_host_copy_output(node, i, ln_callee_out(&made, i), err));
  return LN_OK;
}

/* The one bool that a condition is. */
static ln_status read_condition(const ln_node *node, const ln_tensor *condition, ln_error *err, bool *out) {
  if (condition->type != LN_BOOL || condition->data == NULL || condition->bytes != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its condition \"%.100s\" is not one bool", condition->name);
  }
  *out = *(const uint8_t *)condition->data != 0;
  return LN_OK;
}

/* ---- CALL, STABLEHLO_COMPOSITE, STABLEHLO_CUSTOM_CALL ---- */

static int32_t called_graph(const ln_node *node) { return (int32_t)LN_OPTIONS(node, call_options)->subgraph; }

ln_status ln_call_infer(ln_node *node, ln_error *err) { return infer_from_graph(node, called_graph(node), 0, err); }

ln_status ln_call_run(const ln_node *node, ln_exec *exec) {
  return run_and_copy(node, called_graph(node), 0, exec->err);
}

/* What the composite comes down to where the program computes it in no better way. */
static int32_t decomposition(const ln_node *node) {
  return LN_OPTIONS(node, stablehlo_composite_options)->decomposition_subgraph_index;
}

ln_status ln_hlo_composite_infer(ln_node *node, ln_error *err) {
  return infer_from_graph(node, decomposition(node), 0, err);
}

ln_status ln_hlo_composite_run(const ln_node *node, ln_exec *exec) {
  return run_and_copy(node, decomposition(node), 0, exec->err);
}

/* The one computation that the file gives a custom call, which then stands for it. */
static ln_status called_computation(const ln_node *node, ln_error *err, int32_t *out) {
  const ln_stablehlo_custom_call_options *options = LN_OPTIONS(node, stablehlo_custom_call_options);
  const char *target = options->call_target_name == NULL ? "" : options->call_target_name;
  if (options->called_computations.count == 1) {
    *out = options->called_computations.data[0];
    return LN_OK;
  }
  if (options->called_computations.count > 1) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED,
                        "calls \"%.100s\", for which no operator is registered and %u computations are given", target,
                        (unsigned)options->called_computations.count);
  }
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "calls \"%.100s\", for which no operator is registered", target);
}

ln_status ln_hlo_custom_call_infer(ln_node *node, ln_error *err) {
  int32_t graph = 0;
  LN_TRY(called_computation(node, err, &graph));
  return infer_from_graph(node, graph, 0, err);
}

ln_status ln_hlo_custom_call_run(const ln_node *node, ln_exec *exec) {
  int32_t graph = 0;
  LN_TRY(called_computation(node, exec->err, &graph));
  return run_and_copy(node, graph, 0, exec->err);
}

/* ---- IF: condition, what the branches take; STABLEHLO_CASE: the branch's number, what the branches take ---- */

static bool is_case(const ln_node *node) { return node->op->options_table == LN_TABLE_stablehlo_case_options; }

static int32_t branch_count(const ln_node *node) {
  return is_case(node) ? (int32_t)LN_OPTIONS(node, stablehlo_case_options)->branch_subgraph_indices.count : 2;
}

static int32_t branch(const ln_node *node, int32_t index) {
  if (is_case(node)) return LN_OPTIONS(node, stablehlo_case_options)->branch_subgraph_indices.data[index];
  const ln_if_options *options = LN_OPTIONS(node, if_options);
  return index == 0 ? options->then_subgraph_index : options->else_subgraph_index;
}

/* The branch that input 0, which holds data, chooses: for a number that is no branch's the last one. */
static ln_status choose(const ln_node *node, ln_error *err, int32_t *out) {
  if (!is_case(node)) {
    bool taken = false;
    LN_TRY(read_condition(node, node->in[0], err, &taken));
    *out = branch(node, taken ? 0 : 1);
    return LN_OK;
  }
  const ln_tensor *number = node->in[0];
  const int32_t count = branch_count(node);
  if (number->type != LN_INT32 || number->data == NULL || number->bytes != sizeof(int32_t)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" is not one number", number->name);
  }
  const int32_t index = *(const int32_t *)number->data;
  *out = branch(node, index < 0 || index >= count ? count - 1 : index);
  return LN_OK;
}

/* Prepares a branch that may be taken; *same stays when it gives the shapes that the first one gave. */
static ln_status compare_branch(const ln_node *node, int32_t index, ln_error *err, bool *same) {
  ln_callee other;
  LN_TRY(ln_host_prepare_graph(node, branch(node, index), node->in + 1, node->in_count - 1, err, &other));
  LN_TRY(check_outputs(node, &other, err));
  for (int32_t i = 0; i < node->out_count; ++i) {
    const bool equal = ln_shape_equal(&node->out[i]->shape, &ln_callee_out(&other, i)->shape);
    if (!other.known[other.outputs[i]] || !equal) *same = false;
  }
  return LN_OK;
}

/* Shapes are known before the run when all branches give the same ones. In a late infer only the branch taken must
 * fit. */
ln_status ln_if_infer(ln_node *node, ln_error *err) {
  const int32_t count = branch_count(node);
  if (count < 1) return ln_node_fail(node, err, LN_ERR_MODEL, "has no branches");
  if (ln_tensor_const_data(node->in[0])) {
    int32_t graph = 0;
    LN_TRY(choose(node, err, &graph));
    return infer_from_graph(node, graph, 1, err);
  }
  if (node->in[0]->data != NULL) return (ln_status)LN_INFER_IN_RUN;
  const ln_status status = infer_from_graph(node, branch(node, 0), 1, err);
  bool same = status == LN_OK;
  if (status != LN_OK && (int32_t)status != LN_INFER_IN_RUN) return status;
  for (int32_t i = 1; i < count; ++i) LN_TRY(compare_branch(node, i, err, &same));
  return same ? LN_OK : (ln_status)LN_INFER_IN_RUN;
}

ln_status ln_if_run(const ln_node *node, ln_exec *exec) {
  int32_t graph = 0;
  LN_TRY(choose(node, exec->err, &graph));
  return run_and_copy(node, graph, 1, exec->err);
}

/* ---- WHILE: the body's outputs are its next inputs ---- */

static ln_status check_loop(const ln_node *node, ln_error *err) {
  if (node->in_count != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d inputs and %d outputs", node->in_count, node->out_count);
  }
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i]->type == node->out[i]->type) continue;
    return ln_node_fail(node, err, LN_ERR_TYPE, "input %d is %s, output %d %s", i, ln_type_name(node->in[i]->type), i,
                        ln_type_name(node->out[i]->type));
  }
  return LN_OK;
}

typedef struct loop_graphs {
  int32_t condition, body;
} loop_graphs;

static loop_graphs graphs_of(const ln_node *node) {
  if (node->op->options_table == LN_TABLE_stablehlo_while_options) {
    const ln_stablehlo_while_options *options = LN_OPTIONS(node, stablehlo_while_options);
    return (loop_graphs){options->cond_subgraph_index, options->body_subgraph_index};
  }
  const ln_while_options *options = LN_OPTIONS(node, while_options);
  return (loop_graphs){options->cond_subgraph_index, options->body_subgraph_index};
}

/* Shapes are known before the run when the body keeps them. */
ln_status ln_while_infer(ln_node *node, ln_error *err) {
  const loop_graphs graphs = graphs_of(node);
  ln_callee condition;
  LN_TRY(check_loop(node, err));
  LN_TRY(ln_host_prepare_graph(node, graphs.condition, node->in, node->in_count, err, &condition));
  if (condition.out_count != 1 || ln_callee_out(&condition, 0)->type != LN_BOOL) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "its condition does not give one bool");
  }
  LN_TRY(infer_from_graph(node, graphs.body, 0, err));
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (!ln_shape_equal(&node->in[i]->shape, &node->out[i]->shape)) return (ln_status)LN_INFER_IN_RUN;
  }
  return LN_OK;
}

ln_status ln_while_run(const ln_node *node, ln_exec *exec) {
  const loop_graphs graphs = graphs_of(node);
  for (int32_t i = 0; i < node->in_count; ++i) LN_TRY(ln_host_copy_output(node, i, node->in[i], exec->err));
  for (;;) {
    ln_callee made;
    bool more = false;
    LN_TRY(ln_host_run_graph(node, graphs.condition, node->out, node->out_count, exec->err, &made));
    if (made.out_count != 1) return ln_node_fail(node, exec->err, LN_ERR_MODEL, "its condition does not give one bool");
    LN_TRY(read_condition(node, ln_callee_out(&made, 0), exec->err, &more));
    if (!more) return LN_OK;
    LN_TRY(ln_host_run_graph(node, graphs.body, node->out, node->out_count, exec->err, &made));
    LN_TRY(check_outputs(node, &made, exec->err));
    for (int32_t i = 0; i < made.out_count; ++i)
      LN_TRY(ln_host_copy_output(node, i, ln_callee_out(&made, i), exec->err));
  }
}
