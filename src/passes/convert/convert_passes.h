/*
 * Rewrites of models that are being converted, one a file; convert.def lists them in order. Unlike those that the
 * runtime applies (passes.def), their results go to a file, so that they fold nothing into operators that a file cannot
 * say.
 */
#ifndef LN_PASSES_CONVERT_PASSES_H
#define LN_PASSES_CONVERT_PASSES_H

#include "passes/passes.h"

typedef struct ln_convert_passes_options {
  bool channels_last; /* inputs and outputs may change their layout: see linnet/convert.h */
} ln_convert_passes_options;

/* All of them over all graphs of the model, each graph verified after each; changes the model in place. */
ln_status ln_convert_passes_run(ln_model *model, const ln_convert_passes_options *options, ln_error *err);

/* Graphs of the model that say the same become one (convert_join_graphs.c); the first of the passes. */
ln_status ln_convert_join_graphs(ln_model *model, ln_error *err);

#endif
