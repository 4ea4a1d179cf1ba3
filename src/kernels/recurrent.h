/*
 * What the steps of recurrent layers are made of: matrices of floats, or of int8 with one scale, times vectors that are
 * quantized in run, as TFLite's hybrid kernels do; and activations.
 */
#ifndef LN_KERNELS_RECURRENT_H
#define LN_KERNELS_RECURRENT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/matvec.h"
#include "kernels/unary.h"

/* The schema's activations that a cell takes, and the one of its gates. */
typedef enum ln_recurrent_activation {
  LN_RECURRENT_LINEAR = 0,
  LN_RECURRENT_RELU = 1,
  LN_RECURRENT_RELU_N1_TO_1 = 2,
  LN_RECURRENT_RELU6 = 3,
  LN_RECURRENT_TANH = 4,
  LN_RECURRENT_SIGN_BIT = 5, /* 1 where it is set, else 0 */
  LN_RECURRENT_LOGISTIC
} ln_recurrent_activation;

typedef struct ln_recurrent_functions {
  ln_matvec_f32_fn *matvec_f32;
  ln_matvec_i8_fn *matvec_i8;
  ln_unary_f32_fn *logistic, *tanh;
} ln_recurrent_functions;

/* [rows, columns]; neither f32 nor i8: there is none. */
typedef struct ln_recurrent_matrix {
  const float *f32;
  const int8_t *i8;
  float scale;             /* of i8 */
  const int32_t *row_sums; /* [rows] of i8, where vectors have a zero point; else NULL */
  int32_t rows, columns;
  bool diagonal; /* square, and f32 holds what stands on the diagonal, [rows]; all else is 0 */
} ln_recurrent_matrix;

/* x = scale * (q - zero_point) */
typedef struct ln_recurrent_vector {
  const float *x;  /* [columns] */
  const int8_t *q; /* NULL where no int8 matrix meets it */
  float scale;
  int32_t zero_point;
} ln_recurrent_vector;

/* How vectors are quantized. */
typedef enum ln_recurrent_mode {
  LN_RECURRENT_FLOAT = 0,
  LN_RECURRENT_SYMMETRIC,
  LN_RECURRENT_ASYMMETRIC
} ln_recurrent_mode;

/* q: [count], unless `mode` is LN_RECURRENT_FLOAT */
ln_recurrent_vector ln_k_recurrent_vector(const float *x, int32_t count, ln_recurrent_mode mode, int8_t *q);

static inline bool ln_k_recurrent_is_there(const ln_recurrent_matrix *matrix) {
  return matrix->f32 != NULL || matrix->i8 != NULL;
}

/* out[r] += sum of matrix[r, c] * vector[c]; integer sums are scaled once. products: [rows], for int8 only. */
void ln_k_recurrent_add(const ln_recurrent_functions *functions, const ln_recurrent_matrix *matrix,
                        const ln_recurrent_vector *vector, int32_t *products, float *out);

/* `out` may be `in`. */
void ln_k_recurrent_activate(const ln_recurrent_functions *functions, ln_recurrent_activation activation,
                             const float *in, int32_t count, float *out);

#endif
