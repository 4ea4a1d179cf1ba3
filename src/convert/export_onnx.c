/*
 * The floats of an ONNX file: initializers and the tensors of Constant nodes of the main graph, in the file or in files
 * beside it. Field numbers are those of onnx.proto. Numbers keep their size, so that they are written where they lie
 * and everything else of the file stays as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "convert/export.h"
#include "ir/wire.h"

enum {
  MODEL_GRAPH = 7,
  GRAPH_NODE = 1,
  GRAPH_INITIALIZER = 5,
  NODE_OUTPUT = 2,
  NODE_TYPE = 4,
  NODE_ATTRIBUTE = 5,
  ATTRIBUTE_TENSOR = 5,
  TENSOR_DIMS = 1,
  TENSOR_TYPE = 2,
  TENSOR_FLOATS = 4,
  TENSOR_NAME = 8,
  TENSOR_RAW = 9,
  TENSOR_DOUBLES = 10,
  TENSOR_EXTERNAL = 13,
  TENSOR_LOCATION = 14,
  ONNX_FLOAT = 1,
  ONNX_FLOAT16 = 10,
  ONNX_DOUBLE = 11,
  NAME_MOST = 512
};

typedef struct reader {
  ln_source_weights *weights;
  const uint8_t *file; /* the model's bytes */
  ln_error *err;
} reader;

static ln_status no_memory(reader *r) { return ln_fail(r->err, LN_ERR_MEMORY, "out of memory"); }

static bool is_text(ln_wire message, uint32_t field, const char *text) {
  char found[NAME_MOST];
  ln_wire_find_text(message, field, found, sizeof found);
  return strcmp(found, text) == 0;
}

static ln_type type_of(ln_wire tensor) {
  ln_wire_field type;
  if (!ln_wire_find(tensor, TENSOR_TYPE, LN_WIRE_VARINT, &type)) return LN_STRING;
  return type.value == ONNX_FLOAT     ? LN_FLOAT32
         : type.value == ONNX_FLOAT16 ? LN_FLOAT16
         : type.value == ONNX_DOUBLE  ? LN_FLOAT64
                                      : LN_STRING;
}

/* Elements and rank; false for dimensions that cannot be. */
static bool measure(ln_wire tensor, ln_source_weight *out) {
  ln_wire_walker dims = {.message = tensor, .number = TENSOR_DIMS, .kind = LN_WIRE_VARINT};
  out->count = 1;
  for (uint64_t dim; ln_wire_walk(&dims, &dim); ++out->rank) {
    if (dim > SIZE_MAX / 2 || !ln_size_mul(out->count, (size_t)dim, &out->count)) return false;
  }
  return ln_wire_walked(&dims);
}

/* {location, offset, length} of a file beside the model. */
static ln_status read_external(reader *r, ln_wire tensor, ln_source_weight *weight) {
  ln_wire_walker entries = {.message = tensor, .number = TENSOR_EXTERNAL, .kind = LN_WIRE_BYTES};
  char key[NAME_MOST], value[NAME_MOST], location[NAME_MOST] = "";
  for (ln_wire_field entry; ln_wire_walk_bytes(&entries, &entry);) {
    ln_wire_find_text(entry.bytes, 1, key, sizeof key);
    ln_wire_find_text(entry.bytes, 2, value, sizeof value);
    if (strcmp(key, "location") == 0) memcpy(location, value, sizeof location);
    if (strcmp(key, "offset") == 0) weight->offset = (size_t)strtoull(value, NULL, 10);
  }
  if (strchr(location, '/') != NULL) {
    return ln_fail(r->err, LN_ERR_UNSUPPORTED, "\"%.80s\": its data lie in a folder of their own, \"%.80s\"",
                   weight->name, location);
  }
  LN_TRY(ln_source_weights_map(r->weights, location, r->err, &weight->file));
  return ln_source_weights_add(r->weights, weight) ? LN_OK : no_memory(r);
}

/* Floats one by one or packed; each four (eight) bytes at an even distance, or the tensor is left alone. */
static bool find_listed(ln_wire tensor, ln_type type, const uint8_t *file, ln_source_weight *out) {
  const uint32_t field = type == LN_FLOAT64 ? TENSOR_DOUBLES : TENSOR_FLOATS;
  const ln_wire_kind kind = type == LN_FLOAT64 ? LN_WIRE_64 : LN_WIRE_32;
  const size_t size = type == LN_FLOAT64 ? 8 : 4;
  size_t found = 0;
  for (ln_wire_field f; ln_wire_next(&tensor, &f);) {
    if (f.number != field) continue;
    if (f.kind == LN_WIRE_BYTES) { /* packed */
      out->offset = (size_t)(f.bytes.at - file);
      out->stride = size;
      return found == 0 && ln_wire_left(&f.bytes) == out->count * size;
    }
    if (f.kind != (uint32_t)kind) return false;
    const size_t at = (size_t)(tensor.at - file) - size;
    if (found == 0) out->offset = at;
    if (found == 1) out->stride = at - out->offset;
    if (found > 1 && at != out->offset + found * out->stride) return false;
    ++found;
  }
  if (found == 1) out->stride = size;
  return found == out->count && found > 0;
}

