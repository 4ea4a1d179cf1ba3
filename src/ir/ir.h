/*
 * The graph that a model of any origin becomes: models, graphs, tensors, operators; how to build, check and print them.
 * Everything a model holds lives in its arena (or in the file's map) and is freed with it.
 */
#ifndef LN_IR_H
#define LN_IR_H

#include "base/base.h"
#include "ir/schema.h"
#include "linnet/inspect.h"
#include "linnet/tensor.h"

/* ---- shapes (shape.c) ---- */

typedef struct ln_shape {
  int32_t rank;              /* 0..LN_MAX_RANK */
  int32_t dims[LN_MAX_RANK]; /* outermost first; -1 unknown */
} ln_shape;

ln_shape ln_shape_make(int32_t rank, const int32_t *dims);
bool ln_shape_equal(const ln_shape *a, const ln_shape *b);
bool ln_shape_known(const ln_shape *shape); /* no dimension is -1 */
/* Elements; false when a dimension is unknown or the product overflows. */
bool ln_shape_elements(const ln_shape *shape, size_t *out);
/* Product of dims [from, to); the shape must be known and its product checked (as every tensor's is). */
size_t ln_shape_span(const ln_shape *shape, int32_t from, int32_t to);
/* NumPy broadcasting; false when the shapes do not fit. */
bool ln_shape_broadcast(const ln_shape *a, const ln_shape *b, ln_shape *out);
/* "[1, 224, ?, 3]" */
const char *ln_shape_format(const ln_shape *shape, char *buffer, size_t size);

/* ---- quantization and sparsity ---- */

typedef enum ln_quant_kind {
  LN_QUANT_NONE = 0,
  LN_QUANT_TENSOR, /* one scale and zero point */
  LN_QUANT_AXIS,   /* one for each index along `axis` */
  /* One for each `block_size` elements along the last axis, in other tensors of the graph. Passes make blocks of whole
   * rows, too: all that an index of the first dimension holds. */
  LN_QUANT_BLOCKWISE,
  LN_QUANT_CUSTOM /* details that only their author reads */
} ln_quant_kind;

typedef struct ln_quant {
  ln_quant_kind kind;
  int32_t count;             /* of scale and zero_point: 1 or the extent of `axis` */
  const float *scale;        /* [count] */
  const int64_t *zero_point; /* [count]; never NULL when count > 0 */
  int32_t axis;
  int32_t scales_tensor, zero_points_tensor, block_size; /* blockwise; tensor indices, -1 when absent */
  const ln_quantization_parameters *source;              /* as read, min and max too; NULL for a built one */
} ln_quant;

/* How a constant's elements are found by number: element i is values[i / span % tables][number i]. */
typedef struct ln_codebook {
  const void *values; /* [tables, stride] of the tensor's type */
  size_t bytes;       /* of values */
  uint32_t buffer;    /* the file's that holds them; 0: none yet */
  int32_t bits;       /* of a number, 1 .. LN_CODEBOOK_MOST_BITS; the tensor's data are they, highest bit first */
  int32_t stride;     /* values of a table */
  int32_t tables;     /* 1, or one for each index along the axis of the tensor's scales */
  size_t span;        /* elements in a row that share a table */
} ln_codebook;

/* ---- tensors ---- */

typedef enum ln_storage {
  LN_STORAGE_NONE = 0, /* no memory yet */
  LN_STORAGE_CONST,    /* in the file's map or the model's arena: never written */
  LN_STORAGE_ARENA,    /* planned: valid between the operators that need it */
  LN_STORAGE_VARIABLE, /* the session's own, kept between runs */
  LN_STORAGE_HEAP,     /* allocated when the operator that makes it runs; the session frees it */
  LN_STORAGE_EXTERNAL  /* bound by the caller */
} ln_storage;

struct ln_tensor {
  const char *name; /* never NULL */
  ln_type type;
  ln_shape shape;     /* present dimensions; unknown ones are -1 until shapes are inferred */
  ln_shape signature; /* as declared, -1 for unknown; equal to `shape` when all are known */
  bool has_signature; /* the file holds a shape_signature */
  bool has_rank;      /* the schema's flag, kept for writing */
  bool is_variable;
  ln_storage storage;
  void *data;                             /* constants must not be written through it */
  size_t bytes;                           /* of data */
  const ln_quant *quant;                  /* never NULL: kind LN_QUANT_NONE when not quantized */
  const ln_sparsity_parameters *sparsity; /* NULL when dense; then `data` holds the stored values only */
  const ln_codebook *codebook; /* NULL when elements stand for themselves; then `data` holds their numbers: of a sparse
                                  tensor, those of its stored values */
  uint32_t buffer;             /* index of the file's buffer; 0 none */
  const ln_vec_ptr *variants;  /* ln_variant_sub_type, of resource and variant tensors; NULL when absent */
  uint32_t external_buffer;    /* as read; 0 none */
};

