/*
 * The SavedModel importer's own parts. A graph of nodes (the file's own, or a function of its library) is read in place
 * by the core's protobuf reader; values are computed on demand from a signature's outputs, node by node, each by the
 * function of its row in savedmodel_ops.def. Function calls are translated in place.
 */
#ifndef LN_IMPORT_SAVEDMODEL_H
#define LN_IMPORT_SAVEDMODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/emit.h"
#include "ir/nodedef.h"
#include "ops/checkpoint.h"

enum {
  LN_SM_DEPTH = 64,       /* of calls, branches and loops in one another */
  LN_SM_MOST_LIST = 65536 /* inputs or outputs of a node */
};

/* ---- graphs (sm_read.c) ---- */

/* Which value: an output of a node, or an argument of the function (node -1 - argument). */
typedef struct ln_sm_ref {
  int32_t node, output;
} ln_sm_ref;

typedef struct ln_sm_call ln_sm_call;

enum {
  LN_SM_EFFECT = 1,  /* changes the variables or tables that it is given */
  LN_SM_CALLS = 2,   /* calls functions */
  LN_SM_DROPPED = 4, /* gives nothing and is left out with all that it asks for */
  LN_SM_LOOSE = 8    /* asks for its inputs itself (control flow of TensorFlow 1) */
};

typedef struct ln_sm_op {
  const char *name;
  void (*translate)(ln_sm_call *c);
  int32_t variant; /* what distinguishes rows that share a function */
  uint32_t flags;
  const char *outputs; /* names of output arguments, where there are several */
} ln_sm_op;

typedef struct ln_sm_node {
  const char *name, *op; /* NUL-terminated */
  const ln_sm_op *row;   /* NULL: none */
  ln_nodedef def;
  const ln_sm_ref *inputs; /* [input_count] */
  const int32_t *controls; /* [control_count] nodes */
  int32_t input_count, control_count;
} ln_sm_node;

typedef enum ln_sm_answer { LN_SM_UNKNOWN, LN_SM_ASKED, LN_SM_NO, LN_SM_YES } ln_sm_answer;

typedef struct ln_sm_graph {
  const char *name; /* of the function; "" */
  ln_wire function; /* the FunctionDef; the file's own graph has none */
  bool read;
  ln_sm_node *nodes; /* [node_count] */
  int32_t *by_name;  /* [node_count] in the order of names */
  int32_t node_count;
  const char **args; /* [arg_count] names */
  int32_t arg_count;
  ln_sm_ref *results; /* [result_count] */
  int32_t result_count;
  ln_sm_answer effects; /* whether anything in it, or called by it, changes state */
} ln_sm_graph;

/* ---- values (sm_eval.c) ---- */

typedef struct ln_sm_list ln_sm_list;

typedef enum ln_sm_kind {
  LN_SM_NOTHING,
  LN_SM_TENSOR,
  LN_SM_VARIABLE, /* a handle */
  LN_SM_TABLE,    /* a handle */
  LN_SM_LIST,
  LN_SM_STORED, /* a tensor of the checkpoint, while variables are set up */
  LN_SM_ASSET   /* the name of a file of the model's */
} ln_sm_kind;

typedef struct ln_sm_value {
  ln_sm_kind kind;
  bool is_ref;    /* of a variable: of TensorFlow 1, read where a tensor is wanted */
  int32_t tensor; /* of `e` */
  const ln_emit *e;
  int32_t index; /* of a variable, table, stored tensor or asset */
  ln_sm_list *list;
} ln_sm_value;

/* What a list's items turn out to be, when a loop's body is tried. */
typedef struct ln_sm_probe {
  bool found;
  ln_type type;
  ln_fact item;
} ln_sm_probe;

/* A TensorList or TensorArray: its items are one tensor, stacked. */
struct ln_sm_list {
  ln_type type;
  bool ranked;
  ln_shape item;     /* as far as it is known; -1 */
  ln_sm_value count; /* int32 scalar, of a list without items */
  ln_sm_value items; /* NOTHING: none was set yet */
  ln_sm_probe *probe;
};

/* What a translated graph has: a function in one call of it, or a branch or loop of TensorFlow 1 (then within `outer`).
 */
typedef struct ln_sm_scope {
  struct ln_sm *sm;
  const ln_sm_graph *graph;
  ln_emit *e;
  struct ln_sm_scope *outer;
  const ln_sm_value *args; /* [graph->arg_count] */
  const char *frame;       /* of a loop of TensorFlow 1 */
  size_t frame_length;
  ln_arena arena;        /* what follows */
  ln_sm_value **values;  /* [node_count] each node's outputs */
  int32_t *value_counts; /* [node_count] */
  uint8_t *states;       /* [node_count] new, asked for, computed */
  int32_t depth;
} ln_sm_scope;

