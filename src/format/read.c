/*
 * From the structs of a .tflite file to the IR. What is read here is well-formed but may still contradict itself:
 * indices are checked where they are used, all the rest by ln_model_verify at the end.
 */
#include "format/read.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ops/flex_attr.h"

enum { SCHEMA_VERSION = 3, IDENTIFIER_AT = 4, IDENTIFIER_BYTES = 4 };

ln_status ln_read_no_memory(ln_reader *reader) {
  return ln_fail(reader->err, LN_ERR_MEMORY, "out of memory while reading the model");
}

static const char *text_or_empty(const char *text) { return text == NULL ? "" : text; }

/* ---- what kind of file ---- */

/* What the first bytes look like; NULL when they are like nothing known. */
static const char *guess_kind(const uint8_t *data, size_t size) {
  static const struct {
    const char *magic;
    size_t at, length;
    const char *kind;
  } kinds[] = {
      {"PK\003\004", 0, 4, "a zip archive"},
      {"\177ELF", 0, 4, "a program or library (ELF)"},
      {"\211PNG", 0, 4, "a PNG picture"},
      {"\377\330\377", 0, 3, "a JPEG picture"},
      {"BM", 0, 2, "a BMP picture"},
      {"GIF8", 0, 4, "a GIF picture"},
      {"RIFF", 0, 4, "a WAV or WebP file"},
      {"\037\213", 0, 2, "a gzip archive"},
      {"\211HDF", 0, 4, "an HDF5 (Keras) file"},
      {"\223NUMPY", 0, 6, "a NumPy array"},
      {"%PDF", 0, 4, "a PDF document"},
      {"ML\357R", 0, 4, "an MLIR bytecode file"},
      {"M001", 4, 4, "model metadata without its model"},
      {"{", 0, 1, "JSON text"},
      {"<", 0, 1, "HTML or XML text"},
      {"version https://git-lfs", 0, 23, "a Git LFS pointer, not the file itself"},
      {"\x08", 0, 1, "a protobuf (ONNX or TensorFlow) model"},
  };
  for (size_t i = 0; i < LN_COUNT(kinds); ++i) {
    if (size >= kinds[i].at + kinds[i].length && memcmp(data + kinds[i].at, kinds[i].magic, kinds[i].length) == 0) {
      return kinds[i].kind;
    }
  }
  return NULL;
}

static ln_status check_identifier(const uint8_t *data, size_t size, ln_error *err) {
  if (size == 0) return ln_fail(err, LN_ERR_FORMAT, "not a .tflite file: it is empty");
  if (size >= IDENTIFIER_AT + IDENTIFIER_BYTES && memcmp(data + IDENTIFIER_AT, "TFL3", IDENTIFIER_BYTES) == 0) {
    return LN_OK;
  }
  const char *kind = guess_kind(data, size);
  if (kind != NULL) return ln_fail(err, LN_ERR_FORMAT, "not a .tflite file: it looks like %s", kind);
  return ln_fail(err, LN_ERR_FORMAT, "not a .tflite file: the identifier TFL3 is missing");
}

/* ---- buffers and metadata ---- */

/* Bytes that stand outside the flatbuffer, at an offset from the file's start; 0 and 1 mean that there are none. */
static ln_status read_far_bytes(ln_reader *reader, uint64_t offset, uint64_t size, const uint8_t **out) {
  if (offset > reader->size || size > reader->size - offset) {
    return ln_fail(reader->err, LN_ERR_FORMAT, "damaged file: bytes %" PRIu64 " to %" PRIu64 " lie past its end",
                   offset, offset + size);
  }
  *out = reader->data + offset;
  return LN_OK;
}

static ln_status read_buffers(ln_reader *reader) {
  ln_model *model = reader->model;
  const ln_vec_ptr *from = &reader->root->buffers;
  model->buffer_count = from->count > 0 ? from->count : 1; /* buffer 0 stands for none: it is always there */
  model->buffers = ln_arena_array(&model->arena, model->buffer_count, sizeof *model->buffers);
  if (model->buffers == NULL) return ln_read_no_memory(reader);
  for (uint32_t i = 0; i < from->count; ++i) {
    const ln_buffer_table *stored = from->data[i];
    ln_buffer *buffer = &model->buffers[i];
    if (stored->offset > 1) {
      const uint8_t *bytes = NULL;
      const ln_status status = read_far_bytes(reader, stored->offset, stored->size, &bytes);
      if (status != LN_OK) {
        ln_error_prefix(reader->err, "buffer %u", i);
        return status;
      }
      *buffer = (ln_buffer){bytes, (size_t)stored->size};
    } else {
      *buffer = (ln_buffer){stored->data.data, stored->data.count};
    }
  }
  return LN_OK;
}

