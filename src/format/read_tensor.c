/* Tensors: shapes, constants in the file's own memory, the many forms of quantization records. */
#include <limits.h>
#include <string.h>

#include "format/read.h"

static ln_status read_dims(ln_reader *reader, const ln_vec_i32 *from, ln_shape *out) {
  if (from->count > LN_MAX_RANK) {
    return ln_fail(reader->err, LN_ERR_UNSUPPORTED, "has %u dimensions; %d are the most supported", from->count,
                   LN_MAX_RANK);
  }
  for (uint32_t i = 0; i < from->count; ++i) {
    if (from->data[i] < -1) return ln_fail(reader->err, LN_ERR_MODEL, "dimension %u is %d", i, from->data[i]);
  }
  *out = ln_shape_make((int32_t)from->count, from->data);
  return LN_OK;
}

static ln_status read_shape(ln_reader *reader, const ln_tensor_table *from, ln_tensor *tensor) {
  LN_TRY(read_dims(reader, &from->shape, &tensor->shape));
  tensor->signature = tensor->shape;
  /* Readers of other makes look at the signature of inputs only, and not at its rank. */
  if (from->shape_signature.data == NULL || from->shape_signature.count != from->shape.count) return LN_OK;
  tensor->has_signature = true;
  return read_dims(reader, &from->shape_signature, &tensor->signature);
}

/* ---- quantization ---- */

/* The axis that the scales run along. Old converters give biases the axis of their filter. */
static int32_t find_axis(const ln_shape *shape, int32_t axis, int32_t count) {
  if (axis >= 0 && axis < shape->rank && shape->dims[axis] == count) return axis;
  if (axis < 0 && axis >= -shape->rank && shape->dims[axis + shape->rank] == count) return axis + shape->rank;
  if (shape->rank == 1 && shape->dims[0] == count) return 0;
  return -1;
}

static ln_status read_scales(ln_reader *reader, const ln_quantization_parameters *from, const ln_tensor *tensor,
                             ln_quant *quant) {
  const uint32_t count = from->scale.count;
  if (count > INT32_MAX) return ln_fail(reader->err, LN_ERR_MODEL, "has too many scales");
  quant->kind = count == 1 ? LN_QUANT_TENSOR : LN_QUANT_AXIS;
  quant->count = (int32_t)count;
  quant->scale = from->scale.data;
  quant->zero_point = from->zero_point.data;
  if (count > 1) {
    quant->axis = find_axis(&tensor->shape, from->quantized_dimension, quant->count);
    if (quant->axis < 0) {
      return ln_fail(reader->err, LN_ERR_MODEL, "has %u scales for dimension %d, which is of another size", count,
                     from->quantized_dimension);
    }
  }
  if (from->zero_point.count >= count) return LN_OK;
  int64_t *zero_points = ln_arena_array(&reader->model->arena, count, sizeof *zero_points);
  if (zero_points == NULL) return ln_read_no_memory(reader);
  /* One zero point stands for all; none stands for zeros. */
  for (uint32_t i = 0; i < count; ++i) {
    if (from->zero_point.count == 1) zero_points[i] = from->zero_point.data[0];
    else if (i < from->zero_point.count) zero_points[i] = from->zero_point.data[i];
  }
  quant->zero_point = zero_points;
  return LN_OK;
}

/* Blockwise details come before any scales: these are then for readers that do not know them. */
static bool read_blockwise(const ln_quantization_parameters *from, ln_quant *quant) {
  const ln_table_id table = ln_schema_union_member(LN_UNION_quantization_details, from->details_type);
  if (from->details == NULL || table != LN_TABLE_blockwise_quantization) return false;
  const ln_blockwise_quantization *blocks = from->details;
  quant->kind = LN_QUANT_BLOCKWISE;
  quant->scales_tensor = blocks->scales;
  quant->zero_points_tensor = blocks->zero_points;
  quant->block_size = blocks->block_size;
  return true;
}

