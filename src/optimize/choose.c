/* Which size each layer takes: by what it may lose, or by what all of them together may cost. */
#include <math.h>

#include "optimize/factorize.h"

int32_t ln_choose_by_error(const ln_choice *choices, int32_t count, double error) {
  int32_t best = -1;
  for (int32_t i = 1; i < count; ++i) {
    const ln_choice *c = &choices[i];
    if (c->error > error) continue;
    if (best < 0 || c->macs < choices[best].macs || (c->macs == choices[best].macs && c->bytes < choices[best].bytes))
      best = i;
  }
  return best;
}

static int64_t cost_of(const ln_choice *choice, bool by_macs) { return by_macs ? choice->macs : choice->bytes; }

/* The next point of the lower hull from choice `at`, and its error by saving; -1 at the end. */
static int32_t next_step(const ln_choice *choices, int32_t count, int32_t at, bool by_macs, double *price) {
  int32_t best = -1;
  *price = INFINITY;
  for (int32_t i = 1; i < count; ++i) {
    const int64_t saving = cost_of(&choices[at], by_macs) - cost_of(&choices[i], by_macs);
    if (saving <= 0) continue;
    const double wanted = (choices[i].error - choices[at].error) / (double)saving;
    if (best >= 0 && wanted >= *price) continue;
    best = i;
    *price = wanted;
  }
  return best;
}

bool ln_choose_by_budget(const ln_choice *choices, const int32_t *starts, int32_t layers, double share, bool by_macs,
                         int32_t *chosen) {
  int32_t *next = ln_alloc_array((size_t)layers + 1, sizeof *next);
  double *prices = ln_alloc_array((size_t)layers + 1, sizeof *prices);
  double total = 0, now;
  if (next == NULL || prices == NULL) {
    ln_free(next);
    ln_free(prices);
    return false;
  }
  for (int32_t i = 0; i < layers; ++i) {
    chosen[i] = 0;
    total += (double)cost_of(&choices[starts[i]], by_macs);
    next[i] = next_step(&choices[starts[i]], starts[i + 1] - starts[i], 0, by_macs, &prices[i]);
  }
  for (now = total; now > share * total;) {
    int32_t best = -1;
    for (int32_t i = 0; i < layers; ++i)
      if (next[i] >= 0 && (best < 0 || prices[i] < prices[best])) best = i;
    if (best < 0) break;
    const ln_choice *of = &choices[starts[best]];
    now -= (double)(cost_of(&of[chosen[best]], by_macs) - cost_of(&of[next[best]], by_macs));
    chosen[best] = next[best];
    next[best] = next_step(of, starts[best + 1] - starts[best], chosen[best], by_macs, &prices[best]);
  }
  ln_free(next);
  ln_free(prices);
  return true;
}
