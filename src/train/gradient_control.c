/*
 * Gradients of operators that run other graphs. What is called is put into the graph once more and differentiated
 * there; each branch of a condition gets a graph of its own that takes the output's gradients beside its inputs; a loop
 * of few steps is unrolled, another one runs once more with what its steps begin with written down, and backwards from
 * there (Werbos, Backpropagation through time, 1990).
 */
#include <stdio.h>
#include <string.h>

#include "train/train.h"

static const ln_graph *graph_at(const ln_grad *g, int32_t index) {
  static const ln_graph none = {0};
  const ln_model *model = g->o->model;
  return index < 0 || index >= model->graph_count ? &none : &model->graphs[index];
}

static void *room(ln_grad *g, int32_t count, size_t bytes) {
  void *made = ln_arena_array(ln_optimizer_arena(g->o), (size_t)count + 1, bytes);
  if (made == NULL) ln_grad_fail_memory(g);
  return made;
}

/* ---- a graph's operators in another ---- */

enum { MOST_DEPTH = 64, MOST_GRAPHS = 1 << 10, MOST_OPS = 1 << 18 }; /* few models have a hundredth of these */

/* What may be run again: nothing that keeps state, unless it only runs others. */
static bool can_repeat(const ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op_def *def = graph->ops[i].def;
    const bool runs = def->code == LN_OP_IF || def->code == LN_OP_WHILE || def->code == LN_OP_CALL ||
                      def->code == LN_OP_STABLEHLO_CASE || def->code == LN_OP_STABLEHLO_WHILE ||
                      def->code == LN_OP_STABLEHLO_COMPOSITE || def->code == LN_OP_STABLEHLO_REDUCE;
    if ((def->flags & LN_OPF_STATEFUL) != 0 && !runs) return false;
  }
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (graph->tensors[i].is_variable || graph->tensors[i].quant->kind == LN_QUANT_BLOCKWISE) return false;
  }
  return true;
}

static bool import_op(ln_grad *g, const ln_op *from, const int32_t *map) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  ln_op *op = ln_edit_insert_op(g->o, graph->op_count, from->def->code, from->input_count, from->output_count, NULL);
  if (op == NULL) {
    ln_grad_fail_memory(g);
    return false;
  }
  int32_t *const inputs = op->inputs, *const outputs = op->outputs;
  *op = *from;
  op->inputs = inputs;
  op->outputs = outputs;
  for (int32_t k = 0; k < op->input_count; ++k) inputs[k] = from->inputs[k] < 0 ? -1 : map[from->inputs[k]];
  for (int32_t k = 0; k < op->output_count; ++k) outputs[k] = map[from->outputs[k]];
  bool known = (op->def->flags & LN_OPF_STATEFUL) != 0;
  for (int32_t k = 0; k < op->output_count; ++k) known = known && ln_shape_known(ln_grad_shape(g, outputs[k]));
  if (!known) g->status = ln_grad_infer(g, op);
  return g->status == LN_OK;
}

/* Adds the operators of graph `index`, which read `inputs` for its inputs: where its tensors are; NULL on failure. */
static int32_t *import_graph(ln_grad *g, int32_t index, int32_t count, const int32_t *inputs) {
  const ln_graph from = *graph_at(g, index); /* the list of graphs may move */
  if (g->status != LN_OK) return NULL;
  if (g->depth > MOST_DEPTH || g->o->model->graph_count > MOST_GRAPHS ||
      ln_optimizer_graph(g->o)->op_count > MOST_OPS - from.op_count) {
    ln_grad_refuse(g, "graphs run one another too often");
    return NULL;
  }
  if (from.input_count != count || !can_repeat(&from)) {
    ln_grad_refuse(g, "its subgraph keeps state, or takes other inputs");
    return NULL;
  }
  int32_t *map = room(g, from.tensor_count, sizeof *map);
  for (int32_t i = 0; map != NULL && i < from.tensor_count; ++i) map[i] = -1;
  for (int32_t i = 0; map != NULL && i < count; ++i) map[from.inputs[i]] = inputs[i];
  for (int32_t i = 0; map != NULL && i < from.tensor_count; ++i) {
    if (map[i] < 0) map[i] = ln_graph_add_tensor(ln_optimizer_graph(g->o), ln_optimizer_arena(g->o), &from.tensors[i]);
    if (map[i] >= 0) continue;
    ln_grad_fail_memory(g);
    return NULL;
  }
  for (int32_t i = 0; map != NULL && i < from.op_count; ++i) {
    if (!import_op(g, &from.ops[i], map)) return NULL;
  }
  return map;
}

