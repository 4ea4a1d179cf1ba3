/* Storing constants in the smallest form: which is chosen, that results stay the same bits, and who can read the file.
 */
#include <string.h>

#include "optimize/optimize.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { UNITS = 24, DEPTH = 60, WEIGHTS = UNITS * DEPTH };

/* A fully-connected layer of int8 whose weights take `values` values, `zeros` of a hundred of them zero. */
static ln_model *make(int32_t values, int32_t zeros, bool by_unit) {
  static const int32_t in_dims[2] = {1, DEPTH}, dims[2] = {UNITS, DEPTH}, out_dims[2] = {1, UNITS};
  static float scales[UNITS];
  static const int64_t zero_points[UNITS];
  int8_t weights[WEIGHTS];
  uint32_t state = 3;
  for (int32_t i = 0; i < WEIGHTS; ++i) {
    state = state * 1664525u + 1013904223u;
    const int32_t number = 1 + (int32_t)(state >> 8) % (values - 1);
    weights[i] = (int32_t)(state >> 20) % 100 < zeros ? 0 : (int8_t)(number * 7 - values * 3);
  }
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_INT8, 2, in_dims);
  const int32_t w = build_constant(model, LN_INT8, 2, dims, weights, sizeof weights);
  const int32_t out = build_output(model, LN_INT8, 2, out_dims);
  build_quantize(model, in, 0.5f, 3);
  build_quantize(model, w, 0.02f, 0);
  build_quantize(model, out, 2.5f, -4);
  if (by_unit) {
    for (int32_t i = 0; i < UNITS; ++i) scales[i] = 0.01f + 0.001f * (float)i;
    ln_quant *quant = ln_arena_alloc(&model->arena, sizeof *quant);
    *quant = (ln_quant){.kind = LN_QUANT_AXIS, .count = UNITS, .scale = scales, .zero_point = zero_points};
    build_tensor_at(model, w)->quant = quant;
  }
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){in, w, -1}, 1, &out);
  return model;
}

static void run(ln_model *model, int8_t *out) {
  ln_session *session = NULL;
  ln_error err;
  if (ln_session_create(model, NULL, &err, &session) != LN_OK) fail_msg("%s", err.message);
  int8_t *in = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < DEPTH; ++i) in[i] = (int8_t)(i * 37 % 251 - 120);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  memcpy(out, ln_tensor_data(ln_session_output(session, 0)), UNITS);
  ln_session_destroy(session);
}

typedef struct stored {
  int32_t bits; /* 0: not by table */
  bool sparse;
  size_t bytes;
  int32_t notes;
  const char *name; /* of the weights */
} stored;

static stored encode(int32_t values, int32_t zeros, bool by_unit, const char *form, const char *names) {
  ln_model *model = make(values, zeros, by_unit), *made = NULL;
  ln_recipe *recipe = NULL;
  ln_optimize_report *report = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_error err;
  int8_t before[UNITS], after[UNITS];
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "encode", &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "form", form, &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "names", names, &err), LN_OK);
  if (ln_optimize(model, recipe, &options, &err, &made, &report) != LN_OK) fail_msg("%s", err.message);
  run(model, before);
  run(made, after);
  assert_memory_equal(before, after, UNITS);
  const ln_tensor *weights = ln_graph_tensor(ln_model_graph(made, 0), 1);
  const stored out = {.bits = ln_tensor_table_bits(weights),
                      .sparse = ln_tensor_is_sparse(weights),
                      .bytes = ln_tensor_bytes(weights),
                      .notes = ln_optimize_report_notes(report),
                      .name = ln_tensor_name(weights)[0] == '\0' ? "" : "named"};
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(made);
  ln_model_destroy(model);
  return out;
}

static void few_values_make_a_table(void **state) {
  (void)state;
  for (int32_t values = 2; values <= 32; values *= 2) {
    const stored s = encode(values + 1, 0, false, "smallest", "auto");
    assert_true(1 << s.bits == values);
    assert_int_equal(s.bytes, (size_t)(WEIGHTS * s.bits + 7) / 8);
    assert_false(s.sparse);
    assert_int_equal(s.notes, 1);
    assert_string_equal(s.name, "");
  }
  const stored units = encode(3, 0, true, "table", "keep");
  assert_int_equal(units.bits, 1);
  assert_string_equal(units.name, "named");
}

static void mostly_zeros_are_left_out(void **state) {
  (void)state;
  const stored both = encode(17, 85, false, "smallest", "keep");
  assert_true(both.sparse && both.bits == 4);
  assert_true(both.bytes < WEIGHTS / 8);
  const stored sparse = encode(17, 85, false, "sparse", "keep");
  assert_true(sparse.sparse && sparse.bits == 0);
  const stored table = encode(17, 85, false, "table", "keep");
  assert_true(!table.sparse && table.bits == 5); /* zero is one of seventeen */
}

static void others_stay_as_they_are(void **state) {
  (void)state;
  const stored dense = encode(9, 0, false, "dense", "keep"), stock = encode(9, 0, false, "stock", "auto");
  const stored unasked = encode(9, 0, false, "auto", "keep"); /* nobody clustered them */
  assert_int_equal(dense.bits + stock.bits + unasked.bits, 0);
  assert_int_equal(dense.bytes, WEIGHTS);
  assert_int_equal(stock.bytes, WEIGHTS);
  assert_int_equal(dense.notes + stock.notes, 0);
  assert_string_equal(stock.name, "named");
  const stored units = encode(30, 0, true, "smallest", "keep"); /* a table a unit would take more than it saves */
  assert_int_equal(units.bits, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(few_values_make_a_table),
                                     cmocka_unit_test(mostly_zeros_are_left_out),
                                     cmocka_unit_test(others_stay_as_they_are)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
