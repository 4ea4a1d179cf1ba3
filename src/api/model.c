/* Opening, saving and asking models: the public functions of linnet/model.h. */
#include <string.h>

#include "format/format.h"
#include "linnet/model.h"
#include "runtime/runtime.h"

static ln_status null_argument(ln_error *err) { return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing"); }

/* Reads the model in a map and gives it the map; closes the map when that fails. */
static ln_status read_map(ln_file_map *map, ln_error *err, ln_model **out) {
  const ln_status status = ln_format_read(map->data, map->size, map, err, out);
  if (status != LN_OK) ln_file_map_close(map);
  return status;
}

ln_status ln_model_open(const char *path, ln_error *err, ln_model **out) {
  if (path == NULL || out == NULL) return null_argument(err);
  ln_file_map map;
  *out = NULL;
  LN_TRY(ln_file_map_open(path, err, &map));
  LN_TRY(read_map(&map, err, out));
  (*out)->path = ln_arena_strdup(&(*out)->arena, path);
  return LN_OK;
}

ln_status ln_model_from_fd(int fd, uint64_t offset, size_t size, ln_error *err, ln_model **out) {
  if (fd < 0 || out == NULL) return null_argument(err);
  ln_file_map map;
  *out = NULL;
  LN_TRY(ln_file_map_fd(fd, offset, size, err, &map));
  return read_map(&map, err, out);
}

ln_status ln_model_from_memory(const void *data, size_t size, ln_error *err, ln_model **out) {
  if ((data == NULL && size > 0) || out == NULL) return null_argument(err);
  *out = NULL;
  return ln_format_read(data, size, NULL, err, out);
}

ln_status ln_model_from_copy(const void *data, size_t size, ln_error *err, ln_model **out) {
  if ((data == NULL && size > 0) || out == NULL) return null_argument(err);
  *out = NULL;
  uint8_t *copy = ln_alloc(size);
  if (copy == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for a copy of the model");
  if (size > 0) memcpy(copy, data, size);
  ln_file_map map = {.data = copy, .size = size};
  return read_map(&map, err, out);
}

void ln_model_destroy(ln_model *model) {
  if (model == NULL) return;
  ln_model_cache_destroy(model->cache);
  if (model->owns_map) ln_file_map_close(&model->map);
  ln_arena_free(&model->arena);
  ln_free(model);
}

const char *ln_model_description(const ln_model *model) { return model->description == NULL ? "" : model->description; }

int32_t ln_model_signature_count(const ln_model *model) { return model->signature_count; }

const char *ln_model_signature_name(const ln_model *model, int32_t index) {
  return index < 0 || index >= model->signature_count ? NULL : model->signatures[index].key;
}

int32_t ln_model_metadata_count(const ln_model *model) { return model->metadata_count; }

const char *ln_model_metadata_name(const ln_model *model, int32_t index) {
  return index < 0 || index >= model->metadata_count ? NULL : model->metadata[index].name;
}

const void *ln_model_metadata(const ln_model *model, const char *name, size_t *size) {
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    const ln_metadata *metadata = &model->metadata[i];
    if (strcmp(metadata->name, name) != 0) continue;
    if (size != NULL) *size = metadata->size;
    return metadata->data;
  }
  if (size != NULL) *size = 0;
  return NULL;
}

const void *ln_model_file(const ln_model *model, size_t *size) {
  if (size != NULL) *size = model->map.size;
  return model->map.data;
}
