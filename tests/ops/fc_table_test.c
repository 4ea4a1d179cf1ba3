/* Large fully-connected layers whose weights stay by table: the bits of those with plain weights, on any thread count.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/codebook.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { UNITS = 1601, DEPTH = 1003, MOST_ROWS = 5 };

static const int8_t values[13] = {-128, -77, -50, -31, -9, -1, 0, 2, 11, 30, 64, 99, 127};

/* Numbers of the weights, a byte each. */
static uint8_t *numbers(void) {
  uint8_t *out = malloc((size_t)UNITS * DEPTH);
  uint32_t state = 7;
  for (int32_t i = 0; i < UNITS * DEPTH; ++i) {
    state = state * 1664525u + 1013904223u;
    out[i] = (uint8_t)((state >> 16) % LN_COUNT(values));
  }
  return out;
}

static ln_model *make(const uint8_t *number, int32_t rows, bool by_table) {
  static int32_t bias[UNITS];
  const int32_t in_dims[2] = {rows, DEPTH}, dims[2] = {UNITS, DEPTH}, out_dims[2] = {rows, UNITS}, units = UNITS;
  const size_t count = (size_t)UNITS * DEPTH, bytes = by_table ? (count + 1) / 2 : count;
  uint8_t *data = calloc(bytes, 1);
  for (size_t i = 0; i < count; ++i) {
    if (by_table) ln_k_codebook_write(data, i, 4, number[i]);
    else data[i] = (uint8_t)values[number[i]];
  }
  for (int32_t i = 0; i < UNITS; ++i) bias[i] = i * 37 - 20000;
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_INT8, 2, in_dims);
  const int32_t w = build_constant(model, LN_INT8, 2, dims, data, bytes);
  const int32_t b = build_constant(model, LN_INT32, 1, &units, bias, sizeof bias);
  const int32_t out = build_output(model, LN_INT8, 2, out_dims);
  free(data);
  build_quantize(model, in, 0.5f, -11);
  build_quantize(model, w, 0.02f, 0);
  build_quantize(model, out, 30.0f, 5);
  static const ln_codebook book = {values, sizeof values, 0, 4, LN_COUNT(values), 1, 1};
  if (by_table) build_tensor_at(model, w)->codebook = &book;
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){in, w, b}, 1, &out);
  return model;
}

static void run(const uint8_t *number, int32_t rows, bool by_table, int32_t threads, int8_t *out, size_t *packed) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  ln_session *session = NULL;
  ln_error err;
  ln_model *model = make(number, rows, by_table);
  options.threads = threads;
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  int8_t *in = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < rows * DEPTH; ++i) in[i] = (int8_t)(i * 89 % 256 - 128);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  memcpy(out, ln_tensor_data(ln_session_output(session, 0)), (size_t)(rows * UNITS));
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  *packed = stats.weight_bytes;
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void gives_the_bits_of_plain_weights(void **state) {
  (void)state;
  static int8_t want[MOST_ROWS * UNITS], got[MOST_ROWS * UNITS];
  uint8_t *number = numbers();
  for (int32_t rows = 1; rows <= MOST_ROWS; rows += 2) {
    size_t plain, stored;
    run(number, rows, false, 1, want, &plain);
    for (int32_t threads = 1; threads <= 2; ++threads) {
      run(number, rows, true, threads, got, &stored);
      assert_memory_equal(want, got, (size_t)(rows * UNITS));
      if (rows < MOST_ROWS) assert_true(stored < (size_t)UNITS * DEPTH * 11 / 10); /* the file's and the packed ones */
    }
  }
  free(number);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gives_the_bits_of_plain_weights)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
