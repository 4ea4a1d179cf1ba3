/* safetensors: a length, a list of tensors in JSON, and their numbers. */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static uint64_t header_size(const uint8_t *data) {
  uint64_t size = 0;
  for (int32_t i = 7; i >= 0; --i) size = size << 8 | data[i];
  return size;
}

bool ln_torch_is_safetensors(const void *data, size_t size) {
  if (size < 10) return false;
  const uint64_t header = header_size(data);
  const char *text = (const char *)data + 8;
  return header >= 2 && header < 100000000 && text[0] == '{' && (text[1] == '"' || text[1] == '}' || text[1] == ' ');
}

static bool type_named(const char *name, ln_type *out) {
  static const struct {
    const char *name;
    ln_type type;
  } rows[] = {{"F32", LN_FLOAT32}, {"F16", LN_FLOAT16}, {"BF16", LN_BFLOAT16}, {"F64", LN_FLOAT64}, {"I64", LN_INT64},
              {"I32", LN_INT32},   {"I16", LN_INT16},   {"I8", LN_INT8},       {"U8", LN_UINT8},    {"BOOL", LN_BOOL},
              {"U16", LN_UINT16},  {"U32", LN_UINT32},  {"U64", LN_UINT64}};
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i].name, name) != 0) continue;
    *out = rows[i].type;
    return true;
  }
  return false;
}

static bool whole(const cJSON *item, double most, int64_t *out) {
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= most)) return false;
  *out = (int64_t)item->valuedouble;
  return true;
}

/* One entry of the list; `numbers` [room] follow it. */
static bool read_entry(const cJSON *entry, const uint8_t *numbers, size_t room, torch_payload *out) {
  const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
  const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
  const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
  int64_t from, to, stride = 1;
  *out = (torch_payload){0};
  if (!cJSON_IsString(dtype) || !type_named(dtype->valuestring, &out->type) || !cJSON_IsArray(shape)) return false;
  if (cJSON_GetArraySize(offsets) != 2 || !whole(cJSON_GetArrayItem(offsets, 0), (double)room, &from) ||
      !whole(cJSON_GetArrayItem(offsets, 1), (double)room, &to) || to < from || (size_t)to > room)
    return false;
  for (const cJSON *item = shape->child; item != NULL; item = item->next) {
    if (out->rank == LN_MAX_RANK || !whole(item, INT32_MAX, &out->sizes[out->rank++])) return false;
  }
  for (int32_t i = out->rank - 1; i >= 0; --i) {
    size_t next;
    out->strides[i] = stride;
    if (!ln_size_mul((size_t)stride, (size_t)out->sizes[i], &next) || next > INT64_MAX) return false;
    stride = (int64_t)next;
  }
  out->data = numbers + from;
  out->bytes = (size_t)(to - from);
  return true;
}

bool ln_torch_read_safetensors(ln_import *import, const void *data, size_t size, torch_weights *out) {
  ln_error said = {LN_OK, ""};
  cJSON *list = NULL;
  const uint64_t header = size >= 8 ? header_size(data) : 0;
  if (size < 8 || header > size - 8) {
    ln_import_fail(import, LN_ERR_FORMAT, "the safetensors file is cut short");
    return false;
  }
  if (ln_json_parse((const char *)data + 8, (size_t)header, &said, &list) != LN_OK) {
    ln_import_fail(import, LN_ERR_FORMAT, "the list of the safetensors file is %s", said.message);
    return false;
  }
  const uint8_t *numbers = (const uint8_t *)data + 8 + header;
  for (const cJSON *entry = list->child; entry != NULL && !ln_import_failed(import); entry = entry->next) {
    torch_payload payload;
    if (entry->string == NULL || strcmp(entry->string, "__metadata__") == 0) continue;
    if (read_entry(entry, numbers, size - 8 - (size_t)header, &payload)) {
      ln_torch_add_weight(import, out, entry->string, &payload);
    } else {
      ln_import_fail(import, LN_ERR_FORMAT, "tensor \"%.80s\" of the safetensors file is described wrongly",
                     entry->string);
    }
  }
  cJSON_Delete(list);
  return !ln_import_failed(import);
}

#endif
