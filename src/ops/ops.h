/*
 * The operator table: one row an operator (ops.def), and what a row's functions are given.
 * An operator's file holds three functions named after its stem: ln_<stem>_infer, ln_<stem>_prepare, ln_<stem>_run.
 * The loops they run stand in src/kernels.
 */
#ifndef LN_OPS_H
#define LN_OPS_H

#include "base/selection.h"
#include "ir/ir.h"
#include "kernels/kernels.h"
#include "linnet/inspect.h"
#include "linnet/op.h"
#include "linnet/session.h"

/* What a random operator keeps from run to run, late steps included; zero when a session is planned anew. */
typedef struct ln_node_state {
  uint64_t spent, seed;
} ln_node_state;

struct ln_session;

/*
 * An operator of a graph together with the tensors of the session that runs it.
 * The verifier has checked arity, element types and constants' sizes before any of a row's functions sees a node.
 */
struct ln_node {
  const ln_op *op;
  ln_tensor **in; /* [in_count]; NULL where an optional input is absent */
  int32_t in_count;
  ln_tensor **out; /* [out_count] */
  int32_t out_count;
  ln_tensor *tensors; /* all of the graph's: blockwise scales and intermediates are found by index */
  int32_t tensor_count;
  struct ln_session *session;     /* that runs it: what ops/host.h asks; NULL where constants are folded */
  void *args;                     /* what prepare computed; lives in ln_prep.arena */
  struct ln_stand_ins *stand_ins; /* tensors of other types for the row's functions to see (stand_in.c); NULL: none */
  ln_node_state *state; /* the session's; NULL where a node is evaluated alone, which never happens to stateful ones */
  size_t scratch_bytes; /* asked for by prepare: one block for a run, shared by the threads */
  size_t thread_scratch_bytes; /* and one for each thread */
  const char *kernel; /* the one that prepare chose for most of the work, for profiles; NULL: it does not say */
  bool idle; /* outputs have no element and nothing else changes: its run is left out (ln_node_makes_nothing) */
  /*
   * Set by prepare where elements [first, first + count) of output 0 can be computed by themselves, from the same
   * elements of inputs of that size and anything of others: without scratch, and nothing that fails.
   */
  void (*span)(const ln_node *node, size_t first, size_t count);
  size_t span_grain; /* stretches begin and end at multiples of it; 0: anywhere */
  /* Set by prepare where the run hands all of output 0 to ln_exec_finish, in stretches of multiples of it; 0: it does
   * not. */
  size_t finish_grain;
  /* Set by prepare where nothing is computed: outputs lie one behind the other in input `parts_of`, from a byte on; or
   * all inputs do in output 0. The plan may give them that memory, and the run then has nothing to copy. */
  bool is_parts, joins;
  int32_t parts_of;
  size_t parts_at;
};

/* Where packed weights live: one copy for all sessions of a model. */
typedef struct ln_pack_cache ln_pack_cache;

typedef struct ln_prep {
  ln_arena *arena;      /* lives as long as the prepared node */
  ln_pack_cache *cache; /* never NULL */
  int32_t threads;
  ln_precision precision; /* of products of floats */
  ln_requantize requantize;
  ln_error *err;
  ln_pool *pool;            /* of `threads`; NULL: one, and nothing is measured */
  struct ln_tuning *tuning; /* NULL: no choice is measured */
  int32_t way;              /* LN_WAY_BY_RULE, or the one that is being measured */
} ln_prep;

/* Whether this build holds common operators that set ln_node.span: without them nothing follows anything. */
#define LN_HAS_SPANS                                                                                           \
  ((LN_OP_TYPES(ADD) | LN_OP_TYPES(SUB) | LN_OP_TYPES(MUL) | LN_OP_TYPES(LOGISTIC) | LN_OP_TYPES(HARD_SWISH) | \
    LN_OP_TYPES(PRELU) | LN_OP_TYPES(GELU) | LN_OP_TYPES(TANH) | LN_OP_TYPES(RELU) | LN_OP_TYPES(LEAKY_RELU)) != 0)

/* What follows an operator's run element by element, on stretches of its output that are still in the cache. */
typedef struct ln_finish {
  void (*run)(struct ln_finish *finish, size_t first, size_t count); /* by any worker */
} ln_finish;

