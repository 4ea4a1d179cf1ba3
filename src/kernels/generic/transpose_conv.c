/* Transposed convolutions in plain C. */
#include "kernels/transpose_conv.h"

/* The kernel columns of input pixel x that fall inside the output: [*from, *to). */
static int32_t columns(const ln_tconv_line *s, int32_t x, int32_t *from, int32_t *to) {
  const int64_t first = (int64_t)x * s->stride - s->pad;
  *from = first < 0 ? (-first < s->kernel_w ? (int32_t)-first : s->kernel_w) : 0;
  *to = first + s->kernel_w > s->out_w ? (first < s->out_w ? (int32_t)(s->out_w - first) : 0) : s->kernel_w;
  return (int32_t)(first < -INT32_MAX ? 0 : (first > INT32_MAX ? 0 : first));
}

#define ADD_PARTS(type, unsigned_type)                                                                         \
  for (int32_t x = 0; x < s->in_w; ++x) {                                                                      \
    int32_t from, to;                                                                                          \
    const int32_t first = columns(s, x, &from, &to);                                                           \
    if (from >= to) continue;                                                                                  \
    const type *source = part + ((ptrdiff_t)x * s->kernel_w + from) * s->out_c;                                \
    type *sums = line + ((ptrdiff_t)first + from) * s->out_c;                                                  \
    const ptrdiff_t count = (ptrdiff_t)(to - from) * s->out_c;                                                 \
    for (ptrdiff_t i = 0; i < count; ++i) sums[i] = (type)((unsigned_type)sums[i] + (unsigned_type)source[i]); \
  }

void ln_k_tconv_add_f32(const ln_tconv_line *s, const float *part, float *line) { ADD_PARTS(float, float) }

void ln_k_tconv_add_i32(const ln_tconv_line *s, const int32_t *part, int32_t *line) { ADD_PARTS(int32_t, uint32_t) }

void ln_k_tconv_line_i16(const ln_tconv_line *s, int32_t in_c, const int16_t *pixels, const int8_t *weights,
                         int64_t *line) {
  for (int32_t x = 0; x < s->in_w; ++x, pixels += in_c) {
    int32_t from, to;
    const int32_t first = columns(s, x, &from, &to);
    for (int32_t kx = from; kx < to; ++kx) {
      const int8_t *w = weights + (ptrdiff_t)kx * s->out_c * in_c;
      int64_t *sums = line + ((ptrdiff_t)first + kx) * s->out_c;
      for (int32_t c = 0; c < s->out_c; ++c, w += in_c) {
        int64_t sum = 0;
        for (int32_t i = 0; i < in_c; ++i) sum += (int32_t)pixels[i] * w[i];
        sums[c] += sum;
      }
    }
  }
}
