/*
 * StableHLO's regions: graphs of the model that an operator applies to scalars (region.c). One that is a single
 * element-wise function is a kernel; one made of element-wise operators is run on many scalars at once; any other on
 * one at a time.
 */
#ifndef LN_OPS_REGION_H
#define LN_OPS_REGION_H

#include "kernels/binary.h"
#include "ops/host.h"

enum {
  LN_REGION_ARGS = 32, /* that a region takes at most */
  LN_REGION_OPERANDS = LN_REGION_ARGS / 2,
  LN_REGION_LANES = 1024
};

typedef enum ln_region_kind {
  LN_REGION_KERNEL, /* result 0 is a commutative and associative function of both arguments */
  LN_REGION_SECOND, /* the results are the second half of the arguments as they are */
  LN_REGION_GRAPH
} ln_region_kind;

typedef struct ln_region {
  ln_region_kind kind;
  int32_t graph, arg_count, result_count;
  ln_type types[LN_REGION_ARGS];    /* of the arguments; results are of the first ones' types unless all are bool */
  size_t arg_bytes[LN_REGION_ARGS]; /* of an element */
  size_t result_bytes[LN_REGION_ARGS];
  ln_binary_op op; /* of a kernel */
  ln_binary_fn *fn;
  int32_t lanes; /* scalars that a run takes at a time: of a graph no more */
} ln_region;

/* Everything a kernel of a region asks of its parameters: no clamp. */
extern const ln_binary_params ln_region_params;

/*
 * Finds a region that takes `arg_count` scalars of `types` and gives as many results as half of that, of the types of
 * its first arguments. `wanted` is how many scalars the operator has for it at a time. For infer functions and for the
 * beginning of a run: a graph's memory is made here.
 */
ln_status ln_region_open(const ln_node *node, int32_t graph, const ln_type *types, int32_t arg_count, size_t wanted,
                         ln_error *err, ln_region *out);
/* The same for a region that gives one bool. */
ln_status ln_region_open_predicate(const ln_node *node, int32_t graph, const ln_type *types, int32_t arg_count,
                                   size_t wanted, ln_error *err, ln_region *out);
/* Scratch that ln_region_run takes for a region of such arguments; false on overflow. */
bool ln_region_staging_bytes(const ln_type *types, int32_t arg_count, size_t *bytes);

/*
 * Applies it to `count` scalars of each argument, dense arrays; results may be arguments. Kernels and SECOND may be run
 * by several threads; a graph is run by the caller's alone and counts against the operation limit.
 */
ln_status ln_region_run(const ln_node *node, const ln_region *region, const void *const *args, void *const *results,
                        size_t count, void *staging, ln_error *err);

/*
 * Operators that fold: N operands of one shape, then N initial values, N outputs; the region takes N values folded so
 * far and N more.
 */
ln_status ln_region_check_fold(const ln_node *node, ln_error *err);
ln_status ln_region_open_fold(const ln_node *node, int32_t graph, size_t wanted, ln_error *err, ln_region *out);

/* Lanes that values are folded in. */
typedef struct ln_region_fold {
  const ln_node *node;
  const ln_region *region;
  char *acc[LN_REGION_OPERANDS], *values[LN_REGION_OPERANDS]; /* [LN_REGION_LANES] */
  char *staging;
  ln_error *err;
} ln_region_fold;

/* Scratch that a fold takes at most; false on overflow. */
bool ln_region_fold_bytes(const ln_node *node, size_t *bytes);
ln_region_fold ln_region_fold_begin(const ln_node *node, const ln_region *region, const ln_exec *exec);
/* acc[i] = region(acc[i], values[i]) for the first `count` lanes. */
ln_status ln_region_fold_lanes(const ln_region_fold *fold, size_t count);

#endif
