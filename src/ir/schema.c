/* The field descriptors of schema.h, generated from schema.def, and the look-ups over them. */
#include "ir/schema.h"

#include <string.h>

#include "base/selection.h"

/*
 * Of each table an object: a descriptor for each field, one behind another, and then the fields' names, which each
 * descriptor finds by their distance from itself. Pointers would be as many relocations.
 */
#define LN_TABLE(table, schema_name) struct table##_descriptors {
#define LN_FIELD(table, id, kind, name, default_, enum_) ln_field_info name;
#define LN_VECTOR(table, id, kind, name) ln_field_info name;
#define LN_STRING(table, id, name) ln_field_info name;
#define LN_STRINGS(table, id, name) ln_field_info name;
#define LN_SUBTABLE(table, id, name, of) ln_field_info name;
#define LN_TABLES(table, id, name, of) ln_field_info name;
#define LN_UNION(table, id, name, union_name) ln_field_info name;
#define LN_TABLE_END(table) \
  char end;                 \
  }                         \
  ;
#include "ir/schema.def"

#define LN_TABLE(table, schema_name)      \
  struct table##_description {            \
    struct table##_descriptors described; \
    struct {
#define LN_FIELD(table, id, kind, name, default_, enum_) char name[sizeof #name];
#define LN_VECTOR(table, id, kind, name) char name[sizeof #name];
#define LN_STRING(table, id, name) char name[sizeof #name];
#define LN_STRINGS(table, id, name) char name[sizeof #name];
#define LN_SUBTABLE(table, id, name, of) char name[sizeof #name];
#define LN_TABLES(table, id, name, of) char name[sizeof #name];
#define LN_UNION(table, id, name, union_name) char name[sizeof #name];
#define LN_TABLE_END(table) \
  char end;                 \
  }                         \
  names;                    \
  }                         \
  ;
#include "ir/schema.def"

/* Those of tables that are left out of a build of chosen operators stay unused. */
#define LN_TABLE(table, schema_name) \
  __attribute__((unused)) static const struct table##_description table##_description = {
