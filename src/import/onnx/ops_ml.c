/* Classic machine learning (ai.onnx.ml): linear models, scalers, encoders. Trees have a file of their own. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx_ml.h"

/* ---- shared ---- */

int32_t ln_onnx_ml_floats(ln_onnx_node *n, const char *list, const char *tensor) {
  int32_t count;
  const float *values = ln_onnx_floats(n, list, &count);
  if (values != NULL) return ln_emit_const(n->e, LN_FLOAT32, 1, &count, values);
  if (tensor == NULL || !ln_onnx_has_attribute(n, tensor)) return -1;
  return ln_emit_cast(n->e, ln_onnx_tensor(n, tensor), LN_FLOAT32);
}

static int32_t texts(ln_onnx_node *n, const char *name) {
  int32_t count;
  const size_t *lengths;
  const char *const *values = ln_onnx_texts(n, name, &count, &lengths);
  return values == NULL || count == 0 ? -1 : ln_emit_strings(n->e, 1, &count, values, lengths);
}

static int32_t ints(ln_onnx_node *n, const char *name) {
  int32_t count;
  const int64_t *values = ln_onnx_ints(n, name, &count);
  return values == NULL || count == 0 ? -1 : ln_emit_vector64(n->e, count, values);
}

int32_t ln_onnx_ml_labels(ln_onnx_node *n, const char *as_ints, const char *strings) {
  const int32_t numbers = ints(n, as_ints), names = numbers < 0 ? texts(n, strings) : -1;
  if (numbers >= 0 || names >= 0) return numbers >= 0 ? numbers : names;
  return ln_emit_wrong(n->e, "it names no classes");
}

bool ln_onnx_ml_transform(ln_onnx_node *n, ln_onnx_transform *out) {
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const char *name = ln_onnx_text(n, "post_transform", "NONE");
  for (int32_t i = 0; i < (int32_t)LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (ln_onnx_transform)i;
    return true;
  }
  return ln_emit_wrong(n->e, "there is no post_transform %.40s", name) > 0;
}

/* sqrt(2) times the inverse of the error function at 2 x - 1, as Winitzki approximates it. */
static int32_t probit(ln_emit *e, int32_t x) {
  const double a = 0.147, pi = 3.14159265358979323846;
  const int32_t y = ln_emit_add_number(e, ln_emit_mul_number(e, x, 2), -1);
  const int32_t rest = ln_emit_sub(e, ln_emit_f32(e, 1), ln_emit_mul(e, y, y));
  const int32_t log = ln_emit_unary(e, LN_OP_LOG, rest);
  const int32_t v = ln_emit_add_number(e, ln_emit_mul_number(e, log, 0.5), 2 / (pi * a));
  const int32_t under = ln_emit_sub(e, ln_emit_mul(e, v, v), ln_emit_mul_number(e, log, 1 / a));
  const int32_t size = ln_emit_unary(e, LN_OP_SQRT, ln_emit_sub(e, ln_emit_unary(e, LN_OP_SQRT, under), v));
  return ln_emit_mul_number(e, ln_emit_mul(e, ln_emit_unary(e, LN_OP_SIGN, y), size), 1.41421356237309504880);
}

int32_t ln_onnx_ml_transformed(ln_emit *e, ln_onnx_transform how, int32_t scores) {
  if (how == LN_ONNX_SOFTMAX) return ln_emit_softmax(e, scores, -1);
  if (how == LN_ONNX_LOGISTIC) return ln_emit_unary(e, LN_OP_LOGISTIC, scores);
  if (how == LN_ONNX_PROBIT) return probit(e, scores);
  if (how == LN_ONNX_AS_IT_IS) return scores;
  const int32_t last = -1, zero = ln_emit_f32(e, 0), nothing = ln_emit_compare(e, LN_OP_EQUAL, scores, zero);
  const int32_t most = ln_emit_reduce(e, LN_OP_REDUCE_MAX, scores, 1, &last, true);
  const int32_t power = ln_emit_select(e, nothing, zero, ln_emit_unary(e, LN_OP_EXP, ln_emit_sub(e, scores, most)));
  return ln_emit_div(e, power, ln_emit_reduce(e, LN_OP_SUM, power, 1, &last, true));
}

