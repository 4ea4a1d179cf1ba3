/* The Keras importer on kept files of both generations, on archives written here, and on damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "import/import.h"
#include "io/io.h"
#include "optimize/optimize.h"

#define CORPUS LN_TESTS_DIR "/../fuzz/corpus/import_keras/"

static const char *const kept[] = {"mlp3.keras", "mlp3.h5",         "mlp2.keras",      "mlp2.h5",      "nested3.h5",
                                   "nested2.h5", "sequence3.keras", "sequence2.keras", "lookup3.keras"};

static void *read_kept(const char *name, size_t *size) {
  char path[512];
  ln_error err = {LN_OK, ""};
  ln_file_map map;
  snprintf(path, sizeof path, CORPUS "%s", name);
  assert_int_equal(ln_file_map_open(path, &err, &map), LN_OK);
  void *copy = ln_alloc(map.size + 1);
  assert_non_null(copy);
  memcpy(copy, map.data, map.size);
  *size = map.size;
  ln_file_map_close(&map);
  return copy;
}

/* Reads, checks and writes the file; the status. */
static ln_status convert(const void *data, size_t size, ln_error *err, ln_model **out) {
  const ln_importer *importer = ln_importer_find("keras");
  const ln_import_source source = {.path = "model", .map = {.data = data, .size = size}};
  ln_model *model = NULL;
  *err = (ln_error){LN_OK, ""};
  if (out != NULL) *out = NULL;
  ln_status status = ln_import_run(importer, &source, NULL, err, &model);
  if (status != LN_OK) {
    assert_string_not_equal(err->message, "");
    assert_null(strchr(err->message, '\n'));
    return status;
  }
  assert_int_equal(ln_edit_compact(model, err), LN_OK);
  if (out != NULL) *out = model;
  else ln_model_destroy(model);
  return LN_OK;
}

static bool has_op(const ln_model *model, int32_t code) {
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) {
    if (model->graphs[0].ops[i].def->code == code) return true;
  }
  return false;
}

static void test_kept_files(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(kept); ++i) {
    size_t size;
    ln_error err;
    ln_model *model;
    void *data = read_kept(kept[i], &size);
    const ln_import_source source = {.path = kept[i], .map = {.data = data, .size = size}};
    assert_string_equal(ln_importer_recognize(&source)->name, "keras");
    if (convert(data, size, &err, &model) != LN_OK) fail_msg("%s: %s", kept[i], err.message);
    assert_int_equal(model->signature_count, 1);
    assert_string_equal(model->signatures[0].key, "serving_default");
    if (strncmp(kept[i], "mlp", 3) == 0) {
      assert_string_equal(model->signatures[0].input_keys[0], "x");
      assert_string_equal(model->signatures[0].output_keys[0], "probs");
      assert_true(has_op(model, LN_OP_FULLY_CONNECTED));
      assert_string_equal(model->graphs[0].ops[0].origin, "first");
      assert_string_equal(model->graphs[0].ops[0].origin_op, "Dense");
    }
    ln_model_destroy(model);
    ln_free(data);
  }
}

/* ---- archives of any config ---- */

typedef struct archive {
  uint8_t *data;
  size_t size;
} archive;

static void put(archive *a, const void *bytes, size_t size) {
  a->data = realloc(a->data, a->size + size);
  assert_non_null(a->data);
  memcpy(a->data + a->size, bytes, size);
  a->size += size;
}

static void put_number(archive *a, uint32_t value, size_t bytes) {
  uint8_t room[4];
  for (size_t i = 0; i < bytes; ++i) room[i] = (uint8_t)(value >> (8 * i));
  put(a, room, bytes);
}

