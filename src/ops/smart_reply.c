/*
 * The custom operators of TFLite's Smart Reply model: Normalize (a sentence made plain), ExtractFeatures (n-grams to
 * hashes and weights) and Predict (hashes to the most likely replies).
 */
#include <string.h>

#include "kernels/fingerprint.h"
#include "ops/coo.h"
#include "ops/rows.h"

/* ---- Normalize: the first string of the input > one string ---- */

enum { SENTENCE_MOST = 300 };

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'); }
static bool is_mark(char c) { return c == '?' || c == '!'; }
static bool is_in(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }
static bool begins(const char *text, size_t left, const char *with) {
  return strlen(with) <= left && memcmp(text, with, strlen(with)) == 0;
}

/* Each step changes a text in its place or reads one and writes another; ln_normalize_run says how long they get. */
typedef struct text {
  char *bytes;
  size_t count;
} text;

static void put(text *out, const char *bytes, size_t count) {
  if (count > 0) memcpy(out->bytes + out->count, bytes, count); /* bounded: as the type says */
  out->count += count;
}

static void trim(text *t) {
  size_t start = 0;
  while (t->count > 0 && (is_space(t->bytes[t->count - 1]) || t->bytes[t->count - 1] == '\v')) --t->count;
  while (start < t->count && (is_space(t->bytes[start]) || t->bytes[start] == '\v')) ++start;
  memmove(t->bytes, t->bytes + start, t->count - start);
  t->count -= start;
}

static void drop_punctuation(text *t) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; ++i) {
    if (!is_in(t->bytes[i], ".*()\"")) t->bytes[kept++] = t->bytes[i];
  }
  t->count = kept;
}

/* The length of the ending ("'ll" of "we 'll") that begins at `at`, 0 for none: what follows must end a word, or with
 * `last` the text. */
static size_t ending(const text *t, size_t at, bool last) {
  static const char *const endings[] = {"'t", "'nt", "n't", "'d", "'ll", "'s", "'m", "'ve", "'re"};
  for (size_t i = 0; i < LN_COUNT(endings); ++i) {
    const size_t size = strlen(endings[i]);
    if (!begins(t->bytes + at, t->count - at, endings[i])) continue;
    const bool at_end = at + size == t->count;
    if (last ? at_end : !at_end && (is_space(t->bytes[at + size]) || is_in(t->bytes[at + size], ",;:/"))) return size;
  }
  return 0;
}

/* Joins an ending that stands apart to its word; the character behind it cannot begin another. */
static void join_endings(text *t, bool last) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; ++i) {
    const size_t size = is_space(t->bytes[i]) ? ending(t, i + 1, last) : 0;
    const size_t taken = size == 0 ? 1 : size + !last;
    memmove(t->bytes + kept, t->bytes + i + (size > 0), taken);
    kept += taken;
    if (size > 0) i += taken;
  }
  t->count = kept;
}

/* The last `what` of the word at [start, end) that has something before it; end when there is none. */
static size_t last_in_word(const text *t, size_t start, size_t end, const char *what) {
  const size_t size = strlen(what);
  for (size_t at = end; at > start + 1; --at) {
    if (begins(t->bytes + at - 1, end - at + 1, what)) return at - 1;
  }
  return size > 0 ? end : start;
}

/* "we'll" becomes "we will". */
static void spell_out(const text *t, text *out, const char *what, const char *by) {
  out->count = 0;
  for (size_t i = 0; i < t->count;) {
    size_t end = i;
    while (end < t->count && !is_space(t->bytes[end])) ++end;
    const size_t at = last_in_word(t, i, end, what);
    put(out, t->bytes + i, at - i);
    if (at < end) {
      put(out, by, strlen(by));
      put(out, t->bytes + at + strlen(what), end - at - strlen(what));
    }
    if (end < t->count) put(out, t->bytes + end, 1);
    i = end + 1;
  }
}

static void replace_all(const text *t, text *out, const char *what, const char *by) {
  out->count = 0;
  for (size_t i = 0; i < t->count;) {
    const bool found = begins(t->bytes + i, t->count - i, what);
    put(out, found ? by : t->bytes + i, found ? strlen(by) : 1);
    i += found ? strlen(what) : 1;
  }
}

/* Runs of one mark become one; what stands before a mark is parted from it, and the mark from what follows. */
static void part_marks(const text *t, text *out) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; ++i) {
    if (kept == 0 || !is_mark(t->bytes[i]) || t->bytes[kept - 1] != t->bytes[i]) t->bytes[kept++] = t->bytes[i];
  }
  out->count = 0;
  for (size_t i = 0; i < kept; ++i) {
    const bool parts = i > 0 && is_mark(t->bytes[i]) && !is_mark(t->bytes[i - 1]);
    if (parts) put(out, " ", 1);
    put(out, t->bytes + i, 1);
    if (parts) put(out, " ", 1);
  }
}

