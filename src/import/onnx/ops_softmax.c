/* Softmax and its kin, losses that are made of it, and normalizations by a norm. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx.h"

/* ---- Softmax, LogSoftmax, Hardmax ---- */

static int32_t hardmax(ln_emit *e, int32_t a, int32_t axis) {
  if (ln_emit_failed(e)) return -1;
  const int32_t at = ln_emit_arg(e, LN_OP_ARG_MAX, a, axis, false, LN_INT32);
  return ln_emit_ones(e, at, ln_emit_size_of(e, a, axis), axis, ln_emit_type(e, a));
}

static int32_t (*const kinds[])(ln_emit *e, int32_t a, int32_t axis) = {ln_emit_softmax, ln_emit_log_softmax, hardmax};

/* Before version 13 everything from the axis on is one dimension. */
void ln_onnx_softmax(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  const int32_t axis = ln_onnx_axis(n, "axis", n->version < 13 ? 1 : -1, rank);
  if (axis < 0) return;
  if (n->version >= 13 || axis == rank - 1) {
    ln_onnx_out(n, 0, kinds[n->variant](e, a, axis));
    return;
  }
  const int32_t flat = ln_emit_flatten(e, a, axis, -1);
  ln_onnx_out(n, 0, ln_emit_reshape_like(e, kinds[n->variant](e, flat, axis), a));
}

/* ---- losses: x [n, classes, d...], target [n, d...], weight [classes] ---- */

/* [1, classes, 1...] */
static int32_t by_class(ln_emit *e, int32_t weight, int32_t rank) {
  int32_t axes[LN_MAX_RANK] = {0};
  for (int32_t i = 1; i < rank - 1; ++i) axes[i] = i + 1;
  return ln_emit_expand(e, weight, rank - 1, axes);
}

static int32_t sum_of_classes(ln_emit *e, int32_t a) {
  const int32_t axis = 1;
  return ln_emit_reduce(e, LN_OP_SUM, a, 1, &axis, false);
}

typedef struct loss {
  int32_t each;   /* [n, d...]: of each target, weighted */
  int32_t weight; /* [n, d...]: what each counts; -1: all count 1 */
} loss;

static bool target_loss(ln_onnx_node *n, int32_t x, int32_t target, int32_t weight, loss *out) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, x);
  if (ln_emit_failed(e)) return false;
  if (rank < 2 || ln_emit_rank(e, target) != rank - 1) {
    ln_emit_wrong(e, "scores of %d dimensions do not fit targets of %d", rank, ln_emit_rank(e, target));
    return false;
  }
  const ln_type type = ln_emit_type(e, x);
  target = ln_emit_cast(e, target, LN_INT32);
  const int32_t hot = ln_emit_ones(e, target, ln_emit_size_of(e, x, 1), 1, LN_BOOL);
  const int32_t zero = ln_emit_scalar(e, type, 0);
  out->weight = -1;
  if (weight >= 0) weight = ln_emit_select(e, hot, by_class(e, weight, rank), zero);
  if (weight >= 0) out->weight = sum_of_classes(e, weight);
  out->each = ln_emit_unary(e, LN_OP_NEG, sum_of_classes(e, ln_emit_select(e, hot, x, zero)));
  if (ln_onnx_has_attribute(n, "ignore_index")) {
    const int32_t ignored = ln_emit_i32(e, ln_onnx_int32(n, "ignore_index", 0));
    const int32_t counts = ln_emit_cast(e, ln_emit_compare(e, LN_OP_NOT_EQUAL, target, ignored), type);
    out->weight = out->weight < 0 ? counts : ln_emit_mul(e, out->weight, counts);
  }
  if (out->weight >= 0) out->each = ln_emit_mul(e, out->each, out->weight);
  return !ln_emit_failed(e);
}

static int32_t reduce_loss(ln_onnx_node *n, const loss *l) {
  ln_emit *e = n->e;
  const char *how = ln_onnx_text(n, "reduction", "mean");
  if (strcmp(how, "none") == 0) return l->each;
  if (strcmp(how, "sum") == 0) return ln_emit_reduce(e, LN_OP_SUM, l->each, 0, NULL, false);
  if (strcmp(how, "mean") != 0) return ln_emit_wrong(e, "no reduction is called %.80s", how);
  if (l->weight < 0) return ln_emit_reduce(e, LN_OP_MEAN, l->each, 0, NULL, false);
  return ln_emit_div(e, ln_emit_reduce(e, LN_OP_SUM, l->each, 0, NULL, false),
                     ln_emit_reduce(e, LN_OP_SUM, l->weight, 0, NULL, false));
}

void ln_onnx_nll_loss(ln_onnx_node *n) {
  loss l;
  if (target_loss(n, ln_onnx_in(n, 0), ln_onnx_in(n, 1), ln_onnx_in(n, 2), &l)) ln_onnx_out(n, 0, reduce_loss(n, &l));
}

void ln_onnx_softmax_loss(ln_onnx_node *n) {
  loss l;
  const int32_t logs = ln_emit_log_softmax(n->e, ln_onnx_in(n, 0), 1);
  if (!target_loss(n, logs, ln_onnx_in(n, 1), ln_onnx_in(n, 2), &l)) return;
  ln_onnx_out(n, 0, reduce_loss(n, &l));
  ln_onnx_out(n, 1, logs);
}

/* ---- norms ---- */

/* x / |x|; where the norm is 0, so is x. */
void ln_onnx_lp_normalization(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const int32_t axis = ln_onnx_axis(n, "axis", -1, ln_emit_rank(e, a));
  const bool one = ln_onnx_int(n, "p", 2) == 1;
  if (axis < 0) return;
  const int32_t parts = one ? ln_emit_unary(e, LN_OP_ABS, a) : ln_emit_mul(e, a, a);
  int32_t norm = ln_emit_reduce(e, LN_OP_SUM, parts, 1, &axis, true);
  if (!one) norm = ln_emit_unary(e, LN_OP_SQRT, norm);
  const int32_t least = ln_emit_scalar(e, ln_emit_type(e, a), 1.2e-38);
  ln_onnx_out(n, 0, ln_emit_div(e, a, ln_emit_binary(e, LN_OP_MAXIMUM, norm, least)));
}

void ln_onnx_mean_variance(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  int32_t axes[LN_MAX_RANK], count, mean, middle;
  if (!ln_onnx_axes(n, "axes", -1, ln_emit_rank(e, a), axes, &count)) return;
  if (count < 0) {
    axes[0] = 0, axes[1] = 2, axes[2] = 3;
    count = 3;
  }
  const int32_t variance = ln_emit_variance(e, a, count, axes, true, &mean, &middle);
  ln_onnx_out(n, 0, ln_emit_div(e, middle, ln_emit_add_number(e, ln_emit_unary(e, LN_OP_SQRT, variance), 1e-9)));
}
