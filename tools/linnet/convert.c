/* linnet convert: what other frameworks save becomes a .tflite. */
#include <stdlib.h>

#include "check.h"
#include "convert.h"

typedef struct convert_options {
  const char *input, *output, *target, *report;
  cli_list signatures, shapes;
  ln_convert_options options;
  cli_arrays verify;
  bool json;
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
      {"--target", CLI_TEXT, &o->target, 0, 0},
      {"--verify", CLI_ARRAYS, &o->verify, 0, 0},
      {"--report", CLI_TEXT, &o->report, 0, 0},
      {"--json", CLI_FLAG, &o->json, 0, 0},
  };
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &o->input, 1, &operand_count);
  if (status >= 0) return status;
  if (operand_count == 0) return cli_usage(self, "no source given");
  if (!o->output) return cli_usage(self, "no -o given: where the model goes");
  const int known = check_target(self, o->target);
  if (known >= 0) return known;
  if (keep_layout && o->options.channels_last) return cli_usage(self, "--keep-layout and --channels-last contradict");
  return -1;
}

/* Proves the result, if that was asked for; CLI_FAILED with the one line where it cannot be, or parts. */
static int verify(const convert_options *o, convert_run *run) {
  ln_verify_options options = LN_VERIFY_OPTIONS_INIT;
  ln_verify_summary summary = {.size = sizeof summary};
  ln_error err = {LN_OK, ""};
  const double start = cli_now_ms();
  if (!o->verify.given) return CLI_OK;
  options.inputs = o->verify.files.items;
  options.input_count = o->verify.files.count;
  if (ln_conversion_verify(run->conversion, &options, &err, &run->verification) != LN_OK)
    return cli_fail("%s: %s", o->input, err.message);
  run->verify_seconds = (cli_now_ms() - start) / 1e3;
  ln_verification_summary(run->verification, &summary);
  return summary.agrees ? CLI_OK : cli_fail("%s: %s", o->input, summary.message);
}

static int work(const convert_options *o, convert_run *run) {
  ln_error err = {LN_OK, ""};
  const double start = cli_now_ms();
  if (ln_convert(o->input, &o->options, &err, &run->conversion) != LN_OK)
    return cli_fail("%s: %s", o->input, err.message);
  run->seconds = (cli_now_ms() - start) / 1e3;
  int status = verify(o, run);
  if (status != CLI_OK && !run->verification) return status;
  if (o->target && ln_conversion_check(run->conversion, o->target, &err, &run->check) != LN_OK)
    return cli_fail("%s: %s", o->input, err.message);
  if (o->report && convert_write_report(run, NULL, o->report) != CLI_OK) return CLI_FAILED;
  if (status != CLI_OK) return status; /* it parts: the page shows where, and there is no model */
  if (ln_conversion_save(run->conversion, o->output, &err) != LN_OK) return cli_fail("%s: %s", o->output, err.message);
  if (o->json) convert_print_json(run, stdout);
  else convert_print_text(run);
  return CLI_OK;
}

static int run(const cli_command *self, int argc, char **argv) {
  convert_options o = {.options = LN_CONVERT_OPTIONS_INIT};
  int status = parse(self, argc, argv, &o);
  if (status < 0) {
    o.options.signatures = o.signatures.items;
    o.options.signature_count = o.signatures.count;
    o.options.shapes = o.shapes.items;
    o.options.shape_count = o.shapes.count;
    convert_run made = {.input = o.input, .output = o.output};
    status = work(&o, &made);
    ln_check_destroy(made.check);
    ln_verification_destroy(made.verification);
    ln_conversion_destroy(made.conversion);
  }
  free(o.signatures.items);
  free(o.shapes.items);
  free(o.verify.files.items);
  return status;
}

const cli_command cli_convert = {
    "convert", run, "makes a .tflite of what Keras, TensorFlow, PyTorch, JAX or ONNX saved",
    "usage: linnet convert IN -o OUT.tflite [options]\n"
    "\n"
    "Reads a Keras file (.keras, .h5), a SavedModel folder, an ONNX file, StableHLO (text, bytecode, jax.export) or a\n"
    ".pt2 of torch.export; the framework itself is not needed. What cannot be converted is said in one line that "
    "names\n"
    "the source's own layer or node, with exit status 1, and no file is written.\n"
    "\n"
    "  -o, --output FILE    where the model goes\n"
    "  --from KIND          keras, savedmodel, onnx, stablehlo or torch (default: found from the content)\n"
    "  --signature NAME     convert only this signature; may be repeated (default: all)\n"
    "  --shape NAME=1,224,224,3\n"
    "                       the shape of an input, where the source leaves it open; may be repeated\n"
    "  --keep-layout        inputs and outputs keep the source's layout (this is the default)\n"
    "  --channels-last      pictures are taken and given with channels last, even where the source has them first\n"
    "  --without-passes     the model as it was imported, nothing simplified\n"
    "  --target NAME        cpu, micro, web, gpu or nnapi: tell what of the result it cannot run, and note it in the\n"
    "                       file for linnet check\n"
    "  --verify [[NAME=]X.npy...]\n"
    "                       run the graph as it was read and the result side by side, on these inputs (others, and\n"
    "                       all of them by default, are made from a seed), open dimensions in two sizes, what keeps\n"
    "                       state several times. Where they part, the first operator of the source that does so is\n"
    "                       named, and no file is written\n"
    "  --report FILE        write a page, complete in itself: both graphs side by side, what became what, what each\n"
    "                       part costs, what was verified and what the target refuses\n"
    "  --json               print one JSON object\n"};
