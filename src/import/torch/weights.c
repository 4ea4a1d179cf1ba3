/* Weights: where the archive's lists say that they lie, and the constants that they become. */
#include <stdio.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

/* ---- types ---- */

bool ln_torch_type(int32_t scalar_type, ln_type *out) {
  static const struct {
    int32_t number;
    ln_type type;
  } rows[] = {{1, LN_UINT8},   {2, LN_INT8},    {3, LN_INT16},   {4, LN_INT32}, {5, LN_INT64},
              {6, LN_FLOAT16}, {7, LN_FLOAT32}, {8, LN_FLOAT64}, {12, LN_BOOL}, {13, LN_BFLOAT16},
              {28, LN_UINT16}, {34, LN_UINT32}, {35, LN_UINT64}};
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (rows[i].number != scalar_type) continue;
    *out = rows[i].type;
    return true;
  }
  return false;
}

size_t ln_torch_type_bytes(ln_type type) { return (size_t)ln_type_bits(type) / 8; }

/* ---- the list ---- */

void ln_torch_add_weight(ln_import *import, torch_weights *weights, const char *name, const torch_payload *payload) {
  ln_arena *arena = &import->model->arena;
  if (ln_import_failed(import)) return;
  if (weights->count == weights->capacity) {
    if (weights->capacity > INT32_MAX / 4) {
      ln_import_no_memory(import);
      return;
    }
    const int32_t capacity = weights->capacity * 2 + 64;
    torch_weight *moved = ln_arena_array(arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) {
      ln_import_no_memory(import);
      return;
    }
    for (int32_t i = 0; i < weights->count; ++i) moved[i] = weights->items[i];
    weights->items = moved;
    weights->capacity = capacity;
  }
  const char *kept = ln_arena_strdup(arena, name);
  if (kept == NULL) ln_import_no_memory(import);
  else weights->items[weights->count++] = (torch_weight){kept, *payload};
}

const torch_payload *ln_torch_find_weight(const torch_weights *weights, const char *name) {
  for (int32_t i = 0; i < weights->count; ++i) {
    if (strcmp(weights->items[i].name, name) == 0) return &weights->items[i].payload;
  }
  return NULL;
}

/* ---- the newer archive: an index of payloads ---- */

static bool read_int(const cJSON *item, int64_t *out) {
  const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, "as_int");
  if (!cJSON_IsNumber(number) || !(number->valuedouble >= 0 && number->valuedouble < 9e15)) return false;
  *out = (int64_t)number->valuedouble;
  return true;
}

static int32_t read_list(const cJSON *list, int64_t *out) {
  int32_t count = 0;
  for (const cJSON *item = list != NULL ? list->child : NULL; item != NULL; item = item->next) {
    if (count == LN_MAX_RANK || !read_int(item, &out[count++])) return -1;
  }
  return count;
}

static bool read_meta(ln_import *import, const char *name, const cJSON *meta, torch_payload *out) {
  const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(meta, "dtype");
  const cJSON *layout = cJSON_GetObjectItemCaseSensitive(meta, "layout");
  out->rank = read_list(cJSON_GetObjectItemCaseSensitive(meta, "sizes"), out->sizes);
  const int32_t strides = read_list(cJSON_GetObjectItemCaseSensitive(meta, "strides"), out->strides);
  if (!cJSON_IsNumber(dtype) || out->rank < 0 || strides != out->rank ||
      !read_int(cJSON_GetObjectItemCaseSensitive(meta, "storage_offset"), &out->offset)) {
    ln_import_fail(import, LN_ERR_FORMAT, "weight \"%.80s\" is described wrongly", name);
  } else if (!ln_torch_type(dtype->valueint, &out->type)) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED, "weight \"%.80s\" has a type that TensorFlow Lite has not", name);
  } else if (cJSON_IsNumber(layout) && layout->valueint != 7) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED, "weight \"%.80s\" is sparse; make it dense before export", name);
  }
  return !ln_import_failed(import);
}

/* A payload that is a file of torch.save: of one tensor. */
static void read_pickled(const torch_archive *archive, const cJSON *entry, const void *data, size_t bytes,
                         torch_weights *out) {
  torch_weights inner = {0};
  if (!ln_torch_unpickle(archive->import, data, bytes, &inner)) return;
  if (inner.count != 1) {
    ln_import_fail(archive->import, LN_ERR_UNSUPPORTED, "weight \"%.80s\" is no plain tensor", entry->string);
    return;
  }
  ln_torch_add_weight(archive->import, out, entry->string, &inner.items[0].payload);
}

static void read_entry(const torch_archive *archive, const char *folder, const cJSON *entry, torch_weights *out) {
  ln_import *import = archive->import;
  char name[2 * TORCH_NAME];
  const cJSON *path = cJSON_GetObjectItemCaseSensitive(entry, "path_name");
  const cJSON *meta = cJSON_GetObjectItemCaseSensitive(entry, "tensor_meta");
  torch_payload payload = {0};
  if (!cJSON_IsString(path) || strlen(path->valuestring) >= TORCH_NAME) {
    ln_import_fail(import, LN_ERR_FORMAT, "weight \"%.80s\" has no place", entry->string);
    return;
  }
  const bool pickled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "use_pickle"));
  if (pickled && !cJSON_IsObject(meta)) return; /* an object that is no tensor: refused where a node takes it */
  snprintf(name, sizeof name, "%s%s", folder, path->valuestring);
  payload.data = ln_torch_member(archive, name, true, &payload.bytes);
  if (payload.data == NULL) return;
  if (pickled) read_pickled(archive, entry, payload.data, payload.bytes, out);
  else if (read_meta(import, entry->string, meta, &payload)) ln_torch_add_weight(import, out, entry->string, &payload);
}

