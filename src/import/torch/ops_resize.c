/*
 * Resizing and sampling. What TFLite's two operators compute goes to them; all else is a matrix an axis, which holds
 * the weights that PyTorch gives each element of the source.
 */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

typedef enum method { NEAREST, NEAREST_EXACT, LINEAR, CUBIC } method;

enum { MOST_SIZE = 1 << 14 };

/* ---- weights ---- */

static double cubic(double x) {
  const double a = -0.75;
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static int32_t inside(int64_t at, int32_t size) { return at < 0 ? 0 : at >= size ? size - 1 : (int32_t)at; }

/* Adds the weights of output `i` to its column of [from, to]. */
static void weigh(float *matrix, int32_t from, int32_t to, int32_t i, method how, bool corners, double scale) {
  double at = corners ? (to > 1 ? (double)i * (from - 1) / (to - 1) : 0) : (i + 0.5) * scale - 0.5;
  if (how == NEAREST) at = floor(i * (float)scale);
  if (how == NEAREST_EXACT) at = floor((i + 0.5) * scale);
  if (how == LINEAR && at < 0) at = 0;
  const int64_t low = (int64_t)floor(at);
  const double part = at - (double)low;
  const int32_t begin = how == CUBIC ? -1 : 0, end = how == CUBIC ? 2 : how == LINEAR ? 1 : 0;
  for (int32_t k = begin; k <= end; ++k) {
    const double weight = how == CUBIC ? cubic(part - k) : how == LINEAR ? (k == 0 ? 1 - part : part) : 1;
    matrix[(size_t)inside(low + k, from) * (size_t)to + (size_t)i] += (float)weight;
  }
}

static int32_t resize_axis(torch_node *n, int32_t a, int32_t axis, int32_t to, method how, bool corners, double scale) {
  const int32_t from = ln_emit_dim(n->e, a, axis), dims[] = {from, to};
  if (from < 1 || from > MOST_SIZE || to < 1 || to > MOST_SIZE || (int64_t)from * to > 1 << 24)
    return ln_emit_refuse(n->e, "an open dimension is resized in a way that TensorFlow Lite has no operator for");
  if (from == to && scale == 1) return a;
  float *matrix = ln_arena_array(ln_emit_arena(n->e), (size_t)from * (size_t)to, sizeof *matrix);
  if (matrix == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0; i < to; ++i) weigh(matrix, from, to, i, how, corners, scale);
  const int32_t weights = ln_emit_const(n->e, LN_FLOAT32, 2, dims, matrix);
  return ln_emit_swap(n->e, ln_emit_matmul(n->e, ln_emit_swap(n->e, a, axis, -1), weights, false, false), axis, -1);
}

/* ---- operators ---- */

/* Output sizes, and how far the source moves for each step of the output. */
static bool read_sizes(torch_node *n, int32_t a, int32_t rank, ln_dim *sizes, double *scales) {
  static const char *const names[3][3] = {
      {"scales", NULL, NULL}, {"scales_h", "scales_w", NULL}, {"scales_d", "scales_h", "scales_w"}};
  const int32_t count = ln_torch_dims(n, "output_size", 3, sizes);
  const cJSON *factors = ln_torch_arg(n, "scale_factors");
  if (count != rank && cJSON_GetArraySize(factors) != rank) return ln_emit_wrong(n->e, "sizes are missing") > 0;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t from = ln_emit_dim(n->e, a, 2 + i);
    const cJSON *item = cJSON_GetArrayItem(factors, i);
    double factor = cJSON_IsNumber(item) ? item->valuedouble : ln_torch_number(n, names[rank - 1][i], 0);
    if (count != rank) {
      if (from < 0 || !(factor > 0 && factor < 4096)) {
        if (!(factor > 0 && factor == floor(factor)))
          return ln_emit_refuse(n->e, "an open dimension is scaled by %g", factor) > 0;
        const int32_t own = ln_emit_size_of(n->e, a, 2 + i);
        sizes[i] = LN_DIM_IS(ln_emit_mul_number(n->e, own, factor));
      } else {
        sizes[i] = LN_DIM((int32_t)floor(from * factor));
      }
    }
    const bool known = from > 0 && sizes[i].axis != LN_DIM_VALUE && sizes[i].size > 0;
    scales[i] = factor > 0 ? 1 / factor : known ? (double)from / sizes[i].size : 1;
  }
  return !ln_emit_failed(n->e);
}

/* Whether TFLite's scale, the ratio of the sizes, is PyTorch's. */
static bool plain_scale(torch_node *n, int32_t a, int32_t axis, ln_dim size, double scale) {
  const int32_t from = ln_emit_dim(n->e, a, axis);
  if (from < 1 || size.axis == LN_DIM_VALUE) return true;
  return fabs((double)from / size.size - scale) < 1e-9;
}

/* Variants: the method, and 16 times the dimensions. */
int32_t ln_torch_upsample(torch_node *n) {
  ln_dim sizes[3];
  double scales[3];
  int32_t a = ln_torch_tensor(n, ln_torch_has(n, "input") ? "input" : "self");
  const int32_t rank = n->variant >> 4;
  const method how = (method)(n->variant & 15);
  const bool corners = ln_torch_flag(n, "align_corners", false);
  if (ln_emit_failed(n->e) || ln_emit_rank(n->e, a) != rank + 2)
    return ln_emit_wrong(n->e, "not %d dimensions", rank + 2);
  if (!read_sizes(n, a, rank, sizes, scales)) return -1;
  bool direct = rank == 2 && how != CUBIC;
  for (int32_t i = 0; i < rank; ++i) direct = direct && (corners || plain_scale(n, a, 2 + i, sizes[i], scales[i]));
  if (direct) {
    const ln_emit_resizing where = corners          ? LN_EMIT_ALIGN_CORNERS
                                   : how == NEAREST ? LN_EMIT_ASYMMETRIC
                                                    : LN_EMIT_HALF_PIXEL;
    const int32_t last = ln_emit_channels_last(n->e, a), size = ln_emit_dims(n->e, 2, sizes);
    return ln_emit_channels_first(n->e, ln_emit_resize(n->e, last, size, how == LINEAR, where));
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (sizes[i].axis == LN_DIM_VALUE) return ln_emit_refuse(n->e, "an open dimension is resized");
    a = resize_axis(n, a, 2 + i, sizes[i].size, how, corners, scales[i]);
  }
  return a;
}

