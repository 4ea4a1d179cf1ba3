/*
 * What the passes of converting share: constants, tensors and operators added to a graph, producers and readers kept at
 * hand, an order that can be run. Shapes are told by `signature`, -1 where a dimension is open.
 */
#ifndef LN_PASSES_CONVERT_REWRITE_H
#define LN_PASSES_CONVERT_REWRITE_H

#include "passes/rewrite.h"

typedef struct ln_convert_context {
  ln_pass_context pass;
  ln_model *mutable_model;
  bool channels_last; /* inputs and outputs of this graph may be stored channels last */
} ln_convert_context;

#define LN_CONVERT_PASS(name, what) ln_status ln_convert_pass_##name(ln_convert_context *context);
#include "passes/convert/convert.def"

/* A graph that a pass changes. Operators are added at the end and dropped by mark; closing puts all in order. */
typedef struct ln_rewriter {
  ln_convert_context *context;
  ln_graph *graph;
  ln_arena *arena;
  int32_t *producers; /* [tensor_count] operator that writes it, -1: none; current after ln_rewriter_refresh */
  int32_t *uses;      /* [tensor_count] readers, graph outputs counted */
  bool *drop;         /* [op_count] */
  int32_t tensor_room, op_room;
  bool failed; /* memory was short */
} ln_rewriter;

ln_status ln_rewriter_open(ln_convert_context *context, ln_rewriter *out);
/* Counts producers and readers anew; operators marked to be dropped count no more. */
void ln_rewriter_refresh(ln_rewriter *r);
/* Drops, orders, frees; `changes` are added to the pass's. */
ln_status ln_rewriter_close(ln_rewriter *r, int32_t changes);

/* Each gives an index, -1 after a failure. Data and names are copied. */
int32_t ln_rewriter_constant(ln_rewriter *r, const char *name, ln_type type, const ln_shape *shape, const void *data);
int32_t ln_rewriter_ints(ln_rewriter *r, const char *name, int32_t count, const int32_t *values);
int32_t ln_rewriter_number(ln_rewriter *r, const char *name, float value); /* float32 scalar */
/* What an operator will write; -1 in `signature` where a dimension is open. */
int32_t ln_rewriter_tensor(ln_rewriter *r, const char *name, ln_type type, const ln_shape *signature,
                           const ln_quant *quant);
/* `options`: of the row's table, copied; NULL: defaults. `from`: an operator whose origin the new one has; may be in
 * the graph. Operators move. */
int32_t ln_rewriter_op(ln_rewriter *r, int32_t code, const void *options, int32_t in_count, const int32_t *in,
                       int32_t out_count, const int32_t *out, const ln_op *from);
/* Sets a tensor's shape from a signature. */
void ln_rewriter_set_shape(ln_tensor *tensor, const ln_shape *signature);
/* Readers of `from` read `to`; graph outputs stay. */
void ln_rewriter_replace(ln_rewriter *r, int32_t from, int32_t to);
bool ln_rewriter_is_output(const ln_rewriter *r, int32_t tensor);

/* The operator that writes a tensor, not dropped; NULL for none. */
static inline ln_op *ln_rewriter_maker(const ln_rewriter *r, int32_t tensor) {
  return tensor < 0 || r->producers[tensor] < 0 ? NULL : &r->graph->ops[r->producers[tensor]];
}
static inline ln_tensor *ln_rewriter_at(const ln_rewriter *r, int32_t tensor) { return &r->graph->tensors[tensor]; }
/* Options of an operator, to be changed: they are the graph's own. */
#define LN_REWRITE_OPTIONS(op, table) ((ln_##table *)(uintptr_t)(op)->options)

/* A constant whose elements lie plainly in memory. */
static inline bool ln_is_plain_constant(const ln_tensor *tensor) {
  return ln_tensor_const_data(tensor) && tensor->sparsity == NULL && tensor->codebook == NULL &&
         ln_type_bits(tensor->type) >= 8 && !tensor->is_variable;
}

#endif
