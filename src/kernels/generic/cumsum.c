/* Running sums in plain C. Each element adds to the result before it, whole rows of `inner` side by side. */
#include "kernels/cumsum.h"

#include <stdint.h>

#define RUN_SUMS(type)                                                                             \
  {                                                                                                \
    const type *from = in;                                                                         \
    type *to = out;                                                                                \
    for (size_t o = 0; o < s->outer; ++o, from += s->length * s->inner, to += s->length * s->inner) { \
      for (size_t step = 0; step < s->length; ++step) {                                            \
        const size_t at = (s->reverse ? s->length - 1 - step : step) * s->inner;                   \
        const size_t before = s->reverse ? at + s->inner : at - s->inner;                          \
        for (size_t i = 0; i < s->inner; ++i) {                                                    \
          const type sum = step == 0 ? 0 : to[before + i];                                         \
          if (!s->exclusive) to[at + i] = sum + from[at + i];                                      \
          else to[at + i] = step == 0 ? 0 : sum + from[before + i];                                \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  break

void ln_k_cumsum(ln_type type, const ln_cumsum *s, const void *in, void *out) {
  switch (type) {
    case LN_FLOAT32: RUN_SUMS(float);
    case LN_INT64: RUN_SUMS(uint64_t);
    default: RUN_SUMS(uint32_t);
  }
}
