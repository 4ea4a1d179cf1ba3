/* linnet build: a model from scratch, out of its JSON form. */
#include <string.h>

#include "cli.h"
#include "json.h"
#include "linnet/builder.h"
#include "linnet/data.h"

typedef struct build_options {
  const char *spec, *output;
  int32_t seed, batch;
  bool json, list, schema;
} build_options;

static const char *const *words(const char *(*at)(int32_t)) {
  static const char *all[64];
  int32_t count = 0;
  for (; count < 63 && at(count); count++) all[count] = at(count);
  all[count] = NULL;
  return all;
}

/* ---- what there is ---- */

static void print_words(const char *title, const char *(*at)(int32_t)) {
  printf("%s:", title);
  for (const char *const *word = words(at); *word; word++) printf(" %s", *word);
  printf("\n");
}

static void print_kinds(void) {
  for (int32_t i = 0; i < ln_builder_kind_count(); i++) {
    ln_builder_kind kind = {.size = sizeof kind};
    if (ln_builder_kind_get(i, &kind) != LN_OK) continue;
    printf("%s: %s\n", kind.name, kind.what);
    for (const ln_parameter *p = kind.parameters; p->name; p++) {
      printf("  %-22s %s", p->name, p->what);
      if (p->choices) printf(" (%s)", p->choices);
      printf(p->fallback ? " [%s]\n" : "\n", p->fallback);
    }
  }
  print_words("activations", ln_builder_activation);
  print_words("initializers", ln_builder_initializer);
}

/* ---- the schema ---- */

static void put_type(json *j, const char *key, const char *type, const char *what) {
  json_flat_object(j, key);
  if (what) json_string(j, "description", what);
  json_string(j, "type", type);
  json_end(j, '}');
}

static void put_enum(json *j, const char *const *all) {
  json_flat_array(j, "enum");
  for (; *all; all++) json_string(j, NULL, *all);
  json_end(j, ']');
}

static void put_choices(json *j, const char *choices) {
  json_flat_array(j, "enum");
  while (choices && *choices) {
    char word[80];
    const size_t length = strcspn(choices, "|");
    snprintf(word, sizeof word, "%.*s", (int)length, choices);
    json_string(j, NULL, word);
    if (word[0] >= '0' && word[0] <= '9') json_int(j, NULL, word[0] - '0'); /* or as a number */
    choices += length + (choices[length] == '|');
  }
  json_end(j, ']');
}

