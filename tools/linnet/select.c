/* linnet select: what a build for some models alone has to hold. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { MOST_MODELS = 256 };

/* The selection's text, to free; NULL with a message. */
static char *selection_of(ln_model *const *models, int count) {
  ln_error err = {0};
  size_t length = 0;
  const ln_model *const *all = (const ln_model *const *)models;
  if (ln_models_selection(all, count, &err, NULL, 0, &length) != LN_OK) {
    cli_fail("%s", err.message);
    return NULL;
  }
  char *text = malloc(length + 1);
  if (text == NULL || ln_models_selection(all, count, &err, text, length + 1, &length) != LN_OK) {
    cli_fail("%s", text == NULL ? "no memory for the selection" : err.message);
    free(text);
    return NULL;
  }
  return text;
}

static int write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (file == NULL) return cli_fail("%s cannot be written", path);
  const bool whole = fputs(text, file) >= 0;
  return fclose(file) == 0 && whole ? CLI_OK : cli_fail("%s cannot be written", path);
}

static int open_all(const char *const *paths, int count, ln_model **models) {
  for (int i = 0; i < count; i++) {
    ln_error err = {0};
    if (cli_open(paths[i], &err, &models[i]) != LN_OK) return cli_fail("%s: %s", paths[i], err.message);
  }
  return CLI_OK;
}

static int select_run(const cli_command *self, int argc, char **argv) {
  const char *paths[MOST_MODELS], *output = NULL;
  ln_model *models[MOST_MODELS] = {NULL};
  int count;
  const cli_option options[] = {{"-o", CLI_TEXT, &output, 0, 0}};
  int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), paths, MOST_MODELS, &count);
  if (status >= 0) return status;
  if (count == 0) return cli_usage(self, "no model given");
  status = open_all(paths, count, models);
  char *text = status == CLI_OK ? selection_of(models, count) : NULL;
  if (text == NULL) status = CLI_FAILED;
  else if (output == NULL) fputs(text, stdout);
  else status = write_text(output, text);
  free(text);
  for (int i = 0; i < count; i++) ln_model_destroy(models[i]);
  return status;
}

const cli_command cli_select = {
    "select", select_run, "what a small build for some models has to hold",
    "usage: linnet select MODEL... [-o FILE]\n\n"
    "Writes (to standard output without -o) the C header that says which operators and which of\n"
    "their element types the models need. A build given it as LN_SELECTION holds nothing else;\n"
    "linnet_select(NAME MODEL...) of cmake/select.cmake does both steps. docs/size.md says how.\n"};
