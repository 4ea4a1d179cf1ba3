/*
 * Sessions: a graph bound to memory. session.c makes and runs them, prepare.c infers and prepares, chain.c
 * lets steps run inside others, layout.c gives tensors their memory, subgraph.c runs the graphs that operators run,
 * cache.c holds what the sessions of one model share.
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
/* Packed weights come from the file at `place` (weight_cache.h) from now on; the first place asked for counts. */
ln_status ln_model_cache_use_file(ln_model *model, const char *place, ln_error *err);
void ln_model_cache_save(ln_model *model);           /* what was packed, to the file that is in use */
size_t ln_model_cache_stored_bytes(ln_model *model); /* of packed weights that came from it */
void ln_model_cache_destroy(ln_model_cache *cache);

/* ---- sessions ---- */

/* What may end a run between two operators, beside ln_session.cancelled (control.c). */
typedef struct ln_run_control {
  int64_t time_limit_ns;      /* of a run; 0 none */
  int64_t deadline_ns;        /* of the run in progress, on the clock; INT64_MAX none */
  ln_operator_fn on_operator; /* NULL: none */
  void *user;
} ln_run_control;

/* One operator of the prepared graph. */
typedef struct ln_step {
  ln_node node;
  ln_node_state state;
  /* Shapes depend on data: inferred, prepared and given memory in the run itself. */
  bool late;
  bool own_outputs;                             /* its run gives every output memory */
  ln_arena kept_memory;                         /* of a late step of LN_OPF_KEEPS_ARGS: what it prepared */
  ln_shape *kept_for;                           /* [in_count] the shapes it was prepared for; NULL before */
  size_t scratch_offset, thread_scratch_offset; /* in the arena */
  size_t thread_stride;
  int64_t macs, calls, nanoseconds;
  int32_t head;      /* the step that this one runs in: itself, or one before it (chain.c) */
  int32_t followers; /* steps behind this one that run in it */
  const char *text;  /* of a head, where the session has a profile: the operators of its chain */
} ln_step;

typedef struct ln_user_op ln_user_op; /* operators.c */

/* Variables and tables, of one session or of several that share them (resources.c). */
typedef struct ln_resources ln_resources;

/* The caller's memory for a tensor; `data` NULL when it has none. */
typedef struct ln_binding {
  void *data;
  size_t bytes;
} ln_binding;

/* The caller's own session is a root; the graphs that its operators run are its children, one for each graph. */
struct ln_session {
  ln_session *root;      /* itself for a root */
  ln_session **children; /* of a root: [model->graph_count], NULL where no operator ran the graph yet; or NULL */
  ln_model *model;
  const ln_graph *graph; /* prepared; shared, never changed */
  const ln_backend *backend;
  const ln_signature *signature; /* NULL: the graph's own inputs and outputs */
  ln_pool *pool;
  bool profile, keep_all;
  bool apart;    /* tests only: no step runs inside another */
  bool all_late; /* trials and tests only: no shape is known before the run */
  bool prepared;
  atomic_bool cancelled; /* set by any thread, cleared when a run begins */
  ln_user_op *user_ops;  /* a list: nodes that the program's own operators compute */

  ln_arena memory;      /* tensors, steps and their pointers: as long as the session */
  ln_arena prep_memory; /* what prepare computed: until the next prepare */
  ln_arena late_memory; /* of late steps: until the next run */

  ln_tensor *tensors;              /* [graph->tensor_count] */
  bool *known;                     /* whose shape is known before the run */
  void **hidden;                   /* values that a plan does not see (prepare.c); NULL outside of one */
  ln_step *steps;                  /* [graph->op_count] */
  const int32_t *inputs, *outputs; /* tensor indices, in the public order */
  int32_t input_count, output_count;

  uint8_t *arena;
  size_t arena_capacity;
  ln_plan_result plan;
  int32_t followers;  /* steps that run inside others */
  int32_t late_steps; /* that allocate in a run; at least one when a graph that it runs has some */
  size_t memory_used; /* by the plan, variables, strings and late steps */
  /* Of a root, for its children too. */
  size_t memory_limit, memory_total;
  int64_t operation_limit, operations;  /* operators that a run may take, and has taken */
  const ln_custom_op *const *operators; /* [operator_count] the program's own */
  int32_t operator_count;
  ln_resources *resources; /* held by a root; its bytes count against memory_limit beside memory_total */
  size_t list_bytes;       /* of the lists that a root's and its children's variants hold: they count likewise */

