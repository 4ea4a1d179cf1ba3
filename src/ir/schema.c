/* The field descriptors of schema.h, generated from schema.def, and the look-ups over them. */
#include "ir/schema.h"

#include <string.h>

#define FIELD(table, name, id, field_class, kind, of, enumeration, default_value) \
  {#name, id, field_class, kind, of, enumeration, (uint16_t)offsetof(ln_##table, name), default_value},

/* One array of fields a table; the empty last entry keeps tables without fields from being empty arrays. */
#define LN_TABLE(table, schema_name) static const ln_field_info table##_fields[] = {
#define LN_FIELD(table, id, kind, name, default_, enum_) \
  FIELD(table, name, id, LN_CLASS_SCALAR, LN_KIND_##kind, 0, LN_ENUM_##enum_, (double)(default_))
#define LN_VECTOR(table, id, kind, name) FIELD(table, name, id, LN_CLASS_VECTOR, LN_KIND_##kind, 0, 0, 0)
#define LN_STRING(table, id, name) FIELD(table, name, id, LN_CLASS_STRING, 0, 0, 0, 0)
#define LN_STRINGS(table, id, name) FIELD(table, name, id, LN_CLASS_STRINGS, 0, 0, 0, 0)
#define LN_SUBTABLE(table, id, name, of) FIELD(table, name, id, LN_CLASS_TABLE, 0, LN_TABLE_##of, 0, 0)
#define LN_TABLES(table, id, name, of) FIELD(table, name, id, LN_CLASS_TABLES, 0, LN_TABLE_##of, 0, 0)
#define LN_UNION(table, id, name, union_name) FIELD(table, name, id, LN_CLASS_UNION, 0, LN_UNION_##union_name, 0, 0)
#define LN_TABLE_END(table)     \
  { NULL, 0, 0, 0, 0, 0, 0, 0 } \
  }                             \
  ;
#include "ir/schema.def"

static const ln_table_info tables[LN_TABLE_COUNT] = {
    {"", NULL, 0, 0},
#define LN_TABLE(table, schema_name) \
  {#schema_name, table##_fields, sizeof table##_fields / sizeof table##_fields[0] - 1, sizeof(ln_##table)},
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

static const char *const padding_names[] = {"SAME", "VALID"};
static const char *const activation_names[] = {"NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"};
static const char *const tensor_type_names[] = {
    "FLOAT32",   "FLOAT16", "INT32",    "UINT8",      "INT64",  "STRING",        "BOOL",       "INT16",
    "COMPLEX64", "INT8",    "FLOAT64",  "COMPLEX128", "UINT64", "RESOURCE",      "VARIANT",    "UINT32",
    "UINT16",    "INT4",    "BFLOAT16", "INT2",       "UINT4",  "FLOAT8_E4M3FN", "FLOAT8_E5M2"};
static const char *const mirror_pad_mode_names[] = {"REFLECT", "SYMMETRIC"};
static const char *const fc_weights_format_names[] = {"DEFAULT", "SHUFFLED4x16INT8"};
static const char *const lstm_kernel_type_names[] = {"FULL", "BASIC"};
static const char *const combiner_type_names[] = {"SUM", "MEAN", "SQRTN"};
static const char *const lsh_projection_type_names[] = {"UNKNOWN", "SPARSE", "DENSE"};
static const char *const stablehlo_comparison_direction_names[] = {
    "STABLEHLO_COMPARISON_DIRECTION_EQ", "STABLEHLO_COMPARISON_DIRECTION_NE", "STABLEHLO_COMPARISON_DIRECTION_GE",
    "STABLEHLO_COMPARISON_DIRECTION_GT", "STABLEHLO_COMPARISON_DIRECTION_LE", "STABLEHLO_COMPARISON_DIRECTION_LT"};
static const char *const stablehlo_comparison_type_names[] = {
    "STABLEHLO_COMPARISON_TYPE_NOTYPE", "STABLEHLO_COMPARISON_TYPE_FLOAT",
    "STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER", "STABLEHLO_COMPARISON_TYPE_SIGNED",
    "STABLEHLO_COMPARISON_TYPE_UNSIGNED"};
static const char *const reduce_window_function_names[] = {"UNSUPPORTED", "ADD", "MUL", "MINIMUM",
                                                           "MAXIMUM",     "ALL", "ANY"};
static const char *const rng_algorithm_names[] = {"DEFAULT", "PHILOX", "THREEFRY"};
static const char *const dimension_type_names[] = {"DENSE", "SPARSE_CSR"};

static const struct {
  const char *const *names;
  size_t count;
} enumerations[] = {
#define ENUMERATION(stem) [LN_ENUM_##stem] = {stem##_names, sizeof stem##_names / sizeof stem##_names[0]}
    ENUMERATION(padding),
    ENUMERATION(activation),
    ENUMERATION(tensor_type),
    ENUMERATION(mirror_pad_mode),
    ENUMERATION(fc_weights_format),
    ENUMERATION(lstm_kernel_type),
    ENUMERATION(combiner_type),
    ENUMERATION(lsh_projection_type),
    ENUMERATION(stablehlo_comparison_direction),
    ENUMERATION(stablehlo_comparison_type),
    ENUMERATION(reduce_window_function),
    ENUMERATION(rng_algorithm),
    ENUMERATION(dimension_type),
};

const ln_table_info *ln_schema_table(ln_table_id table) {
  return table > LN_TABLE_none && table < LN_TABLE_COUNT ? &tables[table] : NULL;
}

ln_table_id ln_schema_union_member(ln_union_id union_id, uint32_t tag) {
  for (size_t i = 0; i < sizeof members / sizeof members[0]; ++i) {
    if (members[i].union_id == union_id && members[i].tag == tag) return (ln_table_id)members[i].table;
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
  if ((size_t)enumeration >= sizeof enumerations / sizeof enumerations[0]) return NULL;
  if (value < 0 || (uint64_t)value >= enumerations[enumeration].count) return NULL;
  return enumerations[enumeration].names[value];
}

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
