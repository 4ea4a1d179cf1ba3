/* Select-TF linear algebra on batches of matrices, in double precision. The row's variant is the decomposition. */
#include <math.h>
#include <string.h>

#include "kernels/linalg.h"
#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

/* Matrices [rows, columns] of input 0, and the right side's columns; flags of the operator. */
typedef struct matrix_args {
  size_t rows, columns, right, batches;
  bool flag, lower;
} matrix_args;

static int32_t kind_of(const ln_node *node) { return node->op->def->variant; }

/* What the operator's one attribute that is not lower says. */
static ln_status read_flag(const ln_node *node, ln_error *err, matrix_args *args) {
  args->lower = true;
  args->flag = false;
  switch (kind_of(node)) {
    case LN_LINALG_QR: return ln_attr_bool(node, err, "full_matrices", &args->flag);
    case LN_LINALG_SVD: return ln_attr_bool(node, err, "full_matrices", &args->flag);
    case LN_LINALG_TRIANGULAR_SOLVE: LN_TRY(ln_attr_bool(node, err, "lower", &args->lower)); break;
    default: break;
  }
  return ln_attr_bool(node, err, "adjoint", &args->flag);
}

/* Whether vectors are asked for besides values. */
static ln_status wants_vectors(const ln_node *node, ln_error *err, bool *out) {
  *out = true;
  return ln_attr_bool(node, err, kind_of(node) == LN_LINALG_SVD ? "compute_uv" : "compute_v", out);
}

static ln_status set_matrices(ln_node *node, int32_t index, const ln_shape *batch, int64_t rows, int64_t columns,
                              ln_error *err) {
  ln_shape shape = *batch;
  if ((rows >= 0 && !ln_shape_push(&shape, rows)) || (columns >= 0 && !ln_shape_push(&shape, columns))) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "too many dimensions");
  }
  return ln_node_set_shape(node, index, &shape, err);
}

/* Vectors that nobody asked for: an empty list. */
static ln_status set_nothing(ln_node *node, int32_t index, ln_error *err) {
  const int32_t none = 0;
  const ln_shape shape = ln_shape_make(1, &none);
  return ln_node_set_shape(node, index, &shape, err);
}

static ln_status infer_vectors(ln_node *node, const ln_shape *batch, int64_t m, int64_t n, const matrix_args *args,
                               ln_error *err) {
  const int64_t least = m < n ? m : n;
  bool vectors = false;
  LN_TRY(wants_vectors(node, err, &vectors));
  LN_TRY(set_matrices(node, 0, batch, least, -1, err));
  if (!vectors) {
    for (int32_t i = 1; i < node->out_count; ++i) LN_TRY(set_nothing(node, i, err));
    return LN_OK;
  }
  LN_TRY(set_matrices(node, 1, batch, m, args->flag ? m : least, err));
  return node->out_count < 3 ? LN_OK : set_matrices(node, 2, batch, n, args->flag ? n : least, err);
}

/* The two sides of an equation: matrices [n, n] and [n, k] with batches that are equal or, for triangles, broadcast. */
static ln_status infer_solution(ln_node *node, const ln_shape *batch, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
  ln_shape joint = *batch;
  bool fits = b->rank >= 2 && b->dims[b->rank - 2] == a->dims[a->rank - 1];
  if (fits) {
    const ln_shape other = ln_shape_make(b->rank - 2, b->dims);
    if (kind_of(node) == LN_LINALG_TRIANGULAR_SOLVE) fits = ln_shape_broadcast(batch, &other, &joint);
    else fits = ln_shape_equal(batch, &other);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the right side does not fit the matrices");
  return set_matrices(node, 0, &joint, b->dims[b->rank - 2], b->dims[b->rank - 1], err);
}

ln_status ln_linalg_infer(ln_node *node, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape;
  matrix_args args;
  LN_TRY(read_flag(node, err, &args));
  if (a->rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input holds no matrices");
  const int64_t m = a->dims[a->rank - 2], n = a->dims[a->rank - 1], least = m < n ? m : n;
  const ln_shape batch = ln_shape_make(a->rank - 2, a->dims);
  const int32_t kind = kind_of(node);
  if (m != n && kind != LN_LINALG_QR && kind != LN_LINALG_SVD) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "matrices of %lld by %lld are not square", (long long)m, (long long)n);
  }
  switch (kind) {
    case LN_LINALG_DETERMINANT: return set_matrices(node, 0, &batch, -1, -1, err);
    case LN_LINALG_LOG_DETERMINANT:
      LN_TRY(set_matrices(node, 0, &batch, -1, -1, err));
      return set_matrices(node, 1, &batch, -1, -1, err);
    case LN_LINALG_SOLVE:
    case LN_LINALG_TRIANGULAR_SOLVE: return infer_solution(node, &batch, err);
    case LN_LINALG_LU:
      LN_TRY(set_matrices(node, 0, &batch, n, n, err));
      return set_matrices(node, 1, &batch, n, -1, err);
    case LN_LINALG_QR:
      LN_TRY(set_matrices(node, 0, &batch, m, args.flag ? m : least, err));
      return set_matrices(node, 1, &batch, args.flag ? m : least, n, err);
    case LN_LINALG_EIGH:
    case LN_LINALG_SVD: return infer_vectors(node, &batch, m, n, &args, err);
    default: return set_matrices(node, 0, &batch, n, n, err);
  }
}

