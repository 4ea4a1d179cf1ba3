/*
 * Which tensors share a block of the arena, when each block lives, and where it lies. A block belongs to its root
 * tensor; views and in-place outputs lie in their input's block and lengthen its life.
 */
#include "runtime/runtime.h"

/* Whether this build holds operators that set ln_node.is_parts or ln_node.joins. */
#define HAS_PARTS                                                                                               \
  ((LN_OP_TYPES(CONCATENATION) | LN_OP_TYPES(STABLEHLO_CONCATENATE) | LN_OP_TYPES(SLICE) | LN_OP_TYPES(SPLIT) | \
    LN_OP_TYPES(SPLIT_V) | LN_OP_TYPES(UNPACK)) != 0)

typedef struct layout {
  int32_t *root;     /* [tensors] whose block a tensor lies in: itself or another; -1 when it takes no arena */
  int32_t *first;    /* [tensors] first step in which a root's block lives */
  int32_t *last;     /* [tensors] last step in which a root's block lives */
  int32_t *last_use; /* [tensors] the last step that touches a tensor */
  size_t *at;        /* [tensors] bytes from the beginning of the root's block */
  bool parts;        /* outputs may be parts of inputs, and inputs of outputs */
  bool chained;      /* steps run inside others (chain.c) */
} layout;

static bool in_arena(const ln_session *session, int32_t index) {
  const ln_tensor *tensor = &session->tensors[index];
  return tensor->storage == LN_STORAGE_NONE && session->known[index] &&
         (ln_type_bits(tensor->type) != 0 || tensor->type == LN_RESOURCE);
}

static void note_uses(const ln_session *session, layout *l) {
  const ln_graph *graph = session->graph;
  const int32_t end = graph->op_count;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0 && l->last_use[op->inputs[j]] < i) l->last_use[op->inputs[j]] = i;
    }
    for (int32_t j = 0; j < op->output_count; ++j) l->last_use[op->outputs[j]] = session->keep_all ? end : i;
  }
  /* Inputs can be run on again, outputs can be read until the next run. */
  for (int32_t i = 0; i < graph->input_count; ++i) l->last_use[graph->inputs[i]] = end;
  for (int32_t i = 0; i < graph->output_count; ++i) l->last_use[graph->outputs[i]] = end;
}

/* Whether the head of a step's chain reads a block otherwise than element by element: it goes on while the step writes.
 */
static bool head_reads(const ln_session *session, const layout *l, const ln_step *step, int32_t root) {
  const ln_node *head = &session->steps[step->head].node;
  if (!LN_HAS_SPANS || !l->chained || &step->node == head || head->finish_grain == 0) return false;
  for (int32_t j = 0; j < head->op->input_count; ++j) {
    if (head->op->inputs[j] >= 0 && l->root[head->op->inputs[j]] == root) return true;
  }
  return false;
}

/* Whether two tensors have bytes in common that are not the same elements of both: parts that overlap, or a part and
 * the whole. */
static bool cross(const ln_session *session, const layout *l, int32_t a, int32_t b) {
  const ln_tensor *x = &session->tensors[a], *y = &session->tensors[b];
  size_t x_bytes, y_bytes;
  if (l->root[a] != l->root[b]) return false;
  if (!ln_tensor_size(x->type, &x->shape, &x_bytes) || !ln_tensor_size(y->type, &y->shape, &y_bytes)) return true;
  if (l->at[a] == l->at[b] && x_bytes == y_bytes) return false;
  return l->at[a] < l->at[b] + y_bytes && l->at[b] < l->at[a] + x_bytes; /* both lie in their block */
}

/* Whether a step, or one of its chain before it, reads what writing over one of its inputs would change too early. */
static bool is_read_across(const ln_session *session, const layout *l, int32_t index, int32_t input) {
  if (!l->parts) return false;
  for (int32_t i = l->chained ? session->steps[index].head : index; i <= index; ++i) {
    const ln_op *op = &session->graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0 && cross(session, l, input, op->inputs[j])) return true;
    }
  }
  return false;
}