/* What run is given. */
typedef struct ln_exec {
  ln_pool *pool;        /* may be NULL: one thread */
  void *scratch;        /* node->scratch_bytes, LN_ALIGNMENT-aligned */
  void *thread_scratch; /* node->thread_scratch_bytes for each thread, `thread_stride` apart */
  size_t thread_stride;
  ln_error *err;
  ln_finish *finish; /* NULL: nothing follows */
} ln_exec;

/* A worker has written elements [first, first + count) of output 0. Each element is handed on once. */
static inline void ln_exec_finish(const ln_exec *exec, size_t first, size_t count) {
  if (exec->finish != NULL) exec->finish->run(exec->finish, first, count);
}

/*
 * Sets the type and shape of every output from the inputs' types, shapes and constants (the type only where the graph
 * does not say: outputs come with their declared type). Returns LN_INFER_LATER when a shape depends on values that
 * are not known before the run; the runtime then calls again, with data, in the run. LN_INFER_IN_RUN says that only the
 * operator's run can tell: it gives every output its shape and memory itself, through ops/host.h.
 */
typedef ln_status (*ln_infer_fn)(ln_node *node, ln_error *err);
/* Beside the public LN_INFER_LATER. */
enum { LN_INFER_IN_RUN = 1001 };

/*
 * Checks what infer did not, chooses kernels and packs their arguments into node->args. All input and output shapes are
 * known. No data but that of constants may be read; pointers to non-constant data are taken in run, never kept.
 * Called again after a resize, in a fresh arena: packed weights come from the cache then.
 */
typedef ln_status (*ln_prepare_fn)(ln_node *node, ln_prep *prep);

/* Computes the outputs. No allocation and no lock. Fails only for what the data says (indices out of range). */
typedef ln_status (*ln_run_fn)(const ln_node *node, ln_exec *exec);

/* Multiply-accumulates of one run; shapes are known. */
typedef int64_t (*ln_macs_fn)(const ln_node *node);

enum {
  LN_OPF_VIEW = 1,          /* output 0 is input 0's bytes under another shape: no copy when memory is shared */
  LN_OPF_IN_PLACE = 2,      /* an output may take the memory of an input of the same size */
  LN_OPF_STATEFUL = 4,      /* keeps or changes state: never folded, dropped or shared */
  LN_OPF_COMMUTES = 8,      /* inputs 0 and 1 may be exchanged */
  LN_OPF_CLAMPS = 16,       /* the option fused_activation_function clamps output 0 (of an LSTM, say, it does not) */
  LN_OPF_TAKES_SPARSE = 32, /* reads constants in the sparse encoding; others are refused them */
  LN_OPF_KEEPS_ARGS = 64,   /* what prepare made holds state from run to run: a late step keeps it while shapes stay */
  LN_OPF_MARKER = 128,      /* a code of the schema that stands for no operator */
  LN_OPF_READS_WEIGHTS = 256, /* input 1 may be weights in any form of ops/weights.h */
  /* Elements of output 0 come of those of input 0 at the same place of the last dimension, and grow with them: what is
   * positive and multiplies an input channel multiplies the output's alike (options that clamp apart). */
  LN_OPF_BY_CHANNEL = 1024,
  LN_OPF_ORDERS = 512, /* only compares values: a uint64 may stand in as the int64 of the same order (stand_in.c) */
  LN_OPF_READS_CODEBOOK = 2048, /* input 1 may be stored by table (ln_codebook) */
  /* Which inputs may be weights, and how they lie (optimize/layer.c): four bits that hold one of these. */
  LN_OPF_LAYER = 15 << 12,
  LN_OPF_LAYER_CONV = 1 << 12,            /* input 1: [out, h, w, in] */
  LN_OPF_LAYER_DEPTHWISE = 2 << 12,       /* input 1: [1, h, w, out] */
  LN_OPF_LAYER_FULLY_CONNECTED = 3 << 12, /* input 1: [out, in] */
  LN_OPF_LAYER_TRANSPOSE_CONV = 4 << 12,  /* input 1: [out, h, w, in], multiplied with input 2 */
  LN_OPF_LAYER_BATCH_MATMUL = 5 << 12,    /* input 1: [in, out], or [out, in] with adj_y */
  LN_OPF_LAYER_RECURRENT = 6 << 12,       /* inputs 1 to 8 of two dimensions: [units, in] */
  LN_OPF_LAYER_EMBEDDING = 7 << 12,       /* input 1: [rows, width] */
  LN_OPF_LAYER_GATHER = 8 << 12,          /* the same as input 0, when it is taken from along the first axis */
  /*
   * How the quantizer treats floats of the operator (optimize/full_integer.c). What no kernel of TensorFlow Lite's
   * takes in integers, or takes at a loss that matters, stays in floats.
   */
  LN_OPF_INT8 = 1 << 16,  /* float inputs and outputs may be int8; constant weights and biases as their kind has it */
  LN_OPF_INT16 = 1 << 17, /* they may be int16, weights int8 */
  LN_OPF_ONE_SCALE = 1 << 18,   /* all of them have one scale and zero point */
  LN_OPF_SPAN_UNIT = 1 << 19,   /* outputs stand for 0..1 whatever was seen: int8 in 1/256 from -128 on */
  LN_OPF_SPAN_SIGNED = 1 << 20, /* -1..1: int8 in 1/128 about 0 */
  LN_OPF_SPAN_LOG = 1 << 21,    /* -16..0: int8 in 1/16 down from 127 */
  LN_OPF_INTEGERS = LN_OPF_INT8 | LN_OPF_INT16,
  LN_OPF_MOVES = LN_OPF_INTEGERS | LN_OPF_ONE_SCALE
};

