/* Graphs that operators run: sessions of their own under the caller's, sharing its pool, limits and resources. */
#include <string.h>

#include "ops/tensor_list.h"
#include "runtime/runtime.h"

/* ---- the session of a graph ---- */

static ln_status make_child(ln_session *parent, int32_t graph, ln_error *err, ln_session **out) {
  ln_session *root = parent->root;
  ln_session *child = ln_alloc_zero(sizeof *child);
  if (child == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for subgraph %d", graph);
  child->model = root->model;
  child->root = root;
  child->backend = root->backend;
  child->pool = root->pool;
  child->keep_all = root->keep_all;
  const ln_status status = ln_session_bind(child, graph, err);
  if (status != LN_OK) {
    ln_session_destroy(child);
    return status;
  }
  root->children[graph] = child;
  *out = child;
  return LN_OK;
}

static ln_status find_child(const ln_node *node, int32_t graph, ln_error *err, ln_session **out) {
  ln_session *parent = node->session;
  if (parent == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "runs graphs, which takes a session");
  ln_session *root = parent->root;
  if (graph < 0 || graph >= root->model->graph_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "subgraph %d does not exist", graph);
  }
  if (root->children == NULL) {
    root->children = ln_alloc_array((size_t)root->model->graph_count, sizeof(ln_session *));
    if (root->children == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for subgraphs");
  }
  *out = root->children[graph];
  return *out != NULL ? LN_OK : make_child(parent, graph, err, out);
}

static ln_status check_inputs(const ln_node *node, const ln_session *child, ln_tensor *const *inputs, int32_t count,
                              ln_error *err) {
  if (count != child->input_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "gives %d inputs to subgraph \"%.60s\", which takes %d", count,
                        child->graph->name, child->input_count);
  }
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *input = &child->tensors[child->inputs[i]];
    if (inputs[i]->type == input->type) continue;
    return ln_node_fail(node, err, LN_ERR_TYPE, "input %d of subgraph \"%.60s\" is %s, %s is given", i,
                        child->graph->name, ln_type_name(input->type), ln_type_name(inputs[i]->type));
  }
  return LN_OK;
}

ln_status ln_session_spend(ln_session *session, int64_t operations, ln_error *err) {
  ln_session *root = session->root;
  if (root->operation_limit - root->operations >= operations) {
    root->operations += operations;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_LIMIT, "takes more than the limit of %lld operations", (long long)root->operation_limit);
}

/* ---- preparing and running ---- */

static ln_status prepare(const ln_node *node, ln_session *child, ln_tensor *const *inputs, int32_t count,
                         ln_error *err) {
  LN_TRY(check_inputs(node, child, inputs, count, err));
  for (int32_t i = 0; i < count; ++i) {
    ln_tensor *input = &child->tensors[child->inputs[i]];
    if (input->is_variable || ln_shape_equal(&input->shape, &inputs[i]->shape)) continue;
    input->shape = inputs[i]->shape;
    child->prepared = false;
  }
  if (child->prepared) return LN_OK;
  LN_TRY(ln_session_spend(child, child->graph->op_count, err));
  return ln_session_plan(child, err);
}

static ln_status copy_input(const ln_node *node, ln_session *child, ln_tensor *to, const ln_tensor *from,
                            ln_error *err) {
  if (from->data == NULL || (from->type == LN_VARIANT && ln_tensor_list(from) == NULL)) {
    return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", from->name);
  }
  if (to->type == LN_STRING || to->type == LN_VARIANT) LN_TRY(ln_session_allocate(child, to, from->bytes, err));
  if (to->data == NULL || to->bytes != from->bytes) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input \"%.100s\" of subgraph \"%.60s\" takes %zu bytes, %zu given",
                        to->name, child->graph->name, to->bytes, from->bytes);
  }
  if (to->type == LN_VARIANT) ln_tensor_take_list(to, ln_list_hold(ln_tensor_list(from)));
  else if (from->bytes > 0) memcpy(to->data, from->data, from->bytes);
  return LN_OK;
}

