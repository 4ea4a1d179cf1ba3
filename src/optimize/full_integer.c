/*
 * Activations and weights in integers: which operators compute in them, by the flags of their rows, and which tensors
 * share a scale. Every tensor has a home, the numbers that its producer makes; a reader that wants others reads it
 * through QUANTIZE or DEQUANTIZE. B. Jacob et al., Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference (2018); the operators' rules are those of TensorFlow Lite's 8-bit specification.
 */
#include "optimize/full_integer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "passes/rewrite.h"

enum { KINDS_NOTED = 12 };

/* A range past it leaves no step that means anything: an attention's mask of -1e9, say. */
#define WIDEST_RANGE 1e6f

/* ---- what an operator's operands are ---- */

bool ln_integer_is_weights(const ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index) {
  if (plan->layer_of[place] < 0 || index == 0) return false;
  return index == 1 || ln_tensor_const_data(&ln_optimizer_graph(plan->o)->tensors[op->inputs[index]]);
}

static bool is_float_operand(const ln_integer_plan *plan, int32_t tensor) {
  return tensor >= 0 && plan->is_float[tensor];
}

/* Float tensors that the operator reads as activations, constant or not. */
static bool is_activation(const ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index) {
  return is_float_operand(plan, op->inputs[index]) && !ln_integer_is_weights(plan, op, place, index);
}

static bool has_float_output(const ln_integer_plan *plan, const ln_op *op) {
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (is_float_operand(plan, op->outputs[i])) return true;
  }
  return false;
}

static bool reads_computed_float(const ln_integer_plan *plan, const ln_op *op) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (is_float_operand(plan, op->inputs[i]) && !ln_tensor_const_data(&graph->tensors[op->inputs[i]])) return true;
  }
  return false;
}

/* ---- which operators compute in integers ---- */

static bool is_usable(const ln_integer_plan *plan, int32_t tensor) {
  const ln_range *range = &plan->ranges[tensor];
  return range->seen && fabsf(range->seen_low) <= WIDEST_RANGE && fabsf(range->seen_high) <= WIDEST_RANGE;
}

/* Why the operator cannot compute in integers although its row says that it may; NULL: it can. */
static const char *obstacle(const ln_integer_plan *plan, const ln_op *op, int32_t place) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  for (int32_t i = 0; i < op->input_count; ++i) {
    const ln_tensor *tensor = op->inputs[i] < 0 ? NULL : &graph->tensors[op->inputs[i]];
    if (tensor == NULL) continue;
    if (tensor->is_variable || (tensor->sparsity != NULL && !ln_integer_is_weights(plan, op, place, i))) {
      return "variables or sparse constants";
    }
    if (i == 1 && plan->layer_of[place] >= 0) continue; /* weights are read in any form of floats */
    if (tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16 || tensor->type == LN_FLOAT64) {
      return "other floats than float32";
    }
    if (is_activation(plan, op, place, i) && !is_usable(plan, op->inputs[i])) return "an input without a usable range";
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (is_float_operand(plan, op->outputs[i]) && !is_usable(plan, op->outputs[i]) &&
        (op->def->flags & (LN_OPF_SPAN_UNIT | LN_OPF_SPAN_SIGNED | LN_OPF_SPAN_LOG)) == 0) {
      return "an output without a usable range";
    }
  }
  /* A weight that is no constant would need a scale for what it may become. */
  const bool wants_layer = (op->def->flags & LN_OPF_READS_WEIGHTS) != 0 && !ln_op_is(op, LN_OP_BATCH_MATMUL);
  return wants_layer && plan->layer_of[place] < 0 ? "weights that are computed" : NULL;
}

static ln_compute wanted_number(const ln_integer_plan *plan, const ln_op *op, int32_t place) {
  const ln_quantize_format format = plan->formats[place];
  if (!ln_quantize_is_full_integer(format) || !reads_computed_float(plan, op)) return LN_COMPUTE_FLOAT;
  return format == LN_QUANTIZE_INT8 ? LN_COMPUTE_INT8 : LN_COMPUTE_INT16;
}

