/*
 * TF Text's splitting operators: WhitespaceTokenizeWithOffsetsV2, ByteSplitWithOffsets, ByteSplitByOffsets,
 * NgramsStringJoin, Utf8Binarize; and the WhitespaceTokenizer and Ngrams of TFLite's first custom operators on text.
 */
#include <string.h>

#include "kernels/unicode.h"
#include "ops/custom_options.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

/* ---- words between white space ---- */

/* The model is a string of bits, one for each code point up to the last space. */
static bool is_space(ln_span bits, int32_t code_point) {
  if (code_point < 0 || (size_t)(code_point >> 3) >= bits.size) return false;
  return ((uint8_t)bits.data[code_point >> 3] >> (code_point & 7) & 1) != 0;
}

typedef struct words {
  ln_text_list tokens;
  ln_number_list splits, starts, ends;
} words;

static words words_make(const ln_node *node) {
  const words w = {ln_text_list_make(node), ln_number_list_make(node), ln_number_list_make(node),
                   ln_number_list_make(node)};
  return w;
}

static void words_free(words *w) {
  ln_text_list_free(&w->tokens);
  ln_number_list_free(&w->splits);
  ln_number_list_free(&w->starts);
  ln_number_list_free(&w->ends);
}

static void add_word(words *w, ln_span text, size_t start, size_t end) {
  const ln_span token = {text.data + start, end - start};
  ln_text_add(&w->tokens, token);
  ln_number_add(&w->starts, (int64_t)start);
  ln_number_add(&w->ends, (int64_t)end);
}

/* TF Text takes a space for one byte when it ends a word, whatever it takes, so that the first bytes of a longer one
 * belong to the word before it; `exact` does not. */
static void split_words(words *w, ln_span text, const ln_span *bits, bool exact) {
  size_t start = 0, at = 0;
  bool inside = false;
  while (at < text.size) {
    const size_t before = at;
    const int32_t c = ln_utf8_next(text, &at);
    const bool space = bits != NULL ? is_space(*bits, c) : c >= 0 && ln_unicode_is_space((uint32_t)c);
    if (space && inside) add_word(w, text, start, exact ? before : at - 1);
    if (!space && !inside) start = before;
    inside = !space;
  }
  if (inside) add_word(w, text, start, text.size);
}

ln_status ln_whitespace_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  ln_span bits;
  words w = words_make(node);
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_text_scalar(node, 1, exec->err, &bits));
  ln_number_add(&w.splits, 0);
  for (size_t i = 0; i < texts.count; ++i) {
    split_words(&w, ln_texts_at(&texts, i), &bits, false);
    ln_number_add(&w.splits, (int64_t)w.tokens.count);
  }
  ln_status status = ln_text_vector(&w.tokens, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&w.splits, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&w.starts, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&w.ends, 3, exec->err);
  words_free(&w);
  return status;
}

/* Rows of tokens filled up with empty strings to the longest. */
static ln_status put_padded(const words *w, ln_error *err) {
  const ln_node *node = w->tokens.node;
  const size_t rows = w->splits.count - 1;
  size_t widest = 0, cells;
  for (size_t i = 0; i < rows; ++i) {
    const size_t width = (size_t)(w->splits.items[i + 1] - w->splits.items[i]);
    widest = width > widest ? width : widest;
  }
  if (!ln_size_mul(rows, widest, &cells) || cells > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu rows of %zu words", rows, widest);
  }
  ln_text_list out = ln_text_list_make(node);
  for (size_t i = 0; i < rows; ++i) {
    const size_t first = (size_t)w->splits.items[i], width = (size_t)w->splits.items[i + 1] - first;
    for (size_t j = 0; j < widest; ++j) {
      if (j < width) ln_text_add(&out, ln_text_get(&w->tokens, first + j));
      else ln_text_end(&out);
    }
  }
  const ln_shape shape = {2, {(int32_t)rows, (int32_t)widest}};
  const ln_status status = ln_text_list_output(&out, 0, &shape, err);
  ln_text_list_free(&out);
  return status;
}

