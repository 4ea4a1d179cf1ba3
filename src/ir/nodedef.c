/* Reader of NodeDef messages (nodedef.h): protobuf's wire format, and the fields of the messages that matter here. */
#include "ir/nodedef.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- protobuf's wire format ---- */

typedef enum wire_kind { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 } wire_kind;

typedef struct wire_field {
  uint32_t number;
  uint32_t kind;
  uint64_t value; /* varints and fixed numbers */
  ln_wire bytes;
} wire_field;

static size_t wire_left(const ln_wire *wire) { return (size_t)(wire->end - wire->at); }

static bool read_varint(ln_wire *wire, uint64_t *out) {
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 70 && wire->at < wire->end; shift += 7) {
    const uint8_t byte = *wire->at++;
    if (shift < 64) value |= (uint64_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) {
      *out = value;
      return true;
    }
  }
  return false;
}

static bool read_fixed(ln_wire *wire, size_t bytes, uint64_t *out) {
  uint64_t value = 0;
  if (wire_left(wire) < bytes) return false;
  for (size_t i = 0; i < bytes; ++i) value |= (uint64_t)wire->at[i] << (8 * i);
  wire->at += bytes;
  *out = value;
  return true;
}

/* The next field; false at the end, and for broken bytes, which leave something unread. */
static bool next_field(ln_wire *wire, wire_field *out) {
  ln_wire from = *wire;
  uint64_t tag, length;
  if (!read_varint(&from, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return false;
  *out = (wire_field){(uint32_t)(tag >> 3), (uint32_t)(tag & 7), 0, {from.at, from.at}};
  switch (out->kind) {
    case WIRE_VARINT:
      if (!read_varint(&from, &out->value)) return false;
      break;
    case WIRE_64:
      if (!read_fixed(&from, 8, &out->value)) return false;
      break;
    case WIRE_32:
      if (!read_fixed(&from, 4, &out->value)) return false;
      break;
    case WIRE_BYTES:
      if (!read_varint(&from, &length) || length > wire_left(&from)) return false;
      out->bytes = (ln_wire){from.at, from.at + length};
      from.at += length;
      break;
    default: return false; /* groups */
  }
  *wire = from;
  return true;
}

/* The last field `number` of that kind, as protobuf has it; false when there is none or the message is broken. */
static bool find_field(ln_wire wire, uint32_t number, wire_kind kind, wire_field *out) {
  wire_field field;
  bool found = false;
  while (next_field(&wire, &field)) {
    if (field.number != number || field.kind != (uint32_t)kind) continue;
    *out = field;
    found = true;
  }
  return found && wire.at == wire.end;
}

static bool is_well_formed(ln_wire wire) {
  wire_field field;
  while (next_field(&wire, &field)) continue;
  return wire.at == wire.end;
}

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
  const ln_nodedef def = {op, op_length, {at, at + node_length}};
  if (!is_well_formed(def.node)) return false;
  ln_wire wire = def.node;
  wire_field field;
  while (next_field(&wire, &field)) {
    if (field.number == NODE_ATTR && (field.kind != WIRE_BYTES || !is_well_formed(field.bytes))) return false;
  }
  *out = def;
  return true;
}

static bool same_text(ln_wire bytes, const char *text) {
  return wire_left(&bytes) == strlen(text) && memcmp(bytes.at, text, wire_left(&bytes)) == 0;
}

/* The value of an attribute. */
static bool find_value(const ln_nodedef *def, const char *key, ln_wire *out) {
  ln_wire wire = def->node;
  wire_field entry, name, value;
  bool found = false;
  while (next_field(&wire, &entry)) {
    if (entry.number != NODE_ATTR || entry.kind != WIRE_BYTES) continue;
    if (!find_field(entry.bytes, ENTRY_KEY, WIRE_BYTES, &name) || !same_text(name.bytes, key)) continue;
    if (!find_field(entry.bytes, ENTRY_VALUE, WIRE_BYTES, &value)) continue;
    *out = value.bytes;
    found = true;
  }
  return found;
}

static bool find_attr(const ln_nodedef *def, const char *key, uint32_t number, wire_kind kind, wire_field *out) {
  ln_wire value;
  return find_value(def, key, &value) && find_field(value, number, kind, out);
}

bool ln_nodedef_has(const ln_nodedef *def, const char *key) {
  ln_wire value;
  return find_value(def, key, &value);
}

bool ln_nodedef_int(const ln_nodedef *def, const char *key, int64_t *out) {
  wire_field field;
  if (!find_attr(def, key, VALUE_I, WIRE_VARINT, &field)) return false;
  *out = (int64_t)field.value;
  return true;
}

bool ln_nodedef_float(const ln_nodedef *def, const char *key, float *out) {
  wire_field field;
  if (!find_attr(def, key, VALUE_F, WIRE_32, &field)) return false;
  *out = float_of(field.value);
  return true;
}

bool ln_nodedef_bool(const ln_nodedef *def, const char *key, bool *out) {
  wire_field field;
  if (!find_attr(def, key, VALUE_B, WIRE_VARINT, &field)) return false;
  *out = field.value != 0;
  return true;
}

/* tensorflow/core/framework/types.proto; -1 for what has no ln_type. */
static const int8_t types[] = {
    -1,          LN_FLOAT32,   LN_FLOAT64, LN_INT32,       LN_UINT8,         LN_INT16,   LN_INT8,
    LN_STRING,   LN_COMPLEX64, LN_INT64,   LN_BOOL,        LN_INT8,          LN_UINT8,   LN_INT32,
    LN_BFLOAT16, LN_INT16,     LN_UINT16,  LN_UINT16,      LN_COMPLEX128,    LN_FLOAT16, LN_RESOURCE,
    LN_VARIANT,  LN_UINT32,    LN_UINT64,  LN_FLOAT8_E5M2, LN_FLOAT8_E4M3FN, -1,         -1,
    -1,          LN_INT4,      LN_UINT4,   LN_INT2};

static bool type_of(uint64_t number, ln_type *out) {
  if (number >= LN_COUNT(types) || types[number] < 0) return false;
  *out = (ln_type)types[number];
  return true;
}

bool ln_nodedef_type(const ln_nodedef *def, const char *key, ln_type *out) {
  wire_field field;
  return find_attr(def, key, VALUE_TYPE, WIRE_VARINT, &field) && type_of(field.value, out);
}

static bool give_text(const wire_field *field, const char **text, size_t *length) {
  *text = (const char *)field->bytes.at;
  *length = wire_left(&field->bytes);
  return true;
}

bool ln_nodedef_string(const ln_nodedef *def, const char *key, const char **text, size_t *length) {
  wire_field field;
  return find_attr(def, key, VALUE_S, WIRE_BYTES, &field) && give_text(&field, text, length);
}

bool ln_nodedef_func(const ln_nodedef *def, const char *key, const char **name, size_t *length) {
  wire_field func, field;
  return find_attr(def, key, VALUE_FUNC, WIRE_BYTES, &func) && find_field(func.bytes, 1, WIRE_BYTES, &field) &&
         give_text(&field, name, length);
}

static bool read_shape(ln_wire wire, ln_shape *out, bool *ranked) {
  enum { SHAPE_DIM = 2, SHAPE_UNKNOWN_RANK = 3, DIM_SIZE = 1 };
  ln_shape shape = {0, {0}};
  bool known = true;
  wire_field field, size;
  while (next_field(&wire, &field)) {
    if (field.number == SHAPE_UNKNOWN_RANK && field.kind == WIRE_VARINT) known = field.value == 0;
    if (field.number != SHAPE_DIM || field.kind != WIRE_BYTES) continue;
    if (shape.rank == LN_MAX_RANK || !is_well_formed(field.bytes)) return false;
    /* A size of 0 is left out of the message. */
    const int64_t dim = find_field(field.bytes, DIM_SIZE, WIRE_VARINT, &size) ? (int64_t)size.value : 0;
    if (dim < -1 || dim > INT32_MAX) return false;
    shape.dims[shape.rank++] = (int32_t)dim;
  }
  if (wire.at != wire.end) return false;
  *out = shape;
  *ranked = known;
  return true;
}

bool ln_nodedef_shape(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked) {
  wire_field field;
  return find_attr(def, key, VALUE_SHAPE, WIRE_BYTES, &field) && read_shape(field.bytes, out, ranked);
}

/* ---- lists ---- */

/* Walks the items of one field: numbers may stand one by one or packed. */
typedef struct walker {
  ln_wire message, packed;
  uint32_t number;
  wire_kind kind; /* of an item */
} walker;

static bool walk_numbers(walker *w, uint64_t *out) {
  wire_field field;
  for (;;) {
    if (w->packed.at < w->packed.end) {
      return w->kind == WIRE_VARINT ? read_varint(&w->packed, out)
                                    : read_fixed(&w->packed, w->kind == WIRE_64 ? 8 : 4, out);
    }
    if (!next_field(&w->message, &field)) return false;
    if (field.number != w->number) continue;
    if (field.kind == (uint32_t)w->kind) {
      *out = field.value;
      return true;
    }
    if (field.kind != WIRE_BYTES) return false;
    w->packed = field.bytes;
  }
}

static bool walk_bytes(walker *w, wire_field *out) {
  while (next_field(&w->message, out)) {
    if (out->number == w->number && out->kind == WIRE_BYTES) return true;
  }
  return false;
}

/* Nothing is left that could not be read. */
static bool walked(const walker *w) { return w->packed.at == w->packed.end && w->message.at == w->message.end; }

static bool open_list(const ln_nodedef *def, const char *key, uint32_t number, wire_kind kind, walker *out) {
  wire_field list;
  if (!find_attr(def, key, VALUE_LIST, WIRE_BYTES, &list)) return false;
  *out = (walker){list.bytes, {NULL, NULL}, number, kind};
  return true;
}

bool ln_nodedef_ints(const ln_nodedef *def, const char *key, int64_t *out, int32_t capacity, int32_t *count) {
  walker w;
  uint64_t number;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_I, WIRE_VARINT, &w)) return false;
  for (; walk_numbers(&w, &number) && n < INT32_MAX; ++n) {
    if (n < capacity) out[n] = (int64_t)number;
  }
  *count = n;
  return walked(&w);
}

