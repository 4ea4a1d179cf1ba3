/* The page of linnet convert --report: both graphs with what each part costs, as data that the page draws. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "convert.h"
#include "embedded.h"

/* ---- graphs ---- */

static void json_tensor(json *j, const ln_tensor *tensor) {
  char text[160];
  json_flat_array(j, NULL);
  json_string(j, NULL, ln_tensor_name(tensor));
  json_string(j, NULL, cli_declared_text(tensor, text, sizeof text));
  json_int(j, NULL, ln_tensor_is_constant(tensor) ? (int64_t)ln_tensor_bytes(tensor) : -1);
  json_end(j, ']');
}

static void json_indices(json *j, const char *key, const ln_op *op, bool outputs) {
  const int32_t count = outputs ? ln_op_output_count(op) : ln_op_input_count(op);
  json_flat_array(j, key);
  for (int32_t i = 0; i < count; i++) json_int(j, NULL, outputs ? ln_op_output(op, i) : ln_op_input(op, i));
  json_end(j, ']');
}

/* `session`: of the graph with every operator a step of its own, profiled; NULL where nothing was measured. */
static void json_op(json *j, const ln_op *op, const ln_session *session, int32_t index) {
  char text[320] = "";
  ln_profile_entry entry = {.size = sizeof entry};
  ln_op_attributes(op, text, sizeof text);
  json_flat_object(j, NULL);
  json_string(j, "op", ln_op_name(op));
  json_string(j, "origin", ln_op_origin(op));
  json_string(j, "origin_op", ln_op_origin_op(op));
  json_indices(j, "in", op, false);
  json_indices(j, "out", op, true);
  json_string(j, "attributes", text);
  if (session && ln_session_profile(session, index, &entry) == LN_OK && entry.calls > 0) {
    json_int(j, "macs", entry.macs);
    json_real(j, "us", (double)entry.nanoseconds / (double)entry.calls / 1e3);
    json_int(j, "traffic", entry.input_bytes + entry.weight_bytes + entry.output_bytes);
  }
  json_end(j, '}');
}

static void json_graph(json *j, const ln_graph *graph, const ln_session *session) {
  json_object(j, NULL);
  json_string(j, "name", ln_graph_name(graph));
  json_array(j, "tensors");
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++) json_tensor(j, ln_graph_tensor(graph, i));
  json_end(j, ']');
  json_array(j, "ops");
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) json_op(j, ln_graph_op(graph, i), session, i);
  json_end(j, ']');
  json_flat_array(j, "inputs");
  for (int32_t i = 0; i < ln_graph_input_count(graph); i++) json_int(j, NULL, ln_graph_input(graph, i));
  json_end(j, ']');
  json_flat_array(j, "outputs");
  for (int32_t i = 0; i < ln_graph_output_count(graph); i++) json_int(j, NULL, ln_graph_output(graph, i));
  json_end(j, ']');
  json_end(j, '}');
}

/* ---- what running costs ---- */

enum { RUNS = 5 };

/* Runs the first signature with every tensor kept, on zeros; NULL where that cannot be. */
static ln_session *measure(ln_model *model, int32_t *graph) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  if (ln_model_signature_count(model) == 0) return NULL;
  options.signature = ln_model_signature_name(model, 0);
  options.keep_all_tensors = options.profile = true;
  options.time_limit_ms = 10000;
  *graph = ln_model_signature_graph(model, 0);
  bool good = ln_session_create(model, &options, &err, &session) == LN_OK && ln_session_prepare(session, &err) == LN_OK;
  for (int i = 0; good && i < ln_session_input_count(session); i++) {
    ln_tensor *input = ln_session_input(session, i);
    void *data = ln_tensor_mutable_data(input);
    good = ln_tensor_type(input) != LN_STRING && (data || ln_tensor_bytes(input) == 0);
    if (good && data) memset(data, 0, ln_tensor_bytes(input));
  }
  for (int i = 0; good && i <= RUNS; i++) {
    good = ln_session_run(session, &err) == LN_OK;
    if (i == 0) ln_session_profile_reset(session); /* a first run fills caches */
  }
  if (good) return session;
  ln_session_destroy(session);
  return NULL;
}

static void json_model(json *j, const char *key, ln_model *model, bool measured) {
  int32_t graph = -1;
  ln_session *session = measured ? measure(model, &graph) : NULL;
  json_array(j, key);
  for (int32_t i = 0; i < ln_model_graph_count(model); i++) {
    json_graph(j, ln_model_graph(model, i), i == graph ? session : NULL);
  }
  json_end(j, ']');
  ln_session_destroy(session);
}

/* ---- verification ---- */

static void json_rows(json *j, const ln_verification *v) {
  json_array(j, "compared");
  for (int32_t i = 0; v && i < ln_verification_rows(v); i++) {
    ln_verify_row row = {.size = sizeof row};
    if (ln_verification_row(v, i, &row) != LN_OK || row.error < 0) continue;
    json_flat_object(j, NULL);
    json_int(j, "graph", row.graph);
    json_int(j, "tensor", row.tensor);
    json_real(j, "error", row.error);
    json_real(j, "allowed", row.allowed);
    json_bool(j, "parts", row.parts);
    json_bool(j, "output", row.output);
    json_end(j, '}');
  }
  json_end(j, ']');
}

/* ---- the page ---- */

/* `run` without a conversion: a model that was only checked. */
static void print_data(const convert_run *run, ln_model *checked, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_string(&j, "linnet", ln_version());
  json_string(&j, "kernels", ln_cpu_tier());
  if (run->conversion) convert_json_fields(&j, run);
  else convert_json_model(&j, run, checked);
  json_rows(&j, run->verification);
  json_model(&j, "before", checked ? checked : ln_conversion_source(run->conversion), false);
  json_model(&j, "after", checked ? checked : ln_conversion_model(run->conversion), true);
  json_end(&j, '}');
}

int convert_write_report(const convert_run *run, ln_model *checked, const char *path) {
  char *data = NULL, *text = NULL;
  size_t data_size = 0, size = 0;
  ln_error err = {.message = "out of memory"};
  FILE *inner = open_memstream(&data, &data_size);
  if (inner) print_data(run, checked, inner);
  bool good = inner && fclose(inner) == 0;
  FILE *out = good ? open_memstream(&text, &size) : NULL;
  if (out) cli_write_page(linnet_convert_page, linnet_convert_page_size, data, data_size, out);
  good = out && fclose(out) == 0;
  if (good) good = ln_io_write(path, text, size, &err) == LN_OK;
  free(data);
  free(text);
  return good ? CLI_OK : cli_fail("%s: %s", path, err.message);
}
