/* The layout pass: views, bases and readers of a graph; then search and rewriting. */
#include "passes/convert/layout/layout.h"

enum { MOST_NODES = 1 << 17, LONGEST_CHAIN = 8 };

/* ---- views ---- */

/* The order that a TRANSPOSE gives; false where it is none that can be seen as a view. */
static bool read_order(const ln_graph *graph, const ln_op *op, ln_perm *out) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0, axis;
  uint32_t seen = 0;
  const ln_tensor *in = ln_op_input_tensor(graph, op, 0), *order = ln_op_input_tensor(graph, op, 1);
  if (!ln_op_is(op, LN_OP_TRANSPOSE) || in == NULL || order == NULL || !ln_tensor_const_data(order)) return false;
  if (!ln_tensor_ints(order, axes, LN_MAX_RANK, &count) || count != in->signature.rank) return false;
  if (graph->tensors[op->outputs[0]].signature.rank != count) return false;
  *out = (ln_perm){.rank = (int8_t)count};
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_axis_normalize(axes[i], count, &axis) || (seen >> axis & 1) != 0) return false;
    seen |= 1u << axis;
    out->axis[i] = (int8_t)axis;
  }
  return ln_same_quantization(in, &graph->tensors[op->outputs[0]]) && in->quant->kind <= LN_QUANT_TENSOR &&
         ln_type_bits(in->type) >= 8 && !in->is_variable;
}

static bool is_base(const ln_tensor *tensor) { return !ln_tensor_const_data(tensor) && !tensor->is_variable; }

/* Operators stand in an order that can be run, so that a view's source is known before it. */
static void find_views(ln_layout *l) {
  for (int32_t i = 0; i < l->tensor_count; ++i) {
    l->base[i] = is_base(&l->graph->tensors[i]) ? i : -1;
    l->view[i] = ln_perm_identity(l->graph->tensors[i].signature.rank);
    l->maker[i] = -1;
  }
  for (int32_t i = 0; i < l->op_count; ++i) {
    const ln_op *op = &l->graph->ops[i];
    ln_perm order;
    if (op->input_count > 0 && op->inputs[0] >= 0 && l->base[op->inputs[0]] >= 0 && read_order(l->graph, op, &order)) {
      l->base[op->outputs[0]] = l->base[op->inputs[0]];
      l->view[op->outputs[0]] = ln_perm_compose(&l->view[op->inputs[0]], &order);
      ++l->transposes;
      continue;
    }
    for (int32_t j = 0; j < op->output_count; ++j) {
      l->maker[op->outputs[j]] = i;
      l->maker_port[op->outputs[j]] = j;
    }
  }
  for (int32_t i = 0; i < l->graph->input_count; ++i) {
    l->maker[l->graph->inputs[i]] = l->op_count + i;
    l->maker_port[l->graph->inputs[i]] = 0;
  }
}

static bool is_view(const ln_layout *l, const ln_op *op) {
  return ln_op_is(op, LN_OP_TRANSPOSE) && l->base[op->outputs[0]] >= 0 && l->base[op->outputs[0]] != op->outputs[0];
}

/* ---- nodes ---- */

static bool is_picture(const ln_shape *shape) { return shape->rank >= 3 && shape->rank <= 5; }

static bool find_nodes(ln_layout *l) {
  for (int32_t i = 0; i < l->op_count; ++i) {
    l->nodes[i] = (ln_layout_node){.kind = LN_LAYOUT_FIXED};
    if (!is_view(l, &l->graph->ops[i]) && !ln_layout_classify(l, i, &l->nodes[i])) return false;
  }
  for (int32_t i = 0; i < l->graph->input_count; ++i) {
    const ln_tensor *tensor = &l->graph->tensors[l->graph->inputs[i]];
    const bool free = l->r->context->channels_last && is_picture(&tensor->signature) && is_base(tensor) &&
                      tensor->quant->kind <= LN_QUANT_TENSOR;
    ln_layout_node *n = &l->nodes[l->op_count + i];
    *n = (ln_layout_node){.kind = free ? LN_LAYOUT_INPUT : LN_LAYOUT_FIXED, .rank = tensor->signature.rank};
    n->frame = ln_perm_identity(n->rank);
  }
  return true;
}

