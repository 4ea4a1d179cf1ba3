/*
 * Clustering in training: a layer's weights take few values, the means of what belongs to them. Weights move by their
 * gradients as if they were themselves (straight through), so that values follow the mean of their members' gradients,
 * and each step every weight goes to the nearest value: Lloyd's turns between the optimizer's. Clusters of weights that
 * came clustered stay as they are on request. S. Han et al., Deep Compression, 2016; M. Cho et al., DKM, 2022.
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
    {"cluster_gradient", LN_PARAMETER_CHOICE, "own", "own|mean", 0, 0,
     "whether weights follow gradients of their own, or all of a cluster the mean of them"},
    {"cluster_layers", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "a regular expression: the tensors or layers that are clustered"},
    {0}};

enum { MOST = 256 };

/* Values of a tensor, or of one of its channels. */
typedef struct codebook {
  int32_t used;       /* 0: not found yet */
  float values[MOST]; /* ascending: what weights are compared with */
  float next[MOST];   /* means of the members, which the values become with the next step */
} codebook;

typedef struct clustered {
  ln_param *param;
  ln_layer layer;
  int32_t books;
  codebook *book;   /* [books] */
  uint8_t *numbers; /* [count] in the tensor's order */
  int32_t most;     /* values of each */
} clustered;

typedef struct clustering {
  clustered *layers;
  int32_t count;
  ln_kmeans how;
  bool keeps, by_channel, mean, pruned;
  double begin;
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
  s->mean = s->keeps || strcmp(ln_setting_text(t->settings, parameters, "cluster_gradient"), "mean") == 0;
  s->begin = s->keeps ? 0 : ln_setting_number(t->settings, parameters, "cluster_begin");
  s->smallest = ln_setting_int(t->settings, parameters, "cluster_smallest");
  return LN_OK;
}

/* ---- the elements of a codebook ---- */

/* Of a channel those that its row of the matrix has; of a tensor all. */
static size_t member_count(const clustered *c) { return c->books == 1 ? c->param->count : (size_t)c->layer.columns; }

static size_t member(const clustered *c, int32_t book, size_t index) {
  return c->books == 1 ? index : ln_form_place(&c->layer, (size_t)book, index);
}

static int32_t zero_of(const codebook *b) {
  for (int32_t i = 0; i < b->used; ++i) {
    if (b->values[i] == 0.0f) return i;
  }
  return -1;
}

/* ---- where values begin ---- */

/* The distinct values, when they are no more than a codebook's. */
static bool find_distinct(const clustered *c, int32_t book, codebook *b) {
  const size_t count = member_count(c);
  b->used = 0;
  for (size_t i = 0; i < count; ++i) {
    const float value = c->param->values[member(c, book, i)] + 0.0f; /* no negative zero */
    int32_t at = 0, above = b->used;
    while (at < above) {
      const int32_t middle = (at + above) / 2;
      if (b->values[middle] < value) at = middle + 1;
      else above = middle;
    }
    if (at < b->used && b->values[at] == value) continue;
    if (b->used == MOST || !isfinite(value)) return false;
    memmove(&b->values[at + 1], &b->values[at], (size_t)(b->used - at) * sizeof *b->values);
    b->values[at] = value;
    ++b->used;
  }
  memcpy(b->next, b->values, sizeof b->next);
  return true;
}

/* Clusters of the weights as the forms before left them; zeros have one of their own where weights were pruned. */
static bool find_values(const clustering *s, const clustered *c, int32_t book, const float *used, float *work) {
  const size_t count = member_count(c);
  codebook *b = &c->book[book];
  size_t filled = 0;
  for (size_t i = 0; i < count; ++i) {
    const float value = used[member(c, book, i)];
    if (!isfinite(value)) return true; /* the loss says it */
    if (value != 0.0f) work[filled++] = value;
  }
  ln_kmeans how = s->how;
  how.keep_zero = s->pruned || ln_form_is_sparse(used, c->param->count);
  b->used = 1;
  b->values[0] = 0.0f;
  if (!how.keep_zero) {
    filled = count;
    for (size_t i = 0; i < count; ++i) work[i] = used[member(c, book, i)];
  }
  if (filled > 0 && !ln_kmeans_find(&how, work, NULL, filled, b->values, &b->used)) return false;
  memcpy(b->next, b->values, sizeof b->next);
  return true;
}

static ln_status begin_layer(const ln_trainer *t, const clustering *s, const clustered *c) {
  float *work = ln_alloc_array(member_count(c), sizeof *work);
  bool good = work != NULL;
  for (int32_t i = 0; good && i < c->books; ++i) good = find_values(s, c, i, c->param->used, work);
  ln_free(work);
  return good ? LN_OK : no_memory(t);
}

/* ---- layers ---- */

static void number_members(const clustered *c, int32_t book) {
  const codebook *b = &c->book[book];
  for (size_t i = 0; i < member_count(c); ++i) {
    const size_t at = member(c, book, i);
    c->numbers[at] = (uint8_t)ln_kmeans_nearest(b->values, b->used, c->param->values[at]);
  }
}

