/*
 * MediaPipe's custom operators: pooling that remembers where each maximum stood and its way back (options: a raw struct
 * of six 32-bit integers), and what its attention models do with landmarks (options: FlexBuffers): the matrix that maps
 * a crop around them into the picture, the crop itself, and landmarks of the crop mapped into the picture.
 */
#include "kernels/mediapipe.h"

#include <math.h>
#include <string.h>

#include "ops/custom_options.h"
#include "ops/rows.h"
#include "ops/window.h"

enum { TASK_ELEMENTS = 20000 /* a task's least work, in output elements */ };

/* ---- MaxPoolingWithArgmax2D, MaxUnpooling2D ---- */

typedef struct pool_options {
  int32_t padding, stride_w, stride_h, filter_w, filter_h, activation;
} pool_options;

typedef struct argmax_args {
  ln_argmax_window window;
  float low, high;
  int32_t rows, rows_a_task; /* rows: of the output, all pictures */
  int32_t out_h;
  size_t image, row; /* elements */
} argmax_args;

static ln_status read_pool_options(const ln_node *node, ln_error *err, pool_options *out) {
  if (node->op->custom_options_size < sizeof *out) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "options of %zu bytes, must be at least %zu",
                        node->op->custom_options_size, sizeof *out);
  }
  memcpy(out, node->op->custom_options, sizeof *out);
  if (out->padding != 1 && out->padding != 2) { /* TfLitePadding's numbers: SAME and VALID */
    return ln_node_fail(node, err, LN_ERR_MODEL, "padding %d is neither 1 nor 2", out->padding);
  }
  out->padding = out->padding == 1 ? LN_PADDING_SAME : LN_PADDING_VALID;
  if (node->in[0]->shape.rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [n, h, w, c]");
  return LN_OK;
}

static ln_status no_fit(const ln_node *node, ln_error *err, const pool_options *o) {
  return ln_node_fail(node, err, LN_ERR_SHAPE, "a %dx%d window with strides %dx%d does not fit the input", o->filter_h,
                      o->filter_w, o->stride_h, o->stride_w);
}

static ln_status pool_windows(const ln_node *node, ln_error *err, pool_options *o, ln_window *h, ln_window *w) {
  LN_TRY(read_pool_options(node, err, o));
  const int32_t *dims = node->in[0]->shape.dims;
  *h = (ln_window){dims[1], o->filter_h, o->stride_h, 1, 0, 0, 0};
  *w = (ln_window){dims[2], o->filter_w, o->stride_w, 1, 0, 0, 0};
  const bool fits = ln_window_resolve(h, o->padding, false) && ln_window_resolve(w, o->padding, false) &&
                    (int64_t)o->filter_h * o->filter_w <= LN_WINDOW_MOST && (int64_t)dims[0] * h->out <= INT32_MAX;
  return fits ? LN_OK : no_fit(node, err, o);
}

