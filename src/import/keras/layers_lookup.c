/* Lookups of words and numbers, bins, and what becomes of places in a list: one-hot, multi-hot, counts. */
#include <string.h>

#include "import/flex_write.h"
#include "import/keras/lookup.h"

#ifdef LN_HAVE_CJSON

enum { WORDS_MOST = 1 << 24 };

/* ---- encodings of places (int64 or int32) ---- */

/* Places that are none give zeros. */
int32_t ln_keras_encode(ln_keras_call *call, int32_t places, int32_t depth, const char *mode, int32_t weights) {
  static const int32_t last = -1, samples = -2, behind = 1;
  ln_emit *e = call->e;
  const bool ints = ln_keras_type(ln_keras_dtype(call->config)) == LN_INT32;
  if (ln_emit_failed(e)) return -1;
  const int32_t width = ln_emit_i32(e, depth);
  if (depth < 1)
    return ln_emit_refuse(e, "the size of its vocabulary is not in the file; give it with max_tokens or vocabulary");
  const int32_t rank = ln_emit_rank(e, places);
  int32_t made;
  if (strcmp(mode, "one_hot") == 0) {
    if (rank > 1 && ln_emit_dim(e, places, -1) == 1) places = ln_emit_squeeze(e, places, 1, &last);
    made = ln_emit_ones(e, places, width, -1, LN_FLOAT32);
  } else if (strcmp(mode, "multi_hot") == 0 || strcmp(mode, "binary") == 0) {
    if (rank == 1) places = ln_emit_expand(e, places, 1, &behind);
    made = ln_emit_reduce(e, LN_OP_REDUCE_MAX, ln_emit_ones(e, places, width, -1, LN_FLOAT32), 1, &samples, false);
  } else if (strcmp(mode, "count") == 0 || strcmp(mode, "tf_idf") == 0 || strcmp(mode, "tf-idf") == 0) {
    if (rank == 1) places = ln_emit_expand(e, places, 1, &behind);
    made = ln_emit_ones(e, places, width, -1, LN_FLOAT32);
    if (weights >= 0 && strcmp(mode, "count") == 0) made = ln_emit_mul(e, made, ln_emit_expand(e, weights, 1, &last));
    made = ln_emit_reduce(e, LN_OP_SUM, made, 1, &samples, false);
    if (strcmp(mode, "count") != 0) made = ln_emit_mul(e, made, weights);
  } else {
    return ln_emit_refuse(e, "output_mode %.40s is not known", mode);
  }
  return ints ? ln_emit_cast(e, made, LN_INT32) : made;
}

const char *ln_keras_dtype(const cJSON *config) {
  const cJSON *given = ln_keras_option(config, "dtype");
  if (cJSON_IsString(given)) return given->valuestring;
  return ln_keras_text(ln_keras_option(given, "config"), "name", "float32");
}

int32_t ln_keras_category_encoding(ln_keras_call *call) {
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no input");
  int32_t weights =
      ln_keras_argument(call, 1, "count_weights") != NULL ? ln_keras_tensor(call, 1, "count_weights") : -1;
  if (weights >= 0) weights = ln_keras_floats(call, weights);
  return ln_keras_encode(call, ln_emit_cast(call->e, call->inputs.items[0].tensor, LN_INT32),
                         ln_keras_int(call->config, "num_tokens", 0),
                         ln_keras_text(call->config, "output_mode", "multi_hot"), weights);
}

