/* Which products run without their zeros: the cases that are large enough do, as the file stores them or not. */
#include <stdio.h>

#include "kernels/kernels.h"
#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/cases.h"
#include "support/unit.h"

static int calls;
static ln_kernels own; /* this CPU's table, whose sparse kernels are called through these */

static void count_f32(int32_t m, const ln_sparse_b *b, const float *a, ptrdiff_t a_stride, const float *bias, float *c,
                      ptrdiff_t c_stride, float low, float high, void *scratch) {
  ++calls;
  own.sparse.f32(m, b, a, a_stride, bias, c, c_stride, low, high, scratch);
}

static void count_q8(int32_t m, const ln_sparse_b *b, const int8_t *a, ptrdiff_t a_stride,
                     const ln_gemm_q8_params *params, int8_t *c, ptrdiff_t c_stride, void *scratch) {
  ++calls;
  own.sparse.q8->run(m, b, a, a_stride, params, c, c_stride, scratch);
}

static int calls_of(const char *name) {
  char path[1024];
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = 1;
  assert_int_equal(ln_model_open(ln_test_case_path(path, sizeof path, name), NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  calls = 0;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return calls;
}

static void takes_mostly_zeros_only(void **state) {
  (void)state;
  static const char *const types[] = {"f32_f32", "f32_f16", "i8_i8"};
  static const char *const forms[] = {"csr", "1x4", "1x16", "4x4", "stored"}, *const layers[] = {"pointwise", "wide"};
  own = ln_kernels_for(ln_cpu_isa());
  ln_kernels counting = own;
  ln_sparse_q8_kernel q8 = *own.sparse.q8;
  q8.run = count_q8;
  counting.sparse.f32 = count_f32;
  counting.sparse.q8 = &q8;
  ln_kernels_use(&counting);
  for (size_t t = 0; own.isa >= LN_ISA_AVX2 && t < LN_COUNT(types); ++t) {
    for (size_t i = 0; i < 2 * LN_COUNT(forms) - 1; ++i) {
      char stem[64], name[128];
      snprintf(stem, sizeof stem, "%s_%s_%s", layers[i % 2], types[t], forms[i / 2]);
      snprintf(name, sizeof name, "weights/sparse_%s.tflite", stem);
      if (calls_of(name) == 0) fail_msg("%s runs dense", name);
    }
  }
  assert_int_equal(calls_of("weights/sparse_dense_f32_f32_csr.tflite"), 0); /* too few rows */
  assert_int_equal(calls_of("weights/conv_plain_f32_f16.tflite"), 0);
  ln_kernels_use(NULL);
}

enum { PIXELS = 256, UNITS = 64, DEPTH = 64, BLOCK = 4 };

/* One stored value in each row, each level of the encoding as it has to be. */
typedef struct encoding {
  int32_t order[2], segments[UNITS + 1];
  uint8_t indices[UNITS];
  ln_int32_vector segment_vector;
  ln_uint8_vector index_vector;
  ln_dimension_metadata levels[2];
  const void *level_pointers[2];
  ln_sparsity_parameters sparsity;
} encoding;

static const ln_sparsity_parameters *encode(encoding *e) {
  *e = (encoding){.order = {0, 1}};
  for (int32_t i = 0; i <= UNITS; ++i) e->segments[i] = i;
  e->segment_vector.values = (ln_vec_i32){e->segments, UNITS + 1};
  e->index_vector.values = (ln_vec_u8){e->indices, UNITS};
  e->levels[0].dense_size = UNITS;
  e->levels[1] = (ln_dimension_metadata){.format = 1,
                                         .array_segments_type = 1,
                                         .array_segments = &e->segment_vector,
                                         .array_indices_type = 3,
                                         .array_indices = &e->index_vector};
  for (int i = 0; i < 2; ++i) e->level_pointers[i] = &e->levels[i];
  e->sparsity.traversal_order = (ln_vec_i32){e->order, 2};
  e->sparsity.dim_metadata = (ln_vec_ptr){e->level_pointers, 2};
  return &e->sparsity;
}

/* Weights in blocks, sparse: what is not stored is `zero` less than nothing. */
static ln_model *sparse_blocks(encoding *e, ln_quant *quant, float *scales, size_t scale_bytes, bool sparse_scales) {
  static int8_t values[UNITS], zeros[UNITS * DEPTH / BLOCK];
  const int32_t blocks[] = {UNITS, DEPTH / BLOCK};
  memset(values, 3, sizeof values);
  memset(zeros, 1, sizeof zeros);
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_FLOAT32, 2, (const int32_t[]){PIXELS, DEPTH});
  const int32_t weights = build_constant(model, LN_INT8, 2, (const int32_t[]){UNITS, DEPTH}, values, sizeof values);
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_BLOCKWISE;
  quant->block_size = BLOCK;
  quant->scales_tensor = build_constant(model, LN_FLOAT32, 2, blocks, scales, scale_bytes);
  quant->zero_points_tensor = build_constant(model, LN_INT8, 2, blocks, zeros, sizeof zeros);
  build_tensor_at(model, weights)->quant = quant;
  build_tensor_at(model, weights)->sparsity = encode(e);
  if (sparse_scales) build_tensor_at(model, quant->scales_tensor)->sparsity = &e->sparsity;
  const int32_t out = build_output(model, LN_FLOAT32, 2, (const int32_t[]){PIXELS, UNITS});
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){in, weights, -1}, 1, &out);
  return model;
}

