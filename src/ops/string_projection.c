/*
 * SEQUENCE_STRING_PROJECTION (of the words or characters of a text) and _V2 (of the strings of [1, n]), the input of
 * seq_flow_lite's models: each token, in lower case, becomes a row of features in {-1, 0, 1}, two bits each of a hash
 * of it. Output: [1, rows, features], float32 or uint8.
 */
#include <math.h>
#include <string.h>

#include "kernels/unicode.h"
#include "ops/coo.h"
#include "ops/custom_options.h"
#include "ops/rows.h"

typedef struct projection {
  const ln_node *node;
  int64_t features, most, novelty_bits, size_levels;
  bool by_space, begin, end, letters_only, contract;
  ln_span separators;
  ln_number_list known;  /* the characters that stay; none: all */
  ln_text_list tokens;   /* as they stand in the text */
  ln_text_list steps[2]; /* a string being changed, from one to the other */
  ln_number_list places; /* where its characters begin, and its end */
  ln_number_list hashes; /* the first hash of each row */
} projection;

static void projection_free(projection *p) {
  ln_number_list_free(&p->known);
  ln_text_list_free(&p->tokens);
  ln_text_list_free(&p->steps[0]);
  ln_text_list_free(&p->steps[1]);
  ln_number_list_free(&p->places);
  ln_number_list_free(&p->hashes);
}

/* A character, or -1 for a byte that begins none, which is passed alone. */
static int32_t next_character(ln_span text, size_t *at) {
  const size_t start = *at;
  const int32_t c = ln_utf8_next(text, at);
  if (c < 0) *at = start + 1;
  return c == LN_UNICODE_REPLACEMENT ? -1 : c;
}

static uint32_t lower_of(int32_t c) {
  uint32_t out[3];
  return ln_unicode_lower((uint32_t)c, out) > 0 ? out[0] : (uint32_t)c;
}

/* ---- options ---- */

static ln_status option_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high,
                            int64_t *out) {
  int64_t value;
  return ln_flex_int(ln_custom_flex(node), key, &value) ? ln_custom_int(node, err, key, low, high, out) : LN_OK;
}

static void option_bool(const ln_node *node, const char *key, bool *out) {
  ln_flex_bool(ln_custom_flex(node), key, out);
}

static bool is_known(const projection *p, uint32_t c) {
  for (size_t i = 0; i < p->known.count; ++i) {
    if (p->known.items[i] == (int64_t)c) return true;
  }
  return p->known.count == 0;
}

/* The vocabulary's characters that are in lower case. */
static void read_vocabulary(projection *p, ln_span text) {
  for (size_t at = 0; at < text.size;) {
    const int32_t c = next_character(text, &at);
    if (c >= 0 && lower_of(c) == (uint32_t)c && (p->known.count == 0 || !is_known(p, (uint32_t)c))) {
      ln_number_add(&p->known, c);
    }
  }
}

static ln_status projection_open(const ln_node *node, ln_error *err, projection *p) {
  enum { FEATURES_MOST = 1 << 16 };
  const bool second = node->op->def->variant != 0;
  ln_span vocabulary = {"", 0};
  *p = (projection){.node = node, .most = -1, .by_space = second, .end = !second, .separators = {"", 0}};
  p->known = p->places = p->hashes = ln_number_list_make(node);
  p->tokens = p->steps[0] = p->steps[1] = ln_text_list_make(node);
  LN_TRY(ln_custom_int(node, err, "feature_size", 1, FEATURES_MOST, &p->features));
  ln_flex_string(ln_custom_flex(node), "vocabulary", &vocabulary.data, &vocabulary.size);
  option_bool(node, "add_bos_tag", &p->begin);
  option_bool(node, "add_eos_tag", &p->end);
  option_bool(node, "normalize_repetition", &p->contract);
  read_vocabulary(p, vocabulary);
  if (second) return LN_OK;
  LN_TRY(option_int(node, err, "max_splits", -1, INT32_MAX, &p->most));
  LN_TRY(option_int(node, err, "word_novelty_bits", 0, 7, &p->novelty_bits));
  LN_TRY(option_int(node, err, "doc_size_levels", 0, 16, &p->size_levels));
  option_bool(node, "split_on_space", &p->by_space);
  option_bool(node, "exclude_nonalphaspace_unicodes", &p->letters_only);
  ln_flex_string(ln_custom_flex(node), "token_separators", &p->separators.data, &p->separators.size);
  if (p->most != 0 && (p->size_levels == 0 || p->features >= 2)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "max_splits is %lld of %lld features", (long long)p->most,
                      (long long)p->features);
}

