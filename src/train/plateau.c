/* What a result that no longer gets better leads to: the end of training, or a lower learning rate. */
#include "train/trainer.h"

bool ln_watch_better(const ln_watch *w, double value, double min_delta, bool larger_is_better) {
  if (value != value) return false;
  if (w->seen == 0) return true;
  return larger_is_better ? value > w->best + min_delta : value < w->best - min_delta;
}

/* Counts the value, unless it is not better and `pause` is on. */
static bool take(ln_watch *w, double value, double min_delta, bool larger_is_better, bool pause) {
  const bool better = ln_watch_better(w, value, min_delta, larger_is_better);
  if (better) {
    w->best = value;
    w->seen = 1;
  }
  w->wait = better || pause ? 0 : w->wait + 1;
  return better;
}

bool ln_early_stop_update(ln_watch *w, double value, double min_delta, bool larger_is_better, int64_t patience,
                          bool *better) {
  *better = take(w, value, min_delta, larger_is_better, false);
  return !*better && w->wait >= patience;
}

double ln_plateau_update(ln_watch *w, double value, double min_delta, bool larger_is_better, int64_t patience,
                         int64_t cooldown, double factor) {
  if (w->cooldown > 0) {
    w->cooldown -= 1;
    w->wait = 0;
  }
  take(w, value, min_delta, larger_is_better, w->cooldown > 0);
  if (w->wait == 0 || w->wait < patience) return 1;
  w->wait = 0;
  w->cooldown = cooldown;
  return factor;
}
