/* Arguments of calls: tensors by the layers that they come from, numbers and lists as constants. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

const cJSON *ln_keras_argument(const ln_keras_call *call, int32_t position, const char *name) {
  const cJSON *item = NULL;
  if (position >= 0) item = cJSON_GetArrayItem(call->args, position);
  if (item == NULL && name != NULL) item = cJSON_GetObjectItemCaseSensitive(call->kwargs, name);
  return cJSON_IsNull(item) ? NULL : item;
}

static int by_key(const void *a, const void *b) {
  return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* Items of an object in the order of their keys, as Keras flattens a dict; NULL when memory is short. */
static const cJSON **sorted_items(const cJSON *object, size_t *count) {
  *count = (size_t)cJSON_GetArraySize(object);
  const cJSON **items = ln_alloc_array(*count + 1, sizeof *items);
  size_t i = 0;
  for (const cJSON *each = object->child; each != NULL && items != NULL; each = each->next) items[i++] = each;
  if (items != NULL) qsort(items, *count, sizeof *items, by_key);
  return items;
}

static bool add_value(ln_keras_call *call, ln_keras_value value, ln_keras_values *out) {
  if (out->count % 16 == 0) {
    ln_keras_value *more = ln_arena_array(ln_emit_arena(call->e), (size_t)out->count * 2 + 16, sizeof *more);
    if (more == NULL) return ln_import_no_memory(call->k->import), false;
    if (out->count > 0) memcpy(more, out->items, (size_t)out->count * sizeof *more);
    out->items = more;
  }
  if (out->count >= LN_KERAS_VALUES) return ln_emit_wrong(call->e, "it has too many inputs"), false;
  out->items[out->count++] = value;
  return true;
}

static bool collect(ln_keras_call *call, const cJSON *item, int32_t depth, ln_keras_values *out) {
  ln_keras_value value;
  bool ready;
  if (item == NULL || ln_emit_failed(call->e)) return !ln_emit_failed(call->e);
  if (depth > LN_KERAS_DEPTH) return ln_emit_wrong(call->e, "arguments are nested too deep"), false;
  if (ln_keras_reference(call, item, &value, &ready)) {
    if (!ready) return ln_emit_wrong(call->e, "an input is missing"), false;
    return add_value(call, value, out);
  }
  if (cJSON_IsArray(item)) {
    for (const cJSON *each = item->child; each != NULL; each = each->next) {
      if (!collect(call, each, depth + 1, out)) return false;
    }
    return true;
  }
  if (!cJSON_IsObject(item)) return true;
  size_t count;
  const cJSON **items = sorted_items(item, &count);
  bool good = items != NULL;
  for (size_t i = 0; i < count && good; ++i) good = collect(call, items[i], depth + 1, out);
  ln_free(items);
  return good;
}

bool ln_keras_tensors(ln_keras_call *call, const cJSON *item, ln_keras_values *out) {
  *out = (ln_keras_values){NULL, 0};
  return collect(call, item, 0, out);
}

bool ln_keras_has_tensor(ln_keras_call *call, const cJSON *item) {
  ln_keras_value value;
  bool ready;
  return item != NULL && ln_keras_reference(call, item, &value, &ready) && ready;
}

int32_t ln_keras_tensor(ln_keras_call *call, int32_t position, const char *name) {
  ln_keras_values found;
  const cJSON *item = ln_keras_argument(call, position, name);
  if (item == NULL && position >= 0 && position < call->inputs.count && call->args == NULL) {
    return call->inputs.items[position].tensor;
  }
  return item != NULL && ln_keras_tensors(call, item, &found) && found.count > 0 ? found.items[0].tensor : -1;
}

/* ---- constants ---- */

enum { NUMBERS_MOST = 1 << 16 };

typedef struct numbers {
  double *values;
  size_t count;
  ln_shape shape;
} numbers;

static bool measure(const cJSON *item, int32_t depth, ln_shape *shape) {
  const cJSON *list = item;
  for (shape->rank = 0; cJSON_IsArray(list) && shape->rank < LN_MAX_RANK; list = list->child) {
    shape->dims[shape->rank++] = cJSON_GetArraySize(list);
  }
  (void)depth;
  return !cJSON_IsArray(list);
}