/* ---- texts, one step after another ---- */

/* The string that a step wrote, for the next to read; *to is where that one writes. */
static ln_span step_open(projection *p, int from, ln_text_list **to) {
  *to = &p->steps[1 - from];
  ln_text_list_cut(*to, 0);
  return p->steps[from].count > 0 ? ln_text_get(&p->steps[from], 0) : (ln_span){"", 0};
}

static bool is_repeated(const projection *p, ln_span text, size_t i, size_t k, size_t count) {
  const size_t a = (size_t)p->places.items[i], b = (size_t)p->places.items[k];
  const size_t size = (size_t)p->places.items[i + count] - a;
  return size == (size_t)p->places.items[k + count] - b && memcmp(text.data + a, text.data + b, size) == 0;
}

/* What stands three or more times in a row, `count` characters of it, stays twice; not spaces nor digits. */
static void contract(projection *p, int from, size_t count) {
  ln_text_list *out;
  const ln_span text = step_open(p, from, &out);
  p->places.count = 0;
  for (size_t at = 0; at < text.size; (void)next_character(text, &at)) ln_number_add(&p->places, (int64_t)at);
  const size_t characters = p->places.count;
  ln_number_add(&p->places, (int64_t)text.size);
  if (p->places.status != LN_OK) return;
  for (size_t i = 0; i < characters;) {
    const size_t start = (size_t)p->places.items[i], next = (size_t)p->places.items[i + 1];
    size_t times = 1;
    if (text.size >= 3 * count && i + count <= characters) {
      const size_t end = (size_t)p->places.items[i + count];
      const bool plain =
          memchr(text.data + start, ' ', end - start) == NULL && (text.data[start] < '0' || text.data[start] > '9');
      while (plain && i + (times + 1) * count <= characters && is_repeated(p, text, i, i + times * count, count))
        ++times;
      if (times >= 3) {
        ln_text_put(out, text.data + start, end - start);
        ln_text_put(out, text.data + start, end - start);
        i += times * count;
        continue;
      }
    }
    ln_text_put(out, text.data + start, next - start);
    ++i;
  }
  ln_text_end(out);
}

static bool is_separator(const projection *p, char c) {
  return c != ' ' && p->separators.size > 0 && memchr(p->separators.data, c, p->separators.size) != NULL;
}

/* Spaces around separators, but none behind an apostrophe. */
static void part(projection *p, int from) {
  ln_text_list *out;
  const ln_span text = step_open(p, from, &out);
  char last = ' ';
  for (size_t i = 0; i < text.size; ++i) {
    const char c = text.data[i];
    const bool parts = is_separator(p, c);
    if (parts && i > 0 && text.data[i - 1] != ' ' && last != ' ') ln_text_put_byte(out, ' ');
    ln_text_put_byte(out, c);
    last = c;
    if (!parts || i + 1 >= text.size || text.data[i + 1] == ' ' || c == '\'') continue;
    ln_text_put_byte(out, ' ');
    last = ' ';
  }
  ln_text_end(out);
}

/* Into steps[the result], from there. */
static int normalize(projection *p, int at, bool parts) {
  for (size_t count = 1; count <= 3 && p->contract; ++count, at = 1 - at) contract(p, at, count);
  if (!parts || p->separators.size == 0) return at;
  part(p, at);
  return 1 - at;
}

/* ---- tokens ---- */

static void split_at_spaces(projection *p, ln_span text) {
  size_t start = 0;
  while (start < text.size && text.data[start] == ' ') ++start;
  for (;;) {
    const char *space = start < text.size ? memchr(text.data + start, ' ', text.size - start) : NULL;
    const size_t end = space != NULL ? (size_t)(space - text.data) : text.size;
    /* With one token left to take, what stands up to the next space is the last, empty or not. */
    const bool last = space == NULL || (p->most > 0 && p->tokens.count + 1 >= (size_t)p->most);
    if (end > start) ln_text_add(&p->tokens, (ln_span){text.data + start, end - start});
    if (last || p->tokens.status != LN_OK) return;
    start = end + 1;
  }
}