static int32_t pair(ln_emit *e, int32_t first, int32_t second) {
  return ln_emit_concat(e, 1, 2, (const int32_t[]){first, second});
}

void ln_onnx_ml_classify(ln_onnx_node *n, int32_t labels, int32_t scores, ln_onnx_transform how, double threshold,
                         double whole) {
  ln_emit *e = n->e;
  const int32_t last = 1, single = ln_emit_dim(e, scores, 1) == 1 && ln_emit_dim(e, labels, 0) == 2;
  int32_t which, shown;
  if (ln_emit_failed(e)) return;
  if (!single) {
    which = ln_emit_arg(e, LN_OP_ARG_MAX, scores, 1, false, LN_INT32);
    shown = ln_onnx_ml_transformed(e, how, scores);
  } else {
    const int32_t yes = ln_emit_compare(e, LN_OP_GREATER, scores, ln_emit_f32(e, threshold));
    const int32_t other = ln_emit_unary(e, LN_OP_NEG, scores);
    which = ln_emit_cast(e, ln_emit_squeeze(e, yes, 1, &last), LN_INT32);
    if (how == LN_ONNX_LOGISTIC) shown = ln_emit_unary(e, LN_OP_LOGISTIC, pair(e, other, scores));
    else if (how == LN_ONNX_PROBIT) shown = probit(e, scores);
    else shown = pair(e, whole != 0 ? ln_emit_add_number(e, other, whole) : other, scores);
  }
  ln_onnx_out(n, 0, ln_emit_gather(e, labels, which, 0, 0));
  if (ln_onnx_wants(n, 1)) ln_onnx_out(n, 1, shown);
}

/* ---- linear models ---- */

/* [n, features] as float32; one row is a batch of one. */
static int32_t rows_in(ln_onnx_node *n) {
  const int32_t a = ln_emit_cast(n->e, ln_onnx_in(n, 0), LN_FLOAT32), first = 0;
  return ln_emit_rank(n->e, a) == 1 ? ln_emit_expand(n->e, a, 1, &first) : a;
}

static int32_t linear(ln_onnx_node *n, int32_t x) {
  int32_t count, biases;
  const float *weights = ln_onnx_floats(n, "coefficients", &count), *bias = ln_onnx_floats(n, "intercepts", &biases);
  const int32_t features = ln_emit_dim(n->e, x, 1);
  if (ln_emit_failed(n->e)) return -1;
  if (features < 1) return ln_emit_refuse(n->e, "how many features there are is open; give the shape with --shape");
  if (weights == NULL || count % features != 0 || count == 0) {
    return ln_emit_wrong(n->e, "%d coefficients for %d features", weights == NULL ? 0 : count, features);
  }
  const int32_t dims[2] = {count / features, features};
  if (bias != NULL && biases != dims[0] && biases > 0)
    return ln_emit_wrong(n->e, "%d intercepts for %d targets", biases, dims[0]);
  const int32_t by = bias == NULL || biases == 0 ? -1 : ln_emit_const(n->e, LN_FLOAT32, 1, &biases, bias);
  return ln_emit_dense(n->e, x, ln_emit_const(n->e, LN_FLOAT32, 2, dims, weights), by);
}

void ln_onnx_linear_regressor(ln_onnx_node *n) {
  ln_onnx_transform how;
  if (!ln_onnx_ml_transform(n, &how)) return;
  ln_onnx_out(n, 0, ln_onnx_ml_transformed(n->e, how, linear(n, rows_in(n))));
}

void ln_onnx_linear_classifier(ln_onnx_node *n) {
  ln_onnx_transform how;
  if (!ln_onnx_ml_transform(n, &how)) return;
  const int32_t labels = ln_onnx_ml_labels(n, "classlabels_ints", "classlabels_strings");
  ln_onnx_ml_classify(n, labels, linear(n, rows_in(n)), how, 0, 1);
}

/* ---- support vectors ---- */

