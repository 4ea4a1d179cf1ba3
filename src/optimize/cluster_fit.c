/* Which values a layer's weights take, and which weight takes which. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/cluster.h"
#include "optimize/linear.h"
#include "optimize/order.h"

enum { TURNS = 3, ROWS_FITTED = 128 };
#define FIT_WORK 4.0e9 /* multiplications that fitting values may take */
#define DAMPING 0.01   /* of moments, times the mean of their diagonal */

/* Work on rows [first, first + count). */
typedef struct fit {
  const ln_cluster_task *task;
  int32_t first, count;
  float *target;    /* [count, columns] what the values should be */
  uint8_t *numbers; /* [count, columns] which value each takes */
  float centers[256];
  int32_t used, zero; /* centers, and which is zero; -1: none */
  int32_t group;      /* whose factor is held; -1: none */
  int32_t *columns;   /* [columns] in the order of the factor */
  double *moments;    /* [columns, columns] damped, in that order */
  double *factor;     /* the same, lower, of Cholesky */
  double *line;       /* [columns] */
} fit;

static int32_t group_of(const fit *f, int32_t row) {
  const ln_cluster_inputs *in = f->task->inputs;
  return row / (f->task->rows / in->groups);
}

static bool is_zero(const fit *f, int32_t row, int32_t column) {
  const ln_cluster_task *t = f->task;
  return t->zeros != NULL && t->zeros[(ptrdiff_t)(f->first + row) * t->columns + column] != 0;
}

/* ---- moments ---- */

typedef struct ranked {
  double weight;
  int32_t column;
} ranked;

static int by_weight(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  const int order = ln_number_order(x->weight, y->weight);
  if (order != 0) return order;
  return x->column - y->column;
}

/* What counts more is decided earlier, while most can still be mended: that is, it stands further behind. */
static bool rank_columns(fit *f, const double *diagonal) {
  const int32_t n = f->task->columns;
  ranked *all = ln_alloc_array((size_t)n, sizeof *all);
  if (all == NULL) return false;
  for (int32_t i = 0; i < n; ++i) all[i] = (ranked){diagonal[i], i};
  qsort(all, (size_t)n, sizeof *all, by_weight);
  for (int32_t i = 0; i < n; ++i) f->columns[i] = all[i].column;
  ln_free(all);
  return true;
}

/* Moments of few samples say more about these than about others: products of different columns are taken for less. */
static double trust(const ln_cluster_inputs *in) { return (double)in->count / (double)(in->count + in->columns); }

/* Fills f->moments and f->factor for the group of a row. */
static ln_status take_group(fit *f, int32_t group) {
  const ln_cluster_task *t = f->task;
  const ln_cluster_inputs *in = t->inputs;
  const int32_t n = t->columns;
  if (f->group == group) return LN_OK;
  const double *from = in->moments + (ptrdiff_t)group * n * n;
  if (!rank_columns(f, in->diagonal + (ptrdiff_t)group * n)) return ln_optimizer_no_memory(t->o);
  const double mean = ln_linear_mean_diagonal(from, n), share = trust(in);
  if (!isfinite(mean)) return ln_fail(t->o->err, LN_ERR_DATA, "moments of calibration data are not finite");
  double added = mean > 0 ? DAMPING * mean : 1;
  for (int32_t tries = 0; tries < 8; ++tries, added *= 10) {
    for (int32_t i = 0; i < n; ++i) {
      double *row = f->moments + (ptrdiff_t)i * n;
      const ptrdiff_t line = f->columns[i];
      for (int32_t j = 0; j < n; ++j) {
        const ptrdiff_t other = f->columns[j];
        row[j] = share * from[line > other ? line * n + other : other * n + line];
      }
      row[i] = from[line * n + line] + added;
    }
    memcpy(f->factor, f->moments, (size_t)n * (size_t)n * sizeof *f->factor); /* bounded: both were allocated */
    if (ln_linear_cholesky(f->factor, n)) {
      f->group = group;
      return LN_OK;
    }
  }
  return ln_fail(t->o->err, LN_ERR_DATA, "moments of calibration data are not positive definite");
}

/* ---- targets ---- */

/*
 * Weights that make of the inputs as they are now what the given ones made of those before:
 * moments * target = cross * values.
 */
static void set_target(fit *f, int32_t row) {
  const ln_cluster_task *t = f->task;
  const ln_cluster_inputs *in = t->inputs;
  const int32_t n = t->columns;
  const float *values = t->values + (ptrdiff_t)(f->first + row) * n;
  const double *from = in->moments + (ptrdiff_t)f->group * n * n, *cross = in->cross + (ptrdiff_t)f->group * n * n;
  const double share = trust(in);
  for (int32_t i = 0; i < n; ++i) {
    const ptrdiff_t line = f->columns[i];
    double sum = 0;
    for (int32_t j = 0; j < n; ++j) {
      const double moment = from[line > j ? line * n + j : (ptrdiff_t)j * n + line];
      sum += (cross[line * n + j] - moment) * (double)values[j];
    }
    f->line[i] = share * sum;
  }
  ln_linear_solve(f->factor, n, f->line, 1);
  float *target = f->target + (ptrdiff_t)row * n;
  for (int32_t i = 0; i < n; ++i) target[f->columns[i]] = values[f->columns[i]] + (float)f->line[i];
}

