/*
 * Memory against time: forward values that the backward part reads are computed once more just before it needs them,
 * instead of being kept (Chen et al., Training deep nets with sublinear memory cost, 2016). What is kept decides
 * everything else: candidates are all values, all but cheap ones, and those that cross the cuts between segments of
 * many sizes. Each is judged by the most that lives at one time, and what is chosen by the session's own plan.
 */
#include <stdlib.h>
#include <string.h>

#include "linnet/session.h"
#include "plan/plan.h"
#include "train/train.h"

typedef struct recompute {
  ln_optimizer *o;
  ln_arena arena; /* of the work */
  const ln_graph *graph;
  int32_t forward_ops, op_count, tensor_count;
  int32_t *producer; /* [tensors] the forward operator that makes it; -1: another or none */
  int32_t *reader;   /* [tensors] the last forward operator that reads it; -1 */
  size_t *bytes;     /* [tensors] */
  bool *stays;       /* [tensors] nothing can make it again, or it is an output */
  bool *stash;       /* [tensors] made forward, read backward */
  bool *cheap;       /* [forward ops] */
  double *cost;      /* [forward ops] */
  bool *kept;        /* [tensors] what is tried */
  bool *best;        /* [tensors] the choice */
  /* What runs: operators by place; ~place: once more. */
  int32_t *order, count;
  bool *again;            /* [forward ops] has been put into `order` once more */
  int32_t *stack, *found; /* [forward ops] */
  double spent;           /* of what runs once more */
  /* Of the blocks of tensors, and of those made once more behind them. */
  int32_t *root, *first, *last; /* [2 * tensors] */
  int32_t *use;                 /* [2 * tensors] the last step that reads it */
  size_t *begins, *ends;        /* [steps + 1] bytes of the blocks that do so there */
} recompute;

/* ---- the graph ---- */

/* Forward tensors that are not in the graph from the start. */
static bool is_made(const recompute *r, int32_t tensor) { return tensor >= 0 && r->producer[tensor] >= 0; }

static bool can_repeat(const recompute *r, const ln_op *op) {
  if ((op->def->flags & LN_OPF_STATEFUL) != 0) return false;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] >= 0 && r->graph->tensors[op->inputs[i]].is_variable) return false;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (r->bytes[op->outputs[i]] == 0) return false;
  }
  return true;
}

/* In elements written, each times what is multiplied for it. */
static double cost_of(const recompute *r, const ln_op *op) {
  double elements = 0;
  for (int32_t i = 0; i < op->output_count; ++i) elements += (double)(r->bytes[op->outputs[i]] / 4);
  if ((op->def->flags & LN_OPF_VIEW) != 0) return 0;
  if (op->input_count < 2 || op->inputs[1] < 0 || (op->def->flags & LN_OPF_LAYER) == 0) return elements;
  const ln_shape *weights = &r->graph->tensors[op->inputs[1]].shape;
  const int32_t out =
      weights->rank > 0
          ? weights->dims[(op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_DEPTHWISE ? weights->rank - 1 : 0]
          : 1;
  return elements * (1 + (double)(r->bytes[op->inputs[1]] / 4) / (double)(out > 0 ? out : 1));
}

static void read_forward(recompute *r) {
  for (int32_t i = 0; i < r->forward_ops; ++i) {
    const ln_op *op = &r->graph->ops[i];
    const bool repeats = can_repeat(r, op);
    for (int32_t k = 0; k < op->output_count; ++k) {
      r->producer[op->outputs[k]] = i;
      if (!repeats) r->stays[op->outputs[k]] = true;
    }
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0) r->reader[op->inputs[k]] = i;
    }
    r->cost[i] = cost_of(r, op);
    r->cheap[i] = repeats && (op->def->flags & LN_OPF_LAYER) == 0 && op->def->macs == ln_no_macs;
  }
}

