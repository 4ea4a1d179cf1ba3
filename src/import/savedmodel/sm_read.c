/* The messages of a SavedModel (tensorflow/core/protobuf/{saved_model,meta_graph,saver}.proto and the framework's
 * graph, node_def, function and op_def) as graphs of nodes. */

#include "import/savedmodel/savedmodel.h"

/* Field numbers. */
enum {
  SAVED_META_GRAPHS = 2,
  META_INFO = 1,
  META_GRAPH = 2,
  META_ASSETS = 6,
  INFO_TAGS = 4,
  GRAPH_NODE = 1,
  GRAPH_LIBRARY = 2,
  LIBRARY_FUNCTION = 1,
  NODE_NAME = 1,
  NODE_OP = 2,
  NODE_INPUT = 3,
  FUNCTION_SIGNATURE = 1,
  FUNCTION_NODE = 3,
  FUNCTION_RESULT = 4,
  OP_NAME = 1,
  OP_INPUT = 2,
  OP_OUTPUT = 3,
  ARG_NAME = 1,
  ASSET_TENSOR = 1,
  ASSET_FILE = 2,
  TENSOR_NAME = 1,
  MAP_KEY = 1,
  MAP_VALUE = 2
};

/* ---- rows ---- */

static const ln_sm_op rows[] = {
#define LN_SM_OP(op, function, variant, flags, outputs) {#op, ln_sm_op_##function, variant, flags, outputs},
#include "import/savedmodel/savedmodel_ops.def"
};

static int compare_row(const void *name, const void *row) { return strcmp(name, ((const ln_sm_op *)row)->name); }

const ln_sm_op *ln_sm_find_op(const char *name) {
  return bsearch(name, rows, LN_COUNT(rows), sizeof rows[0], compare_row);
}

const char *ln_sm_op_name(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(rows) ? NULL : rows[index].name;
}

/* ---- helpers ---- */

static bool no_memory(ln_sm *sm) {
  ln_import_no_memory(sm->import);
  return false;
}

static bool broken(ln_sm *sm, const char *what) {
  ln_import_fail(sm->import, LN_ERR_FORMAT, "saved_model.pb is damaged: %s", what);
  return false;
}

const char *ln_sm_text(ln_sm *sm, ln_wire bytes) {
  const size_t length = ln_wire_left(&bytes);
  char *text = ln_arena_alloc(&sm->arena, length + 1);
  if (text == NULL) ln_import_no_memory(sm->import);
  else if (length > 0) memcpy(text, bytes.at, length);
  return text;
}

void *ln_sm_grow(ln_sm *sm, void *items, int32_t count, int32_t *capacity, size_t item_bytes) {
  if (count < *capacity) return items;
  const int32_t more = *capacity < 16 ? 16 : *capacity * 2;
  void *grown = more > *capacity ? ln_arena_array(&sm->arena, (size_t)more, item_bytes) : NULL;
  if (grown == NULL) {
    ln_import_no_memory(sm->import);
    return NULL;
  }
  if (count > 0) memcpy(grown, items, (size_t)count * item_bytes);
  *capacity = more;
  return grown;
}

/* The text of field `number`: the last, as protobuf has it; empty where there is none. */
ln_wire ln_sm_bytes(ln_wire message, uint32_t number) {
  ln_wire_field field;
  return ln_wire_find(message, number, LN_WIRE_BYTES, &field) ? field.bytes : (ln_wire){message.at, message.at};
}

bool ln_sm_entry(ln_wire map, uint32_t number, const char *key, ln_wire *out) {
  ln_wire_field field;
  bool found = false;
  while (ln_wire_next(&map, &field)) {
    if (field.number != number || field.kind != LN_WIRE_BYTES) continue;
    const ln_wire name = ln_sm_bytes(field.bytes, MAP_KEY);
    if (ln_wire_left(&name) != strlen(key) || memcmp(name.at, key, strlen(key)) != 0) continue;
    *out = ln_sm_bytes(field.bytes, MAP_VALUE);
    found = true;
  }
  return found;
}

