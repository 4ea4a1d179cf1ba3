/*
 * Functions that importers put together of TFLite's operators, beside libm in double: operators of constants are
 * computed at once, so that what they give can be read here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "import/emit.h"

enum { COUNT = 4001 };

static bool never(const ln_import_source *source) {
  (void)source;
  return false;
}

/* Runs `read` over a graph whose output nobody reads. */
static void run_importer(ln_status (*read)(ln_import *)) {
  const ln_importer importer = {"test", "", never, read};
  const ln_import_source source = {.path = "test"};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  if (ln_import_run(&importer, &source, NULL, &err, &model) != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(model);
}

static ln_status finish(ln_emit *e) {
  ln_emit_output(e, "y", ln_emit_f32(e, 0));
  ln_emit_sign(e, "serving_default");
  return e->import->status;
}

/* ---- functions of one number ---- */

static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double log_sigmoid(double x) { return -softplus(-x); }
static double mish(double x) { return x * tanh(softplus(x)); }
static double softsign(double x) { return x / (1 + fabs(x)); }
static double hard_sigmoid(double x) { return fmin(fmax(x + 3, 0), 6) / 6; }
static double selu(double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)); }
static double swish(double x) { return x / (1 + exp(-x)); }

#define ACTIVATION(name, which) \
  static int32_t emit_##name(ln_emit *e, int32_t a) { return ln_emit_activate(e, which, a); }
ACTIVATION(softplus, LN_EMIT_SOFTPLUS)
ACTIVATION(log_sigmoid, LN_EMIT_LOG_SIGMOID)
ACTIVATION(mish, LN_EMIT_MISH)
ACTIVATION(softsign, LN_EMIT_SOFTSIGN)
ACTIVATION(hard_sigmoid, LN_EMIT_HARD_SIGMOID_6)
ACTIVATION(selu, LN_EMIT_SELU)
ACTIVATION(swish, LN_EMIT_SWISH)

static const struct {
  const char *name;
  int32_t (*emit)(ln_emit *e, int32_t a);
  double (*want)(double x);
  double low, high, ulps;
} functions[] = {{"erf", ln_emit_erf, erf, -5, 5, 7},
                 {"erf near 0", ln_emit_erf, erf, -1e-4, 1e-4, 3},
                 {"log1p", ln_emit_log1p, log1p, -0.999, 30, 4},
                 {"log1p near 0", ln_emit_log1p, log1p, -1e-5, 1e-5, 4},
                 {"expm1", ln_emit_expm1, expm1, -20, 80, 4},
                 {"expm1 near 0", ln_emit_expm1, expm1, -1e-5, 1e-5, 4},
                 {"tan", ln_emit_tan, tan, -1.5, 1.5, 4},
                 {"sinh", ln_emit_sinh, sinh, -89, 89, 5},
                 {"sinh near 0", ln_emit_sinh, sinh, -1e-3, 1e-3, 4},
                 {"cosh", ln_emit_cosh, cosh, -89, 89, 5},
                 {"asin", ln_emit_asin, asin, -1, 1, 4},
                 {"acos", ln_emit_acos, acos, -1, 1, 4},
                 {"atan", ln_emit_atan, atan, -1e6, 1e6, 3},
                 {"asinh", ln_emit_asinh, asinh, -20, 20, 5},
                 {"asinh far", ln_emit_asinh, asinh, 1e5, 3e38, 4},
                 {"acosh", ln_emit_acosh, acosh, 1.001, 40, 5},
                 {"atanh", ln_emit_atanh, atanh, -0.999, 0.999, 5},
                 {"trunc", ln_emit_trunc, trunc, -9, 9, 0},
                 {"softplus", emit_softplus, softplus, -80, 80, 5},
                 {"log sigmoid", emit_log_sigmoid, log_sigmoid, -80, 80, 5},
                 {"mish", emit_mish, mish, -30, 60, 6},
                 {"softsign", emit_softsign, softsign, -50, 50, 3},
                 {"hard sigmoid", emit_hard_sigmoid, hard_sigmoid, -2.5, 5, 4},
                 {"selu", emit_selu, selu, -20, 20, 4},
                 {"swish", emit_swish, swish, -60, 60, 5}};

