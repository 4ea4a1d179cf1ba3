/*
 * Least squares of one layer: which weights go, and what the others become so that it gives on the inputs of the pruned
 * model what it gave in the dense one (Frantar & Alistarh 2022 and 2023). Where the activation cuts a target off, any
 * sum beyond serves as well (Zou et al. 2015): targets follow in a few rounds.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/linear.h"
#include "optimize/order.h"
#include "optimize/prune.h"

enum {
  LARGE_K = 640, /* unknowns of a row from which equations are solved step by step */
  CG_STEPS = 24,
  STAGES = 3 /* in which the units of large layers go */
};
#define MOST_TRACED 4e9 /* multiplications of a layer's traces */

/* ---- memory ---- */

static bool alloc_doubles(double **out, int32_t a, int32_t b) {
  size_t count;
  return ln_size_mul((size_t)a, (size_t)b, &count) && (*out = ln_alloc_array(count, sizeof **out)) != NULL;
}

void ln_prune_fit_close(ln_prune_fit *f) {
  void *all[] = {f->h,      f->work, f->inverse, f->g,       f->w,      f->mean_x,
                 f->mean_y, f->line, f->index,   f->scratch, f->target, f->line_f};
  for (size_t i = 0; i < LN_COUNT(all); ++i) ln_free(all[i]);
  *f = (ln_prune_fit){0};
}

ln_status ln_prune_fit_open(const ln_optimizer *o, const ln_prune_layer *p, const ln_prune_data *data, double damping,
                            ln_prune_fit *out) {
  const int32_t n = data->columns, rows = data->group_rows;
  size_t targets;
  *out = (ln_prune_fit){.o = o, .p = p, .data = data, .damping = damping};
  bool good = alloc_doubles(&out->h, n, n) && alloc_doubles(&out->work, n, n) && alloc_doubles(&out->inverse, n, n) &&
              alloc_doubles(&out->g, rows, n) && alloc_doubles(&out->w, rows, n) && alloc_doubles(&out->mean_x, n, 1) &&
              alloc_doubles(&out->mean_y, rows, 1) && alloc_doubles(&out->line, n, 6);
  good = good && (out->index = ln_alloc_array((size_t)n, sizeof(int32_t))) != NULL &&
         (out->scratch = ln_alloc_array(2 * (size_t)n, sizeof(int32_t))) != NULL &&
         ln_size_mul((size_t)data->count + 1, (size_t)rows, &targets) &&
         (out->target = ln_alloc_array(targets, sizeof(float))) != NULL &&
         ln_size_mul((size_t)rows, (size_t)n, &targets) &&
         (out->line_f = ln_alloc_array(targets, sizeof(float))) != NULL;
  if (good) return LN_OK;
  ln_prune_fit_close(out);
  return ln_optimizer_no_memory(o);
}

/* ---- moments ---- */

static void means(const float *rows, int64_t count, int32_t n, double *out) {
  memset(out, 0, (size_t)n * sizeof *out);
  for (int64_t i = 0; i < count; ++i)
    for (int32_t j = 0; j < n; ++j) out[j] += (double)rows[i * n + j];
  for (int32_t j = 0; j < n && count > 0; ++j) out[j] /= (double)count;
}

/* Means and covariance of the inputs of group `g`. */
static void observe_inputs(ln_prune_fit *f, int32_t g) {
  const ln_prune_data *d = f->data;
  const int32_t n = d->columns;
  const float *x = d->x + (int64_t)g * d->capacity * n;
  const double count = d->count > 0 ? (double)d->count : 1;
  means(x, d->count, n, f->mean_x);
  memset(f->h, 0, (size_t)n * (size_t)n * sizeof *f->h);
  ln_linear_add_moments(f->h, n, x, d->count);
  for (int32_t i = 0; i < n; ++i) {
    double *row = f->h + (ptrdiff_t)i * n;
    for (int32_t j = 0; j <= i; ++j) row[j] = row[j] / count - f->mean_x[i] * f->mean_x[j];
    if (!(row[i] > 1e-12 * f->mean_x[i] * f->mean_x[i])) row[i] = 0;
  }
  for (int32_t i = 0; i < n; ++i) { /* what never changes explains nothing */
    if (f->h[(ptrdiff_t)i * n + i] > 0) continue;
    for (int32_t j = 0; j < n; ++j) f->h[j < i ? (ptrdiff_t)i * n + j : (ptrdiff_t)j * n + i] = 0;
  }
  ln_linear_mirror(f->h, n);
}

