/*
 * Splitting layers: the compressors that factorize.c chooses from (factorize_svd.c, factorize_spatial.c,
 * factorize_tucker.c) and what they share (factorize_split.c); compressor.c runs them, compressor_rewrite.c puts what
 * they give into the graph.
 */
#ifndef LN_OPTIMIZE_FACTORIZE_H
#define LN_OPTIMIZE_FACTORIZE_H

#include "linnet/compressor.h"
#include "optimize/optimize.h"

extern const ln_compressor ln_compressor_svd, ln_compressor_spatial, ln_compressor_tucker;

/* ---- running compressors over a graph (compressor.c) ---- */

/* Whether a compressor is to be tried on a layer; NULL: any. */
typedef bool (*ln_compressor_filter)(const ln_parameter_values *values, const ln_compressor *compressor);

/* Tries `count` compressors on every layer that the stage takes, chooses sizes by the stage's energy or budget and
 * writes them. `parameters`: the stage's list. */
ln_status ln_compress(ln_optimizer *o, const ln_stage *stage, const ln_parameter *parameters,
                      const ln_compressor *const *compressors, int32_t count, ln_compressor_filter filter);

/* What a compressor that a program brings runs as (ln_technique.run). */
ln_status ln_technique_compress(ln_optimizer *o, const ln_stage *stage);
/* LN_ERR_ARGUMENT for one that lacks what it must have (compressor_check.c). */
ln_status ln_compressor_check(const ln_compressor *compressor, ln_error *err);

struct ln_parameter_values {
  const ln_parameter *list;
  const ln_optimizer *o; /* NULL: all at their fallbacks */
  const ln_stage *stage;
  const ln_op *op; /* NULL: the stage as a whole */
};

/* ---- what is made of a layer (compressor_rewrite.c) ---- */

/* Whether stride, dilation and padding down the image, or across it, go with factor `index`. */
bool ln_factor_strides(const ln_layer_weights *layer, const ln_factor *factors, int32_t index, bool across);
/* Puts factors, which fit, in a layer's place and adds `bias` [rows] to its own; `layer` is then the last of them. */
ln_status ln_factors_put(ln_optimizer *o, ln_layer *layer, const ln_layer_weights *weights, const ln_factor *factors,
                         int32_t count, const float *bias);

/* ---- levels (choose.c) ---- */

/* One size that a layer could take. */
typedef struct ln_choice {
  int32_t compressor, level; /* -1: the layer as it is */
  int64_t bytes, macs;
  double error;
} ln_choice;

/* The cheapest of `count` choices that loses at most `error`; -1 for none that saves bytes and MACs beside the first.
 */
int32_t ln_choose_by_error(const ln_choice *choices, int32_t count, double error);
/*
 * One choice for each of `layers` (whose choices begin at starts[layer] and end at starts[layer + 1], the first of them
 * the layer as it is), so that all together cost at most `share` of what they do now and the errors' sum is small: of
 * each layer the choices on the lower hull of cost and error, steps along the hulls in the order of error by saving
 * (after Zhang et al., "Accelerating Very Deep Convolutional Networks", 2015, 3.3). False when memory is short.
 */
bool ln_choose_by_budget(const ln_choice *choices, const int32_t *starts, int32_t layers, double share, bool by_macs,
                         int32_t *chosen);

/* ---- what compressors share (factorize_split.c) ---- */

/*
 * A matrix w [outs, ins] seen as sums of products of rank one, those that matter most first. left [outs, most] are its
 * left singular vectors after whitening what it multiplies, lost [most] the shares that are lost when only the first
 * i + 1 are kept.
 */
typedef struct ln_split {
  int32_t outs, ins, most;
  double *w, *left, *energies, *lost;
} ln_split;

/*
 * `w` is taken over, also where it fails; NULL is memory that was short. x [count, ins]: samples of what it multiplies;
 * count 0: all directions alike. `*out` is to be destroyed even after a failure.
 */
ln_status ln_split_make(double *w, int32_t outs, int32_t ins, const float *x, int64_t count, ln_error *err,
                        ln_split **out);
/* Shares lost as samples show them, where an output reads several vectors of `x` (see ln_split_write): they hang
 * together, which ln_split_make does not see. */
ln_status ln_split_measure(ln_split *split, const ln_layer_weights *layer, const float *x, int32_t turns,
                           ln_error *err);
void ln_split_destroy(ln_split *split); /* NULL is fine */
/*
 * The two sides at a rank, first [rank, ins] and second [outs, rank]. Where the layer has samples, the second is solved
 * anew, and `bias` [rows] takes the means: `x` [patch_count * turns, ins] holds the `turns` vectors of each patch, of
 * which an output reads all: outs = rows * turns.
 */
ln_status ln_split_write(const ln_split *split, const ln_layer_weights *layer, const float *x, int32_t turns,
                         int32_t rank, ln_error *err, float *first, float *second, float *bias);
/*
 * The last factor's weights [rows, inner] solved anew by least squares, drawn towards what they are: from z
 * [patch_count, inner], what the factors before it give, and the layer's own outputs. `bias` [rows] takes the means.
 */
ln_status ln_split_refit(const ln_layer_weights *layer, const float *z, int32_t inner, ln_error *err, float *weights,
                         float *bias);

/* Whether a matrix [outs, ins] can be taken apart in minutes: the work grows with the third power of the smaller. */
bool ln_split_is_feasible(int64_t outs, int64_t ins);
size_t ln_patch_size(const ln_layer_weights *layer); /* height * width * channels: the weights' memory bounds it */
/* out [n, n], zeros before: the mean of (x - mean) (x - mean)^T over x [count, n], drawn towards all directions alike
 * by `ridge` times the mean of its diagonal. mean [n] is filled. False when memory is short. */
bool ln_split_moments(const float *x, int64_t count, int32_t n, double ridge, double *mean, double *out);
#define LN_SPLIT_RIDGE 0.05
/* What the layer gives of its patches: outputs [patch_count, rows]. False when memory is short. */
bool ln_weights_respond(const ln_layer_weights *layer, float *outputs);
/* Zeroed; NULL also where the product is too large. */
double *ln_doubles(int64_t rows, int64_t columns);
float *ln_floats(int64_t rows, int64_t columns);
void ln_lost_shares(const double *energies, int32_t count, double *lost);

#endif
