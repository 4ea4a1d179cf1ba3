/* HDF5 files: arrays kept in chunks, which may be packed. */
#include <string.h>

#ifdef LN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "import/keras/h5_private.h"

enum { WIDTH = 8, LEVELS_MOST = 24, FILTERS_MOST = 4, CHUNK_MOST = 1 << 30 };
enum { DEFLATE = 1, SHUFFLE = 2, CHECKSUM = 3 };

typedef struct chunks {
  const ln_h5 *file;
  int32_t rank;
  const uint64_t *dims;
  uint32_t width;
  uint64_t chunk[LN_MAX_RANK], chunk_bytes;
  int32_t filters[FILTERS_MOST], filter_count;
  uint8_t *room[2]; /* of one chunk each */
  uint8_t *into;
} chunks;

/* Filters in the order in which they were applied; false for others than these. */
static bool read_filters(chunks *c, uint64_t object) {
  ln_h5_message message;
  if (!ln_h5_find_message(c->file, object, LN_H5_FILTERS, &message)) return true;
  const uint8_t *at = message.data;
  if (message.size < 2 || at[0] < 1 || at[0] > 2 || at[1] > FILTERS_MOST) return false;
  size_t used = at[0] == 1 ? 8 : 2;
  for (int32_t i = 0; i < at[1]; ++i) {
    if (used + 8 > message.size) return false;
    const int32_t id = (int32_t)ln_h5_number(at + used, 2);
    const bool named = at[0] == 1 || id >= 256;
    const size_t name = named ? (size_t)ln_h5_number(at + used + 2, 2) : 0;
    const size_t values = (size_t)ln_h5_number(at + used + (named ? 6 : 4), 2);
    used += (named ? 8 : 6) + (at[0] == 1 ? (name + 7) / 8 * 8 : name) + 4 * values;
    if (at[0] == 1 && values % 2 != 0) used += 4;
    if (used > message.size || id < DEFLATE || id > CHECKSUM) return false;
    c->filters[c->filter_count++] = id;
  }
  return true;
}

static bool inflate_chunk(const uint8_t *from, uint64_t size, uint8_t *into, uint64_t *bytes) {
#ifdef LN_HAVE_ZLIB
  uLongf made = (uLongf)*bytes;
  if (uncompress(into, &made, from, (uLong)size) != Z_OK) return false;
  *bytes = made;
  return true;
#else
  (void)from, (void)size, (void)into, (void)bytes;
  return false;
#endif
}

/* First bytes of all elements first, then the second ones, and so on. */
static void unshuffle(const uint8_t *from, uint64_t bytes, uint32_t width, uint8_t *into) {
  const uint64_t count = bytes / width;
  for (uint64_t i = 0; i < count; ++i) {
    for (uint32_t b = 0; b < width; ++b) into[i * width + b] = from[b * count + i];
  }
  memcpy(into + count * width, from + count * width, (size_t)(bytes - count * width));
}

/* A chunk's bytes without its filters; NULL where they do not come out. */
static const uint8_t *unpacked(const chunks *c, const uint8_t *at, uint64_t size, uint32_t left_out) {
  int32_t turn = 0;
  for (int32_t i = c->filter_count; i-- > 0;) {
    uint64_t bytes = c->chunk_bytes + 4; /* with a checksum */
    if (left_out >> i & 1) continue;
    if (c->filters[i] == CHECKSUM) {
      if (size < 4) return NULL;
      size -= 4;
      continue;
    }
    if (c->filters[i] == SHUFFLE) {
      if (size > bytes) return NULL;
      unshuffle(at, size, c->width, c->room[turn]);
      bytes = size;
    } else if (!inflate_chunk(at, size, c->room[turn], &bytes)) {
      return NULL;
    }
    at = c->room[turn];
    size = bytes;
    turn = !turn;
  }
  return size == c->chunk_bytes ? at : NULL;
}

