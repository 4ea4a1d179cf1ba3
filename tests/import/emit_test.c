/* What importers are written with: open dimensions, folding, names, failures. Importers of the tests' own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "import/emit.h"
#include "linnet/session.h"
#include "optimize/optimize.h"

static bool never(const ln_import_source *source) {
  (void)source;
  return false;
}

static ln_model *run_importer(ln_status (*read)(ln_import *), const ln_import_options *options, ln_error *err) {
  const ln_importer importer = {"test", "", never, read};
  const ln_import_source source = {.path = "test"};
  ln_model *model = NULL, *out = NULL;
  if (ln_import_run(&importer, &source, options, err, &model) != LN_OK) return NULL;
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  assert_int_equal(ln_edit_compact(model, err), LN_OK);
  const ln_status status = ln_edit_snapshot(model, err, &out);
  if (status != LN_OK) fail_msg("%s", err->message);
  ln_model_destroy(model);
  return out;
}

static int32_t count_ops(const ln_model *model, int32_t code) {
  int32_t count = 0;
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) count += model->graphs[0].ops[i].def->code == code;
  return count;
}

/* [batch, 4, 3] -> Reshape(concat(shape(x)[0], -1)) -> [batch, 12] * 2 + 1 */
static ln_status read_shape_arithmetic(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_input(e, "x", LN_FLOAT32, 3, (const ln_input_dim[]){{-1, -1}, {4, -1}, {3, -1}});
  ln_emit_at(e, "flatten", "Reshape");
  const int32_t size = ln_emit_slice(e, ln_emit_shape_of(e, x), 0, 0, 1, 1);
  const int32_t rest = ln_emit_slice(e, ln_emit_shape_of(e, x), 0, 1, INT32_MAX, 1);
  assert_true(ln_emit_is_const(e, rest)); /* 4, 3: the same whatever the batch */
  assert_false(ln_emit_is_const(e, size));
  const int32_t inner = ln_emit_reduce(e, LN_OP_REDUCE_PROD, rest, 0, NULL, true);
  int64_t value = 0;
  assert_true(ln_emit_ints(e, inner, &value, 1, NULL));
  assert_int_equal(value, 12);
  const int32_t flat = ln_emit_reshape_to(e, x, ln_emit_concat(e, 0, 2, (const int32_t[]){size, inner}));
  assert_int_equal(ln_emit_rank(e, flat), 2);
  assert_int_equal(ln_emit_dim(e, flat, 0), -1);
  assert_int_equal(ln_emit_dim(e, flat, 1), 12);
  ln_emit_at(e, "scale", "Mul");
  const int32_t two = ln_emit_add(e, ln_emit_f32(e, 1), ln_emit_f32(e, 1));
  assert_true(ln_emit_is_const(e, two));
  ln_emit_output(e, "y", ln_emit_add_number(e, ln_emit_mul(e, flat, two), 1));
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void shape_arithmetic(void **state) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  (void)state;
  ln_model *model = run_importer(read_shape_arithmetic, NULL, &err);
  assert_non_null(model);
  assert_int_equal(count_ops(model, LN_OP_MUL), 1);
  assert_int_equal(count_ops(model, LN_OP_ADD), 1);
  assert_int_equal(model->graphs[0].tensors[model->graphs[0].inputs[0]].signature.dims[0], -1);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  assert_int_equal(ln_session_resize_input(session, 0, (const int32_t[]){5, 4, 3}, 3, &err), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* A pass-through output gets an operator; --shape fixes a dimension. */
static ln_status read_through(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_input(e, "x", LN_INT64, 2, (const ln_input_dim[]){{-1, -1}, {-1, -1}});
  ln_emit_output(e, "same", x);
  ln_emit_output(e, "constant", ln_emit_f32(e, 3));
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void through_and_shape(void **state) {
  ln_error err = {LN_OK, ""};
  const char *shape = "x=2,?";
  const ln_import_options options = {.shapes = &shape, .shape_count = 1};
  (void)state;
  ln_model *model = run_importer(read_through, &options, &err);
  assert_non_null(model);
  const ln_tensor *x = &model->graphs[0].tensors[model->graphs[0].inputs[0]];
  assert_int_equal(x->signature.dims[0], 2);
  assert_int_equal(x->signature.dims[1], -1);
  assert_string_equal(model->signatures[0].output_keys[0], "constant");
  assert_int_equal(model->graphs[0].op_count, 3); /* a shape, and two that copy */
  ln_model_destroy(model);
  shape = "x=2";
  assert_null(run_importer(read_through, &options, &err));
  assert_non_null(strstr(err.message, "--shape x=2"));
}

static ln_status read_misfit(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_input(e, "x", LN_FLOAT32, 1, (const ln_input_dim[]){{4, -1}});
  ln_emit_at(e, "sum\n1", "Add");
  ln_emit_output(e, "y", ln_emit_add(e, x, ln_emit_filled(e, LN_FLOAT32, 1, (const int32_t[]){3}, 1)));
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void failures(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  assert_null(run_importer(read_misfit, NULL, &err));
  assert_non_null(strstr(err.message, "node \"sum 1\" (Add): "));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shape_arithmetic),
      cmocka_unit_test(through_and_shape),
      cmocka_unit_test(failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
