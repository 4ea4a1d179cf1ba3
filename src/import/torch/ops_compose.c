/* Operators that others say: stacks, windows of indices, losses, norms of weights, bags of embeddings. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t self(torch_node *n) { return ln_torch_tensor(n, "self"); }

/* ---- stacks ---- */

/* At least so many dimensions, as NumPy adds them. */
static int32_t with_dims(torch_node *n, int32_t a, int32_t least) {
  const int32_t rank = ln_emit_rank(n->e, a), first = 0, last = -1;
  if (rank < 1 && least >= 1) a = ln_emit_expand(n->e, a, 1, &first);
  if (rank < 2 && least >= 2) a = ln_emit_expand(n->e, a, 1, &first);
  if (rank < 3 && least >= 3) a = ln_emit_expand(n->e, a, 1, &last);
  return a;
}

int32_t ln_torch_atleast(torch_node *n) { return with_dims(n, self(n), n->variant); }

/* Variants: 0 hstack, 1 vstack, 2 dstack, 3 column_stack. */
int32_t ln_torch_stacked(torch_node *n) {
  int32_t parts[TORCH_MOST_OUTPUTS];
  const int32_t count = ln_torch_tensors(n, "tensors", TORCH_MOST_OUTPUTS, parts), last = -1;
  if (count < 1) return -1;
  for (int32_t i = 0; i < count; ++i) {
    if (n->variant == 3 && ln_emit_rank(n->e, parts[i]) == 1) parts[i] = ln_emit_expand(n->e, parts[i], 1, &last);
    else parts[i] = with_dims(n, parts[i], n->variant == 3 ? 1 : n->variant + 1);
  }
  const int32_t flat = n->variant == 0 && ln_emit_rank(n->e, parts[0]) == 1;
  return ln_emit_concat(n->e, n->variant == 2 ? 2 : n->variant == 1 || flat ? 0 : 1, count, parts);
}

/* Variants: 0 left and right, 1 up and down. */
int32_t ln_torch_flip_sides(torch_node *n) { return ln_emit_reverse(n->e, self(n), n->variant == 0 ? 1 : 0); }

int32_t ln_torch_rot90(torch_node *n) {
  int64_t axes[2] = {0, 1};
  int32_t a = self(n);
  ln_torch_ints(n, "dims", 2, axes);
  const int64_t turns = (ln_torch_int(n, "k", 1) % 4 + 4) % 4;
  const int32_t x = (int32_t)axes[0], y = (int32_t)axes[1];
  if (ln_emit_failed(n->e)) return -1;
  if (turns == 2) return ln_emit_reverse(n->e, ln_emit_reverse(n->e, a, x), y);
  if (turns == 1) return ln_emit_swap(n->e, ln_emit_reverse(n->e, a, y), x, y);
  return turns == 3 ? ln_emit_reverse(n->e, ln_emit_swap(n->e, a, x, y), y) : a;
}

/* ---- products ---- */

int32_t ln_torch_inner(torch_node *n) {
  const int32_t a = self(n), b = ln_torch_tensor(n, "other");
  if (ln_emit_rank(n->e, a) == 0 || ln_emit_rank(n->e, b) == 0) return ln_emit_mul(n->e, a, b);
  if (ln_emit_rank(n->e, a) > 2 || ln_emit_rank(n->e, b) > 2) return ln_emit_refuse(n->e, "more than two dimensions");
  return ln_emit_matmul(n->e, a, b, false, ln_emit_rank(n->e, b) == 2);
}

int32_t ln_torch_tensordot(torch_node *n) {
  char equation[64];
  const int32_t operands[] = {self(n), ln_torch_tensor(n, "other")};
  int32_t axes[2][LN_MAX_RANK], made = 0, next = 0;
  char labels[2][LN_MAX_RANK + 1] = {"", ""};
  if (ln_emit_failed(n->e)) return -1;
  const int32_t ranks[] = {ln_emit_rank(n->e, operands[0]), ln_emit_rank(n->e, operands[1])};
  const int32_t count = ln_torch_axes(n, "dims_self", ranks[0], axes[0]);
  if (ln_torch_axes(n, "dims_other", ranks[1], axes[1]) != count || count < 0)
    return ln_emit_wrong(n->e, "axes do not pair");
  for (int32_t k = 0; k < 2; ++k) {
    for (int32_t i = 0; i < ranks[k]; ++i) labels[k][i] = (char)('a' + next++);
  }
  for (int32_t i = 0; i < count; ++i) labels[1][axes[1][i]] = labels[0][axes[0][i]];
  for (int32_t k = 0; k < 2; ++k) {
    for (int32_t i = 0; i < ranks[k]; ++i) equation[made++] = labels[k][i];
    equation[made++] = k == 0 ? ',' : '-';
  }
  equation[made++] = '>';
  for (int32_t k = 0; k < 2; ++k) {
    for (int32_t i = 0; i < ranks[k]; ++i) {
      if (memchr(labels[1 - k], labels[k][i], (size_t)ranks[1 - k]) == NULL) equation[made++] = labels[k][i];
    }
  }
  equation[made] = '\0';
  return ln_emit_einsum(n->e, equation, 2, operands);
}

