/* Constants in 16 bits: float16 through DEQUANTIZE, bfloat16 through CAST, both of which stock LiteRT runs. */
#include <math.h>

#include "kernels/convert.h"
#include "optimize/weight_forms.h"

enum { LEAST_CONSTANTS = 128 }; /* what a smaller one saves, the operator that reads it takes again */

static const float most_half = 65504;

/* Whether operators that read floats get this constant in 16 bits; else why not, or NULL when it is not in question. */
static bool changes(const ln_optimizer *o, const ln_stage *stage, int32_t index, ln_type type, const char **why) {
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[index];
  size_t count;
  *why = NULL;
  if (!ln_tensor_const_data(tensor) || tensor->type != LN_FLOAT32 || tensor->sparsity != NULL) return false;
  if (!ln_shape_elements(&tensor->shape, &count)) return false;
  *why = count < LEAST_CONSTANTS ? "fewer than 128 weights" : ln_weight_form_shared(o, stage, index);
  const float *values = tensor->data;
  for (size_t i = 0; *why == NULL && type == LN_FLOAT16 && i < count; ++i) {
    if (!(fabsf(values[i]) <= most_half)) *why = "values beyond float16";
  }
  return *why == NULL;
}

/* The root of the mean squared error of `halves` over that of the values. */
static double error_of(const float *values, const uint16_t *halves, size_t count, ln_type type) {
  double error = 0, power = 0;
  for (size_t i = 0; i < count; ++i) {
    const float half = type == LN_FLOAT16 ? ln_k_half_to_float(halves[i]) : ln_k_bfloat_to_float(halves[i]);
    error += ((double)half - (double)values[i]) * ((double)half - (double)values[i]);
    power += (double)values[i] * (double)values[i];
  }
  return power > 0 ? sqrt(error / power) : 0;
}

/* The constant `index`, which the operator at `at` is the first to read, in 16 bits. */
static ln_status halve(ln_optimizer *o, int32_t index, int32_t at, ln_type type, double *error) {
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[index];
  const float *values = tensor->data;
  size_t count;
  if (!ln_shape_elements(&tensor->shape, &count)) return ln_optimizer_no_memory(o);
  uint16_t *halves = ln_arena_array(ln_optimizer_arena(o), count, sizeof *halves);
  if (halves == NULL) return ln_optimizer_no_memory(o);
  ln_k_cast(values, LN_NUMBER_F32, halves, type == LN_FLOAT16 ? LN_NUMBER_F16 : LN_NUMBER_BF16, count);
  *error = error_of(values, halves, count, type);
  int32_t stored;
  return ln_weight_form_unpack(o, index, at, type == LN_FLOAT16 ? LN_OP_DEQUANTIZE : LN_OP_CAST, type, &ln_quant_none,
                               halves, count * sizeof *halves, &stored);
}

/* What a layer's row says after the stage. */
static ln_status report(ln_optimizer *o, ln_report_layer *row, ln_type type, const char *why, double error) {
  if (why != NULL) {
    row->what = ln_arena_printf(ln_optimizer_arena(o), "left as it is: %s", why);
  } else {
    row->what = ln_type_name(type);
    row->bytes_after = row->bytes_before / 2;
    row->weight_error = error;
  }
  return row->what == NULL ? ln_optimizer_no_memory(o) : ln_report_add_layer(o, row);
}

/* All constants of the operator at `*at`, which moves on by as many operators as are put before it. */
static ln_status halve_inputs(ln_optimizer *o, const ln_stage *stage, const ln_layer *layers, ln_report_layer *rows,
                              int32_t count, int32_t *at, ln_type type) {
  for (int32_t i = 0; i < ln_optimizer_graph(o)->ops[*at].input_count; ++i) {
    const int32_t index = ln_optimizer_graph(o)->ops[*at].inputs[i];
    const char *why;
    double error = 0;
    if (index < 0) continue;
    if (changes(o, stage, index, type, &why)) LN_TRY(halve(o, index, (*at)++, type, &error));
    else if (why == NULL) continue;
    for (int32_t l = 0; l < count; ++l) {
      if (layers[l].weights != index || rows[l].what != NULL) continue;
      LN_TRY(report(o, &rows[l], type, why, error));
    }
  }
  return LN_OK;
}

static ln_status halve_all(ln_optimizer *o, const ln_stage *stage, const ln_layer *layers, ln_report_layer *rows,
                           int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    rows[i] = ln_report_layer_of(o, &layers[i], "");
    rows[i].what = NULL;
  }
  for (int32_t i = 0; i < ln_optimizer_graph(o)->op_count; ++i) {
    const ln_op *op = &ln_optimizer_graph(o)->ops[i];
    const ln_quantize_format format = ln_quantize_format_of(o, stage, op);
    if (format != LN_QUANTIZE_FLOAT16 && format != LN_QUANTIZE_BFLOAT16) continue;
    /* Cells keep their weights beside their state: LiteRT wants them as constants. */
    if (op->custom_name != NULL || (op->def->flags & LN_OPF_STATEFUL) != 0) continue;
    LN_TRY(halve_inputs(o, stage, layers, rows, count, &i, format == LN_QUANTIZE_FLOAT16 ? LN_FLOAT16 : LN_BFLOAT16));
  }
  return LN_OK;
}

ln_status ln_weight_halves(ln_optimizer *o, const ln_stage *stage) {
  ln_layer *layers = NULL;
  int32_t count = 0;
  LN_TRY(ln_layers_find(o, stage, &layers, &count));
  ln_report_layer *rows = ln_alloc_array((size_t)count + 1, sizeof *rows);
  const ln_status status = rows == NULL ? ln_optimizer_no_memory(o) : halve_all(o, stage, layers, rows, count);
  ln_free(rows);
  ln_free(layers);
  return status;
}
