/* linnet inspect: what a model file holds, and what running it takes. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"

/* What a session on the model takes; `reason` is set instead when none can be made. */
typedef struct needs {
  bool known;
  ln_session_stats stats;
  char reason[512];
} needs;

static void find_needs(const cli_model *model, needs *out) {
  *out = (needs){.stats = {.size = sizeof out->stats}};
  ln_session *session = NULL;
  ln_error err = {0};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  if (model->signature >= 0) options.signature = ln_model_signature_name(model->model, model->signature);
  ln_status status = ln_session_create(model->model, &options, &err, &session);
  if (status == LN_OK) status = ln_session_prepare(session, &err);
  if (status == LN_OK) status = ln_session_get_stats(session, &out->stats);
  out->known = status == LN_OK;
  snprintf(out->reason, sizeof out->reason, "%s", err.message);
  ln_session_destroy(session);
}

/* ---- walking ---- */

/* An input or output by number, through the signature's keys or in the graph's order. */
typedef struct port {
  const char *name;
  const ln_tensor *tensor;
  ln_tensor_info info;
} port;

static int32_t port_count(const cli_model *model, bool outputs) {
  if (model->signature >= 0) return ln_model_signature_arity(model->model, model->signature, outputs);
  const ln_graph *graph = ln_model_graph(model->model, model->graph);
  return outputs ? ln_graph_output_count(graph) : ln_graph_input_count(graph);
}

static port get_port(const cli_model *model, bool outputs, int32_t index) {
  port out;
  out.tensor = cli_model_tensor(model, outputs, index);
  out.name = model->signature >= 0 ? ln_model_signature_key(model->model, model->signature, outputs, index)
                                   : ln_tensor_name(out.tensor);
  out.info = cli_model_tensor_info(model, outputs, index);
  return out;
}

static bool get_file(const cli_model *model, int32_t index, ln_file_info *out) {
  *out = (ln_file_info){.size = sizeof *out};
  return ln_model_info_file(model->info, index, out) == LN_OK;
}

static size_t graph_constant_bytes(const ln_graph *graph, int32_t *constants, int32_t *by_table) {
  size_t bytes = 0;
  *constants = *by_table = 0;
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++) {
    const ln_tensor *tensor = ln_graph_tensor(graph, i);
    if (!ln_tensor_is_constant(tensor)) continue;
    bytes += ln_tensor_bytes(tensor);
    ++*constants;
    if (ln_tensor_table_bits(tensor) > 0) ++*by_table;
  }
  return bytes;
}

/* The text of an operator's attributes (malloc). */
static char *attributes(const ln_op *op) {
  const size_t length = ln_op_attributes(op, NULL, 0);
  char *text = malloc(length + 1);
  if (!text) return NULL;
  text[0] = 0;
  ln_op_attributes(op, text, length + 1);
  return text;
}

/* ---- text ---- */

static void print_field(const char *name, const char *value) {
  if (*value) printf("  %-12s %s\n", name, value);
}

static void print_metadata(const cli_model *model) {
  const ln_model_info *info = model->info;
  if (info) {
    printf("metadata\n");
    print_field("name", ln_model_info_name(info));
    print_field("description", ln_model_info_description(info));
    print_field("version", ln_model_info_version(info));
    print_field("author", ln_model_info_author(info));
    print_field("license", ln_model_info_license(info));
    print_field("parser from", ln_model_info_min_parser_version(info));
  }
  for (int32_t i = 0; info && i < ln_model_info_file_count(info); i++) {
    ln_file_info file;
    if (!get_file(model, i, &file)) continue;
    void *data = NULL;
    size_t size = 0;
    char bytes[32], owner[48] = "the model";
    const bool present = ln_io_model_file(model->model, file.name, NULL, &data, &size) == LN_OK;
    ln_io_free(data);
    if (file.tensor >= 0) snprintf(owner, sizeof owner, "%s %d", file.of_output ? "output" : "input", file.tensor);
    printf("  %-12s %s: %s of %s, %s\n", "file", file.name, ln_file_kind_name(file.kind), owner,
           present ? cli_bytes_text((double)size, bytes, sizeof bytes) : "missing in the file");
  }
  const int32_t count = ln_model_metadata_count(model->model);
  if (count > 0 && !info) printf("metadata\n");
  for (int32_t i = 0; i < count; i++) {
    const char *name = ln_model_metadata_name(model->model, i);
    size_t size = 0;
    char bytes[32];
    ln_model_metadata(model->model, name, &size);
    printf("  %-12s %s, %s\n", "entry", name, cli_bytes_text((double)size, bytes, sizeof bytes));
  }
}

