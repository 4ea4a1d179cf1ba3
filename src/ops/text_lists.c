/* Strings of tensors, and lists that grow: see ops/text_lists.h. */
#include "ops/text_lists.h"

#include <string.h>

#include "ops/custom_options.h"
#include "ops/flex_attr.h"
#include "ops/strings.h"

/* ---- reading ---- */

ln_status ln_texts_open(const ln_node *node, int32_t input, ln_error *err, ln_texts *out) {
  static const int32_t none[2] = {0, 0};
  const ln_tensor *tensor = input < node->in_count ? node->in[input] : NULL;
  if (tensor == NULL) return ln_node_fail(node, err, LN_ERR_MODEL, "input %d is missing", input);
  if (tensor->type != LN_STRING) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "\"%.100s\" is %s, not text", tensor->name, ln_type_name(tensor->type));
  }
  const bool empty = ln_shape_known(&tensor->shape) && ln_tensor_count(tensor) == 0;
  if (!empty) LN_TRY(ln_node_check_strings(node, input, err));
  *out = (ln_texts){"", none, 0};
  if (!empty) *out = (ln_texts){tensor->data, (const int32_t *)tensor->data + 1, ln_tensor_count(tensor)};
  return LN_OK;
}

ln_status ln_text_scalar(const ln_node *node, int32_t input, ln_error *err, ln_span *out) {
  ln_texts texts;
  LN_TRY(ln_texts_open(node, input, err, &texts));
  if (texts.count != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" must be one string, has %zu", node->in[input]->name,
                        texts.count);
  }
  *out = ln_texts_at(&texts, 0);
  return LN_OK;
}

int64_t ln_number_at(const ln_tensor *tensor, size_t index) {
  switch (tensor->type) {
    case LN_INT64: return ((const int64_t *)tensor->data)[index];
    case LN_UINT64: return (int64_t)((const uint64_t *)tensor->data)[index];
    case LN_INT32: return ((const int32_t *)tensor->data)[index];
    case LN_UINT32: return ((const uint32_t *)tensor->data)[index];
    case LN_INT16: return ((const int16_t *)tensor->data)[index];
    case LN_UINT16: return ((const uint16_t *)tensor->data)[index];
    case LN_INT8: return ((const int8_t *)tensor->data)[index];
    default: return ((const uint8_t *)tensor->data)[index];
  }
}

ln_status ln_number_scalar(const ln_node *node, int32_t input, ln_error *err, int64_t *out) {
  const ln_tensor *tensor = node->in[input];
  if (tensor->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", tensor->name);
  if (ln_tensor_count(tensor) != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" must be one number", tensor->name);
  }
  *out = ln_number_at(tensor, 0);
  return LN_OK;
}

ln_status ln_splits_check(const ln_node *node, int32_t input, size_t total, ln_error *err, size_t *rows) {
  const ln_tensor *splits = node->in[input];
  const size_t count = splits->shape.rank == 1 ? ln_tensor_count(splits) : 0;
  if (splits->shape.rank != 1 || (count > 0 && splits->data == NULL)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the row splits \"%.100s\" are no list", splits->name);
  }
  int64_t last = 0;
  for (size_t i = 0; i < count; ++i) {
    const int64_t split = ln_number_at(splits, i);
    if (split < last || (uint64_t)split > total || (i == 0 && split != 0)) {
      return ln_node_fail(node, err, LN_ERR_DATA, "row split %zu is %lld, of %zu values", i, (long long)split, total);
    }
    last = split;
  }
  if ((size_t)last != total) {
    return ln_node_fail(node, err, LN_ERR_DATA, "the row splits end at %lld, of %zu values", (long long)last, total);
  }
  *rows = count > 0 ? count - 1 : 0;
  return LN_OK;
}

/* ---- growing ---- */

/* Room for `needed` items; doubles, so that the whole costs what the result does. */
static bool grow(const ln_node *node, void **items, size_t *capacity, size_t needed, size_t item_bytes,
                 ln_status *status) {
  if (needed <= *capacity) return true;
  if (*status != LN_OK) return false;
  size_t wanted = *capacity < 64 ? 64 : *capacity;
  size_t bytes;
  while (wanted < needed) wanted *= 2;
  *status = ln_size_mul(wanted, item_bytes, &bytes) ? ln_host_check_room(node, bytes, NULL) : LN_ERR_LIMIT;
  if (*status != LN_OK) return false;
  void *grown = ln_realloc_array(*items, *capacity, wanted, item_bytes);
  if (grown == NULL) {
    *status = LN_ERR_MEMORY;
    return false;
  }
  *items = grown;
  *capacity = wanted;
  return true;
}

