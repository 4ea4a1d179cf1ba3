/* linnet debug-quant: a quantized model beside the float one it was made from. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "debug_quant.h"
#include "optimize.h"

typedef struct debug_options {
  const char *paths[2]; /* float, quantized */
  const char *data, *normalize, *signature, *html, *csv;
  int32_t samples, layer_samples, threads;
  bool json;
} debug_options;

static int parse(const cli_command *self, int argc, char **argv, debug_options *out) {
  *out = (debug_options){.samples = 32, .layer_samples = 4, .threads = 1};
  const cli_option options[] = {
      {"--data", CLI_TEXT, &out->data, 0, 0},
      {"--samples", CLI_NUMBER, &out->samples, 1, 1e9},
      {"--layer-samples", CLI_NUMBER, &out->layer_samples, 0, 1e9},
      {"--normalize", CLI_TEXT, &out->normalize, 0, 0},
      {"--signature", CLI_TEXT, &out->signature, 0, 0},
      {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
      {"--html", CLI_TEXT, &out->html, 0, 0},
      {"--csv", CLI_TEXT, &out->csv, 0, 0},
      {"--json", CLI_FLAG, &out->json, 0, 0},
  };
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), out->paths, 2, &operand_count);
  if (status >= 0) return status;
  if (operand_count < 2) return cli_usage(self, "it takes two models, FLOAT and QUANTIZED");
  return out->data ? -1 : cli_usage(self, "--data is missing: what the models run on");
}

/* ---- the suggestion, checked ---- */

/* The format of stage "quantize" that makes such a model as the quantized one: NULL when none does. */
static const char *format_of(const debug_result *r) {
  const char *found = NULL;
  for (int32_t i = 0; i < ln_quant_debug_rows(r->debug); i++) {
    const ln_quant_row row = debug_row(r->debug, i);
    if (!row.constant && row.type == LN_INT16) return "int16x8";
    if (!row.constant && (row.type == LN_INT8 || row.type == LN_UINT8)) return "int8";
    if (!row.constant || row.quantized_op < 0) continue;
    const bool read_as_float = strcmp(ln_op_name(ln_graph_op(r->q_graph, row.quantized_op)), "DEQUANTIZE") == 0;
    if (row.type == LN_INT8) found = read_as_float ? "int8-weights" : "dynamic";
    if (row.type == LN_FLOAT16) found = "float16";
    if (row.type == LN_BFLOAT16) found = "bfloat16";
    if (row.type == LN_INT4) found = "int4-weights";
    if (row.type == LN_INT2) found = "int2-weights";
  }
  return found;
}

/* Quantizes the float model anew, with the suggested operators or without them; says how far its outputs are. */
static ln_status quantize(const debug_result *r, const ln_model *model, const ln_optimize_options *options,
                          const char *format, bool exclude, ln_error *err, double *db, int64_t *bytes) {
  ln_recipe *recipe = NULL;
  ln_model *made = NULL;
  ln_optimize_report *report = NULL;
  ln_status status = ln_recipe_create(err, &recipe);
  if (status == LN_OK) status = ln_recipe_add(recipe, "quantize", err);
  if (status == LN_OK) status = ln_recipe_set(recipe, "format", format, err);
  for (int32_t n = 0, i; status == LN_OK && exclude && (i = ln_quant_debug_suggestion(r->debug, n)) >= 0; n++) {
    char selector[24];
    snprintf(selector, sizeof selector, "op:%d", debug_row(r->debug, i).op);
    status = ln_recipe_exclude(recipe, selector, err);
  }
  if (status == LN_OK) status = ln_optimize(model, recipe, options, err, &made, &report);
  ln_report_point point = {.size = sizeof point};
  if (status == LN_OK) status = ln_optimize_report_point(report, ln_optimize_report_points(report) - 1, &point);
  *db = point.snr_db;
  *bytes = point.bytes;
  ln_optimize_report_destroy(report);
  ln_model_destroy(made);
  ln_recipe_destroy(recipe);
  return status;
}

static void check(const debug_options *options, const ln_model *model, const ln_samples *samples, debug_result *r,
                  ln_error *err) {
  debug_check *c = &r->check;
  ln_optimize_options settings = LN_OPTIMIZE_OPTIONS_INIT;
  const char *format = format_of(r);
  settings.calibration = samples;
  settings.signature = options->signature;
  settings.threads = options->threads;
  if (ln_quant_debug_suggestion(r->debug, 0) < 0) return;
  if (!format) {
    c->why = "its form is none that this tool makes";
    return;
  }
  if (quantize(r, model, &settings, format, false, err, &c->before_db, &c->before_bytes) == LN_OK &&
      quantize(r, model, &settings, format, true, err, &c->after_db, &c->after_bytes) == LN_OK) {
    c->format = format;
  } else {
    c->why = err->message;
  }
}

/* ---- files ---- */

