/* Samples: for each of the elements around a place, its number, its weight, and whether it is there. */
#include "import/onnx/onnx_sample.h"

static int32_t real_of(ln_emit *e, int32_t a) { return ln_emit_cast(e, a, LN_FLOAT32); }

ln_onnx_image ln_onnx_open_image(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a);
  ln_onnx_image image = {.rank = rank - 2, .places = -1, .cubic = -0.75};
  if (ln_emit_failed(e)) return image;
  if (rank < 3 || rank > 5) {
    ln_emit_refuse(e, "%d spatial dimensions; 1 to 3 are possible", rank - 2);
    return image;
  }
  for (int32_t i = 0; i < rank - 2; ++i) {
    image.size[i] = ln_emit_size_of(e, a, i + 2);
    image.real[i] = real_of(e, image.size[i]);
    image.places = i == 0 ? image.size[i] : ln_emit_mul(e, image.places, image.size[i]);
  }
  const int32_t last = ln_emit_channels_last(e, real_of(e, a));
  const ln_dim dims[2] = {LN_DIM_REST, LN_DIM_OF(a, 1)};
  image.data = ln_emit_reshape(e, last, 2, dims);
  return image;
}

/* ---- coordinates ---- */

static int32_t clamp(ln_emit *e, int32_t x, int32_t size) {
  const int32_t low = ln_emit_binary(e, LN_OP_MAXIMUM, x, ln_emit_f32(e, 0));
  return ln_emit_binary(e, LN_OP_MINIMUM, low, ln_emit_add_number(e, size, -1));
}

/* Back and forth between the two ends. */
static int32_t reflect(ln_emit *e, int32_t x, int32_t size, bool corners) {
  const int32_t range = corners ? ln_emit_add_number(e, size, -1) : size;
  const int32_t least = ln_emit_binary(e, LN_OP_MAXIMUM, range, ln_emit_f32(e, 1e-6));
  const double start = corners ? 0 : -0.5;
  const int32_t turn =
      ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_emit_add_number(e, x, -start), ln_emit_mul_number(e, least, 2));
  const int32_t back = ln_emit_unary(e, LN_OP_ABS, ln_emit_sub(e, range, turn));
  return ln_emit_add_number(e, ln_emit_sub(e, range, back), start);
}

static int32_t inside(ln_emit *e, const ln_onnx_image *image, int32_t dim, int32_t x) {
  if (image->edge == LN_ONNX_EDGE_BORDER) return clamp(e, x, image->real[dim]);
  return image->edge == LN_ONNX_EDGE_REFLECT ? reflect(e, x, image->real[dim], image->corners) : x;
}

/* ---- elements along a dimension ---- */

enum { MOST_TAPS = 4 };

typedef struct taps {
  int32_t count;
  int32_t index[MOST_TAPS];  /* int32, within the dimension */
  int32_t weight[MOST_TAPS]; /* float32; -1: one. Zero where the element is not there */
} taps;

static void add_tap(ln_emit *e, const ln_onnx_image *image, int32_t dim, int32_t x, int32_t weight, taps *out) {
  const int32_t size = image->real[dim];
  if (image->edge == LN_ONNX_EDGE_ZEROS) {
    const int32_t there =
        ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, x, ln_emit_f32(e, 0)),
                       ln_emit_compare(e, LN_OP_LESS_EQUAL, x, ln_emit_add_number(e, size, -1)));
    const int32_t factor = real_of(e, there);
    weight = weight < 0 ? factor : ln_emit_mul(e, weight, factor);
  } else {
    x = inside(e, image, dim, x);
  }
  out->index[out->count] = ln_emit_cast(e, clamp(e, x, size), LN_INT32);
  out->weight[out->count++] = weight;
}

