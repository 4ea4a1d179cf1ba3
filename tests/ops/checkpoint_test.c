/* Checkpoints that TensorFlow wrote (tests/ops/checkpoints/make.py) are read, what is written here reads back the same,
 * and damaged ones are refused. */
#include "ops/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/unit.h"

#define FOLDER LN_TESTS_DIR "/ops/checkpoints/"

/* ---- the values of make.py ---- */

typedef struct value {
  const char *name;
  ln_type type;
  ln_shape shape;
  const void *data;
  size_t bytes;
} value;

static const float f32[] = {1, 2, 3, 4, 5, 6}, c64[] = {1, 2};
static const double f64[] = {1.5};
static const int32_t i32[] = {-1, 7, 70000};
static const int64_t i64[] = {-5};
static const uint8_t yes_no[] = {1, 0}, u8[] = {1, 255};
static const int8_t i8[] = {-3};
static const int16_t i16[] = {-300};
static const uint16_t f16[] = {0x3C00, 0xC000}, u16[] = {65535};
static const uint32_t u32[] = {4000000000u};
static const uint64_t u64[] = {UINT64_C(1) << 63};

enum { IN_V1 = 12 };
static const value values[] = {
    {"f32", LN_FLOAT32, {2, {2, 3}}, f32, sizeof f32},  {"f64", LN_FLOAT64, {1, {1}}, f64, sizeof f64},
    {"i32", LN_INT32, {1, {3}}, i32, sizeof i32},       {"i64/scalar", LN_INT64, {0, {0}}, i64, sizeof i64},
    {"bool", LN_BOOL, {1, {2}}, yes_no, sizeof yes_no}, {"f16", LN_FLOAT16, {1, {2}}, f16, sizeof f16},
    {"u8", LN_UINT8, {1, {2}}, u8, sizeof u8},          {"c64", LN_COMPLEX64, {1, {1}}, c64, sizeof c64},
    {"i8", LN_INT8, {1, {1}}, i8, sizeof i8},           {"i16", LN_INT16, {1, {1}}, i16, sizeof i16},
    {"u16", LN_UINT16, {1, {1}}, u16, sizeof u16},      {"empty", LN_FLOAT32, {2, {0, 3}}, f32, 0},
    {"u32", LN_UINT32, {1, {1}}, u32, sizeof u32},      {"u64", LN_UINT64, {1, {1}}, u64, sizeof u64},
};
static const char *const texts[] = {"ab", "", "xyz"};

static void open_good(const char *path, ln_checkpoint *file) {
  ln_error err = {LN_OK, ""};
  if (ln_checkpoint_open(path, &err, file) != LN_OK) fail_msg("%s", err.message);
}

