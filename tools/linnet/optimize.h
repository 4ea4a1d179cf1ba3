/* linnet optimize: what its files share. */
#ifndef LINNET_CLI_OPTIMIZE_H
#define LINNET_CLI_OPTIMIZE_H

#include "cli.h"
#include "json.h"
#include "linnet/data.h"
#include "linnet/optimize.h"

/* ---- from flags to a recipe (optimize_recipe.c) ---- */

/* A flag that says a parameter of a technique. */
typedef struct optimize_flag {
  const char *option, *technique;
  const char
      *parameter; /* NULL: the technique's first, "": none; of both the technique takes part because of the flag */
} optimize_flag;

enum { OPTIMIZE_FLAGS = 11 };
extern const optimize_flag optimize_flags[OPTIMIZE_FLAGS];

/* What the command line says of the recipe. */
typedef struct optimize_request {
  const char *values[OPTIMIZE_FLAGS]; /* NULL: not given */
  cli_list sets;                      /* "TECHNIQUE.PARAMETER=VALUE" */
  cli_list includes, excludes;
  const char *recipe; /* a file, in place of all others */
} optimize_request;

/* Makes the recipe; prints what is wrong and returns an exit status, CLI_OK to go on. */
int optimize_recipe(const cli_command *self, const optimize_request *request, ln_recipe **out);
/* The same as JSON on standard output, once it has been found good; of a file only that it is. */
int optimize_print_recipe(const cli_command *self, const optimize_request *request);
void optimize_print_techniques(void);
/* The JSON schema of recipes. */
void optimize_print_schema(void);

/* ---- what was done (optimize_report.c) ---- */

typedef struct optimize_result {
  const char *model, *output;
  const ln_optimize_report *report;
  const ln_data *data[2]; /* whose notes are told; NULL */
} optimize_result;

void optimize_report_text(const optimize_result *result, bool verbose);
void optimize_report_json(const optimize_result *result);

/* What the search tried (optimize_tries.c); nothing without a search. */
void optimize_print_tries(const ln_optimize_report *report, FILE *out);
void optimize_json_tries(json *j, const ln_optimize_report *report);

/* ---- what optimize and eval share (eval.c) ---- */

/* Opens samples, taken for `model`; prints what is wrong and returns CLI_FAILED. `labels` NULL: those that the samples
 * bring. */
int optimize_open_data(const char *path, const cli_model *model, const char *signature, const char *labels,
                       const char *normalize, const cli_command *self, ln_data **out);
/* 1234567 as "1,234,567"; "" for a number below 0. `out` has room for 32 characters. (optimize_report.c) */
void optimize_put_count(int64_t value, char *out);
bool optimize_progress(void *user, const char *what, int64_t done, int64_t total);

#endif
