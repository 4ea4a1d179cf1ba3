/* Each pass on a graph of a few operators, built by hand: what is rewritten, and what must be left alone. */
#include "passes/rewrite.h"
#include "support/unit.h"

enum { MAX_TENSORS = 24, MAX_OPS = 8 };

typedef struct fixture {
  ln_arena arena;
  ln_model model;
  ln_graph graph;
  ln_tensor tensors[MAX_TENSORS];
  ln_op ops[MAX_OPS];
  int32_t input, output;
} fixture;

static int32_t add_tensor(fixture *f, ln_type type, int32_t rank, const int32_t *dims, const void *data, size_t bytes) {
  const int32_t index = f->graph.tensor_count++;
  ln_tensor *tensor = &f->tensors[index];
  tensor->name = ln_arena_printf(&f->arena, "t%d", index);
  tensor->type = type;
  tensor->shape = tensor->signature = ln_shape_make(rank, dims);
  tensor->quant = &ln_quant_none;
  if (data != NULL) {
    tensor->data = ln_arena_copy(&f->arena, data, bytes);
    tensor->bytes = bytes;
    tensor->storage = LN_STORAGE_CONST;
  }
  return index;
}

static int32_t activation(fixture *f, int32_t h, int32_t w, int32_t c) {
  return add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){1, h, w, c}, NULL, 0);
}

static ln_op *add_op(fixture *f, int32_t code, int32_t in_count, const int32_t *in, int32_t out) {
  ln_op *op = &f->ops[f->graph.op_count];
  op->def = ln_op_find(code);
  op->index = f->graph.op_count++;
  op->inputs = ln_arena_copy(&f->arena, in, (size_t)in_count * sizeof *in);
  op->input_count = in_count;
  op->outputs = ln_arena_copy(&f->arena, &out, sizeof out);
  op->output_count = 1;
  op->options_table = op->def->options;
  if (op->options_table != LN_TABLE_none) {
    void *options = ln_arena_alloc(&f->arena, ln_schema_table(op->options_table)->struct_size);
    ln_schema_set_defaults(op->options_table, options);
    op->options = options;
  }
  return op;
}

static fixture *begin(void) {
  static fixture f;
  ln_arena_free(&f.arena);
  f = (fixture){0};
  f.graph.tensors = f.tensors;
  f.graph.ops = f.ops;
  f.graph.tensor_capacity = MAX_TENSORS;
  f.graph.inputs = &f.input;
  f.graph.outputs = &f.output;
  f.graph.input_count = f.graph.output_count = 1;
  f.model.graphs = &f.graph;
  f.model.graph_count = 1;
  return &f;
}

static int32_t run_pass(fixture *f, ln_status (*pass)(ln_pass_context *)) {
  ln_error err = {LN_OK, ""};
  size_t grown = 0;
  ln_pass_context context = {.model = &f->model, .graph = &f->graph, .arena = &f->arena, .grown = &grown, .err = &err};
  assert_int_equal(pass(&context), LN_OK);
  if (ln_graph_verify(&f->model, &f->graph, &err) != LN_OK) fail_msg("%s", err.message);
  return context.changes;
}

/* input -> PAD(pads) -> CONV_2D 3x3, VALID */
static ln_op *pad_and_convolution(fixture *f, const int32_t pads[8]) {
  static const float weights[9];
  f->input = activation(f, 8, 8, 1);
  const int32_t paddings = add_tensor(f, LN_INT32, 2, (const int32_t[]){4, 2}, pads, 8 * sizeof *pads);
  const int32_t padded = activation(f, 8 + pads[2] + pads[3], 8 + pads[4] + pads[5], 1);
  const int32_t filter = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){1, 3, 3, 1}, weights, sizeof weights);
  f->output = activation(f, 6 + pads[2] + pads[3], 6 + pads[4] + pads[5], 1);
  add_op(f, LN_OP_PAD, 2, (const int32_t[]){f->input, paddings}, padded);
  ln_op *conv = add_op(f, LN_OP_CONV_2D, 3, (const int32_t[]){padded, filter, -1}, f->output);
  ln_conv2d_options *options = (ln_conv2d_options *)(uintptr_t)conv->options;
  options->padding = LN_PADDING_VALID;
  options->stride_h = options->stride_w = 1;
  return conv;
}