/* How many boundaries are not above a number. */
int32_t ln_keras_discretization(ln_keras_call *call) {
  static const int32_t last = -1;
  ln_emit *e = call->e;
  const cJSON *list = ln_keras_option(call->config, "bin_boundaries");
  const int32_t a = ln_keras_input(call), rank = ln_emit_rank(e, a);
  if (ln_emit_failed(e)) return -1;
  if (!cJSON_IsArray(list) || list->child == NULL) {
    return ln_emit_refuse(e, "its bin_boundaries are not in the file; build the layer with bin_boundaries");
  }
  if (rank >= LN_MAX_RANK) return ln_emit_refuse(e, "it has too many dimensions");
  const int32_t bounds = ln_keras_operand(call, list, LN_FLOAT32);
  const int32_t above = ln_emit_compare(e, LN_OP_GREATER_EQUAL, ln_emit_expand(e, a, 1, &last), bounds);
  const int32_t places = ln_emit_reduce(e, LN_OP_SUM, ln_emit_cast(e, above, LN_INT32), 1, &last, false);
  const char *mode = ln_keras_text(call->config, "output_mode", "int");
  if (strcmp(mode, "int") == 0) return call->k->keras3 ? places : ln_emit_cast(e, places, LN_INT64);
  return ln_keras_encode(call, places, cJSON_GetArraySize(list) + 1, mode, -1);
}

/* ---- vocabularies ---- */

static bool add_word(ln_keras_call *call, ln_keras_words *to, const char *text, size_t length) {
  if (to->count == to->room) {
    if (to->count >= WORDS_MOST) return ln_emit_refuse(call->e, "its vocabulary is too large") > 0;
    const int32_t room = to->room * 2 + 64;
    const char **texts = ln_arena_array(ln_emit_arena(call->e), (size_t)room, sizeof *texts);
    size_t *lengths = ln_arena_array(ln_emit_arena(call->e), (size_t)room, sizeof *lengths);
    if (texts == NULL || lengths == NULL) return ln_import_no_memory(call->k->import) > 0;
    if (to->count > 0) {
      memcpy(texts, to->texts, (size_t)to->count * sizeof *texts);
      memcpy(lengths, to->lengths, (size_t)to->count * sizeof *lengths);
    }
    to->texts = texts;
    to->lengths = lengths;
    to->room = room;
  }
  to->texts[to->count] = text;
  to->lengths[to->count++] = length;
  return true;
}

static bool words_of_config(ln_keras_call *call, const cJSON *list, ln_keras_words *out) {
  char room[64];
  for (const cJSON *each = list->child; each != NULL; each = each->next) {
    const char *text = ln_json_text(each, room, sizeof room);
    if (text == room) text = ln_arena_strdup(ln_emit_arena(call->e), room);
    if (text == NULL) return ln_emit_wrong(call->e, "its vocabulary is damaged") > 0;
    if (!add_word(call, out, text, strlen(text))) return false;
  }
  return true;
}

/* Lines of a file that Keras 3 puts beside the weights, where the words came from data. */
static bool words_of_file(ln_keras_call *call, const char *inside, ln_keras_words *out) {
  char name[320];
  void *data = NULL;
  size_t size = 0;
  ln_error said = {LN_OK, ""};
  const ln_file_map *map = &call->k->source->map;
  const char *path = call->weights.path != NULL ? call->weights.path : "";
  snprintf(name, sizeof name, "assets/%.200s%s/vocabulary.txt", path, inside);
  if (!call->k->is_archive || ln_zip_read(map->data, map->size, name, 1 << 28, &said, &data, &size) != LN_OK) {
    return ln_emit_refuse(call->e,
                          "its vocabulary is not in the file; give the layer its vocabulary, or save as .keras") > 0;
  }
  const char *text = ln_arena_copy(ln_emit_arena(call->e), data, size + 1);
  ln_free(data);
  if (text == NULL) return ln_import_no_memory(call->k->import) > 0;
  for (size_t at = 0; at <= size;) {
    const char *end = memchr(text + at, '\n', size - at);
    const size_t length = end != NULL ? (size_t)(end - text) - at : size - at;
    if (!add_word(call, out, text + at, length)) return false;
    at += length + 1;
  }
  return true;
}

static bool is_word(const ln_keras_words *words, int32_t index, const char *text) {
  return index < words->count && words->lengths[index] == strlen(text) &&
         memcmp(words->texts[index], text, words->lengths[index]) == 0;
}

