/* Matrix times vector: every tail of every vector length, several rows, extremes; the floats within their bound. */
#include <math.h>
#include <string.h>

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

/* A vector of `blocks` blocks to quantize into. */
static ln_i4_vector i4_vector(ln_kt *t, int32_t blocks, int32_t block) {
  const size_t columns = (size_t)(blocks * block), count = (size_t)blocks;
  return (ln_i4_vector){blocks,
                        block,
                        ln_kt_output(t, columns, 1),
                        ln_kt_output(t, columns, 1),
                        ln_kt_output(t, count * sizeof(float), 4),
                        ln_kt_output(t, count * sizeof(int32_t), 4)};
}

static void check_quantize_i4(ln_kt *t) {
  for (int32_t index = 0; index < 60; ++index) {
    const int32_t blocks = index % 5 + 1, block = LN_I4_STEP * (index % 8 + 1), columns = blocks * block;
    ln_kt_case(t, "blocks=%d of %d", blocks, block);
    float *x = ln_kt_input(t, (size_t)columns * sizeof(float));
    ln_kt_fill_f32(t, x, (size_t)columns, index % LN_KT_PATTERNS, index % 3 == 0 ? 1e-20f : 5.0f);
    if (index % 7 == 0) x[columns / 2] = NAN;
    if (index % 7 == 1) x[columns - 1] = -INFINITY;
    const ln_i4_vector want = i4_vector(t, blocks, block), got = i4_vector(t, blocks, block);
    t->generic->matvec.quantize_i4(x, &want);
    t->tested->matvec.quantize_i4(x, &got);
    ln_kt_equal(t, got.high, want.high, (size_t)columns);
    ln_kt_equal(t, got.low, want.low, (size_t)columns);
    ln_kt_equal(t, got.starts, want.starts, (size_t)blocks * sizeof(int32_t));
    ln_kt_equal_f32(t, got.scales, want.scales, (size_t)blocks, 0.0f, 0.0f);
    for (int32_t i = 0; i < columns; ++i) { /* what it stands for is as near as it can be */
      const float scale = got.scales[i / block], back = (float)(256 * got.high[i] + got.low[i]) * scale;
      if (isfinite(scale) && scale > 1e-30f) assert_true(fabsf(back - x[i]) <= 0.51f * scale);
    }
  }
}

static void check_i4(ln_kt *t) {
  for (int32_t index = 0; index < 40; ++index) {
    const int32_t blocks = index % 5 + 1, block = LN_I4_STEP * (index % 8 + 1), columns = blocks * block;
    ln_kt_case(t, "blocks=%d of %d", blocks, block);
    const int32_t rows = index % 4 == 0 ? LN_I4_ROWS : ln_kt_random_between(t, 1, LN_I4_ROWS);
    float *x = ln_kt_input(t, (size_t)columns * sizeof(float));
    float *scales = ln_kt_input(t, (size_t)(rows * blocks) * sizeof(float));
    uint8_t *weights = ln_kt_input(t, (size_t)(rows * columns / 2));
    ln_kt_fill_f32(t, x, (size_t)columns, index % LN_KT_PATTERNS, 5.0f);
    ln_kt_fill_f32(t, scales, (size_t)(rows * blocks), LN_KT_RANDOM, 0.1f);
    ln_kt_fill_u8(t, weights, (size_t)(rows * columns / 2), index / 2 % LN_KT_PATTERNS);
    if (index % 9 == 0) x[0] = NAN;
    const ln_i4_vector vector = i4_vector(t, blocks, block);
    t->generic->matvec.quantize_i4(x, &vector);
    void *panel = ln_kt_input(t, (size_t)blocks * ln_i4_block_bytes(block));
    ln_k_i4_pack(rows, blocks, block, weights, (size_t)columns / 2, scales, panel);
    float *want = ln_kt_output(t, LN_I4_ROWS * sizeof(float), 0), *got = ln_kt_output(t, LN_I4_ROWS * sizeof(float), 4);
    t->generic->matvec.i4(&vector, panel, want);
    t->tested->matvec.i4(&vector, panel, got);
    ln_kt_equal_f32(t, got, want, LN_I4_ROWS, 0.0f, 0.0f);
    for (int32_t r = 0; r < rows && index % 9 != 0; ++r) { /* and what the floats give, to 16 bits of x */
      double sum = 0.0, bound = 0.0;
      for (int32_t k = 0; k < columns; ++k) {
        const int32_t stored = weights[(r * columns + k) / 2] >> (k % 2 * 4) & 15;
        const double weight = ((stored ^ 8) - 8) * (double)scales[r * blocks + k / block];
        sum += weight * (double)x[k];
        bound += fabs(weight) * ((double)vector.scales[k / block] + fabs((double)x[k]) * 1e-6);
      }
      assert_true(fabs(sum - (double)got[r]) <= bound);
    }
  }
  if (ln_kt_bench(t)) {
    enum { BLOCKS = 32, BLOCK = 32 };
    ln_kt_case(t, "bench");
    const ln_i4_vector vector = i4_vector(t, BLOCKS, BLOCK);
    float *x = ln_kt_input(t, BLOCKS * BLOCK * sizeof(float)), *out = ln_kt_output(t, LN_I4_ROWS * sizeof(float), 0);
    ln_kt_fill_f32(t, x, BLOCKS * BLOCK, 0, 1.0f);
    t->generic->matvec.quantize_i4(x, &vector);
    void *panel = ln_kt_input(t, BLOCKS * ln_i4_block_bytes(BLOCK));
    memset(panel, 0, BLOCKS * ln_i4_block_bytes(BLOCK));
    LN_KT_TIME(t, "64x1024", t->generic->matvec.i4(&vector, panel, out), t->tested->matvec.i4(&vector, panel, out));
    LN_KT_TIME(t, "1024 quantized", t->generic->matvec.quantize_i4(x, &vector),
               t->tested->matvec.quantize_i4(x, &vector));
  }
}

