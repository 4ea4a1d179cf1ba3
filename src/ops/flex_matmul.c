/*
 * Select-TF products: matrices of the types that BATCH_MATMUL's kernels do not take, and Einsum. In double precision,
 * or in complex double.
 */
#include <string.h>

#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

/* ---- MatMul, BatchMatMul*: float32 goes to BATCH_MATMUL's own functions ---- */

static bool is_complex(const ln_tensor *tensor) {
  return tensor->type == LN_COMPLEX64 || tensor->type == LN_COMPLEX128;
}

ln_status ln_flex_matmul_prepare(ln_node *node, ln_prep *prep) {
  if (node->in[0]->type == LN_FLOAT32) return ln_batch_matmul_prepare(node, prep);
  return ln_wide_reserve(node, prep, 0);
}

/* The steps of a product from row to row and from column to column of each matrix. */
typedef struct product {
  size_t m, n, k, x_row, x_step, y_step, y_column;
  bool conjugate_x, conjugate_y;
} product;

static void multiply_real(const product *p, const double *x, const double *y, double *out) {
  for (size_t i = 0; i < p->m * p->n; ++i) out[i] = 0.0;
  for (size_t i = 0; i < p->m; ++i) {
    for (size_t k = 0; k < p->k; ++k) {
      const double factor = x[i * p->x_row + k * p->x_step];
      for (size_t j = 0; j < p->n; ++j) out[i * p->n + j] += factor * y[k * p->y_step + j * p->y_column];
    }
  }
}

/* Of integers, which wrap around. */
static void multiply_whole(const product *p, ln_type type, const double *x, const double *y, double *out) {
  for (size_t i = 0; i < p->m * p->n; ++i) {
    uint64_t sum = 0;
    for (size_t k = 0; k < p->k; ++k) {
      sum += ln_wide_product(x[i / p->n * p->x_row + k * p->x_step], y[k * p->y_step + i % p->n * p->y_column]);
    }
    out[i] = ln_wide_wrap(type, sum);
  }
}

static void multiply_complex(const product *p, const double *x, const double *y, double *out) {
  const double x_sign = p->conjugate_x ? -1.0 : 1.0, y_sign = p->conjugate_y ? -1.0 : 1.0;
  for (size_t i = 0; i < p->m * p->n; ++i) {
    double re = 0.0, im = 0.0;
    for (size_t k = 0; k < p->k; ++k) {
      const double *a = x + 2 * (i / p->n * p->x_row + k * p->x_step);
      const double *b = y + 2 * (k * p->y_step + i % p->n * p->y_column);
      const double a_im = x_sign * a[1], b_im = y_sign * b[1];
      re += a[0] * b[0] - a_im * b_im;
      im += a[0] * b_im + a_im * b[0];
    }
    out[2 * i] = re;
    out[2 * i + 1] = im;
  }
}

