/* linnet optimize: a recipe from flags or a file, run over a model, with what it cost and gained. */
#include <stdlib.h>
#include <string.h>

#include "optimize.h"

typedef struct optimize_options {
  const char *model, *output, *data, *eval, *labels, *signature, *normalize;
  optimize_request request;
  int32_t threads;
  bool json, verbose, list, schema, print_recipe, no_measure;
} optimize_options;

static int check(const cli_command *self, const optimize_options *o, int operand_count) {
  if (o->list || o->schema || o->print_recipe) return -1;
  if (operand_count == 0) return cli_usage(self, "no model given");
  if (!o->output) return cli_usage(self, "no -o given: where the optimized model goes");
  if (o->labels && !o->eval) return cli_usage(self, "--labels goes with --eval");
  return -1;
}

static int parse(const cli_command *self, int argc, char **argv, optimize_options *out) {
  *out = (optimize_options){.threads = 1};
  cli_option options[OPTIMIZE_FLAGS + 20] = {
      {"-o", CLI_TEXT, &out->output, 0, 0},
      {"--output", CLI_TEXT, &out->output, 0, 0},
      {"--data", CLI_TEXT, &out->data, 0, 0},
      {"--eval", CLI_TEXT, &out->eval, 0, 0},
      {"--labels", CLI_TEXT, &out->labels, 0, 0},
      {"--signature", CLI_TEXT, &out->signature, 0, 0},
      {"--normalize", CLI_TEXT, &out->normalize, 0, 0},
      {"--recipe", CLI_TEXT, &out->request.recipe, 0, 0},
      {"--set", CLI_LIST, &out->request.sets, 0, 0},
      {"--include", CLI_LIST, &out->request.includes, 0, 0},
      {"--exclude", CLI_LIST, &out->request.excludes, 0, 0},
      {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
      {"--json", CLI_FLAG, &out->json, 0, 0},
      {"--verbose", CLI_FLAG, &out->verbose, 0, 0},
      {"--list", CLI_FLAG, &out->list, 0, 0},
      {"--schema", CLI_FLAG, &out->schema, 0, 0},
      {"--print-recipe", CLI_FLAG, &out->print_recipe, 0, 0},
      {"--no-measure", CLI_FLAG, &out->no_measure, 0, 0},
  };
  size_t count = 0;
  bool given[OPTIMIZE_FLAGS] = {false}; /* flags without a value */
  while (options[count].name) count++;
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    const char *parameter = optimize_flags[i].parameter;
    options[count++] = parameter && !parameter[0]
                           ? (cli_option){optimize_flags[i].option, CLI_FLAG, &given[i], 0, 0}
                           : (cli_option){optimize_flags[i].option, CLI_TEXT, &out->request.values[i], 0, 0};
  }
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, count, &out->model, 1, &operand_count);
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    if (given[i]) out->request.values[i] = "";
  }
  return status >= 0 ? status : check(self, out, operand_count);
}

static int write_result(const optimize_options *options, const ln_model *model) {
  ln_error err = {0};
  if (ln_model_save(model, options->output, &err) == LN_OK) return CLI_OK;
  return cli_fail("%s", err.message);
}

static int optimize(const optimize_options *options, const cli_model *model, const ln_recipe *recipe,
                    const ln_data *data, const ln_data *eval) {
  ln_optimize_options settings = LN_OPTIMIZE_OPTIONS_INIT;
  ln_optimize_report *report = NULL;
  ln_model *made = NULL;
  ln_error err = {0};
  settings.calibration = ln_data_samples(data);
  settings.evaluation = ln_data_labelled(eval);
  settings.signature = options->signature;
  settings.threads = options->threads;
  settings.measure = !options->no_measure;
  settings.progress = optimize_progress;
  int status = CLI_OK;
  if (ln_optimize(model->model, recipe, &settings, &err, &made, &report) != LN_OK) {
    optimize_print_tries(report, stderr); /* a search says what it tried, good or not */
    const bool wants_data = err.status == LN_ERR_DATA && !data;
    status = cli_fail("%s: %s%s", model->path, err.message, wants_data ? " (--data gives samples)" : "");
  }
  if (status == CLI_OK) status = write_result(options, made);
  if (status == CLI_OK) {
    const optimize_result result = {model->path, options->output, report, {data, eval}};
    if (options->json) optimize_report_json(&result);
    else optimize_report_text(&result, options->verbose);
  }
  ln_optimize_report_destroy(report);
  ln_model_destroy(made);
  return status;
}

