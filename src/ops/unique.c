/*
 * UNIQUE: the different values of a list in the order in which they first stand, and for each element the place of its
 * value among them. Values are found again by a hash table of twice the list's size.
 */
#include <string.h>

#include "ops/elementwise.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/strings.h"

typedef struct slot {
  int32_t first;  /* where the value first stands, counted from 1; 0 for a free slot */
  int32_t number; /* its place among the values */
} slot;

typedef struct unique_scan {
  slot *slots;
  size_t count; /* a power of two above the list's length */
} unique_scan;

static bool table_size(const ln_tensor *in, size_t *count, size_t *bytes) {
  *count = 2;
  while (*count / 2 < (size_t)in->shape.dims[0]) *count *= 2;
  return ln_size_mul(*count, sizeof(slot), bytes);
}

static bool is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16;
}

static double float_at(const ln_tensor *in, size_t bytes, size_t index) {
  double value = 0.0;
  ln_k_cast((const char *)in->data + index * bytes, ln_number_of(in->type), &value, LN_NUMBER_F64, 1);
  return value;
}

/* Floats are compared as numbers: both zeros are one value, and no NaN is like another. */
static bool is_same(const ln_tensor *in, size_t bytes, size_t a, size_t b) {
  if (is_float(in->type)) return float_at(in, bytes, a) == float_at(in, bytes, b);
  if (in->type == LN_STRING) {
    const ln_span x = ln_string_at(in, a), y = ln_string_at(in, b);
    return x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
  }
  return memcmp((const char *)in->data + a * bytes, (const char *)in->data + b * bytes, bytes) == 0;
}

static uint64_t hash_of(const ln_tensor *in, size_t bytes, size_t index) {
  uint64_t value = 0;
  if (in->type == LN_STRING) {
    const ln_span text = ln_string_at(in, index);
    for (size_t i = 0; i < text.size; ++i) value = (value ^ (uint8_t)text.data[i]) * UINT64_C(1099511628211);
  } else if (!is_float(in->type) || float_at(in, bytes, index) != 0.0) {
    memcpy(&value, (const char *)in->data + index * bytes, bytes);
  }
  value *= UINT64_C(0x9E3779B97F4A7C15);
  return value ^ (value >> 32);
}

/* Writes the values (of a fixed size) and the places of all elements, both of which may be NULL, and returns the number
 * of values. */
static int32_t scan(const ln_tensor *in, const unique_scan *table, char *values, ln_tensor *places) {
  const size_t bytes = ln_item_bytes(in);
  int32_t found = 0;
  memset(table->slots, 0, table->count * sizeof(slot));
  for (int32_t i = 0; i < in->shape.dims[0]; ++i) {
    size_t at = hash_of(in, bytes, (size_t)i) & (table->count - 1);
    while (table->slots[at].first != 0 && !is_same(in, bytes, (size_t)table->slots[at].first - 1, (size_t)i)) {
      at = (at + 1) & (table->count - 1);
    }
    slot *s = &table->slots[at];
    if (s->first == 0) {
      *s = (slot){i + 1, found++};
      if (values != NULL) memcpy(values + (size_t)s->number * bytes, (const char *)in->data + (size_t)i * bytes, bytes);
    }
    if (places == NULL) continue;
    if (places->type == LN_INT64) ((int64_t *)places->data)[i] = s->number;
    else ((int32_t *)places->data)[i] = s->number;
  }
  return found;
}

ln_status ln_unique_infer(ln_node *node, ln_error *err) {
  const ln_tensor *in = node->in[0];
  if (in->shape.rank != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be a list");
  LN_TRY(ln_node_set_shape(node, 1, &in->shape, err));
  unique_scan table;
  size_t bytes;
  ln_shape shape = in->shape;
  if (shape.dims[0] > 0) {
    if (in->data == NULL) return (ln_status)LN_INFER_LATER;
    LN_TRY(ln_node_check_strings(node, 0, err));
    table.slots = table_size(in, &table.count, &bytes) ? ln_alloc(bytes) : NULL;
    if (table.slots == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for a list of %d", shape.dims[0]);
    shape.dims[0] = scan(in, &table, NULL, NULL);
    ln_free(table.slots);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_unique_prepare(ln_node *node, ln_prep *prep) {
  size_t count;
  size_t table, list;
  const bool fits = table_size(node->in[0], &count, &table) && ln_size_mul(count, sizeof(int32_t), &list);
  if (fits && ln_size_add(table, node->in[0]->type == LN_STRING ? list : 0, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

typedef struct found_strings {
  const ln_tensor *in;
  const int32_t *firsts; /* where each value first stands */
} found_strings;

static ln_span found_string(const void *context, size_t i) {
  const found_strings *found = context;
  return ln_string_at(found->in, (size_t)found->firsts[i]);
}

/* Where each value first stands, behind the table in scratch. */
static const int32_t *first_places(const unique_scan *table, int32_t *firsts) {
  for (size_t i = 0; i < table->count; ++i) {
    if (table->slots[i].first != 0) firsts[table->slots[i].number] = table->slots[i].first - 1;
  }
  return firsts;
}

ln_status ln_unique_run(const ln_node *node, ln_exec *exec) {
  unique_scan table = {.slots = exec->scratch};
  size_t bytes;
  const ln_tensor *in = node->in[0];
  const bool strings = in->type == LN_STRING;
  (void)table_size(in, &table.count, &bytes);
  if (strings && in->shape.dims[0] > 0) LN_TRY(ln_node_check_strings(node, 0, exec->err));
  scan(in, &table, strings ? NULL : node->out[0]->data, node->out[1]);
  if (!strings) return LN_OK;
  const found_strings found = {in, first_places(&table, (int32_t *)(void *)((char *)exec->scratch + bytes))};
  return ln_node_give_strings(node, 0, &node->out[0]->shape, found_string, &found, exec->err);
}
