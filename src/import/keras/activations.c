/* Activations by their names, as a config or a function has them. */
#include <math.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* Those that emit.h has; what differs between Keras 3 and tf-keras is in the second column. */
static const struct named {
  const char *name;
  ln_emit_activation keras3, tf_keras;
} simple[] = {
    {"linear", LN_EMIT_LINEAR, LN_EMIT_LINEAR},
    {"relu", LN_EMIT_RELU, LN_EMIT_RELU},
    {"relu6", LN_EMIT_RELU6, LN_EMIT_RELU6},
    {"tanh", LN_EMIT_TANH, LN_EMIT_TANH},
    {"sigmoid", LN_EMIT_SIGMOID, LN_EMIT_SIGMOID},
    {"hard_sigmoid", LN_EMIT_HARD_SIGMOID_6, LN_EMIT_HARD_SIGMOID_5},
    {"hard_silu", LN_EMIT_HARD_SWISH, LN_EMIT_HARD_SWISH},
    {"hard_swish", LN_EMIT_HARD_SWISH, LN_EMIT_HARD_SWISH},
    {"gelu", LN_EMIT_GELU, LN_EMIT_GELU},
    {"swish", LN_EMIT_SWISH, LN_EMIT_SWISH},
    {"silu", LN_EMIT_SWISH, LN_EMIT_SWISH},
    {"softplus", LN_EMIT_SOFTPLUS, LN_EMIT_SOFTPLUS},
    {"softsign", LN_EMIT_SOFTSIGN, LN_EMIT_SOFTSIGN},
    {"mish", LN_EMIT_MISH, LN_EMIT_MISH},
    {"selu", LN_EMIT_SELU, LN_EMIT_SELU},
    {"elu", LN_EMIT_ELU, LN_EMIT_ELU},
    {"exponential", LN_EMIT_EXP, LN_EMIT_EXP},
    {"log_sigmoid", LN_EMIT_LOG_SIGMOID, LN_EMIT_LOG_SIGMOID},
    {"hard_tanh", LN_EMIT_HARD_TANH, LN_EMIT_HARD_TANH},
};

/* ---- those that are made of others ---- */

static int32_t softmax(ln_emit *e, int32_t a) { return ln_emit_softmax(e, a, -1); }
static int32_t log_softmax(ln_emit *e, int32_t a) { return ln_emit_log_softmax(e, a, -1); }
static int32_t leaky_relu(ln_emit *e, int32_t a) { return ln_emit_leaky_relu(e, a, 0.2); }
static int32_t tanh_shrink(ln_emit *e, int32_t a) { return ln_emit_sub(e, a, ln_emit_activate(e, LN_EMIT_TANH, a)); }

/* What reaches 0.5 beyond zero; 0 between. */
static int32_t soft_shrink(ln_emit *e, int32_t a) {
  const int32_t above = ln_emit_activate(e, LN_EMIT_RELU, ln_emit_add_number(e, a, -0.5));
  const int32_t below = ln_emit_activate(e, LN_EMIT_RELU, ln_emit_sub(e, ln_emit_f32(e, -0.5), a));
  return ln_emit_sub(e, above, below);
}

static int32_t hard_shrink(ln_emit *e, int32_t a) {
  const int32_t far = ln_emit_compare(e, LN_OP_GREATER, ln_emit_unary(e, LN_OP_ABS, a), ln_emit_f32(e, 0.5));
  return ln_emit_select(e, far, a, ln_emit_f32(e, 0));
}

static int32_t celu(ln_emit *e, int32_t a) { return ln_emit_elu(e, a, 1); }

static int32_t glu(ln_emit *e, int32_t a) {
  const int32_t size = ln_emit_dim(e, a, -1), sizes[2] = {size / 2, size / 2};
  int32_t parts[2];
  if (size < 2 || size % 2 != 0) return ln_emit_refuse(e, "glu wants an even number of channels");
  if (!ln_emit_split(e, a, -1, 2, sizes, parts)) return -1;
  return ln_emit_mul(e, parts[0], ln_emit_activate(e, LN_EMIT_SIGMOID, parts[1]));
}

