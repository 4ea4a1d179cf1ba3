/* Comparing models, field by field of the IR; what hangs off it as structs of the schema, by their descriptors. */
#include "support/model_equal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "linnet/inspect.h"

static char difference[512];

static const char *differ(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *differ(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(difference, sizeof difference, format, list);
  va_end(list);
  return difference;
}

#define SAME(call)                     \
  do {                                 \
    const char *found_ = (call);       \
    if (found_ != NULL) return found_; \
  } while (0)
#define WANT(condition, ...)                      \
  do {                                            \
    if (!(condition)) return differ(__VA_ARGS__); \
  } while (0)

static const char *same_table(ln_table_id table, const void *a, const void *b);

static const char *same_field(const ln_field_info *field, const void *a, const void *b) {
  const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
  if (field->field_class == LN_CLASS_SCALAR) {
    WANT(memcmp(x, y, ln_kind_size((ln_kind)field->kind)) == 0, "%s", ln_field_name(field));
    return NULL;
  }
  const void *p, *q;
  memcpy(&p, x, sizeof p);
  memcpy(&q, y, sizeof q);
  WANT((p == NULL) == (q == NULL), "%s is absent in one", ln_field_name(field));
  if (p == NULL) return NULL;
  switch ((ln_field_class)field->field_class) {
    case LN_CLASS_STRING: WANT(strcmp(p, q) == 0, "%s", ln_field_name(field)); return NULL;
    case LN_CLASS_TABLE: return same_table((ln_table_id)field->of, p, q);
    case LN_CLASS_UNION: {
      const uint8_t tag = *((const uint8_t *)a + field[-1].offset);
      return same_table(ln_schema_union_member((ln_union_id)field->of, tag), p, q);
    }
    case LN_CLASS_VECTOR: {
      ln_vec_u8 v, w;
      memcpy(&v, x, sizeof v);
      memcpy(&w, y, sizeof w);
      WANT(v.count == w.count && memcmp(v.data, w.data, v.count * ln_kind_size((ln_kind)field->kind)) == 0, "%s",
           ln_field_name(field));
      return NULL;
    }
    default: break;
  }
  ln_vec_ptr v, w;
  memcpy(&v, x, sizeof v);
  memcpy(&w, y, sizeof w);
  WANT(v.count == w.count, "count of %s", ln_field_name(field));
  for (uint32_t i = 0; i < v.count; ++i) {
    if (field->field_class == LN_CLASS_TABLES) SAME(same_table((ln_table_id)field->of, v.data[i], w.data[i]));
    else WANT(strcmp(v.data[i], w.data[i]) == 0, "%s", ln_field_name(field));
  }
  return NULL;
}

static const char *same_table(ln_table_id table, const void *a, const void *b) {
  const ln_table_info *info = ln_schema_table(table);
  WANT((a == NULL) == (b == NULL), "a table is absent in one");
  if (info == NULL || a == NULL) return NULL;
  for (uint16_t i = 0; i < info->field_count; ++i) SAME(same_field(&info->fields[i], a, b));
  return NULL;
}

static const char *same_indices(const char *what, const int32_t *a, int32_t a_count, const int32_t *b,
                                int32_t b_count) {
  WANT(a_count == b_count, "count of %s: %d and %d", what, a_count, b_count);
  for (int32_t i = 0; i < a_count; ++i) WANT(a[i] == b[i], "%s %d", what, i);
  return NULL;
}

static const char *same_quant(const ln_quant *a, const ln_quant *b) {
  WANT(a->kind == b->kind && a->count == b->count && a->axis == b->axis, "kind of quantization");
  WANT(a->scales_tensor == b->scales_tensor && a->zero_points_tensor == b->zero_points_tensor &&
           a->block_size == b->block_size,
       "blockwise quantization");
  for (int32_t i = 0; i < a->count; ++i) {
    WANT(a->scale[i] == b->scale[i] && a->zero_point[i] == b->zero_point[i], "scale or zero point %d", i);
  }
  return same_table(LN_TABLE_quantization_parameters, a->source, b->source);
}

static const char *same_tensor(const ln_tensor *a, const ln_tensor *b) {
  WANT(strcmp(a->name, b->name) == 0, "name");
  WANT(a->type == b->type, "type");
  WANT(ln_shape_equal(&a->shape, &b->shape) && ln_shape_equal(&a->signature, &b->signature), "shape");
  WANT(a->has_rank == b->has_rank && a->has_signature == b->has_signature, "kind of shape");
  WANT(a->is_variable == b->is_variable && a->storage == b->storage, "storage");
  WANT(a->bytes == b->bytes && (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0), "data");
  WANT(a->buffer == b->buffer, "buffer");
  WANT((a->variants == NULL) == (b->variants == NULL), "variants");
  SAME(same_quant(a->quant, b->quant));
  return same_table(LN_TABLE_sparsity_parameters, a->sparsity, b->sparsity);
}

static const char *same_op(const ln_op *a, const ln_op *b) {
  WANT(a->def == b->def && strcmp(ln_op_name(a), ln_op_name(b)) == 0, "operator");
  WANT(a->version == b->version && a->index == b->index, "version or index");
  SAME(same_indices("inputs", a->inputs, a->input_count, b->inputs, b->input_count));
  SAME(same_indices("outputs", a->outputs, a->output_count, b->outputs, b->output_count));
  SAME(same_indices("intermediates", a->intermediates, a->intermediate_count, b->intermediates, b->intermediate_count));
  WANT(a->options_table == b->options_table && a->has_options == b->has_options, "kind of options");
  WANT(a->custom_options_size == b->custom_options_size &&
           (a->custom_options_size == 0 || memcmp(a->custom_options, b->custom_options, a->custom_options_size) == 0),
       "custom options");
  WANT(a->mutating.count == b->mutating.count, "mutating inputs");
  WANT(a->debug_metadata_index == b->debug_metadata_index, "debug metadata");
  return same_table(a->options_table, a->options, b->options);
}

static const char *same_graph(const ln_graph *a, const ln_graph *b) {
  WANT(strcmp(a->name, b->name) == 0, "name of the graph");
  WANT(a->tensor_count == b->tensor_count && a->op_count == b->op_count, "size of the graph");
  SAME(same_indices("graph inputs", a->inputs, a->input_count, b->inputs, b->input_count));
  SAME(same_indices("graph outputs", a->outputs, a->output_count, b->outputs, b->output_count));
  for (int32_t i = 0; i < a->tensor_count; ++i) {
    const char *found = same_tensor(&a->tensors[i], &b->tensors[i]);
    WANT(found == NULL, "tensor %d \"%.100s\": %.300s", i, a->tensors[i].name, found);
  }
  for (int32_t i = 0; i < a->op_count; ++i) {
    const char *found = same_op(&a->ops[i], &b->ops[i]);
    WANT(found == NULL, "op %d %.100s: %.300s", i, ln_op_name(&a->ops[i]), found);
  }
  return NULL;
}

static const char *same_signature(const ln_signature *a, const ln_signature *b) {
  WANT(strcmp(a->key, b->key) == 0 && a->graph == b->graph, "signature");
  SAME(same_indices("signature inputs", a->inputs, a->input_count, b->inputs, b->input_count));
  SAME(same_indices("signature outputs", a->outputs, a->output_count, b->outputs, b->output_count));
  for (int32_t i = 0; i < a->input_count; ++i) {
    WANT(strcmp(a->input_keys[i], b->input_keys[i]) == 0, "signature input %d", i);
  }
  for (int32_t i = 0; i < a->output_count; ++i) {
    WANT(strcmp(a->output_keys[i], b->output_keys[i]) == 0, "signature output %d", i);
  }
  return NULL;
}

static const char *same_metadata(const ln_metadata *a, const ln_metadata *b) {
  WANT(strcmp(a->name, b->name) == 0 && a->buffer == b->buffer && a->size == b->size, "metadata \"%.100s\"", a->name);
  WANT(a->size == 0 || memcmp(a->data, b->data, a->size) == 0, "metadata \"%.100s\"", a->name);
  return NULL;
}

const char *model_difference(const ln_model *a, const ln_model *b) {
  WANT(strcmp(a->description, b->description) == 0 && a->version == b->version, "description or version");
  WANT(a->graph_count == b->graph_count && a->signature_count == b->signature_count &&
           a->metadata_count == b->metadata_count && a->buffer_count == b->buffer_count,
       "count of graphs, signatures, metadata or buffers");
  for (int32_t i = 0; i < a->graph_count; ++i) SAME(same_graph(&a->graphs[i], &b->graphs[i]));
  for (int32_t i = 0; i < a->signature_count; ++i) SAME(same_signature(&a->signatures[i], &b->signatures[i]));
  for (int32_t i = 0; i < a->metadata_count; ++i) SAME(same_metadata(&a->metadata[i], &b->metadata[i]));
  for (uint32_t i = 0; i < a->buffer_count; ++i) {
    const ln_buffer *x = &a->buffers[i], *y = &b->buffers[i];
    WANT(x->size == y->size && (x->size == 0 || memcmp(x->data, y->data, x->size) == 0), "buffer %u", i);
  }
  return NULL;
}
