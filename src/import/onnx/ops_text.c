/*
 * Strings. TensorFlow Lite's own operators compare and move them; what changes them are TensorFlow's operators as
 * custom ones, which Linnet runs and stock LiteRT does not.
 */
#include <string.h>

#include "import/flex_write.h"
#include "import/onnx/onnx_lists.h"

static int32_t text(ln_emit *e, const char *value) {
  const size_t length = strlen(value);
  return ln_emit_strings(e, 0, NULL, &value, &length);
}

/* A custom operator on each element of input 0. */
static int32_t on_each(ln_emit *e, const char *name, int32_t options_count, const ln_flex_option *options,
                       int32_t count, const int32_t *inputs, ln_type type) {
  const int32_t out = ln_emit_custom_options(e, name, options_count, options, count, inputs, type);
  for (int32_t p = 0; p < 2 && out >= 0; ++p) e->facts[out].shape[p] = e->facts[inputs[0]].shape[p];
  return out;
}

void ln_onnx_string_concat(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t inputs[2] = {ln_onnx_in(n, 0), ln_onnx_in(n, 1)};
  if (ln_emit_failed(e)) return;
  if (!ln_emit_same_shape(e, inputs[0], inputs[1])) {
    const int32_t shapes[2] = {ln_emit_shape_of(e, inputs[0]), ln_emit_shape_of(e, inputs[1])};
    const int32_t both = ln_emit_op(e, LN_OP_BROADCAST_ARGS, NULL, 2, shapes, LN_INT32);
    for (int32_t i = 0; i < 2; ++i) inputs[i] = ln_emit_broadcast_to(e, inputs[i], both);
  }
  const ln_flex_option options[2] = {{.key = "N", .number = 2}, {.key = "separator", .text = ""}};
  ln_onnx_out(n, 0, on_each(e, "StringJoin", 2, options, 2, inputs, LN_STRING));
}

void ln_onnx_regex_full_match(ln_onnx_node *n) {
  const ln_flex_option option = {.key = "pattern", .text = ln_onnx_text(n, "pattern", "")};
  const int32_t in = ln_onnx_in(n, 0);
  ln_onnx_out(n, 0, on_each(n->e, "StaticRegexFullMatch", 1, &option, 1, &in, LN_BOOL));
}

/* ---- StringNormalizer ---- */

static int32_t in_case(ln_emit *e, int32_t a, const char *action) {
  const ln_flex_option option = {.key = "encoding", .text = "utf-8"};
  if (strcmp(action, "LOWER") == 0) return on_each(e, "StringLower", 1, &option, 1, &a, LN_STRING);
  return strcmp(action, "UPPER") == 0 ? on_each(e, "StringUpper", 1, &option, 1, &a, LN_STRING) : a;
}

/* bool [words]: whether each is one of the words to be left out. */
static int32_t is_stop_word(ln_onnx_node *n, int32_t words, int32_t count, const char *const *stops,
                            const size_t *lengths) {
  ln_emit *e = n->e;
  const bool exact = ln_onnx_int(n, "is_case_sensitive", 0) != 0;
  const int32_t last = 1;
  int32_t list = ln_emit_strings(e, 1, &count, stops, lengths);
  if (!exact) {
    words = in_case(e, words, "LOWER");
    list = in_case(e, list, "LOWER");
  }
  const int32_t same = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_expand(e, words, 1, &last), list);
  return ln_emit_reduce(e, LN_OP_REDUCE_ANY, same, 1, &last, false);
}