/* tftext:WhitespaceTokenizer: values and row splits, or one padded matrix. */
ln_status ln_whitespace_plain_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  words w = words_make(node);
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  ln_number_add(&w.splits, 0);
  for (size_t i = 0; i < texts.count; ++i) {
    split_words(&w, ln_texts_at(&texts, i), NULL, true);
    ln_number_add(&w.splits, (int64_t)w.tokens.count);
  }
  ln_status status = LN_ERR_MEMORY;
  if (node->out_count == 2) {
    status = ln_text_vector(&w.tokens, 0, exec->err);
    if (status == LN_OK) status = ln_number_vector(&w.splits, 1, exec->err);
  } else if (w.splits.status == LN_OK && w.tokens.status == LN_OK) {
    status = put_padded(&w, exec->err);
  } else {
    ln_node_fail(node, exec->err, status, "no memory");
  }
  words_free(&w);
  return status;
}

/* ---- bytes ---- */

ln_status ln_byte_split_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  ln_number_list bytes = ln_number_list_make(node), splits = bytes, starts = bytes, ends = bytes;
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  ln_number_add(&splits, 0);
  for (size_t i = 0; i < texts.count; ++i) {
    const ln_span text = ln_texts_at(&texts, i);
    bool fits = true;
    for (size_t j = 0; j < text.size && fits; ++j) {
      fits = ln_number_add(&bytes, (uint8_t)text.data[j]) && ln_number_add(&starts, (int64_t)j) &&
             ln_number_add(&ends, (int64_t)j + 1);
    }
    ln_number_add(&splits, (int64_t)bytes.count);
  }
  ln_status status = ln_number_vector(&bytes, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&splits, 1, exec->err);
  if (status == LN_OK) status = ln_number_vector(&starts, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&ends, 3, exec->err);
  ln_number_list_free(&bytes);
  ln_number_list_free(&splits);
  ln_number_list_free(&starts);
  ln_number_list_free(&ends);
  return status;
}

/* Pieces of each text: starts and ends in bytes, ragged over the texts. */
ln_status ln_byte_split_by_offsets_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  size_t rows;
  const size_t pieces = ln_tensor_count(node->in[1]);
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_splits_check(node, 3, pieces, exec->err, &rows));
  if (rows != texts.count || ln_tensor_count(node->in[2]) != pieces) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "%zu texts, %zu rows, %zu starts and %zu ends", texts.count,
                        rows, pieces, ln_tensor_count(node->in[2]));
  }
  ln_text_list out = ln_text_list_make(node);
  ln_number_list splits = ln_number_list_make(node);
  ln_status status = LN_OK;
  ln_number_add(&splits, 0);
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    const ln_span text = ln_texts_at(&texts, i);
    const size_t end = (size_t)ln_number_at(node->in[3], i + 1);
    for (size_t j = (size_t)ln_number_at(node->in[3], i); j < end; ++j) {
      const int64_t from = ln_number_at(node->in[1], j), to = ln_number_at(node->in[2], j);
      if (from < 0 || to < from || (uint64_t)to > text.size) {
        status = ln_node_fail(node, exec->err, LN_ERR_DATA, "bytes %lld to %lld of a text of %zu", (long long)from,
                              (long long)to, text.size);
        break;
      }
      const ln_span piece = {text.data + from, (size_t)(to - from)};
      ln_text_add(&out, piece);
    }
    ln_number_add(&splits, (int64_t)out.count);
  }
  if (status == LN_OK) status = ln_text_vector(&out, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&splits, 1, exec->err);
  ln_text_list_free(&out);
  ln_number_list_free(&splits);
  return status;
}

/* ---- n-grams ---- */

typedef struct ngrams {
  int64_t width;
  ln_span separator;
} ngrams;

static ln_status read_ngrams(const ln_node *node, ln_error *err, ngrams *out) {
  int64_t axis = -1;
  out->width = 0;
  out->separator = (ln_span){" ", 1};
  LN_TRY(ln_text_int(node, err, "width", 1, INT32_MAX, &out->width));
  LN_TRY(ln_text_int(node, err, "axis", -1, -1, &axis));
  LN_TRY(ln_text_string(node, err, "string_separator", &out->separator));
  if (out->width > 0) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the option width is missing");
}

static bool put_row(const ngrams *n, const ln_texts *texts, size_t first, size_t end, ln_text_list *out) {
  for (size_t i = first; i + (size_t)n->width <= end; ++i) {
    for (size_t j = 0; j < (size_t)n->width; ++j) {
      const ln_span word = ln_texts_at(texts, i + j);
      if (j > 0 && !ln_text_put(out, n->separator.data, n->separator.size)) return false;
      if (!ln_text_put(out, word.data, word.size)) return false;
    }
    if (!ln_text_end(out)) return false;
  }
  return true;
}

