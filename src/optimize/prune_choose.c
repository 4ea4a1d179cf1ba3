/* How many units of which layer go, and choosing them by magnitude alone. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/order.h"
#include "optimize/prune.h"

typedef struct choice {
  double cost;
  int64_t unit; /* of its layer */
  int32_t layer;
} choice;

static int by_cost(const void *a, const void *b) {
  const choice *x = a, *y = b;
  const int order = ln_number_order(x->cost, y->cost);
  if (order != 0) return order;
  if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
  return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static int64_t unit_size(const ln_prune_layer *p) { return (int64_t)p->pattern.rows * p->pattern.columns; }

/* Sum of squares of a unit; units count along the strips. */
static double power(const ln_prune_layer *p, const float *weights, int64_t unit) {
  const int32_t n = p->layer.columns, across = n / p->pattern.columns;
  const float *at = weights + unit / across * p->pattern.rows * n + unit % across * p->pattern.columns;
  double sum = 0;
  for (int32_t r = 0; r < p->pattern.rows; ++r)
    for (int32_t c = 0; c < p->pattern.columns; ++c)
      sum += (double)at[(ptrdiff_t)r * n + c] * (double)at[(ptrdiff_t)r * n + c];
  return sum;
}

static choice *sorted_units(const ln_optimizer *o, const ln_prune_layer *p, const float *weights, ln_status *status) {
  choice *units = ln_alloc_array((size_t)p->units + 1, sizeof *units);
  *status = units == NULL ? ln_optimizer_no_memory(o) : LN_OK;
  for (int64_t i = 0; units != NULL && i < p->units; ++i) units[i] = (choice){power(p, weights, i), i, 0};
  if (units != NULL) qsort(units, (size_t)p->units, sizeof *units, by_cost);
  return units;
}

ln_status ln_prune_magnitude_costs(const ln_optimizer *o, ln_prune_layer *p) {
  ln_status status;
  choice *units = sorted_units(o, p, p->dense, &status);
  double left = 0;
  if (units == NULL) return status;
  for (int64_t i = p->units - 1; i >= 0; --i) {
    left += units[i].cost;
    p->costs[i] = left > 0 ? (float)(units[i].cost / left) : 0;
  }
  ln_free(units);
  return LN_OK;
}

/* Of each m units in a row all but the n largest. */
static ln_status drop_of_m(const ln_optimizer *o, const ln_prune_layer *p, float *weights) {
  const int32_t m = p->pattern.m;
  choice *group = ln_alloc_array((size_t)m, sizeof *group);
  if (group == NULL) return ln_optimizer_no_memory(o);
  for (int64_t first = 0; first + m <= p->units; first += m) {
    for (int32_t i = 0; i < m; ++i) group[i] = (choice){fabs((double)weights[first + i]), first + i, 0};
    qsort(group, (size_t)m, sizeof *group, by_cost);
    for (int32_t i = 0; i < m - p->pattern.n; ++i) weights[group[i].unit] = 0;
  }
  ln_free(group);
  return LN_OK;
}

ln_status ln_prune_by_magnitude(const ln_optimizer *o, const ln_prune_layer *p, float *weights) {
  const int32_t n = p->layer.columns, across = n / p->pattern.columns;
  ln_status status;
  if (p->pattern.m > 0) return drop_of_m(o, p, weights);
  choice *units = sorted_units(o, p, weights, &status);
  if (units == NULL) return status;
  for (int64_t i = 0; i < p->removed; ++i) {
    float *at = weights + units[i].unit / across * p->pattern.rows * n + units[i].unit % across * p->pattern.columns;
    for (int32_t r = 0; r < p->pattern.rows; ++r)
      memset(at + (ptrdiff_t)r * n, 0, (size_t)p->pattern.columns * sizeof *at);
  }
  ln_free(units);
  return LN_OK;
}

/* ---- among layers ---- */

static int64_t share_of(const ln_prune_layer *p, double sparsity) {
  const double units = floor(sparsity * (double)p->units + 0.5);
  return units < 0 ? 0 : units > (double)p->units ? p->units : (int64_t)units;
}

/* Units of layers whose number is not given go by what a weight of them costs, until `goal` weights are gone. */
static ln_status choose_among(const ln_optimizer *o, ln_prune_layer *layers, int32_t count, int64_t goal) {
  size_t room = 1;
  for (int32_t i = 0; i < count; ++i) room += (size_t)layers[i].units;
  choice *all = ln_alloc_array(room, sizeof *all);
  size_t filled = 0;
  if (all == NULL) return ln_optimizer_no_memory(o);
  for (int32_t i = 0; i < count; ++i) {
    if (layers[i].sparsity >= 0 || layers[i].pattern.m > 0) continue;
    const double scale = layers[i].importance / (double)unit_size(&layers[i]);
    for (int64_t u = 0; u < layers[i].units; ++u) all[filled++] = (choice){(double)layers[i].costs[u] * scale, u, i};
  }
  qsort(all, filled, sizeof *all, by_cost);
  for (size_t i = 0; i < filled && goal > 0; ++i) {
    ++layers[all[i].layer].removed;
    goal -= unit_size(&layers[all[i].layer]);
  }
  ln_free(all);
  return LN_OK;
}

ln_status ln_prune_allocate(const ln_optimizer *o, ln_prune_layer *layers, int32_t count, double sparsity,
                            bool global) {
  double goal = 0;
  for (int32_t i = 0; i < count; ++i) {
    ln_prune_layer *p = &layers[i];
    const double weights = (double)p->layer.rows * p->layer.columns;
    goal += p->pattern.m > 0 ? 0 : weights * sparsity;
    p->removed = 0;
    if (p->pattern.m > 0) p->removed = p->units / p->pattern.m * (p->pattern.m - p->pattern.n);
    else if (p->sparsity >= 0) p->removed = share_of(p, p->sparsity);
    else if (!global) p->removed = share_of(p, sparsity);
    if (p->pattern.m == 0 && p->sparsity >= 0) goal -= (double)(p->removed * unit_size(p));
  }
  return global && goal >= 1 ? choose_among(o, layers, count, (int64_t)(goal + 0.5)) : LN_OK;
}
