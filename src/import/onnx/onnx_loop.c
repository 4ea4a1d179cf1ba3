/*
 * Loops: a WHILE whose variables are the step, the condition where it matters, the states, and a tensor for each result
 * that is gathered from the steps. To know what the latter begin with, the steps' graph is emitted once to be thrown
 * away. Loops over sequences, whose length must be known, are written out step by step.
 */
#include "import/onnx/onnx_loop.h"

enum { MOST_STEPS = 4096, MOST_MADE = 1 << 24 };

/* How results of the steps are gathered. */
typedef enum gathering {
  INTO_PLACES, /* a tensor for all steps, each of which fills its place */
  FLAT,        /* each step adds its elements to a list */
  FLAT_SHAPED  /* the same, and the shape that only the steps know is a variable of its own */
} gathering;

typedef struct gathered {
  gathering how;
  ln_type type;
  ln_fact fact;  /* of an element */
  int32_t first; /* what the variable begins with */
} gathered;

typedef struct machine {
  ln_onnx_loop *l;
  int64_t most;   /* steps; -1: not known */
  bool always;    /* the condition stays true */
  bool reshapes;  /* states change their shapes from step to step */
  gathered *made; /* [out_count] */
  int32_t count;  /* variables of the loop */
} machine;

/* ---- one step ---- */

static void *room(const ln_onnx_loop *l, int32_t count, size_t size) {
  void *memory = ln_arena_array(ln_emit_arena(l->n->e), (size_t)count + 1, size);
  if (memory == NULL) ln_import_no_memory(l->n->e->import);
  return memory;
}

/* The element of a step. */
static int32_t element(const ln_onnx_loop *l, ln_emit *e, int32_t index, int32_t step) {
  const ln_onnx_scanned *in = &l->in[index];
  int32_t at = ln_emit_cast(e, step, LN_INT32);
  const int32_t whole = ln_emit_capture(e, l->n->e, in->tensor);
  if (in->backwards) {
    const int32_t size = ln_emit_size_of(e, whole, in->axis);
    at = ln_emit_sub(e, ln_emit_add_number(e, size, -1), at);
  }
  return ln_emit_gather(e, whole, at, in->axis, 0);
}

/* The graph's nodes for one step; `after` holds states, then results. *condition: -1 where the graph has none. */
static bool emit_step(const ln_onnx_loop *l, ln_emit *e, int32_t step, int32_t condition, const ln_onnx_value *states,
                      ln_onnx_value *after, int32_t *more) {
  const int32_t extra = l->takes_step ? 2 : 0;
  const int32_t inputs = extra + l->state_count + l->in_count, outputs = extra / 2 + l->state_count + l->out_count;
  ln_onnx_value *in = room(l, inputs, sizeof *in), *out = room(l, outputs, sizeof *out);
  if (in == NULL || out == NULL) return false;
  if (l->takes_step) {
    in[0] = ln_onnx_of(step);
    in[1] = ln_onnx_of(condition >= 0 ? condition : ln_emit_scalar(e, LN_BOOL, 1));
  }
  for (int32_t i = 0; i < l->state_count; ++i) in[extra + i] = states[i];
  for (int32_t i = 0; i < l->in_count; ++i) in[extra + l->state_count + i] = ln_onnx_of(element(l, e, i, step));
  if (!ln_onnx_emit_graph(l->n, l->graph, e, inputs, in, outputs, out)) return false;
  *more = l->takes_step ? ln_onnx_scalar(e, out[0].tensor) : -1;
  for (int32_t i = 0; i < l->state_count + l->out_count; ++i) {
    after[i] = out[extra / 2 + i];
    if (i < l->state_count || after[i].kind == LN_ONNX_TENSOR) continue;
    ln_emit_refuse(e, "what its steps give is a sequence: TensorFlow Lite has none");
    return false;
  }
  return !ln_emit_failed(e);
}

/* ---- steps written out ---- */

