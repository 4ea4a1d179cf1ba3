/* Reader of NodeDef messages (nodedef.h): the fields of the messages that matter here. */
#include "ir/nodedef.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static float float_of(uint64_t bits) {
  const uint32_t low = (uint32_t)bits;
  float value;
  memcpy(&value, &low, sizeof value);
  return value;
}

/* ---- the messages ---- */

enum { NODE_ATTR = 5, ENTRY_KEY = 1, ENTRY_VALUE = 2 };
/* AttrValue; the fields 2 to 8 of its list are of the same kinds. */
enum {
  VALUE_LIST = 1,
  VALUE_S = 2,
  VALUE_I = 3,
  VALUE_F = 4,
  VALUE_B = 5,
  VALUE_TYPE = 6,
  VALUE_SHAPE = 7,
  VALUE_TENSOR = 8,
  VALUE_FUNC = 10
};

bool ln_nodedef_open(const uint8_t *options, size_t size, ln_nodedef *out) {
  const ln_flex flex = {options, size};
  const char *op, *node;
  size_t op_length, node_length;
  if (!ln_flex_item_text(flex, 0, &op, &op_length) || !ln_flex_item_text(flex, 1, &node, &node_length)) return false;
  const uint8_t *at = (const uint8_t *)node;
  const ln_nodedef def = {op, op_length, {at, at + node_length}, {NULL, 0}};
  if (!ln_wire_is_well_formed(def.node)) return false;
  ln_wire wire = def.node;
  ln_wire_field field;
  while (ln_wire_next(&wire, &field)) {
    if (field.number == NODE_ATTR && (field.kind != LN_WIRE_BYTES || !ln_wire_is_well_formed(field.bytes)))
      return false;
  }
  *out = def;
  return true;
}

bool ln_nodedef_open_map(const uint8_t *options, size_t size, ln_nodedef *out) {
  const ln_flex flex = {options, size};
  if (!ln_flex_is_map(flex)) return false;
  *out = (ln_nodedef){"", 0, {NULL, NULL}, flex};
  return true;
}

static bool is_map(const ln_nodedef *def) { return def->map.data != NULL; }

static bool same_text(ln_wire bytes, const char *text) {
  return ln_wire_left(&bytes) == strlen(text) && memcmp(bytes.at, text, ln_wire_left(&bytes)) == 0;
}

/* The value of an attribute. */
static bool find_value(const ln_nodedef *def, const char *key, ln_wire *out) {
  ln_wire wire = def->node;
  ln_wire_field entry, name, value;
  bool found = false;
  while (ln_wire_next(&wire, &entry)) {
    if (entry.number != NODE_ATTR || entry.kind != LN_WIRE_BYTES) continue;
    if (!ln_wire_find(entry.bytes, ENTRY_KEY, LN_WIRE_BYTES, &name) || !same_text(name.bytes, key)) continue;
    if (!ln_wire_find(entry.bytes, ENTRY_VALUE, LN_WIRE_BYTES, &value)) continue;
    *out = value.bytes;
    found = true;
  }
  return found;
}

static bool find_attr(const ln_nodedef *def, const char *key, uint32_t number, ln_wire_kind kind, ln_wire_field *out) {
  ln_wire value;
  return find_value(def, key, &value) && ln_wire_find(value, number, kind, out);
}

bool ln_nodedef_has(const ln_nodedef *def, const char *key) {
  bool is_truth;
  if (is_map(def)) return ln_flex_has(def->map, key, &is_truth);
  ln_wire value;
  return find_value(def, key, &value);
}

bool ln_nodedef_int(const ln_nodedef *def, const char *key, int64_t *out) {
  if (is_map(def)) return ln_flex_int(def->map, key, out);
  ln_wire_field field;
  if (!find_attr(def, key, VALUE_I, LN_WIRE_VARINT, &field)) return false;
  *out = (int64_t)field.value;
  return true;
}

bool ln_nodedef_float(const ln_nodedef *def, const char *key, float *out) {
  double number;
  if (is_map(def)) {
    if (!ln_flex_float(def->map, key, &number)) return false;
    *out = (float)number;
    return true;
  }
  ln_wire_field field;
  if (!find_attr(def, key, VALUE_F, LN_WIRE_32, &field)) return false;
  *out = float_of(field.value);
  return true;
}

