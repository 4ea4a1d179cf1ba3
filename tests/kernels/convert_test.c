/* Changes of element type: every tier against plain C, and plain C against the definition. */
#include <math.h>
#include <string.h>

#include "support/kernel_harness.h"

enum { COUNT = 2048 };

static void check_f16_to_f32(ln_kt *t) {
  for (uint32_t first = 0; first < 65536; first += COUNT) {
    ln_kt_case(t, "first=%u", first);
    uint16_t *in = ln_kt_input(t, COUNT * sizeof *in);
    float *want = ln_kt_output(t, COUNT * sizeof *want, 0);
    float *got = ln_kt_output(t, COUNT * sizeof *got, 4);
    const size_t count = COUNT - first % 37;
    for (uint32_t i = 0; i < COUNT; ++i) in[i] = (uint16_t)(first + i);
    t->generic->convert.f16_to_f32(in, want, count);
    t->tested->convert.f16_to_f32(in, got, count);
    ln_kt_equal(t, got, want, count * sizeof *want);
    for (size_t i = 0; i < count; ++i) { /* there and back */
      if (!isnan(want[i])) assert_int_equal(ln_k_float_to_half(want[i]), in[i]);
    }
  }
  if (ln_kt_bench(t)) {
    ln_kt_case(t, "timed");
    uint16_t *in = ln_kt_output(t, 16384 * sizeof *in, 0);
    float *out = ln_kt_output(t, 16384 * sizeof *out, 0);
    memset(in, 0x3C, 16384 * sizeof *in);
    LN_KT_TIME(t, "16384", t->generic->convert.f16_to_f32(in, out, 16384),
               t->tested->convert.f16_to_f32(in, out, 16384));
  }
}

static void check_f32_to_f16(ln_kt *t) {
  static const float special[] = {0.0f,          -0.0f,   INFINITY,      -INFINITY,     65504.0f,       65519.9f,
                                  65520.0f,      1e30f,   5.9604645e-8f, 2.9802322e-8f, 2.98023259e-8f, -8.9e-8f,
                                  6.1035156e-5f, 6.1e-5f, 1.00048828f,   1.00146484f};
  for (size_t n = 0; n < 400; n += n < 40 ? 1 : 60) {
    ln_kt_case(t, "n=%zu", n);
    float *in = ln_kt_input(t, n * sizeof *in);
    uint16_t *want = ln_kt_output(t, n * sizeof *want, 0);
    uint16_t *got = ln_kt_output(t, n * sizeof *got, 2);
    for (size_t i = 0; i < n; ++i) {
      in[i] = i < LN_COUNT(special) ? special[i] : ldexpf(ln_kt_random_f32(t, -2, 2), ln_kt_random_between(t, -28, 17));
    }
    t->generic->convert.f32_to_f16(in, want, n);
    t->tested->convert.f32_to_f16(in, got, n);
    ln_kt_equal(t, got, want, n * sizeof *want);
  }
}

static void check_f32_to_bf16(ln_kt *t) {
  static const float special[] = {0.0f,        -0.0f,       INFINITY,     -INFINITY,       3.4e38f,
                                  1.00390625f, 1.01171875f, -1.00390637f, 1.17549435e-38f, 65535.0f};
  for (size_t n = 0; n < 400; n += n < 40 ? 1 : 60) {
    ln_kt_case(t, "n=%zu", n);
    float *in = ln_kt_input(t, n * sizeof *in);
    uint16_t *want = ln_kt_output(t, n * sizeof *want, 0);
    uint16_t *got = ln_kt_output(t, n * sizeof *got, 2);
    for (size_t i = 0; i < n; ++i) {
      in[i] = i < LN_COUNT(special) ? special[i] : ldexpf(ln_kt_random_f32(t, -2, 2), ln_kt_random_between(t, -90, 90));
    }
    t->generic->convert.f32_to_bf16(in, want, n);
    t->tested->convert.f32_to_bf16(in, got, n);
    ln_kt_equal(t, got, want, n * sizeof *want);
    if (n == 0) continue;
    const float nan = NAN;
    t->tested->convert.f32_to_bf16(&nan, got, 1);
    assert_true(isnan(ln_k_bfloat_to_float(got[0])));
  }
  if (ln_kt_bench(t)) {
    ln_kt_case(t, "timed");
    float *in = ln_kt_output(t, 16384 * sizeof *in, 0);
    uint16_t *out = ln_kt_output(t, 16384 * sizeof *out, 0);
    memset(in, 0x3C, 16384 * sizeof *in);
    LN_KT_TIME(t, "16384", t->generic->convert.f32_to_bf16(in, out, 16384),
               t->tested->convert.f32_to_bf16(in, out, 16384));
  }
}

