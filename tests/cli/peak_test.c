/* The loops behind `linnet bench --peak` do the arithmetic and the reads that they are counted for. */
#include <stdlib.h>
#include <string.h>

#include "linnet/version.h"
#include "peak/peak.h"
#include "support/unit.h"

static const char *const tiers[] = {"generic", "avx2", "avx512", "avx512vnni", "avx512bf16"};

/* Rows up to this CPU's own tier. */
static size_t tier_count(void) {
  size_t count = 1;
  for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; ++i) {
    if (strcmp(tiers[i], ln_cpu_tier()) == 0) count = i + 1;
  }
  return count;
}

static void check_sum(const peak_loop *loop) {
  peak_ones ones;
  peak_set_ones(&ones);
  if (loop->run == NULL) return;
  assert_non_null(loop->instruction);
  for (int64_t rounds = 0; rounds <= 1000; rounds = 3 * rounds + 1) {
    assert_true(loop->run(rounds, &ones) == (double)(rounds * loop->macs));
  }
}

static void counts_multiply_adds(void **state) {
  (void)state;
  for (size_t i = 0; i < tier_count(); ++i) {
    const peak_tier tier = peak_tier_of(tiers[i]);
    assert_non_null(tier.f32.run);
    assert_non_null(tier.i8.run);
    check_sum(&tier.f32);
    check_sum(&tier.i8);
    check_sum(&tier.bf16);
  }
}

static void reads_every_word(void **state) {
  (void)state;
  enum { BYTES = 4 * PEAK_READ_STEP };
  uint64_t words[BYTES / 8] = {0};
  for (size_t i = 0; i < tier_count(); ++i) {
    const peak_tier tier = peak_tier_of(tiers[i]);
    for (size_t k = 0; k < BYTES / 8; ++k) {
      words[k] = 0x0123456789abcdefu * (k + 1);
      assert_true(tier.read(words, BYTES, 1) == words[k]);
      assert_true(tier.read(words, BYTES, 2) == 0);
      assert_true(tier.read(words, BYTES, 3) == words[k]);
      words[k] = 0;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(counts_multiply_adds), cmocka_unit_test(reads_every_word)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