bool ln_nodedef_bool(const ln_nodedef *def, const char *key, bool *out) {
  bool is_truth;
  if (is_map(def)) return ln_flex_has(def->map, key, &is_truth) && is_truth && ln_flex_bool(def->map, key, out);
  ln_wire_field field;
  if (!find_attr(def, key, VALUE_B, LN_WIRE_VARINT, &field)) return false;
  *out = field.value != 0;
  return true;
}

/* -1 for what has no ln_type. */
static const int8_t types[] = {
    -1,          LN_FLOAT32,   LN_FLOAT64, LN_INT32,       LN_UINT8,         LN_INT16,   LN_INT8,
    LN_STRING,   LN_COMPLEX64, LN_INT64,   LN_BOOL,        LN_INT8,          LN_UINT8,   LN_INT32,
    LN_BFLOAT16, LN_INT16,     LN_UINT16,  LN_UINT16,      LN_COMPLEX128,    LN_FLOAT16, LN_RESOURCE,
    LN_VARIANT,  LN_UINT32,    LN_UINT64,  LN_FLOAT8_E5M2, LN_FLOAT8_E4M3FN, -1,         -1,
    -1,          LN_INT4,      LN_UINT4,   LN_INT2};

bool ln_tf_type(uint64_t number, ln_type *out) {
  if (number >= LN_COUNT(types) || types[number] < 0) return false;
  *out = (ln_type)types[number];
  return true;
}

uint32_t ln_tf_number(ln_type type) {
  enum { QUINT16 = 16 }; /* the one quantized type that comes before its plain one */
  for (uint32_t i = 0; i < LN_COUNT(types); ++i) {
    if (types[i] == (int8_t)type && i != QUINT16) return i;
  }
  return 0;
}

bool ln_nodedef_type(const ln_nodedef *def, const char *key, ln_type *out) {
  int64_t number;
  if (is_map(def)) {
    if (!ln_flex_int(def->map, key, &number) || number < 0 || number >= LN_TYPE_COUNT) return false;
    *out = (ln_type)number;
    return true;
  }
  ln_wire_field field;
  return find_attr(def, key, VALUE_TYPE, LN_WIRE_VARINT, &field) && ln_tf_type(field.value, out);
}

static bool give_text(const ln_wire_field *field, const char **text, size_t *length) {
  *text = (const char *)field->bytes.at;
  *length = ln_wire_left(&field->bytes);
  return true;
}

bool ln_nodedef_string(const ln_nodedef *def, const char *key, const char **text, size_t *length) {
  if (is_map(def)) return ln_flex_string(def->map, key, text, length);
  ln_wire_field field;
  return find_attr(def, key, VALUE_S, LN_WIRE_BYTES, &field) && give_text(&field, text, length);
}

bool ln_nodedef_func(const ln_nodedef *def, const char *key, const char **name, size_t *length) {
  ln_wire_field func, field;
  return find_attr(def, key, VALUE_FUNC, LN_WIRE_BYTES, &func) && ln_wire_find(func.bytes, 1, LN_WIRE_BYTES, &field) &&
         give_text(&field, name, length);
}

bool ln_tf_shape(ln_wire wire, ln_shape *out, bool *ranked) {
  enum { SHAPE_DIM = 2, SHAPE_UNKNOWN_RANK = 3, DIM_SIZE = 1 };
  ln_shape shape = {0, {0}};
  bool known = true;
  ln_wire_field field, size;
  while (ln_wire_next(&wire, &field)) {
    if (field.number == SHAPE_UNKNOWN_RANK && field.kind == LN_WIRE_VARINT) known = field.value == 0;
    if (field.number != SHAPE_DIM || field.kind != LN_WIRE_BYTES) continue;
    if (shape.rank == LN_MAX_RANK || !ln_wire_is_well_formed(field.bytes)) return false;
    /* A size of 0 is left out of the message. */
    const int64_t dim = ln_wire_find(field.bytes, DIM_SIZE, LN_WIRE_VARINT, &size) ? (int64_t)size.value : 0;
    if (dim < -1 || dim > INT32_MAX) return false;
    shape.dims[shape.rank++] = (int32_t)dim;
  }
  if (wire.at != wire.end) return false;
  *out = shape;
  *ranked = known;
  return true;
}

