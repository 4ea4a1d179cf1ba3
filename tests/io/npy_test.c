/* .npy files: what NumPy writes is read exactly, what is written is what NumPy reads, the rest is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "ir/ir.h"
#include "linnet/io.h"
#include "support/unit.h"

/* A file of version 1 with `header` and `size` bytes of data. */
static size_t make_file(const char *header, const void *data, size_t size, uint8_t *out) {
  const size_t length = strlen(header);
  memcpy(out, "\x93NUMPY\x01\x00", 8);
  out[8] = (uint8_t)(length & 255);
  out[9] = (uint8_t)(length >> 8);
  memcpy(out + 10, header, length);
  if (size > 0) memcpy(out + 10 + length, data, size);
  return 10 + length + size;
}

static ln_status decode(const char *header, const void *data, size_t size, ln_error *err, ln_array *out) {
  uint8_t file[512];
  return ln_npy_decode(file, make_file(header, data, size, file), err, out);
}

static void reads_types_and_shapes(void **state) {
  (void)state;
  static const struct {
    const char *descr;
    ln_type type;
    size_t item;
  } rows[] = {{"<f4", LN_FLOAT32, 4},   {"<f2", LN_FLOAT16, 2},      {"<f8", LN_FLOAT64, 8}, {"|i1", LN_INT8, 1},
              {"<i2", LN_INT16, 2},     {"<i4", LN_INT32, 4},        {"<i8", LN_INT64, 8},   {"|u1", LN_UINT8, 1},
              {"<u2", LN_UINT16, 2},    {"<u4", LN_UINT32, 4},       {"<u8", LN_UINT64, 8},  {"|b1", LN_BOOL, 1},
              {"<c8", LN_COMPLEX64, 8}, {"<c16", LN_COMPLEX128, 16}, {"<V2", LN_BFLOAT16, 2}};
  uint8_t data[96];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i & 1);
  for (size_t i = 0; i < LN_COUNT(rows); i++) {
    char header[128];
    ln_array array;
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }\n", rows[i].descr);
    assert_int_equal(decode(header, data, 6 * rows[i].item, NULL, &array), LN_OK);
    assert_int_equal(array.type, rows[i].type);
    assert_int_equal(array.rank, 2);
    assert_int_equal(array.dims[1], 3);
    assert_int_equal(array.bytes, 6 * rows[i].item);
    assert_memory_equal(array.data, data, array.bytes);
    ln_array_free(&array);
  }
  ln_array scalar;
  assert_int_equal(decode("{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n", data, 4, NULL, &scalar), LN_OK);
  assert_int_equal(scalar.rank, 0);
  ln_array_free(&scalar);
  assert_int_equal(decode("{\"shape\":(3L,0,),\"fortran_order\":True,\"descr\":\"<i4\"}", NULL, 0, NULL, &scalar),
                   LN_OK);
  assert_int_equal(scalar.bytes, 0);
  ln_array_free(&scalar);
}

static void transposes_fortran_order(void **state) {
  (void)state;
  ln_array array;
  assert_int_equal(ln_npy_read(LN_TESTS_DIR "/io/data/good-fortran.npy", NULL, &array), LN_OK);
  assert_int_equal(array.type, LN_INT16);
  for (int i = 0; i < 24; i++) assert_int_equal(((const int16_t *)array.data)[i], i);
  ln_array_free(&array);
}

static void reads_strings(void **state) {
  (void)state;
  ln_array array;
  assert_int_equal(ln_npy_read(LN_TESTS_DIR "/io/data/good-unicode.npy", NULL, &array), LN_OK);
  const int32_t *table = array.data;
  const char *bytes = array.data;
  assert_int_equal(array.type, LN_STRING);
  assert_int_equal(table[0], 3);
  assert_int_equal(table[2] - table[1], 6);
  assert_memory_equal(bytes + table[1], "h\xc3\xa9llo", 6);
  assert_int_equal(table[3], table[2]);
  assert_memory_equal(bytes + table[3], "\xf0\x9f\x90\xa6", 4);
  assert_int_equal(table[4], array.bytes);
  ln_array_free(&array);
}

