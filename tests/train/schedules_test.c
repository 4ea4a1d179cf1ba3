/* Learning rates over time against their formulas at chosen steps, and what lists of steps are refused. */
#include <math.h>

#include "support/unit.h"
#include "train/documented.h"
#include "train/trainer.h"

static ln_error err;

typedef struct schedule_case {
  const char *name;
  int64_t step;
  double factor;
  const char *pairs[9]; /* names and values of parameters */
} schedule_case;

/* Of 100 steps, 20 an epoch. */
static const schedule_case cases[] = {
    {"constant", 0, 1, {NULL}},
    {"constant", 0, 1.0 / 11, {"warmup", "10"}},
    {"constant", 9, 10.0 / 11, {"warmup", "10"}},
    {"constant", 10, 1, {"warmup", "10%"}},
    {"linear", 0, 1, {NULL}},
    {"linear", 25, 0.75, {NULL}},
    {"linear", 60, 0.1 + 0.9 * 0.5, {"warmup", "20", "rate_end", "0.1"}},
    {"linear", 200, 0.1, {"rate_end", "0.1"}},
    {"polynomial", 50, 0.2 + 0.8 * 0.125, {"rate_power", "3", "rate_end", "0.2"}},
    {"exponential", 10, 0.94868329805051381, {NULL}},
    {"exponential", 59, 0.81, {"rate_staircase", "true"}},
    {"exponential", 45, 0.5 * 0.5 * 0.5, {"rate_steps", "15", "rate_decay", "0.5"}},
    {"cosine", 0, 1, {NULL}},
    {"cosine", 50, 0.5, {NULL}},
    {"cosine", 25, 0.1 + 0.9 * 0.85355339059327373, {"rate_end", "0.1"}},
    {"cosine", 100, 0, {NULL}},
    {"cosine-restarts", 19, 0.0061558297024311, {NULL}},
    {"cosine-restarts", 20, 1, {NULL}},
    {"cosine-restarts", 40, 0.5, {NULL}},
    {"cosine-restarts", 85, 0.125, {"rate_lower", "0.5", "rate_longer", "3", "rate_steps", "10"}},
    {"cosine-restarts", 85, 0.125, {"rate_lower", "0.5", "rate_longer", "1", "rate_steps", "34"}},
    {"step", 49, 1, {NULL}},
    {"step", 50, 0.1, {NULL}},
    {"step", 75, 0.01, {NULL}},
    {"step", 30, 0.5, {"rate_at", "10,40", "rate_by", "0.5,0.2"}},
    {"step", 40, 0.1, {"rate_at", "10,40", "rate_by", "0.5,0.2"}},
    {"inverse-sqrt", 3, 4.0 / 17, {"warmup", "16"}},
    {"inverse-sqrt", 64, 0.5, {"warmup", "16"}},
    {"inverse-sqrt", 60, 0.5, {NULL}},
    {"inverse-sqrt", 75, 0.5, {"rate_steps", "25"}},
    {"one-cycle", 0, 0.04, {NULL}},
    {"one-cycle", 29, 1, {NULL}},
    {"one-cycle", 64, 0.5 * (1 + 4e-6), {NULL}},
    {"one-cycle", 99, 4e-6, {NULL}},
    {"one-cycle", 5, 0.1 + 0.9 * 0.5, {"rate_start", "0.1", "warmup", "11"}},
};

static ln_settings *settings_of(const char *schedule, const char *const *pairs) {
  ln_settings *s = ln_settings_create();
  assert_non_null(s);
  assert_int_equal(ln_settings_set(s, "schedule", schedule, &err), LN_OK);
  for (int i = 0; pairs[i] != NULL; i += 2) {
    assert_int_equal(ln_settings_set(s, pairs[i], pairs[i + 1], &err), LN_OK);
  }
  return s;
}

static void test_factors(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(cases); ++i) {
    const schedule_case *c = &cases[i];
    const ln_schedule_def *def = ln_schedule_find(c->name);
    assert_non_null(def);
    ln_settings *s = settings_of(c->name, c->pairs);
    assert_int_equal(ln_settings_check(s, &err), LN_OK);
    const double factor = def->factor(s, def->parameters, c->step, 100, 20);
    if (fabs(factor - c->factor) > 1e-12) fail_msg("case %d, %s: %.17g, not %.17g", (int)i, c->name, factor, c->factor);
    ln_settings_destroy(s);
  }
}

/* Every row has a case, and gives numbers from 0 to 1 for any length of training. */
static void test_rows(void **state) {
  (void)state;
  static const char *const none[] = {NULL};
  for (int32_t row = 0; ln_schedule_at(row) != NULL; ++row) {
    const ln_schedule_def *def = ln_schedule_at(row);
    bool found = false;
    for (size_t i = 0; i < LN_COUNT(cases); ++i) found = found || strcmp(cases[i].name, def->name) == 0;
    if (!found) fail_msg("%s has no case", def->name);
    ln_settings *s = settings_of(def->name, none);
    for (int64_t steps = 0; steps <= 12; ++steps) {
      for (int64_t step = 0; step <= steps; ++step) {
        const double factor = def->factor(s, def->parameters, step, steps, steps / 3);
        if (!(factor >= 0 && factor <= 1)) fail_msg("%s at %d of %d: %g", def->name, (int)step, (int)steps, factor);
      }
    }
    ln_settings_destroy(s);
  }
  assert_null(ln_schedule_find("none"));
}

static void test_refusals(void **state) {
  (void)state;
  static const char *const bad[][5] = {
      {"rate_at", "", NULL},
      {"rate_at", "0.5,", NULL},
      {"rate_at", "a", NULL},
      {"rate_by", "0.1,x", NULL},
      {"rate_by", "0.1,0.1,0.1", NULL},
      {"rate_by", "-1", NULL},
      {"rate_at", "1,2,3", "rate_by", "0.1,0.2", NULL},
  };
  for (size_t i = 0; i < LN_COUNT(bad); ++i) {
    ln_settings *s = ln_settings_create();
    assert_int_equal(ln_settings_set(s, "schedule", "step", &err), LN_OK);
    for (int k = 0; bad[i][k] != NULL; k += 2) {
      assert_int_equal(ln_settings_set(s, bad[i][k], bad[i][k + 1], &err), LN_OK);
    }
    assert_int_equal(ln_settings_check(s, &err), LN_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "rate_"));
    ln_settings_destroy(s);
  }
}

static const char *name_at(int32_t index) {
  const ln_schedule_def *def = ln_schedule_at(index);
  return def == NULL ? NULL : def->name;
}
static const ln_parameter *parameters_at(int32_t index) { return ln_schedule_at(index)->parameters; }

static void test_documented(void **state) {
  (void)state;
  check_documented("Learning rates over time", name_at);
  check_documented_parameters("Learning rates over time", parameters_at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_factors),
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_documented),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