static bool read_graph(recompute *r) {
  const size_t tensors = (size_t)r->tensor_count + 1, ops = (size_t)r->op_count + 1;
  const size_t steps = ops + (size_t)r->forward_ops + 2;
  ln_arena *arena = &r->arena;
  int32_t **const numbers[] = {&r->producer, &r->reader};
  int32_t **const doubled[] = {&r->root, &r->first, &r->last, &r->use};
  bool **const of_tensors[] = {&r->stays, &r->stash, &r->kept, &r->best}, **const of_ops[] = {&r->cheap, &r->again};
  int32_t **const stacks[] = {&r->stack, &r->found, &r->order};
  bool good = true;
  for (size_t i = 0; i < LN_COUNT(numbers); ++i) {
    good = good && (*numbers[i] = ln_arena_array(arena, tensors, sizeof(int32_t))) != NULL;
    if (good) memset(*numbers[i], 0xff, tensors * sizeof(int32_t));
  }
  for (size_t i = 0; i < LN_COUNT(doubled); ++i)
    good = good && (*doubled[i] = ln_arena_array(arena, tensors, 2 * sizeof(int32_t))) != NULL;
  for (size_t i = 0; i < LN_COUNT(of_tensors); ++i)
    good = good && (*of_tensors[i] = ln_arena_array(arena, tensors, sizeof(bool))) != NULL;
  for (size_t i = 0; i < LN_COUNT(of_ops); ++i)
    good = good && (*of_ops[i] = ln_arena_array(arena, ops, sizeof(bool))) != NULL;
  for (size_t i = 0; i < LN_COUNT(stacks); ++i)
    good = good && (*stacks[i] = ln_arena_array(arena, steps, sizeof(int32_t))) != NULL;
  r->bytes = ln_arena_array(arena, tensors, sizeof *r->bytes);
  r->cost = ln_arena_array(arena, ops, sizeof *r->cost);
  r->begins = ln_arena_array(arena, steps, sizeof *r->begins);
  r->ends = ln_arena_array(arena, steps, sizeof *r->ends);
  if (!good || r->bytes == NULL || r->cost == NULL || r->begins == NULL || r->ends == NULL) return false;
  for (int32_t i = 0; i < r->tensor_count; ++i) {
    const ln_tensor *tensor = &r->graph->tensors[i];
    if (!ln_tensor_size(tensor->type, &tensor->shape, &r->bytes[i])) r->bytes[i] = 0;
  }
  read_forward(r);
  for (int32_t i = 0; i < r->graph->output_count; ++i) r->stays[r->graph->outputs[i]] = true;
  for (int32_t i = r->forward_ops; i < r->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (is_made(r, op->inputs[k])) r->stash[op->inputs[k]] = true;
    }
  }
  return true;
}

/* ---- what runs ---- */

static bool is_again(const recompute *r, int32_t tensor) { return is_made(r, tensor) && !r->kept[tensor]; }

static int by_place(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

/* Puts what makes the operator's inputs once more before it, as far as that has not been done. */
static void repeat_for(recompute *r, const ln_op *reader) {
  int32_t depth = 0, found = 0;
  for (const ln_op *op = reader;; op = &r->graph->ops[r->stack[--depth]]) {
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (!is_again(r, op->inputs[k])) continue;
      const int32_t maker = r->producer[op->inputs[k]];
      if (r->again[maker]) continue;
      r->again[maker] = true;
      r->stack[depth++] = r->found[found++] = maker;
    }
    if (depth == 0) break;
  }
  qsort(r->found, (size_t)found, sizeof *r->found, by_place);
  for (int32_t i = 0; i < found; ++i) {
    r->order[r->count++] = ~r->found[i];
    r->spent += r->cost[r->found[i]];
  }
}

static void make_order(recompute *r) {
  r->count = 0;
  r->spent = 0;
  memset(r->again, 0, (size_t)r->op_count * sizeof *r->again);
  for (int32_t i = 0; i < r->op_count; ++i) {
    if (i >= r->forward_ops) repeat_for(r, &r->graph->ops[i]);
    r->order[r->count++] = i;
  }
}

/* ---- what it takes: as runtime/layout.c lays tensors out, without scratch and gaps ---- */