/* A token of the config as text; NULL for none. */
static const char *token(ln_keras_call *call, const char *key, const char *otherwise) {
  char room[64];
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->config, key);
  if (item == NULL) return otherwise;
  const char *text = cJSON_IsNull(item) ? NULL : ln_json_text(item, room, sizeof room);
  return text == room ? ln_arena_strdup(ln_emit_arena(call->e), room) : text;
}

/* Words that count from `start` on, without tokens that stand in front. */
bool ln_keras_read_words(ln_keras_call *call, ln_keras_vocabulary *v) {
  const cJSON *list = ln_keras_option(call->config, "vocabulary");
  ln_keras_words *words = &v->words;
  if (cJSON_IsArray(list) ? !words_of_config(call, list, words) : !words_of_file(call, v->inside, words)) return false;
  const bool is_int = strcmp(v->mode, "int") == 0;
  v->oov_start = v->mask != NULL && is_int ? 1 : 0;
  v->start = v->oov_start + v->oov_count;
  bool special = v->start > 0;
  for (int32_t i = 0; i < v->start && special; ++i) {
    const char *wanted = i < v->oov_start ? v->mask : v->oov;
    special = wanted != NULL && is_word(words, i, wanted);
  }
  v->has_special = special;
  if (special) {
    words->texts += v->start;
    words->lengths += v->start;
    words->count -= v->start;
    words->room -= v->start;
  }
  if (words->count < 1) return ln_emit_wrong(call->e, "its vocabulary is empty") > 0;
  v->size = words->count + v->start;
  return true;
}

static void read_tokens(ln_keras_call *call, const char *oov, ln_keras_vocabulary *v) {
  *v = (ln_keras_vocabulary){.mode = ln_keras_text(call->config, "output_mode", "int"),
                             .mask = token(call, "mask_token", NULL),
                             .oov = token(call, "oov_token", oov),
                             .oov_count = ln_keras_int(call->config, "num_oov_indices", 1),
                             .inside = ""};
  if (v->oov_count < 0 || v->oov_count > 1 << 20) ln_emit_wrong(call->e, "num_oov_indices is out of range");
}

/* ---- words to places ---- */

/* The mask's word gives 0, or where places are encoded nothing. */
static int32_t table_of(ln_keras_call *call, const ln_keras_vocabulary *v) {
  ln_emit *e = call->e;
  ln_arena *arena = ln_emit_arena(e);
  const int32_t count = v->words.count + (v->mask != NULL);
  const char **texts = ln_arena_array(arena, (size_t)count, sizeof *texts);
  size_t *lengths = ln_arena_array(arena, (size_t)count, sizeof *lengths);
  int64_t *places = ln_arena_array(arena, (size_t)count, sizeof *places);
  if (texts == NULL || lengths == NULL || places == NULL) return ln_import_no_memory(call->k->import);
  for (int32_t i = 0; i < v->words.count; ++i) {
    texts[i] = v->words.texts[i];
    lengths[i] = v->words.lengths[i];
    places[i] = v->start + i;
  }
  if (v->mask != NULL) {
    texts[count - 1] = v->mask;
    lengths[count - 1] = strlen(v->mask);
    places[count - 1] = strcmp(v->mode, "int") == 0 ? 0 : -1;
  }
  const int32_t keys = ln_emit_strings(e, 1, &count, texts, lengths);
  if (keys < 0) return -1;
  return ln_import_lookup(call->k->import, call->name, LN_STRING, LN_INT64, count, ln_emit_data(e, keys),
                          ln_emit_graph(e)->tensors[keys].bytes, places, (size_t)count * sizeof *places);
}

