/* Resizing of every tier against plain C: floats within their bound, integers bit for bit. */
#include <stdio.h>
#include <string.h>

#include "support/kernel_harness.h"

typedef struct picture {
  int32_t in_w, out_w, channels;
} picture;

static const picture pictures[] = {{3, 9, 1},    {5, 10, 7}, {9, 4, 16},  {1, 6, 33},
                                   {33, 65, 21}, {4, 8, 64}, {6, 1, 130}, {7, 20, 8}};

/* Columns spread over the line, fractions from a little below 0 to a little above 1. */
static ln_resize_column *make_columns(ln_kt *t, const picture *p) {
  ln_resize_column *columns = ln_kt_input(t, (size_t)p->out_w * sizeof *columns);
  for (int32_t x = 0; x < p->out_w; ++x) {
    const int32_t low = (int32_t)((int64_t)x * p->in_w / p->out_w);
    const int32_t high = low + 1 < p->in_w ? low + 1 : low;
    const int32_t fraction10 = low == high ? ln_kt_random_between(t, -512, 1535) : ln_kt_random_between(t, 0, 1024);
    columns[x] = (ln_resize_column){low * p->channels, high * p->channels, (float)fraction10 / 1024.0f, fraction10};
  }
  return columns;
}

static size_t line_of(const picture *p) { return (size_t)p->in_w * (size_t)p->channels; }
static size_t outputs_of(const picture *p) { return (size_t)p->out_w * (size_t)p->channels; }

static const int32_t mix_fractions[] = {0, 1, 511, 1024, -256, 1300};

static void check_mix_f32(ln_kt *t) {
  for (size_t n = 0; n < 70; ++n) {
    for (size_t i = 0; i < LN_COUNT(mix_fractions); ++i) {
      ln_kt_case(t, "n=%zu fraction=%zu", n, i);
      float *a = ln_kt_input(t, n * sizeof(float)), *b = ln_kt_input(t, n * sizeof(float));
      float *want = ln_kt_output(t, n * sizeof(float), 0), *got = ln_kt_output(t, n * sizeof(float), 4);
      ln_kt_fill_f32(t, a, n, LN_KT_RANDOM, 5.0f);
      ln_kt_fill_f32(t, b, n, LN_KT_RANDOM, 5.0f);
      t->generic->resize.mix_f32(n, a, b, (float)mix_fractions[i] / 1024.0f, want);
      t->tested->resize.mix_f32(n, a, b, (float)mix_fractions[i] / 1024.0f, got);
      ln_kt_equal_f32(t, got, want, n, 2e-6f, 1e-6f);
    }
  }
}

static void check_columns_f32(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(pictures); ++i) {
    ln_kt_case(t, "picture=%zu", i);
    const picture *p = &pictures[i];
    const ln_resize_column *columns = make_columns(t, p);
    float *line = ln_kt_input(t, line_of(p) * sizeof(float));
    ln_kt_fill_f32(t, line, line_of(p), LN_KT_RANDOM, 5.0f);
    float *want = ln_kt_output(t, outputs_of(p) * sizeof(float), 0),
          *got = ln_kt_output(t, outputs_of(p) * sizeof(float), 4);
    t->generic->resize.columns_f32(line, columns, p->out_w, p->channels, want);
    t->tested->resize.columns_f32(line, columns, p->out_w, p->channels, got);
    ln_kt_equal_f32(t, got, want, outputs_of(p), 2e-6f, 1e-6f);
  }
  static const picture timed[] = {{33, 257, 21}, {64, 128, 8}, {12, 24, 64}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    const picture *p = &timed[i];
    const ln_resize_column *columns = make_columns(t, p);
    float *line = ln_kt_output(t, line_of(p) * sizeof(float), 0),
          *out = ln_kt_output(t, outputs_of(p) * sizeof(float), 0);
    memset(line, 0, line_of(p) * sizeof(float));
    char what[64];
    snprintf(what, sizeof what, "%d to %d c=%d", p->in_w, p->out_w, p->channels);
    LN_KT_TIME(t, what, t->generic->resize.columns_f32(line, columns, p->out_w, p->channels, out),
               t->tested->resize.columns_f32(line, columns, p->out_w, p->channels, out));
  }
}

static void check_mix_i8(ln_kt *t) {
  for (size_t n = 0; n < 140; ++n) {
    for (size_t i = 0; i < LN_COUNT(mix_fractions); ++i) {
      ln_kt_case(t, "n=%zu fraction=%zu", n, i);
      int8_t *a = ln_kt_input(t, n), *b = ln_kt_input(t, n);
      int32_t *want = ln_kt_output(t, n * sizeof(int32_t), 0), *got = ln_kt_output(t, n * sizeof(int32_t), 4);
      ln_kt_fill_i8(t, a, n, LN_KT_RANDOM);
      ln_kt_fill_i8(t, b, n, LN_KT_ENDS);
      t->generic->resize.mix_i8(n, a, b, mix_fractions[i], want);
      t->tested->resize.mix_i8(n, a, b, mix_fractions[i], got);
      ln_kt_equal(t, got, want, n * sizeof(int32_t));
    }
  }
}

