/* Reductions, orders and sums along axes. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t self(torch_node *n) { return ln_torch_tensor(n, "self"); }

typedef struct reduction {
  int32_t a, count, axes[LN_MAX_RANK];
  bool keep;
} reduction;

/* "dim" and "keepdim" of a tensor. */
static bool read_reduction(torch_node *n, int32_t a, reduction *out) {
  *out = (reduction){.a = a, .keep = ln_torch_flag(n, "keepdim", false)};
  if (ln_emit_failed(n->e)) return false;
  out->count = ln_torch_axes(n, "dim", ln_emit_rank(n->e, a), out->axes);
  return out->count >= 0 && !ln_emit_failed(n->e);
}

static int32_t reduce(torch_node *n, int32_t code, const reduction *r) {
  if (ln_emit_rank(n->e, r->a) == 0) return r->a;
  return ln_emit_reduce(n->e, code, r->a, r->count, r->axes, r->keep);
}

static int32_t reduce_as(torch_node *n, int32_t code, int32_t a) {
  reduction r;
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, a);
  if (!read_reduction(n, ln_emit_cast(n->e, a, ln_torch_working_type(type)), &r)) return -1;
  return ln_emit_cast(n->e, reduce(n, code, &r), type);
}

/* Integers are summed as int64. */
static int32_t summable(torch_node *n, int32_t a) {
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, a);
  return ln_emit_cast(n->e, a, ln_torch_dtype(n, "dtype", ln_emit_is_float(type) ? type : LN_INT64));
}

int32_t ln_torch_sum(torch_node *n) { return reduce_as(n, n->variant, summable(n, self(n))); }

int32_t ln_torch_mean(torch_node *n) {
  const int32_t a = self(n);
  if (ln_emit_failed(n->e)) return -1;
  return reduce_as(n, LN_OP_MEAN, ln_emit_cast(n->e, a, ln_torch_dtype(n, "dtype", ln_emit_type(n->e, a))));
}

int32_t ln_torch_reduce(torch_node *n) { return reduce_as(n, n->variant, self(n)); }

int32_t ln_torch_any(torch_node *n) {
  reduction r;
  return read_reduction(n, ln_emit_cast(n->e, self(n), LN_BOOL), &r) ? reduce(n, n->variant, &r) : -1;
}

int32_t ln_torch_count_nonzero(torch_node *n) {
  reduction r;
  const int32_t hits = ln_emit_cast(n->e, ln_emit_cast(n->e, self(n), LN_BOOL), LN_INT64);
  return read_reduction(n, hits, &r) ? reduce(n, LN_OP_SUM, &r) : -1;
}

/* ---- the largest and where it is ---- */

static int32_t arg_of(torch_node *n, int32_t a, int32_t code, int32_t axis, bool keep) {
  return ln_emit_arg(n->e, code, a, axis, keep, LN_INT64);
}

int32_t ln_torch_argmax(torch_node *n) {
  int32_t a = self(n);
  const bool keep = ln_torch_flag(n, "keepdim", false), all = !ln_torch_has(n, "dim");
  if (ln_emit_failed(n->e)) return -1;
  a = ln_emit_cast(n->e, a, ln_torch_working_type(ln_emit_type(n->e, a)));
  const int32_t rank = ln_emit_rank(n->e, a);
  const int32_t flat = all || rank == 0 ? ln_emit_flatten(n->e, a, 0, -1) : a;
  const int32_t made =
      arg_of(n, flat, n->variant, all || rank == 0 ? 0 : (int32_t)ln_torch_int(n, "dim", 0), keep && !all);
  if (!all || !keep || rank == 0) return made;
  ln_dim ones[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) ones[i] = LN_DIM(1);
  return ln_emit_reshape(n->e, made, rank, ones);
}

