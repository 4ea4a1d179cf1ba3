/* Strided movement in plain C: runs of memcpy, blocked transposes of small items, and a loop for the rest. */
#include "kernels/copy.h"

#include <string.h>

#include "kernels/kernels.h"

typedef unsigned char byte;

static void remove_dim(ln_copy_plan *plan, int32_t at) {
  --plan->rank;
  for (int32_t i = at; i < plan->rank; ++i) {
    plan->dims[i] = plan->dims[i + 1];
    plan->src_strides[i] = plan->src_strides[i + 1];
    plan->dst_strides[i] = plan->dst_strides[i + 1];
  }
}

/* Insertion sort, outermost in the destination first. */
static void sort_dims(ln_copy_plan *plan) {
  for (int32_t i = 1; i < plan->rank; ++i) {
    const size_t extent = plan->dims[i];
    const ptrdiff_t src = plan->src_strides[i];
    const ptrdiff_t dst = plan->dst_strides[i];
    int32_t j = i;
    for (; j > 0 && plan->dst_strides[j - 1] < dst; --j) {
      plan->dims[j] = plan->dims[j - 1];
      plan->src_strides[j] = plan->src_strides[j - 1];
      plan->dst_strides[j] = plan->dst_strides[j - 1];
    }
    plan->dims[j] = extent;
    plan->src_strides[j] = src;
    plan->dst_strides[j] = dst;
  }
}

void ln_k_copy_simplify(ln_copy_plan *plan) {
  for (int32_t i = plan->rank - 1; i >= 0; --i) {
    if (plan->dims[i] == 0) { /* nothing to move */
      plan->rank = 0;
      plan->item_bytes = 0;
      return;
    }
    if (plan->dims[i] == 1) remove_dim(plan, i);
  }
  sort_dims(plan);
  for (int32_t i = plan->rank - 2; i >= 0; --i) {
    const ptrdiff_t extent = (ptrdiff_t)plan->dims[i + 1];
    if (plan->dst_strides[i] != plan->dst_strides[i + 1] * extent) continue;
    if (plan->src_strides[i] != plan->src_strides[i + 1] * extent) continue;
    plan->dims[i + 1] *= plan->dims[i];
    remove_dim(plan, i);
  }
  const int32_t last = plan->rank - 1;
  if (last >= 0 && plan->src_strides[last] == (ptrdiff_t)plan->item_bytes &&
      plan->dst_strides[last] == (ptrdiff_t)plan->item_bytes) {
    plan->item_bytes *= plan->dims[last];
    --plan->rank;
  }
}

size_t ln_k_copy_bytes(const ln_copy_plan *plan) {
  size_t bytes = plan->item_bytes;
  for (int32_t i = 0; i < plan->rank; ++i) bytes *= plan->dims[i];
  return bytes;
}

/* A fixed size lets the compiler turn memcpy into one load and one store, whatever the alignment. */
#define ROW_LOOP(bytes) \
  for (size_t i = 0; i < count; ++i, src += src_stride, dst += dst_stride) memcpy(dst, src, bytes)

static void copy_row(size_t item, size_t count, const byte *src, ptrdiff_t src_stride, byte *dst,
                     ptrdiff_t dst_stride) {
  switch (item) {
    case 1: ROW_LOOP(1); break;
    case 2: ROW_LOOP(2); break;
    case 4: ROW_LOOP(4); break;
    case 8: ROW_LOOP(8); break;
    case 12: ROW_LOOP(12); break;
    case 16: ROW_LOOP(16); break;
    case 32: ROW_LOOP(32); break;
    default: ROW_LOOP(item); break;
  }
}