static bool ends_with(const char *text, const char *end) {
  return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* A value of the parameter, or "$name" in a block. */
static void put_parameter(json *j, const ln_parameter *p) {
  json_object(j, p->name);
  json_string(j, "description", p->what);
  json_array(j, "anyOf");
  json_object(j, NULL);
  if (p->kind == LN_PARAMETER_CHOICE) {
    put_choices(j, p->choices);
  } else if (p->kind == LN_PARAMETER_INTEGER || p->kind == LN_PARAMETER_NUMBER) {
    json_string(j, "type", p->kind == LN_PARAMETER_INTEGER ? "integer" : "number");
    json_real(j, "minimum", p->low);
    json_real(j, "maximum", p->high);
  } else if (p->kind == LN_PARAMETER_FLAG) {
    json_string(j, "type", "boolean");
  } else if (ends_with(p->name, "activation")) {
    put_enum(j, words(ln_builder_activation));
  } else if (ends_with(p->name, "initializer")) {
    put_enum(j, words(ln_builder_initializer));
  } else {
    json_flat_array(j, "type");
    json_string(j, NULL, "integer");
    json_string(j, NULL, "array");
    json_string(j, NULL, "string");
    json_end(j, ']');
  }
  json_end(j, '}');
  json_flat_object(j, NULL);
  json_string(j, "$ref", "#/$defs/parameter");
  json_end(j, '}');
  json_end(j, ']');
  if (p->fallback) json_string(j, "$comment", p->fallback);
  json_end(j, '}');
}

static void put_reference(json *j, const char *key, const char *path) {
  json_flat_object(j, key);
  json_string(j, "$ref", path);
  json_end(j, '}');
}

static void put_required(json *j, const char *first, const ln_parameter *parameters) {
  json_flat_array(j, "required");
  json_string(j, NULL, first);
  for (const ln_parameter *p = parameters; p && p->name; p++) {
    if (!p->fallback) json_string(j, NULL, p->name);
  }
  json_end(j, ']');
}

static void put_common(json *j) {
  put_type(j, "name", "string", NULL);
  put_reference(j, "from", "#/$defs/from");
  json_flat_object(j, "when");
  json_string(j, "description", "false: the layer is left out");
  json_flat_array(j, "type");
  json_string(j, NULL, "boolean");
  json_string(j, NULL, "string");
  json_end(j, ']');
  json_end(j, '}');
}

static void put_kind(json *j, const ln_builder_kind *kind) {
  json_object(j, NULL);
  json_string(j, "description", kind->what);
  json_string(j, "type", "object");
  json_object(j, "properties");
  json_flat_object(j, "layer");
  json_flat_array(j, "enum");
  json_string(j, NULL, kind->name);
  json_string(j, NULL, kind->stem);
  json_end(j, ']');
  json_end(j, '}');
  put_common(j);
  for (const ln_parameter *p = kind->parameters; p->name; p++) put_parameter(j, p);
  json_end(j, '}');
  put_required(j, "layer", kind->parameters);
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
}

static void put_block_use(json *j) {
  json_object(j, NULL);
  json_string(j, "description", "a block of \"blocks\", with values for its parameters");
  json_string(j, "type", "object");
  json_object(j, "properties");
  put_type(j, "block", "string", NULL);
  put_common(j);
  put_type(j, "repeat", "integer", "how many of it stand behind one another");
  json_end(j, '}');
  put_required(j, "block", NULL);
  json_end(j, '}');
}

static void put_input(json *j) {
  json_object(j, "input");
  json_string(j, "type", "object");
  json_object(j, "properties");
  put_type(j, "name", "string", NULL);
  json_object(j, "shape");
  json_string(j, "description", "without the batch");
  json_string(j, "type", "array");
  put_type(j, "items", "integer", NULL);
  json_end(j, '}');
  json_flat_object(j, "type");
  json_flat_array(j, "enum");
  json_string(j, NULL, "float32");
  json_string(j, NULL, "int32");
  json_string(j, NULL, "int64");
  json_end(j, ']');
  json_end(j, '}');
  json_end(j, '}');
  put_required(j, "shape", NULL);
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
}

static void put_list(json *j, const char *key, const char *of) {
  json_object(j, key);
  json_string(j, "type", "array");
  json_int(j, "minItems", 1);
  put_reference(j, "items", of);
  json_end(j, '}');
}

static void put_block(json *j) {
  json_object(j, "block");
  json_string(j, "type", "object");
  json_object(j, "properties");
  put_type(j, "description", "string", NULL);
  put_type(j, "parameters", "object", "names, with the value where a use says none; null: it must");
  put_list(j, "layers", "#/$defs/layer");
  json_end(j, '}');
  put_required(j, "layers", NULL);
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
}

static void put_definitions(json *j) {
  json_object(j, "$defs");
  json_flat_object(j, "parameter");
  json_string(j, "description", "a parameter of the block");
  json_string(j, "type", "string");
  json_string(j, "pattern", "^[$]");
  json_end(j, '}');
  json_object(j, "from");
  json_string(j, "description",
              "layers that it takes; without it the one before. In a block \"input\" is what it takes");
  json_array(j, "anyOf");
  put_type(j, NULL, "string", NULL);
  json_object(j, NULL);
  json_string(j, "type", "array");
  put_type(j, "items", "string", NULL);
  json_end(j, '}');
  json_end(j, ']');
  json_end(j, '}');
  put_input(j);
  put_block(j);
  json_object(j, "layer");
  json_array(j, "anyOf");
  put_block_use(j);
  for (int32_t i = 0; i < ln_builder_kind_count(); i++) {
    ln_builder_kind kind = {.size = sizeof kind};
    if (ln_builder_kind_get(i, &kind) == LN_OK) put_kind(j, &kind);
  }
  json_end(j, ']');
  json_end(j, '}');
  json_end(j, '}');
}

static void print_schema(void) {
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
  json_string(&j, "title", "A model for linnet build");
  json_string(&j, "description", "Printed by linnet build --schema.");
  json_string(&j, "type", "object");
  json_object(&j, "properties");
  put_type(&j, "$schema", "string", NULL);
  put_type(&j, "description", "string", NULL);
  put_type(&j, "batch", "integer", "the first dimension of every input; without it, left open");
  put_reference(&j, "input", "#/$defs/input");
  put_list(&j, "inputs", "#/$defs/input");
  json_object(&j, "blocks");
  json_string(&j, "type", "object");
  put_reference(&j, "additionalProperties", "#/$defs/block");
  json_end(&j, '}');
  put_list(&j, "layers", "#/$defs/layer");
  json_object(&j, "outputs");
  json_string(&j, "description", "layers; without it, the last one");
  json_string(&j, "type", "array");
  put_type(&j, "items", "string", NULL);
  json_end(&j, '}');
  json_end(&j, '}');
  put_required(&j, "layers", NULL);
  json_bool(&j, "additionalProperties", false);
  put_definitions(&j);
  json_end(&j, '}');
}

/* ---- building ---- */

static int64_t count_weights(const ln_model *model) {
  int64_t weights = 0;
  const ln_graph *graph = ln_model_graph(model, 0);
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++) {
    const ln_tensor *tensor = ln_graph_tensor(graph, i);
    if (ln_tensor_is_constant(tensor) && ln_tensor_type(tensor) == LN_FLOAT32) {
      weights += (int64_t)(ln_tensor_bytes(tensor) / sizeof(float));
    }
  }
  return weights;
}

