/*
 * CTCGreedyDecoder and CTCBeamSearchDecoder: sequences of labels from logits [time, batch, classes], of which the last
 * class is the blank, and how many steps each has. Paths come as sparse tensors. The beam search is that of Graves'
 * thesis (section 7.5.3): a beam of prefixes, each with the probability that it ends in a blank and in its label.
 */
#include <math.h>
#include <string.h>

#include "ops/coo.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"

typedef struct logits {
  const ln_node *node;
  ln_cells cells;
  size_t steps, batches, classes;
} logits;

static ln_status open_logits(const ln_node *node, ln_error *err, logits *out) {
  const ln_shape *shape = &node->in[0]->shape, *lengths = &node->in[1]->shape;
  memset(out, 0, sizeof *out);
  if (shape->rank != 3 || lengths->rank != 1 || lengths->dims[0] != shape->dims[1] || shape->dims[2] < 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs logits [time, batch, classes] and a length for each batch");
  }
  out->node = node;
  out->steps = (size_t)shape->dims[0];
  out->batches = (size_t)shape->dims[1];
  out->classes = (size_t)shape->dims[2];
  for (size_t b = 0; b < out->batches; ++b) {
    const int64_t length = ln_number_at(node->in[1], b);
    if (length >= 0 && (uint64_t)length <= out->steps) continue;
    return ln_node_fail(node, err, LN_ERR_DATA, "batch %zu has %lld of %zu steps", b, (long long)length, out->steps);
  }
  return ln_cells_load(node, node->in[0], err, &out->cells);
}

static const ln_cell *row_at(const logits *l, size_t step, size_t batch) {
  return l->cells.at + (step * l->batches + batch) * l->classes;
}

/* A path of every batch, as outputs `index`, `index + apart` and `index + 2 * apart`. */
static ln_status give_paths(const logits *l, const ln_number_list *labels, const size_t *ends, int32_t index,
                            int32_t apart, ln_error *err) {
  ln_status status = labels->status;
  ln_number_list places = ln_number_list_make(l->node);
  int64_t dims[2] = {(int64_t)l->batches, 0};
  ln_shape list;
  for (size_t b = 0, at = 0; b < l->batches; ++b) {
    const int64_t length = (int64_t)(ends[b] - at);
    if (length > dims[1]) dims[1] = length;
    for (int64_t i = 0; i < length; ++i) {
      ln_number_add(&places, (int64_t)b);
      ln_number_add(&places, i);
    }
    at = ends[b];
  }
  if (status == LN_OK) status = places.status;
  if (status != LN_OK) {
    ln_number_list_free(&places);
    return ln_node_fail(l->node, err, status, "its paths take too much memory");
  }
  status = ln_give_indices(l->node, index, places.items, labels->count, 2, err);
  ln_number_list_free(&places);
  if (status == LN_OK) status = ln_text_vector_shape(l->node, labels->count, err, &list);
  if (status == LN_OK) status = ln_give_ints(l->node, index + apart, &list, labels->items, err);
  return status == LN_OK ? ln_give_dims(l->node, index + 2 * apart, dims, 2, err) : status;
}

/* ---- CTCGreedyDecoder ---- */

static void decode_greedily(const logits *l, size_t blank, bool merges, ln_number_list *labels, size_t *ends,
                            ln_cells *scores) {
  for (size_t b = 0; b < l->batches; ++b) {
    const size_t steps = (size_t)ln_number_at(l->node->in[1], b);
    size_t last = l->classes;
    for (size_t t = 0; t < steps; ++t) {
      const ln_cell *row = row_at(l, t, b);
      size_t best = 0;
      for (size_t c = 1; c < l->classes; ++c) best = row[c].real > row[best].real ? c : best;
      scores->at[b].real -= row[best].real;
      if (best != blank && !(merges && best == last)) ln_number_add(labels, (int64_t)best);
      last = best;
    }
    ends[b] = labels->count;
  }
}

