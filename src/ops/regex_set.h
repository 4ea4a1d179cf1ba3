/* Sets of characters while a pattern is read (regex_set.c). */
#ifndef LN_OPS_REGEX_SET_H
#define LN_OPS_REGEX_SET_H

#include "ops/regex_program.h"

/* Ranges in any order, until ln_regex_set_tidy; `failed` once memory was short. */
typedef struct ln_regex_set {
  ln_regex_range *ranges;
  size_t count, capacity;
  bool failed;
} ln_regex_set;

void ln_regex_set_free(ln_regex_set *set);
void ln_regex_set_add(ln_regex_set *set, uint32_t first, uint32_t last);
/* Sorts them and joins what touches. */
void ln_regex_set_tidy(ln_regex_set *set);
void ln_regex_set_negate(ln_regex_set *set); /* of a tidy one: what it does not hold; tidy again */
/* Adds all that differs from what it holds in case only; tidy before and after. */
void ln_regex_set_fold(ln_regex_set *set);
void ln_regex_set_add_all(ln_regex_set *set, const ln_regex_set *other);
bool ln_regex_set_holds(const ln_regex_range *ranges, size_t count, uint32_t code); /* of tidy ones */

/*
 * Adds a set with a name - \d \s \w by their letter, POSIX ones ("alpha"), Unicode's categories and scripts ("Lu",
 * "Greek", "Any") - folded and negated as asked. False for a name that there is not.
 */
bool ln_regex_set_add_perl(ln_regex_set *set, char letter, bool fold);
bool ln_regex_set_add_posix(ln_regex_set *set, ln_span name, bool negate, bool fold);
bool ln_regex_set_add_unicode(ln_regex_set *set, ln_span name, bool negate, bool fold);

#endif
