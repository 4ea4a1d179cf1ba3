/* Memory plans: blocks that live together never share a byte, offsets are aligned, and the plan is close to the bound.
 */
#include "plan/plan.h"
#include "support/unit.h"

static uint64_t state;

static uint32_t next_random(uint32_t limit) {
  state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t)(state >> 33) % limit;
}

static void check_plan(const ln_plan_block *blocks, int32_t count, const ln_plan_result *result) {
  for (int32_t i = 0; i < count; ++i) {
    assert_int_equal(blocks[i].offset % LN_ALIGNMENT, 0);
    assert_true(blocks[i].offset + blocks[i].bytes <= result->arena_bytes);
    for (int32_t j = 0; j < i; ++j) {
      const bool meet = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
      const bool share = blocks[i].offset < blocks[j].offset + blocks[j].bytes &&
                         blocks[j].offset < blocks[i].offset + blocks[i].bytes;
      if (meet && share && blocks[i].bytes > 0 && blocks[j].bytes > 0) fail_msg("blocks %d and %d overlap", j, i);
    }
  }
  assert_true(result->lower_bound <= result->arena_bytes);
}

static void a_chain_takes_its_bound(void **unused) {
  (void)unused;
  ln_plan_block blocks[] = {{1000, 0, 1, 0}, {500, 1, 2, 0}, {1000, 2, 3, 0}, {64, 3, 4, 0}};
  ln_plan_result result;
  assert_int_equal(ln_plan_arena(blocks, LN_COUNT(blocks), NULL, &result), LN_OK);
  check_plan(blocks, LN_COUNT(blocks), &result);
  assert_int_equal(result.arena_bytes, 1024 + 512);
  assert_int_equal(result.lower_bound, result.arena_bytes);
}

static void random_plans_hold(void **unused) {
  (void)unused;
  double worst = 1;
  for (state = 1; state < 200; ++state) {
    ln_plan_block blocks[60];
    const uint64_t seed = state;
    const int32_t count = 1 + (int32_t)next_random(LN_COUNT(blocks));
    for (int32_t i = 0; i < count; ++i) {
      const int32_t first = (int32_t)next_random(40);
      blocks[i] =
          (ln_plan_block){next_random(4) == 0 ? 0 : next_random(100000), first, first + (int32_t)next_random(5), 9};
    }
    ln_plan_result result;
    assert_int_equal(ln_plan_arena(blocks, count, NULL, &result), LN_OK);
    check_plan(blocks, count, &result);
    size_t offsets[LN_COUNT(blocks)];
    for (int32_t i = 0; i < count; ++i) offsets[i] = blocks[i].offset;
    assert_int_equal(ln_plan_arena(blocks, count, NULL, &result), LN_OK);
    for (int32_t i = 0; i < count; ++i) assert_int_equal(blocks[i].offset, offsets[i]); /* the same plan again */
    if (result.lower_bound > 0 && (double)result.arena_bytes / (double)result.lower_bound > worst) {
      worst = (double)result.arena_bytes / (double)result.lower_bound;
    }
    state = seed;
  }
  print_message("worst random plan: %.2f of its bound\n", worst);
  assert_true(worst < 1.15);
}

static void what_cannot_be_addressed_is_refused(void **unused) {
  (void)unused;
  ln_error err;
  ln_plan_result result;
  ln_plan_block blocks[] = {{PTRDIFF_MAX, 0, 1, 0}, {PTRDIFF_MAX, 1, 2, 0}};
  assert_int_equal(ln_plan_arena(blocks, LN_COUNT(blocks), &err, &result), LN_ERR_MEMORY);
  blocks[0].bytes = SIZE_MAX - 3;
  assert_int_equal(ln_plan_arena(blocks, 1, &err, &result), LN_ERR_MEMORY);
  assert_int_equal(ln_plan_arena(NULL, 0, &err, &result), LN_OK);
  assert_int_equal(result.arena_bytes, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_chain_takes_its_bound),
      cmocka_unit_test(random_plans_hold),
      cmocka_unit_test(what_cannot_be_addressed_is_refused),
  };
  return cmocka_run_group_tests_name("plan.plan", tests, NULL, NULL);
}
