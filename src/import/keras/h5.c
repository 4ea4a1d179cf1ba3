/* HDF5 files: objects by path, their messages, groups of both kinds. */
#include <string.h>

#include "import/keras/h5_private.h"

enum { STEPS_MOST = 1 << 26, LEVELS_MOST = 24, WIDTH = 8 /* of addresses and lengths */ };

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool ln_h5_is(const void *data, size_t size) {
  return size >= sizeof signature && memcmp(data, signature, sizeof signature) == 0;
}

const uint8_t *ln_h5_at(const ln_h5 *file, uint64_t address, uint64_t bytes) {
  if (address > file->size || bytes > file->size - address) return NULL;
  if (--*file->steps < 0) return NULL;
  return file->data + address;
}

static bool is_marked(const uint8_t *at, const char *mark) { return at != NULL && memcmp(at, mark, 4) == 0; }

/* ---- the file ---- */

/* Where the superblock says that the root group is. */
static bool find_root(ln_h5 *file) {
  const uint8_t *at = ln_h5_at(file, 0, 48);
  if (at == NULL) return false;
  const bool is_old = at[8] < 2;
  if (at[8] > 3 || at[is_old ? 13 : 9] != WIDTH || at[is_old ? 14 : 10] != WIDTH) return false;
  if (!is_old) {
    file->root = ln_h5_number(at + 36, WIDTH);
    return ln_h5_number(at + 12, WIDTH) == 0;
  }
  const uint64_t first = at[8] == 1 ? 28 : 24; /* addresses: base, free space, end, driver, then the root's entry */
  const uint8_t *addresses = ln_h5_at(file, first, 6 * WIDTH);
  if (addresses == NULL || ln_h5_number(addresses, WIDTH) != 0) return false;
  file->root = ln_h5_number(addresses + 5 * WIDTH, WIDTH);
  return true;
}

