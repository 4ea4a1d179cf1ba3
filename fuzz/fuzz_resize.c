/*
 * Sequences of resize, prepare, fill, run and reset on a session of a small model. The first byte picks the model among
 * the operators' cases.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "fuzz.h"

enum { LONGEST = 24, LARGEST_DIM = 12 };

static const char *const cases[] = {
    "binary/add_crossed_f32",
    "binary/mul_rank6_f32",
    "binary/add_crossed_i8",
    "batch_matmul/f32_adj_both",
    "batch_matmul/i8_batch",
    "conv2d/f32_column",
    "conv2d/i8_plain",
    "conv2d/i16_groups",
    "depthwise_conv2d/multiplier_f32",
    "depthwise_conv2d/5x5_valid_i8",
    "fully_connected/f32_fed",
    "fully_connected/i8_rank_4",
    "fully_connected/i8_int4",
    "reduce/reduce_prod_last",
    "reduce/mean_i8_2_hw_kept",
    "reduce/mean_repeated",
    "concat/many",
    "concat/rescaled_u8_1",
    "pool2d/average_sparse_f32",
    "pool2d/average_global_i8",
    "resize/bilinear_twice_centers_f32",
    "resize/nearest_up_i8",
    "lstm/f32_batches",
    "lstm/i8_projection",
    "gather/gather_batch_axis",
    "gather/gather_nd_rows",
    "softmax/softmax_two0_i8_i8",
    "softmax/softmax_long2_i8_i8",
    "transpose/tile_late",
    "transpose/transpose_2301",
    "split/split_v_open",
    "split/split_outer",
    "transpose_conv/bias_valid_3x3",
    "transpose_conv/i8_valid_3x3_s2",
    "slice/strided_new_axis_ellipsis",
    "slice/strided_negative",
    "svdf/f32_batches",
    "svdf/i8_state",
    "where/f32",
    "topk/f32_3",
    "space_depth/batch_to_space_deep_crop",
    "space_depth/space_to_batch_i8",
    "pad/pad_i64_paddings",
    "pad/mirror_reflect_f32",
    "cumsum/i32_10",
    "embedding/i8_rows_to_f32",
    "stack/pack_u8",
    "fft/plane_32x8",
    "select/select_scalar_f32",
    "l2_normalization/i8_2_0",
    "unary/logistic_3_i16",
    "detection/fast_u8",
    "audio_signal/rfft_i16_16",
};

static ln_model *models[LN_COUNT(cases)];

static ln_model *pick(fuzz_bytes *bytes) {
  const uint32_t index = fuzz_below(bytes, LN_COUNT(cases));
  char path[1024];
  ln_error err = {LN_OK, ""};
  if (models[index] != NULL) return models[index];
  snprintf(path, sizeof path, "%s/ops/cases/%s.tflite", LN_TESTS_DIR, cases[index]);
  if (ln_model_open(path, &err, &models[index]) == LN_OK) return models[index];
  fprintf(stderr, "%s: %s\n", path, err.message);
  abort();
}

static void resize(ln_session *session, fuzz_bytes *bytes) {
  ln_error err = {LN_OK, ""};
  int32_t dims[LN_MAX_RANK + 1];
  const int32_t index = (int32_t)fuzz_below(bytes, (uint32_t)ln_session_input_count(session) + 1);
  const ln_tensor *input = ln_session_input(session, index);
  const uint8_t form = fuzz_byte(bytes);
  const int32_t present = input == NULL ? 0 : ln_tensor_rank(input);
  const int32_t rank = form < 200 ? present : form % (LN_MAX_RANK + 2);
  for (int32_t i = 0; i < rank && i <= LN_MAX_RANK; ++i) {
    const uint8_t choice = fuzz_byte(bytes);
    if (choice < 128 && i < present) dims[i] = ln_tensor_dim(input, i);
    else if (choice < 250) dims[i] = choice % (LARGEST_DIM + 1);
    else dims[i] = choice == 250 ? INT32_MAX : choice == 251 ? -1 : choice == 252 ? 65536 : 1 << (choice % 8 * 2);
  }
  fuzz_check(ln_session_resize_input(session, index, dims, rank, &err), &err);
}

static void run(ln_session *session, fuzz_bytes *bytes) {
  ln_error err = {LN_OK, ""};
  const ln_status status = ln_session_prepare(session, &err);
  fuzz_check(status, &err);
  if (status != LN_OK || !fuzz_is_short(session)) return;
  fuzz_fill(session, fuzz_byte(bytes));
  fuzz_check(ln_session_run(session, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_bytes bytes = {data, size};
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  if (fuzz_session(pick(&bytes), &err, &session) != LN_OK) return 0;
  for (int i = 0; i < LONGEST && bytes.size > 0; ++i) {
    switch (fuzz_byte(&bytes) % 8) {
      case 0:
      case 1:
      case 2:
      case 3: resize(session, &bytes); break;
      case 4:
      case 5: run(session, &bytes); break;
      case 6: fuzz_check(ln_session_prepare(session, &err), &err); break;
      default: ln_session_reset(session); break;
    }
  }
  ln_session_destroy(session);
  return 0;
}