static bool row_takes(const ln_op *op, ln_compute number) {
  return (op->def->flags & (number == LN_COMPUTE_INT8 ? LN_OPF_INT8 : LN_OPF_INT16)) != 0;
}

/* How many operators of each kind are left, for one line of the report. */
typedef struct leavings {
  struct {
    const char *name, *why;
    int32_t count;
  } kinds[KINDS_NOTED];
  int32_t kind_count, more;
} leavings;

static void leave(leavings *left, const char *name, const char *why) {
  int32_t i = 0;
  while (i < left->kind_count && (strcmp(left->kinds[i].name, name) != 0 || left->kinds[i].why != why)) ++i;
  if (i == KINDS_NOTED) {
    ++left->more;
    return;
  }
  if (i == left->kind_count) {
    left->kinds[left->kind_count].name = name;
    left->kinds[left->kind_count++].why = why;
  }
  ++left->kinds[i].count;
}

static ln_status note_leavings(const ln_integer_plan *plan, const leavings *left) {
  for (int32_t i = 0; i < left->kind_count; ++i) {
    LN_TRY(ln_report_add_note(plan->o, "%d %s left in float32: %s", left->kinds[i].count, left->kinds[i].name,
                              left->kinds[i].why));
  }
  return left->more == 0 ? LN_OK
                         : ln_report_add_note(plan->o, "%d operators of other kinds left in float32", left->more);
}

static ln_status choose_numbers(ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  leavings left = {.kind_count = 0};
  for (int32_t i = 0; i < plan->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const ln_compute number = wanted_number(plan, op, i);
    if (number == LN_COMPUTE_FLOAT) continue;
    const char *why = row_takes(op, number)       ? obstacle(plan, op, i)
                      : number == LN_COMPUTE_INT8 ? "no integer form that stock runtimes share"
                                                  : "no form with 16-bit activations";
    if (why == NULL) {
      plan->number[i] = (uint8_t)number;
    } else {
      leave(&left, op->custom_name != NULL ? op->custom_name : op->def->name, why);
    }
  }
  return note_leavings(plan, &left);
}

/*
 * What only moves values, and is asked for nothing of its own, moves them as they were made; floats, as they are read
 * next.
 */
static ln_status follow_numbers(ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  const ln_quantize_format general = ln_quantize_format_of(plan->o, plan->stage, NULL);
  uint8_t *made = ln_alloc_array((size_t)plan->tensor_count, sizeof *made);
  uint8_t *read = ln_alloc_array((size_t)plan->tensor_count, sizeof *read);
  const ln_status status = made != NULL && read != NULL ? LN_OK : ln_optimizer_no_memory(plan->o);
  for (int32_t step = 0; status == LN_OK && step < 2 * plan->op_count; ++step) {
    const bool back = step < plan->op_count;
    const int32_t i = back ? plan->op_count - 1 - step : step - plan->op_count;
    const ln_op *op = &graph->ops[i];
    const bool follows = (op->def->flags & LN_OPF_ONE_SCALE) != 0 && plan->formats[i] == general;
    const int32_t count = back ? op->output_count : op->input_count;
    uint8_t widest = LN_COMPUTE_FLOAT;
    for (int32_t j = 0; j < count; ++j) {
      const int32_t tensor = back ? op->outputs[j] : op->inputs[j];
      const uint8_t other = tensor < 0 ? LN_COMPUTE_FLOAT : back ? read[tensor] : made[tensor];
      if (other > widest) widest = other;
    }
    if (follows && plan->number[i] != LN_COMPUTE_FLOAT && widest != LN_COMPUTE_FLOAT &&
        row_takes(op, (ln_compute)widest)) {
      plan->number[i] = widest;
    }
    for (int32_t j = 0; j < (back ? op->input_count : op->output_count); ++j) {
      const int32_t tensor = back ? op->inputs[j] : op->outputs[j];
      if (is_float_operand(plan, tensor)) (back ? read : made)[tensor] = plan->number[i];
    }
  }
  ln_free(made);
  ln_free(read);
  return status;
}

