/*
 * The layout pass: each tensor may be stored with its dimensions in another order, and the orders are chosen together
 * so that the fewest transposes are needed.
 *
 * TRANSPOSE operators of the graph are only other views of what they read. What is left are tensors ("bases") and
 * operators that read them in some order. An operator has a frame, the order of its main dimensions: the one it was
 * written with, for most operators fixed, others (element by element, reductions, slices ...) work under any. The frame
 * says in which order the operator's inputs must lie and its outputs come. Where a reader wants another order than the
 * tensor is stored in stands a transpose, one for all who want that order. layout_nodes.c knows operators,
 * layout_search.c finds frames (layout_cut.c: exactly, between what is and one proposal), layout_apply.c rewrites the
 * graph.
 */
#ifndef LN_PASSES_CONVERT_LAYOUT_H
#define LN_PASSES_CONVERT_LAYOUT_H

#include "passes/convert/convert_rewrite.h"

/* An order of dimensions: what is stored at i is dimension axis[i] of the tensor as the source has it. */
typedef struct ln_perm {
  int8_t rank, axis[LN_MAX_RANK];
} ln_perm;

ln_perm ln_perm_identity(int32_t rank);
bool ln_perm_is_identity(const ln_perm *p);
bool ln_perm_equal(const ln_perm *a, const ln_perm *b);
ln_perm ln_perm_inverse(const ln_perm *p);
/* out[i] = first[then[i]]: a view under `first` seen under `then`. */
ln_perm ln_perm_compose(const ln_perm *first, const ln_perm *then);
int32_t ln_perm_place(const ln_perm *p, int32_t axis); /* where the axis is stored */
/* Only the axes that `removed` (bits) leaves, numbered anew; and the other way: removed axes stand behind the axis
 * before them. */
ln_perm ln_perm_without(const ln_perm *p, uint32_t removed);
ln_perm ln_perm_with(const ln_perm *p, uint32_t removed, int32_t rank);
ln_shape ln_perm_shape(const ln_perm *p, const ln_shape *shape);

/* How an operator bears a frame. */
typedef enum ln_layout_kind {
  LN_LAYOUT_FIXED,     /* identity alone */
  LN_LAYOUT_EACH,      /* element by element, inputs broadcast */
  LN_LAYOUT_LAST,      /* along the last dimension, which stays */
  LN_LAYOUT_REDUCE,    /* input 1: axes; option keep_dims */
  LN_LAYOUT_ARG,       /* input 1: the axis, which goes */
  LN_LAYOUT_CUMSUM,    /* input 1: the axis */
  LN_LAYOUT_REVERSE,   /* input 1: axes */
  LN_LAYOUT_CONCAT,    /* option axis; all inputs */
  LN_LAYOUT_PACK,      /* option axis */
  LN_LAYOUT_UNPACK,    /* option axis */
  LN_LAYOUT_SPLIT,     /* input 0: the axis; input 1 is split */
  LN_LAYOUT_SPLIT_V,   /* input 2: the axis */
  LN_LAYOUT_VECTORS,   /* inputs that are no data hold something for each dimension: SLICE, PAD, TILE */
  LN_LAYOUT_BROADCAST, /* the same for dimensions of the output: BROADCAST_TO */
  LN_LAYOUT_STRIDED,   /* STRIDED_SLICE */
  LN_LAYOUT_GATHER,
  LN_LAYOUT_UPDATE, /* DYNAMIC_UPDATE_SLICE */
  LN_LAYOUT_RESHAPE,
  LN_LAYOUT_SQUEEZE,
  LN_LAYOUT_EXPAND,
  LN_LAYOUT_DENSE, /* FULLY_CONNECTED that keeps its leading dimensions */
  LN_LAYOUT_INPUT  /* an input of the graph that may be stored channels last */
} ln_layout_kind;

/* What a reader takes beside the order that its frame asks for. */
typedef enum ln_layout_takes {
  LN_TAKES_FRAME,
  LN_TAKES_ANY,     /* SHAPE: its result is put in order */
  LN_TAKES_SWAPPED, /* the last two exchanged: BATCH_MATMUL */
  LN_TAKES_FLAT,    /* any in which the first stays: flattened for constant weights, whose columns follow */
  LN_TAKES_LAST     /* channels last: an output of the graph whose layout may change */
} ln_layout_takes;

/* Which dimensions of a reshape's input become which of its output: groups of equal product, dimensions of 1 left out.
 */
typedef struct ln_reshape_groups {
  int32_t count;
  uint8_t in[LN_MAX_RANK], out[LN_MAX_RANK]; /* bits of dimensions of each group */
  int32_t in_rank, out_rank;
} ln_reshape_groups;

typedef struct ln_layout_node {
  ln_layout_kind kind;
  int32_t rank;              /* of the frame */
  uint32_t removed;          /* axes of the frame that outputs (of PACK: inputs) do not have */
  ln_reshape_groups *groups; /* of RESHAPE */
  ln_perm frame, proposed;
  bool has_proposal;
} ln_layout_node;

/* A reader of a base. */
typedef struct ln_layout_use {
  int32_t node;   /* -1: the graph's interface */
  int32_t port;   /* input of the operator, or output of the graph */
  int32_t tensor; /* the view that is read */
  ln_layout_takes takes;
} ln_layout_use;

typedef struct ln_sizes ln_sizes;

typedef struct ln_layout {
  ln_rewriter *r;
  ln_sizes *sizes; /* while nodes are found */
  ln_graph *graph;
  ln_layout_node *nodes; /* [node_count] operators, then inputs of the graph */
  int32_t node_count, op_count, tensor_count;
  int32_t *base;  /* [tensor_count] the tensor that it is a view of; -1: constants and what no order applies to */
  ln_perm *view;  /* [tensor_count] how it sees its base */
  int32_t *maker; /* [tensor_count] node that writes a base; -1 */
  int32_t *maker_port;
  ln_layout_use *uses; /* [use_count] by base */
  int32_t *first_use;  /* [tensor_count + 1] */
  int32_t use_count;
  int32_t transposes; /* that the graph holds */
} ln_layout;