static void check_dequantize(ln_kt *t, ln_dequantize_fn *generic, ln_dequantize_fn *tested, size_t bytes) {
  for (size_t n = 0; n < 300; n += n < 70 ? 1 : 41) {
    ln_kt_case(t, "n=%zu", n);
    void *in = ln_kt_input(t, n * bytes);
    float *want = ln_kt_output(t, n * sizeof *want, 0);
    float *got = ln_kt_output(t, n * sizeof *got, 4);
    ln_kt_fill_u8(t, in, n * bytes, LN_KT_RANDOM);
    const int32_t zero = ln_kt_random_between(t, -128, 255);
    const float scale = ln_kt_random_f32(t, 0.001f, 2.0f);
    generic(in, want, n, scale, zero);
    tested(in, got, n, scale, zero);
    ln_kt_equal(t, got, want, n * sizeof *want);
  }
  if (ln_kt_bench(t)) {
    ln_kt_case(t, "timed");
    void *in = ln_kt_output(t, 16384 * bytes, 0);
    float *out = ln_kt_output(t, 16384 * sizeof *out, 0);
    LN_KT_TIME(t, "16384", generic(in, out, 16384, 0.1f, 3), tested(in, out, 16384, 0.1f, 3));
  }
}

static void check_quantize(ln_kt *t, ln_quantize_fn *generic, ln_quantize_fn *tested, size_t bytes, int32_t low,
                           int32_t high) {
  static const float special[] = {0.0f,          0.25f, -0.25f, 0.75f,    0.249999985f,
                                  -0.249999985f, 1e30f, -1e30f, INFINITY, -INFINITY};
  for (size_t n = 0; n < 300; n += n < 70 ? 1 : 41) {
    ln_kt_case(t, "n=%zu", n);
    float *in = ln_kt_input(t, n * sizeof *in);
    void *want = ln_kt_output(t, n * bytes, 0);
    void *got = ln_kt_output(t, n * bytes, bytes);
    const float scale = n % 2 == 0 ? 0.5f : ln_kt_random_f32(t, 0.001f, 2.0f);
    const int32_t zero = ln_kt_random_between(t, low, high);
    for (size_t i = 0; i < n; ++i) {
      in[i] = i < LN_COUNT(special) ? special[i] : ln_kt_random_f32(t, -1.2f, 1.2f) * scale * (float)high;
    }
    if (n > 12) in[11] = NAN;
    generic(in, want, n, scale, zero);
    tested(in, got, n, scale, zero);
    ln_kt_equal(t, got, want, n * bytes);
    for (size_t i = 0; i < n; ++i) {
      const double exact = isnan(in[i]) ? zero : fmin(fmax(round((double)(in[i] / scale)) + zero, low), high);
      const int32_t value = bytes == 2 ? ((int16_t *)want)[i] : (low < 0 ? ((int8_t *)want)[i] : ((uint8_t *)want)[i]);
      assert_int_equal(value, (int32_t)exact);
    }
  }
  if (ln_kt_bench(t)) {
    ln_kt_case(t, "timed");
    float *in = ln_kt_output(t, 16384 * sizeof *in, 0);
    void *out = ln_kt_output(t, 16384 * bytes, 0);
    ln_kt_fill_f32(t, in, 16384, LN_KT_RANDOM, 10.0f);
    LN_KT_TIME(t, "16384", generic(in, out, 16384, 0.1f, 3), tested(in, out, 16384, 0.1f, 3));
  }
}

#define DEQUANTIZE_CHECK(slot, bytes) \
  static void check_##slot(ln_kt *t) { check_dequantize(t, t->generic->convert.slot, t->tested->convert.slot, bytes); }
DEQUANTIZE_CHECK(dequantize_i8, 1)
DEQUANTIZE_CHECK(dequantize_u8, 1)
DEQUANTIZE_CHECK(dequantize_i16, 2)
#define QUANTIZE_CHECK(slot, bytes, low, high)                                              \
  static void check_##slot(ln_kt *t) {                                                      \
    check_quantize(t, t->generic->convert.slot, t->tested->convert.slot, bytes, low, high); \
  }
QUANTIZE_CHECK(quantize_i8, 1, -128, 127)
QUANTIZE_CHECK(quantize_u8, 1, 0, 255)
QUANTIZE_CHECK(quantize_i16, 2, -32768, 32767)

static const ln_kt_check checks[] = {
    {"f16_to_f32", check_f16_to_f32},       {"f32_to_f16", check_f32_to_f16},
    {"f32_to_bf16", check_f32_to_bf16},     {"dequantize_i8", check_dequantize_i8},
    {"dequantize_u8", check_dequantize_u8}, {"dequantize_i16", check_dequantize_i16},
    {"quantize_i8", check_quantize_i8},     {"quantize_u8", check_quantize_u8},
    {"quantize_i16", check_quantize_i16},
};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "convert", checks, LN_COUNT(checks)); }
