/*
 * A StableHLO program in memory, whatever it was read from: functions, blocks, operations, attributes. Text (text.c)
 * and bytecode (bytecode.c) give the same. Names of operators are those of the text ("stablehlo.add"); attributes that
 * are structs in the text (dimension numbers) stand flat beside the others, as in bytecode.
 */
#ifndef LN_IMPORT_MLIR_H
#define LN_IMPORT_MLIR_H

#include "import/emit.h"

typedef enum ln_mlir_kind {
  LN_MLIR_BOOL,
  LN_MLIR_SIGNED,
  LN_MLIR_UNSIGNED,
  LN_MLIR_REAL,
  LN_MLIR_COMPLEX
} ln_mlir_kind;

typedef enum ln_mlir_element {
#define LN_ELEMENT(name, text, code, kind, bits, outside, inside) LN_MLIR_##name,
#include "import/stablehlo/mlir_elements.def"
  LN_MLIR_ELEMENT_COUNT
} ln_mlir_element;

typedef struct ln_mlir_element_info {
  const char *text;
  int32_t code;
  ln_mlir_kind kind;
  int32_t bits, bytes; /* bytes of one in a dense constant */
  ln_type outside, inside;
} ln_mlir_element_info;
const ln_mlir_element_info *ln_mlir_element_at(ln_mlir_element element);

typedef enum ln_mlir_form {
  LN_MLIR_TENSOR,
  LN_MLIR_SCALAR,
  LN_MLIR_TOKEN,
  LN_MLIR_TUPLE,
  LN_MLIR_FUNCTION,
  LN_MLIR_OTHER
} ln_mlir_form;

typedef struct ln_mlir_type {
  ln_mlir_form form;
  ln_mlir_element element;         /* of TENSOR and SCALAR */
  int32_t rank, dims[LN_MAX_RANK]; /* of TENSOR; -1: open */
  int32_t count, inputs;           /* of TUPLE and FUNCTION: parts; of these, what goes in */
  const struct ln_mlir_type *const *parts;
  const char *text; /* of OTHER: what it is called */
} ln_mlir_type;

typedef enum ln_mlir_attr_kind {
  LN_MLIR_UNIT,
  LN_MLIR_INT,    /* i; bool too */
  LN_MLIR_FLOAT,  /* f */
  LN_MLIR_STRING, /* text */
  LN_MLIR_SYMBOL, /* text, without @ */
  LN_MLIR_ENUM,   /* text ("LT") or, from bytecode, i with text NULL */
  LN_MLIR_TYPE,
  LN_MLIR_ARRAY, /* items */
  LN_MLIR_DICT,  /* items with names */
  LN_MLIR_DENSE, /* type, data */
  LN_MLIR_OPAQUE /* not understood, and read by nothing */
} ln_mlir_attr_kind;

typedef struct ln_mlir_attr {
  ln_mlir_attr_kind kind;
  int64_t i;
  double f;
  const char *text;
  const ln_mlir_type *type;
  int32_t count;
  const struct ln_mlir_attr *const *items; /* [count] */
  const char *const *names;                /* [count] of DICT */
  const uint8_t *data;                     /* of DENSE: little-endian, whole bytes; in the model's arena or the file */
  bool splat;                              /* one element stands for all */
} ln_mlir_attr;

typedef struct ln_mlir_value {
  const ln_mlir_type *type;
  int32_t id; /* in its function */
} ln_mlir_value;

typedef struct ln_mlir_op {
  const char *name;  /* "stablehlo.add" */
  const char *where; /* what the source calls this place: "jit(f)/dot_general", "%12"; NULL */
  int32_t operand_count, result_count, region_count;
  ln_mlir_value **operands;
  ln_mlir_value *results;
  struct ln_mlir_region *regions;
  const ln_mlir_attr *attrs; /* DICT or NULL */
} ln_mlir_op;

/* One block. */
typedef struct ln_mlir_region {
  int32_t arg_count, op_count;
  ln_mlir_value *args;
  ln_mlir_op *ops;
} ln_mlir_region;

typedef struct ln_mlir_function {
  const char *name;
  bool is_public;
  ln_mlir_region body;
  int32_t value_count;
  const char **arg_names;   /* [body.arg_count], NULL where there is none */
  const char **arg_globals; /* what jax.global_constant says: a dimension's name, "_platform_index"; NULL */
  int32_t result_count;
  const char **result_names; /* from jax.result_info; NULL */
} ln_mlir_function;

typedef struct ln_mlir_module {
  ln_import *import;
  ln_arena arena; /* holds all of this */
  ln_mlir_function *functions;
  int32_t function_count, function_capacity;
} ln_mlir_module;

/* ---- making one (mlir.c): NULL when memory is short, which import->status then says ---- */

void *ln_mlir_new(ln_mlir_module *m, size_t count, size_t item_bytes);
char *ln_mlir_text(ln_mlir_module *m, const char *text, size_t length);
ln_mlir_function *ln_mlir_add_function(ln_mlir_module *m);
/* Reads names, visibility and the like from a function operation's attributes. */
bool ln_mlir_describe_function(ln_mlir_module *m, ln_mlir_function *f, const ln_mlir_attr *attrs);
void ln_mlir_module_free(ln_mlir_module *m);

/* A list that grows in the arena: room for one more item of `list`. */
#define LN_MLIR_GROW(m, list, count, capacity) \
  ((count) < (capacity) || ln_mlir_grow((m), (void **)&(list), &(capacity), sizeof *(list)))
bool ln_mlir_grow(ln_mlir_module *m, void **list, int32_t *capacity, size_t item_bytes);

/* Elements of a tensor type without open dimensions. */
bool ln_mlir_elements(const ln_mlir_type *type, size_t *out);
/* Data of so many bytes fits the type: all elements, or one. Bits of i1 are spread to bytes. */
bool ln_mlir_set_data(ln_mlir_module *m, ln_mlir_attr *attr, const uint8_t *data, size_t size);
/* The dictionary with the items of nested ones (dimension numbers) put beside the others. */
const ln_mlir_attr *ln_mlir_flatten(ln_mlir_module *m, const ln_mlir_attr *attrs);

/* ---- reading one ---- */

const ln_mlir_function *ln_mlir_find_function(const ln_mlir_module *m, const char *name);
const ln_mlir_attr *ln_mlir_item(const ln_mlir_attr *dict, const char *name); /* NULL: none */
const ln_mlir_attr *ln_mlir_attr_of(const ln_mlir_op *op, const char *name);
const char *ln_mlir_string(const ln_mlir_op *op, const char *name);
int64_t ln_mlir_int(const ln_mlir_op *op, const char *name, int64_t otherwise);
/* Numbers of an array or a dense constant (a splat gives `capacity` or its size); false for something else or too many.
 */
bool ln_mlir_numbers(const ln_mlir_attr *attr, int32_t capacity, int64_t *out, int32_t *count);
double ln_mlir_float(const ln_mlir_op *op, const char *name, double otherwise);
/* One element of dense data. */
int64_t ln_mlir_dense_int(const ln_mlir_attr *attr, size_t index);

/* ---- readers ---- */

bool ln_mlir_is_text(const uint8_t *data, size_t size);
bool ln_mlir_read_text(ln_mlir_module *m, const uint8_t *data, size_t size);
bool ln_mlir_is_bytecode(const uint8_t *data, size_t size);
bool ln_mlir_read_bytecode(ln_mlir_module *m, const uint8_t *data, size_t size);
/* A file of jax.export: finds the bytecode in it. */
bool ln_mlir_find_exported(const uint8_t *data, size_t size, const uint8_t **module, size_t *module_size);

#endif
