/* FlexBuffers as they are documented with FlatBuffers: values of four bytes, keys in order, offsets that point back. */
#include "import/flex_write.h"

#include <string.h>

enum { WIDTH = 4, WIDTH_CODE = 2, OPTIONS_MOST = 16 };
enum { FLEX_INT = 1, FLEX_STRING = 5, FLEX_MAP = 9, FLEX_BOOL = 26 };

typedef struct writer {
  uint8_t *data;
  size_t used;
} writer;

static void put(writer *w, uint32_t value) {
  for (int32_t i = 0; i < WIDTH; ++i) w->data[w->used++] = (uint8_t)(value >> (8 * i));
}

static void put_bytes(writer *w, const char *text) {
  const size_t length = strlen(text) + 1;
  memcpy(w->data + w->used, text, length);
  w->used += length;
}

static void align(writer *w) {
  while (w->used % WIDTH != 0) w->data[w->used++] = 0;
}

/* How far back `at` is from here. */
static void put_offset(writer *w, size_t at) { put(w, (uint32_t)(w->used - at)); }

static size_t room_for(int32_t count, const ln_flex_option *options) {
  size_t room = 64;
  for (int32_t i = 0; i < count; ++i) {
    room += strlen(options[i].key) + (options[i].text != NULL ? strlen(options[i].text) : 0) + 32;
  }
  return room;
}

static uint8_t code_of(const ln_flex_option *o) {
  const int32_t type = o->text != NULL ? FLEX_STRING : o->is_bool ? FLEX_BOOL : FLEX_INT;
  return (uint8_t)(type << 2 | WIDTH_CODE);
}

const uint8_t *ln_flex_write(ln_arena *arena, int32_t count, const ln_flex_option *options, size_t *size) {
  ln_flex_option sorted[OPTIONS_MOST];
  size_t keys[OPTIONS_MOST], texts[OPTIONS_MOST];
  if (count < 0 || count > OPTIONS_MOST) return NULL;
  for (int32_t i = 0; i < count; ++i) {
    int32_t at = i;
    for (; at > 0 && strcmp(sorted[at - 1].key, options[i].key) > 0; --at) sorted[at] = sorted[at - 1];
    sorted[at] = options[i];
  }
  writer w = {ln_arena_alloc(arena, room_for(count, options)), 0};
  if (w.data == NULL) return NULL;
  for (int32_t i = 0; i < count; ++i) {
    keys[i] = w.used;
    put_bytes(&w, sorted[i].key);
  }
  for (int32_t i = 0; i < count; ++i) {
    if (sorted[i].text == NULL) continue;
    align(&w);
    put(&w, (uint32_t)strlen(sorted[i].text));
    texts[i] = w.used;
    put_bytes(&w, sorted[i].text);
  }
  align(&w);
  put(&w, (uint32_t)count);
  const size_t key_list = w.used;
  for (int32_t i = 0; i < count; ++i) put_offset(&w, keys[i]);
  put_offset(&w, key_list);
  put(&w, WIDTH);
  put(&w, (uint32_t)count);
  const size_t map = w.used;
  for (int32_t i = 0; i < count; ++i) {
    if (sorted[i].text != NULL) put_offset(&w, texts[i]);
    else put(&w, (uint32_t)sorted[i].number);
  }
  for (int32_t i = 0; i < count; ++i) w.data[w.used++] = code_of(&sorted[i]);
  align(&w);
  put_offset(&w, map);
  w.data[w.used++] = FLEX_MAP << 2 | WIDTH_CODE;
  w.data[w.used++] = WIDTH;
  *size = w.used;
  return w.data;
}

int32_t ln_emit_custom_options(ln_emit *e, const char *name, int32_t option_count, const ln_flex_option *options,
                               int32_t count, const int32_t *inputs, ln_type type) {
  size_t size = 0;
  int32_t output = -1;
  if (ln_emit_failed(e)) return -1;
  const uint8_t *written = ln_flex_write(ln_emit_arena(e), option_count, options, &size);
  if (written == NULL) return ln_import_no_memory(e->import);
  ln_emit_custom(e, name, written, size, count, inputs, 1, &type, &output);
  return output;
}
