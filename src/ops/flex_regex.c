/* Select-TF's RegexReplace and RegexFullMatch, the pattern an input or, for the Static ones, an attribute. */
#include "ops/flex_attr.h"
#include "ops/regex.h"
#include "ops/rows.h"
#include "ops/text_map.h"

typedef struct matching {
  ln_regex *regex;
  ln_regex_matcher *matcher;
  ln_span rewrite;
  bool everywhere;
} matching;

static ln_status get_text(const ln_node *node, ln_error *err, const char *key, int32_t input, ln_span *out) {
  *out = (ln_span){"", 0};
  return node->in_count > input ? ln_text_scalar(node, input, err, out) : ln_text_string(node, err, key, out);
}

static void close_matching(matching *m) {
  ln_regex_matcher_destroy(m->matcher);
  ln_regex_destroy(m->regex);
}

/* The pattern is that input, where the node has one. */
static ln_status open_matching(const ln_node *node, ln_error *err, int32_t input, int32_t slots, matching *m) {
  ln_error reason = {LN_OK, ""};
  ln_span pattern;
  LN_TRY(get_text(node, err, "pattern", input, &pattern));
  const ln_status status = ln_regex_compile(pattern, &reason, &m->regex);
  if (status != LN_OK) return ln_node_fail(node, err, status, "%s", reason.message);
  LN_TRY(ln_host_check_room(node, ln_regex_matcher_bytes(m->regex, slots), err));
  m->matcher = ln_regex_matcher_create(m->regex, slots);
  return m->matcher != NULL ? LN_OK : ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
}

/* ---- RegexReplace ---- */

static bool put(void *to, const char *data, size_t size) { return ln_text_put(to, data, size); }

static ln_status replace(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  const matching *m = context;
  (void)node;
  (void)err;
  ln_regex_replace(m->matcher, m->rewrite, text, m->everywhere, put, out);
  return LN_OK;
}

ln_status ln_regex_replace_run(const ln_node *node, ln_exec *exec) {
  matching m = {.everywhere = true};
  LN_TRY(ln_attr_bool(node, exec->err, "replace_global", &m.everywhere));
  LN_TRY(get_text(node, exec->err, "rewrite", 2, &m.rewrite));
  ln_status status = open_matching(node, exec->err, 1, ln_regex_rewrite_slots(m.rewrite), &m);
  if (status == LN_OK) status = ln_text_map(node, replace, &m, exec->err);
  close_matching(&m);
  return status;
}

/* ---- RegexFullMatch ---- */

static ln_status full_match(const ln_node *node, const void *context, ln_span text, int64_t *out, ln_error *err) {
  (void)node;
  (void)err;
  *out = ln_regex_full_match(((const matching *)context)->matcher, text);
  return LN_OK;
}

ln_status ln_regex_match_run(const ln_node *node, ln_exec *exec) {
  matching m = {.everywhere = false};
  ln_status status = open_matching(node, exec->err, 1, 0, &m);
  if (status == LN_OK) status = ln_text_measure(node, full_match, &m, exec->err);
  close_matching(&m);
  return status;
}

/* ---- TF Text's RegexSplitWithOffsets: texts, the pattern of what parts them in its first group, what of that is kept
 * ---- */

typedef struct splitting {
  ln_text_list tokens;
  ln_number_list begins, ends, splits;
} splitting;

static void add_token(splitting *s, ln_span text, size_t begin, size_t end) {
  ln_text_add(&s->tokens, (ln_span){text.data + begin, end - begin});
  ln_number_add(&s->begins, (int64_t)begin);
  ln_number_add(&s->ends, (int64_t)end);
}

/* What is left after each match is searched as a text by itself. */
static ln_status split_text(const ln_node *node, const matching *delimiter, const matching *kept, ln_span text,
                            splitting *s, ln_error *err) {
  int64_t found[4];
  size_t at = 0;
  while (ln_regex_groups(delimiter->regex) > 0 && s->tokens.status == LN_OK &&
         ln_regex_search(delimiter->matcher, (ln_span){text.data + at, text.size - at}, 0, found)) {
    if (found[1] == 0) return ln_node_fail(node, err, LN_ERR_DATA, "its pattern parts at nothing");
    const size_t begin = at + (size_t)(found[2] < 0 ? found[0] : found[2]),
                 end = at + (size_t)(found[3] < 0 ? found[0] : found[3]);
    if (begin > at) add_token(s, text, at, begin);
    if (ln_regex_full_match(kept->matcher, (ln_span){text.data + begin, end - begin})) add_token(s, text, begin, end);
    at += (size_t)found[1];
  }
  if (at < text.size) add_token(s, text, at, text.size);
  return LN_OK;
}

ln_status ln_regex_split_run(const ln_node *node, ln_exec *exec) {
  matching delimiter = {.everywhere = false}, kept = delimiter;
  const ln_number_list none = ln_number_list_make(node);
  splitting s = {ln_text_list_make(node), none, none, none};
  ln_texts texts;
  ln_status status = open_matching(node, exec->err, 1, 4, &delimiter);
  if (status == LN_OK) status = open_matching(node, exec->err, 2, 0, &kept);
  if (status == LN_OK) status = ln_texts_open(node, 0, exec->err, &texts);
  ln_number_add(&s.splits, 0);
  for (size_t i = 0; status == LN_OK && i < texts.count; ++i) {
    status = split_text(node, &delimiter, &kept, ln_texts_at(&texts, i), &s, exec->err);
    ln_number_add(&s.splits, (int64_t)s.tokens.count);
  }
  if (status == LN_OK) status = ln_text_vector(&s.tokens, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&s.begins, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&s.ends, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&s.splits, 3, exec->err);
  ln_text_list_free(&s.tokens);
  ln_number_list_free(&s.begins);
  ln_number_list_free(&s.ends);
  ln_number_list_free(&s.splits);
  close_matching(&delimiter);
  close_matching(&kept);
  return status;
}
