/* CONV_2D with a 1x1 filter of mostly zeros: a product with a sparse B (sparse_plan.h). */
#include "ops/conv2d.h"
#include "ops/sparse_plan.h"

static int32_t pixels_of(const ln_conv_shape *s) { return s->batch * s->h.out * s->w.out; }

static ln_status run_sparse(const ln_node *node, ln_exec *exec) {
  const conv2d_args *args = node->args;
  const void *bias = node->in_count > 2 && node->in[2] != NULL ? node->in[2]->data : NULL;
  ln_sparse_run(args->other, exec, pixels_of(&args->conv.shape), node->in[0]->data, bias, node->out[0]->data);
  return LN_OK;
}

ln_status ln_conv2d_try_sparse(ln_node *node, ln_prep *prep, conv2d_args *args) {
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  const bool folds = !ln_gemm_is_float(&args->plan) && bias != NULL;
  if (args->conv.mode != LN_CONV_PLAIN || !ln_tensor_const_data(node->in[1])) return LN_OK;
  if (folds && !ln_tensor_const_data(bias)) return LN_OK;
  ln_sparse_plan *plan = ln_arena_array(prep->arena, 1, sizeof *plan);
  if (plan == NULL) return LN_ERR_MEMORY;
  ln_weights weights;
  LN_TRY(ln_weights_open_rows(node, node->in[1], prep->err, &weights));
  const ln_status status = ln_sparse_plan_b(plan, node, prep, &args->plan, &weights, folds ? bias->data : NULL,
                                            pixels_of(&args->conv.shape));
  ln_weights_close(&weights);
  if (status != LN_OK || !ln_sparse_is_chosen(plan)) return status;
  args->other = plan;
  args->run_other = run_sparse;
  return LN_OK;
}