static void check_columns_i8(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(pictures); ++i) {
    for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
      ln_kt_case(t, "picture=%zu pattern=%d", i, pattern);
      const picture *p = &pictures[i];
      const ln_resize_column *columns = make_columns(t, p);
      int32_t *line = ln_kt_input(t, line_of(p) * sizeof(int32_t));
      ln_kt_fill_i32(t, line, line_of(p), pattern, -128 * 1024, 127 * 1024);
      int8_t *want = ln_kt_output(t, outputs_of(p), 0), *got = ln_kt_output(t, outputs_of(p), 1);
      t->generic->resize.columns_i8(line, columns, p->out_w, p->channels, want);
      t->tested->resize.columns_i8(line, columns, p->out_w, p->channels, got);
      ln_kt_equal(t, got, want, outputs_of(p));
    }
  }
  const picture p = {12, 24, 32};
  ln_kt_case(t, "timed");
  const ln_resize_column *columns = make_columns(t, &p);
  int32_t *line = ln_kt_output(t, line_of(&p) * sizeof(int32_t), 0);
  int8_t *out = ln_kt_output(t, outputs_of(&p), 0);
  memset(line, 0, line_of(&p) * sizeof(int32_t));
  if (ln_kt_bench(t)) {
    LN_KT_TIME(t, "12 to 24 c=32", t->generic->resize.columns_i8(line, columns, p.out_w, p.channels, out),
               t->tested->resize.columns_i8(line, columns, p.out_w, p.channels, out));
  }
}

static void check_mix_u8(ln_kt *t) {
  for (size_t n = 0; n < 70; ++n) {
    for (size_t i = 0; i < LN_COUNT(mix_fractions); ++i) {
      ln_kt_case(t, "n=%zu fraction=%zu", n, i);
      uint8_t *a = ln_kt_input(t, n), *b = ln_kt_input(t, n);
      float *want[2] = {ln_kt_output(t, n * sizeof(float), 0), ln_kt_output(t, n * sizeof(float), 0)};
      float *got[2] = {ln_kt_output(t, n * sizeof(float), 4), ln_kt_output(t, n * sizeof(float), 4)};
      ln_kt_fill_u8(t, a, n, LN_KT_RANDOM);
      ln_kt_fill_u8(t, b, n, LN_KT_RANDOM);
      t->generic->resize.mix_u8(n, a, b, (float)mix_fractions[i] / 1023.0f, want[0], want[1]);
      t->tested->resize.mix_u8(n, a, b, (float)mix_fractions[i] / 1023.0f, got[0], got[1]);
      ln_kt_equal(t, got[0], want[0], n * sizeof(float));
      ln_kt_equal(t, got[1], want[1], n * sizeof(float));
    }
  }
}

static void check_columns_u8(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(pictures); ++i) {
    ln_kt_case(t, "picture=%zu", i);
    const picture *p = &pictures[i];
    const ln_resize_column *columns = make_columns(t, p);
    const size_t n = line_of(p);
    uint8_t *a = ln_kt_input(t, n), *b = ln_kt_input(t, n);
    float *upper = ln_kt_input(t, n * sizeof(float)), *lower = ln_kt_input(t, n * sizeof(float));
    ln_kt_fill_u8(t, a, n, LN_KT_RANDOM);
    ln_kt_fill_u8(t, b, n, LN_KT_RANDOM);
    t->generic->resize.mix_u8(n, a, b, 0.371f, upper, lower);
    uint8_t *want = ln_kt_output(t, outputs_of(p), 0), *got = ln_kt_output(t, outputs_of(p), 1);
    t->generic->resize.columns_u8(upper, lower, columns, p->out_w, p->channels, want);
    t->tested->resize.columns_u8(upper, lower, columns, p->out_w, p->channels, got);
    ln_kt_equal(t, got, want, outputs_of(p));
  }
  const picture p = {33, 513, 21};
  ln_kt_case(t, "timed");
  const ln_resize_column *columns = make_columns(t, &p);
  float *line = ln_kt_output(t, line_of(&p) * sizeof(float), 0);
  uint8_t *out = ln_kt_output(t, outputs_of(&p), 0);
  memset(line, 0, line_of(&p) * sizeof(float));
  if (ln_kt_bench(t)) {
    LN_KT_TIME(t, "33 to 513 c=21", t->generic->resize.columns_u8(line, line, columns, p.out_w, p.channels, out),
               t->tested->resize.columns_u8(line, line, columns, p.out_w, p.channels, out));
  }
}

static const ln_kt_check checks[] = {{"mix_f32", check_mix_f32}, {"columns_f32", check_columns_f32},
                                     {"mix_i8", check_mix_i8},   {"columns_i8", check_columns_i8},
                                     {"mix_u8", check_mix_u8},   {"columns_u8", check_columns_u8}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "resize", checks, LN_COUNT(checks)); }