/* Means of targets and their covariance with inputs. */
static void observe_targets(ln_prune_fit *f, int32_t g, const float *targets) {
  const ln_prune_data *d = f->data;
  const int32_t n = d->columns, rows = d->group_rows;
  const double count = d->count > 0 ? (double)d->count : 1;
  means(targets, d->count, rows, f->mean_y);
  memset(f->g, 0, (size_t)rows * (size_t)n * sizeof *f->g);
  ln_linear_add_products(f->g, targets, rows, d->x + (int64_t)g * d->capacity * n, n, d->count);
  for (int32_t r = 0; r < rows; ++r)
    for (int32_t j = 0; j < n; ++j) {
      double *at = f->g + (ptrdiff_t)r * n + j;
      *at = f->h[(ptrdiff_t)j * n + j] > 0 ? *at / count - f->mean_y[r] * f->mean_x[j] : 0;
    }
}

static double added(const ln_prune_fit *f) {
  const double mean = ln_linear_mean_diagonal(f->h, f->data->columns);
  return f->damping * mean + 1e-9 * (mean > 0 ? mean : 1);
}

/* ---- fitting what is kept ---- */

/* Conjugate gradients, scaled by the diagonal, from what x holds: a [k, k]. `line` has room for 4 k. */
static void descend(const double *a, int32_t k, const double *b, double *x, double *line) {
  double *r = line, *p = line + k, *q = line + 2 * (ptrdiff_t)k;
  double old = 0;
  for (int32_t i = 0; i < k; ++i) r[i] = b[i] - ln_linear_dot(a + (ptrdiff_t)i * k, x, k);
  for (int32_t step = 0; step < CG_STEPS; ++step) {
    double now = 0, curve = 0;
    for (int32_t i = 0; i < k; ++i) now += r[i] * r[i] / a[(ptrdiff_t)i * k + i];
    if (!(now > 1e-20)) return;
    for (int32_t i = 0; i < k; ++i) p[i] = r[i] / a[(ptrdiff_t)i * k + i] + (step == 0 ? 0 : now / old * p[i]);
    for (int32_t i = 0; i < k; ++i) curve += p[i] * (q[i] = ln_linear_dot(a + (ptrdiff_t)i * k, p, k));
    if (!(curve > 0)) return;
    for (int32_t i = 0; i < k; ++i) {
      x[i] += now / curve * p[i];
      r[i] -= now / curve * q[i];
    }
    old = now;
  }
}

/* Row `r` of the group: f->w from f->h and f->g on the weights that `keep` names, near `anchor`. */
static void fit_row(ln_prune_fit *f, int32_t r, const uint8_t *keep, const float *anchor) {
  const int32_t n = f->data->columns;
  const double extra = added(f);
  double *w = f->w + (ptrdiff_t)r * n, *b = f->line, *x = f->line + n;
  int32_t k = 0;
  for (int32_t j = 0; j < n; ++j) {
    if (keep[j]) f->index[k++] = j;
  }
  for (int32_t i = 0; i < k; ++i) {
    const int32_t at = f->index[i];
    double *row = f->work + (ptrdiff_t)i * k;
    for (int32_t j = 0; j < k; ++j) row[j] = f->h[(ptrdiff_t)at * n + f->index[j]];
    row[i] += extra;
    b[i] = f->g[(ptrdiff_t)r * n + at] + extra * (double)anchor[at];
    x[i] = w[at];
  }
  if (k <= LARGE_K) {
    memcpy(x, b, (size_t)k * sizeof *b);
    if (ln_linear_cholesky(f->work, k)) ln_linear_solve(f->work, k, x, 1);
    else
      for (int32_t i = 0; i < k; ++i) x[i] = (double)anchor[f->index[i]];
  } else {
    descend(f->work, k, b, x, f->line + 2 * (ptrdiff_t)n);
  }
  memset(w, 0, (size_t)n * sizeof *w);
  for (int32_t i = 0; i < k; ++i) w[f->index[i]] = x[i];
}

/* All rows without any zeros, which share their equations. f->inverse gets what they are solved with. */
static bool solve_whole(ln_prune_fit *f, const float *anchor) {
  const int32_t n = f->data->columns, rows = f->data->group_rows;
  const double extra = added(f);
  for (int32_t r = 0; r < rows; ++r)
    for (int32_t j = 0; j < n; ++j) {
      const ptrdiff_t at = (ptrdiff_t)r * n + j;
      f->w[at] = f->g[at] + extra * (double)anchor[at];
    }
  memcpy(f->inverse, f->h, (size_t)n * (size_t)n * sizeof *f->h);
  for (int32_t j = 0; j < n; ++j) f->inverse[(ptrdiff_t)j * n + j] += extra;
  memcpy(f->work, f->inverse, (size_t)n * (size_t)n * sizeof *f->h);
  if (!ln_linear_cholesky(f->work, n)) return false;
  ln_linear_solve(f->work, n, f->w, rows);
  return true;
}

