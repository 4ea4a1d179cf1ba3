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

static ln_status open_matching(const ln_node *node, ln_error *err, int32_t slots, matching *m) {
  ln_error reason = {LN_OK, ""};
  ln_span pattern;
  LN_TRY(get_text(node, err, "pattern", 1, &pattern));
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
  ln_status status = open_matching(node, exec->err, ln_regex_rewrite_slots(m.rewrite), &m);
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
  ln_status status = open_matching(node, exec->err, 0, &m);
  if (status == LN_OK) status = ln_text_measure(node, full_match, &m, exec->err);
  close_matching(&m);
  return status;
}