ln_status ln_max_pool_argmax_infer(ln_node *node, ln_error *err) {
  pool_options options;
  ln_window h, w;
  LN_TRY(pool_windows(node, err, &options, &h, &w));
  ln_shape shape = node->in[0]->shape;
  shape.dims[1] = h.out;
  shape.dims[2] = w.out;
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

ln_status ln_max_pool_argmax_prepare(ln_node *node, ln_prep *prep) {
  pool_options o;
  ln_window h, w;
  argmax_args *args = LN_NODE_ARGS(node, prep, argmax_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(pool_windows(node, prep->err, &o, &h, &w));
  LN_TRY(ln_node_float_range(node, o.activation, prep->err, &args->low, &args->high));
  const ln_shape *in = &node->in[0]->shape;
  args->window =
      (ln_argmax_window){h.in, w.in, in->dims[3], w.out, h.kernel, w.kernel, h.stride, w.stride, h.before, w.before};
  args->out_h = h.out;
  args->rows = in->dims[0] * h.out;
  args->image = ln_shape_span(in, 1, 4);
  args->row = ln_shape_span(&node->out[0]->shape, 2, 4);
  args->rows_a_task = args->row < TASK_ELEMENTS ? (int32_t)(TASK_ELEMENTS / (args->row + 1)) + 1 : 1;
  return LN_OK;
}

static int32_t task_count(int32_t rows, int32_t rows_a_task) {
  return (int32_t)(((int64_t)rows + rows_a_task - 1) / rows_a_task);
}

static void run_argmax_rows(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const ln_node *node = context;
  const argmax_args *args = node->args;
  const int64_t from = (int64_t)task * args->rows_a_task, to = from + args->rows_a_task;
  for (int64_t row = from; row < to && row < args->rows; ++row) {
    const size_t at = (size_t)row * args->row;
    ln_k_max_pool_argmax_row(&args->window,
                             (const float *)node->in[0]->data + (size_t)(row / args->out_h) * args->image,
                             (int32_t)(row % args->out_h), args->low, args->high, (float *)node->out[0]->data + at,
                             (float *)node->out[1]->data + at);
  }
}

ln_status ln_max_pool_argmax_run(const ln_node *node, ln_exec *exec) {
  const argmax_args *args = node->args;
  ln_pool_run(exec->pool, task_count(args->rows, args->rows_a_task), run_argmax_rows, (void *)(uintptr_t)node);
  return LN_OK;
}

/* The output is as many times larger as the window, whatever the strides. */
ln_status ln_max_unpool_infer(ln_node *node, ln_error *err) {
  pool_options o;
  LN_TRY(read_pool_options(node, err, &o));
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[1]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "values and places must have the same shape");
  }
  ln_shape shape = node->in[0]->shape;
  const int64_t height = (int64_t)shape.dims[1] * o.filter_h, width = (int64_t)shape.dims[2] * o.filter_w;
  if (o.filter_h < 1 || o.filter_w < 1 || o.stride_h < 1 || o.stride_w < 1 || height > LN_WINDOW_MOST ||
      width > LN_WINDOW_MOST || (int64_t)o.filter_h * o.filter_w > LN_WINDOW_MOST) {
    return no_fit(node, err, &o);
  }
  shape.dims[1] = (int32_t)height;
  shape.dims[2] = (int32_t)width;
  return ln_node_set_shape(node, 0, &shape, err);
}

static int32_t padding_before(int32_t in, int32_t kernel, int32_t stride, int32_t out) {
  const int64_t padding = ((int64_t)out - 1) * stride + kernel - in;
  return padding > 0 && padding / 2 <= INT32_MAX ? (int32_t)(padding / 2) : 0;
}

ln_status ln_max_unpool_run(const ln_node *node, ln_exec *exec) {
  pool_options o;
  LN_TRY(read_pool_options(node, exec->err, &o));
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  const ln_argmax_window window = {out->dims[1],
                                   out->dims[2],
                                   out->dims[3],
                                   in->dims[2],
                                   o.filter_h,
                                   o.filter_w,
                                   o.stride_h,
                                   o.stride_w,
                                   padding_before(out->dims[1], o.filter_h, o.stride_h, in->dims[1]),
                                   padding_before(out->dims[2], o.filter_w, o.stride_w, in->dims[2])};
  const size_t from = ln_shape_span(in, 1, 4), to = ln_shape_span(out, 1, 4);
  for (size_t i = 0; i < (size_t)in->dims[0]; ++i) {
    ln_k_max_unpool(&window, (const float *)node->in[0]->data + i * from, (const float *)node->in[1]->data + i * from,
                    in->dims[1], in->dims[2], (float *)node->out[0]->data + i * to);
  }
  return LN_OK;
}

/* ---- TransformTensorBilinear (version 1 is also called TransformTensor): a picture through a 4x4 matrix ---- */

static bool second_version(const ln_node *node) { return node->op->version >= 2; }

static ln_status need_matrix(const ln_node *node, ln_error *err) {
  const ln_shape *shape = &node->in[1]->shape;
  if (ln_shape_span(shape, 0, shape->rank) == 16) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the matrix must hold 16 values");
}

/* The upper rows' parts for x, y and 1; the third coordinate is always 0. */
static ln_affine read_matrix(const ln_node *node, float scale) {
  const float *m = node->in[1]->data;
  return (ln_affine){{m[0], m[1], m[3] * scale}, {m[4], m[5], m[7] * scale}};
}

