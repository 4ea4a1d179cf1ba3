/* Products: dot_general in all its forms as matrix products, and convolutions with any order of dimensions. */
#include <string.h>

#include "import/stablehlo/lower.h"

/* ---- dot_general ---- */

/* One operand's dimensions by what they are for. */
typedef struct {
  int32_t tensor, rank;
  int32_t batch[LN_MAX_RANK], contract[LN_MAX_RANK], rest[LN_MAX_RANK];
  int32_t batch_count, contract_count, rest_count;
} ln_side;

static bool read_side(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index, int32_t simple, ln_side *out) {
  static const char *const batch[] = {"lhs_batching_dimensions", "rhs_batching_dimensions"};
  static const char *const contract[] = {"lhs_contracting_dimensions", "rhs_contracting_dimensions"};
  out->rank = ln_shlo_type(op, index)->rank;
  out->batch_count = out->rest_count = 0;
  if (simple) { /* dot: the last dimension with the first one */
    out->contract_count = out->rank > 0;
    out->contract[0] = index == 0 ? out->rank - 1 : 0;
  } else if (!ln_shlo_axes(f, op, batch[index], out->rank, out->batch, &out->batch_count) ||
             !ln_shlo_axes(f, op, contract[index], out->rank, out->contract, &out->contract_count)) {
    return false;
  }
  for (int32_t d = 0; d < out->rank; ++d) {
    bool used = false;
    for (int32_t i = 0; i < out->batch_count; ++i) used = used || out->batch[i] == d;
    for (int32_t i = 0; i < out->contract_count; ++i) used = used || out->contract[i] == d;
    if (!used) out->rest[out->rest_count++] = d;
  }
  return true;
}

/* [batch..., one joined group, the other]: the group of `first` before that of `second`. */
static int32_t arrange(ln_emit *e, const ln_side *s, bool contract_first, bool join_rest) {
  int32_t order[LN_MAX_RANK], count = 0;
  const int32_t *groups[] = {s->batch, contract_first ? s->contract : s->rest, contract_first ? s->rest : s->contract};
  const int32_t counts[] = {s->batch_count, contract_first ? s->contract_count : s->rest_count,
                            contract_first ? s->rest_count : s->contract_count};
  for (int32_t g = 0; g < 3; ++g) {
    for (int32_t i = 0; i < counts[g]; ++i) order[count++] = groups[g][i];
  }
  int32_t a = ln_emit_transpose(e, s->tensor, order);
  for (int32_t g = 2, end = count; g >= 1; --g) { /* from the end: places before stay */
    const int32_t begin = end - counts[g];
    const bool is_rest = (g == 1) != contract_first;
    if (counts[g] == 0) a = ln_emit_expand(e, a, 1, &begin);
    else if (counts[g] > 1 && (join_rest || !is_rest)) a = ln_emit_flatten(e, a, begin, end - 1);
    end = begin;
  }
  return a;
}

/* Whether the dimensions lie as they are: batch, then one of each group, contracted ones last (or first). */
static bool lies(const ln_side *s, bool contract_first) {
  if (s->contract_count != 1 || s->rest_count != 1) return false;
  for (int32_t i = 0; i < s->batch_count; ++i) {
    if (s->batch[i] != i) return false;
  }
  return (s->contract[0] < s->rest[0]) == contract_first;
}

static int32_t product(ln_emit *e, const ln_side *a, const ln_side *b) {
  const bool adj_a = lies(a, true), adj_b = lies(b, false);
  const bool keep =
      a->batch_count == 0 && a->contract_count == 1 && a->rest_count <= 3; /* rows in several dimensions */
  const int32_t left = adj_a ? a->tensor : arrange(e, a, false, !keep);
  const int32_t right = adj_b ? b->tensor : arrange(e, b, true, true);
  return ln_emit_matmul(e, left, right, adj_a, adj_b);
}

/* Products of narrow integers are exact in float32 while sums stay below 2^24. */
static bool fits_float(const ln_mlir_op *op, const ln_emit *e, const ln_side *a) {
  const ln_mlir_element_info *x = ln_shlo_element(op, 0), *y = ln_shlo_element(op, 1);
  const int32_t bits = (x->bits - (x->kind == LN_MLIR_SIGNED)) + (y->bits - (y->kind == LN_MLIR_SIGNED));
  int64_t count = 1;
  for (int32_t i = 0; i < a->contract_count; ++i) {
    const int32_t size = ln_emit_dim(e, a->tensor, a->contract[i]);
    count = size < 0 || count > 1 << 24 ? 1 << 25 : count * size;
  }
  return bits < 24 && count <= (int64_t)1 << (24 - bits);
}

