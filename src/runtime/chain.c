/*
 * Chains: element-wise steps that run inside the step before them, on stretches of its output that are still in the
 * cache, by the same kernels as alone, so that results stay what they are. A chain is a head, which hands on its output
 * in stretches (ln_exec_finish) or is element-wise itself, and the steps behind it that read what the chain has made at
 * the elements they write, and of the rest only what was there before the head.
 */
#include <string.h>

#include "runtime/runtime.h"

enum { MOST_FOLLOWERS = 16, BLOCK_ELEMENTS = 4096, TASK_ELEMENTS = 16384 };

/* ---- finding them ---- */

static size_t elements_of(const ln_tensor *tensor) {
  size_t elements;
  return ln_shape_elements(&tensor->shape, &elements) ? elements : 0;
}

/* Another shape of the same bytes, where the plan lets it lie elsewhere. */
static void view_span(const ln_node *node, size_t first, size_t count) {
  const size_t item = (size_t)ln_type_bits(node->out[0]->type) / 8;
  const char *from = (const char *)node->in[0]->data + first * item;
  char *to = (char *)node->out[0]->data + first * item;
  if (from != to) memcpy(to, from, count * item);
}

static bool is_view(const ln_node *node) {
  return (node->op->def->flags & LN_OPF_VIEW) != 0 && node->in[0] != NULL &&
         ln_type_bits(node->in[0]->type) == ln_type_bits(node->out[0]->type);
}

static bool has_span(const ln_step *step) {
  const ln_node *node = &step->node;
  return !step->late && !node->idle && node->out_count == 1 && node->stand_ins == NULL && node->scratch_bytes == 0 &&
         node->thread_scratch_bytes == 0 && ln_type_bits(node->out[0]->type) >= 8 &&
         (node->span != NULL || is_view(node));
}

/* The step that makes each tensor, -1 for none. */
static int32_t *find_makers(const ln_session *session, ln_arena *arena) {
  int32_t *maker = ln_arena_array(arena, (size_t)session->graph->tensor_count, sizeof *maker);
  for (int32_t i = 0; maker != NULL && i < session->graph->tensor_count; ++i) maker[i] = -1;
  for (int32_t i = 0; maker != NULL && i < session->graph->op_count; ++i) {
    const ln_op *op = &session->graph->ops[i];
    for (int32_t j = 0; j < op->output_count; ++j) maker[op->outputs[j]] = i;
  }
  return maker;
}

/* Whether step `index` can run on each stretch of `elements` that the chain from `head` on has made. */
static bool can_follow(const ln_session *session, const int32_t *maker, int32_t head, int32_t index, size_t elements,
                       size_t grain) {
  const ln_step *step = &session->steps[index];
  const ln_op *op = step->node.op;
  bool reads_chain = false;
  if (!has_span(step) || elements_of(step->node.out[0]) != elements) return false;
  if (step->node.span_grain > 1 && grain % step->node.span_grain != 0) return false;
  for (int32_t j = 0; j < op->input_count; ++j) {
    if (op->inputs[j] < 0 || maker[op->inputs[j]] < head) continue;
    if (elements_of(step->node.in[j]) != elements) return false;
    reads_chain = true;
  }
  return reads_chain;
}

/* How many steps behind `head` run inside it. Views at the end are left to themselves: they cost nothing. */
static int32_t count_followers(const ln_session *session, const int32_t *maker, int32_t head) {
  const ln_step *step = &session->steps[head];
  const ln_node *node = &step->node;
  const bool finishes = !step->late && !node->idle && node->out_count == 1 && node->finish_grain > 0;
  if (!finishes && (!has_span(step) || is_view(node))) return 0;
  const size_t elements = elements_of(node->out[0]);
  size_t grain = finishes ? node->finish_grain : node->span_grain;
  int32_t count = 0, useful = 0;
  if (elements == 0) return 0;
  while (count < MOST_FOLLOWERS && head + count + 1 < session->graph->op_count) {
    const ln_node *next = &session->steps[head + count + 1].node;
    if (!finishes && grain <= 1) grain = next->span_grain; /* element by element so far: any grain will do */
    if (!can_follow(session, maker, head, head + count + 1, elements, grain)) break;
    ++count;
    if (!is_view(next)) useful = count;
  }
  return useful;
}

/* "CONV_2D + ADD" */
static const char *describe(ln_session *session, int32_t head, int32_t followers) {
  const char *text = session->steps[head].node.op->def->name;
  for (int32_t i = head + 1; text != NULL && i <= head + followers; ++i) {
    const ln_node *node = &session->steps[i].node;
    if (!is_view(node)) text = ln_arena_printf(&session->prep_memory, "%s + %s", text, node->op->def->name);
  }
  return text;
}

