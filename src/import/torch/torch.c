/* The program of an archive: its inputs, weights and buffers, its nodes, and the signature that people call. */
#include <stdio.h>
#include <string.h>

#include "import/importers.h"
#include "import/torch/torch.h"

/* The first member's name says it, even where the archive is cut short. */
static bool is_archive(const uint8_t *data, size_t size) {
  static const char *const parts[] = {"archive_format", "archive_version",      "serialized_",     "data.pkl",
                                      "byteorder",      "data/weights/",        "data/constants/", ".data/",
                                      "models/",        "/data/sample_inputs/", "constants.pkl",   "/code/",
                                      "/data/0"};
  char name[TORCH_NAME];
  if (size < 30 || memcmp(data, "PK\3\4", 4) != 0) return false;
  const size_t length = (size_t)data[26] | (size_t)data[27] << 8;
  if (length > size - 30 || length >= sizeof name) return false;
  memcpy(name, data + 30, length);
  name[length] = '\0';
  for (size_t i = 0; i < LN_COUNT(parts); ++i) {
    if (strstr(name, parts[i]) != NULL) return true;
  }
  return strcmp(name, "version") == 0;
}

#ifndef LN_HAVE_CJSON

bool ln_import_is_torch(const ln_import_source *source) {
  return !source->is_folder && is_archive(source->map.data, source->map.size);
}

ln_status ln_import_torch(ln_import *import) {
  ln_import_fail(import, LN_ERR_FEATURE, "this build was made without cJSON, which reading PyTorch's files takes");
  return import->status;
}

#else

/* What torch.save wrote before it wrote zip files. */
static bool is_old_pickle(const uint8_t *data, size_t size) {
  static const uint8_t magic[] = {0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  return size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0;
}

bool ln_import_is_torch(const ln_import_source *source) {
  const uint8_t *data = source->map.data;
  if (source->is_folder || data == NULL) return false;
  return is_archive(data, source->map.size) || ln_torch_is_safetensors(data, source->map.size) ||
         is_old_pickle(data, source->map.size);
}

/* ---- which buffers are written ---- */

/* Names of the graph by what they are views of; a written one's version is 1. */
static void find_written(torch_graph *scan, torch_graph *g) {
  const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(g->json, "inputs");
  for (const cJSON *in = inputs != NULL ? inputs->child : NULL; in != NULL; in = in->next) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(in, "as_tensor"), "name");
    if (cJSON_IsString(name)) ln_torch_define(scan, name->valuestring, -1);
  }
  ln_torch_scan_writes(scan);
}

static const char *text_of(const cJSON *object, const char *key) {
  const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(text) ? text->valuestring : NULL;
}

static const cJSON *signature_of(const torch_graph *g, const char *which) {
  const cJSON *module = cJSON_GetObjectItemCaseSensitive(g->model->program, "graph_module");
  return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(module, "signature"), which);
}

/* Whether an output of the signature writes the buffer. */
static bool written_by_signature(const torch_graph *g, const char *buffer) {
  const cJSON *specs = signature_of(g, "output_specs");
  for (const cJSON *spec = specs != NULL ? specs->child : NULL; spec != NULL; spec = spec->next) {
    const char *own = text_of(cJSON_GetObjectItemCaseSensitive(spec, "buffer_mutation"), "buffer_name");
    if (own == NULL) own = text_of(cJSON_GetObjectItemCaseSensitive(spec, "parameter_mutation"), "parameter_name");
    if (own != NULL && strcmp(own, buffer) == 0) return true;
  }
  return false;
}

/* ---- inputs ---- */

static const cJSON *meta_of(const torch_graph *g, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(g->json, "tensor_values"), name);
}