static void zero_points_leave_no_zeros(void **state) {
  (void)state;
  encoding e;
  ln_quant quant;
  float scales[UNITS * DEPTH / BLOCK];
  for (size_t i = 0; i < LN_COUNT(scales); ++i) scales[i] = 0.5f;
  ln_model *model = sparse_blocks(&e, &quant, scales, sizeof scales, false);
  ln_session *session = NULL;
  assert_int_equal(ln_session_create(model, NULL, NULL, &session), LN_OK);
  float *in = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < PIXELS * DEPTH; ++i) in[i] = 1;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  const float *out = ln_tensor_data(ln_session_output(session, 0));
  for (int32_t i = 0; i < PIXELS * UNITS; ++i) assert_true(out[i] == 1.0f - 0.5f * (DEPTH - 1));
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* A list of scales that is encoded itself holds fewer than its shape says. */
static void scales_are_stored_whole(void **state) {
  (void)state;
  encoding e;
  ln_quant quant;
  float scales[UNITS] = {0};
  ln_model *model = sparse_blocks(&e, &quant, scales, sizeof scales, true);
  ln_session *session = NULL;
  ln_error err;
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_ERR_MODEL);
  assert_non_null(strstr(err.message, "must be 1024 constants"));
  ln_model_destroy(model);
}

static void count_few(int32_t m, const ln_sparse_few_b *b, int32_t from, int32_t to, const float *a, const float *bias,
                      float *c, float low, float high) {
  ++calls;
  own.sparse.few->run(m, b, from, to, a, bias, c, low, high);
}

enum { FEW_UNITS = 101, FEW_DEPTH = 397, FEW_MOST = 5 };

/* `rows` rows against weights of which one in `every` is no zero, in integers that floats add exactly. */
static int calls_of_few(int32_t rows, int32_t every) {
  static float values[FEW_UNITS * FEW_DEPTH];
  for (int32_t i = 0; i < FEW_UNITS * FEW_DEPTH; ++i)
    values[i] = (uint32_t)i * 2654435761u / 65536 % (uint32_t)every == 0 ? (float)(i % 15 - 7) : 0.0f;
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_FLOAT32, 2, (const int32_t[]){rows, FEW_DEPTH});
  const int32_t weights =
      build_constant(model, LN_FLOAT32, 2, (const int32_t[]){FEW_UNITS, FEW_DEPTH}, values, sizeof values);
  const int32_t out = build_output(model, LN_FLOAT32, 2, (const int32_t[]){rows, FEW_UNITS});
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){in, weights, -1}, 1, &out);
  ln_session *session = NULL;
  assert_int_equal(ln_session_create(model, NULL, NULL, &session), LN_OK);
  float *a = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < rows * FEW_DEPTH; ++i) a[i] = (float)(i % 31 - 15);
  calls = 0;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  const float *c = ln_tensor_data(ln_session_output(session, 0));
  for (int32_t i = 0; i < rows * FEW_UNITS; ++i) {
    float sum = 0.0f;
    for (int32_t p = 0; p < FEW_DEPTH; ++p)
      sum += a[i / FEW_UNITS * FEW_DEPTH + p] * values[i % FEW_UNITS * FEW_DEPTH + p];
    assert_true(c[i] == sum);
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
  return calls;
}

static void takes_few_rows(void **state) {
  (void)state;
  own = ln_kernels_for(ln_cpu_isa());
  ln_kernels counting = own;
  ln_sparse_few_kernel few = *own.sparse.few;
  few.run = count_few;
  counting.sparse.few = &few;
  ln_kernels_use(&counting);
  const int with_30 = calls_of_few(1, 30), with_1000 = calls_of_few(1, 1000);
  if (few.is_fast) assert_true(with_30 > 0 && with_1000 > 0);
  assert_int_equal(calls_of_few(1, 2), 0);
  for (int32_t rows = 2; rows <= FEW_MOST; ++rows) calls_of_few(rows, 60);
  few.is_fast = false;
  assert_int_equal(calls_of_few(1, 30), 0);
  ln_kernels_use(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(takes_few_rows), cmocka_unit_test(takes_mostly_zeros_only),
                                     cmocka_unit_test(zero_points_leave_no_zeros),
                                     cmocka_unit_test(scales_are_stored_whole)};
  return cmocka_run_group_tests_name("ops.sparse_plan", tests, NULL, NULL);
}
