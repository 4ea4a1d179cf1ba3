/*
 * Which tensor of a quantized graph stands for which of the graph in floats. Names count first, where both graphs have
 * them once for the same kind of operator. From there both graphs are walked in step: forwards, where operators of one
 * kind read counterparts; backwards, where they write them; and by their weights, where neither helps.
 */
#include <math.h>
#include <string.h>

#include "optimize/debugger.h"

typedef struct matcher {
  ln_debug_pairs *pairs;
  bool changed;
} matcher;

/* ---- one side ---- */

static bool is_kind(const ln_op *op, int32_t code) { return op->def->code == code && op->custom_name == NULL; }

static bool is_transparent(const ln_op *op) {
  return (is_kind(op, LN_OP_QUANTIZE) || is_kind(op, LN_OP_DEQUANTIZE)) && op->inputs[0] >= 0;
}

static bool is_activation(const ln_op *op) {
  return is_kind(op, LN_OP_RELU) || is_kind(op, LN_OP_RELU6) || is_kind(op, LN_OP_RELU_N1_TO_1);
}

static bool same_kind(const ln_op *a, const ln_op *b) {
  if (a->def->code != b->def->code || (a->custom_name == NULL) != (b->custom_name == NULL)) return false;
  return a->custom_name == NULL || strcmp(a->custom_name, b->custom_name) == 0;
}

/* Operators stand in an order that can be run, so that what one reads is known when it is reached. */
static bool survey(const ln_graph *graph, ln_arena *arena, ln_debug_side *side) {
  const size_t tensors = (size_t)graph->tensor_count + 1;
  *side = (ln_debug_side){.graph = graph,
                          .producers = ln_graph_producers(graph, arena),
                          .uses = ln_graph_count_uses(graph, arena),
                          .readers = ln_arena_array(arena, tensors, sizeof *side->readers),
                          .roots = ln_arena_array(arena, tensors, sizeof *side->roots),
                          .constant = ln_arena_array(arena, tensors, sizeof *side->constant)};
  if (side->producers == NULL || side->uses == NULL || side->readers == NULL || side->roots == NULL ||
      side->constant == NULL) {
    return false;
  }
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    side->roots[i] = i;
    side->readers[i] = -1;
    side->constant[i] = ln_tensor_const_data(&graph->tensors[i]);
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    bool constant = op->input_count > 0 && (op->def->flags & LN_OPF_STATEFUL) == 0;
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] < 0) continue;
      constant = constant && side->constant[op->inputs[k]];
      if (side->readers[op->inputs[k]] < 0) side->readers[op->inputs[k]] = i;
    }
    for (int32_t k = 0; k < op->output_count; ++k) side->constant[op->outputs[k]] = constant;
    if (is_transparent(op)) side->roots[op->outputs[0]] = side->roots[op->inputs[0]];
  }
  return true;
}

static const ln_tensor *tensor_at(const ln_debug_side *side, int32_t index) { return &side->graph->tensors[index]; }

/* Whether two tensors can hold the same values: a size that only a run can tell fits any. */
static bool fits(const ln_debug_side *f, int32_t ft, const ln_debug_side *q, int32_t qt) {
  size_t a, b;
  if (!ln_shape_elements(&tensor_at(f, ft)->shape, &a) || !ln_shape_elements(&tensor_at(q, qt)->shape, &b)) return true;
  return a == b;
}

/* ---- pairs ---- */

static int32_t mapped(const ln_debug_pairs *p, int32_t qt) { return p->tensors[p->q.roots[qt]]; }

static void pair_tensors(matcher *m, int32_t ft, int32_t qt, ln_quant_match how) {
  ln_debug_pairs *p = m->pairs;
  const int32_t fr = p->f.roots[ft], qr = p->q.roots[qt];
  if (p->tensors[qr] >= 0 || !fits(&p->f, fr, &p->q, qr) || p->f.constant[fr] != p->q.constant[qr]) return;
  p->tensors[qr] = fr;
  p->how[qr] = (uint8_t)how;
  m->changed = true;
}

/* The activation that alone reads a tensor; -1. */
static int32_t activation_after(const ln_debug_side *side, int32_t tensor) {
  const int32_t reader = side->readers[tensor];
  return reader >= 0 && side->uses[tensor] == 1 && is_activation(&side->graph->ops[reader]) ? reader : -1;
}

