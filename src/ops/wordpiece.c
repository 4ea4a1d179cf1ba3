/*
 * TF Text's FastWordpieceTokenizeWithOffsets and FastWordpieceDetokenize. The model is a FlatBuffer with a trie of all
 * pieces and, for each node, what matching fails over to: the tokens that are then certain and the node that stands for
 * the rest (X. Song et al., "Fast WordPiece Tokenization", EMNLP 2021).
 */
#include "kernels/unicode.h"
#include "ops/double_array.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

enum { NO_NODE = -1 };

typedef struct wordpiece_model {
  ln_flat_table table;
  ln_flat_vector trie, failures, pops, suffix_result; /* failures: link and pops of each node */
  uint32_t suffix_root, punctuation_node, max_bytes, unknown_id;
  ln_span suffix, unknown;
  bool splits_words, detokenizes;
} wordpiece_model;

static ln_status open_model(const ln_node *node, int32_t input, ln_error *err, wordpiece_model *m) {
  const ln_tensor *tensor = node->in[input];
  ln_flat_table *t = &m->table;
  if (tensor->data == NULL || !ln_flat_open(tensor->data, tensor->bytes, t) || !ln_flat_get_vector(t, 0, 4, &m->trie) ||
      !ln_flat_get_vector(t, 1, 8, &m->failures) || !ln_flat_get_vector(t, 2, 4, &m->pops) ||
      !ln_flat_get_string(t, 5, &m->suffix) || !ln_flat_get_string(t, 6, &m->unknown) ||
      !ln_flat_get_vector(t, 8, 4, &m->suffix_result)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" is no WordPiece model", tensor->name);
  }
  m->suffix_root = ln_flat_get_u32(t, 3, 0);
  m->max_bytes = ln_flat_get_u32(t, 4, 0);
  m->unknown_id = ln_flat_get_u32(t, 7, 0);
  m->punctuation_node = ln_flat_get_u32(t, 9, 0);
  m->splits_words = ln_flat_get_bool(t, 10, false);
  m->detokenizes = ln_flat_get_bool(t, 11, false);
  return LN_OK;
}

/* ---- tokenizing ---- */

typedef struct tokenizer {
  wordpiece_model model;
  ln_text_list pieces;
  ln_number_list ids, splits, starts, ends;
  bool broken; /* the model contradicts itself */
} tokenizer;

/* A word while it is matched. */
typedef struct word {
  ln_span text;  /* from the word's first byte on */
  size_t offset; /* of that byte in the whole text */
  size_t done;   /* bytes that tokens were made of */
  uint32_t node;
  size_t kept; /* tokens that stand before it */
} word;

static bool add_token(tokenizer *t, ln_span before, ln_span piece, uint32_t id, size_t start, size_t end) {
  return ln_text_put(&t->pieces, before.data, before.size) && ln_text_add(&t->pieces, piece) &&
         ln_number_add(&t->ids, id) && ln_number_add(&t->starts, (int64_t)start) &&
         ln_number_add(&t->ends, (int64_t)end);
}

/* An encoded token: bit 30 a suffix, bits 8 to 29 the id, bits 0 to 7 the length less one. */
static bool add_encoded(tokenizer *t, word *w, uint32_t token) {
  const wordpiece_model *m = &t->model;
  const ln_span none = {"", 0};
  const uint32_t id = (token & 0x3FFFFF00) >> 8;
  size_t length = (token & 0xFF) + 1;
  if (w->done == 0 && (token >> 30 & 1) != 0) length += m->suffix.size;
  if (length > w->text.size - w->done) {
    t->broken = true;
    return false;
  }
  const ln_span piece = {w->text.data + w->done, length};
  const bool fits = add_token(t, w->done > 0 ? m->suffix : none, id == m->unknown_id ? m->unknown : piece, id,
                              w->offset + w->done, w->offset + w->done + length);
  w->done += length;
  return fits;
}

static void cut(tokenizer *t, size_t count) {
  ln_text_list_cut(&t->pieces, count);
  t->ids.count = t->starts.count = t->ends.count = count;
}

static void add_unknown(tokenizer *t, word *w, size_t size) {
  const ln_span none = {"", 0};
  cut(t, w->kept);
  add_token(t, none, t->model.unknown, t->model.unknown_id, w->offset, w->offset + size);
}

