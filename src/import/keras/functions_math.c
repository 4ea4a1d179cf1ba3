/* Functions of keras.ops and TensorFlow that compute. */
#include <math.h>
#include <string.h>

#include "import/keras/functions.h"

#ifdef LN_HAVE_CJSON

/* ---- arguments ---- */

const cJSON *ln_keras_choice(const ln_keras_call *call, int32_t position, const char *key, const char *other) {
  const cJSON *item = ln_keras_option(call->config, key);
  if (item == NULL && other != NULL) item = ln_keras_option(call->config, other);
  if (item == NULL) item = ln_keras_argument(call, position, key);
  return item != NULL || other == NULL ? item : ln_keras_argument(call, -1, other);
}

int32_t ln_keras_choices(const ln_keras_call *call, int32_t position, const char *key, const char *other,
                         int32_t *values) {
  return ln_keras_list(ln_keras_choice(call, position, key, other), LN_MAX_RANK, values);
}

int32_t ln_keras_choice_int(const ln_keras_call *call, int32_t position, const char *key, const char *other,
                            int32_t otherwise) {
  int32_t value;
  return ln_keras_list(ln_keras_choice(call, position, key, other), 1, &value) == 1 ? value : otherwise;
}

bool ln_keras_choice_flag(const ln_keras_call *call, const char *key, const char *other) {
  return cJSON_IsTrue(ln_keras_choice(call, -1, key, other));
}

