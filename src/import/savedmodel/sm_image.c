/* TensorFlow's operators on images, Fourier transforms, and random numbers. */
#include <math.h>

#include "import/savedmodel/savedmodel.h"

/* ---- resizing ---- */

static ln_emit_resizing how_of(const ln_sm_call *c) {
  if (ln_sm_bool(c, "align_corners", false)) return LN_EMIT_ALIGN_CORNERS;
  return ln_sm_bool(c, "half_pixel_centers", false) ? LN_EMIT_HALF_PIXEL : LN_EMIT_ASYMMETRIC;
}

/* ResizeBilinear, whose result is float32; ResizeNearestNeighbor (variant 1): images, size */
void ln_sm_op_resize(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), size = ln_sm_in(c, 1);
  const bool bilinear = c->variant == 0;
  const int32_t image = bilinear ? ln_emit_cast(c->e, a, LN_FLOAT32) : a;
  const ln_emit_resizing how = how_of(c);
  if (!bilinear) { /* the operator's own options mean the same as TensorFlow's */
    const ln_resize_nearest_neighbor_options options = {.align_corners = how == LN_EMIT_ALIGN_CORNERS,
                                                        .half_pixel_centers = how == LN_EMIT_HALF_PIXEL};
    ln_sm_result(c, ln_emit_op(c->e, LN_OP_RESIZE_NEAREST_NEIGHBOR, &options, 2, (const int32_t[]){image, size},
                               ln_emit_type(c->e, image)));
    return;
  }
  const ln_resize_bilinear_options options = {.align_corners = how == LN_EMIT_ALIGN_CORNERS,
                                              .half_pixel_centers = how == LN_EMIT_HALF_PIXEL};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_RESIZE_BILINEAR, &options, 2, (const int32_t[]){image, size}, LN_FLOAT32));
}

/* Keys' cubic of a; TensorFlow takes -0.75 with its older grids and -0.5 with half pixels. */
static double cubic(double x, double a) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* One row of the matrix that resizes `in` pixels to `out`. */
static void cubic_row(int32_t in, int32_t out, int32_t i, ln_emit_resizing how, float *row) {
  const double scale = how == LN_EMIT_ALIGN_CORNERS && out > 1 ? (double)(in - 1) / (out - 1) : (double)in / out;
  const double at = how == LN_EMIT_HALF_PIXEL ? (i + 0.5) * scale - 0.5 : i * scale;
  const int32_t base = (int32_t)floor(at);
  /* TensorFlow keeps the weights in a table of 1024 steps. */
  const double part = floor((at - base) * 1024 + 0.5) / 1024, a = how == LN_EMIT_HALF_PIXEL ? -0.5 : -0.75;
  double total = 0, weights[4];
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t from = base - 1 + k;
    weights[k] = cubic(part + 1 - k, a);
    if (how == LN_EMIT_HALF_PIXEL && (from < 0 || from >= in)) weights[k] = 0;
    total += weights[k];
  }
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t from = base - 1 + k < 0 ? 0 : base - 1 + k >= in ? in - 1 : base - 1 + k;
    row[from] += (float)(how == LN_EMIT_HALF_PIXEL && fabs(total) > 1e-6 ? weights[k] / total : weights[k]);
  }
}

static void area_row(int32_t in, int32_t out, int32_t i, ln_emit_resizing how, float *row) {
  const double scale = how == LN_EMIT_ALIGN_CORNERS && out > 1 ? (double)(in - 1) / (out - 1) : (double)in / out;
  const double from = i * scale, to = (i + 1) * scale;
  for (int32_t k = (int32_t)floor(from); k < to; ++k) {
    const double low = k < from ? from : k, high = k + 1 > to ? to : k + 1;
    if (high > low) row[k < 0 ? 0 : k >= in ? in - 1 : k] += (float)((high - low) / scale);
  }
}

