/* What a file says of the layers that it was built of: the metadata entry "linnet.layers" (docs/builder.md). */
#include <string.h>

#include "train/trainer.h"

static const char entry[] = "linnet.layers";

/* The next word of a line, ended in place; NULL at the line's end. */
static char *next_word(char **at) {
  char *word = *at + strspn(*at, " ");
  char *end = word + strcspn(word, " ");
  *at = end;
  if (end == word) return NULL;
  if (*end != 0) *(*at)++ = 0;
  return word;
}

static bool read_line(ln_arena *arena, char *line, ln_layer_note *note) {
  size_t most = 2; /* folding adds up to two */
  for (const char *c = line; *c != 0; ++c) most += *c == '=';
  note->kind = next_word(&line);
  note->name = next_word(&line);
  note->keys = ln_arena_array(arena, most, sizeof *note->keys);
  note->values = ln_arena_array(arena, most, sizeof *note->values);
  if (note->keys == NULL || note->values == NULL) return false;
  for (char *word; (word = next_word(&line)) != NULL;) {
    char *sign = strchr(word, '=');
    if (sign == NULL) continue;
    *sign = 0;
    note->keys[note->count] = word;
    note->values[note->count++] = sign + 1;
  }
  return true;
}

static int32_t find_entry(const ln_model *model) {
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    const ln_metadata *m = &model->metadata[i];
    if (strcmp(m->name, entry) == 0 && m->data != NULL && m->size < INT32_MAX) return i;
  }
  return -1;
}

static bool read_text(ln_arena *arena, char *text, ln_layer_notes *notes) {
  size_t lines = 1;
  for (const char *c = text; *c != 0; ++c) lines += *c == '\n';
  notes->list = ln_arena_array(arena, lines, sizeof *notes->list);
  if (notes->list == NULL) return false;
  for (char *line = text; line != NULL;) {
    char *end = strchr(line, '\n');
    if (end != NULL) *end++ = 0;
    ln_layer_note *note = &notes->list[notes->count];
    if (!read_line(arena, line, note)) return false;
    if (note->name != NULL) ++notes->count;
    else *note = (ln_layer_note){0};
    line = end;
  }
  return true;
}

ln_status ln_layer_notes_read(const ln_model *model, ln_arena *arena, ln_error *err, ln_layer_notes *out) {
  const int32_t index = find_entry(model);
  *out = (ln_layer_notes){0};
  if (index < 0) return LN_OK;
  const ln_metadata *m = &model->metadata[index];
  char *text = ln_arena_alloc(arena, m->size + 1);
  if (text != NULL) memcpy(text, m->data, m->size);
  if (text != NULL && read_text(arena, text, out)) return LN_OK;
  return ln_fail(err, LN_ERR_MEMORY, "out of memory for what a file says of its layers");
}

const char *ln_layer_note_get(const ln_layer_note *note, const char *key) {
  for (int32_t i = 0; i < note->count; ++i) {
    if (strcmp(note->keys[i], key) == 0) return note->values[i];
  }
  return NULL;
}

void ln_layer_note_set(ln_layer_note *note, const char *key, const char *value) {
  int32_t at = 0;
  while (at < note->count && strcmp(note->keys[at], key) != 0) ++at;
  if (value == NULL) {
    if (at == note->count) return;
    for (int32_t i = at + 1; i < note->count; ++i) {
      note->keys[i - 1] = note->keys[i];
      note->values[i - 1] = note->values[i];
    }
    --note->count;
    return;
  }
  if (at == note->count) note->keys[note->count++] = key;
  note->values[at] = value;
}

static void add_text(ln_bytes *bytes, const char *before, const char *text) {
  ln_bytes_add(bytes, before, strlen(before));
  ln_bytes_add(bytes, text, strlen(text));
}

ln_status ln_layer_notes_write(ln_model *model, const ln_layer_notes *notes, ln_error *err) {
  ln_bytes bytes = {0};
  for (int32_t i = 0; i < notes->count; ++i) {
    const ln_layer_note *note = &notes->list[i];
    add_text(&bytes, note->kind, " ");
    add_text(&bytes, note->name, "");
    for (int32_t k = 0; k < note->count; ++k) {
      add_text(&bytes, " ", note->keys[k]);
      add_text(&bytes, "=", note->values[k]);
    }
    add_text(&bytes, "\n", "");
  }
  void *data = bytes.failed ? NULL : ln_arena_copy(&model->arena, bytes.data, bytes.size);
  const size_t size = bytes.size;
  int32_t index = find_entry(model);
  ln_bytes_free(&bytes);
  if (index < 0 && data != NULL) {
    ln_metadata *all = ln_arena_array(&model->arena, (size_t)model->metadata_count + 1, sizeof *all);
    index = model->metadata_count;
    if (all != NULL && index > 0) memcpy(all, model->metadata, (size_t)index * sizeof *all);
    model->metadata = all == NULL ? model->metadata : all;
    if (all == NULL) data = NULL;
    else ++model->metadata_count;
  }
  if (data == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for what a file says of its layers");
  model->metadata[index] = (ln_metadata){.name = entry, .data = data, .size = size};
  return LN_OK;
}
