/*
 * The floats of a SavedModel: its variables, a tensor bundle, and constants of its graphs. Numbers keep their size and
 * are written where they lie; the bundle's index, which holds their checksums, is written anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/export.h"
#include "ir/wire.h"
#include "ops/checkpoint.h"

enum {
  MODEL_META_GRAPH = 2,
  META_GRAPH_DEF = 2,
  GRAPH_NODE = 1,
  GRAPH_LIBRARY = 2,
  LIBRARY_FUNCTION = 1,
  FUNCTION_NODE = 3,
  NODE_NAME = 1,
  NODE_OP = 2,
  NODE_ATTRIBUTE = 5,
  ENTRY_KEY = 1,
  ENTRY_VALUE = 2,
  ATTRIBUTE_TENSOR = 8,
  TENSOR_TYPE = 1,
  TENSOR_SHAPE = 2,
  TENSOR_CONTENT = 4,
  SHAPE_DIM = 2,
  DIM_SIZE = 1,
  BUNDLE_TYPE = 1,
  BUNDLE_SHAPE = 2,
  BUNDLE_SHARD = 3,
  BUNDLE_OFFSET = 4,
  BUNDLE_SIZE = 5,
  BUNDLE_CRC = 6,
  BUNDLE_SLICES = 7,
  HEADER_SHARDS = 1,
  OBJECTS_NODE = 1,
  OBJECT_ATTRIBUTE = 2,
  SERIALIZED_FULL_NAME = 2,
  SERIALIZED_KEY = 3,
  TF_FLOAT = 1,
  TF_DOUBLE = 2,
  TF_HALF = 19,
  NAME_MOST = 512
};

static const char graph_file[] = "saved_model.pb", index_file[] = "variables/variables.index";

typedef struct reader {
  ln_source_weights *weights;
  int32_t graph;   /* number of saved_model.pb */
  uint64_t shards; /* of the bundle */
  ln_error *err;
} reader;

static ln_status no_memory(reader *r) { return ln_fail(r->err, LN_ERR_MEMORY, "out of memory"); }

static uint64_t find_number(ln_wire message, uint32_t field) {
  ln_wire_field found;
  return ln_wire_find(message, field, LN_WIRE_VARINT, &found) ? found.value : 0;
}

static ln_type type_of(uint64_t number) {
  return number == TF_FLOAT    ? LN_FLOAT32
         : number == TF_HALF   ? LN_FLOAT16
         : number == TF_DOUBLE ? LN_FLOAT64
                               : LN_STRING;
}

/* Elements and rank of a TensorShapeProto. */
static bool measure(ln_wire message, uint32_t field, ln_source_weight *out) {
  ln_wire_field shape;
  out->count = 1;
  if (!ln_wire_find(message, field, LN_WIRE_BYTES, &shape)) return true;
  ln_wire_walker dims = {.message = shape.bytes, .number = SHAPE_DIM, .kind = LN_WIRE_BYTES};
  for (ln_wire_field dim; ln_wire_walk_bytes(&dims, &dim); ++out->rank) {
    const uint64_t size = find_number(dim.bytes, DIM_SIZE);
    if (size > SIZE_MAX / 2 || !ln_size_mul(out->count, (size_t)size, &out->count)) return false;
  }
  return true;
}

/* ---- constants of graphs ---- */

static ln_status read_constant(reader *r, ln_wire tensor, const char *name) {
  ln_source_weight weight = {.name = name, .type = type_of(find_number(tensor, TENSOR_TYPE)), .file = r->graph};
  ln_wire_field content;
  if (weight.type == LN_STRING || !measure(tensor, TENSOR_SHAPE, &weight) || weight.count == 0) return LN_OK;
  weight.stride = (size_t)ln_type_bits(weight.type) / 8;
  if (!ln_wire_find(tensor, TENSOR_CONTENT, LN_WIRE_BYTES, &content)) return LN_OK; /* one number for all */
  if (ln_wire_left(&content.bytes) / weight.stride != weight.count) return LN_OK;
  weight.offset = (size_t)(content.bytes.at - r->weights->files[r->graph].map.data);
  return ln_source_weights_add(r->weights, &weight) ? LN_OK : no_memory(r);
}

