/*
 * Clustering in training: a layer's weights take few values, the centroids, which are parameters of their own whose
 * gradient is the sum of their members'. Weights move on by their gradients as if they were themselves (straight
 * through), and each step every weight goes to the nearest centroid. Clusters of weights that came clustered stay as
 * they are on request. S. Han et al., Deep Compression, 2016.
 */
#include <math.h>
#include <string.h>

#include "optimize/kmeans.h"
#include "train/form.h"

static const ln_parameter parameters[] = {
    {"cluster", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "values that the weights of a layer may take (16), zero among them, or keep: what came clustered stays so"},
    {"cluster_init", LN_PARAMETER_CHOICE, "kmeans++", "kmeans++|density|linear|random", 0, 0, "where values begin"},
    {"cluster_scope", LN_PARAMETER_CHOICE, "tensor", "tensor|channel", 0, 0, "what shares its values"},
    {"cluster_smallest", LN_PARAMETER_INTEGER, "128", NULL, 0, 1e9, "weights that a layer must have to be clustered"},
    {"cluster_begin", LN_PARAMETER_NUMBER, "0", NULL, 0, 1, "share of the steps before weights are clustered"},
    {"cluster_depthwise", LN_PARAMETER_FLAG, "false", NULL, 0, 0,
     "whether depthwise layers are clustered, too, whose channels are unlike one another"},
    {"cluster_rate", LN_PARAMETER_NUMBER, "0.3", NULL, 0, 1000,
     "the learning rate of the values, over that of weights"},
    {"cluster_layers", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "a regular expression: the tensors or layers that are clustered"},
    {0}};

enum { MOST = 256 };

/* The values of a tensor, or of one of its channels. */
typedef struct codebook {
  int32_t used; /* 0: not found yet */
  int32_t zero; /* the one that is zero and stays so; -1 */
} codebook;

typedef struct clustered {
  ln_param *param;
  ln_layer layer;
  int32_t books;
  codebook *book;      /* [books] */
  uint8_t *numbers;    /* [count] in the tensor's order */
  int32_t most;        /* values of each */
  float *first;        /* [books, most] where they begin, and were before an update */
  ln_param *centroids; /* [books, most] */
  const char *name;
} clustered;

typedef struct clustering {
  clustered *layers;
  int32_t count;
  ln_kmeans how;
  bool keeps, by_channel, pruned, depthwise;
  double begin, rate;
  int64_t smallest;
  bool begun;
  ln_status status; /* of applying, which cannot fail */
} clustering;

static clustered *layer_of(const clustering *s, const ln_param *p) {
  for (int32_t i = 0; i < s->count; ++i) {
    if (s->layers[i].param == p) return &s->layers[i];
  }
  return NULL;
}

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "cluster: out of memory"); }

/* ---- what is said ---- */

static ln_status read_settings(ln_trainer *t, clustering *s) {
  static const char *const starts[] = {"kmeans++", "density", "linear", "random"};
  const char *text = ln_setting_text(t->settings, parameters, "cluster");
  const char *start = ln_setting_text(t->settings, parameters, "cluster_init");
  s->keeps = strcmp(text, "keep") == 0;
  const double clusters = s->keeps ? MOST : ln_number_of_text(text);
  if (!(clusters >= 2 && clusters <= MOST && clusters == floor(clusters))) {
    return ln_fail(t->err, LN_ERR_ARGUMENT, "cluster: \"%.40s\" is neither a number from 2 to %d nor keep", text, MOST);
  }
  s->how = (ln_kmeans){.clusters = (int32_t)clusters,
                       .seed = (uint64_t)ln_setting_int(t->settings, ln_train_parameters, "seed")};
  for (size_t i = 0; i < LN_COUNT(starts); ++i) {
    if (strcmp(starts[i], start) == 0) s->how.start = (ln_kmeans_start)i;
  }
  s->by_channel = strcmp(ln_setting_text(t->settings, parameters, "cluster_scope"), "channel") == 0;
  s->pruned = ln_setting_given(t->settings, "prune");
  s->begin = s->keeps ? 0 : ln_setting_number(t->settings, parameters, "cluster_begin");
  s->depthwise = s->keeps || ln_setting_flag(t->settings, parameters, "cluster_depthwise");
  s->rate = ln_setting_number(t->settings, parameters, "cluster_rate");
  s->smallest = ln_setting_int(t->settings, parameters, "cluster_smallest");
  return LN_OK;
}

