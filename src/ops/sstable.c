/* Reader and writer of sorted string tables (sstable.h). */
#include "ops/sstable.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t MAGIC = UINT64_C(0xDB4775248B80FB57);
enum { FOOTER = 48, TRAILER = 5, RESTART_INTERVAL = 16, BLOCK_BYTES = 256 * 1024 };

uint32_t ln_crc32c_mask(uint32_t crc) { return (crc >> 15 | crc << 17) + UINT32_C(0xA282EAD8); }

/* ---- reading ---- */

static uint64_t magic_of(const uint8_t *data, size_t size) {
  ln_wire wire = ln_wire_of(data + size - 8, 8);
  uint64_t magic = 0;
  ln_wire_fixed(&wire, 8, &magic);
  return magic;
}

bool ln_sstable_is(const uint8_t *data, size_t size) { return size >= FOOTER && magic_of(data, size) == MAGIC; }

/* The entries of the block at `offset`, its CRC checked and its restart points left out. */
static ln_status open_block(const ln_sstable *table, uint64_t offset, uint64_t size, ln_error *err, ln_wire *out) {
  if (offset > table->size || size > table->size - offset || table->size - offset - size < TRAILER || size < 4) {
    return ln_fail(err, LN_ERR_DATA, "a block of the table lies outside the file");
  }
  const uint8_t *data = table->data + offset;
  ln_wire trailer = ln_wire_of(data + size + 1, 4), tail = ln_wire_of(data + size - 4, 4);
  uint64_t crc = 0, restarts = 0;
  ln_wire_fixed(&trailer, 4, &crc);
  ln_wire_fixed(&tail, 4, &restarts);
  if (data[size] != 0) return ln_fail(err, LN_ERR_UNSUPPORTED, "the table is compressed (method %d)", data[size]);
  if (ln_crc32c_mask(ln_crc32c(0, data, (size_t)size + 1)) != crc) {
    return ln_fail(err, LN_ERR_DATA, "a block of the table is damaged");
  }
  if (restarts > (size - 4) / 4) return ln_fail(err, LN_ERR_DATA, "a block of the table is malformed");
  *out = ln_wire_of(data, (size_t)(size - 4 - 4 * restarts));
  return LN_OK;
}

ln_status ln_sstable_open(const uint8_t *data, size_t size, ln_error *err, ln_sstable *out) {
  if (!ln_sstable_is(data, size)) return ln_fail(err, LN_ERR_DATA, "the file is no table of TensorFlow's");
  *out = (ln_sstable){data, size - FOOTER, {NULL, NULL}};
  ln_wire footer = ln_wire_of(data + size - FOOTER, FOOTER - 8);
  uint64_t handle[4];
  for (int32_t i = 0; i < 4; ++i) {
    if (!ln_wire_varint(&footer, &handle[i])) return ln_fail(err, LN_ERR_DATA, "the table's end is malformed");
  }
  return open_block(out, handle[2], handle[3], err, &out->index);
}

/* A place in a block: the entry's key is made from the one before it. */
typedef struct cursor {
  ln_wire left;
  uint8_t key[LN_SSTABLE_KEY_MAX];
  size_t key_size;
  ln_wire value;
} cursor;

static ln_status next_entry(cursor *c, ln_error *err) {
  uint64_t shared, own, value_size;
  if (!ln_wire_varint(&c->left, &shared) || !ln_wire_varint(&c->left, &own) || !ln_wire_varint(&c->left, &value_size) ||
      shared > c->key_size || own > LN_SSTABLE_KEY_MAX - shared || own > ln_wire_left(&c->left) ||
      value_size > ln_wire_left(&c->left) - own) {
    return ln_fail(err, LN_ERR_DATA, "a block of the table is malformed");
  }
  memcpy(c->key + shared, c->left.at, (size_t)own);
  c->key_size = (size_t)(shared + own);
  c->left.at += own;
  c->value = (ln_wire){c->left.at, c->left.at + value_size};
  c->left.at += value_size;
  return LN_OK;
}

static int compare_keys(const void *a, size_t a_size, const void *b, size_t b_size) {
  const size_t common = a_size < b_size ? a_size : b_size;
  const int order = common == 0 ? 0 : memcmp(a, b, common);
  if (order != 0) return order;
  return a_size < b_size ? -1 : a_size > b_size;
}

static ln_status block_of(const ln_sstable *table, ln_wire handle, ln_error *err, ln_wire *out) {
  uint64_t offset, size;
  if (!ln_wire_varint(&handle, &offset) || !ln_wire_varint(&handle, &size)) {
    return ln_fail(err, LN_ERR_DATA, "the table's index is malformed");
  }
  return open_block(table, offset, size, err, out);
}

ln_status ln_sstable_get(const ln_sstable *table, const void *key, size_t key_size, ln_error *err, ln_wire *value) {
  cursor blocks = {.left = table->index}, entries = {.key_size = 0};
  do { /* the first block whose last key is not before `key` */
    if (ln_wire_left(&blocks.left) == 0) return ln_fail(err, LN_ERR_NOT_FOUND, "the table has no such key");
    LN_TRY(next_entry(&blocks, err));
  } while (compare_keys(blocks.key, blocks.key_size, key, key_size) < 0);
  LN_TRY(block_of(table, blocks.value, err, &entries.left));
  while (ln_wire_left(&entries.left) > 0) {
    LN_TRY(next_entry(&entries, err));
    if (compare_keys(entries.key, entries.key_size, key, key_size) != 0) continue;
    *value = entries.value;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_NOT_FOUND, "the table has no such key");
}

