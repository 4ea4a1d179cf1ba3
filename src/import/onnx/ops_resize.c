/*
 * Resize and Upsample. What TensorFlow Lite's two operators compute goes to them; all else goes axis by axis: nearest
 * elements are gathered, others are products with a matrix of what each element of the output takes of those of the
 * input. Scales and sizes may be known only in the run.
 */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx_lists.h"

typedef enum place {
  HALF_PIXEL,
  PYTORCH_HALF_PIXEL,
  HALF_PIXEL_SYMMETRIC,
  ALIGN_CORNERS,
  ASYMMETRIC,
  CROP,
  PLACE_COUNT
} place;
typedef enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, ROUNDING_COUNT } rounding;
typedef enum method { NEAREST, LINEAR, CUBIC, METHOD_COUNT } method;

typedef struct resizing {
  method how;
  place where;
  rounding nearest;
  double cubic, beyond; /* the coefficient; what stands outside of a crop */
  bool exclude, antialias;
  int32_t count, axes[LN_MAX_RANK]; /* that scales and sizes are of */
  int32_t scales, sizes, roi;       /* tensors; -1 */
  double factor[LN_MAX_RANK];       /* of axes, where scales are constants */
  bool known;
} resizing;

/* One axis: scalars, float32 but for the sizes. */
typedef struct axis_job {
  int32_t axis, in, out; /* int32 */
  int32_t scale;         /* out / in, or what the model says */
  int32_t whole;         /* in * scale, not rounded */
  int32_t from, to;      /* of a crop */
} axis_job;

/* ---- reading ---- */

static int32_t find(ln_onnx_node *n, const char *attribute, const char *otherwise, int32_t count,
                    const char *const *names) {
  const char *text = ln_onnx_text(n, attribute, otherwise);
  for (int32_t i = 0; i < count; ++i) {
    if (strcmp(text, names[i]) == 0) return i;
  }
  return ln_emit_refuse(n->e, "its %s is %.60s, which is not known", attribute, text);
}