int32_t ln_torch_cross(torch_node *n) {
  int32_t a, b, parts[4];
  const int32_t axis = (int32_t)ln_torch_int(n, "dim", -1);
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  for (int32_t i = 0; i < 4; ++i) { /* shifted by one and by two */
    const int32_t from = i < 2 ? a : b, by = i % 2 + 1;
    const int32_t turned[] = {ln_emit_slice(n->e, from, axis, by, INT32_MAX, 1),
                              ln_emit_slice(n->e, from, axis, 0, by, 1)};
    parts[i] = ln_emit_concat(n->e, axis, 2, turned);
  }
  return ln_emit_sub(n->e, ln_emit_mul(n->e, parts[0], parts[3]), ln_emit_mul(n->e, parts[1], parts[2]));
}

int32_t ln_torch_trace(torch_node *n) { return ln_emit_einsum(n->e, "ii->", 1, (const int32_t[]){self(n)}); }

/* ---- differences and counts ---- */

int32_t ln_torch_diff(torch_node *n) {
  int32_t a = self(n);
  const int32_t axis = (int32_t)ln_torch_int(n, "dim", -1);
  const int64_t times = ln_torch_int(n, "n", 1);
  if (times < 0 || times > 64 || ln_torch_has(n, "prepend") || ln_torch_has(n, "append"))
    return ln_emit_refuse(n->e, "elements before or behind are not built");
  for (int64_t i = 0; i < times; ++i) {
    a = ln_emit_sub(n->e, ln_emit_slice(n->e, a, axis, 1, INT32_MAX, 1), ln_emit_slice(n->e, a, axis, 0, -1, 1));
  }
  return a;
}

/* How many boundaries lie below (or up to) each number: bucketize and searchsorted of one vector. */
int32_t ln_torch_bucketize(torch_node *n) {
  const bool sorted = n->variant == 1;
  const int32_t bounds = ln_torch_tensor(n, sorted ? "sorted_sequence" : "boundaries");
  const int32_t a = self(n), last = -1;
  const char *side = ln_torch_text(n, "side");
  const bool right = ln_torch_flag(n, "right", false) || (side != NULL && strcmp(side, "right") == 0);
  if (ln_emit_failed(n->e)) return -1;
  if (ln_emit_rank(n->e, bounds) != 1) return ln_emit_refuse(n->e, "it takes one row of boundaries");
  const int32_t wide = ln_emit_expand(n->e, a, 1, &last);
  const int32_t below = ln_emit_compare(n->e, right ? LN_OP_LESS_EQUAL : LN_OP_LESS,
                                        ln_emit_cast(n->e, bounds, ln_emit_type(n->e, a)), wide);
  const ln_type type = ln_torch_flag(n, "out_int32", false) ? LN_INT32 : LN_INT64;
  return ln_emit_reduce(n->e, LN_OP_SUM, ln_emit_cast(n->e, below, type), 1, &last, false);
}

int32_t ln_torch_is_close(torch_node *n) {
  int32_t a, b;
  const double rel = ln_torch_number(n, "rtol", 1e-5), abs_ = ln_torch_number(n, "atol", 1e-8);
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  a = ln_torch_as_float(n, a);
  b = ln_torch_as_float(n, b);
  const int32_t limit =
      ln_emit_add_number(n->e, ln_emit_mul_number(n->e, ln_emit_unary(n->e, LN_OP_ABS, b), rel), abs_);
  const int32_t apart = ln_emit_unary(n->e, LN_OP_ABS, ln_emit_sub(n->e, a, b));
  return ln_emit_binary(n->e, LN_OP_LOGICAL_OR, ln_emit_compare(n->e, LN_OP_LESS_EQUAL, apart, limit),
                        ln_emit_compare(n->e, LN_OP_EQUAL, a, b));
}