static void expect_tensor(ln_checkpoint *file, const value *want) {
  ln_checkpoint_entry entry;
  ln_error err = {LN_OK, ""};
  uint8_t got[64];
  if (ln_checkpoint_find(file, want->name, strlen(want->name), &err, &entry) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(entry.type, want->type);
  assert_true(ln_shape_equal(&entry.shape, &want->shape));
  const ln_slice all = ln_slice_all(entry.shape.rank);
  if (ln_checkpoint_read(file, &entry, &all, got, &err) != LN_OK) fail_msg("%s", err.message);
  assert_memory_equal(got, want->data, want->bytes);
}

static void expect_texts(ln_checkpoint *file) {
  ln_checkpoint_entry entry;
  ln_span got[3];
  assert_int_equal(ln_checkpoint_find(file, "text", 4, NULL, &entry), LN_OK);
  assert_int_equal(entry.type, LN_STRING);
  const ln_slice all = ln_slice_all(entry.shape.rank);
  assert_int_equal(ln_checkpoint_read(file, &entry, &all, got, NULL), LN_OK);
  for (int32_t i = 0; i < 3; ++i) {
    assert_int_equal(got[i].size, strlen(texts[i]));
    assert_memory_equal(got[i].data, texts[i], got[i].size);
  }
}

static void expect_all(const char *path, int32_t count) {
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  open_good(path, &file);
  for (int32_t i = 0; i < count; ++i) expect_tensor(&file, &values[i]);
  expect_texts(&file);
  assert_int_equal(ln_checkpoint_find(&file, "absent", 6, NULL, &entry), LN_ERR_NOT_FOUND);
  ln_checkpoint_close(&file);
}

static void reads_tensorflow_v1(void **state) {
  (void)state;
  expect_all(FOLDER "v1", IN_V1);
}

static void reads_tensorflow_v2(void **state) {
  (void)state;
  expect_all(FOLDER "v2", (int32_t)LN_COUNT(values));
}

/* Rows 98..101 of a tensor that lies in two files: 98 and 99 in the first. */
static void puts_slices_together(void **state) {
  (void)state;
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  float got[8];
  const ln_slice rows = {2, {98, 0}, {4, -1}}, outside = {2, {298, 0}, {4, -1}};
  open_good(FOLDER "parts", &file);
  assert_int_equal(file.shard_count, 2);
  assert_int_equal(ln_checkpoint_find(&file, "parts", 5, NULL, &entry), LN_OK);
  assert_int_equal(entry.shape.dims[0], 300);
  assert_int_equal(ln_checkpoint_read(&file, &entry, &rows, got, NULL), LN_OK);
  for (int32_t i = 0; i < 8; ++i) assert_true(got[i] == (float)(196 + i));
  assert_int_equal(ln_checkpoint_read(&file, &entry, &outside, got, NULL), LN_ERR_SHAPE);
  ln_checkpoint_close(&file);
}

/* Only rows 100..102 were saved. */
static void misses_what_was_not_saved(void **state) {
  (void)state;
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  float got[6];
  const ln_slice there = {2, {101, 0}, {2, -1}}, beyond = {2, {102, 1}, {2, 1}};
  open_good(FOLDER "v1_slice", &file);
  assert_int_equal(ln_checkpoint_find(&file, "rows", 4, NULL, &entry), LN_OK);
  assert_int_equal(ln_checkpoint_read(&file, &entry, &there, got, NULL), LN_OK);
  assert_true(got[0] == 202.0f && got[3] == 205.0f);
  assert_int_equal(ln_checkpoint_read(&file, &entry, &beyond, got, NULL), LN_ERR_DATA);
  ln_checkpoint_close(&file);
}

/* ---- written here ---- */

typedef ln_status write_fn(const char *path, const ln_checkpoint_item *items, int32_t count, ln_error *err);

static int32_t list_items(ln_tensor *tensors, ln_checkpoint_item *items, int32_t count) {
  static int32_t strings[] = {3, 20, 22, 22, 25, 0, 0};
  memcpy((char *)strings + 20, "abxyz", 5);
  for (int32_t i = 0; i < count; ++i) {
    tensors[i] = (ln_tensor){.name = values[i].name, .type = values[i].type, .shape = values[i].shape};
    tensors[i].data = (void *)(uintptr_t)values[i].data;
    tensors[i].bytes = values[i].bytes;
    items[i] = (ln_checkpoint_item){values[i].name, strlen(values[i].name), &tensors[i]};
  }
  tensors[count] = (ln_tensor){.name = "text", .type = LN_STRING, .shape = {1, {3}}, .data = strings, .bytes = 25};
  items[count] = (ln_checkpoint_item){"text", 4, &tensors[count]};
  return count + 1;
}

static void write_and_read(write_fn *write, int32_t count) {
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", path[128];
  ln_tensor tensors[LN_COUNT(values) + 1];
  ln_checkpoint_item items[LN_COUNT(values) + 1];
  ln_error err = {LN_OK, ""};
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/saved", folder);
  const int32_t all = list_items(tensors, items, count);
  if (write(path, items, all, &err) != LN_OK) fail_msg("%s", err.message);
  expect_all(path, count);
  items[1].name = items[0].name; /* the same name twice */
  items[1].name_size = items[0].name_size;
  assert_int_equal(write(path, items, all, NULL), LN_ERR_ARGUMENT);
  expect_all(path, count); /* what stood there stays */
  char command[160];
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void writes_v1(void **state) {
  (void)state;
  write_and_read(ln_checkpoint_write_v1, IN_V1);
}

static void writes_v2(void **state) {
  (void)state;
  write_and_read(ln_checkpoint_write_v2, (int32_t)LN_COUNT(values));
}

static void refuses_types_of_v2_in_v1(void **state) {
  (void)state;
  ln_tensor tensors[LN_COUNT(values) + 1];
  ln_checkpoint_item items[LN_COUNT(values) + 1];
  const int32_t all = list_items(tensors, items, (int32_t)LN_COUNT(values));
  assert_int_equal(ln_checkpoint_write_v1("/tmp/never-written", items, all, NULL), LN_ERR_TYPE);
}

static void merges(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", a[64], b[64], whole[64], command[128];
  ln_tensor tensors[LN_COUNT(values) + 1];
  ln_checkpoint_item items[LN_COUNT(values) + 1];
  assert_non_null(mkdtemp(folder));
  const int32_t all = list_items(tensors, items, (int32_t)LN_COUNT(values));
  snprintf(a, sizeof a, "%s/a", folder);
  snprintf(b, sizeof b, "%s/b", folder);
  snprintf(whole, sizeof whole, "%s/whole", folder);
  assert_int_equal(ln_checkpoint_write_v2(a, items, 5, NULL), LN_OK);
  assert_int_equal(ln_checkpoint_write_v2(b, items + 5, all - 5, NULL), LN_OK);
  const ln_span parts[] = {{a, strlen(a)}, {b, strlen(b)}};
  assert_int_equal(ln_checkpoint_merge(parts, 2, whole, NULL), LN_OK);
  expect_all(whole, (int32_t)LN_COUNT(values));
  assert_int_equal(access(a, F_OK), -1);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

/* ---- damage: every byte of the table in turn ---- */

static void survives_damage(void **state) {
  (void)state;
  ln_file_map file;
  assert_int_equal(ln_file_map_open(FOLDER "v1", NULL, &file), LN_OK);
  uint8_t *copy = malloc(file.size);
  for (size_t i = 0; i < file.size; ++i) {
    ln_sstable table;
    ln_wire found;
    memcpy(copy, file.data, file.size);
    copy[i] ^= (uint8_t)(1u << (i % 8));
    if (ln_sstable_open(copy, file.size, NULL, &table) != LN_OK) continue;
    const ln_status status = ln_sstable_get(&table, "", 0, NULL, &found);
    /* Only what is no longer looked at may change unseen: the footer's own bytes. */
    if (status == LN_OK && i < file.size - 48) assert_true(ln_wire_is_well_formed(found));
  }
  for (size_t size = 0; size < file.size; ++size) {
    ln_sstable table;
    assert_int_not_equal(ln_sstable_open(file.data, size, NULL, &table), LN_OK);
  }
  free(copy);
  ln_file_map_close(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_tensorflow_v1),
      cmocka_unit_test(reads_tensorflow_v2),
      cmocka_unit_test(puts_slices_together),
      cmocka_unit_test(misses_what_was_not_saved),
      cmocka_unit_test(writes_v1),
      cmocka_unit_test(writes_v2),
      cmocka_unit_test(merges),
      cmocka_unit_test(refuses_types_of_v2_in_v1),
      cmocka_unit_test(survives_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
