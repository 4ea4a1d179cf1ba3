/* linnet ops: the table of operators. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"

/* What the tests and LiteRT say of an operator; zeros for one that they do not know. */
typedef struct op_fact {
  const char *name;
  int cases;
  bool litert;
} op_fact;

static op_fact fact_of(const char *name) {
  static const op_fact facts[] = {
#define OP_FACT(name, cases, litert) {name, cases, litert},
#include "op_facts.def"
      {NULL, 0, false},
  };
  for (const op_fact *fact = facts; fact->name; fact++) {
    if (strcmp(fact->name, name) == 0) return *fact;
  }
  return (op_fact){name, 0, false};
}

typedef struct op_totals {
  int operators, kernels, cases, litert, litert_kernels;
} op_totals;

static void count_row(op_totals *all, const ln_op_row *row, const op_fact *fact) {
  if (row->is_marker) return;
  all->operators++;
  all->kernels += !row->kernel_not_yet;
  all->cases += fact->cases;
  all->litert += fact->litert;
  all->litert_kernels += fact->litert && !row->kernel_not_yet;
}

static void print_backends(int32_t index) {
  const char *name;
  for (int32_t nth = 0; (name = ln_op_row_backend(index, nth)) != NULL; nth++) printf(nth ? " %s" : "%s", name);
}

static void print_row(int32_t index, const ln_op_row *row, const op_fact *fact) {
  char code[16] = "";
  if (!row->custom) snprintf(code, sizeof code, "%d", row->code);
  printf("%4s  %-40s %5d  %-6s ", code, row->name, fact->cases, fact->litert ? "yes" : "");
  if (row->kernel_not_yet) {
    printf("%s%s\n", row->is_marker ? "" : "none: ", row->kernel_not_yet);
    return;
  }
  printf("%s\n%60s backends: ", row->types ? row->types : "", "");
  print_backends(index);
  printf("; gradient: %s\n", row->gradient_not_yet ? row->gradient_not_yet : "yes");
}

static void print_rows(void) {
  op_totals all = {0};
  printf("%4s  %-40s %5s  %-6s %s\n", "code", "operator", "cases", "LiteRT", "element types");
  for (int32_t i = 0; i < ln_op_row_count(); i++) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(i, &row) != LN_OK) continue;
    const op_fact fact = fact_of(row.name);
    print_row(i, &row, &fact);
    count_row(&all, &row, &fact);
  }
  printf("%d operators, %d with a kernel, held by cases %d times; every one takes shapes known in the run only\n",
         all.operators, all.kernels, all.cases);
  if (all.litert > 0) {
    printf("%d of the %d builtin operators that LiteRT 2.3.0 runs have a kernel (%d %%)\n", all.litert_kernels,
           all.litert, 100 * all.litert_kernels / all.litert);
  }
}

static void print_json_row(json *j, int32_t index, const ln_op_row *row) {
  const op_fact fact = fact_of(row->name);
  const char *backend;
  json_flat_object(j, NULL);
  json_string(j, "name", row->name);
  json_int(j, "code", row->code);
  json_bool(j, "custom", row->custom);
  json_bool(j, "operator", !row->is_marker);
  json_bool(j, "kernel", !row->kernel_not_yet);
  json_string(j, "kernel_not_yet", row->kernel_not_yet);
  json_string(j, "types", row->types);
  json_bool(j, "dynamic_shapes", !row->kernel_not_yet);
  json_bool(j, "gradient", !row->gradient_not_yet);
  json_string(j, "gradient_not_yet", row->gradient_not_yet);
  json_flat_array(j, "backends");
  for (int32_t nth = 0; (backend = ln_op_row_backend(index, nth)) != NULL; nth++) json_string(j, NULL, backend);
  json_end(j, ']');
  json_int(j, "tests", fact.cases);
  json_bool(j, "litert", fact.litert);
  json_end(j, '}');
}

static void print_json(void) {
  json j;
  json_begin(&j, stdout);
  json_array(&j, NULL);
  for (int32_t i = 0; i < ln_op_row_count(); i++) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(i, &row) == LN_OK) print_json_row(&j, i, &row);
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

const cli_command cli_ops = {
    "ops", ops, "the operators that this build knows",
    "usage: linnet ops [--json]\n\n"
    "Every operator of the schema, and every custom one known: the element types its kernel takes\n"
    "(inputs > outputs; ? may be absent, * any number) or why there is none yet, the backends that\n"
    "run it, its gradient, how many test cases hold it, and whether LiteRT runs it.\n"};
