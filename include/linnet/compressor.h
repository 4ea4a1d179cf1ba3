/*
 * A way to make weights smaller, as one struct of functions: it takes a layer's weights apart, says what each size that
 * it could write them in costs and loses, and writes one. A recipe that was told of it (ln_recipe_use) takes it as a
 * technique like those that the library brings. examples/compressor.c is one in a file.
 */
#ifndef LINNET_COMPRESSOR_H
#define LINNET_COMPRESSOR_H

#include "linnet/optimize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what it is given ---- */

/* A convolution (of one group) or fully-connected layer with weights in floats. */
typedef struct ln_layer_weights {
  size_t size;      /* sizeof(ln_layer_weights) in the library: fields past it are not there */
  const char *name; /* of the layer's output */
  int32_t rows;     /* output channels */
  int32_t height;   /* of the filter; 1 of fully-connected layers, whose inputs are channels */
  int32_t width;
  int32_t channels;                                   /* that the filter reads */
  const float *values;                                /* [rows, height, width, channels] */
  int64_t in_height, in_width, out_height, out_width; /* places of the image, batches counted in the height */
  /* What the filter is laid over in runs on calibration samples, and what the layer gave there without its bias:
   * patches
   * * values^T, but that when it is rewritten the patches may be those of a model whose layers before this one have
   * been rewritten, while the outputs stay those of the model as it was. count 0: there are no samples. */
  int64_t patch_count;
  const float *patches; /* [patch_count, height, width, channels] */
  const float *outputs; /* [patch_count, rows] */
} ln_layer_weights;

/* The parameters of a stage, for one layer. */
typedef struct ln_parameter_values ln_parameter_values;
LN_API double ln_parameter_number(const ln_parameter_values *values, const char *name);    /* NaN: not in the list */
LN_API bool ln_parameter_flag(const ln_parameter_values *values, const char *name);        /* false: not in the list */
LN_API const char *ln_parameter_text(const ln_parameter_values *values, const char *name); /* NULL: not in the list */

/* ---- what it gives ---- */

/* One of the layers that stand in place of one, each reading what the one before it writes; only the last one has the
 * bias and the activation. */
typedef struct ln_factor {
  size_t size;      /* sizeof(ln_factor) in the library */
  int32_t rows;     /* of the last: the layer's */
  int32_t height;   /* 1, or in one of the factors the layer's: stride, dilation and padding along it go there */
  int32_t width;    /* the same */
  int32_t channels; /* the rows of the one before; of the first: the layer's */
  /* The greatest number of distinct values in a row, which later stages keep (a table then stores them); 0: any. */
  int32_t clusters;
  float *values; /* [rows, height, width, channels], to be filled; NULL where only shapes are asked for */
} ln_factor;

enum { LN_MOST_FACTORS = 4 };

/* What a layer costs in one of its sizes, and loses. */
typedef struct ln_compressor_cost {
  size_t size;   /* sizeof(ln_compressor_cost) in the library */
  int64_t bytes; /* of the weights as a file keeps them */
  int64_t macs;  /* multiply-accumulates of a run */
  double error;  /* share of the output that is lost, as ln_weights_loss has it: 0 none, 1 all */
} ln_compressor_cost;

/* What plain layers of float32 cost, for `cost` functions; `out->error` is left as it is. LN_ERR_SHAPE for factors that
 * do not fit the layer and one another. */
LN_API ln_status ln_factors_cost(const ln_layer_weights *layer, const ln_factor *factors, int32_t count, ln_error *err,
                                 ln_compressor_cost *out);

/* The share that is lost when the weights are `values` and `bias` [rows] (NULL: nothing) is added to the bias: of the
 * outputs' squares about their mean, or without samples of the weights'. */
LN_API double ln_weights_loss(const ln_layer_weights *layer, const float *values, const float *bias);

/* `err` is never NULL in its functions. */
typedef struct ln_compressor {
  size_t size;      /* sizeof(ln_compressor) */
  const char *name; /* the technique's in recipes, none of the library's own */
  const char *what; /* one line */
  /*
   * Ends with a NULL name. Of those that it shares with the library's, the library reads these: "energy", the share of
   * the output that a layer must keep, "budget", the share of `of` ("macs" or "bytes") that all layers together may
   * cost, "least", the share of its MACs that a layer must save, "samples", how many samples are run at most, and
   * "mend", whether they are run again for each layer that is rewritten. Without energy and budget the last level is
   * taken.
   */
  const ln_parameter *parameters;
  /* Takes a layer's weights apart. `*levels` sizes can then be asked for, the cheapest first; 0: it does nothing for
   * such a layer. What it allocates goes to `*state`, also where it fails. `layer` outlives the state. */
  ln_status (*decompose)(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err, void **state,
                         int32_t *levels);
  ln_status (*cost)(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                    ln_compressor_cost *out);
  /* Called twice: first for the number of factors (up to LN_MOST_FACTORS) and their shapes, then, with memory for their
   * values, for these and for `bias` [rows], zeros that may be filled with what is to be added to the layer's bias. One
   * factor alone gives the layer's weights other values. */
  ln_status (*rewrite)(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                       ln_factor *factors, int32_t *count, float *bias);
  void (*destroy)(void *state);     /* NULL where there is nothing to free; `state` may be NULL */
  ln_status (*test)(ln_error *err); /* checks of its own, which ln_compressor_test runs too; NULL: none */
} ln_compressor;

/* Lets the stages that are added to a recipe from now on be this one, by its name: the struct outlives the recipe.
 * LN_ERR_ARGUMENT for one that lacks something, or whose name is taken. */
LN_API ln_status ln_recipe_use(ln_recipe *recipe, const ln_compressor *compressor, ln_error *err);

/*
 * Holds a compressor to what is said above, on layers of several shapes, with samples and without: shapes fit, costs
 * rise from level to level, and what is written loses no more than the cost says, within `tolerance` (a share of the
 * output). Then its own test. LN_ERR_INTERNAL where something does not hold. Parameters are at their fallbacks.
 */
LN_API ln_status ln_compressor_test(const ln_compressor *compressor, double tolerance, ln_error *err);

/* The library's own, which the technique factorize chooses from: "svd", "spatial", "tucker"; NULL past the last. */
LN_API const ln_compressor *ln_compressor_get(int32_t index);

#ifdef __cplusplus
}
#endif
#endif
