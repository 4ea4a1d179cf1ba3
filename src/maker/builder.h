/*
 * The builder of models: builder.c takes layers, the layers' own files (layers_*.c) make operators of them through
 * builder_op.c, initialize.c fills weights, builder_finish.c fuses what one operator can do and ends the model.
 * While a model is built, the first dimension of what is computed is 1 where the batch is left open.
 */
#ifndef LN_MAKER_BUILDER_H
#define LN_MAKER_BUILDER_H

#include "linnet/builder.h"
#include "optimize/optimize.h"

enum {
  LN_LAYER_WEIGHTS = 12, /* that a layer may have */
  LN_LAYERS_MOST = 4096, /* of a model */
  LN_STEPS_MOST = 1024,  /* that a recurrent layer is unrolled over */
  LN_BUILDER_OPS_MOST = 1 << 17,
  LN_ORTHOGONAL_MOST = 1 << 24 /* numbers of an orthogonal matrix: its time grows faster than they do */
};
#define LN_WEIGHTS_MOST ((size_t)1 << 31) /* bytes of all weights, what a file takes */

struct ln_call;

typedef struct ln_layer_def {
  const char *name, *stem, *what;
  int32_t least, most;
  const ln_parameter *parameters;
  int32_t (*make)(struct ln_call *call); /* the tensor that holds the output; -1 after a failure */
} ln_layer_def;

/* An input, or a layer that was made. */
typedef struct ln_made {
  struct ln_made *next;
  const char *name;
  const ln_layer_def *def; /* NULL: an input */
  int32_t output;
  const char *weight_keys[LN_LAYER_WEIGHTS]; /* "kernel" */
  int32_t weights[LN_LAYER_WEIGHTS];
  int32_t weight_count;
  const char *notes;            /* what training must know, " rate=0.5"; NULL: nothing */
  int32_t scale, shift, scaled; /* a batch normalization that may be folded: tensors of MUL's and ADD's constants (-1:
                                   has none) and what comes in; scaled -1: none */
  struct ln_made *folded_into;
} ln_made;

struct ln_builder {
  ln_model *model;
  uint64_t seed;
  int32_t batch; /* 0: open */
  bool unfolded;
  ln_made *first, *last;
  int32_t made_count;
  int32_t *outputs; /* [output_count] tensors, chosen by ln_builder_output */
  const char **output_names;
  int32_t output_count;
  size_t weight_bytes, weight_limit;
  ln_status status; /* of the call in hand; the first failure stays */
  ln_error *err;
};

/* A layer that is being made. */
typedef struct ln_call {
  ln_builder *builder;
  ln_made *made;
  const int32_t *inputs; /* tensors */
  int32_t input_count;
  const ln_layer_setting *settings;
  int32_t setting_count;
  int32_t step; /* of a recurrent layer, for names, counted from 1; 0: none */
} ln_call;

#define LN_LAYER(name, stem, list, least, most, what)     \
  extern const ln_parameter ln_layer_parameters_##list[]; \
  int32_t ln_layer_##stem(ln_call *call);
#include "maker/layers.def"
#undef LN_LAYER

/* ---- what was said of the layer (builder.c): values were checked when it was added ---- */

const char *ln_call_text(const ln_call *call, const char *parameter);
double ln_call_number(const ln_call *call, const char *parameter);
int32_t ln_call_int(const ln_call *call, const char *parameter);
bool ln_call_flag(const ln_call *call, const char *parameter);
/* One number for both, or two: "3", "3,3", "3x3". Fails unless they are whole and at least `least`. */
bool ln_call_pair(ln_call *call, const char *parameter, int32_t least, int32_t out[2]);
/* Up to `capacity` whole numbers; -1 after a failure. */
int32_t ln_call_ints(ln_call *call, const char *parameter, int32_t *out, int32_t capacity);