static bool write_out(machine *m) {
  ln_onnx_loop *l = m->l;
  ln_emit *e = l->n->e;
  int32_t **parts = room(l, l->out_count, sizeof *parts), more = l->condition;
  ln_onnx_value *after = room(l, l->state_count + l->out_count, sizeof *after);
  if (parts == NULL || after == NULL) return false;
  if (m->most < 0 || m->most > MOST_STEPS) {
    ln_emit_refuse(e, "a loop over sequences whose number of steps is not known before the run");
    return false;
  }
  for (int32_t i = 0; i < l->out_count; ++i) {
    parts[i] = room(l, (int32_t)m->most, sizeof **parts);
    if (parts[i] == NULL) return false;
  }
  int32_t steps = 0;
  const int32_t zero = 0;
  for (; steps < m->most; ++steps) {
    double go = 1;
    if (more >= 0 && !ln_emit_number(e, more, &go)) {
      ln_emit_refuse(e, "a loop over sequences that ends when the run says so");
      return false;
    }
    const int64_t number = steps;
    if (go == 0) break;
    if (!emit_step(l, e, ln_emit_const(e, LN_INT64, 0, NULL, &number), more, l->states, after, &more)) return false;
    for (int32_t i = 0; i < l->state_count; ++i) l->states[i] = after[i];
    for (int32_t i = 0; i < l->out_count; ++i) {
      parts[i][steps] = ln_emit_expand(e, after[l->state_count + i].tensor, 1, &zero);
    }
  }
  for (int32_t i = 0; i < l->out_count; ++i) {
    if (steps == 0) ln_emit_refuse(e, "it has no steps, yet something is gathered from them");
    else l->out[i] = ln_emit_concat(e, 0, steps, parts[i]);
  }
  return !ln_emit_failed(e);
}

/* ---- what is gathered ---- */

static bool fixed(const ln_fact *fact, int32_t axis) { return fact->shape[0].dims[axis] == fact->shape[1].dims[axis]; }

/* A dimension of a tensor outside that has the same open size. */
static bool find_dim(const ln_onnx_loop *l, const ln_fact *fact, int32_t axis, ln_dim *out) {
  const ln_emit *e = l->n->e;
  for (int32_t i = 0; i < l->in_count + l->state_count; ++i) {
    const int32_t t = i < l->in_count ? l->in[i].tensor : l->states[i - l->in_count].tensor;
    for (int32_t d = 0; d < ln_emit_rank(e, t); ++d) {
      if (e->facts[t].shape[0].dims[d] != fact->shape[0].dims[axis]) continue;
      if (e->facts[t].shape[1].dims[d] != fact->shape[1].dims[axis]) continue;
      *out = LN_DIM_OF(t, d);
      return true;
    }
  }
  return false;
}

/* How a result is gathered, and what its variable begins with. */
static void plan(machine *m, gathered *g) {
  const ln_onnx_loop *l = m->l;
  ln_emit *e = l->n->e;
  const int32_t rank = g->fact.shape[0].rank, none = 0;
  ln_dim dims[LN_MAX_RANK + 1];
  int32_t sizes[LN_MAX_RANK + 1] = {0};
  bool known = !m->reshapes && rank < LN_MAX_RANK, all_fixed = true;
  int64_t bytes = m->most;
  for (int32_t i = 0; i < rank && known; ++i) {
    sizes[i + 1] = g->fact.shape[0].dims[i];
    dims[i + 1] = LN_DIM(sizes[i + 1]);
    all_fixed = all_fixed && fixed(&g->fact, i);
    if (!fixed(&g->fact, i)) known = find_dim(l, &g->fact, i, &dims[i + 1]);
    if (bytes > 0 && sizes[i + 1] > 0) bytes = bytes > MOST_MADE / sizes[i + 1] ? MOST_MADE + 1 : bytes * sizes[i + 1];
  }
  const bool bounded = l->takes_step ? m->most >= 0 && bytes <= MOST_MADE : l->in_count > 0;
  if (known && bounded && g->type != LN_STRING) {
    g->how = INTO_PLACES;
    dims[0] = m->most >= 0 ? LN_DIM((int32_t)m->most) : LN_DIM_OF(l->in[0].tensor, l->in[0].axis);
    const int32_t fill[2] = {ln_emit_dims(e, rank + 1, dims), ln_emit_scalar(e, g->type, 0)};
    g->first = ln_emit_op(e, LN_OP_FILL, NULL, 2, fill, g->type);
  } else {
    /* Empty tensors of more dimensions are none of LiteRT's in a loop. */
    g->how = known && all_fixed ? FLAT : FLAT_SHAPED;
    g->first =
        g->type == LN_STRING ? ln_emit_strings(e, 1, &none, NULL, NULL) : ln_emit_filled(e, g->type, 1, &none, 0);
  }
}