static void split_characters(projection *p, ln_span text) {
  for (size_t at = 0; at < text.size && (p->most < 0 || p->tokens.count < (size_t)p->most);) {
    const size_t start = at;
    next_character(text, &at);
    if (!ln_text_add(&p->tokens, (ln_span){text.data + start, at - start})) return;
  }
}

static ln_status find_tokens(projection *p, ln_error *err) {
  const ln_node *node = p->node;
  ln_texts texts;
  LN_TRY(ln_texts_open(node, 0, err, &texts));
  if (texts.count < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "there is no text");
  if (node->op->def->variant != 0) {
    const ln_shape *shape = &node->in[0]->shape;
    if (shape->rank != 2 || shape->dims[0] != 1)
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the words must be [1, n]");
    for (size_t i = 0; i < texts.count; ++i) ln_text_add(&p->tokens, ln_texts_at(&texts, i));
    return LN_OK;
  }
  ln_text_add(&p->steps[0], ln_texts_at(&texts, 0));
  const int at = normalize(p, 0, true);
  if (p->steps[at].count == 0) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  const ln_span text = ln_text_get(&p->steps[at], 0);
  if (p->by_space) split_at_spaces(p, text);
  else split_characters(p, text);
  if (p->tokens.count > 0 || p->begin || p->end) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "the text has no words");
}

/* A token in lower case, of the characters that are known. */
static ln_span make_word(projection *p, size_t token) {
  const ln_span text = ln_text_get(&p->tokens, token);
  ln_text_list *out = &p->steps[0];
  ln_text_list_cut(out, 0);
  for (size_t at = 0; at < text.size;) {
    const int32_t c = next_character(text, &at);
    if (c < 0) continue;
    const uint32_t lower = lower_of(c);
    const ln_category category = ln_unicode_category(lower);
    const bool letter = category >= LN_CATEGORY_LL && category <= LN_CATEGORY_LU;
    if ((!p->letters_only || letter || lower == ' ') && is_known(p, lower)) ln_text_put_code(out, lower);
  }
  ln_text_end(out);
  const int at = p->node->op->def->variant != 0 ? normalize(p, 0, false) : 0;
  return p->steps[at].count > 0 ? ln_text_get(&p->steps[at], 0) : (ln_span){"", 0};
}

/* ---- hashes: Murmur's 128 bits, and as many more as the features need ---- */

static const uint64_t mul = UINT64_C(0xc6a4a7935bd1e995), mul2 = UINT64_C(0x9e3779b97f4a7835);

static uint64_t mix(uint64_t x) { return x ^ (x >> 47); }

/* Bytes from 128 on reach over all higher bits, as they do where C's char is signed: there the models were trained. */
static uint64_t load(const char *bytes, size_t count) {
  uint64_t value = 0;
  while (count-- > 0) value = (value << 8) | (uint64_t)(int64_t)(int8_t)bytes[count];
  return value;
}

static void hash_first(ln_span word, uint64_t hash[2]) {
  uint64_t a = word.size * mul, b = 0;
  size_t at = 0;
  for (; at + 8 <= word.size; at += 8) {
    a ^= mix(load(word.data + at, 8) * mul) * mul;
    a *= mul;
    b ^= a;
  }
  if (at < word.size) {
    a = (a ^ load(word.data + at, word.size - at)) * mul;
    b ^= a;
  }
  a = mix(a) * mul;
  b ^= a;
  hash[0] = mix(a);
  hash[1] = mix(b * mul2) * mul2;
}

static void hash_more(uint64_t hash[2]) {
  const uint64_t a = mix(hash[0]) * mul, b = hash[1] ^ a;
  hash[0] = mix(b * mul2) * mul2;
  hash[1] = mix(a);
}

/* ---- features ---- */

static void put_feature(const projection *p, size_t at, float value) {
  ln_tensor *out = p->node->out[0];
  if (out->type == LN_FLOAT32) {
    ((float *)out->data)[at] = value;
    return;
  }
  const float steps = value * 127.0f;
  const int32_t stored = steps > -1e6f ? (int32_t)(steps + (steps >= 0.0f ? 0.5f : -0.5f)) + 127 : 0;
  ((uint8_t *)out->data)[at] = (uint8_t)(stored < 0 ? 0 : (stored > 255 ? 255 : stored));
}