/* Words that are not in the list: which of several places they go to. */
static int32_t hashed(ln_keras_call *call, int32_t words, int32_t count) {
  const ln_flex_option buckets = {.key = "num_buckets", .number = count};
  if (ln_keras_option(call->config, "salt") != NULL) return ln_emit_refuse(call->e, "salt is not read; leave it away");
  return ln_emit_custom_options(call->e, "StringToHashBucketFast", 1, &buckets, 1, &words, LN_INT64);
}

int32_t ln_keras_places(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t words) {
  ln_emit *e = call->e;
  const int64_t nowhere = v->oov_count == 1 ? v->oov_start : -2;
  const int32_t otherwise = ln_emit_const(e, LN_INT64, 0, NULL, &nowhere);
  const int32_t found = ln_emit_find(e, table_of(call, v), words, otherwise);
  if (v->oov_count == 1 || found < 0) return found;
  const int32_t missing = ln_emit_compare(e, LN_OP_EQUAL, found, otherwise);
  const int32_t other = v->oov_count == 0 ? ln_emit_scalar(e, LN_INT64, -1)
                                          : ln_emit_add_number(e, hashed(call, words, v->oov_count), v->oov_start);
  return ln_emit_select(e, missing, other, found);
}

/* Weights of a vocabulary's words, those of what is not in it being the mean; -1 without. */
int32_t ln_keras_idf(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t depth) {
  const cJSON *list = ln_keras_option(call->config, "idf_weights"),
              *plain = ln_keras_option(ln_keras_option(list, "config"), "value");
  const cJSON *items = cJSON_IsArray(plain) ? plain : list;
  if (strncmp(v->mode, "tf", 2) != 0) return -1;
  if (!cJSON_IsArray(items))
    return ln_emit_refuse(call->e, "its idf_weights are not in the file; give them with the vocabulary");
  float *weights = ln_arena_array(ln_emit_arena(call->e), (size_t)depth, sizeof *weights);
  if (weights == NULL) return ln_import_no_memory(call->k->import);
  double sum = 0;
  const int32_t count = cJSON_GetArraySize(items), front = v->has_special ? 0 : v->start;
  int32_t at = front;
  for (const cJSON *each = items->child; each != NULL; each = each->next) {
    sum += each->valuedouble;
    if (at < depth) weights[at++] = (float)each->valuedouble;
  }
  for (int32_t i = 0; i < front && i < depth; ++i) weights[i] = (float)(sum / (count > 0 ? count : 1));
  return ln_emit_const_view(call->e, LN_FLOAT32, 1, &depth, weights);
}

int32_t ln_keras_depth(ln_keras_call *call, const ln_keras_vocabulary *v) {
  const bool pads = ln_keras_flag(call->config, "pad_to_max_tokens", false);
  return pads ? ln_keras_int(call->config, "max_tokens", v->size) : v->size;
}

int32_t ln_keras_encoded(ln_keras_call *call, const ln_keras_vocabulary *v, int32_t places) {
  if (strcmp(v->mode, "int") == 0) return places;
  const int32_t depth = ln_keras_depth(call, v);
  const int32_t made = ln_keras_encode(call, places, depth, v->mode, ln_keras_idf(call, v, depth));
  return call->k->keras3 && strncmp(v->mode, "tf", 2) != 0 ? ln_emit_cast(call->e, made, LN_INT64) : made;
}

/* ---- places to words ---- */

/* All words with those of the mask and of what is not known in front. */
static int32_t words_constant(ln_keras_call *call, const ln_keras_vocabulary *v) {
  const int32_t count = v->words.count + v->oov_start;
  ln_arena *arena = ln_emit_arena(call->e);
  const char **texts = ln_arena_array(arena, (size_t)count + 1, sizeof *texts);
  size_t *lengths = ln_arena_array(arena, (size_t)count + 1, sizeof *lengths);
  int64_t *places = ln_arena_array(arena, (size_t)count + 1, sizeof *places);
  if (texts == NULL || lengths == NULL || places == NULL) return ln_import_no_memory(call->k->import);
  for (int32_t i = 0; i < v->words.count; ++i) {
    texts[i] = v->words.texts[i];
    lengths[i] = v->words.lengths[i];
    places[i] = v->start + i;
  }
  if (v->oov_start > 0) {
    texts[count - 1] = v->mask;
    lengths[count - 1] = strlen(v->mask);
  }
  const int32_t words = ln_emit_strings(call->e, 1, &count, texts, lengths);
  if (words < 0) return -1;
  return ln_import_lookup(call->k->import, call->name, LN_INT64, LN_STRING, count, places,
                          (size_t)count * sizeof *places, ln_emit_data(call->e, words),
                          ln_emit_graph(call->e)->tensors[words].bytes);
}