static bool read_modes(ln_onnx_node *n, resizing *r) {
  static const char *const places[] = {"half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
                                       "align_corners", "asymmetric",         "tf_crop_and_resize"};
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  static const char *const methods[] = {"nearest", "linear", "cubic"};
  const char *mode = ln_onnx_text(n, "mode", "nearest");
  if (strcmp(mode, "bilinear") == 0) r->how = LINEAR; /* of old Upsamples */
  else r->how = (method)find(n, "mode", "nearest", METHOD_COUNT, methods);
  const bool old = n->version < 11;
  r->where = (place)find(n, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", PLACE_COUNT, places);
  r->nearest = (rounding)find(n, "nearest_mode", old ? "floor" : "round_prefer_floor", ROUNDING_COUNT, roundings);
  r->cubic = ln_onnx_float(n, "cubic_coeff_a", -0.75);
  r->beyond = ln_onnx_float(n, "extrapolation_value", 0);
  r->exclude = ln_onnx_int(n, "exclude_outside", 0) != 0;
  r->antialias = ln_onnx_int(n, "antialias", 0) != 0;
  return !ln_emit_failed(n->e);
}

/* An input that is there and has elements. */
static int32_t filled(ln_onnx_node *n, int32_t input) {
  const int32_t a = ln_onnx_in(n, input);
  return a >= 0 && ln_emit_dim(n->e, a, 0) == 0 ? -1 : a;
}

static bool read_inputs(ln_onnx_node *n, int32_t rank, resizing *r) {
  int32_t count;
  r->roi = n->version >= 11 ? filled(n, 1) : -1;
  r->scales = n->version >= 11 ? filled(n, 2) : ln_onnx_in(n, 1);
  r->sizes = n->version >= 11 ? filled(n, 3) : -1;
  const float *factors = ln_onnx_floats(n, "scales", &count);
  if (r->scales < 0 && factors != NULL) r->scales = ln_emit_const(n->e, LN_FLOAT32, 1, &count, factors);
  if (!ln_onnx_axes(n, "axes", -1, rank, r->axes, &r->count)) return false;
  if (r->count < 0) {
    for (r->count = 0; r->count < rank; ++r->count) r->axes[r->count] = r->count;
  }
  const int32_t list = r->sizes >= 0 ? r->sizes : r->scales;
  if (list < 0 && !ln_emit_failed(n->e)) ln_emit_wrong(n->e, "it has neither scales nor sizes");
  if (ln_onnx_length(n, list) != r->count && !ln_emit_failed(n->e))
    ln_emit_wrong(n->e, "its scales do not fit its axes");
  r->known = !ln_emit_failed(n->e) && r->sizes < 0 && ln_emit_floats(n->e, r->scales, r->factor, LN_MAX_RANK, &count);
  for (int32_t i = 0; r->known && i < r->count; ++i) {
    if (!(r->factor[i] > 0) && !ln_emit_failed(n->e)) ln_emit_wrong(n->e, "a scale of %g", r->factor[i]);
  }
  return !ln_emit_failed(n->e);
}

/* ---- an axis ---- */

static int32_t number(ln_emit *e, int32_t a) { return ln_emit_cast(e, a, LN_FLOAT32); }

static int32_t pick(ln_emit *e, int32_t list, int32_t index) { return ln_emit_pick(e, list, 0, index); }

/* The one scale that keeps the shape of the image, within or around the sizes; -1: each axis has its own. */
static int32_t common_scale(ln_onnx_node *n, int32_t a, const resizing *r) {
  const char *policy = ln_onnx_text(n, "keep_aspect_ratio_policy", "stretch");
  const bool larger = strcmp(policy, "not_smaller") == 0;
  if (r->sizes < 0 || strcmp(policy, "stretch") == 0) return -1;
  int32_t out = -1;
  for (int32_t i = 0; i < r->count; ++i) {
    const int32_t size = number(n->e, pick(n->e, r->sizes, i));
    const int32_t ratio = ln_emit_div(n->e, size, number(n->e, ln_emit_size_of(n->e, a, r->axes[i])));
    out = i == 0 ? ratio : ln_emit_binary(n->e, larger ? LN_OP_MAXIMUM : LN_OP_MINIMUM, out, ratio);
  }
  return out;
}

static axis_job job_of(ln_emit *e, int32_t a, const resizing *r, int32_t i, int32_t common) {
  axis_job job = {.axis = r->axes[i], .in = ln_emit_size_of(e, a, r->axes[i]), .from = -1, .to = -1};
  const int32_t in = number(e, job.in);
  if (r->sizes >= 0 && common < 0) {
    job.out = ln_emit_cast(e, pick(e, r->sizes, i), LN_INT32);
    job.scale = ln_emit_div(e, number(e, job.out), in);
    job.whole = number(e, job.out);
  } else {
    job.scale = common >= 0 ? common : pick(e, r->scales, i);
    job.whole = ln_emit_mul(e, in, job.scale);
    const int32_t rounded = common >= 0 ? ln_emit_add_number(e, job.whole, 0.5) : job.whole;
    job.out = ln_emit_cast(e, ln_emit_unary(e, LN_OP_FLOOR, rounded), LN_INT32);
  }
  if (r->where == CROP && r->roi >= 0) {
    job.from = number(e, pick(e, r->roi, i));
    job.to = number(e, pick(e, r->roi, i + r->count));
  }
  return job;
}

/* Where one element alone stands. */
static int32_t unless_one(ln_emit *e, const axis_job *job, int32_t many, int32_t one) {
  const int32_t is_many = ln_emit_compare(e, LN_OP_GREATER, job->out, ln_emit_i32(e, 1));
  return ln_emit_select(e, is_many, many, one);
}

/* (i + 0.5) / scale - 0.5 */
static int32_t half_pixel(ln_emit *e, const axis_job *job, int32_t i) {
  return ln_emit_add_number(e, ln_emit_div(e, ln_emit_add_number(e, i, 0.5), job->scale), -0.5);
}

static int32_t symmetric(ln_emit *e, const axis_job *job, int32_t i) {
  const int32_t adjustment = ln_emit_div(e, number(e, job->out), job->whole);
  const int32_t center = ln_emit_mul_number(e, number(e, job->in), 0.5);
  const int32_t offset = ln_emit_mul(e, center, ln_emit_sub(e, ln_emit_f32(e, 1), adjustment));
  return ln_emit_add(e, offset, half_pixel(e, job, i));
}

static int32_t corners(ln_emit *e, const axis_job *job, int32_t i) {
  const int32_t last = ln_emit_add_number(e, number(e, job->in), -1);
  const int32_t steps = ln_emit_add_number(e, job->whole, -1);
  return unless_one(e, job, ln_emit_div(e, ln_emit_mul(e, i, last), steps), ln_emit_f32(e, 0));
}

static int32_t cropped(ln_emit *e, const axis_job *job, int32_t i) {
  const int32_t last = ln_emit_add_number(e, number(e, job->in), -1);
  const int32_t steps = ln_emit_add_number(e, job->whole, -1);
  const int32_t stretch = ln_emit_div(e, ln_emit_mul(e, ln_emit_sub(e, job->to, job->from), last), steps);
  const int32_t many = ln_emit_add(e, ln_emit_mul(e, job->from, last), ln_emit_mul(e, i, stretch));
  const int32_t middle = ln_emit_mul_number(e, ln_emit_mul(e, ln_emit_add(e, job->from, job->to), last), 0.5);
  return unless_one(e, job, many, middle);
}

/* float32 [out]: where each element of the output lies among those of the input. */
static int32_t coordinates(ln_emit *e, const resizing *r, const axis_job *job) {
  const int32_t i = number(e, ln_emit_count_up(e, job->out));
  switch (r->where) {
    case HALF_PIXEL: return half_pixel(e, job, i);
    case PYTORCH_HALF_PIXEL: return unless_one(e, job, half_pixel(e, job, i), ln_emit_f32(e, 0));
    case HALF_PIXEL_SYMMETRIC: return symmetric(e, job, i);
    case ALIGN_CORNERS: return corners(e, job, i);
    case CROP: return job->from >= 0 ? cropped(e, job, i) : ln_emit_wrong(e, "a crop without roi");
    default: return ln_emit_div(e, i, job->scale);
  }
}

/* ---- nearest ---- */

static int32_t rounded(ln_emit *e, rounding how, int32_t x) {
  switch (how) {
    case PREFER_FLOOR: return ln_emit_unary(e, LN_OP_CEIL, ln_emit_add_number(e, x, -0.5));
    case PREFER_CEIL: return ln_emit_unary(e, LN_OP_FLOOR, ln_emit_add_number(e, x, 0.5));
    default: return ln_emit_unary(e, how == FLOOR ? LN_OP_FLOOR : LN_OP_CEIL, x);
  }
}

static int32_t within(ln_emit *e, int32_t at, int32_t size) {
  const int32_t low = ln_emit_binary(e, LN_OP_MAXIMUM, at, ln_emit_i32(e, 0));
  return ln_emit_binary(e, LN_OP_MINIMUM, low, ln_emit_add_number(e, size, -1));
}

static int32_t nearest(ln_emit *e, int32_t a, const resizing *r, const axis_job *job, int32_t x) {
  const int32_t at = within(e, ln_emit_cast(e, rounded(e, r->nearest, x), LN_INT32), job->in);
  return ln_emit_gather(e, a, at, job->axis, 0);
}

/* ---- products ---- */

/* Of a distance: 1 - |t|, not below 0. */
static int32_t tent(ln_emit *e, int32_t size) {
  return ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_sub(e, ln_emit_f32(e, 1), size), ln_emit_f32(e, 0));
}

