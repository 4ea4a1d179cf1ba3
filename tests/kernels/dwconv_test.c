/* Depthwise rows of every tier against plain C: kernel sizes, strides, dilations, borders and channel tails. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/kernel_harness.h"

typedef struct layer {
  int32_t kernel_h, kernel_w, stride, dilation, in_w, pad, channels;
} layer;

static const layer layers[] = {
    {3, 3, 1, 1, 7, 1, 8},   {3, 3, 1, 1, 1, 1, 3},    {3, 3, 1, 1, 14, 1, 96}, {3, 3, 1, 1, 9, 0, 33},
    {3, 3, 2, 1, 7, 1, 16},  {3, 3, 2, 1, 12, 0, 24},  {3, 3, 2, 1, 3, 1, 129}, {3, 3, 1, 2, 11, 2, 40},
    {3, 3, 1, 4, 5, 4, 64},  {5, 5, 1, 1, 13, 2, 48},  {5, 5, 1, 1, 2, 2, 17},  {5, 5, 2, 1, 15, 2, 72},
    {5, 5, 2, 1, 4, 1, 31},  {10, 8, 2, 1, 20, 3, 8},  {31, 1, 1, 1, 6, 0, 20}, {1, 1, 1, 1, 5, 0, 65},
    {3, 3, 1, 1, 48, 1, 8},  {3, 3, 2, 1, 47, 0, 8},   {3, 3, 2, 1, 48, 1, 16}, {3, 3, 1, 1, 30, 2, 4},
    {3, 3, 2, 1, 21, 1, 4},  {3, 3, 1, 1, 20, 3, 16},  {3, 3, 2, 1, 2, 1, 8},   {1, 31, 1, 1, 70, 15, 48},
    {3, 3, 1, 3, 29, 3, 80}, {3, 3, 1, 9, 12, 9, 33},  {3, 3, 3, 1, 10, 1, 12}, {2, 4, 1, 1, 8, 1, 70},
    {3, 3, 1, 1, 4, 3, 16},  {3, 3, 2, 1, 29, 1, 200},
};

static ln_dwconv_shape shape_of(const layer *l) {
  const int32_t span = (l->kernel_w - 1) * l->dilation + 1;
  const int32_t out_w = (l->in_w + 2 * l->pad - span) / l->stride + 1;
  return (ln_dwconv_shape){l->kernel_h, l->kernel_w, l->stride, l->dilation, l->in_w, out_w, l->pad, l->channels};
}

/* Rows of which some lie outside the image, as `outside` chooses. */
static void make_rows(const void **rows, const ln_dwconv_shape *s, const void *image, size_t bytes, int outside) {
  const size_t line = (size_t)s->in_w * (size_t)s->channels * bytes;
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    const bool hidden = (outside == 1 && ky == 0) || (outside == 2 && ky == s->kernel_h - 1 && ky > 0);
    rows[ky] = hidden ? NULL : (const char *)image + (size_t)ky * line;
  }
}

static int32_t round_up(int32_t value, int32_t to) { return (value + to - 1) / to * to; }

/* One row by blocks of channels in two calls, as the operator cuts them. */
#define RUN_ROW(kernel, args, rows_, out_, scratch_)                                                                \
  do {                                                                                                              \
    const int32_t n_ = (args)->shape.channels;                                                                      \
    const int32_t cut_ = (n_ / 2) / (kernel)->block * (kernel)->block;                                              \
    const ln_dwconv_row first_ = {.rows = (rows_), .out = (out_), .first = 0, .last = cut_, .scratch = (scratch_)}; \
    const ln_dwconv_row last_ = {.rows = (rows_), .out = (out_), .first = cut_, .last = n_, .scratch = (scratch_)}; \
    if (cut_ > 0) (kernel)->run((args), &first_);                                                                   \
    (kernel)->run((args), &last_);                                                                                  \
  } while (0)

static void run_f32(const ln_kernels *table, ln_dwconv_f32 args, const float *filter, float *packed,
                    const void *const *rows, float *out) {
  const ln_dwconv_f32_kernel *kernel = table->dwconv.f32;
  ln_k_dwconv_pack_f32(kernel->block, args.shape.kernel_h * args.shape.kernel_w, args.shape.channels, filter, packed);
  args.weights = packed;
  RUN_ROW(kernel, &args, rows, out, NULL);
}