static bool fill(const cJSON *item, const ln_shape *shape, int32_t axis, numbers *out) {
  if (axis == shape->rank) {
    if (!cJSON_IsNumber(item) && !cJSON_IsBool(item)) return false;
    if (out->count >= NUMBERS_MOST) return false;
    out->values[out->count++] = cJSON_IsBool(item) ? cJSON_IsTrue(item) : item->valuedouble;
    return true;
  }
  if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != shape->dims[axis]) return false;
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (!fill(each, shape, axis + 1, out)) return false;
  }
  return true;
}

/* Arrays of NumPy that Keras 3 writes as {"class_name": "__numpy__", "config": {"value": ..., "dtype": ...}}. */
static const cJSON *plain(const cJSON *item) {
  const char *class = ln_keras_class(item);
  if (strcmp(class, "__numpy__") != 0 && strcmp(class, "__tensor__") != 0) return item;
  return ln_keras_option(ln_keras_option(item, "config"), "value");
}

static int32_t list_constant(ln_keras_call *call, const cJSON *item, ln_type type) {
  numbers found = {NULL, 0, {0}};
  int32_t result = -1;
  found.values = ln_alloc_array(NUMBERS_MOST, sizeof *found.values);
  if (found.values == NULL) return ln_import_no_memory(call->k->import);
  if (measure(item, 0, &found.shape) && fill(item, &found.shape, 0, &found)) {
    float *floats = ln_alloc_array(found.count + 1, sizeof *floats);
    for (size_t i = 0; i < found.count && floats != NULL; ++i) floats[i] = (float)found.values[i];
    if (floats != NULL) {
      result = ln_emit_const(call->e, LN_FLOAT32, found.shape.rank, found.shape.dims, floats);
      if (type != LN_FLOAT32) result = ln_emit_cast(call->e, result, type);
    } else {
      ln_import_no_memory(call->k->import);
    }
    ln_free(floats);
  } else {
    ln_emit_wrong(call->e, "an argument is no array of numbers");
  }
  ln_free(found.values);
  return result;
}

int32_t ln_keras_operand(ln_keras_call *call, const cJSON *item, ln_type type) {
  ln_keras_value value;
  bool ready;
  if (item == NULL) return ln_emit_wrong(call->e, "an argument is missing");
  if (ln_keras_reference(call, item, &value, &ready)) {
    return ready ? value.tensor : ln_emit_wrong(call->e, "an input is missing");
  }
  const cJSON *found = plain(item);
  if (cJSON_IsArray(found)) {
    ln_keras_values parts;
    if (ln_keras_tensors(call, found, &parts) && parts.count > 0) return parts.items[0].tensor;
    return ln_emit_failed(call->e) ? -1 : list_constant(call, found, type);
  }
  if (cJSON_IsBool(found)) return ln_emit_scalar(call->e, type, cJSON_IsTrue(found));
  if (!cJSON_IsNumber(found)) return ln_emit_wrong(call->e, "an argument is neither a tensor nor a number");
  const bool whole = found->valuedouble == floor(found->valuedouble);
  return ln_emit_scalar(call->e, whole ? type : LN_FLOAT32, found->valuedouble);
}

int32_t ln_keras_floats(ln_keras_call *call, int32_t tensor) {
  if (tensor < 0 || ln_emit_failed(call->e)) return -1;
  if (ln_emit_type(call->e, tensor) == LN_STRING) return ln_emit_wrong(call->e, "it wants numbers and gets strings");
  return ln_emit_cast(call->e, tensor, LN_FLOAT32);
}

int32_t ln_keras_input(ln_keras_call *call) {
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no input");
  return ln_keras_floats(call, call->inputs.items[0].tensor);
}

bool ln_keras_give(ln_keras_call *call, int32_t count) {
  if (ln_emit_failed(call->e)) return false;
  call->outputs.items = ln_arena_array(ln_emit_arena(call->e), (size_t)count + 1, sizeof *call->outputs.items);
  if (call->outputs.items == NULL) return ln_import_no_memory(call->k->import), false;
  call->outputs.count = count;
  for (int32_t i = 0; i < count; ++i) call->outputs.items[i] = (ln_keras_value){-1, -1};
  return true;
}

#endif
