/*
 * Select-TF operators that part strings (StringSplit, StringSplitV2) and put the strings of one tensor together
 * (StringNGrams, ReduceJoin, UnsortedSegmentJoin).
 */
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/text_lists.h"

/* ---- parts, as the sparse matrix that TensorFlow makes of them ---- */

typedef struct parts {
  ln_text_list values;
  ln_number_list indices; /* row and column of each */
  int64_t row, column, widest;
} parts;

static bool add_part(parts *p, ln_span text) {
  if (!ln_text_add(&p->values, text) || !ln_number_add(&p->indices, p->row) ||
      !ln_number_add(&p->indices, p->column++)) {
    return false;
  }
  if (p->column > p->widest) p->widest = p->column;
  return true;
}

static ln_status give_parts(parts *p, int64_t rows, ln_error *err) {
  const ln_node *node = p->values.node;
  ln_shape pairs = {2, {0, 2}}, two = {1, {2}};
  ln_number_list shape = ln_number_list_make(node);
  pairs.dims[0] = (int32_t)p->values.count; /* a list of strings holds no more */
  ln_number_add(&shape, rows);
  ln_number_add(&shape, p->widest);
  ln_status status = ln_text_vector(&p->values, 1, err);
  if (status == LN_OK) status = ln_number_list_output(&p->indices, 0, &pairs, err);
  if (status == LN_OK) status = ln_number_list_output(&shape, 2, &two, err);
  ln_number_list_free(&shape);
  return status;
}

static ln_span part_of(ln_span text, size_t from, size_t to) { return (ln_span){text.data + from, to - from}; }

