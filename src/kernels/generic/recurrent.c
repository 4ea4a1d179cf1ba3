/* Products and activations of recurrent layers: see kernels/recurrent.h. */
#include "kernels/recurrent.h"

#include <math.h>
#include <string.h>

#include "kernels/hybrid.h"

ln_recurrent_vector ln_k_recurrent_vector(const float *x, int32_t count, ln_recurrent_mode mode, int8_t *q) {
  ln_recurrent_vector vector = {.x = x};
  if (mode == LN_RECURRENT_FLOAT) return vector;
  vector.q = q;
  if (mode == LN_RECURRENT_SYMMETRIC) ln_k_quantize_symmetric(x, (size_t)count, q, &vector.scale);
  else ln_k_quantize_asymmetric(x, (size_t)count, q, &vector.scale, &vector.zero_point);
  return vector;
}

void ln_k_recurrent_add(const ln_recurrent_functions *functions, const ln_recurrent_matrix *matrix,
                        const ln_recurrent_vector *vector, int32_t *products, float *out) {
  const int32_t rows = matrix->rows;
  if (matrix->diagonal) {
    for (int32_t r = 0; r < rows; ++r) out[r] += matrix->f32[r] * vector->x[r];
    return;
  }
  if (matrix->columns == 0) return;
  if (matrix->f32 != NULL) {
    functions->matvec_f32(matrix->f32, vector->x, rows, matrix->columns, out);
    return;
  }
  const float scale = matrix->scale * vector->scale;
  functions->matvec_i8(matrix->i8, vector->q, rows, matrix->columns, NULL, products);
  if (vector->zero_point != 0) {
    for (int32_t r = 0; r < rows; ++r) {
      products[r] = (int32_t)((uint32_t)products[r] - (uint32_t)vector->zero_point * (uint32_t)matrix->row_sums[r]);
    }
  }
  for (int32_t r = 0; r < rows; ++r) out[r] += (float)products[r] * scale;
}

void ln_k_recurrent_activate(const ln_recurrent_functions *functions, ln_recurrent_activation activation,
                             const float *in, int32_t count, float *out) {
  switch (activation) {
    case LN_RECURRENT_LOGISTIC: functions->logistic(in, out, (size_t)count, 0.0f, 0.0f); return;
    case LN_RECURRENT_TANH: functions->tanh(in, out, (size_t)count, 0.0f, 0.0f); return;
    case LN_RECURRENT_RELU:
      for (int32_t i = 0; i < count; ++i) out[i] = in[i] < 0.0f ? 0.0f : in[i];
      return;
    case LN_RECURRENT_RELU_N1_TO_1:
      for (int32_t i = 0; i < count; ++i) out[i] = ln_clamp_f32(in[i], -1.0f, 1.0f);
      return;
    case LN_RECURRENT_RELU6:
      for (int32_t i = 0; i < count; ++i) out[i] = ln_clamp_f32(in[i], 0.0f, 6.0f);
      return;
    case LN_RECURRENT_SIGN_BIT:
      for (int32_t i = 0; i < count; ++i) out[i] = signbit(in[i]) ? 1.0f : 0.0f;
      return;
    default:
      if (out != in) memcpy(out, in, (size_t)count * sizeof(float));
      return;
  }
}
