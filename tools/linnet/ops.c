/* linnet ops: the table of operators. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"

static void print_rows(void) {
  int32_t kernels = 0, count = ln_op_row_count();
  printf("%4s  %-40s %s\n", "code", "operator", "kernel and gradient");
  for (int32_t i = 0; i < count; i++) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(i, &row) != LN_OK) continue;
    char code[16] = "";
    if (!row.custom) snprintf(code, sizeof code, "%d", row.code);
    printf("%4s  %-40s ", code, row.name);
    if (row.kernel_not_yet) {
      printf("not yet: %s\n", row.kernel_not_yet);
      continue;
    }
    kernels++;
    printf("%s\n", row.types ? row.types : "");
    if (row.gradient_not_yet) printf("%46s no gradient: %s\n", "", row.gradient_not_yet);
  }
  printf("%d operators, %d with a kernel\n", count, kernels);
}

static void print_json(void) {
  json j;
  json_begin(&j, stdout);
  json_array(&j, NULL);
  for (int32_t i = 0; i < ln_op_row_count(); i++) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(i, &row) != LN_OK) continue;
    json_flat_object(&j, NULL);
    json_string(&j, "name", row.name);
    json_int(&j, "code", row.code);
    json_bool(&j, "custom", row.custom);
    json_bool(&j, "kernel", !row.kernel_not_yet);
    json_string(&j, "kernel_not_yet", row.kernel_not_yet);
    json_string(&j, "types", row.types);
    json_bool(&j, "gradient", !row.gradient_not_yet);
    json_string(&j, "gradient_not_yet", row.gradient_not_yet);
    json_end(&j, '}');
  }
  json_end(&j, ']');
}

static int ops(const cli_command *self, int argc, char **argv) {
  bool as_json = false;
  int operands;
  const cli_option options[] = {{"--json", CLI_FLAG, &as_json, 0, 0}};
  const int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), NULL, 0, &operands);
  if (status >= 0) return status;
  if (as_json) print_json();
  else print_rows();
  return CLI_OK;
}

const cli_command cli_ops = {"ops", ops, "the operators that this build knows",
                             "usage: linnet ops [--json]\n\n"
                             "Every operator of the schema with the element types its kernel takes (inputs > outputs;\n"
                             "? may be absent, * any number), or why there is no kernel or gradient yet.\n"};