static void fuses_pads(void **state) {
  (void)state;
  fixture *f = begin();
  const ln_op *conv = pad_and_convolution(f, (const int32_t[8]){0, 0, 1, 2, 3, 4, 0, 0});
  assert_int_equal(run_pass(f, ln_pass_fuse_pads), 1);
  assert_true(conv->fused.pads);
  assert_int_equal(conv->inputs[0], f->input);
  assert_int_equal(conv->fused.pad_top, 1);
  assert_int_equal(conv->fused.pad_bottom, 2);
  assert_int_equal(conv->fused.pad_left, 3);
  assert_int_equal(conv->fused.pad_right, 4);
  assert_int_equal(run_pass(f, ln_pass_drop_dead), 1); /* the PAD */
  assert_int_equal(f->graph.op_count, 1);
}

static void leaves_other_pads(void **state) {
  (void)state;
  fixture *f = begin();
  const ln_op *conv = pad_and_convolution(f, (const int32_t[8]){0, 0, 1, 1, 1, 1, 0, 1}); /* channels too */
  assert_int_equal(run_pass(f, ln_pass_fuse_pads), 0);
  assert_false(conv->fused.pads);
  f = begin();
  conv = pad_and_convolution(f, (const int32_t[8]){0, 0, 1, 1, -1, 1, 0, 0});
  assert_int_equal(run_pass(f, ln_pass_fuse_pads), 0);
}

static void fuses_activations(void **state) {
  (void)state;
  fixture *f = begin();
  f->input = activation(f, 4, 4, 2);
  const int32_t sum = activation(f, 4, 4, 2);
  f->output = activation(f, 4, 4, 2);
  const ln_op *add = add_op(f, LN_OP_ADD, 2, (const int32_t[]){f->input, f->input}, sum);
  add_op(f, LN_OP_RELU6, 1, &sum, f->output);
  assert_int_equal(run_pass(f, ln_pass_fuse_activations), 1);
  assert_int_equal(f->graph.op_count, 1);
  assert_int_equal(((const ln_add_options *)add->options)->fused_activation_function, LN_ACT_RELU6);
  assert_int_equal(f->ops[0].outputs[0], f->output);
}

static void leaves_shared_results(void **state) {
  (void)state;
  fixture *f = begin();
  f->input = activation(f, 4, 4, 2);
  const int32_t sum = activation(f, 4, 4, 2), clamped = activation(f, 4, 4, 2);
  f->output = activation(f, 4, 4, 2);
  add_op(f, LN_OP_ADD, 2, (const int32_t[]){f->input, f->input}, sum);
  add_op(f, LN_OP_RELU, 1, &sum, clamped);
  add_op(f, LN_OP_MUL, 2, (const int32_t[]){sum, clamped}, f->output); /* reads the sum as well */
  assert_int_equal(run_pass(f, ln_pass_fuse_activations), 0);
  assert_int_equal(f->graph.op_count, 3);
}

static void folds_constants(void **state) {
  (void)state;
  fixture *f = begin();
  const float one[] = {1, 2, 3, 4}, two[] = {10, 20, 30, 40};
  f->input = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){4}, NULL, 0);
  const int32_t a = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){4}, one, sizeof one);
  const int32_t b = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){4}, two, sizeof two);
  const int32_t sum = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){4}, NULL, 0);
  f->output = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){4}, NULL, 0);
  add_op(f, LN_OP_ADD, 2, (const int32_t[]){a, b}, sum);
  add_op(f, LN_OP_MUL, 2, (const int32_t[]){f->input, sum}, f->output);
  assert_int_equal(run_pass(f, ln_pass_fold_constants), 1);
  assert_int_equal(f->graph.op_count, 1);
  assert_int_equal(f->tensors[sum].storage, LN_STORAGE_CONST);
  assert_true(((const float *)f->tensors[sum].data)[3] == 44.0f);
}

