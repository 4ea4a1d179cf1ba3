/* Attention made of two products and a softmax: the same values as the operators one by one, and what is left alone. */
#include <math.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

typedef enum mask_form { NO_MASK, MASK_BY_COLUMN, MASK_BY_ROW, MASK_FULL, MASK_ONE } mask_form;

/* q [batches, m, depth], k, v; scores reshaped to [batches / 2, 2, m, n] in between where `reshaped`. */
typedef struct form {
  int32_t batches, m, n, depth, width;
  bool reshaped, k_turned, v_turned, mask_first;
  mask_form mask;
  int32_t scaling; /* 0: none; an operator's code */
  float beta;
  /* What keeps the pass away. */
  bool read_twice, scaled_after, second_mask, activation;
} form;

static int32_t middle(ln_model *model, int32_t rank, const int32_t *dims) {
  const int32_t index = build_output(model, LN_FLOAT32, rank, dims);
  --model->graphs[0].output_count;
  return index;
}

static int32_t reshape(ln_model *model, int32_t from, int32_t rank, const int32_t *dims) {
  const int32_t to = build_constant(model, LN_INT32, 1, &rank, dims, (size_t)rank * sizeof *dims);
  const int32_t out = middle(model, rank, dims), in[] = {from, to};
  build_op(model, ln_op_find(LN_OP_RESHAPE), 2, in, 1, &out);
  return out;
}

static int32_t add_mask(ln_model *model, const form *f, int32_t scores, int32_t rank, const int32_t *dims) {
  const int32_t by_column[] = {1, f->n}, by_row[] = {f->m, 1}, one[] = {1};
  const int32_t *of_mask = f->mask == MASK_FULL ? dims : f->mask == MASK_BY_ROW ? by_row : by_column;
  const int32_t mask = f->mask == MASK_ONE ? build_input(model, LN_FLOAT32, 1, one)
                                           : build_input(model, LN_FLOAT32, f->mask == MASK_FULL ? rank : 2, of_mask);
  const int32_t sum = middle(model, rank, dims);
  const int32_t in[] = {f->mask_first ? mask : scores, f->mask_first ? scores : mask};
  ln_op *op = build_op(model, ln_op_find(LN_OP_ADD), 2, in, 1, &sum);
  if (f->activation) BUILD_OPTIONS(op, add_options)->fused_activation_function = LN_ACT_RELU;
  return sum;
}

static int32_t scale(ln_model *model, int32_t code, int32_t from, int32_t rank, const int32_t *dims) {
  const float factor = code == LN_OP_DIV ? 4.5f : 0.3f;
  const int32_t by = build_constant(model, LN_FLOAT32, 0, NULL, &factor, sizeof factor);
  const int32_t out = middle(model, rank, dims), in[] = {from, by};
  build_op(model, ln_op_find(code), 2, in, 1, &out);
  return out;
}

static ln_model *make(const form *f) {
  ln_model *model = build_model();
  const int32_t q_dims[] = {f->batches, f->m, f->depth}, k_dims[] = {f->batches, f->depth, f->n};
  const int32_t k_turned[] = {f->batches, f->n, f->depth}, v_dims[] = {f->batches, f->n, f->width};
  const int32_t v_turned[] = {f->batches, f->width, f->n}, out_dims[] = {f->batches, f->m, f->width};
  const int32_t flat[] = {f->batches, f->m, f->n}, split[] = {f->batches / 2, 2, f->m, f->n};
  const int32_t rank = f->reshaped ? 4 : 3, *dims = f->reshaped ? split : flat;
  const int32_t operands[] = {build_input(model, LN_FLOAT32, 3, q_dims),
                              build_input(model, LN_FLOAT32, 3, f->k_turned ? k_turned : k_dims)};
  const int32_t v = build_input(model, LN_FLOAT32, 3, f->v_turned ? v_turned : v_dims);
  int32_t at = middle(model, 3, flat);
  ln_op *first = build_op(model, ln_op_find(LN_OP_BATCH_MATMUL), 2, operands, 1, &at);
  BUILD_OPTIONS(first, batch_mat_mul_options)->adj_y = f->k_turned;
  if (f->scaling != 0) at = scale(model, f->scaling, at, 3, flat);
  if (f->reshaped) at = reshape(model, at, 4, split);
  if (f->mask != NO_MASK) at = add_mask(model, f, at, rank, dims);
  if (f->second_mask) at = add_mask(model, f, at, rank, dims);
  if (f->scaled_after) at = scale(model, LN_OP_MUL, at, rank, dims);
  int32_t shares = middle(model, rank, dims);
  ln_op *softmax = build_op(model, ln_op_find(LN_OP_SOFTMAX), 1, &at, 1, &shares);
  BUILD_OPTIONS(softmax, softmax_options)->beta = f->beta;
  if (f->read_twice) model->graphs[0].outputs[model->graphs[0].output_count++] = shares;
  if (f->reshaped) shares = reshape(model, shares, 3, flat);
  const int32_t out = build_output(model, LN_FLOAT32, 3, out_dims), last[] = {shares, v};
  ln_op *second = build_op(model, ln_op_find(LN_OP_BATCH_MATMUL), 2, last, 1, &out);
  BUILD_OPTIONS(second, batch_mat_mul_options)->adj_y = f->v_turned;
  return model;
}

