/*
 * Dense linear algebra in double precision, on row-major matrices, after Golub and Van Loan, "Matrix Computations".
 * None of it allocates; loops are as many as the matrices' sizes say.
 */
#ifndef LN_KERNELS_LINALG_H
#define LN_KERNELS_LINALG_H

#include <stddef.h>
#include <stdint.h>

/* The lower factor of a positive definite a [n, n] in its place, zeros above; false when a is none. Reads the lower
 * triangle. */
int ln_k_cholesky(size_t n, double *a);
/* P a = L U in a's place, rows of P in `order` [n]; returns the sign of P, 0 when a pivot is 0. */
int ln_k_lu(size_t n, double *a, int64_t *order);
/* x [n, columns] of a x = b, from ln_k_lu. x must not be b. */
void ln_k_lu_solve(size_t n, size_t columns, const double *lu, const int64_t *order, const double *b, double *x);
/* x in the place of b [n, columns]: a (its lower or upper triangle, or that one's transpose) x = b; false for a zero on
 * the diagonal. */
int ln_k_triangular_solve(size_t n, size_t columns, const double *a, int lower, int transposed, double *b);
/* a [m, n] = q r by Householder's reflections, diagonal entries of r of the sign opposite to what was there. q [m, m];
 * a becomes r. */
void ln_k_qr(size_t m, size_t n, double *a, double *q);
/* Eigenvalues of a symmetric a [n, n] (its lower triangle is read; it is overwritten), rising, and the eigenvectors as
 * columns of v [n, n]: of each, the component that is largest in size is positive. Jacobi's method. */
void ln_k_eigh(size_t n, double *a, double *values, double *v);
/*
 * a [m, n] = u diag(s) v^T with s [n] falling, m >= n: one-sided Jacobi. `columns` [n, m] are a's columns one by one;
 * they become those of u, and `ut` [whole, m] gets these and, from n on, what makes them a basis (whole is n or m).
 * vt [n, n]: v's columns; of each, the component that is largest in size is positive.
 */
void ln_k_svd(size_t m, size_t n, double *columns, double *s, double *vt, double *ut, size_t whole);

#endif