/* ---- readers ---- */

/* FULLY_CONNECTED operators that alone read a tensor, perhaps through operators of single elements, and whose columns
 * can be exchanged; their number, 0 where another reads it too. */
static int32_t flat_readers(const ln_layout *l, int32_t tensor, int32_t depth, int32_t *readers, int32_t count) {
  if (depth > LONGEST_CHAIN || ln_rewriter_is_output(l->r, tensor)) return 0;
  for (int32_t i = l->first_use[tensor]; i < l->first_use[tensor + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    const ln_op *op = use->node < 0 ? NULL : &l->graph->ops[use->node];
    if (op == NULL || use->tensor != tensor) return 0;
    const ln_tensor *weights = ln_op_input_tensor(l->graph, op, 1);
    if (ln_op_is(op, LN_OP_FULLY_CONNECTED)) {
      const ln_fully_connected_options *o = op->options;
      if (use->port != 0 || weights == NULL || !ln_is_plain_constant(weights) || weights->shape.rank != 2 ||
          weights->quant->kind > LN_QUANT_AXIS ||
          (weights->quant->kind == LN_QUANT_AXIS && weights->quant->axis != 0) || o->weights_format != 0 ||
          count == LN_LAYOUT_MOST_FLAT) {
        return 0;
      }
      readers[count++] = use->node;
      continue;
    }
    if (l->nodes[use->node].kind != LN_LAYOUT_EACH || op->output_count != 1) return 0;
    for (int32_t j = 0; j < op->input_count; ++j) {
      const ln_tensor *other = &l->graph->tensors[op->inputs[j]];
      if (op->inputs[j] != tensor && (!ln_tensor_const_data(other) || other->signature.rank != 0)) return 0;
    }
    count = flat_readers(l, op->outputs[0], depth + 1, readers, count);
    if (count == 0) return 0;
  }
  return count;
}

int32_t ln_layout_flat_readers(const ln_layout *l, int32_t index, int32_t *readers) {
  const ln_op *op = &l->graph->ops[index];
  if (!ln_op_is(op, LN_OP_RESHAPE) || l->base[op->inputs[0]] < 0) return 0;
  const ln_shape *in = &l->graph->tensors[op->inputs[0]].signature, *out = &l->graph->tensors[op->outputs[0]].signature;
  int64_t columns = 1;
  if (in->rank < 3 || out->rank != 2 || out->dims[1] < 1) return 0;
  for (int32_t i = 1; i < in->rank; ++i) {
    if (in->dims[i] < 1 || columns > INT32_MAX) return 0;
    columns *= in->dims[i];
  }
  return columns != out->dims[1] ? 0 : flat_readers(l, op->outputs[0], 0, readers, 0);
}

static ln_layout_takes takes_of(const ln_layout *l, int32_t node, int32_t port) {
  const ln_op *op = &l->graph->ops[node];
  if (ln_op_is(op, LN_OP_SHAPE)) return LN_TAKES_ANY;
  if (ln_op_is(op, LN_OP_BATCH_MATMUL) && l->graph->tensors[op->inputs[port]].type == LN_FLOAT32)
    return LN_TAKES_SWAPPED;
  return LN_TAKES_FRAME;
}

static void each_use(ln_layout *l, void (*visit)(ln_layout *l, const ln_layout_use *use)) {
  for (int32_t i = 0; i < l->op_count; ++i) {
    const ln_op *op = &l->graph->ops[i];
    if (is_view(l, op)) continue;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] < 0 || l->base[op->inputs[j]] < 0) continue;
      visit(l, &(ln_layout_use){i, j, op->inputs[j], takes_of(l, i, j)});
    }
  }
  for (int32_t i = 0; i < l->graph->output_count; ++i) {
    const int32_t tensor = l->graph->outputs[i];
    if (l->base[tensor] < 0) continue;
    const bool free = l->r->context->channels_last && is_picture(&l->graph->tensors[tensor].signature);
    visit(l, &(ln_layout_use){-1, i, tensor, free ? LN_TAKES_LAST : LN_TAKES_FRAME});
  }
}