static ln_status copy_inputs(const ln_node *node, ln_session *child, ln_tensor *const *inputs, int32_t count,
                             ln_error *err) {
  for (int32_t i = 0; i < count; ++i) {
    LN_TRY(copy_input(node, child, &child->tensors[child->inputs[i]], inputs[i], err));
  }
  return LN_OK;
}

/* Puts the caller before a message from within the graph. */
static ln_status within(const ln_node *node, const ln_session *child, ln_status status, ln_error *err) {
  if (status != LN_OK) {
    ln_error_prefix(err, "op %d %.40s: subgraph \"%.60s\"", node->op->index, node->op->def->name, child->graph->name);
  }
  return status;
}

static void describe(ln_session *child, ln_callee *out) {
  *out = (ln_callee){child->tensors, child->outputs, child->output_count, child->known};
}

ln_status ln_host_graph(const ln_node *node, int32_t graph, ln_error *err, const ln_graph **out) {
  ln_session *child = NULL;
  LN_TRY(find_child(node, graph, err, &child));
  *out = child->graph;
  return LN_OK;
}

ln_status ln_host_prepare_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count,
                                ln_error *err, ln_callee *out) {
  ln_session *child = NULL;
  LN_TRY(find_child(node, graph, err, &child));
  LN_TRY(within(node, child, prepare(node, child, inputs, count, err), err));
  if (child->late_steps > 0 && node->session->late_steps == 0) node->session->late_steps = 1;
  describe(child, out);
  return LN_OK;
}

ln_status ln_host_run_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count, ln_error *err,
                            ln_callee *out) {
  ln_session *child = NULL;
  LN_TRY(find_child(node, graph, err, &child));
  ln_status status = ln_session_spend(child, 1, err);
  if (status == LN_OK) status = prepare(node, child, inputs, count, err);
  if (status == LN_OK) status = copy_inputs(node, child, inputs, count, err);
  if (status == LN_OK) status = ln_session_walk(child, err);
  LN_TRY(within(node, child, status, err));
  describe(child, out);
  return LN_OK;
}

/* ---- outputs ---- */

ln_status ln_host_output(const ln_node *node, int32_t index, const ln_shape *shape, size_t bytes, ln_error *err) {
  ln_tensor *output = node->out[index];
  const bool own = output->storage == LN_STORAGE_NONE || output->storage == LN_STORAGE_HEAP;
  const bool bound_late = output->storage == LN_STORAGE_EXTERNAL && !node->session->known[node->op->outputs[index]];
  const bool planned = !own && !bound_late;
  if (planned) {
    if (ln_shape_equal(&output->shape, shape) && output->bytes == bytes) return LN_OK;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d takes another shape than was planned", index);
  }
  output->shape = *shape;
  if (output->storage == LN_STORAGE_HEAP && output->bytes == bytes) return LN_OK;
  const ln_status status = ln_session_allocate_output(node, index, bytes, err);
  if (status != LN_OK)
    ln_error_prefix(err, "op %d %.60s \"%.120s\"", node->op->index, node->op->def->name, output->name);
  return status;
}

ln_status ln_host_copy_output(const ln_node *node, int32_t index, const ln_tensor *source, ln_error *err) {
  ln_tensor *output = node->out[index];
  if (output->type != source->type) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "output %d is %s, its subgraph gives %s", index,
                        ln_type_name(output->type), ln_type_name(source->type));
  }
  if (source->data == NULL || (source->type == LN_VARIANT && ln_tensor_list(source) == NULL)) {
    return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", source->name);
  }
  LN_TRY(ln_host_output(node, index, &source->shape, source->bytes, err));
  if (output->type == LN_VARIANT) ln_tensor_take_list(output, ln_list_hold(ln_tensor_list(source)));
  else if (source->bytes > 0) memcpy(output->data, source->data, source->bytes);
  return LN_OK;
}

size_t *ln_host_list_account(const ln_node *node) { return &node->session->root->list_bytes; }
