/*
 * Ensembles of trees: all trees go down at once, one level a step. A node is a row of constants - which feature, which
 * limit, where to go - and leaves lead to themselves, so that every tree takes as many steps as the deepest.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx/onnx_ml.h"

enum { MOST_NODES = 1 << 22, MOST_TREES = 1 << 16, DEEPEST = 512, MOST_WEIGHTS = 1 << 26 };

typedef enum branch_mode { LEQ, LT, GTE, GT, EQ, NEQ, LEAF, MEMBER } branch_mode;

typedef struct node {
  int32_t feature, yes, no, tree;
  float limit;
  branch_mode mode;
  bool nan_is_yes;
  int64_t id;
} node;

struct numbered;

typedef struct forest {
  ln_onnx_node *n;
  node *nodes;
  struct numbered *places; /* [node_count] by numbers */
  int32_t node_count, tree_count, targets;
  int32_t *roots; /* [tree_count] */
  float *weights; /* [node_count, targets] of leaves */
  bool *counts;   /* [node_count, targets]: there is a weight */
  int32_t depth;
} forest;

static bool is_wrong(const forest *f, const char *what) {
  ln_emit_wrong(f->n->e, "its trees are damaged: %s", what);
  return false;
}

static bool make_room(forest *f, int32_t nodes, int32_t targets) {
  ln_arena *arena = ln_emit_arena(f->n->e);
  if (nodes < 1 || nodes > MOST_NODES || targets < 1 || targets > MOST_WEIGHTS / nodes)
    return is_wrong(f, "too many nodes");
  if (!ln_onnx_may_take(f->n, (size_t)nodes * ((size_t)targets * 5 + 64))) return false;
  f->node_count = nodes;
  f->targets = targets;
  f->nodes = ln_arena_array(arena, (size_t)nodes, sizeof *f->nodes);
  f->roots = ln_arena_array(arena, (size_t)nodes, sizeof *f->roots);
  f->weights = ln_arena_array(arena, (size_t)nodes * (size_t)targets, sizeof *f->weights);
  f->counts = ln_arena_array(arena, (size_t)nodes * (size_t)targets, sizeof *f->counts);
  if (f->nodes != NULL && f->roots != NULL && f->weights != NULL && f->counts != NULL) return true;
  return ln_import_no_memory(f->n->e->import) > 0;
}

static bool add_weight(forest *f, int32_t at, int64_t target, double weight) {
  if (target < 0 || target >= f->targets) return is_wrong(f, "a weight of no target");
  const size_t place = (size_t)at * (size_t)f->targets + (size_t)target;
  f->weights[place] += (float)weight;
  f->counts[place] = true;
  return true;
}

/* ---- reading: nodes by the number of their tree and their own ---- */

struct numbered {
  int64_t tree, id;
  int32_t index;
};
typedef struct numbered numbered;

