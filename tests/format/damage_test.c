/*
 * Files that are no models: cut, flipped, made of other bytes, or crafted to unfold without end. All give a status and
 * a message; the sanitizers watch the rest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "format/format.h"
#include "linnet/model.h"
#include "support/unit.h"

static const char *const small_case = LN_TESTS_DIR "/ops/cases/unary/abs_same_i8.tflite";

static ln_status read_bytes(const void *data, size_t size, ln_error *err) {
  ln_model *model = NULL;
  /* In memory of its exact size, so that reading past its end is seen. */
  uint8_t *copy = malloc(size > 0 ? size : 1);
  if (size > 0) memcpy(copy, data, size);
  const ln_status status = ln_model_from_memory(copy, size, err, &model);
  assert_true((status == LN_OK) == (model != NULL));
  ln_model_destroy(model);
  free(copy);
  return status;
}

static void expect(const void *data, size_t size, ln_status wanted, const char *text) {
  ln_error err = {LN_OK, ""};
  assert_int_equal(read_bytes(data, size, &err), wanted);
  if (strstr(err.message, text) == NULL) fail_msg("\"%s\" does not hold \"%s\"", err.message, text);
}

static void other_formats_are_named(void **state) {
  (void)state;
  expect("", 0, LN_ERR_FORMAT, "empty");
  expect("TFL3", 4, LN_ERR_FORMAT, "TFL3 is missing");
  expect("PK\003\004 and more", 12, LN_ERR_FORMAT, "zip");
  expect("\211PNG\r\n\032\n", 8, LN_ERR_FORMAT, "PNG");
  expect("\177ELF\2\1\1\0", 8, LN_ERR_FORMAT, "ELF");
  expect("hello, world, this is text", 26, LN_ERR_FORMAT, "not a .tflite file");
  expect("\x10\0\0\0TFL3", 8, LN_ERR_FORMAT, "damaged");
}

static void cut_files_are_refused(void **state) {
  (void)state;
  ln_file_map map;
  assert_int_equal(ln_file_map_open(small_case, NULL, &map), LN_OK);
  for (size_t size = 0; size < map.size; ++size) {
    ln_error err = {LN_OK, ""};
    if (read_bytes(map.data, size, &err) != LN_OK) assert_true(err.message[0] != '\0');
  }
  ln_file_map_close(&map);
}

static void every_byte_may_be_wrong(void **state) {
  (void)state;
  static const uint8_t wrong[] = {0x01, 0x80, 0xff, 0x7f, 0x10};
  ln_file_map map;
  assert_int_equal(ln_file_map_open(small_case, NULL, &map), LN_OK);
  uint8_t *bytes = malloc(map.size);
  for (size_t at = 0; at < map.size; ++at) {
    for (size_t i = 0; i < LN_COUNT(wrong); ++i) {
      ln_error err = {LN_OK, ""};
      memcpy(bytes, map.data, map.size);
      bytes[at] ^= wrong[i];
      if (read_bytes(bytes, map.size, &err) != LN_OK) assert_true(err.message[0] != '\0');
    }
  }
  free(bytes);
  ln_file_map_close(&map);
}

static uint64_t random_next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Whole words of real files replaced by small numbers, large ones and noise. */
static void words_may_be_wrong(void **state) {
  (void)state;
  static const char *const names[] = {"tflm_audio_preprocessor_int8", "litert_multi_signature",
                                      "mp_face_detection_full_range_sparse", "coral_keras_lstm_mnist_ptq"};
  uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
  print_message("seed %llx\n", (unsigned long long)seed);
  for (size_t n = 0; n < LN_COUNT(names); ++n) {
    ln_file_map map;
    char path[1024];
    snprintf(path, sizeof path, LN_SHARED_DIR "/models/%s.tflite", names[n]);
    if (ln_file_map_open(path, NULL, &map) != LN_OK) skip();
    uint8_t *bytes = malloc(map.size);
    for (int round = 0; round < 300; ++round) {
      memcpy(bytes, map.data, map.size);
      for (int i = 0; i < 3; ++i) {
        const uint64_t noise = random_next(&seed);
        const size_t from = noise % 2 == 0 || map.size < 40000 ? 0 : map.size - 40000; /* graphs stand at the end */
        const size_t at = from + random_next(&seed) % (map.size - from) / 4 * 4;
        const uint32_t words[] = {(uint32_t)(noise >> 40) % 64, UINT32_MAX, (uint32_t)(noise >> 20), 0};
        if (at + 4 <= map.size) memcpy(bytes + at, &words[noise >> 60 & 3], 4);
      }
      read_bytes(bytes, map.size, NULL);
    }
    free(bytes);
    ln_file_map_close(&map);
  }
}

/* A flatbuffer under construction, word by word. */
typedef struct draft {
  uint32_t words[4096];
  uint32_t count;
} draft;

static uint32_t add(draft *d, uint32_t word) {
  d->words[d->count] = word;
  return d->count++;
}

static void point(draft *d, uint32_t from, uint32_t to) { d->words[from] = (to - from) * 4; }

/* A table with one field, in `slot`: returns where its offset stands. Layout and table in 32-bit words. */
static uint32_t add_table(draft *d, uint32_t slot, uint32_t *at) {
  const uint32_t bytes = 4 + 2 * (slot + 1);
  const uint32_t start = d->count;
  for (uint32_t i = 0; i < (bytes + 3) / 4; ++i) add(d, 0);
  uint8_t *layout = (uint8_t *)&d->words[start];
  layout[0] = (uint8_t)bytes;
  layout[2] = 8;
  layout[4 + 2 * slot] = 4;
  *at = add(d, 0);
  d->words[*at] = (*at - start) * 4;
  return add(d, 0);
}

/* A thousand offsets to one graph of a thousand offsets to one tensor: a million tensors in 8 KiB. */
static void offsets_cannot_multiply(void **state) {
  (void)state;
  enum { TIMES = 1000 };
  draft *d = calloc(1, sizeof *d);
  uint32_t model, graph, tensor;
  const uint32_t root = add(d, 0);
  memcpy(&d->words[add(d, 0)], "TFL3", 4);
  const uint32_t graphs = add_table(d, 2, &model);
  point(d, root, model);
  point(d, graphs, add(d, TIMES));
  const uint32_t graph_offsets = d->count;
  d->count += TIMES;
  const uint32_t tensors = add_table(d, 0, &graph);
  point(d, tensors, add(d, TIMES));
  const uint32_t tensor_offsets = d->count;
  d->count += TIMES;
  const uint32_t shape = add_table(d, 0, &tensor);
  point(d, shape, add(d, 0));
  for (uint32_t i = 0; i < TIMES; ++i) {
    point(d, graph_offsets + i, graph);
    point(d, tensor_offsets + i, tensor);
  }
  expect(d->words, d->count * 4, LN_ERR_FORMAT, "unfolds");
  free(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_formats_are_named), cmocka_unit_test(cut_files_are_refused),
      cmocka_unit_test(every_byte_may_be_wrong), cmocka_unit_test(words_may_be_wrong),
      cmocka_unit_test(offsets_cannot_multiply),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