static ln_session *run(ln_model *model, bool plain, int32_t threads) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = plain;
  options.threads = threads;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    ln_tensor *in = ln_session_input(session, i);
    float *values = in->data;
    uint32_t state = (uint32_t)i + 1;
    for (size_t j = 0; j < in->bytes / sizeof *values; ++j) {
      state = state * 1664525u + 1013904223u;
      values[j] = (float)(state >> 8) / (float)(1 << 23) - 1.0f;
    }
  }
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  return session;
}

static int32_t steps_of(const ln_session *session) {
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  return stats.operators;
}

static void check(const form *f, bool fuses) {
  ln_model *model = make(f);
  ln_session *plain = run(model, true, 1), *fused = run(model, false, 1), *threads = run(model, false, 2);
  if (fuses) assert_int_equal(steps_of(fused), 1);
  else assert_true(steps_of(fused) > 1);
  const ln_tensor *want = ln_session_output(plain, ln_session_output_count(plain) - 1);
  const ln_tensor *got = ln_session_output(fused, ln_session_output_count(fused) - 1);
  const ln_tensor *other = ln_session_output(threads, ln_session_output_count(threads) - 1);
  assert_true(ln_shape_equal(&want->shape, &got->shape));
  for (size_t i = 0; i < want->bytes / sizeof(float); ++i) {
    const float a = ((const float *)want->data)[i], b = ((const float *)got->data)[i];
    if (!(fabsf(a - b) <= 2e-6f)) {
      fail_msg("m=%d n=%d depth=%d width=%d mask=%d: %g for %g at %zu", f->m, f->n, f->depth, f->width, f->mask,
               (double)b, (double)a, i);
    }
  }
  assert_memory_equal(got->data, other->data, got->bytes);
  ln_session_destroy(plain);
  ln_session_destroy(fused);
  ln_session_destroy(threads);
  ln_model_destroy(model);
}

static void fuses_every_form(void **state) {
  static const int32_t sizes[][4] = {{1, 1, 1, 1}, {5, 3, 8, 2}, {17, 67, 20, 20}, {33, 130, 64, 40}, {300, 70, 5, 9}};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(sizes); ++i) {
    for (int32_t variant = 0; variant < 30; ++variant) {
      const form f = {.batches = variant % 2 == 0 ? 2 : 4,
                      .m = sizes[i][0],
                      .n = sizes[i][1],
                      .depth = sizes[i][2],
                      .width = sizes[i][3],
                      .reshaped = variant % 3 == 0,
                      .k_turned = variant % 4 == 1,
                      .v_turned = variant % 5 == 2,
                      .mask_first = variant % 7 == 3,
                      .mask = (mask_form)(variant % 5),
                      .scaling = variant % 3 == 1   ? LN_OP_MUL
                                 : variant % 3 == 2 ? LN_OP_DIV
                                                    : 0,
                      .beta = variant % 2 == 0 ? 1.0f : 0.7f};
      check(&f, true);
    }
  }
}

static void works_in_every_tier(void **state) {
  (void)state;
  for (ln_isa isa = LN_ISA_GENERIC; isa < ln_cpu_isa(); ++isa) {
    if (!ln_isa_includes(ln_cpu_isa(), isa)) continue;
    const ln_kernels table = ln_kernels_for(isa);
    ln_kernels_use(&table);
    fuses_every_form(NULL);
    ln_kernels_use(NULL);
  }
}

static void leaves_other_forms(void **state) {
  (void)state;
  const form good = {.batches = 2, .m = 5, .n = 6, .depth = 7, .width = 8, .mask = MASK_FULL, .beta = 1.0f};
  form f = good;
  f.read_twice = true;
  check(&f, false);
  f = good;
  f.scaled_after = true;
  check(&f, false);
  f = good;
  f.second_mask = true;
  check(&f, false);
  f = good;
  f.activation = true;
  check(&f, false);
}

/* Without reshapes, inputs may be resized as before. */
static void follows_other_shapes(void **state) {
  (void)state;
  const form f = {.batches = 2, .m = 5, .n = 6, .depth = 7, .width = 8, .mask = NO_MASK, .beta = 1.0f};
  ln_model *model = make(&f);
  ln_session *session = run(model, false, 1);
  ln_error err = {0};
  const int32_t q[] = {2, 9, 7}, v[] = {2, 4, 8};
  assert_int_equal(ln_session_resize_input(session, 0, q, 3, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_OK);
  assert_int_equal(ln_tensor_dim(ln_session_output(session, 0), 1), 9);
  assert_int_equal(ln_session_resize_input(session, 2, v, 3, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_ERR_SHAPE);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fuses_every_form),
      cmocka_unit_test(works_in_every_tier),
      cmocka_unit_test(leaves_other_forms),
      cmocka_unit_test(follows_other_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