static ln_status report(const ln_node *node, ln_status status, ln_error *err) {
  if (status == LN_OK) return LN_OK;
  return ln_node_fail(node, err, status, status == LN_ERR_LIMIT ? "its result passes the memory limit" : "no memory");
}

void ln_text_list_free(ln_text_list *list) {
  ln_free(list->bytes);
  ln_free(list->ends);
  list->bytes = NULL;
  list->ends = NULL;
}

bool ln_text_put(ln_text_list *list, const char *data, size_t size) {
  void *bytes = list->bytes;
  if (size > (size_t)INT32_MAX - list->used) list->status = LN_ERR_LIMIT;
  if (list->status != LN_OK) return false;
  const bool fits = grow(list->node, &bytes, &list->capacity, list->used + size, 1, &list->status);
  list->bytes = bytes;
  if (!fits) return false;
  if (size > 0) memcpy(list->bytes + list->used, data, size);
  list->used += size;
  return true;
}

bool ln_text_put_byte(ln_text_list *list, char byte) { return ln_text_put(list, &byte, 1); }

bool ln_text_put_code(ln_text_list *list, uint32_t code_point) {
  char bytes[4];
  return ln_text_put(list, bytes, ln_utf8_put(code_point, bytes));
}

bool ln_text_end(ln_text_list *list) {
  if (list->count >= INT32_MAX / sizeof(int32_t) - 2) list->status = LN_ERR_LIMIT; /* a tensor's offsets are int32 */
  void *ends = list->ends;
  const bool fits = list->status == LN_OK &&
                    grow(list->node, &ends, &list->ends_capacity, list->count + 1, sizeof *list->ends, &list->status);
  list->ends = ends;
  if (fits) list->ends[list->count++] = list->used;
  return fits;
}

ln_span ln_text_get(const ln_text_list *list, size_t index) {
  const size_t start = index == 0 ? 0 : list->ends[index - 1];
  const ln_span span = {list->bytes == NULL ? "" : list->bytes + start, list->ends[index] - start};
  return span;
}

ln_span ln_text_open_tail(const ln_text_list *list) {
  const size_t start = list->count == 0 ? 0 : list->ends[list->count - 1];
  const ln_span span = {list->bytes == NULL ? "" : list->bytes + start, list->used - start};
  return span;
}

void ln_text_list_cut(ln_text_list *list, size_t count) {
  if (list->count > count) list->count = count;
  list->used = list->count == 0 ? 0 : list->ends[list->count - 1];
}

void ln_text_drop_tail(ln_text_list *list, size_t size) {
  const size_t start = list->count == 0 ? 0 : list->ends[list->count - 1];
  if (list->used > start + size) list->used = start + size;
}

ln_status ln_text_list_output(const ln_text_list *list, int32_t index, const ln_shape *shape, ln_error *err) {
  size_t elements, header, bytes;
  LN_TRY(report(list->node, list->status, err));
  if (!ln_shape_elements(shape, &elements) || elements != list->count) {
    return ln_node_fail(list->node, err, LN_ERR_SHAPE, "%zu strings do not fill output %d", list->count, index);
  }
  if (!ln_size_mul(list->count + 2, sizeof(int32_t), &header) || !ln_size_add(header, list->used, &bytes) ||
      bytes > INT32_MAX) {
    return ln_node_fail(list->node, err, LN_ERR_LIMIT, "output %d would pass 2 GB", index);
  }
  LN_TRY(ln_host_output(list->node, index, shape, bytes, err));
  int32_t *words = list->node->out[index]->data;
  words[0] = (int32_t)list->count;
  words[1] = (int32_t)header;
  for (size_t i = 0; i < list->count; ++i) words[i + 2] = (int32_t)(header + list->ends[i]);
  if (list->used > 0) memcpy((char *)words + header, list->bytes, list->used);
  return LN_OK;
}

