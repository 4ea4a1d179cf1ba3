/* The library's compressors keep their contract, and one that does not is found out. */
#include "linnet/compressor.h"

#include <stdio.h>

#include "support/unit.h"

static void own_ones_hold(void **state) {
  (void)state;
  int32_t count = 0;
  for (const ln_compressor *c; (c = ln_compressor_get(count)) != NULL; ++count) {
    ln_error err = {LN_OK, ""};
    if (ln_compressor_test(c, 0.05, &err) != LN_OK) fail_msg("%s", err.message);
  }
  assert_int_equal(count, 3);
  assert_null(ln_compressor_get(-1));
}

/* Halves what it promises, or writes a shape that does not fit. */
static enum { CHEATS, MISFITS } how;

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  (void)layer, (void)values, (void)err, (void)state;
  *levels = 1;
  return LN_OK;
}

static ln_status cost(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                      ln_compressor_cost *out) {
  (void)state, (void)level, (void)err, (void)layer;
  out->bytes = out->macs = 1;
  out->error = 0.1;
  return LN_OK;
}

static ln_status rewrite(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                         ln_factor *factors, int32_t *count, float *bias) {
  (void)state, (void)level, (void)err, (void)bias;
  *count = 1;
  factors[0].rows = layer->rows + (how == MISFITS);
  factors[0].height = layer->height;
  factors[0].width = layer->width;
  factors[0].channels = layer->channels;
  for (int32_t i = 0; factors[0].values != NULL && i < layer->rows * layer->height * layer->width * layer->channels;
       ++i)
    factors[0].values[i] = 0.5f * layer->values[i];
  return LN_OK;
}

static ln_status fails(ln_error *err) {
  snprintf(err->message, sizeof err->message, "my own test");
  return LN_ERR_INTERNAL;
}

static void others_are_found_out(void **state) {
  (void)state;
  static const ln_parameter none[] = {{.name = NULL}};
  ln_compressor c = {sizeof c, "half", "", none, decompose, cost, rewrite, NULL, NULL};
  ln_error err = {LN_OK, ""};
  how = CHEATS;
  assert_int_equal(ln_compressor_test(&c, 0.05, &err), LN_ERR_INTERNAL);
  assert_non_null(strstr(err.message, "loses 0.25"));
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_OK);
  c.test = fails;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_INTERNAL);
  assert_string_equal(err.message, "my own test");
  how = MISFITS;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_SHAPE);
  c.cost = NULL;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(own_ones_hold), cmocka_unit_test(others_are_found_out)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
