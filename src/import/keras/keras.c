/* Keras files: which they are, and what they hold: a config, and weights in HDF5. */
#include "import/keras/keras.h"

#include <stdio.h>
#include <string.h>

#include "import/importers.h"

enum { CONFIG_MOST = 1 << 28 };

static bool is_archive(const void *data, size_t size) { return size >= 30 && memcmp(data, "PK\3\4", 4) == 0; }

/* The name of the first file, also of an archive that is cut short. */
static bool begins_with(const ln_import_source *source, const char *name) {
  const char *data = (const char *)source->map.data;
  const size_t length = strlen(name);
  return source->map.size >= 30 + length && memcmp(data + 30, name, length) == 0;
}

static bool has_member(const ln_import_source *source, const char *name) {
  char found[64];
  for (int32_t i = 0; i < 64; ++i) {
    if (!ln_zip_name(source->map.data, source->map.size, i, found, sizeof found)) continue;
    if (strcmp(found, name) == 0) return true;
  }
  return false;
}

bool ln_import_is_keras(const ln_import_source *source) {
  if (source->is_folder) return false;
  if (ln_h5_is(source->map.data, source->map.size)) return true;
  if (!is_archive(source->map.data, source->map.size)) return false;
  return begins_with(source, "metadata.json") || begins_with(source, "config.json") ||
         begins_with(source, "model.weights.h5") || has_member(source, "model.weights.h5");
}

#ifdef LN_HAVE_CJSON

static bool read_config(ln_keras *k, const char *text, size_t size) {
  ln_error said = {LN_OK, ""};
  if (ln_json_parse(text, size, &said, &k->config) == LN_OK) return true;
  return ln_import_fail(k->import, LN_ERR_FORMAT, "the model's config: %.200s", said.message) > 0;
}

static bool open_archive(ln_keras *k) {
  const ln_file_map *map = &k->source->map;
  ln_error said = {LN_OK, ""};
  void *config = NULL;
  size_t size = 0;
  k->is_archive = true;
  if (ln_zip_read(map->data, map->size, "config.json", CONFIG_MOST, &said, &config, &size) != LN_OK) {
    return ln_import_fail(k->import, LN_ERR_FORMAT, "the .keras file is damaged or cut short: %.200s", said.message) >
           0;
  }
  const bool good = read_config(k, config, size);
  ln_free(config);
  if (!good) return false;
  if (ln_zip_read(map->data, map->size, "model.weights.h5", LN_DATA_MAX_UNPACKED, &said, &k->unpacked, &size) !=
      LN_OK) {
    return ln_import_fail(k->import, LN_ERR_FORMAT, "the .keras file: %.200s", said.message) > 0;
  }
  if (ln_h5_open(k->unpacked, size, &said, &k->file) == LN_OK) return true;
  return ln_import_fail(k->import, said.status, "model.weights.h5 in the archive: %.200s", said.message) > 0;
}

static bool open_h5(ln_keras *k) {
  ln_error said = {LN_OK, ""};
  if (ln_h5_open(k->source->map.data, k->source->map.size, &said, &k->file) != LN_OK) {
    return ln_import_fail(k->import, said.status, "%.200s", said.message) > 0;
  }
  char *text = ln_h5_text(k->file, "/", "model_config");
  if (text == NULL) {
    return ln_import_fail(
               k->import, LN_ERR_UNSUPPORTED,
               "the file holds weights and not the model's architecture; save the whole model (model.save)") > 0;
  }
  const bool good = read_config(k, text, strlen(text));
  ln_free(text);
  return good;
}

/* Which of the two generations wrote it: Keras 3 names the module and the shape of inputs otherwise. */
static void find_generation(ln_keras *k) {
  const cJSON *config = ln_keras_option(k->config, "config"), *layers = ln_keras_option(config, "layers");
  k->legacy_calls = true;
  k->keras3 = false;
  for (const cJSON *layer = cJSON_IsArray(layers) ? layers->child : NULL; layer != NULL; layer = layer->next) {
    const cJSON *own = ln_keras_option(layer, "config");
    const cJSON *node = ln_keras_option(layer, "inbound_nodes");
    if (cJSON_IsObject(node != NULL ? node->child : NULL)) k->legacy_calls = false;
    if (ln_keras_option(own, "batch_shape") != NULL || cJSON_IsObject(ln_keras_option(own, "dtype"))) k->keras3 = true;
  }
  if (k->keras3 && layers != NULL && ln_keras_option(config, "input_layers") == NULL) k->legacy_calls = false;
}

static bool read_all(ln_keras *k) {
  if (!(is_archive(k->source->map.data, k->source->map.size) ? open_archive(k) : open_h5(k))) return false;
  find_generation(k);
  k->e = ln_emit_begin(k->import, "main");
  if (k->e == NULL || !ln_keras_run(k)) return false;
  ln_emit_sign(k->e, "serving_default");
  return !ln_import_failed(k->import);
}

ln_status ln_import_keras(ln_import *import) {
  ln_keras k = {.import = import, .source = import->source};
  import->what = "layer";
  read_all(&k);
  cJSON_Delete(k.config);
  ln_h5_close(k.file);
  ln_free(k.unpacked);
  return import->status;
}

#else

ln_status ln_import_keras(ln_import *import) {
  ln_import_fail(import, LN_ERR_FEATURE, "this build reads no Keras files: built without libcjson");
  return import->status;
}

#endif
