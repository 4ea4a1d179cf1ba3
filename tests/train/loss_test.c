/*
 * Losses: each sample's against the plain form in doubles, the gradient against the plain form's differences.
 * `loss_test --write FOLDER` leaves the models with inputs and outputs there, for litert_cases.py.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"
#include "train/chosen.h"
#include "train/documented.h"
#include "train/loss_cases.h"

static ln_error err;

/* ---- a case as a model ---- */

typedef struct built {
  ln_model *source, *model;
  ln_session *session;
  size_t batch, count, target_bytes; /* samples, elements of each */
} built;

/* Losses [batch], and the gradient of sum(losses * (1 + place)) by the prediction. */
static void add_outputs(const loss_case *c, const ln_loss_def *loss, ln_optimizer *o) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_grad g = {.o = o};
  const int32_t prediction = graph->inputs[0];
  int32_t *outputs = ln_arena_array(&o->model->arena, 2, sizeof *outputs);
  ln_settings *settings = chosen(c->settings);
  outputs[0] = loss->emit(&g, settings, loss->parameters, prediction, graph->inputs[1]);
  ln_settings_destroy(settings);
  if (g.status != LN_OK) fail_msg("%s: %s", c->name, err.message);
  const ln_shape shape = *ln_grad_shape(&g, outputs[0]);
  assert_int_equal(shape.rank, 1);
  assert_int_equal(shape.dims[0], c->dims[0]);
  float *weights = ln_arena_array(&o->model->arena, (size_t)shape.dims[0], sizeof *weights);
  for (int32_t i = 0; i < shape.dims[0]; ++i) weights[i] = 1 + (float)i;
  const int32_t by = ln_edit_add_constant(o, "weights", LN_FLOAT32, &shape, weights, (size_t)shape.dims[0] * 4);
  const int32_t sum = ln_grad_sum(&g, ln_grad_mul(&g, outputs[0], by), 1);
  const int32_t total = ln_grad_reshape_dims(&g, sum, 0, NULL);
  if (ln_grad_build(o, total, &prediction, 1, &outputs[1]) != LN_OK) fail_msg("%s: %s", c->name, err.message);
  assert_true(outputs[1] >= 0);
  graph = ln_optimizer_graph(o);
  graph->outputs = outputs;
  graph->output_count = 2;
}

static built build(const loss_case *c) {
  built b = {.source = build_model(), .batch = (size_t)c->dims[0], .count = 1};
  const ln_loss_def *loss = ln_loss_find(c->name);
  assert_non_null(loss);
  const bool classes = loss->target == LN_TARGET_CLASS;
  for (int32_t i = 1; i < c->rank; ++i) b.count *= (size_t)c->dims[i];
  build_input(b.source, LN_FLOAT32, c->rank, c->dims);
  build_input(b.source, classes ? LN_INT32 : LN_FLOAT32, classes ? c->rank - 1 : c->rank, c->dims);
  b.target_bytes = b.count / (classes ? (size_t)c->dims[c->rank - 1] : 1) * 4;
  ln_optimizer o = {.source = b.source, .err = &err};
  assert_int_equal(ln_edit_begin(b.source, &err, &o.model), LN_OK);
  add_outputs(c, loss, &o);
  if (ln_edit_snapshot(o.model, &err, &b.model) != LN_OK) fail_msg("%s: %s", c->name, err.message);
  ln_model_destroy(o.model);
  assert_int_equal(ln_session_create(b.model, NULL, &err, &b.session), LN_OK);
  assert_int_equal(ln_session_set_input(b.session, 0, c->prediction, b.batch * b.count * 4, &err), LN_OK);
  assert_int_equal(ln_session_set_input(b.session, 1, c->target, b.batch * b.target_bytes, &err), LN_OK);
  assert_int_equal(ln_session_run(b.session, &err), LN_OK);
  return b;
}

static void destroy(built *b) {
  ln_session_destroy(b->session);
  ln_model_destroy(b->model);
  ln_model_destroy(b->source);
}

/* ---- against doubles ---- */

static bool near(double is, double wanted, double bound, const loss_case *c, const char *what, size_t place) {
  if (fabs(is - wanted) <= bound * (1 + fabs(wanted))) return true;
  printf("%s (%s) %s %zu: %.9g, not %.9g\n", c->name, c->settings, what, place, is, wanted);
  return false;
}

