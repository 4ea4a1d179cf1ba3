/*
 * Fourier transforms and what stands around them. A transform is a product with a matrix of cosines and one of sines;
 * where the length is known they are constants.
 */
#include <math.h>

#include "import/onnx/onnx_lists.h"

#define PI 3.14159265358979323846

enum { LONGEST = 4096 };

typedef struct complex_pair {
  int32_t re, im; /* im -1: 0 */
} complex_pair;

/* float32 [rows, columns]: 2 pi row column / length. int32 products are taken modulo the length, so that angles stay
 * small. */
static int32_t angles(ln_emit *e, int32_t rows, int32_t columns, int32_t length) {
  const int32_t second = 1;
  const int32_t product =
      ln_emit_mul(e, ln_emit_expand(e, ln_emit_count_up(e, rows), 1, &second), ln_emit_count_up(e, columns));
  const int32_t place = ln_emit_cast(e, ln_emit_binary(e, LN_OP_FLOOR_MOD, product, length), LN_FLOAT32);
  const int32_t turn = ln_emit_div(e, ln_emit_f32(e, 2 * PI), ln_emit_cast(e, length, LN_FLOAT32));
  return ln_emit_mul(e, place, turn);
}

/* Along the last dimension; `half`: only the first half of what comes out, and one more. */
static complex_pair transform(ln_emit *e, complex_pair x, bool inverse, bool half) {
  const int32_t length = ln_emit_size_of(e, x.re, -1), two = ln_emit_i32(e, 2);
  const int32_t bins = half ? ln_emit_add_number(e, ln_emit_binary(e, LN_OP_FLOOR_DIV, length, two), 1) : length;
  const int32_t angle = angles(e, length, bins, length);
  const int32_t cos = ln_emit_unary(e, LN_OP_COS, angle), sin = ln_emit_unary(e, LN_OP_SIN, angle);
  complex_pair y = {ln_emit_matmul(e, x.re, cos, false, false), ln_emit_matmul(e, x.re, sin, false, false)};
  if (!inverse) y.im = ln_emit_unary(e, LN_OP_NEG, y.im);
  if (x.im >= 0) {
    const int32_t re = ln_emit_matmul(e, x.im, sin, false, false), im = ln_emit_matmul(e, x.im, cos, false, false);
    y.re = inverse ? ln_emit_sub(e, y.re, re) : ln_emit_add(e, y.re, re);
    y.im = ln_emit_add(e, y.im, im);
  }
  if (!inverse) return y;
  const int32_t by = ln_emit_cast(e, length, LN_FLOAT32);
  return (complex_pair){ln_emit_div(e, y.re, by), ln_emit_div(e, y.im, by)};
}

/* Real numbers from the first half of their transform. */
static int32_t from_half(ln_emit *e, complex_pair x, int32_t length) {
  const int32_t bins = ln_emit_size_of(e, x.re, -1), one = ln_emit_i32(e, 1), two = ln_emit_i32(e, 2);
  if (length < 0) length = ln_emit_mul_number(e, ln_emit_add_number(e, bins, -1), 2);
  const int32_t angle = angles(e, bins, length, length), number = ln_emit_count_up(e, bins);
  const int32_t twice = ln_emit_mul_number(e, number, 2);
  /* All but the first count twice, and but the last of an even length. */
  const int32_t single = ln_emit_binary(e, LN_OP_LOGICAL_OR, ln_emit_compare(e, LN_OP_EQUAL, number, ln_emit_i32(e, 0)),
                                        ln_emit_compare(e, LN_OP_EQUAL, twice, length));
  const int32_t weight = ln_emit_cast(e, ln_emit_select(e, single, one, two), LN_FLOAT32);
  const int32_t cos = ln_emit_unary(e, LN_OP_COS, angle), sin = ln_emit_unary(e, LN_OP_SIN, angle);
  int32_t y = ln_emit_matmul(e, ln_emit_mul(e, x.re, weight), cos, false, false);
  if (x.im >= 0) y = ln_emit_sub(e, y, ln_emit_matmul(e, ln_emit_mul(e, x.im, weight), sin, false, false));
  return ln_emit_div(e, y, ln_emit_cast(e, length, LN_FLOAT32));
}

