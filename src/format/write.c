/*
 * From the IR to the bytes of a .tflite file, by way of the schema's structs. What the IR does not hold (the list of
 * operator codes, groups of external buffers) is taken from the file that the model was read from.
 */
#include "format/write.h"

#include <limits.h>
#include <string.h>

#include "ops/ops.h"

/* Close below 2 GiB, with room for all that is not a buffer's data. */
#define NEAR_LIMIT ((size_t)INT32_MAX - ((size_t)64 << 20))

enum {
  FAR_ALIGNMENT = 64,
  FAR_OPTIONS = 1 << 16,
  SMALL_CODE_LIMIT = 127,
  CODES_SEARCHED = 1024,
  BUFFERS_SEARCHED = 64
};

typedef struct writer {
  const ln_model *model;
  ln_arena arena; /* of the structs */
  ln_error *err;
  const void **codes; /* ln_operator_code */
  uint32_t code_count, code_capacity;
  const void **buffers; /* ln_buffer_table */
  uint32_t buffer_count, buffer_capacity;
} writer;

static ln_status no_memory(writer *w) {
  return ln_fail(w->err, LN_ERR_MEMORY, "out of memory while writing the model");
}

/* Gives `*out` an array or struct of the writer's, or leaves the function. */
#define ALLOCATE(w, out, count)                                          \
  do {                                                                   \
    (out) = ln_arena_array(&(w)->arena, (size_t)(count), sizeof *(out)); \
    if ((out) == NULL) return no_memory(w);                              \
  } while (0)

