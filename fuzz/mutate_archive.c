/* One file of an archive changed by what it holds; all are stored as they are, without checksums. */
#include "io/io.h"
#include "mutate_sink.h"
#include "mutate_source.h"

enum { MOST_FILES = 64 };

typedef struct member {
  char name[120];
  void *data;
  size_t size;
} member;

static void put16(mutate_sink *out, uint32_t value) {
  mutate_put(out, (const uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

static void put32(mutate_sink *out, uint32_t value) {
  put16(out, value);
  put16(out, value >> 16);
}

/* What a file's own header and its entry in the list share. */
static void put_header(mutate_sink *out, const member *file) {
  put16(out, 20);
  put32(out, 0); /* no flags, stored */
  put32(out, 0); /* the time */
  put32(out, 0); /* the checksum */
  put32(out, (uint32_t)file->size);
  put32(out, (uint32_t)file->size);
  put16(out, (uint32_t)strlen(file->name));
  put16(out, 0);
}

static void put_archive(mutate_sink *out, const member *files, uint32_t count) {
  uint32_t begins[MOST_FILES];
  for (uint32_t i = 0; i < count; ++i) {
    begins[i] = (uint32_t)out->size;
    mutate_put(out, "PK\3\4", 4);
    put_header(out, &files[i]);
    mutate_put(out, files[i].name, strlen(files[i].name));
    mutate_put(out, files[i].data, files[i].size);
  }
  const uint32_t list = (uint32_t)out->size;
  for (uint32_t i = 0; i < count; ++i) {
    mutate_put(out, "PK\1\2", 4);
    put16(out, 20);
    put_header(out, &files[i]);
    put16(out, 0); /* no comment */
    put32(out, 0); /* disk, attributes inside */
    put32(out, 0);
    put32(out, begins[i]);
    mutate_put(out, files[i].name, strlen(files[i].name));
  }
  const uint32_t bytes = (uint32_t)out->size - list;
  mutate_put(out, "PK\5\6", 4);
  put32(out, 0);
  put16(out, count);
  put16(out, count);
  put32(out, bytes);
  put32(out, list);
  put16(out, 0);
}

/* Changes the file's bytes, in a block with some room. */
static void change(const mutate_chance *chance, member *file) {
  mutate_sink bytes = mutate_sink_open(file->size + file->size / 4 + 256);
  mutate_put(&bytes, file->data, file->size);
  if (bytes.failed) return;
  size_t size = 0;
  if (chance->random() % 16 != 0) size = mutate_json(chance, bytes.data, bytes.size, bytes.room);
  if (size == 0 && chance->random() % 2 == 0) size = mutate_archive(chance, bytes.data, bytes.size, bytes.room);
  if (size == 0) size = chance->bytes(bytes.data, bytes.size, bytes.room);
  ln_free(file->data);
  file->data = bytes.data;
  file->size = size;
}

static uint32_t read_members(const uint8_t *data, size_t size, member *files) {
  uint32_t count = 0;
  ln_error err;
  for (int32_t i = 0; i < MOST_FILES; ++i) {
    member *file = &files[count];
    if (ln_zip_name(data, size, i, file->name, sizeof file->name) &&
        ln_zip_read(data, size, file->name, 1 << 20, &err, &file->data, &file->size) == LN_OK) {
      ++count;
    }
  }
  return count;
}

size_t mutate_archive(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size) {
  if (size < 4 || memcmp(data, "PK\3\4", 4) != 0) return 0;
  member files[MOST_FILES];
  uint32_t count = read_members(data, size, files);
  mutate_sink out = mutate_sink_open(max_size);
  out.failed = out.failed || count == 0;
  if (count > 0) {
    const uint32_t pick = chance->random() % count;
    uint32_t texts = pick;
    for (uint32_t i = 0; i < count && chance->random() % 4 != 0; ++i) { /* rather one with structure */
      if (files[i].size > 0 && *(const char *)files[i].data == '{') texts = i;
    }
    change(chance, &files[texts]);
    put_archive(&out, files, count);
  }
  for (uint32_t i = 0; i < count; ++i) ln_free(files[i].data);
  return mutate_sink_close(&out, data);
}
