/*
 * Graphs for any batch, from two that were made for a batch each: what is the same in both does not depend on it, and
 * what differs grows in proportion, so that two points tell the line.
 */
#include <math.h>
#include <string.h>

#include "train/trainable.h"

typedef struct opening {
  ln_trainable *m;
  const ln_graph *other;
  int32_t batch, other_batch;
  int32_t input; /* whose first dimension is the batch */
  int32_t size;  /* int32 [1]: the batch; -1 until it is asked for */
  int32_t real;  /* float32 []: the batch */
} opening;

static ln_graph *graph_of(const opening *p) { return ln_optimizer_graph(&p->m->o); }
static ln_status no_memory(const opening *p) { return ln_optimizer_no_memory(&p->m->o); }

static ln_status refuse(const opening *p, int32_t tensor) {
  return ln_fail(p->m->o.err, LN_ERR_UNSUPPORTED, "the batch cannot stay open: '%s' depends on it",
                 graph_of(p)->tensors[tensor].name);
}

/* ---- comparing ---- */

static bool same_constant(const ln_tensor *a, const ln_tensor *b) {
  if (a->type != b->type || a->bytes != b->bytes || !ln_shape_equal(&a->shape, &b->shape)) return false;
  return a->data == b->data || (a->data != NULL && b->data != NULL && memcmp(a->data, b->data, a->bytes) == 0);
}

/* The value for batch n is a + b * n. */
static bool line(const opening *p, int32_t here, int32_t there, int32_t *a, int32_t *b) {
  const int64_t rise = (int64_t)there - here, run = p->other_batch - p->batch;
  if (rise % run != 0) return false;
  const int64_t start = here - rise / run * p->batch;
  *a = (int32_t)start;
  *b = (int32_t)(rise / run);
  return start >= INT32_MIN && start <= INT32_MAX && rise / run >= INT32_MIN && rise / run <= INT32_MAX;
}

static ln_status check_operators(const opening *p) {
  const ln_graph *graph = graph_of(p);
  bool same = graph->op_count == p->other->op_count && graph->tensor_count == p->other->tensor_count;
  for (int32_t i = 0; same && i < graph->op_count; ++i) {
    const ln_op *a = &graph->ops[i], *b = &p->other->ops[i];
    same = a->def == b->def && a->input_count == b->input_count && a->output_count == b->output_count &&
           memcmp(a->inputs, b->inputs, (size_t)a->input_count * sizeof(int32_t)) == 0 &&
           memcmp(a->outputs, b->outputs, (size_t)a->output_count * sizeof(int32_t)) == 0;
  }
  if (same) return LN_OK;
  return ln_fail(p->m->o.err, LN_ERR_UNSUPPORTED, "the batch cannot stay open: operators depend on it");
}

/* ---- operators in front of another ---- */

static int32_t constant(opening *p, ln_type type, const ln_shape *shape, const void *data, size_t bytes) {
  void *copy = ln_arena_copy(&p->m->o.model->arena, data, bytes);
  return copy == NULL ? -1 : ln_edit_add_constant(&p->m->o, "batch/constant", type, shape, copy, bytes);
}

/* The operator's one output; -1 when memory is short. Moves `*at` on. */
static int32_t put(opening *p, int32_t *at, int32_t code, ln_type type, const ln_shape *shape, int32_t count,
                   const int32_t *inputs, void **options) {
  const int32_t out = ln_edit_add_tensor(&p->m->o, "batch/value", type, shape, &ln_quant_none);
  ln_op *op = out < 0 ? NULL : ln_edit_insert_op(&p->m->o, *at, code, count, 1, options);
  if (op == NULL) return -1;
  memcpy(op->inputs, inputs, (size_t)count * sizeof *inputs);
  op->outputs[0] = out;
  ++*at;
  return out;
}