static ln_status read_tensor(reader *r, ln_wire tensor, const char *name) {
  ln_wire_field raw, place;
  ln_source_weight weight = {.name = name, .type = type_of(tensor)};
  if (weight.type == LN_STRING || !measure(tensor, &weight) || weight.count == 0) return LN_OK;
  weight.stride = (size_t)ln_type_bits(weight.type) / 8;
  if (ln_wire_find(tensor, TENSOR_LOCATION, LN_WIRE_VARINT, &place) && place.value == 1) {
    return read_external(r, tensor, &weight);
  }
  if (ln_wire_find(tensor, TENSOR_RAW, LN_WIRE_BYTES, &raw) && ln_wire_left(&raw.bytes) > 0) {
    if (ln_wire_left(&raw.bytes) / weight.stride != weight.count) return LN_OK;
    weight.offset = (size_t)(raw.bytes.at - r->file);
  } else if (weight.type == LN_FLOAT16 || !find_listed(tensor, weight.type, r->file, &weight)) {
    return LN_OK;
  }
  return ln_source_weights_add(r->weights, &weight) ? LN_OK : no_memory(r);
}

static ln_status read_node(reader *r, ln_wire node) {
  char name[NAME_MOST];
  ln_wire_walker attributes = {.message = node, .number = NODE_ATTRIBUTE, .kind = LN_WIRE_BYTES};
  if (!is_text(node, NODE_TYPE, "Constant")) return LN_OK;
  ln_wire_find_text(node, NODE_OUTPUT, name, sizeof name);
  for (ln_wire_field attribute; ln_wire_walk_bytes(&attributes, &attribute);) {
    ln_wire_field tensor;
    if (!ln_wire_find(attribute.bytes, ATTRIBUTE_TENSOR, LN_WIRE_BYTES, &tensor)) continue;
    LN_TRY(read_tensor(r, tensor.bytes, name));
  }
  return LN_OK;
}

static ln_status read(ln_source_weights *weights, ln_error *err) {
  reader r = {weights, NULL, err};
  ln_wire_field graph;
  int32_t file;
  LN_TRY(ln_source_weights_map(weights, NULL, err, &file));
  const ln_file_map *map = &weights->files[0].map;
  r.file = map->data;
  if (!ln_wire_find(ln_wire_of(map->data, map->size), MODEL_GRAPH, LN_WIRE_BYTES, &graph)) {
    return ln_fail(err, LN_ERR_FORMAT, "the ONNX file holds no graph");
  }
  for (ln_wire_field field; ln_wire_next(&graph.bytes, &field);) {
    char name[NAME_MOST];
    if (field.kind != LN_WIRE_BYTES) continue;
    if (field.number == GRAPH_NODE) LN_TRY(read_node(&r, field.bytes));
    if (field.number != GRAPH_INITIALIZER) continue;
    ln_wire_find_text(field.bytes, TENSOR_NAME, name, sizeof name);
    LN_TRY(read_tensor(&r, field.bytes, name));
  }
  return LN_OK;
}

/* The name of a file beside `path`. */
static const char *beside(ln_arena *arena, const char *path, const char *name) {
  const char *slash = strrchr(path, '/');
  return ln_arena_printf(arena, "%.*s%s", slash != NULL ? (int)(slash + 1 - path) : 0, path, name);
}

static ln_status write_file(const ln_source_weights *weights, int32_t file, const float *const *values,
                            const char *path, ln_error *err) {
  uint8_t *bytes = ln_source_weights_patch(weights, file, values);
  if (bytes == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const ln_status status = ln_file_write(path, bytes, weights->files[file].map.size, err);
  ln_free(bytes);
  return status;
}

static ln_status write(const ln_source_weights *weights, const float *const *values, const char *path, ln_error *err) {
  ln_arena arena = {0};
  ln_status status = LN_OK;
  for (int32_t i = 1; i < weights->file_count && status == LN_OK; ++i) {
    const char *from = beside(&arena, weights->path, weights->files[i].name);
    const char *to = beside(&arena, path, weights->files[i].name);
    if (from == NULL || to == NULL) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    else if (ln_file_exists(to)) {
      status = ln_fail(err, LN_ERR_IO, "%.200s, which holds the weights, exists already; write to another folder", to);
    } else {
      status = write_file(weights, i, values, to, err);
    }
  }
  ln_arena_free(&arena);
  return status == LN_OK ? write_file(weights, 0, values, path, err) : status;
}

const ln_weights_format ln_weights_onnx = {"onnx", read, write};
