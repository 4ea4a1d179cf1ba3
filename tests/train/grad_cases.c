/*
 * Gradients against differences: grad_cases [-v] [--fast] [--write FOLDER] [FILTER]. Every operator case whose
 * operators all have gradients is differentiated by its float inputs and constants. The loss is the sum of the outputs,
 * each element times a fixed random weight. A few elements of each input are moved to both sides, by h and by h / 2;
 * the differences, extrapolated, must agree with the gradient to 0.3 % and what float32 leaves of them. Where
 * differences of h and of h / 2 do not agree with one another there is a kink, and nothing is compared. Every operator
 * whose row names a gradient must have been compared somewhere. --write leaves the differentiated models with their
 * inputs and outputs in a folder, for litert_gradients.py. --fast takes the form of gradients that this library alone
 * runs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/linnet.h"
#include "support/cases.h"
#include "support/unit.h"
#include "train/train.h"

enum { MOST_INPUTS = 32, SAMPLES = 6, MOST_ELEMENTS = 1 << 18 };

typedef struct totals {
  bool verbose, fast;
  const char *filter, *folder;
  int written;
  int cases, elements, kinks, failed, refused;
  int *compared; /* elements, by the operator's row */
} totals;

static totals all;
static uint64_t seed;

static double noise(void) {
  seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (double)(seed >> 11) / 9007199254740992.0;
}

/* ---- one case ---- */

typedef struct grad_case {
  const char *name;
  ln_model *source, *edited, *forward_model, *backward_model;
  ln_session *forward, *backward;
  int32_t input_count;
  void *data[MOST_INPUTS];
  size_t bytes[MOST_INPUTS];
  bool by[MOST_INPUTS];
  int32_t gradient[MOST_INPUTS]; /* output of `backward`; -1 */
  float *weights;                /* for all outputs, one behind another */
  size_t weight_count;
  double *base;  /* the outputs' values */
  bool clamps;   /* an operator may have a fused activation */
  bool infinite; /* some input holds what is no number */
  bool at_kink;  /* one began or ended to clamp */
  ln_error err;
} grad_case;

/* What rounds has no differences. */
static bool is_stairs(const ln_op_def *def) {
  return def->code == LN_OP_QUANTIZE || def->code == LN_OP_FAKE_QUANT || strncmp(def->name, "FlexFakeQuant", 13) == 0;
}

static bool usable_op(const ln_graph *graph, const ln_op *op) {
  if (op->def->gradient == LN_NO_AUTODIFF) return false;
  if (is_stairs(op->def)) return false;
  for (int32_t i = 0; i < op->input_count; ++i) { /* integer weights: inputs are quantized in the run */
    if (op->inputs[i] < 0 || (op->def->flags & LN_OPF_LAYER) == 0) continue;
    const ln_tensor *tensor = &graph->tensors[op->inputs[i]];
    if (tensor->type != LN_FLOAT32 && tensor->quant->kind != LN_QUANT_NONE && op->def->code != LN_OP_GATHER)
      return false;
  }
  return true;
}

static bool usable(const ln_model *model) {
  const ln_graph *graph = &model->graphs[0];
  bool any = false;
  if (model->signature_count != 0 || graph->input_count >= MOST_INPUTS) return false;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (graph->tensors[i].type == LN_RESOURCE) return false; /* what is kept there is no tensor */
  }
  for (int32_t k = 0; k < model->graph_count; ++k) {
    for (int32_t i = 0; i < model->graphs[k].op_count; ++i) {
      if (!usable_op(&model->graphs[k], &model->graphs[k].ops[i])) return false;
      any = any || model->graphs[k].ops[i].def->gradient == LN_HAS_GRADIENT;
      if (strcmp(model->graphs[k].ops[i].def->name, "CALL_ONCE") == 0) return false; /* it changes what others read */
    }
  }
  bool floats = false;
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[graph->outputs[i]];
    if (tensor->is_variable) return false; /* changed without an operator that says so */
    floats = floats || tensor->type == LN_FLOAT32;
  }
  return any && floats;
}

