/*
 * RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. Where each output row and column comes from is computed in prepare;
 * output rows are then made one by one: two input rows mixed into a line, columns of that line mixed into the output.
 */
#include <math.h>
#include <string.h>

#include "ops/rows.h"

enum { BAND_ELEMENTS = 16000 /* a task's least work, in output elements */ };

typedef struct row_source {
  int32_t low, high;
  float fraction;
  int32_t fraction10;
} row_source;

typedef struct resize_args {
  int32_t batches, in_h, in_w, out_h, out_w, channels;
  ln_type type;
  size_t bytes, in_row, out_row; /* of an element; elements of a row */
  int32_t rows_per_band, bands;
  row_source *rows;          /* [out_h] */
  ln_resize_column *columns; /* [out_w], bilinear */
  size_t *offsets;           /* [out_w] bytes into a row, nearest */
} resize_args;

typedef struct axis {
  int32_t in, out;
  bool align_corners, half_pixel_centers;
} axis;

ln_status ln_resize_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t size[2];
  int32_t count;
  if (in->rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [n, h, w, c]");
  const ln_status status = ln_node_ints(node, 1, size, 2, &count, err);
  if (status != LN_OK) return status;
  if (count != 2 || size[0] < 1 || size[1] < 1 || size[0] > INT32_MAX || size[1] > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the size must be two positive numbers");
  }
  const int32_t dims[4] = {in->dims[0], (int32_t)size[0], (int32_t)size[1], in->dims[3]};
  const ln_shape shape = ln_shape_make(4, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

/* ---- sources of rows and columns, in TFLite's arithmetic ---- */

static float scale_of_axis(const axis *a) {
  return a->align_corners && a->out > 1 ? (float)(a->in - 1) / (float)(a->out - 1) : (float)a->in / (float)a->out;
}

static int32_t at_most(int64_t value, int32_t limit) { return (int32_t)(value < limit ? value : limit); }

/* For floats and uint8. */
static row_source source_in_floats(const axis *a, int32_t index) {
  const float scale = scale_of_axis(a);
  const float at = a->half_pixel_centers ? ((float)index + 0.5f) * scale - 0.5f : (float)index * scale;
  const float below = floorf(at);
  const int32_t low = below > 0.0f ? at_most((int64_t)below, a->in - 1) : 0;
  return (row_source){low, at_most((int64_t)ceilf(at), a->in - 1), at - (float)low, 0};
}

/* For int8 and int16: positions in 1024ths of a pixel. */
static row_source source_in_integers(const axis *a, int32_t index) {
  const int64_t in = a->in, out = a->out;
  const int64_t scale =
      a->align_corners && out > 1 ? (1024 * (in - 1) + (out - 1) / 2) / (out - 1) : (1024 * in + out / 2) / out;
  const int64_t at = a->half_pixel_centers ? index * scale + scale / 2 - 512 : index * scale;
  const int64_t below = at / 1024;
  const int32_t low = below > 0 ? at_most(below, a->in - 1) : 0;
  const int32_t high = at_most((at + 1023) / 1024, a->in - 1);
  return (row_source){low, high, 0.0f, (int32_t)(at - 1024 * (int64_t)low)};
}

static int32_t nearest_source(const axis *a, int32_t index) {
  const float at = ((float)index + (a->half_pixel_centers ? 0.5f : 0.0f)) * scale_of_axis(a);
  const float rounded = a->align_corners ? roundf(at) : floorf(at);
  const int32_t source = at_most((int64_t)rounded, a->in - 1);
  return source < 0 ? 0 : source;
}

static row_source source_of(const axis *a, int32_t index, bool nearest, ln_type type) {
  if (nearest) return (row_source){nearest_source(a, index), 0, 0.0f, 0};
  return type == LN_INT8 || type == LN_INT16 ? source_in_integers(a, index) : source_in_floats(a, index);
}

static bool fill_sources(const ln_node *node, ln_arena *arena, resize_args *a) {
  const bool nearest = node->op->def->variant == LN_RESIZE_NEAREST;
  axis h = {a->in_h, a->out_h, false, false};
  if (nearest) {
    h.align_corners = LN_OPTIONS(node, resize_nearest_neighbor_options)->align_corners;
    h.half_pixel_centers = LN_OPTIONS(node, resize_nearest_neighbor_options)->half_pixel_centers;
  } else {
    h.align_corners = LN_OPTIONS(node, resize_bilinear_options)->align_corners;
    h.half_pixel_centers = LN_OPTIONS(node, resize_bilinear_options)->half_pixel_centers;
  }
  const axis w = {a->in_w, a->out_w, h.align_corners, h.half_pixel_centers};
  a->rows = ln_arena_array(arena, (size_t)a->out_h, sizeof *a->rows);
  if (nearest) a->offsets = ln_arena_array(arena, (size_t)a->out_w, sizeof *a->offsets);
  else a->columns = ln_arena_array(arena, (size_t)a->out_w, sizeof *a->columns);
  if (a->rows == NULL || (nearest ? (void *)a->offsets : (void *)a->columns) == NULL) return false;
  for (int32_t y = 0; y < a->out_h; ++y) a->rows[y] = source_of(&h, y, nearest, a->type);
  for (int32_t x = 0; x < a->out_w; ++x) {
    const row_source s = source_of(&w, x, nearest, a->type);
    if (nearest) a->offsets[x] = (size_t)s.low * (size_t)a->channels * a->bytes;
    else a->columns[x] = (ln_resize_column){s.low * a->channels, s.high * a->channels, s.fraction, s.fraction10};
  }
  return true;
}

ln_status ln_resize_prepare(ln_node *node, ln_prep *prep) {
  resize_args *a = LN_NODE_ARGS(node, prep, resize_args);
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  *a = (resize_args){.batches = in->dims[0],
                     .in_h = in->dims[1],
                     .in_w = in->dims[2],
                     .out_h = out->dims[1],
                     .out_w = out->dims[2],
                     .channels = in->dims[3],
                     .type = node->in[0]->type};
  a->bytes = (size_t)ln_type_bits(a->type) / 8;
  a->in_row = ln_shape_span(in, 2, 4);
  a->out_row = ln_shape_span(out, 2, 4);
  if (ln_shape_span(out, 0, 4) == 0) return LN_OK;
  if (a->in_h < 1 || a->in_w < 1 || (int64_t)a->batches * a->out_h > INT32_MAX || a->in_row > INT32_MAX) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "nothing of %dx%d pixels can be resized", a->in_h, a->in_w);
  }
  if (!fill_sources(node, prep->arena, a)) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const int64_t rows = (int64_t)a->batches * a->out_h;
  a->rows_per_band = (int32_t)(BAND_ELEMENTS / (int64_t)(a->out_row + 1) + 1);
  a->bands = (int32_t)((rows + a->rows_per_band - 1) / a->rows_per_band);
  if (a->columns == NULL || a->type == LN_INT16) return LN_OK;
  /* One line of mixed rows; uint8 keeps two. */
  return ln_size_mul(a->in_row, 2 * sizeof(float), &node->thread_scratch_bytes)
             ? LN_OK
             : ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the input is too large");
}