/* Adds a step's element to what was gathered. */
static void gather(const machine *m, ln_emit *e, int32_t index, int32_t step, const int32_t *in, int32_t value,
                   int32_t *out) {
  const gathered *g = &m->made[index];
  const int32_t zero = 0, rank = ln_emit_rank(e, value);
  if (g->how != INTO_PLACES) {
    const ln_dim all = LN_DIM_REST;
    out[0] = ln_emit_concat(e, 0, 2, (const int32_t[]){in[0], ln_emit_reshape(e, value, 1, &all)});
    if (g->how == FLAT_SHAPED) out[1] = ln_emit_shape_of(e, value);
    return;
  }
  const int32_t one = ln_emit_expand(e, value, 1, &zero);
  int32_t at = ln_emit_cast(e, step, LN_INT32);
  if (m->l->out_backwards != NULL && m->l->out_backwards[index]) {
    at = ln_emit_sub(e, ln_emit_add_number(e, ln_emit_size_of(e, in[0], 0), -1), at);
  }
  const ln_dim single = LN_DIM(1);
  const int32_t zeros[LN_MAX_RANK] = {0};
  int32_t begin[2] = {ln_emit_reshape(e, at, 1, &single), ln_emit_vector(e, rank, zeros)};
  const int32_t inputs[3] = {in[0], one, rank == 0 ? begin[0] : ln_emit_concat(e, 0, 2, begin)};
  out[0] = ln_emit_op(e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, inputs, g->type);
}

/* ---- the loop ---- */

static int32_t variables_of(const gathered *g) { return g->how == FLAT_SHAPED ? 2 : 1; }

static bool test(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const machine *m = user;
  const ln_onnx_loop *l = m->l;
  const int32_t more = m->always ? -1 : in[1];
  if (l->trips < 0) {
    *out = more < 0 ? ln_emit_scalar(e, LN_BOOL, 1) : more;
    return true;
  }
  const int32_t left = ln_emit_compare(e, LN_OP_LESS, in[0], ln_emit_capture(e, l->n->e, l->trips));
  *out = more < 0 ? left : ln_emit_binary(e, LN_OP_LOGICAL_AND, left, more);
  return !ln_emit_failed(e);
}

static bool body(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const machine *m = user;
  const ln_onnx_loop *l = m->l;
  const int32_t first = m->always ? 1 : 2;
  ln_onnx_value *states = room(l, l->state_count, sizeof *states);
  ln_onnx_value *after = room(l, l->state_count + l->out_count, sizeof *after);
  int32_t more = -1, at = first + l->state_count;
  if (states == NULL || after == NULL) return false;
  for (int32_t i = 0; i < l->state_count; ++i) states[i] = ln_onnx_of(in[first + i]);
  if (!emit_step(l, e, in[0], m->always ? -1 : in[1], states, after, &more)) return false;
  out[0] = ln_emit_add_number(e, in[0], 1);
  if (!m->always) out[1] = more;
  for (int32_t i = 0; i < l->state_count; ++i) {
    if (after[i].kind != LN_ONNX_TENSOR) return ln_emit_refuse(e, "a state of the loop becomes a sequence") > 0;
    out[first + i] = after[i].tensor;
  }
  for (int32_t i = 0; i < l->out_count; ++i) {
    gather(m, e, i, in[0], &in[at], after[l->state_count + i].tensor, &out[at]);
    at += variables_of(&m->made[i]);
  }
  return !ln_emit_failed(e);
}

/* Emits a step into a graph that nothing runs: what it gives, and whether its condition says anything. */
static bool look_ahead(machine *m) {
  ln_onnx_loop *l = m->l;
  ln_emit *outer = l->n->e, *e = ln_emit_begin(outer->import, "ahead");
  ln_onnx_value *states = room(l, l->state_count, sizeof *states);
  ln_onnx_value *after = room(l, l->state_count + l->out_count, sizeof *after);
  int32_t more = -1;
  double value = 1;
  if (e == NULL || states == NULL || after == NULL) return false;
  e->outer = outer;
  ln_emit_at(e, outer->origin, outer->origin_op);
  const ln_fact scalar = {0};
  const int32_t step = ln_emit_tensor(e, NULL, LN_INT64, &scalar);
  for (int32_t i = 0; i < l->state_count; ++i) {
    ln_fact fact = outer->facts[l->states[i].tensor];
    fact.value[0] = fact.value[1] = NULL;
    fact.constant = false;
    states[i] = ln_onnx_of(ln_emit_tensor(e, NULL, ln_emit_type(outer, l->states[i].tensor), &fact));
  }
  m->always = l->condition < 0 || (ln_emit_number(outer, l->condition, &value) && value != 0);
  const int32_t condition = m->always ? -1 : ln_emit_tensor(e, NULL, LN_BOOL, &scalar);
  if (!emit_step(l, e, step, condition, states, after, &more)) return false;
  m->always = m->always && (!l->takes_step || (ln_emit_number(e, more, &value) && value != 0));
  for (int32_t i = 0; i < l->state_count; ++i) {
    if (after[i].kind == LN_ONNX_TENSOR && !ln_emit_same_shape(e, states[i].tensor, after[i].tensor))
      m->reshapes = true;
  }
  for (int32_t i = 0; i < l->out_count; ++i) {
    const int32_t t = after[l->state_count + i].tensor;
    m->made[i] = (gathered){.type = ln_emit_type(e, t), .fact = e->facts[t]};
  }
  return true;
}

