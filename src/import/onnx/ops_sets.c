/* Unique, and NonMaxSuppression: what is left of many. */
#include <math.h>

#include "import/onnx/onnx_lists.h"

/* ---- Unique: each row is compared with each ---- */

typedef struct pairs {
  int32_t count; /* int32 scalar: rows */
  int32_t equal; /* bool [rows, rows] */
  int32_t less;  /* bool [rows, rows]: row i before row j in order */
} pairs;

/* rows [n, width]: they are ordered by the first place in which they differ. */
static pairs compare_rows(ln_emit *e, int32_t rows) {
  const int32_t first = 0, second = 1, last = 2;
  const int32_t down = ln_emit_expand(e, rows, 1, &second), across = ln_emit_expand(e, rows, 1, &first);
  const int32_t differs = ln_emit_cast(e, ln_emit_compare(e, LN_OP_NOT_EQUAL, down, across), LN_INT32);
  const int32_t before = ln_emit_cumsum(e, differs, 2, true, false), zero = ln_emit_i32(e, 0);
  const int32_t undecided = ln_emit_compare(e, LN_OP_EQUAL, before, zero);
  const int32_t here = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_LESS, down, across), undecided);
  const int32_t total = ln_emit_reduce(e, LN_OP_SUM, differs, 1, &last, false);
  return (pairs){.count = ln_emit_size_of(e, rows, 0),
                 .equal = ln_emit_compare(e, LN_OP_EQUAL, total, zero),
                 .less = ln_emit_reduce(e, LN_OP_REDUCE_ANY, here, 1, &last, false)};
}

/* int32 [..]: `value` where `where`. */
static int32_t masked(ln_emit *e, int32_t where, int32_t value) {
  return ln_emit_select(e, where, value, ln_emit_i32(e, 0));
}

static int32_t scatter(ln_emit *e, int32_t places, int32_t values, int32_t count) {
  const ln_dim column[2] = {LN_DIM_REST, LN_DIM(1)}, one = LN_DIM(1);
  return ln_emit_scatter(e, ln_emit_reshape(e, places, 2, column), values, ln_emit_reshape(e, count, 1, &one));
}

static int32_t rows_of(ln_onnx_node *n, int32_t a, int32_t axis) {
  ln_emit *e = n->e;
  const ln_dim single[2] = {LN_DIM_REST, LN_DIM(1)};
  if (axis < 0) return ln_emit_reshape(e, a, 2, single);
  const int32_t turned = ln_emit_swap(e, a, 0, axis);
  if (ln_emit_rank(e, a) == 1) return ln_emit_reshape(e, turned, 2, single);
  return ln_emit_flatten(e, turned, 1, -1);
}

void ln_onnx_unique(ln_onnx_node *n) {
  enum { MOST = 4096 };
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), first = 0, second = 1;
  const int32_t axis = ln_onnx_has_attribute(n, "axis") ? ln_onnx_axis(n, "axis", 0, ln_emit_rank(e, a)) : -1;
  const bool sorted = ln_onnx_int(n, "sorted", 1) != 0;
  const int32_t rows = rows_of(n, a, axis);
  if (ln_emit_failed(e)) return;
  if (ln_emit_dim(e, rows, 0) > MOST) {
    ln_emit_refuse(e, "each of %d elements would be compared with each; at most %d can be", ln_emit_dim(e, rows, 0),
                   MOST);
    return;
  }
  const pairs p = compare_rows(e, rows);
  const int32_t each = ln_emit_count_up(e, p.count);
  /* The first row that equals row i; rows that are it; how many of these come before it in order, or in the file. */
  const int32_t alike = ln_emit_arg(e, LN_OP_ARG_MAX, ln_emit_cast(e, p.equal, LN_INT32), 1, false, LN_INT32);
  const int32_t is_first = ln_emit_cast(e, ln_emit_compare(e, LN_OP_EQUAL, alike, each), LN_INT32);
  const int32_t before =
      sorted ? p.less
             : ln_emit_compare(e, LN_OP_LESS, ln_emit_expand(e, each, 1, &second), ln_emit_expand(e, alike, 1, &first));
  const int32_t place =
      ln_emit_reduce(e, LN_OP_SUM, masked(e, before, ln_emit_expand(e, is_first, 1, &second)), 1, &first, false);
  const int32_t count = ln_emit_reduce(e, LN_OP_SUM, is_first, 1, &first, false);
  const int32_t chosen = scatter(e, place, ln_emit_mul(e, is_first, each), count);
  const int32_t from = axis < 0 ? ln_emit_reshape(e, a, 1, (const ln_dim[]){LN_DIM_REST}) : a;
  ln_onnx_out(n, 0, ln_emit_gather(e, from, chosen, axis < 0 ? 0 : axis, 0));
  if (ln_onnx_wants(n, 1)) ln_onnx_out(n, 1, ln_emit_cast(e, chosen, LN_INT64));
  if (ln_onnx_wants(n, 2)) ln_onnx_out(n, 2, ln_emit_cast(e, place, LN_INT64));
  if (ln_onnx_wants(n, 3)) {
    const int32_t ones = ln_emit_filled_like(e, place, LN_INT32, 1);
    ln_onnx_out(n, 3, ln_emit_cast(e, scatter(e, place, ones, count), LN_INT64));
  }
}