static void put_ternary(const projection *p, size_t at, uint64_t bits) {
  static const float reals[4] = {0.0f, 1.0f, -1.0f, 0.0f};
  static const uint8_t bytes[4] = {127, 255, 0, 127};
  ln_tensor *out = p->node->out[0];
  if (out->type == LN_FLOAT32) ((float *)out->data)[at] = reals[bits & 3];
  else ((uint8_t *)out->data)[at] = bytes[bits & 3];
}

static void put_row(projection *p, size_t row, ln_span word) {
  enum { A_HASH = 32 /* features */ };
  const size_t features = (size_t)p->features;
  uint64_t hash[2];
  hash_first(word.size > 0 ? word : (ln_span){"<null>", 6}, hash);
  ln_number_add(&p->hashes, (int64_t)hash[0]);
  for (size_t k = 0; k < features; ++k) {
    const size_t bit = 2 * (k % A_HASH);
    if (k > 0 && k % ((size_t)2 * A_HASH) == 0) hash_more(hash);
    put_ternary(p, row * features + k, hash[k / A_HASH % 2] >> bit);
  }
}

static int compare_hashes(const void *context, size_t a, size_t b) {
  const int64_t *hashes = context;
  return (hashes[a] > hashes[b]) - (hashes[a] < hashes[b]);
}

/* The last feature of each row: how often its word came before. */
static ln_status put_novelty(projection *p, ln_error *err) {
  ln_status status;
  size_t twice = 0, times = 0;
  const size_t rows = p->hashes.count;
  if (!ln_size_mul(rows, 2, &twice)) return LN_ERR_LIMIT;
  size_t *order = ln_run_alloc(p->node, twice, sizeof *order, err, &status);
  if (status == LN_OK) ln_order(order, order + rows, rows, compare_hashes, p->hashes.items);
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    times = i > 0 && p->hashes.items[order[i]] == p->hashes.items[order[i - 1]] ? times + 1 : 0;
    const float value = (float)times * (2.0f / (float)(1 << p->novelty_bits)) - 1.0f;
    put_feature(p, (order[i] + 1) * (size_t)p->features - 1, value < 1.0f ? value : 1.0f);
  }
  ln_free(order);
  return status;
}

static void put_size(projection *p, size_t rows) {
  const float levels = (float)p->size_levels, words = log2f((float)p->tokens.count) / levels;
  const float value = (words < 1.0f ? words : 1.0f) * 2.0f - 1.0f;
  for (size_t r = 0; r < rows; ++r) put_feature(p, (r + 1) * (size_t)p->features - 2, value);
}

static ln_status project(projection *p, ln_error *err) {
  size_t rows = p->begin, bytes;
  const size_t total = p->tokens.count + p->begin + p->end;
  const ln_node *node = p->node;
  ln_shape shape = {3, {1, (int32_t)total, (int32_t)p->features}};
  if (total > INT32_MAX || !ln_tensor_size(node->out[0]->type, &shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu words", total);
  }
  LN_TRY(ln_host_output(node, 0, &shape, bytes, err));
  if (p->begin) put_row(p, 0, (ln_span){"<BOS>", 5});
  for (size_t i = 0; i < p->tokens.count; ++i) put_row(p, rows++, make_word(p, i));
  if (p->end) put_row(p, rows++, (ln_span){"<EOS>", 5});
  const ln_status states[] = {p->steps[0].status, p->steps[1].status, p->places.status,
                              p->hashes.status,   p->tokens.status,   p->known.status};
  for (size_t i = 0; i < LN_COUNT(states); ++i) {
    if (states[i] != LN_OK) return ln_node_fail(node, err, states[i], "its words take too much memory");
  }
  if (p->novelty_bits > 0) LN_TRY(put_novelty(p, err));
  if (p->size_levels > 0) put_size(p, rows);
  return LN_OK;
}

ln_status ln_string_projection_run(const ln_node *node, ln_exec *exec) {
  projection p;
  ln_status status = projection_open(node, exec->err, &p);
  if (status == LN_OK) status = find_tokens(&p, exec->err);
  if (status == LN_OK) status = project(&p, exec->err);
  projection_free(&p);
  return status;
}