/* Marks side by side, two at a time. */
static void part_pairs(const text *t, text *out) {
  out->count = 0;
  for (size_t i = 0; i < t->count; ++i) {
    put(out, t->bytes + i, 1);
    if (!is_mark(t->bytes[i]) || i + 1 >= t->count || !is_mark(t->bytes[i + 1])) continue;
    put(out, " ", 1);
    put(out, t->bytes + ++i, 1);
  }
}

static bool is_edge(char c) { return is_space(c) || is_in(c, ",:;-&'\""); }

static void trim_edges(text *t) {
  size_t start = 0;
  while (t->count > 0 && is_edge(t->bytes[t->count - 1])) --t->count;
  while (start < t->count && is_edge(t->bytes[start])) ++start;
  memmove(t->bytes, t->bytes + start, t->count - start);
  t->count -= start;
  trim(t);
}

static void swap(text *a, text *b) {
  const text kept = *a;
  *a = *b;
  *b = kept;
}

static void normalize(text *t, text *spare) {
  static const char *const forms[][2] = {
      {"'ll", " will"}, {"'nt", " not"}, {"'re", " are"}, {"'ve", " have"}, {"n't", " not"}};
  for (size_t i = 0; i < t->count; ++i) {
    if (t->bytes[i] >= 'A' && t->bytes[i] <= 'Z') t->bytes[i] = (char)(t->bytes[i] + ('a' - 'A'));
  }
  trim(t);
  drop_punctuation(t);
  join_endings(t, false);
  join_endings(t, true);
  for (size_t i = 0; i < LN_COUNT(forms); ++i) {
    spell_out(t, spare, forms[i][0], forms[i][1]);
    swap(t, spare);
  }
  replace_all(t, spare, "i'm", "i am");
  part_marks(spare, t);
  part_pairs(t, spare);
  swap(t, spare);
  trim_edges(t);
}

static ln_status give_sentence(const ln_node *node, const text *t, ln_error *err) {
  ln_text_list list = ln_text_list_make(node);
  const bool whole = t->count <= SENTENCE_MOST;
  (void)(ln_text_put(&list, "<S> ", 4) && ln_text_put(&list, t->bytes, whole ? t->count : (size_t)SENTENCE_MOST) &&
         (!whole || ln_text_put(&list, " <E>", 4)) && ln_text_end(&list));
  const ln_status status = ln_text_vector(&list, 0, err); /* reports what did not fit */
  ln_text_list_free(&list);
  return status;
}

ln_status ln_normalize_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  ln_status status;
  size_t bytes = 0;
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  if (texts.count < 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "there is no sentence");
  const ln_span in = ln_texts_at(&texts, 0);
  /* An apostrophe makes the text 2 bytes longer at most, a mark 2 and a half. */
  if (!ln_size_mul(in.size + 1, 4, &bytes)) return LN_ERR_LIMIT;
  char *memory = ln_run_alloc(node, bytes, 2, exec->err, &status);
  if (status != LN_OK) return status;
  text t = {memory, 0}, spare = {memory + bytes, 0};
  put(&t, in.data, in.size);
  normalize(&t, &spare);
  status = give_sentence(node, &t, exec->err);
  ln_free(memory);
  return status;
}

/* ---- ExtractFeatures: n-grams > hashes, weights (the number of words) ---- */

ln_status ln_extract_features_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the n-grams must be a list");
  const ln_shape shape = {1, {in->dims[0] > 0 ? in->dims[0] : 1}};
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

ln_status ln_extract_features_run(const ln_node *node, ln_exec *exec) {
  enum { FEATURES = 1000000 };
  ln_texts texts;
  int32_t *labels = node->out[0]->data;
  float *weights = node->out[1]->data;
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  labels[0] = 0;
  weights[0] = 0.0f;
  for (size_t i = 0; i < texts.count; ++i) {
    const ln_span gram = ln_texts_at(&texts, i);
    const bool empty = ln_span_is(gram, "<S>") || ln_span_is(gram, "<E>") || ln_span_is(gram, "<S> <E>");
    int32_t words = 1;
    for (size_t k = 0; k < gram.size; ++k) words += gram.data[k] == ' ';
    labels[i] = empty ? 0 : (int32_t)(ln_k_fingerprint64(gram.data, gram.size) % FEATURES);
    weights[i] = empty ? 0.0f : (float)words;
  }
  return LN_OK;
}

/* ---- Predict: hashes, the model's keys (rising) [k], labels and weights [k, items] > labels, weights [count] ---- */

