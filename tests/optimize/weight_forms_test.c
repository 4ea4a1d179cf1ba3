/* Weights in other forms: what is written, how far outputs move, that they are read as the floats they stand for. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optimize/optimize.h"
#include "ops/weights.h"
#include "support/float_net.h"
#include "support/unit.h"

/* Runs a recipe of one stage; settings are "name=value", a NULL at the end. */
static ln_status optimize(ln_model *model, const char *const *settings, const ln_samples *samples, ln_error *err,
                          ln_model **out, ln_optimize_report **report) {
  ln_recipe *recipe = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  const long failing = ln_alloc_fail_pending();
  options.calibration = samples;
  options.measure = false;
  ln_alloc_fail_after(0);
  assert_int_equal(ln_recipe_create(err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "quantize", err), LN_OK);
  for (; *settings != NULL; ++settings) {
    char name[32];
    const char *value = strchr(*settings, '=');
    snprintf(name, sizeof name, "%.*s", (int)(value - *settings), *settings);
    const bool excludes = strcmp(name, "exclude") == 0;
    assert_int_equal(excludes ? ln_recipe_exclude(recipe, value + 1, err) : ln_recipe_set(recipe, name, value + 1, err),
                     LN_OK);
  }
  ln_alloc_fail_after(failing);
  const ln_status status = ln_optimize(model, recipe, &options, err, out, report);
  ln_recipe_destroy(recipe);
  return status;
}

static ln_model *quantized(ln_model *model, const char *const *settings) {
  ln_model *out = NULL;
  ln_error err = {0};
  const ln_status status = optimize(model, settings, &float_net_samples, &err, &out, NULL);
  if (status != LN_OK) fail_msg("%s: %s", settings[0], err.message);
  return out;
}

/* The outputs' error over samples that are not calibrated on, over their size. */
static double error_of(ln_model *before, ln_model *after) {
  double error = 0, power = 0;
  for (int64_t i = 0; i < 20; ++i) {
    float a[FLOAT_NET_CLASSES], b[FLOAT_NET_CLASSES];
    float_net_run(before, 1000 + i, a);
    float_net_run(after, 1000 + i, b);
    for (int32_t j = 0; j < FLOAT_NET_CLASSES; ++j) {
      error += (double)(a[j] - b[j]) * (double)(a[j] - b[j]);
      power += (double)a[j] * (double)a[j];
    }
  }
  return sqrt(error / power);
}

static size_t file_size(const ln_model *model) { return model->map.size; }

static int32_t count_types(const ln_model *model, ln_type type) {
  int32_t count = 0;
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) {
    const ln_tensor *tensor = &model->graphs[0].tensors[i];
    count += tensor->type == type && ln_tensor_const_data(tensor);
  }
  return count;
}

static int32_t count_ops(const ln_model *model, int32_t code) {
  int32_t count = 0;
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) count += model->graphs[0].ops[i].def->code == code;
  return count;
}

/* Every format: how many constants change, what reads them, how large the file is, how far the outputs move. */
static void forms(void **state) {
  (void)state;
  static const struct {
    const char *setting;
    ln_type type;
    int32_t constants, unpacking, unpacks; /* operators `unpacks` */
    double size, least, most;              /* of the float file; error */
  } cases[] = {
      {"format=float16", LN_FLOAT16, 7, LN_OP_DEQUANTIZE, 7, 0.55, 1e-6, 1e-3},
      {"format=bfloat16", LN_BFLOAT16, 7, LN_OP_CAST, 7, 0.55, 1e-5, 8e-3},
      {"format=dynamic", LN_INT8, 5, LN_OP_DEQUANTIZE, 0, 0.38, 1e-4, 5e-2},
      {"format=int8-weights", LN_INT8, 5, LN_OP_DEQUANTIZE, 5, 0.38, 1e-4, 2e-2},
      {"format=int4-weights", LN_INT4, 5, LN_OP_DEQUANTIZE, 5, 0.28, 1e-3, 3e-1},
      {"format=int2-weights", LN_INT2, 5, LN_OP_DEQUANTIZE, 5, 0.22, 1e-2, 1.2},
      {"format=bf16-int8", LN_INT8, 5, LN_OP_CAST, 2, 0.39, 1e-4, 3e-2},
  };
  ln_model *model = float_net(1, 2);
  for (size_t i = 0; i < LN_COUNT(cases); ++i) {
    ln_model *out = quantized(model, (const char *const[]){cases[i].setting, NULL});
    const double error = error_of(model, out), size = (double)file_size(out) / (double)file_size(model);
    print_message("%-20s size %.3f error %.2g\n", cases[i].setting, size, error);
    assert_int_equal(count_types(out, cases[i].type), cases[i].constants);
    assert_int_equal(count_ops(out, cases[i].unpacking), cases[i].unpacks);
    assert_true(size < cases[i].size);
    assert_true(error > cases[i].least && error < cases[i].most);
    ln_model_destroy(out);
  }
  ln_model_destroy(model);
}

