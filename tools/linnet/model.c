/* A model with its signature and metadata, and tensors in words. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "embedded.h"

static int choose_signature(cli_model *out, const char *name) {
  const int32_t count = ln_model_signature_count(out->model);
  const char *wanted = name ? name : "serving_default";
  out->signature = count > 0 ? 0 : -1;
  for (int32_t i = 0; i < count; i++) {
    if (strcmp(ln_model_signature_name(out->model, i), wanted) != 0) continue;
    out->signature = i;
    name = NULL;
  }
  out->graph = out->signature >= 0 ? ln_model_signature_graph(out->model, out->signature) : 0;
  if (!name) return CLI_OK;
  if (count == 0) return cli_fail("%s: no signature \"%s\": the model has none", out->path, name);
  char known[256] = "";
  for (int32_t i = 0; i < count; i++) {
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s\"%s\"", i ? ", " : "", ln_model_signature_name(out->model, i));
  }
  return cli_fail("%s: no signature \"%s\": it has %s", out->path, name, known);
}

ln_status cli_open(const char *path, ln_error *err, ln_model **out) {
  if (strcmp(path, CLI_DEMO_MODEL) != 0) return ln_model_open(path, err, out);
  return ln_model_from_memory(linnet_demo_model, linnet_demo_model_size, err, out);
}

int cli_model_open(const char *path, const char *signature, cli_model *out) {
  *out = (cli_model){.path = strcmp(path, CLI_DEMO_MODEL) == 0 ? "demo" : path};
  ln_error err = {0};
  if (cli_open(path, &err, &out->model) != LN_OK) return cli_fail("%s: %s", path, err.message);
  const ln_status status = ln_model_info_read(out->model, &err, &out->info);
  if (status != LN_OK && status != LN_ERR_NOT_FOUND) fprintf(stderr, "linnet: %s: %s (ignored)\n", path, err.message);
  if (status != LN_OK) out->info = NULL;
  if (ln_model_graph_count(out->model) < 1) return cli_fail("%s: the model holds no graph", path);
  return choose_signature(out, signature);
}

void cli_model_close(cli_model *model) {
  ln_model_info_destroy(model->info);
  ln_model_destroy(model->model);
  *model = (cli_model){0};
}

static int32_t tensor_index(const cli_model *model, bool outputs, int32_t index) {
  if (model->signature >= 0) return ln_model_signature_tensor(model->model, model->signature, outputs, index);
  const ln_graph *graph = ln_model_graph(model->model, model->graph);
  return outputs ? ln_graph_output(graph, index) : ln_graph_input(graph, index);
}

const ln_tensor *cli_model_tensor(const cli_model *model, bool outputs, int32_t index) {
  return ln_graph_tensor(ln_model_graph(model->model, model->graph), tensor_index(model, outputs, index));
}

int32_t cli_model_place(const cli_model *model, bool outputs, int32_t index) {
  const ln_graph *graph = ln_model_graph(model->model, model->graph);
  const int32_t wanted = tensor_index(model, outputs, index);
  const int32_t count = outputs ? ln_graph_output_count(graph) : ln_graph_input_count(graph);
  for (int32_t i = 0; i < count; i++) {
    if ((outputs ? ln_graph_output(graph, i) : ln_graph_input(graph, i)) == wanted) return i;
  }
  return -1;
}

ln_tensor_info cli_model_tensor_info(const cli_model *model, bool outputs, int32_t index) {
  ln_tensor_info info = {.size = sizeof info, .name = "", .description = ""};
  const int32_t place = cli_model_place(model, outputs, index);
  if (model->info && place >= 0) ln_model_info_tensor(model->info, model->graph, outputs, place, &info);
  return info;
}

static const char *shape_text(const ln_tensor *tensor, bool declared, char *buffer, size_t size) {
  size_t used = (size_t)snprintf(buffer, size, "%s[", ln_type_name(ln_tensor_type(tensor)));
  for (int32_t i = 0; i < ln_tensor_rank(tensor) && used < size; i++) {
    const int32_t dim = declared ? ln_tensor_declared_dim(tensor, i) : ln_tensor_dim(tensor, i);
    if (dim < 0) used += (size_t)snprintf(buffer + used, size - used, "%s?", i ? ", " : "");
    else used += (size_t)snprintf(buffer + used, size - used, "%s%d", i ? ", " : "", dim);
  }
  if (used < size) snprintf(buffer + used, size - used, "]");
  return buffer;
}

const char *cli_tensor_text(const ln_tensor *tensor, char *buffer, size_t size) {
  return shape_text(tensor, false, buffer, size);
}

const char *cli_declared_text(const ln_tensor *tensor, char *buffer, size_t size) {
  return shape_text(tensor, true, buffer, size);
}

const char *cli_quant_text(const ln_tensor *tensor, char *buffer, size_t size) {
  const int32_t count = ln_tensor_scale_count(tensor);
  buffer[0] = 0;
  if (count == 1) {
    snprintf(buffer, size, "scale %.6g, zero point %lld", (double)ln_tensor_scale(tensor, 0),
             (long long)ln_tensor_zero_point(tensor, 0));
  } else if (count > 1) {
    snprintf(buffer, size, "%d scales along axis %d", count, ln_tensor_quantized_axis(tensor));
  }
  return buffer;
}

const char *cli_bytes_text(double bytes, char *buffer, size_t size) {
  if (bytes < 10e3) snprintf(buffer, size, "%.0f bytes", bytes);
  else if (bytes < 1e6) snprintf(buffer, size, "%.1f kB", bytes / 1e3);
  else if (bytes < 1e9) snprintf(buffer, size, "%.2f MB", bytes / 1e6);
  else snprintf(buffer, size, "%.2f GB", bytes / 1e9);
  return buffer;
}

const char *cli_base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}