/* The same; its outputs. */
static int32_t *import_outputs(ln_grad *g, int32_t index, int32_t count, const int32_t *inputs) {
  const int32_t *map = import_graph(g, index, count, inputs);
  const ln_graph *from = graph_at(g, index);
  int32_t *outputs = map == NULL ? NULL : room(g, from->output_count, sizeof *outputs);
  for (int32_t i = 0; outputs != NULL && i < from->output_count; ++i) outputs[i] = map[from->outputs[i]];
  return outputs;
}

/* ---- CALL, STABLEHLO_COMPOSITE, STABLEHLO_CUSTOM_CALL ---- */

static void through_call(ln_grad *g, const ln_op *op, int32_t index, const int32_t *dy) {
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  if (graph_at(g, index)->output_count != op->output_count) {
    ln_grad_refuse(g, "its subgraph has other outputs");
    return;
  }
  const int32_t *outputs = import_outputs(g, index, op->input_count, op->inputs);
  if (outputs != NULL) ln_grad_through_all(g, first, op->output_count, outputs, dy);
}

void ln_gradient_call(ln_grad *g, const ln_op *op, const int32_t *dy) {
  through_call(g, op, (int32_t)((const ln_call_options *)op->options)->subgraph, dy);
}

void ln_gradient_stablehlo_composite(ln_grad *g, const ln_op *op, const int32_t *dy) {
  through_call(g, op, ((const ln_stablehlo_composite_options *)op->options)->decomposition_subgraph_index, dy);
}

void ln_gradient_stablehlo_custom_call(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_stablehlo_custom_call_options *options = op->options;
  if (options->called_computations.count == 1) through_call(g, op, options->called_computations.data[0], dy);
  else ln_grad_refuse(g, "the file has no computation of it");
}

/* ---- graphs that are made ---- */

typedef struct made_graph {
  ln_optimizer o; /* that edits it */
  ln_grad g;
  int32_t *inputs, count; /* like tensors of the graph that runs it */
} made_graph;

static bool open_graph(ln_grad *g, int32_t count, const int32_t *like, made_graph *out) {
  ln_model *model = g->o->model;
  char name[32];
  ln_graph *graphs = room(g, model->graph_count + 1, sizeof *graphs);
  *out = (made_graph){.o = *g->o, .inputs = room(g, count, sizeof(int32_t)), .count = count};
  out->g.o = &out->o;
  out->g.fast = g->fast;
  out->g.depth = g->depth + 1;
  if (graphs == NULL || out->inputs == NULL) return false;
  snprintf(name, sizeof name, "gradient/graph%d", (int)model->graph_count);
  for (int32_t i = 0; i < model->graph_count; ++i) graphs[i] = model->graphs[i];
  graphs[model->graph_count] = (ln_graph){.name = ln_arena_strdup(&model->arena, name), .debug_metadata_index = -1};
  if (graphs[model->graph_count].name == NULL) {
    ln_grad_fail_memory(g);
    return false;
  }
  out->o.graph = model->graph_count++;
  model->graphs = graphs;
  for (int32_t i = 0; i < count && g->status == LN_OK; ++i) {
    const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[like[i]];
    snprintf(name, sizeof name, "input%d", (int)i);
    out->inputs[i] = ln_edit_add_tensor(&out->o, name, tensor->type, &tensor->shape, tensor->quant);
    if (out->inputs[i] < 0) ln_grad_fail_memory(g);
  }
  return g->status == LN_OK;
}

