/*
 * Builtin operators' functions for Select-TF operators that hold the same things elsewhere: an axis that is an input,
 * say. A stand-in is a copy of the node that shows the builtin what it expects; it lives for one call.
 */
#ifndef LN_OPS_FLEX_ADAPT_H
#define LN_OPS_FLEX_ADAPT_H

#include "ops/ops.h"

typedef struct ln_stand_in {
  ln_node node;
  ln_op op;
} ln_stand_in;

/* `options` (may be NULL) take the place of the operator's. */
static inline ln_node *ln_stand_in_for(const ln_node *node, const void *options, ln_stand_in *s) {
  s->node = *node;
  s->op = *node->op;
  if (options != NULL) s->op.options = options;
  s->node.op = &s->op;
  return &s->node;
}

/* What prepare of a stand-in left goes to the node itself. */
static inline void ln_stand_in_keep(const ln_stand_in *s, ln_node *node) {
  node->args = s->node.args;
  node->scratch_bytes = s->node.scratch_bytes;
  node->thread_scratch_bytes = s->node.thread_scratch_bytes;
}

#endif