/* The input whose block output 0 of a step may lie in; -1 when it needs its own. */
static int32_t shareable_input(const ln_session *session, const layout *l, int32_t index) {
  const ln_step *step = &session->steps[index];
  const ln_op *op = step->node.op;
  const uint32_t flags = op->def->flags;
  if (session->keep_all || step->late || op->output_count < 1 || !in_arena(session, op->outputs[0])) return -1;
  const ln_tensor *output = &session->tensors[op->outputs[0]];
  size_t bytes, other;
  if (!ln_tensor_size(output->type, &output->shape, &bytes)) return -1;
  for (int32_t j = 0; j < op->input_count; ++j) {
    const int32_t input = op->inputs[j];
    if (input < 0 || l->root[input] < 0) continue;
    const ln_tensor *tensor = &session->tensors[input];
    if (!ln_tensor_size(tensor->type, &tensor->shape, &other) || other != bytes) continue;
    /* A block is written after its maker only in place, and then only by its last reader: views are always safe. */
    if ((flags & LN_OPF_VIEW) != 0 && j == 0) return input;
    if ((flags & LN_OPF_IN_PLACE) == 0 || ln_type_bits(tensor->type) != ln_type_bits(output->type)) continue;
    if (l->last[l->root[input]] != index || head_reads(session, l, step, l->root[input])) continue;
    return is_read_across(session, l, index, input) ? -1 : input;
  }
  return -1;
}

/* Less is copied in the time that a plan of fewer, longer-lived blocks may cost; sanitized builds try it on the small
 * tensors of tests and fuzzing. */
#if defined(LN_ASAN)
enum { LEAST_SHARED = 1 };
#else
enum { LEAST_SHARED = 128 << 10 };
#endif

static bool is_worth_sharing(const ln_session *session, int32_t whole) {
  const ln_tensor *tensor = &session->tensors[whole];
  size_t bytes;
  return ln_tensor_size(tensor->type, &tensor->shape, &bytes) && bytes >= LEAST_SHARED;
}

/* Outputs that are parts of an input lie in its block. */
static bool place_parts(const ln_session *session, layout *l, int32_t index) {
  const ln_step *step = &session->steps[index];
  const ln_op *op = step->node.op;
  if (!HAS_PARTS || !l->parts || session->keep_all || step->late || !step->node.is_parts) return false;
  const int32_t input = op->inputs[step->node.parts_of];
  const int32_t root = l->root[input];
  size_t at = l->at[input] + step->node.parts_at, bytes;
  if (root < 0 || !is_worth_sharing(session, input)) return false;
  for (int32_t j = 0; j < op->output_count; ++j, at += bytes) {
    const ln_tensor *output = &session->tensors[op->outputs[j]];
    if (!in_arena(session, op->outputs[j]) || !ln_tensor_size(output->type, &output->shape, &bytes)) return false;
    if (at % LN_ALIGNMENT != 0) return false; /* what reads it would cross lines of the cache all the time */
  }
  at = l->at[input] + step->node.parts_at;
  for (int32_t j = 0; j < op->output_count; ++j) {
    const int32_t output = op->outputs[j];
    l->root[output] = root;
    l->at[output] = at;
    if (l->last_use[output] > l->last[root]) l->last[root] = l->last_use[output];
    ln_tensor_size(session->tensors[output].type, &session->tensors[output].shape, &bytes); /* within the input */
    at += bytes;
  }
  return true;
}

/* Inputs of a step that joins them, made for it alone, are made where they are to stand in its output. */
static void place_joined(const ln_session *session, layout *l, int32_t index) {
  const ln_step *step = &session->steps[index];
  const ln_op *op = step->node.op;
  if (!HAS_PARTS || !l->parts || session->keep_all || step->late || !step->node.joins || step->node.idle) return;
  const int32_t output = op->outputs[0];
  if (l->root[output] != output || !is_worth_sharing(session, output)) return;
  size_t at = 0, bytes, block;
  for (int32_t j = 0; j < op->input_count; ++j, at += bytes) {
    const int32_t input = op->inputs[j], root = l->root[input];
    const ln_tensor *tensor = &session->tensors[input];
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) return;
    if (root < 0 || root == output || bytes == 0 || l->last[root] > index || l->at[input] != 0 ||
        at % LN_ALIGNMENT != 0)
      continue;
    if (!ln_tensor_size(session->tensors[root].type, &session->tensors[root].shape, &block) || block != bytes) continue;
    for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
      if (l->root[i] != root) continue;
      l->root[i] = output;
      l->at[i] += at;
    }
    if (l->first[root] < l->first[output]) l->first[output] = l->first[root];
  }
}