int32_t ln_keras_string_lookup(ln_keras_call *call) {
  ln_emit *e = call->e;
  ln_keras_vocabulary v;
  if (call->inputs.count < 1) return ln_emit_wrong(e, "it has no input");
  const int32_t a = call->inputs.items[0].tensor;
  read_tokens(call, "[UNK]", &v);
  if (ln_emit_failed(e) || !ln_keras_read_words(call, &v)) return -1;
  if (!ln_keras_flag(call->config, "invert", false)) return ln_keras_encoded(call, &v, ln_keras_places(call, &v, a));
  const char *unknown = v.oov != NULL ? v.oov : "";
  const size_t length = strlen(unknown);
  return ln_emit_find(e, words_constant(call, &v), ln_emit_cast(e, a, LN_INT64),
                      ln_emit_strings(e, 0, NULL, &unknown, &length));
}

/* ---- numbers ---- */

static int64_t *numbers_of(ln_keras_call *call, const ln_keras_words *words) {
  int64_t *numbers = ln_arena_array(ln_emit_arena(call->e), (size_t)words->count + 1, sizeof *numbers);
  if (numbers == NULL) ln_import_no_memory(call->k->import);
  for (int32_t i = 0; i < words->count && numbers != NULL; ++i) numbers[i] = strtoll(words->texts[i], NULL, 10);
  return numbers;
}

/* By comparing with all numbers: TensorFlow Lite has no table from numbers to numbers. */
static int32_t number_places(ln_keras_call *call, const ln_keras_vocabulary *v, const int64_t *numbers, int32_t a) {
  static const int32_t last = -1;
  ln_emit *e = call->e;
  const int32_t list = ln_emit_vector64(e, v->words.count, numbers);
  const int32_t matches = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_expand(e, a, 1, &last), list);
  const int32_t place = ln_emit_arg(e, LN_OP_ARG_MAX, ln_emit_cast(e, matches, LN_INT32), -1, false, LN_INT64);
  const int32_t known = ln_emit_reduce(e, LN_OP_REDUCE_ANY, matches, 1, &last, false);
  int32_t other;
  if (v->oov_count > 1) {
    if (ln_keras_is(call->config, "oov_method", "farmhash"))
      return ln_emit_refuse(e, "oov_method farmhash is not read; use floormod");
    other = ln_emit_binary(e, LN_OP_FLOOR_MOD, a, ln_emit_scalar(e, LN_INT64, v->oov_count));
    other = ln_emit_add(e, other, ln_emit_scalar(e, LN_INT64, v->oov_start));
  } else {
    other = ln_emit_scalar(e, LN_INT64, v->oov_count == 1 ? v->oov_start : -1);
  }
  int32_t result = ln_emit_select(e, known, ln_emit_add(e, place, ln_emit_scalar(e, LN_INT64, v->start)), other);
  if (v->mask == NULL) return result;
  const int32_t is_mask = ln_emit_compare(e, LN_OP_EQUAL, a, ln_emit_scalar(e, LN_INT64, strtod(v->mask, NULL)));
  return ln_emit_select(e, is_mask, ln_emit_scalar(e, LN_INT64, strcmp(v->mode, "int") == 0 ? 0 : -1), result);
}