/* Keys's kernel: (a + 2) t^3 - (a + 3) t^2 + 1 up to 1, a (t^3 - 5 t^2 + 8 t - 4) up to 2. */
static int32_t keys(ln_emit *e, int32_t t, double a) {
  const int32_t t2 = ln_emit_mul(e, t, t), t3 = ln_emit_mul(e, t2, t), zero = ln_emit_f32(e, 0);
  const int32_t inner =
      ln_emit_add_number(e, ln_emit_sub(e, ln_emit_mul_number(e, t3, a + 2), ln_emit_mul_number(e, t2, a + 3)), 1);
  const int32_t high = ln_emit_sub(e, ln_emit_mul_number(e, t3, a), ln_emit_mul_number(e, t2, 5 * a));
  const int32_t outer = ln_emit_add_number(e, ln_emit_add(e, high, ln_emit_mul_number(e, t, 8 * a)), -4 * a);
  const int32_t is_inner = ln_emit_compare(e, LN_OP_LESS_EQUAL, t, ln_emit_f32(e, 1));
  const int32_t is_outer = ln_emit_compare(e, LN_OP_LESS, t, ln_emit_f32(e, 2));
  return ln_emit_select(e, is_inner, inner, ln_emit_select(e, is_outer, outer, zero));
}

/* How far elements of the input reach that count, on either side: int32. */
static int32_t reach_of(ln_emit *e, const resizing *r, int32_t narrowing) {
  const double support = r->how == CUBIC ? 2 : 1;
  if (narrowing < 0) return ln_emit_i32(e, (int32_t)support + 1);
  const int32_t reach = ln_emit_div(e, ln_emit_f32(e, support), narrowing);
  return ln_emit_cast(e, ln_emit_add_number(e, ln_emit_unary(e, LN_OP_CEIL, reach), 1), LN_INT32);
}