/* Of rows and the support vectors: [n, vectors]. */
static int32_t kernel_of(ln_onnx_node *n, int32_t x, int32_t vectors) {
  ln_emit *e = n->e;
  int32_t count;
  const float *p = ln_onnx_floats(n, "kernel_params", &count);
  const double gamma = p != NULL && count > 0 ? p[0] : 0, add = p != NULL && count > 1 ? p[1] : 0;
  const double degree = p != NULL && count > 2 ? p[2] : 0;
  const char *kind = ln_onnx_text(n, "kernel_type", "LINEAR");
  const int32_t last = -1, product = ln_emit_dense(e, x, vectors, -1);
  if (strcmp(kind, "LINEAR") == 0) return product;
  if (strcmp(kind, "RBF") == 0) {
    const int32_t a = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, x, x), 1, &last, true);
    const int32_t b = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, vectors, vectors), 1, &last, false);
    const int32_t apart = ln_emit_sub(e, ln_emit_add(e, a, b), ln_emit_mul_number(e, product, 2));
    const int32_t none = ln_emit_binary(e, LN_OP_MAXIMUM, apart, ln_emit_f32(e, 0));
    return ln_emit_unary(e, LN_OP_EXP, ln_emit_mul_number(e, none, -gamma));
  }
  const int32_t shifted = ln_emit_add_number(e, ln_emit_mul_number(e, product, gamma), add);
  if (strcmp(kind, "SIGMOID") == 0) return ln_emit_unary(e, LN_OP_TANH, shifted);
  if (strcmp(kind, "POLY") == 0) return ln_emit_pow(e, shifted, ln_emit_f32(e, degree));
  return ln_emit_wrong(e, "there is no kernel %.40s", kind);
}

void ln_onnx_svm_regressor(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t x = rows_in(n), features = ln_emit_dim(e, x, 1), supports = ln_onnx_int32(n, "n_supports", 0);
  int32_t count, vectors, rhos;
  const float *weights = ln_onnx_floats(n, "coefficients", &count), *v = ln_onnx_floats(n, "support_vectors", &vectors);
  const float *rho = ln_onnx_floats(n, "rho", &rhos);
  ln_onnx_transform how;
  if (!ln_onnx_ml_transform(n, &how) || ln_emit_failed(e)) return;
  const int32_t wanted = supports > 0 ? supports : features;
  if (features < 1 || weights == NULL || count != wanted || rho == NULL || rhos < 1 ||
      (supports > 0 && (v == NULL || vectors != (int64_t)supports * features))) {
    ln_emit_wrong(e, "its vectors do not fit %d features", features);
    return;
  }
  const int32_t dims[2] = {supports, features}, row[2] = {1, count}, one = 1;
  const int32_t k = supports > 0 ? kernel_of(n, x, ln_emit_const(e, LN_FLOAT32, 2, dims, v)) : x;
  const int32_t bias = ln_emit_const(e, LN_FLOAT32, 1, &one, rho);
  int32_t y = ln_emit_dense(e, k, ln_emit_const(e, LN_FLOAT32, 2, row, weights), bias);
  if (ln_onnx_int(n, "one_class", 0) != 0) {
    const int32_t inside = ln_emit_compare(e, LN_OP_GREATER, y, ln_emit_f32(e, 0));
    y = ln_emit_select(e, inside, ln_emit_f32(e, 1), ln_emit_f32(e, -1));
  }
  ln_onnx_out(n, 0, ln_onnx_ml_transformed(e, how, y));
}

/* ---- scaling ---- */

void ln_onnx_scaler(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t x = ln_emit_cast(e, ln_onnx_in(n, 0), LN_FLOAT32);
  const int32_t offset = ln_onnx_ml_floats(n, "offset", NULL), scale = ln_onnx_ml_floats(n, "scale", NULL);
  if (offset >= 0) x = ln_emit_sub(e, x, offset);
  ln_onnx_out(n, 0, scale >= 0 ? ln_emit_mul(e, x, scale) : x);
}

void ln_onnx_normalizer(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t x = ln_emit_cast(e, ln_onnx_in(n, 0), LN_FLOAT32), last = -1, zero = ln_emit_f32(e, 0);
  const char *norm = ln_onnx_text(n, "norm", "MAX");
  int32_t by;
  if (strcmp(norm, "MAX") == 0) {
    by = ln_emit_reduce(e, LN_OP_REDUCE_MAX, x, 1, &last, true);
  } else if (strcmp(norm, "L1") == 0) {
    by = ln_emit_reduce(e, LN_OP_SUM, ln_emit_unary(e, LN_OP_ABS, x), 1, &last, true);
  } else if (strcmp(norm, "L2") == 0) {
    by = ln_emit_unary(e, LN_OP_SQRT, ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, x, x), 1, &last, true));
  } else {
    ln_emit_wrong(e, "there is no norm %.40s", norm);
    return;
  }
  const int32_t none = ln_emit_compare(e, LN_OP_EQUAL, by, zero);
  ln_onnx_out(n, 0, ln_emit_div(e, x, ln_emit_select(e, none, ln_emit_f32(e, 1), by)));
}