/* ---- the elements of a codebook ---- */

/* Of a channel those that its row of the matrix has; of a tensor all. */
static size_t member_count(const clustered *c) { return c->books == 1 ? c->param->count : (size_t)c->layer.columns; }

static size_t member(const clustered *c, int32_t book, size_t index) {
  return c->books == 1 ? index : ln_form_place(&c->layer, (size_t)book, index);
}

/* ---- where values begin ---- */

/* The distinct values of weights that are no more than `values` holds; how many, 0 for more. */
static int32_t find_distinct(const clustered *c, int32_t book, float values[MOST]) {
  int32_t used = 0;
  for (size_t i = 0; i < member_count(c); ++i) {
    const float value = c->param->values[member(c, book, i)] + 0.0f; /* no negative zero */
    const int32_t near = used == 0 ? 0 : ln_kmeans_nearest(values, used, value);
    if (used > 0 && values[near] == value) continue;
    if (used == MOST || !isfinite(value)) return 0;
    int32_t at = near + (used > 0 && values[near] < value);
    memmove(&values[at + 1], &values[at], (size_t)(used - at) * sizeof *values);
    values[at] = value;
    ++used;
  }
  return used;
}

static void take_values(const clustered *c, int32_t book, int32_t used, const float *values) {
  c->book[book] = (codebook){used, -1};
  for (int32_t i = 0; i < used; ++i) {
    c->first[book * c->most + i] = values[i];
    if (values[i] == 0.0f) c->book[book].zero = i;
  }
}

/* Clusters of the weights as the forms before left them; zeros have one of their own where weights were pruned. */
static bool find_values(const clustering *s, const clustered *c, int32_t book, const float *used, float *work) {
  float values[MOST] = {0};
  const size_t count = member_count(c);
  size_t filled = 0;
  ln_kmeans how = s->how;
  int32_t found = 1;
  how.keep_zero = s->pruned || ln_form_is_sparse(used, c->param->count);
  for (size_t i = 0; i < count; ++i) {
    const float value = used[member(c, book, i)];
    if (!isfinite(value)) return true; /* the loss says it */
    if (value != 0.0f || !how.keep_zero) work[filled++] = value;
  }
  if (filled > 0 && !ln_kmeans_find(&how, work, NULL, filled, values, &found)) return false;
  take_values(c, book, found, values);
  return true;
}

static void begin_centroids(const clustered *c) {
  const size_t bytes = c->centroids->count * sizeof *c->first;
  memcpy(c->centroids->values, c->first, bytes);
  if (c->centroids->average != NULL) memcpy(c->centroids->average, c->first, bytes);
}

static ln_status begin_layer(const ln_trainer *t, const clustering *s, const clustered *c) {
  float *work = ln_alloc_array(member_count(c), sizeof *work);
  bool good = work != NULL;
  for (int32_t i = 0; good && i < c->books; ++i) good = find_values(s, c, i, c->param->used, work);
  ln_free(work);
  if (good) begin_centroids(c);
  return good ? LN_OK : no_memory(t);
}

/* ---- layers ---- */

/* What came clustered: how many values at most; 0 where it did not. */
static int32_t come_clustered(const clustered *c) {
  float values[MOST];
  int32_t most = 0;
  for (int32_t i = 0; i < c->books; ++i) {
    const int32_t found = find_distinct(c, i, values);
    if (found == 0 || (size_t)found * 2 > member_count(c)) return 0;
    if (found > most) most = found;
  }
  return most;
}

static void keep_clusters(const clustered *c) {
  float values[MOST];
  for (int32_t i = 0; i < c->books; ++i) {
    const int32_t found = find_distinct(c, i, values);
    take_values(c, i, found, values);
    for (size_t k = 0; k < member_count(c); ++k) {
      const size_t at = member(c, i, k);
      c->numbers[at] = (uint8_t)ln_kmeans_nearest(values, found, c->param->values[at]);
    }
  }
}