static ln_status dense_ngrams(const ln_node *node, const ngrams *n, const ln_texts *texts, ln_text_list *out,
                              ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  if (shape.rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input is one string");
  const size_t width = (size_t)shape.dims[shape.rank - 1];
  shape.dims[shape.rank - 1] = (int64_t)width >= n->width ? (int32_t)((int64_t)width - n->width + 1) : 0;
  for (size_t i = 0; i < texts->count; i += width) {
    if (!put_row(n, texts, i, i + width, out)) break;
  }
  return ln_text_list_output(out, 0, &shape, err);
}

/* The innermost of the row splits changes; the others are handed on. */
static ln_status ragged_ngrams(const ln_node *node, const ngrams *n, const ln_texts *texts, ln_text_list *out,
                               ln_number_list *splits, ln_error *err) {
  const int32_t inner = node->in_count - 1;
  size_t rows;
  if (node->out_count != node->in_count) return ln_node_fail(node, err, LN_ERR_MODEL, "row splits without outputs");
  LN_TRY(ln_splits_check(node, inner, texts->count, err, &rows));
  ln_number_add(splits, 0);
  for (size_t i = 0; i < rows; ++i) {
    if (!put_row(n, texts, (size_t)ln_number_at(node->in[inner], i), (size_t)ln_number_at(node->in[inner], i + 1),
                 out)) {
      break;
    }
    ln_number_add(splits, (int64_t)out->count);
  }
  LN_TRY(ln_text_vector(out, 0, err));
  for (int32_t i = 1; i < inner; ++i) LN_TRY(ln_host_copy_output(node, i, node->in[i], err));
  return ln_number_vector(splits, inner, err);
}

ln_status ln_ngrams_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  ngrams n;
  ln_text_list out = ln_text_list_make(node);
  ln_number_list splits = ln_number_list_make(node);
  LN_TRY(read_ngrams(node, exec->err, &n));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  const ln_status status = node->in_count > 1 ? ragged_ngrams(node, &n, &texts, &out, &splits, exec->err)
                                              : dense_ngrams(node, &n, &texts, &out, exec->err);
  ln_text_list_free(&out);
  ln_number_list_free(&splits);
  return status;
}

/* ---- code points as bits ---- */

typedef struct binarize_args {
  int64_t characters, bits, replacement;
} binarize_args;

static ln_status read_binarize(const ln_node *node, ln_error *err, binarize_args *args) {
  *args = (binarize_args){16, 24, 65533};
  LN_TRY(ln_text_int(node, err, "word_length", 1, 1 << 20, &args->characters));
  LN_TRY(ln_text_int(node, err, "bits_per_char", 1, 32, &args->bits));
  return ln_text_int(node, err, "replacement_char", 0, INT32_MAX, &args->replacement);
}

ln_status ln_utf8_binarize_infer(ln_node *node, ln_error *err) {
  binarize_args args;
  ln_shape shape = node->in[0]->shape;
  LN_TRY(read_binarize(node, err, &args));
  if (shape.rank >= LN_MAX_RANK) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has too many dimensions");
  shape.dims[shape.rank++] = (int32_t)(args.characters * args.bits); /* bounded: by read_binarize */
  return ln_node_set_shape(node, 0, &shape, err);
}

/* The low bits of the first characters, lowest first; zeros after the text's end. */
ln_status ln_utf8_binarize_run(const ln_node *node, ln_exec *exec) {
  binarize_args args;
  ln_texts texts;
  float *out = node->out[0]->data;
  LN_TRY(read_binarize(node, exec->err, &args));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  for (size_t i = 0; i < texts.count; ++i) {
    const ln_span text = ln_texts_at(&texts, i);
    size_t at = 0;
    for (int64_t j = 0; j < args.characters; ++j, out += args.bits) {
      const bool there = at < text.size;
      int32_t c = there ? ln_utf8_next(text, &at) : 0;
      if (c < 0) c = (int32_t)args.replacement;
      for (int64_t b = 0; b < args.bits; ++b) out[b] = (float)((uint32_t)c >> b & 1);
    }
  }
  return LN_OK;
}
