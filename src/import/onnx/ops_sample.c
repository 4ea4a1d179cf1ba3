/* GridSample, AffineGrid, RoiAlign, DeformConv. */
#include <string.h>

#include "import/onnx/onnx_lists.h"
#include "import/onnx/onnx_sample.h"
#include "import/onnx/onnx_window.h"

static int32_t real_of(ln_emit *e, int32_t a) { return ln_emit_cast(e, a, LN_FLOAT32); }

/* float32 [count]: 0, 1, 2 .. */
static int32_t numbers(ln_emit *e, int32_t count) { return real_of(e, ln_emit_count_up(e, count)); }

/* int32 [n, 1 ..]: where each image begins. */
static int32_t image_starts(ln_emit *e, int32_t a, const ln_onnx_image *image, int32_t ones) {
  ln_dim dims[LN_MAX_RANK] = {LN_DIM_OF(a, 0)};
  for (int32_t i = 0; i < ones; ++i) dims[i + 1] = LN_DIM(1);
  const int32_t all = ln_emit_count_up(e, ln_emit_size_of(e, a, 0));
  return ln_emit_reshape(e, ln_emit_mul(e, all, image->places), ones + 1, dims);
}

/* ---- GridSample ---- */

static bool read_between(ln_onnx_node *n, ln_onnx_between *how, ln_onnx_edge *edge) {
  const char *mode = ln_onnx_text(n, "mode", "linear"), *pads = ln_onnx_text(n, "padding_mode", "zeros");
  *how = strcmp(mode, "nearest") == 0                                 ? LN_ONNX_NEAREST
         : strcmp(mode, "cubic") == 0 || strcmp(mode, "bicubic") == 0 ? LN_ONNX_CUBIC
                                                                      : LN_ONNX_LINEAR;
  *edge = strcmp(pads, "border") == 0       ? LN_ONNX_EDGE_BORDER
          : strcmp(pads, "reflection") == 0 ? LN_ONNX_EDGE_REFLECT
                                            : LN_ONNX_EDGE_ZEROS;
  if (*how == LN_ONNX_LINEAR && strcmp(mode, "linear") != 0 && strcmp(mode, "bilinear") != 0) {
    ln_emit_wrong(n->e, "no mode is called %.80s", mode);
  }
  return !ln_emit_failed(n->e);
}

/* -1 to 1 as places of an image. */
static int32_t from_unit(ln_emit *e, int32_t x, int32_t size, bool corners) {
  const int32_t up = ln_emit_add_number(e, x, 1);
  if (corners) return ln_emit_mul_number(e, ln_emit_mul(e, up, ln_emit_add_number(e, size, -1)), 0.5);
  return ln_emit_mul_number(e, ln_emit_add_number(e, ln_emit_mul(e, up, size), -1), 0.5);
}

void ln_onnx_grid_sample(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), grid = real_of(e, ln_onnx_in(n, 1)), rank = ln_emit_rank(e, a);
  ln_onnx_between how;
  int32_t at[3];
  ln_onnx_image image = ln_onnx_open_image(e, a);
  if (!read_between(n, &how, &image.edge)) return;
  if (ln_emit_rank(e, grid) != rank || ln_emit_dim(e, grid, rank - 1) != rank - 2) {
    ln_emit_wrong(e, "its grid does not fit an image of %d dimensions", rank);
    return;
  }
  image.corners = ln_onnx_int(n, "align_corners", 0) != 0;
  for (int32_t i = 0; i < image.rank; ++i) { /* the last dimension comes first */
    at[i] = from_unit(e, ln_emit_pick(e, grid, -1, image.rank - 1 - i), image.real[i], image.corners);
  }
  const int32_t out = ln_onnx_sample(e, &image, at, image_starts(e, a, &image, image.rank), how);
  if (!ln_emit_failed(e)) ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_channels_first(e, out), ln_emit_type(e, a)));
}

/* ---- AffineGrid ---- */

/* Numbers of places along a dimension as float32 from -1 to 1. */
static int32_t to_unit(ln_emit *e, int32_t i, int32_t size, bool corners) {
  const int32_t count = real_of(e, size), twice = ln_emit_mul_number(e, real_of(e, i), 2);
  if (!corners) return ln_emit_add_number(e, ln_emit_div(e, ln_emit_add_number(e, twice, 1), count), -1);
  const int32_t steps = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_add_number(e, count, -1), ln_emit_f32(e, 1));
  return ln_emit_add_number(e, ln_emit_div(e, twice, steps), -1);
}