/* [out, in] */
static int32_t matrix(ln_sm_call *c, int32_t in, int32_t out) {
  const int32_t dims[2] = {out, in};
  size_t count;
  if (!ln_size_product(dims, 2, &count) || count > 1 << 24)
    return ln_emit_refuse(c->e, "it resizes %d pixels to %d", in, out);
  float *values = ln_arena_array(ln_emit_arena(c->e), count + 1, sizeof *values);
  if (values == NULL) return ln_import_no_memory(c->e->import);
  for (int32_t i = 0; i < out; ++i) {
    if (c->variant == 0) cubic_row(in, out, i, how_of(c), values + (size_t)i * (size_t)in);
    else area_row(in, out, i, how_of(c), values + (size_t)i * (size_t)in);
  }
  return ln_emit_const_view(c->e, LN_FLOAT32, 2, dims, values);
}

/* ResizeBicubic, ResizeArea (variant 1): each direction is a product with a matrix */
void ln_sm_op_resize_by_matrix(ln_sm_call *c) {
  ln_emit *e = c->e;
  int64_t size[2];
  int32_t count = 0;
  const int32_t a = ln_emit_cast(e, ln_sm_in(c, 0), LN_FLOAT32), rows = ln_emit_dim(e, a, 1),
                columns = ln_emit_dim(e, a, 2);
  if (!ln_sm_const_ints(c, 1, "size", size, 2, &count)) return;
  if (count != 2 || rows < 1 || columns < 1 || size[0] < 1 || size[1] < 1 || size[0] > 1 << 20 || size[1] > 1 << 20 ||
      ln_emit_rank(e, a) != 4) {
    ln_emit_refuse(e, "height and width must be known; say --shape");
    return;
  }
  const int32_t operands[3] = {a, matrix(c, rows, (int32_t)size[0]), matrix(c, columns, (int32_t)size[1])};
  ln_sm_result(c, ln_emit_einsum(e, "bhwc,yh,xw->byxc", 3, operands));
}

/* ---- boxes ---- */

/* Where the samples of each box lie along an axis: [boxes, count], in pixels. */
static int32_t sample_places(ln_emit *e, int32_t boxes, int32_t from, int32_t to, int32_t size, int32_t count) {
  const int32_t end = 1;
  const int32_t low = ln_emit_expand(e, ln_emit_pick(e, boxes, 1, from), 1, &end),
                high = ln_emit_expand(e, ln_emit_pick(e, boxes, 1, to), 1, &end);
  if (count == 1) return ln_emit_mul_number(e, ln_emit_add(e, low, high), 0.5 * (size - 1));
  float *steps = ln_arena_array(ln_emit_arena(e), (size_t)count, sizeof *steps);
  if (steps == NULL) return ln_import_no_memory(e->import);
  for (int32_t i = 0; i < count; ++i) steps[i] = (float)i * (float)(size - 1) / (float)(count - 1);
  const int32_t apart = ln_emit_mul(e, ln_emit_sub(e, high, low), ln_emit_const_view(e, LN_FLOAT32, 1, &count, steps));
  return ln_emit_add(e, ln_emit_mul_number(e, low, size - 1), apart);
}

/* How much each pixel counts at each place: what two neighbours share. [boxes, count, size] */
static int32_t shares(ln_emit *e, int32_t places, int32_t size, bool bilinear) {
  const int32_t end = 2;
  const int32_t pixels = ln_emit_cast(e, ln_emit_count_up(e, ln_emit_i32(e, size)), LN_FLOAT32);
  const int32_t at =
      ln_emit_expand(e, bilinear ? places : ln_emit_unary(e, LN_OP_FLOOR, ln_emit_add_number(e, places, 0.5)), 1, &end);
  const int32_t away = ln_emit_unary(e, LN_OP_ABS, ln_emit_sub(e, at, pixels));
  return ln_emit_unary(e, LN_OP_RELU, ln_emit_sub(e, ln_emit_f32(e, 1), away));
}

static int32_t inside(ln_emit *e, int32_t places, int32_t size) {
  const int32_t low = ln_emit_compare(e, LN_OP_GREATER_EQUAL, places, ln_emit_f32(e, 0));
  const int32_t high = ln_emit_compare(e, LN_OP_LESS_EQUAL, places, ln_emit_f32(e, size - 1));
  return ln_emit_binary(e, LN_OP_LOGICAL_AND, low, high);
}

