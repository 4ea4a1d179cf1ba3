/* Blocks of growing size; an allocation that does not fit takes a block of its own. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

typedef struct ln_arena_block {
  struct ln_arena_block *next;
  size_t size, used; /* of the bytes after this header */
} ln_arena_block;

typedef struct ln_arena_adopted {
  struct ln_arena_adopted *next;
  void *memory;
} ln_arena_adopted;

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 18, HEADER = LN_ALIGNMENT, UNIT = 16 };

_Static_assert(sizeof(ln_arena_block) <= HEADER, "the header must fit before the first aligned byte");

static ln_arena_block *add_block(ln_arena *arena, size_t bytes) {
  size_t size = arena->head == NULL ? FIRST_BLOCK : arena->head->size * 2;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size < bytes) size = bytes;
  size_t total;
  if (!ln_size_add(size, HEADER, &total)) return NULL;
  ln_arena_block *block = ln_alloc(total);
  if (block == NULL) return NULL;
  *block = (ln_arena_block){.next = arena->head, .size = size};
  arena->head = block;
  return block;
}

/* Memory that holds anything. */
static void *take(ln_arena *arena, size_t bytes) {
  size_t rounded;
  /* Large pieces are aligned for vector loads, small ones packed. */
  const size_t alignment = bytes >= 4 * LN_ALIGNMENT ? LN_ALIGNMENT : UNIT;
  if (!ln_size_align(bytes == 0 ? 1 : bytes, alignment, &rounded)) return NULL;
  if (arena->limit > 0 && (arena->used >= arena->limit || rounded > arena->limit - arena->used)) {
    arena->refused = true;
    return NULL;
  }
  ln_arena_block *block = arena->head;
  size_t start = 0;
  if (block != NULL) start = (block->used + alignment - 1) & ~(alignment - 1);
  if (block == NULL || start > block->size || block->size - start < rounded) {
    block = add_block(arena, rounded);
    if (block == NULL) return NULL;
    start = 0;
  }
  block->used = start + rounded;
  arena->used += rounded;
  return (char *)block + HEADER + start;
}

/* Zeroed piece by piece, so that only what is handed out is touched. */
void *ln_arena_alloc(ln_arena *arena, size_t bytes) {
  void *memory = take(arena, bytes);
  if (memory != NULL) memset(memory, 0, bytes);
  return memory;
}

void *ln_arena_array(ln_arena *arena, size_t count, size_t item_bytes) {
  size_t bytes;
  return ln_size_mul(count, item_bytes, &bytes) ? ln_arena_alloc(arena, bytes) : NULL;
}

void *ln_arena_copy(ln_arena *arena, const void *data, size_t bytes) {
  void *copy = take(arena, bytes);
  if (copy != NULL && bytes > 0) memcpy(copy, data, bytes);
  return copy;
}

void *ln_arena_adopt(ln_arena *arena, void *memory, size_t bytes) {
  if (bytes < FIRST_BLOCK) { /* not worth an entry */
    void *copy = ln_arena_copy(arena, memory, bytes);
    ln_free(memory);
    return copy;
  }
  const bool fits = arena->limit == 0 || (arena->used < arena->limit && bytes <= arena->limit - arena->used);
  ln_arena_adopted *entry = fits ? ln_arena_alloc(arena, sizeof *entry) : NULL;
  if (entry == NULL) {
    arena->refused = arena->refused || !fits;
    ln_free(memory);
    return NULL;
  }
  *entry = (ln_arena_adopted){arena->adopted, memory};
  arena->adopted = entry;
  arena->used += bytes;
  return memory;
}

char *ln_arena_strdup(ln_arena *arena, const char *text) { return ln_arena_copy(arena, text, strlen(text) + 1); }

char *ln_arena_printf(ln_arena *arena, const char *format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return length < 0 ? NULL : ln_arena_strdup(arena, text);
}

void ln_arena_free(ln_arena *arena) {
  for (const ln_arena_adopted *entry = arena->adopted; entry != NULL; entry = entry->next) ln_free(entry->memory);
  arena->adopted = NULL;
  while (arena->head != NULL) {
    ln_arena_block *next = arena->head->next;
    ln_free(arena->head);
    arena->head = next;
  }
  arena->used = 0;
  arena->refused = false;
}
