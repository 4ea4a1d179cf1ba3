/* Random numbers of training: the same for a place, other ones at another, spread as they should be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/trainer.h"

static void same_place_same_numbers(void **state) {
  (void)state;
  ln_random a, b;
  ln_random_begin(&a, 7, LN_RANDOM_AUGMENT, 3, 11);
  for (int i = 0; i < 5; i++) ln_random_word(&a);
  ln_random_begin(&b, 7, LN_RANDOM_AUGMENT, 3, 11);
  for (int i = 0; i < 5; i++) ln_random_word(&b);
  for (int i = 0; i < 9; i++) assert_int_equal(ln_random_word(&a), ln_random_word(&b));
}

static void another_place_other_numbers(void **state) {
  (void)state;
  static const uint64_t places[][4] = {{7, 1, 0, 0}, {8, 1, 0, 0}, {7, 2, 0, 0}, {7, 1, 1, 0}, {7, 1, 0, 1}};
  uint64_t words[LN_COUNT(places)];
  for (size_t i = 0; i < LN_COUNT(places); i++) {
    ln_random r;
    ln_random_begin(&r, places[i][0], places[i][1], places[i][2], places[i][3]);
    words[i] = (uint64_t)ln_random_word(&r) << 32 | ln_random_word(&r);
    for (size_t k = 0; k < i; k++) assert_int_not_equal(words[i], words[k]);
  }
}

/* Means and variances within five standard errors; neighbouring places are as independent as neighbouring words. */
static void spread_as_they_should_be(void **state) {
  (void)state;
  enum { COUNT = 20000, BOUND = 5 };
  for (int across = 0; across < 2; across++) {
    double unit = 0, square = 0, normal = 0, normal_square = 0, counts[BOUND] = {0};
    ln_random r;
    ln_random_begin(&r, 1, LN_RANDOM_OTHER, 0, 0);
    for (uint64_t i = 0; i < COUNT; i++) {
      if (across) ln_random_begin(&r, 1, LN_RANDOM_OTHER, 0, i);
      const double u = ln_random_unit(&r), n = (double)ln_random_normal(&r);
      assert_true(u >= 0 && u < 1);
      unit += u, square += u * u, normal += n, normal_square += n * n;
      counts[ln_random_below(&r, BOUND)]++;
    }
    assert_true(fabs(unit / COUNT - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(square / COUNT - 1.0 / 3) < 5 * sqrt(4.0 / 45 / COUNT));
    assert_true(fabs(normal / COUNT) < 5 / sqrt(COUNT));
    assert_true(fabs(normal_square / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    for (int i = 0; i < BOUND; i++) assert_true(fabs(counts[i] / COUNT - 0.2) < 5 * sqrt(0.16 / COUNT));
  }
}

static void permutations_hold_each_once(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  static int64_t first[COUNT], again[COUNT], next[COUNT];
  ln_random_permutation(1, 0, COUNT, first);
  ln_random_permutation(1, 0, COUNT, again);
  ln_random_permutation(1, 1, COUNT, next);
  assert_memory_equal(first, again, sizeof first);
  bool seen[COUNT] = {false};
  int64_t stayed = 0, same = 0;
  for (int64_t i = 0; i < COUNT; i++) {
    assert_in_range(first[i], 0, COUNT - 1);
    assert_false(seen[first[i]]);
    seen[first[i]] = true;
    stayed += first[i] == i, same += first[i] == next[i];
  }
  assert_true(stayed < 10 && same < 10);
  ln_random_permutation(1, 0, 0, first);
  ln_random_permutation(1, 0, 1, first);
  assert_int_equal(first[0], 0);
}

/* Each of the six orders of three samples as often. */
static void permutations_are_even(void **state) {
  (void)state;
  enum { COUNT = 6000 };
  double counts[9] = {0};
  for (uint64_t epoch = 0; epoch < COUNT; epoch++) {
    int64_t order[3];
    ln_random_permutation(5, epoch, 3, order);
    counts[order[0] * 3 + order[1]]++;
  }
  int orders = 0;
  for (int i = 0; i < 9; i++) {
    orders += counts[i] > 0;
    if (counts[i] > 0) assert_true(fabs(counts[i] - COUNT / 6.0) < 5 * sqrt(COUNT * 5.0 / 36));
  }
  assert_int_equal(orders, 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_place_same_numbers),  cmocka_unit_test(another_place_other_numbers),
      cmocka_unit_test(spread_as_they_should_be), cmocka_unit_test(permutations_hold_each_once),
      cmocka_unit_test(permutations_are_even),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