static double ulps_apart(double got, double want) {
  const float near_ = (float)fabs(want);
  const double step = fmax((double)nextafterf(near_, INFINITY) - near_, 1.4e-45);
  return fabs(got - want) / step;
}

static ln_status read_functions(ln_import *import) {
  static const int32_t dims[] = {COUNT};
  ln_emit *e = ln_emit_begin(import, "main");
  static float x[COUNT];
  for (size_t f = 0; f < LN_COUNT(functions); ++f) {
    for (int32_t i = 0; i < COUNT; ++i)
      x[i] = (float)(functions[f].low + (functions[f].high - functions[f].low) * i / (COUNT - 1));
    const float *y = ln_emit_data(e, functions[f].emit(e, ln_emit_const(e, LN_FLOAT32, 1, dims, x)));
    if (y == NULL) fail_msg("%s: %s", functions[f].name, import->err->message);
    for (int32_t i = 0; i < COUNT; ++i) {
      const double want = functions[f].want(x[i]), apart = ulps_apart(y[i], want);
      if (!(apart <= functions[f].ulps))
        fail_msg("%s(%.9g) is %.9g for %.9g: %.1f ulp", functions[f].name, x[i], y[i], want, apart);
    }
  }
  return finish(e);
}

static void near_libm(void **state) {
  (void)state;
  run_importer(read_functions);
}

/* ---- Einstein sums ---- */

enum { MOST = 6 };

typedef struct sizes {
  int32_t of[128];
} sizes;

static float value_at(const float *data, const char *term, const sizes *s, const int32_t *place) {
  size_t at = 0;
  for (; *term >= 'a'; ++term) at = at * (size_t)s->of[(int)*term] + (size_t)place[(int)*term];
  return data[at];
}

/* The sum as it is defined, for the output's element that `place` says. */
static double element(const char *equation, const float *const *data, const sizes *s, int32_t *place,
                      const char *gone) {
  if (*gone != '\0') {
    double sum = 0;
    for (place[(int)*gone] = 0; place[(int)*gone] < s->of[(int)*gone]; ++place[(int)*gone])
      sum += element(equation, data, s, place, gone + 1);
    return sum;
  }
  double product = 1;
  const char *term = equation;
  for (int32_t i = 0; *term != '-'; ++i) {
    product *= value_at(data[i], term, s, place);
    while (*term >= 'a') ++term;
    if (*term == ',') ++term;
  }
  return product;
}

static size_t fill(const char *term, const sizes *s, float *data, int32_t *rank, int32_t *dims, uint32_t *seed) {
  size_t count = 1;
  for (*rank = 0; *term >= 'a'; ++term) count *= (size_t)(dims[(*rank)++] = s->of[(int)*term]);
  for (size_t i = 0; i < count; ++i) data[i] = (float)((*seed = *seed * 1664525u + 1013904223u) >> 24) / 64 - 2;
  return count;
}

