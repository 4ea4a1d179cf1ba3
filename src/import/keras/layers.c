/* The table of layers and that of functions. */
#include <stdlib.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* Weights that several layers have. */
#define KERNEL "kernel bias?use_bias"
#define SEPARATE "depthwise_kernel pointwise_kernel bias?use_bias"
#define CELL "kernel recurrent_kernel bias?use_bias"
#define INNER_CELL "cell/kernel cell/recurrent_kernel cell/bias?use_bias"
#define MOVING "gamma?scale beta?center -moving_mean -moving_variance"
#define HEADS                                                                              \
  "query_dense/kernel query_dense/bias?use_bias key_dense/kernel key_dense/bias?use_bias " \
  "gate_dense/kernel?!use_gate gate_dense/bias?&use_gate value_dense/kernel "              \
  "value_dense/bias?use_bias output_dense/kernel output_dense/bias?use_bias"

static const ln_keras_row layers[] = {
#define LN_KERAS_LAYER(name, function, weights, masking, code) \
  {name, ln_keras_##function, weights, LN_KERAS_##masking##_MASK, code, NULL},
#include "import/keras/layers.def"
};

static const ln_keras_row functions[] = {
#define LN_KERAS_FUNCTION(name, also, function, code) {name, ln_keras_##function, "", LN_KERAS_DROPS_MASK, code, also},
#include "import/keras/functions.def"
};

const ln_keras_row *ln_keras_find_layer(const char *name) {
  for (size_t i = 0; i < LN_COUNT(layers); ++i) {
    if (strcmp(layers[i].name, name) == 0) return &layers[i];
  }
  return NULL;
}

/* Whether the list, "math.add|__operators__.add", holds the name. */
static bool is_listed(const char *list, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = list; length > 0 && *at != 0; at += strcspn(at, "|"), at += *at == '|') {
    if (strncmp(at, name, length) == 0 && (at[length] == 0 || at[length] == '|')) return true;
  }
  return false;
}

const ln_keras_row *ln_keras_find_function(const char *name, bool tensorflow) {
  if (tensorflow && strncmp(name, "compat.v1.", 10) == 0) name += 10;
  for (size_t i = 0; i < LN_COUNT(functions); ++i) {
    if (tensorflow ? is_listed(functions[i].also, name) : strcmp(functions[i].name, name) == 0) return &functions[i];
  }
  return NULL;
}

const char *ln_keras_layer_at(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(layers) ? NULL : layers[index].name;
}

const char *ln_keras_function_at(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(functions) ? NULL : functions[index].name;
}

#endif
