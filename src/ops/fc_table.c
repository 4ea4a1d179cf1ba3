/* Fully-connected layers whose weights stay numbers into a table. */
#include "ops/fc_table.h"

#include <string.h>

#include "kernels/codebook.h"
#include "kernels/kernels.h"
#include "kernels/quant.h"

enum { MOST_ROWS = 4, TASK_MACS = 1 << 19, HEADER = 64 };

#define LEAST_WEIGHTS (INT64_C(3) << 19) /* fewer stay in a core's second-level cache as bytes, and are faster so */

bool ln_fc_table_applies(const ln_gemm_plan *plan, const ln_weights *weights, int32_t m) {
  const ln_tensor *tensor = weights->tensor;
  const ln_codebook *book = tensor->codebook;
  if (book == NULL || tensor->sparsity != NULL || tensor->type != LN_INT8 || book->tables != 1 || book->bits > 4)
    return false;
  const ln_gemm_quant *quant = &plan->quant;
  return plan->kind == LN_GEMM_Q8 && plan->reals != NULL && quant->b_zero == 0 && !quant->a_unsigned &&
         !quant->c_unsigned && m <= MOST_ROWS && (int64_t)plan->n * plan->segment_length >= LEAST_WEIGHTS;
}

/* Numbers a row at a time; the sums of rows with them. `line` holds a row. */
static void pack(const ln_fc_table *fc, const ln_weights *weights, uint8_t *line, int8_t *values, uint8_t *panels,
                 int32_t *sums) {
  static const uint8_t same[LN_TABLE_VALUES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const ln_codebook *book = weights->tensor->codebook;
  memset(values, 0, LN_TABLE_VALUES);
  memcpy(values, book->values, (size_t)(book->stride < LN_TABLE_VALUES ? book->stride : LN_TABLE_VALUES));
  memset(panels, 0, fc->panel_bytes * (size_t)fc->panels);
  for (int32_t r = 0; r < fc->n; ++r) {
    ln_k_codebook_read(weights->tensor->data, (size_t)r * (size_t)fc->k, (size_t)fc->k, book->bits, same, 1, line);
    ln_k_table_pack(line, r % LN_TABLE_ROWS, fc->k, panels + (size_t)(r / LN_TABLE_ROWS) * fc->panel_bytes);
    sums[r] = 0;
    for (int32_t c = 0; c < fc->k; ++c) sums[r] += values[line[c]];
  }
}

ln_status ln_fc_table_prepare(ln_fc_table *fc, ln_node *node, ln_prep *prep, const ln_gemm_plan *plan,
                              const ln_weights *weights, const int32_t *bias, int32_t m) {
  const int64_t numbers[4] = {ln_weights_form(weights), plan->n, plan->segment_length, 0};
  size_t bytes, sums_at;
  bool fresh = false;
  *fc = (ln_fc_table){.m = m, .n = plan->n, .k = plan->segment_length, .plan = plan};
  fc->columns = (int32_t)(((int64_t)fc->k + LN_TABLE_STEP - 1) / LN_TABLE_STEP * LN_TABLE_STEP);
  fc->panels = (int32_t)(((int64_t)fc->n + LN_TABLE_ROWS - 1) / LN_TABLE_ROWS);
  fc->panel_bytes = ln_table_panel_bytes(fc->columns);
  if (!ln_size_mul(fc->panel_bytes, (size_t)fc->panels, &bytes) || !ln_size_add(bytes, HEADER, &sums_at) ||
      !ln_size_add(sums_at, (size_t)fc->n * sizeof(int32_t), &bytes) ||
      !ln_size_mul((size_t)m, (size_t)fc->columns, &node->scratch_bytes))
    return LN_ERR_MEMORY;
  uint8_t *line = ln_alloc((size_t)fc->k);
  int32_t *folded = ln_arena_array(prep->arena, (size_t)fc->n, sizeof *folded);
  char *block = line == NULL || folded == NULL ? NULL
                                               : ln_pack_cache_get_numbers(prep->cache, weights->tensor->data,
                                                                           "matvec_table", numbers, bytes, &fresh);
  if (block != NULL) {
    int32_t *sums = (int32_t *)(void *)(block + sums_at);
    if (fresh) pack(fc, weights, line, (int8_t *)block, (uint8_t *)block + HEADER, sums);
    const uint32_t zero = (uint32_t)(128 + plan->quant.a_zero); /* bytes have 128 added */
    for (int32_t r = 0; r < fc->n; ++r) {
      folded[r] = (int32_t)((bias == NULL ? 0 : (uint32_t)bias[r]) - zero * (uint32_t)sums[r]);
    }
    fc->values = (const int8_t *)block;
    fc->packed = (const uint8_t *)block + HEADER;
    fc->bias = folded;
  }
  ln_free(line);
  return block == NULL ? LN_ERR_MEMORY : LN_OK;
}

typedef struct table_run {
  const ln_fc_table *fc;
  const uint8_t *in; /* [m, columns] */
  int8_t *out;
  int32_t panels_per_task;
} table_run;

static void table_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const table_run *run = context;
  const ln_fc_table *fc = run->fc;
  const ln_gemm_quant *quant = &fc->plan->quant;
  const int32_t from = task * run->panels_per_task, left = fc->panels - from;
  const int32_t to = from + (left < run->panels_per_task ? left : run->panels_per_task);
  for (int32_t p = from; p < to; ++p) {
    const int32_t first = p * LN_TABLE_ROWS, count = fc->n - first < LN_TABLE_ROWS ? fc->n - first : LN_TABLE_ROWS;
    for (int32_t i = 0; i < fc->m; ++i) {
      int32_t sums[LN_TABLE_ROWS];
      LN_KERNEL_OF(matvec, table)
      (run->in + (ptrdiff_t)i * fc->columns, fc->columns, fc->values, fc->packed + (size_t)p * fc->panel_bytes, sums);
      int8_t *out = run->out + (ptrdiff_t)i * fc->n + first;
      for (int32_t j = 0; j < count; ++j) {
        const int32_t sum = (int32_t)((uint32_t)sums[j] + (uint32_t)fc->bias[first + j]);
        const int32_t scaled = ln_multiply_real(sum, fc->plan->reals[first + j]) + quant->c_zero;
        out[j] = (int8_t)ln_clamp_i32(scaled, quant->low, quant->high);
      }
    }
  }
}

void ln_fc_table_run(const ln_fc_table *fc, const ln_exec *exec, const int8_t *in, int8_t *out) {
  uint8_t *raised = exec->scratch;
  for (int32_t i = 0; i < fc->m; ++i) {
    uint8_t *row = raised + (ptrdiff_t)i * fc->columns;
    for (int32_t c = 0; c < fc->k; ++c) row[c] = (uint8_t)((uint8_t)in[(ptrdiff_t)i * fc->k + c] ^ 128);
    memset(row + fc->k, 0, (size_t)(fc->columns - fc->k)); /* numbers of no weight count for nothing */
  }
  const int64_t panel_macs = (int64_t)fc->m * fc->k * LN_TABLE_ROWS;
  const int64_t panels = panel_macs >= TASK_MACS ? 1 : TASK_MACS / panel_macs;
  table_run run = {fc, raised, out, panels < fc->panels ? (int32_t)panels : fc->panels};
  ln_pool_run(exec->pool, (fc->panels - 1) / run.panels_per_task + 1, table_task, &run);
}
