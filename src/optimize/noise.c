/* The noise of mixes of formats, predicted from what was measured of each operator and tensor alone. */
#include "optimize/noise.h"

#include <string.h>

bool ln_noise_make(const ln_graph *graph, ln_arena *arena, ln_noise *out) {
  out->ops = ln_arena_array(arena, (size_t)graph->op_count + 1, sizeof *out->ops);
  out->groups = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *out->groups);
  return out->ops != NULL && out->groups != NULL;
}

bool ln_noise_net_make(const ln_graph *graph, ln_arena *arena, ln_noise_net *out) {
  const size_t ops = (size_t)graph->op_count + 1, tensors = (size_t)graph->tensor_count + 1;
  size_t operands = 1;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    operands += (size_t)graph->ops[i].input_count + (size_t)graph->ops[i].output_count;
  }
  *out = (ln_noise_net){.graph = graph,
                        .moves = ln_arena_array(arena, ops, sizeof *out->moves),
                        .groups = ln_arena_array(arena, tensors, sizeof *out->groups),
                        .links = ln_arena_array(arena, operands, sizeof *out->links),
                        .links_of_op = ln_arena_array(arena, ops, sizeof *out->links_of_op),
                        .links_of_group = ln_arena_array(arena, tensors, sizeof *out->links_of_group)};
  if (!out->moves || !out->groups || !out->links || !out->links_of_op || !out->links_of_group) return false;
  for (int32_t i = 0; i < graph->tensor_count; ++i) out->groups[i] = i;
  return true;
}

static void link(ln_noise_net *net, int32_t op, int32_t tensor) {
  if (tensor < 0 || ln_tensor_const_data(&net->graph->tensors[tensor])) return;
  const int32_t group = net->groups[tensor];
  for (int32_t l = net->links_of_op[op]; l >= 0; l = net->links[l].next_of_op) {
    if (net->links[l].group == group) return;
  }
  net->links[net->link_count] = (ln_noise_link){op, group, net->links_of_op[op], net->links_of_group[group]};
  net->links_of_op[op] = net->links_of_group[group] = net->link_count++;
}

void ln_noise_net_link(ln_noise_net *net) {
  const ln_graph *graph = net->graph;
  net->link_count = 0;
  memset(net->links_of_op, -1, (size_t)graph->op_count * sizeof *net->links_of_op);
  memset(net->links_of_group, -1, (size_t)graph->tensor_count * sizeof *net->links_of_group);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (net->moves[i]) continue;
    for (int32_t k = 0; k < op->input_count; ++k) link(net, i, op->inputs[k]);
    for (int32_t k = 0; k < op->output_count; ++k) link(net, i, op->outputs[k]);
  }
}

static double of_group(const ln_noise *formats, int32_t format, int32_t group) {
  return format < 0 ? 0 : formats[format].groups[group];
}

static double of_op(const ln_noise *formats, int32_t format, int32_t op) {
  return format < 0 ? 0 : formats[format].ops[op];
}

double ln_noise_total(const ln_noise_net *net, const ln_noise *formats, const int8_t *now) {
  double sum = 0;
  for (int32_t i = 0; i < net->graph->op_count; ++i) sum += of_op(formats, now[i], i);
  for (int32_t g = 0; g < net->graph->tensor_count; ++g) {
    double most = 0; /* the coarsest of those that touch it rounds it */
    for (int32_t l = net->links_of_group[g]; l >= 0; l = net->links[l].next_of_group) {
      const double own = of_group(formats, now[net->links[l].op], g);
      if (own > most) most = own;
    }
    sum += most;
  }
  return sum;
}

double ln_noise_gain(const ln_noise_net *net, const ln_noise *formats, const int8_t *now, int32_t op, int32_t to) {
  double gain = of_op(formats, now[op], op) - of_op(formats, to, op);
  for (int32_t l = net->links_of_op[op]; l >= 0; l = net->links[l].next_of_op) {
    const int32_t group = net->links[l].group;
    const double then = of_group(formats, to, group);
    int32_t holders = 1;
    for (int32_t k = net->links_of_group[group]; k >= 0; k = net->links[k].next_of_group) {
      if (net->links[k].op != op && of_group(formats, now[net->links[k].op], group) > then) ++holders;
    }
    gain += (of_group(formats, now[op], group) - then) / holders;
  }
  return gain;
}