/*
 * What only moves values between operators in floats stays in floats, and what makes no floats (SHAPE, ARG_MAX) takes
 * them as they come.
 */
static ln_status follow_neighbours(ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  bool *from_floats = ln_alloc_array((size_t)plan->tensor_count, sizeof *from_floats);
  bool *into_others = ln_alloc_array((size_t)plan->tensor_count, sizeof *into_others);
  const ln_status status = from_floats != NULL && into_others != NULL ? LN_OK : ln_optimizer_no_memory(plan->o);
  for (int32_t i = 0; status == LN_OK && i < plan->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const bool moves = (op->def->flags & LN_OPF_ONE_SCALE) != 0;
    bool floats = plan->number[i] == LN_COMPUTE_FLOAT || moves;
    for (int32_t j = 0; floats && moves && plan->number[i] != LN_COMPUTE_FLOAT && j < op->input_count; ++j) {
      floats = !is_activation(plan, op, i, j) || from_floats[op->inputs[j]] ||
               ln_tensor_const_data(&graph->tensors[op->inputs[j]]);
    }
    for (int32_t j = 0; j < op->output_count; ++j) from_floats[op->outputs[j]] = floats;
  }
  for (int32_t i = plan->op_count - 1; status == LN_OK && i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    bool stays = (op->def->flags & LN_OPF_ONE_SCALE) != 0;
    for (int32_t j = 0; j < op->output_count; ++j) {
      stays = stays && (!is_float_operand(plan, op->outputs[j]) ||
                        (from_floats[op->outputs[j]] && !into_others[op->outputs[j]]));
    }
    if (stays) plan->number[i] = LN_COMPUTE_FLOAT;
    if (plan->number[i] == LN_COMPUTE_FLOAT || !has_float_output(plan, op)) continue;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) into_others[op->inputs[j]] = true;
    }
  }
  ln_free(from_floats);
  ln_free(into_others);
  return status;
}

static void find_homes(ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t input = graph->inputs[i];
    for (int32_t j = plan->op_count - 1; plan->is_float[input] && j >= 0; --j) { /* the first reader decides */
      const ln_op *op = &graph->ops[j];
      for (int32_t k = 0; k < op->input_count; ++k) {
        if (op->inputs[k] == input && has_float_output(plan, op) && plan->number[j] != LN_COMPUTE_FLOAT) {
          plan->home[input] = plan->number[j];
        }
      }
    }
  }
  for (int32_t i = 0; i < plan->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (plan->number[i] != LN_COMPUTE_FLOAT && !has_float_output(plan, op)) {
      ln_compute read = LN_COMPUTE_FLOAT;
      for (int32_t j = 0; j < op->input_count; ++j) {
        if (is_activation(plan, op, i, j)) read = (ln_compute)plan->home[op->inputs[j]];
      }
      plan->number[i] = (uint8_t)(read != LN_COMPUTE_FLOAT && row_takes(op, read) ? read : LN_COMPUTE_FLOAT);
    }
    for (int32_t j = 0; j < op->output_count; ++j) {
      if (plan->is_float[op->outputs[j]]) plan->home[op->outputs[j]] = plan->number[i];
    }
  }
}

/* ---- which tensors share a scale ---- */

static int32_t node_of(int32_t tensor, ln_compute number) { return 2 * tensor + (number == LN_COMPUTE_INT16); }

static ln_scale_group *find_group(ln_integer_plan *plan, int32_t node) {
  ln_scale_group *groups = plan->groups;
  while (groups[node].parent != node) {
    groups[node].parent = groups[groups[node].parent].parent;
    node = groups[node].parent;
  }
  return &groups[node];
}