static size_t packed_f32_bytes(const ln_kernels *table, const ln_dwconv_shape *s) {
  return sizeof(float) * (size_t)(s->kernel_h * s->kernel_w * round_up(s->channels, table->dwconv.f32->block));
}

static void case_f32(ln_kt *t, const layer *l, int outside, int pattern) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t taps = (size_t)(s.kernel_h * s.kernel_w), channels = (size_t)s.channels;
  const size_t in_count = (size_t)(s.kernel_h * s.in_w) * channels, out_count = (size_t)s.out_w * channels;
  float *image = ln_kt_input(t, in_count * sizeof(float));
  float *filter = ln_kt_input(t, taps * channels * sizeof(float));
  float *bias = ln_kt_input(t, channels * sizeof(float));
  float *want = ln_kt_output(t, out_count * sizeof(float), 0);
  float *got = ln_kt_output(t, out_count * sizeof(float), 4);
  ln_kt_fill_f32(t, image, in_count, pattern, 2.0f);
  ln_kt_fill_f32(t, filter, taps * channels, LN_KT_RANDOM, 1.0f);
  ln_kt_fill_f32(t, bias, channels, LN_KT_RANDOM, 1.0f);
  const void *rows[32];
  make_rows(rows, &s, image, sizeof(float), outside);
  const bool clamped = (outside + pattern) % 2 == 0;
  const ln_dwconv_f32 args = {.shape = s,
                              .bias = outside == 0 ? NULL : bias,
                              .low = clamped ? 0.0f : -INFINITY,
                              .high = clamped ? 6.0f : INFINITY};
  run_f32(t->generic, args, filter, ln_kt_output(t, packed_f32_bytes(t->generic, &s), 0), rows, want);
  run_f32(t->tested, args, filter, ln_kt_output(t, packed_f32_bytes(t->tested, &s), 0), rows, got);
  ln_kt_equal_f32(t, got, want, out_count, 4e-7f * (float)taps, 1e-6f);
}

static void check_f32(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(layers); ++i) {
    for (int outside = 0; outside < 3; ++outside) {
      ln_kt_case(t, "layer=%zu outside=%d", i, outside);
      case_f32(t, &layers[i], outside, (int)(i + (size_t)outside) % LN_KT_PATTERNS);
    }
  }
  static const layer timed[] = {{3, 3, 1, 1, 112, 1, 32}, {3, 3, 2, 1, 56, 0, 128}, {3, 3, 1, 1, 14, 1, 512},
                                {3, 3, 1, 1, 7, 1, 960},  {5, 5, 1, 1, 28, 2, 96},  {5, 5, 2, 1, 28, 1, 96},
                                {3, 3, 1, 2, 33, 2, 384}, {3, 3, 1, 1, 48, 1, 8},   {1, 31, 1, 1, 335, 15, 80}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    const ln_dwconv_shape s = shape_of(&timed[i]);
    float *image = ln_kt_output(t, (size_t)(s.kernel_h * s.in_w * s.channels) * sizeof(float), 0);
    float *filter = ln_kt_input(t, (size_t)(s.kernel_h * s.kernel_w * s.channels) * sizeof(float));
    float *out = ln_kt_output(t, (size_t)(s.out_w * s.channels) * sizeof(float), 0);
    float *packed[2] = {ln_kt_output(t, packed_f32_bytes(t->generic, &s), 0),
                        ln_kt_output(t, packed_f32_bytes(t->tested, &s), 0)};
    memset(image, 0, (size_t)(s.kernel_h * s.in_w * s.channels) * sizeof(float));
    memset(filter, 0, (size_t)(s.kernel_h * s.kernel_w * s.channels) * sizeof(float));
    const void *rows[32];
    make_rows(rows, &s, image, sizeof(float), 0);
    ln_dwconv_f32 args = {.shape = s, .low = 0.0f, .high = 6.0f};
    run_f32(t->generic, args, filter, packed[0], rows, out);
    run_f32(t->tested, args, filter, packed[1], rows, out);
    char what[96];
    snprintf(what, sizeof what, "%dx%d/%d w=%d c=%d", s.kernel_h, s.kernel_w, s.stride_w, s.in_w, s.channels);
    ln_dwconv_row row = {.rows = rows, .out = out, .first = 0, .last = s.channels};
    ln_dwconv_f32 other = args;
    args.weights = packed[0];
    other.weights = packed[1];
    LN_KT_TIME(t, what, t->generic->dwconv.f32->run(&args, &row), t->tested->dwconv.f32->run(&other, &row));
  }
}

