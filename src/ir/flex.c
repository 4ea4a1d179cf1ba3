/*
 * Reader of FlexBuffers, the schemaless format in which custom operators keep their options. Every offset, width and
 * length is checked against the buffer before it is followed.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/ir.h"

/* Type numbers of the format; a slot's type byte holds one of them times four plus the log2 of a width in bytes. */
typedef enum flex_type {
  FLEX_NULL = 0,
  FLEX_INT = 1,
  FLEX_UINT = 2,
  FLEX_FLOAT = 3,
  FLEX_KEY = 4,
  FLEX_STRING = 5,
  FLEX_INDIRECT_INT = 6,
  FLEX_INDIRECT_UINT = 7,
  FLEX_INDIRECT_FLOAT = 8,
  FLEX_MAP = 9,
  FLEX_VECTOR = 10,
  FLEX_VECTOR_INT = 11,
  FLEX_VECTOR_UINT = 12,
  FLEX_VECTOR_FLOAT = 13,
  FLEX_VECTOR_KEY = 14,
  FLEX_VECTOR_INT2 = 16, /* to FLEX_VECTOR_FLOAT4 = 24: pairs, triples and quadruples without a length */
  FLEX_VECTOR_FLOAT4 = 24,
  FLEX_BLOB = 25,
  FLEX_BOOL = 26,
  FLEX_VECTOR_BOOL = 36
} flex_type;

/* A value: for types that stand in the slot itself `at` and `width` are the slot's, for others the target's. */
typedef struct flex_value {
  flex_type type;
  size_t at;
  size_t width;
} flex_value;

typedef struct flex_vector {
  size_t at, width, count;
  flex_type type; /* of all elements, when typed */
  bool typed;
} flex_vector;

static bool in_range(ln_flex flex, size_t at, size_t bytes) { return at <= flex.size && bytes <= flex.size - at; }

static bool read_uint(ln_flex flex, size_t at, size_t width, uint64_t *out) {
  if (!in_range(flex, at, width)) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value |= (uint64_t)flex.data[at + i] << (8 * i);
  *out = value;
  return true;
}

static bool read_int(ln_flex flex, size_t at, size_t width, int64_t *out) {
  uint64_t value;
  if (!read_uint(flex, at, width, &value)) return false;
  const unsigned unused = 64 - 8 * (unsigned)width;
  *out = (int64_t)(value << unused) >> unused;
  return true;
}

static bool read_float(ln_flex flex, size_t at, size_t width, double *out) {
  if (!in_range(flex, at, width)) return false;
  if (width == sizeof(float)) {
    float value;
    memcpy(&value, flex.data + at, sizeof value);
    *out = value;
    return true;
  }
  if (width != sizeof(double)) return false;
  memcpy(out, flex.data + at, sizeof *out);
  return true;
}

/* Where the offset in a slot leads: offsets count backwards from the slot. */
static bool follow(ln_flex flex, size_t slot, size_t width, size_t *out) {
  uint64_t offset;
  if (!read_uint(flex, slot, width, &offset) || offset > slot) return false;
  *out = slot - (size_t)offset;
  return true;
}

static bool is_inline(flex_type type) { return type <= FLEX_FLOAT || type == FLEX_BOOL; }

static bool resolve(ln_flex flex, size_t slot, size_t slot_width, uint8_t packed, flex_value *out) {
  const flex_type type = (flex_type)(packed >> 2);
  if (is_inline(type)) {
    *out = (flex_value){type, slot, slot_width};
    return in_range(flex, slot, slot_width);
  }
  *out = (flex_value){type, 0, (size_t)1 << (packed & 3)};
  return follow(flex, slot, slot_width, &out->at);
}

static bool find_root(ln_flex flex, flex_value *out) {
  if (flex.data == NULL || flex.size < 3) return false;
  const size_t width = flex.data[flex.size - 1];
  if (width != 1 && width != 2 && width != 4 && width != 8) return false;
  if (flex.size - 2 < width) return false;
  return resolve(flex, flex.size - 2 - width, width, flex.data[flex.size - 2], out);
}

