/* Fully-connected layers whose weights stay in blocks of 4 bits. */
#include "ops/fc_blocks.h"

#include <math.h>

#include "kernels/convert.h"
#include "kernels/kernels.h"
#include "ops/elementwise.h"

enum { TASK_MACS = 1 << 19 };

bool ln_fc_blocks_apply(const ln_weights *weights) {
  const ln_tensor *tensor = weights->tensor;
  const int32_t block = tensor->quant->block_size;
  /* A scale a row is what a DEQUANTIZE left: its product is one of floats. */
  if (tensor->shape.dims[tensor->shape.rank - 1] <= block) return false;
  return tensor->type == LN_INT4 && weights->scales != NULL && weights->zero_points == NULL &&
         tensor->sparsity == NULL && ln_tensor_const_data(tensor) && block % LN_I4_STEP == 0 && block <= LN_I4_MOST;
}

static bool set_sizes(ln_fc_blocks *fc, size_t *packed, size_t *scratch) {
  size_t rows, numbers;
  if (!ln_size_mul((size_t)fc->blocks, ln_i4_block_bytes(fc->block), &fc->panel_bytes)) return false;
  if (!ln_size_mul(fc->panel_bytes, (size_t)fc->panels, packed)) return false;
  if (!ln_size_mul((size_t)fc->m, (size_t)fc->k, &rows) || !ln_size_align(rows, LN_ALIGNMENT, &rows)) return false;
  if (!ln_size_mul((size_t)fc->m, (size_t)fc->blocks * sizeof(float), &numbers)) return false;
  fc->low_at = rows;
  return ln_size_add(rows, rows, &fc->scales_at) && ln_size_add(fc->scales_at, numbers, &fc->starts_at) &&
         ln_size_add(fc->starts_at, numbers, scratch);
}

/* `scales` has room for LN_I4_ROWS rows. */
static void pack(const ln_fc_blocks *fc, const ln_weights *weights, float *scales, char *panels) {
  const ln_tensor *stored = weights->scales;
  const size_t row_bytes = (size_t)fc->k / 2; /* whole bytes: a block is of 32 and more */
  for (int32_t p = 0; p < fc->panels; ++p) {
    const int32_t first = p * LN_I4_ROWS, count = fc->n - first < LN_I4_ROWS ? fc->n - first : LN_I4_ROWS;
    const char *from = (const char *)stored->data + (size_t)first * (size_t)fc->blocks * ln_type_bytes(stored->type);
    ln_k_cast(from, ln_number_of(stored->type), scales, LN_NUMBER_F32, (size_t)count * (size_t)fc->blocks);
    ln_k_i4_pack(count, fc->blocks, fc->block, (const uint8_t *)weights->data + (size_t)first * row_bytes, row_bytes,
                 scales, panels + (size_t)p * fc->panel_bytes);
  }
}

ln_status ln_fc_blocks_prepare(ln_fc_blocks *fc, ln_node *node, ln_prep *prep, const ln_weights *weights) {
  const int64_t numbers[4] = {ln_weights_form(weights), fc->n, fc->k, 0};
  size_t packed;
  bool fresh = false;
  fc->block = weights->tensor->quant->block_size;
  fc->blocks = fc->k / fc->block;
  fc->panels = (int32_t)(((int64_t)fc->n + LN_I4_ROWS - 1) / LN_I4_ROWS);
  if (!set_sizes(fc, &packed, &node->scratch_bytes)) return LN_ERR_MEMORY;
  /* Before the block: one that is in the cache counts as packed. */
  float *scales = ln_alloc_array((size_t)fc->blocks, LN_I4_ROWS * sizeof *scales);
  if (scales == NULL) return LN_ERR_MEMORY;
  void *panels = ln_pack_cache_get(prep->cache, weights->tensor->data, "matvec_i4", numbers, packed, &fresh);
  if (fresh) pack(fc, weights, scales, panels);
  ln_free(scales);
  fc->panels_data = panels;
  return panels == NULL ? LN_ERR_MEMORY : LN_OK;
}

typedef struct blocks_run {
  const ln_fc_blocks *fc;
  char *scratch;
  const float *bias;
  float *out;
  int32_t panels_per_task;
  bool is_plain; /* neither a bias nor a range */
} blocks_run;

static ln_i4_vector vector_of(const ln_fc_blocks *fc, char *scratch, int32_t row) {
  const size_t bytes = (size_t)row * (size_t)fc->k, numbers = (size_t)row * (size_t)fc->blocks;
  return (ln_i4_vector){.blocks = fc->blocks,
                        .block = fc->block,
                        .high = (int8_t *)scratch + bytes,
                        .low = (int8_t *)scratch + fc->low_at + bytes,
                        .scales = (float *)(void *)(scratch + fc->scales_at) + numbers,
                        .starts = (int32_t *)(void *)(scratch + fc->starts_at) + numbers};
}

static void blocks_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const blocks_run *run = context;
  const ln_fc_blocks *fc = run->fc;
  const int32_t from = task * run->panels_per_task, left = fc->panels - from;
  const int32_t to = from + (left < run->panels_per_task ? left : run->panels_per_task);
  for (int32_t p = from; p < to; ++p) {
    const int32_t first = p * LN_I4_ROWS, count = fc->n - first < LN_I4_ROWS ? fc->n - first : LN_I4_ROWS;
    for (int32_t i = 0; i < fc->m; ++i) {
      const ln_i4_vector x = vector_of(fc, run->scratch, i);
      float row[LN_I4_ROWS], *out = run->out + (ptrdiff_t)i * fc->n + first;
      float *sums = count == LN_I4_ROWS ? out : row;
      LN_KERNEL_OF(matvec, i4)(&x, (const char *)fc->panels_data + (size_t)p * fc->panel_bytes, sums);
      if (sums == out && run->is_plain) continue;
      for (int32_t j = 0; j < count; ++j) {
        out[j] = ln_clamp_f32(sums[j] + (run->bias == NULL ? 0.0f : run->bias[first + j]), fc->low, fc->high);
      }
    }
  }
}

void ln_fc_blocks_run(const ln_fc_blocks *fc, const ln_exec *exec, const float *in, const float *bias, float *out) {
  const int64_t panel_macs = (int64_t)fc->m * fc->k * LN_I4_ROWS;
  const int64_t panels = panel_macs >= TASK_MACS ? 1 : TASK_MACS / panel_macs;
  blocks_run run = {.fc = fc,
                    .scratch = exec->scratch,
                    .bias = bias,
                    .out = out,
                    .panels_per_task = panels < fc->panels ? (int32_t)panels : fc->panels,
                    .is_plain = bias == NULL && fc->low == -INFINITY && fc->high == INFINITY};
  for (int32_t i = 0; i < fc->m; ++i) {
    const ln_i4_vector x = vector_of(fc, exec->scratch, i);
    LN_KERNEL_OF(matvec, quantize_i4)(in + (ptrdiff_t)i * fc->k, &x);
  }
  ln_pool_run(exec->pool, (fc->panels - 1) / run.panels_per_task + 1, blocks_task, &run);
}
