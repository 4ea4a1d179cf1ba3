/* Runs nothing: planning, overhead and unsupported models can be looked at without computing. Outputs hold zeros or
 * whatever the arena held. */
#include "backends/backend.h"

extern const ln_backend ln_backend_null;

static const char *refuses(const ln_op *op) {
  return op->def->infer != NULL ? NULL : "has no shape function, so that its outputs cannot be planned";
}

static ln_status prepare(ln_node *node, ln_prep *prep) {
  (void)node;
  (void)prep;
  return LN_OK;
}

static ln_status run(const ln_node *node, ln_exec *exec) {
  (void)node;
  (void)exec;
  return LN_OK;
}

const ln_backend ln_backend_null = {LN_BACKEND_API, "null", "computes nothing", refuses, prepare, run};