ln_status ln_ctc_greedy_run(const ln_node *node, ln_exec *exec) {
  logits l;
  bool merges = false;
  int64_t blank = -1;
  size_t *ends = NULL;
  ln_cells scores = {0};
  ln_number_list labels = ln_number_list_make(node);
  LN_TRY(ln_attr_bool(node, exec->err, "merge_repeated", &merges));
  LN_TRY(ln_attr_int(node, exec->err, "blank_index", INT32_MIN, INT32_MAX, &blank));
  ln_status status = open_logits(node, exec->err, &l);
  if (status == LN_OK && blank < 0) blank += (int64_t)l.classes;
  if (status == LN_OK && (blank < 0 || (uint64_t)blank >= l.classes)) {
    status = ln_node_fail(node, exec->err, LN_ERR_MODEL, "the blank is class %lld of %zu", (long long)blank, l.classes);
  }
  if (status == LN_OK) ends = ln_run_alloc(node, l.batches, sizeof *ends, exec->err, &status);
  if (status == LN_OK) status = ln_cells_make(node, node->in[0]->type, l.batches, exec->err, &scores);
  if (status == LN_OK) {
    const ln_shape shape = {2, {(int32_t)l.batches, 1}};
    decode_greedily(&l, (size_t)blank, merges, &labels, ends, &scores);
    status = give_paths(&l, &labels, ends, 0, 1, exec->err);
    if (status == LN_OK) status = ln_cells_give(node, 3, &shape, &scores, exec->err);
  }
  ln_cells_free(&l.cells);
  ln_cells_free(&scores);
  ln_number_list_free(&labels);
  ln_free(ends);
  return status;
}

/* ---- CTCBeamSearchDecoder ---- */

/* Logarithms of probabilities: of a prefix, of it before a blank, of it with its label last. */
typedef struct chance {
  double total, blank, label;
} chance;

typedef struct prefix {
  int32_t parent, label; /* parent: -1 of the empty one */
  chance before, now;    /* now.total is -inf when it is in the beam no more */
} prefix;

typedef struct beam {
  prefix *prefixes; /* all that ever were in the beam */
  int32_t count, most;
  int32_t *slots; /* [slot_count] prefix + 1 by parent and label, a power of two */
  size_t slot_count;
  int32_t *heap; /* [width] those in the beam, the least likely first */
  int32_t size, width;
  size_t *order; /* [2 * width] */
  int32_t *branches;
} beam;

static const chance nothing = {-INFINITY, -INFINITY, -INFINITY};

static double join(double a, double b) {
  if (a == -INFINITY) return b;
  if (b == -INFINITY) return a;
  return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

static void beam_free(beam *s) {
  ln_free(s->prefixes);
  ln_free(s->slots);
  ln_free(s->heap);
  ln_free(s->order);
  ln_free(s->branches);
}

/* A step puts each child of each prefix into the beam at most once. */
static ln_status beam_make(const ln_node *node, const logits *l, int64_t width, ln_error *err, beam *s) {
  ln_status status;
  size_t most;
  memset(s, 0, sizeof *s);
  s->width = (int32_t)width;
  if (!ln_size_mul(l->steps, (size_t)width, &most) || !ln_size_mul(most, l->classes, &most) || most > INT32_MAX / 4) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu steps of a beam of %lld", l->steps, (long long)width);
  }
  s->most = (int32_t)most + 1;
  for (s->slot_count = 4; s->slot_count / 2 <= most;) s->slot_count *= 2;
  s->prefixes = ln_run_alloc(node, (size_t)s->most, sizeof *s->prefixes, err, &status);
  if (status == LN_OK) s->slots = ln_run_alloc(node, s->slot_count, sizeof *s->slots, err, &status);
  if (status == LN_OK) s->heap = ln_run_alloc(node, (size_t)width, sizeof *s->heap, err, &status);
  if (status == LN_OK) s->order = ln_run_alloc(node, 2 * (size_t)width, sizeof *s->order, err, &status);
  if (status == LN_OK) s->branches = ln_run_alloc(node, (size_t)width, sizeof *s->branches, err, &status);
  return status;
}

/* The slot of a prefix, or the free one where it would stand. */
static int32_t *find_slot(const beam *s, int32_t parent, int32_t label) {
  uint64_t hash = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)label) * UINT64_C(0x9E3779B97F4A7C15);
  for (hash ^= hash >> 32;; ++hash) {
    int32_t *slot = &s->slots[hash & (s->slot_count - 1)];
    if (*slot == 0) return slot;
    const prefix *p = &s->prefixes[*slot - 1];
    if (p->parent == parent && p->label == label) return slot;
  }
}

static double total_of(const beam *s, int32_t at) { return s->prefixes[s->heap[at]].now.total; }

static void sink(beam *s, int32_t at) {
  for (;;) {
    int32_t least = 2 * at + 1;
    if (least >= s->size) return;
    if (least + 1 < s->size && total_of(s, least + 1) < total_of(s, least)) ++least;
    if (total_of(s, at) <= total_of(s, least)) return;
    const int32_t kept = s->heap[at];
    s->heap[at] = s->heap[least];
    s->heap[least] = kept;
    at = least;
  }
}