static int work(const cli_command *self, const optimize_options *options) {
  cli_model model = {0};
  ln_recipe *recipe = NULL;
  ln_data *data = NULL, *eval = NULL;
  int status = optimize_recipe(self, &options->request, &recipe);
  if (status == CLI_OK) status = cli_model_open(options->model, options->signature, &model);
  if (status == CLI_OK && options->data) {
    status = optimize_open_data(options->data, &model, options->signature, NULL, options->normalize, self, &data);
  }
  if (status == CLI_OK && options->eval) {
    status =
        optimize_open_data(options->eval, &model, options->signature, options->labels, options->normalize, self, &eval);
  }
  if (status == CLI_OK && eval && !ln_data_labelled(eval)) {
    status =
        cli_fail("%s: the samples have no labels: give them by --labels, or a folder for each class", options->eval);
  }
  if (status == CLI_OK) status = optimize(options, &model, recipe, data, eval);
  ln_data_close(eval);
  ln_data_close(data);
  ln_recipe_destroy(recipe);
  cli_model_close(&model);
  return status;
}

static int run(const cli_command *self, int argc, char **argv) {
  optimize_options options;
  int status = parse(self, argc, argv, &options);
  if (status < 0) {
    status = CLI_OK;
    if (options.list) optimize_print_techniques();
    else if (options.schema) optimize_print_schema();
    else if (options.print_recipe) status = optimize_print_recipe(self, &options.request);
    else status = work(self, &options);
  }
  free(options.request.sets.items);
  free(options.request.includes.items);
  free(options.request.excludes.items);
  return status;
}

const cli_command cli_optimize = {
    "optimize", run, "make a model smaller and faster: prune, cluster, factorize, quantize",
    "usage: linnet optimize MODEL -o OUT [what to do] [options]\n"
    "\n"
    "Runs techniques over a .tflite model, one after the other, writes the result and says what each changed.\n"
    "\n"
    "what to do, in this order whatever the order of the flags:\n"
    "  --prune SHARE        make this share of the weights zero (0.8, or 80%), the others mended for it\n"
    "    --pattern KIND       in which pattern: unstructured, 1x4, 1x16, n:m, channel\n"
    "  --cluster N          let weights take N values only\n"
    "  --factorize ENERGY   split layers into ones of low rank that keep this share of their output\n"
    "  --quantize FORMAT    int8, int16x8, dynamic, float16, bfloat16, int8-weights, int4-weights, ...\n"
    "    --io TYPE            of inputs and outputs: float, int8, uint8\n"
    "    --method NAME        how ranges are chosen from samples\n"
    "    --block N            weights that share a scale\n"
    "  --max-drop SHARE     choose each layer's precision so that accuracy on --eval drops by no more (0.5%);\n"
    "                       without --eval, so that the outputs' SNR stays (search.min-snr). Begins with --quantize\n"
    "  --encode FORM        how weights are stored at the end\n"
    "  --set T.P=VALUE      any parameter P of technique T; --list prints all of them\n"
    "  --recipe FILE        a recipe in JSON in place of flags (--schema prints its form)\n"
    "\n"
    "which layers (repeat as needed): a regular expression in names, type:CONV_2D, op:12, or source:REGEX\n"
    "  --include SELECTOR   only these\n"
    "  --exclude SELECTOR   not these\n"
    "\n"
    "  --data SAMPLES       to calibrate with: .npy, IDX (.gz too), .npz, a folder of pictures or sounds\n"
    "  --eval SAMPLES       to measure accuracy on, with\n"
    "    --labels LABELS      the class of each: .npy, IDX, text (default: the folders the samples lie in)\n"
    "  --normalize MEAN,STD bytes become (value - MEAN) / STD, in place of what the metadata says\n"
    "  --signature NAME     the signature whose graph is changed (default: the first)\n"
    "  --threads N          threads (default 1)\n"
    "  --no-measure         leave out memory, latency and the outputs' error\n"
    "  --verbose            a line for each layer\n"
    "  --json               print one JSON object\n"
    "  --print-recipe       print the recipe that the flags make, or whether that of --recipe is good, and stop\n"
    "  --list, --schema     print the techniques with their parameters, or the recipes' JSON schema, and stop\n"};
