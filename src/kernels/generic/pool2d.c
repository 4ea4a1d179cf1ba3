/* Pooling in plain C. Channels go by blocks, so that a window's sums stay in registers. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/quant.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/pool2d.def"
#undef LN_KERNEL

enum { BLOCK = 16 };

/* Visits the pixels of every window: `start` once a block of channels, `step` for each pixel, `finish` at the end. */
#define FOR_EACH_WINDOW(row, type, start, step, finish)                                                       \
  do {                                                                                                        \
    const ptrdiff_t channels_ = (row)->channels;                                                              \
    for (int32_t x_ = 0; x_ < (row)->out_w; ++x_) {                                                           \
      int32_t begin_, end_;                                                                                   \
      ln_pool2d_columns((row), x_, &begin_, &end_);                                                           \
      for (ptrdiff_t c_ = 0; c_ < channels_; c_ += BLOCK) {                                                   \
        const int32_t n = channels_ - c_ < BLOCK ? (int32_t)(channels_ - c_) : BLOCK;                         \
        const int64_t count = (int64_t)(end_ - begin_) * (row)->rows;                                         \
        type *out = (type *)(row)->out + x_ * channels_ + c_;                                                 \
        (void)count;                                                                                          \
        start for (int32_t y_ = 0; y_ < (row)->rows; ++y_) {                                                  \
          const type *in = (const type *)(row)->in + ((ptrdiff_t)y_ * (row)->in_w + begin_) * channels_ + c_; \
          for (int32_t k_ = begin_; k_ < end_; ++k_, in += channels_) step                                    \
        }                                                                                                     \
        finish                                                                                                \
      }                                                                                                       \
    }                                                                                                         \
  } while (0)

void pool2d_average_f32_generic(const ln_pool2d_row *row, float low, float high) {
  FOR_EACH_WINDOW(
      row, float, float sum[BLOCK] = {0};
      ,
      {
        for (int32_t i = 0; i < n; ++i) sum[i] += in[i];
      },
      for (int32_t i = 0; i < n; ++i) out[i] = ln_clamp_f32(sum[i] / (float)count, low, high););
}

void pool2d_max_f32_generic(const ln_pool2d_row *row, float low, float high) {
  FOR_EACH_WINDOW(
      row, float, float best[BLOCK]; for (int32_t i = 0; i < BLOCK; ++i) best[i] = -3.402823466e+38f;
      ,
      {
        for (int32_t i = 0; i < n; ++i) best[i] = best[i] < in[i] ? in[i] : best[i];
      },
      for (int32_t i = 0; i < n; ++i) out[i] = ln_clamp_f32(best[i], low, high););
}

void ln_k_pool2d_l2_f32(const ln_pool2d_row *row, float low, float high) {
  FOR_EACH_WINDOW(
      row, float, float sum[BLOCK] = {0};
      ,
      {
        for (int32_t i = 0; i < n; ++i) sum[i] += in[i] * in[i];
      },
      for (int32_t i = 0; i < n; ++i) out[i] = ln_clamp_f32(sqrtf(sum[i] / (float)count), low, high););
}

static int32_t rounded_mean(int64_t sum, int64_t count) {
  return (int32_t)(sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count);
}

#define INTEGER_POOLS(suffix, type, least)                                                                     \
  void pool2d_average_##suffix##_generic(const ln_pool2d_row *row, int32_t low, int32_t high) {                \
    FOR_EACH_WINDOW(                                                                                           \
        row, type, int64_t sum[BLOCK] = {0};                                                                   \
        ,                                                                                                      \
        {                                                                                                      \
          for (int32_t i = 0; i < n; ++i) sum[i] += in[i];                                                     \
        },                                                                                                     \
        for (int32_t i = 0; i < n; ++i) out[i] = (type)ln_clamp_i32(rounded_mean(sum[i], count), low, high);); \
  }                                                                                                            \
  void pool2d_max_##suffix##_generic(const ln_pool2d_row *row, int32_t low, int32_t high) {                    \
    FOR_EACH_WINDOW(                                                                                           \
        row, type, type best[BLOCK]; for (int32_t i = 0; i < BLOCK; ++i) best[i] = (least);                    \
        ,                                                                                                      \
        {                                                                                                      \
          for (int32_t i = 0; i < n; ++i) best[i] = best[i] < in[i] ? in[i] : best[i];                         \
        },                                                                                                     \
        for (int32_t i = 0; i < n; ++i) out[i] = (type)ln_clamp_i32(best[i], low, high););                     \
  }

INTEGER_POOLS(i8, int8_t, INT8_MIN)
INTEGER_POOLS(u8, uint8_t, 0)
INTEGER_POOLS(i16, int16_t, INT16_MIN)
