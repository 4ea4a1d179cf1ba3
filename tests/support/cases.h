/* The operators' one-operator models (tests/ops/cases) as material for other tests; tests/ops/gen/lib.py makes them. */
#ifndef LN_TESTS_CASES_H
#define LN_TESTS_CASES_H

#include "linnet/linnet.h"

typedef void (*ln_test_model_check)(const char *path, ln_model *model);

/* Hands every `step`-th case of every family that is not refused to `check`, in a scratch folder; returns how many
 * cases there are. */
int ln_test_each_case(int step, ln_test_model_check check);
/* The path of "family/name.tflite". */
const char *ln_test_case_path(char *buffer, size_t size, const char *name);
/* Resizes the session's inputs to the case's shapes. */
ln_status ln_test_case_resize(const ln_model *model, ln_session *session, ln_error *err);
/* The bytes of an input; NULL when the case has none. */
const void *ln_test_case_input(const ln_model *model, int32_t index, size_t *bytes);

/* Cases that write files name them without a folder: the program goes to a folder of its own for them, and clears it.
 */
bool ln_test_enter_scratch(void);
void ln_test_leave_scratch(void);

#endif
