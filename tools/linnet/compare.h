/* linnet compare: what its files share. */
#ifndef LINNET_CLI_COMPARE_H
#define LINNET_CLI_COMPARE_H

#include "cli.h"
#include "linnet/data.h"
#include "linnet/optimize.h"

/* A method with its settings, and what came of it. NaN and -1: not measured. */
typedef struct compare_row {
  char *method; /* as it was said; of the model as it is "original" */
  ln_recipe *recipe;
  char *source; /* of a recipe from a file: its text; NULL */
  char *reason; /* why there is no result; NULL when there is one */
  char *note;   /* the first line that the optimizer wants to be read; NULL */
  ln_model *model;
  int64_t bytes, deflated, arena;
  double latency_ms, ratio; /* the least of a run, over rounds in turns; its quotient by the original's */
  double accuracy, max_error, snr_db;
  bool on_size_front, on_latency_front; /* none is smaller (faster) and as accurate */
} compare_row;

typedef struct compare {
  const cli_model *model; /* NULL until it is open */
  const char *data, *calibration, *html;
  compare_row *rows; /* [0] is the original */
  int32_t count;
  int32_t threads, calibration_samples, error_samples, rounds;
  int64_t samples; /* that accuracy was measured on */
  const ln_labelled *labelled;
  const ln_samples *calibrate;
  int64_t model_bytes;
  char sha256[65];
} compare;

/* Appends a row for each method of a list (compare_methods.c); prints what is wrong and returns an exit status. */
int compare_add_methods(const cli_command *self, const char *list, compare *c);
int compare_add_recipe(const char *path, compare *c);
void compare_free(compare *c);

/* Runs all rows (compare_measure.c); a row that fails keeps its reason. CLI_FAILED when the original cannot be run. */
int compare_run(compare *c);

/* compare_print.c */
void compare_print_text(const compare *c);
void compare_print_json(const compare *c, FILE *out);

/* Of `size` bytes, as 64 digits (sha256.c). */
void cli_sha256(const void *data, size_t size, char out[65]);

#endif
