/* Whole channels that go. */
#include "optimize/channels.h"

ln_status ln_prune_channels(ln_optimizer *o, const ln_stage *stage) {
  (void)stage;
  return ln_fail(o->err, LN_ERR_UNSUPPORTED, "prune: whole channels are not pruned yet");
}
