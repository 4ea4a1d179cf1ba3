/* The list of the gradients' own operators: how they are added to graphs, written and found again. */
#include "train/operators.h"

#include <string.h>

static const ln_op_def *const rows[] = {&ln_op_mask_gradient,
                                        &ln_op_max_pool_gradient,
                                        &ln_op_conv_filter_gradient,
                                        &ln_op_depthwise_filter_gradient,
                                        &ln_op_depthwise_input_gradient,
                                        &ln_op_moments,
                                        &ln_op_fake_quant_step,
                                        &ln_op_fake_quant_gradient};

const ln_gradient_kernels *ln_gradient_kernels_get(void) {
#if defined(LN_X86)
  if (ln_isa_includes(ln_cpu_isa(), LN_ISA_AVX512)) return &ln_gradient_kernels_avx512;
  if (ln_isa_includes(ln_cpu_isa(), LN_ISA_AVX2)) return &ln_gradient_kernels_avx2;
#endif
  return &ln_gradient_kernels_generic;
}

/* ---- adding them ---- */

bool ln_grad_emit_own(ln_grad *g, const ln_op_def *row, const ln_grad_places *window, const int32_t inputs[2],
                      int32_t output_count, int32_t *outputs) {
  static const ln_type types[2] = {LN_FLOAT32, LN_FLOAT32};
  const ln_op like = {.def = row,
                      .version = 1,
                      .custom_name = row->name,
                      .custom_options = ln_arena_copy(ln_optimizer_arena(g->o), window, sizeof *window),
                      .custom_options_size = sizeof *window};
  if (like.custom_options == NULL) ln_grad_fail_memory(g);
  const int32_t first = ln_grad_emit_row(g, &like, NULL, 2, inputs, output_count, types, NULL);
  for (int32_t i = 0; i < output_count; ++i) outputs[i] = first < 0 ? -1 : first + i;
  return first >= 0;
}

/* ---- finding them ---- */

ln_status ln_grad_snapshot(const ln_model *model, ln_error *err, ln_model **out) {
  LN_TRY(ln_edit_snapshot(model, err, out));
  for (int32_t i = 0; i < (*out)->graph_count; ++i) {
    ln_graph *graph = &(*out)->graphs[i];
    for (int32_t k = 0; k < graph->op_count; ++k) {
      ln_op *op = &graph->ops[k];
      for (size_t n = 0; op->custom_name != NULL && n < LN_COUNT(rows); ++n) {
        if (strcmp(op->custom_name, rows[n]->name) == 0) op->def = rows[n];
      }
    }
  }
  return LN_OK;
}

/* ---- reading their numbers ---- */

ln_status ln_grad_read_window(const ln_node *node, ln_error *err, ln_grad_places *out) {
  if (node->op->custom_options_size != sizeof *out || node->op->custom_options == NULL) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "its options are no window's");
  }
  memcpy(out, node->op->custom_options, sizeof *out);
  return LN_OK;
}

ln_status ln_grad_read_windows(const ln_node *node, ln_error *err, const ln_shape *image, const ln_shape *out,
                               ln_windows *windows) {
  ln_grad_places w;
  LN_TRY(ln_grad_read_window(node, err, &w));
  bool fits = image->rank == 4 && out->rank == 4 && image->dims[0] == out->dims[0];
  for (int32_t i = 0; fits && i < 2; ++i) {
    fits = w.kernel[i] >= 1 && w.stride[i] >= 1 && w.dilation[i] >= 1 && w.before[i] >= 0 &&
           w.kernel[i] <= LN_WINDOW_MOST && w.stride[i] <= LN_WINDOW_MOST && w.before[i] <= LN_WINDOW_MOST &&
           image->dims[i + 1] <= LN_WINDOW_MOST && out->dims[i + 1] <= LN_WINDOW_MOST &&
           ((int64_t)w.kernel[i] - 1) * w.dilation[i] <= LN_WINDOW_MOST &&
           ((int64_t)out->dims[i + 1] - 1) * w.stride[i] <= LN_WINDOW_MOST;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "its window does not fit the images");
  *windows = (ln_windows){.in_h = image->dims[1],
                          .in_w = image->dims[2],
                          .out_h = out->dims[1],
                          .out_w = out->dims[2],
                          .channels = image->dims[3],
                          .kernel_h = w.kernel[0],
                          .kernel_w = w.kernel[1],
                          .stride_h = w.stride[0],
                          .stride_w = w.stride[1],
                          .dilation_h = w.dilation[0],
                          .dilation_w = w.dilation[1],
                          .before_h = w.before[0],
                          .before_w = w.before[1]};
  return LN_OK;
}

void ln_grad_clip(int32_t at, int32_t stride, int32_t dilation, int32_t before, int32_t in, int32_t out, int32_t *begin,
                  int32_t *end) {
  const int32_t first = at * dilation - before; /* where output 0 finds it */
  const int32_t from = first >= 0 ? 0 : (stride - 1 - first) / stride;
  const int32_t to = first >= in ? 0 : (in - first + stride - 1) / stride;
  *end = to < out ? to : out;
  *begin = from < *end ? from : *end;
}