/* ---- operators and graphs ---- */

struct ln_op_def; /* the operator's row: ops/ops.h */

/* What passes fold into an operator for running; a model that holds any of it is not written to a file. */
typedef struct ln_fused {
  bool pads;                                        /* use the paddings below in place of SAME or VALID */
  int32_t pad_top, pad_bottom, pad_left, pad_right; /* elements of the operator's padding value */
} ln_fused;

struct ln_op {
  const struct ln_op_def *def;   /* never NULL */
  const char *custom_name;       /* of a custom operator, else NULL */
  const void *options;           /* the row's options struct (schema.h), defaults filled in when the file holds none */
  ln_table_id options_table;     /* LN_TABLE_none when the operator takes none */
  bool has_options;              /* the file holds them */
  const uint8_t *custom_options; /* FlexBuffers in most files */
  size_t custom_options_size;
  int32_t *inputs; /* [input_count] tensor indices, -1 absent */
  int32_t input_count;
  int32_t *outputs; /* [output_count] */
  int32_t output_count;
  int32_t *intermediates; /* [intermediate_count] tensors that carry quantization only (integer LSTM) */
  int32_t intermediate_count;
  int32_t version;
  int32_t index;         /* place in the source graph: what messages show */
  const char *origin;    /* of a converted model: the part of its source that it came from, "block1/conv"; NULL */
  const char *origin_op; /* what the source calls that part's operator: "Conv" */
  ln_vec_bool mutating;  /* mutating_variable_inputs as read */
  int32_t debug_metadata_index;
  ln_fused fused;
};

struct ln_graph {
  const char *name;
  ln_tensor *tensors;
  int32_t tensor_count;
  ln_op *ops; /* in an order that can be run */
  int32_t op_count;
  int32_t *inputs; /* tensor indices */
  int32_t input_count;
  int32_t *outputs;
  int32_t output_count;
  int32_t debug_metadata_index;
  int32_t tensor_capacity, op_capacity; /* of the arrays, for passes that add */
};

typedef struct ln_signature {
  const char *key;
  int32_t graph;
  const char **input_keys; /* alphabetical */
  int32_t *inputs;         /* tensor index for each key */
  int32_t input_count;
  const char **output_keys;
  int32_t *outputs;
  int32_t output_count;
} ln_signature;

typedef struct ln_metadata {
  const char *name;
  const void *data;
  size_t size;
  uint32_t buffer;
} ln_metadata;

typedef struct ln_buffer {
  const void *data;
  size_t size;
} ln_buffer;

struct ln_model {
  ln_arena arena;
  ln_file_map map; /* size 0 when the model was built */
  bool owns_map;
  const char *path; /* of the file that was opened; NULL for a model from elsewhere */
  const char *description;
  uint32_t version;
  const char *source_kind, *source_name; /* what it was converted from: "onnx", "model.onnx"; NULL */
  ln_graph *graphs;
  int32_t graph_count;
  ln_signature *signatures; /* alphabetical by key */
  int32_t signature_count;
  ln_metadata *metadata;
  int32_t metadata_count;
  ln_buffer *buffers; /* as in the file; [0] is empty */
  uint32_t buffer_count;
  const struct ln_model_table *source; /* the file's root table as read; NULL for a built model */
  struct ln_model_cache *cache;        /* prepared graphs and packed weights, shared by sessions: runtime/ */
};

/* ---- building (build.c): all return NULL or -1 when memory is short ---- */

ln_model *ln_model_create(void);
/* What runs where none is named: "serving_default", as TensorFlow calls it, else the first. NULL without any. */
const ln_signature *ln_model_default_signature(const ln_model *model);
/* Copies a graph into `arena`, tensors and operators ready to be changed; constants are shared with the source. */
ln_graph *ln_graph_clone(const ln_graph *source, ln_arena *arena);
/* Adds a tensor like `*like` and returns its index; pointers into graph->tensors move. */
int32_t ln_graph_add_tensor(ln_graph *graph, ln_arena *arena, const ln_tensor *like);
/* Removes operators for which drop[i] is set, keeping the order. */
void ln_graph_drop_ops(ln_graph *graph, const bool *drop);
/* Readers of each tensor, graph outputs counted: [tensor_count] in `arena`. */
int32_t *ln_graph_count_uses(const ln_graph *graph, ln_arena *arena);
/* The operator that writes each tensor, -1 for none: [tensor_count] in `arena`. */
int32_t *ln_graph_producers(const ln_graph *graph, ln_arena *arena);