/* Puts the floats that each DEQUANTIZE of a constant gives in its place. */
static ln_model *with_floats(const ln_model *model) {
  ln_model *copy = NULL, *read = NULL;
  assert_int_equal(ln_edit_begin(model, NULL, &copy), LN_OK);
  ln_graph *graph = &copy->graphs[0];
  bool *drop = calloc((size_t)graph->op_count, sizeof *drop);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (graph->ops[i].def->code != LN_OP_DEQUANTIZE) continue;
    const ln_tensor *from = &graph->tensors[graph->ops[i].inputs[0]];
    size_t count;
    assert_true(ln_shape_elements(&from->shape, &count));
    float *values = ln_arena_array(&copy->arena, count, sizeof *values);
    for (size_t j = 0; j < count; ++j) values[j] = ln_tensor_get_f32(from, j);
    ln_edit_set_data(&graph->tensors[graph->ops[i].outputs[0]], LN_FLOAT32, values, count * sizeof *values);
    drop[i] = true;
  }
  ln_graph_drop_ops(graph, drop);
  free(drop);
  assert_int_equal(ln_edit_snapshot(copy, NULL, &read), LN_OK);
  ln_model_destroy(copy);
  return read;
}

/* Weights that are read as they are stored give the bits of those made floats first. */
static void stored_weights_equal_floats(void **state) {
  (void)state;
  static const char *const formats[] = {"format=int8-weights", "format=int4-weights", "format=int2-weights"};
  ln_model *model = float_net(1, 2);
  for (size_t i = 0; i < LN_COUNT(formats); ++i) {
    ln_model *out = quantized(model, (const char *const[]){formats[i], NULL}), *floats = with_floats(out);
    assert_int_equal(count_ops(floats, LN_OP_DEQUANTIZE), 0);
    for (int64_t s = 0; s < 4; ++s) {
      float a[FLOAT_NET_CLASSES], b[FLOAT_NET_CLASSES];
      float_net_run(out, s, a);
      float_net_run(floats, s, b);
      assert_memory_equal(a, b, sizeof a);
    }
    ln_model_destroy(floats);
    ln_model_destroy(out);
  }
  ln_model_destroy(model);
}

static void blocks(void **state) {
  (void)state;
  ln_model *model = float_net(1, 2);
  ln_model *four = quantized(model, (const char *const[]){"format=int4-weights", "block=32", NULL});
  ln_model *alone = quantized(model, (const char *const[]){"format=int4-weights", "block=32", "exclude=type:CONV_2D",
                                                           "exclude=type:DEPTHWISE_CONV_2D", NULL});
  ln_model *channels = quantized(model, (const char *const[]){"format=int4-weights", "exclude=type:CONV_2D",
                                                              "exclude=type:DEPTHWISE_CONV_2D", NULL});
  ln_model *two = quantized(model, (const char *const[]){"format=int2-weights", "block=16", NULL});
  int32_t in_blocks = 0;
  for (int32_t i = 0; i < four->graphs[0].tensor_count; ++i) {
    const ln_tensor *tensor = &four->graphs[0].tensors[i];
    if (tensor->quant->kind != LN_QUANT_BLOCKWISE) continue;
    ++in_blocks;
    assert_int_equal(tensor->quant->block_size, 32);
    assert_int_equal(four->graphs[0].tensors[tensor->quant->scales_tensor].type, LN_FLOAT16);
  }
  assert_int_equal(in_blocks, 1); /* of FULLY_CONNECTED alone */
  print_message("blocks %.3g, channels %.3g\n", error_of(model, alone), error_of(model, channels));
  assert_true(error_of(model, alone) < 0.12 && error_of(model, alone) < 1.1 * error_of(model, channels));
  assert_true(error_of(model, two) < 0.8);
  ln_model_destroy(two);
  ln_model_destroy(channels);
  ln_model_destroy(alone);
  ln_model_destroy(four);
  ln_model_destroy(model);
}

static void rounding_learns(void **state) {
  (void)state;
  static const char *const formats[] = {"format=int8-weights", "format=int4-weights", "format=int2-weights"};
  ln_model *model = float_net(1, 1);
  for (size_t i = 0; i < LN_COUNT(formats); ++i) {
    ln_model *nearest = quantized(model, (const char *const[]){formats[i], NULL});
    ln_model *learned = quantized(model, (const char *const[]){formats[i], "rounding=learned", NULL});
    ln_model *again = quantized(model, (const char *const[]){formats[i], "rounding=learned", NULL});
    const double a = error_of(model, nearest), b = error_of(model, learned);
    print_message("%s: nearest %.3g, learned %.3g\n", formats[i], a, b);
    assert_true(b < 0.9 * a);
    assert_int_equal(file_size(learned), file_size(again));
    assert_memory_equal(learned->map.data, again->map.data, file_size(again));
    ln_model_destroy(again);
    ln_model_destroy(learned);
    ln_model_destroy(nearest);
  }
  ln_model_destroy(model);
}