void ln_onnx_string_normalizer(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), rank = ln_emit_rank(e, in), zero = 0;
  const ln_dim all = LN_DIM_REST, one = LN_DIM(1);
  int32_t words = ln_emit_reshape(e, in, 1, &all), count;
  const size_t *lengths;
  const char *const *stops = ln_onnx_texts(n, "stopwords", &count, &lengths);
  if (ln_emit_failed(e)) return;
  if (rank < 1 || rank > 2) {
    ln_emit_wrong(e, "its input has %d dimensions", rank);
    return;
  }
  if (stops != NULL && count > 0) {
    const int32_t stays = ln_emit_unary(e, LN_OP_LOGICAL_NOT, is_stop_word(n, words, count, stops, lengths));
    const int32_t places = ln_emit_reshape(e, ln_emit_op(e, LN_OP_WHERE, NULL, 1, &stays, LN_INT64), 1, &all);
    const int32_t kept = ln_emit_gather(e, words, ln_emit_cast(e, places, LN_INT32), 0, 0);
    /* Where nothing stays there is one empty word. */
    const int32_t parts[2] = {kept, ln_emit_reshape(e, text(e, ""), 1, &one)};
    const int32_t most = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_size_of(e, kept, 0), ln_emit_i32(e, 1));
    const int32_t cut[3] = {ln_emit_concat(e, 0, 2, parts), ln_emit_vector(e, 1, &zero),
                            ln_emit_reshape(e, most, 1, &one)};
    words = ln_emit_op(e, LN_OP_SLICE, NULL, 3, cut, LN_STRING);
  }
  words = in_case(e, words, ln_onnx_text(n, "case_change_action", "NONE"));
  ln_onnx_out(n, 0, rank == 2 ? ln_emit_expand(e, words, 1, &zero) : words);
}

/* ---- StringSplit ---- */

/* int32 [rows]: how many parts each has. At white space TensorFlow adds an empty one behind the last split, which does
 * not count. */
static int32_t count_parts(ln_emit *e, int32_t places, int32_t parts, int32_t rows, bool at_spaces) {
  const int32_t row = ln_emit_cast(e, ln_emit_pick(e, places, 1, 0), LN_INT32);
  const int32_t fill[2] = {ln_emit_shape_of(e, row), ln_emit_i32(e, 1)};
  const int32_t one = at_spaces ? ln_emit_cast(e, ln_emit_compare(e, LN_OP_NOT_EQUAL, parts, text(e, "")), LN_INT32)
                                : ln_emit_op(e, LN_OP_FILL, NULL, 2, fill, LN_INT32);
  return ln_emit_op(e, LN_OP_UNSORTED_SEGMENT_SUM, NULL, 3, (const int32_t[]){one, row, rows}, LN_INT32);
}

/* The first `width` columns of rows [n, columns]. */
static int32_t narrowed(ln_emit *e, int32_t rows, int32_t width) {
  static const int32_t zeros[2] = {0, 0}, whole = -1;
  const ln_dim one = LN_DIM(1);
  const int32_t size[2] = {ln_emit_vector(e, 1, &whole), ln_emit_reshape(e, width, 1, &one)};
  const int32_t inputs[3] = {rows, ln_emit_vector(e, 2, zeros), ln_emit_concat(e, 0, 2, size)};
  return ln_emit_op(e, LN_OP_SLICE, NULL, 3, inputs, ln_emit_type(e, rows));
}

void ln_onnx_string_split(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), rank = ln_emit_rank(e, in);
  const ln_dim all = LN_DIM_REST, one = LN_DIM(1);
  const char *delimiter = ln_onnx_text(n, "delimiter", "");
  const ln_flex_option option = {.key = "maxsplit", .number = ln_onnx_int32(n, "maxsplit", -1)};
  size_t size = 0;
  const uint8_t *options = ln_flex_write(ln_emit_arena(e), 1, &option, &size);
  const ln_type types[3] = {LN_INT64, LN_STRING, LN_INT64};
  int32_t made[3], dims[LN_MAX_RANK] = {-1, 2};
  const int32_t inputs[2] = {ln_emit_reshape(e, in, 1, &all), text(e, delimiter)};
  if (options == NULL) ln_import_no_memory(e->import);
  if (ln_emit_failed(e) || !ln_emit_custom(e, "StringSplitV2", options, size, 2, inputs, 3, types, made)) return;
  ln_emit_declare(e, made[0], 2, dims);
  ln_emit_declare(e, made[1], 1, dims);
  ln_emit_declare(e, made[2], 1, dims + 1);
  for (int32_t p = 0; p < 2 && !ln_emit_failed(e); ++p) { /* one place a part */
    e->facts[made[1]].shape[p].dims[0] = e->facts[made[0]].shape[p].dims[0];
  }
  const int32_t lengths = count_parts(e, made[0], made[1], ln_emit_count_of(e, in), delimiter[0] == '\0');
  const int32_t widest = ln_emit_reduce(e, LN_OP_REDUCE_MAX, lengths, 0, NULL, false);
  const int32_t width = ln_emit_binary(e, LN_OP_MAXIMUM, widest, ln_emit_i32(e, 0));
  const int32_t dense[4] = {made[0], made[2], made[1], text(e, "")};
  const int32_t rows = narrowed(e, ln_emit_op(e, LN_OP_SPARSE_TO_DENSE, NULL, 4, dense, LN_STRING), width);
  const int32_t shape[2] = {ln_emit_shape_of(e, in), ln_emit_reshape(e, width, 1, &one)};
  ln_onnx_out(n, 0, ln_emit_reshape_to(e, rows, rank == 0 ? shape[1] : ln_emit_concat(e, 0, 2, shape)));
  ln_onnx_out(n, 1, ln_emit_cast(e, ln_emit_reshape_like(e, lengths, in), LN_INT64));
}