static void keep(beam *s, int32_t index) {
  if (s->size == s->width) {
    s->prefixes[s->heap[0]].now = nothing;
    s->heap[0] = index;
    sink(s, 0);
    return;
  }
  int32_t at = s->size++;
  s->heap[at] = index;
  while (at > 0 && total_of(s, at) < total_of(s, (at - 1) / 2)) {
    const int32_t kept = s->heap[at];
    s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[(at - 1) / 2] = kept;
    at = (at - 1) / 2;
  }
}

static int compare_totals(const void *context, size_t a, size_t b) {
  const beam *s = context;
  const double x = total_of(s, (int32_t)a), y = total_of(s, (int32_t)b);
  return (x < y) - (x > y);
}

/* The beam, the likeliest first, into branches. */
static int32_t take(beam *s) {
  const int32_t count = s->size;
  ln_order(s->order, s->order + s->width, (size_t)count, compare_totals, s);
  for (int32_t i = 0; i < count; ++i) s->branches[i] = s->heap[s->order[i]];
  return count;
}

static bool is_candidate(const beam *s, double total) {
  return total > -INFINITY && (s->size < s->width || total > total_of(s, 0));
}

/* A prefix of the beam, one step on. */
static void stay(beam *s, prefix *p, const ln_cell *row, double norm, size_t blank) {
  if (p->parent >= 0) {
    const prefix *parent = &s->prefixes[p->parent];
    if (parent->now.total > -INFINITY) {
      const double previous = p->label == parent->label ? parent->before.blank : parent->before.total;
      p->now.label = join(p->now.label, previous);
    }
    p->now.label += row[p->label].real - norm;
  }
  p->now.blank = p->before.total + row[blank].real - norm;
  p->now.total = join(p->now.blank, p->now.label);
}

/* Its children by one label each. */
static void grow(beam *s, int32_t index, const ln_cell *row, double norm, size_t labels) {
  for (size_t c = 0; c < labels; ++c) {
    const prefix *p = &s->prefixes[index];
    int32_t *slot = find_slot(s, index, (int32_t)c);
    if (*slot != 0 && s->prefixes[*slot - 1].now.total > -INFINITY) continue;
    const double previous = (int32_t)c == p->label ? p->before.blank : p->before.total;
    const double label = row[c].real - norm + previous;
    if (!is_candidate(s, label)) { /* and one that fell out of the beam in this step grows no children either */
      if (*slot != 0) s->prefixes[*slot - 1].before = nothing;
      continue;
    }
    if (*slot == 0) {
      if (s->count == s->most) return;
      s->prefixes[s->count] = (prefix){.parent = index, .label = (int32_t)c};
      *slot = ++s->count;
    }
    s->prefixes[*slot - 1].now = (chance){label, -INFINITY, label};
    keep(s, *slot - 1);
  }
}

static void step(beam *s, const ln_cell *row, size_t classes) {
  const int32_t count = take(s);
  double most = row[0].real, sum = 0.0;
  for (size_t c = 1; c < classes; ++c) most = row[c].real > most ? row[c].real : most;
  for (size_t c = 0; c < classes; ++c) sum += exp(row[c].real - most);
  const double norm = most + log(sum); /* which makes logarithms of probabilities of them */
  for (int32_t i = 0; i < count; ++i) s->prefixes[s->branches[i]].before = s->prefixes[s->branches[i]].now;
  s->size = 0;
  for (int32_t i = 0; i < count; ++i) {
    stay(s, &s->prefixes[s->branches[i]], row, norm, classes - 1);
    keep(s, s->branches[i]);
  }
  for (int32_t i = 0; i < count; ++i) {
    if (is_candidate(s, s->prefixes[s->branches[i]].before.total)) grow(s, s->branches[i], row, norm, classes - 1);
  }
}

static void search(beam *s, const logits *l, size_t batch) {
  const size_t steps = (size_t)ln_number_at(l->node->in[1], batch);
  memset(s->slots, 0, s->slot_count * sizeof *s->slots); /* bounded: allocated so */
  s->prefixes[0] = (prefix){-1, -1, {0.0, 0.0, -INFINITY}, {0.0, 0.0, -INFINITY}};
  s->count = 1;
  s->size = 0;
  keep(s, 0);
  for (size_t t = 0; t < steps; ++t) step(s, row_at(l, t, batch), l->classes);
}