static void read_index(const torch_archive *archive, const char *folder, const char *name, torch_weights *out) {
  cJSON *index = ln_torch_json(archive, name, true);
  const cJSON *entries = cJSON_GetObjectItemCaseSensitive(index, "config");
  for (const cJSON *entry = entries != NULL ? entries->child : NULL; entry != NULL; entry = entry->next) {
    if (entry->string != NULL && !ln_import_failed(archive->import)) read_entry(archive, folder, entry, out);
  }
  cJSON_Delete(index);
}

/* A folder's list of what is in it for the program, or a file of torch.save that holds it. */
static void read_folder(const torch_archive *archive, const char *folder, const char *program, const char *ending,
                        torch_weights *out) {
  char tail[2 * TORCH_NAME], name[TORCH_NAME];
  size_t size;
  snprintf(tail, sizeof tail, "/%s_%s", program, ending);
  if (ln_torch_find_member(archive, folder, tail, name)) {
    read_index(archive, folder, name, out);
    return;
  }
  snprintf(tail, sizeof tail, "/%s.pt", program);
  if (!ln_torch_find_member(archive, folder, tail, name)) return;
  const void *data = ln_torch_member(archive, name, true, &size);
  if (data != NULL && size > 0) ln_torch_unpickle(archive->import, data, size, out);
}

/* ---- the older archive: files of torch.save ---- */

static void read_saved(const torch_archive *archive, const char *const names[2], torch_weights *out) {
  size_t size = 0;
  const void *data = NULL;
  for (int32_t i = 0; i < 2 && data == NULL; ++i) data = ln_torch_member(archive, names[i], false, &size);
  if (data != NULL && size > 0) ln_torch_unpickle(archive->import, data, size, out);
}

bool ln_torch_read_weights(const torch_archive *archive, const char *program, torch_weights *out) {
  static const char *const states[2] = {"serialized_state_dict.pt", "serialized_state_dict.json"};
  static const char *const constants[2] = {"serialized_constants.pt", "serialized_constants.json"};
  if (archive->older) {
    read_saved(archive, states, out);
    read_saved(archive, constants, out);
  } else {
    read_folder(archive, "data/weights/", program, "weights_config.json", out);
    read_folder(archive, "data/constants/", program, "constants_config.json", out);
  }
  return !ln_import_failed(archive->import);
}

/* ---- constants ---- */

/* Whether all elements lie within the payload's bytes, and how many there are. */
static bool check_payload(const torch_payload *p, size_t *count) {
  size_t last = 0, span, bytes;
  if (p->rank < 0 || p->rank > LN_MAX_RANK || p->offset < 0) return false;
  *count = 1;
  for (int32_t i = 0; i < p->rank; ++i) {
    if (p->sizes[i] < 0 || p->sizes[i] > INT32_MAX || p->strides[i] < 0) return false;
    if (!ln_size_mul(*count, (size_t)p->sizes[i], count)) return false;
    if (p->sizes[i] == 0) continue;
    if (!ln_size_mul((size_t)(p->sizes[i] - 1), (size_t)p->strides[i], &span) || !ln_size_add(last, span, &last))
      return false;
  }
  if (*count == 0) return true;
  return ln_size_add(last, (size_t)p->offset, &last) && ln_size_add(last, 1, &last) &&
         ln_size_mul(last, ln_torch_type_bytes(p->type), &bytes) && bytes <= p->bytes;
}

static bool in_order(const torch_payload *p) {
  int64_t stride = 1;
  for (int32_t i = p->rank - 1; i >= 0; --i) {
    if (p->sizes[i] != 1 && p->strides[i] != stride) return false;
    stride *= p->sizes[i]; /* the product of sizes was checked */
  }
  return true;
}

/* Copies elements in C order. */
static void gather(const torch_payload *p, size_t count, uint8_t *to) {
  const size_t one = ln_torch_type_bytes(p->type);
  int64_t place[LN_MAX_RANK] = {0}, at = p->offset;
  for (size_t i = 0; i < count; ++i, to += one) {
    memcpy(to, (const uint8_t *)p->data + (size_t)at * one, one);
    for (int32_t axis = p->rank - 1; axis >= 0; --axis) {
      at += p->strides[axis];
      if (++place[axis] < p->sizes[axis]) break;
      at -= p->strides[axis] * p->sizes[axis];
      place[axis] = 0;
    }
  }
}

int32_t ln_torch_constant(ln_emit *e, const torch_payload *p) {
  int32_t dims[LN_MAX_RANK];
  size_t count, bytes;
  if (ln_emit_failed(e)) return -1;
  const size_t one = ln_torch_type_bytes(p->type), most = e->import->source->map.size;
  if (!check_payload(p, &count) || !ln_size_mul(count, one, &bytes)) {
    return ln_emit_wrong(e, "its numbers lie outside the weights' file");
  }
  for (int32_t i = 0; i < p->rank; ++i) dims[i] = (int32_t)p->sizes[i];
  const uint8_t *data = (const uint8_t *)p->data + (count > 0 ? (size_t)p->offset * one : 0);
  if (count > 0 && in_order(p) && (uintptr_t)data % one == 0) {
    return ln_emit_const_view(e, p->type, p->rank, dims, data);
  }
  if (bytes / 256 > most) return ln_emit_refuse(e, "it is expanded to %zu bytes", bytes);
  uint8_t *copy = ln_arena_alloc(ln_emit_arena(e), bytes + 1);
  if (copy == NULL) return ln_import_no_memory(e->import);
  gather(p, count, copy);
  return ln_emit_const_view(e, p->type, p->rank, dims, copy);
}

#endif