static double choice_number(const ln_keras_call *call, const char *key, double otherwise) {
  const cJSON *item = ln_keras_choice(call, -1, key, NULL);
  return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

int32_t ln_keras_subject(ln_keras_call *call) {
  if (call->inputs.count > 0) return call->inputs.items[0].tensor;
  return ln_keras_operand(call, call->first, LN_FLOAT32);
}

/* Types in the order in which one becomes the other. */
static int32_t width_of(ln_type type) {
  static const ln_type order[] = {LN_BOOL, LN_UINT8, LN_INT8, LN_INT16, LN_INT32, LN_INT64, LN_FLOAT32};
  for (int32_t i = 0; i < (int32_t)LN_COUNT(order); ++i) {
    if (order[i] == type) return i;
  }
  return LN_COUNT(order);
}

/* A number takes the type of the tensor that it meets. */
static const cJSON *first_item(const ln_keras_call *call) {
  const cJSON *item = call->first;
  /* ["_CONSTANT_VALUE", -1, 2.0, {}] */
  if (cJSON_IsArray(item) && cJSON_IsString(item->child) && strcmp(item->child->valuestring, "_CONSTANT_VALUE") == 0) {
    return cJSON_GetArrayItem(item, 2);
  }
  return item;
}

static const cJSON *second_item(const ln_keras_call *call) {
  const cJSON *item = ln_keras_argument(call, 1, "y");
  return item != NULL ? item : ln_keras_argument(call, -1, "x2");
}

bool ln_keras_pair(ln_keras_call *call, int32_t *a, int32_t *b) {
  ln_emit *e = call->e;
  const cJSON *first = first_item(call), *second = second_item(call);
  const bool has_first = ln_keras_has_tensor(call, first), has_second = ln_keras_has_tensor(call, second);
  if (has_second && !has_first) {
    *b = ln_keras_operand(call, second, LN_FLOAT32);
    *a = ln_keras_operand(call, first, *b >= 0 ? ln_emit_type(e, *b) : LN_FLOAT32);
  } else {
    *a = ln_keras_operand(call, first, LN_FLOAT32);
    *b = ln_keras_operand(call, second, *a >= 0 ? ln_emit_type(e, *a) : LN_FLOAT32);
  }
  if (ln_emit_failed(e)) return false;
  const ln_type x = ln_emit_type(e, *a), y = ln_emit_type(e, *b);
  const ln_type both = width_of(x) > width_of(y) ? x : y;
  if (x != LN_STRING && y != LN_STRING) {
    *a = ln_emit_cast(e, *a, both);
    *b = ln_emit_cast(e, *b, both);
  }
  return !ln_emit_failed(e);
}

/* ---- one argument ---- */

static int32_t subject_float(ln_keras_call *call) { return ln_keras_floats(call, ln_keras_subject(call)); }

int32_t ln_keras_unary(ln_keras_call *call) { return ln_emit_unary(call->e, call->row->code, ln_keras_subject(call)); }

int32_t ln_keras_unary_float(ln_keras_call *call) {
  return ln_emit_unary(call->e, call->row->code, subject_float(call));
}

int32_t ln_keras_round(ln_keras_call *call) {
  if (ln_keras_choice_int(call, -1, "decimals", NULL, 0) != 0) return ln_emit_refuse(call->e, "decimals are not read");
  return ln_emit_unary(call->e, LN_OP_ROUND, subject_float(call));
}

int32_t ln_keras_square(ln_keras_call *call) {
  const int32_t a = ln_keras_subject(call);
  return ln_emit_mul(call->e, a, a);
}

int32_t ln_keras_logical_not(ln_keras_call *call) {
  return ln_emit_unary(call->e, LN_OP_LOGICAL_NOT, ln_emit_cast(call->e, ln_keras_subject(call), LN_BOOL));
}

static int32_t is_infinite(ln_emit *e, int32_t a) { return ln_emit_is_inf(e, a, true, true); }

/* Rows give the place in this list. */
int32_t ln_keras_made(ln_keras_call *call) {
  static int32_t (*const functions[])(ln_emit *, int32_t) = {
      ln_emit_erf,   ln_emit_reciprocal, ln_emit_log1p,  ln_emit_expm1, ln_emit_tan,      ln_emit_sinh,
      ln_emit_cosh,  ln_emit_asin,       ln_emit_acos,   ln_emit_atan,  ln_emit_asinh,    ln_emit_acosh,
      ln_emit_atanh, ln_emit_trunc,      ln_emit_is_nan, is_infinite,   ln_emit_is_finite};
  return functions[call->row->code](call->e, subject_float(call));
}

int32_t ln_keras_scaled_log(ln_keras_call *call) {
  return ln_emit_mul_number(call->e, ln_emit_unary(call->e, LN_OP_LOG, subject_float(call)), 1 / log(call->row->code));
}

/* ---- activations ---- */

int32_t ln_keras_activation_function(ln_keras_call *call) {
  return ln_emit_activate(call->e, (ln_emit_activation)call->row->code, subject_float(call));
}

int32_t ln_keras_gelu(ln_keras_call *call) {
  const cJSON *item = ln_keras_choice(call, 1, "approximate", NULL);
  const bool rough = item != NULL ? cJSON_IsTrue(item) : call->k->keras3;
  return ln_emit_activate(call->e, rough ? LN_EMIT_GELU_TANH : LN_EMIT_GELU, subject_float(call));
}

int32_t ln_keras_elu(ln_keras_call *call) {
  return ln_emit_elu(call->e, subject_float(call), choice_number(call, "alpha", 1));
}

int32_t ln_keras_leaky_relu_function(ln_keras_call *call) {
  const double alpha = choice_number(call, "alpha", 0.2);
  return ln_emit_leaky_relu(call->e, subject_float(call), choice_number(call, "negative_slope", alpha));
}

/* max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) */
int32_t ln_keras_celu(ln_keras_call *call) {
  ln_emit *e = call->e;
  const double alpha = choice_number(call, "alpha", 1);
  const int32_t a = subject_float(call), low = ln_emit_clip(e, a, -INFINITY, 0);
  const int32_t curve = ln_emit_mul_number(e, ln_emit_expm1(e, ln_emit_mul_number(e, low, 1 / alpha)), alpha);
  return ln_emit_add(e, ln_emit_activate(e, LN_EMIT_RELU, a), curve);
}

int32_t ln_keras_threshold(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t a = subject_float(call);
  const int32_t above = ln_emit_compare(e, LN_OP_GREATER, a, ln_emit_f32(e, choice_number(call, "threshold", 0)));
  return ln_emit_select(e, above, a, ln_emit_f32(e, choice_number(call, "default_value", 0)));
}

/* code 1: its logarithm. */
int32_t ln_keras_softmax_function(ln_keras_call *call) {
  const int32_t axis = ln_keras_choice_int(call, 1, "axis", NULL, -1), a = subject_float(call);
  return call->row->code == 1 ? ln_emit_log_softmax(call->e, a, axis) : ln_emit_softmax(call->e, a, axis);
}

int32_t ln_keras_named_activation(ln_keras_call *call) {
  static const char *const names[] = {"squareplus",  "sparse_plus", "sparse_sigmoid", "tanh_shrink", "soft_shrink",
                                      "hard_shrink", "glu"};
  if (choice_number(call, "threshold", 0.5) != 0.5 || choice_number(call, "b", 4) != 4 ||
      ln_keras_choice_int(call, -1, "axis", NULL, -1) != -1) {
    return ln_emit_refuse(call->e, "options other than Keras's own defaults are not read");
  }
  return ln_keras_activation_named(call, subject_float(call), names[call->row->code]);
}

/* ---- two arguments ---- */

int32_t ln_keras_binary(ln_keras_call *call) {
  int32_t a, b;
  return ln_keras_pair(call, &a, &b) ? ln_emit_binary(call->e, call->row->code, a, b) : -1;
}

int32_t ln_keras_binary_float(ln_keras_call *call) {
  int32_t a, b;
  if (!ln_keras_pair(call, &a, &b)) return -1;
  a = ln_keras_floats(call, a);
  b = ln_keras_floats(call, b);
  /* TensorFlow Lite's operator does not broadcast. */
  if (ln_emit_rank(call->e, a) < ln_emit_rank(call->e, b))
    a = ln_emit_broadcast_to(call->e, a, ln_emit_shape_of(call->e, b));
  if (ln_emit_rank(call->e, b) < ln_emit_rank(call->e, a))
    b = ln_emit_broadcast_to(call->e, b, ln_emit_shape_of(call->e, a));
  return ln_emit_binary(call->e, call->row->code, a, b);
}

/* code 1: 0 where the divisor is. */
int32_t ln_keras_divide(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t a, b;
  if (!ln_keras_pair(call, &a, &b)) return -1;
  a = ln_keras_floats(call, a);
  b = ln_keras_floats(call, b);
  if (call->row->code == 0) return ln_emit_div(e, a, b);
  const int32_t zero = ln_emit_f32(e, 0), is_zero = ln_emit_compare(e, LN_OP_EQUAL, b, zero);
  return ln_emit_select(e, is_zero, zero, ln_emit_div(e, a, ln_emit_select(e, is_zero, ln_emit_f32(e, 1), b)));
}

int32_t ln_keras_power(ln_keras_call *call) {
  int32_t a, b;
  double number;
  if (!ln_keras_pair(call, &a, &b)) return -1;
  if (ln_emit_number(call->e, b, &number) && number == 2) return ln_emit_mul(call->e, a, a);
  return ln_emit_pow(call->e, a, b);
}

int32_t ln_keras_compare(ln_keras_call *call) {
  int32_t a, b;
  return ln_keras_pair(call, &a, &b) ? ln_emit_compare(call->e, call->row->code, a, b) : -1;
}

int32_t ln_keras_logical(ln_keras_call *call) {
  int32_t a, b;
  if (!ln_keras_pair(call, &a, &b)) return -1;
  a = ln_emit_cast(call->e, a, LN_BOOL);
  b = ln_emit_cast(call->e, b, LN_BOOL);
  if (call->row->code == LN_OP_NOT_EQUAL) return ln_emit_compare(call->e, LN_OP_NOT_EQUAL, a, b);
  return ln_emit_binary(call->e, call->row->code, a, b);
}

int32_t ln_keras_where(ln_keras_call *call) {
  ln_emit *e = call->e;
  const cJSON *yes = ln_keras_argument(call, 1, "x1"), *no = ln_keras_argument(call, 2, "x2");
  const int32_t condition = ln_emit_cast(e, ln_keras_subject(call), LN_BOOL);
  if (yes == NULL) yes = ln_keras_argument(call, -1, "x");
  if (no == NULL) no = ln_keras_argument(call, -1, "y");
  if (yes == NULL || no == NULL)
    return ln_emit_refuse(e, "it gives places, whose number only the run knows; give it both values");
  const bool by_no = ln_keras_has_tensor(call, no) && !ln_keras_has_tensor(call, yes);
  const int32_t one = ln_keras_operand(call, by_no ? no : yes, LN_FLOAT32);
  const int32_t other = ln_keras_operand(call, by_no ? yes : no, one >= 0 ? ln_emit_type(e, one) : LN_FLOAT32);
  if (ln_emit_failed(e)) return -1;
  const ln_type x = ln_emit_type(e, one), y = ln_emit_type(e, other), both = width_of(x) > width_of(y) ? x : y;
  const int32_t a = ln_emit_cast(e, by_no ? other : one, both), b = ln_emit_cast(e, by_no ? one : other, both);
  return ln_emit_select(e, condition, a, b);
}

/* A limit as the type of what it limits. */
static int32_t limit(ln_keras_call *call, int32_t a, int32_t code, int32_t position, const char *key,
                     const char *other) {
  const cJSON *item = ln_keras_choice(call, position, key, other);
  if (item == NULL || ln_emit_failed(call->e)) return a;
  const ln_type type = ln_emit_type(call->e, a);
  return ln_emit_binary(call->e, code, a, ln_emit_cast(call->e, ln_keras_operand(call, item, type), type));
}

int32_t ln_keras_clip(ln_keras_call *call) {
  const cJSON *low = ln_keras_choice(call, 1, "x_min", "clip_value_min"),
              *high = ln_keras_choice(call, 2, "x_max", "clip_value_max");
  int32_t a = ln_keras_subject(call);
  if (ln_emit_failed(call->e)) return -1;
  if (cJSON_IsNumber(low) && cJSON_IsNumber(high) && ln_emit_type(call->e, a) == LN_FLOAT32) {
    return ln_emit_clip(call->e, a, low->valuedouble, high->valuedouble);
  }
  a = limit(call, a, LN_OP_MAXIMUM, 1, "x_min", "clip_value_min");
  return limit(call, a, LN_OP_MINIMUM, 2, "x_max", "clip_value_max");
}

int32_t ln_keras_cast(ln_keras_call *call) {
  const cJSON *item = ln_keras_choice(call, 1, "dtype", NULL);
  const char *name =
      cJSON_IsString(item) ? item->valuestring : ln_keras_text(ln_keras_option(item, "config"), "name", "");
  const ln_type type = ln_keras_type(name);
  if ((int)type == LN_TYPE_COUNT) return ln_emit_refuse(call->e, "the type %.40s is not known", name);
  return ln_emit_cast(call->e, ln_keras_subject(call), type);
}

/* ---- reductions ---- */

/* code: the operator; sums of truth values are counts. */
int32_t ln_keras_reduce(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK], a = ln_keras_subject(call);
  const int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes), code = call->row->code;
  if (ln_emit_failed(e)) return -1;
  if (ln_keras_argument(call, 1, "weights") != NULL) return ln_emit_refuse(e, "weights are not read");
  const bool logical = code == LN_OP_REDUCE_ANY || code == LN_OP_REDUCE_ALL;
  if (logical) a = ln_emit_cast(e, a, LN_BOOL);
  else if (code == LN_OP_MEAN) a = ln_keras_floats(call, a);
  else if (ln_emit_type(e, a) == LN_BOOL) a = ln_emit_cast(e, a, LN_INT32);
  return ln_emit_reduce(e, code, a, count, axes, ln_keras_choice_flag(call, "keepdims", "keep_dims"));
}

