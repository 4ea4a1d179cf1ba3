/*
 * Constants stored by table: written as TensorFlow Lite Micro's compression metadata, read back, run with the results
 * of the plain ones; and what contradicts itself is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "kernels/codebook.h"
#include "linnet/model.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { UNITS = 5, DEPTH = 12, WEIGHTS = UNITS * DEPTH };

static const int8_t values[UNITS * 6] = {-100, -7, 0,  9,  60, 127, -90, -6, 0, 8,  50, 120, -80, -5, 0,
                                         7,    40, 99, -3, -2, -1,  0,   1,  2, -9, 0,  9,   18,  27, 36};
static const int32_t bias[UNITS] = {1000, -2000, 3, 0, 77};

static int32_t number_of(int32_t i) { return (i * 5 + i / 7) % 6; }

/* The weights of a fully-connected layer of int8: plain, or numbers of `bits` bits into one table or one a unit. */
static ln_model *make(int32_t bits, bool per_unit, ln_tensor **weights) {
  static const int32_t in_dims[2] = {1, DEPTH}, dims[2] = {UNITS, DEPTH}, out_dims[2] = {1, UNITS}, units = UNITS;
  static const float scales[UNITS] = {0.01f, 0.02f, 0.03f, 0.04f, 0.05f};
  static const int64_t zeros[UNITS];
  int8_t plain[WEIGHTS];
  uint8_t numbers[WEIGHTS] = {0};
  for (int32_t i = 0; i < WEIGHTS; ++i) {
    plain[i] = values[(per_unit ? i / DEPTH * 6 : 0) + number_of(i)];
    if (bits > 0) ln_k_codebook_write(numbers, (size_t)i, bits, number_of(i));
  }
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_INT8, 2, in_dims);
  const size_t packed = ((size_t)WEIGHTS * (size_t)bits + 7) / 8;
  const int32_t w = build_constant(model, LN_INT8, 2, dims, bits > 0 ? (const void *)numbers : plain,
                                   bits > 0 ? packed : sizeof plain);
  const int32_t b = build_constant(model, LN_INT32, 1, &units, bias, sizeof bias);
  const int32_t out = build_output(model, LN_INT8, 2, out_dims);
  build_quantize(model, in, 0.5f, 3);
  build_quantize(model, w, 0.02f, 0);
  build_quantize(model, out, 1.5f, -4);
  *weights = build_tensor_at(model, w);
  if (per_unit) {
    ln_quant *quant = ln_arena_alloc(&model->arena, sizeof *quant);
    *quant = (ln_quant){.kind = LN_QUANT_AXIS, .count = UNITS, .scale = scales, .zero_point = zeros};
    (*weights)->quant = quant;
  }
  if (bits > 0) {
    ln_codebook *book = ln_arena_alloc(&model->arena, sizeof *book);
    *book = (ln_codebook){.values = values, .bytes = 6, .bits = bits, .stride = 6, .tables = 1, .span = 1};
    if (per_unit) *book = (ln_codebook){values, sizeof values, 0, bits, 6, UNITS, DEPTH};
    (*weights)->codebook = book;
  }
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){in, w, b}, 1, &out);
  return model;
}

static void run(ln_model *model, int8_t *out) {
  ln_session *session = NULL;
  ln_error err;
  if (ln_session_create(model, NULL, &err, &session) != LN_OK) fail_msg("%s", err.message);
  int8_t *in = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < DEPTH; ++i) in[i] = (int8_t)(i * 37 % 251 - 120);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  memcpy(out, ln_tensor_data(ln_session_output(session, 0)), UNITS);
  ln_session_destroy(session);
}

/* As a file and back. */
static ln_model *reread(ln_model *model, uint8_t **file, size_t *size) {
  ln_model *back = NULL;
  ln_error err;
  assert_int_equal(ln_format_write(model, &err, file, size), LN_OK);
  if (ln_model_from_memory(*file, *size, &err, &back) != LN_OK) fail_msg("%s", err.message);
  return back;
}

static void runs_as_the_plain_one(void **state) {
  (void)state;
  for (int32_t bits = 3; bits <= LN_CODEBOOK_MOST_BITS; ++bits) {
    for (int32_t per_unit = 0; per_unit < 2; ++per_unit) {
      ln_tensor *weights;
      int8_t expected[UNITS], got[UNITS];
      uint8_t *file = NULL, *again = NULL;
      size_t size, again_size;
      ln_model *plain = make(0, per_unit, &weights), *stored = make(bits, per_unit, &weights);
      run(plain, expected);
      run(stored, got);
      assert_memory_equal(expected, got, UNITS);
      ln_model *back = reread(stored, &file, &size);
      const ln_tensor *read = ln_graph_tensor(ln_model_graph(back, 0), 1);
      assert_int_equal(ln_tensor_table_bits(read), bits);
      assert_int_equal(ln_tensor_bytes(read), (WEIGHTS * bits + 7) / 8);
      assert_int_equal(ln_model_metadata_count(back), 0);
      run(back, got);
      assert_memory_equal(expected, got, UNITS);
      ln_model *third = reread(back, &again, &again_size); /* buffers and metadata are taken over as they are */
      assert_int_equal(size, again_size);
      ln_model_destroy(third);
      ln_model_destroy(back);
      ln_model_destroy(stored);
      ln_model_destroy(plain);
      ln_free(file);
      ln_free(again);
    }
  }
}