static int32_t count_of(ln_wire message, uint32_t number) {
  ln_wire_field field;
  int32_t count = 0;
  while (ln_wire_next(&message, &field)) count += field.number == number && field.kind == LN_WIRE_BYTES;
  return count;
}

/* ---- names ---- */

static int compare_text(const char *text, const char *name, size_t length) {
  const int order = strncmp(text, name, length);
  return order != 0 ? order : text[length] != '\0';
}

typedef struct named {
  const char *name;
  int32_t node;
} named;

static int compare_named(const void *a, const void *b) {
  const named *x = a, *y = b;
  const int order = strcmp(x->name, y->name);
  return order != 0 ? order : (x->node > y->node) - (x->node < y->node);
}

static bool sort_names(ln_sm *sm, ln_sm_graph *graph) {
  named *list = ln_alloc_array((size_t)graph->node_count + 1, sizeof *list);
  graph->by_name = ln_arena_array(&sm->arena, (size_t)graph->node_count + 1, sizeof *graph->by_name);
  const bool good = list != NULL && graph->by_name != NULL;
  for (int32_t i = 0; good && i < graph->node_count; ++i) list[i] = (named){graph->nodes[i].name, i};
  if (good) qsort(list, (size_t)graph->node_count, sizeof *list, compare_named);
  for (int32_t i = 0; good && i < graph->node_count; ++i) graph->by_name[i] = list[i].node;
  ln_free(list);
  return good || no_memory(sm);
}

