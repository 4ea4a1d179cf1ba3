/*
 * Optimizers: twenty steps against the same formulas in double precision, any split of a tensor gives the same bits,
 * and the operators that an optimizer is written out as do what its loops do.
 *
 * `updates_test --write FOLDER` leaves those as models with inputs and outputs there, for litert_cases.py;
 * `updates_test --bench` prints the memory that loops move in a second.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/format.h"
#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"
#include "train/documented.h"
#include "train/trainer.h"

enum { COUNT = 515, ROOM = 516, BYTES = COUNT * 4, STEPS = 20 };

static ln_error err;

/* ---- the formulas, of one weight in doubles ---- */

typedef struct weight {
  double w, slots[LN_UPDATE_SLOTS];
} weight;
typedef void formula(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x);

static void sgd(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  const double momentum = ln_setting_number(s, list, "momentum");
  x->slots[0] = momentum * x->slots[0] - rate * g;
  x->w += ln_setting_flag(s, list, "nesterov") ? momentum * x->slots[0] - rate * g : x->slots[0];
}

static void adam(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  x->slots[0] = beta_1 * x->slots[0] + (1 - beta_1) * g;
  x->slots[1] = beta_2 * x->slots[1] + (1 - beta_2) * g * g;
  x->slots[2] = fmax(x->slots[2], x->slots[1]);
  const double v = ln_setting_flag(s, list, "amsgrad") ? x->slots[2] : x->slots[1];
  const double alpha = rate * sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t));
  x->w -= alpha * x->slots[0] / (sqrt(v) + ln_setting_number(s, list, "epsilon"));
}

static void nadam(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  double product = 1, now = 0;
  for (double i = 1; i <= t; ++i) product *= now = beta_1 * (1 - 0.5 * pow(0.96, i));
  const double next = beta_1 * (1 - 0.5 * pow(0.96, t + 1));
  x->slots[0] += (g - x->slots[0]) * (1 - beta_1);
  x->slots[1] += (g * g - x->slots[1]) * (1 - beta_2);
  const double m = next * x->slots[0] / (1 - product * next) + (1 - now) * g / (1 - product);
  x->w -= m * rate / (sqrt(x->slots[1] / (1 - pow(beta_2, t))) + ln_setting_number(s, list, "epsilon"));
}

static void adamax(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  x->slots[0] += (g - x->slots[0]) * (1 - beta_1);
  x->slots[1] = fmax(beta_2 * x->slots[1], fabs(g));
  x->w -= rate * x->slots[0] / ((1 - pow(beta_1, t)) * (x->slots[1] + ln_setting_number(s, list, "epsilon")));
}

static void rmsprop(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  const double rho = ln_setting_number(s, list, "rho"), momentum = ln_setting_number(s, list, "momentum");
  double by = x->slots[0] = rho * x->slots[0] + (1 - rho) * g * g;
  x->slots[1] = rho * x->slots[1] + (1 - rho) * g;
  if (ln_setting_flag(s, list, "centered")) by -= x->slots[1] * x->slots[1];
  x->slots[2] = momentum * x->slots[2] + rate * g / sqrt(by + ln_setting_number(s, list, "epsilon"));
  x->w -= x->slots[2];
}

static void adagrad(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  x->slots[0] += g * g;
  x->w -= rate * g / sqrt(x->slots[0] + ln_setting_number(s, list, "epsilon"));
}

static void adadelta(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  const double rho = ln_setting_number(s, list, "rho"), epsilon = ln_setting_number(s, list, "epsilon");
  x->slots[0] = rho * x->slots[0] + (1 - rho) * g * g;
  const double move = -sqrt(x->slots[1] + epsilon) * g / sqrt(x->slots[0] + epsilon);
  x->slots[1] = rho * x->slots[1] + (1 - rho) * move * move;
  x->w += rate * move;
}