#define ALLOCATE_TABLE(w, out, table)              \
  do {                                             \
    ALLOCATE(w, out, 1);                           \
    ln_schema_set_defaults(LN_TABLE_##table, out); \
  } while (0)

static ln_status append(writer *w, const void ***items, uint32_t *count, uint32_t *capacity, const void *item) {
  if (*count == *capacity) {
    const void **moved;
    const uint32_t larger = *capacity * 2 + 16;
    ALLOCATE(w, moved, larger);
    if (*count > 0) memcpy(moved, *items, *count * sizeof *moved);
    *items = moved;
    *capacity = larger;
  }
  (*items)[(*count)++] = item;
  return LN_OK;
}

static const char *text_or_absent(const char *text) { return text == NULL || text[0] == '\0' ? NULL : text; }

/* ---- buffers ---- */

static ln_status add_buffer(writer *w, const void *data, size_t size, uint32_t *index) {
  ln_buffer_table *table;
  ALLOCATE_TABLE(w, table, buffer_table);
  table->data.data = size > 0 ? data : NULL;
  table->data.count = (uint32_t)size; /* larger ones are put far away, where `size` counts */
  table->size = size;
  *index = w->buffer_count;
  return append(w, &w->buffers, &w->buffer_count, &w->buffer_capacity, table);
}

static ln_status collect_buffers(writer *w) {
  uint32_t index;
  for (uint32_t i = 0; i < w->model->buffer_count; ++i) {
    LN_TRY(add_buffer(w, w->model->buffers[i].data, w->model->buffers[i].size, &index));
  }
  return w->buffer_count > 0 ? LN_OK : add_buffer(w, NULL, 0, &index);
}

/* The structs were made by this file, which may therefore change what it gave out as constant. */
static ln_buffer_table *buffer_of(const writer *w, uint32_t i) { return (ln_buffer_table *)(uintptr_t)w->buffers[i]; }

/* The buffer that holds `data`: the one it was read from, or a new one for what was made since, which several may
 * share.
 */
static ln_status place_data(void *context, const void *data, size_t size, uint32_t known, uint32_t *index) {
  writer *w = context;
  *index = known < w->buffer_count ? known : 0;
  if (size == 0) return LN_OK;
  if (known < w->model->buffer_count) {
    const ln_buffer *buffer = &w->model->buffers[known];
    if (buffer->data == data && buffer->size == size) return LN_OK;
  }
  const uint32_t made = w->buffer_count - w->model->buffer_count;
  for (uint32_t i = 0; i < made && i < BUFFERS_SEARCHED; ++i) {
    *index = w->buffer_count - 1 - i;
    const ln_buffer_table *buffer = buffer_of(w, *index);
    if (buffer->data.data == data && buffer->size == size) return LN_OK;
  }
  return add_buffer(w, data, size, index);
}

/* ---- tensors ---- */

static ln_status write_blockwise(writer *w, const ln_quant *quant, ln_quantization_parameters *out) {
  ln_blockwise_quantization *details;
  ALLOCATE_TABLE(w, details, blockwise_quantization);
  if (quant->source != NULL) *details = *(const ln_blockwise_quantization *)quant->source->details;
  details->scales = quant->scales_tensor;
  details->zero_points = quant->zero_points_tensor;
  details->block_size = quant->block_size;
  out->details = details;
  out->details_type = (uint8_t)ln_schema_union_tag(LN_UNION_quantization_details, LN_TABLE_blockwise_quantization);
  return LN_OK;
}

static ln_status write_quant(writer *w, const ln_quant *quant, const ln_quantization_parameters **out) {
  *out = quant->source;
  if (quant->kind != LN_QUANT_BLOCKWISE && (quant->source != NULL || quant->kind == LN_QUANT_NONE)) return LN_OK;
  ln_quantization_parameters *made;
  ALLOCATE_TABLE(w, made, quantization_parameters);
  if (quant->source != NULL) *made = *quant->source;
  *out = made;
  if (quant->kind == LN_QUANT_BLOCKWISE) return write_blockwise(w, quant, made);
  made->scale = (ln_vec_f32){quant->scale, (uint32_t)quant->count};
  made->zero_point = (ln_vec_i64){quant->zero_point, (uint32_t)quant->count};
  made->quantized_dimension = quant->kind == LN_QUANT_AXIS ? quant->axis : 0;
  return LN_OK;
}

/* Other readers want present dimensions in `shape` and unknown ones in the signature only. */
static ln_status write_shape(writer *w, const ln_tensor *tensor, ln_tensor_table *out) {
  int32_t *dims, *signature;
  const uint32_t rank = (uint32_t)tensor->shape.rank;
  bool unknown = tensor->has_signature;
  ALLOCATE(w, dims, rank);
  ALLOCATE(w, signature, rank);
  for (uint32_t i = 0; i < rank; ++i) {
    dims[i] = tensor->shape.dims[i] < 0 ? 1 : tensor->shape.dims[i];
    signature[i] = tensor->signature.dims[i];
    if (signature[i] != dims[i]) unknown = true;
  }
  out->shape = (ln_vec_i32){dims, rank};
  if (unknown) out->shape_signature = (ln_vec_i32){signature, rank};
  return LN_OK;
}

static ln_status write_tensor(writer *w, const ln_tensor *tensor, const void **out) {
  ln_tensor_table *table;
  ALLOCATE_TABLE(w, table, tensor_table);
  *out = table;
  table->type = (int8_t)tensor->type;
  table->name = text_or_absent(tensor->name);
  table->is_variable = tensor->is_variable;
  table->has_rank = tensor->has_rank;
  table->sparsity = tensor->sparsity;
  if (tensor->variants != NULL) table->variant_tensors = *tensor->variants;
  LN_TRY(write_shape(w, tensor, table));
  LN_TRY(write_quant(w, tensor->quant, &table->quantization));
  const bool constant = tensor->storage == LN_STORAGE_CONST;
  return place_data(w, constant ? tensor->data : NULL, constant ? tensor->bytes : 0, tensor->buffer, &table->buffer);
}

/* ---- operators ---- */

static bool same_text(const char *a, const char *b) { return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0; }

static bool is_code(const ln_operator_code *code, const ln_op *op) {
  const int32_t number =
      code->builtin_code > code->deprecated_builtin_code ? code->builtin_code : code->deprecated_builtin_code;
  if (number != op->def->code || code->version != op->version) return false;
  return op->custom_name == NULL || same_text(code->custom_code, op->custom_name);
}

/* Only the first codes are looked through: files with more are not made to be read. */
static ln_status find_code(writer *w, const ln_op *op, uint32_t *index) {
  for (uint32_t i = 0; i < w->code_count && i < CODES_SEARCHED; ++i) {
    if (!is_code(w->codes[i], op)) continue;
    *index = i;
    return LN_OK;
  }
  ln_operator_code *code;
  ALLOCATE_TABLE(w, code, operator_code);
  code->builtin_code = op->def->code;
  code->deprecated_builtin_code = (int8_t)(op->def->code > SMALL_CODE_LIMIT ? SMALL_CODE_LIMIT : op->def->code);
  code->custom_code = op->custom_name;
  code->version = op->version;
  *index = w->code_count;
  return append(w, &w->codes, &w->code_count, &w->code_capacity, code);
}

/* Options that the file did not hold are left out as long as they say nothing but the defaults. */
static ln_status write_options(writer *w, const ln_op *op, ln_operator *out) {
  const ln_table_info *info = ln_schema_table(op->options_table);
  if (info == NULL || op->options == NULL) return LN_OK;
  if (op->custom_name != NULL && !op->has_options) return LN_OK; /* made from its custom options */
  if (!op->has_options) {
    void *defaults = ln_arena_alloc(&w->arena, info->struct_size);
    if (defaults == NULL) return no_memory(w);
    ln_schema_set_defaults(op->options_table, defaults);
    if (memcmp(defaults, op->options, info->struct_size) == 0) return LN_OK;
  }
  const uint32_t tag = ln_schema_union_tag(LN_UNION_builtin_options, op->options_table);
  if (tag != 0) {
    out->builtin_options_type = (uint8_t)tag;
    out->builtin_options = op->options;
    return LN_OK;
  }
  out->builtin_options2_type = (uint8_t)ln_schema_union_tag(LN_UNION_builtin_options_2, op->options_table);
  out->builtin_options2 = op->options;
  return LN_OK;
}

static ln_status write_op(writer *w, const ln_op *op, const void **out) {
  ln_operator *table;
  if (op->fused.pads) {
    return ln_fail(w->err, LN_ERR_UNSUPPORTED, "was fused for running, which the file format cannot express");
  }
  ALLOCATE_TABLE(w, table, operator);
  *out = table;
  LN_TRY(find_code(w, op, &table->opcode_index));
  table->inputs = (ln_vec_i32){op->inputs, (uint32_t)op->input_count};
  table->outputs = (ln_vec_i32){op->outputs, (uint32_t)op->output_count};
  if (op->intermediate_count > 0) {
    table->intermediates = (ln_vec_i32){op->intermediates, (uint32_t)op->intermediate_count};
  }
  table->mutating_variable_inputs = op->mutating;
  table->debug_metadata_index = op->debug_metadata_index;
  if (op->custom_options != NULL) {
    table->custom_options = (ln_vec_u8){op->custom_options, (uint32_t)op->custom_options_size};
    table->large_custom_options_size = op->custom_options_size; /* cleared again, or used when they go far away */
  }
  return write_options(w, op, table);
}

/* ---- graphs, signatures, metadata ---- */

static ln_status write_graph(writer *w, const ln_graph *graph, const void **out) {
  ln_subgraph *table;
  const void **tensors, **operators;
  ALLOCATE_TABLE(w, table, subgraph);
  *out = table;
  ALLOCATE(w, tensors, graph->tensor_count);
  ALLOCATE(w, operators, graph->op_count);
  for (int32_t i = 0; i < graph->tensor_count; ++i) LN_TRY(write_tensor(w, &graph->tensors[i], &tensors[i]));
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_status status = write_op(w, &graph->ops[i], &operators[i]);
    if (status != LN_OK) {
      ln_error_prefix(w->err, "op %d %.60s", graph->ops[i].index, ln_op_name(&graph->ops[i]));
      return status;
    }
  }
  table->tensors = (ln_vec_ptr){tensors, (uint32_t)graph->tensor_count};
  table->operators = (ln_vec_ptr){operators, (uint32_t)graph->op_count};
  table->inputs = (ln_vec_i32){graph->inputs, (uint32_t)graph->input_count};
  table->outputs = (ln_vec_i32){graph->outputs, (uint32_t)graph->output_count};
  table->name = text_or_absent(graph->name);
  table->debug_metadata_index = graph->debug_metadata_index;
  return LN_OK;
}

