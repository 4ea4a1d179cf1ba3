/* Ranges that methods choose from histograms of what a tensor held: the ends may be left out to make steps smaller. */
#include <math.h>
#include <string.h>

#include "optimize/quantize.h"

enum { HALF = LN_HISTOGRAM_BINS / 2, STEPS_8 = 255 };

static double bin_width(const ln_histogram *h) { return (double)h->reach / HALF; }

/* Where bin `index` begins. */
static double edge(const ln_histogram *h, int32_t index) { return (index - HALF) * bin_width(h); }

static int32_t bin_of(double value, float reach) {
  const double place = floor(value / reach * HALF) + HALF;
  return place < 0 ? 0 : place > LN_HISTOGRAM_BINS - 1 ? LN_HISTOGRAM_BINS - 1 : (int32_t)place;
}

/* Bins join in pairs about the middle. */
static void double_reach(ln_histogram *h) {
  uint32_t wider[LN_HISTOGRAM_BINS] = {0};
  for (int32_t i = 0; i < LN_HISTOGRAM_BINS; ++i) {
    uint32_t *into = &wider[HALF / 2 + i / 2];
    *into = h->bins[i] > UINT32_MAX - *into ? UINT32_MAX : *into + h->bins[i];
  }
  memcpy(h->bins, wider, sizeof wider);
  h->reach *= 2;
}

void ln_histogram_add(ln_histogram *h, const float *values, size_t count, float most) {
  if (h->reach == 0) h->reach = most;
  if (h->reach == 0) return; /* zeros alone, which every range holds */
  while (h->reach < most) double_reach(h);
  const float factor = HALF / h->reach;
  for (size_t i = 0; i < count; ++i) {
    const float place =
        values[i] * factor + HALF; /* not negative, but where `reach` is so small that it has no inverse */
    const int32_t bin = !(place > 0) ? 0 : place < LN_HISTOGRAM_BINS ? (int32_t)place : LN_HISTOGRAM_BINS - 1;
    if (h->bins[bin] < UINT32_MAX) ++h->bins[bin];
  }
}

void ln_histogram_percentile(const ln_histogram *h, double percentile, ln_range *range) {
  double total = 0;
  for (int32_t i = 0; i < LN_HISTOGRAM_BINS; ++i) total += h->bins[i];
  const double cut = total * (1 - percentile / 100) / 2;
  double below = 0, above = 0;
  int32_t first = 0, last = LN_HISTOGRAM_BINS - 1;
  while (first < last && (below += h->bins[first]) <= cut) ++first;
  while (last > first && (above += h->bins[last]) <= cut) --last;
  range->low = fmaxf((float)edge(h, first), range->seen_low);
  range->high = fminf((float)edge(h, last + 1), range->seen_high);
}

/* ---- mean squared error ---- */

/* What the range costs: the error of rounding within it, evenly spread over a step, and of clipping outside. */
static double squared_error(const ln_histogram *h, double low, double high) {
  const double step = (fmax(high, 0) - fmin(low, 0)) / STEPS_8;
  double error = 0, inside = 0;
  for (int32_t i = 0; i < LN_HISTOGRAM_BINS; ++i) {
    if (h->bins[i] == 0 || i == HALF) continue; /* zero, which is exact, lies in the middle bin */
    const double value = edge(h, i) + bin_width(h) / 2;
    const double past = value < low ? low - value : value > high ? value - high : 0;
    if (past == 0) {
      inside += h->bins[i];
    } else {
      error += h->bins[i] * past * past;
    }
  }
  return error + inside * step * step / 12;
}

void ln_histogram_least_squares(const ln_histogram *h, ln_range *range) {
  enum { TRIES = 48 };
  const double low = range->low, high = range->high;
  double best_low = low, best_high = high, least = squared_error(h, low, high);
  /* Both ends together, then each by itself. */
  for (int32_t which = 0; which < 3; ++which) {
    const double from_low = best_low, from_high = best_high;
    for (int32_t i = 1; i < TRIES; ++i) {
      const double share = 1 - (double)i / (TRIES + 4);
      const double try_low = which == 2 ? from_low : low * share, try_high = which == 1 ? from_high : high * share;
      const double error = squared_error(h, try_low, try_high);
      if (error >= least) continue;
      least = error;
      best_low = try_low;
      best_high = try_high;
    }
  }
  range->low = (float)best_low;
  range->high = (float)best_high;
}

/* ---- entropy ---- */

/*
 * The divergence of what `levels` steps over the first `kept` magnitudes leave from the magnitudes themselves, those
 * past the end counted with the last.
 */
static double divergence(const double *magnitudes, int32_t kept, int32_t levels, double total, double outside) {
  double sum = 0, quantized_total = total - outside;
  if (quantized_total <= 0) return INFINITY;
  for (int32_t level = 0; level < levels; ++level) {
    const int32_t from = (int32_t)((int64_t)level * kept / levels),
                  to = (int32_t)((int64_t)(level + 1) * kept / levels);
    double mass = 0;
    int32_t filled = 0;
    for (int32_t i = from; i < to; ++i) {
      mass += magnitudes[i];
      filled += magnitudes[i] > 0;
    }
    for (int32_t i = from; i < to; ++i) {
      const double p = (magnitudes[i] + (i == kept - 1 ? outside : 0)) / total;
      if (p <= 0) continue;
      const double q = magnitudes[i] > 0 ? mass / filled / quantized_total : 1e-9; /* clipped mass over an empty bin */
      sum += p * log(p / q);
    }
  }
  return sum;
}

/* S. Migacz, 8-bit Inference with TensorRT (2017): the threshold of magnitudes that loses the least information. */
void ln_histogram_entropy(const ln_histogram *h, ln_range *range) {
  const bool one_sided = range->seen_low >= 0 || range->seen_high <= 0;
  const int32_t levels = one_sided ? STEPS_8 : STEPS_8 / 2;
  enum { STRIDE = 8 };
  double magnitudes[HALF], total = 0;
  for (int32_t i = 0; i < HALF; ++i) {
    magnitudes[i] = i == 0 ? 0 : (double)h->bins[HALF + i] + h->bins[HALF - 1 - i];
    total += magnitudes[i];
  }
  const int32_t most = bin_of(fmax(fabs(range->seen_low), fabs(range->seen_high)), h->reach) - HALF + 1;
  double inside = 0, least = INFINITY;
  int32_t best = most, summed = 0;
  for (int32_t kept = levels < most ? levels : most; kept <= most; kept += STRIDE) {
    while (summed < kept) inside += magnitudes[summed++];
    const double loss = divergence(magnitudes, kept, levels < kept ? levels : kept, total, total - inside);
    if (loss >= least) continue;
    least = loss;
    best = kept;
  }
  if (best >= most) return;
  const float threshold = (float)(best * bin_width(h));
  range->low = fmaxf(range->low, -threshold);
  range->high = fminf(range->high, threshold);
}
