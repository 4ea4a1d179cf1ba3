/* Models from scratch: what layers become, how weights begin, what is folded and fused, and mistakes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/ir.h"
#include "linnet/builder.h"
#include "linnet/session.h"
#include "ops/ops.h"
#include "support/unit.h"

static ln_builder *begin(uint64_t seed, int32_t batch, int32_t rank, const int32_t *dims) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_error err = {0};
  ln_builder *b = NULL;
  options.seed = seed;
  options.batch = batch;
  assert_int_equal(ln_builder_create(&options, &err, &b), LN_OK);
  assert_int_equal(ln_builder_input(b, "x", LN_FLOAT32, rank, dims, &err), LN_OK);
  return b;
}

static void add(ln_builder *b, const char *layer) {
  ln_error err = {0};
  if (ln_builder_add(b, layer, &err) != LN_OK) fail_msg("%s: %s", layer, err.message);
}

static ln_model *made(ln_builder *b) {
  ln_error err = {0};
  ln_model *model = NULL;
  if (ln_builder_make(b, &err, &model) != LN_OK) fail_msg("%s", err.message);
  ln_builder_destroy(b);
  return model;
}

static const ln_tensor *named(const ln_model *model, const char *name) {
  const ln_graph *graph = &model->graphs[0];
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (strcmp(graph->tensors[i].name, name) == 0) return &graph->tensors[i];
  }
  fail_msg("no tensor %s", name);
  return NULL;
}

static void operators_are(const ln_model *model, const char *list) {
  char text[400] = "";
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) {
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", model->graphs[0].ops[i].def->name);
  }
  assert_string_equal(text, list);
}

/* ---- initializers ---- */

typedef struct moments {
  double mean, deviation, low, high;
  size_t count;
} moments;

static moments moments_of(const ln_tensor *tensor) {
  const float *values = tensor->data;
  moments m = {0, 0, 1e9, -1e9, tensor->bytes / sizeof(float)};
  for (size_t i = 0; i < m.count; ++i) {
    m.mean += values[i] / (double)m.count;
    m.low = values[i] < m.low ? values[i] : m.low;
    m.high = values[i] > m.high ? values[i] : m.high;
  }
  for (size_t i = 0; i < m.count; ++i) m.deviation += (values[i] - m.mean) * (values[i] - m.mean) / (double)m.count;
  m.deviation = sqrt(m.deviation);
  return m;
}

/* Of a dense layer of 200 inputs and 300 outputs. */
static moments begun(const char *initializer) {
  char layer[120];
  const int32_t dims = 200;
  ln_builder *b = begin(7, 0, 1, &dims);
  snprintf(layer, sizeof layer, "Dense name=d units=300 kernel_initializer=%s", initializer);
  add(b, layer);
  ln_model *model = made(b);
  const moments m = moments_of(named(model, "d/kernel"));
  assert_int_equal(m.count, 60000);
  ln_model_destroy(model);
  return m;
}

/* 60,000 numbers: the mean is off by a 245th of the deviation at one sigma, the deviation by about a 350th. */
static void check_spread(const char *initializer, double deviation, double limit) {
  const moments m = begun(initializer);
  if (fabs(m.mean) > 0.02 * deviation) fail_msg("%s: mean %g", initializer, m.mean);
  if (fabs(m.deviation / deviation - 1) > 0.015)
    fail_msg("%s: deviation %g, not %g", initializer, m.deviation, deviation);
  if (m.high > limit || m.low < -limit || m.high < 0.98 * limit || m.low > -0.98 * limit) {
    if (limit < 1e8) fail_msg("%s: from %g to %g, not %g", initializer, m.low, m.high, limit);
  }
}

static void initializers_have_their_spread(void **state) {
  (void)state;
  const double cut = 0.87962566103423978;
  check_spread("glorot_uniform", sqrt(2.0 / 500), sqrt(6.0 / 500));
  check_spread("he_uniform", sqrt(2.0 / 200), sqrt(6.0 / 200));
  check_spread("lecun_uniform", sqrt(1.0 / 200), sqrt(3.0 / 200));
  check_spread("glorot_normal", sqrt(2.0 / 500), 2 * sqrt(2.0 / 500) / cut);
  check_spread("he_normal", sqrt(2.0 / 200), 2 * sqrt(2.0 / 200) / cut);
  check_spread("lecun_normal", sqrt(1.0 / 200), 2 * sqrt(1.0 / 200) / cut);
  check_spread("random_normal", 0.05, 1e9);
  check_spread("random_uniform", 0.05 / sqrt(3), 0.05);
  check_spread("truncated_normal", 0.05 * cut, 0.1);
  const moments zeros = begun("zeros"), ones = begun("ones");
  assert_true(zeros.low == 0 && zeros.high == 0 && ones.low == 1 && ones.high == 1);
}

