/*
 * Attributes and types of portable bytecode: those of VHLO, StableHLO's dialect of versions, and of MLIR's own dialect
 * what a portable program uses (dictionaries, strings, locations).
 */
#include "import/stablehlo/bytecode.h"

#include <stdio.h>
#include <string.h>

#include "import/stablehlo/text.h"

/* ---- types ---- */

static const ln_mlir_type *next_type(ln_mlir_file *f, ln_mlir_bytes *b) {
  uint64_t index;
  return ln_mlir_get(f, b, &index) ? ln_mlir_type_at(f, index) : NULL;
}

static ln_mlir_type *new_type(ln_mlir_file *f, ln_mlir_form form) {
  ln_mlir_type *type = ln_mlir_new(f->m, 1, sizeof *type);
  if (type != NULL) type->form = form;
  return type;
}

static const ln_mlir_type *other_type(ln_mlir_file *f, const char *text) {
  ln_mlir_type *type = new_type(f, LN_MLIR_OTHER);
  if (type != NULL) type->text = text;
  return type;
}

static bool shape(ln_mlir_file *f, ln_mlir_bytes *b, ln_mlir_type *type) {
  size_t rank;
  if (!ln_mlir_get_count(f, b, &rank)) return false;
  if (rank > LN_MAX_RANK) {
    ln_import_fail(f->m->import, LN_ERR_UNSUPPORTED, "tensors of %zu dimensions are not in TensorFlow Lite", rank);
    return false;
  }
  for (size_t i = 0; i < rank; ++i) {
    int64_t size;
    if (!ln_mlir_get_signed(f, b, &size)) return false;
    if (size > INT32_MAX) return ln_mlir_broken(f, "a dimension has more than 2^31 - 1 elements");
    type->dims[i] = size < 0 ? -1 : (int32_t)size; /* the smallest int64 stands for an open one */
  }
  type->rank = (int32_t)rank;
  return true;
}

static const ln_mlir_type *tensor(ln_mlir_file *f, ln_mlir_bytes *b, bool has_encoding) {
  ln_mlir_type *type = new_type(f, LN_MLIR_TENSOR);
  uint64_t encoding;
  if (type == NULL || (has_encoding && !ln_mlir_get(f, b, &encoding)) || !shape(f, b, type)) return NULL;
  const ln_mlir_type *element = next_type(f, b);
  if (element == NULL) return NULL;
  if (element->form != LN_MLIR_SCALAR)
    return other_type(f, element->form == LN_MLIR_OTHER ? element->text : "a tensor of no numbers");
  type->element = element->element;
  return type;
}

static bool types(ln_mlir_file *f, ln_mlir_bytes *b, const ln_mlir_type ***list, int32_t *count, int32_t *capacity) {
  size_t more;
  if (!ln_mlir_get_count(f, b, &more)) return false;
  for (size_t i = 0; i < more; ++i) {
    const ln_mlir_type *type = next_type(f, b);
    if (type == NULL || !LN_MLIR_GROW(f->m, *list, *count, *capacity)) return false;
    (*list)[(*count)++] = type;
  }
  return true;
}

static const ln_mlir_type *group(ln_mlir_file *f, ln_mlir_bytes *b, ln_mlir_form form) {
  ln_mlir_type *type = new_type(f, form);
  const ln_mlir_type **parts = NULL;
  int32_t capacity = 0;
  if (type == NULL || !types(f, b, &parts, &type->count, &capacity)) return NULL;
  type->inputs = type->count;
  if (form == LN_MLIR_FUNCTION && !types(f, b, &parts, &type->count, &capacity)) return NULL;
  type->parts = parts;
  return type;
}

static const ln_mlir_type *complex_type(ln_mlir_file *f, ln_mlir_bytes *b) {
  const ln_mlir_type *part = next_type(f, b);
  ln_mlir_type *type = new_type(f, LN_MLIR_SCALAR);
  if (part == NULL || type == NULL) return NULL;
  if (part->form != LN_MLIR_SCALAR || (part->element != LN_MLIR_F32 && part->element != LN_MLIR_F64))
    return other_type(f, "complex");
  type->element = part->element == LN_MLIR_F32 ? LN_MLIR_C64 : LN_MLIR_C128;
  return type;
}