static int32_t variance_of(ln_keras_call *call, int32_t a, bool keep) {
  int32_t axes[LN_MAX_RANK], mean, apart;
  const int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes);
  return ln_emit_variance(call->e, a, count, axes, keep, &mean, &apart);
}

/* code 1: its root. */
int32_t ln_keras_variance(ln_keras_call *call) {
  const int32_t made = variance_of(call, subject_float(call), ln_keras_choice_flag(call, "keepdims", NULL));
  return call->row->code == 1 ? ln_emit_unary(call->e, LN_OP_SQRT, made) : made;
}

int32_t ln_keras_log_sum_exp(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK];
  const int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes), a = subject_float(call);
  const bool keep = ln_keras_choice_flag(call, "keepdims", NULL);
  const int32_t most = ln_emit_reduce(e, LN_OP_REDUCE_MAX, a, count, axes, true);
  const int32_t powers = ln_emit_unary(e, LN_OP_EXP, ln_emit_sub(e, a, most));
  const int32_t sum = ln_emit_unary(e, LN_OP_LOG, ln_emit_reduce(e, LN_OP_SUM, powers, count, axes, keep));
  return ln_emit_add(e, sum, keep ? most : ln_emit_reduce(e, LN_OP_REDUCE_MAX, a, count, axes, false));
}

