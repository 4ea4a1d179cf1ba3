/* A function of bytes by its table: 256 entries in sixteen registers, looked up 64 at a time. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/rows.h"

void ln_table_u8_neon(const uint8_t *table, const uint8_t *in, uint8_t *out, size_t count) {
  uint8x16x4_t quarter[4];
  for (int q = 0; q < 4; ++q) quarter[q] = vld1q_u8_x4(table + 64 * q);
  const uint8x16_t step = vdupq_n_u8(64);
  uint8_t tail[16] = {0};
  for (size_t i = 0; i < count; i += 16) {
    const size_t n = count - i < 16 ? count - i : 16;
    if (n < 16) memcpy(tail, in + i, n);
    /* An index beyond a quarter leaves what stood there; below it, it wraps far beyond. */
    uint8x16_t index = vld1q_u8(n < 16 ? tail : in + i);
    uint8x16_t found = vqtbl4q_u8(quarter[0], index);
    for (int q = 1; q < 4; ++q) {
      index = vsubq_u8(index, step);
      found = vqtbx4q_u8(found, quarter[q], index);
    }
    if (n < 16) {
      vst1q_u8(tail, found);
      memcpy(out + i, tail, n);
    } else {
      vst1q_u8(out + i, found);
    }
  }
}
