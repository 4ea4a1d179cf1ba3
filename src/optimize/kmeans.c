/* Clusters of numbers along a line: the numbers are sorted once, and sums over stretches of them come from prefixes. */
#include "optimize/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/order.h"

enum { ROUNDS = 200, DRAWS = 5 };

typedef struct item {
  float value, weight;
} item;

typedef struct line {
  item *items; /* [count] ascending */
  size_t count;
  double *mass, *moment, *square; /* [count + 1] sums before each item of weight, weight * value, weight * value^2 */
} line;

static int order(const void *a, const void *b) {
  return ln_number_order((double)((const item *)a)->value, (double)((const item *)b)->value);
}

static void close_line(line *l) {
  ln_free(l->items);
  ln_free(l->mass);
  ln_free(l->moment);
  ln_free(l->square);
}

static bool open_line(const float *values, const float *weights, size_t count, line *l) {
  *l = (line){.items = ln_alloc_array(count, sizeof *l->items), .count = count};
  l->mass = ln_alloc_array(count + 1, sizeof *l->mass);
  l->moment = ln_alloc_array(count + 1, sizeof *l->moment);
  l->square = ln_alloc_array(count + 1, sizeof *l->square);
  if (l->items == NULL || l->mass == NULL || l->moment == NULL || l->square == NULL) return false;
  for (size_t i = 0; i < count; ++i) l->items[i] = (item){values[i], weights == NULL ? 1.0f : weights[i]};
  qsort(l->items, count, sizeof *l->items, order);
  l->mass[0] = l->moment[0] = l->square[0] = 0;
  for (size_t i = 0; i < count; ++i) {
    const double value = l->items[i].value, weight = l->items[i].weight;
    l->mass[i + 1] = l->mass[i] + weight;
    l->moment[i + 1] = l->moment[i] + weight * value;
    l->square[i + 1] = l->square[i] + weight * value * value;
  }
  return true;
}

/* Items before the first that is not below `value`. */
static size_t below(const line *l, double value) {
  size_t low = 0, high = l->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if ((double)l->items[middle].value < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Splitmix64 (Steele, Lea & Flood, 2014): a number in [0, 1). */
static double draw(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

int32_t ln_kmeans_nearest(const float *centers, int32_t count, float value) {
  int32_t low = 0, high = count - 1;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (value > 0.5f * (centers[middle] + centers[middle + 1])) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* ---- starts ---- */

static int ascending(const void *a, const void *b) {
  return ln_number_order((double)*(const float *)a, (double)*(const float *)b);
}

/* The item at which a share of the mass is passed. */
static float at_mass(const line *l, double share) {
  const double wanted = share * l->mass[l->count];
  size_t low = 0, high = l->count - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (l->mass[middle + 1] <= wanted) low = middle + 1;
    else high = middle;
  }
  return l->items[low].value;
}

/* One center more, drawn by the squared distances to those there are. */
static float draw_far(const line *l, const float *centers, int32_t count, uint64_t *state) {
  double total = 0;
  for (int32_t pass = 0; pass < 2; ++pass) {
    const double wanted = pass == 0 ? 0 : draw(state) * total;
    double sum = 0;
    for (size_t i = 0; i < l->count; ++i) {
      const float value = l->items[i].value;
      const double gap = (double)value - (double)centers[ln_kmeans_nearest(centers, count, value)];
      sum += (double)l->items[i].weight * gap * gap;
      if (pass == 1 && sum > wanted) return value;
    }
    total = sum;
  }
  return at_mass(l, draw(state));
}

static void start(const ln_kmeans *how, const line *l, int32_t from, uint64_t *state, float *centers) {
  const float least = l->items[0].value, most = l->items[l->count - 1].value;
  const int32_t count = how->clusters - from;
  for (int32_t i = 0; i < count; ++i) {
    float *center = &centers[from + i];
    const double share = ((double)i + 0.5) / count;
    switch (how->start) {
      case LN_KMEANS_DENSITY: *center = at_mass(l, share); break;
      case LN_KMEANS_LINEAR:
        *center = (float)(least + ((double)most - least) * (count < 2 ? 0.5 : i / (count - 1.0)));
        break;
      case LN_KMEANS_RANDOM: *center = at_mass(l, draw(state)); break;
      case LN_KMEANS_PLUS_PLUS:
        *center = from + i == 0 ? at_mass(l, draw(state)) : draw_far(l, centers, from + i, state);
        qsort(centers, (size_t)(from + i + 1), sizeof *centers, ascending);
        break;
    }
  }
  qsort(centers, (size_t)how->clusters, sizeof *centers, ascending);
}

/* ---- rounds ---- */

/* Moves each center to the mean of its items; the sum of squared distances before the move. */
static double move(const line *l, bool keep_zero, float *centers, int32_t count, bool *moved) {
  double error = 0;
  size_t first = 0;
  *moved = false;
  for (int32_t i = 0; i < count; ++i) {
    const double limit = i + 1 < count ? 0.5 * ((double)centers[i] + (double)centers[i + 1]) : INFINITY;
    const size_t end = i + 1 < count ? below(l, limit) : l->count;
    const double mass = l->mass[end] - l->mass[first], moment = l->moment[end] - l->moment[first];
    const double old = centers[i];
    error += l->square[end] - l->square[first] - 2 * old * moment + old * old * mass;
    first = end;
    if (!(mass > 0) || (keep_zero && old == 0)) continue;
    const float next = (float)(moment / mass);
    if (fabs((double)next - old) > 1e-7 * fabs(old)) *moved = true;
    centers[i] = next;
  }
  return error;
}

static double refine(const line *l, bool keep_zero, float *centers, int32_t count) {
  double error = INFINITY;
  bool moved = true;
  for (int32_t round = 0; moved && round < ROUNDS; ++round) error = move(l, keep_zero, centers, count, &moved);
  return error;
}

/* All values, where they are no more than centers. */
static bool take_all(const ln_kmeans *how, const line *l, float *centers, int32_t *used) {
  int32_t count = 0;
  if (how->keep_zero) centers[count++] = 0;
  for (size_t i = 0; i < l->count; ++i) {
    if (i > 0 && l->items[i].value == l->items[i - 1].value) continue;
    if (how->keep_zero && l->items[i].value == 0) continue;
    if (count == how->clusters) return false;
    centers[count++] = l->items[i].value;
  }
  qsort(centers, (size_t)count, sizeof *centers, ascending);
  *used = count;
  return true;
}

bool ln_kmeans_find(const ln_kmeans *how, const float *values, const float *weights, size_t count, float *centers,
                    int32_t *used) {
  line l;
  float *tried = ln_alloc_array((size_t)how->clusters, sizeof *tried);
  const bool good = open_line(values, weights, count, &l) && tried != NULL;
  if (good && !take_all(how, &l, centers, used)) {
    const bool drawn = how->start == LN_KMEANS_PLUS_PLUS || how->start == LN_KMEANS_RANDOM;
    uint64_t state = how->seed;
    double best = INFINITY;
    for (int32_t i = 0; i < (drawn ? DRAWS : 1); ++i) {
      tried[0] = 0;
      start(how, &l, how->keep_zero ? 1 : 0, &state, tried);
      const double error = refine(&l, how->keep_zero, tried, how->clusters);
      if (i > 0 && !(error < best)) continue;
      best = error;
      memcpy(centers, tried, (size_t)how->clusters * sizeof *centers);
    }
    *used = how->clusters;
  }
  close_line(&l);
  ln_free(tried);
  return good;
}
