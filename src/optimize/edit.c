/* Models that can be changed: copies of a model's graphs, new tensors and operators, and files of what came out. */
#include <string.h>

#include "format/format.h"
#include "optimize/optimize.h"

/* ---- beginning ---- */

static ln_status no_memory(ln_error *err) {
  return ln_fail(err, LN_ERR_MEMORY, "out of memory while the model was copied");
}

static bool copy_signatures(const ln_model *source, ln_model *model) {
  ln_arena *arena = &model->arena;
  model->signatures = ln_arena_copy(arena, source->signatures, (size_t)source->signature_count * sizeof(ln_signature));
  if (model->signatures == NULL) return source->signature_count == 0;
  for (int32_t i = 0; i < source->signature_count; ++i) {
    ln_signature *s = &model->signatures[i];
    s->inputs = ln_arena_copy(arena, s->inputs, (size_t)s->input_count * sizeof(int32_t));
    s->outputs = ln_arena_copy(arena, s->outputs, (size_t)s->output_count * sizeof(int32_t));
    if ((s->inputs == NULL && s->input_count > 0) || (s->outputs == NULL && s->output_count > 0)) return false;
  }
  return true;
}

ln_status ln_edit_begin(const ln_model *source, ln_error *err, ln_model **out) {
  ln_model *model = ln_model_create();
  *out = NULL;
  if (model == NULL) return no_memory(err);
  ln_arena *arena = &model->arena;
  model->map = source->map; /* the archive of associated files is written from there; it stays the source's */
  model->owns_map = false;
  model->description = source->description;
  model->source_kind = source->source_kind;
  model->source_name = source->source_name;
  model->version = source->version;
  model->source = source->source;
  model->buffers = source->buffers;
  model->buffer_count = source->buffer_count;
  model->graph_count = source->graph_count;
  model->signature_count = source->signature_count;
  model->metadata_count = source->metadata_count;
  model->graphs = ln_arena_array(arena, (size_t)source->graph_count, sizeof *model->graphs);
  model->metadata = ln_arena_copy(arena, source->metadata, (size_t)source->metadata_count * sizeof *model->metadata);
  bool good = model->graphs != NULL && (model->metadata != NULL || source->metadata_count == 0) &&
              copy_signatures(source, model);
  for (int32_t i = 0; good && i < source->graph_count; ++i) {
    const ln_graph *graph = ln_graph_clone(&source->graphs[i], arena);
    good = graph != NULL;
    if (good) model->graphs[i] = *graph;
  }
  if (!good) {
    ln_model_destroy(model);
    return no_memory(err);
  }
  *out = model;
  return LN_OK;
}

/* ---- ending ---- */

static void mark(bool *used, const int32_t *tensors, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0) used[tensors[i]] = true;
  }
}

static void mark_scales(const ln_graph *graph, bool *used) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_quant *quant = graph->tensors[i].quant;
    if (!used[i] || quant->kind != LN_QUANT_BLOCKWISE) continue;
    if (quant->scales_tensor >= 0) used[quant->scales_tensor] = true;
    if (quant->zero_points_tensor >= 0) used[quant->zero_points_tensor] = true;
  }
}

static void renumber(const int32_t *to, int32_t *tensors, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0) tensors[i] = to[tensors[i]];
  }
}

static bool renumber_scales(ln_arena *arena, const int32_t *to, ln_tensor *tensor) {
  if (tensor->quant->kind != LN_QUANT_BLOCKWISE) return true;
  ln_quant *quant = ln_arena_copy(arena, tensor->quant, sizeof *quant);
  if (quant == NULL) return false;
  renumber(to, &quant->scales_tensor, 1);
  renumber(to, &quant->zero_points_tensor, 1);
  tensor->quant = quant;
  return true;
}

