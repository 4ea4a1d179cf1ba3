/* Logistic and tanh in 16-bit fixed point: every argument, every number of integer bits, every tail, in place. */
#include "support/kernel_harness.h"

enum { ALL = 65536 };

static void check_logistic(ln_kt *t) {
  for (int32_t count = 0; count < 70; ++count) {
    ln_kt_case(t, "count=%d", count);
    int16_t *want = ln_kt_output(t, (size_t)count * 2, 0), *got = ln_kt_output(t, (size_t)count * 2, 2);
    ln_kt_fill_i16(t, want, (size_t)count, LN_KT_RANDOM);
    for (int32_t i = 0; i < count; ++i) got[i] = want[i];
    t->generic->fixed16.logistic(want, count, want);
    t->tested->fixed16.logistic(got, count, got);
    ln_kt_equal(t, got, want, (size_t)count * 2);
  }
  ln_kt_case(t, "all");
  int16_t *x = ln_kt_input(t, ALL * 2), *want = ln_kt_output(t, ALL * 2, 0), *got = ln_kt_output(t, ALL * 2, 0);
  for (int32_t i = 0; i < ALL; ++i) x[i] = (int16_t)(i - 32768);
  t->generic->fixed16.logistic(x, ALL, want);
  t->tested->fixed16.logistic(x, ALL, got);
  ln_kt_equal(t, got, want, ALL * 2);
  if (ln_kt_bench(t)) {
    LN_KT_TIME(t, "4096", t->generic->fixed16.logistic(x, 4096, want), t->tested->fixed16.logistic(x, 4096, got));
  }
}

static void check_tanh(ln_kt *t) {
  for (int32_t bits = 0; bits <= 6; ++bits) {
    ln_kt_case(t, "bits=%d", bits);
    int16_t *x = ln_kt_input(t, ALL * 2), *want = ln_kt_output(t, ALL * 2, 0), *got = ln_kt_output(t, ALL * 2, 0);
    for (int32_t i = 0; i < ALL; ++i) x[i] = (int16_t)(i - 32768);
    t->generic->fixed16.tanh(x, bits, ALL - bits, want);
    t->tested->fixed16.tanh(x, bits, ALL - bits, got);
    ln_kt_equal(t, got, want, ALL * 2 - 2 * (size_t)bits);
    if (ln_kt_bench(t) && bits == 3) {
      LN_KT_TIME(t, "4096", t->generic->fixed16.tanh(x, 3, 4096, want), t->tested->fixed16.tanh(x, 3, 4096, got));
    }
  }
}

static const ln_kt_check checks[] = {{"logistic", check_logistic}, {"tanh", check_tanh}};

int main(int argc, char **argv) { return ln_kt_main(argc, argv, "fixed16", checks, LN_COUNT(checks)); }
