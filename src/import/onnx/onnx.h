/*
 * The ONNX importer's own header: what a name of a graph stands for, the node in hand, and how operators are written.
 *
 * One function an operator (or a family of them), a row each in onnx_ops.def. It asks the node for inputs and
 * attributes, emits, and sets outputs. Failures stay in the import's status, so results need no checks on the way.
 */
#ifndef LN_IMPORT_ONNX_ONNX_H
#define LN_IMPORT_ONNX_ONNX_H

#include "import/emit.h"

/* Messages of onnx.pb-c.h, seen by the files that read them alone. */
struct Onnx__Model;
struct Onnx__Graph;
struct Onnx__Node;
struct Onnx__Tensor;
struct Onnx__SparseTensor;
struct Onnx__Attribute;
struct Onnx__Function;

typedef enum ln_onnx_kind {
  LN_ONNX_ABSENT, /* an input that was left out, and an optional that holds nothing */
  LN_ONNX_TENSOR,
  LN_ONNX_SEQUENCE /* its elements are known one by one */
} ln_onnx_kind;

/* What a name stands for. */
typedef struct ln_onnx_value {
  ln_onnx_kind kind;
  int32_t tensor;
  int32_t count; /* of a sequence */
  const struct ln_onnx_value *items;
} ln_onnx_value;

static inline ln_onnx_value ln_onnx_of(int32_t tensor) {
  return (ln_onnx_value){.kind = LN_ONNX_TENSOR, .tensor = tensor};
}

typedef struct ln_onnx_name ln_onnx_name;

/* The whole model. */
typedef struct ln_onnx {
  ln_import *import;
  const struct Onnx__Model *model;
  int64_t budget; /* nodes that may still be translated: functions that call one another could go on for ever */
  struct ln_onnx_file *files; /* external data (onnx_external.c) */
} ln_onnx;

/* Names of one graph or function. */
typedef struct ln_onnx_scope {
  ln_onnx *onnx;
  struct ln_onnx_scope *outer; /* whose names are seen; NULL for a function and the main graph */
  ln_emit *e;
  const struct Onnx__Function *function; /* NULL outside of one */
  const struct ln_onnx_node *caller;     /* of the function */
  const char *prefix;                    /* "caller/" */
  ln_onnx_name **names;
  int32_t name_capacity, name_count;
  struct ln_onnx_scope *used; /* holds the names that anything of the graph reads; NULL: all may be */
  int32_t depth;
} ln_onnx_scope;

/* The node in hand. */
typedef struct ln_onnx_node {
  ln_onnx_scope *scope;
  ln_emit *e; /* where to emit */
  const struct Onnx__Node *proto;
  const struct ln_onnx_op *op;
  int32_t variant; /* of its row */
  int32_t version; /* of the operator set that it comes from */
  int32_t input_count, output_count;
  ln_onnx_value *outputs;
} ln_onnx_node;

typedef struct ln_onnx_op {
  const char *domain, *name;
  int32_t since;  /* the first version of the operator set that the row holds for, until a later row */
  int32_t inputs; /* that must be there */
  void (*emit)(ln_onnx_node *n);
  int32_t variant;
} ln_onnx_op;

/* Rows of onnx_ops.def; NULL past the last. */
const ln_onnx_op *ln_onnx_op_at(int32_t index);

/* ---- inputs and outputs (onnx_node.c) ---- */

bool ln_onnx_has(const ln_onnx_node *n, int32_t index);
/* A tensor; -1 for an absent one. */
int32_t ln_onnx_in(ln_onnx_node *n, int32_t index);
/* Whatever it is. */
ln_onnx_value ln_onnx_in_value(ln_onnx_node *n, int32_t index);
/* Whether anybody reads it. */
bool ln_onnx_wants(const ln_onnx_node *n, int32_t index);
void ln_onnx_out(ln_onnx_node *n, int32_t index, int32_t tensor);
void ln_onnx_out_value(ln_onnx_node *n, int32_t index, ln_onnx_value value);

/* ---- attributes: those of a caller inside functions ---- */

bool ln_onnx_has_attribute(const ln_onnx_node *n, const char *name);
int64_t ln_onnx_int(const ln_onnx_node *n, const char *name, int64_t otherwise);
/* As an int32: a value outside of it is the nearest. */
int32_t ln_onnx_int32(const ln_onnx_node *n, const char *name, int32_t otherwise);
double ln_onnx_float(const ln_onnx_node *n, const char *name, double otherwise);
const char *ln_onnx_text(ln_onnx_node *n, const char *name, const char *otherwise);
/* NULL where it is absent; valid as long as the model. */
const int64_t *ln_onnx_ints(const ln_onnx_node *n, const char *name, int32_t *count);
const float *ln_onnx_floats(const ln_onnx_node *n, const char *name, int32_t *count);
/* Texts may hold any bytes; each ends with a 0 besides. */
const char *const *ln_onnx_texts(ln_onnx_node *n, const char *name, int32_t *count, const size_t **lengths);
/* A constant tensor; -1 where it is absent. */
int32_t ln_onnx_tensor(ln_onnx_node *n, const char *name);
/* A sparse one, made dense. */
int32_t ln_onnx_sparse(ln_onnx_node *n, const char *name);
/* The element type that the attribute says; false and a refusal for one that TensorFlow Lite does not have. */
bool ln_onnx_type(ln_onnx_node *n, const char *name, ln_type otherwise, ln_type *out);
bool ln_onnx_type_of(ln_emit *e, int64_t number, ln_type *out);
/*
 * Halves, float16 and bfloat16, are so outside of the model alone: inside they are float32, which all operators of
 * TensorFlow Lite take. So ln_onnx_type says float32 for them, and this one what is stored.
 */
