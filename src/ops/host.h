/*
 * What a session does for operators that run other graphs of the model, or whose outputs have a size that only their
 * run finds. Declared here for the operators' files; the runtime holds the bodies (runtime/subgraph.c).
 */
#ifndef LN_OPS_HOST_H
#define LN_OPS_HOST_H

#include "ops/ops.h"

/*
 * A graph as an operator runs it. No graph runs itself, so one copy of a graph serves all operators of a session that
 * run it: what a call left in `out` holds until the next call of the same graph.
 */
typedef struct ln_callee {
  ln_tensor *tensors;
  const int32_t *outputs; /* [out_count] indices into `tensors` */
  int32_t out_count;
  const bool *known; /* of each tensor: its shape is known without a run */
} ln_callee;

static inline ln_tensor *ln_callee_out(const ln_callee *graph, int32_t index) {
  return &graph->tensors[graph->outputs[index]];
}

/*
 * Infers, prepares and gives memory to a graph whose inputs take the shapes of `inputs`; nothing happens when they have
 * them already. Fails when number or types of the inputs are others. For infer functions: allocates.
 */
ln_status ln_host_prepare_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count,
                                ln_error *err, ln_callee *out);
/* Prepares it where needed, copies the inputs' data and runs it. Counts against the session's operation limit. */
ln_status ln_host_run_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count, ln_error *err,
                            ln_callee *out);

/*
 * Memory for an output in a run: for strings, and for steps whose infer returned LN_INFER_IN_RUN, where `shape` becomes
 * the output's. An output with planned memory only takes the shape and size that it has.
 */
ln_status ln_host_output(const ln_node *node, int32_t index, const ln_shape *shape, size_t bytes, ln_error *err);
/* The same with the shape and the data of `source`, which must be of the output's type. */
ln_status ln_host_copy_output(const ln_node *node, int32_t index, const ln_tensor *source, ln_error *err);

#endif