ln_status ln_transform_tensor_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  int64_t size[2];
  int32_t count = 2;
  LN_TRY(need_matrix(node, err));
  if (shape.rank != 4 || shape.dims[0] != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [1, h, w, c]");
  }
  if (second_version(node)) {
    LN_TRY(ln_custom_int(node, err, "output_height", 1, LN_WINDOW_MOST, &size[0]));
    LN_TRY(ln_custom_int(node, err, "output_width", 1, LN_WINDOW_MOST, &size[1]));
  } else if (!ln_flex_ints(ln_custom_flex(node), "output_size", size, 2, &count) || count != 2 || size[0] < 1 ||
             size[1] < 1 || size[0] > LN_WINDOW_MOST || size[1] > LN_WINDOW_MOST) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option output_size is missing or not a height and a width");
  }
  shape.dims[1] = (int32_t)size[0];
  shape.dims[2] = (int32_t)size[1];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_transform_tensor_prepare(ln_node *node, ln_prep *prep) {
  const char *mode;
  size_t length;
  if (ln_flex_string(ln_custom_flex(node), "mode", &mode, &length) &&
      (length != 8 || memcmp(mode, "bilinear", 8) != 0)) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "interpolation is not bilinear");
  }
  return LN_OK;
}

typedef struct warp_context {
  const ln_node *node;
  ln_affine matrix;
  int32_t rows_a_task;
} warp_context;

static void run_warp_rows(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const warp_context *warp = context;
  const ln_tensor *in = warp->node->in[0], *out = warp->node->out[0];
  const int64_t from = (int64_t)task * warp->rows_a_task, to = from + warp->rows_a_task;
  const size_t row = ln_shape_span(&out->shape, 2, 4);
  for (int64_t y = from; y < to && y < out->shape.dims[1]; ++y) {
    ln_k_warp_bilinear_row(in->data, in->shape.dims[1], in->shape.dims[2], in->shape.dims[3], &warp->matrix, (int32_t)y,
                           out->shape.dims[2], (float *)out->data + (size_t)y * row);
  }
}

ln_status ln_transform_tensor_run(const ln_node *node, ln_exec *exec) {
  const size_t row = ln_shape_span(&node->out[0]->shape, 2, 4);
  warp_context warp = {node, read_matrix(node, 1.0f),
                       row < TASK_ELEMENTS ? (int32_t)(TASK_ELEMENTS / (row + 1)) + 1 : 1};
  if (second_version(node)) { /* coordinates are those of pixels' centres */
    ln_affine *m = &warp.matrix;
    m->x[2] += m->x[0] * 0.5f + m->x[1] * 0.5f - 0.5f;
    m->y[2] += m->y[0] * 0.5f + m->y[1] * 0.5f - 0.5f;
  }
  ln_pool_run(exec->pool, task_count(node->out[0]->shape.dims[1], warp.rows_a_task), run_warp_rows, &warp);
  return LN_OK;
}

/* ---- TransformLandmarks: points of two or three coordinates through a 4x4 matrix ---- */

static ln_status point_dims(const ln_node *node, ln_error *err, int64_t *dims) {
  const ln_shape *shape = &node->in[0]->shape;
  const int32_t last = shape->rank < 1 ? 0 : shape->dims[shape->rank - 1];
  *dims = last;
  if (!second_version(node)) {
    *dims = 3;
    ln_flex_int(ln_custom_flex(node), "dimensions", dims);
  }
  if ((*dims == 2 || *dims == 3) && last % *dims == 0) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "rows of %d values are no points of 2 or 3 coordinates", last);
}

ln_status ln_transform_landmarks_infer(ln_node *node, ln_error *err) {
  int64_t dims;
  LN_TRY(need_matrix(node, err));
  LN_TRY(point_dims(node, err, &dims));
  return ln_infer_same(node, err);
}

ln_status ln_transform_landmarks_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->in[0]->shape;
  int64_t dims;
  double scale = 1.0;
  LN_TRY(point_dims(node, exec->err, &dims));
  if (!second_version(node)) ln_flex_float(ln_custom_flex(node), "scale", &scale);
  const ln_affine matrix = read_matrix(node, (float)scale);
  const size_t count = ln_shape_span(shape, 0, shape->rank) / (size_t)dims;
  if (count > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "more than 2^31 points");
  ln_k_transform_points(node->in[0]->data, (int32_t)count, (int32_t)dims, &matrix, node->out[0]->data);
  return LN_OK;
}