/* [places, rank + 1]: x, y .. and 1 of each place, all from one list of numbers, whose length the run may say. */
static int32_t unit_places(ln_emit *e, int32_t rank, const int32_t *sizes, bool corners) {
  int32_t parts[4], total = sizes[0];
  for (int32_t i = 1; i < rank; ++i) total = ln_emit_mul(e, total, sizes[i]);
  int32_t left = ln_emit_count_up(e, total);
  parts[rank] = real_of(e, ln_emit_compare(e, LN_OP_EQUAL, left, left));
  for (int32_t i = 0; i < rank; ++i) { /* x, the last dimension's, comes first */
    const int32_t size = sizes[rank - 1 - i];
    parts[i] = to_unit(e, ln_emit_binary(e, LN_OP_FLOOR_MOD, left, size), size, corners);
    left = ln_emit_binary(e, LN_OP_FLOOR_DIV, left, size);
  }
  return ln_emit_pack(e, 1, rank + 1, parts);
}

void ln_onnx_affine_grid(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t theta = ln_onnx_in(n, 0), size = ln_onnx_narrow(e, ln_onnx_in(n, 1));
  const int32_t rank = ln_onnx_length(n, size) - 2;
  ln_dim dims[5] = {LN_DIM_OF(theta, 0)};
  int32_t sizes[3];
  if (ln_emit_failed(e)) return;
  if ((rank != 2 && rank != 3) || ln_emit_rank(e, theta) != 3) {
    ln_emit_wrong(e, "its size has %d numbers", rank + 2);
    return;
  }
  for (int32_t i = 0; i < rank; ++i) {
    sizes[i] = ln_emit_pick(e, size, 0, i + 2);
    dims[i + 1] = LN_DIM_IS(sizes[i]);
  }
  dims[rank + 1] = LN_DIM(rank);
  const int32_t places = unit_places(e, rank, sizes, ln_onnx_int(n, "align_corners", 0) != 0);
  const int32_t out = ln_emit_matmul(e, places, real_of(e, theta), false, true);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_reshape(e, out, rank + 2, dims), ln_emit_type(e, theta)));
}

/* ---- RoiAlign ---- */

typedef struct roi_job {
  int32_t rois; /* float32 [rois, 4]: x, y, x, y */
  double scale, offset;
  bool at_least_one;
  int32_t ratio; /* samples of a bin, each way */
} roi_job;

/* float32 [rois, bins * ratio]: samples along one dimension of every region. */
static int32_t roi_samples(ln_emit *e, const roi_job *job, int32_t column, int32_t bins) {
  const int32_t edges[2] = {ln_emit_pick(e, job->rois, 1, column), ln_emit_pick(e, job->rois, 1, column + 2)};
  const int32_t second = 1, count = bins * job->ratio;
  const int32_t start = ln_emit_add_number(e, ln_emit_mul_number(e, edges[0], job->scale), -job->offset);
  const int32_t end = ln_emit_add_number(e, ln_emit_mul_number(e, edges[1], job->scale), -job->offset);
  int32_t size = ln_emit_sub(e, end, start);
  if (job->at_least_one) size = ln_emit_binary(e, LN_OP_MAXIMUM, size, ln_emit_f32(e, 1));
  const int32_t at = ln_emit_mul_number(e, ln_emit_add_number(e, numbers(e, ln_emit_i32(e, count)), 0.5), 1.0 / count);
  return ln_emit_add(e, ln_emit_expand(e, start, 1, &second), ln_emit_mul(e, ln_emit_expand(e, size, 1, &second), at));
}

/* Outside by more than one element there is nothing; nearer, the border holds. */
static int32_t is_near(ln_emit *e, int32_t x, int32_t size) {
  return ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, x, ln_emit_f32(e, -1)),
                        ln_emit_compare(e, LN_OP_LESS_EQUAL, x, size));
}

