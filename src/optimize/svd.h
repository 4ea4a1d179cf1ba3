/* Singular values of dense row-major matrices in doubles, the same on every machine. */
#ifndef LN_OPTIMIZE_SVD_H
#define LN_OPTIMIZE_SVD_H

#include "base/base.h"

/*
 * The singular values of a [rows, columns], greatest first, and the vectors on its left: a = left * diag(values) * ...
 * values [count], left [rows, count], count = min(rows, columns). Vectors of values that are nothing beside the first
 * may be zero. One-sided Jacobi rotations over the triangle of a factored by Householder's reflections (Demmel and
 * Veselic, "Jacobi's method is more accurate than QR", 1992; Drmac and Veselic, "New fast and accurate Jacobi SVD
 * algorithm", 2008). LN_ERR_MEMORY, or LN_ERR_DATA for what is not finite.
 */
ln_status ln_svd(const double *a, int32_t rows, int32_t columns, ln_error *err, double *values, double *left);

/* out [rows, columns] = a [rows, inner] * b [inner, columns]. */
void ln_matrix_product(const double *a, const double *b, int32_t rows, int32_t inner, int32_t columns, double *out);

/* out [count, rows] = x [count, columns] * w^T. */
void ln_respond(const float *x, int64_t count, const double *w, int32_t rows, int32_t columns, float *out);

#endif
