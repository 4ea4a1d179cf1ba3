/* Attributes of Select-TF operators: see ops/flex_attr.h. */
#include "ops/flex_attr.h"

#include <string.h>

/* "FlexX" holds a NodeDef, and "X", as the converter writes it where it may not say "FlexX", a map. */
static bool open_attrs(const ln_op *op, ln_nodedef *out) {
  const bool is_flex = op->custom_name != NULL && strncmp(op->custom_name, "Flex", 4) == 0;
  return is_flex ? ln_nodedef_open(op->custom_options, op->custom_options_size, out)
                 : ln_nodedef_open_map(op->custom_options, op->custom_options_size, out);
}

ln_status ln_attr_open(const ln_node *node, ln_error *err, ln_nodedef *out) {
  if (open_attrs(node->op, out)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "its options are no NodeDef");
}

/* Opens the NodeDef and says whether it has the attribute at all. */
static ln_status look_up(const ln_node *node, ln_error *err, const char *key, ln_nodedef *def, bool *present) {
  LN_TRY(ln_attr_open(node, err, def));
  *present = ln_nodedef_has(def, key);
  return LN_OK;
}

static ln_status other_kind(const ln_node *node, ln_error *err, const char *key, const char *kind) {
  return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute %s is no %s", key, kind);
}

ln_status ln_attr_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out) {
  ln_nodedef def;
  bool present;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present) return LN_OK;
  if (!ln_nodedef_int(&def, key, out)) return other_kind(node, err, key, "integer");
  if (*out >= low && *out <= high) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute %s is %lld, must be in [%lld, %lld]", key,
                      (long long)*out, (long long)low, (long long)high);
}

ln_status ln_attr_float(const ln_node *node, ln_error *err, const char *key, float *out) {
  ln_nodedef def;
  bool present;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present || ln_nodedef_float(&def, key, out)) return LN_OK;
  return other_kind(node, err, key, "number");
}

ln_status ln_attr_bool(const ln_node *node, ln_error *err, const char *key, bool *out) {
  ln_nodedef def;
  bool present;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present || ln_nodedef_bool(&def, key, out)) return LN_OK;
  return other_kind(node, err, key, "truth value");
}

ln_status ln_attr_type(const ln_node *node, ln_error *err, const char *key, ln_type *out) {
  ln_nodedef def;
  bool present;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present || ln_nodedef_type(&def, key, out)) return LN_OK;
  return other_kind(node, err, key, "type that is known");
}

ln_status ln_attr_string(const ln_node *node, ln_error *err, const char *key, const char **text, size_t *length) {
  ln_nodedef def;
  bool present;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present || ln_nodedef_string(&def, key, text, length)) return LN_OK;
  return other_kind(node, err, key, "string");
}

ln_status ln_attr_choice(const ln_node *node, ln_error *err, const char *key, const char *const *names, int32_t count,
                         int32_t *out) {
  const char *text = NULL;
  size_t length = 0;
  LN_TRY(ln_attr_string(node, err, key, &text, &length));
  if (text == NULL) return LN_OK;
  for (int32_t i = 0; i < count; ++i) {
    if (strlen(names[i]) != length || memcmp(names[i], text, length) != 0) continue;
    *out = i;
    return LN_OK;
  }
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the attribute %s is \"%.*s\"", key,
                      length < 40 ? (int)length : 40, text);
}

ln_status ln_attr_ints(const ln_node *node, ln_error *err, const char *key, int64_t *out, int32_t capacity,
                       int32_t *count) {
  ln_nodedef def;
  bool present;
  int32_t found = 0;
  LN_TRY(look_up(node, err, key, &def, &present));
  if (!present) return LN_OK;
  if (!ln_nodedef_ints(&def, key, out, capacity, &found)) return other_kind(node, err, key, "list of integers");
  if (found > capacity) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute %s has %d numbers, at most %d are taken", key, found,
                        capacity);
  }
  *count = found;
  return LN_OK;
}

/* ---- typed options ---- */

/* What TensorFlow calls a field of the schema; for a list, the place counted from its end. */
typedef struct field_source {
  const char *field, *attr;
  int32_t place; /* 0: no list */
} field_source;