ln_status ln_flex_matmul_run(const ln_node *node, ln_exec *exec) {
  if (node->in[0]->type == LN_FLOAT32) return ln_batch_matmul_run(node, exec);
  const ln_batch_mat_mul_options *options = LN_OPTIONS(node, batch_mat_mul_options);
  const ln_shape *x = &node->in[0]->shape, *y = &node->in[1]->shape, *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  /* "adj" is the conjugate transpose; MatMul's "transpose" is not, though its flags stand in the same fields. */
  const bool adjoint = node->op->def->variant == LN_FLEX_MATMUL_ADJOINT;
  product p = {.m = (size_t)out->dims[out->rank - 2], .n = (size_t)out->dims[out->rank - 1]};
  p.k = (size_t)x->dims[x->rank - (options->adj_x ? 2 : 1)];
  p.x_row = options->adj_x ? 1 : p.k;
  p.x_step = options->adj_x ? p.m : 1;
  p.y_step = options->adj_y ? 1 : p.n;
  p.y_column = options->adj_y ? p.k : 1;
  p.conjugate_x = adjoint && options->adj_x;
  p.conjugate_y = adjoint && options->adj_y;
  const size_t batches = ln_shape_span(out, 0, out->rank - 2), parts = is_complex(node->in[0]) ? 2 : 1;
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t b = 0; b < batches; ++b) {
    const double *a = w.in[0] + ln_batch_of(out, x, b) * p.m * p.k * parts;
    const double *c = w.in[1] + ln_batch_of(out, y, b) * p.k * p.n * parts;
    double *to = w.out[0] + b * p.m * p.n * parts;
    if (parts == 2) multiply_complex(&p, a, c, to);
    else if (ln_wide_is_whole(node->out[0]->type)) multiply_whole(&p, node->out[0]->type, a, c, to);
    else multiply_real(&p, a, c, to);
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- Einsum of one or two tensors ---- */

enum { LABELS = 52 + LN_MAX_RANK, OPERANDS = 2 };

/* An operand's (or the result's) labels: letters, and numbers from 52 on for the dimensions of an ellipsis, the last
 * first. */
typedef struct term {
  int32_t rank;
  int32_t labels[LN_MAX_RANK];
} term;

typedef struct einsum_args {
  int32_t operands;
  term terms[OPERANDS], result;
  int32_t extents[LABELS]; /* -1: no such label */
  int32_t wild;            /* dimensions of the longest ellipsis */
  size_t kept[OPERANDS];   /* elements of what is left of each operand once it is summed alone */
} einsum_args;

static int32_t label_of(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  return c >= 'A' && c <= 'Z' ? 26 + c - 'A' : -1;
}

/* Letters before an ellipsis and after it; `rank` is the operand's, or with -1 what the letters and `wild` make. */
static bool read_term(const char *text, size_t length, int32_t rank, int32_t wild, term *out) {
  int32_t letters = 0;
  size_t dots = length;
  for (size_t i = 0; i < length; ++i) {
    if (text[i] == '.') {
      if (dots < length || length - i < 3 || text[i + 1] != '.' || text[i + 2] != '.') return false;
      dots = i;
      i += 2;
    } else if (text[i] != ' ') {
      if (label_of(text[i]) < 0) return false;
      ++letters;
    }
  }
  const int32_t hidden = dots == length ? 0 : (rank < 0 ? wild : rank - letters);
  if (hidden < 0 || letters > LN_MAX_RANK || letters + hidden > LN_MAX_RANK || (rank >= 0 && letters + hidden != rank))
    return false;
  out->rank = 0;
  for (size_t i = 0; i < length; ++i) {
    if (text[i] == ' ') continue;
    if (text[i] != '.') {
      out->labels[out->rank++] = label_of(text[i]);
      continue;
    }
    for (int32_t d = hidden - 1; d >= 0; --d) out->labels[out->rank++] = 52 + d;
    i += 2;
  }
  return true;
}

static bool has_label(const term *t, int32_t label) {
  for (int32_t i = 0; i < t->rank; ++i) {
    if (t->labels[i] == label) return true;
  }
  return false;
}

/* Notes the extents of an operand's labels; those of an ellipsis may be 1 where another operand's are not. */
static bool note_extents(const term *t, const ln_shape *shape, int32_t *extents) {
  for (int32_t i = 0; i < t->rank; ++i) {
    int32_t *extent = &extents[t->labels[i]];
    const bool wild = t->labels[i] >= 52;
    if (*extent == -1 || (wild && *extent == 1)) *extent = shape->dims[i];
    else if (*extent != shape->dims[i] && !(wild && shape->dims[i] == 1)) return false;
  }
  return true;
}

static ln_status parse(const ln_node *node, ln_error *err, einsum_args *e) {
  const char *text = NULL;
  size_t length = 0, at = 0;
  LN_TRY(ln_attr_string(node, err, "equation", &text, &length));
  for (int32_t i = 0; i < LABELS; ++i) e->extents[i] = -1;
  e->operands = node->in_count;
  e->wild = 0;
  bool good = text != NULL && e->operands >= 1 && e->operands <= OPERANDS;
  for (int32_t i = 0; good && i < e->operands; ++i) {
    const size_t start = at;
    while (at < length && text[at] != ',' && text[at] != '-') ++at;
    const ln_shape *shape = &node->in[i]->shape;
    good = read_term(text + start, at - start, shape->rank, 0, &e->terms[i]) &&
           note_extents(&e->terms[i], shape, e->extents);
    for (int32_t d = 0; good && d < e->terms[i].rank; ++d) {
      if (e->terms[i].labels[d] - 51 > e->wild) e->wild = e->terms[i].labels[d] - 51;
    }
    const bool last = i == e->operands - 1;
    good = good && at < length && text[at] == (last ? '-' : ',');
    if (!last) ++at;
  }
  good = good && length - at >= 2 && text[at + 1] == '>';
  good = good && read_term(text + at + 2, length - at - 2, -1, e->wild, &e->result);
  for (int32_t i = 0; good && i < e->result.rank; ++i) {
    good = e->extents[e->result.labels[i]] >= 0;
    for (int32_t j = 0; j < i; ++j) good = good && e->result.labels[j] != e->result.labels[i];
  }
  if (good) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the equation \"%.*s\" does not fit the inputs",
                      length < 60 ? (int)length : 60, text == NULL ? "" : text);
}

