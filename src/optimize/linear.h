/* Linear algebra on dense symmetric matrices in double precision, row-major: what techniques fit weights with. */
#ifndef LN_OPTIMIZE_LINEAR_H
#define LN_OPTIMIZE_LINEAR_H

#include "base/base.h"

/*
 * h [n, n] += rows^T rows of rows [count, n]: second moments. The lower triangle alone is kept; ln_linear_mirror copies
 * it to the upper one.
 */
void ln_linear_add_moments(double *h, int32_t n, const float *rows, int64_t count);
/* c [m, n] += a^T b of a [count, m] and b [count, n]. */
void ln_linear_add_products(double *c, const float *a, int32_t m, const float *b, int32_t n, int64_t count);
/* y [count, rows] = x [count, columns] w^T + bias, of w [rows, columns]; `bias` [rows]. */
void ln_linear_apply(const float *x, int64_t count, int32_t columns, const float *w, const float *bias, int32_t rows,
                     float *y);
void ln_linear_mirror(double *h, int32_t n);
double ln_linear_dot(const double *a, const double *b, int32_t n);
/* The mean of the diagonal. */
double ln_linear_mean_diagonal(const double *h, int32_t n);

/* The lower triangle of a [n, n] becomes L of a = L L^T, its upper one zeros; false where a is not positive definite:
 * a is then spoilt. */
bool ln_linear_cholesky(double *a, int32_t n);
/* Each row of b [count, n] becomes x of L L^T x = b. */
void ln_linear_solve(const double *l, int32_t n, double *b, int32_t count);
/*
 * The lower triangle of `a`, mirrored, with `damping` times the mean of its diagonal added to that, becomes its inverse
 * (mirrored). Where that is not positive definite, more is added. Elements of the diagonal that are zero (inputs that
 * never differ from zero) count as 1. LN_ERR_MEMORY, or LN_ERR_DATA for numbers that are not finite.
 */
ln_status ln_linear_inverse(double *a, int32_t n, double damping, ln_error *err);
/* The same for `count` matrices' worth of equations: rows of b [count, n] become x of (a + damping) x = b; a is kept.
 */
ln_status ln_linear_solve_damped(const double *a, int32_t n, double damping, double *b, int32_t count, ln_error *err);

#endif