/* The element count that stands before a vector, string or blob; its elements must lie within the buffer. */
static bool read_count(ln_flex flex, flex_value value, size_t item_bytes, size_t *out) {
  uint64_t count;
  if (value.at < value.width || !read_uint(flex, value.at - value.width, value.width, &count)) return false;
  if (value.at > flex.size || count > (flex.size - value.at) / item_bytes) return false;
  *out = (size_t)count;
  return true;
}

static bool open_vector(ln_flex flex, flex_value value, flex_vector *out) {
  *out = (flex_vector){value.at, value.width, 0, FLEX_NULL, true};
  const int type = (int)value.type;
  if (type >= FLEX_VECTOR_INT2 && type <= FLEX_VECTOR_FLOAT4) {
    out->type = (flex_type)(FLEX_INT + (type - FLEX_VECTOR_INT2) % 3);
    out->count = 2 + (size_t)(type - FLEX_VECTOR_INT2) / 3;
    return in_range(flex, value.at, out->count * value.width);
  }
  if (type == FLEX_VECTOR || type == FLEX_MAP) {
    out->typed = false; /* a type byte for each element follows the elements */
    return read_count(flex, value, value.width + 1, &out->count);
  }
  if (type == FLEX_VECTOR_BOOL) out->type = FLEX_BOOL;
  else if (type >= FLEX_VECTOR_INT && type <= FLEX_VECTOR_KEY)
    out->type = (flex_type)(FLEX_INT + type - FLEX_VECTOR_INT);
  else return false;
  return read_count(flex, value, value.width, &out->count);
}

static bool vector_at(ln_flex flex, const flex_vector *vector, size_t index, flex_value *out) {
  const size_t slot = vector->at + index * vector->width;
  uint8_t packed = (uint8_t)(vector->type << 2);
  if (!vector->typed) packed = flex.data[vector->at + vector->count * vector->width + index];
  return resolve(flex, slot, vector->width, packed, out);
}

static const char *read_key(ln_flex flex, size_t at) {
  if (at >= flex.size || memchr(flex.data + at, 0, flex.size - at) == NULL) return NULL;
  return (const char *)flex.data + at;
}

/* The keys of a map: a vector of offsets, found by an offset three slots before the map's values. */
static bool open_keys(ln_flex flex, flex_value map, size_t count, flex_vector *out) {
  if (map.at < 3 * map.width) return false;
  size_t at;
  uint64_t width;
  if (!follow(flex, map.at - 3 * map.width, map.width, &at)) return false;
  if (!read_uint(flex, map.at - 2 * map.width, map.width, &width)) return false;
  if (width != 1 && width != 2 && width != 4 && width != 8) return false;
  return open_vector(flex, (flex_value){FLEX_VECTOR_KEY, at, (size_t)width}, out) && out->count == count;
}

static const char *key_at(ln_flex flex, const flex_vector *keys, size_t index) {
  flex_value key;
  return vector_at(flex, keys, index, &key) ? read_key(flex, key.at) : NULL;
}

static bool find(ln_flex flex, const char *name, flex_value *out) {
  flex_value root;
  flex_vector values, keys;
  if (!find_root(flex, &root) || root.type != FLEX_MAP) return false;
  if (!open_vector(flex, root, &values) || !open_keys(flex, root, values.count, &keys)) return false;
  for (size_t i = 0; i < values.count; ++i) {
    const char *key = key_at(flex, &keys, i);
    if (key == NULL) return false;
    if (strcmp(key, name) == 0) return vector_at(flex, &values, i, out);
  }
  return false;
}

static bool value_float(ln_flex flex, flex_value value, double *out) {
  int64_t number;
  uint64_t unsigned_number;
  switch (value.type) {
    case FLEX_FLOAT:
    case FLEX_INDIRECT_FLOAT: return read_float(flex, value.at, value.width, out);
    case FLEX_INT:
    case FLEX_INDIRECT_INT:
      if (!read_int(flex, value.at, value.width, &number)) return false;
      *out = (double)number;
      return true;
    case FLEX_UINT:
    case FLEX_INDIRECT_UINT:
      if (!read_uint(flex, value.at, value.width, &unsigned_number)) return false;
      *out = (double)unsigned_number;
      return true;
    default: return false;
  }
}