/* max(self), max(self, other) and max(self, dim), which gives places as well. Variants: LN_OP_REDUCE_MAX, _MIN. */
int32_t ln_torch_max(torch_node *n) {
  const bool largest = n->variant == LN_OP_REDUCE_MAX;
  if (ln_torch_has(n, "other")) {
    n->variant = largest ? LN_OP_MAXIMUM : LN_OP_MINIMUM;
    return ln_torch_binary(n);
  }
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  if (ln_torch_has(n, "dim") && rank > 0) {
    const int32_t wide = ln_emit_cast(n->e, a, ln_torch_working_type(ln_emit_type(n->e, a)));
    n->outputs[1] = arg_of(n, wide, largest ? LN_OP_ARG_MAX : LN_OP_ARG_MIN, (int32_t)ln_torch_int(n, "dim", 0),
                           ln_torch_flag(n, "keepdim", false));
    n->output_count = 2;
    return n->outputs[0] = reduce_as(n, n->variant, a);
  }
  return reduce_as(n, n->variant, a);
}

int32_t ln_torch_aminmax(torch_node *n) {
  n->output_count = 2;
  n->outputs[0] = reduce_as(n, LN_OP_REDUCE_MIN, self(n));
  n->outputs[1] = reduce_as(n, LN_OP_REDUCE_MAX, self(n));
  return n->outputs[0];
}

/* ---- spread ---- */

/* How many elements each result is of, as a float scalar. */
static int32_t counted(torch_node *n, const reduction *r) {
  double fixed = 1;
  int32_t open = -1;
  for (int32_t i = 0; i < r->count; ++i) {
    const int32_t size = ln_emit_dim(n->e, r->a, r->axes[i]);
    if (size >= 0) {
      fixed *= size;
      continue;
    }
    const int32_t own = ln_emit_cast(n->e, ln_emit_size_of(n->e, r->a, r->axes[i]), LN_FLOAT32);
    open = open < 0 ? own : ln_emit_mul(n->e, open, own);
  }
  return open < 0 ? ln_emit_f32(n->e, fixed) : ln_emit_mul_number(n->e, open, fixed);
}

/* The correction: of "correction", else 1 where "unbiased" is. */
static double correction_of(torch_node *n) {
  if (ln_torch_has(n, "correction")) return ln_torch_number(n, "correction", 1);
  return ln_torch_flag(n, "unbiased", true) ? 1 : 0;
}

static int32_t variance(torch_node *n, const reduction *r, int32_t *mean) {
  reduction over = *r;
  over.keep = true;
  const int32_t kept = reduce(n, LN_OP_MEAN, &over);
  const int32_t apart = ln_emit_sub(n->e, r->a, kept);
  const double correction = correction_of(n);
  over = *r;
  over.a = ln_emit_mul(n->e, apart, apart);
  if (mean != NULL) *mean = r->keep ? kept : reduce(n, LN_OP_MEAN, r);
  if (correction == 0) return reduce(n, LN_OP_MEAN, &over);
  const int32_t total = counted(n, r);
  const int32_t left =
      ln_emit_binary(n->e, LN_OP_MAXIMUM, ln_emit_add_number(n->e, total, -correction), ln_emit_f32(n->e, 0));
  return ln_emit_mul(n->e, reduce(n, LN_OP_MEAN, &over), ln_emit_div(n->e, total, left));
}

/* Variants: 1 the root, 2 the mean as well. */
int32_t ln_torch_variance(torch_node *n) {
  reduction r;
  int32_t mean = -1;
  if (!read_reduction(n, ln_torch_as_float(n, self(n)), &r)) return -1;
  int32_t made = variance(n, &r, (n->variant & 2) != 0 ? &mean : NULL);
  if ((n->variant & 1) != 0) made = ln_emit_unary(n->e, LN_OP_SQRT, made);
  n->outputs[0] = made;
  n->outputs[1] = mean;
  n->output_count = (n->variant & 2) != 0 ? 2 : 1;
  return made;
}

/* ---- norms ---- */

static int32_t norm(torch_node *n, const reduction *r, double p) {
  reduction over = *r;
  over.a = ln_emit_unary(n->e, LN_OP_ABS, r->a);
  if (p == INFINITY) return reduce(n, LN_OP_REDUCE_MAX, &over);
  if (p == -INFINITY) return reduce(n, LN_OP_REDUCE_MIN, &over);
  if (p == 1) return reduce(n, LN_OP_SUM, &over);
  if (p == 0) {
    over.a = ln_emit_cast(n->e, ln_emit_cast(n->e, r->a, LN_BOOL), ln_emit_type(n->e, r->a));
    return reduce(n, LN_OP_SUM, &over);
  }
  const ln_type type = ln_emit_type(n->e, r->a);
  over.a = p == 2 ? ln_emit_mul(n->e, r->a, r->a) : ln_emit_pow(n->e, over.a, ln_emit_scalar(n->e, type, p));
  const int32_t sum = reduce(n, LN_OP_SUM, &over);
  return p == 2 ? ln_emit_unary(n->e, LN_OP_SQRT, sum) : ln_emit_pow(n->e, sum, ln_emit_scalar(n->e, type, 1 / p));
}

