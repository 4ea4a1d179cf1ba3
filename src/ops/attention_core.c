/* Attention of one head over two matrix products and the kernels of softmax. */
#include "ops/attention_core.h"

#include <math.h>

enum {
  BLOCK_BYTES = 48 << 10, /* of scores */
  PADDED = 64             /* columns from which rows of scores begin at whole cache lines */
};

bool ln_attention_plan_finish(ln_attention_plan *plan, size_t *thread_bytes) {
  if (plan->n > INT32_MAX / 8 || !ln_gemm_plan_f32(&plan->scores, 1, plan->n, 1, plan->depth, -INFINITY, INFINITY) ||
      !ln_gemm_plan_f32(&plan->mix, 1, plan->width, 1, plan->n, -INFINITY, INFINITY)) {
    return false;
  }
  plan->stride = plan->n > PADDED ? (plan->n + 15) / 16 * 16 : plan->n;
  const int32_t mr = plan->scores.mr;
  int32_t rows = BLOCK_BYTES / (int32_t)sizeof(float) / plan->stride / mr * mr;
  if (rows < mr) rows = mr;
  plan->block = rows < plan->m ? rows : plan->m;
  size_t bytes, values;
  if (!ln_gemm_pack_bytes(&plan->scores, &bytes) || !ln_size_align(bytes, LN_ALIGNMENT, &plan->mix_at)) return false;
  if (!ln_gemm_pack_bytes(&plan->mix, &values) || !ln_size_add(plan->mix_at, values, &bytes)) return false;
  if (!ln_size_align(bytes, LN_ALIGNMENT, &plan->scores_at)) return false;
  if (!ln_size_mul((size_t)plan->block * sizeof(float), (size_t)plan->stride, &bytes)) return false;
  return ln_size_add(plan->scores_at, bytes, thread_bytes);
}

void ln_attention_pack(const ln_attention_plan *plan, const ln_tensor *keys, size_t keys_at, const ln_tensor *values,
                       size_t values_at, void *scratch, ln_attention_head *head) {
  const ln_weights k = {.tensor = keys, .data = keys->data, .plain = LN_FLOAT32};
  const ln_weights v = {.tensor = values, .data = values->data, .plain = LN_FLOAT32};
  const ln_gemm_source from_k = {.weights = &k, .first = keys_at, .k_stride = plan->k_column, .n_stride = plan->k_row};
  const ln_gemm_source from_v = {
      .weights = &v, .first = values_at, .k_stride = plan->v_row, .n_stride = plan->v_column};
  ln_gemm_pack(&plan->scores, &from_k, NULL, scratch, &head->keys);
  ln_gemm_pack(&plan->mix, &from_v, NULL, (char *)scratch + plan->mix_at, &head->values);
  head->scores = (float *)(void *)((char *)scratch + plan->scores_at);
}

/* Scores of one row into weights that add up to one. */
static void weigh(const ln_attention_plan *plan, float *row, const float *mask) {
  const ln_binary_params any = {.low_f = -INFINITY, .high_f = INFINITY};
  const size_t n = (size_t)plan->n;
  float beta = plan->beta;
  if (mask == NULL) {
    beta *= plan->scale;
  } else {
    const ln_block spread = {1, n, {n, 0, 0}, {1, 0, 0}}, add = {1, n, {n, 0, 0}, {1, plan->mask_column, 0}};
    if (plan->scale != 1.0f) LN_KERNEL_OF(binary, mul_f32)(row, &plan->scale, row, &spread, &any);
    LN_KERNEL_OF(binary, add_f32)(row, mask, row, &add, &any);
  }
  LN_KERNEL_OF(softmax, softmax_f32)(row, row, 1, n, beta);
}

void ln_attention_rows(const ln_attention_plan *plan, const ln_attention_head *head, int32_t from, int32_t to,
                       const float *q, const float *mask, float *out) {
  for (int32_t i = from; i < to; i += plan->block) {
    const int32_t m = to - i < plan->block ? to - i : plan->block;
    const void *rows = q + i * plan->q_row;
    const ln_gemm_a queries = {&rows, 1, plan->depth, plan->q_row * (ptrdiff_t)sizeof(float)};
    ln_gemm_rows(&plan->scores, &head->keys, 0, 0, plan->scores.panels, m, &queries, NULL, head->scores, plan->stride);
    for (int32_t r = 0; r < m; ++r) {
      weigh(plan, head->scores + (ptrdiff_t)r * plan->stride,
            mask == NULL ? NULL : mask + (size_t)(i + r) * plan->mask_row);
    }
    const void *weights = head->scores;
    const ln_gemm_a shares = {&weights, 1, plan->n, plan->stride * (ptrdiff_t)sizeof(float)};
    ln_gemm_rows(&plan->mix, &head->values, 0, 0, plan->mix.panels, m, &shares, NULL, out + i * plan->out_row,
                 plan->out_row);
  }
}
