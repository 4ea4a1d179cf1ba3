/*
 * What a session does for operators that run other graphs of the model, or whose outputs have a size that only their
 * run finds. Declared here for the operators' files; the runtime holds the bodies (runtime/subgraph.c,
 * runtime/resources.c).
 */
#ifndef LN_OPS_HOST_H
#define LN_OPS_HOST_H

#include "kernels/utf8.h"
#include "ops/ops.h"

/*
 * A graph as an operator runs it. No graph runs itself, so one copy of a graph serves all operators of a session that
 * run it: what a call left in `out` holds until the next call of the same graph.
 */
typedef struct ln_callee {
  ln_tensor *tensors;
  const int32_t *outputs; /* [out_count] indices into `tensors` */
  int32_t out_count;
  const bool *known; /* of each tensor: its shape is known without a run */
} ln_callee;

static inline ln_tensor *ln_callee_out(const ln_callee *graph, int32_t index) {
  return &graph->tensors[graph->outputs[index]];
}

/* The graph as it is run: prepared by the passes, its types checked. Allocates at first sight, in infer functions. */
ln_status ln_host_graph(const ln_node *node, int32_t graph, ln_error *err, const ln_graph **out);
/*
 * Infers, prepares and gives memory to a graph whose inputs take the shapes of `inputs`; nothing happens when they have
 * them already. Fails when number or types of the inputs are others. For infer functions: allocates.
 */
ln_status ln_host_prepare_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count,
                                ln_error *err, ln_callee *out);
/* Prepares it where needed, copies the inputs' data and runs it. Counts against the session's operation limit. */
ln_status ln_host_run_graph(const ln_node *node, int32_t graph, ln_tensor *const *inputs, int32_t count, ln_error *err,
                            ln_callee *out);

/* The graph's first run in the session, without inputs; later calls do nothing until the session is reset. */
ln_status ln_host_run_once(const ln_node *node, int32_t graph, ln_error *err);

/* An input of the node's graph has another shape than the model declares, where the model does not leave it open. */
bool ln_host_resized(const ln_node *node);

/* What operators that mean the same resource agree on; texts are copied. */
typedef struct ln_resource_key {
  ln_span container, name;
  int32_t number;    /* of a builtin operator's table */
  const void *owner; /* of a nameless one: what lives with the model and only its operator has; else NULL */
} ln_resource_key;
/* The handle of the session's variable of that key, made without a value at first sight. For prepare functions. */
ln_status ln_host_variable(const ln_node *node, const ln_resource_key *key, ln_error *err, int32_t *handle);
/* The variable behind a handle, until another one is made; it holds no data before it is assigned. */
ln_status ln_host_find_variable(const ln_node *node, const ln_tensor *handle, ln_error *err, ln_tensor **out);
/* What an operator says of a table that it names. */
typedef enum ln_table_kind {
  LN_TABLE_BUILTIN = 0,
  LN_TABLE_FIXED,  /* filled once */
  LN_TABLE_MUTABLE /* keys come and go */
} ln_table_kind;
typedef struct ln_table_declaration {
  ln_table_kind kind;
  ln_type key, value;
  ln_shape value_shape; /* of the value of one key */
  size_t row;           /* its elements */
} ln_table_declaration;

/* Each of `slots` ([a power of two] int32) is 0 or an index of a key plus one. */
typedef struct ln_hash_table {
  ln_table_declaration said;
  ln_tensor keys, values, slots;
  ln_tensor barred[2]; /* keys that no entry may have; without data: any may */
  int64_t entries;
  bool filled;
} ln_hash_table;
/* The same as for variables, for the session's tables; *table holds until another resource is made. */
ln_status ln_host_hash_table(const ln_node *node, const ln_resource_key *key, ln_error *err, int32_t *handle,
                             ln_hash_table **table);
ln_status ln_host_find_hash_table(const ln_node *node, const ln_tensor *handle, ln_error *err, ln_hash_table **out);

/* A variable or a table loses what it holds; *held says whether that was anything. */
ln_status ln_host_forget(const ln_node *node, const ln_tensor *handle, ln_error *err, bool *held);

/* Memory for a resource's tensor until the session is reset. */
ln_status ln_host_keep(const ln_node *node, ln_tensor *value, size_t bytes, ln_error *err);
void ln_host_drop(const ln_node *node, ln_tensor *value);
/* Gives it a copy of `source`: type, shape and data. */
ln_status ln_host_assign(const ln_node *node, ln_tensor *value, const ln_tensor *source, ln_error *err);

/*
 * Memory for an output in a run: for strings, and for steps whose infer returned LN_INFER_IN_RUN, where `shape` becomes
 * the output's. An output with planned memory only takes the shape and size that it has.
 */
ln_status ln_host_output(const ln_node *node, int32_t index, const ln_shape *shape, size_t bytes, ln_error *err);
/*
 * Objects that operators of a session share by a handle: `object` lives with the model (a block of its pack cache,
 * say), `kind` is a static string that says what it is. For prepare functions; the same object has the same handle.
 */
ln_status ln_host_object(const ln_node *node, const char *kind, const void *object, ln_error *err, int32_t *handle);
/* The object behind a handle (a resource, or an int32 as older converters write it); fails for one of another kind. */
ln_status ln_host_find_object(const ln_node *node, const ln_tensor *handle, const char *kind, ln_error *err,
                              const void **out);
/* The same with the shape and the data of `source`, which must be of the output's type. */
ln_status ln_host_copy_output(const ln_node *node, int32_t index, const ln_tensor *source, ln_error *err);

/*
 * The file that a string names, as a path of C; fails as ln_session_options.files has it. In runs only.
 */
enum { LN_HOST_PATH_MAX = 4096 };
ln_status ln_host_path(const ln_node *node, const char *text, size_t size, ln_error *err, char out[LN_HOST_PATH_MAX]);
/* Where bytes of lists of tensors are counted: while there is one, its session is there. */
size_t *ln_host_list_account(const ln_node *node);
/* LN_ERR_LIMIT when `bytes` of passing memory would go beyond the session's limit. */
ln_status ln_host_check_room(const ln_node *node, size_t bytes, ln_error *err);
/* The threads of a session, for work between its runs; NULL: the caller's alone. */
ln_pool *ln_session_pool(const struct ln_session *session);

#endif
