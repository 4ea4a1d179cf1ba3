/* Nets with QUANTIZE and DEQUANTIZE around every operator become integer ones, with the same results to two steps. */
#include "support/convert_net.h"

static int32_t with_quant(ln_emit *e, int32_t t, float scale, int64_t zero_point) {
  if (t >= 0) ln_emit_graph(e)->tensors[t].quant = ln_quant_make(ln_emit_arena(e), scale, zero_point);
  return t;
}

/* What a source says of a tensor's numbers: rounded to steps and back. */
static int32_t qdq(ln_emit *e, int32_t t, ln_type type, float scale, int64_t zero_point) {
  const int32_t q = with_quant(e, ln_emit_op(e, LN_OP_QUANTIZE, NULL, 1, &t, type), scale, zero_point);
  return ln_emit_op(e, LN_OP_DEQUANTIZE, NULL, 1, &q, LN_FLOAT32);
}

/* Weights that were integers. */
static int32_t stepped(ln_emit *e, int32_t rank, const int32_t *dims, float step, uint32_t seed) {
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  float *values = calloc(count, sizeof *values);
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = step * (float)((int32_t)(seed >> 24) - 128 == -128 ? 1 : (int32_t)(seed >> 24) - 128);
  }
  const int32_t t = ln_emit_const(e, LN_FLOAT32, rank, dims, values);
  free(values);
  return t;
}

static int32_t net(ln_emit *e, ln_type type, int64_t shift) {
  const ln_window three = {.rank = 2, .size = {3, 3}, .padding = LN_EMIT_SAME};
  const ln_window two = {.rank = 2, .size = {2, 2}, .stride = {2, 2}, .padding = LN_EMIT_VALID};
  int32_t x = ln_emit_input(e, "x", LN_FLOAT32, 4, (const ln_input_dim[]){{1, -1}, {8, -1}, {8, -1}, {3, -1}});
  x = qdq(e, x, type, 1.0f / 64, shift);
  const int32_t bias = stepped(e, 1, (const int32_t[]){8}, 1.0f / 64 / 256, 3);
  int32_t y = ln_emit_conv(e, x, stepped(e, 4, (const int32_t[]){3, 3, 3, 8}, 1.0f / 256, 1), bias, 1, &three);
  y = qdq(e, ln_emit_activate(e, LN_EMIT_RELU, y), type, 1.0f / 16, shift - 128);
  y = ln_emit_max_pool(e, y, &two);
  int32_t z = ln_emit_depthwise(e, y, stepped(e, 4, (const int32_t[]){3, 3, 8, 1}, 1.0f / 200, 2), -1, &three);
  z = qdq(e, z, type, 1.0f / 8, shift);
  z = qdq(e, ln_emit_add(e, z, y), type, 1.0f / 8, shift + 3);
  z = qdq(e, ln_emit_average_pool(e, z, &two), type, 1.0f / 8, shift + 3);
  z = ln_emit_flatten(e, z, 1, 3);
  z = ln_emit_dense(e, z, stepped(e, 2, (const int32_t[]){10, 32}, 1.0f / 900, 5), -1);
  z = qdq(e, z, type, 1.0f / 20, shift);
  return qdq(e, ln_emit_softmax(e, z, -1), type, 1.0f / 256, shift - 128);
}

static ln_status read_int8(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  ln_emit_output(e, "y", net(e, LN_INT8, 0));
  return net_end(import, e);
}

static ln_status read_uint8(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  ln_emit_output(e, "y", net(e, LN_UINT8, 128));
  return net_end(import, e);
}

static void becomes_integer(net_reader read) {
  ln_model *before, *after;
  net_slack = 2.0f / 256;
  net_convert(read, NULL, &before, &after);
  net_slack = 0;
  const ln_graph *graph = &after->graphs[0];
  assert_int_equal(net_count(after, LN_OP_QUANTIZE), 1);
  assert_int_equal(net_count(after, LN_OP_DEQUANTIZE), 1);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->def->code == LN_OP_DEQUANTIZE) continue;
    assert_int_equal(graph->tensors[op->outputs[0]].type, LN_INT8);
  }
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void int8_net(void **state) {
  (void)state;
  becomes_integer(read_int8);
}

static void uint8_net(void **state) {
  (void)state;
  becomes_integer(read_uint8);
}

/* Weights that are no multiples stay floats, and so does what reads them. */
static ln_status read_floats(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = ln_emit_input(e, "x", LN_FLOAT32, 2, (const ln_input_dim[]){{1, -1}, {3, -1}});
  static const float weights[6] = {0.1f, 0.271828f, 0.314159f, 0.5772f, 0.69314f, 0.30103f};
  x = qdq(e, x, LN_INT8, 1.0f / 64, 0);
  x = ln_emit_dense(e, x, ln_emit_const(e, LN_FLOAT32, 2, (const int32_t[]){2, 3}, weights), -1);
  ln_emit_output(e, "y", qdq(e, x, LN_INT8, 1.0f / 64, 0));
  return net_end(import, e);
}

static void float_weights(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_floats, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_QUANTIZE), 2);
  assert_int_equal(net_count(after, LN_OP_DEQUANTIZE), 2);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(int8_net),
      cmocka_unit_test(uint8_net),
      cmocka_unit_test(float_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
