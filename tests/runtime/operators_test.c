/* Operators of the program's own: state, shapes from values, refusal of what is incomplete; and cancelling a run. */
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/unit.h"

static const char *const path = LN_TESTS_DIR "/tflite_c/models/custom.tflite";

typedef struct counts {
  int created, destroyed, prepared, fail;
} counts;

/* ---- Scale: the factor stands in the options ---- */

typedef struct scale {
  counts *counts;
  float factor;
} scale;

static ln_status scale_create(void *context, const ln_node *node, ln_error *err, void **state) {
  size_t size = 0;
  const void *options = ln_node_options(node, &size);
  if (size != sizeof(float)) return ln_node_fail(node, err, LN_ERR_MODEL, "options of %zu bytes", size);
  scale *s = malloc(sizeof *s);
  if (s == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  s->counts = context;
  memcpy(&s->factor, options, size);
  ++s->counts->created;
  *state = s;
  return LN_OK;
}

static void scale_destroy(void *state) {
  ++((scale *)state)->counts->destroyed;
  free(state);
}

static ln_status scale_infer(void *state, ln_node *node, ln_error *err) {
  (void)state;
  const ln_tensor *input = ln_node_input(node, 0);
  int32_t dims[LN_MAX_RANK];
  for (int32_t i = 0; i < ln_tensor_rank(input); ++i) dims[i] = ln_tensor_dim(input, i);
  return ln_node_resize_output(node, 0, dims, ln_tensor_rank(input), err);
}

static ln_status scale_prepare(void *state, ln_node *node, ln_error *err) {
  counts *c = ((scale *)state)->counts;
  ++c->prepared;
  return c->fail ? ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "not today") : LN_OK;
}

static ln_status scale_run(void *state, const ln_node *node, ln_error *err) {
  (void)err;
  const float *in = ln_tensor_data(ln_node_input(node, 0));
  float *out = ln_tensor_mutable_data(ln_node_output(node, 0));
  for (size_t i = 0; i < ln_tensor_elements(ln_node_input(node, 0)); ++i) out[i] = in[i] * ((scale *)state)->factor;
  return LN_OK;
}

/* ---- Above: its output's length depends on the values ---- */

static ln_status above_infer(void *state, ln_node *node, ln_error *err) {
  (void)state;
  const ln_tensor *input = ln_node_input(node, 0);
  const float *in = ln_tensor_data(input);
  if (in == NULL) return (ln_status)LN_INFER_LATER;
  int32_t count = 0;
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) count += in[i] > 3.0f;
  return ln_node_resize_output(node, 0, &count, 1, err);
}

static ln_status above_run(void *state, const ln_node *node, ln_error *err) {
  (void)state;
  (void)err;
  const float *in = ln_tensor_data(ln_node_input(node, 0));
  float *out = ln_tensor_mutable_data(ln_node_output(node, 0));
  for (size_t i = 0; i < ln_tensor_elements(ln_node_input(node, 0)); ++i) {
    if (in[i] > 3.0f) *out++ = in[i];
  }
  return LN_OK;
}

static ln_custom_op scale_operator(counts *c) {
  return (ln_custom_op){sizeof(ln_custom_op), "Scale",       c,        scale_create, scale_destroy,
                        scale_infer,          scale_prepare, scale_run};
}

static const ln_custom_op above = {sizeof(ln_custom_op), "Above", NULL, NULL, NULL, above_infer, NULL, above_run};

static ln_session_options options_with(const ln_custom_op *const *operators, int32_t count) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.operators = operators;
  options.operator_count = count;
  return options;
}

static void computes(void **unused) {
  (void)unused;
  counts c = {0};
  const ln_custom_op scales = scale_operator(&c);
  const ln_custom_op *const operators[] = {&scales, &above};
  const ln_session_options options = options_with(operators, 2);
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_model_open(path, &err, &model), LN_OK);
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(c.created, 1);
  const float inputs[2][4] = {{-1, 2, -3, 0}, {-1, 1, 1, 0}};
  const float outputs[4] = {2.5f, 5.0f, 7.5f, 0.0f};
  assert_int_equal(ln_session_set_input(session, 0, inputs[0], sizeof inputs[0], &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_memory_equal(ln_tensor_data(ln_session_output(session, 0)), outputs, sizeof outputs);
  assert_int_equal(ln_tensor_dim(ln_session_output(session, 1), 0), 2);
  assert_memory_equal(ln_tensor_data(ln_session_output(session, 1)), &outputs[1], 2 * sizeof(float));
  assert_int_equal(ln_session_set_input(session, 0, inputs[1], sizeof inputs[1], &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_int_equal(ln_tensor_dim(ln_session_output(session, 1), 0), 0);
  const int32_t longer[] = {6};
  assert_int_equal(ln_session_resize_input(session, 0, longer, 1, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_OK);
  assert_int_equal(c.prepared, 2);
  assert_int_equal(ln_tensor_dim(ln_session_output(session, 0), 0), 6);
  ln_session_destroy(session);
  assert_int_equal(c.destroyed, 1);
  /* Without its operators the same model is refused, by name. */
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "Scale"));
  ln_model_destroy(model);
}

static void refuses(void **unused) {
  (void)unused;
  counts c = {.fail = 1};
  ln_custom_op scales = scale_operator(&c);
  const ln_custom_op *const operators[] = {&scales, &above};
  ln_session_options options = options_with(operators, 2);
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_model_open(path, &err, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.message, "op 1 Scale"));
  assert_non_null(strstr(err.message, "not today"));
  assert_int_equal(c.destroyed, 1);
  scales.run = NULL;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  options.operators = NULL;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  ln_model_destroy(model);
}

/* ---- cancelling: from inside the first of two operators, which is as good as from another thread ---- */

static ln_status cancelling_run(void *state, const ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  ln_session_cancel(*(ln_session **)state);
  return LN_OK;
}

static void cancels(void **unused) {
  (void)unused;
  ln_session *session = NULL;
  const ln_custom_op stops = {sizeof(ln_custom_op), "Scale", &session, NULL, NULL, scale_infer, NULL, cancelling_run};
  const ln_custom_op *const operators[] = {&stops, &above};
  const ln_session_options options = options_with(operators, 2);
  ln_model *model = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_model_open(path, &err, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_OK);
  ln_session_cancel(session); /* nothing runs: no effect on what comes */
  assert_int_equal(ln_session_run(session, &err), LN_ERR_CANCELLED);
  assert_non_null(strstr(err.message, "op 2 Above"));
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(computes),
      cmocka_unit_test(refuses),
      cmocka_unit_test(cancels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