static void refuses_what_it_cannot_hold(void **state) {
  (void)state;
  static const char *const headers[] = {
      "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", /* big-endian */
      "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }", /* no such type */
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",  /* Python objects */
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99,), }", /* more than the file holds */
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }",
      "{'descr': '<U99999999999', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
      "{'descr': '<f4', 'shape': (1,), }",
      "{'descr",
      "",
  };
  const uint8_t data[16] = {0};
  for (size_t i = 0; i < LN_COUNT(headers); i++) {
    ln_array array;
    ln_error err = {LN_OK, ""};
    if (decode(headers[i], data, sizeof data, &err, &array) == LN_OK) fail_msg("taken: %s", headers[i]);
    assert_true(err.message[0] != 0);
    assert_null(array.data);
  }
}

static void survives_every_cut(void **state) {
  (void)state;
  uint8_t file[512];
  const size_t size =
      make_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "0123456789abcdef", 16, file);
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *copy = malloc(cut + 1); /* exactly as long, so that a sanitizer sees a read past it */
    ln_array array;
    memcpy(copy, file, cut);
    assert_int_not_equal(ln_npy_decode(copy, cut, NULL, &array), LN_OK);
    free(copy);
  }
}

static ln_tensor tensor_of(ln_type type, int32_t rank, const int32_t *dims, const void *data, size_t bytes) {
  ln_tensor tensor = {.name = "t",
                      .type = type,
                      .shape = ln_shape_make(rank, dims),
                      .data = (void *)data,
                      .bytes = bytes,
                      .quant = &ln_quant_none};
  return tensor;
}

static void writes_what_it_reads(void **state) {
  (void)state;
  const float data[6] = {1, -2, 3.5f, 4, 5, 6};
  const ln_tensor tensor = tensor_of(LN_FLOAT32, 3, (int32_t[]){1, 2, 3}, data, sizeof data);
  void *file;
  size_t size;
  ln_array array;
  assert_int_equal(ln_npy_encode(&tensor, NULL, &file, &size), LN_OK);
  assert_int_equal((size - sizeof data) % 64, 0);
  assert_int_equal(ln_npy_decode(file, size, NULL, &array), LN_OK);
  assert_int_equal(array.rank, 3);
  assert_memory_equal(array.data, data, sizeof data);
  ln_array_free(&array);
  ln_io_free(file);
}

static void writes_packed_and_strings(void **state) {
  (void)state;
  const uint8_t packed[2] = {0x8f, 0x07}; /* -1, -8, 7 */
  const ln_tensor small = tensor_of(LN_INT4, 1, (int32_t[]){3}, packed, 2);
  void *file;
  size_t size;
  ln_array array;
  assert_int_equal(ln_npy_encode(&small, NULL, &file, &size), LN_OK);
  assert_int_equal(ln_npy_decode(file, size, NULL, &array), LN_OK);
  assert_int_equal(array.type, LN_INT8);
  assert_memory_equal(array.data, ((const int8_t[]){-1, -8, 7}), 3);
  ln_array_free(&array);
  ln_io_free(file);

  const struct {
    int32_t table[4];
    char text[5];
  } strings = {{2, 16, 17, 21}, {'a', 'b', 'c', 'd', 'e'}};
  const ln_tensor words = tensor_of(LN_STRING, 1, (int32_t[]){2}, &strings, 21);
  assert_int_equal(ln_npy_encode(&words, NULL, &file, &size), LN_OK);
  assert_int_equal(ln_npy_decode(file, size, NULL, &array), LN_OK);
  assert_int_equal(array.bytes, 21);
  assert_memory_equal(array.data, &strings, 21);
  ln_array_free(&array);
  ln_io_free(file);

  const int32_t broken[4] = {2, 16, 15, 99};
  const ln_tensor bad = tensor_of(LN_STRING, 1, (int32_t[]){2}, broken, 16);
  assert_int_not_equal(ln_npy_encode(&bad, NULL, &file, &size), LN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_types_and_shapes),
      cmocka_unit_test(transposes_fortran_order),
      cmocka_unit_test(reads_strings),
      cmocka_unit_test(refuses_what_it_cannot_hold),
      cmocka_unit_test(survives_every_cut),
      cmocka_unit_test(writes_what_it_reads),
      cmocka_unit_test(writes_packed_and_strings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
