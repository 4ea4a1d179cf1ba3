/*
 * Random numbers of training: each of a place of its own (a seed, what it is for, the epoch, the sample), so that no
 * order of work changes them. Words are Philox's (kernels/philox.h).
 */
#include "kernels/philox.h"
#include "train/trainer.h"

static uint64_t wide(const uint32_t words[2]) { return (uint64_t)words[1] << 32 | words[0]; }

/* The place is hashed by the generator itself: its blocks are as good as independent for counters of any pattern. */
void ln_random_begin(ln_random *r, uint64_t seed, uint64_t purpose, uint64_t epoch, uint64_t index) {
  uint32_t words[LN_PHILOX_WORDS];
  ln_philox_block(seed, purpose, epoch, words);
  ln_philox_block(wide(words), wide(words + 2), index, words);
  *r = (ln_random){.seed = wide(words), .stream = wide(words + 2)};
}

uint32_t ln_random_word(ln_random *r) {
  const uint64_t within = r->at % LN_PHILOX_WORDS;
  if (within == 0) ln_philox_block(r->seed, r->stream, r->at / LN_PHILOX_WORDS, r->words);
  r->at++;
  return r->words[within];
}

static uint64_t random_wide(ln_random *r) {
  const uint64_t high = ln_random_word(r);
  return high << 32 | ln_random_word(r);
}

double ln_random_unit(ln_random *r) { return (double)(random_wide(r) >> 11) * 0x1p-53; }

/* Words below 2^64 modulo the bound are dropped, so that every number is as likely. */
uint64_t ln_random_below(ln_random *r, uint64_t bound) {
  if (bound < 2) return 0;
  const uint64_t least = (0 - bound) % bound;
  uint64_t word;
  do word = random_wide(r);
  while (word < least);
  return word % bound;
}

float ln_random_normal(ln_random *r) {
  const uint32_t words[2] = {ln_random_word(r), ln_random_word(r)};
  float pair[2];
  ln_philox_normal(words, pair);
  return pair[0];
}

/* Fisher and Yates's shuffle. */
void ln_random_permutation(uint64_t seed, uint64_t epoch, int64_t count, int64_t *out) {
  ln_random r;
  ln_random_begin(&r, seed, LN_RANDOM_SHUFFLE, epoch, 0);
  for (int64_t i = 0; i < count; i++) {
    const int64_t other = (int64_t)ln_random_below(&r, (uint64_t)i + 1);
    out[i] = out[other];
    out[other] = i;
  }
}