/* float32 [out, places]: what each element of the output takes of each place. */
static int32_t matrix(ln_emit *e, const resizing *r, const axis_job *job, int32_t x, int32_t places,
                      int32_t narrowing) {
  const int32_t second = 1, first = 0;
  const int32_t line = number(e, places);
  const int32_t rows = ln_emit_expand(e, x, 1, &second), columns = ln_emit_expand(e, line, 1, &first);
  int32_t distance = ln_emit_unary(e, LN_OP_ABS, ln_emit_sub(e, columns, rows));
  if (narrowing >= 0) distance = ln_emit_mul(e, distance, narrowing);
  int32_t weights = r->how == CUBIC ? keys(e, distance, r->cubic) : tent(e, distance);
  if (r->exclude) {
    const int32_t inside =
        ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, places, ln_emit_i32(e, 0)),
                       ln_emit_compare(e, LN_OP_LESS, places, job->in));
    weights = ln_emit_mul(e, weights, ln_emit_expand(e, number(e, inside), 1, &first));
  }
  if (!r->exclude && narrowing < 0) return weights;
  return ln_emit_div(e, weights, ln_emit_reduce(e, LN_OP_SUM, weights, 1, &second, true));
}

static int32_t smooth(ln_emit *e, int32_t a, const resizing *r, const axis_job *job, int32_t x) {
  const int32_t last = ln_emit_rank(e, a) - 1;
  const int32_t narrowing = r->antialias ? ln_emit_binary(e, LN_OP_MINIMUM, job->scale, ln_emit_f32(e, 1)) : -1;
  const int32_t reach = reach_of(e, r, narrowing);
  const int32_t places =
      ln_emit_range(e, ln_emit_unary(e, LN_OP_NEG, reach), ln_emit_add(e, job->in, reach), ln_emit_i32(e, 1));
  const int32_t weights = matrix(e, r, job, x, places, narrowing);
  const int32_t wide = ln_emit_gather(e, a, within(e, places, job->in), job->axis, 0);
  const int32_t turned = ln_emit_matmul(e, ln_emit_swap(e, wide, job->axis, last), weights, false, true);
  return ln_emit_swap(e, turned, job->axis, last);
}

/* ---- crops ---- */

/* What lies outside of the input has a value of its own. */
static int32_t outside(ln_emit *e, int32_t a, const resizing *r, const axis_job *job, int32_t x) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t axes[LN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != job->axis) axes[count++] = i;
  }
  const int32_t low = ln_emit_compare(e, LN_OP_LESS, x, ln_emit_f32(e, 0));
  const int32_t high = ln_emit_compare(e, LN_OP_GREATER, x, ln_emit_add_number(e, number(e, job->in), -1));
  const int32_t is_out = ln_emit_expand(e, ln_emit_binary(e, LN_OP_LOGICAL_OR, low, high), count, axes);
  if (ln_emit_failed(e)) return -1;
  return ln_emit_select(e, is_out, ln_emit_scalar(e, ln_emit_type(e, a), r->beyond), a);
}

static int32_t by_axes(ln_onnx_node *n, int32_t a, const resizing *r) {
  ln_emit *e = n->e;
  const int32_t common = common_scale(n, a, r), source = a;
  for (int32_t i = 0; i < r->count && !ln_emit_failed(e); ++i) {
    if (r->known && r->factor[i] == 1 && r->where != CROP) continue;
    const axis_job job = job_of(e, source, r, i, common);
    int64_t in, out;
    if (r->where != CROP && r->sizes >= 0 && ln_emit_ints(e, job.in, &in, 1, NULL) &&
        ln_emit_ints(e, job.out, &out, 1, NULL) && in == out) {
      continue;
    }
    const int32_t x = coordinates(e, r, &job);
    a = r->how == NEAREST ? nearest(e, a, r, &job, x) : smooth(e, a, r, &job, x);
    if (r->where == CROP) a = outside(e, a, r, &job, x);
  }
  return a;
}

/* ---- TensorFlow Lite's own ---- */

