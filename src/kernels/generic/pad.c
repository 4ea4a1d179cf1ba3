/* Padding in plain C: every output byte is written once, in order. */
#include "kernels/pad.h"

#include <string.h>

#include "kernels/copy.h"

typedef unsigned char byte;

void ln_k_pad_simplify(ln_pad_plan *plan) {
  for (int32_t i = plan->rank - 1; i > 0; --i) {
    if (plan->before[i] != 0 || plan->after[i] != 0) continue;
    const size_t inner = plan->dims[i];
    plan->dims[i - 1] *= inner;
    plan->before[i - 1] *= inner;
    plan->after[i - 1] *= inner;
    --plan->rank;
    for (int32_t j = i; j < plan->rank; ++j) {
      plan->dims[j] = plan->dims[j + 1];
      plan->before[j] = plan->before[j + 1];
      plan->after[j] = plan->after[j + 1];
    }
  }
}

void ln_k_pad_strides(ln_pad_plan *plan) {
  size_t src = plan->item_bytes;
  size_t dst = plan->item_bytes;
  for (int32_t i = plan->rank - 1; i >= 0; --i) {
    plan->src_rows[i] = src;
    plan->dst_rows[i] = dst;
    src *= plan->dims[i];
    dst *= plan->before[i] + plan->dims[i] + plan->after[i];
  }
}

static void fill_bytes(const ln_pad_plan *plan, byte *dst, const void *value, size_t bytes) {
  if (bytes > 0) ln_k_fill(dst, value, plan->item_bytes, bytes / plan->item_bytes);
}

enum { CHUNK = 16, SHORT_ROW = 512 };

/* At least CHUNK bytes that do not overlap, the last of them twice where they are no multiple of it. */
static inline void copy_chunks(byte *dst, const byte *src, size_t bytes) {
  for (size_t i = 0; i + CHUNK <= bytes; i += CHUNK) memcpy(dst + i, src + i, CHUNK);
  memcpy(dst + bytes - CHUNK, src + bytes - CHUNK, CHUNK);
}

/* Whole items of the padding, which `pattern` repeats. */
static inline void fill_chunks(byte *dst, const byte *pattern, size_t bytes, size_t item) {
  if (bytes < CHUNK) {
    for (size_t i = 0; i < bytes; i += item) memcpy(dst + i, pattern, item);
    return;
  }
  for (size_t i = 0; i + CHUNK <= bytes; i += CHUNK) memcpy(dst + i, pattern, CHUNK);
  memcpy(dst + bytes - CHUNK, pattern, CHUNK);
}

/* Short rows of the innermost dimension, where calls for each would take longer than moving them. */
static bool pad_short_rows(const ln_pad_plan *plan, const byte *src, byte *dst, const void *value, size_t rows) {
  const int32_t dim = plan->rank - 1;
  const size_t item = plan->item_bytes;
  const size_t before = plan->before[dim] * item, bytes = plan->dims[dim] * item, after = plan->after[dim] * item;
  byte pattern[CHUNK];
  if (bytes < CHUNK || before + bytes + after > SHORT_ROW || CHUNK % item != 0) return false;
  for (size_t i = 0; i < CHUNK; i += item) memcpy(pattern + i, value, item);
  for (size_t i = 0; i < rows; ++i, src += bytes) {
    fill_chunks(dst, pattern, before, item);
    copy_chunks(dst + before, src, bytes);
    fill_chunks(dst + before + bytes, pattern, after, item);
    dst += before + bytes + after;
  }
  return true;
}

/* Indices [begin, end) of `dim`; src and dst stand at index 0 of the input and of the output. */
static void pad_dim(const ln_pad_plan *plan, int32_t dim, const byte *src, byte *dst, const void *value, size_t begin,
                    size_t end) {
  const size_t row = plan->dst_rows[dim];
  const size_t from = plan->before[dim];
  const size_t to = from + plan->dims[dim];
  if (begin < from) fill_bytes(plan, dst + begin * row, value, ((end < from ? end : from) - begin) * row);
  const size_t first = begin > from ? begin : from;
  const size_t last = end < to ? end : to;
  if (first < last && dim == plan->rank - 1) {
    memcpy(dst + first * row, src + (first - from) * row, (last - first) * row);
  } else if (first >= last || dim != plan->rank - 2 ||
             !pad_short_rows(plan, src + (first - from) * plan->src_rows[dim], dst + first * row, value,
                             last - first)) {
    for (size_t i = first; i < last; ++i) {
      const size_t inner = plan->before[dim + 1] + plan->dims[dim + 1] + plan->after[dim + 1];
      pad_dim(plan, dim + 1, src + (i - from) * plan->src_rows[dim], dst + i * row, value, 0, inner);
    }
  }
  const size_t tail = begin > to ? begin : to;
  if (tail < end) fill_bytes(plan, dst + tail * row, value, (end - tail) * row);
}

void ln_k_pad(const ln_pad_plan *plan, const void *src, void *dst, const void *value, size_t begin, size_t end) {
  pad_dim(plan, 0, src, dst, value, begin, end);
}

/* Fills the inside first; the borders are then copies of finished rows. */
static void mirror_dim(const ln_pad_plan *plan, int32_t dim, const byte *src, byte *dst, size_t edge) {
  const size_t row = plan->dst_rows[dim];
  const size_t before = plan->before[dim];
  const size_t extent = plan->dims[dim];
  byte *inside = dst + before * row;
  if (dim == plan->rank - 1) {
    if (extent > 0) memcpy(inside, src, extent * row);
  } else {
    for (size_t i = 0; i < extent; ++i) {
      mirror_dim(plan, dim + 1, src + i * plan->src_rows[dim], inside + i * row, edge);
    }
  }
  for (size_t i = 0; i < before; ++i) memcpy(dst + i * row, inside + (before - 1 - i + edge) * row, row);
  for (size_t i = 0; i < plan->after[dim]; ++i) {
    memcpy(inside + (extent + i) * row, inside + (extent - 1 - i - edge) * row, row);
  }
}

void ln_k_mirror_pad(const ln_pad_plan *plan, const void *src, void *dst, size_t edge) {
  mirror_dim(plan, 0, src, dst, edge);
}