/* The versions that TensorFlow Lite gives the operator in int8 and with int16 activations; 0: whatever it has. */
#define LN_OPF_VERSIONS(int8, int16) ((int8) << 22 | (int16) << 25)
static inline int32_t ln_int8_version(uint32_t flags) { return (int32_t)(flags >> 22 & 7); }
static inline int32_t ln_int16_version(uint32_t flags) { return (int32_t)(flags >> 25 & 7); }

/* A row's last column: LN_GRADIENT(name) where train/ has a function ln_gradient_<name> for it, or why there is none.
 * As strings they would be a relocation a row. */
typedef enum ln_gradient_state { LN_NO_AUTODIFF, LN_NO_GRADIENT, LN_HAS_GRADIENT } ln_gradient_state;
#define LN_GRADIENT(name) LN_HAS_GRADIENT

typedef struct ln_op_def {
  const char *name;
  int32_t code;        /* LN_OP_CUSTOM for custom operators */
  ln_table_id options; /* LN_TABLE_none when the operator has none */
  const char *types;   /* accepted element types: grammar in types.c; NULL while there is no kernel */
  ln_infer_fn infer;
  ln_prepare_fn prepare; /* ln_no_prepare when there is nothing to prepare */
  ln_run_fn run;
  ln_macs_fn macs; /* ln_no_macs when there are none */
  int32_t variant; /* what distinguishes rows that share functions (an enumeration of their family's) */
  uint32_t flags;
  const char *kernel_not_yet; /* why there is none; NULL when there is */
  ln_gradient_state gradient;
  uint32_t built; /* the types that this build holds the row's functions for (base/selection.h) */
} ln_op_def;

/* Builtin codes, as in the schema: LN_OP_CONV_2D = 3 ... */
typedef enum ln_op_code {
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) LN_OP_##name = code,
#define LN_OP_NOT_YET(name, code, options, reason, gradient) LN_OP_##name = code,
#define LN_OP_MARKER(name, code) LN_OP_##name = code,
#include "ops/ops.def"
  LN_OP_CODE_COUNT
} ln_op_code;

/* The row of a builtin code; NULL for a number that the schema does not know and for one left out of this build. */
const ln_op_def *ln_op_find(int32_t code);
/* The name of a builtin code whose row is left out of this build; NULL for any other number. */
const char *ln_op_left_out(int32_t code);
/* The row of a custom operator; a shared "unknown" row, without a kernel, for a name that is in no row. */
const ln_op_def *ln_op_find_custom(const char *name);
/* The row of the Select-TF operator "Flex" and `name`; NULL for none. */
const ln_op_def *ln_op_find_flex(const char *name);
/* All rows of this build: builtin ones by code, then custom ones as their lists have them. */
int32_t ln_op_def_count(void);
/* Why the row has no gradient yet; NULL when it has one. */
const char *ln_op_gradient_not_yet(const ln_op_def *def);
const ln_op_def *ln_op_def_at(int32_t index);

