/* The reader of MLIR's text, inside: a cursor over the file, names in scope, aliases. */
#ifndef LN_IMPORT_STABLEHLO_TEXT_H
#define LN_IMPORT_STABLEHLO_TEXT_H

#include "import/stablehlo/mlir.h"

/* A piece of the file. */
typedef struct ln_mlir_word {
  const char *at;
  size_t length;
} ln_mlir_word;

struct ln_mlir_reader;

/* What a name stands for; entries of one table, found by hash. */
typedef struct ln_mlir_name {
  ln_mlir_word word;
  ln_mlir_value *values; /* of a %name: [count] */
  int32_t count;
  const char *target;  /* of an #alias or !alias: where its meaning begins; of a resource: its text */
  const void *meaning; /* once read: an attribute, a type, a location's name */
  const void *(*read)(struct ln_mlir_reader *r); /* what read it */
} ln_mlir_name;

typedef struct ln_mlir_reader {
  ln_mlir_module *m;
  const char *begin, *at, *end, *file_end;
  int32_t depth;
  ln_mlir_name *names;
  int32_t name_count, name_capacity;
  int32_t *buckets; /* [bucket_count] the newest entry of a hash, -1 */
  int32_t *chains;  /* [name_capacity] the next entry of the same hash */
  int32_t bucket_count, chain_capacity;
  int32_t value_count; /* of the function in hand */
} ln_mlir_reader;

enum { LN_MLIR_DEPTH = 64 };

/* ---- the cursor (text_lex.c) ---- */

void ln_asm_skip(ln_mlir_reader *r); /* spaces and comments */
/* "line 12: REASON, at `...`"; false. */
bool ln_asm_wrong(ln_mlir_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool ln_asm_is(ln_mlir_reader *r, const char *token);    /* whether it comes next: not taken */
bool ln_asm_take(ln_mlir_reader *r, const char *token);  /* takes it where it comes next */
bool ln_asm_want(ln_mlir_reader *r, const char *token);  /* fails where it does not */
bool ln_asm_word(ln_mlir_reader *r, ln_mlir_word *out);  /* letters, digits, _ $ . -; empty: none */
bool ln_asm_string(ln_mlir_reader *r, const char **out); /* "...", unescaped */
bool ln_asm_string_bytes(ln_mlir_reader *r, const char **out, size_t *length);
bool ln_asm_integer(ln_mlir_reader *r, int64_t *out);
bool ln_asm_number(ln_mlir_reader *r, double *value, int64_t *integer, bool *is_integer, bool *is_hex);
bool ln_asm_balanced(ln_mlir_reader *r, ln_mlir_word *out); /* (...), [...], {...} or <...>, whatever is inside */
bool ln_asm_deeper(ln_mlir_reader *r);
static inline bool ln_asm_word_is(ln_mlir_word word, const char *text) {
  size_t i = 0;
  while (i < word.length && text[i] != '\0' && text[i] == word.at[i]) ++i;
  return i == word.length && text[i] == '\0';
}

/* ---- names (text_lex.c) ---- */

bool ln_asm_define(ln_mlir_reader *r, ln_mlir_word word, ln_mlir_value *values, int32_t count, const char *target);
const ln_mlir_name *ln_asm_find(const ln_mlir_reader *r, ln_mlir_word word);
void ln_asm_forget(ln_mlir_reader *r, int32_t name_count); /* back to so many names */
bool ln_asm_find_aliases(ln_mlir_reader *r);
/* What an alias of that name means, read where it is defined and only once; false: no alias. */
bool ln_asm_alias(ln_mlir_reader *r, ln_mlir_word word, const void *(*read)(ln_mlir_reader *r), const void **out);

/* ---- types and attributes (text_attr.c, text_dense.c): NULL after a failure ---- */

const ln_mlir_type *ln_asm_type(ln_mlir_reader *r);
/* `i32` and the like, NULL for none. */
bool ln_asm_element(ln_mlir_word word, ln_mlir_element *out);
const ln_mlir_attr *ln_asm_attr(ln_mlir_reader *r);
const ln_mlir_attr *ln_asm_dict(ln_mlir_reader *r, const char *open, const char *close);
const ln_mlir_attr *ln_asm_ints(ln_mlir_reader *r); /* [1, [2, 3]]: numbers, flat */
const ln_mlir_attr *ln_asm_conv_numbers(ln_mlir_reader *r);
ln_mlir_attr *ln_asm_new_attr(ln_mlir_reader *r, ln_mlir_attr_kind kind);
const ln_mlir_attr *ln_asm_dense(ln_mlir_reader *r); /* behind `dense` */
const ln_mlir_attr *ln_asm_dense_array(ln_mlir_reader *r);
const ln_mlir_attr *ln_asm_dense_resource(ln_mlir_reader *r);
/* loc(...) where it comes next; `*name` its name or NULL. */
bool ln_asm_location(ln_mlir_reader *r, const char **name);

/* Attributes that are gathered one by one. */
typedef struct ln_mlir_attrs {
  const ln_mlir_attr **items;
  const char **names;
  int32_t count, capacity, name_capacity;
} ln_mlir_attrs;
bool ln_asm_add_attr(ln_mlir_reader *r, ln_mlir_attrs *attrs, const char *name, const ln_mlir_attr *value);
bool ln_asm_add_all(ln_mlir_reader *r, ln_mlir_attrs *attrs, const ln_mlir_attr *dict);
const ln_mlir_attr *ln_asm_attrs_done(ln_mlir_reader *r, const ln_mlir_attrs *attrs);

/* ---- operations (text.c, text_pretty.c) ---- */

typedef struct ln_mlir_ops {
  ln_mlir_op *items;
  int32_t count, capacity;
} ln_mlir_ops;

typedef struct ln_mlir_operands {
  ln_mlir_value **items;
  int32_t count, capacity;
} ln_mlir_operands;

typedef struct ln_mlir_types {
  const ln_mlir_type **items;
  int32_t count, capacity;
} ln_mlir_types;

bool ln_asm_add_type(ln_mlir_reader *r, ln_mlir_types *types, const ln_mlir_type *type);
/* %name or %name#1, which it adds. */
bool ln_asm_operand(ln_mlir_reader *r, ln_mlir_operands *out);
/* Types behind ':': a list, or a function's of which the results are given. */
bool ln_asm_result_types(ln_mlir_reader *r, ln_mlir_types *out);
/* `{ ... }` with block arguments that are named already, or inside. */
bool ln_asm_region(ln_mlir_reader *r, ln_mlir_region *region, const ln_mlir_word *arg_names,
                   const ln_mlir_type *const *arg_types, int32_t arg_count);
/* An operation in its own form, behind its name. */
bool ln_asm_pretty(ln_mlir_reader *r, ln_mlir_op *op, ln_mlir_types *types);
/* Values of fresh numbers. */
ln_mlir_value *ln_asm_values(ln_mlir_reader *r, int32_t count, const ln_mlir_type *const *types);

#endif