/* Each of two sums of a row and a column takes 36 MB, and a file that is as small as this may have 64. */
static void folds_within_a_limit(void **state) {
  (void)state;
  fixture *f = begin();
  static const float line[3000];
  const int32_t row = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){1, 3000}, line, sizeof line);
  const int32_t column = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){3000, 1}, line, sizeof line);
  int32_t sums[2];
  f->input = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){3000, 3000}, NULL, 0);
  for (int32_t i = 0; i < 2; ++i) sums[i] = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){3000, 3000}, NULL, 0);
  f->output = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){3000, 3000}, NULL, 0);
  for (int32_t i = 0; i < 2; ++i) add_op(f, LN_OP_ADD, 2, (const int32_t[]){row, column}, sums[i]);
  add_op(f, LN_OP_MUL, 2, sums, f->output);
  assert_int_equal(run_pass(f, ln_pass_fold_constants), 1);
  assert_int_equal(f->graph.op_count, 2);
}

/* input i8 -> DEQUANTIZE -> QUANTIZE(scale) -> RELU -> output */
static void quantize_again(fixture *f, float scale) {
  const ln_quant *first = ln_quant_make(&f->arena, 0.5f, 3), *second = ln_quant_make(&f->arena, scale, 3);
  const int32_t dims[] = {4};
  f->input = add_tensor(f, LN_INT8, 1, dims, NULL, 0);
  const int32_t real = add_tensor(f, LN_FLOAT32, 1, dims, NULL, 0), again = add_tensor(f, LN_INT8, 1, dims, NULL, 0);
  f->output = add_tensor(f, LN_INT8, 1, dims, NULL, 0);
  f->tensors[f->input].quant = first;
  f->tensors[again].quant = f->tensors[f->output].quant = second;
  add_op(f, LN_OP_DEQUANTIZE, 1, &f->input, real);
  add_op(f, LN_OP_QUANTIZE, 1, &real, again);
  add_op(f, LN_OP_RELU, 1, &again, f->output);
}

static void keeps_stored_weights(void **state) {
  (void)state;
  fixture *f = begin();
  const uint16_t halves[4] = {0x3c00, 0x4000, 0xbc00, 0};
  const int32_t x = activation(f, 2, 2, 2);
  const int32_t stored = add_tensor(f, LN_FLOAT16, 4, (const int32_t[]){2, 1, 1, 2}, halves, sizeof halves);
  const int32_t wide = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 1, 1, 2}, NULL, 0);
  const int32_t y = activation(f, 2, 2, 2);
  add_op(f, LN_OP_DEQUANTIZE, 1, &stored, wide);
  add_op(f, LN_OP_CONV_2D, 2, (const int32_t[]){x, wide}, y);
  f->input = x;
  f->output = y;
  assert_int_equal(run_pass(f, ln_pass_keep_stored_weights), 1);
  assert_int_equal(f->graph.op_count, 1);
  assert_int_equal(f->graph.ops[0].inputs[1], stored);
}

/* Another reader keeps the DEQUANTIZE; weights that are no constant stay where they are. */
static void unpacks_for_other_readers(void **state) {
  (void)state;
  fixture *f = begin();
  const uint16_t halves[4] = {0};
  const int32_t x = activation(f, 2, 2, 2);
  const int32_t stored = add_tensor(f, LN_FLOAT16, 4, (const int32_t[]){2, 1, 1, 2}, halves, sizeof halves);
  const int32_t wide = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 1, 1, 2}, NULL, 0);
  const int32_t fed = add_tensor(f, LN_FLOAT16, 4, (const int32_t[]){2, 1, 1, 2}, NULL, 0);
  const int32_t fed_wide = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 1, 1, 2}, NULL, 0);
  const int32_t y = activation(f, 2, 2, 2), z = activation(f, 2, 2, 2);
  add_op(f, LN_OP_DEQUANTIZE, 1, &stored, wide);
  add_op(f, LN_OP_CAST, 1, &x, fed);
  add_op(f, LN_OP_DEQUANTIZE, 1, &fed, fed_wide);
  add_op(f, LN_OP_CONV_2D, 2, (const int32_t[]){x, wide}, y);
  add_op(f, LN_OP_CONV_2D, 2, (const int32_t[]){y, fed_wide}, z);
  f->input = x;
  f->output = wide;
  assert_int_equal(run_pass(f, ln_pass_keep_stored_weights), 1);
  assert_int_equal(f->graph.op_count, 5);
  assert_int_equal(f->graph.ops[3].inputs[1], stored);
  assert_int_equal(f->graph.ops[4].inputs[1], fed_wide);
}

