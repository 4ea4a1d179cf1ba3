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

/* ---- ranges that tensors hold ---- */

enum { ROWS = 5, CHANNELS = 4, ELEMENTS = ROWS * CHANNELS };

/* Gradients by x, low and high of loss_of(fake_quant(x)): what they are made of, and TensorFlow's own operator. */
static void compare_ranges(int32_t bits, bool narrow, bool by_channel) {
  static const int32_t dims[2] = {ROWS, CHANNELS}, channels[1] = {CHANNELS};
  static const float low[CHANNELS] = {-3, -0.5f, -7.25f, -1}, high[CHANNELS] = {4, 6, 1, 1.5f};
  const int32_t rank = by_channel ? 1 : 0;
  float x[ELEMENTS], dy[ELEMENTS];
  for (int i = 0; i < ELEMENTS; ++i) {
    x[i] = 9 * (float)sin((double)i * 1.7);
    dy[i] = 1 + 0.1f * (float)(i % 7);
  }
  ln_model *model = build_model(), *snapshot = NULL;
  const int32_t in[3] = {build_input(model, LN_FLOAT32, 2, dims), build_input(model, LN_FLOAT32, rank, channels),
                         build_input(model, LN_FLOAT32, rank, channels)};
  build_output(model, LN_FLOAT32, 2, dims);
  build_op(model, ln_op_find(LN_OP_NEG), 1, in, 1, (const int32_t[]){3}); /* a graph has some operator */
  ln_optimizer o;
  edit(model, &o);
  ln_grad g = {.o = &o};
  const int32_t y = ln_grad_fake_quant(&g, in[0], in[1], in[2], bits, narrow);
  assert_int_equal(g.status, LN_OK);
  ln_op like = ln_optimizer_graph(&o)->ops[1];
  like.custom_name = by_channel ? "FakeQuantWithMinMaxVarsPerChannelGradient" : "FakeQuantWithMinMaxVarsGradient";
  like.def = ln_op_find_flex(like.custom_name);
  const ln_shape shape = ln_shape_make(2, dims);
  const int32_t given = ln_edit_add_constant(&o, "dy", LN_FLOAT32, &shape, dy, sizeof dy);
  const ln_type types[3] = {LN_FLOAT32, LN_FLOAT32, LN_FLOAT32};
  const int32_t theirs =
      ln_grad_emit_row(&g, &like, NULL, 4, (const int32_t[]){given, in[0], in[1], in[2]}, 3, types, NULL);
  int32_t outputs[7] = {y, theirs, theirs + 1, theirs + 2};
  assert_int_equal(g.status, LN_OK);
  assert_int_equal(ln_grad_build(&o, loss_of(&o, y), in, 3, outputs + 4), LN_OK);
  set_outputs(&o, 7, outputs);
  const void *inputs[3] = {x, low, high};
  ln_session *session = run(&o, &snapshot, 3, inputs);
  int clipped = 0;
  for (int32_t i = 1; i <= 3; ++i) {
    const ln_tensor *wanted = ln_session_output(session, i), *is = ln_session_output(session, i + 3);
    assert_int_equal(ln_tensor_elements(wanted), ln_tensor_elements(is));
    for (size_t k = 0; k < ln_tensor_elements(is); ++k) {
      const float a = ((const float *)ln_tensor_data(wanted))[k], b = ((const float *)ln_tensor_data(is))[k];
      clipped += i == 1 && a == 0;
      assert_true(fabs((double)(a - b)) <= 1e-5);
    }
  }
  assert_true(clipped > 3 && clipped < ELEMENTS);
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

static void test_ranges(void **state) {
  (void)state;
  compare_ranges(8, false, false);
  compare_ranges(4, true, false);
  compare_ranges(8, true, true);
  compare_ranges(16, false, true);
}

/* A layer of integers passes what its output's type does not clamp. */
static void test_quantized_layer(void **state) {
  (void)state;
  const float values[3] = {0.5f, 30, -1}, wanted[3] = {2, 0, 2.4f};
  const void *inputs[1] = {values};
  float out[3];
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), bytes = build_output(model, LN_INT8, 1, three);
  const int32_t sum = build_output(model, LN_INT8, 1, three), y = build_output(model, LN_FLOAT32, 1, three);
  build_quantize(model, bytes, 0.5f, 0);
  build_quantize(model, sum, 0.25f, 10);
  build_op(model, ln_op_find(LN_OP_QUANTIZE), 1, &x, 1, &bytes);
  build_op(model, ln_op_find(LN_OP_ADD), 2, (const int32_t[]){bytes, bytes}, 1, &sum);
  build_op(model, ln_op_find(LN_OP_DEQUANTIZE), 1, &sum, 1, &y);
  assert_non_null(gradient_by(model, y, x, inputs, out));
  for (int i = 0; i < 3; ++i) assert_true(fabs((double)(out[i] - wanted[i])) < 1e-5);
  ln_model_destroy(model);
}

static void test_refusals(void **state) {
  (void)state;
  ln_optimizer o;
  int32_t gradient = -1;
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), y = build_output(model, LN_FLOAT32, 1, three);
  const int32_t ids = build_constant(model, LN_INT32, 1, three, (const int32_t[]){0, 2, 2}, 12);
  const int32_t hits = build_output(model, LN_UINT8, 1, three);
  build_op(model, ln_op_find(LN_OP_HASHTABLE_LOOKUP), 3, (const int32_t[]){ids, ids, x}, 2, (const int32_t[]){y, hits});
  edit(model, &o);
  const int32_t loss = loss_of(&o, y);
  assert_int_equal(ln_grad_build(&o, y, &x, 1, &gradient), LN_ERR_ARGUMENT); /* no single number */
  assert_int_equal(ln_grad_build(&o, loss, (const int32_t[]){-1}, 1, &gradient), LN_ERR_ARGUMENT);
  assert_int_equal(ln_grad_build(&o, loss, &x, 1, &gradient), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "HASHTABLE_LOOKUP 't1'"));
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

/* A graph that calls itself has no end. */
static void test_recursion(void **state) {
  (void)state;
  ln_optimizer o;
  int32_t gradient = -1;
  ln_model *model = build_model();
  const int32_t x = build_input(model, LN_FLOAT32, 1, three), y = build_output(model, LN_FLOAT32, 1, three);
  build_op(model, ln_op_find(LN_OP_CALL), 1, &x, 1, &y); /* of subgraph 0, which is its own */
  edit(model, &o);
  assert_int_equal(ln_grad_build(&o, loss_of(&o, y), &x, 1, &gradient), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "CALL"));
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_network),   cmocka_unit_test(test_read_again),      cmocka_unit_test(test_straight_through),
      cmocka_unit_test(test_ranges),    cmocka_unit_test(test_quantized_layer), cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_recursion),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
