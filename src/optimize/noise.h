/*
 * Where the noise of a quantized model's outputs comes from: each operator makes some by itself (its weights, its
 * arithmetic), and rounding a tensor makes some as long as one operator that touches it computes in integers. Leaving
 * one operator in floats takes away the former alone; the latter goes once its neighbours follow.
 */
#ifndef LN_OPTIMIZE_NOISE_H
#define LN_OPTIMIZE_NOISE_H

#include "ir/ir.h"

/* In one format: parts of the outputs' power. */
typedef struct ln_noise {
  double *ops;    /* [op_count] */
  double *groups; /* [tensor_count] at a group's first tensor */
} ln_noise;

/* Whose groups an operator touches, and who touches a group. */
typedef struct ln_noise_link {
  int32_t op, group;
  int32_t next_of_op, next_of_group; /* -1 ends */
} ln_noise_link;

typedef struct ln_noise_net {
  const ln_graph *graph;
  bool *moves;     /* [op_count] only moves numbers: it goes with what it reads */
  int32_t *groups; /* [tensor_count] the first of the tensors between which numbers are only moved */
  ln_noise_link *links;
  int32_t *links_of_op, *links_of_group; /* the first, -1 */
  int32_t link_count;
} ln_noise_net;

/* Room in `arena`, zeroed; false when memory is short. `moves` and `groups` are then filled, and linked. */
bool ln_noise_make(const ln_graph *graph, ln_arena *arena, ln_noise *out);
bool ln_noise_net_make(const ln_graph *graph, ln_arena *arena, ln_noise_net *out);
void ln_noise_net_link(ln_noise_net *net);

/* Of a mix: `now` [op_count] numbers of formats, -1 floats, which make none. */
double ln_noise_total(const ln_noise_net *net, const ln_noise *formats, const int8_t *now);
/* What an operator's change to another format takes away, a share of what it can take away only with others counted. */
double ln_noise_gain(const ln_noise_net *net, const ln_noise *formats, const int8_t *now, int32_t op, int32_t to);

#endif