/* The mean difference of the outputs, over their size. */
static double bias_of(ln_model *before, ln_model *after) {
  double sums[FLOAT_NET_CLASSES] = {0}, bias = 0, power = 0;
  for (int64_t i = 0; i < 64; ++i) {
    float a[FLOAT_NET_CLASSES], b[FLOAT_NET_CLASSES];
    float_net_run(before, 1000 + i, a);
    float_net_run(after, 1000 + i, b);
    for (int32_t j = 0; j < FLOAT_NET_CLASSES; ++j) {
      sums[j] += (double)(b[j] - a[j]) / 64;
      power += (double)a[j] * (double)a[j] / 64;
    }
  }
  for (int32_t j = 0; j < FLOAT_NET_CLASSES; ++j) bias += sums[j] * sums[j];
  return sqrt(bias / power);
}

static void biases_are_corrected(void **state) {
  (void)state;
  static const char *const formats[] = {"format=int4-weights", "format=int2-weights"};
  ln_model *model = float_net(1, 1);
  for (size_t i = 0; i < LN_COUNT(formats); ++i) {
    ln_model *plain = quantized(model, (const char *const[]){formats[i], NULL});
    ln_model *corrected = quantized(model, (const char *const[]){formats[i], "bias-correction=true", NULL});
    const double a = bias_of(model, plain), b = bias_of(model, corrected);
    print_message("%s: bias %.3g, corrected %.3g\n", formats[i], a, b);
    assert_true(b < 0.5 * a);
    ln_model_destroy(corrected);
    ln_model_destroy(plain);
  }
  ln_model_destroy(model);
}

static void refuses_and_leaves(void **state) {
  (void)state;
  ln_model *model = float_net(1, 2), *out = NULL;
  ln_error err = {0};
  ln_model *once = quantized(model, (const char *const[]){"format=dynamic", NULL});
  assert_int_not_equal(optimize(once, (const char *const[]){"format=int8-weights", NULL}, NULL, &err, &out, NULL),
                       LN_OK);
  assert_non_null(strstr(err.message, "quantized already"));
  assert_null(out);
  ln_model_destroy(once);
  /* What is learned needs samples. */
  assert_int_equal(
      optimize(model, (const char *const[]){"format=int4-weights", "rounding=learned", NULL}, NULL, &err, &out, NULL),
      LN_ERR_DATA);
  ln_optimize_report *report = NULL;
  assert_int_equal(optimize(model, (const char *const[]){"format=int8-weights", "exclude=type:CONV_2D", NULL}, NULL,
                            &err, &out, &report),
                   LN_OK);
  assert_int_equal(count_types(out, LN_INT8), 2); /* depthwise and fully-connected */
  assert_int_equal(ln_optimize_report_layers(report), 2);
  ln_report_layer row = {.size = sizeof row};
  assert_int_equal(ln_optimize_report_layer(report, 1, &row), LN_OK);
  assert_string_equal(row.what, "int8, a scale a channel");
  assert_int_equal(row.bytes_after * 4, row.bytes_before);
  assert_true(row.weight_error > 1e-4 && row.weight_error < 1e-2);
  ln_optimize_report_destroy(report);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

/* How many allocations a stage makes, of which number `failing` fails. */
static long allocations(ln_model *model, const char *const *settings, const ln_samples *samples, long failing) {
  ln_error err = {0};
  ln_model *out = NULL;
  ln_alloc_fail_after(failing);
  const ln_status status = optimize(model, settings, samples, &err, &out, NULL);
  const long pending = ln_alloc_fail_pending();
  ln_alloc_fail_after(0);
  if (pending > 0 && status != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(out);
  return failing - pending;
}

/* Whichever allocation fails, the stage ends in order. */
static void survives_lack_of_memory(void **state) {
  (void)state;
  static const char *const settings[][4] = {
      {"format=float16", NULL}, {"format=bf16-int8", NULL}, {"format=int4-weights", "rounding=learned", NULL}};
  const ln_samples two = {sizeof two, 2, float_net_samples.fill, NULL};
  ln_model *model = float_net(1, 1);
  for (size_t i = 0; i < LN_COUNT(settings); ++i) {
    const long all = allocations(model, settings[i], &two, LONG_MAX);
    print_message("%s: %ld allocations\n", settings[i][0], all);
    assert_in_range(all, 20, 100000);
    for (long n = 1; n < all; n += 1 + all / 60) assert_int_equal(allocations(model, settings[i], &two, n), n);
  }
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms),
      cmocka_unit_test(stored_weights_equal_floats),
      cmocka_unit_test(blocks),
      cmocka_unit_test(rounding_learns),
      cmocka_unit_test(biases_are_corrected),
      cmocka_unit_test(refuses_and_leaves),
      cmocka_unit_test(survives_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