/*
 * Types (types.c). Checks a node's element types against its row's `types` and that every output has one; the message
 * names the tensor at fault. Arity follows from the same cell.
 */
ln_status ln_op_check_types(const ln_graph *graph, const ln_op *op, ln_error *err);
/* How many alternatives the cell has, and operand `index` of one of them, inputs first; false past the last. */
int32_t ln_op_alternatives(const ln_op_def *def);
bool ln_op_operand_at(const ln_op_def *def, int32_t alternative, int32_t index, ln_op_operand *out);
/* The types (one bit an ln_type) that the row takes but its own functions do not: stand_in.c. */
uint32_t ln_op_stood_in(const ln_op_def *def);
/* The type that such a type stands in as. */
ln_type ln_stand_in_type(ln_type type);

/* ---- for the operators' own files (node.c) ---- */

/* ln_node_fail, which names the operator and its first output, is declared in linnet/op.h. */
/* The options struct, typed. Never NULL: the reader fills in defaults. */
#define LN_OPTIONS(node, table) ((const ln_##table *)(node)->op->options)
/* Allocates node->args. */
#define LN_NODE_ARGS(node, prep, type) ((type *)((node)->args = ln_arena_alloc((prep)->arena, sizeof(type))))

/* Output `index` takes `shape`; fails when that contradicts the type's size limits. */
ln_status ln_node_set_shape(ln_node *node, int32_t index, const ln_shape *shape, ln_error *err);
/* For rows with nothing to prepare, and without multiplications. */
ln_status ln_no_prepare(ln_node *node, ln_prep *prep);
int64_t ln_no_macs(const ln_node *node);
/*
 * Refuses a node whose first input is none of `types`: what a file asks whose branches are chosen by LN_OP_TYPES of its
 * rows. In a whole build it is always LN_OK.
 */
ln_status ln_node_check_built(const ln_node *node, uint32_t types, ln_error *err);
/* Refuses inputs that are sparse or stored by table to operators that do not read them; before infer. */
ln_status ln_node_check_sparse(const ln_node *node, ln_error *err);
/* The common infer functions: output 0 (all outputs) like input 0; outputs broadcast from inputs 0 and 1. */
ln_status ln_infer_same(ln_node *node, ln_error *err);
ln_status ln_infer_broadcast(ln_node *node, ln_error *err);
/* An input's int32 or int64 values when they are known now (a constant, or data present in a late infer);
 * LN_INFER_LATER when not; LN_ERR_SHAPE when there are more than `capacity`. */
ln_status ln_node_ints(const ln_node *node, int32_t input, int64_t *values, int32_t capacity, int32_t *count,
                       ln_error *err);
/* The output range that a fused activation leaves of a quantized tensor's type, in stored values, as TFLite computes
 * it. */
ln_status ln_node_quantized_range(const ln_node *node, int32_t activation, const ln_tensor *output, ln_error *err,
                                  int32_t *low, int32_t *high);
/* The same for floats: -inf..inf without an activation. LN_ERR_UNSUPPORTED for TANH and SIGN_BIT. */
ln_status ln_node_float_range(const ln_node *node, int32_t activation, ln_error *err, float *low, float *high);
/*
 * Which element of `in`, broadcast to `out`, stands at the row-major `index` of `out`; both of them without their last
 * `inner` dimensions.
 */
size_t ln_broadcast_source(const ln_shape *out, const ln_shape *in, int32_t inner, size_t index);
/* Of matrices in the last two dimensions: which of `in`'s batch `index` of the broadcast `out` reads. */
static inline size_t ln_batch_of(const ln_shape *out, const ln_shape *in, size_t index) {
  return ln_broadcast_source(out, in, 2, index);
}
/* A possibly negative axis into [0, rank); false when out of range. */
bool ln_axis_normalize(int64_t axis, int32_t rank, int32_t *out);
/* Where scratch of a worker begins. */
static inline void *ln_exec_thread_scratch(const ln_exec *exec, int32_t worker) {
  return (char *)exec->thread_scratch + (size_t)worker * exec->thread_stride;
}

