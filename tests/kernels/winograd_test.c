/* Winograd's transforms of every tier against plain C; and the whole of it, in plain C, against sums of products. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/kernel_harness.h"

enum { POINTS = LN_WINOGRAD_POINTS };

static const int32_t channel_counts[] = {1, 7, 8, 15, 16, 17, 24, 32, 40, 64, 129};

static void fill_pixels(ln_kt *t, const float **pixels, int32_t channels) {
  for (int32_t i = 0; i < POINTS; ++i) {
    float *pixel = ln_kt_input(t, (size_t)channels * sizeof *pixel);
    ln_kt_fill_f32(t, pixel, (size_t)channels, LN_KT_RANDOM, 2.0f);
    pixels[i] = pixel;
  }
}

static void check_input(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(channel_counts); ++i) {
    ln_kt_case(t, "channels=%d", channel_counts[i]);
    const int32_t channels = channel_counts[i];
    const float *pixels[POINTS];
    fill_pixels(t, pixels, channels);
    const size_t count = (size_t)channels * POINTS;
    float *want = ln_kt_output(t, count * sizeof *want, 0), *got = ln_kt_output(t, count * sizeof *got, 4);
    t->generic->winograd.input(pixels, channels, want, channels);
    t->tested->winograd.input(pixels, channels, got, channels);
    ln_kt_equal_f32(t, got, want, count, 1e-5f, 1e-6f);
  }
  for (int32_t channels = 16; channels <= 64 && ln_kt_bench(t); channels *= 2) {
    const float *pixels[POINTS];
    fill_pixels(t, pixels, channels);
    float *points = ln_kt_output(t, (size_t)channels * POINTS * sizeof *points, 0);
    char what[32];
    snprintf(what, sizeof what, "c=%d", channels);
    LN_KT_TIME(t, what, t->generic->winograd.input(pixels, channels, points, channels),
               t->tested->winograd.input(pixels, channels, points, channels));
  }
}

static void case_output(ln_kt *t, int32_t channels, int32_t rows, int32_t columns, bool clamped) {
  const size_t count = (size_t)channels * POINTS, outputs = (size_t)(channels * rows * columns);
  float *points = ln_kt_input(t, count * sizeof *points), *bias = ln_kt_input(t, (size_t)channels * sizeof *bias);
  ln_kt_fill_f32(t, points, count, LN_KT_RANDOM, 2.0f);
  ln_kt_fill_f32(t, bias, (size_t)channels, LN_KT_RANDOM, 2.0f);
  float *want = ln_kt_output(t, outputs * sizeof *want, 0), *got = ln_kt_output(t, outputs * sizeof *got, 4);
  ln_winograd_tile tile = {want, (ptrdiff_t)channels * columns, channels, rows, columns};
  const float low = clamped ? 0.0f : -INFINITY, high = clamped ? 6.0f : INFINITY;
  t->generic->winograd.output(points, channels, channels, clamped ? bias : NULL, low, high, &tile);
  tile.out = got;
  t->tested->winograd.output(points, channels, channels, clamped ? bias : NULL, low, high, &tile);
  ln_kt_equal_f32(t, got, want, outputs, 2e-5f, 1e-6f);
}

static void check_output(ln_kt *t) {
  for (size_t i = 0; i < LN_COUNT(channel_counts); ++i) {
    for (int32_t size = 0; size < 16; ++size) {
      ln_kt_case(t, "channels=%d size=%d", channel_counts[i], size);
      case_output(t, channel_counts[i], size / 4 + 1, size % 4 + 1, (i + (size_t)size) % 2 == 0);
    }
  }
  for (int32_t channels = 16; channels <= 64 && ln_kt_bench(t); channels *= 2) {
    float *points = ln_kt_output(t, (size_t)channels * POINTS * sizeof *points, 0);
    float *out = ln_kt_output(t, (size_t)channels * 16 * sizeof *out, 0);
    memset(points, 0, (size_t)channels * POINTS * sizeof *points);
    const ln_winograd_tile tile = {out, 4 * channels, channels, 4, 4};
    char what[32];
    snprintf(what, sizeof what, "c=%d", channels);
    LN_KT_TIME(t, what, t->generic->winograd.output(points, channels, channels, NULL, 0.0f, 6.0f, &tile),
               t->tested->winograd.output(points, channels, channels, NULL, 0.0f, 6.0f, &tile));
  }
}

/* `channels` of one tile against sums of products in double, within the bound of kernels/winograd.h. */
static void case_whole(ln_kt *t, int32_t channels) {
  float sums[POINTS] = {0}, out[16];
  double want[16] = {0}, scale = 0.0;
  for (int32_t c = 0; c < channels; ++c) {
    float taps[9], lanes[9][LN_WINOGRAD_LANES], filter[POINTS][LN_WINOGRAD_LANES], patch[POINTS], points[POINTS];
    const int32_t lane = c % LN_WINOGRAD_LANES;
    const float *pixels[POINTS];
    double largest = 0.0, weight = 0.0;
    ln_kt_fill_f32(t, taps, 9, LN_KT_RANDOM, 1.0f);
    ln_kt_fill_f32(t, patch, POINTS, LN_KT_RANDOM, 1.0f);
    for (int i = 0; i < 9; ++i) {
      weight += fabs((double)taps[i]);
      for (int j = 0; j < LN_WINOGRAD_LANES; ++j) lanes[i][j] = j == lane ? taps[i] : (float)j;
    }
    for (int i = 0; i < POINTS; ++i) {
      pixels[i] = patch + i;
      largest = fmax(largest, fabs((double)patch[i]));
    }
    scale += largest * weight;
    ln_k_winograd_filter(lanes, filter);
    t->tested->winograd.input(pixels, 1, points, 1);
    for (int i = 0; i < POINTS; ++i) sums[i] += points[i] * filter[i][lane];
    for (int i = 0; i < 16 * 9; ++i) {
      const int at = (i / 36 + i % 9 / 3) * 6 + i / 9 % 4 + i % 3;
      want[i / 9] += (double)patch[at] * (double)taps[i % 9];
    }
  }
  const ln_winograd_tile tile = {out, 4, 1, 4, 4};
  t->tested->winograd.output(sums, 1, 1, NULL, -INFINITY, INFINITY, &tile);
  for (int i = 0; i < 16; ++i) {
    const float expected = (float)want[i];
    ln_kt_equal_f32(t, &out[i], &expected, 1, (float)(LN_WINOGRAD_BOUND(channels) * scale), 0.0f);
  }
}

static void check_whole(ln_kt *t) {
  for (int32_t channels = 1; channels <= 1024; channels *= 2) {
    for (int32_t i = 0; i < 50; ++i) {
      ln_kt_case(t, "channels=%d %d", channels, i);
      case_whole(t, channels);
    }
  }
}

static const ln_kt_check checks[] = {{"input", check_input}, {"output", check_output}, {"output", check_whole}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "winograd", checks, LN_COUNT(checks)); }