/* Whether the operator of it computes the same, for whole factors and other exact ones. */
static bool has_operator(const resizing *r, bool enlarges, ln_emit_resizing *how) {
  static const ln_emit_resizing hows[PLACE_COUNT] = {[HALF_PIXEL] = LN_EMIT_HALF_PIXEL,
                                                     [PYTORCH_HALF_PIXEL] = LN_EMIT_HALF_PIXEL,
                                                     [ALIGN_CORNERS] = LN_EMIT_ALIGN_CORNERS,
                                                     [ASYMMETRIC] = LN_EMIT_ASYMMETRIC};
  if (r->where == CROP || r->where == HALF_PIXEL_SYMMETRIC || r->how == CUBIC || r->antialias) return false;
  *how = hows[r->where];
  if (r->how == LINEAR) return true;
  if (r->where == ASYMMETRIC) return r->nearest == FLOOR;
  if (r->where == ALIGN_CORNERS) return r->nearest == PREFER_CEIL;
  return r->nearest == PREFER_CEIL || (r->nearest == PREFER_FLOOR && enlarges);
}

/* The factor of dimension `axis`: 1 where none is said. False where it is not known, or the size is not all it says. */
static bool exact_size(ln_onnx_node *n, int32_t a, const resizing *r, int32_t axis, double *factor, int32_t *size) {
  int64_t sizes[LN_MAX_RANK];
  int32_t count;
  const int32_t in = ln_emit_dim(n->e, a, axis);
  *factor = 1;
  *size = in;
  for (int32_t i = 0; i < r->count; ++i) {
    if (r->axes[i] != axis) continue;
    if (r->sizes >= 0) {
      if (in < 1 || !ln_emit_ints(n->e, r->sizes, sizes, LN_MAX_RANK, &count) || sizes[i] < 1 || sizes[i] > INT32_MAX)
        return false;
      *size = (int32_t)sizes[i];
      *factor = (double)*size / in;
      return true;
    }
    if (!r->known) return false;
    *factor = r->factor[i];
    const double whole = in * *factor;
    *size = in < 0 ? -1 : (int32_t)(whole < 1e9 ? floor(whole) : 0);
    return in < 0 ? floor(*factor) == *factor : fabs(whole - *size) < 1e-6 && *size > 0;
  }
  return true;
}

static bool is_plain(ln_onnx_node *n) {
  return strcmp(ln_onnx_text(n, "keep_aspect_ratio_policy", "stretch"), "stretch") == 0;
}

static int32_t scaled_size(ln_emit *e, int32_t a, int32_t axis, int32_t size, double factor) {
  const ln_dim one = LN_DIM(1);
  if (size >= 0) return ln_emit_vector(e, 1, &size);
  return ln_emit_reshape(e, ln_emit_mul_number(e, ln_emit_size_of(e, a, axis), factor), 1, &one);
}

/* false: it must go another way. */
static bool by_operator(ln_onnx_node *n, int32_t a, const resizing *r, int32_t *out) {
  ln_emit *e = n->e;
  double factor[4];
  int32_t size[4];
  ln_emit_resizing how = LN_EMIT_HALF_PIXEL;
  if (ln_emit_rank(e, a) != 4 || !is_plain(n)) return false;
  for (int32_t i = 0; i < 4; ++i) {
    if (!exact_size(n, a, r, i, &factor[i], &size[i])) return false;
  }
  const bool enlarges =
      factor[2] >= 1 && factor[3] >= 1 && floor(factor[2]) == factor[2] && floor(factor[3]) == factor[3];
  if (factor[0] != 1 || factor[1] != 1 || !has_operator(r, enlarges, &how)) return false;
  if (r->where == PYTORCH_HALF_PIXEL && (size[2] == 1 || size[3] == 1)) return false;
  const int32_t parts[2] = {scaled_size(e, a, 2, size[2], factor[2]), scaled_size(e, a, 3, size[3], factor[3])};
  const int32_t wanted = ln_emit_concat(e, 0, 2, parts);
  *out = ln_emit_channels_first(e, ln_emit_resize(e, ln_emit_channels_last(e, a), wanted, r->how == LINEAR, how));
  return true;
}

void ln_onnx_resize(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  resizing r = {0};
  if (ln_emit_failed(e) || !read_modes(n, &r) || !read_inputs(n, rank, &r)) return;
  const ln_type type = ln_emit_type(e, a);
  const int32_t x = r.how == NEAREST ? a : ln_emit_cast(e, a, LN_FLOAT32);
  int32_t out = -1;
  if (!by_operator(n, x, &r, &out)) out = by_axes(n, x, &r);
  if (!ln_emit_failed(e)) ln_onnx_out(n, 0, ln_emit_cast(e, out, type));
}
