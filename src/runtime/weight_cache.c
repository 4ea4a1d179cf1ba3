/*
 * The file: a header, an entry for each block, then the blocks. Header and entries have one checksum, each block its
 * own, looked at when the block is first asked for. Only blocks of plain numbers are kept, so that a file which was
 * made to harm can make results wrong, as a model can, and nothing else.
 */
#include "runtime/weight_cache.h"

#include <stdio.h>
#include <string.h>

#include "linnet/version.h"

enum {
  LAYOUT = 1, /* raised when what a kernel packs under the same name changes */
  MOST_ENTRIES = 1 << 16,
  PATH_BYTES = 4096
};

typedef struct file_header {
  char magic[8];
  uint64_t bytes;              /* of the whole file */
  uint64_t model, model_bytes; /* content and size */
  uint64_t maker;              /* library, layout and CPU tier */
  uint64_t count;              /* of entries */
  uint64_t reserved;
  uint64_t checksum; /* of the header up to here, and of the entries */
} file_header;

typedef struct file_entry {
  uint64_t source, form; /* what was packed, and how: a hash of the form's name */
  int64_t numbers[4];
  uint64_t offset, bytes, checksum;
  uint64_t reserved;
} file_entry;

_Static_assert(sizeof(file_header) % 8 == 0 && sizeof(file_entry) % 8 == 0, "entries lie aligned behind the header");

struct ln_weight_cache {
  char path[PATH_BYTES];
  uint64_t model, maker;
  size_t model_bytes;
  ln_weight_source_fn source;
  const void *context;
  ln_file_map map;           /* of size 0 when there is no good file */
  const file_entry *entries; /* [count] in the map */
  size_t count;
};

static const char MAGIC[8] = "LNPACK1";

static uint64_t maker_of_this(void) {
  char text[128];
  const int length = snprintf(text, sizeof text, "%s layout %d on %s, %zu-bit, %s", ln_version(), LAYOUT,
                              ln_isa_name(ln_cpu_isa()), 8 * sizeof(void *), __VERSION__);
  return ln_hash64(text, length < 0 ? 0 : strlen(text));
}

static bool name_file(ln_weight_cache *cache, const ln_model *model, const char *place) {
  int length;
  const size_t at = strlen(place);
  if (at == 0) {
    if (model->path == NULL) return false;
    length = snprintf(cache->path, sizeof cache->path, "%s.lnpack", model->path);
  } else if (place[at - 1] == '/' || ln_file_is_folder(place)) {
    length = snprintf(cache->path, sizeof cache->path, "%s/%016llx.lnpack", place, (unsigned long long)cache->model);
  } else {
    length = snprintf(cache->path, sizeof cache->path, "%s", place);
  }
  return length > 0 && (size_t)length < sizeof cache->path;
}

static uint64_t checksum_of(const file_header *header, const file_entry *entries, size_t count) {
  const uint64_t parts[2] = {ln_hash64(header, offsetof(file_header, checksum)),
                             ln_hash64(entries, count * sizeof *entries)}; /* fits: bounded by what holds them */
  return ln_hash64(parts, sizeof parts);
}

/* Whether the file is whole, of this model and made by this library; every entry's block then lies in it. */
static bool is_good(ln_weight_cache *cache) {
  const size_t size = cache->map.size;
  file_header header;
  if (size < sizeof header) return false;
  memcpy(&header, cache->map.data, sizeof header);
  if (memcmp(header.magic, MAGIC, sizeof header.magic) != 0 || header.bytes != size) return false;
  if (header.model != cache->model || header.model_bytes != cache->model_bytes || header.maker != cache->maker) {
    return false;
  }
  if (header.count > MOST_ENTRIES || header.count > (size - sizeof header) / sizeof(file_entry)) return false;
  const file_entry *entries = (const file_entry *)(const void *)(cache->map.data + sizeof header);
  if (header.checksum != checksum_of(&header, entries, (size_t)header.count)) return false;
  for (size_t i = 0; i < header.count; ++i) {
    if (entries[i].offset % LN_ALIGNMENT != 0 || entries[i].offset > size) return false;
    if (entries[i].bytes > size - entries[i].offset) return false;
  }
  cache->entries = entries;
  cache->count = (size_t)header.count;
  return true;
}

ln_weight_cache *ln_weight_cache_open(const ln_model *model, const char *place, ln_weight_source_fn source,
                                      const void *context) {
  ln_weight_cache *cache = ln_alloc_zero(sizeof *cache);
  if (cache == NULL) return NULL;
  cache->model = ln_hash64(model->map.data, model->map.size);
  cache->model_bytes = model->map.size;
  cache->maker = maker_of_this();
  cache->source = source;
  cache->context = context;
  if (!name_file(cache, model, place)) {
    ln_free(cache);
    return NULL;
  }
  ln_error why;
  if (ln_file_map_open(cache->path, &why, &cache->map) == LN_OK && !is_good(cache)) ln_file_map_close(&cache->map);
  return cache;
}