bool ln_nodedef_floats(const ln_nodedef *def, const char *key, float *out, int32_t capacity, int32_t *count) {
  walker w;
  uint64_t number;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_F, WIRE_32, &w)) return false;
  for (; walk_numbers(&w, &number) && n < INT32_MAX; ++n) {
    if (n < capacity) out[n] = float_of(number);
  }
  *count = n;
  return walked(&w);
}

bool ln_nodedef_types(const ln_nodedef *def, const char *key, ln_type *out, int32_t capacity, int32_t *count) {
  walker w;
  uint64_t number;
  int32_t n = 0;
  ln_type type;
  if (!open_list(def, key, VALUE_TYPE, WIRE_VARINT, &w)) return false;
  for (; walk_numbers(&w, &number) && n < INT32_MAX; ++n) {
    if (!type_of(number, &type)) return false;
    if (n < capacity) out[n] = type;
  }
  *count = n;
  return walked(&w);
}

bool ln_nodedef_shapes(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked, int32_t capacity,
                       int32_t *count) {
  walker w;
  wire_field field;
  int32_t n = 0;
  ln_shape shape;
  bool known;
  if (!open_list(def, key, VALUE_SHAPE, WIRE_BYTES, &w)) return false;
  for (; walk_bytes(&w, &field) && n < INT32_MAX; ++n) {
    if (!read_shape(field.bytes, &shape, &known)) return false;
    if (n >= capacity) continue;
    out[n] = shape;
    ranked[n] = known;
  }
  *count = n;
  return walked(&w);
}