static bool give_product(ln_shlo_frame *f, const ln_mlir_op *op, int32_t out, const ln_side *a, const ln_side *b) {
  ln_dim dims[LN_MAX_RANK];
  int32_t rank = 0;
  if (a->batch_count + a->rest_count + b->rest_count > LN_MAX_RANK)
    return ln_shlo_refuse(f, "its result has too many dimensions");
  for (int32_t i = 0; i < a->batch_count; ++i) dims[rank++] = LN_DIM_OF(a->tensor, a->batch[i]);
  for (int32_t i = 0; i < a->rest_count; ++i) dims[rank++] = LN_DIM_OF(a->tensor, a->rest[i]);
  for (int32_t i = 0; i < b->rest_count; ++i) dims[rank++] = LN_DIM_OF(b->tensor, b->rest[i]);
  return ln_shlo_give(f, op, 0, ln_emit_reshape(f->e, out, rank, dims));
}

static bool complex_product(ln_shlo_frame *f, const ln_mlir_op *op, ln_side *a, ln_side *b) {
  const ln_shlo_value x = ln_shlo_spread(f, ln_shlo_in(f, op, 0), ln_shlo_type(op, 0));
  const ln_shlo_value y = ln_shlo_spread(f, ln_shlo_in(f, op, 1), ln_shlo_type(op, 1));
  int32_t parts[2][2];
  for (int32_t i = 0; i < 2; ++i) {
    for (int32_t k = 0; k < 2; ++k) {
      a->tensor = i == 0 ? x.tensor : x.imag;
      b->tensor = k == 0 ? y.tensor : y.imag;
      if (a->tensor < 0 || b->tensor < 0) return ln_shlo_refuse(f, "complex and real operands do not go together");
      parts[i][k] = product(f->e, a, b);
    }
  }
  const int32_t im = ln_emit_add(f->e, parts[0][1], parts[1][0]);
  if (!give_product(f, op, im, a, b)) return false;
  const int32_t imag = ln_shlo_get(f, &op->results[0]).tensor;
  if (!give_product(f, op, ln_emit_sub(f->e, parts[0][0], parts[1][1]), a, b)) return false;
  ln_shlo_value v = ln_shlo_get(f, &op->results[0]);
  v.imag = imag;
  ln_shlo_set(f, &op->results[0], v);
  return true;
}

bool ln_shlo_dot_general(ln_shlo_frame *f, const ln_mlir_op *op, int32_t simple) {
  ln_side a = {.tensor = -1}, b = {.tensor = -1};
  if (op->operand_count != 2 || !read_side(f, op, 0, simple, &a) || !read_side(f, op, 1, simple, &b)) return false;
  if (a.batch_count != b.batch_count || a.contract_count != b.contract_count)
    return ln_shlo_refuse(f, "its operands' dimensions do not go together");
  if (ln_shlo_is_complex(op, 0)) return complex_product(f, op, &a, &b);
  a.tensor = ln_shlo_full(f, op, 0);
  b.tensor = ln_shlo_full(f, op, 1);
  if (a.tensor < 0 || b.tensor < 0) return false;
  const ln_mlir_element_info *to = ln_shlo_result_element(op), *from = ln_shlo_element(op, 0);
  if (from->kind == LN_MLIR_BOOL) return ln_shlo_refuse(f, "products of truth values are not in TensorFlow Lite");
  const bool exact = from->kind != LN_MLIR_REAL && fits_float(op, f->e, &a);
  ln_side x = a, y = b;
  const ln_type work =
      exact || from->kind == LN_MLIR_REAL || ln_shlo_element(op, 1)->kind == LN_MLIR_REAL ? LN_FLOAT32 : to->inside;
  x.tensor = ln_emit_cast(f->e, a.tensor, work);
  y.tensor = ln_emit_cast(f->e, b.tensor, work);
  const int32_t out = ln_emit_cast(f->e, product(f->e, &x, &y), to->inside);
  return give_product(f, op, ln_shlo_wrap(f->e, out, to), &a, &b);
}

/* ---- convolutions ---- */

typedef struct {
  int32_t rank; /* spatial */
  int32_t input[LN_MAX_RANK], kernel[LN_MAX_RANK],
      output[LN_MAX_RANK]; /* orders: [b, spatial..., f], [spatial..., i, o], [b, spatial..., f] */
  int32_t stride[3], low[3], high[3], spread[3], dilation[3], reversed[3];
  int32_t groups, batch_groups;
} ln_conv;