static ln_status add_layer(ln_trainer *t, clustering *s, const ln_form_layer *found) {
  clustered *c = &s->layers[s->count];
  if ((int64_t)found->param->count < s->smallest) return LN_OK;
  if (found->layer.kind == LN_LAYER_DEPTHWISE && !s->depthwise) return LN_OK;
  *c = (clustered){.param = found->param, .layer = found->layer, .most = s->how.clusters};
  c->books = s->by_channel ? found->layer.rows : 1;
  if (s->keeps) c->most = come_clustered(c);
  if (c->most == 0) return LN_OK;
  ++s->count;
  c->book = ln_arena_array(&t->arena, (size_t)c->books, sizeof *c->book);
  c->first = ln_arena_array(&t->arena, (size_t)c->books * (size_t)c->most, sizeof *c->first); /* bounded: rows * 256 */
  c->numbers = ln_arena_array(&t->arena, found->param->count, 1);
  c->name = ln_arena_printf(&t->arena, "cluster/%s", found->param->name);
  if (c->book == NULL || c->first == NULL || c->numbers == NULL || c->name == NULL) return no_memory(t);
  if (s->keeps) keep_clusters(c);
  if (c->books == 1) found->param->clusters = c->most;
  return ln_trainer_keep(t, c->name, c->book, (size_t)c->books * sizeof *c->book);
}

static ln_status open_layers(ln_trainer *t, clustering *s) {
  ln_form_layer *found = NULL;
  int32_t count = 0;
  LN_TRY(ln_form_layers(t, "cluster", ln_setting_text(t->settings, parameters, "cluster_layers"), &found, &count));
  s->layers = ln_alloc_array((size_t)count, sizeof *s->layers);
  ln_status status = s->layers == NULL ? no_memory(t) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) status = add_layer(t, s, &found[i]);
  ln_free(found);
  if (status != LN_OK || s->count > 0) return status;
  return ln_fail(t->err, LN_ERR_UNSUPPORTED, "cluster: no trained weights %s",
                 s->keeps ? "take few values" : "are as many as cluster_smallest says");
}

static void destroy(ln_trainer *t, void *state) {
  clustering *s = state;
  (void)t;
  if (s == NULL) return;
  ln_free(s->layers);
  ln_free(s);
}

static ln_status begin(ln_trainer *t, void **state) {
  clustering *s = ln_alloc_zero(sizeof *s);
  *state = s;
  if (s == NULL) return no_memory(t);
  LN_TRY(read_settings(t, s));
  return open_layers(t, s);
}

/* The centroids are inputs of the step that no operator reads: what they learn from comes with the weights. */
static ln_status rewrite(ln_trainer *t, void *state, ln_grad *g, bool training) {
  const clustering *s = state;
  (void)training;
  for (int32_t i = 0; i < s->count; ++i) {
    clustered *c = &s->layers[i];
    const bool is_new = c->centroids == NULL;
    const ln_shape shape = {.rank = 2, .dims = {c->books, c->most}};
    const char *name = ln_arena_printf(&t->arena, "%s/centroids", c->name);
    if (name == NULL) return no_memory(t);
    ln_step_add_param(t, g, name, &shape, c->first, &c->centroids);
    LN_TRY(g->status);
    if (is_new && s->keeps) begin_centroids(c);
  }
  return LN_OK;
}

/* ---- steps ---- */

static ln_status before_step(ln_trainer *t, void *state, int64_t step, int64_t steps) {
  clustering *s = state;
  (void)t;
  s->begun = step >= (int64_t)(s->begin * (double)steps) || step >= steps - 1;
  return s->status;
}

/* A checkpoint may hold anything. */
static bool is_codebook(const clustered *c, const codebook *b) {
  return b->used >= 0 && b->used <= c->most && b->zero >= -1 && (b->zero < b->used || b->used == 0);
}

/* Places of a codebook's values in ascending order, and those in `values`. */
static void sort_values(const clustered *c, int32_t book, float values[MOST], uint8_t places[MOST]) {
  const codebook *b = &c->book[book];
  const float *centroids = c->centroids->values + (size_t)book * (size_t)c->most;
  for (int32_t i = 0; i < b->used; ++i) {
    const float value = i == b->zero ? 0.0f : centroids[i];
    int32_t at = i;
    for (; at > 0 && values[at - 1] > value; --at) {
      values[at] = values[at - 1];
      places[at] = places[at - 1];
    }
    values[at] = value;
    places[at] = (uint8_t)i;
  }
}

/* Each weight's number, and its value. Where averages are asked for, those of the values: an average of weights between
 * two values would mean neither. */