static void fit_rows(ln_prune_fit *f, const uint8_t *keep, const float *anchor) {
  const int32_t n = f->data->columns, rows = f->data->group_rows;
  const bool whole = memchr(keep, 0, (size_t)rows * (size_t)n) == NULL;
  if (whole && solve_whole(f, anchor)) return;
  for (int32_t r = 0; r < rows; ++r) fit_row(f, r, keep + (ptrdiff_t)r * n, anchor + (ptrdiff_t)r * n);
}

/* The group's weights without any zeros, and the inverse of its moments: what strips are traced from. */
static ln_status fit_whole(ln_prune_fit *f, const float *anchor) {
  if (!solve_whole(f, anchor))
    return ln_fail(f->o->err, LN_ERR_DATA, "prune: \"%s\": its inputs are not finite",
                   ln_layer_name(f->o, &f->p->layer));
  return ln_linear_inverse(f->inverse, f->data->columns, 0, f->o->err);
}

/* ---- choosing ---- */

typedef struct ranked {
  double cost;
  int32_t strip, unit;
} ranked;

static int by_cost(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  const int order = ln_number_order(x->cost, y->cost);
  if (order != 0) return order;
  if (x->strip != y->strip) return x->strip < y->strip ? -1 : 1;
  return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static bool is_traced(const ln_prune_fit *f) {
  const double n = f->data->columns, strips = (double)f->p->layer.rows / f->p->pattern.rows;
  return strips * n * n * n / 3 <= MOST_TRACED;
}

/* Of each m units in a row the m - n that cost least. */
static int32_t take_of_m(const ln_prune_pattern *pattern, const double *cost, int32_t units, int32_t *order) {
  int32_t count = 0;
  for (int32_t first = 0; first + pattern->m <= units; first += pattern->m) {
    for (int32_t i = first; i < first + pattern->m; ++i) {
      int32_t cheaper = 0;
      for (int32_t j = first; j < first + pattern->m; ++j)
        cheaper += cost[j] < cost[i] || (cost[j] == cost[i] && j < i);
      if (cheaper < pattern->m - pattern->n) order[count++] = i;
    }
  }
  return count;
}

/*
 * Ranks the units of all strips of a group: within a strip in the order of going, by the greatest cost so far. Of large
 * layers by what each alone would cost. Returns how many there are.
 */
static int64_t rank_group(ln_prune_fit *f, int32_t first_strip, const uint8_t *keep, ranked *out) {
  const ln_prune_pattern *pattern = &f->p->pattern;
  const int32_t n = f->data->columns, units = n / pattern->columns;
  const bool traced = is_traced(f);
  int64_t count = 0;
  for (int32_t s = 0; s < f->data->group_rows / pattern->rows; ++s) {
    double *w = f->w + (ptrdiff_t)s * pattern->rows * n, *cost = f->line, highest = 0;
    const uint8_t *kept = keep == NULL ? NULL : keep + (ptrdiff_t)s * pattern->rows * n;
    int32_t *order = f->index, done = units;
    if (traced) {
      memcpy(f->work, f->inverse, (size_t)n * (size_t)n * sizeof *f->work);
      done = ln_prune_trace(f->work, w, n, pattern, order, cost, f->scratch);
    } else {
      ln_prune_single_costs(f->inverse, w, n, pattern, cost);
      for (int32_t i = 0; i < units; ++i) order[i] = i;
      if (pattern->m > 0) done = take_of_m(pattern, cost, units, order);
    }
    for (int32_t i = 0; i < done; ++i) {
      const int32_t unit = order[i];
      const double own = cost[traced ? i : unit];
      highest = traced && own < highest ? highest : own;
      const bool gone = kept != NULL && !kept[unit * pattern->columns];
      out[count++] = (ranked){gone ? -1 : highest, first_strip + s, unit};
    }
  }
  return count;
}

static void drop_unit(const ln_prune_pattern *pattern, int32_t n, const ranked *unit, uint8_t *keep) {
  for (int32_t r = 0; r < pattern->rows; ++r) {
    const ptrdiff_t row = (ptrdiff_t)unit->strip * pattern->rows + r;
    memset(keep + row * n + (ptrdiff_t)unit->unit * pattern->columns, 0, (size_t)pattern->columns);
  }
}

/* ---- costs ---- */

/*
 * Of units that were not traced: what each costs alone while the others are there, and as many go as the order says,
 * becomes what it costs when no other is left to make up for it.
 */
static void bend_costs(const ln_prune_fit *f, ranked *units, int64_t count) {
  const ln_prune_pattern *pattern = &f->p->pattern;
  const int32_t n = f->data->columns;
  for (int64_t i = 0; i < count; ++i) {
    const ranked *u = &units[i];
    double alone = 0;
    for (int32_t r = 0; r < pattern->rows; ++r)
      for (int32_t c = 0; c < pattern->columns; ++c) {
        const int32_t column = u->unit * pattern->columns + c;
        const double w = (double)f->p->dense[((ptrdiff_t)u->strip * pattern->rows + r) * n + column];
        alone += w * w * f->h[(ptrdiff_t)column * n + column];
      }
    const double share = (double)i / (double)count;
    units[i].cost = units[i].cost > 0 && alone > 0 ? pow(units[i].cost, 1 - share) * pow(alone, share) : 0;
  }
}

static ranked *alloc_units(const ln_prune_fit *f) { return ln_alloc_array((size_t)f->p->units + 1, sizeof(ranked)); }

ln_status ln_prune_fit_costs(ln_prune_fit *f, ln_prune_layer *p) {
  const int32_t n = f->data->columns, rows = f->data->group_rows;
  ranked *units = alloc_units(f);
  ln_status status = units == NULL ? ln_optimizer_no_memory(f->o) : LN_OK;
  int64_t count = 0;
  for (int32_t g = 0; status == LN_OK && g < f->data->groups; ++g) {
    observe_inputs(f, g);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)rows * n; ++i) f->w[i] = (double)p->dense[(ptrdiff_t)g * rows * n + i];
    memcpy(f->inverse, f->h, (size_t)n * (size_t)n * sizeof *f->h);
    for (int32_t j = 0; j < n; ++j) f->inverse[(ptrdiff_t)j * n + j] += added(f);
    status = ln_linear_inverse(f->inverse, n, 0, f->o->err);
    if (status == LN_OK) count += rank_group(f, g * rows / p->pattern.rows, NULL, units + count);
  }
  if (status == LN_OK) {
    qsort(units, (size_t)count, sizeof *units, by_cost);
    if (!is_traced(f) && f->data->groups == 1) bend_costs(f, units, count);
    for (int64_t i = 0; i < p->units; ++i) p->costs[i] = i < count ? (float)units[i].cost : INFINITY;
  }
  ln_free(units);
  return status;
}

