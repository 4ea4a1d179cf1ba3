/* Half floats with NEON, whose baseline converts them. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/rows.h"

void ln_f16_to_f32_neon(const uint16_t *in, float *out, size_t count) {
  uint16_t tail_in[4] = {0};
  float tail_out[4];
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(in + i));
    vst1q_f32(out + i, vcvt_f32_f16(vget_low_f16(halves)));
    vst1q_f32(out + i + 4, vcvt_high_f32_f16(halves));
  }
  while (i < count) {
    const size_t n = count - i < 4 ? count - i : 4;
    memcpy(tail_in, in + i, n * sizeof *in);
    vst1q_f32(tail_out, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(tail_in))));
    memcpy(out + i, tail_out, n * sizeof *out);
    i += n;
  }
}

void ln_f32_to_f16_neon(const float *in, uint16_t *out, size_t count) {
  float tail_in[4] = {0};
  uint16_t tail_out[4];
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const float16x4_t low = vcvt_f16_f32(vld1q_f32(in + i));
    vst1q_u16(out + i, vreinterpretq_u16_f16(vcvt_high_f16_f32(low, vld1q_f32(in + i + 4))));
  }
  while (i < count) {
    const size_t n = count - i < 4 ? count - i : 4;
    memcpy(tail_in, in + i, n * sizeof *in);
    vst1_u16(tail_out, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(tail_in))));
    memcpy(out + i, tail_out, n * sizeof *out);
    i += n;
  }
}
