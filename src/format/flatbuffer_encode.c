/*
 * Structs to flatbuffers: one generic encoder over the descriptors of ir/schema.h. Everything is laid out forward, a
 * table before what it points to, in two passes of the same code: the first only counts the bytes. Small things that
 * point to nothing (shapes, scales, options) come at the end, each once: offsets lead forward only.
 */
#include <string.h>

#include "format/format.h"

enum {
  OFFSET_BYTES = 4,
  VTABLE_HEADER = 4,
  MAX_SLOTS = 32,
  MAX_STRUCT = 512,
  LAYOUTS = 256,
  SMALL_VECTOR = 64,        /* bytes of one that comes at the end */
  LARGEST_FILE = INT32_MAX, /* readers take offsets as signed */
  DATA_ALIGNMENT = 16       /* what the schema asks for the bytes of buffers */
};

#define LN_TABLE(table, schema_name) _Static_assert(sizeof(ln_##table) <= MAX_STRUCT, "defaults must fit their place");
#define LN_FIELD(table, id, kind, name, default_, enum_) _Static_assert((id) < MAX_SLOTS, "too many fields");
#define LN_VECTOR(table, id, kind, name) _Static_assert((id) < MAX_SLOTS, "too many fields");
#include "ir/schema.def"

/* The layout of a table: words[0] its own bytes, words[1] the table's, then where each slot stands in the table. */
typedef struct layout {
  uint16_t words[2 + MAX_SLOTS];
  size_t at; /* where it was written */
} layout;

/* Something small that comes at the end, and where the offset that leads to it stands. */
typedef struct small {
  const void *data;
  size_t bytes; /* of data */
  size_t from;
  size_t at;      /* where it was written */
  uint32_t count; /* of a vector */
  uint16_t item;  /* of a vector; 0 for a table */
  uint16_t table; /* ln_table_id */
} small;

typedef struct encoder {
  uint8_t *data; /* zeroed; NULL in the pass that counts */
  size_t at;
  layout *layouts;   /* [LAYOUTS] those last written, by their hash: equal tables share one */
  size_t last_table; /* where the last one begins */
  small *smalls;
  size_t small_count, small_capacity;
  ln_error *err;
} encoder;

/* ---- bytes ---- */

static ln_status advance(encoder *e, size_t bytes) {
  if (bytes > (size_t)LARGEST_FILE - e->at) return ln_fail(e->err, LN_ERR_LIMIT, "the file would pass 2 GiB");
  e->at += bytes;
  return LN_OK;
}

static void put(encoder *e, size_t at, const void *bytes, size_t count) {
  if (e->data != NULL && count > 0) memcpy(e->data + at, bytes, count);
}

static void put_u32(encoder *e, size_t at, size_t value) {
  const uint32_t number = (uint32_t)value;
  put(e, at, &number, sizeof number);
}

/* Pads so that what stands `ahead` bytes further on is aligned, and lets the offset at `from` lead here. */
static ln_status place(encoder *e, size_t from, size_t ahead, size_t alignment) {
  const size_t past = (e->at + ahead) % alignment;
  if (past != 0) LN_TRY(advance(e, alignment - past));
  put_u32(e, from, e->at - from);
  return LN_OK;
}

/* ---- vectors and strings; `from` is where the offset that leads to them stands ---- */

static ln_status write_string(encoder *e, size_t from, const char *text) {
  const size_t length = strlen(text);
  LN_TRY(place(e, from, 0, OFFSET_BYTES));
  const size_t at = e->at;
  LN_TRY(advance(e, OFFSET_BYTES));
  LN_TRY(advance(e, length + 1));
  put_u32(e, at, length);
  put(e, at + OFFSET_BYTES, text, length);
  return LN_OK;
}

static ln_status write_scalars(encoder *e, size_t from, const ln_vec_u8 *vector, size_t item, size_t alignment) {
  LN_TRY(place(e, from, OFFSET_BYTES, alignment > OFFSET_BYTES ? alignment : OFFSET_BYTES));
  const size_t at = e->at;
  LN_TRY(advance(e, OFFSET_BYTES));
  LN_TRY(advance(e, vector->count * item));
  put_u32(e, at, vector->count);
  put(e, at + OFFSET_BYTES, vector->data, vector->count * item);
  return LN_OK;
}

static ln_status put_off(encoder *e, const small *what) {
  if (e->small_count == e->small_capacity) {
    const size_t capacity = 2 * e->small_capacity + 64;
    small *moved = ln_realloc_array(e->smalls, e->small_capacity, capacity, sizeof *moved);
    if (moved == NULL) return ln_fail(e->err, LN_ERR_MEMORY, "out of memory while writing the file");
    e->smalls = moved;
    e->small_capacity = capacity;
  }
  e->smalls[e->small_count++] = *what;
  return LN_OK;
}