static void ftrl(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  const double power = ln_setting_number(s, list, "learning_rate_power"), l1 = ln_setting_number(s, list, "l1");
  const double l2 = ln_setting_number(s, list, "l2") + ln_setting_number(s, list, "beta") / (2 * rate);
  const double sum = x->slots[0] + g * g;
  const double pull = g + 2 * ln_setting_number(s, list, "l2_shrinkage") * x->w;
  x->slots[1] += pull - (pow(sum, -power) - pow(x->slots[0], -power)) / rate * x->w;
  x->slots[0] = sum;
  x->w = (fmax(fmin(x->slots[1], l1), -l1) - x->slots[1]) / (pow(sum, -power) / rate + 2 * l2);
}

static void lion(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  const double c = beta_1 * x->slots[0] + (1 - beta_1) * g;
  x->slots[0] = beta_2 * x->slots[0] + (1 - beta_2) * g;
  x->w -= rate * (c > 0 ? 1 : c < 0 ? -1 : 0);
}

/* Those of layers take their ratio from all weights: set before each step. */
static double ratio, layer_decay;

static void lars(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  (void)t;
  x->slots[0] = ln_setting_number(s, list, "momentum") * x->slots[0] + rate * ratio * (g + layer_decay * x->w);
  x->w -= x->slots[0];
}

static double lamb_move(const ln_settings *s, const ln_parameter *list, double t, double g, weight *x) {
  const double beta_1 = ln_setting_number(s, list, "beta_1"), beta_2 = ln_setting_number(s, list, "beta_2");
  x->slots[0] += (g - x->slots[0]) * (1 - beta_1);
  x->slots[1] += (g * g - x->slots[1]) * (1 - beta_2);
  return x->slots[0] / (1 - pow(beta_1, t)) /
         (sqrt(x->slots[1] / (1 - pow(beta_2, t))) + ln_setting_number(s, list, "epsilon"));
}

static void lamb(const ln_settings *s, const ln_parameter *list, double t, double rate, double g, weight *x) {
  x->w -= rate * ratio * lamb_move(s, list, t, g, x);
}

typedef struct update_case {
  const char *name;
  formula *exact;
  double rate, decay;
  const char *pairs[11]; /* names and values of parameters */
} update_case;

static const update_case cases[] = {
    {"sgd", sgd, 0.1, 0, {NULL}},
    {"sgd", sgd, 0.1, 0.01, {"momentum", "0.9"}},
    {"sgd", sgd, 0.1, 0, {"momentum", "0.9", "nesterov", "true"}},
    {"adam", adam, 0.01, 0, {NULL}},
    {"adam", adam, 0.01, 0.1, {"beta_1", "0.8", "beta_2", "0.95", "epsilon", "0.01"}},
    {"adam", adam, 0.01, 0, {"amsgrad", "true"}},
    {"adamw", adam, 0.01, 0.004, {NULL}},
    {"nadam", nadam, 0.01, 0.01, {NULL}},
    {"nadam", nadam, 0.01, 0, {"beta_1", "0.5", "epsilon", "1e-3"}},
    {"adamax", adamax, 0.01, 0.01, {NULL}},
    {"lamb", lamb, 0.01, 0.01, {NULL}},
    {"rmsprop", rmsprop, 0.01, 0.01, {NULL}},
    {"rmsprop", rmsprop, 0.01, 0, {"momentum", "0.5"}},
    {"rmsprop", rmsprop, 0.01, 0, {"centered", "true", "epsilon", "1e-3"}},
    {"rmsprop", rmsprop, 0.01, 0.1, {"centered", "true", "momentum", "0.5", "rho", "0.8", "epsilon", "1e-3"}},
    {"adagrad", adagrad, 0.1, 0.01, {NULL}},
    {"adagrad", adagrad, 0.1, 0, {"initial_accumulator_value", "0.5"}},
    {"adadelta", adadelta, 1, 0.01, {NULL}},
    {"ftrl", ftrl, 0.05, 0.01, {NULL}},
    {"ftrl", ftrl, 0.05, 0, {"l1", "0.1", "l2", "0.2", "l2_shrinkage", "0.05", "beta", "0.3"}},
    {"ftrl", ftrl, 0.05, 0, {"learning_rate_power", "-0.7", "initial_accumulator_value", "0.3"}},
    {"lars", lars, 0.5, 0, {"trust", "0.02"}},
    {"lars", lars, 0.5, 0.1, {"momentum", "0.5"}},
    {"lion", lion, 0.01, 0.1, {NULL}},
};

