/*
 * Well-formed files that contradict themselves, one change each to a good model: refused with a message that names the
 * place. The changes are made to the structs of the schema, which are then encoded.
 */
#include <stdio.h>

#include "format/format.h"
#include "linnet/model.h"
#include "ops/ops.h"
#include "support/unit.h"

/* The good model, decoded: one ABS of int8 from tensor 0 to tensor 1. */
typedef struct victim {
  ln_model_table *root;
  ln_subgraph *graph;
  ln_operator *op;
  ln_operator_code *code;
  ln_tensor_table *in, *out;
} victim;

/* The decoder's structs are this test's own. */
#define OWN(pointer) ((void *)(uintptr_t)(pointer))

static void take(ln_model_table *root, victim *v) {
  v->root = root;
  v->graph = OWN(root->subgraphs.data[0]);
  v->op = OWN(v->graph->operators.data[0]);
  v->code = OWN(root->operator_codes.data[0]);
  v->in = OWN(v->graph->tensors.data[v->graph->inputs.data[0]]);
  v->out = OWN(v->graph->tensors.data[v->graph->outputs.data[0]]);
}

static const int32_t minus_two[] = {-2}, thousand[] = {1000};
static const int32_t nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, minus_five[] = {-5},
                     huge[] = {INT32_MAX, INT32_MAX, INT32_MAX};
static const uint8_t three_bytes[] = {1, 2, 3};
static const float two_scales[] = {1, 2}, one_scale[] = {1};
static const int64_t bad_zero_point[] = {200};

static void version(victim *v) { v->root->version = 4; }
static void code_index(victim *v) { v->op->opcode_index = 99; }
static void code_unknown(victim *v) { v->code->builtin_code = 5000; }
static void code_nameless(victim *v) {
  v->code->builtin_code = v->code->deprecated_builtin_code = LN_OP_CUSTOM;
  v->code->custom_code = NULL;
}
static void options_of_another(victim *v) {
  static ln_pad_options options;
  v->op->builtin_options_type = (uint8_t)ln_schema_union_tag(LN_UNION_builtin_options, LN_TABLE_pad_options);
  v->op->builtin_options = &options;
  v->code->builtin_code = v->code->deprecated_builtin_code = LN_OP_CONV_2D;
}
static void input_negative(victim *v) { v->op->inputs = (ln_vec_i32){minus_two, 1}; }
static void input_absent(victim *v) { v->op->inputs = (ln_vec_i32){thousand, 1}; }
static void input_early(victim *v) { v->op->inputs = v->op->outputs; }
static void output_negative(victim *v) { v->op->outputs = (ln_vec_i32){minus_two, 1}; }
static void output_is_input(victim *v) { v->op->outputs = v->op->inputs; }
static void output_twice(victim *v) {
  static int32_t pair[2];
  pair[0] = pair[1] = v->op->outputs.data[0];
  v->op->outputs = (ln_vec_i32){pair, 2};
}
static void intermediate_absent(victim *v) { v->op->intermediates = (ln_vec_i32){thousand, 1}; }
static void graph_input_absent(victim *v) { v->graph->inputs = (ln_vec_i32){thousand, 1}; }
static void graph_output_unwritten(victim *v) { v->graph->operators.count = 0; }
static void no_graph(victim *v) { v->root->subgraphs.count = 0; }
static void type_unknown(victim *v) { v->in->type = 99; }
static void rank_nine(victim *v) { v->in->shape = (ln_vec_i32){nine, 9}; }
static void dim_negative(victim *v) { v->in->shape = (ln_vec_i32){minus_five, 1}; }
static void dims_huge(victim *v) { v->in->shape = (ln_vec_i32){huge, 3}; }
static void buffer_absent(victim *v) { v->in->buffer = 1000; }
static void buffer_elsewhere(victim *v) { v->in->external_buffer = 1; }