/* Ends with so many outputs, of which none stands there twice; its number, -1 on failure. */
static int32_t close_graph(ln_grad *g, made_graph *made, int32_t count, int32_t *outputs) {
  for (int32_t i = 0; i < count && made->g.status == LN_OK; ++i) {
    for (int32_t k = 0; k < i; ++k) {
      if (outputs[i] != outputs[k]) continue;
      const ln_tensor *tensor = &ln_optimizer_graph(&made->o)->tensors[outputs[i]];
      const ln_type type = tensor->type;
      const ln_shape shape = tensor->shape;
      const int32_t inputs[2] = {outputs[i], ln_grad_ints(&made->g, shape.rank, shape.dims)};
      outputs[i] = ln_grad_emit(&made->g, LN_OP_RESHAPE, type, NULL, 2, inputs);
      break;
    }
  }
  if (g->status == LN_OK) g->status = made->g.status;
  if (g->status != LN_OK) return -1;
  ln_graph *graph = ln_optimizer_graph(&made->o);
  graph->inputs = made->inputs;
  graph->input_count = made->count;
  graph->outputs = outputs;
  graph->output_count = count;
  return made->o.graph;
}

/* Puts graph `index` there and differentiates it: the gradients of the inputs that are wanted, zeros where there is
 * none; dy[i] is -1 for outputs without. */
static bool differentiate(made_graph *made, int32_t index, int32_t count, const int32_t *inputs, const int32_t *dy,
                          const bool *wants, int32_t *gradients) {
  ln_grad *g = &made->g;
  const int32_t output_count = graph_at(g, index)->output_count;
  int32_t *tensors = room(g, count, sizeof *tensors), wanted = 0;
  const int32_t *outputs = import_outputs(g, index, count, inputs);
  if (tensors == NULL || outputs == NULL) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (wants[i]) tensors[wanted++] = inputs[i];
  }
  g->status = ln_grad_outputs_back(g, &made->o, output_count, outputs, dy, wanted, tensors, gradients);
  for (int32_t i = 0; i < wanted; ++i) {
    const ln_shape shape = *ln_grad_shape(g, tensors[i]);
    if (g->status == LN_OK && gradients[i] < 0) gradients[i] = ln_grad_zeros(g, &shape);
  }
  return g->status == LN_OK;
}

/* ---- IF, STABLEHLO_CASE ---- */

/* What the operators that go back take and give. */
typedef struct branch_io {
  int32_t in_count, dy_count, want_count;
  int32_t *from;     /* [in_count + dy_count] tensors: the branches' inputs, then the gradients that there are */
  const int32_t *dy; /* [outputs] */
  bool *wants;       /* [in_count] */
  ln_type *types;    /* [want_count] */
  ln_shape *shapes;
} branch_io;

static bool read_branches(ln_grad *g, const ln_op *op, const int32_t *dy, branch_io *io) {
  const int32_t most = op->input_count + op->output_count;
  *io = (branch_io){.in_count = op->input_count - 1,
                    .from = room(g, most, sizeof(int32_t)),
                    .dy = dy,
                    .wants = room(g, most, sizeof(bool)),
                    .types = room(g, most, sizeof(ln_type)),
                    .shapes = room(g, most, sizeof(ln_shape))};
  if (g->status != LN_OK) return false;
  for (int32_t i = 0; i < io->in_count; ++i) {
    io->from[i] = op->inputs[i + 1];
    if (ln_optimizer_graph(g->o)->tensors[io->from[i]].type == LN_VARIANT) ln_grad_refuse(g, "it takes a list");
    io->wants[i] = ln_grad_wants(g, op, i + 1) && ln_optimizer_graph(g->o)->tensors[io->from[i]].type == LN_FLOAT32;
    if (!io->wants[i]) continue;
    io->types[io->want_count] = LN_FLOAT32;
    io->shapes[io->want_count++] = *ln_grad_shape(g, io->from[i]);
  }
  if (g->status != LN_OK) return false;
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (dy[i] >= 0) io->from[io->in_count + io->dy_count++] = dy[i];
  }
  return true;
}

static int32_t branch_back(ln_grad *g, int32_t index, int32_t output_count, const branch_io *io) {
  made_graph made;
  int32_t *dy = room(g, output_count, sizeof *dy), *gradients = room(g, io->want_count, sizeof *gradients);
  if (graph_at(g, index)->output_count != output_count) ln_grad_refuse(g, "a branch has other outputs");
  if (g->status != LN_OK || !open_graph(g, io->in_count + io->dy_count, io->from, &made)) return -1;
  for (int32_t i = 0, next = io->in_count; i < output_count; ++i) dy[i] = io->dy[i] < 0 ? -1 : made.inputs[next++];
  differentiate(&made, index, io->in_count, made.inputs, dy, io->wants, gradients);
  return close_graph(g, &made, io->want_count, gradients);
}

