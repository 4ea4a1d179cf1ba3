/* Softmax rows of every tier against exact values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/kernel_harness.h"

static void check_row(const float *x, const float *y, size_t depth, float beta) {
  double max = -INFINITY, sum = 0;
  for (size_t i = 0; i < depth; ++i) max = fmax(max, (double)x[i]);
  for (size_t i = 0; i < depth; ++i) sum += exp((double)((x[i] - (float)max) * beta));
  for (size_t i = 0; i < depth; ++i) {
    const double want = exp((double)((x[i] - (float)max) * beta)) / sum;
    const double bound = 6 * 1.2e-7 * want + 1e-38;
    if (!(fabs(y[i] - want) <= bound)) fail_msg("depth %zu: %g for %g", depth, (double)y[i], want);
  }
}

static void check_softmax_f32(ln_kt *t) {
  static const size_t depths[] = {1, 2, 5, 10, 15, 16, 17, 31, 32, 33, 47, 64, 100, 257, 1001};
  for (size_t d = 0; d < LN_COUNT(depths); ++d) {
    for (int32_t round = 0; round < 4; ++round) {
      const size_t depth = depths[d], rows = round == 0 ? 1 : 3;
      const float beta = round == 2 ? 0.7f : 1.0f, range = round == 3 ? 120.0f : 8.0f;
      ln_kt_case(t, "depth=%zu round=%d", depth, round);
      float *in = ln_kt_input(t, rows * depth * sizeof *in);
      float *out = ln_kt_output(t, rows * depth * sizeof *out, 4);
      for (size_t i = 0; i < rows * depth; ++i) in[i] = ln_kt_random_f32(t, -range, range);
      t->tested->softmax.softmax_f32(in, out, rows, depth, beta);
      for (size_t r = 0; r < rows; ++r) check_row(in + r * depth, out + r * depth, depth, beta);
      float *same = ln_kt_output(t, rows * depth * sizeof *same, 0);
      memcpy(same, in, rows * depth * sizeof *same);
      t->tested->softmax.softmax_f32(same, same, rows, depth, beta);
      ln_kt_equal(t, same, out, rows * depth * sizeof *same);
    }
  }
  if (!ln_kt_bench(t)) return;
  static const size_t timed[][2] = {{1, 1001}, {335, 335}, {1000, 10}, {4000, 2}};
  for (size_t i = 0; i < LN_COUNT(timed); ++i) {
    const size_t rows = timed[i][0], depth = timed[i][1];
    ln_kt_case(t, "timed=%zu", i);
    float *in = ln_kt_output(t, rows * depth * sizeof *in, 0);
    float *out = ln_kt_output(t, rows * depth * sizeof *out, 0);
    for (size_t j = 0; j < rows * depth; ++j) in[j] = ln_kt_random_f32(t, -6.0f, 6.0f);
    char what[64];
    snprintf(what, sizeof what, "%zux%zu", rows, depth);
    LN_KT_TIME(t, what, t->generic->softmax.softmax_f32(in, out, rows, depth, 1.0f),
               t->tested->softmax.softmax_f32(in, out, rows, depth, 1.0f));
  }
}

static const ln_kt_check checks[] = {{"softmax_f32", check_softmax_f32}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "softmax", checks, LN_COUNT(checks)); }
