/*
 * The importer of torch.export: an archive (archive.c) gives weights (payload.c, pickle.c) and a graph in JSON, whose
 * nodes are read by name (node.c) and become operators by the rows of torch_ops.def. Values may be views of one another
 * and be written in place (values.c); integers that hang on sizes are scalars like any (symbols.c).
 */
#ifndef LN_IMPORT_TORCH_H
#define LN_IMPORT_TORCH_H

#include "import/emit.h"
#include "io/json.h"

/* ---- the archive (archive.c) ---- */

enum { TORCH_NAME = 512 /* bytes of a member's name */ };

typedef struct torch_archive {
  ln_import *import;
  const void *data;
  size_t size;
  char root[TORCH_NAME]; /* the folder that all members are in, with its slash; "": none */
  bool older;            /* weights are in torch.save files, the graph in serialized_exported_program.json */
} torch_archive;

/* Where a tensor's numbers lie and how. */
typedef struct torch_payload {
  ln_type type;
  int32_t rank;
  int64_t sizes[LN_MAX_RANK], strides[LN_MAX_RANK];
  int64_t offset; /* in elements */
  const void *data;
  size_t bytes;
} torch_payload;

#ifdef LN_HAVE_CJSON

bool ln_torch_open(ln_import *import, const void *data, size_t size, torch_archive *out);
/* A member as it lies in the arena or the source, which outlive the model's making; NULL after a failure, and for one
 * that is not there unless it is `wanted`. */
const void *ln_torch_member(const torch_archive *archive, const char *name, bool wanted, size_t *size);
/* The member that ends so; false without one. `name` [TORCH_NAME] without the root. */
bool ln_torch_find_member(const torch_archive *archive, const char *folder, const char *ending, char *name);
/* The name of the archive's program `index`: "model"; false past the last. `name` [TORCH_NAME]. */
bool ln_torch_program_at(const torch_archive *archive, int32_t index, char *name);
/* JSON of a member, with infinities and NaN; the caller's; NULL after a failure. */
cJSON *ln_torch_json(const torch_archive *archive, const char *name, bool wanted);

/* ---- weights (weights.c, pickle.c) ---- */

typedef struct torch_weight {
  const char *name;
  torch_payload payload;
} torch_weight;

typedef struct torch_weights {
  torch_weight *items; /* the arena's */
  int32_t count, capacity;
} torch_weights;

/* Of the program of that name. */
bool ln_torch_read_weights(const torch_archive *archive, const char *program, torch_weights *out);
void ln_torch_add_weight(ln_import *import, torch_weights *weights, const char *name, const torch_payload *payload);
const torch_payload *ln_torch_find_weight(const torch_weights *weights, const char *name);
/* The tensors of a torch.save file: a zip archive. Reads a fixed list of opcodes and calls nothing. */
bool ln_torch_unpickle(ln_import *import, const void *data, size_t size, torch_weights *out);
/* safetensors: names and tensors. */
bool ln_torch_is_safetensors(const void *data, size_t size);
/* A constant of the graph in C order. */
int32_t ln_torch_constant(ln_emit *e, const torch_payload *payload);
/* The number that the schema gives a type; false for what TFLite has no type for. */
bool ln_torch_type(int32_t scalar_type, ln_type *out);
size_t ln_torch_type_bytes(ln_type type);

/* ---- values (values.c) ---- */

struct torch_graph;

typedef struct torch_value {
  const char *name;
  int32_t tensor;
  int32_t parent;               /* the value that this one is a view of; -1: none */
  const cJSON *node;            /* that made it from there */
  int32_t output;               /* which of the node's outputs it is */
  uint32_t version;             /* of one that is no view: how often it was written */
  uint32_t seen;                /* of a view: the version of what it is a view of in the end */
  int32_t variable;             /* a buffer that lasts: its number; -1: none */
  const torch_payload *payload; /* a weight that nothing has read yet */
  const char *payload_name;
} torch_value;

typedef struct torch_model {
  torch_archive archive;
  torch_weights weights;
  const cJSON *program; /* the whole JSON */
  const char *name;     /* where there are several: of the signature, and before names of variables; else "" */
  const cJSON *ranges;  /* of symbols */
} torch_model;

/* A graph in hand: the model's, or a branch. */
typedef struct torch_graph {
  torch_model *model;
  ln_emit *e;
  const cJSON *json;
  torch_value *values;
  int32_t value_count, value_capacity;
  int32_t *slots; /* [slot_count] hashed by name: 1 + index; 0: free */
  int32_t slot_count;
  struct torch_graph *outer; /* whose values a branch may name */
  int32_t depth;
} torch_graph;

/* The value's number; -1 for none of that name. */
int32_t ln_torch_find(const torch_graph *g, const char *name);
/* A new value, or the old one of that name. */
int32_t ln_torch_define(torch_graph *g, const char *name, int32_t tensor);
/* The tensor that holds the value now: a view of what was written meanwhile is made anew. -1 after a failure. */
int32_t ln_torch_read(torch_graph *g, const char *name);
/* Writes a value, and through it what it is a view of. */
void ln_torch_write(torch_graph *g, int32_t value, int32_t tensor);

/* ---- nodes (node.c) ---- */

enum { TORCH_MOST_OUTPUTS = 1024 };

typedef struct torch_row torch_row;

typedef struct torch_node {
  torch_graph *g;
  ln_emit *e;
  const cJSON *json;
  const torch_row *row;
  const char *overload; /* "Tensor", "default" */
  int32_t variant;      /* the row's */
  int32_t wanted;       /* outputs that the node names */
  int32_t *outputs;     /* [TORCH_MOST_OUTPUTS] */
  int32_t output_count; /* that were made */
  int32_t shown;        /* of put: which output the part is */
} torch_node;

