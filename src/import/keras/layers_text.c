/* TextVectorization: texts are cleaned, split into words, and looked up. */
#include <string.h>

#include "import/flex_write.h"
#include "import/keras/lookup.h"

#ifdef LN_HAVE_CJSON

static int32_t on_text(ln_keras_call *call, const char *name, int32_t count, const ln_flex_option *options, int32_t a) {
  return ln_emit_custom_options(call->e, name, count, options, 1, &a, LN_STRING);
}

static int32_t standardized(ln_keras_call *call, int32_t a) {
  const cJSON *item = ln_keras_option(call->config, "standardize");
  const char *how = cJSON_IsString(item) ? item->valuestring : item == NULL ? "" : NULL;
  const bool both = how != NULL && strcmp(how, "lower_and_strip_punctuation") == 0;
  static const ln_flex_option encoding = {.key = "encoding", .text = ""};
  static const ln_flex_option punctuation[3] = {
      {.key = "pattern", .text = "[!\"#$%&()\\*\\+,-\\./:;<=>?@\\[\\\\\\]^_`{|}~\\']"},
      {.key = "rewrite", .text = ""},
      {.key = "replace_global", .number = 1, .is_bool = true}};
  if (how == NULL || (how[0] != 0 && !both && strcmp(how, "lower") != 0 && strcmp(how, "strip_punctuation") != 0)) {
    return ln_emit_refuse(call->e, "standardize is a Python function, which is never executed; use one of Keras's own");
  }
  if (both || strcmp(how, "lower") == 0) a = on_text(call, "StringLower", 1, &encoding, a);
  if (both || strcmp(how, "strip_punctuation") == 0) a = on_text(call, "StaticRegexReplace", 3, punctuation, a);
  return a;
}

/* Words of each text with their places: [n, 2] row and column, [n], [rows, columns]. */
typedef struct split {
  int32_t places, words, shape;
} split;

static bool split_words(ln_keras_call *call, int32_t a, split *out) {
  static const ln_flex_option most = {.key = "maxsplit", .number = -1};
  static const ln_type types[3] = {LN_INT64, LN_STRING, LN_INT64};
  static const int32_t pairs[2] = {-1, 2}, open[1] = {-1}, two[1] = {2};
  ln_emit *e = call->e;
  const char *separator = "";
  const size_t none = 0;
  size_t size = 0;
  int32_t made[3];
  const uint8_t *options = ln_flex_write(ln_emit_arena(e), 1, &most, &size);
  if (options == NULL) return ln_import_no_memory(call->k->import) > 0;
  const int32_t inputs[2] = {a, ln_emit_strings(e, 0, NULL, &separator, &none)};
  if (!ln_emit_custom(e, "StringSplitV2", options, size, 2, inputs, 3, types, made)) return false;
  ln_emit_declare(e, made[0], 2, pairs);
  ln_emit_declare(e, made[1], 1, open);
  ln_emit_declare(e, made[2], 1, two);
  *out = (split){made[0], made[1], made[2]};
  return !ln_emit_failed(e);
}

/* [rows, columns] of places, with `rest` where a text has no more words. */
static int32_t spread(ln_keras_call *call, const split *words, int32_t rows, int32_t places, int64_t rest) {
  ln_emit *e = call->e;
  const int32_t inputs[4] = {words->places, words->shape, places, ln_emit_const(e, LN_INT64, 0, NULL, &rest)};
  const int32_t made = ln_emit_op(e, LN_OP_SPARSE_TO_DENSE, NULL, 4, inputs, LN_INT64);
  const int32_t dims[2] = {ln_emit_dim(e, rows, 0), -1};
  ln_emit_declare(e, made, 2, dims);
  return made;
}

/* Exactly that many columns. */
static int32_t of_length(ln_keras_call *call, int32_t a, int32_t rows, int32_t length) {
  static const int32_t before[2] = {0, 0}, begin[2] = {0, 0};
  ln_emit *e = call->e;
  const int32_t after[2] = {0, length}, size[2] = {-1, length};
  const int32_t padded = ln_emit_pad(e, a, before, after, 0);
  const ln_dim dims[2] = {LN_DIM_OF(rows, 0), LN_DIM(length)};
  return ln_emit_reshape(e, ln_emit_slice_all(e, padded, begin, size), 2, dims);
}

static bool read_vocabulary(ln_keras_call *call, ln_keras_vocabulary *v) {
  *v = (ln_keras_vocabulary){.mode = ln_keras_text(call->config, "output_mode", "int"),
                             .mask = "",
                             .oov = "[UNK]",
                             .oov_count = 1,
                             .inside = "/_lookup_layer"};
  return ln_keras_read_words(call, v);
}

static int32_t vectors(ln_keras_call *call, const ln_keras_vocabulary *v, const split *words, int32_t rows) {
  const bool ints = strcmp(v->mode, "int") == 0;
  const int32_t length = ln_keras_int(call->config, "output_sequence_length", -1);
  const int32_t table = spread(call, words, rows, ln_keras_places(call, v, words->words), ints ? 0 : -1);
  if (ints) return length < 1 ? table : of_length(call, table, rows, length);
  return ln_keras_encoded(call, v, table);
}

int32_t ln_keras_text_vectorization(ln_keras_call *call) {
  static const int32_t last = -1;
  ln_emit *e = call->e;
  ln_keras_vocabulary v;
  split words = {-1, -1, -1};
  if (call->inputs.count < 1) return ln_emit_wrong(e, "it has no input");
  int32_t a = call->inputs.items[0].tensor;
  const cJSON *how = ln_keras_option(call->config, "split");
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_type(e, a) != LN_STRING) return ln_emit_wrong(e, "its input is not of strings");
  if (!cJSON_IsString(how) || strcmp(how->valuestring, "whitespace") != 0) {
    return ln_emit_refuse(e, "it splits in another way than at white space, which is not read");
  }
  if (ln_keras_option(call->config, "ngrams") != NULL) return ln_emit_refuse(e, "ngrams are not read; leave them away");
  if (ln_keras_flag(call->config, "ragged", false))
    return ln_emit_refuse(e, "ragged outputs are not in TensorFlow Lite; use ragged=False");
  if (!read_vocabulary(call, &v)) return -1;
  a = standardized(call, a);
  if (ln_emit_rank(e, a) > 1) a = ln_emit_squeeze(e, a, 1, &last);
  if (!ln_emit_failed(e) && ln_emit_rank(e, a) != 1) return ln_emit_refuse(e, "one text an example is wanted");
  return split_words(call, a, &words) ? vectors(call, &v, &words, a) : -1;
}

#endif