/* ---- TfIdfVectorizer: each gram is compared with each place ---- */

typedef struct grams {
  int32_t x;    /* [batch, words] */
  int32_t pool; /* [all words of all grams] */
  int32_t pool_count, skips;
} grams;

/* float32 [batch, grams]: how often the grams of `length` words from pool[from, to) on occur; -1 without any. */
static int32_t count_grams(ln_emit *e, const grams *g, int32_t length, int32_t from, int32_t to) {
  const int32_t count = (to - from) / length, words = ln_emit_dim(e, g->x, 1), last = 2, first = 0, places = 1;
  const ln_dim dims[2] = {LN_DIM(count), LN_DIM(length)};
  int32_t sum = -1;
  if (count < 1) return -1;
  const int32_t table = ln_emit_reshape(e, ln_emit_slice(e, g->pool, 0, from, from + count * length, 1), 2, dims);
  for (int32_t skip = 0; skip <= (length == 1 ? 0 : g->skips); ++skip) {
    const int64_t span = (int64_t)(length - 1) * (skip + 1);
    int32_t all = -1;
    if (span >= words) break;
    for (int32_t i = 0; i < length; ++i) {
      const int32_t at = i * (skip + 1);
      const int32_t x = ln_emit_expand(e, ln_emit_slice(e, g->x, 1, at, at + words - (int32_t)span, 1), 1, &last);
      const int32_t gram = ln_emit_expand(e, ln_emit_pick(e, table, 1, i), 1, &first);
      const int32_t same = ln_emit_compare(e, LN_OP_EQUAL, x, gram);
      all = all < 0 ? same : ln_emit_binary(e, LN_OP_LOGICAL_AND, all, same);
    }
    const int32_t found = ln_emit_reduce(e, LN_OP_SUM, ln_emit_cast(e, all, LN_FLOAT32), 1, &places, false);
    sum = sum < 0 ? found : ln_emit_add(e, sum, found);
  }
  if (sum >= 0) return sum;
  const int32_t none[2] = {1, count};
  return ln_emit_broadcast(e, ln_emit_filled(e, LN_FLOAT32, 2, none, 0), 2,
                           (const ln_dim[]){LN_DIM_OF(g->x, 0), LN_DIM(count)});
}

static int32_t weighted(ln_onnx_node *n, int32_t counts, int32_t total) {
  ln_emit *e = n->e;
  int32_t count;
  const char *mode = ln_onnx_text(n, "mode", "TF");
  const float *weights = ln_onnx_floats(n, "weights", &count);
  if (strcmp(mode, "TF") == 0) return counts;
  if (strcmp(mode, "IDF") == 0) counts = ln_emit_binary(e, LN_OP_MINIMUM, counts, ln_emit_f32(e, 1));
  if (weights == NULL) return counts;
  if (count != total) return ln_emit_wrong(e, "%d weights for %d grams", count, total);
  return ln_emit_mul(e, counts, ln_emit_const(e, LN_FLOAT32, 1, &count, weights));
}

