/* What layers that look words up share. */
#ifndef LN_IMPORT_KERAS_LOOKUP_H
#define LN_IMPORT_KERAS_LOOKUP_H

#include <stdio.h>
#include <stdlib.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

typedef struct ln_keras_words {
  const char **texts;
  size_t *lengths;
  int32_t count, room;
} ln_keras_words;

/* Places: that of a mask, of what is not known, then of the words. */
typedef struct ln_keras_vocabulary {
  ln_keras_words words;
  const char *mode, *mask, *oov; /* tokens; NULL: none */
  const char *inside;            /* of the layer's assets: where they are */
  int32_t oov_count, oov_start, start, size;
  bool has_special; /* the file's list began with the tokens */
} ln_keras_vocabulary;

const char *ln_keras_dtype(const cJSON *config);
/* The words; the tokens are set before. */
bool ln_keras_read_words(ln_keras_call *call, ln_keras_vocabulary *v);
/* Places (int64) of a tensor of words. */
int32_t ln_keras_places(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t words);
int32_t ln_keras_depth(ln_keras_call *call, const ln_keras_vocabulary *v);
int32_t ln_keras_idf(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t depth);
/* Places as the layer's output_mode has them. */
int32_t ln_keras_encoded(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t places);
/* Places as float32 of a width; `weights`: of counts, or of words (tf_idf); -1. */
int32_t ln_keras_encode(ln_keras_call *call, int32_t places, int32_t depth, const char *mode, int32_t weights);

#endif
#endif
