/*
 * Activations in bfloat16: operators whose rows take them compute in it, CASTs stand where others, or the graph's
 * inputs and outputs, begin. Weights stay as they are.
 */
#include "kernels/convert.h"
#include "optimize/weight_forms.h"

typedef struct narrowing {
  ln_optimizer *o;
  bool *is_activation; /* [tensors at the beginning] floats that are no constants, nor made of constants alone */
  int32_t tensor_count;
  bool *narrow_ops; /* [operators at the beginning] */
} narrowing;

static bool is_activation(const narrowing *n, int32_t index) {
  return index >= 0 && index < n->tensor_count && n->is_activation[index];
}

static void find_activations(narrowing *n) {
  const ln_graph *graph = ln_optimizer_graph(n->o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    n->is_activation[graph->inputs[i]] = graph->tensors[graph->inputs[i]].type == LN_FLOAT32;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    bool of_constants = op->input_count > 0;
    for (int32_t j = 0; j < op->input_count; ++j) {
      of_constants &= op->inputs[j] < 0 || ln_tensor_const_data(&graph->tensors[op->inputs[j]]);
    }
    for (int32_t j = 0; j < op->output_count; ++j) {
      n->is_activation[op->outputs[j]] = !of_constants && graph->tensors[op->outputs[j]].type == LN_FLOAT32;
    }
  }
}

/* Gives what the operator reads and writes of one type another, or what it was: constants alone, or activations. */
static void set_types(const narrowing *n, const ln_op *op, bool constants, ln_type from, ln_type to) {
  ln_graph *graph = ln_optimizer_graph(n->o);
  for (int32_t j = 0; j < op->input_count + op->output_count; ++j) {
    const int32_t index = j < op->input_count ? op->inputs[j] : op->outputs[j - op->input_count];
    if (index < 0) continue;
    ln_tensor *tensor = &graph->tensors[index];
    const bool wanted = constants ? ln_tensor_const_data(tensor) : is_activation(n, index);
    if (wanted && tensor->type == from) tensor->type = to;
  }
}

/* Whether the row takes bfloat16, `*constants` said whether its constants must be so, too. */
static bool takes_narrow(const narrowing *n, const ln_op *op, bool *constants) {
  const ln_graph *graph = ln_optimizer_graph(n->o);
  bool any = false;
  if (op->custom_name != NULL || (op->def->flags & LN_OPF_STATEFUL) != 0) return false;
  for (int32_t j = 0; j < op->output_count; ++j) any |= is_activation(n, op->outputs[j]);
  if (!any) return false;
  *constants = false;
  set_types(n, op, false, LN_FLOAT32, LN_BFLOAT16);
  bool good = ln_op_check_types(graph, op, NULL) == LN_OK;
  if (!good) {
    *constants = true;
    set_types(n, op, true, LN_FLOAT32, LN_BFLOAT16);
    good = ln_op_check_types(graph, op, NULL) == LN_OK;
    set_types(n, op, true, LN_BFLOAT16, LN_FLOAT32);
  }
  set_types(n, op, false, LN_BFLOAT16, LN_FLOAT32);
  return good;
}

/* Constants of the operator in bfloat16, each as a tensor of its own. */
static ln_status narrow_constants(const narrowing *n, ln_op *op) {
  ln_optimizer *o = n->o;
  for (int32_t j = 0; j < op->input_count; ++j) {
    if (op->inputs[j] < 0) continue;
    ln_tensor tensor = ln_optimizer_graph(o)->tensors[op->inputs[j]];
    size_t count;
    if (!ln_tensor_const_data(&tensor) || tensor.type != LN_FLOAT32 || !ln_shape_elements(&tensor.shape, &count)) {
      continue;
    }
    uint16_t *halves = ln_arena_array(ln_optimizer_arena(o), count, sizeof *halves);
    if (halves == NULL) return ln_optimizer_no_memory(o);
    ln_k_cast(tensor.data, LN_NUMBER_F32, halves, LN_NUMBER_BF16, count);
    ln_edit_set_data(&tensor, LN_BFLOAT16, halves, count * sizeof *halves);
    const int32_t index = ln_graph_add_tensor(ln_optimizer_graph(o), ln_optimizer_arena(o), &tensor);
    if (index < 0) return ln_optimizer_no_memory(o);
    op->inputs[j] = index;
  }
  return LN_OK;
}

/* Puts a CAST before place `at`. */
static ln_status put_cast(ln_optimizer *o, int32_t at, int32_t from, int32_t to) {
  void *options;
  ln_op *op = ln_edit_insert_op(o, at, LN_OP_CAST, 1, 1, &options);
  if (op == NULL) return ln_optimizer_no_memory(o);
  ln_cast_options *types = options;
  types->in_data_type = (int8_t)ln_optimizer_graph(o)->tensors[from].type;
  types->out_data_type = (int8_t)ln_optimizer_graph(o)->tensors[to].type;
  op->inputs[0] = from;
  op->outputs[0] = to;
  op->version = ln_edit_op_version(ln_optimizer_graph(o), op);
  return LN_OK;
}