static bool read_order(ln_shlo_frame *f, const ln_mlir_op *op, const char *first, const char *last, const char *spatial,
                       int32_t rank, bool kernel, int32_t *out) {
  const int64_t a = ln_mlir_int(op, first, -1), b = ln_mlir_int(op, last, -1);
  int32_t axes[LN_MAX_RANK], count;
  if (!ln_shlo_axes(f, op, spatial, rank, axes, &count)) return false;
  bool good = count == rank - 2 && a >= 0 && a < rank && b >= 0 && b < rank && a != b;
  for (int32_t i = 0; i < count; ++i) good = good && axes[i] != a && axes[i] != b;
  if (!good) return ln_shlo_refuse(f, "its dimension numbers do not fit");
  for (int32_t i = 0; i < count; ++i) out[kernel ? i : i + 1] = axes[i];
  out[kernel ? rank - 2 : 0] = (int32_t)a;
  out[rank - 1] = (int32_t)b;
  return true;
}

static bool read_conv(ln_shlo_frame *f, const ln_mlir_op *op, ln_conv *c) {
  const int32_t rank = ln_shlo_type(op, 0)->rank;
  int32_t pads[6];
  c->rank = rank - 2;
  c->groups = (int32_t)ln_mlir_int(op, "feature_group_count", 1);
  c->batch_groups = (int32_t)ln_mlir_int(op, "batch_group_count", 1);
  if (c->rank < 0 || c->rank > 3 || ln_shlo_type(op, 1)->rank != rank)
    return ln_shlo_refuse(f, "convolutions over more than 3 dimensions are not in TensorFlow Lite");
  if (!read_order(f, op, "input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions", rank, false,
                  c->input) ||
      !read_order(f, op, "kernel_input_feature_dimension", "kernel_output_feature_dimension",
                  "kernel_spatial_dimensions", rank, true, c->kernel) ||
      !read_order(f, op, "output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions", rank, false,
                  c->output)) {
    return false;
  }
  if (!ln_shlo_list(f, op, "window_strides", c->rank, 1, c->stride) ||
      !ln_shlo_list(f, op, "padding", 2 * c->rank, 0, pads) ||
      !ln_shlo_list(f, op, "lhs_dilation", c->rank, 1, c->spread) ||
      !ln_shlo_list(f, op, "rhs_dilation", c->rank, 1, c->dilation) ||
      !ln_shlo_list(f, op, "window_reversal", c->rank, 0, c->reversed)) {
    return false;
  }
  for (int32_t i = 0; i < c->rank; ++i) {
    c->low[i] = pads[2 * i];
    c->high[i] = pads[2 * i + 1];
    if (c->stride[i] < 1 || c->spread[i] < 1 || c->dilation[i] < 1) return ln_shlo_refuse(f, "its window has no steps");
  }
  return (c->groups >= 1 && c->batch_groups >= 1) || ln_shlo_refuse(f, "its groups are none");
}

static bool is_spread(const ln_conv *c) {
  for (int32_t i = 0; i < c->rank; ++i) {
    if (c->spread[i] != 1) return true;
  }
  return false;
}

/* A convolution over elements with zeros between them is a transposed one, with the kernel turned around. */
static bool is_transposed(const ln_emit *e, const ln_conv *c, int32_t filter) {
  for (int32_t i = 0; i < c->rank; ++i) {
    const int32_t size = ln_emit_dim(e, filter, i);
    const int64_t span = ((int64_t)size - 1) * c->dilation[i];
    if (c->stride[i] != 1 || c->dilation[i] != 1 || c->low[i] > span || c->low[i] < 0 || c->high[i] < 0) return false;
    if (c->high[i] > span + c->spread[i] - 1) return false;
  }
  return is_spread(c) && c->rank >= 1 && c->rank <= 2 && c->groups == 1;
}

static int32_t transposed_conv(ln_emit *e, const ln_conv *c, int32_t a, int32_t filter) {
  ln_window w = {.rank = c->rank, .padding = LN_EMIT_EXPLICIT};
  int32_t more[3] = {0}, order[LN_MAX_RANK];
  for (int32_t i = 0; i < c->rank; ++i) {
    const int32_t size = ln_emit_dim(e, filter, i);
    w.size[i] = size;
    w.stride[i] = c->spread[i];
    w.dilation[i] = 1;
    w.before[i] = size - 1 - c->low[i];
    w.after[i] = size - 1 - c->high[i];
    if (w.after[i] < 0) {
      more[i] = -w.after[i];
      w.after[i] = 0;
    }
    filter = ln_emit_reverse(e, filter, i);
    order[i] = i;
  }
  order[c->rank] = c->rank + 1;
  order[c->rank + 1] = c->rank;
  return ln_emit_conv_transpose(e, a, ln_emit_transpose(e, filter, order), -1, 1, &w, more);
}