/* Falls back to the node of the rest; false when there is none. Each call makes a token, of at least a byte. */
static bool fall_back(tokenizer *t, word *w) {
  const wordpiece_model *m = &t->model;
  uint32_t token;
  if (w->node >= m->failures.count) {
    t->broken = true;
    return false;
  }
  const uint32_t link = ln_flat_u32(m->failures.items + 8 * (size_t)w->node);
  if (ln_trie_value(m->trie, w->node, &token)) {
    if (!add_encoded(t, w, token)) return false;
  } else {
    const uint32_t list = ln_flat_u32(m->failures.items + 8 * (size_t)w->node + 4);
    const size_t first = list >> 8, end = first + (list & 0xFF) + 1;
    if (link == (uint32_t)NO_NODE) return false;
    t->broken = t->broken || end > m->pops.count;
    for (size_t i = first; i < end && !t->broken; ++i) {
      if (!add_encoded(t, w, ln_flat_item(m->pops, i))) return false;
    }
  }
  w->node = link;
  return !t->broken;
}

/* The word is all there: what is matched must fall into tokens, or the whole word is unknown. */
static void finish_word(tokenizer *t, word *w) {
  const wordpiece_model *m = &t->model;
  if (w->node == 0) return;
  if (w->node == m->suffix_root && w->done == 0) { /* the word is the suffix mark itself */
    const bool unknown =
        m->suffix_result.count == 1 && (ln_flat_item(m->suffix_result, 0) & 0x3FFFFF00) >> 8 == m->unknown_id;
    if (unknown) add_unknown(t, w, w->text.size);
    for (size_t i = 0; !unknown && i < m->suffix_result.count; ++i) {
      if (!add_encoded(t, w, ln_flat_item(m->suffix_result, i))) return;
    }
    return;
  }
  while (w->node != m->suffix_root && w->node != m->punctuation_node) {
    if (fall_back(t, w)) continue;
    if (!t->broken) add_unknown(t, w, w->text.size);
    return;
  }
}

static word start_word(const tokenizer *t, ln_span text, size_t offset) {
  const word w = {{text.data + offset, text.size - offset}, offset, 0, 0, t->ids.count};
  return w;
}

static void tokenize_word(tokenizer *t, ln_span text) {
  word w = start_word(t, text, 0);
  if (text.size == 0) return;
  if (text.size > t->model.max_bytes) {
    add_unknown(t, &w, text.size);
    return;
  }
  for (size_t i = 0; i < text.size; ++i) {
    while (!ln_trie_step(t->model.trie, &w.node, (uint8_t)text.data[i])) {
      if (fall_back(t, &w)) continue;
      if (!t->broken) add_unknown(t, &w, text.size);
      return;
    }
  }
  finish_word(t, &w);
}

/* ---- text of many words ---- */

