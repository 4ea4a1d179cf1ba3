/*
 * The technique "encode": every constant in the smallest form that the runtimes it is for can read - as it is, in
 * TFLite's sparse encoding, by table, or sparse with its stored values by table.
 */
#include <math.h>
#include <string.h>

#include "optimize/encode.h"

const ln_parameter ln_parameters_encode[] = {
    {"form", LN_PARAMETER_CHOICE, "auto", "auto|smallest|dense|sparse|table|stock", 0, 0,
     "of weights; smallest: whichever is; stock: of what any TensorFlow Lite reads; auto: smallest for clustered ones, "
     "stock for others"},
    {"names", LN_PARAMETER_CHOICE, "auto", "auto|keep|drop", 0, 0,
     "of tensors that are neither inputs nor outputs; auto: dropped where weights are stored by table"},
    {0}};

typedef enum form { FORM_DENSE, FORM_STOCK, FORM_SPARSE, FORM_TABLE, FORM_SPARSE_TABLE, FORM_COUNT } form;

static const char *const form_names[] = {"as it is", "sparse", "sparse", "by table", "sparse, its values by table"};

/* A constant, and the first operator that reads it. */
typedef struct candidate {
  int32_t tensor, op;
  const char *wanted;
} candidate;

typedef struct encoding {
  ln_optimizer *o;
  candidate *all;
  int32_t count, counts[FORM_COUNT];
} encoding;

/* What of an operator's inputs may be stored by table without being made plain again. */
static bool takes_table(const ln_op *op, int32_t input) {
  return (op->def->flags & LN_OPF_READS_CODEBOOK) != 0 && input == 1;
}

static bool is_candidate(const ln_tensor *tensor) {
  return ln_tensor_const_data(tensor) && tensor->sparsity == NULL && tensor->codebook == NULL &&
         tensor->quant->kind != LN_QUANT_BLOCKWISE && ln_type_bits(tensor->type) >= 8;
}

/* Weights that all their readers take in any form, each once. */
static ln_status find_candidates(encoding *e, const ln_stage *stage) {
  const ln_graph *graph = ln_optimizer_graph(e->o);
  bool *out = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *out);
  e->all = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *e->all);
  for (int32_t i = 0; out != NULL && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && !takes_table(op, k)) out[op->inputs[k]] = true;
    }
  }
  for (int32_t i = 0; out != NULL && i < graph->output_count; ++i) out[graph->outputs[i]] = true;
  for (int32_t i = 0; out != NULL && e->all != NULL && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const int32_t tensor = op->input_count > 1 && takes_table(op, 1) ? op->inputs[1] : -1;
    if (tensor < 0 || out[tensor] || !is_candidate(&graph->tensors[tensor])) continue;
    out[tensor] = true;
    if (!ln_stage_takes(stage, e->o, op)) continue;
    e->all[e->count++] = (candidate){tensor, i, ln_stage_text(stage, e->o, op, "form")};
  }
  const bool good = out != NULL && e->all != NULL;
  ln_free(out);
  return good ? LN_OK : ln_optimizer_no_memory(e->o);
}

/* The smallest of all forms: by table, or sparse with its values as they are or by table. */
static ln_status take_smallest(encoding *e, int32_t index, form *chosen) {
  ln_optimizer *o = e->o;
  const ln_tensor plain = ln_optimizer_graph(o)->tensors[index];
  const size_t by_table = ln_table_bytes(&plain);
  int64_t saved = 0;
  LN_TRY(ln_sparse_encode(o, index, 0, 0, false, &saved));
  ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[index];
  size_t best = plain.bytes;
  *chosen = FORM_DENSE;
  if (saved > 0) {
    const size_t sparse = plain.bytes - (size_t)saved, values = ln_table_bytes(tensor);
    *chosen = values < tensor->bytes ? FORM_SPARSE_TABLE : FORM_SPARSE;
    best = *chosen == FORM_SPARSE ? sparse : sparse - tensor->bytes + values;
  }
  if (by_table < best) *chosen = FORM_TABLE;
  if (*chosen == FORM_DENSE || *chosen == FORM_TABLE) *tensor = plain;
  return *chosen == FORM_TABLE || *chosen == FORM_SPARSE_TABLE ? ln_table_encode(o, tensor) : LN_OK;
}

