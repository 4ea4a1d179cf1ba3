/*
 * Regular expressions of RE2's syntax (github.com/google/re2/wiki/Syntax) over UTF-8, leftmost match first, in time
 * that grows with the product of the program's and the text's length and no faster (R. Cox, "Regular Expression
 * Matching: the Virtual Machine Approach", 2009). \C, a single byte, is refused. What is ill-formed in the text is
 * matched by nothing, a byte at a time.
 */
#ifndef LN_OPS_REGEX_H
#define LN_OPS_REGEX_H

#include "base/base.h"
#include "kernels/utf8.h"

/* Bounds: a counted repetition as RE2 has it, the others so that patterns from a file stay small. */
enum {
  LN_REGEX_MOST_REPEATS = 1000,
  LN_REGEX_MOST_NESTING = 250,
  LN_REGEX_MOST_STEPS = 100000,
  LN_REGEX_MOST_GROUPS = 10,
  LN_REGEX_MOST_RANGES = 1 << 18, /* of characters, of a set and of all */
  LN_REGEX_MOST_BYTES = 1 << 16
};

typedef struct ln_regex ln_regex;

/* LN_ERR_DATA with what is wrong and where; the caller destroys it. */
ln_status ln_regex_compile(ln_span pattern, ln_error *err, ln_regex **out);
void ln_regex_destroy(ln_regex *regex);
int32_t ln_regex_groups(const ln_regex *regex); /* in parentheses */

/* What a search works in, made once for many. `slots` are the places to be told: 2 for the match, 2 for each group from
 * the first on, at most 2 * LN_REGEX_MOST_GROUPS; 0 for none. NULL when memory is short. */
typedef struct ln_regex_matcher ln_regex_matcher;
ln_regex_matcher *ln_regex_matcher_create(const ln_regex *regex, int32_t slots);
size_t ln_regex_matcher_bytes(const ln_regex *regex, int32_t slots); /* that it will take */
void ln_regex_matcher_destroy(ln_regex_matcher *matcher);

/* The first match in `text` from byte `start` on, what stands before it seen by ^ and \b; found[2 i] and found[2 i + 1]
 * are where group i begins and ends, -1 for one that took no part. `found` may be NULL. */
bool ln_regex_search(ln_regex_matcher *matcher, ln_span text, size_t start, int64_t *found);
/* The whole text is a match. */
bool ln_regex_full_match(ln_regex_matcher *matcher, ln_span text);

/*
 * Puts `text` with its first match, or with all that do not overlap, replaced by `rewrite`, in which \0 to \9 stand for
 * groups and \\ for a backslash; the matcher has ln_regex_rewrite_slots. As in RE2 a rewrite that names a group that
 * there is not changes nothing, and one with another backslash ends there when all are replaced and changes nothing
 * else.
 */
typedef bool (*ln_regex_put)(void *to, const char *data, size_t size); /* false: enough */
int32_t ln_regex_rewrite_slots(ln_span rewrite);
void ln_regex_replace(ln_regex_matcher *matcher, ln_span rewrite, ln_span text, bool all, ln_regex_put put, void *to);

/* A character as a match passes over it; false for a byte that is none. Encodings longer than they need be and numbers
 * beyond U+10FFFF count as LN_REGEX_STRANGE, which only a set of all characters from U+0080 on holds, as RE2 has it. */
enum { LN_REGEX_STRANGE = 0x110000 };
bool ln_regex_decode(ln_span text, size_t at, uint32_t *code, size_t *size);

#endif
