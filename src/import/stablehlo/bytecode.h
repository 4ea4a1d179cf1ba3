/* The reader of MLIR's bytecode, inside: sections, attributes and types by number, read when they are asked for. */
#ifndef LN_IMPORT_STABLEHLO_BYTECODE_H
#define LN_IMPORT_STABLEHLO_BYTECODE_H

#include "import/stablehlo/mlir.h"

/* Bytes that are left. */
typedef struct ln_mlir_bytes {
  const uint8_t *at, *end;
} ln_mlir_bytes;

/* An attribute or type of the file. */
typedef struct ln_mlir_entry {
  ln_mlir_bytes bytes;
  int32_t dialect;
  bool custom;         /* in its dialect's encoding; else as text */
  bool busy;           /* is being read: it must not hold itself */
  const void *meaning; /* once it was read */
} ln_mlir_entry;

typedef struct ln_mlir_op_name {
  const char *name;    /* "stablehlo.add" */
  const char *carries; /* the attributes that its properties are; "": none are known */
} ln_mlir_op_name;

typedef struct ln_mlir_file {
  ln_mlir_module *m;
  uint64_t version;
  const char **strings;
  size_t *string_sizes;
  size_t string_count;
  const char **dialects;
  size_t dialect_count;
  ln_mlir_op_name *op_names;
  int32_t op_name_count, op_name_capacity;
  ln_mlir_entry *attrs, *types;
  size_t attr_count, type_count;
  ln_mlir_bytes *properties;
  size_t property_count;
  int32_t depth;
} ln_mlir_file;

static inline size_t ln_mlir_left(const ln_mlir_bytes *b) { return (size_t)(b->end - b->at); }
bool ln_mlir_broken(ln_mlir_file *f, const char *what); /* false */
/* Each fails where the bytes end. */
bool ln_mlir_get_byte(ln_mlir_file *f, ln_mlir_bytes *b, uint8_t *out);
bool ln_mlir_get(ln_mlir_file *f, ln_mlir_bytes *b, uint64_t *out);
bool ln_mlir_get_signed(ln_mlir_file *f, ln_mlir_bytes *b, int64_t *out);
/* A number of things that take at least a byte each. */
bool ln_mlir_get_count(ln_mlir_file *f, ln_mlir_bytes *b, size_t *out);
bool ln_mlir_get_string(ln_mlir_file *f, ln_mlir_bytes *b, const char **out);

/* By number, or by the number that comes next (bytecode_attr.c); NULL after a failure. */
const ln_mlir_type *ln_mlir_type_at(ln_mlir_file *f, uint64_t index);
const ln_mlir_attr *ln_mlir_attr_at(ln_mlir_file *f, uint64_t index);
/* What a location is called; NULL where it has no name. */
const char *ln_mlir_place_at(ln_mlir_file *f, uint64_t index);

#endif
