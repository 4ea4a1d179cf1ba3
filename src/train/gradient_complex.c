/*
 * Gradients through complex numbers, as signal models have them: spectra of real signals and their magnitudes. The
 * gradient of a complex tensor is float32 with a dimension more, of the derivatives by the real and the imaginary part.
 */
#include <math.h>

#include "train/train.h"

/* ---- parts ---- */

static bool is_single(ln_grad *g, const ln_op *op) {
  if (ln_optimizer_graph(g->o)->tensors[op->inputs[0]].type == LN_COMPLEX64) return true;
  ln_grad_refuse(g, "its numbers are no pairs of float32");
  return false;
}

static void add_parts(ln_grad *g, const ln_op *op, int32_t real, int32_t imaginary) {
  ln_shape shape = *ln_grad_shape(g, op->inputs[0]);
  if (shape.rank >= LN_MAX_RANK) {
    ln_grad_refuse(g, "it has too many dimensions");
    return;
  }
  shape.dims[shape.rank++] = 1;
  const int32_t parts[2] = {ln_grad_reshape(g, real, &shape), ln_grad_reshape(g, imaginary, &shape)};
  ln_grad_add(g, op, 0, ln_grad_concat(g, shape.rank - 1, 2, parts));
}

void ln_gradient_real(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->outputs[0]);
  if (is_single(g, op)) add_parts(g, op, dy[0], ln_grad_zeros(g, &shape));
}

void ln_gradient_imag(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->outputs[0]);
  if (is_single(g, op)) add_parts(g, op, ln_grad_zeros(g, &shape), dy[0]);
}

/* z / |z|, taken as 0 where z is */
void ln_gradient_complex_abs(ln_grad *g, const ln_op *op, const int32_t *dy) {
  if (!is_single(g, op)) return;
  const int32_t length = ln_grad_binary(g, LN_OP_MAXIMUM, ln_grad_out(g, op), ln_grad_scalar(g, 1e-30f));
  const int32_t each = ln_grad_binary(g, LN_OP_DIV, dy[0], length);
  const int32_t real = ln_grad_emit(g, LN_OP_REAL, LN_FLOAT32, NULL, 1, op->inputs);
  const int32_t imaginary = ln_grad_emit(g, LN_OP_IMAG, LN_FLOAT32, NULL, 1, op->inputs);
  add_parts(g, op, ln_grad_mul(g, each, real), ln_grad_mul(g, each, imaginary));
}

/* ---- spectra ---- */

enum { MOST_LENGTH = 4096 };

static int32_t matrix(ln_grad *g, int32_t rows, int32_t columns, float **out) {
  const ln_shape shape = ln_shape_make(2, (const int32_t[]){rows, columns});
  const size_t count = (size_t)rows * (size_t)columns;
  float *data = ln_arena_array(ln_optimizer_arena(g->o), count + 1, sizeof *data);
  const int32_t made =
      data == NULL ? -1 : ln_edit_add_constant(g->o, "gradient/waves", LN_FLOAT32, &shape, data, count * sizeof *data);
  if (made < 0) ln_grad_fail_memory(g);
  *out = data;
  return made;
}

static double angle(int32_t a, int32_t b, int32_t length) {
  return 6.283185307179586 * (double)((int64_t)a * b % length) / (double)length;
}

/* [bins, re and im] to samples: cos and -sin of each. */
static int32_t along_rows(ln_grad *g, int32_t bins, int32_t length, int32_t samples) {
  float *wave;
  const int32_t made = matrix(g, 2 * bins, samples, &wave);
  for (int32_t k = 0; made >= 0 && k < bins; ++k) {
    for (int32_t n = 0; n < samples; ++n) {
      wave[(size_t)(2 * k) * (size_t)samples + (size_t)n] = (float)cos(angle(k, n, length));
      wave[(size_t)(2 * k + 1) * (size_t)samples + (size_t)n] = (float)-sin(angle(k, n, length));
    }
  }
  return made;
}

/* [places, re and im] to the same of samples. */
static int32_t along_columns(ln_grad *g, int32_t length, int32_t samples) {
  float *wave;
  const int32_t made = matrix(g, 2 * length, 2 * samples, &wave);
  for (int32_t p = 0; made >= 0 && p < length; ++p) {
    for (int32_t n = 0; n < samples; ++n) {
      const float c = (float)cos(angle(p, n, length)), s = (float)sin(angle(p, n, length));
      float *row = wave + (size_t)(2 * p) * 2 * (size_t)samples + 2 * (size_t)n;
      row[0] = c;
      row[1] = s;
      row[2 * (size_t)samples] = -s;
      row[2 * (size_t)samples + 1] = c;
    }
  }
  return made;
}

/* What a bin takes of a sample goes back to it: products with the waves, since the transform is one. */
void ln_gradient_rfft2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape in = *ln_grad_shape(g, op->inputs[0]), out = *ln_grad_shape(g, op->outputs[0]);
  int64_t lengths[2];
  int32_t count = 0, none[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  if (!ln_grad_constant_ints(g, op, 1, lengths, 2, &count)) return;
  if (count != 2 || in.rank < 2 || out.rank != in.rank || lengths[0] < 1 || lengths[0] > MOST_LENGTH ||
      lengths[1] < 1 || lengths[1] > MOST_LENGTH || out.dims[out.rank - 1] != lengths[1] / 2 + 1) {
    ln_grad_refuse(g, "its lengths are out of range");
    return;
  }
  const int32_t height = (int32_t)lengths[0], width = (int32_t)lengths[1], bins = out.dims[out.rank - 1];
  const int32_t in_h = in.dims[in.rank - 2], in_w = in.dims[in.rank - 1];
  const int32_t rows = in_h < height ? in_h : height, columns = in_w < width ? in_w : width;
  const int32_t slices = ln_grad_span(g, &out, 0, out.rank - 2);
  int32_t dz = dy[0];
  if (height > 1) {
    const int32_t split[4] = {slices, height, bins, 2}, turn[4] = {0, 2, 1, 3}, rest[4] = {slices, bins, rows, 2};
    const int32_t flat[2] = {slices * bins, 2 * height};
    dz = ln_grad_transpose(g, ln_grad_reshape_dims(g, dz, 4, split), turn);
    dz = ln_grad_matmul(g, ln_grad_reshape_dims(g, dz, 2, flat), along_columns(g, height, rows), false, false);
    dz = ln_grad_transpose(g, ln_grad_reshape_dims(g, dz, 4, rest), turn);
  }
  const int32_t flat[2] = {slices * rows, 2 * bins};
  int32_t dx =
      ln_grad_matmul(g, ln_grad_reshape_dims(g, dz, 2, flat), along_rows(g, bins, width, columns), false, false);
  ln_shape used = in;
  used.dims[in.rank - 2] = rows;
  used.dims[in.rank - 1] = columns;
  after[in.rank - 2] = in_h - rows;
  after[in.rank - 1] = in_w - columns;
  ln_grad_add(g, op, 0, ln_grad_pad(g, ln_grad_reshape(g, dx, &used), none, after));
}
