/* Transposes of every tier against plain C: every edge of the blocks, gaps between rows, negative strides. */
#include "support/kernel_harness.h"

static ln_transpose_fn *slot_of(const ln_kernels *table, size_t item) {
  return item == 1 ? table->transpose.x8 : table->transpose.x32;
}

static void check_one(ln_kt *t, size_t item, size_t rows, size_t columns, size_t gap, bool backward) {
  ln_kt_case(t, "rows=%zu columns=%zu gap=%zu backward=%d", rows, columns, gap, (int)backward);
  const size_t src_row = (rows + gap) * item, dst_row = (columns + gap) * item;
  const size_t src_bytes = src_row * (columns - 1) + rows * item, dst_bytes = dst_row * rows;
  uint8_t *src = ln_kt_input(t, src_bytes);
  uint8_t *want = ln_kt_output(t, dst_bytes, 0), *got = ln_kt_output(t, dst_bytes, 1);
  ln_kt_fill_u8(t, src, src_bytes, LN_KT_RANDOM);
  for (size_t i = 0; i < dst_bytes; ++i) want[i] = got[i] = 0x5A; /* the gaps stay as they are */
  const uint8_t *first = backward ? src + src_row * (columns - 1) : src;
  const ptrdiff_t stride = backward ? -(ptrdiff_t)src_row : (ptrdiff_t)src_row;
  slot_of(t->generic, item)(rows, columns, first, stride, want, (ptrdiff_t)dst_row);
  slot_of(t->tested, item)(rows, columns, first, stride, got, (ptrdiff_t)dst_row);
  ln_kt_equal(t, got, want, dst_bytes);
}

static void check_all(ln_kt *t, size_t item) {
  static const size_t extents[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70};
  for (size_t r = 0; r < LN_COUNT(extents); ++r) {
    for (size_t c = 0; c < LN_COUNT(extents); ++c) {
      check_one(t, item, extents[r], extents[c], (r + c) % 3, (r + c) % 2 != 0);
    }
  }
}

static void check_x8(ln_kt *t) { check_all(t, 1); }
static void check_x32(ln_kt *t) { check_all(t, 4); }

static const ln_kt_check checks[] = {{"x8", check_x8}, {"x32", check_x32}};
int main(int argc, char **argv) { return ln_kt_main(argc, argv, "transpose", checks, LN_COUNT(checks)); }