/* ---- inputs as a whole ---- */

ln_status ln_prune_fit_inputs(ln_prune_fit *f) {
  const int32_t n = f->data->columns;
  observe_inputs(f, 0);
  memcpy(f->inverse, f->h, (size_t)n * (size_t)n * sizeof *f->h);
  for (int32_t j = 0; j < n; ++j) f->inverse[(ptrdiff_t)j * n + j] += added(f);
  return ln_linear_inverse(f->inverse, n, 0, f->o->err);
}

double ln_prune_fit_inputs_cost(const ln_prune_fit *f, const int32_t *columns, int32_t count) {
  const int32_t n = f->data->columns, rows = f->p->layer.rows;
  double total = 0, *b = f->line;
  for (int32_t i = 0; i < count; ++i)
    for (int32_t j = 0; j < count; ++j)
      f->work[(ptrdiff_t)i * count + j] = f->inverse[(ptrdiff_t)columns[i] * n + columns[j]];
  if (!ln_linear_cholesky(f->work, count)) return INFINITY;
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t i = 0; i < count; ++i) b[i] = (double)f->p->dense[(ptrdiff_t)r * n + columns[i]];
    ln_linear_solve(f->work, count, b, 1);
    for (int32_t i = 0; i < count; ++i) total += b[i] * (double)f->p->dense[(ptrdiff_t)r * n + columns[i]];
  }
  return total;
}

/* ---- a layer ---- */

static bool is_cut(const ln_prune_layer *p) { return p->skip < 0 && (isfinite(p->low) || isfinite(p->high)); }

/* f->target: what the group should give, and where the activation cuts that off, what it gives by f->line_f. */
static void set_targets(ln_prune_fit *f, int32_t g, const float *bias) {
  const ln_prune_data *d = f->data;
  const int32_t rows = d->group_rows;
  const float *y = d->y + (int64_t)g * d->capacity * rows;
  const float low = f->p->low, high = f->p->high;
  if (!is_cut(f->p)) {
    memcpy(f->target, y, (size_t)d->count * (size_t)rows * sizeof *y);
    return;
  }
  ln_linear_apply(d->x + (int64_t)g * d->capacity * d->columns, d->count, d->columns, f->line_f, bias, rows, f->target);
  for (int64_t i = 0; i < d->count * rows; ++i) {
    if (y[i] <= low) f->target[i] = f->target[i] < low ? f->target[i] : low;
    else if (y[i] >= high) f->target[i] = f->target[i] > high ? f->target[i] : high;
    else f->target[i] = y[i];
  }
}

