/* Which products run without their zeros: the cases that are large enough do, as the file stores them or not. */
#include <stdio.h>

#include "kernels/kernels.h"
#include "linnet/linnet.h"
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(takes_mostly_zeros_only)};
  return cmocka_run_group_tests_name("ops.sparse_plan", tests, NULL, NULL);
}
