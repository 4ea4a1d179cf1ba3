/*
 * StableHLO as text that the test holds: forms of operations, element types, constants, what is refused and with which
 * words, and programs that are damaged at every place. Bytecode is read from the fuzz target's corpus. Functions of JAX
 * are compared by stablehlo_jax_test.py.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "import/import.h"
#include "linnet/session.h"
#include "optimize/optimize.h"

static ln_model *read_bytes(const void *bytes, size_t size, ln_error *err) {
  const ln_import_source source = {.path = "model.mlir", .map = {.data = bytes, .size = size}};
  ln_model *model = NULL, *written = NULL;
  *err = (ln_error){LN_OK, ""};
  if (ln_import_run(ln_importer_find("stablehlo"), &source, NULL, err, &model) != LN_OK) return NULL;
  if (ln_edit_compact(model, err) != LN_OK || ln_edit_snapshot(model, err, &written) != LN_OK)
    fail_msg("%s", err->message);
  ln_model_destroy(model);
  return written;
}

/* Runs the program on `input` and compares its first output with `want`, byte by byte but floats to a small error. */
static void gives(const char *program, const void *input, size_t input_bytes, ln_type type, const void *want,
                  size_t bytes) {
  ln_error err;
  ln_session *session = NULL;
  ln_model *model = read_bytes(program, strlen(program), &err);
  if (model == NULL) fail_msg("%s", err.message);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  if (input != NULL) memcpy(ln_tensor_mutable_data(ln_session_input(session, 0)), input, input_bytes);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  const ln_tensor *out = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_type(out), type);
  assert_int_equal(ln_tensor_bytes(out), bytes);
  if (type == LN_FLOAT32) {
    for (size_t i = 0; i < bytes / sizeof(float); ++i) {
      const float got = ((const float *)ln_tensor_data(out))[i], expected = ((const float *)want)[i];
      if (fabsf(got - expected) > 1e-5f)
        fail_msg("element %zu is %g, not %g, of\n%s", i, (double)got, (double)expected, program);
    }
  } else {
    assert_memory_equal(ln_tensor_data(out), want, bytes);
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void refused(const char *program, const char *words) {
  ln_error err;
  ln_model *model = read_bytes(program, strlen(program), &err);
  if (model != NULL) fail_msg("it was read:\n%s", program);
  if (strstr(err.message, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
  assert_null(strchr(err.message, '\n'));
}

#define MAIN(arguments, results, body) "module {\n func.func @main(" arguments ") -> " results " {\n" body "\n }\n}\n"

/* ---- forms ---- */

static const char pretty_form[] =
    "#loc1 = loc(\"x\")\nmodule @m attributes {a.b = 1 : i32} {\n"
    "  func.func public @main(%arg0: tensor<2x3xf32> loc(\"x\")) -> (tensor<2xf32> {jax.result_info = "
    "\"result['s']\"}) {\n"
    "    %cst = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32> loc(#loc1)\n"
    "    %0 = stablehlo.broadcast_in_dim %cst, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>\n"
    "    %1 = stablehlo.multiply %arg0, %0 : tensor<2x3xf32> loc(#loc2)\n"
    "    %2 = call @twice(%1) : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
    "    %c = stablehlo.constant dense<0.0> : tensor<f32>\n"
    "    %3 = stablehlo.reduce(%2 init: %c) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, "
    "tensor<f32>) -> tensor<2xf32>\n"
    "    return %3 : tensor<2xf32> loc(#loc1)\n  } loc(unknown)\n"
    "  func.func private @twice(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {\n"
    "    %0 = stablehlo.add %a, %a : tensor<2x3xf32>\n    func.return %0 : tensor<2x3xf32>\n  }\n}\n"
    "#loc2 = loc(\"mul\"(#loc1))\n";

static const char generic_form[] =
    "\"builtin.module\"() <{sym_name = \"m\"}> ({\n  \"func.func\"() <{arg_attrs = [{}], function_type = "
    "(tensor<2x3xf32>) -> "
    "tensor<2xf32>, res_attrs = [{}], sym_name = \"main\", sym_visibility = \"public\"}> ({\n  ^bb0(%arg0: "
    "tensor<2x3xf32>):\n"
    "    %0 = \"stablehlo.constant\"() <{value = dense<2.0> : tensor<2x3xf32>}> : () -> tensor<2x3xf32>\n"
    "    %1 = \"stablehlo.multiply\"(%arg0, %0) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>\n"
    "    %2 = \"stablehlo.constant\"() <{value = dense<0x00000000> : tensor<f32>}> : () -> tensor<f32>\n"
    "    %3 = \"stablehlo.reduce\"(%1, %2) <{dimensions = array<i64: 1>}> ({\n    ^bb0(%a: tensor<f32>, %b: "
    "tensor<f32>):\n"
    "      %4 = \"stablehlo.maximum\"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>\n"
    "      \"stablehlo.return\"(%4) : (tensor<f32>) -> ()\n    }) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>\n"
    "    \"func.return\"(%3) : (tensor<2xf32>) -> ()\n  }) : () -> ()\n}) : () -> ()\n";

static const char loop_form[] = MAIN(
    "%arg0: tensor<2xf32>", "tensor<2xf32>",
    "%c = stablehlo.constant dense<0> : tensor<i32>\n %n = stablehlo.constant dense<3> : tensor<i32>\n"
    "%0:3 = stablehlo.while(%i = %c, %v = %arg0, %w = %arg0) : tensor<i32>, tensor<2xf32>, tensor<2xf32>\n cond {\n"
    " %1 = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>\n stablehlo.return %1 : "
    "tensor<i1>\n"
    "} do {\n %1 = stablehlo.constant dense<1> : tensor<i32>\n %2 = stablehlo.add %i, %1 : tensor<i32>\n"
    " %3 = stablehlo.add %v, %w : tensor<2xf32>\n stablehlo.return %2, %3, %w : tensor<i32>, tensor<2xf32>, "
    "tensor<2xf32>\n}\n"
    "return %0#1 : tensor<2xf32>");

static const char sort_form[] =
    MAIN("%arg0: tensor<4xf32>", "tensor<4xi32>",
         "%0 = stablehlo.iota dim = 0 : tensor<4xi32>\n"
         "%1:2 = \"stablehlo.sort\"(%arg0, %0) <{dimension = 0 : i64, is_stable = true}> ({\n"
         "^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i32>, %d: tensor<i32>):\n"
         "%2 = stablehlo.compare GT, %a, %b, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>\nstablehlo.return "
         "%2 : tensor<i1>\n"
         "}) : (tensor<4xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>)\nreturn %1#1 : tensor<4xi32>");

static const char reducer_form[] =
    MAIN("%arg0: tensor<2x3xf32>", "tensor<2xi32>",
         "%0 = stablehlo.iota dim = 1 : tensor<2x3xi32>\n%c = stablehlo.constant dense<0xFF800000> : tensor<f32>\n"
         "%d = stablehlo.constant dense<0> : tensor<i32>\n"
         "%1:2 = stablehlo.reduce(%arg0 init: %c), (%0 init: %d) across dimensions = [1] : (tensor<2x3xf32>, "
         "tensor<2x3xi32>, "
         "tensor<f32>, tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>)\n"
         "reducer(%x: tensor<f32>, %z: tensor<f32>) (%y: tensor<i32>, %w: tensor<i32>) {\n"
         "%2 = stablehlo.compare GT, %x, %z : (tensor<f32>, tensor<f32>) -> tensor<i1>\n"
         "%3 = stablehlo.select %2, %x, %z : tensor<i1>, tensor<f32>\n%4 = stablehlo.select %2, %y, %w : tensor<i1>, "
         "tensor<i32>\n"
         "stablehlo.return %3, %4 : tensor<f32>, tensor<i32>\n}\nreturn %1#1 : tensor<2xi32>");

static const char conv_form[] =
    MAIN("%arg0: tensor<1x3x3x1xf32>", "tensor<1x2x2x1xf32>",
         "%0 = stablehlo.constant dense<1.0> : tensor<2x2x1x1xf32>\n"
         "%1 = stablehlo.convolution(%arg0, %0) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = "
         "{stride = [1, 1], pad = "
         "[[0, 0], [0, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x3x3x1xf32>, "
         "tensor<2x2x1x1xf32>) -> tensor<1x2x2x1xf32>\nreturn %1 : tensor<1x2x2x1xf32>");

static const char gather_form[] =
    MAIN("%arg0: tensor<2xi32>", "tensor<2x2xf32>",
         "%0 = stablehlo.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>\n"
         "%1 = stablehlo.reshape %arg0 : (tensor<2xi32>) -> tensor<2x1xi32>\n"
         "%2 = \"stablehlo.gather\"(%0, %1) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], "
         "collapsed_slice_dims = [0], "
         "start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 2>}> : "
         "(tensor<3x2xf32>, tensor<2x1xi32>) -> tensor<2x2xf32>\nreturn %2 : tensor<2x2xf32>");

static const char branch_form[] = MAIN(
    "%arg0: tensor<i32>", "tensor<f32>",
    "%a = stablehlo.constant dense<1.5> : tensor<f32>\n%b = stablehlo.constant dense<2.5> : tensor<f32>\n"
    "%0 = \"stablehlo.case\"(%arg0) ({\n stablehlo.return %a : tensor<f32>\n}, {\n %1 = stablehlo.add %a, %b : "
    "tensor<f32>\n "
    "stablehlo.return %1 : tensor<f32>\n}, {\n stablehlo.return %b : tensor<f32>\n}) : (tensor<i32>) -> tensor<f32>\n"
    "return %0 : tensor<f32>");

static void forms(void **state) {
  (void)state;
  const float x[] = {1, 2, 3, -1, -2, -3}, sums[] = {28, -28}, largest[] = {6, 0}, pair[] = {1, 2}, looped[] = {4, 8};
  const float four[] = {3, 1, 4, 2}, square[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, conv[] = {12, 16, 24, 28},
              rows[] = {5, 6, 1, 2};
  const float four_out[] = {4}, last[] = {2.5f};
  const int32_t order[] = {2, 0, 3, 1}, places[] = {2, 0}, picked[] = {7, -1}, one = 1, far_off = 9;
  gives(pretty_form, x, sizeof x, LN_FLOAT32, sums, sizeof sums);
  gives(generic_form, x, sizeof x, LN_FLOAT32, largest, sizeof largest);
  gives(loop_form, pair, sizeof pair, LN_FLOAT32, looped, sizeof looped);
  gives(sort_form, four, sizeof four, LN_INT32, order, sizeof order);
  gives(reducer_form, x, sizeof x, LN_INT32, places, sizeof places);
  gives(conv_form, square, sizeof square, LN_FLOAT32, conv, sizeof conv);
  gives(gather_form, picked, sizeof picked, LN_FLOAT32, rows, sizeof rows); /* indices stay within */
  gives(branch_form, &one, sizeof one, LN_FLOAT32, four_out, sizeof four_out);
  gives(branch_form, &far_off, sizeof far_off, LN_FLOAT32, last, sizeof last);
}

/* ---- element types ---- */

static void element_types(void **state) {
  (void)state;
  const int8_t bytes[] = {100, -100}, wrapped[] = {-56, 56};
  gives(MAIN("%a: tensor<2xi8>", "tensor<2xi8>", "%0 = stablehlo.add %a, %a : tensor<2xi8>\nreturn %0 : tensor<2xi8>"),
        bytes, sizeof bytes, LN_INT8, wrapped, sizeof wrapped);
  const uint8_t plain[] = {200, 3}, complement[] = {55, 252};
  gives(MAIN("%a: tensor<2xui8>", "tensor<2xui8>", "%0 = stablehlo.not %a : tensor<2xui8>\nreturn %0 : tensor<2xui8>"),
        plain, sizeof plain, LN_UINT8, complement, sizeof complement);
  const uint32_t wide[] = {0xFFFFFFFFu, 7}, halves[] = {0x7FFFFFFFu, 3};
  const char shift[] = MAIN("%a: tensor<2xui32>", "tensor<2xui32>",
                            "%c = stablehlo.constant dense<1> : tensor<2xui32>\n"
                            "%0 = stablehlo.shift_right_logical %a, %c : tensor<2xui32>\nreturn %0 : tensor<2xui32>");
  gives(shift, wide, sizeof wide, LN_UINT32, halves, sizeof halves);
  const char quotient[] = MAIN("%a: tensor<2xui32>", "tensor<2xui32>",
                               "%c = stablehlo.constant dense<2> : tensor<2xui32>\n"
                               "%0 = stablehlo.divide %a, %c : tensor<2xui32>\nreturn %0 : tensor<2xui32>");
  gives(quotient, wide, sizeof wide, LN_UINT32, halves, sizeof halves);
  const int64_t large[] = {INT64_C(1) << 40, -1}, doubled[] = {INT64_C(1) << 41, -2};
  gives(MAIN("%a: tensor<2xi64>", "tensor<2xi64>",
             "%0 = stablehlo.add %a, %a : tensor<2xi64>\nreturn %0 : tensor<2xi64>"),
        large, sizeof large, LN_INT64, doubled, sizeof doubled);
  const int32_t zero[] = {7, 0}, by_zero[] = {-1, -1};
  const char divide[] =
      MAIN("%a: tensor<2xi32>", "tensor<2xi32>",
           "%c = stablehlo.constant dense<0> : tensor<2xi32>\n%0 = stablehlo.divide %a, %c : tensor<2xi32>\n"
           "return %0 : tensor<2xi32>");
  gives(divide, zero, sizeof zero, LN_INT32, by_zero, sizeof by_zero);
}

/* ---- constants ---- */

static void constants(void **state) {
  (void)state;
  const float none[] = {0, 0}, hex[] = {1, -2}, half[] = {1.5f, 0.25f};
  const char bytes[] = MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
                            "%c = stablehlo.constant dense<\"0x0000803F000000C0\"> : tensor<2xf32>\n"
                            "%0 = stablehlo.add %a, %c : tensor<2xf32>\nreturn %0 : tensor<2xf32>");
  gives(bytes, none, sizeof none, LN_FLOAT32, hex, sizeof hex);
  const char halves[] = MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
                             "%c = stablehlo.constant dense<[1.5, 0.25]> : tensor<2xf16>\n"
                             "%d = stablehlo.convert %c : (tensor<2xf16>) -> tensor<2xf32>\n"
                             "%0 = stablehlo.add %a, %d : tensor<2xf32>\nreturn %0 : tensor<2xf32>");
  gives(halves, none, sizeof none, LN_FLOAT32, half, sizeof half);
  const char resource[] =
      "module {\n func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {\n"
      "%c = stablehlo.constant dense_resource<w> : tensor<2xf32>\n%0 = stablehlo.add %a, %c : tensor<2xf32>\n"
      "return %0 : tensor<2xf32>\n }\n}\n"
      "{-#\n  dialect_resources: {\n    builtin: {\n      w: \"0x040000000000803F000000C0\"\n    }\n  }\n#-}\n";
  gives(resource, none, sizeof none, LN_FLOAT32, hex, sizeof hex);
}

/* ---- refusals ---- */

static void refusals(void **state) {
  (void)state;
  refused(MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
               "%0 = stablehlo.adder %a, %a : tensor<2xf32>\nreturn %0 : tensor<2xf32>"),
          "stablehlo.adder");
  refused(MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
               "%0 = stablehlo.custom_call @fast(%a) : (tensor<2xf32>) -> tensor<2xf32>\nreturn %0 : tensor<2xf32>"),
          "custom_call to \"fast\"");
  refused(MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
               "%0 = stablehlo.add %a, %b : tensor<2xf32>\nreturn %0 : tensor<2xf32>"),
          "line 3");
  refused(MAIN("%a: tensor<2xf32>", "tensor<2xf32>",
               "%0 = call @f(%a) : (tensor<2xf32>) -> tensor<2xf32>\nreturn %0 : tensor<2xf32>"),
          "@f");
  refused(MAIN("%a: tensor<2x!quant.uniform<i8:f32, 0.5>>", "tensor<2xf32>", "return %a : tensor<2xf32>"),
          "quant.uniform");
  refused(MAIN("%a: tensor<2xcomplex<f32>>", "tensor<2xf32>",
               "%0 = stablehlo.real %a : (tensor<2xcomplex<f32>>) -> tensor<2xf32>\nreturn %0 : tensor<2xf32>"),
          "complex<f32>");
  refused(MAIN("%a: tensor<1x1x1x1x1x1x1x1x1xf32>", "tensor<2xf32>", "return %a : tensor<2xf32>"),
          "more than 8 dimensions");
  refused(
      "module {\n func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {\n%0 = call @main(%a) : (tensor<2xf32>) -> "
      "tensor<2xf32>\nreturn %0 : tensor<2xf32>\n }\n}",
      "64 deep");
  refused("module {\n}\n", "nothing to convert");
}

