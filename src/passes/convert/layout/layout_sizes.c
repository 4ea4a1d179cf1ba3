/*
 * Shapes of all tensors when open dimensions have sizes: two assignments, under which everything is inferred as the
 * runtime would, with what is computed from shapes computed. What cannot be told, behind a loop say, stays unknown.
 */
#include <string.h>

#include "passes/convert/layout/layout.h"

enum { MOST_ARITY = 64, MOST_BYTES = 512 };

struct ln_sizes {
  int32_t count;
  ln_tensor *tensors[2]; /* [count] with these shapes; small values that are computed are the sizes' own */
  bool *known[2];
};

/* By place, so that inputs that share a batch or a length agree. Halves of halves are whole, too. */
static const int32_t open_sizes[2][LN_MAX_RANK] = {{2, 96, 160, 224, 352, 416, 544, 608},
                                                   {3, 160, 288, 96, 224, 480, 352, 736}};

static bool is_known(const ln_sizes *s, int32_t probe, int32_t tensor) { return tensor < 0 || s->known[probe][tensor]; }

static bool is_small_result(const ln_tensor *tensor) {
  size_t bytes;
  const bool counts = tensor->type == LN_INT32 || tensor->type == LN_INT64 || tensor->type == LN_BOOL;
  return counts && tensor->signature.rank <= 1 && ln_shape_known(&tensor->signature) &&
         ln_tensor_size(tensor->type, &tensor->signature, &bytes) && bytes <= MOST_BYTES;
}

/* Whether all inputs hold data and the results are a few numbers. */
static bool can_compute(const ln_sizes *s, int32_t probe, const ln_op *op) {
  if (op->def->run == NULL || (op->def->flags & LN_OPF_STATEFUL) != 0 || op->output_count != 1) return false;
  if (!is_small_result(&s->tensors[probe][op->outputs[0]])) return false;
  if (ln_op_is(op, LN_OP_SHAPE)) return true;
  for (int32_t i = 0; i < op->input_count; ++i) {
    const ln_tensor *in = op->inputs[i] < 0 ? NULL : &s->tensors[probe][op->inputs[i]];
    if (in != NULL && in->storage != LN_STORAGE_HEAP && !ln_tensor_const_data(in)) return false;
  }
  return op->input_count > 0;
}

static void keep(ln_sizes *s, int32_t probe, int32_t at, const ln_tensor *made) {
  ln_tensor *tensor = &s->tensors[probe][at];
  tensor->shape = made->shape;
  s->known[probe][at] = ln_shape_known(&made->shape);
  if (made->storage == LN_STORAGE_HEAP) {
    tensor->data = made->data;
    tensor->bytes = made->bytes;
    tensor->storage = LN_STORAGE_HEAP; /* the mark of what is freed; read as a constant by `view` */
  }
}

/* What an operator's functions see: computed values are constants to them. */
static void view(const ln_sizes *s, int32_t probe, int32_t at, ln_tensor *out) {
  *out = s->tensors[probe][at];
  if (out->storage == LN_STORAGE_HEAP) out->storage = LN_STORAGE_CONST;
  out->signature = out->shape;
}

static void infer(ln_sizes *s, int32_t probe, const ln_op *op) {
  ln_tensor inputs[MOST_ARITY], outputs[MOST_ARITY], *in[MOST_ARITY], *out[MOST_ARITY];
  if (op->input_count > MOST_ARITY || op->output_count > MOST_ARITY || op->def->infer == NULL) return;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!is_known(s, probe, op->inputs[i])) return;
    in[i] = op->inputs[i] < 0 ? NULL : &inputs[i];
    if (in[i] != NULL) view(s, probe, op->inputs[i], in[i]);
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    outputs[i] = s->tensors[probe][op->outputs[i]];
    out[i] = &outputs[i];
  }
  ln_node node = {.op = op,
                  .in = in,
                  .in_count = op->input_count,
                  .out = out,
                  .out_count = op->output_count,
                  .tensors = s->tensors[probe],
                  .tensor_count = s->count};
  const bool computes = can_compute(s, probe, op);
  const ln_status status = computes ? ln_node_evaluate(&node, NULL) : op->def->infer(&node, NULL);
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (status == LN_OK) keep(s, probe, op->outputs[i], &outputs[i]);
    else if (outputs[i].storage == LN_STORAGE_HEAP) ln_free(outputs[i].data);
  }
}

static void assign(ln_sizes *s, int32_t probe, const ln_graph *graph) {
  for (int32_t i = 0; i < s->count; ++i) {
    s->tensors[probe][i] = graph->tensors[i];
    s->tensors[probe][i].shape = graph->tensors[i].signature;
    s->known[probe][i] = ln_shape_known(&graph->tensors[i].signature);
  }
  for (int32_t i = 0; i < graph->input_count; ++i) {
    ln_tensor *tensor = &s->tensors[probe][graph->inputs[i]];
    for (int32_t d = 0; d < tensor->shape.rank; ++d) {
      if (tensor->shape.dims[d] < 0) tensor->shape.dims[d] = open_sizes[probe][d];
    }
    s->known[probe][graph->inputs[i]] = true;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    bool open = false; /* fixed results need no inference, unless they are numbers */
    for (int32_t j = 0; j < op->output_count; ++j)
      open = open || !s->known[probe][op->outputs[j]] || is_small_result(&graph->tensors[op->outputs[j]]);
    if (open && (op->def->flags & LN_OPF_STATEFUL) == 0) infer(s, probe, op);
  }
}

ln_sizes *ln_sizes_create(const ln_graph *graph) {
  ln_sizes *s = ln_alloc_zero(sizeof *s);
  if (s == NULL) return NULL;
  s->count = graph->tensor_count;
  for (int32_t probe = 0; probe < 2; ++probe) {
    s->tensors[probe] = ln_alloc_array((size_t)s->count + 1, sizeof *s->tensors[probe]);
    s->known[probe] = ln_alloc_array((size_t)s->count + 1, sizeof *s->known[probe]);
    if (s->tensors[probe] == NULL || s->known[probe] == NULL) {
      ln_sizes_destroy(s);
      return NULL;
    }
    assign(s, probe, graph);
  }
  return s;
}

void ln_sizes_destroy(ln_sizes *s) {
  if (s == NULL) return;
  for (int32_t probe = 0; probe < 2; ++probe) {
    for (int32_t i = 0; s->tensors[probe] != NULL && i < s->count; ++i) {
      if (s->tensors[probe][i].storage == LN_STORAGE_HEAP) ln_free(s->tensors[probe][i].data);
    }
    ln_free(s->tensors[probe]);
    ln_free(s->known[probe]);
  }
  ln_free(s);
}

const ln_shape *ln_sizes_of(const ln_sizes *s, int32_t probe, int32_t tensor) {
  return tensor >= 0 && tensor < s->count && s->known[probe][tensor] ? &s->tensors[probe][tensor].shape : NULL;
}