/* ---- a tensor under an optimizer ---- */

typedef struct trained {
  const update_case *c;
  const ln_update_def *def;
  ln_settings *settings;
  uint32_t used;
  float first[LN_UPDATE_SLOTS];
  float values[ROOM], gradient[ROOM], slots[LN_UPDATE_SLOTS][ROOM];
  weight exact[COUNT];
} trained;

static trained whole, parts;
static bool is_bias; /* no weight: the ratio of norms is 1 */

static void begin(trained *t, const update_case *c) {
  ln_settings_destroy(t->settings);
  memset(t, 0, sizeof *t);
  t->c = c;
  t->settings = ln_settings_create();
  assert_non_null(t->settings);
  for (int i = 0; c->pairs[i] != NULL; i += 2) {
    assert_int_equal(ln_settings_set(t->settings, c->pairs[i], c->pairs[i + 1], &err), LN_OK);
  }
  t->def = ln_update_find(c->name);
  assert_non_null(t->def);
  t->used = ln_update_used(t->def, t->settings, t->first);
  assert_true(t->used < 1u << t->def->slots);
  for (int i = 0; i < COUNT; ++i) {
    t->values[i] = (float)sin(i * 1.7) + 0.01f;
    t->exact[i].w = (double)t->values[i];
    for (int k = 0; k < LN_UPDATE_SLOTS; ++k) {
      t->slots[k][i] = t->first[k];
      t->exact[i].slots[k] = (double)t->first[k];
    }
  }
}

/* Gradients of all sizes, and some zeros. */
static void set_gradient(trained *t, int step) {
  for (int i = 0; i < COUNT; ++i) {
    const double size = pow(10, -(i % 6));
    t->gradient[i] = i % 11 == 3 ? 0 : (float)(size * (cos(i * 0.37 + step * 0.11) + 0.2));
  }
}

/* One step, in parts of `part` elements. */
static void take_step(trained *t, int step, size_t part) {
  float numbers[LN_UPDATE_NUMBERS] = {0};
  float *slots[LN_UPDATE_SLOTS] = {NULL};
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) slots[k] = (t->used >> k & 1) != 0 ? t->slots[k] : NULL;
  t->def->prepare(t->settings, t->def->parameters, step, t->c->rate, t->c->decay, numbers);
  for (size_t from = 0; t->def->before != NULL && from < COUNT; from += part) {
    t->def->before(numbers, t->values, t->gradient, slots, from, from + part < COUNT ? from + part : COUNT);
  }
  if (t->def->norms && !is_bias) {
    numbers[LN_UPDATE_NUMBERS - 2] = (float)ln_norm(t->values, COUNT);
    numbers[LN_UPDATE_NUMBERS - 1] = (float)ln_norm(t->gradient, COUNT);
  }
  for (size_t from = 0; from < COUNT; from += part) {
    t->def->update(numbers, t->values, t->gradient, slots, from, from + part < COUNT ? from + part : COUNT);
  }
}

