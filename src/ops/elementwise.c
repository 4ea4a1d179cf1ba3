/* Loop nests of broadcast shapes, ranges split over threads, and checked scales. */
#include "ops/elementwise.h"

#include <math.h>

/* Elements that `input` moves along dimension `axis` of `out`; 0 where it is broadcast. */
static size_t input_step(const ln_shape *out, const ln_shape *input, int32_t axis) {
  const int32_t own = axis - (out->rank - input->rank);
  if (own < 0 || input->dims[own] == 1) return 0;
  return ln_shape_span(input, own + 1, input->rank);
}

/* Whether all inputs go on from a step along the last dimension so far just as `steps` of the next inner one do. */
static bool can_merge(const ln_nest *nest, const size_t *steps, size_t dim) {
  for (int32_t i = 0; i < nest->inputs; ++i) {
    if (nest->steps[i][nest->rank - 1] != steps[i] * dim) return false;
  }
  return true;
}

void ln_nest_make(ln_nest *nest, const ln_shape *out, const ln_shape *const *inputs, int32_t count) {
  nest->rank = 0;
  nest->inputs = count;
  nest->elements = ln_shape_span(out, 0, out->rank);
  for (int32_t axis = 0; axis < out->rank; ++axis) {
    size_t steps[LN_NEST_INPUTS];
    const size_t dim = (size_t)out->dims[axis];
    if (dim == 1) continue;
    for (int32_t i = 0; i < count; ++i) steps[i] = input_step(out, inputs[i], axis);
    if (nest->rank > 0 && can_merge(nest, steps, dim)) {
      nest->dims[nest->rank - 1] *= dim;
    } else {
      nest->dims[nest->rank++] = dim;
    }
    for (int32_t i = 0; i < count; ++i) nest->steps[i][nest->rank - 1] = steps[i];
  }
  if (nest->rank == 0) {
    nest->rank = 1;
    nest->dims[0] = 1;
    for (int32_t i = 0; i < count; ++i) nest->steps[i][0] = 0;
  }
}

typedef struct nest_context {
  const ln_nest *nest;
  ln_block_task task;
  const void *context;
  size_t rows, rows_per_task; /* rows: all dimensions but the innermost */
  size_t chunks, chunk;       /* pieces a row is cut into, and their columns */
} nest_context;

/* Where row `row` begins in each input; *left is how many rows follow it with one step, itself included. */
static void locate_row(const ln_nest *nest, size_t row, size_t *offsets, size_t *left) {
  for (int32_t i = 0; i < nest->inputs; ++i) offsets[i] = 0;
  *left = 1;
  for (int32_t axis = nest->rank - 2; axis >= 0; --axis) {
    const size_t index = row % nest->dims[axis];
    row /= nest->dims[axis];
    if (axis == nest->rank - 2) *left = nest->dims[axis] - index;
    for (int32_t i = 0; i < nest->inputs; ++i) offsets[i] += index * nest->steps[i][axis];
  }
}

static void run_rows(const nest_context *c, size_t row, size_t count, size_t column, size_t columns) {
  const ln_nest *nest = c->nest;
  const size_t row_length = nest->dims[nest->rank - 1];
  ln_block block = {0};
  block.columns = columns;
  for (int32_t i = 0; i < nest->inputs; ++i) {
    block.row_step[i] = nest->rank >= 2 ? nest->steps[i][nest->rank - 2] : 0;
    block.column_step[i] = nest->steps[i][nest->rank - 1];
  }
  while (count > 0) {
    size_t offsets[LN_NEST_INPUTS], left;
    locate_row(nest, row, offsets, &left);
    block.rows = left < count ? left : count;
    for (int32_t i = 0; i < nest->inputs; ++i) offsets[i] += column * block.column_step[i];
    c->task(c->context, offsets, row * row_length + column, &block);
    row += block.rows;
    count -= block.rows;
  }
}

static void nest_task(void *context, int32_t task, int32_t worker) {
  const nest_context *c = context;
  (void)worker;
  if (c->chunks > 1) {
    const size_t row_length = c->nest->dims[c->nest->rank - 1];
    const size_t column = (size_t)task % c->chunks * c->chunk;
    const size_t left = row_length - column;
    run_rows(c, (size_t)task / c->chunks, 1, column, left < c->chunk ? left : c->chunk);
  } else {
    const size_t row = (size_t)task * c->rows_per_task;
    const size_t left = c->rows - row;
    run_rows(c, row, left < c->rows_per_task ? left : c->rows_per_task, 0, c->nest->dims[c->nest->rank - 1]);
  }
}

