/*
 * What is written reads back as the same model: the operators' cases and the real models at hand, in the usual form and
 * in the one of files past 2 GiB; from memory of any alignment; archives of associated files move along.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/write.h"
#include "support/model_equal.h"
#include "support/unit.h"

static void check_form(const ln_model *model, size_t limit) {
  ln_error err = {LN_OK, ""};
  uint8_t *data = NULL;
  size_t size = 0;
  ln_model *again = NULL;
  assert_int_equal(ln_format_write_limited(model, limit, &err, &data, &size), LN_OK);
  if (ln_model_from_memory(data, size, &err, &again) != LN_OK) fail_msg("%s", err.message);
  const char *found = model_difference(model, again);
  if (found != NULL) fail_msg("%s", found);
  ln_model_destroy(again);
  ln_free(data);
}

static void check_file(const char *path) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  print_message("%s\n", path);
  if (ln_model_open(path, &err, &model) != LN_OK) fail_msg("%s: %s", path, err.message);
  check_form(model, SIZE_MAX);
  check_form(model, 0);
  ln_model_destroy(model);
}

static int each_file(const char *folder, void (*check)(const char *path)) {
  int seen = 0;
  DIR *files = opendir(folder);
  if (files == NULL) return 0;
  for (const struct dirent *file; (file = readdir(files)) != NULL;) {
    char path[2048];
    if (strstr(file->d_name, ".tflite") == NULL) continue;
    snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
    check(path);
    ++seen;
  }
  closedir(files);
  return seen;
}

static void cases_come_back(void **state) {
  (void)state;
  const char *folder = LN_TESTS_DIR "/ops/cases";
  int seen = 0;
  DIR *families = opendir(folder);
  assert_non_null(families);
  for (const struct dirent *family; (family = readdir(families)) != NULL;) {
    char path[1024];
    if (family->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, family->d_name);
    seen += each_file(path, check_file);
  }
  closedir(families);
  assert_true(seen > 0);
}

static void real_models_come_back(void **state) {
  (void)state;
  if (each_file(LN_SHARED_DIR "/models", check_file) == 0) skip();
}

static const char *const small_case = LN_TESTS_DIR "/ops/cases/unary/abs_same_i8.tflite";

/* Memory from a caller may start anywhere. */
static void any_alignment_will_do(void **state) {
  (void)state;
  ln_model *model = NULL, *shifted = NULL;
  ln_file_map map;
  assert_int_equal(ln_model_open(small_case, NULL, &model), LN_OK);
  assert_int_equal(ln_file_map_open(small_case, NULL, &map), LN_OK);
  for (size_t shift = 1; shift < 16; ++shift) {
    uint8_t *memory = malloc(map.size + shift);
    memcpy(memory + shift, map.data, map.size);
    assert_int_equal(ln_model_from_memory(memory + shift, map.size, NULL, &shifted), LN_OK);
    const char *found = model_difference(model, shifted);
    if (found != NULL) fail_msg("shifted by %zu: %s", shift, found);
    ln_model_destroy(shifted);
    free(memory);
  }
  ln_file_map_close(&map);
  ln_model_destroy(model);
}

/* A stored file "a" that holds "b", as tools append it: its offsets count from `base` bytes before the archive. */
static const uint8_t archive[] = {
    'P', 'K', 3,    4, 20,   0,    0,    0,    0,   0,   0,   0,   0x21, 0, 0xf9, 0xef, 0xbe, 0x71, 1, 0, 0, 0,
    1,   0,   0,    0, 1,    0,    0,    0,    'a', 'b', 'P', 'K', 1,    2, 20,   0,    20,   0,    0, 0, 0, 0,
    0,   0,   0x21, 0, 0xf9, 0xef, 0xbe, 0x71, 1,   0,   0,   0,   1,    0, 0,    0,    1,    0,    0, 0, 0, 0,
    0,   0,   0,    0, 0,    0,    0,    0,    0,   0,   0,   0,   'a', /* the 4 bytes before the name: where the local
                                                                           header is */
    'P', 'K', 5,    6, 0,    0,    0,    0,    1,   0,   1,   0,   47,   0, 0,    0,    32,   0,    0, 0, 0, 0};
enum { LOCAL_OFFSET = 32 + 42, DIRECTORY_OFFSET = 32 + 47 + 16 };

static void set32(uint8_t *at, size_t value) {
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(value >> (8 * i));
}

static size_t get32(const uint8_t *at) {
  return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

static void check_archive(bool absolute) {
  ln_file_map map;
  ln_model *model = NULL;
  uint8_t *data = NULL;
  size_t size = 0;
  assert_int_equal(ln_file_map_open(small_case, NULL, &map), LN_OK);
  uint8_t *file = malloc(map.size + sizeof archive);
  memcpy(file, map.data, map.size);
  memcpy(file + map.size, archive, sizeof archive);
  if (absolute) {
    set32(file + map.size + LOCAL_OFFSET, map.size);
    set32(file + map.size + DIRECTORY_OFFSET, map.size + 32);
  }
  assert_int_equal(ln_model_from_memory(file, map.size + sizeof archive, NULL, &model), LN_OK);
  assert_int_equal(ln_format_write_limited(model, 0, NULL, &data, &size), LN_OK);
  const uint8_t *moved = data + size - sizeof archive;
  assert_int_equal(get32(moved + LOCAL_OFFSET), size - sizeof archive);
  assert_int_equal(get32(moved + DIRECTORY_OFFSET), size - sizeof archive + 32);
  assert_memory_equal(moved, archive, LOCAL_OFFSET);
  ln_free(data);
  ln_model_destroy(model);
  free(file);
  ln_file_map_close(&map);
}

static void archives_move_along(void **state) {
  (void)state;
  check_archive(false);
  check_archive(true);
}

static void fused_operators_are_refused(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_error err;
  uint8_t *data = NULL;
  size_t size;
  assert_int_equal(ln_model_open(small_case, NULL, &model), LN_OK);
  model->graphs[0].ops[0].fused.pads = true;
  assert_int_equal(ln_format_write(model, &err, &data, &size), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "op 0 ABS"));
  assert_null(data);
  ln_model_destroy(model);
}

/* Every allocation of reading and writing may fail. */
static void memory_may_run_out(void **state) {
  (void)state;
  bool done = false;
  for (long n = 1; !done && n < 10000; ++n) {
    ln_model *model = NULL;
    uint8_t *data = NULL;
    size_t size;
    ln_alloc_fail_after(n);
    ln_status status = ln_model_open(small_case, NULL, &model);
    if (status == LN_OK) status = ln_format_write_limited(model, n % 2 == 0 ? 0 : SIZE_MAX, NULL, &data, &size);
    done = status == LN_OK;
    ln_alloc_fail_after(0);
    if (!done) assert_int_equal(status, LN_ERR_MEMORY);
    ln_free(data);
    ln_model_destroy(model);
  }
  assert_true(done);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cases_come_back),       cmocka_unit_test(real_models_come_back),
      cmocka_unit_test(any_alignment_will_do), cmocka_unit_test(archives_move_along),
      cmocka_unit_test(memory_may_run_out),    cmocka_unit_test(fused_operators_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
