/* What linnet convert says of a conversion: on a terminal, and as one JSON object. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "convert.h"

typedef struct counts {
  int32_t operators, transposes;
  int32_t own; /* of the transposes, those that the source asks for itself */
} counts;

/* Whether the source's own operator moves axes, as Transpose and Permute do: ConvTranspose does not. */
static bool is_own_transpose(const ln_op *op) {
  const char *name = ln_op_origin_op(op);
  return name && (strstr(name, "ermute") || (strstr(name, "ranspose") && !strstr(name, "onv")));
}

static counts count(const ln_model *model) {
  counts out = {0};
  for (int32_t g = 0; g < ln_model_graph_count(model); g++) {
    const ln_graph *graph = ln_model_graph(model, g);
    out.operators += ln_graph_op_count(graph);
    for (int32_t i = 0; i < ln_graph_op_count(graph); i++) {
      const ln_op *op = ln_graph_op(graph, i);
      if (strcmp(ln_op_name(op), "TRANSPOSE") != 0) continue;
      out.transposes++;
      out.own += is_own_transpose(op);
    }
  }
  return out;
}

/* Of a file; 0 of a folder, whose files are many. */
static size_t file_bytes(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
}

static size_t model_bytes(const ln_model *model) {
  size_t size = 0;
  ln_model_file(model, &size);
  return size;
}

static const ln_tensor *port(const ln_model *model, int32_t signature, bool outputs, int32_t index) {
  const ln_graph *graph = ln_model_graph(model, ln_model_signature_graph(model, signature));
  return ln_graph_tensor(graph, ln_model_signature_tensor(model, signature, outputs, index));
}

/* ---- verification ---- */

static bool verified(const convert_run *run, ln_verify_summary *out) {
  *out = (ln_verify_summary){.size = sizeof *out};
  return run->verification && ln_verification_summary(run->verification, out) == LN_OK;
}

static void print_verification(const convert_run *run) {
  ln_verify_summary v;
  if (!verified(run, &v)) return;
  printf("verified: %d tensors of %d signature%s agree in %d runs, outputs within %.2g of what is allowed, %.2f s\n",
         v.tensors, v.signatures, v.signatures == 1 ? "" : "s", v.runs, v.worst, run->verify_seconds);
}

static void json_verification(json *j, const convert_run *run) {
  ln_verify_summary v;
  if (!verified(run, &v)) return;
  json_flat_object(j, "verify");
  json_bool(j, "agrees", v.agrees);
  json_string(j, "message", v.message);
  json_int(j, "signatures", v.signatures);
  json_int(j, "runs", v.runs);
  json_int(j, "tensors", v.tensors);
  json_real(j, "worst", v.worst);
  json_real(j, "seconds", run->verify_seconds);
  json_end(j, '}');
}

/* ---- text ---- */

static void print_ports(const ln_model *model, int32_t signature, bool outputs) {
  char text[160];
  for (int32_t i = 0; i < ln_model_signature_arity(model, signature, outputs); i++) {
    printf("  %-7s %-32s %s\n", outputs ? "output" : "input", ln_model_signature_key(model, signature, outputs, i),
           cli_declared_text(port(model, signature, outputs, i), text, sizeof text));
  }
}

void convert_print_text(const convert_run *run) {
  const ln_model *source = ln_conversion_source(run->conversion), *model = ln_conversion_model(run->conversion);
  const counts before = count(source), after = count(model);
  const size_t bytes = file_bytes(run->input);
  char from[32] = "", to[32];
  if (bytes > 0) cli_bytes_text((double)bytes, from, sizeof from);
  printf("%s (%s%s%s) -> %s (%s) in %.2f s\n", cli_base_name(run->input), ln_conversion_kind(run->conversion),
         bytes > 0 ? ", " : "", from, cli_base_name(run->output),
         cli_bytes_text((double)model_bytes(model), to, sizeof to), run->seconds);
  printf(
      "operators: %d as imported, %d in the result; transposes: %d of the source's own, %d as imported, %d in the "
      "result\n",
      before.operators, after.operators, before.own, before.transposes, after.transposes);
  for (int32_t i = 0; i < ln_model_signature_count(model); i++) {
    printf("signature \"%s\"\n", ln_model_signature_name(model, i));
    print_ports(model, i, false);
    print_ports(model, i, true);
  }
  print_verification(run);
  if (run->check) check_print_text(run->check);
}

/* ---- JSON ---- */

static void json_ports(json *j, const ln_model *model, int32_t signature, bool outputs) {
  json_array(j, outputs ? "outputs" : "inputs");
  for (int32_t i = 0; i < ln_model_signature_arity(model, signature, outputs); i++) {
    const ln_tensor *tensor = port(model, signature, outputs, i);
    json_flat_object(j, NULL);
    json_string(j, "name", ln_model_signature_key(model, signature, outputs, i));
    json_string(j, "type", ln_type_name(ln_tensor_type(tensor)));
    json_flat_array(j, "shape");
    for (int32_t k = 0; k < ln_tensor_rank(tensor); k++) json_int(j, NULL, ln_tensor_declared_dim(tensor, k));
    json_end(j, ']');
    json_end(j, '}');
  }
  json_end(j, ']');
}

static void json_signatures(json *j, const ln_model *model) {
  json_array(j, "signatures");
  for (int32_t i = 0; i < ln_model_signature_count(model); i++) {
    json_object(j, NULL);
    json_string(j, "name", ln_model_signature_name(model, i));
    json_ports(j, model, i, false);
    json_ports(j, model, i, true);
    json_end(j, '}');
  }
  json_end(j, ']');
}

void convert_json_fields(json *j, const convert_run *run) {
  const ln_model *source = ln_conversion_source(run->conversion), *model = ln_conversion_model(run->conversion);
  const counts before = count(source), after = count(model);
  json_flat_object(j, "source");
  json_string(j, "file", run->input);
  json_string(j, "kind", ln_conversion_kind(run->conversion));
  json_int(j, "bytes", (int64_t)file_bytes(run->input));
  json_int(j, "operators", before.operators);
  json_int(j, "transposes", before.own); /* those that the source has */
  json_int(j, "imported_transposes", before.transposes);
  json_end(j, '}');
  json_flat_object(j, "result");
  json_string(j, "file", run->output);
  json_int(j, "bytes", (int64_t)model_bytes(model));
  json_int(j, "operators", after.operators);
  json_int(j, "transposes", after.transposes);
  json_int(j, "graphs", ln_model_graph_count(model));
  json_end(j, '}');
  json_signatures(j, model);
  json_verification(j, run);
  if (run->check) check_print_json(j, "target", run->check);
  json_real(j, "seconds", run->seconds);
}

void convert_json_model(json *j, const convert_run *run, const ln_model *model) {
  const counts all = count(model);
  json_flat_object(j, "source");
  json_string(j, "file", ln_model_source_name(model) ? ln_model_source_name(model) : run->input);
  json_string(j, "kind", ln_model_source_kind(model) ? ln_model_source_kind(model) : "tflite");
  json_end(j, '}');
  json_flat_object(j, "result");
  json_string(j, "file", run->input);
  json_int(j, "bytes", (int64_t)model_bytes(model));
  json_int(j, "operators", all.operators);
  json_int(j, "transposes", all.transposes);
  json_int(j, "graphs", ln_model_graph_count(model));
  json_end(j, '}');
  json_signatures(j, model);
  if (run->check) check_print_json(j, "target", run->check);
}

void convert_print_json(const convert_run *run, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  convert_json_fields(&j, run);
  json_end(&j, '}');
}