static void define_input(torch_graph *g, const char *name) {
  ln_input_dim dims[LN_MAX_RANK];
  ln_type type = LN_FLOAT32;
  int32_t rank = 0;
  const cJSON *meta = meta_of(g, name), *dtype = cJSON_GetObjectItemCaseSensitive(meta, "dtype");
  const cJSON *sizes = cJSON_GetObjectItemCaseSensitive(meta, "sizes");
  ln_emit_at(g->e, name, "input");
  if (!cJSON_IsNumber(dtype) || !cJSON_IsArray(sizes)) {
    ln_emit_wrong(g->e, "it has no shape");
  } else if (!ln_torch_type(dtype->valueint, &type)) {
    ln_emit_refuse(g->e, "its type is none that TensorFlow Lite has");
  }
  for (const cJSON *size = sizes != NULL ? sizes->child : NULL; size != NULL && !ln_emit_failed(g->e);
       size = size->next) {
    const char *expression = text_of(cJSON_GetObjectItemCaseSensitive(size, "as_expr"), "expr_str");
    int64_t fixed;
    if (rank == LN_MAX_RANK) {
      ln_emit_refuse(g->e, "it has more than %d dimensions", LN_MAX_RANK);
    } else if (expression != NULL) {
      if (!ln_torch_symbol(g->model, g->e->import, expression, &dims[rank++])) return;
    } else if (ln_torch_size(g->e->import, size, 0, &fixed) && fixed <= INT32_MAX) {
      dims[rank++] = (ln_input_dim){(int32_t)fixed, -1};
    } else {
      ln_emit_wrong(g->e, "a dimension is no size");
    }
  }
  if (!ln_emit_failed(g->e)) ln_torch_define(g, name, ln_emit_input(g->e, name, type, rank, dims));
}

/* A weight: a variable where it is written, else a constant once it is read. */
static void define_weight(torch_graph *g, const torch_graph *scan, const char *name, const char *own) {
  const torch_payload *payload = own != NULL ? ln_torch_find_weight(&g->model->weights, own) : NULL;
  ln_emit_at(g->e, own, "weight");
  if (name == NULL || payload == NULL) {
    ln_emit_wrong(g->e, "the archive holds no such weight");
    return;
  }
  const int32_t value = ln_torch_define(g, name, -1), seen = ln_torch_find(scan, name);
  if (value < 0) return;
  if ((seen < 0 || scan->values[seen].version == 0) && !written_by_signature(g, own)) {
    g->values[value].payload = payload;
    g->values[value].payload_name = own;
    return;
  }
  const int32_t first = ln_torch_constant(g->e, payload);
  const ln_shape shape = ln_emit_shape(g->e, first);
  if (ln_emit_failed(g->e)) return;
  g->values[value].variable =
      ln_import_variable(g->e->import, own, payload->type, shape.rank, shape.dims, ln_emit_data(g->e, first));
  g->values[value].tensor = ln_emit_read(g->e, g->values[value].variable);
}

static void define_spec(torch_graph *g, const torch_graph *scan, const cJSON *spec) {
  static const struct {
    const char *kind, *name;
  } weights[] = {
      {"parameter", "parameter_name"}, {"buffer", "buffer_name"}, {"tensor_constant", "tensor_constant_name"}};
  const cJSON *input = cJSON_GetObjectItemCaseSensitive(spec, "user_input");
  const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(input, "arg"), "as_tensor");
  const char *number = text_of(
      cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(input, "arg"), "as_sym_int"), "as_name");
  if (tensor != NULL && text_of(tensor, "name") != NULL) define_input(g, text_of(tensor, "name"));
  if (number != NULL) ln_torch_define(g, number, ln_emit_input(g->e, number, LN_INT64, 0, NULL));
  for (size_t i = 0; i < LN_COUNT(weights); ++i) {
    const cJSON *weight = cJSON_GetObjectItemCaseSensitive(spec, weights[i].kind);
    const char *name = text_of(cJSON_GetObjectItemCaseSensitive(weight, "arg"), "name");
    if (weight != NULL) define_weight(g, scan, name, text_of(weight, weights[i].name));
  }
}

static void define_inputs(torch_graph *g) {
  torch_graph scan = {.model = g->model, .e = g->e, .json = g->json};
  const cJSON *specs = signature_of(g, "input_specs");
  find_written(&scan, g);
  for (const cJSON *spec = specs != NULL ? specs->child : NULL; spec != NULL && !ln_emit_failed(g->e);
       spec = spec->next) {
    define_spec(g, &scan, spec);
  }
}

/* ---- outputs ---- */

typedef struct leaf_names {
  char (*names)[128];
  int32_t count, capacity;
} leaf_names;

