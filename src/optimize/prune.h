/* What the files of pruning share: patterns, the layers in hand, what they are fitted to. */
#ifndef LN_OPTIMIZE_PRUNE_H
#define LN_OPTIMIZE_PRUNE_H

#include "optimize/optimize.h"

/* Weights are removed in units: blocks of `rows` x `columns` of a layer's matrix. Rows that share blocks are a strip.
 */
typedef struct ln_prune_pattern {
  int32_t rows, columns; /* 1 x 1: one by one */
  int32_t n, m;          /* of each m in a row at most n stay; m 0: as many as the costs say */
  bool channels;         /* whole channels: channels.c */
} ln_prune_pattern;

typedef struct ln_prune_layer {
  ln_layer layer;
  float *dense, *dense_bias; /* as the stage found them: [rows, columns] and [rows] */
  bool fitted;               /* its inputs can be observed and its bias be changed: else it goes by magnitude */
  int32_t skip;              /* tensor that is added to its output, which nothing else reads; -1 */
  float low, high;           /* range of its activation */
  int32_t groups;            /* rows of a group see the same inputs */
  ln_prune_pattern pattern;
  int64_t units, removed; /* of the pattern; how many are to go */
  double sparsity;        /* said for this layer alone; negative: it is chosen */
  float *costs;           /* [units] in any order */
  double power;           /* variance of what it gives */
  double importance;      /* of an error of its output for the model's */
} ln_prune_layer;

/* What a layer sees and should give, position by position. */
typedef struct ln_prune_data {
  int64_t count, capacity;
  int32_t groups, group_rows, columns;
  float *x; /* [groups][capacity][columns] */
  float *y; /* [groups][capacity][group_rows] of the dense model, before the activation; NULL: not asked for */
} ln_prune_data;

/* A stage at work. */
typedef struct ln_pruning {
  ln_optimizer *o;
  const ln_stage *stage;
  ln_prune_pattern pattern;
  ln_prune_layer *layers;
  int32_t count;
  double sparsity;
  int64_t samples;
  ln_model *dense; /* the model as the stage found it; NULL: weights go by magnitude */
  int64_t weights; /* that can be pruned */
} ln_pruning;

/* ---- prune.c ---- */

/* "unstructured", "4x4", "2:4", "channel"; LN_ERR_ARGUMENT for another text. */
ln_status ln_prune_pattern_read(const char *text, ln_error *err, ln_prune_pattern *out);
/* Groups of rows that see the same inputs; 0: it cannot be told. */
int32_t ln_prune_groups(const ln_optimizer *o, const ln_layer *layer);
/* Why the pattern does not fit the layer, whose groups are told; NULL when it does. */
const char *ln_prune_refuses(const ln_optimizer *o, const ln_prune_layer *p);
ln_status ln_pruning_open(ln_pruning *w);
void ln_pruning_close(ln_pruning *w);
ln_status ln_pruning_write(ln_pruning *w, ln_prune_layer *p, const float *weights, const float *bias);
/*
 * Takes p->removed units out of the layer, and what `gone` (one byte a weight, or NULL) says; fits the others to what
 * `model` feeds it, and writes it. With `costs`, fills p->costs and p->power too.
 */
ln_status ln_pruning_fit(ln_pruning *w, ln_prune_layer *p, ln_model *model, const uint8_t *gone, bool costs);

/* ---- channels.c ---- */

/* The pattern "channel": whole channels go, and the graph with them. */
ln_status ln_prune_channels(ln_pruning *w);

/* ---- prune_data.c ---- */

/* Runs `model`, and `dense` beside it (NULL: no `y`), over calibration samples. */
ln_status ln_prune_gather(const ln_optimizer *o, ln_model *model, ln_model *dense, const ln_prune_layer *p,
                          int64_t samples, ln_prune_data *out);
void ln_prune_data_free(ln_prune_data *data);
/* Of what the layer gives in the dense model, all rows together; above zero. */
double ln_prune_variance(const ln_prune_data *data);
/* The outputs' squared distance from those of `dense`, over their own variance. */
ln_status ln_prune_output_error(const ln_optimizer *o, ln_model *model, ln_model *dense, int64_t samples, double *out);

/* ---- prune_trace.c ---- */

/*
 * Removes the units of one strip one by one, each time the one whose loss costs least when the others make up for it
 * (the Optimal Brain Surgeon: Hassibi & Stork 1993; row by row: Frantar & Alistarh 2022). `m` [n, n] holds the inverse
 * of the inputs' moments and `w` [rows, n] the weights; both are spoilt. `order` and `cost` [n / columns]: units in the
 * order of going, and what each took; returns how many went.
 */
int32_t ln_prune_trace(double *m, double *w, int32_t n, const ln_prune_pattern *pattern, int32_t *order, double *cost,
                       int32_t *scratch);
/* What removing each unit alone costs: [n / columns]. */
void ln_prune_single_costs(const double *m, const double *w, int32_t n, const ln_prune_pattern *pattern, double *cost);

/* ---- prune_fit.c ---- */

/* Least squares of one layer on what it was seen to do. */
typedef struct ln_prune_fit {
  const ln_optimizer *o;
  const ln_prune_layer *p;
  const ln_prune_data *data;
  double damping;
  int32_t rounds; /* of making targets follow the activation */
  double *h;      /* [columns, columns] covariance of a group's inputs */
  double *work;   /* [columns, columns] */
  double *inverse;
  double *g;                /* [group_rows, columns] covariance of targets with inputs */
  double *w;                /* [group_rows, columns] */
  double *mean_x, *mean_y;  /* [columns], [group_rows] */
  double *line;             /* [6, columns] */
  int32_t *index, *scratch; /* [columns], [2, columns] */
  float *target, *line_f;   /* [count, group_rows]; [group_rows, columns] */
} ln_prune_fit;

ln_status ln_prune_fit_open(const ln_optimizer *o, const ln_prune_layer *p, const ln_prune_data *data, double damping,
                            ln_prune_fit *out);
void ln_prune_fit_close(ln_prune_fit *fit);
/* Fills p->costs from the inputs seen, for the dense weights. */
ln_status ln_prune_fit_costs(ln_prune_fit *fit, ln_prune_layer *p);
/*
 * Chooses which p->removed units go and fits the others: `weights` [rows, columns], `bias` [rows]. `zeros`: one byte a
 * weight, set where it must be zero already; NULL: nowhere.
 */
ln_status ln_prune_fit_layer(ln_prune_fit *fit, const uint8_t *zeros, float *weights, float *bias);

/* What the loss of the `count` inputs `columns` costs, of all rows together; of dense weights. Moments are from
 * ln_prune_fit_inputs. */
ln_status ln_prune_fit_inputs(ln_prune_fit *fit);
double ln_prune_fit_inputs_cost(const ln_prune_fit *fit, const int32_t *columns, int32_t count);

/* ---- prune_choose.c ---- */

/* The same without data: units of the least magnitude become zero. */
ln_status ln_prune_by_magnitude(const ln_optimizer *o, const ln_prune_layer *p, float *weights);
/* Costs by magnitude (LAMP: Lee et al. 2021). */
ln_status ln_prune_magnitude_costs(const ln_optimizer *o, ln_prune_layer *p);
/* Sets `removed` of all layers, so that `sparsity` of all their weights go, at the least cost. */
ln_status ln_prune_allocate(const ln_optimizer *o, ln_prune_layer *layers, int32_t count, double sparsity, bool global);

#endif
