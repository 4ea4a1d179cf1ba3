/*
 * Graphs that say the same become one: a source that offers one function under two signatures is run, and stored, once.
 * Operators, options, shapes and constants are compared; names are not. What keeps variables of its own (is_variable)
 * stays apart.
 */
#include <string.h>

#include "passes/convert/convert_passes.h"
#include "passes/convert/convert_rewrite.h"

static bool same_indices(const int32_t *a, const int32_t *b, int32_t count) {
  return count == 0 || memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static bool same_tensors(const ln_tensor *a, const ln_tensor *b) {
  if (a->type != b->type || a->is_variable || b->is_variable || a->storage != b->storage || a->bytes != b->bytes)
    return false;
  if (!ln_shape_equal(&a->shape, &b->shape) || !ln_shape_equal(&a->signature, &b->signature)) return false;
  if (a->sparsity != b->sparsity || a->codebook != b->codebook || a->variants != b->variants) return false;
  if (a->quant != b->quant && (a->quant->kind == LN_QUANT_BLOCKWISE || !ln_same_quantization(a, b))) return false;
  if (a->storage != LN_STORAGE_CONST || a->data == b->data) return true;
  return a->data != NULL && b->data != NULL && memcmp(a->data, b->data, a->bytes) == 0;
}

/* Vectors of options are compared by their elements, all else as numbers. */
static bool same_options(const ln_op *a, const ln_op *b) {
  if (a->options_table != b->options_table) return false;
  const ln_table_info *info = ln_schema_table(a->options_table);
  for (int32_t i = 0; info != NULL && i < info->field_count; ++i) {
    const ln_field_info *field = &info->fields[i];
    const char *x = (const char *)a->options + field->offset, *y = (const char *)b->options + field->offset;
    const size_t item = ln_kind_size((ln_kind)field->kind);
    if (field->field_class == LN_CLASS_SCALAR) {
      if (memcmp(x, y, item) != 0) return false;
    } else if (field->field_class == LN_CLASS_VECTOR) {
      const ln_vec_u8 *u = (const ln_vec_u8 *)x, *v = (const ln_vec_u8 *)y; /* all vectors are laid out alike */
      if (u->count != v->count || (u->count > 0 && memcmp(u->data, v->data, u->count * item) != 0)) return false;
    } else if (memcmp(x, y, sizeof(void *)) != 0) { /* the same text or table, or none */
      return false;
    }
  }
  return true;
}

static bool same_ops(const ln_op *a, const ln_op *b) {
  if (a->def != b->def || a->input_count != b->input_count || a->output_count != b->output_count) return false;
  if (a->intermediate_count > 0 || b->intermediate_count > 0 || !same_options(a, b)) return false;
  if ((a->custom_name == NULL) != (b->custom_name == NULL)) return false;
  if (a->custom_name != NULL && strcmp(a->custom_name, b->custom_name) != 0) return false;
  if (a->custom_options_size != b->custom_options_size) return false;
  if (a->custom_options_size > 0 && memcmp(a->custom_options, b->custom_options, a->custom_options_size) != 0)
    return false;
  return same_indices(a->inputs, b->inputs, a->input_count) && same_indices(a->outputs, b->outputs, a->output_count);
}

static bool same_graphs(const ln_graph *a, const ln_graph *b) {
  if (a->op_count != b->op_count || a->tensor_count != b->tensor_count) return false;
  if (a->input_count != b->input_count || a->output_count != b->output_count) return false;
  if (!same_indices(a->inputs, b->inputs, a->input_count) || !same_indices(a->outputs, b->outputs, a->output_count))
    return false;
  for (int32_t i = 0; i < a->op_count; ++i) {
    if (!same_ops(&a->ops[i], &b->ops[i])) return false;
  }
  for (int32_t i = 0; i < a->tensor_count; ++i) {
    if (!same_tensors(&a->tensors[i], &b->tensors[i])) return false;
  }
  return true;
}

static ln_status renumber(void *context, const ln_op *op, int32_t *graph) {
  const int32_t *to = context;
  (void)op;
  *graph = to[*graph];
  return LN_OK;
}

/* Moves every reference; graphs that lost theirs go. */
static void take_numbers(ln_model *model, int32_t *to) {
  int32_t kept = 0;
  for (int32_t i = 0; i < model->graph_count; ++i) {
    if (to[i] != i) {
      to[i] = to[to[i]]; /* the one it equals stands before it and has its number */
      continue;
    }
    model->graphs[kept] = model->graphs[i];
    to[i] = kept++;
  }
  model->graph_count = kept;
  for (int32_t i = 0; i < kept; ++i) {
    for (int32_t k = 0; k < model->graphs[i].op_count; ++k) ln_op_each_graph(&model->graphs[i].ops[k], renumber, to);
  }
  for (int32_t i = 0; i < model->signature_count; ++i) model->signatures[i].graph = to[model->signatures[i].graph];
}

ln_status ln_convert_join_graphs(ln_model *model, ln_error *err) {
  int32_t *to = ln_arena_array(&model->arena, (size_t)model->graph_count + 1, sizeof *to);
  if (to == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for pass join_graphs");
  bool found = false;
  for (int32_t i = 0; i < model->graph_count; ++i) {
    to[i] = i;
    for (int32_t k = 0; k < i && to[i] == i; ++k) {
      if (to[k] == k && same_graphs(&model->graphs[k], &model->graphs[i])) to[i] = k;
    }
    found = found || to[i] != i;
  }
  if (found) take_numbers(model, to);
  return LN_OK;
}