/* The number at a place; what is not known gives oov_token. */
static int32_t numbers_at(ln_keras_call *call, const ln_keras_vocabulary *v, const int64_t *numbers, int32_t a) {
  ln_emit *e = call->e;
  const int32_t list = ln_emit_vector64(e, v->words.count, numbers), zero = ln_emit_scalar(e, LN_INT64, 0);
  const int32_t place = ln_emit_sub(e, a, ln_emit_scalar(e, LN_INT64, v->start));
  const int32_t end = ln_emit_scalar(e, LN_INT64, v->words.count - 1);
  const int32_t inside = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, place, zero),
                                        ln_emit_compare(e, LN_OP_LESS_EQUAL, place, end));
  const int32_t safe = ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_binary(e, LN_OP_MAXIMUM, place, zero), end);
  const int32_t found = ln_emit_gather(e, list, ln_emit_cast(e, safe, LN_INT32), 0, 0);
  const int32_t unknown = ln_emit_scalar(e, LN_INT64, v->oov != NULL ? strtod(v->oov, NULL) : -1);
  const int32_t result = ln_emit_select(e, inside, found, unknown);
  if (v->oov_start == 0) return result;
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_EQUAL, a, zero), ln_emit_scalar(e, LN_INT64, strtod(v->mask, NULL)),
                        result);
}

int32_t ln_keras_integer_lookup(ln_keras_call *call) {
  ln_keras_vocabulary v;
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no input");
  const int32_t a = ln_emit_cast(call->e, call->inputs.items[0].tensor, LN_INT64);
  read_tokens(call, "-1", &v);
  if (ln_emit_failed(call->e) || !ln_keras_read_words(call, &v)) return -1;
  const int64_t *numbers = numbers_of(call, &v.words);
  if (numbers == NULL) return -1;
  if (ln_keras_flag(call->config, "invert", false)) return numbers_at(call, &v, numbers, a);
  return ln_keras_encoded(call, &v, number_places(call, &v, numbers, a));
}

/* ---- hashes ---- */

int32_t ln_keras_hashing(ln_keras_call *call) {
  static const int32_t last = -1;
  ln_emit *e = call->e;
  const int32_t bins = ln_keras_int(call->config, "num_bins", 0);
  const char *mask = token(call, "mask_value", NULL), *mode = ln_keras_text(call->config, "output_mode", "int");
  if (call->inputs.count < 1 || bins < 1) return ln_emit_wrong(e, "num_bins is out of range");
  int32_t a = call->inputs.items[0].tensor, is_mask = -1;
  if (strcmp(mode, "one_hot") == 0 && ln_emit_rank(e, a) > 1 && ln_emit_dim(e, a, -1) == 1)
    a = ln_emit_squeeze(e, a, 1, &last);
  if (ln_emit_failed(e)) return -1;
  if (mask != NULL && bins > 1) {
    const size_t length = strlen(mask);
    const ln_type type = ln_emit_type(e, a);
    const int32_t value =
        type == LN_STRING ? ln_emit_strings(e, 0, NULL, &mask, &length) : ln_emit_scalar(e, type, strtod(mask, NULL));
    is_mask = ln_emit_compare(e, LN_OP_EQUAL, a, value);
  }
  if (ln_emit_type(e, a) == LN_FLOAT32) a = ln_emit_cast(e, a, LN_INT64);
  if (ln_emit_type(e, a) != LN_STRING) a = ln_emit_custom_options(e, "AsString", 0, NULL, 1, &a, LN_STRING);
  int32_t places = hashed(call, a, is_mask >= 0 ? bins - 1 : bins);
  if (is_mask >= 0) {
    places = ln_emit_add(e, places, ln_emit_scalar(e, LN_INT64, 1));
    places = ln_emit_select(e, is_mask, ln_emit_scalar(e, LN_INT64, 0), places);
  }
  return strcmp(mode, "int") == 0 ? places : ln_keras_encode(call, places, bins, mode, -1);
}

#endif
