/* Mean average precision of boxes: by hand, and what does not matter. */
#include <math.h>

#include "linnet/train.h"
#include "support/unit.h"

static ln_error err;

static double map_of(const ln_image_box *found, int64_t found_count, const ln_image_box *truths, int64_t truth_count,
                     double first, int32_t thresholds) {
  double map = -1;
  assert_int_equal(ln_box_map(found, found_count, truths, truth_count, first, thresholds, &err, &map), LN_OK);
  return map;
}

static bool near(double a, double b) { return fabs(a - b) < 1e-12; }

/* Two pictures; class 1 has three truths, class 2 one. */
static const ln_image_box truths[4] = {
    {0, 1, 0, 0, 0, 10, 10}, {0, 2, 0, 20, 20, 30, 30}, {1, 1, 0, 0, 0, 10, 10}, {1, 1, 0, 0, 20, 10, 30}};

static void test_by_hand(void **state) {
  (void)state;
  const ln_image_box found[6] = {
      {0, 1, 0.9f, 0, 0, 10, 10},      /* right */
      {0, 1, 0.8f, 0, 0, 10, 9},       /* its truth is taken */
      {1, 1, 0.7f, 0, 20, 10, 27},     /* right up to 0.7 */
      {0, 2, 0.2f, 0, 0, 10, 10},      /* nowhere */
      {0, 2, 0.1f, 20, 20, 30, 25.5f}, /* right up to 0.55 */
      {0, 3, 0.9f, 0, 0, 10, 10},      /* a class that is not there */
  };
  /* class 1: recall 0 .. 33 at precision 1, 34 .. 66 at 2 / 3; class 2: all at 1 / 2 */
  const double one = (34 + 33 * 2.0 / 3) / 101, two = 0.5;
  assert_true(near(map_of(found, 6, truths, 4, 0.5, 1), (one + two) / 2));
  assert_true(near(map_of(found, 6, truths, 4, 0.6, 1), one / 2));
  assert_true(near(map_of(found, 6, truths, 4, 0.75, 1), 34.0 / 101 / 2));
  /* 0.5 and 0.55 as first, 0.6 .. 0.7 as second (0.7 itself is what rounding makes of it), the rest as third */
  const double at_70 = map_of(found, 6, truths, 4, 0.5 + 0.05 * 4, 1);
  const double sum = (one + two) / 2 * 2 + one / 2 * 2 + at_70 + 34.0 / 101 / 2 * 5;
  assert_true(near(map_of(found, 6, truths, 4, 0.5, 10), sum / 10));
}

static void test_order(void **state) {
  (void)state;
  const ln_image_box found[3] = {{0, 1, 0.5f, 0, 0, 10, 10}, {1, 1, NAN, 0, 0, 10, 10}, {1, 1, 0.6f, NAN, 0, 10, 10}};
  const ln_image_box turned[3] = {found[2], found[1], found[0]};
  const double map = map_of(found, 3, truths, 4, 0.5, 1);
  assert_true(near(map, map_of(turned, 3, truths, 4, 0.5, 1)));
  assert_true(map > 0.1);
  assert_true(near(map_of(truths, 4, truths, 4, 0.5, 10), 1));
}

/* Of two truths a box takes the one that it covers better. */
static void test_best_truth(void **state) {
  (void)state;
  const ln_image_box there[2] = {{0, 0, 0, 0, 0, 10, 10}, {0, 0, 0, 0, 2, 10, 12}};
  const ln_image_box found[2] = {{0, 0, 0.9f, 0, 2, 10, 12}, {0, 0, 0.8f, 0, 0, 10, 10}};
  assert_true(near(map_of(found, 2, there, 2, 0.9, 1), 1));
  assert_true(near(map_of(found, 2, there, 2, 0.5, 1), 1));
}

static void test_edges(void **state) {
  (void)state;
  double map = 0;
  assert_true(isnan(map_of(truths, 4, NULL, 0, 0.5, 1)));
  assert_true(map_of(NULL, 0, truths, 4, 0.5, 10) == 0);
  assert_int_equal(ln_box_map(NULL, 1, truths, 4, 0.5, 1, &err, &map), LN_ERR_ARGUMENT);
  assert_int_equal(ln_box_map(truths, 4, truths, 4, 0, 1, &err, &map), LN_ERR_ARGUMENT);
  assert_int_equal(ln_box_map(truths, 4, truths, 4, 0.5, 0, &err, &map), LN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_best_truth),
      cmocka_unit_test(test_edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
