/* linnet eval: how many of labelled samples a model gets right. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "optimize.h"

bool optimize_progress(void *user, const char *what, int64_t done, int64_t total) {
  (void)user;
  const int64_t unit = total / INT_MAX + 1;
  cli_progress(what, (int)(done / unit), (int)(total / unit));
  return true;
}

int optimize_open_data(const char *path, const cli_model *model, const char *signature, const char *labels,
                       const char *normalize, const cli_command *self, ln_data **out) {
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  ln_error err = {0};
  float numbers[2];
  options.signature = signature;
  options.labels = labels;
  if (normalize) {
    if (!cli_normalize(normalize, numbers)) {
      return cli_usage(self, "--normalize takes MEAN,STD (two numbers, STD not 0), not %s", normalize);
    }
    options.normalize = numbers;
  }
  if (ln_data_open(path, model->model, &options, &err, out) == LN_OK) return CLI_OK;
  return cli_fail("%s", err.message);
}

typedef struct eval_options {
  const char *model, *data, *labels, *metric, *normalize;
  int32_t threads, top;
  bool json;
} eval_options;

/* "accuracy" or "topK" */
static bool parse_metric(const char *text, int32_t *top) {
  *top = 1;
  if (!text || strcmp(text, "accuracy") == 0) return true;
  if (strncmp(text, "top", 3) != 0) return false;
  char *end;
  const long value = strtol(text + 3, &end, 10);
  *top = (int32_t)value;
  return end != text + 3 && *end == 0 && value >= 1 && value <= 1000000;
}

static int parse(const cli_command *self, int argc, char **argv, eval_options *out) {
  *out = (eval_options){.threads = 1};
  const cli_option options[] = {
      {"--data", CLI_TEXT, &out->data, 0, 0},           {"--labels", CLI_TEXT, &out->labels, 0, 0},
      {"--metric", CLI_TEXT, &out->metric, 0, 0},       {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
      {"--normalize", CLI_TEXT, &out->normalize, 0, 0}, {"--json", CLI_FLAG, &out->json, 0, 0},
  };
  const int status = cli_parse_model(self, argc, argv, options, CLI_COUNT(options), &out->model);
  if (status >= 0) return status;
  if (!out->data) return cli_usage(self, "no --data given");
  if (!parse_metric(out->metric, &out->top)) {
    return cli_usage(self, "--metric takes accuracy or topK (top5, say), not %s", out->metric);
  }
  return -1;
}

static void print(const eval_options *options, const ln_data *data, const ln_accuracy *found) {
  if (options->json) {
    json j;
    json_begin(&j, stdout);
    json_flat_object(&j, NULL);
    json_real(&j, "accuracy", found->accuracy);
    json_int(&j, "samples", found->samples);
    json_int(&j, "right", found->right);
    json_string(&j, "metric", options->metric ? options->metric : "accuracy");
    json_end(&j, '}');
    return;
  }
  printf("%s %.4f: %lld of %lld right\n", options->metric ? options->metric : "accuracy", found->accuracy,
         (long long)found->right, (long long)found->samples);
  for (int32_t i = 0; ln_data_note(data, i); i++) printf("note: %s\n", ln_data_note(data, i));
}

static int run(const cli_command *self, int argc, char **argv) {
  eval_options options;
  cli_model model = {0};
  ln_data *data = NULL;
  ln_error err = {0};
  ln_accuracy found = {.size = sizeof found};
  int status = parse(self, argc, argv, &options);
  if (status >= 0) return status;
  status = cli_model_open(options.model, NULL, &model);
  if (status == CLI_OK) {
    status = optimize_open_data(options.data, &model, NULL, options.labels, options.normalize, self, &data);
  }
  if (status == CLI_OK && !ln_data_labelled(data)) {
    status =
        cli_fail("%s: the samples have no labels: give them by --labels, or a folder for each class", options.data);
  }
  if (status == CLI_OK) {
    ln_labelled labelled = *ln_data_labelled(data);
    labelled.top = options.top;
    if (ln_evaluate(model.model, &labelled, options.threads, optimize_progress, NULL, &err, &found) != LN_OK) {
      status = cli_fail("%s: %s", model.path, err.message);
    }
  }
  if (status == CLI_OK) print(&options, data, &found);
  ln_data_close(data);
  cli_model_close(&model);
  return status;
}

const cli_command cli_eval = {
    "eval", run, "how many of labelled samples a model gets right",
    "usage: linnet eval MODEL --data SAMPLES --labels LABELS [options]\n"
    "\n"
    "Runs a classifier on samples and counts how often its greatest output is the sample's class.\n"
    "\n"
    "  --data SAMPLES       .npy or IDX (samples along the first axis; .gz too), .npz (an array for each input), a\n"
    "                       folder of pictures or sounds, or one of folders that are classes\n"
    "  --labels LABELS      the class of each sample: .npy, IDX, or text with a number a line (default: the folders)\n"
    "  --metric NAME        accuracy (default), or top5: right when among the five greatest outputs\n"
    "  --normalize MEAN,STD bytes become (value - MEAN) / STD, in place of what the metadata says\n"
    "  --threads N          samples at a time (default 1)\n"
    "  --json               print one JSON object\n"};