/* In tiles whose both sides stay in the first-level cache. */
#define TRANSPOSE_TILES(bytes, tile)                                                                 \
  for (size_t r0 = 0; r0 < rows; r0 += tile) {                                                       \
    const size_t r1 = rows - r0 < tile ? rows : r0 + tile;                                           \
    for (size_t c0 = 0; c0 < columns; c0 += tile) {                                                  \
      const size_t width = columns - c0 < tile ? columns - c0 : tile;                                \
      for (size_t r = r0; r < r1; ++r) {                                                             \
        const byte *from = (const byte *)src + (ptrdiff_t)c0 * src_stride + r * bytes;               \
        byte *to = (byte *)dst + (ptrdiff_t)r * dst_stride + c0 * bytes;                             \
        for (size_t c = 0; c < width; ++c, from += src_stride, to += bytes) memcpy(to, from, bytes); \
      }                                                                                              \
    }                                                                                                \
  }

ln_transpose_fn transpose_x8_generic, transpose_x32_generic;

void transpose_x8_generic(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                          ptrdiff_t dst_stride) {
  TRANSPOSE_TILES(1, 64)
}

void transpose_x32_generic(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                           ptrdiff_t dst_stride) {
  TRANSPOSE_TILES(4, 16)
}

static void transpose(size_t item, size_t rows, size_t columns, const byte *src, ptrdiff_t src_stride, byte *dst,
                      ptrdiff_t dst_stride) {
  switch (item) {
    case 1: LN_KERNEL_OF(transpose, x8)(rows, columns, src, src_stride, dst, dst_stride); break;
    case 2: TRANSPOSE_TILES(2, 32) break;
    case 4: LN_KERNEL_OF(transpose, x32)(rows, columns, src, src_stride, dst, dst_stride); break;
    case 8: TRANSPOSE_TILES(8, 16) break;
    default: TRANSPOSE_TILES(16, 8) break;
  }
}

static int is_small(size_t item) { return item == 1 || item == 2 || item == 4 || item == 8 || item == 16; }

/* The dimension along which the source is contiguous when that is not the innermost; -1 when there is none. */
static int32_t transposed_dim(const ln_copy_plan *plan) {
  const int32_t last = plan->rank - 1;
  if (!is_small(plan->item_bytes) || plan->dst_strides[last] != (ptrdiff_t)plan->item_bytes) return -1;
  for (int32_t i = last - 1; i >= 0; --i) {
    if (plan->src_strides[i] == (ptrdiff_t)plan->item_bytes && plan->dims[i] > 1) return i;
  }
  return -1;
}

void ln_k_copy_run(const ln_copy_plan *plan, const void *src_data, void *dst_data) {
  if (plan->item_bytes == 0) return;
  if (plan->rank == 0) {
    memcpy(dst_data, src_data, plan->item_bytes);
    return;
  }
  const byte *src = src_data;
  byte *dst = dst_data;
  const int32_t last = plan->rank - 1;
  const int32_t across = transposed_dim(plan);
  size_t index[LN_COPY_MAX_RANK] = {0};
  for (;;) {
    if (across >= 0) {
      transpose(plan->item_bytes, plan->dims[across], plan->dims[last], src, plan->src_strides[last], dst,
                plan->dst_strides[across]);
    } else {
      copy_row(plan->item_bytes, plan->dims[last], src, plan->src_strides[last], dst, plan->dst_strides[last]);
    }
    int32_t i = last - 1;
    for (; i >= 0; --i) {
      if (i == across) continue;
      src += plan->src_strides[i];
      dst += plan->dst_strides[i];
      if (++index[i] < plan->dims[i]) break;
      src -= plan->src_strides[i] * (ptrdiff_t)plan->dims[i];
      dst -= plan->dst_strides[i] * (ptrdiff_t)plan->dims[i];
      index[i] = 0;
    }
    if (i < 0) return;
  }
}

void ln_k_fill(void *dst, const void *item, size_t item_bytes, size_t count) {
  const byte *value = item;
  byte *out = dst;
  if (count == 0) return;
  int uniform = 1;
  for (size_t i = 1; i < item_bytes; ++i) uniform &= value[i] == value[0];
  if (uniform) {
    memset(out, value[0], item_bytes * count);
    return;
  }
  copy_row(item_bytes, count, value, 0, out, (ptrdiff_t)item_bytes);
}
