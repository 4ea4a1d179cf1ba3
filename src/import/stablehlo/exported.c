/*
 * Files of jax.export: a FlatBuffer (jax/_src/export) whose root table holds the program as portable bytecode, beside
 * what describes its arguments, which the program says as well.
 */
#include "import/stablehlo/mlir.h"

#include <string.h>

enum { MODULE = 13 }; /* the field's place in the root table */

typedef struct {
  const uint8_t *data;
  size_t size;
} ln_flat;

static bool number(ln_flat f, size_t at, size_t bytes, size_t *out) {
  uint64_t value = 0;
  if (at > f.size || f.size - at < bytes) return false;
  memcpy(&value, f.data + at, bytes);
  *out = (size_t)value;
  return true;
}

/* Where the field of a table lies; false when it has none. */
static bool field(ln_flat f, size_t table, size_t index, size_t *out) {
  size_t back, size, offset;
  if (!number(f, table, 4, &back)) return false;
  const int64_t vtable = (int64_t)table - (int32_t)(uint32_t)back;
  if (vtable < 0 || !number(f, (size_t)vtable, 2, &size) || 4 + 2 * index + 2 > size) return false;
  if (!number(f, (size_t)vtable + 4 + 2 * index, 2, &offset) || offset == 0) return false;
  *out = table + offset;
  return true;
}

bool ln_mlir_find_exported(const uint8_t *data, size_t size, const uint8_t **module, size_t *module_size) {
  const ln_flat f = {data, size};
  size_t root, place, offset;
  if (!number(f, 0, 4, &root) || !field(f, root, MODULE, &place) || !number(f, place, 4, &offset)) return false;
  if (offset > size - place || !number(f, place + offset, 4, module_size)) return false;
  const size_t begin = place + offset + 4;
  if (*module_size > size - begin) return false;
  *module = data + begin;
  return ln_mlir_is_bytecode(*module, *module_size);
}
