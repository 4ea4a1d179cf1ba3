/* Dense constants of MLIR's text: numbers one by one, bytes as hexadecimal digits, one number for all, resources. */
#include "import/stablehlo/text.h"

#include <string.h>

#include "kernels/convert.h"

/* ---- one number as the bytes of its type ---- */

static void put_real(ln_mlir_element element, double value, uint8_t *out) {
  const float narrow = (float)value;
  const ln_number type = element == LN_MLIR_F16 ? LN_NUMBER_F16 : LN_NUMBER_BF16;
  uint16_t half;
  if (element == LN_MLIR_F64) {
    memcpy(out, &value, sizeof value);
  } else if (element == LN_MLIR_F32) {
    memcpy(out, &narrow, sizeof narrow);
  } else {
    ln_k_cast(&narrow, LN_NUMBER_F32, &half, type, 1);
    memcpy(out, &half, sizeof half);
  }
}

static bool put_number(ln_mlir_reader *r, ln_mlir_element element, uint8_t *out) {
  const ln_mlir_element_info *info = ln_mlir_element_at(element);
  double value;
  int64_t integer;
  bool is_integer, is_hex;
  if (info->kind == LN_MLIR_BOOL && (ln_asm_take(r, "true") || ln_asm_take(r, "false"))) {
    *out = r->at[-2] == 'u';
    return true;
  }
  if (!ln_asm_number(r, &value, &integer, &is_integer, &is_hex)) return false;
  if (info->kind == LN_MLIR_REAL && !is_hex) {
    put_real(element, value, out);
  } else if (is_integer) {
    memcpy(out, &integer, (size_t)info->bytes);
  } else {
    return ln_asm_wrong(r, "an integer is missing");
  }
  return true;
}

/* ---- literals ---- */

typedef struct {
  ln_mlir_element element; /* of a complex number, its parts */
  size_t bytes;            /* of a whole one */
  uint8_t *out;
  size_t count, room;
} ln_literal;

static bool one(ln_mlir_reader *r, ln_literal *l) {
  if (l->count == l->room) return ln_asm_wrong(r, "a constant has more numbers than its type");
  uint8_t *at = l->out + l->count++ * l->bytes;
  if (!ln_asm_take(r, "(")) return put_number(r, l->element, at);
  if (l->bytes != 2 * (size_t)ln_mlir_element_at(l->element)->bytes)
    return ln_asm_wrong(r, "a number is no complex one");
  return put_number(r, l->element, at) && ln_asm_want(r, ",") && put_number(r, l->element, at + l->bytes / 2) &&
         ln_asm_want(r, ")");
}

static bool nested(ln_mlir_reader *r, ln_literal *l) {
  if (!ln_asm_deeper(r)) return false;
  if (ln_asm_take(r, "[")) {
    for (bool first = true; !ln_asm_take(r, "]"); first = false) {
      if ((!first && !ln_asm_want(r, ",")) || !nested(r, l)) return false;
    }
  } else if (!one(r, l)) {
    return false;
  }
  --r->depth;
  return true;
}

static bool hex_bytes(ln_mlir_reader *r, const char *text, size_t length, uint8_t **out, size_t *size) {
  if (length < 2 || text[0] != '0' || text[1] != 'x' || length % 2 != 0)
    return ln_asm_wrong(r, "hexadecimal digits are missing");
  *size = length / 2 - 1;
  *out = ln_arena_array(&r->m->import->model->arena, *size + 1, 1);
  if (*out == NULL) return ln_import_no_memory(r->m->import), false;
  for (size_t i = 0; i < length - 2; ++i) {
    const char c = text[i + 2];
    const int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                 : -1;
    if (digit < 0) return ln_asm_wrong(r, "a hexadecimal digit is none");
    (*out)[i / 2] = (uint8_t)((*out)[i / 2] | digit << (i % 2 == 0 ? 4 : 0));
  }
  return true;
}

/* The type behind a literal, which must be known to read it: `skip` moves over the literal and gives it back. */
static const ln_mlir_type *type_behind(ln_mlir_reader *r) {
  ln_mlir_word literal;
  const ln_mlir_type *type = NULL;
  const char *begin = r->at;
  if (ln_asm_balanced(r, &literal) && ln_asm_want(r, ":")) type = ln_asm_type(r);
  if (type != NULL && type->form != LN_MLIR_TENSOR)
    return ln_asm_wrong(r, "a constant's type is no tensor that is known"), NULL;
  if (type != NULL) r->at = begin;
  return type;
}

