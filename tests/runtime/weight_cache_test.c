/*
 * Files of packed weights: a session with one computes the same bits, a later one takes its weights from it, and
 * whatever is wrong with a file - a flipped byte, a lost end, another model - is as if there were none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { INPUTS = 70, OUTPUTS = 45, CHANNELS = 24 };

static char folder[] = "/tmp/linnet_weight_cache.XXXXXX";

static float next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / (float)(1 << 23) - 1.0f;
}

static int32_t constant(ln_model *model, uint32_t seed, int32_t rank, const int32_t *dims) {
  static float values[OUTPUTS * INPUTS];
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  for (size_t i = 0; i < count; ++i) values[i] = next(&seed);
  return build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
}

/* A depthwise convolution and a fully-connected layer, saved. */
static void save_model(const char *path, uint32_t seed) {
  ln_model *model = build_model();
  const int32_t image[] = {1, 6, 7, CHANNELS}, filter[] = {1, 3, 3, CHANNELS};
  const int32_t row[] = {2, INPUTS}, dense[] = {OUTPUTS, INPUTS}, result[] = {2, OUTPUTS};
  const int32_t conv[] = {build_input(model, LN_FLOAT32, 4, image), constant(model, seed, 4, filter), -1};
  const int32_t product[] = {build_input(model, LN_FLOAT32, 2, row), constant(model, seed + 1, 2, dense), -1};
  const int32_t outs[] = {build_output(model, LN_FLOAT32, 4, image), build_output(model, LN_FLOAT32, 2, result)};
  ln_op *op = build_op(model, ln_op_find(LN_OP_DEPTHWISE_CONV_2D), 3, conv, 1, &outs[0]);
  BUILD_OPTIONS(op, depthwise_conv2d_options)->padding = LN_PADDING_SAME;
  BUILD_OPTIONS(op, depthwise_conv2d_options)->stride_h = BUILD_OPTIONS(op, depthwise_conv2d_options)->stride_w = 1;
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, product, 1, &outs[1]);
  ln_error err = {0};
  if (ln_model_save(model, path, &err) != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(model);
}

typedef struct result {
  float image[6 * 7 * CHANNELS], row[2 * OUTPUTS];
  size_t stored;
} result;

static result run(const char *path, const char *place) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.weight_cache = place;
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_model_open(path, &err, &model) != LN_OK) fail_msg("%s", err.message);
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  uint32_t state = 3;
  for (int32_t i = 0; i < 2; ++i) {
    ln_tensor *in = ln_session_input(session, i);
    for (size_t j = 0; j < in->bytes / sizeof(float); ++j) ((float *)in->data)[j] = next(&state);
  }
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  result out;
  memset(&out, 0, sizeof out);
  memcpy(out.image, ln_session_output(session, 0)->data, sizeof out.image);
  memcpy(out.row, ln_session_output(session, 1)->data, sizeof out.row);
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  out.stored = stats.stored_weight_bytes;
  ln_session_destroy(session);
  ln_model_destroy(model);
  return out;
}

static void check_same(const result *a, const result *b) {
  assert_memory_equal(a->image, b->image, sizeof a->image);
  assert_memory_equal(a->row, b->row, sizeof a->row);
}

static const char *in_folder(const char *name) {
  static char paths[4][128];
  static int turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static uint8_t *read_file(const char *path, size_t *size) {
  ln_file_map map;
  ln_error err = {0};
  if (ln_file_map_open(path, &err, &map) != LN_OK) fail_msg("%s", err.message);
  uint8_t *copy = malloc(map.size);
  assert_non_null(copy);
  memcpy(copy, map.data, map.size);
  *size = map.size;
  ln_file_map_close(&map);
  return copy;
}

static void write_file(const char *path, const void *data, size_t size) {
  ln_error err = {0};
  if (ln_file_write(path, data, size, &err) != LN_OK) fail_msg("%s", err.message);
}

static void gives_the_same_bits(void **state) {
  (void)state;
  const char *model = in_folder("a.tflite"), *pack = in_folder("a.pack");
  save_model(model, 1);
  const result plain = run(model, NULL), first = run(model, pack), second = run(model, pack);
  check_same(&plain, &first);
  check_same(&plain, &second);
  assert_int_equal(plain.stored, 0);
  assert_int_equal(first.stored, 0);
  assert_true(second.stored >= (INPUTS * OUTPUTS + 9 * CHANNELS) * sizeof(float));
}

static void stands_where_it_was_said(void **state) {
  (void)state;
  const char *model = in_folder("b.tflite");
  save_model(model, 5);
  const result plain = run(model, NULL);
  const char *places[] = {"", folder, in_folder("b.pack")};
  for (size_t i = 0; i < LN_COUNT(places); ++i) {
    run(model, places[i]);
    const result later = run(model, places[i]);
    check_same(&plain, &later);
    assert_true(later.stored > 0);
  }
  assert_true(ln_file_exists(in_folder("b.tflite.lnpack")));
  const result nowhere = run(model, in_folder("no/such/folder")); /* and a warning */
  check_same(&plain, &nowhere);
}

static void another_models_file_is_replaced(void **state) {
  (void)state;
  const char *one = in_folder("c.tflite"), *two = in_folder("d.tflite"), *pack = in_folder("c.pack");
  save_model(one, 7);
  save_model(two, 8);
  const result plain = run(two, NULL);
  run(one, pack);
  const result first = run(two, pack), second = run(two, pack);
  check_same(&plain, &first);
  check_same(&plain, &second);
  assert_int_equal(first.stored, 0);
  assert_true(second.stored > 0);
}

static void a_damaged_file_is_as_none(void **state) {
  (void)state;
  const char *model = in_folder("e.tflite"), *pack = in_folder("e.pack");
  save_model(model, 9);
  const result plain = run(model, pack), whole = run(model, pack);
  size_t size;
  uint8_t *good = read_file(pack, &size), *bad = malloc(size + 64);
  assert_non_null(bad);
  uint32_t seed = 11;
  for (int32_t round = 0; round < 300; ++round) {
    memcpy(bad, good, size);
    memset(bad + size, 0, 64);
    size_t length = size;
    const uint32_t at = (uint32_t)((next(&seed) + 1.0f) / 2.0f * (float)(round % 3 == 0 ? 320 : size)) % (uint32_t)size;
    if (round % 7 == 6) length = at;
    else if (round % 7 == 5) length = size + 1 + at % 64;
    else bad[at] ^= (uint8_t)(1u << round % 8);
    write_file(pack, bad, length);
    const result got = run(model, pack);
    check_same(&plain, &got);
    assert_true(got.stored <= whole.stored);
  }
  write_file(pack, good, size);
  const result again = run(model, pack);
  check_same(&plain, &again);
  assert_int_equal(again.stored, whole.stored);
  free(good);
  free(bad);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_same_bits),
      cmocka_unit_test(stands_where_it_was_said),
      cmocka_unit_test(another_models_file_is_replaced),
      cmocka_unit_test(a_damaged_file_is_as_none),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