/* An activation that only one of the graphs has fused into its operator: what comes after it is the counterpart. */
static void pair_outputs(matcher *m, int32_t fo, int32_t qo) {
  ln_debug_pairs *p = m->pairs;
  const ln_op *f = &p->f.graph->ops[fo], *q = &p->q.graph->ops[qo];
  for (int32_t k = 0; k < f->output_count && k < q->output_count; ++k) {
    int32_t ft = f->outputs[k], qt = q->outputs[k];
    const int32_t f_act = activation_after(&p->f, ft), q_act = activation_after(&p->q, qt);
    if (f_act >= 0 && q_act < 0 && f->output_count == 1) ft = p->f.graph->ops[f_act].outputs[0];
    if (q_act >= 0 && f_act < 0 && q->output_count == 1) qt = p->q.graph->ops[q_act].outputs[0];
    pair_tensors(m, ft, qt, LN_QUANT_MATCH_STRUCTURE);
  }
}

static void pair_ops(matcher *m, int32_t fo, int32_t qo) {
  ln_debug_pairs *p = m->pairs;
  if (p->ops[qo] >= 0 || p->back[fo] >= 0) return;
  p->ops[qo] = fo;
  p->back[fo] = qo;
  m->changed = true;
  pair_outputs(m, fo, qo);
}

/* The inputs of operators that stand for one another, constants too, where their order is sure. */
static void pair_inputs(matcher *m, int32_t fo, int32_t qo) {
  ln_debug_pairs *p = m->pairs;
  const ln_op *f = &p->f.graph->ops[fo], *q = &p->q.graph->ops[qo];
  for (int32_t k = 0; k < f->input_count && k < q->input_count; ++k) {
    if (f->inputs[k] < 0 || q->inputs[k] < 0) continue;
    const bool constant = p->q.constant[q->inputs[k]];
    if (!constant && (q->def->flags & LN_OPF_COMMUTES) != 0) continue;
    pair_tensors(m, f->inputs[k], q->inputs[k], LN_QUANT_MATCH_STRUCTURE);
  }
}

/* ---- weights ---- */

enum { LEAST_WEIGHTS = 8 };

/* The cosine of some hundred elements of two constants of one size; 0 where it cannot be told. */
static double likeness(const ln_tensor *a, const ln_tensor *b) {
  enum { MOST = 499 };
  const size_t count = ln_tensor_elements(a);
  if (count == 0 || count != ln_tensor_elements(b)) return 0;
  const size_t step = count / MOST + 1;
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < count; i += step) {
    const double x = (double)ln_tensor_get_f32(a, i), y = (double)ln_tensor_get_f32(b, i);
    if (!isfinite(x) || !isfinite(y)) return 0;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : aa == bb;
}

/* How alike the constants of two operators of one kind are, on average: -2 when there are none to compare. */
static double constants_alike(const ln_debug_pairs *p, const ln_op *f, const ln_op *q, size_t least) {
  double sum = 0;
  int32_t count = 0;
  for (int32_t k = 0; k < f->input_count && k < q->input_count; ++k) {
    if (f->inputs[k] < 0 || q->inputs[k] < 0) continue;
    const ln_tensor *a = tensor_at(&p->f, p->f.roots[f->inputs[k]]), *b = tensor_at(&p->q, p->q.roots[q->inputs[k]]);
    if (!ln_tensor_const_data(a) || !ln_tensor_const_data(b) || ln_tensor_elements(b) < least) continue;
    sum += likeness(a, b);
    ++count;
  }
  return count > 0 ? sum / count : -2;
}

/* ---- names ---- */

/* What converters append to the name of a tensor that they quantize. */
static size_t plain_length(const char *name) {
  static const char *const ends[] = {"_int8", "_int16", "_uint8", "_quantized", "_dequantized", "_dequantize"};
  const size_t length = strlen(name);
  for (size_t i = 0; i < LN_COUNT(ends); ++i) {
    const size_t end = strlen(ends[i]);
    if (length > end && strcmp(name + length - end, ends[i]) == 0) return length - end;
  }
  return length;
}