/* The operator anew, with branches that go back. */
static void add_branches(ln_grad *g, const ln_op *op, const branch_io *io, const void *options) {
  const int32_t count = 1 + io->in_count + io->dy_count;
  int32_t *inputs = room(g, count, sizeof *inputs);
  if (g->status != LN_OK) return;
  inputs[0] = op->inputs[0];
  memcpy(inputs + 1, io->from, (size_t)(count - 1) * sizeof *inputs);
  int32_t next = ln_grad_emit_row(g, op, options, count, inputs, io->want_count, io->types, io->shapes);
  for (int32_t i = 0; i < io->in_count; ++i) {
    if (io->wants[i]) ln_grad_add(g, op, i + 1, next++);
  }
}

void ln_gradient_if(ln_grad *g, const ln_op *op, const int32_t *dy) {
  ln_if_options options = *(const ln_if_options *)op->options;
  branch_io io;
  if (!read_branches(g, op, dy, &io) || io.want_count == 0) return;
  options.then_subgraph_index = branch_back(g, options.then_subgraph_index, op->output_count, &io);
  options.else_subgraph_index = branch_back(g, options.else_subgraph_index, op->output_count, &io);
  add_branches(g, op, &io, &options);
}

void ln_gradient_stablehlo_case(ln_grad *g, const ln_op *op, const int32_t *dy) {
  ln_stablehlo_case_options options = *(const ln_stablehlo_case_options *)op->options;
  const int32_t count = (int32_t)options.branch_subgraph_indices.count;
  int32_t *branches = room(g, count, sizeof *branches);
  branch_io io;
  if (branches == NULL || !read_branches(g, op, dy, &io) || io.want_count == 0) return;
  for (int32_t i = 0; i < count; ++i) {
    branches[i] = branch_back(g, options.branch_subgraph_indices.data[i], op->output_count, &io);
  }
  options.branch_subgraph_indices.data = branches;
  add_branches(g, op, &io, &options);
}

/* ---- how many steps a loop takes ---- */

typedef struct loop {
  const ln_op *op;
  int32_t condition, body; /* graphs */
  int32_t count;           /* of what it carries */
  int64_t steps;           /* no more than these, -1: not known */
  bool exact;              /* just as many */
} loop;

/* A number that changes by the same in each step. */
typedef struct counter {
  int64_t first, step;
} counter;

static const ln_op *maker_of(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t k = 0; k < graph->ops[i].output_count; ++k) {
      if (graph->ops[i].outputs[k] == tensor) return &graph->ops[i];
    }
  }
  return NULL;
}

/* What the tensor is another view of. */
static int32_t viewed(const ln_graph *graph, int32_t tensor) {
  for (const ln_op *op; (op = maker_of(graph, tensor)) != NULL && (op->def->flags & LN_OPF_VIEW) != 0;) {
    tensor = op->inputs[0];
  }
  return tensor;
}

static bool constant_of(const ln_graph *graph, int32_t tensor, int64_t *value) {
  int32_t count = 0;
  const ln_tensor *t = &graph->tensors[viewed(graph, tensor)];
  return ln_tensor_const_data(t) && ln_tensor_ints(t, value, 1, &count) && count == 1;
}

/* By how much the body changes what it takes as input `index`. */
static bool step_of(const ln_graph *body, int32_t index, int64_t *step) {
  const int32_t before = body->inputs[index], after = viewed(body, body->outputs[index]);
  *step = 0;
  if (after == before) return true;
  const ln_op *op = maker_of(body, after);
  if (op == NULL || op->input_count != 2) return false;
  const int32_t code = op->def->code, a = viewed(body, op->inputs[0]), b = viewed(body, op->inputs[1]);
  const bool adds = code == LN_OP_ADD || code == LN_OP_STABLEHLO_ADD;
  if (!adds && code != LN_OP_SUB && code != LN_OP_STABLEHLO_SUBTRACT) return false;
  if (a == before && constant_of(body, b, step)) {
    if (!adds) *step = -*step;
    return true;
  }
  return adds && b == before && constant_of(body, a, step);
}

