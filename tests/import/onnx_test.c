/*
 * ONNX files that the test writes: element types, sparse and external data, functions, names of dimensions, and files
 * that are damaged at every place. Operators are tested by scripts/onnx_node_tests.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef LN_WITHOUT_ONNX
int main(void) { return 77; }
#else

#include "import/import.h"
#include "linnet/session.h"
#include "onnx.pb-c.h"
#include "optimize/optimize.h"

/* ---- messages, in memory that the test keeps to its end ---- */

static ln_arena arena;

static void *make(size_t size) {
  void *memory = ln_arena_alloc(&arena, size);
  assert_non_null(memory);
  return memory;
}

#define MESSAGE(Type, init)                \
  static Type *new_##Type(void) {          \
    Type *message = make(sizeof *message); \
    *message = (Type)init;                 \
    return message;                        \
  }
MESSAGE(Onnx__Model, ONNX__MODEL__INIT)
MESSAGE(Onnx__Graph, ONNX__GRAPH__INIT)
MESSAGE(Onnx__Node, ONNX__NODE__INIT)
MESSAGE(Onnx__Tensor, ONNX__TENSOR__INIT)
MESSAGE(Onnx__SparseTensor, ONNX__SPARSE_TENSOR__INIT)
MESSAGE(Onnx__Attribute, ONNX__ATTRIBUTE__INIT)
MESSAGE(Onnx__ValueInfo, ONNX__VALUE_INFO__INIT)
MESSAGE(Onnx__Type, ONNX__TYPE__INIT)
MESSAGE(Onnx__TensorType, ONNX__TENSOR_TYPE__INIT)
MESSAGE(Onnx__Shape, ONNX__SHAPE__INIT)
MESSAGE(Onnx__Dimension, ONNX__DIMENSION__INIT)
MESSAGE(Onnx__OperatorSet, ONNX__OPERATOR_SET__INIT)
MESSAGE(Onnx__Function, ONNX__FUNCTION__INIT)
MESSAGE(Onnx__Entry, ONNX__ENTRY__INIT)

static char *text(const char *from) {
  char *copy = ln_arena_strdup(&arena, from);
  assert_non_null(copy);
  return copy;
}

/* Appends to a repeated field. */
#define PUSH(list, count, item)                                        \
  do {                                                                 \
    void *moved_ = make(((count) + 1) * sizeof *(list));               \
    if ((count) > 0) memcpy(moved_, (list), (count) * sizeof *(list)); \
    (list) = moved_;                                                   \
    (list)[(count)++] = (item);                                        \
  } while (0)

/* "a b" as two names. */
static void push_names(char ***list, size_t *count, const char *names) {
  char *copy = text(names);
  for (char *name = strtok(copy, " "); name != NULL; name = strtok(NULL, " ")) {
    PUSH(*list, *count, strcmp(name, "_") == 0 ? text("") : name);
  }
}

static Onnx__Node *node(const char *op, const char *inputs, const char *outputs) {
  Onnx__Node *made = new_Onnx__Node();
  made->op_type = text(op);
  push_names(&made->input, &made->n_input, inputs);
  push_names(&made->output, &made->n_output, outputs);
  return made;
}

/* dims: "2,N" */
static Onnx__ValueInfo *value(const char *name, int32_t type, const char *dims) {
  Onnx__ValueInfo *made = new_Onnx__ValueInfo();
  made->name = text(name);
  made->type = new_Onnx__Type();
  made->type->tensor_type = new_Onnx__TensorType();
  made->type->tensor_type->has_elem_type = 1;
  made->type->tensor_type->elem_type = type;
  Onnx__Shape *shape = made->type->tensor_type->shape = new_Onnx__Shape();
  char *copy = text(dims);
  for (char *dim = strtok(copy, ","); dim != NULL; dim = strtok(NULL, ",")) {
    Onnx__Dimension *d = new_Onnx__Dimension();
    d->has_dim_value = dim[0] >= '0' && dim[0] <= '9';
    if (d->has_dim_value) d->dim_value = atoi(dim);
    else d->dim_param = dim;
    PUSH(shape->dim, shape->n_dim, d);
  }
  return made;
}

