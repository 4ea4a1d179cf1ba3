/* Rows searched 16 bytes or 4 floats at a time: the extreme first, then its first place. */
#include "kernels/arg_minmax.h"
#include "kernels/arm/vec_f32.h"

ln_arg_rows_u8_fn arg_rows_u8_neon;
ln_arg_rows_f32_fn arg_rows_f32_neon;

/* Four bits for each byte of a comparison's result, in order. */
LN_INLINE uint64_t nibbles(uint8x16_t equal) {
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(equal), 4)), 0);
}

static int32_t search_row_u8(uint8_t flip, const uint8_t *row, size_t length) {
  const uint8x16_t turn = vdupq_n_u8(flip);
  uint8x16_t best = vdupq_n_u8(0);
  size_t i = 0;
  for (; i + 16 <= length; i += 16) best = vmaxq_u8(best, veorq_u8(vld1q_u8(row + i), turn));
  uint8_t greatest = vmaxvq_u8(best);
  for (; i < length; ++i) {
    const uint8_t value = (uint8_t)(row[i] ^ flip);
    greatest = value > greatest ? value : greatest;
  }
  const uint8x16_t wanted = vdupq_n_u8(greatest ^ flip);
  for (i = 0; i + 16 <= length; i += 16) {
    const uint64_t equal = nibbles(vceqq_u8(vld1q_u8(row + i), wanted));
    if (equal != 0) return (int32_t)i + __builtin_ctzll(equal) / 4;
  }
  while ((row[i] ^ flip) != greatest) ++i;
  return (int32_t)i;
}

void arg_rows_u8_neon(uint8_t flip, const uint8_t *src, size_t length, size_t count, int32_t *indices) {
  for (size_t r = 0; r < count; ++r, src += length) indices[r] = search_row_u8(flip, src, length);
}

/* `best` where a is NaN. */
LN_INLINE vf better(const int least, vf a, vf best) { return least ? vf_min(a, best) : vf_max(a, best); }

LN_INLINE float best_of(const int least, const float *row, size_t length) {
  vf best = vf_set(row[0]), best2 = best;
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    best = better(least, vf_load(row + i), best);
    best2 = better(least, vf_load(row + i + 4), best2);
  }
  best = better(least, best2, best);
  float found = least ? vminvq_f32(best) : vmaxvq_f32(best);
  for (; i < length; ++i) found = (least ? row[i] < found : row[i] > found) ? row[i] : found;
  return found;
}

LN_INLINE int32_t search_row_f32(const int least, const float *row, size_t length) {
  if (row[0] != row[0]) return 0;
  const float value = best_of(least, row, length);
  const vf wanted = vf_set(value);
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    const uint64_t equal = nibbles(vreinterpretq_u8_u32(vceqq_f32(vf_load(row + i), wanted)));
    if (equal != 0) return (int32_t)i + __builtin_ctzll(equal) / 16;
  }
  while (row[i] != value) ++i;
  return (int32_t)i;
}

void arg_rows_f32_neon(bool least, const float *src, size_t length, size_t count, int32_t *indices) {
  for (size_t r = 0; r < count; ++r, src += length) {
    indices[r] = least ? search_row_f32(1, src, length) : search_row_f32(0, src, length);
  }
}