static bool read_counter(const ln_grad *g, const loop *l, int32_t tensor, counter *c) {
  const ln_graph *condition = graph_at(g, l->condition);
  *c = (counter){0, 0};
  if (constant_of(condition, tensor, &c->first)) return true;
  tensor = viewed(condition, tensor);
  for (int32_t i = 0; i < l->count; ++i) {
    if (condition->inputs[i] != tensor) continue;
    return constant_of(ln_optimizer_graph(g->o), l->op->inputs[i], &c->first) &&
           step_of(graph_at(g, l->body), i, &c->step);
  }
  return false;
}

typedef enum order { ORDER_NONE, ORDER_LESS, ORDER_LESS_EQUAL, ORDER_GREATER, ORDER_GREATER_EQUAL, ORDER_OTHER } order;

static order order_of(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_LESS: return ORDER_LESS;
    case LN_OP_LESS_EQUAL: return ORDER_LESS_EQUAL;
    case LN_OP_GREATER: return ORDER_GREATER;
    case LN_OP_GREATER_EQUAL: return ORDER_GREATER_EQUAL;
    case LN_OP_NOT_EQUAL: return ORDER_OTHER;
    case LN_OP_STABLEHLO_COMPARE: {
      static const order of[] = {ORDER_NONE,    ORDER_OTHER,      ORDER_GREATER_EQUAL,
                                 ORDER_GREATER, ORDER_LESS_EQUAL, ORDER_LESS}; /* EQ, NE, GE, GT, LE, LT */
      const uint32_t direction = ((const ln_stablehlo_compare_options *)op->options)->comparison_direction;
      return direction < LN_COUNT(of) ? of[direction] : ORDER_NONE;
    }
    default: return ORDER_NONE;
  }
}

static bool holds(order o, int64_t a, int64_t b) {
  switch (o) {
    case ORDER_LESS: return a < b;
    case ORDER_LESS_EQUAL: return a <= b;
    case ORDER_GREATER: return a > b;
    case ORDER_GREATER_EQUAL: return a >= b;
    default: return a != b;
  }
}

enum { MOST_STEPS = 1 << 16, MOST_NESTED = 8 };

/* Steps until tensor `tensor` of the condition is false; -1: not known. */
static int64_t steps_until(const ln_grad *g, const loop *l, int32_t tensor, int32_t depth, bool *exact) {
  const ln_graph *condition = graph_at(g, l->condition);
  const ln_op *op = maker_of(condition, viewed(condition, tensor));
  counter a, b;
  if (op == NULL || op->input_count != 2 || depth > MOST_NESTED) return -1;
  if (op->def->code == LN_OP_LOGICAL_AND || op->def->code == LN_OP_STABLEHLO_AND) {
    const int64_t x = steps_until(g, l, op->inputs[0], depth + 1, exact);
    const int64_t y = steps_until(g, l, op->inputs[1], depth + 1, exact);
    if (x < 0 || y < 0) *exact = false;
    return x < 0 || (y >= 0 && y < x) ? y : x;
  }
  const order o = order_of(op);
  if (o == ORDER_NONE || !read_counter(g, l, op->inputs[0], &a) || !read_counter(g, l, op->inputs[1], &b)) return -1;
  int64_t steps = 0;
  for (int64_t x = a.first, y = b.first; steps <= MOST_STEPS && holds(o, x, y); ++steps) {
    x = (int64_t)((uint64_t)x + (uint64_t)a.step);
    y = (int64_t)((uint64_t)y + (uint64_t)b.step);
  }
  return steps <= MOST_STEPS ? steps : -1;
}

static bool read_loop(ln_grad *g, const ln_op *op, int32_t condition, int32_t body, loop *l) {
  const ln_graph *c = graph_at(g, condition), *b = graph_at(g, body);
  *l = (loop){.op = op, .condition = condition, .body = body, .count = op->input_count, .exact = true};
  if (c->output_count != 1 || c->input_count != l->count || b->input_count != l->count || b->output_count != l->count ||
      op->output_count != l->count) {
    ln_grad_refuse(g, "its subgraphs do not fit");
    return false;
  }
  l->steps = steps_until(g, l, c->outputs[0], 0, &l->exact);
  if (l->steps < 0) ln_grad_refuse(g, "no bound of its steps is known");
  return g->status == LN_OK;
}

/* ---- loops of few steps ---- */

enum { MOST_UNROLLED = 2048 /* operators */ };