static ln_session *open_session(grad_case *c, ln_model *model, bool keep) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.first_graph = true;
  options.keep_all_tensors = keep;
  return ln_session_create(model, &options, &c->err, &session) == LN_OK ? session : NULL;
}

static bool set_inputs(grad_case *c, ln_session *session) {
  for (int32_t i = 0; i < c->input_count; ++i) {
    if (ln_session_set_input(session, i, c->data[i], c->bytes[i], &c->err) != LN_OK) return false;
  }
  return true;
}

/* The inputs as the case has them; float constants become inputs behind them. */
static bool take_inputs(grad_case *c, const ln_session *session) {
  ln_graph *graph = &c->edited->graphs[0];
  int32_t *inputs = ln_arena_array(&c->edited->arena, MOST_INPUTS, sizeof *inputs);
  c->input_count = graph->input_count;
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const void *data = ln_test_case_input(c->source, i, &c->bytes[i]);
    inputs[i] = graph->inputs[i];
    if (graph->tensors[inputs[i]].type == LN_STRING || (data == NULL && c->bytes[i] > 0)) return false;
    c->data[i] = malloc(c->bytes[i] + 1);
    if (data != NULL) memcpy(c->data[i], data, c->bytes[i]);
  }
  (void)session;
  for (int32_t i = 0; i < graph->tensor_count && c->input_count < MOST_INPUTS; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    if (tensor->type != LN_FLOAT32 || !ln_tensor_const_data(tensor) || tensor->sparsity != NULL ||
        tensor->codebook != NULL || tensor->bytes == 0) {
      continue;
    }
    c->bytes[c->input_count] = tensor->bytes;
    c->data[c->input_count] = malloc(tensor->bytes);
    memcpy(c->data[c->input_count], tensor->data, tensor->bytes);
    inputs[c->input_count++] = i;
    tensor->storage = LN_STORAGE_NONE;
    tensor->data = NULL;
    tensor->bytes = 0;
    tensor->buffer = 0;
  }
  graph->inputs = inputs;
  graph->input_count = c->input_count;
  for (int32_t i = 0; i < c->input_count; ++i) {
    const float *values = c->data[i];
    c->by[i] = graph->tensors[inputs[i]].type == LN_FLOAT32 && c->bytes[i] >= 4;
    for (size_t k = 0; c->by[i] && k < c->bytes[i] / 4; ++k) c->infinite = c->infinite || !isfinite(values[k]);
  }
  return true;
}

static bool prepare_shapes(grad_case *c, ln_optimizer *o) {
  ln_session *session = open_session(c, c->source, true);
  bool good = session != NULL && ln_test_case_resize(c->source, session, &c->err) == LN_OK;
  for (int32_t i = 0; good && i < ln_session_input_count(session); ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(c->source, i, &bytes);
    good = ln_session_set_input(session, i, data, bytes, &c->err) == LN_OK;
  }
  good = good && ln_session_run(session, &c->err) == LN_OK && ln_edit_begin(c->source, &c->err, &c->edited) == LN_OK;
  o->model = c->edited;
  good = good && ln_grad_take_shapes(o, session) == LN_OK && take_inputs(c, session);
  ln_session_destroy(session);
  return good;
}

/* sum(output * weights) over the float outputs. */
static int32_t add_loss(grad_case *c, ln_grad *g) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  int32_t total = -1, count = graph->output_count;
  const int32_t *outputs = graph->outputs;
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[outputs[i]];
    size_t elements = 0;
    if (tensor->type != LN_FLOAT32 || !ln_shape_elements(&tensor->shape, &elements) || elements == 0) continue;
    c->weights = realloc(c->weights, (c->weight_count + elements) * sizeof *c->weights);
    float *own = ln_arena_array(ln_optimizer_arena(g->o), elements, sizeof *own);
    for (size_t k = 0; k < elements; ++k) own[k] = (float)((0.5 + noise()) * (noise() < 0.5 ? -1 : 1));
    memcpy(c->weights + c->weight_count, own, elements * sizeof *own);
    c->weight_count += elements;
    const ln_shape shape = tensor->shape;
    const int32_t by = ln_edit_add_constant(g->o, "weights", LN_FLOAT32, &shape, own, elements * sizeof *own);
    const int32_t flat[1] = {(int32_t)elements};
    int32_t sum = ln_grad_sum(g, ln_grad_reshape_dims(g, ln_grad_mul(g, outputs[i], by), 1, flat), 1);
    sum = ln_grad_reshape_dims(g, sum, 0, NULL);
    total = total < 0 ? sum : ln_grad_binary(g, LN_OP_ADD, total, sum);
  }
  return total;
}

