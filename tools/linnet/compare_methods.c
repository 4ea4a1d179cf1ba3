/* Methods as the command line says them: "prune:0.8+cluster:16+int8" is a recipe of three stages. */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* What "all" adds to every format that weights and activations can be quantized to. */
static const char *const usual[] = {"prune:0.5",
                                    "prune:0.8",
                                    "cluster:16",
                                    "factorize:0.99",
                                    "factorize:0.97",
                                    "prune:0.8+cluster:16+int8",
                                    "factorize:0.98+cluster:16+int8"};

static compare_row *add_row(compare *c, const char *method, size_t length) {
  compare_row *grown = realloc(c->rows, ((size_t)c->count + 1) * sizeof *grown);
  if (!grown) return NULL;
  c->rows = grown;
  compare_row *row = &grown[c->count];
  *row = (compare_row){.bytes = -1, .deflated = -1, .arena = -1};
  row->latency_ms = row->ratio = row->accuracy = row->max_error = row->snr_db = (double)NAN;
  row->method = malloc(length + 1);
  if (!row->method) return NULL;
  memcpy(row->method, method, length);
  row->method[length] = 0;
  c->count++;
  return row;
}

static bool same_word(const char *a, const char *b) {
  for (; *a && *b; a++, b++) {
    if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) return false;
  }
  return *a == *b;
}

static bool among(const char *choices, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = choices; at; at = strchr(at, '|'), at = at ? at + 1 : NULL) {
    if (strcspn(at, "|") == length && strncmp(at, word, length) == 0) return true;
  }
  return false;
}

/* The technique of that name, or the one whose first parameter has it among its choices ("int8" of quantize). */
static bool find_technique(const char *word, ln_technique_info *out, bool *is_choice) {
  for (int pass = 0; pass < 2; pass++) {
    for (int32_t i = 0; i < ln_technique_count(); i++) {
      *out = (ln_technique_info){.size = sizeof *out};
      if (ln_technique_get(i, out) != LN_OK) continue;
      *is_choice = pass == 1;
      const ln_parameter *first = out->parameters;
      if (pass == 0 && same_word(out->name, word)) return true;
      if (pass == 1 && first && first->name && first->choices && among(first->choices, word)) return true;
    }
  }
  return false;
}

/* One stage: a name, and settings behind colons, of which the first may be a bare value of the first parameter. A piece
 * without "=" behind one with it belongs to that one's value ("pattern=2:4"). */
static int add_stage(const cli_command *self, ln_recipe *recipe, char *text) {
  ln_technique_info info;
  bool is_choice;
  ln_error err = {0};
  char *settings = strchr(text, ':');
  if (settings) *settings++ = 0;
  if (!find_technique(text, &info, &is_choice)) return cli_usage(self, "--methods: there is no technique %s", text);
  if (ln_recipe_add(recipe, info.name, &err) != LN_OK) return cli_fail("%s", err.message);
  ln_status status = is_choice ? ln_recipe_set(recipe, info.parameters->name, text, &err) : LN_OK;
  for (bool first = true; settings && status == LN_OK; first = false) {
    char *end = strchr(settings, ':');
    while (end && !memchr(end + 1, '=', strcspn(end + 1, ":"))) end = strchr(end + 1, ':');
    if (end) *end = 0;
    char *equals = strchr(settings, '=');
    if (!equals && (!first || is_choice || !info.parameters->name))
      return cli_usage(self, "--methods: %s takes NAME=VALUE, not %s", text, settings);
    if (equals) *equals = 0;
    status = ln_recipe_set(recipe, equals ? settings : info.parameters->name, equals ? equals + 1 : settings, &err);
    settings = end ? end + 1 : NULL;
  }
  return status == LN_OK ? CLI_OK : cli_usage(self, "--methods: %s: %s", text, err.message);
}

/* The + before the next stage's name; one in a value (kmeans++) has no letter behind it. */
static char *next_stage(char *text) {
  char *plus = strchr(text, '+');
  while (plus && !isalpha((unsigned char)plus[1])) plus = strchr(plus + 1, '+');
  return plus;
}

static int add_method(const cli_command *self, const char *text, size_t length, compare *c) {
  compare_row *row = add_row(c, text, length);
  char *copy = row ? strdup(row->method) : NULL;
  ln_error err = {0};
  if (!copy) return cli_fail("out of memory");
  int status = ln_recipe_create(&err, &row->recipe) == LN_OK ? CLI_OK : cli_fail("%s", err.message);
  if (length == 0) status = cli_usage(self, "--methods: a method is empty");
  for (char *at = copy; at && status == CLI_OK && length > 0;) {
    char *plus = next_stage(at);
    if (plus) *plus = 0;
    status = add_stage(self, row->recipe, at);
    at = plus ? plus + 1 : NULL;
  }
  free(copy);
  return status;
}

static int add_all(const cli_command *self, compare *c) {
  int status = CLI_OK;
  for (int32_t i = 0; i < ln_technique_count(); i++) {
    ln_technique_info info = {.size = sizeof info};
    if (ln_technique_get(i, &info) != LN_OK || strcmp(info.name, "quantize") != 0) continue;
    const char *at = info.parameters && info.parameters->name ? info.parameters->choices : NULL;
    for (; at && status == CLI_OK; at = strchr(at, '|'), at = at ? at + 1 : NULL)
      status = add_method(self, at, strcspn(at, "|"), c);
  }
  for (size_t i = 0; i < CLI_COUNT(usual) && status == CLI_OK; i++)
    status = add_method(self, usual[i], strlen(usual[i]), c);
  return status;
}

int compare_add_methods(const cli_command *self, const char *list, compare *c) {
  if (c->count == 0 && !add_row(c, "original", strlen("original"))) return cli_fail("out of memory");
  if (!list) return CLI_OK;
  if (strcmp(list, "all") == 0) return add_all(self, c);
  int status = CLI_OK;
  for (const char *at = list; at && status == CLI_OK;) {
    const size_t length = strcspn(at, ",");
    status = add_method(self, at, length, c);
    at = at[length] ? at + length + 1 : NULL;
  }
  return status;
}

int compare_add_recipe(const char *path, compare *c) {
  ln_error err = {0};
  const char *name = cli_base_name(path);
  compare_row *row = add_row(c, name, strlen(name));
  size_t size = 0;
  if (!row) return cli_fail("out of memory");
  if (ln_io_read(path, &err, &row->source, &size) != LN_OK) return cli_fail("%s: %s", path, err.message);
  if (ln_recipe_from_json(row->source, size, &err, &row->recipe) == LN_OK) return CLI_OK;
  return cli_fail("%s: %s", path, err.message);
}

void compare_free(compare *c) {
  for (int32_t i = 0; i < c->count; i++) {
    free(c->rows[i].method);
    ln_io_free(c->rows[i].source);
    free(c->rows[i].reason);
    free(c->rows[i].note);
    ln_recipe_destroy(c->rows[i].recipe);
    ln_model_destroy(c->rows[i].model);
  }
  free(c->rows);
}
