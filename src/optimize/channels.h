/* Whole channels that go: the graph gets smaller. */
#ifndef LN_OPTIMIZE_CHANNELS_H
#define LN_OPTIMIZE_CHANNELS_H

#include "optimize/optimize.h"

/* The technique `prune` with the pattern "channel". */
ln_status ln_prune_channels(ln_optimizer *o, const ln_stage *stage);

#endif