static ln_status write_graphs(writer *w, ln_model_table *root) {
  const void **graphs;
  ALLOCATE(w, graphs, w->model->graph_count);
  for (int32_t i = 0; i < w->model->graph_count; ++i) LN_TRY(write_graph(w, &w->model->graphs[i], &graphs[i]));
  root->subgraphs = (ln_vec_ptr){graphs, (uint32_t)w->model->graph_count};
  return LN_OK;
}

static ln_status write_maps(writer *w, const char *const *keys, const int32_t *tensors, int32_t count,
                            ln_vec_ptr *out) {
  const void **maps;
  ALLOCATE(w, maps, count);
  for (int32_t i = 0; i < count; ++i) {
    ln_tensor_map *map;
    ALLOCATE_TABLE(w, map, tensor_map);
    map->name = keys[i];
    map->tensor_index = (uint32_t)tensors[i];
    maps[i] = map;
  }
  *out = (ln_vec_ptr){maps, (uint32_t)count};
  return LN_OK;
}

static ln_status write_signatures(writer *w, ln_model_table *root) {
  const void **all;
  const int32_t count = w->model->signature_count;
  if (count == 0) return LN_OK;
  ALLOCATE(w, all, count);
  for (int32_t i = 0; i < count; ++i) {
    const ln_signature *signature = &w->model->signatures[i];
    ln_signature_def *table;
    ALLOCATE_TABLE(w, table, signature_def);
    table->signature_key = signature->key;
    table->subgraph_index = (uint32_t)signature->graph;
    LN_TRY(write_maps(w, signature->input_keys, signature->inputs, signature->input_count, &table->inputs));
    LN_TRY(write_maps(w, signature->output_keys, signature->outputs, signature->output_count, &table->outputs));
    all[i] = table;
  }
  root->signature_defs = (ln_vec_ptr){all, (uint32_t)count};
  return LN_OK;
}

