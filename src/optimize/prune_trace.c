/* The Optimal Brain Surgeon on one strip of a layer: units go one by one while an inverse shrinks with them. */
#include <math.h>
#include <string.h>

#include "optimize/prune.h"

enum { WIDEST = 64 };

/* x^T (M_BB)^-1 x for the block of M [*, n] that begins at `at`, by a factor of it. */
static double block_cost(const double *m, int32_t n, int32_t at, int32_t size, const double *w, int32_t rows) {
  double l[WIDEST] = {0}, x[WIDEST], cost = 0;
  double factor[WIDEST][WIDEST];
  for (int32_t i = 0; i < size; ++i) {
    for (int32_t j = 0; j <= i; ++j) {
      double sum = m[(ptrdiff_t)(at + i) * n + at + j];
      for (int32_t k = 0; k < j; ++k) sum -= factor[i][k] * factor[j][k];
      if (i == j) l[i] = sum > 1e-300 ? sqrt(sum) : 1e-150;
      factor[i][j] = i == j ? l[i] : sum / l[j];
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t i = 0; i < size; ++i) {
      double sum = w[(ptrdiff_t)r * n + at + i];
      for (int32_t k = 0; k < i; ++k) sum -= factor[i][k] * x[k];
      x[i] = sum / l[i];
      cost += x[i] * x[i];
    }
  }
  return cost;
}

static double unit_cost(const double *m, int32_t n, int32_t at, const ln_prune_pattern *pattern, const double *w) {
  if (pattern->columns > 1 || pattern->rows > 1) return block_cost(m, n, at, pattern->columns, w, pattern->rows);
  const double diagonal = m[(ptrdiff_t)at * n + at];
  return w[at] * w[at] / (diagonal > 1e-300 ? diagonal : 1e-300);
}

void ln_prune_single_costs(const double *m, const double *w, int32_t n, const ln_prune_pattern *pattern, double *cost) {
  for (int32_t u = 0; u < n / pattern->columns; ++u) cost[u] = unit_cost(m, n, u * pattern->columns, pattern, w);
}

/* Takes input `at` out: the weights that stay make up for it, and M becomes the inverse without it. */
static void eliminate(double *m, double *w, int32_t n, int32_t active, int32_t at, int32_t rows) {
  const double *pivot = m + (ptrdiff_t)at * n;
  const double scale = 1 / (pivot[at] > 1e-300 ? pivot[at] : 1e-300);
  for (int32_t r = 0; r < rows; ++r) {
    double *line = w + (ptrdiff_t)r * n;
    const double factor = line[at] * scale;
    for (int32_t j = 0; j < active; ++j) line[j] -= factor * pivot[j];
  }
  for (int32_t i = 0; i < active; ++i) {
    if (i == at) continue;
    double *line = m + (ptrdiff_t)i * n;
    const double factor = line[at] * scale;
    for (int32_t j = 0; j < active; ++j) line[j] -= factor * pivot[j];
  }
}

static void swap(double *a, double *b, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const double kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

/* Moves the inputs of a unit behind the active ones, where the last active unit's were. */
static void retire(double *m, double *w, int32_t n, int32_t active, int32_t at, int32_t size, int32_t rows) {
  const int32_t last = active - size;
  if (at == last) return;
  for (int32_t i = 0; i < size; ++i) swap(m + (ptrdiff_t)(at + i) * n, m + (ptrdiff_t)(last + i) * n, active);
  for (int32_t i = 0; i < active; ++i) swap(m + (ptrdiff_t)i * n + at, m + (ptrdiff_t)i * n + last, size);
  for (int32_t r = 0; r < rows; ++r) swap(w + (ptrdiff_t)r * n + at, w + (ptrdiff_t)r * n + last, size);
}

int32_t ln_prune_trace(double *m, double *w, int32_t n, const ln_prune_pattern *pattern, int32_t *order, double *cost,
                       int32_t *scratch) {
  const int32_t size = pattern->columns, units = n / size;
  int32_t *unit = scratch, *gone = scratch + units; /* which unit lies where; how many of a group of m are gone */
  for (int32_t u = 0; u < units; ++u) unit[u] = u, gone[u] = 0;
  int32_t done = 0;
  for (int32_t left = units; left > 0; --left, ++done) {
    int32_t best = -1;
    double least = INFINITY;
    for (int32_t u = 0; u < left; ++u) {
      if (pattern->m > 0 && gone[unit[u] / pattern->m] >= pattern->m - pattern->n) continue;
      const double c = unit_cost(m, n, u * size, pattern, w);
      if (best < 0 || c < least) best = u, least = c;
    }
    if (best < 0) break;
    const int32_t active = left * size;
    for (int32_t i = 0; i < size; ++i) eliminate(m, w, n, active, best * size + i, pattern->rows);
    retire(m, w, n, active, best * size, size, pattern->rows);
    order[done] = unit[best];
    cost[done] = least;
    if (pattern->m > 0) ++gone[unit[best] / pattern->m];
    unit[best] = unit[left - 1];
  }
  return done;
}