/* A filter counts with its window, and lies as TFLite has it. */
static void filters_count_their_window(void **state) {
  (void)state;
  ln_builder *b = begin(1, 0, 3, (const int32_t[]){16, 16, 24});
  add(b, "Conv2D name=c filters=40 kernel_size=3,5 kernel_initializer=he_normal");
  add(b, "DepthwiseConv2D name=w kernel_size=3 depth_multiplier=2");
  ln_model *model = made(b);
  const ln_tensor *c = named(model, "c/kernel"), *w = named(model, "w/depthwise_kernel");
  const ln_shape conv = ln_shape_make(4, (const int32_t[]){40, 3, 5, 24}),
                 wise = ln_shape_make(4, (const int32_t[]){1, 3, 3, 80});
  assert_true(ln_shape_equal(&c->shape, &conv) && ln_shape_equal(&w->shape, &wise));
  assert_true(fabs(moments_of(c).deviation / sqrt(2.0 / (24 * 15)) - 1) < 0.03);
  assert_true(fabs(moments_of(w).high / sqrt(6.0 / (9 * 40 + 9 * 2)) - 1) < 0.05);
  ln_model_destroy(model);
}

/* Rows of [units, inputs] where there are fewer units, else columns. */
static void check_orthogonal(int32_t inputs, int32_t units) {
  char layer[100];
  ln_builder *b = begin(5, 0, 1, &inputs);
  snprintf(layer, sizeof layer, "Dense name=d units=%d kernel_initializer=orthogonal", (int)units);
  add(b, layer);
  ln_model *model = made(b);
  const float *v = named(model, "d/kernel")->data;
  const bool wide = units <= inputs;
  const int32_t count = wide ? units : inputs, length = wide ? inputs : units;
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (int32_t k = 0; k < length; ++k) {
        sum += wide ? (double)v[i * inputs + k] * v[j * inputs + k] : (double)v[k * inputs + i] * v[k * inputs + j];
      }
      assert_true(fabs(sum - (i == j)) < 1e-5);
    }
  }
  ln_model_destroy(model);
}

static void orthogonal_is(void **state) {
  (void)state;
  check_orthogonal(20, 12);
  check_orthogonal(12, 20);
  check_orthogonal(16, 16);
}

/* A weight begins alike whatever else the model holds, and otherwise under another seed or name. */
static void weights_hang_on_seed_and_name(void **state) {
  (void)state;
  const int32_t dims = 8;
  ln_builder *b = begin(1, 0, 1, &dims);
  add(b, "Dense name=other units=8");
  add(b, "Dense name=d units=8");
  ln_model *first = made(b);
  b = begin(1, 0, 1, &dims);
  add(b, "Dense name=d units=8");
  ln_model *second = made(b);
  b = begin(2, 0, 1, &dims);
  add(b, "Dense name=d units=8");
  ln_model *third = made(b);
  assert_memory_equal(named(first, "d/kernel")->data, named(second, "d/kernel")->data, 256);
  assert_memory_not_equal(named(first, "d/kernel")->data, named(first, "other/kernel")->data, 256);
  assert_memory_not_equal(named(third, "d/kernel")->data, named(second, "d/kernel")->data, 256);
  /* of this generator, on any machine */
  const float *values = named(first, "d/kernel")->data;
  assert_true(values[0] == -0x1.3db95p-2f && values[63] == -0x1.54a09cp-3f);
  ln_model_destroy(first);
  ln_model_destroy(second);
  ln_model_destroy(third);
}

/* ---- what layers become ---- */

