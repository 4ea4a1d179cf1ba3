/* Attention that a pass made of products and a softmax: attention_fused.h. */
#include "ops/attention_fused.h"

#include "ops/attention_core.h"
#include "ops/move.h"

enum { QUERIES, KEYS, VALUES, MASK };

typedef struct fused_args {
  ln_attention_plan plan;
  size_t heads;
  ln_shape scores, mask;                                   /* the mask's of the same rank */
  size_t q_items, k_items, v_items, out_items, mask_items; /* of a head */
  int32_t parts, part;                                     /* that a head's rows are cut into, and rows of one */
  bool empty;
} fused_args;

typedef struct fused_shape {
  int32_t m, n, depth, width;
  ln_shape scores, out;
} fused_shape;

static const ln_attention_options *options_of(const ln_node *node) { return node->op->options; }
static const ln_tensor *mask_of(const ln_node *node) { return node->in_count > MASK ? node->in[MASK] : NULL; }
static int32_t last(const ln_shape *shape, int32_t back) { return shape->dims[shape->rank - back]; }

static ln_status read_shape(const ln_node *node, fused_shape *s, ln_error *err) {
  const ln_attention_options *o = options_of(node);
  const ln_shape *q = &node->in[QUERIES]->shape, *k = &node->in[KEYS]->shape, *v = &node->in[VALUES]->shape;
  bool fits = q->rank >= 2 && k->rank >= 2 && v->rank >= 2;
  if (fits) {
    s->m = last(q, 2);
    s->depth = last(q, 1);
    s->n = last(k, o->k_turned ? 2 : 1);
    s->width = last(v, o->v_turned ? 2 : 1);
    s->scores = o->reshaped ? o->scores : *q;
    s->out = o->reshaped ? o->out_batch : *q;
    if (!o->reshaped) s->out.rank -= 2;
    s->scores.dims[s->scores.rank - 1] = s->n;
    const size_t heads = ln_shape_span(q, 0, q->rank - 2);
    fits = last(k, o->k_turned ? 1 : 2) == s->depth && last(v, o->v_turned ? 1 : 2) == s->n &&
           last(&s->scores, 2) == s->m && ln_shape_span(k, 0, k->rank - 2) == heads &&
           ln_shape_span(v, 0, v->rank - 2) == heads && ln_shape_span(&s->scores, 0, s->scores.rank - 2) == heads &&
           ln_shape_span(&s->out, 0, s->out.rank) == heads && (!o->reshaped || last(&o->scores, 1) == s->n);
  }
  const ln_tensor *mask = mask_of(node);
  for (int32_t i = 1; fits && mask != NULL && i <= mask->shape.rank; ++i) {
    fits = mask->shape.rank <= s->scores.rank &&
           (last(&mask->shape, i) == 1 || last(&mask->shape, i) == last(&s->scores, i));
  }
  if (!fits || !ln_shape_push(&s->out, s->m) || !ln_shape_push(&s->out, s->width)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs' shapes do not fit attention");
  }
  return LN_OK;
}

static ln_status infer(ln_node *node, ln_error *err) {
  fused_shape s;
  LN_TRY(read_shape(node, &s, err));
  return ln_node_set_shape(node, 0, &s.out, err);
}

static int64_t macs(const ln_node *node) {
  fused_shape s;
  if (read_shape(node, &s, NULL) != LN_OK) return 0;
  return (int64_t)ln_shape_span(&s.scores, 0, s.scores.rank) * ((int64_t)s.depth + s.width);
}

/* The mask with dimensions of one in front. */
static ln_shape widen(const ln_shape *shape, int32_t rank) {
  ln_shape wide = {.rank = rank};
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t from = i - (rank - shape->rank);
    wide.dims[i] = from < 0 ? 1 : shape->dims[from];
  }
  return wide;
}

static ln_status prepare(ln_node *node, ln_prep *prep) {
  const ln_attention_options *o = options_of(node);
  fused_args *args = LN_NODE_ARGS(node, prep, fused_args);
  fused_shape s;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_shape(node, &s, prep->err));
  args->empty = ln_tensor_is_empty(node->out[0]);
  if (args->empty) return LN_OK;
  if (s.n == 0 || s.depth == 0) return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "attention over nothing");
  ln_attention_plan *p = &args->plan;
  *p = (ln_attention_plan){.m = s.m,
                           .n = s.n,
                           .depth = s.depth,
                           .width = s.width,
                           .q_row = s.depth,
                           .k_row = o->k_turned ? s.depth : 1,
                           .k_column = o->k_turned ? 1 : s.n,
                           .v_row = o->v_turned ? 1 : s.width,
                           .v_column = o->v_turned ? s.n : 1,
                           .out_row = s.width,
                           .scale = o->scale,
                           .beta = o->beta};
  args->heads = ln_shape_span(&s.scores, 0, s.scores.rank - 2);
  args->q_items = (size_t)s.m * (size_t)s.depth;
  args->k_items = (size_t)s.depth * (size_t)s.n;
  args->v_items = (size_t)s.n * (size_t)s.width;
  args->out_items = (size_t)s.m * (size_t)s.width;
  args->scores = s.scores;
  if (mask_of(node) != NULL) {
    args->mask = widen(&mask_of(node)->shape, s.scores.rank);
    p->mask_row = last(&args->mask, 2) == 1 ? 0 : (size_t)last(&args->mask, 1);
    p->mask_column = last(&args->mask, 1) == 1 ? 0 : 1;
    args->mask_items = (size_t)last(&args->mask, 2) * (size_t)last(&args->mask, 1);
  }
  if (args->heads > INT32_MAX / 16 || !ln_attention_plan_finish(p, &node->thread_scratch_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "attention takes too much memory");
  }
  args->parts = ln_attention_parts(p, args->heads);
  args->part = (s.m + args->parts - 1) / args->parts;
  return LN_OK;
}

typedef struct fused_run {
  const ln_node *node;
  const ln_exec *exec;
} fused_run;

static void attend(void *context, int32_t task, int32_t worker) {
  const fused_run *run = context;
  const ln_node *node = run->node;
  const fused_args *args = node->args;
  const size_t head = (size_t)(task / args->parts);
  const int32_t from = task % args->parts * args->part;
  const int32_t to = args->plan.m - from < args->part ? args->plan.m : from + args->part;
  const ln_tensor *mask = mask_of(node);
  ln_attention_head packed;
  ln_attention_pack(&args->plan, node->in[KEYS], head * args->k_items, node->in[VALUES], head * args->v_items,
                    ln_exec_thread_scratch(run->exec, worker), &packed);
  const float *of_head =
      mask == NULL ? NULL
                   : (const float *)mask->data + ln_batch_of(&args->scores, &args->mask, head) * args->mask_items;
  ln_attention_rows(&args->plan, &packed, from, to, (const float *)node->in[QUERIES]->data + head * args->q_items,
                    of_head, (float *)node->out[0]->data + head * args->out_items);
}

static ln_status run(const ln_node *node, ln_exec *exec) {
  const fused_args *args = node->args;
  fused_run context = {node, exec};
  if (!args->empty) ln_pool_run(exec->pool, (int32_t)args->heads * args->parts, attend, &context);
  return LN_OK;
}

const ln_op_def ln_op_fused_attention = {.name = "ATTENTION",
                                         .code = -1,
                                         .options = LN_TABLE_none,
                                         .types = "f32 f32 f32 f32? > f32",
                                         .infer = infer,
                                         .prepare = prepare,
                                         .run = run,
                                         .macs = macs,
                                         .built = UINT32_C(1) << LN_FLOAT32};