  ln_file_access files;     /* of a root */
  ln_precision precision;   /* of a root */
  ln_requantize requantize; /* the same */
  bool tune;                /* the same */
  ln_tuning tuning;         /* of a root: since it was last planned */
  ln_binding *bindings;     /* [graph->tensor_count] */
  ln_run_control control;   /* of a root, for its children too */
};

/* Gives nodes to the program's own operators, and takes them back (operators.c). */
ln_status ln_session_bind_operators(ln_session *session, const ln_custom_op *const *operators, int32_t count,
                                    ln_error *err);
ln_status ln_session_check_operators(const ln_custom_op *const *operators, int32_t count, ln_error *err);
void ln_session_destroy_operators(ln_session *session);
/* Shapes, kernels and memory for the present input shapes (prepare.c). */
ln_status ln_session_plan(ln_session *session, ln_error *err);
/* Infers, prepares and gives memory to a step whose inputs now hold data (prepare.c). */
ln_status ln_session_prepare_late(ln_session *session, ln_step *step, ln_error *err);
/* Forgets what a step kept from run to run. */
void ln_session_forget_step(ln_step *step);
/* Finds the steps that run inside others; all are prepared (chain.c). */
ln_status ln_session_chain(ln_session *session, ln_error *err);
/* Takes the chain with that head apart, or all of them where no chain begins there. */
void ln_session_unchain(ln_session *session, int32_t head);
/* Runs a head with its followers. */
ln_status ln_session_run_chain(ln_session *session, const ln_step *head, ln_exec *exec);
/* Offsets in the arena for every tensor and every step's scratch (layout.c). */
ln_status ln_session_lay_out(ln_session *session, ln_error *err);

/* A set with one holder, NULL when memory is short; one holder more; one less (NULL is fine), the last frees it. */
ln_resources *ln_resources_create(const ln_model *model);
ln_resources *ln_resources_hold(ln_resources *set);
void ln_resources_release(ln_resources *set);
size_t ln_resources_bytes(const ln_resources *set); /* 0 for NULL */
/* Forgets all values, and what CALL_ONCE ran; handles stay good. */
void ln_resources_clear(ln_resources *set);
/* A child's graph, tensors and steps; not yet planned (session.c). */
ln_status ln_session_bind(ln_session *session, int32_t graph, ln_error *err);
/* Runs the steps of a session whose inputs hold data (session.c). */
ln_status ln_session_walk(ln_session *session, ln_error *err);
/* The same from a step on, whatever the tensors before it hold: of a session that keeps all of them, and has run. */
ln_status ln_session_walk_from(ln_session *session, int32_t first, ln_error *err);
/* Counts operators against the limit; LN_ERR_LIMIT when they pass it (subgraph.c). */
ln_status ln_session_spend(ln_session *session, int64_t operations, ln_error *err);
/* Memory of its own for a tensor (LN_STORAGE_HEAP), counted against the limit (prepare.c). */
ln_status ln_session_allocate(ln_session *session, ln_tensor *tensor, size_t bytes, ln_error *err);
/* The same for a node's output, or what the caller bound to it; its shape is set. */
ln_status ln_session_allocate_output(const ln_node *node, int32_t index, size_t bytes, ln_error *err);
/* LN_ERR_LIMIT when `bytes` more, of a root or of its resources, would pass the limit. */
ln_status ln_session_check_room(const ln_session *root, size_t bytes, ln_error *err);
/* Counts `bytes` against the limit; LN_ERR_LIMIT when they pass it. */
ln_status ln_session_charge(ln_session *session, size_t bytes, ln_error *err);
/* A run begins: the time limit counts from here, and what was cancelled before is not meant. */
void ln_control_begin(ln_session *session);
/* Around each operator: LN_OK, or why the run ends here. `nanoseconds` is what it took. */
ln_status ln_control_before(const ln_session *session, const ln_node *node, ln_error *err);
ln_status ln_control_after(const ln_session *session, const ln_node *node, int64_t nanoseconds, ln_error *err);

/* Gives a tensor the memory that the caller bound to it, which must hold `bytes` bytes (bind.c). */
ln_status ln_session_use_binding(ln_session *session, int32_t tensor, ln_error *err);

/* Back to what stands for a real zero. */
void ln_session_reset_variable(ln_tensor *tensor);
/* Frees what a tensor owns on the heap and forgets its data. */
void ln_session_release(ln_tensor *tensor);

#endif