static bool check_sample(const loss_case *c, const built *b, size_t sample) {
  const float *values = ln_tensor_data(ln_session_output(b->session, 0));
  const float *gradient = (const float *)ln_tensor_data(ln_session_output(b->session, 1)) + sample * b->count;
  const void *target = (const char *)c->target + sample * b->target_bytes;
  const size_t last = c->rank > 1 ? (size_t)c->dims[c->rank - 1] : 1;
  double x[64];
  bool good = true;
  assert_true(b->count <= LN_COUNT(x));
  for (size_t i = 0; i < b->count; ++i) x[i] = (double)c->prediction[sample * b->count + i];
  good = near((double)values[sample], c->reference(c, x, target, b->count, last), 1e-6, c, "loss", sample);
  for (size_t i = 0; i < b->count; ++i) {
    const double step = 1e-5, at = x[i];
    x[i] = at + step;
    const double up = c->reference(c, x, target, b->count, last);
    x[i] = at - step;
    const double slope = (up - c->reference(c, x, target, b->count, last)) / (2 * step) * (1 + (double)sample);
    x[i] = at;
    good = near((double)gradient[i], slope, 5e-6, c, "gradient", sample * b->count + i) && good;
  }
  return good;
}

static void test_values(void **state) {
  (void)state;
  bool good = true;
  for (size_t i = 0; i < loss_case_count; ++i) {
    built b = build(&loss_cases[i]);
    for (size_t sample = 0; sample < b.batch; ++sample) good = check_sample(&loss_cases[i], &b, sample) && good;
    destroy(&b);
  }
  assert_true(good);
}

static void test_every_loss_has_a_case(void **state) {
  (void)state;
  for (int32_t i = 0; ln_loss_at(i) != NULL; ++i) {
    bool found = false;
    for (size_t k = 0; k < loss_case_count; ++k) found = found || strcmp(loss_cases[k].name, ln_loss_at(i)->name) == 0;
    if (!found) fail_msg("no case of %s", ln_loss_at(i)->name);
    assert_ptr_equal(ln_loss_find(ln_loss_at(i)->name), ln_loss_at(i));
  }
  assert_null(ln_loss_find("none"));
  assert_null(ln_loss_at(-1));
}

static const char *name_at(int32_t index) { return ln_loss_at(index) == NULL ? NULL : ln_loss_at(index)->name; }

static void test_documented(void **state) {
  (void)state;
  check_documented("Losses", name_at);
}

/* ---- what is refused ---- */

static void expect_refused(const char *name, int32_t rank, const int32_t *dims, int32_t target_rank,
                           const int32_t *target_dims) {
  const ln_loss_def *loss = ln_loss_find(name);
  ln_model *model = build_model();
  build_input(model, LN_FLOAT32, rank, dims);
  build_input(model, loss->target == LN_TARGET_CLASS ? LN_INT32 : LN_FLOAT32, target_rank, target_dims);
  ln_optimizer o = {.source = model, .err = &err};
  assert_int_equal(ln_edit_begin(model, &err, &o.model), LN_OK);
  ln_grad g = {.o = &o};
  ln_settings *settings = chosen("");
  const ln_graph *graph = ln_optimizer_graph(&o);
  assert_int_equal(loss->emit(&g, settings, loss->parameters, graph->inputs[0], graph->inputs[1]), -1);
  assert_true(g.status != LN_OK);
  ln_settings_destroy(settings);
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

static void test_shapes(void **state) {
  (void)state;
  const int32_t a[3] = {4, 3, 5}, b[3] = {4, 3, 6};
  expect_refused("sparse-cross-entropy", 3, a, 1, a); /* 4 labels for 12 rows */
  expect_refused("sparse-cross-entropy", 1, a, 1, a);
  expect_refused("cross-entropy", 3, a, 3, b);
  expect_refused("mse", 3, a, 3, b);
  expect_refused("mse", 2, a, 1, a);
  expect_refused("binary-cross-entropy", 2, a, 1, a);
  expect_refused("hinge", 3, a, 1, a);
  expect_refused("giou", 3, a, 3, a);
}

/* ---- for LiteRT ---- */

static void write_file(const char *folder, size_t number, const char *end, const void *data, size_t bytes) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%zu.%s", folder, number, end);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

static void write_case(const char *folder, size_t number) {
  const loss_case *c = &loss_cases[number];
  built b = build(c);
  uint8_t *file = NULL;
  size_t size = 0;
  char text[256];
  assert_int_equal(ln_edit_file(b.model, &err, &file, &size), LN_OK);
  write_file(folder, number, "tflite", file, size);
  write_file(folder, number, "in.0", c->prediction, b.batch * b.count * 4);
  write_file(folder, number, "in.1", c->target, b.batch * b.target_bytes);
  for (int32_t i = 0; i < 2; ++i) {
    const ln_tensor *tensor = ln_session_output(b.session, i);
    write_file(folder, number, i == 0 ? "out.0" : "out.1", ln_tensor_data(tensor), ln_tensor_bytes(tensor));
  }
  const int length = snprintf(text, sizeof text, "%s %s", c->name, c->settings);
  write_file(folder, number, "name", text, (size_t)length);
  ln_free(file);
  destroy(&b);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_every_loss_has_a_case),
      cmocka_unit_test(test_documented),
      cmocka_unit_test(test_shapes),
  };
  if (argc != 3) return cmocka_run_group_tests(tests, NULL, NULL);
  for (size_t i = 0; i < loss_case_count; ++i) write_case(argv[2], i);
  return 0;
}
