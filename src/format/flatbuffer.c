/*
 * Flatbuffers to structs: one generic decoder over the descriptors of ir/schema.h. Every offset, length and vtable is
 * checked before it is followed, and all that is decoded is charged to a budget in proportion to the file, so that
 * offsets which lead many times to the same place cannot make more of a file than it holds.
 */
#include <string.h>

#include "format/format.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are used where they lie, in little-endian order");

enum {
  OFFSET_BYTES = 4,
  VTABLE_HEADER = 4,    /* its own size and the table's, 16 bits each */
  DEEPEST = 16,         /* the schema nests tables less deep */
  BUDGET_PER_BYTE = 16, /* what a byte of a file may become: tables without fields are the dearest */
  BUDGET_BASE = 1 << 16
};

typedef struct decoder {
  const uint8_t *data;
  size_t size;
  ln_arena *arena;
  ln_error *err;
  size_t budget;
} decoder;

/* A table in the file. */
typedef struct table_view {
  size_t at, bytes;
  size_t vtable, vtable_bytes;
} table_view;

static ln_status damaged(decoder *d, const char *what) {
  return ln_fail(d->err, LN_ERR_FORMAT, "damaged file: %s", what);
}

static ln_status out_of_memory(decoder *d) {
  return ln_fail(d->err, LN_ERR_MEMORY, "out of memory while reading the file");
}

static uint16_t get_u16(const decoder *d, size_t at) { return (uint16_t)(d->data[at] | d->data[at + 1] << 8); }

static uint32_t get_u32(const decoder *d, size_t at) {
  return (uint32_t)get_u16(d, at) | (uint32_t)get_u16(d, at + 2) << 16;
}

static bool has(const decoder *d, size_t at, size_t bytes) { return at <= d->size && bytes <= d->size - at; }

static ln_status charge(decoder *d, size_t count, size_t item_bytes) {
  size_t bytes;
  if (!ln_size_mul(count, item_bytes, &bytes) || bytes > d->budget) {
    return damaged(d, "it unfolds to far more than its size");
  }
  d->budget -= bytes;
  return LN_OK;
}

static ln_status allocate(decoder *d, size_t count, size_t item_bytes, void **out) {
  LN_TRY(charge(d, count, item_bytes));
  *out = ln_arena_array(d->arena, count, item_bytes);
  return *out == NULL ? out_of_memory(d) : LN_OK;
}

/* Where the forward offset that stands at `at` leads. */
static ln_status follow(decoder *d, size_t at, size_t *out) {
  const size_t offset = get_u32(d, at);
  if (offset == 0 || offset > d->size - at) return damaged(d, "an offset leads out of it");
  *out = at + offset;
  return LN_OK;
}

static ln_status open_table(decoder *d, size_t at, table_view *out) {
  if (!has(d, at, OFFSET_BYTES)) return damaged(d, "a table lies past its end");
  const int64_t vtable = (int64_t)at - (int32_t)get_u32(d, at);
  if (vtable < 0 || !has(d, (size_t)vtable, VTABLE_HEADER)) return damaged(d, "a table's layout lies outside it");
  *out = (table_view){at, get_u16(d, (size_t)vtable + 2), (size_t)vtable, get_u16(d, (size_t)vtable)};
  if (out->vtable_bytes < VTABLE_HEADER || !has(d, out->vtable, out->vtable_bytes) || !has(d, at, out->bytes)) {
    return damaged(d, "a table reaches past its end");
  }
  return LN_OK;
}

/* Finds a field of `bytes` bytes; *at stays 0 when the table does not hold it. */
static ln_status find_field(decoder *d, const table_view *view, uint16_t id, size_t bytes, size_t *at) {
  *at = 0;
  const size_t slot = VTABLE_HEADER + 2 * (size_t)id;
  if (slot + 2 > view->vtable_bytes) return LN_OK;
  const size_t offset = get_u16(d, view->vtable + slot);
  if (offset == 0) return LN_OK;
  if (offset < OFFSET_BYTES || offset + bytes > view->bytes) return damaged(d, "a field lies outside its table");
  *at = view->at + offset;
  return LN_OK;
}

/* Fields of the structs have types of their own: what is generic here is copied into them byte by byte. */
static ln_status set_pointer(void *place, const void *pointer) {
  memcpy(place, &pointer, sizeof pointer);
  return LN_OK;
}

static ln_status decode_string(decoder *d, size_t at, void *place) {
  if (!has(d, at, OFFSET_BYTES)) return damaged(d, "a string lies past its end");
  const size_t length = get_u32(d, at);
  at += OFFSET_BYTES;
  if (!has(d, at, length + 1)) return damaged(d, "a string reaches past its end");
  if (d->data[at + length] != 0) return damaged(d, "a string is not terminated");
  return set_pointer(place, d->data + at);
}

/* The elements that follow a vector's count, all within the file. */
static ln_status open_vector(decoder *d, size_t at, size_t item_bytes, size_t *first, uint32_t *count) {
  if (!has(d, at, OFFSET_BYTES)) return damaged(d, "a vector lies past its end");
  *count = get_u32(d, at);
  *first = at + OFFSET_BYTES;
  if (*count > (d->size - *first) / item_bytes) return damaged(d, "a vector reaches past its end");
  return LN_OK;
}

/* Vectors of scalars are used in place, those of bytes (buffers) free of charge: nobody makes more of them. */
static ln_status decode_vector(decoder *d, size_t at, ln_kind kind, void *place) {
  const size_t item = ln_kind_size(kind);
  size_t first;
  ln_vec_u8 vector;
  LN_TRY(open_vector(d, at, item, &first, &vector.count));
  vector.data = d->data + first;
  if (kind != LN_KIND_u8) {
    LN_TRY(charge(d, vector.count, item));
    if ((uintptr_t)vector.data % item != 0) {
      vector.data = ln_arena_copy(d->arena, vector.data, vector.count * item);
      if (vector.data == NULL) return out_of_memory(d);
    }
  }
  memcpy(place, &vector, sizeof vector);
  return LN_OK;
}

