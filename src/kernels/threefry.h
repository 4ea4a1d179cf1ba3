/* Threefry2x32-20, a counter-based generator of random numbers (Salmon, Moraes, Dror and Shaw, 2011). */
#ifndef LN_KERNELS_THREEFRY_H
#define LN_KERNELS_THREEFRY_H

#include <stdint.h>

enum { LN_THREEFRY_WORDS = 2 };

/* Block `index` of the stream that the key names. */
static inline void ln_threefry_block(uint64_t key, uint64_t index, uint32_t out[LN_THREEFRY_WORDS]) {
  static const uint8_t rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
  const uint32_t keys[3] = {low, high, UINT32_C(0x1BD11BDA) ^ low ^ high};
  uint32_t a = (uint32_t)index + keys[0], b = (uint32_t)(index >> 32) + keys[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (uint32_t round = 0; round < 4; ++round) {
      const uint32_t by = rotations[group % 2][round];
      a += b;
      b = (b << by | b >> (32 - by)) ^ a;
    }
    a += keys[(group + 1) % 3];
    b += keys[(group + 2) % 3] + group + 1;
  }
  out[0] = a;
  out[1] = b;
}

#endif