/* Gives a tensor three bytes of data. */
static void give_data(victim *v, ln_tensor_table *tensor) {
  for (uint32_t i = 1; i < v->root->buffers.count; ++i) {
    ln_buffer_table *buffer = OWN(v->root->buffers.data[i]);
    buffer->data = (ln_vec_u8){three_bytes, sizeof three_bytes};
    tensor->buffer = i;
    return;
  }
}
static void input_constant(victim *v) {
  give_data(v, v->in);
  static const int32_t three[] = {3};
  v->in->shape = (ln_vec_i32){three, 1};
}
static void data_of_wrong_size(victim *v) { give_data(v, v->in); }
static void variable_with_data(victim *v) {
  give_data(v, v->in);
  v->in->is_variable = true;
}
static void buffer_far_away(victim *v) {
  ln_buffer_table *buffer = OWN(v->root->buffers.data[1]);
  buffer->data = (ln_vec_u8){NULL, 0};
  buffer->offset = UINT64_MAX - 10;
  buffer->size = 100;
}
static void metadata_absent(victim *v) { ((ln_metadata_table *)OWN(v->root->metadata.data[0]))->buffer = 1000; }

static ln_quantization_parameters *quant_of(ln_tensor_table *tensor) {
  static ln_quantization_parameters quant;
  ln_schema_set_defaults(LN_TABLE_quantization_parameters, &quant);
  tensor->quantization = &quant;
  return &quant;
}
static void scales_beside_shape(victim *v) {
  ln_quantization_parameters *quant = quant_of(v->in);
  quant->scale = (ln_vec_f32){two_scales, 2};
  quant->quantized_dimension = 7;
}
static void zero_point_too_large(victim *v) {
  ln_quantization_parameters *quant = quant_of(v->in);
  quant->scale = (ln_vec_f32){one_scale, 1};
  quant->zero_point = (ln_vec_i64){bad_zero_point, 1};
}
static void blocks_without_scales(victim *v) {
  static ln_blockwise_quantization blocks;
  ln_schema_set_defaults(LN_TABLE_blockwise_quantization, &blocks);
  blocks.scales = 1000;
  blocks.block_size = 1;
  ln_quantization_parameters *quant = quant_of(v->in);
  quant->details = &blocks;
  quant->details_type = (uint8_t)ln_schema_union_tag(LN_UNION_quantization_details, LN_TABLE_blockwise_quantization);
}
static void blocks_of_nothing(victim *v) {
  blocks_without_scales(v);
  ln_blockwise_quantization *blocks = OWN(v->in->quantization->details);
  blocks->scales = 0;
  blocks->block_size = 0;
}

/* An IF (or WHILE) in place of the ABS. */
static void calls(victim *v, int32_t then_graph, int32_t else_graph) {
  static ln_if_options options;
  options.then_subgraph_index = then_graph;
  options.else_subgraph_index = else_graph;
  v->code->builtin_code = v->code->deprecated_builtin_code = LN_OP_IF;
  v->op->builtin_options_type = (uint8_t)ln_schema_union_tag(LN_UNION_builtin_options, LN_TABLE_if_options);
  v->op->builtin_options = &options;
}
static void call_absent(victim *v) { calls(v, 7, 0); }
static void call_itself(victim *v) { calls(v, 0, 0); }

static void signature(victim *v, uint32_t graph, uint32_t tensor, uint32_t count) {
  static ln_tensor_map map;
  static ln_signature_def def;
  static const void *maps[2], *defs[1];
  map.name = "x";
  map.tensor_index = tensor;
  maps[0] = maps[1] = &map;
  defs[0] = &def;
  def.signature_key = "run";
  def.subgraph_index = graph;
  def.inputs = (ln_vec_ptr){maps, count};
  def.outputs = (ln_vec_ptr){maps, 0};
  v->root->signature_defs = (ln_vec_ptr){defs, 1};
}
static void signature_without_graph(victim *v) { signature(v, 9, 0, 1); }
static void signature_of_no_input(victim *v) { signature(v, 0, 1000, 1); }
static void signature_key_twice(victim *v) { signature(v, 0, (uint32_t)v->graph->inputs.data[0], 2); }

