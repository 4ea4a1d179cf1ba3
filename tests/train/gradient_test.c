/* Gradients through whole graphs: many layers, values that are read twice, what has none, what rounds. */
#include <math.h>
#include <stdio.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/float_net.h"
#include "support/unit.h"
#include "train/train.h"

enum { MOST = 32 };

static ln_error err;

static void edit(ln_model *source, ln_optimizer *o) {
  *o = (ln_optimizer){.source = source, .err = &err};
  assert_int_equal(ln_edit_begin(source, &err, &o->model), LN_OK);
}

/* sum(tensor * weights), with weights that are a little different from one another */
static int32_t loss_of(ln_optimizer *o, int32_t tensor) {
  ln_grad g = {.o = o};
  const ln_shape shape = *ln_grad_shape(&g, tensor);
  size_t count = 0;
  assert_true(ln_shape_elements(&shape, &count));
  float *weights = ln_arena_array(&o->model->arena, count, sizeof *weights);
  for (size_t i = 0; i < count; ++i) weights[i] = 1 + 0.1f * (float)(i % 7);
  const int32_t by = ln_edit_add_constant(o, "weights", LN_FLOAT32, &shape, weights, count * sizeof *weights);
  const int32_t flat = (int32_t)count;
  const int32_t sum = ln_grad_sum(&g, ln_grad_reshape_dims(&g, ln_grad_mul(&g, tensor, by), 1, &flat), 1);
  const int32_t loss = ln_grad_reshape_dims(&g, sum, 0, NULL);
  assert_int_equal(g.status, LN_OK);
  return loss;
}

static void set_outputs(ln_optimizer *o, int32_t count, const int32_t *outputs) {
  ln_graph *graph = ln_optimizer_graph(o);
  graph->outputs = ln_arena_copy(&o->model->arena, outputs, (size_t)count * sizeof *outputs);
  graph->output_count = count;
  o->model->signature_count = 0;
}

static ln_session *run(ln_optimizer *o, ln_model **snapshot, int32_t input_count, const void *const *inputs) {
  ln_session *session = NULL;
  assert_int_equal(ln_edit_snapshot(o->model, &err, snapshot), LN_OK);
  assert_int_equal(ln_session_create(*snapshot, NULL, &err, &session), LN_OK);
  for (int32_t i = 0; i < input_count; ++i) {
    const size_t bytes = ln_tensor_bytes(ln_session_input(session, i));
    assert_int_equal(ln_session_set_input(session, i, inputs[i], bytes, &err), LN_OK);
  }
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  return session;
}

/* ---- many layers ---- */

static int32_t float_constants(const ln_graph *graph, int32_t *tensors) {
  int32_t count = 0;
  for (int32_t i = 0; i < graph->tensor_count && count < MOST; ++i) {
    if (graph->tensors[i].type == LN_FLOAT32 && ln_tensor_const_data(&graph->tensors[i])) tensors[count++] = i;
  }
  return count;
}

/* The loss of a network whose weights are moved by `step` times their gradients. */
static double moved_loss(ln_model *source, const void *sample, int32_t count, const int32_t *tensors,
                         const float *const *gradients, double step) {
  ln_optimizer o;
  ln_model *snapshot = NULL;
  edit(source, &o);
  ln_graph *graph = ln_optimizer_graph(&o);
  for (int32_t i = 0; i < count; ++i) {
    ln_tensor *tensor = &graph->tensors[tensors[i]];
    float *values = ln_arena_copy(&o.model->arena, tensor->data, tensor->bytes);
    for (size_t k = 0; k < tensor->bytes / 4; ++k)
      values[k] = (float)((double)values[k] + step * (double)gradients[i][k]);
    ln_edit_set_data(tensor, LN_FLOAT32, values, tensor->bytes);
  }
  const int32_t loss = loss_of(&o, graph->outputs[0]);
  set_outputs(&o, 1, &loss);
  ln_session *session = run(&o, &snapshot, 1, &sample);
  const double value = (double)*(const float *)ln_tensor_data(ln_session_output(session, 0));
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  return value;
}

/* Moved along its gradient a loss grows by the gradient's square. */
static void test_network(void **state) {
  (void)state;
  ln_model *source = float_net(LN_ACT_NONE, 0), *snapshot = NULL;
  ln_optimizer o;
  float sample[FLOAT_NET_SIDE * FLOAT_NET_SIDE * FLOAT_NET_CHANNELS];
  int32_t tensors[MOST], gradients[MOST], outputs[MOST + 1];
  const float *values[MOST];
  for (size_t i = 0; i < LN_COUNT(sample); ++i) sample[i] = (float)sin((double)i * 1.7);
  edit(source, &o);
  const int32_t count = float_constants(ln_optimizer_graph(&o), tensors);
  assert_true(count >= 10);
  const int32_t loss = loss_of(&o, ln_optimizer_graph(&o)->outputs[0]);
  assert_int_equal(ln_grad_build(&o, loss, tensors, count, gradients), LN_OK);
  outputs[0] = loss;
  for (int32_t i = 0; i < count; ++i) {
    assert_true(gradients[i] >= 0);
    outputs[i + 1] = gradients[i];
  }
  set_outputs(&o, count + 1, outputs);
  const void *inputs[1] = {sample};
  ln_session *session = run(&o, &snapshot, 1, inputs);
  double square = 0;
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = ln_session_output(session, i + 1);
    values[i] = ln_tensor_data(tensor);
    assert_int_equal(ln_tensor_bytes(tensor), ln_optimizer_graph(&o)->tensors[tensors[i]].bytes);
    for (size_t k = 0; k < ln_tensor_elements(tensor); ++k) square += (double)values[i][k] * (double)values[i][k];
  }
  assert_true(square > 1e-6);
  const double step = 2e-3 / sqrt(square);
  const double up = moved_loss(source, sample, count, tensors, values, step);
  const double down = moved_loss(source, sample, count, tensors, values, -step);
  const double slope = (up - down) / (2 * step);
  if (fabs(slope - square) > 5e-3 * square) printf("the slope is %g, the gradient's square %g\n", slope, square);
  assert_true(fabs(slope - square) <= 5e-3 * square);
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  ln_model_destroy(source);
}