/* BERT's notion: Unicode's punctuation, all of ASCII's signs, and every CJK character a word of its own. */
static bool is_separator(int32_t c) {
  const bool cjk = (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
                   (c >= 0x2A700 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
  return cjk || (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126) ||
         (c >= 0 && ln_unicode_is_punctuation((uint32_t)c));
}

static bool is_space(int32_t c) { return c >= 0 && ln_unicode_is_space((uint32_t)c); }

/* Passes the rest of a word and one space; gives the word's end. */
static size_t skip_word(ln_span text, size_t *at) {
  size_t end = *at;
  while (*at < text.size) {
    size_t next = *at;
    const int32_t c = ln_utf8_next(text, &next);
    if (is_space(c)) {
      *at = next;
      return end;
    }
    if (is_separator(c)) return end;
    end = *at = next;
  }
  return end;
}

/* Matches characters while the word's trie takes them. Leaves `at` before the first that it does not take, `next`
 * behind it. */
static void match_word(tokenizer *t, word *w, ln_span text, size_t *at, size_t *next, int32_t *previous, int32_t *c) {
  size_t bytes = 0;
  while (*at < text.size) {
    *previous = *c;
    *next = *at;
    *c = ln_utf8_next(text, next);
    const ln_span step = {text.data + *at, *next - *at};
    if (bytes + step.size > t->model.max_bytes) return;
    while (!ln_trie_steps(t->model.trie, &w->node, step)) {
      if (!fall_back(t, w)) return;
    }
    bytes += step.size;
    *at = *next;
  }
}

static void tokenize_text(tokenizer *t, ln_span text) {
  size_t at = 0, next = 0;
  int32_t c = -1, previous = -1;
  while (at < text.size && !t->broken) {
    word w = start_word(t, text, at);
    match_word(t, &w, text, &at, &next, &previous, &c);
    if (t->broken) return;
    if (at >= text.size) {
      finish_word(t, &w);
      return;
    }
    if (is_space(c) || is_separator(c) || (at > 0 && is_separator(previous))) {
      w.text.size = at - w.offset;
      finish_word(t, &w);
      t->broken = t->broken || (at == w.offset && !is_space(c)); /* a sign that the trie lacks: no way on */
      if (is_space(c)) at = next;
      continue;
    }
    at = next;
    const size_t end = skip_word(text, &at);
    add_unknown(t, &w, end - w.offset);
  }
}

ln_status ln_wordpiece_run(const ln_node *node, ln_exec *exec) {
  ln_error *err = exec->err;
  tokenizer t = {.pieces = ln_text_list_make(node),
                 .ids = ln_number_list_make(node),
                 .splits = ln_number_list_make(node),
                 .starts = ln_number_list_make(node),
                 .ends = ln_number_list_make(node)};
  ln_texts texts;
  ln_status status;
  LN_TRY(ln_texts_open(node, 0, err, &texts));
  LN_TRY(open_model(node, 1, err, &t.model));
  bool fits = ln_number_add(&t.splits, 0);
  for (size_t i = 0; i < texts.count && fits && !t.broken; ++i) {
    if (t.model.splits_words) tokenize_text(&t, ln_texts_at(&texts, i));
    else tokenize_word(&t, ln_texts_at(&texts, i));
    fits = ln_number_add(&t.splits, (int64_t)t.ids.count);
  }
  /* A token that found no memory looks like one that the model lacks: the lists below say which it was. */
  const bool whole = t.pieces.status == LN_OK && t.ids.status == LN_OK && t.starts.status == LN_OK &&
                     t.ends.status == LN_OK && t.splits.status == LN_OK;
  if (t.broken && whole) {
    status = ln_node_fail(node, err, LN_ERR_DATA, "the WordPiece model contradicts itself");
    goto out;
  }
  status = ln_text_vector(&t.pieces, 0, err);
  if (status == LN_OK) status = ln_number_vector(&t.ids, 1, err);
  if (status == LN_OK) status = ln_number_vector(&t.splits, 2, err);
  if (status == LN_OK) status = ln_number_vector(&t.starts, 3, err);
  if (status == LN_OK) status = ln_number_vector(&t.ends, 4, err);
out:
  ln_text_list_free(&t.pieces);
  ln_number_list_free(&t.ids);
  ln_number_list_free(&t.splits);
  ln_number_list_free(&t.starts);
  ln_number_list_free(&t.ends);
  return status;
}

/* ---- back to text ---- */

static ln_status put_row(const ln_node *node, const wordpiece_model *m, ln_flat_vector words, ln_flat_vector suffixes,
                         size_t first, size_t end, ln_text_list *out, ln_error *err) {
  for (size_t i = first; i < end; ++i) {
    const int64_t id = ln_number_at(node->in[0], i);
    ln_span piece;
    if (id < 0 || (uint64_t)id >= suffixes.count || !ln_flat_string_at(&m->table, words, (size_t)id, &piece)) {
      return ln_node_fail(node, err, LN_ERR_DATA, "token %lld is not in the vocabulary", (long long)id);
    }
    const bool is_suffix = suffixes.items[id] != 0;
    if (!is_suffix && i > first) ln_text_put_byte(out, ' ');
    if (is_suffix && i == first) ln_text_put(out, m->suffix.data, m->suffix.size);
    ln_text_put(out, piece.data, piece.size);
  }
  ln_text_end(out);
  return LN_OK;
}

ln_status ln_wordpiece_detokenize_run(const ln_node *node, ln_exec *exec) {
  wordpiece_model m;
  ln_flat_vector words, suffixes;
  ln_text_list out = ln_text_list_make(node);
  size_t rows;
  LN_TRY(open_model(node, 2, exec->err, &m));
  LN_TRY(ln_splits_check(node, 1, ln_tensor_count(node->in[0]), exec->err, &rows));
  if (!m.detokenizes || !ln_flat_get_vector(&m.table, 12, 4, &words) ||
      !ln_flat_get_vector(&m.table, 13, 1, &suffixes)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "the model was built without detokenization");
  }
  ln_status status = LN_OK;
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    status = put_row(node, &m, words, suffixes, (size_t)ln_number_at(node->in[1], i),
                     (size_t)ln_number_at(node->in[1], i + 1), &out, exec->err);
  }
  if (status == LN_OK) status = ln_text_vector(&out, 0, exec->err);
  ln_text_list_free(&out);
  return status;
}