static void print_port(const cli_model *model, bool outputs, int32_t index) {
  const port p = get_port(model, outputs, index);
  char shape[160], quant[96];
  printf("  %-7s %-32s %s", outputs ? "output" : "input", *p.name ? p.name : "(no name)",
         cli_declared_text(p.tensor, shape, sizeof shape));
  if (*cli_quant_text(p.tensor, quant, sizeof quant)) printf("  %s", quant);
  if (p.info.mean_count > 0) printf("  mean %g, std %g", (double)p.info.mean[0], (double)p.info.std[0]);
  if (p.info.sample_rate > 0) printf("  %u Hz", p.info.sample_rate);
  printf("\n");
  if (*p.info.description) printf("          %s\n", p.info.description);
}

static void print_signature(const cli_model *model) {
  if (model->signature >= 0) printf("signature \"%s\"\n", ln_model_signature_name(model->model, model->signature));
  else printf("inputs and outputs\n");
  for (int outputs = 0; outputs < 2; outputs++) {
    for (int32_t i = 0; i < port_count(model, outputs); i++) print_port(model, outputs, i);
  }
}

static void print_shapes(const ln_graph *graph, const ln_op *op, bool outputs) {
  const int32_t count = outputs ? ln_op_output_count(op) : ln_op_input_count(op);
  for (int32_t i = 0; i < count; i++) {
    const int32_t index = outputs ? ln_op_output(op, i) : ln_op_input(op, i);
    char shape[160];
    printf("%s%s", i ? ", " : "",
           index < 0 ? "-" : cli_declared_text(ln_graph_tensor(graph, index), shape, sizeof shape));
  }
}

static void print_graph(const ln_model *model, int32_t number) {
  const ln_graph *graph = ln_model_graph(model, number);
  int32_t constants, by_table;
  char bytes[32];
  cli_bytes_text((double)graph_constant_bytes(graph, &constants, &by_table), bytes, sizeof bytes);
  printf("graph %d \"%s\": %d operators, %d tensors, %d of them constant (%s)", number, ln_graph_name(graph),
         ln_graph_op_count(graph), ln_graph_tensor_count(graph), constants, bytes);
  if (by_table > 0) printf(", %d stored by table", by_table);
  printf("\n");
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) {
    const ln_op *op = ln_graph_op(graph, i);
    char *text = attributes(op);
    printf("%5d %-24s ", i, ln_op_name(op));
    print_shapes(graph, op, false);
    printf(" -> ");
    print_shapes(graph, op, true);
    printf("%s%s", text && *text ? "  " : "", text ? text : "");
    if (ln_op_origin(op)) printf("  # %s", ln_op_origin(op));
    if (ln_op_origin_op(op)) printf(" (%s)", ln_op_origin_op(op));
    printf("\n");
    free(text);
  }
}

static void print_needs(const needs *n) {
  char arena[32], least[32], weights[32], variables[32];
  if (!n->known) {
    printf("memory: cannot be planned: %s\n", n->reason);
    return;
  }
  printf("memory: arena %s (no plan can do with less than %s), weights %s, variables %s\n",
         cli_bytes_text((double)n->stats.arena_bytes, arena, sizeof arena),
         cli_bytes_text((double)n->stats.arena_lower_bound, least, sizeof least),
         cli_bytes_text((double)n->stats.weight_bytes, weights, sizeof weights),
         cli_bytes_text((double)n->stats.variable_bytes, variables, sizeof variables));
  printf("work: %d steps, %.3f million multiply-accumulates\n", n->stats.operators, (double)n->stats.macs / 1e6);
}

static void print_text(cli_model *model) {
  char bytes[32];
  size_t size = 0;
  ln_model_file(model->model, &size);
  printf("%s  %s\n", model->path, cli_bytes_text((double)size, bytes, sizeof bytes));
  const char *description = ln_model_description(model->model);
  if (*description) printf("%s\n", description);
  const char *kind = ln_model_source_kind(model->model), *name = ln_model_source_name(model->model);
  if (kind) printf("converted from %s (%s); behind # stands what an operator comes from\n", name ? name : "?", kind);
  print_metadata(model);
  needs n;
  find_needs(model, &n);
  const int32_t signatures = ln_model_signature_count(model->model);
  for (int32_t i = 0; i < (signatures > 0 ? signatures : 1); i++) {
    model->signature = signatures > 0 ? i : -1;
    model->graph = signatures > 0 ? ln_model_signature_graph(model->model, i) : 0;
    print_signature(model);
  }
  for (int32_t i = 0; i < ln_model_graph_count(model->model); i++) print_graph(model->model, i);
  print_needs(&n);
}

