/*
 * Reads a pattern into a tree and makes a program of it (regex_program.h). Open groups stand on a stack of bounded
 * depth; nodes are numbered, so that the tree may grow while it is read.
 */
#include <string.h>

#include "kernels/unicode.h"
#include "ops/regex_program.h"
#include "ops/regex_set.h"

/* ---- the tree ---- */

typedef enum node_kind {
  NODE_EMPTY,
  NODE_SET,
  NODE_PLACE,
  NODE_SEQUENCE,
  NODE_CHOICE,
  NODE_REPEAT,
  NODE_GROUP
} node_kind;

enum { NO_NODE = -1, NO_END = -1 };

typedef struct node {
  node_kind kind;
  int32_t child, next;   /* NO_NODE; children are a chain */
  int32_t least, most;   /* of repeats, NO_END; a group's number or NO_NODE for one that takes none; a place */
  uint32_t first, count; /* a set: its ranges */
  int32_t repeats;       /* how often counts make it stand in the program, at most */
  bool greedy, nullable;
} node;

typedef struct chain {
  int32_t first, last;
} chain;

typedef struct flags {
  bool fold, lines, dot_all, lazy;
} flags;

/* An open group: the choices before, the sequence that is read, and what holds again after it. */
typedef struct level {
  chain choices, sequence;
  flags before;
  int32_t group;
} level;

typedef struct parser {
  ln_span text;
  size_t at;
  flags flags;
  ln_regex *regex;
  node *nodes;
  int32_t node_count, node_capacity;
  level levels[LN_REGEX_MOST_NESTING + 1];
  int32_t depth;
  ln_error *err;
} parser;

static ln_status refuse(const parser *p, size_t at, const char *what) {
  return ln_fail(p->err, LN_ERR_DATA, "the pattern at byte %zu: %s", at, what);
}

static ln_status no_memory(const parser *p) {
  return ln_fail(p->err, LN_ERR_MEMORY, "the pattern takes too much memory");
}

static bool at_end(const parser *p) { return p->at >= p->text.size; }
static char peek(const parser *p, size_t ahead) {
  return p->text.size - p->at > ahead ? p->text.data[p->at + ahead] : '\0';
}
static bool looking_at(const parser *p, const char *text) {
  const size_t size = strlen(text);
  return p->text.size - p->at >= size && memcmp(p->text.data + p->at, text, size) == 0;
}
static bool take(parser *p, const char *text) {
  if (!looking_at(p, text)) return false;
  p->at += strlen(text);
  return true;
}

/* The pattern was found to be UTF-8 before. */
static uint32_t next_code(parser *p) { return (uint32_t)ln_utf8_next(p->text, &p->at); }

static ln_status add_node(parser *p, node made, int32_t *out) {
  if (p->node_count == p->node_capacity) {
    const int32_t wanted = p->node_capacity == 0 ? 64 : 2 * p->node_capacity;
    void *grown = ln_realloc_array(p->nodes, (size_t)p->node_count, (size_t)wanted, sizeof *p->nodes);
    if (grown == NULL) return no_memory(p);
    p->nodes = grown;
    p->node_capacity = wanted;
  }
  made.next = NO_NODE;
  p->nodes[p->node_count] = made;
  *out = p->node_count++;
  return LN_OK;
}

static void append(parser *p, chain *c, int32_t item) {
  if (c->first == NO_NODE) c->first = item;
  else p->nodes[c->last].next = item;
  c->last = item;
}

static ln_status append_atom(parser *p, node made) {
  int32_t item = NO_NODE;
  LN_TRY(add_node(p, made, &item));
  append(p, &p->levels[p->depth].sequence, item);
  return LN_OK;
}

/* A chain as one node; itself when it is one. */
static ln_status join(parser *p, node_kind kind, chain c, int32_t *out) {
  node made = {.kind = c.first == NO_NODE ? NODE_EMPTY : kind, .child = c.first, .nullable = kind == NODE_SEQUENCE};
  if (c.first != NO_NODE && c.first == c.last) {
    *out = c.first;
    return LN_OK;
  }
  for (int32_t i = c.first; i != NO_NODE; i = p->nodes[i].next) {
    const node *part = &p->nodes[i];
    if (part->repeats > made.repeats) made.repeats = part->repeats;
    made.nullable = kind == NODE_SEQUENCE ? made.nullable && part->nullable : made.nullable || part->nullable;
  }
  return add_node(p, made, out);
}