/* An entry that is made anew, in the buffer that said so when the model was read if it said the same. */
static ln_status reuse_entry(writer *w, const void *made, ln_metadata *entry) {
  if (entry->size == 0) return LN_OK;
  for (uint32_t i = 1; i < w->model->buffer_count && entry->data == NULL; ++i) {
    const ln_buffer *buffer = &w->model->buffers[i];
    if (buffer->size != entry->size || memcmp(buffer->data, made, entry->size) != 0) continue;
    entry->data = buffer->data;
    entry->buffer = i;
  }
  if (entry->data == NULL) entry->data = ln_arena_copy(&w->arena, made, entry->size);
  return entry->data == NULL ? no_memory(w) : LN_OK;
}

/* Which tensors are stored by table. */
static ln_status write_compression(writer *w, ln_metadata *out) {
  uint8_t *made = NULL;
  *out = (ln_metadata){.name = ln_compression_entry()};
  LN_TRY(ln_write_compression(w->model, &w->arena, place_data, w, w->err, &made, &out->size));
  const ln_status status = reuse_entry(w, made, out);
  ln_free(made);
  return status;
}

/* Where operators come from. */
static ln_status write_source(writer *w, ln_metadata *out) {
  ln_bytes made;
  *out = (ln_metadata){.name = ln_source_entry()};
  LN_TRY(ln_write_source(w->model, w->err, &made));
  out->size = made.size;
  const ln_status status = reuse_entry(w, made.data, out);
  ln_bytes_free(&made);
  return status;
}

static ln_status write_metadata(writer *w, ln_model_table *root) {
  const void **all;
  ln_metadata made[2]; /* anew, in every file */
  int32_t made_count = 0;
  LN_TRY(write_compression(w, &made[made_count]));
  if (made[made_count].size > 0) ++made_count;
  LN_TRY(write_source(w, &made[made_count]));
  if (made[made_count].size > 0) ++made_count;
  const int32_t kept = w->model->metadata_count, count = kept + made_count;
  if (count == 0) return LN_OK;
  ALLOCATE(w, all, count);
  for (int32_t i = 0; i < count; ++i) {
    const ln_metadata *metadata = i < kept ? &w->model->metadata[i] : &made[i - kept];
    ln_metadata_table *table;
    ALLOCATE_TABLE(w, table, metadata_table);
    table->name = metadata->name;
    LN_TRY(place_data(w, metadata->data, metadata->size, metadata->buffer, &table->buffer));
    all[i] = table;
  }
  root->metadata = (ln_vec_ptr){all, (uint32_t)count};
  return LN_OK;
}