/* int64 [2, places] of a triangle. Variants: 1 the lower one. */
int32_t ln_torch_triangle_indices(torch_node *n) {
  const int64_t rows = ln_torch_int(n, "row", 0), columns = ln_torch_int(n, "col", 0),
                offset = ln_torch_int(n, "offset", 0);
  if (rows < 0 || columns < 0 || rows > 1 << 12 || columns > 1 << 12) return ln_emit_refuse(n->e, "it is too large");
  int64_t *values = ln_arena_array(ln_emit_arena(n->e), (size_t)(2 * rows * columns) + 1, sizeof *values), count = 0;
  if (values == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t pass = 0; pass < 2; ++pass) {
    for (int64_t i = 0; i < rows * columns; ++i) {
      const int64_t row = i / columns, column = i % columns;
      const bool in = n->variant == 1 ? column - row <= offset : column - row >= offset;
      if (in) values[count++] = pass == 0 ? row : column;
    }
  }
  const int32_t dims[] = {2, (int32_t)(count / 2)};
  return ln_emit_const(n->e, LN_INT64, 2, dims, values);
}

/* ---- weights by length and direction ---- */

/* v * g / |v|, the norm over all dimensions but one. */
int32_t ln_torch_weight_norm(torch_node *n) {
  const int32_t v = ln_torch_tensor(n, "v"), g = ln_torch_tensor(n, "g"), rank = ln_emit_rank(n->e, v);
  const int64_t dim = ln_torch_int(n, "dim", 0);
  int32_t axes[LN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != dim) axes[count++] = i;
  }
  if (ln_emit_failed(n->e)) return -1;
  const int32_t norm =
      ln_emit_unary(n->e, LN_OP_SQRT, ln_emit_reduce(n->e, LN_OP_SUM, ln_emit_mul(n->e, v, v), count, axes, true));
  return ln_emit_mul(n->e, v, ln_emit_div(n->e, g, norm));
}

/* ---- bags ---- */

/* Rows of "weight" by indices [rows], in bags that begin at constant offsets. mode: 0 sum, 1 mean, 2 max. */
int32_t ln_torch_embedding_bag(torch_node *n) {
  const int32_t weight = ln_torch_tensor(n, "weight"), indices = ln_torch_tensor(n, "indices");
  int64_t offsets[4096];
  int32_t bags = 0;
  const int64_t mode = ln_torch_int(n, "mode", 0);
  const int32_t count = ln_emit_failed(n->e) ? -1 : ln_emit_dim(n->e, indices, 0);
  if (count < 1 || !ln_emit_ints(n->e, ln_torch_tensor(n, "offsets"), offsets, 4096, &bags) || mode < 0 || mode > 2 ||
      ln_torch_has(n, "per_sample_weights") || ln_torch_int(n, "padding_idx", -1) >= 0)
    return ln_emit_refuse(n->e, "bags are built of constant offsets, without weights and padding");
  if (ln_torch_flag(n, "include_last_offset", false)) --bags;
  int32_t *ids = ln_arena_array(ln_emit_arena(n->e), (size_t)count, sizeof *ids);
  float *sizes = ln_arena_array(ln_emit_arena(n->e), (size_t)bags + 1, sizeof *sizes);
  if (ids == NULL || sizes == NULL) return ln_import_no_memory(n->e->import);
  for (int32_t i = 0, bag = 0; i < count; ++i) {
    while (bag + 1 < bags && offsets[bag + 1] <= i) ++bag;
    ids[i] = bag;
    ++sizes[bag];
  }
  for (int32_t i = 0; i < bags; ++i) sizes[i] = sizes[i] > 0 ? 1 / sizes[i] : 0;
  const int32_t rows = ln_emit_gather(n->e, weight, indices, 0, 0), dims[] = {bags, 1};
  const int32_t inputs[] = {rows, ln_emit_vector(n->e, count, ids), ln_emit_i32(n->e, bags)};
  const int32_t code = mode == 2 ? LN_OP_UNSORTED_SEGMENT_MAX : LN_OP_UNSORTED_SEGMENT_SUM;
  const int32_t made = ln_emit_op(n->e, code, NULL, 3, inputs, ln_emit_type(n->e, rows));
  return mode == 1 ? ln_emit_mul(n->e, made, ln_emit_const(n->e, LN_FLOAT32, 2, dims, sizes)) : made;
}