/* ---- BERT's normalization ---- */

typedef struct normalizer {
  ln_flat_vector trie, pool;
  uint32_t zero; /* what stands for U+0000 */
  bool offsets;
} normalizer;

/* Bit 30: the character changes; bits 6 to 29: where its text stands in the pool; bits 0 to 5: how long that is. */
static bool changed(const normalizer *n, ln_span character, ln_span *into, bool *broken) {
  uint32_t node = 0, data = 0;
  if (character.data[0] == 0) data = n->zero;
  else if (!ln_trie_steps(n->trie, &node, character) || !ln_trie_value(n->trie, node, &data)) return false;
  if ((data & 0x40000000) == 0) return false;
  const size_t length = data & 0x3F, offset = (data & 0x3FFFFFC0) >> 6;
  *broken = *broken || (length > 0 && (offset > n->pool.count || length > n->pool.count - offset));
  *into = (ln_span){(const char *)n->pool.items + (*broken ? 0 : offset), *broken ? 0 : length};
  return true;
}

static bool normalize(const normalizer *n, ln_span text, ln_text_list *out, ln_number_list *offsets) {
  bool broken = false;
  for (size_t at = 0; at < text.size;) {
    const size_t next = ln_utf8_skip(text, at);
    const ln_span character = {text.data + at, next - at};
    ln_span into;
    const bool change = changed(n, character, &into, &broken);
    if (!change) into = character;
    ln_text_put(out, into.data, into.size);
    for (size_t i = 0; n->offsets && i < into.size; ++i) ln_number_add(offsets, (int64_t)(change ? at : at + i));
    at = next;
  }
  ln_text_end(out);
  if (n->offsets) ln_number_add(offsets, (int64_t)text.size);
  return !broken;
}

ln_status ln_bert_normalize_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *model = node->in[1];
  normalizer n = {.offsets = false};
  ln_flat_table table;
  ln_texts texts;
  ln_text_list out = ln_text_list_make(node);
  ln_number_list offsets = ln_number_list_make(node), splits = ln_number_list_make(node);
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_text_bool(node, exec->err, "get_offsets", &n.offsets));
  if (model->data == NULL || !ln_flat_open(model->data, model->bytes, &table) ||
      !ln_flat_get_vector(&table, 1, 4, &n.trie) || !ln_flat_get_vector(&table, 3, 1, &n.pool)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "\"%.100s\" is no model of a BERT normalizer", model->name);
  }
  n.zero = ln_flat_get_u32(&table, 2, 0);
  ln_status status = LN_OK;
  ln_number_add(&splits, 0);
  for (size_t i = 0; i < texts.count && status == LN_OK; ++i) {
    if (!normalize(&n, ln_texts_at(&texts, i), &out, &offsets)) {
      status = ln_node_fail(node, exec->err, LN_ERR_DATA, "the normalizer's strings reach past its data");
    }
    ln_number_add(&splits, (int64_t)offsets.count);
  }
  if (status == LN_OK) status = ln_text_list_output(&out, 0, &node->in[0]->shape, exec->err);
  if (status == LN_OK) status = ln_number_vector(&offsets, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&splits, 2, exec->err);
  ln_text_list_free(&out);
  ln_number_list_free(&offsets);
  ln_number_list_free(&splits);
  return status;
}
