/*
 * The custom operators of MediaPipe's language detector: NGramHash (sequences of a text's characters as numbers in a
 * vocabulary) and KmeansEmbeddingLookup (the mean of tokens' embeddings, which are put together from a codebook).
 */
#include <string.h>

#include "kernels/unicode.h"
#include "ops/custom_options.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

/* ---- NGramHash: the first string of the input > [1, lengths, tokens] ---- */

enum { LENGTHS_MOST = 64, DEFAULT_TOKENS = 128 };

typedef struct gram_options {
  uint64_t seed;
  int64_t lengths[LENGTHS_MOST], sizes[LENGTHS_MOST], tokens;
  int32_t count;
  bool lower;
} gram_options;

static ln_status read_gram_options(const ln_node *node, ln_error *err, gram_options *out) {
  int32_t sizes = 0;
  *out = (gram_options){.tokens = DEFAULT_TOKENS, .lower = true};
  if (ln_flex_int(ln_custom_flex(node), "max_splits", &out->tokens)) {
    LN_TRY(ln_custom_int(node, err, "max_splits", 1, INT32_MAX, &out->tokens));
  }
  bool is_truth;
  if (ln_flex_has(ln_custom_flex(node), "seed", &is_truth) && !ln_flex_bits(ln_custom_flex(node), "seed", &out->seed)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "seed is no integer");
  }
  ln_flex_bool(ln_custom_flex(node), "lowercase_input", &out->lower);
  if (!ln_flex_ints(ln_custom_flex(node), "ngram_lengths", out->lengths, LENGTHS_MOST, &out->count) ||
      !ln_flex_ints(ln_custom_flex(node), "vocab_sizes", out->sizes, LENGTHS_MOST, &sizes) || sizes != out->count ||
      sizes < 1 || sizes > LENGTHS_MOST) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "needs ngram_lengths and vocab_sizes, as many of each");
  }
  for (int32_t i = 0; i < sizes; ++i) {
    if (out->sizes[i] >= 1 && out->sizes[i] < INT32_MAX && out->lengths[i] >= 0) continue;
    return ln_node_fail(node, err, LN_ERR_MODEL, "sequences of %lld in a vocabulary of %lld",
                        (long long)out->lengths[i], (long long)out->sizes[i]);
  }
  return LN_OK;
}

static bool is_letter(int32_t c) {
  const ln_category category = ln_unicode_category((uint32_t)c);
  return category >= LN_CATEGORY_LL && category <= LN_CATEGORY_LU;
}

/* In lower case; a byte that begins no character becomes U+FFFD. */
static void put_lower(ln_span text, ln_text_list *out) {
  for (size_t at = 0; at < text.size;) {
    const size_t start = at;
    uint32_t lower[3];
    const int32_t c = ln_utf8_next(text, &at);
    if (c < 0) at = start + 1;
    const bool changes = c >= 0 && is_letter(c) && ln_unicode_lower((uint32_t)c, lower) > 0;
    ln_text_put_code(out, changes ? lower[0] : (c < 0 ? LN_UNICODE_REPLACEMENT : (uint32_t)c));
  }
}

/* One string a token: "^", the characters, of which only letters stay themselves, and "$". */
static void split(ln_span text, const gram_options *options, ln_text_list *out) {
  ln_text_add(out, (ln_span){"^", 1});
  for (size_t at = 0; at < text.size && (int64_t)out->count + 1 < options->tokens && out->status == LN_OK;) {
    const size_t start = at;
    const int32_t c = ln_utf8_next(text, &at);
    if (c < 0) at = start + 1;
    if (c >= 0 && is_letter(c)) ln_text_add(out, (ln_span){text.data + start, at - start});
    else ln_text_add(out, (ln_span){" ", 1});
  }
  ln_text_add(out, (ln_span){"$", 1});
}

static uint64_t load(const char *bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
  return value;
}

static uint64_t mix(uint64_t x) { return x ^ (x >> 47); }

/* Murmur's hash of 64 bits. */
static uint64_t hash_of(ln_span text, uint64_t seed) {
  const uint64_t mul = UINT64_C(0xc6a4a7935bd1e995);
  uint64_t hash = seed ^ (text.size * mul);
  size_t at = 0;
  for (; at + 8 <= text.size; at += 8) hash = (hash ^ (mix(load(text.data + at, 8) * mul) * mul)) * mul;
  if (at < text.size) hash = (hash ^ load(text.data + at, text.size - at)) * mul;
  return mix(mix(hash) * mul);
}

