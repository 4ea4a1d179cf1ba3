/* FarmHash Fingerprint64: see kernels/fingerprint.h. Sums and products wrap. */
#include "kernels/fingerprint.h"

static const uint64_t K0 = UINT64_C(0xc3a5c85c97cb3127);
static const uint64_t K1 = UINT64_C(0xb492b66fbe98f273);
static const uint64_t K2 = UINT64_C(0x9ae16a3b2f90404f);

static uint64_t word32(const uint8_t *s) {
  return (uint64_t)s[0] | (uint64_t)s[1] << 8 | (uint64_t)s[2] << 16 | (uint64_t)s[3] << 24;
}
static uint64_t word64(const uint8_t *s) { return word32(s) | word32(s + 4) << 32; }
static uint64_t rotate(uint64_t value, int32_t bits) { return value >> bits | value << (64 - bits); }
static uint64_t fold(uint64_t value) { return value ^ value >> 47; }

static uint64_t join(uint64_t u, uint64_t v, uint64_t factor) {
  const uint64_t a = fold((u ^ v) * factor);
  return fold((v ^ a) * factor) * factor;
}

static uint64_t hash_to_16(const uint8_t *s, size_t count) {
  const uint64_t factor = K2 + count * 2;
  if (count >= 8) {
    const uint64_t a = word64(s) + K2, b = word64(s + count - 8);
    return join(rotate(b, 37) * factor + a, (rotate(a, 25) + b) * factor, factor);
  }
  if (count >= 4) return join(count + (word32(s) << 3), word32(s + count - 4), factor);
  if (count == 0) return K2;
  const uint64_t first = s[0], middle = s[count / 2], last = s[count - 1];
  return fold((first + (middle << 8)) * K2 ^ (count + (last << 2)) * K0) * K2;
}

/* What a text of 17 bytes or more is begun with: both results are joined by the caller. */
static void hash_ends(const uint8_t *s, size_t count, uint64_t first, uint64_t out[2]) {
  const uint64_t factor = K2 + count * 2;
  const uint64_t b = word64(s + 8), c = word64(s + count - 8) * factor, d = word64(s + count - 16) * K2;
  out[0] = rotate(first + b, 43) + rotate(c, 30) + d;
  out[1] = first + rotate(b + K2, 18) + c;
}

static uint64_t hash_to_32(const uint8_t *s, size_t count) {
  uint64_t ends[2];
  hash_ends(s, count, word64(s) * K1, ends);
  return join(ends[0], ends[1], K2 + count * 2);
}

static uint64_t hash_to_64(const uint8_t *s, size_t count) {
  const uint64_t factor = K2 + count * 2, a = word64(s) * K2;
  uint64_t ends[2];
  hash_ends(s, count, a, ends);
  const uint64_t y = ends[0], z = join(ends[0], ends[1], factor);
  const uint64_t e = word64(s + 16) * factor, f = word64(s + 24);
  const uint64_t g = (y + word64(s + count - 32)) * factor, h = (z + word64(s + count - 24)) * factor;
  return join(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, factor);
}

/* 32 bytes and two seeds into two words. */
static void mix_32(const uint8_t *s, uint64_t a, uint64_t b, uint64_t out[2]) {
  const uint64_t w = word64(s), x = word64(s + 8), y = word64(s + 16), z = word64(s + 24);
  a += w;
  b = rotate(b + a + z, 21);
  const uint64_t c = a;
  a += x + y;
  out[0] = a + z;
  out[1] = b + rotate(a, 44) + c;
}

typedef struct long_state {
  uint64_t x, y, z, v[2], w[2];
} long_state;

/* 64 bytes; the last ones of a text take other factors than those before. */
static void mix_64(long_state *t, const uint8_t *s, uint64_t factor, uint64_t w_factor, uint64_t v_factor) {
  t->x = rotate(t->x + t->y + t->v[0] + word64(s + 8), 37) * factor;
  t->y = rotate(t->y + t->v[1] + word64(s + 48), 42) * factor;
  t->x ^= t->w[1] * w_factor;
  t->y += t->v[0] * v_factor + word64(s + 40);
  t->z = rotate(t->z + t->w[0], 33) * factor;
  mix_32(s, t->v[1] * factor, t->x + t->w[0], t->v);
  mix_32(s + 32, t->z + t->w[1], t->y + word64(s + 16), t->w);
  const uint64_t z = t->z;
  t->z = t->x;
  t->x = z;
}

static uint64_t hash_long(const uint8_t *s, size_t count) {
  const uint64_t seed = 81;
  long_state t = {seed * K2 + word64(s), seed * K1 + 113, 0, {0, 0}, {0, 0}};
  t.z = fold(t.y * K2 + 113) * K2;
  const size_t blocks = (count - 1) / 64, rest = (count - 1) % 64;
  for (size_t i = 0; i < blocks; ++i) mix_64(&t, s + i * 64, K1, 1, 1);
  const uint64_t factor = K1 + ((t.z & 0xff) << 1);
  t.w[0] += rest;
  t.v[0] += t.w[0];
  t.w[0] += t.v[0];
  mix_64(&t, s + count - 64, factor, 9, 9);
  return join(join(t.v[0], t.w[0], factor) + fold(t.y) * K0 + t.z, join(t.v[1], t.w[1], factor) + t.x, factor);
}

uint64_t ln_k_fingerprint64(const void *bytes, size_t count) {
  const uint8_t *s = bytes;
  if (count <= 16) return hash_to_16(s, count);
  if (count <= 32) return hash_to_32(s, count);
  return count <= 64 ? hash_to_64(s, count) : hash_long(s, count);
}