static void count_use(ln_layout *l, const ln_layout_use *use) { ++l->first_use[l->base[use->tensor] + 1]; }

static void place_use(ln_layout *l, const ln_layout_use *use) { l->uses[l->first_use[l->base[use->tensor]]++] = *use; }

static bool find_uses(ln_layout *l) {
  each_use(l, count_use);
  for (int32_t i = 0; i < l->tensor_count; ++i) l->first_use[i + 1] += l->first_use[i];
  l->use_count = l->first_use[l->tensor_count];
  l->uses = ln_alloc_array((size_t)l->use_count + 1, sizeof *l->uses);
  if (l->uses == NULL) return false;
  each_use(l, place_use);
  for (int32_t i = l->tensor_count; i > 0; --i) l->first_use[i] = l->first_use[i - 1];
  l->first_use[0] = 0;
  for (int32_t i = 0; i < l->use_count; ++i) {
    int32_t readers[LN_LAYOUT_MOST_FLAT];
    if (l->uses[i].node >= 0 && l->uses[i].port == 0 && ln_layout_flat_readers(l, l->uses[i].node, readers) > 0)
      l->uses[i].takes = LN_TAKES_FLAT;
  }
  return true;
}

/* ---- the pass ---- */

ln_status ln_layout_open(ln_rewriter *r, ln_layout *out) {
  ln_graph *graph = r->graph;
  const size_t tensors = (size_t)graph->tensor_count + 2;
  *out = (ln_layout){.r = r, .graph = graph, .op_count = graph->op_count, .tensor_count = graph->tensor_count};
  out->node_count = graph->op_count + graph->input_count;
  out->nodes = ln_alloc_array((size_t)out->node_count + 1, sizeof *out->nodes);
  out->base = ln_alloc_array(tensors, sizeof *out->base);
  out->view = ln_alloc_array(tensors, sizeof *out->view);
  out->maker = ln_alloc_array(tensors, sizeof *out->maker);
  out->maker_port = ln_alloc_array(tensors, sizeof *out->maker_port);
  out->first_use = ln_alloc_array(tensors, sizeof *out->first_use);
  bool good = out->nodes != NULL && out->base != NULL && out->view != NULL && out->maker != NULL &&
              out->maker_port != NULL && out->first_use != NULL;
  if (good) find_views(out);
  out->sizes = good ? ln_sizes_create(graph) : NULL;
  good = out->sizes != NULL && find_nodes(out) && find_uses(out);
  ln_sizes_destroy(out->sizes);
  out->sizes = NULL;
  if (good) return LN_OK;
  ln_layout_close(out);
  return ln_pass_out_of_memory(&r->context->pass, "layout");
}

void ln_layout_close(ln_layout *l) {
  ln_free(l->nodes);
  ln_free(l->base);
  ln_free(l->view);
  ln_free(l->maker);
  ln_free(l->maker_port);
  ln_free(l->first_use);
  ln_free(l->uses);
}

ln_status ln_convert_pass_layout(ln_convert_context *context) {
  ln_rewriter r;
  ln_layout l;
  bool worth = false;
  for (int32_t i = 0; i < context->pass.graph->op_count && !worth; ++i)
    worth = ln_op_is(&context->pass.graph->ops[i], LN_OP_TRANSPOSE);
  if (!worth || context->pass.graph->op_count > MOST_NODES) return LN_OK;
  LN_TRY(ln_rewriter_open(context, &r));
  ln_status status = ln_layout_open(&r, &l);
  if (status != LN_OK) {
    ln_rewriter_close(&r, 0);
    return status;
  }
  int32_t changes = 0;
  const int64_t before = ln_layout_cost(&l);
  if (!ln_layout_search(&l)) r.failed = true;
  if (!r.failed && (ln_layout_cost(&l) < before || ln_layout_is_wasteful(&l))) {
    const int32_t left = ln_layout_apply(&l);
    ln_log(LN_LOG_DEBUG, "layout of graph %s: %d transposes become %d", context->pass.graph->name, l.transposes, left);
    changes = 1;
  }
  ln_layout_close(&l);
  return ln_rewriter_close(&r, changes);
}
