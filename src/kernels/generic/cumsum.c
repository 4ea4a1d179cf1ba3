/* Running sums in plain C: each element adds to the sum before it; with an inner extent, whole rows do. */
#include "kernels/cumsum.h"

#include <stdint.h>

#define SUM_LINES(type)                                                                              \
  static void lines_##type(const ln_cumsum *s, const type *in, type *out) {                          \
    const ptrdiff_t step = s->reverse ? -1 : 1;                                                      \
    const ptrdiff_t first = s->reverse ? (ptrdiff_t)s->length - 1 : 0;                               \
    for (size_t o = 0; o < s->outer; ++o, in += s->length, out += s->length) {                       \
      type sum = 0;                                                                                  \
      ptrdiff_t at = first;                                                                          \
      for (size_t i = 0; i < s->length; ++i, at += step) {                                           \
        const type before = sum;                                                                     \
        sum += in[at];                                                                               \
        out[at] = s->exclusive ? before : sum;                                                       \
      }                                                                                              \
    }                                                                                                \
  }                                                                                                  \
  static void rows_##type(const ln_cumsum *s, const type *in, type *out) {                           \
    for (size_t o = 0; o < s->outer; ++o, in += s->length * s->inner, out += s->length * s->inner) { \
      for (size_t i = 0; i < s->length; ++i) {                                                       \
        const size_t at = (s->reverse ? s->length - 1 - i : i) * s->inner;                           \
        const size_t last = i == 0 ? at : s->reverse ? at + s->inner : at - s->inner;                \
        const type *add = s->exclusive ? in + last : in + at;                                        \
        for (size_t j = 0; j < s->inner; ++j) {                                                      \
          if (i == 0) out[at + j] = s->exclusive ? 0 : in[at + j];                                   \
          else out[at + j] = out[last + j] + add[j];                                                 \
        }                                                                                            \
      }                                                                                              \
    }                                                                                                \
  }

SUM_LINES(float)
SUM_LINES(double)
SUM_LINES(uint32_t)
SUM_LINES(uint64_t)

void ln_k_cumsum(ln_type type, const ln_cumsum *s, const void *in, void *out) {
  const bool lines = s->inner == 1;
  switch (type) {
    case LN_FLOAT32: (lines ? lines_float : rows_float)(s, in, out); break;
    case LN_FLOAT64: (lines ? lines_double : rows_double)(s, in, out); break;
    case LN_INT64: (lines ? lines_uint64_t : rows_uint64_t)(s, in, out); break;
    default: (lines ? lines_uint32_t : rows_uint32_t)(s, in, out); break;
  }
}