void ln_onnx_binarizer(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t x = ln_onnx_in(n, 0);
  if (ln_emit_failed(e)) return;
  const int32_t limit = ln_emit_scalar(e, ln_emit_type(e, x), ln_onnx_float(n, "threshold", 0));
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_compare(e, LN_OP_GREATER, x, limit), ln_emit_type(e, x)));
}

void ln_onnx_imputer(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t x = ln_onnx_in(n, 0);
  const bool floats = ln_onnx_has_attribute(n, "imputed_value_floats");
  const int32_t instead = floats ? ln_onnx_ml_floats(n, "imputed_value_floats", NULL) : ints(n, "imputed_value_int64s");
  const double missing =
      floats ? ln_onnx_float(n, "replaced_value_float", 0) : (double)ln_onnx_int(n, "replaced_value_int64", 0);
  if (ln_emit_failed(e)) return;
  if (instead < 0) {
    ln_emit_wrong(e, "it has no values to put in");
    return;
  }
  const int32_t is_missing = isnan(missing)
                                 ? ln_emit_compare(e, LN_OP_NOT_EQUAL, x, x)
                                 : ln_emit_compare(e, LN_OP_EQUAL, x, ln_emit_scalar(e, ln_emit_type(e, x), missing));
  ln_onnx_out(n, 0, ln_emit_select(e, is_missing, ln_emit_cast(e, instead, ln_emit_type(e, x)), x));
}

/* ---- arranging ---- */

void ln_onnx_array_feature_extractor(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t x = ln_onnx_in(n, 0);
  const ln_dim all = LN_DIM_REST;
  const int32_t first = 0, places = ln_emit_reshape(e, ln_emit_cast(e, ln_onnx_in(n, 1), LN_INT32), 1, &all);
  if (ln_emit_rank(e, x) == 1) x = ln_emit_expand(e, x, 1, &first);
  ln_onnx_out(n, 0, ln_emit_gather(e, x, places, -1, 0));
}

void ln_onnx_feature_vectorizer(ln_onnx_node *n) {
  const int32_t first = 0;
  int32_t *parts = ln_arena_array(ln_emit_arena(n->e), (size_t)n->input_count + 1, sizeof *parts);
  if (parts == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  for (int32_t i = 0; i < n->input_count; ++i) {
    parts[i] = ln_emit_cast(n->e, ln_onnx_in(n, i), LN_FLOAT32);
    if (ln_emit_rank(n->e, parts[i]) == 1) parts[i] = ln_emit_expand(n->e, parts[i], 1, &first);
  }
  ln_onnx_out(n, 0, ln_emit_concat(n->e, 1, n->input_count, parts));
}

/* A map from labels to columns: the columns themselves stay. */
void ln_onnx_zip_map(ln_onnx_node *n) { ln_onnx_out(n, 0, ln_onnx_in(n, 0)); }

/* ---- encoders ---- */

enum { MOST_KEYS = 4096 };

/* bool [.., keys]: which key an element is. */
static int32_t matches(ln_onnx_node *n, int32_t x, int32_t keys) {
  ln_emit *e = n->e;
  const int32_t last = -1;
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_elements(e, keys) > MOST_KEYS) return ln_emit_refuse(e, "more than %d keys", MOST_KEYS);
  const ln_type type = ln_emit_type(e, keys);
  if ((type == LN_STRING) != (ln_emit_type(e, x) == LN_STRING))
    return ln_emit_wrong(e, "keys of another type than its input");
  const int32_t wide = ln_emit_expand(e, type == LN_STRING ? x : ln_emit_cast(e, x, type), 1, &last);
  int32_t same = ln_emit_compare(e, LN_OP_EQUAL, wide, keys);
  if (type == LN_FLOAT32) { /* no number, like no other */
    const int32_t odd = ln_emit_compare(e, LN_OP_NOT_EQUAL, keys, keys);
    const int32_t both = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_NOT_EQUAL, wide, wide), odd);
    const float *values = ln_emit_data(e, keys);
    bool any = false;
    for (int64_t i = 0; values != NULL && i < ln_emit_elements(e, keys); ++i) any = any || isnan(values[i]);
    if (any) same = ln_emit_binary(e, LN_OP_LOGICAL_OR, same, both);
  }
  return same;
}

