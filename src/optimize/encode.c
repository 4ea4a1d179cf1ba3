/*
 * The technique "encode": every constant in the smallest form that the runtimes it is for can read - as it is, in
 * TFLite's sparse encoding, by table, or sparse with its stored values by table.
 */
#include <math.h>
#include <string.h>

#include "optimize/encode.h"

const ln_parameter ln_parameters_encode[] = {
    {"form", LN_PARAMETER_CHOICE, "auto", "auto|dense|sparse|table|stock", 0, 0,
     "of weights; auto: the smallest; stock: the smallest that any TensorFlow Lite reads"},
    {"names", LN_PARAMETER_CHOICE, "auto", "auto|keep|drop", 0, 0,
     "of tensors that are neither inputs nor outputs; auto: dropped where weights are stored by table"},
    {0}};

enum { SPARSE_BYTES = 160 }; /* about what the encoding's tables take beside their lists */

typedef enum form { FORM_DENSE, FORM_SPARSE, FORM_TABLE, FORM_SPARSE_TABLE, FORM_COUNT } form;

static const char *const form_names[] = {"as it is", "sparse", "by table", "sparse, its values by table"};

typedef struct encoding {
  ln_optimizer *o;
  const ln_stage *stage;
  bool *readable; /* of each tensor: all that read it take it by table */
  int32_t counts[FORM_COUNT];
} encoding;

/* What of an operator's inputs may be stored by table: its weights in our runtime, and its bias made plain before. */
static bool takes_table(const ln_op *op, int32_t input) {
  return (op->def->flags & LN_OPF_READS_CODEBOOK) != 0 && input == 1;
}

static bool find_readable(encoding *e) {
  const ln_graph *graph = ln_optimizer_graph(e->o);
  e->readable = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *e->readable);
  if (e->readable == NULL) return false;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && takes_table(op, k)) e->readable[op->inputs[k]] = true;
    }
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && !takes_table(op, k)) e->readable[op->inputs[k]] = false;
    }
  }
  for (int32_t i = 0; i < graph->output_count; ++i) e->readable[graph->outputs[i]] = false;
  return true;
}

/* The smallest form that `wanted` allows. */
static form choose(const ln_tensor *tensor, const char *wanted, ln_sparse_form *sparse) {
  size_t bytes[FORM_COUNT] = {tensor->bytes, SIZE_MAX, SIZE_MAX, SIZE_MAX}, elements = 0;
  const bool all = strcmp(wanted, "auto") == 0;
  int32_t tables;
  const int32_t values = ln_encode_values(tensor, &tables);
  if (!ln_shape_elements(&tensor->shape, &elements)) return FORM_DENSE;
  if ((all || strcmp(wanted, "table") == 0) && values > 0) {
    bytes[FORM_TABLE] = ln_encode_table_bytes(tensor, elements, values, tables);
  }
  if ((all || strcmp(wanted, "sparse") == 0) && ln_encode_sparse_form(tensor, sparse)) {
    const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
    bytes[FORM_SPARSE] = sparse->stored * item + sparse->bytes + SPARSE_BYTES;
    if (all && values > 1 && tables == 1) {
      bytes[FORM_SPARSE_TABLE] =
          ln_encode_table_bytes(tensor, sparse->stored, values - 1, 1) + sparse->bytes + SPARSE_BYTES;
    }
  }
  form best = FORM_DENSE;
  for (form f = FORM_SPARSE; f < FORM_COUNT; ++f) {
    if (bytes[f] < bytes[best]) best = f;
  }
  return best;
}

