/* A hash of content in four lanes of 64 bits: each word changes its lane for certain, whatever the others hold. */
#include <string.h>

#include "base/base.h"

enum { STRIDE = 32 };

static const uint64_t FACTOR = UINT64_C(0x9E3779B97F4A7C15); /* odd, so that multiplying by it loses nothing */

static uint64_t turn(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

/* Every bit of the result depends on every bit of `value`. */
static uint64_t scatter(uint64_t value) {
  value = (value ^ value >> 32) * FACTOR;
  value = (value ^ value >> 29) * FACTOR;
  return value ^ value >> 32;
}

static uint64_t word_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t step(uint64_t lane, uint64_t word) { return turn((lane ^ word) * FACTOR, 29); }

uint64_t ln_hash64(const void *data, size_t size) {
  const uint8_t *at = data;
  uint64_t a = size, b = FACTOR, c = ~FACTOR, d = 1; /* by name, so that they stay in registers */
  size_t left = size;
  for (; left >= STRIDE; left -= STRIDE, at += STRIDE) {
    a = step(a, word_at(at));
    b = step(b, word_at(at + 8));
    c = step(c, word_at(at + 16));
    d = step(d, word_at(at + 24));
  }
  uint8_t rest[STRIDE] = {0};
  if (left > 0) memcpy(rest, at, left);
  uint64_t hash = scatter(size ^ step(a, word_at(rest)));
  hash = scatter(hash ^ step(b, word_at(rest + 8))) + 1;
  hash = scatter(hash ^ step(c, word_at(rest + 16))) + 2;
  return scatter(hash ^ step(d, word_at(rest + 24))) + 3;
}