static int32_t list_of(ln_onnx_node *n, const char *tensor, const char *strings, const char *numbers,
                       const char *floats) {
  if (ln_onnx_has_attribute(n, tensor)) return ln_onnx_tensor(n, tensor);
  const int32_t names = texts(n, strings), whole = names < 0 ? ints(n, numbers) : -1;
  return names >= 0 ? names : whole >= 0 ? whole : ln_onnx_ml_floats(n, floats, NULL);
}

static int32_t scalar_text(ln_onnx_node *n, const char *text) {
  const size_t length = strlen(text);
  return ln_emit_strings(n->e, 0, NULL, &text, &length);
}

static int32_t default_of(ln_onnx_node *n, ln_type type) {
  if (ln_onnx_has_attribute(n, "default_tensor")) return ln_onnx_scalar(n->e, ln_onnx_tensor(n, "default_tensor"));
  if (type == LN_STRING) return scalar_text(n, ln_onnx_text(n, "default_string", "_Unused"));
  if (type == LN_FLOAT32 || type == LN_FLOAT64)
    return ln_emit_scalar(n->e, type, ln_onnx_float(n, "default_float", -0.0f));
  return ln_emit_scalar(n->e, type, (double)ln_onnx_int(n, "default_int64", -1));
}

static void map(ln_onnx_node *n, int32_t keys, int32_t values) {
  ln_emit *e = n->e;
  const int32_t last = -1;
  if (ln_emit_failed(e)) return;
  if (keys < 0 || values < 0 || ln_emit_elements(e, keys) != ln_emit_elements(e, values) ||
      ln_emit_elements(e, keys) < 1) {
    ln_emit_wrong(e, "its keys and values do not fit together");
    return;
  }
  const int32_t same = matches(n, ln_onnx_in(n, 0), keys);
  const int32_t which = ln_emit_arg(e, LN_OP_ARG_MAX, ln_emit_cast(e, same, LN_INT32), -1, false, LN_INT32);
  const int32_t known = ln_emit_reduce(e, LN_OP_REDUCE_ANY, same, 1, &last, false);
  const int32_t found = ln_emit_gather(e, values, which, 0, 0);
  ln_onnx_out(n, 0, ln_emit_select(e, known, found, default_of(n, ln_emit_type(e, values))));
}

void ln_onnx_label_encoder(ln_onnx_node *n) {
  const int32_t keys = list_of(n, "keys_tensor", "keys_strings", "keys_int64s", "keys_floats");
  map(n, keys, list_of(n, "values_tensor", "values_strings", "values_int64s", "values_floats"));
}

/* Texts to numbers or back, by what comes in; LabelEncoder's first version is the same with numbers from 0 on. */
void ln_onnx_category_mapper(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t names = texts(n, n->variant == 0 ? "cats_strings" : "classes_strings");
  int32_t numbers = n->variant == 0 ? ints(n, "cats_int64s") : -1;
  if (n->variant != 0 && names >= 0) {
    const int32_t count = ln_emit_count_up(e, ln_emit_size_of(e, names, 0));
    numbers = ln_emit_cast(e, count, LN_INT64);
  }
  const bool from_text = ln_emit_type(e, ln_onnx_in(n, 0)) == LN_STRING;
  map(n, from_text ? names : numbers, from_text ? numbers : names);
}

void ln_onnx_one_hot_encoder(ln_onnx_node *n) {
  const int32_t keys = ln_onnx_ml_labels(n, "cats_int64s", "cats_strings");
  ln_onnx_out(n, 0, ln_emit_cast(n->e, matches(n, ln_onnx_in(n, 0), keys), LN_FLOAT32));
}
