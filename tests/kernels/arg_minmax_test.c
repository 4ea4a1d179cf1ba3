/* Searches for extremes of every tier against plain C: every length up to a few vectors, ties, NaN, both directions. */
#include <math.h>

#include "support/kernel_harness.h"

enum { MOST = 70, ROWS = 9 };

static void check_rows_u8(ln_kt *t) {
  static const uint8_t flips[] = {0, 0x80, 0xFF, 0x7F};
  for (int32_t length = 1; length <= MOST; ++length) {
    for (int32_t f = 0; f < 4; ++f) {
      ln_kt_case(t, "length=%d flip=%d", length, flips[f]);
      const size_t bytes = (size_t)length * ROWS;
      uint8_t *src = ln_kt_input(t, bytes);
      int32_t *want = ln_kt_output(t, ROWS * sizeof *want, 0), *got = ln_kt_output(t, ROWS * sizeof *got, 4);
      ln_kt_fill_u8(t, src, bytes, LN_KT_RANDOM);
      if (f == 3) {
        for (size_t i = 0; i < bytes; ++i) src[i] &= 0x83; /* many ties */
      }
      t->generic->arg_minmax.rows_u8(flips[f], src, (size_t)length, ROWS, want);
      t->tested->arg_minmax.rows_u8(flips[f], src, (size_t)length, ROWS, got);
      ln_kt_equal(t, got, want, ROWS * sizeof *got);
    }
  }
}

static void check_rows_f32(ln_kt *t) {
  for (int32_t length = 1; length <= MOST; ++length) {
    for (int32_t pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
      ln_kt_case(t, "length=%d pattern=%d", length, pattern);
      const size_t count = (size_t)length * ROWS;
      float *src = ln_kt_input(t, count * sizeof *src);
      int32_t *want = ln_kt_output(t, ROWS * sizeof *want, 0), *got = ln_kt_output(t, ROWS * sizeof *got, 4);
      ln_kt_fill_f32(t, src, count, pattern, 3.0f);
      for (size_t i = 0; i < count; i += 7) src[i] = i % 3 == 0 ? NAN : (i % 3 == 1 ? 2.0f : -0.0f);
      for (int32_t least = 0; least < 2; ++least) {
        t->generic->arg_minmax.rows_f32(least != 0, src, (size_t)length, ROWS, want);
        t->tested->arg_minmax.rows_f32(least != 0, src, (size_t)length, ROWS, got);
        ln_kt_equal(t, got, want, ROWS * sizeof *got);
      }
    }
  }
}

static const ln_kt_check checks[] = {{"rows_u8", check_rows_u8}, {"rows_f32", check_rows_f32}};
int main(int argc, char **argv) { return ln_kt_main(argc, argv, "arg_minmax", checks, LN_COUNT(checks)); }