/* ---- 8-bit ---- */

typedef struct q8_numbers {
  int32_t *bias, *sums, *multipliers, *shifts;
  int64_t bound;
} q8_numbers;

static q8_numbers make_numbers(ln_kt *t, const ln_dwconv_shape *s, const uint8_t *filter, bool is_signed, int32_t zero,
                               int style) {
  const size_t n = (size_t)s->channels, bytes = n * sizeof(int32_t);
  q8_numbers q = {ln_kt_input(t, bytes), ln_kt_input(t, bytes), ln_kt_input(t, bytes), ln_kt_input(t, bytes), 0};
  int64_t largest = 0;
  for (size_t c = 0; c < n; ++c) {
    int32_t sum = 0, absolute = 0;
    for (int32_t tap = 0; tap < s->kernel_h * s->kernel_w; ++tap) {
      const uint8_t stored = filter[(size_t)tap * n + c];
      const int32_t value = (is_signed ? (int8_t)stored : stored) - zero;
      sum += value;
      absolute += abs(value);
    }
    /* style 0: usual scales; 1: multipliers at their ends and sums beyond 2^30; 2: left shifts and no shift at all. */
    q.bias[c] = ln_kt_random_between(t, style == 1 ? -2000000000 : -20000, style == 1 ? 2000000000 : 20000);
    q.sums[c] = sum;
    q.multipliers[c] =
        style == 1 && c % 3 == 0 ? INT32_C(1) << 30 : ln_kt_random_between(t, INT32_C(1) << 30, INT32_MAX);
    q.shifts[c] = style == 2 ? ln_kt_random_between(t, -3, 3) : ln_kt_random_between(t, style == 1 ? -31 : -12, -1);
    if (c % 7 == 6) q.multipliers[c] = q.shifts[c] = 0;
    const int64_t all = (int64_t)absolute * 255 + llabs((long long)q.bias[c]);
    if (all > largest) largest = all;
  }
  q.bound = largest;
  return q;
}

static void run_q8(ln_kt *t, const ln_kernels *table, ln_dwconv_q8 args, const uint8_t *filter, int32_t filter_zero,
                   const q8_numbers *q, const void *const *rows, uint8_t *out) {
  const ln_dwconv_q8_kernel *kernel = table->dwconv.q8;
  void *packed = ln_kt_output(t, kernel->weight_bytes(&args.shape, args.is_signed), 0);
  void *params = ln_kt_output(t, kernel->param_bytes(args.shape.channels), 0);
  void *scratch = ln_kt_output(t, kernel->scratch_bytes(&args.shape), 0);
  const ln_dwconv_q8_channels channels = {.channels = args.shape.channels,
                                          .bias = q->bias,
                                          .weight_sums = q->sums,
                                          .multipliers = q->multipliers,
                                          .shifts = q->shifts,
                                          .in_zero = args.in_zero,
                                          .out_zero = args.out_zero,
                                          .is_signed = args.is_signed,
                                          .bound = q->bound};
  kernel->pack(&args.shape, filter, args.is_signed, filter_zero, packed);
  kernel->fold(&channels, params);
  args.weights = packed;
  args.params = params;
  RUN_ROW(kernel, &args, rows, out, scratch);
}

