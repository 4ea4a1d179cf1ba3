/* The check of a graph: all that kernels rely on and that does not depend on the operators' rows. */
#include <math.h>
#include <string.h>

#include "ir/ir.h"
#include "ir/verify.h"

enum { DEEPEST_CALL = 32 }; /* graphs that run graphs */

/* ---- tensors ---- */

/* Zero points lie in the range of what they are subtracted from, so that kernels' sums cannot overflow. */
static bool zero_point_fits(ln_type type, int64_t zero_point) {
  int64_t low = INT32_MIN, high = INT32_MAX;
  switch (type) {
    case LN_INT2: low = -2, high = 1; break;
    case LN_INT4: low = -8, high = 7; break;
    case LN_UINT4: low = 0, high = 15; break;
    case LN_INT8: low = INT8_MIN, high = INT8_MAX; break;
    case LN_UINT8: low = 0, high = UINT8_MAX; break;
    case LN_INT16: low = INT16_MIN, high = INT16_MAX; break;
    case LN_UINT16: low = 0, high = UINT16_MAX; break;
    default: break;
  }
  return zero_point >= low && zero_point <= high;
}

/* One value for each block: a constant of as many elements as `tensor` has blocks. */
static ln_status verify_blocks(const ln_graph *graph, const ln_tensor *tensor, int32_t index, const char *what,
                               ln_error *err) {
  size_t elements, blocks;
  if (index < 0 || index >= graph->tensor_count) {
    return ln_fail(err, LN_ERR_MODEL, "its %s are in tensor %d, which does not exist", what, index);
  }
  const ln_tensor *values = &graph->tensors[index];
  if (values == tensor || values->storage != LN_STORAGE_CONST || values->quant->kind == LN_QUANT_BLOCKWISE) {
    return ln_fail(err, LN_ERR_MODEL, "its %s in tensor %d are not plain constants", what, index);
  }
  if (!ln_shape_elements(&tensor->shape, &elements) || !ln_shape_elements(&values->shape, &blocks) ||
      blocks != elements / (size_t)tensor->quant->block_size) {
    return ln_fail(err, LN_ERR_MODEL, "its %s in tensor %d are not one for each block", what, index);
  }
  return LN_OK;
}

static ln_status verify_blockwise(const ln_graph *graph, const ln_tensor *tensor, ln_error *err) {
  const ln_quant *quant = tensor->quant;
  if (quant->block_size <= 0) return ln_fail(err, LN_ERR_MODEL, "has blocks of %d elements", quant->block_size);
  size_t elements;
  if (!ln_shape_elements(&tensor->shape, &elements) || !ln_blocks_fit(&tensor->shape, quant->block_size)) {
    return ln_fail(err, LN_ERR_MODEL, "its last dimension is not made of blocks of %d elements", quant->block_size);
  }
  LN_TRY(verify_blocks(graph, tensor, quant->scales_tensor, "scales", err));
  if (quant->zero_points_tensor == -1) return LN_OK;
  return verify_blocks(graph, tensor, quant->zero_points_tensor, "zero points", err);
}

static ln_status verify_quant(const ln_graph *graph, const ln_tensor *tensor, ln_error *err) {
  const ln_quant *quant = tensor->quant;
  if (quant->kind == LN_QUANT_BLOCKWISE) LN_TRY(verify_blockwise(graph, tensor, err));
  if (quant->count == 0) return LN_OK;
  if (quant->count < 0 || quant->scale == NULL || quant->zero_point == NULL) {
    return ln_fail(err, LN_ERR_MODEL, "has %d scales", quant->count);
  }
  if (quant->kind == LN_QUANT_AXIS) {
    if (quant->axis < 0 || quant->axis >= tensor->shape.rank || tensor->shape.dims[quant->axis] != quant->count) {
      return ln_fail(err, LN_ERR_MODEL, "has %d scales for dimension %d, which is of another size", quant->count,
                     quant->axis);
    }
  } else if (quant->count != 1) {
    return ln_fail(err, LN_ERR_MODEL, "has %d scales where one belongs", quant->count);
  }
  for (int32_t i = 0; i < quant->count; ++i) {
    if (!zero_point_fits(tensor->type, quant->zero_point[i])) {
      return ln_fail(err, LN_ERR_MODEL, "zero point %lld is not a value of %s", (long long)quant->zero_point[i],
                     ln_type_name(tensor->type));
    }
  }
  return LN_OK;
}