static void put_entry(archive *a, bool central, const char *name, size_t size, uint32_t at) {
  put(a, central ? "PK\1\2" : "PK\3\4", 4);
  put_number(a, 20, 2);
  if (central) put_number(a, 20, 2);
  put_number(a, 0, 4); /* flags, stored */
  put_number(a, 0, 4); /* time */
  put_number(a, 0, 4); /* checksum */
  put_number(a, (uint32_t)size, 4);
  put_number(a, (uint32_t)size, 4);
  put_number(a, (uint32_t)strlen(name), 2);
  put_number(a, 0, 2);
  if (central) {
    put_number(a, 0, 2);
    put_number(a, 0, 4);
    put_number(a, 0, 4);
    put_number(a, at, 4);
  }
  put(a, name, strlen(name));
}

/* A .keras file of the config, with the weights of mlp3.keras. */
static archive pack(const char *config) {
  static const char *const names[2] = {"config.json", "model.weights.h5"};
  size_t size, sizes[2] = {strlen(config), 0};
  uint32_t at[2];
  ln_error err;
  void *file = read_kept("mlp3.keras", &size), *weights;
  assert_int_equal(ln_zip_read(file, size, names[1], size, &err, &weights, &sizes[1]), LN_OK);
  const void *const parts[2] = {config, weights};
  archive a = {NULL, 0};
  for (size_t i = 0; i < 2; ++i) {
    at[i] = (uint32_t)a.size;
    put_entry(&a, false, names[i], sizes[i], 0);
    put(&a, parts[i], sizes[i]);
  }
  const uint32_t directory = (uint32_t)a.size;
  for (size_t i = 0; i < 2; ++i) put_entry(&a, true, names[i], sizes[i], at[i]);
  const uint32_t length = (uint32_t)a.size - directory;
  put(&a, "PK\5\6\0\0\0\0\2\0\2\0", 12);
  put_number(&a, length, 4);
  put_number(&a, directory, 4);
  put_number(&a, 0, 2);
  ln_free(weights);
  ln_free(file);
  return a;
}

#define INPUT                                                                                       \
  "{\"module\":\"keras.layers\",\"class_name\":\"InputLayer\",\"name\":\"x\",\"inbound_nodes\":[]," \
  "\"config\":{\"name\":\"x\",\"batch_shape\":[null,4],\"dtype\":\"float32\"}}"
#define OF(layer)                                                                            \
  "[{\"args\":[{\"class_name\":\"__keras_tensor__\",\"config\":{\"keras_history\":[\"" layer \
  "\",0,0]}}],\"kwargs\":{}}]"
#define LAYER(class, name, more, of)                                                                       \
  "{\"module\":\"keras.layers\",\"class_name\":\"" class "\",\"name\":\"" name "\",\"inbound_nodes\":" OF( \
      of) ",\"config\":{\"name\":\"" name "\",\"trainable\":true" more "}}"
#define MODEL(layers, output)                                                                          \
  "{\"module\":\"keras\",\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[" layers \
  "],\"input_layers\":"                                                                                \
  "[[\"x\",0,0]],\"output_layers\":[[\"" output "\",0,0]]}}"

static const struct refusal {
  const char *config, *words[3];
} refusals[] = {
    {"{", {"config", "JSON"}},
    {"[]", {"not known"}},
    {"{\"class_name\":\"Functional\",\"config\":{}}", {"no layers"}},
    {MODEL(INPUT, "y"), {"input is missing"}},
    {MODEL(INPUT "," INPUT, "x"), {"two layers are called x"}},
    {MODEL(INPUT "," LAYER("Lambda", "squared", ",\"function\":{\"class_name\":\"__lambda__\",\"config\":{}}", "x"),
           "squared"),
     {"\"squared\"", "(Lambda)", "Python"}},
    {MODEL(INPUT "," LAYER("Dense", "d", ",\"units\":3", "d"), "d"), {"input is missing"}},
    {MODEL(INPUT "," LAYER("NoSuch", "mine", "", "x"), "mine"), {"\"mine\"", "(NoSuch)", "SavedModel"}},
    {MODEL(INPUT "," LAYER("Dense", "first", ",\"activation\":\"wavy\"", "x"), "first"), {"\"first\"", "wavy"}},
    {MODEL(INPUT "," LAYER("Reshape", "r", ",\"target_shape\":[3,-1]", "x"), "r"), {"\"r\" (Reshape)"}},
    {MODEL(INPUT "," LAYER("Conv2D", "c", ",\"kernel_size\":[3,3]", "x"), "c"), {"\"c\" (Conv2D)", "4 dimensions"}},
    {MODEL(INPUT "," LAYER("LSTM", "l", ",\"units\":2", "x"), "l"), {"\"l\" (LSTM)"}},
    {MODEL(INPUT "," LAYER("TextVectorization", "t", "", "x"), "t"), {"\"t\" (TextVectorization)", "strings"}},
    {MODEL(INPUT "," LAYER("UpSampling2D", "u", ",\"size\":[2,2],\"interpolation\":\"bicubic\"", "x"), "u"), {"\"u\""}},
};

