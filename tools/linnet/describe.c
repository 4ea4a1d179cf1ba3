/* linnet describe: what a model's file says about it. */
#include <stdlib.h>

#include "cli.h"
#include "linnet/train.h"

typedef struct describe_options {
  const char *input, *output, *classes, *normalize;
  float numbers[2];
  ln_description description;
} describe_options;

static int parse(const cli_command *self, int argc, char **argv, describe_options *o) {
  ln_description *d = &o->description;
  const cli_option options[] = {
      {"-o", CLI_TEXT, &o->output, 0, 0},         {"--output", CLI_TEXT, &o->output, 0, 0},
      {"--name", CLI_TEXT, &d->name, 0, 0},       {"--description", CLI_TEXT, &d->description, 0, 0},
      {"--version", CLI_TEXT, &d->version, 0, 0}, {"--author", CLI_TEXT, &d->author, 0, 0},
      {"--license", CLI_TEXT, &d->license, 0, 0}, {"--normalize", CLI_TEXT, &o->normalize, 0, 0},
      {"--classes", CLI_TEXT, &o->classes, 0, 0},
  };
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &o->input, 1, &operand_count);
  if (status >= 0) return status;
  if (operand_count == 0) return cli_usage(self, "no model given");
  if (!o->output) return cli_usage(self, "no -o given: where the described model goes");
  if (o->normalize && !cli_normalize(o->normalize, o->numbers)) {
    return cli_usage(self, "--normalize takes MEAN,STD (two numbers, STD not 0), not %s", o->normalize);
  }
  if (o->normalize) d->normalize = o->numbers;
  return -1;
}

/* Names of classes as the library takes them: "" where the file leaves out a number. */
static const char **list_classes(const ln_labels *labels) {
  const char **names = calloc((size_t)ln_labels_count(labels) + 1, sizeof *names);
  for (int32_t i = 0; names && i < ln_labels_count(labels); i++) {
    const char *name = ln_labels_get(labels, i);
    names[i] = name ? name : "";
  }
  return names;
}

/* `*at` is the file that a failure is about. */
static ln_status describe(describe_options *o, ln_labels *labels, const char **at, ln_error *err) {
  ln_model *model = NULL, *made = NULL;
  *at = o->input;
  ln_status status = cli_open(o->input, err, &model);
  if (status == LN_OK) status = ln_model_describe(model, &o->description, err, &made);
  if (status == LN_OK) {
    *at = o->output;
    status = ln_model_save(made, o->output, err);
  }
  ln_model_destroy(made);
  ln_model_destroy(model);
  ln_labels_destroy(labels);
  return status;
}

static int run(const cli_command *self, int argc, char **argv) {
  describe_options o = {.description = LN_DESCRIPTION_INIT};
  ln_error err = {LN_OK, ""};
  ln_labels *labels = NULL;
  const char *at = NULL;
  const int said = parse(self, argc, argv, &o);
  if (said >= 0) return said;
  if (o.classes && ln_labels_read(o.classes, &err, &labels) != LN_OK) {
    return cli_fail("%s: %s", o.classes, err.message);
  }
  const char **names = list_classes(labels);
  if (!names) return cli_fail("out of memory");
  o.description.classes = names;
  o.description.class_count = ln_labels_count(labels);
  const ln_status status = describe(&o, labels, &at, &err);
  free(names);
  return status == LN_OK ? CLI_OK : cli_fail("%s: %s", at, err.message);
}

const cli_command cli_describe = {"describe", run, "writes into a model's file what it is",
                                  "usage: linnet describe MODEL -o OUT.tflite [options]\n"
                                  "\n"
                                  "Writes metadata as TensorFlow Lite's tools do, which `linnet run` reads labels and "
                                  "normalization from. What is not\n"
                                  "given stays as it was.\n"
                                  "\n"
                                  "  --name TEXT, --description TEXT, --version TEXT, --author TEXT, --license TEXT\n"
                                  "  --normalize MEAN,STD    pictures become (value - MEAN) / STD for the first input\n"
                                  "  --classes FILE          names of the classes of the first output, one a line\n"};