bool ln_nodedef_shape(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked) {
  ln_wire_field field;
  return find_attr(def, key, VALUE_SHAPE, LN_WIRE_BYTES, &field) && ln_tf_shape(field.bytes, out, ranked);
}

/* ---- lists ---- */

static bool open_list(const ln_nodedef *def, const char *key, uint32_t number, ln_wire_kind kind, ln_wire_walker *out) {
  ln_wire_field list;
  if (!find_attr(def, key, VALUE_LIST, LN_WIRE_BYTES, &list)) return false;
  *out = (ln_wire_walker){list.bytes, {NULL, NULL}, number, kind};
  return true;
}

bool ln_nodedef_ints(const ln_nodedef *def, const char *key, int64_t *out, int32_t capacity, int32_t *count) {
  if (is_map(def)) return ln_flex_ints(def->map, key, out, capacity, count);
  ln_wire_walker w;
  uint64_t number;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_I, LN_WIRE_VARINT, &w)) return false;
  for (; ln_wire_walk(&w, &number) && n < INT32_MAX; ++n) {
    if (n < capacity) out[n] = (int64_t)number;
  }
  *count = n;
  return ln_wire_walked(&w);
}

bool ln_nodedef_floats(const ln_nodedef *def, const char *key, float *out, int32_t capacity, int32_t *count) {
  if (is_map(def)) return ln_flex_floats(def->map, key, out, capacity, count);
  ln_wire_walker w;
  uint64_t number;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_F, LN_WIRE_32, &w)) return false;
  for (; ln_wire_walk(&w, &number) && n < INT32_MAX; ++n) {
    if (n < capacity) out[n] = float_of(number);
  }
  *count = n;
  return ln_wire_walked(&w);
}

bool ln_nodedef_types(const ln_nodedef *def, const char *key, ln_type *out, int32_t capacity, int32_t *count) {
  ln_wire_walker w;
  uint64_t number;
  int32_t n = 0;
  ln_type type;
  if (!open_list(def, key, VALUE_TYPE, LN_WIRE_VARINT, &w)) return false;
  for (; ln_wire_walk(&w, &number) && n < INT32_MAX; ++n) {
    if (!ln_tf_type(number, &type)) return false;
    if (n < capacity) out[n] = type;
  }
  *count = n;
  return ln_wire_walked(&w);
}

bool ln_nodedef_shapes(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked, int32_t capacity,
                       int32_t *count) {
  ln_wire_walker w;
  ln_wire_field field;
  int32_t n = 0;
  ln_shape shape;
  bool known;
  if (!open_list(def, key, VALUE_SHAPE, LN_WIRE_BYTES, &w)) return false;
  for (; ln_wire_walk_bytes(&w, &field) && n < INT32_MAX; ++n) {
    if (!ln_tf_shape(field.bytes, &shape, &known)) return false;
    if (n >= capacity) continue;
    out[n] = shape;
    ranked[n] = known;
  }
  *count = n;
  return ln_wire_walked(&w);
}

bool ln_nodedef_strings(const ln_nodedef *def, const char *key, int32_t *count) {
  const char *text;
  size_t length;
  if (is_map(def)) {
    bool is_truth;
    if (!ln_flex_has(def->map, key, &is_truth)) return false;
    for (*count = 0; ln_flex_string_at(def->map, key, (size_t)*count, &text, &length);) ++*count;
    return true;
  }
  ln_wire_walker w;
  ln_wire_field field;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_S, LN_WIRE_BYTES, &w)) return false;
  while (ln_wire_walk_bytes(&w, &field) && n < INT32_MAX) ++n;
  *count = n;
  return ln_wire_walked(&w);
}

bool ln_nodedef_string_at(const ln_nodedef *def, const char *key, int32_t index, const char **text, size_t *length) {
  if (is_map(def)) return index >= 0 && ln_flex_string_at(def->map, key, (size_t)index, text, length);
  ln_wire_walker w;
  ln_wire_field field;
  if (!open_list(def, key, VALUE_S, LN_WIRE_BYTES, &w)) return false;
  for (int32_t n = 0; ln_wire_walk_bytes(&w, &field); ++n) {
    if (n == index) return give_text(&field, text, length);
  }
  return false;
}

/* ---- constants ---- */