/* ---- sets ---- */

/* The set as a node; takes it. */
static ln_status append_set(parser *p, ln_regex_set *set) {
  ln_regex *regex = p->regex;
  ln_regex_set_tidy(set);
  const size_t first = regex->range_count, end = first + set->count;
  set->failed = set->failed || end > LN_REGEX_MOST_RANGES;
  if (!set->failed && end > regex->range_capacity) {
    const size_t wanted = 2 * end;
    void *grown = ln_realloc_array(regex->ranges, first, wanted, sizeof *regex->ranges);
    if (grown != NULL) {
      regex->ranges = grown;
      regex->range_capacity = wanted;
    }
    set->failed = grown == NULL;
  }
  const bool fits = !set->failed;
  if (fits && set->count > 0) memcpy(regex->ranges + first, set->ranges, set->count * sizeof *set->ranges);
  const uint32_t count = (uint32_t)set->count;
  ln_regex_set_free(set);
  if (!fits) return no_memory(p);
  regex->range_count = end;
  return append_atom(p, (node){.kind = NODE_SET, .first = (uint32_t)first, .count = count, .repeats = 1});
}

static ln_status append_code(parser *p, uint32_t code) {
  ln_regex_set set = {0};
  ln_regex_set_add(&set, code, code);
  if (p->flags.fold) ln_regex_set_fold(&set);
  return append_set(p, &set);
}

static ln_status append_dot(parser *p) {
  ln_regex_set set = {0};
  ln_regex_set_add(&set, 0, p->flags.dot_all ? 0x10FFFF : '\n' - 1);
  if (!p->flags.dot_all) ln_regex_set_add(&set, '\n' + 1, 0x10FFFF);
  return append_set(p, &set);
}

static ln_status append_place(parser *p, ln_regex_place place) {
  return append_atom(p, (node){.kind = NODE_PLACE, .least = place, .repeats = 1, .nullable = true});
}

/* \pN, \p{Name}, \p{^Name} and \P: after the backslash. */
static ln_status read_unicode(parser *p, ln_regex_set *set) {
  const size_t start = p->at;
  bool negate = p->text.data[p->at++] == 'P';
  if (at_end(p)) return refuse(p, start, "a class without a name");
  ln_span name = {p->text.data + p->at, 1};
  if (take(p, "{")) {
    const char *end = memchr(p->text.data + p->at, '}', p->text.size - p->at);
    if (end == NULL) return refuse(p, start, "the name of a class has no end");
    if (take(p, "^")) negate = !negate;
    name = (ln_span){p->text.data + p->at, (size_t)(end - p->text.data) - p->at};
    p->at += name.size + 1;
  } else {
    name.size = ln_utf8_skip(p->text, p->at) - p->at;
    p->at += name.size;
  }
  if (ln_regex_set_add_unicode(set, name, negate, p->flags.fold)) return LN_OK;
  return refuse(p, start, "there is no class of that name");
}

static int32_t hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ln_status read_hex(parser *p, size_t start, uint32_t *code) {
  const bool braces = take(p, "{");
  size_t count = 0;
  *code = 0;
  while (!at_end(p) && hex_of(peek(p, 0)) >= 0 && (braces || count < 2)) {
    *code = *code * 16 + (uint32_t)hex_of(peek(p, 0));
    if (*code > 0x10FFFF) return refuse(p, start, "a character beyond U+10FFFF");
    ++p->at;
    ++count;
  }
  if (count == 0 || (!braces && count < 2) || (braces && !take(p, "}"))) {
    return refuse(p, start, "\\x wants two digits, or some in braces");
  }
  return LN_OK;
}