/* Leaves of a tree of Python's containers in order: keys of dictionaries name them. */
static void walk_tree(const cJSON *tree, const char *prefix, bool keyed, int32_t depth, leaf_names *out) {
  const cJSON *children = cJSON_GetObjectItemCaseSensitive(tree, "children_spec");
  const char *type = text_of(tree, "type"), *context = text_of(tree, "context");
  if (depth > 32 || tree == NULL) return;
  if (type == NULL) {
    if (out->count < out->capacity) {
      if (keyed) snprintf(out->names[out->count], sizeof out->names[0], "%s", prefix);
      ++out->count;
    }
    return;
  }
  cJSON *keys = context != NULL && strlen(context) < 65536 ? cJSON_Parse(context) : NULL;
  const bool dictionary = cJSON_IsArray(keys) && strstr(type, "tuple") == NULL && strstr(type, "list") == NULL;
  int32_t at = 0;
  for (const cJSON *child = children != NULL ? children->child : NULL; child != NULL; child = child->next, ++at) {
    char name[128];
    const cJSON *key = dictionary ? cJSON_GetArrayItem(keys, at) : NULL;
    const char *glue = prefix[0] != '\0' ? "_" : "";
    if (cJSON_IsString(key)) snprintf(name, sizeof name, "%.60s%s%.60s", prefix, glue, key->valuestring);
    else snprintf(name, sizeof name, "%.60s%s%d", prefix, glue, at);
    walk_tree(child, name, keyed || (depth == 0 && dictionary), depth + 1, out);
  }
  cJSON_Delete(keys);
}

/* Names of the results, "" where nothing names them. */
static void lastingresults(const torch_graph *g, leaf_names *out) {
  const cJSON *module = cJSON_GetObjectItemCaseSensitive(g->model->program, "graph_module");
  const cJSON *calls = cJSON_GetObjectItemCaseSensitive(module, "module_call_graph");
  const char *text =
      text_of(cJSON_GetObjectItemCaseSensitive(calls != NULL ? calls->child : NULL, "signature"), "out_spec");
  cJSON *spec = text != NULL && strlen(text) < (1 << 20) ? cJSON_Parse(text) : NULL;
  walk_tree(cJSON_GetArrayItem(spec, 1), "", false, 0, out);
  cJSON_Delete(spec);
}

/* A buffer that the signature says is written: by a value of the graph. */
static void write_buffer(torch_graph *g, const cJSON *mutation, const char *key) {
  const char *from = text_of(cJSON_GetObjectItemCaseSensitive(mutation, "arg"), "name"), *own = text_of(mutation, key);
  const cJSON *specs = signature_of(g, "input_specs");
  if (from == NULL || own == NULL) return;
  for (const cJSON *spec = specs != NULL ? specs->child : NULL; spec != NULL; spec = spec->next) {
    const cJSON *weight = cJSON_GetObjectItemCaseSensitive(spec, key[0] == 'b' ? "buffer" : "parameter");
    const char *name = text_of(cJSON_GetObjectItemCaseSensitive(weight, "arg"), "name");
    const char *same = text_of(weight, key);
    if (name == NULL || same == NULL || strcmp(same, own) != 0) continue;
    const int32_t tensor = ln_torch_read(g, from), value = ln_torch_find(g, name);
    if (value >= 0) ln_torch_write(g, value, tensor);
  }
}

static void keep_buffers(torch_graph *g) {
  for (int32_t i = 0; i < g->value_count && !ln_emit_failed(g->e); ++i) {
    const torch_value *v = &g->values[i];
    if (v->variable >= 0 && v->version > 0) ln_emit_assign(g->e, v->variable, v->tensor);
  }
}

static void add_output(torch_graph *g, const cJSON *argument, const char *name, int32_t place) {
  char made[32];
  const torch_node n = {.g = g, .e = g->e};
  snprintf(made, sizeof made, "output_%d", place);
  ln_emit_at(g->e, name[0] != '\0' ? name : made, "output");
  if (argument == NULL || argument->child == NULL || argument->child->string == NULL ||
      strcmp(argument->child->string, "as_none") == 0)
    return;
  ln_emit_output(g->e, name[0] != '\0' ? name : made, ln_torch_value_of(&n, argument));
}

enum { MOST_RESULTS = 1024 };