static void case_q8(ln_kt *t, const layer *l, int outside, int pattern, bool is_signed, int style) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t taps = (size_t)(s.kernel_h * s.kernel_w), channels = (size_t)s.channels;
  const size_t in_count = (size_t)(s.kernel_h * s.in_w) * channels, out_count = (size_t)s.out_w * channels;
  uint8_t *image = ln_kt_input(t, in_count);
  uint8_t *filter = ln_kt_input(t, taps * channels);
  uint8_t *want = ln_kt_output(t, out_count, 0);
  uint8_t *got = ln_kt_output(t, out_count, 1);
  ln_kt_fill_u8(t, image, in_count, pattern);
  ln_kt_fill_u8(t, filter, taps * channels, pattern == LN_KT_RANDOM ? LN_KT_RANDOM : LN_KT_ENDS);
  const void *rows[32];
  make_rows(rows, &s, image, 1, outside);
  const int32_t least = is_signed ? INT8_MIN : 0;
  const int32_t chosen = ln_kt_random_between(t, -60, 315); /* both ends often */
  const int32_t filter_zero = is_signed || chosen < 0 ? 0 : chosen > 255 ? 255 : chosen;
  const q8_numbers q = make_numbers(t, &s, filter, is_signed, filter_zero, style);
  const ln_dwconv_q8 args = {.shape = s,
                             .in_zero = least + ln_kt_random_between(t, 0, 255),
                             .out_zero = least + ln_kt_random_between(t, 0, 255),
                             .low = least + (style == 0 ? 3 : 0),
                             .high = least + (style == 0 ? 250 : 255),
                             .is_signed = is_signed};
  run_q8(t, t->generic, args, filter, filter_zero, &q, rows, want);
  run_q8(t, t->tested, args, filter, filter_zero, &q, rows, got);
  ln_kt_equal(t, got, want, out_count);
}

static void time_q8(ln_kt *t, const layer *l) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t taps = (size_t)(s.kernel_h * s.kernel_w), channels = (size_t)s.channels;
  uint8_t *image = ln_kt_output(t, (size_t)(s.kernel_h * s.in_w) * channels, 0);
  uint8_t *filter = ln_kt_input(t, taps * channels);
  uint8_t *out = ln_kt_output(t, (size_t)s.out_w * channels, 0);
  ln_kt_fill_u8(t, filter, taps * channels, LN_KT_RANDOM);
  const void *rows[32];
  make_rows(rows, &s, image, 1, 0);
  const q8_numbers q = make_numbers(t, &s, filter, true, 0, 0);
  const ln_kernels *tables[2] = {t->generic, t->tested};
  ln_dwconv_q8 args[2];
  void *scratch[2];
  for (int i = 0; i < 2; ++i) {
    const ln_dwconv_q8_kernel *kernel = tables[i]->dwconv.q8;
    void *packed = ln_kt_output(t, kernel->weight_bytes(&s, true), 0);
    void *params = ln_kt_output(t, kernel->param_bytes(s.channels), 0);
    scratch[i] = ln_kt_output(t, kernel->scratch_bytes(&s), 0);
    args[i] =
        (ln_dwconv_q8){.shape = s, .weights = packed, .params = params, .low = -128, .high = 127, .is_signed = true};
    const ln_dwconv_q8_channels all = {.channels = s.channels,
                                       .bias = q.bias,
                                       .weight_sums = q.sums,
                                       .multipliers = q.multipliers,
                                       .shifts = q.shifts,
                                       .is_signed = true,
                                       .bound = q.bound};
    kernel->pack(&s, filter, true, 0, packed);
    kernel->fold(&all, params);
  }
  char what[96];
  snprintf(what, sizeof what, "%dx%d/%d w=%d c=%d", s.kernel_h, s.kernel_w, s.stride_w, s.in_w, s.channels);
  const ln_dwconv_row row = {.rows = rows, .out = out, .first = 0, .last = s.channels, .scratch = scratch[0]};
  const ln_dwconv_row other = {.rows = rows, .out = out, .first = 0, .last = s.channels, .scratch = scratch[1]};
  LN_KT_TIME(t, what, t->generic->dwconv.q8->run(&args[0], &row), t->tested->dwconv.q8->run(&args[1], &other));
}

static void check_q8(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(layers); ++i) {
    for (int outside = 0; outside < 3; ++outside) {
      for (int style = 0; style < 3; ++style) {
        const bool is_signed = (i + (size_t)style) % 2 == 0;
        ln_kt_case(t, "layer=%zu outside=%d style=%d signed=%d", i, outside, style, is_signed);
        case_q8(t, &layers[i], outside, (int)(i + (size_t)outside) % LN_KT_PATTERNS, is_signed, style);
      }
    }
  }
  static const layer timed[] = {{3, 3, 1, 1, 112, 1, 32}, {3, 3, 2, 1, 112, 0, 96}, {3, 3, 1, 1, 56, 1, 144},
                                {3, 3, 1, 1, 14, 1, 512}, {3, 3, 1, 1, 7, 1, 960},  {3, 3, 1, 1, 5, 1, 64},
                                {10, 8, 2, 1, 40, 3, 8},  {3, 3, 1, 2, 33, 2, 480}, {3, 3, 1, 1, 48, 1, 8},
                                {3, 3, 2, 1, 48, 0, 16}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    time_q8(t, &timed[i]);
  }
}