static void report(const build_options *o, const ln_model *model) {
  const int64_t weights = count_weights(model);
  const int32_t operators = ln_graph_op_count(ln_model_graph(model, 0));
  if (!o->json) {
    printf("%s: %d operators, %lld weights\n", o->output, (int)operators, (long long)weights);
    return;
  }
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "output", o->output);
  json_int(&j, "operators", operators);
  json_int(&j, "weights", weights);
  json_int(&j, "seed", o->seed);
  json_end(&j, '}');
}

static int build(const build_options *o) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_error err = {0};
  ln_model *model = NULL;
  options.seed = (uint64_t)o->seed;
  options.batch = o->batch;
  ln_status status = ln_builder_read(o->spec, &options, &err, &model);
  if (status == LN_OK) status = ln_model_save(model, o->output, &err);
  if (status == LN_OK) report(o, model);
  ln_model_destroy(model);
  return status == LN_OK ? CLI_OK : cli_fail("%s", err.message);
}

static int run(const cli_command *self, int argc, char **argv) {
  build_options o = {.seed = 1};
  const cli_option options[] = {
      {"-o", CLI_TEXT, &o.output, 0, 0},       {"--output", CLI_TEXT, &o.output, 0, 0},
      {"--seed", CLI_NUMBER, &o.seed, 0, 2e9}, {"--batch", CLI_NUMBER, &o.batch, 1, 1 << 20},
      {"--json", CLI_FLAG, &o.json, 0, 0},     {"--list", CLI_FLAG, &o.list, 0, 0},
      {"--schema", CLI_FLAG, &o.schema, 0, 0},
  };
  int operands;
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &o.spec, 1, &operands);
  if (status >= 0) return status;
  if (o.list) return print_kinds(), CLI_OK;
  if (o.schema) return print_schema(), CLI_OK;
  if (operands == 0) return cli_usage(self, "no description of a model given");
  if (!o.output) return cli_usage(self, "no -o given: where the model goes");
  return build(&o);
}

const cli_command cli_build = {
    "build", run, "make a model from a description of its layers",
    "usage: linnet build SPEC.json -o OUT.tflite [options]\n"
    "\n"
    "Makes a float model of the layers that SPEC.json lists, with weights to begin training from.\n"
    "docs/builder.md describes the form; examples/models has some.\n"
    "\n"
    "  --seed N    of the weights (1)\n"
    "  --batch N   the first dimension of every input; left open without it\n"
    "  --json      print one JSON object: operators, weights, seed\n"
    "  --list      the layers with their parameters, activations and initializers\n"
    "  --schema    the JSON schema of SPEC.json\n"};
