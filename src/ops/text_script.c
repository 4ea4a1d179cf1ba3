/*
 * TF Text's tokenizers of code points and labels: WhitespaceTokenizeWithOffsets, UnicodeScriptTokenizeWithOffsets,
 * SplitMergeTokenizeWithOffsets.
 */
#include "kernels/unicode.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

/* ---- code points, by white space or script ---- */

typedef struct tokens {
  ln_number_list codes, inner, starts, limits, outer;
  bool open; /* a token is being read */
} tokens;

static void close_token(tokens *t, int64_t at) {
  if (!t->open) return;
  ln_number_add(&t->limits, at);
  ln_number_add(&t->inner, (int64_t)t->codes.count);
  t->open = false;
}

static bool is_space(int64_t code) { return code >= 0 && ln_unicode_is_space((uint32_t)code); }

static void split_row(const ln_node *node, size_t first, size_t end, bool by_script, bool keep_space, tokens *t) {
  int32_t last_script = 0;
  bool last_space = false;
  int64_t at = 0;
  for (size_t i = first; i < end && t->codes.status == LN_OK; ++i) {
    const int64_t code = ln_number_at(node->in[0], i);
    const bool space = is_space(code);
    const int32_t script = by_script ? ln_unicode_script((uint32_t)code) : 0;
    if (i > first && (space != last_space || (!space && script != last_script))) close_token(t, at);
    if (!space || keep_space) {
      if (!t->open) ln_number_add(&t->starts, at);
      t->open = true;
      ln_number_add(&t->codes, code);
    }
    ++at; /* offsets count characters */
    last_script = script;
    last_space = space;
  }
  close_token(t, at);
  ln_number_add(&t->outer, (int64_t)t->starts.count);
}

ln_status ln_code_tokens_run(const ln_node *node, ln_exec *exec) {
  const ln_number_list none = ln_number_list_make(node);
  const bool by_script = node->op->def->variant == 1;
  tokens t = {none, none, none, none, none, false};
  bool keep_space = false;
  size_t rows;
  LN_TRY(ln_attr_bool(node, exec->err, "keep_whitespace", &keep_space));
  LN_TRY(ln_splits_check(node, 1, ln_tensor_count(node->in[0]), exec->err, &rows));
  ln_number_add(&t.inner, 0);
  ln_number_add(&t.outer, 0);
  for (size_t i = 0; i < rows; ++i) {
    split_row(node, (size_t)ln_number_at(node->in[1], i), (size_t)ln_number_at(node->in[1], i + 1), by_script,
              keep_space, &t);
  }
  ln_status status = ln_number_vector(&t.codes, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&t.inner, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&t.starts, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&t.limits, 3, exec->err);
  if (status == LN_OK) status = ln_number_vector(&t.outer, 4, exec->err);
  ln_number_list_free(&t.codes);
  ln_number_list_free(&t.inner);
  ln_number_list_free(&t.starts);
  ln_number_list_free(&t.limits);
  ln_number_list_free(&t.outer);
  return status;
}

/* ---- texts with a label for each character: 0 begins a token, 1 goes on with one ---- */

typedef struct merging {
  ln_text_list tokens;
  ln_number_list starts, limits, splits;
  bool split_at_space;
} merging;

static void end_token(merging *m, size_t limit) {
  ln_text_end(&m->tokens);
  ln_number_add(&m->limits, (int64_t)limit);
}

/* White space is of no token. */
static ln_status merge_text(const ln_node *node, merging *m, ln_span text, size_t row, ln_error *err) {
  const size_t first = (size_t)ln_number_at(node->in[2], row), end = (size_t)ln_number_at(node->in[2], row + 1);
  size_t label = first, limit = 0;
  bool after_space = false, open = false;
  for (size_t at = 0; at < text.size && m->tokens.status == LN_OK; ++label) {
    const size_t start = at;
    const int32_t code = ln_utf8_next(text, &at);
    if (code < 0) return ln_node_fail(node, err, LN_ERR_DATA, "text %zu is not UTF-8", row);
    if (label >= end) return ln_node_fail(node, err, LN_ERR_DATA, "text %zu has more characters than labels", row);
    const bool space = ln_unicode_is_space((uint32_t)code);
    const bool begins = ln_number_at(node->in[1], label) != 1 || !open || (after_space && m->split_at_space);
    after_space = space;
    if (space) continue;
    if (begins && open) end_token(m, limit);
    if (begins) ln_number_add(&m->starts, (int64_t)start);
    ln_text_put(&m->tokens, text.data + start, at - start);
    limit = at;
    open = true;
  }
  if (open) end_token(m, limit);
  ln_number_add(&m->splits, (int64_t)m->tokens.count);
  return LN_OK;
}

ln_status ln_split_merge_run(const ln_node *node, ln_exec *exec) {
  const ln_number_list none = ln_number_list_make(node);
  merging m = {ln_text_list_make(node), none, none, none, true};
  ln_texts texts;
  size_t rows;
  LN_TRY(ln_attr_bool(node, exec->err, "force_split_at_break_character", &m.split_at_space));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_splits_check(node, 2, ln_tensor_count(node->in[1]), exec->err, &rows));
  if (rows != texts.count) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "%zu texts and %zu rows of labels", texts.count, rows);
  }
  ln_status status = LN_OK;
  ln_number_add(&m.splits, 0);
  for (size_t i = 0; i < rows && status == LN_OK; ++i)
    status = merge_text(node, &m, ln_texts_at(&texts, i), i, exec->err);
  if (status == LN_OK) status = ln_text_vector(&m.tokens, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&m.splits, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&m.starts, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&m.limits, 3, exec->err);
  ln_text_list_free(&m.tokens);
  ln_number_list_free(&m.starts);
  ln_number_list_free(&m.limits);
  ln_number_list_free(&m.splits);
  return status;
}