/* int32 count, count + 1 int32 offsets from the start, then the bytes. */
ln_status ln_strings_verify(const ln_tensor *tensor, ln_error *err) {
  size_t elements;
  if (!ln_shape_elements(&tensor->shape, &elements)) return ln_fail(err, LN_ERR_MODEL, "is too large");
  if (tensor->bytes == 0 && elements == 0) return LN_OK;
  const int32_t *header = tensor->data;
  const size_t words = tensor->bytes / sizeof *header;
  if (words == 0 || header[0] < 0 || (size_t)header[0] != elements) {
    return ln_fail(err, LN_ERR_MODEL, "its data does not hold the %zu strings that its shape says", elements);
  }
  if (elements == 0) return LN_OK;
  if (words < 2 || elements > words - 2) return ln_fail(err, LN_ERR_MODEL, "its strings reach past its data");
  int32_t last = (int32_t)((elements + 2) * sizeof *header);
  for (size_t i = 0; i <= elements; ++i) {
    const int32_t offset = header[i + 1];
    if (offset < last || (size_t)offset > tensor->bytes) {
      return ln_fail(err, LN_ERR_MODEL, "the offset of string %zu leads out of its data", i);
    }
    last = offset;
  }
  return LN_OK;
}

static ln_status verify_data(const ln_tensor *tensor, ln_error *err) {
  if (tensor->type == LN_RESOURCE || tensor->type == LN_VARIANT) {
    return ln_fail(err, LN_ERR_MODEL, "is a %s, which cannot be a constant", ln_type_name(tensor->type));
  }
  if (!ln_shape_known(&tensor->shape)) return ln_fail(err, LN_ERR_MODEL, "is a constant of unknown shape");
  if (tensor->sparsity != NULL) return ln_sparsity_verify(tensor, err);
  if (tensor->type == LN_STRING && tensor->codebook == NULL) return ln_strings_verify(tensor, err);
  size_t bytes, elements;
  char shape[96];
  if (tensor->codebook != NULL && ln_shape_elements(&tensor->shape, &elements)) {
    return ln_codebook_verify(tensor, elements, err);
  }
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes) || bytes != tensor->bytes) {
    return ln_fail(err, LN_ERR_MODEL, "holds %zu bytes, which is not what %s %s takes", tensor->bytes,
                   ln_type_name(tensor->type), ln_shape_format(&tensor->shape, shape, sizeof shape));
  }
  return LN_OK;
}

static ln_status verify_shape(const ln_tensor *tensor, ln_error *err) {
  const ln_shape *shape = &tensor->shape;
  if (shape->rank < 0 || shape->rank > LN_MAX_RANK || tensor->signature.rank != shape->rank) {
    return ln_fail(err, LN_ERR_MODEL, "has %d dimensions", shape->rank);
  }
  size_t elements, bytes;
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (shape->dims[i] < -1) return ln_fail(err, LN_ERR_MODEL, "dimension %d is %d", i, shape->dims[i]);
  }
  if (!ln_shape_known(shape)) return LN_OK;
  if (!ln_shape_elements(shape, &elements)) return ln_fail(err, LN_ERR_MODEL, "is larger than can be addressed");
  if (ln_type_bits(tensor->type) > 0 && !ln_tensor_size(tensor->type, shape, &bytes)) {
    return ln_fail(err, LN_ERR_MODEL, "is larger than can be addressed");
  }
  return LN_OK;
}

static ln_status verify_tensor(const ln_graph *graph, const ln_tensor *tensor, ln_error *err) {
  if ((int32_t)tensor->type < 0 || (int32_t)tensor->type >= LN_TYPE_COUNT) {
    return ln_fail(err, LN_ERR_MODEL, "is of no known element type");
  }
  LN_TRY(verify_shape(tensor, err));
  LN_TRY(verify_quant(graph, tensor, err));
  if (tensor->data != NULL) return verify_data(tensor, err);
  if (tensor->sparsity != NULL) return ln_fail(err, LN_ERR_MODEL, "is sparse but not a constant");
  if (tensor->codebook != NULL) return ln_fail(err, LN_ERR_MODEL, "is stored by table but not a constant");
  return LN_OK;
}

