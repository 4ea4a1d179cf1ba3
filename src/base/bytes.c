/* Bytes that grow at their end. */
#include <string.h>

#include "base/base.h"

static bool grow(ln_bytes *bytes, size_t wanted) {
  size_t capacity = bytes->capacity < 64 ? 64 : bytes->capacity;
  while (capacity < wanted) {
    if (!ln_size_mul(capacity, 2, &capacity)) return false;
  }
  uint8_t *data = ln_realloc_array(bytes->data, bytes->capacity, capacity, 1);
  if (data == NULL) return false;
  bytes->data = data;
  bytes->capacity = capacity;
  return true;
}

void ln_bytes_add(ln_bytes *bytes, const void *data, size_t size) {
  size_t wanted;
  if (bytes->failed || size == 0) return;
  if (!ln_size_add(bytes->size, size, &wanted) || (wanted > bytes->capacity && !grow(bytes, wanted))) {
    bytes->failed = true;
    return;
  }
  memcpy(bytes->data + bytes->size, data, size);
  bytes->size = wanted;
}

void ln_bytes_byte(ln_bytes *bytes, uint8_t value) { ln_bytes_add(bytes, &value, 1); }

void ln_bytes_free(ln_bytes *bytes) {
  ln_free(bytes->data);
  *bytes = (ln_bytes){0};
}
