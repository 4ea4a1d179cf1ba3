/* linnet check: what a target cannot run of a model. */
#include "check.h"

#include <string.h>

#include "convert.h"

int check_target(const cli_command *self, const char *target) {
  char known[128] = "";
  for (int32_t i = 0; ln_check_target(i); i++) {
    const size_t used = strlen(known);
    if (!target || strcmp(ln_check_target(i), target) == 0) return -1;
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", ln_check_target(i));
  }
  return cli_usage(self, "--target takes one of %s, not %s", known, target);
}

static void print_finding(const ln_check_finding *f) {
  if (f->op < 0) {
    printf("  %s\n", f->reason);
    return;
  }
  if (f->origin) printf("  \"%s\" (%s), ", f->origin, f->origin_op ? f->origin_op : "?");
  else printf("  ");
  printf("op %d", f->op);
  if (f->graph > 0) printf(" of graph %d", f->graph);
  printf(" %s%s%s%s: %s\n", f->operator_name, f->origin ? "" : " \"", f->origin ? "" : f->tensor, f->origin ? "" : "\"",
         f->reason);
}

void check_print_text(const ln_check *check) {
  ln_check_summary s = {.size = sizeof s};
  char weights[32], arena[32];
  ln_check_get_summary(check, &s);
  printf("target %s: ", ln_check_name(check));
  if (s.findings == 0) printf("runs all %d operators", s.operators);
  else printf("does not run %d of %d operators", s.refused, s.operators);
  if (s.arena_bytes >= 0 && s.weight_bytes >= 0) {
    printf("; weights %s, arena %s", cli_bytes_text((double)s.weight_bytes, weights, sizeof weights),
           cli_bytes_text((double)s.arena_bytes, arena, sizeof arena));
  }
  printf("\n");
  for (int32_t i = 0; i < s.findings; i++) {
    ln_check_finding f = {.size = sizeof f};
    if (ln_check_finding_get(check, i, &f) == LN_OK) print_finding(&f);
  }
}

static void json_finding(json *j, const ln_check_finding *f) {
  json_flat_object(j, NULL);
  json_int(j, "graph", f->graph);
  json_int(j, "op", f->op);
  json_string(j, "operator", f->operator_name);
  json_string(j, "origin", f->origin);
  json_string(j, "origin_op", f->origin_op);
  json_string(j, "tensor", f->tensor);
  json_string(j, "reason", f->reason);
  json_end(j, '}');
}

void check_print_json(json *j, const char *key, const ln_check *check) {
  ln_check_summary s = {.size = sizeof s};
  ln_check_get_summary(check, &s);
  json_object(j, key);
  json_string(j, "target", ln_check_name(check));
  json_int(j, "operators", s.operators);
  json_int(j, "refused", s.refused);
  json_int(j, "weight_bytes", s.weight_bytes);
  json_int(j, "arena_bytes", s.arena_bytes);
  json_array(j, "findings");
  for (int32_t i = 0; i < s.findings; i++) {
    ln_check_finding f = {.size = sizeof f};
    if (ln_check_finding_get(check, i, &f) == LN_OK) json_finding(j, &f);
  }
  json_end(j, ']');
  json_end(j, '}');
}

typedef struct check_options {
  const char *model, *target, *report;
  bool json;
} check_options;

static int print(const check_options *o, const ln_check *check) {
  ln_check_summary s = {.size = sizeof s};
  json j;
  ln_check_get_summary(check, &s);
  json_begin(&j, stdout);
  if (o->json) check_print_json(&j, NULL, check);
  else check_print_text(check);
  return s.findings == 0 ? CLI_OK : CLI_FAILED;
}

static int work(const check_options *o) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  ln_check *check = NULL;
  if (cli_open(o->model, &err, &model) != LN_OK) return cli_fail("%s: %s", o->model, err.message);
  const ln_status status =
      o->target ? ln_check_run(model, o->target, &err, &check) : ln_check_read(model, &err, &check);
  int code = status == LN_OK ? CLI_OK : cli_fail("%s: %s", o->model, err.message);
  const convert_run run = {.input = o->model, .check = check};
  if (code == CLI_OK && o->report) code = convert_write_report(&run, model, o->report);
  if (code == CLI_OK) code = print(o, check);
  ln_check_destroy(check);
  ln_model_destroy(model);
  return code;
}

static int check_main(const cli_command *self, int argc, char **argv) {
  check_options o = {0};
  const cli_option options[] = {{"--target", CLI_TEXT, &o.target, 0, 0},
                                {"--report", CLI_TEXT, &o.report, 0, 0},
                                {"--json", CLI_FLAG, &o.json, 0, 0}};
  int status = cli_parse_model(self, argc, argv, options, CLI_COUNT(options), &o.model);
  if (status < 0) status = check_target(self, o.target);
  return status < 0 ? work(&o) : status;
}

const cli_command cli_check = {
    "check", check_main, "tells what a target cannot run of a model",
    "usage: linnet check MODEL [--target NAME] [--report FILE] [--json]\n"
    "\n"
    "Lists the operators that a target does not run, by the source's own layer where the model was converted from "
    "one,\n"
    "with the reason. Exit status 1 when there are any.\n"
    "\n"
    "  --target NAME        cpu: this runtime; micro: TensorFlow Lite Micro; web: this runtime as WebAssembly;\n"
    "                       gpu: LiteRT's GPU delegate; nnapi: TFLite's NNAPI delegate (default: what linnet convert\n"
    "                       --target noted in the file)\n"
    "  --report FILE        write a page, complete in itself: the model's parts, what each costs and what is refused\n"
    "  --json               print one JSON object\n"};