static ln_status verify_tensors(const ln_graph *graph, ln_error *err) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_status status = verify_tensor(graph, &graph->tensors[i], err);
    if (status != LN_OK) {
      ln_error_prefix(err, "tensor %d \"%.150s\"", i, graph->tensors[i].name);
      return status;
    }
  }
  return LN_OK;
}

/* ---- the order of operators ---- */

static bool is_tensor(const ln_graph *graph, int32_t index) { return index >= 0 && index < graph->tensor_count; }

/* Marks what is there before the first operator runs: constants, variables, inputs. */
static ln_status mark_sources(const ln_graph *graph, bool *ready, ln_error *err) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    ready[i] = tensor->storage == LN_STORAGE_CONST || tensor->is_variable;
  }
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t tensor = graph->inputs[i];
    if (!is_tensor(graph, tensor)) {
      return ln_fail(err, LN_ERR_MODEL, "input %d is tensor %d, which does not exist", i, tensor);
    }
    if (graph->tensors[tensor].storage == LN_STORAGE_CONST) {
      return ln_fail(err, LN_ERR_MODEL, "input %d \"%.150s\" is a constant", i, graph->tensors[tensor].name);
    }
    ready[tensor] = true;
  }
  return LN_OK;
}

static ln_status verify_op(const ln_graph *graph, const ln_op *op, bool *ready, bool *written, ln_error *err) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    const int32_t tensor = op->inputs[i];
    if (tensor == -1) continue;
    if (!is_tensor(graph, tensor)) {
      return ln_fail(err, LN_ERR_MODEL, "input %d is tensor %d, which does not exist", i, tensor);
    }
    if (!ready[tensor]) {
      return ln_fail(err, LN_ERR_MODEL, "input %d \"%.150s\" is read before anything writes it", i,
                     graph->tensors[tensor].name);
    }
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    const int32_t tensor = op->outputs[i];
    if (!is_tensor(graph, tensor)) {
      return ln_fail(err, LN_ERR_MODEL, "output %d is tensor %d, which does not exist", i, tensor);
    }
    if (written[tensor] || ready[tensor]) {
      return ln_fail(err, LN_ERR_MODEL, "output %d \"%.150s\" is already a constant, an input or another output", i,
                     graph->tensors[tensor].name);
    }
    written[tensor] = ready[tensor] = true;
  }
  for (int32_t i = 0; i < op->intermediate_count; ++i) {
    if (op->intermediates[i] != -1 && !is_tensor(graph, op->intermediates[i])) {
      return ln_fail(err, LN_ERR_MODEL, "intermediate %d is tensor %d, which does not exist", i, op->intermediates[i]);
    }
  }
  return LN_OK;
}

static ln_status verify_order(const ln_graph *graph, bool *ready, bool *written, ln_error *err) {
  LN_TRY(mark_sources(graph, ready, err));
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const ln_status status = verify_op(graph, op, ready, written, err);
    if (status != LN_OK) {
      const int32_t first = op->output_count > 0 ? op->outputs[0] : -1;
      const char *name = is_tensor(graph, first) ? graph->tensors[first].name : "";
      ln_error_prefix(err, "op %d %.60s \"%.120s\"", op->index, ln_op_name(op), name);
      return status;
    }
  }
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const int32_t tensor = graph->outputs[i];
    if (!is_tensor(graph, tensor)) {
      return ln_fail(err, LN_ERR_MODEL, "output %d is tensor %d, which does not exist", i, tensor);
    }
    if (!ready[tensor]) {
      return ln_fail(err, LN_ERR_MODEL, "output %d \"%.150s\" is written by nothing", i, graph->tensors[tensor].name);
    }
  }
  return LN_OK;
}

/* ---- operators that run graphs ---- */

