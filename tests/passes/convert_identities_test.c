/* What changes nothing goes: casts there and back, reshapes to shapes that are computed, ones and zeros. */
#include "support/convert_net.h"

static ln_status read_identities(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_input(e, "x", 3, (const int32_t[]){-1, 4, 6});
  x = ln_emit_mul_number(e, ln_emit_add_number(e, x, 0), 1);
  const ln_dim flat[] = {LN_DIM_OF(x, 0), LN_DIM_REST}, back[] = {LN_DIM_OF(x, 0), LN_DIM(4), LN_DIM(6)};
  x = ln_emit_unary(e, LN_OP_TANH, ln_emit_reshape(e, ln_emit_reshape(e, x, 3, back), 2, flat));
  const int32_t whole = ln_emit_cast(e, ln_emit_cast(e, ln_emit_cast(e, x, LN_INT32), LN_INT64), LN_INT32);
  ln_emit_output(e, "y", ln_emit_add(e, x, ln_emit_cast(e, whole, LN_FLOAT32)));
  return net_end(import, e);
}

static void identities(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_identities, NULL, &before, &after);
  assert_int_equal(net_count(after, LN_OP_SHAPE), 0);
  assert_int_equal(net_count(after, LN_OP_MUL), 0);
  assert_int_equal(net_count(after, LN_OP_CAST), 2); /* to whole numbers and back loses something */
  assert_int_equal(net_count(after, LN_OP_RESHAPE), 1);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

/* Outputs keep their names, whichever operator writes them in the end. */
static ln_status read_named(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 2, (const int32_t[]){2, 3});
  ln_emit_output(e, "y", ln_emit_mul_number(e, ln_emit_unary(e, LN_OP_TANH, x), 1));
  return net_end(import, e);
}

static void names(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_named, NULL, &before, &after);
  const ln_graph *a = &before->graphs[0], *b = &after->graphs[0];
  assert_int_equal(b->op_count, 1);
  assert_string_equal(a->tensors[a->outputs[0]].name, b->tensors[b->outputs[0]].name);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(identities), cmocka_unit_test(names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