int32_t ln_sm_find_node(const ln_sm_graph *graph, const char *name, size_t length) {
  int32_t low = 0, high = graph->node_count;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    const int order = compare_text(graph->nodes[graph->by_name[middle]].name, name, length);
    if (order == 0) return graph->by_name[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/* ---- what nodes ask for ---- */

static int32_t find_arg(const ln_sm_graph *graph, const char *name, size_t length) {
  for (int32_t i = 0; i < graph->arg_count; ++i) {
    if (compare_text(graph->args[i], name, length) == 0) return i;
  }
  return -1;
}

static bool parse_number(const char *text, size_t length, int32_t *out) {
  int64_t value = 0;
  if (length == 0 || length > 7) return false;
  for (size_t i = 0; i < length; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  *out = (int32_t)value;
  return true;
}

/* Where output argument `name` begins among a node's outputs: only the last one of a row may be a list. */
static int32_t output_place(const ln_sm_node *node, const char *name, size_t length) {
  int32_t place = 0;
  if (node->row == NULL || node->row->outputs == NULL) return 0;
  for (const char *at = node->row->outputs; *at != '\0'; ++place) {
    const size_t word = strcspn(at, " ");
    if (word == length && memcmp(at, name, length) == 0) return place;
    at += word + (at[word] == ' ');
  }
  return 0;
}

bool ln_sm_parse_ref(const ln_sm_graph *graph, const char *text, size_t length, ln_sm_ref *out) {
  const char *colon = memchr(text, ':', length);
  const size_t name = colon != NULL ? (size_t)(colon - text) : length;
  const char *last = text + length;
  *out = (ln_sm_ref){-1, 0};
  while (colon != NULL && last > colon && last[-1] != ':') --last;
  if (colon != NULL && !parse_number(last, (size_t)(text + length - last), &out->output)) return false;
  const int32_t arg = find_arg(graph, text, name);
  out->node = ln_sm_find_node(graph, text, name);
  /* In a function an argument stands by itself, a node's output has the argument's name behind the node's. */
  if (arg >= 0 && (out->node < 0 || colon == NULL)) {
    out->node = -1 - arg;
    return true;
  }
  if (out->node < 0) return false;
  if (colon != NULL && last - colon > 1) {
    out->output += output_place(&graph->nodes[out->node], colon + 1, (size_t)(last - colon) - 2);
  }
  return true;
}

static bool read_inputs(ln_sm *sm, const ln_sm_graph *graph, ln_sm_node *node) {
  const int32_t count = count_of(node->def.node, NODE_INPUT);
  ln_sm_ref *inputs = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *inputs);
  int32_t *controls = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *controls);
  ln_wire wire = node->def.node;
  ln_wire_field field;
  if (inputs == NULL || controls == NULL) return no_memory(sm);
  node->inputs = inputs;
  node->controls = controls;
  while (ln_wire_next(&wire, &field)) {
    if (field.number != NODE_INPUT || field.kind != LN_WIRE_BYTES) continue;
    const char *text = (const char *)field.bytes.at;
    const size_t length = ln_wire_left(&field.bytes);
    if (length > 0 && text[0] == '^') {
      const int32_t from = ln_sm_find_node(graph, text + 1, length - 1);
      if (from >= 0) controls[node->control_count++] = from; /* else: an argument, which is there anyway */
    } else if (length == 0 || !ln_sm_parse_ref(graph, text, length, &inputs[node->input_count++])) {
      ln_import_fail(sm->import, LN_ERR_MODEL, "node \"%.120s\" (%.60s) asks for \"%.*s\", which there is not",
                     node->name, node->op, (int)(length < 120 ? length : 120), text);
      return false;
    }
  }
  return true;
}

static bool read_nodes(ln_sm *sm, ln_sm_graph *graph, ln_wire message, uint32_t number) {
  const int32_t count = count_of(message, number);
  ln_wire_field field;
  graph->nodes = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *graph->nodes);
  if (graph->nodes == NULL) return no_memory(sm);
  while (ln_wire_next(&message, &field)) {
    if (field.number != number || field.kind != LN_WIRE_BYTES) continue;
    ln_sm_node *node = &graph->nodes[graph->node_count++];
    if (!ln_wire_is_well_formed(field.bytes)) return broken(sm, "a node");
    node->def.node = field.bytes;
    node->name = ln_sm_text(sm, ln_sm_bytes(field.bytes, NODE_NAME));
    node->op = ln_sm_text(sm, ln_sm_bytes(field.bytes, NODE_OP));
    if (node->name == NULL || node->op == NULL) return false;
    if (*node->name == '\0' || *node->op == '\0') return broken(sm, "a node without a name or operator");
    node->row = ln_sm_find_op(node->op);
    node->def.op = node->op;
    node->def.op_length = strlen(node->op);
  }
  if (!sort_names(sm, graph)) return false;
  for (int32_t i = 0; i < graph->node_count; ++i) {
    if (!read_inputs(sm, graph, &graph->nodes[i])) return false;
  }
  return true;
}

/* ---- functions ---- */

static bool read_args(ln_sm *sm, ln_sm_graph *graph, ln_wire signature) {
  const int32_t count = count_of(signature, OP_INPUT);
  ln_wire_field field;
  graph->args = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *graph->args);
  if (graph->args == NULL) return no_memory(sm);
  while (ln_wire_next(&signature, &field)) {
    if (field.number != OP_INPUT || field.kind != LN_WIRE_BYTES) continue;
    graph->args[graph->arg_count] = ln_sm_text(sm, ln_sm_bytes(field.bytes, ARG_NAME));
    if (graph->args[graph->arg_count++] == NULL) return false;
  }
  return true;
}

static bool read_result(ln_sm *sm, ln_sm_graph *graph, ln_wire name) {
  ln_wire wire = graph->function;
  ln_wire_field field;
  while (ln_wire_next(&wire, &field)) {
    if (field.number != FUNCTION_RESULT || field.kind != LN_WIRE_BYTES) continue;
    const ln_wire key = ln_sm_bytes(field.bytes, MAP_KEY), value = ln_sm_bytes(field.bytes, MAP_VALUE);
    if (ln_wire_left(&key) != ln_wire_left(&name) || memcmp(key.at, name.at, ln_wire_left(&key)) != 0) continue;
    if (ln_wire_left(&value) == 0) break;
    return ln_sm_parse_ref(graph, (const char *)value.at, ln_wire_left(&value),
                           &graph->results[graph->result_count++]) ||
           broken(sm, "a function gives what there is not");
  }
  return broken(sm, "a function does not say what it gives");
}

