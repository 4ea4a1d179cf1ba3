/* IF, WHILE and CALL: operators that run other graphs of the model on their inputs. */
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

/* ---- CALL ---- */

static int32_t called_graph(const ln_node *node) { return (int32_t)LN_OPTIONS(node, call_options)->subgraph; }

ln_status ln_call_infer(ln_node *node, ln_error *err) { return infer_from_graph(node, called_graph(node), 0, err); }

ln_status ln_call_run(const ln_node *node, ln_exec *exec) {
  return run_and_copy(node, called_graph(node), 0, exec->err);
}

/* ---- IF: condition, what the branches take ---- */

static int32_t branch(const ln_node *node, bool condition) {
  const ln_if_options *options = LN_OPTIONS(node, if_options);
  return condition ? options->then_subgraph_index : options->else_subgraph_index;
}

/* Shapes are known before the run when both branches give the same ones. In a late infer only the branch taken must
 * fit. */
ln_status ln_if_infer(ln_node *node, ln_error *err) {
  bool taken = false;
  if (ln_tensor_const_data(node->in[0])) {
    LN_TRY(read_condition(node, node->in[0], err, &taken));
    return infer_from_graph(node, branch(node, taken), 1, err);
  }
  if (node->in[0]->data != NULL) return (ln_status)LN_INFER_IN_RUN;
  const ln_status status = infer_from_graph(node, branch(node, true), 1, err);
  ln_callee other;
  if (status != LN_OK && (int32_t)status != LN_INFER_IN_RUN) return status;
  LN_TRY(ln_host_prepare_graph(node, branch(node, false), node->in + 1, node->in_count - 1, err, &other));
  LN_TRY(check_outputs(node, &other, err));
  for (int32_t i = 0; status == LN_OK && i < node->out_count; ++i) {
    const bool same = ln_shape_equal(&node->out[i]->shape, &ln_callee_out(&other, i)->shape);
    if (!other.known[other.outputs[i]] || !same) return (ln_status)LN_INFER_IN_RUN;
  }
  return status;
}

ln_status ln_if_run(const ln_node *node, ln_exec *exec) {
  bool taken = false;
  LN_TRY(read_condition(node, node->in[0], exec->err, &taken));
  return run_and_copy(node, branch(node, taken), 1, exec->err);
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

/* Shapes are known before the run when the body keeps them. */
ln_status ln_while_infer(ln_node *node, ln_error *err) {
  const ln_while_options *options = LN_OPTIONS(node, while_options);
  ln_callee condition;
  LN_TRY(check_loop(node, err));
  LN_TRY(ln_host_prepare_graph(node, options->cond_subgraph_index, node->in, node->in_count, err, &condition));
  if (condition.out_count != 1 || ln_callee_out(&condition, 0)->type != LN_BOOL) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "its condition does not give one bool");
  }
  LN_TRY(infer_from_graph(node, options->body_subgraph_index, 0, err));
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (!ln_shape_equal(&node->in[i]->shape, &node->out[i]->shape)) return (ln_status)LN_INFER_IN_RUN;
  }
  return LN_OK;
}

ln_status ln_while_run(const ln_node *node, ln_exec *exec) {
  const ln_while_options *options = LN_OPTIONS(node, while_options);
  for (int32_t i = 0; i < node->in_count; ++i) LN_TRY(ln_host_copy_output(node, i, node->in[i], exec->err));
  for (;;) {
    ln_callee made;
    bool more = false;
    LN_TRY(ln_host_run_graph(node, options->cond_subgraph_index, node->out, node->out_count, exec->err, &made));
    if (made.out_count != 1) return ln_node_fail(node, exec->err, LN_ERR_MODEL, "its condition does not give one bool");
    LN_TRY(read_condition(node, ln_callee_out(&made, 0), exec->err, &more));
    if (!more) return LN_OK;
    LN_TRY(ln_host_run_graph(node, options->body_subgraph_index, node->out, node->out_count, exec->err, &made));
    LN_TRY(check_outputs(node, &made, exec->err));
    for (int32_t i = 0; i < made.out_count; ++i)
      LN_TRY(ln_host_copy_output(node, i, ln_callee_out(&made, i), exec->err));
  }
}
