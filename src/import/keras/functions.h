/* What functions share: options that are the function's config in Keras 3, and arguments by name in tf-keras. */
#ifndef LN_IMPORT_KERAS_FUNCTIONS_H
#define LN_IMPORT_KERAS_FUNCTIONS_H

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* The option of one of two names, or the positional argument (-1: none); NULL where it is absent or null. */
const cJSON *ln_keras_choice(const ln_keras_call *call, int32_t position, const char *key, const char *other);
/* Whole numbers of it; 0 without. */
int32_t ln_keras_choices(const ln_keras_call *call, int32_t position, const char *key, const char *other,
                         int32_t *values);
int32_t ln_keras_choice_int(const ln_keras_call *call, int32_t position, const char *key, const char *other,
                            int32_t otherwise);
bool ln_keras_choice_flag(const ln_keras_call *call, const char *key, const char *other);
/* The first argument, of any type. */
int32_t ln_keras_subject(ln_keras_call *call);
/* Two arguments of one type; false after a failure. */
bool ln_keras_pair(ln_keras_call *call, int32_t *a, int32_t *b);

#endif
#endif