/* Puts a chunk where it belongs; what reaches over the array's end is left. */
static bool place(const chunks *c, const uint8_t *chunk, const uint64_t *begin) {
  uint64_t index[LN_MAX_RANK] = {0}, run = c->chunk[c->rank - 1];
  for (int32_t i = 0; i < c->rank; ++i) {
    if (begin[i] >= c->dims[i]) return true;
  }
  if (run > c->dims[c->rank - 1] - begin[c->rank - 1]) run = c->dims[c->rank - 1] - begin[c->rank - 1];
  for (uint64_t row = 0; --*c->file->steps > 0; ++row) {
    uint64_t at = 0;
    bool inside = true;
    for (int32_t i = 0; i < c->rank; ++i) {
      const uint64_t here = begin[i] + index[i];
      inside = inside && here < c->dims[i];
      at = at * c->dims[i] + here;
    }
    if (inside) {
      memcpy(c->into + at * c->width, chunk + row * c->chunk[c->rank - 1] * c->width, (size_t)(run * c->width));
    }
    int32_t axis = c->rank - 2;
    while (axis >= 0 && ++index[axis] == c->chunk[axis]) index[axis--] = 0;
    if (axis < 0) return true;
  }
  return false;
}

static bool walk(const chunks *c, uint64_t address, int32_t depth) {
  const uint8_t *node = ln_h5_at(c->file, address, 24);
  if (node == NULL || memcmp(node, "TREE", 4) != 0 || node[4] != 1 || depth > LEVELS_MOST) return false;
  const uint64_t count = ln_h5_number(node + 6, 2), key = 8 + (uint64_t)(c->rank + 1) * WIDTH;
  const uint8_t *at = ln_h5_at(c->file, address + 24, count * (key + WIDTH) + key);
  if (at == NULL) return false;
  for (uint64_t i = 0; i < count; ++i, at += key + WIDTH) {
    const uint64_t child = ln_h5_number(at + key, WIDTH), size = ln_h5_number(at, 4);
    uint64_t begin[LN_MAX_RANK];
    if (node[5] > 0) {
      if (!walk(c, child, depth + 1)) return false;
      continue;
    }
    for (int32_t k = 0; k < c->rank; ++k) begin[k] = ln_h5_number(at + 8 + (uint64_t)k * WIDTH, WIDTH);
    const uint8_t *packed = ln_h5_at(c->file, child, size);
    *c->file->steps -= (int64_t)(c->chunk_bytes / 64); /* unpacking is work, too */
    const uint8_t *chunk = packed == NULL ? NULL : unpacked(c, packed, size, (uint32_t)ln_h5_number(at + 4, 4));
    if (chunk == NULL || !place(c, chunk, begin)) return false;
  }
  return true;
}

static bool read_chunk_shape(chunks *c, const uint8_t *layout, size_t size) {
  if (size < 3 || layout[0] != 3 || layout[1] != 2 || c->rank < 1 || layout[2] != c->rank + 1) return false;
  if (size < 3 + WIDTH + 4 * (size_t)layout[2]) return false;
  c->chunk_bytes = c->width;
  for (int32_t i = 0; i < c->rank; ++i) {
    c->chunk[i] = ln_h5_number(layout + 3 + WIDTH + 4 * i, 4);
    if (c->chunk[i] == 0 || __builtin_mul_overflow(c->chunk_bytes, c->chunk[i], &c->chunk_bytes)) return false;
    if (c->chunk_bytes > CHUNK_MOST) return false;
  }
  return c->chunk_bytes / 1100 <= c->file->size;
}

bool ln_h5_read_chunks(const ln_h5 *file, uint64_t address, const uint8_t *layout, size_t layout_size, int32_t rank,
                       const uint64_t *dims, uint32_t width, uint8_t *into) {
  chunks c = {.file = file, .rank = rank, .dims = dims, .width = width, .into = into};
  uint64_t bytes = width;
  if (!read_chunk_shape(&c, layout, layout_size) || !read_filters(&c, address)) return false;
  for (int32_t i = 0; i < rank; ++i) bytes *= dims[i];
  memset(into, 0, (size_t)bytes); /* chunks that are not there */
  for (int32_t i = 0; i < 2; ++i) c.room[i] = ln_alloc((size_t)c.chunk_bytes + 8);
  const bool good = c.room[0] != NULL && c.room[1] != NULL && walk(&c, ln_h5_number(layout + 3, WIDTH), 0);
  for (int32_t i = 0; i < 2; ++i) ln_free(c.room[i]);
  return good;
}
