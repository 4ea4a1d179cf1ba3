/* Variables of loops: constants that go round and what nobody needs are taken out, the others stay. */
#include "support/convert_net.h"

/* i, x, a factor that stays, what nobody reads, and what is read in the end alone. */
static bool test(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  (void)user;
  out[0] = ln_emit_compare(e, LN_OP_LESS, in[0], ln_emit_i32(e, 4));
  return !ln_emit_failed(e);
}

static bool body(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  (void)user;
  out[0] = ln_emit_add(e, in[0], ln_emit_i32(e, 1));
  out[1] = ln_emit_mul(e, in[1], in[2]);
  out[2] = in[2];
  out[3] = ln_emit_add(e, in[3], in[1]);
  out[4] = ln_emit_sub(e, in[4], in[1]);
  return !ln_emit_failed(e);
}

static ln_status read_loop(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = net_input(e, "x", 2, (const int32_t[]){2, 3});
  const int32_t initial[] = {ln_emit_i32(e, 0), x, ln_emit_f32(e, 0.5), x, x};
  int32_t results[5];
  ln_emit_while(e, 5, initial, test, NULL, body, NULL, results);
  ln_emit_output(e, "y", ln_emit_add(e, results[1], results[2]));
  ln_emit_output(e, "z", results[4]);
  return net_end(import, e);
}

static void variables(void **state) {
  ln_model *before, *after;
  (void)state;
  net_convert(read_loop, NULL, &before, &after);
  for (int32_t i = 0; i < after->graphs[0].op_count; ++i) {
    const ln_op *op = &after->graphs[0].ops[i];
    if (op->def->code != LN_OP_WHILE) continue;
    const ln_while_options *o = op->options;
    assert_int_equal(op->input_count, 3);
    assert_int_equal(after->graphs[o->body_subgraph_index].op_count, 3);
  }
  assert_int_equal(net_count(after, LN_OP_WHILE), 1);
  ln_model_destroy(before);
  ln_model_destroy(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(variables)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
