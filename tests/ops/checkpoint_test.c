/*
 * Checkpoints that TensorFlow wrote (tests/ops/checkpoints/make.py) are read, what is written here reads back the same
 * and has the bytes that TensorFlow has read (checkpoints/tensorflow_reads.py), and damaged ones are refused. With
 * --write FOLDER: writes them there.
 */
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
static const double f64[] = {1.5}, c128[] = {3, -4};
static const int32_t i32[] = {-1, 7, 70000};
static const int64_t i64[] = {-5};
static const uint8_t yes_no[] = {1, 0}, u8[] = {1, 255};
static const int8_t i8[] = {-3};
static const int16_t i16[] = {-300};
static const uint16_t f16[] = {0x3C00, 0xC000}, u16[] = {65535}, bf16[] = {0x3F80, 0xC000};
static const uint32_t u32[] = {4000000000u};
static const uint64_t u64[] = {UINT64_C(1) << 63};

enum { IN_V1 = 13 };
static const value values[] = {
    {"f32", LN_FLOAT32, {2, {2, 3}}, f32, sizeof f32},
    {"f64", LN_FLOAT64, {1, {1}}, f64, sizeof f64},
    {"i32", LN_INT32, {1, {3}}, i32, sizeof i32},
    {"i64/scalar", LN_INT64, {0, {0}}, i64, sizeof i64},
    {"bool", LN_BOOL, {1, {2}}, yes_no, sizeof yes_no},
    {"f16", LN_FLOAT16, {1, {2}}, f16, sizeof f16},
    {"u8", LN_UINT8, {1, {2}}, u8, sizeof u8},
    {"c64", LN_COMPLEX64, {1, {1}}, c64, sizeof c64},
    {"i8", LN_INT8, {1, {1}}, i8, sizeof i8},
    {"i16", LN_INT16, {1, {1}}, i16, sizeof i16},
    {"u16", LN_UINT16, {1, {1}}, u16, sizeof u16},
    {"empty", LN_FLOAT32, {2, {0, 3}}, f32, 0},
    {"c128", LN_COMPLEX128, {1, {1}}, c128, sizeof c128},
    {"u32", LN_UINT32, {1, {1}}, u32, sizeof u32},
    {"u64", LN_UINT64, {1, {1}}, u64, sizeof u64},
    {"bf16", LN_BFLOAT16, {1, {2}}, bf16, sizeof bf16},
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
  assert_int_equal(ln_checkpoint_find(file, "no text", 7, NULL, &entry), LN_OK);
  assert_true(entry.type == LN_STRING && entry.shape.rank == 2 && entry.shape.dims[0] == 2 && entry.shape.dims[1] == 0);
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

enum { ITEMS = LN_COUNT(values) + 2 };

static ln_checkpoint_item item_of(const ln_tensor *tensor) {
  return (ln_checkpoint_item){.name = tensor->name, .name_size = strlen(tensor->name), .tensor = tensor};
}

static int32_t list_items(ln_tensor tensors[ITEMS], ln_checkpoint_item items[ITEMS], int32_t count) {
  static int32_t strings[] = {3, 20, 22, 22, 25, 0, 0}, none[] = {0, 8};
  memcpy((char *)strings + 20, "abxyz", 5);
  for (int32_t i = 0; i < count; ++i) {
    tensors[i] = (ln_tensor){.name = values[i].name, .type = values[i].type, .shape = values[i].shape};
    tensors[i].data = (void *)(uintptr_t)values[i].data;
    tensors[i].bytes = values[i].bytes;
  }
  tensors[count] = (ln_tensor){.name = "text", .type = LN_STRING, .shape = {1, {3}}, .data = strings, .bytes = 25};
  tensors[count + 1] =
      (ln_tensor){.name = "no text", .type = LN_STRING, .shape = {2, {2, 0}}, .data = none, .bytes = sizeof none};
  for (int32_t i = 0; i < count + 2; ++i) items[i] = item_of(&tensors[i]);
  return count + 2;
}

static void write_and_read(write_fn *write, int32_t count) {
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", path[128];
  ln_tensor tensors[ITEMS];
  ln_checkpoint_item items[ITEMS];
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
  ln_tensor tensors[ITEMS];
  ln_checkpoint_item items[ITEMS];
  const int32_t all = list_items(tensors, items, (int32_t)LN_COUNT(values));
  assert_int_equal(ln_checkpoint_write_v1("/tmp/never-written", items, all, NULL), LN_ERR_TYPE);
}

/* ---- parts of tensors: "parts" [300, 2] by rows and columns, "words" [3] one by one ---- */

enum { ROWS = 300, PARTS = 5, NUMBER_PARTS = 3 /* TensorFlow reads no strings in parts from V2 */ };
typedef struct parts {
  float numbers[3][2 * ROWS];
  int32_t words[2][8];
  ln_tensor tensors[PARTS];
  ln_checkpoint_item items[PARTS];
} parts;

static void take_part(parts *p, int32_t i, const char *name, ln_type type, ln_shape whole, const ln_slice *slice) {
  ln_tensor *tensor = &p->tensors[i];
  *tensor = (ln_tensor){.name = name, .type = type};
  assert_true(ln_slice_shape(slice, &whole, &tensor->shape));
  p->items[i] = item_of(tensor);
  p->items[i].partial = true;
  p->items[i].whole = whole;
  p->items[i].slice = *slice;
}

static void make_parts(parts *p) {
  /* Rows 0 to 99; of the others the first column and the second, by numbers. */
  static const ln_slice slices[] = {{2, {100, 1}, {200, 1}}, {2, {0, 0}, {100, -1}}, {2, {100, 0}, {200, 1}}};
  static const ln_slice one = {1, {0}, {1}}, rest = {1, {1}, {2}};
  for (int32_t i = 0; i < 3; ++i) {
    const ln_slice *s = &slices[i];
    take_part(p, i, "parts", LN_FLOAT32, (ln_shape){2, {ROWS, 2}}, s);
    const int32_t rows = p->tensors[i].shape.dims[0], columns = p->tensors[i].shape.dims[1];
    for (int32_t r = 0; r < rows; ++r) {
      for (int32_t c = 0; c < columns; ++c) {
        p->numbers[i][r * columns + c] = (float)((s->start[0] + r) * 2 + s->start[1] + c);
      }
    }
    p->tensors[i].data = p->numbers[i];
    p->tensors[i].bytes = sizeof(float) * (size_t)(rows * columns);
  }
  take_part(p, 3, "words", LN_STRING, (ln_shape){1, {3}}, &rest);
  take_part(p, 4, "words", LN_STRING, (ln_shape){1, {3}}, &one);
  memcpy(p->words[0], (int32_t[]){2, 16, 16, 19}, 16);
  memcpy(p->words[0] + 4, "xyz", 3);
  memcpy(p->words[1], (int32_t[]){1, 12, 14}, 12);
  memcpy(p->words[1] + 3, "ab", 2);
  p->tensors[3].data = p->words[0];
  p->tensors[3].bytes = 19;
  p->tensors[4].data = p->words[1];
  p->tensors[4].bytes = 14;
}

static void expect_parts(const char *path) {
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  ln_error err = {LN_OK, ""};
  float got[2 * ROWS];
  ln_span words[3];
  const ln_slice all = ln_slice_all(2), list = ln_slice_all(1);
  open_good(path, &file);
  if (ln_checkpoint_find(&file, "parts", 5, &err, &entry) != LN_OK) fail_msg("%s", err.message);
  if (ln_checkpoint_read(&file, &entry, &all, got, &err) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < 2 * ROWS; ++i) assert_true(got[i] == (float)i);
  if (ln_checkpoint_find(&file, "words", 5, &err, &entry) != LN_OK) fail_msg("%s", err.message);
  if (ln_checkpoint_read(&file, &entry, &list, words, &err) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < 3; ++i) {
    assert_int_equal(words[i].size, strlen(texts[i]));
    assert_memory_equal(words[i].data, texts[i], words[i].size);
  }
  ln_checkpoint_close(&file);
}

static ln_status merge_two(const char *a, const char *b, const char *whole, ln_error *err) {
  const ln_span paths[] = {{a, strlen(a)}, {b, strlen(b)}};
  return ln_checkpoint_merge(paths, 2, whole, err);
}

/* In two bundles, each with some of either tensor, made one. */
static void write_merged(const char *path, const parts *p, int32_t count) {
  char a[128], b[128];
  ln_error err = {LN_OK, ""};
  snprintf(a, sizeof a, "%s-a", path);
  snprintf(b, sizeof b, "%s-b", path);
  if (ln_checkpoint_write_v2(a, p->items, 2, &err) != LN_OK) fail_msg("%s", err.message);
  if (ln_checkpoint_write_v2(b, p->items + 2, count - 2, &err) != LN_OK) fail_msg("%s", err.message);
  if (merge_two(a, b, path, &err) != LN_OK) fail_msg("%s", err.message);
}

static void writes_parts(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", path[64], other[64], command[128];
  parts p;
  ln_error err = {LN_OK, ""};
  make_parts(&p);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/parts", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  if (ln_checkpoint_write_v1(path, p.items, PARTS, &err) != LN_OK) fail_msg("%s", err.message);
  expect_parts(path);
  if (ln_checkpoint_write_v2(path, p.items, PARTS, &err) != LN_OK) fail_msg("%s", err.message);
  expect_parts(path);
  write_merged(path, &p, PARTS);
  expect_parts(path);
  /* Twice the same part, a part of another tensor, a tensor that is no such part. */
  const ln_checkpoint_item good = p.items[2];
  p.items[2].slice = p.items[0].slice;
  assert_int_equal(ln_checkpoint_write_v2(path, p.items, PARTS, NULL), LN_ERR_ARGUMENT);
  p.items[2] = good;
  p.items[2].whole.dims[0] = ROWS + 1;
  assert_int_equal(ln_checkpoint_write_v1(path, p.items, PARTS, NULL), LN_ERR_ARGUMENT);
  p.items[2] = good;
  p.items[2].slice.length[0] = 199;
  assert_int_equal(ln_checkpoint_write_v2(path, p.items, PARTS, NULL), LN_ERR_SHAPE);
  p.items[2] = good;
  p.items[2].slice.length[0] = p.tensors[2].shape.dims[0] = 0; /* TensorFlow reads no file with an empty one */
  assert_int_equal(ln_checkpoint_write_v2(path, p.items, PARTS, NULL), LN_ERR_SHAPE);
  p.items[2] = good;
  p.tensors[2].shape.dims[0] = 200;
  expect_parts(path);
  /* Bundles that do not agree on the tensor. */
  assert_int_equal(ln_checkpoint_write_v2(other, p.items, 2, NULL), LN_OK);
  p.items[2].whole.dims[0] = ROWS + 1;
  p.items[2].slice.start[0] = 101;
  assert_int_equal(ln_checkpoint_write_v2(path, p.items + 2, 1, NULL), LN_OK);
  assert_int_equal(merge_two(path, other, path, NULL), LN_ERR_ARGUMENT);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

/* ---- what TensorFlow has read ---- */

enum { MANY = 4000 }; /* whose names fill more than one block of the table */

static void write_many(const char *path) {
  static char names[MANY][128];
  static ln_tensor tensors[MANY];
  static ln_checkpoint_item items[MANY];
  static float numbers[MANY];
  for (int32_t i = 0; i < MANY; ++i) {
    snprintf(names[i], sizeof names[i],
             "model/layer_with_a_name_as_long_as_those_of_keras/%d/.ATTRIBUTES/VARIABLE_VALUE", i);
    numbers[i] = (float)i;
    tensors[i] = (ln_tensor){.name = names[i], .type = LN_FLOAT32, .shape = {0, {0}}, .data = &numbers[i], .bytes = 4};
    items[i] = item_of(&tensors[i]);
  }
  ln_error err = {LN_OK, ""};
  if (ln_checkpoint_write_v2(path, items, MANY, &err) != LN_OK) fail_msg("%s", err.message);
}

static void write_checkpoints(const char *folder) {
  char path[1024];
  ln_tensor tensors[ITEMS];
  ln_checkpoint_item items[ITEMS];
  ln_error err = {LN_OK, ""};
  parts p;
  make_parts(&p);
  snprintf(path, sizeof path, "%.900s/v1", folder);
  const int32_t in_v1 = list_items(tensors, items, IN_V1);
  if (ln_checkpoint_write_v1(path, items, in_v1, &err) != LN_OK) fail_msg("%s", err.message);
  snprintf(path, sizeof path, "%.900s/v2", folder);
  const int32_t all = list_items(tensors, items, (int32_t)LN_COUNT(values));
  if (ln_checkpoint_write_v2(path, items, all, &err) != LN_OK) fail_msg("%s", err.message);
  snprintf(path, sizeof path, "%.900s/v1_parts", folder);
  if (ln_checkpoint_write_v1(path, p.items, PARTS, &err) != LN_OK) fail_msg("%s", err.message);
  snprintf(path, sizeof path, "%.900s/v2_parts", folder);
  if (ln_checkpoint_write_v2(path, p.items, NUMBER_PARTS, &err) != LN_OK) fail_msg("%s", err.message);
}

static void expect_same_file(const char *folder, const char *name) {
  char path[1024];
  ln_file_map ours, recorded;
  snprintf(path, sizeof path, "%.900s/%s", folder, name);
  assert_int_equal(ln_file_map_open(path, NULL, &ours), LN_OK);
  snprintf(path, sizeof path, FOLDER "ours/%s", name);
  assert_int_equal(ln_file_map_open(path, NULL, &recorded), LN_OK);
  assert_int_equal(ours.size, recorded.size);
  assert_memory_equal(ours.data, recorded.data, ours.size);
  ln_file_map_close(&ours);
  ln_file_map_close(&recorded);
}

static void writes_what_tensorflow_read(void **state) {
  (void)state;
  static const char *const names[] = {
      "v1", "v1_parts", "v2.index", "v2.data-00000-of-00001", "v2_parts.index", "v2_parts.data-00000-of-00001"};
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", command[64];
  assert_non_null(mkdtemp(folder));
  write_checkpoints(folder);
  for (size_t i = 0; i < LN_COUNT(names); ++i) expect_same_file(folder, names[i]);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void writes_many_blocks(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", path[64], command[64];
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  const ln_slice all = ln_slice_all(0);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/many", folder);
  write_many(path);
  open_good(path, &file);
  for (int32_t i = 0; i < MANY; ++i) {
    char name[128];
    float got = -1;
    const int length = snprintf(name, sizeof name,
                                "model/layer_with_a_name_as_long_as_those_of_keras/%d/.ATTRIBUTES/VARIABLE_VALUE", i);
    assert_int_equal(ln_checkpoint_find(&file, name, (size_t)length, NULL, &entry), LN_OK);
    assert_int_equal(ln_checkpoint_read(&file, &entry, &all, &got, NULL), LN_OK);
    assert_true(got == (float)i);
  }
  assert_true(file.file.size > 300 * 1024);
  ln_checkpoint_close(&file);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static int write_for_tensorflow(const char *folder) {
  char path[1024];
  parts p;
  make_parts(&p);
  write_checkpoints(folder);
  snprintf(path, sizeof path, "%.100s/merged", folder);
  write_merged(path, &p, NUMBER_PARTS);
  snprintf(path, sizeof path, "%.900s/many", folder);
  write_many(path);
  return 0;
}

static void merges(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet-checkpoint-XXXXXX", a[64], b[64], whole[64], command[128];
  ln_tensor tensors[ITEMS];
  ln_checkpoint_item items[ITEMS];
  assert_non_null(mkdtemp(folder));
  const int32_t all = list_items(tensors, items, (int32_t)LN_COUNT(values));
  snprintf(a, sizeof a, "%s/a", folder);
  snprintf(b, sizeof b, "%s/b", folder);
  snprintf(whole, sizeof whole, "%s/whole", folder);
  assert_int_equal(ln_checkpoint_write_v2(a, items, 5, NULL), LN_OK);
  assert_int_equal(ln_checkpoint_write_v2(b, items + 5, all - 5, NULL), LN_OK);
  assert_int_equal(merge_two(a, b, whole, NULL), LN_OK);
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

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--write") == 0) return write_for_tensorflow(argv[2]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_tensorflow_v1),
      cmocka_unit_test(reads_tensorflow_v2),
      cmocka_unit_test(puts_slices_together),
      cmocka_unit_test(misses_what_was_not_saved),
      cmocka_unit_test(writes_v1),
      cmocka_unit_test(writes_v2),
      cmocka_unit_test(writes_parts),
      cmocka_unit_test(writes_many_blocks),
      cmocka_unit_test(writes_what_tensorflow_read),
      cmocka_unit_test(merges),
      cmocka_unit_test(refuses_types_of_v2_in_v1),
      cmocka_unit_test(survives_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