/* Where operators at [at, ...) that are narrow (or wide) read `from`, they read `to`; returns how many do. */
static int32_t redirect(ln_graph *graph, const bool *narrow, bool is_narrow, int32_t from, int32_t to) {
  int32_t changed = 0;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (narrow[i] != is_narrow) continue;
    for (int32_t j = 0; j < graph->ops[i].input_count; ++j) {
      if (graph->ops[i].inputs[j] != from) continue;
      if (to >= 0) graph->ops[i].inputs[j] = to;
      ++changed;
    }
  }
  return changed;
}

/* A twin of the tensor in another type; -1 when memory is short. */
static int32_t add_twin(ln_optimizer *o, int32_t index, ln_type type) {
  ln_tensor twin = ln_optimizer_graph(o)->tensors[index];
  twin.type = type;
  twin.name = ln_arena_printf(ln_optimizer_arena(o), "%s_%s", twin.name, type == LN_BFLOAT16 ? "bf16" : "f32");
  return twin.name == NULL ? -1 : ln_graph_add_tensor(ln_optimizer_graph(o), ln_optimizer_arena(o), &twin);
}

/* Settles one activation between who makes it and who reads it. `narrow` follows the operators as CASTs join them. */
static ln_status settle(narrowing *n, int32_t index, bool *narrow) {
  ln_optimizer *o = n->o;
  ln_graph *graph = ln_optimizer_graph(o);
  bool is_output = false;
  int32_t maker = -1;
  for (int32_t i = 0; i < graph->output_count; ++i) is_output |= graph->outputs[i] == index;
  for (int32_t i = 0; maker < 0 && i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].output_count; ++j) {
      if (graph->ops[i].outputs[j] == index) maker = i;
    }
  }
  const bool made_narrow = maker >= 0 && narrow[maker];
  const int32_t differ = redirect(graph, narrow, !made_narrow, index, -1);
  if (!made_narrow && differ == 0) return LN_OK;
  if (made_narrow && differ == 0 && !is_output) {
    graph->tensors[index].type = LN_BFLOAT16;
    return LN_OK;
  }
  const int32_t twin = add_twin(o, index, LN_BFLOAT16);
  if (twin < 0) return ln_optimizer_no_memory(o);
  redirect(graph, narrow, true, index, twin);
  if (made_narrow) {
    ln_op *op = &graph->ops[maker];
    for (int32_t j = 0; j < op->output_count; ++j) {
      if (op->outputs[j] == index) op->outputs[j] = twin;
    }
  }
  LN_TRY(put_cast(o, maker + 1, made_narrow ? twin : index, made_narrow ? index : twin));
  for (int32_t i = ln_optimizer_graph(o)->op_count - 1; i > maker + 1; --i) narrow[i] = narrow[i - 1];
  narrow[maker + 1] = false;
  return LN_OK;
}

static ln_status narrow(narrowing *n, const ln_stage *stage, bool *any) {
  ln_optimizer *o = n->o;
  ln_graph *graph = ln_optimizer_graph(o);
  find_activations(n);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    bool constants;
    if (ln_quantize_format_of(o, stage, op) != LN_QUANTIZE_BF16_INT8 || op->index < 0) continue;
    if (!takes_narrow(n, op, &constants)) continue;
    if (constants) LN_TRY(narrow_constants(n, op));
    n->narrow_ops[i] = *any = true;
  }
  for (int32_t i = 0; *any && i < n->tensor_count; ++i) {
    if (n->is_activation[i]) LN_TRY(settle(n, i, n->narrow_ops));
  }
  graph = ln_optimizer_graph(o);
  for (int32_t i = 0; *any && i < graph->op_count; ++i)
    graph->ops[i].version = ln_edit_op_version(graph, &graph->ops[i]);
  return LN_OK;
}

ln_status ln_bf16_activations(ln_optimizer *o, const ln_stage *stage) {
  const ln_graph *graph = ln_optimizer_graph(o);
  narrowing n = {o, NULL, graph->tensor_count, NULL};
  size_t most;
  bool any = false;
  /* As many CASTs may come as there are tensors. */
  if (!ln_size_add((size_t)graph->op_count, (size_t)graph->tensor_count, &most)) return ln_optimizer_no_memory(o);
  n.is_activation = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *n.is_activation);
  n.narrow_ops = ln_alloc_array(most + 1, sizeof *n.narrow_ops);
  ln_status status =
      n.is_activation == NULL || n.narrow_ops == NULL ? ln_optimizer_no_memory(o) : narrow(&n, stage, &any);
  if (status == LN_OK && any) {
    status = ln_report_add_note(o,
                                "activations of bfloat16 with weights of int8 are a form that Linnet runs, and stock "
                                "LiteRT does not");
  }
  ln_free(n.narrow_ops);
  ln_free(n.is_activation);
  return status;
}
