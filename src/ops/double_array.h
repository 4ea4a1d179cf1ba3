/*
 * Double-array tries as Darts-clone writes them (J. Aoe, 1989): units of 32 bits, which tokenizers' models hold. The
 * unit of a node gives its label, whether it has a value, and how far its children are; every step checks the place.
 */
#ifndef LN_OPS_DOUBLE_ARRAY_H
#define LN_OPS_DOUBLE_ARRAY_H

#include "ops/flat_table.h"

static inline uint32_t ln_trie_children(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

/* The child of a node by a byte; false, and *node stays, when there is none. The root is node 0. */
static inline bool ln_trie_step(ln_flat_vector units, uint32_t *node, uint8_t byte) {
  if (*node >= units.count) return false;
  const uint32_t next = *node ^ ln_trie_children(ln_flat_item(units, *node)) ^ byte;
  if (next >= units.count || (ln_flat_item(units, next) & 0x800000FF) != byte) return false;
  *node = next;
  return true;
}

static inline bool ln_trie_steps(ln_flat_vector units, uint32_t *node, ln_span bytes) {
  uint32_t at = *node;
  for (size_t i = 0; i < bytes.size; ++i) {
    if (!ln_trie_step(units, &at, (uint8_t)bytes.data[i])) return false;
  }
  *node = at;
  return true;
}

/* The value of the key that ends at a node. */
static inline bool ln_trie_value(ln_flat_vector units, uint32_t node, uint32_t *value) {
  if (node >= units.count) return false;
  const uint32_t unit = ln_flat_item(units, node);
  const uint32_t leaf = node ^ ln_trie_children(unit);
  if ((unit & 0x100) == 0 || leaf >= units.count) return false;
  *value = ln_flat_item(units, leaf) & 0x7FFFFFFF;
  return true;
}

/* The longest key that begins the text: its length, 0 for none. */
static inline size_t ln_trie_longest(ln_flat_vector units, ln_span text, uint32_t *value) {
  uint32_t node = 0, found;
  size_t length = 0;
  for (size_t i = 0; i < text.size && ln_trie_step(units, &node, (uint8_t)text.data[i]); ++i) {
    if (!ln_trie_value(units, node, &found)) continue;
    length = i + 1;
    *value = found;
  }
  return length;
}

#endif