/* [.., 1 or 2] with an axis of it last. */
static complex_pair parts_of(ln_onnx_node *n, int32_t a, int32_t axis) {
  ln_emit *e = n->e;
  const int32_t count = ln_emit_dim(e, a, -1), rank = ln_emit_rank(e, a) - 1;
  complex_pair out = {-1, -1};
  if (ln_emit_failed(e)) return out;
  if (count != 1 && count != 2) {
    ln_emit_wrong(e, "its last dimension is %d: real numbers have 1, complex ones 2", count);
    return out;
  }
  out.re = ln_emit_swap(e, ln_emit_pick(e, a, -1, 0), axis, rank - 1);
  if (count == 2) out.im = ln_emit_swap(e, ln_emit_pick(e, a, -1, 1), axis, rank - 1);
  return out;
}

static int32_t joined(ln_emit *e, complex_pair x, int32_t axis) {
  const int32_t rank = ln_emit_rank(e, x.re);
  const int32_t parts[2] = {ln_emit_swap(e, x.re, axis, rank - 1), ln_emit_swap(e, x.im, axis, rank - 1)};
  return ln_emit_pack(e, rank, 2, parts);
}

/* Cut to `length` or filled up with zeros, along the last dimension. */
static int32_t fit(ln_emit *e, int32_t a, int32_t length) {
  if (a < 0 || length < 0) return a;
  const int32_t rank = ln_emit_rank(e, a), size = ln_emit_size_of(e, a, -1), zero = ln_emit_i32(e, 0);
  const ln_dim one = LN_DIM(1);
  ln_dim dims[LN_MAX_RANK];
  int32_t pads[LN_MAX_RANK * 2] = {0}, begin[LN_MAX_RANK] = {0};
  const int32_t more = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_sub(e, length, size), zero);
  const int32_t before[2] = {ln_emit_vector(e, 2 * rank - 1, pads), ln_emit_reshape(e, more, 1, &one)};
  const ln_dim pairs[2] = {LN_DIM(rank), LN_DIM(2)};
  const int32_t padded = ln_emit_binary(e, LN_OP_PAD, a, ln_emit_reshape(e, ln_emit_concat(e, 0, 2, before), 2, pairs));
  for (int32_t i = 0; i < rank; ++i) dims[i] = i == rank - 1 ? LN_DIM_IS(length) : LN_DIM_OF(a, i);
  const int32_t inputs[3] = {padded, ln_emit_vector(e, rank, begin), ln_emit_dims(e, rank, dims)};
  const int32_t out = ln_emit_op(e, LN_OP_SLICE, NULL, 3, inputs, ln_emit_type(e, a));
  ln_shape shape = ln_emit_shape(e, a);
  shape.dims[rank - 1] = ln_emit_dim(e, out, -1);
  ln_emit_declare(e, out, rank, shape.dims);
  return out;
}

/* ---- DFT ---- */

typedef struct dft {
  ln_onnx_node *n;
  const ln_emit *home;
  int32_t a, length, axis; /* the axis to try; of all but the last dimension */
  int32_t wanted;          /* the axis that the run names */
} dft;

static int32_t along(ln_emit *e, const dft *d, int32_t axis) {
  const bool inverse = ln_onnx_int(d->n, "inverse", 0) != 0, half = ln_onnx_int(d->n, "onesided", 0) != 0;
  const int32_t a = ln_emit_capture(e, d->home, d->a);
  const int32_t length = d->length < 0 ? -1 : ln_emit_capture(e, d->home, d->length);
  complex_pair x = parts_of(d->n, a, axis);
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_dim(e, x.re, -1) > LONGEST) return ln_emit_refuse(e, "transforms of more than %d numbers", LONGEST);
  if (inverse && half) {
    const int32_t last = -1, y = from_half(e, x, length);
    return ln_emit_expand(e, ln_emit_swap(e, y, axis, ln_emit_rank(e, y) - 1), 1, &last);
  }
  x.re = fit(e, x.re, length);
  x.im = fit(e, x.im, length);
  return joined(e, transform(e, x, inverse, half), axis);
}