ln_status ln_layout_open(ln_rewriter *r, ln_layout *out);
void ln_layout_close(ln_layout *l);
/* FULLY_CONNECTED operators that alone read what RESHAPE `op` flattens, and whose columns can be exchanged; how many,
 * 0 where that cannot be. */
enum { LN_LAYOUT_MOST_FLAT = 8 };
int32_t ln_layout_flat_readers(const ln_layout *l, int32_t op, int32_t *readers);

/* ---- layout_nodes.c, layout_adapt.c ---- */

/* Finds kind, rank and parameters of an operator. */
bool ln_layout_classify(ln_layout *l, int32_t op, ln_layout_node *out);
bool ln_layout_allows(const ln_layout *l, int32_t node, const ln_perm *frame);
/* Whether an input follows the frame; others are read as they are. */
bool ln_layout_is_data(const ln_layout *l, int32_t node, int32_t input);
/* The order in which an input must lie or an output comes, in the numbering of that tensor's own view. */
ln_perm ln_layout_input(const ln_layout *l, int32_t node, const ln_perm *frame, int32_t input);
ln_perm ln_layout_output(const ln_layout *l, int32_t node, const ln_perm *frame, int32_t output);
/* The frame under which that is `wanted`; false where there is none. */
bool ln_layout_frame_of_input(const ln_layout *l, int32_t node, int32_t input, const ln_perm *wanted, ln_perm *frame);
bool ln_layout_frame_of_output(const ln_layout *l, int32_t node, int32_t output, const ln_perm *wanted, ln_perm *frame);
/* What a frame costs the operator itself: small operators on parameters, reshapes of inputs of fewer dimensions. */
int64_t ln_layout_extra(const ln_layout *l, int32_t node, const ln_perm *frame);
/* Sets the parameters of an operator to its frame. */
void ln_layout_adapt(ln_layout *l, int32_t node);
/* Exchanges the columns of FULLY_CONNECTED's weights: `stored` is the shape that is flattened now, `order` its order.
 */
void ln_layout_permute_weights(ln_layout *l, int32_t op, const ln_shape *stored, const ln_perm *order);
/* A constant with its dimensions in another order, those in front of it that it lacks counted as 1. */
int32_t ln_layout_permute_constant(ln_rewriter *r, int32_t tensor, const ln_perm *order);

/* ---- layout_sizes.c: shapes under two assignments of open dimensions ---- */

/* NULL when memory is short. */
ln_sizes *ln_sizes_create(const ln_graph *graph);
void ln_sizes_destroy(ln_sizes *sizes);
/* A tensor's shape under assignment 0 or 1; NULL where it cannot be told. */
const ln_shape *ln_sizes_of(const ln_sizes *sizes, int32_t probe, int32_t tensor);

/* ---- layout_groups.c ---- */

/* Which dimensions a reshape leaves together; false where that cannot be told. */
bool ln_layout_find_groups(const ln_layout *l, const ln_op *op, ln_reshape_groups *out);
bool ln_groups_allow(const ln_reshape_groups *g, const ln_perm *frame);
ln_perm ln_groups_forward(const ln_reshape_groups *g, const ln_perm *frame);
bool ln_groups_backward(const ln_reshape_groups *g, const ln_perm *out, ln_perm *frame);

/* ---- layout_search.c ---- */

/* The order that a reader wants of the base, under the node's frame. */
ln_perm ln_layout_wanted(const ln_layout *l, const ln_layout_use *use, bool proposed);
ln_perm ln_layout_stored(const ln_layout *l, int32_t base, bool proposed);
bool ln_layout_accepts(const ln_layout *l, const ln_layout_use *use, const ln_perm *wanted, const ln_perm *stored);
int64_t ln_layout_move_cost(const ln_layout *l, int32_t base, const ln_perm *from, const ln_perm *to);
int64_t ln_layout_cost(const ln_layout *l);
/* Improves all frames until no proposal does; false when memory is short. `cut` minimizes. */
bool ln_layout_search(ln_layout *l);
/* Whether dimensions that are not 1 keep their order: a reshape does what a transpose would. `from` NULL: as they are.
 */
bool ln_layout_is_reshape(const ln_shape *shape, const ln_perm *from, const ln_perm *to);

/* ---- layout_cut.c ---- */

typedef struct ln_cut ln_cut;
enum { LN_CUT_SOURCE = 0, LN_CUT_SINK = 1, LN_CUT_FIRST = 2 };
ln_cut *ln_cut_create(int32_t vertices);
void ln_cut_destroy(ln_cut *cut);
/* One vertex more; -1 when memory is short. */
int32_t ln_cut_vertex(ln_cut *cut);
/* What it costs that `from` is on the source's side and `to` on the sink's. */
void ln_cut_arc(ln_cut *cut, int32_t from, int32_t to, int64_t cost);
/* Whether each vertex ends on the sink's side; false when memory was short. */
bool ln_cut_run(ln_cut *cut);
bool ln_cut_on_sink_side(const ln_cut *cut, int32_t vertex);

/* ---- layout_apply.c ---- */

/* Rewrites the graph under the frames found; returns how many transposes it then holds, -1 when memory was short. */
int32_t ln_layout_apply(ln_layout *l);
/* Whether the graph holds transposes that applying would leave out even as frames are: two of one tensor, say. */
bool ln_layout_is_wasteful(const ln_layout *l);

#endif