/* ---- which value each weight takes ---- */

static void take_nearest(fit *f, int32_t row) {
  const int32_t n = f->task->columns;
  const float *target = f->target + (ptrdiff_t)row * n;
  uint8_t *numbers = f->numbers + (ptrdiff_t)row * n;
  for (int32_t c = 0; c < n; ++c) {
    numbers[c] = (uint8_t)(is_zero(f, row, c) ? f->zero : ln_kmeans_nearest(f->centers, f->used, target[c]));
  }
}

/* From the last column of the factor on; f->line gathers what the errors made so far ask of the others. */
static void take_mending(fit *f, int32_t row) {
  const int32_t n = f->task->columns;
  const float *target = f->target + (ptrdiff_t)row * n;
  uint8_t *numbers = f->numbers + (ptrdiff_t)row * n;
  memset(f->line, 0, (size_t)n * sizeof *f->line);
  for (int32_t i = n - 1; i >= 0; --i) {
    const int32_t column = f->columns[i];
    const double *factor = f->factor + (ptrdiff_t)i * n;
    const double wanted = (double)target[column] + f->line[i] / factor[i];
    const int32_t number = is_zero(f, row, column) ? f->zero : ln_kmeans_nearest(f->centers, f->used, (float)wanted);
    const double error = (double)target[column] - (double)f->centers[number];
    numbers[column] = (uint8_t)number;
    for (int32_t j = 0; j < i; ++j) f->line[j] += error * factor[j];
  }
}

static ln_status take_all(fit *f) {
  for (int32_t r = 0; r < f->count; ++r) {
    if (f->task->inputs->moments == NULL || f->task->inputs->count == 0) {
      take_nearest(f, r);
      continue;
    }
    LN_TRY(take_group(f, group_of(f, f->first + r)));
    take_mending(f, r);
  }
  return LN_OK;
}

/* ---- the values ---- */

/* Adds a row's share of the equations: a[i][j] of moments between columns that take i and those that take j. */
static void add_equations(fit *f, int32_t row, double *a, double *b) {
  const int32_t n = f->task->columns, k = f->used;
  const float *target = f->target + (ptrdiff_t)row * n;
  const uint8_t *numbers = f->numbers + (ptrdiff_t)row * n;
  for (int32_t i = 0; i < n; ++i) {
    const double *moments = f->moments + (ptrdiff_t)i * n;
    double *line = a + (ptrdiff_t)numbers[f->columns[i]] * k, sum = 0;
    for (int32_t j = 0; j < n; ++j) {
      const int32_t column = f->columns[j];
      line[numbers[column]] += moments[j];
      sum += moments[j] * (double)target[column];
    }
    b[numbers[f->columns[i]]] += sum;
  }
}

static void sort_centers(fit *f) {
  float sorted[256];
  uint8_t to[256];
  for (int32_t i = 0; i < f->used; ++i) {
    int32_t place = 0;
    for (int32_t j = 0; j < f->used; ++j) {
      const int order = ln_number_order((double)f->centers[j], (double)f->centers[i]);
      if (order < 0 || (order == 0 && j < i)) ++place;
    }
    to[i] = (uint8_t)place;
    sorted[place] = f->centers[i];
  }
  memcpy(f->centers, sorted, (size_t)f->used * sizeof *sorted);
  if (f->zero >= 0) f->zero = to[f->zero];
  const size_t count = (size_t)f->count * (size_t)f->task->columns;
  for (size_t i = 0; i < count; ++i) f->numbers[i] = to[f->numbers[i]];
}

/* Values that suit the outputs best while each weight keeps the number that it has. */
static ln_status fit_centers(fit *f) {
  const int32_t k = f->used, n = f->task->columns;
  double *a = ln_alloc_array((size_t)k * (size_t)k, sizeof *a), *b = ln_alloc_array((size_t)k, sizeof *b);
  ln_status status = a == NULL || b == NULL ? ln_optimizer_no_memory(f->task->o) : LN_OK;
  const int32_t step = f->count > ROWS_FITTED && f->task->inputs->groups == 1 ? f->count / ROWS_FITTED : 1;
  if ((double)(f->count / step) * n * n > FIT_WORK) goto out;
  for (int32_t r = 0; r < f->count && status == LN_OK; r += step) {
    status = take_group(f, group_of(f, f->first + r));
    if (status == LN_OK) add_equations(f, r, a, b);
  }
  if (status != LN_OK) goto out;
  for (int32_t i = 0; f->zero >= 0 && i < k; ++i) a[(ptrdiff_t)f->zero * k + i] = a[(ptrdiff_t)i * k + f->zero] = 0;
  if (f->zero >= 0) b[f->zero] = 0;
  for (int32_t i = 0; i < k; ++i) { /* a value that no weight takes stays as it is */
    if (a[(ptrdiff_t)i * k + i] <= 0 && i != f->zero) b[i] = (double)f->centers[i];
  }
  status = ln_linear_solve_damped(a, k, 1e-9, b, 1, f->task->o->err);
  for (int32_t i = 0; status == LN_OK && i < k; ++i) f->centers[i] = (float)b[i];
  if (status == LN_OK) sort_centers(f);
out:
  ln_free(a);
  ln_free(b);
  return status;
}

