/* Reader and writer of protobuf's wire format (wire.h). */
#include "ir/wire.h"

#include <string.h>

bool ln_wire_varint(ln_wire *wire, uint64_t *out) {
  const uint8_t *at = wire->at;
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 70 && at < wire->end; shift += 7) {
    const uint8_t byte = *at++;
    if (shift < 64) value |= (uint64_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) != 0) continue;
    wire->at = at;
    *out = value;
    return true;
  }
  return false;
}

bool ln_wire_fixed(ln_wire *wire, size_t bytes, uint64_t *out) {
  uint64_t value = 0;
  if (ln_wire_left(wire) < bytes) return false;
  for (size_t i = 0; i < bytes; ++i) value |= (uint64_t)wire->at[i] << (8 * i);
  wire->at += bytes;
  *out = value;
  return true;
}

bool ln_wire_next(ln_wire *wire, ln_wire_field *out) {
  ln_wire from = *wire;
  uint64_t tag, length;
  if (!ln_wire_varint(&from, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return false;
  *out = (ln_wire_field){(uint32_t)(tag >> 3), (uint32_t)(tag & 7), 0, {from.at, from.at}};
  switch (out->kind) {
    case LN_WIRE_VARINT:
      if (!ln_wire_varint(&from, &out->value)) return false;
      break;
    case LN_WIRE_64:
      if (!ln_wire_fixed(&from, 8, &out->value)) return false;
      break;
    case LN_WIRE_32:
      if (!ln_wire_fixed(&from, 4, &out->value)) return false;
      break;
    case LN_WIRE_BYTES:
      if (!ln_wire_varint(&from, &length) || length > ln_wire_left(&from)) return false;
      out->bytes = (ln_wire){from.at, from.at + length};
      from.at += length;
      break;
    default: return false; /* groups */
  }
  *wire = from;
  return true;
}

bool ln_wire_find(ln_wire wire, uint32_t number, ln_wire_kind kind, ln_wire_field *out) {
  ln_wire_field field;
  bool found = false;
  while (ln_wire_next(&wire, &field)) {
    if (field.number != number || field.kind != (uint32_t)kind) continue;
    *out = field;
    found = true;
  }
  return found && wire.at == wire.end;
}

void ln_wire_text(ln_wire bytes, char *out, size_t capacity) {
  const size_t length = ln_wire_left(&bytes) < capacity - 1 ? ln_wire_left(&bytes) : capacity - 1;
  if (length > 0) memcpy(out, bytes.at, length);
  out[length] = '\0';
}

bool ln_wire_find_text(ln_wire message, uint32_t number, char *out, size_t capacity) {
  ln_wire_field found;
  out[0] = '\0';
  if (!ln_wire_find(message, number, LN_WIRE_BYTES, &found)) return false;
  ln_wire_text(found.bytes, out, capacity);
  return true;
}

bool ln_wire_is_well_formed(ln_wire wire) {
  ln_wire_field field;
  while (ln_wire_next(&wire, &field)) continue;
  return wire.at == wire.end;
}

bool ln_wire_walk(ln_wire_walker *w, uint64_t *out) {
  ln_wire_field field;
  for (;;) {
    if (w->packed.at < w->packed.end) {
      return w->kind == LN_WIRE_VARINT ? ln_wire_varint(&w->packed, out)
                                       : ln_wire_fixed(&w->packed, w->kind == LN_WIRE_64 ? 8 : 4, out);
    }
    if (!ln_wire_next(&w->message, &field)) return false;
    if (field.number != w->number) continue;
    if (field.kind == (uint32_t)w->kind) {
      *out = field.value;
      return true;
    }
    if (field.kind != LN_WIRE_BYTES) return false;
    w->packed = field.bytes;
  }
}

bool ln_wire_walk_bytes(ln_wire_walker *w, ln_wire_field *out) {
  while (ln_wire_next(&w->message, out)) {
    if (out->number == w->number && out->kind == LN_WIRE_BYTES) return true;
  }
  return false;
}

bool ln_wire_walked(const ln_wire_walker *w) {
  return w->packed.at == w->packed.end && w->message.at == w->message.end;
}

void ln_wire_put_varint(ln_bytes *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) ln_bytes_byte(out, (uint8_t)(value | 0x80));
  ln_bytes_byte(out, (uint8_t)value);
}

void ln_wire_put_number(ln_bytes *out, uint32_t number, uint64_t value) {
  if (value == 0) return;
  ln_wire_put_varint(out, (uint64_t)number << 3 | LN_WIRE_VARINT);
  ln_wire_put_varint(out, value);
}

void ln_wire_put_bytes(ln_bytes *out, uint32_t number, const void *data, size_t size) {
  ln_wire_put_varint(out, (uint64_t)number << 3 | LN_WIRE_BYTES);
  ln_wire_put_varint(out, size);
  ln_bytes_add(out, data, size);
}
