/* Operators' attributes as text, by the field descriptors of their options. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/selection.h"
#include "ir/nodedef.h"

enum { SHOWN_ITEMS = 32 };

typedef struct printer {
  char *buffer;
  size_t size, length;
} printer;

static void put(printer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(printer *out, const char *format, ...) {
  const size_t left = out->length < out->size ? out->size - out->length : 0;
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(left > 0 ? out->buffer + out->length : NULL, left, format, list);
  va_end(list);
  if (length > 0) out->length += (size_t)length;
}

static void put_scalar(printer *out, ln_kind kind, ln_enum_id enumeration, const void *place) {
  int64_t value = 0;
  switch (kind) {
    case LN_KIND_bool: put(out, "%s", *(const bool *)place ? "true" : "false"); return;
    case LN_KIND_f32: put(out, "%.9g", (double)*(const float *)place); return;
    case LN_KIND_u64: put(out, "%" PRIu64, *(const uint64_t *)place); return;
    case LN_KIND_i8: value = *(const int8_t *)place; break;
    case LN_KIND_u8: value = *(const uint8_t *)place; break;
    case LN_KIND_i16: value = *(const int16_t *)place; break;
    case LN_KIND_u16: value = *(const uint16_t *)place; break;
    case LN_KIND_i32: value = *(const int32_t *)place; break;
    case LN_KIND_u32: value = *(const uint32_t *)place; break;
    case LN_KIND_i64: value = *(const int64_t *)place; break;
    case LN_KIND_COUNT: return;
  }
  const char *name = ln_schema_enum_name(enumeration, value);
  if (name != NULL) put(out, "%s", name);
  else put(out, "%" PRId64, value);
}

/* `place` holds an ln_vec of the kind: they differ only in what `data` points to. */
static void put_vector(printer *out, ln_kind kind, const void *place) {
  ln_vec_u8 vector;
  memcpy(&vector, place, sizeof vector);
  if (kind == LN_KIND_u8) {
    put(out, "%u bytes", vector.count);
    return;
  }
  put(out, "[");
  for (uint32_t i = 0; i < vector.count && i < SHOWN_ITEMS; ++i) {
    if (i > 0) put(out, ", ");
    if (kind == LN_KIND_bool) put(out, "%s", vector.data[i] != 0 ? "true" : "false");
    else put_scalar(out, kind, LN_ENUM_none, vector.data + i * ln_kind_size(kind));
  }
  put(out, vector.count > SHOWN_ITEMS ? ", ...]" : "]");
}

static void put_string(printer *out, const char *text) {
  put(out, "\"");
  for (; *text != '\0'; ++text)
    put(out, "%c", (unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? '?' : *text);
  put(out, "\"");
}

static bool is_present(const ln_field_info *field, const void *place) {
  const void *pointer;
  if (field->field_class == LN_CLASS_SCALAR) return true;
  memcpy(&pointer, place, sizeof pointer); /* every other class begins with a pointer, NULL when absent */
  return pointer != NULL;
}

static void put_field(printer *out, const ln_field_info *field, const char *place) {
  if (!is_present(field, place)) return;
  put(out, "%s%s=", out->length > 0 ? " " : "", ln_field_name(field));
  if (field->field_class == LN_CLASS_SCALAR) {
    put_scalar(out, (ln_kind)field->kind, (ln_enum_id)field->enumeration, place);
  } else if (field->field_class == LN_CLASS_VECTOR) {
    put_vector(out, (ln_kind)field->kind, place);
  } else if (field->field_class == LN_CLASS_STRING) {
    put_string(out, *(const char *const *)place);
  } else {
    put(out, "..."); /* no operator's options hold tables */
  }
}

/* As the NodeDef or the FlexBuffer that they may be. */
static size_t format_custom(ln_flex flex, char *rest, size_t left) {
  ln_nodedef def;
  if (!LN_HAS_CUSTOM) return 0;
  if (ln_nodedef_open(flex.data, flex.size, &def)) return ln_nodedef_format(&def, rest, left);
  return ln_flex_format(flex, rest, left);
}

static void put_custom(printer *out, const ln_op *op) {
  if (out->length > 0) put(out, " ");
  const size_t left = out->length < out->size ? out->size - out->length : 0;
  char *rest = left > 0 ? out->buffer + out->length : NULL;
  const size_t length = format_custom((ln_flex){op->custom_options, op->custom_options_size}, rest, left);
  out->length += length;
  if (length == 0) put(out, "custom_options=%zu bytes", op->custom_options_size);
}

size_t ln_op_attributes(const ln_op *op, char *buffer, size_t size) {
  printer out = {buffer, size, 0};
  const ln_table_info *info = ln_schema_table(op->options_table);
  if (size > 0) buffer[0] = '\0';
  if (info != NULL && op->options != NULL) {
    for (uint16_t i = 0; i < info->field_count; ++i) {
      put_field(&out, &info->fields[i], (const char *)op->options + info->fields[i].offset);
    }
  }
  if (op->custom_options_size > 0) put_custom(&out, op);
  return out.length;
}