static ln_status read_node(reader *r, ln_wire node) {
  char text[NAME_MOST], name[NAME_MOST];
  ln_wire_walker attributes = {.message = node, .number = NODE_ATTRIBUTE, .kind = LN_WIRE_BYTES};
  if (!ln_wire_find_text(node, NODE_OP, text, sizeof text) || strcmp(text, "Const") != 0) return LN_OK;
  ln_wire_find_text(node, NODE_NAME, name, sizeof name);
  for (ln_wire_field entry; ln_wire_walk_bytes(&attributes, &entry);) {
    ln_wire_field value, tensor;
    if (!ln_wire_find_text(entry.bytes, ENTRY_KEY, text, sizeof text) || strcmp(text, "value") != 0) continue;
    if (!ln_wire_find(entry.bytes, ENTRY_VALUE, LN_WIRE_BYTES, &value)) continue;
    if (ln_wire_find(value.bytes, ATTRIBUTE_TENSOR, LN_WIRE_BYTES, &tensor)) {
      LN_TRY(read_constant(r, tensor.bytes, name));
    }
  }
  return LN_OK;
}

static ln_status read_nodes(reader *r, ln_wire message, uint32_t field) {
  ln_wire_walker nodes = {.message = message, .number = field, .kind = LN_WIRE_BYTES};
  for (ln_wire_field node; ln_wire_walk_bytes(&nodes, &node);) LN_TRY(read_node(r, node.bytes));
  return LN_OK;
}

static ln_status read_graph(reader *r, ln_wire graph) {
  ln_wire_field library;
  LN_TRY(read_nodes(r, graph, GRAPH_NODE));
  if (!ln_wire_find(graph, GRAPH_LIBRARY, LN_WIRE_BYTES, &library)) return LN_OK;
  ln_wire_walker functions = {.message = library.bytes, .number = LIBRARY_FUNCTION, .kind = LN_WIRE_BYTES};
  for (ln_wire_field f; ln_wire_walk_bytes(&functions, &f);) LN_TRY(read_nodes(r, f.bytes, FUNCTION_NODE));
  return LN_OK;
}

static ln_status read_graphs(reader *r) {
  LN_TRY(ln_source_weights_map(r->weights, graph_file, r->err, &r->graph));
  const ln_file_map *map = &r->weights->files[r->graph].map;
  ln_wire_walker metas = {
      .message = ln_wire_of(map->data, map->size), .number = MODEL_META_GRAPH, .kind = LN_WIRE_BYTES};
  for (ln_wire_field meta; ln_wire_walk_bytes(&metas, &meta);) {
    ln_wire_field graph;
    if (ln_wire_find(meta.bytes, META_GRAPH_DEF, LN_WIRE_BYTES, &graph)) LN_TRY(read_graph(r, graph.bytes));
  }
  return LN_OK;
}

/* ---- variables ---- */

static ln_status read_variable(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err) {
  reader *r = context;
  char name[NAME_MOST], file[64];
  ln_wire_field slices;
  ln_source_weight weight = {.name = name, .type = type_of(find_number(value, BUNDLE_TYPE))};
  if (key_size == 0) r->shards = find_number(value, HEADER_SHARDS);
  if (key_size == 0 || weight.type == LN_STRING || !measure(value, BUNDLE_SHAPE, &weight)) return LN_OK;
  if (ln_wire_find(value, BUNDLE_SLICES, LN_WIRE_BYTES, &slices)) return LN_OK; /* in parts, which have their own */
  ln_wire_text(ln_wire_of(key, key_size), name, sizeof name);
  snprintf(file, sizeof file, "variables/variables.data-%05u-of-%05u",
           (unsigned)find_number(value, BUNDLE_SHARD) % 100000u, (unsigned)r->shards % 100000u);
  weight.stride = (size_t)ln_type_bits(weight.type) / 8;
  weight.offset = (size_t)find_number(value, BUNDLE_OFFSET);
  if (find_number(value, BUNDLE_SIZE) != weight.count * weight.stride) return LN_OK;
  LN_TRY(ln_source_weights_map(r->weights, file, err, &weight.file));
  return ln_source_weights_add(r->weights, &weight) ? LN_OK : no_memory(r);
}

/* ---- what the framework calls the variables: the object graph that is kept among them ---- */

typedef struct naming {
  ln_wire key, name;
} naming;

static int compare_bytes(const ln_wire *a, const ln_wire *b) {
  const size_t x = ln_wire_left(a), y = ln_wire_left(b);
  const int order = memcmp(a->at, b->at, x < y ? x : y);
  return order != 0 ? order : (x > y) - (x < y);
}