int32_t ln_keras_count_nonzero(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK];
  const int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes), a = ln_keras_subject(call);
  if (ln_emit_failed(e)) return -1;
  const int32_t is_none = ln_emit_compare(e, LN_OP_NOT_EQUAL, a, ln_emit_scalar(e, ln_emit_type(e, a), 0));
  const ln_type type = call->k->keras3 ? LN_INT32 : LN_INT64;
  return ln_emit_cast(e,
                      ln_emit_reduce(e, LN_OP_SUM, ln_emit_cast(e, is_none, LN_INT32), count, axes,
                                     ln_keras_choice_flag(call, "keepdims", NULL)),
                      type);
}

int32_t ln_keras_norm(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK];
  const cJSON *order = ln_keras_choice(call, 1, "ord", NULL);
  const int32_t count = ln_keras_choices(call, 2, "axis", NULL, axes), a = subject_float(call);
  const bool known = order == NULL || (cJSON_IsNumber(order) && order->valuedouble == 2) ||
                     (cJSON_IsString(order) && strcmp(order->valuestring, "euclidean") == 0);
  if (!known || (order != NULL && count > 1)) return ln_emit_refuse(e, "norms other than Euclid's are not read");
  const int32_t sum =
      ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, a, a), count, axes, ln_keras_choice_flag(call, "keepdims", NULL));
  return ln_emit_unary(e, LN_OP_SQRT, sum);
}