static void activations_and_norms_are_fused(void **state) {
  (void)state;
  ln_builder *b = begin(1, 0, 3, (const int32_t[]){8, 8, 3});
  add(b, "Conv2D name=c filters=4 kernel_size=3 use_bias=false");
  add(b, "BatchNormalization name=n gamma_initializer=random_normal beta_initializer=random_normal");
  add(b, "ReLU name=r");
  add(b, "Dropout name=drop rate=0.5");
  add(b, "Flatten");
  add(b, "Dense name=d units=2");
  ln_model *model = made(b);
  operators_are(model, "CONV_2D RESHAPE FULLY_CONNECTED");
  const ln_op *conv = &model->graphs[0].ops[0];
  assert_int_equal(((const ln_conv2d_options *)conv->options)->fused_activation_function, LN_ACT_RELU);
  assert_string_equal(model->graphs[0].tensors[conv->outputs[0]].name, "r");
  assert_true(moments_of(named(model, "c/bias")).deviation > 0);
  size_t size;
  const char *layers = ln_model_metadata(model, "linnet.layers", &size);
  assert_non_null(layers);
  char text[2000];
  snprintf(text, sizeof text, "%.*s", (int)size, layers);
  assert_non_null(strstr(text, "Conv2D c kernel=c/kernel bias=c/bias\n"));
  assert_non_null(
      strstr(text, "BatchNormalization n momentum=0.99 epsilon=0.001 center=true scale=true folded_into=c\n"));
  assert_non_null(strstr(text, "Dropout drop output=r rate=0.5\n"));
  ln_model_destroy(model);
}

static void what_is_used_twice_stays(void **state) {
  (void)state;
  ln_builder *b = begin(1, 0, 3, (const int32_t[]){8, 8, 3});
  add(b, "Conv2D name=c filters=4 kernel_size=1");
  add(b, "BatchNormalization name=n");
  add(b, "ReLU name=r");
  add(b, "Add from=c,r");
  add(b, "BatchNormalization name=m fold=false");
  add(b, "Activation activation=silu");
  ln_model *model = made(b);
  operators_are(model, "CONV_2D MUL ADD ADD MUL ADD LOGISTIC MUL"); /* the first ADD clamps */
  assert_non_null(named(model, "n/gamma"));
  assert_non_null(named(model, "m/beta"));
  ln_model_destroy(model);
}

static void run(ln_model *model, const float *in, float *out, size_t count) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  memcpy(ln_session_input(session, 0)->data, in, ln_session_input(session, 0)->bytes);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_int_equal(ln_tensor_bytes(ln_session_output(session, 0)), count * sizeof *out);
  memcpy(out, ln_tensor_data(ln_session_output(session, 0)), count * sizeof *out);
  ln_session_destroy(session);
}

/* The same numbers folded, as operators of their own, and by the rule. */
static void folding_changes_nothing(void **state) {
  (void)state;
  static const char *const layers[3] = {"Conv2D name=c filters=5 kernel_size=3 bias_initializer=random_normal",
                                        "DepthwiseConv2D name=c kernel_size=3 use_bias=false", "Dense name=c units=7"};
  float in[6 * 6 * 3], out[2][400];
  for (size_t i = 0; i < LN_COUNT(in); ++i) in[i] = (float)sin((double)i);
  for (int32_t kind = 0; kind < 3; ++kind) {
    size_t count = kind == 0 ? 4 * 4 * 5 : kind == 1 ? 4 * 4 * 3 : 6 * 6 * 7;
    for (int32_t fold = 0; fold < 2; ++fold) {
      char layer[200];
      ln_builder *b = begin(9, 1, 3, (const int32_t[]){6, 6, 3});
      add(b, layers[kind]);
      snprintf(layer, sizeof layer,
               "BatchNormalization name=n gamma_initializer=he_normal beta_initializer=random_normal fold=%s",
               fold ? "true" : "false");
      add(b, layer);
      ln_model *model = made(b);
      assert_int_equal(model->graphs[0].op_count, fold ? 1 : 3);
      run(model, in, out[fold], count);
      ln_model_destroy(model);
    }
    for (size_t i = 0; i < count; ++i) assert_true(fabsf(out[0][i] - out[1][i]) < 1e-5f);
  }
}

/* An LSTM as one operator gives what the unrolled one does. */
static void lstm_both_ways(void **state) {
  (void)state;
  float in[2 * 6 * 3], out[2][2 * 6 * 5];
  for (size_t i = 0; i < LN_COUNT(in); ++i) in[i] = (float)cos((double)i * 1.3);
  for (int32_t sequences = 0; sequences < 2; ++sequences) {
    const size_t count = sequences ? 60 : 10;
    for (int32_t unroll = 0; unroll < 2; ++unroll) {
      char layer[200];
      ln_builder *b = begin(4, 2, 2, (const int32_t[]){6, 3});
      snprintf(layer, sizeof layer, "LSTM name=l units=5 bias_initializer=random_normal unroll=%s return_sequences=%s",
               unroll ? "true" : "false", sequences ? "true" : "false");
      add(b, layer);
      ln_model *model = made(b);
      run(model, in, out[unroll], count);
      if (!unroll) assert_non_null(named(model, "l/recurrent_kernel_f"));
      else assert_true(((const float *)named(model, "l/bias")->data)[5] == 1);
      ln_model_destroy(model);
    }
    for (size_t i = 0; i < count; ++i) assert_true(fabsf(out[0][i] - out[1][i]) < 1e-5f);
  }
}

