/* examples/compressor.c runs on a model: every output channel's weights are three numbers afterwards. */
#define main example_main
int example_main(int argc, char **argv);
#include "../../examples/compressor.c"
#undef main

#include <unistd.h>

#include "optimize/optimize.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { ROWS = 6, COLUMNS = 40 };

static void save_layer(const char *path) {
  ln_model *model = build_model();
  const int32_t in_dims[] = {1, COLUMNS}, w_dims[] = {ROWS, COLUMNS}, out_dims[] = {1, ROWS};
  float w[ROWS * COLUMNS];
  uint32_t seed = 1;
  for (int32_t i = 0; i < ROWS * COLUMNS; ++i) {
    seed = seed * 1664525u + 1013904223u;
    w[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
  }
  const int32_t in[] = {build_input(model, LN_FLOAT32, 2, in_dims),
                        build_constant(model, LN_FLOAT32, 2, w_dims, w, sizeof w)};
  const int32_t out = build_output(model, LN_FLOAT32, 2, out_dims);
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 2, in, 1, &out);
  assert_int_equal(ln_model_save(model, path, NULL), LN_OK);
  ln_model_destroy(model);
}

static void the_example_runs(void **state) {
  (void)state;
  char in[] = "/tmp/linnet_example_in_XXXXXX", out[] = "/tmp/linnet_example_out_XXXXXX", name[] = "compressor";
  close(mkstemp(in));
  close(mkstemp(out));
  save_layer(in);
  char *arguments[] = {name, in, out, NULL};
  assert_int_equal(example_main(3, arguments), 0);
  assert_int_equal(example_main(1, arguments), 2);
  ln_model *model = NULL;
  assert_int_equal(ln_model_open(out, NULL, &model), LN_OK);
  /* However the file keeps them, an optimizer reads them back. */
  ln_optimizer o = {.model = model, .source = model};
  ln_layer *layers = NULL;
  int32_t count = 0, distinct[ROWS] = {0};
  assert_int_equal(ln_layers_find(&o, NULL, &layers, &count), LN_OK);
  assert_int_equal(count, 1);
  float *values = NULL;
  assert_int_equal(ln_layer_read(&o, &layers[0], &values), LN_OK);
  for (int32_t r = 0; r < ROWS; ++r) {
    const float *row = values + r * COLUMNS;
    for (int32_t i = 0; i < COLUMNS; ++i) {
      bool seen = false;
      for (int32_t k = 0; k < i; ++k) seen |= row[k] == row[i];
      distinct[r] += !seen;
    }
    assert_int_equal(distinct[r], 3);
  }
  ln_free(values);
  ln_free(layers);
  ln_model_destroy(model);
  unlink(in);
  unlink(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_example_runs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