int32_t ln_torch_norm(torch_node *n) {
  reduction r;
  const double p = ln_torch_number(n, ln_torch_has(n, "ord") ? "ord" : "p", 2);
  return read_reduction(n, ln_torch_as_float(n, self(n)), &r) ? norm(n, &r, p) : -1;
}

/* self / max(norm, eps) is composed by PyTorch; here: the angle's cosine, x1 x2 / (|x1| |x2|). */
int32_t ln_torch_cosine_similarity(torch_node *n) {
  int32_t a, b;
  const double eps = ln_torch_number(n, "eps", 1e-8);
  if (!ln_torch_operands(n, "x1", "x2", &a, &b)) return -1;
  const int32_t axis = (int32_t)ln_torch_int(n, "dim", 1);
  reduction r = {.count = 1, .axes = {axis}};
  int32_t lengths[2];
  for (int32_t i = 0; i < 2; ++i) {
    r.a = i == 0 ? a : b;
    lengths[i] = ln_emit_binary(n->e, LN_OP_MAXIMUM, norm(n, &r, 2), ln_emit_f32(n->e, eps));
  }
  const int32_t product = ln_emit_reduce(n->e, LN_OP_SUM, ln_emit_mul(n->e, a, b), 1, &axis, false);
  return ln_emit_div(n->e, product, ln_emit_mul(n->e, lengths[0], lengths[1]));
}

int32_t ln_torch_pairwise_distance(torch_node *n) {
  int32_t a, b;
  const double p = ln_torch_number(n, "p", 2), eps = ln_torch_number(n, "eps", 1e-6);
  if (!ln_torch_operands(n, "x1", "x2", &a, &b)) return -1;
  const reduction r = {.a = ln_emit_add_number(n->e, ln_emit_sub(n->e, a, b), eps),
                       .count = 1,
                       .axes = {-1},
                       .keep = ln_torch_flag(n, "keepdim", false)};
  return norm(n, &r, p);
}

int32_t ln_torch_cdist(torch_node *n) {
  int32_t a, b;
  const int32_t second_last = -2, third_last = -3;
  if (!ln_torch_operands(n, "x1", "x2", &a, &b)) return -1;
  const reduction r = {
      .a = ln_emit_sub(n->e, ln_emit_expand(n->e, a, 1, &second_last), ln_emit_expand(n->e, b, 1, &third_last)),
      .count = 1,
      .axes = {-1}};
  return norm(n, &r, ln_torch_number(n, "p", 2));
}

/* ---- exponentials ---- */

int32_t ln_torch_logsumexp(torch_node *n) {
  reduction r;
  if (!read_reduction(n, ln_torch_as_float(n, self(n)), &r)) return -1;
  reduction over = r;
  over.keep = true;
  int32_t most = reduce(n, LN_OP_REDUCE_MAX, &over);
  most = ln_emit_clip(n->e, most, -3.4e38, 3.4e38); /* infinite ones stay what they are */
  over.a = ln_emit_unary(n->e, LN_OP_EXP, ln_emit_sub(n->e, r.a, most));
  const int32_t sum = ln_emit_unary(n->e, LN_OP_LOG, reduce(n, LN_OP_SUM, &over));
  const int32_t whole = ln_emit_add(n->e, sum, most);
  return r.keep || ln_emit_rank(n->e, r.a) == 0 ? whole : ln_emit_squeeze(n->e, whole, r.count, r.axes);
}