ln_status ln_linalg_prepare(ln_node *node, ln_prep *prep) {
  matrix_args *args = LN_NODE_ARGS(node, prep, matrix_args);
  const ln_shape *a = &node->in[0]->shape;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_flag(node, prep->err, args));
  args->rows = (size_t)a->dims[a->rank - 2];
  args->columns = (size_t)a->dims[a->rank - 1];
  args->batches = ln_shape_span(a, 0, a->rank - 2);
  if (node->in_count > 1) args->right = (size_t)node->in[1]->shape.dims[node->in[1]->shape.rank - 1];
  /* Four square matrices of the longer side, and two lists. */
  const size_t side = args->rows > args->columns ? args->rows : args->columns;
  size_t extra = 0;
  if (!ln_size_mul(side, side, &extra) || !ln_size_mul(extra, 4, &extra) || !ln_size_add(extra, 2 * side, &extra)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  }
  return ln_wide_reserve(node, prep, extra);
}

static void transpose(const double *in, size_t rows, size_t columns, double *out) {
  for (size_t i = 0; i < rows * columns; ++i) out[i % columns * rows + i / columns] = in[i];
}

/* ---- one matrix each; false when it has no such decomposition ---- */

static bool invert(const matrix_args *args, const double *a, double *out, double *extra) {
  const size_t n = args->rows;
  double *lu = extra, *unit = extra + n * n;
  int64_t *order = (int64_t *)(void *)(extra + 2 * n * n);
  if (args->flag) transpose(a, n, n, lu);
  else memcpy(lu, a, n * n * sizeof *a);
  if (ln_k_lu(n, lu, order) == 0) return false;
  for (size_t i = 0; i < n * n; ++i) unit[i] = i / n == i % n ? 1.0 : 0.0;
  ln_k_lu_solve(n, n, lu, order, unit, out);
  return true;
}

static void determinant(const ln_node *node, const matrix_args *args, const ln_wide *w, size_t b) {
  const size_t n = args->rows;
  double *lu = w->extra, product = 1.0, logs = 0.0;
  memcpy(lu, w->in[0] + b * n * n, n * n * sizeof *lu);
  double sign = ln_k_lu(n, lu, (int64_t *)(void *)(w->extra + n * n));
  for (size_t i = 0; i < n && sign != 0.0; ++i) {
    const double pivot = lu[i * n + i];
    product *= pivot;
    logs += log(fabs(pivot));
  }
  if (kind_of(node) == LN_LINALG_DETERMINANT) {
    w->out[0][b] = sign * (sign == 0.0 ? 0.0 : product);
    return;
  }
  for (size_t i = 0; i < n && sign != 0.0; ++i) sign = lu[i * n + i] < 0.0 ? -sign : sign;
  w->out[0][b] = sign;
  w->out[1][b] = sign == 0.0 ? -INFINITY : logs;
}

static bool solve(const matrix_args *args, const double *a, const double *b, double *out, double *extra) {
  const size_t n = args->rows;
  int64_t *order = (int64_t *)(void *)(extra + n * n);
  if (args->flag) transpose(a, n, n, extra);
  else memcpy(extra, a, n * n * sizeof *a);
  if (ln_k_lu(n, extra, order) == 0) return false;
  ln_k_lu_solve(n, args->right, extra, order, b, out);
  return true;
}

static bool factor(const matrix_args *args, const ln_wide *w, size_t b) {
  const size_t n = args->rows;
  int64_t *order = (int64_t *)(void *)w->extra;
  double *lu = w->out[0] + b * n * n;
  memcpy(lu, w->in[0] + b * n * n, n * n * sizeof *lu);
  const bool good = ln_k_lu(n, lu, order) != 0;
  for (size_t i = 0; i < n && good; ++i) w->out[1][b * n + i] = (double)order[i];
  return good;
}