static int write_file(const char *path, const debug_result *result, void (*print)(const debug_result *, FILE *)) {
  char *text = NULL;
  size_t size = 0;
  ln_error err = {.message = "out of memory"};
  FILE *out = open_memstream(&text, &size);
  bool good = out != NULL;
  if (good) print(result, out);
  good = out && fclose(out) == 0 && size > 0;
  if (good) good = ln_io_write(path, text, size, &err) == LN_OK;
  free(text);
  return good ? CLI_OK : cli_fail("%s: %s", path, err.message);
}

static int64_t file_bytes(const ln_model *model) {
  size_t size = 0;
  ln_model_file(model, &size);
  return (int64_t)size;
}

static int print(const debug_options *options, const debug_result *result) {
  int status = CLI_OK;
  if (options->html) status = write_file(options->html, result, debug_print_page);
  if (status == CLI_OK && options->csv) status = write_file(options->csv, result, debug_print_csv);
  if (status != CLI_OK) return status;
  if (options->json) debug_print_json(result, stdout);
  else debug_print_text(result, stdout);
  return CLI_OK;
}

static int compare(const debug_options *options, const cli_model models[2], const ln_samples *samples) {
  ln_quant_debug_options settings = LN_QUANT_DEBUG_OPTIONS_INIT;
  settings.samples = samples;
  settings.limit = options->samples;
  settings.share_limit = options->layer_samples;
  settings.signature = options->signature;
  settings.threads = options->threads;
  settings.progress = optimize_progress;
  ln_quant_debug *debug = NULL;
  ln_error err = {0};
  if (ln_quant_debug_run(models[0].model, models[1].model, &settings, &err, &debug) != LN_OK) {
    return cli_fail("%s: %s", options->paths[1], err.message);
  }
  debug_result result = {.f_path = options->paths[0],
                         .q_path = options->paths[1],
                         .debug = debug,
                         .summary = {.size = sizeof result.summary},
                         .f_bytes = file_bytes(models[0].model),
                         .q_bytes = file_bytes(models[1].model)};
  ln_quant_debug_summary(debug, &result.summary);
  result.f_graph = ln_model_graph(models[0].model, result.summary.graph_floats);
  result.q_graph = ln_model_graph(models[1].model, result.summary.graph_quantized);
  check(options, models[0].model, samples, &result, &err);
  const int status = print(options, &result);
  ln_quant_debug_destroy(debug);
  return status;
}

static int debug_quant(const cli_command *self, int argc, char **argv) {
  debug_options options;
  cli_model models[2] = {0};
  ln_data *data = NULL;
  int status = parse(self, argc, argv, &options);
  if (status >= 0) return status;
  status = cli_model_open(options.paths[0], options.signature, &models[0]);
  if (status == CLI_OK) status = cli_model_open(options.paths[1], options.signature, &models[1]);
  if (status == CLI_OK) {
    status = optimize_open_data(options.data, &models[0], options.signature, NULL, options.normalize, self, &data);
  }
  if (status == CLI_OK) status = compare(&options, models, ln_data_samples(data));
  ln_data_close(data);
  cli_model_close(&models[0]);
  cli_model_close(&models[1]);
  return status;
}

const cli_command cli_debug_quant = {
    "debug-quant", debug_quant, "where a quantized model loses accuracy",
    "usage: linnet debug-quant FLOAT QUANTIZED --data SAMPLES [--samples N] [--layer-samples N]\n"
    "                          [--normalize MEAN,STD] [--signature NAME]\n"
    "                          [--threads N] [--html FILE.html] [--csv FILE.csv] [--json]\n"
    "\n"
    "Runs a quantized model beside the float one it was made from, tensor by tensor, whatever made it. Tensors are\n"
    "matched by name, and where names differ by their place in the graphs.\n"
    "\n"
    "  --data SAMPLES       .npy, .npz or IDX with samples along the first axis, or a folder of pictures or sounds\n"
    "  --normalize M,S      bytes become (value - M) / S, in place of what the metadata says\n"
    "  --samples N          how many of them to run, evenly spread (default 32)\n"
    "  --layer-samples N    how many of these to measure each operator's part in the outputs' noise on (default 4);\n"
    "                       0: no parts, no suggestions\n"
    "  --html FILE          a page of its own: the graph, coloured by error, plots, and the table\n"
    "  --csv FILE, --json   all figures\n"
    "\n"
    "Columns: \"all dB\" is the signal over the noise with all that was inherited, \"own dB\" where the operator is "
    "given\n"
    "the exact inputs, \"type\" where the exact values are only rounded to its result's type and scale; \"steps\" and\n"
    "\"bias\" are the root of the mean squared difference and the mean difference over the scale (rounding alone "
    "makes\n"
    "0.29 and 0); \"ends\" is the share of stored numbers at an end of the type, \"beyond\" that of exact values that "
    "the\n"
    "type cannot say, \"range\" how much of the type's range the exact values take; \"share\" is the operator's part "
    "in\n"
    "the outputs' noise.\n"};