ln_status ln_einsum_infer(ln_node *node, ln_error *err) {
  einsum_args e;
  ln_shape shape = {0, {0}};
  LN_TRY(parse(node, err, &e));
  for (int32_t i = 0; i < e.result.rank; ++i) ln_shape_push(&shape, e.extents[e.result.labels[i]]);
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Whether a label of operand `i` outlives the operand's own sums: it is in the result or in the other operand. */
static bool is_kept(const einsum_args *e, int32_t i, int32_t label) {
  return has_label(&e->result, label) || (e->operands == 2 && has_label(&e->terms[1 - i], label));
}

ln_status ln_einsum_prepare(ln_node *node, ln_prep *prep) {
  einsum_args *e = LN_NODE_ARGS(node, prep, einsum_args);
  if (e == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(parse(node, prep->err, e));
  size_t extra = 0;
  for (int32_t i = 0; i < e->operands; ++i) {
    e->kept[i] = 1;
    for (int32_t label = 0; label < LABELS; ++label) {
      const term *t = &e->terms[i];
      for (int32_t d = 0; d < t->rank; ++d) {
        if (t->labels[d] != label || !is_kept(e, i, label)) continue;
        if (!ln_size_mul(e->kept[i], (size_t)node->in[i]->shape.dims[d], &e->kept[i])) e->kept[i] = SIZE_MAX / 16;
        break;
      }
    }
    if (!ln_size_add(extra, e->kept[i], &extra)) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  }
  return ln_wide_reserve(node, prep, extra);
}

/* Steps of an array whose dimensions are some of the labels, in their order: 0 for those that it lacks. */
static void label_steps(const einsum_args *e, int32_t i, const ln_shape *shape, size_t steps[LABELS]) {
  size_t step = 1;
  for (int32_t label = LABELS - 1; label >= 0; --label) {
    steps[label] = 0;
    for (int32_t d = 0; d < e->terms[i].rank; ++d) {
      if (e->terms[i].labels[d] != label || !is_kept(e, i, label)) continue;
      steps[label] = shape->dims[d] == 1 ? 0 : step;
      step *= (size_t)shape->dims[d];
      break;
    }
  }
}

/* The operand with repeated labels taken along their diagonal, and labels of its own summed away. */
static void sum_alone(const einsum_args *e, int32_t i, const ln_shape *shape, const double *in, double *out) {
  const term *t = &e->terms[i];
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  size_t steps[LABELS];
  label_steps(e, i, shape, steps);
  for (size_t k = 0; k < e->kept[i]; ++k) out[k] = 0.0;
  for (size_t k = 0; k < count; ++k) {
    int32_t seen[LABELS];
    size_t rest = k, to = 0;
    bool diagonal = true;
    memset(seen, -1, sizeof seen);
    for (int32_t d = t->rank - 1; d >= 0; --d) {
      const int32_t x = (int32_t)(rest % (size_t)shape->dims[d]), label = t->labels[d];
      rest /= (size_t)shape->dims[d];
      if (seen[label] >= 0) {
        diagonal = diagonal && seen[label] == x;
        continue;
      }
      seen[label] = x;
      to += (size_t)x * steps[label];
    }
    if (diagonal) out[to] += in[k];
  }
}

/* The labels that a product runs over: the result's, then those summed. */
typedef struct loops {
  int32_t count;
  size_t extents[LABELS], steps[LABELS][OPERANDS];
} loops;

static double sum_products(const loops *l, ln_type type, const double *a, const double *b, size_t total) {
  size_t index[LABELS] = {0}, at[OPERANDS] = {0, 0};
  const bool whole = ln_wide_is_whole(type);
  double sum = 0.0;
  uint64_t bits = 0;
  for (size_t n = 0; n < total; ++n) {
    if (whole) bits += ln_wide_product(a[at[0]], b == NULL ? 1.0 : b[at[1]]);
    else sum += b == NULL ? a[at[0]] : a[at[0]] * b[at[1]];
    for (int32_t d = l->count - 1; d >= 0; --d) {
      at[0] += l->steps[d][0];
      at[1] += l->steps[d][1];
      if (++index[d] < l->extents[d]) break;
      at[0] -= l->steps[d][0] * l->extents[d];
      at[1] -= l->steps[d][1] * l->extents[d];
      index[d] = 0;
    }
  }
  return whole ? ln_wide_wrap(type, bits) : sum;
}

ln_status ln_einsum_run(const ln_node *node, ln_exec *exec) {
  const einsum_args *e = node->args;
  const ln_shape *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_wide w;
  size_t steps[OPERANDS][LABELS], total = 1;
  loops summed = {0, {0}, {{0}}};
  ln_wide_open(node, exec, &w);
  double *alone[OPERANDS] = {w.extra, w.extra + e->kept[0]};
  memset(steps, 0, sizeof steps);
  for (int32_t i = 0; i < e->operands; ++i) {
    sum_alone(e, i, &node->in[i]->shape, w.in[i], alone[i]);
    label_steps(e, i, &node->in[i]->shape, steps[i]);
  }
  for (int32_t label = 0; label < LABELS; ++label) {
    if (e->operands < 2 || has_label(&e->result, label)) continue;
    if (!has_label(&e->terms[0], label) || !has_label(&e->terms[1], label)) continue;
    summed.extents[summed.count] = (size_t)e->extents[label];
    for (int32_t i = 0; i < OPERANDS; ++i) summed.steps[summed.count][i] = steps[i][label];
    total *= (size_t)e->extents[label];
    ++summed.count;
  }
  const size_t count = ln_shape_span(out, 0, out->rank);
  for (size_t n = 0; n < count; ++n) {
    size_t rest = n, at[OPERANDS] = {0, 0};
    for (int32_t d = out->rank - 1; d >= 0; --d) {
      const size_t x = rest % (size_t)out->dims[d];
      rest /= (size_t)out->dims[d];
      for (int32_t i = 0; i < OPERANDS; ++i) at[i] += x * steps[i][e->result.labels[d]];
    }
    w.out[0][n] =
        sum_products(&summed, node->out[0]->type, alone[0] + at[0], e->operands == 2 ? alone[1] + at[1] : NULL, total);
  }
  ln_wide_close(node, &w);
  return LN_OK;
}
