/* Matrices of recurrent layers: see recurrent.h. */
#include "ops/recurrent.h"

#include <math.h>

ln_recurrent_functions ln_recurrent_functions_get(void) {
  return (ln_recurrent_functions){.matvec_f32 = LN_KERNEL_OF(matvec, f32),
                                  .matvec_i8 = LN_KERNEL_OF(matvec, i8),
                                  .logistic = LN_KERNEL_OF(unary, logistic_f32),
                                  .tanh = LN_KERNEL_OF(unary, tanh_f32)};
}

static const ln_tensor *input_of(const ln_node *node, int32_t input) {
  return input < node->in_count ? node->in[input] : NULL;
}

ln_status ln_recurrent_check_scale(const ln_node *node, int32_t input, ln_error *err) {
  const ln_tensor *tensor = input_of(node, input);
  if (tensor == NULL || tensor->type == LN_FLOAT32) return LN_OK;
  const float scale = ln_scale_of(tensor);
  if (tensor->quant->count == 1 && scale > 0.0f && isfinite(scale)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "input %d \"%s\" must have one usable scale", input, tensor->name);
}

static void sum_rows(const ln_tensor *tensor, int32_t *sums) {
  ln_k_matvec_fold_bias(tensor->data, tensor->shape.dims[0], tensor->shape.dims[1], -1, NULL, sums);
}

ln_status ln_recurrent_prepare_sums(const ln_node *node, int32_t input, ln_recurrent_mode mode, ln_prep *prep,
                                    ln_recurrent_sums *sums) {
  const ln_tensor *tensor = input_of(node, input);
  *sums = (ln_recurrent_sums){NULL, false};
  if (mode != LN_RECURRENT_ASYMMETRIC || tensor == NULL || tensor->type == LN_FLOAT32) return LN_OK;
  sums->values = ln_arena_array(prep->arena, (size_t)tensor->shape.dims[0], sizeof(int32_t));
  if (sums->values == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  sums->constant = ln_tensor_const_data(tensor);
  if (sums->constant) sum_rows(tensor, sums->values);
  return LN_OK;
}

ln_recurrent_matrix ln_recurrent_bind(const ln_node *node, int32_t input, const ln_recurrent_sums *sums) {
  const ln_tensor *tensor = input_of(node, input);
  if (tensor == NULL) return (ln_recurrent_matrix){.f32 = NULL};
  ln_recurrent_matrix matrix = {.rows = tensor->shape.dims[0], .diagonal = tensor->shape.rank == 1};
  matrix.columns = matrix.diagonal ? matrix.rows : tensor->shape.dims[1];
  if (tensor->type == LN_FLOAT32) {
    matrix.f32 = tensor->data;
    return matrix;
  }
  if (sums->values != NULL && !sums->constant) sum_rows(tensor, sums->values);
  matrix.i8 = tensor->data;
  matrix.scale = ln_scale_of(tensor);
  matrix.row_sums = sums->values;
  return matrix;
}
