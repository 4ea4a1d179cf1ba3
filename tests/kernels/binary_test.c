/* Functions of two arrays: every tier against plain C, bit for bit, over broadcast rows of every length. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/kernel_harness.h"

/* Which inputs move along a row, and from row to row. */
typedef struct form {
  size_t column_step[2];
  bool next_row[2];
} form;
static const form forms[] = {{{1, 1}, {true, true}},  {{1, 0}, {true, true}},  {{0, 1}, {true, true}},
                             {{1, 1}, {true, false}}, {{1, 1}, {false, true}}, {{1, 0}, {true, false}},
                             {{0, 0}, {true, true}},  {{0, 1}, {true, false}}, {{1, 0}, {false, true}}};

static ln_block block_of(const form *f, size_t rows, size_t columns) {
  ln_block block = {rows, columns, {0}, {0}};
  for (int32_t i = 0; i < 2; ++i) {
    block.column_step[i] = f->column_step[i];
    block.row_step[i] = !f->next_row[i] ? 0 : (f->column_step[i] != 0 ? columns : 1);
  }
  return block;
}

static size_t input_count(const ln_block *block, int32_t i) {
  return (block->rows - 1) * block->row_step[i] + (block->columns - 1) * block->column_step[i] + 1;
}

typedef void fill_fn(ln_kt *t, void *data, size_t count, int pattern);

static void fill_f32(ln_kt *t, void *data, size_t count, int pattern) {
  ln_kt_fill_f32(t, data, count, pattern, 10.0f);
}
static void fill_i8(ln_kt *t, void *data, size_t count, int pattern) { ln_kt_fill_i8(t, data, count, pattern); }
static void fill_u8(ln_kt *t, void *data, size_t count, int pattern) { ln_kt_fill_u8(t, data, count, pattern); }

static void check_blocks(ln_kt *t, ln_binary_fn *generic, ln_binary_fn *tested, fill_fn *fill, size_t bytes,
                         const ln_binary_params *params) {
  for (size_t n = 1; n < 140; n += n < 70 ? 1 : 23) {
    for (size_t f = 0; f < LN_COUNT(forms); ++f) {
      const int pattern = (int)((n + f) % LN_KT_PATTERNS);
      const size_t rows = n % 7 == 3 && n < 60 ? 1100 / n + n % 5 : 1 + n % 3; /* some of more than kernels join */
      const ln_block block = block_of(&forms[f], rows, n);
      ln_kt_case(t, "n=%zu form=%zu pattern=%d", n, f, pattern);
      void *a = ln_kt_input(t, input_count(&block, 0) * bytes);
      void *b = ln_kt_input(t, input_count(&block, 1) * bytes);
      const size_t count = block.rows * n;
      void *want = ln_kt_output(t, count * bytes, 0);
      void *got = ln_kt_output(t, count * bytes, bytes);
      fill(t, a, input_count(&block, 0), pattern);
      fill(t, b, input_count(&block, 1), (pattern + (int)n) % LN_KT_PATTERNS);
      if (bytes == 4 && n > 20) ((float *)a)[0] = NAN;
      generic(a, b, want, &block, params);
      tested(a, b, got, &block, params);
      if (bytes == 4) ln_kt_equal_f32(t, got, want, count, 0.0f, 0.0f);
      else ln_kt_equal(t, got, want, count * bytes);
      if (input_count(&block, 0) == count) { /* in place */
        memcpy(got, a, count * bytes);
        tested(got, b, got, &block, params);
        if (bytes == 4) ln_kt_equal_f32(t, got, want, count, 0.0f, 0.0f);
        else ln_kt_equal(t, got, want, count * bytes);
      }
    }
  }
}

static void bench(ln_kt *t, ln_binary_fn *generic, ln_binary_fn *tested, size_t bytes, const ln_binary_params *params) {
  static const size_t sizes[][2] = {{1, 16384}, {204, 80}, {960, 17}};
  for (size_t i = 0; i < LN_COUNT(sizes); ++i) {
    const ln_block block = block_of(&forms[i == 0 ? 0 : 3], sizes[i][0], sizes[i][1]);
    ln_kt_case(t, "timed");
    void *a = ln_kt_output(t, input_count(&block, 0) * bytes, 0);
    void *b = ln_kt_output(t, input_count(&block, 1) * bytes, 0);
    void *out = ln_kt_output(t, block.rows * block.columns * bytes, 0);
    memset(a, 0x3D, input_count(&block, 0) * bytes);
    memset(b, 0x3E, input_count(&block, 1) * bytes);
    char what[64];
    snprintf(what, sizeof what, "%zux%zu", sizes[i][0], sizes[i][1]);
    LN_KT_TIME(t, what, generic(a, b, out, &block, params), tested(a, b, out, &block, params));
  }
}

static void check_float(ln_kt *t, ln_binary_fn *generic, ln_binary_fn *tested) {
  ln_binary_params params = {0};
  params.low_f = -INFINITY;
  params.high_f = INFINITY;
  check_blocks(t, generic, tested, fill_f32, sizeof(float), &params);
  params.low_f = -1.0f;
  params.high_f = 6.0f;
  check_blocks(t, generic, tested, fill_f32, sizeof(float), &params);
  if (ln_kt_bench(t)) bench(t, generic, tested, sizeof(float), &params);
}

