/* Floats quantized in run: every tier against plain C, bit for bit, and plain C against the definition. */
#include <math.h>
#include <string.h>

#include "support/kernel_harness.h"

static size_t next_count(size_t n) { return n + (n < 140 ? 1 : 97); }

static void fill(ln_kt *t, float *x, size_t count, float range) {
  static const float special[] = {0.0f, -0.0f, NAN, 0.5f, -0.5f, 1.5f, -2.5f, 1e30f, -1e30f, 1e-40f};
  for (size_t i = 0; i < count; ++i) {
    x[i] = i % 13 == 5 ? special[ln_kt_random(t) % LN_COUNT(special)] : ln_kt_random_f32(t, -range, range);
  }
}

static void check_range_f32(ln_kt *t) {
  for (size_t n = 0; n < 700; n = next_count(n)) {
    ln_kt_case(t, "n=%zu", n);
    float *x = ln_kt_input(t, n * sizeof *x);
    fill(t, x, n, 3.0f);
    float low, high, least = 0.0f, most = 0.0f;
    t->tested->hybrid.range_f32(x, n, &low, &high);
    for (size_t i = 0; i < n; ++i) {
      least = x[i] < least ? x[i] : least;
      most = x[i] > most ? x[i] : most;
    }
    assert_true(low == least && high == most);
  }
  if (!ln_kt_bench(t)) return;
  ln_kt_case(t, "timed");
  float *x = ln_kt_output(t, 8000 * sizeof *x, 0), low, high;
  memset(x, 0, 8000 * sizeof *x);
  LN_KT_TIME(t, "8000", t->generic->hybrid.range_f32(x, 8000, &low, &high),
             t->tested->hybrid.range_f32(x, 8000, &low, &high));
}

static void check_round_i8(ln_kt *t) {
  for (size_t n = 0; n < 700; n = next_count(n)) {
    ln_kt_case(t, "n=%zu", n);
    float *x = ln_kt_input(t, n * sizeof *x);
    int8_t *want = ln_kt_output(t, n, 0), *got = ln_kt_output(t, n, 1);
    fill(t, x, n, 200.0f);
    const float factor = n % 2 == 0 ? 1.0f : ln_kt_random_f32(t, 0.1f, 2.0f);
    const float offset = n % 3 == 0 ? 0.0f : (float)ln_kt_random_between(t, -128, 127);
    const float low = n % 3 == 0 ? -127.0f : -128.0f;
    t->generic->hybrid.round_i8(x, n, factor, offset, low, 127.0f, want);
    t->tested->hybrid.round_i8(x, n, factor, offset, low, 127.0f, got);
    ln_kt_equal(t, got, want, n);
    for (size_t i = 0; i < n; ++i) {
      const float exact = roundf(offset + x[i] * factor);
      const float cut = !(exact > low) ? low : exact > 127.0f ? 127.0f : exact;
      assert_int_equal(want[i], (int32_t)cut);
    }
  }
  if (!ln_kt_bench(t)) return;
  ln_kt_case(t, "timed");
  float *x = ln_kt_output(t, 8000 * sizeof *x, 0);
  int8_t *q = ln_kt_output(t, 8000, 0);
  memset(x, 0, 8000 * sizeof *x);
  LN_KT_TIME(t, "8000", t->generic->hybrid.round_i8(x, 8000, 1.5f, 0.0f, -127.0f, 127.0f, q),
             t->tested->hybrid.round_i8(x, 8000, 1.5f, 0.0f, -127.0f, 127.0f, q));
}

static void check_scale_row(ln_kt *t) {
  for (size_t n = 1; n < 500; n = next_count(n)) {
    for (int32_t form = 0; form < 4; ++form) {
      ln_kt_case(t, "n=%zu form=%d", n, form);
      const size_t scale_count = form % 2 == 0 ? 1 : n;
      int32_t *sums = ln_kt_input(t, n * sizeof *sums);
      float *b_scales = ln_kt_input(t, scale_count * sizeof *b_scales);
      float *bias = form < 2 ? NULL : ln_kt_input(t, n * sizeof *bias);
      float *want = ln_kt_output(t, n * sizeof *want, 0), *got = ln_kt_output(t, n * sizeof *got, 4);
      ln_kt_fill_i32(t, sums, n, LN_KT_RANDOM, -1000000, 1000000);
      for (size_t i = 0; i < scale_count; ++i) b_scales[i] = ln_kt_random_f32(t, 0.001f, 0.1f);
      for (size_t i = 0; bias != NULL && i < n; ++i) bias[i] = ln_kt_random_f32(t, -9.0f, 9.0f);
      const bool clamped = n % 2 == 0;
      const ln_hybrid_scales scales = {.b_scales = b_scales,
                                       .b_count = (int32_t)scale_count,
                                       .bias = bias,
                                       .low = clamped ? 0.0f : -INFINITY,
                                       .high = clamped ? 6.0f : INFINITY};
      t->generic->hybrid.scale_row(sums, n, 0.37f, &scales, want);
      t->tested->hybrid.scale_row(sums, n, 0.37f, &scales, got);
      ln_kt_equal(t, got, want, n * sizeof *got);
      for (size_t i = 0; i < n; ++i) {
        const float scaled = (float)sums[i] * b_scales[scale_count == 1 ? 0 : i] * 0.37f;
        const float exact = ln_clamp_f32(bias == NULL ? scaled : scaled + bias[i], scales.low, scales.high);
        assert_memory_equal(&want[i], &exact, sizeof exact);
      }
    }
  }
  if (!ln_kt_bench(t)) return;
  ln_kt_case(t, "timed");
  int32_t *sums = ln_kt_input(t, 64 * sizeof *sums);
  float *numbers = ln_kt_input(t, 64 * sizeof *numbers), *out = ln_kt_output(t, 64 * sizeof *out, 0);
  memset(sums, 0, 64 * sizeof *sums);
  memset(numbers, 0, 64 * sizeof *numbers);
  const ln_hybrid_scales scales = {.b_scales = numbers, .b_count = 64, .bias = numbers, .low = 0.0f, .high = INFINITY};
  LN_KT_TIME(t, "64", t->generic->hybrid.scale_row(sums, 64, 0.37f, &scales, out),
             t->tested->hybrid.scale_row(sums, 64, 0.37f, &scales, out));
}

static const ln_kt_check checks[] = {
    {"range_f32", check_range_f32}, {"round_i8", check_round_i8}, {"scale_row", check_scale_row}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "hybrid", checks, LN_COUNT(checks)); }
