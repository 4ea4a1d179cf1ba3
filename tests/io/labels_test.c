/* Labels from text and from a model's archive, and the metadata that leads to them. */
#include <stdlib.h>

#include "base/base.h"
#include "linnet/io.h"
#include "linnet/metadata.h"
#include "support/unit.h"

static ln_labels *parse(const char *text) {
  ln_labels *labels = NULL;
  ln_labels_parse(text, strlen(text), NULL, &labels);
  return labels;
}

static void takes_a_line_each(void **state) {
  (void)state;
  ln_labels *labels = parse("tench, Tinca tinca\r\n\n goldfish \n\n\n");
  assert_int_equal(ln_labels_count(labels), 3);
  assert_string_equal(ln_labels_get(labels, 0), "tench, Tinca tinca");
  assert_string_equal(ln_labels_get(labels, 1), "");
  assert_string_equal(ln_labels_get(labels, 2), "goldfish");
  assert_null(ln_labels_get(labels, 3));
  assert_null(ln_labels_get(labels, -1));
  ln_labels_destroy(labels);
  assert_null(parse(""));
  assert_null(parse("\n\n"));
}

static void takes_numbers(void **state) {
  (void)state;
  ln_labels *labels = parse("0  person\n2: car\n\n90 toothbrush");
  assert_int_equal(ln_labels_count(labels), 91);
  assert_string_equal(ln_labels_get(labels, 2), "car");
  assert_null(ln_labels_get(labels, 1));
  ln_labels_destroy(labels);
  labels = parse("3 of a kind\n2 pair\n"); /* not rising: names that begin with a number */
  assert_int_equal(ln_labels_count(labels), 2);
  assert_string_equal(ln_labels_get(labels, 1), "2 pair");
  ln_labels_destroy(labels);
  labels = parse("0\n1\n2\n"); /* digits are names themselves */
  assert_string_equal(ln_labels_get(labels, 2), "2");
  ln_labels_destroy(labels);
}

static void come_with_the_model(void **state) {
  (void)state;
  static const char *const paths[] = {LN_TESTS_DIR "/cli/models/colours.tflite",
                                      LN_TESTS_DIR "/cli/models/colours-deflated.tflite"};
  for (int k = 0; k < 2; k++) {
    ln_model *model;
    ln_labels *labels;
    ln_file_kind kind;
    assert_int_equal(ln_model_open(paths[k], NULL, &model), LN_OK);
    const ln_status status = ln_io_model_labels(model, 0, 0, NULL, &kind, &labels);
    if (status != LN_ERR_FEATURE) { /* compressed, and built without libzip */
      assert_int_equal(status, LN_OK);
      assert_int_equal(kind, LN_FILE_AXIS_LABELS);
      assert_string_equal(ln_labels_get(labels, 2), "blue");
      ln_labels_destroy(labels);
    }
    assert_int_equal(ln_io_model_labels(model, 0, 1, NULL, NULL, &labels), LN_ERR_NOT_FOUND);
    void *data;
    size_t size;
    assert_int_equal(ln_io_model_file(model, "other.txt", NULL, &data, &size), LN_ERR_NOT_FOUND);
    ln_model_destroy(model);
  }
}

/* The archive's bytes changed one by one: never more than a status. */
static void survives_a_broken_archive(void **state) {
  (void)state;
  char *file;
  size_t size;
  assert_int_equal(ln_io_read(LN_TESTS_DIR "/cli/models/colours.tflite", NULL, &file, &size), LN_OK);
  for (size_t i = size - 150; i < size; i++) {
    static const uint8_t values[] = {0, 1, 127, 255};
    for (size_t k = 0; k < sizeof values; k++) {
      ln_model *model;
      void *data = NULL;
      size_t length;
      const char kept = file[i];
      file[i] = (char)values[k];
      if (ln_model_from_memory(file, size, NULL, &model) == LN_OK) {
        ln_io_model_file(model, "labels.txt", NULL, &data, &length);
        ln_io_free(data);
        ln_model_destroy(model);
      }
      file[i] = kept;
    }
  }
  ln_io_free(file);
}

static void metadata_says_what_its_author_said(void **state) {
  (void)state;
  ln_model *model;
  ln_model_info *info;
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/cli/models/colours.tflite", NULL, &model), LN_OK);
  assert_int_equal(ln_model_info_read(model, NULL, &info), LN_OK);
  ln_model_destroy(model); /* the info stands alone */
  assert_string_equal(ln_model_info_name(info), "colours");
  assert_string_equal(ln_model_info_author(info), "Linnet");
  assert_string_equal(ln_model_info_min_parser_version(info), "1.0.0");
  ln_tensor_info tensor = {.size = sizeof tensor};
  assert_int_equal(ln_model_info_tensor(info, 0, false, 0, &tensor), LN_OK);
  assert_int_equal(tensor.content, LN_CONTENT_IMAGE);
  assert_int_equal(tensor.color_space, 1);
  assert_int_equal(tensor.mean_count, 1);
  assert_true(tensor.std[0] == 255.0f);
  assert_int_equal(ln_model_info_tensor(info, 0, false, 1, &tensor), LN_ERR_ARGUMENT);
  assert_int_equal(ln_model_info_tensor_count(info, 1, true), 0);
  ln_file_info file = {.size = sizeof file};
  assert_int_equal(ln_model_info_file_count(info), 1);
  assert_int_equal(ln_model_info_file(info, 0, &file), LN_OK);
  assert_string_equal(file.name, "labels.txt");
  assert_true(file.of_output && file.graph == 0 && file.tensor == 0);
  ln_model_info_destroy(info);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_a_line_each),
      cmocka_unit_test(takes_numbers),
      cmocka_unit_test(come_with_the_model),
      cmocka_unit_test(survives_a_broken_archive),
      cmocka_unit_test(metadata_says_what_its_author_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
