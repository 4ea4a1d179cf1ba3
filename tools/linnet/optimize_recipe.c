/* Flags as a recipe, and what the library's table of techniques says: lists, JSON, the schema. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "optimize.h"

const optimize_flag optimize_flags[OPTIMIZE_FLAGS] = {
    {"--prune", "prune", NULL},         {"--pattern", "prune", "pattern"}, {"--cluster", "cluster", NULL},
    {"--factorize", "factorize", NULL}, {"--quantize", "quantize", NULL},  {"--io", "quantize", "io"},
    {"--method", "quantize", "method"}, {"--block", "quantize", "block"},  {"--equalize", "equalize", ""},
    {"--max-drop", "search", NULL},     {"--encode", "encode", NULL},
};

static bool technique_at(int32_t index, ln_technique_info *out) {
  *out = (ln_technique_info){.size = sizeof *out};
  return ln_technique_get(index, out) == LN_OK;
}

/* The parameter that a flag stands for where it names none: the technique's first. */
static const char *first_parameter(const char *technique) {
  ln_technique_info info;
  int32_t t = 0;
  while (technique_at(t, &info) && strcmp(info.name, technique) != 0) t++;
  const char *name = info.parameters ? info.parameters[0].name : NULL;
  return name ? name : "";
}

/* ---- what is said of each technique ---- */

/* A parameter that a flag or --set says. */
typedef struct said {
  const char *option; /* the flag, or the whole text of --set */
  char technique[40], parameter[60];
  const char *value;
  bool begins;
  char joined[200];
} said;

/* Whether --max-drop chooses the formats: then what flags say of quantization are parameters of the search. */
static bool searches(const optimize_request *request) {
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    if (request->values[i] && strcmp(optimize_flags[i].technique, "search") == 0) return true;
  }
  return false;
}

/* Flags of quantization for the search: formats beside float32, the others as one list. False where the flag has been
 * dealt with by an earlier one, or says what the search does anyway. */
static bool said_of_search(const optimize_request *request, size_t flag, said *out) {
  const bool formats = optimize_flags[flag].parameter == NULL;
  *out = (said){.option = optimize_flags[flag].option};
  snprintf(out->technique, sizeof out->technique, "search");
  snprintf(out->parameter, sizeof out->parameter, "%s", formats ? "formats" : "with");
  out->value = out->joined;
  if (formats) {
    snprintf(out->joined, sizeof out->joined, "%s,float32", request->values[flag]);
    return strcmp(request->values[flag], "int8") != 0;
  }
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    const optimize_flag *each = &optimize_flags[i];
    if (!request->values[i] || !each->parameter || strcmp(each->technique, "quantize") != 0) continue;
    if (i < flag) return false;
    const size_t used = strlen(out->joined);
    snprintf(out->joined + used, sizeof out->joined - used, "%s%s=%s", used > 0 ? "," : "", each->parameter,
             request->values[i]);
  }
  return true;
}

/* Whether a technique takes part because of the flag. */
static bool begins(const optimize_flag *flag) { return !flag->parameter || !flag->parameter[0]; }

/* The nth thing that is said, flags first; false past the last. */
static bool said_at(const optimize_request *request, int32_t n, said *out) {
  *out = (said){0};
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    const optimize_flag *flag = &optimize_flags[i];
    if (!request->values[i]) continue;
    if (searches(request) && strcmp(flag->technique, "quantize") == 0) {
      if (said_of_search(request, i, out) && n-- == 0) return true;
      continue;
    }
    if (n-- > 0) continue;
    const char *parameter = flag->parameter ? flag->parameter : first_parameter(flag->technique);
    *out = (said){.option = flag->option, .value = request->values[i], .begins = begins(flag)};
    snprintf(out->technique, sizeof out->technique, "%s", flag->technique);
    snprintf(out->parameter, sizeof out->parameter, "%s", parameter);
    return true;
  }
  if (n >= request->sets.count) return false;
  const char *text = request->sets.items[n], *dot = strchr(text, '.'), *equals = dot ? strchr(dot, '=') : NULL;
  *out = (said){.option = text, .value = equals ? equals + 1 : NULL, .begins = true};
  if (!equals || equals == dot + 1) {
    out->value = NULL;
    return true;
  }
  snprintf(out->technique, sizeof out->technique, "%.*s", (int)(dot - text), text);
  snprintf(out->parameter, sizeof out->parameter, "%.*s", (int)(equals - dot - 1), dot + 1);
  return true;
}