/* A node in hand. */
struct ln_sm_call {
  ln_sm_scope *scope;
  ln_emit *e;
  const ln_sm_node *node;
  const ln_nodedef *def;
  int32_t variant;
  int32_t index; /* of the node */
  ln_sm_value *in;
  int32_t in_count;
  ln_sm_value *out;
  int32_t out_count;
};

/* ---- state (sm_state.c, sm_table.c) ---- */

typedef struct ln_sm_variable {
  const char *name;
  ln_type type;
  ln_shape shape;
  int32_t stored;   /* in ln_sm.stored; -1: none */
  int32_t asset;    /* it holds the name of one; -1 */
  const void *data; /* as a tensor holds it */
  size_t bytes;
  bool changes;          /* a wanted signature assigns to it */
  int32_t number;        /* as ln_import_variable has it; -1: not yet */
  const ln_emit *last_e; /* where it is a constant already, and which */
  int32_t last;
} ln_sm_variable;

typedef struct ln_sm_table {
  const char *name;
  ln_type key_type, value_type;
  bool set, changes;
  int32_t count;
  const void *keys, *values; /* as tensors hold them */
  size_t key_bytes, value_bytes;
  int32_t lookup; /* -1: not yet */
} ln_sm_table;

/* A tensor of the checkpoint. */
typedef struct ln_sm_stored {
  const char *key;
  size_t key_size;
  const char *slice; /* "" or as TensorFlow 1 writes it */
  size_t slice_size;
} ln_sm_stored;

typedef struct ln_sm_asset {
  const char *node, *file;
} ln_sm_asset;

typedef struct ln_sm {
  ln_import *import;
  ln_import *scratch; /* where variables and tables are set up; else NULL */
  ln_arena arena;     /* as long as the import */
  const char *folder;
  ln_file_map map; /* of saved_model.pb, where the source is a folder */
  ln_wire file;    /* what it holds */
  ln_wire meta;    /* MetaGraphDef */
  ln_sm_graph top;
  ln_sm_graph *functions; /* [function_count] in the order of names */
  int32_t function_count;
  bool setup;      /* in it */
  int32_t probing; /* a loop's body is only tried, in a model of its own */
  int64_t work;    /* what was translated so far */
  int32_t nesting; /* of ln_sm_eval */
  ln_sm_variable *variables;
  int32_t variable_count, variable_capacity;
  ln_sm_table *tables;
  int32_t table_count, table_capacity;
  ln_sm_stored *stored;
  int32_t stored_count, stored_capacity;
  ln_sm_asset *assets;
  int32_t asset_count;
  bool has_checkpoint;
  ln_checkpoint checkpoint;
  size_t checkpoint_bytes; /* of all its data files */
  ln_error trouble;        /* why setting up ended early */
} ln_sm;

/* ---- reading (sm_read.c): false after a failure ---- */

/* Opens the folder, finds the graph that serves, its functions and assets. */
bool ln_sm_open(ln_sm *sm);
void ln_sm_close(ln_sm *sm);
bool ln_sm_has_function(const ln_sm *sm, const char *name);
/* A function, read; NULL and a failure where there is none. */
ln_sm_graph *ln_sm_function(ln_sm *sm, const char *name, size_t length);
/* The function that an attribute names. */
ln_sm_graph *ln_sm_function_of(ln_sm *sm, const ln_sm_node *node, const char *attribute);
/* A node of that name; -1. */
int32_t ln_sm_find_node(const ln_sm_graph *graph, const char *name, size_t length);
/* "name:1" of the file's own graph. */
bool ln_sm_parse_ref(const ln_sm_graph *graph, const char *text, size_t length, ln_sm_ref *out);
const ln_sm_op *ln_sm_find_op(const char *name);
/* Names of rows, in order; NULL past the last. */
const char *ln_sm_op_name(int32_t index);
/* Message `number` of a map's entry `key`; false where there is none. */
bool ln_sm_entry(ln_wire map, uint32_t number, const char *key, ln_wire *out);
/* Bytes of a field, empty where there are none. */
ln_wire ln_sm_bytes(ln_wire message, uint32_t number);
/* Grows an array of the arena: room for one more, or NULL. */
void *ln_sm_grow(ln_sm *sm, void *items, int32_t count, int32_t *capacity, size_t item_bytes);
/* A copy that ends in NUL. */
const char *ln_sm_text(ln_sm *sm, ln_wire bytes);

/* ---- translating (sm_eval.c) ---- */