void ln_nest_run(const ln_nest *nest, ln_pool *pool, ln_block_task task, const void *context) {
  if (nest->elements == 0) return;
  const size_t columns = nest->dims[nest->rank - 1];
  nest_context c = {nest, task, context, nest->elements / columns, 1, 1, columns};
  size_t tasks;
  if (columns > LN_ELEMENT_GRAIN) {
    c.chunk = LN_ELEMENT_GRAIN;
    c.chunks = (columns + c.chunk - 1) / c.chunk;
    while (c.rows * c.chunks > INT32_MAX) { /* more tasks than can be numbered */
      c.chunk *= 2;
      c.chunks = (columns + c.chunk - 1) / c.chunk;
      if (c.chunks == 1) break;
    }
  }
  if (c.chunks > 1) {
    tasks = c.rows * c.chunks;
  } else {
    c.rows_per_task = columns >= LN_ELEMENT_GRAIN ? 1 : LN_ELEMENT_GRAIN / columns;
    while (c.rows / c.rows_per_task >= INT32_MAX) c.rows_per_task *= 2;
    tasks = (c.rows + c.rows_per_task - 1) / c.rows_per_task;
  }
  ln_pool_run(pool, (int32_t)tasks, nest_task, &c);
}

void ln_nest_span(const ln_nest *nest, size_t first, size_t count, ln_block_task task, const void *context) {
  const size_t columns = nest->dims[nest->rank - 1];
  const nest_context c = {.nest = nest, .task = task, .context = context};
  while (count > 0) {
    const size_t column = first % columns;
    size_t rows = 1, part = columns - column;
    if (part > count) part = count;
    else if (column == 0) rows = count / columns;
    run_rows(&c, first / columns, rows, column, part);
    first += rows * part;
    count -= rows * part;
  }
}

typedef struct range_context {
  ln_span_task task;
  const void *context;
  size_t count, grain;
} range_context;

static void range_task(void *context, int32_t task, int32_t worker) {
  const range_context *c = context;
  const size_t first = (size_t)task * c->grain;
  const size_t left = c->count - first;
  (void)worker;
  c->task(c->context, first, left < c->grain ? left : c->grain);
}

void ln_spans_run(ln_pool *pool, size_t count, size_t grain, ln_span_task task, const void *context) {
  if (count == 0) return;
  range_context c = {task, context, count, grain == 0 ? 1 : grain};
  while (count / c.grain >= INT32_MAX) c.grain *= 2;
  ln_pool_run(pool, (int32_t)((count + c.grain - 1) / c.grain), range_task, &c);
}

void ln_type_range(ln_type type, int32_t *low, int32_t *high) {
  switch (type) {
    case LN_INT8:
      *low = INT8_MIN;
      *high = INT8_MAX;
      break;
    case LN_UINT8:
      *low = 0;
      *high = UINT8_MAX;
      break;
    case LN_INT16:
      *low = INT16_MIN;
      *high = INT16_MAX;
      break;
    case LN_INT4:
      *low = -8;
      *high = 7;
      break;
    case LN_INT2:
      *low = -2;
      *high = 1;
      break;
    case LN_UINT4:
      *low = 0;
      *high = 15;
      break;
    default:
      *low = INT32_MIN;
      *high = INT32_MAX;
      break;
  }
}

ln_status ln_node_scale(const ln_node *node, const ln_tensor *tensor, ln_error *err, double *scale,
                        int32_t *zero_point) {
  int32_t low, high;
  ln_type_range(tensor->type, &low, &high);
  *scale = (double)ln_scale_of(tensor);
  *zero_point = ln_zero_point_of(tensor);
  if (tensor->quant->count == 0) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "\"%s\" is %s without quantization", tensor->name,
                        ln_type_name(tensor->type));
  }
  if (!(*scale > 0.0 && isfinite(*scale))) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "\"%s\" has the unusable scale %g", tensor->name, *scale);
  }
  if (tensor->quant->zero_point[0] < low || tensor->quant->zero_point[0] > high) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "\"%s\" has the zero point %lld, outside %s", tensor->name,
                        (long long)tensor->quant->zero_point[0], ln_type_name(tensor->type));
  }
  return LN_OK;
}

void ln_lut_i16_make(int16_t *lut, float in_scale, int32_t in_zero, float out_scale, int32_t out_zero,
                     float (*fn)(const void *context, float x), const void *context) {
  const float in_min = in_scale * (float)(INT16_MIN - in_zero);
  const float in_max = in_scale * (float)(INT16_MAX - in_zero);
  const float out_min = out_scale * (float)(INT16_MIN - out_zero);
  const float out_max = out_scale * (float)(INT16_MAX - out_zero);
  const float step = (in_max - in_min) / 512.0f;
  const float inverse = 65536.0f / (out_max - out_min);
  for (int32_t i = 0; i <= 512; ++i) {
    const float here = in_min + (float)i * step;
    float point = roundf(fn(context, i < 512 ? here : in_max) * inverse);
    if (i < 512) {
      const float middle = roundf(fn(context, here + step / 2.0f) * inverse);
      const float next = fn(context, in_min + (float)(i + 1) * step) * inverse;
      point -= roundf((roundf((next + point) / 2.0f) - middle) / 2.0f);
    }
    lut[i] = point >= 32767.0f ? INT16_MAX : (point > -32768.0f ? (int16_t)point : INT16_MIN);
  }
}