/* ---- boxes ---- */

/* torchvision's: places of the boxes that stay, the best first. How many is known in the run. */
int32_t ln_torch_nms(torch_node *n) {
  static const ln_type types[] = {LN_INT32, LN_INT32};
  const int32_t boxes = ln_torch_tensor(n, "dets"), scores = ln_torch_tensor(n, "scores"), first = 0;
  const double overlap = ln_torch_number(n, "iou_threshold", 0.5);
  int32_t made[2];
  if (ln_emit_failed(n->e)) return -1;
  const int32_t inputs[] = {boxes, scores, ln_emit_size_of(n->e, boxes, 0), ln_emit_f32(n->e, overlap),
                            ln_emit_f32(n->e, -INFINITY)};
  if (!ln_emit_ops(n->e, LN_OP_NON_MAX_SUPPRESSION_V4, NULL, 5, inputs, 2, types, made)) return -1;
  const ln_strided_slice_options options = {.begin_mask = 1};
  const int32_t end = ln_emit_expand(n->e, made[1], 1, &first), one = ln_emit_vector(n->e, 1, (const int32_t[]){1});
  const int32_t parts[] = {made[0], ln_emit_vector(n->e, 1, &first), end, one};
  return ln_emit_cast(n->e, ln_emit_op(n->e, LN_OP_STRIDED_SLICE, &options, 4, parts, LN_INT32), LN_INT64);
}

/* ---- losses ---- */

static int32_t reduced(torch_node *n, int32_t each) {
  const int64_t how = ln_torch_int(n, "reduction", 1);
  return how == 0 ? each : ln_emit_reduce(n->e, how == 1 ? LN_OP_MEAN : LN_OP_SUM, each, 0, NULL, false);
}

/* Squares near zero, lines far from it. Variants: 0 smooth_l1 (beta), 1 huber (delta). */
int32_t ln_torch_smooth_loss(torch_node *n) {
  int32_t a, b;
  const double edge = ln_torch_number(n, n->variant == 0 ? "beta" : "delta", 1);
  if (!ln_torch_operands(n, "self", "target", &a, &b)) return -1;
  const int32_t size = ln_emit_unary(n->e, LN_OP_ABS, ln_emit_sub(n->e, a, b));
  if (edge == 0) return reduced(n, size);
  const double near_ = n->variant == 0 ? 0.5 / edge : 0.5, far = n->variant == 0 ? 1 : edge;
  const int32_t square = ln_emit_mul_number(n->e, ln_emit_mul(n->e, size, size), near_);
  const int32_t line = ln_emit_mul_number(n->e, ln_emit_add_number(n->e, size, -edge / 2), far);
  return reduced(n,
                 ln_emit_select(n->e, ln_emit_compare(n->e, LN_OP_LESS, size, ln_emit_f32(n->e, edge)), square, line));
}

/* Of probabilities, or (variant 1) of logits: max(x, 0) - x y + log(1 + exp(-|x|)). */
int32_t ln_torch_binary_cross_entropy(torch_node *n) {
  const int32_t x = self(n), y = ln_torch_tensor(n, "target");
  if (ln_torch_has(n, "weight") || ln_torch_has(n, "pos_weight")) return ln_emit_refuse(n->e, "weights are not built");
  if (n->variant == 1) {
    return reduced(n, ln_emit_sub(n->e, ln_emit_activate(n->e, LN_EMIT_SOFTPLUS, x), ln_emit_mul(n->e, x, y)));
  }
  const int32_t one = ln_emit_f32(n->e, 1);
  const int32_t yes = ln_emit_binary(n->e, LN_OP_MAXIMUM, ln_emit_unary(n->e, LN_OP_LOG, x), ln_emit_f32(n->e, -100));
  const int32_t no = ln_emit_binary(n->e, LN_OP_MAXIMUM, ln_emit_log1p(n->e, ln_emit_unary(n->e, LN_OP_NEG, x)),
                                    ln_emit_f32(n->e, -100));
  const int32_t sum = ln_emit_add(n->e, ln_emit_mul(n->e, y, yes), ln_emit_mul(n->e, ln_emit_sub(n->e, one, y), no));
  return reduced(n, ln_emit_unary(n->e, LN_OP_NEG, sum));
}

#endif