static bool compact_graph(ln_model *model, int32_t index) {
  ln_graph *graph = &model->graphs[index];
  ln_arena *arena = &model->arena;
  bool *used = ln_arena_array(arena, (size_t)graph->tensor_count, sizeof *used);
  int32_t *to = ln_arena_array(arena, (size_t)graph->tensor_count, sizeof *to);
  if (used == NULL || to == NULL) return false;
  mark(used, graph->inputs, graph->input_count);
  mark(used, graph->outputs, graph->output_count);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    mark(used, graph->ops[i].inputs, graph->ops[i].input_count);
    mark(used, graph->ops[i].outputs, graph->ops[i].output_count);
    mark(used, graph->ops[i].intermediates, graph->ops[i].intermediate_count);
  }
  for (int32_t i = 0; i < model->signature_count; ++i) {
    const ln_signature *s = &model->signatures[i];
    if (s->graph != index) continue;
    mark(used, s->inputs, s->input_count);
    mark(used, s->outputs, s->output_count);
  }
  mark_scales(graph, used);
  int32_t kept = 0;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    to[i] = used[i] ? kept : -1;
    if (used[i]) graph->tensors[kept++] = graph->tensors[i];
  }
  graph->tensor_count = kept;
  renumber(to, graph->inputs, graph->input_count);
  renumber(to, graph->outputs, graph->output_count);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    renumber(to, op->inputs, op->input_count);
    renumber(to, op->outputs, op->output_count);
    if (op->intermediate_count == 0) continue;
    op->intermediates = ln_arena_copy(arena, op->intermediates, (size_t)op->intermediate_count * sizeof(int32_t));
    if (op->intermediates == NULL) return false;
    renumber(to, op->intermediates, op->intermediate_count);
  }
  for (int32_t i = 0; i < model->signature_count; ++i) {
    ln_signature *s = &model->signatures[i];
    if (s->graph != index) continue;
    renumber(to, s->inputs, s->input_count);
    renumber(to, s->outputs, s->output_count);
  }
  for (int32_t i = 0; i < kept; ++i) {
    if (!renumber_scales(arena, to, &graph->tensors[i])) return false;
  }
  return true;
}

/* Numbers of buffers by their contents' hash; 0: free. */
typedef struct buffer_index {
  uint32_t *slots;
  size_t mask; /* of their count, a power of two more than the buffers */
} buffer_index;

/* The number of the buffer with these bytes among those kept so far, a new one where there is none. */
static uint32_t keep_buffer(ln_model *model, const buffer_index *index, const void *data, size_t size) {
  if (data == NULL || size == 0) return 0;
  size_t at = (size_t)ln_hash64(data, size) & index->mask;
  for (; index->slots[at] != 0; at = (at + 1) & index->mask) {
    const ln_buffer *kept = &model->buffers[index->slots[at]];
    if (kept->size == size && memcmp(kept->data, data, size) == 0) return index->slots[at];
  }
  model->buffers[model->buffer_count] = (ln_buffer){data, size};
  index->slots[at] = model->buffer_count;
  return model->buffer_count++;
}

static bool open_index(size_t buffers, buffer_index *out) {
  size_t count = 16;
  while (count / 2 < buffers && count <= SIZE_MAX / 4) count *= 2;
  out->mask = count - 1;
  out->slots = ln_alloc_array(count, sizeof *out->slots);
  return out->slots != NULL;
}

/* Buffers anew, each once however many tensors hold it. External ones are kept as they are. */
static bool compact_buffers(ln_model *model) {
  size_t most = 1 + (size_t)model->metadata_count;
  bool external = false;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    most += (size_t)model->graphs[g].tensor_count;
    for (int32_t i = 0; i < model->graphs[g].tensor_count; ++i) {
      external = external || model->graphs[g].tensors[i].external_buffer != 0;
    }
  }
  if (external) return true;
  buffer_index index;
  model->buffers = ln_arena_array(&model->arena, most, sizeof *model->buffers);
  if (model->buffers == NULL || !open_index(most, &index)) return false;
  model->buffer_count = 1;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].tensor_count; ++i) {
      ln_tensor *tensor = &model->graphs[g].tensors[i];
      const bool constant = tensor->storage == LN_STORAGE_CONST;
      tensor->buffer = constant ? keep_buffer(model, &index, tensor->data, tensor->bytes) : 0;
      if (tensor->buffer != 0) tensor->data = (void *)(uintptr_t)model->buffers[tensor->buffer].data;
    }
  }
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    ln_metadata *metadata = &model->metadata[i];
    metadata->buffer = keep_buffer(model, &index, metadata->data, metadata->size);
    if (metadata->buffer != 0) metadata->data = model->buffers[metadata->buffer].data;
  }
  ln_free(index.slots);
  model->source = NULL; /* its lists of operator codes and buffers are stale */
  return true;
}

ln_status ln_edit_compact(ln_model *model, ln_error *err) {
  for (int32_t i = 0; i < model->graph_count; ++i) {
    if (!compact_graph(model, i)) return no_memory(err);
  }
  return compact_buffers(model) ? LN_OK : no_memory(err);
}