static int by_number(const void *a, const void *b) {
  const numbered *x = a, *y = b;
  if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static bool sort_places(forest *f) {
  f->places = ln_arena_array(ln_emit_arena(f->n->e), (size_t)f->node_count, sizeof *f->places);
  if (f->places == NULL) return ln_import_no_memory(f->n->e->import) > 0;
  for (int32_t i = 0; i < f->node_count; ++i) f->places[i] = (numbered){f->nodes[i].tree, f->nodes[i].id, i};
  qsort(f->places, (size_t)f->node_count, sizeof *f->places, by_number);
  return true;
}

static int32_t find_node(const forest *f, int64_t tree, int64_t id) {
  const numbered wanted = {tree, id, 0};
  const numbered *found = bsearch(&wanted, f->places, (size_t)f->node_count, sizeof *f->places, by_number);
  return found == NULL ? -1 : found->index;
}

static bool read_mode(forest *f, const char *name, branch_mode *out) {
  static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                      "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
  for (int32_t i = 0; i < (int32_t)LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (branch_mode)i;
    return true;
  }
  return is_wrong(f, "a branch of no kind");
}

/* Limits as floats: a list, or a tensor of doubles. */
static const float *floats_of(ln_onnx_node *n, const char *list, const char *tensor, int32_t *count) {
  const int32_t t = ln_onnx_ml_floats(n, list, tensor);
  const int64_t elements = t < 0 ? 0 : ln_emit_elements(n->e, t);
  *count = (int32_t)elements;
  return t < 0 ? NULL : ln_emit_data(n->e, t);
}

static bool read_nodes(forest *f, int32_t targets) {
  ln_onnx_node *n = f->n;
  int32_t counts[7], missing_count = 0;
  const int64_t *trees = ln_onnx_ints(n, "nodes_treeids", &counts[0]),
                *ids = ln_onnx_ints(n, "nodes_nodeids", &counts[1]);
  const int64_t *features = ln_onnx_ints(n, "nodes_featureids", &counts[2]);
  const int64_t *yes = ln_onnx_ints(n, "nodes_truenodeids", &counts[3]),
                *no = ln_onnx_ints(n, "nodes_falsenodeids", &counts[4]);
  const int64_t *missing = ln_onnx_ints(n, "nodes_missing_value_tracks_true", &missing_count);
  const char *const *modes = ln_onnx_texts(n, "nodes_modes", &counts[5], NULL);
  const float *limits = floats_of(n, "nodes_values", "nodes_values_as_tensor", &counts[6]);
  for (int32_t i = 1; i < 7; ++i) {
    if (counts[i] != counts[0]) return is_wrong(f, "lists of different lengths");
  }
  if (trees == NULL || ids == NULL || features == NULL || yes == NULL || no == NULL || modes == NULL ||
      limits == NULL) {
    return is_wrong(f, "lists are missing");
  }
  if (!make_room(f, counts[0], targets)) return false;
  for (int32_t i = 0; i < f->node_count; ++i) {
    node *at = &f->nodes[i];
    if (trees[i] < INT32_MIN || trees[i] > INT32_MAX || features[i] < 0 || features[i] > INT32_MAX)
      return is_wrong(f, "numbers are too large");
    *at = (node){.feature = (int32_t)features[i], .limit = limits[i], .tree = (int32_t)trees[i], .id = ids[i]};
    at->nan_is_yes = missing != NULL && i < missing_count && missing[i] != 0;
    if (!read_mode(f, modes[i], &at->mode)) return false;
    if (i > 0 && at->tree == f->nodes[i - 1].tree) continue;
    if (f->tree_count == MOST_TREES) return is_wrong(f, "too many trees");
    f->roots[f->tree_count++] = i;
  }
  if (!sort_places(f)) return false;
  for (int32_t i = 0; i < f->node_count; ++i) {
    node *at = &f->nodes[i];
    at->yes = at->mode == LEAF ? i : find_node(f, at->tree, yes[i]);
    at->no = at->mode == LEAF ? i : find_node(f, at->tree, no[i]);
    if (at->yes < 0 || at->no < 0) return is_wrong(f, "a branch leads nowhere");
  }
  return true;
}

/* Weights of leaves in lists with the prefix "class_" or "target_". */
static bool read_weights(forest *f, const char *prefix) {
  char name[4][48];
  static const char *const lists[4] = {"treeids", "nodeids", "ids", "weights"};
  int32_t counts[4];
  for (int32_t i = 0; i < 4; ++i) {
    strcpy(name[i], prefix);
    strcat(name[i], lists[i]);
  }
  char tensor[64];
  strcpy(tensor, name[3]);
  strcat(tensor, "_as_tensor");
  const int64_t *trees = ln_onnx_ints(f->n, name[0], &counts[0]), *ids = ln_onnx_ints(f->n, name[1], &counts[1]);
  const int64_t *targets = ln_onnx_ints(f->n, name[2], &counts[2]);
  const float *weights = floats_of(f->n, name[3], tensor, &counts[3]);
  if (trees == NULL || ids == NULL || targets == NULL || weights == NULL) return is_wrong(f, "weights are missing");
  for (int32_t i = 1; i < 4; ++i) {
    if (counts[i] != counts[0]) return is_wrong(f, "lists of different lengths");
  }
  for (int32_t i = 0; i < counts[0]; ++i) {
    const int32_t at = find_node(f, trees[i], ids[i]);
    if (at < 0 || !add_weight(f, at, targets[i], weights[i])) return is_wrong(f, "a weight of no leaf");
  }
  return true;
}

/* ---- how deep ---- */

/* Longest way down from a node; more than DEEPEST where it goes round. */
static bool find_depth(forest *f) {
  int32_t *level = ln_arena_array(ln_emit_arena(f->n->e), (size_t)f->node_count, sizeof *level);
  if (level == NULL) return ln_import_no_memory(f->n->e->import) > 0;
  for (int32_t i = 0; i < f->node_count; ++i) level[i] = -1;
  for (int32_t t = 0; t < f->tree_count; ++t) level[f->roots[t]] = 0;
  /* Nodes that follow their parents are done in one pass; others want as many as they are deep. */
  for (bool changed = true; changed;) {
    changed = false;
    for (int32_t i = 0; i < f->node_count; ++i) {
      const node *at = &f->nodes[i];
      if (level[i] < 0 || at->mode == LEAF) continue;
      if (level[i] >= DEEPEST) return ln_emit_refuse(f->n->e, "a tree is deeper than %d, or goes round", DEEPEST) > 0;
      for (int32_t k = 0; k < 2; ++k) {
        const int32_t to = k == 0 ? at->yes : at->no;
        if (level[to] > level[i]) continue;
        level[to] = level[i] + 1;
        changed = true;
      }
      if (level[i] + 1 > f->depth) f->depth = level[i] + 1;
    }
  }
  return true;
}

/* ---- going down ---- */

typedef struct columns {
  int32_t feature, limit, yes, no, equal, nan; /* constants [nodes]; -1: not needed */
} columns;

/* All comparisons become <= or ==, with the ways exchanged where these say the opposite. */
static columns make_columns(const forest *f) {
  ln_emit *e = f->n->e;
  const size_t count = (size_t)f->node_count;
  ln_arena *arena = ln_emit_arena(e);
  int32_t *ways = ln_arena_array(arena, 3 * count, sizeof *ways);
  float *limits = ln_arena_array(arena, count, sizeof *limits);
  bool *flags = ln_arena_array(arena, 2 * count, sizeof *flags), any_equal = false, any_nan = false;
  columns out = {-1, -1, -1, -1, -1, -1};
  if (ways == NULL || limits == NULL || flags == NULL) {
    ln_import_no_memory(e->import);
    return out;
  }
  for (int32_t i = 0; i < f->node_count; ++i) {
    const node *at = &f->nodes[i];
    const bool turned = at->mode == GTE || at->mode == GT || at->mode == NEQ;
    ways[i] = at->feature;
    ways[count + (size_t)i] = turned ? at->no : at->yes;
    ways[2 * count + (size_t)i] = turned ? at->yes : at->no;
    limits[i] = at->mode == LT || at->mode == GTE ? nextafterf(at->limit, -INFINITY) : at->limit;
    flags[i] = at->mode == EQ || at->mode == NEQ;
    /* Of no number every comparison is false, but for !=; the node says which way that goes. */
    const bool yes = at->nan_is_yes || at->mode == NEQ;
    flags[count + (size_t)i] = turned ? !yes : yes;
    any_equal = any_equal || flags[i];
    any_nan = any_nan || (flags[count + (size_t)i] && at->mode != LEAF);
  }
  out.feature = ln_emit_const_view(e, LN_INT32, 1, &f->node_count, ways);
  out.yes = ln_emit_const_view(e, LN_INT32, 1, &f->node_count, ways + count);
  out.no = ln_emit_const_view(e, LN_INT32, 1, &f->node_count, ways + 2 * count);
  out.limit = ln_emit_const_view(e, LN_FLOAT32, 1, &f->node_count, limits);
  if (any_equal) out.equal = ln_emit_const_view(e, LN_BOOL, 1, &f->node_count, flags);
  if (any_nan) out.nan = ln_emit_const_view(e, LN_BOOL, 1, &f->node_count, flags + count);
  return out;
}

static int32_t at_nodes(ln_emit *e, int32_t column, int32_t nodes) { return ln_emit_gather(e, column, nodes, 0, 0); }

static int32_t go_down(ln_emit *e, const columns *c, int32_t x, int32_t nodes) {
  const int32_t value = ln_emit_gather(e, x, at_nodes(e, c->feature, nodes), 1, 1),
                limit = at_nodes(e, c->limit, nodes);
  int32_t goes = ln_emit_compare(e, LN_OP_LESS_EQUAL, value, limit);
  if (c->equal >= 0) {
    goes = ln_emit_select(e, at_nodes(e, c->equal, nodes), ln_emit_compare(e, LN_OP_EQUAL, value, limit), goes);
  }
  if (c->nan >= 0) {
    goes = ln_emit_select(e, ln_emit_compare(e, LN_OP_NOT_EQUAL, value, value), at_nodes(e, c->nan, nodes), goes);
  }
  return ln_emit_select(e, goes, at_nodes(e, c->yes, nodes), at_nodes(e, c->no, nodes));
}

/* float32 [n, trees, targets] of the leaves, and int32 [n, trees] which they are. */
static int32_t find_leaves(const forest *f, int32_t x, int32_t *leaves) {
  ln_emit *e = f->n->e;
  const int32_t row[2] = {1, f->tree_count}, dims[2] = {f->node_count, f->targets};
  if (!ln_onnx_may_write(f->n, f->depth)) return -1;
  const columns c = make_columns(f);
  const ln_dim all[2] = {LN_DIM_OF(x, 0), LN_DIM(f->tree_count)};
  int32_t nodes = ln_emit_broadcast(e, ln_emit_const(e, LN_INT32, 2, row, f->roots), 2, all);
  for (int32_t i = 0; i < f->depth && !ln_emit_failed(e); ++i) nodes = go_down(e, &c, x, nodes);
  *leaves = nodes;
  return ln_emit_gather(e, ln_emit_const_view(e, LN_FLOAT32, 2, dims, f->weights), nodes, 0, 0);
}

/* ---- together ---- */

typedef enum aggregate { AVERAGE, SUM, MINIMUM, MAXIMUM } aggregate;

static int32_t aggregated(const forest *f, aggregate how, int32_t x) {
  ln_emit *e = f->n->e;
  const int32_t trees = 1, dims[2] = {f->node_count, f->targets};
  int32_t leaves = -1;
  const int32_t values = find_leaves(f, x, &leaves);
  if (how == SUM || how == AVERAGE) {
    const int32_t sum = ln_emit_reduce(e, LN_OP_SUM, values, 1, &trees, false);
    return how == SUM ? sum : ln_emit_mul_number(e, sum, 1.0 / f->tree_count);
  }
  /* Only leaves that have a weight for the target count. */
  const int32_t counts = ln_emit_gather(e, ln_emit_const_view(e, LN_BOOL, 2, dims, f->counts), leaves, 0, 0);
  const int32_t other = ln_emit_f32(e, how == MINIMUM ? INFINITY : -INFINITY);
  const int32_t code = how == MINIMUM ? LN_OP_REDUCE_MIN : LN_OP_REDUCE_MAX;
  const int32_t most = ln_emit_reduce(e, code, ln_emit_select(e, counts, values, other), 1, &trees, false);
  const int32_t any = ln_emit_reduce(e, LN_OP_REDUCE_ANY, counts, 1, &trees, false);
  return ln_emit_select(e, any, most, ln_emit_f32(e, 0));
}

static int32_t with_base(forest *f, int32_t scores) {
  const int32_t base = ln_onnx_ml_floats(f->n, "base_values", "base_values_as_tensor");
  return base < 0 || ln_emit_elements(f->n->e, base) == 0 ? scores : ln_emit_add(f->n->e, scores, base);
}

static bool find_aggregate(ln_onnx_node *n, aggregate *out) {
  static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const char *name = ln_onnx_text(n, "aggregate_function", "SUM");
  for (int32_t i = 0; i < (int32_t)LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (aggregate)i;
    return true;
  }
  return ln_emit_wrong(n->e, "there is no aggregate_function %.40s", name) > 0;
}

void ln_onnx_tree_regressor(ln_onnx_node *n) {
  forest f = {.n = n};
  ln_onnx_transform how;
  aggregate by = SUM;
  if (!ln_onnx_ml_transform(n, &how) || !find_aggregate(n, &by)) return;
  if (!read_nodes(&f, ln_onnx_int32(n, "n_targets", 1)) || !read_weights(&f, "target_") || !find_depth(&f)) return;
  const int32_t scores = with_base(&f, aggregated(&f, by, ln_emit_cast(n->e, ln_onnx_in(n, 0), LN_FLOAT32)));
  ln_onnx_out(n, 0, ln_onnx_ml_transformed(n->e, how, scores));
}

/* Whether all weights are of one class, and none is negative. */
static void look_at_weights(const forest *f, bool *one_class, bool *positive, int32_t *which) {
  *one_class = *positive = true;
  *which = -1;
  for (size_t i = 0; i < (size_t)f->node_count * (size_t)f->targets; ++i) {
    if (!f->counts[i]) continue;
    const int32_t target = (int32_t)(i % (size_t)f->targets);
    *one_class = *one_class && (*which < 0 || *which == target);
    *which = target;
    *positive = *positive && f->weights[i] >= 0;
  }
}

void ln_onnx_tree_classifier(ln_onnx_node *n) {
  ln_emit *e = n->e;
  forest f = {.n = n};
  ln_onnx_transform how;
  bool one_class, positive;
  int32_t which;
  if (!ln_onnx_ml_transform(n, &how)) return;
  const int32_t labels = ln_onnx_ml_labels(n, "classlabels_int64s", "classlabels_strings"),
                classes = ln_emit_dim(e, labels, 0);
  if (classes < 1 || !read_nodes(&f, classes) || !read_weights(&f, "class_") || !find_depth(&f)) return;
  int32_t scores = aggregated(&f, SUM, ln_emit_cast(e, ln_onnx_in(n, 0), LN_FLOAT32));
  look_at_weights(&f, &one_class, &positive, &which);
  if (classes == 2 && one_class && which >= 0) { /* one score for two classes */
    const int32_t base = ln_onnx_ml_floats(n, "base_values", "base_values_as_tensor");
    scores = ln_emit_slice(e, scores, 1, which, which + 1, 1);
    if (base >= 0 && ln_emit_elements(e, base) > 0) {
      scores = ln_emit_add(e, scores, ln_emit_slice(e, base, 0, ln_emit_elements(e, base) == 2 ? 1 : 0, INT32_MAX, 1));
    }
    ln_onnx_ml_classify(n, labels, scores, how, positive ? 0.5 : 0, positive ? 1 : 0);
    return;
  }
  ln_onnx_ml_classify(n, labels, with_base(&f, scores), how, 0, 0);
}

/* ---- TreeEnsemble: interior nodes and leaves stand in lists of their own ---- */

/* Its attributes. */
typedef struct tables {
  int32_t inner, leaves, roots, members;
  const int64_t *features, *yes, *no, *yes_leaf, *no_leaf, *root, *target, *missing;
  const float *limits, *weights, *member; /* sets one after the other, each ended by no number */
  const int64_t *modes;
} tables;

static bool read_tables(ln_onnx_node *n, tables *t) {
  int32_t counts[6], targets, modes = 0, missing;
  *t = (tables){.features = ln_onnx_ints(n, "nodes_featureids", &counts[0]),
                .yes = ln_onnx_ints(n, "nodes_truenodeids", &counts[1]),
                .no = ln_onnx_ints(n, "nodes_falsenodeids", &counts[2]),
                .yes_leaf = ln_onnx_ints(n, "nodes_trueleafs", &counts[3]),
                .no_leaf = ln_onnx_ints(n, "nodes_falseleafs", &counts[4]),
                .target = ln_onnx_ints(n, "leaf_targetids", &targets)};
  t->root = ln_onnx_ints(n, "tree_roots", &t->roots);
  t->inner = counts[0];
  t->missing = ln_onnx_ints(n, "nodes_missing_value_tracks_true", &missing);
  if (missing < t->inner) t->missing = NULL;
  t->limits = floats_of(n, "", "nodes_splits", &counts[5]);
  t->weights = floats_of(n, "", "leaf_weights", &t->leaves);
  t->member = floats_of(n, "", "membership_values", &t->members);
  int64_t *list = ln_arena_array(ln_emit_arena(n->e), (size_t)t->inner + 1, sizeof *list);
  if (list == NULL) return ln_import_no_memory(n->e->import) > 0;
  bool good = t->features != NULL && t->yes != NULL && t->no != NULL && t->yes_leaf != NULL && t->no_leaf != NULL &&
              t->root != NULL && t->target != NULL && t->limits != NULL && t->weights != NULL && targets == t->leaves &&
              ln_emit_ints(n->e, ln_onnx_tensor(n, "nodes_modes"), list, t->inner, &modes) && modes == t->inner;
  for (int32_t i = 1; i < 6; ++i) good = good && counts[i] == counts[0];
  t->modes = list;
  return good;
}

/* A node that asks for a member of a set is a row of nodes that ask for each. */
static bool add_members(forest *f, const tables *t, int32_t at, int32_t *from, int32_t *used) {
  const node own = f->nodes[at];
  int32_t last = at;
  if (*from >= t->members || isnan(t->member[*from])) return is_wrong(f, "a set without members");
  for (bool first = true; *from < t->members && !isnan(t->member[*from]); ++*from, first = false) {
    const int32_t place = first ? at : (*used)++;
    if (place >= f->node_count) return is_wrong(f, "too many members");
    f->nodes[place] = own;
    f->nodes[place].mode = EQ;
    f->nodes[place].limit = t->member[*from];
    if (!first) f->nodes[last].no = place;
    last = place;
  }
  ++*from;
  return true;
}

static bool add_inner(forest *f, const tables *t) {
  int32_t member = 0, used = t->inner + t->leaves;
  for (int32_t i = 0; i < t->inner; ++i) {
    node *at = &f->nodes[i];
    const int64_t to[2] = {t->yes[i], t->no[i]};
    for (int32_t k = 0; k < 2; ++k) {
      const bool leaf = (k == 0 ? t->yes_leaf : t->no_leaf)[i] != 0;
      if (to[k] < 0 || to[k] >= (leaf ? t->leaves : t->inner)) return is_wrong(f, "a branch leads nowhere");
      *(k == 0 ? &at->yes : &at->no) = (int32_t)to[k] + (leaf ? t->inner : 0);
    }
    if (t->features[i] < 0 || t->features[i] > INT32_MAX) return is_wrong(f, "numbers are too large");
    if (t->modes[i] < 0 || t->modes[i] > 6) return is_wrong(f, "a branch of no kind");
    at->feature = (int32_t)t->features[i];
    at->limit = t->limits[i];
    at->nan_is_yes = t->missing != NULL && t->missing[i] != 0;
    at->mode = t->modes[i] == 6 ? MEMBER : (branch_mode)t->modes[i];
    if (at->mode == MEMBER && !add_members(f, t, i, &member, &used)) return false;
  }
  return true;
}

void ln_onnx_tree_ensemble(ln_onnx_node *n) {
  ln_emit *e = n->e;
  forest f = {.n = n};
  tables t;
  const int64_t transform = ln_onnx_int(n, "post_transform", 0), by = ln_onnx_int(n, "aggregate_function", 1);
  if (!read_tables(n, &t) || transform < 0 || transform > 4 || by < 0 || by > 3) {
    is_wrong(&f, "lists are missing or of different lengths");
    return;
  }
  if (t.inner > MOST_NODES / 4 || t.leaves > MOST_NODES / 4 || t.members > MOST_NODES / 4 ||
      !make_room(&f, t.inner + t.leaves + t.members, ln_onnx_int32(n, "n_targets", 0))) {
    return;
  }
  for (int32_t i = t.inner; i < f.node_count; ++i) f.nodes[i] = (node){.mode = LEAF, .yes = i, .no = i};
  if (!add_inner(&f, &t)) return;
  for (int32_t i = 0; i < t.leaves; ++i) {
    if (!add_weight(&f, t.inner + i, t.target[i], t.weights[i])) return;
  }
  for (int32_t i = 0; i < t.roots && i < f.node_count; ++i) {
    if (t.root[i] < 0 || t.root[i] >= t.inner) {
      is_wrong(&f, "a root is none of the nodes");
      return;
    }
    f.roots[f.tree_count++] = (int32_t)t.root[i];
  }
  if (!find_depth(&f)) return;
  const int32_t scores = aggregated(&f, (aggregate)by, ln_emit_cast(e, ln_onnx_in(n, 0), LN_FLOAT32));
  const int32_t shown = ln_onnx_ml_transformed(e, (ln_onnx_transform)transform, scores);
  ln_onnx_out(n, 0, ln_emit_cast(e, shown, ln_emit_type(e, ln_onnx_in(n, 0))));
}
