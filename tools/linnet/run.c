/* linnet run: inputs from files, one or more runs, what came out. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"
#include "inputs.h"
#include "json.h"
#include "profile.h"
#include "report.h"

typedef struct run_options {
  const char *model, *signature, *backend, *output_dir, *labels, *profile, *precision_name, *requantize_name,
      *weight_cache;
  ln_precision precision;
  ln_requantize requantize;
  cli_pixels pixels;
  cli_list inputs;
  int32_t invocations, threads, top;
  bool json, show, tune;
} run_options;

static int parse(const cli_command *self, int argc, char **argv, run_options *out) {
  *out = (run_options){.threads = 1, .top = 5};
  const cli_option options[] = {
      {"--signature", CLI_TEXT, &out->signature, 0, 0},
      {"--input", CLI_LIST, &out->inputs, 0, 0},
      {"--invocations", CLI_NUMBER, &out->invocations, 1, 1e9},
      {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
      {"--backend", CLI_TEXT, &out->backend, 0, 0},
      {"--output-dir", CLI_TEXT, &out->output_dir, 0, 0},
      {"--top", CLI_NUMBER, &out->top, 1, 100000},
      {"--labels", CLI_TEXT, &out->labels, 0, 0},
      {"--profile", CLI_TEXT, &out->profile, 0, 0},
      {"--precision", CLI_TEXT, &out->precision_name, 0, 0},
      {"--requantize", CLI_TEXT, &out->requantize_name, 0, 0},
      {"--weight-cache", CLI_TEXT, &out->weight_cache, 0, 0},
      {"--tune", CLI_FLAG, &out->tune, 0, 0},
      {"--normalize", CLI_TEXT, &out->pixels.normalize, 0, 0},
      {"--pixels", CLI_TEXT, &out->pixels.are, 0, 0},
      {"--json", CLI_FLAG, &out->json, 0, 0},
      {"--show", CLI_FLAG, &out->show, 0, 0},
  };
  int operand_count;
  int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &out->model, 1, &operand_count);
  if (status < 0) status = cli_requantize(self, out->requantize_name, &out->requantize);
  if (status < 0) status = cli_precision(self, out->precision_name, &out->precision);
  if (status < 0 && out->profile && !cli_profile_names(out->profile)) {
    status = cli_usage(self, "--profile takes a file named .json or .html, not %s", out->profile);
  }
  if (status >= 0 || operand_count == 1) return status;
  if (out->inputs.count == 0) return cli_usage(self, "no model given");
  out->model = CLI_DEMO_MODEL;
  return status;
}

/* ---- the output folder ---- */

/* Makes the folder (not its parents) unless it is there; `*made` tells which. */
static int open_folder(const char *path, bool *made) {
  *made = mkdir(path, 0777) == 0;
  if (*made) return CLI_OK;
  const int reason = errno;
  struct stat info;
  if (reason != EEXIST) return cli_fail("%s: cannot make the folder: %s", path, strerror(reason));
  if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return cli_fail("%s: is not a folder", path);
  if (access(path, W_OK | X_OK) != 0) return cli_fail("%s: cannot write into the folder: %s", path, strerror(errno));
  return CLI_OK;
}

typedef struct written_file {
  char path[4096];
  void *data;
  size_t size;
} written_file;

/* The list of the outputs, as JSON in memory (malloc). */
static char *list_outputs(ln_session *session, size_t *size) {
  char *text = NULL;
  FILE *out = open_memstream(&text, size);
  if (!out) return NULL;
  json j;
  json_begin(&j, out);
  json_array(&j, NULL);
  for (int32_t i = 0; i < ln_session_output_count(session); i++) {
    const ln_tensor *tensor = ln_session_output(session, i);
    char name[32];
    snprintf(name, sizeof name, "output_%d.npy", i);
    json_flat_object(&j, NULL);
    json_string(&j, "name", ln_session_output_name(session, i));
    json_string(&j, "file", name);
    json_flat_array(&j, "shape");
    for (int32_t k = 0; k < ln_tensor_rank(tensor); k++) json_int(&j, NULL, ln_tensor_dim(tensor, k));
    json_end(&j, ']');
    json_string(&j, "dtype", ln_npy_dtype(ln_tensor_type(tensor)));
    json_end(&j, '}');
  }
  json_end(&j, ']');
  if (fclose(out) != 0) {
    free(text);
    return NULL;
  }
  return text;
}

