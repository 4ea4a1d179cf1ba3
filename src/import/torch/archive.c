/* The members of an archive of torch.export: a zip file in which everything lies in one folder, or in none. */
#include <stdio.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

enum { MOST_MEMBERS = 1 << 20 };

/* Compressed members may unfold to this. */
static size_t most_bytes(const torch_archive *archive) {
  const size_t room = (size_t)64 << 20;
  return archive->size > (SIZE_MAX - room) / 64 ? SIZE_MAX : archive->size * 64 + room;
}

static bool ends_with(const char *text, const char *ending) {
  const size_t length = strlen(text), tail = strlen(ending);
  return length >= tail && strcmp(text + length - tail, ending) == 0;
}

bool ln_torch_open(ln_import *import, const void *data, size_t size, torch_archive *out) {
  char name[TORCH_NAME];
  *out = (torch_archive){.import = import, .data = data, .size = size};
  for (int32_t i = 0; i < MOST_MEMBERS && ln_zip_name(data, size, i, name, sizeof name); ++i) {
    out->older = ends_with(name, "serialized_exported_program.json");
    const char *tail = out->older ? "serialized_exported_program.json" : "archive_format";
    if (!ends_with(name, tail)) continue;
    snprintf(out->root, sizeof out->root, "%.*s", (int)(strlen(name) - strlen(tail)), name);
    return true;
  }
  if (ln_zip_name(data, size, 0, name, sizeof name)) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED,
                   "this archive holds no exported program: weights and TorchScript are no graphs that can be read; "
                   "save the model with torch.export.save(torch.export.export(model.eval(), inputs), \"model.pt2\")");
  } else {
    ln_import_fail(import, LN_ERR_FORMAT, "the archive is damaged: its list of members cannot be read");
  }
  return false;
}

const void *ln_torch_member(const torch_archive *archive, const char *name, bool wanted, size_t *size) {
  char whole[2 * TORCH_NAME];
  ln_error said = {LN_OK, ""};
  void *unpacked;
  *size = 0;
  if (ln_import_failed(archive->import)) return NULL;
  snprintf(whole, sizeof whole, "%s%s", archive->root, name);
  const void *found = ln_zip_view(archive->data, archive->size, whole, size);
  if (found != NULL) return found;
  const ln_status status =
      ln_zip_read(archive->data, archive->size, whole, most_bytes(archive), &said, &unpacked, size);
  if (status == LN_ERR_NOT_FOUND && !wanted) return NULL;
  if (status != LN_OK) {
    ln_import_fail(archive->import, status, "%s", said.message);
    return NULL;
  }
  found = ln_arena_copy(&archive->import->model->arena, unpacked, *size + 1); /* readers end members by a zero */
  ln_free(unpacked);
  if (found == NULL) ln_import_no_memory(archive->import);
  return found;
}

bool ln_torch_find_member(const torch_archive *archive, const char *folder, const char *ending, char *name) {
  const size_t root = strlen(archive->root);
  char whole[TORCH_NAME];
  for (int32_t i = 0; i < MOST_MEMBERS && ln_zip_name(archive->data, archive->size, i, whole, sizeof whole); ++i) {
    if (strncmp(whole, archive->root, root) != 0 || strncmp(whole + root, folder, strlen(folder)) != 0) continue;
    if (!ends_with(whole, ending)) continue;
    snprintf(name, TORCH_NAME, "%s", whole + root);
    return true;
  }
  return false;
}

bool ln_torch_program_at(const torch_archive *archive, int32_t index, char *name) {
  static const char folder[] = "models/", ending[] = ".json";
  const size_t root = strlen(archive->root), from = root + sizeof folder - 1;
  char whole[TORCH_NAME];
  if (archive->older) {
    snprintf(name, TORCH_NAME, "model");
    return index == 0;
  }
  for (int32_t i = 0; i < MOST_MEMBERS && ln_zip_name(archive->data, archive->size, i, whole, sizeof whole); ++i) {
    if (strncmp(whole, archive->root, root) != 0 || strncmp(whole + root, folder, sizeof folder - 1) != 0) continue;
    if (!ends_with(whole, ending) || strlen(whole) < from + sizeof ending || index-- > 0) continue;
    snprintf(name, TORCH_NAME, "%.*s", (int)(strlen(whole) - from - (sizeof ending - 1)), whole + from);
    return true;
  }
  return false;
}

/* Python writes Infinity and NaN, which JSON has not: the same number of bytes that says what a reader understands. */
static void replace_words(char *text, size_t size) {
  bool quoted = false;
  for (size_t i = 0; i < size; ++i) {
    if (quoted && text[i] == '\\') ++i;
    else if (text[i] == '"') quoted = !quoted;
    else if (!quoted && text[i] == 'I' && size - i >= 8 && memcmp(text + i, "Infinity", 8) == 0)
      memcpy(text + i, "1e99999 ", 8);
    else if (!quoted && text[i] == 'N' && size - i >= 3 && memcmp(text + i, "NaN", 3) == 0)
      memcpy(text + i, "\"N\"", 3);
  }
}

cJSON *ln_torch_json(const torch_archive *archive, const char *name, bool wanted) {
  size_t size;
  ln_error said = {LN_OK, ""};
  cJSON *parsed = NULL;
  const void *member = ln_torch_member(archive, name, wanted, &size);
  if (member == NULL) return NULL;
  char *text = ln_alloc(size + 1);
  if (text == NULL) {
    ln_import_no_memory(archive->import);
    return NULL;
  }
  memcpy(text, member, size);
  text[size] = '\0';
  replace_words(text, size);
  const ln_status status = ln_json_parse(text, size, &said, &parsed);
  ln_free(text);
  if (status != LN_OK) ln_import_fail(archive->import, status, "%.80s: %s", name, said.message);
  return parsed;
}

#endif
