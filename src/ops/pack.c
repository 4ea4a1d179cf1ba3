/*
 * Packed weights by what they are packed from: a small chained hash table. Blocks lie one behind the other in chunks
 * about as large as what is expected, so that their first touch costs few page faults.
 */
#include <string.h>

#include "ops/ops.h"

typedef struct ln_packed {
  struct ln_packed *next;
  const void *key_data;
  const char *form;
  int64_t numbers[4];
  size_t bytes;
  void *block;
  bool is_numbers, is_stored;
} ln_packed;

typedef struct ln_chunk {
  struct ln_chunk *next;
  char *data;
  size_t size, used;
} ln_chunk;

enum { BUCKETS = 256, FIRST_CHUNK = 1 << 16, LEAST_CHUNK = 1 << 18 };

struct ln_pack_cache {
  ln_packed *buckets[BUCKETS];
  ln_chunk *chunks; /* the last made first */
  size_t expected;  /* bytes that the next chunk may have to hold; 0: each block is a chunk */
  size_t bytes, kept;
  ln_pack_store store;
};

static size_t bucket_of(const void *key_data) {
  const uint64_t mixed = (uint64_t)(uintptr_t)key_data * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(mixed >> 32) % BUCKETS;
}

ln_pack_cache *ln_pack_cache_create(size_t expected) {
  ln_pack_cache *cache = ln_alloc_zero(sizeof *cache);
  if (cache != NULL && ln_alloc_is_lazy()) cache->expected = expected;
  return cache;
}

void ln_pack_cache_destroy(ln_pack_cache *cache) {
  if (cache == NULL) return;
  for (size_t i = 0; i < BUCKETS; ++i) {
    while (cache->buckets[i] != NULL) {
      ln_packed *entry = cache->buckets[i];
      cache->buckets[i] = entry->next;
      ln_free(entry);
    }
  }
  while (cache->chunks != NULL) {
    ln_chunk *chunk = cache->chunks;
    cache->chunks = chunk->next;
    ln_free(chunk->data);
    ln_free(chunk);
  }
  ln_free(cache);
}

size_t ln_pack_cache_bytes(const ln_pack_cache *cache) { return cache->bytes; }

static ln_chunk *add_chunk(ln_pack_cache *cache, size_t bytes) {
  ln_chunk *chunk = ln_alloc_zero(sizeof *chunk);
  if (chunk == NULL) return NULL;
  const size_t wanted = cache->chunks == NULL ? FIRST_CHUNK : cache->expected; /* few models pack nothing large */
  chunk->size = bytes > wanted || cache->expected == 0 ? bytes : wanted;
  chunk->data = ln_alloc(chunk->size);
  if (chunk->data == NULL) {
    ln_free(chunk);
    return NULL;
  }
  cache->expected = cache->expected > chunk->size + LEAST_CHUNK ? cache->expected - chunk->size
                    : cache->expected == 0                      ? 0
                                                                : LEAST_CHUNK;
  chunk->next = cache->chunks;
  cache->chunks = chunk;
  return chunk;
}

static void *take_block(ln_pack_cache *cache, size_t bytes) {
  size_t rounded;
  if (!ln_size_align(bytes == 0 ? 1 : bytes, LN_ALIGNMENT, &rounded)) return NULL;
  ln_chunk *chunk = cache->chunks;
  if (chunk == NULL || chunk->size - chunk->used < rounded) chunk = add_chunk(cache, rounded);
  if (chunk == NULL) return NULL;
  char *block = chunk->data + chunk->used;
  chunk->used += rounded;
  if (!ln_alloc_is_huge(chunk->size)) ln_alloc_populate(block, rounded);
  return block;
}

static ln_packed *find(const ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                       size_t bytes) {
  ln_packed *entry = cache->buckets[bucket_of(key_data)];
  for (; entry != NULL; entry = entry->next) {
    if (entry->key_data == key_data && entry->bytes == bytes && strcmp(entry->form, form) == 0 &&
        memcmp(entry->numbers, numbers, sizeof entry->numbers) == 0) {
      break;
    }
  }
  return entry;
}

static void *get(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4], size_t bytes,
                 bool is_numbers, bool *fresh) {
  ln_packed *entry = find(cache, key_data, form, numbers, bytes);
  *fresh = false;
  if (entry != NULL) return entry->block;
  entry = ln_alloc_zero(sizeof *entry);
  if (entry == NULL) return NULL;
  ln_packed **bucket = &cache->buckets[bucket_of(key_data)];
  *entry = (ln_packed){*bucket, key_data, form, {0}, bytes, NULL, is_numbers, false};
  memcpy(entry->numbers, numbers, sizeof entry->numbers);
  if (LN_IS_WHOLE && is_numbers && cache->store.find != NULL) {
    const ln_pack_key key = {key_data, form, numbers, bytes};
    entry->block = (void *)(uintptr_t)cache->store.find(cache->store.user, &key); /* whoever is not fresh only reads */
    entry->is_stored = entry->block != NULL;
  }
  if (entry->block == NULL) {
    entry->block = take_block(cache, bytes);
    *fresh = entry->block != NULL;
  }
  if (entry->block == NULL) {
    ln_free(entry);
    return NULL;
  }
  *bucket = entry;
  cache->bytes += bytes;
  if (LN_IS_WHOLE && entry->is_stored) cache->kept += bytes;
  return entry->block;
}

void *ln_pack_cache_get(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                        size_t bytes, bool *fresh) {
  return get(cache, key_data, form, numbers, bytes, false, fresh);
}

void *ln_pack_cache_get_numbers(ln_pack_cache *cache, const void *key_data, const char *form, const int64_t numbers[4],
                                size_t bytes, bool *fresh) {
  return get(cache, key_data, form, numbers, bytes, true, fresh);
}

void ln_pack_cache_use(ln_pack_cache *cache, const ln_pack_store *store) { cache->store = *store; }

size_t ln_pack_cache_stored_bytes(const ln_pack_cache *cache) { return cache->kept; }

void ln_pack_cache_each(const ln_pack_cache *cache, ln_pack_visit_fn visit, void *context) {
  for (size_t i = 0; i < BUCKETS; ++i) {
    for (const ln_packed *entry = cache->buckets[i]; entry != NULL; entry = entry->next) {
      const ln_pack_key key = {entry->key_data, entry->form, entry->numbers, entry->bytes};
      if (entry->is_numbers) visit(context, &key, entry->block);
    }
  }
}