static const ln_mlir_type *vhlo_type(ln_mlir_file *f, ln_mlir_bytes *b) {
  enum {
    COMPLEX = 1,
    FUNCTION = 8,
    TENSOR = 20,
    TENSOR_ENCODED = 21,
    TOKEN = 22,
    TUPLE = 23,
    QUANTIZED = 24,
    BY_AXIS = 30
  };
  uint64_t code;
  if (!ln_mlir_get(f, b, &code)) return NULL;
  if (code == TENSOR || code == TENSOR_ENCODED) return tensor(f, b, code == TENSOR_ENCODED);
  if (code == FUNCTION) return group(f, b, LN_MLIR_FUNCTION);
  if (code == TUPLE) return group(f, b, LN_MLIR_TUPLE);
  if (code == TOKEN) return new_type(f, LN_MLIR_TOKEN);
  if (code == COMPLEX) return complex_type(f, b);
  for (int32_t i = 0; i < LN_MLIR_ELEMENT_COUNT; ++i) {
    ln_mlir_type *type;
    if (ln_mlir_element_at((ln_mlir_element)i)->code != (int64_t)code) continue;
    type = new_type(f, LN_MLIR_SCALAR);
    if (type != NULL) type->element = (ln_mlir_element)i;
    return type;
  }
  if (code == QUANTIZED || code == BY_AXIS) return other_type(f, "quant.uniform");
  char text[40];
  snprintf(text, sizeof text, "VHLO type %llu", (unsigned long long)code);
  return other_type(f, ln_mlir_text(f->m, text, strlen(text)));
}

/* Written as text, with a zero behind. */
static const ln_mlir_type *text_type(ln_mlir_file *f, const ln_mlir_bytes *b) {
  const char *text = (const char *)b->at, *zero = memchr(b->at, 0, ln_mlir_left(b));
  const size_t length = zero == NULL ? ln_mlir_left(b) : (size_t)(zero - text);
  ln_mlir_reader r = {.m = f->m, .begin = text, .at = text, .end = text + length};
  r.file_end = r.end;
  return ln_asm_type(&r);
}

/* MLIR's own types stand only around VHLO's, and nothing asks for them. */
static const ln_mlir_type *read_type(ln_mlir_file *f, const ln_mlir_entry *entry) {
  ln_mlir_bytes b = entry->bytes;
  const char *dialect = f->dialects[entry->dialect];
  if (!entry->custom) return text_type(f, &b);
  return strcmp(dialect, "vhlo") == 0 ? vhlo_type(f, &b) : other_type(f, dialect);
}

const ln_mlir_type *ln_mlir_type_at(ln_mlir_file *f, uint64_t index) {
  if (index >= f->type_count) return ln_mlir_broken(f, "a type does not exist"), NULL;
  ln_mlir_entry *entry = &f->types[index];
  if (entry->meaning != NULL) return entry->meaning;
  if (entry->busy || f->depth >= LN_MLIR_DEPTH) return ln_mlir_broken(f, "types hold one another"), NULL;
  entry->busy = true;
  ++f->depth;
  entry->meaning = read_type(f, entry);
  --f->depth;
  entry->busy = false;
  return entry->meaning;
}

/* ---- attributes ---- */

static const ln_mlir_attr *next_attr(ln_mlir_file *f, ln_mlir_bytes *b) {
  uint64_t index;
  return ln_mlir_get(f, b, &index) ? ln_mlir_attr_at(f, index) : NULL;
}

static ln_mlir_attr *new_attr(ln_mlir_file *f, ln_mlir_attr_kind kind) {
  ln_mlir_attr *attr = ln_mlir_new(f->m, 1, sizeof *attr);
  if (attr != NULL) attr->kind = kind;
  return attr;
}