/* The number of the tensor that an operator reads or makes; those made once more come behind the others. */
static int32_t number_of(const recompute *r, int32_t place, int32_t tensor, bool made) {
  const bool once_more = made ? place < 0 : (place < 0 || place >= r->forward_ops) && is_again(r, tensor);
  return once_more ? r->tensor_count + tensor : tensor;
}

static const ln_op *op_at(const recompute *r, int32_t step) {
  const int32_t place = r->order[step];
  return &r->graph->ops[place < 0 ? ~place : place];
}

static void note_uses(recompute *r) {
  for (int32_t i = 0; i < 2 * r->tensor_count; ++i) r->root[i] = r->use[i] = -1;
  for (int32_t s = 0; s < r->count; ++s) {
    const ln_op *op = op_at(r, s);
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0) r->use[number_of(r, r->order[s], op->inputs[k], false)] = s;
    }
    for (int32_t k = 0; k < op->output_count; ++k) r->use[number_of(r, r->order[s], op->outputs[k], true)] = s;
  }
  for (int32_t i = 0; i < r->graph->output_count; ++i) r->use[r->graph->outputs[i]] = r->count;
}

/* The block of an input that output 0 of a step takes over; -1: none. */
static int32_t shared_block(const recompute *r, int32_t step) {
  const ln_op *op = op_at(r, step);
  const size_t bytes = r->bytes[op->outputs[0]];
  for (int32_t k = 0; k < op->input_count; ++k) {
    const int32_t tensor = op->inputs[k];
    if (tensor < 0 || r->bytes[tensor] != bytes) continue;
    const int32_t root = r->root[number_of(r, r->order[step], tensor, false)];
    if (root < 0) continue;
    if ((op->def->flags & LN_OPF_VIEW) != 0 && k == 0) return root;
    if ((op->def->flags & LN_OPF_IN_PLACE) != 0 && r->last[root] == step) return root;
  }
  return -1;
}

static size_t measure(recompute *r) {
  size_t live = 0, most = 0;
  make_order(r);
  note_uses(r);
  memset(r->begins, 0, ((size_t)r->count + 2) * sizeof *r->begins);
  memset(r->ends, 0, ((size_t)r->count + 2) * sizeof *r->ends);
  for (int32_t s = 0; s < r->count; ++s) {
    const ln_op *op = op_at(r, s);
    for (int32_t k = 0; k < op->output_count; ++k) {
      const int32_t made = number_of(r, r->order[s], op->outputs[k], true);
      const int32_t shared = k == 0 ? shared_block(r, s) : -1;
      if (r->use[made] == r->count) continue; /* an output, which lies elsewhere */
      r->root[made] = shared >= 0 ? shared : made;
      if (shared < 0) r->first[made] = r->last[made] = s;
      if (r->use[made] > r->last[r->root[made]]) r->last[r->root[made]] = r->use[made];
    }
  }
  for (int32_t i = 0; i < 2 * r->tensor_count; ++i) {
    if (r->root[i] != i) continue;
    r->begins[r->first[i]] += r->bytes[i % r->tensor_count];
    r->ends[r->last[i] + 1] += r->bytes[i % r->tensor_count];
  }
  for (int32_t s = 0; s <= r->count; ++s) {
    live += r->begins[s] - r->ends[s];
    if (live > most) most = live;
  }
  return most;
}

/* ---- candidates ---- */

static void keep_all(recompute *r) {
  for (int32_t i = 0; i < r->tensor_count; ++i) r->kept[i] = true;
}

/* All but what cheap operators make of what is kept or cheap itself. */
static void keep_dear(recompute *r) {
  for (int32_t i = 0; i < r->forward_ops; ++i) {
    const ln_op *op = &r->graph->ops[i];
    bool cheap = r->cheap[i];
    for (int32_t k = 0; cheap && k < op->input_count; ++k) { /* an input that nobody keeps is worth no less */
      const int32_t tensor = op->inputs[k];
      cheap = !is_made(r, tensor) || !r->kept[tensor] || r->stash[tensor] || r->stays[tensor];
    }
    for (int32_t k = 0; k < op->output_count; ++k) r->kept[op->outputs[k]] = !cheap || r->stays[op->outputs[k]];
  }
}

