/*
 * The Keras importer: a file's config walked call by call, each layer and function a row of layers.def or
 * functions.def. Two generations: Keras 3, and tf-keras (Keras 1 and 2), which write calls and weights in other ways.
 */
#ifndef LN_IMPORT_KERAS_H
#define LN_IMPORT_KERAS_H

#include "import/emit.h"
#include "import/keras/h5.h"
#include "io/json.h"

#ifdef LN_HAVE_CJSON

enum { LN_KERAS_DEPTH = 64, LN_KERAS_VALUES = 256 };

/* A tensor and the mask that goes with it (bool [batch, time]; -1: none). */
typedef struct ln_keras_value {
  int32_t tensor, mask;
} ln_keras_value;

/* Values in the arena. */
typedef struct ln_keras_values {
  ln_keras_value *items;
  int32_t count;
} ln_keras_values;

/*
 * Where the weights of a layer are: a group of Keras 3 ("layers/dense"), or lists of arrays, those that are trained and
 * the others (legacy .h5).
 */
typedef struct ln_keras_weights {
  const char *path;            /* Keras 3; NULL: legacy */
  const char *const *names[2]; /* legacy: paths of arrays */
  int32_t count[2];
} ln_keras_weights;

typedef struct ln_keras {
  ln_import *import;
  ln_emit *e;
  const ln_import_source *source;
  ln_h5 *file;
  void *unpacked; /* the weights' file, taken from the archive */
  cJSON *config;
  bool is_archive;
  bool legacy_calls; /* tf-keras: inbound_nodes are lists */
  bool keras3;       /* functions mean what they mean in Keras 3 */
  int32_t depth, calls;
  struct ln_keras_cached {
    const char *path;
    int32_t tensor, graph;
  } * cache;
  int32_t cached, cache_room;
} ln_keras;

struct ln_keras_row;
struct ln_keras_scope;

/* One call of a layer or function. */
typedef struct ln_keras_call {
  ln_keras *k;
  ln_emit *e;
  const struct ln_keras_row *row;
  const cJSON *layer, *config;
  const char *name; /* of the layer, for people; with the names of models around it */
  ln_keras_weights weights;
  ln_keras_values inputs;       /* of the first argument */
  struct ln_keras_scope *scope; /* where names of other layers in args and kwargs lead; NULL: no args */
  const cJSON *args, *kwargs;   /* args: array of all positional ones, or NULL */
  const cJSON *first;           /* what `inputs` were taken from */
  ln_keras_values outputs;
  int32_t mask;           /* what the call is given as `mask`, or what comes with its first input; -1 */
  int32_t other_masks[2]; /* of attention: its value's and key's */
} ln_keras_call;

/* What becomes of a mask on the way through a layer. */
typedef enum ln_keras_masking { LN_KERAS_DROPS_MASK, LN_KERAS_PASSES_MASK, LN_KERAS_SETS_MASK } ln_keras_masking;

typedef struct ln_keras_row {
  const char *name;
  /* One tensor; or, with the outputs set in the call, anything: -1 and a failure, or LN_EMIT_NONE. */
  int32_t (*emit)(ln_keras_call *call);
  /* The weights in order: "kernel bias?use_bias -moving_mean query_dense/kernel": behind ? the option that they hang
   * on, with - those that are not trained, with a folder those of a layer inside. */
  const char *weights;
  ln_keras_masking masking;
  int32_t code;     /* what rows of one function differ in */
  const char *also; /* functions: the name in TensorFlow, as TFOpLambda has it */
} ln_keras_row;

const ln_keras_row *ln_keras_find_layer(const char *name);
/* Names of rows for lists; NULL past the last. */
const char *ln_keras_layer_at(int32_t index);
const char *ln_keras_function_at(int32_t index);
/* By the class of keras.ops, or by TensorFlow's name. */
const ln_keras_row *ln_keras_find_function(const char *name, bool tensorflow);

/* ---- options of a config (options.c); null counts as absent ---- */