/* Clusters of the targets, each weighted by how much its column's inputs move the output. */
static ln_status start_centers(fit *f) {
  const ln_cluster_task *t = f->task;
  const int32_t n = t->columns;
  const size_t most = (size_t)f->count * (size_t)n;
  float *values = ln_alloc_array(most, sizeof *values), *weights = ln_alloc_array(most, sizeof *weights);
  size_t count = 0;
  bool good = values != NULL && weights != NULL;
  for (int32_t r = 0; good && r < f->count; ++r) {
    const double *diagonal =
        t->inputs->count == 0 ? NULL : t->inputs->diagonal + (ptrdiff_t)group_of(f, f->first + r) * n;
    for (int32_t c = 0; c < n; ++c) {
      if (is_zero(f, r, c)) continue;
      values[count] = f->target[(ptrdiff_t)r * n + c];
      weights[count++] = diagonal == NULL ? 1.0f : (float)(diagonal[c] / (double)t->inputs->count) + 1e-6f;
    }
  }
  ln_kmeans how = t->how;
  how.keep_zero = how.keep_zero || (t->zeros != NULL && count < most);
  f->used = 1;
  f->centers[0] = 0;
  if (good && count > 0) good = ln_kmeans_find(&how, values, weights, count, f->centers, &f->used);
  f->zero = -1;
  for (int32_t i = 0; how.keep_zero && i < f->used; ++i) {
    if (f->centers[i] == 0) f->zero = i;
  }
  ln_free(values);
  ln_free(weights);
  return good ? LN_OK : ln_optimizer_no_memory(t->o);
}

/* ---- the whole ---- */

static ln_status fit_rows(fit *f) {
  const ln_cluster_inputs *in = f->task->inputs;
  const int32_t n = f->task->columns;
  const bool mends = in->moments != NULL && in->count > 0;
  memcpy(f->target, f->task->values + (ptrdiff_t)f->first * n, (size_t)f->count * (size_t)n * sizeof *f->target);
  for (int32_t r = 0; mends && r < f->count; ++r) {
    LN_TRY(take_group(f, group_of(f, f->first + r)));
    set_target(f, r);
  }
  LN_TRY(start_centers(f));
  LN_TRY(take_all(f));
  for (int32_t turn = 0; mends && turn < TURNS; ++turn) {
    if (turn > 0) LN_TRY(take_all(f));
    LN_TRY(fit_centers(f));
  }
  float *out = f->task->values + (ptrdiff_t)f->first * n;
  const size_t count = (size_t)f->count * (size_t)n;
  for (size_t i = 0; i < count; ++i) out[i] = f->centers[f->numbers[i]];
  return LN_OK;
}

ln_status ln_cluster_fit(const ln_cluster_task *task, int32_t first, int32_t count) {
  const size_t n = (size_t)task->columns;
  const bool mends = task->inputs->moments != NULL;
  size_t elements, square = 0;
  fit f = {.task = task, .first = first, .count = count, .group = -1};
  bool good = ln_size_mul((size_t)count, n, &elements) && (!mends || ln_size_mul(n, n, &square));
  f.target = good ? ln_alloc_array(elements, sizeof *f.target) : NULL;
  f.numbers = good ? ln_alloc_array(elements, sizeof *f.numbers) : NULL;
  f.columns = ln_alloc_array(n, sizeof *f.columns);
  f.line = ln_alloc_array(n, sizeof *f.line);
  if (mends) f.moments = ln_alloc_array(square, sizeof *f.moments);
  if (mends) f.factor = ln_alloc_array(square, sizeof *f.factor);
  good = f.target != NULL && f.numbers != NULL && f.columns != NULL && f.line != NULL &&
         (!mends || (f.moments != NULL && f.factor != NULL));
  const ln_status status = good ? fit_rows(&f) : ln_optimizer_no_memory(task->o);
  ln_free(f.target);
  ln_free(f.numbers);
  ln_free(f.columns);
  ln_free(f.line);
  ln_free(f.moments);
  ln_free(f.factor);
  return status;
}
