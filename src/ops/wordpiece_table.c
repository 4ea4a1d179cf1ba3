/*
 * TF Text's WordpieceTokenizeWithOffsets: words in the longest pieces that a lookup table of the vocabulary has, from
 * left to right.
 */
#include "kernels/utf8.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/table.h"
#include "ops/text_lists.h"

typedef struct pieces {
  const ln_hash_table *vocabulary;
  size_t longest; /* bytes of its longest key */
  ln_span suffix, unknown;
  int64_t most_bytes, most_characters; /* of a word; of a piece, 0 for any number */
  bool use_unknown, split_unknown;
  ln_text_list tokens;
  ln_number_list starts, limits;
} pieces;

static ln_status read_options(const ln_node *node, ln_error *err, pieces *p) {
  LN_TRY(ln_text_string(node, err, "suffix_indicator", &p->suffix));
  LN_TRY(ln_text_string(node, err, "unknown_token", &p->unknown));
  LN_TRY(ln_attr_int(node, err, "max_bytes_per_word", 0, INT32_MAX, &p->most_bytes));
  LN_TRY(ln_attr_int(node, err, "max_chars_per_token", 0, INT32_MAX, &p->most_characters));
  LN_TRY(ln_attr_bool(node, err, "use_unknown_token", &p->use_unknown));
  return ln_attr_bool(node, err, "split_unknown_characters", &p->split_unknown);
}

static ln_status open_vocabulary(const ln_node *node, ln_error *err, pieces *p) {
  ln_hash_table *table = NULL;
  LN_TRY(ln_host_find_hash_table(node, node->in[1], err, &table));
  if (!table->filled || table->keys.type != LN_STRING) {
    return ln_node_fail(node, err, LN_ERR_STATE, "the vocabulary is no table of strings that was filled");
  }
  const size_t count = ln_tensor_count(&table->keys);
  for (size_t i = 0; i < count; ++i) {
    const size_t size = ln_table_element(&table->keys, i).size;
    p->longest = size > p->longest ? size : p->longest;
  }
  p->vocabulary = table;
  return LN_OK;
}

static void add_piece(pieces *p, ln_span before, ln_span piece, size_t start, size_t limit) {
  ln_text_put(&p->tokens, before.data, before.size);
  ln_text_add(&p->tokens, piece);
  ln_number_add(&p->starts, (int64_t)start);
  ln_number_add(&p->limits, (int64_t)limit);
}

/* Where the longest piece from `start` on ends, which the vocabulary has after `before`; `start` itself for none. The
 * candidate stands behind the tokens while it is looked up. */
static size_t find_piece(pieces *p, ln_span word, ln_span before, size_t start) {
  size_t best = start, at = start;
  int64_t characters = 0;
  if (!ln_text_put(&p->tokens, before.data, before.size)) return start;
  while (at < word.size && (p->most_characters == 0 || characters < p->most_characters)) {
    const size_t from = at;
    ln_utf8_next(word, &at);
    ++characters;
    if (before.size + (at - start) > p->longest || !ln_text_put(&p->tokens, word.data + from, at - from)) break;
    if (ln_table_find(p->vocabulary, ln_text_open_tail(&p->tokens)) >= 0) best = at;
  }
  ln_text_drop_tail(&p->tokens, 0);
  return best;
}

/* A word that is no row of pieces is unknown as a whole. */
static void replace_word(pieces *p, ln_span word, size_t kept, size_t limit) {
  ln_text_list_cut(&p->tokens, kept);
  p->starts.count = p->limits.count = kept;
  add_piece(p, (ln_span){"", 0}, p->use_unknown ? p->unknown : word, 0, limit);
}

static void split_word(pieces *p, ln_span word) {
  const size_t kept = p->tokens.count;
  if (word.size > (uint64_t)p->most_bytes) { /* TensorFlow lets the unknown token's own length stand for its end */
    replace_word(p, word, kept, p->use_unknown ? p->unknown.size : word.size);
    return;
  }
  for (size_t start = 0; start < word.size && p->tokens.status == LN_OK;) {
    const ln_span before = start > 0 ? p->suffix : (ln_span){"", 0};
    size_t end = find_piece(p, word, before, start);
    const bool found = end > start;
    if (!found && !p->split_unknown) {
      replace_word(p, word, kept, word.size);
      return;
    }
    if (!found) ln_utf8_next(word, &end);
    const ln_span piece = {word.data + start, end - start};
    add_piece(p, before, found || !p->use_unknown ? piece : p->unknown, start, end);
    start = end;
  }
}

ln_status ln_wordpiece_table_run(const ln_node *node, ln_exec *exec) {
  static const char *const partitions[] = {"row_lengths", "row_splits"};
  const ln_number_list none = ln_number_list_make(node);
  pieces p = {.suffix = {"", 0}, .unknown = {"", 0}, .tokens = ln_text_list_make(node), .starts = none, .limits = none};
  ln_number_list rows = none;
  int32_t partition = 0;
  ln_texts texts;
  LN_TRY(read_options(node, exec->err, &p));
  LN_TRY(ln_attr_choice(node, exec->err, "output_row_partition_type", partitions, LN_COUNT(partitions), &partition));
  LN_TRY(open_vocabulary(node, exec->err, &p));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  if (partition == 1) ln_number_add(&rows, 0);
  for (size_t i = 0; i < texts.count && p.tokens.status == LN_OK; ++i) {
    const size_t before = p.tokens.count;
    split_word(&p, ln_texts_at(&texts, i));
    ln_number_add(&rows, (int64_t)(partition == 1 ? p.tokens.count : p.tokens.count - before));
  }
  ln_status status = ln_text_vector(&p.tokens, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&rows, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&p.starts, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&p.limits, 3, exec->err);
  ln_text_list_free(&p.tokens);
  ln_number_list_free(&rows);
  ln_number_list_free(&p.starts);
  ln_number_list_free(&p.limits);
  return status;
}
