/*
 * The zip archive that tools append to a model (its associated files). It moves when the model's size changes, and
 * with it the offsets in its central directory.
 */
#include <string.h>

#include "format/write.h"

enum {
  END_RECORD = 22,
  ENTRY = 46,
  LONGEST_COMMENT = 0xffff,
  END_MAGIC = 0x06054b50,
  ENTRY_MAGIC = 0x02014b50,
  LOCAL_MAGIC = 0x04034b50
};

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }
static uint32_t get32(const uint8_t *at) { return get16(at) | get16(at + 2) << 16; }

static void set32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(value >> (8 * i));
}

/* The record that ends an archive, found by its comment reaching to the end of the file. */
static bool find_end_record(const uint8_t *file, size_t size, size_t *out) {
  for (size_t comment = 0; comment <= LONGEST_COMMENT && comment + END_RECORD <= size; ++comment) {
    const uint8_t *at = file + size - comment - END_RECORD;
    if (get32(at) != END_MAGIC || get16(at + 20) != comment) continue;
    *out = (size_t)(at - file);
    return true;
  }
  return false;
}

/* The next entry of the central directory after the one at `at`; false when it does not lie in the directory. */
static bool next_entry(const uint8_t *file, size_t end, size_t *at) {
  if (end - *at < ENTRY || get32(file + *at) != ENTRY_MAGIC) return false;
  const size_t bytes =
      ENTRY + (size_t)get16(file + *at + 28) + (size_t)get16(file + *at + 30) + (size_t)get16(file + *at + 32);
  if (bytes > end - *at) return false;
  *at += bytes;
  return true;
}

bool ln_zip_tail_find(const uint8_t *file, size_t size, ln_zip_tail *out) {
  size_t end_record;
  if (file == NULL || !find_end_record(file, size, &end_record)) return false;
  const uint32_t directory_bytes = get32(file + end_record + 12), directory_offset = get32(file + end_record + 16);
  if (directory_bytes > end_record || directory_offset > end_record - directory_bytes) return false;
  ln_zip_tail tail = {0, size, end_record - directory_bytes, end_record, 0, get16(file + end_record + 10)};
  tail.base = tail.directory - directory_offset;
  tail.begin = tail.directory;
  size_t at = tail.directory;
  for (uint32_t i = 0; i < tail.entries; ++i) {
    const size_t entry = at;
    if (!next_entry(file, end_record, &at)) return false;
    const size_t local = get32(file + entry + 42);
    if (local > tail.directory - tail.base) return false;
    const size_t place = tail.base + local;
    if (place + 4 > tail.directory || get32(file + place) != LOCAL_MAGIC) return false;
    if (place < tail.begin) tail.begin = place;
  }
  *out = tail;
  return at == end_record;
}

/* An offset of the archive in the new file; false when it does not fit 32 bits. */
static bool move_offset(const ln_zip_tail *tail, size_t at, uint8_t *field) {
  const size_t moved = tail->base + get32(field) - tail->begin + at;
  if (moved >= UINT32_MAX) return false;
  set32(field, (uint32_t)moved);
  return true;
}

bool ln_zip_tail_copy(const uint8_t *file, const ln_zip_tail *tail, size_t at, uint8_t *out) {
  memcpy(out, file + tail->begin, tail->end - tail->begin);
  size_t entry = tail->directory;
  for (uint32_t i = 0; i < tail->entries; ++i) {
    if (!move_offset(tail, at, out + (entry - tail->begin) + 42)) return false;
    if (!next_entry(file, tail->end_record, &entry)) return false;
  }
  return move_offset(tail, at, out + (tail->end_record - tail->begin) + 16);
}