static ln_status write_table(encoder *e, size_t from, const void *object, ln_table_id table);

/* The offsets first, then the strings (LN_TABLE_none) or tables that they lead to. */
static ln_status write_pointers(encoder *e, size_t from, const ln_vec_ptr *vector, ln_table_id table) {
  LN_TRY(place(e, from, 0, OFFSET_BYTES));
  const size_t at = e->at;
  LN_TRY(advance(e, OFFSET_BYTES));
  LN_TRY(advance(e, (size_t)vector->count * OFFSET_BYTES));
  put_u32(e, at, vector->count);
  for (uint32_t i = 0; i < vector->count; ++i) {
    const size_t slot = at + OFFSET_BYTES * ((size_t)i + 1);
    if (table == LN_TABLE_none) LN_TRY(write_string(e, slot, vector->data[i]));
    else LN_TRY(write_table(e, slot, vector->data[i], table));
  }
  return LN_OK;
}

/* ---- tables ---- */

static bool is_present(const ln_field_info *field, const void *object, const void *defaults) {
  const char *value = (const char *)object + field->offset;
  if (field->field_class == LN_CLASS_SCALAR) {
    return memcmp(value, (const char *)defaults + field->offset, ln_kind_size((ln_kind)field->kind)) != 0;
  }
  const void *pointer;
  memcpy(&pointer, value, sizeof pointer); /* vectors begin with a pointer too */
  return pointer != NULL;
}

static size_t slot_bytes(const ln_field_info *field) {
  return field->field_class == LN_CLASS_SCALAR ? ln_kind_size((ln_kind)field->kind) : OFFSET_BYTES;
}

/* Large fields first, so that each is aligned without gaps; returns the alignment that the table needs. */
static size_t lay_out(ln_table_id table, const void *object, layout *out) {
  const ln_table_info *info = ln_schema_table(table);
  _Alignas(8) char defaults[MAX_STRUCT];
  size_t end = OFFSET_BYTES, alignment = OFFSET_BYTES, slots = 0;
  ln_schema_set_defaults(table, defaults);
  memset(out, 0, sizeof *out);
  for (size_t size = 8; size > 0; size /= 2) {
    for (uint16_t i = 0; i < info->field_count; ++i) {
      const ln_field_info *field = &info->fields[i];
      if (slot_bytes(field) != size || !is_present(field, object, defaults)) continue;
      if (size > alignment) alignment = size;
      end = (end + size - 1) / size * size;
      out->words[2 + field->id] = (uint16_t)end;
      end += size;
      if (field->id + (size_t)1 > slots) slots = field->id + (size_t)1;
    }
  }
  out->words[0] = (uint16_t)(VTABLE_HEADER + 2 * slots);
  out->words[1] = (uint16_t)end;
  return alignment;
}

static size_t hash_layout(const layout *wanted) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < LN_COUNT(wanted->words); ++i) hash = (hash ^ wanted->words[i]) * 16777619u;
  return (hash ^ hash >> 16) % LAYOUTS;
}

/* Writes a layout, unless one like it was written not long before. */
static ln_status write_layout(encoder *e, layout *wanted) {
  layout *known = &e->layouts[hash_layout(wanted)];
  if (memcmp(known->words, wanted->words, sizeof wanted->words) != 0) {
    if (e->at % 2 != 0) LN_TRY(advance(e, 1));
    wanted->at = e->at;
    LN_TRY(advance(e, wanted->words[0]));
    put(e, wanted->at, wanted->words, wanted->words[0]);
    *known = *wanted;
  }
  wanted->at = known->at;
  return LN_OK;
}

/* Whether a table points to nothing. */
static bool is_leaf(ln_table_id table) {
  const ln_table_info *info = ln_schema_table(table);
  for (uint16_t i = 0; i < info->field_count; ++i) {
    if (info->fields[i].field_class != LN_CLASS_SCALAR) return false;
  }
  return true;
}

static ln_status write_member(encoder *e, size_t from, const void *object, ln_table_id table) {
  if (!is_leaf(table)) return write_table(e, from, object, table);
  const small what = {object, ln_schema_table(table)->struct_size, from, 0, 0, 0, (uint16_t)table};
  return put_off(e, &what);
}

static ln_status write_vector(encoder *e, size_t from, const ln_vec_u8 *vector, size_t item, ln_table_id table) {
  const size_t bytes = vector->count * item;
  if (table == LN_TABLE_buffer_table) return write_scalars(e, from, vector, item, DATA_ALIGNMENT);
  /* Vectors of int64 are zero points of channels, all alike in the main, and take more room than the scales. */
  if (bytes > SMALL_VECTOR && item != sizeof(int64_t)) return write_scalars(e, from, vector, item, item);
  const small what = {vector->data, bytes, from, 0, vector->count, (uint16_t)item, LN_TABLE_none};
  return put_off(e, &what);
}