/* Before the step's formula is applied: what layers' optimizers take from all weights. */
static void set_ratio(const trained *t, int step) {
  const update_case *c = t->c;
  const bool is_lamb = strcmp(c->name, "lamb") == 0;
  double weights = 0, gradient = 0;
  for (int i = 0; i < COUNT; ++i) {
    weight x = t->exact[i];
    const double d = (double)t->gradient[i];
    const double move = is_lamb ? lamb_move(t->settings, t->def->parameters, step, d, &x) : d;
    weights += x.w * x.w;
    gradient += move * move;
  }
  weights = sqrt(weights) * (is_lamb ? 1 - c->rate * c->decay : 1);
  gradient = sqrt(gradient);
  layer_decay = c->decay;
  ratio = weights / gradient;
  if (!is_lamb) {
    ratio = ln_setting_number(t->settings, t->def->parameters, "trust") * weights / (gradient + c->decay * weights);
  }
  if (is_bias) ratio = 1;
}

static void take_exact_step(trained *t, int step) {
  const update_case *c = t->c;
  set_ratio(t, step);
  for (int i = 0; i < COUNT; ++i) {
    weight *x = &t->exact[i];
    if (c->exact != lars) x->w -= c->rate * c->decay * x->w;
    c->exact(t->settings, t->def->parameters, step, c->rate, (double)t->gradient[i], x);
  }
}

static void check_formula(const update_case *c) {
  double most = 0;
  begin(&whole, c);
  for (int step = 1; step <= STEPS; ++step) {
    set_gradient(&whole, step);
    take_exact_step(&whole, step);
    take_step(&whole, step, COUNT);
    for (int i = 0; i < COUNT; ++i) {
      const double w = whole.exact[i].w, off = fabs((double)whole.values[i] - w) / (0.5 + fabs(w));
      most = fmax(most, off);
      if (off > (is_bias ? 4e-6 : 2e-6))
        fail_msg("%s, step %d [%d]: %g, not %g", c->name, step, i, (double)whole.values[i], w);
    }
  }
  print_message("%s: %.1e\n", c->name, most);
}

static void test_formulas(void **state) {
  (void)state;
  for (size_t n = 0; n < LN_COUNT(cases); ++n) {
    check_formula(&cases[n]);
    is_bias = true;
    if (whole.def->norms) check_formula(&cases[n]);
    is_bias = false;
  }
}

static void test_split(void **state) {
  (void)state;
  for (size_t n = 0; n < LN_COUNT(cases); ++n) {
    begin(&whole, &cases[n]);
    begin(&parts, &cases[n]);
    for (int step = 1; step <= STEPS; ++step) {
      set_gradient(&whole, step);
      set_gradient(&parts, step);
      take_step(&whole, step, COUNT);
      take_step(&parts, step, 36);
    }
    assert_memory_equal(whole.values, parts.values, BYTES);
    for (int k = 0; k < LN_UPDATE_SLOTS; ++k) assert_memory_equal(whole.slots[k], parts.slots[k], BYTES);
  }
}

/* ---- written out ---- */

static const int32_t shape[2] = {5, COUNT / 5};

typedef struct written {
  ln_model *source, *snapshot;
  ln_session *session;
  int32_t outputs[LN_UPDATE_SLOTS + 1];
} written;

/* A model of one step: values, gradient, the step's number and the slots in, values and slots out. */
static void write_out(written *w, const trained *t) {
  ln_grad g = {0};
  ln_update_graph u = {.s = t->settings, .list = t->def->parameters, .decay = t->c->decay, .is_weight = !is_bias};
  w->source = build_model();
  u.values = build_input(w->source, LN_FLOAT32, 2, shape);
  u.gradient = build_input(w->source, LN_FLOAT32, 2, shape);
  u.step = build_input(w->source, LN_FLOAT32, 0, NULL);
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) {
    u.slots[k] = (t->used >> k & 1) != 0 ? build_input(w->source, LN_FLOAT32, 2, shape) : -1;
    u.new_slots[k] = -1;
  }
  ln_optimizer o = {.source = w->source, .err = &err};
  assert_int_equal(ln_edit_begin(w->source, &err, &o.model), LN_OK);
  g.o = &o;
  u.rate = ln_grad_scalar(&g, (float)t->c->rate);
  t->def->emit(&g, &u);
  if (g.status != LN_OK) fail_msg("%s: %s", t->c->name, err.message);
  ln_graph *graph = ln_optimizer_graph(&o);
  int32_t count = 0;
  w->outputs[count++] = u.new_values;
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) {
    if ((t->used >> k & 1) != 0) w->outputs[count++] = u.new_slots[k];
  }
  graph->outputs = ln_arena_copy(&o.model->arena, w->outputs, (size_t)count * sizeof *w->outputs);
  graph->output_count = count;
  o.model->signature_count = 0;
  assert_int_equal(ln_edit_snapshot(o.model, &err, &w->snapshot), LN_OK);
  ln_model_destroy(o.model);
  if (ln_session_create(w->snapshot, NULL, &err, &w->session) != LN_OK) fail_msg("%s: %s", t->c->name, err.message);
}