static void make_roots(const ln_session *session, layout *l) {
  const ln_graph *graph = session->graph;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    l->root[i] = -1;
    l->at[i] = 0;
  }
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t input = graph->inputs[i];
    if (!in_arena(session, input)) continue;
    l->root[input] = input;
    l->last[input] = l->last_use[input];
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (place_parts(session, l, i)) continue;
    const int32_t shared = shareable_input(session, l, i);
    for (int32_t j = 0; j < op->output_count; ++j) {
      const int32_t output = op->outputs[j];
      if (!in_arena(session, output)) continue;
      const int32_t root = j == 0 && shared >= 0 ? l->root[shared] : output;
      l->root[output] = root;
      if (root != output) l->at[output] = l->at[shared];
      if (root == output) l->first[root] = l->last[root] = i;
      if (l->last_use[output] > l->last[root]) l->last[root] = l->last_use[output];
    }
    place_joined(session, l, i);
  }
}

/* Blocks to plan and where each one's offset goes. */
typedef struct block_list {
  ln_plan_block *blocks;
  size_t **targets;
  int32_t count;
} block_list;

static void add_block(block_list *list, size_t bytes, int32_t first, int32_t last, size_t *target) {
  list->targets[list->count] = target;
  list->blocks[list->count++] = (ln_plan_block){bytes, first, last, 0};
}

/* When a step runs: with the head of its chain. The end of the run has no step. */
static int32_t time_of(const ln_session *session, const layout *l, int32_t step) {
  return LN_HAS_SPANS && l->chained && step < session->graph->op_count ? session->steps[step].head : step;
}

static ln_status list_blocks(ln_session *session, const layout *l, size_t *tensor_offsets, block_list *list,
                             ln_error *err) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    if (l->root[i] != i) continue;
    const ln_tensor *tensor = &session->tensors[i];
    size_t bytes;
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
      return ln_fail(err, LN_ERR_SHAPE, "tensor \"%s\" has no size that can be planned", tensor->name);
    }
    add_block(list, bytes, time_of(session, l, l->first[i]), time_of(session, l, l->last[i]), &tensor_offsets[i]);
  }
  const size_t threads = (size_t)ln_pool_threads(session->pool);
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    ln_step *step = &session->steps[i];
    size_t for_threads;
    if (step->late) continue;
    if (!ln_size_mul(step->thread_stride, threads, &for_threads)) {
      return ln_node_fail(&step->node, err, LN_ERR_MEMORY, "needs more scratch than can be addressed");
    }
    add_block(list, step->node.scratch_bytes, i, i, &step->scratch_offset);
    add_block(list, for_threads, i, i, &step->thread_scratch_offset);
  }
  return LN_OK;
}

static ln_status grow_arena(ln_session *session, ln_error *err) {
  if (session->arena != NULL && session->plan.arena_bytes <= session->arena_capacity) return LN_OK;
  ln_free(session->arena);
  session->arena_capacity = 0;
  session->arena = ln_alloc(session->plan.arena_bytes);
  if (session->arena == NULL) {
    return ln_fail(err, LN_ERR_MEMORY, "no memory for an arena of %zu bytes", session->plan.arena_bytes);
  }
  if (!ln_alloc_is_huge(session->plan.arena_bytes)) ln_alloc_populate(session->arena, session->plan.arena_bytes);
  session->arena_capacity = session->plan.arena_bytes;
  return LN_OK;
}

static void bind_tensors(ln_session *session, const layout *l, const size_t *tensor_offsets) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    if (l->root[i] < 0) continue;
    ln_tensor *tensor = &session->tensors[i];
    tensor->data = session->arena + tensor_offsets[l->root[i]] + l->at[i];
    ln_tensor_size(tensor->type, &tensor->shape, &tensor->bytes); /* checked when its block was made */
    tensor->storage = LN_STORAGE_ARENA;
  }
}

