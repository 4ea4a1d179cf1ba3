/* Verification: the first operator of the source that parts is named, and layouts may differ. */
#include <stdio.h>

#include "convert/convert.h"
#include "format/format.h"
#include "optimize/optimize.h"
#include "support/build_model.h"
#include "support/float_net.h"
#include "support/unit.h"

/* A signature "run" of the whole first graph. */
static void sign(ln_model *model) {
  static const char *x[] = {"x"}, *y[] = {"y"};
  ln_graph *graph = &model->graphs[0];
  ln_signature *s = ln_arena_alloc(&model->arena, sizeof *s);
  *s = (ln_signature){"run", 0, x, graph->inputs, 1, y, graph->outputs, 1};
  model->signatures = s;
  model->signature_count = 1;
}

static ln_model *net(void) {
  ln_model *model = float_net(LN_ACT_RELU, 1);
  ln_graph *graph = &model->graphs[0];
  for (int32_t i = 0; i < graph->op_count; ++i) {
    graph->ops[i].origin = ln_arena_printf(&model->arena, "layer%d", i);
    graph->ops[i].origin_op = "Conv";
    graph->tensors[graph->ops[i].outputs[0]].name = ln_arena_printf(&model->arena, "layer%d/out", i);
  }
  sign(model);
  return model;
}

static ln_verify_summary verify(ln_model *source, ln_model *result, ln_verification **out) {
  const ln_conversion conversion = {.source = source, .result = result};
  ln_verify_summary summary = {.size = sizeof summary};
  ln_error err = {LN_OK, ""};
  if (ln_conversion_verify(&conversion, NULL, &err, out) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(ln_verification_summary(*out, &summary), LN_OK);
  return summary;
}

/* Makes one weight of an operator another one. */
static void damage(ln_model *model, int32_t op, float by) {
  ln_tensor *weights = &model->graphs[0].tensors[model->graphs[0].ops[op].inputs[1]];
  float *copy = ln_arena_copy(&model->arena, weights->data, weights->bytes);
  for (size_t i = 0; i < weights->bytes / sizeof(float); ++i) copy[i] += by;
  weights->data = copy;
}

static void the_same_agrees(void **state) {
  (void)state;
  ln_verification *v;
  ln_model *source = net(), *result = net();
  const ln_verify_summary s = verify(source, result, &v);
  assert_true(s.agrees);
  assert_int_equal(s.tensors, source->graphs[0].op_count);
  assert_int_equal(s.runs, 2);
  assert_true(s.worst == 0);
  ln_verification_destroy(v);
  ln_model_destroy(source);
  ln_model_destroy(result);
}

static void the_first_that_parts_is_named(void **state) {
  (void)state;
  for (int32_t op = 0; op < 4; ++op) {
    ln_verification *v;
    char name[32];
    ln_model *source = net(), *result = net();
    damage(result, op, 0.1f);
    const ln_verify_summary s = verify(source, result, &v);
    snprintf(name, sizeof name, "\"layer%d\" (Conv)", op);
    assert_false(s.agrees);
    assert_non_null(strstr(s.message, name));
    assert_true(s.worst > 1);
    ln_verification_destroy(v);
    ln_model_destroy(source);
    ln_model_destroy(result);
  }
}

/* A tensor between may mean something else under its old name, as long as outputs agree. */
static void what_outputs_do_not_show_is_none(void **state) {
  (void)state;
  ln_verification *v;
  ln_model *source = net(), *result = net();
  ln_graph *graph = &result->graphs[0];
  graph->tensors[graph->ops[0].outputs[0]].name = "layer1/out";
  graph->tensors[graph->ops[1].outputs[0]].name = "layer0/out";
  assert_true(verify(source, result, &v).agrees);
  ln_verification_destroy(v);
  ln_model_destroy(source);
  ln_model_destroy(result);
}

/* A table of seven rows, looked up by an int32 input whose length is open. */
static ln_model *look_up(void) {
  static const float table[7 * 2] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  ln_model *model = build_model(), *read;
  const int32_t ids = build_input(model, LN_INT32, 1, (int32_t[]){-1});
  const int32_t rows = build_constant(model, LN_FLOAT32, 2, (int32_t[]){7, 2}, table, sizeof table);
  const int32_t out = build_output(model, LN_FLOAT32, 2, (int32_t[]){-1, 2});
  build_op(model, ln_op_find(LN_OP_GATHER), 2, (int32_t[]){rows, ids}, 1, &out);
  ln_error err = {LN_OK, ""};
  if (ln_edit_snapshot(model, &err, &read) != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(model);
  sign(read);
  return read;
}

static void indices_stay_in_their_table(void **state) {
  (void)state;
  ln_verification *v;
  ln_model *source = look_up(), *result = look_up();
  assert_true(verify(source, result, &v).agrees);
  ln_verification_destroy(v);
  ln_model_destroy(source);
  ln_model_destroy(result);
}

/* [1, 2, h, w] of floats; the result takes and gives channels last. */
static ln_model *negate(bool last) {
  ln_model *model = build_model(), *read;
  const int32_t first_dims[] = {1, 2, 4, 3}, last_dims[] = {1, 4, 3, 2}, *dims = last ? last_dims : first_dims;
  const int32_t x = build_input(model, LN_FLOAT32, 4, dims), y = build_output(model, LN_FLOAT32, 4, dims);
  build_op(model, ln_op_find(LN_OP_NEG), 1, &x, 1, &y);
  ln_error err = {LN_OK, ""};
  if (ln_edit_snapshot(model, &err, &read) != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(model);
  sign(read);
  return read;
}

static void layouts_may_differ(void **state) {
  (void)state;
  ln_verification *v;
  ln_model *source = negate(false), *result = negate(true);
  assert_true(verify(source, result, &v).agrees);
  ln_verification_destroy(v);
  ln_model_destroy(source);
  ln_model_destroy(result);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_agrees), cmocka_unit_test(the_first_that_parts_is_named),
                                     cmocka_unit_test(what_outputs_do_not_show_is_none),
                                     cmocka_unit_test(indices_stay_in_their_table),
                                     cmocka_unit_test(layouts_may_differ)};
  return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