static bool same_name(const char *a, const char *b, bool plain) {
  if (!plain) return strcmp(a, b) == 0;
  const size_t la = plain_length(a), lb = plain_length(b);
  return la == lb && memcmp(a, b, la) == 0;
}

/* The only tensor of the name that an input reaches, roots alone; -1 for none or several. */
static int32_t find_name(const ln_debug_side *side, const char *name, bool plain) {
  int32_t found = -1;
  for (int32_t i = 0; i < side->graph->tensor_count; ++i) {
    if (side->constant[i] || !same_name(tensor_at(side, i)->name, name, plain)) continue;
    if (found >= 0 && side->roots[found] != side->roots[i]) return -1;
    found = i;
  }
  return found;
}

static bool makers_agree(const ln_debug_pairs *p, int32_t ft, int32_t qt) {
  const int32_t fo = p->f.producers[p->f.roots[ft]], qo = p->q.producers[p->q.roots[qt]];
  if (fo < 0 || qo < 0) return fo < 0 && qo < 0;
  const ln_op *f = &p->f.graph->ops[fo], *q = &p->q.graph->ops[qo];
  if (!same_kind(f, q)) return is_activation(f) || is_activation(q);
  const double alike = constants_alike(p, f, q, LEAST_WEIGHTS);
  return alike < -1 || alike > 0.5; /* names that are numbers may stand for anything */
}

static void pair_names(matcher *m, bool plain) {
  ln_debug_pairs *p = m->pairs;
  for (int32_t i = 0; i < p->q.graph->tensor_count; ++i) {
    const char *name = p->q.graph->tensors[i].name;
    if (p->q.constant[i] || name[0] == '\0' || mapped(p, i) >= 0 || find_name(&p->q, name, plain) < 0) continue;
    const int32_t ft = find_name(&p->f, name, plain);
    if (ft < 0 || !makers_agree(p, ft, i)) continue;
    pair_tensors(m, ft, i, LN_QUANT_MATCH_NAME);
  }
}

/* ---- the walk ---- */

/* Whether operators of one kind read counterparts: every computed input of `q` is known and stands in its place. */
static bool reads_counterparts(const ln_debug_pairs *p, const ln_op *f, const ln_op *q, bool swapped) {
  bool any = false;
  if (f->input_count < 2 && swapped) return false;
  for (int32_t k = 0; k < q->input_count; ++k) {
    if (q->inputs[k] < 0 || p->q.constant[q->inputs[k]] || tensor_at(&p->q, q->inputs[k])->is_variable) continue;
    const int32_t place = swapped && k < 2 ? 1 - k : k, want = mapped(p, q->inputs[k]);
    if (want < 0 || place >= f->input_count || f->inputs[place] < 0) return false;
    if (p->f.roots[f->inputs[place]] != want) return false;
    any = true;
  }
  return any;
}

static bool outputs_fit(const ln_debug_pairs *p, const ln_op *f, const ln_op *q) {
  if (f->output_count != q->output_count) return false;
  for (int32_t k = 0; k < f->output_count; ++k) {
    const int32_t known = mapped(p, q->outputs[k]);
    if (known >= 0 && known != p->f.roots[f->outputs[k]] && activation_after(&p->f, f->outputs[k]) < 0) return false;
    if (!fits(&p->f, f->outputs[k], &p->q, q->outputs[k])) return false;
  }
  return true;
}

static void step_forward(matcher *m, int32_t qo) {
  const ln_debug_pairs *p = m->pairs;
  const ln_op *q = &p->q.graph->ops[qo];
  int32_t best = -1;
  double best_score = -3;
  for (int32_t fo = 0; fo < p->f.graph->op_count; ++fo) {
    const ln_op *f = &p->f.graph->ops[fo];
    if (p->back[fo] >= 0 || !same_kind(f, q) || !outputs_fit(p, f, q)) continue;
    const bool swaps = (q->def->flags & LN_OPF_COMMUTES) != 0;
    if (!reads_counterparts(p, f, q, false) && !(swaps && reads_counterparts(p, f, q, true))) continue;
    const double score = constants_alike(p, f, q, 2);
    if (score > best_score) {
      best = fo;
      best_score = score;
    }
  }
  if (best >= 0) pair_ops(m, best, qo);
}