/* ---- sampling at any place ---- */

/* Places of -1..1 in elements of an axis. */
static int32_t unnormalized(torch_node *n, int32_t grid, int32_t size, bool corners) {
  const double half = corners ? (size - 1) / 2.0 : size / 2.0, shift = (size - 1) / 2.0;
  return ln_emit_add_number(n->e, ln_emit_mul_number(n->e, grid, half), shift);
}

/* [n, places, c] of [n, h w, c] at whole places; outside (`zeros`) they count nothing. */
static int32_t sample(torch_node *n, int32_t flat, int32_t y, int32_t x, int32_t h, int32_t w, bool zeros) {
  const int32_t last = -1;
  const int32_t iy = ln_emit_clip(n->e, y, 0, h - 1), ix = ln_emit_clip(n->e, x, 0, w - 1);
  const int32_t places = ln_emit_cast(n->e, ln_emit_add(n->e, ln_emit_mul_number(n->e, iy, w), ix), LN_INT32);
  int32_t made = ln_emit_gather(n->e, flat, places, 1, 1);
  if (!zeros) return made;
  const int32_t in_y = ln_emit_compare(n->e, LN_OP_EQUAL, y, iy), in_x = ln_emit_compare(n->e, LN_OP_EQUAL, x, ix);
  const int32_t in = ln_emit_cast(n->e, ln_emit_binary(n->e, LN_OP_LOGICAL_AND, in_y, in_x), LN_FLOAT32);
  return ln_emit_mul(n->e, made, ln_emit_expand(n->e, in, 1, &last));
}

static int32_t bilinear(torch_node *n, int32_t flat, int32_t y, int32_t x, int32_t h, int32_t w, bool zeros) {
  const int32_t last = -1, y0 = ln_emit_unary(n->e, LN_OP_FLOOR, y), x0 = ln_emit_unary(n->e, LN_OP_FLOOR, x);
  const int32_t fy = ln_emit_sub(n->e, y, y0), fx = ln_emit_sub(n->e, x, x0), one = ln_emit_f32(n->e, 1);
  int32_t sum = -1;
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t wy = k & 2 ? fy : ln_emit_sub(n->e, one, fy), wx = k & 1 ? fx : ln_emit_sub(n->e, one, fx);
    const int32_t at_y = k & 2 ? ln_emit_add_number(n->e, y0, 1) : y0,
                  at_x = k & 1 ? ln_emit_add_number(n->e, x0, 1) : x0;
    const int32_t weight = ln_emit_expand(n->e, ln_emit_mul(n->e, wy, wx), 1, &last);
    const int32_t part = ln_emit_mul(n->e, sample(n, flat, at_y, at_x, h, w, zeros), weight);
    sum = sum < 0 ? part : ln_emit_add(n->e, sum, part);
  }
  return sum;
}

int32_t ln_torch_grid_sampler(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "input"), grid = ln_torch_tensor(n, "grid");
  const int64_t how = ln_torch_int(n, "interpolation_mode", 0), edges = ln_torch_int(n, "padding_mode", 0);
  const bool corners = ln_torch_flag(n, "align_corners", false);
  if (ln_emit_failed(n->e)) return -1;
  const int32_t h = ln_emit_dim(n->e, a, 2), w = ln_emit_dim(n->e, a, 3);
  const int32_t oh = ln_emit_dim(n->e, grid, 1), ow = ln_emit_dim(n->e, grid, 2);
  if (ln_emit_rank(n->e, a) != 4 || h < 1 || w < 1 || oh < 1 || ow < 1 || how > 1 || edges > 1)
    return ln_emit_refuse(n->e, "it takes a fixed shape, nearest or bilinear, with zeros or borders around");
  const int32_t flat = ln_emit_flatten(n->e, ln_emit_channels_last(n->e, a), 1, 2);
  const int32_t places = ln_emit_flatten(n->e, grid, 1, 2);
  int32_t x = unnormalized(n, ln_emit_pick(n->e, places, 2, 0), w, corners);
  int32_t y = unnormalized(n, ln_emit_pick(n->e, places, 2, 1), h, corners);
  if (edges == 1) {
    x = ln_emit_clip(n->e, x, 0, w - 1);
    y = ln_emit_clip(n->e, y, 0, h - 1);
  }
  const int32_t made = how == 0 ? bilinear(n, flat, y, x, h, w, edges == 0)
                                : sample(n, flat, ln_emit_unary(n->e, LN_OP_ROUND, y),
                                         ln_emit_unary(n->e, LN_OP_ROUND, x), h, w, edges == 0);
  const ln_dim dims[] = {LN_DIM_OF(a, 0), LN_DIM(oh), LN_DIM(ow), LN_DIM_OF(made, 2)};
  return ln_emit_channels_first(n->e, ln_emit_reshape(n->e, made, 4, dims));
}

#endif