static bool this_axis(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  dft *d = user;
  ln_emit *outside = d->n->e;
  (void)in;
  d->n->e = sub;
  *out = along(sub, d, d->axis);
  d->n->e = outside;
  return !ln_emit_failed(sub);
}

static int32_t any_axis(ln_emit *e, dft *d);

static bool next_axis(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  dft d = *(const dft *)user;
  (void)in;
  ++d.axis;
  *out = any_axis(sub, &d);
  return !ln_emit_failed(sub);
}

/* The run names one of the axes from d->axis on. */
static int32_t any_axis(ln_emit *e, dft *d) {
  const int32_t axes = ln_emit_rank(d->home, d->a) - 1;
  int32_t out = -1;
  if (d->axis == axes - 1) return this_axis(e, NULL, &out, d) ? out : -1;
  const int32_t wanted = ln_emit_capture(e, d->home, d->wanted);
  const int32_t here = ln_emit_compare(e, LN_OP_EQUAL, wanted, ln_emit_i32(e, d->axis));
  return ln_emit_if(e, here, this_axis, d, next_axis, d, 1, &out) ? out : -1;
}

/* Before operator set 20 the axis is an attribute, and counts from the first. */
void ln_onnx_dft(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), axis_in = ln_onnx_in(n, 2), rank = ln_emit_rank(e, in);
  dft d = {.n = n, .home = e, .a = ln_emit_cast(e, in, LN_FLOAT32), .length = ln_onnx_in(n, 1)};
  double axis = n->version < 20 ? (double)ln_onnx_int(n, "axis", 1) : -2;
  if (d.length >= 0) d.length = ln_onnx_scalar(e, ln_emit_cast(e, d.length, LN_INT32));
  if (ln_emit_failed(e)) return;
  if (rank < 2) {
    ln_emit_wrong(e, "its input has %d dimensions", rank);
    return;
  }
  int32_t out;
  if (axis_in >= 0 && !ln_emit_number(e, axis_in, &axis)) {
    d.wanted = ln_onnx_scalar(e, ln_emit_cast(e, axis_in, LN_INT32));
    d.wanted = ln_emit_binary(e, LN_OP_FLOOR_MOD, d.wanted, ln_emit_i32(e, rank));
    out = any_axis(e, &d);
  } else {
    d.axis = ln_onnx_fix_axis(n, (int64_t)axis, rank);
    if (d.axis < 0) return;
    if (d.axis == rank - 1) {
      ln_emit_wrong(e, "axis %d holds the parts of complex numbers", d.axis);
      return;
    }
    out = along(e, &d, d.axis);
  }
  ln_onnx_out(n, 0, ln_emit_cast(e, out, ln_emit_type(e, in)));
}

/* ---- STFT ---- */

void ln_onnx_stft(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), a = ln_emit_cast(e, in, LN_FLOAT32), window = ln_onnx_in(n, 2), second = 1;
  const int32_t step = ln_onnx_scalar(e, ln_emit_cast(e, ln_onnx_in(n, 1), LN_INT32)), one = ln_emit_i32(e, 1);
  if (ln_emit_rank(e, a) != 3) {
    if (!ln_emit_failed(e)) ln_emit_wrong(e, "its input has %d dimensions", ln_emit_rank(e, a));
    return;
  }
  const int32_t size = ln_emit_size_of(e, a, 1);
  const int32_t length = ln_onnx_has(n, 3) ? ln_onnx_scalar(e, ln_emit_cast(e, ln_onnx_in(n, 3), LN_INT32))
                         : window >= 0     ? ln_emit_size_of(e, window, 0)
                                           : size;
  const int32_t frames = ln_emit_add(e, ln_emit_binary(e, LN_OP_FLOOR_DIV, ln_emit_sub(e, size, length), step), one);
  const int32_t begin = ln_emit_mul(e, ln_emit_expand(e, ln_emit_count_up(e, frames), 1, &second), step);
  const int32_t within = window >= 0 ? ln_emit_count_up(e, ln_emit_size_of(e, window, 0)) : ln_emit_count_up(e, length);
  const int32_t cut = ln_emit_gather(e, a, ln_emit_add(e, begin, within), 1, 0); /* [batch, frames, length, parts] */
  complex_pair x = parts_of(n, cut, 2);
  if (window >= 0) {
    const int32_t by = ln_emit_cast(e, window, LN_FLOAT32);
    x.re = ln_emit_mul(e, x.re, by);
    if (x.im >= 0) x.im = ln_emit_mul(e, x.im, by);
  }
  const complex_pair y = transform(e, x, false, ln_onnx_int(n, "onesided", 1) != 0);
  ln_onnx_out(n, 0, ln_emit_cast(e, joined(e, y, 2), ln_emit_type(e, in)));
}