static ln_status add_layer(ln_trainer *t, clustering *s, const ln_form_layer *found) {
  clustered *c = &s->layers[s->count];
  if ((int64_t)found->param->count < s->smallest) return LN_OK;
  *c = (clustered){.param = found->param, .layer = found->layer, .most = s->how.clusters};
  c->books = s->by_channel ? found->layer.rows : 1;
  c->book = ln_alloc_array((size_t)c->books, sizeof *c->book);
  c->numbers = ln_alloc_array(found->param->count, 1);
  ++s->count;
  if (c->book == NULL || c->numbers == NULL) return no_memory(t);
  if (s->keeps) {
    c->most = 0;
    for (int32_t i = 0; i < c->books; ++i) {
      const bool few = find_distinct(c, i, &c->book[i]) && (size_t)c->book[i].used * 2 <= member_count(c);
      if (!few) { /* it did not come clustered */
        ln_free(c->book);
        ln_free(c->numbers);
        --s->count;
        return LN_OK;
      }
      if (c->book[i].used > c->most) c->most = c->book[i].used;
      number_members(c, i);
    }
  }
  if (c->books == 1) found->param->clusters = c->most;
  const char *name = ln_arena_printf(&t->arena, "cluster/%s", found->param->name);
  if (name == NULL) return no_memory(t);
  return ln_trainer_keep(t, name, c->book, (size_t)c->books * sizeof *c->book); /* bounded: as allocated */
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
  for (int32_t i = 0; s->layers != NULL && i < s->count; ++i) {
    ln_free(s->layers[i].book);
    ln_free(s->layers[i].numbers);
  }
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

/* ---- steps ---- */

static ln_status before_step(ln_trainer *t, void *state, int64_t step, int64_t steps) {
  clustering *s = state;
  (void)t;
  s->begun = step >= (int64_t)(s->begin * (double)steps) || step >= steps - 1;
  for (int32_t i = 0; i < s->count; ++i) {
    for (int32_t k = 0; k < s->layers[i].books; ++k) {
      codebook *b = &s->layers[i].book[k];
      memcpy(b->values, b->next, sizeof b->values);
    }
  }
  return s->status;
}

/* Each weight's number, and the means of those that have it, which become the values of all. */
static void apply_book(const clustering *s, const clustered *c, int32_t book, float *used) {
  codebook *b = &c->book[book];
  const size_t count = member_count(c);
  const int32_t zero = zero_of(b);
  double sums[MOST] = {0};
  size_t counts[MOST] = {0};
  for (size_t i = 0; i < count; ++i) {
    const size_t at = member(c, book, i);
    if (!s->keeps) {
      c->numbers[at] =
          (uint8_t)(used[at] == 0.0f && zero >= 0 ? zero : ln_kmeans_nearest(b->values, b->used, used[at]));
    }
    sums[c->numbers[at]] += (double)used[at];
    ++counts[c->numbers[at]];
  }
  for (int32_t k = 0; k < b->used; ++k) {
    b->next[k] = k == zero ? 0.0f : counts[k] == 0 ? b->values[k] : (float)(sums[k] / (double)counts[k]);
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t at = member(c, book, i);
    used[at] = b->next[c->numbers[at]];
  }
}

static void apply(ln_trainer *t, void *state, ln_param *p) {
  clustering *s = state;
  const clustered *c = layer_of(s, p);
  if (c == NULL || (!s->begun && c->book[0].used == 0)) return;
  if (c->book[0].used == 0 && s->status == LN_OK) s->status = begin_layer(t, s, c);
  if (s->status != LN_OK) return;
  for (int32_t i = 0; i < c->books; ++i) apply_book(s, c, i, p->used);
}

/* All of a cluster move by the mean of their gradients, and stay together; what is zero stays. */
static void share_gradient(const clustered *c, int32_t book, float *gradient) {
  const codebook *b = &c->book[book];
  const size_t count = member_count(c);
  const int32_t zero = zero_of(b);
  double sums[MOST] = {0};
  size_t counts[MOST] = {0};
  for (size_t i = 0; i < count; ++i) {
    const size_t at = member(c, book, i);
    sums[c->numbers[at]] += (double)gradient[at];
    ++counts[c->numbers[at]];
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t at = member(c, book, i), k = c->numbers[at];
    gradient[at] = (int32_t)k == zero ? 0.0f : (float)(sums[k] / (double)counts[k]);
  }
}

static void back(ln_trainer *t, void *state, ln_param *p) {
  const clustering *s = state;
  const clustered *c = layer_of(s, p);
  (void)t;
  if (c == NULL || !s->mean || c->book[0].used == 0) return;
  for (int32_t i = 0; i < c->books; ++i) share_gradient(c, i, p->gradient);
}

static ln_status finish(ln_trainer *t, void *state, ln_optimizer *o) {
  const clustering *s = state;
  (void)t;
  for (int32_t i = 0; i < s->count; ++i) {
    const clustered *c = &s->layers[i];
    if (c->book[0].used == 0) continue;
    LN_TRY(ln_invariant_keep_clusters(o, c->param->tensor, c->most, c->books > 1 ? c->layer.axis : -1));
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
                                     .before_step = before_step,
                                     .apply = apply,
                                     .back = back,
                                     .finish = finish,
                                     .restored = restored,
                                     .destroy = destroy};
