/*
 * Rounding weights with an eye on what they are multiplied with. Moments are the sums of products of a layer's inputs,
 * [columns, columns], of which ln_linear_add_moments fills the lower triangle.
 */
#ifndef LN_OPTIMIZE_LEARNED_ROUNDING_H
#define LN_OPTIMIZE_LEARNED_ROUNDING_H

#include "optimize/quantize.h"

/* Weights in few bits use all integers that there are; those of 8 bits leave out -128, as kernels want it. */
static inline int32_t ln_weight_high(int32_t bits) { return (1 << (bits - 1)) - 1; }
static inline int32_t ln_weight_low(int32_t bits) { return bits < 8 ? -(1 << (bits - 1)) : -ln_weight_high(bits); }

/* values [rows, columns] in floats; a scale for each `block` columns of a row, which make whole rows. Writes the
 * nearest integers. */
void ln_round_nearest(const float *values, int32_t rows, int32_t columns, const float *scales, int32_t block,
                      int32_t bits, int8_t *out);
/*
 * The same, where the error of each weight is made up for by those of the row that are not rounded yet, as the moments
 * say (Frantar et al., GPTQ, 2022): columns in falling order of their inputs' power. Zeros stay zeros.
 */
ln_status ln_round_by_moments(const ln_optimizer *o, const float *values, int32_t rows, int32_t columns,
                              const float *scales, int32_t block, int32_t bits, const double *moments, int8_t *out);
/*
 * Lets weights [rows, columns] give of inputs as they have become what they gave before: `moments` are of the former,
 * `cross` [columns, columns] are sums of what inputs were (rows) by what they are. Zeros stay zeros; `cross` is spoilt.
 */
ln_status ln_catch_up(const ln_optimizer *o, float *weights, int32_t rows, int32_t columns, const double *moments,
                      double *cross);

#endif