/* At any of the bytes of `delimiter`; between all bytes where there is none. */
static void split_at_bytes(parts *p, ln_span text, ln_span delimiter, bool skip_empty) {
  size_t start = 0;
  if (text.size == 0) return;
  for (size_t i = 0; i < text.size; ++i) {
    if (delimiter.size == 0) {
      if (!add_part(p, part_of(text, i, i + 1))) return;
      continue;
    }
    if (memchr(delimiter.data, text.data[i], delimiter.size) == NULL) continue;
    if ((i > start || !skip_empty) && !add_part(p, part_of(text, start, i))) return;
    start = i + 1;
  }
  if (delimiter.size > 0 && (start < text.size || !skip_empty)) add_part(p, part_of(text, start, text.size));
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static size_t pass(ln_span text, size_t at, bool space) {
  while (at < text.size && is_space(text.data[at]) == space) ++at;
  return at;
}

/* At white space, at most `most` times (0 and less: everywhere); what is left then is a part, even if it is empty. */
static void split_at_spaces(parts *p, ln_span text, int64_t most) {
  size_t at = pass(text, 0, true);
  for (int64_t splits = 1; at < text.size; ++splits) {
    const size_t end = pass(text, at, false);
    if (!add_part(p, part_of(text, at, end))) return;
    at = pass(text, end, true);
    if (splits != most) continue;
    add_part(p, part_of(text, at, text.size));
    return;
  }
}

static void split_at_string(parts *p, ln_span text, ln_span separator, int64_t most) {
  size_t start = 0, splits = 0;
  for (size_t i = 0; i + separator.size <= text.size && (most <= 0 || splits < (uint64_t)most);) {
    if (memcmp(text.data + i, separator.data, separator.size) != 0) {
      ++i;
      continue;
    }
    if (!add_part(p, part_of(text, start, i))) return;
    start = i += separator.size;
    ++splits;
  }
  add_part(p, part_of(text, start, text.size));
}

ln_status ln_string_split_run(const ln_node *node, ln_exec *exec) {
  const bool second = node->op->def->variant == 1; /* StringSplitV2 */
  bool skip_empty = true;
  int64_t most = -1;
  ln_texts texts;
  ln_span separator;
  LN_TRY(ln_attr_bool(node, exec->err, "skip_empty", &skip_empty));
  LN_TRY(ln_attr_int(node, exec->err, "maxsplit", INT32_MIN, INT32_MAX, &most));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_text_scalar(node, 1, exec->err, &separator));
  if (node->in[0]->shape.rank != 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the input must be a vector");
  parts p = {.values = ln_text_list_make(node), .indices = ln_number_list_make(node)};
  for (size_t i = 0; i < texts.count; ++i) {
    const ln_span text = ln_texts_at(&texts, i);
    p.row = (int64_t)i;
    p.column = 0;
    if (!second) split_at_bytes(&p, text, separator, skip_empty);
    else if (most == 0) add_part(&p, text);
    else if (separator.size == 0) split_at_spaces(&p, text, most);
    else split_at_string(&p, text, separator, most);
  }
  const ln_status status = give_parts(&p, (int64_t)texts.count, exec->err);
  ln_text_list_free(&p.values);
  ln_number_list_free(&p.indices);
  return status;
}

/* ---- n-grams ---- */

enum { MOST_WIDTHS = 64, WIDEST = 1 << 20 };

typedef struct ngrams {
  ln_span separator, left, right;
  int64_t widths[MOST_WIDTHS];
  int32_t width_count;
  int64_t pad; /* -1: one less than the width */
  bool keep_short;
  ln_texts texts;
  ln_text_list out;
} ngrams;

static ln_status read_ngrams(const ln_node *node, ln_error *err, ngrams *n) {
  LN_TRY(ln_text_string(node, err, "separator", &n->separator));
  LN_TRY(ln_text_string(node, err, "left_pad", &n->left));
  LN_TRY(ln_text_string(node, err, "right_pad", &n->right));
  LN_TRY(ln_attr_ints(node, err, "ngram_widths", n->widths, MOST_WIDTHS, &n->width_count));
  LN_TRY(ln_attr_int(node, err, "pad_width", INT32_MIN, WIDEST, &n->pad));
  LN_TRY(ln_attr_bool(node, err, "preserve_short_sequences", &n->keep_short));
  for (int32_t i = 0; i < n->width_count; ++i) {
    if (n->widths[i] >= 1 && n->widths[i] <= WIDEST) continue;
    return ln_node_fail(node, err, LN_ERR_MODEL, "a width of %lld", (long long)n->widths[i]);
  }
  return LN_OK;
}

static void put_many(ngrams *n, ln_span pad, int64_t count, bool *first) {
  if (!*first && n->separator.size + pad.size == 0) return; /* costs nothing to put */
  for (; count > 0 && n->out.status == LN_OK; --count) {
    if (!*first) ln_text_put(&n->out, n->separator.data, n->separator.size);
    ln_text_put(&n->out, pad.data, pad.size);
    *first = false;
    if (n->separator.size + pad.size == 0) return;
  }
}

/* The n-gram that begins at token `start` of a row's `count`, counted from before its first pad. */
static void put_ngram(ngrams *n, size_t row, int64_t count, int64_t start, int64_t width) {
  const int64_t end = start + width;
  bool first = true;
  put_many(n, n->left, start < 0 ? -start : 0, &first);
  for (int64_t i = start < 0 ? 0 : start; i < end && i < count; ++i) {
    const ln_span text = ln_texts_at(&n->texts, row + (size_t)i);
    if (!first) ln_text_put(&n->out, n->separator.data, n->separator.size);
    if (!ln_text_put(&n->out, text.data, text.size)) break;
    first = false;
  }
  put_many(n, n->right, end > count ? end - count : 0, &first);
  ln_text_end(&n->out);
}

/* Adds what a row gives, widths one after another. */
static void put_ngrams(ngrams *n, size_t row, int64_t count) {
  const size_t before = n->out.count;
  for (int32_t k = 0; k < n->width_count; ++k) {
    const int64_t width = n->widths[k];
    const int64_t pad = n->pad < 0 || n->pad > width - 1 ? width - 1 : n->pad;
    for (int64_t start = -pad; start + width <= count + pad && n->out.status == LN_OK; ++start) {
      put_ngram(n, row, count, start, width);
    }
  }
  if (!n->keep_short || count == 0 || n->out.count > before) return;
  const int64_t pad = n->pad < 0 ? 0 : n->pad;
  put_ngram(n, row, count, -pad, count + 2 * pad);
}

ln_status ln_string_ngrams_run(const ln_node *node, ln_exec *exec) {
  ngrams n = {.separator = {"", 0}, .left = {"", 0}, .right = {"", 0}, .pad = -1};
  ln_number_list splits = ln_number_list_make(node);
  size_t rows;
  LN_TRY(read_ngrams(node, exec->err, &n));
  LN_TRY(ln_texts_open(node, 0, exec->err, &n.texts));
  LN_TRY(ln_splits_check(node, 1, n.texts.count, exec->err, &rows));
  const bool any = ln_tensor_count(node->in[1]) > 0;
  n.out = ln_text_list_make(node);
  if (any) ln_number_add(&splits, 0);
  for (size_t i = 0; i < rows && n.out.status == LN_OK; ++i) {
    const int64_t first = ln_number_at(node->in[1], i);
    put_ngrams(&n, (size_t)first, ln_number_at(node->in[1], i + 1) - first);
    ln_number_add(&splits, (int64_t)n.out.count);
  }
  ln_status status = ln_text_vector(&n.out, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&splits, 1, exec->err);
  ln_text_list_free(&n.out);
  ln_number_list_free(&splits);
  return status;
}

/* ---- ReduceJoin ---- */

typedef struct reduction {
  int32_t axes[LN_MAX_RANK]; /* the first one fastest */
  int32_t count;
  bool reduced[LN_MAX_RANK], keep;
} reduction;

static ln_status read_reduction(const ln_node *node, ln_error *err, reduction *r) {
  int64_t axes[LN_MAX_RANK];
  const int32_t rank = node->in[0]->shape.rank;
  *r = (reduction){.count = 0};
  LN_TRY(ln_node_ints(node, 1, axes, LN_MAX_RANK, &r->count, err));
  LN_TRY(ln_attr_bool(node, err, "keep_dims", &r->keep));
  for (int32_t i = 0; i < r->count; ++i) {
    if (!ln_axis_normalize(axes[i], rank, &r->axes[i]) || r->reduced[r->axes[i]]) {
      return ln_node_fail(node, err, LN_ERR_DATA, "axis %lld of %d, or twice", (long long)axes[i], rank);
    }
    r->reduced[r->axes[i]] = true;
  }
  return LN_OK;
}

ln_status ln_reduce_join_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  reduction r;
  ln_shape shape = {0};
  LN_TRY(read_reduction(node, err, &r));
  for (int32_t i = 0; i < in->rank; ++i) {
    if (!r.reduced[i]) shape.dims[shape.rank++] = in->dims[i];
    else if (r.keep) shape.dims[shape.rank++] = 1;
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Steps over a list of axes, the first one fastest: where element `index` of them lies. */
static size_t place_of(const ln_shape *shape, const int32_t *axes, int32_t count, size_t index) {
  size_t place = 0;
  for (int32_t i = 0; i < count; ++i) {
    const size_t dim = (size_t)shape->dims[axes[i]];
    place += index % dim * ln_shape_span(shape, axes[i] + 1, shape->rank);
    index /= dim;
  }
  return place;
}

ln_status ln_reduce_join_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape, *shape = &node->out[0]->shape;
  int32_t kept[LN_MAX_RANK], kept_count = 0;
  ln_span separator = {"", 0};
  reduction r;
  ln_texts texts;
  LN_TRY(read_reduction(node, exec->err, &r));
  LN_TRY(ln_text_string(node, exec->err, "separator", &separator));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  size_t joined = 1;
  for (int32_t i = in->rank - 1; i >= 0; --i) {
    if (!r.reduced[i]) kept[kept_count++] = i;
  }
  for (int32_t i = 0; i < r.count; ++i) joined *= (size_t)in->dims[r.axes[i]]; /* bounded: of the input's elements */
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  ln_text_list out = ln_text_list_make(node);
  for (size_t i = 0; i < count && out.status == LN_OK; ++i) {
    const size_t base = joined > 0 ? place_of(in, kept, kept_count, i) : 0;
    for (size_t j = 0; j < joined; ++j) {
      const ln_span text = ln_texts_at(&texts, base + place_of(in, r.axes, r.count, j));
      if (j > 0) ln_text_put(&out, separator.data, separator.size);
      ln_text_put(&out, text.data, text.size);
    }
    ln_text_end(&out);
  }
  const ln_status status = ln_text_list_output(&out, 0, shape, exec->err);
  ln_text_list_free(&out);
  return status;
}

/* ---- UnsortedSegmentJoin ---- */

/* The ids' shape begins the input's. */
ln_status ln_segment_join_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape, *ids = &node->in[1]->shape;
  ln_shape shape = {0};
  int64_t segments;
  int32_t count;
  if (ids->rank < 1 || ids->rank > in->rank || memcmp(ids->dims, in->dims, (size_t)ids->rank * sizeof *in->dims) != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape of \"%.100s\" does not begin the input's",
                        node->in[1]->name);
  }
  LN_TRY(ln_node_ints(node, 2, &segments, 1, &count, err));
  if (count != 1 || segments < 0 || segments > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_DATA, "the number of segments is out of range");
  }
  shape.dims[shape.rank++] = (int32_t)segments;
  for (int32_t i = ids->rank; i < in->rank; ++i) shape.dims[shape.rank++] = in->dims[i];
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Which ids each segment has, in order: `first` [segments] and `next` [ids], -1 at an end. */
typedef struct chains {
  int64_t *first, *last, *next;
} chains;