/* Integers with a scale a row, read through DEQUANTIZE, become blocks of a row each; with other scales they stay. */
static void keeps_scaled_rows(void **state) {
  (void)state;
  fixture *f = begin();
  const int8_t integers[8] = {1, -2, 3, -4, 5, -6, 7, -8};
  const float scales[2] = {0.5f, 0.25f};
  const int64_t zeros[2] = {0, 0}, shifted[2] = {0, 1};
  ln_quant by_row = ln_quant_none, by_column = ln_quant_none, off = ln_quant_none;
  by_row = (ln_quant){LN_QUANT_AXIS, 2, scales, zeros, 0, -1, -1, 0, NULL};
  by_column = (ln_quant){LN_QUANT_AXIS, 2, scales, zeros, 3, -1, -1, 0, NULL};
  off = (ln_quant){LN_QUANT_AXIS, 2, scales, shifted, 0, -1, -1, 0, NULL};
  const ln_quant *quants[3] = {&by_row, &by_column, &off};
  int32_t x = f->input = activation(f, 2, 2, 2), stored[3], wide[3];
  for (int32_t i = 0; i < 3; ++i) {
    stored[i] = add_tensor(f, LN_INT8, 4, (const int32_t[]){2, 2, 1, 2}, integers, sizeof integers);
    f->tensors[stored[i]].quant = quants[i];
    wide[i] = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 2, 1, 2}, NULL, 0);
    const int32_t y = activation(f, 2, 2, 2);
    add_op(f, LN_OP_DEQUANTIZE, 1, &stored[i], wide[i]);
    add_op(f, LN_OP_CONV_2D, 2, (const int32_t[]){x, wide[i]}, y);
    x = f->output = y;
  }
  assert_int_equal(run_pass(f, ln_pass_keep_stored_weights), 1);
  assert_int_equal(f->graph.op_count, 5);
  const ln_tensor *rows = &f->graph.tensors[f->graph.ops[0].inputs[1]];
  assert_int_equal(rows->type, LN_INT8);
  assert_int_equal(rows->quant->kind, LN_QUANT_BLOCKWISE);
  assert_int_equal(rows->quant->block_size, 4);
  assert_ptr_equal(rows->data, f->graph.tensors[stored[0]].data);
  assert_ptr_equal(f->graph.tensors[rows->quant->scales_tensor].data, scales);
  assert_int_equal(f->graph.ops[2].inputs[1], wide[1]);
  assert_int_equal(f->graph.ops[4].inputs[1], wide[2]);
}