static bool read_roi(ln_onnx_node *n, roi_job *job) {
  const char *where =
      ln_onnx_text(n, "coordinate_transformation_mode", n->version < 16 ? "output_half_pixel" : "half_pixel");
  const bool half = strcmp(where, "half_pixel") == 0;
  *job = (roi_job){.rois = real_of(n->e, ln_onnx_in(n, 1)),
                   .scale = ln_onnx_float(n, "spatial_scale", 1),
                   .offset = half ? 0.5 : 0,
                   .at_least_one = !half,
                   .ratio = ln_onnx_int32(n, "sampling_ratio", 0)};
  if (ln_emit_failed(n->e)) return false;
  if (job->ratio < 1 || job->ratio > 64) {
    ln_emit_refuse(n->e, "sampling_ratio %d, where each region has samples of its own number; export it with 2",
                   job->ratio);
  } else if (ln_emit_rank(n->e, job->rois) != 2 || ln_emit_dim(n->e, job->rois, 1) != 4) {
    ln_emit_wrong(n->e, "its regions are no list of four numbers each");
  }
  return !ln_emit_failed(n->e);
}

void ln_onnx_roi_align(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), h = ln_onnx_int32(n, "output_height", 1), w = ln_onnx_int32(n, "output_width", 1);
  const bool largest = strcmp(ln_onnx_text(n, "mode", "avg"), "max") == 0;
  roi_job job;
  ln_onnx_image image = ln_onnx_open_image(e, a);
  image.edge = LN_ONNX_EDGE_BORDER;
  image.largest = largest;
  if (!read_roi(n, &job)) return;
  if (image.rank != 2 || h < 1 || w < 1 || h > 4096 || w > 4096) {
    ln_emit_wrong(e, "an output of %d by %d", h, w);
    return;
  }
  const int32_t ends[2] = {1, 2}, middle = 1, last = -1, bins[2] = {2, 4};
  const int32_t y = ln_emit_expand(e, roi_samples(e, &job, 1, h), 1, &last);
  const int32_t x = ln_emit_expand(e, roi_samples(e, &job, 0, w), 1, &middle);
  const int32_t batches = ln_emit_cast(e, ln_onnx_in(n, 2), LN_INT32);
  const int32_t base = ln_emit_expand(e, ln_emit_mul(e, batches, image.places), 2, ends);
  const int32_t values = ln_onnx_sample(e, &image, (const int32_t[]){y, x}, base, LN_ONNX_LINEAR);
  const int32_t there =
      ln_emit_binary(e, LN_OP_LOGICAL_AND, is_near(e, y, image.real[0]), is_near(e, x, image.real[1]));
  const int32_t kept = ln_emit_mul(e, values, ln_emit_expand(e, real_of(e, there), 1, &last));
  const ln_dim dims[6] = {LN_DIM_OF(job.rois, 0), LN_DIM(h),      LN_DIM(job.ratio), LN_DIM(w),
                          LN_DIM(job.ratio),      LN_DIM_OF(a, 1)};
  const int32_t out =
      ln_emit_reduce(e, largest ? LN_OP_REDUCE_MAX : LN_OP_MEAN, ln_emit_reshape(e, kept, 6, dims), 2, bins, false);
  if (!ln_emit_failed(e)) ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_channels_first(e, out), ln_emit_type(e, a)));
}

/* ---- DeformConv ---- */

typedef struct deform_job {
  ln_onnx_image image; /* of all channels */
  ln_window window;
  int32_t offset, mask; /* float32 [n, .., h, w]; mask -1 */
  int32_t base;
  int32_t parts; /* groups of channels with offsets of their own */
  int32_t channels;
} deform_job;

/* float32: where the tap's row or column would lie for each output, offsets added. */
static int32_t tap_at(ln_emit *e, const deform_job *job, int32_t dim, int32_t tap, int32_t plane) {
  const ln_window *w = &job->window;
  const ln_dim dims[3] = {LN_DIM(1), dim == 0 ? LN_DIM_REST : LN_DIM(1), dim == 0 ? LN_DIM(1) : LN_DIM_REST};
  const int32_t i = ln_emit_mul_number(e, numbers(e, ln_emit_size_of(e, job->offset, dim + 2)), w->stride[dim]);
  const double first = (double)tap * w->dilation[dim] - w->before[dim];
  const int32_t grid = ln_emit_reshape(e, ln_emit_add_number(e, i, first), 3, dims);
  return ln_emit_add(e, ln_emit_pick(e, job->offset, 1, plane), grid);
}