ln_status ln_sstable_each(const ln_sstable *table, ln_sstable_visit visit, void *context, ln_error *err) {
  cursor blocks = {.left = table->index};
  while (ln_wire_left(&blocks.left) > 0) {
    cursor entries = {.key_size = 0};
    LN_TRY(next_entry(&blocks, err));
    LN_TRY(block_of(table, blocks.value, err, &entries.left));
    while (ln_wire_left(&entries.left) > 0) {
      LN_TRY(next_entry(&entries, err));
      LN_TRY(visit(context, entries.key, entries.key_size, entries.value, err));
    }
  }
  return LN_OK;
}

/* ---- writing ---- */

static void put_fixed32(ln_bytes *out, uint32_t value) {
  for (int32_t i = 0; i < 4; ++i) ln_bytes_byte(out, (uint8_t)(value >> (8 * i)));
}

typedef struct block {
  size_t start, entries;
  ln_bytes restarts;
} block;

static void begin_block(block *b, const ln_bytes *out) {
  b->start = out->size;
  b->entries = 0;
  b->restarts.size = 0;
}

/* No key shares its beginning with the one before it: readers take that as it is. */
static void put_entry(block *b, ln_bytes *out, const ln_sstable_entry *entry) {
  if (b->entries++ % RESTART_INTERVAL == 0) put_fixed32(&b->restarts, (uint32_t)(out->size - b->start));
  ln_wire_put_varint(out, 0);
  ln_wire_put_varint(out, entry->key_size);
  ln_wire_put_varint(out, entry->value_size);
  ln_bytes_add(out, entry->key, entry->key_size);
  ln_bytes_add(out, entry->value, entry->value_size);
}

/* Ends the block and gives its place in the file as two varints. */
static void end_block(block *b, ln_bytes *out, ln_bytes *handle) {
  if (b->restarts.size == 0) put_fixed32(&b->restarts, 0);
  out->failed = out->failed || b->restarts.failed;
  ln_bytes_add(out, b->restarts.data, b->restarts.size);
  put_fixed32(out, (uint32_t)(b->restarts.size / 4));
  ln_wire_put_varint(handle, b->start);
  ln_wire_put_varint(handle, out->size - b->start);
  ln_bytes_byte(out, 0); /* not compressed */
  if (!out->failed) put_fixed32(out, ln_crc32c_mask(ln_crc32c(0, out->data + b->start, out->size - b->start)));
}

int ln_sstable_order(const ln_sstable_entry *a, const ln_sstable_entry *b) {
  return compare_keys(a->key, a->key_size, b->key, b->key_size);
}

static int by_key(const void *a, const void *b) { return ln_sstable_order(a, b); }

void ln_sstable_sort(ln_sstable_entry *entries, size_t count) {
  if (count > 0) qsort(entries, count, sizeof *entries, by_key);
}

static ln_status sort(ln_sstable_entry *entries, size_t count, ln_error *err) {
  ln_sstable_sort(entries, count);
  for (size_t i = 0; i < count; ++i) {
    if (entries[i].key_size > LN_SSTABLE_KEY_MAX) return ln_fail(err, LN_ERR_ARGUMENT, "a name is too long");
    if (i > 0 && by_key(&entries[i - 1], &entries[i]) == 0) return ln_fail(err, LN_ERR_ARGUMENT, "a name stands twice");
  }
  return LN_OK;
}

ln_status ln_sstable_write(ln_sstable_entry *entries, size_t count, ln_error *err, ln_bytes *out) {
  ln_bytes index = {0}, handle = {0}, footer = {0};
  block data = {0}, list = {0};
  ln_status status = sort(entries, count, err);
  if (status != LN_OK) return status;
  begin_block(&list, &index);
  for (size_t i = 0; i < count;) {
    const size_t start = out->size;
    begin_block(&data, out);
    do put_entry(&data, out, &entries[i++]);
    while (i < count && out->size - start < BLOCK_BYTES && !out->failed);
    handle.size = 0;
    end_block(&data, out, &handle);
    put_entry(&list, &index,
              &(ln_sstable_entry){entries[i - 1].key, entries[i - 1].key_size, handle.data, handle.size});
  }
  begin_block(&data, out); /* the index of other indices, of which there are none */
  end_block(&data, out, &footer);
  /* The index block's bytes are those gathered, at the end of the file. */
  list.start = out->size;
  out->failed = out->failed || index.failed || handle.failed;
  ln_bytes_add(out, index.data, index.size);
  end_block(&list, out, &footer);
  while (footer.size < FOOTER - 8 && !footer.failed) ln_bytes_byte(&footer, 0);
  for (int32_t i = 0; i < 8; ++i) ln_bytes_byte(&footer, (uint8_t)(MAGIC >> (8 * i)));
  ln_bytes_add(out, footer.data, footer.size);
  if (out->failed || footer.failed) status = ln_fail(err, LN_ERR_MEMORY, "no memory for a table");
  ln_bytes_free(&index);
  ln_bytes_free(&handle);
  ln_bytes_free(&footer);
  ln_bytes_free(&data.restarts);
  ln_bytes_free(&list.restarts);
  return status;
}
