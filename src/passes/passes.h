/*
 * Rewrites: graph in, graph out, one a file; passes.def lists them in the order the runtime applies them.
 * A pass gets a graph of its own to change (ln_graph_clone) and leaves one that the verifier accepts.
 */
#ifndef LN_PASSES_H
#define LN_PASSES_H

#include "ir/ir.h"

typedef struct ln_pass_context {
  const ln_model *model;
  ln_graph *graph; /* changed in place */
  ln_arena *arena; /* where new tensors, constants and options go */
  int32_t changes; /* what the pass did, for reports */
  size_t *grown;   /* bytes of constants made so far from all graphs of the model (ln_pass_may_grow) */
  size_t given;    /* bytes that the model was made from, beside its file */
  ln_error *err;
} ln_pass_context;

typedef struct ln_pass {
  const char *name; /* "fold_constants" */
  const char *what; /* one line; empty in a build of chosen models */
  ln_status (*run)(ln_pass_context *context);
} ln_pass;

int32_t ln_pass_count(void);
const ln_pass *ln_pass_at(int32_t index);
/*
 * Whether a pass may make constants of so many bytes more, which are then counted. All together may take 64 MB and 16
 * times the file: each alone within a limit would let a small file, whose operators feed one another, fill any memory.
 */
bool ln_pass_may_grow(ln_pass_context *context, size_t bytes);
/* All passes in order, the graph verified after each. */
ln_status ln_passes_run(ln_pass_context *context);

#endif
