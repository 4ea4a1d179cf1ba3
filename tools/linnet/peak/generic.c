/* The loops in plain C, as fast as the compiler makes them. */
#include "peak/peak.h"

enum { LANES = 48 };

/* Sums that are multiplied by one before one is added: products of constants would be taken out of the loop. */
static double f32(int64_t rounds, const peak_ones *ones) {
  float sums[LANES] = {0};
  const float x = ones->f32[0], y = ones->f32[1];
  double total = 0;
  for (int64_t r = 0; r < rounds; r++) {
    for (int i = 0; i < LANES; i++) sums[i] = sums[i] * x + y;
  }
  for (int i = 0; i < LANES; i++) total += (double)sums[i];
  return total;
}

static double i8(int64_t rounds, const peak_ones *ones) {
  uint32_t sums[LANES] = {0}, total = 0;
  const uint32_t x = (uint32_t)ones->i8[0], y = (uint32_t)ones->i8[1];
  for (int64_t r = 0; r < rounds; r++) {
    for (int i = 0; i < LANES; i++) sums[i] = sums[i] * x + y;
  }
  for (int i = 0; i < LANES; i++) total += sums[i];
  return total;
}

static uint64_t read_words(const void *data, size_t bytes, int64_t times) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (int64_t t = 0; t < times; t++) {
    const uint64_t *words = data;
    for (size_t i = 0; i < bytes / 8; i += 4) {
      a ^= words[i];
      b ^= words[i + 1];
      c ^= words[i + 2];
      d ^= words[i + 3];
    }
    __asm__ volatile("" : : : "memory");
  }
  return a ^ b ^ c ^ d;
}

const peak_tier peak_generic = {
    "generic", {"plain C", f32, LANES}, {"plain C", i8, LANES}, {NULL, NULL, 0}, read_words};

void peak_set_ones(peak_ones *ones) {
  for (int i = 0; i < 16; i++) ones->f32[i] = 1;
  for (int i = 0; i < 64; i++) ones->i8[i] = 1;
  for (int i = 0; i < 32; i++) {
    ones->i16[i] = 1;
    ones->bf16[i] = 0x3f80;
  }
}