static ln_status write_field(encoder *e, size_t at, const ln_field_info *field, const void *object, ln_table_id table) {
  const char *value = (const char *)object + field->offset;
  const void *pointer = NULL;
  ln_vec_u8 scalars;
  ln_vec_ptr pointers;
  switch ((ln_field_class)field->field_class) {
    case LN_CLASS_SCALAR: put(e, at, value, ln_kind_size((ln_kind)field->kind)); return LN_OK;
    case LN_CLASS_VECTOR: {
      const size_t item = ln_kind_size((ln_kind)field->kind);
      memcpy(&scalars, value, sizeof scalars);
      return write_vector(e, at, &scalars, item, table);
    }
    case LN_CLASS_STRINGS:
    case LN_CLASS_TABLES:
      memcpy(&pointers, value, sizeof pointers);
      return write_pointers(e, at, &pointers, (ln_table_id)field->of);
    default: break;
  }
  memcpy(&pointer, value, sizeof pointer);
  if (field->field_class == LN_CLASS_STRING) return write_string(e, at, pointer);
  if (field->field_class == LN_CLASS_TABLE) return write_member(e, at, pointer, (ln_table_id)field->of);
  const uint8_t tag = *((const uint8_t *)object + field[-1].offset); /* the field before a union is its tag */
  const ln_table_id member = ln_schema_union_member((ln_union_id)field->of, tag);
  if (member == LN_TABLE_none)
    return ln_fail(e->err, LN_ERR_INTERNAL, "a union \"%s\" without its tag", ln_field_name(field));
  return write_member(e, at, pointer, member);
}

static ln_status write_table(encoder *e, size_t from, const void *object, ln_table_id table) {
  const ln_table_info *info = ln_schema_table(table);
  layout found;
  const size_t alignment = lay_out(table, object, &found);
  LN_TRY(write_layout(e, &found));
  LN_TRY(place(e, from, 0, alignment));
  const size_t at = e->at;
  e->last_table = at;
  LN_TRY(advance(e, found.words[1]));
  put_u32(e, at, at - found.at);
  for (uint16_t i = 0; i < info->field_count; ++i) {
    const uint16_t offset = found.words[2 + info->fields[i].id];
    if (offset != 0) LN_TRY(write_field(e, at + offset, &info->fields[i], object, table));
  }
  return LN_OK;
}

static bool are_same(const small *a, const small *b) {
  return a->bytes == b->bytes && a->count == b->count && a->item == b->item && a->table == b->table &&
         (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0);
}

static ln_status write_smalls(encoder *e) {
  size_t known[LAYOUTS] = {0}; /* by hash, the one written last and 1 */
  for (size_t i = 0; i < e->small_count; ++i) {
    small *s = &e->smalls[i];
    const uint64_t hash = ln_hash64(s->data, s->bytes) + s->item;
    size_t *place = &known[(hash ^ hash >> 32) % LAYOUTS];
    if (*place != 0 && are_same(&e->smalls[*place - 1], s)) {
      s->at = e->smalls[*place - 1].at;
      put_u32(e, s->from, s->at - s->from);
      continue;
    }
    *place = i + 1;
    if (s->item == 0) {
      LN_TRY(write_table(e, s->from, s->data, (ln_table_id)s->table));
      s->at = e->last_table;
    } else {
      const ln_vec_u8 vector = {s->data, s->count};
      LN_TRY(write_scalars(e, s->from, &vector, s->item, s->item));
      s->at = e->at - OFFSET_BYTES - s->bytes;
    }
  }
  return LN_OK;
}

static ln_status write_root(encoder *e, const void *object, ln_table_id table, const char *identifier) {
  e->at = 2 * OFFSET_BYTES;
  e->small_count = 0;
  memset(e->layouts, 0, LAYOUTS * sizeof *e->layouts);
  put(e, OFFSET_BYTES, identifier, OFFSET_BYTES);
  LN_TRY(write_table(e, 0, object, table));
  return write_smalls(e);
}

ln_status ln_flatbuffer_encode(const void *object, ln_table_id table, const char *identifier, ln_error *err,
                               uint8_t **out, size_t *size) {
  encoder e = {.layouts = ln_alloc_array(LAYOUTS, sizeof(layout)), .err = err};
  if (e.layouts == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory while writing the file");
  ln_status status = write_root(&e, object, table, identifier);
  if (status != LN_OK) goto out;
  *size = e.at;
  e.data = ln_alloc_zero(e.at);
  if (e.data == NULL) {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory for a file of %zu bytes", e.at);
    goto out;
  }
  status = write_root(&e, object, table, identifier);
  if (status == LN_OK) *out = e.data;
  else ln_free(e.data);
out:
  ln_free(e.smalls);
  ln_free(e.layouts);
  return status;
}