static void run_step(written *w, trained *t, int step) {
  const float number = (float)step;
  int32_t at = 0;
  assert_int_equal(ln_session_set_input(w->session, at++, t->values, BYTES, &err), LN_OK);
  assert_int_equal(ln_session_set_input(w->session, at++, t->gradient, BYTES, &err), LN_OK);
  assert_int_equal(ln_session_set_input(w->session, at++, &number, sizeof number, &err), LN_OK);
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) {
    if ((t->used >> k & 1) == 0) continue;
    assert_int_equal(ln_session_set_input(w->session, at++, t->slots[k], BYTES, &err), LN_OK);
  }
  if (ln_session_run(w->session, &err) != LN_OK) fail_msg("%s: %s", t->c->name, err.message);
  at = 0;
  memcpy(t->values, ln_tensor_data(ln_session_output(w->session, at++)), BYTES);
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) {
    if ((t->used >> k & 1) == 0) continue;
    memcpy(t->slots[k], ln_tensor_data(ln_session_output(w->session, at++)), BYTES);
  }
}

static void destroy(written *w) {
  ln_session_destroy(w->session);
  ln_model_destroy(w->snapshot);
  ln_model_destroy(w->source);
}

static void check_written_out(const update_case *c) {
  written w = {0};
  begin(&whole, c);
  begin(&parts, c);
  write_out(&w, &parts);
  for (int step = 1; step <= 6; ++step) {
    set_gradient(&whole, step);
    set_gradient(&parts, step);
    take_step(&whole, step, COUNT);
    run_step(&w, &parts, step);
    for (int i = 0; i < COUNT; ++i) {
      const double a = (double)whole.values[i], b = (double)parts.values[i];
      if (fabs(a - b) > 2e-6 * (1 + fabs(a)))
        fail_msg("%s, step %d [%d]: %g written out, else %g", c->name, step, i, b, a);
    }
  }
  destroy(&w);
}

static void test_written_out(void **state) {
  (void)state;
  for (size_t n = 0; n < LN_COUNT(cases); ++n) {
    check_written_out(&cases[n]);
    is_bias = true;
    if (whole.def->norms) check_written_out(&cases[n]);
    is_bias = false;
  }
}

/* Every row has a case here. */
static void test_rows(void **state) {
  (void)state;
  for (int32_t row = 0; ln_update_at(row) != NULL; ++row) {
    bool found = false;
    assert_ptr_equal(ln_update_find(ln_update_at(row)->name), ln_update_at(row));
    for (size_t n = 0; n < LN_COUNT(cases); ++n) found = found || strcmp(cases[n].name, ln_update_at(row)->name) == 0;
    if (!found) fail_msg("%s has no case", ln_update_at(row)->name);
  }
  assert_null(ln_update_find("none"));
}

static const char *name_at(int32_t index) {
  const ln_update_def *def = ln_update_at(index);
  return def == NULL ? NULL : def->name;
}
static const ln_parameter *parameters_at(int32_t index) { return ln_update_at(index)->parameters; }

