/* Options of layers: values of a config by name, where Keras's null counts as absent. */
#include <math.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

const cJSON *ln_keras_option(const cJSON *config, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
  return cJSON_IsNull(item) ? NULL : item;
}

double ln_keras_number(const cJSON *config, const char *key, double otherwise) {
  const cJSON *item = ln_keras_option(config, key);
  if (cJSON_IsNumber(item)) return item->valuedouble;
  if (cJSON_IsBool(item)) return cJSON_IsTrue(item);
  return otherwise;
}

static bool is_int(const cJSON *item) {
  return cJSON_IsNumber(item) && item->valuedouble == floor(item->valuedouble) && fabs(item->valuedouble) <= INT32_MAX;
}

int32_t ln_keras_int(const cJSON *config, const char *key, int32_t otherwise) {
  const cJSON *item = ln_keras_option(config, key);
  return is_int(item) ? (int32_t)item->valuedouble : otherwise;
}

bool ln_keras_flag(const cJSON *config, const char *key, bool otherwise) {
  const cJSON *item = ln_keras_option(config, key);
  if (cJSON_IsBool(item)) return cJSON_IsTrue(item);
  return cJSON_IsNumber(item) ? item->valuedouble != 0 : otherwise;
}

const char *ln_keras_text(const cJSON *config, const char *key, const char *otherwise) {
  const cJSON *item = ln_keras_option(config, key);
  return cJSON_IsString(item) ? item->valuestring : otherwise;
}

int32_t ln_keras_list(const cJSON *item, int32_t most, int32_t *values) {
  int32_t count = 0;
  if (is_int(item) && most > 0) {
    values[0] = (int32_t)item->valuedouble;
    return 1;
  }
  if (!cJSON_IsArray(item)) return 0;
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (!is_int(each) || count == most) return 0;
    values[count++] = (int32_t)each->valuedouble;
  }
  return count;
}

int32_t ln_keras_ints(const cJSON *config, const char *key, int32_t most, int32_t *values) {
  return ln_keras_list(ln_keras_option(config, key), most, values);
}

bool ln_keras_tuple(ln_keras_call *call, const char *key, int32_t count, int32_t otherwise, int32_t *values) {
  const cJSON *item = ln_keras_option(call->config, key);
  const int32_t found = item != NULL ? ln_keras_list(item, count, values) : 0;
  if (found == count && count > 0) return true;
  if (item != NULL && found != 1) {
    ln_emit_wrong(call->e, "%s is not %d whole numbers", key, (int)count);
    return false;
  }
  for (int32_t i = count; i-- > 0;) values[i] = found == 1 ? values[0] : otherwise;
  return true;
}

bool ln_keras_is(const cJSON *config, const char *key, const char *value) {
  return strcmp(ln_keras_text(config, key, ""), value) == 0;
}

bool ln_keras_channels_first(const cJSON *config) { return ln_keras_is(config, "data_format", "channels_first"); }

ln_type ln_keras_type(const char *name) {
  static const struct {
    const char *name;
    ln_type type;
  } types[] = {{"float32", LN_FLOAT32}, {"float16", LN_FLOAT32}, {"bfloat16", LN_FLOAT32}, {"float64", LN_FLOAT32},
               {"int8", LN_INT8},       {"uint8", LN_UINT8},     {"int16", LN_INT16},      {"int32", LN_INT32},
               {"int64", LN_INT64},     {"bool", LN_BOOL},       {"string", LN_STRING}};
  for (size_t i = 0; i < LN_COUNT(types); ++i) {
    if (strcmp(types[i].name, name) == 0) return types[i].type;
  }
  return (ln_type)LN_TYPE_COUNT;
}

const char *ln_keras_class(const cJSON *layer) { return ln_keras_text(layer, "class_name", ""); }

const char *ln_keras_layer_name(const cJSON *layer) {
  const char *name = ln_keras_text(layer, "name", NULL);
  return name != NULL ? name : ln_keras_text(ln_keras_option(layer, "config"), "name", "");
}

#endif