ln_status ln_op_each_graph(const ln_op *op, ln_graph_visit visit, void *context) {
  const ln_table_info *info = ln_schema_table(op->options_table);
  if (info == NULL || op->options == NULL) return LN_OK;
  for (uint16_t i = 0; i < info->field_count; ++i) {
    const ln_field_info *field = &info->fields[i];
    const bool index =
        field->kind == LN_KIND_i32 || field->kind == LN_KIND_u32; /* beyond INT32_MAX: negative, refused */
    const bool named =
        strstr(ln_field_name(field), "subgraph") != NULL || strcmp(ln_field_name(field), "called_computations") == 0;
    if (!index || !named) continue;
    char *place = (char *)(uintptr_t)op->options + field->offset;
    if (field->field_class == LN_CLASS_SCALAR) {
      LN_TRY(visit(context, op, (int32_t *)place));
    } else if (field->field_class == LN_CLASS_VECTOR) {
      const ln_vec_i32 *indices = (const ln_vec_i32 *)place;
      for (uint32_t j = 0; j < indices->count; ++j) LN_TRY(visit(context, op, (int32_t *)(uintptr_t)&indices->data[j]));
    }
  }
  return LN_OK;
}

typedef struct call_walk {
  const ln_model *model;
  ln_error *err;
  uint8_t *height; /* of each graph: 0 not seen, BEING_WALKED, else how deep its calls go, itself counted */
  int32_t depth;
} call_walk;

enum { BEING_WALKED = 255 };

static ln_status walk_graph(call_walk *walk, int32_t index);

/* One graph's walk over the graphs it runs. */
typedef struct called_heights {
  call_walk *walk;
  int32_t highest;
} called_heights;

static ln_status walk_call(void *context, const ln_op *op, int32_t *place) {
  const int32_t index = *place;
  called_heights *called = context;
  call_walk *walk = called->walk;
  ln_status status;
  if (index < 0 || index >= walk->model->graph_count) {
    status = ln_fail(walk->err, LN_ERR_MODEL, "runs subgraph %d, which does not exist", index);
  } else if (walk->height[index] == BEING_WALKED) {
    status = ln_fail(walk->err, LN_ERR_MODEL, "runs subgraph %d, which runs it", index);
  } else if (walk->depth + (walk->height[index] > 0 ? walk->height[index] : 1) > DEEPEST_CALL) {
    status = ln_fail(walk->err, LN_ERR_UNSUPPORTED, "subgraphs run one another more than %d deep", DEEPEST_CALL);
  } else {
    LN_TRY(walk_graph(walk, index));
    if (walk->height[index] > called->highest) called->highest = walk->height[index];
    return LN_OK;
  }
  ln_error_prefix(walk->err, "op %d %.60s", op->index, ln_op_name(op));
  return status;
}

static ln_status walk_graph(call_walk *walk, int32_t index) {
  if (walk->height[index] != 0) return LN_OK;
  const ln_graph *graph = &walk->model->graphs[index];
  called_heights called = {walk, 0};
  walk->height[index] = BEING_WALKED;
  ++walk->depth;
  for (int32_t i = 0; i < graph->op_count; ++i) LN_TRY(ln_op_each_graph(&graph->ops[i], walk_call, &called));
  --walk->depth;
  walk->height[index] = (uint8_t)(called.highest + 1);
  return LN_OK;
}

static ln_status verify_calls(const ln_model *model, ln_error *err) {
  call_walk walk = {model, err, ln_alloc_array((size_t)model->graph_count, 1), 0};
  if (walk.height == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory while checking the model");
  ln_status status = LN_OK;
  for (int32_t i = 0; i < model->graph_count && status == LN_OK; ++i) status = walk_graph(&walk, i);
  ln_free(walk.height);
  return status;
}

/* ---- signatures ---- */

/* What a signature names: `among` says of each tensor whether the graph has it as an input (output). */
static ln_status verify_keys(const char *const *keys, const int32_t *tensors, int32_t count, int32_t tensor_count,
                             const bool *among, const char *what, ln_error *err) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] < 0 || tensors[i] >= tensor_count || !among[tensors[i]]) {
      return ln_fail(err, LN_ERR_MODEL, "%s \"%.100s\" is no %s of its graph", what, keys[i], what);
    }
    if (i > 0 && strcmp(keys[i - 1], keys[i]) == 0) {
      return ln_fail(err, LN_ERR_MODEL, "%s \"%.100s\" stands there twice", what, keys[i]);
    }
  }
  return LN_OK;
}