/* ---- MelWeightMatrix ---- */

static int32_t mel(ln_emit *e, int32_t hertz) {
  const int32_t grown = ln_emit_unary(e, LN_OP_LOG, ln_emit_add_number(e, ln_emit_mul_number(e, hertz, 1 / 700.0), 1));
  return ln_emit_mul_number(e, grown, 2595 / log(10.0));
}

void ln_onnx_mel_weight_matrix(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t in[5];
  ln_type type;
  if (!ln_onnx_type(n, "output_datatype", LN_FLOAT32, &type)) return;
  for (int32_t i = 0; i < 5; ++i)
    in[i] = ln_onnx_scalar(e, ln_emit_cast(e, ln_onnx_in(n, i), i < 3 ? LN_INT32 : LN_FLOAT32));
  const int32_t bands = in[0], length = ln_emit_cast(e, in[1], LN_FLOAT32), zero = ln_emit_f32(e, 0), second = 1;
  const int32_t low = mel(e, in[3]), edges = ln_emit_add_number(e, bands, 2), one = ln_emit_f32(e, 1);
  const int32_t step = ln_emit_div(e, ln_emit_sub(e, mel(e, in[4]), low), ln_emit_cast(e, edges, LN_FLOAT32));
  const int32_t mels =
      ln_emit_add(e, ln_emit_mul(e, ln_emit_cast(e, ln_emit_count_up(e, edges), LN_FLOAT32), step), low);
  const int32_t power = ln_emit_unary(e, LN_OP_EXP, ln_emit_mul_number(e, mels, log(10.0) / 2595));
  const int32_t hertz = ln_emit_mul_number(e, ln_emit_add_number(e, power, -1), 700);
  const int32_t scaled = ln_emit_mul(e, hertz, ln_emit_add_number(e, length, 1));
  const int32_t places = ln_emit_unary(e, LN_OP_FLOOR, ln_emit_div(e, scaled, ln_emit_cast(e, in[2], LN_FLOAT32)));
  /* Triangles from `from` over `top` to `to`, over all places of a spectrum. */
  const int32_t from = ln_emit_slice(e, places, 0, 0, -2, 1), top = ln_emit_slice(e, places, 0, 1, -1, 1);
  const int32_t to = ln_emit_slice(e, places, 0, 2, INT32_MAX, 1), two = ln_emit_i32(e, 2);
  const int32_t bins = ln_emit_add_number(e, ln_emit_binary(e, LN_OP_FLOOR_DIV, in[1], two), 1);
  const int32_t at = ln_emit_expand(e, ln_emit_cast(e, ln_emit_count_up(e, bins), LN_FLOAT32), 1, &second);
  const int32_t rise = ln_emit_sub(e, top, from), fall = ln_emit_sub(e, to, top);
  const int32_t is_steep = ln_emit_compare(e, LN_OP_EQUAL, rise, zero);
  const int32_t up = ln_emit_select(e, is_steep, one,
                                    ln_emit_div(e, ln_emit_sub(e, at, from), ln_emit_select(e, is_steep, one, rise)));
  const int32_t down = ln_emit_div(e, ln_emit_sub(e, to, at), ln_emit_binary(e, LN_OP_MAXIMUM, fall, one));
  const int32_t rises = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, at, from),
                                       ln_emit_compare(e, LN_OP_LESS_EQUAL, at, top));
  const int32_t falls = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, at, top),
                                       ln_emit_compare(e, LN_OP_LESS, at, to));
  const int32_t left = ln_emit_select(e, rises, up, zero);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_select(e, falls, down, left), type));
}
