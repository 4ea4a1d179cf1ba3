/* Do two models say the same? */
#ifndef LN_TESTS_MODEL_EQUAL_H
#define LN_TESTS_MODEL_EQUAL_H

#include "ir/ir.h"

/* NULL when they do, else what differs, as text that stays until the next call. */
const char *model_difference(const ln_model *a, const ln_model *b);

#endif
