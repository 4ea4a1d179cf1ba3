/* Which channels of a graph's tensors can only go together. */
#ifndef LN_OPTIMIZE_CHANNELS_H
#define LN_OPTIMIZE_CHANNELS_H

#include "optimize/optimize.h"

/* Channels are indices of a tensor's last dimension, numbered through all tensors that operators write. */
typedef struct ln_channels {
  int32_t *first; /* [tensor_count] number of the tensor's first channel; -1: it has none */
  int32_t *width; /* [tensor_count] */
  int32_t *group; /* [count] the channel that stands for all that go with this one */
  bool *whole;    /* [count] of those that stand for others: they must stay */
  int32_t count;
} ln_channels;

/* How an operator treats the channels of its inputs. */
typedef enum ln_channel_rule {
  LN_CHANNELS_MIXED, /* in a way that is not followed */
  LN_CHANNELS_SAME,  /* each by itself: output 0 has input 0's */
  LN_CHANNELS_OVER,  /* the same, of what works over axes that a constant names */
  LN_CHANNELS_BOTH,  /* the same, of two inputs, one of which may be a constant */
  LN_CHANNELS_LAYER, /* LN_OPF_LAYER says which */
  LN_CHANNELS_CONCATENATION,
  LN_CHANNELS_RESHAPE
} ln_channel_rule;

ln_channel_rule ln_channel_rule_of(const ln_op *op);

/*
 * Follows channels through what treats each by itself: element by element operators, depthwise layers, pools, pads,
 * means, concatenations, reshapes that flatten. `open` [op_count]: layers whose outputs and inputs may lose channels;
 * whatever else mixes channels keeps its own whole, and graph inputs and outputs are. `o->report` gets a note for what
 * could not be followed.
 */
ln_status ln_channels_trace(ln_optimizer *o, const bool *open, ln_channels *out);
void ln_channels_free(ln_channels *channels);
/* Makes the graph smaller by the groups for which `gone` is set. */
ln_status ln_channels_cut(ln_optimizer *o, const bool *open, const ln_channels *channels, const bool *gone);

static inline int32_t ln_channel_group(const ln_channels *c, int32_t tensor, int32_t channel) {
  return c->first[tensor] < 0 ? -1 : c->group[c->first[tensor] + channel % c->width[tensor]];
}

#endif