static void check_table(ln_kt *t) {
  for (int32_t index = 0; index < 30; ++index) {
    const int32_t k = ln_kt_random_between(t, 1, 300), rows = index % 3 == 0 ? LN_TABLE_ROWS : index + 1;
    const int32_t columns = (k + LN_TABLE_STEP - 1) / LN_TABLE_STEP * LN_TABLE_STEP;
    ln_kt_case(t, "%dx%d", rows, k);
    uint8_t *numbers = ln_kt_input(t, (size_t)(rows * k)), *x = ln_kt_input(t, (size_t)columns);
    int8_t *values = ln_kt_input(t, LN_TABLE_VALUES);
    ln_kt_fill_u8(t, numbers, (size_t)(rows * k), LN_KT_RANDOM);
    for (int32_t i = 0; i < rows * k; ++i) numbers[i] &= 15;
    ln_kt_fill_u8(t, x, (size_t)columns, index % LN_KT_PATTERNS);
    ln_kt_fill_i8(t, values, LN_TABLE_VALUES, index / 2 % LN_KT_PATTERNS);
    for (int32_t c = k; c < columns; ++c) x[c] = 0;
    uint8_t *panel = ln_kt_input(t, ln_table_panel_bytes(columns));
    memset(panel, 0, ln_table_panel_bytes(columns));
    for (int32_t r = 0; r < rows; ++r) ln_k_table_pack(numbers + r * k, r, k, panel);
    int32_t *want = ln_kt_output(t, LN_TABLE_ROWS * sizeof *want, 0);
    int32_t *got = ln_kt_output(t, LN_TABLE_ROWS * sizeof *got, 4);
    t->generic->matvec.table(x, columns, values, panel, want);
    t->tested->matvec.table(x, columns, values, panel, got);
    ln_kt_equal(t, got, want, LN_TABLE_ROWS * sizeof *got);
    for (int32_t r = 0; r < rows; ++r) {
      int32_t sum = 0;
      for (int32_t c = 0; c < k; ++c) sum += values[numbers[r * k + c]] * x[c];
      assert_int_equal(got[r], sum);
    }
  }
  if (ln_kt_bench(t)) {
    enum { COLUMNS = 1024 };
    ln_kt_case(t, "bench");
    uint8_t *x = ln_kt_input(t, COLUMNS), *panel = ln_kt_input(t, COLUMNS * LN_TABLE_ROWS / 2);
    int8_t *values = ln_kt_input(t, LN_TABLE_VALUES);
    int32_t *out = ln_kt_output(t, LN_TABLE_ROWS * sizeof(int32_t), 0);
    ln_kt_fill_u8(t, x, COLUMNS, 0);
    ln_kt_fill_u8(t, panel, COLUMNS * LN_TABLE_ROWS / 2, 0);
    ln_kt_fill_i8(t, values, LN_TABLE_VALUES, 0);
    LN_KT_TIME(t, "64x1024", t->generic->matvec.table(x, COLUMNS, values, panel, out),
               t->tested->matvec.table(x, COLUMNS, values, panel, out));
  }
}

static const ln_kt_check checks[] = {
    {"f32", check_f32}, {"i8", check_i8}, {"quantize_i4", check_quantize_i4}, {"i4", check_i4}, {"table", check_table}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "matvec", checks, LN_COUNT(checks)); }