/* Remembers a failure; -1. `parameter` (may be NULL) is at fault. */
int32_t ln_call_fail(ln_call *call, const char *parameter, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t ln_call_no_memory(ln_call *call);
bool ln_call_failed(const ln_call *call);
/* Fails unless input `index` has `rank` dimensions, the batch counted. */
bool ln_call_wants_rank(ln_call *call, int32_t index, int32_t rank);

/* ---- operators (builder_op.c): tensors in and out, -1 in gives -1 out, -1 after a failure ---- */

const ln_shape *ln_call_shape(const ln_call *call, int32_t tensor);
/* `suffix` ends the name of the output; `options` of the row's table, NULL: its defaults. */
int32_t ln_call_op(ln_call *call, int32_t code, const char *suffix, const void *options, const int32_t *inputs,
                   int32_t count);
int32_t ln_call_unary(ln_call *call, int32_t code, const char *suffix, int32_t input);
int32_t ln_call_binary(ln_call *call, int32_t code, const char *suffix, int32_t a, int32_t b);
/* An operator with several outputs of the type of its first float input; false after a failure. */
bool ln_call_op_many(ln_call *call, int32_t code, const char *suffix, const void *options, const int32_t *inputs,
                     int32_t count, int32_t *outputs, int32_t output_count);
int32_t ln_call_ints_constant(ln_call *call, const char *suffix, const int32_t *values, int32_t count);
int32_t ln_call_number_constant(ln_call *call, const char *suffix, double value);
int32_t ln_call_floats_constant(ln_call *call, const char *suffix, const ln_shape *shape, float *values);
int32_t ln_call_zeros(ln_call *call, const char *suffix, int32_t count);
/* Dimensions behind the batch. */
int32_t ln_call_reshape(ln_call *call, const char *suffix, int32_t input, int32_t rank, const int32_t *dims);
int32_t ln_call_transpose(ln_call *call, const char *suffix, int32_t input, const int32_t *order);
int32_t ln_call_mean(ln_call *call, int32_t code, const char *suffix, int32_t input, const int32_t *axes, int32_t count,
                     bool keep_dims);
/* By its name in activations.def. */
int32_t ln_call_activate(ln_call *call, const char *suffix, const char *activation, int32_t input);
/* A fully connected layer with weights of [out, in]; bias -1: none. */
int32_t ln_call_product(ln_call *call, const char *suffix, int32_t input, int32_t weights, int32_t bias);

/*
 * A trained constant "NAME/key" of Keras's shape `dims`, whose dimension order[i] becomes the i-th of the tensor (NULL:
 * as they are), filled by the initializer that parameter `initializer` names.
 */
int32_t ln_call_weight(ln_call *call, const char *key, const char *initializer, int32_t rank, const int32_t *dims,
                       const int32_t *order);
/* Lists a constant among the layer's weights; its index, -1 after a failure. */
int32_t ln_call_keep_weight(ln_call *call, const char *key, int32_t tensor);
/* Float values of a constant that this builder made. */
float *ln_call_values(const ln_call *call, int32_t tensor);

/* ---- initializers (initialize.c) ---- */

bool ln_initializer_known(const char *name);
/* Fills `values`, [dims] in Keras's order, from the seed and the weight's name; false when memory is short. */
bool ln_initialize(const char *name, uint64_t seed, const char *weight, int32_t rank, const int32_t *dims,
                   float *values);
/* Why weights of so many dimensions and numbers cannot begin so; NULL: they can. */
const char *ln_initializer_refuses(const char *name, int32_t rank, size_t count);

/* ---- activations (builder_op.c) ---- */

bool ln_activation_known(const char *name);

/* ---- ending (builder_finish.c) ---- */

ln_status ln_builder_finish(ln_builder *builder, ln_error *err, ln_model **out);

/* ---- lists of parameters that layers share ---- */

#define LN_P_END \
  { 0 }
#define LN_P_ACTIVATION \
  { "activation", LN_PARAMETER_TEXT, "linear", NULL, 0, 0, "what the output goes through" }
#define LN_P_INITIALIZER(name, fallback) \
  { name, LN_PARAMETER_TEXT, fallback, NULL, 0, 0, "how the weights begin" }
#define LN_P_USE_BIAS \
  { "use_bias", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether a bias is added" }
#define LN_P_COUNT(name, what) \
  { name, LN_PARAMETER_INTEGER, NULL, NULL, 1, 1e7, what }
#define LN_P_PAIR(name, fallback, what) \
  { name, LN_PARAMETER_TEXT, fallback, NULL, 0, 0, what ": a number, or two of rows and columns" }
#define LN_P_PADDING \
  { "padding", LN_PARAMETER_CHOICE, "valid", "valid|same", 0, 0, "same: zeros around keep the extent" }

#endif
