/*
 * STABLEHLO_REDUCE_WINDOW: N operands, N initial values; elements under a sliding window become one by a region of 2 N
 * scalars. Where the window stands on padding, or between the elements of a dilated operand, it sees the initial value.
 * REDUCE_WINDOW: operand, initial value, window's shape, strides and dilations as tensors; a function by name.
 */
#include <string.h>

#include "kernels/fold.h"
#include "ops/elementwise.h"
#include "ops/hlo.h"
#include "ops/region.h"
#include "ops/rows.h"

enum { COLUMNS = 4096 /* outputs of a task */, GATHERED = 256 };
/* Elements under all windows together: a small file can ask for windows over more padding than a run can walk. */
#define STEP_LIMIT (UINT64_C(1) << 37)

/* One dimension. Output o's window sees, at tap w, place o * stride + w * dilation - low of the dilated operand. */
typedef struct axis {
  int64_t in, out, window, stride, dilation, base, low;
} axis;

typedef struct windows {
  int32_t rank; /* at least 1 */
  axis axes[LN_MAX_RANK];
  size_t strides[LN_MAX_RANK]; /* elements of the operand */
  size_t taps, rows;           /* rows: outputs of all dimensions but the last */
} windows;

static bool is_own(const ln_node *node) { return node->op->def->code == LN_OP_REDUCE_WINDOW; }

/* ---- shapes ---- */

static ln_status read_hlo(const ln_node *node, ln_error *err, windows *w) {
  const ln_stablehlo_reduce_window_options *o = LN_OPTIONS(node, stablehlo_reduce_window_options);
  int64_t window[LN_MAX_RANK], stride[LN_MAX_RANK], dilation[LN_MAX_RANK], base[LN_MAX_RANK];
  int64_t low[LN_MAX_RANK], high[LN_MAX_RANK];
  const int32_t rank = node->in[0]->shape.rank;
  if (o->window_dimensions.count != (uint32_t)rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%u window dimensions for rank %d",
                        (unsigned)o->window_dimensions.count, rank);
  }
  LN_TRY(ln_hlo_extents(node, &o->window_dimensions, "window dimensions", rank, window, err));
  LN_TRY(ln_hlo_extents(node, &o->window_strides, "strides", rank, stride, err));
  LN_TRY(ln_hlo_extents(node, &o->window_dilations, "window dilations", rank, dilation, err));
  LN_TRY(ln_hlo_extents(node, &o->base_dilations, "base dilations", rank, base, err));
  LN_TRY(ln_hlo_paddings(node, &o->padding, rank, low, high, err));
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t extent = ln_hlo_dilated(node->in[0]->shape.dims[i], base[i]) + low[i] + high[i];
    const int64_t reach = ln_hlo_dilated(window[i], dilation[i]);
    const int64_t out = extent < reach ? 0 : (extent - reach) / stride[i] + 1;
    w->axes[i] = (axis){node->in[0]->shape.dims[i], out, window[i], stride[i], dilation[i], base[i], low[i]};
  }
  return LN_OK;
}

static ln_status read_own(const ln_node *node, ln_error *err, windows *w) {
  static const char *const names[3] = {"window dimensions", "strides", "window dilations"};
  int64_t values[3][LN_MAX_RANK];
  const int32_t rank = node->in[0]->shape.rank;
  for (int32_t v = 0; v < 3; ++v) {
    int32_t count = 0;
    LN_TRY(ln_node_ints(node, 2 + v, values[v], LN_MAX_RANK, &count, err));
    if (count != rank) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d %s for rank %d", count, names[v], rank);
    for (int32_t i = 0; i < rank; ++i) {
      if (values[v][i] >= 1 && values[v][i] <= LN_HLO_EXTENT_LIMIT) continue;
      return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld among its %s", (long long)values[v][i], names[v]);
    }
  }
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t in = node->in[0]->shape.dims[i], reach = ln_hlo_dilated(values[0][i], values[2][i]);
    const int64_t out = in < reach ? 0 : (in - reach) / values[1][i] + 1;
    w->axes[i] = (axis){in, out, values[0][i], values[1][i], values[2][i], 1, 0};
  }
  return LN_OK;
}

