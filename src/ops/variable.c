/* VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE: state that belongs to the session, shared by all its
 * graphs. */
#include <string.h>

#include "ops/host.h"
#include "ops/rows.h"

typedef struct handle_args {
  int32_t handle;
} handle_args;

/* ---- VAR_HANDLE: one handle ---- */

ln_status ln_var_handle_infer(ln_node *node, ln_error *err) {
  const ln_shape one = {1, {1}};
  const ln_shape *declared = &node->out[0]->signature;
  size_t elements;
  const bool fits = ln_shape_elements(declared, &elements) && elements == 1;
  return ln_node_set_shape(node, 0, fits ? declared : &one, err);
}

static ln_span span_of(const char *text) { return (ln_span){text, text == NULL ? 0 : strlen(text)}; }

ln_status ln_var_handle_prepare(ln_node *node, ln_prep *prep) {
  const ln_var_handle_options *options = LN_OPTIONS(node, var_handle_options);
  handle_args *args = LN_NODE_ARGS(node, prep, handle_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_resource_key key = {.container = span_of(options->container), .name = span_of(options->shared_name)};
  return ln_host_variable(node, &key, prep->err, &args->handle);
}

ln_status ln_var_handle_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  *(int32_t *)node->out[0]->data = ((const handle_args *)node->args)->handle;
  return LN_OK;
}

/* ---- READ_VARIABLE: handle > value ---- */

/* The graph's word on the shape is taken unless an input has another shape than the graph says. */
ln_status ln_read_variable_infer(ln_node *node, ln_error *err) {
  const ln_shape *declared = &node->out[0]->signature;
  const bool ranked = declared->rank > 0 || node->out[0]->has_rank;
  if (!ranked || !ln_shape_known(declared) || ln_host_resized(node)) return (ln_status)LN_INFER_IN_RUN;
  return ln_node_set_shape(node, 0, declared, err);
}

ln_status ln_read_variable_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_host_find_variable(node, node->in[0], exec->err, &value));
  if (value->data == NULL) {
    return ln_node_fail(node, exec->err, LN_ERR_STATE, "variable \"%.100s\" is read before it is assigned",
                        value->name);
  }
  return ln_host_copy_output(node, 0, value, exec->err);
}

/* ---- ASSIGN_VARIABLE: handle, value ---- */

ln_status ln_assign_variable_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* a first or another size allocates */
}

ln_status ln_assign_variable_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_host_find_variable(node, node->in[0], exec->err, &value));
  return ln_host_assign(node, value, node->in[1], exec->err);
}

/* ---- CALL_ONCE ---- */

ln_status ln_call_once_infer(ln_node *node, ln_error *err) {
  ln_callee made;
  return ln_host_prepare_graph(node, LN_OPTIONS(node, call_once_options)->init_subgraph_index, NULL, 0, err, &made);
}

ln_status ln_call_once_run(const ln_node *node, ln_exec *exec) {
  return ln_host_run_once(node, LN_OPTIONS(node, call_once_options)->init_subgraph_index, exec->err);
}
