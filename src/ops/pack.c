/* Packed weights by what they are packed from: a small chained hash table. */
#include <string.h>

#include "ops/ops.h"

typedef struct ln_packed {
  struct ln_packed *next;
  const void *key_data;
  const char *form;
  int64_t numbers[4];
  size_t bytes;
  void *block;
} ln_packed;

enum { BUCKETS = 256 };

struct ln_pack_cache {
  ln_packed *buckets[BUCKETS];
  size_t bytes;
};

static size_t bucket_of(const void *key_data) {
  const uint64_t mixed = (uint64_t)(uintptr_t)key_data * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(mixed >> 32) % BUCKETS;
}

ln_pack_cache *ln_pack_cache_create(void) { return ln_alloc_zero(sizeof(ln_pack_cache)); }

void ln_pack_cache_destroy(ln_pack_cache *cache) {
  if (cache == NULL) return;
  for (size_t i = 0; i < BUCKETS; ++i) {
    while (cache->buckets[i] != NULL) {
      ln_packed *entry = cache->buckets[i];
      cache->buckets[i] = entry->next;
      ln_free(entry->block);
      ln_free(entry);
    }
  }
  ln_free(cache);
}

size_t ln_pack_cache_bytes(const ln_pack_cache *cache) { return cache->bytes; }

void *ln_pack_cache_get(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                        size_t bytes, bool *fresh) {
  ln_packed **bucket = &cache->buckets[bucket_of(key_data)];
  for (ln_packed *entry = *bucket; entry != NULL; entry = entry->next) {
    if (entry->key_data == key_data && entry->bytes == bytes && strcmp(entry->form, form) == 0 &&
        memcmp(entry->numbers, numbers, sizeof entry->numbers) == 0) {
      *fresh = false;
      return entry->block;
    }
  }
  ln_packed *entry = ln_alloc_zero(sizeof *entry);
  void *block = ln_alloc(bytes);
  if (entry == NULL || block == NULL) {
    ln_free(entry);
    ln_free(block);
    return NULL;
  }
  *entry = (ln_packed){*bucket, key_data, form, {0}, bytes, block};
  memcpy(entry->numbers, numbers, sizeof entry->numbers);
  *bucket = entry;
  cache->bytes += bytes;
  *fresh = true;
  return block;
}