bool ln_nodedef_strings(const ln_nodedef *def, const char *key, int32_t *count) {
  walker w;
  wire_field field;
  int32_t n = 0;
  if (!open_list(def, key, VALUE_S, WIRE_BYTES, &w)) return false;
  while (walk_bytes(&w, &field) && n < INT32_MAX) ++n;
  *count = n;
  return walked(&w);
}

bool ln_nodedef_string_at(const ln_nodedef *def, const char *key, int32_t index, const char **text, size_t *length) {
  walker w;
  wire_field field;
  if (!open_list(def, key, VALUE_S, WIRE_BYTES, &w)) return false;
  for (int32_t n = 0; walk_bytes(&w, &field); ++n) {
    if (n == index) return give_text(&field, text, length);
  }
  return false;
}

/* ---- constants ---- */

enum { TENSOR_DTYPE = 1, TENSOR_SHAPE = 2, TENSOR_CONTENT = 4, TENSOR_STRING_VAL = 8 };

bool ln_nodedef_get_tensor(const ln_nodedef *def, const char *key, ln_nodedef_tensor *out) {
  wire_field tensor, field;
  ln_nodedef_tensor made = {.shape = {0, {0}}};
  bool ranked = true;
  if (!find_attr(def, key, VALUE_TENSOR, WIRE_BYTES, &tensor)) return false;
  made.proto = tensor.bytes;
  if (!find_field(tensor.bytes, TENSOR_DTYPE, WIRE_VARINT, &field) || !type_of(field.value, &made.type)) return false;
  if (find_field(tensor.bytes, TENSOR_SHAPE, WIRE_BYTES, &field) && !read_shape(field.bytes, &made.shape, &ranked)) {
    return false;
  }
  if (!ranked || !ln_shape_known(&made.shape)) return false;
  *out = made;
  return true;
}