static ln_status give_grams(const ln_node *node, const gram_options *options, const ln_text_list *tokens,
                            ln_error *err) {
  size_t bytes;
  const size_t count = tokens->count;
  const ln_shape shape = {3, {1, options->count, (int32_t)count}};
  if (tokens->status != LN_OK) return ln_node_fail(node, err, tokens->status, "its tokens take too much memory");
  if (count > INT32_MAX || !ln_tensor_size(LN_INT32, &shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu tokens", count);
  }
  LN_TRY(ln_host_output(node, 0, &shape, bytes, err));
  int32_t *out = node->out[0]->data;
  for (int32_t i = 0; i < options->count; ++i) {
    for (size_t t = 0; t < count; ++t) {
      const size_t left = count - t, length = (uint64_t)options->lengths[i] < left ? (size_t)options->lengths[i] : left;
      /* Tokens stand one behind another. */
      ln_span gram = {ln_text_get(tokens, t).data, 0};
      if (length > 0) gram.size = tokens->ends[t + length - 1] - (t > 0 ? tokens->ends[t - 1] : 0);
      *out++ = (int32_t)(hash_of(gram, options->seed) % (uint64_t)options->sizes[i]) + 1;
    }
  }
  return LN_OK;
}

/* Lower case may be longer or shorter: no more bytes are read than the text has, and one behind a shorter one's end. */
ln_status ln_ngram_hash_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  gram_options options;
  LN_TRY(read_gram_options(node, exec->err, &options));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  if (texts.count < 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "there is no text");
  ln_span text = ln_texts_at(&texts, 0);
  ln_text_list lower = ln_text_list_make(node), tokens = ln_text_list_make(node);
  if (options.lower) {
    put_lower(text, &lower);
    if (lower.used < text.size) ln_text_put_byte(&lower, '\0');
    const size_t most = text.size;
    ln_text_end(&lower);
    if (lower.count > 0) text = ln_text_get(&lower, 0);
    else tokens.status = lower.status;
    if (text.size > most) text.size = most;
  }
  if (tokens.status == LN_OK) split(text, &options, &tokens);
  const ln_status status = give_grams(node, &options, &tokens, exec->err);
  ln_text_list_free(&lower);
  ln_text_list_free(&tokens);
  return status;
}

/* ---- KmeansEmbeddingLookup: tokens [1, n], codes [tokens, parts], codebook [codes, width] > [1, parts * width] ----
 */

ln_status ln_kmeans_lookup_infer(ln_node *node, ln_error *err) {
  const ln_shape *tokens = &node->in[0]->shape, *codes = &node->in[1]->shape, *book = &node->in[2]->shape;
  size_t width;
  if (tokens->rank != 2 || tokens->dims[0] != 1 || codes->rank != 2 || book->rank != 2 ||
      !ln_size_mul((size_t)codes->dims[1], (size_t)book->dims[1], &width) || width > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_SHAPE,
                        "needs tokens [1, n], codes [tokens, parts] and a codebook [codes, n]");
  }
  const ln_shape shape = {2, {1, (int32_t)width}};
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Token 0 ends the text. */
ln_status ln_kmeans_lookup_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *codes = &node->in[1]->shape, *book = &node->in[2]->shape;
  const size_t parts = (size_t)codes->dims[1], width = (size_t)book->dims[1];
  const int32_t *tokens = node->in[0]->data;
  float *out = node->out[0]->data;
  int32_t count = 0;
  for (size_t i = 0; i < parts * width; ++i) out[i] = 0.0f;
  for (; count < node->in[0]->shape.dims[1] && tokens[count] != 0; ++count) {
    if (tokens[count] < 0 || tokens[count] >= codes->dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "token %d of %d", tokens[count], codes->dims[0]);
    }
    const uint8_t *code = (const uint8_t *)node->in[1]->data + (size_t)tokens[count] * parts;
    for (size_t p = 0; p < parts; ++p) {
      if (code[p] >= book->dims[0]) {
        return ln_node_fail(node, exec->err, LN_ERR_DATA, "code %d of %d", code[p], book->dims[0]);
      }
      const float *row = (const float *)node->in[2]->data + code[p] * width;
      for (size_t i = 0; i < width; ++i) out[p * width + i] += row[i];
    }
  }
  for (size_t i = 0; i < parts * width; ++i) out[i] /= (float)(count > 0 ? count : 1);
  return LN_OK;
}