/* Column ngram_indexes[i] of the result is gram i's; others are 0. */
static int32_t in_columns(ln_onnx_node *n, int32_t counts, int32_t total, const int64_t *columns) {
  enum { MOST = 1 << 20 };
  ln_emit *e = n->e;
  int64_t width = 0;
  for (int32_t i = 0; i < total; ++i) width = columns[i] >= width ? columns[i] + 1 : width;
  if (!ln_onnx_may_take(n, (size_t)(width > 0 ? width : 0) * 8)) return -1;
  int32_t *from = width > 0 && width <= MOST ? ln_arena_array(ln_emit_arena(e), (size_t)width, sizeof *from) : NULL;
  if (from == NULL) return ln_emit_wrong(e, "its ngram_indexes are out of range");
  for (int64_t i = 0; i < width; ++i) from[i] = total;
  for (int32_t i = 0; i < total; ++i) {
    if (columns[i] < 0) return ln_emit_wrong(e, "its ngram_indexes are out of range");
    from[columns[i]] = i;
  }
  const int32_t before[2] = {0, 0}, after[2] = {0, 1};
  return ln_emit_gather(e, ln_emit_pad(e, counts, before, after, 0), ln_emit_vector(e, (int32_t)width, from), 1, 0);
}

void ln_onnx_tf_idf(ln_onnx_node *n) {
  enum { MOST = 64 };
  ln_emit *e = n->e;
  int32_t x = ln_onnx_in(n, 0), starts, total, made = 0, parts[MOST], numbers;
  const bool flat = ln_emit_rank(e, x) == 1;
  const int32_t first = 0, low = ln_onnx_int32(n, "min_gram_length", 1), high = ln_onnx_int32(n, "max_gram_length", 1);
  const int64_t *begin = ln_onnx_ints(n, "ngram_counts", &starts), *columns = ln_onnx_ints(n, "ngram_indexes", &total);
  const int64_t *pool = ln_onnx_ints(n, "pool_int64s", &numbers);
  const size_t *lengths;
  grams g = {.skips = ln_onnx_int32(n, "max_skip_count", 0), .pool_count = numbers};
  if (pool != NULL) {
    x = ln_emit_cast(e, x, LN_INT64);
    g.pool = ln_emit_vector64(e, numbers, pool);
  } else {
    const char *const *texts = ln_onnx_texts(n, "pool_strings", &g.pool_count, &lengths);
    g.pool = texts == NULL ? ln_emit_wrong(e, "it has no pool of grams")
                           : ln_emit_strings(e, 1, &g.pool_count, texts, lengths);
  }
  g.x = flat ? ln_emit_expand(e, x, 1, &first) : x;
  if (ln_emit_failed(e)) return;
  if (!ln_onnx_may_write(n, starts * (g.skips < 0 ? 0 : (int64_t)g.skips + 1))) return;
  if (begin == NULL || columns == NULL || total < 1 || starts < 1 || starts > MOST || low < 1 || g.skips < 0 ||
      g.skips > 1024 || ln_emit_dim(e, g.x, 1) < 1) {
    ln_emit_refuse(e, "its lists are empty, or how many words there are is open; give that with --shape");
    return;
  }
  for (int32_t i = 0; i < starts; ++i) {
    const int64_t from = begin[i], to = i + 1 < starts ? begin[i + 1] : g.pool_count;
    if (from < 0 || to < from || to > g.pool_count || (to - from) % (i + 1) != 0) {
      ln_emit_wrong(e, "its ngram_counts are out of range");
      return;
    }
    if (from == to) continue;
    int32_t part = count_grams(e, &g, i + 1, (int32_t)from, (int32_t)to);
    if (i + 1 < low || i + 1 > high) part = ln_emit_unary(e, LN_OP_ZEROS_LIKE, part);
    parts[made++] = part;
  }
  const int32_t counts = ln_emit_concat(e, 1, made, parts);
  if (ln_emit_dim(e, counts, 1) != total) {
    ln_emit_wrong(e, "%d grams, but %d ngram_indexes", ln_emit_dim(e, counts, 1), total);
    return;
  }
  const int32_t out = in_columns(n, weighted(n, counts, total), total, columns);
  ln_onnx_out(n, 0, flat ? ln_emit_squeeze(e, out, 1, &first) : out);
}
