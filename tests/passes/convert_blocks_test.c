/* Pixel shuffles of ONNX and PyTorch, and back. */
#include "support/convert_net.h"

static ln_status read_shuffle(ln_import *import, bool deep) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, (const int32_t[]){2, 3, 4, 6}), 12, 3, 1, 1);
  const ln_dim crd[] = {LN_DIM(2), LN_DIM(3), LN_DIM(2), LN_DIM(2), LN_DIM(4), LN_DIM(6)};
  const ln_dim dcr[] = {LN_DIM(2), LN_DIM(2), LN_DIM(2), LN_DIM(3), LN_DIM(4), LN_DIM(6)};
  const int32_t crd_order[] = {0, 1, 4, 2, 5, 3}, dcr_order[] = {0, 3, 4, 1, 5, 2};
  x = ln_emit_transpose(e, ln_emit_reshape(e, x, 6, deep ? dcr : crd), deep ? dcr_order : crd_order);
  x = ln_emit_reshape(e, x, 4, (const ln_dim[]){LN_DIM(2), LN_DIM(3), LN_DIM(8), LN_DIM(12)});
  ln_emit_output(e, "y", net_conv(e, x, 2, 3, 1, 1));
  return net_end(import, e);
}

static ln_status read_crd(ln_import *import) { return read_shuffle(import, false); }
static ln_status read_dcr(ln_import *import) { return read_shuffle(import, true); }

/* [n, c, h, w] -> [n, b, b, c, h / b, w / b]: as ONNX's SpaceToDepth. */
static ln_status read_depth(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t x = net_conv(e, net_input(e, "x", 4, (const int32_t[]){1, 3, 4, 6}), 3, 3, 1, 1);
  const ln_dim split[] = {LN_DIM(1), LN_DIM(3), LN_DIM(2), LN_DIM(2), LN_DIM(3), LN_DIM(2)};
  x = ln_emit_transpose(e, ln_emit_reshape(e, x, 6, split), (const int32_t[]){0, 3, 5, 1, 2, 4});
  x = ln_emit_reshape(e, x, 4, (const ln_dim[]){LN_DIM(1), LN_DIM(12), LN_DIM(2), LN_DIM(3)});
  ln_emit_output(e, "y", net_conv(e, x, 2, 3, 1, 1));
  return net_end(import, e);
}

static void check(net_reader read, int32_t code) {
  ln_model *before, *after;
  net_convert(read, NULL, &before, &after);
  assert_int_equal(net_count(after, code), 1);
  assert_int_equal(net_count(after, LN_OP_TRANSPOSE), 2); /* the model's own input and output */
  ln_model_destroy(before);
  ln_model_destroy(after);
}

static void blocks(void **state) {
  (void)state;
  check(read_crd, LN_OP_DEPTH_TO_SPACE);
  check(read_dcr, LN_OP_DEPTH_TO_SPACE);
  check(read_depth, LN_OP_SPACE_TO_DEPTH);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(blocks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
