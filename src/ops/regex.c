/* Runs the program of a regular expression: see ops/regex.h. */
#include "ops/regex.h"

#include <string.h>

#include "ops/regex_program.h"
#include "ops/regex_set.h"

/* ---- the text ---- */

bool ln_regex_decode(ln_span text, size_t at, uint32_t *code, size_t *size) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  const uint8_t byte = (uint8_t)text.data[at];
  const size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : (byte & 0xF0) == 0xE0 ? 3 : 4;
  *size = 1;
  *code = byte;
  if (length == 1) return true;
  if (byte < 0xC2 || byte > 0xF4 || text.size - at < length) return false;
  uint32_t value = byte & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    const uint8_t next = (uint8_t)text.data[at + i];
    if ((next & 0xC0) != 0x80) return false;
    value = value << 6 | (next & 0x3F);
  }
  *size = length;
  *code = value < least[length] || value > 0x10FFFF ? LN_REGEX_STRANGE : value;
  return true;
}

static bool is_word(ln_span text, size_t at) {
  const char c = at < text.size ? text.data[at] : ' ';
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool holds_at(ln_regex_place place, ln_span text, size_t at) {
  const bool edge = (at > 0 && is_word(text, at - 1)) != is_word(text, at);
  switch (place) {
    case LN_REGEX_TEXT_BEGIN: return at == 0;
    case LN_REGEX_TEXT_END: return at == text.size;
    case LN_REGEX_LINE_BEGIN: return at == 0 || text.data[at - 1] == '\n';
    case LN_REGEX_LINE_END: return at == text.size || text.data[at] == '\n';
    case LN_REGEX_WORD_EDGE: return edge;
    default: return !edge;
  }
}

static bool set_holds(const ln_regex_range *ranges, size_t count, uint32_t code) {
  if (code != LN_REGEX_STRANGE) return ln_regex_set_holds(ranges, count, code);
  return count > 0 && ranges[count - 1].first <= 0x80 && ranges[count - 1].last == 0x10FFFF;
}

static bool takes(const ln_regex *regex, const ln_regex_step *step, uint32_t code) {
  if (step->op == LN_REGEX_RANGE) return code >= step->x && code <= step->y;
  return step->op == LN_REGEX_SET && set_holds(regex->ranges + step->x, step->y, code);
}

/* ---- threads ---- */

/* Places in the program, each once, in the order of preference; each has slots of its own. */
typedef struct thread_list {
  uint32_t *dense, *sparse;
  size_t count;
  int64_t *slots; /* [steps, matcher's slots] */
} thread_list;

/* To follow: a step, or with `slot` at least 0 a slot to be given back its value. */
typedef struct pending {
  uint32_t step;
  int32_t slot;
  int64_t value;
} pending;

struct ln_regex_matcher {
  const ln_regex *regex;
  int32_t slots;
  thread_list lists[2];
  pending *stack; /* at most two entries for each step, as each is followed once */
  int64_t current[2 * LN_REGEX_MOST_GROUPS], best[2 * LN_REGEX_MOST_GROUPS];
};

static bool make_list(thread_list *list, size_t steps, size_t slots) {
  list->dense = ln_alloc_array(steps, sizeof *list->dense);
  list->sparse = ln_alloc_array(steps, sizeof *list->sparse);
  list->slots = ln_alloc_array(steps, slots * sizeof *list->slots);
  return list->dense != NULL && list->sparse != NULL && list->slots != NULL;
}

size_t ln_regex_matcher_bytes(const ln_regex *regex, int32_t slots) {
  const size_t list = 2 * sizeof(uint32_t) + (size_t)slots * sizeof(int64_t);
  return regex->step_count * 2 * (list + sizeof(pending)); /* bounded: by LN_REGEX_MOST_STEPS */
}

ln_regex_matcher *ln_regex_matcher_create(const ln_regex *regex, int32_t slots) {
  ln_regex_matcher *m = ln_alloc_zero(sizeof *m);
  if (m == NULL) return NULL;
  m->regex = regex;
  m->slots = slots > 2 * LN_REGEX_MOST_GROUPS ? 2 * LN_REGEX_MOST_GROUPS : slots;
  m->stack = ln_alloc_array(2 * regex->step_count + 2, sizeof *m->stack);
  const bool made = make_list(&m->lists[0], regex->step_count, (size_t)m->slots) &&
                    make_list(&m->lists[1], regex->step_count, (size_t)m->slots);
  if (made && m->stack != NULL) return m;
  ln_regex_matcher_destroy(m);
  return NULL;
}

void ln_regex_matcher_destroy(ln_regex_matcher *m) {
  if (m == NULL) return;
  for (int32_t i = 0; i < 2; ++i) {
    ln_free(m->lists[i].dense);
    ln_free(m->lists[i].sparse);
    ln_free(m->lists[i].slots);
  }
  ln_free(m->stack);
  ln_free(m);
}

static bool enter(thread_list *list, uint32_t step) {
  const uint32_t at = list->sparse[step];
  if (at < list->count && list->dense[at] == step) return false;
  list->sparse[step] = (uint32_t)list->count;
  list->dense[list->count++] = step;
  return true;
}

/* Adds `step` and all that it leads to without a character; m->current are the slots. */
static void follow(ln_regex_matcher *m, thread_list *list, uint32_t first, ln_span text, size_t at) {
  size_t depth = 0;
  m->stack[depth++] = (pending){first, -1, 0};
  while (depth > 0) {
    const pending top = m->stack[--depth];
    if (top.slot >= 0) {
      m->current[top.slot] = top.value;
      continue;
    }
    if (!enter(list, top.step)) continue;
    const ln_regex_step *step = &m->regex->steps[top.step];
    switch ((ln_regex_op)step->op) {
      case LN_REGEX_JUMP: m->stack[depth++] = (pending){step->x, -1, 0}; break;
      case LN_REGEX_SPLIT:
        m->stack[depth++] = (pending){step->y, -1, 0};
        m->stack[depth++] = (pending){step->x, -1, 0};
        break;
      case LN_REGEX_ASSERT:
        if (holds_at((ln_regex_place)step->x, text, at)) m->stack[depth++] = (pending){top.step + 1, -1, 0};
        break;
      case LN_REGEX_SAVE:
        if (step->x < (uint32_t)m->slots) {
          m->stack[depth++] = (pending){0, (int32_t)step->x, m->current[step->x]};
          m->current[step->x] = (int64_t)at;
        }
        m->stack[depth++] = (pending){top.step + 1, -1, 0};
        break;
      default:
        if (m->slots == 0) break;
        memcpy(list->slots + (size_t)top.step * (size_t)m->slots, m->current, (size_t)m->slots * sizeof *m->current);
        break;
    }
  }
}

/* ---- a search ---- */

typedef struct search {
  ln_span text;
  bool whole; /* from the first byte to the last */
  bool matched;
} search;

static void begin(ln_regex_matcher *m, thread_list *list, const search *s, size_t at) {
  for (int32_t i = 0; i < m->slots; ++i) m->current[i] = -1;
  follow(m, list, 0, s->text, at);
}

/* Moves the threads over a character of `size` bytes (0 at the end) to `next`; a match ends those less preferred. */
static void advance(ln_regex_matcher *m, const thread_list *list, thread_list *next, search *s, size_t at,
                    uint32_t code, size_t size) {
  next->count = 0;
  for (size_t i = 0; i < list->count; ++i) {
    const uint32_t number = list->dense[i];
    const ln_regex_step *step = &m->regex->steps[number];
    const int64_t *slots = list->slots + (size_t)number * (size_t)m->slots;
    if (step->op == LN_REGEX_MATCH) {
      if (s->whole && at != s->text.size) continue;
      if (m->slots > 0) memcpy(m->best, slots, (size_t)m->slots * sizeof *slots);
      s->matched = true;
      return;
    }
    if (size == 0 || !takes(m->regex, step, code)) continue;
    if (m->slots > 0) memcpy(m->current, slots, (size_t)m->slots * sizeof *slots);
    follow(m, next, number + 1, s->text, at + size);
  }
}

/* An empty match inside a character: nothing else can begin there. */
static void look_inside(ln_regex_matcher *m, thread_list *list, search *s, size_t at, size_t size) {
  thread_list none = {0};
  for (size_t inside = at + 1; inside < at + size && !s->matched; ++inside) {
    list->count = 0;
    begin(m, list, s, inside);
    advance(m, list, &none, s, inside, 0, 0);
  }
}

static void run(ln_regex_matcher *m, search *s, size_t at) {
  const ln_regex *regex = m->regex;
  thread_list *list = &m->lists[0], *next = &m->lists[1];
  const ln_span text = s->text;
  const size_t start = at;
  list->count = 0;
  for (;;) {
    const bool fresh = !s->matched && (!s->whole || at == start);
    if (list->count == 0 && !fresh) return;
    if (list->count == 0 && !regex->may_be_empty) {
      while (at < text.size && !regex->first[(uint8_t)text.data[at]] && !s->whole) ++at;
      if (at >= text.size) return;
    }
    if (fresh) begin(m, list, s, at);
    uint32_t code = 0;
    size_t size = 0;
    const bool good = at < text.size && ln_regex_decode(text, at, &code, &size);
    advance(m, list, next, s, at, code, good ? size : 0);
    if (at >= text.size) return;
    if (good && size > 1 && regex->may_be_empty && !s->whole && !s->matched) look_inside(m, list, s, at, size);
    at += size;
    thread_list *swapped = list;
    list = next;
    next = swapped;
  }
}

bool ln_regex_search(ln_regex_matcher *m, ln_span text, size_t start, int64_t *found) {
  search s = {text, false, false};
  run(m, &s, start);
  if (s.matched && found != NULL) memcpy(found, m->best, (size_t)m->slots * sizeof *found);
  return s.matched;
}

bool ln_regex_full_match(ln_regex_matcher *m, ln_span text) {
  search s = {text, true, false};
  run(m, &s, 0);
  return s.matched;
}

/* ---- replacing ---- */

int32_t ln_regex_rewrite_slots(ln_span rewrite) {
  int32_t most = 0;
  for (size_t i = 0; i + 1 < rewrite.size; ++i) {
    if (rewrite.data[i] != '\\') continue;
    const char c = rewrite.data[++i];
    if (c >= '0' && c <= '9' && c - '0' > most) most = c - '0';
  }
  return 2 * (most + 1);
}

typedef struct replacing {
  ln_span rewrite, text;
  ln_regex_put put;
  void *to;
  bool more;
} replacing;

static void put(replacing *r, const char *data, size_t size) { r->more = r->more && r->put(r->to, data, size); }

/* False at a backslash before what it does not go with: what stands before that has been put. `found` may be NULL, for
 * nothing to be put. */
static bool put_rewrite(replacing *r, const int64_t *found) {
  for (size_t i = 0; i < r->rewrite.size; ++i) {
    const char *c = r->rewrite.data + i;
    if (*c == '\\') {
      if (++i == r->rewrite.size || (c[1] != '\\' && (c[1] < '0' || c[1] > '9'))) return false;
      ++c;
      if (*c != '\\') {
        const int64_t *group = found == NULL ? NULL : found + 2 * (*c - '0');
        if (group != NULL && group[0] >= 0 && group[1] >= 0) {
          put(r, r->text.data + group[0], (size_t)(group[1] - group[0]));
        }
        continue;
      }
    }
    if (found != NULL) put(r, c, 1);
  }
  return true;
}

static void replace_first(ln_regex_matcher *m, replacing *r) {
  int64_t found[2 * LN_REGEX_MOST_GROUPS];
  size_t at = 0;
  if (put_rewrite(r, NULL) && ln_regex_search(m, r->text, 0, found)) {
    put(r, r->text.data, (size_t)found[0]);
    put_rewrite(r, found);
    at = (size_t)found[1];
  }
  put(r, r->text.data + at, r->text.size - at);
}

/* No match is empty where the one before it ends: a character is passed there. */
static void replace_all(ln_regex_matcher *m, replacing *r) {
  const ln_span text = r->text;
  int64_t found[2 * LN_REGEX_MOST_GROUPS], last = -1;
  size_t at = 0;
  while (at <= text.size && r->more && ln_regex_search(m, text, at, found)) {
    put(r, text.data + at, (size_t)found[0] - at);
    if (found[0] == last && found[1] == last) {
      uint32_t code;
      size_t size = 1;
      if (at < text.size && ln_regex_decode(text, at, &code, &size) && code == LN_REGEX_STRANGE) size = 1;
      if (at < text.size) put(r, text.data + at, size);
      at += size;
      continue;
    }
    put_rewrite(r, found);
    at = (size_t)found[1];
    last = found[1];
  }
  if (at < text.size) put(r, text.data + at, text.size - at);
}

void ln_regex_replace(ln_regex_matcher *m, ln_span rewrite, ln_span text, bool all, ln_regex_put put_fn, void *to) {
  replacing r = {rewrite, text, put_fn, to, true};
  if (ln_regex_rewrite_slots(rewrite) > 2 * (m->regex->groups + 1)) put(&r, text.data, text.size);
  else if (all) replace_all(m, &r);
  else replace_first(m, &r);
}