/* Prepares a scope; false without memory. `args` stay the caller's. */
bool ln_sm_scope_open(ln_sm *sm, const ln_sm_graph *graph, ln_emit *e, ln_sm_scope *outer, const ln_sm_value *args,
                      int32_t depth, ln_sm_scope *out);
void ln_sm_scope_close(ln_sm_scope *scope);
/* Computes a node and what it asks for. */
bool ln_sm_eval(ln_sm_scope *scope, int32_t node);
/* An argument or a node's output, computed now; NOTHING after a failure. */
ln_sm_value ln_sm_get(ln_sm_scope *scope, ln_sm_ref ref);
/* Sets a node's output before anything is computed. */
bool ln_sm_feed(ln_sm_scope *scope, ln_sm_ref ref, ln_sm_value value);
/* Counts work, which is bounded by the file's size: functions may call one another in any number of ways. */
bool ln_sm_spend(ln_sm *sm, int64_t work);
/* Translates a call of a function: its results. */
bool ln_sm_inline(ln_sm *sm, ln_sm_graph *function, ln_emit *e, int32_t depth, const ln_sm_value *args,
                  int32_t arg_count, ln_sm_value *results, int32_t result_count);
bool ln_sm_failed(const ln_sm *sm);
/* Whether what is emitted there is only tried. */
static inline bool ln_sm_is_tried(const ln_sm *sm, const ln_emit *e) {
  return sm->probing > 0 && e->import != sm->import;
}
static inline ln_sm *ln_sm_of(const ln_sm_call *c) { return c->scope->sm; }
/* A value as a tensor of `e`. */
int32_t ln_sm_use(ln_sm_scope *scope, const ln_sm_value *value);
static inline ln_sm_value ln_sm_tensor(const ln_emit *e, int32_t tensor) {
  return (ln_sm_value){.kind = tensor < 0 ? LN_SM_NOTHING : LN_SM_TENSOR, .tensor = tensor, .e = e, .index = -1};
}

/* ---- what rows' functions are written with ---- */

/* Input i as a tensor; -1 and a failure where it is absent or none. */
int32_t ln_sm_in(ln_sm_call *c, int32_t i);
/* Makes room for so many outputs. */
bool ln_sm_outs(ln_sm_call *c, int32_t count);
void ln_sm_give(ln_sm_call *c, int32_t i, int32_t tensor);
void ln_sm_give_value(ln_sm_call *c, int32_t i, ln_sm_value value);
static inline void ln_sm_result(ln_sm_call *c, int32_t tensor) { ln_sm_give(c, 0, tensor); }

int64_t ln_sm_int(const ln_sm_call *c, const char *key, int64_t otherwise);
double ln_sm_float(const ln_sm_call *c, const char *key, double otherwise);
bool ln_sm_bool(const ln_sm_call *c, const char *key, bool otherwise);
/* A type; fails where there is none of that name. */
ln_type ln_sm_type(ln_sm_call *c, const char *key);
/* Whether a string attribute is `text`. */
bool ln_sm_is(const ln_sm_call *c, const char *key, const char *text);
/* Up to `capacity` numbers; how many there are. */
int32_t ln_sm_ints(const ln_sm_call *c, const char *key, int32_t *out, int32_t capacity);
/* The constant numbers of an input; refuses where they are none, saying that `what` must be constant. */
bool ln_sm_const_ints(ln_sm_call *c, int32_t i, const char *what, int64_t *out, int32_t capacity, int32_t *count);
/* One of them; `*out` stays after a failure. */
bool ln_sm_const_int(ln_sm_call *c, int32_t i, const char *what, int64_t *out);
/* An axis in [0, rank); refuses others. */
bool ln_sm_axis(ln_sm_call *c, int32_t i, int32_t rank, int32_t *out);

/* ---- control flow (sm_control.c), lists (sm_list.c), recurrent layers (sm_recurrent.c) ---- */

/* The name of branch `index` of a Case. */
bool ln_sm_branch(const ln_sm_node *node, int32_t index, const char **name, size_t *length);
/* Lists that a loop fills get their items' shape from its body, and zeros to begin with. */
typedef bool (*ln_sm_try)(ln_emit *e, const ln_sm_value *args, void *user);
bool ln_sm_prepare_lists(ln_sm_call *c, ln_sm_try body, void *user, ln_sm_value *initial, const bool *carried);
/* A tensor of the same type and shape in a model where something is tried; `changes`: its value is not kept. */
int32_t ln_sm_stand_in(ln_emit *e, const ln_emit *from, int32_t tensor, bool changes);
/* Whether the function is an LSTM or GRU of Keras 2, by the name of the interface that Keras gives it: then emitted. */
bool ln_sm_keras_recurrent(ln_sm_call *c, const ln_sm_graph *function);

