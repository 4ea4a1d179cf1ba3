/*
 * Sessions: a graph bound to memory. session.c makes and runs them, prepare.c infers and prepares, layout.c gives
 * tensors their memory, cache.c holds what the sessions of one model share.
 */
#ifndef LN_RUNTIME_H
#define LN_RUNTIME_H

#include <stdatomic.h>

#include "backends/backend.h"
#include "linnet/session.h"
#include "passes/passes.h"
#include "plan/plan.h"

/* ---- what sessions of one model share (cache.c) ---- */

typedef struct ln_model_cache ln_model_cache;

/* The graph of the model after the passes (as it is in the file with `plain`), made at the first call and kept with the
 * model. Thread-safe. */
ln_status ln_model_cache_graph(ln_model *model, int32_t graph, bool plain, ln_error *err, const ln_graph **out);
/* Holds the lock under which packed weights are looked up and made; NULL (and no lock) when memory is short. */
ln_pack_cache *ln_model_cache_lock_packs(ln_model *model);
void ln_model_cache_unlock_packs(ln_model *model);
size_t ln_model_cache_packed_bytes(ln_model *model);
void ln_model_cache_destroy(ln_model_cache *cache);

/* ---- sessions ---- */

/* One operator of the prepared graph. */
typedef struct ln_step {
  ln_node node;
  ln_node_state state;
  /* Shapes depend on data: inferred, prepared and given memory in the run itself. */
  bool late;
  size_t scratch_offset, thread_scratch_offset; /* in the arena */
  size_t thread_stride;
  int64_t macs, calls, nanoseconds;
} ln_step;

typedef struct ln_user_op ln_user_op; /* operators.c */

struct ln_session {
  ln_model *model;
  const ln_graph *graph; /* prepared; shared, never changed */
  const ln_backend *backend;
  const ln_signature *signature; /* NULL: the graph's own inputs and outputs */
  ln_pool *pool;
  bool profile, keep_all;
  bool prepared;
  atomic_bool cancelled;
  ln_user_op *user_ops; /* a list: nodes that the program's own operators compute */

  ln_arena memory;      /* tensors, steps and their pointers: as long as the session */
  ln_arena prep_memory; /* what prepare computed: until the next prepare */
  ln_arena late_memory; /* of late steps: until the next run */

  ln_tensor *tensors;              /* [graph->tensor_count] */
  bool *known;                     /* whose shape is known before the run */
  ln_step *steps;                  /* [graph->op_count] */
  const int32_t *inputs, *outputs; /* tensor indices, in the public order */
  int32_t input_count, output_count;

  uint8_t *arena;
  size_t arena_capacity;
  ln_plan_result plan;
  int32_t late_steps;
  size_t memory_limit; /* of what the session owns */
  size_t memory_used;  /* by the plan, variables and late steps */
};

/* Gives nodes to the program's own operators, and takes them back (operators.c). */
ln_status ln_session_bind_operators(ln_session *session, const ln_custom_op *const *operators, int32_t count,
                                    ln_error *err);
void ln_session_destroy_operators(ln_session *session);
/* Shapes, kernels and memory for the present input shapes (prepare.c). */
ln_status ln_session_plan(ln_session *session, ln_error *err);
/* Infers, prepares and gives memory to a step whose inputs now hold data (prepare.c). */
ln_status ln_session_prepare_late(ln_session *session, ln_step *step, ln_error *err);
/* Offsets in the arena for every tensor and every step's scratch (layout.c). */
ln_status ln_session_lay_out(ln_session *session, ln_error *err);

/* Counts `bytes` against the limit; LN_ERR_LIMIT when they pass it. */
ln_status ln_session_charge(ln_session *session, size_t bytes, ln_error *err);
/* Back to what stands for a real zero. */
void ln_session_reset_variable(ln_tensor *tensor);
/* Frees what a tensor owns on the heap and forgets its data. */
void ln_session_release(ln_tensor *tensor);

#endif