static ln_status read_metadata(ln_reader *reader) {
  ln_model *model = reader->model;
  const ln_vec_ptr *from = &reader->root->metadata;
  model->metadata = ln_arena_array(&model->arena, from->count, sizeof *model->metadata);
  if (model->metadata == NULL) return ln_read_no_memory(reader);
  for (uint32_t i = 0; i < from->count; ++i) {
    const ln_metadata_table *stored = from->data[i];
    ln_metadata *metadata = &model->metadata[i];
    metadata->name = text_or_empty(stored->name);
    metadata->buffer = stored->buffer;
    if (stored->buffer >= model->buffer_count) {
      return ln_fail(reader->err, LN_ERR_MODEL, "metadata \"%.100s\": buffer %u of %u does not exist", metadata->name,
                     stored->buffer, model->buffer_count);
    }
    metadata->data = model->buffers[stored->buffer].data;
    metadata->size = model->buffers[stored->buffer].size;
  }
  model->metadata_count = (int32_t)from->count;
  return LN_OK;
}

/* ---- operators ---- */

static ln_status read_indices(ln_reader *reader, const ln_vec_i32 *from, int32_t **out, int32_t *count) {
  *out = ln_arena_copy(&reader->model->arena, from->data, (size_t)from->count * sizeof(int32_t));
  if (*out == NULL) return ln_read_no_memory(reader);
  *count = (int32_t)from->count;
  return LN_OK;
}

/* Which operator: the code is the larger of an old 8-bit and a new field, of which writers fill one or both. */
static ln_status read_kind(ln_reader *reader, const ln_operator *from, ln_op *op) {
  if (from->opcode_index >= reader->root->operator_codes.count) {
    return ln_fail(reader->err, LN_ERR_MODEL, "operator code %u of %u does not exist", from->opcode_index,
                   reader->root->operator_codes.count);
  }
  const ln_operator_code *stored = reader->root->operator_codes.data[from->opcode_index];
  int32_t code = stored->builtin_code;
  if (stored->deprecated_builtin_code > code) code = stored->deprecated_builtin_code;
  op->version = stored->version;
  if (code == LN_OP_CUSTOM) {
    if (stored->custom_code == NULL) return ln_fail(reader->err, LN_ERR_MODEL, "a custom operator without a name");
    op->custom_name = stored->custom_code;
    op->def = ln_op_find_custom(stored->custom_code);
    if (!LN_HAS_FLEX) return LN_OK;
    const ln_op_def *plain = ln_op_find_flex(stored->custom_code);
    const ln_flex options = {from->custom_options.data, from->custom_options.count};
    if (plain != NULL && op->def->name[0] == '\0' && ln_flex_is_map(options)) op->def = plain;
    return LN_OK;
  }
  op->def = ln_op_find(code);
  if (op->def != NULL) return LN_OK;
  const char *left_out = ln_op_left_out(code);
  if (left_out != NULL) return ln_fail(reader->err, LN_ERR_UNSUPPORTED, "%s is left out of this build", left_out);
  return ln_fail(reader->err, LN_ERR_UNSUPPORTED, "operator code %d is not known to this version", code);
}

/* The options as the file holds them, in either of its two unions. */
static const void *stored_options(const ln_operator *from, ln_table_id *table) {
  if (from->builtin_options2 != NULL) {
    *table = ln_schema_union_member(LN_UNION_builtin_options_2, from->builtin_options2_type);
    return from->builtin_options2;
  }
  *table = LN_TABLE_none;
  if (from->builtin_options != NULL) {
    *table = ln_schema_union_member(LN_UNION_builtin_options, from->builtin_options_type);
  }
  return from->builtin_options;
}

static ln_status read_options(ln_reader *reader, const ln_operator *from, ln_op *op) {
  const ln_table_id wanted = op->def->options;
  op->options = stored_options(from, &op->options_table);
  op->has_options = op->options != NULL;
  if (wanted == LN_TABLE_none || op->options_table == wanted) return LN_OK;
  const ln_table_info *info = ln_schema_table(wanted);
  if (op->has_options) {
    return ln_fail(reader->err, LN_ERR_MODEL, "its options are %s where %s belong",
                   ln_schema_table(op->options_table)->name, info->name);
  }
  void *defaults = ln_arena_alloc(&reader->model->arena, info->struct_size);
  if (defaults == NULL) return ln_read_no_memory(reader);
  ln_schema_set_defaults(wanted, defaults);
  op->options = defaults;
  op->options_table = wanted;
  if (!LN_HAS_FLEX || op->custom_name == NULL) return LN_OK;
  return ln_flex_options_fill(op, &reader->model->arena, defaults, reader->err);
}