/* Keys's kernel at a distance below 1, and at one from 1 to 2. */
static int32_t keys(ln_emit *e, int32_t t, double a, bool inner) {
  const int32_t t2 = ln_emit_mul(e, t, t), t3 = ln_emit_mul(e, t2, t);
  if (inner) {
    const int32_t high = ln_emit_sub(e, ln_emit_mul_number(e, t3, a + 2), ln_emit_mul_number(e, t2, a + 3));
    return ln_emit_add_number(e, high, 1);
  }
  const int32_t high = ln_emit_sub(e, ln_emit_mul_number(e, t3, a), ln_emit_mul_number(e, t2, 5 * a));
  return ln_emit_add_number(e, ln_emit_add(e, high, ln_emit_mul_number(e, t, 8 * a)), -4 * a);
}

static taps taps_of(ln_emit *e, const ln_onnx_image *image, int32_t dim, int32_t x, ln_onnx_between how) {
  taps out = {0};
  if (how == LN_ONNX_NEAREST) {
    add_tap(e, image, dim, inside(e, image, dim, ln_emit_unary(e, LN_OP_ROUND, x)), -1, &out);
    return out;
  }
  if (how == LN_ONNX_LINEAR) x = inside(e, image, dim, x); /* of cubic ones each element is */
  const int32_t first = ln_emit_unary(e, LN_OP_FLOOR, x), part = ln_emit_sub(e, x, first);
  const int32_t rest = ln_emit_sub(e, ln_emit_f32(e, 1), part);
  if (how == LN_ONNX_LINEAR) {
    add_tap(e, image, dim, first, rest, &out);
    add_tap(e, image, dim, ln_emit_add_number(e, first, 1), part, &out);
    return out;
  }
  const double a = image->cubic;
  add_tap(e, image, dim, ln_emit_add_number(e, first, -1), keys(e, ln_emit_add_number(e, part, 1), a, false), &out);
  add_tap(e, image, dim, first, keys(e, part, a, true), &out);
  add_tap(e, image, dim, ln_emit_add_number(e, first, 1), keys(e, rest, a, true), &out);
  add_tap(e, image, dim, ln_emit_add_number(e, first, 2), keys(e, ln_emit_add_number(e, rest, 1), a, false), &out);
  return out;
}

/* ---- sums of elements ---- */

static int32_t times(ln_emit *e, int32_t a, int32_t b) { return a < 0 ? b : b < 0 ? a : ln_emit_mul(e, a, b); }

/* One element for each place: which of each dimension's taps `choice` says. */
static int32_t element(ln_emit *e, const ln_onnx_image *image, const taps *all, int32_t base, int32_t choice) {
  int32_t index = -1, weight = -1;
  for (int32_t i = 0; i < image->rank; ++i) {
    const int32_t tap = choice % all[i].count;
    choice /= all[i].count;
    index = i == 0 ? all[i].index[tap] : ln_emit_add(e, ln_emit_mul(e, index, image->size[i]), all[i].index[tap]);
    weight = times(e, weight, all[i].weight[tap]);
  }
  if (base >= 0) index = ln_emit_add(e, index, base);
  const int32_t value = ln_emit_gather(e, image->data, index, 0, 0), last = -1;
  return weight < 0 ? value : ln_emit_mul(e, value, ln_emit_expand(e, weight, 1, &last));
}

int32_t ln_onnx_sample(ln_emit *e, const ln_onnx_image *image, const int32_t *at, int32_t base, ln_onnx_between how) {
  taps all[3];
  int32_t count = 1, sum = -1;
  if (ln_emit_failed(e)) return -1;
  for (int32_t i = 0; i < image->rank; ++i) {
    all[i] = taps_of(e, image, i, at[i], how);
    count *= all[i].count;
  }
  for (int32_t i = 0; i < count; ++i) {
    const int32_t part = element(e, image, all, base, i);
    sum = i == 0 ? part : ln_emit_binary(e, image->largest ? LN_OP_MAXIMUM : LN_OP_ADD, sum, part);
  }
  return sum;
}
