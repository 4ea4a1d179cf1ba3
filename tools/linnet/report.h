/* What a run found, for a person or as JSON. */
#ifndef LINNET_CLI_REPORT_H
#define LINNET_CLI_REPORT_H

#include "cli.h"

/* Real values of each output, summed over the windows of a sound. */
typedef struct cli_results {
  double **values; /* [outputs]; NULL for an output without numbers */
  size_t *counts;  /* [outputs] elements */
  int32_t outputs;
  int32_t windows; /* summed so far */
} cli_results;

/* Adds the outputs as they are after a run. False when memory is short. */
bool cli_results_add(cli_results *results, ln_session *session);
void cli_results_free(cli_results *results);

typedef struct cli_report {
  const cli_model *model;
  ln_session *session;
  cli_results *results;
  const ln_labels *labels; /* of --labels; NULL: those of the model */
  int32_t top;
  int32_t runs;
  double run_ms; /* of the last run */
} cli_report;

void cli_report_text(const cli_report *report, FILE *out);
void cli_report_json(const cli_report *report, FILE *out);

#endif