static Onnx__Model *model_of(int64_t version) {
  Onnx__Model *model = new_Onnx__Model();
  Onnx__OperatorSet *set = new_Onnx__OperatorSet();
  model->has_ir_version = 1;
  model->ir_version = 8;
  model->producer_name = text("test");
  model->graph = new_Onnx__Graph();
  model->graph->name = text("g");
  set->domain = text("");
  set->has_version = 1;
  set->version = version;
  PUSH(model->opset_import, model->n_opset_import, set);
  return model;
}

static Onnx__Tensor *tensor(const char *name, int32_t type, size_t rank, const int64_t *dims) {
  Onnx__Tensor *made = new_Onnx__Tensor();
  made->name = text(name);
  made->has_data_type = 1;
  made->data_type = type;
  for (size_t i = 0; i < rank; ++i) PUSH(made->dims, made->n_dims, dims[i]);
  return made;
}

static void set_raw(Onnx__Tensor *made, const void *data, size_t size) {
  made->has_raw_data = 1;
  made->raw_data.len = size;
  made->raw_data.data = ln_arena_copy(&arena, data, size);
}

/* ---- converting and running ---- */

static ln_model *read_bytes(const char *path, const uint8_t *bytes, size_t size, ln_error *err) {
  const ln_import_source source = {.path = path, .map = {.data = bytes, .size = size}};
  ln_model *model = NULL, *out = NULL;
  *err = (ln_error){LN_OK, ""};
  if (ln_import_run(ln_importer_find("onnx"), &source, NULL, err, &model) != LN_OK) return NULL;
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  ln_status status = ln_edit_compact(model, err);
  if (status == LN_OK) status = ln_edit_snapshot(model, err, &out);
  if (status != LN_OK) fail_msg("%s", err->message);
  ln_model_destroy(model);
  return out;
}

static uint8_t *pack(const Onnx__Model *model, size_t *size) {
  *size = onnx__model__get_packed_size(model);
  uint8_t *bytes = make(*size);
  onnx__model__pack(model, bytes);
  return bytes;
}

static ln_model *read_model(const Onnx__Model *model, const char *path, ln_error *err) {
  size_t size;
  const uint8_t *bytes = pack(model, &size);
  return read_bytes(path, bytes, size, err);
}

/* The one output's data after a run without inputs, or with one of floats. */
static void run(const Onnx__Model *source, const float *input, size_t input_bytes, void *out, size_t bytes) {
  ln_error err;
  ln_session *session = NULL;
  ln_model *model = read_model(source, "test.onnx", &err);
  if (model == NULL) fail_msg("%s", err.message);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  if (input != NULL) memcpy(ln_tensor_mutable_data(ln_session_input(session, 0)), input, input_bytes);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  const ln_tensor *result = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_bytes(result), bytes);
  memcpy(out, ln_tensor_data(result), bytes);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void refused(const Onnx__Model *source, const char *path, const char *words) {
  ln_error err;
  ln_model *model = read_model(source, path, &err);
  assert_null(model);
  if (strstr(err.message, words) == NULL) fail_msg("\"%s\" is not in \"%s\"", words, err.message);
  assert_null(strchr(err.message, '\n'));
}

/* ---- constants ---- */

static Onnx__Model *one_constant(Onnx__Tensor *constant, const char *dims) {
  Onnx__Model *model = model_of(17);
  PUSH(model->graph->initializer, model->graph->n_initializer, constant);
  PUSH(model->graph->output, model->graph->n_output, value(constant->name, constant->data_type, dims));
  return model;
}

static void element_types(void **state) {
  static const struct {
    int32_t type;
    size_t size;
  } rows[] = {{1, 4}, {2, 1},  {3, 1},  {4, 2},  {5, 2},  {6, 4}, {7, 8},
              {9, 1}, {10, 2}, {11, 8}, {12, 4}, {13, 8}, {16, 2}};
  const int64_t dims[2] = {3, 1};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    const uint8_t bytes[24] = {1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0};
    uint8_t out[24];
    Onnx__Tensor *constant = tensor("c", rows[i].type, 2, dims);
    set_raw(constant, bytes, 3 * rows[i].size);
    run(one_constant(constant, "3,1"), NULL, 0, out, 3 * rows[i].size);
    assert_memory_equal(out, bytes, 3 * rows[i].size);
  }
}