ln_status ln_session_chain(ln_session *session, ln_error *err) {
  const int32_t steps = session->graph->op_count;
  for (int32_t i = 0; i < steps; ++i) {
    session->steps[i].head = i;
    session->steps[i].followers = 0;
    session->steps[i].text = NULL;
  }
  session->followers = 0;
  if (!LN_HAS_SPANS || session->keep_all || session->apart) return LN_OK;
  ln_arena work = {0};
  const int32_t *maker = find_makers(session, &work);
  ln_status status = maker == NULL ? ln_fail(err, LN_ERR_MEMORY, "no memory to plan") : LN_OK;
  for (int32_t i = 0, count; status == LN_OK && i < steps; i += count + 1) {
    count = count_followers(session, maker, i);
    session->steps[i].followers = count;
    session->followers += count;
    for (int32_t k = i + 1; k <= i + count; ++k) {
      ln_node *node = &session->steps[k].node;
      session->steps[k].head = i;
      if (is_view(node)) node->span = view_span;
    }
    if (count == 0 || !session->profile) continue;
    session->steps[i].text = describe(session, i, count);
    if (session->steps[i].text == NULL) status = ln_fail(err, LN_ERR_MEMORY, "no memory to plan");
  }
  ln_arena_free(&work);
  return status;
}

static void take_apart(ln_session *session, ln_step *head) {
  session->followers -= head->followers;
  for (int32_t k = 1; k <= head->followers; ++k) head[k].head += k;
  head->followers = 0;
  head->text = NULL;
}

void ln_session_unchain(ln_session *session, int32_t head) {
  if (head >= 0 && head < session->graph->op_count && session->steps[head].followers > 0) {
    take_apart(session, &session->steps[head]);
    return;
  }
  for (int32_t i = 0; i < session->graph->op_count; ++i) take_apart(session, &session->steps[i]);
}

/* ---- running them ---- */

typedef struct chain {
  ln_finish finish; /* first: what the head is given */
  const ln_step *steps;
  int32_t count;
  size_t elements, block; /* of the output, and of what goes through all steps at a time */
  size_t task;
  atomic_size_t done;
} chain;

static void run_stretch(ln_finish *finish, size_t first, size_t count) {
  chain *c = (chain *)(void *)finish;
  atomic_fetch_add_explicit(&c->done, count, memory_order_relaxed);
  for (size_t part; count > 0; first += part, count -= part) {
    part = count < c->block ? count : c->block;
    for (int32_t i = 0; i < c->count; ++i) c->steps[i].node.span(&c->steps[i].node, first, part);
  }
}

static void run_task(void *context, int32_t task, int32_t worker) {
  chain *c = context;
  const size_t first = (size_t)task * c->task;
  (void)worker;
  run_stretch(&c->finish, first, c->elements - first < c->task ? c->elements - first : c->task);
}

static void run_all(chain *c, ln_pool *pool) {
  while (c->elements / c->task >= INT32_MAX) c->task *= 2;
  ln_pool_run(pool, (int32_t)((c->elements + c->task - 1) / c->task), run_task, c);
}

ln_status ln_session_run_chain(ln_session *session, const ln_step *head, ln_exec *exec) {
  const bool finishes = head->node.finish_grain > 0;
  chain c = {.finish = {run_stretch},
             .steps = finishes ? head + 1 : head,
             .count = finishes ? head->followers : head->followers + 1,
             .elements = elements_of(head->node.out[0])};
  size_t grain = 1;
  for (int32_t i = 0; i < c.count; ++i) {
    if (c.steps[i].node.span_grain > grain) grain = c.steps[i].node.span_grain;
  }
  /* Each grain divides the head's, not every larger one. */
  for (int32_t i = 0; i < c.count; ++i) {
    if (c.steps[i].node.span_grain > 1 && grain % c.steps[i].node.span_grain != 0) grain = head->node.finish_grain;
  }
  c.block = (BLOCK_ELEMENTS + grain - 1) / grain * grain; /* bounded: a grain is part of a tensor */
  c.task = (TASK_ELEMENTS + grain - 1) / grain * grain;
  if (!finishes) {
    run_all(&c, session->pool);
    return LN_OK;
  }
  exec->finish = &c.finish;
  LN_TRY(session->backend->run(&head->node, exec));
  const size_t done = atomic_load(&c.done);
  if (done == c.elements) return LN_OK;
  if (done != 0) return ln_node_fail(&head->node, exec->err, LN_ERR_INTERNAL, "handed on a part of its output");
  run_all(&c, session->pool);
  return LN_OK;
}
