/* Complex numbers as two tensors, the real part and the imaginary one; Fourier transforms. */
#include <math.h>
#include <string.h>

#include "import/stablehlo/lower.h"

static bool give(ln_shlo_frame *f, const ln_mlir_op *op, int32_t re, int32_t im) {
  ln_shlo_value v = ln_shlo_of(f, re);
  v.imag = im;
  if (re < 0 || im < 0 || op->result_count != 1) return false;
  ln_shlo_set(f, &op->results[0], v);
  return true;
}

static ln_shlo_value whole(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index) {
  return index < op->operand_count ? ln_shlo_spread(f, ln_shlo_in(f, op, index), ln_shlo_type(op, index))
                                   : ln_shlo_in(f, op, index);
}

bool ln_shlo_complex(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  const int32_t re = ln_shlo_full(f, op, 0);
  return give(f, op, re, ln_shlo_full(f, op, 1));
}

/* Of a real number the imaginary part is 0. */
bool ln_shlo_part(ln_shlo_frame *f, const ln_mlir_op *op, int32_t imaginary) {
  const ln_shlo_value v = whole(f, op, 0);
  if (v.tensor < 0) return false;
  if (!imaginary) return ln_shlo_give(f, op, 0, v.tensor);
  return ln_shlo_give(f, op, 0, v.imag >= 0 ? v.imag : ln_emit_mul_number(f->e, v.tensor, 0));
}

bool ln_shlo_conj(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = whole(f, op, 0);
  (void)unused;
  if (v.imag < 0) return ln_shlo_give(f, op, 0, v.tensor);
  return give(f, op, v.tensor, ln_emit_unary(f->e, LN_OP_NEG, v.imag));
}

static int32_t size_of(ln_emit *e, int32_t re, int32_t im) {
  return ln_emit_unary(e, LN_OP_SQRT, ln_emit_add(e, ln_emit_mul(e, re, re), ln_emit_mul(e, im, im)));
}

bool ln_shlo_complex_unary(ln_shlo_frame *f, const ln_mlir_op *op) {
  const ln_shlo_value v = whole(f, op, 0);
  ln_emit *e = f->e;
  const int32_t re = v.tensor, im = v.imag;
  if (strcmp(op->name, "stablehlo.negate") == 0)
    return give(f, op, ln_emit_unary(e, LN_OP_NEG, re), ln_emit_unary(e, LN_OP_NEG, im));
  if (strcmp(op->name, "stablehlo.abs") == 0) return ln_shlo_give(f, op, 0, size_of(e, re, im));
  if (strcmp(op->name, "stablehlo.exponential") == 0) {
    const int32_t size = ln_emit_unary(e, LN_OP_EXP, re);
    return give(f, op, ln_emit_mul(e, size, ln_emit_unary(e, LN_OP_COS, im)),
                ln_emit_mul(e, size, ln_emit_unary(e, LN_OP_SIN, im)));
  }
  if (strcmp(op->name, "stablehlo.log") == 0) {
    return give(f, op, ln_emit_unary(e, LN_OP_LOG, size_of(e, re, im)), ln_emit_binary(e, LN_OP_ATAN2, im, re));
  }
  if (strcmp(op->name, "stablehlo.sqrt") == 0) { /* sqrt((|z| + re) / 2), and the rest with the sign of im */
    const int32_t size = size_of(e, re, im);
    const int32_t up = ln_emit_unary(e, LN_OP_SQRT, ln_emit_mul_number(e, ln_emit_add(e, size, re), 0.5));
    const int32_t down = ln_emit_unary(e, LN_OP_SQRT, ln_emit_mul_number(e, ln_emit_sub(e, size, re), 0.5));
    const int32_t below = ln_emit_compare(e, LN_OP_LESS, im, ln_emit_f32(e, 0));
    return give(f, op, up, ln_emit_select(e, below, ln_emit_unary(e, LN_OP_NEG, down), down));
  }
  return ln_shlo_refuse(f, "it is not possible with complex numbers");
}

bool ln_shlo_complex_binary(ln_shlo_frame *f, const ln_mlir_op *op, const char *name) {
  const ln_shlo_value a = whole(f, op, 0), b = whole(f, op, 1);
  ln_emit *e = f->e;
  if (a.imag < 0 || b.imag < 0) return ln_shlo_refuse(f, "complex and real operands do not go together");
  if (strcmp(name, "stablehlo.add") == 0)
    return give(f, op, ln_emit_add(e, a.tensor, b.tensor), ln_emit_add(e, a.imag, b.imag));
  if (strcmp(name, "stablehlo.subtract") == 0)
    return give(f, op, ln_emit_sub(e, a.tensor, b.tensor), ln_emit_sub(e, a.imag, b.imag));
  const bool divides = strcmp(name, "stablehlo.divide") == 0;
  if (!divides && strcmp(name, "stablehlo.multiply") != 0)
    return ln_shlo_refuse(f, "it is not possible with complex numbers");
  const int32_t other = divides ? ln_emit_unary(e, LN_OP_NEG, b.imag) : b.imag; /* a / b = a conj(b) / |b|^2 */
  int32_t re = ln_emit_sub(e, ln_emit_mul(e, a.tensor, b.tensor), ln_emit_mul(e, a.imag, other));
  int32_t im = ln_emit_add(e, ln_emit_mul(e, a.tensor, other), ln_emit_mul(e, a.imag, b.tensor));
  if (divides) {
    const int32_t scale = ln_emit_add(e, ln_emit_mul(e, b.tensor, b.tensor), ln_emit_mul(e, b.imag, b.imag));
    re = ln_emit_div(e, re, scale);
    im = ln_emit_div(e, im, scale);
  }
  return give(f, op, re, im);
}

