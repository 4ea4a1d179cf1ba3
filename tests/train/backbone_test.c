/* Models cut at a tensor, heads put behind them, features that are computed once, names of classes in the file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "linnet/builder.h"
#include "linnet/io.h"
#include "linnet/linnet.h"
#include "linnet/metadata.h"
#include "support/unit.h"
#include "train/trainer.h"

enum { COUNT = 5 };

static ln_error err;

static ln_model *open_shared(const char *file) {
  char path[512];
  ln_model *model = NULL;
  snprintf(path, sizeof path, "%s/models/%s.tflite", LN_SHARED_DIR, file);
  if (ln_model_open(path, &err, &model) != LN_OK) skip();
  return model;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *e) {
  ln_tensor *input = ln_session_input(session, 0);
  (void)user;
  (void)e;
  uint32_t seed = (uint32_t)index + 1;
  for (size_t i = 0; i < ln_tensor_bytes(input) / (input->type == LN_FLOAT32 ? 4 : 1); ++i) {
    seed = seed * 1664525u + 1013904223u;
    if (input->type == LN_FLOAT32) ((float *)input->data)[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
    else ((uint8_t *)input->data)[i] = (uint8_t)(seed >> 24);
  }
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, COUNT, fill, NULL};

static ln_model *cut(const ln_model *model, const char *at) {
  ln_model *out = NULL;
  if (ln_backbone_cut(model, at, &err, &out) != LN_OK) printf("%s\n", err.message);
  assert_non_null(out);
  return out;
}

static ln_model *build_head(const ln_model *backbone) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_builder *b = NULL;
  ln_model *head = NULL;
  options.backbone = backbone;
  assert_int_equal(ln_builder_create(&options, &err, &b), LN_OK);
  assert_int_equal(ln_builder_add(b, "Flatten", &err), LN_OK);
  assert_int_equal(ln_builder_add(b, "Dense name=logits units=3", &err), LN_OK);
  assert_int_equal(ln_builder_make(b, &err, &head), LN_OK);
  ln_builder_destroy(b);
  return head;
}

static ln_session *run(ln_model *model, const ln_samples *from, int64_t index, bool keep) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.keep_all_tensors = keep;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_OK);
  assert_int_equal(from->fill(from->user, index, session, &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  return session;
}

static int32_t find(const ln_model *model, const char *name) {
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) {
    if (strcmp(model->graphs[0].tensors[i].name, name) == 0) return i;
  }
  printf("no tensor %s\n", name);
  fail();
  return -1;
}

/* The features are what the whole model holds there, and the joined model is one after the other. */
static void check(const char *file, const char *at, const char *tensor) {
  ln_model *model = open_shared(file);
  ln_model *backbone = cut(model, at), *head = build_head(backbone), *joined = NULL;
  ln_features *one = NULL, *three = NULL;
  assert_int_equal(ln_backbone_join(backbone, head, &err, &joined), LN_OK);
  assert_int_equal(ln_features_compute(backbone, &samples, 1, NULL, NULL, &err, &one), LN_OK);
  assert_int_equal(ln_features_compute(backbone, &samples, 3, NULL, NULL, &err, &three), LN_OK);
  assert_int_equal(ln_features_samples(one)->count, COUNT);
  for (int64_t i = 0; i < COUNT; ++i) {
    ln_session *whole = run(model, &samples, i, true), *all = run(joined, &samples, i, false);
    ln_session *a = run(head, ln_features_samples(one), i, false), *b = run(head, ln_features_samples(three), i, false);
    const ln_tensor *there = ln_session_tensor(whole, find(model, tensor)), *here = ln_session_input(a, 0);
    for (size_t k = 0; k < ln_tensor_elements(here); ++k) {
      const double wanted = (double)ln_tensor_get_f32(there, k), got = (double)((const float *)here->data)[k];
      assert_true(fabs(wanted - got) <= 1e-4 * (1 + fabs(wanted)));
    }
    assert_memory_equal(here->data, ln_session_input(b, 0)->data, ln_tensor_bytes(here));
    for (size_t k = 0; k < 3; ++k) {
      const double wanted = (double)((const float *)ln_session_output(a, 0)->data)[k];
      assert_true(fabs(wanted - (double)((const float *)ln_session_output(all, 0)->data)[k]) <=
                  1e-4 * (1 + fabs(wanted)));
    }
    ln_session_destroy(whole);
    ln_session_destroy(all);
    ln_session_destroy(a);
    ln_session_destroy(b);
  }
  ln_features_destroy(one);
  ln_features_destroy(three);
  ln_model_destroy(joined);
  ln_model_destroy(head);
  ln_model_destroy(backbone);
  ln_model_destroy(model);
}

static void test_float(void **state) {
  (void)state;
  check("mobilenet_v1_0.25_224_float", NULL, "MobilenetV1/Logits/AvgPool_1a/AvgPool");
  check("mobilenet_v1_0.25_224_float", "MobilenetV1/MobilenetV1/Conv2d_5_pointwise/Relu6",
        "MobilenetV1/MobilenetV1/Conv2d_5_pointwise/Relu6");
}