static void put_path(const beam *s, int32_t index, bool merges, ln_number_list *labels) {
  const size_t first = labels->count;
  int32_t last = -1;
  for (; s->prefixes[index].parent >= 0; index = s->prefixes[index].parent) {
    const int32_t label = s->prefixes[index].label;
    if (!merges || label != last) ln_number_add(labels, label);
    last = label;
  }
  for (size_t a = first, b = labels->count; a + 1 < b; ++a, --b) {
    const int64_t kept = labels->items[a];
    labels->items[a] = labels->items[b - 1];
    labels->items[b - 1] = kept;
  }
}

/* The paths of one rank after another: each rank's of all batches are one output. */
typedef struct ranking {
  ln_number_list *labels; /* [paths] */
  size_t *ends;           /* [paths, batches] */
  ln_cells scores;        /* [batches, paths] */
  int64_t paths, width;
  bool merges;
} ranking;

static ln_status rank_paths(const logits *l, ranking *r, ln_error *err) {
  beam s;
  ln_status status = beam_make(l->node, l, r->width, err, &s);
  for (size_t b = 0; b < l->batches && status == LN_OK; ++b) {
    search(&s, l, b);
    const int32_t found = take(&s);
    if (found < r->paths) {
      status = ln_node_fail(l->node, err, LN_ERR_DATA, "batch %zu has %d paths, %lld are asked for", b, found,
                            (long long)r->paths);
    }
    for (int64_t p = 0; p < r->paths && status == LN_OK; ++p) {
      put_path(&s, s.branches[p], r->merges, &r->labels[p]);
      r->ends[(size_t)p * l->batches + b] = r->labels[p].count;
      r->scores.at[b * (size_t)r->paths + (size_t)p].real = s.prefixes[s.branches[p]].now.total;
    }
  }
  beam_free(&s);
  return status;
}

static ln_status ranking_open(const logits *l, ln_error *err, ranking *r) {
  enum { WIDTH_MOST = 1 << 16 };
  ln_status status;
  size_t ends = 0;
  LN_TRY(ln_attr_int(l->node, err, "beam_width", 1, WIDTH_MOST, &r->width));
  LN_TRY(ln_attr_int(l->node, err, "top_paths", 1, r->width, &r->paths));
  LN_TRY(ln_attr_bool(l->node, err, "merge_repeated", &r->merges));
  if (l->node->out_count != 3 * r->paths + 1) {
    return ln_node_fail(l->node, err, LN_ERR_MODEL, "%d outputs for %lld paths", l->node->out_count,
                        (long long)r->paths);
  }
  if (!ln_size_mul((size_t)r->paths, l->batches, &ends)) return LN_ERR_LIMIT;
  r->labels = ln_run_alloc(l->node, (size_t)r->paths, sizeof *r->labels, err, &status);
  for (int64_t p = 0; p < r->paths && status == LN_OK; ++p) r->labels[p] = ln_number_list_make(l->node);
  if (status == LN_OK) r->ends = ln_run_alloc(l->node, ends, sizeof *r->ends, err, &status);
  return status == LN_OK ? ln_cells_make(l->node, l->node->in[0]->type, ends, err, &r->scores) : status;
}

ln_status ln_ctc_beam_run(const ln_node *node, ln_exec *exec) {
  logits l;
  ranking r = {.paths = 1, .width = 100, .merges = true};
  ln_status status = open_logits(node, exec->err, &l);
  if (status == LN_OK) status = ranking_open(&l, exec->err, &r);
  if (status == LN_OK) status = rank_paths(&l, &r, exec->err);
  for (int64_t p = 0; p < r.paths && status == LN_OK; ++p) {
    status = give_paths(&l, &r.labels[p], r.ends + (size_t)p * l.batches, (int32_t)p, (int32_t)r.paths, exec->err);
  }
  if (status == LN_OK) {
    const ln_shape shape = {2, {(int32_t)l.batches, (int32_t)r.paths}};
    status = ln_cells_give(node, node->out_count - 1, &shape, &r.scores, exec->err);
  }
  for (int64_t p = 0; p < r.paths && r.labels != NULL; ++p) ln_number_list_free(&r.labels[p]);
  ln_free(r.labels);
  ln_free(r.ends);
  ln_cells_free(&r.scores);
  ln_cells_free(&l.cells);
  return status;
}