/* Reads the batch from the input's shape, before all operators; how many were put there. */
static ln_status read_batch(opening *p, int32_t *put_before) {
  const int32_t zero = 0, one = 1;
  const ln_shape rank = ln_shape_make(1, &graph_of(p)->tensors[p->input].shape.rank);
  const ln_shape single = ln_shape_make(1, &one), scalar = {0};
  int32_t at = 0;
  void *options = NULL;
  const int32_t dims = put(p, &at, LN_OP_SHAPE, LN_INT32, &rank, 1, &p->input, &options);
  if (dims < 0) return no_memory(p);
  ((ln_shape_options *)options)->out_type = LN_INT32;
  const int32_t slice[3] = {dims, constant(p, LN_INT32, &single, &zero, 4), constant(p, LN_INT32, &single, &one, 4)};
  p->size = put(p, &at, LN_OP_SLICE, LN_INT32, &single, 3, slice, NULL);
  const int32_t sum[2] = {p->size, slice[1]};
  const int32_t number = put(p, &at, LN_OP_SUM, LN_INT32, &scalar, 2, sum, NULL);
  p->real = put(p, &at, LN_OP_CAST, LN_FLOAT32, &scalar, 1, &number, &options);
  if (slice[1] < 0 || slice[2] < 0 || p->size < 0 || number < 0 || p->real < 0) return no_memory(p);
  ((ln_cast_options *)options)->in_data_type = LN_INT32;
  *put_before += at;
  return LN_OK;
}

/* ---- integers ---- */

/* The one that differs may be left to the operator: a reshape's, or a slice's that reaches the end. */
static bool left_out(const opening *p, const ln_op *op, int32_t input, int32_t tensor, int32_t *free_one) {
  const ln_graph *graph = graph_of(p);
  const int32_t *here = graph->tensors[tensor].data, *there = p->other->tensors[tensor].data;
  const int32_t count = (int32_t)(graph->tensors[tensor].bytes / sizeof(int32_t));
  *free_one = -1;
  for (int32_t i = 0; i < count; ++i) {
    if (here[i] == there[i]) {
      if (here[i] < 0) return false;
      continue;
    }
    if (*free_one >= 0) return false;
    *free_one = i;
  }
  if (op->def->code == LN_OP_RESHAPE && input == 1) return true;
  if (op->def->code != LN_OP_SLICE || input != 2 || *free_one < 0) return false;
  const ln_tensor *begin = &graph->tensors[op->inputs[1]];
  const ln_tensor *other_begin = &p->other->tensors[op->inputs[1]];
  if (begin->type != LN_INT32 || !ln_tensor_const_data(begin) || !same_constant(begin, other_begin)) return false;
  const int32_t from = ((const int32_t *)begin->data)[*free_one];
  return graph->tensors[op->inputs[0]].shape.dims[*free_one] == from + here[*free_one] &&
         p->other->tensors[op->inputs[0]].shape.dims[*free_one] == from + there[*free_one];
}

/* a + b * batch, as operators in front of place `*at`. */
static ln_status compute(opening *p, int32_t tensor, int32_t *at, int32_t *out) {
  const ln_tensor here = graph_of(p)->tensors[tensor];
  const int32_t *values = here.data, *others = p->other->tensors[tensor].data;
  const size_t count = here.bytes / sizeof(int32_t);
  int32_t *a = ln_arena_array(&p->m->o.model->arena, count, sizeof *a);
  int32_t *b = ln_arena_array(&p->m->o.model->arena, count, sizeof *b);
  if (a == NULL || b == NULL) return no_memory(p);
  if (here.shape.rank < 1) return refuse(p, tensor);
  for (size_t i = 0; i < count; ++i) {
    if (!line(p, values[i], others[i], &a[i], &b[i])) return refuse(p, tensor);
  }
  if (p->size < 0) LN_TRY(read_batch(p, at));
  const int32_t product[2] = {p->size, constant(p, LN_INT32, &here.shape, b, here.bytes)};
  const int32_t sum[2] = {put(p, at, LN_OP_MUL, LN_INT32, &here.shape, 2, product, NULL),
                          constant(p, LN_INT32, &here.shape, a, here.bytes)};
  *out = put(p, at, LN_OP_ADD, LN_INT32, &here.shape, 2, sum, NULL);
  return product[1] < 0 || sum[0] < 0 || sum[1] < 0 || *out < 0 ? no_memory(p) : LN_OK;
}

