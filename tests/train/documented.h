/* Tables of docs/train.md against the rows that they list. */
#ifndef LN_TESTS_DOCUMENTED_H
#define LN_TESTS_DOCUMENTED_H

#include <stdint.h>

/* Fails unless the table under "## section" has a line for each name that `at` gives, in that order, and no others. */
void check_documented(const char *section, const char *(*at)(int32_t index));

#endif