ln_status ln_h5_open(const void *data, size_t size, ln_error *err, ln_h5 **out) {
  *out = NULL;
  if (!ln_h5_is(data, size)) return ln_fail(err, LN_ERR_FORMAT, "not an HDF5 file");
  ln_h5 *file = ln_alloc(sizeof *file);
  int64_t *steps = ln_alloc(sizeof *steps);
  if (file == NULL || steps == NULL) {
    ln_free(file);
    ln_free(steps);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  *steps = STEPS_MOST;
  *file = (ln_h5){data, size, 0, steps};
  ln_h5_messages messages;
  if (find_root(file) && ln_h5_open_object(file, file->root, &messages)) {
    *out = file;
    return LN_OK;
  }
  ln_h5_close(file);
  return ln_fail(err, LN_ERR_FORMAT, "the HDF5 file is damaged or cut short");
}

void ln_h5_close(ln_h5 *file) {
  if (file == NULL) return;
  ln_free(file->steps);
  ln_free(file);
}

/* ---- messages of an object ---- */

static void add_block(ln_h5_messages *m, uint64_t at, uint64_t size) {
  if (m->count < LN_H5_BLOCKS && ln_h5_at(m->file, at, size) != NULL) {
    m->blocks[m->count].at = at;
    m->blocks[m->count++].size = size;
  }
}

/* Version 2: "OHDR", flags, what they say there is, the size of the messages. */
static bool open_new(const ln_h5 *file, uint64_t address, ln_h5_messages *out) {
  const uint8_t *at = ln_h5_at(file, address, 6);
  if (at == NULL || at[4] != 2) return false;
  const uint8_t flags = at[5];
  const uint64_t before = 6 + (flags & 0x20 ? 16u : 0u) + (flags & 0x10 ? 4u : 0u);
  const int32_t width = 1 << (flags & 3);
  const uint8_t *size = ln_h5_at(file, address + before, (uint64_t)width);
  if (size == NULL) return false;
  out->is_new = true;
  out->has_order = (flags & 4) != 0;
  add_block(out, address + before + (uint64_t)width, ln_h5_number(size, width));
  return out->count == 1;
}

bool ln_h5_open_object(const ln_h5 *file, uint64_t address, ln_h5_messages *out) {
  *out = (ln_h5_messages){.file = file};
  const uint8_t *at = ln_h5_at(file, address, 16);
  if (at == NULL) return false;
  if (is_marked(at, "OHDR")) return open_new(file, address, out);
  if (at[0] != 1) return false;
  add_block(out, address + 16, ln_h5_number(at + 8, 4));
  return out->count == 1;
}

/* A block of more messages; those of version 2 stand between a mark and a checksum. */
static void continue_at(ln_h5_messages *m, const ln_h5_message *message) {
  if (message->size < 2 * WIDTH) return;
  const uint64_t at = ln_h5_number(message->data, WIDTH), size = ln_h5_number(message->data + WIDTH, WIDTH);
  if (!m->is_new) add_block(m, at, size);
  else if (size >= 8 && is_marked(ln_h5_at(m->file, at, 4), "OCHK")) add_block(m, at + 4, size - 8);
}

bool ln_h5_next(ln_h5_messages *m, ln_h5_message *out) {
  while (m->block < m->count) {
    const uint64_t head = m->is_new ? (m->has_order ? 6 : 4) : 8;
    const uint64_t left = m->blocks[m->block].size - m->used;
    const uint8_t *at = left >= head ? ln_h5_at(m->file, m->blocks[m->block].at + m->used, left) : NULL;
    const uint64_t size = at == NULL ? 0 : m->is_new ? ln_h5_number(at + 1, 2) : ln_h5_number(at + 2, 2);
    if (at == NULL || size > left - head) {
      ++m->block;
      m->used = 0;
      continue;
    }
    const uint8_t flags = m->is_new ? at[3] : at[4];
    *out = (ln_h5_message){m->is_new ? at[0] : (int32_t)ln_h5_number(at, 2), at + head, (size_t)size};
    m->used += head + size;
    if (out->kind == LN_H5_CONTINUES) continue_at(m, out);
    else if ((flags & 2) == 0) return true; /* what is shared with other objects is left out */
  }
  return false;
}

bool ln_h5_find_message(const ln_h5 *file, uint64_t address, int32_t kind, ln_h5_message *out) {
  ln_h5_messages messages;
  if (!ln_h5_open_object(file, address, &messages)) return false;
  while (ln_h5_next(&messages, out)) {
    if (out->kind == kind) return true;
  }
  return false;
}

/* ---- groups ---- */

/* What is looked for: a name, or the member of a number (name NULL), whose name goes to `found`. */
typedef struct search {
  const ln_h5 *file;
  const char *name;
  size_t length;
  int64_t left;
  char *found;
  size_t room;
  uint64_t address;
} search;

/* Whether this member is the one. */
static bool is_wanted(search *s, const uint8_t *name, size_t length, uint64_t address) {
  s->address = address;
  if (s->name != NULL) return length == s->length && memcmp(name, s->name, length) == 0;
  if (s->left-- != 0 || length >= s->room) return false;
  memcpy(s->found, name, length);
  s->found[length] = 0;
  return true;
}

/* Symbols of a leaf, whose names are in the group's heap. */
static bool search_leaf(search *s, uint64_t address, const uint8_t *heap, uint64_t heap_size) {
  const uint8_t *leaf = ln_h5_at(s->file, address, 8);
  if (!is_marked(leaf, "SNOD")) return false;
  const uint64_t count = ln_h5_number(leaf + 6, 2);
  const uint8_t *entries = ln_h5_at(s->file, address + 8, count * 40);
  for (uint64_t i = 0; i < count && entries != NULL; ++i) {
    const uint8_t *entry = entries + i * 40;
    const uint64_t at = ln_h5_number(entry, WIDTH);
    if (at >= heap_size || ln_h5_number(entry + 16, 4) > 1 || --*s->file->steps < 0) continue; /* 2: a soft link */
    const uint8_t *end = memchr(heap + at, 0, heap_size - at);
    if (end != NULL && is_wanted(s, heap + at, (size_t)(end - (heap + at)), ln_h5_number(entry + 8, WIDTH)))
      return true;
  }
  return false;
}

static bool search_tree(search *s, uint64_t address, const uint8_t *heap, uint64_t heap_size, int32_t depth) {
  const uint8_t *node = ln_h5_at(s->file, address, 24);
  if (!is_marked(node, "TREE") || node[4] != 0 || depth > LEVELS_MOST) return false;
  const int32_t level = node[5];
  const uint64_t count = ln_h5_number(node + 6, 2);
  const uint8_t *children = ln_h5_at(s->file, address + 24, count * 2 * WIDTH + WIDTH);
  for (uint64_t i = 0; i < count && children != NULL && *s->file->steps > 0; ++i) {
    const uint64_t child = ln_h5_number(children + i * 2 * WIDTH + WIDTH, WIDTH);
    if (level == 0 ? search_leaf(s, child, heap, heap_size) : search_tree(s, child, heap, heap_size, depth + 1))
      return true;
  }
  return false;
}

static bool search_table(search *s, const ln_h5_message *message) {
  if (message->size < 2 * WIDTH) return false;
  const uint8_t *head = ln_h5_at(s->file, ln_h5_number(message->data + WIDTH, WIDTH), 32);
  if (!is_marked(head, "HEAP")) return false;
  const uint64_t size = ln_h5_number(head + 8, WIDTH);
  const uint8_t *heap = ln_h5_at(s->file, ln_h5_number(head + 24, WIDTH), size);
  return heap != NULL && search_tree(s, ln_h5_number(message->data, WIDTH), heap, size, 0);
}

/* One hard link of a group of the newer kind. */
static bool search_link(search *s, const ln_h5_message *message) {
  const uint8_t *at = message->data;
  size_t used = 2;
  if (message->size < 4 || at[0] != 1) return false;
  const uint8_t flags = at[1];
  if ((flags & 8) != 0 && at[used++] != 0) return false; /* soft or external */
  used += flags & 4 ? 8 : 0;
  used += flags & 16 ? 1 : 0;
  const size_t width = (size_t)1 << (flags & 3);
  if (used + width > message->size) return false;
  const uint64_t length = ln_h5_number(at + used, (int32_t)width);
  used += width;
  if (length > message->size - used || message->size - used - length < WIDTH) return false;
  return is_wanted(s, at + used, (size_t)length, ln_h5_number(at + used + length, WIDTH));
}

static bool search_group(search *s, uint64_t group) {
  ln_h5_messages messages;
  ln_h5_message message;
  if (!ln_h5_open_object(s->file, group, &messages)) return false;
  while (ln_h5_next(&messages, &message)) {
    if (message.kind == LN_H5_TABLE && search_table(s, &message)) return true;
    if (message.kind == LN_H5_LINK && search_link(s, &message)) return true;
  }
  return false;
}

bool ln_h5_find(const ln_h5 *file, const char *path, uint64_t *address) {
  *address = file->root;
  while (*path != 0) {
    const size_t length = strcspn(path, "/");
    search s = {.file = file, .name = path, .length = length};
    if (length > 0 && !search_group(&s, *address)) return false;
    if (length > 0) *address = s.address;
    path += length;
    path += *path == '/';
  }
  return true;
}

bool ln_h5_has(const ln_h5 *file, const char *path) {
  uint64_t address;
  return ln_h5_find(file, path, &address);
}

bool ln_h5_is_array(const ln_h5 *file, const char *path) {
  uint64_t address;
  ln_h5_message message;
  return ln_h5_find(file, path, &address) && ln_h5_find_message(file, address, LN_H5_LAYOUT, &message);
}

bool ln_h5_member(const ln_h5 *file, const char *path, int32_t index, char *name, size_t room) {
  uint64_t address;
  search s = {.file = file, .left = index, .found = name, .room = room};
  return index >= 0 && ln_h5_find(file, path, &address) && search_group(&s, address);
}