bool ln_onnx_stored_type(ln_emit *e, int64_t number, ln_type *out);
/* float32 from halves; anything else as it is. */
int32_t ln_onnx_widen(ln_emit *e, int32_t a);

/*
 * Integers that stand in an attribute in old versions and in an input in new ones (axes, pads, shapes); `input` -1: the
 * attribute alone. Absent: count -1. False, with a refusal, where they are not known before the run or too many.
 */
bool ln_onnx_list(ln_onnx_node *n, const char *attribute, int32_t input, int32_t capacity, int32_t *values,
                  int32_t *count);
/* The same as an axis within `rank` of each, from 0; each axis once. */
bool ln_onnx_axes(ln_onnx_node *n, const char *attribute, int32_t input, int32_t rank, int32_t *axes, int32_t *count);
/* The attribute "axis" (or another) within `rank`, from 0; -1 and a failure for one outside. */
int32_t ln_onnx_axis(ln_onnx_node *n, const char *attribute, int32_t otherwise, int32_t rank);
/* Any axis, from 0. */
int32_t ln_onnx_fix_axis(ln_onnx_node *n, int64_t axis, int32_t rank);

/* ---- graphs (onnx_graph.c) ---- */

/* A graph in an attribute; NULL where it is absent. */
const struct Onnx__Graph *ln_onnx_graph(const ln_onnx_node *n, const char *name);
int32_t ln_onnx_graph_inputs(const struct Onnx__Graph *graph);
int32_t ln_onnx_graph_outputs(const struct Onnx__Graph *graph);
/* Emits the graph's nodes into `e` (the node's own emit, or a body of it), with these inputs; false after a failure. */
bool ln_onnx_emit_graph(ln_onnx_node *n, const struct Onnx__Graph *graph, ln_emit *e, int32_t input_count,
                        const ln_onnx_value *inputs, int32_t output_count, ln_onnx_value *outputs);

/* ---- the functions behind onnx_ops.def ---- */

#define LN_ONNX_OP(domain, name, since, inputs, stem, variant) void ln_onnx_##stem(ln_onnx_node *n);
#include "import/onnx/onnx_ops.def"

/* ---- inside: reading (onnx_model.c, onnx_tensor.c, onnx_external.c) ---- */

enum { LN_ONNX_DEEPEST = 64 }; /* graphs in graphs, functions in functions, messages in messages */

/* The main graph, from the model's inputs to its outputs. */
void ln_onnx_emit_model(ln_onnx *onnx);
/* A constant; -1 after a failure. */
int32_t ln_onnx_constant(ln_onnx *onnx, ln_emit *e, const struct Onnx__Tensor *tensor);
int32_t ln_onnx_dense(ln_onnx *onnx, ln_emit *e, const struct Onnx__SparseTensor *sparse);
/* `bytes` bytes of a file beside the model; NULL after a failure. */
const void *ln_onnx_external(ln_onnx *onnx, ln_emit *e, const struct Onnx__Tensor *tensor, size_t bytes);
/* Runs the node's function, or the model's own of that name. */
void ln_onnx_emit_node(ln_onnx_scope *scope, const struct Onnx__Node *proto);
/* What a name stands for, in this scope or one around; false and a failure for an unknown one. */
bool ln_onnx_find(ln_onnx_scope *scope, const char *name, ln_onnx_value *out);
void ln_onnx_define(ln_onnx_scope *scope, const char *name, ln_onnx_value value);
/* Names of initializers, made constants when they are asked for. */
void ln_onnx_define_later(ln_onnx_scope *scope, const char *name, const struct Onnx__Tensor *tensor,
                          const struct Onnx__SparseTensor *sparse);
/* Notes what nodes, their graphs and the outputs of a graph or function read. */
void ln_onnx_note_uses(ln_onnx_scope *scope, size_t node_count, struct Onnx__Node *const *nodes, size_t output_count,
                       char *const *outputs);
bool ln_onnx_defines(const ln_onnx_scope *scope, const char *name);
/* Emits a function's body in place of the node that calls it. */
void ln_onnx_emit_function(ln_onnx_node *n, const struct Onnx__Function *function);

#endif