static void step_backward(matcher *m, int32_t qo) {
  const ln_debug_pairs *p = m->pairs;
  const ln_op *q = &p->q.graph->ops[qo];
  for (int32_t k = 0; k < q->output_count; ++k) {
    const int32_t ft = mapped(p, q->outputs[k]);
    const int32_t fo = ft >= 0 ? p->f.producers[ft] : -1;
    if (fo < 0 || p->back[fo] >= 0 || !same_kind(&p->f.graph->ops[fo], q)) continue;
    if (p->f.graph->ops[fo].output_count == q->output_count) {
      pair_ops(m, fo, qo);
      return;
    }
  }
}

/* Weights that hardly any other operator can have. */
static void step_weights(matcher *m, int32_t qo) {
  const ln_debug_pairs *p = m->pairs;
  const ln_op *q = &p->q.graph->ops[qo];
  int32_t best = -1;
  double best_score = 0.9;
  for (int32_t fo = 0; fo < p->f.graph->op_count; ++fo) {
    const ln_op *f = &p->f.graph->ops[fo];
    if (p->back[fo] >= 0 || !same_kind(f, q) || !outputs_fit(p, f, q)) continue;
    const double score = constants_alike(p, f, q, LEAST_WEIGHTS);
    if (score > best_score) {
      best = fo;
      best_score = score;
    }
  }
  if (best >= 0) pair_ops(m, best, qo);
}

static void walk(matcher *m) {
  ln_debug_pairs *p = m->pairs;
  const int32_t count = p->q.graph->op_count;
  do {
    m->changed = false;
    for (int32_t i = count - 1; i >= 0; --i) {
      if (is_transparent(&p->q.graph->ops[i])) continue;
      if (p->ops[i] < 0) step_backward(m, i);
      if (p->ops[i] >= 0) pair_inputs(m, p->ops[i], i);
    }
    for (int32_t i = 0; i < count; ++i) {
      if (is_transparent(&p->q.graph->ops[i])) continue;
      if (p->ops[i] < 0) step_forward(m, i);
      if (p->ops[i] >= 0) pair_inputs(m, p->ops[i], i);
    }
  } while (m->changed);
}

ln_status ln_debug_match(const ln_graph *f, const ln_graph *q, const ln_debug_ends *ends, ln_arena *arena,
                         ln_debug_pairs *out) {
  *out = (ln_debug_pairs){0};
  if (!survey(f, arena, &out->f) || !survey(q, arena, &out->q)) return LN_ERR_MEMORY;
  out->tensors = ln_arena_array(arena, (size_t)q->tensor_count + 1, sizeof *out->tensors);
  out->how = ln_arena_array(arena, (size_t)q->tensor_count + 1, sizeof *out->how);
  out->ops = ln_arena_array(arena, (size_t)q->op_count + 1, sizeof *out->ops);
  out->back = ln_arena_array(arena, (size_t)f->op_count + 1, sizeof *out->back);
  if (out->tensors == NULL || out->how == NULL || out->ops == NULL || out->back == NULL) return LN_ERR_MEMORY;
  memset(out->tensors, -1, (size_t)q->tensor_count * sizeof *out->tensors);
  memset(out->ops, -1, (size_t)q->op_count * sizeof *out->ops);
  memset(out->back, -1, (size_t)f->op_count * sizeof *out->back);
  matcher m = {out, false};
  for (int32_t i = 0; i < ends->input_count; ++i) {
    pair_tensors(&m, ends->f_inputs[i], ends->q_inputs[i], LN_QUANT_MATCH_STRUCTURE);
  }
  for (int32_t i = 0; i < ends->output_count; ++i) {
    pair_tensors(&m, ends->f_outputs[i], ends->q_outputs[i], LN_QUANT_MATCH_STRUCTURE);
  }
  pair_names(&m, false);
  pair_names(&m, true);
  walk(&m);
  for (int32_t i = 0; i < q->op_count; ++i) {
    if (out->ops[i] >= 0 || is_transparent(&q->ops[i])) continue;
    step_weights(&m, i);
    if (out->ops[i] >= 0) walk(&m);
  }
  for (int32_t i = 0; i < q->tensor_count; ++i) {
    const int32_t root = out->q.roots[i];
    out->tensors[i] = out->tensors[root];
    out->how[i] = out->how[root];
  }
  return LN_OK;
}