static void decompose_qr(const matrix_args *args, const ln_wide *w, size_t b) {
  const size_t m = args->rows, n = args->columns, least = m < n ? m : n, kept = args->flag ? m : least;
  double *r = w->extra, *q = w->extra + m * n;
  memcpy(r, w->in[0] + b * m * n, m * n * sizeof *r);
  ln_k_qr(m, n, r, q);
  for (size_t i = 0; i < m; ++i) memcpy(w->out[0] + (b * m + i) * kept, q + i * m, kept * sizeof *q);
  memcpy(w->out[1] + b * kept * n, r, kept * n * sizeof *r);
}

static void decompose_eigh(const matrix_args *args, const ln_node *node, const ln_wide *w, size_t b) {
  const size_t n = args->rows;
  double *a = w->extra, *v = w->extra + n * n;
  memcpy(a, w->in[0] + b * n * n, n * n * sizeof *a);
  ln_k_eigh(n, a, w->out[0] + b * n, v);
  if (!ln_tensor_is_empty(node->out[1])) memcpy(w->out[1] + b * n * n, v, n * n * sizeof *v);
}

static void decompose_svd(const matrix_args *args, const ln_node *node, const ln_wide *w, size_t b) {
  const size_t m = args->rows, n = args->columns;
  const bool wide = m < n; /* its transpose is decomposed */
  const size_t more = wide ? n : m, less = wide ? m : n, whole = args->flag ? more : less, square = more * more;
  double *columns = w->extra, *vt = columns + square, *ut = vt + square;
  const double *a = w->in[0] + b * m * n;
  if (wide) memcpy(columns, a, m * n * sizeof *a);
  else transpose(a, m, n, columns);
  ln_k_svd(more, less, columns, w->out[0] + b * less, vt, ut, whole);
  if (ln_tensor_is_empty(node->out[1])) return;
  double *long_side = w->out[wide ? 2 : 1] + b * more * whole, *short_side = w->out[wide ? 1 : 2] + b * less * less;
  transpose(ut, whole, more, long_side);
  transpose(vt, less, less, short_side);
}

/* ---- batches ---- */

static bool solve_triangles(const ln_node *node, const matrix_args *args, const ln_wide *w) {
  const ln_shape *out = &node->out[0]->shape;
  const size_t batches = ln_shape_span(out, 0, out->rank - 2), n = args->rows, size = n * args->right;
  for (size_t b = 0; b < batches; ++b) {
    const double *a = w->in[0] + ln_batch_of(out, &node->in[0]->shape, b) * n * n;
    memcpy(w->out[0] + b * size, w->in[1] + ln_batch_of(out, &node->in[1]->shape, b) * size, size * sizeof(double));
    if (!ln_k_triangular_solve(n, args->right, a, args->lower, args->flag, w->out[0] + b * size)) return false;
  }
  return true;
}

static bool run_one(const ln_node *node, const matrix_args *args, const ln_wide *w, size_t b) {
  const size_t n = args->rows, square = n * n, sides = n * args->right;
  switch (kind_of(node)) {
    case LN_LINALG_CHOLESKY:
      memcpy(w->out[0] + b * square, w->in[0] + b * square, square * sizeof(double));
      return ln_k_cholesky(n, w->out[0] + b * square) != 0;
    case LN_LINALG_INVERSE: return invert(args, w->in[0] + b * square, w->out[0] + b * square, w->extra);
    case LN_LINALG_SOLVE:
      return solve(args, w->in[0] + b * square, w->in[1] + b * sides, w->out[0] + b * sides, w->extra);
    case LN_LINALG_LU: return factor(args, w, b);
    case LN_LINALG_QR: decompose_qr(args, w, b); return true;
    case LN_LINALG_EIGH: decompose_eigh(args, node, w, b); return true;
    case LN_LINALG_SVD: decompose_svd(args, node, w, b); return true;
    default: determinant(node, args, w, b); return true;
  }
}

ln_status ln_linalg_run(const ln_node *node, ln_exec *exec) {
  const matrix_args *args = node->args;
  bool good = true;
  ln_wide w;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_wide_open(node, exec, &w);
  if (kind_of(node) == LN_LINALG_TRIANGULAR_SOLVE) good = solve_triangles(node, args, &w);
  else
    for (size_t b = 0; b < args->batches && good; ++b) good = run_one(node, args, &w, b);
  if (!good) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "a matrix in \"%s\" is %s", node->in[0]->name,
                        kind_of(node) == LN_LINALG_CHOLESKY ? "not positive definite" : "singular");
  }
  ln_wide_close(node, &w);
  return LN_OK;
}