void ln_weight_cache_close(ln_weight_cache *cache) {
  if (cache == NULL) return;
  ln_file_map_close(&cache->map);
  ln_free(cache);
}

/* What an entry is found by. */
static file_entry entry_of(const ln_weight_cache *cache, const ln_pack_key *key) {
  file_entry entry = {.source = cache->source(cache->context, key->key_data),
                      .form = ln_hash64(key->form, strlen(key->form)),
                      .bytes = key->bytes};
  memcpy(entry.numbers, key->numbers, sizeof entry.numbers);
  return entry;
}

static bool is_same(const file_entry *a, const file_entry *b) {
  return a->source == b->source && a->form == b->form && a->bytes == b->bytes &&
         memcmp(a->numbers, b->numbers, sizeof a->numbers) == 0;
}

const void *ln_weight_cache_find(void *user, const ln_pack_key *key) {
  const ln_weight_cache *cache = user;
  if (cache->count == 0) return NULL;
  const file_entry wanted = entry_of(cache, key);
  for (size_t i = 0; wanted.source != 0 && i < cache->count; ++i) {
    const file_entry *entry = &cache->entries[i];
    if (!is_same(entry, &wanted)) continue;
    const uint8_t *block = cache->map.data + entry->offset;
    return ln_hash64(block, (size_t)entry->bytes) == entry->checksum ? block : NULL;
  }
  return NULL;
}

/* ---- writing ---- */

typedef struct writer {
  ln_weight_cache *cache;
  file_entry *entries;
  ln_piece *pieces; /* header, entries, then a gap and a block for each entry */
  size_t count, capacity;
  uint64_t end;          /* of the file so far */
  size_t known, missing; /* bytes that the file holds, and that it does not */
  bool chose;            /* a choice is missing: few bytes, but they took time to make */
} writer;

static const char gap[LN_ALIGNMENT];

static void count_block(void *context, const ln_pack_key *key, const void *block) {
  (void)key;
  (void)block;
  ++((writer *)context)->capacity;
}

static void add_block(void *context, const ln_pack_key *key, const void *block) {
  writer *w = context;
  file_entry entry = entry_of(w->cache, key);
  if (entry.source == 0) return;
  const uint8_t *from = block;
  const ln_file_map *map = &w->cache->map;
  if (map->size > 0 && from >= map->data && from < map->data + map->size) w->known += key->bytes;
  else {
    w->missing += key->bytes;
    w->chose = w->chose || key->key_data == NULL;
  }
  const uint64_t offset = (w->end + LN_ALIGNMENT - 1) / LN_ALIGNMENT * LN_ALIGNMENT;
  w->pieces[2 + 2 * w->count] = (ln_piece){gap, (size_t)(offset - w->end)};
  w->pieces[3 + 2 * w->count] = (ln_piece){block, key->bytes};
  entry.offset = offset;
  entry.checksum = ln_hash64(block, key->bytes);
  w->entries[w->count++] = entry;
  w->end = offset + key->bytes;
}

void ln_weight_cache_save(ln_weight_cache *cache, const ln_pack_cache *packs) {
  writer w = {.cache = cache};
  ln_error why;
  ln_pack_cache_each(packs, count_block, &w);
  if (w.capacity == 0 || w.capacity > MOST_ENTRIES) return;
  w.entries = ln_alloc_array(w.capacity, sizeof *w.entries);
  w.pieces = ln_alloc_array(2 * w.capacity + 2, sizeof *w.pieces);
  if (w.entries == NULL || w.pieces == NULL) goto out;
  /* Room for all entries: those that are left out leave zeros between the entries and the blocks. */
  w.end = sizeof(file_header) + w.capacity * sizeof *w.entries;
  ln_pack_cache_each(packs, add_block, &w);
  if (!w.chose && w.missing <= w.known / 8) goto out; /* nothing that is worth a new file */
  file_header header = {.bytes = w.end,
                        .model = cache->model,
                        .model_bytes = cache->model_bytes,
                        .maker = cache->maker,
                        .count = w.count};
  memcpy(header.magic, MAGIC, sizeof header.magic);
  header.checksum = checksum_of(&header, w.entries, w.count);
  w.pieces[0] = (ln_piece){&header, sizeof header};
  w.pieces[1] = (ln_piece){w.entries, w.capacity * sizeof *w.entries};
  if (ln_file_write_pieces(cache->path, w.pieces, 2 + 2 * w.count, &why) != LN_OK) {
    ln_log(LN_LOG_WARNING, "packed weights are not kept: %s", why.message);
  }
out:
  ln_free(w.entries);
  ln_free(w.pieces);
}