/* CropAndResize: images, boxes, the image of each, size: sampling is a product from either side */
void ln_sm_op_crop_and_resize(ln_sm_call *c) {
  ln_emit *e = c->e;
  int64_t size[2];
  int32_t count = 0;
  const int32_t boxes = ln_sm_in(c, 1), rows_axes[2] = {2, 3}, columns_axes[2] = {1, 3};
  const int32_t images = ln_emit_gather(e, ln_emit_cast(e, ln_sm_in(c, 0), LN_FLOAT32), ln_sm_in(c, 2), 0, 0);
  const int32_t rows = ln_emit_dim(e, images, 1), columns = ln_emit_dim(e, images, 2);
  if (!ln_sm_const_ints(c, 3, "size", size, 2, &count)) return;
  if (count != 2 || rows < 1 || columns < 1 || size[0] < 1 || size[1] < 1 || size[0] > 1 << 16 || size[1] > 1 << 16) {
    ln_emit_refuse(e, "height and width must be known; say --shape");
    return;
  }
  const bool bilinear = !ln_sm_is(c, "method", "nearest");
  const int32_t down = sample_places(e, boxes, 0, 2, rows, (int32_t)size[0]),
                right = sample_places(e, boxes, 1, 3, columns, (int32_t)size[1]);
  const int32_t operands[3] = {images, shares(e, down, rows, bilinear), shares(e, right, columns, bilinear)};
  const int32_t made = ln_emit_einsum(e, "nhwc,nyh,nxw->nyxc", 3, operands);
  const int32_t within = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_expand(e, inside(e, down, rows), 2, rows_axes),
                                        ln_emit_expand(e, inside(e, right, columns), 2, columns_axes));
  ln_sm_result(c, ln_emit_select(e, within, made, ln_emit_f32(e, ln_sm_float(c, "extrapolation_value", 0))));
}

/* ---- colours ---- */

typedef struct colour {
  int32_t hue, saturation, value;
} colour;

static colour to_hsv(ln_emit *e, int32_t a) {
  int32_t rgb[3];
  for (int32_t i = 0; i < 3; ++i) rgb[i] = ln_emit_pick(e, a, -1, i);
  const int32_t most = ln_emit_binary(e, LN_OP_MAXIMUM, rgb[0], ln_emit_binary(e, LN_OP_MAXIMUM, rgb[1], rgb[2]));
  const int32_t least = ln_emit_binary(e, LN_OP_MINIMUM, rgb[0], ln_emit_binary(e, LN_OP_MINIMUM, rgb[1], rgb[2]));
  const int32_t range = ln_emit_sub(e, most, least), zero = ln_emit_f32(e, 0), one = ln_emit_f32(e, 1);
  const int32_t grey = ln_emit_compare(e, LN_OP_LESS_EQUAL, range, zero);
  const int32_t black = ln_emit_compare(e, LN_OP_LESS_EQUAL, most, zero);
  const int32_t saturation = ln_emit_select(e, black, zero, ln_emit_div(e, range, ln_emit_select(e, black, one, most)));
  const int32_t norm = ln_emit_mul_number(e, ln_emit_reciprocal(e, ln_emit_select(e, grey, one, range)), 1.0 / 6);
  const int32_t by_red = ln_emit_mul(e, norm, ln_emit_sub(e, rgb[1], rgb[2]));
  const int32_t by_green = ln_emit_add_number(e, ln_emit_mul(e, norm, ln_emit_sub(e, rgb[2], rgb[0])), 2.0 / 6);
  const int32_t by_blue = ln_emit_add_number(e, ln_emit_mul(e, norm, ln_emit_sub(e, rgb[0], rgb[1])), 4.0 / 6);
  int32_t hue = ln_emit_select(e, ln_emit_compare(e, LN_OP_EQUAL, rgb[1], most), by_green, by_blue);
  hue = ln_emit_select(e, ln_emit_compare(e, LN_OP_EQUAL, rgb[0], most), by_red, hue);
  hue = ln_emit_select(e, grey, zero, hue);
  hue = ln_emit_select(e, ln_emit_compare(e, LN_OP_LESS, hue, zero), ln_emit_add_number(e, hue, 1), hue);
  return (colour){hue, saturation, most};
}

