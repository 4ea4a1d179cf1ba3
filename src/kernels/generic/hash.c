/* SipHash-2-4 and MurmurHash64A: see kernels/hash.h. Sums and products wrap. */
#include "kernels/hash.h"

/* Up to 8 bytes, the first one lowest. */
static uint64_t load(const uint8_t *s, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i) word |= (uint64_t)s[i] << (8 * i);
  return word;
}

static uint64_t rotate(uint64_t value, int32_t bits) { return value << bits | value >> (64 - bits); }

static void rounds(uint64_t v[4], int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
  }
}

static void absorb(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  rounds(v, 2);
  v[0] ^= word;
}

uint64_t ln_k_siphash(const uint64_t key[2], const void *bytes, size_t count) {
  const uint8_t *s = bytes;
  uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                   key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
  size_t at = 0;
  for (; count - at >= 8; at += 8) absorb(v, load(s + at, 8));
  absorb(v, load(s + at, count - at) | (uint64_t)count << 56);
  v[2] ^= 0xff;
  rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t ln_k_murmur64(uint64_t seed, const void *bytes, size_t count) {
  static const uint64_t factor = UINT64_C(0xc6a4a7935bd1e995);
  const uint8_t *s = bytes;
  uint64_t h = seed ^ count * factor;
  size_t at = 0;
  for (; count - at >= 8; at += 8) {
    uint64_t k = load(s + at, 8) * factor;
    k = (k ^ k >> 47) * factor;
    h = (h ^ k) * factor;
  }
  if (at < count) h = (h ^ load(s + at, count - at)) * factor;
  h = (h ^ h >> 47) * factor;
  return h ^ h >> 47;
}
