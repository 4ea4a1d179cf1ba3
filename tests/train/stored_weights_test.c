/*
 * Gradients through weights that stand otherwise than as dense floats: float16, bfloat16, int8 to int2, sparse, in
 * blocks, by table. By a layer's input they are those through the same weights as floats.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/cases.h"
#include "support/unit.h"
#include "train/train.h"

static ln_error err;
static int compared;

/* Constant weights of an operator on floats that are not floats themselves. */
static bool is_stored(const ln_graph *graph, const ln_layer *layer) {
  const ln_tensor *w = &graph->tensors[layer->weights];
  const ln_op *op = &graph->ops[layer->op];
  const bool floats = graph->tensors[op->outputs[0]].type == LN_FLOAT32;
  return floats && layer->input >= 0 && graph->tensors[layer->input].type == LN_FLOAT32 &&
         (w->type != LN_FLOAT32 || w->sparsity != NULL || w->codebook != NULL);
}

/* Puts DEQUANTIZE before layers on floats whose weights are integers; how many. */
static int dequantize(ln_optimizer *o) {
  int made = 0;
  for (int32_t i = 0; i < ln_optimizer_graph(o)->op_count; ++i) {
    const ln_graph *graph = ln_optimizer_graph(o);
    const ln_op *op = &graph->ops[i];
    if ((op->def->flags & LN_OPF_LAYER) == 0 || op->input_count < 2 || op->inputs[1] < 0) continue;
    const int32_t weights = op->inputs[1];
    const ln_tensor *w = &graph->tensors[weights];
    if (!ln_tensor_const_data(w) || w->quant->kind == LN_QUANT_NONE || w->type == LN_FLOAT32) continue;
    if (graph->tensors[op->outputs[0]].type != LN_FLOAT32) continue;
    const ln_shape shape = w->shape;
    const int32_t floats = ln_edit_add_tensor(o, "floats", LN_FLOAT32, &shape, &ln_quant_none);
    ln_op *added = ln_edit_insert_op(o, i, LN_OP_DEQUANTIZE, 1, 1, NULL);
    added->inputs[0] = weights;
    added->outputs[0] = floats;
    ln_optimizer_graph(o)->ops[++i].inputs[1] = floats;
    ++made;
  }
  return made;
}

/* Gives all layers' weights as floats; how many were stored otherwise, -1 where that cannot be done. */
static int expand(ln_optimizer *o) {
  ln_layer *layers = NULL;
  int32_t count = 0, stored = 0;
  if (ln_layers_find(o, NULL, &layers, &count) != LN_OK) return -1;
  for (int32_t i = 0; i < count && stored >= 0; ++i) {
    float *values = NULL;
    if (!is_stored(ln_optimizer_graph(o), &layers[i])) continue;
    ++stored;
    if (ln_layer_read(o, &layers[i], &values) != LN_OK || ln_layer_write(o, &layers[i], values) != LN_OK) stored = -1;
    ln_free(values);
  }
  ln_free(layers);
  return stored < 0 ? -1 : stored + dequantize(o);
}

static bool run(ln_model *model, const ln_model *source, bool keep, ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = keep;
  options.first_graph = true;
  if (ln_session_create(model, &options, &err, out) != LN_OK) return false;
  if (ln_test_case_resize(source, *out, &err) != LN_OK) return false;
  for (int32_t i = 0; i < ln_session_input_count(*out); ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(source, i, &bytes);
    if (ln_session_set_input(*out, i, data, bytes, &err) != LN_OK) return false;
  }
  return ln_session_run(*out, &err) == LN_OK;
}

