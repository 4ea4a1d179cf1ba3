/* Matrix times vector: every tail of every vector length, several rows, extremes; the floats within their bound. */
#include "support/kernel_harness.h"

static const int32_t columns_tried[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 129, 257, 511};

static void check_f32(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(columns_tried); ++i) {
    const int32_t columns = columns_tried[i];
    for (int32_t rows = 1; rows < 8; ++rows) {
      for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
        ln_kt_case(t, "rows=%d columns=%d pattern=%d", rows, columns, pattern);
        const size_t size = (size_t)rows * (size_t)columns;
        float *weights = ln_kt_input(t, size * sizeof(float));
        float *x = ln_kt_input(t, (size_t)columns * sizeof(float));
        float *want = ln_kt_output(t, (size_t)rows * sizeof(float), 0);
        float *got = ln_kt_output(t, (size_t)rows * sizeof(float), 4);
        ln_kt_fill_f32(t, weights, size, pattern, 2.0f);
        ln_kt_fill_f32(t, x, (size_t)columns, pattern, 2.0f);
        for (int32_t r = 0; r < rows; ++r) want[r] = got[r] = (float)r;
        t->generic->matvec.f32(weights, x, rows, columns, want);
        t->tested->matvec.f32(weights, x, rows, columns, got);
        /* Another order of summing: relative to the sum of magnitudes, at most 4 * columns. */
        ln_kt_equal_f32(t, got, want, (size_t)rows, 1e-6f * (float)(4 * columns + 8), 1e-5f);
      }
    }
  }
  if (ln_kt_bench(t)) {
    enum { ROWS = 512, COLUMNS = 385 };
    ln_kt_case(t, "bench");
    float *weights = ln_kt_input(t, ROWS * COLUMNS * sizeof(float)), *x = ln_kt_input(t, COLUMNS * sizeof(float));
    float *out = ln_kt_output(t, ROWS * sizeof(float), 0);
    ln_kt_fill_f32(t, weights, ROWS * COLUMNS, 0, 1.0f);
    ln_kt_fill_f32(t, x, COLUMNS, 0, 1.0f);
    LN_KT_TIME(t, "512x385", t->generic->matvec.f32(weights, x, ROWS, COLUMNS, out),
               t->tested->matvec.f32(weights, x, ROWS, COLUMNS, out));
  }
}

static void check_i8(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(columns_tried); ++i) {
    const int32_t columns = columns_tried[i];
    for (int32_t rows = 1; rows < 8; ++rows) {
      for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
        ln_kt_case(t, "rows=%d columns=%d pattern=%d", rows, columns, pattern);
        const size_t size = (size_t)rows * (size_t)columns;
        int8_t *weights = ln_kt_input(t, size), *x = ln_kt_input(t, (size_t)columns);
        int32_t *bias = ln_kt_input(t, (size_t)rows * sizeof(int32_t));
        int32_t *want = ln_kt_output(t, (size_t)rows * sizeof(int32_t), 0);
        int32_t *got = ln_kt_output(t, (size_t)rows * sizeof(int32_t), 4);
        ln_kt_fill_i8(t, weights, size, pattern);
        ln_kt_fill_i8(t, x, (size_t)columns, pattern);
        for (int32_t r = 0; r < rows; ++r) bias[r] = (r - 3) * 100003;
        const int32_t *given = pattern % 2 == 0 ? bias : NULL;
        t->generic->matvec.i8(weights, x, rows, columns, given, want);
        t->tested->matvec.i8(weights, x, rows, columns, given, got);
        ln_kt_equal(t, got, want, (size_t)rows * sizeof(int32_t));
      }
    }
  }
  if (ln_kt_bench(t)) {
    enum { ROWS = 512, COLUMNS = 385 };
    ln_kt_case(t, "bench");
    int8_t *weights = ln_kt_input(t, ROWS * COLUMNS), *x = ln_kt_input(t, COLUMNS);
    int32_t *out = ln_kt_output(t, ROWS * sizeof(int32_t), 0);
    ln_kt_fill_i8(t, weights, ROWS * COLUMNS, 0);
    ln_kt_fill_i8(t, x, COLUMNS, 0);
    LN_KT_TIME(t, "512x385", t->generic->matvec.i8(weights, x, ROWS, COLUMNS, NULL, out),
               t->tested->matvec.i8(weights, x, ROWS, COLUMNS, NULL, out));
  }
}

static const ln_kt_check checks[] = {{"f32", check_f32}, {"i8", check_i8}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "matvec", checks, LN_COUNT(checks)); }
