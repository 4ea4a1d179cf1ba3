/* `linnet trainable`: puts training into a model, as signatures that the runtime (and stock LiteRT) runs. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "train.h"

typedef struct trainable_options {
  const char *input, *output, *checkpoints;
  bool json;
  train_choices choices;
} trainable_options;

static int parse(const cli_command *self, int argc, char **argv, trainable_options *o) {
  cli_option options[TRAIN_OPTIONS_MOST + 5] = {
      {"-o", CLI_TEXT, &o->output, 0, 0},
      {"--output", CLI_TEXT, &o->output, 0, 0},
      {"--checkpoints", CLI_TEXT, &o->checkpoints, 0, 0},
      {"--json", CLI_FLAG, &o->json, 0, 0},
  };
  const size_t count = 4 + train_list_options(&o->choices, options + 4);
  int operands;
  const int status = cli_parse(self, argc, argv, options, count, &o->input, 1, &operands);
  if (status >= 0) return status;
  if (operands == 0) return cli_usage(self, "no model given");
  return o->output ? -1 : cli_usage(self, "no -o given: where the model goes");
}

/* ---- the report ---- */

typedef struct summary {
  int32_t variables;
  int64_t weights; /* elements that are trained */
  int32_t batch;   /* -1: any */
} summary;

static int32_t find_signature(const ln_model *model, const char *name) {
  for (int32_t i = 0; i < ln_model_signature_count(model); i++) {
    if (strcmp(ln_model_signature_name(model, i), name) == 0) return i;
  }
  return -1;
}

static summary summarize(const ln_model *model) {
  summary s = {0, 0, -1};
  const int32_t train = find_signature(model, "train"), infer = find_signature(model, "infer");
  const ln_graph *graph = ln_model_graph(model, ln_model_signature_graph(model, train));
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) {
    s.variables += strcmp(ln_op_name(ln_graph_op(graph, i)), "VAR_HANDLE") == 0;
  }
  const ln_tensor *input = ln_graph_tensor(graph, ln_model_signature_tensor(model, train, false, 0));
  s.batch = ln_tensor_rank(input) > 0 ? ln_tensor_declared_dim(input, 0) : 1;
  graph = ln_model_graph(model, ln_model_signature_graph(model, infer));
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) {
    const ln_op *op = ln_graph_op(graph, i);
    if (strcmp(ln_op_name(op), "READ_VARIABLE") != 0) continue;
    s.weights += (int64_t)ln_tensor_elements(ln_graph_tensor(graph, ln_op_output(op, 0)));
  }
  return s;
}

static void report(const trainable_options *o, const ln_model *model) {
  const summary s = summarize(model);
  if (!o->json) {
    printf("%s: %lld weights are trained, %d variables, ", o->output, (long long)s.weights, (int)s.variables);
    if (s.batch < 0) printf("any batch\n");
    else printf("batch %d\n", (int)s.batch);
    return;
  }
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "output", o->output);
  json_int(&j, "weights", s.weights);
  json_int(&j, "variables", s.variables);
  if (s.batch > 0) json_int(&j, "batch", s.batch);
  json_flat_array(&j, "signatures");
  for (int32_t i = 0; i < ln_model_signature_count(model); i++)
    json_string(&j, NULL, ln_model_signature_name(model, i));
  json_end(&j, ']');
  json_end(&j, '}');
}

/* ---- making ---- */

typedef struct making {
  ln_trainer *trainer;
  ln_error err;
} making;

static ln_status set(void *user, const char *parameter, const char *value) {
  making *m = user;
  return ln_trainer_set(m->trainer, parameter, value, &m->err);
}

static int make(const trainable_options *o) {
  ln_trainable_options options = LN_TRAINABLE_OPTIONS_INIT;
  making m = {0};
  ln_model *source = NULL, *made = NULL;
  const char *batch = train_choice(&o->choices, "batch");
  ln_status status = cli_open(o->input, &m.err, &source);
  if (status == LN_OK) status = ln_trainer_create(source, &m.err, &m.trainer);
  if (status == LN_OK) status = train_each_choice(&o->choices, set, &m); /* the batch is a number then */
  options.batch = batch ? (int32_t)strtol(batch, NULL, 10) : 0;
  options.checkpoints = o->checkpoints;
  if (status == LN_OK) status = ln_trainable_make(m.trainer, &options, &m.err, &made);
  if (status == LN_OK) status = ln_model_save(made, o->output, &m.err);
  if (status == LN_OK) report(o, made);
  ln_trainer_destroy(m.trainer);
  ln_model_destroy(made);
  ln_model_destroy(source);
  return status == LN_OK ? CLI_OK : cli_fail("%s: %s", o->input, m.err.message);
}

static int run(const cli_command *self, int argc, char **argv) {
  trainable_options *o = calloc(1, sizeof *o);
  if (!o) return cli_fail("out of memory");
  int status = parse(self, argc, argv, o);
  if (status < 0) status = make(o);
  free(o);
  return status;
}

const cli_command cli_trainable = {
    "trainable", run, "put training into a model, as signatures",
    "usage: linnet trainable MODEL -o OUT.tflite [options]\n"
    "\n"
    "Adds signatures that train the model where it runs: train, eval, infer, save and restore, as TensorFlow Lite's\n"
    "on-device training has them. docs/train.md describes them.\n"
    "\n"
    "  --loss NAME         sparse-cross-entropy\n"
    "  --optimizer NAME    adam\n"
    "  --lr X              the learning rate (0.001)\n"
    "  --train REGEX       the tensors or layers that are trained; the rest stays as it is (all)\n"
    "  --batch N           samples of a step; without it any number, where the model's operators allow that\n"
    "  --checkpoints F     save and restore with flex (files; TensorFlow's operators), arrays (tensors out and in), "
    "none\n"
    "  --NAME VALUE        other options of the loss, of the optimizer, and of clipping (linnet train --list)\n"
    "  --json              print one JSON object: weights, variables, batch, signatures\n"};
