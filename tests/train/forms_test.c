/* Pruning, clustering and quantization in training: what is promised of the weights holds in the result, all of them
 * together, from models that came pruned and clustered, and whatever the number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/train.h"
#include "optimize/optimize.h"
#include "support/float_net.h"
#include "support/unit.h"

enum { SAMPLES = 96 };
#define CHECKPOINT "forms_test.checkpoint"

static ln_error err;
static ln_model *source;
static int32_t labels[SAMPLES];
static ln_samples samples;

static void check(ln_status status) {
  if (status != LN_OK) printf("%s\n", err.message);
  assert_int_equal(status, LN_OK);
}

/* Labels that can be learned: what the network says of a sample before anything is done to it. */
static int setup(void **state) {
  (void)state;
  source = float_net(1, 1);
  samples = float_net_samples;
  samples.count = SAMPLES;
  for (int64_t i = 0; i < SAMPLES; ++i) {
    float out[FLOAT_NET_CLASSES];
    float_net_run(source, i, out);
    for (int32_t k = 1; k < FLOAT_NET_CLASSES; ++k) {
      if (out[k] > out[labels[i]]) labels[i] = k;
    }
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ln_model_destroy(source);
  return 0;
}

/* ---- training ---- */

static ln_trainer *open_trainer(const ln_model *model, const char *const *options) {
  ln_trainer *t = NULL;
  ln_train_data data = LN_TRAIN_DATA_INIT;
  data.samples = &samples;
  data.labels = labels;
  check(ln_trainer_create(model, &err, &t));
  check(ln_trainer_set(t, "batch", "16", &err));
  check(ln_trainer_set(t, "epochs", "5", &err));
  check(ln_trainer_set(t, "learning_rate", "0.002", &err));
  for (; *options != NULL; options += 2) check(ln_trainer_set(t, options[0], options[1], &err));
  check(ln_trainer_set_data(t, &data, NULL, &err));
  return t;
}

/* The result; `event` (may be NULL) is what the trainer measures of it. */
static ln_model *train(const ln_model *model, ln_train_event *event, const char *const *options) {
  ln_train_data data = LN_TRAIN_DATA_INIT;
  ln_trainer *t = open_trainer(model, options);
  ln_model *out = NULL;
  check(ln_trainer_run(t, NULL, NULL, &err));
  data.samples = &samples;
  data.labels = labels;
  if (event != NULL) check(ln_trainer_evaluate(t, &data, &err, event));
  check(ln_trainer_make(t, &err, &out));
  ln_trainer_destroy(t);
  return out;
}
#define TRAIN(model, event, ...) train(model, event, (const char *const[]){__VA_ARGS__, NULL})

static ln_status refused(const char *name, const char *value) {
  ln_trainer *t = open_trainer(source, (const char *const[]){NULL});
  ln_status status = ln_trainer_set(t, name, value, &err);
  if (status == LN_OK) status = ln_trainer_run(t, NULL, NULL, &err);
  ln_trainer_destroy(t);
  return status;
}

/* ---- what weights are ---- */

typedef struct figures {
  size_t weights, zeros;
  int32_t layers, most_values; /* distinct ones of a tensor */
} figures;

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double element(const ln_tensor *tensor, size_t i) {
  return tensor->type == LN_INT8 ? (double)((const int8_t *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

static bool is_weights(const ln_tensor *tensor, size_t *count) {
  return ln_tensor_const_data(tensor) && (tensor->type == LN_FLOAT32 || tensor->type == LN_INT8) &&
         tensor->shape.rank > 1 && ln_shape_elements(&tensor->shape, count) && *count >= 128;
}

static figures look(const ln_model *model) {
  const ln_graph *graph = &model->graphs[0];
  figures f = {0};
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    size_t count = 0;
    if (!is_weights(tensor, &count)) continue;
    double *values = malloc(count * sizeof *values);
    for (size_t k = 0; k < count; ++k) {
      values[k] = element(tensor, k);
      f.zeros += values[k] == 0;
    }
    qsort(values, count, sizeof *values, order);
    int32_t distinct = 1;
    for (size_t k = 1; k < count; ++k) distinct += values[k] != values[k - 1];
    if (distinct > f.most_values) f.most_values = distinct;
    f.weights += count;
    ++f.layers;
    free(values);
  }
  return f;
}

static void assert_share(const figures *f, double share) {
  assert_true((double)f->zeros >= share * (double)f->weights - f->layers);
}

/* ---- pruning ---- */

static void test_prune_reaches_the_share(void **state) {
  (void)state;
  static const char *const scopes[] = {"global", "layer"}, *const gradients[] = {"dense", "masked"};
  for (int32_t i = 0; i < 4; ++i) {
    ln_model *model = TRAIN(source, NULL, "prune", "0.8", "prune_depthwise", "true", "prune_scope", scopes[i % 2],
                            "prune_gradient", gradients[i / 2], "prune_frequency", "3");
    const figures f = look(model);
    assert_share(&f, 0.8);
    assert_true((double)f.zeros <= 0.8 * (double)f.weights + f.layers);
    ln_model_destroy(model);
  }
}

static void test_prune_patterns(void **state) {
  (void)state;
  ln_model *model = TRAIN(source, NULL, "prune", "0.5", "prune_pattern", "2:4", "prune_schedule", "constant");
  const ln_graph *graph = &model->graphs[0];
  int32_t rows = 0;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    size_t count = 0;
    if (!is_weights(tensor, &count) || tensor->shape.dims[0] == 1) continue; /* a depthwise layer has no such rows */
    for (size_t k = 0; k + 4 <= count; k += 4, ++rows) {
      int32_t left = 0;
      for (size_t j = k; j < k + 4; ++j) left += element(tensor, j) != 0;
      assert_true(left <= 2);
    }
  }
  assert_true(rows > 100);
  ln_model_destroy(model);
}

/* ---- clustering ---- */

static void test_cluster_values(void **state) {
  (void)state;
  ln_train_event before = {.size = sizeof before}, after = {.size = sizeof after};
  ln_model *model =
      TRAIN(source, &before, "cluster_depthwise", "true", "cluster", "8", "epochs", "1", "learning_rate", "0");
  ln_model_destroy(model);
  model = TRAIN(source, &after, "cluster_depthwise", "true", "cluster", "8", "cluster_init", "density");
  assert_true(look(model).most_values <= 8);
  ln_model_destroy(model);
  model = TRAIN(source, &after, "cluster_depthwise", "true", "cluster", "8");
  assert_true(look(model).most_values <= 8);
  assert_true(look(model).most_values >= 6);
  assert_true(after.validation_loss < before.validation_loss); /* values are trained */
  ln_model_destroy(model);
}

/* ---- quantization ---- */

/* The mean cross-entropy of what the model says. */
static double loss_of(ln_model *model) {
  double loss = 0;
  for (int64_t i = 0; i < SAMPLES; ++i) {
    float out[FLOAT_NET_CLASSES];
    double sum = 0;
    float_net_run(model, i, out);
    for (int32_t k = 0; k < FLOAT_NET_CLASSES; ++k) sum += exp((double)out[k] - (double)out[labels[i]]);
    loss += log(sum);
  }
  return loss / SAMPLES;
}

/* The result computes what the trainer did, in integers. */
static void test_quantized_result_is_what_was_trained(void **state) {
  (void)state;
  static const char *const formats[] = {"int8", "int16x8", "int8-weights", "int4-weights", "float16", "bfloat16"};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; ++i) {
    for (int32_t learned = 0; learned < (i < 2 ? 2 : 1); ++learned) {
      ln_train_event event = {.size = sizeof event};
      ln_model *model = TRAIN(source, &event, "qat", formats[i], "qat_ranges", learned ? "learned" : "moving");
      const double loss = loss_of(model), apart = fabs(loss - event.validation_loss);
      if (apart > 0.02) printf("%s: %g, trained %g\n", formats[i], loss, event.validation_loss);
      assert_true(apart < 0.02);
      ln_model_destroy(model);
    }
  }
}

static int32_t count_type(const ln_model *model, ln_type type) {
  int32_t count = 0;
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) count += model->graphs[0].tensors[i].type == type;
  return count;
}