#define FIELD(table, field, id, field_class, kind, of, enumeration, default_value)       \
  .described.field = {(uint16_t)(offsetof(struct table##_description, names.field) -     \
                                 offsetof(struct table##_description, described.field)), \
                      id,                                                                \
                      (uint16_t)offsetof(ln_##table, field),                             \
                      field_class,                                                       \
                      kind,                                                              \
                      of,                                                                \
                      enumeration,                                                       \
                      default_value},                                                    \
  .names.field = #field,
#define LN_FIELD(table, id, kind, name, default_, enum_) \
  FIELD(table, name, id, LN_CLASS_SCALAR, LN_KIND_##kind, 0, LN_ENUM_##enum_, (int8_t)(default_))
#define LN_VECTOR(table, id, kind, name) FIELD(table, name, id, LN_CLASS_VECTOR, LN_KIND_##kind, 0, 0, 0)
#define LN_STRING(table, id, name) FIELD(table, name, id, LN_CLASS_STRING, 0, 0, 0, 0)
#define LN_STRINGS(table, id, name) FIELD(table, name, id, LN_CLASS_STRINGS, 0, 0, 0, 0)
#define LN_SUBTABLE(table, id, name, of) FIELD(table, name, id, LN_CLASS_TABLE, 0, LN_TABLE_##of, 0, 0)
#define LN_TABLES(table, id, name, of) FIELD(table, name, id, LN_CLASS_TABLES, 0, LN_TABLE_##of, 0, 0)
#define LN_UNION(table, id, name, union_name) FIELD(table, name, id, LN_CLASS_UNION, 0, LN_UNION_##union_name, 0, 0)
#define LN_TABLE_END(table) \
  .described.end = 0        \
  }                         \
  ;
#include "ir/schema.def"

/* The tables of this build, and where each stands among them, from 1; 0 for one that is left out. */
enum {
#define LN_TABLE(table, schema_name) LN_TABLE_ROW(schema_name)(PLACE_##table, )
#include "ir/schema.def"
  TABLES
};

static const ln_table_info tables[] = {
#define LN_TABLE(table, schema_name)                                         \
  LN_TABLE_ROW(schema_name)                                                  \
  ({#schema_name, (const ln_field_info *)(const void *)&table##_description, \
    offsetof(struct table##_descriptors, end) / sizeof(ln_field_info), sizeof(ln_##table)}, )
#include "ir/schema.def"
};

static const uint8_t places[LN_TABLE_COUNT] = {
#define LN_TABLE(table, schema_name) LN_TABLE_ROW(schema_name)([LN_TABLE_##table] = PLACE_##table + 1, )
#include "ir/schema.def"
};

static const struct {
  uint8_t union_id, tag;
  uint8_t table;
} members[] = {
#define LN_MEMBER(union_name, tag, table) {LN_UNION_##union_name, tag, LN_TABLE_##table},
#include "ir/schema.def"
};

_Static_assert(LN_TABLE_COUNT <= UINT8_MAX, "a table's number must fit the byte that descriptors keep it in");

/* The names of each enumeration's values from 0 on, one behind another: pointers would be as many relocations. */
static const char *const enumerations[] = {
    [LN_ENUM_padding] =
        "SAME\0"
        "VALID\0",
    [LN_ENUM_activation] =
        "NONE\0"
        "RELU\0"
        "RELU_N1_TO_1\0"
        "RELU6\0"
        "TANH\0"
        "SIGN_BIT\0",
    [LN_ENUM_tensor_type] =
        "FLOAT32\0"
        "FLOAT16\0"
        "INT32\0"
        "UINT8\0"
        "INT64\0"
        "STRING\0"
        "BOOL\0"
        "INT16\0"
        "COMPLEX64\0"
        "INT8\0"
        "FLOAT64\0"
        "COMPLEX128\0"
        "UINT64\0"
        "RESOURCE\0"
        "VARIANT\0"
        "UINT32\0"
        "UINT16\0"
        "INT4\0"
        "BFLOAT16\0"
        "INT2\0"
        "UINT4\0"
        "FLOAT8_E4M3FN\0"
        "FLOAT8_E5M2\0",
    [LN_ENUM_mirror_pad_mode] =
        "REFLECT\0"
        "SYMMETRIC\0",
    [LN_ENUM_fc_weights_format] =
        "DEFAULT\0"
        "SHUFFLED4x16INT8\0",
    [LN_ENUM_lstm_kernel_type] =
        "FULL\0"
        "BASIC\0",
    [LN_ENUM_combiner_type] =
        "SUM\0"
        "MEAN\0"
        "SQRTN\0",
    [LN_ENUM_lsh_projection_type] =
        "UNKNOWN\0"
        "SPARSE\0"
        "DENSE\0",
    [LN_ENUM_stablehlo_comparison_direction] =
        "STABLEHLO_COMPARISON_DIRECTION_EQ\0"
        "STABLEHLO_COMPARISON_DIRECTION_NE\0"
        "STABLEHLO_COMPARISON_DIRECTION_GE\0"
        "STABLEHLO_COMPARISON_DIRECTION_GT\0"
        "STABLEHLO_COMPARISON_DIRECTION_LE\0"
        "STABLEHLO_COMPARISON_DIRECTION_LT\0",
    [LN_ENUM_stablehlo_comparison_type] =
        "STABLEHLO_COMPARISON_TYPE_NOTYPE\0"
        "STABLEHLO_COMPARISON_TYPE_FLOAT\0"
        "STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER\0"
        "STABLEHLO_COMPARISON_TYPE_SIGNED\0"
        "STABLEHLO_COMPARISON_TYPE_UNSIGNED\0",
    [LN_ENUM_reduce_window_function] =
        "UNSUPPORTED\0"
        "ADD\0"
        "MUL\0"
        "MINIMUM\0"
        "MAXIMUM\0"
        "ALL\0"
        "ANY\0",
    [LN_ENUM_rng_algorithm] =
        "DEFAULT\0"
        "PHILOX\0"
        "THREEFRY\0",
    [LN_ENUM_dimension_type] =
        "DENSE\0"
        "SPARSE_CSR\0",
};

const ln_table_info *ln_schema_table(ln_table_id table) {
  const bool known = table > LN_TABLE_none && table < LN_TABLE_COUNT && places[table] > 0;
  return known ? &tables[places[table] - 1] : NULL;
}

ln_table_id ln_schema_union_member(ln_union_id union_id, uint32_t tag) {
  for (size_t i = 0; i < sizeof members / sizeof members[0]; ++i) {
    if (members[i].union_id != union_id || members[i].tag != tag) continue;
    return places[members[i].table] > 0 ? (ln_table_id)members[i].table : LN_TABLE_none;
  }
  return LN_TABLE_none;
}

uint32_t ln_schema_union_tag(ln_union_id union_id, ln_table_id table) {
  for (size_t i = 0; i < sizeof members / sizeof members[0]; ++i) {
    if (members[i].union_id == union_id && members[i].table == table) return members[i].tag;
  }
  return 0;
}

const char *ln_schema_enum_name(ln_enum_id enumeration, int64_t value) {
  const bool known = (size_t)enumeration < sizeof enumerations / sizeof enumerations[0];
  const char *name = known ? enumerations[enumeration] : NULL;
  if (name == NULL || value < 0) return NULL;
  while (value-- > 0 && *name != '\0') name += strlen(name) + 1;
  return *name != '\0' ? name : NULL;
}

const char *ln_field_name(const ln_field_info *field) { return (const char *)field + field->name_at; }

size_t ln_kind_size(ln_kind kind) {
  static const uint8_t sizes[LN_KIND_COUNT] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 4};
  return kind < LN_KIND_COUNT ? sizes[kind] : 0;
}

static void set_scalar(ln_kind kind, void *place, double value) {
  switch (kind) {
    case LN_KIND_bool: *(bool *)place = value != 0; break;
    case LN_KIND_i8: *(int8_t *)place = (int8_t)value; break;
    case LN_KIND_u8: *(uint8_t *)place = (uint8_t)value; break;
    case LN_KIND_i16: *(int16_t *)place = (int16_t)value; break;
    case LN_KIND_u16: *(uint16_t *)place = (uint16_t)value; break;
    case LN_KIND_i32: *(int32_t *)place = (int32_t)value; break;
    case LN_KIND_u32: *(uint32_t *)place = (uint32_t)value; break;
    case LN_KIND_i64: *(int64_t *)place = (int64_t)value; break;
    case LN_KIND_u64: *(uint64_t *)place = (uint64_t)value; break;
    case LN_KIND_f32: *(float *)place = (float)value; break;
    case LN_KIND_COUNT: break;
  }
}

void ln_schema_set_defaults(ln_table_id table, void *object) {
  const ln_table_info *info = ln_schema_table(table);
  if (info == NULL) return;
  memset(object, 0, info->struct_size);
  for (uint16_t i = 0; i < info->field_count; ++i) {
    const ln_field_info *field = &info->fields[i];
    if (field->field_class != LN_CLASS_SCALAR || field->default_value == 0) continue;
    set_scalar((ln_kind)field->kind, (char *)object + field->offset, field->default_value);
  }
}
