/* Declares the functions that the rows of ops.def and custom.def name. */
#ifndef LN_OPS_ROWS_H
#define LN_OPS_ROWS_H

#include "ops/ops.h"
#include "ops/variants.h"

#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  ln_status infer(ln_node *node, ln_error *err);                                               \
  ln_status prepare(ln_node *node, ln_prep *prep);                                             \
  ln_status run(const ln_node *node, ln_exec *exec);                                           \
  int64_t macs(const ln_node *node);
#define LN_CUSTOM_OP(id, name, infer, prepare, run, macs, variant, flags, types, gradient) \
  ln_status infer(ln_node *node, ln_error *err);                                           \
  ln_status prepare(ln_node *node, ln_prep *prep);                                         \
  ln_status run(const ln_node *node, ln_exec *exec);                                       \
  int64_t macs(const ln_node *node);
#include "ops/ops.def"
#include "ops/custom.def"

#endif
