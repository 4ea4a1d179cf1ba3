/*
 * Common subexpressions: operators without state that do the same with the same inputs become one, and constants of one
 * content become one tensor.
 */
#include <string.h>

#include "passes/convert/convert_rewrite.h"

enum { MOST_CONSTANT = 256 }; /* bytes: small ones alone are compared */

typedef struct table {
  int32_t *slots; /* op or tensor + 1; 0: free */
  size_t mask;
} table;

static bool open_table(table *t, int32_t items) {
  size_t count = 16;
  while (count / 2 < (size_t)items) count *= 2;
  t->mask = count - 1;
  t->slots = ln_alloc_array(count, sizeof *t->slots);
  return t->slots != NULL;
}

static bool is_simple(const ln_table_info *info) {
  for (int32_t i = 0; info != NULL && i < info->field_count; ++i) {
    if (info->fields[i].field_class != LN_CLASS_SCALAR && info->fields[i].field_class != LN_CLASS_VECTOR) return false;
  }
  return true;
}

static bool same_field(const ln_field_info *field, const char *a, const char *b) {
  if (field->field_class == LN_CLASS_SCALAR)
    return memcmp(a + field->offset, b + field->offset, ln_kind_size((ln_kind)field->kind)) == 0;
  ln_vec_u8 x, y; /* vectors of all kinds are laid out alike */
  memcpy(&x, a + field->offset, sizeof x);
  memcpy(&y, b + field->offset, sizeof y);
  return x.count == y.count &&
         (x.count == 0 || memcmp(x.data, y.data, x.count * ln_kind_size((ln_kind)field->kind)) == 0);
}

static bool same_options(const ln_op *a, const ln_op *b) {
  const ln_table_info *info = ln_schema_table(a->options_table);
  if (a->options_table != b->options_table) return false;
  if (info == NULL || a->options == NULL || b->options == NULL) return a->options == b->options;
  for (int32_t i = 0; i < info->field_count; ++i) {
    if (!same_field(&info->fields[i], a->options, b->options)) return false;
  }
  return true;
}

static bool is_shareable(const ln_graph *graph, const ln_op *op) {
  if ((op->def->flags & LN_OPF_STATEFUL) != 0 || op->custom_name != NULL || op->def->run == NULL) return false;
  if (op->output_count < 1 || op->intermediate_count > 0 || op->def->code == LN_OP_READ_VARIABLE) return false;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] >= 0 && graph->tensors[op->inputs[i]].is_variable) return false;
  }
  return is_simple(ln_schema_table(op->options_table));
}

static bool same_op(const ln_graph *graph, const ln_op *a, const ln_op *b) {
  if (a->def != b->def || a->input_count != b->input_count || a->output_count != b->output_count) return false;
  if (a->input_count > 0 && memcmp(a->inputs, b->inputs, (size_t)a->input_count * sizeof *a->inputs) != 0) return false;
  for (int32_t i = 0; i < a->output_count; ++i) {
    const ln_tensor *x = &graph->tensors[a->outputs[i]], *y = &graph->tensors[b->outputs[i]];
    if (x->type != y->type || !ln_same_quantization(x, y) || !ln_shape_equal(&x->signature, &y->signature))
      return false;
  }
  return same_options(a, b);
}

static size_t hash_op(const ln_op *op) {
  size_t hash = (size_t)ln_hash64(op->inputs, (size_t)op->input_count * sizeof *op->inputs);
  return hash ^ (size_t)op->def->code * 0x9e3779b97f4a7c15u;
}

static int32_t share_ops(ln_rewriter *r) {
  table t;
  int32_t changes = 0;
  if (!open_table(&t, r->graph->op_count)) {
    r->failed = true;
    return 0;
  }
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    if (!is_shareable(r->graph, op)) continue;
    bool is_output = false;
    for (int32_t j = 0; j < op->output_count; ++j) is_output = is_output || ln_rewriter_is_output(r, op->outputs[j]);
    size_t at = hash_op(op) & t.mask;
    while (t.slots[at] != 0 && !same_op(r->graph, &r->graph->ops[t.slots[at] - 1], op)) at = (at + 1) & t.mask;
    if (t.slots[at] == 0) {
      t.slots[at] = i + 1;
    } else if (!is_output) {
      const ln_op *first = &r->graph->ops[t.slots[at] - 1];
      for (int32_t j = 0; j < op->output_count; ++j) ln_rewriter_replace(r, op->outputs[j], first->outputs[j]);
      r->drop[i] = true;
      ++changes;
    }
  }
  ln_free(t.slots);
  return changes;
}

static bool same_constant(const ln_tensor *a, const ln_tensor *b) {
  return a->type == b->type && a->bytes == b->bytes && ln_shape_equal(&a->shape, &b->shape) &&
         memcmp(a->data, b->data, a->bytes) == 0;
}

/* Readers of small constants read the first of each content. */
static void share_constants(ln_rewriter *r) {
  table t;
  if (!open_table(&t, r->graph->tensor_count)) {
    r->failed = true;
    return;
  }
  int32_t *instead = ln_alloc_array((size_t)r->graph->tensor_count + 1, sizeof *instead);
  for (int32_t i = 0; instead != NULL && i < r->graph->tensor_count; ++i) {
    const ln_tensor *tensor = &r->graph->tensors[i];
    instead[i] = i;
    if (!ln_is_plain_constant(tensor) || tensor->bytes > MOST_CONSTANT || tensor->quant->kind != LN_QUANT_NONE ||
        tensor->type == LN_STRING) {
      continue;
    }
    size_t at = (size_t)ln_hash64(tensor->data, tensor->bytes) & t.mask;
    while (t.slots[at] != 0 && !same_constant(&r->graph->tensors[t.slots[at] - 1], tensor)) at = (at + 1) & t.mask;
    if (t.slots[at] == 0) t.slots[at] = i + 1;
    else instead[i] = t.slots[at] - 1;
  }
  for (int32_t i = 0; instead != NULL && i < r->graph->op_count; ++i) {
    ln_op *op = &r->graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) op->inputs[j] = instead[op->inputs[j]];
    }
  }
  if (instead == NULL) r->failed = true;
  ln_free(instead);
  ln_free(t.slots);
}

ln_status ln_convert_pass_common(ln_convert_context *context) {
  ln_rewriter r;
  LN_TRY(ln_rewriter_open(context, &r));
  share_constants(&r);
  const int32_t changes = r.failed ? 0 : share_ops(&r);
  return ln_rewriter_close(&r, changes);
}