static ln_multiplier real(double value) { return ln_quantize_multiplier(value); }

static void check_quantized(ln_kt *t, ln_binary_fn *generic, ln_binary_fn *tested, bool is_signed, bool product) {
  const int32_t low = is_signed ? -128 : 0, high = low + 255;
  for (int32_t round = 0; round < 12; ++round) {
    ln_binary_params p = {0};
    /* Any scales, and such as networks have: the larger ones alike. */
    const bool any = round % 2 == 0;
    const double a = any ? ln_kt_random_f32(t, 0.001f, 1.0f) : 0.05;
    const double b = round % 4 == 0 ? a : any ? ln_kt_random_f32(t, 0.001f, 1.0f) : ln_kt_random_f32(t, 0.01f, 0.08f);
    const double out = any ? ln_kt_random_f32(t, 0.002f, 1.0f) : ln_kt_random_f32(t, 0.04f, 0.1f);
    p.a_offset = -ln_kt_random_between(t, low, high);
    p.b_offset = -ln_kt_random_between(t, low, high);
    p.out_offset = ln_kt_random_between(t, low, high);
    p.low = round % 3 == 0 ? low + 40 : low;
    p.high = round % 3 == 1 ? high - 20 : high;
    p.left_shift = 20;
    p.a = real(a / (2 * fmax(a, b)));
    p.b = real(b / (2 * fmax(a, b)));
    p.out = real(product ? a * b / out : 2 * fmax(a, b) / ((1 << 20) * out));
    check_blocks(t, generic, tested, is_signed ? fill_i8 : fill_u8, 1, &p);
    if (ln_kt_bench(t) && round == 11) bench(t, generic, tested, 1, &p);
  }
}

#define FLOAT_CHECK(slot) \
  static void check_##slot(ln_kt *t) { check_float(t, t->generic->binary.slot, t->tested->binary.slot); }
FLOAT_CHECK(add_f32)
FLOAT_CHECK(sub_f32)
FLOAT_CHECK(mul_f32)
FLOAT_CHECK(div_f32)
FLOAT_CHECK(squared_difference_f32)
FLOAT_CHECK(min_f32)
FLOAT_CHECK(max_f32)
#define QUANTIZED_CHECK(slot, is_signed, product)                                            \
  static void check_##slot(ln_kt *t) {                                                       \
    check_quantized(t, t->generic->binary.slot, t->tested->binary.slot, is_signed, product); \
  }
QUANTIZED_CHECK(add_i8, true, false)
QUANTIZED_CHECK(add_u8, false, false)
QUANTIZED_CHECK(sub_i8, true, false)
QUANTIZED_CHECK(sub_u8, false, false)
QUANTIZED_CHECK(mul_i8, true, true)
QUANTIZED_CHECK(mul_u8, false, true)

static void fill_i16(ln_kt *t, void *data, size_t count, int pattern) { ln_kt_fill_i16(t, data, count, pattern); }

static void check_add_i16(ln_kt *t) {
  for (int32_t round = 0; round < 12; ++round) {
    const double a = round % 2 == 0 ? ln_kt_random_f32(t, 0.001f, 1.0f) : 0.5;
    const double b = round % 4 == 0 ? a : ln_kt_random_f32(t, 0.001f, 1.0f);
    const double out = round == 5 ? 1e-5 : ln_kt_random_f32(t, 0.002f, 1.0f);
    ln_binary_params p = {.low = round % 3 == 0 ? 0 : INT16_MIN, .high = round % 3 == 1 ? 6000 : INT16_MAX};
    p.left_shift = 15;
    p.a = real(a / (2 * fmax(a, b)));
    p.b = real(b / (2 * fmax(a, b)));
    p.out = real(2 * fmax(a, b) / ((1 << 15) * out));
    check_blocks(t, t->generic->binary.add_i16, t->tested->binary.add_i16, fill_i16, sizeof(int16_t), &p);
    if (ln_kt_bench(t) && round == 11)
      bench(t, t->generic->binary.add_i16, t->tested->binary.add_i16, sizeof(int16_t), &p);
  }
}

static const ln_kt_check checks[] = {
    {"add_f32", check_add_f32},
    {"sub_f32", check_sub_f32},
    {"mul_f32", check_mul_f32},
    {"div_f32", check_div_f32},
    {"squared_difference_f32", check_squared_difference_f32},
    {"min_f32", check_min_f32},
    {"max_f32", check_max_f32},
    {"add_i8", check_add_i8},
    {"add_i16", check_add_i16},
    {"add_u8", check_add_u8},
    {"sub_i8", check_sub_i8},
    {"sub_u8", check_sub_u8},
    {"mul_i8", check_mul_i8},
    {"mul_u8", check_mul_u8},
};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "binary", checks, LN_COUNT(checks)); }