static int32_t to_rgb(ln_emit *e, colour from) {
  static const double shifts[3] = {3, 2, 4};
  const int32_t hue = ln_emit_mul_number(e, from.hue, 6);
  int32_t parts[3];
  for (int32_t i = 0; i < 3; ++i) {
    int32_t away = ln_emit_unary(e, LN_OP_ABS, ln_emit_add_number(e, hue, -shifts[i]));
    away = i == 0 ? ln_emit_add_number(e, away, -1) : ln_emit_sub(e, ln_emit_f32(e, 2), away);
    const int32_t lack = ln_emit_add_number(e, ln_emit_clip(e, away, 0, 1), -1);
    parts[i] = ln_emit_mul(e, from.value, ln_emit_add_number(e, ln_emit_mul(e, from.saturation, lack), 1));
  }
  return ln_emit_pack(e, -1, 3, parts);
}

/* RGBToHSV: each in 0..1, colours in the last dimension */
void ln_sm_op_rgb_to_hsv(ln_sm_call *c) {
  const colour made = to_hsv(c->e, ln_sm_in(c, 0));
  ln_sm_result(c, ln_emit_pack(c->e, -1, 3, (const int32_t[]){made.hue, made.saturation, made.value}));
}

/* HSVToRGB */
void ln_sm_op_hsv_to_rgb(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const colour from = {ln_emit_pick(c->e, a, -1, 0), ln_emit_pick(c->e, a, -1, 1), ln_emit_pick(c->e, a, -1, 2)};
  ln_sm_result(c, to_rgb(c->e, from));
}

/* AdjustSaturation: images, factor; AdjustHue (variant 1): images, part of the circle */
void ln_sm_op_adjust_colour(ln_sm_call *c) {
  ln_emit *e = c->e;
  colour made = to_hsv(e, ln_sm_in(c, 0));
  const int32_t by = ln_sm_in(c, 1);
  if (c->variant == 0) made.saturation = ln_emit_clip(e, ln_emit_mul(e, made.saturation, by), 0, 1);
  else made.hue = ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_emit_add(e, made.hue, by), ln_emit_f32(e, 1));
  ln_sm_result(c, to_rgb(e, made));
}

/* AdjustContrastv2: images, factor: away from each channel's mean */
void ln_sm_op_adjust_contrast(ln_sm_call *c) {
  const int32_t axes[2] = {-3, -2}, a = ln_sm_in(c, 0);
  const int32_t mean = ln_emit_reduce(c->e, LN_OP_MEAN, a, 2, axes, true);
  ln_sm_result(c, ln_emit_add(c->e, ln_emit_mul(c->e, ln_emit_sub(c->e, a, mean), ln_sm_in(c, 1)), mean));
}

/* ---- patches ---- */

/* ExtractImagePatches: each patch's pixels in the last dimension */
void ln_sm_op_patches(ln_sm_call *c) {
  enum { MOST = 1024 };
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0);
  int32_t size[4], stride[4], rate[4], out[2], before[4] = {0}, after[4] = {0}, parts[MOST], count = 0;
  if (ln_sm_ints(c, "ksizes", size, 4) != 4 || ln_sm_ints(c, "strides", stride, 4) != 4 ||
      ln_sm_ints(c, "rates", rate, 4) != 4 || ln_emit_rank(e, a) != 4) {
    ln_emit_wrong(e, "its sizes are none");
    return;
  }
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t in = ln_emit_dim(e, a, 1 + i);
    if (in < 1 || in > 1 << 24 || size[1 + i] < 1 || size[1 + i] > MOST || stride[1 + i] < 1 ||
        stride[1 + i] > 1 << 16 || rate[1 + i] < 1 || rate[1 + i] > 1 << 16 || size[1] > MOST / size[1 + i]) {
      ln_emit_refuse(e, "height and width must be known (say --shape), and a patch have no more than %d pixels", MOST);
      return;
    }
    const int32_t reach = (size[1 + i] - 1) * rate[1 + i] + 1;
    out[i] =
        ln_sm_is(c, "padding", "SAME") ? (in + stride[1 + i] - 1) / stride[1 + i] : (in - reach) / stride[1 + i] + 1;
    const int32_t pad = (out[i] - 1) * stride[1 + i] + reach - in;
    before[1 + i] = pad > 0 ? pad / 2 : 0;
    after[1 + i] = pad > 0 ? pad - pad / 2 : 0;
  }
  const int32_t padded = ln_emit_pad(e, a, before, after, 0);
  for (int32_t y = 0; y < size[1] && size[1] * size[2] <= MOST; ++y) {
    for (int32_t x = 0; x < size[2]; ++x) {
      const int32_t top = y * rate[1], left = x * rate[2];
      const int32_t rows = ln_emit_slice(e, padded, 1, top, top + (out[0] - 1) * stride[1] + 1, stride[1]);
      parts[count++] = ln_emit_slice(e, rows, 2, left, left + (out[1] - 1) * stride[2] + 1, stride[2]);
    }
  }
  if (count > 0) ln_sm_result(c, count == 1 ? parts[0] : ln_emit_concat(e, -1, count, parts));
}

