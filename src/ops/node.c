/* What the operators' own files share: messages, shapes, ranges of fused activations, evaluating one node. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/move.h"
#include "ops/ops.h"

ln_status ln_node_fail(const ln_node *node, ln_error *err, ln_status status, const char *format, ...) {
  if (err == NULL) return status;
  char text[400];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  const ln_op *op = node->op;
  const char *name = op->custom_name != NULL ? op->custom_name : op->def->name;
  const char *tensor = node->out_count > 0 && node->out[0] != NULL ? node->out[0]->name : "";
  if (op->origin == NULL) return ln_fail(err, status, "op %d %.60s \"%.120s\": %s", op->index, name, tensor, text);
  return ln_fail(err, status, "op %d %.60s \"%.120s\" of %.80s: %s", op->index, name, tensor, op->origin, text);
}

ln_status ln_node_set_shape(ln_node *node, int32_t index, const ln_shape *shape, ln_error *err) {
  ln_tensor *tensor = node->out[index];
  size_t bytes;
  char text[96];
  if (shape->rank < 0 || shape->rank > LN_MAX_RANK) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d would have rank %d (at most %d)", index, shape->rank,
                        LN_MAX_RANK);
  }
  if (ln_type_bits(tensor->type) != 0 && !ln_tensor_size(tensor->type, shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d would have the impossible shape %s", index,
                        ln_shape_format(shape, text, sizeof text));
  }
  tensor->shape = *shape;
  return LN_OK;
}

ln_status ln_node_check_built(const ln_node *node, uint32_t types, ln_error *err) {
  const ln_type type = node->in[0]->type;
  if ((types >> type & 1) != 0) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "%s is left out of this build", ln_type_name(type));
}

ln_status ln_node_check_sparse(const ln_node *node, ln_error *err) {
  const uint32_t flags = node->op->def->flags;
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i] == NULL) continue;
    if (LN_HAS_CODEBOOKS && node->in[i]->codebook != NULL && (i != 1 || (flags & LN_OPF_READS_CODEBOOK) == 0)) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "input %d \"%s\" is stored by table", (int)i,
                          node->in[i]->name);
    }
    if (node->in[i]->sparsity == NULL || (flags & LN_OPF_TAKES_SPARSE) != 0) continue;
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "input %d \"%s\" is sparse", (int)i, node->in[i]->name);
  }
  return LN_OK;
}

ln_status ln_infer_same(ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &node->in[0]->shape, err));
  return LN_OK;
}

ln_status ln_infer_broadcast(ln_node *node, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape;
  const ln_shape *b = &node->in[1]->shape;
  ln_shape shape;
  if (!ln_shape_broadcast(a, b, &shape)) {
    char text_a[96], text_b[96];
    return ln_node_fail(node, err, LN_ERR_SHAPE, "inputs %s and %s do not broadcast",
                        ln_shape_format(a, text_a, sizeof text_a), ln_shape_format(b, text_b, sizeof text_b));
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_node_ints(const ln_node *node, int32_t input, int64_t *values, int32_t capacity, int32_t *count,
                       ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  size_t elements;
  if (tensor->type != LN_INT32 && tensor->type != LN_INT64 && tensor->type != LN_INT16) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "input %d \"%s\" must be int32, int64 or int16, is %s", input,
                        tensor->name, ln_type_name(tensor->type));
  }
  if (!ln_shape_elements(&tensor->shape, &elements) || elements > (size_t)capacity) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d \"%s\" has more than %d values", input, tensor->name,
                        capacity);
  }
  if (elements == 0) {
    *count = 0;
    return LN_OK;
  }
  if (tensor->data == NULL) return (ln_status)LN_INFER_LATER;
  if (!ln_tensor_ints(tensor, values, capacity, count)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "input %d \"%s\" cannot be read", input, tensor->name);
  }
  return LN_OK;
}

size_t ln_broadcast_source(const ln_shape *out, const ln_shape *in, int32_t inner, size_t index) {
  size_t at = 0, stride = 1;
  for (int32_t i = inner + 1; i <= in->rank; ++i) {
    const size_t extent = (size_t)out->dims[out->rank - i], own = (size_t)in->dims[in->rank - i];
    if (own != 1) at += index % extent * stride;
    index /= extent;
    stride *= own;
  }
  return at;
}

bool ln_axis_normalize(int64_t axis, int32_t rank, int32_t *out) {
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return false;
  *out = (int32_t)axis;
  return true;
}

static ln_status storage_range(const ln_node *node, const ln_tensor *tensor, ln_error *err, int32_t *low,
                               int32_t *high) {
  switch (tensor->type) {
    case LN_INT8:
      *low = INT8_MIN;
      *high = INT8_MAX;
      return LN_OK;
    case LN_UINT8:
      *low = 0;
      *high = UINT8_MAX;
      return LN_OK;
    case LN_INT16:
      *low = INT16_MIN;
      *high = INT16_MAX;
      return LN_OK;
    default:
      return ln_node_fail(node, err, LN_ERR_TYPE, "a fused activation on %s has no quantized form",
                          ln_type_name(tensor->type));
  }
}

ln_status ln_node_quantized_range(const ln_node *node, int32_t activation, const ln_tensor *output, ln_error *err,
                                  int32_t *low, int32_t *high) {
  LN_TRY(storage_range(node, output, err, low, high));
  float from, to;
  LN_TRY(ln_node_float_range(node, activation, err, &from, &to));
  const float scale = ln_scale_of(output);
  if (activation != LN_ACT_NONE && !(scale > 0.0f && isfinite(scale))) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "output \"%s\" has no usable scale", output->name);
  }
  const int32_t zero_point = ln_zero_point_of(output);
  /* zero_point + round(real / scale), rounding half away from zero; limits beyond the type leave it as it is. */
  if (isfinite(from)) {
    const double stored = (double)zero_point + (double)roundf(from / scale);
    if (stored > *low) *low = stored < *high ? (int32_t)stored : *high;
  }
  if (isfinite(to)) {
    const double stored = (double)zero_point + (double)roundf(to / scale);
    if (stored < *high) *high = stored > *low ? (int32_t)stored : *low;
  }
  return LN_OK;
}

