/* Builtin operators under TensorFlow's names for the float types that their own kernels lack, by way of double. */
#include <math.h>
#include <string.h>

#include "kernels/special.h"
#include "ops/elementwise.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

/* ---- Softmax, LogSoftmax ---- */

static bool is_log(const ln_node *node) { return node->op->def->variant != 0; }

ln_status ln_flex_softmax_prepare(ln_node *node, ln_prep *prep) {
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the input is a scalar");
  if (node->in[0]->type != LN_FLOAT32) return ln_wide_reserve(node, prep, 0);
  return is_log(node) ? ln_log_softmax_prepare(node, prep) : ln_softmax_prepare(node, prep);
}

ln_status ln_flex_softmax_run(const ln_node *node, ln_exec *exec) {
  if (node->in[0]->type == LN_FLOAT32)
    return is_log(node) ? ln_log_softmax_run(node, exec) : ln_softmax_run(node, exec);
  const ln_shape *shape = &node->in[0]->shape;
  const size_t rows = ln_shape_span(shape, 0, shape->rank - 1), columns = (size_t)shape->dims[shape->rank - 1];
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t r = 0; r < rows; ++r) {
    const double *x = w.in[0] + r * columns;
    double *out = w.out[0] + r * columns, most = -INFINITY, sum = 0.0;
    for (size_t c = 0; c < columns; ++c) most = x[c] > most ? x[c] : most;
    for (size_t c = 0; c < columns; ++c) sum += exp(x[c] - most);
    for (size_t c = 0; c < columns; ++c) out[c] = is_log(node) ? x[c] - most - log(sum) : exp(x[c] - most) / sum;
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- UniqueWithCounts, UniqueV2 (of lists) ---- */

ln_status ln_unique_counts_infer(ln_node *node, ln_error *err) {
  const ln_status status = ln_unique_infer(node, err);
  if (status != LN_OK) return status;
  return ln_node_set_shape(node, 2, &node->out[0]->shape, err);
}

ln_status ln_unique_counts_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *places = node->out[1];
  ln_tensor *counts = node->out[2];
  const bool wide_places = places->type == LN_INT64, wide = counts->type == LN_INT64;
  LN_TRY(ln_unique_run(node, exec));
  if (ln_tensor_is_empty(counts)) return LN_OK;
  memset(counts->data, 0, counts->bytes);
  for (int32_t i = 0; i < places->shape.dims[0]; ++i) {
    const int64_t at = wide_places ? ((const int64_t *)places->data)[i] : ((const int32_t *)places->data)[i];
    if (wide) ++((int64_t *)counts->data)[at];
    else ++((int32_t *)counts->data)[at];
  }
  return LN_OK;
}

/* The axis, none or 0, of a list says nothing. */
ln_status ln_unique_v2_infer(ln_node *node, ln_error *err) {
  int64_t axis = 0;
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, &axis, 1, &count, err));
  if (count == 1 && axis != 0 && axis != -1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld of a list", (long long)axis);
  }
  return ln_unique_infer(node, err);
}

/* ---- Betainc: a, b, x of one shape ---- */

ln_status ln_betainc_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[1]->shape) ||
      !ln_shape_equal(&node->in[0]->shape, &node->in[2]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs' shapes differ");
  }
  return ln_infer_same(node, err);
}

ln_status ln_betainc_run(const ln_node *node, ln_exec *exec) {
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < count; ++i) w.out[0][i] = ln_k_betainc(w.in[0][i], w.in[1][i], w.in[2][i]);
  ln_wide_close(node, &w);
  return LN_OK;
}