/* The character that an escape stands for, after the backslash. */
static ln_status read_escape(parser *p, uint32_t *code) {
  static const char letters[] = "aftnrv", meant[] = "\a\f\t\n\r\v";
  const size_t start = p->at - 1;
  if (at_end(p)) return refuse(p, start, "a backslash at the end");
  const char c = peek(p, 0);
  const char *letter = c == '\0' ? NULL : strchr(letters, c);
  const bool octal = c >= '0' && c <= '7', next_octal = peek(p, 1) >= '0' && peek(p, 1) <= '7';
  if (octal && (c == '0' || next_octal)) {
    *code = 0;
    for (int32_t i = 0; i < 3 && peek(p, 0) >= '0' && peek(p, 0) <= '7'; ++i) {
      *code = 8 * *code + (uint32_t)(p->text.data[p->at++] - '0');
    }
    return LN_OK;
  }
  ++p->at;
  if (c == 'x') return read_hex(p, start, code);
  *code = letter != NULL ? (uint8_t)meant[letter - letters] : (uint8_t)c;
  const bool plain = (uint8_t)c < 0x80 && hex_of(c) < 0 && ((c | 0x20) < 'a' || (c | 0x20) > 'z');
  return letter != NULL || plain ? LN_OK : refuse(p, start, "an escape that there is not");
}

/* ---- classes in brackets ---- */

static ln_status read_class_code(parser *p, size_t start, uint32_t *code) {
  if (at_end(p)) return refuse(p, start, "[ without ]");
  if (take(p, "\\")) return read_escape(p, code);
  *code = next_code(p);
  return LN_OK;
}

/* [:name:] at this place; `*found` false, and nothing read, where there is none. */
static ln_status read_posix(parser *p, ln_regex_set *set, bool *found) {
  const size_t start = p->at;
  *found = false;
  if (!looking_at(p, "[:")) return LN_OK;
  for (size_t end = p->at + 2; end + 1 < p->text.size; ++end) {
    if (p->text.data[end] != ':' || p->text.data[end + 1] != ']') continue;
    const bool negate = p->text.data[start + 2] == '^';
    const size_t from = start + 2 + negate;
    const ln_span name = {p->text.data + from, end > from ? end - from : 0};
    p->at = end + 2;
    *found = true;
    if (ln_regex_set_add_posix(set, name, negate, p->flags.fold)) return LN_OK;
    return refuse(p, start, "there is no class of that name");
  }
  return LN_OK;
}

static ln_status read_range(parser *p, size_t start, ln_regex_set *set) {
  uint32_t first = 0, last = 0;
  const size_t begun = p->at;
  LN_TRY(read_class_code(p, start, &first));
  last = first;
  if (peek(p, 0) == '-' && p->text.size - p->at >= 2 && peek(p, 1) != ']') {
    ++p->at;
    LN_TRY(read_class_code(p, start, &last));
    if (last < first) return refuse(p, begun, "a range from a greater character to a lesser one");
  }
  ln_regex_set one = {0};
  ln_regex_set_add(&one, first, last);
  if (p->flags.fold) ln_regex_set_fold(&one);
  ln_regex_set_add_all(set, &one);
  ln_regex_set_free(&one);
  return LN_OK;
}

static ln_status read_class_item(parser *p, size_t start, ln_regex_set *set) {
  bool found;
  LN_TRY(read_posix(p, set, &found));
  if (found) return LN_OK;
  if (peek(p, 0) == '\\' && (peek(p, 1) == 'p' || peek(p, 1) == 'P')) {
    ++p->at;
    return read_unicode(p, set);
  }
  if (peek(p, 0) == '\\' && peek(p, 1) != '\0' && ln_regex_set_add_perl(set, peek(p, 1), p->flags.fold)) {
    p->at += 2;
    return LN_OK;
  }
  return read_range(p, start, set);
}

/* After [ */
static ln_status read_class(parser *p) {
  const size_t start = p->at - 1;
  const bool negate = take(p, "^");
  ln_regex_set set = {0};
  ln_status status = LN_OK;
  for (bool first = true; status == LN_OK && (first || peek(p, 0) != ']' || at_end(p)); first = false) {
    if (at_end(p)) status = refuse(p, start, "[ without ]");
    else status = read_class_item(p, start, &set);
  }
  if (status != LN_OK) {
    ln_regex_set_free(&set);
    return status;
  }
  ++p->at;
  ln_regex_set_tidy(&set);
  if (negate) ln_regex_set_negate(&set);
  return append_set(p, &set);
}

/* ---- repetition ---- */

static bool read_count(parser *p, size_t *at, int32_t *out) {
  enum { ENOUGH = 100000000 };
  const size_t begun = *at;
  int32_t value = 0;
  for (; *at < p->text.size && p->text.data[*at] >= '0' && p->text.data[*at] <= '9'; ++*at) {
    if (value >= ENOUGH) return false;
    value = 10 * value + (p->text.data[*at] - '0');
  }
  const bool zeros = *at - begun > 1 && p->text.data[begun] == '0';
  *out = value;
  return *at > begun && !zeros && value < ENOUGH;
}