static bool read_function(ln_sm *sm, ln_sm_graph *graph) {
  const ln_wire signature = ln_sm_bytes(graph->function, FUNCTION_SIGNATURE);
  ln_wire wire = signature;
  ln_wire_field field;
  graph->read = true;
  if (!read_args(sm, graph, signature) || !read_nodes(sm, graph, graph->function, FUNCTION_NODE)) return false;
  graph->results = ln_arena_array(&sm->arena, (size_t)count_of(signature, OP_OUTPUT) + 1, sizeof *graph->results);
  if (graph->results == NULL) return no_memory(sm);
  while (ln_wire_next(&wire, &field)) {
    if (field.number != OP_OUTPUT || field.kind != LN_WIRE_BYTES) continue;
    if (!read_result(sm, graph, ln_sm_bytes(field.bytes, ARG_NAME))) return false;
  }
  return true;
}

static int compare_functions(const void *a, const void *b) {
  return strcmp(((const ln_sm_graph *)a)->name, ((const ln_sm_graph *)b)->name);
}

static bool list_functions(ln_sm *sm, ln_wire library) {
  const int32_t count = count_of(library, LIBRARY_FUNCTION);
  ln_wire_field field;
  sm->functions = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *sm->functions);
  if (sm->functions == NULL) return no_memory(sm);
  while (ln_wire_next(&library, &field)) {
    if (field.number != LIBRARY_FUNCTION || field.kind != LN_WIRE_BYTES) continue;
    if (!ln_wire_is_well_formed(field.bytes)) return broken(sm, "a function");
    ln_sm_graph *graph = &sm->functions[sm->function_count++];
    graph->function = field.bytes;
    graph->name = ln_sm_text(sm, ln_sm_bytes(ln_sm_bytes(field.bytes, FUNCTION_SIGNATURE), OP_NAME));
    if (graph->name == NULL) return false;
  }
  qsort(sm->functions, (size_t)sm->function_count, sizeof *sm->functions, compare_functions);
  return true;
}

