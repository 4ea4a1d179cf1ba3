/* Functions of one variable written out in several operators become one; others stay. */
#include "support/convert_net.h"

static int32_t x_of(ln_emit *e) { return net_input(e, "x", 2, (const int32_t[]){-1, 64}); }
static int32_t scaled(ln_emit *e, int32_t a, double by) { return ln_emit_mul_number(e, a, by); }

static ln_status read_gelu(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = scaled(e, x_of(e), 5);
  const int32_t erf = ln_emit_erf(e, ln_emit_div(e, x, ln_emit_f32(e, 1.4142135623730951)));
  ln_emit_output(e, "y", scaled(e, ln_emit_mul(e, x, ln_emit_add_number(e, erf, 1)), 0.5));
  return net_end(import, e);
}

static ln_status read_gelu_tanh(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = scaled(e, x_of(e), 5);
  const int32_t cube = ln_emit_mul(e, ln_emit_mul(e, x, x), x);
  const int32_t inner = scaled(e, ln_emit_add(e, x, scaled(e, cube, 0.044715)), 0.7978845608028654);
  const int32_t t = ln_emit_add_number(e, ln_emit_unary(e, LN_OP_TANH, inner), 1);
  ln_emit_output(e, "y", ln_emit_mul(e, scaled(e, x, 0.5), t));
  return net_end(import, e);
}

static ln_status read_hard_swish(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = scaled(e, x_of(e), 5);
  ln_emit_output(e, "y", ln_emit_mul(e, x, ln_emit_activate(e, LN_EMIT_HARD_SIGMOID_6, x)));
  return net_end(import, e);
}

static ln_status read_relu6(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_binary(e, LN_OP_MAXIMUM, scaled(e, x_of(e), 9), ln_emit_f32(e, 0));
  ln_emit_output(e, "y", ln_emit_binary(e, LN_OP_MINIMUM, x, ln_emit_f32(e, 6)));
  return net_end(import, e);
}

static ln_status read_leaky(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_unary(e, LN_OP_SIN, x_of(e));
  ln_emit_output(e, "y", ln_emit_binary(e, LN_OP_MAXIMUM, scaled(e, x, 0.2), x));
  return net_end(import, e);
}

static ln_status read_rsqrt(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_unary(e, LN_OP_EXP, ln_emit_unary(e, LN_OP_SIN, x_of(e)));
  ln_emit_output(e, "y", ln_emit_reciprocal(e, ln_emit_unary(e, LN_OP_SQRT, x)));
  return net_end(import, e);
}

static ln_status read_logistic(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_unary(e, LN_OP_SIN, x_of(e));
  ln_emit_output(
      e, "y",
      ln_emit_reciprocal(e, ln_emit_add_number(e, ln_emit_unary(e, LN_OP_EXP, ln_emit_unary(e, LN_OP_NEG, x)), 1)));
  return net_end(import, e);
}

static ln_status read_square(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_unary(e, LN_OP_SIN, x_of(e));
  ln_emit_output(e, "y", ln_emit_binary(e, LN_OP_POW, x, ln_emit_f32(e, 2)));
  return net_end(import, e);
}

/* Normalization with a division by a root. */
static ln_status read_normalized(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = x_of(e), last = 1;
  const int32_t sum = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, x, x), 1, &last, true);
  ln_emit_output(e, "y", ln_emit_div(e, x, ln_emit_unary(e, LN_OP_SQRT, sum)));
  return net_end(import, e);
}

/* Read by another too, so that it cannot go; and a clip that nothing is. */
static ln_status read_others(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_unary(e, LN_OP_SIN, x_of(e));
  const int32_t six = ln_emit_activate(e, LN_EMIT_HARD_SIGMOID_6, x);
  ln_emit_output(e, "y", ln_emit_mul(e, x, six));
  ln_emit_output(e, "z", six);
  ln_emit_output(e, "w", ln_emit_clip(e, x, 0, 5));
  return net_end(import, e);
}

static void check(net_reader read, int32_t code, int32_t ops) {
  ln_model *before, *after;
  net_convert(read, NULL, &before, &after);
  if (code >= 0) assert_int_equal(net_count(after, code), 1);
  assert_int_equal(after->graphs[0].op_count, ops);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void recognized(void **state) {
  (void)state;
  check(read_gelu, LN_OP_GELU, 2);
  check(read_gelu_tanh, LN_OP_GELU, 2);
  check(read_hard_swish, LN_OP_HARD_SWISH, 2);
  check(read_relu6, -1, 1); /* fused into the product */
  check(read_leaky, LN_OP_LEAKY_RELU, 2);
  check(read_rsqrt, LN_OP_RSQRT, 3);
  check(read_logistic, LN_OP_LOGISTIC, 2);
  check(read_square, LN_OP_SQUARE, 2);
  check(read_normalized, LN_OP_RSQRT, 4);
}

static void left_alone(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_others, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_HARD_SWISH), 0);
  assert_int_equal(net_count(after, LN_OP_MINIMUM), 1);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(recognized), cmocka_unit_test(left_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