/* ---- Landmarks2TransformMatrix: from pixels of a turned crop around some landmarks to those of the picture ---- */

typedef struct crop_args {
  int64_t *subset; /* [subset_count] landmarks that the crop holds */
  int32_t subset_count;
  int64_t left, right; /* landmarks that give the direction */
  int64_t out_h, out_w;
  int64_t in_h, in_w, range; /* version 1 */
  float scale_x, scale_y;    /* of the crop beyond the landmarks */
  float target;              /* direction of the crop, radians; version 2 */
} crop_args;

/* An affine map of the plane: rows (a, b, c) of x' = ax + by + c. */
typedef struct plane_map {
  double x[3], y[3];
} plane_map;

static plane_map map_product(plane_map a, plane_map b) {
  plane_map out;
  for (int32_t i = 0; i < 3; ++i) {
    out.x[i] = a.x[0] * b.x[i] + a.x[1] * b.y[i] + (i == 2 ? a.x[2] : 0.0);
    out.y[i] = a.y[0] * b.x[i] + a.y[1] * b.y[i] + (i == 2 ? a.y[2] : 0.0);
  }
  return out;
}

static plane_map map_turn(double angle, double shift_x, double shift_y) {
  return (plane_map){{cos(angle), -sin(angle), shift_x}, {sin(angle), cos(angle), shift_y}};
}

static plane_map map_stretch(double x, double y, double shift_x, double shift_y) {
  return (plane_map){{x, 0.0, shift_x}, {0.0, y, shift_y}};
}

ln_status ln_landmarks_matrix_infer(ln_node *node, ln_error *err) {
  const int32_t dims[3] = {1, 4, 4};
  const ln_shape shape = ln_shape_make(3, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

static ln_status read_subset(ln_node *node, ln_prep *prep, const char *key, int64_t landmarks) {
  crop_args *args = node->args;
  const ln_flex flex = ln_custom_flex(node);
  if (!ln_flex_ints(flex, key, NULL, 0, &args->subset_count) || args->subset_count < 1) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the option %s is missing or no list of landmarks", key);
  }
  args->subset = ln_arena_array(prep->arena, (size_t)args->subset_count, sizeof(int64_t));
  if (args->subset == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_flex_ints(flex, key, args->subset, args->subset_count, &args->subset_count);
  for (int32_t i = 0; i < args->subset_count; ++i) {
    if (args->subset[i] >= 0 && args->subset[i] < landmarks) continue;
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "landmark %lld of %lld", (long long)args->subset[i],
                        (long long)landmarks);
  }
  return LN_OK;
}

static ln_status read_size(const ln_node *node, ln_error *err, const char *key, int64_t *height, int64_t *width) {
  int64_t size[2];
  int32_t count;
  if (!ln_flex_ints(ln_custom_flex(node), key, size, 2, &count) || count != 2 || size[0] < 1 || size[1] < 1) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or not a height and a width", key);
  }
  *height = size[0];
  *width = size[1];
  return LN_OK;
}

ln_status ln_landmarks_matrix_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *shape = &node->in[0]->shape;
  const int64_t landmarks = (int64_t)(ln_shape_span(shape, 0, shape->rank) / 3);
  ln_error *err = prep->err;
  crop_args *args = LN_NODE_ARGS(node, prep, crop_args);
  if (args == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_custom_int(node, err, "left_rotation_idx", 0, landmarks - 1, &args->left));
  LN_TRY(ln_custom_int(node, err, "right_rotation_idx", 0, landmarks - 1, &args->right));
  LN_TRY(read_subset(node, prep, second_version(node) ? "subset_idxs" : "subset", landmarks));
  if (second_version(node)) {
    LN_TRY(ln_custom_int(node, err, "output_height", 1, INT32_MAX, &args->out_h));
    LN_TRY(ln_custom_int(node, err, "output_width", 1, INT32_MAX, &args->out_w));
    LN_TRY(ln_custom_float(node, err, "scale_x", &args->scale_x));
    LN_TRY(ln_custom_float(node, err, "scale_y", &args->scale_y));
    return ln_custom_float(node, err, "target_rotation_radians", &args->target);
  }
  int64_t dims;
  LN_TRY(ln_custom_int(node, err, "dimensions", 3, 3, &dims));
  LN_TRY(ln_custom_int(node, err, "landmarks_range", 1, INT32_MAX, &args->range));
  LN_TRY(ln_custom_float(node, err, "bbox_size_multiplier", &args->scale_x));
  LN_TRY(read_size(node, err, "input_hw", &args->in_h, &args->in_w));
  LN_TRY(read_size(node, err, "output_hw", &args->out_h, &args->out_w));
  if (args->out_h > 1 && args->out_w > 1) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "a crop of one row or column has no corners");
}