static ln_status take_sparse(encoding *e, int32_t index, bool stock, form *chosen) {
  int64_t saved = 0;
  LN_TRY(ln_sparse_encode(e->o, index, 0, 0, stock, &saved));
  *chosen = saved == 0 ? FORM_DENSE : stock ? FORM_STOCK : FORM_SPARSE;
  return LN_OK;
}

static ln_status take_table(encoding *e, int32_t index, form *chosen) {
  ln_tensor *tensor = &ln_optimizer_graph(e->o)->tensors[index];
  *chosen = ln_table_bytes(tensor) < tensor->bytes ? FORM_TABLE : FORM_DENSE;
  return *chosen == FORM_TABLE ? ln_table_encode(e->o, tensor) : LN_OK;
}

static ln_status encode(encoding *e, const candidate *c) {
  ln_optimizer *o = e->o;
  int32_t axis;
  const bool clustered = ln_invariant_clusters(o, c->tensor, &axis) > 0;
  const char *wanted = strcmp(c->wanted, "auto") == 0 ? clustered ? "smallest" : "stock" : c->wanted;
  const ln_op *op = &ln_optimizer_graph(o)->ops[c->op];
  ln_report_layer row = {.size = sizeof row,
                         .operator_name = ln_op_name(op),
                         .index = op->index,
                         .name = ln_optimizer_graph(o)->tensors[op->outputs[0]].name,
                         .bytes_before = (int64_t)ln_optimizer_graph(o)->tensors[c->tensor].bytes,
                         .sparsity = NAN,
                         .weight_error = NAN,
                         .snr_db = NAN};
  form chosen = FORM_DENSE;
  if (strcmp(wanted, "smallest") == 0) LN_TRY(take_smallest(e, c->tensor, &chosen));
  else if (strcmp(wanted, "table") == 0) LN_TRY(take_table(e, c->tensor, &chosen));
  else if (strcmp(wanted, "dense") != 0) LN_TRY(take_sparse(e, c->tensor, strcmp(wanted, "stock") == 0, &chosen));
  ++e->counts[chosen];
  if (chosen == FORM_DENSE) return LN_OK;
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[c->tensor];
  row.what = form_names[chosen];
  row.bytes_after = (int64_t)(tensor->bytes + (tensor->codebook == NULL ? 0 : tensor->codebook->bytes));
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
  const int32_t tables = e->counts[FORM_TABLE], both = e->counts[FORM_SPARSE_TABLE], sparse = e->counts[FORM_SPARSE];
  if (tables + both + sparse == 0) return LN_OK;
  return ln_report_add_note(e->o,
                            "weights stored by table: %d, sparse: %d, sparse and by table: %d; only %s reads the file "
                            "(the form \"stock\" is for any TensorFlow Lite)",
                            tables, sparse, both, both + sparse > 0 ? "Linnet" : "Linnet or TensorFlow Lite Micro");
}

ln_status ln_technique_encode(ln_optimizer *o, const ln_stage *stage) {
  encoding e = {.o = o};
  ln_status status = find_candidates(&e, stage);
  const int32_t ops = ln_optimizer_graph(o)->op_count;
  for (int32_t i = 0; i < e.count && status == LN_OK; ++i) {
    e.all[i].op += ln_optimizer_graph(o)->op_count - ops; /* each DENSIFY so far stands before its reader */
    status = encode(&e, &e.all[i]);
  }
  const bool by_table = e.counts[FORM_TABLE] + e.counts[FORM_SPARSE_TABLE] > 0;
  const char *names = ln_stage_text(stage, o, NULL, "names");
  if (status == LN_OK && (strcmp(names, "drop") == 0 || (by_table && strcmp(names, "auto") == 0))) {
    status = drop_names(&e);
  }
  if (status == LN_OK) status = add_notes(&e);
  ln_free(e.all);
  return status;
}