static void check_einsum(ln_emit *e, const char *equation) {
  static float storage[MOST][4096];
  const float *data[MOST];
  const sizes s = {.of = {['a'] = 2, ['b'] = 3, ['c'] = 4, ['d'] = 5, ['e'] = 2, ['f'] = 3}};
  int32_t tensors[MOST], count = 0, dims[LN_MAX_RANK], rank, place[128] = {0};
  uint32_t seed = 7;
  const char *term = equation;
  char gone[32] = "";
  for (; *term != '-'; ++count) {
    fill(term, &s, storage[count], &rank, dims, &seed);
    data[count] = storage[count];
    tensors[count] = ln_emit_const(e, LN_FLOAT32, rank, dims, storage[count]);
    for (; *term >= 'a'; ++term) {
      if (strchr(strchr(equation, '>'), *term) == NULL && strchr(gone, *term) == NULL) strncat(gone, term, 1);
    }
    if (*term == ',') ++term;
  }
  const char *out = strchr(equation, '>') + 1;
  const int32_t made = ln_emit_einsum(e, equation, count, tensors);
  const float *got = ln_emit_data(e, made);
  if (got == NULL) fail_msg("%s: %s", equation, e->import->err->message);
  assert_int_equal(ln_emit_rank(e, made), strlen(out));
  for (size_t i = 0, whole = (size_t)ln_emit_elements(e, made); i < whole; ++i) {
    size_t rest = i;
    for (size_t k = strlen(out); k-- > 0; rest /= (size_t)s.of[(int)out[k]])
      place[(int)out[k]] = (int32_t)(rest % (size_t)s.of[(int)out[k]]);
    const double want = element(equation, data, &s, place, gone);
    if (fabs(got[i] - want) > 1e-4 * (1 + fabs(want)))
      fail_msg("%s: element %zu is %g for %g", equation, i, got[i], want);
  }
}

static ln_status read_einsums(ln_import *import) {
  static const char *const equations[] = {
      "ab->ba",         "ab->",           "ab->b",         "ab,bc->ac",   "ab,cb->ac",       "ba,bc->ac",
      "ab,ab->ab",      "ab,ab->",        "ab,ab->a",      "a,b->ab",     "abc,acd->abd",    "abc,adc->abd",
      "abcd,adbe->ace", "abc,cde->abde",  "abc,abd->acd",  "ab,b->a",     "ab,bc,cd->ad",    "abc,b,cd->ad",
      "aab->ab",        "abab->ab",       "aa->",          "aba,ac->bc",  "abcd,abed->abce", "abce,abed->abcd",
      "ab,cd->acbd",    "abcdef->fedcba", "ab,ac,ad->bcd", "abc,d->dabc", "abe,ebc->ac"};
  ln_emit *e = ln_emit_begin(import, "main");
  for (size_t i = 0; i < LN_COUNT(equations); ++i) check_einsum(e, equations[i]);
  return finish(e);
}

static void sums_as_defined(void **state) {
  (void)state;
  run_importer(read_einsums);
}

/* Equations that do not fit are refused in words. */
static ln_status read_wrong_einsum(ln_import *import) {
  static const char *const equations[] = {"ab",      "abc->a", "ab,bc->ac", "ab->abx", "ab->aa", "a b->",
                                          "a.b->ab", "ab->a-", ",->",       "",        "a->b,c", "...a...b->"};
  static const int32_t dims[] = {2, 3};
  static const float x[6];
  static int32_t which;
  ln_emit *e = ln_emit_begin(import, "main");
  const int32_t a = ln_emit_const(e, LN_FLOAT32, 2, dims, x);
  for (; which < (int32_t)LN_COUNT(equations); ++which) {
    ln_emit_einsum(e, equations[which], 1, &a);
    if (!ln_emit_failed(e)) continue; /* "ab" and "a b->" fit */
    ++which;
    break;
  }
  return which < (int32_t)LN_COUNT(equations) || ln_emit_failed(e) ? import->status : finish(e);
}

static void wrong_equations(void **state) {
  const ln_importer importer = {"test", "", never, read_wrong_einsum};
  const ln_import_source source = {.path = "test"};
  ln_status status = LN_ERR_MODEL;
  int32_t refused = 0;
  (void)state;
  while (status != LN_OK) {
    ln_error err = {LN_OK, ""};
    ln_model *model = NULL;
    status = ln_import_run(&importer, &source, NULL, &err, &model);
    refused += status != LN_OK;
    if (status != LN_OK) assert_int_equal(status, LN_ERR_MODEL);
    ln_model_destroy(model);
  }
  assert_int_equal(refused, 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(near_libm), cmocka_unit_test(sums_as_defined),
                                     cmocka_unit_test(wrong_equations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