/* GATHER picks halves, and what it picked is made floats; a table that others read stays where it is. */
static void picks_what_is_stored(void **state) {
  (void)state;
  const uint16_t halves[6] = {0x3c00, 0x4000, 0xbc00, 0, 0x3c00, 0x4000};
  for (int32_t shared = 0; shared < 2; ++shared) {
    fixture *f = begin();
    f->input = add_tensor(f, LN_INT32, 1, (const int32_t[]){2}, NULL, 0);
    const int32_t table = add_tensor(f, LN_FLOAT16, 2, (const int32_t[]){3, 2}, halves, sizeof halves);
    const int32_t wide = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){3, 2}, NULL, 0);
    const int32_t numbers = add_tensor(f, LN_INT32, 1, (const int32_t[]){2}, NULL, 0);
    const int32_t picked = add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){2, 2}, NULL, 0);
    add_op(f, LN_OP_DEQUANTIZE, 1, &table, wide);
    add_op(f, LN_OP_ABS, 1, &f->input, numbers);
    add_op(f, LN_OP_GATHER, 2, (const int32_t[]){wide, numbers}, picked);
    f->output = shared ? wide : picked;
    assert_int_equal(run_pass(f, ln_pass_pick_stored), shared ? 0 : 1);
    assert_int_equal(f->graph.op_count, 3);
    if (shared) continue;
    assert_int_equal(f->graph.ops[0].def->code, LN_OP_ABS);
    assert_int_equal(f->graph.ops[1].inputs[0], table);
    assert_int_equal(f->graph.tensors[f->graph.ops[1].outputs[0]].type, LN_FLOAT16);
    assert_int_equal(f->graph.ops[2].def->code, LN_OP_DEQUANTIZE);
    assert_int_equal(f->graph.ops[2].outputs[0], picked);
  }
}

/* ADD reads no sparse constants: what it adds becomes dense; DENSIFY keeps its input. */
static void densifies_constants(void **state) {
  (void)state;
  fixture *f = begin();
  int32_t segments[] = {0, 2}, indices[] = {1, 3}, order[] = {0};
  const float values[] = {5, 7};
  ln_int32_vector segment_list = {.values = {segments, 2}}, index_list = {.values = {indices, 2}};
  ln_dimension_metadata level = {.format = 1,
                                 .array_segments_type = 1,
                                 .array_segments = &segment_list,
                                 .array_indices_type = 1,
                                 .array_indices = &index_list};
  const void *const levels[] = {&level};
  ln_sparsity_parameters sparsity = {.traversal_order = {order, 1}, .dim_metadata = {levels, 1}};
  const int32_t four[] = {4};
  const int32_t stored = add_tensor(f, LN_FLOAT32, 1, four, values, sizeof values);
  const int32_t dense = add_tensor(f, LN_FLOAT32, 1, four, NULL, 0);
  f->tensors[stored].sparsity = &sparsity;
  f->input = add_tensor(f, LN_FLOAT32, 1, four, NULL, 0);
  f->output = add_tensor(f, LN_FLOAT32, 1, four, NULL, 0);
  add_op(f, LN_OP_DENSIFY, 1, &stored, dense);
  add_op(f, LN_OP_ADD, 2, (const int32_t[]){f->input, stored}, f->output);
  assert_int_equal(run_pass(f, ln_pass_densify_constants), 1);
  assert_int_equal(f->graph.ops[0].inputs[0], stored);
  const ln_tensor *made = &f->graph.tensors[f->graph.ops[1].inputs[1]];
  const float wanted[] = {0, 5, 0, 7};
  assert_null(made->sparsity);
  assert_memory_equal(made->data, wanted, sizeof wanted);
}

static void cancels_quantization(void **state) {
  (void)state;
  fixture *f = begin();
  quantize_again(f, 0.5f);
  assert_int_equal(run_pass(f, ln_pass_cancel_quantization), 1);
  assert_int_equal(f->ops[2].inputs[0], f->input);
  assert_int_equal(run_pass(f, ln_pass_drop_dead), 2);
  f = begin();
  quantize_again(f, 0.25f);
  assert_int_equal(run_pass(f, ln_pass_cancel_quantization), 0);
}

/* input [1, 2, 3, 4] -> TRANSPOSE -> RESHAPE -> TRANSPOSE */
static int32_t transposed(fixture *f, int32_t from, int32_t rank, const int32_t *dims, const int32_t *permutation) {
  const int32_t axes =
      add_tensor(f, LN_INT32, 1, (const int32_t[]){rank}, permutation, (size_t)rank * sizeof *permutation);
  const int32_t out = add_tensor(f, LN_FLOAT32, rank, dims, NULL, 0);
  add_op(f, LN_OP_TRANSPOSE, 2, (const int32_t[]){from, axes}, out);
  return out;
}