static const field_source sources[] = {
    {"stride_d", "strides", 4},
    {"stride_h", "strides", 3},
    {"stride_w", "strides", 2},
    {"dilation_d_factor", "dilations", 4},
    {"dilation_h_factor", "dilations", 3},
    {"dilation_w_factor", "dilations", 2},
    {"filter_height", "ksize", 3},
    {"filter_width", "ksize", 2},
    {"adj_x", "transpose_a", 0},
    {"adj_y", "transpose_b", 0},
    {"values_count", "N", 0},
    {"num_splits", "num_split", 0},
    {"idx_out_type", "out_idx", 0},
    {"radius", "depth_radius", 0},
};

/* Where an attribute that is left out means another value than a field that is. */
typedef struct other_default {
  ln_table_id table;
  const char *field;
  float value;
} other_default;

static const other_default other_defaults[] = {
    {LN_TABLE_softmax_options, "beta", 1.0f}, /* no attribute of TensorFlow's */
    {LN_TABLE_local_response_normalization_options, "radius", 5.0f},
    {LN_TABLE_local_response_normalization_options, "bias", 1.0f},
    {LN_TABLE_local_response_normalization_options, "alpha", 1.0f},
    {LN_TABLE_local_response_normalization_options, "beta", 0.5f},
    {LN_TABLE_one_hot_options, "axis", -1.0f},
    {LN_TABLE_arg_max_options, "output_type", (float)LN_INT64},
    {LN_TABLE_arg_min_options, "output_type", (float)LN_INT64},
    {LN_TABLE_shape_options, "out_type", (float)LN_INT32},
    {LN_TABLE_unique_options, "idx_out_type", (float)LN_INT32},
};

typedef struct filler {
  ln_table_id table;
  ln_nodedef def;
  ln_arena *arena;
  ln_error *err;
} filler;

static ln_status bad_attr(const filler *f, const char *attr, const char *what) {
  return ln_fail(f->err, LN_ERR_MODEL, "the attribute %s %s", attr, what);
}

static bool store_int(const ln_field_info *field, void *to, int64_t value) {
  switch (field->kind) {
    case LN_KIND_bool: *(bool *)to = value != 0; return true;
    case LN_KIND_i8: *(int8_t *)to = (int8_t)value; return value >= INT8_MIN && value <= INT8_MAX;
    case LN_KIND_u8: *(uint8_t *)to = (uint8_t)value; return value >= 0 && value <= UINT8_MAX;
    case LN_KIND_i32: *(int32_t *)to = (int32_t)value; return value >= INT32_MIN && value <= INT32_MAX;
    case LN_KIND_i64: *(int64_t *)to = value; return true;
    default: return false;
  }
}

static ln_status fill_list_item(const filler *f, const field_source *source, const ln_field_info *field, void *to) {
  enum { LONGEST = 8 };
  int64_t values[LONGEST];
  int32_t count = 0;
  if (!ln_nodedef_ints(&f->def, source->attr, values, LONGEST, &count) || count < source->place || count > LONGEST) {
    return bad_attr(f, source->attr, "is no list of one number a dimension");
  }
  /* Images have their channels last: on nothing but GPUs TensorFlow runs another order. */
  if (values[0] != 1 || values[count - 1] != 1) return bad_attr(f, source->attr, "reaches over batches or channels");
  return store_int(field, to, values[count - source->place]) ? LN_OK : bad_attr(f, source->attr, "is out of range");
}

/* The schema's number for a name, PADDING's SAME say. */
static ln_status fill_named(const filler *f, const char *attr, const ln_field_info *field, void *to) {
  enum { MOST = 16 };
  const char *text;
  size_t length;
  if (!ln_nodedef_string(&f->def, attr, &text, &length)) return bad_attr(f, attr, "is no string");
  for (int64_t i = 0; i < MOST; ++i) {
    const char *name = ln_schema_enum_name((ln_enum_id)field->enumeration, i);
    if (name == NULL || strlen(name) != length || memcmp(name, text, length) != 0) continue;
    return store_int(field, to, i) ? LN_OK : bad_attr(f, attr, "is out of range");
  }
  return bad_attr(f, attr, "has a value that is not known");
}