static void typed_fields(void **state) {
  const int64_t dims[1] = {2};
  int16_t shorts[2];
  uint32_t words[2];
  (void)state;
  Onnx__Tensor *constant = tensor("c", 5, 1, dims);
  PUSH(constant->int32_data, constant->n_int32_data, -3);
  PUSH(constant->int32_data, constant->n_int32_data, 7);
  run(one_constant(constant, "2"), NULL, 0, shorts, sizeof shorts);
  assert_int_equal(shorts[0], -3);
  assert_int_equal(shorts[1], 7);
  constant = tensor("c", 12, 1, dims);
  PUSH(constant->uint64_data, constant->n_uint64_data, 4000000000u);
  PUSH(constant->uint64_data, constant->n_uint64_data, 1u);
  run(one_constant(constant, "2"), NULL, 0, words, sizeof words);
  assert_true(words[0] == 4000000000u && words[1] == 1);
  PUSH(constant->uint64_data, constant->n_uint64_data, 1u);
  refused(one_constant(constant, "2"), "test.onnx", "another number of elements");
  refused(one_constant(tensor("c", 24, 1, dims), "2"), "test.onnx", "float8e8m0");
  refused(one_constant(tensor("c", 99, 1, dims), "2"), "test.onnx", "99");
  const int64_t huge[3] = {INT32_MAX, INT32_MAX, INT32_MAX}, negative[1] = {-1};
  refused(one_constant(tensor("c", 1, 3, huge), "2"), "test.onnx", "too large");
  refused(one_constant(tensor("c", 1, 1, negative), "2"), "test.onnx", "-1");
}

static Onnx__Model *sparse_model(int64_t at) {
  const int64_t dims[2] = {2, 3}, count[1] = {2}, places[2] = {1, at};
  const float values[2] = {5, 6};
  Onnx__Model *model = model_of(17);
  Onnx__SparseTensor *sparse = new_Onnx__SparseTensor();
  sparse->values = tensor("s", 1, 1, count);
  set_raw(sparse->values, values, sizeof values);
  sparse->indices = tensor("", 7, 1, count);
  set_raw(sparse->indices, places, sizeof places);
  for (int32_t i = 0; i < 2; ++i) PUSH(sparse->dims, sparse->n_dims, dims[i]);
  PUSH(model->graph->sparse_initializer, model->graph->n_sparse_initializer, sparse);
  PUSH(model->graph->output, model->graph->n_output, value("s", 1, "2,3"));
  return model;
}

static void sparse_constants(void **state) {
  const float want[6] = {0, 5, 0, 0, 6, 0};
  float out[6];
  (void)state;
  run(sparse_model(4), NULL, 0, out, sizeof out);
  assert_memory_equal(out, want, sizeof want);
  refused(sparse_model(6), "test.onnx", "outside");
  refused(sparse_model(-1), "test.onnx", "outside");
}

/* ---- external data ---- */

static Onnx__Model *external_model(const char *location, const char *offset, const char *length) {
  const int64_t dims[1] = {2};
  static const char *const keys[] = {"location", "offset", "length"};
  const char *const values[] = {location, offset, length};
  Onnx__Tensor *constant = tensor("w", 1, 1, dims);
  constant->has_data_location = 1;
  constant->data_location = 1;
  for (int32_t i = 0; i < 3; ++i) {
    if (values[i] == NULL) continue;
    Onnx__Entry *entry = new_Onnx__Entry();
    entry->key = text(keys[i]);
    entry->value = text(values[i]);
    PUSH(constant->external_data, constant->n_external_data, entry);
  }
  return one_constant(constant, "2");
}

static void write_floats(const char *path, size_t count) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  for (size_t i = 0; i < count; ++i) {
    const float number = (float)i;
    assert_int_equal(fwrite(&number, sizeof number, 1, file), 1);
  }
  fclose(file);
}

