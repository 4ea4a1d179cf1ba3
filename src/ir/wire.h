/*
 * Protobuf's wire format (protobuf.dev/programming-guides/encoding): what NodeDef options and TensorFlow's checkpoints
 * are written in. Read in place, every length checked; written into bytes that grow.
 */
#ifndef LN_WIRE_H
#define LN_WIRE_H

#include "base/base.h"

/* A message's bytes. */
typedef struct ln_wire {
  const uint8_t *at, *end;
} ln_wire;

typedef enum ln_wire_kind { LN_WIRE_VARINT = 0, LN_WIRE_64 = 1, LN_WIRE_BYTES = 2, LN_WIRE_32 = 5 } ln_wire_kind;

typedef struct ln_wire_field {
  uint32_t number;
  uint32_t kind;
  uint64_t value; /* varints and fixed numbers */
  ln_wire bytes;
} ln_wire_field;

static inline ln_wire ln_wire_of(const void *data, size_t size) {
  return (ln_wire){data, size == 0 ? (const uint8_t *)data : (const uint8_t *)data + size};
}
static inline size_t ln_wire_left(const ln_wire *wire) { return (size_t)(wire->end - wire->at); }

/* Each advances past what it reads; false, without advancing, when the bytes are broken or end. */
bool ln_wire_varint(ln_wire *wire, uint64_t *out);
bool ln_wire_fixed(ln_wire *wire, size_t bytes, uint64_t *out);
/* The next field; false at the end too. */
bool ln_wire_next(ln_wire *wire, ln_wire_field *out);
/* The last field `number` of that kind, as protobuf has it; false when there is none or the message is broken. */
bool ln_wire_find(ln_wire wire, uint32_t number, ln_wire_kind kind, ln_wire_field *out);
/* Bytes as a text, cut to what `out` holds with the null byte. */
void ln_wire_text(ln_wire bytes, char *out, size_t capacity);
/* The same of field `number`; "" and false when there is none. */
bool ln_wire_find_text(ln_wire message, uint32_t number, char *out, size_t capacity);
bool ln_wire_is_well_formed(ln_wire wire);

/* Walks the items of one field of a message, numbers one by one or packed, or bytes. */
typedef struct ln_wire_walker {
  ln_wire message, packed;
  uint32_t number;
  ln_wire_kind kind; /* of an item */
} ln_wire_walker;

bool ln_wire_walk(ln_wire_walker *w, uint64_t *out);
bool ln_wire_walk_bytes(ln_wire_walker *w, ln_wire_field *out);
/* Nothing is left that could not be read. */
bool ln_wire_walked(const ln_wire_walker *w);

void ln_wire_put_varint(ln_bytes *out, uint64_t value);
/* A field that is a number; nothing for zero, which is every number's default. */
void ln_wire_put_number(ln_bytes *out, uint32_t number, uint64_t value);
void ln_wire_put_bytes(ln_bytes *out, uint32_t number, const void *data, size_t size);

#endif