int32_t ln_keras_arg(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t a = ln_keras_subject(call), axis = 0;
  const ln_type type = call->k->keras3 ? LN_INT32 : ln_keras_type(ln_keras_text(call->kwargs, "output_type", "int64"));
  if (ln_emit_failed(e)) return -1;
  const bool flat = ln_keras_choices(call, 1, "axis", NULL, &axis) == 0 && call->k->keras3;
  if (flat) {
    const ln_dim dims[1] = {LN_DIM_REST};
    a = ln_emit_reshape(e, a, 1, dims);
  }
  return ln_emit_arg(e, call->row->code, a, axis, ln_keras_choice_flag(call, "keepdims", NULL), type);
}

int32_t ln_keras_cumsum(ln_keras_call *call) {
  int32_t axis = 0, a = ln_keras_subject(call);
  if (ln_keras_choices(call, 1, "axis", NULL, &axis) == 0 && call->k->keras3) {
    const ln_dim dims[1] = {LN_DIM_REST};
    a = ln_emit_reshape(call->e, a, 1, dims);
  }
  return ln_emit_cumsum(call->e, a, axis, ln_keras_choice_flag(call, "exclusive", NULL),
                        ln_keras_choice_flag(call, "reverse", NULL));
}

int32_t ln_keras_top_k(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t values, indices;
  const int32_t k = ln_emit_i32(e, ln_keras_choice_int(call, 1, "k", NULL, 1));
  if (!ln_emit_top_k(e, ln_keras_subject(call), k, -1, true, &values, &indices) || !ln_keras_give(call, 2)) return -1;
  call->outputs.items[0].tensor = values;
  call->outputs.items[1].tensor = ln_emit_cast(e, indices, LN_INT32);
  return LN_EMIT_NONE;
}

/* ---- products ---- */

static int32_t second(ln_keras_call *call) {
  const cJSON *item = ln_keras_argument(call, 1, "b");
  return ln_keras_operand(call, item != NULL ? item : ln_keras_argument(call, -1, "x2"), LN_FLOAT32);
}

int32_t ln_keras_matmul(ln_keras_call *call) {
  return ln_emit_matmul(call->e, subject_float(call), ln_keras_floats(call, second(call)),
                        ln_keras_choice_flag(call, "transpose_a", NULL),
                        ln_keras_choice_flag(call, "transpose_b", NULL));
}

int32_t ln_keras_dot_function(ln_keras_call *call) {
  const int32_t a = subject_float(call), b = ln_keras_floats(call, second(call));
  if (ln_emit_rank(call->e, a) == 0 || ln_emit_rank(call->e, b) == 0) return ln_emit_mul(call->e, a, b);
  if (ln_emit_rank(call->e, b) > 2)
    return ln_emit_refuse(call->e, "dot of more than two dimensions is not read; use matmul or einsum");
  return ln_emit_matmul(call->e, a, b, false, false);
}