/* Emits the node; its first output, or -1. More outputs: n->outputs and n->output_count. */
typedef int32_t (*torch_lower)(torch_node *n);
/* Of a view: `parent` with the part that the node shows of it replaced. */
typedef int32_t (*torch_put)(torch_node *n, int32_t parent, int32_t part);

/* Among a view's variant: it is a copy where its source does not lie in C order. */
enum { TORCH_MAY_COPY = 1 << 16 };

struct torch_row {
  const char *name; /* "aten.add" */
  torch_lower lower;
  torch_put put; /* of operators that give views */
  int32_t variant;
};

const torch_row *ln_torch_row(const char *name, size_t length);
const torch_row *ln_torch_row_at(int32_t index);
/* Finds the node's row. */
bool ln_torch_prepare(torch_graph *g, const cJSON *json, torch_node *out);
/* And emits it: the tensors of its outputs are in `outputs` [TORCH_MOST_OUTPUTS]. */
bool ln_torch_lower(torch_graph *g, const cJSON *json, int32_t *outputs, torch_node *out);
/* Of values that are the same tensor: the part itself. */
int32_t ln_torch_put_same(torch_node *n, int32_t parent, int32_t part);
/* Marks what nodes write in place: values get the version 1. Nothing is emitted. */
void ln_torch_scan_writes(torch_graph *scan);
/* The tensor of an argument ({"as_tensor": ...}, a number); -1 after a failure. */
int32_t ln_torch_value_of(const torch_node *n, const cJSON *argument);
/* All nodes of a graph whose inputs are defined. */
bool ln_torch_run(torch_graph *g);
/* The outputs of a graph as tensors; count, or -1. */
int32_t ln_torch_results(torch_graph *g, int32_t capacity, int32_t *out);

/* Arguments by the names of the operator's schema. "as_none" counts as absent. */
const cJSON *ln_torch_arg(const torch_node *n, const char *name);
bool ln_torch_has(const torch_node *n, const char *name);
/* A tensor; a number becomes a constant of int64, float32 or bool. Absent: a failure, or -1 for _or. */
int32_t ln_torch_tensor(const torch_node *n, const char *name);
int32_t ln_torch_tensor_or(const torch_node *n, const char *name);
int64_t ln_torch_int(const torch_node *n, const char *name, int64_t otherwise);
double ln_torch_number(const torch_node *n, const char *name, double otherwise);
bool ln_torch_flag(const torch_node *n, const char *name, bool otherwise);
const char *ln_torch_text(const torch_node *n, const char *name);
/* Numbers of a list, or one number; -1 where the argument is absent. */
int32_t ln_torch_ints(const torch_node *n, const char *name, int32_t capacity, int64_t *out);
int32_t ln_torch_axes(const torch_node *n, const char *name, int32_t rank, int32_t *out);
/* The same with sizes that are known in the run only. */
int32_t ln_torch_dims(const torch_node *n, const char *name, int32_t capacity, ln_dim *out);
/* A list of tensors, -1 for absent ones. */
int32_t ln_torch_tensors(const torch_node *n, const char *name, int32_t capacity, int32_t *out);
/* "dtype" or `name`; `otherwise` where it is absent. */
ln_type ln_torch_dtype(const torch_node *n, const char *name, ln_type otherwise);
/* Arguments by their place: of operators that name none. */
const cJSON *ln_torch_arg_at(const torch_node *n, int32_t place);
/* An axis of [0, rank); -1 after a failure. */
int32_t ln_torch_axis(const torch_node *n, int64_t axis, int32_t rank);
/* An integer argument that may be a value of the run: a scalar tensor. */
bool ln_torch_is_open(const torch_node *n, const char *name);

/* ---- numbers (types.c) ---- */

/* The type that an operation on two arguments gives, as PyTorch promotes: numbers are weaker than scalars, and scalars
 * than tensors of more dimensions. */
ln_type ln_torch_result_type(const torch_node *n, const char *first, const char *second);
ln_type ln_torch_promote(ln_type a, ln_type b);
/* Both arguments in one type. */
bool ln_torch_operands(const torch_node *n, const char *first, const char *second, int32_t *a, int32_t *b);
/* As the float that it is; float32 where it is none. */
int32_t ln_torch_as_float(const torch_node *n, int32_t a);
/* Integers that TFLite adds only with a scale are counted with as int32. */
ln_type ln_torch_working_type(ln_type type);

/* ---- integers that hang on sizes (symbols.c) ---- */

/* The symbol of an input's dimension, from its expression. */
bool ln_torch_symbol(torch_model *model, ln_import *import, const char *expression, ln_input_dim *out);
/* A size of the JSON ({"as_int": ...} or an expression) with every symbol's `which` size; false for none. */
bool ln_torch_size(const ln_import *import, const cJSON *size, int32_t which, int64_t *out);
/* What an expression comes to with every symbol's `which` size. */
bool ln_torch_evaluate(const ln_import *import, const char *expression, int32_t which, int64_t *out);

/* ---- the rows' functions ---- */

#define TORCH_OP(name, lower, variant) int32_t ln_torch_##lower(torch_node *n);
#define TORCH_VIEW(name, lower, variant, put) \
  int32_t ln_torch_##lower(torch_node *n);    \
  int32_t ln_torch_put_##put(torch_node *n, int32_t parent, int32_t part);
#include "import/torch/torch_ops.def"
/* bool [h, w]: what each row of scores may see of those before it. */
int32_t ln_torch_causal_mask(torch_node *n, int32_t scores);

#endif
#endif