static void external_data(void **state) {
  char folder[] = "/tmp/linnet-onnx-XXXXXX", model[64], inner[64], outer[64], link[64];
  ln_error err;
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(inner, sizeof inner, "%s/in", folder);
  snprintf(model, sizeof model, "%s/in/model.onnx", folder);
  snprintf(outer, sizeof outer, "%s/outer.bin", folder);
  snprintf(link, sizeof link, "%s/in/link.bin", folder);
  assert_int_equal(mkdir(inner, 0700), 0);
  write_floats(outer, 4);
  assert_int_equal(symlink(outer, link), 0);
  snprintf(link, sizeof link, "%s/in/w.bin", folder);
  write_floats(link, 4);
  ln_model *good = read_model(external_model("w.bin", "8", "8"), model, &err);
  if (good == NULL) fail_msg("%s", err.message);
  ln_model_destroy(good);
  good = read_model(external_model("./w.bin", NULL, NULL), model, &err);
  assert_non_null(good);
  ln_model_destroy(good);
  refused(external_model("w.bin", "12", "8"), model, "shorter");
  refused(external_model("w.bin", "18446744073709551615", "8"), model, "shorter");
  refused(external_model("w.bin", "-4", "8"), model, "not described");
  refused(external_model("w.bin", "0", "12"), model, "not described");
  refused(external_model("../outer.bin", "0", "8"), model, "not in the model's folder");
  refused(external_model("x/../../outer.bin", "0", "8"), model, "not in the model's folder");
  refused(external_model("link.bin", "0", "8"), model, "not in the model's folder");
  refused(external_model(outer, "0", "8"), model, "not in the model's folder");
  refused(external_model("none.bin", "0", "8"), model, "not in the model's folder");
  refused(external_model("", "0", "8"), model, "not in the model's folder");
  unlink(link);
  snprintf(link, sizeof link, "%s/in/link.bin", folder);
  unlink(link);
  unlink(outer);
  rmdir(inner);
  rmdir(folder);
}

/* ---- graphs ---- */

static Onnx__Attribute *attribute(Onnx__Node *n, const char *name) {
  Onnx__Attribute *made = new_Onnx__Attribute();
  made->name = text(name);
  PUSH(n->attribute, n->n_attribute, made);
  return made;
}

/* y = f(x), f(x) = LeakyRelu(x) whose alpha is the caller's slope; `again`: f calls itself. */
static Onnx__Model *function_model(bool again) {
  Onnx__Model *model = model_of(17);
  Onnx__Function *function = new_Onnx__Function();
  Onnx__Node *call = node("F", "x", "y"), *inner = node(again ? "F" : "LeakyRelu", "a", "b");
  call->domain = text("own");
  if (again) inner->domain = text("own");
  Onnx__Attribute *slope = attribute(call, "slope");
  slope->has_f = 1;
  slope->f = 0.5f;
  attribute(inner, "alpha")->ref_attr_name = text("slope");
  function->name = text("F");
  function->domain = text("own");
  push_names(&function->input, &function->n_input, "a");
  push_names(&function->output, &function->n_output, "b");
  push_names(&function->attribute, &function->n_attribute, "slope");
  PUSH(function->node, function->n_node, inner);
  PUSH(model->functions, model->n_functions, function);
  PUSH(model->graph->node, model->graph->n_node, call);
  PUSH(model->graph->input, model->graph->n_input, value("x", 1, "3"));
  PUSH(model->graph->output, model->graph->n_output, value("y", 1, "3"));
  return model;
}

static void functions(void **state) {
  const float x[3] = {-2, 0, 4}, want[3] = {-1, 0, 4};
  float out[3];
  (void)state;
  run(function_model(false), x, sizeof x, out, sizeof out);
  assert_memory_equal(out, want, sizeof want);
  refused(function_model(true), "test.onnx", "nest deeper");
}

