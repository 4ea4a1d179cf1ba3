/* Size arithmetic that says when it overflows. */
#include "base/base.h"

bool ln_size_mul(size_t a, size_t b, size_t *out) {
  size_t product;
  if (__builtin_mul_overflow(a, b, &product)) return false;
  *out = product;
  return true;
}

bool ln_size_add(size_t a, size_t b, size_t *out) {
  size_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return false;
  *out = sum;
  return true;
}

bool ln_size_product(const int32_t *dims, int32_t count, size_t *out) {
  size_t product = 1;
  bool zero = false; /* checked to the end all the same: [0, huge, huge] is as unreasonable as [1, huge, huge] */
  for (int32_t i = 0; i < count; ++i) {
    if (dims[i] < 0) return false;
    if (dims[i] == 0) zero = true;
    else if (!ln_size_mul(product, (size_t)dims[i], &product)) return false;
    if (product > PTRDIFF_MAX) return false;
  }
  *out = zero ? 0 : product;
  return true;
}

bool ln_size_align(size_t value, size_t alignment, size_t *out) {
  size_t raised;
  if (!ln_size_add(value, alignment - 1, &raised)) return false;
  *out = raised & ~(alignment - 1);
  return true;
}
