/* Means written as sums, with dimensions put back; attention whose probabilities stand second. */
#include "support/convert_net.h"

static const int32_t last = 2;

static ln_status read_mean(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 3, (const int32_t[]){-1, 3, 8});
  int32_t mean = ln_emit_expand(e, ln_emit_reduce(e, LN_OP_SUM, x, 1, &last, false), 1, &last);
  mean = ln_emit_div(e, mean, ln_emit_f32(e, 8));
  const int32_t other = ln_emit_mul_number(e, ln_emit_reduce(e, LN_OP_SUM, x, 1, &last, true), 0.25); /* no mean */
  ln_emit_output(e, "y", ln_emit_add(e, ln_emit_sub(e, x, mean), other));
  return net_end(import, e);
}

static ln_status read_attention(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t q = net_input(e, "q", 4, (const int32_t[]){2, 4, 6, 8});
  const int32_t v = ln_emit_mul_number(e, q, 0.5); /* [.., d, keys] is what is multiplied */
  const int32_t p = ln_emit_softmax(e, ln_emit_matmul(e, q, q, false, true), -1);
  const int32_t y = ln_emit_matmul(e, ln_emit_swap(e, v, -1, -2), p, false, true);
  ln_emit_output(e, "y", ln_emit_transpose(e, y, (const int32_t[]){0, 3, 1, 2}));
  return net_end(import, e);
}

static void means(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_mean, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_MEAN), 1);
  assert_int_equal(net_count(after, LN_OP_SUM), 1);
  assert_int_equal(net_count(after, LN_OP_RESHAPE) + net_count(after, LN_OP_EXPAND_DIMS), 0);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void attention(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_attention, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_TRANSPOSE), 1);
  for (int32_t i = 0; i < after->graphs[0].op_count; ++i) {
    const ln_op *op = &after->graphs[0].ops[i];
    if (op->def->code == LN_OP_BATCH_MATMUL) assert_false(((const ln_batch_mat_mul_options *)op->options)->adj_x);
  }
  ln_model_destroy(before);
  ln_model_destroy(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(means), cmocka_unit_test(attention)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