/* Every file is made in memory before the first is written, and those written are removed when a later one fails. */
static int write_outputs(const run_options *options, ln_session *session) {
  const int32_t count = ln_session_output_count(session);
  written_file *files = calloc((size_t)count + 1, sizeof *files);
  size_t list_size = 0;
  char *list = list_outputs(session, &list_size);
  ln_error err = {.message = "out of memory"};
  ln_status status = files && list ? LN_OK : LN_ERR_MEMORY;
  int32_t written = 0;
  for (int32_t i = 0; i < count && status == LN_OK; i++) {
    const int length = snprintf(files[i].path, sizeof files[i].path, "%s/output_%d.npy", options->output_dir, i);
    if (length < 0 || (size_t)length >= sizeof files[i].path) {
      snprintf(err.message, sizeof err.message, "the folder's name is too long");
      status = LN_ERR_IO;
    } else {
      status = ln_npy_encode(ln_session_output(session, i), &err, &files[i].data, &files[i].size);
    }
  }
  for (; written < count && status == LN_OK; written++) {
    status = ln_io_write(files[written].path, files[written].data, files[written].size, &err);
    if (status != LN_OK) break;
  }
  if (status == LN_OK) {
    snprintf(files[count].path, sizeof files[count].path, "%s/outputs.json", options->output_dir);
    status = ln_io_write(files[count].path, list, list_size, &err);
  }
  for (int32_t i = 0; i < count && files; i++) {
    if (status != LN_OK && i < written) unlink(files[i].path);
    ln_io_free(files[i].data);
  }
  free(files);
  free(list);
  return status == LN_OK ? CLI_OK : cli_fail("%s: %s", options->output_dir, err.message);
}

/* ---- running ---- */

/* Runs that a person need not ask for: one a window of sound, else one. */
static int run_all(const run_options *options, const cli_model *model, ln_session *session, const cli_inputs *inputs,
                   cli_profile *profile, cli_report *report) {
  const int32_t runs = options->invocations > 0 ? options->invocations : inputs->windows;
  for (int32_t i = 0; i < runs; i++) {
    cli_progress("run", i, runs);
    const int status = cli_inputs_feed(inputs, model, session, i);
    if (status != CLI_OK) return status;
    ln_error err = {0};
    if (options->profile) cli_profile_begin_run(profile);
    const double start = cli_now_ms();
    if (ln_session_run(session, &err) != LN_OK) return cli_fail("%s: %s", model->path, err.message);
    report->run_ms = cli_now_ms() - start;
    if (options->profile) cli_profile_end_run(profile);
    const bool summed = inputs->windows > 1 || i == runs - 1;
    if (summed && !cli_results_add(report->results, session)) return cli_fail("out of memory");
  }
  cli_progress("run", runs, runs);
  report->runs = runs;
  return CLI_OK;
}

static int print(const run_options *options, const cli_inputs *inputs, const cli_report *report) {
  const ln_image *picture = cli_inputs_picture(inputs);
  if (options->json) {
    cli_report_json(report, stdout);
    return CLI_OK;
  }
  for (int32_t i = 0; i < inputs->count; i++) {
    if (inputs->items[i].flipped)
      printf("%s is a dump of signed bytes (--pixels unsigned says no)\n", inputs->items[i].path);
  }
  if (!options->show || !picture) {
    cli_report_text(report, stdout);
    return CLI_OK;
  }
  char *text = NULL;
  size_t size = 0;
  cli_drawing drawing = {0};
  FILE *out = open_memstream(&text, &size);
  if (!out) return cli_fail("out of memory");
  cli_report_text(report, out);
  fclose(out);
  const bool drawn = cli_draw(picture, &drawing);
  if (text) cli_print_beside(&drawing, text);
  cli_drawing_free(&drawing);
  free(text);
  return drawn ? CLI_OK : cli_fail("out of memory");
}

