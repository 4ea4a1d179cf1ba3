/* FlexBuffers: what a writer of the format made is read back, and no damage to it is believed. */
#include "ir/ir.h"
#include "support/unit.h"

/* {"axes": [1, 2, -3], "max_detections": 300, "mode": "fast", "n": -5, "score": 0.25, "use_regular_nms": true} */
static const uint8_t bytes[] = {
    0x6d, 0x61, 0x78, 0x5f, 0x64, 0x65, 0x74, 0x65, 0x63, 0x74, 0x69, 0x6f, 0x6e, 0x73, 0x00, 0x75, 0x73, 0x65, 0x5f,
    0x72, 0x65, 0x67, 0x75, 0x6c, 0x61, 0x72, 0x5f, 0x6e, 0x6d, 0x73, 0x00, 0x73, 0x63, 0x6f, 0x72, 0x65, 0x00, 0x6d,
    0x6f, 0x64, 0x65, 0x00, 0x04, 0x66, 0x61, 0x73, 0x74, 0x00, 0x61, 0x78, 0x65, 0x73, 0x00, 0x03, 0x01, 0x02, 0xfd,
    0x6e, 0x00, 0x06, 0x0c, 0x3d, 0x19, 0x06, 0x21, 0x32, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x06, 0x00, 0x00, 0x00, 0x1a, 0x00, 0x00, 0x00, 0x2c, 0x01, 0x00, 0x00, 0x2d, 0x00, 0x00, 0x00, 0xfb, 0xff, 0xff,
    0xff, 0x00, 0x00, 0x80, 0x3e, 0x01, 0x00, 0x00, 0x00, 0x2c, 0x06, 0x14, 0x06, 0x0e, 0x6a, 0x1e, 0x26, 0x01};

static void values_are_found(void **state) {
  (void)state;
  const ln_flex flex = {bytes, sizeof bytes};
  int64_t n = 0;
  double f = 0;
  bool b = false;
  int64_t axes[3] = {0};
  int32_t count = 0;
  const char *text = NULL;
  size_t length = 0;
  assert_true(ln_flex_int(flex, "max_detections", &n));
  assert_int_equal(n, 300);
  assert_true(ln_flex_int(flex, "n", &n));
  assert_int_equal(n, -5);
  assert_true(ln_flex_float(flex, "score", &f));
  assert_true(f == 0.25);
  assert_true(ln_flex_bool(flex, "use_regular_nms", &b));
  assert_true(b);
  assert_true(ln_flex_ints(flex, "axes", axes, 3, &count));
  assert_int_equal(count, 3);
  assert_int_equal(axes[2], -3);
  assert_true(ln_flex_string(flex, "mode", &text, &length));
  assert_int_equal(length, 4);
  assert_memory_equal(text, "fast", 4);
}

static void absent_keys_and_other_kinds_are_refused(void **state) {
  (void)state;
  const ln_flex flex = {bytes, sizeof bytes};
  const ln_flex none = {NULL, 0};
  int64_t n = 7;
  const char *text = NULL;
  size_t length = 0;
  assert_false(ln_flex_int(flex, "absent", &n));
  assert_false(ln_flex_int(flex, "mode", &n));
  assert_false(ln_flex_string(flex, "n", &text, &length));
  assert_false(ln_flex_int(none, "n", &n));
  assert_int_equal(n, 7);
}

/* {"n": -1, "s": 0xfedcba9876543210} */
static const uint8_t large[] = {0x6e, 0x00, 0x73, 0x00, 0x02, 0x05, 0x04, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
                                0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
                                0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10, 0x32,
                                0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x07, 0x0b, 0x12, 0x27, 0x01};

static void all_bits_of_a_number_are_read(void **state) {
  (void)state;
  const ln_flex flex = {large, sizeof large};
  uint64_t bits = 0;
  int64_t n = 7;
  assert_false(ln_flex_int(flex, "s", &n)); /* not as a count */
  assert_int_equal(n, 7);
  assert_true(ln_flex_bits(flex, "s", &bits));
  assert_true(bits == UINT64_C(0xfedcba9876543210));
  assert_true(ln_flex_bits(flex, "n", &bits));
  assert_true(bits == UINT64_MAX);
  assert_false(ln_flex_bits(flex, "absent", &bits));
}

static void it_prints(void **state) {
  (void)state;
  char text[256];
  const ln_flex flex = {bytes, sizeof bytes};
  const size_t length = ln_flex_format(flex, text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "max_detections=300"));
  assert_int_equal(ln_flex_format(flex, text, 10), length);
  assert_int_equal(strlen(text), 9);
}

static void read_everything(ln_flex flex) {
  static const char *const keys[] = {"axes", "max_detections", "mode", "n", "score", "use_regular_nms"};
  char text[256];
  for (size_t i = 0; i < LN_COUNT(keys); ++i) {
    int64_t n;
    int64_t many[3];
    int32_t count;
    double f;
    bool b;
    const char *string;
    size_t length;
    ln_flex_int(flex, keys[i], &n);
    ln_flex_float(flex, keys[i], &f);
    ln_flex_bool(flex, keys[i], &b);
    ln_flex_ints(flex, keys[i], many, 3, &count);
    if (ln_flex_string(flex, keys[i], &string, &length)) {
      assert_true((const uint8_t *)string >= flex.data && (const uint8_t *)string + length <= flex.data + flex.size);
    }
  }
  ln_flex_format(flex, text, sizeof text);
}

static void damage_is_harmless(void **state) {
  (void)state;
  for (size_t size = 0; size <= sizeof bytes; ++size) {
    uint8_t *copy = ln_alloc(sizeof bytes); /* of its own, so that a sanitizer sees a byte too far */
    assert_non_null(copy);
    memcpy(copy, bytes, sizeof bytes);
    read_everything((ln_flex){copy + (sizeof bytes - size), size});
    read_everything((ln_flex){copy, size});
    for (int value = 0; value < 256 && size < sizeof bytes; ++value) {
      copy[size] = (uint8_t)value;
      read_everything((ln_flex){copy, sizeof bytes});
    }
    ln_free(copy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_found),
      cmocka_unit_test(absent_keys_and_other_kinds_are_refused),
      cmocka_unit_test(all_bits_of_a_number_are_read),
      cmocka_unit_test(it_prints),
      cmocka_unit_test(damage_is_harmless),
  };
  return cmocka_run_group_tests_name("ir.flex", tests, NULL, NULL);
}