static void unroll(ln_grad *g, const loop *l, const int32_t *dy) {
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  const int32_t *now = l->op->inputs;
  for (int64_t i = 0; i < l->steps && now != NULL; ++i) now = import_outputs(g, l->body, l->count, now);
  if (now != NULL) ln_grad_through_all(g, first, l->count, now, dy);
}

/* ---- others: what each step begins with is written down ---- */

/* What a loop carries, as tensors of the graph that runs it. */
typedef struct carried {
  int32_t *tensors, count;
} carried;

static bool is_number(const ln_grad *g, int32_t tensor) {
  return ln_type_bits(ln_optimizer_graph(g->o)->tensors[tensor].type) >= 8;
}

/* Handed on by the body as it came. */
static bool is_fixed(const ln_grad *g, const loop *l, int32_t index) {
  const ln_graph *body = graph_at(g, l->body);
  return body->outputs[index] == body->inputs[index];
}

static bool is_real(const ln_grad *g, const loop *l, int32_t index) {
  return ln_optimizer_graph(g->o)->tensors[l->op->inputs[index]].type == LN_FLOAT32;
}

static int32_t add_ints(ln_grad *g, int32_t a, int32_t by) {
  return ln_grad_emit(g, LN_OP_ADD, LN_INT32, NULL, 2, (const int32_t[]){a, ln_grad_int(g, by)});
}