void ln_number_list_free(ln_number_list *list) {
  ln_free(list->items);
  list->items = NULL;
}

bool ln_number_add(ln_number_list *list, int64_t value) {
  void *items = list->items;
  const bool fits = list->status == LN_OK &&
                    grow(list->node, &items, &list->capacity, list->count + 1, sizeof *list->items, &list->status);
  list->items = items;
  if (fits) list->items[list->count++] = value;
  return fits;
}

static void store(const ln_number_list *list, ln_tensor *out) {
  const size_t bits = (size_t)ln_type_bits(out->type);
  for (size_t i = 0; i < list->count; ++i) {
    const int64_t value = list->items[i];
    if (bits == 64) ((int64_t *)out->data)[i] = value;
    else if (bits == 32) ((int32_t *)out->data)[i] = (int32_t)value;
    else if (bits == 16) ((int16_t *)out->data)[i] = (int16_t)value;
    else ((int8_t *)out->data)[i] = (int8_t)value;
  }
}

ln_status ln_number_list_output(const ln_number_list *list, int32_t index, const ln_shape *shape, ln_error *err) {
  size_t elements, bytes;
  ln_tensor *out = list->node->out[index];
  LN_TRY(report(list->node, list->status, err));
  if (!ln_shape_elements(shape, &elements) || elements != list->count || !ln_tensor_size(out->type, shape, &bytes)) {
    return ln_node_fail(list->node, err, LN_ERR_SHAPE, "%zu numbers do not fill output %d", list->count, index);
  }
  LN_TRY(ln_host_output(list->node, index, shape, bytes, err));
  store(list, out);
  return LN_OK;
}

ln_status ln_text_vector_shape(const ln_node *node, size_t count, ln_error *err, ln_shape *out) {
  if (count > INT32_MAX) return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu values in one list", count);
  *out = (ln_shape){1, {(int32_t)count}};
  return LN_OK;
}

ln_status ln_text_vector(const ln_text_list *list, int32_t index, ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_text_vector_shape(list->node, list->count, err, &shape));
  return ln_text_list_output(list, index, &shape, err);
}

ln_status ln_number_vector(const ln_number_list *list, int32_t index, ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_text_vector_shape(list->node, list->count, err, &shape));
  return ln_number_list_output(list, index, &shape, err);
}

ln_status ln_text_infer_run(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN;
}

/* ---- options ---- */

static bool is_flex(const ln_node *node) {
  return node->op->custom_name != NULL && strncmp(node->op->custom_name, "Flex", 4) == 0;
}

ln_status ln_text_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out) {
  if (is_flex(node)) return ln_attr_int(node, err, key, low, high, out);
  int64_t value = *out;
  if (!ln_flex_int(ln_custom_flex(node), key, &value)) return LN_OK;
  LN_TRY(ln_custom_int(node, err, key, low, high, out));
  return LN_OK;
}

ln_status ln_text_bool(const ln_node *node, ln_error *err, const char *key, bool *out) {
  if (is_flex(node)) return ln_attr_bool(node, err, key, out);
  bool value;
  int64_t number;
  if (ln_flex_bool(ln_custom_flex(node), key, &value)) *out = value;
  else if (ln_flex_int(ln_custom_flex(node), key, &number)) *out = number != 0;
  return LN_OK;
}

ln_status ln_text_string(const ln_node *node, ln_error *err, const char *key, ln_span *out) {
  if (is_flex(node)) return ln_attr_string(node, err, key, &out->data, &out->size);
  ln_span text;
  if (ln_flex_string(ln_custom_flex(node), key, &text.data, &text.size)) *out = text;
  return LN_OK;
}

bool ln_text_string_at(const ln_node *node, const char *key, int32_t index, ln_span *out) {
  ln_nodedef def;
  int32_t count;
  if (!is_flex(node)) return ln_flex_string_at(ln_custom_flex(node), key, (size_t)index, &out->data, &out->size);
  if (!ln_nodedef_open(node->op->custom_options, node->op->custom_options_size, &def)) return false;
  return ln_nodedef_strings(&def, key, &count) && index < count &&
         ln_nodedef_string_at(&def, key, index, &out->data, &out->size);
}