static ln_status fill_scalar(const filler *f, const char *attr, const ln_field_info *field, void *to) {
  int64_t number;
  bool truth;
  ln_type type;
  if (field->enumeration == LN_ENUM_tensor_type) {
    if (!ln_nodedef_type(&f->def, attr, &type)) return bad_attr(f, attr, "is no type that is known");
    return store_int(field, to, type) ? LN_OK : bad_attr(f, attr, "is out of range");
  }
  if (field->enumeration != LN_ENUM_none) return fill_named(f, attr, field, to);
  if (field->kind == LN_KIND_f32) {
    return ln_nodedef_float(&f->def, attr, to) ? LN_OK : bad_attr(f, attr, "is no number");
  }
  if (ln_nodedef_bool(&f->def, attr, &truth)) number = truth;
  else if (!ln_nodedef_int(&f->def, attr, &number)) return bad_attr(f, attr, "is of another kind");
  return store_int(field, to, number) ? LN_OK : bad_attr(f, attr, "is out of range");
}

/* A list of the file's, so its length is bounded by the file's. */
static ln_status fill_vector(const filler *f, const char *attr, const ln_field_info *field, void *to) {
  int32_t count = 0;
  const bool is_float = field->kind == LN_KIND_f32;
  if (is_float ? !ln_nodedef_floats(&f->def, attr, NULL, 0, &count)
               : field->kind != LN_KIND_i32 || !ln_nodedef_ints(&f->def, attr, NULL, 0, &count)) {
    return bad_attr(f, attr, "is no list of numbers");
  }
  void *data = ln_arena_array(f->arena, (size_t)count + 1, sizeof(int32_t));
  int64_t *wide = ln_arena_array(f->arena, (size_t)count + 1, sizeof *wide);
  if (data == NULL || wide == NULL) return ln_fail(f->err, LN_ERR_MEMORY, "no memory");
  if (is_float) {
    ln_nodedef_floats(&f->def, attr, data, count, &count);
    *(ln_vec_f32 *)to = (ln_vec_f32){data, (uint32_t)count};
    return LN_OK;
  }
  ln_nodedef_ints(&f->def, attr, wide, count, &count);
  for (int32_t i = 0; i < count; ++i) {
    if (wide[i] < INT32_MIN || wide[i] > INT32_MAX) return bad_attr(f, attr, "is out of range");
    ((int32_t *)data)[i] = (int32_t)wide[i];
  }
  *(ln_vec_i32 *)to = (ln_vec_i32){data, (uint32_t)count};
  return LN_OK;
}

static ln_status fill_field(const filler *f, const ln_field_info *field, void *to) {
  if (ln_nodedef_has(&f->def, ln_field_name(field))) {
    if (field->field_class == LN_CLASS_VECTOR) return fill_vector(f, ln_field_name(field), field, to);
    return fill_scalar(f, ln_field_name(field), field, to);
  }
  for (size_t i = 0; i < LN_COUNT(other_defaults); ++i) {
    const other_default *other = &other_defaults[i];
    if (other->table != f->table || strcmp(other->field, ln_field_name(field)) != 0) continue;
    if (field->kind == LN_KIND_f32) *(float *)to = other->value;
    else store_int(field, to, (int64_t)other->value);
  }
  for (size_t i = 0; i < LN_COUNT(sources); ++i) {
    if (strcmp(sources[i].field, ln_field_name(field)) != 0 || !ln_nodedef_has(&f->def, sources[i].attr)) continue;
    return sources[i].place > 0 ? fill_list_item(f, &sources[i], field, to)
                                : fill_scalar(f, sources[i].attr, field, to);
  }
  return LN_OK;
}

ln_status ln_flex_options_fill(const ln_op *op, ln_arena *arena, void *options, ln_error *err) {
  filler f = {.table = op->def->options, .arena = arena, .err = err};
  const ln_table_info *info = ln_schema_table(op->def->options);
  const char *text;
  size_t length;
  if (!open_attrs(op, &f.def)) {
    return ln_fail(err, LN_ERR_MODEL, "its options are no NodeDef");
  }
  if (ln_nodedef_string(&f.def, "data_format", &text, &length) && length > 1 && text[1] == 'C') {
    return bad_attr(&f, "data_format", "has the channels first");
  }
  for (uint16_t i = 0; i < info->field_count; ++i) {
    const ln_field_info *field = &info->fields[i];
    const bool plain = field->field_class == LN_CLASS_SCALAR || field->field_class == LN_CLASS_VECTOR;
    if (plain) LN_TRY(fill_field(&f, field, (char *)options + field->offset));
  }
  return LN_OK;
}
