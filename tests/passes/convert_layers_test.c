/* Scales, shifts and zeros around layers go into them, and only where the layer then computes the same. */
#include "support/convert_net.h"

static int32_t scale(ln_emit *e, int32_t a) {
  const int32_t channels = ln_emit_dim(e, a, -1);
  a = ln_emit_sub(e, ln_emit_mul(e, a, net_weights(e, 1, &channels)), net_weights(e, 1, &channels));
  return ln_emit_mul_number(e, a, 0.5);
}

static int32_t conv(ln_emit *e, int32_t a, ln_emit_padding padding, int32_t groups) {
  const int32_t dims[4] = {3, 3, ln_emit_dim(e, a, -1) / groups, 8};
  const ln_window w = {.rank = 2, .size = {3, 3}, .padding = padding};
  return ln_emit_conv(e, a, net_weights(e, 4, dims), -1, groups, &w);
}

static ln_status read_behind(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 4, (const int32_t[]){-1, 8, 8, 4});
  const ln_window w = {.rank = 2, .size = {3, 3}, .stride = {2, 2}, .padding = LN_EMIT_SAME};
  const int32_t filter = net_weights(e, 4, (const int32_t[]){3, 3, 6, 4});
  ln_emit_output(e, "y", net_relu(e, scale(e, ln_emit_conv_transpose(e, x, filter, -1, 1, &w, NULL))));
  return net_end(import, e);
}

static ln_status read_volume(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 5, (const int32_t[]){1, 4, 4, 4, 2});
  const ln_window w = {.rank = 3, .size = {2, 2, 2}, .padding = LN_EMIT_VALID};
  const int32_t filter = net_weights(e, 5, (const int32_t[]){2, 2, 2, 2, 3});
  ln_emit_output(e, "y", scale(e, ln_emit_conv(e, x, filter, -1, 1, &w)));
  return net_end(import, e);
}

static ln_status read_before(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 4, (const int32_t[]){-1, 8, 8, 4});
  const int32_t y = conv(e, scale(e, x), LN_EMIT_VALID, 1);
  ln_emit_output(e, "y", net_dense(e, scale(e, ln_emit_unary(e, LN_OP_TANH, y)), 5));
  return net_end(import, e);
}

/* Zeros that are padded are not scaled and shifted; groups have channels of their own. */
static ln_status read_padded(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 4, (const int32_t[]){-1, 8, 8, 4});
  const int32_t y = conv(e, scale(e, x), LN_EMIT_SAME, 1);
  ln_emit_output(e, "y", conv(e, scale(e, ln_emit_unary(e, LN_OP_TANH, y)), LN_EMIT_VALID, 2));
  return net_end(import, e);
}

static ln_status read_pads(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_input(e, "x", 4, (const int32_t[]){1, -1, 9, 4});
  x = ln_emit_pad(e, x, (const int32_t[]){0, 1, 1, 0}, (const int32_t[]){0, 1, 1, 0}, 0);
  x = ln_emit_unary(e, LN_OP_TANH, conv(e, x, LN_EMIT_VALID, 1));
  x = ln_emit_pad(e, x, (const int32_t[]){0, 2, 1, 0}, (const int32_t[]){0, 0, 1, 0}, 0); /* not what SAME pads */
  ln_emit_output(e, "y", conv(e, x, LN_EMIT_VALID, 1));
  return net_end(import, e);
}

static void check(net_reader read, int32_t ops, int32_t code, int32_t count) {
  ln_model *before, *after;
  net_convert(read, NULL, &before, &after);
  assert_int_equal(net_count(after, code), count);
  if (ops > 0) assert_int_equal(after->graphs[0].op_count, ops);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void behind(void **state) {
  (void)state;
  check(read_behind, 0, LN_OP_MUL, 0);
  check(read_behind, 0, LN_OP_SUB, 0);
  check(read_volume, 1, LN_OP_CONV_3D, 1);
}

static void before_layers(void **state) {
  (void)state;
  check(read_before, 3, LN_OP_MUL, 0);
  check(read_padded, 0, LN_OP_SUB, 2);
}

static void pads(void **state) {
  (void)state;
  check(read_pads, 0, LN_OP_PAD, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(behind), cmocka_unit_test(before_layers), cmocka_unit_test(pads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
