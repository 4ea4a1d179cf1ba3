/*
 * External data: weights in files beside the model. A path is relative to the model's folder and stays within it: no
 * part of it is "..", and what it leads to, links resolved, lies in the folder.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx/onnx.h"
#include "onnx.pb-c.h"

struct ln_onnx_file {
  struct ln_onnx_file *next;
  const char *location;
  size_t size, left; /* what may still be read: tensors that share bytes could make any memory of a small file */
};

static const char *entry(const Onnx__Tensor *tensor, const char *key) {
  for (size_t i = 0; i < tensor->n_external_data; ++i) {
    const Onnx__Entry *item = tensor->external_data[i];
    if (item->key != NULL && item->value != NULL && strcmp(item->key, key) == 0) return item->value;
  }
  return NULL;
}

static bool number(const char *text, uint64_t otherwise, uint64_t *out) {
  char *end;
  *out = otherwise;
  if (text == NULL) return true;
  if (*text < '0' || *text > '9') return false;
  *out = strtoull(text, &end, 10);
  return *end == '\0';
}

/* Relative, and no part of it leads upward. */
static bool is_inside(const char *location) {
  if (location[0] == '\0' || location[0] == '/' || strchr(location, '\\') != NULL) return false;
  for (const char *part = location; part != NULL;) {
    const char *end = strchr(part, '/');
    const size_t length = end != NULL ? (size_t)(end - part) : strlen(part);
    if (length == 2 && memcmp(part, "..", 2) == 0) return false;
    part = end != NULL ? end + 1 : NULL;
  }
  return true;
}

/* The file's real path, to be freed; NULL where it is not in the folder. */
static char *resolve(const char *model, const char *location) {
  char joined[PATH_MAX];
  const char *slash = strrchr(model, '/');
  const size_t head = slash != NULL ? (size_t)(slash - model) + 1 : 0;
  const size_t tail = strlen(location);
  if (!is_inside(location) || head + tail + 3 > sizeof joined) return NULL;
  memcpy(joined, model, head);
  memcpy(joined + head, ".", 2);
  char *folder = realpath(joined, NULL);
  memcpy(joined + head, location, tail + 1);
  char *file = folder != NULL ? realpath(joined, NULL) : NULL;
  const size_t length = folder != NULL ? strlen(folder) : 0;
  const bool inside =
      file != NULL && strncmp(file, folder, length) == 0 && (file[length] == '/' || (length == 1 && folder[0] == '/'));
  free(folder);
  if (!inside) {
    free(file);
    file = NULL;
  }
  return file;
}

static struct ln_onnx_file *file_of(ln_onnx *onnx, const char *location, size_t size) {
  for (struct ln_onnx_file *file = onnx->files; file != NULL; file = file->next) {
    if (strcmp(file->location, location) == 0) return file;
  }
  struct ln_onnx_file *file = ln_arena_alloc(&onnx->import->model->arena, sizeof *file);
  if (file == NULL) return NULL;
  size_t twice;
  if (!ln_size_mul(size, 2, &twice)) twice = size;
  *file = (struct ln_onnx_file){.next = onnx->files, .location = location, .size = size, .left = twice};
  onnx->files = file;
  return file;
}

static const void *copy(ln_onnx *onnx, ln_emit *e, const ln_file_map *map, const char *location, uint64_t offset,
                        size_t bytes) {
  struct ln_onnx_file *file = file_of(onnx, location, map->size);
  if (file == NULL) {
    ln_import_no_memory(onnx->import);
    return NULL;
  }
  if (offset > map->size || bytes > map->size - (size_t)offset) {
    ln_emit_wrong(e, "the weights' file %.80s is shorter than the model says", location);
    return NULL;
  }
  if (bytes > file->left) {
    ln_emit_wrong(e, "the weights' file %.80s is read more than twice over", location);
    return NULL;
  }
  file->left -= bytes;
  const void *data = ln_arena_copy(ln_emit_arena(e), map->data + offset, bytes);
  if (data == NULL) ln_import_no_memory(onnx->import);
  return data;
}

const void *ln_onnx_external(ln_onnx *onnx, ln_emit *e, const Onnx__Tensor *tensor, size_t bytes) {
  uint64_t offset, length;
  ln_file_map map = {0};
  const char *location = entry(tensor, "location");
  if (location == NULL || !number(entry(tensor, "offset"), 0, &offset) ||
      !number(entry(tensor, "length"), bytes, &length) || length != bytes) {
    ln_emit_wrong(e, "the external data of %.80s is not described as its shape needs it",
                  tensor->name != NULL ? tensor->name : "a constant");
    return NULL;
  }
  char *path = resolve(onnx->import->source->path, location);
  if (path == NULL) {
    ln_emit_refuse(e, "the weights' file %.80s is not in the model's folder", location);
    return NULL;
  }
  const void *data = NULL;
  if (ln_file_map_open(path, NULL, &map) != LN_OK)
    ln_emit_refuse(e, "the weights' file %.80s cannot be read", location);
  else data = bytes == 0 ? "" : copy(onnx, e, &map, location, offset, bytes);
  ln_file_map_close(&map);
  free(path);
  return data;
}