static void test_quantized_types(void **state) {
  (void)state;
  ln_model *model = TRAIN(source, NULL, "qat", "int8", "qat_io", "int8", "epochs", "1");
  assert_int_equal(count_type(model, LN_FLOAT32), 0);
  assert_true(count_type(model, LN_INT8) > 8);
  ln_model_destroy(model);
  model = TRAIN(source, NULL, "qat", "int4-weights", "epochs", "1");
  assert_true(count_type(model, LN_INT4) >= 3);
  ln_model_destroy(model);
}

/* ---- together ---- */

static void test_all_at_once_and_again(void **state) {
  (void)state;
  ln_model *first = TRAIN(source, NULL, "prune", "0.8", "prune_depthwise", "true", "cluster_depthwise", "true",
                          "cluster", "8", "qat", "int8");
  figures f = look(first);
  assert_share(&f, 0.8);
  assert_true(f.most_values <= 8);
  ln_model_destroy(first);
  first = TRAIN(source, NULL, "prune", "0.7", "prune_depthwise", "true", "cluster_depthwise", "true", "cluster", "8");
  f = look(first);
  assert_share(&f, 0.7);
  assert_true(f.most_values <= 8);
  /* What came pruned and clustered stays so, in floats and in integers. */
  ln_model *again = TRAIN(first, NULL, "prune", "keep", "cluster", "keep");
  const figures kept = look(again);
  assert_true(kept.zeros >= f.zeros);
  assert_true(kept.most_values <= 8);
  ln_model_destroy(again);
  again = TRAIN(first, NULL, "prune", "keep", "cluster", "keep", "qat", "int8");
  assert_true(look(again).zeros >= f.zeros);
  assert_true(look(again).most_values <= 8);
  ln_model_destroy(again);
  ln_model_destroy(first);
}