static const struct {
  void (*change)(victim *v);
  ln_status status;
  const char *text;
} changes[] = {
    {version, LN_ERR_FORMAT, "schema version 4"},
    {code_index, LN_ERR_MODEL, "op 0: operator code 99 of"},
    {code_unknown, LN_ERR_UNSUPPORTED, "op 0: operator code 5000 is not known"},
    {code_nameless, LN_ERR_MODEL, "op 0: a custom operator without a name"},
    {options_of_another, LN_ERR_MODEL, "op 0 CONV_2D: its options are PadOptions where Conv2DOptions belong"},
    {input_negative, LN_ERR_MODEL, "input 0 is tensor -2"},
    {input_absent, LN_ERR_MODEL, "input 0 is tensor 1000"},
    {input_early, LN_ERR_MODEL, "is read before anything writes it"},
    {output_negative, LN_ERR_MODEL, "output 0 is tensor -2"},
    {output_is_input, LN_ERR_MODEL, "is already"},
    {output_twice, LN_ERR_MODEL, "output 1"},
    {intermediate_absent, LN_ERR_MODEL, "intermediate 0"},
    {graph_input_absent, LN_ERR_MODEL, "input 0 is tensor 1000"},
    {graph_output_unwritten, LN_ERR_MODEL, "is written by nothing"},
    {no_graph, LN_ERR_MODEL, "no graph"},
    {type_unknown, LN_ERR_FEATURE, "element type 99"},
    {rank_nine, LN_ERR_UNSUPPORTED, "has 9 dimensions"},
    {dim_negative, LN_ERR_MODEL, "dimension 0 is -5"},
    {dims_huge, LN_ERR_MODEL, "larger than can be addressed"},
    {buffer_absent, LN_ERR_MODEL, "buffer 1000 of"},
    {buffer_elsewhere, LN_ERR_FEATURE, "in another file"},
    {buffer_far_away, LN_ERR_FORMAT, "past its end"},
    {input_constant, LN_ERR_MODEL, "is a constant"},
    {data_of_wrong_size, LN_ERR_MODEL, "holds 3 bytes"},
    {variable_with_data, LN_ERR_UNSUPPORTED, "first value"},
    {metadata_absent, LN_ERR_MODEL, "buffer 1000"},
    {scales_beside_shape, LN_ERR_MODEL, "2 scales for dimension 7"},
    {zero_point_too_large, LN_ERR_MODEL, "zero point 200"},
    {blocks_without_scales, LN_ERR_MODEL, "scales are in tensor 1000"},
    {blocks_of_nothing, LN_ERR_MODEL, "blocks of 0"},
    {call_absent, LN_ERR_MODEL, "op 0 IF: runs subgraph 7"},
    {call_itself, LN_ERR_MODEL, "op 0 IF: runs subgraph 0, which runs it"},
    {signature_without_graph, LN_ERR_MODEL, "signature \"run\": its subgraph"},
    {signature_of_no_input, LN_ERR_MODEL, "input \"x\" is no input of its graph"},
    {signature_key_twice, LN_ERR_MODEL, "input \"x\" stands there twice"},
};

static void contradictions_are_refused(void **state) {
  (void)state;
  ln_file_map map;
  assert_int_equal(ln_file_map_open(LN_TESTS_DIR "/ops/cases/unary/abs_same_i8.tflite", NULL, &map), LN_OK);
  for (size_t i = 0; i < LN_COUNT(changes); ++i) {
    ln_arena arena = {0};
    ln_error err = {LN_OK, ""};
    void *root = NULL;
    uint8_t *data = NULL;
    size_t size;
    victim v;
    ln_model *model = NULL;
    assert_int_equal(ln_flatbuffer_decode(map.data, map.size, LN_TABLE_model_table, &arena, NULL, &root), LN_OK);
    take(root, &v);
    changes[i].change(&v);
    assert_int_equal(ln_flatbuffer_encode(root, LN_TABLE_model_table, "TFL3", NULL, &data, &size), LN_OK);
    const ln_status status = ln_model_from_memory(data, size, &err, &model);
    if (status != changes[i].status || strstr(err.message, changes[i].text) == NULL) {
      fail_msg("change %zu (\"%s\"): status %d, \"%s\"", i, changes[i].text, (int)status, err.message);
    }
    ln_free(data);
    ln_arena_free(&arena);
  }
  ln_file_map_close(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(contradictions_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
