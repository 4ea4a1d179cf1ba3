/*
 * FlatBuffers of other schemas than .tflite's, which models of tokenizers carry in a tensor: fields by number, every
 * offset checked when it is followed. Data need not be aligned.
 */
#ifndef LN_OPS_FLAT_TABLE_H
#define LN_OPS_FLAT_TABLE_H

#include <string.h>

#include "kernels/utf8.h"
#include "ops/ops.h"

typedef struct ln_flat_table {
  const uint8_t *data;
  size_t size;
  size_t at; /* where the table stands */
} ln_flat_table;

/* A vector of fixed-size items, unaligned. */
typedef struct ln_flat_vector {
  const uint8_t *items;
  size_t count;
} ln_flat_vector;

static inline uint32_t ln_flat_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint32_t ln_flat_item(ln_flat_vector vector, size_t index) {
  return ln_flat_u32(vector.items + 4 * index);
}
static inline float ln_flat_float(ln_flat_vector vector, size_t index) {
  const uint32_t bits = ln_flat_item(vector, index);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

bool ln_flat_open(const void *data, size_t size, ln_flat_table *out);
/* Scalars; the default when the field is absent. */
uint32_t ln_flat_get_u32(const ln_flat_table *table, int32_t field, uint32_t otherwise);
bool ln_flat_get_bool(const ln_flat_table *table, int32_t field, bool otherwise);
/* An absent vector or string is empty; false for a broken one. */
bool ln_flat_get_vector(const ln_flat_table *table, int32_t field, size_t item_bytes, ln_flat_vector *out);
bool ln_flat_get_string(const ln_flat_table *table, int32_t field, ln_span *out);
/* The string at `index` of a vector of strings (4 bytes an item). */
bool ln_flat_string_at(const ln_flat_table *table, ln_flat_vector strings, size_t index, ln_span *out);
/* A table; false when it is absent or broken. */
bool ln_flat_get_table(const ln_flat_table *table, int32_t field, ln_flat_table *out);

#endif