/* ---- NonMaxSuppression ---- */

typedef struct boxes {
  int32_t boxes, scores; /* float32 [batch, count, 4], [batch, classes, count] */
  int32_t most, overlap, score;
} boxes;

/* (centre, size) as (top, left, bottom, right). */
static int32_t corners(ln_emit *e, int32_t a) {
  const int32_t halves = ln_emit_mul_number(e, ln_emit_slice(e, a, 2, 2, 4, 1), 0.5);
  const int32_t centres = ln_emit_slice(e, a, 2, 0, 2, 1);
  const int32_t low = ln_emit_sub(e, centres, halves), high = ln_emit_add(e, centres, halves);
  const int32_t parts[4] = {ln_emit_slice(e, low, 2, 1, 2, 1), ln_emit_slice(e, low, 2, 0, 1, 1),
                            ln_emit_slice(e, high, 2, 1, 2, 1), ln_emit_slice(e, high, 2, 0, 1, 1)};
  return ln_emit_concat(e, 2, 4, parts);
}

/* int32 [found, 3]: batch, class and number of the boxes that stay. */
static int32_t of_one_class(ln_emit *e, const boxes *b, int32_t batch, int32_t class_) {
  const int32_t one = 1, scores = ln_emit_pick(e, ln_emit_pick(e, b->scores, 0, batch), 0, class_);
  const int32_t most = ln_emit_binary(e, LN_OP_MINIMUM, b->most, ln_emit_size_of(e, b->boxes, 1));
  const int32_t inputs[5] = {ln_emit_pick(e, b->boxes, 0, batch), scores, most, b->overlap, b->score};
  const ln_type types[2] = {LN_INT32, LN_INT32};
  const ln_dim single = LN_DIM(1);
  int32_t found[2];
  if (!ln_emit_ops(e, LN_OP_NON_MAX_SUPPRESSION_V4, NULL, 5, inputs, 2, types, found)) return -1;
  const int32_t cut[3] = {found[0], ln_emit_vector(e, 1, (const int32_t[]){0}),
                          ln_emit_reshape(e, found[1], 1, &single)};
  const int32_t kept = ln_emit_expand(e, ln_emit_op(e, LN_OP_SLICE, NULL, 3, cut, LN_INT32), 1, &one);
  const int32_t head[2] = {batch, class_};
  const int32_t pair = ln_emit_const(e, LN_INT32, 2, (const int32_t[]){1, 2}, head);
  const int32_t rows = ln_emit_dims(e, 2, (const ln_dim[]){LN_DIM_OF(kept, 0), LN_DIM(2)});
  return ln_emit_concat(e, 1, 2, (const int32_t[]){ln_emit_broadcast_to(e, pair, rows), kept});
}

/* The next number: TensorFlow Lite drops boxes that overlap as much as the limit, ONNX those that overlap more. */
static int32_t above(ln_emit *e, int32_t limit) {
  const int32_t next = ln_emit_add_number(e, ln_emit_mul_number(e, limit, 1 + 0x1p-23), 1e-30);
  return ln_emit_binary(e, LN_OP_MINIMUM, next, ln_emit_f32(e, 1));
}

void ln_onnx_non_max_suppression(ln_onnx_node *n) {
  enum { MOST = 4096 };
  ln_emit *e = n->e;
  boxes b = {.boxes = ln_onnx_in(n, 0), .scores = ln_onnx_in(n, 1), .most = ln_onnx_in(n, 2)};
  b.overlap = above(e, ln_onnx_has(n, 3) ? ln_onnx_scalar(e, ln_onnx_in(n, 3)) : ln_emit_f32(e, 0));
  b.score = ln_onnx_has(n, 4) ? ln_onnx_scalar(e, ln_onnx_in(n, 4)) : ln_emit_f32(e, -INFINITY);
  b.most = b.most < 0 ? ln_emit_i32(e, 0) : ln_onnx_scalar(e, ln_onnx_narrow(e, b.most));
  if (ln_onnx_int(n, "center_point_box", 0) != 0) b.boxes = corners(e, b.boxes);
  const int32_t batches = ln_emit_dim(e, b.scores, 0), classes = ln_emit_dim(e, b.scores, 1);
  if (ln_emit_failed(e)) return;
  if (batches < 1 || classes < 1 || batches > MOST / classes) {
    ln_emit_refuse(e, "%d batches of %d classes; a fixed number, of at most %d together, can be written out", batches,
                   classes, MOST);
    return;
  }
  if (!ln_onnx_may_write(n, (int64_t)batches * classes)) return;
  int32_t *parts = ln_arena_array(ln_emit_arena(e), (size_t)batches * (size_t)classes, sizeof *parts);
  if (parts == NULL) {
    ln_import_no_memory(e->import);
    return;
  }
  for (int32_t i = 0; i < batches * classes; ++i) parts[i] = of_one_class(e, &b, i / classes, i % classes);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_concat(e, 0, batches * classes, parts), LN_INT64));
}