/* Whether a technique takes part. */
static bool takes_part(const optimize_request *request, const char *technique) {
  said each;
  for (int32_t n = 0; said_at(request, n, &each); n++) {
    if (each.begins && strcmp(each.technique, technique) == 0) return true;
  }
  return false;
}

/* Names every flag that would begin the technique of this one. */
static int fail_alone(const cli_command *self, const said *flag) {
  for (size_t i = 0; i < OPTIMIZE_FLAGS; i++) {
    if (begins(&optimize_flags[i]) && strcmp(optimize_flags[i].technique, flag->technique) == 0) {
      return cli_usage(self, "%s goes with %s", flag->option, optimize_flags[i].option);
    }
  }
  return cli_usage(self, "%s goes with a technique that is not there", flag->option);
}

static int check_request(const cli_command *self, const optimize_request *request) {
  said each;
  int32_t count = 0;
  for (; said_at(request, count, &each); count++) {
    ln_technique_info info;
    int32_t t = 0;
    if (!each.value) return cli_usage(self, "--set takes TECHNIQUE.PARAMETER=VALUE, not %s", each.option);
    while (technique_at(t, &info) && strcmp(info.name, each.technique) != 0) t++;
    if (t == ln_technique_count()) return cli_usage(self, "%s: there is no technique %s", each.option, each.technique);
    if (!takes_part(request, each.technique)) return fail_alone(self, &each);
  }
  const bool selects = request->includes.count > 0 || request->excludes.count > 0;
  if (request->recipe && (count > 0 || selects)) {
    return cli_usage(self, "--recipe says all: %s cannot go with it",
                     count > 0 ? (said_at(request, 0, &each), each.option) : "--include or --exclude");
  }
  if (!request->recipe && count == 0) {
    return cli_usage(self, "nothing to do: give --prune, --cluster, --factorize, --quantize, --max-drop or --recipe");
  }
  return CLI_OK;
}

/* ---- the recipe ---- */

/* The message without the parameter's name before it, which the flag stands for. */
static const char *without(const char *message, const char *name) {
  const size_t length = strlen(name);
  return strncmp(message, name, length) == 0 && strncmp(message + length, ": ", 2) == 0 ? message + length + 2
                                                                                        : message;
}

static int set_parameters(const cli_command *self, const optimize_request *request, const char *technique,
                          ln_recipe *recipe) {
  said each;
  ln_error err = {0};
  for (int32_t n = 0; said_at(request, n, &each); n++) {
    if (strcmp(each.technique, technique) != 0 || !each.parameter[0]) continue;
    if (ln_recipe_set(recipe, each.parameter, each.value, &err) == LN_OK) continue;
    return cli_usage(self, "%s: %s", each.option, without(err.message, each.parameter));
  }
  return CLI_OK;
}

static int select_layers(const cli_command *self, const cli_list *list, const char *option,
                         ln_status (*add)(ln_recipe *, const char *, ln_error *), ln_recipe *recipe) {
  ln_error err = {0};
  for (int i = 0; i < list->count; i++) {
    if (add(recipe, list->items[i], &err) != LN_OK) return cli_usage(self, "%s: %s", option, err.message);
  }
  return CLI_OK;
}

static int fill_recipe(const cli_command *self, const optimize_request *request, ln_recipe *recipe) {
  ln_technique_info info;
  ln_error err = {0};
  int status = CLI_OK;
  for (int32_t t = 0; technique_at(t, &info) && status == CLI_OK; t++) {
    if (!takes_part(request, info.name)) continue;
    if (ln_recipe_add(recipe, info.name, &err) != LN_OK) return cli_fail("%s", err.message);
    status = set_parameters(self, request, info.name, recipe);
    if (status == CLI_OK) {
      status = select_layers(self, &request->includes, "--include", ln_recipe_include, recipe);
    }
    if (status == CLI_OK) {
      status = select_layers(self, &request->excludes, "--exclude", ln_recipe_exclude, recipe);
    }
  }
  return status;
}