static int by_key(const void *a, const void *b) {
  return compare_bytes(&((const naming *)a)->key, &((const naming *)b)->key);
}

/* Every attribute of every object; counts them where `list` is NULL. */
static size_t list_names(ln_wire graph, naming *list) {
  size_t count = 0;
  ln_wire_walker nodes = {.message = graph, .number = OBJECTS_NODE, .kind = LN_WIRE_BYTES};
  for (ln_wire_field node; ln_wire_walk_bytes(&nodes, &node);) {
    ln_wire_walker attributes = {.message = node.bytes, .number = OBJECT_ATTRIBUTE, .kind = LN_WIRE_BYTES};
    for (ln_wire_field a; ln_wire_walk_bytes(&attributes, &a);) {
      ln_wire_field key, name;
      if (!ln_wire_find(a.bytes, SERIALIZED_KEY, LN_WIRE_BYTES, &key)) continue;
      if (!ln_wire_find(a.bytes, SERIALIZED_FULL_NAME, LN_WIRE_BYTES, &name)) continue;
      if (list != NULL) list[count] = (naming){key.bytes, name.bytes};
      ++count;
    }
  }
  return count;
}

static ln_status give_labels(ln_source_weights *weights, ln_wire graph, ln_error *err) {
  const size_t count = list_names(graph, NULL);
  naming *list = ln_alloc_array(count, sizeof *list);
  char text[NAME_MOST];
  if (list == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  list_names(graph, list);
  qsort(list, count, sizeof *list, by_key);
  for (int32_t i = 0; i < weights->count; ++i) {
    const naming wanted = {ln_wire_of(weights->items[i].name, strlen(weights->items[i].name)), {NULL, NULL}};
    const naming *found = bsearch(&wanted, list, count, sizeof *list, by_key);
    if (found == NULL || ln_wire_left(&found->name) == 0) continue;
    ln_wire_text(found->name, text, sizeof text);
    weights->items[i].label = ln_arena_strdup(&weights->arena, text);
  }
  ln_free(list);
  return LN_OK;
}

/* Without an object graph, as in TensorFlow 1, names are the keys. */
static ln_status read_labels(ln_source_weights *weights, ln_error *err) {
  static const char key[] = "_CHECKPOINTABLE_OBJECT_GRAPH";
  const char *path = ln_arena_printf(&weights->arena, "%s/variables/variables", weights->path);
  ln_checkpoint *c = ln_alloc_zero(sizeof *c);
  ln_checkpoint_entry entry;
  ln_span text = {NULL, 0};
  const ln_slice all = ln_slice_all(0);
  if (path == NULL || c == NULL) {
    ln_free(c);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  ln_status status = LN_OK;
  if (ln_checkpoint_open(path, NULL, c) == LN_OK) {
    if (ln_checkpoint_find(c, key, sizeof key - 1, NULL, &entry) == LN_OK && entry.type == LN_STRING &&
        entry.shape.rank == 0 && ln_checkpoint_read(c, &entry, &all, &text, NULL) == LN_OK) {
      status = give_labels(weights, ln_wire_of(text.data, text.size), err);
    }
    ln_checkpoint_close(c);
  }
  ln_free(c);
  return status;
}

static ln_status read(ln_source_weights *weights, ln_error *err) {
  reader r = {weights, 0, 1, err};
  int32_t index;
  ln_sstable table;
  LN_TRY(read_graphs(&r));
  const char *path = ln_arena_printf(&weights->arena, "%s/%s", weights->path, index_file);
  if (path == NULL) return no_memory(&r);
  if (!ln_file_exists(path)) return LN_OK; /* frozen: all weights are constants */
  LN_TRY(ln_source_weights_map(weights, index_file, err, &index));
  LN_TRY(ln_sstable_open(weights->files[index].map.data, weights->files[index].map.size, err, &table));
  LN_TRY(ln_sstable_each(&table, read_variable, &r, err));
  return read_labels(weights, err);
}

/* ---- writing ---- */

typedef struct indexing {
  const ln_source_weights *weights;
  const float *const *values;
  ln_arena arena;
  ln_sstable_entry *entries;
  size_t count, capacity;
} indexing;

static int32_t find_weight(const indexing *in, const uint8_t *key, size_t key_size) {
  for (int32_t i = 0; i < in->weights->count; ++i) {
    const ln_source_weight *w = &in->weights->items[i];
    if (in->values[i] == NULL || strncmp(in->weights->files[w->file].name, "variables/", 10) != 0) continue;
    if (strlen(w->name) == key_size && memcmp(w->name, key, key_size) == 0) return i;
  }
  return -1;
}

/* The checksum of what the weight's bytes will be. */
static bool checksum(const ln_source_weight *weight, const float *values, uint32_t *out) {
  uint8_t *bytes = ln_alloc_array(weight->count, weight->stride);
  if (bytes == NULL) return false;
  ln_source_weight_store(weight, values, bytes);
  *out = ln_crc32c_mask(ln_crc32c(0, bytes, weight->count * weight->stride));
  ln_free(bytes);
  return true;
}

/* Puts it where the entry has the old one: a fixed number, in place. */
static void put_checksum(uint8_t *value, size_t size, uint32_t crc) {
  ln_wire wire = ln_wire_of(value, size);
  for (ln_wire_field field; ln_wire_next(&wire, &field);) {
    if (field.number != BUNDLE_CRC || field.kind != LN_WIRE_32) continue;
    const uint8_t bytes[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    memcpy(value + (wire.at - value) - 4, bytes, sizeof bytes);
  }
}

static ln_status index_entry(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err) {
  indexing *in = context;
  const size_t size = ln_wire_left(&value);
  uint8_t *copy = ln_arena_copy(&in->arena, value.at, size);
  const void *name = ln_arena_copy(&in->arena, key, key_size);
  if (in->count == in->capacity) {
    const size_t capacity = in->capacity * 2 + 64;
    ln_sstable_entry *moved = ln_arena_array(&in->arena, capacity, sizeof *moved);
    if (moved != NULL && in->count > 0) memcpy(moved, in->entries, in->count * sizeof *moved);
    in->entries = moved;
    in->capacity = capacity;
  }
  if (copy == NULL || name == NULL || in->entries == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const int32_t weight = find_weight(in, key, key_size);
  uint32_t crc = 0;
  if (weight >= 0 && !checksum(&in->weights->items[weight], in->values[weight], &crc)) {
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  if (weight >= 0) put_checksum(copy, size, crc);
  in->entries[in->count++] = (ln_sstable_entry){name, key_size, copy, size};
  return LN_OK;
}

static ln_status write_index(const ln_source_weights *weights, int32_t file, const float *const *values,
                             const char *path, ln_error *err) {
  indexing in = {.weights = weights, .values = values};
  ln_sstable table;
  ln_bytes bytes = {0};
  ln_status status = ln_sstable_open(weights->files[file].map.data, weights->files[file].map.size, err, &table);
  if (status == LN_OK) status = ln_sstable_each(&table, index_entry, &in, err);
  if (status == LN_OK) status = ln_sstable_write(in.entries, in.count, err, &bytes);
  if (status == LN_OK) status = ln_file_write(path, bytes.data, bytes.size, err);
  ln_bytes_free(&bytes);
  ln_arena_free(&in.arena);
  return status;
}

static ln_status write_file(const ln_source_weights *weights, int32_t file, const float *const *values,
                            const char *folder, ln_error *err) {
  ln_arena arena = {0};
  const char *path = ln_arena_printf(&arena, "%s/%s", folder, weights->files[file].name);
  ln_status status = path != NULL ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
  if (status == LN_OK && strcmp(weights->files[file].name, index_file) == 0) {
    status = write_index(weights, file, values, path, err);
  } else if (status == LN_OK && ln_source_weights_touches(weights, file, values)) {
    uint8_t *bytes = ln_source_weights_patch(weights, file, values);
    status = bytes != NULL ? ln_file_write(path, bytes, weights->files[file].map.size, err)
                           : ln_fail(err, LN_ERR_MEMORY, "out of memory");
    ln_free(bytes);
  }
  ln_arena_free(&arena);
  return status;
}

/* A folder like the source, without the fingerprint, which is of the old numbers. */
static ln_status write(const ln_source_weights *weights, const float *const *values, const char *path, ln_error *err) {
  if (ln_file_exists(path)) return ln_fail(err, LN_ERR_IO, "%.200s exists already", path);
  ln_status status = ln_folder_copy(weights->path, path, "fingerprint.pb", err);
  for (int32_t i = 0; i < weights->file_count && status == LN_OK; ++i) {
    status = write_file(weights, i, values, path, err);
  }
  if (status != LN_OK) ln_folder_remove(path);
  return status;
}

const ln_weights_format ln_weights_savedmodel = {"savedmodel", read, write};