/* d sum(output * i / 7) / d input 0; NULL where there is none. The caller's. */
static float *gradient_of(ln_model *source, bool floats, size_t *count) {
  ln_optimizer o = {.source = source, .err = &err};
  ln_session *session = NULL;
  ln_model *snapshot = NULL;
  float *result = NULL;
  int32_t gradient = -1;
  size_t elements = 0;
  bool good = run(source, source, true, &session) && ln_edit_begin(source, &err, &o.model) == LN_OK &&
              ln_grad_take_shapes(&o, session) == LN_OK && (!floats || expand(&o) > 0);
  ln_session_destroy(session);
  session = NULL;
  if (good) {
    ln_grad g = {.o = &o};
    const int32_t x = ln_optimizer_graph(&o)->inputs[0], y = ln_optimizer_graph(&o)->outputs[0];
    const ln_shape shape = *ln_grad_shape(&g, y);
    good = ln_shape_elements(&shape, &elements) && elements > 0;
    float *weights = ln_arena_array(&o.model->arena, elements + 1, sizeof *weights);
    for (size_t i = 0; i < elements; ++i) weights[i] = (float)(1 + i % 7) / 7;
    const int32_t by = ln_edit_add_constant(&o, "by", LN_FLOAT32, &shape, weights, elements * sizeof *weights);
    const int32_t flat = (int32_t)elements;
    int32_t loss = ln_grad_sum(&g, ln_grad_reshape_dims(&g, ln_grad_mul(&g, y, by), 1, &flat), 1);
    loss = ln_grad_reshape_dims(&g, loss, 0, NULL);
    good = good && g.status == LN_OK && ln_grad_build(&o, loss, &x, 1, &gradient) == LN_OK && gradient >= 0;
  }
  if (good) {
    ln_graph *graph = ln_optimizer_graph(&o);
    graph->outputs[0] = gradient;
    graph->output_count = 1;
    good = ln_edit_snapshot(o.model, &err, &snapshot) == LN_OK && run(snapshot, source, false, &session);
  }
  if (good) {
    const ln_tensor *tensor = ln_session_output(session, 0);
    *count = ln_tensor_elements(tensor);
    result = malloc(*count * sizeof *result + 1);
    memcpy(result, ln_tensor_data(tensor), *count * sizeof *result);
  }
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  return result;
}

/* Inputs of layers of integers are rounded: they begin to clamp elsewhere. */
static bool clamps(const ln_op *op) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  for (int32_t i = 0; table != NULL && i < table->field_count; ++i) {
    const bool fused = table->fields[i].enumeration == LN_ENUM_activation;
    if (fused && *((const int8_t *)op->options + table->fields[i].offset) != LN_ACT_NONE) return true;
  }
  return false;
}

static bool usable(ln_model *model) {
  ln_optimizer o = {.source = model, .err = &err};
  const ln_graph *graph = &model->graphs[0];
  bool has = false;
  if (model->graph_count != 1 || graph->input_count < 1 || graph->output_count != 1 ||
      graph->tensors[graph->inputs[0]].type != LN_FLOAT32 || graph->tensors[graph->outputs[0]].type != LN_FLOAT32) {
    return false;
  }
  for (int32_t i = 0; i < graph->op_count; ++i) { /* recurrent cells keep states */
    if ((graph->ops[i].def->flags & LN_OPF_STATEFUL) != 0 || clamps(&graph->ops[i])) return false;
  }
  if (ln_edit_begin(model, &err, &o.model) == LN_OK) has = expand(&o) > 0;
  ln_model_destroy(o.model);
  return has;
}

static void compare(const char *path, ln_model *model) {
  size_t count = 0, other = 0;
  if (!usable(model)) return;
  float *is = gradient_of(model, false, &count), *wanted = gradient_of(model, true, &other);
  double size = 1e-3, apart = 0;
  if ((is == NULL) != (wanted == NULL)) {
    printf("%s: only one has a gradient: %s\n", path, err.message);
    assert_true(false);
  }
  for (size_t i = 0; is != NULL && i < count && i < other; ++i) {
    if (!isfinite(wanted[i])) continue;
    size = fmax(size, fabs((double)wanted[i]));
    apart = fmax(apart, fabs((double)(is[i] - wanted[i])));
  }
  if (count != other || apart > 1e-5 * size) printf("%s: gradients of up to %g are %g apart\n", path, size, apart);
  assert_int_equal(count, other);
  assert_true(apart <= 1e-5 * size);
  compared += is != NULL && count > 0;
  free(is);
  free(wanted);
}

static void test_forms(void **state) {
  (void)state;
  ln_test_each_case(1, compare);
  printf("%d cases with stored weights give the gradients of floats\n", compared);
  assert_true(compared > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