/* (x + sqrt(x^2 + 4)) / 2 */
static int32_t squareplus(ln_emit *e, int32_t a) {
  const int32_t root = ln_emit_unary(e, LN_OP_SQRT, ln_emit_add_number(e, ln_emit_mul(e, a, a), 4));
  return ln_emit_mul_number(e, ln_emit_add(e, a, root), 0.5);
}

/* 0 up to -1, (x + 1)^2 / 4 up to 1, x above. */
static int32_t sparse_plus(ln_emit *e, int32_t a) {
  const int32_t root = ln_emit_clip(e, ln_emit_add_number(e, a, 1), 0, 2);
  const int32_t middle = ln_emit_mul_number(e, ln_emit_mul(e, root, root), 0.25);
  return ln_emit_add(e, middle, ln_emit_activate(e, LN_EMIT_RELU, ln_emit_add_number(e, a, -1)));
}

static int32_t sparse_sigmoid(ln_emit *e, int32_t a) {
  return ln_emit_clip(e, ln_emit_mul_number(e, ln_emit_add_number(e, a, 1), 0.5), 0, 1);
}

static const struct made {
  const char *name;
  int32_t (*emit)(ln_emit *e, int32_t a);
} made[] = {{"softmax", softmax},
            {"log_softmax", log_softmax},
            {"leaky_relu", leaky_relu},
            {"tanh_shrink", tanh_shrink},
            {"soft_shrink", soft_shrink},
            {"hard_shrink", hard_shrink},
            {"celu", celu},
            {"glu", glu},
            {"squareplus", squareplus},
            {"sparse_plus", sparse_plus},
            {"sparse_sigmoid", sparse_sigmoid}};

static bool find_simple(const ln_keras *k, const char *name, ln_emit_activation *out) {
  for (size_t i = 0; i < LN_COUNT(simple); ++i) {
    if (strcmp(simple[i].name, name) != 0) continue;
    *out = k->keras3 ? simple[i].keras3 : simple[i].tf_keras;
    return true;
  }
  return false;
}

int32_t ln_keras_activation_named(ln_keras_call *call, int32_t a, const char *name) {
  ln_emit_activation which;
  if (find_simple(call->k, name, &which)) return ln_emit_activate(call->e, which, a);
  for (size_t i = 0; i < LN_COUNT(made); ++i) {
    if (strcmp(made[i].name, name) == 0) return made[i].emit(call->e, a);
  }
  return ln_emit_refuse(call->e, "the activation %.60s is not known; use one of Keras's own", name);
}

/* The name of a config's activation: a text, or an object that holds it; NULL for a layer. */
static const char *name_of(const cJSON *item) {
  if (item == NULL) return "linear";
  if (cJSON_IsString(item)) return item->valuestring;
  const cJSON *inside = ln_keras_option(item, "config");
  if (cJSON_IsString(inside)) return inside->valuestring;
  return ln_keras_find_layer(ln_keras_class(item)) != NULL ? NULL : ln_keras_class(item);
}

bool ln_keras_simple_activation(ln_keras_call *call, const char *key, const char *otherwise, ln_emit_activation *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->config, key);
  const char *name = item == NULL ? otherwise : name_of(cJSON_IsNull(item) ? NULL : item);
  if (name != NULL && find_simple(call->k, name, out)) return true;
  ln_emit_refuse(call->e, "%s %.60s is not possible in a loop; use one of Keras's element-wise activations", key,
                 name != NULL ? name : "of a layer");
  return false;
}

int32_t ln_keras_activate(ln_keras_call *call, int32_t a, const char *key) {
  const cJSON *item = ln_keras_option(call->config, key);
  const char *name = name_of(item);
  if (a < 0) return -1;
  if (name != NULL) return ln_keras_activation_named(call, a, name);
  const ln_keras_weights none = {.path = call->weights.path};
  return ln_keras_apply_one(call, item, &none, a);
}

#endif