static const ln_mlir_attr *list(ln_mlir_file *f, ln_mlir_bytes *b, bool named) {
  ln_mlir_attr *attr = new_attr(f, named ? LN_MLIR_DICT : LN_MLIR_ARRAY);
  size_t count;
  if (attr == NULL || !ln_mlir_get_count(f, b, &count)) return NULL;
  const ln_mlir_attr **all = ln_mlir_new(f->m, count, sizeof *all);
  const char **names = ln_mlir_new(f->m, count, sizeof *names);
  if (all == NULL || names == NULL) return NULL;
  for (size_t i = 0; i < count; ++i) {
    const ln_mlir_attr *name = named ? next_attr(f, b) : NULL;
    if (named && (name == NULL || name->kind != LN_MLIR_STRING))
      return ln_mlir_broken(f, "an attribute has no name"), NULL;
    names[i] = named ? name->text : "";
    if ((all[i] = next_attr(f, b)) == NULL) return NULL;
  }
  attr->count = (int32_t)count;
  attr->items = all;
  attr->names = names;
  return attr;
}

static const ln_mlir_attr *read_array(ln_mlir_file *f, ln_mlir_bytes *b) { return list(f, b, false); }
static const ln_mlir_attr *read_dict(ln_mlir_file *f, ln_mlir_bytes *b) { return list(f, b, true); }

static const ln_mlir_attr *number(ln_mlir_file *f, ln_mlir_bytes *b, ln_mlir_attr_kind kind) {
  ln_mlir_attr *attr = new_attr(f, kind);
  uint64_t value;
  if (attr == NULL || !ln_mlir_get(f, b, &value)) return NULL;
  attr->i = (int64_t)value;
  return attr;
}

static const ln_mlir_attr *read_bool(ln_mlir_file *f, ln_mlir_bytes *b) { return number(f, b, LN_MLIR_INT); }
static const ln_mlir_attr *read_enum(ln_mlir_file *f, ln_mlir_bytes *b) { return number(f, b, LN_MLIR_ENUM); }

/* Integers of up to 8 bits are a byte, longer ones a signed number. */
static bool bits_of(ln_mlir_file *f, ln_mlir_bytes *b, int32_t bits, int64_t *out) {
  uint8_t byte;
  if (bits > 8) return ln_mlir_get_signed(f, b, out);
  if (!ln_mlir_get_byte(f, b, &byte)) return false;
  *out = (int8_t)byte;
  return true;
}

static const ln_mlir_attr *read_int(ln_mlir_file *f, ln_mlir_bytes *b) {
  ln_mlir_attr *attr = new_attr(f, LN_MLIR_INT);
  const ln_mlir_type *type = next_type(f, b);
  if (attr == NULL || type == NULL) return NULL;
  if (type->form != LN_MLIR_SCALAR) return new_attr(f, LN_MLIR_OPAQUE);
  return bits_of(f, b, ln_mlir_element_at(type->element)->bits, &attr->i) ? attr : NULL;
}

static const ln_mlir_attr *read_float(ln_mlir_file *f, ln_mlir_bytes *b) {
  ln_mlir_attr *attr = new_attr(f, LN_MLIR_FLOAT);
  const ln_mlir_type *type = next_type(f, b);
  int64_t bits;
  if (attr == NULL || type == NULL) return NULL;
  if (type->form != LN_MLIR_SCALAR || (type->element != LN_MLIR_F32 && type->element != LN_MLIR_F64))
    return new_attr(f, LN_MLIR_OPAQUE);
  if (!bits_of(f, b, 64, &bits)) return NULL;
  const uint32_t low = (uint32_t)bits;
  float narrow;
  memcpy(&narrow, &low, sizeof narrow);
  memcpy(&attr->f, &bits, sizeof attr->f);
  if (type->element == LN_MLIR_F32) attr->f = (double)narrow;
  return attr;
}

