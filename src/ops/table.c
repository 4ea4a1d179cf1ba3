/* See ops/table.h. */
#include "ops/table.h"

#include <string.h>

#include "ops/elementwise.h"
#include "ops/strings.h"

enum { MOST_KEYS = 1 << 28 };

ln_span ln_table_element(const ln_tensor *tensor, size_t index) {
  if (tensor->type == LN_STRING) return ln_string_at(tensor, index);
  const size_t bytes = ln_type_bytes(tensor->type);
  return (ln_span){(const char *)tensor->data + index * bytes, bytes};
}

static size_t count_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

static uint64_t hash_of(ln_span key) { /* FNV-1a, its high bits folded down */
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < key.size; ++i) hash = (hash ^ (uint8_t)key.data[i]) * UINT64_C(1099511628211);
  return hash ^ (hash >> 32);
}

static bool same(ln_span a, ln_span b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int32_t ln_table_find(const ln_hash_table *table, ln_span key) {
  const int32_t *slots = table->slots.data;
  if (slots == NULL || table->entries == 0) return -1;
  const size_t mask = table->slots.bytes / sizeof *slots - 1;
  for (size_t slot = hash_of(key) & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
    if (same(ln_table_element(&table->keys, (size_t)slots[slot] - 1), key)) return slots[slot] - 1;
  }
  return -1;
}

/*
 * A table being made: of each entry, where its key and its value come from, as places in the old table or, past its
 * entries, among what is added.
 */
typedef struct remake {
  const ln_hash_table *old;
  const ln_tensor *keys, *values; /* that are added; NULL: none */
  uint32_t *key_from, *value_from;
  size_t count, old_count;
  int32_t *slots;
  size_t mask;
} remake;

static ln_span key_of(const remake *r, size_t from) {
  return from < r->old_count ? ln_table_element(&r->old->keys, from) : ln_table_element(r->keys, from - r->old_count);
}

static ln_span value_of(const remake *r, size_t from, size_t row, size_t at) {
  const bool is_old = from < r->old_count;
  return ln_table_element(is_old ? &r->old->values : r->values, (is_old ? from : from - r->old_count) * row + at);
}

/* The slot of a key, or the empty one where it goes; there is always an empty one. */
static int32_t *slot_of(const remake *r, ln_span key) {
  for (size_t slot = hash_of(key) & r->mask;; slot = (slot + 1) & r->mask) {
    if (r->slots[slot] == 0 || same(key_of(r, r->key_from[r->slots[slot] - 1]), key)) return &r->slots[slot];
  }
}

static void add(remake *r, int32_t *slot, size_t from) {
  r->key_from[r->count] = r->value_from[r->count] = (uint32_t)from;
  *slot = (int32_t)++r->count;
}

static ln_status begin(const ln_node *node, remake *r, size_t added, ln_tensor *slots, ln_error *err) {
  size_t count = 4, bytes;
  r->old_count = (size_t)r->old->entries;
  if (added > MOST_KEYS || r->old_count + added > MOST_KEYS) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu keys are too many", added);
  }
  while (count < 2 * (r->old_count + added)) count *= 2;
  bytes = 2 * (r->old_count + added + 1) * sizeof(uint32_t); /* bounded: by MOST_KEYS */
  LN_TRY(ln_host_check_room(node, bytes, err));
  LN_TRY(ln_host_keep(node, slots, count * sizeof(int32_t), err)); /* bounded: likewise */
  r->key_from = ln_alloc(bytes);
  if (r->key_from == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  r->value_from = r->key_from + r->old_count + added + 1;
  r->slots = slots->data;
  r->mask = count - 1;
  memset(r->slots, 0, slots->bytes);
  return LN_OK;
}

/* What a gathered tensor holds at an element. */
typedef ln_span (*element_fn)(const remake *r, size_t index, size_t row);

static ln_span new_key(const remake *r, size_t index, size_t row) {
  (void)row;
  return key_of(r, r->key_from[index]);
}

static ln_span new_value(const remake *r, size_t index, size_t row) {
  return value_of(r, r->value_from[index / row], row, index % row);
}

static ln_status gather(const ln_node *node, const remake *r, element_fn at, size_t row, ln_type type, ln_tensor *out,
                        ln_error *err) {
  const size_t item = ln_type_bytes(type);
  size_t count, bytes, head = 0;
  bool fits = ln_size_mul(r->count, row, &count) && count < INT32_MAX / sizeof(int32_t) - 2;
  if (fits && type == LN_STRING) head = bytes = (count + 2) * sizeof(int32_t);
  else fits = fits && ln_size_mul(count, item, &bytes);
  for (size_t i = 0; fits && type == LN_STRING && i < count; ++i) {
    fits = ln_size_add(bytes, at(r, i, row).size, &bytes) && bytes <= INT32_MAX;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_LIMIT, "the table takes too much memory");
  LN_TRY(ln_host_keep(node, out, bytes, err));
  int32_t *header = out->data;
  size_t end = head;
  if (type == LN_STRING) header[0] = (int32_t)count;
  for (size_t i = 0; i < count; ++i) {
    const ln_span one = at(r, i, row);
    if (type == LN_STRING) header[i + 1] = (int32_t)end;
    if (one.size > 0) memcpy((char *)out->data + end, one.data, one.size);
    end += one.size;
  }
  if (type == LN_STRING) header[count + 1] = (int32_t)end;
  out->type = type;
  out->shape = (ln_shape){1, {(int32_t)count}};
  return LN_OK;
}

/* The new tensors take the old ones' places; or, when they could not be made, go. */
static ln_status finish(const ln_node *node, remake *r, ln_hash_table *table, ln_tensor *slots, size_t row,
                        ln_status status, ln_error *err) {
  ln_tensor keys = {.name = table->keys.name, .quant = table->keys.quant}, values = keys;
  const ln_type key_type = r->keys != NULL ? r->keys->type : table->keys.type;
  const ln_type value_type = r->values != NULL ? r->values->type : table->values.type;
  if (status == LN_OK) status = gather(node, r, new_key, 1, key_type, &keys, err);
  if (status == LN_OK) status = gather(node, r, new_value, row, value_type, &values, err);
  ln_free(r->key_from);
  if (status != LN_OK) {
    ln_host_drop(node, &keys);
    ln_host_drop(node, &values);
    ln_host_drop(node, slots);
    return status;
  }
  ln_host_drop(node, &table->keys);
  ln_host_drop(node, &table->values);
  ln_host_drop(node, &table->slots);
  table->keys = keys;
  table->values = values;
  table->slots = *slots;
  table->entries = (int64_t)r->count;
  table->filled = true;
  return LN_OK;
}

static bool same_values(const remake *r, size_t a, size_t b, size_t row) {
  for (size_t i = 0; i < row; ++i) {
    if (!same(value_of(r, a, row, i), value_of(r, b, row, i))) return false;
  }
  return true;
}

ln_status ln_table_insert(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, const ln_tensor *values,
                          size_t row, ln_table_rule rule, ln_error *err) {
  remake r = {.old = table, .keys = keys, .values = values};
  ln_tensor slots = {.name = table->keys.name, .quant = table->keys.quant};
  const size_t added = count_of(keys);
  ln_status status = begin(node, &r, added, &slots, err);
  for (size_t i = 0; status == LN_OK && i < r.old_count; ++i) add(&r, slot_of(&r, key_of(&r, i)), i);
  for (size_t i = 0; status == LN_OK && i < added; ++i) {
    const size_t from = r.old_count + i;
    int32_t *slot = slot_of(&r, key_of(&r, from));
    if (*slot == 0) {
      add(&r, slot, from);
      continue;
    }
    uint32_t *value = &r.value_from[*slot - 1];
    if (rule == LN_TABLE_LAST_COUNTS) *value = (uint32_t)from;
    else if (rule == LN_TABLE_MUST_AGREE && !same_values(&r, *value, from, row)) {
      status = ln_node_fail(node, err, LN_ERR_DATA, "key %zu stands twice, with different values", i);
    }
  }
  return finish(node, &r, table, &slots, row, status, err);
}

ln_status ln_table_remove(const ln_node *node, ln_hash_table *table, const ln_tensor *keys, size_t row, ln_error *err) {
  remake r = {.old = table};
  ln_tensor slots = {.name = table->keys.name, .quant = table->keys.quant};
  const size_t count = count_of(keys);
  size_t bytes = (size_t)table->entries + 1; /* bounded: by MOST_KEYS */
  LN_TRY(ln_host_check_room(node, bytes, err));
  bool *gone = ln_alloc_zero(bytes);
  if (gone == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (size_t i = 0; i < count; ++i) {
    const int32_t place = ln_table_find(table, ln_table_element(keys, i));
    if (place >= 0) gone[place] = true;
  }
  const ln_status status = begin(node, &r, 0, &slots, err);
  for (size_t i = 0; status == LN_OK && i < r.old_count; ++i) {
    if (!gone[i]) add(&r, slot_of(&r, key_of(&r, i)), i);
  }
  ln_free(gone);
  return finish(node, &r, table, &slots, row, status, err);
}