static ln_status encode(encoding *e, const ln_op *op, int32_t index) {
  ln_optimizer *o = e->o;
  ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[index];
  ln_sparse_form sparse;
  const int64_t before = (int64_t)tensor->bytes;
  if (!ln_tensor_const_data(tensor) || tensor->sparsity != NULL || tensor->codebook != NULL) return LN_OK;
  if (tensor->quant->kind == LN_QUANT_BLOCKWISE || ln_type_bits(tensor->type) < 8) return LN_OK;
  const form chosen = choose(tensor, ln_stage_text(e->stage, o, op, "form"), &sparse);
  ++e->counts[chosen];
  if (chosen == FORM_DENSE) return LN_OK;
  int32_t tables;
  const int32_t values = ln_encode_values(tensor, &tables);
  if (chosen != FORM_TABLE) LN_TRY(ln_encode_sparse(o, tensor, &sparse));
  if (chosen != FORM_SPARSE) LN_TRY(ln_encode_table(o, tensor));
  const ln_report_layer row = {.size = sizeof row,
                               .operator_name = ln_op_name(op),
                               .index = op->index,
                               .name = op->output_count > 0 ? ln_optimizer_graph(o)->tensors[op->outputs[0]].name : "",
                               .what = form_names[chosen],
                               .bytes_before = before,
                               .bytes_after = (int64_t)(tensor->bytes + (chosen == FORM_TABLE ? 0 : sparse.bytes) +
                                                        (tensor->codebook == NULL ? 0 : tensor->codebook->bytes)),
                               .sparsity = NAN,
                               .clusters = values,
                               .weight_error = NAN,
                               .snr_db = NAN};
  return ln_report_add_layer(o, &row);
}

/* Names that no signature and no caller asks for. */
static ln_status drop_names(encoding *e) {
  ln_graph *graph = ln_optimizer_graph(e->o);
  bool *kept = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *kept);
  if (kept == NULL) return ln_optimizer_no_memory(e->o);
  for (int32_t i = 0; i < graph->input_count; ++i) kept[graph->inputs[i]] = true;
  for (int32_t i = 0; i < graph->output_count; ++i) kept[graph->outputs[i]] = true;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (!kept[i]) graph->tensors[i].name = "";
  }
  ln_free(kept);
  return LN_OK;
}

static ln_status add_notes(encoding *e) {
  if (e->counts[FORM_TABLE] + e->counts[FORM_SPARSE_TABLE] + e->counts[FORM_SPARSE] == 0) return LN_OK;
  const bool mixed = e->counts[FORM_SPARSE] + e->counts[FORM_SPARSE_TABLE] > 0;
  return ln_report_add_note(e->o,
                            "%d weights are stored by table, %d sparse and %d sparse by table: %s reads the file; "
                            "\"stock\" writes one that any TensorFlow Lite reads",
                            e->counts[FORM_TABLE], e->counts[FORM_SPARSE], e->counts[FORM_SPARSE_TABLE],
                            mixed ? "Linnet" : "Linnet or TensorFlow Lite Micro");
}

ln_status ln_technique_encode(ln_optimizer *o, const ln_stage *stage) {
  const ln_graph *graph = ln_optimizer_graph(o);
  encoding e = {.o = o, .stage = stage};
  if (!find_readable(&e)) return ln_optimizer_no_memory(o);
  ln_status status = LN_OK;
  for (int32_t i = 0; i < graph->op_count && status == LN_OK; ++i) {
    const ln_op *op = &graph->ops[i];
    if (!ln_stage_takes(stage, o, op)) continue;
    for (int32_t k = 0; k < op->input_count && status == LN_OK; ++k) {
      const int32_t input = op->inputs[k];
      if (input >= 0 && e.readable[input]) status = encode(&e, op, input);
    }
  }
  const bool by_table = e.counts[FORM_TABLE] + e.counts[FORM_SPARSE_TABLE] > 0;
  const char *names = ln_stage_text(stage, o, NULL, "names");
  if (status == LN_OK && (strcmp(names, "drop") == 0 || (by_table && strcmp(names, "auto") == 0))) {
    status = drop_names(&e);
  }
  if (status == LN_OK) status = add_notes(&e);
  ln_free(e.readable);
  return status;
}