ln_sm_graph *ln_sm_function(ln_sm *sm, const char *name, size_t length) {
  int32_t low = 0, high = sm->function_count;
  while (low < high && !ln_sm_failed(sm)) {
    const int32_t middle = low + (high - low) / 2;
    ln_sm_graph *graph = &sm->functions[middle];
    const int order = compare_text(graph->name, name, length);
    if (order == 0) return graph->read || read_function(sm, graph) ? graph : NULL;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  ln_import_fail(sm->import, LN_ERR_MODEL, "function \"%.*s\" is called but not there",
                 (int)(length < 120 ? length : 120), name);
  return NULL;
}

bool ln_sm_has_function(const ln_sm *sm, const char *name) {
  const ln_sm_graph key = {.name = name};
  return bsearch(&key, sm->functions, (size_t)sm->function_count, sizeof key, compare_functions) != NULL;
}

ln_sm_graph *ln_sm_function_of(ln_sm *sm, const ln_sm_node *node, const char *attribute) {
  const char *name;
  size_t length;
  if (ln_nodedef_func(&node->def, attribute, &name, &length)) return ln_sm_function(sm, name, length);
  ln_import_fail(sm->import, LN_ERR_MODEL, "node \"%.120s\" (%.60s) does not say which function is its %s", node->name,
                 node->op, attribute);
  return NULL;
}

/* ---- the file ---- */

static bool serves(ln_wire meta) {
  ln_wire info = ln_sm_bytes(meta, META_INFO);
  ln_wire_field field;
  while (ln_wire_next(&info, &field)) {
    if (field.number == INFO_TAGS && field.kind == LN_WIRE_BYTES && ln_wire_left(&field.bytes) == 5 &&
        memcmp(field.bytes.at, "serve", 5) == 0) {
      return true;
    }
  }
  return false;
}

/* The graph with the tag "serve", else the first. */
static bool choose_meta(ln_sm *sm) {
  ln_wire wire = sm->file;
  ln_wire_field field;
  bool found = false;
  if (!ln_wire_is_well_formed(wire)) return broken(sm, "it ends early or is no protobuf message");
  while (ln_wire_next(&wire, &field)) {
    if (field.number != SAVED_META_GRAPHS || field.kind != LN_WIRE_BYTES) continue;
    if (!ln_wire_is_well_formed(field.bytes)) return broken(sm, "a graph");
    if (found && !serves(field.bytes)) continue;
    sm->meta = field.bytes;
    found = true;
    if (serves(field.bytes)) break;
  }
  return found || broken(sm, "it holds no graph");
}

static bool list_assets(ln_sm *sm) {
  const int32_t count = count_of(sm->meta, META_ASSETS);
  ln_wire wire = sm->meta;
  ln_wire_field field;
  sm->assets = ln_arena_array(&sm->arena, (size_t)count + 1, sizeof *sm->assets);
  if (sm->assets == NULL) return no_memory(sm);
  while (ln_wire_next(&wire, &field)) {
    if (field.number != META_ASSETS || field.kind != LN_WIRE_BYTES) continue;
    ln_wire name = ln_sm_bytes(ln_sm_bytes(field.bytes, ASSET_TENSOR), TENSOR_NAME);
    const uint8_t *colon = ln_wire_left(&name) > 0 ? memchr(name.at, ':', ln_wire_left(&name)) : NULL;
    if (colon != NULL) name.end = colon;
    ln_sm_asset *asset = &sm->assets[sm->asset_count++];
    *asset = (ln_sm_asset){ln_sm_text(sm, name), ln_sm_text(sm, ln_sm_bytes(field.bytes, ASSET_FILE))};
    if (asset->node == NULL || asset->file == NULL) return false;
  }
  return true;
}

/* A source is the folder, or the file in it. */
static bool map_file(ln_sm *sm) {
  const ln_import_source *source = sm->import->source;
  const char *slash = strrchr(source->path, '/'), *path;
  ln_error said = {LN_OK, ""};
  if (!source->is_folder) {
    sm->folder = slash == NULL ? "." : ln_sm_text(sm, ln_wire_of(source->path, (size_t)(slash - source->path) + 1));
    sm->file = ln_wire_of(source->map.data, source->map.size);
    return sm->folder != NULL;
  }
  sm->folder = source->path;
  path = ln_arena_printf(&sm->arena, "%s/saved_model.pb", sm->folder);
  if (path == NULL) return no_memory(sm);
  const ln_status status = ln_file_map_open(path, &said, &sm->map);
  if (status != LN_OK) ln_import_fail(sm->import, status, "saved_model.pb: %s", said.message);
  sm->file = ln_wire_of(sm->map.data, sm->map.size);
  return status == LN_OK;
}

bool ln_sm_open(ln_sm *sm) {
  if (!map_file(sm) || !choose_meta(sm) || !list_assets(sm)) return false;
  const ln_wire graph = ln_sm_bytes(sm->meta, META_GRAPH);
  if (!ln_wire_is_well_formed(graph)) return broken(sm, "the graph");
  sm->top.name = "";
  sm->top.read = true;
  return list_functions(sm, ln_sm_bytes(graph, GRAPH_LIBRARY)) && read_nodes(sm, &sm->top, graph, GRAPH_NODE);
}

void ln_sm_close(ln_sm *sm) {
  if (sm->has_checkpoint) ln_checkpoint_close(&sm->checkpoint);
  ln_file_map_close(&sm->map);
  ln_arena_free(&sm->arena);
}
