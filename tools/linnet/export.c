/* linnet export: a changed model's weights in the format of the source that it was converted from. */
#include <stdlib.h>

#include "cli.h"
#include "json.h"
#include "linnet/convert.h"

typedef struct export_options {
  const char *model, *like, *output;
  cli_list signatures, shapes;
  ln_convert_options options;
  bool json;
} export_options;

static int parse(const cli_command *self, int argc, char **argv, export_options *o) {
  const cli_option options[] = {{"-o", CLI_TEXT, &o->output, 0, 0},
                                {"--output", CLI_TEXT, &o->output, 0, 0},
                                {"--like", CLI_TEXT, &o->like, 0, 0},
                                {"--from", CLI_TEXT, &o->options.from, 0, 0},
                                {"--signature", CLI_LIST, &o->signatures, 0, 0},
                                {"--shape", CLI_LIST, &o->shapes, 0, 0},
                                {"--channels-last", CLI_FLAG, &o->options.channels_last, 0, 0},
                                {"--without-passes", CLI_FLAG, &o->options.without_passes, 0, 0},
                                {"--json", CLI_FLAG, &o->json, 0, 0}};
  const int status = cli_parse_model(self, argc, argv, options, CLI_COUNT(options), &o->model);
  if (status >= 0) return status;
  if (!o->like) return cli_usage(self, "no --like given: the source that the model was converted from");
  if (!o->output) return cli_usage(self, "no -o given: where the copy of the source goes");
  return -1;
}

static void print(const export_options *o, const ln_export_summary *s, double seconds) {
  json j;
  if (!o->json) {
    printf(
        "%s: %d of %d weights changed, %lld elements, by %.3g at most; converted again they are within %.2g of the "
        "model's, %.2f s\n",
        o->output, s->changed, s->weights, (long long)s->elements, s->largest, s->error, seconds);
    return;
  }
  json_begin(&j, stdout);
  json_flat_object(&j, NULL);
  json_string(&j, "file", o->output);
  json_int(&j, "weights", s->weights);
  json_int(&j, "changed", s->changed);
  json_int(&j, "elements", s->elements);
  json_real(&j, "largest", s->largest);
  json_real(&j, "error", s->error);
  json_real(&j, "seconds", seconds);
  json_end(&j, '}');
}

static int work(const export_options *o) {
  ln_model *model = NULL;
  ln_error err = {LN_OK, ""};
  ln_export_summary summary = {.size = sizeof summary};
  const double start = cli_now_ms();
  if (cli_open(o->model, &err, &model) != LN_OK) return cli_fail("%s: %s", o->model, err.message);
  const ln_status status = ln_export(model, o->like, o->output, &o->options, &err, &summary);
  ln_model_destroy(model);
  if (status != LN_OK) return cli_fail("%s: %s", o->like, err.message);
  print(o, &summary, (cli_now_ms() - start) / 1e3);
  return CLI_OK;
}

static int run(const cli_command *self, int argc, char **argv) {
  export_options o = {.options = LN_CONVERT_OPTIONS_INIT};
  int status = parse(self, argc, argv, &o);
  o.options.signatures = o.signatures.items;
  o.options.signature_count = o.signatures.count;
  o.options.shapes = o.shapes.items;
  o.options.shape_count = o.shapes.count;
  if (status < 0) status = work(&o);
  free(o.signatures.items);
  free(o.shapes.items);
  return status;
}

const cli_command cli_export = {
    "export", run, "writes a changed model's weights into the format that it was converted from",
    "usage: linnet export MODEL --like SOURCE -o NEW [options]\n"
    "\n"
    "Makes a copy of a Keras file, an ONNX file or a SavedModel folder with the weights of a model that was converted\n"
    "from it and then trained, pruned, clustered or quantized. Layouts and folded batch normalizations are undone; "
    "the\n"
    "source's own normalizations stay as they are. The copy converts to the model's weights again, which is tried\n"
    "before it is kept. A change that the source cannot express is refused by name.\n"
    "\n"
    "  --like SOURCE        what the model was converted from\n"
    "  -o, --output NEW     where the copy goes, a file or folder like the source\n"
    "  --from KIND, --signature NAME, --shape NAME=..., --channels-last, --without-passes\n"
    "                       as they were given to linnet convert\n"
    "  --json               print one JSON object\n"};