/* Whether the loop is an LSTM over a list (sm_lstm_loop.c): then emitted. */
bool ln_sm_lstm_loop(ln_sm_call *c, const ln_sm_graph *test, const ln_sm_graph *body);
/* Whether all of it is known to be zero. */
bool ln_sm_is_zero(const ln_emit *e, int32_t t);
/* Whether anything asks for output `output` of the node. */
bool ln_sm_is_wanted(const ln_sm_call *c, int32_t output);
/* Gate g of [.., gates * units], turned: [units, ..]. */
int32_t ln_sm_gate(ln_emit *e, int32_t weights, int32_t g, int32_t units);

/* ---- state ---- */

/* Runs what restores variables and initializes tables (sm_setup.c), in a model of its own: where each comes from. */
bool ln_sm_set_up(ln_sm *sm);
/* A constant of the setup, which keeps a copy of its data. */
bool ln_sm_keep(ln_sm_call *c, int32_t i, ln_type *type, ln_shape *shape, const void **data, size_t *bytes);
/* Marks what the wanted signature changes (sm_effects.c). */
bool ln_sm_mark_changes(ln_sm *sm, const ln_sm_ref *outputs, int32_t count);
bool ln_sm_has_effects(ln_sm *sm, ln_sm_graph *graph);
int32_t ln_sm_variable_of(ln_sm *sm, const char *name, size_t length); /* added where it is new; -1 */
int32_t ln_sm_table_of(ln_sm *sm, const char *name, size_t length);
/* Whether the node stands for a file of the model's: then its result is given. */
bool ln_sm_give_asset(ln_sm_call *c);
/* A variable's value at this place. */
int32_t ln_sm_read_variable(ln_sm_scope *scope, const ln_sm_value *handle);
void ln_sm_assign_variable(ln_sm_call *c, const ln_sm_value *handle, const ln_sm_value *value);
/* A stored tensor's data as a tensor holds it, in the arena of the model. */
bool ln_sm_load(ln_sm *sm, int32_t stored, ln_type *type, ln_shape *shape, const void **data, size_t *bytes);
/* Whether a node's name is the handle's own: VarHandleOp, HashTableV2 (their shared_name, else the node's name). */
const char *ln_sm_shared_name(const ln_sm_node *node, size_t *length);

/* Functions of one and two numbers that rows name (sm_math.c). */
enum {
  LN_FN_ERF,
  LN_FN_ERFC,
  LN_FN_LOG1P,
  LN_FN_EXPM1,
  LN_FN_TAN,
  LN_FN_SINH,
  LN_FN_COSH,
  LN_FN_ASIN,
  LN_FN_ACOS,
  LN_FN_ATAN,
  LN_FN_ASINH,
  LN_FN_ACOSH,
  LN_FN_ATANH,
  LN_FN_RECIPROCAL,
  LN_FN_IS_NAN,
  LN_FN_IS_INF,
  LN_FN_IS_FINITE,
  LN_FN_ONES_LIKE,
  LN_FN_ERFINV,
  LN_FN_NDTRI,
  LN_FN_ROUND,
  LN_FN_TRUNC,
  LN_FN_INVERT
};
enum {
  LN_FN2_TRUNC_DIV,
  LN_FN2_TRUNC_MOD,
  LN_FN2_DIV_NO_NAN,
  LN_FN2_MUL_NO_NAN,
  LN_FN2_XDIVY,
  LN_FN2_XLOGY,
  LN_FN2_XLOG1PY,
  LN_FN2_POW,
  LN_FN2_SQUARED,
  LN_FN2_LEFT_SHIFT
};
/* Gradients (sm_train.c). */
enum {
  LN_SM_GRAD_RELU,
  LN_SM_GRAD_RELU6,
  LN_SM_GRAD_SOFTPLUS,
  LN_SM_GRAD_SOFTSIGN,
  LN_SM_GRAD_ELU,
  LN_SM_GRAD_SIGMOID,
  LN_SM_GRAD_TANH,
  LN_SM_GRAD_SQRT,
  LN_SM_GRAD_RSQRT,
  LN_SM_GRAD_RECIPROCAL
};
/* Pools (sm_layers.c): the spatial rank, and these. */
enum { LN_SM_POOL_RANK = 3, LN_SM_POOL_AVERAGE = 4, LN_SM_POOL_SIZES_ARE_INPUTS = 8 };

/* The functions of rows: several rows may name one. */
#define LN_SM_OP(op, function, variant, flags, outputs) void ln_sm_op_##function(ln_sm_call *c);
#include "import/savedmodel/savedmodel_ops.def"

#endif
