/* Tables of docs/train.md against the rows that they list. */
#ifndef LN_TESTS_DOCUMENTED_H
#define LN_TESTS_DOCUMENTED_H

#include "linnet/optimize.h"

/* Fails unless the table under "## section" has a line for each name that `at` gives, in that order, and no others. */
void check_documented(const char *section, const char *(*at)(int32_t index));
/* Fails unless line `index` names the parameters of that row with what they are where none is said: "`beta_1` 0.9". */
void check_documented_parameters(const char *section, const ln_parameter *(*at)(int32_t index));

#endif
