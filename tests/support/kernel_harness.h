/*
 * What the tests of kernels share. A family's test, tests/kernels/<family>_test.c, looks like
 *
 *   static void check_add_f32(ln_kt *t) {
 *     for (int n = 0; n < 70; ++n) {                         // every tail of every vector length
 *       for (int pattern = 0; pattern < LN_KT_PATTERNS; ++pattern) {
 *         ln_kt_case(t, "n=%d pattern=%d", n, pattern);      // named by every failure
 *         float *a = ln_kt_input(t, n * sizeof(float));      // ends at a page that must not be touched
 *         float *want = ln_kt_output(t, n * sizeof(float), 0);
 *         float *got = ln_kt_output(t, n * sizeof(float), 1); // 1: one byte off alignment (floats: 4)
 *         ln_kt_fill_f32(t, a, n, pattern, 10.0f);
 *         t->generic->binary.add_f32(a, ..., want);
 *         t->tested->binary.add_f32(a, ..., got);
 *         ln_kt_equal_f32(t, got, want, n, 0.0f, 0.0f);      // or ln_kt_equal for bits
 *       }
 *     }
 *     if (ln_kt_bench(t)) {                                  // --bench
 *       ... make a sizeable problem ...
 *       LN_KT_TIME(t, "4096", t->generic->binary.add_f32(...), t->tested->binary.add_f32(...));
 *     }
 *   }
 *
 *   static const ln_kt_check checks[] = {{"add_f32", check_add_f32}};
 *   int main(int argc, char **argv) { return ln_kt_main(argc, argv, "binary", checks, LN_COUNT(checks)); }
 *
 * The harness runs each check once for every tier that has a row for the check's slot and that this CPU can run, the
 * generic one among them (against itself: its guards and bounds are then what is tested), and fails when a registered
 * row of the family has no check; tests/kernels/registry_test.c fails when a registered family has no test at all.
 * Buffers live until the next ln_kt_case, where the guard bytes around outputs are checked. The seed is printed and can
 * be given: test_kernels_binary --seed 7 --bench FILTER, with FILTER part of a slot's name.
 * What a contract allows to be read beyond an operand (packed panels, say) is allocated with its padding.
 */
#ifndef LN_TESTS_KERNEL_HARNESS_H
#define LN_TESTS_KERNEL_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/kernels.h"

typedef struct ln_kt {
  const ln_kernels *generic; /* the contract */
  const ln_kernels *tested;  /* the table of the tier under test */
  ln_isa isa;
  const char *slot;
  bool bench;
  uint64_t state;  /* of the random numbers */
  char label[256]; /* what ln_kt_case said last */
  struct ln_kt_buffer *buffers;
} ln_kt;

typedef struct ln_kt_check {
  const char *slot; /* as in <family>.def */
  void (*run)(ln_kt *t);
} ln_kt_check;

int ln_kt_main(int argc, char **argv, const char *family, const ln_kt_check *checks, size_t count);

/* Names the case that follows, after checking the guards of the one before and freeing its buffers. */
void ln_kt_case(ln_kt *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool ln_kt_bench(const ln_kt *t) { return t->bench; }

/* Memory to read: its end touches a page without access, so that reading past it ends the test. Not aligned. */
void *ln_kt_input(ln_kt *t, size_t bytes);
/* The same, LN_ALIGNMENT-aligned, for operands that the contract wants aligned (up to 63 readable bytes follow it). */
void *ln_kt_input_aligned(ln_kt *t, size_t bytes);
/* Memory to write, `offset` bytes past an LN_ALIGNMENT boundary, between guard bytes; filled with 0xA5. */
void *ln_kt_output(ln_kt *t, size_t bytes, size_t offset);

/* Random numbers that depend only on the seed. */
uint32_t ln_kt_random(ln_kt *t);
int32_t ln_kt_random_between(ln_kt *t, int32_t low, int32_t high); /* both included */
float ln_kt_random_f32(ln_kt *t, float low, float high);

/* How values are made: random over the range, all at its low end, all at its high end, ends at random, zeros. */
typedef enum ln_kt_pattern {
  LN_KT_RANDOM,
  LN_KT_LOW,
  LN_KT_HIGH,
  LN_KT_ENDS,
  LN_KT_ZERO,
  LN_KT_PATTERNS
} ln_kt_pattern;
void ln_kt_fill_i8(ln_kt *t, int8_t *data, size_t count, int pattern);
void ln_kt_fill_u8(ln_kt *t, uint8_t *data, size_t count, int pattern);
void ln_kt_fill_i16(ln_kt *t, int16_t *data, size_t count, int pattern);
void ln_kt_fill_i32(ln_kt *t, int32_t *data, size_t count, int pattern, int32_t low, int32_t high);
void ln_kt_fill_f32(ln_kt *t, float *data, size_t count, int pattern, float range); /* [-range, range] */

/* Fail with the case's name, the first difference and the seed. */
void ln_kt_equal(ln_kt *t, const void *got, const void *want, size_t bytes);
/* |got - want| <= abs + rel * |want|; NaN equals NaN, infinities themselves. */
void ln_kt_equal_f32(ln_kt *t, const float *got, const float *want, size_t count, float abs, float rel);

/* Times two statements in turn and prints nanoseconds of each (the least of several rounds) and their ratio. */
#define LN_KT_TIME(t, what, reference, candidate)                      \
  do {                                                                 \
    double best_[2] = {1e30, 1e30};                                    \
    for (int round_ = 0; round_ < 5; ++round_) {                       \
      for (int side_ = 0; side_ < 2; ++side_) {                        \
        const int64_t start_ = ln_clock_ns();                          \
        int64_t now_ = start_;                                         \
        long calls_ = 0;                                               \
        do {                                                           \
          if (side_ == 0) {                                            \
            reference;                                                 \
          } else {                                                     \
            candidate;                                                 \
          }                                                            \
          ++calls_;                                                    \
          now_ = ln_clock_ns();                                        \
        } while (now_ - start_ < 4000000);                             \
        const double each_ = (double)(now_ - start_) / (double)calls_; \
        if (each_ < best_[side_]) best_[side_] = each_;                \
      }                                                                \
    }                                                                  \
    ln_kt_print_times((t), (what), best_[0], best_[1]);                \
  } while (0)
void ln_kt_print_times(const ln_kt *t, const char *what, double reference_ns, double candidate_ns);

#endif
