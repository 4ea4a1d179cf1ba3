/* Clustering: cluster.c reads the stage's parameters and goes from layer to layer; cluster_inputs.c sees what a layer
 * multiplies; cluster_fit.c chooses values and which weight takes which. */
#ifndef LN_OPTIMIZE_CLUSTER_H
#define LN_OPTIMIZE_CLUSTER_H

#include "optimize/kmeans.h"
#include "optimize/optimize.h"

/* What a layer multiplies on calibration data, as groups of its rows share it. */
typedef struct ln_cluster_inputs {
  int32_t groups, columns; /* rows [i * rows / groups, ...) see group i */
  double *moments;         /* [groups, columns, columns] of the inputs as they are now; NULL: of the diagonal alone */
  double *cross;           /* [groups, columns, columns] inputs now times inputs before; NULL likewise */
  double *diagonal;        /* [groups, columns] of the moments */
  double *mean, *mean_before; /* [groups, columns] */
  int64_t count;              /* positions that were seen of each group; 0: none, and all above may be NULL */
} ln_cluster_inputs;

/* Sees them on up to `limit` samples (0: all); nothing is seen of layers whose inputs cannot be told. `before` is the
 * model that the stage was given. */
ln_status ln_cluster_see(ln_optimizer *o, const ln_layer *layer, ln_model *before, int64_t limit,
                         ln_cluster_inputs *out);
void ln_cluster_inputs_free(ln_cluster_inputs *inputs);

typedef struct ln_cluster_task {
  const ln_optimizer *o;
  ln_kmeans how;
  int32_t rows, columns;
  float *values;        /* [rows, columns] become clustered ones */
  const uint8_t *zeros; /* [rows, columns] where not 0 it stays zero; NULL: none */
  const ln_cluster_inputs *inputs;
} ln_cluster_task;

/*
 * Gives rows [first, first + count) few values. Where inputs have been seen, a weight takes the value that mends best
 * what the others of its row, chosen before it, have changed of the output (Frantar et al., "GPTQ", 2022, which is
 * Babai's nearest plane), and values are then fitted to the outputs by least squares, in turn.
 */
ln_status ln_cluster_fit(const ln_cluster_task *task, int32_t first, int32_t count);

#endif