int32_t ln_keras_einsum(ln_keras_call *call) {
  int32_t operands[16], count = 0;
  ln_keras_values found = call->inputs;
  const cJSON *subscripts = ln_keras_choice(call, -1, "subscripts", "equation");
  if (call->k->legacy_calls && cJSON_IsString(first_item(call))) subscripts = first_item(call);
  if (call->args != NULL && !ln_keras_tensors(call, call->args, &found)) return -1;
  if (!cJSON_IsString(subscripts) || found.count < 1 || found.count > 16)
    return ln_emit_wrong(call->e, "it has no equation");
  for (; count < found.count; ++count) operands[count] = ln_keras_floats(call, found.items[count].tensor);
  return ln_emit_einsum(call->e, subscripts->valuestring, count, operands);
}

/* a / sqrt(max(sum(a^2), epsilon)) */
int32_t ln_keras_normalize(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t axes[LN_MAX_RANK] = {-1};
  int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes);
  const int32_t a = subject_float(call);
  if (choice_number(call, "order", 2) != 2) return ln_emit_refuse(e, "an order other than 2 is not read");
  const double epsilon = choice_number(call, "epsilon", call->k->keras3 ? 1.1920929e-7 * 1.1920929e-7 : 1e-12);
  if (count == 0) count = 1;
  return ln_emit_unit_norm(e, a, count, axes, epsilon);
}

int32_t ln_keras_one_hot(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t depth = ln_keras_choice_int(call, 1, "num_classes", "depth", 0);
  const int32_t axis = ln_keras_choice_int(call, -1, "axis", NULL, -1), places = ln_keras_subject(call);
  if (depth < 1) return ln_emit_wrong(e, "its depth is out of range");
  const cJSON *dtype = ln_keras_choice(call, -1, "dtype", NULL);
  const ln_type type = cJSON_IsString(dtype) ? ln_keras_type(dtype->valuestring) : LN_FLOAT32;
  if ((int)type == LN_TYPE_COUNT) return ln_emit_refuse(e, "its type is not known");
  return ln_emit_cast(e, ln_emit_ones(e, places, ln_emit_i32(e, depth), axis, LN_FLOAT32), type);
}

/* ---- normalizations and pools ---- */

static int32_t optional(ln_keras_call *call, int32_t position, const char *name) {
  const cJSON *item = ln_keras_argument(call, position, name);
  return item == NULL ? -1 : ln_keras_operand(call, item, LN_FLOAT32);
}

int32_t ln_keras_layer_norm_function(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK] = {-1}, count = ln_keras_choices(call, -1, "axis", NULL, axes);
  const double epsilon = choice_number(call, "epsilon", 1e-3);
  if (count == 0) count = 1;
  return ln_emit_layer_norm(call->e, subject_float(call), count, axes, epsilon, optional(call, 1, "gamma"),
                            optional(call, 2, "beta"));
}

int32_t ln_keras_rms_norm_function(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK] = {-1}, count = ln_keras_choices(call, -1, "axis", NULL, axes);
  const int32_t a = subject_float(call), scale = optional(call, 1, "scale");
  if (count == 0) count = 1;
  return ln_emit_rms_norm(call->e, a, count, axes, choice_number(call, "epsilon", 1e-3), scale);
}

/* code 1: the maximum. */
int32_t ln_keras_pool_function(ln_keras_call *call) {
  const int32_t a = subject_float(call), rank = ln_emit_rank(call->e, a) - 2;
  ln_window window = {.rank = rank};
  if (ln_emit_failed(call->e) || rank < 1 || rank > 3)
    return ln_emit_wrong(call->e, "an input of 3 to 5 dimensions is wanted");
  if (ln_keras_channels_first(call->config)) return ln_emit_refuse(call->e, "channels_first is not read here");
  if (!ln_keras_tuple(call, "pool_size", rank, 2, window.size)) return -1;
  memcpy(window.stride, window.size, sizeof window.size);
  if (ln_keras_option(call->config, "strides") != NULL && !ln_keras_tuple(call, "strides", rank, 1, window.stride))
    return -1;
  window.padding = ln_keras_is(call->config, "padding", "same") ? LN_EMIT_SAME : LN_EMIT_VALID;
  return call->row->code == 1 ? ln_emit_max_pool(call->e, a, &window) : ln_emit_average_pool(call->e, a, &window);
}

#endif