/* {n}, {n,} or {n,m}; anything else is no repetition, and the brace stands for itself. */
static bool read_counts(parser *p, int32_t *least, int32_t *most) {
  size_t at = p->at + 1;
  if (!read_count(p, &at, least)) return false;
  *most = *least;
  if (at < p->text.size && p->text.data[at] == ',') {
    *most = NO_END;
    ++at;
    if (at < p->text.size && p->text.data[at] != '}' && !read_count(p, &at, most)) return false;
  }
  if (at >= p->text.size || p->text.data[at] != '}') return false;
  p->at = at + 1;
  return true;
}

/* Puts the last atom under a repetition. */
static ln_status repeat_last(parser *p, size_t start, int32_t least, int32_t most, bool counted) {
  chain *sequence = &p->levels[p->depth].sequence;
  const bool lazy = take(p, "?");
  int32_t moved = NO_NODE;
  if (sequence->last == NO_NODE) return refuse(p, start, "a repetition of nothing");
  const node last = p->nodes[sequence->last];
  if (last.kind == NODE_REPEAT) return refuse(p, start, "a repetition of a repetition");
  const int64_t count = !counted ? 1 : most > 0 ? most : least;
  const int64_t repeats = last.repeats * (count > 0 ? count : 1);
  if (counted && (least > LN_REGEX_MOST_REPEATS || most > LN_REGEX_MOST_REPEATS || repeats > LN_REGEX_MOST_REPEATS ||
                  (most != NO_END && most < least))) {
    return refuse(p, start, "more than 1000 repetitions, or at most fewer than at least");
  }
  LN_TRY(add_node(p, last, &moved));
  p->nodes[sequence->last] = (node){.kind = NODE_REPEAT,
                                    .child = moved,
                                    .next = NO_NODE,
                                    .least = least,
                                    .most = most,
                                    .greedy = lazy == p->flags.lazy,
                                    .repeats = (int32_t)repeats,
                                    .nullable = least == 0 || last.nullable};
  return LN_OK;
}

/* ---- groups ---- */

static ln_status open_group(parser *p, int32_t group, flags after) {
  if (p->depth == LN_REGEX_MOST_NESTING) return refuse(p, p->at, "too many groups in groups");
  const chain none = {NO_NODE, NO_NODE};
  p->levels[++p->depth] = (level){none, none, p->flags, group};
  p->flags = after;
  return LN_OK;
}

static ln_status close_choice(parser *p) {
  level *top = &p->levels[p->depth];
  int32_t joined = NO_NODE;
  LN_TRY(join(p, NODE_SEQUENCE, top->sequence, &joined));
  append(p, &top->choices, joined);
  top->sequence = (chain){NO_NODE, NO_NODE};
  return LN_OK;
}

static ln_status close_group(parser *p) {
  int32_t whole = NO_NODE;
  if (p->depth == 0) return refuse(p, p->at - 1, ") without (");
  LN_TRY(close_choice(p));
  const level top = p->levels[p->depth];
  LN_TRY(join(p, NODE_CHOICE, top.choices, &whole));
  p->flags = top.before;
  --p->depth;
  const node *inner = &p->nodes[whole];
  return append_atom(p, (node){.kind = NODE_GROUP,
                               .child = whole,
                               .least = top.group,
                               .repeats = inner->repeats > 0 ? inner->repeats : 1,
                               .nullable = inner->nullable});
}

static bool is_name_code(uint32_t code) {
  const ln_category c = ln_unicode_category(code);
  return c == LN_CATEGORY_LU || c == LN_CATEGORY_LL || c == LN_CATEGORY_LT || c == LN_CATEGORY_LM ||
         c == LN_CATEGORY_LO || c == LN_CATEGORY_NL || c == LN_CATEGORY_MN || c == LN_CATEGORY_MC ||
         c == LN_CATEGORY_ND || c == LN_CATEGORY_PC;
}

/* After (?P<; the name is of no use here, and two groups may have the same. */
static ln_status read_name(parser *p) {
  const size_t start = p->at;
  while (!at_end(p) && peek(p, 0) != '>') {
    if (!is_name_code(next_code(p))) return refuse(p, start, "the name of a group");
  }
  if (p->at == start || !take(p, ">")) return refuse(p, start, "the name of a group");
  return LN_OK;
}

