/*
 * TensorFlow Lite Micro's compression metadata: which tensors are stored by table. On reading each gets its codebook
 * and the entry leaves the model's list, since tensors are numbered anew when a model changes; on writing it is made
 * from what tensors have.
 */
#include <string.h>

#include "base/selection.h"
#include "format/write.h"

enum { NEWEST_SCHEMA = 1 };

static const char entry_name[] = "COMPRESSION_METADATA";

/* ---- reading ---- */

static ln_status read_codebook(ln_reader *reader, const ln_lut_tensor *from, ln_tensor *tensor) {
  ln_model *model = reader->model;
  if (tensor->storage != LN_STORAGE_CONST || tensor->codebook != NULL || !ln_codebook_fits(tensor->type)) {
    return ln_fail(reader->err, LN_ERR_MODEL, "cannot be stored by table");
  }
  if (from->value_buffer >= model->buffer_count || model->buffers[from->value_buffer].size == 0) {
    return ln_fail(reader->err, LN_ERR_MODEL, "its table in buffer %u of %u does not exist", from->value_buffer,
                   model->buffer_count);
  }
  LN_TRY(ln_read_align_buffer(reader, tensor->type, &model->buffers[from->value_buffer]));
  const ln_buffer *values = &model->buffers[from->value_buffer];
  ln_codebook *book = ln_arena_alloc(&model->arena, sizeof *book);
  if (book == NULL) return ln_read_no_memory(reader);
  *book = (ln_codebook){.values = values->data,
                        .bytes = values->size,
                        .buffer = from->value_buffer,
                        .bits = from->index_bitwidth,
                        .tables = 1,
                        .span = 1};
  if (tensor->quant->count > 1) ln_codebook_set_tables(book, tensor);
  const size_t all = values->size / ((size_t)ln_type_bits(tensor->type) / 8) / (size_t)book->tables;
  book->stride = all < 1 << LN_CODEBOOK_MOST_BITS ? (int32_t)all : 1 << LN_CODEBOOK_MOST_BITS;
  tensor->codebook = book;
  return LN_OK;
}

static ln_status read_entry(ln_reader *reader, const ln_lut_tensor *from, int32_t index) {
  ln_graph *graph = &reader->model->graphs[index];
  if (from->tensor < 0 || from->tensor >= graph->tensor_count) {
    return ln_fail(reader->err, LN_ERR_MODEL, "compression metadata: tensor %d does not exist", from->tensor);
  }
  ln_tensor *tensor = &graph->tensors[from->tensor];
  const ln_status status = read_codebook(reader, from, tensor);
  if (status != LN_OK) ln_error_prefix(reader->err, "tensor %d \"%.150s\"", from->tensor, tensor->name);
  return status;
}

static ln_status read_blob(ln_reader *reader, const ln_metadata *entry) {
  void *decoded = NULL;
  LN_TRY(ln_flatbuffer_decode(entry->data, entry->size, LN_TABLE_compression_metadata, &reader->model->arena,
                              reader->err, &decoded));
  const ln_compression_metadata *root = decoded;
  if (root->schema_version > NEWEST_SCHEMA) {
    return ln_fail(reader->err, LN_ERR_FEATURE, "compression metadata of version %u, where %d is the newest known",
                   root->schema_version, NEWEST_SCHEMA);
  }
  if (root->subgraphs.count > (uint32_t)reader->model->graph_count) {
    return ln_fail(reader->err, LN_ERR_MODEL, "compression metadata of %u subgraphs", root->subgraphs.count);
  }
  for (uint32_t g = 0; g < root->subgraphs.count; ++g) {
    const ln_vec_ptr *tensors = &((const ln_compression_subgraph *)root->subgraphs.data[g])->lut_tensors;
    for (uint32_t i = 0; i < tensors->count; ++i) LN_TRY(read_entry(reader, tensors->data[i], (int32_t)g));
  }
  return LN_OK;
}

ln_status ln_read_compression(ln_reader *reader) {
  ln_model *model = reader->model;
  int32_t kept = 0;
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    const ln_metadata entry = model->metadata[i];
    if (strcmp(entry.name, entry_name) != 0) {
      model->metadata[kept++] = entry;
      continue;
    }
    if (!LN_HAS_CODEBOOKS) {
      return ln_fail(reader->err, LN_ERR_UNSUPPORTED, "constants stored by table are left out of this build");
    }
    LN_TRY(read_blob(reader, &entry));
  }
  model->metadata_count = kept;
  return LN_OK;
}

/* ---- writing ---- */

static uint32_t count_codebooks(const ln_graph *graph) {
  uint32_t count = 0;
  for (int32_t i = 0; i < graph->tensor_count; ++i) count += graph->tensors[i].codebook != NULL;
  return count;
}

/* The tensors of one graph; `place` puts a table's values among the file's buffers. */
static ln_status write_graph(const ln_graph *graph, ln_arena *arena, ln_place_fn *place, void *context,
                             ln_compression_subgraph *out) {
  const uint32_t count = count_codebooks(graph);
  ln_lut_tensor *entries = ln_arena_array(arena, count, sizeof *entries);
  const void **list = ln_arena_array(arena, count, sizeof *list);
  if (entries == NULL || list == NULL) return LN_ERR_MEMORY;
  uint32_t at = 0;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_codebook *book = graph->tensors[i].codebook;
    if (book == NULL) continue;
    ln_lut_tensor *entry = &entries[at];
    ln_schema_set_defaults(LN_TABLE_lut_tensor, entry);
    entry->tensor = i;
    entry->index_bitwidth = (uint8_t)book->bits;
    LN_TRY(place(context, book->values, book->bytes, book->buffer, &entry->value_buffer));
    list[at++] = entry;
  }
  if (count > 0) out->lut_tensors = (ln_vec_ptr){list, count};
  return LN_OK;
}

ln_status ln_write_compression(const ln_model *model, ln_arena *arena, ln_place_fn *place, void *context, ln_error *err,
                               uint8_t **out, size_t *size) {
  uint32_t graphs = 0;
  *out = NULL;
  *size = 0;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    if (count_codebooks(&model->graphs[g]) > 0) graphs = (uint32_t)g + 1;
  }
  if (graphs == 0) return LN_OK;
  ln_compression_metadata root;
  ln_schema_set_defaults(LN_TABLE_compression_metadata, &root);
  ln_compression_subgraph *tables = ln_arena_array(arena, graphs, sizeof *tables);
  const void **list = ln_arena_array(arena, graphs, sizeof *list);
  if (tables == NULL || list == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory while writing the model");
  for (uint32_t g = 0; g < graphs; ++g) {
    list[g] = &tables[g];
    ln_schema_set_defaults(LN_TABLE_compression_subgraph, &tables[g]);
    const ln_status status = write_graph(&model->graphs[g], arena, place, context, &tables[g]);
    if (status != LN_OK) return ln_fail(err, status, "out of memory while writing the model");
  }
  root.subgraphs = (ln_vec_ptr){list, graphs};
  return ln_flatbuffer_encode(&root, LN_TABLE_compression_metadata, "\0\0\0\0", err, out, size);
}

const char *ln_compression_entry(void) { return entry_name; }