/* [steps, ...] of zeros */
static int32_t empty_list(ln_grad *g, const loop *l, int32_t index) {
  const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[l->op->inputs[index]];
  const ln_type type = tensor->type;
  ln_shape shape = tensor->shape;
  if (shape.rank >= LN_MAX_RANK) {
    ln_grad_refuse(g, "it carries a tensor of too many dimensions");
    return -1;
  }
  memmove(shape.dims + 1, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
  shape.dims[0] = (int32_t)l->steps;
  ++shape.rank;
  const int32_t zero = ln_grad_ints(g, 1, (const int32_t[]){0});
  const int32_t one = type == LN_INT32 ? zero : ln_grad_emit(g, LN_OP_CAST, type, NULL, 1, &zero);
  const int32_t inputs[2] = {one, ln_grad_ints(g, shape.rank, shape.dims)};
  return ln_grad_emit(g, LN_OP_BROADCAST_TO, type, NULL, 2, inputs);
}

static int32_t write_down(ln_grad *g, int32_t list, int32_t value, int32_t step) {
  const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[list];
  const ln_type type = tensor->type;
  ln_shape row = tensor->shape;
  const int32_t zeros[LN_MAX_RANK] = {0}, one = 1;
  row.dims[0] = 1;
  int32_t place = ln_grad_reshape_dims(g, step, 1, &one);
  if (row.rank > 1) {
    const ln_concatenation_options options = {0};
    const int32_t parts[2] = {place, ln_grad_ints(g, row.rank - 1, zeros)};
    place = ln_grad_emit(g, LN_OP_CONCATENATION, LN_INT32, &options, 2, parts);
  }
  const int32_t inputs[3] = {list, ln_grad_reshape(g, value, &row), place};
  return ln_grad_emit(g, LN_OP_DYNAMIC_UPDATE_SLICE, type, NULL, 3, inputs);
}

static int32_t read_back(ln_grad *g, int32_t list, int32_t step) {
  const ln_gather_options options = {0};
  const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[list];
  const ln_type type = tensor->type;
  ln_shape shape = tensor->shape;
  const int32_t one = 1, inputs[2] = {list, ln_grad_reshape_dims(g, step, 1, &one)};
  --shape.rank;
  memmove(shape.dims, shape.dims + 1, (size_t)shape.rank * sizeof *shape.dims);
  return ln_grad_reshape(g, ln_grad_emit(g, LN_OP_GATHER, type, &options, 2, inputs), &shape);
}

/* Adds the loop; where its first output is. */
static int32_t add_loop(ln_grad *g, const carried *c, int32_t condition, int32_t body) {
  const ln_while_options options = {.cond_subgraph_index = condition, .body_subgraph_index = body};
  const ln_op like = {.def = ln_op_find(LN_OP_WHILE), .version = 1};
  ln_type *types = room(g, c->count, sizeof *types);
  ln_shape *shapes = room(g, c->count, sizeof *shapes);
  if (like.def == NULL) ln_grad_refuse(g, "this build leaves out WHILE");
  if (g->status != LN_OK) return -1;
  for (int32_t i = 0; i < c->count; ++i) {
    types[i] = ln_optimizer_graph(g->o)->tensors[c->tensors[i]].type;
    shapes[i] = *ln_grad_shape(g, c->tensors[i]);
  }
  return ln_grad_emit_row(g, &like, &options, c->count, c->tensors, c->count, types, shapes);
}

/* The step's number, what the loop carries, the lists of those that change: in this order. */
static int32_t record(ln_grad *g, const loop *l, carried *c) {
  made_graph condition, body;
  c->tensors[c->count++] = ln_grad_int(g, 0);
  for (int32_t i = 0; i < l->count; ++i) c->tensors[c->count++] = l->op->inputs[i];
  for (int32_t i = 0; i < l->count; ++i) {
    if (!is_fixed(g, l, i)) c->tensors[c->count++] = empty_list(g, l, i);
  }
  if (g->status != LN_OK || !open_graph(g, c->count, c->tensors, &condition)) return -1;
  int32_t *more = import_outputs(&condition.g, l->condition, l->count, condition.inputs + 1);
  const int32_t condition_graph = close_graph(g, &condition, 1, more);
  int32_t *outputs = room(g, c->count, sizeof *outputs);
  if (condition_graph < 0 || outputs == NULL || !open_graph(g, c->count, c->tensors, &body)) return -1;
  const int32_t *next = import_outputs(&body.g, l->body, l->count, body.inputs + 1);
  int32_t made = 0;
  outputs[made++] = add_ints(&body.g, body.inputs[0], 1);
  for (int32_t i = 0; next != NULL && i < l->count; ++i) outputs[made++] = next[i];
  for (int32_t i = 0; next != NULL && i < l->count; ++i) {
    if (is_fixed(g, l, i)) continue;
    outputs[made] = write_down(&body.g, body.inputs[made], body.inputs[i + 1], body.inputs[0]);
    ++made;
  }
  return add_loop(g, c, condition_graph, close_graph(g, &body, made, outputs));
}

/* The steps that are left, then the gradients of what is real, then lists and what is fixed, which stay. */
static int32_t body_back(ln_grad *g, const loop *l, const carried *c) {
  made_graph body;
  int32_t *values = room(g, l->count, sizeof *values), *dy = room(g, l->count, sizeof *dy);
  int32_t *outputs = room(g, c->count, sizeof *outputs);
  bool *wants = room(g, l->count, sizeof *wants);
  if (g->status != LN_OK || !open_graph(g, c->count, c->tensors, &body)) return -1;
  int32_t next = 1;
  for (int32_t i = 0; i < l->count; ++i) {
    wants[i] = is_real(g, l, i);
    dy[i] = wants[i] ? body.inputs[next++] : -1;
  }
  const int32_t kept = next;
  outputs[0] = add_ints(&body.g, body.inputs[0], -1);
  for (int32_t i = 0; i < l->count; ++i, ++next) {
    values[i] = is_fixed(g, l, i) ? body.inputs[next] : read_back(&body.g, body.inputs[next], outputs[0]);
  }
  differentiate(&body, l->body, l->count, values, dy, wants, outputs + 1);
  for (int32_t i = kept; i < c->count; ++i) outputs[i] = body.inputs[i];
  return close_graph(g, &body, c->count, outputs);
}

static void run_back(ln_grad *g, const loop *l, int32_t recorded, const int32_t *dy, carried *c) {
  made_graph condition;
  c->count = 0;
  c->tensors[c->count++] = recorded;
  for (int32_t i = 0; i < l->count; ++i) {
    const ln_shape shape = *ln_grad_shape(g, l->op->inputs[i]);
    if (is_real(g, l, i)) c->tensors[c->count++] = dy[i] >= 0 ? dy[i] : ln_grad_zeros(g, &shape);
  }
  for (int32_t i = 0, list = recorded + 1 + l->count; i < l->count; ++i) {
    c->tensors[c->count++] = is_fixed(g, l, i) ? l->op->inputs[i] : list++;
  }
  if (g->status != LN_OK || !open_graph(g, c->count, c->tensors, &condition)) return;
  int32_t *more = room(g, 1, sizeof *more);
  if (more == NULL) return;
  *more = ln_grad_compare(&condition.g, LN_OP_GREATER, condition.inputs[0], ln_grad_int(&condition.g, 0));
  const int32_t condition_graph = close_graph(g, &condition, 1, more);
  const int32_t body_graph = condition_graph < 0 ? -1 : body_back(g, l, c);
  int32_t next = body_graph < 0 ? -1 : add_loop(g, c, condition_graph, body_graph);
  for (int32_t i = 0; i < l->count && g->status == LN_OK; ++i) {
    if (is_real(g, l, i)) ln_grad_add(g, l->op, i, ++next);
  }
}

static void loop_back(ln_grad *g, const ln_op *op, int32_t condition, int32_t body, const int32_t *dy) {
  loop l;
  if (!read_loop(g, op, condition, body, &l)) return;
  if (l.exact && l.steps * graph_at(g, body)->op_count <= MOST_UNROLLED) {
    unroll(g, &l, dy);
    return;
  }
  for (int32_t i = 0; i < l.count; ++i) {
    if (!is_number(g, op->inputs[i])) ln_grad_refuse(g, "it carries what cannot be written down");
  }
  carried c = {.tensors = room(g, 2 * l.count + 1, sizeof(int32_t))};
  const int32_t recorded = c.tensors == NULL || g->status != LN_OK ? -1 : record(g, &l, &c);
  if (recorded >= 0) run_back(g, &l, recorded, dy, &c);
}

void ln_gradient_while(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_while_options *options = op->options;
  loop_back(g, op, options->cond_subgraph_index, options->body_subgraph_index, dy);
}

void ln_gradient_stablehlo_while(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_stablehlo_while_options *options = op->options;
  loop_back(g, op, options->cond_subgraph_index, options->body_subgraph_index, dy);
}

/* ---- STABLEHLO_REDUCE: a tensor, what to begin with; regions that add, multiply or compare ---- */

typedef struct region {
  int32_t region, reduces, joins; /* the region's operator; what does the same along axes, and of two */
} region;

void ln_gradient_stablehlo_reduce(ln_grad *g, const ln_op *op, const int32_t *dy) {
  static const region known[] = {
      {LN_OP_STABLEHLO_ADD, LN_OP_SUM, LN_OP_ADD},
      {LN_OP_ADD, LN_OP_SUM, LN_OP_ADD},
      {LN_OP_STABLEHLO_MULTIPLY, LN_OP_REDUCE_PROD, LN_OP_MUL},
      {LN_OP_MUL, LN_OP_REDUCE_PROD, LN_OP_MUL},
      {LN_OP_STABLEHLO_MAXIMUM, LN_OP_REDUCE_MAX, LN_OP_MAXIMUM},
      {LN_OP_MAXIMUM, LN_OP_REDUCE_MAX, LN_OP_MAXIMUM},
      {LN_OP_STABLEHLO_MINIMUM, LN_OP_REDUCE_MIN, LN_OP_MINIMUM},
      {LN_OP_MINIMUM, LN_OP_REDUCE_MIN, LN_OP_MINIMUM},
  };
  const ln_stablehlo_reduce_options *options = op->options;
  const ln_graph *body = graph_at(g, options->body_subgraph_index);
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  int32_t axes[LN_MAX_RANK], count = (int32_t)options->dimensions.count, code = -1;
  if (body->op_count == 1 && body->ops[0].input_count == 2 && body->ops[0].inputs[0] != body->ops[0].inputs[1]) {
    code = body->ops[0].def->code;
  }
  const region *found = NULL;
  for (size_t i = 0; i < LN_COUNT(known); ++i) {
    if (known[i].region == code) found = &known[i];
  }
  if (found == NULL || op->input_count != 2 || op->output_count != 1 || count > LN_MAX_RANK) {
    ln_grad_refuse(g, "its region is none that adds, multiplies or compares");
    return;
  }
  for (int32_t i = 0; i < count; ++i) axes[i] = (int32_t)options->dimensions.data[i];
  const ln_reducer_options plain = {.keep_dims = false};
  const int32_t inputs[2] = {ln_grad_in(g, op, 0), ln_grad_ints(g, count, axes)};
  const int32_t each = ln_grad_emit(g, found->reduces, LN_FLOAT32, &plain, 2, inputs);
  ln_grad_through(g, first, ln_grad_binary(g, found->joins, each, ln_grad_in(g, op, 1)), dy[0]);
}