/* [n, h, w, channels of the part]: what one tap sees. */
static int32_t deformed(ln_emit *e, const deform_job *job, int32_t part, int32_t tap, int32_t taps) {
  const int32_t row = tap / job->window.size[1], column = tap % job->window.size[1], plane = part * taps + tap;
  const int32_t last = -1, width = job->channels / job->parts;
  const int32_t at[2] = {tap_at(e, job, 0, row, 2 * plane), tap_at(e, job, 1, column, 2 * plane + 1)};
  ln_onnx_image image = job->image;
  if (job->parts > 1) image.data = ln_emit_slice(e, image.data, 1, part * width, (part + 1) * width, 1);
  const int32_t out = ln_onnx_sample(e, &image, at, job->base, LN_ONNX_LINEAR);
  if (job->mask < 0) return out;
  return ln_emit_mul(e, out, ln_emit_expand(e, ln_emit_pick(e, job->mask, 1, plane), 1, &last));
}

static bool check_deform(ln_onnx_node *n, const deform_job *job, int32_t taps) {
  const int32_t planes = ln_emit_dim(n->e, job->offset, 1);
  if (ln_emit_failed(n->e)) return false;
  if (job->window.rank != 2 || job->window.padding != LN_EMIT_EXPLICIT || taps < 1 || taps > 256) {
    ln_emit_refuse(n->e, "only windows over two dimensions of at most 256 elements are possible");
  } else if (job->parts < 1 || job->channels < 1 || job->channels % job->parts != 0 ||
             ln_emit_rank(n->e, job->offset) != 4 || planes != 2 * (int64_t)job->parts * taps) {
    ln_emit_wrong(n->e, "its offsets do not fit %d channels in %d groups", job->channels, job->parts);
  }
  return !ln_emit_failed(n->e);
}

/* A sum over the window's elements, each of which is a convolution with the images that it sees. */
void ln_onnx_deform_conv(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), weights = real_of(e, ln_onnx_in(n, 1)), mask = ln_onnx_in(n, 4);
  const int32_t order[4] = {2, 3, 1, 0}, groups = ln_onnx_int32(n, "group", 1), bias = ln_onnx_in(n, 3);
  deform_job job = {.image = ln_onnx_open_image(e, a),
                    .offset = real_of(e, ln_onnx_in(n, 2)),
                    .mask = mask < 0 ? -1 : real_of(e, mask),
                    .parts = ln_onnx_int32(n, "offset_group", 1),
                    .channels = ln_emit_dim(e, a, 1)};
  if (ln_emit_failed(e) || !ln_onnx_read_window(n, a, weights, &job.window)) return;
  const int64_t taps = (int64_t)job.window.size[0] * (job.window.rank > 1 ? job.window.size[1] : 1);
  if (!check_deform(n, &job, taps > 256 ? 257 : (int32_t)taps)) return;
  job.base = image_starts(e, a, &job.image, 2);
  const ln_window point = {.rank = 2, .size = {1, 1}};
  const int32_t filter = ln_emit_transpose(e, weights, order);
  int32_t sum = -1, parts[64];
  if (job.parts > 64 || job.parts * taps > 1024) {
    ln_emit_refuse(e, "%d groups of offsets for windows of %d elements are too many", job.parts, (int32_t)taps);
    return;
  }
  for (int32_t tap = 0; tap < taps && !ln_emit_failed(e); ++tap) {
    const int32_t row = tap / job.window.size[1], column = tap % job.window.size[1];
    for (int32_t i = 0; i < job.parts; ++i) parts[i] = deformed(e, &job, i, tap, (int32_t)taps);
    const int32_t seen = ln_emit_concat(e, 3, job.parts, parts);
    const int32_t one = ln_emit_slice(e, ln_emit_slice(e, filter, 0, row, row + 1, 1), 1, column, column + 1, 1);
    const int32_t out = ln_emit_conv(e, seen, one, tap == 0 && bias >= 0 ? real_of(e, bias) : -1, groups, &point);
    sum = tap == 0 ? out : ln_emit_add(e, sum, out);
  }
  if (!ln_emit_failed(e)) ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_channels_first(e, sum), ln_emit_type(e, a)));
}