static int32_t reshaped(fixture *f, int32_t from, int32_t rank, const int32_t *dims) {
  const int32_t shape = add_tensor(f, LN_INT32, 1, (const int32_t[]){rank}, dims, (size_t)rank * sizeof *dims);
  const int32_t out = add_tensor(f, LN_FLOAT32, rank, dims, NULL, 0);
  add_op(f, LN_OP_RESHAPE, 2, (const int32_t[]){from, shape}, out);
  return out;
}

static void cancels_transposes(void **state) {
  (void)state;
  for (int32_t back = 0; back < 2; ++back) { /* the second one undoes the first, or does not */
    fixture *f = begin();
    f->input = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){2, 3, 4}, NULL, 0);
    const int32_t a = transposed(f, f->input, 3, (const int32_t[]){2, 4, 3}, (const int32_t[]){0, 2, 1});
    const int32_t b = reshaped(f, a, 4, (const int32_t[]){2, 4, 3, 1});
    f->output = back == 0 ? transposed(f, b, 4, (const int32_t[]){2, 3, 1, 4}, (const int32_t[]){0, 2, 3, 1})
                          : transposed(f, b, 4, (const int32_t[]){4, 3, 1, 2}, (const int32_t[]){1, 2, 3, 0});
    assert_int_equal(run_pass(f, ln_pass_cancel_transposes), back == 0);
    assert_int_equal(f->graph.ops[2].def->code, back == 0 ? LN_OP_RESHAPE : LN_OP_TRANSPOSE);
    assert_int_equal(f->graph.ops[2].inputs[0], back == 0 ? f->input : b);
    run_pass(f, ln_pass_drop_dead);
    assert_int_equal(f->graph.op_count, back == 0 ? 1 : 3);
  }
}

static void cancels_transposes_of_open_shapes(void **state) {
  (void)state;
  fixture *f = begin();
  f->input = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){-1, 3, 4}, NULL, 0);
  const int32_t a = transposed(f, f->input, 3, (const int32_t[]){4, -1, 3}, (const int32_t[]){2, 0, 1});
  const int32_t b = transposed(f, a, 3, (const int32_t[]){-1, 3, 4}, (const int32_t[]){1, 2, 0});
  f->output = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){-1, 3, 4}, NULL, 0);
  add_op(f, LN_OP_ABS, 1, &b, f->output);
  assert_int_equal(run_pass(f, ln_pass_cancel_transposes), 1);
  assert_int_equal(run_pass(f, ln_pass_drop_dead), 2);
  assert_int_equal(f->graph.ops[0].inputs[0], f->input);
}

static void products_read_through_transposes(void **state) {
  (void)state;
  fixture *f = begin();
  f->input = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 2, 3, 4}, NULL, 0);
  const int32_t x = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){4, 5, 4}, (const float[80]){0}, 80 * sizeof(float));
  const int32_t a = transposed(f, f->input, 4, (const int32_t[]){2, 2, 4, 3}, (const int32_t[]){0, 1, 3, 2});
  const int32_t y = reshaped(f, a, 3, (const int32_t[]){4, 4, 3});
  f->output = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){4, 5, 3}, NULL, 0);
  const ln_op *product = add_op(f, LN_OP_BATCH_MATMUL, 2, (const int32_t[]){x, y}, f->output);
  assert_int_equal(run_pass(f, ln_pass_cancel_transposes), 1);
  assert_true(((const ln_batch_mat_mul_options *)product->options)->adj_y);
  run_pass(f, ln_pass_drop_dead);
  assert_int_equal(f->graph.op_count, 2); /* a reshape of the input and the product */
  const ln_shape *shape = &f->graph.tensors[f->graph.ops[1].inputs[1]].shape;
  assert_int_equal(shape->dims[1], 3);
  assert_int_equal(shape->dims[2], 4);
}

