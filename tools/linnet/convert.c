/* linnet convert: what other frameworks save becomes a .tflite. */
#include "linnet/convert.h"

#include "cli.h"

typedef struct convert_options {
  const char *input, *output;
  cli_list signatures, shapes;
  ln_convert_options options;
} convert_options;

static int parse(const cli_command *self, int argc, char **argv, convert_options *o) {
  bool keep_layout = false;
  const cli_option options[] = {
      {"-o", CLI_TEXT, &o->output, 0, 0},
      {"--output", CLI_TEXT, &o->output, 0, 0},
      {"--from", CLI_TEXT, &o->options.from, 0, 0},
      {"--signature", CLI_LIST, &o->signatures, 0, 0},
      {"--shape", CLI_LIST, &o->shapes, 0, 0},
      {"--keep-layout", CLI_FLAG, &keep_layout, 0, 0},
      {"--channels-last", CLI_FLAG, &o->options.channels_last, 0, 0},
      {"--without-passes", CLI_FLAG, &o->options.without_passes, 0, 0},
  };
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &o->input, 1, &operand_count);
  if (status >= 0) return status;
  if (operand_count == 0) return cli_usage(self, "no source given");
  if (!o->output) return cli_usage(self, "no -o given: where the model goes");
  if (keep_layout && o->options.channels_last) return cli_usage(self, "--keep-layout and --channels-last contradict");
  return -1;
}

static int run(const cli_command *self, int argc, char **argv) {
  convert_options o = {.options = LN_CONVERT_OPTIONS_INIT};
  ln_error err = {LN_OK, ""};
  ln_conversion *conversion = NULL;
  const int said = parse(self, argc, argv, &o);
  if (said >= 0) return said;
  o.options.signatures = o.signatures.items;
  o.options.signature_count = o.signatures.count;
  o.options.shapes = o.shapes.items;
  o.options.shape_count = o.shapes.count;
  if (ln_convert(o.input, &o.options, &err, &conversion) != LN_OK) return cli_fail("%s: %s", o.input, err.message);
  const ln_status status = ln_conversion_save(conversion, o.output, &err);
  ln_conversion_destroy(conversion);
  return status == LN_OK ? CLI_OK : cli_fail("%s: %s", o.output, err.message);
}

const cli_command cli_convert = {"convert", run, "makes a .tflite of what Keras, TensorFlow, PyTorch, JAX or ONNX saved",
                                 "usage: linnet convert IN -o OUT.tflite [options]\n"};