/* ---- int16 ---- */

/* A row of blocks that fit beside one of 64-bit sums. */
static void case_i16(ln_kt *t, const layer *l, int outside, int pattern) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t taps = (size_t)(s.kernel_h * s.kernel_w), channels = (size_t)s.channels;
  const size_t in_count = (size_t)(s.kernel_h * s.in_w) * channels, out_count = (size_t)s.out_w * channels;
  const int32_t blocks = round_up(s.channels, LN_DWCONV_I16_BLOCK) / LN_DWCONV_I16_BLOCK;
  int16_t *image = ln_kt_input(t, in_count * sizeof *image);
  int8_t *filter = ln_kt_input(t, taps * channels);
  int32_t *bias = ln_kt_input(t, channels * sizeof *bias);
  int32_t *scales = ln_kt_input(t, (size_t)(2 * blocks * LN_DWCONV_I16_BLOCK) * sizeof *scales);
  bool *fits = ln_kt_input(t, (size_t)blocks);
  ln_kt_fill_i16(t, image, in_count, pattern);
  ln_kt_fill_i8(t, filter, taps * channels, outside == 0 ? pattern : LN_KT_RANDOM);
  ln_kt_fill_i32(t, bias, channels, pattern, -1000000, 1000000);
  for (int32_t c = 0; c < blocks * LN_DWCONV_I16_BLOCK; ++c) {
    scales[c] = ln_kt_random_between(t, 1 << 30, INT32_MAX);
    scales[blocks * LN_DWCONV_I16_BLOCK + c] = ln_kt_random_between(t, -14, -6);
  }
  for (int32_t b = 0; b < blocks; ++b) fits[b] = true;
  const void *rows[32];
  make_rows(rows, &s, image, sizeof *image, outside);
  ln_dwconv_i16 args = {.shape = s,
                        .filter = filter,
                        .bias32 = bias,
                        .multipliers = scales,
                        .shifts = scales + blocks * LN_DWCONV_I16_BLOCK,
                        .narrow_bias = bias,
                        .low = INT16_MIN,
                        .high = INT16_MAX};
  int16_t *want = ln_kt_output(t, out_count * sizeof *want, 0), *got = ln_kt_output(t, out_count * sizeof *got, 2);
  const ln_dwconv_row row = {.rows = rows, .out = want, .last = s.channels};
  const ln_dwconv_row other = {.rows = rows, .out = got, .last = s.channels};
  ln_k_dwconv_i16(&args, &row);
  args.fits = fits;
  ln_kernels_use(t->tested);
  ln_k_dwconv_i16(&args, &other);
  ln_kernels_use(NULL);
  ln_kt_equal(t, got, want, out_count * sizeof *got);
}

static void check_i16(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(layers); ++i) {
    for (int outside = 0; outside < 3; ++outside) {
      ln_kt_case(t, "layer=%zu outside=%d", i, outside);
      case_i16(t, &layers[i], outside, (int)(i + (size_t)outside) % LN_KT_PATTERNS);
    }
  }
}

/* ---- rows quantized in run: to the bit ---- */

static void run_hybrid(const ln_kernels *table, const ln_dwconv_hybrid *args, const void *const *rows, float *out) {
  const int32_t n = args->shape.channels, cut = n / 3;
  const ln_dwconv_row first = {.rows = rows, .out = out, .last = cut};
  const ln_dwconv_row last = {.rows = rows, .out = out, .first = cut, .last = n};
  if (cut > 0) table->dwconv.hybrid(args, &first);
  table->dwconv.hybrid(args, &last);
}