int optimize_recipe(const cli_command *self, const optimize_request *request, ln_recipe **out) {
  ln_error err = {0};
  *out = NULL;
  int status = check_request(self, request);
  if (status != CLI_OK) return status;
  if (request->recipe) {
    return ln_recipe_read(request->recipe, &err, out) == LN_OK ? CLI_OK : cli_fail("%s", err.message);
  }
  if (ln_recipe_create(&err, out) != LN_OK) return cli_fail("%s", err.message);
  status = fill_recipe(self, request, *out);
  if (status != CLI_OK) {
    ln_recipe_destroy(*out);
    *out = NULL;
  }
  return status;
}

/* ---- printing ---- */

static const ln_parameter *parameter_named(const ln_technique_info *info, const char *name) {
  for (const ln_parameter *p = info->parameters; p && p->name; p++) {
    if (strcmp(p->name, name) == 0) return p;
  }
  return NULL;
}

static bool is_number(const ln_parameter *p) {
  return p->kind == LN_PARAMETER_NUMBER || p->kind == LN_PARAMETER_INTEGER;
}

/* In JSON's own form where the kind and the text allow it. */
static void put_value(json *j, const ln_parameter *p, const char *key, const char *value) {
  char *end = NULL;
  const double number = strtod(value, &end);
  if (p && is_number(p) && end != value && *end == 0) json_real(j, key, number);
  else if (p && p->kind == LN_PARAMETER_FLAG) json_bool(j, key, strcmp(value, "true") == 0);
  else json_string(j, key, value);
}

static void put_list(json *j, const char *key, const cli_list *list) {
  if (list->count == 0) return;
  json_flat_array(j, key);
  for (int i = 0; i < list->count; i++) json_string(j, NULL, list->items[i]);
  json_end(j, ']');
}

int optimize_print_recipe(const cli_command *self, const optimize_request *request) {
  ln_recipe *recipe = NULL;
  const int status = optimize_recipe(self, request, &recipe);
  ln_recipe_destroy(recipe);
  if (status != CLI_OK) return status;
  if (request->recipe) {
    printf("%s: a good recipe\n", request->recipe);
    return CLI_OK;
  }
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_array(&j, "stages");
  ln_technique_info info;
  for (int32_t t = 0; technique_at(t, &info); t++) {
    said each;
    if (!takes_part(request, info.name)) continue;
    json_object(&j, NULL);
    json_string(&j, "technique", info.name);
    json_flat_object(&j, "parameters");
    for (int32_t n = 0; said_at(request, n, &each); n++) {
      if (strcmp(each.technique, info.name) != 0 || !each.parameter[0]) continue;
      put_value(&j, parameter_named(&info, each.parameter), each.parameter, each.value);
    }
    json_end(&j, '}');
    put_list(&j, "include", &request->includes);
    put_list(&j, "exclude", &request->excludes);
    json_end(&j, '}');
  }
  json_end(&j, ']');
  json_end(&j, '}');
  return CLI_OK;
}

static void print_values(const ln_parameter *p) {
  char fallback[80] = "must be said";
  if (p->fallback) snprintf(fallback, sizeof fallback, "default %s", p->fallback[0] ? p->fallback : "empty");
  if (p->kind == LN_PARAMETER_CHOICE) printf("; %s", p->choices);
  if (p->kind == LN_PARAMETER_FLAG) printf("; true|false");
  if (is_number(p)) printf("; %s%g to %g", p->kind == LN_PARAMETER_INTEGER ? "whole, " : "", p->low, p->high);
  printf("; %s\n", fallback);
}

void optimize_print_techniques(void) {
  ln_technique_info info;
  for (int32_t t = 0; technique_at(t, &info); t++) {
    printf("%s%s: %s\n", t > 0 ? "\n" : "", info.name, info.what);
    for (const ln_parameter *p = info.parameters; p && p->name; p++) {
      printf("  %-16s %s", p->name, p->what ? p->what : "");
      print_values(p);
    }
  }
}

/* ---- the schema ---- */

static void put_reference(json *j, const char *key, const char *name) {
  char path[80];
  snprintf(path, sizeof path, "#/$defs/%s", name);
  json_flat_object(j, key);
  json_string(j, "$ref", path);
  json_end(j, '}');
}

static void put_choices(json *j, const char *choices) {
  json_flat_array(j, "enum");
  for (const char *at = choices; at && *at;) {
    char word[80];
    const size_t length = strcspn(at, "|");
    snprintf(word, sizeof word, "%.*s", (int)length, at);
    json_string(j, NULL, word);
    at += length + (at[length] == '|');
  }
  json_end(j, ']');
}

