/* C structs and field descriptors of every table in schema.def, and the schema's enumerations. */
#ifndef LN_SCHEMA_H
#define LN_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A vector of scalars: `data` is NULL when the field is absent, and not NULL for a present but empty one. */
#define LN_VEC_TYPE(kind, type)  \
  typedef struct ln_vec_##kind { \
    const type *data;            \
    uint32_t count;              \
  } ln_vec_##kind;
LN_VEC_TYPE(bool, uint8_t)
LN_VEC_TYPE(i8, int8_t)
LN_VEC_TYPE(u8, uint8_t)
LN_VEC_TYPE(i16, int16_t)
LN_VEC_TYPE(u16, uint16_t)
LN_VEC_TYPE(i32, int32_t)
LN_VEC_TYPE(u32, uint32_t)
LN_VEC_TYPE(i64, int64_t)
LN_VEC_TYPE(u64, uint64_t)
LN_VEC_TYPE(f32, float)
#undef LN_VEC_TYPE

/* A vector of tables or strings: `count` pointers, none of them NULL. */
typedef struct ln_vec_ptr {
  const void *const *data;
  uint32_t count;
} ln_vec_ptr;

typedef bool ln_kind_bool;
typedef int8_t ln_kind_i8;
typedef uint8_t ln_kind_u8;
typedef int16_t ln_kind_i16;
typedef uint16_t ln_kind_u16;
typedef int32_t ln_kind_i32;
typedef uint32_t ln_kind_u32;
typedef int64_t ln_kind_i64;
typedef uint64_t ln_kind_u64;
typedef float ln_kind_f32;

/* One struct a table. `tag` keeps tables without fields from being empty and is never stored. */
#define LN_TABLE(table, schema_name) \
  typedef struct ln_##table {        \
    uint8_t tag;
#define LN_FIELD(table, id, kind, name, default_, enum_) ln_kind_##kind name;
#define LN_VECTOR(table, id, kind, name) ln_vec_##kind name;
#define LN_STRING(table, id, name) const char *name;
#define LN_STRINGS(table, id, name) ln_vec_ptr name;
#define LN_SUBTABLE(table, id, name, of) const struct ln_##of *name;
#define LN_TABLES(table, id, name, of) ln_vec_ptr name;
#define LN_UNION(table, id, name, union_name) const void *name;
#define LN_TABLE_END(table) \
  }                         \
  ln_##table;
#include "schema.def"

/* Every table has a number; LN_TABLE_none stands for "no table". */
typedef enum ln_table_id {
  LN_TABLE_none = 0,
#define LN_TABLE(table, schema_name) LN_TABLE_##table,
#include "schema.def"
  LN_TABLE_COUNT
} ln_table_id;

typedef enum ln_union_id {
  LN_UNION_none = 0,
  LN_UNION_builtin_options,
  LN_UNION_builtin_options_2,
  LN_UNION_quantization_details,
  LN_UNION_sparse_index_vector,
  LN_UNION_md_content_properties,
  LN_UNION_md_process_unit_options
} ln_union_id;

typedef enum ln_field_class {
  LN_CLASS_SCALAR,
  LN_CLASS_VECTOR,
  LN_CLASS_STRING,
  LN_CLASS_STRINGS,
  LN_CLASS_TABLE,
  LN_CLASS_TABLES,
  LN_CLASS_UNION
} ln_field_class;

typedef enum ln_kind {
  LN_KIND_bool,
  LN_KIND_i8,
  LN_KIND_u8,
  LN_KIND_i16,
  LN_KIND_u16,
  LN_KIND_i32,
  LN_KIND_u32,
  LN_KIND_i64,
  LN_KIND_u64,
  LN_KIND_f32,
  LN_KIND_COUNT
} ln_kind;

/* Enumerations that fields are printed with. */
typedef enum ln_enum_id {
  LN_ENUM_none = 0,
  LN_ENUM_padding,
  LN_ENUM_activation,
  LN_ENUM_tensor_type,
  LN_ENUM_mirror_pad_mode,
  LN_ENUM_fc_weights_format,
  LN_ENUM_lstm_kernel_type,
  LN_ENUM_combiner_type,
  LN_ENUM_lsh_projection_type,
  LN_ENUM_stablehlo_comparison_direction,
  LN_ENUM_stablehlo_comparison_type,
  LN_ENUM_reduce_window_function,
  LN_ENUM_rng_algorithm,
  LN_ENUM_dimension_type
} ln_enum_id;

typedef struct ln_field_info {
  uint16_t name_at;     /* ln_field_name */
  uint16_t id;          /* slot in the table; a union's tag stands in slot id - 1 */
  uint16_t offset;      /* in the C struct */
  uint8_t field_class;  /* ln_field_class */
  uint8_t kind;         /* ln_kind, for scalars and vectors */
  uint8_t of;           /* ln_table_id of tables, ln_union_id of unions */
  uint8_t enumeration;  /* ln_enum_id, for scalars */
  int8_t default_value; /* of a scalar */
} ln_field_info;

typedef struct ln_table_info {
  const char *name; /* as in the schema: "Conv2DOptions" */
  const ln_field_info *fields;
  uint16_t field_count;
  uint16_t struct_size;
} ln_table_info;

/* The description of a table; NULL for LN_TABLE_none and for one that is left out of this build. */
const ln_table_info *ln_schema_table(ln_table_id table);
/* The table that a union's tag stands for; LN_TABLE_none for an unknown tag and a table that is left out. */
ln_table_id ln_schema_union_member(ln_union_id union_id, uint32_t tag);
/* The tag of a table in a union; 0 when it is no member. */
uint32_t ln_schema_union_tag(ln_union_id union_id, ln_table_id table);
/* The name of an enumeration's value; NULL for one outside it. */
const char *ln_schema_enum_name(ln_enum_id enumeration, int64_t value);
/* A field's name, as in the C struct. The descriptor must be the table's own, not a copy. */
const char *ln_field_name(const ln_field_info *field);
/* Bytes an element of a kind takes in the file and in C. */
size_t ln_kind_size(ln_kind kind);
/* Sets every scalar of a struct to its default and the rest to absent. */
void ln_schema_set_defaults(ln_table_id table, void *object);

typedef enum ln_padding { LN_PADDING_SAME = 0, LN_PADDING_VALID = 1 } ln_padding;
/* FullyConnectedOptions.weights_format: 4 units by 16 of the depth lie together, less 128. */
enum { LN_FC_WEIGHTS_SHUFFLED = 1 };
typedef enum ln_activation {
  LN_ACT_NONE = 0,
  LN_ACT_RELU = 1,
  LN_ACT_RELU_N1_TO_1 = 2,
  LN_ACT_RELU6 = 3,
  LN_ACT_TANH = 4,
  LN_ACT_SIGN_BIT = 5
} ln_activation;

#endif
