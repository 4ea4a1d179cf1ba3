/* Where a converted model's operators come from: kept through a file, and dropped where the file is no more the same.
 */
#include <string.h>

#include "format/format.h"
#include "linnet/inspect.h"
#include "linnet/model.h"
#include "support/float_net.h"
#include "support/unit.h"

static ln_model *reread(const ln_model *model, uint8_t **file, size_t *size) {
  ln_model *back = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_format_write(model, &err, file, size), LN_OK);
  if (ln_model_from_memory(*file, *size, &err, &back) != LN_OK) fail_msg("%s", err.message);
  return back;
}

static ln_model *named(void) {
  ln_model *model = float_net(LN_ACT_RELU, 1);
  ln_graph *graph = &model->graphs[0];
  model->source_kind = "onnx";
  model->source_name = "net.onnx";
  graph->ops[0].origin = graph->ops[1].origin = "block\t1/conv";
  graph->ops[0].origin_op = graph->ops[1].origin_op = "Conv";
  graph->ops[3].origin_op = "Reshape";
  return model;
}

static void is_kept(void **state) {
  (void)state;
  uint8_t *file = NULL, *again = NULL;
  size_t size, again_size;
  ln_model *model = named(), *back = reread(model, &file, &size);
  const ln_graph *graph = ln_model_graph(back, 0);
  assert_string_equal(ln_model_source_kind(back), "onnx");
  assert_string_equal(ln_model_source_name(back), "net.onnx");
  for (int32_t i = 0; i < 2; ++i) {
    assert_string_equal(ln_op_origin(ln_graph_op(graph, i)), "block 1/conv");
    assert_string_equal(ln_op_origin_op(ln_graph_op(graph, i)), "Conv");
  }
  assert_null(ln_op_origin(ln_graph_op(graph, 2)));
  assert_null(ln_op_origin(ln_graph_op(graph, 3)));
  assert_string_equal(ln_op_origin_op(ln_graph_op(graph, 3)), "Reshape");
  assert_int_equal(ln_model_metadata_count(back), 0);
  ln_model *third = reread(back, &again, &again_size); /* nothing is doubled */
  assert_int_equal(size, again_size);
  ln_model_destroy(third);
  ln_model_destroy(back);
  ln_model_destroy(model);
  ln_free(file);
  ln_free(again);
}

/* Reads a model whose entry is the text. */
static void with_text(const char *text, void (*check)(const ln_model *model)) {
  uint8_t *file = NULL;
  size_t size;
  ln_model *model = float_net(LN_ACT_RELU, 1);
  ln_metadata entry = {.name = "linnet.source", .data = text, .size = strlen(text)};
  model->metadata = &entry;
  model->metadata_count = 1;
  ln_model *back = reread(model, &file, &size);
  check(back);
  ln_model_destroy(back);
  model->metadata = NULL;
  model->metadata_count = 0;
  ln_model_destroy(model);
  ln_free(file);
}

static void knows_nothing(const ln_model *model) {
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) assert_null(model->graphs[0].ops[i].origin);
  assert_int_equal(ln_model_metadata_count(model), 0);
}

static void is_not_believed(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "\n\n\n",
      "linnet.source 2\tonnx\tx\n",
      "linnet.source 1\tonnx\tx\ngraph\t0\t6\t1234\n0\t1\tConv\tx\n", /* another program changed the operators */
      "linnet.source 1\tonnx\tx\n0\t1\tConv\tx\n",
      "linnet.source 1\tonnx\tx\ngraph\t7\t6\t0\n0\t1\tConv\tx\n",
      "linnet.source 1\tonnx\tx\ngraph\t-1\n-5\t999999999999\tConv\tx",
      "linnet.source 1"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) with_text(texts[i], knows_nothing);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(is_kept), cmocka_unit_test(is_not_believed)};
  return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