/* ---- small graphs ---- */

static const int32_t three[1] = {3};

/* The gradient of loss_of(tensor) by x where the inputs are as given; NULL: there is none. */
static const float *gradient_by(ln_model *model, int32_t tensor, int32_t x, const void *const *inputs, float out[3]) {
  ln_optimizer o;
  ln_model *snapshot = NULL;
  int32_t gradient = -1;
  edit(model, &o);
  const int32_t input_count = ln_optimizer_graph(&o)->input_count;
  assert_int_equal(ln_grad_build(&o, loss_of(&o, tensor), &x, 1, &gradient), LN_OK);
  if (gradient >= 0) {
    set_outputs(&o, 1, &gradient);
    ln_session *session = run(&o, &snapshot, input_count, inputs);
    memcpy(out, ln_tensor_data(ln_session_output(session, 0)), 3 * sizeof *out);
    ln_session_destroy(session);
    ln_model_destroy(snapshot);
  }
  ln_model_destroy(o.model);
  return gradient >= 0 ? out : NULL;
}

/* x * x + x, where what is multiplied is one tensor read three times; of floor(x) nothing comes back. */
static void test_read_again(void **state) {
  (void)state;
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), other = build_input(model, LN_FLOAT32, 1, three);
  const int32_t square = build_output(model, LN_FLOAT32, 1, three), floor_ = build_output(model, LN_FLOAT32, 1, three);
  const int32_t part = build_output(model, LN_FLOAT32, 1, three), sum = build_output(model, LN_FLOAT32, 1, three);
  build_op(model, ln_op_find(LN_OP_MUL), 2, (const int32_t[]){x, x}, 1, &square);
  build_op(model, ln_op_find(LN_OP_FLOOR), 1, &x, 1, &floor_);
  build_op(model, ln_op_find(LN_OP_ADD), 2, (const int32_t[]){square, floor_}, 1, &part);
  build_op(model, ln_op_find(LN_OP_ADD), 2, (const int32_t[]){part, x}, 1, &sum);
  const float values[3] = {0.5f, -1.25f, 3};
  const void *inputs[2] = {values, values};
  float out[3];
  assert_non_null(gradient_by(model, sum, x, inputs, out));
  for (int i = 0; i < 3; ++i) assert_true(fabs((double)(out[i] - (1 + 0.1f * (float)i) * (2 * values[i] + 1))) < 1e-5);
  assert_null(gradient_by(model, sum, other, inputs, out));
  assert_null(gradient_by(model, floor_, x, inputs, out));
  ln_model_destroy(model);
}

/* What is rounded has the gradient of what it stands for, where it is not clamped. */
static void test_straight_through(void **state) {
  (void)state;
  const float values[3] = {0.3f, -40, 12}, wanted[3] = {1, 0, 1.2f};
  const void *inputs[1] = {values};
  float out[3];
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), bytes = build_output(model, LN_INT8, 1, three);
  const int32_t y = build_output(model, LN_FLOAT32, 1, three), fake = build_output(model, LN_FLOAT32, 1, three);
  build_quantize(model, bytes, 0.125f, 0);
  build_op(model, ln_op_find(LN_OP_QUANTIZE), 1, &x, 1, &bytes);
  build_op(model, ln_op_find(LN_OP_DEQUANTIZE), 1, &bytes, 1, &y);
  ln_op *op = build_op(model, ln_op_find(LN_OP_FAKE_QUANT), 1, &x, 1, &fake);
  BUILD_OPTIONS(op, fake_quant_options)->min = -16;
  BUILD_OPTIONS(op, fake_quant_options)->max = 15;
  BUILD_OPTIONS(op, fake_quant_options)->num_bits = 8;
  assert_non_null(gradient_by(model, y, x, inputs, out));
  for (int i = 0; i < 3; ++i) assert_true(fabs((double)(out[i] - wanted[i])) < 1e-6);
  assert_non_null(gradient_by(model, fake, x, inputs, out));
  for (int i = 0; i < 3; ++i) assert_true(fabs((double)(out[i] - wanted[i])) < 1e-6);
  ln_model_destroy(model);
}

static void test_refusals(void **state) {
  (void)state;
  ln_optimizer o;
  int32_t gradient = -1;
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), y = build_output(model, LN_FLOAT32, 1, three);
  const int32_t ids = build_constant(model, LN_INT32, 1, three, (const int32_t[]){0, 2, 2}, 12);
  const int32_t count = build_constant(model, LN_INT32, 0, NULL, three, sizeof *three);
  build_op(model, ln_op_find(LN_OP_UNSORTED_SEGMENT_PROD), 3, (const int32_t[]){x, ids, count}, 1, &y);
  edit(model, &o);
  const int32_t loss = loss_of(&o, y);
  assert_int_equal(ln_grad_build(&o, y, &x, 1, &gradient), LN_ERR_ARGUMENT); /* no single number */
  assert_int_equal(ln_grad_build(&o, loss, (const int32_t[]){-1}, 1, &gradient), LN_ERR_ARGUMENT);
  assert_int_equal(ln_grad_build(&o, loss, &x, 1, &gradient), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "UNSORTED_SEGMENT_PROD 't1'"));
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_network),
      cmocka_unit_test(test_read_again),
      cmocka_unit_test(test_straight_through),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
