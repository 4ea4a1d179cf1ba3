/* What reading and writing of checkpoints share: keys, shapes, slices, names of files (checkpoint.h). */
#include "ops/checkpoint.h"

#include <stdio.h>

ln_slice ln_slice_all(int32_t rank) {
  ln_slice slice = {rank, {0}, {0}};
  for (int32_t i = 0; i < LN_MAX_RANK; ++i) slice.length[i] = -1;
  return slice;
}

bool ln_slice_shape(const ln_slice *slice, const ln_shape *whole, ln_shape *out) {
  if (slice->rank != whole->rank) return false;
  *out = *whole;
  for (int32_t i = 0; i < whole->rank; ++i) {
    const int64_t start = slice->start[i], length = slice->length[i], dim = whole->dims[i];
    if (start < 0 || start > dim) return false;
    if (length == -1 && start == 0) continue;
    if (length < 0 || length > dim - start) return false;
    out->dims[i] = (int32_t)length;
  }
  return true;
}

static const ln_proto_field fields[LN_TYPE_COUNT] = {
    [LN_FLOAT32] = {5, LN_WIRE_32, 1, true},      [LN_FLOAT64] = {6, LN_WIRE_64, 1, true},
    [LN_INT32] = {7, LN_WIRE_VARINT, 1, true},    [LN_INT16] = {7, LN_WIRE_VARINT, 1, true},
    [LN_INT8] = {7, LN_WIRE_VARINT, 1, true},     [LN_UINT8] = {7, LN_WIRE_VARINT, 1, true},
    [LN_UINT16] = {7, LN_WIRE_VARINT, 1, true},   [LN_STRING] = {8, LN_WIRE_BYTES, 1, true},
    [LN_COMPLEX64] = {9, LN_WIRE_32, 2, true},    [LN_INT64] = {10, LN_WIRE_VARINT, 1, true},
    [LN_BOOL] = {11, LN_WIRE_VARINT, 1, true},    [LN_COMPLEX128] = {12, LN_WIRE_64, 2, true},
    [LN_FLOAT16] = {13, LN_WIRE_VARINT, 1, true}, [LN_BFLOAT16] = {13, LN_WIRE_VARINT, 1, false},
    [LN_UINT32] = {16, LN_WIRE_VARINT, 1, false}, [LN_UINT64] = {17, LN_WIRE_VARINT, 1, false},
};

const ln_proto_field *ln_proto_field_of(ln_type type) {
  return (uint32_t)type < LN_TYPE_COUNT && fields[type].number != 0 ? &fields[type] : NULL;
}

/* ---- OrderedCode: bytes that sort as the values do ---- */

static void put_ordered(ln_bytes *out, uint64_t value) {
  uint8_t bytes[8];
  int32_t count = 0;
  for (; value > 0; value >>= 8) bytes[count++] = (uint8_t)value;
  ln_bytes_byte(out, (uint8_t)count);
  while (count > 0) ln_bytes_byte(out, bytes[--count]);
}

static void put_ordered_text(ln_bytes *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const uint8_t byte = (uint8_t)text[i];
    ln_bytes_byte(out, byte);
    if (byte == 0x00) ln_bytes_byte(out, 0xFF);
    if (byte == 0xFF) ln_bytes_byte(out, 0x00);
  }
  ln_bytes_add(out, "\0\1", 2);
}

/* In n bytes: n leading ones, a zero, and the number in the 7 * n - 1 bits that are left; all bits of a negative one
 * are inverted. */
static void put_ordered_signed(ln_bytes *out, int64_t value) {
  const uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
  int32_t count = 1;
  while (count < 10 && 7 * count - 1 < 64 && magnitude >> (7 * count - 1) != 0) ++count;
  uint8_t bytes[10] = {0};
  uint64_t rest = magnitude;
  for (int32_t i = count - 1; i >= 0; --i, rest >>= 8) bytes[i] = (uint8_t)rest;
  for (int32_t i = 0; i < count; ++i) bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
  for (int32_t i = 0; i < count; ++i) ln_bytes_byte(out, value < 0 ? (uint8_t)~bytes[i] : bytes[i]);
}

void ln_checkpoint_put_key(ln_bytes *out, const char *name, size_t name_size, const ln_slice *slice) {
  put_ordered(out, 0); /* so that the header, under the empty key, comes first */
  put_ordered_text(out, name, name_size);
  put_ordered(out, (uint64_t)slice->rank);
  for (int32_t i = 0; i < slice->rank; ++i) {
    put_ordered_signed(out, slice->start[i]);
    put_ordered_signed(out, slice->length[i]);
  }
}

/* ---- messages ---- */

void ln_checkpoint_put_shape(ln_bytes *out, uint32_t field, const ln_shape *shape) {
  ln_bytes dims = {0}, dim = {0};
  for (int32_t i = 0; i < shape->rank; ++i) {
    dim.size = 0;
    ln_wire_put_number(&dim, 1, (uint64_t)shape->dims[i]);
    ln_wire_put_bytes(&dims, 2, dim.data, dim.size);
  }
  out->failed = out->failed || dims.failed || dim.failed;
  ln_wire_put_bytes(out, field, dims.data, dims.size);
  ln_bytes_free(&dims);
  ln_bytes_free(&dim);
}

void ln_checkpoint_put_slice(ln_bytes *out, uint32_t field, const ln_slice *slice) {
  ln_bytes extents = {0}, extent = {0};
  for (int32_t i = 0; i < slice->rank; ++i) {
    extent.size = 0;
    ln_wire_put_number(&extent, 1, (uint64_t)slice->start[i]);
    if (slice->length[i] >= 0) { /* one of its kinds: written when it is zero too */
      ln_wire_put_varint(&extent, 2 << 3 | LN_WIRE_VARINT);
      ln_wire_put_varint(&extent, (uint64_t)slice->length[i]);
    }
    ln_wire_put_bytes(&extents, 1, extent.data, extent.size);
  }
  out->failed = out->failed || extents.failed || extent.failed;
  ln_wire_put_bytes(out, field, extents.data, extents.size);
  ln_bytes_free(&extents);
  ln_bytes_free(&extent);
}

bool ln_checkpoint_get_slice(ln_wire message, int32_t rank, ln_slice *out) {
  ln_slice slice = ln_slice_all(rank);
  ln_wire_field extent, field;
  int32_t count = 0;
  while (ln_wire_next(&message, &extent)) {
    if (extent.number != 1 || extent.kind != LN_WIRE_BYTES) continue;
    if (count == rank || !ln_wire_is_well_formed(extent.bytes)) return false;
    if (ln_wire_find(extent.bytes, 1, LN_WIRE_VARINT, &field)) slice.start[count] = (int64_t)field.value;
    if (ln_wire_find(extent.bytes, 2, LN_WIRE_VARINT, &field)) slice.length[count] = (int64_t)field.value;
    ++count;
  }
  *out = slice;
  return count == rank && ln_wire_left(&message) == 0;
}

bool ln_checkpoint_shard_path(const char *path, int32_t shard, int32_t count, char out[LN_CHECKPOINT_PATH_MAX]) {
  const int length = snprintf(out, LN_CHECKPOINT_PATH_MAX, "%s.data-%05d-of-%05d", path, (int)shard, (int)count);
  return length > 0 && length < LN_CHECKPOINT_PATH_MAX;
}