/* What was gathered, as the loop's result. */
static int32_t finish(const machine *m, const gathered *g, int32_t steps, const int32_t *in) {
  ln_emit *e = m->l->n->e;
  const int32_t rank = ln_emit_rank(e, in[0]);
  const ln_dim one = LN_DIM(1);
  const int32_t count = ln_emit_reshape(e, ln_emit_cast(e, steps, LN_INT32), 1, &one);
  if (g->how == INTO_PLACES && m->always) return in[0];
  if (g->how != INTO_PLACES) {
    const ln_shape *shape = &g->fact.shape[0];
    const int32_t parts[2] = {count, g->how == FLAT ? ln_emit_vector(e, shape->rank, shape->dims) : in[1]};
    return ln_emit_reshape_to(e, in[0], shape->rank == 0 ? count : ln_emit_concat(e, 0, 2, parts));
  }
  int32_t begin[LN_MAX_RANK] = {0}, rest[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) rest[i] = -1;
  const int32_t size[2] = {count, ln_emit_vector(e, rank - 1, rest)};
  const int32_t inputs[3] = {in[0], ln_emit_vector(e, rank, begin), rank == 1 ? count : ln_emit_concat(e, 0, 2, size)};
  const int32_t out = ln_emit_op(e, LN_OP_SLICE, NULL, 3, inputs, g->type);
  ln_shape shape = ln_emit_shape(e, in[0]);
  shape.dims[0] = -1;
  ln_emit_declare(e, out, rank, shape.dims);
  return out;
}

static bool run_while(machine *m) {
  ln_onnx_loop *l = m->l;
  ln_emit *e = l->n->e;
  const int64_t zero = 0;
  const int32_t first = m->always ? 1 : 2;
  int32_t *in = room(l, first + l->state_count + 2 * l->out_count, sizeof *in);
  if (in == NULL) return false;
  in[0] = ln_emit_const(e, LN_INT64, 0, NULL, &zero);
  if (!m->always) in[1] = l->condition < 0 ? ln_emit_scalar(e, LN_BOOL, 1) : l->condition;
  for (int32_t i = 0; i < l->state_count; ++i) in[first + i] = l->states[i].tensor;
  m->count = first + l->state_count;
  for (int32_t i = 0; i < l->out_count; ++i) {
    plan(m, &m->made[i]);
    in[m->count++] = m->made[i].first;
    const int32_t rank = m->made[i].fact.shape[0].rank, zeros[LN_MAX_RANK] = {0};
    if (m->made[i].how == FLAT_SHAPED) in[m->count++] = ln_emit_vector(e, rank, zeros);
  }
  if (ln_emit_failed(e) || !ln_emit_while(e, m->count, in, test, m, body, m, in)) return false;
  for (int32_t i = 0; i < l->state_count; ++i) l->states[i] = ln_onnx_of(in[first + i]);
  for (int32_t i = 0, at = first + l->state_count; i < l->out_count; ++i) {
    l->out[i] = finish(m, &m->made[i], in[0], &in[at]);
    at += variables_of(&m->made[i]);
  }
  return !ln_emit_failed(e);
}

bool ln_onnx_run_loop(ln_onnx_loop *l) {
  machine m = {.l = l, .most = -1};
  ln_emit *e = l->n->e;
  int32_t count = 0;
  bool plain = true;
  m.made = room(l, l->out_count, sizeof *m.made);
  if (m.made == NULL || ln_emit_failed(e)) return false;
  if (l->trips >= 0 && !ln_emit_ints(e, l->trips, &m.most, 1, &count)) m.most = -1;
  if (count == 1 && m.most < 0) m.most = 0;
  for (int32_t i = 0; i < l->state_count; ++i) plain = plain && l->states[i].kind == LN_ONNX_TENSOR;
  if (!plain) return write_out(&m);
  return look_ahead(&m) && run_while(&m);
}
