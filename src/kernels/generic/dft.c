/* See kernels/dft.h. */
#include "kernels/dft.h"

#include <math.h>
#include <string.h>

int32_t ln_k_dft_plan_length(int64_t length) {
  int32_t size = 1;
  if (ln_fft_length_ok(length)) return (int32_t)length;
  if (length < 1 || length > LN_FFT_MAX_LENGTH / 2) return 0;
  while (size < 2 * length - 1) size *= 2;
  return size;
}

static void multiply(double *a, const double *b) {
  const double re = a[0] * b[0] - a[1] * b[1];
  a[1] = a[0] * b[1] + a[1] * b[0];
  a[0] = re;
}

static void conjugate(double *x, int32_t count) {
  int32_t i;
  for (i = 0; i < count; ++i) x[2 * i + 1] = -x[2 * i + 1];
}

void ln_k_dft_init(const ln_dft *dft, double *work) {
  const int64_t n = dft->length;
  const int32_t size = dft->plan.length;
  int64_t k;
  ln_k_fft_init_f64(&dft->plan);
  if (dft->chirp == 0) return;
  memset(work, 0, 2 * (size_t)size * sizeof *work);
  for (k = 0; k < n; ++k) {
    const double angle = 3.14159265358979323846 * (double)(k * k % (2 * n)) / (double)n;
    dft->chirp[2 * k] = cos(angle);
    dft->chirp[2 * k + 1] = -sin(angle);
    work[2 * k] = cos(angle);
    work[2 * k + 1] = sin(angle);
    if (k == 0) continue;
    work[2 * (size - k)] = cos(angle);
    work[2 * (size - k) + 1] = sin(angle);
  }
  ln_k_fft_f64(&dft->plan, work, dft->spectrum);
}

/* The transform of line * chirp, convolved: work [2 * size] twice. */
static void chirp_transform(const ln_dft *dft, double *line, double *work) {
  const int32_t n = dft->length, size = dft->plan.length;
  double *other = work + 2 * (size_t)size;
  int32_t k;
  memset(work, 0, 2 * (size_t)size * sizeof *work);
  for (k = 0; k < n; ++k) {
    multiply(line + 2 * k, dft->chirp + 2 * k);
    work[2 * k] = line[2 * k];
    work[2 * k + 1] = line[2 * k + 1];
  }
  ln_k_fft_f64(&dft->plan, work, other);
  for (k = 0; k < size; ++k) multiply(other + 2 * k, dft->spectrum + 2 * k);
  conjugate(other, size);
  ln_k_fft_f64(&dft->plan, other, work);
  for (k = 0; k < n; ++k) {
    line[2 * k] = work[2 * k] / size;
    line[2 * k + 1] = -work[2 * k + 1] / size;
    multiply(line + 2 * k, dft->chirp + 2 * k);
  }
}

void ln_k_dft(const ln_dft *dft, int inverse, double *line, double *work) {
  const int32_t n = dft->length;
  int32_t k;
  if (inverse) conjugate(line, n);
  if (dft->chirp == 0) {
    ln_k_fft_f64(&dft->plan, line, work);
    memcpy(line, work, 2 * (size_t)n * sizeof *line);
  } else {
    chirp_transform(dft, line, work);
  }
  if (!inverse) return;
  conjugate(line, n);
  for (k = 0; k < 2 * n; ++k) line[k] /= n;
}