/* Where a type's values stand one by one; their low bytes are the elements, two of them in a complex one. */
static bool value_field(ln_type type, walker *w) {
  w->kind = WIRE_VARINT;
  switch (type) {
    case LN_FLOAT32: w->number = 5, w->kind = WIRE_32; return true;
    case LN_FLOAT64: w->number = 6, w->kind = WIRE_64; return true;
    case LN_INT8:
    case LN_UINT8:
    case LN_INT16:
    case LN_UINT16:
    case LN_INT32: w->number = 7; return true;
    case LN_COMPLEX64: w->number = 9, w->kind = WIRE_32; return true;
    case LN_INT64: w->number = 10; return true;
    case LN_BOOL: w->number = 11; return true;
    case LN_COMPLEX128: w->number = 12, w->kind = WIRE_64; return true;
    case LN_FLOAT16:
    case LN_BFLOAT16: w->number = 13; return true;
    case LN_UINT32: w->number = 16; return true;
    case LN_UINT64: w->number = 17; return true;
    default: return false;
  }
}

bool ln_nodedef_tensor_numbers(const ln_nodedef_tensor *tensor, void *out, size_t bytes) {
  wire_field content;
  uint8_t *to = out;
  uint64_t value = 0;
  size_t at = 0;
  if (find_field(tensor->proto, TENSOR_CONTENT, WIRE_BYTES, &content)) {
    if (wire_left(&content.bytes) != bytes) return false;
    if (bytes > 0) memcpy(out, content.bytes.at, bytes);
    return true;
  }
  walker w = {tensor->proto, {NULL, NULL}, 0, WIRE_VARINT};
  if (!value_field(tensor->type, &w)) return false;
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  const size_t part = tensor->type == LN_COMPLEX64 || tensor->type == LN_COMPLEX128 ? item / 2 : item;
  if (bytes % item != 0) return false;
  for (; walk_numbers(&w, &value); at += part) {
    if (at == bytes) return false;
    for (size_t i = 0; i < part; ++i) to[at + i] = (uint8_t)(value >> (8 * i));
  }
  if (!walked(&w) || at % item != 0) return false;
  if (at == 0 && bytes > 0) memset(to, 0, item);
  if (at == 0) at = item;
  for (; at < bytes; at += item) memcpy(to + at, to + at - item, item);
  return true;
}