ln_status ln_node_float_range(const ln_node *node, int32_t activation, ln_error *err, float *low, float *high) {
  *low = -INFINITY;
  *high = INFINITY;
  switch (activation) {
    case LN_ACT_NONE: return LN_OK;
    case LN_ACT_RELU: *low = 0.0f; return LN_OK;
    case LN_ACT_RELU_N1_TO_1:
      *low = -1.0f;
      *high = 1.0f;
      return LN_OK;
    case LN_ACT_RELU6:
      *low = 0.0f;
      *high = 6.0f;
      return LN_OK;
    default: {
      const char *name = ln_schema_enum_name(LN_ENUM_activation, activation);
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "fused activation %s",
                          name == NULL ? "of unknown number" : name);
    }
  }
}

static ln_status allocate_outputs(ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < node->out_count; ++i) {
    ln_tensor *tensor = node->out[i];
    size_t bytes;
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "output %d has no fixed size", i);
    }
    tensor->data = ln_alloc(bytes);
    if (tensor->data == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for %zu bytes", bytes);
    tensor->bytes = bytes;
    tensor->storage = LN_STORAGE_HEAP;
  }
  return LN_OK;
}

bool ln_node_makes_nothing(const ln_node *node) {
  bool nothing = node->out_count > 0 && (node->op->def->flags & LN_OPF_STATEFUL) == 0;
  for (int32_t i = 0; nothing && i < node->out_count; ++i) {
    const ln_tensor *out = node->out[i]; /* an output of strings holds their number even where that is 0 */
    const bool plain = out != NULL && out->type != LN_STRING && out->type != LN_RESOURCE && out->type != LN_VARIANT;
    nothing = plain && ln_tensor_is_empty(out);
  }
  return nothing;
}

ln_status ln_node_evaluate(ln_node *node, ln_error *err) {
  ln_arena arena = {0};
  void *scratch = NULL, *thread_scratch = NULL;
  ln_pack_cache *cache = ln_pack_cache_create(0);
  ln_status status = cache == NULL ? ln_node_fail(node, err, LN_ERR_MEMORY, "no memory") : LN_OK;
  if (status == LN_OK) status = ln_node_check_sparse(node, err);
  if (status == LN_OK) status = node->op->def->infer(node, err);
  if (status != LN_OK) goto out;
  ln_prep prep = {.arena = &arena, .cache = cache, .threads = 1, .err = err};
  status = ln_node_prepare(node, &prep);
  if (status == LN_OK) status = allocate_outputs(node, err);
  if (status != LN_OK) goto out;
  node->idle = ln_node_makes_nothing(node);
  scratch = ln_alloc(node->scratch_bytes);
  thread_scratch = ln_alloc(node->thread_scratch_bytes);
  if (scratch == NULL || thread_scratch == NULL) {
    status = ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for scratch");
    goto out;
  }
  ln_exec exec = {
      .scratch = scratch, .thread_scratch = thread_scratch, .thread_stride = node->thread_scratch_bytes, .err = err};
  status = ln_node_run(node, &exec);
out:
  ln_free(scratch);
  ln_free(thread_scratch);
  ln_pack_cache_destroy(cache);
  ln_arena_free(&arena);
  return status;
}