extern const ln_quant ln_quant_none;
/* Per-tensor quantization in `arena`. */
const ln_quant *ln_quant_make(ln_arena *arena, float scale, int64_t zero_point);

/* ---- checking (verify.c): all that a kernel relies on ---- */

/* Indices, arity, element types, buffer sizes, quantization extents, topological order, signatures. */
ln_status ln_model_verify(const ln_model *model, ln_error *err);
ln_status ln_graph_verify(const ln_model *model, const ln_graph *graph, ln_error *err);

/*
 * Calls `visit` with the place of every graph index among an operator's options, which are known by their fields'
 * names; it may write there where the options are the graph's own. Ends with the first failure.
 */
typedef ln_status (*ln_graph_visit)(void *context, const ln_op *op, int32_t *graph);
ln_status ln_op_each_graph(const ln_op *op, ln_graph_visit visit, void *context);

/* The data of a string tensor: as many strings as its shape says, their offsets in order and within it. */
ln_status ln_strings_verify(const ln_tensor *tensor, ln_error *err);

/* ---- constants stored by table (codebook.c) ---- */

enum { LN_CODEBOOK_MOST_BITS = 8 };
/* Whether elements of the type can be: those of whole bytes, at most eight. */
bool ln_codebook_fits(ln_type type);
/* Bytes that `count` numbers take; false on overflow. */
bool ln_codebook_bytes(size_t count, int32_t bits, size_t *out);
/* One table for each index of the axis of the tensor's scales. */
void ln_codebook_set_tables(ln_codebook *book, const ln_tensor *tensor);
/* Elements [first, first + count) in storage order, of the tensor's type; `tensor` has been verified. */
void ln_codebook_read(const ln_tensor *tensor, size_t first, size_t count, void *out);

/* ---- small helpers (tensor.c) ---- */

static inline bool ln_tensor_const_data(const ln_tensor *tensor) {
  return tensor->storage == LN_STORAGE_CONST && tensor->data != NULL;
}
/* Bytes that `shape` takes in `type`; false on overflow, an unknown dimension or a type without a fixed size. A
 * resource takes an int32, its handle in the session. */
bool ln_tensor_size(ln_type type, const ln_shape *shape, size_t *out);
/* Whether elements of `shape`, which is known, lie in blocks of `size` as LN_QUANT_BLOCKWISE has them. */
bool ln_blocks_fit(const ln_shape *shape, int32_t size);
static inline float ln_scale_of(const ln_tensor *tensor) {
  return tensor->quant->count > 0 ? tensor->quant->scale[0] : 0.0f;
}
static inline int32_t ln_zero_point_of(const ln_tensor *tensor) {
  return tensor->quant->count > 0 ? (int32_t)tensor->quant->zero_point[0] : 0;
}
/* Reads an int32 or int64 tensor that holds data as int64 values: false without data, of another type, or longer
 * than `capacity`. */
bool ln_tensor_ints(const ln_tensor *tensor, int64_t *values, int32_t capacity, int32_t *count);

/* ---- FlexBuffers (flex.c): the options of custom operators; every access is checked ---- */

typedef struct ln_flex {
  const uint8_t *data;
  size_t size;
} ln_flex;

bool ln_flex_is_map(ln_flex flex);
/* Whether there is such a key, and whether its value is a truth value rather than a number. */
bool ln_flex_has(ln_flex flex, const char *key, bool *is_truth);
/* Each is false (and leaves *out) when the bytes are no FlexBuffers map, the key is absent or of another kind. */
bool ln_flex_int(ln_flex flex, const char *key, int64_t *out);
bool ln_flex_bits(ln_flex flex, const char *key, uint64_t *out); /* of 64: of what is no count, as a hash's seed */
bool ln_flex_float(ln_flex flex, const char *key, double *out);
bool ln_flex_bool(ln_flex flex, const char *key, bool *out);
/* Copies up to `capacity` ints of a vector (typed or not); *count is the vector's length. */
bool ln_flex_ints(ln_flex flex, const char *key, int64_t *out, int32_t capacity, int32_t *count);
/* The same of floats; what came before a value that is none is stored. */
bool ln_flex_floats(ln_flex flex, const char *key, float *out, int32_t capacity, int32_t *count);
/* A string, not NUL-terminated. */
bool ln_flex_string(ln_flex flex, const char *key, const char **text, size_t *length);
/* The string at `index` of a vector of strings; false past its end. */
bool ln_flex_string_at(ln_flex flex, const char *key, size_t index, const char **text, size_t *length);
/* The string (or blob) at `index` where the outermost value is a vector, no map. */
bool ln_flex_item_text(ln_flex flex, size_t index, const char **text, size_t *length);
/* "key=value ..." for printing; returns the length that would have been written. */
size_t ln_flex_format(ln_flex flex, char *buffer, size_t size);

#endif