static ln_status open_integers(opening *p, int32_t *at, int32_t input) {
  const ln_op *op = &graph_of(p)->ops[*at];
  const int32_t tensor = op->inputs[input];
  int32_t free_one, out = -1;
  if (left_out(p, op, input, tensor, &free_one)) {
    const ln_tensor here = graph_of(p)->tensors[tensor];
    out = constant(p, LN_INT32, &here.shape, here.data, here.bytes);
    if (out < 0) return no_memory(p);
    ((int32_t *)graph_of(p)->tensors[out].data)[free_one] = -1;
  } else {
    LN_TRY(compute(p, tensor, at, &out));
  }
  graph_of(p)->ops[*at].inputs[input] = out;
  return LN_OK;
}

/* ---- a mean's factor: a part of the batch ---- */

static ln_status open_factor(opening *p, int32_t *at, int32_t input) {
  const int32_t tensor = graph_of(p)->ops[*at].inputs[input];
  const ln_tensor here = graph_of(p)->tensors[tensor];
  const ln_shape scalar = {0};
  if (here.shape.rank != 0) return refuse(p, tensor);
  const float one = *(const float *)here.data * (float)p->batch;
  const float other = *(const float *)p->other->tensors[tensor].data * (float)p->other_batch;
  if (!(fabsf(one - other) <= 1e-6f * fabsf(one))) return refuse(p, tensor);
  if (p->size < 0) LN_TRY(read_batch(p, at));
  const int32_t parts[2] = {constant(p, LN_FLOAT32, &scalar, &one, sizeof one), p->real};
  const int32_t out = put(p, at, LN_OP_DIV, LN_FLOAT32, &scalar, 2, parts, NULL);
  if (parts[0] < 0 || out < 0) return no_memory(p);
  graph_of(p)->ops[*at].inputs[input] = out;
  return LN_OK;
}

/* ---- a graph ---- */

static ln_status open_operator(opening *p, int32_t *at) {
  for (int32_t i = 0; i < graph_of(p)->ops[*at].input_count; ++i) {
    const int32_t index = graph_of(p)->ops[*at].inputs[i];
    if (index < 0 || index >= p->other->tensor_count) continue;
    const ln_tensor *here = &graph_of(p)->tensors[index], *there = &p->other->tensors[index];
    if (here->storage != LN_STORAGE_CONST || same_constant(here, there)) continue;
    const bool alike = here->type == there->type && here->bytes == there->bytes && here->data && there->data;
    if (alike && here->type == LN_INT32) LN_TRY(open_integers(p, at, i));
    else if (alike && here->type == LN_FLOAT32) LN_TRY(open_factor(p, at, i));
    else return refuse(p, index);
  }
  return LN_OK;
}

static ln_status open_shapes(opening *p) {
  ln_graph *graph = graph_of(p);
  for (int32_t i = 0; i < p->other->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    const ln_shape *other = &p->other->tensors[i].shape;
    if (tensor->storage == LN_STORAGE_CONST) continue;
    if (tensor->shape.rank != other->rank) return refuse(p, i);
    tensor->signature = tensor->shape;
    for (int32_t k = 0; k < other->rank; ++k) {
      if (tensor->shape.dims[k] == other->dims[k]) continue;
      tensor->shape.dims[k] = tensor->signature.dims[k] = -1;
      tensor->has_signature = true;
    }
  }
  return LN_OK;
}

static ln_status open_graph(opening *p) {
  LN_TRY(check_operators(p));
  for (int32_t i = 0; i < graph_of(p)->op_count; ++i) LN_TRY(open_operator(p, &i));
  return open_shapes(p);
}

ln_status ln_trainable_open_batch(ln_trainable *m, const ln_trainable *other) {
  const ln_model *model = other->o.model;
  for (int32_t i = 0; i < model->graph_count; ++i) {
    m->o.graph = i;
    opening p = {.m = m, .other = &model->graphs[i], .batch = m->batch, .other_batch = other->batch, .size = -1};
    p.input = m->t->inputs[0]; /* copies keep their tensors' numbers */
    LN_TRY(open_graph(&p));
  }
  return LN_OK;
}