/* Weights and bias as floats: f->line_f and `bias`. */
static void round_group(ln_prune_fit *f, float *bias) {
  const int32_t n = f->data->columns;
  for (int32_t r = 0; r < f->data->group_rows; ++r) {
    double sum = f->mean_y[r];
    for (int32_t j = 0; j < n; ++j) {
      const ptrdiff_t at = (ptrdiff_t)r * n + j;
      f->line_f[at] = (float)f->w[at];
      sum -= f->w[at] * f->mean_x[j];
    }
    bias[r] = (float)sum;
  }
}

static ptrdiff_t group_at(const ln_prune_fit *f, int32_t g) {
  return (ptrdiff_t)g * f->data->group_rows * f->data->columns;
}

/* Moments of group `g` with targets for the dense weights. */
static void begin_group(ln_prune_fit *f, int32_t g) {
  const int32_t rows = f->data->group_rows, n = f->data->columns;
  memcpy(f->line_f, f->p->dense + group_at(f, g), (size_t)rows * (size_t)n * sizeof(float));
  observe_inputs(f, g);
  set_targets(f, g, f->p->dense_bias + (ptrdiff_t)g * rows);
  observe_targets(f, g, f->target);
}

/* Which units go, of all groups: `keep` [rows, columns]. */
static ln_status choose(ln_prune_fit *f, ranked *units, uint8_t *keep) {
  const ln_prune_layer *p = f->p;
  const int32_t n = f->data->columns, rows = f->data->group_rows;
  const int32_t stages = is_traced(f) || f->data->groups > 1 || p->pattern.m > 0 ? 1 : STAGES;
  if (p->removed == 0) {
    if (f->data->groups == 1) begin_group(f, 0);
    return LN_OK;
  }
  for (int32_t stage = 1; stage <= stages; ++stage) {
    int64_t count = 0, gone = p->removed;
    for (int32_t g = 0; g < f->data->groups; ++g) {
      if (stage == 1) {
        begin_group(f, g);
        LN_TRY(fit_whole(f, p->dense + group_at(f, g)));
      }
      count += rank_group(f, g * rows / p->pattern.rows, keep + group_at(f, g), units + count);
    }
    qsort(units, (size_t)count, sizeof *units, by_cost);
    if (stage < stages) gone = gone * (stage + 1) / (stages + 1); /* more than half at first: they cost least */
    if (p->pattern.m > 0) gone = count;
    for (int64_t i = 0; i < gone && i < count; ++i) drop_unit(&p->pattern, n, &units[i], keep);
    if (stage < stages) fit_rows(f, keep, p->dense);
  }
  return LN_OK;
}

static void fit_group(ln_prune_fit *f, int32_t g, const uint8_t *keep, float *bias) {
  const float *anchor = f->p->dense + group_at(f, g);
  if (f->data->groups > 1) begin_group(f, g);
  fit_rows(f, keep + group_at(f, g), anchor);
  round_group(f, bias);
  for (int32_t i = 0; is_cut(f->p) && i < f->rounds; ++i) {
    set_targets(f, g, bias);
    observe_targets(f, g, f->target);
    fit_rows(f, keep + group_at(f, g), anchor);
    round_group(f, bias);
  }
}

ln_status ln_prune_fit_layer(ln_prune_fit *f, const uint8_t *zeros, float *weights, float *bias) {
  const int32_t n = f->data->columns, rows = f->data->group_rows;
  const size_t all = (size_t)f->p->layer.rows * (size_t)n;
  ranked *units = alloc_units(f);
  uint8_t *keep = ln_alloc_array(all, 1);
  ln_status status = units == NULL || keep == NULL ? ln_optimizer_no_memory(f->o) : LN_OK;
  for (size_t i = 0; status == LN_OK && i < all; ++i) keep[i] = zeros == NULL || zeros[i] == 0;
  if (status == LN_OK) status = choose(f, units, keep);
  for (int32_t g = 0; status == LN_OK && g < f->data->groups; ++g) {
    fit_group(f, g, keep, bias + (ptrdiff_t)g * rows);
    memcpy(weights + group_at(f, g), f->line_f, (size_t)rows * (size_t)n * sizeof(float));
  }
  ln_free(units);
  ln_free(keep);
  return status;
}
