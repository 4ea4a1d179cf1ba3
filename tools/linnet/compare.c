/* linnet compare: methods and settings side by side on one model and its data. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "embedded.h"
#include "optimize.h"

typedef struct compare_options {
  const char *model, *data, *labels, *methods, *calibration, *html, *normalize;
  cli_list recipes;
  int32_t threads, samples, calibration_samples, rounds, top;
  bool json;
} compare_options;

/* The first `limit` of some samples, evenly spread. */
typedef struct some {
  const ln_samples *all;
  int64_t limit;
} some;

static ln_status fill_some(void *user, int64_t index, ln_session *session, ln_error *err) {
  const some *s = user;
  return s->all->fill(s->all->user, s->all->count / s->limit * index, session, err);
}

static int parse(const cli_command *self, int argc, char **argv, compare_options *out) {
  *out = (compare_options){.threads = 1, .calibration_samples = 1000, .rounds = 15, .top = 1};
  const cli_option options[] = {{"--data", CLI_TEXT, &out->data, 0, 0},
                                {"--labels", CLI_TEXT, &out->labels, 0, 0},
                                {"--methods", CLI_TEXT, &out->methods, 0, 0},
                                {"--recipe", CLI_LIST, &out->recipes, 0, 0},
                                {"--calibration", CLI_TEXT, &out->calibration, 0, 0},
                                {"--calibration-samples", CLI_NUMBER, &out->calibration_samples, 0, 1e6},
                                {"--samples", CLI_NUMBER, &out->samples, 1, 1e9},
                                {"--normalize", CLI_TEXT, &out->normalize, 0, 0},
                                {"--top", CLI_NUMBER, &out->top, 1, 1e6},
                                {"--rounds", CLI_NUMBER, &out->rounds, 1, 1000},
                                {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
                                {"--html", CLI_TEXT, &out->html, 0, 0},
                                {"--json", CLI_FLAG, &out->json, 0, 0}};
  const int status = cli_parse_model(self, argc, argv, options, CLI_COUNT(options), &out->model);
  if (status >= 0) return status;
  if (!out->data) return cli_usage(self, "no --data given");
  if (!out->methods && out->recipes.count == 0) return cli_usage(self, "no --methods given (all: a usual set)");
  return -1;
}

static int write_html(const compare *c) {
  char *data = NULL, *text = NULL;
  size_t data_size = 0, size = 0;
  ln_error err = {.message = "out of memory"};
  FILE *inner = open_memstream(&data, &data_size);
  if (inner) compare_print_json(c, inner);
  bool good = inner && fclose(inner) == 0;
  FILE *out = good ? open_memstream(&text, &size) : NULL;
  if (out) cli_write_page(linnet_compare_page, linnet_compare_page_size, data, data_size, out);
  good = out && fclose(out) == 0;
  if (good) good = ln_io_write(c->html, text, size, &err) == LN_OK;
  free(data);
  free(text);
  return good ? CLI_OK : cli_fail("%s: %s", c->html, err.message);
}

static int report(const compare_options *options, const compare *c) {
  const int status = c->html ? write_html(c) : CLI_OK;
  if (options->json) compare_print_json(c, stdout);
  else compare_print_text(c);
  return status;
}

static int measure(const compare_options *options, const ln_data *data, const ln_data *calibration, compare *c) {
  const ln_labelled *all = ln_data_labelled(data);
  if (!all)
    return cli_fail("%s: the samples have no labels: give them by --labels, or a folder for each class", options->data);
  ln_samples few = *all->samples, chosen = *ln_data_samples(calibration ? calibration : data);
  some wanted = {ln_data_samples(calibration ? calibration : data), options->calibration_samples};
  ln_labelled labelled = *all;
  if (options->samples > 0 && options->samples < few.count) few.count = options->samples;
  labelled.samples = &few;
  labelled.top = options->top;
  if (wanted.limit > chosen.count) wanted.limit = chosen.count;
  chosen.count = wanted.limit;
  chosen.fill = fill_some;
  chosen.user = &wanted;
  c->labelled = &labelled;
  c->calibrate = wanted.limit > 0 ? &chosen : NULL;
  const int status = compare_run(c);
  return status == CLI_OK ? report(options, c) : status;
}

static int work(const cli_command *self, const compare_options *options, compare *c) {
  cli_model model = {0};
  ln_data *data = NULL, *calibration = NULL;
  int status = compare_add_methods(self, options->methods, c);
  for (int i = 0; i < options->recipes.count && status == CLI_OK; i++)
    status = compare_add_recipe(options->recipes.items[i], c);
  if (status == CLI_OK) status = cli_model_open(options->model, NULL, &model);
  c->model = &model;
  if (status == CLI_OK)
    status = optimize_open_data(options->data, &model, NULL, options->labels, options->normalize, self, &data);
  if (status == CLI_OK && options->calibration)
    status = optimize_open_data(options->calibration, &model, NULL, NULL, options->normalize, self, &calibration);
  if (status == CLI_OK) status = measure(options, data, calibration, c);
  compare_free(c);
  ln_data_close(calibration);
  ln_data_close(data);
  cli_model_close(&model);
  return status;
}

static int run(const cli_command *self, int argc, char **argv) {
  compare_options options;
  int status = parse(self, argc, argv, &options);
  if (status < 0) {
    compare c = {.data = options.data,
                 .calibration = options.calibration,
                 .html = options.html,
                 .threads = options.threads,
                 .rounds = options.rounds,
                 .error_samples = 64};
    status = work(self, &options, &c);
  }
  free(options.recipes.items);
  return status;
}

const cli_command cli_compare = {
    "compare", run, "methods of optimization side by side on one model and its data",
    "usage: linnet compare MODEL --data SAMPLES --labels LABELS --methods LIST [options]\n"
    "\n"
    "Optimizes a model by each method of a list and measures all of them in one run: bytes, deflated bytes, memory,\n"
    "latency (in turns, as a quotient of the original's), accuracy, and the outputs' error. A method that fails is a\n"
    "line with the reason. Marked are those that no other beats in both size (or speed) and accuracy.\n"
    "\n"
    "  --methods LIST       methods with commas between them, or all, a usual set. A method is stages with + between\n"
    "                       them, a stage a technique with settings behind colons, the first parameter's value bare:\n"
    "                         float16,int8,int4-weights:block=32,prune:0.8,factorize:0.99,prune:0.8+cluster:16+int8\n"
    "                       linnet optimize --list names techniques and parameters; formats need no quantize:\n"
    "  --recipe FILE        a recipe in JSON as one more method; may be repeated\n"
    "  --data SAMPLES       .npy or IDX (samples along the first axis; .gz too), .npz (an array for each input), a\n"
    "                       folder of pictures or sounds, or one of folders that are classes\n"
    "  --labels LABELS      the class of each sample: .npy, IDX, or text with a number a line (default: the folders)\n"
    "  --calibration SAMPLES\n"
    "                       what techniques look at (default: those of --data, without their labels)\n"
    "  --calibration-samples N\n"
    "                       how many of them, evenly spread (default 1000; 0: none)\n"
    "  --samples N          measure accuracy on the first N only\n"
    "  --top K              right when among the K greatest outputs (default 1)\n"
    "  --normalize MEAN,STD bytes become (value - MEAN) / STD, in place of what the metadata says\n"
    "  --rounds N           rounds of timing (default 15)\n"
    "  --threads N          threads (default 1)\n"
    "  --html FILE          write a page with plots, complete in itself\n"
    "  --json               print one JSON object\n"};
