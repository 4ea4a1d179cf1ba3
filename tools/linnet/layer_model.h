/* Models of one layer, made in memory as .tflite files: what `linnet bench --layers` times. */
#ifndef LINNET_CLI_LAYER_MODEL_H
#define LINNET_CLI_LAYER_MODEL_H

#include "linnet/model.h"

typedef enum layer_kind { LAYER_PRODUCT, LAYER_CONV, LAYER_DEPTHWISE } layer_kind;

/*
 * A product is [height, in] times [in, out]: a fully-connected layer of `height` rows. The others slide a square of
 * `kernel` over [1, height, height, in] with padding "same"; a depthwise one has as many outputs as inputs.
 */
typedef struct layer {
  layer_kind kind;
  int32_t height, in, out, kernel, stride;
} layer;

/* The shape of the layer's output, of rank 2 or 4; returns the rank. */
int32_t layer_output_dims(const layer *layer, int32_t dims[4]);
int64_t layer_macs(const layer *layer);

/*
 * The file's bytes, the caller's to free; NULL when memory is short. Weights are seeded random numbers; with `bytes`
 * all is int8, with a scale for each output, and the output's own fits what they give on inputs over the whole of int8.
 */
void *layer_model(const layer *layer, bool bytes, size_t *size);

#endif
