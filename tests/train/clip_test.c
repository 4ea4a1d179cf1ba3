/* Norms, clipping, moving averages, and what a result that gets no better leads to. */
#include <math.h>

#include "support/unit.h"
#include "train/trainer.h"

enum { MOST = 5 * LN_NORM_BLOCK + 100 };

static float values[MOST], others[MOST];

static void fill(void) {
  for (int i = 0; i < MOST; ++i) {
    values[i] = (float)sin(i * 0.7) * (float)(1 + i % 5);
    others[i] = (float)cos(i * 1.3);
  }
}

static void test_norms(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 15, 17, LN_NORM_BLOCK, LN_NORM_BLOCK + 1, MOST};
  fill();
  for (size_t n = 0; n < LN_COUNT(counts); ++n) {
    const size_t count = counts[n];
    double plain = 0;
    for (size_t i = 0; i < count; ++i) plain += (double)values[i] * (double)values[i];
    assert_true(fabs(ln_norm_square(values, count) - plain) <= 1e-12 * plain);
  }
}

static void test_clips(void **state) {
  (void)state;
  fill();
  ln_clip_value(values, 0, MOST, 1.5);
  for (int i = 0; i < MOST; ++i) {
    const float before = (float)sin(i * 0.7) * (float)(1 + i % 5);
    assert_true(values[i] == (before > 1.5f ? 1.5f : before < -1.5f ? -1.5f : before));
  }
  values[0] = NAN;
  ln_clip_value(values, 0, MOST, 1.5);
  assert_true(isnan(values[0]));

  fill();
  ln_clip_norm(values, MOST, 1e9);
  for (int i = 0; i < MOST; ++i) assert_true(values[i] == (float)sin(i * 0.7) * (float)(1 + i % 5));
  ln_clip_norm(values, MOST, 3);
  assert_true(fabs(ln_norm(values, MOST) - 3) < 1e-5);
  assert_true(ln_clip_factor(2, 3) == 1 && ln_clip_factor(6, 3) == 0.5);
}

static void test_averages(void **state) {
  (void)state;
  fill();
  assert_true(ln_average_momentum(0.99, 1, false) == 0.99);
  assert_true(ln_average_momentum(0.99, 1, true) == 2.0 / 11);
  assert_true(ln_average_momentum(0.99, 100000, true) == 0.99);
  ln_average_update(others, values, 3, 500, 0.75);
  for (int i = 0; i < MOST; ++i) {
    const float before = (float)cos(i * 1.3);
    const float wanted = i >= 3 && i < 500 ? before * 0.75f + values[i] * 0.25f : before;
    assert_true(others[i] == wanted);
  }
}

static void test_early_stop(void **state) {
  (void)state;
  static const double losses[] = {1, 0.8, 0.795, NAN, 0.79, 0.5, 0.6};
  static const bool better[] = {true, true, false, false, false, true, false};
  static const bool stop[] = {false, false, false, false, true, false, false};
  ln_watch low = {0}, high = {0};
  for (size_t i = 0; i < LN_COUNT(losses); ++i) {
    bool is_better;
    assert_int_equal(ln_early_stop_update(&low, losses[i], 0.02, false, 3, &is_better), stop[i]);
    assert_int_equal(is_better, better[i]);
    assert_int_equal(ln_early_stop_update(&high, -losses[i], 0.02, true, 3, &is_better), stop[i]);
    assert_int_equal(is_better, better[i]);
  }
  assert_true(low.best == 0.5 && high.best == -0.5);
  ln_watch none = {0};
  bool is_better = true;
  assert_false(ln_early_stop_update(&none, NAN, 0, true, 3, &is_better));
  assert_false(is_better);
}

/* As Keras's ReduceLROnPlateau with patience 2 and cooldown 2. */
static void test_plateau(void **state) {
  (void)state;
  static const double losses[] = {1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5};
  static const double factors[] = {1, 1, 0.1, 1, 1, 0.1, 1, 1, 0.1};
  ln_watch w = {0};
  for (size_t i = 0; i < LN_COUNT(losses); ++i) {
    const double factor = ln_plateau_update(&w, losses[i], 0, false, 2, 2, 0.1);
    if (factor != factors[i]) fail_msg("value %d: %g, not %g", (int)i, factor, factors[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_norms),      cmocka_unit_test(test_clips),   cmocka_unit_test(test_averages),
      cmocka_unit_test(test_early_stop), cmocka_unit_test(test_plateau),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
