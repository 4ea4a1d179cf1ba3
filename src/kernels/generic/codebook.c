/* Elements by number (codebook.h) in plain C: a short stretch of numbers is unpacked, then looked up. */
#include "kernels/codebook.h"

enum { STRETCH = 64 };

static int32_t number_at(const uint8_t *numbers, size_t at, int32_t bits) {
  const size_t bit = at * (size_t)bits, end = bit + (size_t)bits;
  uint32_t two = (uint32_t)numbers[bit / 8] << 8;
  if ((end - 1) / 8 != bit / 8) two |= numbers[bit / 8 + 1];
  return (int32_t)(two >> (16 - bit % 8 - (size_t)bits) & ((1u << bits) - 1u));
}

static void unpack(const uint8_t *numbers, size_t first, size_t count, int32_t bits, uint8_t *out) {
  size_t i = 0;
  if (bits == 4 && first % 2 == 0) { /* in a form that compilers make vectors of */
    const uint8_t *pairs = numbers + first / 2;
    for (; i + 2 <= count; i += 2) {
      out[i] = pairs[i / 2] >> 4;
      out[i + 1] = pairs[i / 2] & 15;
    }
  }
  for (; i < count; ++i) out[i] = (uint8_t)number_at(numbers, first + i, bits);
}

#define LOOK_UP(type)                                                  \
  do {                                                                 \
    const type *from = values;                                         \
    type *to = out;                                                    \
    for (size_t i = 0; i < part; ++i) to[done + i] = from[stretch[i]]; \
  } while (0)

void ln_k_codebook_read(const uint8_t *numbers, size_t first, size_t count, int32_t bits, const void *values,
                        int32_t item, void *out) {
  uint8_t stretch[STRETCH];
  for (size_t done = 0; done < count; done += STRETCH) {
    const size_t part = count - done < STRETCH ? count - done : STRETCH;
    unpack(numbers, first + done, part, bits, stretch);
    if (item == 1) LOOK_UP(uint8_t);
    else if (item == 2) LOOK_UP(uint16_t);
    else if (item == 4) LOOK_UP(uint32_t);
    else LOOK_UP(uint64_t);
  }
}

int32_t ln_k_codebook_largest(const uint8_t *numbers, size_t first, size_t count, int32_t bits) {
  uint8_t stretch[STRETCH];
  int32_t largest = 0;
  for (size_t done = 0; done < count; done += STRETCH) {
    const size_t part = count - done < STRETCH ? count - done : STRETCH;
    unpack(numbers, first + done, part, bits, stretch);
    for (size_t i = 0; i < part; ++i) largest = stretch[i] > largest ? stretch[i] : largest;
  }
  return largest;
}

void ln_k_codebook_write(uint8_t *numbers, size_t at, int32_t bits, int32_t number) {
  const size_t bit = at * (size_t)bits;
  const uint32_t two = (uint32_t)number << (16 - bit % 8 - (size_t)bits);
  numbers[bit / 8] |= (uint8_t)(two >> 8);
  if ((two & 255) != 0) numbers[bit / 8 + 1] |= (uint8_t)two;
}