static ln_status write_root(writer *w, ln_model_table **out) {
  const ln_model *model = w->model;
  ln_model_table *root;
  ALLOCATE_TABLE(w, root, model_table);
  *out = root;
  root->version = model->version == 0 ? 3 : model->version;
  root->description = text_or_absent(model->description);
  if (model->source != NULL) {
    for (uint32_t i = 0; i < model->source->operator_codes.count; ++i) {
      LN_TRY(append(w, &w->codes, &w->code_count, &w->code_capacity, model->source->operator_codes.data[i]));
    }
    root->metadata_buffer = model->source->metadata_buffer;
    root->external_buffer_groups = model->source->external_buffer_groups;
    root->external_buffers = model->source->external_buffers;
  }
  LN_TRY(collect_buffers(w));
  LN_TRY(write_graphs(w, root));
  LN_TRY(write_signatures(w, root));
  LN_TRY(write_metadata(w, root));
  if (w->codes == NULL) ALLOCATE(w, w->codes, 1); /* an empty vector, which readers want to see */
  root->operator_codes = (ln_vec_ptr){w->codes, w->code_count};
  root->buffers = (ln_vec_ptr){w->buffers, w->buffer_count};
  return LN_OK;
}

/* ---- near and far ---- */

/* A piece that stands behind the flatbuffer. */
typedef struct far_piece {
  const void *data;
  uint64_t *offset; /* where its place is to be noted */
  uint64_t size;
} far_piece;

static size_t data_bytes(const writer *w) {
  size_t total = 0;
  for (uint32_t i = 0; i < w->buffer_count; ++i) {
    if (!ln_size_add(total, buffer_of(w, i)->size, &total)) return SIZE_MAX;
  }
  return total;
}

/* Everything within the flatbuffer. */
static void keep_near(const writer *w, const ln_model_table *root) {
  for (uint32_t i = 0; i < w->buffer_count; ++i) buffer_of(w, i)->size = 0;
  for (uint32_t g = 0; g < root->subgraphs.count; ++g) {
    const ln_vec_ptr *operators = &((const ln_subgraph *)root->subgraphs.data[g])->operators;
    for (uint32_t i = 0; i < operators->count; ++i) {
      ((ln_operator *)(uintptr_t)operators->data[i])->large_custom_options_size = 0;
    }
  }
}

static ln_status add_piece(writer *w, ln_vec_u8 *bytes, uint64_t *offset, uint64_t size, const void ***pieces,
                           uint32_t *count, uint32_t *capacity) {
  far_piece *piece;
  ALLOCATE(w, piece, 1);
  *piece = (far_piece){bytes->data, offset, size};
  *bytes = (ln_vec_u8){NULL, 0};
  *offset = UINT32_MAX; /* anything but the default, until it is known */
  return append(w, pieces, count, capacity, piece);
}

/* Takes the data of buffers and of large custom options out of the structs. */
static ln_status send_far(writer *w, const ln_model_table *root, const void ***pieces, uint32_t *count) {
  uint32_t capacity = 0;
  *count = 0;
  for (uint32_t i = 0; i < w->buffer_count; ++i) {
    ln_buffer_table *buffer = buffer_of(w, i);
    if (buffer->size == 0) continue;
    LN_TRY(add_piece(w, &buffer->data, &buffer->offset, buffer->size, pieces, count, &capacity));
  }
  for (uint32_t g = 0; g < root->subgraphs.count; ++g) {
    const ln_vec_ptr *operators = &((const ln_subgraph *)root->subgraphs.data[g])->operators;
    for (uint32_t i = 0; i < operators->count; ++i) {
      ln_operator *op = (ln_operator *)(uintptr_t)operators->data[i];
      if (op->large_custom_options_size < FAR_OPTIONS) {
        op->large_custom_options_size = 0;
        continue;
      }
      LN_TRY(add_piece(w, &op->custom_options, &op->large_custom_options_offset, op->large_custom_options_size, pieces,
                       count, &capacity));
    }
  }
  return LN_OK;
}

