/*
 * SavedModels that the test writes: signatures, functions, control flow of both generations, and what is refused; and
 * files that are damaged at every place. What TensorFlow itself writes is tested by savedmodel_tf.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "import/import.h"
#include "import/savedmodel/savedmodel.h"
#include "linnet/session.h"
#include "optimize/optimize.h"

/* ---- messages ---- */

static void put_message(ln_bytes *to, uint32_t field, ln_bytes *message) {
  ln_wire_put_bytes(to, field, message->data, message->size);
  ln_bytes_free(message);
}

static void put_text(ln_bytes *to, uint32_t field, const char *text) {
  ln_wire_put_bytes(to, field, text, strlen(text));
}

/* An entry of a map: what `value` holds under `key`. */
static void put_entry(ln_bytes *to, uint32_t field, const char *key, ln_bytes *value) {
  ln_bytes entry = {0};
  put_text(&entry, 1, key);
  put_message(&entry, 2, value);
  put_message(to, field, &entry);
}

typedef struct attribute {
  const char *key, *text; /* a string, or a function's name with field 10 */
  uint32_t field;
  int64_t number;
} attribute;

/* "op name input input ..." and attributes. */
static void put_node(ln_bytes *graph, uint32_t field, const char *line, int count, const attribute *attributes) {
  ln_bytes node = {0};
  char copy[256], *rest = copy;
  snprintf(copy, sizeof copy, "%s", line);
  const char *op = strtok_r(rest, " ", &rest), *name = strtok_r(NULL, " ", &rest), *input;
  put_text(&node, 1, name);
  put_text(&node, 2, op);
  while ((input = strtok_r(NULL, " ", &rest)) != NULL) put_text(&node, 3, input);
  for (int i = 0; i < count; ++i) {
    const attribute *a = &attributes[i];
    ln_bytes value = {0}, function = {0};
    if (a->field == 10) {
      put_text(&function, 1, a->text);
      put_message(&value, 10, &function);
    } else if (a->text != NULL) {
      put_text(&value, a->field, a->text);
    } else {
      ln_wire_put_number(&value, a->field, (uint64_t)a->number);
    }
    put_entry(&node, 5, a->key, &value);
  }
  put_message(graph, field, &node);
}

/* A constant of int32 (type 3) or float32 (type 1, its bits) with all elements one value; rank 0 or 1. */
static void put_const(ln_bytes *graph, uint32_t field, const char *name, int type, int32_t size, int32_t value) {
  ln_bytes tensor = {0}, shape = {0}, dim = {0}, attr = {0}, node = {0};
  ln_wire_put_number(&tensor, 1, (uint64_t)type);
  if (size > 0) {
    ln_wire_put_number(&dim, 1, (uint64_t)size);
    put_message(&shape, 2, &dim);
  }
  put_message(&tensor, 2, &shape);
  ln_bytes content = {0};
  for (int32_t i = 0; i < (size > 0 ? size : 1); ++i) ln_bytes_add(&content, &value, sizeof value);
  put_message(&tensor, 4, &content);
  put_message(&attr, 8, &tensor);
  put_text(&node, 1, name);
  put_text(&node, 2, "Const");
  put_entry(&node, 5, "value", &attr);
  put_message(graph, field, &node);
}

static void put_place(ln_bytes *signature, uint32_t field, const char *key, const char *tensor, int type,
                      int32_t size) {
  ln_bytes info = {0}, shape = {0}, dim = {0};
  put_text(&info, 1, tensor);
  ln_wire_put_number(&info, 2, (uint64_t)type);
  if (size != 0) {
    ln_wire_put_number(&dim, 1, (uint64_t)(int64_t)size);
    put_message(&shape, 2, &dim);
  }
  put_message(&info, 3, &shape);
  put_entry(signature, field, key, &info);
}

/* A function of "name input input" and its result; nodes are added by `body`. */
static void put_function(ln_bytes *library, const char *line, const char *result, void (*body)(ln_bytes *function)) {
  ln_bytes function = {0}, signature = {0}, arg = {0}, entry = {0};
  char copy[128], *rest = copy;
  snprintf(copy, sizeof copy, "%s", line);
  const char *name = strtok_r(rest, " ", &rest), *input;
  put_text(&signature, 1, name);
  while ((input = strtok_r(NULL, " ", &rest)) != NULL) {
    put_text(&arg, 1, input);
    put_message(&signature, 2, &arg);
    arg = (ln_bytes){0};
  }
  put_text(&arg, 1, "out");
  put_message(&signature, 3, &arg);
  put_message(&function, 1, &signature);
  body(&function);
  put_text(&entry, 1, "out");
  put_text(&entry, 2, result);
  put_message(&function, 4, &entry);
  put_message(library, 1, &function);
}

