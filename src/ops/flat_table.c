/* FlatBuffers of other schemas: see ops/flat_table.h. */
#include "ops/flat_table.h"

static bool within(const ln_flat_table *table, size_t at, size_t bytes) {
  return at <= table->size && bytes <= table->size - at;
}

static uint32_t read_u16(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }

/* Follows the offset that stands at `at`. */
static bool follow(const ln_flat_table *table, size_t at, size_t *out) {
  if (!within(table, at, 4)) return false;
  const uint32_t offset = ln_flat_u32(table->data + at);
  if (offset == 0 || !within(table, at, offset)) return false;
  *out = at + offset;
  return true;
}

bool ln_flat_open(const void *data, size_t size, ln_flat_table *out) {
  *out = (ln_flat_table){data, size, 0};
  return data != NULL && follow(out, 0, &out->at) && within(out, out->at, 4);
}

/* Where a field of `bytes` stands; 0 when it is absent or out of the buffer. */
static size_t place(const ln_flat_table *table, int32_t field, size_t bytes) {
  const int64_t vtable = (int64_t)table->at - (int32_t)ln_flat_u32(table->data + table->at);
  const size_t entry = 4 + 2 * (size_t)field;
  if (vtable < 0 || !within(table, (size_t)vtable, 4)) return 0;
  const uint8_t *entries = table->data + vtable;
  if (entry + 2 > read_u16(entries) || !within(table, (size_t)vtable, entry + 2)) return 0;
  const uint32_t offset = read_u16(entries + entry);
  if (offset == 0 || !within(table, table->at, offset) || !within(table, table->at + offset, bytes)) return 0;
  return table->at + offset;
}

uint32_t ln_flat_get_u32(const ln_flat_table *table, int32_t field, uint32_t otherwise) {
  const size_t at = place(table, field, 4);
  return at == 0 ? otherwise : ln_flat_u32(table->data + at);
}

bool ln_flat_get_bool(const ln_flat_table *table, int32_t field, bool otherwise) {
  const size_t at = place(table, field, 1);
  return at == 0 ? otherwise : table->data[at] != 0;
}

static bool vector_at(const ln_flat_table *table, size_t at, size_t item_bytes, ln_flat_vector *out) {
  size_t start, bytes;
  if (!follow(table, at, &start) || !within(table, start, 4)) return false;
  out->count = ln_flat_u32(table->data + start);
  out->items = table->data + start + 4;
  return ln_size_mul(out->count, item_bytes, &bytes) && within(table, start + 4, bytes);
}

bool ln_flat_get_vector(const ln_flat_table *table, int32_t field, size_t item_bytes, ln_flat_vector *out) {
  const size_t at = place(table, field, 4);
  *out = (ln_flat_vector){table->data, 0};
  return at == 0 || vector_at(table, at, item_bytes, out);
}

bool ln_flat_get_string(const ln_flat_table *table, int32_t field, ln_span *out) {
  ln_flat_vector bytes;
  *out = (ln_span){"", 0};
  if (!ln_flat_get_vector(table, field, 1, &bytes)) return false;
  *out = (ln_span){(const char *)bytes.items, bytes.count};
  return true;
}

bool ln_flat_string_at(const ln_flat_table *table, ln_flat_vector strings, size_t index, ln_span *out) {
  ln_flat_vector bytes;
  if (index >= strings.count) return false;
  if (!vector_at(table, (size_t)(strings.items - table->data) + 4 * index, 1, &bytes)) return false;
  *out = (ln_span){(const char *)bytes.items, bytes.count};
  return true;
}

bool ln_flat_get_table(const ln_flat_table *table, int32_t field, ln_flat_table *out) {
  const size_t at = place(table, field, 4);
  *out = *table;
  return at != 0 && follow(table, at, &out->at) && within(out, out->at, 4);
}
