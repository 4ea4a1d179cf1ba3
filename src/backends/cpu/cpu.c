/* The CPU: each operator's own prepare and run, over the kernels of this machine's tier. */
#include <string.h>

#include "backends/backend.h"

static const char *refuses(const ln_op *op) {
  if (op->def->run != NULL) return NULL;
  const bool has_row = op->def->name[0] != '\0';
  if (LN_IS_WHOLE && !has_row && op->custom_name != NULL && strncmp(op->custom_name, "Flex", 4) == 0) {
    return "is a Select-TF operator that has no kernel here yet";
  }
  return op->def->kernel_not_yet;
}

static ln_status prepare(ln_node *node, ln_prep *prep) { return ln_node_prepare(node, prep); }

static ln_status run(const ln_node *node, ln_exec *exec) { return ln_node_run(node, exec); }

const ln_backend ln_backend_cpu = {LN_BACKEND_API, "cpu", "this machine's processor", refuses, prepare, run};
