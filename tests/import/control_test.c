/* Branches and loops of importers: captures through several graphs, shapes that change, constants, refusals. */
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

static ln_model *run_importer(ln_status (*read)(ln_import *), ln_error *err) {
  const ln_importer importer = {"test", "", never, read};
  const ln_import_source source = {.path = "test"};
  ln_model *model = NULL, *out = NULL;
  if (ln_import_run(&importer, &source, NULL, err, &model) != LN_OK) return NULL;
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  assert_int_equal(ln_edit_compact(model, err), LN_OK);
  const ln_status status = ln_edit_snapshot(model, err, &out);
  if (status != LN_OK) fail_msg("%s", err->message);
  ln_model_destroy(model);
  return out;
}

/* Runs with vectors of float32 and compares the first output. */
static void expect(ln_session *session, int32_t inputs, const float *const *values, const int32_t *counts,
                   int32_t count, const float *wanted) {
  ln_error err = {LN_OK, ""};
  for (int32_t i = 0; i < inputs; ++i) {
    assert_int_equal(ln_session_resize_input(session, i, &counts[i], 1, &err), LN_OK);
  }
  if (ln_session_prepare(session, &err) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < inputs; ++i) {
    assert_int_equal(ln_session_set_input(session, i, values[i], (size_t)counts[i] * sizeof(float), &err), LN_OK);
  }
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  const ln_tensor *out = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_elements(out), (size_t)count);
  for (int32_t i = 0; i < count; ++i) assert_float_equal(ln_tensor_get_f32(out, (size_t)i), wanted[i], 1e-6);
}

static ln_session *open_session(ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  if (ln_session_create(model, NULL, &err, &session) != LN_OK) fail_msg("%s", err.message);
  return session;
}

static int32_t vector_input(ln_emit *e, const char *name) {
  return ln_emit_input(e, name, LN_FLOAT32, 1, (const ln_input_dim[]){{-1, -1}});
}

/* sum(a) > 0, as a scalar */
static int32_t is_positive(ln_emit *e, int32_t a) {
  return ln_emit_compare(e, LN_OP_GREATER, ln_emit_reduce(e, LN_OP_SUM, a, 0, NULL, false), ln_emit_f32(e, 0));
}

/* ---- branches ---- */

typedef struct outside {
  ln_emit *e;
  int32_t x, constant;
} outside;

static bool doubled(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const outside *o = user;
  assert_null(in);
  out[0] = ln_emit_mul_number(e, ln_emit_capture(e, o->e, o->x), 2);
  return !ln_emit_failed(e);
}

/* Twice as long; the constant is copied. */
static bool joined(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const outside *o = user;
  const int32_t x = ln_emit_capture(e, o->e, o->x), constant = ln_emit_capture(e, o->e, o->constant);
  (void)in;
  assert_true(ln_emit_is_const(e, constant));
  assert_int_equal(ln_emit_capture(e, o->e, o->x), x); /* once */
  out[0] = ln_emit_concat(e, 0, 2, (const int32_t[]){x, ln_emit_add(e, x, constant)});
  return !ln_emit_failed(e);
}

static bool itself(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const outside *o = user;
  (void)in;
  out[0] = ln_emit_capture(e, o->e, o->x);
  return !ln_emit_failed(e);
}

/* A branch that chooses again, by what stands two graphs further out. */
static bool chooses_again(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  outside *o = user;
  (void)in;
  const int32_t x = ln_emit_capture(e, o->e, o->x);
  const int32_t large =
      ln_emit_compare(e, LN_OP_GREATER, ln_emit_reduce(e, LN_OP_SUM, x, 0, NULL, false), ln_emit_f32(e, 10));
  return ln_emit_if(e, large, joined, o, doubled, o, 1, out);
}