static ln_status chain(const ln_node *node, size_t segments, size_t ids, ln_error *err, chains *c) {
  size_t bytes;
  if (!ln_size_mul(2 * segments + ids, sizeof *c->first, &bytes))
    return ln_node_fail(node, err, LN_ERR_LIMIT, "too large");
  LN_TRY(ln_host_check_room(node, bytes, err));
  c->first = ln_alloc_array(segments, sizeof *c->first);
  c->last = ln_alloc_array(segments, sizeof *c->last);
  c->next = ln_alloc_array(ids, sizeof *c->next);
  if (c->first == NULL || c->last == NULL || c->next == NULL) {
    return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  }
  for (size_t i = 0; i < segments; ++i) c->first[i] = -1;
  for (size_t i = 0; i < ids; ++i) {
    const int64_t id = ln_number_at(node->in[1], i);
    if (id < 0 || (uint64_t)id >= segments) {
      return ln_node_fail(node, err, LN_ERR_DATA, "segment %lld of %zu", (long long)id, segments);
    }
    if (c->first[id] < 0) c->first[id] = (int64_t)i;
    else c->next[c->last[id]] = (int64_t)i;
    c->last[id] = (int64_t)i;
    c->next[i] = -1;
  }
  return LN_OK;
}

ln_status ln_segment_join_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape, *shape = &node->out[0]->shape;
  const size_t segments = (size_t)shape->dims[0], inner = ln_shape_span(shape, 1, shape->rank);
  const size_t ids = ln_shape_span(in, 0, node->in[1]->shape.rank);
  ln_span separator = {"", 0};
  ln_texts texts;
  chains c = {NULL, NULL, NULL};
  LN_TRY(ln_text_string(node, exec->err, "separator", &separator));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  ln_text_list out = ln_text_list_make(node);
  ln_status status = chain(node, segments, ids, exec->err, &c);
  for (size_t i = 0; i < segments && status == LN_OK && out.status == LN_OK; ++i) {
    for (size_t j = 0; j < inner; ++j) {
      for (int64_t k = c.first[i]; k >= 0; k = c.next[k]) {
        const ln_span text = ln_texts_at(&texts, (size_t)k * inner + j);
        if (k != c.first[i]) ln_text_put(&out, separator.data, separator.size);
        ln_text_put(&out, text.data, text.size);
      }
      ln_text_end(&out);
    }
  }
  if (status == LN_OK) status = ln_text_list_output(&out, 0, shape, exec->err);
  ln_text_list_free(&out);
  ln_free(c.first);
  ln_free(c.last);
  ln_free(c.next);
  return status;
}