static int run_model(const cli_command *self, const run_options *options, const cli_model *model,
                     const ln_labels *labels) {
  ln_session_options settings = LN_SESSION_OPTIONS_INIT;
  settings.threads = options->threads;
  settings.signature = options->signature;
  settings.backend = options->backend;
  cli_profile profile = {0};
  if (options->profile) {
    settings.profile = true;
    settings.on_operator = cli_profile_on_operator;
    settings.user = &profile;
  }
  settings.precision = options->precision;
  settings.requantize = options->requantize;
  settings.tune = options->tune;
  settings.weight_cache = options->weight_cache;
  settings.prepare_later = true; /* open dimensions may fit nothing before the inputs say their sizes */
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model->model, &settings, &err, &session) != LN_OK) {
    return cli_fail("%s: %s", model->path, err.message);
  }
  cli_inputs inputs = {0};
  cli_results results = {0};
  cli_report report = {model, session, &results, labels, options->top, 0, 0};
  bool made_folder = false;
  int status = cli_inputs_load(self, model, session, &options->inputs, &options->pixels, &inputs);
  if (status == CLI_OK && options->output_dir) status = open_folder(options->output_dir, &made_folder);
  if (status == CLI_OK) status = run_all(options, model, session, &inputs, &profile, &report);
  if (status == CLI_OK && options->profile) {
    status = cli_profile_write(&profile, options->profile, cli_base_name(options->model), options->threads, session);
  }
  if (status == CLI_OK && options->output_dir) status = write_outputs(options, session);
  if (status != CLI_OK && made_folder) rmdir(options->output_dir);
  if (status == CLI_OK) status = print(options, &inputs, &report);
  cli_profile_free(&profile);
  cli_results_free(&results);
  cli_inputs_free(&inputs);
  ln_session_destroy(session);
  return status;
}

static int run(const cli_command *self, int argc, char **argv) {
  run_options options;
  cli_model model = {0};
  ln_labels *labels = NULL;
  ln_error err = {0};
  int status = parse(self, argc, argv, &options);
  if (status >= 0) goto out;
  status = CLI_OK;
  if (options.labels && ln_labels_read(options.labels, &err, &labels) != LN_OK) {
    status = cli_fail("%s: %s", options.labels, err.message);
  }
  if (status == CLI_OK) status = cli_model_open(options.model, options.signature, &model);
  if (status == CLI_OK) status = run_model(self, &options, &model, labels);
out:
  ln_labels_destroy(labels);
  cli_model_close(&model);
  free(options.inputs.items);
  return status;
}

const cli_command cli_run = {
    "run", run, "run a model on files and say what it found",
    "usage: linnet run [MODEL] [--input [NAME=]FILE]... [options]\n"
    "\n"
    "Runs a .tflite model and prints what it found: classes, detections, or each output's range and first values.\n"
    "Without MODEL, or as demo:, the classifier of clothing that the tool carries.\n"
    "\n"
    "  --input [NAME=]FILE  an input, in the model's order (alphabetical for a signature) unless named:\n"
    "                         .npy             the exact tensor\n"
    "                         JPEG, PNG, BMP   resized to the model's input and normalised as its metadata says\n"
    "                         WAV              one channel at the model's rate, window after window\n"
    "                         text, or -       numbers as they are stored (- is standard input); lines for strings\n"
    "  --signature NAME     the signature to run (default: serving_default, else the first)\n"
    "  --invocations N      run N times, keeping state (default 1, or once a window of sound)\n"
    "  --threads N          threads (default 1)\n"
    "  --backend NAME       backend (default cpu)\n"
    "  --precision KIND     what products of floats are computed in: f32 (default), bf16 or fp16 (float16 weights)\n"
    "  --requantize KIND    how sums of convolutions of bytes are scaled: exact (default), or float: a little faster,\n"
    "                       results of an operator up to 1 apart\n"
    "  --weight-cache PATH  a file, or a folder of files, of packed weights: made by the first run, mapped by later "
    "ones\n"
    "  --tune               time the ways to compute an operator before the first run and keep the fastest\n"
    "  --labels FILE        names of classes, a line each (default: those in the model)\n"
    "  --top K              how many classes or detections to print (default 5)\n"
    "  --normalize MEAN,STD pictures become (value - MEAN) / STD, in place of what the metadata says\n"
    "  --pixels KIND        what a picture's bytes are: unsigned, signed (as some example pictures of TensorFlow Lite\n"
    "                       Micro are), or auto: signed where an int8 input and wrapped edges say so (default)\n"
    "  --profile FILE       how long each operator of each run took: FILE.json as Chrome's trace events, FILE.html as "
    "a\n"
    "                       page of its own with the timeline, the operators by time and the memory over time\n"
    "  --output-dir DIR     write outputs.json and a .npy for each output\n"
    "  --show               draw the input picture beside the answer\n"
    "  --json               print one JSON object\n"};
