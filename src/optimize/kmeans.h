/* Clusters of numbers along a line. */
#ifndef LN_OPTIMIZE_KMEANS_H
#define LN_OPTIMIZE_KMEANS_H

#include "base/base.h"

typedef enum ln_kmeans_start {
  LN_KMEANS_PLUS_PLUS, /* far from one another (Arthur & Vassilvitskii, "k-means++", 2007), the best of a few draws */
  LN_KMEANS_DENSITY,   /* as many values between each pair */
  LN_KMEANS_LINEAR,    /* evenly spaced from the least to the greatest */
  LN_KMEANS_RANDOM     /* values drawn alike */
} ln_kmeans_start;

typedef struct ln_kmeans {
  int32_t clusters;
  ln_kmeans_start start;
  bool keep_zero; /* zero is one of the centers, whatever the values */
  uint64_t seed;
} ln_kmeans;

/*
 * Centers [clusters], ascending, that make the weighted sum of squared distances small (Lloyd, "Least squares
 * quantization in PCM", 1982); fewer (`*used`) where there are fewer values. weights: [count], NULL for ones alike.
 * Values are finite. False when memory is short.
 */
bool ln_kmeans_find(const ln_kmeans *how, const float *values, const float *weights, size_t count, float *centers,
                    int32_t *used);
/* The place of the nearest of ascending centers. */
int32_t ln_kmeans_nearest(const float *centers, int32_t count, float value);

#endif