static void widen(ln_scale_group *group, float low, float high) {
  group->low = fminf(group->low, low);
  group->high = fmaxf(group->high, high);
}

static void unite(ln_scale_group *into, ln_scale_group *group) {
  if (into == group) return;
  group->parent = into->parent;
  into->span |= group->span;
  widen(into, group->low, group->high);
}

/*
 * Inputs of an operator with one scale for all take part in it, but for those whose scale is fixed to another, and
 * those that would lose much and have other readers: they are requantized for it.
 */
static void share_scale(ln_integer_plan *plan, const ln_op *op, int32_t place, const int32_t *uses) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  const ln_compute number = (ln_compute)plan->number[place];
  ln_scale_group *group = find_group(plan, node_of(op->outputs[0], number));
  for (int32_t i = 1; i < op->output_count; ++i) {
    if (is_float_operand(plan, op->outputs[i])) unite(group, find_group(plan, node_of(op->outputs[i], number)));
  }
  float low = group->low, high = group->high;
  int32_t inputs = 0;
  uint32_t spans = 0, common = UINT32_MAX;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!is_activation(plan, op, place, i)) continue;
    const ln_scale_group *other = find_group(plan, node_of(op->inputs[i], number));
    low = fminf(low, other->low);
    high = fmaxf(high, other->high);
    if (ln_tensor_const_data(&graph->tensors[op->inputs[i]])) continue;
    ++inputs;
    spans |= other->span;
    common &= other->span;
  }
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!is_activation(plan, op, place, i)) continue;
    ln_scale_group *other = find_group(plan, node_of(op->inputs[i], number));
    if (ln_tensor_const_data(&graph->tensors[op->inputs[i]])) {
      if (inputs == 0 || spans == 0) widen(group, plan->ranges[op->inputs[i]].low, plan->ranges[op->inputs[i]].high);
      continue;
    }
    const bool loses = inputs > 1 && other->high - other->low < (high - low) / 2 && uses[op->inputs[i]] > 1;
    if (common == spans ? !loses || spans != 0 : other->span == 0 && !loses) unite(group, other);
    group = find_group(plan, node_of(op->outputs[0], number));
  }
}

static ln_status find_groups(ln_integer_plan *plan) {
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  const bool narrows = ln_stage_is(plan->stage, plan->o, NULL, "method", "entropy") ||
                       ln_stage_is(plan->stage, plan->o, NULL, "method", "mse");
  int32_t *uses = ln_graph_count_uses(graph, ln_optimizer_arena(plan->o));
  if (uses == NULL) return ln_optimizer_no_memory(plan->o);
  for (int32_t i = 0; i < 2 * plan->tensor_count; ++i) {
    const ln_range *range = &plan->ranges[i / 2];
    /* Those methods trade steps for range by the error of 8 bits; 16 have steps enough. */
    const bool whole = i % 2 == 1 && narrows;
    plan->groups[i] =
        (ln_scale_group){i, whole ? range->seen_low : range->low, whole ? range->seen_high : range->high, 0};
  }
  for (int32_t i = 0; i < plan->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (plan->number[i] == LN_COMPUTE_FLOAT) continue;
    const uint32_t span = op->def->flags & (LN_OPF_SPAN_UNIT | LN_OPF_SPAN_SIGNED | LN_OPF_SPAN_LOG);
    for (int32_t j = 0; span != 0 && j < op->output_count; ++j) {
      plan->groups[node_of(op->outputs[j], (ln_compute)plan->number[i])].span = span;
    }
    if ((op->def->flags & LN_OPF_ONE_SCALE) != 0 && is_float_operand(plan, op->outputs[0])) {
      share_scale(plan, op, i, uses);
    }
  }
  return LN_OK;
}

/* ---- scales ---- */