static ln_status read_windows(const ln_node *node, ln_error *err, windows *w) {
  w->rank = node->in[0]->shape.rank;
  LN_TRY(is_own(node) ? read_own(node, err, w) : read_hlo(node, err, w));
  if (w->rank == 0) { /* a scalar: one element under a window of one */
    w->rank = 1;
    w->axes[0] = (axis){1, 1, 1, 1, 1, 1, 0};
  }
  w->taps = w->rows = 1;
  size_t stride = 1;
  for (int32_t i = w->rank - 1; i >= 0; --i) {
    w->strides[i] = stride;
    stride *= (size_t)w->axes[i].in; /* bounded: the operand's elements */
    if (!ln_size_mul(w->taps, (size_t)w->axes[i].window, &w->taps)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "a window of too many elements");
    }
    if (i < w->rank - 1 && !ln_size_mul(w->rows, (size_t)w->axes[i].out, &w->rows)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "an output of too many elements");
    }
  }
  return LN_OK;
}

/* ---- what the elements of a window become ---- */

/* REDUCE_WINDOW's functions by name, as a region of its own. ALL and ANY are of bool: numbers are brought there. */
static ln_status open_named(const ln_node *node, ln_error *err, ln_region *region) {
  static const ln_binary_op ops[] = {LN_BINARY_OP_COUNT, LN_BINARY_ADD, LN_BINARY_MUL, LN_BINARY_MINIMUM,
                                     LN_BINARY_MAXIMUM,  LN_BINARY_AND, LN_BINARY_OR};
  const int32_t function = LN_OPTIONS(node, reduce_window_options)->reduce_function;
  const ln_binary_op op = function > 0 && function < (int32_t)LN_COUNT(ops) ? ops[function] : LN_BINARY_OP_COUNT;
  const ln_type type = op == LN_BINARY_AND || op == LN_BINARY_OR ? LN_BOOL : node->in[0]->type;
  if (op == LN_BINARY_OP_COUNT) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "function %d", function);
  *region = (ln_region){.kind = LN_REGION_KERNEL, .arg_count = 2, .result_count = 1, .op = op};
  region->fn = ln_hlo_kernel(op, type);
  region->types[0] = type;
  region->arg_bytes[0] = (size_t)ln_type_bits(type) / 8;
  return LN_OK;
}

static ln_status open_region(const ln_node *node, size_t outputs, ln_error *err, ln_region *region) {
  if (is_own(node)) return open_named(node, err, region);
  return ln_region_open_fold(node, LN_OPTIONS(node, stablehlo_reduce_window_options)->body_subgraph_index, outputs, err,
                             region);
}

static ln_status check_own(const ln_node *node, ln_error *err) {
  size_t elements = 0;
  if (ln_shape_elements(&node->in[1]->shape, &elements) && elements == 1) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the initial value is no scalar");
}

ln_status ln_reduce_window_infer(ln_node *node, ln_error *err) {
  windows w;
  ln_region region;
  LN_TRY(is_own(node) ? check_own(node, err) : ln_region_check_fold(node, err));
  LN_TRY(read_windows(node, err, &w));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < node->in[0]->shape.rank; ++i) {
    if (!ln_shape_push(&shape, w.axes[i].out))
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %d is too long", i);
  }
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &shape, err));
  if (ln_shape_span(&shape, 0, shape.rank) > STEP_LIMIT / w.taps) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "windows of more elements than a run can walk");
  }
  return open_region(node, ln_shape_span(&shape, 0, shape.rank), err, &region);
}