static void test_refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(refusals); ++i) {
    ln_error err;
    archive a = pack(refusals[i].config);
    assert_int_not_equal(convert(a.data, a.size, &err, NULL), LN_OK);
    for (size_t w = 0; w < 3 && refusals[i].words[w] != NULL; ++w) {
      if (strstr(err.message, refusals[i].words[w]) == NULL)
        fail_msg("%zu: no %s in: %s", i, refusals[i].words[w], err.message);
    }
    free(a.data);
  }
}

/* Models inside models, far deeper than anyone writes them, and JSON that is deeper still. */
static void test_depth(void **state) {
  (void)state;
  static const char open[] =
      "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"build_input_shape\":[1,4],\"layers\":[";
  for (int32_t deep = 10; deep <= 400; deep += 130) {
    const size_t room = (size_t)deep * (sizeof open + 8) + 8;
    char *text = malloc(room);
    assert_non_null(text);
    text[0] = 0;
    size_t used = 0;
    for (int32_t i = 0; i < deep; ++i) used += (size_t)snprintf(text + used, room - used, "%s", open);
    for (int32_t i = 0; i < deep; ++i) used += (size_t)snprintf(text + used, room - used, "]}}");
    ln_error err;
    archive a = pack(text);
    (void)convert(a.data, a.size, &err, NULL);
    free(a.data);
    free(text);
  }
}

static void test_function_and_layer(void **state) {
  (void)state;
  ln_error err;
  ln_model *model;
  archive a = pack(MODEL(INPUT "," LAYER("Dense", "first", ",\"units\":3,\"activation\":\"relu\"", "x") "," LAYER(
                             "Dropout", "drop", "", "first") "," LAYER("Softmax", "s", "", "drop"),
                         "s"));
  if (convert(a.data, a.size, &err, &model) != LN_OK) fail_msg("%s", err.message);
  assert_true(has_op(model, LN_OP_SOFTMAX));
  assert_string_equal(model->signatures[0].output_keys[0], "s");
  ln_model_destroy(model);
  free(a.data);
}

/* ---- damage ---- */

static void test_truncated(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(kept); ++i) {
    size_t size;
    ln_error err;
    uint8_t *data = read_kept(kept[i], &size);
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 5 : 611) {
      uint8_t *part = malloc(cut + 1); /* of its own, so that what reads past its end is seen */
      assert_non_null(part);
      memcpy(part, data, cut);
      (void)convert(part, cut, &err, NULL);
      free(part);
    }
    ln_free(data);
  }
}

static void test_flipped(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(kept); ++i) {
    size_t size;
    ln_error err;
    uint8_t *data = read_kept(kept[i], &size);
    for (size_t at = 3; at < size; at += 97) {
      const uint8_t bit = (uint8_t)(1u << (at % 8));
      data[at] ^= bit;
      (void)convert(data, size, &err, NULL);
      data[at] ^= bit;
    }
    ln_free(data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kept_files),         cmocka_unit_test(test_refusals),  cmocka_unit_test(test_depth),
      cmocka_unit_test(test_function_and_layer), cmocka_unit_test(test_truncated), cmocka_unit_test(test_flipped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
