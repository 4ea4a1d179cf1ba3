/*
 * What LiteRT's language models add as custom operators: odml.scaled_dot_product_attention (query [b, s, n, h], keys
 * and values [b, t, k, h] with k heads that n / k of the query's share, a mask that broadcasts to [b, n, s, t]), and
 * the caches of keys and values, kept by the caller (odml.update_external_kv_cache) or by the session
 * (odml.update_kv_cache).
 */
#include <math.h>
#include <string.h>

#include "ops/attention_core.h"
#include "ops/custom_options.h"
#include "ops/host.h"
#include "ops/move.h"
#include "ops/rows.h"

/* ---- odml.scaled_dot_product_attention ---- */

enum { QUERY, KEYS, VALUES, MASK };

typedef struct attention_args {
  ln_attention_plan plan;
  int32_t shared; /* heads of the query that use one of the keys' */
  bool together;  /* one step: the heads that share keys are the rows of one product */
  int32_t heads;  /* products of a batch */
  size_t mask_steps[4];
} attention_args;

ln_status ln_attention_infer(ln_node *node, ln_error *err) {
  const ln_shape *q = &node->in[QUERY]->shape, *k = &node->in[KEYS]->shape, *v = &node->in[VALUES]->shape;
  const ln_shape *mask = &node->in[MASK]->shape;
  bool fits = q->rank == 4 && k->rank == 4 && v->rank == 4 && mask->rank == 4;
  fits = fits && q->dims[0] == k->dims[0] && q->dims[3] == k->dims[3] && k->dims[2] > 0;
  for (int32_t d = 0; d < 3 && fits; ++d) fits = k->dims[d] == v->dims[d];
  if (!fits || q->dims[2] % k->dims[2] != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "query, keys and values do not fit together");
  }
  const int32_t scores[4] = {q->dims[0], q->dims[2], q->dims[1], k->dims[1]};
  for (int32_t d = 0; d < 4; ++d) fits = fits && (mask->dims[d] == 1 || mask->dims[d] == scores[d]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the mask does not broadcast to the scores' shape");
  ln_shape shape = *q;
  shape.dims[3] = v->dims[3];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_attention_prepare(ln_node *node, ln_prep *prep) {
  attention_args *args = LN_NODE_ARGS(node, prep, attention_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *mask = &node->in[MASK]->shape, *q = &node->in[QUERY]->shape, *k = &node->in[KEYS]->shape;
  const int32_t width = node->out[0]->shape.dims[3];
  double scale = 0.0;
  ln_flex_float(ln_custom_flex(node), "scale", &scale);
  args->shared = q->dims[2] / k->dims[2];
  size_t step = 1;
  for (int32_t d = 3; d >= 0; --d) {
    args->mask_steps[d] = mask->dims[d] == 1 ? 0 : step;
    step *= (size_t)mask->dims[d]; /* within the tensor */
  }
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  if (k->dims[1] == 0 || q->dims[3] == 0) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "attention over nothing");
  }
  args->together = q->dims[1] == 1;
  args->heads = args->together ? k->dims[2] : q->dims[2];
  args->plan =
      (ln_attention_plan){.m = args->together ? args->shared : q->dims[1],
                          .n = k->dims[1],
                          .depth = q->dims[3],
                          .width = width,
                          .q_row = args->together ? q->dims[3] : (ptrdiff_t)ln_shape_span(q, 2, 4),
                          .k_row = (ptrdiff_t)ln_shape_span(k, 2, 4),
                          .k_column = 1,
                          .v_row = (ptrdiff_t)ln_shape_span(&node->in[VALUES]->shape, 2, 4),
                          .v_column = 1,
                          .out_row = args->together ? width : (ptrdiff_t)ln_shape_span(&node->out[0]->shape, 2, 4),
                          .mask_row = args->mask_steps[args->together ? 1 : 2],
                          .mask_column = args->mask_steps[3],
                          .scale = scale > 0.0 ? (float)scale : (float)(1.0 / sqrt((double)q->dims[3])),
                          .beta = 1.0f};
  const size_t rows = ln_shape_span(&node->out[0]->shape, 0, 3);
  if (rows > INT32_MAX / 16) return ln_node_fail(node, prep->err, LN_ERR_LIMIT, "%zu rows", rows);
  if (ln_attention_plan_finish(&args->plan, &node->thread_scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

typedef struct attention_run {
  const ln_node *node;
  const ln_exec *exec;
  int32_t parts, part; /* that a product's rows are cut into, and rows of one */
} attention_run;

static void attend(void *context, int32_t task, int32_t worker) {
  const attention_run *run = context;
  const ln_node *node = run->node;
  const attention_args *args = node->args;
  const ln_attention_plan *plan = &args->plan;
  const size_t product = (size_t)(task / run->parts), heads = (size_t)args->heads;
  const size_t batch = product / heads, head = product % heads;
  const size_t key_heads = (size_t)node->in[KEYS]->shape.dims[2], query_heads = (size_t)node->in[QUERY]->shape.dims[2];
  const size_t key_head = args->together ? head : head / (size_t)args->shared;
  const size_t query_head = args->together ? head * (size_t)args->shared : head;
  const size_t key = batch * (size_t)plan->n * key_heads + key_head;
  const size_t row = batch * (size_t)node->in[QUERY]->shape.dims[1] * query_heads + query_head;
  const int32_t from = task % run->parts * run->part;
  const int32_t to = plan->m - from < run->part ? plan->m : from + run->part;
  ln_attention_head packed;
  ln_attention_pack(plan, node->in[KEYS], key * (size_t)plan->depth, node->in[VALUES], key * (size_t)plan->width,
                    ln_exec_thread_scratch(run->exec, worker), &packed);
  ln_attention_rows(
      plan, &packed, from, to, (const float *)node->in[QUERY]->data + row * (size_t)plan->depth,
      (const float *)node->in[MASK]->data + batch * args->mask_steps[0] + query_head * args->mask_steps[1],
      (float *)node->out[0]->data + row * (size_t)plan->width);
}

ln_status ln_attention_run(const ln_node *node, ln_exec *exec) {
  const attention_args *args = node->args;
  if (node->out[0]->bytes == 0) return LN_OK;
  const int32_t products = node->in[QUERY]->shape.dims[0] * args->heads;
  attention_run run = {.node = node, .exec = exec, .parts = ln_attention_parts(&args->plan, (size_t)products)};
  run.part = (args->plan.m + run.parts - 1) / run.parts;
  ln_pool_run(exec->pool, products * run.parts, attend, &run);
  return LN_OK;
}

/* ---- odml.update_external_kv_cache: caches, places, slices > caches ---- */

ln_status ln_external_cache_infer(ln_node *node, ln_error *err) {
  const ln_shape *cache = &node->in[0]->shape, *places = &node->in[2]->shape, *slice = &node->in[3]->shape;
  bool fits = cache->rank == 4 && slice->rank == 4 && places->rank == 1 && slice->dims[0] == 1 && cache->dims[0] == 1;
  fits =
      fits && places->dims[0] == slice->dims[1] && cache->dims[2] == slice->dims[2] && cache->dims[3] == slice->dims[3];
  if (!fits || !ln_shape_equal(cache, &node->in[1]->shape) || !ln_shape_equal(slice, &node->in[4]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "caches, places and slices do not fit together");
  }
  LN_TRY(ln_node_set_shape(node, 0, cache, err));
  return ln_node_set_shape(node, 1, cache, err);
}

/* Slices are written until a place lies before the one before it, which says that no more are given. */
ln_status ln_external_cache_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *cache = &node->in[0]->shape;
  const int32_t *places = node->in[2]->data;
  const size_t entry = ln_shape_span(cache, 2, 4) * sizeof(float);
  for (int32_t i = 0; i < 2; ++i) {
    if (node->in[i]->bytes > 0) memcpy(node->out[i]->data, node->in[i]->data, node->in[i]->bytes);
  }
  for (int32_t i = 0, last = 0; i < node->in[2]->shape.dims[0]; last = places[i++]) {
    if (i > 0 && places[i] < last) break;
    if (places[i] < 0 || places[i] >= cache->dims[1]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "place %d of %d", places[i], cache->dims[1]);
    }
    for (int32_t side = 0; side < 2 && entry > 0; ++side) {
      memcpy((char *)node->out[side]->data + (size_t)places[i] * entry,
             (const char *)node->in[3 + side]->data + (size_t)i * entry, entry);
    }
  }
  return LN_OK;
}

/* ---- odml.update_kv_cache: places, keys, values > all keys, all values; layers of a session share their caches ----
 */

enum { CACHE_KEYS, CACHE_VALUES, CACHE_FIRST, CACHE_PARTS, DEFAULT_ENTRIES = 2048, ENTRIES_MOST = 1 << 24 };

typedef struct cache_args {
  int32_t handles[CACHE_PARTS];
} cache_args;

static ln_status cache_option(const ln_node *node, ln_error *err, const char *key, int64_t other, int64_t *out) {
  if (!ln_flex_int(ln_custom_flex(node), key, out) || *out <= 0) *out = other;
  if (*out <= ENTRIES_MOST) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is %lld", key, (long long)*out);
}

/* The outputs' shape; the memory of caches comes with the first run. */
static ln_status cache_shape(const ln_node *node, ln_error *err, ln_shape *out) {
  const ln_shape *places = &node->in[0]->shape;
  int64_t entries;
  *out = node->in[1]->shape;
  LN_TRY(cache_option(node, err, "kv_cache_max", DEFAULT_ENTRIES, &entries));
  if (out->rank != 4 || out->dims[0] != 1 || !ln_shape_equal(out, &node->in[2]->shape) || places->rank != 1 ||
      places->dims[0] != out->dims[1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "keys and values must be [1, n, heads, depth], with n places");
  }
  if (out->dims[1] < 1 || out->dims[1] > entries) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d entries for a cache of %lld", out->dims[1], (long long)entries);
  }
  out->dims[1] = (int32_t)entries;
  return LN_OK;
}

