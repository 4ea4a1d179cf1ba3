/* Pooling rows of every tier against plain C. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/kernel_harness.h"

typedef struct window {
  int32_t rows, in_w, channels, window_w, stride, pad;
} window;

static const window windows[] = {
    {7, 7, 130, 7, 1, 0}, {2, 8, 16, 2, 2, 0},   {3, 9, 5, 3, 2, 1},   {1, 4, 64, 1, 1, 0},  {3, 6, 33, 3, 1, 1},
    {25, 5, 64, 5, 5, 0}, {40, 40, 3, 40, 1, 0}, {2, 10, 24, 2, 4, 0}, {3, 5, 200, 4, 1, 1}, {60, 33, 17, 33, 1, 0}};

static ln_pool2d_row row_of(const window *w, const void *in, void *out) {
  return (ln_pool2d_row){in,        out,         w->rows,
                         w->in_w,   w->channels, w->window_w,
                         w->stride, w->pad,      (w->in_w + 2 * w->pad - w->window_w) / w->stride + 1};
}

static size_t in_count(const window *w) { return (size_t)(w->rows * w->in_w) * (size_t)w->channels; }
static size_t out_count(const ln_pool2d_row *row) { return (size_t)row->out_w * (size_t)row->channels; }

static void check_float(ln_kt *t, ln_pool2d_f32_fn *generic, ln_pool2d_f32_fn *tested, bool exact) {
  for (size_t i = 0; i < LN_COUNT(windows); ++i) {
    for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
      ln_kt_case(t, "window=%zu pattern=%d", i, pattern);
      const window *w = &windows[i];
      float *in = ln_kt_input(t, in_count(w) * sizeof(float));
      ln_kt_fill_f32(t, in, in_count(w), pattern, 10.0f);
      ln_pool2d_row want = row_of(w, in, NULL), got = want;
      want.out = ln_kt_output(t, out_count(&want) * sizeof(float), 0);
      got.out = ln_kt_output(t, out_count(&got) * sizeof(float), 4);
      const float low = pattern % 2 == 0 ? -INFINITY : -3.0f, high = pattern % 2 == 0 ? INFINITY : 6.0f;
      generic(&want, low, high);
      tested(&got, low, high);
      ln_kt_equal_f32(t, got.out, want.out, out_count(&want), exact ? 0.0f : 1e-4f, exact ? 0.0f : 1e-6f);
    }
  }
  static const window timed[] = {
      {7, 7, 1280, 7, 1, 0}, {2, 112, 16, 2, 2, 0}, {33, 33, 160, 33, 1, 0}, {128, 128, 16, 128, 1, 0}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    const window *w = &timed[i];
    float *in = ln_kt_output(t, in_count(w) * sizeof(float), 0);
    memset(in, 0, in_count(w) * sizeof(float));
    ln_pool2d_row row = row_of(w, in, NULL);
    row.out = ln_kt_output(t, out_count(&row) * sizeof(float), 0);
    char what[64];
    snprintf(what, sizeof what, "%dx%d w=%d c=%d", w->rows, w->window_w, w->in_w, w->channels);
    LN_KT_TIME(t, what, generic(&row, 0.0f, 6.0f), tested(&row, 0.0f, 6.0f));
  }
}

/* `bytes`: of an element, 1 or 2; `low` and `high` the type's range. */
static void check_integer(ln_kt *t, ln_pool2d_int_fn *generic, ln_pool2d_int_fn *tested, size_t bytes, int32_t low,
                          int32_t high) {
  for (size_t i = 0; i < LN_COUNT(windows); ++i) {
    for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
      ln_kt_case(t, "window=%zu pattern=%d", i, pattern);
      const window *w = &windows[i];
      void *in = ln_kt_input(t, in_count(w) * bytes);
      if (bytes == 2) ln_kt_fill_i16(t, in, in_count(w), pattern);
      else if (low < 0) ln_kt_fill_i8(t, in, in_count(w), pattern);
      else ln_kt_fill_u8(t, in, in_count(w), pattern);
      ln_pool2d_row want = row_of(w, in, NULL), got = want;
      want.out = ln_kt_output(t, out_count(&want) * bytes, 0);
      got.out = ln_kt_output(t, out_count(&got) * bytes, bytes);
      const int32_t margin = pattern % 2 == 0 ? 0 : 20;
      generic(&want, low + margin, high - margin);
      tested(&got, low + margin, high - margin);
      ln_kt_equal(t, got.out, want.out, out_count(&want) * bytes);
    }
  }
  static const window timed[] = {{7, 7, 1280, 7, 1, 0}, {2, 112, 16, 2, 2, 0}, {33, 33, 160, 33, 1, 0}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    const window *w = &timed[i];
    void *in = ln_kt_output(t, in_count(w) * bytes, 0);
    ln_pool2d_row row = row_of(w, in, NULL);
    row.out = ln_kt_output(t, out_count(&row) * bytes, 0);
    char what[64];
    snprintf(what, sizeof what, "%dx%d w=%d c=%d", w->rows, w->window_w, w->in_w, w->channels);
    LN_KT_TIME(t, what, generic(&row, low, high), tested(&row, low, high));
  }
}

static void check_average_f32(ln_kt *t) {
  check_float(t, t->generic->pool2d.average_f32, t->tested->pool2d.average_f32, false);
}
static void check_max_f32(ln_kt *t) { check_float(t, t->generic->pool2d.max_f32, t->tested->pool2d.max_f32, true); }

#define INTEGER_CHECK(slot, bytes, low, high)                                            \
  static void check_##slot(ln_kt *t) {                                                   \
    check_integer(t, t->generic->pool2d.slot, t->tested->pool2d.slot, bytes, low, high); \
  }
INTEGER_CHECK(average_i8, 1, -128, 127)
INTEGER_CHECK(average_u8, 1, 0, 255)
INTEGER_CHECK(average_i16, 2, -32768, 32767)
INTEGER_CHECK(max_i8, 1, -128, 127)
INTEGER_CHECK(max_u8, 1, 0, 255)
INTEGER_CHECK(max_i16, 2, -32768, 32767)

static const ln_kt_check checks[] = {
    {"average_f32", check_average_f32}, {"max_f32", check_max_f32},         {"average_i8", check_average_i8},
    {"average_u8", check_average_u8},   {"average_i16", check_average_i16}, {"max_i8", check_max_i8},
    {"max_u8", check_max_u8},           {"max_i16", check_max_i16},
};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "pool2d", checks, LN_COUNT(checks)); }