static ln_status decode_strings(decoder *d, size_t at, ln_vec_ptr *out) {
  size_t first;
  uint32_t count;
  void *items;
  LN_TRY(open_vector(d, at, OFFSET_BYTES, &first, &count));
  LN_TRY(allocate(d, count, sizeof(void *), &items));
  for (uint32_t i = 0; i < count; ++i) {
    size_t string;
    LN_TRY(follow(d, first + i * (size_t)OFFSET_BYTES, &string));
    LN_TRY(decode_string(d, string, (const void **)items + i));
  }
  *out = (ln_vec_ptr){items, count};
  return LN_OK;
}

static ln_status decode_table(decoder *d, size_t at, ln_table_id table, int depth, void *place);

static ln_status decode_tables(decoder *d, size_t at, ln_table_id table, int depth, ln_vec_ptr *out) {
  size_t first;
  uint32_t count;
  void *items;
  LN_TRY(open_vector(d, at, OFFSET_BYTES, &first, &count));
  LN_TRY(allocate(d, count, sizeof(void *), &items));
  for (uint32_t i = 0; i < count; ++i) {
    size_t item = 0;
    ln_status status = follow(d, first + i * (size_t)OFFSET_BYTES, &item);
    if (status == LN_OK) status = decode_table(d, item, table, depth, (const void **)items + i);
    if (status != LN_OK) {
      ln_error_prefix(d->err, "%s %u", ln_schema_table(table)->name, i);
      return status;
    }
  }
  *out = (ln_vec_ptr){items, count};
  return LN_OK;
}

/* A tag that this schema does not know leaves its value out, but where that would change what numbers mean. */
static ln_status decode_union(decoder *d, size_t at, ln_union_id union_id, uint8_t tag, int depth, void *place) {
  if (tag == 0) return LN_OK;
  const ln_table_id table = ln_schema_union_member(union_id, tag);
  if (table != LN_TABLE_none) return decode_table(d, at, table, depth, place);
  if (union_id != LN_UNION_quantization_details && union_id != LN_UNION_sparse_index_vector) return LN_OK;
  return ln_fail(d->err, LN_ERR_FEATURE, "holds a form of data (%u) that this version does not know", tag);
}

static void read_scalar(const decoder *d, size_t at, ln_kind kind, void *out) {
  if (kind == LN_KIND_bool) *(bool *)out = d->data[at] != 0;
  else memcpy(out, d->data + at, ln_kind_size(kind));
}

static ln_status decode_field(decoder *d, const table_view *view, const ln_field_info *field, void *object, int depth) {
  const bool scalar = field->field_class == LN_CLASS_SCALAR;
  void *place = (char *)object + field->offset;
  size_t at;
  LN_TRY(find_field(d, view, field->id, scalar ? ln_kind_size((ln_kind)field->kind) : OFFSET_BYTES, &at));
  if (at == 0) return LN_OK;
  if (scalar) {
    read_scalar(d, at, (ln_kind)field->kind, place);
    return LN_OK;
  }
  LN_TRY(follow(d, at, &at));
  switch ((ln_field_class)field->field_class) {
    case LN_CLASS_SCALAR: return LN_OK;
    case LN_CLASS_VECTOR: return decode_vector(d, at, (ln_kind)field->kind, place);
    case LN_CLASS_STRING: return decode_string(d, at, place);
    case LN_CLASS_STRINGS: return decode_strings(d, at, place);
    case LN_CLASS_TABLE: return decode_table(d, at, (ln_table_id)field->of, depth, place);
    case LN_CLASS_TABLES: return decode_tables(d, at, (ln_table_id)field->of, depth, place);
    case LN_CLASS_UNION: {
      const uint8_t tag = *((const uint8_t *)object + field[-1].offset); /* its tag is the field before it */
      return decode_union(d, at, (ln_union_id)field->of, tag, depth, place);
    }
  }
  return LN_OK;
}

static ln_status decode_table(decoder *d, size_t at, ln_table_id table, int depth, void *place) {
  const ln_table_info *info = ln_schema_table(table);
  table_view view = {0};
  void *object;
  if (depth >= DEEPEST) return damaged(d, "tables are nested too deep");
  LN_TRY(open_table(d, at, &view));
  LN_TRY(allocate(d, 1, info->struct_size, &object));
  ln_schema_set_defaults(table, object);
  for (uint16_t i = 0; i < info->field_count; ++i) {
    const ln_status status = decode_field(d, &view, &info->fields[i], object, depth + 1);
    if (status != LN_OK) {
      ln_error_prefix(d->err, "%s", ln_field_name(&info->fields[i]));
      return status;
    }
  }
  return set_pointer(place, object);
}

ln_status ln_flatbuffer_decode(const uint8_t *data, size_t size, ln_table_id table, ln_arena *arena, ln_error *err,
                               void **out) {
  decoder d = {data, size, arena, err, BUDGET_BASE};
  size_t root = 0;
  if (!ln_size_mul(size, BUDGET_PER_BYTE, &d.budget) || !ln_size_add(d.budget, BUDGET_BASE, &d.budget)) {
    d.budget = SIZE_MAX;
  }
  if (size < 2 * OFFSET_BYTES) return damaged(&d, "it is too short");
  LN_TRY(follow(&d, 0, &root));
  return decode_table(&d, root, table, 0, out);
}