static bool build(grad_case *c, ln_optimizer *o) {
  int32_t tensors[MOST_INPUTS], gradients[MOST_INPUTS], count = 0, outputs = 0;
  ln_grad g = {.o = o};
  if (ln_edit_snapshot(c->edited, &c->err, &c->forward_model) != LN_OK) return false;
  ln_graph *graph = &c->edited->graphs[0];
  const int32_t loss = add_loss(c, &g);
  if (loss < 0) return false;
  for (int32_t i = 0; i < c->input_count; ++i) {
    if (c->by[i]) tensors[count++] = graph->inputs[i];
  }
  if (count == 0) return false;
  if ((all.fast ? ln_grad_build_fast : ln_grad_build)(o, loss, tensors, count, gradients) != LN_OK) return false;
  graph = &c->edited->graphs[0]; /* branches and loops add graphs */
  graph->outputs = ln_arena_array(&c->edited->arena, MOST_INPUTS + 1, sizeof(int32_t));
  graph->outputs[outputs++] = loss;
  count = 0;
  for (int32_t i = 0; i < c->input_count; ++i) {
    const int32_t gradient = c->by[i] ? gradients[count++] : -1;
    c->gradient[i] = gradient < 0 ? -1 : outputs;
    if (gradient >= 0) graph->outputs[outputs++] = gradient;
  }
  graph->output_count = outputs;
  return ln_grad_snapshot(c->edited, &c->err, &c->backward_model) == LN_OK;
}

/* ---- comparing ---- */

/* Where activations clamp. */
static bool is_end(double y) { return y == 0 || y == 6 || y == 1 || y == -1; }

/* The weighted sum of what the outputs moved by; *size: of the terms, moved ones only. */
static double moved(grad_case *c, double *size, bool *good) {
  double sum = 0;
  size_t at = 0;
  ln_session_reset(c->forward);
  *good = ln_session_run(c->forward, &c->err) == LN_OK;
  for (int32_t i = 0; *good && i < ln_session_output_count(c->forward); ++i) {
    const ln_tensor *tensor = ln_session_output(c->forward, i);
    const float *values = ln_tensor_data(tensor);
    if (ln_tensor_type(tensor) != LN_FLOAT32) continue;
    for (size_t k = 0; k < ln_tensor_elements(tensor) && at < c->weight_count; ++k, ++at) {
      const double step = (double)values[k] - c->base[at];
      if (step == 0) continue;
      if (c->clamps && is_end((double)values[k]) != is_end(c->base[at])) c->at_kink = true;
      sum += step * (double)c->weights[at];
      *size += fabs(c->base[at] * (double)c->weights[at]);
    }
  }
  return sum;
}

/* The slope along element `e` of input `i`; false at a kink. */
static bool slope(grad_case *c, int32_t i, size_t e, double *out, double *bound) {
  float *values = c->data[i];
  const float x = values[e];
  const double h = 0.02 * fmin(fmax(fabs((double)x), 0.25), 4);
  double side[4], size = 0, step[4];
  bool good = true;
  if (!isfinite(x)) return false;
  c->at_kink = false;
  for (int n = 0; n < 4 && good; ++n) { /* h, -h, h / 2, -h / 2 */
    values[e] = (float)((double)x + (n % 2 == 0 ? h : -h) / (n < 2 ? 1 : 2));
    step[n] = (double)values[e] - (double)x;
    good = ln_session_set_input(c->forward, i, values, c->bytes[i], &c->err) == LN_OK;
    if (good) side[n] = moved(c, &size, &good);
  }
  values[e] = x;
  good = good && ln_session_set_input(c->forward, i, values, c->bytes[i], &c->err) == LN_OK;
  if (!good || c->at_kink) return false;
  const double wide = (side[0] - side[1]) / (step[0] - step[1]), narrow = (side[2] - side[3]) / (step[2] - step[3]);
  const double bend = side[0] / step[0] - side[1] / step[1], half_bend = side[2] / step[2] - side[3] / step[3];
  const double rest = 1.2e-7 * size / h + 1e-6;
  *out = (4 * narrow - wide) / 3;
  *bound = 3e-3 * fabs(*out) + 4 * rest + fabs(narrow - wide);
  if (!isfinite(*out)) return false;
  if (fabs(wide - narrow) > 0.01 * fabs(narrow) + 4 * rest) return false;
  return fabs(half_bend) <= 0.75 * fabs(bend) + 4 * rest + 1e-3 * fabs(narrow);
}