/* Variants: 1 the logarithm. */
int32_t ln_torch_softmax(torch_node *n) {
  int32_t a = ln_torch_tensor(n, "self");
  if (ln_emit_failed(n->e)) return -1;
  a = ln_torch_as_float(n, ln_emit_cast(n->e, a, ln_torch_dtype(n, "dtype", ln_emit_type(n->e, a))));
  const int32_t axis = (int32_t)ln_torch_int(n, "dim", -1);
  return n->variant == 1 ? ln_emit_log_softmax(n->e, a, axis) : ln_emit_softmax(n->e, a, axis);
}

/* ---- along an axis ---- */

int32_t ln_torch_cumsum(torch_node *n) {
  const int32_t a = summable(n, self(n));
  if (ln_emit_failed(n->e) || ln_emit_rank(n->e, a) == 0) return a;
  return ln_emit_cumsum(n->e, a, (int32_t)ln_torch_int(n, "dim", 0), false, false);
}

int32_t ln_torch_cumprod(torch_node *n) {
  const int32_t a = summable(n, self(n));
  if (ln_emit_failed(n->e) || ln_emit_rank(n->e, a) == 0) return a;
  return ln_emit_cumprod(n->e, a, (int32_t)ln_torch_int(n, "dim", 0), false, false);
}

/* `count` of an axis in order, with their places. */
static bool ordered(torch_node *n, int32_t a, int32_t count, bool largest) {
  if (!ln_emit_top_k(n->e, a, count, (int32_t)ln_torch_int(n, "dim", -1), largest, &n->outputs[0], &n->outputs[1]))
    return false;
  n->outputs[1] = ln_emit_cast(n->e, n->outputs[1], LN_INT64);
  n->output_count = 2;
  return !ln_emit_failed(n->e);
}

int32_t ln_torch_topk(torch_node *n) {
  const int32_t a = self(n), k = ln_torch_tensor(n, "k");
  return ordered(n, a, k, ln_torch_flag(n, "largest", true)) ? n->outputs[0] : -1;
}

static bool sorted(torch_node *n, bool descending) {
  const int32_t a = self(n);
  if (ln_emit_failed(n->e)) return false;
  if (ln_emit_rank(n->e, a) == 0) return ln_emit_refuse(n->e, "a scalar is sorted") > 0;
  return ordered(n, a, ln_emit_size_of(n->e, a, (int32_t)ln_torch_int(n, "dim", -1)), descending);
}

int32_t ln_torch_sort(torch_node *n) { return sorted(n, ln_torch_flag(n, "descending", false)) ? n->outputs[0] : -1; }

int32_t ln_torch_argsort(torch_node *n) {
  if (!sorted(n, ln_torch_flag(n, "descending", false))) return -1;
  n->output_count = 1;
  return n->outputs[0] = n->outputs[1];
}

/* The k-th smallest; variant 1: the median. */
int32_t ln_torch_kth(torch_node *n) {
  int32_t a = self(n);
  if (ln_emit_failed(n->e)) return -1;
  const bool all = n->variant == 1 && !ln_torch_has(n, "dim");
  if (all) a = ln_emit_flatten(n->e, a, 0, -1);
  const int32_t rank = ln_emit_rank(n->e, a);
  const int32_t axis = ln_torch_axis(n, ln_torch_int(n, "dim", -1), rank),
                size = axis < 0 ? -1 : ln_emit_dim(n->e, a, axis);
  if (size < 1) return ln_emit_refuse(n->e, "an open dimension is ordered");
  const int64_t k = n->variant == 1 ? (size + 1) / 2 : ln_torch_int(n, "k", 1);
  if (k < 1 || k > size) return ln_emit_wrong(n->e, "there is no element %lld", (long long)k);
  if (!ln_emit_top_k(n->e, a, ln_emit_i32(n->e, (int32_t)k), axis, false, &n->outputs[0], &n->outputs[1])) return -1;
  const bool keep = ln_torch_flag(n, "keepdim", false) && !all;
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t last = ln_emit_slice(n->e, n->outputs[i], axis, (int32_t)k - 1, (int32_t)k, 1);
    n->outputs[i] = keep ? last : ln_emit_squeeze(n->e, last, 1, &axis);
  }
  n->outputs[1] = ln_emit_cast(n->e, n->outputs[1], LN_INT64);
  n->output_count = 2;
  return n->outputs[0];
}

#endif