typedef struct band_context {
  const resize_args *a;
  const ln_exec *exec;
  const char *in;
  char *out;
} band_context;

static void bilinear_row(const resize_args *a, const char *image, int32_t y, void *line, char *out) {
  const row_source *source = &a->rows[y];
  const char *low = image + (size_t)source->low * a->in_row * a->bytes;
  const char *high = image + (size_t)source->high * a->in_row * a->bytes;
  const ln_type type = a->type;
  if (LN_HAS(LN_FLOAT32) && type == LN_FLOAT32) {
    LN_KERNEL_OF(resize, mix_f32)(a->in_row, (const float *)low, (const float *)high, source->fraction, line);
    LN_KERNEL_OF(resize, columns_f32)(line, a->columns, a->out_w, a->channels, (float *)out);
  } else if (LN_HAS(LN_INT8) && type == LN_INT8) {
    LN_KERNEL_OF(resize, mix_i8)(a->in_row, (const int8_t *)low, (const int8_t *)high, source->fraction10, line);
    LN_KERNEL_OF(resize, columns_i8)(line, a->columns, a->out_w, a->channels, (int8_t *)out);
  } else if (LN_HAS(LN_UINT8) && type == LN_UINT8) {
    float *lower = (float *)line + a->in_row;
    LN_KERNEL_OF(resize, mix_u8)
    (a->in_row, (const uint8_t *)low, (const uint8_t *)high, source->fraction, line, lower);
    LN_KERNEL_OF(resize, columns_u8)(line, lower, a->columns, a->out_w, a->channels, (uint8_t *)out);
  } else if (LN_HAS(LN_INT16)) {
    ln_k_resize_row_i16((const int16_t *)low, (const int16_t *)high, source->fraction10, a->columns, a->out_w,
                        a->channels, (int16_t *)out);
  }
}

static void run_band(void *context, int32_t task, int32_t worker) {
  const band_context *b = context;
  const resize_args *a = b->a;
  const int64_t rows = (int64_t)a->batches * a->out_h;
  const int64_t from = (int64_t)task * a->rows_per_band;
  const int64_t to = from + a->rows_per_band < rows ? from + a->rows_per_band : rows;
  const size_t out_bytes = a->out_row * a->bytes;
  for (int64_t index = from; index < to; ++index) {
    const int32_t y = (int32_t)(index % a->out_h);
    const char *image = b->in + (size_t)(index / a->out_h) * (size_t)a->in_h * a->in_row * a->bytes;
    char *out = b->out + (size_t)index * out_bytes;
    if (a->offsets == NULL) {
      bilinear_row(a, image, y, ln_exec_thread_scratch(b->exec, worker), out);
    } else if (index > from && y > 0 && a->rows[y].low == a->rows[y - 1].low) {
      memcpy(out, out - out_bytes, out_bytes);
    } else {
      const char *line = image + (size_t)a->rows[y].low * a->in_row * a->bytes;
      ln_k_resize_nearest_row(line, a->offsets, a->out_w, (size_t)a->channels * a->bytes, out);
    }
  }
}

ln_status ln_resize_run(const ln_node *node, ln_exec *exec) {
  const resize_args *a = node->args;
  band_context b = {a, exec, node->in[0]->data, node->out[0]->data};
  ln_pool_run(exec->pool, a->bands, run_band, &b);
  return LN_OK;
}