/* Flags after (? up to : or ), which says whether they hold in a group or from here on. */
static ln_status read_flags(parser *p) {
  const size_t start = p->at;
  flags after = p->flags;
  bool on = true, any = true;
  for (;;) {
    if (at_end(p)) return refuse(p, start, "flags without an end");
    const char c = p->text.data[p->at++];
    if (c == ':' || c == ')') {
      if (!any) return refuse(p, start, "a minus without flags");
      if (c == ':') return open_group(p, NO_NODE, after);
      p->flags = after;
      return LN_OK;
    }
    if (c == '-' && on) {
      on = any = false;
      continue;
    }
    if (c == 'i') after.fold = on;
    else if (c == 'm') after.lines = on;
    else if (c == 's') after.dot_all = on;
    else if (c == 'U') after.lazy = on;
    else return refuse(p, start, "a flag or a kind of group that there is not");
    any = true;
  }
}

/* After ( */
static ln_status read_group(parser *p) {
  if (take(p, "?P<")) LN_TRY(read_name(p));
  else if (take(p, "?")) return read_flags(p);
  return open_group(p, ++p->regex->groups, p->flags);
}

/* ---- what stands by itself ---- */

static ln_status read_backslash(parser *p) {
  uint32_t code = 0;
  ln_regex_set set = {0};
  const char c = peek(p, 0);
  switch (c) {
    case 'A': ++p->at; return append_place(p, LN_REGEX_TEXT_BEGIN);
    case 'z': ++p->at; return append_place(p, LN_REGEX_TEXT_END);
    case 'b': ++p->at; return append_place(p, LN_REGEX_WORD_EDGE);
    case 'B': ++p->at; return append_place(p, LN_REGEX_NO_WORD_EDGE);
    case 'C': return refuse(p, p->at, "\\C, a single byte, is not supported");
    case 'Q': ++p->at; break;
    default: break;
  }
  if (c == 'Q') {
    while (!at_end(p) && !take(p, "\\E")) LN_TRY(append_code(p, next_code(p)));
    return LN_OK;
  }
  if (c == 'p' || c == 'P') {
    const ln_status status = read_unicode(p, &set);
    if (status == LN_OK) return append_set(p, &set);
    ln_regex_set_free(&set);
    return status;
  }
  if (c != '\0' && ln_regex_set_add_perl(&set, c, p->flags.fold)) {
    ++p->at;
    return append_set(p, &set);
  }
  LN_TRY(read_escape(p, &code));
  return append_code(p, code);
}

static ln_status read_item(parser *p) {
  const size_t start = p->at;
  int32_t least, most;
  const char c = peek(p, 0);
  if (c == '{' && read_counts(p, &least, &most)) return repeat_last(p, start, least, most, true);
  if ((uint8_t)c >= 0x80 || c == '\0') return append_code(p, next_code(p));
  ++p->at;
  switch (c) {
    case '(': return read_group(p);
    case ')': return close_group(p);
    case '|': return close_choice(p);
    case '[': return read_class(p);
    case '.': return append_dot(p);
    case '^': return append_place(p, p->flags.lines ? LN_REGEX_LINE_BEGIN : LN_REGEX_TEXT_BEGIN);
    case '$': return append_place(p, p->flags.lines ? LN_REGEX_LINE_END : LN_REGEX_TEXT_END);
    case '*': return repeat_last(p, start, 0, NO_END, false);
    case '+': return repeat_last(p, start, 1, NO_END, false);
    case '?': return repeat_last(p, start, 0, 1, false);
    case '\\': return read_backslash(p);
    default: return append_code(p, (uint8_t)c);
  }
}

static ln_status read_pattern(parser *p, int32_t *whole) {
  const chain none = {NO_NODE, NO_NODE};
  if (p->text.size > LN_REGEX_MOST_BYTES) return refuse(p, LN_REGEX_MOST_BYTES, "it is too long");
  if (!ln_utf8_valid(p->text)) return refuse(p, 0, "it is not UTF-8");
  p->levels[0] = (level){none, none, p->flags, 0};
  while (!at_end(p)) LN_TRY(read_item(p));
  if (p->depth > 0) return refuse(p, p->at, "( without )");
  LN_TRY(close_choice(p));
  return join(p, NODE_CHOICE, p->levels[0].choices, whole);
}

