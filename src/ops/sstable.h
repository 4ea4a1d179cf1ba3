/*
 * The sorted string table that TensorFlow's checkpoints are kept in (tensorflow/core/lib/io/table_format.txt, which is
 * LevelDB's): blocks of keys and values in rising order of keys, each with a CRC-32C, and an index of the blocks.
 */
#ifndef LN_SSTABLE_H
#define LN_SSTABLE_H

#include "base/base.h"
#include "ir/wire.h"

enum { LN_SSTABLE_KEY_MAX = 4096 };

/* A table in memory; borrows the bytes. */
typedef struct ln_sstable {
  const uint8_t *data;
  size_t size;
  ln_wire index; /* the index block's entries */
} ln_sstable;

/* Whether the bytes end as a table does. */
bool ln_sstable_is(const uint8_t *data, size_t size);
ln_status ln_sstable_open(const uint8_t *data, size_t size, ln_error *err, ln_sstable *out);
/* LN_ERR_NOT_FOUND when there is no such key. */
ln_status ln_sstable_get(const ln_sstable *table, const void *key, size_t key_size, ln_error *err, ln_wire *value);
/* Calls `visit` for every entry in turn until it fails. */
typedef ln_status (*ln_sstable_visit)(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err);
ln_status ln_sstable_each(const ln_sstable *table, ln_sstable_visit visit, void *context, ln_error *err);

/* One to write. */
typedef struct ln_sstable_entry {
  const void *key;
  size_t key_size;
  const void *value;
  size_t value_size;
} ln_sstable_entry;

/* By their keys, as memcmp and strcmp answer. */
int ln_sstable_order(const ln_sstable_entry *a, const ln_sstable_entry *b);
void ln_sstable_sort(ln_sstable_entry *entries, size_t count);
/* Sorts the entries and writes them as a table. LN_ERR_ARGUMENT for equal keys, or one longer than
 * LN_SSTABLE_KEY_MAX. */
ln_status ln_sstable_write(ln_sstable_entry *entries, size_t count, ln_error *err, ln_bytes *out);

/* A CRC as it stands in files: rotated and moved, so that a CRC over bytes that hold CRCs stays good. */
uint32_t ln_crc32c_mask(uint32_t crc);

#endif