enum { TENSOR_DTYPE = 1, TENSOR_SHAPE = 2, TENSOR_CONTENT = 4, TENSOR_STRING_VAL = 8 };

bool ln_nodedef_get_tensor(const ln_nodedef *def, const char *key, ln_nodedef_tensor *out) {
  ln_wire_field tensor;
  return find_attr(def, key, VALUE_TENSOR, LN_WIRE_BYTES, &tensor) && ln_tf_tensor(tensor.bytes, out);
}

bool ln_tf_tensor(ln_wire message, ln_nodedef_tensor *out) {
  ln_wire_field field;
  ln_nodedef_tensor made = {.shape = {0, {0}}, .proto = message};
  bool ranked = true;
  if (!ln_wire_find(message, TENSOR_DTYPE, LN_WIRE_VARINT, &field) || !ln_tf_type(field.value, &made.type))
    return false;
  if (ln_wire_find(message, TENSOR_SHAPE, LN_WIRE_BYTES, &field) && !ln_tf_shape(field.bytes, &made.shape, &ranked)) {
    return false;
  }
  if (!ranked || !ln_shape_known(&made.shape)) return false;
  *out = made;
  return true;
}

/* Where a type's values stand one by one; their low bytes are the elements, two of them in a complex one. */
static bool value_field(ln_type type, ln_wire_walker *w) {
  w->kind = LN_WIRE_VARINT;
  switch (type) {
    case LN_FLOAT32: w->number = 5, w->kind = LN_WIRE_32; return true;
    case LN_FLOAT64: w->number = 6, w->kind = LN_WIRE_64; return true;
    case LN_INT8:
    case LN_UINT8:
    case LN_INT16:
    case LN_UINT16:
    case LN_INT32: w->number = 7; return true;
    case LN_COMPLEX64: w->number = 9, w->kind = LN_WIRE_32; return true;
    case LN_INT64: w->number = 10; return true;
    case LN_BOOL: w->number = 11; return true;
    case LN_COMPLEX128: w->number = 12, w->kind = LN_WIRE_64; return true;
    case LN_FLOAT16:
    case LN_BFLOAT16: w->number = 13; return true;
    case LN_UINT32: w->number = 16; return true;
    case LN_UINT64: w->number = 17; return true;
    default: return false;
  }
}

bool ln_nodedef_tensor_numbers(const ln_nodedef_tensor *tensor, void *out, size_t bytes) {
  ln_wire_field content;
  uint8_t *to = out;
  uint64_t value = 0;
  size_t at = 0;
  if (ln_wire_find(tensor->proto, TENSOR_CONTENT, LN_WIRE_BYTES, &content)) {
    if (ln_wire_left(&content.bytes) != bytes) return false;
    if (bytes > 0) memcpy(out, content.bytes.at, bytes);
    return true;
  }
  ln_wire_walker w = {tensor->proto, {NULL, NULL}, 0, LN_WIRE_VARINT};
  if (!value_field(tensor->type, &w)) return false;
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  const size_t part = tensor->type == LN_COMPLEX64 || tensor->type == LN_COMPLEX128 ? item / 2 : item;
  if (bytes % item != 0) return false;
  for (; ln_wire_walk(&w, &value); at += part) {
    if (at == bytes) return false;
    for (size_t i = 0; i < part; ++i) to[at + i] = (uint8_t)(value >> (8 * i));
  }
  if (!ln_wire_walked(&w) || at % item != 0) return false;
  if (at == 0 && bytes > 0) memset(to, 0, item);
  if (at == 0) at = item;
  for (; at < bytes; at += item) memcpy(to + at, to + at - item, item);
  return true;
}

ln_wire_walker ln_nodedef_tensor_strings(const ln_nodedef_tensor *tensor) {
  return (ln_wire_walker){tensor->proto, {NULL, NULL}, TENSOR_STRING_VAL, LN_WIRE_BYTES};
}

bool ln_nodedef_tensor_string(const ln_nodedef_tensor *tensor, size_t index, const char **text, size_t *length) {
  ln_wire_walker w = ln_nodedef_tensor_strings(tensor);
  ln_wire_field field;
  bool found = false;
  for (size_t n = 0; n <= index && ln_wire_walk_bytes(&w, &field); ++n) found = give_text(&field, text, length);
  return found;
}

/* ---- printing ---- */

