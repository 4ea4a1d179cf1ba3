/*
 * FULLY_CONNECTED of int8 with constant weights of at most 16 values that are stored by table: they stay numbers of 4
 * bits (kernels/matvec_table.h), which is faster where plain ones do not fit a core's caches.
 */
#ifndef LN_OPS_FC_TABLE_H
#define LN_OPS_FC_TABLE_H

#include "ops/gemm_plan.h"

typedef struct ln_fc_table {
  int32_t m, n, k, columns, panels; /* columns: k in whole steps */
  size_t panel_bytes;
  const int8_t *values;     /* [16] of the cache; then the panels */
  const uint8_t *packed;    /* [panels, panel_bytes] */
  const int32_t *bias;      /* [n] with what the zero point of the input adds */
  const ln_gemm_plan *plan; /* scales, zero point and range of the output */
} ln_fc_table;

/* Whether a product of bytes that has been planned is one: its weights are open. */
bool ln_fc_table_applies(const ln_gemm_plan *plan, const ln_weights *weights, int32_t m);
/* Packs the weights and asks for node scratch. `plan` outlives it; bias: [n] or NULL. LN_ERR_MEMORY is told by the
 * caller. */
ln_status ln_fc_table_prepare(ln_fc_table *fc, ln_node *node, ln_prep *prep, const ln_gemm_plan *plan,
                              const ln_weights *weights, const int32_t *bias, int32_t m);
void ln_fc_table_run(const ln_fc_table *fc, const ln_exec *exec, const int8_t *in, int8_t *out);

#endif
