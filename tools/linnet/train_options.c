/* Options of training on the command line, made of the library's own list. */
#include <stdlib.h>
#include <string.h>

#include "linnet/builder.h"
#include "train.h"

static bool has_option(const train_choices *c, const char *option) {
  for (int32_t i = 0; i < c->count; i++) {
    if (strcmp(c->options[i], option) == 0) return true;
  }
  return false;
}

static void add(train_choices *c, cli_option *options, size_t *count, const ln_parameter *p, const char *as) {
  const int32_t i = c->count;
  const bool flag = p->kind == LN_PARAMETER_FLAG;
  if (i == TRAIN_OPTIONS_MOST) return;
  c->negated[i] = flag && p->fallback && strcmp(p->fallback, "true") == 0;
  snprintf(c->options[i], sizeof c->options[i], c->negated[i] ? "--no-%s" : "--%s", as);
  for (char *letter = c->options[i]; *letter; letter++) {
    if (*letter == '_') *letter = '-';
  }
  if (has_option(c, c->options[i])) return;
  c->parameters[i] = p->name;
  options[(*count)++] = flag ? (cli_option){c->options[i], CLI_FLAG, &c->flags[i], 0, 0}
                             : (cli_option){c->options[i], CLI_TEXT, &c->values[i], 0, 0};
  c->count++;
}

size_t train_list_options(train_choices *c, cli_option *options) {
  size_t count = 0;
  ln_train_option option = {.size = sizeof option};
  *c = (train_choices){0};
  for (int32_t i = 0; ln_train_option_get(i, &option) == LN_OK; i++) {
    add(c, options, &count, option.parameter, option.parameter->name);
    if (strcmp(option.parameter->name, "learning_rate") == 0) add(c, options, &count, option.parameter, "lr");
  }
  return count;
}

const char *train_choice(const train_choices *c, const char *parameter) {
  const char *value = NULL;
  for (int32_t i = 0; i < c->count; i++) {
    if (strcmp(c->parameters[i], parameter) != 0) continue;
    if (c->values[i]) value = c->values[i];
    if (c->flags[i]) value = c->negated[i] ? "false" : "true";
  }
  return value;
}

ln_status train_each_choice(const train_choices *c,
                            ln_status (*fn)(void *user, const char *parameter, const char *value), void *user) {
  for (int32_t i = 0; i < c->count; i++) {
    const char *value = c->flags[i] ? (c->negated[i] ? "false" : "true") : c->values[i];
    const ln_status status = value ? fn(user, c->parameters[i], value) : LN_OK;
    if (status != LN_OK) return status;
  }
  return LN_OK;
}

/* ---- the list ---- */

static void print_parameter(const ln_parameter *p) {
  printf("  %-22s %s", p->name, p->what);
  if (p->choices) printf(" (%s)", p->choices);
  printf(p->fallback ? " [%s]\n" : "\n", p->fallback);
}

static void print_parameters(const char *kind, const char *choice) {
  ln_train_option option = {.size = sizeof option};
  for (int32_t i = 0; ln_train_option_get(i, &option) == LN_OK; i++) {
    if (!option.kind != !kind || (kind && (strcmp(option.kind, kind) != 0 || strcmp(option.choice, choice) != 0))) {
      continue;
    }
    print_parameter(option.parameter);
  }
}

void train_print_choices(void) {
  static const char *const kinds[] = {"loss", "optimizer", "schedule", "metric", "form", "augment"};
  printf("of every training\n");
  print_parameters(NULL, NULL);
  for (size_t k = 0; k < CLI_COUNT(kinds); k++) {
    const char *what = "";
    for (int32_t i = 0; ln_train_choice(kinds[k], i, &what); i++) {
      const char *name = ln_train_choice(kinds[k], i, &what);
      printf("%s %s: %s\n", kinds[k], name, what);
      print_parameters(kinds[k], name);
    }
  }
}

/* ---- models ---- */

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

ln_status train_open_named(const char *path, ln_error *err, ln_model **out) {
  const ln_status status = cli_open(path, err, out);
  const ln_error plain = *err;
  if (status != LN_OK) snprintf(err->message, sizeof err->message, "%.200s: %.280s", path, plain.message);
  return status;
}

ln_status train_open_model(const char *path, uint64_t seed, ln_error *err, ln_model **out) {
  if (!ends_with(path, ".json")) return train_open_named(path, err, out);
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  options.unfolded = true;
  options.seed = seed;
  return ln_builder_read(path, &options, err, out);
}