/* [b, spatial..., f] by [spatial..., i, o] */
static int32_t plain_conv(ln_shlo_frame *f, const ln_conv *c, int32_t a, int32_t filter) {
  ln_window w = {.rank = c->rank, .padding = LN_EMIT_EXPLICIT};
  int32_t none[LN_MAX_RANK] = {0}, inner[LN_MAX_RANK] = {0}, low[LN_MAX_RANK] = {0}, high[LN_MAX_RANK] = {0};
  bool crops = false;
  for (int32_t i = 0; i < c->rank; ++i) {
    if (c->reversed[i] != 0) filter = ln_emit_reverse(f->e, filter, i);
  }
  if (is_transposed(f->e, c, filter)) return transposed_conv(f->e, c, a, filter);
  for (int32_t i = 0; i < c->rank; ++i) {
    inner[i + 1] = c->spread[i] - 1;
    crops = crops || c->low[i] < 0 || c->high[i] < 0;
    low[i + 1] = c->low[i];
    high[i + 1] = c->high[i];
    w.size[i] = ln_emit_dim(f->e, filter, i);
    w.stride[i] = c->stride[i];
    w.dilation[i] = c->dilation[i];
    w.before[i] = c->low[i];
    w.after[i] = c->high[i];
  }
  if (is_spread(c) || crops)
    a = ln_shlo_pad(f, a, ln_emit_f32(f->e, 0), crops ? low : none, crops ? high : none, inner);
  for (int32_t i = 0; crops && i < c->rank; ++i) w.before[i] = w.after[i] = 0;
  return ln_emit_conv(f->e, a, filter, -1, c->groups, &w);
}

/* The batch in groups, each with its part of the kernel's outputs. */
static int32_t conv_by_batch(ln_shlo_frame *f, const ln_conv *c, int32_t a, int32_t filter) {
  enum { MOST = 256 };
  int32_t sizes[MOST], inputs[MOST], filters[MOST];
  const int32_t batch = ln_emit_dim(f->e, a, 0), out = ln_emit_dim(f->e, filter, -1), groups = c->batch_groups;
  if (groups > MOST || batch < 0 || batch % groups != 0 || out % groups != 0)
    return ln_emit_refuse(f->e, "%d groups of its batch", groups);
  for (int32_t g = 0; g < groups; ++g) sizes[g] = batch / groups;
  if (!ln_emit_split(f->e, a, 0, groups, sizes, inputs)) return -1;
  for (int32_t g = 0; g < groups; ++g) sizes[g] = out / groups;
  if (!ln_emit_split(f->e, filter, -1, groups, sizes, filters)) return -1;
  for (int32_t g = 0; g < groups; ++g) inputs[g] = plain_conv(f, c, inputs[g], filters[g]);
  return ln_emit_concat(f->e, -1, groups, inputs);
}

/* Over no spatial dimension it is a matrix product: given one of size 1. */
static int32_t conv_of(ln_shlo_frame *f, ln_conv c, int32_t a, int32_t filter) {
  const int32_t one = 1, first = 0;
  if (c.rank > 0) return c.batch_groups > 1 ? conv_by_batch(f, &c, a, filter) : plain_conv(f, &c, a, filter);
  c.rank = 1;
  c.stride[0] = c.spread[0] = c.dilation[0] = 1;
  c.low[0] = c.high[0] = c.reversed[0] = 0;
  const int32_t out = conv_of(f, c, ln_emit_expand(f->e, a, 1, &one), ln_emit_expand(f->e, filter, 1, &first));
  return ln_emit_squeeze(f->e, out, 1, &one);
}

bool ln_shlo_convolution(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_conv c = {0};
  int32_t back[LN_MAX_RANK];
  (void)unused;
  if (op->operand_count != 2 || !read_conv(f, op, &c)) return false;
  const ln_mlir_element_info *from = ln_shlo_element(op, 0), *to = ln_shlo_result_element(op);
  int32_t a = ln_shlo_full(f, op, 0), filter = ln_shlo_full(f, op, 1);
  if (a < 0 || filter < 0) return false;
  if (from->kind != LN_MLIR_REAL) {
    int64_t count = 1;
    const int32_t rank = c.rank + 2;
    for (int32_t i = 0; i < rank; ++i)
      count = i == c.kernel[rank - 1] || count > 1 << 24 ? count : count * ln_emit_dim(f->e, filter, i);
    if (from->bits > 8 || count > 1 << 10)
      return ln_shlo_refuse(f, "convolutions of integers this large are not in TensorFlow Lite; use float32");
    a = ln_emit_cast(f->e, a, LN_FLOAT32);
    filter = ln_emit_cast(f->e, filter, LN_FLOAT32);
  }
  a = ln_emit_transpose(f->e, a, c.input);
  filter = ln_emit_transpose(f->e, filter, c.kernel);
  const int32_t out = ln_emit_cast(f->e, conv_of(f, c, a, filter), to->inside);
  for (int32_t i = 0; i < c.rank + 2; ++i) back[c.output[i]] = i;
  return ln_shlo_give(f, op, 0, ln_emit_transpose(f->e, out, back));
}
