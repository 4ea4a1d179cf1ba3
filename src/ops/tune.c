/* Measured choices: the ways to compute a node, timed on its shapes and remembered by them. */
#include <string.h>

#include "ops/ops.h"

enum {
  MOST_WAYS = 2,
  MOST_ROUNDS = 20,
  NODE_NS = 20 * 1000 * 1000, /* for the rounds of one choice; one round is always whole */
  MOST_MACS = 1 << 30         /* a node of more is not run for it */
};

/* A node that can be run beside the session, one way. */
typedef struct trial {
  ln_node node;
  ln_exec exec;
  int64_t best_ns;
} trial;

/* Zeroed and LN_ALIGNMENT-aligned; NULL on failure. */
static void *take(ln_arena *arena, size_t bytes) {
  size_t room;
  if (!ln_size_add(bytes, LN_ALIGNMENT, &room)) return NULL;
  char *block = ln_arena_alloc(arena, room);
  return block == NULL ? NULL : block + (LN_ALIGNMENT - (uintptr_t)block % LN_ALIGNMENT) % LN_ALIGNMENT;
}

/* Tensors like those of a node, with zeros for what is not constant; NULL on failure. */
static ln_tensor **make_tensors(ln_arena *arena, ln_tensor *const *like, int32_t count) {
  ln_tensor **out = ln_arena_array(arena, (size_t)count + 1, sizeof *out);
  for (int32_t i = 0; out != NULL && i < count; ++i) {
    out[i] = like[i];
    if (like[i] == NULL || ln_tensor_const_data(like[i])) continue;
    ln_tensor *copy = ln_arena_copy(arena, like[i], sizeof *copy);
    if (copy == NULL || !ln_tensor_size(copy->type, &copy->shape, &copy->bytes)) return NULL;
    copy->data = take(arena, copy->bytes);
    if (copy->data == NULL) return NULL;
    out[i] = copy;
  }
  return out;
}

static ln_node node_like(const ln_node *node, ln_tensor **in, ln_tensor **out) {
  return (ln_node){.op = node->op,
                   .in = in,
                   .in_count = node->in_count,
                   .out = out,
                   .out_count = node->out_count,
                   .tensors = node->tensors,
                   .tensor_count = node->tensor_count,
                   .session = node->session,
                   .state = node->state};
}

static bool begin(trial *t, const ln_prep *prep) {
  ln_node *node = &t->node;
  size_t stride, all;
  ln_prep own = *prep;
  if (node->op->def->prepare(node, &own) != LN_OK) return false;
  if (!ln_size_align(node->thread_scratch_bytes, LN_ALIGNMENT, &stride) ||
      !ln_size_mul(stride, (size_t)prep->threads, &all))
    return false;
  t->exec = (ln_exec){.pool = prep->pool,
                      .scratch = take(prep->arena, node->scratch_bytes),
                      .thread_scratch = take(prep->arena, all),
                      .thread_stride = stride,
                      .err = prep->err};
  t->best_ns = INT64_MAX;
  return t->exec.scratch != NULL && t->exec.thread_scratch != NULL;
}

/* The ways take turns, so that what slows the machine for a while slows them all. LN_WAY_BY_RULE when one fails. */
static int32_t fastest(trial *trials, int32_t ways) {
  const int64_t start = ln_clock_ns();
  int32_t best = 0;
  for (int32_t round = 0; round < MOST_ROUNDS && (round == 0 || ln_clock_ns() - start < NODE_NS); ++round) {
    for (int32_t i = 0; i < ways; ++i) {
      const int64_t begun = ln_clock_ns();
      if (trials[i].node.op->def->run(&trials[i].node, &trials[i].exec) != LN_OK) return LN_WAY_BY_RULE;
      const int64_t took = ln_clock_ns() - begun;
      if (took < trials[i].best_ns) trials[i].best_ns = took;
    }
  }
  for (int32_t i = 1; i < ways; ++i) best = trials[i].best_ns < trials[best].best_ns ? i : best;
  return 1 + best;
}

static int32_t measure(const ln_node *node, const ln_prep *prep, int32_t ways) {
  trial trials[MOST_WAYS];
  ln_error err;
  ln_arena arena = {0};
  const ln_arena *theirs = prep->arena;
  if (theirs->limit != 0) arena.limit = theirs->limit > theirs->used ? theirs->limit - theirs->used : 1;
  ln_pack_cache *cache = ln_pack_cache_create(0);
  ln_tensor **in = make_tensors(&arena, node->in, node->in_count);
  ln_tensor **out = make_tensors(&arena, node->out, node->out_count);
  bool good = cache != NULL && in != NULL && out != NULL;
  for (int32_t i = 0; good && i < ways; ++i) {
    ln_prep own = *prep;
    own.arena = &arena;
    own.cache = cache;
    own.err = &err;
    own.way = 1 + i;
    trials[i].node = node_like(node, in, out);
    good = begin(&trials[i], &own);
  }
  const int32_t way = good ? fastest(trials, ways) : LN_WAY_BY_RULE;
  ln_pack_cache_destroy(cache);
  ln_arena_free(&arena);
  return way;
}

/* Of what the time depends on. */
static uint64_t hash_of(const ln_node *node, const ln_prep *prep) {
  const ln_tensor *const tensors[] = {node->in[0], node->in[1], node->out[0]};
  int32_t words[3 + LN_COUNT(tensors) * (2 + LN_MAX_RANK)] = {node->op->def->code, (int32_t)prep->precision,
                                                              (int32_t)prep->requantize};
  int32_t *at = words + 3;
  for (size_t i = 0; i < LN_COUNT(tensors); ++i, at += 2 + LN_MAX_RANK) {
    const ln_shape *shape = &tensors[i]->shape;
    at[0] = (int32_t)tensors[i]->type;
    at[1] = shape->rank;
    memcpy(at + 2, shape->dims, (size_t)shape->rank * sizeof *at);
  }
  return ln_hash64(words, sizeof words);
}

int32_t ln_tune_measured_way(const ln_node *node, const ln_prep *prep, const char *choice, int64_t detail,
                             int32_t ways) {
  if (prep->way != LN_WAY_BY_RULE) return prep->way <= ways ? prep->way : LN_WAY_BY_RULE;
  const int64_t macs = node->op->def->macs(node);
  if (ways > MOST_WAYS || macs > MOST_MACS) return LN_WAY_BY_RULE;
  const int64_t numbers[4] = {(int64_t)hash_of(node, prep), detail, prep->threads, ways};
  bool fresh = false;
  int32_t *way = ln_pack_cache_get_numbers(prep->cache, NULL, choice, numbers, sizeof *way, &fresh);
  if (way == NULL) return LN_WAY_BY_RULE;
  if (fresh) {
    *way = LN_WAY_BY_RULE;
    if (prep->tuning->left_ns > 0) {
      const int64_t start = ln_clock_ns();
      *way = measure(node, prep, ways);
      prep->tuning->left_ns -= ln_clock_ns() - start;
      ++prep->tuning->measured;
      ln_log(LN_LOG_INFO, "\"%s\", %s: way %d was the fastest", node->out[0]->name, choice, *way);
    }
  }
  return *way > 0 && *way <= ways ? *way : LN_WAY_BY_RULE; /* whatever a file says */
}