static void apply_book(const clustering *s, const clustered *c, int32_t book, bool averages, float *used) {
  const codebook *b = &c->book[book];
  const float *from = averages && c->centroids->average != NULL ? c->centroids->average : c->centroids->values;
  const float *centroids = from + (size_t)book * (size_t)c->most;
  float values[MOST];
  uint8_t places[MOST];
  sort_values(c, book, values, places);
  for (size_t i = 0; i < member_count(c); ++i) {
    const size_t at = member(c, book, i);
    if (!s->keeps && !averages) {
      const bool stays = used[at] == 0.0f && b->zero >= 0;
      c->numbers[at] = stays ? (uint8_t)b->zero : places[ln_kmeans_nearest(values, b->used, used[at])];
    }
    used[at] = c->numbers[at] == b->zero ? 0.0f : centroids[c->numbers[at]];
  }
}

static void apply(ln_trainer *t, void *state, ln_param *p) {
  clustering *s = state;
  const clustered *c = layer_of(s, p);
  if (c == NULL || c->centroids == NULL || (!s->begun && c->book[0].used == 0)) return;
  for (int32_t i = 0; i < c->books && s->status == LN_OK; ++i) {
    if (is_codebook(c, &c->book[i])) continue;
    s->status = ln_fail(t->err, LN_ERR_DATA, "cluster: the checkpoint has no such clusters of \"%s\"", p->name);
  }
  if (c->book[0].used == 0 && s->status == LN_OK) s->status = begin_layer(t, s, c);
  if (s->status != LN_OK) return;
  for (int32_t i = 0; i < c->books; ++i) apply_book(s, c, i, t->averages, p->used);
}

/* A centroid's gradient is its members' sum; of what is zero there is none. */
static void back(ln_trainer *t, void *state, ln_param *p) {
  const clustering *s = state;
  const clustered *c = layer_of(s, p);
  (void)t;
  if (c == NULL || c->book[0].used == 0) return;
  for (int32_t i = 0; i < c->books; ++i) {
    float *gradient = c->centroids->gradient + (size_t)i * (size_t)c->most;
    double sums[MOST] = {0};
    for (size_t k = 0; k < member_count(c); ++k) {
      const size_t at = member(c, i, k);
      sums[c->numbers[at]] += (double)p->gradient[at];
    }
    for (int32_t k = 0; k < c->most; ++k) gradient[k] = k == c->book[i].zero ? 0.0f : (float)sums[k];
  }
  memcpy(c->first, c->centroids->values, c->centroids->count * sizeof *c->first);
}

/* When a centroid moves, all its weights do: it goes slower than a weight by itself. */
static void after_update(ln_trainer *t, void *state, ln_param *p) {
  const clustering *s = state;
  (void)t;
  for (int32_t i = 0; i < s->count; ++i) {
    const clustered *c = &s->layers[i];
    if (c->centroids != p || c->book[0].used == 0) continue;
    for (size_t k = 0; k < p->count; ++k) {
      p->values[k] = c->first[k] + (float)s->rate * (p->values[k] - c->first[k]);
    }
  }
}

/* Where a normalization has been folded in, a channel's values are multiplied. */
static bool is_multiplied(const ln_optimizer *o, const ln_param *p) {
  return memcmp(ln_optimizer_graph(o)->tensors[p->tensor].data, p->used, p->count * sizeof *p->used) != 0;
}

static ln_status finish(ln_trainer *t, void *state, ln_optimizer *o) {
  const clustering *s = state;
  (void)t;
  for (int32_t i = 0; i < s->count; ++i) {
    const clustered *c = &s->layers[i];
    if (c->book[0].used == 0) continue;
    const int32_t axis = c->books > 1 || is_multiplied(o, c->param) ? c->layer.axis : -1;
    LN_TRY(ln_invariant_keep_clusters(o, c->param->tensor, c->most, axis));
  }
  return s->status;
}

static bool restored(ln_trainer *t, void *state) {
  const clustering *s = state;
  bool good = true;
  (void)t;
  for (int32_t i = 0; i < s->count; ++i) {
    for (int32_t k = 0; k < s->layers[i].books; ++k) {
      int32_t *used = &s->layers[i].book[k].used;
      if (*used >= 0 && *used <= s->layers[i].most) continue;
      *used = 0;
      good = false;
    }
  }
  return good;
}

const ln_form_def ln_form_cluster = {.name = "cluster",
                                     .what = "weights take few values, which are trained",
                                     .parameters = parameters,
                                     .begin = begin,
                                     .rewrite = rewrite,
                                     .before_step = before_step,
                                     .apply = apply,
                                     .back = back,
                                     .after_update = after_update,
                                     .finish = finish,
                                     .restored = restored,
                                     .destroy = destroy};
