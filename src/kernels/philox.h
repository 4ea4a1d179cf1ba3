/*
 * Philox4x32-10, the counter-based generator of random numbers (Salmon, Moraes, Dror and Shaw, "Parallel Random
 * Numbers: As Easy as 1, 2, 3", 2011), and the distributions made from its words, with the bits that TensorFlow's have.
 */
#ifndef LN_KERNELS_PHILOX_H
#define LN_KERNELS_PHILOX_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LN_PHILOX_WORDS = 4 };

/* Block `index` of the stream that two seeds name. */
static inline void ln_philox_block(uint64_t seed, uint64_t seed2, uint64_t index, uint32_t out[LN_PHILOX_WORDS]) {
  uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)seed2, (uint32_t)(seed2 >> 32)};
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = UINT64_C(0xD2511F53) * c[0];
    const uint64_t b = UINT64_C(0xCD9E8D57) * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ key[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ key[1];
    c[3] = (uint32_t)a;
    key[0] += UINT32_C(0x9E3779B9);
    key[1] += UINT32_C(0xBB67AE85);
  }
  memcpy(out, c, sizeof c);
}

/* In [0, 1): the low 23 bits as a mantissa. */
static inline float ln_philox_f32(uint32_t word) {
  const uint32_t bits = UINT32_C(0x3F800000) | (word & UINT32_C(0x7FFFFF));
  float value;
  memcpy(&value, &bits, sizeof value);
  return value - 1.0f;
}

/* In [0, 1): 20 bits of `high`, then `low`. */
static inline double ln_philox_f64(uint32_t high, uint32_t low) {
  const uint64_t bits = UINT64_C(0x3FF0000000000000) | (uint64_t)(high & UINT32_C(0xFFFFF)) << 32 | low;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value - 1.0;
}

/* Two independent numbers of the standard normal distribution, after Box and Muller. */
static inline void ln_philox_normal(const uint32_t words[2], float out[2]) {
  const float uniform = ln_philox_f32(words[0]);
  const float radius = sqrtf(-2.0f * logf(uniform < 1.0e-7f ? 1.0e-7f : uniform));
  const float angle = (float)(2.0 * 3.14159265358979323846 * (double)ln_philox_f32(words[1]));
  out[0] = sinf(angle) * radius;
  out[1] = cosf(angle) * radius;
}

#endif