/* Every kind of layer alone, with no more said than must be, makes a model that runs. */
static void every_kind_runs(void **state) {
  (void)state;
  for (int32_t i = 0; i < ln_builder_kind_count(); ++i) {
    ln_builder_kind kind = {.size = sizeof kind};
    assert_int_equal(ln_builder_kind_get(i, &kind), LN_OK);
    const bool flat =
        strstr("Conv1D GlobalMaxPooling1D GlobalAveragePooling1D PositionEmbedding LSTM GRU MultiHeadAttention",
               kind.name) != NULL;
    const bool looked_up = strcmp(kind.name, "Embedding") == 0;
    ln_error err = {0};
    ln_builder *b = NULL;
    assert_int_equal(ln_builder_create(NULL, &err, &b), LN_OK);
    const int32_t dims[3] = {8, 6, 4};
    assert_int_equal(ln_builder_input(b, "x", looked_up ? LN_INT32 : LN_FLOAT32, flat ? 2 : 3, dims, &err), LN_OK);
    ln_layer_setting settings[8];
    int32_t count = 0;
    for (const ln_parameter *p = kind.parameters; p->name != NULL; ++p) {
      const char *value = p->kind == LN_PARAMETER_INTEGER ? "3" : p->kind == LN_PARAMETER_NUMBER ? "0.5" : "3";
      if (strcmp(p->name, "target_shape") == 0) value = "16,-1";
      if (strcmp(p->name, "dims") == 0) value = "3,1,2";
      if (strcmp(p->name, "activation") == 0) value = "hard_sigmoid";
      if (p->fallback == NULL) settings[count++] = (ln_layer_setting){p->name, value};
    }
    static const char *const twice[2] = {"x", "x"};
    const int32_t from = kind.least_inputs > 1 ? 2 : 0;
    if (ln_builder_layer(b, kind.name, NULL, twice, from, settings, count, &err) != LN_OK) {
      fail_msg("%s: %s", kind.name, err.message);
    }
    if (strcmp(kind.name, "Dropout") == 0) add(b, "ReLU");
    ln_model *model = NULL;
    ln_session *session = NULL;
    ln_session_options options = LN_SESSION_OPTIONS_INIT;
    if (ln_builder_make(b, &err, &model) != LN_OK) fail_msg("%s: %s", kind.name, err.message);
    if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s: %s", kind.name, err.message);
    memset(ln_session_input(session, 0)->data, 0, ln_session_input(session, 0)->bytes);
    if (ln_session_run(session, &err) != LN_OK) fail_msg("%s: %s", kind.name, err.message);
    ln_session_destroy(session);
    ln_model_destroy(model);
    ln_builder_destroy(b);
  }
}

/* ---- mistakes ---- */

static void refused(const char *layer, const char *because) {
  ln_error err = {0};
  ln_builder *b = begin(1, 0, 3, (const int32_t[]){8, 8, 3});
  if (ln_builder_add(b, layer, &err) == LN_OK) fail_msg("%s was taken", layer);
  if (strstr(err.message, because) == NULL) fail_msg("%s: \"%s\" is not in \"%s\"", layer, because, err.message);
  assert_int_equal(ln_builder_add(b, "Flatten", &err), LN_ERR_STATE);
  ln_builder_destroy(b);
}