static void put_parameter(json *j, const ln_parameter *p) {
  json_object(j, p->name);
  json_string(j, "description", p->what ? p->what : "");
  if (p->kind == LN_PARAMETER_CHOICE) {
    put_choices(j, p->choices);
  } else if (is_number(p)) { /* or as text, which may be in percent */
    json_flat_array(j, "type");
    json_string(j, NULL, p->kind == LN_PARAMETER_INTEGER ? "integer" : "number");
    json_string(j, NULL, "string");
    json_end(j, ']');
    json_real(j, "minimum", p->low);
    json_real(j, "maximum", p->high);
    json_string(j, "pattern", "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?%?$");
  } else {
    json_string(j, "type", p->kind == LN_PARAMETER_FLAG ? "boolean" : "string");
  }
  if (p->fallback) put_value(j, p, "default", p->fallback);
  json_end(j, '}');
}

/* The parameters of a technique, of which layers have some of their own. */
static void put_parameters(json *j, const ln_technique_info *info) {
  json_object(j, info->name);
  json_string(j, "description", info->what);
  json_string(j, "type", "object");
  json_object(j, "properties");
  for (const ln_parameter *p = info->parameters; p && p->name; p++) put_parameter(j, p);
  json_end(j, '}');
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
}

static void put_layers(json *j, const ln_technique_info *info) {
  json_object(j, "layers");
  json_string(j, "description", "parameters for some layers alone; of several that fit, the last one holds");
  json_string(j, "type", "array");
  json_object(j, "items");
  json_string(j, "type", "object");
  json_object(j, "properties");
  put_reference(j, "select", "selector");
  put_reference(j, "parameters", info->name);
  json_end(j, '}');
  json_flat_array(j, "required");
  json_string(j, NULL, "select");
  json_string(j, NULL, "parameters");
  json_end(j, ']');
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
  json_end(j, '}');
}

/* A stage of one technique. */
static void put_stage(json *j, const ln_technique_info *info) {
  json_object(j, NULL);
  json_string(j, "type", "object");
  json_object(j, "properties");
  json_flat_object(j, "technique");
  json_string(j, "const", info->name);
  json_end(j, '}');
  put_reference(j, "parameters", info->name);
  put_reference(j, "include", "selectors");
  put_reference(j, "exclude", "selectors");
  put_layers(j, info);
  json_end(j, '}');
  json_flat_array(j, "required");
  json_string(j, NULL, "technique");
  json_end(j, ']');
  json_bool(j, "additionalProperties", false);
  json_end(j, '}');
}

static void put_definitions(json *j) {
  ln_technique_info info;
  json_object(j, "$defs");
  for (int32_t t = 0; technique_at(t, &info); t++) put_parameters(j, &info);
  json_object(j, "selector");
  json_string(j, "description",
              "a regular expression found in the name of an operator's output or of its weights, or \"type:CONV_2D\", "
              "\"op:12\", \"source:REGEX\"");
  json_string(j, "type", "string");
  json_end(j, '}');
  json_object(j, "selectors");
  json_string(j, "description", "include: the layers that the stage changes, all without it; exclude: those it leaves");
  json_array(j, "anyOf");
  put_reference(j, NULL, "selector");
  json_object(j, NULL);
  json_string(j, "type", "array");
  put_reference(j, "items", "selector");
  json_end(j, '}');
  json_end(j, ']');
  json_end(j, '}');
  json_end(j, '}');
}

void optimize_print_schema(void) {
  json j;
  ln_technique_info info;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
  json_string(&j, "title", "A recipe of linnet optimize");
  json_string(&j, "description", "Printed by linnet optimize --schema.");
  json_string(&j, "type", "object");
  json_object(&j, "properties");
  json_flat_object(&j, "$schema");
  json_string(&j, "type", "string");
  json_end(&j, '}');
  json_object(&j, "stages");
  json_string(&j, "type", "array");
  json_int(&j, "minItems", 1);
  json_object(&j, "items");
  json_array(&j, "oneOf");
  for (int32_t t = 0; technique_at(t, &info); t++) put_stage(&j, &info);
  json_end(&j, ']');
  json_end(&j, '}');
  json_end(&j, '}');
  json_end(&j, '}');
  json_flat_array(&j, "required");
  json_string(&j, NULL, "stages");
  json_end(&j, ']');
  json_bool(&j, "additionalProperties", false);
  put_definitions(&j);
  json_end(&j, '}');
}