ln_status ln_edit_file(const ln_model *model, ln_error *err, uint8_t **out, size_t *size) {
  LN_TRY(ln_model_verify(model, err));
  return ln_format_write(model, err, out, size);
}

ln_status ln_edit_snapshot(const ln_model *model, ln_error *err, ln_model **out) {
  uint8_t *data = NULL;
  size_t size = 0;
  *out = NULL;
  LN_TRY(ln_edit_file(model, err, &data, &size));
  ln_file_map map = {.data = data, .size = size};
  const ln_status status = ln_format_read(data, size, &map, err, out);
  if (status != LN_OK) ln_file_map_close(&map);
  return status;
}

/* ---- changing ---- */

void ln_edit_set_data(ln_tensor *tensor, ln_type type, void *data, size_t bytes) {
  tensor->type = type;
  tensor->data = data;
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_CONST;
  tensor->sparsity = NULL;
  tensor->codebook = NULL;
  tensor->buffer = 0;
}

int32_t ln_edit_add_tensor(ln_optimizer *o, const char *name, ln_type type, const ln_shape *shape,
                           const ln_quant *quant) {
  ln_tensor tensor = {.type = type, .shape = *shape, .signature = *shape, .quant = quant};
  tensor.name = ln_arena_strdup(ln_optimizer_arena(o), name);
  if (tensor.name == NULL || quant == NULL) return -1;
  return ln_graph_add_tensor(ln_optimizer_graph(o), ln_optimizer_arena(o), &tensor);
}

int32_t ln_edit_add_constant(ln_optimizer *o, const char *name, ln_type type, const ln_shape *shape, void *data,
                             size_t bytes) {
  const int32_t index = data == NULL ? -1 : ln_edit_add_tensor(o, name, type, shape, &ln_quant_none);
  if (index >= 0) ln_edit_set_data(&ln_optimizer_graph(o)->tensors[index], type, data, bytes);
  return index;
}

static bool make_room(ln_graph *graph, ln_arena *arena) {
  if (graph->op_count < graph->op_capacity) return true;
  if (graph->op_count > INT32_MAX / 2) return false;
  const int32_t capacity = graph->op_count * 2 + 8;
  ln_op *moved = ln_arena_array(arena, (size_t)capacity, sizeof *moved);
  if (moved == NULL) return false;
  if (graph->op_count > 0) memcpy(moved, graph->ops, (size_t)graph->op_count * sizeof *moved);
  graph->ops = moved;
  graph->op_capacity = capacity;
  return true;
}

ln_op *ln_edit_insert_op(ln_optimizer *o, int32_t at, int32_t code, int32_t input_count, int32_t output_count,
                         void **options) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_arena *arena = ln_optimizer_arena(o);
  ln_op op = {.def = ln_op_find(code), .input_count = input_count, .output_count = output_count, .version = 1};
  if (op.def == NULL || at < 0 || at > graph->op_count || !make_room(graph, arena)) return NULL;
  op.index = -1;
  op.debug_metadata_index = -1;
  op.inputs = ln_arena_array(arena, (size_t)input_count, sizeof *op.inputs);
  op.outputs = ln_arena_array(arena, (size_t)output_count, sizeof *op.outputs);
  if (op.inputs == NULL || op.outputs == NULL) return NULL;
  for (int32_t i = 0; i < input_count; ++i) op.inputs[i] = -1;
  op.options_table = op.def->options;
  if (options != NULL) *options = NULL;
  if (op.options_table != LN_TABLE_none) {
    void *made = ln_arena_alloc(arena, ln_schema_table(op.options_table)->struct_size);
    if (made == NULL) return NULL;
    ln_schema_set_defaults(op.options_table, made);
    op.options = made;
    op.has_options = true;
    if (options != NULL) *options = made;
  }
  for (int32_t i = graph->op_count; i > at; --i) graph->ops[i] = graph->ops[i - 1];
  graph->ops[at] = op;
  ++graph->op_count;
  return &graph->ops[at];
}

const ln_quant *ln_edit_axis_quant(ln_arena *arena, const float *scales, int32_t count, int32_t axis) {
  ln_quant *quant = ln_arena_alloc(arena, sizeof *quant);
  if (quant == NULL) return NULL;
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_AXIS;
  quant->count = count;
  quant->axis = axis;
  quant->scale = ln_arena_copy(arena, scales, (size_t)count * sizeof *scales);
  quant->zero_point = ln_arena_array(arena, (size_t)count, sizeof(int64_t));
  return quant->scale == NULL || quant->zero_point == NULL ? NULL : quant;
}