/* What crosses the place behind a forward operator: bytes that were made before and are read behind it. */
static size_t crossing(const recompute *r, int32_t place) {
  size_t bytes = 0;
  for (int32_t i = 0; i < r->tensor_count; ++i) {
    if (is_made(r, i) && r->producer[i] <= place && r->reader[i] > place) bytes += r->bytes[i];
  }
  return bytes;
}

static void keep_crossing(recompute *r, int32_t place) {
  for (int32_t i = 0; i < r->tensor_count; ++i) {
    if (is_made(r, i) && r->producer[i] <= place && r->reader[i] > place) r->kept[i] = true;
  }
}

static size_t stashed_by(const recompute *r, int32_t place) {
  const ln_op *op = &r->graph->ops[place];
  size_t bytes = 0;
  for (int32_t k = 0; k < op->output_count; ++k) {
    if (r->stash[op->outputs[k]]) bytes += r->bytes[op->outputs[k]];
  }
  return bytes;
}

/* Segments that stash about `budget` bytes each, cut where least crosses; crossings[i] is what does behind operator i.
 * The last segment is kept whole: it would be computed again at once. */
static void keep_cuts(recompute *r, size_t budget, const size_t *crossings) {
  int32_t cut = -1, from = 0;
  size_t stashed = 0;
  for (int32_t i = 0; i < r->tensor_count; ++i) r->kept[i] = !is_made(r, i) || r->stays[i];
  for (int32_t i = 0; i < r->forward_ops; ++i) {
    stashed += stashed_by(r, i);
    if (stashed < budget / 2) continue;
    if (cut < 0 || crossings[i] <= crossings[cut]) cut = i;
    if (stashed < budget) continue;
    keep_crossing(r, cut);
    from = cut + 1;
    stashed = 0;
    for (int32_t k = from; k <= i; ++k) stashed += stashed_by(r, k);
    cut = -1;
  }
  for (int32_t i = 0; i < r->tensor_count; ++i) {
    if (is_made(r, i) && r->producer[i] >= from) r->kept[i] = true;
  }
}

/* ---- choosing ---- */

typedef struct choice {
  size_t target, least; /* of what was tried */
  bool found;
  double spent;
} choice;

static void judge(recompute *r, choice *c) {
  const size_t takes = measure(r);
  if (takes < c->least) {
    c->least = takes;
    if (!c->found) memcpy(r->best, r->kept, (size_t)r->tensor_count * sizeof *r->best); /* for a message */
  }
  if (takes > c->target || (c->found && r->spent >= c->spent)) return;
  c->found = true;
  c->spent = r->spent;
  memcpy(r->best, r->kept, (size_t)r->tensor_count * sizeof *r->best);
}

enum { MOST_TRIES = 1 << 9 };

/* Keeps more of the best, one operator's values at a time, while it fits. */
static void refine(recompute *r, choice *c) {
  int32_t tries = MOST_TRIES;
  for (int32_t i = r->forward_ops - 1; i >= 0 && c->found && c->spent > 0 && tries > 0; --i) {
    const ln_op *op = &r->graph->ops[i];
    if (r->cheap[i] || op->output_count != 1 || r->best[op->outputs[0]]) continue;
    --tries;
    memcpy(r->kept, r->best, (size_t)r->tensor_count * sizeof *r->kept);
    r->kept[op->outputs[0]] = true;
    judge(r, c);
  }
}

/* Fills `best` with the cheapest choice that takes no more than the target, or else the smallest there is. */
static bool choose(recompute *r, const size_t *crossings, size_t target, choice *c) {
  size_t all = 0;
  *c = (choice){.target = target, .least = SIZE_MAX};
  for (int32_t i = 0; i < r->forward_ops; ++i) all += stashed_by(r, i);
  keep_all(r);
  judge(r, c);
  keep_dear(r);
  judge(r, c);
  for (size_t budget = all; budget > 64; budget -= budget / 5) {
    keep_cuts(r, budget, crossings);
    judge(r, c);
  }
  refine(r, c);
  return c->found;
}