static void test_threads_change_nothing(void **state) {
  (void)state;
  uint8_t *files[2];
  size_t sizes[2];
  for (int32_t i = 0; i < 2; ++i) {
    ln_model *model = TRAIN(source, NULL, "prune", "0.6", "cluster", "16", "qat", "int8", "epochs", "2", "threads",
                            i == 0 ? "1" : "3");
    check(ln_edit_file(model, &err, &files[i], &sizes[i]));
    ln_model_destroy(model);
  }
  assert_int_equal(sizes[0], sizes[1]);
  assert_memory_equal(files[0], files[1], sizes[0]);
  ln_free(files[0]);
  ln_free(files[1]);
}

static bool save_in_the_middle(void *user, const ln_train_event *event) {
  if (event->step == 11) check(ln_trainer_save(user, CHECKPOINT, &err));
  return true;
}

/* Masks, values and ranges go on where they were. */
static void test_resume(void **state) {
  (void)state;
  static const char *const options[] = {"prune",
                                        "0.6",
                                        "prune_frequency",
                                        "4",
                                        "cluster_depthwise",
                                        "true",
                                        "cluster",
                                        "8",
                                        "cluster_begin",
                                        "0.2",
                                        "epochs",
                                        "3",
                                        "qat",
                                        "int8",
                                        NULL};
  uint8_t *files[2];
  size_t sizes[2];
  for (int32_t i = 0; i < 2; ++i) {
    ln_trainer *t = open_trainer(source, options);
    ln_model *model = NULL;
    if (i == 1) check(ln_trainer_restore(t, CHECKPOINT, &err));
    check(ln_trainer_run(t, i == 0 ? save_in_the_middle : NULL, t, &err));
    check(ln_trainer_make(t, &err, &model));
    check(ln_edit_file(model, &err, &files[i], &sizes[i]));
    ln_model_destroy(model);
    ln_trainer_destroy(t);
  }
  remove(CHECKPOINT);
  assert_int_equal(sizes[0], sizes[1]);
  assert_memory_equal(files[0], files[1], sizes[0]);
  ln_free(files[0]);
  ln_free(files[1]);
}

static void test_bad_values(void **state) {
  (void)state;
  assert_int_equal(refused("prune", "1.5"), LN_ERR_ARGUMENT);
  assert_int_equal(refused("prune", "some"), LN_ERR_ARGUMENT);
  assert_int_equal(refused("prune", "keep"), LN_ERR_UNSUPPORTED);
  assert_int_equal(refused("cluster", "1"), LN_ERR_ARGUMENT);
  assert_int_equal(refused("cluster", "300"), LN_ERR_ARGUMENT);
  assert_int_equal(refused("cluster", "keep"), LN_ERR_UNSUPPORTED);
  assert_int_equal(refused("qat", "int7"), LN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_prune_reaches_the_share),
                                     cmocka_unit_test(test_prune_patterns),
                                     cmocka_unit_test(test_cluster_values),
                                     cmocka_unit_test(test_quantized_result_is_what_was_trained),
                                     cmocka_unit_test(test_quantized_types),
                                     cmocka_unit_test(test_all_at_once_and_again),
                                     cmocka_unit_test(test_threads_change_nothing),
                                     cmocka_unit_test(test_resume),
                                     cmocka_unit_test(test_bad_values)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