typedef struct box {
  double left, right, top, bottom;
} box;

/* What the crop's landmarks span when the plane is turned by `angle`. */
static box turned_box(const crop_args *args, const float *landmarks, double angle) {
  box out = {INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (int32_t i = 0; i < args->subset_count; ++i) {
    const float *at = landmarks + 3 * args->subset[i];
    const double x = at[0] * cos(angle) - at[1] * sin(angle), y = at[0] * sin(angle) + at[1] * cos(angle);
    out = (box){fmin(out.left, x), fmax(out.right, x), fmin(out.top, y), fmax(out.bottom, y)};
  }
  return out;
}

/* Version 1: landmarks are in [0, range]; the maps in between work in [-1, 1], corner to corner. */
static plane_map crop_by_corners(const crop_args *args, const float *landmarks) {
  const float *left = landmarks + 3 * args->left, *right = landmarks + 3 * args->right;
  const double angle = -atan(((double)right[1] - left[1]) / ((double)right[0] - left[0]));
  const box around = turned_box(args, landmarks, angle);
  const double x = (around.right + around.left) / 2, y = (around.bottom + around.top) / 2;
  const double middle_x = x * cos(angle) + y * sin(angle), middle_y = y * cos(angle) - x * sin(angle);
  const double range = (double)args->range, half_w = ((double)args->in_w - 1) / 2,
               half_h = ((double)args->in_h - 1) / 2;
  const plane_map to_picture = map_stretch(half_w, half_h, half_w, half_h);
  const plane_map turn = map_turn(-angle, middle_x / range * 2 - 1, middle_y / range * 2 - 1);
  const plane_map stretch = map_stretch((around.right - around.left) * args->scale_x / range,
                                        (around.bottom - around.top) * args->scale_x / range, 0, 0);
  const plane_map from_crop = map_stretch(2 / ((double)args->out_w - 1), 2 / ((double)args->out_h - 1), -1, -1);
  return map_product(to_picture, map_product(turn, map_product(stretch, from_crop)));
}

/* Version 2: landmarks are in the picture's own coordinates. */
static plane_map crop_by_centre(const crop_args *args, const float *landmarks) {
  const float *left = landmarks + 3 * args->left, *right = landmarks + 3 * args->right;
  const double angle = args->target - atan2((double)right[1] - left[1], (double)right[0] - left[0]);
  const box around = turned_box(args, landmarks, angle);
  const double x = (around.right + around.left) / 2, y = (around.bottom + around.top) / 2;
  const plane_map turn = map_turn(-angle, x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle));
  const plane_map stretch = map_stretch(args->scale_x * (around.right - around.left) / (double)args->out_w,
                                        args->scale_y * (around.bottom - around.top) / (double)args->out_h, 0, 0);
  const plane_map centre = map_stretch(1, 1, -(double)args->out_w / 2, -(double)args->out_h / 2);
  return map_product(turn, map_product(stretch, centre));
}

ln_status ln_landmarks_matrix_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const plane_map map = second_version(node) ? crop_by_centre(node->args, node->in[0]->data)
                                             : crop_by_corners(node->args, node->in[0]->data);
  const float rows[16] = {(float)map.x[0],
                          (float)map.x[1],
                          0,
                          (float)map.x[2],
                          (float)map.y[0],
                          (float)map.y[1],
                          0,
                          (float)map.y[2],
                          0,
                          0,
                          1,
                          0,
                          0,
                          0,
                          0,
                          1};
  memcpy(node->out[0]->data, rows, sizeof rows);
  return LN_OK;
}