/* A quantized backbone stays so; its features are floats. */
static void test_quantized(void **state) {
  (void)state;
  ln_model *model = open_shared("tiny_resnet_int8"), *backbone = cut(model, NULL);
  const ln_graph *graph = &backbone->graphs[0];
  const ln_op *last = &graph->ops[graph->op_count - 1];
  assert_int_equal(last->def->code, LN_OP_DEQUANTIZE);
  const char *name = graph->tensors[last->inputs[0]].name;
  assert_int_equal(graph->tensors[last->inputs[0]].type, LN_INT8);
  check("tiny_resnet_int8", NULL, name);
  ln_model_destroy(backbone);
  ln_model_destroy(model);
}

/* With the head alone chosen the backbone's integers stay; with all chosen they become floats that can be trained. */
static void test_trained_parts(void **state) {
  (void)state;
  ln_model *model = open_shared("tiny_resnet_int8"), *backbone = cut(model, NULL), *head = build_head(backbone);
  ln_model *joined = NULL;
  assert_int_equal(ln_backbone_join(backbone, head, &err, &joined), LN_OK);
  for (int32_t all = 0; all < 2; ++all) {
    ln_optimizer o = {.source = joined, .err = &err};
    ln_param *params = NULL;
    int32_t count = 0, integers = 0;
    assert_int_equal(ln_edit_begin(joined, &err, &o.model), LN_OK);
    assert_int_equal(ln_train_list(&o, all ? NULL : "^logits$", &params, &count), LN_OK);
    for (int32_t i = 0; i < o.model->graphs[0].op_count; ++i) {
      const ln_op *op = &o.model->graphs[0].ops[i];
      integers += op->def->code == LN_OP_CONV_2D && o.model->graphs[0].tensors[op->outputs[0]].type == LN_INT8;
    }
    assert_int_equal(integers, all ? 0 : 9);
    if (all) assert_int_equal(count, 20);
    else assert_int_equal(count, 2);
    ln_model_destroy(o.model);
  }
  ln_model_destroy(joined);
  ln_model_destroy(head);
  ln_model_destroy(backbone);
  ln_model_destroy(model);
}

static void test_refusals(void **state) {
  (void)state;
  ln_model *model = open_shared("mobilenet_v1_0.25_224_float"), *backbone = cut(model, NULL), *out = NULL;
  ln_model *head = build_head(backbone);
  assert_int_equal(ln_backbone_cut(model, "nothing", &err, &out), LN_ERR_NOT_FOUND);
  assert_non_null(strstr(err.message, "\"nothing\""));
  assert_non_null(strstr(err.message, "AvgPool"));
  assert_int_equal(ln_backbone_join(model, head, &err, &out), LN_ERR_SHAPE);
  assert_non_null(strstr(err.message, "[1, 1001]"));
  ln_model_destroy(head);
  ln_model_destroy(backbone);
  ln_model_destroy(model);
}

/* ---- names of classes ---- */

static void check_names(const ln_model *model, const char *const *names, int32_t count) {
  uint8_t *data = NULL;
  size_t size = 0;
  ln_model *read = NULL;
  ln_labels *labels = NULL;
  assert_int_equal(ln_edit_file(model, &err, &data, &size), LN_OK);
  assert_int_equal(ln_model_from_copy(data, size, &err, &read), LN_OK);
  const ln_status status = ln_io_model_labels(read, 0, 0, &err, NULL, &labels);
  assert_int_equal(status, count > 0 ? LN_OK : LN_ERR_NOT_FOUND);
  if (count > 0) assert_int_equal(ln_labels_count(labels), count);
  for (int32_t i = 0; i < count; ++i) assert_string_equal(ln_labels_get(labels, i), names[i]);
  ln_labels_destroy(labels);
  ln_model_destroy(read);
  ln_free(data);
}

static void test_names(void **state) {
  static const char *const first[] = {"cat", "dog"}, *const second[] = {"a", "b", "c c"};
  (void)state;
  ln_model *model = open_shared("mobilenet_v1_0.25_224_float"), *named = NULL, *again = NULL, *none = NULL;
  assert_int_equal(ln_model_name_classes(model, first, 2, &err, &named), LN_OK);
  check_names(named, first, 2);
  assert_int_equal(ln_model_name_classes(named, second, 3, &err, &again), LN_OK);
  check_names(again, second, 3);
  assert_int_equal(ln_model_name_classes(again, NULL, 0, &err, &none), LN_OK);
  check_names(none, NULL, 0);
  ln_model_info *info = NULL; /* what is said of inputs stays */
  ln_tensor_info input = {.size = sizeof input};
  assert_int_equal(ln_model_info_read(again, &err, &info), LN_OK);
  assert_int_equal(ln_model_info_tensor(info, 0, false, 0, &input), LN_OK);
  assert_true(input.mean_count > 0 && input.mean[0] == 127.5f);
  ln_model_info_destroy(info);
  ln_model *plain = open_shared("tiny_resnet_float"), *other = NULL; /* without metadata */
  assert_int_equal(ln_model_name_classes(plain, second, 3, &err, &other), LN_OK);
  check_names(other, second, 3);
  ln_model_destroy(other);
  ln_model_destroy(plain);
  ln_model_destroy(none);
  ln_model_destroy(again);
  ln_model_destroy(named);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_float), cmocka_unit_test(test_quantized),
                                     cmocka_unit_test(test_trained_parts), cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