/* ---- changing the graph ---- */

typedef struct undo {
  ln_op *ops;
  int32_t op_count, op_capacity, tensor_count;
} undo;

static bool repeat_op(ln_optimizer *o, const ln_op *op, int32_t *now, ln_op *out) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_arena *arena = ln_optimizer_arena(o);
  *out = *op;
  out->outputs = ln_arena_array(arena, (size_t)op->output_count, sizeof *out->outputs);
  if (out->outputs == NULL) return false;
  for (int32_t k = 0; k < op->output_count; ++k) {
    ln_tensor copy = graph->tensors[op->outputs[k]];
    copy.name = ln_arena_printf(arena, "%s/again", copy.name);
    out->outputs[k] = copy.name == NULL ? -1 : ln_graph_add_tensor(graph, arena, &copy);
    if (out->outputs[k] < 0) return false;
    now[op->outputs[k]] = out->outputs[k];
  }
  return true;
}

/* Writes the order of `best` into the graph. */
static bool rewrite(recompute *r, undo *before) {
  ln_graph *graph = ln_optimizer_graph(r->o);
  ln_arena *arena = ln_optimizer_arena(r->o);
  *before = (undo){graph->ops, graph->op_count, graph->op_capacity, graph->tensor_count};
  memcpy(r->kept, r->best, (size_t)r->tensor_count * sizeof *r->kept);
  make_order(r);
  ln_op *ops = ln_arena_array(arena, (size_t)r->count + 1, sizeof *ops);
  int32_t *now = ln_arena_array(&r->arena, (size_t)r->tensor_count + 1, sizeof *now);
  if (ops == NULL || now == NULL) return false;
  for (int32_t i = 0; i < r->tensor_count; ++i) now[i] = i;
  for (int32_t s = 0; s < r->count; ++s) {
    const int32_t place = r->order[s];
    const ln_op *op = &before->ops[place < 0 ? ~place : place];
    ops[s] = *op;
    if (place >= 0 && place < r->forward_ops) continue;
    if (place < 0 && !repeat_op(r->o, op, now, &ops[s])) return false;
    ops[s].inputs = ln_arena_copy(arena, op->inputs, (size_t)op->input_count * sizeof *op->inputs);
    if (ops[s].inputs == NULL && op->input_count > 0) return false;
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0) ops[s].inputs[k] = now[op->inputs[k]];
    }
  }
  graph->ops = ops;
  graph->op_count = r->count;
  graph->op_capacity = r->count + 1;
  return true;
}

static void take_back(recompute *r, const undo *before) {
  ln_graph *graph = ln_optimizer_graph(r->o);
  graph->ops = before->ops;
  graph->op_count = before->op_count;
  graph->op_capacity = before->op_capacity;
  graph->tensor_count = before->tensor_count;
  r->graph = graph;
}

/* ---- what a session takes ---- */

static bool add_room(const ln_graph *graph, const int32_t *tensors, int32_t count, size_t *sum) {
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = &graph->tensors[tensors[i]];
    size_t bytes;
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) continue;
    if (!ln_size_align(bytes, LN_ALIGNMENT, &bytes) || !ln_size_add(*sum, bytes, sum)) return false;
  }
  return true;
}

/* Inputs and outputs in memory of their own, of which nothing is touched. */
static void bind_ends(const ln_graph *graph, ln_session *session, uint8_t *room) {
  size_t at = 0, bytes;
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[graph->inputs[i]];
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) continue;
    ln_session_bind_input(session, i, room + at, bytes, NULL); /* what cannot be bound stays in the arena */
    at += (bytes + LN_ALIGNMENT - 1) / LN_ALIGNMENT * LN_ALIGNMENT;
  }
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[graph->outputs[i]];
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) continue;
    ln_session_bind_output(session, i, room + at, bytes, NULL);
    at += (bytes + LN_ALIGNMENT - 1) / LN_ALIGNMENT * LN_ALIGNMENT;
  }
}