/* y = x + x2, whose first dimensions have one name; x2's default is a constant. */
static void names_of_dimensions(void **state) {
  ln_error err;
  ln_session *session = NULL;
  (void)state;
  Onnx__Model *source = model_of(17);
  PUSH(source->graph->node, source->graph->n_node, node("Add", "x x2", "y"));
  PUSH(source->graph->input, source->graph->n_input, value("x", 1, "N,2"));
  PUSH(source->graph->input, source->graph->n_input, value("x2", 1, "N,2"));
  PUSH(source->graph->output, source->graph->n_output, value("y", 1, "N,2"));
  ln_model *model = read_model(source, "test.onnx", &err);
  if (model == NULL) fail_msg("%s", err.message);
  assert_int_equal(model->graphs[0].op_count, 1);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void wrong_graphs(void **state) {
  (void)state;
  Onnx__Model *model = model_of(17);
  PUSH(model->graph->input, model->graph->n_input, value("x", 1, "2"));
  PUSH(model->graph->output, model->graph->n_output, value("y", 1, "2"));
  refused(model, "test.onnx", "\"y\" (output): nothing is called y");
  PUSH(model->graph->node, model->graph->n_node, node("Add", "x", "y"));
  refused(model, "test.onnx", "\"y\" (Add): its input 1 is missing");
  model->graph->node[0] = node("Frobnicate", "x", "y");
  refused(model, "test.onnx", "Frobnicate");
  model->graph->node[0] = node("Add", "x y", "y");
  refused(model, "test.onnx", "nothing is called y before");
  model->graph->node[0] = node("BitShift", "x x", "y");
  refused(model, "test.onnx", "(BitShift)");
  model->graph->input[0]->type->tensor_type->shape = NULL;
  refused(model, "test.onnx", "--shape x=");
}

/* ---- damage ---- */

static Onnx__Model *small_net(void) {
  const int64_t dims[4] = {2, 1, 3, 3};
  const float weights[18] = {1, 2, 3};
  Onnx__Model *model = function_model(false);
  Onnx__Tensor *constant = tensor("w", 1, 4, dims);
  set_raw(constant, weights, sizeof weights);
  PUSH(model->graph->initializer, model->graph->n_initializer, constant);
  Onnx__Node *conv = node("Conv", "i w", "c");
  Onnx__Attribute *pads = attribute(conv, "pads");
  for (int32_t i = 0; i < 4; ++i) PUSH(pads->ints, pads->n_ints, 1);
  PUSH(model->graph->node, model->graph->n_node, conv);
  PUSH(model->graph->input, model->graph->n_input, value("i", 1, "N,1,H,8"));
  PUSH(model->graph->output, model->graph->n_output, value("c", 1, "N,2,H,8"));
  return model;
}

static void damaged(void **state) {
  ln_error err;
  size_t size;
  const uint8_t *bytes = pack(small_net(), &size);
  uint8_t *copy = make(size);
  (void)state;
  ln_model *whole = read_bytes("test.onnx", bytes, size, &err);
  if (whole == NULL) fail_msg("%s", err.message);
  ln_model_destroy(whole);
  for (size_t i = 0; i < size; ++i) {
    ln_model *model = read_bytes("test.onnx", bytes, i, &err);
    if (model == NULL) assert_true(err.status != LN_OK && err.message[0] != '\0');
    ln_model_destroy(model);
  }
  for (size_t i = 0; i < size * 8; ++i) {
    memcpy(copy, bytes, size);
    copy[i / 8] ^= (uint8_t)(1u << (i % 8));
    ln_model *model = read_bytes("test.onnx", copy, size, &err);
    if (model == NULL) assert_true(err.status != LN_OK && err.message[0] != '\0');
    ln_model_destroy(model);
  }
}

/* The message becomes a field of one around it. */
static void put_into(ln_bytes *bytes, ln_bytes *spare, uint8_t field) {
  spare->size = 0;
  ln_bytes_byte(spare, (uint8_t)(field << 3 | 2));
  for (size_t left = bytes->size;; left >>= 7) {
    ln_bytes_byte(spare, (uint8_t)(left < 128 ? left : (left & 127) | 128));
    if (left < 128) break;
  }
  if (bytes->size > 0) ln_bytes_add(spare, bytes->data, bytes->size);
  const ln_bytes swap = *bytes;
  *bytes = *spare;
  *spare = swap;
}

/* Sequences of sequences, deeper than a stack holds. */
static void nested(void **state) {
  enum { DEPTH = 3000 };
  ln_error err;
  ln_bytes bytes = {0}, spare = {0};
  (void)state;
  for (int32_t i = 0; i < DEPTH; ++i) {
    put_into(&bytes, &spare, 1); /* a sequence's elements */
    put_into(&bytes, &spare, 4); /* a type that is a sequence */
  }
  put_into(&bytes, &spare, 2);  /* the type of */
  put_into(&bytes, &spare, 11); /* an input of */
  put_into(&bytes, &spare, 7);  /* the graph */
  assert_null(read_bytes("test.onnx", bytes.data, bytes.size, &err));
  assert_int_equal(err.status, LN_ERR_FORMAT);
  ln_bytes_free(&bytes);
  ln_bytes_free(&spare);
}

static int free_all(void **state) {
  (void)state;
  ln_arena_free(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(element_types), cmocka_unit_test(typed_fields), cmocka_unit_test(sparse_constants),
      cmocka_unit_test(external_data), cmocka_unit_test(functions),    cmocka_unit_test(names_of_dimensions),
      cmocka_unit_test(wrong_graphs),  cmocka_unit_test(damaged),      cmocka_unit_test(nested),
  };
  return cmocka_run_group_tests(tests, NULL, free_all);
}

#endif