static ln_status read_custom_options(ln_reader *reader, const ln_operator *from, ln_op *op) {
  op->custom_options = from->custom_options.data;
  op->custom_options_size = from->custom_options.count;
  if (from->large_custom_options_offset <= 1) return LN_OK;
  LN_TRY(
      read_far_bytes(reader, from->large_custom_options_offset, from->large_custom_options_size, &op->custom_options));
  op->custom_options_size = (size_t)from->large_custom_options_size;
  return LN_OK;
}

static ln_status read_op(ln_reader *reader, const ln_operator *from, ln_op *op) {
  LN_TRY(read_kind(reader, from, op));
  LN_TRY(read_indices(reader, &from->inputs, &op->inputs, &op->input_count));
  LN_TRY(read_indices(reader, &from->outputs, &op->outputs, &op->output_count));
  LN_TRY(read_indices(reader, &from->intermediates, &op->intermediates, &op->intermediate_count));
  op->mutating = from->mutating_variable_inputs;
  op->debug_metadata_index = from->debug_metadata_index;
  LN_TRY(read_custom_options(reader, from, op));
  return read_options(reader, from, op);
}

static ln_status read_ops(ln_reader *reader, const ln_subgraph *from, ln_graph *graph) {
  graph->ops = ln_arena_array(&reader->model->arena, from->operators.count, sizeof *graph->ops);
  if (graph->ops == NULL) return ln_read_no_memory(reader);
  graph->op_count = graph->op_capacity = (int32_t)from->operators.count;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    op->index = i;
    const ln_status status = read_op(reader, from->operators.data[i], op);
    if (status != LN_OK) {
      ln_error_prefix(reader->err, "op %d%s%.60s", i, op->def == NULL ? "" : " ",
                      op->def == NULL ? "" : ln_op_name(op));
      return status;
    }
  }
  return LN_OK;
}

/* ---- graphs and signatures ---- */

/* An empty tensor that nothing writes is a constant: files hold no bytes for it. */
static ln_status settle_empty_constants(ln_reader *reader, ln_graph *graph) {
  static const uint64_t nothing[2];
  bool *written = ln_arena_array(&reader->model->arena, (size_t)graph->tensor_count, sizeof *written);
  if (written == NULL) return ln_read_no_memory(reader);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].output_count; ++j) {
      const int32_t tensor = graph->ops[i].outputs[j];
      if (tensor >= 0 && tensor < graph->tensor_count) written[tensor] = true;
    }
  }
  for (int32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i] >= 0 && graph->inputs[i] < graph->tensor_count) written[graph->inputs[i]] = true;
  }
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    size_t bytes;
    if (written[i] || tensor->storage != LN_STORAGE_NONE || tensor->sparsity != NULL) continue;
    if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes) || bytes != 0) continue;
    tensor->storage = LN_STORAGE_CONST;
    tensor->data = (void *)(uintptr_t)nothing;
  }
  return LN_OK;
}

static ln_status read_graph(ln_reader *reader, const ln_subgraph *from, ln_graph *graph) {
  graph->name = text_or_empty(from->name);
  graph->debug_metadata_index = from->debug_metadata_index;
  LN_TRY(ln_read_tensors(reader, from, graph));
  LN_TRY(read_indices(reader, &from->inputs, &graph->inputs, &graph->input_count));
  LN_TRY(read_indices(reader, &from->outputs, &graph->outputs, &graph->output_count));
  LN_TRY(read_ops(reader, from, graph));
  return settle_empty_constants(reader, graph);
}

static ln_status read_graphs(ln_reader *reader) {
  ln_model *model = reader->model;
  const ln_vec_ptr *from = &reader->root->subgraphs;
  if (from->count == 0) return ln_fail(reader->err, LN_ERR_MODEL, "the model holds no graph");
  model->graphs = ln_arena_array(&model->arena, from->count, sizeof *model->graphs);
  if (model->graphs == NULL) return ln_read_no_memory(reader);
  model->graph_count = (int32_t)from->count;
  for (int32_t i = 0; i < model->graph_count; ++i) {
    const ln_status status = read_graph(reader, from->data[i], &model->graphs[i]);
    if (status != LN_OK) {
      if (i > 0) ln_error_prefix(reader->err, "subgraph %d", i);
      return status;
    }
  }
  return LN_OK;
}