/* ---- damage ---- */

/* All beginnings, and all copies with one byte changed: an error of one line, or a model that can be written. */
static void damage(const uint8_t *bytes, size_t size, size_t step) {
  ln_error err;
  for (size_t i = 0; i < size; i += step) {
    uint8_t *copy = malloc(i > 0 ? i : 1); /* no byte more than there is, for tools that watch memory */
    assert_non_null(copy);
    memcpy(copy, bytes, i);
    ln_model_destroy(read_bytes(copy, i, &err));
    assert_null(strchr(err.message, '\n'));
    free(copy);
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    copy[i] = (uint8_t)(copy[i] ^ (1u << i % 8));
    ln_model_destroy(read_bytes(copy, size, &err));
    assert_null(strchr(err.message, '\n'));
    free(copy);
  }
}

static void damaged_text(void **state) {
  static const char *const programs[] = {pretty_form,  generic_form, loop_form,   sort_form,
                                         reducer_form, conv_form,    gather_form, branch_form};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(programs); ++i) damage((const uint8_t *)programs[i], strlen(programs[i]), 1);
}

static void damaged_bytecode(void **state) {
  static const char *const names[] = {"mlp.mlirbc", "loop.mlirbc", "mlp.jax"};
  char path[512];
  (void)state;
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    ln_file_map map;
    ln_error err;
    snprintf(path, sizeof path, "%s/../fuzz/corpus/import_stablehlo/%s", LN_TESTS_DIR, names[i]);
    assert_int_equal(ln_file_map_open(path, &err, &map), LN_OK);
    ln_model *model = read_bytes(map.data, map.size, &err);
    if (model == NULL) fail_msg("%s: %s", names[i], err.message);
    ln_model_destroy(model);
    damage(map.data, map.size, 3);
    ln_file_map_close(&map);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms),    cmocka_unit_test(element_types), cmocka_unit_test(constants),
      cmocka_unit_test(refusals), cmocka_unit_test(damaged_text),  cmocka_unit_test(damaged_bytecode),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