/* ---- Fourier transforms ---- */

/* RFFT, RFFT2D: real values, length(s) */
void ln_sm_op_rfft(ln_sm_call *c) {
  ln_emit *e = c->e;
  int32_t a = ln_sm_in(c, 0);
  const int32_t lengths = ln_sm_in(c, 1), before = -2, rank = ln_emit_rank(e, a);
  int32_t shape = lengths;
  if (c->variant == 1) {
    a = ln_emit_expand(e, a, 1, &before);
    shape = ln_emit_concat(e, 0, 2, (const int32_t[]){ln_emit_vector(e, 1, (const int32_t[]){1}), lengths});
  }
  int32_t made = ln_emit_op(e, LN_OP_RFFT2D, NULL, 2, (const int32_t[]){a, shape}, LN_COMPLEX64);
  const int32_t axis = rank - 1;
  if (c->variant == 1) made = ln_emit_squeeze(e, made, 1, &axis);
  ln_sm_result(c, made);
}

/* ---- random numbers ---- */

static ln_random_options seeds_of(const ln_sm_call *c) {
  return (ln_random_options){.seed = ln_sm_int(c, "seed", 0), .seed2 = ln_sm_int(c, "seed2", 0)};
}

/* RandomUniform, RandomStandardNormal: shape */
void ln_sm_op_random(ln_sm_call *c) {
  const ln_random_options options = seeds_of(c);
  const int32_t shape = ln_emit_cast(c->e, ln_sm_in(c, 0), LN_INT32);
  ln_sm_result(
      c, ln_emit_cast(c->e, ln_emit_op(c->e, c->variant, &options, 1, &shape, LN_FLOAT32), ln_sm_type(c, "dtype")));
}

/* RandomUniformInt: shape, least, end */
void ln_sm_op_random_int(ln_sm_call *c) {
  ln_emit *e = c->e;
  const ln_random_options options = seeds_of(c);
  const int32_t shape = ln_emit_cast(e, ln_sm_in(c, 0), LN_INT32), low = ln_sm_in(c, 1), high = ln_sm_in(c, 2);
  const int32_t part = ln_emit_op(e, LN_OP_RANDOM_UNIFORM, &options, 1, &shape, LN_FLOAT32);
  const int32_t range = ln_emit_cast(e, ln_emit_sub(e, high, low), LN_FLOAT32);
  ln_sm_result(
      c,
      ln_emit_add(e, ln_emit_cast(e, ln_emit_unary(e, LN_OP_FLOOR, ln_emit_mul(e, part, range)), ln_emit_type(e, low)),
                  low));
}

/* Multinomial: logits, how many */
void ln_sm_op_multinomial(ln_sm_call *c) {
  const ln_random_options options = seeds_of(c);
  ln_type type = LN_INT64;
  ln_nodedef_type(c->def, "output_dtype", &type);
  const int32_t in[2] = {ln_sm_in(c, 0), ln_sm_in(c, 1)};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_MULTINOMIAL, &options, 2, in, type));
}