/* The arena of a session with bound inputs and outputs; SIZE_MAX when it is more than `limit` (0: none), which is not
 * taken. */
static ln_status plan_session(recompute *r, int32_t threads, size_t limit, size_t *out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  const ln_graph *graph = ln_optimizer_graph(r->o);
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {0};
  size_t ends = LN_ALIGNMENT;
  *out = SIZE_MAX;
  const bool fits = add_room(graph, graph->inputs, graph->input_count, &ends) &&
                    add_room(graph, graph->outputs, graph->output_count, &ends);
  uint8_t *room = fits ? ln_alloc(ends) : NULL;
  if (room == NULL) return ln_optimizer_no_memory(r->o);
  options.first_graph = r->o->graph == 0; /* else the signature says which */
  options.prepare_later = true;
  options.threads = threads;
  options.memory_limit = limit;
  ln_status status = ln_grad_snapshot(r->o->model, &err, &model);
  if (status == LN_OK) status = ln_session_create(model, &options, &err, &session);
  if (status == LN_OK) {
    bind_ends(graph, session, room);
    status = ln_session_prepare(session, &err);
    if (status == LN_OK) status = ln_session_get_stats(session, &stats);
    if (status == LN_OK) *out = stats.arena_bytes;
    else if (status == LN_ERR_LIMIT) status = LN_OK;
  }
  if (status != LN_OK && r->o->err != NULL) *r->o->err = err;
  ln_session_destroy(session);
  ln_model_destroy(model);
  ln_free(room);
  return status;
}

static ln_status too_much(recompute *r, const undo *before, int32_t threads, size_t limit) {
  size_t least = SIZE_MAX;
  LN_TRY(plan_session(r, threads, 0, &least));
  take_back(r, before);
  return ln_fail(r->o->err, LN_ERR_LIMIT, "a step takes %zu bytes at least, the limit is %zu", least, limit);
}

/*
 * What a session takes is not what is estimated: scratch and gaps come on top, and it lays parts into wholes. The
 * target begins above the limit and is lowered until a session's plan fits.
 */
static ln_status search(recompute *r, int32_t threads, size_t limit) {
  size_t *crossings = ln_arena_array(&r->arena, (size_t)r->forward_ops + 1, sizeof *crossings);
  size_t takes = 0;
  double spent = 0;
  choice c;
  undo before;
  if (crossings == NULL) return ln_optimizer_no_memory(r->o);
  for (int32_t i = 0; i < r->forward_ops; ++i) crossings[i] = crossing(r, i);
  LN_TRY(plan_session(r, threads, limit, &takes));
  for (size_t target = limit / 4 <= SIZE_MAX - limit ? limit + limit / 4 : limit; takes > limit;
       target -= target / 16 + 1) {
    const bool fits = choose(r, crossings, target, &c);
    if (fits && c.spent <= spent) continue; /* as it was */
    spent = c.spent;
    ln_status status = rewrite(r, &before) ? plan_session(r, threads, limit, &takes) : ln_optimizer_no_memory(r->o);
    if (status == LN_OK && takes > limit && !fits) status = too_much(r, &before, threads, limit);
    if (status != LN_OK || takes > limit) take_back(r, &before);
    LN_TRY(status);
  }
  return LN_OK;
}

ln_status ln_grad_recompute(ln_optimizer *o, int32_t forward_ops, int32_t threads, size_t limit) {
  recompute r = {.o = o, .graph = ln_optimizer_graph(o), .forward_ops = forward_ops};
  r.op_count = r.graph->op_count;
  r.tensor_count = r.graph->tensor_count;
  if (forward_ops < 0 || forward_ops > r.op_count || limit == 0) {
    return ln_fail(o->err, LN_ERR_ARGUMENT, "the forward part or the memory limit is out of range");
  }
  const ln_status status = read_graph(&r) ? search(&r, threads, limit) : ln_optimizer_no_memory(o);
  ln_arena_free(&r.arena);
  return status;
}