ln_status ln_kv_cache_infer(ln_node *node, ln_error *err) {
  ln_shape shape;
  LN_TRY(cache_shape(node, err, &shape));
  return (ln_status)LN_INFER_IN_RUN;
}

ln_status ln_kv_cache_prepare(ln_node *node, ln_prep *prep) {
  cache_args *args = LN_NODE_ARGS(node, prep, cache_args);
  int64_t layer;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (node->session == NULL) return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a cache outside of a session");
  LN_TRY(cache_option(node, prep->err, "layer_index", 0, &layer));
  for (int32_t i = 0; i < CACHE_PARTS; ++i) {
    char *name = ln_arena_printf(prep->arena, "layer %lld part %d", (long long)layer, i);
    if (name == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
    const ln_resource_key key = {.container = {"odml.update_kv_cache", 20}, .name = {name, strlen(name)}};
    LN_TRY(ln_host_variable(node, &key, prep->err, &args->handles[i]));
  }
  return LN_OK;
}

/* A part of the cache as a variable of `bytes`, zeroed when it is new. */
static ln_status open_part(const ln_node *node, int32_t part, size_t bytes, ln_error *err, ln_tensor **out) {
  int32_t handle = ((const cache_args *)node->args)->handles[part];
  const ln_tensor resource = {.name = "cache", .type = LN_RESOURCE, .data = &handle, .bytes = sizeof handle};
  LN_TRY(ln_host_find_variable(node, &resource, err, out));
  const bool is_new = (*out)->data == NULL || (*out)->bytes != bytes;
  LN_TRY(ln_host_keep(node, *out, bytes, err));
  (*out)->type = part == CACHE_FIRST ? LN_INT64 : LN_FLOAT32;
  (*out)->shape = part == CACHE_FIRST ? (ln_shape){0, {0}} : node->out[part]->shape;
  if (is_new && bytes > 0) memset((*out)->data, 0, bytes);
  return LN_OK;
}

/* Beyond the cache's end the oldest entries make room; *at is where the new ones go. */
static ln_status make_room(const ln_node *node, int64_t place, ln_tensor *const parts[CACHE_PARTS], ln_error *err,
                           size_t *at) {
  const int64_t entries = node->out[0]->shape.dims[1], added = node->in[1]->shape.dims[1];
  int64_t *first = parts[CACHE_FIRST]->data;
  const size_t entry = ln_shape_span(&node->out[0]->shape, 2, 4) * sizeof(float);
  if (place < *first || place > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_DATA, "place %lld of a cache from %lld on", (long long)place,
                        (long long)*first);
  }
  const int64_t over = place + added - *first - entries;
  const int64_t shift = over < 0 ? 0 : (over > entries ? entries : over);
  for (int32_t i = 0; i < CACHE_FIRST && shift > 0 && shift < entries; ++i) {
    memmove(parts[i]->data, (char *)parts[i]->data + (size_t)shift * entry, (size_t)(entries - shift) * entry);
  }
  if (place - *first - shift + added > entries) {
    return ln_node_fail(node, err, LN_ERR_DATA, "place %lld lies more than a cache of %lld ahead", (long long)place,
                        (long long)entries);
  }
  *first += shift;
  *at = (size_t)(place - *first) * entry;
  return LN_OK;
}

ln_status ln_kv_cache_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *parts[CACHE_PARTS];
  ln_shape shape;
  size_t at = 0, whole;
  LN_TRY(cache_shape(node, exec->err, &shape));
  if (!ln_tensor_size(LN_FLOAT32, &shape, &whole)) {
    return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "the cache is too large");
  }
  for (int32_t i = 0; i < CACHE_FIRST; ++i) LN_TRY(ln_host_output(node, i, &shape, whole, exec->err));
  for (int32_t i = 0; i < CACHE_PARTS; ++i) {
    const size_t bytes = i == CACHE_FIRST ? sizeof(int64_t) : node->out[i]->bytes;
    LN_TRY(open_part(node, i, bytes, exec->err, &parts[i]));
  }
  LN_TRY(make_room(node, *(const int64_t *)node->in[0]->data, parts, exec->err, &at));
  for (int32_t i = 0; i < CACHE_FIRST; ++i) {
    if (node->out[i]->bytes == 0) continue;
    memcpy((char *)parts[i]->data + at, node->in[1 + i]->data, node->in[1 + i]->bytes);
    memcpy(node->out[i]->data, parts[i]->data, node->out[i]->bytes);
  }
  return LN_OK;
}
