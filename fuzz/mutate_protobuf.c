/* Fields of protobuf messages changed at any depth; the lengths around them follow. */
#include "mutate_sink.h"
#include "mutate_source.h"

enum { MOST_DEPTH = 24 };

typedef struct field {
  const uint8_t *at, *payload; /* the tag, and what follows it and the length */
  size_t whole, tag, size;     /* bytes of all, of the tag, of the payload */
  uint32_t wire;
} field;

static size_t read_varint(const uint8_t *at, const uint8_t *end, uint64_t *out) {
  *out = 0;
  for (size_t i = 0; i < 10 && at + i < end; ++i) {
    *out |= (uint64_t)(at[i] & 127) << (7 * i);
    if (at[i] < 128) return i + 1;
  }
  return 0;
}

static void put_varint(mutate_sink *sink, uint64_t value) {
  for (; value >= 128; value >>= 7) mutate_put(sink, &(uint8_t){(uint8_t)(value | 128)}, 1);
  mutate_put(sink, &(uint8_t){(uint8_t)value}, 1);
}

static bool read_field(const uint8_t *at, const uint8_t *end, field *out) {
  uint64_t tag, size = 0;
  const size_t tag_bytes = read_varint(at, end, &tag);
  if (tag_bytes == 0 || tag >> 3 == 0 || tag >> 3 > 4000) return false;
  *out = (field){.at = at, .payload = at + tag_bytes, .tag = tag_bytes, .wire = tag & 7};
  const size_t number = read_varint(out->payload, end, &size);
  if ((out->wire == 0 || out->wire == 2) && number == 0) return false;
  if (out->wire == 2) out->payload += number;
  if (out->wire == 0) size = number;
  if (out->wire == 1 || out->wire == 5) size = out->wire == 1 ? 8 : 4;
  if (out->wire == 3 || out->wire == 4 || out->wire > 5 || size > (size_t)(end - out->payload)) return false;
  out->size = (size_t)size;
  out->whole = (size_t)(out->payload - at) + out->size;
  return true;
}

/* How many fields there are; 0 for what is no message. */
static uint32_t count_fields(const uint8_t *data, size_t size) {
  uint32_t count = 0;
  field found;
  for (const uint8_t *at = data; at < data + size; at += found.whole, ++count) {
    if (!read_field(at, data + size, &found)) return 0;
  }
  return count;
}

static field field_at(const uint8_t *data, size_t size, uint32_t index) {
  field found = {0};
  const uint8_t *at = data;
  do {
    if (!read_field(at, data + size, &found)) break;
    at += found.whole;
  } while (index-- > 0);
  return found;
}

/* Any field of the file. */
static field any_field(const mutate_chance *chance, const uint8_t *data, size_t size) {
  for (int32_t depth = 0;; ++depth) {
    const field found = field_at(data, size, chance->random() % count_fields(data, size));
    if (depth == MOST_DEPTH || found.wire != 2 || count_fields(found.payload, found.size) == 0 ||
        chance->random() % 6 == 0) {
      return found;
    }
    data = found.payload;
    size = found.size;
  }
}

static void put_number(const mutate_chance *chance, mutate_sink *out) {
  static const uint64_t numbers[] = {0, 1, 2, 3, 7, 8, 16, 255, 65535, INT32_MAX, UINT32_MAX, INT64_MAX};
  const uint32_t pick = chance->random() % (3 * LN_COUNT(numbers));
  if (pick < LN_COUNT(numbers)) {
    put_varint(out, numbers[pick]);
  } else if (pick < 2 * LN_COUNT(numbers)) {
    put_varint(out, 0 - numbers[pick - LN_COUNT(numbers)]);
  } else {
    put_varint(out, chance->random() % 32);
  }
}

/* The same tag with other contents. */
static void put_other_value(const mutate_chance *chance, const field *was, mutate_sink *out) {
  mutate_put(out, was->at, was->tag);
  if (was->wire == 0) {
    put_number(chance, out);
  } else if (was->wire != 2) {
    for (size_t i = 0; i < was->size; ++i) mutate_put(out, &(uint8_t){(uint8_t)chance->random()}, 1);
  } else {
    mutate_sink bytes = mutate_sink_open(was->size + 16);
    mutate_put(&bytes, was->payload, was->size);
    const size_t size = bytes.failed ? 0 : chance->bytes(bytes.data, bytes.size, bytes.room);
    put_varint(out, size);
    mutate_put(out, bytes.data, size);
    ln_free(bytes.data);
  }
}

static void put_changed(const mutate_chance *chance, const uint8_t *file, size_t file_size, const field *was,
                        mutate_sink *out) {
  const uint32_t how = chance->random() % 8;
  field other = *was;
  for (int32_t i = 0; how < 4 && i < 50; ++i) { /* another of the same kind: the same tag rather than the same type */
    other = any_field(chance, file, file_size);
    if (other.wire == was->wire && (i > 40 || (other.tag == was->tag && memcmp(other.at, was->at, was->tag) == 0))) {
      break;
    }
  }
  if (how < 4 && other.wire == was->wire) {
    mutate_put(out, was->at, was->tag);
    if (was->wire == 2) put_varint(out, other.size);
    mutate_put(out, other.payload, other.size);
    if (how == 0) mutate_put(out, was->at, was->whole);
  } else if (how == 4) {
    if (chance->random() % 2 == 0) return; /* left out */
    mutate_put(out, was->at, was->whole);
    mutate_put(out, was->at, was->whole);
  } else {
    put_other_value(chance, was, out);
  }
}

static void rewrite(const mutate_chance *chance, const uint8_t *file, size_t file_size, const uint8_t *data,
                    size_t size, int32_t depth, mutate_sink *out) {
  const field was = field_at(data, size, chance->random() % count_fields(data, size));
  mutate_put(out, data, (size_t)(was.at - data));
  if (depth < MOST_DEPTH && was.wire == 2 && count_fields(was.payload, was.size) > 0 && chance->random() % 8 != 0) {
    mutate_sink inner = mutate_sink_open(out->room);
    rewrite(chance, file, file_size, was.payload, was.size, depth + 1, &inner);
    mutate_put(out, was.at, was.tag);
    put_varint(out, inner.size);
    mutate_put(out, inner.data, inner.size);
    out->failed = out->failed || inner.failed;
    ln_free(inner.data);
  } else {
    put_changed(chance, file, file_size, &was, out);
  }
  mutate_put(out, was.at + was.whole, size - (size_t)(was.at + was.whole - data));
}

size_t mutate_protobuf(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size) {
  if (count_fields(data, size) == 0) return 0;
  mutate_sink out = mutate_sink_open(max_size);
  rewrite(chance, data, size, data, size, 0, &out);
  return mutate_sink_close(&out, data);
}