bool ln_nodedef_tensor_string(const ln_nodedef_tensor *tensor, size_t index, const char **text, size_t *length) {
  walker w = {tensor->proto, {NULL, NULL}, TENSOR_STRING_VAL, WIRE_BYTES};
  wire_field field;
  bool found = false;
  for (size_t n = 0; n <= index && walk_bytes(&w, &field); ++n) found = give_text(&field, text, length);
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

static void put_number(nodedef_printer *printer, const wire_field *field) {
  char text[64];
  ln_type type;
  int length = 0;
  if (field->number == VALUE_F) {
    length = snprintf(text, sizeof text, "%.9g", (double)float_of(field->value));
  } else if (field->number == VALUE_B) {
    length = snprintf(text, sizeof text, "%s", field->value != 0 ? "true" : "false");
  } else if (field->number == VALUE_TYPE) {
    length = snprintf(text, sizeof text, "%s", type_of(field->value, &type) ? ln_type_name(type) : "?");
  } else {
    length = snprintf(text, sizeof text, "%" PRId64, (int64_t)field->value);
  }
  put(printer, text, (size_t)length);
}

static void put_bytes(nodedef_printer *printer, const wire_field *field) {
  enum { SHOWN = 60 };
  char text[128];
  wire_field name;
  ln_shape shape;
  bool ranked;
  if (field->number == VALUE_S) {
    const size_t length = wire_left(&field->bytes);
    put(printer, "\"", 1);
    put(printer, (const char *)field->bytes.at, length < SHOWN ? length : SHOWN);
    put(printer, length < SHOWN ? "\"" : "...\"", length < SHOWN ? 1 : 4);
  } else if (field->number == VALUE_SHAPE && read_shape(field->bytes, &shape, &ranked) && ranked) {
    ln_shape_format(&shape, text, sizeof text);
    put(printer, text, strlen(text));
  } else if (field->number == VALUE_FUNC && find_field(field->bytes, 1, WIRE_BYTES, &name)) {
    put(printer, (const char *)name.bytes.at, wire_left(&name.bytes));
  } else {
    put(printer, "?", 1);
  }
}

static void put_list(nodedef_printer *printer, ln_wire list) {
  enum { SHOWN = 16 };
  wire_field field;
  int32_t shown = 0;
  put(printer, "[", 1);
  while (shown < SHOWN && next_field(&list, &field)) {
    const bool packed = field.kind == WIRE_BYTES && field.number >= VALUE_I && field.number <= VALUE_TYPE;
    walker w = {{NULL, NULL}, field.bytes, field.number, field.number == VALUE_F ? WIRE_32 : WIRE_VARINT};
    do {
      if (packed && !walk_numbers(&w, &field.value)) break;
      if (shown++ > 0) put(printer, ", ", 2);
      if (packed || field.kind != WIRE_BYTES) put_number(printer, &field);
      else put_bytes(printer, &field);
    } while (packed && shown < SHOWN);
  }
  put(printer, shown == SHOWN ? ", ...]" : "]", shown == SHOWN ? 6 : 1);
}

size_t ln_nodedef_format(const ln_nodedef *def, char *buffer, size_t size) {
  nodedef_printer printer = {buffer, size, 0};
  ln_wire wire = def->node;
  wire_field entry, name, value, field;
  while (next_field(&wire, &entry)) {
    if (entry.number != NODE_ATTR || !find_field(entry.bytes, ENTRY_KEY, WIRE_BYTES, &name) ||
        !find_field(entry.bytes, ENTRY_VALUE, WIRE_BYTES, &value) || !next_field(&value.bytes, &field)) {
      continue;
    }
    if (printer.length > 0) put(&printer, " ", 1);
    put(&printer, (const char *)name.bytes.at, wire_left(&name.bytes));
    put(&printer, "=", 1);
    if (field.kind != WIRE_BYTES) put_number(&printer, &field);
    else if (field.number == VALUE_LIST) put_list(&printer, field.bytes);
    else put_bytes(&printer, &field);
  }
  if (size > 0) buffer[printer.length < size ? printer.length : size - 1] = '\0';
  return printer.length;
}
