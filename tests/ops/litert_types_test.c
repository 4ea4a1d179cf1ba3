/*
 * Rows take every element type that LiteRT runs their operator with: litert_types.txt, which tests/ops/gen/audit.py
 * --record writes, says what those are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ops/ops.h"
#include "support/unit.h"

enum { TENSORS = 16, LINE = 1024 };

/* A line, taken apart: the operator's inputs and outputs, each a type or T. */
typedef struct form {
  const ln_op_def *def;
  bool stands[TENSORS]; /* T */
  ln_tensor tensors[TENSORS];
  int32_t indices[TENSORS];
  int32_t inputs, count;
} form;

static ln_type type_named(const char *name) {
  for (int32_t t = 0; t < LN_TYPE_COUNT; ++t) {
    if (strcmp(ln_type_name((ln_type)t), name) == 0) return (ln_type)t;
  }
  fail_msg("no type is called %s", name);
  return LN_FLOAT32;
}

static const ln_op_def *row_named(const char *name) {
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    if (strcmp(ln_op_def_at(i)->name, name) == 0) return ln_op_def_at(i);
  }
  fail_msg("no row is called %s", name);
  return NULL;
}

/* "OPERATOR TYPE... > TYPE..."; returns what follows the colon after it, if one does. */
static char *read_form(char *line, form *out) {
  char *types = strchr(line, ':');
  if (types != NULL) *types++ = '\0';
  *out = (form){.def = row_named(strtok(line, " \n")), .inputs = -1};
  for (const char *word = strtok(NULL, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    if (strcmp(word, ">") == 0) {
      out->inputs = out->count;
      continue;
    }
    assert_true(out->count < TENSORS);
    const int32_t i = out->count++;
    out->indices[i] = i;
    out->tensors[i].name = "";
    out->stands[i] = strcmp(word, "T") == 0;
    if (!out->stands[i]) out->tensors[i].type = type_named(word);
  }
  assert_true(out->inputs >= 0);
  return types;
}

static bool takes(form *f, const char *type) {
  for (int32_t i = 0; i < f->count; ++i) {
    if (f->stands[i]) f->tensors[i].type = type_named(type);
  }
  const ln_graph graph = {.tensors = f->tensors, .tensor_count = f->count};
  const ln_op op = {.def = f->def,
                    .inputs = f->indices,
                    .input_count = f->inputs,
                    .outputs = f->indices + f->inputs,
                    .output_count = f->count - f->inputs};
  ln_error err = {LN_OK, ""};
  if (ln_op_check_types(&graph, &op, &err) == LN_OK) return true;
  print_error("T = %s: %s\n", type != NULL ? type : "none", err.message);
  return false;
}

static void rows_take_what_litert_takes(void **state) {
  (void)state;
  char line[LINE];
  int refused = 0, lines = 0;
  FILE *file = fopen(LN_TESTS_DIR "/ops/litert_types.txt", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    if (line[0] == '#') continue;
    form f;
    char *types = read_form(line, &f);
    ++lines;
    if (types == NULL) refused += !takes(&f, NULL);
    else
      for (char *t = strtok(types, " \n"); t != NULL; t = strtok(NULL, " \n")) refused += !takes(&f, t);
  }
  fclose(file);
  assert_true(lines > 100);
  assert_int_equal(refused, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_take_what_litert_takes)};
  return cmocka_run_group_tests_name("ops.litert_types", tests, NULL, NULL);
}