/* Of every tensor of every graph: is it an input, is it an output? */
typedef struct arity_marks {
  bool *inputs, *outputs; /* one allocation; graphs one after another */
  size_t *first;          /* where each graph's begin */
} arity_marks;

static ln_status mark_arity(const ln_model *model, ln_error *err, arity_marks *out) {
  size_t total = 0;
  out->first = ln_alloc_array((size_t)model->graph_count, sizeof *out->first);
  for (int32_t g = 0; out->first != NULL && g < model->graph_count; ++g) {
    out->first[g] = total;
    total += (size_t)model->graphs[g].tensor_count;
  }
  out->inputs = ln_alloc_array(total, 2 * sizeof *out->inputs);
  if (out->first == NULL || out->inputs == NULL) {
    return ln_fail(err, LN_ERR_MEMORY, "out of memory while checking the model");
  }
  out->outputs = out->inputs + total;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *graph = &model->graphs[g];
    for (int32_t i = 0; i < graph->input_count; ++i) out->inputs[out->first[g] + (size_t)graph->inputs[i]] = true;
    for (int32_t i = 0; i < graph->output_count; ++i) out->outputs[out->first[g] + (size_t)graph->outputs[i]] = true;
  }
  return LN_OK;
}

static ln_status verify_signature(const ln_model *model, const ln_signature *signature, const arity_marks *marks,
                                  ln_error *err) {
  if (signature->graph < 0 || signature->graph >= model->graph_count) {
    return ln_fail(err, LN_ERR_MODEL, "its subgraph does not exist");
  }
  const size_t first = marks->first[signature->graph];
  const int32_t tensors = model->graphs[signature->graph].tensor_count;
  LN_TRY(verify_keys(signature->input_keys, signature->inputs, signature->input_count, tensors, marks->inputs + first,
                     "input", err));
  return verify_keys(signature->output_keys, signature->outputs, signature->output_count, tensors,
                     marks->outputs + first, "output", err);
}

static ln_status verify_signatures(const ln_model *model, ln_error *err) {
  arity_marks marks = {NULL, NULL, NULL};
  ln_status status = model->signature_count > 0 ? mark_arity(model, err, &marks) : LN_OK;
  for (int32_t i = 0; i < model->signature_count && status == LN_OK; ++i) {
    const ln_signature *signature = &model->signatures[i];
    status = verify_signature(model, signature, &marks, err);
    if (status == LN_OK && i > 0 && strcmp(model->signatures[i - 1].key, signature->key) == 0) {
      status = ln_fail(err, LN_ERR_MODEL, "stands there twice");
    }
    if (status != LN_OK) ln_error_prefix(err, "signature \"%.100s\"", signature->key);
  }
  ln_free(marks.inputs);
  ln_free(marks.first);
  return status;
}

/* ---- the whole ---- */

ln_status ln_graph_verify(const ln_model *model, const ln_graph *graph, ln_error *err) {
  (void)model;
  LN_TRY(verify_tensors(graph, err));
  bool *flags = ln_alloc_array((size_t)graph->tensor_count, 2 * sizeof *flags);
  if (flags == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory while checking the model");
  const ln_status status = verify_order(graph, flags, flags + graph->tensor_count, err);
  ln_free(flags);
  return status;
}

ln_status ln_model_verify(const ln_model *model, ln_error *err) {
  for (int32_t i = 0; i < model->graph_count; ++i) {
    const ln_status status = ln_graph_verify(model, &model->graphs[i], err);
    if (status != LN_OK) {
      if (i > 0) ln_error_prefix(err, "subgraph %d", i);
      return status;
    }
  }
  LN_TRY(verify_calls(model, err));
  return verify_signatures(model, err);
}