static ln_scaling int16_scaling(const ln_scale_group *group) {
  const float most = fmaxf(fabsf(group->low), fabsf(group->high));
  if ((group->span & (LN_OPF_SPAN_UNIT | LN_OPF_SPAN_SIGNED)) != 0) return (ln_scaling){LN_INT16, 1.0f / 32768, 0};
  return (ln_scaling){LN_INT16, most > 0 ? most / 32767 : 1.0f / 32767, 0};
}

static ln_scaling int8_scaling(const ln_scale_group *group) {
  if ((group->span & LN_OPF_SPAN_UNIT) != 0) return (ln_scaling){LN_INT8, 1.0f / 256, -128};
  if ((group->span & LN_OPF_SPAN_SIGNED) != 0) return (ln_scaling){LN_INT8, 1.0f / 128, 0};
  if ((group->span & LN_OPF_SPAN_LOG) != 0) return (ln_scaling){LN_INT8, 16.0f / 256, 127};
  const float low = fminf(group->low, 0), high = fmaxf(group->high, 0);
  if (!(high > low)) return (ln_scaling){LN_INT8, 1.0f / 255, -128};
  const float scale = (high - low) / 255;
  const float zero_point = roundf(-128 - low / scale);
  return (ln_scaling){LN_INT8, scale, (int64_t)fminf(fmaxf(zero_point, -128), 127)};
}

ln_scaling ln_integer_scaling(ln_integer_plan *plan, int32_t tensor, ln_compute number) {
  if (number == LN_COMPUTE_FLOAT) return (ln_scaling){LN_FLOAT32, 0, 0};
  const ln_scale_group *group = find_group(plan, node_of(tensor, number));
  return number == LN_COMPUTE_INT16 ? int16_scaling(group) : int8_scaling(group);
}

ln_scaling ln_integer_wanted(ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index) {
  const bool shared = (op->def->flags & LN_OPF_ONE_SCALE) != 0 && is_float_operand(plan, op->outputs[0]);
  return ln_integer_scaling(plan, shared ? op->outputs[0] : op->inputs[index], (ln_compute)plan->number[place]);
}

ln_scaling ln_integer_edge(ln_integer_plan *plan, int32_t tensor) {
  if (plan->io == LN_FLOAT32 || !plan->ranges[tensor].seen) return (ln_scaling){LN_FLOAT32, 0, 0};
  if (plan->io == LN_INT16) return ln_integer_scaling(plan, tensor, LN_COMPUTE_INT16);
  ln_scaling scaling = ln_integer_scaling(plan, tensor, LN_COMPUTE_INT8);
  if (plan->io == LN_UINT8) {
    scaling.type = LN_UINT8;
    scaling.zero_point += 128;
  }
  return scaling;
}

/* ---- the plan ---- */

static void range_of_constant(const ln_tensor *tensor, ln_range *range) {
  const float *values = tensor->data;
  const size_t count = tensor->bytes / sizeof *values;
  if (count == 0) return;
  *range = (ln_range){true, values[0], values[0], values[0], values[0]};
  for (size_t i = 0; i < count; ++i) {
    range->low = fminf(range->low, values[i]);
    range->high = fmaxf(range->high, values[i]);
    range->seen = range->seen && isfinite(values[i]);
  }
  range->seen_low = range->low;
  range->seen_high = range->high;
}