static bool read_literal(ln_mlir_reader *r, ln_mlir_attr *attr) {
  const ln_mlir_element_info *info = ln_mlir_element_at(attr->type->element);
  ln_literal l = {.element = attr->type->element, .bytes = (size_t)info->bytes};
  size_t room;
  if (info->kind == LN_MLIR_COMPLEX) l.element = attr->type->element == LN_MLIR_C64 ? LN_MLIR_F32 : LN_MLIR_F64;
  if (!ln_mlir_elements(attr->type, &room)) return ln_asm_wrong(r, "a constant's type has open dimensions");
  /* A number takes at least two characters with what separates it. */
  const size_t most = (size_t)(r->end - r->at) / 2 + 1;
  l.room = ln_asm_is(r, "[") ? (room < most ? room : most) : 1;
  l.out = ln_arena_array(&r->m->import->model->arena, l.room + 1, l.bytes);
  if (l.out == NULL) return ln_import_no_memory(r->m->import), false;
  const bool list = ln_asm_is(r, "[");
  if (!nested(r, &l)) return false;
  if (list && l.count != room) return ln_asm_wrong(r, "a constant has fewer numbers than its type");
  attr->data = l.out;
  attr->splat = !list && room != 1;
  return true;
}

const ln_mlir_attr *ln_asm_dense(ln_mlir_reader *r) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_DENSE);
  const char *text;
  size_t length, size;
  uint8_t *bytes;
  if (attr == NULL || (attr->type = type_behind(r)) == NULL || !ln_asm_want(r, "<")) return NULL;
  if (ln_asm_is(r, "\"")) {
    if (!ln_asm_string_bytes(r, &text, &length) || !hex_bytes(r, text, length, &bytes, &size)) return NULL;
    if (!ln_mlir_set_data(r->m, attr, bytes, size))
      return ln_asm_wrong(r, "a constant has other bytes than its type"), NULL;
  } else if (ln_asm_is(r, ">")) {
    if (!ln_mlir_elements(attr->type, &size) || size != 0) return ln_asm_wrong(r, "a constant has no numbers"), NULL;
    attr->data = (const uint8_t *)"";
  } else if (!read_literal(r, attr)) {
    return NULL;
  }
  return ln_asm_want(r, ">") && ln_asm_want(r, ":") && ln_asm_type(r) != NULL ? attr : NULL;
}

const ln_mlir_attr *ln_asm_dense_array(ln_mlir_reader *r) {
  ln_mlir_word word;
  ln_mlir_element element;
  ln_mlir_attrs attrs = {0};
  if (!ln_asm_want(r, "<") || !ln_asm_word(r, &word)) return NULL;
  if (!ln_asm_element(word, &element)) return ln_asm_wrong(r, "an array's element type is not known"), NULL;
  const bool real = ln_mlir_element_at(element)->kind == LN_MLIR_REAL;
  for (bool first = true; !ln_asm_take(r, ">"); first = false) {
    ln_mlir_attr *item = ln_asm_new_attr(r, real ? LN_MLIR_FLOAT : LN_MLIR_INT);
    bool is_integer, is_hex;
    if (item == NULL || !ln_asm_want(r, first ? ":" : ",")) return NULL;
    if (ln_asm_take(r, "true") || ln_asm_take(r, "false")) {
      item->i = r->at[-2] == 'u';
    } else if (!ln_asm_number(r, &item->f, &item->i, &is_integer, &is_hex)) {
      return NULL;
    }
    if (!ln_asm_add_attr(r, &attrs, NULL, item)) return NULL;
  }
  ln_mlir_attr *list = ln_asm_new_attr(r, LN_MLIR_ARRAY);
  if (list == NULL) return NULL;
  list->count = attrs.count;
  list->items = attrs.items;
  return list;
}

const ln_mlir_attr *ln_asm_dense_resource(ln_mlir_reader *r) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_DENSE);
  ln_mlir_word key;
  const char *text;
  size_t length, size;
  uint8_t *bytes;
  if (attr == NULL || !ln_asm_want(r, "<") || !ln_asm_word(r, &key) || !ln_asm_want(r, ">") || !ln_asm_want(r, ":") ||
      (attr->type = ln_asm_type(r)) == NULL) {
    return NULL;
  }
  if (attr->type->form != LN_MLIR_TENSOR) return ln_asm_wrong(r, "a resource's type is no tensor that is known"), NULL;
  const char *back = r->at, *end = r->end;
  const ln_mlir_name *resource = ln_asm_find(r, key);
  if (resource == NULL || resource->target == NULL) {
    return ln_asm_wrong(r, "the resource %.60s is not in the file", ln_mlir_text(r->m, key.at, key.length)), NULL;
  }
  r->at = resource->target;
  r->end = r->file_end;
  const bool read = ln_asm_string_bytes(r, &text, &length) && hex_bytes(r, text, length, &bytes, &size);
  r->at = back;
  r->end = end;
  if (!read) return NULL;
  /* Four bytes of alignment stand before the data. */
  if (size < 4 || !ln_mlir_set_data(r->m, attr, bytes + 4, size - 4)) {
    return ln_asm_wrong(r, "a resource has other bytes than its type"), NULL;
  }
  return attr;
}