static int compare_maps(const void *a, const void *b) {
  const ln_tensor_map *const *x = a, *const *y = b;
  return strcmp(text_or_empty((*x)->name), text_or_empty((*y)->name));
}

static ln_status read_maps(ln_reader *reader, const ln_vec_ptr *from, const char ***keys, int32_t **tensors,
                           int32_t *count) {
  ln_arena *arena = &reader->model->arena;
  const ln_tensor_map **sorted = ln_arena_copy(arena, from->data, (size_t)from->count * sizeof *sorted);
  *keys = ln_arena_array(arena, from->count, sizeof **keys);
  *tensors = ln_arena_array(arena, from->count, sizeof **tensors);
  if (sorted == NULL || *keys == NULL || *tensors == NULL) return ln_read_no_memory(reader);
  qsort(sorted, from->count, sizeof *sorted, compare_maps);
  for (uint32_t i = 0; i < from->count; ++i) {
    (*keys)[i] = text_or_empty(sorted[i]->name);
    (*tensors)[i] = sorted[i]->tensor_index > INT32_MAX ? -1 : (int32_t)sorted[i]->tensor_index;
  }
  *count = (int32_t)from->count;
  return LN_OK;
}

static int compare_signatures(const void *a, const void *b) {
  const ln_signature *x = a, *y = b;
  return strcmp(x->key, y->key);
}

static ln_status read_signatures(ln_reader *reader) {
  ln_model *model = reader->model;
  const ln_vec_ptr *from = &reader->root->signature_defs;
  model->signatures = ln_arena_array(&model->arena, from->count, sizeof *model->signatures);
  if (model->signatures == NULL) return ln_read_no_memory(reader);
  for (uint32_t i = 0; i < from->count; ++i) {
    const ln_signature_def *stored = from->data[i];
    ln_signature *signature = &model->signatures[i];
    signature->key = text_or_empty(stored->signature_key);
    signature->graph = stored->subgraph_index > INT32_MAX ? -1 : (int32_t)stored->subgraph_index;
    LN_TRY(read_maps(reader, &stored->inputs, &signature->input_keys, &signature->inputs, &signature->input_count));
    LN_TRY(read_maps(reader, &stored->outputs, &signature->output_keys, &signature->outputs, &signature->output_count));
  }
  qsort(model->signatures, from->count, sizeof *model->signatures, compare_signatures);
  model->signature_count = (int32_t)from->count;
  return LN_OK;
}

/* ---- the whole ---- */

static ln_status read_model(ln_reader *reader) {
  void *root;
  LN_TRY(ln_flatbuffer_decode(reader->data, reader->size, LN_TABLE_model_table, &reader->model->arena, reader->err,
                              &root));
  reader->root = root;
  reader->model->source = root;
  reader->model->version = reader->root->version;
  if (reader->root->version != SCHEMA_VERSION) {
    return ln_fail(reader->err, LN_ERR_FORMAT, "schema version %u, where %d is the one known", reader->root->version,
                   SCHEMA_VERSION);
  }
  reader->model->description = text_or_empty(reader->root->description);
  LN_TRY(read_buffers(reader));
  LN_TRY(read_metadata(reader));
  LN_TRY(read_graphs(reader));
  LN_TRY(ln_read_compression(reader));
  LN_TRY(ln_read_source(reader));
  LN_TRY(read_signatures(reader));
  return ln_model_verify(reader->model, reader->err);
}

ln_status ln_format_read(const uint8_t *data, size_t size, ln_file_map *map, ln_error *err, ln_model **out) {
  LN_TRY(check_identifier(data, size, err));
  ln_reader reader = {data, size, NULL, ln_model_create(), err, 0};
  if (reader.model == NULL) return ln_read_no_memory(&reader);
  const ln_status status = read_model(&reader);
  if (status != LN_OK) {
    ln_arena_free(&reader.model->arena);
    ln_free(reader.model);
    return status;
  }
  reader.model->map = map == NULL ? (ln_file_map){.data = data, .size = size} : *map;
  reader.model->owns_map = map != NULL;
  *out = reader.model;
  return LN_OK;
}