static void complain(const grad_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(const grad_case *c, const char *format, ...) {
  va_list list;
  va_start(list, format);
  printf("FAIL %s: ", c->name);
  vprintf(format, list);
  printf("\n");
  va_end(list);
}

static bool compare_input(grad_case *c, int32_t i, int *compared) {
  const size_t elements = c->bytes[i] / 4;
  const ln_tensor *tensor = c->gradient[i] < 0 ? NULL : ln_session_output(c->backward, c->gradient[i]);
  const float *gradient = tensor == NULL ? NULL : ln_tensor_data(tensor);
  if (tensor != NULL && ln_tensor_elements(tensor) != elements) {
    complain(c, "the gradient by input %d has %zu elements, not %zu", (int)i, ln_tensor_elements(tensor), elements);
    return false;
  }
  for (int n = 0; n < SAMPLES && (size_t)n < elements; ++n) {
    const size_t e = elements <= SAMPLES ? (size_t)n : (size_t)(noise() * (double)elements);
    double wanted = 0, bound = 0;
    const double is = gradient == NULL ? 0 : (double)gradient[e];
    if (!slope(c, i, e, &wanted, &bound) || (c->infinite && !isfinite(is))) {
      ++all.kinks;
      continue;
    }
    ++*compared;
    if (fabs(is - wanted) <= bound) continue; /* no NaN is */
    complain(c, "the gradient by input %d, element %zu is %.7g, differences say %.7g (allowed %.2g)", (int)i, e, is,
             wanted, bound);
    return false;
  }
  return true;
}

static bool compare(grad_case *c, int *compared) {
  size_t at = 0;
  c->forward = open_session(c, c->forward_model, false);
  c->backward = open_session(c, c->backward_model, false);
  if (c->forward == NULL || c->backward == NULL || !set_inputs(c, c->forward) || !set_inputs(c, c->backward) ||
      ln_session_run(c->forward, &c->err) != LN_OK || ln_session_run(c->backward, &c->err) != LN_OK) {
    complain(c, "%s", c->err.message);
    return false;
  }
  c->base = calloc(c->weight_count + 1, sizeof *c->base);
  for (int32_t i = 0; i < ln_session_output_count(c->forward); ++i) {
    const ln_tensor *tensor = ln_session_output(c->forward, i);
    const float *values = ln_tensor_data(tensor);
    for (size_t k = 0; ln_tensor_type(tensor) == LN_FLOAT32 && k < ln_tensor_elements(tensor); ++k) {
      if (at < c->weight_count) c->base[at++] = (double)values[k];
    }
  }
  for (int32_t i = 0; i < c->input_count; ++i) {
    if (c->by[i] && !compare_input(c, i, compared)) return false;
  }
  return true;
}

static void write_bytes(const char *kind, int32_t index, const void *data, size_t bytes) {
  char name[32], path[1200];
  if (index < 0) snprintf(name, sizeof name, "%d.%s", all.written, kind);
  else snprintf(name, sizeof name, "%d.%s.%d", all.written, kind, (int)index);
  snprintf(path, sizeof path, "%s/%s", all.folder, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, bytes, file) != bytes) exit(2);
  fclose(file);
}