static ln_status read_branches(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  outside o = {.e = e, .x = vector_input(e, "x"), .constant = ln_emit_f32(e, 100)};
  int32_t out = -1;
  assert_true(ln_emit_if(e, is_positive(e, o.x), chooses_again, &o, itself, &o, 1, &out));
  assert_int_equal(ln_emit_dim(e, out, 0), -1);
  ln_emit_output(e, "y", out);
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void branches(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  ln_model *model = run_importer(read_branches, &err);
  if (model == NULL) fail_msg("%s", err.message);
  assert_int_equal(model->graph_count, 5);
  ln_session *session = open_session(model);
  const float few[2] = {1, 2}, many[3] = {5, 6, 7}, less[1] = {-3};
  expect(session, 1, (const float *const[]){few}, (const int32_t[]){2}, 2, (const float[]){2, 4});
  expect(session, 1, (const float *const[]){many}, (const int32_t[]){3}, 6, (const float[]){5, 6, 7, 105, 106, 107});
  expect(session, 1, (const float *const[]){less}, (const int32_t[]){1}, 1, less);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* A condition that is known: no graph but the main one is left. */
static ln_status read_known(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  outside o = {.e = e, .x = vector_input(e, "x"), .constant = ln_emit_f32(e, 100)};
  int32_t out = -1;
  assert_true(ln_emit_if(e, ln_emit_scalar(e, LN_BOOL, 1), doubled, &o, joined, &o, 1, &out));
  ln_emit_output(e, "y", out);
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void known_condition(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  ln_model *model = run_importer(read_known, &err);
  if (model == NULL) fail_msg("%s", err.message);
  assert_int_equal(model->graph_count, 1);
  ln_model_destroy(model);
}

static bool flat(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const outside *o = user;
  (void)in;
  out[0] = ln_emit_reduce(e, LN_OP_SUM, ln_emit_capture(e, o->e, o->x), 0, NULL, false);
  return !ln_emit_failed(e);
}

static ln_status read_ranks(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  outside o = {.e = e, .x = vector_input(e, "x")};
  int32_t out = -1;
  ln_emit_at(e, "choice", "If");
  assert_false(ln_emit_if(e, is_positive(e, o.x), flat, &o, itself, &o, 1, &out));
  return import->status;
}

static void ranks_that_differ(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  assert_null(run_importer(read_ranks, &err));
  assert_non_null(strstr(err.message, "choice"));
}

/* ---- loops ---- */

static bool below_three(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  (void)user;
  out[0] = ln_emit_compare(e, LN_OP_LESS, in[0], ln_emit_i32(e, 3));
  return !ln_emit_failed(e);
}

/* (step, a, b, kept) -> (step + 1, b, a + b + x, kept): the variables change places, x comes from outside. */
static bool exchange(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const outside *o = user;
  out[0] = ln_emit_add_number(e, in[0], 1);
  out[1] = in[2];
  out[2] = ln_emit_add(e, ln_emit_add(e, in[1], in[2]), ln_emit_capture(e, o->e, o->x));
  out[3] = in[3];
  return !ln_emit_failed(e);
}

static ln_status read_exchange(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t y = vector_input(e, "y"), x = vector_input(e, "x");
  outside o = {.e = e, .x = x};
  int32_t vars[4] = {ln_emit_i32(e, 0), y, x, ln_emit_f32(e, 7)};
  assert_true(ln_emit_while(e, 4, vars, below_three, NULL, exchange, &o, vars)); /* results over what it begins with */
  assert_int_equal(ln_emit_dim(e, vars[1], 0), -1);
  ln_emit_output(e, "out", ln_emit_add(e, vars[2], vars[3]));
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void variables_change_places(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  ln_model *model = run_importer(read_exchange, &err);
  if (model == NULL) fail_msg("%s", err.message);
  ln_session *session = open_session(model);
  const int32_t y = ln_session_find_input(session, "y");
  const float values[2][2] = {{1, 10}, {2, 20}}; /* y, x */
  const float *in[2];
  in[y] = values[0];
  in[1 - y] = values[1];
  /* y 1, x 2: (1, 2) (2, 5) (5, 9) (9, 16); and 7 */
  expect(session, 2, in, (const int32_t[]){2, 2}, 2, (const float[]){23, 167});
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* A state that grows by one element in each step, and one that takes its length a step later. */
static bool grow(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  const int32_t one = 1;
  (void)user;
  out[0] = ln_emit_add_number(e, in[0], 1);
  out[1] = ln_emit_concat(e, 0, 2, (const int32_t[]){in[1], ln_emit_filled(e, LN_FLOAT32, 1, &one, 4)});
  out[2] = in[1];
  return !ln_emit_failed(e);
}

static ln_status read_growing(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t x = ln_emit_input(e, "x", LN_FLOAT32, 1, (const ln_input_dim[]){{1, -1}});
  int32_t vars[3] = {ln_emit_i32(e, 0), x, x};
  assert_true(ln_emit_while(e, 3, vars, below_three, NULL, grow, NULL, vars));
  assert_int_equal(ln_emit_dim(e, vars[1], 0), -1);
  assert_int_equal(ln_emit_dim(e, vars[2], 0), -1);
  ln_emit_output(e, "y", ln_emit_concat(e, 0, 2, (const int32_t[]){vars[1], vars[2]}));
  ln_emit_sign(e, "serving_default");
  return import->status;
}

static void shapes_that_change(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  ln_model *model = run_importer(read_growing, &err);
  if (model == NULL) fail_msg("%s", err.message);
  ln_session *session = open_session(model);
  const float one[1] = {9};
  expect(session, 1, (const float *const[]){one}, (const int32_t[]){1}, 7, (const float[]){9, 4, 4, 4, 9, 4, 4});
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static bool as_bool(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  (void)user;
  out[0] = in[0];
  out[1] = ln_emit_compare(e, LN_OP_LESS, in[1], in[1]);
  return !ln_emit_failed(e);
}

static ln_status read_types(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t vars[2] = {ln_emit_i32(e, 0), vector_input(e, "x")};
  ln_emit_at(e, "loop", "Loop");
  assert_false(ln_emit_while(e, 2, vars, below_three, NULL, as_bool, NULL, vars));
  return import->status;
}

static void types_that_change(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  assert_null(run_importer(read_types, &err));
  assert_non_null(strstr(err.message, "loop"));
}

/* Graphs in graphs without end. */
static bool deeper(ln_emit *e, const int32_t *in, int32_t *out, void *user) {
  outside *o = user;
  (void)in;
  const int32_t x = ln_emit_capture(e, o->e, o->x);
  return ln_emit_if(e, is_positive(e, x), deeper, o, deeper, o, 1, out);
}

static ln_status read_deep(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  outside o = {.e = e, .x = vector_input(e, "x")};
  int32_t out = -1;
  ln_emit_at(e, "top", "If");
  assert_false(deeper(e, NULL, &out, &o));
  return import->status;
}

static void too_deep(void **state) {
  ln_error err = {LN_OK, ""};
  (void)state;
  assert_null(run_importer(read_deep, &err));
  assert_int_equal(err.status, LN_ERR_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(branches),           cmocka_unit_test(known_condition),
      cmocka_unit_test(ranks_that_differ),  cmocka_unit_test(variables_change_places),
      cmocka_unit_test(shapes_that_change), cmocka_unit_test(types_that_change),
      cmocka_unit_test(too_deep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