/* Whole numbers in any form: signed, unsigned, truth values, floats without a fraction. */
static bool value_int(ln_flex flex, flex_value value, int64_t *out) {
  uint64_t number;
  double real;
  switch (value.type) {
    case FLEX_INT:
    case FLEX_INDIRECT_INT: return read_int(flex, value.at, value.width, out);
    case FLEX_UINT:
    case FLEX_INDIRECT_UINT:
    case FLEX_BOOL:
      if (!read_uint(flex, value.at, value.width, &number) || number > INT64_MAX) return false;
      *out = (int64_t)number;
      return true;
    case FLEX_FLOAT:
    case FLEX_INDIRECT_FLOAT:
      if (!read_float(flex, value.at, value.width, &real) || !(fabs(real) < 9e15) || real != floor(real)) return false;
      *out = (int64_t)real;
      return true;
    default: return false;
  }
}

bool ln_flex_is_map(ln_flex flex) {
  flex_value root;
  flex_vector values, keys;
  return find_root(flex, &root) && root.type == FLEX_MAP && open_vector(flex, root, &values) &&
         open_keys(flex, root, values.count, &keys);
}

bool ln_flex_has(ln_flex flex, const char *key, bool *is_truth) {
  flex_value value;
  if (!find(flex, key, &value)) return false;
  *is_truth = value.type == FLEX_BOOL;
  return true;
}

bool ln_flex_int(ln_flex flex, const char *key, int64_t *out) {
  flex_value value;
  return find(flex, key, &value) && value_int(flex, value, out);
}

bool ln_flex_bits(ln_flex flex, const char *key, uint64_t *out) {
  flex_value value;
  int64_t number;
  if (!find(flex, key, &value)) return false;
  if (value.type == FLEX_UINT || value.type == FLEX_INDIRECT_UINT) return read_uint(flex, value.at, value.width, out);
  if (!value_int(flex, value, &number)) return false;
  *out = (uint64_t)number;
  return true;
}

bool ln_flex_float(ln_flex flex, const char *key, double *out) {
  flex_value value;
  return find(flex, key, &value) && value_float(flex, value, out);
}

bool ln_flex_bool(ln_flex flex, const char *key, bool *out) {
  int64_t number;
  if (!ln_flex_int(flex, key, &number)) return false;
  *out = number != 0;
  return true;
}

bool ln_flex_ints(ln_flex flex, const char *key, int64_t *out, int32_t capacity, int32_t *count) {
  flex_value value, item;
  flex_vector vector;
  if (!find(flex, key, &value) || value.type == FLEX_MAP || !open_vector(flex, value, &vector)) return false;
  if (vector.count > INT32_MAX) return false;
  int64_t number;
  for (size_t i = 0; i < vector.count; ++i) {
    if (!vector_at(flex, &vector, i, &item) || !value_int(flex, item, &number)) return false;
  }
  for (size_t i = 0; i < vector.count && i < (size_t)capacity; ++i) {
    if (vector_at(flex, &vector, i, &item)) value_int(flex, item, &out[i]);
  }
  *count = (int32_t)vector.count;
  return true;
}

bool ln_flex_floats(ln_flex flex, const char *key, float *out, int32_t capacity, int32_t *count) {
  flex_value value, item;
  flex_vector vector;
  double number;
  if (!find(flex, key, &value) || value.type == FLEX_MAP || !open_vector(flex, value, &vector)) return false;
  if (vector.count > INT32_MAX) return false;
  for (size_t i = 0; i < vector.count; ++i) {
    if (!vector_at(flex, &vector, i, &item) || !value_float(flex, item, &number)) return false;
    if (i < (size_t)capacity) out[i] = (float)number;
  }
  *count = (int32_t)vector.count;
  return true;
}

static bool value_text(ln_flex flex, flex_value value, const char **text, size_t *length) {
  size_t count;
  if (value.type == FLEX_KEY) {
    const char *key = read_key(flex, value.at);
    if (key == NULL) return false;
    *text = key;
    *length = strlen(key);
    return true;
  }
  if (value.type != FLEX_STRING && value.type != FLEX_BLOB) return false;
  if (!read_count(flex, value, 1, &count)) return false;
  *text = (const char *)flex.data + value.at;
  *length = count;
  return true;
}

bool ln_flex_string(ln_flex flex, const char *key, const char **text, size_t *length) {
  flex_value value;
  return find(flex, key, &value) && value.type != FLEX_BLOB && value_text(flex, value, text, length);
}