static void write_case(grad_case *c) {
  uint8_t *file = NULL;
  size_t size = 0;
  if (ln_edit_file(c->edited, &c->err, &file, &size) != LN_OK) exit(2);
  write_bytes("tflite", -1, file, size);
  write_bytes("name", -1, c->name, strlen(c->name));
  ln_free(file);
  for (int32_t i = 0; i < c->input_count; ++i) write_bytes("in", i, c->data[i], c->bytes[i]);
  for (int32_t i = 0; i < ln_session_output_count(c->backward); ++i) {
    const ln_tensor *tensor = ln_session_output(c->backward, i);
    write_bytes("out", i, ln_tensor_data(tensor), ln_tensor_bytes(tensor));
  }
  ++all.written;
}

static void close_case(grad_case *c) {
  ln_session_destroy(c->forward);
  ln_session_destroy(c->backward);
  ln_model_destroy(c->forward_model);
  ln_model_destroy(c->backward_model);
  ln_model_destroy(c->edited);
  for (int32_t i = 0; i < MOST_INPUTS; ++i) free(c->data[i]);
  free(c->weights);
  free(c->base);
}

static void check(const char *path, ln_model *model) {
  const char *name = strstr(path, "cases/");
  grad_case c = {.name = name != NULL ? name + 6 : path, .source = model};
  ln_optimizer o = {.source = model, .err = &c.err};
  int compared = 0;
  if (!usable(model) || (all.filter != NULL && strstr(path, all.filter) == NULL)) return;
  seed = 1;
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) {
    c.clamps = c.clamps || (model->graphs[0].ops[i].def->flags & LN_OPF_CLAMPS) != 0;
  }
  if (prepare_shapes(&c, &o)) {
    if (!build(&c, &o)) {
      if (c.weight_count > 0 && c.err.message[0] != '\0') ++all.refused;
      if (c.err.message[0] != '\0' && all.verbose) printf("not built %s: %s\n", c.name, c.err.message);
    } else if (c.weight_count <= MOST_ELEMENTS) {
      const bool good = compare(&c, &compared);
      if (good && all.folder != NULL) write_case(&c);
      ++all.cases;
      all.failed += !good;
      all.elements += compared;
      const ln_graph *graph = &model->graphs[0];
      for (int32_t i = 0; i < graph->op_count; ++i) {
        all.compared[graph->ops[i].def - ln_op_def_at(0)] += compared;
      }
    }
  }
  close_case(&c);
}

/* Rows with a gradient that nothing was compared of; what rounds has no differences. */
static int uncompared(int *rows) {
  int missing = 0;
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    const ln_op_def *def = ln_op_def_at(i);
    if (def->gradient != LN_HAS_GRADIENT) continue;
    ++*rows;
    if (is_stairs(def)) continue;
    if (def->code == LN_OP_DEQUANTIZE || def->code == LN_OP_DENSIFY) continue; /* of constants that stay */
    if (all.compared[i] > 0) continue;
    printf("FAIL no case compared the gradient of %s\n", def->name);
    ++missing;
  }
  return missing;
}

int main(int argc, char **argv) {
  int rows = 0;
  all.compared = calloc((size_t)ln_op_def_count() + 1, sizeof *all.compared);
  if (all.compared == NULL) return 2;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "-v") == 0) all.verbose = true;
    else if (strcmp(argv[i], "--fast") == 0) all.fast = true;
    else if (strcmp(argv[i], "--write") == 0 && i + 1 < argc) all.folder = argv[++i];
    else all.filter = argv[i];
  }
  ln_test_each_case(1, check);
  for (int32_t i = 0; all.verbose && i < ln_op_def_count(); ++i) {
    if (all.compared[i] > 0) printf("%6d %s\n", all.compared[i], ln_op_def_at(i)->name);
  }
  const int missing = all.filter == NULL ? uncompared(&rows) : 0;
  printf(
      "%d cases, %d elements of inputs compared, %d at kinks, %d cases refused, %d failed; %d operators have "
      "gradients\n",
      all.cases, all.elements, all.kinks, all.refused, all.failed, rows);
  return all.failed > 0 || missing > 0 || all.cases == 0;
}
