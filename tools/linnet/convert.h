/* What the files of linnet convert share. */
#ifndef LINNET_CLI_CONVERT_H
#define LINNET_CLI_CONVERT_H

#include "cli.h"
#include "json.h"
#include "linnet/convert.h"

/* A conversion and what is told of it. */
typedef struct convert_run {
  const char *input, *output;
  ln_conversion *conversion;
  ln_verification *verification; /* NULL: none was asked for */
  ln_check *check;               /* NULL: no target was named */
  double seconds, verify_seconds;
} convert_run;

void convert_print_text(const convert_run *run);
void convert_print_json(const convert_run *run, FILE *out);
/* What the object holds, of the object in hand. */
void convert_json_fields(json *j, const convert_run *run);
/* The same of a model that was checked and not converted just now. */
void convert_json_model(json *j, const convert_run *run, const ln_model *model);
/* Writes the page, of a conversion or of `checked`; prints what is wrong and returns CLI_FAILED. */
int convert_write_report(const convert_run *run, ln_model *checked, const char *path);

#endif