static ln_status prepare_plan(ln_integer_plan *plan) {
  ln_arena *arena = ln_optimizer_arena(plan->o);
  const ln_graph *graph = ln_optimizer_graph(plan->o);
  const size_t tensors = (size_t)plan->tensor_count, ops = (size_t)plan->op_count;
  plan->is_float = ln_arena_array(arena, tensors, sizeof *plan->is_float);
  plan->home = ln_arena_array(arena, tensors, sizeof *plan->home);
  plan->groups = ln_arena_array(arena, tensors, 2 * sizeof *plan->groups);
  plan->number = ln_arena_array(arena, ops, sizeof *plan->number);
  plan->layer_of = ln_arena_array(arena, ops, sizeof *plan->layer_of);
  plan->rows = ln_arena_array(arena, (size_t)plan->layer_count, sizeof *plan->rows);
  if (plan->rows == NULL || plan->is_float == NULL || plan->home == NULL || plan->groups == NULL ||
      plan->number == NULL || plan->layer_of == NULL) {
    return ln_optimizer_no_memory(plan->o);
  }
  for (int32_t i = 0; i < plan->layer_count; ++i) plan->rows[i].tensor = -1;
  for (int32_t i = 0; i < plan->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    plan->is_float[i] = tensor->type == LN_FLOAT32;
    if (plan->is_float[i] && tensor->sparsity == NULL && ln_tensor_const_data(tensor)) {
      range_of_constant(tensor, &plan->ranges[i]);
    }
  }
  for (int32_t i = 0; i < plan->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    plan->layer_of[i] = -1;
    if ((op->def->flags & LN_OPF_READS_WEIGHTS) == 0 || op->input_count < 2) continue;
    for (int32_t j = 0; j < plan->layer_count; ++j) {
      const bool same = plan->layers[j].weights == op->inputs[1];
      if (same && ln_layer_op(plan->o, &plan->layers[j])->def == op->def) plan->layer_of[i] = j;
    }
  }
  return LN_OK;
}