/* ---- JSON ---- */

static void json_tensor(json *j, const ln_tensor *tensor) {
  json_string(j, "type", ln_type_name(ln_tensor_type(tensor)));
  json_flat_array(j, "shape"); /* -1: the model leaves it open */
  for (int32_t i = 0; i < ln_tensor_rank(tensor); i++) json_int(j, NULL, ln_tensor_declared_dim(tensor, i));
  json_end(j, ']');
  if (ln_tensor_scale_count(tensor) == 1) {
    json_real(j, "scale", (double)ln_tensor_scale(tensor, 0));
    json_int(j, "zero_point", ln_tensor_zero_point(tensor, 0));
  } else if (ln_tensor_scale_count(tensor) > 1) {
    json_int(j, "scales", ln_tensor_scale_count(tensor));
    json_int(j, "axis", ln_tensor_quantized_axis(tensor));
  }
}

static void json_metadata(json *j, const cli_model *model) {
  const ln_model_info *info = model->info;
  json_object(j, "metadata");
  json_string(j, "name", info ? ln_model_info_name(info) : "");
  json_string(j, "description", info ? ln_model_info_description(info) : "");
  json_string(j, "version", info ? ln_model_info_version(info) : "");
  json_string(j, "author", info ? ln_model_info_author(info) : "");
  json_string(j, "license", info ? ln_model_info_license(info) : "");
  json_string(j, "min_parser_version", info ? ln_model_info_min_parser_version(info) : "");
  json_array(j, "files");
  for (int32_t i = 0; info && i < ln_model_info_file_count(info); i++) {
    ln_file_info file;
    if (!get_file(model, i, &file)) continue;
    json_flat_object(j, NULL);
    json_string(j, "name", file.name);
    json_string(j, "kind", ln_file_kind_name(file.kind));
    json_string(j, "of", file.tensor < 0 ? "model" : file.of_output ? "output" : "input");
    json_int(j, "tensor", file.tensor);
    json_end(j, '}');
  }
  json_end(j, ']');
  json_array(j, "entries");
  for (int32_t i = 0; i < ln_model_metadata_count(model->model); i++) {
    const char *name = ln_model_metadata_name(model->model, i);
    size_t size = 0;
    ln_model_metadata(model->model, name, &size);
    json_flat_object(j, NULL);
    json_string(j, "name", name);
    json_int(j, "bytes", (int64_t)size);
    json_end(j, '}');
  }
  json_end(j, ']');
  json_end(j, '}');
}

static void json_ports(json *j, const cli_model *model, bool outputs) {
  json_array(j, outputs ? "outputs" : "inputs");
  for (int32_t i = 0; i < port_count(model, outputs); i++) {
    const port p = get_port(model, outputs, i);
    json_flat_object(j, NULL);
    json_string(j, "name", p.name);
    json_string(j, "tensor", ln_tensor_name(p.tensor));
    json_tensor(j, p.tensor);
    if (*p.info.description) json_string(j, "description", p.info.description);
    if (p.info.mean_count > 0) {
      json_real(j, "mean", (double)p.info.mean[0]);
      json_real(j, "std", (double)p.info.std[0]);
    }
    if (p.info.sample_rate > 0) json_int(j, "sample_rate", p.info.sample_rate);
    json_end(j, '}');
  }
  json_end(j, ']');
}

static void json_op(json *j, const ln_op *op, int32_t index) {
  char *text = attributes(op);
  json_flat_object(j, NULL);
  json_int(j, "index", index);
  json_string(j, "name", ln_op_name(op));
  json_bool(j, "custom", ln_op_is_custom(op));
  json_int(j, "version", ln_op_version(op));
  json_flat_array(j, "inputs");
  for (int32_t i = 0; i < ln_op_input_count(op); i++) json_int(j, NULL, ln_op_input(op, i));
  json_end(j, ']');
  json_flat_array(j, "outputs");
  for (int32_t i = 0; i < ln_op_output_count(op); i++) json_int(j, NULL, ln_op_output(op, i));
  json_end(j, ']');
  json_string(j, "attributes", text);
  if (ln_op_origin(op)) json_string(j, "origin", ln_op_origin(op));
  if (ln_op_origin_op(op)) json_string(j, "origin_op", ln_op_origin_op(op));
  json_end(j, '}');
  free(text);
}

