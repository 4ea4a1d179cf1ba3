/* The verifier on constants whose bytes have a structure: sparse encodings, strings, packed elements. */
#include "ir/ir.h"
#include "support/unit.h"

/* A graph of one constant, which is also its output. */
static ln_status verify(ln_tensor *tensor, ln_error *err) {
  int32_t output = 0;
  ln_graph graph = {.name = "", .tensors = tensor, .tensor_count = 1, .outputs = &output, .output_count = 1};
  ln_model model = {.graphs = &graph, .graph_count = 1};
  tensor->name = "constant";
  tensor->storage = LN_STORAGE_CONST;
  tensor->signature = tensor->shape;
  if (tensor->quant == NULL) tensor->quant = &ln_quant_none;
  return ln_model_verify(&model, err);
}

static ln_tensor constant(ln_type type, int32_t rows, int32_t columns, const void *data, size_t bytes) {
  ln_tensor tensor = {.type = type, .data = (void *)(uintptr_t)data, .bytes = bytes};
  const int32_t dims[] = {rows, columns};
  tensor.shape = ln_shape_make(2, dims);
  return tensor;
}

static void refused(ln_tensor tensor, const char *text) {
  ln_error err = {LN_OK, ""};
  assert_int_equal(verify(&tensor, &err), LN_ERR_MODEL);
  if (strstr(err.message, text) == NULL) fail_msg("\"%s\" does not hold \"%s\"", err.message, text);
}

static void accepted(ln_tensor tensor) {
  ln_error err = {LN_OK, ""};
  if (verify(&tensor, &err) != LN_OK) fail_msg("%s", err.message);
}

/* [2, 4] floats, the second level compressed: row 0 holds columns 1 and 3, row 1 column 0. */
typedef struct sparse_case {
  int32_t segments[3];
  uint8_t indices[3];
  int32_t order[3], map[1];
  ln_int32_vector segment_vector;
  ln_uint8_vector index_vector;
  ln_dimension_metadata levels[3];
  const void *level_pointers[3];
  ln_sparsity_parameters sparsity;
  float values[3];
} sparse_case;

static ln_tensor make_sparse(sparse_case *c) {
  *c = (sparse_case){.segments = {0, 2, 3}, .indices = {1, 3, 0}, .order = {0, 1, 2}, .values = {1, 2, 3}};
  c->segment_vector.values = (ln_vec_i32){c->segments, 3};
  c->index_vector.values = (ln_vec_u8){c->indices, 3};
  c->levels[0].dense_size = 2;
  c->levels[1] = (ln_dimension_metadata){.format = 1,
                                         .array_segments_type = 1,
                                         .array_segments = &c->segment_vector,
                                         .array_indices_type = 3,
                                         .array_indices = &c->index_vector};
  for (int i = 0; i < 3; ++i) c->level_pointers[i] = &c->levels[i];
  c->sparsity.traversal_order = (ln_vec_i32){c->order, 2};
  c->sparsity.dim_metadata = (ln_vec_ptr){c->level_pointers, 2};
  ln_tensor tensor = constant(LN_FLOAT32, 2, 4, c->values, sizeof c->values);
  tensor.sparsity = &c->sparsity;
  return tensor;
}

static void sparse_encodings_are_walked(void **state) {
  (void)state;
  sparse_case c;
  accepted(make_sparse(&c));
  ln_tensor tensor = make_sparse(&c);
  c.indices[1] = 4;
  refused(tensor, "sparse index 1 is out of range");
  tensor = make_sparse(&c);
  c.segments[1] = 4;
  refused(tensor, "sparse segment 1");
  tensor = make_sparse(&c);
  c.segments[0] = 1;
  refused(tensor, "sparse segment 0");
  tensor = make_sparse(&c);
  c.segments[2] = 2;
  refused(tensor, "leave indices out");
  tensor = make_sparse(&c);
  c.segment_vector.values.count = 2;
  refused(tensor, "lacks segments");
  tensor = make_sparse(&c);
  c.levels[1].array_indices = NULL;
  refused(tensor, "lacks segments or indices");
  tensor = make_sparse(&c);
  c.levels[0].dense_size = 3;
  refused(tensor, "dense level 0");
  tensor = make_sparse(&c);
  c.order[1] = 0;
  refused(tensor, "not an order");
  tensor = make_sparse(&c);
  tensor.bytes = 8;
  refused(tensor, "stand for 3 values");
  tensor = make_sparse(&c);
  c.sparsity.dim_metadata.count = 1;
  refused(tensor, "does not fit its rank");
}

/* Columns in blocks of two: the compressed level counts blocks, a third level walks their insides. */
static void sparse_blocks_are_walked(void **state) {
  (void)state;
  sparse_case c;
  float values[6] = {0};
  ln_tensor tensor = make_sparse(&c);
  c.indices[0] = 0, c.indices[1] = 1;
  c.map[0] = 1;
  c.levels[2].dense_size = 2;
  c.sparsity.traversal_order.count = 3;
  c.sparsity.dim_metadata.count = 3;
  c.sparsity.block_map = (ln_vec_i32){c.map, 1};
  tensor.data = values;
  tensor.bytes = sizeof values;
  accepted(tensor);
  c.indices[1] = 2;
  refused(tensor, "sparse index 1");
  c.indices[1] = 1;
  c.levels[2].dense_size = 3;
  refused(tensor, "blocks do not fit");
  c.levels[2].dense_size = 2;
  c.map[0] = 2;
  refused(tensor, "blocks do not fit");
}

static void string_offsets_are_checked(void **state) {
  (void)state;
  int32_t words[] = {2, 16, 17, 19, 0x64636261};
  accepted(constant(LN_STRING, 1, 2, words, sizeof words));
  refused(constant(LN_STRING, 1, 3, words, sizeof words), "3 strings");
  refused(constant(LN_STRING, 1, 2, words, 12), "reach past its data");
  words[3] = 21;
  refused(constant(LN_STRING, 1, 2, words, sizeof words), "string 2");
  words[3] = 16;
  refused(constant(LN_STRING, 1, 2, words, sizeof words), "string 2");
  words[3] = 19;
  words[1] = -4;
  refused(constant(LN_STRING, 1, 2, words, sizeof words), "string 0");
  words[0] = INT32_MAX;
  refused(constant(LN_STRING, 1, INT32_MAX, words, sizeof words), "reach past its data");
}

static void packed_elements_are_counted(void **state) {
  (void)state;
  const uint8_t bytes[8] = {0};
  accepted(constant(LN_INT4, 3, 5, bytes, 8));
  accepted(constant(LN_INT2, 3, 5, bytes, 4));
  refused(constant(LN_INT4, 3, 5, bytes, 7), "holds 7 bytes, which is not what int4 [3, 5] takes");
  refused(constant(LN_RESOURCE, 1, 1, bytes, 4), "cannot be a constant");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sparse_encodings_are_walked),
      cmocka_unit_test(sparse_blocks_are_walked),
      cmocka_unit_test(string_offsets_are_checked),
      cmocka_unit_test(packed_elements_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