/* ---- Fourier transforms: products with tables of cosines and sines, one dimension after another ---- */

enum { MOST_POINTS = 4096 };

/* [n, count] of cos or sin(2 pi i k / n), divided by `over`. */
static int32_t table(ln_emit *e, int32_t n, int32_t count, bool sine, double sign, double over) {
  size_t total;
  if (!ln_size_product((const int32_t[]){n, count}, 2, &total)) return ln_emit_wrong(e, "a transform is too large");
  float *values = ln_arena_array(ln_emit_arena(e), total + 1, sizeof *values);
  if (values == NULL) return ln_import_no_memory(e->import);
  for (int32_t i = 0; i < n; ++i) {
    for (int32_t k = 0; k < count; ++k) {
      const double angle = 2 * 3.14159265358979323846 * (double)((int64_t)i * k % n) / n;
      values[(size_t)i * (size_t)count + (size_t)k] = (float)((sine ? sign * sin(angle) : cos(angle)) / over);
    }
  }
  return ln_emit_const_view(e, LN_FLOAT32, 2, (const int32_t[]){n, count}, values);
}

/* The last dimension, of n points; `im` -1: of real numbers, of which the first `count` results are wanted. */
static void transform(ln_emit *e, int32_t *re, int32_t *im, int32_t n, int32_t count, bool inverse) {
  const double over = inverse ? n : 1, sign = inverse ? 1 : -1;
  const int32_t c = table(e, n, count, false, sign, over), s = table(e, n, count, true, sign, over);
  const int32_t rc = ln_emit_matmul(e, *re, c, false, false), rs = ln_emit_matmul(e, *re, s, false, false);
  if (*im < 0) {
    *re = rc;
    *im = rs;
    return;
  }
  const int32_t ic = ln_emit_matmul(e, *im, c, false, false), is = ln_emit_matmul(e, *im, s, false, false);
  *re = ln_emit_sub(e, rc, is);
  *im = ln_emit_add(e, rs, ic);
}

/* Real numbers from the first half of their transform: the other half mirrors it. */
static int32_t back_to_real(ln_emit *e, int32_t re, int32_t im, int32_t n) {
  const int32_t half = n / 2 + 1;
  float *weights = ln_arena_array(ln_emit_arena(e), (size_t)half, sizeof *weights);
  if (weights == NULL) return ln_import_no_memory(e->import);
  for (int32_t i = 0; i < half; ++i) weights[i] = i == 0 || 2 * i == n ? 1 : 2;
  const int32_t twice = ln_emit_const_view(e, LN_FLOAT32, 1, &half, weights);
  const int32_t rows[] = {0, half};
  (void)rows;
  const int32_t c = ln_emit_slice(e, table(e, n, n, false, 1, n), 0, 0, half, 1),
                s = ln_emit_slice(e, table(e, n, n, true, 1, n), 0, 0, half, 1);
  const int32_t a = ln_emit_matmul(e, ln_emit_mul(e, re, twice), c, false, false);
  return ln_emit_sub(e, a, ln_emit_matmul(e, ln_emit_mul(e, im, twice), s, false, false));
}

bool ln_shlo_fft(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  static const char *const names[] = {"FFT", "IFFT", "RFFT", "IRFFT"};
  const char *type = ln_shlo_enum(op, "fft_type", (int32_t)LN_COUNT(names), names);
  int64_t length[3];
  int32_t count;
  (void)unused;
  const ln_shlo_value v = whole(f, op, 0);
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  if (v.tensor < 0 || !ln_mlir_numbers(ln_mlir_attr_of(op, "fft_length"), 3, length, &count) || count < 1 ||
      count > rank)
    return ln_shlo_refuse(f, "its lengths are missing");
  const bool from_real = strcmp(type, "RFFT") == 0, to_real = strcmp(type, "IRFFT") == 0;
  const bool inverse = to_real || strcmp(type, "IFFT") == 0;
  if (from_real != (v.imag < 0)) return ln_shlo_refuse(f, "its operand is of another kind of numbers");
  int32_t re = v.tensor, im = v.imag;
  for (int32_t i = 0; i < count; ++i) {
    if (length[i] < 1 || length[i] > MOST_POINTS) return ln_shlo_refuse(f, "transforms of more than 4096 points");
  }
  for (int32_t k = 0; k < count; ++k) { /* real numbers come first, and last */
    const int32_t i = to_real ? k : count - 1 - k, axis = rank - count + i, n = (int32_t)length[i];
    const bool last = i == count - 1;
    if (axis != rank - 1) {
      re = ln_emit_swap(f->e, re, axis, rank - 1);
      im = ln_emit_swap(f->e, im, axis, rank - 1);
    }
    if (last && to_real) return ln_shlo_give(f, op, 0, back_to_real(f->e, re, im, n));
    transform(f->e, &re, &im, n, last && from_real ? n / 2 + 1 : n, inverse);
    if (axis != rank - 1) {
      re = ln_emit_swap(f->e, re, axis, rank - 1);
      im = ln_emit_swap(f->e, im, axis, rank - 1);
    }
  }
  return give(f, op, re, im);
}
