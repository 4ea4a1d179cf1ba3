/*
 * Loops that run a CPU's arithmetic and its loads as fast as they go: what `linnet bench --peak` times. A row a tier;
 * the last part of a file's name is its ISA. Sums start at zero and stay in registers; what a loop returns follows from
 * its rounds alone, so that no compiler can leave work out unnoticed (tests/cli/peak_test.c).
 */
#ifndef LINNET_CLI_PEAK_PEAK_H
#define LINNET_CLI_PEAK_PEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values that the compiler does not know: ones, whose products count the multiply-adds done. */
typedef struct peak_ones {
  float f32[16];
  int8_t i8[64]; /* also read as unsigned */
  int16_t i16[32];
  uint16_t bf16[32]; /* 1.0 */
} peak_ones;

/* Does `rounds` rounds and returns the multiply-adds that it counted in its sums, mod 2^32 for integers. */
typedef double (*peak_sum_fn)(int64_t rounds, const peak_ones *ones);
/* Reads `bytes` bytes (a multiple of PEAK_READ_STEP) `times` times over; returns the exclusive or of all 64-bit words
 * of one pass where `times` is odd, else 0. */
typedef uint64_t (*peak_read_fn)(const void *data, size_t bytes, int64_t times);

enum { PEAK_READ_STEP = 1024 };

typedef struct peak_loop {
  const char *instruction; /* NULL: the tier has none */
  peak_sum_fn run;
  int64_t macs; /* multiply-adds of a round */
} peak_loop;

typedef struct peak_tier {
  const char *name; /* as ln_cpu_tier gives it */
  peak_loop f32, i8, bf16;
  peak_read_fn read;
} peak_tier;

/* What a CPU of this kernel tier (ln_cpu_tier's name) runs at best. */
peak_tier peak_tier_of(const char *tier);
void peak_set_ones(peak_ones *ones);

extern const peak_tier peak_generic, peak_avx2, peak_avx512;
extern const peak_loop peak_i8_avx512vnni, peak_bf16_avx512bf16;

#endif