static void add_outputs(torch_graph *g) {
  const cJSON *specs = signature_of(g, "output_specs");
  leaf_names leaves = {ln_alloc_array(MOST_RESULTS, 128), 0, MOST_RESULTS};
  int32_t place = 0;
  if (leaves.names == NULL) ln_import_no_memory(g->e->import);
  else lastingresults(g, &leaves);
  for (const cJSON *spec = specs != NULL ? specs->child : NULL; spec != NULL && !ln_emit_failed(g->e);
       spec = spec->next) {
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(spec, "user_output");
    if (user == NULL) user = cJSON_GetObjectItemCaseSensitive(spec, "loss_output");
    write_buffer(g, cJSON_GetObjectItemCaseSensitive(spec, "buffer_mutation"), "buffer_name");
    write_buffer(g, cJSON_GetObjectItemCaseSensitive(spec, "parameter_mutation"), "parameter_name");
    if (user == NULL) continue; /* what it writes into its caller's inputs stays here */
    const bool named = place < leaves.count && place < MOST_RESULTS;
    add_output(g, cJSON_GetObjectItemCaseSensitive(user, "arg"), named ? leaves.names[place] : "", place);
    ++place;
  }
  ln_free(leaves.names);
}

/* ---- the whole ---- */

static cJSON *read_program(const torch_archive *archive, const char *program) {
  char name[2 * TORCH_NAME];
  snprintf(name, sizeof name, "models/%s.json", program);
  return ln_torch_json(archive, archive->older ? "serialized_exported_program.json" : name, true);
}

static void check_version(ln_import *import, const cJSON *program) {
  const cJSON *major =
      cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(program, "schema_version"), "major");
  if (cJSON_IsNumber(major) && (major->valueint < 1 || major->valueint > 8)) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED, "the program is of schema version %d; versions up to 8 are known",
                   major->valueint);
  }
}

static void read_program_into(ln_import *import, torch_model *model) {
  const cJSON *module = cJSON_GetObjectItemCaseSensitive(model->program, "graph_module");
  torch_graph g = {.model = model, .json = cJSON_GetObjectItemCaseSensitive(module, "graph")};
  if (!cJSON_IsObject(g.json)) {
    ln_import_fail(import, LN_ERR_FORMAT, "the program has no graph");
    return;
  }
  model->ranges = cJSON_GetObjectItemCaseSensitive(model->program, "range_constraints");
  g.e = ln_emit_begin(import, model->name[0] != '\0' ? model->name : "main");
  if (g.e == NULL) return;
  define_inputs(&g);
  if (!ln_torch_run(&g)) return;
  add_outputs(&g);
  ln_emit_at(g.e, NULL, NULL);
  keep_buffers(&g);
  ln_emit_sign(g.e, model->name[0] != '\0' ? model->name : "serving_default");
}

/* Each program of the archive is a signature. */
static void read_programs(ln_import *import, torch_model *model) {
  char name[TORCH_NAME];
  const bool several = ln_torch_program_at(&model->archive, 1, name);
  for (int32_t i = 0; !ln_import_failed(import) && ln_torch_program_at(&model->archive, i, name); ++i) {
    if (!ln_import_wants_signature(import, several ? name : "serving_default")) continue;
    model->name = several ? ln_arena_strdup(&import->model->arena, name) : "";
    model->weights = (torch_weights){0};
    if (model->name == NULL) ln_import_no_memory(import);
    cJSON *program = read_program(&model->archive, name);
    model->program = program;
    if (program != NULL) check_version(import, program);
    if (program != NULL && ln_torch_read_weights(&model->archive, name, &model->weights))
      read_program_into(import, model);
    cJSON_Delete(program);
  }
  if (!ln_torch_program_at(&model->archive, 0, name))
    ln_import_fail(import, LN_ERR_FORMAT, "the archive holds no program");
}

ln_status ln_import_torch(ln_import *import) {
  const ln_file_map *map = &import->source->map;
  torch_model *model = ln_arena_alloc(&import->model->arena, sizeof *model);
  import->what = "node";
  if (model == NULL) ln_import_no_memory(import);
  else if (ln_torch_is_safetensors(map->data, map->size) || is_old_pickle(map->data, map->size)) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED,
                   "the file holds weights but no architecture: save the model with torch.export.save");
  } else if (ln_torch_open(import, map->data, map->size, &model->archive)) {
    read_programs(import, model);
  }
  return import->status;
}

#endif
