/* Softmax as sources write it out, and broadcasts that operators do themselves. */
#include "support/convert_net.h"

static const int32_t last = 2;

static int32_t largest(ln_emit *e, int32_t x, bool widened) {
  if (!widened) return ln_emit_reduce(e, LN_OP_REDUCE_MAX, x, 1, &last, true);
  int32_t m = ln_emit_reduce(e, LN_OP_REDUCE_MAX, x, 1, &last, false); /* as XLA has it */
  m = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_f32(e, -INFINITY), m);
  const ln_dim dims[] = {LN_DIM(2), LN_DIM(3), LN_DIM(8)};
  return ln_emit_broadcast(e, ln_emit_expand(e, m, 1, &last), 3, dims);
}

static int32_t sum(ln_emit *e, int32_t x, bool widened) {
  if (!widened) return ln_emit_reduce(e, LN_OP_SUM, x, 1, &last, true);
  const ln_dim dims[] = {LN_DIM(2), LN_DIM(3), LN_DIM(8)};
  return ln_emit_broadcast(e, ln_emit_expand(e, ln_emit_reduce(e, LN_OP_SUM, x, 1, &last, false), 1, &last), 3, dims);
}

static ln_status read_net(ln_import *import, bool widened, bool logarithm, int32_t axis) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_input(e, "x", 3, (const int32_t[]){2, 3, 8});
  x = ln_emit_sub(e, x, largest(e, x, widened));
  const int32_t exponential = ln_emit_unary(e, LN_OP_EXP, x);
  int32_t all = axis == last ? sum(e, exponential, widened) : ln_emit_reduce(e, LN_OP_SUM, exponential, 1, &axis, true);
  if (logarithm) ln_emit_output(e, "y", ln_emit_sub(e, x, ln_emit_unary(e, LN_OP_LOG, all)));
  else ln_emit_output(e, "y", ln_emit_div(e, exponential, all));
  return net_end(import, e);
}

static ln_status read_softmax(ln_import *import) { return read_net(import, false, false, last); }
static ln_status read_widened(ln_import *import) { return read_net(import, true, false, last); }
static ln_status read_log(ln_import *import) { return read_net(import, false, true, last); }
static ln_status read_widened_log(ln_import *import) { return read_net(import, true, true, last); }
static ln_status read_other_axis(ln_import *import) { return read_net(import, false, false, 1); }

static int32_t count_after(net_reader read, int32_t code, int32_t *ops) {
  ln_model *before, *after;
  net_convert(read, NULL, &before, &after);
  const int32_t count = net_count(after, code);
  *ops = after->graphs[0].op_count;
  ln_model_destroy(before);
  ln_model_destroy(after);
  return count;
}

static void found(void **state) {
  const net_reader plain[] = {read_softmax, read_widened}, logs[] = {read_log, read_widened_log};
  int32_t ops;
  (void)state;
  for (int32_t i = 0; i < 2; ++i) {
    assert_int_equal(count_after(plain[i], LN_OP_SOFTMAX, &ops), 1);
    assert_int_equal(ops, 1);
    assert_int_equal(count_after(logs[i], LN_OP_LOG_SOFTMAX, &ops), 1);
    assert_int_equal(ops, 1);
  }
}

static void other_axis(void **state) {
  int32_t ops;
  (void)state;
  assert_int_equal(count_after(read_other_axis, LN_OP_SOFTMAX, &ops), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(found), cmocka_unit_test(other_axis)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
