/* Winograd's transforms in plain C, and that of filters. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/winograd.def"
#undef LN_KERNEL

/* One axis of a patch: values at distance `from` to points at distance `to`. */
static void input_axis(const float *d, int32_t from, float *t, int32_t to) {
  const float a = (float)LN_WINOGRAD_A, b = (float)LN_WINOGRAD_B;
  const float d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from];
  const float even = d4 - 2.0f * d2, odd = d3 - 2.0f * d1;
  const float even2 = d4 - 0.5f * d2, odd2 = d3 - 0.5f * d1;
  t[0] = d[0] + d4 - 2.5f * d2;
  t[to] = even + a * odd;
  t[2 * to] = even - a * odd;
  t[3 * to] = even2 + b * odd2;
  t[4 * to] = even2 - b * odd2;
  t[5 * to] = d1 + d[5 * from] - 2.5f * d3;
}

/* Six points at distance `from` to four outputs at distance `to`. */
static void output_axis(const float *m, int32_t from, float *y, int32_t to) {
  const float a = (float)LN_WINOGRAD_A, b = (float)LN_WINOGRAD_B;
  const float sum = m[from] + m[2 * from], difference = m[from] - m[2 * from];
  const float sum2 = m[3 * from] + m[4 * from], difference2 = m[3 * from] - m[4 * from];
  y[0] = m[0] + sum + sum2;
  y[to] = a * difference + b * difference2;
  y[2 * to] = 0.5f * sum + 2.0f * sum2;
  y[3 * to] = m[5 * from] + 0.5f * a * difference + 2.0f * b * difference2;
}

void winograd_input_generic(const float *const *pixels, int32_t channels, float *points, ptrdiff_t stride) {
  for (int32_t c = 0; c < channels; ++c) {
    float d[LN_WINOGRAD_POINTS], t[LN_WINOGRAD_POINTS];
    for (int32_t i = 0; i < LN_WINOGRAD_POINTS; ++i) d[i] = pixels[i][c];
    for (int32_t y = 0; y < LN_WINOGRAD_PATCH; ++y) input_axis(d + 6 * y, 1, t + 6 * y, 1);
    for (int32_t x = 0; x < LN_WINOGRAD_PATCH; ++x) input_axis(t + x, 6, d + x, 6);
    for (int32_t i = 0; i < LN_WINOGRAD_POINTS; ++i) points[i * stride + c] = d[i];
  }
}

void winograd_output_generic(const float *points, ptrdiff_t stride, int32_t channels, const float *bias, float low,
                             float high, const ln_winograd_tile *tile) {
  for (int32_t c = 0; c < channels; ++c) {
    float m[LN_WINOGRAD_POINTS], t[LN_WINOGRAD_TILE * LN_WINOGRAD_PATCH], y[LN_WINOGRAD_TILE * LN_WINOGRAD_TILE];
    for (int32_t i = 0; i < LN_WINOGRAD_POINTS; ++i) m[i] = points[i * stride + c];
    for (int32_t x = 0; x < LN_WINOGRAD_PATCH; ++x) output_axis(m + x, 6, t + x, 6);
    for (int32_t r = 0; r < LN_WINOGRAD_TILE; ++r) output_axis(t + 6 * r, 1, y + 4 * r, 1);
    for (int32_t r = 0; r < tile->rows; ++r) {
      for (int32_t x = 0; x < tile->columns; ++x) {
        tile->out[r * tile->row + x * tile->column + c] =
            ln_clamp_f32(y[4 * r + x] + (bias == NULL ? 0.0f : bias[c]), low, high);
      }
    }
  }
}

/* The values of three taps at the points, divided by what the transform of inputs is too large by. */
static void filter_axis(float (*g)[LN_WINOGRAD_LANES], int32_t from, float (*u)[LN_WINOGRAD_LANES], int32_t to) {
  const float a = (float)(LN_WINOGRAD_A / -1.5), b = (float)(LN_WINOGRAD_B / 6.0);
  for (int32_t i = 0; i < LN_WINOGRAD_LANES; ++i) {
    const float g0 = g[0][i], g1 = g[from][i], g2 = g[2 * from][i];
    const float even = (g0 + 0.5f * g2) * (float)(-1.0 / 1.5), even2 = (g0 + 2.0f * g2) * (float)(1.0 / 6.0);
    u[0][i] = g0;
    u[to][i] = even + a * g1;
    u[2 * to][i] = even - a * g1;
    u[3 * to][i] = even2 + b * g1;
    u[4 * to][i] = even2 - b * g1;
    u[5 * to][i] = g2;
  }
}

void ln_k_winograd_filter(float taps[9][LN_WINOGRAD_LANES], float points[LN_WINOGRAD_POINTS][LN_WINOGRAD_LANES]) {
  float t[18][LN_WINOGRAD_LANES];
  for (int32_t x = 0; x < 3; ++x) filter_axis(taps + x, 3, t + x, 3);
  for (int32_t y = 0; y < LN_WINOGRAD_PATCH; ++y) filter_axis(t + 3 * y, 1, points + 6 * y, 1);
}
