/* The floats of a source: read, and written into copies of its files where they lie. */
#include <string.h>

#include "convert/export.h"

static const ln_weights_format *const formats[] = {&ln_weights_keras, &ln_weights_onnx, &ln_weights_savedmodel};

static const ln_weights_format *find_format(const char *kind) {
  for (size_t i = 0; i < LN_COUNT(formats); ++i) {
    if (strcmp(formats[i]->kind, kind) == 0) return formats[i];
  }
  return NULL;
}

ln_status ln_source_weights_open(const char *path, const char *kind, ln_error *err, ln_source_weights **out) {
  const ln_weights_format *format = find_format(kind);
  *out = NULL;
  if (format == NULL) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "weights are written to keras, savedmodel and onnx, not to %s", kind);
  }
  ln_source_weights *w = ln_alloc_zero(sizeof *w);
  if (w == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  w->format = format;
  w->path = ln_arena_strdup(&w->arena, path);
  w->is_folder = ln_file_is_folder(path);
  ln_status status = w->path != NULL ? format->read(w, err) : ln_fail(err, LN_ERR_MEMORY, "out of memory");
  if (status == LN_OK && w->count == 0) status = ln_fail(err, LN_ERR_DATA, "the source holds no weights in floats");
  if (status == LN_OK) *out = w;
  else ln_source_weights_close(w);
  return status;
}

void ln_source_weights_close(ln_source_weights *w) {
  if (w == NULL) return;
  for (int32_t i = 0; i < w->file_count; ++i) ln_file_map_close(&w->files[i].map);
  ln_arena_free(&w->arena);
  ln_free(w);
}

/* Names come from the source: they stay within its folder. */
static bool stays_inside(const char *name) {
  if (name[0] == '/' || name[0] == '\0') return false;
  for (const char *at = name; at != NULL; at = strchr(at, '/')) {
    if (*at == '/') ++at;
    if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return false;
  }
  return true;
}

static const char *path_of(ln_source_weights *w, const char *name) {
  if (name == NULL) return w->path;
  if (w->is_folder) return ln_arena_printf(&w->arena, "%s/%s", w->path, name);
  const char *slash = strrchr(w->path, '/');
  return ln_arena_printf(&w->arena, "%.*s%s", slash != NULL ? (int)(slash + 1 - w->path) : 0, w->path, name);
}

ln_status ln_source_weights_map(ln_source_weights *w, const char *name, ln_error *err, int32_t *file) {
  for (*file = 0; *file < w->file_count; ++*file) {
    const char *known = w->files[*file].name;
    if (name == NULL ? known == NULL : known != NULL && strcmp(known, name) == 0) return LN_OK;
  }
  if (name != NULL && !stays_inside(name)) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "\"%.80s\" leads out of the source's folder", name);
  }
  if (w->file_count == (int32_t)LN_COUNT(w->files)) {
    return ln_fail(err, LN_ERR_LIMIT, "weights are spread over more than %d files", (int)LN_COUNT(w->files));
  }
  ln_source_file *made = &w->files[w->file_count];
  const char *path = path_of(w, name);
  *made = (ln_source_file){.name = name != NULL ? ln_arena_strdup(&w->arena, name) : NULL};
  if (path == NULL || (name != NULL && made->name == NULL)) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  LN_TRY(ln_file_map_open(path, err, &made->map));
  ++w->file_count;
  return LN_OK;
}

/* ---- numbers ---- */

/* A tensor of one type over memory, for the library's conversions. */
static ln_tensor over(ln_type type, void *data, size_t bytes) {
  ln_tensor tensor = {.name = "", .type = type, .storage = LN_STORAGE_EXTERNAL, .data = data, .bytes = bytes};
  tensor.quant = &ln_quant_none;
  tensor.shape.rank = 1;
  tensor.shape.dims[0] = 1;
  return tensor;
}

static float load(ln_type type, const uint8_t *from) {
  uint8_t copy[8] = {0};
  const size_t bytes = (size_t)ln_type_bits(type) / 8;
  memcpy(copy, from, bytes);
  const ln_tensor tensor = over(type, copy, bytes);
  return ln_tensor_get_f32(&tensor, 0);
}

static void store(ln_type type, float value, uint8_t *to) {
  uint8_t copy[8] = {0};
  const size_t bytes = (size_t)ln_type_bits(type) / 8;
  ln_tensor tensor = over(type, copy, bytes);
  ln_tensor_set_f32(&tensor, 0, value);
  memcpy(to, copy, bytes);
}

float ln_source_weight_round(const ln_source_weight *weight, float value) {
  uint8_t bytes[8] = {0};
  if (weight->type != LN_FLOAT16) return value;
  store(weight->type, value, bytes);
  return load(weight->type, bytes);
}

void ln_source_weight_store(const ln_source_weight *weight, const float *values, uint8_t *to) {
  for (size_t i = 0; i < weight->count; ++i) store(weight->type, values[i], to + i * weight->stride);
}

static bool lies_within(const ln_source_weight *weight, size_t size) {
  size_t bytes, end;
  if (weight->count == 0) return true;
  if (!ln_size_mul(weight->count - 1, weight->stride, &bytes) || !ln_size_add(bytes, weight->offset, &end))
    return false;
  return ln_size_add(end, (size_t)ln_type_bits(weight->type) / 8, &end) && end <= size;
}

bool ln_source_weights_add(ln_source_weights *w, const ln_source_weight *weight) {
  ln_source_weight made = *weight;
  if (made.type != LN_FLOAT32 && made.type != LN_FLOAT16 && made.type != LN_FLOAT64) return true;
  if (made.values == NULL && !lies_within(&made, w->files[made.file].map.size)) return true;
  if (w->count == w->capacity) {
    const int32_t capacity = w->capacity * 2 + 64;
    ln_source_weight *moved = ln_arena_array(&w->arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return false;
    if (w->count > 0) memcpy(moved, w->items, (size_t)w->count * sizeof *moved);
    w->items = moved;
    w->capacity = capacity;
  }
  if (made.values == NULL) {
    float *values = ln_arena_array(&w->arena, made.count + 1, sizeof *values);
    if (values == NULL) return false;
    const uint8_t *from = w->files[made.file].map.data + made.offset;
    for (size_t i = 0; i < made.count; ++i) values[i] = load(made.type, from + i * made.stride);
    made.values = values;
  }
  made.name = ln_arena_strdup(&w->arena, made.name);
  if (made.name == NULL) return false;
  w->items[w->count++] = made;
  return true;
}

bool ln_source_weights_touches(const ln_source_weights *w, int32_t file, const float *const *values) {
  for (int32_t i = 0; i < w->count; ++i) {
    if (values[i] != NULL && w->items[i].file == file) return true;
  }
  return false;
}

uint8_t *ln_source_weights_patch(const ln_source_weights *w, int32_t file, const float *const *values) {
  const ln_file_map *map = &w->files[file].map;
  uint8_t *copy = ln_alloc(map->size);
  if (copy == NULL) return NULL;
  if (map->size > 0) memcpy(copy, map->data, map->size);
  for (int32_t i = 0; i < w->count; ++i) {
    if (values[i] == NULL || w->items[i].file != file) continue;
    ln_source_weight_store(&w->items[i], values[i], copy + w->items[i].offset);
  }
  return copy;
}