static void mistakes_are_told(void **state) {
  (void)state;
  refused("Convolution filters=3", "there is no layer \"Convolution\"");
  refused("Conv2D kernel_size=3", "filters: is wanted");
  refused("Conv2D filters=0 kernel_size=3", "filters: a whole number from 1");
  refused("Conv2D filters=3 kernel_size=0", "kernel_size: one or two numbers of 1 or more");
  refused("Conv2D filters=3 kernel_size=3,3,3", "kernel_size: 2 numbers at most");
  refused("Conv2D filters=3 kernel_size=big", "kernel_size: whole numbers are wanted, not \"big\"");
  refused("Conv2D filters=3 kernel_size=3 padding=reflect", "padding: one of valid|same");
  refused("Conv2D filters=3 kernel_size=3 strides=2 dilation_rate=2", "dilation_rate: ");
  refused("Conv2D filters=3 kernel_size=3 colour=red", "colour: Conv2D has no such parameter");
  refused("Conv2D filters=3 kernel_size=3 activation=magic", "activation: there is no activation \"magic\"");
  refused("Conv2D filters=3 kernel_size=3 kernel_initializer=xavier", "kernel_initializer: there is no initializer");
  refused("Conv2D filters=3 kernel_size=3 bias_initializer=orthogonal", "bias_initializer: orthogonal is for");
  refused("Conv2D filters=9000000 kernel_size=99", "more than 2147483648 bytes");
  refused("Conv2D filters=3 kernel_size=3 from=y", "from: there is no layer \"y\" before it");
  refused("Conv2D filters=3 kernel_size=9", "nothing is left: CONV_2D would give");
  refused("Add", "from: Add takes 2 layers");
  refused("Dot from=x,x,x", "from: Dot takes 2 layers");
  refused("Dense name=x units=3", "name: there is a layer \"x\" already");
  refused("Dense name=a$b units=3", "name: letters");
  refused("Dense units=3 5", "parameter=value is wanted");
  refused("LSTM units=3", "LSTM takes 2 dimensions beside the batch, not [1, 8, 8, 3]");
  refused("Reshape target_shape=5,-1", "target_shape: ");
  refused("Permute dims=1,2", "dims: each number from 1 to 3");
  refused("Embedding input_dim=3 output_dim=4", "int32");
  refused("Concatenate from=x,x axis=0", "axis: ");
  refused("", "a layer and its parameters");
}

static void models_need_something(void **state) {
  (void)state;
  ln_error err = {0};
  ln_model *model = NULL;
  ln_builder *b = begin(1, 0, 1, (const int32_t[]){3});
  assert_int_equal(ln_builder_make(b, &err, &model), LN_ERR_ARGUMENT);
  ln_builder_destroy(b);
  b = begin(1, 0, 1, (const int32_t[]){3});
  assert_int_equal(ln_builder_output(b, "y", &err), LN_ERR_NOT_FOUND);
  ln_builder_destroy(b);
  b = begin(1, 0, 1, (const int32_t[]){3});
  assert_int_equal(ln_builder_input(b, "z", LN_INT8, 1, (const int32_t[]){3}, &err), LN_ERR_ARGUMENT);
  ln_builder_destroy(b);
  b = begin(1, 0, 1, (const int32_t[]){3});
  assert_int_equal(ln_builder_input(b, "z", LN_FLOAT32, 1, (const int32_t[]){0}, &err), LN_ERR_ARGUMENT);
  ln_builder_destroy(b);
}

/* The n-th allocation fails: an error, and nothing leaks. */
static void memory_may_be_short(void **state) {
  (void)state;
  for (long n = 1; n < 400; ++n) {
    ln_error err = {0};
    ln_builder *b = NULL;
    ln_model *model = NULL;
    ln_alloc_fail_after(n);
    ln_status status = ln_builder_create(NULL, &err, &b);
    if (status == LN_OK) status = ln_builder_input(b, "x", LN_FLOAT32, 2, (const int32_t[]){3, 4}, &err);
    if (status == LN_OK) status = ln_builder_add(b, "LSTM units=3 return_sequences=true", &err);
    if (status == LN_OK) status = ln_builder_add(b, "Dense units=2 use_bias=false", &err);
    if (status == LN_OK) status = ln_builder_add(b, "BatchNormalization", &err);
    if (status == LN_OK) status = ln_builder_make(b, &err, &model);
    const bool happened = ln_alloc_fail_pending() == 0;
    ln_alloc_fail_after(0);
    if (status == LN_OK) assert_non_null(model);
    else assert_int_equal(status, LN_ERR_MEMORY);
    ln_model_destroy(model);
    ln_builder_destroy(b);
    if (!happened) return;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(initializers_have_their_spread),
      cmocka_unit_test(filters_count_their_window),
      cmocka_unit_test(orthogonal_is),
      cmocka_unit_test(weights_hang_on_seed_and_name),
      cmocka_unit_test(activations_and_norms_are_fused),
      cmocka_unit_test(what_is_used_twice_stays),
      cmocka_unit_test(folding_changes_nothing),
      cmocka_unit_test(lstm_both_ways),
      cmocka_unit_test(every_kind_runs),
      cmocka_unit_test(mistakes_are_told),
      cmocka_unit_test(models_need_something),
      cmocka_unit_test(memory_may_be_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