/* The row's prepare and run, handed stand-ins for tensors whose types they do not read: how a session calls them. */
ln_status ln_node_prepare(ln_node *node, ln_prep *prep);
ln_status ln_node_run(const ln_node *node, ln_exec *exec);
/*
 * Whether a run would change nothing, since the outputs, whose shapes are known, have no element. It is then left out:
 * the other dimensions may be as large as a file likes, and kernels walk over some of them.
 */
bool ln_node_makes_nothing(const ln_node *node);

/*
 * Runs a node whose inputs all hold data, outputs allocated by ln_alloc (owned by the caller, storage LN_STORAGE_HEAP):
 * what constant folding uses. Infers shapes first.
 */
ln_status ln_node_evaluate(ln_node *node, ln_error *err);

/*
 * Packed weights (pack.c). `key_data` is the constant the packing is made from (NULL: none, but a choice) and `form`
 * says which packing it is (a static string with the kernel's name and tile) with up to four numbers. When the pair is
 * new, `*fresh` is true and the caller fills the block before any run; else it holds what an earlier prepare packed.
 * NULL when memory is short. A cache is used by one thread at a time (the runtime holds the model's lock while it
 * prepares).
 */
void *ln_pack_cache_get(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                        size_t bytes, bool *fresh);
/*
 * The same for blocks that hold nothing but numbers: whatever they are, a kernel touches the same memory. Only these
 * come from a file of packed weights (runtime/weight_cache.c), and go to it.
 */
void *ln_pack_cache_get_numbers(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                                size_t bytes, bool *fresh);

typedef struct ln_pack_key {
  const void *key_data;
  const char *form;
  const int64_t *numbers; /* [4] */
  size_t bytes;
} ln_pack_key;

/* ---- measured choices (tune.c) ---- */

typedef struct ln_tuning {
  int64_t left_ns;  /* for measuring */
  int32_t measured; /* choices */
} ln_tuning;

enum { LN_WAY_BY_RULE = 0 };

int32_t ln_tune_measured_way(const ln_node *node, const ln_prep *prep, const char *choice, int64_t detail,
                             int32_t ways);
/*
 * Which of the ways to compute a node prepare takes: 1 .. ways (2 at most), or LN_WAY_BY_RULE, its own rule of thumb,
 * where the session measures none or its time for that is up. Measuring prepares and runs the node beside the session,
 * once for each way; the same shapes, `detail` and threads are measured once, and kept among the packed weights (and in
 * their file). `choice`: names the ways, a static string. A node asks at most once; its inputs 0 and 1 are there. All
 * ways give results that the operator may give: a file that lies costs time only.
 */
static inline int32_t ln_tune_way(const ln_node *node, const ln_prep *prep, const char *choice, int64_t detail,
                                  int32_t ways) {
  return LN_IS_WHOLE && prep->tuning != NULL ? ln_tune_measured_way(node, prep, choice, detail, ways) : LN_WAY_BY_RULE;
}

/* Where blocks of numbers are looked for before they are packed: NULL for none, else LN_ALIGNMENT-aligned. */
typedef struct ln_pack_store {
  const void *(*find)(void *user, const ln_pack_key *key);
  void *user;
} ln_pack_store;
void ln_pack_cache_use(ln_pack_cache *cache, const ln_pack_store *store);
size_t ln_pack_cache_stored_bytes(const ln_pack_cache *cache); /* of the blocks that the store gave */
typedef void (*ln_pack_visit_fn)(void *context, const ln_pack_key *key, const void *block);
/* Calls `visit` with every block of numbers. */
void ln_pack_cache_each(const ln_pack_cache *cache, ln_pack_visit_fn visit, void *context);
/* `expected`: bytes that all blocks together may take, as a hint. */
ln_pack_cache *ln_pack_cache_create(size_t expected);
void ln_pack_cache_destroy(ln_pack_cache *cache);
size_t ln_pack_cache_bytes(const ln_pack_cache *cache);

#endif