const cJSON *ln_keras_option(const cJSON *config, const char *key);
double ln_keras_number(const cJSON *config, const char *key, double otherwise);
int32_t ln_keras_int(const cJSON *config, const char *key, int32_t otherwise);
bool ln_keras_flag(const cJSON *config, const char *key, bool otherwise);
const char *ln_keras_text(const cJSON *config, const char *key, const char *otherwise);
/* One number or a list; the count, 0 where it is absent or holds something else. */
int32_t ln_keras_ints(const cJSON *config, const char *key, int32_t most, int32_t *values);
int32_t ln_keras_list(const cJSON *item, int32_t most, int32_t *values);
/* `count` numbers from one or as many; false after a failure. */
bool ln_keras_tuple(ln_keras_call *call, const char *key, int32_t count, int32_t otherwise, int32_t *values);
bool ln_keras_is(const cJSON *config, const char *key, const char *value);
bool ln_keras_channels_first(const cJSON *config);
/* A type of numbers by Keras's name; LN_TYPE_COUNT for none. */
ln_type ln_keras_type(const char *name);
const char *ln_keras_layer_name(const cJSON *layer);
const char *ln_keras_class(const cJSON *layer);

/* ---- arguments of a call (arguments.c) ---- */

/* The argument at that position or of that name; NULL where it is absent or null. */
const cJSON *ln_keras_argument(const ln_keras_call *call, int32_t position, const char *name);
/* Tensors in it, in order; false after a failure. */
bool ln_keras_tensors(ln_keras_call *call, const cJSON *item, ln_keras_values *out);
/* A tensor that is wanted or may be absent (-1). */
int32_t ln_keras_tensor(ln_keras_call *call, int32_t position, const char *name);
/* A tensor, or a number or list as a constant of that type. */
int32_t ln_keras_operand(ln_keras_call *call, const cJSON *item, ln_type type);
bool ln_keras_has_tensor(ln_keras_call *call, const cJSON *item);
/* The first input, as float32 where it is a number of another type. */
int32_t ln_keras_input(ln_keras_call *call);
/* As float32 where it is none. */
int32_t ln_keras_floats(ln_keras_call *call, int32_t tensor);
/* Room for outputs; false after a failure. */
bool ln_keras_give(ln_keras_call *call, int32_t count);

/* ---- weights (weights.c) ---- */

/* A constant; -1 where the layer's options say that there is none, or after a failure. */
int32_t ln_keras_weight(ln_keras_call *call, const char *name);
bool ln_keras_has_weight(const ln_keras_call *call, const char *name);
/* Those of a layer inside this one, at its place. */
bool ln_keras_inner(ln_keras_call *call, const cJSON *child, const char *place, ln_keras_weights *out);
/* How many arrays the legacy format has of a layer, trained and others; false where it is nested too deep. */
bool ln_keras_count_weights(const cJSON *layer, int32_t counts[2]);
/* Layer `index` inside (of a model, a wrapper, stacked cells) and its place; NULL past the last. */
const cJSON *ln_keras_child(const cJSON *layer, int32_t index, char *place, size_t room);

/* ---- calls (model.c) ---- */

/* Calls a layer with inputs; `call` is where it is inside of. False after a failure. */
bool ln_keras_apply(ln_keras_call *call, const cJSON *layer, const ln_keras_weights *weights, ln_keras_values inputs,
                    ln_keras_values *outputs);
/* The same with one input and output: a tensor, or -1. */
int32_t ln_keras_apply_one(ln_keras_call *call, const cJSON *layer, const ln_keras_weights *weights, int32_t input);
/* Value that a reference leads to ("__keras_tensor__" or ["layer", node, tensor]); false for what is none. */
bool ln_keras_reference(const ln_keras_call *call, const cJSON *item, ln_keras_value *out, bool *ready);
/* The whole model. */
bool ln_keras_run(ln_keras *k);

/* ---- activations (activations.c) ---- */

int32_t ln_keras_activate(ln_keras_call *call, int32_t a, const char *key);
/* One that loops can use; false for another. */
bool ln_keras_simple_activation(ln_keras_call *call, const char *key, const char *otherwise, ln_emit_activation *out);
int32_t ln_keras_activation_named(ln_keras_call *call, int32_t a, const char *name);

#define LN_KERAS_LAYER(name, function, weights, masking, code) int32_t ln_keras_##function(ln_keras_call *call);
#include "import/keras/layers.def"
#define LN_KERAS_FUNCTION(name, also, function, code) int32_t ln_keras_##function(ln_keras_call *call);
#include "import/keras/functions.def"

#endif
#endif