static void case_hybrid(ln_kt *t, const layer *l, int outside, int pattern) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t channels = (size_t)s.channels, taps = (size_t)(s.kernel_h * s.kernel_w);
  const size_t in_count = (size_t)(s.kernel_h * s.in_w) * channels, out_count = (size_t)s.out_w * channels;
  int8_t *image = ln_kt_input(t, in_count), *filter = ln_kt_input(t, taps * channels);
  float *scales = ln_kt_input(t, channels * sizeof *scales), *bias = ln_kt_input(t, channels * sizeof *bias);
  float *want = ln_kt_output(t, out_count * sizeof(float), 0), *got = ln_kt_output(t, out_count * sizeof(float), 4);
  ln_kt_fill_i8(t, image, in_count, pattern);
  ln_kt_fill_i8(t, filter, taps * channels, pattern == LN_KT_RANDOM ? LN_KT_RANDOM : LN_KT_ENDS);
  ln_kt_fill_f32(t, bias, channels, LN_KT_RANDOM, 9.0f);
  for (size_t c = 0; c < channels; ++c) scales[c] = ln_kt_random_f32(t, 0.001f, 0.1f);
  const void *rows[32];
  make_rows(rows, &s, image, 1, outside);
  const bool clamped = (outside + pattern) % 2 == 0;
  static const int32_t zeros[] = {-128, 127, 0, -77};
  const ln_dwconv_hybrid args = {.shape = s,
                                 .filter = filter,
                                 .scales = scales,
                                 .bias = outside == 0 ? NULL : bias,
                                 .in_scale = 0.037f,
                                 .in_zero = zeros[(pattern + outside) % 4],
                                 .low = clamped ? 0.0f : -INFINITY,
                                 .high = clamped ? 6.0f : INFINITY};
  run_hybrid(t->generic, &args, rows, want);
  run_hybrid(t->tested, &args, rows, got);
  ln_kt_equal(t, got, want, out_count * sizeof(float));
}

static void time_hybrid(ln_kt *t, const layer *l) {
  const ln_dwconv_shape s = shape_of(l);
  const size_t channels = (size_t)s.channels, taps = (size_t)(s.kernel_h * s.kernel_w);
  const size_t in_count = (size_t)(s.kernel_h * s.in_w) * channels;
  int8_t *image = ln_kt_input(t, in_count), *filter = ln_kt_input(t, taps * channels);
  float *scales = ln_kt_input(t, channels * sizeof *scales), *out = ln_kt_output(t, (size_t)s.out_w * channels * 4, 0);
  ln_kt_fill_i8(t, image, in_count, LN_KT_RANDOM);
  ln_kt_fill_i8(t, filter, taps * channels, LN_KT_RANDOM);
  ln_kt_fill_f32(t, scales, channels, LN_KT_RANDOM, 1.0f);
  const void *rows[32];
  make_rows(rows, &s, image, 1, 0);
  const ln_dwconv_hybrid args = {
      .shape = s, .filter = filter, .scales = scales, .bias = scales, .in_scale = 0.01f, .high = 6.0f};
  const ln_dwconv_row row = {.rows = rows, .out = out, .last = s.channels};
  char what[96];
  snprintf(what, sizeof what, "%dx%d/%d w=%d c=%d", s.kernel_h, s.kernel_w, s.stride_w, s.in_w, s.channels);
  LN_KT_TIME(t, what, t->generic->dwconv.hybrid(&args, &row), t->tested->dwconv.hybrid(&args, &row));
}

static void check_hybrid(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(layers); ++i) {
    for (int outside = 0; outside < 3; ++outside) {
      for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
        ln_kt_case(t, "layer=%zu outside=%d pattern=%d", i, outside, pattern);
        case_hybrid(t, &layers[i], outside, pattern);
      }
    }
  }
  static const layer timed[] = {{3, 3, 1, 1, 112, 1, 32}, {3, 3, 2, 1, 56, 0, 144}, {3, 3, 1, 1, 7, 1, 144}};
  for (size_t i = 0; i < LN_COUNT(timed) && ln_kt_bench(t); ++i) {
    ln_kt_case(t, "timed=%zu", i);
    time_hybrid(t, &timed[i]);
  }
}

static const ln_kt_check checks[] = {
    {"f32", check_f32}, {"q8", check_q8}, {"i16", check_i16}, {"hybrid", check_hybrid}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "dwconv", checks, LN_COUNT(checks)); }