/* The file of a graph, its library and signatures, which are consumed. */
static ln_bytes make_file(ln_bytes *graph, ln_bytes *library, ln_bytes *signatures) {
  ln_bytes meta = {0}, info = {0}, file = {0};
  put_text(&info, 4, "serve");
  put_message(&meta, 1, &info);
  put_message(graph, 2, library);
  put_message(&meta, 2, graph);
  ln_bytes_add(&meta, signatures->data, signatures->size);
  ln_bytes_free(signatures);
  ln_wire_put_number(&file, 1, 1);
  put_message(&file, 2, &meta);
  return file;
}

static void put_signature(ln_bytes *signatures, const char *key, ln_bytes *signature) {
  put_entry(signatures, 5, key, signature);
}

/* ---- reading ---- */

static ln_status read_file(const ln_bytes *file, size_t size, ln_error *err, ln_model **out) {
  const ln_importer *importer = ln_importer_find("savedmodel");
  const ln_import_source source = {.path = "no_such_folder/saved_model.pb", .map = {.data = file->data, .size = size}};
  assert_true(importer->recognizes(&source));
  *err = (ln_error){LN_OK, ""};
  return ln_import_run(importer, &source, NULL, err, out);
}

/* Runs a signature of one float vector (and one int32 or bool scalar, where `number` is not NULL). */
static void run(const ln_bytes *file, const char *key, int32_t size, const float *x, const int32_t *number,
                const float *want) {
  ln_error err;
  ln_model *model = NULL, *written = NULL;
  ln_session *session = NULL;
  if (read_file(file, file->size, &err, &model) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(ln_edit_compact(model, &err), LN_OK);
  assert_int_equal(ln_edit_snapshot(model, &err, &written), LN_OK);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = key;
  if (ln_session_create(written, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  const int32_t n = ln_session_find_input(session, "n"), at = ln_session_find_input(session, "x");
  const ln_status resized = ln_session_resize_input(session, at, &size, 1, &err);
  if (resized != LN_OK) fail_msg("%s", err.message);
  if (number != NULL) {
    const size_t bytes = ln_tensor_bytes(ln_session_input(session, n));
    assert_int_equal(ln_session_set_input(session, n, number, bytes, &err), LN_OK);
  }
  assert_int_equal(ln_session_set_input(session, at, x, (size_t)size * sizeof *x, &err), LN_OK);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  const ln_tensor *out = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_elements(out), size);
  for (int32_t i = 0; i < size; ++i) assert_float_equal(((const float *)ln_tensor_data(out))[i], want[i], 1e-6f);
  ln_session_destroy(session);
  ln_model_destroy(written);
  ln_model_destroy(model);
}

static int32_t bits(float value) {
  int32_t made;
  memcpy(&made, &value, sizeof made);
  return made;
}

/* ---- models ---- */

static void twice(ln_bytes *function) { put_node(function, 3, "AddV2 sum a a", 0, NULL); }
static void negative(ln_bytes *function) { put_node(function, 3, "Neg minus a", 0, NULL); }

static void less(ln_bytes *function) {
  put_const(function, 3, "four", 3, 0, 4);
  put_node(function, 3, "Less less k four:output:0", 0, NULL);
}

/* Calls, a branch, and two signatures over an open dimension. */
static ln_bytes functions_model(void) {
  ln_bytes graph = {0}, library = {0}, signatures = {0}, a = {0}, b = {0};
  put_function(&library, "twice a", "sum:z:0", twice);
  put_function(&library, "negative a", "minus:y:0", negative);
  put_node(&graph, 1, "Placeholder x", 0, NULL);
  put_node(&graph, 1, "Placeholder n", 0, NULL);
  put_node(&graph, 1, "PartitionedCall call x", 1, (attribute[]){{"f", "twice", 10, 0}});
  put_node(&graph, 1, "StatelessIf branch n x", 2,
           (attribute[]){{"then_branch", "twice", 10, 0}, {"else_branch", "negative", 10, 0}});
  put_node(&graph, 1, "Assert never n x", 0, NULL);
  put_node(&graph, 1, "Identity handed branch ^never", 0, NULL);
  put_place(&a, 1, "x", "x:0", 1, -1);
  put_place(&a, 2, "y", "call:0", 1, -1);
  put_place(&b, 1, "x", "x:0", 1, -1);
  put_place(&b, 1, "n", "n:0", 10, 0);
  put_place(&b, 2, "y", "handed:0", 1, -1);
  put_signature(&signatures, "call", &a);
  put_signature(&signatures, "branch", &b);
  return make_file(&graph, &library, &signatures);
}

/* A loop of TensorFlow 1: x is doubled n times; and a Switch that only one way leads out of. */
static ln_bytes frames_model(void) {
  ln_bytes graph = {0}, library = {0}, signatures = {0}, s = {0};
  const attribute frame[] = {{"frame_name", "loop", 2, 0}};
  const attribute constant[] = {{"frame_name", "loop", 2, 0}, {"is_constant", NULL, 5, 1}};
  put_node(&graph, 1, "Placeholder x", 0, NULL);
  put_node(&graph, 1, "Placeholder n", 0, NULL);
  put_const(&graph, 1, "zero", 3, 0, 0);
  put_node(&graph, 1, "Enter e0 zero", 1, frame);
  put_node(&graph, 1, "Enter e1 x", 1, frame);
  put_node(&graph, 1, "Enter e2 n", 2, constant);
  put_node(&graph, 1, "Merge m0 e0 n0", 0, NULL);
  put_node(&graph, 1, "Merge m1 e1 n1", 0, NULL);
  put_node(&graph, 1, "Less less m0 e2", 0, NULL);
  put_node(&graph, 1, "LoopCond test less", 0, NULL);
  put_node(&graph, 1, "Switch s0 m0 test", 0, NULL);
  put_node(&graph, 1, "Switch s1 m1 test", 0, NULL);
  put_node(&graph, 1, "Identity i0 s0:1", 0, NULL);
  put_const(&graph, 1, "one", 3, 0, 1);
  put_node(&graph, 1, "Add plus i0 one", 0, NULL);
  put_node(&graph, 1, "Add twice s1:1 s1:1", 0, NULL);
  put_node(&graph, 1, "NextIteration n0 plus", 0, NULL);
  put_node(&graph, 1, "NextIteration n1 twice", 0, NULL);
  put_node(&graph, 1, "Exit out s1", 0, NULL);
  put_node(&graph, 1, "Greater large n one", 0, NULL);
  put_node(&graph, 1, "Switch side out large", 0, NULL);
  put_node(&graph, 1, "Neg minus side:1", 0, NULL);
  put_node(&graph, 1, "Merge joined side minus", 0, NULL);
  put_place(&s, 1, "x", "x:0", 1, 3);
  put_place(&s, 1, "n", "n:0", 3, 0);
  put_place(&s, 2, "y", "joined:0", 1, 3);
  put_signature(&signatures, "serving_default", &s);
  return make_file(&graph, &library, &signatures);
}

static void body_result(ln_bytes *function) {
  put_const(function, 3, "one", 3, 0, 1);
  put_node(function, 3, "AddV2 next k one:output:0", 0, NULL);
}

/* One that cannot be converted: `op` in its middle. */
static ln_bytes odd_model(const char *op) {
  ln_bytes graph = {0}, library = {0}, signatures = {0}, s = {0};
  char line[128];
  put_function(&library, "less k", "less:z:0", less);
  put_function(&library, "body k", "next:z:0", body_result);
  put_node(&graph, 1, "Placeholder x", 0, NULL);
  snprintf(line, sizeof line, "%s block1/odd x", op);
  put_node(&graph, 1, line, 0, NULL);
  put_place(&s, 1, "x", "x:0", 1, 3);
  put_place(&s, 2, "y", "block1/odd:0", 1, 3);
  put_signature(&signatures, "serving_default", &s);
  return make_file(&graph, &library, &signatures);
}

static ln_bytes constants_model(void) {
  ln_bytes graph = {0}, library = {0}, signatures = {0}, s = {0};
  put_node(&graph, 1, "Placeholder x", 0, NULL);
  put_const(&graph, 1, "c", 1, 3, bits(0.5f));
  put_node(&graph, 1, "Mul y x c", 0, NULL);
  put_place(&s, 1, "x", "x:0", 1, 3);
  put_place(&s, 2, "y", "y:0", 1, 3);
  put_signature(&signatures, "serving_default", &s);
  return make_file(&graph, &library, &signatures);
}

/* ---- tests ---- */

static void test_functions(void **state) {
  (void)state;
  ln_bytes file = functions_model();
  const int32_t yes = 1, no = 0;
  run(&file, "call", 3, (float[]){1, 2, 3}, NULL, (float[]){2, 4, 6});
  run(&file, "call", 1, (float[]){-1}, NULL, (float[]){-2});
  run(&file, "branch", 2, (float[]){1, 2}, &yes, (float[]){2, 4});
  run(&file, "branch", 2, (float[]){1, 2}, &no, (float[]){-1, -2});
  ln_bytes_free(&file);
}

static void test_frames(void **state) {
  (void)state;
  ln_bytes file = frames_model();
  for (int32_t n = 0; n < 4; ++n) {
    const float by = (n > 1 ? -1.0f : 1.0f) * (float)(1 << n);
    run(&file, "serving_default", 3, (float[]){1, 2, 3}, &n, (float[]){by, 2 * by, 3 * by});
  }
  ln_bytes_free(&file);
}

static void test_constants(void **state) {
  (void)state;
  ln_bytes file = constants_model();
  run(&file, "serving_default", 3, (float[]){2, 4, 6}, NULL, (float[]){1, 2, 3});
  ln_bytes_free(&file);
}

/* A refusal names the node, its operator and what to do. */
static void test_refusals(void **state) {
  (void)state;
  static const char *const ops[] = {"SomethingNew",    "Exit",          "Merge", "ReadVariableOp", "LookupTableFindV2",
                                    "TensorListStack", "StatelessWhile"};
  for (size_t i = 0; i < LN_COUNT(ops); ++i) {
    ln_bytes file = odd_model(ops[i]);
    ln_error err;
    ln_model *model = NULL;
    assert_int_not_equal(read_file(&file, file.size, &err, &model), LN_OK);
    assert_null(model);
    if (strstr(err.message, "block1/odd") == NULL || strstr(err.message, ops[i]) == NULL) fail_msg("%s", err.message);
    ln_bytes_free(&file);
  }
}

/* Every row's operator without inputs or attributes, and with inputs of the wrong kind: refused, or made, but no more.
 */
static void test_rows(void **state) {
  (void)state;
  for (int32_t i = 0; ln_sm_op_name(i) != NULL; ++i) {
    static const char *const inputs[] = {"", " x", " x x", " x x x", " x x x x x", " n n n", " x n n"};
    if (i > 0) assert_true(strcmp(ln_sm_op_name(i - 1), ln_sm_op_name(i)) < 0);
    for (size_t k = 0; k < LN_COUNT(inputs); ++k) {
      ln_bytes graph = {0}, library = {0}, signatures = {0}, s = {0};
      char line[160];
      ln_error err;
      ln_model *model = NULL;
      put_node(&graph, 1, "Placeholder x", 0, NULL);
      put_const(&graph, 1, "n", 3, 2, 1);
      snprintf(line, sizeof line, "%s odd%s", ln_sm_op_name(i), inputs[k]);
      put_node(&graph, 1, line, 2, (attribute[]){{"T", NULL, 6, 1}, {"dtype", NULL, 6, 1}});
      put_place(&s, 1, "x", "x:0", 1, 3);
      put_place(&s, 2, "y", "odd:0", 1, 3);
      put_signature(&signatures, "serving_default", &s);
      ln_bytes file = make_file(&graph, &library, &signatures);
      if (read_file(&file, file.size, &err, &model) != LN_OK) assert_true(err.message[0] != '\0');
      ln_model_destroy(model);
      ln_bytes_free(&file);
    }
  }
}

static void try_damaged(const ln_bytes *file, size_t size) {
  ln_error err;
  ln_model *model = NULL;
  if (read_file(file, size, &err, &model) != LN_OK && (err.message[0] == '\0' || strchr(err.message, '\n') != NULL))
    fail_msg("no reason, or more than a line");
  ln_model_destroy(model);
}

/* Cut off anywhere, and with any byte changed. */
static void test_damage(void **state) {
  (void)state;
  ln_bytes (*const make[])(void) = {functions_model, frames_model, constants_model};
  for (size_t m = 0; m < LN_COUNT(make); ++m) {
    ln_bytes file = make[m]();
    for (size_t size = 0; size < file.size; ++size) try_damaged(&file, size);
    for (size_t at = 0; at < file.size; ++at) {
      static const uint8_t changes[] = {0x01, 0x08, 0x80, 0xFF};
      for (size_t k = 0; k < LN_COUNT(changes); ++k) {
        file.data[at] ^= changes[k];
        try_damaged(&file, file.size);
        file.data[at] ^= changes[k];
      }
    }
    ln_bytes_free(&file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_functions), cmocka_unit_test(test_frames), cmocka_unit_test(test_constants),
      cmocka_unit_test(test_refusals),  cmocka_unit_test(test_rows),   cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