static void test_documented(void **state) {
  (void)state;
  check_documented("Optimizers", name_at);
  check_documented_parameters("Optimizers", parameters_at);
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

/* The third step. */
static void write_case(const char *folder, size_t number) {
  written w = {0};
  char end[16];
  const float step = 3;
  uint8_t *file = NULL;
  size_t size = 0;
  begin(&parts, &cases[number]);
  write_out(&w, &parts);
  for (int i = 1; i <= 3; ++i) {
    set_gradient(&parts, i);
    if (i < 3) take_step(&parts, i, COUNT);
  }
  set_gradient(&parts, 3);
  assert_int_equal(ln_format_write(w.snapshot, &err, &file, &size), LN_OK);
  write_file(folder, number, "tflite", file, size);
  write_file(folder, number, "in.0", parts.values, BYTES);
  write_file(folder, number, "in.1", parts.gradient, BYTES);
  write_file(folder, number, "in.2", &step, sizeof step);
  for (int k = 0, at = 3; k < LN_UPDATE_SLOTS; ++k) {
    snprintf(end, sizeof end, "in.%d", at);
    if ((parts.used >> k & 1) == 0) continue;
    write_file(folder, number, end, parts.slots[k], BYTES);
    ++at;
  }
  run_step(&w, &parts, 3);
  write_file(folder, number, "out.0", parts.values, BYTES);
  for (int k = 0, at = 1; k < LN_UPDATE_SLOTS; ++k) {
    snprintf(end, sizeof end, "out.%d", at);
    if ((parts.used >> k & 1) == 0) continue;
    write_file(folder, number, end, parts.slots[k], BYTES);
    ++at;
  }
  write_file(folder, number, "name", cases[number].name, strlen(cases[number].name));
  ln_free(file);
  destroy(&w);
}

/* ---- how fast ---- */

static void bench(const update_case *c) {
  enum { WEIGHTS = 1 << 20, RUNS = 50 };
  float numbers[LN_UPDATE_NUMBERS] = {0}, *arrays[LN_UPDATE_SLOTS + 2], best = 1e9f;
  begin(&parts, c);
  for (int k = 0; k < LN_UPDATE_SLOTS + 2; ++k) {
    arrays[k] = calloc(WEIGHTS, sizeof(float));
    assert_non_null(arrays[k]);
    for (int i = 0; i < WEIGHTS; ++i) arrays[k][i] = 0.01f * (float)(i % 17 + 1);
  }
  parts.def->prepare(parts.settings, parts.def->parameters, 1, c->rate, c->decay, numbers);
  for (int run = 0; run < RUNS; ++run) {
    const double from = (double)ln_clock_ns();
    parts.def->update(numbers, arrays[0], arrays[1], arrays + 2, 0, WEIGHTS);
    best = fminf(best, (float)((double)ln_clock_ns() - from));
  }
  int moved = 3; /* values twice, the gradient */
  for (int k = 0; k < LN_UPDATE_SLOTS; ++k) moved += (parts.used >> k & 1) != 0 ? 2 : 0;
  printf("%-10s %6.2f ms for %d weights, %5.1f GB/s\n", c->name, (double)best * 1e-6, WEIGHTS,
         4.0 * moved * WEIGHTS / (double)best);
  for (int k = 0; k < LN_UPDATE_SLOTS + 2; ++k) free(arrays[k]);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_formulas), cmocka_unit_test(test_split),      cmocka_unit_test(test_written_out),
      cmocka_unit_test(test_rows),     cmocka_unit_test(test_documented),
  };
  if (argc == 1) return cmocka_run_group_tests(tests, NULL, NULL);
  for (size_t n = 0; n < LN_COUNT(cases); ++n) {
    if (argc == 3) {
      write_case(argv[2], n);
    } else {
      bench(&cases[n]);
    }
  }
  return 0;
}