/* What is clamped away needs no steps. */
ln_status ln_integer_fuse_activations(ln_integer_plan *plan) {
  ln_optimizer *o = plan->o;
  ln_arena *arena = ln_optimizer_arena(o);
  ln_graph *graph = ln_optimizer_graph(o);
  const int32_t count = graph->op_count;
  int32_t *producers = ln_graph_producers(graph, arena);
  const int32_t *uses = ln_graph_count_uses(graph, arena);
  bool *drop = ln_arena_array(arena, (size_t)count, sizeof *drop);
  ln_quantize_format *asked = ln_arena_array(arena, (size_t)count, sizeof *asked);
  plan->formats = ln_arena_array(arena, (size_t)count, sizeof *plan->formats);
  if (producers == NULL || uses == NULL || drop == NULL || asked == NULL || plan->formats == NULL) {
    return ln_optimizer_no_memory(o);
  }
  for (int32_t i = 0; i < count; ++i) asked[i] = ln_quantize_format_of(o, plan->stage, &graph->ops[i]);
  for (int32_t i = 0; i < count; ++i) {
    const ln_op *op = &graph->ops[i];
    const int32_t maker = op->input_count > 0 && op->inputs[0] >= 0 ? producers[op->inputs[0]] : -1;
    const bool alike = maker >= 0 && asked[maker] == asked[i];
    drop[i] = alike && ln_quantize_is_full_integer(asked[i]) && ln_fuse_activation(graph, i, producers, uses);
    if (!drop[i]) plan->formats[plan->op_count++] = asked[i];
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

static ln_type io_type(const ln_integer_plan *plan) {
  static const ln_type types[] = {LN_INT8, LN_UINT8, LN_INT16};
  for (size_t i = 0; i < LN_COUNT(types); ++i) {
    if (ln_stage_is(plan->stage, plan->o, NULL, "io", ln_type_name(types[i]))) return types[i];
  }
  return LN_FLOAT32;
}

static ln_status note_bodies(ln_optimizer *o) {
  if (o->model->graph_count == 1) return LN_OK;
  return ln_report_add_note(o, "%d other graph%s of the model left as %s", o->model->graph_count - 1,
                            o->model->graph_count == 2 ? "" : "s", o->model->graph_count == 2 ? "it is" : "they are");
}

/* Rows of the report for layers that keep their floats; those in forms of weights alone get theirs elsewhere. */
static void note_left_layers(ln_integer_plan *plan) {
  for (int32_t i = 0; i < plan->layer_count; ++i) {
    const ln_layer *layer = &plan->layers[i];
    const ln_op *op = ln_layer_op(plan->o, layer);
    const ln_quantize_format format = plan->formats[layer->op];
    const bool excluded = format == LN_QUANTIZE_FLOAT32;
    if (plan->layer_of[layer->op] != i || plan->number[layer->op] != LN_COMPUTE_FLOAT) continue;
    if (!excluded && !ln_quantize_is_full_integer(format)) continue;
    const char *what = excluded ? "left float32: excluded" : "left float32: no integer form";
    plan->rows[i] = (ln_integer_row){op->outputs[0], ln_report_layer_of(plan->o, layer, what)};
  }
}

/* What training found of scales, in the stead of what the ranges said. */
static void take_trained(ln_integer_plan *plan) {
  const ln_range *trained = plan->o->trained->scaled;
  for (int32_t i = 0; i < 2 * plan->tensor_count; ++i) {
    if (!trained[i].seen) continue;
    ln_scale_group *group = find_group(plan, i);
    group->low = INFINITY;
    group->high = -INFINITY;
  }
  for (int32_t i = 0; i < 2 * plan->tensor_count; ++i) {
    if (trained[i].seen) widen(find_group(plan, i), trained[i].low, trained[i].high);
  }
}

static ln_status find_ranges(ln_integer_plan *plan) {
  ln_optimizer *o = plan->o;
  if (o->trained == NULL) {
    LN_TRY(ln_edit_snapshot(o->model, o->err, &plan->before));
    return ln_calibrate(o, plan->stage, plan->before, &plan->ranges);
  }
  plan->ranges = ln_alloc_array((size_t)plan->tensor_count, sizeof *plan->ranges);
  if (plan->ranges == NULL) return ln_optimizer_no_memory(o);
  memcpy(plan->ranges, o->trained->ranges, (size_t)plan->tensor_count * sizeof *plan->ranges);
  return LN_OK;
}

ln_status ln_integer_plan_make(ln_optimizer *o, const ln_stage *stage, ln_integer_plan *plan) {
  *plan = (ln_integer_plan){.o = o, .stage = stage, .tensor_count = ln_optimizer_graph(o)->tensor_count};
  plan->io = io_type(plan);
  LN_TRY(ln_integer_fuse_activations(plan));
  LN_TRY(find_ranges(plan));
  LN_TRY(ln_layers_find(o, NULL, &plan->layers, &plan->layer_count));
  LN_TRY(prepare_plan(plan));
  LN_TRY(choose_numbers(plan));
  LN_TRY(follow_numbers(plan));
  LN_TRY(follow_neighbours(plan));
  find_homes(plan);
  note_left_layers(plan);
  LN_TRY(find_groups(plan));
  if (o->trained != NULL) take_trained(plan);
  return LN_OK;
}

void ln_integer_plan_close(ln_integer_plan *plan) {
  ln_free(plan->layers);
  ln_free(plan->ranges);
  ln_model_destroy(plan->before);
}

int32_t ln_integer_group(ln_integer_plan *plan, int32_t tensor, ln_compute number) {
  return (int32_t)(find_group(plan, node_of(tensor, number)) - plan->groups);
}

static ln_status write_plan(ln_integer_plan *plan) {
  LN_TRY(ln_integer_write(plan));
  LN_TRY(note_bodies(plan->o));
  if (plan->o->trained != NULL) return LN_OK;
  if (!ln_stage_is(plan->stage, plan->o, NULL, "bias-correction", "false")) {
    LN_TRY(ln_bias_correct(plan->o, plan->stage, plan->before));
  }
  return ln_integer_report(plan);
}

ln_status ln_quantize_full_integer(ln_optimizer *o, const ln_stage *stage) {
  ln_integer_plan plan;
  if (o->trained == NULL) LN_TRY(ln_optimizer_needs_samples(o));
  ln_status status = ln_integer_plan_make(o, stage, &plan);
  if (status == LN_OK) status = write_plan(&plan);
  ln_integer_plan_close(&plan);
  return status;
}