typedef struct predict_options {
  int32_t count;
  float least;
} predict_options;

typedef struct vote {
  int32_t label;
  float weight;
} vote;

static ln_status read_predict_options(const ln_node *node, ln_error *err, predict_options *out) {
  if (node->op->custom_options_size != sizeof *out) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "options of %zu bytes, must be %zu", node->op->custom_options_size,
                        sizeof *out);
  }
  memcpy(out, node->op->custom_options, sizeof *out);
  if (out->count >= 1 && out->count <= 1 << 20) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the options ask for %d replies", out->count);
}

ln_status ln_predict_infer(ln_node *node, ln_error *err) {
  const ln_shape *keys = &node->in[1]->shape, *labels = &node->in[2]->shape;
  predict_options options;
  LN_TRY(read_predict_options(node, err, &options));
  if (node->in[0]->shape.rank != 1 || keys->rank != 1 || labels->rank != 2 || labels->dims[0] != keys->dims[0] ||
      !ln_shape_equal(labels, &node->in[3]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "keys, labels and weights do not fit together");
  }
  return (ln_status)LN_INFER_IN_RUN; /* the sums take memory */
}

static int by_label(const void *context, size_t a, size_t b) {
  const vote *votes = context;
  return (votes[a].label > votes[b].label) - (votes[a].label < votes[b].label);
}

static int by_weight(const void *context, size_t a, size_t b) {
  const vote *votes = context;
  return (votes[a].weight < votes[b].weight) - (votes[a].weight > votes[b].weight);
}

static size_t collect(const ln_node *node, vote *votes) {
  const int32_t *wanted = node->in[0]->data, *keys = node->in[1]->data, *labels = node->in[2]->data;
  const float *weights = node->in[3]->data;
  const size_t rows = (size_t)node->in[1]->shape.dims[0], items = (size_t)node->in[2]->shape.dims[1];
  const int32_t asked = node->in[0]->shape.dims[0];
  size_t count = 0;
  for (int32_t i = 0; i < asked; ++i) {
    size_t low = 0, high = rows;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (keys[middle] < wanted[i]) low = middle + 1;
      else high = middle;
    }
    for (size_t k = 0; k < items && low < rows && keys[low] == wanted[i]; ++k) {
      votes[count++] = (vote){labels[low * items + k], weights[low * items + k] / (float)asked};
    }
  }
  return count;
}

/* Votes for one label become one; `sums` is as long as `votes`. Returns how many. */
static size_t add_up(const vote *votes, const size_t *order, size_t count, vote *sums) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    const vote *next = &votes[order[i]];
    if (found > 0 && sums[found - 1].label == next->label) sums[found - 1].weight += next->weight;
    else sums[found++] = *next;
  }
  return found;
}

static ln_status give_replies(const ln_node *node, const predict_options *options, const vote *sums,
                              const size_t *order, size_t found, ln_error *err) {
  const ln_shape shape = {1, {options->count}};
  const size_t bytes = (size_t)options->count * sizeof(int32_t); /* bounded: by read_predict_options */
  for (int32_t i = 0; i < 2; ++i) LN_TRY(ln_host_output(node, i, &shape, bytes, err));
  for (size_t i = 0; i < (size_t)options->count; ++i) {
    const vote *sum = i < found && !(sums[order[i]].weight < options->least) ? &sums[order[i]] : NULL;
    ((int32_t *)node->out[0]->data)[i] = sum != NULL ? sum->label : -1;
    ((float *)node->out[1]->data)[i] = sum != NULL ? sum->weight : 0.0f;
  }
  return LN_OK;
}

ln_status ln_predict_run(const ln_node *node, ln_exec *exec) {
  predict_options options;
  size_t most = 0;
  vote *votes = NULL;
  ln_status status;
  LN_TRY(read_predict_options(node, exec->err, &options));
  if (!ln_size_mul((size_t)node->in[0]->shape.dims[0], (size_t)node->in[2]->shape.dims[1], &most) ||
      most > SIZE_MAX / 4) {
    return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "too many replies");
  }
  size_t *order = ln_run_alloc(node, 2 * most, sizeof *order, exec->err, &status);
  if (status == LN_OK) votes = ln_run_alloc(node, 2 * most, sizeof *votes, exec->err, &status);
  if (status == LN_OK) {
    vote *sums = votes + most;
    const size_t count = collect(node, votes);
    ln_order(order, order + most, count, by_label, votes);
    const size_t found = add_up(votes, order, count, sums);
    ln_order(order, order + most, found, by_weight, sums);
    status = give_replies(node, &options, sums, order, found, exec->err);
  }
  ln_free(order);
  ln_free(votes);
  return status;
}