static ln_status read_quant(ln_reader *reader, const ln_tensor_table *from, ln_tensor *tensor) {
  tensor->quant = &ln_quant_none;
  if (from->quantization == NULL) return LN_OK;
  ln_quant *quant = ln_arena_alloc(&reader->model->arena, sizeof *quant);
  if (quant == NULL) return ln_read_no_memory(reader);
  *quant = ln_quant_none;
  quant->source = from->quantization;
  tensor->quant = quant;
  if (read_blockwise(from->quantization, quant)) return LN_OK;
  if (from->quantization->scale.count > 0) return read_scales(reader, from->quantization, tensor, quant);
  if (from->quantization->details != NULL) quant->kind = LN_QUANT_CUSTOM;
  return LN_OK;
}

/* ---- constants ---- */

static size_t element_alignment(ln_type type) {
  if (type == LN_STRING) return sizeof(int32_t);
  const int32_t bits = ln_type_bits(type);
  if (type == LN_COMPLEX64 || type == LN_COMPLEX128) return (size_t)bits / 16;
  return bits < 8 ? 1 : (size_t)bits / 8;
}

ln_status ln_read_align_buffer(ln_reader *reader, ln_type type, ln_buffer *buffer) {
  if ((uintptr_t)buffer->data % element_alignment(type) == 0) return LN_OK;
  if (buffer->size > reader->size - reader->copied) {
    return ln_fail(reader->err, LN_ERR_FORMAT, "shares its data with more buffers than the file has room for");
  }
  void *copy = ln_arena_copy(&reader->model->arena, buffer->data, buffer->size);
  if (copy == NULL) return ln_read_no_memory(reader);
  reader->copied += buffer->size;
  buffer->data = copy;
  return LN_OK;
}

static ln_status read_data(ln_reader *reader, const ln_tensor_table *from, ln_tensor *tensor) {
  tensor->buffer = from->buffer;
  tensor->is_variable = from->is_variable;
  if (from->external_buffer != 0) {
    return ln_fail(reader->err, LN_ERR_FEATURE,
                   "its data is in another file (external buffer %u), which is not supported", from->external_buffer);
  }
  if (from->buffer == 0) return LN_OK;
  if (from->buffer >= reader->model->buffer_count) {
    return ln_fail(reader->err, LN_ERR_MODEL, "buffer %u of %u does not exist", from->buffer,
                   reader->model->buffer_count);
  }
  ln_buffer *buffer = &reader->model->buffers[from->buffer];
  if (buffer->size == 0) return LN_OK;
  if (from->is_variable) {
    return ln_fail(reader->err, LN_ERR_UNSUPPORTED, "is a variable with a first value other than zero");
  }
  LN_TRY(ln_read_align_buffer(reader, tensor->type, buffer));
  tensor->storage = LN_STORAGE_CONST;
  tensor->data = (void *)buffer->data;
  tensor->bytes = buffer->size;
  return LN_OK;
}

static ln_status read_tensor(ln_reader *reader, const ln_tensor_table *from, ln_tensor *tensor) {
  tensor->name = from->name == NULL ? "" : from->name;
  if (from->type < 0 || from->type >= LN_TYPE_COUNT) {
    return ln_fail(reader->err, LN_ERR_FEATURE, "element type %d is not known to this version", from->type);
  }
  tensor->type = (ln_type)from->type;
  tensor->has_rank = from->has_rank;
  tensor->sparsity = from->sparsity;
  tensor->variants = from->variant_tensors.data == NULL ? NULL : &from->variant_tensors;
  LN_TRY(read_shape(reader, from, tensor));
  LN_TRY(read_quant(reader, from, tensor));
  return read_data(reader, from, tensor);
}

ln_status ln_read_tensors(ln_reader *reader, const ln_subgraph *from, ln_graph *graph) {
  graph->tensors = ln_arena_array(&reader->model->arena, from->tensors.count, sizeof *graph->tensors);
  if (graph->tensors == NULL) return ln_read_no_memory(reader);
  graph->tensor_count = graph->tensor_capacity = (int32_t)from->tensors.count;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    const ln_status status = read_tensor(reader, from->tensors.data[i], tensor);
    if (status != LN_OK) {
      ln_error_prefix(reader->err, "tensor %d \"%.150s\"", i, tensor->name);
      return status;
    }
  }
  return LN_OK;
}