/* ---- the program ---- */

static ln_status emit(parser *p, ln_regex_op op, uint32_t x, uint32_t y) {
  ln_regex *regex = p->regex;
  if (regex->step_count == LN_REGEX_MOST_STEPS) return refuse(p, p->text.size, "its program is too long");
  if (regex->step_count == regex->step_capacity) {
    const size_t wanted = regex->step_capacity == 0 ? 64 : 2 * regex->step_capacity;
    void *grown = ln_realloc_array(regex->steps, regex->step_count, wanted, sizeof *regex->steps);
    if (grown == NULL) return no_memory(p);
    regex->steps = grown;
    regex->step_capacity = wanted;
  }
  regex->steps[regex->step_count++] = (ln_regex_step){op, x, y};
  return LN_OK;
}

static uint32_t here(const parser *p) { return (uint32_t)p->regex->step_count; }

/* Where a split goes on, and where it leaves; a lazy one prefers to leave. */
static void set_split(parser *p, uint32_t step, bool greedy, uint32_t on, uint32_t away) {
  p->regex->steps[step].x = greedy ? on : away;
  p->regex->steps[step].y = greedy ? away : on;
}

static ln_status compile(parser *p, int32_t index);

static ln_status compile_choice(parser *p, int32_t child) {
  uint32_t ends = UINT32_MAX; /* jumps to the end, each with the one before in x */
  for (; p->nodes[child].next != NO_NODE; child = p->nodes[child].next) {
    const uint32_t split = here(p);
    LN_TRY(emit(p, LN_REGEX_SPLIT, split + 1, 0));
    LN_TRY(compile(p, child));
    LN_TRY(emit(p, LN_REGEX_JUMP, ends, 0));
    ends = here(p) - 1;
    p->regex->steps[split].y = here(p);
  }
  LN_TRY(compile(p, child));
  while (ends != UINT32_MAX) {
    const uint32_t before = p->regex->steps[ends].x;
    p->regex->steps[ends].x = here(p);
    ends = before;
  }
  return LN_OK;
}

/* x+; and x*, where what may be empty is (x+)?, so that an empty x that is preferred ends it. */
static ln_status compile_endless(parser *p, const node *n) {
  const uint32_t start = here(p);
  const bool nullable = p->nodes[n->child].nullable;
  if (n->least == 0) LN_TRY(emit(p, LN_REGEX_SPLIT, 0, 0));
  const uint32_t body = here(p);
  LN_TRY(compile(p, n->child));
  if (n->least == 0 && !nullable) {
    LN_TRY(emit(p, LN_REGEX_JUMP, start, 0));
  } else {
    const uint32_t split = here(p);
    LN_TRY(emit(p, LN_REGEX_SPLIT, 0, 0));
    set_split(p, split, n->greedy, body, split + 1);
  }
  if (n->least == 0) set_split(p, start, n->greedy, body, here(p));
  return LN_OK;
}

static ln_status compile_repeat(parser *p, int32_t index) {
  const node n = p->nodes[index];
  const int32_t fixed = n.most == NO_END && n.least > 0 ? n.least - 1 : n.least;
  uint32_t splits = UINT32_MAX;
  for (int32_t i = 0; i < fixed; ++i) LN_TRY(compile(p, n.child));
  if (n.most == NO_END) return compile_endless(p, &n);
  for (int32_t i = n.least; i < n.most; ++i) {
    LN_TRY(emit(p, LN_REGEX_SPLIT, splits, 0));
    splits = here(p) - 1;
    LN_TRY(compile(p, n.child));
  }
  while (splits != UINT32_MAX) {
    const uint32_t before = p->regex->steps[splits].x;
    set_split(p, splits, n.greedy, splits + 1, here(p));
    splits = before;
  }
  return LN_OK;
}

static ln_status compile_group(parser *p, int32_t group, int32_t child) {
  const bool saved = group > 0 && group < LN_REGEX_MOST_GROUPS;
  if (saved) LN_TRY(emit(p, LN_REGEX_SAVE, 2 * (uint32_t)group, 0));
  LN_TRY(compile(p, child));
  return saved ? emit(p, LN_REGEX_SAVE, 2 * (uint32_t)group + 1, 0) : LN_OK;
}