static const ln_mlir_attr *read_string(ln_mlir_file *f, ln_mlir_bytes *b) {
  ln_mlir_attr *attr = new_attr(f, LN_MLIR_STRING);
  return attr != NULL && ln_mlir_get_string(f, b, &attr->text) ? attr : NULL;
}

static const ln_mlir_attr *read_type_attr(ln_mlir_file *f, ln_mlir_bytes *b) {
  ln_mlir_attr *attr = new_attr(f, LN_MLIR_TYPE);
  return attr != NULL && (attr->type = next_type(f, b)) != NULL ? attr : NULL;
}

static const ln_mlir_attr *read_tensor(ln_mlir_file *f, ln_mlir_bytes *b) {
  ln_mlir_attr *attr = new_attr(f, LN_MLIR_DENSE);
  size_t size;
  if (attr == NULL || (attr->type = next_type(f, b)) == NULL || !ln_mlir_get_count(f, b, &size)) return NULL;
  if (attr->type->form != LN_MLIR_TENSOR) return new_attr(f, LN_MLIR_OPAQUE);
  if (!ln_mlir_set_data(f->m, attr, b->at, size))
    return ln_mlir_broken(f, "a constant has other bytes than its type"), NULL;
  return attr;
}

typedef const ln_mlir_attr *(*ln_attr_reader)(ln_mlir_file *f, ln_mlir_bytes *b);
typedef struct {
  uint64_t code;
  ln_attr_reader read;
} ln_attr_row;

static const ln_attr_row vhlo_attrs[] = {
#define LN_VHLO_ATTR(code, read) {code, read},
#include "import/stablehlo/vhlo_codes.def"
};

static const ln_mlir_attr *read_string_attr(ln_mlir_file *f, ln_mlir_bytes *b) { return next_attr(f, b); }
static const ln_mlir_attr *read_unit(ln_mlir_file *f, ln_mlir_bytes *b) { return (void)b, new_attr(f, LN_MLIR_UNIT); }

/* Of MLIR's own dialect. Locations are read as their names. */
static const ln_attr_row own_attrs[] = {
    {0, read_array},       {1, read_dict}, {2, read_string},       {3, read_string},
    {4, read_string_attr}, {7, read_unit}, {14, read_string_attr},
};

static const ln_mlir_attr *read_attr(ln_mlir_file *f, const ln_mlir_entry *entry) {
  const bool vhlo = strcmp(f->dialects[entry->dialect], "vhlo") == 0,
             own = strcmp(f->dialects[entry->dialect], "builtin") == 0;
  const ln_attr_row *rows = vhlo ? vhlo_attrs : own_attrs;
  const size_t count = vhlo ? LN_COUNT(vhlo_attrs) : own ? LN_COUNT(own_attrs) : 0;
  ln_mlir_bytes b = entry->bytes;
  uint64_t code;
  if (!entry->custom) return new_attr(f, LN_MLIR_OPAQUE);
  if (!ln_mlir_get(f, &b, &code)) return NULL;
  for (size_t i = 0; i < count; ++i) {
    if (rows[i].code == code) return rows[i].read(f, &b);
  }
  return new_attr(f, LN_MLIR_OPAQUE);
}

const ln_mlir_attr *ln_mlir_attr_at(ln_mlir_file *f, uint64_t index) {
  if (index >= f->attr_count) return ln_mlir_broken(f, "an attribute does not exist"), NULL;
  ln_mlir_entry *entry = &f->attrs[index];
  if (entry->meaning != NULL) return entry->meaning;
  if (entry->busy || f->depth >= LN_MLIR_DEPTH) return ln_mlir_broken(f, "attributes hold one another"), NULL;
  entry->busy = true;
  ++f->depth;
  entry->meaning = read_attr(f, entry);
  --f->depth;
  entry->busy = false;
  return entry->meaning;
}

const char *ln_mlir_place_at(ln_mlir_file *f, uint64_t index) {
  const ln_mlir_attr *attr = ln_mlir_attr_at(f, index);
  return attr == NULL || attr->kind != LN_MLIR_STRING ? NULL : attr->text;
}