bool ln_flex_string_at(ln_flex flex, const char *key, size_t index, const char **text, size_t *length) {
  flex_value value, item;
  flex_vector items;
  if (!find(flex, key, &value) || value.type == FLEX_MAP || !open_vector(flex, value, &items)) return false;
  return index < items.count && vector_at(flex, &items, index, &item) && value_text(flex, item, text, length);
}

bool ln_flex_item_text(ln_flex flex, size_t index, const char **text, size_t *length) {
  flex_value root, item;
  flex_vector items;
  if (!find_root(flex, &root) || root.type != FLEX_VECTOR || !open_vector(flex, root, &items)) return false;
  return index < items.count && vector_at(flex, &items, index, &item) && value_text(flex, item, text, length);
}

/* ---- printing ---- */

/* Values may share what they point to, so that a small buffer can stand for endlessly many: the budget ends that. */
typedef struct flex_printer {
  ln_flex flex;
  char *buffer;
  size_t size, length;
  int budget;
} flex_printer;

enum { PRINT_DEPTH = 6, PRINT_VALUES = 1000, PRINT_TEXT = 200 };

static void put(flex_printer *printer, const char *text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    const unsigned char c = (unsigned char)text[i];
    if (printer->length + 1 < printer->size) printer->buffer[printer->length] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
    ++printer->length;
  }
}

static void put_text(flex_printer *printer, const char *text) { put(printer, text, strlen(text)); }

static void print_value(flex_printer *printer, flex_value value, int depth);

static void print_items(flex_printer *printer, flex_value value, int depth, const char *separator) {
  flex_vector items, keys;
  flex_value item;
  if (!open_vector(printer->flex, value, &items) ||
      (value.type == FLEX_MAP && !open_keys(printer->flex, value, items.count, &keys))) {
    put_text(printer, "?");
    return;
  }
  for (size_t i = 0; i < items.count && printer->budget > 0; ++i) {
    if (i > 0) put_text(printer, separator);
    if (value.type == FLEX_MAP) {
      const char *key = key_at(printer->flex, &keys, i);
      put_text(printer, key == NULL ? "?" : key);
      put_text(printer, "=");
    }
    if (vector_at(printer->flex, &items, i, &item)) print_value(printer, item, depth + 1);
    else put_text(printer, "?");
  }
}

static void print_value(flex_printer *printer, flex_value value, int depth) {
  char text[64];
  const char *string;
  size_t length;
  int64_t number;
  double real;
  if (--printer->budget <= 0 || depth > PRINT_DEPTH) {
    put_text(printer, "...");
  } else if (value.type == FLEX_NULL) {
    put_text(printer, "null");
  } else if (value.type == FLEX_BOOL && value_int(printer->flex, value, &number)) {
    put_text(printer, number != 0 ? "true" : "false");
  } else if ((value.type == FLEX_FLOAT || value.type == FLEX_INDIRECT_FLOAT) &&
             value_float(printer->flex, value, &real)) {
    snprintf(text, sizeof text, "%.9g", real);
    put_text(printer, text);
  } else if (value_int(printer->flex, value, &number)) {
    snprintf(text, sizeof text, "%" PRId64, number);
    put_text(printer, text);
  } else if (value_text(printer->flex, value, &string, &length)) {
    const size_t shown = length < PRINT_TEXT ? length : PRINT_TEXT;
    put_text(printer, "\"");
    put(printer, string, shown);
    put_text(printer, shown < length ? "...\"" : "\"");
    printer->budget -= (int)(shown / 32);
  } else {
    put_text(printer, value.type == FLEX_MAP ? "{" : "[");
    print_items(printer, value, depth, ", ");
    put_text(printer, value.type == FLEX_MAP ? "}" : "]");
  }
}

size_t ln_flex_format(ln_flex flex, char *buffer, size_t size) {
  flex_printer printer = {flex, buffer, size, 0, PRINT_VALUES};
  flex_value root;
  if (find_root(flex, &root)) {
    if (root.type == FLEX_MAP) print_items(&printer, root, 0, " ");
    else print_value(&printer, root, 0);
  }
  if (size > 0) buffer[printer.length < size ? printer.length : size - 1] = '\0';
  return printer.length;
}