/* CONV_2D of two channels, then arithmetic with a constant. */
static void folds_scales(void **state) {
  static const float weights[2] = {3, 5}, scales[2] = {2, 4}, shift[1] = {10}, bias[2] = {1, -1};
  (void)state;
  fixture *f = begin();
  f->input = activation(f, 4, 4, 1);
  const int32_t filter = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 1, 1, 1}, weights, sizeof weights);
  const int32_t offsets = add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){2}, bias, sizeof bias);
  const int32_t by = add_tensor(f, LN_FLOAT32, 3, (const int32_t[]){1, 1, 2}, scales, sizeof scales);
  const int32_t more = add_tensor(f, LN_FLOAT32, 0, NULL, shift, sizeof shift);
  const int32_t a = activation(f, 4, 4, 2), b = activation(f, 4, 4, 2);
  f->output = activation(f, 4, 4, 2);
  const ln_op *conv = add_op(f, LN_OP_CONV_2D, 3, (const int32_t[]){f->input, filter, offsets}, a);
  add_op(f, LN_OP_MUL, 2, (const int32_t[]){by, a}, b);
  const ln_op *add = add_op(f, LN_OP_ADD, 2, (const int32_t[]){b, more}, f->output);
  ((ln_add_options *)(uintptr_t)add->options)->fused_activation_function = LN_ACT_RELU;
  assert_int_equal(run_pass(f, ln_pass_fold_scales), 2);
  assert_int_equal(f->graph.op_count, 1);
  assert_int_equal(conv->outputs[0], f->output);
  assert_int_equal(((const ln_conv2d_options *)conv->options)->fused_activation_function, LN_ACT_RELU);
  const float *folded = f->graph.tensors[conv->inputs[1]].data, *shifted = f->graph.tensors[conv->inputs[2]].data;
  assert_true(folded[0] == 6.0f && folded[1] == 20.0f);
  assert_true(shifted[0] == 12.0f && shifted[1] == 6.0f);
}

/* A layer that clamps, one that others read, too, and a constant of another shape stay as they are. */
static void keeps_other_scales(void **state) {
  static const float weights[2] = {3, 5}, scales[4] = {2, 4, 6, 8};
  (void)state;
  for (int32_t reason = 0; reason < 3; ++reason) {
    fixture *f = begin();
    f->input = activation(f, 4, 2, 1);
    const int32_t filter = add_tensor(f, LN_FLOAT32, 4, (const int32_t[]){2, 1, 1, 1}, weights, sizeof weights);
    const bool by_column = reason == 2;
    const int32_t by = by_column ? add_tensor(f, LN_FLOAT32, 2, (const int32_t[]){2, 1}, scales, 2 * sizeof(float))
                                 : add_tensor(f, LN_FLOAT32, 1, (const int32_t[]){2}, scales, 2 * sizeof(float));
    const int32_t a = activation(f, 4, 2, 2), b = activation(f, 4, 2, 2);
    f->output = activation(f, 4, 2, 2);
    const ln_op *conv = add_op(f, LN_OP_CONV_2D, 3, (const int32_t[]){f->input, filter, -1}, a);
    if (reason == 0) ((ln_conv2d_options *)(uintptr_t)conv->options)->fused_activation_function = LN_ACT_RELU6;
    add_op(f, LN_OP_MUL, 2, (const int32_t[]){a, by}, b);
    add_op(f, LN_OP_ADD, 2, (const int32_t[]){b, reason == 1 ? a : b}, f->output);
    assert_int_equal(run_pass(f, ln_pass_fold_scales), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cancels_transposes),
      cmocka_unit_test(cancels_transposes_of_open_shapes),
      cmocka_unit_test(products_read_through_transposes),
      cmocka_unit_test(folds_scales),
      cmocka_unit_test(keeps_other_scales),
      cmocka_unit_test(fuses_pads),
      cmocka_unit_test(leaves_other_pads),
      cmocka_unit_test(fuses_activations),
      cmocka_unit_test(leaves_shared_results),
      cmocka_unit_test(folds_constants),
      cmocka_unit_test(folds_within_a_limit),
      cmocka_unit_test(cancels_quantization),
      cmocka_unit_test(densifies_constants),
      cmocka_unit_test(keeps_stored_weights),
      cmocka_unit_test(unpacks_for_other_readers),
      cmocka_unit_test(keeps_scaled_rows),
      cmocka_unit_test(picks_what_is_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