/* Plans with the chains there are, or as if there were none. */
static ln_status plan_blocks(ln_session *session, layout *l, block_list *list, size_t *tensor_offsets, bool chained,
                             ln_error *err, ln_plan_result *plan) {
  l->chained = chained;
  list->count = 0;
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) l->last_use[i] = l->first[i] = l->last[i] = 0;
  note_uses(session, l);
  make_roots(session, l);
  LN_TRY(list_blocks(session, l, tensor_offsets, list, err));
  return ln_plan_arena(list->blocks, list->count, err, plan);
}

static bool has_parts(const ln_session *session) {
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    if (session->steps[i].node.is_parts || session->steps[i].node.joins) return true;
  }
  return false;
}

/* What a plan that saves time may take more than one that does not: chains hold scratch of a head beside what their
 * followers make, parts the whole that they are part of. */
static size_t allowance(size_t plain) { return plain / 16 > (64 << 10) ? plain / 16 : (64 << 10); }

/* Of plans with fewer and fewer chains: each costs the square of the blocks, and there may be as many chains. */
enum { MOST_PLANS = 32, MANY_BLOCKS = 16384 };

/* Parts and chains hold memory for longer: those that would make the arena much larger are given up. */
static ln_status plan_all(ln_session *session, layout *l, block_list *list, size_t *tensor_offsets, ln_error *err) {
  ln_plan_result plain;
  l->parts = false;
  LN_TRY(plan_blocks(session, l, list, tensor_offsets, false, err, &plain));
  session->plan = plain;
  const size_t most = plain.arena_bytes + allowance(plain.arena_bytes);
  if (HAS_PARTS && has_parts(session)) {
    l->parts = true;
    LN_TRY(plan_blocks(session, l, list, tensor_offsets, false, err, &session->plan));
    l->parts = session->plan.arena_bytes <= most;
    if (!l->parts) LN_TRY(plan_blocks(session, l, list, tensor_offsets, false, err, &session->plan));
  }
  const int32_t most_plans = list->count < MANY_BLOCKS ? MOST_PLANS : 1;
  for (int32_t plans = 1; LN_HAS_SPANS && session->followers > 0; ++plans) {
    LN_TRY(plan_blocks(session, l, list, tensor_offsets, true, err, &session->plan));
    if (session->plan.arena_bytes <= most) return LN_OK;
    ln_session_unchain(session, plans < most_plans ? session->plan.fullest : -1);
    if (session->followers == 0) return plan_blocks(session, l, list, tensor_offsets, false, err, &session->plan);
  }
  return LN_OK;
}

ln_status ln_session_lay_out(ln_session *session, ln_error *err) {
  ln_arena work = {0};
  const size_t tensors = (size_t)session->graph->tensor_count;
  const size_t most = tensors + 2 * (size_t)session->graph->op_count;
  layout l = {ln_arena_array(&work, tensors, sizeof *l.root),
              ln_arena_array(&work, tensors, sizeof *l.first),
              ln_arena_array(&work, tensors, sizeof *l.last),
              ln_arena_array(&work, tensors, sizeof *l.last_use),
              ln_arena_array(&work, tensors, sizeof *l.at),
              false,
              false};
  block_list list = {ln_arena_array(&work, most, sizeof *list.blocks),
                     ln_arena_array(&work, most, sizeof *list.targets), 0};
  size_t *tensor_offsets = ln_arena_array(&work, tensors, sizeof *tensor_offsets);
  ln_status status;
  if (l.root == NULL || l.first == NULL || l.last == NULL || l.last_use == NULL || l.at == NULL ||
      list.blocks == NULL || list.targets == NULL || tensor_offsets == NULL) {
    status = ln_fail(err, LN_ERR_MEMORY, "no memory to plan");
    goto out;
  }
  status = plan_all(session, &l, &list, tensor_offsets, err);
  if (status == LN_OK) status = ln_session_charge(session, session->plan.arena_bytes, err);
  if (status == LN_OK) status = grow_arena(session, err);
  if (status != LN_OK) goto out;
  for (int32_t i = 0; i < list.count; ++i) *list.targets[i] = list.blocks[i].offset;
  bind_tensors(session, &l, tensor_offsets);
out:
  ln_arena_free(&work);
  return status;
}