static bool align_up(uint64_t *at) {
  if (*at > UINT64_MAX - FAR_ALIGNMENT) return false;
  *at = (*at + FAR_ALIGNMENT - 1) / FAR_ALIGNMENT * FAR_ALIGNMENT;
  return true;
}

/* Gives every piece its place behind a flatbuffer of `near_size` bytes; returns where the last one ends, 0 when that
 * cannot be addressed. */
static uint64_t place_pieces(const void *const *pieces, uint32_t count, uint64_t near_size) {
  uint64_t at = near_size;
  for (uint32_t i = 0; i < count; ++i) {
    const far_piece *piece = pieces[i];
    if (!align_up(&at) || piece->size > PTRDIFF_MAX - at) return 0;
    *piece->offset = at;
    at += piece->size;
  }
  return at;
}

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static ln_status encode(writer *w, const ln_model_table *root, bytes *out) {
  return ln_flatbuffer_encode(root, LN_TABLE_model_table, "TFL3", w->err, &out->data, &out->size);
}

/* Appends zeroed room. */
static ln_status extend(writer *w, bytes *file, size_t size) {
  uint8_t *larger = ln_realloc_array(file->data, file->size, size, 1);
  if (larger == NULL) return no_memory(w);
  *file = (bytes){larger, size};
  return LN_OK;
}

/* The flatbuffer is made twice: offsets have a fixed size, so that its length is known before they are. */
static ln_status encode_far(writer *w, const ln_model_table *root, bytes *file) {
  const void **pieces = NULL;
  uint32_t count;
  LN_TRY(send_far(w, root, &pieces, &count));
  LN_TRY(encode(w, root, file));
  const uint64_t end = place_pieces(pieces, count, file->size);
  if (end == 0 || end > SIZE_MAX) return ln_fail(w->err, LN_ERR_MEMORY, "the file would be too large to address");
  ln_free(file->data);
  file->data = NULL;
  LN_TRY(encode(w, root, file));
  LN_TRY(extend(w, file, (size_t)end));
  for (uint32_t i = 0; i < count; ++i) {
    const far_piece *piece = pieces[i];
    memcpy(file->data + *piece->offset, piece->data, (size_t)piece->size);
  }
  return LN_OK;
}

/* The archive of associated files that the model was read with follows it. */
static ln_status append_archive(writer *w, bytes *file) {
  ln_zip_tail tail;
  if (!ln_zip_tail_find(w->model->map.data, w->model->map.size, &tail)) return LN_OK;
  const size_t at = file->size;
  size_t end;
  if (!ln_size_add(at, tail.end - tail.begin, &end)) return no_memory(w);
  LN_TRY(extend(w, file, end));
  if (ln_zip_tail_copy(w->model->map.data, &tail, at, file->data + at)) return LN_OK;
  return ln_fail(w->err, LN_ERR_FEATURE, "the archive of associated files cannot stand behind 4 GiB");
}

ln_status ln_format_write_limited(const ln_model *model, size_t limit, ln_error *err, uint8_t **out, size_t *size) {
  writer w = {.model = model, .err = err};
  ln_model_table *root = NULL;
  bytes file = {NULL, 0};
  ln_status status = write_root(&w, &root);
  if (status != LN_OK) goto out;
  if (data_bytes(&w) > limit) {
    status = encode_far(&w, root, &file);
  } else {
    keep_near(&w, root);
    status = encode(&w, root, &file);
  }
  if (status == LN_OK) status = append_archive(&w, &file);
out:
  ln_arena_free(&w.arena);
  if (status != LN_OK) {
    ln_free(file.data);
    return status;
  }
  *out = file.data;
  *size = file.size;
  return LN_OK;
}

ln_status ln_format_write(const ln_model *model, ln_error *err, uint8_t **out, size_t *size) {
  return ln_format_write_limited(model, NEAR_LIMIT, err, out, size);
}