/* Numbers of three bits, the first in the highest bits: 7, 0, 3, 2 are the bytes 11100001 10100000. */
static void numbers_begin_at_the_top(void **state) {
  (void)state;
  static const int32_t numbers[] = {7, 0, 3, 2};
  static const uint8_t expected[] = {0xE1, 0xA0};
  static const int16_t table[] = {10, 11, 12, 13, 14, 15, 16, 17};
  uint8_t packed[2] = {0};
  int16_t out[4];
  for (size_t i = 0; i < 4; ++i) ln_k_codebook_write(packed, i, 3, numbers[i]);
  assert_memory_equal(packed, expected, sizeof expected);
  ln_k_codebook_read(packed, 0, 4, 3, table, sizeof *table, out);
  for (size_t i = 0; i < 4; ++i) assert_int_equal(out[i], table[numbers[i]]);
  assert_int_equal(ln_k_codebook_largest(packed, 1, 3, 3), 3);
}

/* Another operator's constant is made plain for it; so is a bias. */
static void a_bias_by_table(void **state) {
  (void)state;
  static const int32_t table[] = {1000, -2000, 3, 0, 77};
  ln_tensor *weights;
  int8_t expected[UNITS], got[UNITS];
  uint8_t numbers[2] = {0};
  for (int32_t i = 0; i < UNITS; ++i) ln_k_codebook_write(numbers, (size_t)i, 3, i);
  ln_model *plain = make(0, false, &weights), *stored = make(4, false, &weights);
  ln_tensor *b = build_tensor_at(stored, 2);
  const ln_codebook book = {table, sizeof table, 0, 3, UNITS, 1, 1};
  b->codebook = &book;
  b->data = numbers;
  b->bytes = sizeof numbers;
  run(plain, expected);
  run(stored, got);
  assert_memory_equal(expected, got, UNITS);
  ln_model_destroy(stored);
  ln_model_destroy(plain);
}

/* ---- refused ---- */

typedef struct victim {
  ln_tensor *weights;
  ln_codebook *book;
} victim;

static void short_table(victim *v) { v->book->stride = 5, v->book->bytes = 5; }
static void uneven_table(victim *v) { v->book->bytes = 7, v->book->tables = 2; }
static void no_bits(victim *v) { v->book->bits = 0; }
static void many_bits(victim *v) { v->book->bits = 9; }
static void short_data(victim *v) { --v->weights->bytes; }
static void other_bits(victim *v) { v->book->bits = 4; }
static void no_constant(victim *v) { v->weights->data = NULL, v->weights->storage = LN_STORAGE_NONE; }
static void odd_type(victim *v) { v->weights->type = LN_INT4; }

static void contradictions_are_refused(void **state) {
  (void)state;
  static const struct {
    void (*change)(victim *);
    const char *message;
  } cases[] = {{short_table, "number 5 into a table of 5"},
               {uneven_table, "does not fit its type and shape"},
               {no_bits, "in numbers of 0 bits"},
               {many_bits, "in numbers of 9 bits"},
               {short_data, "which is not what 60 numbers of 3 bits take"},
               {other_bits, "which is not what 60 numbers of 4 bits take"},
               {no_constant, "stored by table but not a constant"},
               {odd_type, "is of type int4 and stored by table"}};
  for (size_t i = 0; i < LN_COUNT(cases); ++i) {
    victim v;
    ln_error err;
    ln_model *model = make(3, false, &v.weights);
    v.book = (ln_codebook *)(uintptr_t)v.weights->codebook;
    cases[i].change(&v);
    if (ln_model_verify(model, &err) != LN_ERR_MODEL) fail_msg("%zu is accepted", i);
    if (strstr(err.message, cases[i].message) == NULL) fail_msg("%zu: %s", i, err.message);
    ln_model_destroy(model);
  }
}

/* The entry of a file, each time with one number changed. */
static void entries_are_refused(void **state) {
  (void)state;
  static const ln_lut_tensor bad[] = {{.tensor = 1, .value_buffer = 99, .index_bitwidth = 3},
                                      {.tensor = 1, .value_buffer = 0, .index_bitwidth = 3},
                                      {.tensor = 99, .value_buffer = 1, .index_bitwidth = 3},
                                      {.tensor = -1, .value_buffer = 1, .index_bitwidth = 3},
                                      {.tensor = 0, .value_buffer = 1, .index_bitwidth = 3}};
  for (size_t i = 0; i < LN_COUNT(bad) + 1; ++i) {
    ln_tensor *weights;
    ln_error err;
    ln_model *model = make(0, false, &weights), *back = NULL;
    const void *entries[] = {&bad[i % LN_COUNT(bad)]};
    ln_compression_subgraph graph = {.lut_tensors = {entries, 1}};
    const void *graphs[] = {&graph};
    const ln_compression_metadata root = {.schema_version = i < LN_COUNT(bad) ? 1 : 2, .subgraphs = {graphs, 1}};
    uint8_t *blob = NULL, *file = NULL;
    size_t size, file_size;
    assert_int_equal(ln_flatbuffer_encode(&root, LN_TABLE_compression_metadata, "\0\0\0\0", &err, &blob, &size), LN_OK);
    ln_metadata entry = {.name = "COMPRESSION_METADATA", .data = blob, .size = size};
    model->metadata = &entry;
    model->metadata_count = 1;
    assert_int_equal(ln_format_write(model, &err, &file, &file_size), LN_OK);
    const ln_status status = ln_model_from_memory(file, file_size, &err, &back);
    assert_int_equal(status, i < LN_COUNT(bad) ? LN_ERR_MODEL : LN_ERR_FEATURE);
    assert_null(back);
    ln_free(blob);
    ln_free(file);
    ln_model_destroy(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(runs_as_the_plain_one),
                                     cmocka_unit_test(numbers_begin_at_the_top), cmocka_unit_test(a_bias_by_table),
                                     cmocka_unit_test(contradictions_are_refused),
                                     cmocka_unit_test(entries_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