/* Numbers as bools: the operand, the initial value, the output. */
static ln_status prepare_own(ln_node *node, ln_prep *prep) {
  ln_region region;
  size_t in = 0, out = 0;
  LN_TRY(open_named(node, prep->err, &region));
  if (region.types[0] == node->in[0]->type) return LN_OK;
  if (ln_shape_elements(&node->in[0]->shape, &in) && ln_shape_elements(&node->out[0]->shape, &out) &&
      ln_size_add(in, out, &in) && ln_size_add(in, 1, &node->scratch_bytes)) {
    return LN_OK;
  }
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* Behind the lanes, where each lane's output stands: [LN_REGION_LANES, LN_MAX_RANK] int32. */
ln_status ln_reduce_window_prepare(ln_node *node, ln_prep *prep) {
  size_t lanes = 0;
  if (is_own(node)) return prepare_own(node, prep);
  if (ln_region_fold_bytes(node, &lanes) && ln_size_align(lanes, LN_ALIGNMENT, &lanes) &&
      ln_size_add(lanes, LN_REGION_LANES * LN_MAX_RANK * sizeof(int32_t), &node->scratch_bytes)) {
    return LN_OK;
  }
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* ---- places ---- */

/* The operand's index that output `out` sees at tap `tap`; -1 for none. */
static int64_t place(const axis *a, int64_t out, int64_t tap) {
  const int64_t at = out * a->stride + tap * a->dilation - a->low;
  if (at < 0 || at > (a->in - 1) * a->base) return -1;
  if (a->base == 1) return at;
  return at % a->base == 0 ? at / a->base : -1;
}

/* The next tap, the last dimension's fastest; false after the last one. */
static bool next_tap(const windows *w, int64_t tap[LN_MAX_RANK]) {
  for (int32_t i = w->rank - 1; i >= 0; --i) {
    if (++tap[i] < w->axes[i].window) return true;
    tap[i] = 0;
  }
  return false;
}

/* ---- kernels: a row of outputs at a time ---- */

typedef struct kernel_job {
  const windows *w;
  const ln_region *region;
  const char *in, *init;
  char *out;
  size_t bytes;      /* of an element */
  bool skip_padding; /* the initial value changes nothing */
  size_t chunks;     /* of a row */
} kernel_job;

/* Places [from, to) of the row, from the operand's row `in` at a tap of the last dimension. */
static void fold_gathered(const kernel_job *job, const char *in, int64_t tap, int64_t from, int64_t to, char *out) {
  const axis *a = &job->w->axes[job->w->rank - 1];
  union {
    double aligned[2];
    char bytes[GATHERED * 16];
  } values;
  while (from < to) {
    const size_t count = (size_t)(to - from < GATHERED ? to - from : GATHERED);
    for (size_t i = 0; i < count; ++i) {
      const int64_t at = place(a, from + (int64_t)i, tap);
      memcpy(values.bytes + i * job->bytes, at < 0 ? job->init : in + (size_t)at * job->bytes, job->bytes);
    }
    ln_k_fold_into(job->region->fn, &ln_region_params, out, values.bytes, count);
    out += count * job->bytes;
    from += (int64_t)count;
  }
}

static void fold_padding(const kernel_job *job, char *out, int64_t count) {
  if (job->skip_padding || count <= 0) return;
  ln_k_fold_value(job->region->fn, &ln_region_params, out, job->init, (size_t)count);
}

static void fold_tap(const kernel_job *job, const char *in, int64_t tap, int64_t from, int64_t to, char *out) {
  const axis *a = &job->w->axes[job->w->rank - 1];
  if (a->stride != 1 || a->base != 1) {
    fold_gathered(job, in, tap, from, to, out);
    return;
  }
  const int64_t shift = tap * a->dilation - a->low; /* the operand's index of output 0 */
  int64_t first = -shift > from ? -shift : from, last = a->in - shift < to ? a->in - shift : to;
  if (first > to) first = to;
  if (last < first) last = first;
  fold_padding(job, out, first - from);
  if (last > first) {
    ln_k_fold_into(job->region->fn, &ln_region_params, out + (size_t)(first - from) * job->bytes,
                   in + (size_t)(first + shift) * job->bytes, (size_t)(last - first));
  }
  fold_padding(job, out + (size_t)(last - from) * job->bytes, to - last);
}

static void kernel_task(void *context, int32_t task, int32_t worker) {
  const kernel_job *job = context;
  const windows *w = job->w;
  const int32_t last = w->rank - 1;
  size_t row = (size_t)task / job->chunks;
  const int64_t from = (int64_t)((size_t)task % job->chunks) * COLUMNS, width = w->axes[last].out;
  const int64_t to = width - from < COLUMNS ? width : from + COLUMNS;
  int64_t at[LN_MAX_RANK] = {0}, tap[LN_MAX_RANK] = {0};
  char *out = job->out + (row * (size_t)width + (size_t)from) * job->bytes;
  (void)worker;
  for (int32_t i = last - 1; i >= 0; --i) {
    at[i] = (int64_t)(row % (size_t)w->axes[i].out);
    row /= (size_t)w->axes[i].out;
  }

  ln_k_fill(out, job->init, job->bytes, (size_t)(to - from));
  do {
    size_t offset = 0;
    bool inside = true;
    for (int32_t i = 0; i < last && inside; ++i) {
      const int64_t index = place(&w->axes[i], at[i], tap[i]);
      inside = index >= 0;
      if (inside) offset += (size_t)index * w->strides[i];
    }
    if (inside) fold_tap(job, job->in + offset * job->bytes, tap[last], from, to, out);
    else fold_padding(job, out, to - from);
  } while (next_tap(w, tap));
}

/* Whether folding the initial value once more changes nothing. */
static bool is_neutral(const ln_region *region, const void *init) {
  static const unsigned char zeros[16] = {0};
  unsigned char one[16];
  const int64_t number = 1;
  const size_t bytes = region->arg_bytes[0];
  if (region->types[0] == LN_BOOL) return true;
  if (region->op == LN_BINARY_ADD) return memcmp(init, zeros, bytes) == 0;
  if (region->op != LN_BINARY_MUL) return true;
  ln_k_cast(&number, LN_NUMBER_I64, one, ln_number_of(region->types[0]), 1);
  return memcmp(init, one, bytes) == 0;
}

static ln_status run_kernel(const ln_node *node, const ln_exec *exec, const windows *w, const ln_region *region,
                            const void *in, const void *init, void *out) {
  const int64_t width = w->axes[w->rank - 1].out;
  kernel_job job = {w,
                    region,
                    in,
                    init,
                    out,
                    region->arg_bytes[0],
                    is_neutral(region, init),
                    (size_t)(width + COLUMNS - 1) / COLUMNS};
  size_t tasks = 0;
  if (!ln_size_mul(w->rows, job.chunks, &tasks) || tasks > INT32_MAX) {
    return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "more rows of output than can be counted");
  }
  ln_pool_run(exec->pool, (int32_t)tasks, kernel_task, &job);
  return LN_OK;
}

/* ALL and ANY of numbers: as bools in scratch, and back. */
static ln_status run_as_bools(const ln_node *node, const ln_exec *exec, const windows *w, const ln_region *region) {
  const ln_number type = ln_number_of(node->in[0]->type);
  const size_t bytes = ln_item_bytes(node->in[0]);
  const size_t in_count = node->in[0]->bytes / bytes, out_count = node->out[0]->bytes / bytes;
  char *in = exec->scratch, *init = in + in_count, *out = init + 1;
  ln_k_cast(node->in[0]->data, type, in, LN_NUMBER_BOOL, in_count);
  ln_k_cast(node->in[1]->data, type, init, LN_NUMBER_BOOL, 1);
  LN_TRY(run_kernel(node, exec, w, region, in, init, out));
  ln_k_cast(out, LN_NUMBER_BOOL, node->out[0]->data, type, out_count);
  return LN_OK;
}

/* ---- graphs: a block of outputs at a time, tap by tap ---- */

/* The values that lanes [0, width), whose outputs stand at `places`, see at a tap. */
static void gather(const ln_region_fold *fold, const windows *w, const int32_t *places, size_t width,
                   const int64_t *tap) {
  const ln_node *node = fold->node;
  const int32_t operands = fold->region->result_count;
  for (size_t k = 0; k < width; ++k) {
    size_t offset = 0;
    bool inside = true;
    for (int32_t i = 0; i < w->rank && inside; ++i) {
      const int64_t index = place(&w->axes[i], places[k * LN_MAX_RANK + (size_t)i], tap[i]);
      inside = index >= 0;
      if (inside) offset += (size_t)index * w->strides[i];
    }
    for (int32_t i = 0; i < operands; ++i) {
      const size_t bytes = fold->region->arg_bytes[i];
      const char *from = inside ? (const char *)node->in[i]->data + offset * bytes : node->in[operands + i]->data;
      memcpy(fold->values[i] + k * bytes, from, bytes);
    }
  }
}

static ln_status fold_block(const ln_region_fold *fold, const windows *w, int32_t *places, size_t first, size_t width) {
  const ln_node *node = fold->node;
  const int32_t operands = fold->region->result_count;
  int64_t tap[LN_MAX_RANK] = {0};
  for (size_t k = 0; k < width; ++k) {
    size_t index = first + k;
    for (int32_t i = w->rank - 1; i >= 0; --i) {
      places[k * LN_MAX_RANK + (size_t)i] = (int32_t)(index % (size_t)w->axes[i].out);
      index /= (size_t)w->axes[i].out;
    }
  }
  for (int32_t i = 0; i < operands; ++i) {
    ln_k_fill(fold->acc[i], node->in[operands + i]->data, fold->region->arg_bytes[i], width);
  }
  do {
    gather(fold, w, places, width, tap);
    LN_TRY(ln_region_fold_lanes(fold, width));
  } while (next_tap(w, tap));
  for (int32_t i = 0; i < operands; ++i) {
    const size_t bytes = fold->region->arg_bytes[i];
    memcpy((char *)node->out[i]->data + first * bytes, fold->acc[i], width * bytes);
  }
  return LN_OK;
}

static ln_status run_graph(const ln_node *node, const ln_exec *exec, const windows *w, const ln_region *region) {
  const ln_region_fold fold = ln_region_fold_begin(node, region, exec);
  const size_t outputs = w->rows * (size_t)w->axes[w->rank - 1].out, lanes = (size_t)region->lanes;
  size_t places_at = 0;
  if (!ln_region_fold_bytes(node, &places_at) || !ln_size_align(places_at, LN_ALIGNMENT, &places_at)) {
    return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  }
  int32_t *places = (int32_t *)(void *)((char *)exec->scratch + places_at);
  for (size_t first = 0; first < outputs; first += lanes) {
    LN_TRY(fold_block(&fold, w, places, first, outputs - first < lanes ? outputs - first : lanes));
  }
  return LN_OK;
}

ln_status ln_reduce_window_run(const ln_node *node, ln_exec *exec) {
  windows w;
  ln_region region;
  const ln_shape *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  LN_TRY(read_windows(node, exec->err, &w));
  LN_TRY(open_region(node, ln_shape_span(out, 0, out->rank), exec->err, &region));
  if (region.kind != LN_REGION_KERNEL) return run_graph(node, exec, &w, &region);
  if (region.types[0] != node->in[0]->type) return run_as_bools(node, exec, &w, &region);
  return run_kernel(node, exec, &w, &region, node->in[0]->data, node->in[1]->data, node->out[0]->data);
}