static void json_graph(json *j, const ln_graph *graph) {
  json_object(j, NULL);
  json_string(j, "name", ln_graph_name(graph));
  json_array(j, "operators");
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) json_op(j, ln_graph_op(graph, i), i);
  json_end(j, ']');
  json_array(j, "tensors");
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++) {
    const ln_tensor *tensor = ln_graph_tensor(graph, i);
    json_flat_object(j, NULL);
    json_string(j, "name", ln_tensor_name(tensor));
    json_tensor(j, tensor);
    json_int(j, "bytes", (int64_t)ln_tensor_bytes(tensor));
    json_bool(j, "constant", ln_tensor_is_constant(tensor));
    if (ln_tensor_is_variable(tensor)) json_bool(j, "variable", true);
    if (ln_tensor_is_sparse(tensor)) json_bool(j, "sparse", true);
    if (ln_tensor_table_bits(tensor) > 0) json_int(j, "table_bits", ln_tensor_table_bits(tensor));
    json_end(j, '}');
  }
  json_end(j, ']');
  json_end(j, '}');
}

static void json_needs(json *j, const needs *n) {
  json_object(j, "memory");
  if (n->known) {
    json_int(j, "arena_bytes", (int64_t)n->stats.arena_bytes);
    json_int(j, "arena_lower_bound", (int64_t)n->stats.arena_lower_bound);
    json_int(j, "weight_bytes", (int64_t)n->stats.weight_bytes);
    json_int(j, "variable_bytes", (int64_t)n->stats.variable_bytes);
    json_int(j, "steps", n->stats.operators);
    json_int(j, "macs", n->stats.macs);
  } else {
    json_string(j, "not_planned", n->reason);
  }
  json_end(j, '}');
}

static void print_json(cli_model *model) {
  json j;
  size_t size = 0;
  needs n;
  find_needs(model, &n);
  ln_model_file(model->model, &size);
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "file", model->path);
  json_int(&j, "bytes", (int64_t)size);
  json_string(&j, "description", ln_model_description(model->model));
  if (ln_model_source_kind(model->model)) {
    json_flat_object(&j, "source");
    json_string(&j, "kind", ln_model_source_kind(model->model));
    json_string(&j, "name", ln_model_source_name(model->model));
    json_end(&j, '}');
  }
  json_metadata(&j, model);
  json_array(&j, "signatures");
  const int32_t signatures = ln_model_signature_count(model->model);
  for (int32_t i = 0; i < (signatures > 0 ? signatures : 1); i++) {
    model->signature = signatures > 0 ? i : -1;
    model->graph = signatures > 0 ? ln_model_signature_graph(model->model, i) : 0;
    json_object(&j, NULL);
    json_string(&j, "name", signatures > 0 ? ln_model_signature_name(model->model, i) : NULL);
    json_int(&j, "graph", model->graph);
    json_ports(&j, model, false);
    json_ports(&j, model, true);
    json_end(&j, '}');
  }
  json_end(&j, ']');
  json_array(&j, "graphs");
  for (int32_t i = 0; i < ln_model_graph_count(model->model); i++) json_graph(&j, ln_model_graph(model->model, i));
  json_end(&j, ']');
  json_needs(&j, &n);
  json_end(&j, '}');
}

static int inspect(const cli_command *self, int argc, char **argv) {
  bool as_json = false;
  const char *path;
  const cli_option options[] = {{"--json", CLI_FLAG, &as_json, 0, 0}};
  int status = cli_parse_model(self, argc, argv, options, CLI_COUNT(options), &path);
  if (status >= 0) return status;
  cli_model model;
  status = cli_model_open(path, NULL, &model);
  if (status == CLI_OK && as_json) print_json(&model);
  else if (status == CLI_OK) print_text(&model);
  cli_model_close(&model);
  return status;
}

const cli_command cli_inspect = {
    "inspect", inspect, "what a model holds: signatures, operators, metadata, memory",
    "usage: linnet inspect MODEL [--json]\n\n"
    "Prints the model's metadata, signatures, inputs and outputs with their quantization, every operator with shapes\n"
    "and attributes, and the memory that running it takes beside the least that any plan could do with.\n"};
