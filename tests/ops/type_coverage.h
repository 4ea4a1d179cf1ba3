/* Which element types of the operators' rows the cases hold: run_cases --coverage=types. */
#ifndef LN_TESTS_TYPE_COVERAGE_H
#define LN_TESTS_TYPE_COVERAGE_H

#include "linnet/linnet.h"

/* What was seen of each alternative of each row; NULL when memory is short. The caller's, to free. */
typedef struct seen_types seen_types;
seen_types *seen_types_make(void);
void seen_types_free(seen_types *seen);

/* Notes the operators of a model. */
void seen_types_note(seen_types *seen, const ln_model *model);
/* Prints what no case held - alternatives, types of input 0 and of operands that others must equal - and counts it. */
int seen_types_report(const seen_types *seen);

#endif