typedef struct nodedef_printer {
  char *buffer;
  size_t size, length;
} nodedef_printer;

static void put(nodedef_printer *printer, const char *text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    const unsigned char c = (unsigned char)text[i];
    if (printer->length + 1 < printer->size) printer->buffer[printer->length] = c < 0x20 || c >= 0x7F ? '?' : (char)c;
    ++printer->length;
  }
}

static void put_number(nodedef_printer *printer, const ln_wire_field *field) {
  char text[64];
  ln_type type;
  int length = 0;
  if (field->number == VALUE_F) {
    length = snprintf(text, sizeof text, "%.9g", (double)float_of(field->value));
  } else if (field->number == VALUE_B) {
    length = snprintf(text, sizeof text, "%s", field->value != 0 ? "true" : "false");
  } else if (field->number == VALUE_TYPE) {
    length = snprintf(text, sizeof text, "%s", ln_tf_type(field->value, &type) ? ln_type_name(type) : "?");
  } else {
    length = snprintf(text, sizeof text, "%" PRId64, (int64_t)field->value);
  }
  put(printer, text, (size_t)length);
}

static void put_bytes(nodedef_printer *printer, const ln_wire_field *field) {
  enum { SHOWN = 60 };
  char text[128];
  ln_wire_field name;
  ln_shape shape;
  bool ranked;
  if (field->number == VALUE_S) {
    const size_t length = ln_wire_left(&field->bytes);
    put(printer, "\"", 1);
    put(printer, (const char *)field->bytes.at, length < SHOWN ? length : SHOWN);
    put(printer, length < SHOWN ? "\"" : "...\"", length < SHOWN ? 1 : 4);
  } else if (field->number == VALUE_SHAPE && ln_tf_shape(field->bytes, &shape, &ranked) && ranked) {
    ln_shape_format(&shape, text, sizeof text);
    put(printer, text, strlen(text));
  } else if (field->number == VALUE_FUNC && ln_wire_find(field->bytes, 1, LN_WIRE_BYTES, &name)) {
    put(printer, (const char *)name.bytes.at, ln_wire_left(&name.bytes));
  } else {
    put(printer, "?", 1);
  }
}

static void put_list(nodedef_printer *printer, ln_wire list) {
  enum { SHOWN = 16 };
  ln_wire_field field;
  int32_t shown = 0;
  put(printer, "[", 1);
  while (shown < SHOWN && ln_wire_next(&list, &field)) {
    const bool packed = field.kind == LN_WIRE_BYTES && field.number >= VALUE_I && field.number <= VALUE_TYPE;
    ln_wire_walker w = {{NULL, NULL}, field.bytes, field.number, field.number == VALUE_F ? LN_WIRE_32 : LN_WIRE_VARINT};
    do {
      if (packed && !ln_wire_walk(&w, &field.value)) break;
      if (shown++ > 0) put(printer, ", ", 2);
      if (packed || field.kind != LN_WIRE_BYTES) put_number(printer, &field);
      else put_bytes(printer, &field);
    } while (packed && shown < SHOWN);
  }
  put(printer, shown == SHOWN ? ", ...]" : "]", shown == SHOWN ? 6 : 1);
}

size_t ln_nodedef_format(const ln_nodedef *def, char *buffer, size_t size) {
  nodedef_printer printer = {buffer, size, 0};
  ln_wire wire = def->node;
  ln_wire_field entry, name, value, field;
  while (ln_wire_next(&wire, &entry)) {
    if (entry.number != NODE_ATTR || !ln_wire_find(entry.bytes, ENTRY_KEY, LN_WIRE_BYTES, &name) ||
        !ln_wire_find(entry.bytes, ENTRY_VALUE, LN_WIRE_BYTES, &value) || !ln_wire_next(&value.bytes, &field)) {
      continue;
    }
    if (printer.length > 0) put(&printer, " ", 1);
    put(&printer, (const char *)name.bytes.at, ln_wire_left(&name.bytes));
    put(&printer, "=", 1);
    if (field.kind != LN_WIRE_BYTES) put_number(&printer, &field);
    else if (field.number == VALUE_LIST) put_list(&printer, field.bytes);
    else put_bytes(&printer, &field);
  }
  if (size > 0) buffer[printer.length < size ? printer.length : size - 1] = '\0';
  return printer.length;
}
