/* Allocation and arenas: alignment, zeroing, refusal of what cannot be, and allocations made to fail. */
#include "base/base.h"
#include "support/unit.h"

static void allocations_are_aligned_and_never_empty(void **state) {
  (void)state;
  for (size_t bytes = 0; bytes < 300; bytes += 7) {
    uint8_t *memory = ln_alloc_zero(bytes);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % LN_ALIGNMENT, 0);
    for (size_t i = 0; i < bytes; ++i) assert_int_equal(memory[i], 0);
    ln_free(memory);
  }
  assert_null(ln_alloc(SIZE_MAX - 10));
  assert_null(ln_alloc_array(SIZE_MAX / 2, 4));
  ln_free(NULL);
}

static void realloc_keeps_and_zeroes(void **state) {
  (void)state;
  int32_t *items = ln_alloc_array(3, sizeof *items);
  assert_non_null(items);
  for (int32_t i = 0; i < 3; ++i) items[i] = i + 1;
  items = ln_realloc_array(items, 3, 100, sizeof *items);
  assert_non_null(items);
  for (int32_t i = 0; i < 100; ++i) assert_int_equal(items[i], i < 3 ? i + 1 : 0);
  items = ln_realloc_array(items, 100, 2, sizeof *items);
  assert_non_null(items);
  assert_int_equal(items[1], 2);
  assert_null(ln_realloc_array(items, 2, SIZE_MAX, sizeof *items)); /* the old block is still the caller's */
  ln_free(items);
}

static void the_nth_allocation_fails_once(void **state) {
  (void)state;
  ln_alloc_fail_after(2);
  void *first = ln_alloc(8);
  void *second = ln_alloc(8);
  void *third = ln_alloc(8);
  assert_non_null(first);
  assert_null(second);
  assert_non_null(third);
  ln_free(first);
  ln_free(third);
}

static void arena_pieces_do_not_overlap(void **state) {
  (void)state;
  enum { PIECES = 2000 };
  static uint8_t *pieces[PIECES];
  ln_arena arena = {0};
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < PIECES; ++i) {
      const size_t bytes = i * 37 % 5000;
      pieces[i] = ln_arena_alloc(&arena, bytes);
      assert_non_null(pieces[i]);
      assert_int_equal((uintptr_t)pieces[i] % (bytes >= 4 * LN_ALIGNMENT ? LN_ALIGNMENT : 16), 0);
      for (size_t j = 0; j < bytes; ++j) assert_int_equal(pieces[i][j], 0);
      memset(pieces[i], (int)(i % 251), bytes);
    }
    for (size_t i = 0; i < PIECES; ++i) {
      for (size_t j = 0; j < i * 37 % 5000; ++j) assert_int_equal(pieces[i][j], i % 251);
    }
    assert_true(arena.used > 0);
    ln_arena_free(&arena);
    assert_int_equal(arena.used, 0);
  }
}

static void arena_refuses_what_cannot_be(void **state) {
  (void)state;
  ln_arena arena = {0};
  assert_null(ln_arena_alloc(&arena, SIZE_MAX - 1));
  assert_null(ln_arena_array(&arena, SIZE_MAX / 2, 3));
  assert_string_equal(ln_arena_strdup(&arena, "text"), "text");
  assert_string_equal(ln_arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
  assert_memory_equal(ln_arena_copy(&arena, "abc", 3), "abc", 3);
  assert_non_null(ln_arena_copy(&arena, NULL, 0));
  ln_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_are_aligned_and_never_empty),
      cmocka_unit_test(realloc_keeps_and_zeroes),
      cmocka_unit_test(the_nth_allocation_fails_once),
      cmocka_unit_test(arena_pieces_do_not_overlap),
      cmocka_unit_test(arena_refuses_what_cannot_be),
  };
  return cmocka_run_group_tests_name("base.arena", tests, NULL, NULL);
}