/* As deep as groups lie in groups. */
static ln_status compile(parser *p, int32_t index) {
  const node *n = &p->nodes[index];
  switch (n->kind) {
    case NODE_SET:
      if (n->count != 1) return emit(p, LN_REGEX_SET, n->first, n->count);
      if (p->regex->ranges[n->first].last == 0x10FFFF) return emit(p, LN_REGEX_SET, n->first, 1);
      return emit(p, LN_REGEX_RANGE, p->regex->ranges[n->first].first, p->regex->ranges[n->first].last);
    case NODE_PLACE: return emit(p, LN_REGEX_ASSERT, (uint32_t)n->least, 0);
    case NODE_SEQUENCE:
      for (int32_t i = n->child; i != NO_NODE; i = p->nodes[i].next) LN_TRY(compile(p, i));
      return LN_OK;
    case NODE_CHOICE: return compile_choice(p, n->child);
    case NODE_REPEAT: return compile_repeat(p, index);
    case NODE_GROUP: return compile_group(p, n->least, n->child);
    default: return LN_OK;
  }
}

static void note_first(ln_regex *regex, const ln_regex_step *step) {
  const ln_regex_range one = {step->x, step->y};
  const ln_regex_range *ranges = step->op == LN_REGEX_RANGE ? &one : regex->ranges + step->x;
  const size_t count = step->op == LN_REGEX_RANGE ? 1 : step->y;
  for (size_t i = 0; i < count; ++i) {
    for (uint32_t c = ranges[i].first; c <= ranges[i].last && c < 0x80; ++c) regex->first[c] = 1;
    if (ranges[i].last >= 0x80) memset(regex->first + 0x80, 1, 0x80);
  }
}

/* What can be reached without a character: the first bytes of a match, and whether it may be empty. */
static ln_status look_ahead(parser *p) {
  ln_regex *regex = p->regex;
  uint32_t *stack = ln_alloc_array(2 * regex->step_count + 1, sizeof *stack);
  bool *seen = ln_alloc_array(regex->step_count, sizeof *seen);
  size_t depth = 0;
  if (stack != NULL && seen != NULL) stack[depth++] = 0;
  const bool fits = depth > 0;
  while (depth > 0) {
    const uint32_t number = stack[--depth];
    const ln_regex_step *step = &regex->steps[number];
    if (seen[number]) continue;
    seen[number] = true;
    if (step->op == LN_REGEX_MATCH) regex->may_be_empty = true;
    else if (step->op == LN_REGEX_RANGE || step->op == LN_REGEX_SET) note_first(regex, step);
    else if (step->op == LN_REGEX_SPLIT || step->op == LN_REGEX_JUMP) stack[depth++] = step->x;
    else stack[depth++] = number + 1;
    if (step->op == LN_REGEX_SPLIT) stack[depth++] = step->y;
  }
  ln_free(stack);
  ln_free(seen);
  return fits ? LN_OK : no_memory(p);
}

static ln_status make_program(parser *p) {
  int32_t whole = NO_NODE;
  LN_TRY(read_pattern(p, &whole));
  LN_TRY(emit(p, LN_REGEX_SAVE, 0, 0));
  LN_TRY(compile(p, whole));
  LN_TRY(emit(p, LN_REGEX_SAVE, 1, 0));
  LN_TRY(emit(p, LN_REGEX_MATCH, 0, 0));
  return look_ahead(p);
}

ln_status ln_regex_compile(ln_span pattern, ln_error *err, ln_regex **out) {
  ln_regex *regex = ln_alloc_zero(sizeof *regex);
  parser *p = ln_alloc_zero(sizeof *p);
  *out = NULL;
  ln_status status =
      regex == NULL || p == NULL ? ln_fail(err, LN_ERR_MEMORY, "the pattern takes too much memory") : LN_OK;
  if (status == LN_OK) {
    p->text = pattern;
    p->regex = regex;
    p->err = err;
    status = make_program(p);
    ln_free(p->nodes);
  }
  ln_free(p);
  if (status != LN_OK) ln_regex_destroy(regex);
  else *out = regex;
  return status;
}

void ln_regex_destroy(ln_regex *regex) {
  if (regex == NULL) return;
  ln_free(regex->steps);
  ln_free(regex->ranges);
  ln_free(regex);
}

int32_t ln_regex_groups(const ln_regex *regex) { return regex->groups; }
