/*
 * SKIP_GRAM: the word sequences of a text (the first string of the input) of ngram_size words, or of up to as many,
 * between neighbours of which at most max_skip_size words are left out. They come as a walk over the tree of sequences
 * gives them, where a word's node stands below the word before it: longer ones before those that they begin with.
 */
#include <string.h>

#include "ops/host.h"
#include "ops/rows.h"

/* A word of the text. */
typedef struct word {
  int32_t at, size;
} word;

typedef struct grams {
  const char *text;
  word *words;
  int32_t count;      /* of words */
  int32_t size, skip; /* the options */
  bool shorter;       /* shorter sequences count too */
  uint64_t found, characters;
} grams;

ln_status ln_skip_gram_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Words end at spaces, as TFLite cuts them: from the second character on, so that a space at the very beginning makes
 * the first word no word. Counts them, and notes them unless `words` is NULL. */
static int32_t split(const char *text, int32_t size, word *words) {
  int32_t begin = 0, count = 0;
  for (int32_t i = 1; i <= size; ++i) {
    const bool ends = i == size;
    if (!ends && !is_space(text[i])) continue;
    if (i > begin && (ends || !is_space(text[begin]))) {
      if (words != NULL) words[count] = (word){begin, i - begin};
      ++count;
    }
    begin = i + 1;
  }
  return count;
}

/* Places that the last of `depth` words can take: [first, end). With full sequences only, those from which one can
 * still be reached. */
static int32_t first_place(int32_t depth) { return depth - 1; }
static int32_t end_place(const grams *g, int32_t depth) { return g->shorter ? g->count : g->count - g->size + depth; }

/*
 * Counts sequences and their characters without making them, length by length. sums: [2][2 * count], of which
 * sums[.][2 * i] is the number of sequences that end with word i and sums[.][2 * i + 1] their characters. False when
 * there are too many for a tensor; no step of a length is without a sequence, so that bounds the work as well.
 */
static bool measure(grams *g, uint64_t *sums[2]) {
  for (int32_t depth = 1; depth <= g->size; ++depth) {
    uint64_t *now = sums[depth % 2];
    const uint64_t *before = sums[(depth + 1) % 2];
    uint64_t ways = depth == 1, characters = 0, found = 0, text = 0;
    for (int32_t i = first_place(depth); i < end_place(g, depth); ++i) {
      if (depth > 1) { /* the window of words before this one: places i - 1 - skip to i - 1 */
        ways += before[2 * (size_t)(i - 1)];
        characters += before[2 * (size_t)(i - 1) + 1];
        const int64_t left = (int64_t)i - 2 - g->skip;
        if (left >= first_place(depth - 1)) {
          ways -= before[2 * left];
          characters -= before[2 * left + 1];
        }
      }
      now[2 * (size_t)i] = ways;
      now[2 * (size_t)i + 1] = characters + ways * (uint64_t)g->words[i].size;
      found += ways;
      text += now[2 * (size_t)i + 1];
      if (found > INT32_MAX / 4 || text > INT32_MAX) return false;
    }
    if (depth == g->size || g->shorter) {
      g->found += found;
      g->characters += text + found * (uint64_t)(depth - 1);
    }
    if (g->found > INT32_MAX / 4 || g->characters > INT32_MAX) return false;
  }
  return 4 * (g->found + 2) + g->characters <= INT32_MAX;
}

/* Writes the sequence of `depth` words after what is there. */
static char *join(const grams *g, const int32_t *path, int32_t depth, char *out) {
  for (int32_t i = 0; i < depth; ++i) {
    const word *w = &g->words[path[i]];
    if (i > 0) *out++ = ' ';
    memcpy(out, g->text + w->at, (size_t)w->size);
    out += w->size;
  }
  return out;
}

/* path: [size], the words of the sequence that the walk has come to. */
static void write(const grams *g, int32_t *path, void *data) {
  int32_t *header = data;
  char *out = (char *)data + 4 * (g->found + 2);
  int32_t made = 0, depth = 0, next = 0; /* next: the word to try behind the sequence */
  header[0] = (int32_t)g->found;
  header[1] = (int32_t)(out - (char *)data);
  if (g->found == 0) return;
  for (;;) {
    const bool near = depth == 0 || next - path[depth - 1] - 1 <= g->skip;
    if (depth < g->size && near && next < end_place(g, depth + 1)) {
      path[depth++] = next++;
      continue;
    }
    if (depth == 0) return;
    if (depth == g->size || g->shorter) {
      out = join(g, path, depth, out);
      header[++made + 1] = (int32_t)(out - (char *)data);
    }
    next = path[--depth] + 1;
  }
}

static ln_status give(const ln_node *node, const grams *g, int32_t *path, ln_error *err) {
  const ln_shape shape = {1, {(int32_t)g->found}};
  LN_TRY(ln_host_output(node, 0, &shape, (size_t)(4 * (g->found + 2) + g->characters), err));
  write(g, path, node->out[0]->data);
  return LN_OK;
}

static ln_status find_text(const ln_node *node, ln_error *err, const char **text, int32_t *size) {
  const ln_tensor *in = node->in[0];
  ln_error reason = {LN_OK, ""};
  *size = 0;
  if (ln_strings_verify(in, &reason) != LN_OK) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\": %s", in->name, reason.message);
  }
  if (ln_shape_span(&in->shape, 0, in->shape.rank) == 0) return LN_OK;
  const int32_t *header = in->data;
  *text = (const char *)in->data + header[1];
  *size = header[2] - header[1];
  return LN_OK;
}

ln_status ln_skip_gram_run(const ln_node *node, ln_exec *exec) {
  const ln_skip_gram_options *options = LN_OPTIONS(node, skip_gram_options);
  grams g = {.text = "", .size = options->ngram_size, .skip = options->max_skip_size};
  uint64_t *sums[2] = {NULL, NULL};
  int32_t *path = NULL, size;
  LN_TRY(find_text(node, exec->err, &g.text, &size));
  g.count = split(g.text, size, NULL);
  g.shorter = options->include_all_ngrams;
  if (g.size < 1 || g.count < g.size) return give(node, &g, NULL, exec->err);
  /* With a negative skip no word follows another. */
  if (g.skip < 0 && g.size > 1 && !g.shorter) return give(node, &g, NULL, exec->err);
  if (g.skip < 0) g.size = 1;
  if (g.skip > g.count) g.skip = g.count;
  ln_status status = LN_ERR_MEMORY;
  g.words = ln_alloc_array((size_t)g.count, sizeof *g.words);
  path = ln_alloc_array((size_t)g.size, sizeof *path);
  for (int32_t i = 0; i < 2; ++i) sums[i] = ln_alloc_array((size_t)g.count, 2 * sizeof *sums[i]);
  if (g.words == NULL || path == NULL || sums[0] == NULL || sums[1] == NULL) goto out;
  split(g.text, size, g.words);
  status = measure(&g, sums) ? give(node, &g, path, exec->err) : LN_ERR_LIMIT;
out:
  ln_free(g.words);
  ln_free(path);
  ln_free(sums[0]);
  ln_free(sums[1]);
  if (status == LN_ERR_MEMORY && exec->err->status == LN_OK) return ln_node_fail(node, exec->err, status, "no memory");
  return status == LN_ERR_LIMIT ? ln_node_fail(node, exec->err, status, "too many sequences of words") : status;
}
